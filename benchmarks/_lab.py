"""What the benchmarks of widgets share: a notebook in a real JupyterLab, and a clock in its page."""

import os
import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from playwright.sync_api import Page, sync_playwright

from tests.lab_server import CHROMIUM_ARGS, find_chromium, jupyterlab

# Each of `events` starts the clock. It stops once the first frame is rendered that shows something new: an <img>
# that is loaded, a change of the page inside `selector`, or a canvas there that is painted.
CLOCK = """([events, selector]) => {
  window.clock = { start: null, times: [] };
  const later = (task) => {  // in a frame's callback: once the frame is rendered
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = task;
    port2.postMessage(null);
  };
  let inFrame = false;
  const tick = () => {
    inFrame = true;
    later(() => { inFrame = false; });
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
  const stop = () => {
    const { start } = clock;
    if (start === null) return;
    clock.start = null;
    const shown = () => later(() => clock.times.push(performance.now() - start));
    if (inFrame) shown();
    else requestAnimationFrame(shown);
  };
  for (const event of events) window.addEventListener(event, () => { clock.start = performance.now(); }, true);
  for (const method of ["putImageData", "drawImage", "fillRect", "fill", "stroke"]) {
    const paint = CanvasRenderingContext2D.prototype[method];
    CanvasRenderingContext2D.prototype[method] = function (...args) {
      paint.apply(this, args);
      if (this.canvas.closest(selector)) stop();
    };
  }
  new MutationObserver((changes) => {
    for (const { addedNodes, target } of changes) {
      if ((target.closest ? target : target.parentElement)?.closest(selector)) return stop();
      for (const node of addedNodes) {
        const image = node.nodeName === "IMG" ? node : node.querySelector?.("img");
        if (image) image.complete ? stop() : image.addEventListener("load", stop);
      }
    }
  }).observe(document.body, { childList: true, subtree: true, attributes: true, characterData: true });
}"""


@contextmanager
def notebook(cells: list[str]) -> Iterator[tuple[Page, str]]:
    """Open a notebook of these cells in JupyterLab and run them; gives the page, and what it runs in, in words."""
    program = find_chromium()
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        folder = Path(place)
        made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell.strip()) for cell in cells])
        made.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(made, folder / "bench.ipynb")
        with jupyterlab(folder, folder) as address:
            browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_ARGS)
            page = browser.new_page(viewport={"width": 1400, "height": 1000})
            page.goto(address.format(name="bench.ipynb"))
            page.wait_for_function(
                "window.jupyterapp?.shell.currentWidget?.context?.sessionContext?.isReady", timeout=90_000
            )
            page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
            yield (
                page,
                f"JupyterLab with headless Chromium {browser.version}, {platform.system()}, {os.cpu_count()} cores",
            )
            browser.close()
