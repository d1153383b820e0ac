"""The axes explorer in a real Chromium: its numbers against torch's, the pointer, the keyboard, what it says."""

import re

import pytest
import torch
from test_axes_explorer import refusal, through_all_states
from widget_page import draw, get, painted, receive

from helpers.widgets import AxesExplorer

pytestmark = pytest.mark.browser

VIEWPORT = {"width": 1200, "height": 900}
NAMES = ("norm", "batch_size", "num_groups", "train", "pooled", "cell")


def seen(page) -> dict:
    return page.evaluate("() => document.querySelector('.cw').seen")


def follow(page, explorer: AxesExplorer) -> None:
    """Give the browser Python's state; waits until it is painted."""
    receive(page, **{name: getattr(explorer, name) for name in NAMES})


def chosen_statistics(explorer: AxesExplorer) -> tuple[float, float, int]:
    mean, var, count = explorer.statistics
    n, c = explorer.place[:2]
    group = c * explorer.num_groups // 4
    at = {"batch": (c,), "layer": (n,), "instance": (n, c), "group": (n, group)}[explorer.norm]
    return mean[at].item(), var[at].item(), count


WALK = """async (states) => {
  const root = document.querySelector(".cw");
  const found = [];
  for (const state of states) {
    for (const [name, value] of Object.entries(state)) models.host.receive(name, value);
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    const said = root.querySelector(".ax-refused");
    const after = root.querySelector("output").textContent;
    found.push({ ...root.seen, said: said.hidden ? "" : said.textContent, after });
  }
  return found;
}"""


def test_numbers_equal_torchs_in_every_state(page) -> None:
    explorer = AxesExplorer()
    draw(page, explorer)
    generator = torch.Generator().manual_seed(3)
    states = []
    for _ in through_all_states(explorer):
        explorer.cell = [torch.randint(size, (1,), generator=generator).item() for size in (6, 4, 3, 5)]
        states.append({name: getattr(explorer, name) for name in NAMES})
    sentences = set()
    for setting, found in zip(states, page.evaluate(WALK, states), strict=True):
        explorer = AxesExplorer(**setting)
        mean, var, count = chosen_statistics(explorer)
        assert found["shown"] == list(explorer.place), setting
        assert found["count"] == count, setting
        assert (found["mean"], found["variance"]) == pytest.approx((mean, var), abs=1e-5), setting
        assert torch.equal(torch.tensor(found["shared"]), explorer.shared[:, :, 0, 0]), setting
        sentence = refusal(explorer.module, explorer.x)
        if sentence:
            sentences.add(sentence)
            assert found["said"] == f"torch refuses. ValueError: {sentence}"
            assert (found["output"], found["after"]) == (None, "?")
            continue
        assert found["said"] == "", setting
        output = torch.tensor(found["output"], dtype=torch.float64)
        # In float32, torch's rounding of a group of one value is multiplied by 1 / √eps: 316.
        assert (output - explorer.output).abs().max() < (1e-4 if count == 1 else 1e-5), setting
        with torch.no_grad():
            assert (output - explorer.module.double()(explorer.x.double())).abs().max() < 1e-6, setting
    assert len(sentences) == 1 + 6 + 1


def test_the_code_on_show_gives_the_means(page) -> None:
    explorer = AxesExplorer(cell=(1, 2, 0, 0))
    draw(page, explorer)
    for setting in through_all_states(explorer):
        if explorer.batch_size != 3:
            continue
        follow(page, explorer)
        module, mean = page.locator("code").all_inner_texts()
        assert repr(eval(module, {"nn": torch.nn})) == repr(explorer.module), setting
        shown = eval(mean, {"x": explorer.x, "norm": explorer.module})
        assert torch.allclose(shown, explorer.statistics.mean, atol=1e-6), setting


def test_the_coloured_cells_are_those_that_share_the_mean(page) -> None:
    explorer = AxesExplorer()
    draw(page, explorer)
    for setting in through_all_states(explorer):
        if explorer.batch_size not in (1, 4):
            continue
        explorer.cell = (2, 1, 1, 2)
        follow(page, explorer)
        cells = page.evaluate("[...document.querySelectorAll('.ax-member [data-cell]')].map((one) => one.dataset.cell)")
        assert [[int(at) for at in one.split()] for one in cells] == explorer.shared.nonzero().tolist(), setting
        assert page.locator(".ax-hulls polygon").count() == (explorer.shared.any().item()), setting
        missing = page.locator(".ax-missing").count()
        assert missing == 4 * (6 - explorer.batch_size), setting
        count = page.locator(".ax-count strong").inner_text()
        expected = explorer.statistics.count
        assert count.startswith(f"{expected} cell"), setting
        chips = [re.findall(r"(\d) of (\d)", text)[0] for text in page.locator(".ax-chips li").all_inner_texts()]
        assert [int(whole) for _, whole in chips] == list(explorer.x.shape), setting
        product = torch.tensor([int(used) for used, _ in chips]).prod().item()
        assert product == expected, setting


def at(page, n: int, c: int, h: int, w: int) -> tuple[float, float]:
    """The middle of a cell, on the screen."""
    box = page.locator(f"[data-cell='{n} {c} {h} {w}']").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_pointer_shows_a_cell_and_a_click_chooses_it(page) -> None:
    explorer = AxesExplorer("instance")
    draw(page, explorer)
    page.mouse.move(*at(page, 2, 3, 2, 4))
    painted(page)
    assert seen(page)["shown"] == [2, 3, 2, 4]
    assert page.locator(".ax-before caption").inner_text() == "Before: sample 2, channel 3"
    assert get(page, "cell") == [0, 1, 1, 2], "it is shown, not chosen"
    page.mouse.move(2, 2)
    painted(page)
    assert seen(page)["shown"] == [0, 1, 1, 2]
    page.mouse.click(*at(page, 3, 0, 0, 1))
    assert get(page, "cell") == [3, 0, 0, 1]
    page.locator(".ax-behind td").nth(14).click()
    painted(page)
    assert get(page, "cell") == [3, 0, 2, 4]
    explorer.cell = (3, 0, 2, 4)
    before, after = (
        page.locator(f".ax-{name} .ax-chosen").inner_text().replace("−", "-") for name in ("before", "behind")
    )
    assert float(before) == explorer.x[3, 0, 2, 4]
    assert float(after) == pytest.approx(explorer.output[3, 0, 2, 4].item(), abs=0.0051)
    page.wait_for_function("models.host.saved.length > 0 && models.host.saved.at(-1).cell")


def test_by_keyboard_alone(page) -> None:
    draw(page, AxesExplorer())
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert get(page, "norm") == "layer"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert get(page, "norm") == "group"
    painted(page)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert get(page, "num_groups") == 1
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    assert get(page, "train") is False
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "application"
    for key, cell in [
        ("ArrowRight", [0, 1, 1, 3]), ("ArrowDown", [0, 1, 2, 3]), ("ArrowDown", [0, 1, 2, 3]),
        ("ArrowUp", [0, 1, 1, 3]), ("ArrowLeft", [0, 1, 1, 2]), ("Shift+ArrowRight", [1, 1, 1, 2]),
        ("Shift+ArrowDown", [1, 2, 1, 2]),
        ("Shift+ArrowLeft", [0, 2, 1, 2]), ("Shift+ArrowLeft", [0, 2, 1, 2]), ("Shift+ArrowUp", [0, 1, 1, 2]),
    ]:  # fmt: skip
        page.keyboard.press(key)
        assert get(page, "cell") == cell, key
    for _ in range(7):
        page.keyboard.press("Shift+ArrowRight")
    assert get(page, "cell") == [3, 1, 1, 2], "it stops at the last sample of the batch"
    painted(page)
    label = page.get_by_role("application").get_attribute("aria-label")
    assert label.startswith(
        "The block. Cell n 3, c 1, h 1, w 2 of 4 × 4 × 3 × 5. Group norm, eval mode. 60 cells go into the mean"
    )
    page.locator("[role=status]", has_text="60 cells go into the mean").wait_for(state="attached")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    assert get(page, "batch_size") == 3
    painted(page)
    assert seen(page)["shown"] == [2, 1, 1, 2], "the nearest cell that there is"


def test_each_batch_size_shows_what_becomes_of_the_cell(page) -> None:
    explorer = AxesExplorer(cell=(1, 0, 2, 0))
    draw(page, explorer)
    for setting in through_all_states(explorer):
        if explorer.batch_size != 6:
            continue
        explorer.cell = (1, 0, 2, 0)
        follow(page, explorer)
        texts = page.locator(".ax-sizes .ax-after").all_inner_texts()
        assert texts[0] == "not in it"
        values = []
        for size, text in zip(range(2, 7), texts[1:], strict=True):
            explorer.batch_size = size
            if refusal(explorer.module, explorer.x):
                assert text == "refused", setting
            else:
                values.append(explorer.output[explorer.place].item())
                assert float(text.replace("−", "-")) == pytest.approx(values[-1], abs=0.0051), setting
        verdict = page.locator(".ax-same").inner_text()
        if not values:
            assert verdict == "Refused at every batch size."
        else:
            same = max(values) - min(values) < 1e-3
            assert verdict.startswith("The same at every batch size" if same else "It changes with the batch size"), (
                setting
            )
            assert same is not (explorer.norm == "batch" and explorer.train), setting
    page.mouse.click(*at(page, 5, 0, 0, 0))
    painted(page)
    assert page.locator(".ax-same").inner_text().startswith("Sample 5 is in one of these batches only")


def test_what_is_worth_a_sentence_is_said(page) -> None:
    draw(page, AxesExplorer())
    for settings, words in [
        ({}, "each one changes the result of the others"),
        ({"batch_size": 1}, "the mean has only the 15 pixels of one map"),
        ({"batch_size": 2, "pooled": True}, "A mean of only 2 values"),
        ({"batch_size": 3, "pooled": True}, "the mean has only 3 values, one from each sample"),
        ({"batch_size": 1, "pooled": True}, "One value is its own mean"),
        ({"train": False}, "No cell of this batch goes into the mean."),
        ({"norm": "instance", "train": False, "pooled": True}, "but eval mode is refused as well"),
        ({"norm": "group", "num_groups": 4, "pooled": True}, "torch refuses this only at batch size 1"),
        ({"norm": "group", "num_groups": 4}, "the same as instance norm"),
        ({"norm": "group", "num_groups": 1}, "the same as layer norm"),
        ({"norm": "layer"}, "Each sample is normalised by itself."),
    ]:
        follow(page, AxesExplorer(**settings))
        assert words in page.locator(".ax-about").inner_text(), settings
    follow(page, AxesExplorer(train=False))
    assert page.locator(".ax-count strong").inner_text() == "0 cells: the mean is stored"
    assert "as 10 training steps left it" in page.locator(".ax-rule").inner_text()
    assert "running variance" in page.locator(".ax-formula").inner_text()


def test_a_narrow_page_has_the_samples_in_two_rows(page) -> None:
    page.set_viewport_size({"width": 400, "height": 800})
    draw(page, AxesExplorer(batch_size=5))
    painted(page)
    first, fourth = at(page, 0, 0, 0, 0), at(page, 3, 0, 0, 0)
    assert first[0] == pytest.approx(fourth[0], abs=1)
    assert fourth[1] > first[1]
    assert page.locator(".ax-hulls polygon").count() == 2
    page.mouse.click(*at(page, 4, 3, 2, 0))
    assert get(page, "cell") == [4, 3, 2, 0]
    page.set_viewport_size({"width": 1000, "height": 800})
    page.wait_for_function("document.querySelectorAll('.ax-hulls polygon').length === 1")
    assert at(page, 3, 0, 0, 0)[1] == pytest.approx(at(page, 0, 0, 0, 0)[1], abs=1)
