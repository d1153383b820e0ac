# %% [markdown]
# # 5 · Padding, stride, dilation
#
# **How large is the output, and what happens at the rim?**
#
# You will be able to
#
# - compute the size of any convolution's output before you run it, and say why there is a floor in the formula;
# - pad a picture by hand in four modes, and say what each does to the rim;
# - tell which pixels a layer reads, and which it never sees.
#
# Time: about 60 minutes. Know first: how a convolution works ([notebook 4](04_convolution_by_hand.ipynb)).

# %%
import itertools
import warnings

import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import plots
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import padding as predict
from helpers.shapes import conv_output_size, receptive_field, unread_pixels, window_pixels
from helpers.train import pick_device, seed_everything
from helpers.widgets import WindowWalker
from helpers.widgets.window_walker import solutions

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the larger computations run
data: str = "built-in"  # "built-in" or "real": a drawn airplane, or one from CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers

# %%
seed_everything(seed)
device = pick_device(device)
images, labels = load("birds-airplanes", source=data, root=data_root)
airplane = images[labels == 0][0]  # (3, 32, 32)
picture = airplane.mean(0)  # (32, 32), grey

# %% [markdown]
# ## Guess first
#
# One number. Take paper if you like, commit, then read on.

# %%
predict.output_width()

# %% [markdown]
# ## 1 · Count the windows
#
# Take one axis alone; rows and columns follow the same rule. The four settings of a convolution are
#
# - **kernel_size** $k$: how many pixels one window reads;
# - **stride** $s$: how many pixels the window moves from one output pixel to the next;
# - **padding** $p$: how many pixels are added at **each** end;
# - **dilation** $d$: how many pixels lie from one tap of the kernel to the next. With $d = 1$ they are neighbours.
#   (A *tap* is one place of the kernel: one weight, and the pixel that it reads.)
#
# Draw each window as a row, and mark the pixels that it reads.


# %%
def coverage(size, kernel_size, **setting):
    """Return (windows, padded pixels): 1 where a window reads, 0.7 on the picture, 0.4 on the padding."""
    padding = setting.get("padding", 0)
    windows = conv_output_size(size, kernel_size, **setting)
    grid = torch.full((windows, size + 2 * padding), 0.4)
    grid[:, padding : padding + size] = 0.7
    for i in range(windows):
        for pixel in window_pixels(i, kernel_size, **setting):
            grid[i, padding + pixel] = 1.0
    return grid


# %%
settings = [(10, 3, {}), (10, 3, {"stride": 2, "padding": 1}), (10, 3, {"dilation": 3, "padding": 1})]
ax = plots.axes(3, size=2.6, wide=1.4)
for axis, (size, k, setting) in zip(ax, settings, strict=True):
    grid = coverage(size, k, **setting)
    plots.image(grid, axis, title=", ".join([f"k {k}", *(f"{name} {value}" for name, value in setting.items())]))
    for r, c in (grid == 1).nonzero().tolist():
        plots.mark(axis, r, c, 1, 1)
plots.show(
    ax,
    "Three charts of the windows over ten pixels, one row for each window, the pixels it reads framed. Plain: eight "
    "rows, each one pixel further right. Stride 2 with padding 1: five rows, two pixels further each time, the last "
    "padded pixel unused. Dilation 3 with padding 1: six rows, the three taps three pixels apart.",
)

# %% [markdown]
# See the rows: each is one window, so their number is the size of the output. Dark grey is padding.
#
# Now count. The padded input has $n + 2p$ pixels. From its first tap to its last, a window reaches over
# $d(k - 1) + 1$ pixels: $k$ taps have $k - 1$ gaps between them. What is left is the room to move:
# $n + 2p - d(k - 1) - 1$ pixels. Each **whole** stride that fits into this room gives one more window after the first:
#
# $$\text{out} = \left\lfloor \frac{n + 2p - d\,(k - 1) - 1}{s} \right\rfloor + 1$$
#
# The brackets $\lfloor\;\rfloor$ are the **floor**: round down. For your first guess: ⌊(30 + 2 − 4 − 1) / 2⌋ + 1 = ⌊13.5⌋ + 1 = 14.
#
# Is that so for all settings? Ask torch, for every combination on a whole grid.


# %%
def formula(n, k, s, p, d):
    return (n + 2 * p - d * (k - 1) - 1) // s + 1  # // divides and rounds down


checked = refused = 0
for n, k, s, p, d in itertools.product(range(1, 13), range(1, 6), range(1, 4), range(4), range(1, 4)):
    row, weight = torch.zeros(1, 1, n), torch.zeros(1, 1, k)
    if n + 2 * p < d * (k - 1) + 1:  # the window is wider than the padded input
        refused += 1
    else:
        assert F.conv1d(row, weight, None, s, p, d).shape[-1] == formula(n, k, s, p, d)
        checked += 1
print(f"{checked} settings agree with torch; {refused} do not fit.")
assert (
    formula(30, 5, 2, 1, 1) == 14 and nn.Conv2d(1, 1, 5, stride=2, padding=1)(torch.zeros(1, 1, 30, 30)).shape[-1] == 14
)

# %% [markdown]
# A window that is wider than the padded input fits nowhere. Then there is no output, and torch says so:

# %%
show_error(RuntimeError, lambda: F.conv1d(torch.zeros(1, 1, 5), torch.zeros(1, 1, 7)))

# %% [markdown]
# A whole layer, computed before it is run. `nn.Conv2d(3, 32, 5, padding=2)` reads a batch of 16 colour pictures of 64 × 64.
# Each of the 32 kernels has 3 × 5 × 5 weights and one bias: 32 · 75 + 32 = 2,432 parameters.
# The size is ⌊(64 + 4 − 4 − 1) / 1⌋ + 1 = 64.

# %%
layer = nn.Conv2d(3, 32, 5, padding=2).to(device)
out = layer(torch.zeros(16, 3, 64, 64, device=device))
print(tuple(out.shape), sum(p.numel() for p in layer.parameters()))
assert out.shape == (16, 32, 64, 64)
assert sum(p.numel() for p in layer.parameters()) == 32 * 75 + 32 == 2432

# %% [markdown]
# ## 2 · Padding: what stands at the rim
#
# A kernel of 3 costs 2 pixels, 32 × 32 becomes 30 × 30, and ten such layers cost 20. Padding 1 gives them back.
# It changes **neither weights nor bias**: a layer with padding has the same parameters as one without.

# %%
without, keeps = nn.Conv2d(1, 8, 3), nn.Conv2d(1, 8, 3, padding=1)
keeps.load_state_dict(without.state_dict())  # the same weights fit into both
batch = picture[None, None]  # (1, 1, 32, 32)
assert without(batch).shape == (1, 8, 30, 30) and keeps(batch).shape == (1, 8, 32, 32)
assert torch.allclose(keeps(batch)[..., 1:-1, 1:-1], without(batch), atol=1e-6)  # inside, nothing changes
assert nn.Sequential(*[nn.Conv2d(1, 1, 3)] * 10)(batch).shape[-1] == 32 - 20  # ten layers
assert sum(p.numel() for p in keeps.parameters()) == sum(p.numel() for p in without.parameters()) == 80

# %% [markdown]
# What should the new pixels be? Torch has four modes. By hand each is one line: which pixel stands at the places
# −2, −1, …, up to size + 1?

# %%
row = torch.tensor([1, 2, 3, 4])
at = torch.arange(-2, 6)  # the places of the padded row
by_hand = {
    "constant": torch.cat([torch.zeros(2, dtype=torch.int64), row, torch.zeros(2, dtype=torch.int64)]),
    "reflect": row[3 - (3 - at.abs()).abs()],  # a mirror on pixel 0, and one on pixel 3
    "replicate": row[at.clamp(0, 3)],  # the nearest pixel
    "circular": row[at % 4],  # the other end
}
for mode, padded in by_hand.items():
    print(f"{mode:10s}", *padded.tolist())
    assert torch.equal(padded, F.pad(row[None, None].float(), (2, 2), mode=mode)[0, 0].long())

# %% [markdown]
# `"constant"` fills in zeros. In a layer it is called `padding_mode="zeros"` and is the default.
# Look at `reflect`: the mirror stands **on** the last pixel, so 1 is not repeated; `replicate` repeats it.
#
# In two dimensions, rows and columns are padded one after the other. So the corners are filled as well.

# %%
small = torch.tensor([[1.0, 2, 3], [4, 5, 6], [7, 8, 9]])
ax = plots.axes(4, size=2.6)
for axis, mode in zip(ax, by_hand, strict=True):
    padded = F.pad(small[None, None], (2, 2, 2, 2), mode=mode)[0, 0]  # (left, right, top, bottom)
    plots.signed(padded, axis, title=mode, values=True, limit=13)
    plots.mark(axis, 2, 2, 3, 3)
plots.show(
    ax,
    "The numbers 1 to 9 in a framed 3 × 3 grid, padded to 7 × 7 in four ways. Constant: zeros all around. Reflect: the "
    "rows and columns come back in reverse order, without the one at the border. Replicate: the border pixels are "
    "drawn outwards, the corners are 1, 3, 7 and 9. Circular: the grid is tiled.",
)

# %% [markdown]
# Two modes have a limit. A reflection has no more than size − 1 pixels to show, and once around there is nothing new:

# %%
show_error(RuntimeError, lambda: F.pad(small[None, None], (3, 3, 3, 3), mode="reflect"))
show_error(RuntimeError, lambda: F.pad(small[None, None], (4, 4, 4, 4), mode="circular"))
assert F.pad(small[None, None], (3, 3, 3, 3), mode="circular").shape == (1, 1, 9, 9)

# %% [markdown]
# ### Zeros darken the rim
#
# Zero is not "nothing": zero is *black*. Blur a picture with the mean of 3 × 3 pixels. At the rim three of the nine are
# padding, in the corner five. On a flat white picture the output is therefore 6/9 at the rim and 4/9 in the corner, and 1 inside.

# %%
blur = torch.full((1, 1, 3, 3), 1 / 9)
white = F.conv2d(torch.ones(1, 1, 6, 6), blur, padding=1)[0, 0]
assert torch.allclose(white[0, 0], torch.tensor(4 / 9)) and torch.allclose(white[0, 1:5], torch.tensor(6 / 9))
assert torch.allclose(white[1:5, 1:5], torch.ones(4, 4))

with_zeros = F.conv2d(picture[None, None], blur, padding=1)[0, 0]
with_copies = F.conv2d(F.pad(picture[None, None], (1, 1, 1, 1), mode="replicate"), blur)[0, 0]
rim = torch.ones(32, 32, dtype=torch.bool)
rim[1:-1, 1:-1] = False
ratio = (with_zeros[rim].mean() / with_copies[rim].mean()).item()
assert 0.6 < ratio < 0.7
assert torch.allclose(with_zeros[~rim], with_copies[~rim], atol=1e-6)

# %%
ax = plots.axes(4)
plots.image(white, ax[0], title="white, blurred")
plots.image(with_zeros, ax[1], title="airplane, zeros")
plots.image(with_copies, ax[2], title="airplane, replicate")
plots.signed(with_zeros - with_copies, ax[3], title="difference")
plots.show(
    ax,
    "A flat white picture after a blur with zero padding: white with a grey rim, darkest in the corners. The blurred "
    "airplane with zeros has the same dark frame, with replicate it has none. Their difference is zero inside and "
    "negative along the whole rim.",
)

# %% [markdown]
# See the frame: with zeros, the rim of the airplane has about two thirds of the brightness that it has with `replicate`. Inside, no
# pixel differs. A network can even use this frame: it tells where the picture ends.
#
# ### `padding="same"`
#
# With stride 1, the output is as large as the input when the padding on both sides sums to $d(k - 1)$. `padding="same"`
# finds it for you. For an odd $k$ that is even, and each side gets half. For an **even** $k$ with an odd dilation it is odd: then the right and the bottom get one more.

# %%
signal = torch.arange(1.0, 6.0).view(1, 1, 5)
four_taps = torch.tensor([[[1.0, 10, 100, 1000]]])
torch.set_warn_always(True)  # otherwise a warning of this kind comes only once
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    by_same = F.conv1d(signal, four_taps, padding="same")
torch.set_warn_always(False)

by_sides = F.conv1d(F.pad(signal, (1, 2)), four_taps)  # one on the left, two on the right
assert torch.equal(by_same, by_sides) and by_same.shape == signal.shape
print(by_same.flatten().int().tolist())
print("Torch warns:", str(caught[0].message).split(" (Trig")[0])

# %% [markdown]
# Read the digits from the right: the first output, 3210, is 0 · 1 + 1 · 10 + 2 · 100 + 3 · 1000. The zero comes from the left,
# and the second tap stands on the output's own place: an even kernel has no middle.
# Torch warns that it may have to copy the input to add the extra pixel. And it refuses a stride: "the same size" and
# "every second pixel" contradict each other.

# %%
show_error(ValueError, lambda: nn.Conv2d(1, 1, 3, stride=2, padding="same"))

# %% [markdown]
# ## 3 · Stride: what is left out
#
# Stride $s$ computes every $s$-th output pixel, and nothing else. The two lines below give the same numbers; the
# stride is faster only because it does not compute what is thrown away.

# %%
weight = torch.randn(1, 1, 3, 3)
every_third = F.conv2d(picture[None, None], weight, stride=3)
assert torch.allclose(every_third, F.conv2d(picture[None, None], weight)[..., ::3, ::3], atol=1e-5)
assert every_third.shape == (1, 1, 10, 10)

# %% [markdown]
# What about the pixels that the window jumps over? Guess.

# %%
predict.unread()


# %%
def unread(size, kernel_size, **setting):
    """Return (size, size), True where no window reads the pixel."""
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    F.conv2d(x, torch.ones(1, 1, kernel_size, kernel_size), **setting).sum().backward()
    return x.grad[0, 0] == 0  # the output does not depend on it


# %%
cases = [(1, {"stride": 2}), (3, {"stride": 3}), (3, {"stride": 5, "padding": 1}), (2, {"stride": 3})]
ax = plots.axes(4)
for axis, (k, setting) in zip(ax, cases, strict=True):
    missed = unread(32, k, **setting)
    lost = unread_pixels(32, k, **setting)  # along one axis, by counting instead of by the gradient
    assert missed.all(1).nonzero().flatten().tolist() == list(lost)
    plots.hatch(
        plots.image(
            picture, axis, title=", ".join([f"k {k}", *(f"{name} {value}" for name, value in setting.items())])
        ),
        missed,
    )
plots.show(
    ax,
    "The airplane four times, the pixels that no window reads hatched. Kernel 1 and stride 2: three quarters of the "
    "picture, a lattice. Kernel 3 and stride 3: only the last two rows and columns. Kernel 3 and stride 5: two of "
    "every five rows and columns. Kernel 2 and stride 3: one of every three.",
)

# %% [markdown]
# Hatched pixels can be anything, and the output stays the same. There are two reasons for them.
# **Gaps**: the stride is larger than the reach of the window. **A rest**: the floor cuts off what does not fit a whole stride,
# at the right and at the bottom: with $k = s = 3$, 32 pixels hold ten windows, and two rows and two columns are left over.

# %%
assert unread(32, 1, stride=2).float().mean() == 0.75
assert unread_pixels(32, 3, stride=3) == (30, 31)
assert unread(32, 3, stride=3).sum() == 32 * 32 - 30 * 30 == 124
assert not unread(32, 3, stride=2, padding=1).any()  # the usual halving layer reads everything

noisy = torch.where(unread(32, 1, stride=2), torch.rand(32, 32), picture)
point = torch.ones(1, 1, 1, 1)
assert torch.equal(F.conv2d(noisy[None, None], point, stride=2), F.conv2d(picture[None, None], point, stride=2))

# %% [markdown]
# ## 4 · Dilation: a kernel with holes
#
# Dilation $d$ pulls the taps apart. The kernel still has $k$ weights along an axis, but reaches over $d(k - 1) + 1$ pixels.
# It is the same as a larger kernel with zeros in its holes, without the work.

# %%
taps = torch.arange(1.0, 10.0).view(1, 1, 3, 3)
with_holes = torch.zeros(1, 1, 5, 5)
with_holes[..., ::2, ::2] = taps  # dilation 2
x = picture[None, None]
assert torch.allclose(F.conv2d(x, taps, dilation=2), F.conv2d(x, with_holes), atol=1e-4)
assert F.conv2d(x, taps, dilation=2).shape == (1, 1, 28, 28)

# %%
predict.two_dilated()


# %%
def seen_by_one(dilations):
    """Return which pixels one output pixel reads through 3 × 3 layers with these dilations."""
    size = 1 + sum(2 * d for d in dilations)
    x = torch.zeros(1, 1, size, size, requires_grad=True)
    y = x
    for d in dilations:
        y = F.conv2d(y, torch.ones(1, 1, 3, 3), dilation=d)
    y.sum().backward()  # a single output pixel
    return x.grad[0, 0]


# %%
stacks = [(2, 2), (2, 2, 2), (1, 2, 3)]
ax = plots.axes(3, size=2.7)
for axis, stack in zip(ax, stacks, strict=True):
    plots.signed(seen_by_one(stack), axis, title=f"dilations {', '.join(map(str, stack))}")
plots.show(
    ax,
    "The gradient of one output pixel. Dilations 2 and 2: a lattice of 5 by 5 lit pixels in a 9 by 9 field, every "
    "second row and column dark. Dilations 2, 2, 2: the same lattice, 7 by 7 in 13 by 13. Dilations 1, 2, 3: the whole "
    "13 by 13 field is lit, strongest in the middle.",
)

# %% [markdown]
# See the lattice: this is **gridding**. The holes of the second layer fall on the holes of the first. So neighbouring output
# pixels read from different lattices and know nothing of each other. Different dilations close the gaps: 1, 2, 3 has the same
# 13 × 13 field as 2, 2, 2, and reads all of it.

# %%
read = {stack: int((seen_by_one(stack) != 0).sum()) for stack in stacks}
print(read)
assert read == {(2, 2): 25, (2, 2, 2): 49, (1, 2, 3): 169}
assert seen_by_one((2, 2)).shape == (9, 9) and seen_by_one((2, 2, 2)).shape == seen_by_one((1, 2, 3)).shape == (13, 13)

# %% [markdown]
# ### Far with few layers
#
# For sounds, one wants to look far back. WaveNet stacks kernels of 2 whose dilation doubles: 1, 2, 4, 8. Each layer doubles what
# the one before it saw. Four layers see 16 samples, each exactly once. Without dilation, four layers see 5.


# %%
def samples_seen(dilations):
    x = torch.zeros(1, 1, 20, requires_grad=True)
    y = x
    for d in dilations:
        y = F.conv1d(y, torch.ones(1, 1, 2), dilation=d)
    y[0, 0, -1].backward()  # the newest output
    return x.grad[0, 0]


doubling, plain = samples_seen([1, 2, 4, 8]), samples_seen([1, 1, 1, 1])
print("doubling:", doubling.int().tolist())
print("plain:   ", plain.int().tolist())
assert doubling.tolist() == [0] * 4 + [1] * 16
assert (plain != 0).sum() == 5
assert receptive_field([(2, 1, 0, d) for d in (1, 2, 4, 8)])[-1].size == 16

# %% [markdown]
# The zeros on the left are samples that are too old. Each 1 says that this sample reaches the output on exactly one way.
# How far a stack sees is called its *receptive field*: notebook 7 follows it through whole networks.

# %% [markdown]
# ## Play
#
# A window walks over numbers. Press *Play*, or step with the arrow keys on the output. Click an output cell to send the window there.
# Click an input cell to see which windows read it; type, and its number changes.
#
# Try these. Which strides leave gaps with a kernel of 2? Which dilations leave every second pixel out, with the kernel of 2 and
# stride 2? With *Input* "ones" and *Weights* "the mean", make the rim dark, then bright again. Then take the puzzle below the walk.

# %%
walker = WindowWalker(kernel_size=3, stride=2, padding=1, padding_mode="reflect", step=5, pixel=(-1, 3))
walker

# %% [markdown]
# The walker as it opens, in two lines of torch:

# %%
padded = F.pad(WindowWalker().image[None, None], (1, 1, 1, 1), mode="reflect")
by_torch = F.conv2d(padded, torch.ones(1, 1, 3, 3), stride=2)
assert torch.equal(WindowWalker(stride=2, padding=1, padding_mode="reflect").output, by_torch[0, 0])

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:padding.output_size"]

# %% tags=["exercise:padding.pad"]

# %% tags=["exercise:padding.same_padding"]

# %% tags=["exercise:padding.missed_pixels"]

# %% tags=["exercise:padding.strided_conv2d"]

# %% tags=["exercise:padding.dilated_conv2d"]

# %% tags=["exercise:padding.layers_to_reach"]

# %% [markdown]
# ### What you played with, answered
#
# With a kernel of 2, every stride above 2 leaves gaps. With stride 2, an even dilation does: all taps then stand on even pixels.
# Zeros make the rim dark. Any other mode makes it bright again, because all its pixels are ones.
#
# The puzzle, from 28 to 14: with stride 2, the room to move must be 26 or 27 pixels, so $d(k - 1)$ is $2p$ or $2p + 1$. That gives
# twelve settings. The thirteenth has stride 1: a kernel of 7 with dilation 3 reaches over 19 pixels, and takes away 18 of the 32.

# %%
assert [stride for stride in range(1, 6) if unread_pixels(30, 2, stride=stride)] == [3, 4, 5]
modes = ("reflect", "replicate", "circular")
assert all((F.pad(torch.ones(1, 1, 6, 6), [1] * 4, mode=mode) == 1).all() for mode in modes)
odd = tuple(range(1, 30, 2))
assert [dilation for dilation in range(1, 7) if unread_pixels(30, 2, stride=2, dilation=dilation) == odd] == [2, 4, 6]

found = solutions(28, 14)
print(*found, sep="  ")
assert len(found) == 13
assert [one for one in found if one[1] == 1] == [(7, 1, 2, 3)]
assert all(formula(28, k, s, p, d) == 14 for k, s, p, d in found)
assert all(d * (k - 1) in (2 * p, 2 * p + 1) for k, s, p, d in found if s == 2)

# %% [markdown]
# ## Myth check
#
# Three sentences from study notes. Each is run, then put right.
#
# **Myth 1.** *"The output size is (in + 2p − d(k − 1) − 1) / (2 · stride) + 1."*

# %%
as_printed = (32 + 2 * 1 - 1 * (3 - 1) - 1) // (2 * 2) + 1
by_torch = F.conv2d(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 3, 3), stride=2, padding=1).shape[-1]
print(f"as printed: {as_printed}, by torch: {by_torch}")
assert (as_printed, by_torch) == (8, 16)

# %% [markdown]
# True is: the stride stands below the line once. The padding is what counts twice, because it is added on both sides.
#
# **Myth 2.** *"Conv2d(3, 32, 5, padding=2) on a batch of 16 pictures has 2,416 parameters: 2,400 weights and 16 biases."*

# %%
myth_layer = nn.Conv2d(3, 32, 5, padding=2)
for batch_size in (1, 16, 100):
    assert myth_layer(torch.zeros(batch_size, 3, 8, 8)).shape == (batch_size, 32, 8, 8)
print("weights", myth_layer.weight.numel(), " biases", myth_layer.bias.numel())
assert (myth_layer.weight.numel(), myth_layer.bias.numel()) == (2400, 32)
assert 2400 + 16 == 2416 and 2400 + 32 == 2432

# %% [markdown]
# True is: one bias for each of the 32 **output channels**, so 2,432. No layer knows how many pictures are in a batch.
#
# **Myth 3.** *"An output size that does not divide evenly is an error."*

# %%
assert (32 - 3) % 2 == 1  # 29 / 2 is not whole
assert F.conv2d(torch.zeros(1, 1, 32, 32), torch.zeros(1, 1, 3, 3), stride=2).shape == (1, 1, 15, 15)
print("(32 − 3) / 2 + 1 = 15.5, and torch gives 15")

# %% [markdown]
# True is: torch rounds down and says nothing. The price is silent too: the last row and the last column are never read.

# %%
assert unread_pixels(32, 3, stride=2) == (31,)

# %% [markdown]
# ## You saw
#
# - ⌊(in + 2p − d(k − 1) − 1) / s⌋ + 1: the room to move, in whole strides, and the first window. It agrees with torch everywhere,
#   and the floor means that a window which does not fit is left out.
# - Four ways to fill a rim, each one index by hand. Zeros are black: they darken it. The others take their pixels from the picture.
# - Which pixels are read: all of them, or not. A stride beyond the window's reach leaves gaps, the floor leaves a rest, and equal dilations leave a lattice.
#
# **Next:** [6 · Edge kernels](06_edge_kernels.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, arXiv:1603.07285.
# F. Yu and V. Koltun, *Multi-scale context aggregation by dilated convolutions*, arXiv:1511.07122.
# P. Wang and others, *Understanding convolution for semantic segmentation*, arXiv:1702.08502 (gridding).
# A. van den Oord and others, *WaveNet*, arXiv:1609.03499.
# PyTorch's documentation of `torch.nn.Conv2d` and `torch.nn.functional.pad`.
