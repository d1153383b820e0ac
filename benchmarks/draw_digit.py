"""How long from the last movement of a stroke to the probabilities and feature maps of what was drawn.

In a real JupyterLab, driven by Chromium: strokes are drawn with the mouse for the digit net of notebook 10, which the
browser computes, and for the same net as a class of its own, which Python runs. The clock runs in the page, from a
stroke's last mouse event that changed the drawing to the frame after the one that shows the answer about exactly these
pixels. `python -m benchmarks.draw_digit --write` puts the line into the README.
"""

import random

from playwright.sync_api import Page

from benchmarks._lab import notebook
from benchmarks._readme import arguments, percentile, put_into_readme

STROKES = 100
CELL = """
import torch
from torch import nn
from helpers.widgets import DrawDigit

class Own(nn.Sequential):
    pass

torch.manual_seed(0)
net = {kind}(
    *(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU()),
    *(nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()),
    *(nn.Flatten(), nn.Linear(320, 10)),
)
DrawDigit(net)
"""
# From a change of the drawing until the answer about it is painted, the widget carries data-waiting, the number of the
# change. A stroke's time runs from its last change to the first frame that shows the answer.
CLOCK = """() => {
  window.clock = { start: null, shown: null, down: false, change: null, times: [] };
  const root = document.querySelector(".draw-digit");
  const change = () => root.getAttribute("data-waiting");
  const finish = () => {
    if (clock.down || clock.start === null || clock.shown === null) return;
    clock.times.push(clock.shown - clock.start);
    clock.start = null;
  };
  window.addEventListener("pointerdown", () => { clock.down = true; }, true);
  window.addEventListener("pointerup", () => { clock.down = false; finish(); }, true);
  for (const event of ["pointerdown", "pointermove"]) {
    window.addEventListener(event, ({ timeStamp }) => {
      if (!clock.down || change() === null || change() === clock.change) return;
      Object.assign(clock, { change: change(), start: timeStamp, shown: null });
    });
  }
  new MutationObserver(() => {
    if (change() !== null) return;
    const of = clock.change;
    requestAnimationFrame(() => {
      if (change() !== null || clock.change !== of) return;
      clock.shown = performance.now();
      finish();
    });
  }).observe(root, { attributes: true, attributeFilter: ["data-waiting"] });
}"""


def measure(page: Page) -> list[float]:
    page.locator(".draw-digit").wait_for(timeout=120_000)
    canvas, clear = page.locator(".dd-canvas"), page.get_by_role("button", name="Clear")
    clear.scroll_into_view_if_needed()
    page.wait_for_timeout(2000)
    page.evaluate(CLOCK)
    chance = random.Random(0)
    for number in range(STROKES + 10):
        box = canvas.bounding_box()
        x, y = (box[name] + chance.uniform(0.1, 0.9) * box["width"] for name in "xy")
        page.mouse.move(x, y)
        page.mouse.down()
        for _ in range(3):
            x, y = (box[name] + chance.uniform(0.1, 0.9) * box["width"] for name in "xy")
            page.mouse.move(x, y, steps=6)
        page.mouse.up()
        page.wait_for_function("(count) => clock.times.length > count", arg=number, timeout=20_000)
        clear.click()
        page.wait_for_timeout(150 + 7 * (number % 5))  # at no fixed phase of the frames
    return page.evaluate("clock.times")[10:]  # the first ten warm up


def main() -> None:
    write = arguments(__doc__)
    found = []
    for kind in ("nn.Sequential", "Own"):
        with notebook([CELL.format(kind=kind)]) as (page, where):
            times = measure(page)
        found.append(f"median {percentile(times, 50):.1f} ms, 95th percentile {percentile(times, 95):.1f} ms")
    text = (
        f"Draw a digit, from the end of a stroke to its probabilities and feature maps: {found[0]}, computed in the "
        f"browser; {found[1]}, where Python runs the same net as a class of its own. One run each in {where}, "
        f"{STROKES} strokes; Jupyter ran on the same machine."
    )
    print(text)
    if write:
        put_into_readme("bench-draw", text)


if __name__ == "__main__":
    main()
