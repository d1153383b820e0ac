# %% [markdown]
# # 3 · The limits of fully-connected networks
#
# **A fully-connected net can learn birds and airplanes; why is it the wrong tool?**
#
# You will be able to
#
# - write the whole program (data, loop, accuracy) and see from its curves when a net learns by heart;
# - count a net's parameters and bytes before you build it;
# - show by measurement what such a net does not know about pictures: that near pixels belong together, and that a bird
#   is a bird at every place.
#
# Time: about 60 minutes. Know first: linear layers (notebook 1), cross-entropy and optimizers (notebook 2).

# %%
import copy
from collections import deque
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

from helpers import exercises as ex
from helpers import plots
from helpers.data import class_names, load
from helpers.predictions import limits as predict
from helpers.train import accuracy, fit, pick_device, seconds, seed_everything
from helpers.widgets import PictureShifter

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the nets are trained
data: str = "built-in"  # "built-in" or "real": 800 drawn birds and airplanes, or 10,000 from CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 14  # passes over the training pictures; 100 for the real data

# %%
seed_everything(seed)
device = pick_device(device)
most = {"built-in": 800, "real": 10_000}[data]
train_x, train_y = (part[:most] for part in load("birds-airplanes", "train", source=data, root=data_root))
val_x, val_y = load("birds-airplanes", "test", source=data, root=data_root)
names = class_names("birds-airplanes")
measured = {}  # what the nets reach, share of pictures told right, 0 to 1

assert train_x.shape[1:] == (3, 32, 32) and train_x.min() >= 0 and train_x.max() <= 1
assert set(train_y.tolist()) == {0, 1} and len(train_x) == most

# %%
ax = plots.axes(8, size=1.5)
for axis, picture, label in zip(ax, train_x[:8], train_y[:8].tolist(), strict=True):
    plots.image(picture, axis, title=names[label])
plots.show(
    ax,
    "Eight small colour pictures of birds and airplanes, in all colours, at different places, sizes and angles: no "
    "single pixel tells them apart.",
)

# %% [markdown]
# The net learns from the first set of pictures, the **training** set. It is judged on the other set, which it never
# learns from: the **validation** set.
#
# ## Guess first

# %%
predict.one_layer()

# %% [markdown]
# ## 1 · The whole program
#
# A **fully-connected net** is linear layers with an activation between them (notebook 1). It takes a flat row
# of numbers, so the picture is flattened first: 3 × 32 × 32 = 3,072 numbers, channel by channel, row by row.


# %%
middle, spread = torch.tensor(0.5), torch.tensor(0.25)  # pixels from [0, 1] to [−2, 2]
if data == "real":  # mean 0 and standard deviation 1 in each channel of the training pictures
    middle, spread = (f(train_x, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("middle", middle)  # kept with the net, and not learned
        self.register_buffer("spread", spread)

    def forward(self, x):
        return (x - self.middle) / self.spread


def small_net(hidden=512):
    return nn.Sequential(Scale(), nn.Flatten(), nn.Linear(3072, hidden), nn.Tanh(), nn.Linear(hidden, 2))


# %%
scaled = Scale()(train_x)
assert scaled.mean().abs() < 0.4 and 0.8 < scaled.std() < 1.1
assert small_net()(train_x[:5]).shape == (5, 2)  # one logit for each class

# %% [markdown]
# Why `Scale`? Pixels in [0, 1] are never negative. Then, for one picture, the gradients of all weights of a hidden unit
# have the same sign: the unit's weights can only go up together or down together. Inputs on both sides of zero
# set them free. The layer stands in the net itself, so nobody can forget it.

# %%
for prepare, signs in ((nn.Identity(), 1), (Scale(), 2)):
    first = nn.Linear(3072, 512)
    first(prepare(train_x[:1]).flatten(1)).tanh().sum().backward()
    unit = first.weight.grad[0]  # the gradient of one hidden unit's 3,072 weights
    assert len(set(unit[unit != 0].sign().tolist())) == signs

# %% [markdown]
# A **dataset** gives one picture and its label for each index. A **loader** draws a batch of them, in another order in
# each epoch. The loop then does the same four things for each batch.

# %%
train_loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(val_x, val_y), batch_size=500)


def share_right(net, loader):
    """The share of pictures whose largest logit is that of their label, 0 to 1."""
    net.eval()  # layers behave as in use, not as in training: myth 3 shows one that differs
    right = seen = 0
    with torch.no_grad():  # nothing is learned here, so no gradients are kept
        for x, y in loader:
            right += (net(x.to(device)).argmax(1) == y.to(device)).sum().item()
            seen += len(y)
    return right / seen


# %%
def one_epoch(net, loader, optimizer):
    """One pass over the training set; `optimizer` holds the net's parameters."""
    net.train()
    for x, y in loader:
        loss = F.cross_entropy(net(x.to(device)), y.to(device))
        optimizer.zero_grad()  # forget the gradients of the batch before
        loss.backward()  # the gradient for each weight
        optimizer.step()  # a small step against it


# %% [markdown]
# The real pictures are learned by plain gradient descent, 100 epochs with a learning rate of 0.01. The 800 drawings
# should take seconds: there Nesterov momentum, or Adam, gets to the same end in fewer epochs (notebook 2).

# %%
sgd = torch.optim.SGD
if data == "built-in":
    fewer = max(epochs // 2, 1)
    dense = {"lr": 0.01, "optimizer": partial(sgd, momentum=0.95, nesterov=True), "epochs": epochs}
    deeper = {
        "lr": 0.0003,
        "optimizer": partial(torch.optim.Adam, fused=True),
        "epochs": fewer,
    }  # fused: only faster
    conv = {"lr": 0.005, "optimizer": torch.optim.Adam, "epochs": fewer}
else:
    dense = deeper = conv = {"lr": 0.01, "optimizer": sgd, "epochs": epochs}
late = max(epochs // 20, 1)  # the last epochs: of 14 the last one, of 100 the last five

# %%
seed_everything(seed)
small = small_net().to(device)
optimizer = dense["optimizer"](small.parameters(), lr=dense["lr"])
curves, states = {"training": [], "validation": []}, deque(maxlen=late)
for _ in range(dense["epochs"]):
    one_epoch(small, train_loader, optimizer)
    curves["training"].append(share_right(small, train_loader))
    curves["validation"].append(share_right(small, val_loader))
    states.append(copy.deepcopy(small.state_dict()))

# %% [markdown]
# One unlucky step can throw a net back just before the end. So of the last five of 100 epochs we keep the middle one, by validation.


# %%
def keep_middle(net, states, validation):
    """Give a net the weights of the middle one of its last epochs. Returns which: -1 is the very last."""
    epoch = sorted(range(-len(states), 0), key=lambda i: validation[i])[len(states) // 2]
    net.load_state_dict(states[epoch])
    return epoch


kept = keep_middle(small, states, curves["validation"])
measured["small, training"] = curves["training"][kept]
measured["small, validation"] = curves["validation"][kept]

# %%
ax = plots.curves(curves, x="epoch", y="accuracy", title="3072 → 512 → 2")
ax.axhline(0.5, color="grey", linestyle=":")
plots.show(
    ax,
    "Accuracy over the epochs. The training curve climbs to 1; the validation curve stops climbing far below it. A "
    "dotted line at one half marks what guessing gives.",
)

# %% [markdown]
# The two curves part. The net tells nearly all training pictures right, and only about three in five of the others.
# That is **overfitting**: it has learned these pictures by heart, more than what makes a bird a bird.
#
# Is it luck? Another seed gives other first weights and another order. Over five seeds, training minus validation was at least **0.38**
# (drawings, `benchmarks/learning_limits.json`).
#
# `fit`, the loop of notebook 2, takes the same steps on tensors in memory, without asking for each picture alone.
# From here on we use it again. `accuracy` gives the same share as `share_right`.

# %%
gap = measured["small, training"] - measured["small, validation"]
if data == "built-in":
    assert measured["small, training"] > 0.97 and 0.58 < measured["small, validation"] < 0.74 and gap > 0.3
elif epochs >= 100:
    assert measured["small, training"] >= 0.99 and 0.80 <= measured["small, validation"] <= 0.84, measured
assert accuracy(small, val_x, val_y) == share_right(small, val_loader) == measured["small, validation"]

# %% tags=["live", "nbval-ignore-output"]
net = small_net().to(device)
by_loader = seconds(lambda: one_epoch(net, train_loader, sgd(net.parameters(), lr=0.01)), repeat=1)
by_fit = seconds(lambda: fit(net, (train_x, train_y), epochs=1, device=device), repeat=1)
print(f"one epoch on this machine: {by_loader:.2f} s with the loader, {by_fit:.2f} s with fit")

# %% [markdown]
# ## 2 · What it costs
#
# A linear layer from $n$ to $m$ numbers has $n \cdot m$ weights and $m$ biases. Its weight has the shape $(m, n)$.

# %%
first = nn.Linear(3072, 1024)
assert first.weight.shape == (1024, 3072)
assert first.weight.numel() + first.bias.numel() == 3072 * 1024 + 1024 == 3_146_752


def deep_net():
    linear, tanh = nn.Linear, nn.Tanh()
    layers = [linear(3072, 1024), tanh, linear(1024, 512), tanh, linear(512, 128), tanh, linear(128, 2)]
    return nn.Sequential(Scale(), nn.Flatten(), *layers)


def sizes(net):
    return [p.numel() for p in net.parameters()]


for name, net in {"small": small, "deep": deep_net()}.items():
    print(f"{name}: {sizes(net)}, together {sum(sizes(net)):,}")

# %%
assert sizes(small) == [1572864, 512, 1024, 2] and sum(sizes(small)) == 1_574_402
assert sizes(deep_net()) == [3145728, 1024, 524288, 512, 65536, 128, 256, 2] and sum(sizes(deep_net())) == 3_737_474
assert 3_146_752 / 3_737_474 > 0.84  # the first layer alone
assert 800 * 3072 > 1_574_402 > 1500 * 800  # numbers in 800 pictures; parameters for each of them

# %% [markdown]
# Most of the deep net's 3,737,474 parameters sit in its first layer: 84 %. That layer grows with the picture. On the
# *meta* device, a layer has a shape but no memory, so you can ask what a large one would cost.

# %%
photo = nn.Linear(3 * 1024 * 1024, 1024, device="meta")  # a colour picture of 1024 × 1024 into 1,024 numbers
bytes_needed = photo.weight.numel() * photo.weight.element_size()
print(f"{photo.weight.numel():,} weights, {bytes_needed / 1e9:.1f} GB, {bytes_needed / 2**30:.0f} GiB in float32")
assert photo.weight.numel() == 3_221_225_472 and photo.weight.element_size() == 4
assert bytes_needed == 12 * 2**30 and round(bytes_needed / 1e9, 1) == 12.9

# %% [markdown]
# 3.2 billion weights, 12.9 GB (12 GiB), for **one** layer and one photograph of a modest size. Training takes the same
# again for the gradients, and once more for the momentum.

# %% [markdown]
# ## 3 · Learning by heart
#
# Does a deeper net learn more of what matters? Or would a smaller one have no room to learn by heart?
# Train the deep net, and small nets with fewer hidden units.

# %%
learn = partial(fit, data=(train_x, train_y), validation=(val_x, val_y), device=device, seed=seed)


def learn_and_keep(net, **setting):
    """Train with fit, keep the middle one of the last epochs. Returns the history and their states."""
    states = deque(maxlen=late)
    history = learn(net, on_epoch=lambda *_: states.append(copy.deepcopy(net.state_dict())), **setting)
    keep_middle(net, states, history.validation)
    return history, states


seed_everything(seed)
deep = deep_net()
learn_and_keep(deep, **deeper)
measured["deep, training"] = accuracy(deep, train_x, train_y)
measured["deep, validation"] = accuracy(deep, val_x, val_y)

# %%
short = dense | {"epochs": min(max(epochs // 2, 1), 20)}  # this is a comparison, not a record
table = {}
for hidden in (2, 8, 64):
    seed_everything(seed)
    net = small_net(hidden)
    learn(net, **short)
    table[hidden] = accuracy(net, train_x, train_y), accuracy(net, val_x, val_y)
    measured[f"{hidden} hidden, training"], measured[f"{hidden} hidden, validation"] = table[hidden]
at = short["epochs"] - 1
table[512] = curves["training"][at], curves["validation"][at]

# %%
ax = plots.axes(1, size=2.6, wide=2.0)[0]
for part, (marker, kind) in enumerate([("o", "training"), ("s", "validation")]):
    ax.plot(range(len(table)), [pair[part] for pair in table.values()], marker=marker, label=kind)
ax.set_xticks(range(len(table)), [f"{hidden}" for hidden in table])
ax.set(xlabel="hidden units", ylabel="accuracy", ylim=(0.5, 1.02))
ax.legend(frameon=False)
plots.show(
    ax,
    "Training and validation accuracy for 2, 8, 64 and 512 hidden units. With more units the training accuracy rises, "
    "and the validation accuracy hardly rises: the gap between the two curves opens.",
)

# %% [markdown]
# The deep net learns by heart as well: its 3.7 million parameters leave the same kind of gap.
# The tiny nets learn less by heart, because they cannot. But they are not better on new pictures: the gap closes from
# **above**. Smaller capacity hides the disease; it does not heal it.

# %%
deep_gap = measured["deep, training"] - measured["deep, validation"]
if data == "built-in":
    assert measured["deep, training"] > 0.75 and deep_gap > 0.08
    assert table[2][0] - table[2][1] < gap and table[2][0] < 0.92
    assert max(table[hidden][1] for hidden in (2, 8, 64)) < measured["small, validation"] + 0.06
elif epochs >= 100:
    assert measured["deep, training"] >= 0.99 and 0.78 <= measured["deep, validation"] <= 0.83, measured

# %% [markdown]
# ## 4 · Blind to layout
#
# Take one fixed shuffle of the 1,024 places, the same for all pictures and all channels.

# %%
predict.shuffled()

# %%
order = torch.randperm(32 * 32, generator=torch.Generator().manual_seed(seed))


def shuffled(x):
    return x.flatten(2)[:, :, order].reshape(x.shape)


ax = plots.axes(4, size=1.9)
for i in range(2):
    plots.image(train_x[i], ax[2 * i], title=names[train_y[i]])
    plots.image(shuffled(train_x)[i], ax[2 * i + 1], title="the same, shuffled")
plots.show(ax, "Two pictures, and beside each its pixels in another order: coloured noise that nobody can read.")

# %% [markdown]
# To a fully-connected net, the order of its inputs means nothing. Put the first layer's weights into the same order,
# and the net gives the same answers on the shuffled pictures. So for each net that is good at pictures there is one that is
# exactly as good at the noise.

# %%
twin = small_net().to(device)
twin.load_state_dict(small.state_dict())
columns = torch.arange(3072).view(3, 1024)[:, order].flatten()  # where each shuffled input came from
with torch.no_grad():
    twin[2].weight.copy_(small[2].weight[:, columns])
    logits = [net(x.to(device)) for net, x in ((small, val_x), (twin, shuffled(val_x)))]
assert torch.allclose(*logits, atol=1e-3)

# %% [markdown]
# And learning finds it as easily. The convolutional net of notebook 8 serves as the other side. Its layers are explained
# in the notebooks that follow; here it is enough that it reads small patches, with the same weights at each place.
# It has 18,090 parameters, 87 times fewer than the small net.


# %%
def conv_net():
    return nn.Sequential(
        *(Scale(), nn.Conv2d(3, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 8, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2)),
    )


assert sum(sizes(conv_net())) == 18_090 and 1_574_402 // 18_090 == 87

seed_everything(seed)
cnn = conv_net()
history, cnn_states = learn_and_keep(cnn, **conv)
measured["CNN, training"] = accuracy(cnn, train_x, train_y)
measured["CNN, validation"] = accuracy(cnn, val_x, val_y)

# %%
noise = {"data": (shuffled(train_x), train_y), "validation": (shuffled(val_x), val_y)}
short_conv = conv | {"epochs": min(conv["epochs"], 20)}
before = {"fully connected": curves["validation"][at], "CNN": history.validation[short_conv["epochs"] - 1]}
after = {}
for name, make, setting in (("fully connected", small_net, short), ("CNN", conv_net, short_conv)):
    seed_everything(seed)
    after[name] = learn(make(), **setting, **noise).validation[-1]
    measured[f"{name}, lost by shuffling"] = before[name] - after[name]

# %%
ax = plots.axes(1, size=2.6, wide=1.8)[0]
for right, (kind, values, hatch) in enumerate((("pictures", before, ""), ("shuffled pixels", after, "//"))):
    ax.bar([i + 0.38 * right for i in range(2)], values.values(), 0.36, label=kind, hatch=hatch, edgecolor="white")
ax.set_xticks([0.19, 1.19], before)
ax.set(ylabel="validation accuracy", ylim=(0.5, 1.0))
ax.legend(frameon=False, loc="upper left")
plots.show(
    ax,
    "Validation accuracy on pictures and on shuffled pixels. The fully-connected net reaches the same on both; the CNN "
    "is well above it on pictures and loses clearly on shuffled pixels.",
)

# %% [markdown]
# The fully-connected net does as well on the noise as on the pictures. The CNN loses: its patches now hold pixels that have
# nothing to do with each other. A new training run brings some luck, good or bad, so look at five seeds: the
# CNN lost **0.08** of its validation accuracy in the mean, the fully-connected net **0.00**. On the pictures as
# they are, the CNN was at least **0.25** ahead.
#
# The CNN does not fall to guessing: how many pixels of which colour there are is not hidden by a shuffle.
#
# What hurts the CNN is what made it good: it *expects* that near pixels belong together. The other net expects nothing,
# so it must learn everything.

# %%
if data == "built-in":
    assert abs(measured["fully connected, lost by shuffling"]) < 0.1
    assert measured["CNN, lost by shuffling"] > 0.01
    assert measured["CNN, validation"] > 0.86 and measured["CNN, validation"] > measured["small, validation"] + 0.1
elif epochs >= 100:
    assert 0.91 <= measured["CNN, training"] <= 0.97 and 0.87 <= measured["CNN, validation"] <= 0.93, measured

# %% [markdown]
# ## 5 · New at every place
#
# A drawing of 28 × 28 pixels holds one stroke of five pixels, / or \. Where it stands is chance. All training strokes
# lie on the black squares of a chessboard, all test strokes on the white ones: a step of one pixel leads
# from one to the other.

# %%
slash_x, slash_y = load("slashes", "train")
test_x, test_y = load("slashes", "test")
assert slash_x.shape == test_x.shape == (576, 1, 28, 28)

lit, test_lit = slash_x.amax((0, 1)) > 0, test_x.amax((0, 1)) > 0  # the pixels that any stroke covers
assert not (lit & test_lit).any()

ax = plots.axes(4, size=1.8)
for axis, picture, title in zip(ax, [*slash_x[:2], *test_x[:2]], ["training"] * 2 + ["test"] * 2, strict=True):
    plots.image(picture, axis, title=title)
plots.show(ax, "Four black drawings with one short white stroke each, leaning left or right, each at another place.")

# %%
predict.slashes()


# %%
def slash_fc():
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 76), nn.Tanh(), nn.Linear(76, 2))


def slash_cnn():
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 12, 3, padding=1), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 2)),  # of each map only its largest value
    )


assert sum(sizes(slash_fc())) == 59_814 and sum(sizes(slash_cnn())) == 982
fc_setting = {"epochs": 30, "lr": 0.5, "optimizer": partial(sgd, momentum=0.9), "batch_size": 32}
cnn_setting = {"epochs": 10, "lr": 0.01, "optimizer": torch.optim.Adam, "batch_size": 32}

# %%
slash_nets = {}
for name, make, setting in (("slash FC", slash_fc, fc_setting), ("slash CNN", slash_cnn, cnn_setting)):
    seed_everything(seed)
    slash_nets[name] = net = make()
    start = net[1 if name == "slash FC" else 0].weight.detach().clone()
    fit(net, (slash_x, slash_y), device=device, seed=seed, **setting)
    measured[f"{name}, training"] = accuracy(net, slash_x, slash_y)
    measured[f"{name}, test"] = accuracy(net, test_x, test_y)
    if name == "slash FC":
        fc_start, fc_end = start, net[1].weight.detach().cpu()

assert measured["slash FC, training"] == 1 and 0.35 < measured["slash FC, test"] < 0.65
assert measured["slash CNN, training"] == measured["slash CNN, test"] == 1

# %% [markdown]
# 59,814 parameters: every training drawing right, and on the test drawings no better than a coin. 982 parameters: everything
# right. You can see why in the weights. A pixel that was never lit sends 0 into the net, so the gradient
# for its weights is 0. After all that training they are **exactly** the random numbers they were at the start.

# %%
moved = (fc_end != fc_start).view(76, 28, 28).any(0)  # where any weight has changed
assert torch.equal(moved, lit)

ax = plots.axes(3, size=2.1)
corner = slice(0, 10), slice(0, 10)  # the upper left corner, so that the squares can be seen
plots.image(lit[corner].float(), ax[0], title="lit in training")
plots.image(moved[corner].float(), ax[1], title="weights that learned")
plots.image(test_lit[corner].float(), ax[2], title="lit in the test")
plots.show(
    ax,
    "Three chessboards, each a corner of 10 × 10 pixels: the pixels that training strokes cover, the pixels whose "
    "weights have changed, which are the same ones, and the pixels that test strokes cover, which are all the others.",
)

# %% [markdown]
# The CNN's weights are used at each place, so each place teaches all others. Then it should not even need to see the
# right half. Train it on strokes in the left half only, and ask about strokes in the right half.

# %%
in_left = slash_x[..., 14:].amax((1, 2, 3)) == 0
in_right = test_x[..., :14].amax((1, 2, 3)) == 0
assert in_left.sum() == in_right.sum() == 240

seed_everything(seed)
half = slash_cnn()
fit(half, (slash_x[in_left], slash_y[in_left]), device=device, seed=seed, **(cnn_setting | {"epochs": 15}))
measured["left half only, right half"] = accuracy(half, test_x[in_right], test_y[in_right])
assert measured["left half only, right half"] == 1

# %% [markdown]
# ## 6 · Random crops: a cure and its price
#
# If each place is new, show each place. A **random crop** puts a frame of zeros around the picture, here 4 pixels on each
# side, and cuts a window of the old size out at a random place. It belongs into the dataset: each *request* gives another crop.


# %%
class Crops(Dataset):
    """Pictures that move by up to `padding` pixels, anew at each request."""

    def __init__(self, images, labels, padding):
        self.padded = F.pad(images, [padding] * 4)
        self.labels, self.size, self.places = labels, images.shape[-1], 2 * padding + 1

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        row, column = torch.randint(self.places, (2,)).tolist()
        return self.padded[index, :, row : row + self.size, column : column + self.size], self.labels[index]


# %%
seed_everything(seed)
crops = Crops(train_x, train_y, padding=4)
requests = [crops[0][0] for _ in range(5)]
assert len(crops) == len(train_x) and all(crop.shape == (3, 32, 32) for crop in requests)
assert any(not torch.equal(requests[0], other) for other in requests[1:])  # the same index, another picture
assert any(torch.equal(crops[0][0], train_x[0]) for _ in range(2000))  # 1 of 81 places is the old one

# %%
ax = plots.axes(6, size=1.6)
plots.image(train_x[0], ax[0], title="picture")
for i, request in enumerate(requests, start=1):
    plots.image(request, ax[i], title=f"request {i}")
plots.show(
    ax,
    "One picture and five crops of it. In each the same thing stands at another place, with a black strip where the "
    "frame of zeros shows, and something of the picture is cut off on the other side.",
)

# %% [markdown]
# See the price: a strip of zeros that no real picture has, and something cut off. And there are now 81 pictures
# for each old one. To judge the cure, move the *validation* pictures: $k$ pixels down. What leaves below
# comes in above.


# %%
def shift(x, k):
    return x.roll(k, dims=2)


distances = (0, 1, 2, 4, 8)


def when_shifted(net, states=()):
    """The accuracy at each distance; for a net with several states, the middle one."""
    net, seen = copy.deepcopy(net), []
    for state in states or [net.state_dict()]:
        net.load_state_dict(state)
        seen.append([accuracy(net, shift(val_x, k), val_y) for k in distances])
    return [sorted(values)[len(values) // 2] for values in zip(*seen, strict=True)]


# %%
crop_loader = DataLoader(crops, batch_size=64, shuffle=True)
by_net = {"fully connected": when_shifted(small, states), "CNN": when_shifted(cnn, cnn_states)}
for name, make, setting in (("fully connected", small_net, short), ("CNN", conv_net, short_conv)):
    seed_everything(seed)
    net = make().to(device)
    optimizer = setting["optimizer"](net.parameters(), lr=setting["lr"])
    for _ in range(setting["epochs"]):
        one_epoch(net, crop_loader, optimizer)
    measured[f"{name} on crops, training"] = accuracy(net, train_x, train_y)
    by_net[f"{name}, trained on crops"] = when_shifted(net)
for name, values in by_net.items():
    measured |= {f"{name}, shifted by {k}": value for k, value in zip(distances, values, strict=True)}

# %%
ax = plots.axes(1, size=3.0, wide=1.8)[0]
for (name, values), style in zip(by_net.items(), ("o-", "s-", "o--", "s--"), strict=True):
    ax.plot(distances, values, style, label=name, color="#0b63b5" if "full" in name else "#d95f02")
ax.axhline(0.5, color="grey", linestyle=":")
ax.set(xlabel="shift, pixels down", ylabel="validation accuracy", xticks=distances)
ax.legend(frameon=False, fontsize=8)
plots.show(
    ax,
    "Validation accuracy over the shift, four curves. The fully-connected net falls from about three in five to "
    "one half; the CNN starts far higher and falls too. Trained on crops, the CNN starts lower and falls less up to "
    "4 pixels, where the two are close; the fully-connected net stays near one half throughout.",
)

# %% [markdown]
# Without crops, both nets lose as the picture moves. With crops, the CNN falls less, up to the 4 pixels that a crop can move. But it
# pays for that on the unmoved pictures: it starts lower, so at 4 pixels the two CNNs are about level. It had 81 places to
# learn in the epochs that the other spent on one.
#
# For the fully-connected net the price is too high: after as many epochs it does not even know its training pictures. One bird at
# 81 places is 81 things to it. It would need many more epochs, and many more pictures.
#
# At least, training and validation part far less: what is hardly ever the same twice cannot be learned by heart.

# %%
lost_by_4 = {name: values[0] - values[distances.index(4)] for name, values in by_net.items()}
if data == "built-in":
    assert lost_by_4["CNN, trained on crops"] < lost_by_4["CNN"] - 0.03
    assert by_net["CNN, trained on crops"][0] < by_net["CNN"][0]
    assert abs(by_net["CNN, trained on crops"][distances.index(4)] - by_net["CNN"][distances.index(4)]) < 0.12
    assert measured["fully connected on crops, training"] < table[512][0] - 0.15  # after as many epochs
    assert measured["fully connected on crops, training"] - by_net["fully connected, trained on crops"][0] < gap / 2
    assert measured["CNN on crops, training"] - by_net["CNN, trained on crops"][0] < 0.06
    assert by_net["fully connected, trained on crops"][0] < by_net["fully connected"][0] - 0.02
    assert by_net["fully connected"][0] > by_net["fully connected"][4] + 0.08
elif epochs >= 100:
    listed = {"fully connected": (0.802, 0.752, 0.744, 0.703), "CNN": (0.899, 0.871, 0.824, 0.735)}
    for name, values in listed.items():
        assert all(abs(got - figure) <= 0.03 for got, figure in zip(by_net[name][1:], values, strict=True)), by_net

# %% [markdown]
# ## 7 · What would be the right tool?
#
# Each limit asks for something.
#
# | Limit | What the tool should do |
# |---|---|
# | weights grow with the picture | the same few weights for a picture of any size |
# | blind to layout | look at near pixels together |
# | new at every place | use the same weights at each place |
#
# One operation does all three. It is the subject of the next notebook, and you have seen its work here already.
#
# ## Play
#
# Drag the picture, or press the arrow keys on it. What leaves on one side comes in on the other. The two maps show the
# probability of the right class at all 17 × 17 shifts, for the two nets from above: where does each net know its picture?

# %%
shifter = PictureShifter({"fully connected": small, "CNN": cnn}, val_x[:8], val_y[:8], names)
shifter

# %% [markdown]
# The same in two lines: move the picture, ask the net. It follows what you have set above.

# %%
with torch.no_grad():
    moved_picture = val_x[shifter.picture].roll(shifter.shift, dims=(1, 2))
    by_torch = cnn(moved_picture[None].to(device)).softmax(1)[0].cpu()
assert torch.allclose(shifter.probabilities["CNN"], by_torch, atol=1e-4)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:limits.count_parameters"]

# %% tags=["exercise:limits.layer_memory"]

# %% tags=["exercise:limits.accuracy"]

# %% tags=["exercise:limits.permute_pixels"]

# %% tags=["exercise:limits.random_crop"]

# %% [markdown]
# ## Myth check
#
# Three sentences that one hears. Each is run, then put right.
#
# **Myth 1.** *"CNNs are translation invariant: they do not care where the bird is."*

# %%
assert by_net["CNN"][0] - by_net["CNN"][4] > 0.1  # 8 pixels down

# %% [markdown]
# It cares. Moved by 8 pixels, it loses more than a tenth of the pictures. A **convolution** is
# *equivariant*: when the picture moves, its map moves along, and is otherwise the same. But then this CNN flattens the map
# into a linear layer, and there each place has weights of its own again.
#
# Average each map over all places instead, and the place is gone: that is **global pooling**. Here are both heads on
# the same convolution, with random weights, nothing learned. The padding is circular, so that no rim disturbs.

# %%
seed_everything(seed)
body = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular"), nn.Tanh())
flat_head = nn.Sequential(nn.Flatten(), nn.Linear(8 * 32 * 32, 2))
pooled_head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2))

with torch.no_grad():
    maps = body(val_x[:50])
    for k in distances[1:]:
        moved_maps = body(shift(val_x[:50], k))
        assert torch.allclose(moved_maps, shift(maps, k), atol=1e-5)  # equivariant
        assert torch.allclose(pooled_head(moved_maps), pooled_head(maps), atol=1e-5)  # invariant
        assert (flat_head(moved_maps) - flat_head(maps)).abs().mean() > 0.01  # neither

# %% [markdown]
# True is: convolution is equivariant, global pooling makes the invariance, a flattened linear head unmakes it.
# The CNN for the strokes had global pooling. So a stroke in the inner part of the picture gives the same logits
# wherever it stands.

# %%
inner = test_x[..., 6:-6, 6:-6].sum((1, 2, 3)) == 5  # all five pixels, with room to move
there, here = (
    F.pad(test_x[inner], [6] * 4)[..., 6 - r : 34 - r, 6 - c : 34 - c].to(device) for r, c in ((3, -2), (0, 0))
)
with torch.no_grad():
    assert torch.allclose(slash_nets["slash CNN"](there), slash_nets["slash CNN"](here), atol=1e-4)
    slash_fc_moved = (slash_nets["slash FC"](there) - slash_nets["slash FC"](here)).abs().mean()
assert inner.sum() > 100 and slash_fc_moved > 0.1

# %% [markdown]
# **Myth 2.** *"A net with more parameters than pictures cannot but learn by heart; take a smaller one."* The
# stroke nets both have more parameters than there are drawings, and one of them is right everywhere.

# %%
assert 59_814 > 982 > len(slash_x) == 576
assert measured["slash CNN, test"] == 1 and measured["slash FC, test"] < 0.65
if data == "built-in":
    assert table[2][1] < measured["CNN, validation"] - 0.1  # 2 hidden units: 6,152 parameters, fewer than the CNN has
assert sum(sizes(small_net(2))) == 6152 < 18_090

# %% [markdown]
# True is: what a net is made to look for counts more than how many parameters it has. The fully-connected net with 2 hidden
# units has a third of the CNN's parameters, and is far behind it.
#
# **Myth 3.** *"`torch.no_grad()` is enough to measure a net."* Here is a net with dropout: while it trains, it drops
# some of its numbers at random.

# %%
seed_everything(seed)
dropping = nn.Sequential(nn.Linear(20, 20), nn.Dropout(0.5))
x = torch.randn(4, 20)
with torch.no_grad():
    assert not torch.equal(dropping(x), dropping(x))  # no gradients, but two answers to one question
dropping.eval()
assert torch.equal(dropping(x), dropping(x)) and dropping(x).requires_grad  # one answer, and gradients are kept

# %% [markdown]
# True is: `no_grad` is about gradients, `eval` about how layers behave. To measure you need both, and `train()` afterwards.

# %% [markdown]
# ## You saw
#
# - The whole program: a dataset, a loader, a loop, and two curves that part: the net learns its pictures by heart.
# - 1,574,402 and 3,737,474 parameters, most of them in the first layer; 12.9 GB for one layer on one photograph.
#   You can tell it before you build it.
# - Shuffled pixels are as good as pictures to it, and a stroke at a new place is new. Crops and smaller nets do
#   not mend that.
#
# On pictures as they are, a CNN with 87 times fewer parameters was far ahead. What is its operation? You will build it by hand.
#
# **Next:** [4 · Convolution by hand](04_convolution_by_hand.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** A. Krizhevsky, *Learning multiple layers of features from tiny images*, 2009 (CIFAR-10).
# E. Stevens, L. Antiga and T. Viehmann, *Deep Learning with PyTorch*, 2020, chapters 7 and 8 (birds and airplanes).
# R. Zhang, *Making convolutional networks shift-invariant again*, arXiv:1904.11486.
# PyTorch's documentation of `torch.nn.Linear`, `torch.utils.data` and `torch.no_grad`.
