"""The layer stack in a real Chromium: its numbers against torch's, the mouse, the keyboard, bad input."""

import json
import random

import pytest
import torch
from test_layer_stack import Residual, random_layers
from torch import nn
from widget_page import draw, get, receive

from helpers.widgets import LayerStack

pytestmark = pytest.mark.browser

VIEWPORT = {"width": 1200, "height": 900}
KEYS = ("name", "shape", "parameters", "macs", "size", "jump", "start")


def seen(page) -> dict:
    return page.evaluate("() => document.querySelector('.cw').seen")


def paint(page, stack: LayerStack) -> None:
    """Answer the browser's last question as Python does."""
    stack._answer(stack, page.evaluate("models.host.sent.at(-1)"), [])
    heat = stack._heat
    data = list(bytes(heat["data"])) if "data" in heat else None
    page.evaluate(
        """([of, data, error]) => models.host.receive("_heat",
          { of, ...(error ? { error } : { data: new DataView(Uint8Array.from(data).buffer) }) })""",
        [heat["of"], data, heat.get("error")],
    )


def test_numbers_and_fields_equal_pythons_on_200_stacks(page) -> None:
    """Python's are held to torch's in test_layer_stack.py."""
    rng = random.Random(7)
    stack = LayerStack()
    draw(page, stack)
    broken = 0
    for _ in range(200):
        stack.set_trait("layers", [])
        stack.input_size = [rng.randint(1, 3), rng.randint(8, 32), rng.randint(8, 24)]
        stack.layers = random_layers(rng)
        stack.layer = rng.randint(0, len(stack.layers))
        stack.pixel = (rng.randint(0, 20), rng.randint(0, 20))
        names = ("input_size", "layers", "layer", "pixel")
        receive(page, **{name: getattr(stack, name) for name in names})
        found, setting = seen(page), stack.layers
        assert found["problem"] == stack.problem, setting
        assert len(found["rows"]) == len(stack.rows), setting
        for row, mine in zip(found["rows"], stack.rows, strict=True):
            assert {key: row[key] for key in KEYS} == {key: getattr(mine, key) for key in KEYS}, setting
        layer, pixel = stack.place
        assert (found["place"]["layer"], tuple(found["place"]["pixel"])) == (layer, pixel), setting
        mask = torch.zeros(stack.input_size[1:], dtype=torch.bool)
        rows, columns = (torch.tensor(found["field"][axis], dtype=torch.int64) for axis in ("rows", "columns"))
        mask[rows[:, None], columns] = True
        assert torch.equal(mask, stack.theory), setting
        if stack.problem:
            broken += 1
            assert page.locator(".ls-problem").inner_text() == stack.problem
            assert page.locator(".ls-out").count() == len(stack.layers) + 1 - len(stack.rows)
        else:
            assert found["code"] == stack.code, setting
    assert broken > 20


def test_a_model_of_ones_own_is_shown_and_not_edited(page) -> None:
    stack = LayerStack(model=Residual(), input_size=(3, 17, 20), layer=4)
    draw(page, stack)
    assert page.locator(".ls-table tbody tr").count() == 8
    assert page.locator(".ls-table input[type=text], .ls-button, select").count() == 0
    for layer in (1, 3, 4):
        page.locator(".ls-table input[type=radio]").nth(layer).check()
        stack.layer, stack.pixel = layer, get(page, "pixel")
        found = seen(page)["field"]
        rows, columns = stack.theory.any(1).nonzero().flatten(), stack.theory.any(0).nonzero().flatten()
        assert (found["rows"], found["columns"]) == (rows.tolist(), columns.tolist())
    page.locator(".ls-table input[type=radio]").nth(7).check()
    assert "not known" in page.locator(".ls-theory figcaption").inner_text()
    assert "Something between this layer and the one before it is no layer" in page.locator(".ls-said").inner_text()
    assert page.locator(".ls-effect figcaption").inner_text() == "By gradient: Python computes …"
    stack.layer, stack.pixel = 4, (8, 10)
    paint(page, stack)  # the answer to an older question leads to the next one
    for _ in range(3):
        paint(page, stack)
    assert page.locator(".ls-effect figcaption").inner_text() == "Its field by gradient"
    assert page.evaluate("models.host.sent.at(-1).layer") == 7


def test_by_mouse_add_edit_reorder_remove_and_point(page) -> None:
    draw(page, LayerStack())
    page.get_by_label("Layer to add").select_option(label="Max pooling 2 × 2")
    page.get_by_role("button", name="Add below").click()
    assert [layer["kind"] for layer in get(page, "layers")] == ["conv", "max_pool", "conv", "max_pool"]
    assert get(page, "layer") == 4
    page.get_by_role("button", name="Move up: layer 4").click()
    assert [layer["kind"] for layer in get(page, "layers")] == ["conv", "max_pool", "max_pool", "conv"]
    assert get(page, "layer") == 3, "the chosen layer stays the chosen one"
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Move up: layer 3"
    page.get_by_role("button", name="Remove: layer 1").click()
    assert [layer["kind"] for layer in get(page, "layers")] == ["max_pool", "max_pool", "conv"]
    assert get(page, "layer") == 2
    page.get_by_label("Layer 3, kernel").fill("5")
    page.keyboard.press("Enter")
    assert get(page, "layers")[2]["kernel_size"] == 5
    page.get_by_role("radio", name="Look at layer 3").check()
    canvas = page.locator(".ls-output canvas")
    box = canvas.bounding_box()
    page.mouse.click(box["x"] + 1, box["y"] + box["height"] - 2)
    assert get(page, "pixel") == [3, 0]
    assert seen(page)["field"]["columns"] == list(range(20))
    page.mouse.move(box["x"] + 1, box["y"] + 1)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 1, steps=3)
    page.mouse.up()
    assert get(page, "pixel") == [0, 3]
    page.get_by_role("button", name="Reset").click()
    assert [layer["kind"] for layer in get(page, "layers")] == ["conv", "max_pool", "conv"]
    assert (get(page, "layer"), get(page, "pixel")) == (3, [6, 6])
    page.wait_for_function("models.host.saved.length > 0 && models.host.saved.some((one) => one.layers)")


def test_by_keyboard_alone(page) -> None:
    draw(page, LayerStack())

    def tab_to(label: str) -> None:
        for _ in range(60):
            if (page.evaluate("document.activeElement.getAttribute('aria-label') ?? ''")).startswith(label):
                return
            page.keyboard.press("Tab")
        raise AssertionError(f"{label} is not reached by Tab")

    tab_to("Layer to add")
    page.keyboard.press("End")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert get(page, "layers")[-1] == {"kind": "global_pool"}
    tab_to("Look at layer 4")
    page.keyboard.press("Alt+ArrowUp")
    assert [layer["kind"] for layer in get(page, "layers")] == ["conv", "max_pool", "global_pool", "conv"]
    assert seen(page)["problem"].startswith("Layer 4, Conv2d(8, 8, 3), does not fit: kernel_size 3")
    assert len(seen(page)["rows"]) == 4, "the layers before it stay"
    page.keyboard.press("Delete")
    assert [layer["kind"] for layer in get(page, "layers")] == ["conv", "max_pool", "conv"]
    assert page.evaluate("document.activeElement.type") == "radio"
    page.keyboard.press("ArrowUp")
    tab_to("Layer 2, kernel")
    page.keyboard.press("ArrowUp")
    assert get(page, "layers")[1]["kernel_size"] == 3
    page.keyboard.press("ArrowDown")
    page.keyboard.type("9")
    page.keyboard.press("Escape")
    assert page.evaluate("document.activeElement.value") == "2"
    tab_to("Output of")
    before = get(page, "pixel")
    for key in ("ArrowLeft", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    assert get(page, "pixel") == [before[0] - 2, before[1] - 1]
    for _ in range(9):
        page.keyboard.press("Shift+ArrowRight")
    assert get(page, "pixel")[1] == seen(page)["rows"][seen(page)["place"]["layer"]]["shape"][2] - 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("0", "Layer 1, stride is 0; it must be a whole number from 1 to 8."),
        ("-2", "Layer 1, stride is −2; it must be a whole number from 1 to 8."),
        ("1,5", "Layer 1, stride is 1.5; it must be a whole number from 1 to 8."),
        ("1/0", 'Layer 1, stride: "1/0" divides by zero.'),
        ("", "Layer 1, stride: Empty: type a number"),
        ("abc", 'Layer 1, stride: "abc" is not a number'),
        ("nan", 'Layer 1, stride: "nan" is not a number'),
        ("1e308", "is too large"),
        ("9", "Layer 1, stride is 9; it must be a whole number from 1 to 8."),
    ],
)
def test_nonsense_is_refused_at_its_field_and_changes_nothing(page, text: str, sentence: str) -> None:
    draw(page, LayerStack())
    before = get(page, "layers")
    field = page.get_by_label("Layer 1, stride")
    field.fill(text)
    page.keyboard.press("Enter")
    assert sentence in page.locator(".ls-wrong").inner_text()
    assert (field.get_attribute("aria-invalid"), field.input_value()) == ("true", text)
    assert get(page, "layers") == before
    page.keyboard.press("Escape")
    assert (field.get_attribute("aria-invalid"), field.input_value()) == (None, "1")
    assert page.locator(".ls-wrong").inner_text() == ""
    field.fill("4/2")
    page.keyboard.press("Enter")
    assert get(page, "layers")[0]["stride"] == 2


def test_what_was_wrong_with_a_layer_goes_with_it(page) -> None:
    draw(page, LayerStack())
    page.get_by_label("Layer 3, kernel").fill("x")
    page.keyboard.press("Enter")
    assert '"x" is not a number' in page.locator(".ls-wrong").inner_text()
    page.get_by_role("button", name="Remove: layer 3").click()
    assert page.locator(".ls-wrong").inner_text() == ""
    page.get_by_label("Layer 2, kernel").focus()
    page.keyboard.press("Alt+ArrowUp")
    assert [layer["kind"] for layer in get(page, "layers")] == ["max_pool", "conv"]
    assert [layer["kernel_size"] for layer in get(page, "layers")] == [2, 3], "it moves, and does not count"


def test_the_input_size_is_edited_and_refused_alike(page) -> None:
    draw(page, LayerStack())
    field = page.get_by_label("Input height")
    field.fill("0")
    page.keyboard.press("Enter")
    assert "Input height is 0; it must be a whole number from 1 to 256." in page.locator(".ls-wrong").inner_text()
    field.fill("7")
    page.keyboard.press("Enter")
    assert get(page, "input_size") == [1, 7, 32]
    field.fill("5")
    page.keyboard.press("Enter")
    assert "Layer 3, Conv2d(8, 8, 3), does not fit" in page.locator(".ls-problem").inner_text()
    assert page.locator(".ls-out").inner_text().split()[-1] != ""
    assert "So far" in page.locator(".ls-totals").inner_text()


def test_questions_to_python_are_asked_one_at_a_time(page) -> None:
    stack = LayerStack()
    draw(page, stack)
    assert page.evaluate("models.host.sent") == [], "the first map comes with the widget"
    assert page.locator(".ls-effect figcaption").inner_text() == "Its field by gradient"
    page.locator(".ls-output canvas").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.evaluate("models.host.sent.length") == 1
    paint(page, stack)
    assert page.evaluate("models.host.sent.length") == 2
    assert page.evaluate("models.host.sent.at(-1).pixel") == [6, 11], "the last place, not those on the way"
    paint(page, stack)
    assert page.evaluate("models.host.sent.length") == 2
    assert page.locator(".ls-stale").count() == 0
    assert "Half of its gradient falls on" in page.locator(".ls-said").inner_text()


def test_what_python_cannot_paint_is_said(page) -> None:
    wide = {"kind": "conv", "out_channels": 256, "kernel_size": 3, "stride": 1, "padding": 1, "dilation": 1}
    stack = LayerStack()
    draw(page, stack)
    receive(page, input_size=[1, 128, 128], layers=[wide, wide], layer=2)
    paint(page, stack)
    assert page.locator(".ls-effect figcaption").inner_text() == "By gradient: not painted"
    assert "multiplications" in page.locator(".ls-said").inner_text()
    page.clock.install()
    receive(page, pixel=[1, 1], layers=[wide], layer=1)
    page.clock.run_for(4100)
    said = page.locator(".ls-effect figcaption")
    assert said.inner_text().startswith("Python is busy with another cell, or does not answer")


def test_a_question_that_cannot_be_sent_is_said(page) -> None:
    """As after a restart of the Jupyter kernel."""
    draw(page, LayerStack())
    page.evaluate("() => { models.host.send = () => { throw new Error('Cannot send'); }; }")
    receive(page, pixel=[1, 1])
    said = page.locator(".ls-effect figcaption")
    assert said.inner_text().startswith("Python is busy with another cell, or does not answer")
    assert "Pixel (1, 1)" in page.locator(".ls-said").inner_text()


def test_the_painted_field_is_the_field(page) -> None:
    """The pixels of the picture in theory that are tinted are those of the field, holes included."""
    stack = LayerStack([nn.Conv2d(1, 4, 3, dilation=3), nn.Conv2d(4, 4, 2, stride=2)], (1, 20, 24), pixel=(2, 4))
    draw(page, stack)
    tinted = page.evaluate(
        """() => {
          const canvas = document.querySelector(".ls-theory canvas");
          const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
          return Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] > data[4 * i + 2] + 50);
        }"""
    )
    assert torch.equal(torch.tensor(tinted).view(20, 24), stack.theory)
    assert "with holes" in page.locator(".ls-said").inner_text()
    frame = page.locator(".ls-theory .ls-frame").bounding_box()
    box = page.locator(".ls-theory canvas").bounding_box()
    rows = stack.theory.any(1).nonzero().flatten()
    assert frame["height"] == pytest.approx((rows[-1] - rows[0] + 1).item() * box["height"] / 20, abs=1)


def test_the_code_is_copied(page) -> None:
    stack = LayerStack()
    draw(page, stack)
    page.evaluate("navigator.clipboard = undefined")
    page.get_by_text("The stack as nn.Sequential").click()
    assert page.locator("pre").inner_text() == stack.code
    page.get_by_role("button", name="Copy").click()
    page.locator(".ls-copied").filter(has_text="Press Ctrl+C").wait_for()
    assert page.evaluate("getSelection().toString().trim()") == stack.code.strip()


def test_a_second_stack_does_not_disturb_the_first(page) -> None:
    draw(page, LayerStack(), "one")
    draw(page, LayerStack([nn.ReLU()]), "two")
    page.locator("#two").get_by_role("button", name="Add below").click()
    found = page.evaluate(
        "() => Object.fromEntries(Object.entries(models).map(([k, m]) => [k, m.get('layers').length]))"
    )
    assert found == {"one": 3, "two": 2}
    assert json.dumps(page.locator("#one .ls-looked").count()) == "1"
