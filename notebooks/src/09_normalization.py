# %% [markdown]
# # 9 · Normalization
#
# **Over which axes do you average, and what does it buy?**
#
# You will be able to
#
# - compute batch, layer, instance and group norm by hand, and say which numbers share a mean;
# - follow the running statistics of a batch norm, and say what changes between `train` and `eval`;
# - choose a norm for a network and a batch size, and fold a batch norm away when training is over.
#
# Time: about 70 minutes. Know first: convolution (notebook 4), training (notebook 2), modules and modes (notebook 8).

# %%
import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import ops, plots
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import normalization as predict
from helpers.train import accuracy, fit, pick_device, seed_everything
from helpers.widgets import AxesExplorer

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the training runs
data: str = "built-in"  # "built-in" or "real": small digits, or those of MNIST
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 3  # passes over the 1,400 training pictures in section 5

# %%
seed_everything(seed)
device = pick_device(device)
images, labels = (part[:1400] for part in load("digits", source=data, root=data_root))
test_images, test_labels = (part[:360] for part in load("digits", "test", source=data, root=data_root))
mean, std = images.mean(), images.std()
images, test_images = (F.avg_pool2d((x - mean) / std, 2) for x in (images, test_images))  # (N, 1, 14, 14)

# %% [markdown]
# ## Guess first

# %%
predict.means()

# %% [markdown]
# ## 1 · One formula, four sets of axes
#
# A **norm** takes numbers that belong together, subtracts their mean $\mu$ and divides by their standard deviation:
#
# $$y = \frac{x - \mu}{\sqrt{\sigma^2 + \varepsilon}}\, w + b$$
#
# Then the numbers have mean 0 and variance 1, whatever came in. The small $\varepsilon$ keeps the division safe. $w$ and $b$, torch's
# `weight` and `bias`, are learned: with them the network can undo as much of it as it likes.
#
# The one question is: **which numbers belong together?** For maps (N, C, H, W) there are four usual answers.


# %%
def normalise(x, axes, eps=1e-5):
    mean = x.mean(axes, keepdim=True)
    var = x.var(axes, correction=0, keepdim=True)  # divided by n: the biased variance
    return (x - mean) / (var + eps).sqrt()


x = 3 * torch.randn(20, 5, 35, 45) + 7
batch, layer, instance = normalise(x, (0, 2, 3)), normalise(x, (1, 2, 3)), normalise(x, (2, 3))
torchs = [nn.BatchNorm2d(5, affine=False), nn.LayerNorm([5, 35, 45], elementwise_affine=False), nn.InstanceNorm2d(5)]
for ours, norm in zip([batch, layer, instance], torchs, strict=True):
    assert torch.allclose(ours, norm(x), atol=1e-5)
    assert ours.mean().abs() < 1e-4 and (ours.var(correction=0) - 1).abs() < 1e-4

# %% [markdown]
# | norm | averages over | means in (20, 5, 35, 45) | numbers that share one |
# |---|---|---|---|
# | batch | N, H, W | 5, one for each channel | 31,500 |
# | layer | C, H, W | 20, one for each image | 7,875 |
# | instance | H, W | 100, one for each channel of each image | 1,575 |
# | group | a group of channels, H, W | 20 for each group | in between |

# %%
counts = {"batch": (0, 2, 3), "layer": (1, 2, 3), "instance": (2, 3)}
counts = {name: x.mean(axes).numel() for name, axes in counts.items()}
assert counts == {"batch": 5, "layer": 20, "instance": 100}
assert [x.numel() // count for count in counts.values()] == [31_500, 7_875, 1_575]

# %% [markdown]
# **Group norm** cuts the channels of an image into groups of neighbours. It is a reshape and the same formula.

# %%
z = 2 * torch.randn(4, 6, 3, 5) - 1
grouped = normalise(z.reshape(4, 3, -1), (2,)).reshape(z.shape)  # 3 groups of 2 channels
assert torch.allclose(grouped, nn.GroupNorm(3, 6)(z), atol=1e-5)


def who_shares(norm):
    """Return for each image and channel of z, (N, C), whether it changes the mean of image 1, channel 2."""
    changed = z.clone().requires_grad_()
    norm(changed)[1, 2, 0, 0].backward()
    return (changed.grad.abs().amax((2, 3)) > 0).float()


layers = [nn.BatchNorm2d(6), nn.LayerNorm([6, 3, 5]), nn.InstanceNorm2d(6), nn.GroupNorm(3, 6)]
names = ["batch", "layer", "instance", "group, 3 groups"]
shared = {name: who_shares(layer) for name, layer in zip(names, layers, strict=True)}
assert [int(cells.sum()) for cells in shared.values()] == [4, 6, 1, 2]

# %%
ax = plots.axes(4, size=2.2, wide=1.2)
for axis, (name, cells) in zip(ax, shared.items(), strict=True):
    plots.mark(plots.image(cells, axis, title=name, values=True), 1, 2, 1, 1)
    axis.set_xlabel("channel")
ax[0].set_ylabel("image")
plots.show(
    ax,
    "Four tables, images by row and channels by column; 1 marks the maps that share a mean with channel 2 of image 1. "
    "Batch norm: the whole column. Layer norm: the whole row. Instance norm: this map alone. Group norm: it and its "
    "neighbour in the row, channel 3.",
)

# %% [markdown]
# Asked of autograd: which maps have a say in one number of the output? For batch norm, all images of the batch. For the other three, this image only.
#
# ### The same with weight and bias
#
# `helpers.ops` has all four by hand. With random weights, they give torch's numbers too.

# %%
w, b = torch.randn(5), torch.randn(5)
big_w, big_b = torch.randn(5, 35, 45), torch.randn(5, 35, 45)
pairs = {
    "batch": (ops.batch_norm, F.batch_norm, (None, None, w, b, True)),
    "layer": (ops.layer_norm, F.layer_norm, ([5, 35, 45], big_w, big_b)),
    "instance": (ops.instance_norm, F.instance_norm, (None, None, w, b)),
    "group": (ops.group_norm, F.group_norm, (5, w, b)),
}
for name, (ours, theirs, arguments) in pairs.items():
    assert torch.allclose(ours(x, *arguments), theirs(x, *arguments), atol=1e-4), name

# %% [markdown]
# ### Eight numbers, by hand
#
# Take one image with two channels of four numbers. Layer norm has one mean for all eight: 10 / 8 = 1.25. Instance norm has one for each
# row: 3 / 4 and 7 / 4.

# %%
small = torch.tensor([[[1.0, 2, -1, 1], [3, 4, -2, 2]]])  # (1, 2, 4)
by_layer, by_instance = nn.LayerNorm([2, 4])(small), nn.InstanceNorm1d(2)(small)
print("layer norm, first row:   ", [round(v, 4) for v in by_layer[0, 0].tolist()])
print("instance norm, first row:", [round(v, 4) for v in by_instance[0, 0].tolist()])
assert small.mean() == 1.25 and small.mean(2).tolist() == [[0.75, 1.75]]
assert torch.allclose(by_layer[0, 0], torch.tensor([-0.1348, 0.4045, -1.2136, -0.1348]), atol=5e-5)
assert torch.allclose(by_instance[0, 0], torch.tensor([0.2294, 1.1471, -1.6059, 0.2294]), atol=5e-5)

# %% [markdown]
# The first 1 becomes −0.1348 under one norm and 0.2294 under the other: it is below the mean of all eight, and above the mean of its own row.
#
# ## 2 · Relatives
#
# Group norm is the family: **one group** is layer norm, **C groups** are instance norm.

# %%
one, all_six = nn.GroupNorm(1, 6, affine=False), nn.GroupNorm(6, 6, affine=False)
assert torch.allclose(one(z), nn.LayerNorm([6, 3, 5], elementwise_affine=False)(z), atol=1e-5)
assert torch.allclose(all_six(z), nn.InstanceNorm2d(6)(z), atol=1e-5)

# %% [markdown]
# They differ in what they learn. Group norm has a weight for each **channel**, layer norm one for each **place**; instance norm has
# none unless you ask, and no running statistics either.

# %%
shapes = {
    "GroupNorm(1, 6)": nn.GroupNorm(1, 6).weight.shape,
    "LayerNorm([6, 3, 5])": nn.LayerNorm([6, 3, 5]).weight.shape,
}
for name, shape in shapes.items():
    print(f"{name}: weight {tuple(shape)}")
assert [tuple(shape) for shape in shapes.values()] == [(6,), (6, 3, 5)]
assert nn.InstanceNorm2d(6).weight is None and nn.InstanceNorm2d(6).running_mean is None
assert len(nn.InstanceNorm2d(6).state_dict()) == 0 and len(nn.BatchNorm2d(6).state_dict()) == 5

# %% [markdown]
# ## 3 · The memory of batch norm
#
# Batch norm makes an image depend on the others in its batch. While you train, that is fine. But what should it do with a single picture, later, when
# there is no batch? It keeps **running statistics** of all batches that it has seen in training, and uses them in `eval` mode.

# %%
predict.running()

# %%
norm = nn.BatchNorm2d(3)
batches = [3 * torch.randn(8, 3, 5, 7) + 7 for _ in range(30)]
running_mean, running_var, path = torch.zeros(3), torch.ones(3), []
for batch in batches:
    norm(batch)
    running_mean = 0.9 * running_mean + 0.1 * batch.mean((0, 2, 3))
    running_var = 0.9 * running_var + 0.1 * batch.var((0, 2, 3), correction=1)  # unbiased: divided by n − 1
    path.append(norm.running_mean[0].item())
assert torch.allclose(norm.running_mean, running_mean, atol=1e-5)
assert torch.allclose(norm.running_var, running_var, atol=1e-4)
assert norm.num_batches_tracked == 30
assert 0.9**22 < 0.1 < 0.9**21  # after 22 batches, 90 % of the way

# %%
ax = plots.curves({"running_mean": path}, x="batch", y="running_mean[0]")
ax.axhline(7, color="grey", linestyle=":")
ax.set_xticks([1, 5, 10, 15, 20, 25, 30])
plots.show(
    ax,
    "The running mean of channel 0 over 30 batches. It starts near 0.7 and comes closer to the dotted line at 7, the "
    "mean of the data, by a tenth of what is left with each batch.",
)

# %% [markdown]
# `momentum`, here 0.1, is the share of the new batch. An optimizer's momentum is the other way round: the share of the old
# velocity (notebook 2). So a small number means a long memory here, and a slow start: after 5 batches, 41 % of the way is done;
# after 22, 90 %.
#
# **Two variances.** The batch itself is normalised with the *biased* variance, divided by n. `running_var` keeps the *unbiased* one,
# divided by n − 1. With 280 numbers for each channel that is a difference of 1 / 279; with two numbers it is a factor of two.

# %%
assert round(1 - 0.9**5, 2) == 0.41 and batches[0][:, 0].numel() == 280
two = torch.tensor([[3.0], [4.0]])
assert two.var(correction=0) == 0.25 and two.var(correction=1) == 0.5

# %% [markdown]
# **train against eval.** In training, what comes out for a picture depends on its company. In eval it does not, and nothing is updated.

# %%
picture, others = batches[0][:1], [batches[1], batches[2]]
alone_in = [norm.train()(torch.cat([picture, company]))[0] for company in others]
before = norm.running_mean.clone()
in_eval = [norm.eval()(torch.cat([picture, company]))[0] for company in others]
assert not torch.allclose(*alone_in, atol=1e-3)  # training: another company, another answer
assert torch.equal(*in_eval) and torch.equal(norm.running_mean, before)  # eval: the same, and no update
by_hand = (picture - norm.running_mean[:, None, None]) / (norm.running_var[:, None, None] + norm.eps).sqrt()
assert torch.allclose(in_eval[0], by_hand[0], atol=1e-5)

# %% [markdown]
# **One value per channel** is its own mean, so nothing would be left of it. Torch refuses that in training. In eval, with the running statistics, it is
# no problem.

# %%
lonely = nn.BatchNorm1d(3)
show_error(ValueError, lambda: lonely(torch.ones(1, 3)))
assert lonely.eval()(torch.ones(1, 3)).shape == (1, 3)

# %% [markdown]
# This hits you in the last batch of an epoch, when one picture is left over and the maps are 1×1: a loader's `drop_last=True` leaves it out.
#
# **eps** matters where a channel has no spread, for example a channel that a ReLU has silenced. Without it, 0 / 0 is nan.

# %%
silent = torch.zeros(8, 3, 5, 7)
assert torch.equal(normalise(silent, (0, 2, 3)), silent)
assert normalise(silent, (0, 2, 3), eps=0).isnan().all()

# %% [markdown]
# ## 4 · What happens to the signal
#
# Why normalise at all? Stack seven convolutions, each with a ReLU, and look at the spread of what comes out of each, before any training.


# %%
def deep_net(norm, width=8, depth=7):
    """Convolutions 3×3, each with a norm and a ReLU: (N, 1, 14, 14) → (N, width, 4, 4), then ten logits."""
    layers, channels = [], 1
    for number in range(depth):
        stride = 2 if number in (2, 4) else 1
        layers += [nn.Conv2d(channels, width, 3, stride=stride, padding=1), norm(width), nn.ReLU()]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(width * 4 * 4, 10))


def no_norm(channels):
    return nn.Identity()


# %%
seed_everything(seed)
nets = {"no norm": deep_net(no_norm), "batch norm": deep_net(nn.BatchNorm2d)}
spreads = {}
for name, net in nets.items():
    ends = [net[: 3 * number + 3](images[:200]) for number in range(7)]  # after each ReLU
    spreads[name] = [(out - out.mean(0)).std().item() for out in ends]  # from picture to picture
assert spreads["no norm"][-1] < spreads["no norm"][0] / 100
assert spreads["batch norm"][-1] > spreads["batch norm"][0] / 3

# %%
ax = plots.curves(spreads, x="layer", y="difference between pictures")
ax.set_yscale("log")
plots.show(
    ax,
    "How much the outputs of each of seven layers differ from picture to picture, on a logarithmic axis. With no norm "
    "it falls by about two thirds with each layer, to less than a hundredth; with batch norm it stays about level.",
)

# %% [markdown]
# Without a norm, all pictures look alike to the last layer: less than a hundredth of the difference is left. With batch norm each layer starts afresh.
#
# ## 5 · What it buys: learning rates that train
#
# Train this net with plain SGD at learning rates from 0.001 to 1, three ways: as it is, with better first weights (He initialisation), and with batch norm.


# %%
def he(net):
    """Give the convolutions weights that keep the spread through a ReLU, on average (He and others)."""
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
    return net


# %%
rates = [0.001, 0.01, 0.1, 1.0]
ways = {
    "no norm": lambda: deep_net(no_norm),
    "no norm, He": lambda: he(deep_net(no_norm)),
    "batch norm": lambda: deep_net(nn.BatchNorm2d),
}
training = {"epochs": epochs, "batch_size": 50, "device": device, "seed": seed}
losses = {name: [] for name in ways}
for name, make in ways.items():
    for lr in rates:
        seed_everything(seed)
        net = make()
        losses[name].append(fit(net, (images, labels), lr=lr, **training).loss[-1])
guessing = torch.tensor(10.0).log().item()  # 2.303: the loss of ten equal probabilities

# %%
ax = plots.curves(losses, x="learning rate", y="loss")
ax.axhline(guessing, color="grey", linestyle=":")
ax.legend(frameon=False, loc=(0.34, 0.5))
ax.set_xticks(range(1, 5), [f"{lr:g}" for lr in rates])
plots.show(
    ax,
    "The training loss of the last epoch at four learning rates. Without a norm it lies on the dotted line of guessing "
    "everywhere. With He initialisation it is far below the line at 0.01 and 0.1, and on it at 1. With batch norm it "
    "lies below both others everywhere, and far below the line from 0.01 to 1.",
)

# %%
if epochs >= 3:
    plain, good_start, normed = losses.values()
    assert min(plain) > guessing - 0.02  # nowhere better than guessing
    assert max(normed[1:]) < guessing - 0.3 and normed[2] < 0.5  # 0.01, 0.1 and 1 all train
    assert max(good_start[1:3]) < guessing - 0.5 and good_start[3] > guessing - 0.1  # 0.01 and 0.1 train, 1 does not
    assert all(a < min(b, c) for a, b, c in zip(normed, plain, good_start, strict=True))

# %% [markdown]
# Without a norm, the net learns nothing at any of these rates: its loss stays at that of guessing, log 10 = 2.303. With batch norm it learns at 0.01, 0.1 and
# 1: over a factor of a hundred. To be fair, first weights of the right size help the plain net too: with them it learns at 0.01 and 0.1. But they only set the start;
# a norm keeps the spread all the way. So the two honest sentences are: *batch norm makes deep nets easy to train*, and *it forgives a learning rate that is off by ten*.
#
# ## 6 · Small batches
#
# The mean of a few numbers is a rough guess. How few can they be?

# %%
predict.pair()

# %%
norm = nn.BatchNorm1d(1)
near, far = norm(torch.tensor([[3.0], [4.0]])), norm(torch.tensor([[3.0], [400.0]]))
assert torch.allclose(near, torch.tensor([[-1.0], [1.0]]), atol=1e-3) and torch.allclose(near, far, atol=1e-3)

# %% [markdown]
# With maps it is milder: at batch size 2, maps of 14 × 14 still give 392 numbers to each mean. In a *dense* layer there is one number for each
# picture. So train a dense net with batches of two, with batch norm and with group norm, which does not look at the batch at all.


# %%
def dense_net(norm):
    layers = [nn.Flatten(), nn.Linear(196, 32), norm(32), nn.ReLU(), nn.Linear(32, 32), norm(32), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(32, 10))


assert 2 * 14 * 14 == 392
kinds = {"batch norm": nn.BatchNorm1d, "group norm": lambda channels: nn.GroupNorm(2, channels)}
curves = {}
for name, norm in kinds.items():
    seed_everything(seed)
    net = dense_net(norm)
    how = training | {"batch_size": 2, "epochs": 2, "lr": 0.01}
    curves[name] = fit(net, (images[:800], labels[:800]), **how).loss
    curves[f"{name}, test accuracy"] = accuracy(net, test_images, test_labels)

# %%
assert curves["batch norm"][-1] > 2.5 * curves["group norm"][-1]
assert curves["group norm, test accuracy"] > curves["batch norm, test accuracy"] + 0.2
ax = plots.curves({name: curves[name] for name in kinds}, x="epoch", y="loss", title="batches of two")
ax.set_xticks([1, 2])
plots.show(
    ax,
    "The training loss of the dense net over two epochs with batches of two. With batch norm it stays high, near 2; "
    "with group norm it falls to less than half of that.",
)

# %% [markdown]
# With two pictures, batch norm hands on only which one is larger, number by number. Group norm hands on the picture. This is why detectors and
# large models, which have room for a few images at a time, use group or layer norm.
#
# ## 7 · Fold it away
#
# In eval mode, a batch norm multiplies each channel by a fixed number and adds another. The convolution before it can do that itself, with other
# weights. The norm then costs nothing:
#
# $$f = \frac{w}{\sqrt{\sigma^2_\text{running} + \varepsilon}}, \qquad \text{weight}' = f \cdot \text{weight}, \qquad \text{bias}' = f\,(\text{bias} - \mu_\text{running}) + b$$

# %%
conv, norm = nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4)
for _ in range(20):
    norm(conv(torch.randn(8, 3, 9, 11) + 1))  # some training, for the running statistics
norm.eval()
with torch.no_grad():
    norm.weight.copy_(torch.randn(4))
    norm.bias.copy_(torch.randn(4))
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    one_layer = nn.Conv2d(3, 4, 3)
    one_layer.weight.copy_(conv.weight * factor[:, None, None, None])
    one_layer.bias.copy_(norm.bias - norm.running_mean * factor)  # conv has no bias of its own
x = torch.randn(2, 3, 9, 11)
assert torch.allclose(one_layer(x), norm(conv(x)), atol=1e-5)

# %% [markdown]
# It also shows why the convolution before a batch norm has `bias=False`: the norm subtracts whatever that bias added.

# %%
with_bias = nn.Conv2d(3, 4, 3)
without = nn.Conv2d(3, 4, 3, bias=False)
without.weight = with_bias.weight
assert torch.allclose(nn.BatchNorm2d(4)(with_bias(x)), nn.BatchNorm2d(4)(without(x)), atol=1e-4)

# %% [markdown]
# ## Play
#
# A batch as a block: its samples, the images, from left to right, channels from top to bottom, each a small map. The coloured cells share one mean with the chosen one.
#
# Three puzzles. *One:* find a state of **batch norm** in training where exactly 15 numbers share the mean. *Two:* for which norms does the batch size
# change what becomes of a cell? *Three:* make torch refuse.

# %%
explorer = AxesExplorer(norm="batch", batch_size=4)
explorer

# %% [markdown]
# The same in two lines, without the widget:

# %%
with torch.no_grad():
    by_torch = explorer.module(explorer.x)
assert torch.equal(explorer.output, by_torch)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:normalization.BatchNorm"]

# %% tags=["exercise:normalization.layer_norm"]

# %% tags=["exercise:normalization.instance_norm"]

# %% tags=["exercise:normalization.group_norm"]

# %% tags=["exercise:normalization.fold"]

# %% [markdown]
# ### The puzzles, solved
#
# A batch of one: then the mean of a channel runs over 3 × 5 numbers, as in instance norm. The batch size matters to batch norm alone, and only in training.
# And torch refuses one number for each mean: maps of 1×1, batch norm, a batch of one.

# %%
assert AxesExplorer(norm="batch", batch_size=1).shared.sum() == 15
for kind in ("batch", "layer", "instance", "group"):
    first = [AxesExplorer(norm=kind, batch_size=size).output[0] for size in (2, 6)]
    assert torch.allclose(*first, atol=1e-6) == (kind != "batch")
in_eval = [AxesExplorer(norm="batch", batch_size=size, train=False).output[0] for size in (2, 6)]
assert torch.allclose(*in_eval, atol=1e-6)
show_error(ValueError, lambda: AxesExplorer(norm="batch", batch_size=1, pooled=True).output)

# %% [markdown]
# ## Myth check
#
# Three sentences from study notes. Each is run, then put right.
#
# **Myth 1.** *"`num_features` is batch × features × width."*

# %%
show_error(RuntimeError, lambda: nn.BatchNorm1d(8 * 3 * 5)(torch.randn(8, 3, 5)))
assert nn.BatchNorm1d(3)(torch.randn(8, 3, 5)).shape == (8, 3, 5)
assert nn.BatchNorm1d(3)(torch.randn(2, 3, 17)).shape == (2, 3, 17)

# %% [markdown]
# True is: it is the number of channels, C, alone. The same layer takes any batch size and any width.
#
# **Myth 2.** *"After a batch norm, numbers lie between −1 and 1."*

# %%
rare = torch.zeros(100, 1)
rare[0] = 1.0
out = nn.BatchNorm1d(1)(rare)
print(f"largest: {out.max():.2f}")
assert abs(out.max().item() - 9.95) < 0.01

# %% [markdown]
# True is: the mean is 0 and the variance 1. One number among a hundred zeros comes out as 9.95. And `weight` and `bias` may stretch and move all of it.
#
# **Myth 3.** *"`eval()` freezes a batch norm."*

# %%
norm = nn.BatchNorm2d(3).eval()
norm(torch.randn(4, 3, 5, 7)).square().sum().backward()
assert norm.weight.grad.abs().min() > 0  # still learned
assert norm.running_mean.tolist() == [0, 0, 0]  # no longer updated

# %% [markdown]
# True is: `eval()` stops the running statistics. `weight` and `bias` go on learning, until you set `requires_grad_(False)`.

# %% [markdown]
# ## You saw
#
# - One formula; the norms differ in which numbers share a mean. Batch norm: a channel of the whole batch. Layer, instance and group norm: inside one image.
# - Batch norm has a memory: running statistics move in training by `momentum`, keep the unbiased variance, and are used in `eval`.
# - It let a deep net train over a hundredfold range of learning rates. With batches of two in a dense layer, group norm was better. After training, a batch norm
#   folds into the convolution before it.
#
# **Next:** [10 · GPU training](10_gpu_training.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** S. Ioffe and C. Szegedy, *Batch normalization*, arXiv:1502.03167. J. L. Ba and others, *Layer normalization*, arXiv:1607.06450. D. Ulyanov and
# others, *Instance normalization*, arXiv:1607.08022. Y. Wu and K. He, *Group normalization*, arXiv:1803.08494. K. He and others, *Delving deep into rectifiers*,
# arXiv:1502.01852 (the initialisation). PyTorch's documentation of the four layers.
