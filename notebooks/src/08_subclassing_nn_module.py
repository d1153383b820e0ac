# %% [markdown]
# # 8 · Subclassing nn.Module
#
# **What does a module do for you, and when is Sequential not enough?**
#
# You will be able to
#
# - read torch's message about shapes, find the layer it means, and mend it;
# - write a network as a class: what belongs in `__init__`, what in `forward`, what registers and what does not;
# - give a network a branch, a mode and a file.
#
# Time: about 75 minutes. Know first: linear layers, convolution and pooling (notebooks 1, 4 and 7).

# %%
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import plots
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import modules as predict
from helpers.train import accuracy, fit, pick_device, seed_everything
from helpers.widgets import ModuleTree

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the training runs
data: str = "built-in"  # "built-in" or "real": drawn birds and airplanes, or those of CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 3  # passes over the 2,000 training pictures in section 5

# %%
seed_everything(seed)
device = pick_device(device)
images, labels = (part[:2000] for part in load("birds-airplanes", source=data, root=data_root))
airplane = images[labels == 0][0]  # (3, 32, 32)

# %% [markdown]
# ## Guess first

# %%
predict.message()

# %% [markdown]
# ## 1 · A Sequential, and how it stops
#
# This network tells birds from airplanes. Two convolutions find features, poolings make the maps smaller, and two linear
# layers decide. Written as a **Sequential**, it is a list of nine layers, which are called one after the other.

# %%
layers = [
    *[nn.Conv2d(3, 16, kernel_size=3, padding=1), nn.Tanh(), nn.MaxPool2d(2)],
    *[nn.Conv2d(16, 8, kernel_size=3, padding=1), nn.Tanh(), nn.MaxPool2d(2)],
    *[nn.Linear(8 * 8 * 8, 32), nn.Tanh(), nn.Linear(32, 2)],
]
model = nn.Sequential(*layers)
counts = [p.numel() for p in model.parameters()]
print(sum(counts), counts)
assert len(model) == 9
assert counts == [432, 16, 1152, 8, 16384, 32, 64, 2] and sum(counts) == 18090

# %% [markdown]
# A weight and a bias for each layer that learns: 18,090 numbers in all. But call it:

# %%
show_error(RuntimeError, lambda: model(airplane[None]))

# %% [markdown]
# Read such a message in three steps. **What** was done? *mat1 and mat2* are the two sides of a matrix product: a linear layer,
# not a convolution. **Which** one? mat2 is its weight, transposed: 512 × 32, so `Linear(512, 32)`. **What came in?** mat1
# has rows of 8 numbers, where 512 were needed. The maps before it are (1, 8, 8, 8), and 8 · 8 · 8 = 512: they were not laid out in
# one row.

# %%
maps = model[:6](airplane[None])
assert maps.shape == (1, 8, 8, 8)
assert maps.flatten(end_dim=-2).shape == (64, 8)  # mat1: the last axis stays, all others become rows
assert layers[6].weight.T.shape == (512, 32)  # mat2
model = nn.Sequential(*layers[:6], nn.Flatten(), *layers[6:])
assert model(airplane[None]).shape == (1, 2)
assert sum(p.numel() for p in model.parameters()) == 18090  # a flatten learns nothing

# %% [markdown]
# ## 2 · A class of your own
#
# A Sequential knows one way: in at the front, out at the back. As soon as you need a branch, a second input, or a look at
# what is in the middle, write a class. It needs two methods. **`__init__` makes** what is kept: the layers. **`forward` says**
# what happens in each call.


# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(8 * 8 * 8, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        x = F.max_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.max_pool2d(torch.tanh(self.conv2(x)), 2)
        x = x.flatten(1)  # axis 0, the batch, stays
        x = torch.tanh(self.fc1(x))
        return self.fc2(x)


net = Net()
net.load_state_dict(dict(zip(net.state_dict(), model.state_dict().values(), strict=True)))
assert torch.equal(net(images[:5]), model(images[:5]))

# %% [markdown]
# With the Sequential's weights, it gives the Sequential's numbers. This is the **functional version**: tanh, pooling and flatten
# have nothing to keep, so they are functions in `forward`. As modules, `self.act1 = nn.Tanh()`, they do the same, and show up
# when you print the network. What has parameters must be a module, made in `__init__`.
#
# Call the network, `net(x)`, not `net.forward(x)`: the call also runs the hooks, which you meet in section 4.
#
# ### view, reshape, flatten
#
# All three change the shape and keep the order of the numbers. `view` never copies, and refuses where it would have to.
# `reshape` copies where it must. `flatten(1)` says what is meant: all axes from 1 on become one.

# %%
x = torch.arange(2 * 3 * 4.0).view(2, 3, 4)
assert torch.equal(x.view(2, 12), x.flatten(1)) and torch.equal(x.reshape(2, -1), x.flatten(1))
assert x.view(2, 12).data_ptr() == x.data_ptr()  # the same memory
turned = x.transpose(1, 2)
show_error(RuntimeError, lambda: turned.view(2, 12))
assert turned.reshape(2, 12).data_ptr() != x.data_ptr()  # a copy

# %% [markdown]
# **Keep the batch axis out of it.** `flatten()` without a number joins all pictures into one row. And `view(-1, n)` with a wrong n
# makes *more pictures* of them, without any error:

# %%
batch = torch.zeros(64, 8, 8, 8)
assert batch.flatten().shape == (32768,) and batch.flatten(1).shape == (64, 512)
assert batch.view(-1, 256).shape == (128, 256)  # 64 pictures became 128
assert batch.view(len(batch), -1).shape == (64, 512)  # safe: the first axis is named

# %% [markdown]
# ## 3 · What registers
#
# How does the optimizer find 18,090 numbers? You only wrote `self.conv1 = ...`. A module watches its attributes: set
# a **parameter**, a **buffer** or another **module**, and it is registered under that name. Guess what happens to a list.

# %%
predict.registered()


# %%
class Kinds(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))  # learned, moved, saved
        self.register_buffer("mean", torch.zeros(3))  # moved, saved, not learned
        self.plain = torch.zeros(3)  # none of these
        self.inside = nn.Linear(3, 2)  # a module: with all it has
        self.hidden = [nn.Linear(3, 2)]  # a list: not seen


kinds = Kinds()
print(list(kinds.state_dict()))
assert [name for name, _ in kinds.named_parameters()] == ["scale", "inside.weight", "inside.bias"]
assert [name for name, _ in kinds.named_buffers()] == ["mean"]
kinds.double()
assert (kinds.mean.dtype, kinds.inside.weight.dtype) == (torch.float64, torch.float64)
assert (kinds.plain.dtype, kinds.hidden[0].weight.dtype) == (torch.float32, torch.float32)  # left behind

# %% [markdown]
# What is not registered is not learned, not moved by `.to(device)`, not saved. There is no error, as long as something else can
# be trained. `nn.ModuleList` is the list that is seen; `nn.ModuleDict` is the dict.


# %%
class Stack(nn.Module):
    def __init__(self, keep):
        super().__init__()
        self.layers = keep([nn.Linear(4, 4), nn.Linear(4, 2)])

    def forward(self, x):
        return self.layers[1](self.layers[0](x).tanh())


found = {keep.__name__: sum(p.numel() for p in Stack(keep).parameters()) for keep in (list, nn.ModuleList)}
print(found)
assert found == {"list": 0, "ModuleList": 30}
assert Stack(list)(torch.zeros(5, 4)).shape == (5, 2)  # it runs all the same
show_error(ValueError, lambda: torch.optim.SGD(Stack(list).parameters(), lr=0.1))

# %% [markdown]
# All of this is set up by `nn.Module.__init__`. So call it first, or nothing can register:


# %%
class Forgot(nn.Module):
    def __init__(self):
        self.fc = nn.Linear(4, 2)


show_error(AttributeError, Forgot)

# %% [markdown]
# ## 4 · Modes and hooks
#
# ### train and eval
#
# A network has two modes. `net.train()` and `net.eval()` set one flag, `self.training`, in it and in every module inside. Nothing
# else happens. It is the layers that look at the flag: batch norm in the next notebook, and **dropout**. While a network trains,
# dropout sets numbers to 0 at random, and makes the others larger to make up for it.

# %%
predict.dropout()


# %%
class Drops(nn.Module):
    def __init__(self, told):
        super().__init__()
        self.told = told

    def forward(self, x):
        return F.dropout(x, 0.5, training=self.training) if self.told else F.dropout(x, 0.5)


row = torch.ones(1, 12)
outputs = {}
for told in (False, True):
    drops = Drops(told).eval()
    outputs[told] = torch.cat([drops(row), drops(row)])
    print(f"training=self.training {'given' if told else 'left out'}: twice alike {torch.equal(*outputs[told])}")
assert not torch.equal(*outputs[False]) and torch.equal(*outputs[True])
assert set(outputs[False].unique().tolist()) == {0, 2}  # dropped, or doubled to make up for it

# %%
ax = plots.axes(2, size=1.6, wide=2.2)
plots.image(outputs[False] / 2, ax[0], title="F.dropout(x, 0.5) in eval")
plots.image(outputs[True] / 2, ax[1], title="training=self.training in eval")
plots.show(
    ax,
    "Two calls in eval mode, one below the other, as rows of 12 squares. Left, without the flag: black and white "
    "squares at random, another pattern in each row. Right, with the flag: all squares the same grey in both rows.",
)

# %% [markdown]
# Left out, the function drops numbers for ever: black is dropped, white is doubled, and each call differs. `nn.Dropout` looks at its own
# flag, so it cannot be forgotten. Mode and gradients are two things: `eval()` does not switch gradients off, `torch.no_grad()` does.

# %%
assert net.eval()(images[:2]).requires_grad
with torch.no_grad():
    assert not net.train()(images[:2]).requires_grad

# %% [markdown]
# ### Hooks
#
# A **hook** is a function that a module calls for you, each time it has run: with itself, its inputs and its output. So you see what is in
# the middle of any network, without a change to its code. Take the hook off when you are done: it stays otherwise.

# %%
middle = {}
hooks = [
    layer.register_forward_hook(lambda layer, inputs, output, name=name: middle.update({name: output.detach()}))
    for name, layer in net.named_children()
]
net(airplane[None])
for hook in hooks:
    hook.remove()
shapes = {name: tuple(output.shape) for name, output in middle.items()}
print(shapes)
assert shapes == {"conv1": (1, 16, 32, 32), "conv2": (1, 8, 16, 16), "fc1": (1, 32), "fc2": (1, 2)}

# %%
ax = plots.axes(5, size=2)
plots.image(airplane, ax[0], title="picture")
for number, name in enumerate(["conv1", "conv1", "conv2", "conv2"], start=1):
    channel = (number - 1) % 2
    plots.signed(middle[name][0, channel], ax[number], title=f"{name}, map {channel}")
plots.show(
    ax,
    "An airplane, and four signed maps caught by the hooks: two of 32 × 32 after the first convolution, in which the "
    "airplane is still to be seen, and two coarser ones of 16 × 16 after the second.",
)

# %% [markdown]
# The weights are random here, so the maps mean nothing yet. The widget below is made of such hooks.

# %% [markdown]
# ## 5 · Train it, save it, load it
#
# Three passes over 2,000 pictures are enough to see that the class learns like any other model.

# %%
test_images, test_labels = (part[:500] for part in load("birds-airplanes", "test", source=data, root=data_root))
mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True)
train_set, test_set = ((images - mean) / std, labels), ((test_images - mean) / std, test_labels)

seed_everything(seed)
net = Net()
history = fit(net, train_set, epochs=epochs, lr=1e-3, optimizer=torch.optim.Adam, device=str(device), seed=seed)
share = accuracy(net, *test_set)
assert history.loss[-1] < history.loss[0]
assert share > (0.75 if data == "built-in" else 0.65)

# %% [markdown]
# On pictures it has not seen, the network is right far more often than a coin. Now keep it. The **state dict** holds every parameter
# and buffer by name: numbers only, no code. That is what goes into the file.

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "net.pt"
    torch.save(net.state_dict(), path)
    state = torch.load(path, weights_only=True, map_location="cpu")

again = Net()  # the code comes from here, the numbers from the file
print(again.load_state_dict(state))
net = net.cpu().eval()
assert torch.equal(again.eval()(test_set[0]), net(test_set[0]))  # equal bit for bit
assert list(state) == [f"{layer}.{kind}" for layer in ("conv1", "conv2", "fc1", "fc2") for kind in ("weight", "bias")]

# %% [markdown]
# `torch.save(net)` would pickle the whole object, and a pickle may run *any code* when it is read. `weights_only=True`, the default since
# torch 2.6, refuses that. Names and shapes must fit too, or `load_state_dict` tells you which do not:

# %%
with tempfile.TemporaryDirectory() as folder:
    path = Path(folder) / "whole.pt"
    torch.save(nn.Sequential(nn.Linear(2, 2)), path)
    try:
        torch.load(path, weights_only=True)
    except Exception as error:
        refused = type(error).__name__
assert refused == "UnpicklingError"
try:
    Net().load_state_dict(model.state_dict())
except RuntimeError as error:
    print("\n".join(line.strip()[:88] for line in str(error).splitlines()[:2]))

# %% [markdown]
# ## 6 · A branch: the residual block
#
# Here a Sequential is not enough. A **residual block** adds its input to what its layers made of it: $y = \mathrm{relu}(f(x) + x)$. In
# `forward`, that is one `+`.


# %%
class Block(nn.Module):
    def __init__(self, channels, skip=True):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.skip = skip

    def forward(self, x):
        out = self.conv2(F.relu(self.conv1(x)))
        return F.relu(out + x) if self.skip else F.relu(out)


# %% [markdown]
# What is it for? Stack sixteen of them, with and without the `+ x`, and look at the gradient in each.


# %%
def gradients(skip, depth=16):
    """The size of the gradient in each block of a deep stack, from the first to the last."""
    seed_everything(seed)
    deep = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), *[Block(8, skip) for _ in range(depth)])
    deep(train_set[0][:32]).mean((2, 3)).square().sum().backward()
    return [block.conv1.weight.grad.norm().item() for block in deep[1:]]


plain, residual = gradients(skip=False), gradients(skip=True)
assert plain[0] / plain[-1] < 1e-10
assert 0.1 < residual[0] / residual[-1] < 10

# %%
ax = plots.curves({"without the skip": plain, "with it": residual}, x="block", y="size of the gradient")
ax.set_yscale("log")
ax.set_xticks([1, 4, 8, 12, 16])
plots.show(
    ax,
    "The gradient's size in each of 16 blocks, on a logarithmic axis. Without the skip it falls from the last block to "
    "the first by more than ten powers of ten; with the skip it stays about level.",
)

# %% [markdown]
# This is before any training. On the way back without the skip, the gradient shrinks in each block, and the first one gets next to
# nothing: less than a ten-billionth of the last one's. The `+ x` gives it a way around.
#
# The sum needs two tensors of one shape. Where a block changes the number of channels, a 1×1 convolution brings `x` there.

# %%
show_error(RuntimeError, lambda: nn.Conv2d(4, 6, 3, padding=1)(torch.ones(2, 4, 5, 7)) + torch.ones(2, 4, 5, 7))
assert nn.Conv2d(4, 6, 1)(torch.ones(2, 4, 5, 7)).shape == (2, 6, 5, 7)

# %% [markdown]
# ## 7 · Shapes on the way
#
# Before you write `nn.Linear(?, ...)`, follow one picture. A digit of 28 × 28 through two 5×5 convolutions, each with a pooling:

# %%
digit = torch.zeros(1, 1, 28, 28)
small = nn.Sequential(
    *[nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()],
    *[nn.Flatten(), nn.Linear(320, 10)],
)
sizes = [tuple(small[:end](digit).shape[1:]) for end in (2, 5, 7, 8)]
print(" → ".join(map(str, sizes)))
assert sizes == [(10, 12, 12), (20, 4, 4), (320,), (10,)] and 20 * 4 * 4 == 320

# %% [markdown]
# A deeper one: a 1×1 convolution to 24 maps, a 3×3 to 16, a 3×3 to 8, each with a pooling and a ReLU, then three linear layers.

# %%
deeper = nn.Sequential(
    *[nn.Conv2d(1, 24, 1), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(24, 16, 3), nn.MaxPool2d(2), nn.ReLU()],
    *[nn.Conv2d(16, 8, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Flatten()],
    *[nn.Linear(32, 64), nn.Linear(64, 128), nn.Linear(128, 10)],
)
sizes = [tuple(deeper[:end](digit).shape[1:]) for end in (2, 5, 8, 10, 11, 12, 13)]
print(" → ".join(map(str, sizes)))
assert sizes == [(24, 14, 14), (16, 6, 6), (8, 2, 2), (32,), (64,), (128,), (10,)]

# %% [markdown]
# Look at the end: 32 → 64 → 128 → 10, **with nothing between them**. Three linear layers in a row are one linear layer (notebook 1). Here it
# is: $W = W_3 W_2 W_1$, $b = W_3 (W_2 b_1 + b_2) + b_3$. It does the work of 11,722 numbers with 330.

# %%
one, two, three = (layer.double() for layer in deeper[10:])
weight = three.weight @ two.weight @ one.weight
bias = three.weight @ (two.weight @ one.bias + two.bias) + three.bias
given = torch.randn(5, 32, dtype=torch.float64)
assert torch.allclose(deeper[10:](given), F.linear(given, weight, bias))
assert sum(p.numel() for p in deeper[10:].parameters()) == 11722
assert weight.numel() + bias.numel() == 330

# %% [markdown]
# ### What a layer does to size
#
# At each place, the first convolution of `Net` reads 3 · 3 · 3 = **27** numbers and writes **16**. A ResNet's first layer, 7 × 7 on three
# channels, reads 7 · 7 · 3 = **147** and writes **64**. Both write fewer numbers than they read: they have to choose. One that writes more
# than it reads, such as the 1×1 convolution above, 1 to 24, only says the same in more words.

# %%
first_layers = {"Net": Net().conv1, "ResNet": nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)}
reads_writes = {name: (layer.weight[0].numel(), layer.out_channels) for name, layer in first_layers.items()}
print(reads_writes)
assert reads_writes == {"Net": (27, 16), "ResNet": (147, 64)}
assert (deeper[0].weight[0].numel(), deeper[0].out_channels) == (1, 24)

# %% [markdown]
# ## Play
#
# The tree of any module, from one real forward pass. Each row is a module: what went in, what came out, its parameters and buffers. Choose
# one to see its own tensors. This is the Sequential of section 1, without its flatten.
#
# Three puzzles. *One:* find the layer that stops, and the last one that ran. *Two:* below it stands the mended network.
# For which other picture sizes does it run? Change the input shape. *Three:* what does a batch of 1 change in the broken one?

# %%
broken = ModuleTree(nn.Sequential(*layers), (64, 3, 32, 32))
broken

# %%
ModuleTree(model, (64, 3, 32, 32))

# %% [markdown]
# The same without the widget:

# %%
assert broken.row("6").state == "broke" and broken.row("5").output == "(64, 8, 8, 8)"
assert broken.row("").parameters == 18090
print(broken.row("6").note)

# %% [markdown]
# It takes a class as well. What is a function in `forward`, a tanh or a `+`, has no row: only modules are seen. Give it your own.

# %%
ModuleTree(nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), Block(8), nn.BatchNorm2d(8), nn.Flatten()), (5, 3, 9, 11))

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:modules.repair"]

# %% tags=["exercise:modules.Net"]

# %% tags=["exercise:modules.FunctionalNet"]

# %% tags=["exercise:modules.Residual"]

# %% tags=["exercise:modules.through_a_file"]

# %% [markdown]
# ### The puzzles, solved
#
# The linear layer needs 512 numbers, 8 channels of 8 × 8. Two poolings halve and round down: sides of 32 to 35 all end at 8. And
# 16 × 64 pixels end at 4 × 16, which is 64 numbers for each channel too. With one picture, mat1 has 64 rows; with 64 pictures, 64 · 64 = 4096.

# %%
for height, width in [(32, 32), (35, 33), (16, 64)]:
    assert ModuleTree(model, (2, 3, height, width)).problem == ""
assert ModuleTree(model, (2, 3, 36, 32)).row("7").state == "broke"
assert "(64x8 and 512x32)" in ModuleTree(nn.Sequential(*layers), (1, 3, 32, 32)).problem
assert "(4096x8 and 512x32)" in broken.problem

# %% [markdown]
# ## Myth check
#
# Three sentences from study notes. Each is run, then put right.
#
# **Myth 1.** *"You override `__forward__`."*


# %%
class Underscores(nn.Module):
    def __forward__(self, x):
        return x


show_error(NotImplementedError, lambda: Underscores()(torch.ones(2)))

# %% [markdown]
# True is: the method is called `forward`. The name with underscores is never looked for.
#
# **Myth 2.** *"`out = nn.ReLU(out)` applies ReLU."*

# %%
out = nn.ReLU(net.conv1(airplane[None]))  # no error here
print(type(out).__name__)
show_error(TypeError, lambda: net.conv2(out))

# %% [markdown]
# True is: `nn.ReLU` is a class, so this makes a layer, and takes the tensor for its argument `inplace`. The *next* layer stops, because it
# is given a module where it needs a tensor. Write `nn.ReLU()(out)`, or `F.relu(out)`.
#
# **Myth 3.** *"A model for classes needs a softmax last."*

# %%
with torch.no_grad():
    logits = net(test_set[0])
assert torch.equal(logits.argmax(1), logits.softmax(1).argmax(1))  # the decision is the same
sure = torch.tensor([[20.0, -20]])
label = torch.tensor([0])
print(
    f"right and sure: {F.cross_entropy(sure, label):.4f}, after a softmax {F.cross_entropy(sure.softmax(1), label):.4f}"
)
assert F.cross_entropy(sure, label) < 1e-6
assert abs(F.cross_entropy(sure.softmax(1), label) - 0.3133) < 1e-4

# %% [markdown]
# True is: the largest logit is the largest probability too. `CrossEntropyLoss` makes the softmax itself. With a second one before it, two classes
# never get below a loss of 0.3133, however right the model is, and its gradients fade (notebook 2).

# %% [markdown]
# ## You saw
#
# - A message about mat1 and mat2 names a linear layer by its weight, and what came in by its last axis. Often a flatten is missing.
# - `__init__` keeps, `forward` computes. Parameters, buffers and modules register when they are set as attributes, after
#   `super().__init__()`; a plain list hides them.
# - `forward` may branch, as a residual block does. `train` and `eval` set a flag that someone must read. The state dict goes into a file, without code.
#
# So a module finds, moves, saves and switches all that is in it. A Sequential is enough until the way forks.
#
# **Next:** [9 · Normalization](09_normalization.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** E. Stevens, L. Antiga and T. Viehmann, *Deep learning with PyTorch* (2020), chapter 8: the network of 18,090 parameters.
# K. He and others, *Deep residual learning for image recognition*, arXiv:1512.03385. N. Srivastava and others, *Dropout: a simple way to
# prevent neural networks from overfitting*, JMLR 15 (2014). PyTorch's documentation of `nn.Module`, of saving and loading, and of `torch.load`.
