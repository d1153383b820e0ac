"""Convolution, pooling, padding and normalisation by hand.

Each public function takes the arguments of PyTorch's function of its name and gives its values and gradients, from
tensor operations alone: slices, windows, sums and products. Read it from top to bottom: a padded input (`pad`), the
windows that slide over it (`_windows`), then what is done inside a window. What is out of range raises ValueError with
the value given and what is needed.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .shapes import (
    conv_output_size,
    is_number,
    is_whole,
    per_axis,
    pool_output_size,
    short,
    span,
    true_or_false,
    whole_number,
    whole_numbers,
)

MOST_VALUES = 10**9  # in one tensor: 4 GB of float32

# --- Padding ---------------------------------------------------------------------------------------------------------


def pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Tensor:
    """Return input with pixels added at the ends of its last axes; a negative number takes pixels away.

    Args:
        input: any shape.
        pad: (left, right) of the last axis, then of the one before it, and so on, in pixels.
        mode: where new pixels come from: "constant" (`value`), "reflect" (a mirror on the rim pixel), "replicate" (the
            rim pixel) or "circular" (the other end).
        value: the number to fill with, 0 if None; for "constant" only.
    Raises:
        ValueError: a value is out of range; "reflect" needs fewer new pixels than the axis has, "circular" no more.
    Source: PyTorch's documentation of pad; PyTorch limits the modes other than "constant" to the last three axes.
    """
    _check_tensor("input", input)
    sides = _pad_sides(input, pad)
    value = 0 if value is None else _number("value", value)
    if not isinstance(mode, str) or mode not in ("constant", *_SOURCES):
        raise ValueError(f"mode must be 'constant', 'reflect', 'replicate' or 'circular', got {short(mode)}")
    if mode == "constant":
        return _pad_with_value(input, sides, value)
    if value:
        raise ValueError(f"value is for mode 'constant' only, got value {short(value)} with mode {mode!r}")
    if not sides:
        return input.clone()
    for axis, left, right in sides:
        size = input.shape[axis]
        if size == 0 or left + size + right < 1:
            raise ValueError(f"pad ({left}, {right}) leaves no pixel of an axis of {size} with mode {mode!r}")
        source = _SOURCES[mode](size, left, right)
        input = input.index_select(axis, source.to(input.device))
    return input


def _pad_sides(input: Tensor, pad: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (axis, left, right) for each padded axis, counted from the end."""
    amounts = whole_numbers("pad", pad)
    if len(amounts) % 2 or len(amounts) > 2 * input.dim():
        raise ValueError(
            f"pad must hold two numbers for each padded axis, at most {2 * input.dim()} for an input of shape "
            f"{tuple(input.shape)}, got {len(amounts)}: {short(pad)}"
        )
    sides = [(-1 - i // 2, amounts[i], amounts[i + 1]) for i in range(0, len(amounts), 2)]
    padded = {axis: input.shape[axis] + max(left, 0) + max(right, 0) for axis, left, right in sides}
    _check_room("the padded input", [padded.get(axis, input.shape[axis]) for axis in range(-input.dim(), 0)])
    return sides


def _pad_with_value(input: Tensor, sides: list[tuple[int, int, int]], value: float) -> Tensor:
    """Fill a larger tensor with `value`, then lay what is kept of the input into its middle."""
    value = float(value) if input.is_floating_point() else value
    if not (input.is_floating_point() or math.isfinite(value)):
        raise ValueError(f"value must be finite for an input of {input.dtype}, got {value}")
    try:
        input.new_full((), value)
    except (RuntimeError, OverflowError):
        raise ValueError(f"value must fit into {input.dtype}, the input's dtype, got {short(value)}") from None
    shape = list(input.shape)
    for axis, left, right in sides:
        kept = shape[axis] + min(left, 0) + min(right, 0)
        if kept < 0:
            raise ValueError(f"pad ({left}, {right}) takes more pixels than an axis of {shape[axis]} has")
        input = input.narrow(axis, max(-left, 0), kept)
        shape[axis] = kept + max(left, 0) + max(right, 0)
    output = input.new_full(shape, value)
    middle = output
    for axis, left, _ in sides:
        middle = middle.narrow(axis, max(left, 0), input.shape[axis])
    middle.copy_(input)
    return output


def _pad_axes(x: Tensor, sides: list[tuple[int, int]], value: float = 0) -> Tensor:
    """Pad the last axes by (before, after) each, given in the order of the axes."""
    return pad(x, [amount for side in reversed(sides) for amount in side], value=value)


def _positions(size: int, left: int, right: int) -> Tensor:
    """Return the input positions that the padded axis stands for: −left, …, size + right − 1."""
    return torch.arange(-left, size + right)


def _replicated(size: int, left: int, right: int) -> Tensor:
    return _positions(size, left, right).clamp(0, size - 1)


def _reflected(size: int, left: int, right: int) -> Tensor:
    if max(left, right) >= size:
        raise ValueError(f"pad must be below the axis's {size} pixels with mode 'reflect', got ({left}, {right})")
    from_left = _positions(size, left, right).abs()
    return (size - 1) - (size - 1 - from_left).abs()


def _wrapped(size: int, left: int, right: int) -> Tensor:
    kept = size + min(left, 0) + min(right, 0)
    if max(left, right) > kept:
        raise ValueError(f"pad must be at most the {kept} pixels kept with mode 'circular', got ({left}, {right})")
    return _positions(kept, max(left, 0), max(right, 0)) % kept + max(-left, 0)


_SOURCES = {"replicate": _replicated, "reflect": _reflected, "circular": _wrapped}


# --- Windows ---------------------------------------------------------------------------------------------------------


def _windows(x: Tensor, kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]) -> Tensor:
    """Return every window of the last axes, copying nothing: (…, *sizes) → (…, *output_size, *kernel_size)."""
    axis = -len(kernel_size)  # each turn uses up one axis of sizes and adds one axis of taps at the end
    for taps, step, gap in zip(kernel_size, stride, dilation, strict=True):
        x = x.unfold(axis, span(taps, gap), step)[..., ::gap]
    _check_room("all windows together", x.shape)
    return x


# --- Convolution -----------------------------------------------------------------------------------------------------


def conv1d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Return the 1-D cross-correlation of input and weight: (N, C_out, L_out).

    Args:
        input: (N, C_in, L) or (C_in, L).
        weight: (C_out, C_in / groups, kernel_size), of the input's dtype.
        bias: (C_out,), or None for no bias.
        stride: pixels between neighbouring windows, >= 1.
        padding: zeros added to each side, >= 0; "valid" for none; "same" for as many outputs as inputs (stride 1 only;
            an odd number of zeros puts the extra one at the end).
        dilation: pixels between neighbouring taps, >= 1.
        groups: parts into which the channels are split, each seeing its own inputs only; divides C_in and C_out.
    Raises:
        ValueError: a value is out of range or the sizes do not fit; the message names them.
    Source: Dumoulin & Visin, arXiv:1603.07285.
    """
    return _convolution(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Return the 2-D cross-correlation of input and weight: (N, C_out, H_out, W_out).

    Args:
        input: (N, C_in, H, W) or (C_in, H, W).
        weight: (C_out, C_in / groups, kernel height, kernel width), of the input's dtype.
        bias, stride, padding, dilation, groups: as in `conv1d`; one number, or one for each of H and W.
    Raises:
        ValueError: a value is out of range or the sizes do not fit; the message names them.
    Source: Dumoulin & Visin, arXiv:1603.07285.
    """
    return _convolution(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | str | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Return the 3-D cross-correlation of input and weight: (N, C_out, D_out, H_out, W_out).

    Args:
        input: (N, C_in, D, H, W) or (C_in, D, H, W).
        weight: (C_out, C_in / groups, kernel depth, kernel height, kernel width), of the input's dtype.
        bias, stride, padding, dilation, groups: as in `conv1d`; one number, or one for each of D, H and W.
    Raises:
        ValueError: a value is out of range or the sizes do not fit; the message names them.
    Source: Dumoulin & Visin, arXiv:1603.07285.
    """
    return _convolution(3, input, weight, bias, stride, padding, dilation, groups)


def _convolution(
    axes: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: int | Sequence[int],
    padding: int | str | Sequence[int],
    dilation: int | Sequence[int],
    groups: int,
) -> Tensor:
    """Lay each kernel over each window, multiply, sum. `axes` is the number of spatial axes."""
    groups = whole_number("groups", groups, 1)
    _check_conv_tensors(axes, input, weight, bias, groups)
    kernel_size = tuple(weight.shape[2:])
    stride = per_axis("stride", stride, axes, 1)
    dilation = per_axis("dilation", dilation, axes, 1)
    sides = _conv_sides(padding, kernel_size, stride, dilation)
    settings = zip(input.shape[-axes:], kernel_size, stride, sides, dilation, strict=True)
    for size, taps, step, (_, after), gap in settings:
        conv_output_size(size, taps, stride=step, padding=after, dilation=gap)  # raises where the kernel does not fit

    windows = _windows(_pad_axes(input, sides), kernel_size, stride, dilation)
    output_size = windows.shape[-2 * axes : -axes]  # windows: (…, C_in, *output_size, *kernel_size)
    taps_first = windows.movedim(tuple(range(-axes, 0)), tuple(range(-2 * axes, -axes)))  # (…, C_in, *kernel, *output)
    columns = taps_first.flatten(-axes).unflatten(-2 - axes, (groups, -1)).flatten(-2 - axes, -2)
    kernels = weight.flatten(1).unflatten(0, (groups, -1))
    output = kernels @ columns  # (…, group, filter, places)
    output = output.flatten(-3, -2)  # (…, C_out, places)
    if bias is not None:
        output = output + bias.unsqueeze(-1)
    return output.unflatten(-1, output_size)


def _conv_sides(
    padding: int | str | Sequence[int], kernel_size: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """Return (zeros before, zeros after) for each spatial axis."""
    if isinstance(padding, str) and padding == "same":
        if any(step != 1 for step in stride):
            raise ValueError(f"padding 'same' needs stride 1, got stride {stride}")
        totals = [span(taps, gap) - 1 for taps, gap in zip(kernel_size, dilation, strict=True)]
        return [(total // 2, total - total // 2) for total in totals]
    if isinstance(padding, str):
        if padding != "valid":
            raise ValueError(f"padding must be 'same', 'valid' or whole numbers, got {short(padding)}")
        padding = 0
    amounts = per_axis("padding", padding, len(kernel_size), 0)
    return [(amount, amount) for amount in amounts]


def _check_conv_tensors(axes: int, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int) -> None:
    _check_tensor("input", input)
    _check_tensor("weight", weight, like=input)
    if input.dim() not in (axes + 1, axes + 2):
        raise ValueError(f"input must have {axes + 2} axes, or {axes + 1} without the batch, got {_shape(input)}")
    if weight.dim() != axes + 2:
        raise ValueError(f"weight must have {axes + 2} axes, (C_out, C_in / groups, kernel), got {_shape(weight)}")
    channels, filters = input.shape[-1 - axes], weight.shape[0]
    if channels % groups or filters % groups or filters == 0:
        raise ValueError(f"groups must divide C_in and C_out, got groups {groups}, C_in {channels} and C_out {filters}")
    if weight.shape[1] != channels // groups:
        raise ValueError(
            f"weight must have C_in / groups = {channels} / {groups} = {channels // groups} channels for input "
            f"{_shape(input)}, got weight {_shape(weight)}"
        )
    _check_vector("bias", bias, filters, like=input)


# --- Pooling ---------------------------------------------------------------------------------------------------------


class _Pooling(NamedTuple):
    """A pooling's setting, one entry for each of H and W."""

    kernel_size: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]
    output_size: tuple[int, ...]

    def windows(self, x: Tensor, around: float, beyond: float) -> Tensor:
        """Return every window of x: (…, H, W) → (…, H_out, W_out, taps).

        `around` fills the padding; `beyond` fills what a last window reads past it with ceil_mode.
        """
        x = _pad_axes(x, [(amount, amount) for amount in self.padding], around)
        settings = zip(x.shape[-2:], self.kernel_size, self.stride, self.dilation, self.output_size, strict=True)
        ends = [(count - 1) * step + span(taps, gap) - size for size, taps, step, gap, count in settings]
        x = _pad_axes(x, [(0, max(end, 0)) for end in ends], beyond)
        return _windows(x, self.kernel_size, self.stride, self.dilation).flatten(-2)


def _pooling(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
) -> _Pooling:
    """Check a pooling's arguments and return them, one entry for each of H and W."""
    _check_image("input", input)
    kernel_size = per_axis("kernel_size", kernel_size, 2, 1)
    stride = kernel_size if stride is None else per_axis("stride", stride, 2, 1)
    padding = per_axis("padding", padding, 2, 0)
    dilation = per_axis("dilation", dilation, 2, 1)
    output_size = tuple(
        pool_output_size(size, taps, stride=step, padding=amount, dilation=gap, ceil_mode=ceil_mode)
        for size, taps, step, amount, gap in zip(input.shape[-2:], kernel_size, stride, padding, dilation, strict=True)
    )
    return _Pooling(kernel_size, stride, padding, dilation, output_size)


def max_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the largest pixel of each window: (N, C, H_out, W_out).

    The gradient goes to that one pixel, the first of equal ones. A nan wins over every number, the last of several.

    Args:
        input: (N, C, H, W) or (C, H, W).
        kernel_size: pixels of a window, one number or one for each of H and W.
        stride: pixels between neighbouring windows; None means `kernel_size`.
        padding: pixels added to each side, at most half of `kernel_size`; they never win.
        dilation: pixels between neighbouring taps.
        ceil_mode: keep a last window that hangs over the end, if it starts inside the input or the left padding.
        return_indices: return (output, indices); an index is row · W + column of the winner, int64. A window with no
            pixel inside the input (wide dilation on a narrow input) gives −inf and index −1.
    Raises:
        ValueError: a value is out of range or no window fits; the message names it.
    Source: PyTorch's documentation of max_pool2d.
    """
    pooling = _pooling(input, kernel_size, stride, padding, dilation, ceil_mode)
    lowest = -math.inf if input.is_floating_point() else torch.iinfo(input.dtype).min
    values = pooling.windows(input, around=lowest, beyond=lowest)  # (…, H_out, W_out, taps)
    places = pooling.windows(_places(input), around=-1, beyond=-1).expand(values.shape)
    tap = _winning_tap(values.detach(), inside=places >= 0)
    output = values.gather(-1, tap).squeeze(-1)
    if not true_or_false("return_indices", return_indices):
        return output
    return output, places.gather(-1, tap).squeeze(-1)


def _places(x: Tensor) -> Tensor:
    """Return for each pixel of the last two axes its place in them, (H, W), int64: 0, 1, … row by row."""
    height, width = x.shape[-2:]
    return torch.arange(height * width, device=x.device).view(height, width)


def _winning_tap(values: Tensor, inside: Tensor) -> Tensor:
    """Return which tap wins in each window: the first of the largest inside the input, or the last nan."""
    largest = values.amax(-1, keepdim=True)
    wins = inside & ((values == largest) | values.isnan())
    first = wins.byte().argmax(-1, keepdim=True)  # argmax returns the first of equal ones
    last = values.shape[-1] - 1 - wins.flip(-1).byte().argmax(-1, keepdim=True)
    return torch.where(largest.isnan(), last, first)


def avg_pool2d(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Return the mean of each window: (N, C, H_out, W_out).

    Args:
        input: (N, C, H, W) or (C, H, W), float.
        kernel_size, stride, padding, ceil_mode: as in `max_pool2d`; the padding is zeros.
        count_include_pad: count the padding's zeros in the mean. What lies past the padding never counts.
        divisor_override: divide the sum by this number, not 0, in place of the count.
    Raises:
        ValueError: a value is out of range or no window fits; the message names it.
    Source: PyTorch's documentation of avg_pool2d.
    """
    pooling = _pooling(input, kernel_size, stride, padding, ceil_mode=ceil_mode)
    _check_float("input", input)
    padding_counts = float(true_or_false("count_include_pad", count_include_pad))
    total = pooling.windows(input, around=0, beyond=0).sum(-1)
    if divisor_override is not None:
        if whole_number("divisor_override", divisor_override) == 0:
            raise ValueError("divisor_override must not be 0: leave it out to divide by the count")
        return total / divisor_override
    return total / pooling.windows(input.new_ones(input.shape[-2:]), around=padding_counts, beyond=0).sum(-1)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Return zeros with each pixel of input put back at the place it came from: (N, C, H_out, W_out).

    Args:
        input: (N, C, H, W) or (C, H, W), what `max_pool2d` returned.
        indices: the same shape, int64, as `max_pool2d` returns them: where two are equal, so are their pixels.
        kernel_size, stride, padding: those of the pooling.
        output_size: (H_out, W_out), or the whole shape of a batch, less than a stride away from the smallest size that
            pools to input, (H − 1) · stride − 2 · padding + kernel_size, which None means.
    Raises:
        ValueError: a value is out of range or an index lies outside the output; the message names it.
    Source: PyTorch's documentation of max_unpool2d.
    """
    _check_image("input", input)
    _check_tensor("indices", indices)
    if indices.dtype != torch.int64 or indices.shape != input.shape:
        raise ValueError(f"indices must be int64 {_shape(input)}, got {indices.dtype} {_shape(indices)}")
    height, width = _unpool_size(input, kernel_size, stride, padding, output_size)
    outside = indices[(indices < 0) | (indices >= height * width)]
    if outside.numel():
        raise ValueError(f"indices must lie in an output of {height}×{width} pixels, got {outside[0].item()}")
    _check_room("the output", [*input.shape[:-2], height, width])
    output = input.new_zeros(*input.shape[:-2], height * width)
    return output.scatter(-1, indices.flatten(-2), input.flatten(-2)).unflatten(-1, (height, width))


def _unpool_size(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None,
    padding: int | Sequence[int],
    output_size: Sequence[int] | None,
) -> tuple[int, ...]:
    """Return (H_out, W_out) of an unpooling."""
    kernel_size = per_axis("kernel_size", kernel_size, 2, 1)
    stride = kernel_size if stride is None else per_axis("stride", stride, 2, 1)
    padding = per_axis("padding", padding, 2, 0)
    settings = zip(input.shape[-2:], kernel_size, stride, padding, strict=True)
    smallest = tuple((size - 1) * step - 2 * amount + taps for size, taps, step, amount in settings)
    if output_size is None:
        chosen = smallest
    else:
        chosen = whole_numbers("output_size", output_size)
        chosen = chosen[2:] if len(chosen) == 4 else chosen
    fits = len(chosen) == 2 and all(
        abs(size - default) < step for size, default, step in zip(chosen, smallest, stride, strict=True)
    )
    if not fits or min(chosen) < 1:
        raise ValueError(
            f"output_size must be (H, W), at least 1 and less than stride {stride} away from {smallest}, "
            f"got {short(chosen if output_size is None else output_size)}"
        )
    return chosen


def adaptive_avg_pool2d(input: Tensor, output_size: int | Sequence[int | None]) -> Tensor:
    """Return the mean of each bin: (N, C, H_out, W_out), whatever H and W are.

    Bin i of n reads the pixels from ⌊i · size / n⌋ up to, not including, ⌈(i + 1) · size / n⌉: neighbours may overlap.

    Args:
        input: (N, C, H, W) or (C, H, W), float.
        output_size: (H_out, W_out), or one number for both, >= 1; None keeps the input's size.
    Raises:
        ValueError: a value is out of range; the message names it.
    Source: PyTorch's documentation of adaptive_avg_pool2d.
    """
    values, inside = _bins(input, output_size)
    return values.where(inside, 0).sum(-1) / inside.sum(-1)


def adaptive_max_pool2d(
    input: Tensor, output_size: int | Sequence[int | None], return_indices: bool = False
) -> Tensor | tuple[Tensor, Tensor]:
    """Return the largest pixel of each bin: (N, C, H_out, W_out), whatever H and W are.

    The bins are those of `adaptive_avg_pool2d`, the winners those of `max_pool2d`.

    Args:
        input, output_size: as in `adaptive_avg_pool2d`.
        return_indices: as in `max_pool2d`.
    Raises:
        ValueError: a value is out of range; the message names it.
    Source: PyTorch's documentation of adaptive_max_pool2d.
    """
    values, inside = _bins(input, output_size)
    values = values.where(inside, -math.inf)
    tap = _winning_tap(values.detach(), inside)
    output = values.gather(-1, tap).squeeze(-1)
    if not true_or_false("return_indices", return_indices):
        return output
    places = _binned(_places(input), output.shape[-2:])[0].expand(values.shape)
    return output, places.gather(-1, tap).squeeze(-1)


def _bins(input: Tensor, output_size: int | Sequence[int | None]) -> tuple[Tensor, Tensor]:
    """Check the arguments of an adaptive pooling; return what `_binned` does."""
    _check_image("input", input)
    _check_float("input", input)
    for name, size in zip("HW", input.shape[-2:], strict=True):
        whole_number(f"{name} of the input", size, 1)
    wanted = tuple(output_size) if isinstance(output_size, list | tuple) else (output_size,) * 2
    if len(wanted) != 2:
        raise ValueError(f"output_size must be one whole number or two, got {short(output_size)}")
    pairs = zip(wanted, input.shape[-2:], strict=True)
    sizes = [size if count is None else whole_number("output_size", count, 1) for count, size in pairs]
    _check_room("the output", [*input.shape[:-2], *sizes])
    return _binned(input, sizes)


def _binned(x: Tensor, output_size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Return the pixels of each bin, (…, H_out, W_out, taps), and which of them the bin has: some are shorter."""
    taken = []
    for size, count in zip(x.shape[-2:], output_size, strict=True):
        number = torch.arange(count, device=x.device)[:, None]
        first, end = number * size // count, ((number + 1) * size + count - 1) // count
        places = first + torch.arange(int((end - first).max()), device=x.device)
        taken += [places, places < end]
    rows, rows_inside, columns, columns_inside = taken
    _check_room("all bins together", [*x.shape[:-2], rows.numel(), columns.numel()])
    x = x.index_select(-2, rows.flatten().clamp(max=x.shape[-2] - 1))
    x = x.index_select(-1, columns.flatten().clamp(max=x.shape[-1] - 1))
    x = x.unflatten(-1, columns.shape).unflatten(-3, rows.shape).transpose(-3, -2)  # (…, H_out, W_out, taps, taps)
    inside = rows_inside[:, None, :, None] & columns_inside[:, None, :]
    return x.flatten(-2), inside.flatten(-2)


# --- Normalisation ---------------------------------------------------------------------------------------------------


def batch_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return input with each channel brought to mean 0 and variance 1 over the batch and all places.

    Args:
        input: (N, C, *), float.
        running_mean, running_var: (C,), both or neither. With training they are updated in place; without it they are
            used in place of the batch's own mean and variance.
        weight, bias: (C,), the factor and the summand for each channel, or None.
        training: use the batch's mean and variance (divided by the count; running_var keeps the unbiased one).
        momentum: share of the batch in the new running statistics: new = (1 − momentum) · old + momentum · batch.
        eps: added to the variance, > 0 with training, else >= 0.
    Raises:
        ValueError: a value is out of range, or training sees a single value per channel; the message names it.
    Source: Ioffe & Szegedy, arXiv:1502.03167.
    """
    if true_or_false("training", training) and _finite("eps", eps, at_least=0) == 0:
        raise ValueError("eps must be above 0 with training, got 0")
    return _channel_norm(input, running_mean, running_var, weight, bias, training, momentum, eps, over_batch=True)


def instance_norm(
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Return input with each channel of each image brought to mean 0 and variance 1 over its places.

    Args:
        input: (N, C, *), float, more than one place.
        running_mean, running_var: (C,), both or neither: updated in place with the mean over the images.
        use_input_stats: False uses the running statistics in place of each image's own.
        weight, bias, momentum, eps: as in `batch_norm`; eps >= 0.
    Raises:
        ValueError: a value is out of range, or there is a single place; the message names it.
    Source: Ulyanov, Vedaldi & Lempitsky, arXiv:1607.08022.
    """
    true_or_false("use_input_stats", use_input_stats)
    return _channel_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps, over_batch=False
    )


def _channel_norm(
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None,
    bias: Tensor | None,
    own_statistics: bool,
    momentum: float,
    eps: float,
    over_batch: bool,
) -> Tensor:
    """Normalise each channel over its places and, `over_batch`, over the images too."""
    _check_channels(input, weight=weight, bias=bias, running_mean=running_mean, running_var=running_var)
    momentum = _finite("momentum", momentum)
    eps = _finite("eps", eps, at_least=0)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must both be given or both be None, got one of them")
    if own_statistics:
        axes = [0, *range(2, input.dim())] if over_batch else list(range(2, input.dim()))
        count = math.prod(input.shape[axis] for axis in axes)
        if count < 2:
            raise ValueError(f"each mean needs more than 1 value per channel, got {count} in input {_shape(input)}")
        mean, var = _mean_and_var(input, axes)
    elif running_mean is None:
        raise ValueError("running_mean and running_var must be given when the input's own statistics are not used")
    else:
        mean, var = _per_channel(running_mean, input), _per_channel(running_var, input)
    output = _scale_and_shift(_normalise(input, mean, var, eps), weight, bias)
    if own_statistics:  # last of all: a call that fails changes nothing
        _update_running(running_mean, mean, momentum)
        _update_running(running_var, var * count / (count - 1), momentum)  # unbiased
    return output


def group_norm(
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return input with each group of channels of each image brought to mean 0 and variance 1.

    Args:
        input: (N, C, *), float.
        num_groups: number of groups, neighbouring channels together; divides C.
        weight, bias: (C,), the factor and the summand for each channel, or None.
        eps: added to the variance, >= 0.
    Raises:
        ValueError: a value is out of range, or the input is a single value per group; the message names it.
    Source: Wu & He, arXiv:1803.08494.
    """
    _check_channels(input, weight=weight, bias=bias)
    eps = _finite("eps", eps, at_least=0)
    num_groups = whole_number("num_groups", num_groups, 1)
    channels = input.shape[1]
    if channels % num_groups:
        raise ValueError(f"num_groups must divide the channels, got num_groups {num_groups} for {channels} channels")
    if input.numel() == num_groups:
        raise ValueError(f"group_norm needs more than 1 value per group, got {_shape(input)} in {num_groups} groups")
    groups = input.unflatten(1, (num_groups, -1))
    mean, var = _mean_and_var(groups, list(range(2, groups.dim())))
    return _scale_and_shift(_normalise(groups, mean, var, eps).flatten(1, 2), weight, bias)


def layer_norm(
    input: Tensor,
    normalized_shape: Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return input with its last axes brought to mean 0 and variance 1, for each index of the axes before them.

    Args:
        input: (*, *normalized_shape), float.
        normalized_shape: the sizes of the axes to average over, for example (C, H, W).
        weight, bias: of shape normalized_shape, the factor and the summand for each of its places, or None.
        eps: added to the variance, >= 0.
    Raises:
        ValueError: a value is out of range or a shape does not fit; the message names it.
    Source: Ba, Kiros & Hinton, arXiv:1607.06450.
    """
    _check_float("input", input)
    eps = _finite("eps", eps, at_least=0)
    shape = whole_numbers("normalized_shape", normalized_shape)
    if not shape or tuple(input.shape[-len(shape) :]) != shape:
        raise ValueError(f"normalized_shape must be the last sizes of input {_shape(input)}, got {shape}")
    for name, parameter in (("weight", weight), ("bias", bias)):
        if parameter is not None:
            _check_tensor(name, parameter, like=input)
            if parameter.shape != shape:
                raise ValueError(f"{name} must have shape {shape}, got {_shape(parameter)}")
    mean, var = _mean_and_var(input, list(range(-len(shape), 0)))
    output = _normalise(input, mean, var, eps)
    output = output if weight is None else output * weight
    return output if bias is None else output + bias


def _mean_and_var(x: Tensor, axes: list[int]) -> tuple[Tensor, Tensor]:
    """Return the mean and the variance (divided by the count) over the axes, which stay with length 1."""
    mean = x.mean(axes, keepdim=True)
    return mean, (x - mean).square().mean(axes, keepdim=True)


def _normalise(x: Tensor, mean: Tensor, var: Tensor, eps: float) -> Tensor:
    return (x - mean) / (var + eps).sqrt()


def _update_running(running: Tensor | None, batch: Tensor, momentum: float) -> None:
    """Move the running statistic (C,) in place towards the batch's, (N or 1, C, 1, …); no gradient flows."""
    if running is not None:
        with torch.no_grad():
            running.copy_(running * (1 - momentum) + batch.mean(0).flatten() * momentum)


def _per_channel(values: Tensor, x: Tensor) -> Tensor:
    """Shape values (C,) so that they meet the channels of x: (C, 1, …)."""
    return values.reshape(-1, *[1] * (x.dim() - 2))


def _scale_and_shift(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    x = x if weight is None else x * _per_channel(weight, x)
    return x if bias is None else x + _per_channel(bias, x)


# --- Checks of what is given -----------------------------------------------------------------------------------------


def _shape(x: Tensor) -> tuple[int, ...]:
    return tuple(x.shape)


def _check_tensor(name: str, x: object, like: Tensor | None = None) -> None:
    if not isinstance(x, Tensor):
        raise ValueError(f"{name} must be a tensor, got {type(x).__name__}")
    if like is not None and x.dtype != like.dtype:
        raise ValueError(f"{name} must have the input's dtype {like.dtype}, got {x.dtype}")


def _check_float(name: str, x: object) -> None:
    _check_tensor(name, x)
    if not x.is_floating_point():
        raise ValueError(f"{name} must hold floats, got {x.dtype}: use {name}.float()")


def _check_image(name: str, x: object) -> None:
    _check_tensor(name, x)
    if x.dim() not in (3, 4):
        raise ValueError(f"{name} must be (N, C, H, W) or (C, H, W), got {_shape(x)}")
    if x.dtype == torch.bool or x.is_complex():
        raise ValueError(f"{name} must hold real numbers, got {x.dtype}: use {name}.float()")


def _check_vector(name: str, x: object, length: int, like: Tensor) -> None:
    if x is not None:
        _check_tensor(name, x, like)
        if x.shape != (length,):
            raise ValueError(f"{name} must have shape ({length},), one number per channel, got {_shape(x)}")


def _check_channels(input: object, **vectors: Tensor | None) -> None:
    """Check an input (N, C, *) of floats and the vectors (C,) that go with it."""
    _check_float("input", input)
    if input.dim() < 2:
        raise ValueError(f"input must be (N, C, *), got {_shape(input)}")
    for name, vector in vectors.items():
        _check_vector(name, vector, input.shape[1], like=input)


def _number(name: str, value: object) -> int | float:
    if not is_number(value):
        raise ValueError(f"{name} must be a number, got {short(value)}")
    try:
        number = float(value)
    except OverflowError:
        raise ValueError(f"{name} must be a number that a float can hold, got {short(value)}") from None
    return int(value) if is_whole(value) else number


def _finite(name: str, value: object, at_least: float = -math.inf) -> float:
    number = float(_number(name, value))
    if not (math.isfinite(number) and number >= at_least):
        need = "finite" if at_least == -math.inf else f"finite and at least {at_least}"
        raise ValueError(f"{name} must be {need}, got {short(value)}")
    return number


def _check_room(what: str, sizes: Iterable[int]) -> None:
    """Check, before anything is made, that a tensor of these sizes is not far too large to compute by hand."""
    count = math.prod(max(size, 1) for size in sizes)
    if count > MOST_VALUES:
        raise ValueError(f"{what} would hold {count:.1e} values, at most {MOST_VALUES:.0e} fit here: use smaller sizes")
