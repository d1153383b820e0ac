"""The optimizer race: torch's own paths, plain words for what diverges, and the browser's picture of them."""

import math
import re
import time

import pytest
import torch
from traitlets import TraitError
from widget_page import draw, get, painted, receive

from helpers.widgets import OptimizerRace
from helpers.widgets.optimizer_race import (
    BOTTOM,
    FAR,
    LIMITS,
    RACERS,
    REACH,
    START,
    STEEP,
    STEPS,
    SURFACES,
    _slope,
    race,
    valley_loss,
)

VIEWPORT = {"width": 900, "height": 900}


def places(count: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(count, 2, generator=generator, dtype=torch.float64) - 0.5) * torch.tensor([6.0, 4.0])


@pytest.mark.parametrize("surface", SURFACES)
def test_the_slope_is_autograds(surface: str) -> None:
    for place in places(50):
        w = place.clone().requires_grad_()
        loss = valley_loss(w, surface)
        loss.backward()
        found = _slope(w, surface)
        torch.testing.assert_close(found[0], loss.detach())
        torch.testing.assert_close(found[1], w.grad)


@pytest.mark.parametrize("surface", SURFACES)
def test_the_bottom_is_the_lowest_place(surface: str) -> None:
    assert valley_loss(torch.tensor(BOTTOM), surface) == 0
    assert (valley_loss(places(500), surface) > 0).all()


def test_the_steepest_curvature_is_what_the_limit_says() -> None:
    for surface in ("tilted", "straight"):
        hessian = torch.autograd.functional.hessian(lambda w, name=surface: valley_loss(w, name), torch.tensor(START))
        torch.testing.assert_close(torch.linalg.eigvalsh(hessian)[-1].item(), STEEP, rtol=1e-5, atol=0)


@pytest.mark.parametrize("name", RACERS)
@pytest.mark.parametrize("surface", SURFACES)
def test_each_path_is_what_torch_does_with_autograd(name: str, surface: str) -> None:
    lr, momentum, start = 0.04, 0.7, (-1.5, 0.9)
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = RACERS[name]([w], lr, momentum)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = valley_loss(w, surface)
        loss.backward()
        return loss

    path = [w.detach().clone()]
    for _ in range(STEPS):
        optimizer.step(closure)
        path.append((optimizer.state[w]["ax"] if name == "ASGD" else w.detach()).clone())
    run = race(surface, lr, momentum, start)[name]
    torch.testing.assert_close(run.path, torch.stack(path), rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(run.losses, valley_loss(run.path, surface))


@pytest.mark.parametrize("name", RACERS)
def test_each_name_is_the_optimizer_of_that_name(name: str) -> None:
    kind = {"Momentum": "SGD", "Nesterov": "SGD"}.get(name, name)
    settings = {
        "Momentum": {"momentum": 0.7},
        "Nesterov": {"momentum": 0.7, "nesterov": True},
        "ASGD": {"t0": 0},
        "LBFGS": {"max_iter": 1},
    }.get(name, {})
    weights = [torch.zeros(2, requires_grad=True)]
    wanted = getattr(torch.optim, kind)(weights, lr=0.04, **settings)
    found = RACERS[name](weights, 0.04, 0.7)
    assert type(found) is type(wanted)
    assert found.defaults == wanted.defaults


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("surface", ["tilted", "straight"])
@pytest.mark.parametrize("momentum", [0.0, 0.3, 0.6])
def test_the_limit_parts_what_arrives_from_what_leaves(name: str, surface: str, momentum: float) -> None:
    limit = LIMITS[name][1](momentum) / STEEP
    below, above = (race(surface, factor * limit, momentum, START)[name] for factor in (0.95, 1.1))
    assert not below.diverged
    assert below.losses[-1] < below.losses[0]
    assert above.diverged
    assert f"lr {1.1 * limit:.4g} is above {LIMITS[name][0]} = {limit:.4g}" in above.note
    assert re.match(r"left the map at step \d+ and never came back: ", above.note)


@pytest.mark.parametrize("lr", [0.001, 0.05, 0.3, 2.0])
@pytest.mark.parametrize("surface", SURFACES)
def test_no_run_holds_a_nan_and_every_note_is_true(surface: str, lr: float) -> None:
    for start in (START, (3.0, 2.0), BOTTOM):
        for name, run in race(surface, lr, 0.95, start).items():
            assert run.path.isfinite().all(), name
            assert run.path.abs().max() < FAR
            assert run.diverged == (len(run.path) <= STEPS)
            off = (run.path.abs() > torch.tensor(REACH)).any(1).tolist()
            if run.left is not None and run.left < len(off):
                assert off.index(True) == run.left
            else:
                assert not any(off)
            if found := re.search(r"below 0.001 from step (\d+) on", run.note):
                step = int(found[1])
                assert (run.losses[step:] < 0.001).all()
                assert step == 0 or run.losses[step - 1] >= 0.001
            if "still on its way" in run.note:
                assert run.losses[-1] >= 0.001
            assert ("left the map" in run.note) == (run.left is not None)
            assert ("never came back" in run.note) == run.diverged


def test_the_note_gives_no_limit_where_there_is_none() -> None:
    runs = race("curved", 1.0, 0.9, START)
    assert runs["SGD"].diverged
    assert "above" not in runs["SGD"].note


def test_momentum_0_is_plain_sgd_three_times() -> None:
    runs = race("tilted", 0.05, 0.0, START)
    assert torch.equal(runs["SGD"].path, runs["Momentum"].path)
    assert torch.equal(runs["SGD"].path, runs["Nesterov"].path)


def test_one_setting_is_computed_once_and_fast_enough_for_a_slider() -> None:
    widget = OptimizerRace()
    race.cache_clear()
    times = []
    for lr in (0.011, 0.021, 0.031):
        begin = time.process_time()
        widget.lr = lr
        times.append(time.process_time() - begin)
    assert min(times) < 0.6  # seconds of one core, whatever else runs; about 0.1 when nothing does
    known = race.cache_info().misses
    for lr in (0.011, 0.021, 0.031):
        widget.lr = lr
    assert race.cache_info().misses == known


def test_the_browser_gets_what_python_holds() -> None:
    widget = OptimizerRace("curved", lr=0.2, momentum=0.5, start=(-2, 1))
    assert widget.race["setting"] == {"surface": "curved", "lr": 0.2, "momentum": 0.5, "start": [-2.0, 1.0]}
    numbers = torch.frombuffer(bytearray(widget.race["numbers"]), dtype=torch.float32).view(len(RACERS), STEPS + 1, 3)
    for row, told, (name, run) in zip(numbers, widget.race["rows"], widget.runs.items(), strict=True):
        assert (told["name"], told["points"], told["note"]) == (name, len(run.path), run.note)
        torch.testing.assert_close(row[: len(run.path), :2], run.path.float())
        torch.testing.assert_close(row[: len(run.path), 2], run.losses.float())
    assert numbers.isfinite().all()
    assert widget.race["summary"] == widget.summary


def test_a_message_from_the_browser_is_computed_once() -> None:
    widget = OptimizerRace()
    seen = []
    widget.observe(lambda change: seen.append(change.new["setting"]), names="race")
    widget.set_state({"lr": 0.2, "momentum": 0.4, "surface": "straight", "start": [0, 1]})
    assert seen == [{"surface": "straight", "lr": 0.2, "momentum": 0.4, "start": [0.0, 1.0]}]


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("lr", [0, -0.1, 3, math.nan, math.inf, "0.1", None, True, 0.0001], "it must be a number from 0.001 to 2"),
        ("momentum", [1, -0.1, math.nan, "x", None, False], "it must be a number from 0 to 0.99"),
        ("surface", ["flat", "", None, 3, ["tilted"]], "it must be one of tilted, straight, curved"),
        ("start", [(0,), (4, 0), (0, -2.1), (math.nan, 0), "ab", None, (True, 0), 3], "it must be two numbers"),
        ("shown", ["SGD", ["Adam", "Eve"], None, [1], 3], "it must be a list of names out of SGD, Momentum"),
        ("step", [-1, 81, 2.5, "3", None, True], "it must be a whole number from 0 to 80"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(name: str, values: list, said: str) -> None:
    widget = OptimizerRace()
    before = getattr(widget, name)
    for value in values:
        with pytest.raises(TraitError, match=said) as caught:
            setattr(widget, name, value)
        assert "\n" not in str(caught.value)
        assert getattr(widget, name) == before
        with pytest.raises(TraitError, match=said):
            OptimizerRace(**{name: value})


def test_the_still_says_what_there_is_to_see() -> None:
    widget = OptimizerRace(lr=0.2, step=10)
    assert "up to step 10 of 80." in widget.still()[1]
    assert "Lowest" not in widget.still()[1], "the answer is not there before the race"
    widget.step = STEPS
    png, alt = widget.still()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    assert "lr 0.2, momentum 0.9" in alt
    assert widget.summary in alt
    assert "SGD left the map at step 1 and never came back: lr 0.2 is above 2 / 20 = 0.1" in alt
    assert OptimizerRace(shown=[]).still()[0].startswith(b"\x89PNG")


# In the browser


def python_answers(page, widget: OptimizerRace) -> None:
    """Give the browser what Python computes for the setting that it saved last."""
    for saved in page.evaluate("models.host.saved.splice(0)"):
        widget.set_state(saved)
    rows = widget.race
    page.evaluate(
        """([race, numbers]) => models.host.receive("race", { ...race, numbers: new Float32Array(numbers).buffer })""",
        [
            {name: value for name, value in rows.items() if name != "numbers"},
            torch.frombuffer(bytearray(rows["numbers"]), dtype=torch.float32).tolist(),
        ],
    )
    painted(page)


@pytest.mark.browser
@pytest.mark.parametrize("surface", SURFACES)
def test_the_browsers_paths_and_heights_are_torchs(page, surface: str) -> None:
    widget = OptimizerRace(surface, lr=0.3, step=STEPS)
    draw(page, widget)
    runs = page.evaluate("document.querySelector('.cw').runs")
    for found, (name, run) in zip(runs, widget.runs.items(), strict=True):
        assert found["name"] == name
        wanted = torch.cat([run.path, run.losses[:, None]], 1).float()
        torch.testing.assert_close(torch.tensor(found["path"]), wanted, rtol=1e-6, atol=0)
    # the loss that the map is painted from, at places of its own
    source = widget._esm[widget._esm.index("function valleyLoss") :]
    source = source[: source.index("\n}\n") + 3]
    ours = page.evaluate(
        f"([map, valley, places]) => {{ {source} return places.map(([x, y]) => valleyLoss(map, valley, x, y)); }}",
        [widget.map, widget.map["surfaces"][surface], places(40).tolist()],
    )
    torch.testing.assert_close(torch.tensor(ours, dtype=torch.float64), valley_loss(places(40), surface))


@pytest.mark.browser
def test_a_change_costs_one_round_trip_and_only_the_newest_is_computed(page) -> None:
    widget = OptimizerRace(step=STEPS)
    draw(page, widget)
    slider = page.get_by_role("slider", name="Learning rate (lr)")
    slider.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    painted(page)
    assert page.evaluate("models.host.saved.length") == 1, "while Python computes, nothing more is asked"
    notice = page.locator(".cw-computing")
    assert notice.inner_text().startswith("Computing … The picture still shows lr 0.05")
    python_answers(page, widget)
    assert widget.lr < get(page, "lr")
    assert notice.inner_text().startswith("Computing …"), "what was set in the meantime is asked for now"
    assert page.evaluate("models.host.saved.length") == 1
    python_answers(page, widget)
    assert widget.lr == get(page, "lr")
    assert notice.inner_text() == ""
    assert page.evaluate("models.host.saved.length") == 0


@pytest.mark.browser
def test_what_is_set_in_the_meantime_survives_the_echo_of_what_was_set_before(page) -> None:
    widget = OptimizerRace(step=STEPS)
    draw(page, widget)
    field = page.get_by_label("Momentum (of Momentum and Nesterov), exact number")
    for text in ("0", "0.5"):
        field.fill(text)
        field.press("Enter")
    receive(page, momentum=0)  # Jupyter sends back what it was sent
    assert field.input_value() == "0.5"
    python_answers(page, widget)
    python_answers(page, widget)
    assert widget.momentum == get(page, "momentum") == 0.5
    assert field.input_value() == "0.5"


@pytest.mark.browser
def test_it_says_when_python_does_not_answer(page) -> None:
    page.clock.install()
    draw(page, OptimizerRace())
    page.get_by_role("combobox").select_option("curved")
    page.clock.run_for(4200)
    assert "Python is busy with another cell, or does not answer" in page.locator(".cw-computing").inner_text()


@pytest.mark.browser
@pytest.mark.parametrize("text", ["", "fast", "nan", "1/0", "0", "-0.1", "3", "1e999", "0,1,2"])
def test_nonsense_is_refused_where_it_was_typed(page, text: str) -> None:
    draw(page, OptimizerRace())
    field = page.get_by_role("textbox", name="Learning rate (lr), exact number")
    field.fill(text)
    page.keyboard.press("Enter")
    assert page.get_by_role("alert").first.inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    assert (field.input_value(), get(page, "lr")) == (text, 0.05)
    page.keyboard.press("Escape")
    assert (field.input_value(), field.get_attribute("aria-invalid")) == ("0.05", None)


@pytest.mark.browser
@pytest.mark.parametrize(("text", "value"), [("0,1", 0.1), ("2e-3", 0.002), ("1/8", 0.125), (" 2 ", 2)])
def test_numbers_as_people_write_them(page, text: str, value: float) -> None:
    draw(page, OptimizerRace())
    page.get_by_role("textbox", name="Learning rate (lr), exact number").fill(text)
    page.keyboard.press("Enter")
    assert get(page, "lr") == value


@pytest.mark.browser
def test_the_ends_of_the_sliders_are_allowed_values(page) -> None:
    widget = OptimizerRace()
    draw(page, widget)
    for key in ("End", "Home"):
        for name in ("Learning rate (lr)", "Momentum (of Momentum and Nesterov)"):
            page.get_by_role("slider", name=name, exact=True).focus()
            page.keyboard.press(key)
        python_answers(page, widget)
        python_answers(page, widget)
        assert (widget.lr, widget.momentum) == ((2.0, 0.99) if key == "End" else (0.001, 0.0))


@pytest.mark.browser
def test_steps_play_and_the_table(page) -> None:
    widget = OptimizerRace(lr=0.2)
    draw(page, widget)
    row = page.locator(".cw-standing tbody tr")
    assert "on its way" in row.first.inner_text()
    assert "Lowest" not in page.locator(".cw").inner_text(), "the answer is not there before the race"
    page.get_by_role("button", name="One step", exact=True).click()
    painted(page)
    assert "step 1 of 80" in page.locator(".cw-player").inner_text()
    assert "left the map at step 1 and never came back: lr 0.2 is above 2 / 20 = 0.1" in row.first.inner_text()
    page.get_by_role("button", name="Play").click()
    page.wait_for_function("parseInt(document.querySelector('.cw-player output').textContent.slice(5)) > 3")
    page.get_by_role("button", name="Pause").click()
    stopped = page.locator(".cw-player output").inner_text()
    painted(page)
    assert page.locator(".cw-player output").inner_text() == stopped
    page.get_by_role("button", name="Whole paths").click()
    painted(page)
    assert widget.summary in page.locator(".cw-reading").inner_text()
    assert get(page, "step") == STEPS
    assert "nan" not in page.locator(".cw").inner_text().lower()
    for text, name in zip(row.all_inner_texts(), RACERS, strict=True):
        assert widget.runs[name].note in text


@pytest.mark.browser
def test_names_are_shown_and_hidden(page) -> None:
    draw(page, OptimizerRace())
    page.get_by_role("checkbox", name="Rprop").check()
    assert "Rprop" in get(page, "shown")
    page.get_by_role("button", name="Hide all").click()
    assert get(page, "shown") == []
    assert page.get_by_role("checkbox", checked=True).count() == 0
    page.get_by_role("button", name="Show all").click()
    assert len(get(page, "shown")) == len(RACERS)


@pytest.mark.browser
def test_the_start_is_moved_by_keys_and_by_dragging(page) -> None:
    widget = OptimizerRace()
    draw(page, widget)
    place = page.get_by_role("application")
    place.focus()
    for key in ("ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
        python_answers(page, widget)
    assert get(page, "start") == pytest.approx([-2.3, 0.4])
    page.keyboard.press("Escape")
    python_answers(page, widget)
    assert get(page, "start") == list(START)
    box = place.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 4)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 4, steps=3)
    assert get(page, "start") == list(START), "it counts where it is dropped"
    page.mouse.up()
    assert get(page, "start") == pytest.approx([0, 1], abs=0.03)


@pytest.mark.browser
def test_reduced_motion_shows_the_whole_paths(page) -> None:
    page.emulate_media(reduced_motion="reduce")
    draw(page, OptimizerRace())
    assert page.get_by_role("button", name="Play").count() == 0
    assert "step 80 of 80" in page.locator(".cw-player").inner_text()
