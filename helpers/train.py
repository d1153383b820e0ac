"""A small training loop on tensors in memory, with what belongs to it: seeds, the device, accuracy, timing."""

import contextlib
import dataclasses
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from . import checkpoint as checkpoints
from .shapes import as_float, short, whole_number


@dataclass
class History:
    """What a training run saw, one entry per finished epoch.

    Attributes:
        loss: mean loss over the training images, each seen at its own step.
        accuracy: share of them that were right at that step, 0 to 1.
        validation: accuracy on the validation data after the epoch, 0 to 1; empty without such data.
        stopped: why the run ended before its last epoch, in one sentence; "" when it did not.
    """

    loss: list[float] = field(default_factory=list)
    accuracy: list[float] = field(default_factory=list)
    validation: list[float] = field(default_factory=list)
    stopped: str = ""


def seed_everything(seed: int) -> None:
    """Seed every source of chance: Python, numpy, torch, and torch on every GPU.

    Raises:
        ValueError: the seed is not a whole number from 0 to 2³² − 1.
    """
    import numpy as np

    seed = whole_number("seed", seed, 0, 2**32 - 1)
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)  # seeds the GPUs too


def pick_device(device: str = "auto") -> torch.device:
    """Return the device to train on.

    Args:
        device: "auto" for a CUDA GPU where there is one, else the CPU; or "cpu", "cuda", "cuda:1", "mps".
    Raises:
        ValueError: it is none of these, or this machine does not have it.
    """
    name = str(device) if isinstance(device, str | torch.device) else ""
    kind, _, number = name.partition(":")
    if kind not in ("auto", "cpu", "cuda", "mps") or (":" in name and not (kind == "cuda" and number.isdecimal())):
        raise ValueError(f"device must be 'auto', 'cpu', 'cuda', 'cuda:0' or 'mps', got {short(device)}")
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if gpus else "cpu")
    if kind == "cuda" and int(number or 0) >= gpus:
        raise ValueError(f"device {name!r} is not here, torch finds {gpus} CUDA GPUs: use 'auto' or 'cpu'.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ValueError("device 'mps' is not here, it needs a Mac with an Apple GPU: use 'auto' or 'cpu'.")
    return torch.device(name)


def fit(
    model: nn.Module,
    data: tuple[Tensor, Tensor],
    *,
    epochs: int,
    lr: float = 0.01,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.SGD,
    batch_size: int = 64,
    device: str = "auto",
    seed: int = 0,
    validation: tuple[Tensor, Tensor] | None = None,
    on_epoch: Callable[[int, History], object] | None = None,
    checkpoint: str | os.PathLike | None = None,
) -> History:
    """Train a classifier with cross-entropy. The model is moved to the device, is changed, and stays there.

    Interrupting the run (the stop button, Ctrl-C) ends it and keeps what was learned. So does a loss that is no longer
    a finite number; the weights are then those of the last step whose loss was finite, and the reason is printed. A
    device without enough memory ends it too, and what was learned is kept.

    Args:
        model: maps images to logits, (N, classes).
        data: images (N, ...), float, and labels (N,), int64.
        epochs: passes over the data, >= 0.
        lr: learning rate, > 0.
        optimizer: called with the parameters and lr; functools.partial gives it more settings.
        batch_size: images a step, >= 1; the last batch of an epoch may be smaller.
        device: see `pick_device`.
        seed: seeds every source of chance before the first step: order, dropout.
        validation: images and labels to look at after each epoch.
        on_epoch: called after each epoch with its number, from 1, and the history so far.
        checkpoint: a file that is written anew after each epoch; its folder must be there. Where the file is already
            there, the run goes on from it: on a CPU to the same weights, bit for bit, as a run that was never
            interrupted.
    Raises:
        ValueError: a value is out of range, the model has nothing to train, the images hold nan, or images, labels
            and logits do not fit each other.
        CheckpointError, a ValueError: the checkpoint is no name of a file, or its folder is not there, or the file is
            damaged or of another model or run; the weights are untouched. Or it cannot be written.
        MemoryError: model and data do not fit into the device's memory.
    """
    _check_model(model)
    if not any(value.requires_grad for value in model.parameters()):
        raise ValueError(f"the model must have parameters to train, {short(model)} has none.")
    epochs = whole_number("epochs", epochs, 0)
    batch_size = whole_number("batch_size", batch_size, 1)
    rate = as_float(lr)
    if not 0 < rate < math.inf:
        raise ValueError(f"lr must be a finite number above 0, got {short(lr)}")
    if not callable(optimizer):
        raise ValueError(f"optimizer must be a class like torch.optim.SGD, got {short(optimizer)}")
    if on_epoch is not None and not callable(on_epoch):
        raise ValueError(f"on_epoch must be a function of the epoch and the history, or None, got {short(on_epoch)}")
    file = None if checkpoint is None else checkpoints.file_of(checkpoint)
    if file is not None and not file.parent.is_dir():
        raise checkpoints.CheckpointError(f"The folder {file.parent} is not there: make it first.")
    place = pick_device(device)
    data = _checked(data, "data")
    validation = None if validation is None else _checked(validation, "validation")
    try:
        images, labels = (part.to(place) for part in data)
        validation = validation and tuple(part.to(place) for part in validation)
        model.to(place)
        for x, y in [(images, labels), *([validation] if validation else [])]:
            with _looking(model):
                _fitting(model(x[:2]), x[:2], y)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        raise MemoryError(
            f"model and data do not fit into the memory of {place}: use fewer images, or 'cpu'."
        ) from error
    seed_everything(seed)
    steps = optimizer(model.parameters(), lr=rate)
    history = History()
    settings = {"lr": rate, "batch_size": batch_size, "seed": int(seed)}
    if file is not None and file.exists():
        history = _resumed(file, model, steps, settings)
    done = len(history.loss)
    good, before = ({name: value.clone() for name, value in model.state_dict().items()} for _ in range(2))

    bar = tqdm(total=epochs, initial=done, unit="epoch", disable=not _watched())
    try:
        for epoch in range(done + 1, epochs + 1):
            model.train()
            loss_sum = right = 0.0
            for step, batch in enumerate(torch.randperm(len(images)).to(place).split(batch_size), start=1):
                for name, value in model.state_dict().items():
                    before[name].copy_(value)
                loss, logits = train_step(model, steps, images[batch], labels[batch])
                if not loss.isfinite():
                    raise FloatingPointError(f"the loss became {loss.item()} at step {step} of epoch {epoch}")
                good, before = before, good
                loss_sum += loss.item() * len(batch)
                right += (logits.argmax(1) == labels[batch]).sum().item()
            if not all(value.isfinite().all() for value in model.parameters()):
                raise FloatingPointError(f"a weight became infinite or nan at the last step of epoch {epoch}")
            history.loss.append(loss_sum / len(images))
            history.accuracy.append(right / len(images))
            if validation is not None:
                history.validation.append(accuracy(model, *validation))
            bar.update()
            if file is not None:
                checkpoints.save(file, model, steps, history=dataclasses.asdict(history), settings=settings)
            if on_epoch is not None:
                on_epoch(epoch, history)
    except FloatingPointError as error:
        model.load_state_dict(good)
        history.stopped = f"Stopped: {error}. The model keeps its last good weights; try a smaller lr than {rate:g}."
        print(history.stopped)
    except RuntimeError as error:
        if not _out_of_memory(error):
            raise
        history.stopped = (
            f"Stopped: the memory of {place} is full after {len(history.loss)} of {epochs} epochs. What was learned is "
            f"kept; try a smaller batch_size than {batch_size}, or device 'cpu'."
        )
        print(history.stopped)
    except KeyboardInterrupt:
        history.stopped = f"Stopped by hand after {len(history.loss)} of {epochs} epochs. What was learned is kept."
        print(history.stopped)
    finally:
        bar.close()
    return history


def train_step(
    model: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """Take one step of training with cross-entropy: what `fit` does with each batch.

    Args:
        model: maps images to logits, (N, classes).
        images: (N, ...), float. labels: (N,), int64. Both on the model's device.
    Returns:
        the loss before the step, a scalar, and the logits (N, classes).
    """
    logits = model(images)
    loss = F.cross_entropy(logits, labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss, logits


def accuracy(model: nn.Module, images: Tensor, labels: Tensor, *, batch_size: int = 128) -> float:
    """Return the share of images whose largest logit is that of their label, 0 to 1.

    The model runs in eval mode and without gradients; afterwards each of its modules is in the mode it was in.

    Args:
        model: maps images to logits, (N, classes).
        images: (N, ...), float. labels: (N,), int64. Both are moved to the model's device, batch by batch.
        batch_size: images at a time, >= 1; it does not change the result.
    Raises:
        ValueError: as for `fit`.
    """
    _check_model(model)
    batch_size = whole_number("batch_size", batch_size, 1)
    images, labels = _checked((images, labels), "images and labels")
    place = next((value.device for value in model.parameters()), images.device)
    right = 0
    with _looking(model):
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            right += (_fitting(model(x.to(place)), x, y).argmax(1) == y.to(place)).sum().item()
    return right / len(images)


def seconds(function: Callable[[], object], repeat: int = 5) -> float:
    """Return how long a call takes: the fastest of `repeat` calls, in seconds, after one call to warm up.

    The fastest, because what else the machine does can only add to a time. A GPU's work is waited for, before and
    after each call.

    Raises:
        ValueError: repeat is not a whole number >= 1, or function cannot be called.
    """
    repeat = whole_number("repeat", repeat, 1)
    if not callable(function):
        raise ValueError(f"function must be callable without arguments, got {short(function)}")
    wait = torch.accelerator.synchronize if torch.accelerator.is_available() else lambda: None
    function()
    times = []
    for _ in range(repeat):
        wait()
        start = time.perf_counter()
        function()
        wait()
        times.append(time.perf_counter() - start)
    return min(times)


def with_bar(epochs: Iterable[int]) -> Iterable[int]:
    """Return the epochs to loop over, with a progress bar where somebody watches."""
    return tqdm(epochs, unit="epoch", disable=not _watched())


def compiled(model: nn.Module, images: Tensor) -> nn.Module | None:
    """Return what `torch.compile` makes of a model, already compiled for these images, forwards and backwards.

    The first call of a compiled model may take a minute. Where it cannot be compiled, for example because there is no
    C++ compiler, the reason is printed and None comes back.

    Args:
        model: takes the images.
        images: a batch of the shape that will be used, on the model's device.
    """
    try:
        made = torch.compile(model)
        made(images).sum().backward()
    except Exception as error:  # each backend of torch.compile has errors of its own
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        print(f"torch.compile does not work here: {type(error).__name__}: {lines[0] if lines else ''}")
        print("On a CPU it needs a C++ compiler, on a GPU also Triton. Everything else works without it.")
        return None
    finally:
        model.zero_grad()
    return made


def _resumed(path: Path, model: nn.Module, optimizer: torch.optim.Optimizer, settings: dict[str, float]) -> History:
    """Bring a run back from its checkpoint and return its history, if it was made with the same settings."""
    kept = checkpoints.peek(path)
    if kept.keys() != {"history", "settings"}:
        raise checkpoints.CheckpointError(f"{path} was not written by fit: give another name. The file is kept.")
    for name, value in settings.items():
        if kept["settings"].get(name) != value:
            raise checkpoints.CheckpointError(
                f"{path} is of a run with {name} {kept['settings'].get(name)}, and this one has {value}: go on with "
                f"the same, or name another file."
            )
    checkpoints.load(path, model, optimizer)
    return History(**kept["history"])


def _out_of_memory(error: RuntimeError) -> bool:
    """Whether a device had too little memory. CUDA has an error of its own for it, the CPU only a message."""
    return isinstance(error, torch.OutOfMemoryError) or "can't allocate memory" in str(error)


def _check_model(model: object) -> None:
    if not isinstance(model, nn.Module):
        raise ValueError(f"model must be a torch module, for example nn.Sequential(...), got {short(model)}")


def _checked(data: object, name: str) -> tuple[Tensor, Tensor]:
    if not isinstance(data, tuple | list) or len(data) != 2 or not all(isinstance(part, Tensor) for part in data):
        raise ValueError(f"{name} must be two tensors, images and labels, got {type(data).__name__}")
    images, labels = data
    if labels.dtype != torch.int64 or labels.ndim != 1 or not images.is_floating_point() or images.ndim < 2:
        raise ValueError(
            f"{name} must be float images (N, ...) and int64 labels (N,), got {images.dtype} {tuple(images.shape)} "
            f"and {labels.dtype} {tuple(labels.shape)}"
        )
    if len(images) != len(labels) or len(images) == 0:
        raise ValueError(
            f"{name} must hold as many images as labels, and at least one, got {len(images)} and {len(labels)}"
        )
    if not images.isfinite().all():
        raise ValueError(f"{name} must be finite, but the images hold nan or an infinite number: mend them first.")
    return images, labels


@contextlib.contextmanager
def _looking(model: nn.Module) -> Iterator[None]:
    """Run the model in eval mode and without gradients, then put each module back into its mode."""
    modes = {module: module.training for module in model.modules()}
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def _fitting(logits: Tensor, images: Tensor, labels: Tensor) -> Tensor:
    """Return the logits that a model gave for images, if there is one for each image and each of the labels."""
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(images):
        raise ValueError(f"the model must give logits ({len(images)}, classes), got {short(logits)}")
    low, high = labels.min().item(), labels.max().item()
    if low < 0 or high >= logits.shape[1]:
        raise ValueError(
            f"labels must lie in 0 to {logits.shape[1] - 1}, one place for each logit, got {low} to {high}"
        )
    return logits


def _watched() -> bool:
    """Whether somebody watches: a terminal, or a notebook in JupyterLab or Colab. Not papermill, not nbval."""
    return sys.stderr.isatty() or bool({"JPY_SESSION_NAME", "COLAB_RELEASE_TAG"} & os.environ.keys())
