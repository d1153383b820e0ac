# %% [markdown]
# # 7 · Pooling and the receptive field
#
# **How does a small kernel come to see a whole airplane?**
#
# You will be able to
#
# - pool by hand, forwards and backwards, and say what each argument of a pooling layer does;
# - undo a max pooling as far as it can be undone, and say what is lost;
# - compute the receptive field of any stack of layers, and paint it with a gradient.
#
# Time: about 75 minutes. Know first: convolution, padding, stride and dilation (notebooks 4 and 5).

# %%
import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import ops, plots, shapes
from helpers.data import load
from helpers.errors import show_error
from helpers.predictions import pooling as predict
from helpers.train import accuracy, fit, pick_device, seed_everything
from helpers.widgets import LayerStack

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the training runs
data: str = "built-in"  # "built-in" or "real": drawn birds and airplanes, or those of CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 6  # passes over the 2,000 training pictures in section 7

# %%
seed_everything(seed)
device = pick_device(device)
images, labels = (part[:2000] for part in load("birds-airplanes", source=data, root=data_root))
airplane = images[labels == 0][0]  # (3, 32, 32)
grey = airplane.mean(0, keepdim=True)[None]  # (1, 1, 32, 32)

# %% [markdown]
# ## Guess first

# %%
predict.field()

# %% [markdown]
# You will see why in section 6. First: what is pooling?

# %% [markdown]
# ## 1 · Three ways from 32 to 16
#
# A network should see more and more of the picture, and keep fewer and fewer numbers. So it makes its maps smaller.
# **Pooling** lays a window over the map, as a convolution does, but has no weights: it keeps the **average** of
# the window, or its **largest** pixel. A convolution with stride 2 makes the map smaller too, with weights that it learns.

# %%
halves = {
    "AvgPool2d(2)": nn.AvgPool2d(2),
    "MaxPool2d(2)": nn.MaxPool2d(2),
    "Conv2d, stride 2": nn.Conv2d(1, 1, 3, stride=2, padding=1),
}
smaller = {name: layer(grey).detach() for name, layer in halves.items()}
for name, layer in halves.items():
    count = sum(p.numel() for p in layer.parameters())
    print(f"{name}: {tuple(grey.shape)} → {tuple(smaller[name].shape)}, {count} parameters")
    assert smaller[name].shape == (1, 1, 16, 16)
assert [sum(p.numel() for p in layer.parameters()) for layer in halves.values()] == [0, 0, 10]

# %%
ax = plots.axes(4)
plots.image(grey[0], ax[0], title="32 × 32")
plots.image(smaller["AvgPool2d(2)"][0], ax[1], title="average, 16 × 16")
plots.image(smaller["MaxPool2d(2)"][0], ax[2], title="max, 16 × 16")
plots.signed(smaller["Conv2d, stride 2"][0], ax[3], title="conv, stride 2, 16 × 16")
plots.show(
    ax,
    "A grey airplane, and three smaller versions of it: the average is a soft copy; max pooling is brighter, and thin "
    "dark parts get thinner; the convolution with stride 2 is a signed map, because its weights are random.",
)

# %% [markdown]
# The average is a smaller copy. Max pooling keeps what is brightest in each window, so it is never darker than the
# average. A window's stride is its own size, unless you say otherwise: the windows lie side by side.

# %%
assert (smaller["MaxPool2d(2)"] >= smaller["AvgPool2d(2)"] - 1e-6).all()

# %% [markdown]
# ## 2 · Max pooling by hand, and back
#
# By hand it is one line: cut the map into windows, and take the largest pixel of each.

# %%
x = torch.tensor([[1.0, 5, 0, 2], [5, 0, 3, 1], [4, 4, 7, 6], [4, 2, 8, 6]])
windows = x.unfold(0, 2, 2).unfold(1, 2, 2)  # (2, 2, 2, 2): row and column of the window, then inside it
by_hand = windows.amax(dim=(2, 3))
print(by_hand)
assert torch.equal(by_hand, F.max_pool2d(x[None, None], 2)[0, 0])
assert torch.equal(by_hand, ops.max_pool2d(x[None], 2)[0])  # the same in helpers/ops.py, with all its arguments

# %% [markdown]
# Now backwards. How much does the output change when you change a pixel a little?
# Commit before you look.

# %%
predict.gradient()

# %%
leaf = x.clone().requires_grad_()
out, indices = F.max_pool2d(leaf[None, None], 2, return_indices=True)
upstream = torch.tensor([[2.0, 3], [5, 7]])  # what the loss sends back, one number for each output pixel
gradient = torch.autograd.grad(out, leaf, upstream[None, None])[0]

assert gradient.tolist() == [[0, 2, 0, 0], [0, 0, 3, 0], [5, 0, 0, 0], [0, 0, 7, 0]]
assert gradient.sum() == upstream.sum() == 17
assert indices.tolist() == [[[[1, 6], [8, 14]]]]

# %%
ax = plots.axes(3)
plots.image(x / 8, ax[0], title="input")
for row, column in [divmod(i, 4) for i in indices.flatten().tolist()]:
    plots.mark(ax[0], row, column, 1, 1)
plots.signed(upstream, ax[1], title="upstream gradient", values=True)
plots.signed(gradient, ax[2], title="gradient of the input", values=True)
for (row, column), value in zip([(r, c) for r in range(4) for c in range(4)], x.flatten().tolist(), strict=True):
    ax[0].text(column, row, f"{value:.0f}", ha="center", va="center", color="black" if value > 3 else "white")
plots.show(
    ax,
    "A 4 × 4 grid with one framed winner in each 2 × 2 window; the upstream gradient 2, 3, 5, 7; and the gradient of "
    "the input, which is zero everywhere but at the four winners, where it is 2, 3, 5 and 7.",
)

# %% [markdown]
# **The gradient goes to the winner alone.** Twelve of sixteen pixels get nothing. Where two pixels are equal, as the
# two fives, the first one wins, row by row. The **index** of a winner counts through the map row by row: 6 is
# row 1, column 2.
#
# Not every way of writing a maximum agrees on ties: `amax` shares the gradient among equal pixels.

# %%
assert (gradient == 0).sum() == 12
assert divmod(6, 4) == (1, 2)
shared = torch.autograd.grad(leaf.unfold(0, 2, 2).unfold(1, 2, 2).amax(dim=(2, 3)), leaf, upstream)[0]
print(shared[:2, :2])
assert shared[:2, :2].tolist() == [[0, 1], [1, 0]]

# %% [markdown]
# Windows may overlap: size 3, stride 2 is common. Then one pixel can win in several windows, and its gradients add up.

# %%
peak = torch.zeros(1, 1, 5, 5)
peak[0, 0, 2, 2] = 1  # the middle pixel is in all four windows
peak.requires_grad_()
overlapping = F.max_pool2d(peak, 3, stride=2)
overlapping.sum().backward()
assert overlapping.shape == (1, 1, 2, 2) and (overlapping == 1).all()
assert peak.grad[0, 0, 2, 2] == 4 and peak.grad.sum() == 4

# %% [markdown]
# ## 3 · What the arguments do
#
# Windows of 3 with stride 2 do not fit evenly into 32 pixels: the last window would hang over the end by one pixel.
# By default it is dropped. `ceil_mode=True` keeps it.

# %%
assert nn.MaxPool2d(3, stride=2)(grey).shape[-1] == shapes.pool_output_size(32, 3, stride=2) == 15
assert nn.MaxPool2d(3, stride=2, ceil_mode=True)(grey).shape[-1] == 16
assert shapes.pool_output_size(32, 3, stride=2, ceil_mode=True) == 16
assert nn.MaxPool2d(3, stride=2, padding=1)(grey).shape[-1] == 16  # the same size, with other windows

# %% [markdown]
# Padding differs. For max pooling it is −∞, so that it never wins, not even against negative pixels. For average pooling
# it is zeros, and they count, so the rim gets darker. `count_include_pad=False` divides by the real pixels alone.

# %%
ones = torch.ones(1, 1, 4, 4)
counted = F.avg_pool2d(ones, 3, stride=1, padding=1)[0, 0]
not_counted = F.avg_pool2d(ones, 3, stride=1, padding=1, count_include_pad=False)[0, 0]
assert torch.isclose(counted[0, 0], torch.tensor(4 / 9)) and torch.isclose(counted[0, 1], torch.tensor(6 / 9))
assert torch.allclose(not_counted, torch.ones(4, 4))
assert (F.max_pool2d(-ones, 3, stride=1, padding=1) == -1).all()  # no zero has won

# %%
ax = plots.axes(2)
plots.image(counted, ax[0], title="zeros count", values=True)
plots.image(not_counted, ax[1], title="count_include_pad=False", values=True)
plots.show(
    ax,
    "A 4 × 4 map of ones after average pooling with padding 1. With the zeros counted, the corners are 0.444 and the "
    "edges 0.667; without them everything stays 1.",
)

# %% [markdown]
# What does not fit is refused, and the message names both numbers. Padding above half the window is refused too: the
# middle of the first window would then lie outside the picture.

# %%
show_error(RuntimeError, lambda: F.max_pool2d(ones, 3, padding=2))
show_error(ValueError, lambda: ops.max_pool2d(ones, 3, padding=2))
show_error(ValueError, lambda: ops.max_pool2d(ones, 5))

# %% [markdown]
# ## 4 · Back up: unpooling
#
# With the indices, a winner can be put back to where it stood. `MaxUnpool2d` does that, and writes 0 everywhere else.

# %%
picture = airplane[None]
pooled, places = F.max_pool2d(picture, 2, return_indices=True)
back = nn.MaxUnpool2d(2)(pooled, places)
kept = back != 0
assert back.shape == picture.shape
assert torch.equal(back[kept], picture[kept])  # what comes back is right …
assert kept.float().mean() <= 0.25  # … but three of four pixels are lost
assert torch.equal(F.max_pool2d(back, 2), pooled)  # pooled again, it gives the same

# %%
ax = plots.axes(3)
plots.image(airplane, ax[0], title="picture, 32 × 32")
plots.image(pooled[0], ax[1], title="max-pooled, 16 × 16")
plots.image(back[0], ax[2], title="unpooled, 32 × 32")
plots.show(
    ax,
    "An airplane in colour; its max-pooled version at half the size; and the unpooled picture: coloured dots on "
    "black, one winner in each window and colour channel; of the airplane a dark shape is left.",
)

# %% [markdown]
# Two pictures of different size can pool to the same size. 33 pixels pool to 16, as 32 do. So unpooling must be
# told: `output_size` says where to go back to. An index counts along the rows of the picture that was pooled. Laid into
# rows of another length, it names another place. You get an error only where it points outside.

# %%
odd = torch.cat([picture, picture[..., -1:]], dim=3)  # (1, 3, 32, 33)
pooled_odd, places_odd = F.max_pool2d(odd, 2, return_indices=True)
unpool = nn.MaxUnpool2d(2)
right = unpool(pooled_odd, places_odd, output_size=odd.shape)
assert pooled_odd.shape == pooled.shape and right.shape == odd.shape
assert torch.equal(right[right != 0], odd[right != 0])

narrow = torch.tensor([[0.0, 0, 0], [5, 0, 0], [7, 0, 0], [0, 0, 0]])[None, None]  # 3 pixels wide, 5 and 7 on the left
assert unpool(*F.max_pool2d(narrow, 2, return_indices=True))[0, 0].tolist() == [[0, 0], [0, 5], [0, 0], [7, 0]]  # wrong

show_error(ValueError, lambda: ops.max_unpool2d(pooled_odd, places_odd, 2))
show_error(ValueError, lambda: unpool(pooled_odd, places_odd, output_size=(1, 3, 40, 40)))

# %% [markdown]
# ## 5 · Adaptive, global, mixed
#
# A pooling with a fixed window gives an output that depends on the input's size. **Adaptive pooling** turns this round: you
# name the output's size, and it chooses the windows, called *bins*. Bin $i$ of $n$ goes from $\lfloor i \cdot size / n \rfloor$
# up to, not including, $\lceil (i+1) \cdot size / n \rceil$.


# %%
def bins(size, count):
    return [range(i * size // count, -(-(i + 1) * size // count)) for i in range(count)]


row = torch.arange(7.0)
print([list(one) for one in bins(7, 3)])
assert [list(one) for one in bins(7, 3)] == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]  # neighbours share a pixel
assert [len(one) for one in bins(7, 5)] == [2, 2, 3, 2, 2]  # and their sizes may differ
by_bins = torch.stack([row[list(one)].mean() for one in bins(7, 5)])
assert torch.allclose(by_bins, nn.AdaptiveAvgPool1d(5)(row[None])[0])
for height, width in [(32, 32), (7, 19)]:
    assert nn.AdaptiveAvgPool2d(4)(torch.zeros(1, 8, height, width)).shape == (1, 8, 4, 4)

# %% [markdown]
# With output size 1 it is **global pooling**: one number per channel, whatever the picture's size. The layer after it has as
# many inputs as there are channels, and no longer cares *where* something was.

# %%
maps = torch.randn(2, 8, 13, 17)
everywhere = nn.AdaptiveAvgPool2d(1)(maps)
assert everywhere.shape == (2, 8, 1, 1)
assert torch.allclose(everywhere[..., 0, 0], maps.mean(dim=(2, 3)), atol=1e-6)
assert torch.allclose(nn.AdaptiveAvgPool2d(1)(maps.roll((3, 5), dims=(2, 3))), everywhere, atol=1e-6)

# %% [markdown]
# Max or average? You need not choose. **Mixed pooling** adds the two in shares $a$ and $1 - a$; the share can be learned.
# Or keep both, one after the other along the channels: then the next layer chooses, and it has twice as many channels to read.

# %%
share = torch.tensor(0.25, requires_grad=True)
added = share * F.max_pool2d(picture, 2) + (1 - share) * F.avg_pool2d(picture, 2)
joined = torch.cat([F.max_pool2d(picture, 2), F.avg_pool2d(picture, 2)], dim=1)
assert added.shape == (1, 3, 16, 16) and joined.shape == (1, 6, 16, 16)
added.sum().backward()
assert share.grad > 0  # max pooling is never below the average, so a larger share makes the sum larger

# %% [markdown]
# ## 6 · How far a pixel sees
#
# ### A large cross from two small kernels
#
# This kernel looks for a small diagonal cross. It is 3 × 3, and cannot see an 8 × 8 cross as a whole. But put two of them
# after one another, with max pooling in between.

# %%
cross = torch.tensor([[1.0, -0.5, 1], [-0.5, 1, -0.5], [1, -0.5, 1]])[None, None]


def look(image):
    """Small cross, pooling, small cross: the three maps on the way."""
    first = F.relu(F.conv2d(image[None, None], cross) - 1)  # 8 × 8 → 6 × 6
    pooled = F.max_pool2d(first, 2)  # → 3 × 3
    return first[0, 0], pooled[0, 0], F.relu(F.conv2d(pooled, cross) - 8)[0, 0]  # → 1 × 1


large = ((torch.eye(8) + torch.eye(8).flip(1)) > 0).float()
first, pooled_cross, last = look(large)
assert first.shape == (6, 6) and last.shape == (1, 1)
assert pooled_cross.tolist() == [[2, 0, 2], [0, 1, 0], [2, 0, 2]]
assert last.item() == 1

# %%
ax = plots.axes(5, size=2.2)
plots.image(large, ax[0], title="a large cross, 8 × 8")
plots.kernel(cross[0], ax[1], title="the kernel, used twice")
plots.signed(first, ax[2], title="after the first, 6 × 6")
plots.signed(pooled_cross, ax[3], title="pooled, 3 × 3", values=True)
plots.signed(last, ax[4], title="after the second", values=True)
plots.show(
    ax,
    "An 8 × 8 picture of a diagonal cross; a 3 × 3 kernel with 1 on its diagonals and −0.5 elsewhere; its 6 × 6 "
    "response, strong along the four arms; the pooled 3 × 3 map, itself a small cross; and the final response, 1.",
)

# %% [markdown]
# Look at the pooled map: the large cross has become a small one. So the same kernel finds it. Other drawings leave
# the last pixel at 0.

# %%
plus, frame = torch.zeros(8, 8), torch.zeros(8, 8)
plus[3:5] = plus[:, 3:5] = 1
frame[[0, -1]] = frame[:, [0, -1]] = 1
others = {"a plus": plus, "a frame": frame, "one diagonal": torch.eye(8), "all white": torch.ones(8, 8)}
for name, drawing in others.items():
    print(f"{name}: {look(drawing)[2].item():.0f}")
    assert look(drawing)[2].item() == 0

# %% [markdown]
# And in a larger scene? There the last map has many pixels, and one of them lights up: where the cross is.

# %%
scene = torch.zeros(14, 32)
for (top, left), drawing in zip([(4, 2), (2, 12), (4, 22)], [plus, large, frame], strict=True):
    scene[top : top + 8, left : left + 8] = drawing
found = look(scene)[2]
assert found.shape == (4, 13)
assert found.nonzero().tolist() == [[1, 6]]  # its field begins at pixel (2 · 1, 2 · 6), where the cross begins

# %%
ax = plots.axes(2, size=2.0, wide=2.2)
plots.mark(plots.image(scene, ax[0], title="a plus, a cross and a frame"), 2, 12, 8, 8)
plots.signed(found, ax[1], title="the last map, 4 × 13")
plots.show(
    ax,
    "A scene with a plus, a diagonal cross and a frame, the cross marked by an 8 × 8 square; and the last map, which "
    "is white but for one red pixel in the middle, the one that sees exactly this square.",
)

# %% [markdown]
# ### The rule
#
# The **receptive field** of a pixel is the part of the input that it depends on. Its side $r$ starts at 1: a pixel of the
# input sees itself. The **jump** $j$ says how many input pixels it is from one pixel of a map to the next; it starts at 1. Then
# each layer, with
# kernel size $k$, stride $s$ and dilation $d$, does
#
# $$r \leftarrow r + (k - 1) \cdot d \cdot j \qquad\text{and then}\qquad j \leftarrow j \cdot s$$
#
# The order matters: a layer's own stride counts only for the layers after it.

# %%
r, j = 1, 1
for name, k, s in [("conv 3", 3, 1), ("pool 2", 2, 2), ("conv 3", 3, 1)]:
    r, j = r + (k - 1) * j, j * s
    print(f"{name}: field {r} × {r}, jump {j}")
assert (r, j) == (8, 2)
assert shapes.receptive_field([(3,), (2, 2), (3,)])[-1].size == 8

# %% [markdown]
# Without the pooling, the two convolutions see 5 × 5. The pooling itself adds one pixel. What counts is that it doubles
# all steps after it. Without any stride, it would take fifteen 3 × 3 convolutions to see 31 pixels of an airplane of 32; with a pooling
# after each, four of them see 46.

# %%
assert shapes.receptive_field([(3,), (3,)])[-1].size == 5
assert shapes.receptive_field([(3,)] * 15)[-1].size == 31
assert shapes.receptive_field([(3,), (2, 2)] * 4)[-1].size == 46

# %% [markdown]
# ### Painted by the gradient
#
# You need no rule to find a receptive field. Ask the gradient: **which input pixels change this output pixel?** That works for any
# model. Here is the whole method.


# %%
def paint(model, images, row, column):
    """The mean |gradient| of one output pixel for each input pixel: (N, C, H, W) → (H, W)."""
    images = images.clone().requires_grad_()
    pixel = model(images)[:, :, row, column].sum()
    gradient = torch.autograd.grad(pixel, images)[0]
    return gradient.abs().sum(dim=1).mean(dim=0).cpu()


# %%
noise = torch.randn(16, 1, 32, 32)
plain = nn.Sequential(nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
padded = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3))
middle, corner = paint(plain, noise, 6, 6), paint(padded, noise, 0, 0)


def box(seen):
    places = (seen > 0).nonzero()
    return [*places.amin(0).tolist(), *(places.amax(0) - places.amin(0) + 1).tolist()]


assert box(middle) == [12, 12, 8, 8]  # 8 × 8, as the rule says
assert middle[12:20:7, 12:20:7].mean() < middle[14:18, 14:18].mean() / 2  # its corners count less than its middle
assert box(corner) == [0, 0, 7, 7]  # one row and one column of the field lie in the padding

# %%
ax = plots.axes(2, size=2.8)
for axis, heat, title in [(ax[0], middle, "in the middle"), (ax[1], corner, "padding 1, the corner")]:
    plots.mark(plots.image(heat / heat.max(), axis, title=title), *box(heat))
plots.show(
    ax,
    "Two black 32 × 32 maps with the gradient in grey: an 8 × 8 square in the middle for the stack without padding, "
    "and 7 × 7 pixels in the upper left corner for the first pixel of the stack whose first convolution is padded.",
)

# %% [markdown]
# The field is 8 × 8. With padding 1 in the first convolution, the corner pixel sees 7 × 7: the rest of its field lies in
# the padding. And look at the greys: **not every pixel of the field counts alike**. The first convolution lays nine windows
# over a pixel in the middle, and one over a corner.

# %%
over = F.conv_transpose2d(torch.ones(1, 1, 6, 6), torch.ones(1, 1, 3, 3))[0, 0]  # 6 × 6 windows on 8 × 8 pixels
assert over[2:6, 2:6].unique() == 9 and over[::7, ::7].unique() == 1

# %% [markdown]
# ### Max pooling does not make it all the same
#
# You may have read that pooling makes a network invariant to small shifts. Guess how much truth there is in that.

# %%
predict.shifted()


# %%
def pool(x):
    return F.max_pool2d(x, 2)


one, two = grey.roll(1, dims=3), grey.roll(2, dims=3)  # moved to the right, around the rim
assert torch.equal(pool(two), pool(grey).roll(1, dims=3))  # a whole stride: the map moves along
changed = (pool(one) - pool(grey)).abs() > 1e-6
print(f"moved by one pixel, more than half of the pooled pixels change: {changed.float().mean().item() > 0.5}")
assert changed.float().mean() > 0.5
assert ((pool(one) - pool(grey)).abs() > 0.1).float().mean() < changed.float().mean() / 2
assert not torch.allclose(pool(one), pool(grey).roll(1, dims=3), atol=0.1)  # and it is not the moved map either

# %%
ax = plots.axes(3)
plots.image(pool(grey)[0], ax[0], title="pooled")
plots.image(pool(one)[0], ax[1], title="moved by 1, pooled")
plots.signed((pool(one) - pool(grey))[0], ax[2], title="difference", limit=0.5)
plots.show(
    ax,
    "The pooled airplane, the airplane moved by one pixel and pooled, and their difference: red and blue pixels along "
    "all of the airplane's edges.",
)

# %% [markdown]
# Most of the changes are faint, the grain of the sky. The strong ones lie along the airplane's edges.
#
# The large cross tells the same. Move it by one pixel to the right, and no pixel lights up any more; by two, and it is found again.

# %%
for step in [0, 1, 2]:
    lit = look(scene.roll(step, dims=1))[2].nonzero().tolist()
    print(f"moved by {step}: lit {lit}")
    assert lit == {0: [[1, 6]], 1: [], 2: [[1, 7]]}[step]

# %% [markdown]
# Max pooling helps only where the winner moves *within* its window. In general it is neither invariant nor equivariant.

# %% [markdown]
# ## 7 · Theory against what the network really uses
#
# The rule tells which pixels *can* matter. The gradient tells how much they *do*: the **effective** receptive field. For that, a
# network is needed that has learned something.


# %%
def small_cnn():
    return nn.Sequential(
        *[nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
        *[nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()],  # 16 maps of 8 × 8: what is painted
        *[nn.Flatten(), nn.Linear(16 * 8 * 8, 2)],
    )


def half(heat):
    """How many pixels, the strongest first, hold half of the gradient."""
    strongest = heat.flatten().sort(descending=True).values.cumsum(0)
    return int((strongest < strongest[-1] / 2).sum()) + 1


field = shapes.receptive_field([(3, 1, 1), (2, 2), (3, 1, 1), (3, 1, 1), (2, 2), (3, 1, 1)])[-1]
assert (field.size, field.jump) == (22, 4) and field.size**2 == 484

# %%
test_images, test_labels = (part[:500] for part in load("birds-airplanes", "test", source=data, root=data_root))
mean, std = images.mean((0, 2, 3), keepdim=True), images.std((0, 2, 3), keepdim=True)
train_set, test_set = ((images - mean) / std, labels), ((test_images - mean) / std, test_labels)
looked_at = test_set[0][:128].to(device)

seed_everything(seed)
model = small_cnn().to(device)
before = paint(model[:10], looked_at, 4, 4)
fit(model, train_set, epochs=epochs, lr=1e-3, optimizer=torch.optim.Adam, device=str(device), seed=seed)
after = paint(model[:10], looked_at, 4, 4)
right_share = accuracy(model, *test_set)

# %%
assert right_share > (0.8 if data == "built-in" else 0.7)
assert (before > 0).sum() <= 484 and (after > 0).sum() <= 484  # nothing outside the field
assert (after > 0).sum() > 400  # and nearly all of it is used, a little
assert 95 < half(before) < 484 / 3 and 50 < half(after) < 130
assert half(after) < half(before)

# %%
ax = plots.axes(3, size=2.8)
row, column, side, _ = (4 * 4 - 9, 4 * 4 - 9, 22, 22)  # the first pixel's field starts at −9, and the jump is 4
plots.mark(plots.image(airplane, ax[0], title="the field, 22 × 22"), row, column, side, side)
for axis, heat, title in [(ax[1], before, "before training"), (ax[2], after, "after training")]:
    plots.mark(plots.image(heat / heat.max(), axis, title=title), row, column, side, side)
plots.show(
    ax,
    "An airplane with a 22 × 22 frame around its middle; the gradient map before training, a soft blob in the frame; "
    "and after training, where the light is drawn closer together in the middle of the frame.",
)
assert field.pixels(4) == range(7, 29) == range(row, row + side)

# %% [markdown]
# The frame is the theory: 484 pixels. Within it the gradient is a soft blob, in an untrained network already: half of it lies on
# less than a third of the pixels. The middle is reached on more paths than the rim, so it counts more. Training then moves
# the weights, and the blob with them. Here it draws **closer together**: after it, fewer pixels hold half of the gradient. In
# deeper networks others have seen it **grow** with training. The rule gives a bound; what is used must be measured.

# %% [markdown]
# ## Play
#
# Build a stack. Each row of the table is a layer, with its output, its cost and its field; *start* is where the middle of
# the first pixel's field lies. Click a pixel of the output: its field appears on the picture, in theory and by gradient.
#
# Three puzzles. *One:* let one pixel see the whole picture, 32 × 32, with three layers, no kernel above 4, no dilation.
# *Two:* make a field with **holes**, input pixels inside the frame that the output never reads. *Three:* break
# the stack with a single layer, and read why.

# %%
stack = LayerStack([nn.Conv2d(3, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)], (3, 32, 32), image=airplane)
stack

# %% [markdown]
# The same without the widget. `stack.module()` is the network, `stack.code` its text.

# %%
fields = shapes.receptive_field([(3,), (2, 2), (3,)])
assert [row.size[0] for row in stack.rows[1:]] == [one.size for one in fields] == [3, 4, 8]
assert stack.module()(airplane[None]).shape[1:] == (8, 13, 13) == tuple(stack.rows[-1].shape)
assert box(stack.theory) == box(stack.effective) == [12, 12, 8, 8]
print(stack.code)

# %% [markdown]
# It takes a model of your own too, whatever it is made of. This is the trained network. Walk from layer to layer:
# where does the theory end, and what does the gradient say there?

# %%
LayerStack(model=model, input_size=(3, 32, 32), layer=10, pixel=(4, 4), image=airplane)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:pooling.max_pool2d"]

# %% tags=["exercise:pooling.avg_pool2d"]

# %% tags=["exercise:pooling.mixed_pool"]

# %% tags=["exercise:pooling.concat_pool"]

# %% tags=["exercise:pooling.max_unpool2d"]

# %% tags=["exercise:pooling.max_pool2d_gradient"]

# %% tags=["exercise:pooling.receptive_field"]

# %% [markdown]
# ### The three puzzles, solved
#
# Strides first: then each step of the kernels after them is long. Holes need a dilation that is larger than what one
# tap sees. And a kernel larger than its padded input does not fit.
#
# In the trained network the theory ends at the flatten: there a number has no row and no column any more. The gradient goes
# on, and says that each of the two outputs depends on all 1,024 pixels.

# %%
whole = LayerStack([nn.Conv2d(3, 8, 4, stride=4), nn.MaxPool2d(2), nn.Conv2d(8, 8, 4)], (3, 32, 32))
assert whole.rows[-1].size == [32, 32] and whole.theory.all()

holes = LayerStack([nn.Conv2d(3, 8, 3, dilation=4)], (3, 32, 32))
assert holes.rows[-1].size == [9, 9] and holes.theory.sum() == 9  # of 81 pixels it reads nine

broken = LayerStack([nn.Conv2d(3, 8, 15), nn.MaxPool2d(8), nn.Conv2d(8, 8, 3)], (3, 32, 32))
print(broken.problem)
assert broken.problem.startswith("Layer 3, Conv2d(8, 8, 3), does not fit")

output = LayerStack(model=model, input_size=(3, 32, 32), layer=12, image=airplane)
assert output.theory is None and (output.effective > 0).sum() == 1024

# %% [markdown]
# ## Myth check
#
# Four sentences from study notes. Each is run, then put right.
#
# **Myth 1.** *"`AvgPool2d` has the arguments of `MaxPool2d`: dilation, return_indices."*

# %%
show_error(TypeError, lambda: nn.AvgPool2d(2, dilation=2))
show_error(TypeError, lambda: nn.AvgPool2d(2, return_indices=True))
nn.MaxPool2d(2, dilation=2, return_indices=True), nn.AvgPool2d(2, count_include_pad=False, divisor_override=3)

# %% [markdown]
# True is: an average has no winner, so it has no index to return. And torch's average pooling has no dilation; it has
# `count_include_pad` and `divisor_override` in their place.
#
# **Myth 2.** *"`MaxPool3d` pools an image, because an image has three axes."*

# %%
batch = torch.rand(16, 4, 32, 32)  # 16 pictures of 4 channels
wrong = nn.MaxPool3d(2)(batch)
print(f"MaxPool3d: {tuple(batch.shape)} → {tuple(wrong.shape)};  MaxPool2d: {tuple(nn.MaxPool2d(2)(batch).shape)}")
assert wrong.shape == (16, 2, 16, 16)
assert torch.equal(wrong[:, 0], torch.maximum(*nn.MaxPool2d(2)(batch)[:, :2].unbind(1)))

# %% [markdown]
# True is: `MaxPool3d` pools volumes, (N, C, **D**, H, W). It takes a batch of images for one volume without a batch axis, and
# pools over the **channels** as well: of two channels the larger is left, and no error tells you. An image has two axes to
# slide along: `MaxPool2d`.
#
# **Myth 3.** *"`MaxUnpool2d` undoes max pooling; try it on random numbers."*

# %%
random_numbers = torch.randn(1, 3, 16, 16)
filled = nn.MaxUnpool2d(2)(random_numbers, places)
assert torch.equal(filled != 0, back != 0)  # noise, where the airplane's winners stood
assert (back - picture).abs().mean() > 0.1  # and the real winners do not bring the picture back either

# %% [markdown]
# True is: it puts *any* numbers at the places that the indices name, and zeros elsewhere. With random numbers it shows only
# that the shapes fit. With the pooled values it brings back the winners, and nothing else: the rest is lost for good.
#
# **Myth 4.** *"The receptive field of a stack is the sum of its kernel sizes."*

# %%
assert shapes.receptive_field([(3,), (2, 2), (3,)])[-1].size == 8 == 3 + 2 + 3  # by accident …
assert shapes.receptive_field([(3,), (3,), (3,)])[-1].size == 7 != 3 + 3 + 3
assert shapes.receptive_field([(3,), (2, 2), (3,), (2, 2), (3,)])[-1].size == 18 != 3 + 2 + 3 + 2 + 3

# %% [markdown]
# True is: $r \leftarrow r + (k - 1) \cdot d \cdot j$. For our first stack the sum gives 8 too, by accident.

# %% [markdown]
# ## You saw
#
# - Pooling keeps the largest pixel or the average of each window. Backwards, max pooling feeds its winner alone,
#   the first of equal ones; padding is −∞ for the one and zeros for the other; `ceil_mode` keeps the last window.
# - Unpooling puts the winners back by their indices, into the size you name. Three of four pixels stay lost.
# - Field and jump grow layer by layer, and strides multiply all steps after them. The gradient paints the field of any
#   model, and shows how much each pixel really counts.
#
# So that is how a small kernel comes to see a whole airplane: it reads maps whose pixels already stand for many.
#
# **Next:** [8 · Subclassing nn.Module](08_subclassing_nn_module.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** A. Araujo, W. Norris and J. Sim, *Computing receptive fields of convolutional neural networks*, Distill (2019),
# doi:10.23915/distill.00021. W. Luo and others, *Understanding the effective receptive field in deep convolutional neural
# networks*, arXiv:1701.04128. R. Zhang, *Making convolutional networks shift-invariant again*, arXiv:1904.11486.
# C.-Y. Lee and others, *Generalizing pooling functions in convolutional neural networks: mixed, gated, and tree*,
# arXiv:1509.08985. PyTorch's documentation of `MaxPool2d`, `AvgPool2d`, `MaxUnpool2d` and `AdaptiveAvgPool2d`.
