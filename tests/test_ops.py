"""The operations by hand against torch: values and gradients in float64 within 1e-10, on seeded random settings."""

import ast
import functools
import inspect
import math
import random
import re
import warnings
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers import ops

TOLERANCE = {"rtol": 1e-10, "atol": 1e-10}
NAN, INF = math.nan, math.inf


def numbers(shape, seed):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def observe(run, module, tensors):
    """Run on fresh copies; return the output, the gradients for one fixed random upstream gradient, and the copies."""
    copies = [None if x is None else x.clone().requires_grad_(x.is_floating_point()) for x in tensors]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns that padding 'same' with even kernels is slow
        result = run(module, *copies)
    output = result[0] if isinstance(result, tuple) else result
    wanted = [x for x in copies if x is not None and x.requires_grad]
    return result, torch.autograd.grad(output, wanted, numbers(output.shape, 7)), copies


def assert_agree(run, tensors, setting=""):
    """Assert that run(ops, *tensors) equals run(F, *tensors), gradients too, and leaves the tensors as they were."""
    theirs, their_gradients, _ = observe(run, F, tensors)
    ours, our_gradients, copies = observe(run, ops, tensors)
    setting = f"{[None if x is None else tuple(x.shape) for x in tensors]} {setting}"
    if isinstance(theirs, tuple):
        assert torch.equal(ours[1], theirs[1]), setting
        ours, theirs = ours[0], theirs[0]
    assert ours.shape == theirs.shape, setting
    assert ours.dtype == theirs.dtype, setting
    torch.testing.assert_close(ours, theirs, **TOLERANCE, equal_nan=True, msg=lambda m: f"{setting}: {m}")
    for ours, theirs in zip(our_gradients, their_gradients, strict=True):
        torch.testing.assert_close(ours, theirs, **TOLERANCE, equal_nan=True, msg=lambda m: f"{setting}, gradient: {m}")
    for copy, given in zip(copies, tensors, strict=True):
        if given is not None:
            assert torch.equal(copy.detach().nan_to_num(9), given.nan_to_num(9)), f"{setting} changed its input"


def assert_same(name, tensors, *args, **kwargs):
    """Assert that ops.NAME agrees with F.NAME, called with the tensors first."""
    assert_agree(lambda module, *x: getattr(module, name)(*x, *args, **kwargs), tensors, f"{name} {args} {kwargs}")


def one_or_each(rng, low, high, axes):
    """A whole number, or a tuple of one for each axis."""
    return rng.randint(low, high) if rng.random() < 0.4 else tuple(rng.randint(low, high) for _ in range(axes))


def each(value, axes):
    return (value,) * axes if isinstance(value, int) else value


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_convolution_equals_torch_on_140_settings(axes):
    rng = random.Random(axes)
    kinds = set()
    for seed in range(140):
        groups = rng.choice([1, 1, 2, 3])
        channels, filters = groups * rng.randint(1, 2), groups * rng.randint(1, 3)
        taps = tuple(rng.randint(1, 4 if axes < 3 else 3) for _ in range(axes))
        dilation = one_or_each(rng, 1, 3 if axes < 3 else 2, axes)
        padding = rng.choice(["same", "valid", None, None, None])
        padding = one_or_each(rng, 0, 3, axes) if padding is None else padding
        stride = 1 if padding == "same" else one_or_each(rng, 1, 3, axes)
        sides = each(0 if isinstance(padding, str) else padding, axes)
        sizes = tuple(
            max(1, gap * (k - 1) + 1 - 2 * p) + rng.randint(0, 4)
            for k, gap, p in zip(taps, each(dilation, axes), sides, strict=True)
        )
        batch = (rng.randint(1, 3),) if rng.random() < 0.8 else ()
        tensors = [
            numbers((*batch, channels, *sizes), seed),
            numbers((filters, channels // groups, *taps), seed + 1),
            numbers((filters,), seed + 2) if rng.random() < 0.7 else None,
        ]
        kinds.add((groups > 1, type(padding), type(stride), bool(batch)))
        assert_same(f"conv{axes}d", tensors, stride=stride, padding=padding, dilation=dilation, groups=groups)
    assert len(kinds) > 12  # the settings are varied


def test_convolution_takes_what_torch_takes():
    image, weight = numbers((2, 4, 7, 6), 0), numbers((6, 2, 3, 2), 1)
    assert_same("conv2d", [image, weight, None], (2,), (1,), (1,), 2)
    assert_same("conv2d", [image, weight, None], [2, 1], [1, 0], [1, 2], 2)
    assert_same("conv2d", [image[:0], weight, None], groups=2)
    assert_same("conv2d", [image.mT, weight, None], groups=2)
    with_numpy = ops.conv2d(image, weight, None, np.int64(2), np.int64(1), np.int64(1), np.int64(2))
    torch.testing.assert_close(with_numpy, F.conv2d(image, weight, None, 2, 1, 1, 2), **TOLERANCE)


def test_convolution_of_whole_numbers_and_of_float32():
    image, weight = torch.arange(40).view(1, 2, 4, 5), torch.arange(24).view(2, 2, 3, 2) - 9
    assert torch.equal(ops.conv2d(image, weight), F.conv2d(image, weight))
    output = ops.conv2d(image.float(), weight.float(), padding=1)
    assert output.dtype == torch.float32
    assert torch.equal(output, F.conv2d(image.float(), weight.float(), padding=1))


def test_convolution_does_not_flip():
    row, weight = torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[10.0, 1.0]]])
    assert ops.conv1d(row, weight).tolist() == [[[12.0, 24.0]]]


def test_pad_equals_torch_on_400_settings():
    rng = random.Random(4)
    modes = {"constant": 0, "reflect": 0, "replicate": 0, "circular": 0}
    negative = 0
    for seed in range(400):
        mode = rng.choice(list(modes))
        axes = rng.randint(0, 4) if mode == "constant" else rng.randint(1, 3)
        shape = tuple(rng.randint(1, 5) for _ in range(axes + rng.randint(1, 2)))
        amounts, kept = [], []
        for size in reversed(shape[len(shape) - axes :]):
            left, right = (rng.randint(-1, 4) for _ in range(2))
            if mode in ("reflect", "circular"):
                limit = size - 1 if mode == "reflect" else size + min(left, 0) + min(right, 0)
                left, right = min(left, limit), min(right, limit)
            amounts += [left, right]
            kept += [left + size + right, size + min(left, 0) + min(right, 0)]
        if kept and min(kept) < 1:
            continue
        value = rng.choice([None, 0, 1.5, -2]) if mode == "constant" else None
        modes[mode] += 1
        negative += any(amount < 0 for amount in amounts)
        assert_same("pad", [numbers(shape, seed)], amounts, mode, value)
    assert sum(modes.values()) >= 300
    assert min(modes.values()) > 60
    assert negative > 60


def test_pad_in_literal_numbers():
    row = torch.tensor([[1, 2, 3, 4]])
    assert ops.pad(row, (2, 1)).tolist() == [[0, 0, 1, 2, 3, 4, 0]]
    assert ops.pad(row, (2, 1), value=9).tolist() == [[9, 9, 1, 2, 3, 4, 9]]
    assert ops.pad(row, (2, 1), "reflect").tolist() == [[3, 2, 1, 2, 3, 4, 3]]
    assert ops.pad(row, (2, 1), "replicate").tolist() == [[1, 1, 1, 2, 3, 4, 4]]
    assert ops.pad(row, (2, 1), "circular").tolist() == [[3, 4, 1, 2, 3, 4, 1]]
    assert ops.pad(row, (-1, -2)).tolist() == [[2]]
    assert ops.pad(row, (-4, 0)).shape == F.pad(row, (-4, 0)).shape == (1, 0)
    assert ops.pad(row.float(), (1, 0), value=-INF)[0, 0] == -INF
    assert ops.pad(row == 2, (1, 0)).tolist() == [[False, False, True, False, False]]


@pytest.mark.parametrize("mode", ["constant", "reflect"])
def test_pad_of_nothing_is_a_copy(mode):
    row = numbers((2, 3), 0)
    for amounts in [(), (0, 0)]:
        padded = ops.pad(row, amounts, mode)
        assert torch.equal(padded, row)
        padded.zero_()
        assert row.abs().sum() > 0


def pool_setting(rng, dilated):
    """A random pooling and a size that it fits: keyword arguments and (H, W)."""
    kernel_size = one_or_each(rng, 1, 4, 2)
    taps = each(kernel_size, 2)
    setting = {"kernel_size": kernel_size, "padding": tuple(rng.randint(0, k // 2) for k in taps)}
    if rng.random() < 0.7:
        setting["stride"] = one_or_each(rng, 1, 4, 2)
    setting["ceil_mode"] = rng.random() < 0.5
    dilation = one_or_each(rng, 1, 3, 2) if dilated and rng.random() < 0.5 else 1
    if dilated:
        setting["dilation"] = dilation
    # At least `gap` pixels along each axis, so that a window always holds one: torch's indices go astray without.
    sizes = tuple(
        max(gap, gap * (k - 1) + 1 - 2 * p) + rng.randint(0, 6)
        for k, gap, p in zip(taps, each(dilation, 2), setting["padding"], strict=True)
    )
    return setting, sizes


def picture(rng, sizes, seed, special):
    """A batch or a single picture; with `special`, whole numbers full of ties, and some −inf and nan."""
    batch = (rng.randint(1, 2),) if rng.random() < 0.8 else ()
    image = numbers((*batch, rng.randint(1, 3), *sizes), seed)
    if special:
        image = image.round()
        chance = torch.rand(image.shape, generator=torch.Generator().manual_seed(seed))
        image[chance < 0.3] = -INF
        if seed % 4 == 0:
            image[chance > 0.8] = NAN
    return image


def test_max_pool2d_equals_torch_on_400_settings():
    rng = random.Random(5)
    for seed in range(400):
        setting, sizes = pool_setting(rng, dilated=True)
        image = picture(rng, sizes, seed, special=seed % 2 == 0)
        assert_same("max_pool2d", [image], **setting, return_indices=rng.random() < 0.7)


def test_avg_pool2d_equals_torch_on_400_settings():
    rng = random.Random(6)
    for seed in range(400):
        setting, sizes = pool_setting(rng, dilated=False)
        setting["count_include_pad"] = rng.random() < 0.5
        setting["divisor_override"] = rng.choice([None, None, 3, -2])
        assert_same("avg_pool2d", [picture(rng, sizes, seed, special=seed % 3 == 0)], **setting)


def test_max_unpool2d_equals_torch_on_400_settings():
    rng = random.Random(8)
    done = grown = 0
    while done < 400:
        setting, sizes = pool_setting(rng, dilated=False)
        setting.pop("ceil_mode")
        image = picture(rng, sizes, done, special=False)
        pooled, indices = F.max_pool2d(image, **setting, return_indices=True)
        taps, padding = each(setting["kernel_size"], 2), setting["padding"]
        stride = each(setting.get("stride", taps), 2)
        smallest = [
            (n - 1) * s - 2 * p + k for n, s, p, k in zip(pooled.shape[-2:], stride, padding, taps, strict=True)
        ]
        if rng.random() < 0.5:
            output_size = [n + rng.randint(0, s - 1) for n, s in zip(smallest, stride, strict=True)]
            grown += output_size != smallest
            in_full = image.dim() == 4 and rng.random() < 0.5
            setting["output_size"] = [*image.shape[:2], *output_size] if in_full else output_size
        height, width = setting.get("output_size", smallest)[-2:]
        if height < 1 or width < 1 or indices.max() >= height * width:
            continue
        done += 1
        assert_same("max_unpool2d", [pooled, indices], **setting)
    assert grown > 60


@pytest.mark.parametrize("name", ["adaptive_avg_pool2d", "adaptive_max_pool2d"])
def test_adaptive_pooling_equals_torch_on_400_settings(name):
    rng = random.Random(12)
    kinds = set()
    for seed in range(400):
        sizes = tuple(rng.randint(1, 9) for _ in range(2))
        output_size = rng.choice([rng.randint(1, 11), tuple(rng.choice([None, *range(1, 12)]) for _ in range(2))])
        special = seed % 2 == 0 and name == "adaptive_max_pool2d"
        indices = {"return_indices": rng.random() < 0.7} if name == "adaptive_max_pool2d" else {}
        uneven = [n % (m or n) for n, m in zip(sizes, each(output_size, 2), strict=True)]
        kinds.add((type(output_size), bool(uneven[0]), bool(uneven[1]), special))
        assert_same(name, [picture(rng, sizes, seed, special)], output_size, **indices)
    assert len(kinds) >= 8  # the settings are varied


def test_adaptive_bins_in_literal_numbers():
    row = torch.tensor([[[1.0, 2.0, 6.0, 8.0, 16.0]]], requires_grad=True)
    assert ops.adaptive_avg_pool2d(row, (1, 2)).tolist() == [[[3.0, 10.0]]]  # the middle pixel is in both bins
    assert ops.adaptive_max_pool2d(row, (1, 3)).tolist() == [[[2.0, 8.0, 16.0]]]
    assert ops.adaptive_max_pool2d(row, (1, 3), True)[1].tolist() == [[[1, 3, 4]]]
    assert ops.adaptive_avg_pool2d(row, (1, None)).tolist() == row.tolist()
    assert ops.adaptive_avg_pool2d(row.half(), 1).dtype == torch.float16
    ops.adaptive_max_pool2d(torch.cat([row, row], 2), 1).sum().backward()
    assert row.grad.tolist() == [[[0, 0, 0, 0, 1]]]  # of two equal pixels the first wins


def test_max_pool2d_names_the_winner():
    image = torch.tensor([[[1.0, 5.0, 5.0, 2.0], [5.0, 0.0, 1.0, 5.0]]], requires_grad=True)
    output, indices = ops.max_pool2d(image, 2, return_indices=True)
    assert output.tolist() == [[[5.0, 5.0]]]
    assert indices.tolist() == [[[1, 2]]]
    output.sum().backward()
    assert image.grad.tolist() == [[[0, 1, 1, 0], [0, 0, 0, 0]]]


def test_max_pool2d_where_no_number_wins():
    lost = torch.full((1, 3, 3), -INF)
    for ours, theirs in zip(
        ops.max_pool2d(lost, 3, 1, 1, return_indices=True),
        F.max_pool2d(lost, 3, 1, 1, return_indices=True),
        strict=True,
    ):
        assert torch.equal(ours, theirs)
    row = torch.tensor([[[NAN, 1.0, NAN, 2.0]]])
    output, index = ops.max_pool2d(row, (1, 4), return_indices=True)
    assert output.isnan().all()
    assert index.item() == F.max_pool2d(row, (1, 4), return_indices=True)[1].item() == 2
    narrow = torch.ones(1, 2, 2)  # both taps of the only window lie in the padding
    output, index = ops.max_pool2d(narrow, 2, 1, 1, 3, return_indices=True)
    assert torch.equal(output, F.max_pool2d(narrow, 2, 1, 1, 3))
    assert index.tolist() == [[[-1]]]


def test_pooling_of_other_dtypes():
    counts = torch.arange(24).view(1, 4, 6) % 7 - 3
    assert torch.equal(ops.max_pool2d(counts, 3, 2, 1), F.max_pool2d(counts, 3, 2, 1))
    image = numbers((0, 2, 4, 4), 0)
    assert_same("max_pool2d", [image], 2)
    assert_same("avg_pool2d", [image], 2)
    assert ops.avg_pool2d(numbers((1, 4, 4), 0).float(), 2).dtype == torch.float32


def test_unpooling_undoes_pooling_at_the_winners():
    image = numbers((2, 3, 7, 6), 3)
    pooled, indices = ops.max_pool2d(image, 2, return_indices=True)
    back = ops.max_unpool2d(pooled, indices, 2, output_size=(7, 6))
    kept = back != 0
    assert kept.sum() == pooled.numel()
    assert torch.equal(back[kept], image[kept])


# --- Normalisation ---------------------------------------------------------------------------------------------------


def assert_same_norm(name, image, running, weight, bias, **kwargs):
    """As assert_same, for batch_norm and instance_norm: the running statistics too, over three steps."""
    statistics = {module: [None if x is None else x.clone() for x in running] for module in (F, ops)}
    for step in (1, 2, 3):
        assert_agree(
            lambda module, x, w, b: getattr(module, name)(x, *statistics[module], w, b, **kwargs),
            [image * step, weight, bias],
            f"{name} {kwargs}",
        )
    for theirs, ours in zip(*statistics.values(), strict=True):
        if theirs is not None:
            torch.testing.assert_close(ours, theirs, **TOLERANCE)


def norm_inputs(rng, seed, least):
    sizes = tuple(rng.randint(least, 4) for _ in range(rng.randint(1, 3)))
    channels = rng.randint(1, 4)
    image = numbers((rng.randint(2, 3), channels, *sizes), seed) * 3 + 1
    weight, bias = (numbers((channels,), seed + i) if rng.random() < 0.6 else None for i in (1, 2))
    running = (numbers((channels,), seed + 3), numbers((channels,), seed + 4).square() + 0.1)
    return image, weight, bias, running


@pytest.mark.parametrize(("name", "flag"), [("batch_norm", "training"), ("instance_norm", "use_input_stats")])
def test_channel_norms_equal_torch(name, flag):
    rng = random.Random(9)
    for seed in range(80):
        image, weight, bias, running = norm_inputs(rng, seed, least=2)
        own = rng.random() < 0.7
        running = (None, None) if own and rng.random() < 0.3 else running
        kwargs = {flag: own, "momentum": rng.choice([0.1, 0.5, 0.0, 1.0]), "eps": rng.choice([1e-5, 0.1])}
        assert_same_norm(name, image, running, weight, bias, **kwargs)


def test_batch_norm_without_places():
    assert_same_norm("batch_norm", numbers((5, 3), 1), (torch.zeros(3).double(), torch.ones(3).double()), None, None)
    assert_same_norm("batch_norm", numbers((5, 3), 1), (None, None), None, None, training=True)


def test_running_statistics_in_literal_numbers():
    mean, var = torch.zeros(1), torch.ones(1)
    ops.batch_norm(torch.tensor([[1.0], [3.0]]), mean, var, training=True)
    assert mean.item() == pytest.approx(0.2)  # 0.9 · 0 + 0.1 · 2
    assert var.item() == pytest.approx(1.1)  # 0.9 · 1 + 0.1 · 2, the unbiased variance
    before = mean.clone(), var.clone()
    ops.batch_norm(torch.tensor([[9.0], [3.0]]), mean, var)
    assert (mean, var) == before


def test_group_norm_equals_torch():
    rng = random.Random(10)
    for seed in range(80):
        groups = rng.randint(1, 3)
        channels = groups * rng.randint(1, 3)
        sizes = tuple(rng.randint(1, 4) for _ in range(rng.randint(0, 3)))
        image = numbers((rng.randint(2, 3), channels, *sizes), seed) * 3 + 1
        weight, bias = (numbers((channels,), seed + i) if rng.random() < 0.6 else None for i in (1, 2))
        eps = rng.choice([1e-5, 0.1])
        for g in (groups, 1, channels):
            assert_agree(
                lambda module, x, w, b, g=g, eps=eps: module.group_norm(x, g, w, b, eps),
                [image, weight, bias],
                f"{g} {eps}",
            )


def test_layer_norm_equals_torch():
    rng = random.Random(11)
    for seed in range(80):
        sizes = tuple(rng.randint(2, 4) for _ in range(rng.randint(1, 4)))
        image = numbers((*sizes[: rng.randint(0, 2)], *sizes), seed) * 3 + 1
        shape = sizes if rng.random() < 0.5 else sizes[-1:]
        weight, bias = (numbers(shape, seed + i) if rng.random() < 0.6 else None for i in (1, 2))
        eps = rng.choice([1e-5, 0.1])
        assert_agree(
            lambda module, x, w, b, shape=shape, eps=eps: module.layer_norm(x, shape, w, b, eps),
            [image, weight, bias],
            f"{shape} {eps}",
        )


def test_norms_in_the_numbers_of_the_notebook():
    block = torch.tensor([[[1.0, 2, -1, 1], [3, 4, -2, 2]]])
    layer = ops.layer_norm(block, [2, 4])[0, 0]
    instance = ops.instance_norm(block)[0, 0]
    torch.testing.assert_close(layer, torch.tensor([-0.1348, 0.4045, -1.2136, -0.1348]), atol=5e-5, rtol=0)
    torch.testing.assert_close(instance, torch.tensor([0.2294, 1.1471, -1.6059, 0.2294]), atol=5e-5, rtol=0)


# --- The form --------------------------------------------------------------------------------------------------------

NAMES = ["conv1d", "conv2d", "conv3d", "pad", "max_pool2d", "avg_pool2d", "max_unpool2d"]
NAMES += ["adaptive_avg_pool2d", "adaptive_max_pool2d"]
NAMES += ["batch_norm", "instance_norm", "group_norm", "layer_norm"]


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_those_of_torch(name):
    theirs = {
        "conv1d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
        "conv2d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
        "conv3d": "input weight bias=None stride=1 padding=0 dilation=1 groups=1",
        "max_pool2d": "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False",
        "avg_pool2d": "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True "
        "divisor_override=None",
        "adaptive_max_pool2d": "input output_size return_indices=False",
    }  # builtins without a signature to read; the others are compared with torch's own
    if name in theirs:
        expected = theirs[name].split()
    else:
        expected = [
            key if p.default is p.empty else f"{key}={p.default}"
            for key, p in inspect.signature(getattr(F, name)).parameters.items()
        ]
    found = [
        key if p.default is p.empty else f"{key}={p.default}"
        for key, p in inspect.signature(getattr(ops, name)).parameters.items()
    ]
    assert found == expected


def test_nothing_is_borrowed_from_torch():
    source = Path(ops.__file__).read_text(encoding="utf-8")
    assert "torch.nn" not in source
    used = {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "torch"
    }
    assert used == {"arange", "bool", "iinfo", "int64", "no_grad", "where"}


# --- What is refused -------------------------------------------------------------------------------------------------

IMAGE = torch.zeros(2, 4, 5, 6)
WEIGHT = torch.zeros(6, 4, 3, 3)
POOLED = torch.zeros(1, 2, 2)
WIDE = torch.zeros(1, 1, 2000, 2000)
PLACES = torch.zeros(1, 2, 2, dtype=torch.int64)

REFUSED = [
    (lambda: ops.conv2d([1], WEIGHT), "input must be a tensor, got list"),
    (lambda: ops.conv2d(IMAGE, None), "weight must be a tensor, got NoneType"),
    (lambda: ops.conv2d(IMAGE, WEIGHT.double()), "weight must have the input's dtype torch.float32, got torch.float64"),
    (lambda: ops.conv2d(IMAGE[0, 0], WEIGHT), "input must have 4 axes, or 3 without the batch, got (5, 6)"),
    (lambda: ops.conv1d(IMAGE, WEIGHT), "input must have 3 axes, or 2 without the batch, got (2, 4, 5, 6)"),
    (lambda: ops.conv2d(IMAGE, WEIGHT[0]), "weight must have 4 axes, (C_out, C_in / groups, kernel), got (4, 3, 3)"),
    (lambda: ops.conv2d(IMAGE, WEIGHT[:, :3]), "4 / 1 = 4 channels for input (2, 4, 5, 6), got weight (6, 3, 3, 3)"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, groups=4), "must divide C_in and C_out, got groups 4, C_in 4 and C_out 6"),
    (lambda: ops.conv2d(IMAGE, WEIGHT[:0]), "must divide C_in and C_out, got groups 1, C_in 4 and C_out 0"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, groups=0), "groups must be at least 1, got 0"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, groups=True), "groups must be a whole number, got True of type bool"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, torch.zeros(5)), "bias must have shape (6,), one number per channel, got (5,)"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, 1.0), "bias must be a tensor, got float"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, stride=0), "stride must be at least 1, got 0"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, stride=(1, 0)), "stride[1] must be at least 1, got 0"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, stride=2.0), "stride must be a whole number, got 2.0 of type float"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, stride=(1, 2, 3)), "stride must be one whole number or 2, got (1, 2, 3)"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, dilation=NAN), "dilation must be a whole number, got nan of type float"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding=-1), "padding must be at least 0, got -1"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding=()), "padding must be one whole number or 2, got ()"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding="full"), "padding must be 'same', 'valid' or whole numbers, got 'full'"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding="same", stride=2), "padding 'same' needs stride 1, got stride (2, 2)"),
    (
        lambda: ops.conv2d(IMAGE[:, :, :2], WEIGHT, dilation=(2, 1), padding=(1, 0)),
        "kernel_size 3 with dilation 2 spans 5 pixels, but size 2 with padding 1 per side has only 4",
    ),
    (lambda: ops.conv2d(IMAGE[:, :, :0], WEIGHT, padding=3), "size must be at least 1, got 0"),
    (lambda: ops.conv2d(IMAGE, WEIGHT[..., :0]), "kernel_size must be at least 1, got 0"),
    (lambda: ops.pad(3, (1, 1)), "input must be a tensor, got int"),
    (lambda: ops.pad(IMAGE, 1), "pad must be a list or tuple of whole numbers, got 1"),
    (lambda: ops.pad(IMAGE, "11"), "pad must be a list or tuple of whole numbers, got '11'"),
    (lambda: ops.pad(IMAGE, (1, 1.0)), "pad[1] must be a whole number, got 1.0 of type float"),
    (lambda: ops.pad(IMAGE, (1, 1, 1)), "pad must hold two numbers for each padded axis, at most 8 for an input of"),
    (lambda: ops.pad(IMAGE, (1,) * 10), "of shape (2, 4, 5, 6), got 10: (1, 1, 1, 1, 1, 1, 1, 1, 1, 1)"),
    (lambda: ops.pad(IMAGE, (-4, -3)), "pad (-4, -3) takes more pixels than an axis of 6 has"),
    (lambda: ops.pad(IMAGE, (-7, 9)), "pad (-7, 9) takes more pixels than an axis of 6 has"),
    (lambda: ops.pad(IMAGE, (1, 1), "mirror"), "'constant', 'reflect', 'replicate' or 'circular', got 'mirror'"),
    (lambda: ops.pad(IMAGE, (1, 1), []), "mode must be 'constant', 'reflect', 'replicate' or 'circular', got []"),
    (lambda: ops.pad(IMAGE, (1, 1), value="0"), "value must be a number, got '0'"),
    (lambda: ops.pad(PLACES, (1, 1), value=INF), "value must be finite for an input of torch.int64, got inf"),
    (lambda: ops.pad(IMAGE, (1, 1), "reflect", 2), "for mode 'constant' only, got value 2 with mode 'reflect'"),
    (lambda: ops.pad(IMAGE, (6, 0), "reflect"), "below the axis's 6 pixels with mode 'reflect', got (6, 0)"),
    (lambda: ops.pad(IMAGE, (0, 7), "circular"), "at most the 6 pixels kept with mode 'circular', got (0, 7)"),
    (lambda: ops.pad(IMAGE, (-3, -3), "replicate"), "leaves no pixel of an axis of 6 with mode 'replicate'"),
    (lambda: ops.pad(IMAGE[..., :0], (1, 1), "replicate"), "leaves no pixel of an axis of 0 with mode 'replicate'"),
    (lambda: ops.max_pool2d(None, 2), "input must be a tensor, got NoneType"),
    (lambda: ops.max_pool2d(IMAGE[0, 0], 2), "input must be (N, C, H, W) or (C, H, W), got (5, 6)"),
    (lambda: ops.max_pool2d(IMAGE == 0, 2), "input must hold real numbers, got torch.bool: use input.float()"),
    (lambda: ops.max_pool2d(IMAGE, 0), "kernel_size must be at least 1, got 0"),
    (lambda: ops.max_pool2d(IMAGE, "2"), "kernel_size must be a whole number, got '2' of type str"),
    (lambda: ops.max_pool2d(IMAGE, 2, 0), "stride must be at least 1, got 0"),
    (lambda: ops.max_pool2d(IMAGE, 3, 1, 2), "padding must be at most half of kernel_size 3, got 2"),
    (lambda: ops.max_pool2d(IMAGE, 2, dilation=0), "dilation must be at least 1, got 0"),
    (lambda: ops.max_pool2d(IMAGE, 2, ceil_mode=1), "ceil_mode must be True or False, got 1"),
    (lambda: ops.max_pool2d(IMAGE, 2, return_indices="yes"), "return_indices must be True or False, got 'yes'"),
    (lambda: ops.max_pool2d(IMAGE, 7), "kernel_size 7 with dilation 1 spans 7 pixels, but size 5 with padding 0"),
    (lambda: ops.avg_pool2d(IMAGE.long(), 2), "input must hold floats, got torch.int64: use input.float()"),
    (lambda: ops.avg_pool2d(IMAGE, 2, count_include_pad=0), "count_include_pad must be True or False, got 0"),
    (lambda: ops.avg_pool2d(IMAGE, 2, divisor_override=0), "divisor_override must not be 0"),
    (lambda: ops.avg_pool2d(IMAGE, 2, divisor_override=0.5), "divisor_override must be a whole number, got 0.5"),
    (lambda: ops.max_unpool2d(POOLED, [0], 2), "indices must be a tensor, got list"),
    (lambda: ops.max_unpool2d(POOLED, PLACES.int(), 2), "indices must be int64 (1, 2, 2), got torch.int32 (1, 2, 2)"),
    (lambda: ops.max_unpool2d(POOLED, PLACES[:, :1], 2), "indices must be int64 (1, 2, 2), got torch.int64 (1, 1, 2)"),
    (lambda: ops.max_unpool2d(POOLED, PLACES + 16, 2), "indices must lie in an output of 4×4 pixels, got 16"),
    (lambda: ops.max_unpool2d(POOLED, PLACES - 1, 2), "indices must lie in an output of 4×4 pixels, got -1"),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, output_size=(4, 6)), "less than stride (2, 2) away from (4, 4), got"),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, output_size=(4,)), "output_size must be (H, W)"),
    (
        lambda: ops.max_unpool2d(POOLED, PLACES, 2, output_size=4),
        "output_size must be a list or tuple of whole numbers",
    ),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, padding=3), "output_size must be (H, W), at least 1"),
    (lambda: ops.max_pool2d(IMAGE, -2), "kernel_size must be at least 1, got -2"),
    (lambda: ops.max_pool2d(IMAGE, 1.5), "kernel_size must be a whole number, got 1.5 of type float"),
    (lambda: ops.avg_pool2d(IMAGE, 2, (1, 0)), "stride[1] must be at least 1, got 0"),
    (lambda: ops.avg_pool2d(IMAGE, 2, padding=2), "padding must be at most half of kernel_size 2, got 2"),
    (lambda: ops.avg_pool2d(IMAGE, (2, 7)), "kernel_size 7 with dilation 1 spans 7 pixels, but size 6 with padding 0"),
    (
        lambda: ops.max_pool2d(IMAGE, 3, padding=1, dilation=4),
        "kernel_size 3 with dilation 4 spans 9 pixels, but size 5 with padding 1 per side has only 7",
    ),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, 0), "stride must be at least 1, got 0"),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, output_size=(4, 4.5)), "output_size[1] must be a whole number, got"),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 2, output_size=(-4, 4)), "output_size must be (H, W), at least 1"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE, 0), "output_size must be at least 1, got 0"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE, -3), "output_size must be at least 1, got -3"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE, (2, 2.5)), "output_size must be a whole number, got 2.5 of type float"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE, (2, 2, 2)), "output_size must be one whole number or two, got (2, 2, 2)"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE, 10**6), "the output would hold 8.0e+12 values, at most 1e+09 fit here"),
    (lambda: ops.adaptive_avg_pool2d(IMAGE.long(), 2), "input must hold floats, got torch.int64: use input.float()"),
    (lambda: ops.adaptive_max_pool2d(IMAGE[0, 0], 2), "input must be (N, C, H, W) or (C, H, W), got (5, 6)"),
    (lambda: ops.adaptive_max_pool2d(IMAGE[..., :0], 2), "W of the input must be at least 1, got 0"),
    (lambda: ops.adaptive_max_pool2d(IMAGE, 2, 1), "return_indices must be True or False, got 1"),
    (lambda: ops.batch_norm(IMAGE.long(), None, None), "input must hold floats, got torch.int64"),
    (lambda: ops.batch_norm(IMAGE[0, 0, 0], None, None), "input must be (N, C, *), got (6,)"),
    (lambda: ops.batch_norm(IMAGE, None, None), "running_mean and running_var must be given when"),
    (lambda: ops.batch_norm(IMAGE, torch.zeros(4), None, training=True), "must both be given or both be None"),
    (lambda: ops.batch_norm(IMAGE, torch.zeros(3), torch.zeros(3)), "running_mean must have shape (4,), one number"),
    (lambda: ops.batch_norm(IMAGE, None, None, torch.zeros(6), training=True), "weight must have shape (4,)"),
    (lambda: ops.batch_norm(IMAGE[:1, :, :1, :1], None, None, training=True), "got 1 in input (1, 4, 1, 1)"),
    (lambda: ops.batch_norm(IMAGE[:0], None, None, training=True), "got 0 in input (0, 4, 5, 6)"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=None), "training must be True or False, got None"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, eps=0), "eps must be above 0 with training, got 0"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, eps=-1), "eps must be finite and at least 0, got -1"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, eps=NAN), "eps must be finite and at least 0, got nan"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, momentum=None), "momentum must be a number, got None"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, momentum=INF), "momentum must be finite, got inf"),
    (lambda: ops.instance_norm(IMAGE[..., :1, :1]), "more than 1 value per channel, got 1 in input (2, 4, 1, 1)"),
    (lambda: ops.instance_norm(IMAGE, use_input_stats=False), "running_mean and running_var must be given when"),
    (lambda: ops.instance_norm(IMAGE, use_input_stats=1), "use_input_stats must be True or False, got 1"),
    (lambda: ops.group_norm(IMAGE, 3), "num_groups must divide the channels, got num_groups 3 for 4 channels"),
    (lambda: ops.group_norm(IMAGE, 0), "num_groups must be at least 1, got 0"),
    (lambda: ops.group_norm(IMAGE[:1, :, 0, 0], 4), "more than 1 value per group, got (1, 4) in 4 groups"),
    (lambda: ops.group_norm(IMAGE, 2, eps="1"), "eps must be a number, got '1'"),
    (lambda: ops.group_norm(IMAGE, 2, torch.zeros(2)), "weight must have shape (4,)"),
    (lambda: ops.layer_norm(IMAGE, 6), "normalized_shape must be a list or tuple of whole numbers, got 6"),
    (lambda: ops.layer_norm(IMAGE, ()), "normalized_shape must be the last sizes of input (2, 4, 5, 6), got ()"),
    (
        lambda: ops.layer_norm(IMAGE, (6, 5)),
        "normalized_shape must be the last sizes of input (2, 4, 5, 6), got (6, 5)",
    ),
    (lambda: ops.layer_norm(IMAGE, (6,), torch.zeros(5)), "weight must have shape (6,), got (5,)"),
    (lambda: ops.layer_norm(IMAGE, (6,), None, torch.zeros(6).double()), "bias must have the input's dtype"),
    (lambda: ops.layer_norm(IMAGE, (6,), eps=-INF), "eps must be finite and at least 0, got -inf"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, eps=10**400), "eps must be a number that a float can"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, eps=torch.ones(2)), "got a Tensor of shape (2,)"),
    (lambda: ops.batch_norm(IMAGE, None, None, training=True, momentum=IMAGE), "momentum must be a number, got a"),
    (lambda: ops.group_norm(IMAGE, 10**5000), "num_groups must be at most 1000000000, got a value of type int"),
    (
        lambda: ops.layer_norm(IMAGE, torch.tensor([6])),
        "normalized_shape must be a list or tuple of whole numbers, got",
    ),
    (lambda: ops.pad(IMAGE, (1, 1), value=10**400), "value must be a number that a float can hold, got 1000"),
    (lambda: ops.pad(IMAGE, (1, 1), value=1e300), "value must fit into torch.float32, the input's dtype, got 1e+300"),
    (lambda: ops.pad(PLACES, (1, 1), value=10**30), "value must fit into torch.int64, the input's dtype, got 1000"),
    (lambda: ops.pad(IMAGE, (1, 1), value=IMAGE), "value must be a number, got a Tensor of shape (2, 4, 5, 6)"),
    (lambda: ops.pad(IMAGE, (1, 1), np.zeros(3)), "'replicate' or 'circular', got a ndarray of shape (3,)"),
    (lambda: ops.pad(IMAGE, (10**30, 1)), "pad[0] must be at most 1000000000, got 1000"),
    (
        lambda: ops.pad(IMAGE, (10**9, -(10**9)), "replicate"),
        "the padded input would hold 4.0e+10 values, at most 1e+09",
    ),
    (lambda: ops.pad(IMAGE[:0], (10**9, 10**9)), "the padded input would hold 4.0e+10 values, at most 1e+09"),
    (lambda: ops.pad(IMAGE, b"11"), "pad must be a list or tuple of whole numbers, got b'11'"),
    (
        lambda: ops.avg_pool2d(IMAGE, 2, divisor_override=10**30),
        "divisor_override must be at most 1000000000, got 1000",
    ),
    (
        lambda: ops.conv3d(IMAGE[:, :, None], WEIGHT[:, :, None], padding=b"x"),
        "padding must be a whole number, got b'x' of type",
    ),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding=np.ones(2)), "padding must be a whole number, got a ndarray of shape"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding=10**6), "the padded input would hold 3.2e+13 values, at most 1e+09 fit"),
    (lambda: ops.conv2d(IMAGE, WEIGHT, padding="same", dilation=10**9), "the padded input would hold"),
    (
        lambda: ops.conv2d(WIDE, WIDE[..., :1000, :1000]),
        "all windows together would hold 1.0e+12 values, at most 1e+09",
    ),
    (lambda: ops.conv2d(IMAGE, WEIGHT, stride=10**30), "stride must be at most 1000000000, got 1000"),
    (
        lambda: ops.conv2d(IMAGE, WEIGHT, stride=[[1, 2]] * 99),
        "stride[0] must be a whole number, got [1, 2] of type list",
    ),
    (lambda: ops.max_unpool2d(POOLED, PLACES, 10**6), "the output would hold 4.0e+12 values, at most 1e+09 fit here"),
    (lambda: ops.max_pool2d(IMAGE, IMAGE), "kernel_size must be a whole number, got a Tensor of shape (2, 4, 5, 6)"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_every_refusal_names_the_value_and_the_need(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        call()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("norm", [ops.batch_norm, functools.partial(ops.instance_norm, use_input_stats=True)])
@pytest.mark.parametrize(
    "wrong", [{"weight": torch.zeros(6)}, {"eps": 10**400}, {"eps": torch.ones(1)}, {"momentum": "0.1"}]
)
def test_a_refused_call_changes_no_running_statistic(norm, wrong):
    mean, var = torch.zeros(4), torch.ones(4)
    training = {"training": True} if norm is ops.batch_norm else {}
    with pytest.raises(ValueError, match=next(iter(wrong))):
        norm(IMAGE + 1, mean, var, **training, **wrong)
    assert mean.tolist() == [0] * 4
    assert var.tolist() == [1] * 4


def test_numbers_of_every_kind_are_taken_as_floats():
    """Fractions, numpy's numbers and whole numbers beyond int64 give what the float gives."""
    running = torch.zeros(4), torch.ones(4)
    for eps, momentum in ((Fraction(1, 8), Fraction(1, 2)), (10**30, np.float32(0.5))):
        ours, theirs = ([x.clone() for x in running] for _ in range(2))
        mine = ops.batch_norm(IMAGE + 1, *ours, training=True, eps=eps, momentum=momentum)
        reference = F.batch_norm(IMAGE + 1, *theirs, training=True, eps=float(eps), momentum=0.5)
        torch.testing.assert_close([mine, *ours], [reference, *theirs])
    assert torch.equal(ops.pad(IMAGE, (1, 1), value=10**30), F.pad(IMAGE, (1, 1), value=1e30))
    assert torch.equal(ops.pad(IMAGE, (1, 1), value=Fraction(1, 4)), F.pad(IMAGE, (1, 1), value=0.25))
    assert torch.equal(ops.pad(PLACES, (1, 1), value=2**62 + 1), F.pad(PLACES, (1, 1), value=0) + border(2**62 + 1))


def border(value):
    """Return (1, 2, 4) whole numbers: value in the first and last column, else 0."""
    return torch.tensor([value, 0, 0, value]).expand(1, 2, 4)
