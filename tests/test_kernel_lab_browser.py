"""The kernel lab in a real Chromium: its numbers are torch's, and hands, keys and fingers all work."""

import json
import re
from collections.abc import Iterator

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from test_kernel_lab import random_settings
from widget_page import draw, get, receive, watched

from helpers.widgets import KernelLab
from helpers.widgets.base import HERE

pytestmark = pytest.mark.browser

PICTURE = torch.rand(12, 10, generator=torch.Generator().manual_seed(1))
RAMP = torch.arange(20).view(4, 5) / 20


@pytest.fixture(scope="module")
def tab(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(has_touch=True)
    yield context.new_page()
    context.close()


@pytest.fixture
def page(tab: Page) -> Iterator[Page]:
    tab.goto("about:blank")
    tab.set_viewport_size({"width": 1000, "height": 900})
    with watched(tab):
        yield tab


def result(page: Page, host: str = "host") -> torch.Tensor:
    data, height, width = page.evaluate(
        "(id) => { const { data, height, width } = document.querySelector(`#${id} .kernel-lab`).result;"
        " return [data, height, width]; }",
        host,
    )
    return torch.tensor(data, dtype=torch.float64).view(1, height, width)


def cell(page: Page, row: int, column: int, host: str = "host"):
    return page.locator(f"#{host} [data-place='{row} {column}']")


def number(text: str) -> float:
    return float(text.replace("−", "-").replace("+", ""))


def weights(page: Page, host: str = "host") -> list[list[float]]:
    return get(page, "kernel", host)


def test_numbers_are_torchs_and_its_code_too(page: Page) -> None:
    page.evaluate(
        "() => Object.defineProperty(navigator, 'clipboard',"
        " { value: { writeText: async (text) => { window.copied = text; } } })"
    )
    for i, settings in enumerate(random_settings(30, seed=7)):
        lab = KernelLab(**settings)
        draw(page, lab, host="host" if i == 0 else f"host{i}")
        host = page.locator("#host" if i == 0 else f"#host{i}")
        got, expected = result(page, host.get_attribute("id")), lab.output.double()
        assert got.shape == expected.shape
        torch.testing.assert_close(got, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))
        if i % 10 < 4:  # every padding mode
            host.get_by_text("Copy as torch").click()
            expect(host.locator(".kl-said")).to_have_text("Copied.")
            names = {"image": lab.image}
            exec(page.evaluate("copied"), names)
            torch.testing.assert_close(names["output"], lab.output, rtol=1e-4, atol=1e-5)
        host.evaluate("(node) => node.replaceChildren()")


def test_the_picture_is_what_the_display_says(page: Page) -> None:
    lab = KernelLab(torch.tensor([[0.0, 0.25, 1.0]]), [[2.0]], display="clip")
    draw(page, lab)
    pixels = "() => [...document.querySelector('.kl-result canvas').getContext('2d').getImageData(0, 0, 3, 1).data]"
    assert page.evaluate(pixels)[::4] == [0, 128, 255]
    receive(page, kernel=[[-2.0]])
    assert page.evaluate(pixels)[::4] == [0, 0, 0]
    page.get_by_label("Show it").select_option("absolute")
    assert page.evaluate(pixels)[::4] == [0, 64, 255]
    assert page.locator(".kl-legend div").inner_text().split() == ["0", "2"]
    page.get_by_label("Show it").select_option("signed")
    red, blue = page.evaluate(pixels)[::4], page.evaluate(pixels)[2::4]
    assert min(red[0], blue[0]) > 240, "zero is white"
    assert blue[2] > red[2], "negative is blue"
    assert page.locator(".kl-legend div").inner_text().split() == ["−2", "0", "+2"]
    assert get(page, "display") == "signed"


def test_typing_replaces_enter_commits_escape_restores_arrows_walk(page: Page) -> None:
    draw(page, KernelLab(PICTURE, [[1, 2, 3], [4, 5, 6], [7, 8, 9]]))
    page.get_by_label("Size").focus()
    for _ in range(3):  # reset, copy, then the grid; undo and redo are disabled
        page.keyboard.press("Tab")
    expect(cell(page, 0, 0)).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    expect(cell(page, 1, 1)).to_be_focused()
    page.keyboard.type("0,5")
    assert weights(page)[1][1] == 5
    page.keyboard.press("Enter")
    assert weights(page)[1][1] == 0.5
    page.keyboard.type("77")
    page.keyboard.press("Escape")
    expect(cell(page, 1, 1)).to_have_value("0.5")
    page.keyboard.type("-1")
    page.keyboard.press("ArrowLeft")
    expect(cell(page, 1, 0)).to_be_focused()
    assert weights(page)[1] == [4, -1, 6]
    page.keyboard.press("End")
    expect(cell(page, 1, 2)).to_be_focused()
    page.keyboard.press("PageUp")
    page.keyboard.press("Shift+PageDown")
    assert weights(page)[1][2] == pytest.approx(6.09)
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Tab")
    expect(cell(page, 1, 2)).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Divide the sum by")).to_be_focused()


def test_everything_can_be_done_by_keyboard_alone(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "identity", probe=(5, 4)))

    def tab_to(label: str) -> None:
        for _ in range(30):
            page.keyboard.press("Tab")
            if page.evaluate(
                "(l) => { const e = document.activeElement; return (e.labels?.[0] ?? e).textContent.startsWith(l)"
                " || (e.getAttribute('aria-label') ?? '').startsWith(l); }",
                label,
            ):
                outline = page.evaluate("() => getComputedStyle(document.activeElement).outlineWidth")
                assert float(outline.removesuffix("px")) >= 2, f"{label} shows no focus"
                return
        raise AssertionError(f"Tab never reaches {label}")

    tab_to("Kernel")
    page.keyboard.type("box")
    tab_to("Size")
    page.keyboard.type("5")
    tab_to("weight")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    tab_to("Divide")
    page.keyboard.type("3")
    page.keyboard.press("Enter")
    tab_to("by the sum")
    page.keyboard.press("Space")
    tab_to("The result")
    before = get(page, "probe")
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Shift+ArrowRight")
    tab_to("Show it")
    page.keyboard.type("abs")
    tab_to("Stride")
    page.keyboard.press("ArrowUp")
    tab_to("Padding")
    page.keyboard.type("2")
    page.keyboard.press("Enter")
    tab_to("Padding with")
    page.keyboard.type("ref")
    tab_to("Dilation")
    page.keyboard.press("ArrowUp")
    kernel = weights(page)
    assert (len(kernel), kernel[0][0], kernel[2][2]) == (5, 2, 1)
    assert before == [5, 4]
    names = ("divisor", "normalise", "display", "stride", "padding", "padding_mode", "dilation")
    assert [get(page, name) for name in names] == [3, True, "absolute", 2, 2, "reflect", 2]
    tab_to("Undo")
    page.keyboard.press("Enter")
    assert get(page, "dilation") == 1
    tab_to("Redo")
    page.keyboard.press("Enter")
    assert get(page, "dilation") == 2
    tab_to("Reset")
    page.keyboard.press("Enter")
    assert [get(page, name) for name in names] == [1, False, "clip", 1, 0, "zeros", 1]
    assert len(weights(page)) == 3


def test_numbers_as_people_write_them(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "identity"))
    written = {
        "1/9": 1 / 9, "-1": -1, "−1.5": -1.5, "–2": -2, "0,5": 0.5, "2e-3": 0.002, " +.5 ": 0.5, "-3/-4": 0.75,
        "1e6": 1e6, "7.": 7,
    }  # fmt: skip
    for typed, value in written.items():
        cell(page, 0, 1).fill(typed)
        cell(page, 0, 1).press("Enter")
        assert weights(page)[0][1] == value
        expect(cell(page, 0, 1)).not_to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize("width", [1000, 400])
def test_bad_weights_are_said_under_the_grid_and_change_nothing(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    draw(page, KernelLab(PICTURE, "sobel x"))
    before = result(page)
    below = page.get_by_label("Divide the sum by")
    place = below.bounding_box()
    bad = {
        "": "Empty",
        "abc": '"abc" is not a number',
        "1/0": "divides by zero",
        "nan": "not a number",
        "inf": "not a number",
        "1e308": "too large",
        "1e7": "between −1,000,000 and 1,000,000",
        "1/2/3": "not a number",
        "--1": "not a number",
        "0x10": "not a number",
        "1 2": "not a number",
        "1,000": "write 1.000 or 1000",
        "1e400/1e400": "too large",
        "<b>": '"<b>" is not a number',
    }
    for typed, sentence in bad.items():
        cell(page, 2, 1).fill(typed)
        cell(page, 2, 1).press("Enter")
        expect(cell(page, 2, 1)).to_have_attribute("aria-invalid", "true")
        message = page.locator("#" + cell(page, 2, 1).get_attribute("aria-describedby"))
        expect(message).to_be_visible()
        expect(message).to_contain_text(re.compile("^Row 3, column 2: .*" + re.escape(sentence)))
        grid, said = page.get_by_role("grid").bounding_box(), message.bounding_box()
        assert 0 <= said["y"] - grid["y"] - grid["height"] < 12, "the message stands under the grid and covers nothing"
        assert said["y"] + said["height"] <= place["y"]
        assert below.bounding_box() == place, "nothing jumps"
        page.keyboard.press("ArrowUp")
        expect(cell(page, 2, 1)).to_be_focused()
    assert torch.equal(result(page), before)
    assert page.evaluate("models.host.saved") == []
    page.keyboard.press("Escape")
    expect(cell(page, 2, 1)).to_have_value("0")
    assert page.locator("[aria-invalid]").count() == 0
    expect(message).to_be_empty()
    page.keyboard.type("abc")
    page.keyboard.press("Tab")
    expect(message).to_contain_text('Row 3, column 2: "abc"')
    cell(page, 0, 0).fill("xyz")
    cell(page, 0, 0).press("Enter")
    expect(message).to_contain_text('Row 1, column 1: "xyz"')
    cell(page, 2, 1).focus()
    expect(message).to_contain_text('Row 3, column 2: "abc"')
    expect(cell(page, 2, 1)).to_have_accessible_name("weight, row 3, column 2")
    cell(page, 0, 0).fill("5")
    cell(page, 0, 0).press("Enter")
    expect(cell(page, 2, 1)).to_have_value("0")
    expect(message).to_be_empty()


@pytest.mark.parametrize(
    ("label", "typed", "sentence"),
    [
        ("Stride", "0", "Stride is 0; it must be a whole number from 1 to 64."),
        ("Stride", "1.5", "whole number"),
        ("Stride", "11", "Stride 11 is too large: the padded image has 10 pixels"),
        ("Stride", "", "Empty"),
        ("Padding", "-1", "from 0 to 64"),
        ("Padding", "abc", "not a number"),
        ("Dilation", "5", "The kernel would span 11 pixels, but the padded image has only 10"),
        ("Dilation", "1e9", "too large"),
        ("Divide the sum by", "0", "0 cannot divide"),
        ("Divide the sum by", "1e-9", "Too small"),
        ("Divide the sum by", "nan", "not a number"),
    ],
)
def test_bad_settings_are_said_at_their_field(page: Page, label: str, typed: str, sentence: str) -> None:
    draw(page, KernelLab(PICTURE))
    before = result(page)
    field = page.get_by_label(label, exact=True)
    field.fill(typed)
    field.press("Enter")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#" + field.get_attribute("aria-describedby"))).to_contain_text(sentence)
    assert torch.equal(result(page), before)
    assert page.evaluate("models.host.saved") == []
    field.press("Escape")
    expect(field).not_to_have_attribute("aria-invalid", "true")


def test_choices_that_do_not_fit_are_refused(page: Page) -> None:
    draw(page, KernelLab(RAMP, padding=4))
    page.get_by_label("Padding with").select_option("reflect")
    expect(page.get_by_label("Padding with")).to_have_value("zeros")
    expect(page.get_by_text("reflect needs less than")).to_be_visible()
    page.get_by_label("Padding with").select_option("circular")
    assert get(page, "padding_mode") == "circular"
    page.get_by_label("Padding", exact=True).fill("0")
    page.get_by_label("Padding", exact=True).press("Enter")
    page.get_by_label("Size").select_option("5")
    expect(page.get_by_text("would span 5 pixels")).to_be_visible()
    assert len(weights(page)) == 3


def test_dragging_changes_a_weight_and_is_one_step_of_undo(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "sobel x"))
    box = cell(page, 1, 1).bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    for far in (10, 20, 30):
        page.mouse.move(x + far, y)
    assert weights(page)[1][1] == pytest.approx(1.0), "live, while the button is down"
    page.keyboard.down("Shift")
    page.mouse.move(x + 15, y)
    page.keyboard.up("Shift")
    page.mouse.up()
    page.mouse.move(x + 200, y)
    assert weights(page)[1][1] == pytest.approx(0.95)
    assert KernelLab(PICTURE, weights(page)).output.double() == pytest.approx(result(page), abs=1e-5)
    page.keyboard.press("Control+z")
    assert weights(page)[1] == [-2, 0, 2]
    page.keyboard.press("Control+Shift+Z")
    assert weights(page)[1][1] == pytest.approx(0.95)


def test_a_finger_drags_too(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "sobel x"))
    box = cell(page, 0, 0).bounding_box()
    x, y = box["x"] + 10, box["y"] + 10
    touch = page.context.new_cdp_session(page)
    for kind, far in [("touchStart", 0), *[("touchMove", far) for far in range(0, -61, -10)], ("touchEnd", None)]:
        points = [] if far is None else [{"x": x + far, "y": y}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    assert weights(page)[0][0] < -2
    result_box = page.locator(".kl-result").bounding_box()
    page.touchscreen.tap(result_box["x"] + 3, result_box["y"] + 3)
    assert get(page, "probe") == [0, 0]


def test_undo_goes_through_every_kind_of_change(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "sobel x"))
    page.get_by_label("Kernel", exact=True).select_option("gaussian 5x5")
    expect(page.get_by_text("It blurs softly over a wider")).to_be_visible()
    assert get(page, "divisor") == 256
    assert get(page, "display") == "clip"
    page.get_by_label("Size").select_option("7")
    assert weights(page)[3][3] == 36
    page.get_by_label("Size").select_option("3")
    assert weights(page) == [[16, 24, 16], [24, 36, 24], [16, 24, 16]]
    page.get_by_label("by the sum of the weights").check()
    expect(page.get_by_label("Divide the sum by")).to_have_value("196")
    receive(page, stride=2)
    for name, value in [("stride", 1), ("normalise", False), ("divisor", 256)]:
        page.get_by_text("Undo").click()
        assert get(page, name) == value
    page.get_by_text("Undo").click()
    page.get_by_text("Undo").click()
    assert weights(page) == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    assert get(page, "display") == "signed"
    expect(page.get_by_text("Undo")).to_be_disabled()
    for _ in range(3):
        page.get_by_text("Redo").click()
    assert weights(page)[1] == [24, 36, 24]


def test_growing_and_shrinking_keep_the_centre(page: Page) -> None:
    draw(page, KernelLab(PICTURE, [[1, 2], [3, 4]]))
    for size in (3, 4, 5, 6, 7, 6, 5, 4, 3, 2):
        page.get_by_label("Size").select_option(str(size))
        assert sum(map(sum, weights(page))) == 10
    assert weights(page) == [[1, 2], [3, 4]]


def test_normalise_says_when_there_is_nothing_to_divide_by(page: Page) -> None:
    lab = KernelLab(PICTURE, "sobel x")
    draw(page, lab)
    page.get_by_label("by the sum of the weights").check()
    expect(page.get_by_text("The weights sum to 0")).to_be_visible()
    assert result(page) == pytest.approx(lab.output.double(), abs=1e-5)


def test_arithmetic_of_a_pixel_is_pythons(page: Page) -> None:
    lab = KernelLab(PICTURE, [[-1, 0.5, 2], [0, -3, 1], [4, 0.25, -2]], divisor=3, padding=2, dilation=2, stride=2)
    draw(page, lab)
    row, column = lab.probe
    box = page.locator(".kl-result").bounding_box()
    height, width = lab.output.shape[1:]
    page.mouse.move(box["x"] + 1, box["y"] + box["height"] - 1)
    lab.probe = (height - 1, 0)
    patch, kernel, products = (
        torch.tensor([[number(td.inner_text()) for td in row.locator("td").all()] for row in table.locator("tr").all()])
        for table in page.locator(".kl-table").all()
    )
    assert torch.allclose(patch, lab.patch, atol=1e-3)
    assert kernel.tolist() == [list(row) for row in lab.kernel]
    assert torch.allclose(products, lab.products, rtol=0.01, atol=1e-3)
    assert number(page.locator(".kl-line output").inner_text()) == pytest.approx(float(lab.output[0, -1, 0]), abs=1e-3)
    said = page.locator(".kl-line").inner_text()
    assert number(re.search(r"sum to ([+−\d.]+),", said).group(1)) == pytest.approx(float(lab.products.sum()), abs=1e-3)
    assert "divided by 3" in said
    taps = page.locator(".kl-before .kl-tap")
    assert taps.count() == 9
    assert (taps.first.get_attribute("y"), taps.first.get_attribute("x")) == (str(2 * (height - 1)), "0")
    frame = page.locator(".kl-after .kl-frame").bounding_box()
    assert abs(frame["x"] - box["x"]) < 6
    assert abs(frame["y"] + frame["height"] - box["y"] - box["height"]) < 6

    page.mouse.move(5, 5)
    expect(page.get_by_role("heading", name=re.compile("marked pixel"))).to_contain_text(f"row {row}, column {column}")
    page.mouse.click(box["x"] + box["width"] - 1, box["y"] + 1)
    page.mouse.move(5, 5)
    assert get(page, "probe") == [0, width - 1]
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    assert get(page, "probe") == [0, width - 2]
    spoken = page.locator("p.cw-hidden[role=status]")
    expect(spoken).to_contain_text(f"Output row 0, column {width - 2}: 9 products sum to")


def test_matrix_row_and_unfold_column(page: Page) -> None:
    lab = KernelLab(RAMP, "sobel x", divisor=2, padding=2, padding_mode="reflect", probe=(1, 0), show_matrix=True)
    draw(page, lab)
    row = torch.tensor([number(text) for text in page.locator(".kl-run span").all_inner_texts()])
    units = torch.eye(20).view(20, 1, 4, 5)
    padded = torch.nn.functional.pad(units, (2,) * 4, mode="reflect")
    matrix = torch.nn.functional.conv2d(padded, lab.weight).flatten(1).T
    index = 1 * lab.output.shape[2]
    assert torch.equal(row, matrix[index])
    assert float(row @ lab.image.flatten()) == pytest.approx(float(lab.output[0, 1, 0]), abs=1e-6)
    columns = torch.nn.functional.unfold(lab.padded[None], 3)[0]
    column = [number(text) for text in page.locator(".kl-column td:nth-child(2)").all_inner_texts()]
    assert column == pytest.approx(columns[:, index].tolist(), abs=1e-3)
    expect(page.locator(".kl-matrix-row p")).to_contain_text(f"{matrix.shape[0]} × 20 matrix, and row {index}")
    receive(page, show_matrix=False)
    expect(page.locator(".kl-matrix-row")).to_be_hidden()


def test_a_large_image_has_a_column_but_no_matrix(page: Page) -> None:
    draw(page, KernelLab(torch.zeros(20, 30), show_matrix=True))
    expect(page.get_by_text("one 504 × 600 matrix: too large to write down")).to_be_visible()
    expect(page.locator(".kl-strip")).to_be_hidden()
    assert page.locator(".kl-column td").count() == 27


def test_python_changes_are_painted_and_ours_are_sent(page: Page) -> None:
    lab = KernelLab(PICTURE, "sobel x")
    draw(page, lab)
    receive(page, kernel=[[1.0, 2.0], [3.0, 4.0]], padding=1, stride=2)
    lab.set(kernel=[[1, 2], [3, 4]], padding=1, stride=2)
    assert result(page) == pytest.approx(lab.output.double(), abs=1e-5)
    expect(cell(page, 1, 1)).to_have_value("4")
    expect(page.get_by_label("Stride", exact=True)).to_have_value("2")
    assert page.evaluate("models.host.saved") == []

    page.evaluate(
        "([height, width, numbers]) => models.host.receive('image',"
        " { height, width, data: new DataView(new Float32Array(numbers).buffer) })",
        [4, 5, RAMP.flatten().tolist()],
    )
    page.wait_for_function("document.querySelector('.kernel-lab').result.height === 3")
    lab.image = RAMP
    assert result(page) == pytest.approx(lab.output.double(), abs=1e-5)

    cell(page, 0, 0).fill("7")
    cell(page, 0, 0).press("Enter")
    cell(page, 0, 1).fill("8")
    cell(page, 0, 1).press("Enter")
    page.wait_for_function("models.host.saved.length > 0")
    page.wait_for_timeout(150)
    saved = page.evaluate("models.host.saved")
    assert saved[-1]["kernel"] == [[7, 8], [3, 4]]
    assert len(saved) <= 2, "throttled"
    lab.set_state(saved[-1])
    assert result(page) == pytest.approx(lab.output.double(), abs=1e-5)


def test_two_labs_on_one_page(page: Page) -> None:
    first, second = KernelLab(PICTURE, "sobel x"), KernelLab(RAMP, "box blur")
    draw(page, first)
    draw(page, second, host="other")
    cell(page, 1, 1, "other").fill("9")
    cell(page, 1, 1, "other").press("Enter")
    cell(page, 0, 0).fill("bad")
    cell(page, 0, 0).press("Enter")
    assert weights(page)[1][1] == 0
    assert weights(page, "other")[1][1] == 9
    assert page.locator("#other [aria-invalid]").count() == 0
    assert result(page) == pytest.approx(first.output.double(), abs=1e-5)
    expect(page.locator("#host button", has_text="Undo")).to_be_disabled()
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)")
    assert len(ids) == len(set(ids))
    assert page.evaluate("typeof window.render + typeof window.parseNumber") == "undefinedundefined"


def test_without_a_clipboard_the_code_is_selected(page: Page) -> None:
    lab = KernelLab(RAMP, "cross", padding=1, padding_mode="replicate")
    draw(page, lab)
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    page.get_by_text("Copy as torch").click()
    expect(page.locator(".kl-said")).to_contain_text("Ctrl+C")
    names = {}
    exec(page.evaluate("() => getSelection().toString() || document.activeElement.value"), names)
    assert torch.equal(names["output"], lab.output)


def test_cleaning_up_leaves_nothing_behind(page: Page) -> None:
    draw(page, KernelLab(PICTURE))
    left = page.evaluate(
        """async (source) => {
          const module = (await import(URL.createObjectURL(new Blob([source], { type: "text/javascript" })))).default;
          const listeners = new Set();
          const on = (name, f) => name.startsWith("change") && listeners.add(name + f);
          const model = { ...models.host, on, off: (name, f) => listeners.delete(name + f) };
          const clean = module.render({ model, el: document.createElement("div") });
          const before = listeners.size;
          clean();
          return [before, listeners.size];
        }""",
        str(KernelLab._esm),
    )
    assert left[0] > 5
    assert left[1] == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1000, 400])
def test_accessible_and_never_wider_than_the_page(page: Page, dark: bool, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    draw(page, KernelLab(RAMP, "gaussian 5x5", padding=2, show_matrix=True), dark=dark)
    cell(page, 0, 0).fill("abc")
    cell(page, 0, 0).press("Enter")
    page.get_by_label("Stride", exact=True).fill("0")
    page.get_by_label("Stride", exact=True).press("Enter")
    found = Axe().run(page, context=".cw").response["violations"]
    serious = [one for one in found if one["impact"] in ("serious", "critical")]
    assert not serious, json.dumps(serious, indent=1)[:3000]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if width == 400:
        page.get_by_label("Size").select_option("7")
        page.get_by_label("Kernel", exact=True).select_option("sobel x")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_is_loaded_or_stored() -> None:
    for name in ("kernel_lab", "shared"):
        text = "".join((HERE / f"{name}.{kind}").read_text(encoding="utf-8") for kind in ("js", "css"))
        assert not re.search(r"https?://(?!www\.w3\.org)|fetch\(|@import|localStorage|innerHTML", text)
