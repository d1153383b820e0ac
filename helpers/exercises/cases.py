"""What the cases of many exercises are made of: seeded numbers, their description, and a word for what was not seen."""

from collections.abc import Callable

import torch
from torch import Tensor

NOT_LOOKED_AT = "not looked at"  # what stands for a value that an answer did not come to


def generator(seed: int) -> torch.Generator:
    """Return a source of chance of its own for a seed."""
    return torch.Generator().manual_seed(seed)


def draws(seed: int) -> Callable[..., Tensor]:
    """Return a maker of normal float32 tensors: `draws(seed)(2, 3)` is of shape (2, 3), and each call goes on."""
    source = generator(seed)
    return lambda *shape: torch.randn(shape, generator=source)


def in_words(**values: object) -> str:
    """Return values as the label of a case: "x (2, 3), stride 2"."""
    return ", ".join(f"{name} {tuple(v.shape) if isinstance(v, Tensor) else v}" for name, v in values.items())
