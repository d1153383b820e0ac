"""Sizes and pixels along one axis: output size, receptive field, which pixels a window reads. Needs no torch.

It begins with the checks of arguments that all of helpers share.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral, Real

LARGEST = 10**9  # no size, count or setting is above this
LISTED = 10**6  # no list of pixels is longer than this


def short(value: object) -> str:
    """Return `value` as an error message shows it: on one line, at most 60 characters, of a tensor only its shape."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"a {type(value).__name__} of shape {tuple(shape)}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of too many digits, or a broken __repr__
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:59]}…"


def is_whole(value: object) -> bool:
    """Return whether `value` is a whole number, of Python or of numpy; True and False are none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_number(value: object) -> bool:
    """Return whether `value` is a real number, of Python or of numpy; True and False are none."""
    return isinstance(value, Real) and not isinstance(value, bool)


def as_float(value: object) -> float:
    """Return `value` as a float: nan where it is no number, infinite where no float is as large."""
    if not is_number(value):
        return math.nan
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def whole_number(name: str, value: object, at_least: int = -LARGEST, at_most: int = LARGEST) -> int:
    """Return `value` as an int; raise ValueError, naming it, unless it is a whole number from at_least to at_most."""
    if not is_whole(value):
        raise ValueError(f"{name} must be a whole number, got {short(value)} of type {type(value).__name__}")
    number = int(value)
    if number < at_least:
        raise ValueError(f"{name} must be at least {at_least}, got {short(number)}")
    if number > at_most:
        raise ValueError(f"{name} must be at most {at_most}, got {short(number)}")
    return number


def whole_numbers(name: str, values: object, at_least: int = -LARGEST, at_most: int = LARGEST) -> tuple[int, ...]:
    """Return the values of a list or tuple, each checked by `whole_number`; raise ValueError, naming the wrong one."""
    if not isinstance(values, list | tuple):
        raise ValueError(f"{name} must be a list or tuple of whole numbers, got {short(values)}")
    return tuple(whole_number(f"{name}[{i}]", value, at_least, at_most) for i, value in enumerate(values))


def per_axis(name: str, value: object, axes: int, at_least: int = -LARGEST, at_most: int = LARGEST) -> tuple[int, ...]:
    """Return one whole number per axis; a single one stands for all of them. Raise ValueError, naming what is wrong."""
    if not isinstance(value, list | tuple):
        return (whole_number(name, value, at_least, at_most),) * axes
    values = whole_numbers(name, value, at_least, at_most)
    if len(values) not in (1, axes):
        raise ValueError(f"{name} must be one whole number or {axes}, got {short(value)}")
    return values * axes if len(values) == 1 else values


def one_of(name: str, value: object, choices: Iterable[str], note: str = "") -> str:
    """Return `value`; raise ValueError, naming it, unless it is one of the words in `choices`; `note` follows them."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}{note}, got {short(value)}")
    return value


def true_or_false(name: str, value: object) -> bool:
    """Return `value`; raise ValueError, naming it, unless it is True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be True or False, got {short(value)}")
    return value


def conv_output_size(size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1) -> int:
    """Return the length of a convolution's output along one axis, in pixels.

    Args:
        size: input length before padding, pixels, >= 1.
        kernel_size: taps of the kernel, >= 1.
        stride: pixels between neighbouring windows, >= 1.
        padding: pixels added to each side, >= 0.
        dilation: pixels between neighbouring taps, >= 1.
    Raises:
        ValueError: a value is out of range or the kernel does not fit; the message names it and its value.
    Source: Dumoulin & Visin, arXiv:1603.07285.
    """
    size, (kernel_size, stride, padding, dilation) = _axis(size, kernel_size, stride, padding, dilation)
    room = size + 2 * padding - span(kernel_size, dilation)
    if room < 0:
        raise ValueError(_does_not_fit(size, kernel_size, padding, dilation))
    return room // stride + 1


def pool_output_size(
    size: int,
    kernel_size: int,
    *,
    stride: int | None = None,
    padding: int = 0,
    dilation: int = 1,
    ceil_mode: bool = False,
) -> int:
    """Return the length of a pooling's output along one axis, in pixels.

    Args:
        size: input length before padding, pixels, >= 1.
        kernel_size: pixels in a window, >= 1.
        stride: pixels between neighbouring windows, >= 1; None means `kernel_size`.
        padding: pixels added to each side, from 0 to half of `kernel_size`.
        dilation: pixels between neighbouring taps, >= 1.
        ceil_mode: count one more window that hangs over the end, if it starts inside the input or left padding.
    Raises:
        ValueError: a value is out of range or no window fits; the message names it and its value.
    Source: PyTorch's documentation of MaxPool2d.
    """
    stride = kernel_size if stride is None else stride
    size, (kernel_size, stride, padding, dilation) = _axis(size, kernel_size, stride, padding, dilation)
    if padding > kernel_size // 2:
        raise ValueError(f"padding must be at most half of kernel_size {kernel_size}, got {padding}")
    room = size + 2 * padding - span(kernel_size, dilation)
    if true_or_false("ceil_mode", ceil_mode):
        room += stride - 1
    if room < 0:
        raise ValueError(_does_not_fit(size, kernel_size, padding, dilation))
    last = room // stride
    if ceil_mode and last * stride >= size + padding:
        last -= 1  # this window would start in the right padding
    return last + 1


def span(kernel_size: int, dilation: int = 1) -> int:
    """Return how many pixels a kernel reaches over, from its first tap to its last.

    Args and Raises: as in `conv_output_size`.
    """
    return whole_number("dilation", dilation, 1) * (whole_number("kernel_size", kernel_size, 1) - 1) + 1


def window_pixels(
    index: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[int, ...]:
    """Return the input positions that output `index` reads, one per tap.

    Positions below 0, or from the input's length on, lie in the padding.

    Args:
        index: output position, >= 0.
        kernel_size, stride, padding, dilation: as in `conv_output_size`; kernel_size at most a million.
    Raises:
        ValueError: a value is out of range; the message names it and its value.
    """
    index = whole_number("index", index, 0)
    kernel_size, stride, padding, dilation = _setting(kernel_size, stride, padding, dilation)
    whole_number("kernel_size", kernel_size, at_most=LISTED)
    first = index * stride - padding
    return tuple(range(first, first + span(kernel_size, dilation), dilation))


def unread_pixels(
    size: int, kernel_size: int, *, stride: int = 1, padding: int = 0, dilation: int = 1
) -> tuple[int, ...]:
    """Return the input positions that no window of a convolution reads, in order.

    Args and Raises: as in `conv_output_size`; size, and the taps of all windows together, at most a million.
    """
    setting = {"stride": stride, "padding": padding, "dilation": dilation}
    windows = range(conv_output_size(size, kernel_size, **setting))
    whole_number("size", size, at_most=LISTED)
    whole_number("the number of windows times kernel_size", len(windows) * kernel_size, at_most=LISTED)
    read = {pixel for index in windows for pixel in window_pixels(index, kernel_size, **setting)}
    return tuple(pixel for pixel in range(size) if pixel not in read)


@dataclass(frozen=True)
class Field:
    """What one output of a layer sees of the input of the whole stack, along one axis.

    Attributes:
        size: length of the receptive field, input pixels, from the first pixel it reads to the last.
        jump: input pixels between the fields of neighbouring outputs.
        start: centre of the first output's field, input pixels; pixel 0 has its centre at 0.0, padding lies below.
    """

    size: int
    jump: int
    start: float

    def pixels(self, index: int) -> range:
        """Return the input positions from the first to the last that output `index` sees, padding included."""
        first = whole_number("index", index, 0) * self.jump + round(self.start - (self.size - 1) / 2)
        return range(first, first + self.size)


def receptive_field(layers: Iterable[Sequence[int]]) -> tuple[Field, ...]:
    """Return the receptive field after each layer; `[-1]` is that of the whole stack.

    Each layer widens the field by (kernel_size − 1) · dilation jumps, then multiplies the jump by its stride.

    Args:
        layers: from input to output, (kernel_size, stride, padding, dilation) for each; values left out at the end
            are 1, 0 and 1. A pooling counts like a convolution: name its stride, (2, 2) halves the size.
    Raises:
        ValueError: no layer is given or a value is out of range; the message names the layer and the value.
    Source: Araujo, Norris & Sim, doi:10.23915/distill.00021.
    """
    if isinstance(layers, str) or not isinstance(layers, Iterable) or getattr(layers, "shape", None) == ():
        raise ValueError(f"layers must be a list like [(3,), (2, 2)], got {short(layers)}")
    size, jump, start = 1, 1, 0.0
    fields = []
    for number, layer in enumerate(layers):
        kernel_size, stride, padding, dilation = _layer(number, layer)
        reach = (kernel_size - 1) * dilation
        size += reach * jump
        start += (reach / 2 - padding) * jump
        jump *= stride
        whole_number(f"layer {number}: the field's size", size)
        whole_number(f"layer {number}: the field's jump", jump)
        fields.append(Field(size, jump, start))
    if not fields:
        raise ValueError("layers is empty: give at least one layer, for example [(3,)]")
    return tuple(fields)


def _layer(number: int, layer: object) -> tuple[int, int, int, int]:
    if not isinstance(layer, list | tuple) or not 1 <= len(layer) <= 4:
        raise ValueError(
            f"layer {number} must be (kernel_size, stride, padding, dilation) or its start, got {short(layer)}"
        )
    defaults = (1, 1, 0, 1)
    try:
        return _setting(*layer, *defaults[len(layer) :])
    except ValueError as error:
        raise ValueError(f"layer {number}, {short(layer)}: {error}") from None


def _axis(size: object, *setting: object) -> tuple[int, tuple[int, int, int, int]]:
    return whole_number("size", size, 1), _setting(*setting)


def _setting(kernel_size: object, stride: object, padding: object, dilation: object) -> tuple[int, int, int, int]:
    return (
        whole_number("kernel_size", kernel_size, 1),
        whole_number("stride", stride, 1),
        whole_number("padding", padding, 0),
        whole_number("dilation", dilation, 1),
    )


def _does_not_fit(size: int, kernel_size: int, padding: int, dilation: int) -> str:
    return (
        f"kernel_size {kernel_size} with dilation {dilation} spans {span(kernel_size, dilation)} pixels, but size "
        f"{size} with padding {padding} per side has only {size + 2 * padding}: use a smaller kernel or more padding"
    )
