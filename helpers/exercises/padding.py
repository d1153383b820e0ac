"""The exercises of notebook 05, padding, stride and dilation. Each asks for one idea more than the one before."""

import math
import random
from itertools import pairwise

import numpy as np
import torch
from torch.nn import functional as F

from .. import ops, shapes
from .cases import draws, in_words
from .engine import Refused, exercise, kind_of


def _telling(task, draw, apart_from=()):
    """Return settings of `draw()` on which the solution and the named wrong answers all differ from each other."""
    functions = [task.function, *(function for _, function in task.wrongs if function not in apart_from)]
    for _ in range(10_000):
        setting = draw()
        answers = [task.use(function, **setting) for function in functions]
        if all(answers) and len({str(answer) for answer in answers}) == len(answers):
            return setting
    raise AssertionError(f"{task.name}: no setting tells all wrong answers apart")


# 1. The output size


def _size_cases(seed):
    choose = random.Random(seed)

    def draw():
        return {
            "size": choose.randint(120, 300),
            "kernel_size": choose.randint(4, 9),
            "stride": choose.randint(3, 5),
            "padding": choose.randint(4, 9),
            "dilation": choose.randint(3, 6),
        }

    settings = [
        _telling(output_size, draw, apart_from=[size_one_more_place, size_rounded]),  # both are right in some places
        {"size": 3 * choose.randint(40, 60), "kernel_size": 2, "stride": 3, "padding": 3, "dilation": 3},
        {"size": choose.randint(20, 40), "kernel_size": choose.randint(2, 6)},
        {"size": choose.randint(20, 40), "kernel_size": 3, "stride": 2, "padding": 1},
        {"size": choose.randint(41, 60), "kernel_size": 2, "stride": 3},
        {"size": 19, "kernel_size": 4, "dilation": 6, "stride": 2},
        {"size": choose.randint(7, 9), "kernel_size": 1, "padding": 2, "dilation": 4},
        {"size": 28, "kernel_size": 7, "stride": 1, "padding": 2, "dilation": 3},
    ]
    return [(in_words(**setting), (setting.pop("size"), setting.pop("kernel_size")), setting) for setting in settings]


@exercise(
    title="How large is the output?",
    contract="`output_size(size, kernel_size, stride=1, padding=0, dilation=1)`: five whole numbers, in pixels along "
    "one axis; `padding` is added on *each* side. A whole number (int) comes out.  \n"
    "Example: 32 pixels, a kernel of 3, stride 2 and padding 1 give 16.",
    hints=(
        "How many pixels does the padded input have? How many of them does the kernel reach over, its holes included?",
        "The kernel reaches over dilation · (kernel_size − 1) + 1 pixels. What is left is the room to slide: each "
        "whole stride that fits into it is one more window after the first.",
        "`(size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1`: `//` rounds down.",
    ),
    cases=_size_cases,
)
def output_size(size, kernel_size, stride=1, padding=0, dilation=1):
    """Compute the length of a convolution's output along one axis.

    size: pixels before padding; padding: pixels added on each side; all are whole numbers.
    Returns an int.
    """
    reach = dilation * (kernel_size - 1) + 1
    room = size + 2 * padding - reach
    return room // stride + 1


@output_size.also_right
def size_by_torch(size, kernel_size, stride=1, padding=0, dilation=1):
    return F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, kernel_size), None, stride, padding, dilation).shape[-1]


@output_size.also_right
def size_by_counting(size, kernel_size, stride=1, padding=0, dilation=1):
    last_start = size + 2 * padding - dilation * (kernel_size - 1) - 1
    return len(range(0, last_start + 1, stride))


@output_size.also_right
def size_by_floor(size, kernel_size, stride=1, padding=0, dilation=1):
    return math.floor((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1)


@output_size.also_right
def size_by_recursion(size, kernel_size, stride=1, padding=0, dilation=1):
    if size + 2 * padding < dilation * (kernel_size - 1) + 1:
        return 0
    return 1 + size_by_recursion(size - stride, kernel_size, stride, padding, dilation)


@output_size.also_right
def size_by_windows(size, kernel_size, stride=1, padding=0, dilation=1):
    return len(torch.arange(size + 2 * padding).unfold(0, dilation * (kernel_size - 1) + 1, stride))


@output_size.wrong(
    "The floor is missing: a fraction of a window is no window. `//` divides whole numbers and rounds down."
)
def size_without_floor(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride + 1


@output_size.wrong("You round up: a window that does not fit completely is left out, so round down with `//`.")
def size_rounded_up(size, kernel_size, stride=1, padding=0, dilation=1):
    return math.ceil((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1


@output_size.wrong(
    "You round to the nearest whole number: a window that does not fit completely is left out, so round down with `//`."
)
def size_rounded(size, kernel_size, stride=1, padding=0, dilation=1):
    return round((size + 2 * padding - dilation * (kernel_size - 1) - 1) / stride) + 1


@output_size.wrong("You ignore `dilation`: the kernel reaches over dilation · (kernel_size − 1) + 1 pixels.")
def size_without_dilation(size, kernel_size, stride=1, padding=0, dilation=1):
    return output_size.function(size, kernel_size, stride, padding)


@output_size.wrong("You count the padding once for both sides: `padding` pixels are added on each, so 2 · padding.")
def size_padding_once(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + padding - dilation * (kernel_size - 1) - 1) // stride + 1


@output_size.wrong("You leave `padding` out: the windows also slide over the pixels added on both sides.")
def size_without_padding(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size - dilation * (kernel_size - 1) - 1) // stride + 1


@output_size.wrong(
    "The + 1 at the end is forgotten: the division counts the steps, and the first window needs no step."
)
def size_without_one(size, kernel_size, stride=1, padding=0, dilation=1):
    return output_size.function(size, kernel_size, stride, padding, dilation) - 1


@output_size.wrong("You divide by 2 · stride: from one window to the next there is one stride, so divide by `stride`.")
def size_double_stride(size, kernel_size, stride=1, padding=0, dilation=1):
    return output_size.function(size, kernel_size, 2 * stride, padding, dilation)


@output_size.wrong("You ignore `stride`: only every stride-th place is a window.")
def size_without_stride(size, kernel_size, stride=1, padding=0, dilation=1):
    return output_size.function(size, kernel_size, 1, padding, dilation)


@output_size.wrong(
    "You let the kernel reach over dilation · kernel_size pixels: k taps have only k − 1 gaps between them, so it is "
    "dilation · (kernel_size − 1) + 1."
)
def size_dilated_too_far(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * kernel_size) // stride + 1


@output_size.wrong(
    "One − 1 is missing: the kernel reaches over dilation · (kernel_size − 1) + 1 pixels, from its first tap to "
    "its last."
)
def size_one_more_place(size, kernel_size, stride=1, padding=0, dilation=1):
    return (size + 2 * padding - dilation * (kernel_size - 1)) // stride + 1


# 2. Padding by hand


def _pad_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    settings = [
        ((2, 3, 5, choose.choice((6, 7))), 2, "reflect"),
        ((2, 3, choose.choice((4, 6)), 5), 2, "circular"),
        ((2, 2, 4, choose.choice((3, 5))), 2, "replicate"),
        ((3, 2, choose.choice((4, 5)), 3), 2, "zeros"),
        ((2, 1, 4, 5), 3, "reflect"),
        ((1, 2, 3, 4), 3, "circular"),
        ((1, 2, 3, 2), 4, "replicate"),
        ((2, 2, 3, 5), 1, "reflect"),
        *(((2, 1, 3, 4), 0, mode) for mode in ("zeros", "reflect", "replicate", "circular")),
    ]
    cases = []
    for shape, padding, mode in settings:
        x = numbers(*shape)
        cases.append((in_words(x=x, padding=padding, mode=repr(mode)), (x, padding, mode), {}))
    x = numbers(2, 3, 4, 3)
    return [*cases, (in_words(x=x, padding=1), (x, 1), {})]


@exercise(
    title="Padding by hand",
    contract='`pad(x, padding, mode="zeros")`: `x` is (N, C, H, W); the answer is (N, C, H + 2 · padding, '
    'W + 2 · padding) and keeps the dtype and the gradient. `mode` says where the new pixels come from: `"zeros"`; '
    '`"reflect"`, a mirror that stands *on* the last pixel; `"replicate"`, the nearest pixel; `"circular"`, the other '
    "end.  \n"
    "Example: the row 1 2 3 4 with padding 2 becomes 3 2 **1 2 3 4** 3 2, or 1 1 **1 2 3 4** 4 4, or 3 4 **1 2 3 "
    "4** 1 2.",
    hints=(
        "Number the padded places of one axis: −padding, …, −1, 0, …, size − 1, size, …. Which pixel stands at each?",
        "`at = torch.arange(-padding, size + padding)` holds these numbers. `at.clamp(0, size - 1)` replicates, "
        "`at % size` goes round. A mirror on pixel 0 is `at.abs()`; you need a second one on pixel size − 1.",
        "Make such an index for the rows and one for the columns; `x[:, :, rows][:, :, :, columns]` picks the pixels. "
        "For zeros, lay `x` into the middle of `x.new_zeros(...)`.",
    ),
    cases=_pad_cases,
    gradients=True,
)
def pad(x, padding, mode="zeros"):
    """Add a rim of `padding` pixels to each side of the last two axes.

    x: (N, C, H, W); mode: "zeros", "reflect", "replicate" or "circular".
    Returns (N, C, H + 2 * padding, W + 2 * padding); it keeps the dtype and the gradient.
    """
    n, c, h, w = x.shape
    if mode == "zeros":
        out = x.new_zeros(n, c, h + 2 * padding, w + 2 * padding)
        out[:, :, padding : padding + h, padding : padding + w] = x
        return out

    def sources(size):
        at = torch.arange(-padding, size + padding)
        if mode == "replicate":
            return at.clamp(0, size - 1)
        if mode == "circular":
            return at % size
        return (size - 1) - ((size - 1) - at.abs()).abs()

    return x[:, :, sources(h)][:, :, :, sources(w)]


def _padded(x, padding, mode, rows=True, columns=True):
    """Pad along the rows, the columns or both, by torch."""
    sides = (padding * columns,) * 2 + (padding * rows,) * 2
    return F.pad(x, sides, mode="constant" if mode == "zeros" else mode)


@pad.also_right
def pad_by_torch(x, padding, mode="zeros"):
    return _padded(x, padding, mode)


@pad.also_right
def pad_by_helper(x, padding, mode="zeros"):
    return ops.pad(x, (padding,) * 4, "constant" if mode == "zeros" else mode)


@pad.also_right
def pad_by_joining(x, padding, mode="zeros"):
    if padding == 0:
        return x.clone()
    for axis in (2, 3):
        size = x.shape[axis]
        first, last = x.narrow(axis, 0, 1), x.narrow(axis, size - 1, 1)
        if mode == "zeros":
            before = after = torch.cat([first * 0] * padding, axis)
        elif mode == "replicate":
            before, after = torch.cat([first] * padding, axis), torch.cat([last] * padding, axis)
        elif mode == "circular":
            before, after = x.narrow(axis, size - padding, padding), x.narrow(axis, 0, padding)
        else:
            before = x.narrow(axis, 1, padding).flip(axis)
            after = x.narrow(axis, size - 1 - padding, padding).flip(axis)
        x = torch.cat([before, x, after], axis)
    return x


@pad.also_right
def pad_one_pixel_at_a_time(x, padding, mode="zeros"):
    if padding == 0:
        return x
    (h, w), out = x.shape[2:], F.pad(x, (padding,) * 4)

    def source(i, size):
        if mode == "replicate":
            return min(max(i, 0), size - 1)
        return i % size if mode == "circular" else -i if i < 0 else min(i, 2 * (size - 1) - i)

    for i in range(-padding, h + padding if mode != "zeros" else -padding):
        for j in range(-padding, w + padding):
            out[:, :, padding + i, padding + j] = x[:, :, source(i, h), source(j, w)]
    return out


@pad.also_right
def pad_by_matrices(x, padding, mode="zeros"):
    def rim(size):
        return _padded(torch.eye(size, dtype=x.dtype)[None, None], padding, mode, columns=False)[0, 0]

    return torch.einsum("ih,nchw,jw->ncij", rim(x.shape[2]), x, rim(x.shape[3]))


@pad.wrong(
    "Your reflection repeats the pixel at the border: the mirror stands on that pixel, so the first new one is its "
    "neighbour."
)
def pad_border_twice(x, padding, mode="zeros"):
    if mode != "reflect":
        return _padded(x, padding, mode)
    for axis in (2, 3):
        at = torch.arange(-padding, x.shape[axis] + padding)
        at = torch.where(at < 0, -at - 1, at)
        x = x.index_select(axis, torch.where(at >= x.shape[axis], 2 * x.shape[axis] - 1 - at, at))
    return x


@pad.wrong(
    "Your reflection does not turn around: next to the border comes its nearest neighbour, then the one behind it."
)
def pad_not_mirrored(x, padding, mode="zeros"):
    if mode != "reflect" or padding == 0:
        return _padded(x, padding, mode)
    for axis in (2, 3):
        size = x.shape[axis]
        x = torch.cat([x.narrow(axis, 1, padding), x, x.narrow(axis, size - 1 - padding, padding)], axis)
    return x


@pad.wrong(
    "Your circular padding goes the wrong way round: before the first pixel comes the last one, and after the last one "
    "the first."
)
def pad_wrong_way_round(x, padding, mode="zeros"):
    if mode != "circular" or padding == 0:
        return _padded(x, padding, mode)
    for axis in (2, 3):
        size = x.shape[axis]
        x = torch.cat([x.narrow(axis, 0, padding), x, x.narrow(axis, size - padding, padding)], axis)
    return x


@pad.wrong("Only the width is padded: the rows above and below are missing.")
def pad_width_alone(x, padding, mode="zeros"):
    return _padded(x, padding, mode, rows=False)


@pad.wrong("Only the height is padded: the columns on the left and on the right are missing.")
def pad_height_alone(x, padding, mode="zeros"):
    return _padded(x, padding, mode, columns=False)


@pad.wrong("This rim is zero whatever `mode` says: the other modes take their new pixels from the picture.")
def pad_always_zeros(x, padding, mode="zeros"):
    return _padded(x, padding, "zeros")


@pad.wrong("You pad with zeros where `replicate` was asked for: repeat the nearest pixel of the picture.")
def pad_zeros_for_replicate(x, padding, mode="zeros"):
    return _padded(x, padding, "zeros" if mode == "replicate" else mode)


@pad.wrong("Your corners are zero: pad the rows first, then pad the columns of that result, so that corners fill too.")
def pad_empty_corners(x, padding, mode="zeros"):
    (height, width), full = x.shape[2:], _padded(x, padding, mode)
    rows, columns = torch.zeros(height + 2 * padding), torch.zeros(width + 2 * padding)
    rows[padding : padding + height] = columns[padding : padding + width] = 1
    return full * ((rows[:, None] + columns) > 0).to(x.dtype)


@pad.wrong("All new pixels stand on the left and on top: `padding` pixels belong on each of the four sides.")
def pad_one_corner(x, padding, mode="zeros"):
    if mode == "zeros":
        return F.pad(x, (2 * padding, 0, 2 * padding, 0))
    rows, columns = (torch.arange(-2 * padding, size) for size in x.shape[2:])
    if mode == "replicate":
        rows, columns = rows.clamp(min=0), columns.clamp(min=0)
    elif mode == "circular":
        rows, columns = rows % x.shape[2], columns % x.shape[3]
    else:
        rows, columns = (_bounced(at, size) for at, size in zip((rows, columns), x.shape[2:], strict=True))
    return x[:, :, rows][:, :, :, columns]


def _bounced(at, size):
    period = 2 * (size - 1)
    at = at % period
    return torch.minimum(at, period - at)


# 3. As many pixels out as in


def _pair(answer, *args, **kwargs):
    """Take a list of two for a tuple of two."""
    result = answer(*args, **kwargs)
    return tuple(result) if type(result) is list else result


def _same_cases(seed):
    choose = random.Random(seed)
    settings = [
        (choose.choice((6, 8, 10)), choose.choice((3, 5, 7))),
        (choose.choice((4, 12)), 1),
        (choose.choice((3, 5, 7)), 1),
        (choose.choice((3, 5, 7)), choose.choice((2, 3, 4))),
        (choose.choice((2, 4)), choose.choice((2, 4))),
        (1, 3),
        (2, 1),
    ]
    cases = [(in_words(kernel_size=k, dilation=d), (k, d), {}) for k, d in settings]
    return [*cases, ("kernel_size 4", (4,), {})]


@exercise(
    title="As many pixels out as in",
    contract="`same_padding(kernel_size, dilation=1)`: how many pixels go on the left and how many on the right, so "
    "that with stride 1 the output is as long as the input. A pair of whole numbers comes out. Where the pixels "
    "cannot be shared evenly, the extra one goes on the right, as in torch.  \n"
    "Example: a kernel of 3 needs (1, 1), a kernel of 4 needs (1, 2).",
    hints=(
        "How many pixels does the output lose when there is no padding at all?",
        "It loses dilation · (kernel_size − 1) pixels: that is the sum of both sides.",
        "`total // 2` rounds down and goes on the left; what is left of the total goes on the right.",
    ),
    cases=_same_cases,
    use=_pair,
)
def same_padding(kernel_size, dilation=1):
    """Compute the padding that keeps the size, with stride 1.

    Returns (left, right), two ints; if they differ, the right one is larger.
    """
    total = dilation * (kernel_size - 1)
    left = total // 2
    return left, total - left


@same_padding.also_right
def same_by_divmod(kernel_size, dilation=1):
    half, odd = divmod(dilation * kernel_size - dilation, 2)
    return [half, half + odd]


@same_padding.also_right
def same_by_sharing(kernel_size, dilation=1):
    sides = [0, 0]
    for n in range(dilation * (kernel_size - 1)):
        sides[1 - n % 2] += 1
    return tuple(sides)


@same_padding.also_right
def same_by_floats(kernel_size, dilation=1):
    half = dilation * (kernel_size - 1) / 2
    return math.floor(half), math.ceil(half)


@same_padding.also_right
def same_by_growing(kernel_size, dilation=1):
    left = right = 0
    while output_size.function(20, kernel_size, dilation=dilation, padding=0) + left + right < 20:
        left, right = (left + 1, right) if right > left else (left, right + 1)
    return left, right


@same_padding.wrong("The extra pixel is on the left: torch puts it on the right (and at the bottom).")
def same_extra_left(kernel_size, dilation=1):
    left, right = same_padding.function(kernel_size, dilation)
    return right, left


@same_padding.wrong(
    "You ignore `dilation`: the kernel reaches over dilation · (kernel_size − 1) pixels more than one pixel, so that "
    "many are lost."
)
def same_without_dilation(kernel_size, dilation=1):
    return same_padding.function(kernel_size)


@same_padding.wrong("Both sides get the whole loss: share it between the left and the right.")
def same_twice(kernel_size, dilation=1):
    return (dilation * (kernel_size - 1),) * 2


@same_padding.wrong("With the same number on both sides, an odd loss is not made up for: one pixel is missing.")
def same_rounded_down(kernel_size, dilation=1):
    return (dilation * (kernel_size - 1) // 2,) * 2


@same_padding.wrong("With the same number on both sides, rounded up, an odd loss becomes a gain: one pixel too many.")
def same_rounded_up(kernel_size, dilation=1):
    return (-(-dilation * (kernel_size - 1) // 2),) * 2


@same_padding.wrong(
    "Half the kernel on both sides keeps the size for an odd kernel without dilation alone: share what is lost, "
    "dilation · (kernel_size − 1) pixels."
)
def same_half_the_kernel(kernel_size, dilation=1):
    return (kernel_size // 2,) * 2


@same_padding.wrong("Half a pixel cannot be added: where the loss is odd, the right side gets one more.")
def same_halves(kernel_size, dilation=1):
    return (dilation * (kernel_size - 1) / 2,) * 2


@same_padding.wrong(
    "You share the kernel's own pixels: the output loses kernel_size − 1 places for each step of the dilation, one "
    "place fewer than the kernel has taps."
)
def same_of_kernel(kernel_size, dilation=1):
    total = dilation * kernel_size
    return total // 2, total - total // 2


# 4. Pixels that nobody reads


def _plain_list(answer, *args, **kwargs):
    """Take a tuple, a range, a tensor or an array of whole numbers for a list of them."""
    result = answer(*args, **kwargs)
    whole = type(result) is torch.Tensor and not result.is_floating_point()
    if (whole or (type(result) is np.ndarray and result.dtype.kind == "i")) and result.ndim == 1:
        return result.tolist()
    return list(result) if type(result) in (tuple, range) else result


def _unread_cases(seed):
    choose = random.Random(seed)

    def draw():
        return {
            "size": choose.randint(20, 30),
            "kernel_size": 3,
            "stride": choose.randint(7, 9),
            "padding": choose.randint(1, 4),
            "dilation": 2,
        }

    settings = [
        _telling(missed_pixels, draw, apart_from=[unread_hanging_over, unread_padding_once]),  # they differ below
        {"size": choose.randint(12, 18), "kernel_size": 2, "stride": choose.choice((3, 4))},
        {"size": choose.choice((11, 14, 17)), "kernel_size": 3, "stride": 3},
        {"size": choose.randint(7, 12), "kernel_size": 3},
        {"size": choose.choice((10, 12)), "kernel_size": 3, "stride": 2, "padding": 1},
        {"size": 9, "kernel_size": 1, "stride": 2},
        {"size": choose.randint(8, 12), "kernel_size": 2, "dilation": 7},
        {"size": 11, "kernel_size": 2, "stride": 4, "padding": 3},  # the first window lies in the padding
        {"size": 10, "kernel_size": 2, "stride": 3, "padding": 6, "dilation": 7},
    ]
    return [(in_words(**setting), (setting.pop("size"), setting.pop("kernel_size")), setting) for setting in settings]


@exercise(
    title="Pixels that no window reads",
    contract="`missed_pixels(size, kernel_size, stride=1, padding=0, dilation=1)`: the settings are as in the first "
    "exercise. A list comes out, in order: the input pixels, counted from 0 and without the padding, that no window of "
    "the convolution reads.  \n"
    "Example: 8 pixels, a kernel of 2 and stride 3 give [2, 5]: the windows read 0 1, then 3 4, then 6 7.",
    hints=(
        "Collect what is read, window by window. How many windows are there, and where does the first one start?",
        "Window i starts at i · stride − padding. Its taps stand dilation pixels apart.",
        "Put `i * stride - padding + a * dilation` into a set for every window i and tap a; the answer is each number "
        "of `range(size)` that is not in the set.",
    ),
    cases=_unread_cases,
    use=_plain_list,
)
def missed_pixels(size, kernel_size, stride=1, padding=0, dilation=1):
    """List the input pixels that no window of a convolution reads, along one axis.

    The settings are those of output_size. Returns a list of ints from 0 to size - 1, in order.
    """
    windows = (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1
    read = {i * stride - padding + a * dilation for i in range(windows) for a in range(kernel_size)}
    return [pixel for pixel in range(size) if pixel not in read]


@missed_pixels.also_right
def unread_by_gradient(size, kernel_size, stride=1, padding=0, dilation=1):
    x = torch.zeros(1, 1, size, requires_grad=True)
    F.conv1d(x, torch.ones(1, 1, kernel_size), None, stride, padding, dilation).sum().backward()
    return (x.grad[0, 0] == 0).nonzero()[:, 0]


@missed_pixels.also_right
def unread_by_marking(size, kernel_size, stride=1, padding=0, dilation=1):
    seen = [False] * (size + 2 * padding)
    start = 0
    while start + dilation * (kernel_size - 1) < len(seen):
        for tap in range(kernel_size):
            seen[start + tap * dilation] = True
        start += stride
    return tuple(pixel for pixel in range(size) if not seen[padding + pixel])


@missed_pixels.also_right
def unread_by_helper(size, kernel_size, stride=1, padding=0, dilation=1):
    return shapes.unread_pixels(size, kernel_size, stride=stride, padding=padding, dilation=dilation)


@missed_pixels.also_right
def unread_by_numpy(size, kernel_size, stride=1, padding=0, dilation=1):
    starts = np.arange(0, size + 2 * padding - dilation * (kernel_size - 1), stride) - padding
    return np.setdiff1d(np.arange(size), starts[:, None] + dilation * np.arange(kernel_size))


def _not_in(size, read):
    return [pixel for pixel in range(size) if pixel not in set(read)]


@missed_pixels.wrong("You name only the pixels after the last window: between two windows there can be gaps as well.")
def unread_at_the_end(size, kernel_size, stride=1, padding=0, dilation=1):
    read = set(range(size)) - set(missed_pixels.function(size, kernel_size, stride, padding, dilation))
    return list(range(max(read) + 1, size))


@missed_pixels.wrong("You forget that the first window starts in the padding: window i starts at i · stride − padding.")
def unread_unshifted(size, kernel_size, stride=1, padding=0, dilation=1):
    windows = output_size.function(size, kernel_size, stride, padding, dilation)
    return _not_in(size, [i * stride + a * dilation for i in range(windows) for a in range(kernel_size)])


@missed_pixels.wrong(
    "The padding on the left is taken for pixels at the end: in Python a negative index counts from the end, so leave "
    "out the places below 0."
)
def unread_wrapped_around(size, kernel_size, stride=1, padding=0, dilation=1):
    windows = output_size.function(size, kernel_size, stride, padding, dilation)
    places = [i * stride - padding + a * dilation for i in range(windows) for a in range(kernel_size)]
    return _not_in(size, [place + size if place < 0 else place for place in places])


@missed_pixels.wrong("You count the padding once for both sides: the windows slide over size + 2 · padding pixels.")
def unread_padding_once(size, kernel_size, stride=1, padding=0, dilation=1):
    windows = size_padding_once(size, kernel_size, stride, padding, dilation)
    return _not_in(size, [i * stride - padding + a * dilation for i in range(windows) for a in range(kernel_size)])


@missed_pixels.wrong("You let windows hang over the end: a window counts only where all of it fits.")
def unread_hanging_over(size, kernel_size, stride=1, padding=0, dilation=1):
    starts = range(-padding, size, stride)
    return _not_in(size, [start + a * dilation for start in starts for a in range(kernel_size)])


@missed_pixels.wrong("You leave `padding` out altogether: it adds windows, and the first one starts further left.")
def unread_without_padding(size, kernel_size, stride=1, padding=0, dilation=1):
    return missed_pixels.function(size, kernel_size, stride, 0, dilation)


@missed_pixels.wrong("You count the pixels of the padded input: pixel 0 is the first one of the input itself.")
def unread_in_the_padding(size, kernel_size, stride=1, padding=0, dilation=1):
    return missed_pixels.function(size + 2 * padding, kernel_size, stride, 0, dilation)


@missed_pixels.wrong("You take the holes of the kernel for taps: between its taps, a dilated window reads nothing.")
def unread_with_filled_holes(size, kernel_size, stride=1, padding=0, dilation=1):
    return missed_pixels.function(size, dilation * (kernel_size - 1) + 1, stride, padding)


@missed_pixels.wrong("You ignore `dilation`: the taps of a window stand dilation pixels apart.")
def unread_without_dilation(size, kernel_size, stride=1, padding=0, dilation=1):
    return missed_pixels.function(size, kernel_size, stride, padding)


@missed_pixels.wrong("These are the pixels that are read: the others were asked for.")
def unread_but_read(size, kernel_size, stride=1, padding=0, dilation=1):
    return _not_in(size, missed_pixels.function(size, kernel_size, stride, padding, dilation))


@missed_pixels.wrong("The last window is missing: there are output_size windows, and the formula for it ends with + 1.")
def unread_one_window_less(size, kernel_size, stride=1, padding=0, dilation=1):
    windows = output_size.function(size, kernel_size, stride, padding, dilation) - 1
    return _not_in(size, [i * stride - padding + a * dilation for i in range(windows) for a in range(kernel_size)])


# 5. Stride


def _strided_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for x_shape, weight_shape, stride in (
        ((2, 3, 11, choose.choice((8, 9))), (5, 3, 4, 2), 3),
        ((2, 2, choose.choice((9, 10)), 7), (3, 2, 2, 3), 2),
        ((3, 1, 6, 8), (2, 1, 3, 1), 2),
        ((1, 2, 5, 6), (1, 2, 1, 1), 4),
        ((2, 3, 4, 7), (2, 3, 4, 3), 5),
    ):
        x, weight = numbers(*x_shape), numbers(*weight_shape)
        cases.append((in_words(x=x, weight=weight, stride=stride), (x, weight, stride), {}))
    x, weight = numbers(2, 2, 5, 4), numbers(3, 2, 2, 3)
    return [*cases, (in_words(x=x, weight=weight), (x, weight), {})]


@exercise(
    title="Stride",
    contract="`strided_conv2d(x, weight, stride=1)`: `x` is (N, C_in, H, W), `weight` is (C_out, C_in, kh, kw); the "
    "answer is (N, C_out, H_out, W_out), where the window moves `stride` pixels at a time, down and to the right, and "
    "keeps the dtype and the gradient. There is no padding.  \n"
    "Example: stride 2 gives the first, the third, the fifth … row and column of what stride 1 gives. You may call "
    "`F.conv2d` without its `stride`.",
    hints=(
        "Which of the pixels that stride 1 computes does a window with stride 2 still compute?",
        "Compute all of them first: `F.conv2d(x, weight)`. Then keep each one whose row and column are a multiple of "
        "the stride.",
        "A slice with a step: `[..., ::stride, ::stride]`.",
    ),
    cases=_strided_cases,
    gradients=True,
)
def strided_conv2d(x, weight, stride=1):
    """Convolve with a window that moves `stride` pixels at a time.

    x: (N, C_in, H, W); weight: (C_out, C_in, kh, kw); no padding.
    Returns (N, C_out, H_out, W_out); it keeps the dtype and the gradient.
    """
    return F.conv2d(x, weight)[..., ::stride, ::stride]


@strided_conv2d.also_right
def strided_by_torch(x, weight, stride=1):
    return F.conv2d(x, weight, stride=stride)


@strided_conv2d.also_right
def strided_by_loops(x, weight, stride=1):
    kh, kw = weight.shape[2:]
    rows = range(0, x.shape[2] - kh + 1, stride)
    columns = range(0, x.shape[3] - kw + 1, stride)
    out = x.new_zeros(x.shape[0], weight.shape[0], len(rows), len(columns))
    for i, row in enumerate(rows):
        for j, column in enumerate(columns):
            patch = x[:, None, :, row : row + kh, column : column + kw]
            out[:, :, i, j] = (patch * weight).sum(dim=(2, 3, 4))
    return out


@strided_conv2d.also_right
def strided_by_windows(x, weight, stride=1):
    windows = x.unfold(2, weight.shape[2], stride).unfold(3, weight.shape[3], stride)
    return torch.einsum("nchwij,ocij->nohw", windows, weight)


@strided_conv2d.also_right
def strided_by_index(x, weight, stride=1):
    full = F.conv2d(x, weight)
    for axis in (2, 3):
        full = full.index_select(axis, torch.arange(0, full.shape[axis], stride))
    return full


@strided_conv2d.also_right
def strided_by_columns(x, weight, stride=1):
    rows = (x.shape[2] - weight.shape[2]) // stride + 1
    out = weight.flatten(1) @ F.unfold(x, tuple(weight.shape[2:]), stride=stride)
    return out.unflatten(2, (rows, -1))


@strided_conv2d.wrong("You ignore `stride`: this is every place, and only every stride-th row and column is asked for.")
def strided_not(x, weight, stride=1):
    return F.conv2d(x, weight)


@strided_conv2d.wrong(
    "You leave out pixels of the input: each window still reads neighbouring pixels. Leave out pixels of the output."
)
def strided_input(x, weight, stride=1):
    small = x[..., ::stride, ::stride]
    missing = [max(0, k - size) for k, size in zip(weight.shape[2:], small.shape[2:], strict=True)]
    return F.conv2d(F.pad(small, (0, missing[1], 0, missing[0])), weight)


@strided_conv2d.wrong("You begin in the wrong place: the first window stands in the upper left corner, so start at 0.")
def strided_late(x, weight, stride=1):
    full = F.conv2d(x, weight)
    return full[..., min(stride, full.shape[2]) - 1 :: stride, min(stride, full.shape[3]) - 1 :: stride]


@strided_conv2d.wrong("The window moves `stride` pixels down, but only one to the right: both axes have the stride.")
def strided_rows(x, weight, stride=1):
    return F.conv2d(x, weight, stride=(stride, 1))


@strided_conv2d.wrong("The window moves `stride` pixels to the right, but only one down: both axes have the stride.")
def strided_columns(x, weight, stride=1):
    return F.conv2d(x, weight, stride=(1, stride))


@strided_conv2d.wrong("You average over the places that are left out: stride drops them.")
def strided_mean(x, weight, stride=1):
    return F.avg_pool2d(F.conv2d(x, weight), stride, ceil_mode=True)


@strided_conv2d.wrong("The last window is missing: its step would not be complete, but the window itself still fits.")
def strided_short(x, weight, stride=1):
    full = F.conv2d(x, weight)
    rows, columns = (max(1, size // stride) for size in full.shape[2:])
    return full[..., ::stride, ::stride][..., :rows, :columns]


# 6. Dilation


def _dilated_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for x_shape, weight_shape, dilation in (
        ((2, 3, 13, choose.choice((10, 11))), (5, 3, 4, 2), 3),
        ((2, 2, choose.choice((8, 9)), 7), (3, 2, 2, 3), 2),
        ((3, 1, 7, 5), (2, 1, 3, 1), 3),
        ((1, 2, 4, 6), (1, 2, 1, 1), 4),
        ((2, 3, 5, 9), (2, 3, 3, 5), 2),
    ):
        x, weight = numbers(*x_shape), numbers(*weight_shape)
        cases.append((in_words(x=x, weight=weight, dilation=dilation), (x, weight, dilation), {}))
    x, weight = numbers(2, 2, 5, 4), numbers(3, 2, 2, 3)
    return [*cases, (in_words(x=x, weight=weight), (x, weight), {})]


@exercise(
    title="Dilation",
    contract="`dilated_conv2d(x, weight, dilation=1)`: `x` is (N, C_in, H, W), `weight` is (C_out, C_in, kh, kw); the "
    "taps of the kernel stand `dilation` pixels apart, down and to the right. The answer is "
    "(N, C_out, H − dilation · (kh − 1), W − dilation · (kw − 1)) and keeps the dtype and the gradient. "
    "There is no padding, the stride is 1.  \n"
    "Example: with dilation 2, a kernel of 3 in a row reads the pixels 0, 2 and 4, then 1, 3 and 5. Write it without "
    "the `dilation` of torch.",
    hints=(
        "For the output pixel in row r and column c: which pixel of `x` does weight[i, j] meet?",
        "It is x[r + dilation · i, c + dilation · j]. For one i and one j, over all r and c, that is a slice of `x`.",
        "Add up, for each i and j, the slice `x[:, :, di : di + H_out, dj : dj + W_out]` with di = dilation · i and "
        "dj = dilation · j, times `weight[:, :, i, j]`: `torch.einsum('nchw,oc->nohw', part, weight[:, :, i, j])`.",
    ),
    cases=_dilated_cases,
    gradients=True,
)
def dilated_conv2d(x, weight, dilation=1):
    """Convolve with a kernel whose taps stand `dilation` pixels apart.

    x: (N, C_in, H, W); weight: (C_out, C_in, kh, kw); no padding, stride 1.
    Returns (N, C_out, H - dilation * (kh - 1), W - dilation * (kw - 1)); it keeps the dtype and the gradient.
    """
    kh, kw = weight.shape[2:]
    rows = x.shape[2] - dilation * (kh - 1)
    columns = x.shape[3] - dilation * (kw - 1)
    out = 0
    for i in range(kh):
        for j in range(kw):
            part = x[:, :, dilation * i : dilation * i + rows, dilation * j : dilation * j + columns]
            out = out + torch.einsum("nchw,oc->nohw", part, weight[:, :, i, j])
    return out


@dilated_conv2d.also_right
def dilated_by_torch(x, weight, dilation=1):
    return F.conv2d(x, weight, dilation=dilation)


def _with_holes(weight, dilation):
    """Return the kernel with dilation − 1 zeros between its taps."""
    (c_out, c_in, kh, kw), zeros = weight.shape, weight.new_zeros
    wide = zeros(c_out, c_in, dilation * (kh - 1) + 1, dilation * (kw - 1) + 1)
    wide[:, :, ::dilation, ::dilation] = weight
    return wide


@dilated_conv2d.also_right
def dilated_by_zeros(x, weight, dilation=1):
    return F.conv2d(x, _with_holes(weight, dilation))


@dilated_conv2d.also_right
def dilated_by_windows(x, weight, dilation=1):
    kh, kw = weight.shape[2:]
    windows = x.unfold(2, dilation * (kh - 1) + 1, 1).unfold(3, dilation * (kw - 1) + 1, 1)
    return torch.einsum("nchwij,ocij->nohw", windows[..., ::dilation, ::dilation], weight)


@dilated_conv2d.also_right
def dilated_by_columns(x, weight, dilation=1):
    rows = x.shape[2] - dilation * (weight.shape[2] - 1)
    columns = F.unfold(x, tuple(weight.shape[2:]), dilation=dilation)
    return (weight.flatten(1) @ columns).unflatten(2, (rows, -1))


@dilated_conv2d.also_right
def dilated_in_parts(x, weight, dilation=1):
    rows, columns = (size - dilation * (k - 1) for size, k in zip(x.shape[2:], weight.shape[2:], strict=True))
    out = x.new_zeros(len(x), len(weight), rows, columns)
    for i in range(min(dilation, rows)):
        for j in range(min(dilation, columns)):
            out[:, :, i::dilation, j::dilation] = F.conv2d(x[:, :, i::dilation, j::dilation], weight)
    return out


@dilated_conv2d.wrong("You ignore `dilation`: these taps stand next to each other.")
def dilated_not(x, weight, dilation=1):
    return F.conv2d(x, weight)


@dilated_conv2d.wrong(
    "The output has the size of an undilated one: a dilated kernel reaches further, so it fits in fewer places, "
    "H − dilation · (kh − 1) rows of them."
)
def dilated_in_full_size(x, weight, dilation=1):
    more = [(dilation - 1) * (k - 1) for k in weight.shape[2:]]
    return F.conv2d(F.pad(x, (0, more[1], 0, more[0])), weight, dilation=dilation)


@dilated_conv2d.wrong(
    "The kernel is flipped: torch's convolution does not flip, so weight[i, j] meets "
    "x[r + dilation · i, c + dilation · j], with plus signs."
)
def dilated_flipped(x, weight, dilation=1):
    return F.conv2d(x, weight.flip(2, 3), dilation=dilation)


@dilated_conv2d.wrong(
    "There are `dilation` pixels between your taps: they stand `dilation` apart, dilation − 1 between."
)
def dilated_too_far(x, weight, dilation=1):
    more = [k - 1 for k in weight.shape[2:]]
    fits = all(size >= (dilation + 1) * m + 1 for size, m in zip(x.shape[2:], more, strict=True))
    return F.conv2d(x if fits else F.pad(x, (0, more[1], 0, more[0])), weight, dilation=dilation + 1)


@dilated_conv2d.wrong(
    "This is a stride: the window moves `dilation` pixels at a time, and its taps stand side by side."
)
def dilated_as_stride(x, weight, dilation=1):
    return F.conv2d(x, weight, stride=dilation)


@dilated_conv2d.wrong("The holes are filled: each weight is repeated there. Between the taps, nothing is read.")
def dilated_without_holes(x, weight, dilation=1):
    (kh, kw), wide = weight.shape[2:], weight.repeat_interleave(dilation, 2).repeat_interleave(dilation, 3)
    return F.conv2d(x, wide[..., : dilation * (kh - 1) + 1, : dilation * (kw - 1) + 1])


@dilated_conv2d.wrong("Only the rows are dilated: along the columns the taps stand `dilation` pixels apart too.")
def dilated_rows(x, weight, dilation=1):
    return F.conv2d(x, weight, dilation=(dilation, 1))


@dilated_conv2d.wrong("Only the columns are dilated: along the rows the taps stand `dilation` pixels apart too.")
def dilated_columns(x, weight, dilation=1):
    return F.conv2d(x, weight, dilation=(1, dilation))


# 7. From one size to another

_MOST_LAYERS, _LARGEST_KERNEL, _LARGEST_STRIDE, _LARGEST_DILATION = 12, 7, 3, 3
_NAMES = ("kernel_size", "stride", "padding", "dilation")
_LIMITS = ((1, _LARGEST_KERNEL), (1, _LARGEST_STRIDE), (0, _LARGEST_KERNEL), (1, _LARGEST_DILATION))
_FORM = "Return a list of layers, each a tuple (kernel_size, stride, padding, dilation) of four whole numbers"


def _reached(answer, size, target):
    """Use the learner's layers one after the other. Return [size, target] if they lead there, whichever they are."""
    layers = answer(size, target)
    if layers is None or layers is ...:
        return layers
    if type(layers) not in (list, tuple):
        raise Refused(f"{_FORM}; yours is {kind_of(layers)}.")
    if len(layers) > _MOST_LAYERS:
        raise Refused(f"At most {_MOST_LAYERS} layers are allowed, and yours are {len(layers)}.")
    for number, layer in enumerate(layers, start=1):
        _check_layer(number, layer)
    sizes = [size]
    for number, (kernel_size, stride, padding, dilation) in enumerate(layers, start=1):
        try:
            sizes.append(
                shapes.conv_output_size(sizes[-1], kernel_size, stride=stride, padding=padding, dilation=dilation)
            )
        except ValueError as error:
            raise Refused(f"From {size} to {target}, layer {number} of yours does not fit: {error}.") from None
    if sizes[-1] != target:
        steps = "".join(
            f", {tuple(layer)} gives {after}" for layer, (_, after) in zip(layers, pairwise(sizes), strict=True)
        )
        raise Refused(f"From {size} to {target}: your layers lead to {sizes[-1]}. You start with {size}{steps}.")
    return [size, target]


def _check_layer(number, layer):
    if type(layer) not in (list, tuple) or len(layer) != 4:
        given = shapes.short(layer) if type(layer) in (tuple, list, int) else kind_of(layer)
        raise Refused(f"{_FORM}; your layer {number} is {given}.")
    for name, (low, high), value in zip(_NAMES, _LIMITS, layer, strict=True):
        if not shapes.is_whole(value):
            raise Refused(f"{_FORM}; in your layer {number}, {name} is {kind_of(value)}.")
        if not low <= value <= high:
            raise Refused(f"In your layer {number}, {name} is {shapes.short(value)}; it must lie from {low} to {high}.")


def _reach_cases(seed):
    choose = random.Random(seed)
    even, odd = choose.choice((44, 48, 52, 56)), choose.choice((43, 45, 51, 53, 59, 61))
    pairs = [
        (even, even // 2 - choose.randint(2, 5)),
        (odd, (odd + 1) // 2 - choose.randint(2, 5)),
        (28, 14),
        (choose.choice((30, 46, 62)), choose.choice((5, 6, 7))),
        (choose.randint(20, 40), choose.randint(17, 19)),
        (224, 7),
        (32, 1),
        (34, 18),  # half of it is too small by one
        (150, 60),  # without a stride it takes more than twelve layers
        (choose.randint(50, 64), choose.randint(40, 49)),
        (9, 9),
    ]
    return [(f"size {size}, target {target}", (size, target), {}) for size, target in pairs]


@exercise(
    title="Find the layers",
    contract="`layers_to_reach(size, target)`: a list of convolution layers that lead from `size` pixels to `target` "
    "pixels along one axis, 1 ≤ `target` ≤ `size`. Each layer is a tuple (kernel_size, stride, padding, dilation); "
    f"kernel_size and padding are at most {_LARGEST_KERNEL}, stride and dilation at most {_LARGEST_STRIDE}, and there "
    f"are at most {_MOST_LAYERS} layers. Any list that leads there is right.  \n"
    "Example: [(3, 2, 1, 1), (2, 1, 0, 1)] leads from 28 to 14, then to 13.",
    hints=(
        "Which layer takes about half of the pixels away? Which one takes away exactly one?",
        "(3, 2, 1, 1) makes ⌊(size − 1) / 2⌋ + 1 pixels out of size: half, rounded up. (k, 1, 0, 1) takes k − 1 pixels "
        "away. Halve as long as you do not fall below the target.",
        "`while (size + 1) // 2 >= target: layers.append((3, 2, 1, 1)); size = (size + 1) // 2`, where `size` is more "
        "than 1; then, while size is above the target, take k = min(7, size − target + 1).",
    ),
    cases=_reach_cases,
    use=_reached,
)
def layers_to_reach(size, target):
    """Find convolution layers that lead from one size to another, along one axis.

    Returns a list of tuples (kernel_size, stride, padding, dilation), at most 12.
    """
    layers = []
    while size > 1 and (size + 1) // 2 >= target:
        layers.append((3, 2, 1, 1))
        size = (size + 1) // 2
    while size > target:
        kernel_size = min(7, size - target + 1)
        layers.append((kernel_size, 1, 0, 1))
        size -= kernel_size - 1
    return layers


@layers_to_reach.also_right
def layers_by_formula(size, target):
    layers = []
    while size > target:
        options = [(k, s, 0, d) for k in range(1, 8) for s in (1, 2, 3) for d in (1, 2, 3)]
        sizes = {option: (size - option[3] * (option[0] - 1) - 1) // option[1] + 1 for option in options}
        best = min((after, option) for option, after in sizes.items() if target <= after < size)
        layers.append(best[1])
        size = best[0]
    return layers


@layers_to_reach.also_right
def layers_with_padding_last(size, target):
    """Fall below the target, then grow by padding."""
    layers = []
    while size > target:
        layers.append([2, 2, 0, 1])
        size //= 2
    while size < target:
        padding = min(7, (target - size + 1) // 2)
        layers.append([1 + (target - size) % 2 if target - size < 2 * padding else 1, 1, padding, 1])
        size += 2 * padding - layers[-1][0] + 1
    return layers


@layers_to_reach.also_right
def layers_by_recursion(size, target):
    if size == target:
        return ()
    if size >= 2 * target:
        return ((2, 2, 0, 1), *layers_by_recursion(size // 2, target))
    kernel_size = min(7, size - target + 1)
    return ((kernel_size, 1, 0, 1), *layers_by_recursion(size - kernel_size + 1, target))


@layers_to_reach.also_right
def layers_by_numpy(size, target):
    sizes, layers = np.array([size]), []
    while sizes[-1] > target:
        step = [2, 2, 0, 1] if sizes[-1] >= 2 * target else [np.minimum(7, sizes[-1] - target + 1), 1, 0, 1]
        layers.append(step)
        sizes = np.append(sizes, (sizes[-1] - step[0]) // step[1] + 1)
    return layers


def _halved(size, target, layer, after):
    """Halve as long as `after(size)` stays at the target or above, by `layer`; then take away what is left."""
    layers = []
    while size > 1 and after(size) >= target:
        layers.append(layer)
        size = after(size)
    return layers + layers_to_reach.function(size, target) if size < 2 * target else layers


@layers_to_reach.wrong(
    "You take a layer with a kernel of 3, stride 2 and no padding for exactly one half: without padding the kernel "
    "also costs its rim, so compute each size by the formula."
)
def layers_without_padding(size, target):
    return _halved(size, target, (3, 2, 0, 1), lambda n: (n + 1) // 2)


@layers_to_reach.wrong(
    "You take (3, 2, 1, 1) for a half that is rounded down: on an odd size it rounds up, ⌊(size − 1) / 2⌋ + 1."
)
def layers_rounded_down(size, target):
    return _halved(size, target, (3, 2, 1, 1), lambda n: n // 2)


@layers_to_reach.wrong(
    "You take a kernel of k pixels to cost k pixels: it fits in size − k + 1 places, so it costs k − 1."
)
def layers_off_by_one(size, target):
    layers = []
    while size > 1 and (size + 1) // 2 >= target:
        layers.append((3, 2, 1, 1))
        size = (size + 1) // 2
    while size > target:
        layers.append((min(7, size - target), 1, 0, 1))
        size -= layers[-1][0]
    return layers


@layers_to_reach.wrong("You only halve: what is left between the last half and the target must be taken away too.")
def layers_of_halves(size, target):
    layers = []
    while size > 1 and (size + 1) // 2 >= target:
        layers.append((3, 2, 1, 1))
        size = (size + 1) // 2
    return layers


@layers_to_reach.wrong("Stride and padding are swapped: the order is (kernel_size, stride, padding, dilation).")
def layers_swapped(size, target):
    return [(k, max(1, p), s, d) for k, s, p, d in layers_to_reach.function(size, target)]


@layers_to_reach.wrong("These are the sizes on the way: the layers that lead from one to the next were asked for.")
def layers_as_sizes(size, target):
    sizes = [size]
    while size > 1 and (size + 1) // 2 >= target:
        size = (size + 1) // 2
        sizes.append(size)
    return [*sizes, target]
