"""How long from an edit to the picture: each widget beside `ipywidgets.interact` with matplotlib doing the same.

All stand in one notebook in a real JupyterLab, driven by Chromium. An edit is one arrow key on the widget's main
control, or on the slider of its twin. The clock runs in the page, from the key's event until the frame with the new
picture is rendered. The kernel lab and draw a digit are dragged and drawn on, and have benchmarks of their own; the
optimizer race and live training ask Python, and the module tree has no picture.
`python -m benchmarks.widgets --write` puts the table into the README.
"""

import sys
from dataclasses import dataclass

from playwright.sync_api import Locator, Page

from benchmarks._lab import CLOCK, notebook
from benchmarks._readme import arguments, percentile, put_into_readme, table

EDITS, WARM = 40, 6

SETUP = """
%matplotlib inline
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from ipywidgets import FloatSlider, IntSlider, interact
from torch import nn
from helpers import ops
from helpers.data import load
from helpers.widgets import (ActivationExplorer, AxesExplorer, EquivarianceMeter, LayerStack, LineFitter,
                             PictureShifter, WindowWalker)

images, labels = load("birds-airplanes", "test")
grey = images[0].mean(0)
net = nn.Sequential(nn.Flatten(), nn.Linear(3072, 2))

def show(*pictures):
    figure, axes = plt.subplots(1, len(pictures), squeeze=False)
    for ax, picture in zip(axes[0], pictures):
        ax.imshow(picture, cmap="gray")
    plt.show()
"""


@dataclass(frozen=True)
class Pair:
    """A widget, what it is edited on, and the same picture by `interact`."""

    name: str
    edit: str
    widget: str
    focus: str
    keys: tuple[str, str]
    twin: str


PAIRS = (
    Pair(
        "activation explorer",
        "the input",
        'ActivationExplorer("sigmoid", x=1.0, n=5)',
        ".cw-plot",
        ("ArrowRight", "ArrowLeft"),
        """
@interact(at=FloatSlider(1, min=-6, max=6, step=0.1))
def draw(at):
    x = torch.linspace(-6, 6, 241, requires_grad=True)
    y = x.sigmoid()
    (slope,) = torch.autograd.grad(y.sum(), x)
    plt.plot(x.detach(), y.detach())
    plt.plot(x.detach(), slope)
    plt.plot(at, torch.tensor(at).sigmoid(), "o")
    plt.show()
""",
    ),
    Pair(
        "line fitter",
        "an end of the line",
        "LineFitter()",
        ".cw-handle",
        ("ArrowUp", "ArrowDown"),
        """
fitter_x = torch.linspace(0, 10, 11)
fitter_y = 0.5 * fitter_x + torch.randn(11, generator=torch.Generator().manual_seed(0))

@interact(slope=FloatSlider(0, min=-2, max=2, step=0.05))
def draw(slope):
    w, b = torch.meshgrid(torch.linspace(-2, 2, 60), torch.linspace(-4, 4, 60), indexing="ij")
    loss = ((w[..., None] * fitter_x + b[..., None] - fitter_y) ** 2).mean(-1)
    figure, (left, right) = plt.subplots(1, 2)
    left.plot(fitter_x, fitter_y, "o")
    left.plot(fitter_x, slope * fitter_x)
    right.contourf(w, b, loss, 12)
    right.plot(slope, 0, "o")
    plt.show()
""",
    ),
    Pair(
        "picture shifter",
        "the shift",
        'PictureShifter({"one": net, "other": net}, images[:8], labels[:8], ("airplane", "bird"))',
        ".ps-picture",
        ("ArrowRight", "ArrowLeft"),
        """
@interact(right=IntSlider(0, min=-8, max=8))
def draw(right):
    moved = images[0].roll(right, 2)
    chances = net(moved[None]).softmax(1)[0].detach()
    figure, (left, bars) = plt.subplots(1, 2)
    left.imshow(moved.permute(1, 2, 0))
    bars.bar(["airplane", "bird"], chances)
    plt.show()
""",
    ),
    Pair(
        "equivariance meter",
        "the shift",
        "EquivarianceMeter(image=grey, shift=(0, 1))",
        ".shifted canvas",
        ("ArrowRight", "ArrowLeft"),
        """
@interact(right=IntSlider(0, min=-8, max=8))
def draw(right):
    def blurred(x):
        return F.avg_pool2d(x[None, None], 3, 1, 1)[0, 0]
    one, other = blurred(grey.roll(right, 1)), blurred(grey).roll(right, 1)
    show(grey, grey.roll(right, 1), one, blurred(grey), other, one - other)
""",
    ),
    Pair(
        "window walker",
        "one step",
        'WindowWalker("photograph", 3, padding=1, padding_mode="reflect", weights="mean", size=(32, 32), step=500)',
        ".ww-output",
        ("ArrowRight", "ArrowLeft"),
        """
@interact(step=IntSlider(500, min=0, max=1023))
def draw(step):
    wide = F.pad(grey[None, None], (1, 1, 1, 1), mode="reflect")
    out = F.avg_pool2d(wide, 3, 1)[0, 0].flatten()
    out[step + 1 :] = 0
    show(wide[0, 0], out.view(32, 32))
""",
    ),
    Pair(
        "layer stack",
        "a kernel's size",
        "LayerStack()",
        '[aria-label^="Layer 1, kernel"]',
        ("ArrowUp", "ArrowDown"),
        """
@interact(kernel_size=IntSlider(3, min=1, max=9, step=2))
def draw(kernel_size):
    x = torch.zeros(1, 1, 32, 32, requires_grad=True)
    out = F.max_pool2d(F.avg_pool2d(x, kernel_size, 1, kernel_size // 2), 2)
    out = F.avg_pool2d(out, 3, 1, 1)
    (seen,) = torch.autograd.grad(out[0, 0, 8, 8], x)
    show(seen[0, 0], out[0, 0].detach())
""",
    ),
    Pair(
        "axes explorer",
        "the chosen number",
        'AxesExplorer(norm="batch", batch_size=4)',
        ".ax-block",
        ("ArrowDown", "ArrowUp"),
        """
@interact(channel=IntSlider(0, min=0, max=3))
def draw(channel):
    x = torch.randn(4, 4, 3, 3, generator=torch.Generator().manual_seed(0))
    y = (x - x.mean((0, 2, 3), keepdim=True)) / x.std((0, 2, 3), keepdim=True)
    figure, axes = plt.subplots(4, 4)
    for n in range(4):
        for c in range(4):
            axes[n, c].imshow(y[n, c], cmap="RdBu_r", alpha=1.0 if c == channel else 0.3)
    plt.show()
""",
    ),
)


def times_of(page: Page, control: Locator, keys: tuple[str, str]) -> list[float]:
    """Press a key on a control, twice one way and twice back; gives the milliseconds from each to its picture."""
    control.scroll_into_view_if_needed()
    control.focus()
    page.wait_for_timeout(800)
    page.evaluate("() => { clock.start = null; clock.times = []; }")
    for number in range(EDITS + WARM):
        control.focus()
        page.keyboard.press(keys[number // 2 % 2])
        page.wait_for_function("(count) => clock.times.length > count", arg=number, timeout=20_000)
        page.wait_for_timeout(100 + 7 * (number % 5))  # at no fixed phase of the frames
    return page.evaluate("clock.times")[WARM:]


def measure(page: Page) -> list[tuple[list[float], list[float]]]:
    """Return the times of each pair: (widget, twin)."""
    page.locator(".noUi-handle").nth(len(PAIRS) - 1).wait_for(timeout=120_000)
    page.locator(".jupyter-widgets img").nth(len(PAIRS) - 1).wait_for(timeout=60_000)
    page.locator(".cw").nth(len(PAIRS) - 1).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.evaluate(CLOCK, [["keydown"], ".cw"])
    found = []
    for index, pair in enumerate(PAIRS):
        twin = times_of(page, page.locator(".noUi-handle").nth(index), ("ArrowRight", "ArrowLeft"))
        widget = times_of(page, page.locator(".cw").nth(index).locator(pair.focus).first, pair.keys)
        print(f"{pair.name}: {percentile(widget, 50):.0f} and {percentile(twin, 50):.0f} ms", file=sys.stderr)
        found.append((widget, twin))
    return found


def main() -> None:
    write = arguments(__doc__)
    cells = [SETUP, *(pair.widget for pair in PAIRS), *(pair.twin for pair in PAIRS)]
    with notebook(cells) as (page, where):
        found = measure(page)
    setting = (
        f"One run in {where}, {EDITS} edits each by an arrow key, from the key's event until the frame with the new "
        "picture is rendered; the next frame comes within 17 ms."
    )
    rows = [(f"{pair.name} | {pair.edit}", *times) for pair, times in zip(PAIRS, found, strict=True)]
    text = table("widget | edit | median", rows, setting, digits=0)
    print(text)
    if write:
        put_into_readme("bench-widgets", text)


if __name__ == "__main__":
    main()
