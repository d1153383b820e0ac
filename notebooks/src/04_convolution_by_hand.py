# %% [markdown]
# # 4 · Convolution by hand
#
# **What is the one operation that keeps what is near together and treats every place alike?**
#
# You will be able to
#
# - compute any output pixel of a convolution by hand, with the right indices;
# - write the operation in four ways, from loops to `F.conv2d`, and say why they agree;
# - tell a layer's weight shape, its number of parameters and its output size before you run it.
#
# Time: about 60 minutes. Know first: tensors, indexing, and what `nn.Module` and a gradient are.

# %%
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import kernels, plots
from helpers.data import load, photograph
from helpers.errors import show_error
from helpers.predictions import convolution as predict
from helpers.train import pick_device, seconds, seed_everything
from helpers.widgets import EquivarianceMeter, KernelLab

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

# %% [markdown]
# ## Guess first
#
# You have not seen the answer yet. That is the point: a guess makes you look twice. Choose, commit, then read on.

# %%
predict.parameters()

# %% [markdown]
# ## 1 · One patch, one number
#
# A **kernel** is a small grid of weights. Lay it on a patch of the image that has the same size.
# Multiply each pixel by the weight that lies on it. Add the products. The sum is **one** output pixel.

# %%
x = torch.zeros(6, 7)
x[1, 1:6] = 1  # the upper bar of a 7 …
x[2, 4] = x[3, 3] = x[4, 2] = 1  # … and its leg
weight = kernels.kernel("sobel x")

patch = x[1:4, 2:5]
products = patch * weight
assert products.sum() == 2

# %%
ax = plots.axes(4)
plots.mark(plots.image(x, ax[0], title="image, patch framed"), 1, 2, 3, 3)
plots.image(patch, ax[1], title="patch", values=True)
plots.kernel(weight, ax[2], title="kernel")
plots.signed(products, ax[3], title=f"products, sum {products.sum():.0f}", values=True)
plots.show(
    ax,
    "Four grids: a drawn 7 with a frame around one 3 × 3 patch; the patch as zeros and ones; the kernel with "
    "−1, −2, −1 on its left, zeros in its middle and 1, 2, 1 on its right; and the nine products, whose sum is 2.",
)

# %% [markdown]
# See how the middle column of the patch does not count: its weights are zero. The left column counts as negative,
# the right one as positive. So this kernel asks one question: is it brighter on the right than on the left?
#
# Now slide. The frame moves one pixel to the right, and the next sum is the next output pixel.
# A kernel of $k$ pixels fits into $n$ pixels at $n - k + 1$ places: 3 into 6 rows at 4 places, 3 into 7 columns at 5.
# So the output has 4 × 5 pixels.
#
# With rows and columns counted from 1, the first output pixel is
#
# $$\begin{aligned}
# o_{11} = \; & i_{11}k_{11} + i_{12}k_{12} + i_{13}k_{13} \\
# + \; & i_{21}k_{21} + i_{22}k_{22} + i_{23}k_{23} \\
# + \; & i_{31}k_{31} + i_{32}k_{32} + i_{33}k_{33}
# \end{aligned}$$
#
# and the one in row $r$, column $c$ is
#
# $$o_{rc} = \sum_{a=1}^{3} \sum_{b=1}^{3} i_{r+a-1,\;c+b-1}\; k_{ab}$$
#
# Formulas count from 1. Code counts from 0, and so does the kernel lab: `out[1, 2]` is $o_{23}$.

# %% [markdown]
# ## 2 · Four ways, one answer
#
# **Loops** are the definition. Visit each place, cut out the patch, multiply, add.


# %%
def with_loops(x, weight):
    (height, width), (k_h, k_w) = x.shape, weight.shape
    out = x.new_zeros(height - k_h + 1, width - k_w + 1)  # zeros in the dtype of x
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            out[r, c] = (x[r : r + k_h, c : c + k_w] * weight).sum()
    return out


assert with_loops(x, weight).shape == (4, 5)
assert with_loops(x, weight)[1, 2] == 2  # the pixel from section 1

# %% [markdown]
# **Slices** turn the loops inside out. There are many places, but only nine weights.
# So visit the weights: each one multiplies a shifted view of the whole image.


# %%
def with_slices(x, weight):
    (height, width), (k_h, k_w) = x.shape, weight.shape
    rows, columns = height - k_h + 1, width - k_w + 1
    return sum(weight[a, b] * x[a : a + rows, b : b + columns] for a in range(k_h) for b in range(k_w))


# %% [markdown]
# **Unfold** writes each patch as one column. There are 20 places, so the result is a 9 × 20 matrix.
# Then the whole convolution is one product: a row of 9 weights times that matrix.


# %%
def with_unfold(x, weight):
    columns = F.unfold(x[None, None], weight.shape)[0]  # (k_h · k_w, places)
    out = weight.flatten() @ columns
    return out.view(x.shape[0] - weight.shape[0] + 1, x.shape[1] - weight.shape[1] + 1)


assert F.unfold(x[None, None], 3).shape == (1, 9, 20)

# %% [markdown]
# **`F.conv2d`** is the library's way. It wants a batch axis and a channel axis in front: (N, C, H, W).


# %%
def with_torch(x, weight):
    return F.conv2d(x[None, None], weight[None, None])[0, 0]


ways = [with_loops, with_slices, with_unfold, with_torch]
for way in ways:
    assert torch.allclose(way(x, weight), with_loops(x, weight))

# %%
ax = plots.axes(2)
plots.image(x, ax[0], title="image, 6 × 7")
plots.signed(with_torch(x, weight), ax[1], title="all four ways, 4 × 5", values=True)
plots.show(
    ax,
    "The drawn 7 beside the 4 × 5 output with its numbers. Positive numbers stand where the picture gets brighter "
    "to the right, negative ones where it gets darker.",
)

# %% [markdown]
# The four agree, but they do not take the same time. The next cell times them on a 64 × 64 photograph, on your
# machine. Its figures are not kept in this file: they would be wrong on yours.

# %% tags=["live", "nbval-ignore-output"]
grey = photograph(64, grey=True)[0]  # (64, 64)
threads = torch.get_num_threads()
torch.set_num_threads(1)  # a fair race: each way on one thread
times = {way.__name__: seconds(lambda way=way: way(grey, weight)) for way in ways}
for name, time in times.items():
    print(f"{name:12s} {1e3 * time:8.3f} ms   {time / times['with_torch']:7.1f} × the time of F.conv2d")
torch.set_num_threads(threads)
assert times["with_loops"] > 10 * times["with_torch"]

# %% [markdown]
# The loops take far longer than `F.conv2d`: on the machines we tried, hundreds to thousands of times.
# Python spends that time on 62 × 62 = 3,844 small steps. The library does the same sums in one call.

# %%
assert 62 * 62 == 3844 == with_torch(photograph(64, grey=True)[0], weight).numel()

# %% [markdown]
# ### A word about the word
#
# In mathematics, a *convolution* turns the kernel by 180° before it slides. What `F.conv2d` does, without the turn, is
# called *cross-correlation* there. In this series, convolution is always torch's: **no flip**. NumPy's `np.convolve`
# does flip, so the two differ.

# %%
signal, k = [1.0, 2.0, 4.0, 8.0], [1.0, 0.0, -1.0]
by_torch = F.conv1d(torch.tensor([[signal]]), torch.tensor([[k]]))[0, 0].tolist()
by_numpy = np.convolve(signal, k, mode="valid").tolist()
print("torch, no flip:", by_torch)
print("NumPy, flipped:", by_numpy)
assert by_torch == [-3, -6] and by_numpy == [3, 6]

# %% [markdown]
# A network that learns its weights does not care: it learns the flipped kernel instead.
# You care when you write a kernel by hand, and when you compare with a book.

# %% [markdown]
# ## 3 · Channels
#
# A colour image has three channels. So a kernel has three too: **one grid of weights for each input channel**.
# Each grid makes a map of its channel. The maps are added. One more learned number, the **bias**, is added to every
# pixel of the sum. That gives *one* output channel. For 16 output channels there are 16 such kernels, and 16 biases.

# %%
colour_layer = nn.Conv2d(3, 16, 3)
print("weight", tuple(colour_layer.weight.shape), " bias", tuple(colour_layer.bias.shape))
print("output", tuple(colour_layer(airplane[None]).shape))

assert colour_layer.weight.shape == (16, 3, 3, 3) and colour_layer.bias.shape == (16,)
assert colour_layer(torch.zeros(1, 3, 32, 32)).shape == (1, 16, 30, 30)
assert sum(p.numel() for p in colour_layer.parameters()) == 16 * 3 * 3 * 3 + 16 == 432 + 16 == 448
for height, width in [(32, 32), (17, 23), (200, 100)]:  # the same 448 numbers read any size
    assert colour_layer(torch.zeros(1, 3, height, width)).shape == (1, 16, height - 2, width - 2)

# %% [markdown]
# So the answer to the first question is 448. The others have their own sums: 160 forgets that each kernel has three
# grids, 432 forgets the biases, and 44 million is what a linear layer needs from 3 × 32 × 32 to 16 × 30 × 30 numbers.

# %%
assert 16 * 3 * 3 + 16 == 160
assert (3 * 32 * 32) * (16 * 30 * 30) == 3072 * 14_400 == 44_236_800

# %%
first = colour_layer.weight[0]  # (3, 3, 3): the kernel of output channel 0
maps = [with_torch(airplane[c], first[c]) for c in range(3)]
total = sum(maps) + colour_layer.bias[0]
assert torch.allclose(total, colour_layer(airplane[None])[0, 0], atol=1e-5)

# %%
ax = plots.axes(5, size=2.1)
plots.image(airplane, ax[0], title="image")
limit = max(part.abs().max().item() for part in [*maps, total])  # the same colours mean the same numbers
for axis, part, name in zip(ax[1:], [*maps, total], ["red", "green", "blue", "sum + bias"], strict=True):
    plots.signed(part, axis, title=name, limit=limit)
plots.show(
    ax,
    "An airplane, and four signed maps: what the kernel's red, green and blue grids make of it, and their sum with "
    "the bias, which is one channel of the layer's output.",
)

# %% [markdown]
# See how the three maps differ: each colour has weights of its own. The fourth is their sum, plus the bias.
# It is a **feature map**: one channel of the output.
#
# A layer that gets the wrong number of channels says so, and the message names both numbers.

# %%
show_error(RuntimeError, lambda: colour_layer(torch.zeros(1, 1, 32, 32)))

# %% [markdown]
# ## 4 · The same convolution as a matrix
#
# Every linear map is a matrix, and so is this one. It has one **row** for each output pixel and one **column** for each
# input pixel. To find it, send in an image with a single 1, for each pixel in turn: the output is that pixel's column.

# %%
nine = torch.arange(1.0, 10.0).view(1, 1, 3, 3)  # nine different weights, so that you can tell them apart
one_hot = torch.eye(6 * 7).view(42, 1, 6, 7)  # 42 images with one bright pixel each
matrix = F.conv2d(one_hot, nine).view(42, 20).T  # (20, 42)

assert torch.equal(matrix @ x.flatten(), F.conv2d(x[None, None], nine).flatten())
assert (matrix != 0).sum() == 20 * 9 == 180 and matrix.numel() == 840
assert all(sorted(row[row != 0].tolist()) == [1, 2, 3, 4, 5, 6, 7, 8, 9] for row in matrix)

# %%
ax = plots.axes(1, size=3.2, wide=2.0)
plots.signed(matrix, ax[0], title="20 output pixels (rows) × 42 input pixels (columns)")
plots.show(
    ax,
    "A matrix of 20 rows and 42 columns, mostly white for zero. Each row holds three short runs of three coloured "
    "cells; from row to row the same pattern moves to the right, in bands that follow the image's rows.",
)

# %% [markdown]
# Each row holds the same nine numbers, moved on by one place, or by three where the frame starts a new image row.
# Everything else is zero: 660 of 840 entries.
# So a convolution is a linear layer with two rules. **Far pixels do not count** (the zeros), and
# **every place uses the same weights** (the repeats).
#
# What do the rules save? From 32 × 32 pixels to 30 × 30, a linear layer has 921,600 weights. The convolution has 9.

# %%
assert 840 - 180 == 660
assert nn.Linear(32 * 32, 30 * 30, bias=False).weight.numel() == 921_600
assert nn.Conv2d(1, 1, 3, bias=False).weight.numel() == 9

# %% [markdown]
# ## 5 · Shift first, or convolve first?
#
# The same weights everywhere have a consequence. Think before you read on.

# %%
predict.shift_first()

# %%
picture = airplane.mean(0, keepdim=True)[None]  # (1, 1, 32, 32), grey
sobel = weight[None, None]
shift = (0, 1)  # rows down, columns to the right

shift_first = F.conv2d(picture.roll(shift, dims=(2, 3)), sobel)
convolve_first = F.conv2d(picture, sobel).roll(shift, dims=(2, 3))
difference = (shift_first - convolve_first).abs()
assert difference[..., 1:].max() < 1e-6  # equal, but for the column that came in
assert difference[..., 0].max() > 1e-3

# %% [markdown]
# An operation that gives the same result, only moved, when its input is moved is called **translation equivariant**.
#
# Try it. Move the picture and watch the map of the difference. Then change the operation: which of them do not care
# when you shift, and which do?

# %%
meter = EquivarianceMeter(image=picture[0, 0], shift=(0, 1))
meter

# %% [markdown]
# *Circular padding* continues the picture with its own other side. Then there is no rim, and nothing differs.
# A linear layer differs everywhere:
# it has to learn each thing again at each place.

# %%
wrapped = F.pad(picture, (1, 1, 1, 1), mode="circular")
moved = F.pad(picture.roll((3, 5), dims=(2, 3)), (1, 1, 1, 1), mode="circular")
assert torch.allclose(F.conv2d(moved, sobel), F.conv2d(wrapped, sobel).roll((3, 5), dims=(2, 3)), atol=1e-6)

linear = nn.Linear(32 * 32, 32 * 32)
flat_first = linear(picture.roll(shift, dims=(2, 3)).flatten()).view(32, 32)
flat_after = linear(picture.flatten()).view(32, 32).roll(shift, dims=(0, 1))
assert (flat_first - flat_after)[:, 1:].abs().mean() > 0.01

# %% [markdown]
# ## 6 · One weight, used everywhere
#
# Each weight takes part in every output pixel. So each output pixel has something to say about how the weight should
# change, and backpropagation **adds it all up**.
#
# Let $g_{rc}$ be the gradient of the loss for output pixel $(r, c)$: the **upstream gradient**.
# Then the weight $k_{ab}$ gets
#
# $$\frac{\partial L}{\partial k_{ab}} = \sum_{r,c} g_{rc}\; i_{r+a-1,\;c+b-1}$$
#
# Look closely: this is the image, convolved with $g$ as its kernel.

# %%
learned = torch.randn(1, 1, 3, 3, requires_grad=True)
out = F.conv2d(picture, learned)  # (1, 1, 30, 30)
g = torch.randn_like(out)  # the upstream gradient, here at random
out.backward(g)

by_places = torch.zeros(3, 3)
for r in range(30):
    for c in range(30):
        by_places += g[0, 0, r, c] * picture[0, 0, r : r + 3, c : c + 3]

assert torch.allclose(learned.grad[0, 0], by_places, atol=1e-3)
assert torch.allclose(learned.grad, F.conv2d(picture, g), atol=1e-3)

# %%
ax = plots.axes(3)
plots.image(picture[0], ax[0], title="image")
plots.signed(g[0], ax[1], title="upstream gradient")
plots.kernel(learned.grad[0, 0], ax[2], title="gradient of the weights")
plots.show(
    ax,
    "The grey airplane, a 30 × 30 map of random upstream gradients, and the 3 × 3 gradient of the weights, "
    "each of its nine numbers a sum over 900 places.",
)

# %% [markdown]
# Nine numbers came out, each the sum over 900 places. One example of an airplane teaches the kernel 900 times.

# %%
assert g.numel() == 900

# %% [markdown]
# ## 7 · Groups, and one, two or three dimensions
#
# **Groups** cut the channels into parts that do not see each other. With as many groups as channels, each kernel reads
# one channel alone: a *depthwise* convolution. The weight's second axis is always `in_channels / groups`.

# %%
for groups in [1, 2, 4]:
    grouped = nn.Conv2d(4, 8, 3, groups=groups)
    count = sum(p.numel() for p in grouped.parameters())
    print(f"Conv2d(4, 8, 3, groups={groups}): weight {tuple(grouped.weight.shape)}, {count} parameters")
    assert grouped.weight.shape == (8, 4 // groups, 3, 3)
    assert count == 8 * (4 // groups) * 9 + 8

# %% [markdown]
# A sound has one axis to slide along, an image two, a video or a scan three. The rule stays the same, axis by axis.
# A layer holds its weights; a function takes them as an argument. `padding=2` puts two zeros on each side: that gives
# back the 5 − 1 pixels that a kernel of 5 would cost, so the size stays (more in notebook 5).

# %%
layers = [
    (nn.Conv1d(5, 32, 5, padding=2), (16, 5, 3), (16, 32, 3)),
    (nn.Conv2d(5, 32, 5, padding=2), (16, 5, 3, 10), (16, 32, 3, 10)),
    (nn.Conv3d(5, 32, 5, padding=2), (16, 5, 3, 10, 12), (16, 32, 3, 10, 12)),
]
for any_layer, before, after in layers:
    assert any_layer.to(device)(torch.zeros(before, device=device)).shape == after
    print(f"{type(any_layer).__name__}: {before} → {after}")

# %%
functions = [
    (F.conv1d, (20, 16, 50), (33, 16, 3), 0, (20, 33, 48)),
    (F.conv2d, (1, 4, 5, 5), (8, 4, 3, 3), 1, (1, 8, 5, 5)),
    (F.conv3d, (20, 16, 50, 10, 20), (33, 16, 3, 3, 3), 0, (20, 33, 48, 8, 18)),
]
for function, before, weights, padding, after in functions:
    shape = function(torch.zeros(before, device=device), torch.zeros(weights, device=device), padding=padding).shape
    print(f"F.{function.__name__}: {before} with {weights}, padding={padding} → {after}")
    assert shape == after

# %% [markdown]
# ## Play
#
# Drag a weight, or type into it. Point at a pixel of the result: you see its patch, the products and the sum.
# Beside or below them stand the same numbers as an *unfold* column, and as that pixel's row of the matrix.
#
# Two puzzles. First set *Padding* to 1, and find the kernel that leaves the picture as it is.
# Then press *Reset*, choose the size 5 × 5, and find a kernel with a single 1 that gives nothing but zeros.

# %%
lab = KernelLab(x, kernel=weight, display="signed", probe=(1, 2), show_matrix=True)
lab

# %% [markdown]
# The lab as it opens, in two lines of torch. Its button *Copy as torch* writes such lines for whatever you have set.

# %%
by_torch = F.conv2d(x[None, None], weight[None, None])
assert torch.allclose(KernelLab(x, kernel=weight).output, by_torch[0], atol=1e-5)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:convolution.patch_sum"]

# %% tags=["exercise:convolution.convolve"]

# %% tags=["exercise:convolution.conv2d"]

# %% tags=["exercise:convolution.count_parameters"]

# %% tags=["exercise:convolution.kernel_gradient"]

# %% tags=["exercise:convolution.grouped_conv2d"]

# %% [markdown]
# ### The two puzzles of the lab, solved
#
# The first kernel is the *identity*. In the second, a 1 in the lower right corner of a 5 × 5 kernel
# only ever meets the six pixels in the lower right corner of the picture, and they are black.

# %%
identity = kernels.kernel("identity")
assert torch.equal(F.conv2d(x[None, None], identity[None, None], padding=1)[0, 0], x)

corner = torch.zeros(5, 5)
corner[4, 4] = 1
assert F.conv2d(x[None, None], corner[None, None]).abs().sum() == 0
assert torch.equal(F.conv2d(x[None, None], corner[None, None])[0, 0], x[4:6, 4:7])

# %% [markdown]
# ## Myth check
#
# Three sentences from study notes. Each is run, then put right.
#
# **Myth 1.** *"The first output pixel is $i_{11}k_{11} + i_{12}k_{12} + i_{22}k_{13} + i_{21}k_{21} + \dots$"* The
# printed formula has $i_{22}$ where $i_{13}$ belongs. The middle pixel then counts twice, the upper right one not at
# all, and no error tells you.

# %%
i = torch.arange(1.0, 17.0).view(4, 4) ** 2  # no two pixels alike
k = torch.arange(1.0, 10.0).view(3, 3)
right = (i[0:3, 0:3] * k).sum()
as_printed = right - i[0, 2] * k[0, 2] + i[1, 1] * k[0, 2]

assert F.conv2d(i[None, None], k[None, None])[0, 0, 0, 0] == right
assert as_printed != right
print(f"right: {right:.0f}, as printed: {as_printed:.0f}")

# %% [markdown]
# True is: the first row of the patch is $i_{11}, i_{12}, i_{13}$. The first index is the row, the second the column.
#
# **Myth 2.** *"Image tensors are (N, C, W, H)."* Take a kernel that is one row high and five columns wide.

# %%
wide = torch.zeros(1, 1, 4, 10)
out = F.conv2d(wide, torch.zeros(1, 1, 1, 5))
print(f"{tuple(wide.shape)} with a kernel of 1 row and 5 columns → {tuple(out.shape)}")
assert out.shape == (1, 1, 4, 6)  # the last axis lost four: it is the width

# %% [markdown]
# True is: (N, C, **H, W**). Rows come before columns, as in a matrix.
#
# **Myth 3.** *"A layer refuses an image without a batch axis."*

# %%
assert colour_layer(airplane).shape == (16, 30, 30)
assert torch.allclose(colour_layer(airplane), colour_layer(airplane[None])[0], atol=1e-6)
show_error(RuntimeError, lambda: colour_layer(airplane[0]))

# %% [markdown]
# True is: it takes (C, H, W) as well as (N, C, H, W). It refuses (H, W): the channel axis must be there.

# %% [markdown]
# ## You saw
#
# - One output pixel: lay the kernel on a patch, multiply, add. You can do it by hand, with the right indices.
# - Four ways to the same numbers: loops over places, slices over weights, `unfold` and a product, `F.conv2d`.
# - Weight (out, in / groups, k, k), one bias for each output channel, an output that shrinks by k − 1:
#   you can tell them before you run the layer.
#
# And why it is the right operation for pictures: near pixels count, far ones do not, and every place uses the same weights.
#
# **Next:** [5 · Padding, stride, dilation](05_padding_stride_dilation.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** V. Dumoulin and F. Visin, *A guide to convolution arithmetic for deep learning*, arXiv:1603.07285.
# Y. LeCun and others, *Gradient-based learning applied to document recognition*, Proceedings of the IEEE 86 (1998).
# PyTorch's documentation of `torch.nn.Conv2d`, `torch.nn.functional.conv2d` and `torch.nn.functional.unfold`.
