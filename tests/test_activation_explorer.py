"""The activation explorer: torch's numbers in Python and the same in the browser; keys, hands and bad input."""

import math
import random

import pytest
import torch
import torch.nn.functional as F
from traitlets import TraitError
from widget_page import draw, get, receive

from helpers.widgets import ActivationExplorer
from helpers.widgets.activation_explorer import FUNCTIONS

PLACES = (-10.0, -3.2, -1.0, -0.05, 0.0, 0.4, 2.5, 10.0)


def formula(name: str, x: float, below: float) -> tuple[float, float]:
    """Value and slope once more, in plain Python."""
    if name == "sigmoid":
        value = 1 / (1 + math.exp(-x))
        return value, value * (1 - value)
    if name == "tanh":
        return math.tanh(x), 1 / math.cosh(x) ** 2
    return (x, 1.0) if x > 0 else (below * x, below)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_values_and_slopes_are_the_formulas(name: str) -> None:
    for x in PLACES:
        explorer = ActivationExplorer(name, x, 4, slope=-0.5, training=False)
        below = {"leaky ReLU": 0.01, "PReLU": -0.5, "RReLU": 11 / 48}.get(name, 0.0)
        here, left = x, 1.0
        for value, slope in zip(explorer.values[1:].tolist(), explorer.slopes.tolist(), strict=True):
            expected = formula(name, here, below)
            assert (value, slope) == pytest.approx(expected, abs=1e-12), (x, here)
            here, left = expected[0], left * expected[1]
        assert explorer.left == pytest.approx(left, rel=1e-6, abs=1e-300)


def test_each_is_the_function_of_torch() -> None:
    x = torch.randn(50, generator=torch.Generator().manual_seed(0))
    for name, function in {
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "ReLU": F.relu,
        "leaky ReLU": F.leaky_relu,
        "PReLU": lambda x: F.prelu(x, torch.tensor([0.25])),
        "RReLU": F.rrelu,
    }.items():
        torch.testing.assert_close(ActivationExplorer(name, training=False).apply(x), function(x))


def test_in_training_each_rrelu_has_a_slope_of_its_own() -> None:
    explorer = ActivationExplorer("RReLU", -1.0, 12)
    assert explorer.slopes.tolist() == pytest.approx(explorer.draws)
    assert len(set(explorer.draws)) == 12
    assert all(1 / 8 <= draw <= 1 / 3 for draw in explorer.draws)
    assert explorer.left == pytest.approx(math.prod(explorer.draws))
    explorer.x = 1.0
    assert explorer.left == 1
    for drawn in (-F.rrelu(torch.full((1000,), -1.0), training=True), torch.tensor(explorer.draws)):
        assert drawn.min() >= 1 / 8
        assert drawn.max() <= 1 / 3 + 1e-6


def test_five_sigmoids_leave_less_than_a_thousandth() -> None:
    explorer = ActivationExplorer("sigmoid", 0.0, 5)
    assert explorer.left < 0.25**5
    assert "through 5 × sigmoid" in explorer.reading
    assert "at most 0.25^5 ≈ 0.000977" in explorer.reading
    explorer.n = 1
    assert explorer.left == 0.25


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"function": "softmax"}, "function is 'softmax'; it must be one of sigmoid, tanh"),
        ({"function": None}, "function is None"),
        ({"x": 10.5}, "x is 10.5; it must be a number from -10 to 10"),
        ({"x": math.nan}, "x is nan"),
        ({"x": "1"}, "x is '1'"),
        ({"x": True}, "x is True"),
        ({"n": 0}, "n is 0; it must be a whole number from 1 to 12"),
        ({"n": 13}, "n is 13"),
        ({"n": 2.0}, "n is 2.0"),
        ({"slope": -1.01}, "slope is -1.01; it must be a number from -1 to 2"),
        ({"training": 1}, "training is 1; it must be True or False"),
        ({"draws": [0.2] * 11}, "draws is .*; it must hold 12 numbers from 1/8 to 1/3"),
        ({"draws": [0.2] * 11 + [0.5]}, "draws is"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(setting: dict, said: str) -> None:
    with pytest.raises(TraitError, match=said):
        ActivationExplorer(**setting)
    explorer = ActivationExplorer("tanh", 2.0, 3)
    ((name, value),) = setting.items()
    before = getattr(explorer, name)
    with pytest.raises(TraitError, match=said):
        setattr(explorer, name, value)
    assert getattr(explorer, name) == before


def test_the_still_says_what_there_is_to_see() -> None:
    png, alt = ActivationExplorer("sigmoid", 0.0, 2).still()
    assert png.startswith(b"\x89PNG")
    assert alt.startswith("sigmoid at 0: value 0.5, slope 0.25. A gradient of 1 comes back through 2 × sigmoid")


@pytest.mark.browser
def test_the_browser_has_the_numbers_of_torch(page) -> None:
    chance = random.Random(3)
    explorer = ActivationExplorer()
    draw(page, explorer)
    for _ in range(60):
        state = {
            "function": chance.choice(list(FUNCTIONS)),
            "x": chance.choice([*PLACES, round(chance.uniform(-10, 10), 3)]),
            "n": chance.randint(1, 12),
            "slope": round(chance.uniform(-1, 2), 2),
            "training": chance.random() < 0.5,
        }
        for name, value in state.items():
            setattr(explorer, name, value)
        receive(page, **state)
        levels = page.evaluate("document.querySelector('.cw').levels")
        assert [level["value"] for level in levels] == pytest.approx(explorer.values[1:].tolist(), abs=1e-12), state
        assert [level["slope"] for level in levels] == pytest.approx(explorer.slopes.tolist(), abs=1e-12), state
        assert levels[-1]["left"] == pytest.approx(explorer.left, rel=1e-6, abs=1e-300), state
        said = f"{page.locator('.cw-reading').inner_text()} {page.locator('.cw-rule').inner_text()}"
        words = [word for word in explorer.reading.split() if not any(c.isdigit() for c in word)]
        assert [word for word in said.split() if not any(c.isdigit() for c in word)] == words, state
        assert page.locator("tbody tr").count() == state["n"]


@pytest.mark.browser
def test_the_input_moves_by_keys_and_by_hand(page) -> None:
    draw(page, ActivationExplorer("tanh", 0.0, 3))
    plot = page.get_by_role("slider", name="Input, on the curve")
    plot.focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowLeft", "PageUp"):
        page.keyboard.press(key)
    assert get(page, "x") == pytest.approx(1.1)
    page.locator('[role="slider"][aria-valuetext="At 1.1: value 0.8005, slope 0.3592."]').wait_for()
    page.keyboard.press("End")
    page.keyboard.press("ArrowRight")
    assert get(page, "x") == 10
    page.keyboard.press("x")
    assert get(page, "x") == 10
    page.keyboard.press("Home")
    assert get(page, "x") == -10
    box = plot.bounding_box()
    page.mouse.move(box["x"] + 30, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * (40 + 428 * 0.75) / 480, box["y"] + 60, steps=3)
    page.mouse.up()
    page.mouse.move(box["x"] + 5, box["y"] + 5)
    assert get(page, "x") == pytest.approx(5, abs=0.1)
    page.get_by_label("How many in a row").focus()
    page.keyboard.press("ArrowRight")
    assert get(page, "n") == 4
    page.get_by_label("Activation", exact=True).select_option("PReLU")
    page.get_by_label("Slope below 0").wait_for()  # it is shown in the next frame
    page.get_by_label("Slope below 0").press("ArrowLeft")
    assert get(page, "slope") == pytest.approx(0.2)
    page.wait_for_function("models.host.saved.length > 0")


@pytest.mark.browser
def test_what_belongs_to_one_activation_is_shown_with_it_alone(page) -> None:
    draw(page, ActivationExplorer())
    slope, mode, again = page.get_by_label("Slope below 0"), page.get_by_label("Mode"), page.get_by_text("Draw again")
    for name in FUNCTIONS:
        receive(page, function=name)
        assert slope.is_visible() == (name == "PReLU")
        assert mode.is_visible() == again.is_visible() == (name == "RReLU")
    before = get(page, "draws")
    again.click()
    drawn = get(page, "draws")
    assert drawn != before
    assert ActivationExplorer(draws=drawn).draws == drawn
    mode.select_option("false")
    page.wait_for_function("!document.querySelector('.cw button:not([hidden])')")
    assert get(page, "training") is False


@pytest.mark.browser
@pytest.mark.parametrize(("text", "value"), [("1/4", 0.25), ("−2", -2), ("0,5", 0.5), ("2e-1", 0.2)])
def test_numbers_as_people_write_them(page, text: str, value: float) -> None:
    draw(page, ActivationExplorer())
    field = page.get_by_role("textbox", name="Input")
    field.fill(text)
    field.press("Enter")
    assert get(page, "x") == value


@pytest.mark.browser
@pytest.mark.parametrize("text", ["", "abc", "1/0", "nan", "inf", "11", "1e308", "--1"])
def test_bad_input_is_shown_where_it_was_typed(page, text: str) -> None:
    draw(page, ActivationExplorer(x=1.5))
    field = page.get_by_role("textbox", name="Input")
    field.fill(text)
    field.press("Enter")
    assert field.get_attribute("aria-invalid") == "true"
    assert page.locator(".cw-error:visible").inner_text().endswith(".")
    assert get(page, "x") == 1.5
    field.press("Escape")
    assert (field.input_value(), field.get_attribute("aria-invalid")) == ("1.5", None)
