"""How long from an edit to the picture: the kernel lab beside `ipywidgets.interact` with matplotlib.

Both run in one notebook in a real JupyterLab, driven by Chromium. The edit is the same: the kernel's middle weight is
dragged, one step for each movement of the mouse. The clock runs in the page, from the movement's event to the frame
that shows the new picture. `python -m benchmarks.kernel_lab --write` puts the table
into the README and paints its picture.
"""

import argparse
import os
import platform
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

from tests.lab_server import ROOT, jupyterlab

README = ROOT / "README.md"
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

# Each movement of the mouse starts the clock; a new picture stops it in the first frame that shows it.
CLOCK = """() => {
  window.clock = { start: null, times: [] };
  const stop = () => {
    const { start } = clock;
    if (start === null) return;
    clock.start = null;
    requestAnimationFrame(() => clock.times.push(performance.now() - start));
  };
  window.addEventListener("pointermove", () => { clock.start = performance.now(); }, true);
  const put = CanvasRenderingContext2D.prototype.putImageData;
  CanvasRenderingContext2D.prototype.putImageData = function (...args) {
    put.apply(this, args);
    if (this.canvas.closest(".kl-result")) stop();
  };
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) {
        const image = node.nodeName === "IMG" ? node : node.querySelector?.("img");
        if (image) image.complete ? stop() : image.addEventListener("load", stop);
      }
    }
  }).observe(document.body, { childList: true, subtree: true });
}"""


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
    page.wait_for_function("window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.isReady", timeout=90_000)
    page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
    page.locator(".kl-result").nth(len(SIZES)).wait_for(timeout=120_000)
    page.locator(".widget-slider .noUi-handle").nth(len(SIZES) - 1).wait_for(timeout=60_000)
    page.locator(".jupyter-widgets img").nth(len(SIZES) - 1).wait_for(timeout=60_000)
    page.wait_for_timeout(3000)
    page.evaluate(CLOCK)
    times = {}
    for index, side in enumerate(SIZES):
        times["interact", side] = drag(page, ".widget-slider .noUi-handle", index, 6)
        times["lab", side] = drag(page, "[data-place='1 1']", index, 3)
    return times


def percentile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def table(times: dict[tuple[str, int], list[float]], setting: str) -> str:
    """Return the Markdown table of medians, 95th percentiles and ratios."""
    lines = [
        "| image | kernel lab: median | 95th percentile | `interact` + matplotlib: median | 95th percentile | faster |",
        "|---|---|---|---|---|---|",
    ]
    for side in SIZES:
        lab, interact = times["lab", side], times["interact", side]
        cells = [
            f"{value:.1f} ms" for times in (lab, interact) for value in (percentile(times, 50), percentile(times, 95))
        ]
        ratio = statistics.median(interact) / statistics.median(lab)
        lines.append(f"| {side} × {side} | {' | '.join(cells)} | {ratio:.0f} × |")
    return "\n".join([*lines, "", setting])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the table and the picture into the README")
    write = parser.parse_args().write

    cells = [SETUP.format(sizes=SIZES)]
    cells += [cell.format(side=side) for cell in (LAB, INTERACT) for side in SIZES]
    cells.append("KernelLab()  # over the photograph, for the README's picture")
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
        notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, folder / "bench.ipynb")
        with jupyterlab(folder, folder) as address:
            browser = playwright.chromium.launch(executable_path=program, args=arguments)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(address.format(name="bench.ipynb"))
            times = measure(page)
            picture = page.locator(".cw").last.screenshot()
            version = browser.version
            browser.close()
    setting = (
        f"One run in JupyterLab with headless Chromium {version}, {platform.system()}, {os.cpu_count()} cores: the "
        f"middle weight of a 3×3 kernel dragged, {EDITS} edits each, from the mouse event to the frame with the new "
        "picture. Jupyter ran on the same machine: over a network, `interact` waits for the way there and back as well."
    )
    text = table(times, setting)
    print(text)
    if write:
        PICTURE.write_bytes(picture)
        readme = README.read_text(encoding="utf-8")
        start, end = "<!-- bench:start -->", "<!-- bench:end -->"
        if start not in readme or end not in readme:
            sys.exit(f"README.md has no {start} and {end}: put both where the table should stand.")
        before, after = readme.split(start)[0], readme.split(end)[1]
        README.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
