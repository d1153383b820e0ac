"""The line fitter: a line to drag over 17 points, and the surface of its loss that gradient descent walks down."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import traitlets as t
from torch import Tensor

from ..shapes import is_number, short
from .base import Widget
from .traits import Whole, YesNo

X = (3.3, 4.4, 5.5, 6.71, 6.93, 4.168, 9.779, 6.182, 7.59, 2.167, 7.042, 10.791, 5.313, 7.997, 5.654, 9.27, 3.1)
Y = (1.7, 2.76, 2.09, 3.19, 1.694, 1.573, 3.366, 2.596, 2.53, 1.221, 2.827, 3.465, 1.65, 2.904, 2.42, 2.94, 1.3)

LARGEST = 100  # of the line's slope and intercept
LARGEST_LR = 10
MOST_STEPS = 10_000
OUT_OF_SIGHT = 1e6  # a walk that gets this far has diverged

READINGS = {
    "start": "Mean squared error {loss}. No line does better than {best}.",
    "walking": "After {steps} the mean squared error is {loss}; the best is {best}.",
    "arrived": "Arrived: after {steps} the line is within 0.01 of the exact answer, in slope and intercept.",
    "overshoots": "It diverges: each step overshoots the valley by more than the one before. The learning rate must "
    "stay below {largest}.",
    "diverged": "It has diverged: after {steps} the line is out of sight. The learning rate must stay below {largest}.",
}


class LineFitter(Widget):
    """Fit y = slope · x + intercept to 17 points, by hand or by gradient descent on the mean squared error.

    The state is where the walk starts, its learning rate and its number of steps. The walk follows from them.

    Args:
        start: (slope, intercept) of the line before the first step, each from -100 to 100.
        lr: the learning rate, above 0, at most 10.
        steps: how many steps are taken, 0 to 10,000.
        centred: take the mean of x away before fitting. The walk then turns the slope and the height at the mean of x.
    Raises:
        TraitError: a value does not fit; the message says which one, and what is needed.

    All of them can be set at any time.
    """

    start = t.TraitType((0.0, 0.0)).tag(sync=True)
    lr = t.TraitType(0.005).tag(sync=True)
    steps = Whole(0, 0, MOST_STEPS).tag(sync=True)
    centred = YesNo(False).tag(sync=True)
    points = t.List([list(X), list(Y)], read_only=True).tag(sync=True)
    readings = t.Dict(READINGS, read_only=True).tag(sync=True)

    def __init__(
        self,
        start: Sequence[float] = (0.0, 0.0),
        lr: float = 0.005,
        steps: int = 0,
        centred: bool = False,
    ) -> None:
        super().__init__(start=start, lr=lr, steps=steps, centred=centred)

    @t.validate("start")
    def _check_start(self, proposal: t.Bunch) -> tuple[float, float]:
        value = proposal.value
        if not isinstance(value, tuple | list) or len(value) != 2 or not all(_within(n, LARGEST) for n in value):
            raise t.TraitError(
                f"start is {short(value)}; it must be (slope, intercept), two numbers from -{LARGEST} to {LARGEST}."
            )
        return (float(value[0]), float(value[1]))

    @t.validate("lr")
    def _check_lr(self, proposal: t.Bunch) -> float:
        if not _within(proposal.value, LARGEST_LR) or proposal.value <= 0:
            raise t.TraitError(
                f"lr is {short(proposal.value)}; a learning rate must be a number above 0, at most {LARGEST_LR}."
            )
        return float(proposal.value)

    @property
    def path(self) -> Tensor:
        """The line before the first step and after each: (steps + 1, 2), slope and intercept, float64.

        It is shorter where the walk goes out of sight, beyond ±1e6.
        """
        inputs, y, away = self._inputs(), torch.tensor(Y, dtype=torch.float64), self._away()
        ((a, b), (_, c)), (d, e) = self._curvature().tolist(), (2 * inputs.T @ y / len(y)).tolist()
        w, h = self.start[0], self.start[1] + self.start[0] * away  # slope, and height where x is away
        path = [(w, h)]
        for _ in range(self.steps):
            if max(abs(w), abs(h)) > OUT_OF_SIGHT:
                break
            w, h = w - self.lr * (a * w + b * h - d), h - self.lr * (b * w + c * h - e)
            path.append((w, h))
        walked = torch.tensor(path, dtype=torch.float64)
        return torch.stack([walked[:, 0], walked[:, 1] - walked[:, 0] * away], 1)

    @property
    def line(self) -> tuple[float, float]:
        """(slope, intercept) after the last step."""
        return tuple(self.path[-1].tolist())

    @property
    def loss(self) -> float:
        """The mean squared error of the present line."""
        return loss_of(*self.line)

    @property
    def exact(self) -> tuple[float, float]:
        """(slope, intercept) of the best line, by torch.linalg.lstsq."""
        return exact()

    @property
    def largest_lr(self) -> float:
        """The learning rate from which on gradient descent diverges: 2 / the largest curvature of the loss."""
        return 2 / torch.linalg.eigvalsh(self._curvature()).max().item()

    @property
    def case(self) -> str:
        """Which of `READINGS` is true now."""
        if self.steps == 0:
            return "start"
        slope, intercept = self.line
        if max(abs(slope), abs(intercept + slope * self._away())) > OUT_OF_SIGHT:
            return "diverged"
        if all(abs(a - b) < 0.01 for a, b in zip((slope, intercept), exact(), strict=True)):
            return "arrived"
        return "overshoots" if self.lr > self.largest_lr else "walking"

    @property
    def reading(self) -> str:
        """How good the line is, or how the walk went, in words."""
        numbers = {"loss": self.loss, "best": loss_of(*exact()), "largest": self.largest_lr}
        told = {name: f"{value:.4g}" for name, value in numbers.items()}
        taken = len(self.path) - 1
        return READINGS[self.case].format(steps=f"{taken} step{'s' * (taken != 1)}", **told)

    def _away(self) -> float:
        """What is taken away from each x."""
        return math.fsum(X) / len(X) if self.centred else 0.0

    def _inputs(self) -> Tensor:
        x = torch.tensor(X, dtype=torch.float64) - self._away()
        return torch.stack([x, torch.ones_like(x)], 1)

    def _curvature(self) -> Tensor:
        """The second derivatives of the loss, (2, 2): everywhere the same."""
        inputs = self._inputs()
        return 2 * inputs.T @ inputs / len(inputs)

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the points with the line and of the loss surface with the walk, and what they say."""
        from .. import plots

        path, (slope, intercept), best = self.path, self.line, exact()
        left, right = plots.axes(2, size=3, wide=1.3)
        ends = torch.tensor([1.5, 11.5])
        left.plot(X, Y, "o", label="points")
        left.plot(ends, slope * ends + intercept, "k-", label="line")
        left.plot(ends, best[0] * ends + best[1], "--", label="exact answer")
        left.set(xlabel="x", ylabel="y", ylim=(-1, 5))
        left.legend(frameon=False)
        height = path[:, 1] + path[:, 0] * self._away()
        slopes = torch.linspace(best[0] - 0.85, best[0] + 0.85, 121, dtype=torch.float64)
        middle = best[1] + best[0] * self._away()
        heights = torch.linspace(middle - 5.3, middle + 5.3, 121, dtype=torch.float64)
        columns, rows = torch.meshgrid(slopes, heights, indexing="xy")
        surface = loss_of(columns, rows - columns * self._away())
        levels = [loss_of(*best) * 2**k for k in (0.25, 1, 2, 3, 4, 5, 6, 7, 8)]
        right.contour(columns, rows, surface, levels=levels, colors="0.6", linewidths=0.8)
        inside = (path[:, 0] - best[0]).abs() < 0.85
        right.plot(path[inside, 0], height[inside], ".-", markersize=3)
        right.plot([best[0]], [middle], "kx", markersize=9, label="exact answer")
        right.set(xlabel="slope", ylabel="height at the mean of x" if self.centred else "intercept")
        right.legend(frameon=False)
        alt = (
            f"17 points with the line of slope {slope:.4g} and intercept {intercept:.4g}, and contours of the loss "
            f"over both, with the walk of {self.steps} steps at learning rate {self.lr:g}. {self.reading}"
        )
        return plots.to_png(left.figure), alt


def exact() -> tuple[float, float]:
    """Return (slope, intercept) of the line with the least mean squared error over the 17 points."""
    x = torch.tensor(X, dtype=torch.float64)
    inputs = torch.stack([x, torch.ones_like(x)], 1)
    return tuple(torch.linalg.lstsq(inputs, torch.tensor(Y, dtype=torch.float64)[:, None]).solution[:, 0].tolist())


def loss_of(slope: float | Tensor, intercept: float | Tensor) -> float | Tensor:
    """Return the mean squared error of a line over the 17 points; of many lines where tensors are given."""
    return sum((slope * x + intercept - y) ** 2 for x, y in zip(X, Y, strict=True)) / len(X)


def _within(value: object, largest: float) -> bool:
    return is_number(value) and abs(value) <= largest
