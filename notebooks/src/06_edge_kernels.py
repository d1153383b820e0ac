# %% [markdown]
# # 6 · Edge kernels
#
# **What can nine numbers see?**
#
# You will be able to
#
# - write a kernel that blurs, sharpens, or sees edges of a direction, and say why its weights are what they are;
# - turn two kernels into one, and one kernel into a column and a row, and count what that saves;
# - let gradient descent find a kernel, and judge what a first layer made by hand is worth.
#
# Time: about 60 minutes. Know first: convolution and padding (notebooks 4 and 5), and what a gradient is.

# %%
import torch
import torch.nn.functional as F
from torch import nn

from helpers import exercises as ex
from helpers import plots
from helpers.data import load, patterns, photograph
from helpers.errors import show_error
from helpers.kernels import KERNELS, kernel
from helpers.predictions import edges as predict
from helpers.train import accuracy, fit, pick_device, seed_everything
from helpers.widgets import KernelLab

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the networks train
data: str = "built-in"  # "built-in" or "real": drawn birds and airplanes, or those of CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers
epochs: int = 4  # how often the small networks see each picture

# %%
seed_everything(seed)
device = pick_device(device)
photo = photograph(160)  # (3, 160, 160), a real photograph
grey = photo.mean(0)  # (160, 160)


def apply(weight, x, padding=0):
    """Slide one kernel (k, k) over one picture (H, W)."""
    return F.conv2d(x[None, None], weight[None, None], padding=padding)[0, 0]


# %% [markdown]
# ## Guess first

# %%
predict.sum_kernel()

# %% [markdown]
# ## 1 · The sum of the weights is what happens to the brightness
#
# Give all nine weights the value 1/9. Each output pixel is then the **mean** of nine pixels: the picture is blurred.
# With nine ones, it is their **sum**: the same blur, nine times brighter.

# %%
mean, total = kernel("box blur"), kernel("sum")
assert torch.allclose(mean, torch.full((3, 3), 1 / 9))
assert torch.allclose(apply(total, grey), 9 * apply(mean, grey), atol=1e-4)

flat = torch.full((8, 9), 0.4)
assert torch.allclose(apply(mean, flat), torch.tensor(0.4))
assert torch.allclose(apply(total, flat), torch.tensor(3.6))

# %%
ax = plots.axes(4)
plots.image(grey, ax[0], title="photograph")
plots.image(apply(mean, grey), ax[1], title="nine times 1/9")
plots.image(apply(total, grey), ax[2], title="nine times 1")
plots.image(apply(kernel("gaussian 5x5"), grey), ax[3], title="Gaussian, 5 × 5")
plots.show(
    ax,
    "A portrait; the same, slightly blurred; the sum kernel's result, most of it white because it is nine times "
    "brighter; and a softer blur by a 5 × 5 Gaussian.",
)

# %% [markdown]
# See the third picture: more than two thirds of it is above 1, and is painted white. The *Gaussian* is a blur too. Its weights
# also add up to 1, but near pixels count more than far ones.

# %%
share_of_white = (apply(total, grey) >= 1).float().mean()
assert share_of_white > 2 / 3
assert abs(kernel("gaussian 5x5").sum() - 1) < 1e-6

# %% [markdown]
# ## 2 · Weights of both signs compare
#
# What if the weights add up to 0?

# %%
predict.flat_sky()

# %% [markdown]
# **Prewitt's** kernel takes the left column away from the right one. With indices counted from 1, as in notebook 4, its
# output in row 2, column 2 of the picture is
#
# $$o_{22} = i_{13} - i_{11} + i_{23} - i_{21} + i_{33} - i_{31}$$

# %%
prewitt = kernel("prewitt x")
assert prewitt.tolist() == [[-1, 0, 1], [-1, 0, 1], [-1, 0, 1]]

i = torch.rand(3, 3)
by_formula = i[0, 2] - i[0, 0] + i[1, 2] - i[1, 0] + i[2, 2] - i[2, 0]
assert torch.allclose(apply(prewitt, i)[0, 0], by_formula)

# %% [markdown]
# So it is **silent** on flat areas, and **loud** on a vertical step. Its **sign** tells the side: positive where it gets
# brighter to the right, negative where it gets darker.

# %%
square = patterns()["square"][0]  # (16, 16): a white square on black
answer = apply(prewitt, square, padding=1)
assert (apply(prewitt, flat).abs() < 1e-6).all()  # silent
assert answer[8, 3] == 3 and answer[8, 12] == -3  # loud: left side brighter to the right, right side darker
assert (answer[8, 6:10] == 0).all() and (answer[3, 6:10] == 0).all()  # silent inside, and on the upper side

# %%
ax = plots.axes(4)
plots.image(square, ax[0], title="image")
plots.kernel(prewitt, ax[1], title="Prewitt x")
plots.signed(answer, ax[2], title="its answer")
plots.signed(apply(kernel("prewitt y"), square, padding=1), ax[3], title="Prewitt y's answer")
plots.show(
    ax,
    "A white square on black. Prewitt x answers with a red line at the square's left side and a blue one at its right "
    "side, and with nothing above and below. Prewitt y answers at the upper and the lower side instead.",
)

# %% [markdown]
# See the colours: a **signed map** has zero in the middle of its colours, here white. Red is positive, blue is negative.
# Painted from black to white, half of the answer would be lost: all that is negative would look like zero.
#
# Turn the kernel by a quarter, and it sees horizontal edges. **Sobel** counts the middle row double.

# %%
assert torch.equal(kernel("prewitt y"), prewitt.T)
assert kernel("sobel x").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
assert torch.equal(kernel("sobel x"), torch.outer(torch.tensor([1.0, 2, 1]), torch.tensor([-1.0, 0, 1])))

# %% [markdown]
# ## 3 · A real photograph
#
# Edges of a direction are one thing that nine numbers see. Here are seven kernels over the same face: first four whose
# weights sum to 0, then three whose weights sum to 1.

# %%
names = ["prewitt x", "prewitt y", "diagonal down", "laplacian 8"]
ax = plots.axes(4, size=2.6)
for axis, name in zip(ax, names, strict=True):
    plots.signed(apply(kernel(name), grey), axis, title=name)
    print(f"{name}: {KERNELS[name].sees}")
    assert abs(kernel(name).sum()) < 1e-6  # each of them is silent on flat areas
plots.show(
    ax,
    "Four signed maps of the portrait: Prewitt x shows upright outlines such as the sides of the face; Prewitt y level "
    "ones such as the brim of the cap; the diagonal kernel fine lines that fall to the right; the Laplacian all "
    "outlines.",
)

# %%
ax = plots.axes(3, size=2.6)
for axis, name in zip(ax, ["sharpen", "emboss", "gaussian"], strict=True):
    plots.image(apply(kernel(name), grey), axis, title=name)
    print(f"{name}: {KERNELS[name].sees}")
    assert abs(kernel(name).sum() - 1) < 1e-6  # each of them keeps the brightness
plots.show(
    ax,
    "Three pictures of the portrait, as bright as before: sharpened, with crisper outlines; embossed, as if lit from "
    "one side; and softly blurred by a Gaussian.",
)

# %% [markdown]
# The rule so far: weights that sum to **1** keep the brightness, weights that sum to **0** compare.
#
# **Colour.** Apply the kernel to each channel by itself, and each channel has edges of its own. An outline between two
# colours of equal brightness is lost in grey, and kept in colour.

# %%
two = torch.zeros(3, 8, 10)
two[0, :, :5], two[2, :, 5:] = 0.6, 0.6  # red on the left, blue on the right: equally bright on average
per_channel = F.conv2d(two[:, None], prewitt[None, None])[:, 0]  # each channel as a picture of its own
assert apply(prewitt, two.mean(0)).abs().max() < 1e-6
assert per_channel[0].min() < -1.7 and per_channel[2].max() > 1.7 and (per_channel[1] == 0).all()

maps = F.conv2d(photo[:, None], prewitt[None, None])[:, 0]
ax = plots.axes(5, size=1.8)
plots.image(photo, ax[0], title="photograph")
for axis, one, name in zip(ax[1:4], maps, ["red", "green", "blue"], strict=True):
    plots.signed(one, axis, title=name, limit=2)
plots.image(0.5 + maps / 4, ax[4], title="together")
plots.show(
    ax,
    "The portrait in colour, and Prewitt's signed answer in its red, green and blue channel: mostly the same "
    "outlines, but not equally strong. In the last picture the three are laid together, and grey stands for zero.",
)

# %% [markdown]
# ## 4 · Patterns: a cross and a checkerboard
#
# A kernel can be a small picture of what it looks for. Weights are positive where the pattern is bright, negative where
# it is dark, and sum to 0. Then nothing answers as loudly as the pattern itself.

# %%
cross = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]])
board = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
every = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 9).view(512, 3, 3)  # all black-and-white patches
for name, pattern in [("cross", cross), ("checkerboard", board)]:
    answers = (every * kernel(name)).sum((1, 2))
    assert torch.equal(every[answers.argmax()], pattern)
    assert answers.max().isclose(torch.tensor(1.0)) and answers.sort().values[-2] < 0.9

# %%
scene = torch.zeros(12, 26)
scene[2:5, 2:5], scene[7:10, 3:6] = cross, torch.ones(3, 3)
scene[1:11, 14:24] = (torch.arange(10)[:, None] + torch.arange(10)) % 2
seen = {name: apply(kernel(name), scene) for name in ("cross", "checkerboard")}
assert seen["cross"].argmax() == 2 * 24 + 2 and seen["checkerboard"].max().isclose(torch.tensor(1.0))

ax = plots.axes(3, size=1.6, wide=2.1)
plots.image(scene, ax[0], title="a cross, a square, a checkerboard")
for axis, name in zip(ax[1:], seen, strict=True):
    plots.signed(seen[name], axis, title=f"{name} detector")
plots.show(
    ax,
    "A scene with a small cross, a square and a checkerboard. The cross detector has its deepest red on the cross; on "
    "the checkerboard it answers too, less loudly, in red and blue by turns. The checkerboard detector is deepest "
    "there.",
)

# %% [markdown]
# See how the cross detector answers on the checkerboard too, by 0.8: a dark pixel between bright ones is a cross of
# its four neighbours, but for the middle. A detector prefers its pattern. It is not blind to others.

# %%
assert seen["cross"][:, 14:20].max().isclose(torch.tensor(0.8))

# %% [markdown]
# ## 5 · Zero padding makes false edges
#
# To keep the size, padding adds pixels around the picture. Zeros are black. So a bright picture seems to end at
# a step, and an edge kernel finds that step: an edge that nobody photographed. Padding with `replicate` makes no step.

# %%
sky = torch.full((12, 16), 0.8)
false_edges = apply(prewitt, sky, padding=1)
assert torch.allclose(false_edges[1:-1, 0], torch.tensor(2.4))  # 3 × 0.8
assert (false_edges[:, 1:-1].abs() < 1e-6).all()
repeated = F.pad(sky[None, None], (1, 1, 1, 1), mode="replicate")
assert (F.conv2d(repeated, prewitt[None, None]).abs() < 1e-6).all()

ax = plots.axes(3, size=1.8, wide=1.3)
plots.image(sky, ax[0], title="a sky without an edge")
plots.signed(false_edges, ax[1], title="zeros", limit=2.4)
plots.signed(F.conv2d(repeated, prewitt[None, None])[0], ax[2], title="replicate", limit=2.4)
plots.show(
    ax,
    "A flat grey sky. With zero padding Prewitt answers with a red column at the left border and a blue one at the "
    "right. With the border pixels repeated instead, the map is white everywhere.",
)

# %% [markdown]
# ## 6 · Two kernels are one, and one is a column and a row
#
# Blur first, then look for edges: two passes. But each pass is a sum of products, and a sum of sums is a sum. So
# there is **one** kernel that does both, of size $k_1 + k_2 - 1$. Its weights are the first kernel's, spread by the
# second: torch's `conv_transpose2d` computes just that.

# %%
first, second = kernel("gaussian"), kernel("prewitt x")
merged = F.conv_transpose2d(first[None, None], second[None, None])[0, 0]
assert merged.shape == (5, 5)
assert torch.allclose(apply(second, apply(first, grey)), apply(merged, grey), atol=1e-5)

padded_twice = apply(second, apply(first, grey, padding=1), padding=1)
padded_once = apply(merged, grey, padding=2)
gap = (padded_twice - padded_once).abs()
assert gap[1:-1, 1:-1].max() < 1e-5 and gap.max() > 0.1  # equal inside; padding makes the rim differ

# %%
ax = plots.axes(4)
plots.kernel(first, ax[0], title="first: Gaussian")
plots.kernel(second, ax[1], title="second: Prewitt")
plots.kernel((16 * merged).round(), ax[2], title="both, times 16")
plots.signed(apply(merged, grey), ax[3], title="both at once")
plots.show(
    ax,
    "A 3 × 3 Gaussian, the 3 × 3 Prewitt kernel, and the 5 × 5 kernel that does both at once: negative on the left, "
    "zeros in the middle column, positive on the right. Its map shows calmer edges than Prewitt alone.",
)

# %% [markdown]
# A network with nothing between two convolutions gains nothing but size. That is why a ReLU stands between them.
#
# Now the other way round. A kernel is **separable** if it is a column times a row. Then two thin passes do the
# work of one thick one: $2k$ products for a pixel instead of $k^2$.

# %%
column = torch.tensor([1.0, 4, 6, 4, 1]) / 16
blur = torch.outer(column, column)  # (5, 5)
assert torch.allclose(blur, kernel("gaussian 5x5"))

tall, wide = column.view(1, 1, 5, 1), column.view(1, 1, 1, 5)
two_passes = F.conv2d(F.conv2d(grey[None, None], tall), wide)[0, 0]
assert torch.allclose(two_passes, apply(blur, grey), atol=1e-5)
assert (blur.numel(), tall.numel() + wide.numel()) == (25, 10)
assert [(k * k, 2 * k) for k in (3, 5, 7, 11)] == [(9, 6), (25, 10), (49, 14), (121, 22)]

rank = {name: int(torch.linalg.matrix_rank(kernel(name))) for name in KERNELS}
assert rank["sobel x"] == rank["gaussian"] == rank["box blur"] == 1
assert rank["laplacian 4"] > 1 and rank["diagonal down"] > 1 and rank["cross"] > 1

# %% [markdown]
# 25 products become 10, and for 11 × 11 kernels 121 become 22. Blurs, Prewitt and Sobel are separable. A Laplacian, a
# diagonal and a cross are not: their rows are not multiples of one row.

# %% [markdown]
# ## 7 · The kernel can be learned
#
# Judith Prewitt chose her numbers. Could we find them from examples? Take pictures and their edge maps. Start from random
# weights, measure the squared error, step against its gradient.

# %%
images, labels = load("birds-airplanes", source=data, root=data_root)
pictures = images[:32].mean(1, keepdim=True)  # (32, 1, 32, 32)


def learn(x, target, steps=300):
    """Return the 3×3 kernel that gradient descent finds, and the loss at each step."""
    torch.manual_seed(seed)
    layer = nn.Conv2d(1, 1, 3, bias=False)
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.2, momentum=0.9)
    losses = []
    for _ in range(steps):
        loss = F.mse_loss(layer(x), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return layer.weight.detach()[0, 0], losses


# %%
grainy = (pictures + 0.3 * torch.randn_like(pictures)).to(device)
clean = pictures.to(device)
target = prewitt[None, None].to(device)

found, losses = learn(grainy, F.conv2d(grainy, target))
nearly, slower = learn(clean, F.conv2d(clean, target))
assert (found.cpu() - prewitt).abs().max() < 0.01  # each weight
assert (nearly.cpu() - prewitt).abs().max() > 0.01

# %%
ax = plots.axes(3, size=2.6, wide=1.2)
plots.kernel(found.cpu().mul(100).round().div(100), ax[0], title="found on grainy pictures")
plots.kernel(nearly.cpu().mul(100).round().div(100), ax[1], title="found on clean ones")
for line, name, style in [(losses, "grainy", "-"), (slower, "clean", "--")]:
    ax[2].semilogy(range(1, 301), line, style, label=name)
ax[2].set(xlabel="step", ylabel="squared error")
ax[2].legend(frameon=False)
plots.show(
    ax,
    "On grainy pictures 300 steps find Prewitt's −1, 0 and 1 again. On clean ones the pattern is there, but some "
    "weights are still off by several hundredths. Both errors fall; the grainy one falls much further.",
)

# %% [markdown]
# See the difference. In a clean picture, neighbours are nearly alike. So it matters little for the error which of two
# neighbouring weights is a bit too large, and gradient descent has little to go by. A little grain makes each pixel its
# own witness.

# %% [markdown]
# ## 8 · What is a first layer by hand worth?
#
# If eight good kernels are known, need a network learn them? Guess, then see it measured. (`MaxPool2d` makes a map smaller;
# it is the subject of notebook 7.)

# %%
predict.first_layer()

# %%
BY_HAND = ["prewitt x", "prewitt y", "diagonal down", "diagonal up", "laplacian 8", "cross", "checkerboard", "gaussian"]
hand = torch.stack([kernel(name) for name in BY_HAND])[:, None].repeat(1, 3, 1, 1) / 3  # (8, 3, 3, 3): the mean colour


def network(first, seed):
    """Return a small network whose first layer is "by hand", "random" or "learned"."""
    torch.manual_seed(seed)
    conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    if first == "by hand":
        conv.weight.data.copy_(hand)
    conv.weight.requires_grad_(first == "learned")  # frozen: no gradient, no step
    rest = [nn.ReLU(), nn.MaxPool2d(4), nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(conv, *rest, nn.Flatten(), nn.Linear(16 * 4 * 4, 2))


# %%
train = images[:1000], labels[:1000]
test = load("birds-airplanes", "test", source=data, root=data_root)
shares = {"by hand": [], "random": [], "learned": []}
for first, found_shares in shares.items():
    for run in range(3):
        net = network(first, seed + run)
        fit(net, train, epochs=epochs, lr=0.003, optimizer=torch.optim.Adam, device=device, seed=seed + run)
        found_shares.append(accuracy(net, *test))

average = {first: sum(found) / len(found) for first, found in shares.items()}
assert all(share > 0.5 for share in average.values())
if data == "built-in" and epochs == 4:
    assert average["by hand"] > average["random"] + 0.03
    assert average["by hand"] > average["learned"] > average["random"]

# %%
(ax,) = plots.axes(1, size=2.8, wide=1.7)
for place, found_shares in enumerate(shares.values()):
    ax.plot(found_shares, [place] * len(found_shares), "osD"[place], markersize=7)
ax.set(
    yticks=range(3), yticklabels=shares, xlabel="share of new pictures that are right", ylim=(-0.5, 2.5), xlim=(0.5, 1)
)
ax.invert_yaxis()
ax.spines[["top", "right"]].set_visible(False)
plots.show(
    ax,
    "Three rows of three points, a point for each seed. With the first layer by hand the networks are right most "
    "often, with random frozen kernels least often; with learned ones they lie between.",
)

# %% [markdown]
# See the order: by hand, learned, random. The kernels made by hand compare from the first step on. Those that are learned
# start at random, and four epochs move them little. Random ones that stay random come last: a network can work
# with them, but most of them compare nothing cleanly.
#
# Is knowing better than learning, then? Let two of them go on, three times as long.

# %%
longer = {}
for first in ("by hand", "learned"):
    net = network(first, seed)
    fit(net, train, epochs=3 * epochs, lr=0.003, optimizer=torch.optim.Adam, device=device, seed=seed)
    longer[first] = accuracy(net, *test)

gain = {first: longer[first] - shares[first][0] for first in longer}
if data == "built-in" and (epochs, seed) == (4, 0):
    assert gain["learned"] > gain["by hand"] > 0
    assert abs(longer["by hand"] - longer["learned"]) < 0.05

# %% [markdown]
# The learned layer gains more, and has caught up. Our eight kernels stay what they are; learned ones go on to fit
# the task. That is why networks learn their first layer, and why, after much training, edge kernels are found in it.
# This was one small network on 1,000 drawn pictures: with other data the numbers differ.
#
# ## Play
#
# Drag a weight and watch the photograph. Choose other kernels: below the choice stands what each of them sees.
# *Choose a picture* takes one of your own, *Use the camera* a photo; only the machine that runs this notebook gets them.
# *Colours* shows each channel by itself. *Then a second kernel* shows two kernels in a row, beside the one they make.
#
# Two puzzles. Find a kernel that is silent on vertical **and** on horizontal edges, and yet not zero everywhere.
# Then switch on the second kernel, and find two kernels after which the picture is as it was, but for its rim.

# %%
lab = KernelLab(photograph(128), "prewitt x", padding=1)
lab

# %% [markdown]
# The lab as it opens, in two lines of torch; and two kernels in a row, as the lab counts them.

# %%
by_torch = F.conv2d(lab.image[None], prewitt[None, None], padding=1)[0]
assert torch.allclose(lab.output, by_torch, atol=1e-5)

pair = KernelLab(photograph(128), "prewitt x", second="gaussian", padding=1, colour=True)
assert pair.both.shape == pair.at_once.shape == (3, 128, 128)
assert torch.allclose(pair.both[:, 1:-1, 1:-1], pair.at_once[:, 1:-1, 1:-1], atol=1e-5)

# %% [markdown]
# ## Practise
#
# Replace the dots, run the cell, then run the check below it. A check tells you what is wrong, not only that it is.
# Stuck? Each exercise has three hints, and its solution once you have tried.

# %% tags=["exercise:edges.blur"]

# %% tags=["exercise:edges.vertical_edges"]

# %% tags=["exercise:edges.diagonal"]

# %% tags=["exercise:edges.merge"]

# %% tags=["exercise:edges.separate"]

# %% tags=["exercise:edges.learn_kernel"]

# %% [markdown]
# ### The two puzzles of the lab, solved
#
# Silent on both: each row and each column must sum to 0. The kernel below answers where two edges meet, at corners.
# Back again: move the picture to the left, then to the right.

# %%
corner = torch.tensor([[1.0, 0, -1], [0, 0, 0], [-1, 0, 1]])
steps = patterns()["vertical edge"][0], patterns()["horizontal edge"][0]
assert all((apply(corner, step) == 0).all() for step in steps)
assert apply(corner, square).abs().max() == 1  # only at the square's corners
assert (apply(corner, square, padding=1)[8] == 0).all()

there_and_back = apply(kernel("shift right"), apply(kernel("shift left"), grey, padding=1), padding=1)
assert torch.equal(there_and_back[:, 1:], grey[:, 1:]) and (there_and_back[:, 0] == 0).all()

# %% [markdown]
# ## Myth check
#
# **Myth.** *"Set all weights of a layer to one with `conv.weight.one_()`."*

# %%
conv = nn.Conv2d(1, 1, 3, bias=False)
show_error(AttributeError, lambda: conv.weight.one_())
show_error(RuntimeError, lambda: conv.weight.fill_(1))  # this method is there, but a parameter is watched

# %%
with torch.no_grad():
    conv.weight.fill_(1)
assert (conv.weight == 1).all() and conv.weight.requires_grad

nn.init.zeros_(conv.weight)
nn.init.ones_(conv.weight)
assert (conv.weight == 1).all()

# %% [markdown]
# True is: there is no `one_()`. Use `fill_(1)` under `torch.no_grad()`, or `nn.init.ones_(conv.weight)`, which does that
# for you. (`zero_()` does exist.)

# %% [markdown]
# ## You saw
#
# - Weights that sum to 1 keep the brightness, weights that sum to 0 compare; signs say which side counts as more.
#   So you can write a blur, a sharpener, and a detector of a direction or of a pattern.
# - Two kernels merge into one of $k_1 + k_2 - 1$; a separable one splits into a column and a row, $2k$ products for $k^2$.
# - Gradient descent finds a kernel from examples. A first layer by hand is a good start where there is little to
#   learn from.
#
# And what can nine numbers see? One comparison, everywhere: an edge, a line, a corner, a small pattern. For
# anything larger, many of them must work together.
#
# **Next:** [7 · Pooling and the receptive field](07_pooling_and_receptive_field.ipynb). Back to the [map of the series](00_start_here.ipynb).
#
# **Sources.** J. M. S. Prewitt, *Object enhancement and extraction*, in *Picture Processing and Psychopictorics* (1970).
# I. Sobel and G. Feldman, *A 3×3 isotropic gradient operator for image processing* (1968). R. C. Gonzalez and
# R. E. Woods, *Digital Image Processing*. PyTorch's documentation of `torch.nn.functional.conv_transpose2d` and
# `torch.nn.init`. The photograph: Grace Hopper, US Navy, in the public domain.
