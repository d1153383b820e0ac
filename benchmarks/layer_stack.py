"""How long from an edit to the paint: eight layers in the layer stack, in Chromium.

Three edits by turns: a kernel size, the order of two layers, the output pixel that is looked at. The clock runs in the
page, from the key's event to the frame after everything is drawn. `python -m benchmarks.layer_stack` prints one line;
it stands in no table, so `--write` changes nothing.
"""

import os
import platform
import shutil

from playwright.sync_api import sync_playwright

from benchmarks._lab import percentile
from helpers.widgets import LayerStack
from tests.widget_page import draw

EDITS = 90
FRAME = 16.7  # milliseconds

CONV = {"kind": "conv", "out_channels": 16, "kernel_size": 3, "padding": 1}
LAYERS = [CONV, {"kind": "relu"}, {"kind": "max_pool"}, CONV, CONV | {"dilation": 2}, {"kind": "avg_pool"}, CONV, CONV]

# Each edit is a key pressed in the page; the time ends in the frame that follows its drawing.
MEASURE = """async (edits) => {
  const find = (label) => document.querySelector(`[aria-label^="${label}"]`);
  const moves = [
    (up) => [find("Layer 4, kernel"), { key: up ? "ArrowUp" : "ArrowDown" }],
    (up) => [find("Look at layer 5"), { key: up ? "ArrowUp" : "ArrowDown", altKey: true }],
    (up) => [document.querySelector(".ls-output canvas"), { key: up ? "ArrowLeft" : "ArrowRight" }],
  ];
  const times = [];
  for (let i = 0; i < edits; i++) {
    await new Promise((done) => setTimeout(done, 40 + 7 * (i % 5)));  // at no fixed phase of the frames
    const [node, key] = moves[i % 3](Math.floor(i / 3) % 2 === 0);
    const start = performance.now();
    node.dispatchEvent(new KeyboardEvent("keydown", { ...key, bubbles: true, cancelable: true }));
    document.body.getBoundingClientRect();  // the layout counts too
    const worked = performance.now() - start;
    await new Promise((done) => requestAnimationFrame(done));
    times.push([worked, performance.now() - start]);
  }
  return times;
}"""


def main() -> None:
    program = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        draw(page, LayerStack(LAYERS, (3, 32, 32)))
        page.evaluate(MEASURE, 15)  # warms up
        times = page.evaluate(MEASURE, EDITS)
        version = browser.version
        browser.close()
    worked, painted = ([pair[i] for pair in times] for i in (0, 1))
    print(
        f"layer stack, eight layers, {EDITS} edits: computed and laid out in {percentile(worked, 50):.1f} ms (median), "
        f"{percentile(worked, 95):.1f} ms (95th percentile; a frame is {FRAME} ms); next frame after "
        f"{percentile(painted, 50):.1f} and {percentile(painted, 95):.1f} ms. Headless Chromium {version}, "
        f"{platform.system()}, {os.cpu_count()} cores."
    )


if __name__ == "__main__":
    main()
