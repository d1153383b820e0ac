"""The equivariance meter: shift, then the operation, against the operation, then shift, and where the two differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor

from ..kernels import kernel
from .base import Widget
from .traits import Choice, Shift

SMALLEST, LARGEST = 10, 64  # sides of the picture, pixels; a shift never brings it all the way round
DENSE_SIDE = 16  # the fully-connected layer sees the picture scaled down to this many pixels a side, or fewer
STEP = 256  # pixels are rounded to 256ths, so that every sum here is exact and a difference of 0 is really 0

WEIGHT = kernel("prewitt x")


@dataclass(frozen=True)
class Operation:
    """What stands on both paths.

    Attributes:
        label: its name for the learner.
        apply: (1, 1, H, W) -> (1, 1, H_out, W_out).
        rule: what a shift does to it, one sentence, true for every picture.
        stride: pixels of the picture for one pixel of the output.
        signed: whether the output has either sign.
    """

    label: str
    apply: Callable[[Tensor], Tensor]
    rule: str
    stride: int = 1
    signed: bool = True


def _circular(x: Tensor) -> Tensor:
    return F.pad(x, (1, 1, 1, 1), mode="circular")


def _dense(x: Tensor) -> Tensor:
    return (dense_weight(x.numel()) @ x.flatten()).reshape(x.shape)


@cache
def dense_weight(pixels: int) -> Tensor:
    """Return the fully-connected layer's fixed random weights: (pixels, pixels), float32, 64ths."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(-8, 9, (pixels, pixels), generator=generator).float() / 64


OPERATIONS = {
    "convolution": Operation(
        "Convolution 3×3, no padding",
        lambda x: F.conv2d(x, WEIGHT[None, None]),
        "The same nine weights read every place. Only where the picture leaves on one side and comes in on the other "
        "can the two paths differ.",
    ),
    "zero padding": Operation(
        "Convolution 3×3, zero padding",
        lambda x: F.conv2d(x, WEIGHT[None, None], padding=1),
        "The zeros around the picture do not move with it: only pixels that see the rim can differ.",
    ),
    "circular padding": Operation(
        "Convolution 3×3, circular padding",
        lambda x: F.conv2d(_circular(x), WEIGHT[None, None]),
        "The picture goes on where it began, so there is no rim: the two paths agree for every picture and shift.",
    ),
    "stride 2": Operation(
        "Convolution 3×3, stride 2, circular padding",
        lambda x: F.conv2d(_circular(x), WEIGHT[None, None], stride=2),
        "Every second place is read. An even shift moves the output by half as many pixels; an odd one would need half "
        "a pixel, so other places are read.",
        stride=2,
    ),
    "max pooling 2": Operation(
        "Max pooling 2×2",
        lambda x: F.max_pool2d(x, 2),
        "The windows stand still. An even shift moves whole windows; an odd one moves pixels into other windows.",
        stride=2,
        signed=False,
    ),
    "fully connected": Operation(
        "Fully connected layer, random weights",
        _dense,
        "Each place has weights of its own, and nothing ties them together: what it computes at one place says nothing "
        "about another.",
    ),
}

# What the difference says, by the case that `case` finds here and `caseOf` in the browser.
READINGS = {
    "still": "No shift: this is the same picture in the same place, so there is nothing to compare.",
    "always": "No difference anywhere: this operation is equivariant to this shift.",
    "picture": "No difference anywhere, but only because of this picture: with another one there would be some.",
    "rim": "Different only near the rim, by up to {largest}. Inside, the two paths agree.",
    "inside": "Different inside the picture too, by up to {inside}: this operation is not equivariant to this shift.",
    "no inside": "Different, by up to {largest}. With this shift the picture is too small to have an inside.",
}


class EquivarianceMeter(Widget):
    """Show where shifting and then an operation differs from the operation and then shifting.

    A shift moves the picture around: what leaves on one side comes in on the other (`torch.roll`). The output of an
    operation with stride 2 is moved by half the shift, cut to a whole pixel towards zero.

    Args:
        operation: a key of `OPERATIONS`.
        image: (H, W), (1, H, W) or (3, H, W), float in [0, 1], sides even and from 10 to 64; colours are averaged.
            A drawing when not given.
        shift: (down, right), whole pixels, each from -8 to 8.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.

    `operation` and `shift` can be set at any time. The pixels are rounded to 256ths and the weights are simple
    fractions, so the sums are exact in float32: a difference of 0 is a true 0, here and in the browser.
    """

    operation = Choice("convolution", OPERATIONS).tag(sync=True)
    shift = Shift((0, 1)).tag(sync=True)

    operations = t.Dict(read_only=True).tag(sync=True)
    readings = t.Dict(READINGS, read_only=True).tag(sync=True)
    size = t.List(read_only=True).tag(sync=True)
    small_size = t.List(read_only=True).tag(sync=True)
    pixels = t.Bytes(read_only=True).tag(sync=True)
    small_pixels = t.Bytes(read_only=True).tag(sync=True)
    kernel = t.Bytes(WEIGHT.numpy().tobytes(), read_only=True).tag(sync=True)
    dense = t.Bytes(read_only=True).tag(sync=True)

    def __init__(
        self,
        operation: str = "convolution",
        image: Tensor | None = None,
        shift: Sequence[int] = (0, 1),
    ) -> None:
        self._image = drawing() if image is None else _image(image)
        height, width = self._image.shape
        small = F.adaptive_avg_pool2d(self._image[None], (min(height, DENSE_SIDE), min(width, DENSE_SIDE)))[0]
        self._small = _rounded(small)
        super().__init__(operation=operation, shift=shift)
        fixed = {
            "operations": {
                name: {"label": one.label, "rule": one.rule, "stride": one.stride, "signed": one.signed}
                for name, one in OPERATIONS.items()
            },
            "size": [height, width],
            "small_size": list(self._small.shape),
            "pixels": self._image.numpy().tobytes(),
            "small_pixels": self._small.numpy().tobytes(),
            "dense": (dense_weight(self._small.numel()) * 64).to(torch.int8).numpy().tobytes(),
        }
        for name, value in fixed.items():
            self.set_trait(name, value)

    @property
    def image(self) -> Tensor:
        """The picture that the operation sees: (H, W), float32, 256ths. It is small for the fully-connected layer."""
        return (self._small if self.operation == "fully connected" else self._image).clone()

    @property
    def paths(self) -> tuple[Tensor, Tensor]:
        """(shift, then the operation; the operation, then shift): each (H_out, W_out), float32."""
        operation = OPERATIONS[self.operation]
        x = self.image[None, None]
        moved = tuple(int(n / operation.stride) for n in self.shift)
        shift_first = operation.apply(torch.roll(x, self.shift, (2, 3)))
        operation_first = torch.roll(operation.apply(x), moved, (2, 3))
        return shift_first[0, 0], operation_first[0, 0]

    @property
    def difference(self) -> Tensor:
        """The first path minus the second: (H_out, W_out), float32, exact."""
        shift_first, operation_first = self.paths
        return shift_first - operation_first

    @property
    def largest(self) -> float:
        """The largest absolute difference, the rim included."""
        return self._measure()[0]

    @property
    def largest_inside(self) -> float | None:
        """The largest absolute difference inside; None where the shift leaves no inside.

        Inside are the pixels of the output whose windows see neither the rim nor what came in on the other side:
        |shift| + 1 pixels of the picture away from each side.
        """
        return self._measure()[1]

    @property
    def case(self) -> str:
        """Which of `READINGS` is true now."""
        return self._case(*self._measure())

    @property
    def reading(self) -> str:
        """What the difference says, in one sentence."""
        largest, inside = self._measure()
        return READINGS[self._case(largest, inside)].format(largest=f"{largest:.4g}", inside=f"{inside or 0:.4g}")

    def _measure(self) -> tuple[float, float | None]:
        """(largest, largest inside)"""
        stride = OPERATIONS[self.operation].stride
        down, right = ((abs(n) + stride) // stride for n in self.shift)  # (|shift| + 1) / stride, rounded up
        difference = self.difference.abs()
        height, width = difference.shape
        inside = difference[down : height - down, right : width - right]
        return difference.max().item(), inside.max().item() if 2 * down < height and 2 * right < width else None

    def _case(self, largest: float, inside: float | None) -> str:
        if self.shift == (0, 0):
            return "still"
        if largest == 0:
            even = self.operation in ("stride 2", "max pooling 2") and not any(n % 2 for n in self.shift)
            return "always" if even or self.operation == "circular padding" else "picture"
        if inside is None:
            return "no inside"
        return "inside" if inside else "rim"

    def still(self) -> tuple[bytes, str]:
        """Return a picture of both paths and their difference, and what it says."""
        from .. import plots

        operation = OPERATIONS[self.operation]
        shift_first, operation_first = self.paths
        limit = max(shift_first.abs().max().item(), operation_first.abs().max().item()) or 1.0
        axes = plots.axes(4, size=2.2)
        plots.image(self.image, axes[0], title="Picture")
        for ax, path, title in (
            (axes[1], shift_first, "Shift, then operation"),
            (axes[2], operation_first, "Operation, then shift"),
        ):
            if operation.signed:
                plots.signed(path, ax, title=title, limit=limit)
            else:
                plots.image(path, ax, title=title)
        plots.signed(self.difference, axes[3], title="Difference")
        down, right = self.shift
        alt = (
            f"{operation.label}, shift {down} down and {right} right: the picture, the output of both paths, and their "
            f"difference. {self.reading}"
        )
        return plots.to_png(axes[0].figure), alt


def drawing() -> Tensor:
    """Return the picture used when none is given, a tower under a low sun: (32, 32), float32, 256ths."""
    row, column = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    x = 0.75 - 0.012 * row + 0.006 * column
    x[(row - 9) ** 2 + (column - 22) ** 2 < 26] = 1.0
    x[row > 24 - 3 * torch.sin(column / 5)] = 0.25
    x[((column - 10).abs() < 4) & (row > 10)] = 0.1
    x[((column - 10).abs() < (row - 3) * 0.8) & (row < 11)] = 0.45
    x[((column - 10).abs() < 2) & (row > 14) & (row < 19)] = 0.9
    return _rounded(x)


def _rounded(x: Tensor) -> Tensor:
    return (x * STEP).round() / STEP


def _image(image: Tensor) -> Tensor:
    """Return the picture as (H, W), float32, 256ths, or say what is wrong with it."""
    try:
        x = torch.as_tensor(image).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        kind = type(image).__name__
        raise t.TraitError(f"image is of type {kind}; it must be a tensor (H, W), (1, H, W) or (3, H, W).") from None
    if x.ndim not in (2, 3) or (x.ndim == 3 and x.shape[0] not in (1, 3)):
        raise t.TraitError(f"image has shape {tuple(x.shape)}; it must be (H, W), (1, H, W) or (3, H, W).")
    if not all(SMALLEST <= side <= LARGEST and side % 2 == 0 for side in x.shape[-2:]):
        raise t.TraitError(
            f"image is {x.shape[-2]} × {x.shape[-1]} pixels; each side must be an even number from {SMALLEST} to "
            f"{LARGEST}: crop or scale it first."
        )
    if not x.is_floating_point():
        raise t.TraitError(f"image has dtype {x.dtype}; it must be float, in [0, 1]: divide whole numbers by 255.")
    if not torch.isfinite(x).all() or x.min() < 0 or x.max() > 1:
        raise t.TraitError(
            f"image holds values from {x.min().item():g} to {x.max().item():g}; all must be finite and in [0, 1]."
        )
    return _rounded(x.float().mean(0) if x.ndim == 3 else x.float()).contiguous()
