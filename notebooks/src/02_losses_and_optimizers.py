# %% [markdown]
# # 2 · Losses and optimizers
#
# **What number does training push down, and how does each optimizer push?**
#
# You will be able to
#
# - compute the usual losses by hand, and choose the last layer and the loss for a problem;
# - say what `backward()`, `step()` and `zero_grad()` do, and mend a loop that has them wrong;
# - write a step of SGD, momentum and Adam, and tell what a learning rate does to each.
#
# Time: about 75 minutes. Know first: notebook 1, and what a gradient is.

# %%
import ast
import inspect
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import plots
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import losses as predict
from helpers.train import accuracy, fit, pick_device, seed_everything, train_step
from helpers.widgets import OptimizerRace

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the networks are trained
data: str = "built-in"  # "built-in" or "real": scikit-learn's digits, or MNIST's
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 10  # passes over the digits in the comparison of losses

# %%
seed_everything(seed)
device = pick_device(device)
torch.set_num_threads(1)  # networks as small as these train no faster with more
images, labels = (part[:1437].to(device) for part in load("digits", source=data, root=data_root))
test_images, test_labels = load("digits", "test", source=data, root=data_root)

# %% [markdown]
# ## Guess first
#
# A network for pictures of animals gives each class a probability. One picture shows a panda.

# %%
predict.panda()

# %% [markdown]
# ## 1 · A loss is one number
#
# Training needs **one number** that says how wrong the answers are: the **loss**. It must have a slope, so that every
# weight can be told which way to move. Which number is right depends on what the network answers.
#
# For a quantity, such as a length, take the distance. The *mean squared error* charges for large distances most.
# The *mean absolute error*, `L1Loss` in torch, charges for each unit of distance alike.

# %%
answers = torch.tensor([2.5, 0.0, 2.0, 8.0])
truth = torch.tensor([3.0, -0.5, 2.0, 7.0])
difference = answers - truth

assert difference.tolist() == [-0.5, 0.5, 0.0, 1.0]
assert (difference**2).mean() == nn.MSELoss()(answers, truth) == 0.375
assert difference.abs().mean() == nn.L1Loss()(answers, truth) == 0.5

# %% [markdown]
# For a class, take a probability. The network gives the right class the probability $p$, and the loss is $-\log p$.
# It is 0 when the network was sure and right. It grows without end as $p$ goes to 0.
#
# The panda at 0.1 costs $-\log 0.1 = 2.3026$.

# %%
assert round(-torch.tensor(0.1).log().item(), 4) == 2.3026
assert round(-torch.tensor(0.01).log().item(), 1) == 4.6

# %%
p = torch.linspace(0.005, 1, 200)
ax = plots.axes(1, size=3, wide=1.7)[0]
ax.plot(p, -p.log(), label="−log p")
ax.plot(p, (1 - p) ** 2, "--", label="(1 − p)²")
ax.plot(0.1, 2.3026, "o", color="black")
ax.annotate("the panda: 2.30", (0.1, 2.3026), (0.2, 2.6))
ax.set(xlabel="p, the probability of the right class", ylabel="loss")
ax.legend(frameon=False)
plots.show(
    ax,
    "Two curves over the probability p of the right class. Minus log p climbs steeply as p goes to 0, and passes 2.30 "
    "at p = 0.1. The dashed square of 1 minus p never exceeds 1.",
)

# %% [markdown]
# See the left end. The square never charges more than 1 there, the logarithm charges ever more.
#
# And $p$ itself hardly moves there. It is made from a score $z$, as $p = 1 / (1 + e^{-z})$ (the sigmoid of notebook 1), and that is flat
# far below 0. So count the push on $z$. With $z = -6$, which is $p = 0.0025$, the logarithm pushes with 0.9975, and the square with 0.005.
# A network that is sure *and wrong* hardly learns from the square.

# %%
z = torch.tensor(-6.0, requires_grad=True)
by_log = torch.autograd.grad(-z.sigmoid().log(), z)[0]
by_square = torch.autograd.grad((1 - z.sigmoid()) ** 2, z)[0]
assert round(z.sigmoid().item(), 4) == 0.0025
assert round(by_log.item(), 4) == -0.9975 and round(by_square.item(), 3) == -0.005

# %% [markdown]
# ## 2 · From scores to probabilities
#
# The last linear layer gives any numbers at all. They are called **logits**. **Softmax** makes probabilities of them:
# take the exponential of each, then divide by their sum. So they are positive, and their sum is 1.

# %%
logits = torch.tensor([2.0, 1.0, -1.0])
probabilities = logits.exp() / logits.exp().sum()

assert torch.allclose(probabilities, logits.softmax(0))
assert torch.allclose(probabilities.sum(), torch.tensor(1.0))
assert torch.allclose((logits + 100).softmax(0), probabilities, atol=1e-6)  # a shift changes nothing

# %% [markdown]
# Softmax ignores a constant shift: only differences between logits count. That saves us. As it is written above, a logit
# of 1000 breaks it: $e^{1000}$ is infinite in the computer, and infinite divided by infinite is *nan*, not a number.
# Take the largest logit away first, and every exponent is 0 or below.

# %%
large = torch.tensor([1000.0, 0.0])
naive = large.exp() / large.exp().sum()
shifted = large - large.max()
stable = shifted.exp() / shifted.exp().sum()

assert naive[0].isnan()
assert stable.tolist() == large.softmax(0).tolist() == [1, 0]

# %% [markdown]
# The loss wants the logarithm of the probability. Do not compute the probability first: a small one is rounded to 0,
# and $\log 0$ is $-\infty$. `log_softmax` computes the logarithm directly.

# %%
assert stable.log()[1] == -torch.inf
assert large.log_softmax(0).tolist() == [0, -1000]

# %% [markdown]
# Now **cross-entropy** is two steps. `log_softmax` gives the logarithms. `nll_loss`, the *negative log-likelihood*, picks
# the one of the right class and turns its sign. Over a batch it takes the mean. `CrossEntropyLoss` does both.

# %%
batch = torch.randn(6, 4, dtype=torch.float64)  # 6 examples, 4 classes
right = torch.tensor([0, 3, 1, 1, 2, 0])  # the index of the right class of each

by_hand = -(batch.exp() / batch.exp().sum(1, keepdim=True))[torch.arange(6), right].log().mean()
in_two = nn.NLLLoss()(nn.LogSoftmax(1)(batch), right)
in_one = nn.CrossEntropyLoss()(batch, right)
torch.testing.assert_close(in_two, in_one, rtol=0, atol=1e-14)  # the same in float64
torch.testing.assert_close(by_hand, in_one)

# %% [markdown]
# For a yes or no, one logit $z$ is enough. **Sigmoid**, $1 / (1 + e^{-z})$, makes a probability of it. The loss is
# $-\log p$ for a yes and $-\log(1 - p)$ for a no: **binary cross-entropy**. `BCEWithLogitsLoss` takes the logit.

# %%
z = torch.tensor([0.0, 2.0, -1.0])
yes = torch.tensor([1.0, 0.0, 0.0])
p = 1 / (1 + (-z).exp())
torch.testing.assert_close(-(yes * p.log() + (1 - yes) * (1 - p).log()).mean(), nn.BCEWithLogitsLoss()(z, yes))

two_classes = torch.stack([torch.zeros(3), z], dim=1)  # a yes or no is two classes, the first with logit 0
torch.testing.assert_close(F.cross_entropy(two_classes, yes.long()), nn.BCEWithLogitsLoss()(z, yes))

# %% [markdown]
# ## 3 · Last layer and loss, by kind of problem
#
# | problem | last layer | loss | labels | the answer |
# |---|---|---|---|---|
# | a quantity | `Linear(…, 1)` | `MSELoss` or `L1Loss` | float, (N, 1) | the output |
# | yes or no | `Linear(…, 1)` | `BCEWithLogitsLoss` | float 0 or 1, (N, 1) | logit > 0 |
# | one of C classes | `Linear(…, C)` | `CrossEntropyLoss` | int64 indices, (N,) | `argmax` of the logits |
# | any of C labels | `Linear(…, C)` | `BCEWithLogitsLoss` | float 0 or 1, (N, C) | each logit > 0 |
#
# No softmax and no sigmoid stands last: these losses bring their own.

# %%
features = torch.randn(5, 8)
one, many = nn.Linear(8, 1), nn.Linear(8, 3)
for layer, loss, target in [
    (one, nn.MSELoss(), torch.rand(5, 1)),
    (one, nn.BCEWithLogitsLoss(), torch.tensor([[0.0], [1.0], [1.0], [0.0], [1.0]])),
    (many, nn.CrossEntropyLoss(), torch.tensor([2, 0, 1, 1, 2])),
    (many, nn.BCEWithLogitsLoss(), torch.rand(5, 3).round()),
]:
    value = loss(layer(features), target)
    assert value.ndim == 0 and value.isfinite()
assert torch.equal(one(features) > 0, one(features).sigmoid() > 0.5)  # so the sigmoid can stay away
assert torch.equal(many(features).argmax(1), many(features).softmax(1).argmax(1))  # and so can the softmax

# %% [markdown]
# Labels that do not fit are refused, some of them with messages that one has to learn to read. A class index that is too large,
# indices as floats, and yes-or-no labels of another shape:

# %%
show_error(IndexError, lambda: F.cross_entropy(many(features), torch.tensor([2, 0, 1, 1, 3])))
show_error(RuntimeError, lambda: F.cross_entropy(many(features), torch.tensor([2.0, 0, 1, 1, 2])))
show_error(ValueError, lambda: F.binary_cross_entropy_with_logits(one(features), torch.ones(5)))

# %% [markdown]
# What happens with the wrong loss, where no error comes? Think first.

# %%
predict.softmax_first()

# %% [markdown]
# Four losses for ten handwritten digits: cross-entropy; the same with a softmax in front; the squared error between the ten
# outputs and a *one-hot* row (1 at the right class, 0 elsewhere); the squared error of the probabilities. Five seeds each.
# Everything else is alike: the network, its first weights, the order of the images, lr = 0.1.


# %%
def network():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10)).to(device)


def squared(outputs, y):
    return F.mse_loss(outputs, F.one_hot(y, 10).to(outputs.dtype))


losses = {
    "cross-entropy": F.cross_entropy,
    "softmax, then cross-entropy": lambda outputs, y: F.cross_entropy(outputs.softmax(1), y),
    "squared error": squared,
    "squared error of probabilities": lambda outputs, y: squared(outputs.softmax(1), y),
}


# %%
def trained(loss_of, number):
    """Train the network from a seed and return its accuracy on the test images after each epoch."""
    seed_everything(number)
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    seen = []
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).to(device).split(64):
            loss = loss_of(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        seen.append(accuracy(model, test_images, test_labels))
    return seen


found = {name: torch.tensor([trained(loss, seed + i) for i in range(5)]) for name, loss in losses.items()}

# %%
means = {name: seen.mean(0) for name, seen in found.items()}
ax = plots.curves(means, plots.axes(1, size=3, wide=2.4)[0], x="epoch", y="test accuracy, mean of 5")
ax.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
ax.set(ylim=(0, 1))
plots.show(
    ax,
    "Four curves of test accuracy over the epochs, means of five seeds. Cross-entropy climbs first and highest, the "
    "squared error follows a little below, and the two curves with a softmax in between stay far below both.",
)
last = {name: seen[:, -1] for name, seen in found.items()}
ahead = {name: (last["cross-entropy"] - value).min().item() for name, value in last.items()}
if epochs == 10:  # seen with 5 seeds: at least 0.37, 0.03 and 0.48
    assert ahead["softmax, then cross-entropy"] > 0.2
    assert ahead["squared error"] > 0 and means["cross-entropy"][-1] - means["squared error"][-1] < 0.1
    assert ahead["squared error of probabilities"] > 0.3

# %% [markdown]
# After ten epochs cross-entropy is ahead with every seed. A softmax in front costs more than 20 points of accuracy, and no error tells you.
# The squared error of the plain outputs is not far behind. But it asks for outputs of exactly 0 and 1, and so it also
# punishes a logit for being *too* right.
#
# Why is the softmax in front so bad? The second softmax sees ten numbers between 0 and 1. Even a perfect row, one 1 and nine
# 0s, costs $-\log(e / (e + 9)) = 1.46$. The loss cannot fall below that, and its gradients are small everywhere.

# %%
perfect = torch.eye(10)
assert round(F.cross_entropy(perfect, torch.arange(10)).item(), 2) == 1.46

scores = torch.zeros(1, 10, requires_grad=True)  # an untrained network: all scores equal
gradient = torch.autograd.grad(F.cross_entropy(scores, torch.tensor([3])), scores)[0]
twice = torch.autograd.grad(F.cross_entropy(scores.softmax(1), torch.tensor([3])), scores)[0]
torch.testing.assert_close(twice, gradient / 10)  # a tenth of the push, with ten classes

# %% [markdown]
# ## 4 · Three calls, three jobs
#
# `backward()` computes gradients and **adds** them to `w.grad`. It changes no weight. `step()` changes the weights by what is in
# `w.grad`. `zero_grad()` clears `w.grad`. None of them knows of the others.

# %%
w = torch.tensor([1.0, -2.0], requires_grad=True)
optimizer = torch.optim.SGD([w], lr=0.1)
for times in [1, 2, 3]:
    (w**2).sum().backward()
    assert torch.equal(w.grad, times * 2 * w)  # it adds up …
assert w.tolist() == [1, -2]  # … and no weight has moved

optimizer.zero_grad()
assert w.grad is None
(w**2).sum().backward()
optimizer.step()
assert torch.allclose(w, torch.tensor([0.8, -1.6]))  # w − 0.1 · 2w

# %% [markdown]
# Adding up is of use: the gradients of two half batches make the gradient of the whole. It is a trap when you forget to clear.
#
# To go backward, torch needs numbers from the way forward. It keeps them with the loss, and **frees them as it goes back**. So a second
# `backward()` through the same loss stops:

# %%
loss = (w**2).sum()
loss.backward()
show_error(RuntimeError, loss.backward)

# %%
predict.second_backward()

# %% [markdown]
# The message offers `retain_graph=True`. It keeps the numbers, so the error is gone. But now the gradient was added twice.

# %%
optimizer.zero_grad()
loss = (w**2).sum()
loss.backward(retain_graph=True)
once = w.grad.clone()
loss.backward()
assert torch.equal(w.grad, 2 * once)

# %% [markdown]
# Nearly always the cure is another one: compute the loss anew in every step, from the weights as they are now. If something
# computed *before* the loop is used again in each step, take it into the loop, or cut it off with `.detach()`.

# %% [markdown]
# ## 5 · Steps by hand
#
# Take a narrow valley: flat along, twenty times as curved across. The gradient points mostly across it. That is the
# trouble that optimizers are about.


# %%
def valley(w):
    return (w[0] ** 2 + 20 * w[1] ** 2) / 2


def slope(w):
    return torch.stack([w[0], 20 * w[1]])


start = torch.tensor([-3.0, 0.7], dtype=torch.float64)
leaf = start.clone().requires_grad_()
valley(leaf).backward()
assert torch.equal(leaf.grad, slope(start))  # autograd agrees

# %% [markdown]
# **SGD** walks against the gradient: $w \leftarrow w - \text{lr} \cdot g$. Across the valley, one step multiplies the
# distance by $1 - 20\,\text{lr}$. So it shrinks only while lr is below $2 / 20 = 0.1$.
#
# **Momentum** keeps a velocity: $v \leftarrow \mu v + g$, then $w \leftarrow w - \text{lr} \cdot v$. What points the same
# way in each step adds up, what swings to and fro cancels. In torch the whole $g$ is added, not $(1 - \mu) g$.
#
# **Adam** keeps two running means, of $g$ and of $g^2$. It divides the one by the root of the other, so each weight moves by
# about lr, however steep it is there. Both means start at 0, so both are corrected at first.


# %%
def sgd(w, g, state, lr):
    return w - lr * g


def momentum(w, g, state, lr, mu=0.9):
    state["v"] = mu * state.get("v", 0) + g
    return w - lr * state["v"]


def adam(w, g, state, lr, b1=0.9, b2=0.999, eps=1e-8):
    t = state["t"] = state.get("t", 0) + 1
    m = state["m"] = b1 * state.get("m", 0) + (1 - b1) * g
    s = state["s"] = b2 * state.get("s", 0) + (1 - b2) * g**2
    return w - lr * (m / (1 - b1**t)) / ((s / (1 - b2**t)).sqrt() + eps)


# %%
def walk(optimizer_of, steps, at=start):
    """Let one of torch's optimizers walk down the valley, and return the points (steps + 1, 2)."""
    w = at.clone().requires_grad_()
    optimizer = optimizer_of([w])

    def closure():
        optimizer.zero_grad()
        loss = valley(w)
        loss.backward()
        return loss

    points = [at]
    for _ in range(steps):
        optimizer.step(closure)
        points.append(w.detach().clone())
    return torch.stack(points)


# %%
theirs = {
    sgd: partial(torch.optim.SGD, lr=0.05),
    momentum: partial(torch.optim.SGD, lr=0.05, momentum=0.9),
    adam: partial(torch.optim.Adam, lr=0.05),
}
for ours, optimizer_of in theirs.items():
    w, state = start, {}
    for point in walk(optimizer_of, 20)[1:]:
        w = ours(w, slope(w), state, lr=0.05)
        torch.testing.assert_close(w, point)  # after each of 20 steps

too_far = walk(partial(torch.optim.SGD, lr=0.11), 20)[:, 1].abs()
assert (too_far[1:] > too_far[:-1]).all()  # lr 0.11 is above 0.1: each step leads further away

# %% [markdown]
# ## 6 · Twelve ways down
#
# | optimizer | its idea |
# |---|---|
# | SGD | against the gradient |
# | SGD with momentum | a velocity that remembers |
# | SGD with Nesterov momentum | the velocity, looking one step ahead |
# | Adagrad | each weight's step divided by the root of all its squared gradients so far |
# | Adadelta | divided by a running mean instead; its own past steps set the length |
# | RMSprop | divided by the root of a running mean of squares |
# | Rprop | only the sign of each gradient counts, and each weight has a step of its own; for whole data sets, not for batches |
# | Adam | RMSprop with momentum, both corrected at the start |
# | AdamW | Adam, and every weight shrinks a little in each step, apart from the gradient |
# | Adamax | Adam with the largest recent gradient in place of the root |
# | ASGD | SGD that also keeps the average of the points it passed |
# | LBFGS | builds a picture of the curvature from the last gradients; wants the loss as a function, a *closure* |

# %%
o = torch.optim
by_slope = {
    "SGD": partial(o.SGD, lr=0.05),
    "Momentum": partial(o.SGD, lr=0.05, momentum=0.8),
    "Nesterov": partial(o.SGD, lr=0.05, momentum=0.8, nesterov=True),
    "ASGD": partial(o.ASGD, lr=0.05),
    "LBFGS": partial(o.LBFGS, lr=0.5, max_iter=1),
}
by_size = {
    "Rprop": partial(o.Rprop, lr=0.05),
    "Adagrad": partial(o.Adagrad, lr=0.5),
    "Adadelta": partial(o.Adadelta, lr=1.0),
    "RMSprop": partial(o.RMSprop, lr=0.05),
    "Adam": partial(o.Adam, lr=0.2),
    "AdamW": partial(o.AdamW, lr=0.2),
    "Adamax": partial(o.Adamax, lr=0.2),
}

# %%
drops = {
    name: torch.stack([valley(point) for point in walk(make, 60)[1:]]) for name, make in (by_slope | by_size).items()
}
ax = plots.axes(2, size=3.2, wide=1.5)
for axis, group, title in zip(ax, [by_slope, by_size], ["one lr for all weights", "each weight its own"], strict=True):
    plots.curves({name: drops[name].clamp(min=1e-9) for name in group}, axis, x="step", y="loss", title=title)
    axis.set(yscale="log", ylim=(1e-9, 1e5))
    axis.legend(frameon=False, ncol=3, fontsize=8, loc="upper right")
plots.show(
    ax,
    "Two plots of the loss over 60 steps, on a logarithmic axis. All twelve curves go down. LBFGS and Rprop end "
    "lowest, Adadelta stays almost where it was, and the curves of the momentum kind swing as they fall.",
)
assert all(drop[-1] < drop[0] for drop in drops.values())
assert all((drop[-1] < 1e-8) == (name in ("LBFGS", "Rprop")) for name, drop in drops.items() if name != "Nesterov")
assert drops["Adadelta"][-1] > 0.5 * drops["Adadelta"][0]  # lr 1 is its default, and it starts slowly

# %% [markdown]
# They do not share one lr here: the same number means different things. For SGD it multiplies the slope; for Adam it *is* about the
# length of a step. So there is no best optimizer without its lr.
#
# **SparseAdam** is for one case: a large table of which each step uses a few rows, such as an `Embedding` of 10,000
# words. With `sparse=True` its gradient holds those rows alone. Adam renews the running means of all rows in
# every step, so it refuses such a gradient, as most optimizers do. SparseAdam touches only the rows that were used.

# %%
table = nn.Embedding(10_000, 8, sparse=True)
words = torch.tensor([7, 42, 7, 9_999])
before = table.weight.detach().clone()
table(words).pow(2).sum().backward()
assert table.weight.grad.is_sparse

torch.optim.SparseAdam(table.parameters(), lr=0.1).step()
moved = (table.weight != before).any(1).nonzero().flatten()
assert moved.tolist() == [7, 42, 9_999]  # three rows of 10,000

# %%
show_error(RuntimeError, torch.optim.Adam(table.parameters()).step)
show_error(RuntimeError, torch.optim.RMSprop(table.parameters()).step)
dense = nn.Linear(3, 2)
dense(torch.ones(1, 3)).sum().backward()
show_error(RuntimeError, torch.optim.SparseAdam(dense.parameters()).step)

# %% [markdown]
# ## 7 · The whole loop
#
# One step, written out. The loss is computed anew, the old gradients are cleared, then `backward()`, then `step()`.


# %%
def one_step(model, optimizer, images, labels):
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss, logits


# %% [markdown]
# And the loop around it: a new order in each epoch, and one step for each batch. It begins with `model.train()`: some layers do
# something else while a network learns, such as dropout in notebook 3 and batch norm in notebook 9. To measure, one says
# `model.eval()`. The layers here do the same in both modes.


# %%
def train(model, images, labels, epochs, lr, batch_size):
    seed_everything(seed)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).to(device).split(batch_size):
            one_step(model, optimizer, images[batch], labels[batch])


seed_everything(seed)
mine = network()
train(mine, images, labels, epochs=2, lr=0.1, batch_size=64)

# %% [markdown]
# From here on the series uses `fit` from `helpers.train`. It is the same loop. Its step, `train_step`, has the same lines as
# `one_step`, and with the same seed both give the same weights, **bit for bit**.


# %%
def lines_of(function):
    body = ast.parse(inspect.getsource(function)).body[0].body
    return [ast.unparse(line) for line in body if not isinstance(getattr(line, "value", None), ast.Constant)]


print(*lines_of(train_step), sep="\n")
assert lines_of(train_step) == lines_of(one_step)

seed_everything(seed)
copy = network()  # it begins with the same weights
history = fit(copy, (images, labels), epochs=2, lr=0.1, batch_size=64, device=device, seed=seed)
for ours, theirs in zip(mine.parameters(), copy.parameters(), strict=True):
    assert torch.equal(ours, theirs)
assert len(history.loss) == 2 and history.loss[1] < history.loss[0]

# %% [markdown]
# Around these lines `fit` brings what a long run needs: a progress bar (drawn by *tqdm*; only where somebody watches, so this file
# holds none), the history of each epoch, the device, and a seed for every source of chance. It looks at what it is given
# before the first step, and says what is wrong.

# %%
pair = (images, labels)
for wrong in [
    lambda: fit(copy, (images, labels + 5), epochs=1, device=device),
    lambda: fit(copy, (images[:0], labels[:0]), epochs=1, device=device),
    lambda: fit(copy, (images, labels[:100]), epochs=1, device=device),
    lambda: fit(copy, pair, epochs=1, batch_size=0, device=device),
    lambda: fit(copy, pair, epochs=1, lr=float("nan"), device=device),
    lambda: fit(copy, pair, epochs=1, lr=-0.1, device=device),
]:
    show_error(ValueError, wrong)

# %% [markdown]
# Nothing is lost when a run ends early. The stop button of JupyterLab (■) or Ctrl-C raises `KeyboardInterrupt`. `fit` catches it and keeps what was
# learned. Here a function that is called after each epoch plays the button.


# %%
def press_stop(epoch, history):
    if epoch == 2:
        raise KeyboardInterrupt


stopped = fit(copy, pair, epochs=50, lr=0.1, device=device, on_epoch=press_stop)
assert len(stopped.loss) == 2 and "Stopped by hand" in stopped.stopped

# %% [markdown]
# And a run that diverges does not spoil the weights. With lr = 10³⁰ the first step ends far outside all sense, and the second loss
# is no number. `fit` stops there, names the step, and puts back the last weights whose loss was finite.

# %%
good = [value.detach().clone() for value in copy.parameters()]
diverged = fit(copy, pair, epochs=3, lr=1e30, device=device)
assert "at step 2 of epoch 1" in diverged.stopped
assert all(torch.equal(old, new) for old, new in zip(good, copy.parameters(), strict=True))

# %% [markdown]
# ## Play
#
# The race: the same start, the same lr for all. First guess.

# %%
predict.winner()

# %% [markdown]
# The first ten steps are drawn. Press *Play*. Then look for answers:
#
# - From which lr on does SGD leave the map? Is it the number from section 5?
# - Which optimizer wins with lr = 1?
# - Turn the valley along the axes. Whom does that help, and whom not at all? (Some optimizers treat each axis apart.)

# %%
race = OptimizerRace(step=10)
race

# %% [markdown]
# Every path in it is torch's own. Here is one of them without the widget: momentum, in the valley along the axes.

# %%
race_straight = OptimizerRace("straight", lr=0.05, momentum=0.9)
bottom = torch.tensor([1.0, -0.5], dtype=torch.float64)
at = torch.tensor(race_straight.start, dtype=torch.float64) - bottom
path = walk(partial(torch.optim.SGD, lr=0.05, momentum=0.9), 80, at=at) + bottom
torch.testing.assert_close(path, race_straight.runs["Momentum"].path)

# %% [markdown]
# The answers. SGD leaves above lr = 0.1, in both of the valleys with a straight floor. With lr = 1 in the tilted valley, SGD is gone, and
# LBFGS has the lowest loss of the six. A valley along the axes helps those whose steps are set axis by axis: RMSprop most, and Adam too. SGD and
# momentum know no axes: turn the valley and the start together, and their path is the same, only turned.

# %%
final = {}
for surface in ["tilted", "straight"]:
    for lr in [0.05, 0.095, 0.105, 1.0]:
        runs = OptimizerRace(surface, lr=lr).runs
        final[surface, lr] = {name: torch.inf if run.diverged else run.losses[-1].item() for name, run in runs.items()}
    assert final[surface, 0.095]["SGD"] < 0.01 < final[surface, 0.105]["SGD"]
    assert final[surface, 1.0]["SGD"] == torch.inf
six = ["Adam", "Momentum", "SGD", "Adagrad", "RMSprop", "LBFGS"]
assert sorted(six, key=final["tilted", 0.05].get)[:3] == ["Momentum", "SGD", "RMSprop"]
assert min(six, key=final["tilted", 1.0].get) == "LBFGS" and final["tilted", 1.0]["LBFGS"] < 1e-9
gain = {name: final["tilted", 0.05][name] / final["straight", 0.05][name] for name in six}
assert max(gain, key=gain.get) == "RMSprop" and gain["RMSprop"] > 100 and gain["Adam"] > 5

angle = torch.deg2rad(torch.tensor(25.0, dtype=torch.float64))  # the tilt of the valley
turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
together = OptimizerRace("straight", lr=0.05, start=tuple((bottom + turn @ at).tolist())).runs
for name in ("SGD", "Momentum"):
    path = OptimizerRace(lr=0.05).runs[name].path - bottom
    torch.testing.assert_close(together[name].path - bottom, path @ turn.T)

# %% [markdown]
# ## Practise
#
# Three losses, two optimizers, and a loop to repair. Replace the dots, run the cell, then run the check below it.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:losses.log_softmax"]

# %% tags=["exercise:losses.cross_entropy"]

# %% tags=["exercise:losses.bce_with_logits"]

# %% tags=["exercise:losses.momentum_step"]

# %% tags=["exercise:losses.adam_step"]

# %% tags=["exercise:losses.train"]

# %% [markdown]
# ## Myth check
#
# **Myth 1.** *"If backward stops with an error the second time, `retain_graph=True` fixes it."*

# %%
w = torch.tensor(3.0, requires_grad=True)
loss = w**2
loss.backward(retain_graph=True)
loss.backward()
print(f"the gradient of w² at 3 is 6; w.grad is {w.grad:.0f}")
assert w.grad == 12

# %% [markdown]
# True is: the error is gone, and the gradient is doubled. Compute the loss anew in each step.
#
# **Myth 2.** *"`backward()` updates the weights."*

# %%
model = network()
before = [value.detach().clone() for value in model.parameters()]
F.cross_entropy(model(images[:64]), labels[:64]).backward()
assert all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
torch.optim.SGD(model.parameters(), lr=0.1).step()
assert not all(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))

# %% [markdown]
# True is: `backward()` fills `.grad`, and `step()` moves the weights.
#
# **Myth 3.** *"CrossEntropyLoss wants probabilities, so the network must end with a softmax."*

# %%
sure = torch.tensor([[20.0, 0.0, 0.0]])  # logits of a network that is sure, and right
as_logits = F.cross_entropy(sure, torch.tensor([0]))
as_probabilities = F.cross_entropy(sure.softmax(1), torch.tensor([0]))
print(f"from logits: {as_logits:.2f}, from probabilities: {as_probabilities:.2f}")
assert as_logits < 1e-6 and round(as_probabilities.item(), 2) == 0.55

# %% [markdown]
# True is: it wants logits, and takes the softmax itself. Given probabilities, it charges 0.55 for a perfect answer among three
# classes, and training crawls, as section 3 measured.

# %% [markdown]
# ## You saw
#
# - The losses by hand, equal to torch's; and the table that gives the last layer and the loss for each kind of problem.
# - `backward()` adds gradients, `step()` moves weights, `zero_grad()` clears. In a sound loop each has its place.
# - SGD, momentum and Adam, step by step, equal to torch's; and what the same lr means to each of twelve.
#
# **Next:** [3 · The limits of fully-connected networks](03_limits_of_fully_connected_networks.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** PyTorch's documentation of `torch.nn.CrossEntropyLoss`, `torch.nn.BCEWithLogitsLoss` and `torch.optim`.
# D. P. Kingma and J. Ba, *Adam: a method for stochastic optimization*, arXiv:1412.6980. I. Loshchilov and F. Hutter, *Decoupled
# weight decay regularization*, arXiv:1711.05101. J. Duchi and others, *Adaptive subgradient methods*, JMLR 12 (2011).
# D. C. Liu and J. Nocedal, *On the limited memory BFGS method*, Mathematical Programming 45 (1989).
