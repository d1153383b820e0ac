"""The module tree in a real Chromium: what it shows against torch's, the keyboard, bad input."""

import pytest
from test_module_tree import Of, cnn
from torch import nn
from widget_page import draw, get, receive

from helpers.widgets import ModuleTree

pytestmark = pytest.mark.browser

VIEWPORT = {"width": 1100, "height": 900}


def follow(page, tree: ModuleTree) -> None:
    """What Python has now comes to the browser; waits until it is painted."""
    names = ("input_size", "rows", "problem", "totals", "selected", "expanded")
    receive(page, **{name: getattr(tree, name) for name in names})


def cells(page) -> list[list[str]]:
    return [
        [cell.strip() for cell in row.locator("td").all_inner_texts()]
        for row in page.locator(".mt-table tbody tr").all()
    ]


def paths(page) -> list[str]:
    return page.evaluate("() => document.querySelector('.cw').seen.shown.map((row) => row.path)")


def nested() -> nn.Sequential:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Sequential(nn.BatchNorm2d(4), nn.ReLU()))
    return nn.Sequential(body, nn.Flatten(), nn.Linear(4 * 6 * 7, 2))


def test_every_row_shows_what_torch_says(page) -> None:
    model = nested()
    tree = ModuleTree(model, (5, 3, 8, 9))
    draw(page, tree)
    found = cells(page)
    assert [row[0].lstrip("▾").split()[0] for row in found] == ["Sequential", "0", "0", "1", "0", "1", "1", "2"]
    for row, (name, module) in zip(found, model.named_modules(), strict=True):
        assert row[1:3] == [tree.row(name).inputs, tree.row(name).output]
        assert row[3] == f"{sum(p.numel() for p in module.parameters()):,}"
        assert row[4] == str(sum(b.numel() for b in module.buffers()))
    assert found[0][1:] == ["(5, 3, 8, 9)", "(5, 2)", "458", "9"]
    assert "In all: 458 parameters, all of them trainable; 9 numbers in buffers." in page.locator(".cw").inner_text()
    assert page.locator(".mt-problem").is_hidden()


def test_the_layer_that_breaks_stands_beside_torchs_message(page) -> None:
    draw(page, ModuleTree(cnn(flatten=False), (1, 3, 32, 32)))
    row = page.locator(".mt-broke")
    assert row.count() == 1
    assert "✗ stops here" in row.inner_text()
    assert row.get_attribute("aria-selected") == "true"
    assert [one[2] for one in cells(page)][7:] == [cells(page)[7][2], "not reached", "not reached"]
    assert cells(page)[0][2] == "stops inside"
    told = "RuntimeError: addmm: mat1 and mat2 shapes cannot be multiplied (64x8 and 512x32)"
    assert f"It stopped here: {told}" in page.locator(".mt-details").inner_text()
    assert "6 (Linear)" in page.locator(".mt-problem").inner_text()


def test_by_keyboard_alone(page) -> None:
    draw(page, ModuleTree(nested(), (5, 3, 8, 9)))
    page.locator(".mt-table tbody tr").first.focus()
    page.keyboard.press("ArrowDown")
    assert get(page, "selected") == "0"
    assert page.evaluate("document.activeElement.getAttribute('aria-level')") == "2"
    page.keyboard.press("ArrowLeft")
    assert paths_after(page, 4) == ["", "0", "1", "2"]
    assert page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "false"
    page.keyboard.press("ArrowRight")
    assert len(paths_after(page, 8)) == 8
    page.keyboard.press("ArrowRight")
    assert get(page, "selected") == "0.0"
    page.keyboard.press("ArrowLeft")
    assert get(page, "selected") == "0"
    page.keyboard.press("End")
    assert get(page, "selected") == "2"
    assert "parameter weight (2, 168)" in page.locator(".mt-details").inner_text()
    page.keyboard.press("ArrowDown")
    assert get(page, "selected") == "2", "there is no row below the last"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.cw').seen.shown.length === 1")
    page.keyboard.press("*")
    page.wait_for_function("document.querySelector('.cw').seen.shown.length === 8")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "row"
    assert sorted(page.evaluate("models.host.saved.at(-1).expanded")) == ["", "0", "0.1"]
    assert page.locator(".mt-table [tabindex='0']").count() == 1


def test_by_mouse_and_what_is_closed_over_the_chosen_row(page) -> None:
    draw(page, ModuleTree(nested(), (5, 3, 8, 9)))
    page.get_by_role("row", name="1 ReLU").click()
    assert get(page, "selected") == "0.1.1"
    page.locator(".mt-twisty").nth(1).click()
    assert paths_after(page, 4) == ["", "0", "1", "2"]
    assert get(page, "selected") == "0", "the row it lies in takes its place"
    page.get_by_role("button", name="Close all").click()
    assert paths_after(page, 1) == [""]
    page.get_by_role("button", name="Open all").click()
    assert len(paths_after(page, 8)) == 8


def paths_after(page, count: int) -> list[str]:
    page.wait_for_function("(count) => document.querySelector('.cw').seen.shown.length === count", arg=count)
    return paths(page)


def test_the_tree_says_level_place_and_size(page) -> None:
    draw(page, ModuleTree(nested(), (5, 3, 8, 9)))
    said = [
        [row.get_attribute(f"aria-{name}") for name in ("level", "posinset", "setsize", "expanded")]
        for row in page.locator(".mt-table tbody tr").all()
    ]
    assert said[0] == ["1", "1", "1", "true"]
    assert said[2] == ["3", "1", "2", None]
    assert said[7] == ["2", "3", "3", None]
    assert page.locator(".mt-table").get_attribute("role") == "treegrid"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "Empty"), ("abc", '"abc" is no size'), ("2, 3, 0, 9", '"0" is no size'), ("2, -3", '"-3" is no size'),
        ("2.5, 3", '"2.5" is no size'), ("1e3, 3", '"1e3" is no size'), ("nan", '"nan" is no size'),
        ("1 1 1 1 1 1 1 1 1", "9 axes are too many"), ("100000, 100000", "too large: at most 67,108,864"),
    ],
)  # fmt: skip
def test_bad_input_is_told_at_its_field_and_changes_nothing(page, text: str, told: str) -> None:
    draw(page, ModuleTree(nested(), (5, 3, 8, 9)))
    field = page.get_by_label("Input shape, batch axis first")
    field.fill(text)
    field.press("Enter")
    assert told in page.locator(".cw-field .cw-error").inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    assert get(page, "input_size") == [5, 3, 8, 9]
    field.press("Escape")
    assert field.input_value() == "5, 3, 8, 9"


@pytest.mark.parametrize("text", ["7, 3, 8, 10", "(7,3,8,10)", "7 × 3 × 8 × 10", "7x3x8x10", "7 3 8 10"])
def test_a_new_input_shape_goes_to_python_and_comes_back(page, text: str) -> None:
    tree = ModuleTree(nested(), (5, 3, 8, 9))
    page.clock.install()
    draw(page, tree)
    field = page.get_by_label("Input shape, batch axis first")
    field.fill(text)
    field.press("Enter")
    assert page.evaluate("models.host.saved.at(-1)") == {"input_size": [7, 3, 8, 10]}
    assert page.locator(".mt-waiting").inner_text() == "Python runs the model …"
    page.clock.run_for(4100)
    assert page.locator(".mt-waiting").inner_text().startswith("Python is busy with another cell, or does not answer")
    tree.set_state({"input_size": [7, 3, 8, 10]})
    follow(page, tree)
    assert page.locator(".mt-waiting").inner_text() == ""
    assert "(7x192 and 168x2)" in page.locator(".mt-problem").inner_text()


def test_odd_models_are_drawn_as_text(page) -> None:
    model = Of(lambda self, x: {"<b>": self.a(self.a(x))}, a=nn.Linear(3, 3), b=nn.Tanh())
    model.c = model.a
    tree = ModuleTree(model, (2, 3))
    draw(page, tree)
    found = cells(page)
    assert found[0][2] == "{<b>: (2, 3)}"
    assert found[1][1] == "(2, 3) 2 calls"
    assert found[2][2] == "not called"
    assert "the same as a" in found[3][0]
    assert page.locator(".mt-table b").count() == 0


def test_a_large_tree_is_quick(page) -> None:
    deep = nn.Sequential(*(nn.Sequential(*(nn.Linear(2, 2) for _ in range(20))) for _ in range(45)))
    draw(page, ModuleTree(deep, (2, 2)))
    page.get_by_role("button", name="Open all").click()
    page.wait_for_function("document.querySelector('.cw').seen.shown.length === 946")
    page.locator(".mt-table tbody tr").first.focus()
    took = page.evaluate(
        """() => { const start = performance.now();
          document.activeElement.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowDown", bubbles: true }));
          return performance.now() - start; }"""
    )
    assert get(page, "selected") == "0"
    assert took < 500
