"""The window walker: a window steps over a grid of numbers, and the output fills."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor
from traitlets import Bunch, Dict, TraitError, TraitType, default, observe, validate

from ..shapes import conv_output_size, is_whole, short, window_pixels
from .base import Widget
from .traits import Choice, Pair, Whole

LARGEST_SIDE = 32
LARGEST_NUMBER = 1e6
MODES = ("zeros", "reflect", "replicate", "circular")
WEIGHTS = ("ones", "mean", "1, 2, 3, …")
PRESETS = ("row and column", "digits", "ones", "checkerboard", "photograph")
GEOMETRY = ("image", "kernel_size", "stride", "padding", "dilation", "padding_mode")
SETTINGS = (*GEOMETRY, "weights", "step", "pixel", "found")

# What the puzzle searches through, each from … to …, both included.
RANGES = {"kernel_size": (1, 7), "stride": (1, 4), "padding": (0, 3), "dilation": (1, 3)}

Setting = tuple[int, int, int, int]


def solutions(size: int, target: int) -> list[Setting]:
    """Return every (kernel_size, stride, padding, dilation) within `RANGES` that leads from `size` pixels to `target`.

    A kernel of one tap has nothing to dilate, so it is listed with dilation 1 only.

    Raises:
        ValueError: size or target is no whole number of at least 1; the message names it and its value.
    """
    found = []
    for setting in product(*(range(low, high + 1) for low, high in RANGES.values())):
        kernel_size, stride, padding, dilation = setting
        if kernel_size == 1 and dilation > 1:
            continue
        if size + 2 * padding > dilation * (kernel_size - 1):
            after = conv_output_size(size, kernel_size, stride=stride, padding=padding, dilation=dilation)
            if after == target:
                found.append(setting)
    return found


def preset(name: str, height: int, width: int) -> Tensor:
    """Return a grid of numbers, (height, width), float32: the upper left part of the preset of this name."""
    if name not in PRESETS:
        raise TraitError(f"image is {short(name)}; it must be a grid of numbers or one of {', '.join(PRESETS)}.")
    row, column = torch.meshgrid(torch.arange(LARGEST_SIDE), torch.arange(LARGEST_SIDE), indexing="ij")
    if name == "photograph":
        from .. import data

        grid = (data.photograph(48, grey=True)[0, 4:36, 8:40] * 99).round()
    elif name == "row and column":
        grid = 10 * row + column
    elif name == "digits":
        grid = (7 * row + 3 * column + row * column + row * row) % 10
    elif name == "checkerboard":
        grid = (row + column) % 2
    else:
        grid = torch.ones(LARGEST_SIDE, LARGEST_SIDE)
    return grid[:height, :width].float()


class Cells(TraitType):
    """A grid of numbers, kept as a tensor (H, W), float32."""

    def validate(self, walker: WindowWalker, value: object) -> Tensor:
        try:
            grid = torch.as_tensor(value).detach().cpu()
            fits = grid.layout == torch.strided and not grid.is_complex() and grid.dtype != torch.bool
        except (TypeError, ValueError, RuntimeError, OverflowError):
            fits = False
        if not fits:
            raise TraitError(f"image is {short(value)}; it must be a grid of numbers or one of {', '.join(PRESETS)}.")
        if grid.ndim == 3 and grid.shape[0] == 1:
            grid = grid[0]
        if grid.ndim != 2 or not all(1 <= side <= LARGEST_SIDE for side in grid.shape):
            raise TraitError(
                f"image has shape {tuple(grid.shape)}; it must be (H, W), each side from 1 to {LARGEST_SIDE}."
            )
        if not bool((grid.abs() <= LARGEST_NUMBER).all()):
            raise TraitError("image holds nan, an infinite number or one beyond ±1e6.")
        return grid.float().contiguous().clone()

    def set(self, walker: WindowWalker, value: object) -> None:
        if value is None:
            raise TraitError("image is None; give a grid of numbers, (H, W).")
        super().set(walker, value)


class Place(Pair):
    """(row, column) of a pixel of the padded input, counted from the input's own first pixel; or None."""

    allow_none = True
    needed = "(row, column), two whole numbers, or None"


class Found(TraitType):
    """The solutions of the puzzle that are found, in the order in which they were."""

    def validate(self, walker: WindowWalker, value: object) -> tuple[Setting, ...]:
        known = solutions(*walker.puzzle)
        if not isinstance(value, tuple | list):
            raise TraitError(f"found is {short(value)}; it must be a list of (k, s, p, d).")
        found = [tuple(one) if isinstance(one, tuple | list) else one for one in value]
        for one in found:
            if not isinstance(one, tuple) or one not in known:
                size, target = walker.puzzle
                raise TraitError(f"found holds {short(one)}; that does not lead from {size} to {target}.")
        return tuple(dict.fromkeys(found))


class WindowWalker(Widget):
    """Let a window step over a grid of numbers: what it reads, what comes out, and what is never read.

    A value that is refused raises traitlets.TraitError and leaves everything as it was. `set` changes several
    settings at once, all or none.

    Args:
        image: (H, W), numbers within ±1e6, 1 to 32 a side; or the name of one of `PRESETS`, which is cut to `size`.
        kernel_size, stride, padding, dilation: as in torch.nn.functional.conv2d, the same for rows and columns.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        weights: "ones" (the output is the sum of what the window reads), "mean" (their mean) or "1, 2, 3, …", row by
            row.
        step: the number of the window, from 0, row by row; the output is filled up to it.
        pixel: (row, column) of an input pixel whose readers are marked, or None. Negative numbers and numbers from H or
            W on lie in the padding.
        size: (H, W) of a named image.
        puzzle: (size, target) of the puzzle below the walk.
    """

    image = Cells().tag(sync=True, to_json=lambda x, _: x.tolist())
    kernel_size = Whole(3, 1, 7).tag(sync=True)
    stride = Whole(1, 1, 8).tag(sync=True)
    padding = Whole(0, 0, 8).tag(sync=True)
    dilation = Whole(1, 1, 8).tag(sync=True)
    padding_mode = Choice("zeros", MODES).tag(sync=True)
    weights = Choice("ones", WEIGHTS).tag(sync=True)
    step = Whole(0, 0, 10_000).tag(sync=True)
    pixel = Place(None).tag(sync=True)
    found = Found(()).tag(sync=True)
    _presets = Dict().tag(sync=True)
    _puzzle = Dict().tag(sync=True)

    def __init__(
        self,
        image: Tensor | Sequence[Sequence[float]] | str = "row and column",
        kernel_size: int = 3,
        *,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        padding_mode: str = "zeros",
        weights: str = "ones",
        step: int = 0,
        pixel: tuple[int, int] | None = None,
        size: tuple[int, int] = (6, 7),
        puzzle: tuple[int, int] = (28, 14),
    ) -> None:
        self.puzzle = _sizes("puzzle", puzzle, 1000)
        super().__init__(
            image=preset(image, *_sizes("size", size, LARGEST_SIDE)) if isinstance(image, str) else image,
            kernel_size=kernel_size,
            stride=stride,
            padding=padding,
            dilation=dilation,
            padding_mode=padding_mode,
            weights=weights,
            step=step,
            pixel=pixel,
        )

    def set(self, **state: object) -> None:
        """Change several settings at once: all of them or, when one is refused, none.

        Raises:
            TraitError: a name or a value is refused; one sentence says which and why.
        """
        if unknown := sorted(set(state) - set(SETTINGS)):
            raise TraitError(f"there is no setting {short(unknown[0])}; there are {', '.join(SETTINGS)}.")
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in state.items():
                setattr(self, name, value)

    @property
    def weight(self) -> Tensor:
        """The weights as conv2d takes them: (1, 1, k, k), float32."""
        taps = self.kernel_size**2
        made = {"ones": torch.ones(taps), "mean": torch.full((taps,), 1 / taps)}
        weight = made.get(self.weights, torch.arange(1.0, taps + 1))
        return weight.view(1, 1, self.kernel_size, self.kernel_size)

    @property
    def padded(self) -> Tensor:
        """The image with its padding: (H + 2·padding, W + 2·padding), float32."""
        return _padded(self.image, self.padding, self.padding_mode)

    @property
    def output(self) -> Tensor:
        """torch's answer to the present state: (H_out, W_out), float32."""
        return F.conv2d(self.padded[None, None], self.weight, stride=self.stride, dilation=self.dilation)[0, 0]

    @property
    def place(self) -> tuple[int, int]:
        """Row and column of the output pixel that the present step computes."""
        return divmod(self.step, self._output_size()[1])

    @property
    def window(self) -> Tensor:
        """The numbers that the window reads at the present step: (k, k), float32."""
        padding = self.padding
        rows, columns = (
            [at + padding for at in window_pixels(index, self.kernel_size, **self._sliding())] for index in self.place
        )
        return self.padded[rows][:, columns]

    @property
    def unread(self) -> Tensor:
        """Where an input pixel is read by no window, neither itself nor a copy of it in the padding: (H, W), bool."""
        image = torch.zeros_like(self.image, requires_grad=True)
        padded = _padded(image, self.padding, self.padding_mode)
        ones = torch.ones_like(self.weight)
        F.conv2d(padded[None, None], ones, stride=self.stride, dilation=self.dilation).sum().backward()
        return image.grad == 0

    @property
    def readers(self) -> Tensor:
        """Where a window reads the place `pixel`: (H_out, W_out), bool; nowhere when `pixel` is None."""
        size = self._output_size()
        if self.pixel is None:
            return torch.zeros(size, dtype=torch.bool)
        rows, columns = (
            torch.tensor([at in window_pixels(index, self.kernel_size, **self._sliding()) for index in range(count)])
            for at, count in zip(self.pixel, size, strict=True)
        )
        return rows[:, None] & columns

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the padded input with the window and of the output so far, and its alt text."""
        from .. import plots

        (height, width), output, padding = self.image.shape, self.output, self.padding
        (row, column), scale = self.place, _scale(self.image)
        done = torch.arange(output.numel()).view(output.shape) <= self.step
        written = max(*self.padded.shape, *output.shape) <= 14
        left, right = plots.axes(2, size=3.4)
        shades = (self.padded - scale[0]) / scale[1]
        plots.image(shades, left, title=f"input {height} × {width}, padding {padding}")
        plots.hatch(left, F.pad(self.unread, (padding,) * 4))
        if padding:
            plots.mark(left, padding, padding, height, width, dashed=True)
        for taps in product(range(self.kernel_size), repeat=2):
            at = [n * self.stride + tap * self.dilation for n, tap in zip((row, column), taps, strict=True)]
            plots.mark(left, *at, 1, 1)
        low, span = _scale(output)
        shown = torch.where(done, (output - low) / span, 1.0)
        plots.image(shown, right, title=f"output {output.shape[0]} × {output.shape[1]}")
        plots.mark(right, row, column, 1, 1)
        if written:
            _write(left, self.padded, shades)
            _write(right, output.where(done, torch.nan), shown)
        unread = int(self.unread.sum())
        alt = (
            f"Window walker: an input of {height} × {width} numbers, padding {padding} ({self.padding_mode}), kernel "
            f"size {self.kernel_size}, stride {self.stride}, dilation {self.dilation}; the output has "
            f"{output.shape[0]} × {output.shape[1]} numbers. The window stands at output row {row}, column {column}, "
            f"which is {output[row, column]:.4g}. No window reads {unread} of the input's {height * width} pixels."
        )
        return plots.to_png(left.figure), alt

    @default("_presets")
    def _list_presets(self) -> dict[str, list[list[float]]]:
        return {name: preset(name, LARGEST_SIDE, LARGEST_SIDE).tolist() for name in PRESETS}

    @default("_puzzle")
    def _describe_puzzle(self) -> dict[str, object]:
        size, target = self.puzzle
        return {"size": size, "target": target, "ranges": RANGES, "count": len(solutions(size, target))}

    @validate(*GEOMETRY)
    def _fits(self, proposal: Bunch) -> object:
        self._output_size(**{proposal.trait.name: proposal.value})
        return proposal.value

    @validate("step")
    def _inside(self, proposal: Bunch) -> int:
        height, width = self._output_size()
        if proposal.value >= height * width:
            raise TraitError(f"step is {proposal.value}; the output has {height} × {width} pixels, counted from 0.")
        return proposal.value

    @validate("pixel")
    def _on_the_grid(self, proposal: Bunch) -> tuple[int, int] | None:
        if proposal.value is not None and not self._is_on_grid(proposal.value):
            height, width = self.image.shape
            raise TraitError(
                f"pixel is {proposal.value}; the padded input has the rows {-self.padding} to "
                f"{height + self.padding - 1} and the columns {-self.padding} to {width + self.padding - 1}."
            )
        return proposal.value

    @observe(*GEOMETRY)
    def _keep_inside(self, _: Bunch) -> None:
        height, width = self._output_size()
        self.step = min(self.step, height * width - 1)
        if self.pixel is not None and not self._is_on_grid(self.pixel):
            self.pixel = None

    def _is_on_grid(self, place: tuple[int, int]) -> bool:
        sides = zip(place, self.image.shape, strict=True)
        return all(-self.padding <= at < side + self.padding for at, side in sides)

    def _sliding(self) -> dict[str, int]:
        return {"stride": self.stride, "padding": self.padding, "dilation": self.dilation}

    def _output_size(self, **changed: object) -> tuple[int, int]:
        """Return the output's height and width, or raise TraitError when the settings do not go together."""
        state = Bunch({name: getattr(self, name) for name in GEOMETRY} | changed)
        shorter, padding = min(state.image.shape), state.padding
        if state.padding_mode == "reflect" and padding >= shorter:
            raise TraitError(f"padding is {padding}; reflect needs less than the input's shorter side, {shorter}.")
        if state.padding_mode == "circular" and padding > shorter:
            raise TraitError(f"padding is {padding}; circular needs at most the input's shorter side, {shorter}.")
        sliding = {"stride": state.stride, "padding": padding, "dilation": state.dilation}
        try:
            height, width = (conv_output_size(side, state.kernel_size, **sliding) for side in state.image.shape)
        except ValueError as error:
            raise TraitError(f"{error}.") from None
        return height, width


def _padded(image: Tensor, padding: int, mode: str) -> Tensor:
    return F.pad(image[None, None], (padding,) * 4, mode="constant" if mode == "zeros" else mode)[0, 0]


def _scale(numbers: Tensor) -> tuple[float, float]:
    """Return what is painted black, and how far white lies above it: 0 and the largest, if there is no other sign."""
    low, high = min(0.0, float(numbers.min())), max(0.0, float(numbers.max()))
    return low, high - low or 1.0


def _write(ax: object, numbers: Tensor, shades: Tensor) -> None:
    """Write each number into its cell of `ax`, an Axes, in black or white; nan stands for nothing."""
    for (row, column), number in zip(product(*map(range, numbers.shape)), numbers.flatten().tolist(), strict=True):
        if number == number:
            colour = "white" if shades[row, column] < 0.45 else "black"
            text = f"{number:.3g}".replace("-", "−")
            ax.text(column, row, text, ha="center", va="center", fontsize=8, color=colour)


def _sizes(name: str, value: object, largest: int) -> tuple[int, int]:
    pair = isinstance(value, tuple | list) and len(value) == 2
    if not pair or not all(is_whole(n) and 1 <= n <= largest for n in value):
        raise TraitError(f"{name} is {short(value)}; it must be two whole numbers from 1 to {largest}.")
    return int(value[0]), int(value[1])
