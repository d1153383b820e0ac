# %% [markdown]
# # 1 · Linear layers
#
# **What does a linear layer compute, and why are ten of them no better than one?**
#
# You will be able to
#
# - compute a linear layer by hand, build one as a module, and say what its shapes mean;
# - fit a line in two ways, and recognise three silent mistakes that spoil a fit;
# - say what an activation is for, and how much of a gradient it lets through.
#
# Time: about 70 minutes. Know first: tensors, matrix products, and what a derivative is.

# %%
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import plots
from helpers.errors import show_error
from helpers.predictions import linear as predict
from helpers.train import pick_device, seed_everything
from helpers.widgets import ActivationExplorer, LineFitter
from helpers.widgets.line_fitter import X, Y

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the larger models are trained
data: str = "built-in"  # this notebook makes its own points: "real" changes nothing
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 100  # passes over the 10,000 points of section 2

# %%
seed_everything(seed)
device = pick_device(device)
torch.set_num_threads(1)  # the models here are tiny: more threads would wait for each other

# %% [markdown]
# ## Guess first
#
# You have not seen the answer yet. That is the point: a guess makes you look twice. Choose, commit, then read on.

# %%
predict.ten_layers()

# %% [markdown]
# ## 1 · One layer, three ways
#
# A **linear layer** takes some numbers in, and gives other numbers out. Each output is a sum: every input times a
# weight, plus one number of its own, the **bias**. For an input $x$ of 3 numbers and 2 outputs:
#
# $$y_1 = w_{11}x_1 + w_{12}x_2 + w_{13}x_3 + b_1 \qquad y_2 = w_{21}x_1 + w_{22}x_2 + w_{23}x_3 + b_2$$
#
# So there is a row of weights for each output. In torch, samples are rows too, and all of it is one line: $y = xW^T + b$.

# %%
x = torch.randn(17, 3)  # 17 samples of 3 numbers: (N, in_features)
weight = torch.randn(2, 3)  # a row for each output: (out_features, in_features)
bias = torch.randn(2)  # (out_features,)

y = x @ weight.T + bias  # (17, 2)
by_hand = weight[1, 0] * x[4, 0] + weight[1, 1] * x[4, 1] + weight[1, 2] * x[4, 2] + bias[1]
assert y.shape == (17, 2)
assert torch.allclose(y[4, 1], by_hand, atol=1e-6)

# %%
ax = plots.axes(4, size=3.4, wide=0.62)
for axis, part, name in zip(
    ax, [x, weight.T, bias[None], y], ["x, 17 × 3", "Wᵀ, 3 × 2", "b, 2", "y, 17 × 2"], strict=True
):
    plots.signed(part, axis, title=name, limit=4)
plots.show(
    ax,
    "Four signed maps: x with 17 rows and 3 columns, the transposed weight with 3 rows and 2 columns, the bias as "
    "one row of 2, and y with 17 rows and 2 columns.",
)

# %% [markdown]
# See how the 3 disappears: it is the length that the product sums over. The 17 stays: each sample has its own row.
#
# **The second way** is a class. An `nn.Module` keeps the weights, and finds them again for training, as long as
# each one is registered as an `nn.Parameter`. The start is random, between $-1/\sqrt{\text{in}}$ and $1/\sqrt{\text{in}}$.


# %%
class OwnLinear(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)  # within ±1/√in_features
        if bias:
            bound = in_features**-0.5
            self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        else:
            self.register_parameter("bias", None)  # there is a place for it, and it is empty

    def forward(self, x):
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


# %% [markdown]
# **The third way** is `nn.Linear`. All three agree. The two modules even start from the same random numbers.

# %%
torch.manual_seed(seed)
own = OwnLinear(3, 2)
torch.manual_seed(seed)
library = nn.Linear(3, 2)
assert torch.equal(own.weight, library.weight) and torch.equal(own.bias, library.bias)
for layer in (own, library):
    assert torch.allclose(layer(x), x @ library.weight.T + library.bias, atol=1e-6)
assert [name for name, _ in OwnLinear(3, 2, bias=False).named_parameters()] == ["weight"]

# %% [markdown]
# Why this bound? Each output adds up `in_features` products. The more there are, the smaller each has to be, or the sum
# explodes. With $a = \sqrt 5$, `kaiming_uniform_` gives the bound $\sqrt{6 / (1 + 5)} / \sqrt{\text{in}} = 1/\sqrt{\text{in}}$.

# %%
for n_in in (4, 100, 2500):
    start = OwnLinear(n_in, 1000)
    assert 0.98 * n_in**-0.5 < start.weight.abs().max() <= n_in**-0.5 * 1.0001
    assert 0.98 * n_in**-0.5 < start.bias.abs().max() <= n_in**-0.5 * 1.0001

# %% [markdown]
# And why `nn.Parameter`? A plain tensor works in `forward`, too. But nobody finds it: it is not trained, not moved to the
# GPU, not saved. `state_dict()` lists what is saved, and it is not there:

# %%
own.scale = torch.ones(2)  # a plain tensor
assert sorted(dict(own.named_parameters())) == ["bias", "weight"]
assert sorted(own.state_dict()) == ["bias", "weight"]
print("learned:", {name: tuple(p.shape) for name, p in own.named_parameters()})

# %% [markdown]
# ## 2 · Ten thousand points and a line
#
# The simplest layer has one input and one output: $y = wx + b$, a line. Let us make points around $y = 10x + 5$ with
# normal noise, for $x$ from 0 to 100 in steps of 0.01, and find the line again.
#
# A line is as good as its **loss** is low: here the mean of the squared distances from the points, up or down. Training takes
# many small steps. A step looks at one **batch** of points, here 100, and computes the **gradient** of their loss: how fast
# the loss grows with each parameter. Then the **optimizer** moves the parameters against it. We take `Adam` and its
# **learning rate** `lr=0.1`, which says how long a step is; section 3 takes steps by hand. One pass over all points is an **epoch**.
#
# One fit may be luck. So we make **five** sets of noise, and fit all five at once: `nn.Linear(1, 5)` is five lines
# side by side that do not know each other.


# %%
def train(layer, x, y, *, lr=0.1, weight_decay=0.0, epochs=epochs, shuffle=True):
    optimizer = torch.optim.Adam(
        layer.parameters(), lr=lr, weight_decay=weight_decay, fused=True
    )  # fused: the same, faster
    generator = torch.Generator().manual_seed(seed)
    for _ in range(epochs):
        order = torch.randperm(len(x), generator=generator) if shuffle else torch.arange(len(x))
        for batch in order.to(x.device).split(100):
            loss = ((layer(x[batch]) - y[batch]) ** 2).mean(0).sum()  # one loss for each line, added up
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    return layer


# %%
many_x = torch.arange(0, 100, 0.01)[:, None]  # (10000, 1)
many_y = 10 * many_x + 5 + torch.randn(len(many_x), 5)  # (10000, 5): five times the noise
assert many_x.shape == (10_000, 1)

five = train(nn.Linear(1, 5), many_x, many_y)
slopes, biases = five.weight.detach().flatten(), five.bias.detach()
assert (slopes - 10).abs().max() < 0.05
assert (biases - 5).abs().max() < 0.2

# %% [markdown]
# All five slopes come out within 0.05 of 10, and all five biases within 0.2 of 5. Now the same with **weight decay**: it
# pulls every parameter towards 0, the larger one with more force. Which of the two will give way?

# %%
predict.weight_decay()

# %%
decayed = train(nn.Linear(1, 5), many_x, many_y, weight_decay=0.1)
bent_slopes, bent_biases = decayed.weight.detach().flatten(), decayed.bias.detach()
assert (bent_slopes - 10).abs().max() < 0.06
assert bent_biases.min() > 3.9 and bent_biases.max() < 4.5

# %%
ax = plots.axes(2, size=2.6, wide=1.5)
for axis, name, plain, bent, true in (
    (ax[0], "slope", slopes, bent_slopes, 10),
    (ax[1], "bias", biases, bent_biases, 5),
):
    axis.axhline(true, color="0.5", linestyle=":", label=f"true {name}, {true}")
    axis.plot(range(1, 6), plain, "o", markersize=10, fillstyle="none", label="no weight decay")
    axis.plot(range(1, 6), bent, "s", label="weight_decay=0.1")
    axis.set(title=name, xlabel="set of noise", ylim=(true - 1.5, true + 1.5), xticks=range(1, 6))
ax[1].legend(frameon=False, fontsize=8)
plots.show(
    ax,
    "Left: the five slopes lie on 10, with and without weight decay. Right: without weight decay the five biases lie "
    "near 5, with it they all lie near 4.2.",
)

# %% [markdown]
# The bias gave way: about 4.2 in place of 5, in all five fits. The slope stayed within 0.06 of 10, although it is
# pulled twice as hard.
#
# What counts is how tight the loss holds a parameter. A slope that is wrong by $d$ costs $d^2$ times the mean of $x^2$,
# and that is 3,333. A bias that is wrong by $d$ costs $d^2$. It costs only a quarter of that if the slope may change a
# little to make up for it. In torch's Adam, `weight_decay=0.1` adds 0.1 · parameter to each gradient, as if the loss had the
# term $0.05\,(w^2 + b^2)$. The minimum of that sum can be computed, and it is where the five fits ended.

# %%
mean_square, mean = many_x.square().mean().item(), many_x.mean().item()
assert round(mean_square / 10) == 333 and abs((mean_square - mean**2) / mean_square - 0.25) < 0.001

both = torch.cat([many_x, torch.ones_like(many_x)], 1).double()  # (10000, 2): x, and 1 for the bias
curvature = 2 * both.T @ both / len(both)
minimum = torch.linalg.solve(curvature + 0.1 * torch.eye(2), 2 * both.T @ many_y.double() / len(both))
assert (minimum[0] - 10.012).abs().max() < 0.01 and (minimum[1] - 4.18).abs().max() < 0.1
assert (minimum[1] - bent_biases).abs().max() < 0.2

# %% [markdown]
# That is why many programs switch weight decay off for biases: a bias is no sign of a model that is too wild.
#
# ### In order, or shuffled
#
# So far each epoch visited the points in a new order. What if they come as they lie, from 0 to 100?

# %%
in_order = train(nn.Linear(1, 5), many_x, many_y, shuffle=False)
best = torch.linalg.lstsq(both, many_y.double()).solution[1]  # the exact biases
missed = {"in order": (in_order.bias - best).abs(), "shuffled": (five.bias - best).abs()}
assert missed["in order"].max() > 0.4
assert missed["shuffled"].max() < 0.2

# %%
ax = plots.axes(1, size=2.6, wide=1.8)[0]
for (name, gap), marker in zip(missed.items(), "so", strict=True):
    ax.plot(range(1, 6), gap.detach(), marker, label=name)
ax.set(xlabel="set of noise", ylabel="distance from the exact bias", xticks=range(1, 6), ylim=(0, None))
ax.legend(frameon=False)
plots.show(
    ax,
    "For each of the five fits, how far its bias ended from the exact one: shuffled, all lie close to 0; in order, "
    "they lie much further up.",
)

# %% [markdown]
# In order, each batch sees one short strip of the line, one unit long. Over one unit the slope hardly counts: nearly every
# line through the middle of the strip pleases it. So step after step pulls the line to please the strip of the moment, and
# the last strip wins.
# A shuffled batch holds points from everywhere: it is a small picture of the whole.

# %% [markdown]
# ## 3 · Seventeen points, by hand
#
# Now a small set, so that you can see every step. We write gradient descent ourselves. With $e_i = wx_i + b - y_i$, the loss is
# the mean of $e_i^2$, and its gradients are $2 \cdot \text{mean}(e_i x_i)$ for $w$ and $2 \cdot \text{mean}(e_i)$ for $b$.

# %%
few_x, few_y = torch.tensor(X), torch.tensor(Y)  # (17,) each
w = b = torch.tensor(0.0)
losses = []
for _ in range(4000):
    error = w * few_x + b - few_y
    losses.append(error.square().mean().item())
    w, b = w - 0.005 * 2 * (error * few_x).mean(), b - 0.005 * 2 * error.mean()

# %% [markdown]
# For a straight line there is also an exact answer, in one call: `torch.linalg.lstsq` finds the `[w, b]` with the least
# squared error.

# %%
inputs = torch.stack([few_x, torch.ones(17)], 1)  # (17, 2): x, and 1 for the bias
exact = torch.linalg.lstsq(inputs, few_y[:, None]).solution[:, 0]
assert torch.allclose(exact, torch.tensor([0.2516, 0.7988]), atol=1e-3)
assert abs(w - exact[0]) < 0.002 and abs(b - exact[1]) < 0.02
assert losses[10] < 0.1 * losses[0] and losses[-1] < losses[10]
print(f"gradient descent: w = {w:.2f}, b = {b:.2f}    exact: w = {exact[0]:.2f}, b = {exact[1]:.2f}")

# %% [markdown]
# It arrives, but look how. After ten steps more than nine tenths of the loss are gone. The rest takes thousands of steps.
# The line fitter shows why. Press *Back to the start*, then *+1* a few times, then *+1000*. The walk drops into a long, narrow valley, and creeps along its floor.

# %%
fitter = LineFitter(steps=100)
fitter

# %% [markdown]
# The valley is narrow because `x` is not centred: its mean is 6.2. Raise the slope a little, and the line rises at every
# point; lower the bias by about 6 times as much, and it is back in the middle of the points. So the two can trade, and the loss hardly notices.
# Tick *centre x*: with the mean taken away, the slope turns the line about the middle of the points, and the trade is over.
#
# How much steeper are the walls than the floor? The curvatures of the loss tell: 90 across the valley, 0.24 along it. The
# learning rate must stay below 2 / 90 = 0.022, or each step overshoots. Try 0.023 in the fitter.


# %%
def curvatures(x):
    columns = torch.stack([x, torch.ones_like(x)], 1)
    return torch.linalg.eigvalsh(2 * columns.T @ columns / len(x))


assert abs(few_x.mean() - 6.23) < 0.01
low, high = curvatures(few_x).tolist()
assert abs(high - 90.3) < 0.1 and abs(low - 0.243) < 0.001 and abs(2 / high - 0.0221) < 1e-4
low, high = curvatures(few_x - few_x.mean()).tolist()
assert abs(high - 10.96) < 0.01 and abs(low - 2) < 1e-4

# %% [markdown]
# Centred, they are 11 and 2. The fitter in two lines of Python, without the mouse: steps until the line is within 0.01 of the exact
# answer.


# %%
def steps_to_arrive(**setting):
    path = LineFitter(steps=6000, **setting).path
    near = ((path - torch.tensor(fitter.exact)).abs() < 0.01).all(1)
    return int(near.nonzero()[0])


for setting in ({}, {"centred": True}, {"centred": True, "lr": 0.15}):
    print(f"{setting!s:36s} {steps_to_arrive(**setting):5d} steps")
assert 3400 < steps_to_arrive() < 3700
assert steps_to_arrive(centred=True) < steps_to_arrive() / 6
assert steps_to_arrive(centred=True, lr=0.15) < 30

# %% [markdown]
# Same loss, same optimizer, same learning rate: centring alone saves more than five sixths of the steps. And the rounder valley
# allows a larger learning rate: 0.15 needs fewer than 30 steps. That is one reason why inputs are normalised, and why notebook 9 is about normalization.

# %% [markdown]
# ### The silent broadcast
#
# A layer wants `x` as a column, (17, 1), and gives a column back. `y` is often a plain list of numbers, (17,).

# %%
predict.broadcast()

# %%
column = few_x[:, None]  # (17, 1)
prediction = exact[0] * column + exact[1]
assert (prediction - few_y).shape == (17, 17)
print("prediction − y:", tuple((prediction - few_y).shape))

with warnings.catch_warnings(record=True) as heard:
    warnings.simplefilter("always")
    F.mse_loss(prediction, few_y)
assert len(heard) == 1 and heard[0].category is UserWarning
print("F.mse_loss warns:", str(heard[0].message).partition(". ")[0])

# %% [markdown]
# The subtraction says nothing. `F.mse_loss`, torch's own mean of the squared errors, at least warns. What does a fit make of it?


# %%
def descend(target, steps=2000, lr=0.02):
    line = nn.Linear(1, 1)
    optimizer = torch.optim.SGD(line.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        ((line(column) - target) ** 2).mean().backward()
        optimizer.step()
    return line.weight.item(), line.bias.item()


spoilt, right = descend(few_y), descend(few_y[:, None])
assert abs(spoilt[0]) < 0.01 and abs(spoilt[1] - few_y.mean()) < 0.05
assert abs(right[0] - exact[0]) < 0.01 and abs(right[1] - exact[1]) < 0.05

# %%
ax = plots.axes(1, size=2.8, wide=1.7)[0]
ends = torch.tensor([1.5, 11.5])
ax.plot(few_x, few_y, "ko", markersize=4)
for (slope, intercept), style, name in ((right, "-", "y is (17, 1)"), (spoilt, "--", "y is (17,)")):
    ax.plot(ends, slope * ends + intercept, style, linewidth=2, label=name)
ax.set(xlabel="x", ylabel="y")
ax.legend(frameon=False)
plots.show(
    ax,
    "17 points that rise to the right. The line fitted with y as a column rises with them; the one fitted with y as a "
    "plain row is flat, at the mean of y.",
)

# %% [markdown]
# A flat line at the mean of `y`. Each prediction was compared with all 17 targets, and what pleases all of them is their mean.
# No error told you. So write `assert prediction.shape == y.shape`: one line that pays.

# %% [markdown]
# ### Whose memory is it?
#
# Data often begins as a NumPy array. `torch.from_numpy` **shares** its memory, `torch.tensor` **copies** it.

# %%
array = np.array([1.0, 2.0, 3.0])
shared, copied = torch.from_numpy(array), torch.tensor(array)
array[0] = 100
print("from_numpy:", shared.tolist(), "  tensor:", copied.tolist())
assert shared.tolist() == [100, 2, 3] and copied.tolist() == [1, 2, 3]
shared -= shared.mean()  # centring in place …
assert array[0] == 65  # … has changed the array too
assert shared.dtype == torch.float64  # NumPy's floats have 64 bits, a layer's weights 32

# %% [markdown]
# Sharing is fast, and it is a trap: a step in place, such as `-=`, changes your array as well. Mind the dtype too. NumPy's
# floats have 64 bits, and a layer says so:

# %%
show_error(RuntimeError, lambda: nn.Linear(3, 1)(shared))

# %% [markdown]
# ## 4 · Two layers are one
#
# Put `Linear(10, 5)` and `Linear(5, 2)` one after the other, and multiply out:
#
# $$W_2(W_1x + b_1) + b_2 = (W_2W_1)\,x + (W_2b_1 + b_2)$$
#
# That is one layer again. Its weight is $W_2W_1$, and its bias is $W_2b_1 + b_2$.

# %%
first, second = nn.Linear(10, 5), nn.Linear(5, 2)
one = nn.Linear(10, 2)
with torch.no_grad():
    one.weight.copy_(second.weight @ first.weight)
    one.bias.copy_(second.weight @ first.bias + second.bias)

x = torch.randn(100, 10)
assert torch.allclose(second(first(x)), one(x), atol=1e-5)
assert sum(p.numel() for layer in (first, second) for p in layer.parameters()) == 67
assert sum(p.numel() for p in one.parameters()) == 22

# %% [markdown]
# 67 numbers do what 22 can do.
#
# Does training change this? We give ten linear layers a curve to learn, $y = \sin 2x$. Beside them stand the same ten layers
# with a ReLU after each but the last. (A ReLU turns negative numbers into 0; more of it in section 5.) We try three random starts of each.

# %%
curve_x = torch.linspace(-3, 3, 200, device=device)[:, None]
curve_y = torch.sin(2 * curve_x)


def ten_layers(between, width=10):
    layers = [nn.Linear(1, width), between()]
    for _ in range(8):
        layers += [nn.Linear(width, width), between()]
    return nn.Sequential(*layers, nn.Linear(width, 1)).to(device)


def learn_curve(model, steps=300):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(model(curve_x), curve_y).backward()
        optimizer.step()
    return F.mse_loss(model(curve_x), curve_y).item()


# %%
deep_linear = [ten_layers(nn.Identity) for _ in range(3)]
deep_relu = [ten_layers(nn.ReLU) for _ in range(3)]
linear_losses = [learn_curve(model) for model in deep_linear]
relu_losses = [learn_curve(model) for model in deep_relu]

columns = torch.cat([curve_x, torch.ones_like(curve_x)], 1)
line = columns @ torch.linalg.lstsq(columns, curve_y).solution  # the best straight line
least = F.mse_loss(line, curve_y).item()
assert abs(least - 0.436) < 0.001
assert all(loss > least - 1e-5 for loss in linear_losses)
assert all(loss < 0.2 * least for loss in relu_losses)

# %%
ax = plots.axes(1, size=3, wide=1.9)[0]
grid = curve_x.cpu().flatten()
best_relu = deep_relu[relu_losses.index(min(relu_losses))]
ax.plot(grid, curve_y.cpu(), color="0.6", linewidth=5, label="the curve")
ax.plot(grid, deep_linear[0](curve_x).detach().cpu(), "--", label="ten linear layers")
ax.plot(grid, best_relu(curve_x).detach().cpu(), "-", color="black", linewidth=1, label="the same, with ReLUs")
ax.set(xlabel="x", ylabel="y", ylim=(-1.3, 1.9))
ax.legend(frameon=False, ncol=3, fontsize=8)
plots.show(
    ax,
    "A sine curve with about two periods. Ten linear layers give a straight line through it; the same layers with "
    "ReLUs between them follow the curve closely.",
)

# %% [markdown]
# Ten linear layers learned a straight line. None of the three is better than the best line there is, whose loss is 0.436: none can be.
# With ReLUs in between, the loss falls below a fifth of that, each time.
#
# So depth needs something between the layers that is **not** linear: an **activation**.

# %% [markdown]
# ## 5 · Activations: value and slope
#
# An activation is a function that is applied to each number alone. Its **value** goes forward to the next layer. Its **slope** goes
# backward: the gradient that comes back is multiplied by it. Six of them, at five inputs each:

# %%
z = torch.tensor([-10.0, -1.0, 0.0, 1.0, 10.0])
rrelu = nn.RReLU().eval()  # in evaluation the slope is fixed; in training it is drawn
shapes = {
    "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(), "ReLU": nn.ReLU(),
    "leaky ReLU": nn.LeakyReLU(), "PReLU": nn.PReLU(), "RReLU": rrelu,
}  # fmt: skip


def value_and_slope(function, z):
    z = z.clone().requires_grad_()
    value = function(z)
    (slope,) = torch.autograd.grad(value.sum(), z)
    return value.detach(), slope


for name, function in shapes.items():
    value, slope = value_and_slope(function, z)
    print(f"{name:10s} value", *(f"{v:7.3f}" for v in value), "  slope", *(f"{s:8.6f}" for s in slope))

# %%
ax = plots.axes(6, size=1.9)
grid = torch.linspace(-5, 5, 201)
for axis, (name, function) in zip(ax, shapes.items(), strict=True):
    value, slope = value_and_slope(function, grid)
    axis.plot(grid, value, linewidth=2)
    axis.plot(grid, slope, "--", linewidth=1.5)
    axis.set(title=name, ylim=(-1.5, 2.5), yticks=[-1, 0, 1, 2], xticks=[-4, 0, 4])
plots.show(
    ax,
    "Six small plots of value (solid) and slope (dashed): sigmoid and tanh flatten out on both sides and their slope "
    "goes to 0; the four ReLUs go up with slope 1 on the right and differ on the left only.",
)

# %% [markdown]
# - **sigmoid** goes from 0 to 1. Its slope is 0.25 at most, and at an input of 10 only 0.000045. It **saturates**: a **unit**, one
#   output of a layer with its activation, hardly learns when it stands far out on the flat part.
# - **tanh** goes from −1 to 1, with slope 1 at 0. It saturates too, but it is **zero-centred**: as often negative as positive.
# - **ReLU** is 0 below 0, and leaves the rest as it is. Slope 1 or 0.
# - **Leaky ReLU** has the slope 0.01 below 0, **PReLU** a slope that is learned (it starts at 0.25), and **RReLU** a random one in
#   training, from 1/8 to 1/3, and their mean, 11/48, in evaluation.

# %%
wide = torch.linspace(-10, 10, 2001)
value, slope = value_and_slope(torch.sigmoid, wide)
assert abs(slope.max() - 0.25) < 1e-6 and abs(slope[-1] - 4.5e-5) < 1e-6
assert abs(value.mean() - 0.5) < 1e-3 and abs(torch.tanh(wide).mean()) < 1e-3
assert value_and_slope(torch.tanh, torch.zeros(1))[1] == 1
assert nn.LeakyReLU().negative_slope == 0.01 and nn.PReLU().weight.item() == 0.25
torch.testing.assert_close(rrelu(torch.tensor([-1.0])), torch.tensor([-11 / 48]))
drawn = -nn.RReLU()(-torch.ones(10_000))
assert drawn.min() >= 1 / 8 and drawn.max() <= 1 / 3 and drawn.std() > 0.05

# %% [markdown]
# ### Why zero-centred helps
#
# The weights of one unit get the gradient $g \cdot a_i$: the same $g$ for all, times the incoming activation. If all activations are
# positive, as after a sigmoid, then all these gradients have the same sign. So for one sample, all weights of the unit go up together, or all go down.

# %%
hidden = torch.tensor([[-2.0, -1.0, -0.3, -0.1, 0.2, 0.5, 1.0, 3.0]])
for name, function in (("sigmoid", torch.sigmoid), ("tanh", torch.tanh)):
    unit = nn.Linear(8, 1)
    unit(function(hidden)).backward()
    signs = unit.weight.grad.sign().flatten().int().tolist()
    print(f"{name:8s} signs of the eight gradients: {signs}")
    assert (len(set(signs)) == 1) == (name == "sigmoid")

# %% [markdown]
# ### Dead ReLUs
#
# A ReLU's slope below 0 is 0. A unit whose input is negative for **every** sample passes no gradient at all, so it never changes again: it is **dead**.
# One step that is too large can do that. We count: 64 units, 256 samples of numbers from 0 to 1, one first step with a learning rate
# of 0.1 or 1, and then 300 careful steps with 0.01.


# %%
def after_a_first_step(lr, samples, targets):
    model = nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 1)).to(device)
    dead = [(model[:2](samples) == 0).all(0).sum().item()]
    for step in range(301):
        optimizer = torch.optim.SGD(model.parameters(), lr=lr if step == 0 else 0.01)
        optimizer.zero_grad()
        loss = F.mse_loss(model(samples), targets)
        loss.backward()
        optimizer.step()
    dead.append((model[:2](samples) == 0).all(0).sum().item())
    return model, dead, loss.item()


# %%
samples = torch.rand(256, 8, device=device)
targets = 10 * samples[:, :1] * samples[:, 1:2] + 5
careful, careful_dead, careful_loss = after_a_first_step(0.1, samples, targets)
broken, broken_dead, broken_loss = after_a_first_step(1.0, samples, targets)
assert max(*careful_dead, broken_dead[0]) < 20 and careful_loss < 1
assert broken_dead[1] > 40 and broken_loss > 2 * careful_loss

broken.zero_grad()
F.mse_loss(broken(samples), targets).backward()
is_dead = (broken[:2](samples) == 0).all(0)
assert broken[0].weight.grad[is_dead].abs().max() == 0

# %%
ax = plots.axes(2, size=2.6, wide=1.2)
for axis, model, title in ((ax[0], careful, "first step with 0.1"), (ax[1], broken, "first step with 1")):
    share = (model[:2](samples) > 0).float().mean(0).sort().values.cpu()
    axis.bar(range(64), share, width=1)
    axis.set(title=title, xlabel="64 units, sorted", ylabel="share of samples it reacts to", ylim=(0, 1))
plots.show(
    ax,
    "Two bar charts of how many samples each of 64 units reacts to. After a careful first step most units react to "
    "some samples; after one that was too large, hardly a bar is left.",
)

# %% [markdown]
# After the large step more than 40 of the 64 units are dead, and 300 careful steps did not bring them back: their gradient is exactly 0.
# The leaky kinds exist for this reason. With a slope of 0.01 below 0, a little always passes.

# %% [markdown]
# ## Play
#
# Drag along the curve, and watch value, slope and tangent. Then raise *How many in a row*. Each activation multiplies the gradient by
# its own slope. Find out: what is left behind 5 sigmoids at best? Where does tanh lose nothing? When do 12 leaky ReLUs pass more than 12 sigmoids?

# %%
explorer = ActivationExplorer("sigmoid", x=1.0, n=5)
explorer

# %% [markdown]
# The explorer as it opens, in a few lines of torch:

# %%
z = y = torch.tensor(1.0, requires_grad=True)
for _ in range(5):
    y = torch.sigmoid(y)
(left,) = torch.autograd.grad(y, z)
assert abs(left - ActivationExplorer("sigmoid", x=1.0, n=5).left) < 1e-7
assert left < 0.25**5 < 0.00098
print(f"left of a gradient of 1: {left:.6f}, at most 0.25^5 = {0.25**5:.6f}")

# %% [markdown]
# After 5 sigmoids less than a thousandth of the gradient is left. Deep networks of sigmoids learned badly for this
# reason; ReLUs were a part of the cure. (Between real layers stand weights, which can make up for some of it.)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:linear.linear"]

# %% tags=["exercise:linear.Linear"]

# %% tags=["exercise:linear.fit_line"]

# %% tags=["exercise:linear.fold"]

# %% tags=["exercise:linear.leaky_relu"]

# %% tags=["exercise:linear.sigmoid"]

# %% tags=["exercise:linear.stack_slope"]

# %% [markdown]
# ### What you played with, answered
#
# At best 5 sigmoids leave less than $0.25^5$: only the first one can stand at 0, where the slope is 0.25. tanh loses nothing at 0. And 12 leaky ReLUs pass everything
# above 0, but below 0 they pass $0.01^{12}$, far less than 12 sigmoids.

# %%
at_best = max(ActivationExplorer("sigmoid", x / 10, 5).left for x in range(-100, 101))
assert at_best < 0.25**5
assert ActivationExplorer("tanh", 0.0, 12).left == 1
leaky, sigmoids = ([ActivationExplorer(name, x, 12).left for x in (2.0, -2.0)] for name in ("leaky ReLU", "sigmoid"))
assert leaky[0] == 1 > sigmoids[0] and leaky[1] < 1e-23 < sigmoids[1]

# %% [markdown]
# ## Myth check
#
# Three sentences from study notes and forums. Each is run, then put right.
#
# **Myth 1.** *"A leaky ReLU has the slope 0.001 below 0."*

# %%
value = F.leaky_relu(torch.tensor(-1.0))
print(f"F.leaky_relu(-1) = {value:.3f}")
assert abs(value + 0.01) < 1e-8 and nn.LeakyReLU().negative_slope == 0.01

# %% [markdown]
# True is: torch's default is 0.01, ten times as much. Other libraries have other defaults, so write `negative_slope` out.
#
# **Myth 2.** *"A deeper stack of linear layers is a stronger model."* We fold one of the trained stacks of section 4 into a single layer.

# %%
folded_weight, folded_bias = torch.eye(1, device=device), torch.zeros(1, device=device)
for layer in deep_linear[0]:
    if isinstance(layer, nn.Linear):
        folded_weight, folded_bias = layer.weight @ folded_weight, layer.weight @ folded_bias + layer.bias

assert folded_weight.shape == (1, 1)
assert torch.allclose(F.linear(curve_x, folded_weight, folded_bias), deep_linear[0](curve_x), atol=1e-4)
print("parameters:", sum(p.numel() for p in deep_linear[0].parameters()), "in ten layers, 2 in one")
assert sum(p.numel() for p in deep_linear[0].parameters()) == 911

# %% [markdown]
# True is: 911 parameters draw the same line as 2. A stack is stronger only with activations in between.
#
# **Myth 3.** *"If the shapes did not fit, torch would tell me."*

# %%
assert ((torch.zeros(17, 1) - torch.zeros(17)) ** 2).mean().shape == ()  # 289 numbers, one mean, no complaint
show_error(RuntimeError, lambda: torch.zeros(17, 2) - torch.zeros(17))

# %% [markdown]
# True is: it tells you when shapes *cannot* be stretched to fit. Where a 1 can be stretched, it stretches, and says nothing.

# %% [markdown]
# ## You saw
#
# - A linear layer: each output is a weighted sum plus a bias, $y = xW^T + b$, by hand, as a module and as `nn.Linear`.
# - Two ways to fit a line, steps and the exact answer; and what spoils a fit without a word: points in order, weight decay on a bias,
#   a column minus a row.
# - Ten linear layers are one. Activations make the difference. Their slope decides what is left of the gradient.
#
# **Next:** [2 · Losses and optimizers](02_losses_and_optimizers.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** K. He and others, *Delving Deep into Rectifiers*, arXiv:1502.01852 (PReLU and the initialization). B. Xu and others,
# *Empirical Evaluation of Rectified Activations*, arXiv:1505.00853 (RReLU). X. Glorot and Y. Bengio, *Understanding the difficulty of training deep
# feedforward neural networks*, AISTATS 2010. PyTorch's documentation of `torch.nn.Linear`, `torch.nn.init` and `torch.optim.Adam`.
