# %% [markdown]
# # 10 · GPU training
#
# **What is the whole program, and what changes when there is a GPU?**
#
# You will be able to
#
# - write a whole training program: data, model, loop, curves, the best state in a file, and a run that survives an
#   interruption;
# - move it to a GPU with two steps, read the error when something is left behind, and measure what makes it faster;
# - read labels from file names, and train in several processes at once.
#
# Time: about 90 minutes. Know first: optimizers and the loop (notebooks 2 and 3), pooling (7), modules (8). You
# need no GPU: without one, every cell runs, and says what it would show.

# %%
import copy
import os
import tempfile
from contextlib import chdir
from functools import partial
from time import perf_counter

import torch
import torch.nn.functional as F
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from helpers import checkpoint, distributed, pictures, plots
from helpers import exercises as ex
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import gpu as predict
from helpers.train import accuracy, compiled, fit, pick_device, seconds, seed_everything, with_bar
from helpers.widgets import DrawDigit, LiveTraining

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where everything is trained
data: str = "built-in"  # "built-in" or "real": small sets that need no network, or MNIST and CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 6  # passes over the digits
bird_epochs: int = 4  # passes over the birds and airplanes; 100 for the real data
with_compile: bool = False  # True measures torch.compile too: that may take a minute

# %%
seed_everything(seed)
device = pick_device(device)
train_x, train_y = load("digits", "train", source=data, root=data_root)
test_x, test_y = load("digits", "test", source=data, root=data_root)
mean, std = train_x.mean(), train_x.std()
train_x, test_x = (train_x - mean) / std, (test_x - mean) / std  # inputs on both sides of zero

assert train_x.shape[1:] == (1, 28, 28) and len(train_x) == {"built-in": 1437, "real": 60_000}[data]
assert train_x.mean().abs() < 1e-3 and (train_x.std() - 1).abs() < 1e-3

# %% [markdown]
# ## Guess first

# %%
predict.who_moves()

# %% [markdown]
# Section 4 shows it. First the program that is to be moved.
#
# ## 1 · The digit program
#
# Handwritten digits, 28 × 28 pixels, ten classes. The net has two convolutions and one linear layer. Follow a picture:
# 28 → 24 by the first 5 × 5 kernel, → 12 by pooling, → 8 → 4, and 20 maps of 4 × 4 are 320 numbers.


# %%
def digit_net():
    return nn.Sequential(
        *(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU()),  # (N, 10, 12, 12)
        *(nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()),  # (N, 20, 4, 4)
        *(nn.Flatten(), nn.Linear(320, 10)),  # ten logits
    )


sizes = [p.numel() for p in digit_net().parameters()]
print(sizes, "together", sum(sizes))
assert digit_net()(test_x[:3]).shape == (3, 10)
assert sizes == [250, 10, 5000, 20, 3200, 10] and sum(sizes) == 8490

# %% [markdown]
# The loop is that of notebook 3. Two things in it are about the device: the batch is moved there, and `pin_memory`
# puts batches where a GPU can fetch them itself. On a CPU both do nothing.

# %%
on_gpu = device.type == "cuda"
loader = DataLoader(TensorDataset(train_x, train_y), batch_size=64, shuffle=True, pin_memory=on_gpu)


def one_epoch(net, loader, optimizer):
    """One pass over the training set."""
    net.train()
    for x, y in loader:
        x, y = x.to(device, non_blocking=True), y.to(device, non_blocking=True)
        loss = F.cross_entropy(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


# %% [markdown]
# `with_bar` draws a bar while you watch. After each epoch we measure, and keep a copy of the weights when they are the best so far.
# `copy.deepcopy` matters: `state_dict()` hands out the living weights, and the next step would change them.

# %%
setting = {"lr": 0.01, "momentum": 0.5} if data == "real" else {"lr": 0.05, "momentum": 0.9}
seed_everything(seed)
model = digit_net().to(device)
optimizer = torch.optim.SGD(model.parameters(), **setting)
curves, best, best_state = {"training": [], "test": []}, 0.0, None
for _ in with_bar(range(epochs)):
    one_epoch(model, loader, optimizer)
    curves["training"].append(accuracy(model, train_x, train_y))
    curves["test"].append(accuracy(model, test_x, test_y))
    if curves["test"][-1] > best:
        best, best_state = curves["test"][-1], copy.deepcopy(model.state_dict())

# %%
ax = plots.curves(curves, x="epoch", y="accuracy", title="digits")
plots.show(
    ax,
    "Training and test accuracy of the digit net over the epochs. Both climb steeply in the first epochs and then "
    "slowly; the test curve ends a little below the training curve, and not each epoch is better than the one before.",
)

# %%
if data == "real" and epochs >= 6:
    assert curves["test"][-1] >= 0.983, curves  # 60,000 pictures, plain SGD, six epochs
elif data == "built-in" and epochs >= 6:
    assert curves["training"][-1] > 0.92 and curves["test"][-1] > 0.85, curves
assert best == max(curves["test"]) >= curves["test"][-1]

# %% [markdown]
# On the 60,000 real pictures the same six epochs, with learning rate 0.01 and momentum 0.5, end at a test accuracy of
# at least 0.983. The built-in set has 1,437.
#
# A word of honesty: we chose the best epoch by the test pictures, so `best` is a little too kind. For an honest number,
# keep a third set, which chooses nothing.
#
# ## 2 · Keep what was learned
#
# A file keeps it beyond this session. As in notebook 8, it is the **state_dict** that goes into the file, not the model.

# %%
folder = tempfile.TemporaryDirectory()  # for this notebook; yours has a name
best_file = os.path.join(folder.name, "best.pt")
torch.save(best_state, best_file)

again = digit_net()  # fresh, random weights
again.load_state_dict(torch.load(best_file, map_location="cpu", weights_only=True))
again.to(device)
assert all(torch.equal(value, best_state[name]) for name, value in again.state_dict().items())
assert abs(accuracy(again, test_x, test_y) - best) < 1e-3

# %% [markdown]
# `map_location="cpu"` lets a machine without a GPU read what a GPU wrote. And `weights_only=True` refuses everything
# but numbers and names. Here is why: a `.pt` file is a *pickle*, and a pickle can hold a call that runs when it is read.


# %%
class Surprise:
    def __reduce__(self):
        return print, ("this line was run by torch.load",)


torch.save(Surprise(), best_file + ".bad")
torch.load(best_file + ".bad", weights_only=False)  # never do this with a file that you did not write

# %% [markdown]
# To go **on** you need more than weights. The next step also depends on the optimizer's momentum, on the epoch, and on the
# random numbers that shuffle the batches. `helpers.checkpoint` keeps all of it. It writes a new file first and then puts it
# in the old one's place, so an interruption never leaves half a file. `fit` writes one after each epoch, and goes on from it.

# %%
digits = {"data": (train_x[:600], train_y[:600]), "epochs": 4, "seed": seed}
run = digits | {"lr": 0.05, "optimizer": partial(torch.optim.SGD, momentum=0.9), "device": "cpu"}
run_file = os.path.join(tempfile.mkdtemp(dir=folder.name), "run.pt")


def interrupt(epoch, history):
    if epoch == 2:
        raise KeyboardInterrupt  # what the stop button does


def fresh():
    seed_everything(seed)
    return digit_net()


whole, broken, later = fresh(), fresh(), fresh()
all_at_once = fit(whole, **run)
fit(broken, **run, checkpoint=run_file, on_epoch=interrupt)  # ends after two epochs
gone_on = fit(later, **run, checkpoint=run_file)  # epochs three and four

# %%
pairs = list(zip(whole.parameters(), later.parameters(), strict=True))
assert all(torch.equal(a, b) for a, b in pairs)  # bit for bit, on a CPU
assert not torch.equal(whole[0].weight, broken[0].weight) and gone_on == all_at_once

# %% [markdown]
# The interrupted run ends at the same weights, bit for bit. (On a GPU some sums are added up in a changing order, so there
# the last digits may differ.)
#
# And when the file is no good? Half a file, the file of another model, a pickle with a surprise in it: each gets a clear
# sentence, the file stays, the model is untouched.

# %% tags=["nbval-ignore-output"]
with chdir(os.path.dirname(run_file)):
    with open("run.pt", "rb") as file:
        half = file.read()[:4000]
    with open("half.pt", "wb") as file:
        file.write(half)
    torch.save(Surprise(), "surprise.pt")
    small = nn.Sequential(nn.Conv2d(1, 5, 5))
    before = copy.deepcopy(later.state_dict())
    for name, net in {"half.pt": later, "surprise.pt": later, "run.pt": small}.items():
        show_error(checkpoint.CheckpointError, partial(checkpoint.load, name, net))
    assert os.path.getsize("half.pt") == 4000
assert all(torch.equal(before[name], value) for name, value in later.state_dict().items())

# %% [markdown]
# ## 3 · What it has learned
#
# The best state goes back into the model. Thirty test pictures, with what the net says; where it is wrong, the title says so.

# %%
model.load_state_dict(best_state)
model.eval()
with torch.no_grad():
    logits = torch.cat([model(x.to(device)).cpu() for x in test_x.split(512)])
probabilities, answers = logits.softmax(1).max(1)
wrong = (answers != test_y).nonzero().flatten()
assert abs(1 - len(wrong) / len(test_y) - best) < 1e-3

# %%
for row in range(3):
    ax = plots.axes(10, size=1.05)
    for axis, i in zip(ax, range(10 * row, 10 * row + 10), strict=True):
        right = answers[i] == test_y[i]
        plots.image(test_x[i] * std + mean, axis)
        axis.set_title(f"{answers[i]}" if right else f"✗ {answers[i]}, is {test_y[i]}", fontsize=9)
    plots.show(
        ax,
        f"Test pictures {10 * row + 1} to {10 * row + 10}, handwritten digits; above each stands the net's "
        "answer, marked by a cross where it is wrong.",
    )

# %% [markdown]
# Which digits does it confuse? A **confusion matrix** counts: a row for each true digit, a column for each answer.
# What is right stands on the diagonal. It is scikit-learn's; by hand it is one line.

# %%
matrix = confusion_matrix(test_y, answers, labels=range(10))
by_hand = torch.zeros(10, 10, dtype=torch.int64).index_put_((test_y, answers), torch.tensor(1), accumulate=True)
assert (matrix == by_hand.numpy()).all() and matrix.trace() == len(test_y) - len(wrong)

ax = plots.axes(1, size=4)[0]
ConfusionMatrixDisplay(matrix).plot(ax=ax, colorbar=False, cmap="Blues", text_kw={"fontsize": 8})
plots.show(
    ax,
    "A ten by ten table of counts, true digit by row and answer by column. Nearly all pictures lie on the diagonal; "
    "the few others show which digits are taken for which.",
)

# %% [markdown]
# The **worst** mistakes are those with the largest loss: the true digit got next to no probability. Look at them before you
# blame the net. Some are hard for you too; in large sets, some labels are wrong.

# %%
losses = F.cross_entropy(logits, test_y, reduction="none")
worst = losses.argsort(descending=True)[:6]
assert losses[wrong].min() > 0.69  # wrong: the true digit got at most one half, and −log 0.5 = 0.693
ax = plots.axes(6, size=1.8)
for axis, i in zip(ax, worst, strict=True):
    plots.image(test_x[i] * std + mean, axis)
    axis.set_title(f"{test_y[i]}, taken for {answers[i]}\nwith {probabilities[i]:.0%}", fontsize=9)
plots.show(
    ax,
    "The six test pictures with the largest loss. Each is a digit in an unusual hand; above it stand the true digit, "
    "the answer, and how sure the net was.",
)

# %% [markdown]
# ## 4 · Two steps to another device
#
# A model and its input must lie on the same device. So two things have to move, and they move in two ways:
#
# - `model.to(device)` moves the module **in place**: its parameters and buffers;
# - `x.to(device)` gives a **new tensor** and leaves `x` where it was: write `x = x.to(device)`.
#
# To see the error without a GPU we take the *meta* device. It knows shapes and no numbers, and is as strict as a
# GPU. With a GPU, this cell shows that one's own words.

# %% tags=["nbval-ignore-output"]
other = "cuda" if on_gpu else "meta"
net = digit_net()
net.to(other)  # in place
x, y = test_x[:4], test_y[:4]
x.to(other)  # the moved tensor is dropped
assert next(net.parameters()).device.type == other and x.device.type == "cpu"

show_error(RuntimeError, lambda: net(x))  # the images are left behind
x = x.to(other)
show_error(RuntimeError, lambda: F.cross_entropy(net(x), y))  # the labels are left behind
y = y.to(other)
assert F.cross_entropy(net(x), y).device.type == other

# %% [markdown]
# Read such an error in two questions. Which two devices does it name? Which of model, images and labels did you not move? A
# tensor that you make inside `forward`, or keep in a plain attribute, is a fourth candidate: make it with `device=x.device`, or
# register it as a buffer (notebook 8).
#
# And a device that is not here? torch's own message speaks of drivers. `pick_device` says what to write instead.

# %%
if not torch.cuda.is_available():
    show_error(ValueError, lambda: pick_device("cuda"))
show_error(ValueError, lambda: pick_device("gpu"))

# %% [markdown]
# A device's memory may be too small. A GPU then raises `torch.OutOfMemoryError`, a kind of `RuntimeError`; the CPU has only words:

# %% tags=["nbval-ignore-output"]
show_error(RuntimeError, lambda: torch.empty(2**46, device=device))

# %% [markdown]
# When it happens in `fit`, it says what to try: a smaller `batch_size`. What was learned until then is kept.
#
# ## 5 · What is fast
#
# A GPU works while Python goes on: a call only puts work into its queue. So a clock without **synchronize** measures how fast
# Python hands out work. `torch.cuda.synchronize()` waits until the queue is empty; `helpers.train.seconds` does it for
# you, before and after each call. Numbers below are of your machine, now.


# %%
def bird_cnn():  # the net of notebook 8, for 32 × 32 colour pictures
    return nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 8, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2)),
    )


def step(net, x, y):
    """Forwards and backwards, without moving any weight."""
    loss = F.cross_entropy(net(x), y)
    net.zero_grad()
    loss.backward()


assert sum(p.numel() for p in bird_cnn().parameters()) == 18_090

# %% tags=["live", "nbval-ignore-output"]
if on_gpu:
    large = torch.randn(4096, 4096, device=device)
    large @ large  # the first product also loads what it needs
    torch.cuda.synchronize()
    start = perf_counter()
    large @ large
    queued = perf_counter() - start
    torch.cuda.synchronize()
    print(f"without synchronize {1000 * queued:.3f} ms, with it {1000 * (perf_counter() - start):.3f} ms")
else:
    print("No GPU here. With one, this cell times a product of two matrices, without synchronize and with it.")

# %% [markdown]
# **From which batch size does the GPU win?** Each call has a price of its own, and a small batch does not fill a GPU.

# %% tags=["live", "nbval-ignore-output"]
print("images a second" + ("" if on_gpu else "; with a GPU a second column stands here, and the first size that wins"))
wins = None
for n in (1, 16, 64, 256):
    batch, target = torch.randn(n, 3, 32, 32), torch.zeros(n, dtype=torch.int64)
    speed = {}
    for place in dict.fromkeys(("cpu", device.type)):
        net, x, y = bird_cnn().to(place), batch.to(place), target.to(place)
        speed[place] = n / seconds(partial(step, net, x, y), repeat=3)
    print(f"batch {n:4}: " + ", ".join(f"{place} {value:9,.0f}" for place, value in speed.items()))
    if on_gpu and speed["cuda"] > speed["cpu"]:
        wins = wins or n
if on_gpu:
    print(f"the GPU wins from batch {wins}" if wins else "the CPU wins at all of these sizes")

# %% [markdown]
# **Getting the data there.** *Pinned* memory is never moved by the operating system, so a GPU fetches it by itself, and with
# `non_blocking=True` Python need not wait. When all data fits on the device, keep it there: then nothing is
# fetched at all. Digits do fit: `fit` works that way.

# %% tags=["live", "nbval-ignore-output"]
net = digit_net().to(device)
sgd = torch.optim.SGD(net.parameters(), lr=0.01)
few = TensorDataset(train_x[:1024], train_y[:1024])
ways = {"a loader": DataLoader(few, batch_size=64)}
if on_gpu:
    ways["a loader with pin_memory"] = DataLoader(few, batch_size=64, pin_memory=True)
kept_x, kept_y = train_x[:1024].to(device), train_y[:1024].to(device)
ways["data kept on the device"] = list(zip(kept_x.split(64), kept_y.split(64), strict=True))
for name, batches in ways.items():
    print(f"{name}: {1 / seconds(partial(one_epoch, net, batches, sgd), repeat=1):.1f} epochs of 1,024 images a second")
if not on_gpu:
    print("with a GPU, a third line shows what pin_memory brings")

# %% [markdown]
# **channels_last** stores the numbers of a pixel's channels side by side. Shape and values stay; the order in memory, given
# by the *strides*, changes. Many convolutions read this order faster.

# %%
x = torch.randn(64, 3, 32, 32)
last = x.to(memory_format=torch.channels_last)
assert torch.equal(x, last) and last.shape == (64, 3, 32, 32)
assert x.stride() == (3072, 1024, 32, 1) and last.stride() == (3072, 1, 96, 3)

# %% [markdown]
# **autocast** computes convolutions and products in bfloat16, with half the bytes. The weights stay in float32, so small
# steps are not lost.

# %%
net = bird_cnn().to(device)
with torch.autocast(device.type, dtype=torch.bfloat16):
    out = net(x.to(device))
assert out.dtype == torch.bfloat16 and all(p.dtype == torch.float32 for p in net.parameters())
full = net(x.to(device))
assert 0 < (out - full).abs().max() < 0.03 * full.abs().max()  # about two digits are kept

# %% [markdown]
# **torch.compile** reads the model once and writes code for it. The first call takes long. It needs a compiler on the
# machine; without one it says so here, and the notebook goes on. All against the plain step, as ratios:

# %% tags=["live", "nbval-ignore-output"]
x, y = torch.randn(64, 3, 32, 32, device=device), torch.zeros(64, dtype=torch.int64, device=device)


def autocast_step(net, x, y):
    with torch.autocast(device.type, dtype=torch.bfloat16):
        loss = F.cross_entropy(net(x), y)
    net.zero_grad()
    loss.backward()


net, channels_last = bird_cnn().to(device), {"memory_format": torch.channels_last}
plain = seconds(lambda: step(net, x, y))
times = {"autocast": seconds(lambda: autocast_step(net, x, y))}
turned, turned_x = bird_cnn().to(device, **channels_last), x.to(**channels_last)
times["channels_last"] = seconds(lambda: step(turned, turned_x, y))
if with_compile and (fast := compiled(net, x)) is not None:
    times["torch.compile"] = seconds(lambda: step(fast, x, y))
for name, value in times.items():
    print(f"{name}: {plain / value:.2f} times as fast as plain, on {device.type}")
print("" if with_compile else "set with_compile = True above, to measure torch.compile too")

# %% [markdown]
# Is each of them faster for you? Not everywhere. A CPU without bfloat16 instructions is slower with autocast, a small net gains
# little from torch.compile. Measure with your model on your machine, and keep what pays.
#
# ## 6 · Birds and airplanes, solved
#
# Notebook 3 ended with a fully-connected net that learned birds by heart. Here it is again, beside the CNN.

# %%
bird_x, bird_y = load("birds-airplanes", "train", source=data, root=data_root)
val_x, val_y = load("birds-airplanes", "test", source=data, root=data_root)
middle, spread = 0.5, 0.25
if data == "real":  # mean 0 and standard deviation 1 in each channel of the training pictures
    middle, spread = (f(bird_x, dim=(0, 2, 3), keepdim=True) for f in (torch.mean, torch.std))
birds, validation = ((bird_x - middle) / spread, bird_y), ((val_x - middle) / spread, val_y)


def fully_connected():
    return nn.Sequential(nn.Flatten(), nn.Linear(3072, 512), nn.Tanh(), nn.Linear(512, 2))


# %%
sgd = torch.optim.SGD
conv, dense = {"lr": 0.01, "optimizer": sgd}, {"lr": 0.01, "optimizer": sgd}
if data == "built-in":  # 2,000 drawings in seconds: Adam and momentum get there in fewer epochs
    conv, dense = {"lr": 0.005, "optimizer": torch.optim.Adam}, dense | {"optimizer": partial(sgd, momentum=0.9)}
learn = partial(fit, data=birds, validation=validation, device=device, seed=seed)
nets, histories = (
    {"CNN": (bird_cnn, conv, bird_epochs), "fully connected": (fully_connected, dense, min(bird_epochs, 20))},
    {},
)
for name, (make, how, count) in nets.items():
    seed_everything(seed)
    net = make()
    if name == "CNN":
        net.to(memory_format=torch.channels_last)
    histories[name] = learn(net, epochs=count, **how)
    print(f"{name}: {sum(p.numel() for p in net.parameters()):,} parameters")

# %%
ax = plots.curves({name: history.validation for name, history in histories.items()}, x="epoch", y="validation accuracy")
ax.axhline(0.5, color="grey", linestyle=":")
plots.show(
    ax,
    "Validation accuracy over the epochs for the two nets. The CNN climbs far above the fully-connected net, which "
    "stays closer to the dotted line at one half.",
)

# %% [markdown]
# 18,090 parameters against 1,574,402, and well ahead. On the real pictures, 100 epochs of plain SGD end at a
# validation accuracy between 0.885 and 0.91.

# %%
at_end = {
    name: sorted(history.validation[-3:])[len(history.validation[-3:]) // 2] for name, history in histories.items()
}
if data == "built-in" and bird_epochs >= 4:
    assert at_end["CNN"] > 0.85 and at_end["CNN"] > at_end["fully connected"] + 0.12, at_end
elif data == "real" and bird_epochs >= 100:
    assert 0.885 <= at_end["CNN"] <= 0.91, at_end
assert sum(p.numel() for p in fully_connected().parameters()) == 1_574_402

# %% [markdown]
# ## 7 · Labels from file names
#
# Your own pictures lie in a folder, and their names say what they show: `cat.0.jpg`, `dog.0.jpg`. Here are some, drawn for you
# and written as real JPEG files. One is broken, and one has a name without a class.

# %%
pets = os.path.join(folder.name, "pets")
os.makedirs(pets, exist_ok=True)
pictures.write_cats_and_dogs(pets, 100, seed)
with open(os.path.join(pets, "cat.0.jpg"), "rb") as file:
    picture = file.read()
for name, content in {"cat.900.jpg": picture[:300], "horse.0.jpg": picture}.items():
    with open(os.path.join(pets, name), "wb") as file:
        file.write(content)

faces = pictures.NamedPictures(pets, classes=("cat", "dog"), size=(32, 32))
print(*faces.skipped, sep="\n")
assert len(faces) == 200 and len(faces.skipped) == 2
assert faces.labels == [0] * 100 + [1] * 100  # cat before dog: sorted
assert faces.files[:3] == ["cat.0.jpg", "cat.1.jpg", "cat.10.jpg"]  # as words, not as numbers

# %%
ax = plots.axes(6, size=1.7)
for axis, i in zip(ax, (0, 1, 2, 100, 101, 102), strict=True):
    plots.image(faces[i][0], axis, title=faces.files[i])
plots.show(ax, "Six drawn faces. The three cats have pointed upright ears, the three dogs have hanging ears.")

# %% [markdown]
# Three rules. `os.listdir` promises **no order**: sort, or your split into training and test differs from machine to
# machine. Take the label **from the name**, not from the position. And the label is a **class index**, 0 or 1, not one-hot.
#
# The homework: a net for them. Make its maps smaller by pooling, or by stride? Both, then measure. (The exercise below is this net.)


# %%
def pet_net(shrink):
    stride, pool = (2, nn.Identity()) if shrink == "stride" else (1, nn.MaxPool2d(2))
    layers = [nn.Conv2d(3, 8, 3, stride, 1), nn.ReLU(), pool, nn.Conv2d(8, 16, 3, stride, 1), nn.ReLU(), pool]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * 8 * 8, 2))


shuffled = torch.randperm(200, generator=torch.Generator().manual_seed(seed)).tolist()
x, y = (torch.stack(part) for part in zip(*((faces[i][0], torch.tensor(faces[i][1])) for i in shuffled), strict=True))
for shrink in ("pool", "stride"):
    seed_everything(seed)
    net = pet_net(shrink)
    few_steps = {"lr": 0.003, "optimizer": torch.optim.Adam, "batch_size": 20, "device": device, "seed": seed}
    fit(net, (x[:140], y[:140]), epochs=12, **few_steps)
    assert accuracy(net, x[140:], y[140:]) > 0.85

# %% [markdown]
# Both learn to tell the ears apart. A stride of 2 computes a quarter of the places, and keeps them all; pooling computes each
# place and keeps the strongest of four. On real photographs, measure again.
#
# ## 8 · More than one process
#
# With several GPUs, start one process for each. All have the same weights; each takes its part of the batch.

# %%
predict.two_halves()

# %% [markdown]
# The script is `helpers/distributed.py`; it is the loop from above with four lines more. In a terminal you start it by
#
# `python -m torch.distributed.run --nproc-per-node 2 -m helpers.distributed`
#
# (`torchrun` is its short name). On CPUs the processes talk through *gloo*, on GPUs through *NCCL*: `--device cuda`. Here
# are two processes on this machine's CPU.

# %% tags=["nbval-ignore-output"]
report = distributed.start(2, epochs=1, seed=seed)
for name in ("backend", "processes", "images for each process"):
    print(f"{name}: {report[name]}")

# %%
assert report["processes"] == 2 and report["images for each process"] == 719  # 1,437 images, dealt out
assert report["gradients, largest difference from one process"] < 1e-6 < 0.01 < report["gradients, largest"]
assert report["gradients, difference without the others"] > 1e-3
assert report["weights, largest difference between processes"] == 0

# %% [markdown]
# Up to rounding, the gradients are those of one process that sees the whole batch, and after the epoch the weights of the
# two are the same, bit for bit. Four lines do it: `init_process_group`, a `DistributedSampler`, its `set_epoch`, and
# `DistributedDataParallel(model)`. On more machines, `--nnodes` and the address of the first one come in; the script stays.

# %% tags=["live", "nbval-ignore-output"]
gpus = torch.cuda.device_count()
if gpus >= 2:
    print(distributed.start(gpus, device="cuda", epochs=1, seed=seed))
else:
    print(f"{gpus} GPUs here: from two on, this cell runs the same script with NCCL, one process for each.")

# %% [markdown]
# ## Play
#
# **Watch it learn.** Press Start: the curve grows while the net trains, and the notebook stays free. Stop keeps what was
# learned, and Start goes on from there. Two puzzles. *One:* find a learning rate at which the loss stays at that of
# guessing, log 10 = 2.303. *Two:* at which does the test accuracy pass 0.9 in the fewest epochs?

# %%
watched = fresh()
how = {"lr": setting["lr"], "optimizer": partial(sgd, momentum=setting["momentum"])}
live = LiveTraining(watched, (train_x, train_y), validation=(test_x, test_y), device=device, seed=seed, **how)
live

# %% [markdown]
# The same in two lines, without the widget: `live.run(1)` trains one epoch, as `fit` does.

# %%
twin = fresh()
started = len(live.history["loss"])  # 0, unless you have trained above
live.run(1)
expected = fit(twin, (train_x, train_y), epochs=1, device=device, seed=seed, **how)
assert len(live.history["loss"]) == started + 1
assert started or abs(live.history["loss"][0] - expected.loss[0]) < 1e-3

# %% [markdown]
# **Draw a digit** with the mouse, a finger or the keys. The probabilities and the maps of each layer follow: your browser computes this
# net itself, with a copy of its weights. After more training, `draw.look()` sends the new ones. *Puzzles:* draw a 7 that the net takes for a 1. Draw one stroke that turns a 3 into an 8. Draw something that is no digit: how sure is the net?

# %% tags=["nbval-ignore-output"]
draw = DrawDigit(model, pixels=(test_x[0] * std + mean).clamp(0, 1), mean=mean, std=std)
draw

# %% [markdown]
# The same in two lines: normalise as in training, and take the softmax.

# %%
with torch.no_grad():
    by_torch = model(((draw.pixels - mean) / std)[None, None].to(device)).softmax(1)[0].cpu()
assert torch.allclose(draw.output, by_torch, atol=1e-4) and abs(draw.output.sum() - 1) < 1e-5

# %% [markdown]
# A net must give its ten probabilities, and they sum to 1: it has no way to say "this is no digit".

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:gpu.train_step"]

# %% tags=["exercise:gpu.NamedPictures"]

# %% tags=["exercise:gpu.evaluate"]

# %% tags=["exercise:gpu.resume"]

# %% tags=["exercise:gpu.cats_net"]

# %% [markdown]
# ### The puzzles, solved
#
# Two ways lead to log 10 = 2.303. A rate far too small moves nothing. One far too large throws the weights so far in the first
# steps that no picture gets through to the end any more. With momentum 0.9, a rate near 0.05 learns fast. The drawings have no one
# solution: they depend on what *your* net has learned.

# %%
ends = {}
for lr in (1e-6, 0.05, 1.0):
    ends[lr] = fit(fresh(), **(run | {"lr": lr})).loss[-1]
assert ends[1e-6] > 2.25 and ends[1.0] > 2.25 and ends[0.05] < 1.2, ends

# %% [markdown]
# ## Myth check
#
# Four sentences that one hears. Each is run, then put right.
#
# **Myth 1.** *"After `model.to(...)` the optimizer must be made anew: it still holds the old parameters."*

# %%
net = digit_net()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
held = optimizer.param_groups[0]["params"][0]
net.to(device=device, dtype=torch.float64)
assert held is net[0].weight and held.dtype == torch.float64 and held.device.type == device.type

# %% [markdown]
# They are the same objects; only the numbers in them were exchanged. True is: what the optimizer has **gathered**, momentum for
# example, stays behind. So move first, and make the optimizer then. (To the meta device a module does get new parameters:
# there are no numbers to exchange.)
#
# **Myth 2.** *"Cross-entropy wants one-hot labels."*

# %%
logits, index = torch.tensor([[2.0, 0, 1], [0, 1, 3]]), torch.tensor([0, 2])
one_hot = F.one_hot(index, 3)
show_error(RuntimeError, lambda: F.cross_entropy(logits, one_hot))
assert torch.allclose(F.cross_entropy(logits, one_hot.float()), F.cross_entropy(logits, index))

# %% [markdown]
# True is: it wants class indices, int64. As floats, a one-hot row counts as probabilities and gives the same loss, with ten or a
# thousand times the memory.
#
# **Myth 3.** *"The last epoch is the best."* Here is the order of the epochs by test accuracy, the best first:

# %% tags=["nbval-ignore-output"]
order = sorted(range(epochs), key=lambda i: -curves["test"][i])
print([i + 1 for i in order])
assert curves["test"][order[0]] == best

# %% [markdown]
# True is: near the end the test accuracy goes up and down by chance. Keep the best state, chosen by pictures that
# you do not report on.
#
# **Myth 4.** *"channels_last swaps axes, so my code must change."*

# %%
turned = torch.randn(2, 3, 5, 7).to(memory_format=torch.channels_last)
assert turned.shape == (2, 3, 5, 7) and turned.stride(1) == 1
assert nn.Conv2d(3, 4, 3)(turned).shape == (2, 4, 3, 5)

# %% [markdown]
# True is: N, C, H, W stays the order of the axes. Only `view` may refuse such a tensor; `reshape` and `flatten` take it.

# %%
folder.cleanup()

# %% [markdown]
# ## You saw
#
# - The whole program: data, net, loop, curves, the best state in a file, and a run that ends at the same weights after
#   an interruption.
# - Two steps to a GPU, `model.to(device)` and `x = x.to(device)`, torch's error when one is missing, and what each trick
#   brings on your machine.
# - Labels from names, sorted; and two processes with the gradients of one.
#
# This is the last notebook. From a linear layer you have come to a convolutional network that trains on any device.
# What will you train?
#
# **Next:** your own pictures in a folder, or back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** PyTorch's documentation of `torch.save`, `torch.load`, CUDA semantics, `torch.autocast`, `torch.compile`,
# channels last and DistributedDataParallel. Y. LeCun and others, *Gradient-based learning applied to document recognition*, 1998 (MNIST).
# S. Li and others, *PyTorch Distributed: experiences on accelerating data parallel training*, arXiv:2006.15704.
# E. Stevens, L. Antiga and T. Viehmann, *Deep Learning with PyTorch*, 2020, chapter 8.
