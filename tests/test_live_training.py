"""Live training: it trains as `fit` does, stops within a step, keeps what was learned, and says what went wrong."""

import time
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from traitlets import TraitError
from widget_page import answer, draw, receive, requests

from helpers import train
from helpers.widgets import LiveTraining

QUICK = {"epochs": 3, "lr": 0.1, "batch_size": 16, "device": "cpu"}


def data(count: int = 90, seed: int = 0) -> tuple[Tensor, Tensor]:
    images = torch.rand(count, 1, 4, 5, generator=torch.Generator().manual_seed(seed))
    return images, (images.mean((1, 2, 3)) > 0.5).long() + (images[:, 0, 0, 0] > 0.5).long()


def net(*more: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(*more, nn.Flatten(), nn.Linear(20, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


def copied(model: nn.Module) -> list[Tensor]:
    return [value.detach().clone() for value in model.parameters()]


class Step(nn.Module):
    """Passes its input on, and calls a function before each training step."""

    def __init__(self, act: Callable[[int], None]) -> None:
        super().__init__()
        self.act, self.count = act, 0

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.count += 1
            self.act(self.count)
        return x


def test_a_run_is_what_fit_does() -> None:
    mine, other = net(), net()
    widget = LiveTraining(mine, data(), validation=data(30, 1), seed=5, **QUICK)
    history = train.fit(other, data(), validation=data(30, 1), seed=5, **QUICK)
    widget.run()
    for one, two in zip(mine.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    assert widget.history == {
        "loss": history.loss,
        "accuracy": history.accuracy,
        "validation": history.validation,
    }
    assert (widget.running, widget.error) == (False, None)
    assert widget.message.startswith("Trained 3 epochs. Now: loss ")
    assert not mine._forward_pre_hooks


def test_start_again_goes_on_from_there() -> None:
    mine, other = net(), net()
    widget = LiveTraining(mine, data(), seed=5, **QUICK)
    widget.start().join()
    widget.run(2)
    train.fit(other, data(), seed=5, **QUICK)
    train.fit(other, data(), seed=5 + 3, **QUICK | {"epochs": 2})
    for one, two in zip(mine.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)
    assert [len(widget.history[name]) for name in ("loss", "accuracy", "validation")] == [5, 5, 0]
    assert widget.message.startswith("Trained 2 epochs, 5 in all.")


def test_stop_ends_within_an_epoch_and_keeps_what_was_learned() -> None:
    step = Step(lambda _: time.sleep(0.02))
    model = net(step)
    before = copied(model)
    widget = LiveTraining(model, data(900), **QUICK | {"batch_size": 1})  # one epoch takes 18 seconds and more
    thread = widget.start()
    assert widget.running
    with pytest.raises(ValueError, match="training is running: wait until it has ended, or stop it"):
        widget.run()
    while step.count < 20:
        time.sleep(0.01)
    widget.stop()
    assert not thread.is_alive()
    assert not widget.running
    assert widget.history["loss"] == []
    assert 0 < widget.progress < 0.3
    assert widget.message == "Stopped by hand after 0 of 3 epochs. What was learned is kept."
    assert 20 <= step.count < 900
    assert not any(torch.equal(old, new) for old, new in zip(before, model.parameters(), strict=True))
    assert not model._forward_pre_hooks
    left = copied(model)
    step.act = lambda _: None
    widget.run(1)
    assert len(widget.history["loss"]) == 1
    assert not torch.equal(left[0], next(model.parameters()))


def test_stop_before_a_start_stops_nothing_later() -> None:
    widget = LiveTraining(net(), data(), **QUICK)
    widget.stop()
    widget.run()
    assert len(widget.history["loss"]) == 3


def test_what_diverges_is_said_plainly() -> None:
    model = net()
    widget = LiveTraining(model, data(), **QUICK | {"lr": 1e30})
    widget.start().join()
    assert widget.message.startswith("Stopped: the loss became ")
    assert "The model keeps its last good weights; try a smaller lr than 1e+30." in widget.message
    assert all(value.isfinite().all() for value in model.parameters())
    widget = LiveTraining(net(), data(), **QUICK | {"lr": 30})
    widget.run()
    assert "That loss is no better than guessing: ln 3 = 1.1. Try another lr than 30, or more epochs." in widget.message


def test_a_loss_that_rises_again_is_said_plainly() -> None:
    widget = LiveTraining(net(), data(), **QUICK)
    widget.set_trait("history", {"loss": [0.1, 0.5], "accuracy": [0.9, 0.8], "validation": []})
    assert "The loss was 0.1 before and rose: try a smaller lr than 0.1." in widget._result(2, [])
    widget.set_trait("history", {"loss": [0.5, 0.1], "accuracy": [0.8, 0.9], "validation": []})
    assert widget._result(1, [0.5]) == "Trained 1 epoch, 2 in all. Now: loss 0.1, accuracy 0.9."


def raises(error: Exception) -> Callable[[int], None]:
    def act(count: int) -> None:
        if count == 8:
            raise error

    return act


def test_an_exception_becomes_a_sentence_and_is_kept() -> None:
    error = RuntimeError("mat1 and mat2 shapes\ncannot be multiplied")
    model = net(Step(raises(error)))
    widget = LiveTraining(model, data(), **QUICK)
    widget.start().join()
    said = (
        "Training ended with RuntimeError: mat1 and mat2 shapes cannot be multiplied. The model keeps what it learned."
    )
    assert (widget.message, widget.running) == (said, False)
    assert widget.error is error
    assert error.__traceback__ is not None
    assert len(widget.history["loss"]) == 1, "what was seen before stays"
    assert not model._forward_pre_hooks
    with pytest.raises(RuntimeError, match="mat1"):
        LiveTraining(net(Step(raises(RuntimeError("mat1")))), data(), **QUICK).run()


def test_a_full_memory_says_what_to_try() -> None:
    widget = LiveTraining(net(Step(raises(torch.OutOfMemoryError("CUDA out of memory.")))), data(), **QUICK)
    widget.start().join()
    assert "memory" in widget.message
    assert "try a smaller batch_size" in widget.message
    assert not widget.running


def test_what_only_training_finds_out_is_said_when_it_starts() -> None:
    images, labels = data()
    for bad, said in [
        ((images, labels + 9), "Training did not start: labels must lie in 0 to 2"),
        ((images * float("nan"), labels), "Training did not start: data must be finite"),
        ((images[:, :, :3], labels), "Training ended with RuntimeError: "),
    ]:
        widget = LiveTraining(net(), bad, **QUICK)
        widget.start().join()
        assert widget.message.startswith(said)
        assert not widget.running


IMAGES, LABELS = data()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"model": print}, "model is <built-in function print>; it must be a torch module"),
        ({"data": IMAGES}, "data is a Tensor of shape (90, 1, 4, 5); it must be two tensors"),
        ({"data": (IMAGES, LABELS[1:])}, "it must hold as many images as labels"),
        ({"data": (IMAGES[:0], LABELS[:0])}, "and at least one"),
        ({"validation": (IMAGES,)}, "validation is (tensor("),
        ({"epochs": 0}, "epochs is 0; it must be a whole number from 1 to 1000."),
        ({"epochs": 2.5}, "epochs is 2.5"),
        ({"epochs": True}, "epochs is True"),
        ({"lr": 0}, "lr is 0; it must be a finite number above 0"),
        ({"lr": float("inf")}, "lr is inf"),
        ({"lr": "0.1"}, "lr is '0.1'"),
        ({"lr": 10**400}, "lr is 1000"),
        ({"batch_size": 0}, "batch_size is 0; it must be a whole number of at least 1."),
        ({"seed": -1}, "seed is -1; it must be a whole number from 0"),
        ({"optimizer": "SGD"}, "optimizer is 'SGD'; it must be a class like torch.optim.SGD."),
        ({"device": "tpu"}, "device must be 'auto', 'cpu', 'cuda', 'cuda:0' or 'mps', got 'tpu'."),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_what_does_not_fit_is_named(changed: dict, said: str) -> None:
    arguments = {"model": net(), "data": data()} | QUICK | changed
    with pytest.raises(TraitError) as caught:
        LiveTraining(**arguments)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_does_not_fit_changes_nothing_later() -> None:
    widget = LiveTraining(net(), data(), **QUICK)
    for name, value in (("epochs", 0), ("lr", -1), ("history", {}), ("running", True)):
        before = getattr(widget, name)
        with pytest.raises(TraitError):
            setattr(widget, name, value)
        assert getattr(widget, name) == before
    with pytest.raises(TraitError, match="epochs is 0"):
        widget.run(0)
    assert not widget.running


def test_the_buttons_ask_for_it() -> None:
    widget = LiveTraining(net(), data(), **QUICK)
    answers = []
    widget.send = lambda content, buffers=None: answers.append(content)
    widget._receive(widget, {"do": "start", "epochs": 2, "lr": 0.3}, [])
    widget._thread.join()
    assert (widget.epochs, widget.lr, len(widget.history["loss"])) == (2, 0.3, 2)
    widget._receive(widget, {"do": "start", "epochs": 2, "lr": -1}, [])
    assert widget.message == "lr is -1; it must be a finite number above 0, for example 0.01."
    widget._receive(widget, {"do": "stop"}, [])
    assert answers == [{"done": "start"}, {"done": "start"}, {"done": "stop"}]
    assert not widget.running


def test_the_still_shows_the_curves() -> None:
    widget = LiveTraining(net(), data(), validation=data(30, 1), **QUICK)
    assert widget.still()[1].startswith("Live training. Run this cell and press Start")
    assert widget.history["loss"] == [], "nothing trains by itself"
    widget.run()
    png, alt = widget.still()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    assert f"loss from {widget.history['loss'][0]:.3g} to {widget.history['loss'][-1]:.3g}" in alt
    assert widget.message in alt


# In the browser


def said(page) -> str:
    return page.locator(".live-training .cw-message").inner_text()


def heights(page, figure: int, line: str) -> list[float]:
    """Read a line's values back from where its points stand between the chart's own marks."""
    return page.evaluate(
        """([figure, line]) => {
          const chart = document.querySelectorAll(".lt-charts svg")[figure];
          const marks = [...chart.querySelectorAll("text[text-anchor=end]")]
            .map((text) => [Number(text.getAttribute("y")) - 4, Number(text.textContent)]);
          const [[y0, v0], [y1, v1]] = [marks[0], marks.at(-1)];
          const points = chart.querySelector(`.lt-${line} polyline`).getAttribute("points").split(" ");
          return points.map((point) => v0 + ((Number(point.split(",")[1]) - y0) * (v1 - v0)) / (y1 - y0));
        }""",
        [figure, line],
    )


@pytest.mark.browser
def test_the_curves_stand_where_the_numbers_say(page) -> None:
    widget = LiveTraining(net(), data(), validation=data(30, 1), **QUICK)
    draw(page, widget)
    assert said(page) == "Nothing is trained yet. Press Start."
    widget.run()
    receive(page, history=widget.history, message=widget.message)
    assert heights(page, 0, "training") == pytest.approx(widget.history["loss"], abs=1e-3)
    assert heights(page, 1, "training") == pytest.approx(widget.history["accuracy"], abs=1e-3)
    assert heights(page, 1, "validation") == pytest.approx(widget.history["validation"], abs=1e-3)
    assert page.locator(".lt-charts circle").count() == 2 * 3
    assert page.locator(".lt-charts rect").count() == 3, "validation has squares"
    assert said(page) == widget.message
    page.get_by_text("The numbers").click()
    cells = page.locator("tbody tr").nth(2).locator("td").all_inner_texts()
    wanted = [widget.history[name][2] for name in ("loss", "accuracy", "validation")]
    assert [float(cell) for cell in cells] == pytest.approx(wanted, rel=1e-3)
    assert "after 3 epochs" in page.locator(".lt-charts svg").first.get_attribute("aria-label")


@pytest.mark.browser
def test_start_and_stop_by_keyboard(page) -> None:
    draw(page, LiveTraining(net(), data(), **QUICK))
    start, stop = page.get_by_role("button", name="Start"), page.get_by_role("button", name="Stop")
    stop.focus()
    page.keyboard.press("Enter")
    assert requests(page) == [], "there is nothing to stop"
    page.get_by_label("Learning rate (lr)").fill("1/4")
    page.keyboard.press("Enter")
    start.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert requests(page) == [{"do": "start", "epochs": 3, "lr": 0.25}]
    assert said(page) == "Starting …"
    receive(page, _target=3, running=True)
    answer(page, "start")
    receive(page, progress=0.5, history={"loss": [0.7], "accuracy": [0.5], "validation": []})
    assert said(page) == "Training epoch 2 of 3."
    assert page.locator("progress").evaluate("(bar) => bar.value") == 0.5
    assert (start.get_attribute("aria-disabled"), stop.get_attribute("aria-disabled")) == ("true", "false")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    assert requests(page)[-1] == {"do": "stop"}
    assert said(page) == "Stopping …"
    answer(page, "stop")
    receive(page, message="Stopped by hand after 1 of 3 epochs.", running=False)
    assert said(page) == "Stopped by hand after 1 of 3 epochs."
    assert page.evaluate("document.activeElement.textContent") == "Stop", "the focus stays"
    assert (start.get_attribute("aria-disabled"), stop.get_attribute("aria-disabled")) == ("false", "true")


@pytest.mark.browser
@pytest.mark.parametrize(
    ("field", "text", "wrong"),
    [
        ("Learning rate (lr)", "0", "lr must be a number above 0"),
        ("Learning rate (lr)", "−1", "lr must be a number above 0"),
        ("Learning rate (lr)", "fast", '"fast" is not a number'),
        ("Epochs", "0", "Epochs is 0; it must be a whole number from 1 to 1000."),
        ("Epochs", "2,5", "Epochs is 2.5; it must be a whole number from 1 to 1000."),
        ("Epochs", "", "Empty: type a number"),
    ],
)
def test_bad_input_is_shown_at_its_field_and_nothing_starts(page, field: str, text: str, wrong: str) -> None:
    draw(page, LiveTraining(net(), data(), **QUICK))
    page.get_by_label(field, exact=True).fill(text)
    page.get_by_role("button", name="Start").click()
    assert wrong in page.locator(".cw-error:visible").inner_text()
    assert page.evaluate("[models.host.sent.length, models.host.get('epochs'), models.host.get('lr')]") == [0, 3, 0.1]


@pytest.mark.browser
def test_what_is_typed_and_not_taken_yet_stays_while_it_trains(page) -> None:
    draw(page, LiveTraining(net(), data(), **QUICK))
    field = page.get_by_label("Learning rate (lr)")
    field.fill("0.5")
    receive(page, _target=3, running=True)
    receive(page, progress=0.5)
    assert field.input_value() == "0.5"
    receive(page, lr=0.25)
    assert field.input_value() == "0.25", "a new value from Python is shown"


@pytest.mark.browser
def test_it_says_when_python_does_not_answer(page) -> None:
    page.clock.install()
    draw(page, LiveTraining(net(), data(), **QUICK))
    page.get_by_role("button", name="Start").click()
    page.clock.run_for(4100)
    assert said(page).startswith("Python is busy with another cell, or does not answer")
    receive(page, _target=3, running=True)
    assert said(page) == "Training epoch 1 of 3."
