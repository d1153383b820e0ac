"""How long from an edit to the picture: the kernel lab beside `ipywidgets.interact` with matplotlib.

Both run in one notebook in a real JupyterLab, driven by Chromium. The edit is the same: the kernel's middle weight is
dragged, one step for each movement of the mouse. The clock runs in the page, from the movement's event to the frame
that shows the new picture. `python -m benchmarks.kernel_lab --write` puts the table
into the README and paints its picture.
"""

from playwright.sync_api import Page

from benchmarks._lab import CLOCK, notebook
from benchmarks._readme import arguments, put_into_readme, table
from tests.lab_server import ROOT

PICTURE = ROOT / "notebooks" / "kernel_lab.png"
SIZES = (128, 512)
EDITS = 60

SETUP = """
%matplotlib inline
import matplotlib.pyplot as plt
import torch
import torch.nn.functional as F
from ipywidgets import FloatSlider, interact
from helpers.widgets import KernelLab

picture = {{side: torch.rand(1, side, side, generator=torch.Generator().manual_seed(0)) for side in {sizes}}}
start = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
"""
LAB = "KernelLab(picture[{side}], start, display='signed')"
INTERACT = """
@interact(middle=FloatSlider(0, min=-4, max=4, step=0.1))
def show(middle):
    kernel = start.clone()
    kernel[1, 1] = middle
    plt.imshow(F.conv2d(picture[{side}], kernel[None, None])[0], cmap="RdBu_r", vmin=-4, vmax=4)
    plt.show()
"""


def drag(page: Page, selector: str, index: int, pixels: int) -> list[float]:
    """Drag an element `EDITS` times by `pixels`; gives the milliseconds from each movement to its picture."""
    handle = page.locator(selector).nth(index)
    handle.scroll_into_view_if_needed()
    page.wait_for_timeout(1000)  # until nothing on the page moves any more
    box = handle.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.wait_for_timeout(500)
    page.evaluate("() => { clock.start = null; clock.times = []; }")
    for edit in range(1, EDITS + 11):
        x += pixels if edit // 10 % 2 else -pixels
        page.mouse.move(x, y)
        page.wait_for_function("(count) => clock.times.length >= count", arg=edit, timeout=20_000)
        page.wait_for_timeout(40 + 7 * (edit % 5))  # at no fixed phase of the frames
    page.mouse.up()
    return page.evaluate("clock.times")[10:]  # the first ten warm both up


def measure(page: Page) -> dict[tuple[str, int], list[float]]:
    page.locator(".kl-result").nth(len(SIZES)).wait_for(timeout=120_000)
    page.locator(".widget-slider .noUi-handle").nth(len(SIZES) - 1).wait_for(timeout=60_000)
    page.locator(".jupyter-widgets img").nth(len(SIZES) - 1).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.evaluate(CLOCK, [["pointermove"], ".kl-result"])
    times = {}
    for index, side in enumerate(SIZES):
        times["interact", side] = drag(page, ".widget-slider .noUi-handle", index, 6)
        times["lab", side] = drag(page, "[data-place='1 1']", index, 3)
    return times


def main() -> None:
    write = arguments(__doc__)
    cells = [SETUP.format(sizes=SIZES)]
    cells += [cell.format(side=side) for cell in (LAB, INTERACT) for side in SIZES]
    cells.append("KernelLab()  # over the photograph, for the README's picture")
    with notebook(cells) as (page, where):
        times = measure(page)
        picture = page.locator(".cw").last.screenshot()
    setting = (
        f"One run in {where}: the middle weight of a 3×3 kernel dragged, {EDITS} edits each, from the mouse event to "
        "the frame with the new picture. Jupyter ran on the same machine: over a network, `interact` waits for the way "
        "there and back as well."
    )
    rows = [(f"{side} × {side}", times["lab", side], times["interact", side]) for side in SIZES]
    text = table("image | kernel lab: median", rows, setting, digits=1)
    print(text)
    if write:
        PICTURE.write_bytes(picture)
        put_into_readme("bench", text)


if __name__ == "__main__":
    main()
