"""The kernel lab: drag a kernel's weight over a picture and see the result under the finger."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from traitlets import Bunch, Dict, List, TraitError, TraitType, default, observe, validate

from ..kernels import KERNELS
from ..shapes import conv_output_size, is_number, short
from .base import Widget
from .traits import Checked, Choice, Pixel, Whole, YesNo

Image = Tensor | Sequence
Grid = Tensor | Sequence[Sequence[float]] | str

LARGEST_SIDE = 512  # of the image, pixels
LARGEST_KERNEL = 7
LARGEST_WEIGHT = 1e6
SMALLEST_DIVISOR = 1e-6
WRITTEN_OUT = 12  # images up to this side are small enough to write every number of them
GREY = (0.299, 0.587, 0.114)

# What a learner turns: all that undo, reset and the browser deal with.
SETTINGS = (
    *("kernel", "divisor", "normalise", "stride", "padding", "padding_mode", "dilation", "display", "probe"),
    *("colour", "channel", "second", "second_divisor"),
)
GEOMETRY = ("image", "kernel", "stride", "padding", "padding_mode", "dilation", "second")


class Picture(TraitType):
    """A grey image, a tensor (1, H, W), float32 in [0, 1]. Its attribute `colours` is (3, H, W), or None."""

    def validate(self, lab: KernelLab, value: object) -> Tensor:
        x = _numbers(self.name, value)
        shape = tuple(x.shape)
        if x.ndim == 2:
            x = x[None]
        if x.ndim != 3 or x.shape[0] not in (1, 3):
            raise TraitError(f"image has shape {shape}; it must be (H, W), (1, H, W) or (3, H, W).")
        if not all(1 <= side <= LARGEST_SIDE for side in x.shape[1:]):
            raise TraitError(f"image has shape {shape}; each side must have 1 to {LARGEST_SIDE} pixels.")
        if not bool(((x >= 0) & (x <= 1)).all()):
            low, high = float(x.min()), float(x.max())
            raise TraitError(
                f"image holds values from {low:g} to {high:g}; they must lie in [0, 1] (divide bytes by 255)."
            )
        x, colours = x.float().contiguous(), getattr(value, "colours", None)
        if x.shape[0] == 3:
            x, colours = (x * torch.tensor(GREY).view(3, 1, 1)).sum(0, keepdim=True).clamp(0, 1), x
        x.colours = colours
        return x

    @staticmethod
    def to_json(image: Tensor, lab: KernelLab) -> dict:
        """Return what the browser gets: all channels, a byte for each number where that holds it exactly."""
        pixels = (image if image.colours is None else image.colours).numpy()
        levels = np.rint(pixels * 255).astype(np.uint8)
        data = levels if np.array_equal(levels / np.float32(255), pixels) else pixels
        channels, height, width = pixels.shape
        return {"height": height, "width": width, "channels": channels, "data": memoryview(data).cast("B")}

    @staticmethod
    def from_json(value: object, lab: KernelLab) -> object:
        """Return the picture that the browser sends, as `to_json` writes it; what is none is refused when it is set."""
        try:
            shape = [int(value[name]) for name in ("channels", "height", "width")]
            data = np.frombuffer(value["data"], np.uint8)
            pixels = data / np.float32(255) if data.size == math.prod(shape) else data.view(np.float32).copy()
            return torch.from_numpy(pixels.reshape(shape))
        except (TypeError, ValueError, KeyError):
            return "not a picture"

    def set(self, lab: KernelLab, value: object) -> None:
        if value is None:
            raise TraitError("image is None; give a tensor (H, W), (1, H, W) or (3, H, W).")
        super().set(lab, value)


class KernelGrid(TraitType):
    """A square grid of weights, kept as rows of floats. A name sets what belongs to the named kernel."""

    def validate(self, lab: KernelLab, value: object) -> tuple[tuple[float, ...], ...]:
        x = _numbers(self.name, value)
        if x.ndim != 2 or x.shape[0] != x.shape[1] or not 1 <= x.shape[0] <= LARGEST_KERNEL:
            raise TraitError(
                f"{self.name} has shape {tuple(x.shape)}; it must be square, 1 × 1 to {LARGEST_KERNEL} × "
                f"{LARGEST_KERNEL}."
            )
        if not bool((x.abs() <= LARGEST_WEIGHT).all()):
            worst = float(x.flatten()[x.abs().nan_to_num(math.inf).argmax()])
            raise TraitError(f"{self.name} holds the weight {worst:g}; weights must lie between −1e6 and 1e6.")
        return tuple(tuple(row) for row in x.double().tolist())

    def set(self, lab: KernelLab, value: object) -> None:
        if isinstance(value, str):
            lab.set(**{self.name: value})
        else:
            super().set(lab, value)


class Divisor(Checked):
    """A number to divide by."""

    keep = float
    needed = "a number other than 0, from 1e-6 to 1e6 in size"

    def fits(self, value: object) -> bool:
        return is_number(value) and SMALLEST_DIVISOR <= abs(value) <= LARGEST_WEIGHT


class KernelLab(Widget):
    """Slide a kernel over a picture, and a second one over the result. Every setting turns here and in the browser.

    A value that is refused raises traitlets.TraitError and leaves everything as it was. `set` changes several
    settings at once, all or none.

    Args:
        image: (H, W), (1, H, W) or (3, H, W), float in [0, 1], 1 to 512 pixels a side; colours turn grey. The
            built-in photograph when not given. In the browser it can be replaced by a file or a photo.
        kernel: a square grid of weights, 1×1 to 7×7, within ±1e6; or the name of one in `helpers.kernels.KERNELS`,
            which brings its divisor and a display along.
        divisor: what the sum of the products is divided by, not 0.
        normalise: divide by the sum of the weights instead (by 1 when they sum to 0).
        stride, padding, dilation: as in torch.nn.functional.conv2d, whole numbers, at most 64.
        padding_mode: "zeros", "reflect", "replicate" or "circular".
        display: "clip" paints 0 to 1 from black to white, "absolute" the size of each number, "signed" blue, white
            and red with white for 0. When not given: signed for a kernel that sums to 0, else clip.
        probe: (row, column) of the output pixel whose arithmetic is shown. When not given: in the middle third of the
            result, the pixel of the largest magnitude; of equals the first, row by row.
        show_matrix: show this pixel's unfold column and matrix row too.
        colour: keep a colour picture's channels, and apply the kernel to each of them.
        channel: which channel's arithmetic is shown then: 0 red, 1 green, 2 blue.
        second: a second kernel, applied to the first one's result with the same padding; a grid or a name. Stride and
            dilation must be 1 beside it. None for none.
        second_divisor: what its sum of products is divided by.
    """

    image = Picture().tag(sync=True, to_json=Picture.to_json, from_json=Picture.from_json)
    kernel = KernelGrid(((1.0,),)).tag(sync=True)
    divisor = Divisor(1.0).tag(sync=True)
    normalise = YesNo(False).tag(sync=True)
    stride = Whole(1, 1, 64).tag(sync=True)
    padding = Whole(0, 0, 64).tag(sync=True)
    padding_mode = Choice("zeros", ("zeros", "reflect", "replicate", "circular")).tag(sync=True)
    dilation = Whole(1, 1, 64).tag(sync=True)
    display = Choice("clip", ("clip", "absolute", "signed")).tag(sync=True)
    probe = Pixel((0, 0)).tag(sync=True)
    show_matrix = YesNo(False).tag(sync=True)
    colour = YesNo(False).tag(sync=True)
    channel = Whole(0, 0, 2).tag(sync=True)
    second = KernelGrid(None, allow_none=True).tag(sync=True)
    second_divisor = Divisor(1.0).tag(sync=True)
    _presets = List().tag(sync=True)
    _start = Dict().tag(sync=True)
    _image_code = List().tag(sync=True)  # for the grey picture, for the one in colour

    def __init__(
        self,
        image: Image | None = None,
        kernel: Grid = "sobel x",
        *,
        divisor: float | None = None,
        normalise: bool = False,
        stride: int = 1,
        padding: int = 0,
        padding_mode: str = "zeros",
        dilation: int = 1,
        display: str | None = None,
        probe: tuple[int, int] | None = None,
        show_matrix: bool = False,
        colour: bool = False,
        channel: int = 0,
        second: Grid | None = None,
        second_divisor: float | None = None,
    ) -> None:
        state = _named(kernel) if isinstance(kernel, str) else {"kernel": kernel}
        state |= _named(second, "second") if isinstance(second, str) else {"second": second}
        given = {"divisor": divisor, "display": display, "probe": probe, "second_divisor": second_divisor}
        state |= {name: value for name, value in given.items() if value is not None}
        super().__init__(
            **{"image": _photograph(colour is True) if image is None else image, "stride": stride}
            | {"normalise": normalise, "colour": colour, "channel": channel}
            | {"padding": padding, "padding_mode": padding_mode, "dilation": dilation, "show_matrix": show_matrix}
            | state
        )
        with self.hold_sync():
            if display is None:
                self.display = _display(self.kernel)
            if probe is None:
                self.probe = _strongest(self.output[0])
            if image is None:
                self._image_code = [f"{COLOUR_CODE}\n{GREY_CODE}", COLOUR_CODE] if colour else [PHOTOGRAPH_CODE] * 2
            self._start = {name: getattr(self, name) for name in SETTINGS if name != "probe"}

    def set(self, **state: object) -> None:
        """Change several settings at once: all of them or, when one is refused, none.

        Raises:
            TraitError: a name or a value is refused; one sentence says which and why.
        """
        unknown = sorted(set(state) - {*SETTINGS, "image", "show_matrix"})
        if unknown:
            raise TraitError(f"there is no setting {short(unknown[0])}; there are {', '.join(('image', *SETTINGS))}.")
        for which in ("kernel", "second"):
            if isinstance(state.get(which), str):
                state = _named(state[which], which) | {name: value for name, value in state.items() if name != which}
        with self.hold_sync(), self.hold_trait_notifications():
            for name, value in state.items():
                setattr(self, name, value)

    def reset(self) -> None:
        """Go back to the settings that the lab was made with."""
        self.set(**self._start)

    @property
    def divides_by(self) -> float:
        """What the sum of the products is divided by: the divisor or, with normalise, the sum of the weights."""
        if not self.normalise:
            return self.divisor
        total = sum(weight for row in self.kernel for weight in row)
        return total if abs(total) >= SMALLEST_DIVISOR else 1.0

    @property
    def weight(self) -> Tensor:
        """The weights after the division, as conv2d takes them: (1, 1, k, k), float32."""
        return (torch.tensor(self.kernel, dtype=torch.float64) / self.divides_by).float()[None, None]

    @property
    def picture(self) -> Tensor:
        """What the kernel slides over: the grey image, (1, H, W), or with colour its channels, (3, H, W)."""
        return self.image.colours if self.colour and self.image.colours is not None else self.image

    @property
    def padded(self) -> Tensor:
        """The picture with its padding: (1 or 3, H + 2·padding, W + 2·padding), float32."""
        return self._pad(self.picture)

    @property
    def output(self) -> Tensor:
        """torch's answer to the present state, the (first) kernel's result: (1 or 3, H_out, W_out), float32."""
        return _slide(self.padded, self.weight, stride=self.stride, dilation=self.dilation)

    @property
    def second_weight(self) -> Tensor:
        """The second kernel's weights after the division: (1, 1, k, k), float32."""
        if self.second is None:
            raise ValueError("there is no second kernel: set `second` to a grid or a name first")
        return (torch.tensor(self.second, dtype=torch.float64) / self.second_divisor).float()[None, None]

    @property
    def both(self) -> Tensor:
        """The second kernel's result over `output`, which is padded again: (1 or 3, H', W'), float32."""
        return _slide(self._pad(self.output), self.second_weight)

    @property
    def merged(self) -> Tensor:
        """The one kernel that does what the two do: (1, 1, m, m) with m = k1 + k2 − 1, float32."""
        return F.conv_transpose2d(self.weight, self.second_weight)

    @property
    def at_once(self) -> Tensor:
        """The merged kernel's result over the picture, padded twice as far: as large as `both`, and equal inside."""
        return _slide(self._pad(self.picture, 2), self.merged)

    def _pad(self, x: Tensor, times: int = 1) -> Tensor:
        mode = "constant" if self.padding_mode == "zeros" else self.padding_mode
        return F.pad(x, (times * self.padding,) * 4, mode=mode)

    @property
    def patch(self) -> Tensor:
        """The pixels under the kernel when it computes the output pixel `probe`: (k, k), float32."""
        size, (row, column) = len(self.kernel), self.probe
        reach = self.dilation * (size - 1) + 1
        top, left = row * self.stride, column * self.stride
        plane = self.padded[self.channel if len(self.picture) == 3 else 0]
        return plane[top : top + reach : self.dilation, left : left + reach : self.dilation]

    @property
    def products(self) -> Tensor:
        """Patch times weights, not divided yet: (k, k), float32. Their sum / divides_by is the output pixel."""
        return self.patch * torch.tensor(self.kernel)

    def torch_code(self) -> str:
        """Return the present state as torch code that sets `output`, and with a second kernel `both` and `at_once`.

        A small image is written out and the built-in photograph is loaded; any other must be there as `image`.
        """
        zeros, p = self.padding_mode == "zeros", self.padding
        in_colour = len(self.picture) == 3

        def applied(to: str, source: str, weight: str, padding: int, **settings: int) -> str:
            pad = ""
            if padding and not zeros:
                pad = f'padded = F.pad({source}, {(padding,) * 4}, mode="{self.padding_mode}")\n'
            settings |= {"padding": padding if zeros else 0}
            usual = {"stride": 1, "dilation": 1, "padding": 0}
            arguments = "".join(f", {name}={value}" for name, value in settings.items() if value != usual[name])
            return f"{pad}{to} = F.conv2d({'padded' if pad else source}, {weight}{arguments})\n"

        code = f"import torch\nimport torch.nn.functional as F\n\n{self._image_code[in_colour]}\n"
        if in_colour:
            code += "image = image[:, None]  # (3, 1, H, W): each channel is a picture of its own\n"
        code += _weight_code("weight", self.kernel, self.divides_by)
        code += applied("output", "image", "weight", p, stride=self.stride, dilation=self.dilation)
        if self.second is not None:
            code += _weight_code("second", self.second, self.second_divisor)
            code += applied("both", "output", "second", p)
            code += "merged = F.conv_transpose2d(weight, second)\n" + applied("at_once", "image", "merged", 2 * p)
        return code

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the image, the kernel and the result, and its alt text."""
        from .. import plots

        size, (height, width), output = len(self.kernel), self.image.shape[1:], self.output
        divided = "" if self.divides_by == 1 else f", divided by {self.divides_by:.4g}"
        left, middle, right, *more = plots.axes(3 if self.second is None else 5)
        plots.image(self.picture, left, title=f"image, {height} × {width}")
        top, start = (at * self.stride - self.padding for at in self.probe)
        reach = self.dilation * (size - 1) + 1
        if top >= 0 and start >= 0 and top + reach <= height and start + reach <= width:
            plots.mark(left, top, start, reach, reach)
        plots.kernel(torch.tensor(self.kernel), middle, title=f"kernel{divided}")
        self._draw(output, right, f"result, {output.shape[1]} × {output.shape[2]}")
        plots.mark(right, *self.probe, 1, 1)
        colour = ", in colour" if len(output) == 3 else ""
        alt = (
            f"Kernel lab: an image of {height} × {width} pixels{colour}, the {size} × {size} kernel "
            f"{_rows(self.kernel)}{divided}, and the "
            f"{output.shape[1]} × {output.shape[2]} result ({self.display}). Stride {self.stride}, padding "
            f"{self.padding} ({self.padding_mode}), dilation {self.dilation}."
        )
        if more:
            plots.kernel(torch.tensor(self.second) / self.second_divisor, more[0], title="second kernel")
            self._draw(self.both, more[1], "after both")
            alt += f" A second kernel, {_rows(self.second)}, is applied to the result."
        return plots.to_png(left.figure), alt

    def _draw(self, result: Tensor, ax: object, title: str) -> None:
        """Draw a result (1 or 3, H, W) as the display says; in colour, grey is the middle of a signed one."""
        from .. import plots

        most = result.abs().max().clamp(min=1e-12)
        if self.display == "signed" and len(result) == 1:
            plots.signed(result, ax, title=title)
        else:
            shown = {"signed": 0.5 + result / most / 2, "absolute": result.abs() / most, "clip": result}
            plots.image(shown[self.display], ax, title=title)

    @default("_presets")
    def _list_presets(self) -> list[dict]:
        return [_named(name) | {"name": name, "sees": kernel.sees} for name, kernel in KERNELS.items()]

    @validate(*GEOMETRY)
    def _fits(self, proposal: Bunch) -> object:
        self._output_size(**{proposal.trait.name: proposal.value})
        return proposal.value

    @validate("probe")
    def _inside(self, proposal: Bunch) -> tuple[int, int]:
        height, width = self._output_size()
        row, column = proposal.value
        if row >= height or column >= width:
            raise TraitError(
                f"probe is {proposal.value}; the output has {height} × {width} pixels, counted from (0, 0)."
            )
        return proposal.value

    @observe(*GEOMETRY)
    def _keep_probe_inside(self, _: Bunch) -> None:
        height, width = self._output_size()
        self.probe = (min(self.probe[0], height - 1), min(self.probe[1], width - 1))

    @observe("image")
    def _write_image_code(self, _: Bunch) -> None:
        self._image_code = _image_code(self.image)

    def _output_size(self, **changed: object) -> tuple[int, int]:
        """Return the output's height and width, or raise TraitError when the settings do not go together."""
        state = Bunch({name: getattr(self, name) for name in GEOMETRY} | changed)
        sides, padding, size = state.image.shape[1:], state.padding, len(state.kernel)
        shorter = min(sides)
        if state.padding_mode == "reflect" and padding >= shorter:
            raise TraitError(
                f"padding is {padding}; reflect needs less than the image's shorter side, {shorter} pixels."
            )
        if state.padding_mode == "circular" and padding > shorter:
            raise TraitError(
                f"padding is {padding}; circular needs at most the image's shorter side, {shorter} pixels."
            )
        if state.stride > shorter + 2 * padding:
            raise TraitError(
                f"stride is {state.stride}; the padded image has {shorter + 2 * padding} pixels on its shorter side, "
                "so a stride can be that at most."
            )
        try:
            height, width = (
                conv_output_size(side, size, stride=state.stride, padding=padding, dilation=state.dilation)
                for side in sides
            )
        except ValueError as error:
            raise TraitError(f"{error}.") from None
        if state.second is not None:
            self._second_fits(state, min(height, width))
        return height, width

    def _second_fits(self, state: Bunch, between: int) -> None:
        """Raise TraitError when a second kernel does not fit; `between` is the shorter side of the first result."""
        for name in ("stride", "dilation"):
            if state[name] != 1:
                raise TraitError(f"{name} is {state[name]}; beside a second kernel it must be 1.")
        size, padding, shorter = len(state.second), state.padding, min(state.image.shape[1:])
        if size > between + 2 * padding:
            raise TraitError(
                f"second has {size} × {size} weights, but the first result, padded, has only {between + 2 * padding} "
                "pixels on its shorter side."
            )
        most = {"reflect": min(between - 1, (shorter - 1) // 2), "circular": min(between, shorter // 2)}
        if padding > most.get(state.padding_mode, padding):
            raise TraitError(
                f"padding is {padding}; with a second kernel, {state.padding_mode} has room for "
                f"{most[state.padding_mode]} here, because the merged kernel needs twice the padding."
            )


def _numbers(name: str, value: object) -> Tensor:
    """Return `value` as a tensor of finite real numbers on the CPU."""
    try:
        x = torch.as_tensor(value).detach().cpu()
        if not isinstance(value, Tensor) and x.dtype != torch.bool:
            x = torch.as_tensor(value, dtype=torch.float64)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        x = None
    if x is None or x.dtype == torch.bool or x.is_complex() or x.layout != torch.strided:
        given = f"a tensor of {value.dtype}, {value.layout}" if isinstance(value, Tensor) else short(value)
        raise TraitError(f"{name} is {given}; it must be a tensor or a grid of numbers.")
    if x.numel() == 0:
        raise TraitError(f"{name} has shape {tuple(x.shape)}; it must hold at least one number.")
    if not bool(torch.isfinite(x).all()):
        raise TraitError(f"{name} holds nan or an infinite number; all its numbers must be finite.")
    return x if x.is_floating_point() else x.double()


def _named(name: str, which: str = "kernel") -> dict[str, object]:
    """Return the settings that belong to a named kernel, or to a named second one."""
    if name not in KERNELS:
        raise TraitError(f"{which} is {short(name)}; it must be a grid of numbers or one of {', '.join(KERNELS)}.")
    grid, divisor = KERNELS[name].grid, float(KERNELS[name].divisor)
    weights = tuple(tuple(map(float, row)) for row in grid)
    if which == "second":
        return {"second": weights, "second_divisor": divisor}
    return {
        "kernel": weights,
        "divisor": divisor,
        "normalise": False,
        "display": _display(grid),
    }


def _display(grid: Sequence[Sequence[float]]) -> str:
    """Return the display that suits a kernel: one that sums to 0 is silent on flat areas and has two signs."""
    weights = [weight for row in grid for weight in row]
    return "signed" if any(weights) and abs(sum(weights)) < SMALLEST_DIVISOR else "clip"


def _strongest(result: Tensor) -> tuple[int, int]:
    """Return the place of the largest magnitude in the middle third of `result` (H, W); of equals the first."""
    top, left = (side // 3 for side in result.shape)
    middle = result[top : len(result) - top, left : result.shape[1] - left].abs()
    equals = middle >= middle.max() * (1 - 1e-4)  # what differs by rounding is equal on every machine
    row, column = equals.nonzero()[0].tolist()
    return top + row, left + column


PHOTOGRAPH_SIDE = 128
PHOTOGRAPH_CODE = f"from helpers import data\n\nimage = data.photograph({PHOTOGRAPH_SIDE}, grey=True)"
COLOUR_CODE = f"from helpers import data\n\nimage = data.photograph({PHOTOGRAPH_SIDE})"
GREY_CODE = f"image = (image * torch.tensor({list(GREY)}).view(3, 1, 1)).sum(0, keepdim=True)"


def _photograph(colour: bool) -> Tensor:
    from .. import data

    return data.photograph(PHOTOGRAPH_SIDE, grey=not colour)


def _slide(x: Tensor, weight: Tensor, **settings: int) -> Tensor:
    """Apply one kernel (1, 1, k, k) to each channel of x (C, H, W) by itself."""
    return F.conv2d(x[:, None], weight, **settings)[:, 0]


def _rows(grid: Sequence[Sequence[float]]) -> str:
    return "; ".join(" ".join(f"{weight:.4g}".replace("-", "−") for weight in row) for row in grid)


def _weight_code(name: str, grid: Sequence[Sequence[float]], divisor: float) -> str:
    rows = "".join(f"    [{', '.join(map(repr, row))}],\n" for row in grid)
    divided = "" if divisor == 1 else f" / {divisor!r}"
    return f"{name} = torch.tensor([\n{rows}]).view(1, 1, {len(grid)}, {len(grid)}){divided}\n"


def _image_code(image: Tensor) -> list[str]:
    """Return the lines of code that bring an image, in grey and in colour."""
    return [_one_image_code(x) for x in (image, image if image.colours is None else image.colours)]


def _one_image_code(x: Tensor) -> str:
    if max(x.shape) > WRITTEN_OUT:
        return f"# image: a float tensor {tuple(x.shape)} with values in [0, 1]"
    planes = "], [\n".join(
        "".join(f"    [{', '.join(f'{value:.9g}' for value in row)}],\n" for row in plane) for plane in x.tolist()
    )
    return f"image = torch.tensor([[\n{planes}]], dtype=torch.float32)"
