"""Live training: a curve that grows while a model trains, and a Stop button that keeps what was learned."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import torch
import traitlets as t
from torch import Tensor, nn

from .. import train
from ..shapes import as_float, is_whole, short
from .models import watchable
from .panel import Panel
from .traits import Whole

MOST_EPOCHS = 1000
PAUSE = 0.1  # seconds between two looks at the progress within an epoch
CURVES = ("loss", "accuracy", "validation")


class LiveTraining(Panel):
    """Train a classifier and show loss and accuracy, epoch by epoch, while it learns.

    The browser's Start trains in the background with `train.fit`, so the widget goes on answering; Stop ends it within
    a step. The model keeps what it learned, and Start goes on from there, with a new optimizer and a new order of the
    batches. Nothing trains before somebody asks for it. Do not train the model elsewhere at the same time.

    Args:
        model: maps images to logits, (N, classes). It is changed, and moved to the device.
        data: images (N, ...), float, and labels (N,), int64.
        validation: images and labels to look at after each epoch.
        epochs: how many epochs each Start trains, 1 to 1000.
        lr: learning rate, a finite number above 0.
        optimizer, batch_size, device: see `train.fit`.
        seed: seeds each run of `train.fit`, together with the number of epochs that were finished before.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed. What only training can
            find out stands in `message` when it starts.

    `history` holds "loss", "accuracy" and "validation", one number for each finished epoch; `running` and `message` say
    what happens. `run()` trains at once and waits for the end; `start()` and `stop()` are the buttons. Where training
    failed, `error` is the exception, else None.
    """

    epochs = Whole(6, 1, MOST_EPOCHS).tag(sync=True)
    lr = t.TraitType(0.01).tag(sync=True)
    history = t.Dict({name: [] for name in CURVES}, read_only=True).tag(sync=True)
    running = t.Bool(read_only=True).tag(sync=True)
    progress = t.Float(read_only=True).tag(sync=True)  # share of the present run that is done, 0 to 1
    _target = t.Int().tag(sync=True)  # epochs in all when the present run ends

    sentence = "This is a still picture. Run this cell to train the model here."

    def __init__(
        self,
        model: nn.Module,
        data: tuple[Tensor, Tensor],
        *,
        validation: tuple[Tensor, Tensor] | None = None,
        epochs: int = 6,
        lr: float = 0.01,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
        batch_size: int = 64,
        seed: int = 0,
        device: str = "auto",
    ) -> None:
        self._model = watchable(model)
        if not is_whole(batch_size) or batch_size < 1:
            raise t.TraitError(f"batch_size is {short(batch_size)}; it must be a whole number of at least 1.")
        if not is_whole(seed) or not 0 <= seed < 2**32:
            raise t.TraitError(f"seed is {short(seed)}; it must be a whole number from 0 to 2³² − 1.")
        if not callable(optimizer):
            raise t.TraitError(f"optimizer is {short(optimizer)}; it must be a class like torch.optim.SGD.")
        try:
            train.pick_device(device)
        except ValueError as error:
            raise t.TraitError(f"{str(error).rstrip('.')}.") from None
        self._data = _pair("data", data)
        self._validation = None if validation is None else _pair("validation", validation)
        self._settings = {"optimizer": optimizer, "batch_size": batch_size, "device": device}
        self._seed = seed
        self._halt = threading.Event()
        self._thread: threading.Thread | None = None
        self.error: Exception | None = None
        super().__init__(epochs=epochs, lr=lr)

    @t.validate("lr")
    def _check_lr(self, proposal: t.Bunch) -> float:
        rate = as_float(proposal.value)
        if not 0 < rate < math.inf:
            raise t.TraitError(f"lr is {short(proposal.value)}; it must be a finite number above 0, for example 0.01.")
        return rate

    # Training

    def run(self, epochs: int | None = None) -> None:
        """Train now and return at the end, or when it is interrupted (the notebook's stop button, Ctrl-C).

        Args:
            epochs: how many epochs; those of the widget when not given.
        Raises:
            ValueError: training is running already, or as for `train.fit`. What else the model raises comes through.
        """
        epochs = self.epochs if epochs is None else LiveTraining.epochs.validate(self, epochs)
        self._begin(epochs)
        self._train(epochs)
        if self.error is not None:
            raise self.error

    def start(self) -> threading.Thread:
        """Start to train in the background, and return the thread that does it.

        Raises:
            ValueError: training is running already.
        """
        self._begin(self.epochs)
        self._thread = threading.Thread(target=self._train, args=(self.epochs,), daemon=True)
        self._thread.start()
        return self._thread

    def stop(self) -> None:
        """End the training in the background, if any, and wait for its last step. What was learned is kept."""
        self._halt.set()
        if self._thread is not None:
            self._thread.join()

    def _begin(self, epochs: int) -> None:
        if self.running:
            raise ValueError("training is running: wait until it has ended, or stop it.")
        self._halt.clear()
        self.error = None
        self.set_trait("progress", 0.0)
        self.message = ""
        self._target = len(self.history["loss"]) + epochs
        self.set_trait("running", True)

    def _train(self, epochs: int) -> None:
        before, me = self.history, threading.get_ident()
        all_steps = epochs * math.ceil(len(self._data[0]) / self._settings["batch_size"])
        step, told = 0, 0.0

        def each_step(module: nn.Module, _inputs: tuple) -> None:
            nonlocal step, told
            if not module.training or threading.get_ident() != me:  # an evaluation, or somebody else's call
                return
            if self._halt.is_set():
                raise KeyboardInterrupt  # fit takes it as the stop button
            if time.monotonic() - told >= PAUSE:
                told = time.monotonic()
                self.set_trait("progress", min(1.0, step / all_steps))
            step += 1

        def each_epoch(_epoch: int, run: train.History) -> None:
            self.set_trait("history", {name: before[name] + getattr(run, name) for name in CURVES})

        handle = self._model.register_forward_pre_hook(each_step)
        said = "Training was interrupted before it began."
        try:
            run = train.fit(
                self._model,
                self._data,
                epochs=epochs,
                lr=self.lr,
                seed=(self._seed + len(before["loss"])) % 2**32,
                validation=self._validation,
                on_epoch=each_epoch,
                **self._settings,
            )
            said = run.stopped or self._result(len(run.loss), before["loss"])
        except Exception as error:
            self.error = error
            said = _failure(error)
        finally:
            handle.remove()
            self.message = said
            self.set_trait("running", False)

    def _result(self, epochs: int, losses_before: list[float]) -> str:
        """Say in words how a run ended, and plainly when it did not learn."""
        last = {name: values[-1] for name, values in self.history.items() if values}
        total = len(self.history["loss"])
        said = f"Trained {epochs} {'epoch' if epochs == 1 else 'epochs'}"
        said += f", {total} in all. " if losses_before else ". "
        said += f"Now: {', '.join(f'{name} {value:.3g}' for name, value in last.items())}."
        classes = int(self._data[1].max()) + 1
        lowest = min(self.history["loss"])
        if last["loss"] > 0.99 * math.log(classes):
            said += (
                f" That loss is no better than guessing: ln {classes} = {math.log(classes):.3g}. Try another lr than "
                f"{self.lr:g}, or more epochs."
            )
        elif last["loss"] > 1.5 * lowest + 0.05:
            said += f" The loss was {lowest:.3g} before and rose: try a smaller lr than {self.lr:g}."
        return said

    # What the buttons ask for

    def _do_start(self, request: dict) -> None:
        for name in ("epochs", "lr"):
            if name in request:
                setattr(self, name, request[name])
        self.start()

    def _do_stop(self, _request: dict) -> None:
        self._halt.set()  # the answer must not wait for the last step

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the curves, and what they say; of a first sentence where nothing was trained."""
        from .. import plots

        count = len(self.history["loss"])
        if not count:
            lines = ["Run this cell and press Start: loss and accuracy are drawn here, epoch by epoch."]
            title = "Live training"
            return plots.to_png(plots.card(title, lines).figure), f"{title}. {lines[0]}"
        left, right = plots.axes(2, wide=1.5)
        plots.curves({"training": self.history["loss"]}, left, x="epoch", y="loss")
        lines = {"training": self.history["accuracy"], "validation": self.history["validation"]}
        plots.curves({name: values for name, values in lines.items() if values}, right, x="epoch", y="accuracy")
        first = {name: values[0] for name, values in self.history.items() if values}
        paths = [f"{name} from {value:.3g} to {self.history[name][-1]:.3g}" for name, value in first.items()]
        return plots.to_png(left.figure), f"Live training, {count} epochs: {', '.join(paths)}. {self.message}".strip()


def _pair(name: str, data: object) -> tuple[Tensor, Tensor]:
    if not isinstance(data, tuple | list) or len(data) != 2 or not all(isinstance(part, Tensor) for part in data):
        raise t.TraitError(f"{name} is {short(data)}; it must be two tensors, images and labels.")
    images, labels = data
    if not images.ndim or not labels.ndim or len(images) != len(labels) or not len(images):
        raise t.TraitError(
            f"{name} has the shapes {tuple(images.shape)} and {tuple(labels.shape)}; it must hold as many images as "
            "labels, and at least one."
        )
    return images, labels


def _failure(error: Exception) -> str:
    """Say in one sentence why training ended. A ValueError of `fit` is one already."""
    text = " ".join(str(error).split())[:300]
    if isinstance(error, ValueError):
        return f"Training did not start: {text.rstrip('.')}."
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return f"The memory is full: try a smaller batch_size, fewer images, or device 'cpu'. ({text})"
    return f"Training ended with {type(error).__name__}: {text or 'no message'}. The model keeps what it learned."
