"""How long from an edit to the picture in the window walker, over a grid of 32 × 32 numbers.

In one notebook in a real JupyterLab, driven by Chromium: the padding is changed by its button, which computes
everything anew, and the walk takes a step by the arrow key. The clock runs in the page, from the event to the frame
that shows the new picture. `python -m benchmarks.window_walker --write` puts the line into the README.
"""

from collections.abc import Callable

from playwright.sync_api import Page

from benchmarks._lab import CLOCK, arguments, notebook, percentile, put_into_readme

EDITS = 60
CELL = """
from helpers.widgets import WindowWalker

WindowWalker("photograph", 3, padding=1, padding_mode="reflect", weights="mean", size=(32, 32), step=500)
"""


def times_of(page: Page, edit: Callable[[int], None]) -> list[float]:
    """Make `EDITS` edits; gives the milliseconds from each event to its picture."""
    page.wait_for_timeout(1000)
    page.evaluate("() => { clock.start = null; clock.times = []; }")
    for number in range(EDITS + 10):
        edit(number)
        page.wait_for_function("(count) => clock.times.length > count", arg=number, timeout=20_000)
        page.wait_for_timeout(40 + 7 * (number % 5))  # at no fixed phase of the frames
    return page.evaluate("clock.times")[10:]  # the first ten warm up


def measure(page: Page) -> dict[str, list[float]]:
    walker = page.locator(".window-walker")
    walker.wait_for(timeout=120_000)
    walker.scroll_into_view_if_needed()
    page.wait_for_timeout(2000)
    page.evaluate(CLOCK, ["click", "drawImage", ".ww-output"])
    buttons = [page.get_by_role("button", name=f"Padding {sign}1").first for sign in "+−"]
    changed = times_of(page, lambda number: buttons[number % 2].click())
    page.evaluate("() => window.addEventListener('keydown', () => { clock.start = performance.now(); }, true)")
    page.locator(".ww-output").focus()
    stepped = times_of(page, lambda number: page.keyboard.press("ArrowRight"))
    return {"the padding changed": changed, "one step of the walk": stepped}


def main() -> None:
    write = arguments(__doc__)
    with notebook([CELL]) as (page, where):
        times = measure(page)
    results = "; ".join(
        f"{name}: median {percentile(one, 50):.1f} ms, 95th percentile {percentile(one, 95):.1f} ms"
        for name, one in times.items()
    )
    text = f"The window walker on 32 × 32 numbers: {results}. One run in {where}, {EDITS} edits each."
    print(text)
    if write:
        put_into_readme("bench-walker", text)


if __name__ == "__main__":
    main()
