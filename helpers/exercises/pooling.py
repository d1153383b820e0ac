"""The exercises of notebook 07, pooling and the receptive field. Each asks for one idea more than the one before."""

import math
import random

import torch
from torch.nn import functional as F

from .cases import draws, generator, in_words
from .engine import exercise


def _places(size, kernel_size, stride):
    """Where the windows start along one axis."""
    return range(0, size - kernel_size + 1, stride)


def _pooled(x, kernel_size, stride, inside):
    """Lay windows over x (N, C, H, W) and put `inside(window)`, (N, C), in the place of each."""
    columns = _places(x.shape[3], kernel_size, stride)
    rows = [
        torch.stack([inside(x[:, :, i : i + kernel_size, j : j + kernel_size]) for j in columns], dim=2)
        for i in _places(x.shape[2], kernel_size, stride)
    ]
    return torch.stack(rows, dim=2)


def _pool_cases(seed, shift, more=({},), scale=1):
    """Cases with strides smaller, equal and larger than the kernel, with padding, and with sizes that do not divide.

    All pixels are moved by `shift`; those of the third case are `scale` times as large.
    """
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for number, (shape, args, settings) in enumerate(
        (
            ((2, 3, choose.choice((9, 10)), 7), (3,), {"stride": 2, "padding": 1}),
            ((3, 2, 7, choose.choice((8, 9))), (2,), {}),
            ((2, 3, 6, 9), (4,), {"stride": 1, "padding": 2}),
            ((1, 4, 7, 5), (3,), {"padding": 1}),
            ((2, 1, 8, 7), (2,), {"stride": 3}),
            ((3, 2, 5, 6), (5,), {"stride": 4}),
            ((2, 2, 3, 4), (1,), {"stride": 2}),
        )
    ):
        x = (numbers(*shape) + shift) * (scale if number == 2 else 1)
        settings = settings | more[number % len(more)]
        cases.append((in_words(x=x, kernel_size=args[0], **settings), (x, *args), settings))
    return cases


# 1. The largest pixel of each window


@exercise(
    title="Max pooling by hand",
    contract="`max_pool2d(x, kernel_size, stride=None, padding=0)`: `x` is (N, C, H, W), the three settings are whole "
    "numbers; the answer is (N, C, H_out, W_out) with H_out = ⌊(H + 2 · padding − kernel_size) / stride⌋ + 1, and "
    "keeps the dtype and the gradient. Without `stride`, it is `kernel_size`. Padding pixels never win.  \n"
    "Example: `x` (1, 3, 32, 32) and `kernel_size` 2 give (1, 3, 16, 16).",
    hints=(
        "Where does the window of output row i start? And which number loses against every pixel, also a negative one?",
        "Pad first: `F.pad(x, (p, p, p, p), value=float('-inf'))`. The window of output [i, j] then starts at row "
        "i · stride, column j · stride.",
        "In two loops: `out[:, :, i, j] = window.amax(dim=(2, 3))`, with `out = x.new_zeros(N, C, H_out, W_out)` made "
        "before.",
    ),
    cases=lambda seed: _pool_cases(seed, shift=-5, scale=1e12),  # no padding but −∞ loses against these
    gradients=True,
)
def max_pool2d(x, kernel_size, stride=None, padding=0):
    """Return the largest pixel of each window.

    x: (N, C, H, W); kernel_size, stride, padding: whole numbers; stride None means kernel_size.
    Returns (N, C, H_out, W_out); it keeps the dtype and the gradient.
    """
    k, s, p = kernel_size, stride or kernel_size, padding
    padded = torch.nn.functional.pad(x, (p, p, p, p), value=float("-inf"))
    n, c, h, w = padded.shape
    out = x.new_zeros(n, c, (h - k) // s + 1, (w - k) // s + 1)
    for i in range(out.shape[2]):
        for j in range(out.shape[3]):
            window = padded[:, :, i * s : i * s + k, j * s : j * s + k]
            out[:, :, i, j] = window.amax(dim=(2, 3))
    return out


@max_pool2d.also_right
def max_by_torch(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding)


@max_pool2d.also_right
def max_by_windows(x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    x = F.pad(x, (padding,) * 4, value=-torch.inf)
    windows = x.unfold(2, kernel_size, stride).unfold(3, kernel_size, stride)
    return windows.flatten(4).max(dim=4).values


@max_pool2d.also_right
def max_by_shifts(x, kernel_size, stride=None, padding=0):
    stride = kernel_size if stride is None else stride
    lowest = torch.finfo(x.dtype).min
    x = F.pad(x, (padding,) * 4, value=lowest)
    height = (x.shape[2] - kernel_size) // stride + 1
    width = (x.shape[3] - kernel_size) // stride + 1
    best = None
    for a in range(kernel_size):
        for b in range(kernel_size):
            part = x[:, :, a::stride, b::stride][:, :, :height, :width]
            best = part if best is None else torch.maximum(best, part)
    return best.clone()


@max_pool2d.also_right
def max_clipped(x, kernel_size, stride=None, padding=0):
    k, s, (height, width) = kernel_size, stride or kernel_size, x.shape[2:]
    rows = []
    for top in range(-padding, height + padding - k + 1, s):
        lefts = range(-padding, width + padding - k + 1, s)
        row = [x[:, :, max(top, 0) : top + k, max(left, 0) : left + k].amax((2, 3)) for left in lefts]
        rows.append(torch.stack(row, dim=2))
    return torch.stack(rows, dim=2)


@max_pool2d.also_right
def max_in_two_passes(x, kernel_size, stride=None, padding=0):
    stride = stride or kernel_size
    x = F.max_pool2d(x, (kernel_size, 1), (stride, 1), (padding, 0))
    return F.max_pool2d(x, (1, kernel_size), (1, stride), (0, padding))


@max_pool2d.also_right
def max_by_sorting(x, kernel_size, stride=None, padding=0):
    n, c, *_ = x.shape
    padded = F.pad(x, (padding,) * 4, value=-torch.inf).flatten(0, 1)[:, None]
    columns = F.unfold(padded, kernel_size, stride=stride or kernel_size).sort(1).values[:, -1]
    return columns.view(n, c, (padded.shape[2] - kernel_size) // (stride or kernel_size) + 1, -1)


@max_pool2d.wrong("This is the average of each window: take its largest pixel.")
def max_average(x, kernel_size, stride=None, padding=0):
    return F.avg_pool2d(x, kernel_size, stride, padding)


@max_pool2d.wrong("This is the smallest pixel of each window: take the largest.")
def max_smallest(x, kernel_size, stride=None, padding=0):
    return -F.max_pool2d(-x, kernel_size, stride, padding)


@max_pool2d.wrong("You ignore `stride`: neighbouring windows start `stride` pixels apart, which may be less than k.")
def max_stride_ignored(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, None, padding)


@max_pool2d.wrong(
    "Without `stride` your windows move by one pixel: here they lie side by side, the stride is then `kernel_size`."
)
def max_default_stride(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride or 1, padding)


@max_pool2d.wrong("Your windows always move by one pixel: they start `stride` pixels apart.")
def max_stride_one(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, 1, padding)


@max_pool2d.wrong("Your padding wins: a zero is larger than each negative pixel. Pad with −∞, `float('-inf')`.")
def max_zero_padding(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(F.pad(x, (padding,) * 4), kernel_size, stride)


@max_pool2d.wrong("The padding is missing: put `padding` rows and columns on each of the four sides first.")
def max_without_padding(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride)


@max_pool2d.wrong("You pad below and on the right only: `padding` pixels go on each of the four sides.")
def max_one_sided(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(F.pad(x, (0, 2 * padding, 0, 2 * padding), value=-torch.inf), kernel_size, stride)


@max_pool2d.wrong("You keep windows that hang over the end: a window counts only where it fits whole, so round down.")
def max_rounded_up(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding, ceil_mode=True)


@max_pool2d.wrong("You take the largest over the channels too: each channel is pooled by itself.")
def max_over_channels(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding).amax(1, keepdim=True)


@max_pool2d.wrong("You take the largest over the batch too: each picture is pooled by itself.")
def max_over_batch(x, kernel_size, stride=None, padding=0):
    return F.max_pool2d(x, kernel_size, stride, padding).amax(0, keepdim=True)


# 2. The average, and what counts


@exercise(
    title="Average pooling, and what the padding counts",
    contract="`avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=True)`: `x` is (N, C, H, W), the "
    "padding is zeros; the answer is (N, C, H_out, W_out), the sizes those of max pooling, and keeps the dtype and the "
    "gradient. The sum of a window is divided by kernel_size², or, when `count_include_pad` is False, by the number of "
    "its pixels that lie inside the picture.  \n"
    "Example: a 3×3 window in the corner, padding 1, holds 4 pixels and 5 zeros: divide by 9, or by 4.",
    hints=(
        "In the middle of the picture both ways agree. How many pixels of the picture are in a window at the rim?",
        "Sum the windows of the picture padded with zeros. The divisor is `kernel_size ** 2` or a count.",
        "To count, pool a picture of ones in the same way: `torch.ones_like(x)`, padded with zeros; the sum of a "
        "window of it is the number of pixels.",
    ),
    cases=lambda seed: _pool_cases(seed, 0.5, ({"count_include_pad": False}, {}, {"count_include_pad": False}, {})),
    gradients=True,
)
def avg_pool2d(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    """Return the mean of each window; the padding is zeros.

    x: (N, C, H, W); kernel_size, stride, padding: whole numbers; stride None means kernel_size.
    count_include_pad: whether the padding's zeros count in the mean.
    Returns (N, C, H_out, W_out); it keeps the dtype and the gradient.
    """
    k, s, p = kernel_size, stride or kernel_size, padding
    padded = torch.nn.functional.pad(x, (p, p, p, p))
    inside = torch.nn.functional.pad(torch.ones_like(x), (p, p, p, p))
    total = padded.unfold(2, k, s).unfold(3, k, s).sum(dim=(4, 5))
    count = inside.unfold(2, k, s).unfold(3, k, s).sum(dim=(4, 5))
    return total / (k * k if count_include_pad else count)


@avg_pool2d.also_right
def avg_by_torch(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=count_include_pad)


@avg_pool2d.also_right
def avg_by_convolution(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    n, c, h, w = x.shape
    ones = x.new_ones(1, 1, kernel_size, kernel_size)
    settings = {"stride": stride or kernel_size, "padding": padding}
    total = F.conv2d(x.reshape(n * c, 1, h, w), ones, **settings)
    count = kernel_size**2 if count_include_pad else F.conv2d(x.new_ones(1, 1, h, w), ones, **settings)
    return (total / count).reshape(n, c, *total.shape[2:])


@avg_pool2d.also_right
def avg_by_loops(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    k, s, (height, width) = kernel_size, stride or kernel_size, x.shape[2:]
    rows = []
    for top in range(-padding, height + padding - k + 1, s):
        row = []
        for left in range(-padding, width + padding - k + 1, s):
            part = x[:, :, max(top, 0) : max(top + k, 0), max(left, 0) : max(left + k, 0)]
            row.append(part.sum((2, 3)) / (k**2 if count_include_pad else part.shape[2] * part.shape[3]))
        rows.append(torch.stack(row, 2))
    return torch.stack(rows, 2)


@avg_pool2d.also_right
def avg_by_running_sums(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    k, s = kernel_size, stride or kernel_size

    def sums(picture):
        run = F.pad(picture, (padding + 1, padding, padding + 1, padding)).cumsum(2).cumsum(3)
        boxes = run[:, :, k:, k:] - run[:, :, :-k, k:] - run[:, :, k:, :-k] + run[:, :, :-k, :-k]
        return boxes[:, :, ::s, ::s]

    return sums(x) / (k**2 if count_include_pad else sums(torch.ones_like(x)))


@avg_pool2d.also_right
def avg_by_matrices(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    def band(size):
        starts = torch.arange(-padding, size + padding - kernel_size + 1, stride or kernel_size)[:, None]
        places = torch.arange(size)
        return ((starts <= places) & (places < starts + kernel_size)).to(x.dtype)

    rows, columns = band(x.shape[2]), band(x.shape[3])
    count = kernel_size**2 if count_include_pad else torch.outer(rows.sum(1), columns.sum(1))
    return rows @ x @ columns.T / count


def _average(x, k, stride, padding, divide):
    total = F.avg_pool2d(x, k, stride, padding, divisor_override=1)
    return total / divide(total, F.avg_pool2d(torch.ones_like(x), k, stride, padding, divisor_override=1))


@avg_pool2d.wrong(
    "You always divide by kernel_size²: when `count_include_pad` is False, divide by the number of pixels of the "
    "picture in the window."
)
def avg_always_all(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride, padding)


@avg_pool2d.wrong(
    "You never count the padding: when `count_include_pad` is True, its zeros count, and the divisor is kernel_size²."
)
def avg_never_padding(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=False)


@avg_pool2d.wrong("You have `count_include_pad` the wrong way round: True means that the padding's zeros count.")
def avg_exchanged(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride, padding, count_include_pad=not count_include_pad)


@avg_pool2d.wrong("This is the sum of each window: divide it by the number of pixels.")
def avg_sum(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return _average(x, kernel_size, stride, padding, lambda total, count: 1)


@avg_pool2d.wrong("You divide by kernel_size: a window has kernel_size × kernel_size pixels.")
def avg_by_one_side(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return _average(x, kernel_size, stride, padding, lambda total, count: kernel_size)


@avg_pool2d.wrong("This is the largest pixel of each window: take the mean.")
def avg_largest(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.max_pool2d(x, kernel_size, stride, padding)


@avg_pool2d.wrong("You ignore `stride`: neighbouring windows start `stride` pixels apart, which may be less than k.")
def avg_stride_ignored(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, None, padding, count_include_pad=count_include_pad)


@avg_pool2d.wrong(
    "Without `stride` your windows move by one pixel: here they lie side by side, the stride is then `kernel_size`."
)
def avg_default_stride(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride or 1, padding, count_include_pad=count_include_pad)


@avg_pool2d.wrong("The padding is missing: put `padding` rows and columns of zeros on each of the four sides first.")
def avg_without_padding(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride)


@avg_pool2d.wrong("You keep windows that hang over the end: a window counts only where it fits whole, so round down.")
def avg_rounded_up(x, kernel_size, stride=None, padding=0, count_include_pad=True):
    return F.avg_pool2d(x, kernel_size, stride, padding, ceil_mode=True, count_include_pad=count_include_pad)


# 3. and 4. Both at once


def _mixed_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for shape, a, kernel_size in (
        ((2, 3, choose.choice((8, 10)), 6), choose.choice((3, 5)), 2),
        ((3, 2, 7, choose.choice((8, 10))), choose.choice((11, 13)), 3),
        ((1, 4, 5, 6), 16, 2),
        ((2, 1, 6, 9), 0, 3),
        ((3, 2, 4, 7), 8, 4),
    ):
        x, part = numbers(*shape), torch.tensor(a / 16)
        cases.append((in_words(x=x, a=part.item(), kernel_size=kernel_size), (x, part, kernel_size), {}))
    return cases


@exercise(
    title="Mixed pooling",
    contract="`mixed_pool(x, a, kernel_size)`: `x` is (N, C, H, W), `a` a tensor with one number from 0 to 1 and no "
    "axes; windows lie side by side. The answer is a · (max pooling) + (1 − a) · (average pooling), "
    "(N, C, H // kernel_size, W // kernel_size), and keeps the dtype and the gradient, that of `a` too: a network "
    "can learn it.  \n"
    "Example: a = 1 is max pooling, a = 0 is average pooling. `F.max_pool2d` and `F.avg_pool2d` are there for you.",
    hints=(
        "Both poolings give the same shape. How much does each of them count?",
        "`F.max_pool2d(x, kernel_size)` counts `a`. The two shares add up to 1.",
        "`a * F.max_pool2d(x, kernel_size) + (1 - a) * ...`",
    ),
    cases=_mixed_cases,
    gradients=True,
)
def mixed_pool(x, a, kernel_size):
    """Return a mixture of max pooling and average pooling; windows lie side by side.

    x: (N, C, H, W); a: a tensor with one number from 0 to 1, the share of max pooling; kernel_size: a whole number.
    Returns (N, C, H // kernel_size, W // kernel_size); it keeps the dtype and the gradient.
    """
    largest = torch.nn.functional.max_pool2d(x, kernel_size)
    mean = torch.nn.functional.avg_pool2d(x, kernel_size)
    return a * largest + (1 - a) * mean


@mixed_pool.also_right
def mixed_from_the_mean(x, a, kernel_size):
    mean = F.avg_pool2d(x, kernel_size)
    return mean + a * (F.max_pool2d(x, kernel_size) - mean)


@mixed_pool.also_right
def mixed_by_windows(x, a, kernel_size):
    windows = x.unfold(2, kernel_size, kernel_size).unfold(3, kernel_size, kernel_size).flatten(4)
    return windows.max(4).values * a + windows.mean(4) * (1 - a)


@mixed_pool.also_right
def mixed_by_loops(x, a, kernel_size):
    return _pooled(x, kernel_size, kernel_size, lambda window: a * window.amax((2, 3)) + (1 - a) * window.mean((2, 3)))


@mixed_pool.also_right
def mixed_by_product(x, a, kernel_size):
    both = torch.stack([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], dim=-1)
    return both @ torch.stack([a, 1 - a])


@mixed_pool.also_right
def mixed_in_place(x, a, kernel_size):
    out = F.max_pool2d(x, kernel_size).clone()
    out *= a
    out += (1 - a) * F.avg_pool2d(x, kernel_size)
    return out


@mixed_pool.wrong("Your halves are exchanged: `a` is the share of max pooling, 1 − a that of average pooling.")
def mixed_exchanged(x, a, kernel_size):
    return mixed_pool.function(x, 1 - a, kernel_size)


@mixed_pool.wrong("You ignore `a`, and take half of each: max pooling counts `a`, average pooling 1 − a.")
def mixed_halves(x, a, kernel_size):
    return mixed_pool.function(x, 0 * a + 0.5, kernel_size)


@mixed_pool.wrong("You add both in full: max pooling counts `a`, average pooling 1 − a.")
def mixed_sum(x, a, kernel_size):
    return F.max_pool2d(x, kernel_size) + F.avg_pool2d(x, kernel_size) + 0 * a


@mixed_pool.wrong("Average pooling counts in full: its share is 1 − a.")
def mixed_full_average(x, a, kernel_size):
    return a * F.max_pool2d(x, kernel_size) + F.avg_pool2d(x, kernel_size)


@mixed_pool.wrong("Both count `a`: the share of average pooling is 1 − a.")
def mixed_same_share(x, a, kernel_size):
    return a * (F.max_pool2d(x, kernel_size) + F.avg_pool2d(x, kernel_size))


@mixed_pool.wrong("You join the two along the channels: here they are added, and the number of channels stays.")
def mixed_joined(x, a, kernel_size):
    return torch.cat([a * F.max_pool2d(x, kernel_size), (1 - a) * F.avg_pool2d(x, kernel_size)], 1)


def _concat_cases(seed):
    return [(in_words(x=x, kernel_size=k), (x, k), {}) for _, (x, _, k), _ in _mixed_cases(seed)]


@exercise(
    title="Keep both: joined along the channels",
    contract="`concat_pool(x, kernel_size)`: `x` is (N, C, H, W), windows lie side by side. The answer is "
    "(N, 2 · C, H // kernel_size, W // kernel_size) and keeps the dtype and the gradient: first all C channels of max "
    "pooling, then all C of average pooling.  \n"
    "Example: `x` (1, 8, 32, 32) and `kernel_size` 2 give (1, 16, 16, 16).",
    hints=(
        "Which of the four axes grows?",
        "`torch.cat` takes a list of tensors and the axis along which they are laid one after the other.",
        "`torch.cat([largest, mean], dim=...)`: the axes are (N, C, H, W), counted from 0.",
    ),
    cases=_concat_cases,
    gradients=True,
)
def concat_pool(x, kernel_size):
    """Return max pooling and average pooling, one after the other along the channels; windows lie side by side.

    x: (N, C, H, W); kernel_size: a whole number.
    Returns (N, 2 * C, H // kernel_size, W // kernel_size); it keeps the dtype and the gradient.
    """
    largest = torch.nn.functional.max_pool2d(x, kernel_size)
    mean = torch.nn.functional.avg_pool2d(x, kernel_size)
    return torch.cat([largest, mean], dim=1)


@concat_pool.also_right
def concat_filled(x, kernel_size):
    n, c, h, w = x.shape
    out = x.new_zeros(n, 2 * c, h // kernel_size, w // kernel_size)
    out[:, :c] = F.max_pool2d(x, kernel_size)
    out[:, c:] = F.avg_pool2d(x, kernel_size)
    return out


@concat_pool.also_right
def concat_by_loops(x, kernel_size):
    return _pooled(x, kernel_size, kernel_size, lambda part: torch.cat([part.amax((2, 3)), part.mean((2, 3))], 1))


@concat_pool.also_right
def concat_stacked(x, kernel_size):
    return torch.stack([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 1).flatten(1, 2)


@concat_pool.also_right
def concat_by_blocks(x, kernel_size):
    n, c, h, w = x.shape
    rows, columns = h // kernel_size, w // kernel_size
    x = x[:, :, : rows * kernel_size, : columns * kernel_size]
    blocks = x.reshape(n, c, rows, kernel_size, columns, kernel_size)
    return torch.hstack([blocks.amax((3, 5)), blocks.sum((3, 5)) / kernel_size**2])


@concat_pool.also_right
def concat_one_by_one(x, kernel_size):
    pools = torch.nn.MaxPool2d(kernel_size), torch.nn.AvgPool2d(kernel_size)
    return torch.stack([torch.cat([pool(picture) for pool in pools]) for picture in x])


@concat_pool.wrong("Your halves are exchanged: first the channels of max pooling, then those of average pooling.")
def concat_exchanged(x, kernel_size):
    return concat_pool.function(x, kernel_size).roll(x.shape[1], 1)


@concat_pool.wrong("You join along the batch, axis 0: that makes more pictures. Join along the channels, axis 1.")
def concat_batch(x, kernel_size):
    return torch.cat([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 0)


@concat_pool.wrong("You join along the rows, axis 2: that makes the maps taller. Join along the channels, axis 1.")
def concat_rows(x, kernel_size):
    return torch.cat([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 2)


@concat_pool.wrong("You join along the columns, axis 3: that makes the maps wider. Join along the channels, axis 1.")
def concat_columns(x, kernel_size):
    return torch.cat([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 3)


@concat_pool.wrong(
    "Your channels take turns, max and average of each: all channels of max pooling come first. Use `torch.cat`."
)
def concat_in_turn(x, kernel_size):
    return torch.stack([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 2).flatten(1, 2)


@concat_pool.wrong(
    "Your result has an axis too many: `torch.stack` makes a new one, `torch.cat` lays tensors along one that is there."
)
def concat_new_axis(x, kernel_size):
    return torch.stack([F.max_pool2d(x, kernel_size), F.avg_pool2d(x, kernel_size)], 1)


@concat_pool.wrong("You add the two: keep both, one after the other along the channels.")
def concat_added(x, kernel_size):
    return F.max_pool2d(x, kernel_size) + F.avg_pool2d(x, kernel_size)


# 5. Back to the places


def _unpool_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for shape, kernel_size, given in (
        ((2, 3, 9, choose.choice((12, 14))), 2, True),
        ((3, 2, 6, choose.choice((8, 10))), 2, False),
        ((2, 3, 7, 10), 3, True),
        ((1, 4, 6, 9), 3, False),
        ((2, 1, 5, 7), 4, True),
        ((2, 3, 4, 5), 1, False),
    ):
        picture = numbers(*shape)
        x, indices = F.max_pool2d(picture, kernel_size, return_indices=True)
        settings = {"kernel_size": kernel_size} | ({"output_size": tuple(shape[2:])} if given else {})
        cases.append((in_words(x=x, **settings), (x,), {"indices": indices, **settings}))
    return cases


@exercise(
    title="Unpooling with indices",
    contract="`max_unpool2d(x, indices, kernel_size, output_size=None)`: `x` (N, C, H, W) is what a max pooling with "
    "windows side by side gave, `indices` (N, C, H, W), int64, where each winner stood: row · W_out + column, counted "
    "in its own channel of the picture. The answer is (N, C, H_out, W_out): each winner at its old place, 0 elsewhere; "
    "it keeps the dtype and the gradient. `output_size` is (H_out, W_out); None means (H · kernel_size, "
    "W · kernel_size).  \n"
    "Example: a winner with index 7 comes to row 1, column 2 of a picture 5 pixels wide.",
    hints=(
        "An index counts through the picture row by row. What are `index // W_out` and `index % W_out`?",
        "Make a flat picture of zeros for each channel: `x.new_zeros(N, C, H_out * W_out)`. In it, an index is a "
        "place as it stands.",
        "`flat.scatter(2, indices.flatten(2), x.flatten(2))` puts each value at its index; then "
        "`.view(N, C, H_out, W_out)`.",
    ),
    cases=_unpool_cases,
    gradients=True,
)
def max_unpool2d(x, indices, kernel_size, output_size=None):
    """Put each winner of a max pooling back to where it stood, with zeros elsewhere.

    x: (N, C, H, W); indices: (N, C, H, W), int64, row * W_out + column; kernel_size: a whole number.
    output_size: (H_out, W_out); None means (H * kernel_size, W * kernel_size).
    Returns (N, C, H_out, W_out); it keeps the dtype and the gradient.
    """
    n, c, h, w = x.shape
    h_out, w_out = output_size or (h * kernel_size, w * kernel_size)
    flat = x.new_zeros(n, c, h_out * w_out)
    flat = flat.scatter(2, indices.flatten(2), x.flatten(2))
    return flat.view(n, c, h_out, w_out)


@max_unpool2d.also_right
def unpool_by_torch(x, indices, kernel_size, output_size=None):
    return F.max_unpool2d(x, indices, kernel_size, output_size=output_size)


@max_unpool2d.also_right
def unpool_by_loops(x, indices, kernel_size, output_size=None):
    n, c, h, w = x.shape
    h_out, w_out = output_size or (h * kernel_size, w * kernel_size)
    out = x.new_zeros(n, c, h_out, w_out)
    for b in range(n):
        for k in range(c):
            for i in range(h):
                for j in range(w):
                    row, column = divmod(indices[b, k, i, j].item(), w_out)
                    out[b, k, row, column] = x[b, k, i, j]
    return out


@max_unpool2d.also_right
def unpool_by_indexing(x, indices, kernel_size, output_size=None):
    h_out, w_out = output_size or (x.shape[2] * kernel_size, x.shape[3] * kernel_size)
    out = x.new_zeros(*x.shape[:2], h_out, w_out)
    batch = torch.arange(x.shape[0])[:, None, None, None]
    channel = torch.arange(x.shape[1])[:, None, None]
    out[batch, channel, indices // w_out, indices % w_out] = x
    return out


@max_unpool2d.also_right
def unpool_by_one_hot(x, indices, kernel_size, output_size=None):
    size = output_size or (x.shape[2] * kernel_size, x.shape[3] * kernel_size)
    places = F.one_hot(indices.flatten(2), size[0] * size[1]).to(x.dtype)
    return torch.einsum("ncp,ncpq->ncq", x.flatten(2), places).unflatten(2, size)


def _unpooled(x, size, rows, columns):
    """Put x (N, C, H, W) into zeros at the given rows and columns; what lies outside is dropped."""
    rows, columns = rows.clamp(max=size[0] - 1), columns.clamp(max=size[1] - 1)
    flat = x.new_zeros(*x.shape[:2], size[0] * size[1])
    return flat.scatter(2, (rows * size[1] + columns).flatten(2), x.flatten(2)).unflatten(2, size)


def _corners(x, kernel_size, indices):
    rows = torch.arange(x.shape[2])[:, None] * kernel_size + 0 * indices
    columns = torch.arange(x.shape[3]) * kernel_size + 0 * indices
    return rows, columns


def _unpool_size(x, kernel_size, output_size):
    return output_size or (x.shape[2] * kernel_size, x.shape[3] * kernel_size)


@max_unpool2d.wrong("You put each value at the upper left corner of its window: `indices` says where it stood.")
def unpool_corner(x, indices, kernel_size, output_size=None):
    return _unpooled(x, _unpool_size(x, kernel_size, output_size), *_corners(x, kernel_size, indices))


@max_unpool2d.wrong(
    "You take an index for a place inside the window, 0 to kernel_size² − 1: it counts through the whole channel, "
    "row by row."
)
def unpool_per_window(x, indices, kernel_size, output_size=None):
    rows, columns = _corners(x, kernel_size, indices)
    inside = indices % kernel_size**2
    size = _unpool_size(x, kernel_size, output_size)
    return _unpooled(x, size, rows + inside // kernel_size, columns + inside % kernel_size)


@max_unpool2d.wrong(
    "You leave out `output_size`: the picture may be larger than H · kernel_size by W · kernel_size, and the indices "
    "count along its real width."
)
def unpool_without_size(x, indices, kernel_size, output_size=None):
    size = (x.shape[2] * kernel_size, x.shape[3] * kernel_size)
    flat = x.new_zeros(*x.shape[:2], max(size[0] * size[1], int(indices.max()) + 1))
    flat = flat.scatter(2, indices.flatten(2), x.flatten(2))
    return flat[:, :, : size[0] * size[1]].unflatten(2, size)


@max_unpool2d.wrong("You divide an index by the height: a row of the picture is W_out pixels long, so divide by W_out.")
def unpool_by_height(x, indices, kernel_size, output_size=None):
    size = _unpool_size(x, kernel_size, output_size)
    return _unpooled(x, size, indices // size[0], indices % size[0])


@max_unpool2d.wrong("Rows and columns are exchanged: `index // W_out` is the row, `index % W_out` the column.")
def unpool_exchanged(x, indices, kernel_size, output_size=None):
    size = _unpool_size(x, kernel_size, output_size)
    return _unpooled(x, size, indices % size[1], indices // size[1])


@max_unpool2d.wrong(
    "All values land in one picture and one channel: each channel counts its own indices from 0, so scatter each by "
    "itself."
)
def unpool_into_one_plane(x, indices, kernel_size, output_size=None):
    shape = (*x.shape[:2], *_unpool_size(x, kernel_size, output_size))
    flat = x.new_zeros(shape).flatten()
    flat[indices.flatten()] = x.flatten()
    return flat.view(shape)


@max_unpool2d.wrong("You fill whole windows: only the winner comes back, all other pixels are 0.")
def unpool_filled(x, indices, kernel_size, output_size=None):
    size = _unpool_size(x, kernel_size, output_size)
    wide = x.repeat_interleave(kernel_size, 2).repeat_interleave(kernel_size, 3)
    return F.pad(wide, (0, size[1] - wide.shape[3], 0, size[0] - wide.shape[2]))


# 6. The gradient of max pooling


def _gradient_cases(seed):
    choose = random.Random(seed)
    source = generator(seed)
    cases = []
    for shape, kernel_size, stride in (
        ((2, 3, 9, choose.choice((11, 13))), 3, 2),
        ((3, 2, 8, 6), 2, 2),
        ((1, 2, 5, choose.choice((6, 7))), 3, 1),
        ((2, 1, 7, 8), 2, 3),
        ((2, 3, 4, 5), 4, 1),
    ):
        x = torch.randint(0, 4, shape, generator=source) / 2 - 1.0
        out = [(size - kernel_size) // stride + 1 for size in shape[2:]]
        upstream = torch.randn(*shape[:2], *out, generator=source)
        label = in_words(x=x, upstream=tuple(upstream.shape), kernel_size=kernel_size, stride=stride)
        cases.append((label, (x, upstream, kernel_size, stride), {}))
    return cases


@exercise(
    title="The gradient goes to the winner",
    contract="`max_pool2d_gradient(x, upstream, kernel_size, stride)`: `x` is (N, C, H, W), what was pooled; "
    "`upstream` is (N, C, H_out, W_out), the gradient of the loss for each output pixel; the answer is (N, C, H, W), "
    "the gradient for `x`, in the dtype of `x`. It goes to the winner alone: of equal pixels to the first, row by row. "
    "A pixel that wins in several windows gets the sum.  \n"
    "Example: the window [[1, 5], [5, 0]] with `upstream` 2 gives [[0, 2], [0, 0]].",
    hints=(
        "How much does the output change when the winner grows a little? And when another pixel does?",
        "For each window, find the place of the winner: `window.flatten(2).argmax(2)` gives the first of equal ones.",
        "Loop over the windows, and over pictures and channels: `gradient[b, k, top + place // kernel_size, "
        "left + place % kernel_size] += upstream[b, k, i, j]`.",
    ),
    cases=_gradient_cases,
)
def max_pool2d_gradient(x, upstream, kernel_size, stride):
    """Compute the gradient that max pooling sends back to its input.

    x: (N, C, H, W), what was pooled; upstream: (N, C, H_out, W_out), the gradient for each output pixel.
    kernel_size, stride: whole numbers.
    Returns (N, C, H, W), in the dtype of x; of equal pixels the first one wins.
    """
    gradient = torch.zeros_like(x)
    n, c, h_out, w_out = upstream.shape
    for i in range(h_out):
        for j in range(w_out):
            top, left = i * stride, j * stride
            window = x[:, :, top : top + kernel_size, left : left + kernel_size]
            winner = window.flatten(2).argmax(2)
            for b in range(n):
                for k in range(c):
                    row, column = divmod(winner[b, k].item(), kernel_size)
                    gradient[b, k, top + row, left + column] += upstream[b, k, i, j]
    return gradient


@max_pool2d_gradient.also_right
def gradient_by_autograd(x, upstream, kernel_size, stride):
    x = x.detach().clone().requires_grad_()
    return torch.autograd.grad(F.max_pool2d(x, kernel_size, stride), x, upstream)[0]


@max_pool2d_gradient.also_right
def gradient_by_indices(x, upstream, kernel_size, stride):
    places = F.max_pool2d(x, kernel_size, stride, return_indices=True)[1]
    flat = torch.zeros_like(x).flatten(2)
    return flat.scatter_add(2, places.flatten(2), upstream.flatten(2)).view_as(x)


def _shared(x, upstream, kernel_size, stride, share):
    """Send to each window's pixels upstream times `share(window)`: (N, C, taps, places) → the same shape."""
    n, c, h, w = x.shape
    windows = F.unfold(x.reshape(n * c, 1, h, w), kernel_size, stride=stride)
    sent = share(windows) * upstream.reshape(n * c, 1, -1)
    return F.fold(sent, (h, w), kernel_size, stride=stride).reshape(x.shape)


def _first(windows):
    return torch.zeros_like(windows).scatter(1, windows.argmax(1, keepdim=True), 1)


def _equals(windows):
    return (windows == windows.amax(1, keepdim=True)).to(windows.dtype)


@max_pool2d_gradient.also_right
def gradient_by_fold(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, _first)


@max_pool2d_gradient.also_right
def gradient_by_comparing(x, upstream, kernel_size, stride):
    gradient = torch.zeros_like(x)
    for b, k, i, j in torch.cartesian_prod(*map(torch.arange, upstream.shape)).tolist():
        places = [(i * stride + r, j * stride + c) for r in range(kernel_size) for c in range(kernel_size)]
        best = max(places, key=lambda place: x[b, k, place[0], place[1]])
        gradient[b, k, best[0], best[1]] += upstream[b, k, i, j]
    return gradient


@max_pool2d_gradient.wrong("You share the gradient among equal pixels: the first of them, row by row, gets all of it.")
def gradient_shared(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, lambda w: _equals(w) / _equals(w).sum(1, keepdim=True))


@max_pool2d_gradient.wrong(
    "Each of several equal pixels gets the gradient: only the first of them, row by row, is the winner."
)
def gradient_to_all_equal(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, _equals)


@max_pool2d_gradient.wrong("Of equal pixels your winner is the last: it is the first, row by row.")
def gradient_to_the_last(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, lambda w: _first(w.flip(1)).flip(1))


@max_pool2d_gradient.wrong(
    "Of equal pixels your winner is the first column by column: go row by row, from left to right in the top row first."
)
def gradient_by_columns(x, upstream, kernel_size, stride):
    turned = max_pool2d_gradient.function(x.mT.contiguous(), upstream.mT, kernel_size, stride)
    return turned.mT.contiguous()


@max_pool2d_gradient.wrong("Each pixel of a window gets a share: that is average pooling. Here the winner gets it all.")
def gradient_of_the_average(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, lambda w: torch.ones_like(w) / kernel_size**2)


@max_pool2d_gradient.wrong("Each pixel of a window gets the whole gradient: only the winner does.")
def gradient_to_everyone(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, torch.ones_like)


@max_pool2d_gradient.wrong("You left `upstream` out: the winner gets what its output pixel means to the loss.")
def gradient_without_upstream(x, upstream, kernel_size, stride):
    return _shared(x, torch.ones_like(upstream), kernel_size, stride, _first)


@max_pool2d_gradient.wrong(
    "A pixel that wins in several windows keeps only the last one's gradient: add them up, with `+=`."
)
def gradient_overwritten(x, upstream, kernel_size, stride):
    gradient = torch.zeros_like(x)
    places = F.max_pool2d(x, kernel_size, stride, return_indices=True)[1]
    for i in range(upstream.shape[2]):
        for j in range(upstream.shape[3]):
            gradient.flatten(2).scatter_(2, places[:, :, i, j, None], upstream[:, :, i, j, None])
    return gradient


@max_pool2d_gradient.wrong(
    "You put the gradient at the upper left corner of the window: it goes to the winner's place."
)
def gradient_at_the_corner(x, upstream, kernel_size, stride):
    return _shared(x, upstream, kernel_size, stride, lambda w: _first(torch.zeros_like(w)))


# 7. How far a stack sees


def _field_cases(seed):
    choose = random.Random(seed)
    stacks = [
        [(3, 1, 2), (choose.choice((2, 4)), 2, 1), (3, 1, 3), (choose.choice((5, 7)), 4, 1), (4, 1, 1)],
        [(3, 1, 1), (2, 2, 1), (3, 1, 1)],
        [(choose.choice((5, 7, 9)), 1, 1)],
        [(3, 2, 1), (3, 2, 1), (3, 2, choose.choice((2, 3)))],
        [(2, 1, 1), (2, 1, 2), (2, 1, 4), (2, 1, 8)],
        [(1, 3, 1), (4, 1, 3), (1, 1, 5), (choose.choice((2, 3)), 1, 1)],
    ]
    return [(f"layers {layers}", (layers,), {}) for layers in stacks]


@exercise(
    title="How far does a stack see?",
    contract="`receptive_field(layers)`: `layers` is a list of (kernel_size, stride, dilation), from the input to the "
    "output. The answer is the side of the receptive field of one output pixel, in input pixels, a whole number "
    "(int).  \n"
    "Example: a convolution 3, a pooling 2 with stride 2 and a convolution 3, `[(3, 1, 1), (2, 2, 1), (3, 1, 1)]`: 8.",
    hints=(
        "Before any layer a pixel sees itself: size 1. And neighbouring pixels lie 1 apart: jump 1.",
        "A layer adds kernel_size − 1 steps to the size. How far is a step of this layer, counted in input pixels, "
        "when the pixels that it reads lie `jump` apart? And with dilation?",
        "For each layer, in this order: `size += (kernel_size - 1) * dilation * jump`, then `jump *= stride`.",
    ),
    cases=_field_cases,
)
def receptive_field(layers):
    """Compute the side of the receptive field of a stack of layers, in input pixels.

    layers: a list of (kernel_size, stride, dilation), from the input to the output.
    Returns an int.
    """
    size, jump = 1, 1
    for kernel_size, stride, dilation in layers:
        size += (kernel_size - 1) * dilation * jump
        jump *= stride
    return size


@receptive_field.also_right
def field_backwards(layers):
    size = 1
    for kernel_size, stride, dilation in reversed(layers):
        size = (size - 1) * stride + (kernel_size - 1) * dilation + 1
    return size


@receptive_field.also_right
def field_by_pixels(layers):
    seen = {0}
    for kernel_size, stride, dilation in layers[::-1]:
        seen = {place * stride + tap * dilation for place in seen for tap in range(kernel_size)}
    return max(seen) - min(seen) + 1


@receptive_field.also_right
def field_by_gradient(layers):
    sizes = [1]
    for kernel_size, stride, dilation in reversed(layers):
        sizes.append((sizes[-1] - 1) * stride + (kernel_size - 1) * dilation + 1)
    x = torch.zeros(1, 1, sizes[-1], requires_grad=True)
    y = x
    for kernel_size, stride, dilation in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel_size), stride=stride, dilation=dilation)
    y.sum().backward()
    seen = x.grad[0, 0].nonzero().flatten()
    return int(seen[-1] - seen[0]) + 1


@receptive_field.also_right
def field_by_product(layers):
    size = 1
    for i, (kernel_size, _, dilation) in enumerate(layers):
        size += (kernel_size - 1) * dilation * math.prod(stride for _, stride, _ in layers[:i])
    return size


@receptive_field.wrong(
    "You ignore the strides: after a layer with stride 2, neighbouring pixels lie twice as far apart in the input."
)
def field_without_stride(layers):
    return receptive_field.function([(k, 1, d) for k, _, d in layers])


@receptive_field.wrong("You ignore the dilations: the taps of a layer lie `dilation` of its pixels apart.")
def field_without_dilation(layers):
    return receptive_field.function([(k, s, 1) for k, s, _ in layers])


@receptive_field.wrong(
    "You start with the kernel of the first layer, and leave out its dilation: start with 1, all layers are alike."
)
def field_from_the_first_kernel(layers):
    return receptive_field.function([(layers[0][0], layers[0][1], 1), *layers[1:]])


@receptive_field.wrong(
    "You multiply the jump too early: a layer reads the pixels before it, at their jump. Its own stride counts for "
    "the layers after it."
)
def field_jump_too_early(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        jump *= s
        size += (k - 1) * d * jump
    return size


@receptive_field.wrong(
    "You add up the kernel sizes: neighbouring windows overlap, so a layer adds kernel_size − 1 steps."
)
def field_sum_of_kernels(layers):
    return sum(k for k, _, _ in layers)


@receptive_field.wrong("You start at 0: before any layer a pixel sees itself, so the size starts at 1.")
def field_from_zero(layers):
    return receptive_field.function(layers) - 1


@receptive_field.wrong(
    "Each layer adds its whole kernel: it adds kernel_size − 1 steps, for one pixel is there already."
)
def field_whole_kernels(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += k * d * jump
        jump *= s
    return size


@receptive_field.wrong("You keep the last stride only: the jump is the product of all strides before a layer.")
def field_last_stride(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += (k - 1) * d * jump
        jump = s
    return size


@receptive_field.wrong("You add the strides: the jump is multiplied by each of them.")
def field_added_strides(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += (k - 1) * d * jump
        jump += s - 1
    return size


@receptive_field.wrong("You go through the layers from the output to the input: the jump grows from the input on.")
def field_reversed(layers):
    return receptive_field.function(layers[::-1])


@receptive_field.wrong("The dilation stretches the taps' distances, kernel_size − 1 of them, and not the kernel_size.")
def field_dilated_kernel(layers):
    size, jump = 1, 1
    for k, s, d in layers:
        size += (k * d - 1) * jump
        jump *= s
    return size


@receptive_field.wrong("This is the jump, the product of the strides: the answer is the size of the field.")
def field_jump(layers):
    jump = 1
    for _, s, _ in layers:
        jump *= s
    return jump


@receptive_field.wrong("You multiply the kernel sizes: each layer adds to the field.")
def field_product(layers):
    product = 1
    for k, _, _ in layers:
        product *= k
    return product
