"""The activation explorer: a value, its slope, and what a stack of activations leaves of a gradient."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..shapes import is_number, short
from .base import Widget
from .traits import Choice, Number, Whole, YesNo

LARGEST_X = 10
LARGEST_N = 12
LOWEST_SLOPE, LARGEST_SLOPE = -1, 2  # of PReLU, below 0
DRAWN_FROM = (1 / 8, 1 / 3)  # RReLU's slopes in training

FUNCTIONS = {
    "sigmoid": "The slope is at most 0.25, at 0. So {n} in a row leave at most 0.25^{n} ≈ {bound}.",
    "tanh": "The slope is 1 at 0 and smaller everywhere else: the further from 0, the less is left.",
    "ReLU": "The slope is 1 above 0 and 0 below: the whole gradient passes, or nothing does.",
    "leaky ReLU": "The slope is 1 above 0 and 0.01 below: a little always passes.",
    "PReLU": "The slope below 0 is learned like a weight. torch starts it at 0.25.",
    "RReLU": "In training, each slope below 0 is drawn anew from 1/8 to 1/3. In evaluation it is their mean, 11/48.",
}


class ActivationExplorer(Widget):
    """Show an activation's value and slope at one input, and the gradient that comes back through a stack of them.

    The stack applies the function n times, each to the output of the one before, with nothing in between.

    Args:
        function: a key of `FUNCTIONS`.
        x: the input, from -10 to 10.
        n: how many in a row, 1 to 12.
        slope: PReLU's slope below 0, from -1 to 2.
        training: whether RReLU draws its slopes (True) or takes their mean (False).
        draws: RReLU's twelve slopes in training, each from 1/8 to 1/3; drawn by torch when not given.
    Raises:
        TraitError: a value does not fit; the message says which one, and what is needed.

    All of them can be set at any time.
    """

    function = Choice("sigmoid", FUNCTIONS).tag(sync=True)
    x = Number(1.0, -LARGEST_X, LARGEST_X).tag(sync=True)
    n = Whole(5, 1, LARGEST_N).tag(sync=True)
    slope = Number(0.25, LOWEST_SLOPE, LARGEST_SLOPE).tag(sync=True)
    training = YesNo(True).tag(sync=True)
    draws = t.TraitType().tag(sync=True)
    rules = t.Dict(FUNCTIONS, read_only=True).tag(sync=True)

    def __init__(
        self,
        function: str = "sigmoid",
        x: float = 1.0,
        n: int = 5,
        *,
        slope: float = 0.25,
        training: bool = True,
        draws: Sequence[float] | None = None,
    ) -> None:
        if draws is None:
            low, high = DRAWN_FROM
            draws = (low + (high - low) * torch.rand(LARGEST_N, dtype=torch.float64)).tolist()
        super().__init__(function=function, x=x, n=n, slope=slope, training=training, draws=draws)

    @t.validate("draws")
    def _check_draws(self, proposal: t.Bunch) -> list[float]:
        value, (low, high) = proposal.value, DRAWN_FROM
        if (
            not isinstance(value, list | tuple)
            or len(value) != LARGEST_N
            or not all(is_number(draw) and low <= draw <= high for draw in value)
        ):
            raise t.TraitError(f"draws is {short(value)}; it must hold {LARGEST_N} numbers from 1/8 to 1/3.")
        return [float(draw) for draw in value]

    def apply(self, x: Tensor, place: int = 0) -> Tensor:
        """Apply the activation as the one at `place` in the stack, from 0; any shape, keeps the gradient."""
        if self.function == "RReLU" and self.training:
            return torch.where(x > 0, x, x * self.draws[place])
        return {
            "sigmoid": torch.sigmoid,
            "tanh": torch.tanh,
            "ReLU": F.relu,
            "leaky ReLU": F.leaky_relu,
            "PReLU": lambda x: F.prelu(x, x.new_tensor([self.slope])),
            "RReLU": F.rrelu,
        }[self.function](x)

    @property
    def values(self) -> Tensor:
        """The input, then the output of each of the n in the stack: (n + 1,), float64."""
        return self._through()[0]

    @property
    def slopes(self) -> Tensor:
        """The slope of each of the n at its own input, by torch's autograd: (n,), float64."""
        return self._through()[1]

    @property
    def left(self) -> float:
        """What is left of a gradient of 1 once it has come back through the stack, by torch's autograd."""
        x = y = torch.tensor([self.x], dtype=torch.float64, requires_grad=True)
        for place in range(self.n):
            y = self.apply(y, place)
        return torch.autograd.grad(y, x)[0].item()

    @property
    def reading(self) -> str:
        """What is left of the gradient, and the rule behind it, in words."""
        rule = FUNCTIONS[self.function].format(n=self.n, bound=f"{0.25**self.n:.3g}")
        return f"A gradient of 1 comes back through {self.n} × {self.function}: {self.left:.4g} of it is left. {rule}"

    def _through(self) -> tuple[Tensor, Tensor]:
        values, slopes = [torch.tensor([self.x], dtype=torch.float64)], []
        for place in range(self.n):
            x = values[-1].detach().requires_grad_()
            values.append(self.apply(x, place))
            slopes.append(torch.autograd.grad(values[-1], x)[0])
        return torch.cat(values).detach(), torch.cat(slopes)

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the curve with its tangent and of what is left of the gradient, and what it says."""
        from .. import plots

        grid = torch.linspace(-LARGEST_X, LARGEST_X, 401, dtype=torch.float64, requires_grad=True)
        curve = self.apply(grid)
        (slope_curve,) = torch.autograd.grad(curve.sum(), grid)
        value, slope = self.values[1].item(), self.slopes[0].item()
        left, right = plots.axes(2, size=2.8, wide=1.5)
        left.plot(grid.detach(), curve.detach(), label="value")
        left.plot(grid.detach(), slope_curve, "--", label="slope")
        reach = torch.tensor([-2.0, 2.0])
        left.plot(self.x + reach, value + slope * reach, color="black", linewidth=1, label="tangent")
        left.plot([self.x], [value], "ko")
        left.set(xlabel="input", title=f"{self.function} at {self.x:.3g}")
        left.legend(frameon=False)
        right.bar(range(1, self.n + 1), self.slopes.cumprod(0).tolist())
        right.set(xlabel="activations passed", ylabel="left of a gradient of 1", title=f"{self.left:.3g} is left")
        alt = f"{self.function} at {self.x:.4g}: value {value:.4g}, slope {slope:.4g}. {self.reading}"
        return plots.to_png(left.figure), alt
