"""The axes explorer: a block of numbers (N, C, H, W), and which of its cells share one mean in each norm."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import torch
import traitlets as t
from torch import Tensor, nn

from ..shapes import is_whole, short
from .base import Widget
from .traits import Choice, Whole, YesNo

NORMS = ("batch", "layer", "instance", "group")
LARGEST_N, C, H, W = 6, 4, 3, 5
GROUPS = (1, 2, 4)  # the divisors of C
STEPS = 10  # training steps behind batch norm's running statistics, each on 6 other samples


class Statistics(NamedTuple):
    """What the cells are normalised with, one number for each group of cells that share it.

    Attributes:
        mean: (C,) in batch norm, (N,) in layer norm, (N, C) in instance norm, (N, num_groups) in group norm, float32.
        var: the variance, of the same shape: the biased one of the cells; in batch norm's eval mode the running one.
        count: how many cells of the block each mean is taken from; 0 for running statistics.
    """

    mean: Tensor
    var: Tensor
    count: int


class AxesExplorer(Widget):
    """Show which cells of a block (N, C, H, W) share one mean in batch, layer, instance and group norm.

    Args:
        norm: "batch", "layer", "instance" or "group".
        batch_size: N, 1 to 6. The samples stay the same ones: a larger batch has more of them.
        num_groups: into how many groups group norm takes the 4 channels: 1, 2 or 4.
        train: whether the module is in train mode (True) or in eval mode (False).
        pooled: whether each map is averaged to one pixel before, as by global average pooling.
        cell: (n, c, h, w), the chosen cell, counted from 0.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.

    All of them can be set at any time.
    """

    norm = Choice("batch", NORMS).tag(sync=True)
    batch_size = Whole(4, 1, LARGEST_N).tag(sync=True)
    num_groups = t.TraitType(2).tag(sync=True)
    train = YesNo(True).tag(sync=True)
    pooled = YesNo(False).tag(sync=True)
    cell = t.TraitType([0, 1, 1, 2]).tag(sync=True)
    _data = t.Dict().tag(sync=True)

    def __init__(
        self,
        norm: str = "batch",
        batch_size: int = 4,
        *,
        num_groups: int = 2,
        train: bool = True,
        pooled: bool = False,
        cell: Sequence[int] = (0, 1, 1, 2),
    ) -> None:
        super().__init__(norm=norm, batch_size=batch_size, num_groups=num_groups, train=train, pooled=pooled, cell=cell)
        self._data = {
            "values": [_block(pooled).flatten().tolist() for pooled in (False, True)],
            "running": [[one.tolist() for one in _running(pooled)] for pooled in (False, True)],
            "refused": _refused(),
            "limits": {"batch_size": LARGEST_N, "channels": C, "map": [H, W], "groups": list(GROUPS)},
            "eps": nn.BatchNorm2d(C).eps,
            "steps": STEPS,
        }

    # The state

    @t.validate("num_groups")
    def _check_num_groups(self, proposal: t.Bunch) -> int:
        if not is_whole(proposal.value) or proposal.value not in GROUPS:
            raise t.TraitError(
                f"num_groups is {short(proposal.value)}; it must divide the {C} channels: "
                f"{', '.join(map(str, GROUPS[:-1]))} or {GROUPS[-1]}."
            )
        return int(proposal.value)

    @t.validate("cell")
    def _check_cell(self, proposal: t.Bunch) -> list[int]:
        value, sizes = proposal.value, (LARGEST_N, C, H, W)
        if (
            not isinstance(value, list | tuple)
            or len(value) != 4
            or not all(is_whole(at) and 0 <= at < size for at, size in zip(value, sizes, strict=True))
        ):
            raise t.TraitError(f"cell is {short(value)}; it must be (n, c, h, w), whole numbers from 0, below {sizes}.")
        return [int(at) for at in value]

    # The answers

    @property
    def place(self) -> tuple[int, int, int, int]:
        """The chosen cell, or the nearest that the present block has."""
        return tuple(min(at, size - 1) for at, size in zip(self.cell, self.x.shape, strict=True))

    @property
    def x(self) -> Tensor:
        """The block: (N, 4, 3, 5), or (N, 4, 1, 1) when pooled, float32."""
        return _block(self.pooled)[: self.batch_size].clone()

    @property
    def module(self) -> nn.Module:
        """The norm as a new module of torch in the present mode; batch norm has its running statistics."""
        return _module(self.norm, self.num_groups, self.pooled).train(self.train)

    @property
    def output(self) -> Tensor:
        """The block after the module: as `x`.

        Raises:
            ValueError: torch's own, where a mean would be taken from one value.
        """
        with torch.no_grad():
            return self.module(self.x)

    @property
    def statistics(self) -> Statistics:
        """Mean and variance of each group of cells that are normalised together."""
        if self.norm == "batch" and not self.train:
            return Statistics(*_running(self.pooled), 0)
        x = self.x
        groups = {
            "batch": lambda: x.transpose(0, 1).flatten(1),
            "layer": lambda: x.flatten(1),
            "instance": lambda: x.flatten(2),
            "group": lambda: x.view(len(x), self.num_groups, -1),
        }[self.norm]()
        return Statistics(groups.mean(-1), groups.var(-1, correction=0), groups.shape[-1])

    @property
    def shared(self) -> Tensor:
        """Which cells of the block the chosen cell shares its mean with, itself included: as `x`, bool."""
        samples, channels = torch.zeros(self.batch_size, dtype=torch.bool), torch.zeros(C, dtype=torch.bool)
        n, c = self.place[:2]
        if self.norm == "batch":
            samples[:], channels[c] = self.train, True
        elif self.norm == "layer":
            samples[n], channels[:] = True, True
        else:
            size = 1 if self.norm == "instance" else C // self.num_groups
            samples[n], channels[c // size * size : (c // size + 1) * size] = True, True
        return (samples[:, None] & channels)[:, :, None, None].expand(self.x.shape).clone()

    @property
    def reading(self) -> str:
        """What the chosen cell is normalised with, and what becomes of it, in words."""
        n, c, h, w = self.place
        statistics = self.statistics
        mean, var = statistics.mean, statistics.var
        if self.norm == "batch":
            mean, var = mean[c], var[c]
        elif self.norm == "layer":
            mean, var = mean[n], var[n]
        else:
            group = c if self.norm == "instance" else c * self.num_groups // C
            mean, var = mean[n, group], var[n, group]
        mode = "train" if self.train else "eval"
        text = f"{self.norm.capitalize()} norm in {mode} mode, batch size {self.batch_size}. "
        if statistics.count == 0:
            text += f"No cell of the batch goes into it: running mean {mean:.4g}, running variance {var:.4g}."
        else:
            cells = "1 cell goes" if statistics.count == 1 else f"{statistics.count} cells go"
            text += f"{cells} into the mean of cell ({n}, {c}, {h}, {w}): mean {mean:.4g}, variance {var:.4g}."
        try:
            after = self.output[n, c, h, w]
        except ValueError as error:
            return f"{text} torch refuses: {error}"
        return f"{text} {self.x[n, c, h, w]:.4g} becomes {after:.4g}."

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the block with the cells that share one mean, and what it says."""
        from .. import plots

        (ax,) = plots.axes(1, size=2.9, wide=2.6)
        x, shared, place = self.x, self.shared, self.place
        height, width = x.shape[2:]
        low, high = x.min().item(), x.max().item()
        for n, c, h, w in torch.cartesian_prod(*map(torch.arange, x.shape)).tolist():
            left = 7.5 * n + w + 0.45 * (height - h) + 0.5 * (W - width)
            top = -2.6 * c - 0.55 * h
            level = 0.25 + 0.6 * (x[n, c, h, w].item() - low) / (high - low)
            member, chosen = shared[n, c, h, w], (n, c, h, w) == place
            ax.fill(
                [left, left + 1, left + 0.55, left - 0.45],
                [top, top, top - 0.55, top - 0.55],
                facecolor="#0b63b5" if chosen else (0.85, 0.37, 0.01, level) if member else (0.5, 0.5, 0.5, level / 2),
                edgecolor="black" if member or chosen else "0.6",
                linewidth=1.8 if chosen else 0.8 if member else 0.4,
            )
        for n in range(len(x)):
            ax.text(7.5 * n + 3, -2.6 * C + 0.1, f"sample {n}", ha="center", va="top", fontsize=9)
        for c in range(C):
            ax.text(-0.8, -2.6 * c - 0.8, f"channel {c}", ha="right", va="center", fontsize=9)
        ax.set(xlim=(-5, 7.5 * len(x)), ylim=(-2.6 * C - 1, 0.8), aspect="equal", title=self._title())
        ax.axis("off")
        return plots.to_png(ax.figure), f"A block of {' × '.join(map(str, x.shape))} numbers. {self.reading}"

    def _title(self) -> str:
        count = self.statistics.count
        who = {0: "no cell goes into the mean", 1: "1 cell, alone"}.get(count, f"{count} cells share one mean")
        return f"{type(self.module).__name__}, {'train' if self.train else 'eval'}: {who}"


@cache
def _samples() -> Tensor:
    """The samples that are shown, then those of the training steps: multiples of 0.5, no two maps alike."""
    generator = torch.Generator().manual_seed(9)
    count = LARGEST_N * (1 + STEPS)
    x = torch.randn(count, C, H, W, generator=generator) * torch.tensor([0.7, 1.4, 1.0, 0.8]).view(C, 1, 1)
    x += torch.tensor([0.5, 1.0, -1.0, 2.0]).view(C, 1, 1)
    x += 0.8 * torch.randn(count, 1, 1, 1, generator=generator)
    return (2 * x).round() / 2 + 0.0  # no -0.0


def _batches(pooled: bool) -> Tensor:
    x = _samples().mean((2, 3), keepdim=True) if pooled else _samples()
    return x.unflatten(0, (1 + STEPS, LARGEST_N))


def _block(pooled: bool) -> Tensor:
    return _batches(pooled)[0]


@cache
def _running(pooled: bool) -> tuple[Tensor, Tensor]:
    """Batch norm's running mean and variance after the training steps: each (C,)."""
    norm = nn.BatchNorm2d(C)
    with torch.no_grad():
        for batch in _batches(pooled)[1:]:
            norm(batch)
    return norm.running_mean, norm.running_var


def _module(norm: str, num_groups: int, pooled: bool) -> nn.Module:
    if norm == "layer":
        return nn.LayerNorm([C, 1, 1] if pooled else [C, H, W])
    if norm == "instance":
        return nn.InstanceNorm2d(C)
    if norm == "group":
        return nn.GroupNorm(num_groups, C)
    module = nn.BatchNorm2d(C)
    module.running_mean.copy_(_running(pooled)[0])
    module.running_var.copy_(_running(pooled)[1])
    return module


@cache
def _refused() -> list[list]:
    """What torch refuses of the pooled block: [norm, batch_size, num_groups, train, its sentence]."""
    found = []
    for norm in NORMS:
        for num_groups in GROUPS:
            for train in (True, False):
                module = _module(norm, num_groups, True).train(train)
                for batch_size in range(1, LARGEST_N + 1):
                    try:
                        module(_block(True)[:batch_size])
                    except ValueError as error:
                        found.append([norm, batch_size, num_groups, train, str(error)])
    return found
