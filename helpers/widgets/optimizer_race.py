"""The optimizer race: twelve of torch's optimizers walk down one valley, each path computed by torch itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
import traitlets as t
from torch import Tensor, optim

from ..shapes import is_number, short
from .base import Widget
from .traits import Choice, Number, Whole

STEPS = 80
FLAT, STEEP = 1.0, 20.0  # curvature along the valley and across it
BOTTOM = (1.0, -0.5)
START = (-2.4, 0.2)
REACH = (3.0, 2.0)  # the map goes from -3 to 3 and from -2 to 2
FAR = 1000.0  # a path that gets this far from the middle has diverged, and is not followed any further
GOAL = 0.001  # a loss below it counts as arrived


@dataclass(frozen=True)
class Surface:
    """One valley.

    Attributes:
        label: its name for the learner.
        angle: how far it is turned, degrees.
        bend: how much its floor curves; 0 for a straight one.
    """

    label: str
    angle: float = 0.0
    bend: float = 0.0


SURFACES = {
    "tilted": Surface("A narrow valley, tilted", angle=-25.0),
    "straight": Surface("The same valley along the axes"),
    "curved": Surface("A valley with a curved floor", bend=0.15),
}

RACERS: dict[str, Callable[[list[Tensor], float, float], optim.Optimizer]] = {
    "SGD": lambda w, lr, momentum: optim.SGD(w, lr),
    "Momentum": lambda w, lr, momentum: optim.SGD(w, lr, momentum=momentum),
    "Nesterov": lambda w, lr, momentum: optim.SGD(w, lr, momentum=momentum, nesterov=momentum > 0),
    "Adagrad": lambda w, lr, momentum: optim.Adagrad(w, lr),
    "Adadelta": lambda w, lr, momentum: optim.Adadelta(w, lr),
    "RMSprop": lambda w, lr, momentum: optim.RMSprop(w, lr),
    "Rprop": lambda w, lr, momentum: optim.Rprop(w, lr),
    "Adam": lambda w, lr, momentum: optim.Adam(w, lr),
    "AdamW": lambda w, lr, momentum: optim.AdamW(w, lr),
    "Adamax": lambda w, lr, momentum: optim.Adamax(w, lr),
    "ASGD": lambda w, lr, momentum: optim.ASGD(w, lr, t0=0),
    "LBFGS": lambda w, lr, momentum: optim.LBFGS(w, lr, max_iter=1),
}
FIRST_SHOWN = ("SGD", "Momentum", "Adagrad", "RMSprop", "Adam", "LBFGS")

# The largest lr with which a step shrinks the error across a straight valley, times STEEP, given the momentum.
LIMITS: dict[str, tuple[str, Callable[[float], float]]] = {
    "SGD": ("2 / 20", lambda momentum: 2),
    "Momentum": ("2 (1 + momentum) / 20", lambda momentum: 2 * (1 + momentum)),
    "Nesterov": (
        "2 (1 + momentum) / (1 + 2 momentum) / 20",
        lambda momentum: 2 * (1 + momentum) / (1 + 2 * momentum),
    ),
}


class Run(NamedTuple):
    """What one optimizer did.

    Attributes:
        path: (points, 2), float64, from the start on; a diverged run ends where it got far away.
        losses: (points,), float64, at those points.
        diverged: whether it went more than `FAR` away, or became infinite or nan.
        left: the first step off the map; None for a run that stays on it.
        note: what happened, in a few words.
    """

    path: Tensor
    losses: Tensor
    diverged: bool
    left: int | None
    note: str


def valley_loss(point: Tensor, surface: str = "tilted") -> Tensor:
    """Return the loss at points of a valley.

    Args:
        point: (..., 2), float.
        surface: a key of `SURFACES`.
    Returns:
        (...): half of 1 · u² + 20 · v², u along the valley from its bottom and v across it.
    """
    valley = SURFACES[surface]
    cos, sin = math.cos(math.radians(valley.angle)), math.sin(math.radians(valley.angle))
    x, y = point[..., 0] - BOTTOM[0], point[..., 1] - BOTTOM[1]
    u = cos * x + sin * y
    v = cos * y - sin * x - valley.bend * u * u
    return (FLAT * u * u + STEEP * v * v) / 2


@lru_cache(maxsize=128)
def race(surface: str, lr: float, momentum: float, start: tuple[float, float]) -> dict[str, Run]:
    """Let every optimizer of torch take `STEPS` steps from the start, and return name -> run.

    All get the same lr; momentum goes to Momentum and Nesterov; every other setting is torch's default, but: LBFGS
    looks at the loss once a step, as the others do, and for ASGD the average is followed, from the first step on.
    """
    return {name: _run(name, surface, lr, momentum, start) for name in RACERS}


def _run(name: str, surface: str, lr: float, momentum: float, start: tuple[float, float]) -> Run:
    w = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    optimizer = RACERS[name]([w], lr, momentum)

    def closure() -> Tensor:
        loss, w.grad = _slope(w, surface)
        return loss

    path = [w.detach().clone()]
    for _ in range(STEPS):
        optimizer.step(closure)
        at = optimizer.state[w]["ax"] if name == "ASGD" else w.detach()
        if not (at.isfinite().all() and w.isfinite().all() and at.abs().max() < FAR):
            break
        path.append(at.clone())
    points = torch.stack(path)
    losses = valley_loss(points, surface)
    diverged = len(points) <= STEPS
    off = (points.abs() > torch.tensor(REACH)).any(1).tolist()
    left = off.index(True) if any(off) else len(points) if diverged else None
    stayed = left is None or not (diverged or off[-1])
    note = _arrival(left, losses) if stayed else _departure(name, surface, lr, momentum, left, diverged)
    return Run(points, losses, diverged, left, note)


def _slope(w: Tensor, surface: str) -> tuple[Tensor, Tensor]:
    """Return the loss at one point and its gradient, (2,): what autograd gives, in a tenth of the time."""
    valley = SURFACES[surface]
    cos, sin = math.cos(math.radians(valley.angle)), math.sin(math.radians(valley.angle))
    x, y = (at - bottom for at, bottom in zip(w.tolist(), BOTTOM, strict=True))
    u = cos * x + sin * y
    v = cos * y - sin * x - valley.bend * u * u
    along, across = FLAT * u - 2 * STEEP * valley.bend * u * v, STEEP * v  # d loss / du, d loss / dv
    gradient = (cos * along - sin * across, sin * along + cos * across)
    return w.new_tensor((FLAT * u * u + STEEP * v * v) / 2), w.new_tensor(gradient)


def _departure(name: str, surface: str, lr: float, momentum: float, left: int, diverged: bool) -> str:
    note = f"left the map at step {left}" + (" and never came back" if diverged else "")
    if name in LIMITS and not SURFACES[surface].bend:
        formula, limit = LIMITS[name][0], LIMITS[name][1](momentum) / STEEP
        if lr > limit:
            note += f": lr {lr:.4g} is above {formula} = {limit:.4g}"
    return note


def _arrival(left: int | None, losses: Tensor) -> str:
    first = f"left the map at step {left}, came back, " if left is not None else ""
    late = (losses >= GOAL).nonzero()
    arrived = int(late.max()) + 1 if len(late) else 0
    return first + (f"below {GOAL:g} from step {arrived} on" if arrived <= STEPS else "still on its way")


class OptimizerRace(Widget):
    """Let twelve optimizers of torch race down a valley.

    Args:
        surface: a key of `SURFACES`.
        lr: learning rate of all, 0.001 to 2.
        momentum: of Momentum and Nesterov, 0 to 0.99.
        start: (x, y), x from -3 to 3, y from -2 to 2.
        shown: the names whose paths are drawn, of `RACERS`.
        step: how much of the paths is drawn, 0 to 80.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.

    All of them can be set at any time. `runs` holds what torch computed for the present setting.
    """

    surface = Choice("tilted", SURFACES).tag(sync=True)
    lr = Number(0.05, 0.001, 2).tag(sync=True)
    momentum = Number(0.9, 0, 0.99).tag(sync=True)
    start = t.TraitType(START).tag(sync=True)
    shown = t.TraitType(FIRST_SHOWN).tag(sync=True)
    step = Whole(0, 0, STEPS).tag(sync=True)

    steps = t.Int(STEPS, read_only=True).tag(sync=True)
    map = t.Dict(read_only=True).tag(sync=True)
    race = t.Dict(read_only=True).tag(sync=True)

    def __init__(
        self,
        surface: str = "tilted",
        lr: float = 0.05,
        momentum: float = 0.9,
        start: Sequence[float] = START,
        shown: Sequence[str] = FIRST_SHOWN,
        step: int = 0,
    ) -> None:
        super().__init__(surface=surface, lr=lr, momentum=momentum, start=start, shown=shown, step=step)
        surfaces = {name: {"label": one.label, "angle": one.angle, "bend": one.bend} for name, one in SURFACES.items()}
        fixed = {"flat": FLAT, "steep": STEEP, "bottom": BOTTOM, "reach": REACH, "start": START}
        self.set_trait("map", {**fixed, "surfaces": surfaces})
        self._renew()
        self.observe(self._renew, names=["surface", "lr", "momentum", "start"])

    @t.validate("start")
    def _check_start(self, proposal: t.Bunch) -> tuple[float, float]:
        value = proposal.value
        if (
            not isinstance(value, Sequence)
            or len(value) != 2
            or not all(is_number(n) and abs(n) <= most for n, most in zip(value, REACH, strict=True))
        ):
            raise t.TraitError(
                f"start is {short(value)}; it must be two numbers (x, y), x from -3 to 3 and y from -2 to 2."
            )
        return (float(value[0]), float(value[1]))

    @t.validate("shown")
    def _check_shown(self, proposal: t.Bunch) -> tuple[str, ...]:
        value = proposal.value
        if not isinstance(value, list | tuple) or not all(isinstance(n, str) and n in RACERS for n in value):
            raise t.TraitError(f"shown is {short(value)}; it must be a list of names out of {', '.join(RACERS)}.")
        return tuple(name for name in RACERS if name in value)

    @property
    def runs(self) -> dict[str, Run]:
        """Name -> what this optimizer did in the present setting."""
        return dict(race(self.surface, self.lr, self.momentum, self.start))

    @property
    def summary(self) -> str:
        """The standing after the last step, in one or two sentences."""
        return _summary(self.runs)

    def _renew(self, _change: object = None) -> None:
        setting = {"surface": self.surface, "lr": self.lr, "momentum": self.momentum, "start": list(self.start)}
        runs = self.runs
        numbers = torch.zeros(len(runs), STEPS + 1, 3)  # x, y and the loss
        for row, run in zip(numbers, runs.values(), strict=True):
            row[: len(run.path)] = torch.cat([run.path, run.losses[:, None]], 1).float()
        rows = [
            {"name": name, "points": len(run.path), "diverged": run.diverged, "left": run.left, "note": run.note}
            for name, run in runs.items()
        ]
        content = {"setting": setting, "rows": rows, "summary": _summary(runs), "numbers": numbers.numpy().tobytes()}
        self.set_trait("race", content)

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the paths and the losses up to the present step, and what they show."""
        from .. import plots

        x, y = torch.meshgrid(torch.linspace(-3, 3, 121), torch.linspace(-2, 2, 81), indexing="xy")
        heights = valley_loss(torch.stack([x, y], -1), self.surface).clamp(min=1e-3).log2()
        places, curves = plots.axes(2, size=3.4, wide=1.5)
        places.contourf(x, y, heights, levels=14, cmap="Greys", alpha=0.4)
        places.plot(*BOTTOM, "k+", markersize=12)
        for (name, run), marker in zip(self.runs.items(), "os^Dv+x*h>p.", strict=True):
            if name in self.shown:
                line = {"marker": marker, "markersize": 4, "linewidth": 1, "markevery": 5, "label": name}
                seen = slice(min(self.step, run.left) + 1 if run.diverged else self.step + 1)
                places.plot(*run.path[seen].T, **line)
                curves.semilogy(run.losses[seen].clamp(min=1e-10), **line)
        places.set(xlim=(-3, 3), ylim=(-2, 2), title=f"{SURFACES[self.surface].label}, lr {self.lr:.4g}")
        top = 10 * max(run.losses[0].item() for run in self.runs.values())
        curves.set(xlabel="step", ylabel="loss", xlim=(0, STEPS), ylim=(1e-10, top))
        if self.shown:
            curves.legend(frameon=False, fontsize=7)
        alt = (
            f"{SURFACES[self.surface].label}, lr {self.lr:.4g}, momentum {self.momentum:.4g}: the paths of the "
            f"optimizers "
            f"on the map, and their losses, up to step {self.step} of {STEPS}."
        )
        if self.step == STEPS:
            told = "; ".join(f"{name} {self.runs[name].note}" for name in self.shown)
            alt += f" {self.summary} {told}."
        return plots.to_png(places.figure), alt


def _summary(runs: dict[str, Run]) -> str:
    standing = sorted((run.losses[-1].item(), name) for name, run in runs.items() if not run.diverged)
    said = []
    if standing:
        places = [f"{name} ({loss:.1e})".replace("e-", "e−") for loss, name in standing[:3]]
        said.append(f"Lowest after {STEPS} steps: {', then '.join(places)}.")
    if lost := [name for name, run in runs.items() if run.diverged]:
        said.append(f"Diverged: {', '.join(lost)}.")
    return " ".join(said)
