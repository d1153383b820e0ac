"""The line fitter: its walk is torch's own, in Python and in the browser; keys, hands and bad input."""

import math
import random

import pytest
import torch
from torch import nn
from traitlets import TraitError
from widget_page import draw, get, painted, receive

from helpers.widgets import LineFitter
from helpers.widgets.line_fitter import READINGS, X, Y, exact, loss_of

VIEWPORT = {"width": 1000, "height": 800}


def by_torch(start: tuple[float, float], lr: float, steps: int, away: float = 0.0) -> tuple[float, float]:
    """The same walk by torch.optim.SGD."""
    x, y = torch.tensor(X, dtype=torch.float64)[:, None] - away, torch.tensor(Y, dtype=torch.float64)[:, None]
    layer = nn.Linear(1, 1).double()
    nn.init.constant_(layer.weight, start[0])
    nn.init.constant_(layer.bias, start[1] + start[0] * away)
    optimizer = torch.optim.SGD(layer.parameters(), lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        nn.functional.mse_loss(layer(x), y).backward()
        optimizer.step()
    return layer.weight.item(), layer.bias.item() - layer.weight.item() * away


@pytest.mark.parametrize("centred", [False, True])
@pytest.mark.parametrize(("start", "lr", "steps"), [((0, 0), 0.005, 200), ((-1.5, 4), 0.02, 37), ((0.3, 2), 0.023, 12)])
def test_the_walk_is_that_of_torch(start: tuple, lr: float, steps: int, centred: bool) -> None:
    fitter = LineFitter(start, lr, steps, centred)
    away = sum(X) / len(X) if centred else 0.0
    assert fitter.path.shape == (steps + 1, 2)
    assert fitter.line == pytest.approx(by_torch(start, lr, steps, away), rel=1e-9)
    assert tuple(fitter.path[0].tolist()) == pytest.approx(start)
    assert fitter.loss == pytest.approx(loss_of(*fitter.line))


def test_the_exact_answer_is_the_bottom() -> None:
    slope, intercept = exact()
    assert (slope, intercept) == pytest.approx((0.25163, 0.79880), abs=1e-5)
    least = loss_of(slope, intercept)
    for d_slope, d_intercept in ((1e-3, 0), (-1e-3, 0), (0, 1e-3), (0, -1e-3), (1e-3, -6e-3)):
        assert loss_of(slope + d_slope, intercept + d_intercept) > least


def test_the_loss_is_the_mean_of_the_squares() -> None:
    assert loss_of(0, 0) == pytest.approx(sum(y * y for y in Y) / 17)
    many = loss_of(torch.tensor([0.0, 1.0]), torch.tensor([0.0, -2.0]))
    assert many.tolist() == pytest.approx([loss_of(0, 0), loss_of(1, -2)], rel=1e-5)


@pytest.mark.parametrize("centred", [False, True])
def test_the_largest_learning_rate_parts_what_arrives_from_what_diverges(centred: bool) -> None:
    largest = LineFitter(centred=centred).largest_lr
    below = LineFitter(lr=0.98 * largest, steps=5000, centred=centred)
    above = LineFitter(lr=1.02 * largest, steps=5000, centred=centred)
    assert below.case == "arrived"
    assert above.case == "diverged"
    assert len(above.path) < 5001
    assert largest == pytest.approx(0.1824 if centred else 0.02214, rel=1e-3)


def test_the_readings() -> None:
    fitter = LineFitter()
    assert fitter.case == "start"
    assert fitter.reading == "Mean squared error 6.1. No line does better than 0.1539."
    fitter.steps = 100
    assert fitter.case == "walking"
    assert fitter.reading.startswith("After 100 steps the mean squared error is 0.20")
    fitter.steps = 6000
    assert fitter.case == "arrived"
    fitter.lr, fitter.steps = 0.03, 3
    assert fitter.case == "overshoots"
    fitter.steps = 10_000
    assert fitter.case == "diverged"
    assert fitter.reading.startswith(f"It has diverged: after {len(fitter.path) - 1} steps")
    assert "must stay below 0.02214" in fitter.reading


def test_centring_makes_the_valley_round_and_leaves_the_line() -> None:
    plain, centred = LineFitter((0.4, -1)), LineFitter((0.4, -1), centred=True)
    assert plain.line == pytest.approx(centred.line)
    assert centred.largest_lr > 8 * plain.largest_lr
    plain.steps = centred.steps = 800
    assert centred.case == "arrived"
    assert plain.case == "walking"


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"lr": 0}, "lr is 0; a learning rate must be a number above 0, at most 10"),
        ({"lr": -0.1}, "lr is -0.1"),
        ({"lr": math.nan}, "lr is nan"),
        ({"lr": math.inf}, "lr is inf"),
        ({"lr": "0.1"}, "lr is '0.1'"),
        ({"steps": -1}, "steps is -1; it must be a whole number from 0 to 10000"),
        ({"steps": 10_001}, "steps is 10001"),
        ({"steps": 1.5}, "steps is 1.5"),
        ({"steps": True}, "steps is True"),
        ({"start": (1,)}, r"start is \(1,\); it must be \(slope, intercept\), two numbers from -100 to 100"),
        ({"start": (0, math.nan)}, "start is"),
        ({"start": (101, 0)}, "start is"),
        ({"start": "ab"}, "start is 'ab'"),
        ({"centred": 1}, "centred is 1; it must be True or False"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(setting: dict, said: str) -> None:
    with pytest.raises(TraitError, match=said):
        LineFitter(**setting)
    fitter = LineFitter((0.5, 1), 0.01, 5)
    ((name, value),) = setting.items()
    before = getattr(fitter, name)
    with pytest.raises(TraitError, match=said):
        setattr(fitter, name, value)
    assert getattr(fitter, name) == before


@pytest.mark.parametrize("setting", [{}, {"steps": 300, "centred": True}, {"lr": 0.05, "steps": 900}])
def test_the_still_says_what_there_is_to_see(setting: dict) -> None:
    fitter = LineFitter(**setting)
    png, alt = fitter.still()
    assert png.startswith(b"\x89PNG")
    assert alt.startswith("17 points with the line of slope")
    assert alt.endswith(fitter.reading)


def walked(page) -> dict:
    """What the widget says of its walk; of the path only its length, because thousands of places come slowly."""
    painted(page)
    return page.evaluate(
        "(({ path, ...said }) => ({ ...said, places: path.length }))(document.querySelector('.cw').walked)"
    )


@pytest.mark.browser
def test_the_browser_walks_as_python_does(page) -> None:
    chance = random.Random(5)
    fitter = LineFitter()
    draw(page, fitter)
    cases = set()
    for _ in range(40):
        state = {
            "centred": chance.random() < 0.5,
            "lr": chance.choice([0.005, 0.02, 0.0225, 0.15, 0.5]),
            "steps": chance.choice([0, 1, 7, 60, 400, 6000]),
            "start": [round(chance.uniform(-2, 2), 2), round(chance.uniform(-6, 6), 2)],
        }
        for name, value in state.items():
            setattr(fitter, name, value)
        receive(page, **state)
        seen = walked(page)
        assert seen["places"] == len(fitter.path), state
        assert seen["line"] == pytest.approx(list(fitter.line), rel=1e-6, abs=1e-9), state
        assert seen["loss"] == pytest.approx(fitter.loss, rel=1e-6), state
        assert seen["largest"] == pytest.approx(fitter.largest_lr, rel=1e-9)
        assert seen["exact"] == pytest.approx(list(fitter.exact), rel=1e-9)
        assert page.locator(".cw-reading").get_attribute("data-case") == fitter.case, state
        words = [word for word in fitter.reading.split() if not any(c.isdigit() for c in word)]
        said = page.locator(".cw-reading").inner_text().split()
        assert [word for word in said if not any(c.isdigit() for c in word)] == words, state
        cases.add(fitter.case)
    assert cases == set(READINGS)


@pytest.mark.browser
def test_the_map_is_light_where_the_loss_is_small(page) -> None:
    draw(page, LineFitter())
    for centred in (False, True):
        receive(page, centred=centred)
        grey = page.evaluate(
            """() => {
              const canvas = document.querySelector(".cw canvas");
              const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
              return data.filter((_, i) => i % 4 === 0);
            }"""
        )
        side = math.isqrt(len(grey))
        slope, intercept = exact()
        away = sum(X) / len(X) if centred else 0.0
        h, w = torch.meshgrid(*(torch.linspace(-1 + 1 / side, 1 - 1 / side, side).double(),) * 2, indexing="ij")
        h, w = intercept + slope * away - 5.3 * h, slope + 0.85 * w
        loss = loss_of(w, h - w * away).flatten()
        order = torch.tensor(grey)[loss.argsort()]
        assert order[0] == 255
        assert (order[1:] <= order[:-1]).all()
        assert len(set(grey)) > 10


@pytest.mark.browser
def test_the_line_is_turned_by_keys_and_by_hand(page) -> None:
    draw(page, LineFitter((0.0, 2.0), steps=3))
    seen = walked(page)["line"]
    right = page.get_by_role("slider", name="Height of the line on the right, at x = 11")
    right.focus()
    page.keyboard.press("ArrowUp")
    line = walked(page)["line"]
    assert get(page, "steps") == 0
    assert line[0] * 11 + line[1] == pytest.approx(seen[0] * 11 + seen[1] + 0.05, abs=1e-6)
    assert line[0] * 2 + line[1] == pytest.approx(seen[0] * 2 + seen[1], abs=1e-6), "the other end stays"
    page.keyboard.press("Shift+ArrowDown")
    assert walked(page)["line"][0] * 11 + walked(page)["line"][1] == pytest.approx(line[0] * 11 + line[1] - 0.01)
    left = page.get_by_role("slider", name="Height of the line on the left, at x = 2")
    box, field = left.bounding_box(), page.locator(".cw-field-of-points").bounding_box()
    before = walked(page)["line"]
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, field["y"] + field["height"] * (300 - 288 * 2 / 3) / 340, steps=4)
    page.mouse.up()
    page.mouse.move(0, 0)
    line = walked(page)["line"]
    assert line[0] * 2 + line[1] == pytest.approx(3, abs=0.02)
    assert line[0] * 11 + line[1] == pytest.approx(before[0] * 11 + before[1], abs=1e-5)
    surface = page.get_by_role("application")
    surface.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    moved = walked(page)["line"]
    assert moved == pytest.approx([line[0] + 1.7 / 40, line[1] - 10.6 / 40], abs=1e-5)
    box = surface.bounding_box()
    page.mouse.click(box["x"] + box["width"] * (36 + 176) / 400, box["y"] + box["height"] * (12 + 144) / 340)
    assert walked(page)["line"] == pytest.approx(list(exact()), abs=0.05)
    page.wait_for_function("models.host.saved.length > 0")


@pytest.mark.browser
def test_steps_by_button_and_back(page) -> None:
    draw(page, LineFitter())
    for name, steps in (("1 more step", 1), ("10 more steps", 11), ("100 more steps", 111), ("1000 more steps", 1111)):
        page.get_by_role("button", name=name, exact=True).click()
        assert get(page, "steps") == steps
    assert walked(page)["line"] == pytest.approx(list(LineFitter(steps=1111).line))
    page.get_by_role("button", name="Back to the start").click()
    assert (get(page, "steps"), walked(page)["line"]) == (0, [0, 0])
    page.get_by_label("centre x").check()
    assert get(page, "centred") is True
    receive(page, steps=9990)
    page.get_by_role("button", name="1000 more steps").click()
    assert get(page, "steps") == 10_000
    painted(page)
    assert page.get_by_role("button", name="1000 more steps").is_disabled()


@pytest.mark.browser
@pytest.mark.parametrize(("text", "value"), [("1/50", 0.02), ("2e-3", 0.002)])
def test_numbers_as_people_write_them(page, text: str, value: float) -> None:
    draw(page, LineFitter(steps=5))
    page.get_by_label("Learning rate").fill(text)
    page.keyboard.press("Enter")
    assert (get(page, "lr"), get(page, "steps")) == (value, 5), "the walk starts anew with the new rate"
    page.get_by_label("Slope", exact=True).fill("−0,5")
    page.keyboard.press("Enter")
    assert get(page, "start")[0] == -0.5


@pytest.mark.browser
@pytest.mark.parametrize(
    ("field", "text"),
    [("Learning rate", text) for text in ("0", "-1", "nan", "inf", "abc", "", "1/0", "11", "1e308")]
    + [("Steps", text) for text in ("1.5", "-2", "20000", "many")]
    + [("Slope", "101"), ("Intercept", "x")],
)
def test_bad_input_is_shown_where_it_was_typed(page, field: str, text: str) -> None:
    draw(page, LineFitter((0.5, 1), 0.01, 4))
    typed = page.get_by_label(field, exact=True)
    before = typed.input_value()
    typed.fill(text)
    typed.press("Enter")
    assert typed.get_attribute("aria-invalid") == "true"
    assert page.locator(".cw-error:visible").inner_text().endswith(".")
    assert [get(page, name) for name in ("start", "lr", "steps")] == [[0.5, 1], 0.01, 4]
    typed.press("Escape")
    assert (typed.input_value(), typed.get_attribute("aria-invalid")) == (before, None)


@pytest.mark.browser
def test_steps_are_counted_with_the_arrow_keys_too(page) -> None:
    draw(page, LineFitter((0.5, 1), 0.01, 4))
    field = page.get_by_label("Steps", exact=True)
    field.press("ArrowUp")
    assert get(page, "steps") == 5
    field.fill("20000")
    field.press("Enter")
    assert (
        page.locator(".cw-error:visible").inner_text() == "Steps is 20000; it must be a whole number from 0 to 10000."
    )


@pytest.mark.browser
def test_no_key_is_lost_between_two_frames(page) -> None:
    draw(page, LineFitter((0.0, 1.0)))
    page.get_by_role("application").evaluate(
        """(map) => {
          for (let i = 0; i < 3; i++) map.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight" }));
        }"""
    )
    assert walked(page)["line"] == pytest.approx([3 * 1.7 / 40, 1.0])
