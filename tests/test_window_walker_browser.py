"""The window walker in a real Chromium: its numbers are torch's, and keys, clicks and the puzzle work."""

import pytest
import torch
from playwright.sync_api import Locator, Page, expect
from test_window_walker import random_settings
from widget_page import draw, get, receive

from helpers.widgets import WindowWalker
from helpers.widgets.window_walker import PRESETS, preset, solutions

pytestmark = pytest.mark.browser

VIEWPORT = {"width": 1000, "height": 1000}


def field(page: Page, label: str, nth: int = 0) -> Locator:
    """The field of the walk, or the puzzle's of the same name with nth=1."""
    return page.get_by_role("textbox", name=label, exact=True).nth(nth)


def enter(page: Page, label: str, text: str, nth: int = 0) -> None:
    field(page, label, nth).fill(text)
    page.keyboard.press("Enter")


def cell(page: Page, board: str, row: int, column: int) -> None:
    """Click a cell, counted in the grid that is drawn."""
    size = page.evaluate(f"() => document.querySelector('.{board} canvas').getBoundingClientRect().height")
    rows = page.evaluate(f"() => document.querySelector('.window-walker').walk['{WHAT[board]}'].height")
    page.locator(f".{board}").click(position={"x": (column + 0.5) * size / rows, "y": (row + 0.5) * size / rows})


WHAT = {"ww-input": "padded", "ww-output": "output"}


def test_numbers_are_torchs(page: Page) -> None:
    for i, settings in enumerate(random_settings(24, seed=7)):
        walker = WindowWalker(**settings)
        host = "host" if i == 0 else f"host{i}"
        draw(page, walker, host=host)
        output, padded, unread, readers, shape = page.evaluate(
            "(id) => { const { output, padded, unread, readers } = document.querySelector(`#${id} .cw`).walk;"
            " return [output.data, padded.data, unread, readers, [output.height, output.width]]; }",
            host,
        )
        expected = walker.output.double()
        assert shape == list(expected.shape)
        got = torch.tensor(output, dtype=torch.float64).view(shape)
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-5 * max(1, float(expected.abs().max())))
        assert torch.tensor(padded).view(walker.padded.shape).equal(walker.padded)
        assert torch.tensor(unread).bool().view(walker.unread.shape).equal(walker.unread)
        assert readers == walker.readers.nonzero().tolist()
        page.locator(f"#{host}").evaluate("(node) => node.replaceChildren()")


def test_the_formula_has_its_numbers_and_its_floor(page: Page) -> None:
    draw(page, WindowWalker(stride=2, padding=1))
    lines = page.locator(".ww-formula span").all_inner_texts()
    assert lines[0] == "⌊(in + 2p − d(k − 1) − 1) / s⌋ + 1"
    assert lines[1] == (
        "Rows: ⌊(6 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = ⌊5 / 2⌋ + 1 = ⌊2.5⌋ + 1 = 2 + 1 = 3. "
        "The floor leaves the last row of the padded input over."
    )
    assert lines[2] == "Columns: ⌊(7 + 2·1 − 1·(3 − 1) − 1) / 2⌋ + 1 = ⌊6 / 2⌋ + 1 = 3 + 1 = 4"
    enter(page, "Height", "7")
    assert len(page.locator(".ww-formula span").all_inner_texts()) == 2


def test_the_walk_by_key_and_by_button(page: Page) -> None:
    walker = WindowWalker(stride=2, padding=1)
    draw(page, walker)
    output = page.locator(".ww-output")
    expect(page.get_by_role("button", name="One step back")).to_be_disabled()
    page.get_by_role("button", name="One step on").click()
    assert get(page, "step") == 1
    output.focus()
    for key, step in (
        *(
            ("ArrowRight", 2),
            ("ArrowRight", 3),
            ("ArrowRight", 4),
            ("ArrowLeft", 3),
            ("ArrowDown", 7),
            ("ArrowDown", 11),
        ),
        *(
            ("ArrowDown", 11),
            ("ArrowRight", 11),
            ("ArrowUp", 7),
            ("Home", 0),
            ("ArrowUp", 0),
            ("ArrowLeft", 0),
            ("End", 11),
        ),
    ):
        page.keyboard.press(key)
        assert get(page, "step") == step, key
    expect(page.locator(".ww-count")).to_have_text("window 12 of 12")
    expect(page.get_by_role("button", name="One step on")).to_be_disabled()
    page.get_by_role("button", name="To the start").click()
    page.get_by_role("button", name="To the end").click()
    page.get_by_role("button", name="One step back").click()
    assert get(page, "step") == 10
    cell(page, "ww-output", 1, 2)
    assert get(page, "step") == 6
    walker.step = 6
    terms = " + ".join(str(int(x)) for x in walker.window.flatten())
    expect(page.locator(".ww-sum")).to_have_text(
        f"The window at output row 1, column 2: {terms} = {int(walker.output[1, 2])}"
    )
    page.wait_for_function("models.host.saved.at(-1)?.step === 6")


def test_the_walk_runs_pauses_and_ends(page: Page) -> None:
    page.clock.install()
    draw(page, WindowWalker(size=(5, 5)))
    assert get(page, "step") == 0
    page.clock.run_for(2000)
    assert get(page, "step") == 0, "nothing runs by itself"
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(1000)
    assert get(page, "step") == 2
    page.get_by_role("button", name="Pause").click()
    page.clock.run_for(2000)
    assert get(page, "step") == 2
    page.locator(".ww-output").focus()
    page.keyboard.press("Space")
    page.clock.run_for(500)
    assert get(page, "step") == 3
    enter(page, "Kernel size", "2")
    page.clock.run_for(2000)
    assert get(page, "step") == 3, "another setting stops the walk"
    page.get_by_role("button", name="Play").click()
    page.clock.run_for(10_000)
    assert get(page, "step") == 15
    page.get_by_role("button", name="Play").click()
    assert get(page, "step") == 0, "from its end it starts anew"


def test_reduced_motion_shows_all_at_once(page: Page) -> None:
    page.emulate_media(reduced_motion="reduce")
    draw(page, WindowWalker())
    page.get_by_role("button", name="Show all").click()
    assert get(page, "step") == 19
    expect(page.get_by_role("button", name="Show all")).to_be_visible()


def test_an_input_cell_shows_who_reads_it_and_where_it_comes_from(page: Page) -> None:
    draw(page, WindowWalker(padding=2, padding_mode="reflect", stride=3))
    about = page.locator(".ww-about")
    cell(page, "ww-input", 0, 5)
    assert get(page, "pixel") == [-2, 3]
    expect(about).to_have_text(
        "The place row −2, column 3 lies in the padding: it is a copy of input row 2, column 3, which is 23. "
        "1 window reads it: marked in the output."
    )
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert get(page, "pixel") == [0, 4]
    expect(about).to_have_text("Input row 0, column 4 is 4. 1 window reads it: marked in the output.")
    for _ in range(20):
        page.keyboard.press("ArrowUp")
    assert get(page, "pixel") == [-2, 4]
    page.keyboard.press("Escape")
    assert get(page, "pixel") is None
    expect(about).to_contain_text("Choose an input cell")
    enter(page, "Padding", "1")
    page.get_by_label("Padding with").select_option("zeros")
    cell(page, "ww-input", 0, 0)
    expect(about).to_contain_text("row −1, column −1 lies in the padding: it is 0.")
    receive(page, kernel_size=1, stride=8, padding=1, padding_mode="circular", pixel=[5, 6])
    expect(about).to_have_text(
        "Input row 5, column 6 is 56. No window reads it. But a copy of it in the padding (circular) is read."
    )
    receive(page, pixel=[2, 2])
    expect(about).to_have_text("Input row 2, column 2 is 22. No window reads it.")


def test_a_number_can_be_changed_where_it_stands(page: Page) -> None:
    draw(page, WindowWalker("ones", size=(4, 5)))
    cell(page, "ww-input", 1, 2)
    page.keyboard.type("-2,5")
    expect(page.get_by_role("textbox", name="number in row 1, column 2")).to_be_focused()
    assert get(page, "image")[1][2] == 1
    page.keyboard.press("Enter")
    assert get(page, "image")[1][2] == -2.5
    expect(page.locator(".ww-input")).to_be_focused()
    expect(page.locator(".ww-sum output")).to_have_text("5.5")
    expect(page.get_by_label("Input", exact=True)).to_have_value("")
    page.keyboard.press("Enter")
    page.keyboard.type("abc")
    page.keyboard.press("Enter")
    expect(page.locator(".ww-first .cw-error")).to_have_text('"abc" is not a number: type for example 0.5, −1 or 1/9.')
    assert get(page, "image")[1][2] == -2.5
    page.keyboard.press("Escape")
    expect(page.locator(".ww-first .cw-error")).to_be_hidden()
    page.keyboard.press("ArrowLeft")
    page.keyboard.type("7")
    page.locator(".ww-output").click()
    assert get(page, "image")[1] == [1, 7, -2.5, 1, 1], "leaving the cell takes the number"
    enter(page, "Width", "2")
    enter(page, "Kernel size", "1")
    enter(page, "Width", "2")
    assert get(page, "image")[1] == [1, 7]
    enter(page, "Width", "6")
    assert get(page, "image")[1] == [1, 7, -2.5, 1, 1, 0], "what was cut off comes back"


def test_presets_follow_the_size(page: Page) -> None:
    draw(page, WindowWalker())
    for name in PRESETS:
        page.get_by_label("Input", exact=True).select_option(name)
        for height in (9, 32, 6):
            enter(page, "Height", str(height))
            assert torch.tensor(get(page, "image")).equal(preset(name, height, 7))
            expect(page.get_by_label("Input", exact=True)).to_have_value(name)


@pytest.mark.parametrize(
    ("label", "text", "sentence"),
    [
        ("Stride", "0", "Stride is 0; it must be a whole number from 1 to 8."),
        ("Stride", "1/2", "Stride is 0.5; it must be a whole number from 1 to 8."),
        ("Dilation", "0", "Dilation is 0; it must be a whole number from 1 to 8."),
        ("Padding", "-1", "Padding is −1; it must be a whole number from 0 to 8."),
        ("Kernel size", "", "Empty: type a number"),
        ("Kernel size", "1/0", '"1/0" divides by zero.'),
        (
            "Kernel size",
            "7",
            "Kernel size 7 with dilation 1 spans 7 pixels, but the shorter side, 6 with padding 0, has only 6.",
        ),
        ("Dilation", "3", "Kernel size 3 with dilation 3 spans 7 pixels, but the shorter side"),
        ("Height", "33", "Height is 33; it must be a whole number from 1 to 32."),
        (
            "Height",
            "2",
            "Kernel size 3 with dilation 1 spans 3 pixels, but the shorter side, 2 with padding 0, has only 2.",
        ),
        ("Width", "abc", '"abc" is not a number'),
    ],
)
def test_what_does_not_fit_is_refused_at_its_control(page: Page, label: str, text: str, sentence: str) -> None:
    draw(page, WindowWalker(step=3))
    before = [get(page, name) for name in ("image", "kernel_size", "stride", "padding", "dilation", "step")]
    enter(page, label, text)
    control = field(page, label)
    expect(control).to_have_attribute("aria-invalid", "true")
    told = page.locator(f"#{control.get_attribute('aria-describedby')}")
    expect(told).to_contain_text(sentence)
    assert [get(page, name) for name in ("image", "kernel_size", "stride", "padding", "dilation", "step")] == before
    control.press("Escape")
    expect(told).to_be_hidden()


def test_a_mode_that_does_not_fit_is_refused_at_its_control(page: Page) -> None:
    draw(page, WindowWalker(padding=6))
    choice = page.get_by_label("Padding with")
    choice.select_option("reflect")
    expect(page.get_by_role("alert").filter(has_text="reflect")).to_have_text(
        "Padding 6 is too much: reflect needs less than the shorter side, 6 pixels."
    )
    expect(choice).to_have_value("zeros")
    choice.select_option("circular")
    assert get(page, "padding_mode") == "circular"
    enter(page, "Padding", "7")
    expect(page.get_by_role("alert").filter(has_text="circular")).to_contain_text("Padding 7 is too much: circular")
    assert get(page, "padding") == 6


def test_the_puzzle_counts_what_is_found_and_says_what_else_gives(page: Page) -> None:
    draw(page, WindowWalker())
    told, score = page.locator(".ww-told"), page.locator(".ww-score")
    expect(score).to_have_text("Found: 0 of 13.")

    def guess(k: int, s: int, p: int, d: int) -> None:
        for label, value in (("Kernel size", k), ("Stride", s), ("Padding", p), ("Dilation", d)):
            enter(page, label, str(value), 1)
        page.get_by_role("button", name="Try").click()

    guess(3, 2, 0, 1)
    expect(told).to_have_text("Not 14: ⌊(28 + 2·0 − 1·(3 − 1) − 1) / 2⌋ + 1 = ⌊25 / 2⌋ + 1 = ⌊12.5⌋ + 1 = 12 + 1 = 13.")
    guess(1, 2, 0, 3)
    expect(told).to_contain_text("this is the same as dilation 1")
    guess(1, 2, 0, 1)
    expect(told).to_have_text("You have that one already.")
    enter(page, "Kernel size", "8", 1)
    expect(page.locator(".ww-guess .cw-error:visible")).to_have_text(
        "Kernel size is 8; it must be a whole number from 1 to 7."
    )
    field(page, "Kernel size", 1).press("Escape")
    for number, one in enumerate(solutions(28, 14)[1:], start=2):
        guess(*one)
        expect(score).to_have_text(f"Found: {number} of 13.")
    expect(told).to_contain_text("that was the last: all 13 are found")
    assert [tuple(one) for one in get(page, "found")] == solutions(28, 14)
    assert page.locator(".ww-found li").count() == 13
    assert (get(page, "kernel_size"), get(page, "stride")) == (3, 1), "the walk above stays"
    assert len(WindowWalker().found) == 0


def test_a_puzzle_setting_that_does_not_fit_is_told(page: Page) -> None:
    draw(page, WindowWalker(puzzle=(9, 4)))
    enter(page, "Kernel size", "7", 1)
    enter(page, "Dilation", "3", 1)
    page.get_by_role("button", name="Try").click()
    expect(page.locator(".ww-told")).to_have_text(
        "That does not fit: the kernel spans 19 pixels, and 9 with padding 0 are only 9."
    )


def test_python_sets_and_the_page_follows(page: Page) -> None:
    draw(page, WindowWalker())
    receive(page, image=[[1, 2, 3, 4]] * 3, step=1)
    expect(page.locator(".ww-sum output")).to_have_text("27")
    expect(field(page, "Height")).to_have_value("3")
    receive(page, weights="mean")
    expect(page.locator(".ww-sum")).to_contain_text("(2 + 3 + 4 + 2 + 3 + 4 + 2 + 3 + 4) / 9 = 3")
    receive(page, weights="1, 2, 3, …", step=0)
    expect(page.locator(".ww-sum")).to_contain_text("1·1 + 2·2 + 3·3 + 4·1 + 5·2 + 6·3 + 7·1 + 8·2 + 9·3 = 96")
    receive(page, found=[[3, 2, 1, 1]])
    expect(page.locator(".ww-found li")).to_have_text("k 3, s 2, p 1, d 1")


def test_colour_never_speaks_alone(page: Page) -> None:
    """An unread pixel is hatched: along its diagonal it is painted in another way than a pixel that is read."""
    draw(page, WindowWalker("ones", 1, stride=2, size=(6, 6)))
    lit = page.evaluate(
        "() => { const c = document.querySelector('.ww-input canvas'); const n = c.width / 6;"
        " const data = (r, q) => [...c.getContext('2d').getImageData(q * n + n * 0.3, r * n + n * 0.7 - 1, 2, 2).data];"
        " return [data(1, 1), data(2, 2)].map((d) => Math.min(...d.filter((_, i) => i % 4 === 0))); }"
    )
    assert lit[0] < 150
    assert lit[1] > 240
