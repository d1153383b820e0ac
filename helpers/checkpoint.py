"""Checkpoints: a training run in a file, to go on from it or to use what was learned."""

import os
import pickle
import random
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from .shapes import short


class CheckpointError(ValueError):
    """A checkpoint cannot be used. The message names the file, says why and what to do; nothing was changed."""


def save(
    path: str | os.PathLike, model: nn.Module, optimizer: torch.optim.Optimizer | None = None, **more: Any
) -> None:
    """Write a model, what its optimizer remembers, and the state of all random numbers, to a file.

    The file is written beside its place first and then moved there in one step: an interruption leaves the old file
    whole, never half a new one.

    Args:
        path: the file; its folder must be there.
        model: its state_dict is kept, parameters and buffers.
        optimizer: its state_dict is kept, momentum for example.
        **more: plain values and tensors to keep beside them, such as epoch=3.
    Raises:
        CheckpointError: path is not the name of a file, or the file cannot be written.
    """
    path = file_of(path)
    content = {
        "model": model.state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "kind": None if optimizer is None else type(optimizer).__name__,
        "random": _random_state(),
        "more": more,
    }
    part = _part_of(path)
    try:
        with part.open("wb") as file:
            torch.save(content, file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        why = error.strerror or str(error)
        raise CheckpointError(f"The checkpoint {path} cannot be written: {why}. What was there is kept.") from error
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def load(path: str | os.PathLike, model: nn.Module, optimizer: torch.optim.Optimizer | None = None) -> dict[str, Any]:
    """Bring a model back to what `save` wrote; with its optimizer, also that and all random numbers.

    Nothing in the file is run as code, and everything is checked before anything changes.

    Args:
        path: the file.
        model: the same layers as the saved one; it may be on another device.
        optimizer: made from the model's parameters, of the saved class. Without it, only the model changes.
    Returns:
        what was saved by `**more`.
    Raises:
        CheckpointError: the file is not there, is damaged, holds code, or belongs to another model or optimizer.
    """
    path = file_of(path)
    content = _read(path)
    if why := _other_model(content["model"], model):
        raise CheckpointError(f"{path} is of another model: {why}. Build the model as it was saved.")
    if optimizer is None:
        model.load_state_dict(content["model"])
        return content["more"]
    if why := _other_optimizer(content, optimizer):
        raise CheckpointError(f"{path} is of another optimizer: {why}. Make the optimizer as it was saved.")
    model.load_state_dict(content["model"])
    optimizer.load_state_dict(content["optimizer"])
    _set_random_state(content["random"])
    return content["more"]


def peek(path: str | os.PathLike) -> dict[str, Any]:
    """Return what was saved by `**more`, and change nothing.

    Raises:
        CheckpointError: the file is not there, is damaged or holds code.
    """
    return _read(file_of(path))["more"]


def file_of(path: object) -> Path:
    """Return the path of a checkpoint.

    Raises:
        CheckpointError: path is no path, or one that no file can have.
    """
    if not isinstance(path, str | os.PathLike) or Path(path).name == "" or "\0" in str(path):
        raise CheckpointError(f"path must be the name of a file, got {short(path)}")
    try:
        os.stat(_part_of(Path(path)))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise CheckpointError(
            f"The checkpoint {short(path)} cannot be used: {error.strerror}. Name another."
        ) from error
    return Path(path)


def _part_of(path: Path) -> Path:
    """Where a checkpoint is written before it is moved to its place."""
    return path.with_name(path.name + ".part")


def _read(path: Path) -> dict[str, Any]:
    kept = "The file is kept as it is, and the model is untouched."
    try:
        with path.open("rb") as file:
            content = torch.load(file, map_location="cpu", weights_only=True)
    except OSError as error:
        why = error.strerror or str(error)
        raise CheckpointError(f"The checkpoint {path} cannot be read: {why}. Train first, or name another.") from error
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f"{path} holds more than numbers and names: loading all of it could run code, so it is refused. {kept} "
            f"Save a state_dict, not a whole model."
        ) from error
    except Exception as error:  # what torch raises for half a file depends on where it ends
        raise CheckpointError(
            f"{path} is damaged, cut off or no checkpoint ({type(error).__name__}). {kept} Take an older one, or train "
            f"again."
        ) from error
    if not isinstance(content, dict) or content.keys() != {"model", "optimizer", "kind", "random", "more"}:
        raise CheckpointError(f"{path} was not written by helpers.checkpoint.save. {kept}")
    return content


def _other_model(saved: dict[str, Tensor], model: nn.Module) -> str:
    """Return what tells the saved model from this one, "" when they are alike."""
    ours = model.state_dict()
    if missing := [name for name in ours if name not in saved]:
        return f"it has no {missing[0]}"
    if extra := [name for name in saved if name not in ours]:
        return f"it has {extra[0]}, and this model does not"
    for name, value in ours.items():
        if value.shape != saved[name].shape:
            return f"its {name} is {tuple(saved[name].shape)}, and this model's is {tuple(value.shape)}"
    return ""


def _other_optimizer(content: dict[str, Any], optimizer: torch.optim.Optimizer) -> str:
    kind, saved = content["kind"], content["optimizer"]
    if kind is None:
        return "it was saved without one"
    if kind != type(optimizer).__name__:
        return f"it is of {kind}, and this one is {type(optimizer).__name__}"
    sizes = [[len(group["params"]) for group in side["param_groups"]] for side in (saved, optimizer.state_dict())]
    if sizes[0] != sizes[1]:
        return f"it moves {sum(sizes[0])} parameters, and this one {sum(sizes[1])}"
    return ""


def _random_state() -> dict[str, Any]:
    import numpy as np

    kind, keys, *rest = np.random.get_state()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": random.getstate(),
        "numpy": (kind, keys.tolist(), *rest),
    }


def _set_random_state(state: dict[str, Any]) -> None:
    import numpy as np

    torch.set_rng_state(state["torch"])
    if torch.cuda.is_available() and len(state["cuda"]) == torch.cuda.device_count():
        torch.cuda.set_rng_state_all(state["cuda"])
    random.setstate(state["python"])
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))
