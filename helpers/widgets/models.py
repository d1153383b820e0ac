"""A learner's model, run by a widget that only looks at it: it stays as it was, and its errors become words."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
import traitlets as t
from torch import Tensor, nn

from ..shapes import short


def watchable(model: object) -> nn.Module:
    """Return the model of a widget that watches it, or its layers, by hooks.

    Raises:
        TraitError: it is no torch module, has not called super().__init__(), or is scripted, and then takes no hooks.
    """
    if not isinstance(model, nn.Module):
        raise t.TraitError(f"model is {short(model)}; it must be a torch module, for example nn.Sequential(...).")
    if "_modules" not in vars(model):
        raise t.TraitError(
            f"model is a {type(model).__name__} without its super().__init__(): call it first in __init__."
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise t.TraitError("model is a scripted module, whose layers cannot be watched; give the one it was made from.")
    return model


@contextlib.contextmanager
def kept(model: nn.Module) -> Iterator[None]:
    """Let a model run in eval mode, with the same random numbers each time.

    Afterwards the mode and the buffers of each module and the CPU's random generator are as they were: the model runs
    on copies of its buffers. What else a forward pass changes, a weight or a plain attribute, stays changed.
    """
    modules = list(model.modules())
    modes = [module.training for module in modules]
    buffers = [dict(module._buffers) for module in modules]
    copies = {
        id(buffer): buffer.detach().clone()
        for own in buffers
        for buffer in own.values()
        if buffer is not None and not nn.parameter.is_lazy(buffer)
    }
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(0)  # that of the CPU alone
            for module, own in zip(modules, buffers, strict=True):
                module.training = False
                for name, buffer in own.items():
                    module._buffers[name] = copies.get(id(buffer), buffer)
            yield
    finally:
        for module, mode, own in zip(modules, modes, buffers, strict=True):
            module.training = mode
            for name in set(module._buffers.keys()) - own.keys():
                del module._buffers[name]
            for name, buffer in own.items():
                module._buffers[name] = buffer


def like(model: nn.Module, x: Tensor) -> Tensor:
    """Return x on the device and in the dtype of the model's first float parameter; x itself where there is none."""
    first = next((value for value in model.parameters() if value.is_floating_point()), x)
    return x.to(device=first.device, dtype=first.dtype)


def told(error: BaseException) -> str:
    """Return type and message of an error on one line, without a full stop, whatever its class does."""
    try:
        lines = str(error).strip().splitlines()
    except Exception:
        lines = []
    text = " ".join((lines[0] if lines else "").split()).rstrip(".")
    text = text if len(text) <= 300 else f"{text[:299]}…"
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
