"""The exercises of notebook 04, convolution by hand. Each asks for one idea more than the one before."""

import random

import torch
from torch import nn
from torch.nn import functional as F

from .cases import draws, in_words
from .engine import exercise

# 1. One patch


def _patch_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for size, kernel_size, row, col in (
        ((9, 8), (3, 2), choose.choice((4, 5)), 1),
        ((6, 8), (2, 4), choose.choice((2, 3)), 1),
        ((5, 6), (3, 3), 2, 3),
        ((6, 5), (3, 2), 0, 0),
        ((7, 6), (4, 1), 2, 5),
        ((6, 7), (1, 3), 5, 2),
        ((4, 5), (1, 1), 3, 4),
    ):
        x, kernel = numbers(*size), numbers(*kernel_size)
        cases.append((in_words(x=x, kernel=kernel, row=row, col=col), (x, kernel, row, col), {}))
    return cases


@exercise(
    title="The sum over one patch",
    contract="`patch_sum(x, kernel, row, col)`: `x` is (H, W), `kernel` is (kh, kw), the answer a tensor with one "
    "number and no axes, which keeps the dtype and the gradient. The patch's upper left corner is at `row`, `col`.  \n"
    "Example: a 2×2 kernel of ones at row 0, col 0 gives the sum of the four pixels in the upper left corner.",
    hints=(
        "How many rows and how many columns of `x` does the kernel cover?",
        "A slice cuts the patch out: `x[row : row + kh, ...]`. It then has the kernel's shape.",
        "`(patch * kernel).sum()` multiplies number by number and adds everything up.",
    ),
    cases=_patch_cases,
    gradients=True,
)
def patch_sum(x, kernel, row, col):
    """Multiply one patch of a picture by a kernel and add everything up.

    x: (H, W); kernel: (kh, kw); row, col: the upper left corner of the patch.
    Returns a tensor with one number and no axes; it keeps the dtype and the gradient.
    """
    kh, kw = kernel.shape
    patch = x[row : row + kh, col : col + kw]
    return (patch * kernel).sum()


@patch_sum.also_right
def patch_by_loops(x, kernel, row, col):
    total = 0.0
    for i in range(kernel.shape[0]):
        for j in range(kernel.shape[1]):
            total = total + x[row + i, col + j] * kernel[i, j]
    return total


@patch_sum.also_right
def patch_by_einsum(x, kernel, row, col):
    return torch.einsum("ij,ij->", x[row:, col:][: kernel.shape[0], : kernel.shape[1]], kernel)


@patch_sum.also_right
def patch_by_dot(x, kernel, row, col):
    return x[row : row + kernel.shape[0], col : col + kernel.shape[1]].reshape(-1) @ kernel.reshape(-1)


@patch_sum.also_right
def patch_by_mask(x, kernel, row, col):
    spread = torch.zeros_like(x)
    spread[row : row + kernel.shape[0], col : col + kernel.shape[1]] = kernel
    return (x * spread).sum()


@patch_sum.also_right
def patch_by_strides(x, kernel, row, col):
    start = x.storage_offset() + row * x.stride(0) + col * x.stride(1)
    return (x.as_strided(kernel.shape, x.stride(), start) * kernel).sum()


@patch_sum.wrong(
    "This is the flipped kernel: torch's convolution does not flip. Multiply each pixel by the weight on it."
)
def patch_flipped(x, kernel, row, col):
    return patch_sum.function(x, kernel.flip(0, 1), row, col)


@patch_sum.wrong(
    "You took `row` for `col`: the first axis of `x` counts rows (height), the second counts columns (width)."
)
def patch_swapped(x, kernel, row, col):
    return patch_sum.function(x, kernel, col, row)


@patch_sum.wrong("This is the mean of the products: add them up and do not divide.")
def patch_mean(x, kernel, row, col):
    return patch_sum.function(x, kernel, row, col) / kernel.numel()


@patch_sum.wrong("This is the sum of the pixels alone: multiply each pixel by its weight first.")
def patch_without_kernel(x, kernel, row, col):
    return patch_sum.function(x, torch.ones_like(kernel) + 0 * kernel, row, col)


@patch_sum.wrong("Sum of the pixels times sum of the weights: multiply pixel by weight first, then add up.")
def patch_sums_multiplied(x, kernel, row, col):
    return patch_without_kernel(x, kernel, row, col) * kernel.sum()


@patch_sum.wrong(
    "Your patch starts one row and one column too late: counting starts at 0, so the corner is `x[row, col]`."
)
def patch_late(x, kernel, row, col):
    return _clipped_patch(x, kernel, row + 1, col + 1)


@patch_sum.wrong("You took `row`, `col` for the middle of the patch: they name its upper left corner.")
def patch_centred(x, kernel, row, col):
    return _clipped_patch(x, kernel, row - kernel.shape[0] // 2, col - kernel.shape[1] // 2)


def _clipped_patch(x, kernel, row, col):
    padded = F.pad(x, (4, 4, 4, 4))
    return patch_sum.function(padded, kernel, row + 4, col + 4)


# 2. Every place


def _convolve_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for size, kernel_size in (
        ((choose.choice((8, 9)), 6), (3, 2)),
        ((5, choose.choice((7, 8))), (2, 4)),
        ((6, 5), (3, 3)),
        ((4, 6), (1, 1)),
        ((4, 3), (4, 3)),
        ((6, 4), (3, 1)),
        ((4, 7), (1, 3)),
    ):
        x, kernel = numbers(*size), numbers(*kernel_size)
        cases.append((in_words(x=x, kernel=kernel), (x, kernel), {}))
    return cases


@exercise(
    title="Slide the kernel over the picture",
    contract="`convolve(x, kernel)`: `x` is (H, W), `kernel` is (kh, kw), the answer is (H − kh + 1, W − kw + 1) and "
    "keeps the dtype and the gradient. Pixel [i, j] is the patch sum at row i, col j.  \n"
    "Example: a 5×4 picture and a 3×2 kernel give 3×3 numbers.",
    hints=(
        "In how many places does a kernel of 3 rows fit on a picture of 5 rows? Put it there and count.",
        "Make the answer first: `out = x.new_zeros(H - kh + 1, W - kw + 1)` has the dtype of `x`.",
        "Two loops, over the rows and the columns of `out`: `out[i, j] = (x[i : i + kh, j : j + kw] * kernel).sum()`.",
    ),
    cases=_convolve_cases,
    gradients=True,
)
def convolve(x, kernel):
    """Slide a kernel over a picture, one pixel at a time.

    x: (H, W); kernel: (kh, kw).
    Returns (H - kh + 1, W - kw + 1); it keeps the dtype and the gradient.
    """
    kh, kw = kernel.shape
    out = x.new_zeros(x.shape[0] - kh + 1, x.shape[1] - kw + 1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            out[i, j] = (x[i : i + kh, j : j + kw] * kernel).sum()
    return out


@convolve.also_right
def convolve_by_slices(x, kernel):
    (h, w), (kh, kw) = x.shape, kernel.shape
    return sum(
        kernel[i, j] * x[i : h - kh + 1 + i, j : w - kw + 1 + j]
        for i in range(kernel.shape[0])
        for j in range(kernel.shape[1])
    )


@convolve.also_right
def convolve_by_windows(x, kernel):
    windows = x.unfold(0, kernel.shape[0], 1).unfold(1, kernel.shape[1], 1)
    return torch.einsum("hwij,ij->hw", windows, kernel)


@convolve.also_right
def convolve_by_torch(x, kernel):
    return F.conv2d(x[None, None], kernel[None, None])[0, 0]


@convolve.also_right
def convolve_one_number_at_a_time(x, kernel):
    (h, w), (kh, kw) = x.shape, kernel.shape
    sums = [
        sum(x[i + a, j + b] * kernel[a, b] for a in range(kh) for b in range(kw))
        for i in range(h - kh + 1)
        for j in range(w - kw + 1)
    ]
    return torch.stack(sums).view(h - kh + 1, w - kw + 1)


@convolve.also_right
def convolve_by_matrices(x, kernel):
    h, w = x.shape
    total = 0
    for a, line in enumerate(kernel):
        band = x.new_zeros(w, w - len(line) + 1)
        for j in range(band.shape[1]):
            band[j : j + len(line), j] = line
        total = total + x[a : h - len(kernel) + 1 + a] @ band
    return total


@convolve.also_right
def convolve_by_frequencies(x, kernel):
    size = x.shape
    product = torch.fft.rfft2(x.double()) * torch.fft.rfft2(kernel.double(), s=size).conj()
    valid = torch.fft.irfft2(product, s=size)[: size[0] - kernel.shape[0] + 1, : size[1] - kernel.shape[1] + 1]
    return valid.to(x.dtype)


@convolve.wrong("This is the flipped kernel: torch's convolution does not flip. Use `kernel` as it is.")
def convolve_flipped(x, kernel):
    return convolve.function(x, kernel.flip(0, 1))


@convolve.wrong(
    "The last row and the last column are missing: the kernel fits in H − kh + 1 places, one more than H − kh."
)
def convolve_short(x, kernel):
    return convolve_by_torch(x, kernel)[:-1, :-1]


@convolve.wrong(
    "Your result is as large as the picture: keep only the places where the whole kernel lies on the "
    "picture, H − kh + 1 rows of them."
)
def convolve_same_size(x, kernel):
    kh, kw = kernel.shape
    return convolve_by_torch(F.pad(x, (0, kw - 1, 0, kh - 1)), kernel)


@convolve.wrong(
    "Your result has a row and a column too many: the kernel fits in H − kh + 1 places, and at your last "
    "ones it hangs over the edge."
)
def convolve_long(x, kernel):
    return convolve_by_torch(F.pad(x, (0, 1, 0, 1)), kernel)


@convolve.wrong(
    "Your result is transposed: rows come first. Its shape is (height, width), and `out[i, j]` reads `x` "
    "from row i, column j."
)
def convolve_transposed(x, kernel):
    return convolve_by_torch(x, kernel).T


@convolve.wrong(
    "You took the kernel's height for its width: `kh, kw = kernel.shape`, and kh belongs to the rows of `x`."
)
def convolve_kernel_transposed(x, kernel):
    return convolve_by_torch(x, kernel.T)


@convolve.wrong("This is the mean over each patch: add the products up and do not divide.")
def convolve_mean(x, kernel):
    return convolve_by_torch(x, kernel) / kernel.numel()


@convolve.wrong("Your kernel jumps by its own size: it should move by one pixel, so that neighbouring patches overlap.")
def convolve_tiles(x, kernel):
    return F.conv2d(x[None, None], kernel[None, None], stride=tuple(kernel.shape))[0, 0]


@convolve.wrong("Each pixel also holds the sums of the pixels before it: set the sum back to zero for each place.")
def convolve_never_reset(x, kernel):
    out = convolve_by_torch(x, kernel)
    return out.reshape(-1).cumsum(0).reshape(out.shape)


# 3. Channels


def _channel_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for x_shape, weight_shape, with_bias in (
        ((2, 3, choose.choice((7, 8)), 6), (4, 3, 5, 2), True),
        ((3, 2, 5, choose.choice((6, 7))), (4, 2, 3, 1), False),
        ((1, 4, 5, 6), (2, 4, 3, 6), True),
        ((2, 3, 5, 7), (4, 3, 5, 6), True),
        ((3, 2, 6, 7), (1, 2, 4, 6), True),
        ((2, 1, 6, 7), (3, 1, 4, 5), True),
        ((2, 4, 5, 6), (3, 4, 1, 1), True),
    ):
        x, weight = numbers(*x_shape), numbers(*weight_shape)
        bias = {"bias": numbers(weight_shape[0])} if with_bias else {}
        cases.append((in_words(x=x, weight=weight, **(bias or {"bias": None})), (x, weight), bias))
    return cases


@exercise(
    title="Many channels in, many channels out",
    contract="`conv2d(x, weight, bias=None)`: `x` is (N, C_in, H, W), `weight` is (C_out, C_in, kh, kw), `bias` is "
    "(C_out,) or None; the answer is (N, C_out, H − kh + 1, W − kw + 1) and keeps the dtype and the gradient.  \n"
    "Example: `x` (1, 3, 32, 32) and `weight` (16, 3, 3, 3) give (1, 16, 30, 30). Any way to the right numbers "
    "counts, `F.conv2d` as well: it only leaves nothing to learn.",
    hints=(
        "One output channel belongs to one kernel, and that kernel has a grid for each input channel. What "
        "happens to the grids' results?",
        "`x[:, :, i : i + kh, j : j + kw]` is (N, C_in, kh, kw): the patch of all pictures and channels. "
        "Give it an axis for C_out with `[:, None]` and multiply it by `weight`.",
        "`out[:, :, i, j] = (patch[:, None] * weight).sum(dim=(2, 3, 4))` for every place; at the end add "
        "`bias[:, None, None]`, unless it is None.",
    ),
    cases=_channel_cases,
    gradients=True,
)
def conv2d(x, weight, bias=None):
    """Convolve a batch of pictures with a kernel for each output channel.

    x: (N, C_in, H, W); weight: (C_out, C_in, kh, kw); bias: (C_out,) or None.
    Returns (N, C_out, H - kh + 1, W - kw + 1); it keeps the dtype and the gradient.
    """
    n, _, h, w = x.shape
    c_out, _, kh, kw = weight.shape
    out = x.new_zeros(n, c_out, h - kh + 1, w - kw + 1)
    for i in range(h - kh + 1):
        for j in range(w - kw + 1):
            patch = x[:, None, :, i : i + kh, j : j + kw]
            out[:, :, i, j] = (patch * weight).sum(dim=(2, 3, 4))
    return out if bias is None else out + bias[:, None, None]


@conv2d.also_right
def conv2d_by_unfold(x, weight, bias=None):
    n, _, h, w = x.shape
    c_out, _, kh, kw = weight.shape
    columns = F.unfold(x, (kh, kw))
    out = (weight.reshape(c_out, -1) @ columns).reshape(n, c_out, h - kh + 1, w - kw + 1)
    return out if bias is None else out + bias.reshape(1, -1, 1, 1)


@conv2d.also_right
def conv2d_by_view(x, weight, bias=None):
    out = weight.view(len(weight), -1) @ F.unfold(x, tuple(weight.shape[2:]))
    out = out.view(len(x), len(weight), x.shape[2] - weight.shape[2] + 1, x.shape[3] - weight.shape[3] + 1)
    return out if bias is None else out + bias.view(-1, 1, 1)


@conv2d.also_right
def conv2d_by_einsum(x, weight, bias=None):
    windows = x.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1)
    out = torch.einsum("nchwij,ocij->nohw", windows, weight)
    return out if bias is None else out + bias[None, :, None, None]


@conv2d.also_right
def conv2d_by_stacks(x, weight, bias=None):
    pictures = []
    for picture in x:
        maps = []
        for o, kernel in enumerate(weight):
            one = sum(convolve.function(channel, part) for channel, part in zip(picture, kernel, strict=True))
            maps.append(one if bias is None else one + bias[o])
        pictures.append(torch.stack(maps))
    return torch.stack(pictures)


@conv2d.also_right
def conv2d_by_torch(x, weight, bias=None):
    return F.conv2d(x, weight, bias)


@conv2d.also_right
def conv2d_by_layer(x, weight, bias=None):
    layer = nn.Conv2d(weight.shape[1], weight.shape[0], tuple(weight.shape[2:]), bias=bias is not None)
    values = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
    return torch.func.functional_call(layer, values, (x,))


@conv2d.also_right
def conv2d_by_taps(x, weight, bias=None):
    rows, columns = x.shape[2] - weight.shape[2] + 1, x.shape[3] - weight.shape[3] + 1
    out = 0 if bias is None else bias.view(1, -1, 1, 1)
    for i in range(weight.shape[2]):
        for j in range(weight.shape[3]):
            pixels = x[:, :, i : i + rows, j : j + columns].movedim(1, -1)
            out = out + (pixels @ weight[:, :, i, j].T).movedim(-1, 1)
    return out


@conv2d.wrong("This is the flipped kernel: torch's convolution does not flip. Use `weight` as it is.")
def conv2d_flipped(x, weight, bias=None):
    return F.conv2d(x, weight.flip(2, 3), bias)


@conv2d.wrong(
    "You read the first input channel only: a kernel has a grid for every input channel, and the results are added up."
)
def conv2d_first_channel(x, weight, bias=None):
    return F.conv2d(x[:, :1], weight[:, :1], bias)


@conv2d.wrong("The bias is missing: add `bias[o]` to every pixel of output channel o.")
def conv2d_without_bias(x, weight, bias=None):
    return F.conv2d(x, weight) + (0 if bias is None else 0 * bias.sum())


@conv2d.wrong("You add the bias once for each input channel: add it once, after the channels have been summed.")
def conv2d_bias_repeated(x, weight, bias=None):
    return F.conv2d(x, weight, None if bias is None else bias * x.shape[1])


@conv2d.wrong("You sum over the pictures of the batch as well: each of the N pictures keeps its own result.")
def conv2d_batch_summed(x, weight, bias=None):
    return F.conv2d(x.sum(0), weight, bias)


@conv2d.wrong("You average over the input channels: their results are added up.")
def conv2d_channel_mean(x, weight, bias=None):
    return F.conv2d(x / x.shape[1], weight, bias)


@conv2d.wrong(
    "You read `weight` as (C_in, C_out, kh, kw): its first axis counts the output channels, its second "
    "the input channels."
)
def conv2d_weight_order(x, weight, bias=None):
    c_out, c_in, kh, kw = weight.shape
    return F.conv2d(x, weight.reshape(c_in, c_out, kh, kw).transpose(0, 1), bias)


@conv2d.wrong("Your result is (N, C, W, H): height comes before width, as in `x`.")
def conv2d_swapped(x, weight, bias=None):
    return F.conv2d(x, weight, bias).transpose(2, 3)


@conv2d.wrong(
    "The last row and the last column are missing: the kernel fits in H − kh + 1 places, one more than H − kh."
)
def conv2d_short(x, weight, bias=None):
    return F.conv2d(x, weight, bias)[..., :-1, :-1]


# 4. Counting the weights


def _count_cases(seed):
    choose = random.Random(seed)
    settings = [
        (choose.randint(5, 9), choose.randint(11, 19), (3, 2), True),
        (choose.randint(11, 19), choose.randint(5, 9), (5, 4), False),
        (3, 16, (3, 3), True),
        (1, choose.randint(20, 40), (1, 7), True),
    ]
    names = ("in_channels", "out_channels", "kernel_size", "bias")
    cases = [(in_words(**dict(zip(names, values, strict=True))), values, {}) for values in settings]
    return [*cases, ("in_channels 2, out_channels 7, kernel_size (5, 3)", (2, 7, (5, 3)), {})]


@exercise(
    title="How many numbers does a layer learn?",
    contract="`count_parameters(in_channels, out_channels, kernel_size, bias=True)`: `kernel_size` is "
    "(kh, kw); a whole number (int) comes out.  \n"
    "Example: 3 channels in, 16 out, a 3×3 kernel, with bias: 448.",
    hints=(
        "The size of the picture is not among the arguments. Why is it not needed?",
        "How many numbers are in `weight`, (C_out, C_in, kh, kw)? And how many in `bias`, (C_out,)?",
        "`out_channels * in_channels * kh * kw`, and `out_channels` more if there is a bias.",
    ),
    cases=_count_cases,
)
def count_parameters(in_channels, out_channels, kernel_size, bias=True):
    """Count the numbers that a convolution layer learns.

    in_channels, out_channels: int; kernel_size: (kh, kw); bias: True or False.
    Returns an int.
    """
    kh, kw = kernel_size
    weights = out_channels * in_channels * kh * kw
    return weights + out_channels if bias else weights


@count_parameters.also_right
def count_per_kernel(in_channels, out_channels, kernel_size, bias=True):
    return out_channels * (in_channels * kernel_size[0] * kernel_size[1] + int(bias))


@count_parameters.also_right
def count_the_layer(in_channels, out_channels, kernel_size, bias=True):
    layer = nn.Conv2d(in_channels, out_channels, kernel_size, bias=bias)
    return sum(parameter.numel() for parameter in layer.parameters())


@count_parameters.also_right
def count_by_recursion(in_channels, out_channels, kernel_size, bias=True):
    if bias:
        return count_by_recursion(in_channels, out_channels, kernel_size, False) + out_channels
    return torch.Size((in_channels, out_channels, *kernel_size)).numel()


@count_parameters.also_right
def count_one_by_one(in_channels, out_channels, kernel_size, bias=True):
    count = 0
    for _ in range(out_channels):
        for _ in range(in_channels):
            for _ in range(kernel_size[0] * kernel_size[1]):
                count += 1
        count += bias
    return count


@count_parameters.wrong("The bias is missing: with `bias=True` each output channel learns one number more.")
def count_without_bias(in_channels, out_channels, kernel_size, bias=True):
    return count_parameters.function(in_channels, out_channels, kernel_size, False)


@count_parameters.wrong("You count the bias also when `bias` is False: then there is none.")
def count_always_bias(in_channels, out_channels, kernel_size, bias=True):
    return count_parameters.function(in_channels, out_channels, kernel_size, True)


@count_parameters.wrong("You count the bias once for the whole layer: there is one for each output channel.")
def count_one_bias(in_channels, out_channels, kernel_size, bias=True):
    return count_without_bias(in_channels, out_channels, kernel_size) + int(bias)


@count_parameters.wrong("You count one bias for each input channel: there is one for each output channel.")
def count_bias_per_input(in_channels, out_channels, kernel_size, bias=True):
    return count_without_bias(in_channels, out_channels, kernel_size) + in_channels * int(bias)


@count_parameters.wrong(
    "You count one bias for each grid of a kernel: a kernel adds up its grids' results first, and then adds one bias."
)
def count_bias_per_grid(in_channels, out_channels, kernel_size, bias=True):
    return count_without_bias(in_channels, out_channels, kernel_size) + in_channels * out_channels * int(bias)


@count_parameters.wrong("You forget the input channels: a kernel has kh × kw weights for each of them.")
def count_without_inputs(in_channels, out_channels, kernel_size, bias=True):
    return count_parameters.function(1, out_channels, kernel_size, bias)


@count_parameters.wrong("You count one kernel only: there is one for each output channel.")
def count_one_kernel(in_channels, out_channels, kernel_size, bias=True):
    return count_without_bias(in_channels, 1, kernel_size) + out_channels * int(bias)


@count_parameters.wrong(
    "You take the kernel for a square: it has kh × kw weights in each grid, and the two may differ."
)
def count_square(in_channels, out_channels, kernel_size, bias=True):
    return count_parameters.function(in_channels, out_channels, (kernel_size[0], kernel_size[0]), bias)


# 5. The gradient of a shared weight


def _gradient_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for x_shape, upstream_shape in (
        ((2, choose.choice((8, 9)), 11), (2, 6, 7)),
        ((3, 5, choose.choice((7, 8))), (3, 4, 4)),
        ((1, 6, 5), (1, 4, 3)),
        ((2, 3, 4), (2, 1, 2)),
        ((2, 4, 6), (2, 4, 3)),
        ((3, 6, 4), (3, 5, 4)),
        ((2, 3, 4), (2, 3, 4)),
    ):
        x, upstream = numbers(*x_shape), numbers(*upstream_shape)
        cases.append((in_words(x=x, upstream=upstream), (x, upstream), {}))
    return cases


@exercise(
    title="One weight, used everywhere",
    contract="`kernel_gradient(x, upstream)`: `x` is (N, H, W), N pictures convolved with one kernel (kh, kw); "
    "`upstream` is (N, H_out, W_out), the gradient of the loss for every output pixel; the answer is (kh, kw), the "
    "gradient for the kernel, in the dtype of `x`. kh = H − H_out + 1, kw = W − W_out + 1.  \n"
    "Example: with an `upstream` of ones, entry [0, 0] is the sum of all pixels that kernel[0, 0] has met.",
    hints=(
        "How much does output pixel [r, c] change when kernel[i, j] grows by 1? By exactly one pixel of `x`: which?",
        "It is x[r + i, c + j]. Weight it with upstream[r, c], and add up over every place where the kernel has been.",
        "For each i, j: `(x[:, i : i + H_out, j : j + W_out] * upstream).sum()`: over the places and over "
        "the pictures.",
    ),
    cases=_gradient_cases,
)
def kernel_gradient(x, upstream):
    """Compute the gradient that a shared kernel gets from all places where it was used.

    x: (N, H, W), the pictures; upstream: (N, H_out, W_out), the gradient of the loss for each output pixel.
    Returns (kh, kw) with kh = H - H_out + 1 and kw = W - W_out + 1, in the dtype of x.
    """
    _, h_out, w_out = upstream.shape
    gradient = x.new_zeros(x.shape[1] - h_out + 1, x.shape[2] - w_out + 1)
    for i in range(gradient.shape[0]):
        for j in range(gradient.shape[1]):
            gradient[i, j] = (x[:, i : i + h_out, j : j + w_out] * upstream).sum()
    return gradient


@kernel_gradient.also_right
def gradient_by_places(x, upstream):
    n, h_out, w_out = upstream.shape
    kh, kw = x.shape[1] - h_out + 1, x.shape[2] - w_out + 1
    gradient = x.new_zeros(kh, kw)
    for b in range(n):
        for r in range(h_out):
            for c in range(w_out):
                gradient += upstream[b, r, c] * x[b, r : r + kh, c : c + kw]
    return gradient


@kernel_gradient.also_right
def gradient_by_autograd(x, upstream):
    kernel = x.new_zeros(
        1, 1, x.shape[1] - upstream.shape[1] + 1, x.shape[2] - upstream.shape[2] + 1, requires_grad=True
    )
    F.conv2d(x[:, None], kernel).backward(upstream[:, None])
    return kernel.grad[0, 0]


@kernel_gradient.also_right
def gradient_by_convolution(x, upstream):
    return F.conv2d(x[None], upstream[None])[0, 0]


@kernel_gradient.also_right
def gradient_by_columns(x, upstream):
    kh, kw = x.shape[1] - upstream.shape[1] + 1, x.shape[2] - upstream.shape[2] + 1
    columns = F.unfold(x[:, None], (kh, kw))
    return (columns @ upstream.flatten(1)[..., None]).sum(0).view(kh, kw)


@kernel_gradient.also_right
def gradient_by_einsum(x, upstream):
    windows = x.unfold(1, upstream.shape[1], 1).unfold(2, upstream.shape[2], 1)
    return torch.einsum("nijhw,nhw->ij", windows, upstream)


@kernel_gradient.wrong(
    "This is the mean over the places: the weight is used at each of them, so their gradients add up."
)
def gradient_mean(x, upstream):
    return kernel_gradient.function(x, upstream) / upstream[0].numel()


@kernel_gradient.wrong(
    "This is the mean over the pictures: `upstream` already says how much each counts, so their gradients add up."
)
def gradient_batch_mean(x, upstream):
    return kernel_gradient.function(x, upstream) / len(x)


@kernel_gradient.wrong(
    "Only the last place is left: each place overwrites the one before. Add to the gradient with `+=`."
)
def gradient_overwritten(x, upstream):
    _, h_out, w_out = upstream.shape
    return upstream[-1, -1, -1] * x[-1, h_out - 1 :, w_out - 1 :]


@kernel_gradient.wrong("This gradient is flipped: kernel[i, j] met the pixel x[r + i, c + j], with plus signs.")
def gradient_flipped(x, upstream):
    return kernel_gradient.function(x, upstream).flip(0, 1)


@kernel_gradient.wrong("You kept one gradient for each picture: one kernel served all N of them, so add them up.")
def gradient_per_picture(x, upstream):
    return torch.stack([kernel_gradient.function(x[b : b + 1], upstream[b : b + 1]) for b in range(len(x))])


@kernel_gradient.wrong("You left `upstream` out: each place counts as much as its output pixel matters to the loss.")
def gradient_without_upstream(x, upstream):
    return kernel_gradient.function(x, torch.ones_like(upstream))


@kernel_gradient.wrong("You read the first picture only: the kernel was used on all N of them.")
def gradient_first_picture(x, upstream):
    return kernel_gradient.function(x[:1], upstream[:1])


@kernel_gradient.wrong("The last row and the last column of places are missing: there are H_out × W_out of them.")
def gradient_short(x, upstream):
    _, h_out, w_out = upstream.shape
    inside = torch.zeros_like(upstream)
    inside[:, : h_out - 1, : w_out - 1] = upstream[:, : h_out - 1, : w_out - 1]
    return kernel_gradient.function(x, inside)


# 6. Groups


def _group_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for x_shape, weight_shape, groups in (
        ((2, 8, choose.choice((7, 9)), 3), (6, 4, 5, 2), {"groups": 2}),
        ((3, 4, 5, choose.choice((6, 7))), (8, 1, 2, 3), {"groups": 4}),
        ((2, 5, 4, 6), (5, 1, 3, 2), {"groups": 5}),
        ((1, 6, 4, 5), (9, 2, 1, 5), {"groups": 3}),
        ((2, 6, 5, 4), (4, 3, 1, 1), {"groups": 2}),
        ((2, 3, 6, 7), (5, 3, 4, 2), {}),
    ):
        x, weight = numbers(*x_shape), numbers(*weight_shape)
        cases.append((in_words(x=x, weight=weight, **groups), (x, weight), groups))
    return cases


@exercise(
    title="Groups that do not see each other",
    contract="`grouped_conv2d(x, weight, groups=1)`: `x` is (N, C_in, H, W), `weight` is (C_out, C_in / groups, kh, "
    "kw); the answer is (N, C_out, H − kh + 1, W − kw + 1) and keeps the dtype and the gradient. The channels are "
    "split in order into `groups` equal parts, the input's and the output's; each output part reads the input part of "
    "the same number.  \n"
    "Example: with `groups` = C_in each kernel sees a single channel: that is a depthwise convolution.",
    hints=(
        "A grouped convolution is several small convolutions side by side. Which channels go into the first one?",
        "With a = C_in / groups, group g reads the channels from g·a up to (g + 1)·a. Which rows of `weight` "
        "belong to it?",
        "`x.chunk(groups, dim=1)` and `weight.chunk(groups, dim=0)` give the parts: convolve them pair by pair and "
        "join the results with `torch.cat(parts, dim=1)`.",
    ),
    cases=_group_cases,
    gradients=True,
)
def grouped_conv2d(x, weight, groups=1):
    """Convolve in groups: each part of the output channels reads one part of the input channels.

    x: (N, C_in, H, W); weight: (C_out, C_in / groups, kh, kw); groups divides C_in and C_out.
    Returns (N, C_out, H - kh + 1, W - kw + 1); it keeps the dtype and the gradient.
    """
    parts = []
    for x_part, weight_part in zip(x.chunk(groups, dim=1), weight.chunk(groups, dim=0), strict=True):
        windows = x_part.unfold(2, weight.shape[2], 1).unfold(3, weight.shape[3], 1)
        parts.append(torch.einsum("nchwij,ocij->nohw", windows, weight_part))
    return torch.cat(parts, dim=1)


@grouped_conv2d.also_right
def grouped_by_loops(x, weight, groups=1):
    n, _, h, w = x.shape
    c_out, a, kh, kw = weight.shape
    out = x.new_zeros(n, c_out, h - kh + 1, w - kw + 1)
    for o in range(c_out):
        first = o // (c_out // groups) * a
        for i in range(h - kh + 1):
            for j in range(w - kw + 1):
                out[:, o, i, j] = (x[:, first : first + a, i : i + kh, j : j + kw] * weight[o]).sum(dim=(1, 2, 3))
    return out


@grouped_conv2d.also_right
def grouped_by_zeros(x, weight, groups=1):
    c_out, a, kh, kw = weight.shape
    full = weight.new_zeros(c_out, x.shape[1], kh, kw)
    for o in range(c_out):
        first = o // (c_out // groups) * a
        full[o, first : first + a] = weight[o]
    return F.conv2d(x, full)


@grouped_conv2d.also_right
def grouped_by_torch(x, weight, groups=1):
    return F.conv2d(x, weight, groups=groups)


@grouped_conv2d.also_right
def grouped_by_mask(x, weight, groups=1):
    reads = torch.arange(x.shape[1]) // weight.shape[1]
    belongs = torch.arange(len(weight)) // (len(weight) // groups)
    return F.conv2d(x, weight.repeat(1, groups, 1, 1) * (belongs[:, None] == reads)[:, :, None, None])


@grouped_conv2d.also_right
def grouped_by_recursion(x, weight, groups=1):
    if groups == 1:
        return conv2d.function(x, weight)
    size, channels = len(weight) // groups, weight.shape[1]
    rest = grouped_by_recursion(x[:, channels:], weight[size:], groups - 1)
    return torch.cat([F.conv2d(x[:, :channels], weight[:size]), rest], dim=1)


@grouped_conv2d.wrong("Every group reads the first channels: group g starts at channel g · C_in / groups.")
def grouped_first_part(x, weight, groups=1):
    return F.conv2d(x[:, : weight.shape[1]], weight)


@grouped_conv2d.wrong(
    "You deal the input channels out in turn: a group takes neighbouring channels, the first part of them for group 0."
)
def grouped_in_turn(x, weight, groups=1):
    dealt = torch.cat([x[:, g::groups] for g in range(groups)], dim=1)
    return F.conv2d(dealt, weight, groups=groups)


@grouped_conv2d.wrong(
    "Your output channels are in another order: join the groups' results one after the other along the channel axis."
)
def grouped_out_in_turn(x, weight, groups=1):
    return F.conv2d(x, weight, groups=groups).unflatten(1, (groups, -1)).transpose(1, 2).flatten(1, 2)


@grouped_conv2d.wrong(
    "You add the groups' results up: each group makes output channels of its own, so join them along the channel axis."
)
def grouped_summed(x, weight, groups=1):
    return F.conv2d(x, weight, groups=groups).unflatten(1, (groups, -1)).sum(1)


@grouped_conv2d.wrong(
    "You read one channel for each group: a group has C_in / groups channels, and their results are added up."
)
def grouped_one_channel(x, weight, groups=1):
    return F.conv2d(x[:, :: weight.shape[1]], weight[:, :1], groups=groups)


@grouped_conv2d.wrong("This is the flipped kernel: torch's convolution does not flip. Use `weight` as it is.")
def grouped_flipped(x, weight, groups=1):
    return F.conv2d(x, weight.flip(2, 3), groups=groups)


@grouped_conv2d.wrong("You average over the channels of a group: their results are added up.")
def grouped_mean(x, weight, groups=1):
    return F.conv2d(x, weight, groups=groups) / weight.shape[1]


@grouped_conv2d.wrong(
    "Your groups are the wrong way round: the first part of the input belongs to the first part of the output."
)
def grouped_reversed(x, weight, groups=1):
    return F.conv2d(torch.cat(x.chunk(groups, dim=1)[::-1], dim=1), weight, groups=groups)
