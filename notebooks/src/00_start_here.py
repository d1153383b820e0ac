# %% [markdown]
# # 0 · Start here
#
# **How does this workbook work, and is everything there?**
#
# You will be able to
#
# - edit a kernel with your own hands and see what it does to a photograph;
# - work in the rhythm of the series: predict, play, prove, practise;
# - tell what your set-up has, what data you have, and how far you have come.
#
# Time: about 15 minutes. Know first: a little Python. Run a cell with Shift + Enter.

# %%
import torch
import torch.nn.functional as F

from helpers import exercises as ex
from helpers import plots
from helpers.data import load, photograph
from helpers.predictions import start_here as predict
from helpers.train import pick_device, seconds, seed_everything
from helpers.widgets import DataPanel, KernelLab, SeriesMap, SetupCheck

# %% tags=["parameters"]
device: str = "auto"  # "auto", "cpu" or "cuda": where the larger computations run
data: str = "built-in"  # "built-in" or "real": a photograph and a drawn airplane, or one from CIFAR-10
data_root: str = "../data"  # the folder that holds the real data
seed: int = 0  # the same seed gives the same numbers

# %%
seed_everything(seed)
device = pick_device(device)
photo = photograph(128, grey=True)[0]  # (128, 128)

# %% [markdown]
# ## Your first minute
#
# The nine numbers in the middle are a **kernel**. It slides over the photograph. At each place it multiplies nine
# pixels by its nine numbers and adds the products: one pixel of the result.
#
# **Drag a number** to the left or to the right, or type into it. Then choose other kernels from the list.

# %%
lab = KernelLab(photo, kernel=[[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]], display="signed")
lab

# %% [markdown]
# Can you make the picture darker? Sharper? Empty? There is nothing that you can break: *Reset* brings all of it back.

# %% [markdown]
# ## How you work here
#
# Each notebook asks one question, and has the same four beats.
#
# ### Predict
#
# You commit a guess before you see the answer. A wrong guess is worth more than no guess: you get the reason why.

# %%
predict.one_on_the_right()

# %% [markdown]
# ### Play
#
# Here is that kernel in a lab of its own. Point at a pixel of the result and look where its 1 reads.
# Then move the 1 to other places: which way does the picture go?

# %%
fetch_right = [[0, 0, 0], [0, 0, 1], [0, 0, 0]]
shifted = KernelLab(photo, kernel=fetch_right, display="clip")
shifted

# %% [markdown]
# ### Prove
#
# No picture is proof. A few lines of torch are, and `assert` stops you when a claim is wrong.

# %%
weight = torch.tensor(fetch_right).float()
moved = F.conv2d(photo[None, None], weight[None, None])[0, 0]  # (126, 126): the rim is lost

assert torch.equal(moved, photo[1:-1, 2:])  # each pixel is its right neighbour
assert torch.allclose(moved, KernelLab(photo, kernel=fetch_right).output[0])  # and the lab agrees

# %%
eye_rows, eye_columns = slice(40, 56), slice(44, 64)  # 16 × 20 pixels, so that one pixel is easy to see
ax = plots.axes(2, size=2.2, wide=1.2)
plots.image(photo[1:-1, 1:-1][eye_rows, eye_columns], ax[0], title="a part of the picture")
plots.image(moved[eye_rows, eye_columns], ax[1], title="the same part of the result")
plots.show(ax, "The same few grey pixels of the photograph twice; in the second all lie one pixel further to the left.")

# %% [markdown]
# ### Practise
#
# Replace the dots, run the cell, then run the check below it. The check tells you *what* is wrong.
# You get three hints when you ask for them, and the solution once you have tried.

# %% tags=["exercise:start_here.down_and_darker"]

# %% [markdown]
# ## Is your machine ready?
#
# This looks at what is installed, at the memory, at the device, and whether widgets answer in this browser.

# %%
SetupCheck()

# %% [markdown]
# ## The data
#
# Everything in the series runs on built-in data: drawn birds and airplanes, slashes, small handwritten digits, a photograph.
# They need no network. The real CIFAR-10 and MNIST can be fetched here, once, if you want to see the real figures.
# Nothing is fetched unless you press a button.

# %%
DataPanel(root=data_root)

# %%
images, labels = load("birds-airplanes", source=data, root=data_root)
assert images.shape[1:] == (3, 32, 32) and images.dtype == torch.float32
assert 0 <= images.min() and images.max() <= 1

ax = plots.axes(6, size=1.4)
for axis, label in zip(ax, [0, 1, 0, 1, 0, 1], strict=True):
    nth = (labels == label).nonzero()[len(ax) // 2 + ax.index(axis), 0]
    plots.image(images[nth], axis, title=["airplane", "bird"][label])
plots.show(ax, "Six small colour pictures of 32 × 32 pixels, by turns an airplane and a bird.")

# %% [markdown]
# ## The series, and how far you are
#
# What you pass is kept in one small file on this machine. Nothing leaves it. You can save a copy and load it elsewhere.

# %%
SeriesMap()

# %% [markdown]
# ## Myth check
#
# **Myth.** *"You need a graphics card to learn this."*
#
# Here is a small convolutional network on your processor. It learns from 64 pictures, one step.

# %%
net = torch.nn.Sequential(
    torch.nn.Conv2d(3, 16, 3, padding=1),
    torch.nn.ReLU(),
    torch.nn.AdaptiveAvgPool2d(1),
    torch.nn.Flatten(),
    torch.nn.Linear(16, 2),
)
optimizer = torch.optim.SGD(net.parameters(), lr=0.1)


def one_step():
    optimizer.zero_grad()
    F.cross_entropy(net(images[:64]), labels[:64]).backward()
    optimizer.step()


before = net[0].weight.detach().clone()
assert seconds(one_step) < 1
assert not torch.equal(net[0].weight, before)  # the weights have moved: it learned
print("One training step on 64 pictures takes less than a second on this processor.")

# %% [markdown]
# True is: each notebook of this series is made to run on two processor cores. A graphics card matters once networks and
# data are large. Notebook 10 will show from which size on, on your machine.

# %% [markdown]
# ## You saw
#
# - A kernel is nine numbers that you can hold in your hand. You edited one and saw its effect at once.
# - Predict, play, prove, practise: you did each of them once.
# - Your set-up, your data, your progress: each has its place, here in this notebook.
#
# **Next:** [1 · Linear layers](01_linear_layers.ipynb). The map above shows all eleven.
#
# **Sources.** The photograph shows Grace Hopper; it is a work of the U.S. government in the public domain and comes with matplotlib.
# The built-in digits come with scikit-learn: E. Alpaydin and C. Kaynak, *Optical Recognition of Handwritten Digits*,
# UCI Machine Learning Repository (1998).
