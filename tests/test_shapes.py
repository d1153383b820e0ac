"""Sizes, receptive fields and pixels against torch, over whole grids of settings."""

import ast
import itertools
import math
import random
import re
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from helpers import shapes
from helpers.shapes import (
    as_float,
    conv_output_size,
    is_number,
    is_whole,
    one_of,
    per_axis,
    pool_output_size,
    receptive_field,
    short,
    span,
    unread_pixels,
    whole_numbers,
    window_pixels,
)


def size_or_none(function, *args, **kwargs):
    try:
        return function(*args, **kwargs)
    except (ValueError, RuntimeError):
        return None


def test_conv_output_size_equals_torch_over_a_grid():
    grid = itertools.product(range(1, 12), range(1, 6), range(1, 4), range(4), range(1, 4))
    refused = 0
    for size, k, s, p, d in grid:
        ours = size_or_none(conv_output_size, size, k, stride=s, padding=p, dilation=d)
        row, weight = torch.zeros(1, 1, size), torch.zeros(1, 1, k)
        theirs = size_or_none(lambda x=row, w=weight, a=(s, p, d): F.conv1d(x, w, None, *a).shape[-1])
        assert ours == theirs, (size, k, s, p, d)
        refused += ours is None
    assert refused > 50


@pytest.mark.parametrize("ceil_mode", [False, True])
def test_pool_output_size_equals_torch_over_a_grid(ceil_mode):
    grid = itertools.product(range(1, 12), range(1, 6), [None, 1, 2, 3, 4], range(4), range(1, 4))
    refused = 0
    for size, k, s, p, d in grid:
        ours = size_or_none(pool_output_size, size, k, stride=s, padding=p, dilation=d, ceil_mode=ceil_mode)
        row = torch.zeros(1, 1, size, 1)
        taps, stride = (k, 1), None if s is None else (s, 1)
        theirs = size_or_none(lambda x=row, a=(taps, stride, (p, 0), (d, 1), ceil_mode): F.max_pool2d(x, *a).shape[-2])
        assert ours == theirs, (size, k, s, p, d)
        refused += ours is None
    assert refused > 50


def test_sizes_in_literal_numbers():
    assert conv_output_size(32, 3) == 30
    assert conv_output_size(32, 3, padding=1) == 32
    assert conv_output_size(64, 5, padding=2) == 64
    assert conv_output_size(50, 3) == 48
    assert pool_output_size(32, 2) == 16
    assert pool_output_size(5, 2) == 2
    assert pool_output_size(5, 2, ceil_mode=True) == 3
    assert pool_output_size(3, 2, stride=3, padding=1, ceil_mode=True) == 2
    assert (
        pool_output_size(2, 2, stride=3, padding=1, ceil_mode=True) == 1
    )  # a second window would start in the padding
    assert conv_output_size(np.int64(7), np.int32(3)) == 5


def reads(size, layers):
    """Return, for each output of a real stack of convolutions, the input positions with a gradient: lists of ints."""
    row = torch.zeros(1, 1, size, dtype=torch.float64, requires_grad=True)
    output = row
    for kernel_size, stride, padding, dilation in layers:
        weight = torch.ones(1, 1, kernel_size, dtype=torch.float64)
        output = F.conv1d(output, weight, None, stride, padding, dilation)
    found = []
    for index in range(output.shape[-1]):
        (gradient,) = torch.autograd.grad(output[0, 0, index], row, retain_graph=True)
        found.append(gradient[0, 0].nonzero().flatten().tolist())
    return found


def test_receptive_fields_equal_the_gradients_of_60_stacks():
    rng = random.Random(0)
    whole = 0
    for _ in range(60):
        layers = [
            (rng.randint(1, 4), rng.randint(1, 2), rng.randint(0, 2), rng.randint(1, 2))
            for _ in range(rng.randint(1, 4))
        ]
        fields = receptive_field(layers)
        size = fields[-1].size + 4 * fields[-1].jump
        for depth, field in enumerate(fields, start=1):
            for index, pixels in enumerate(reads(size, layers[:depth])):
                expected = field.pixels(index)
                assert len(expected) == field.size
                assert (expected[0] + expected[-1]) / 2 == field.start + index * field.jump
                assert set(pixels) <= set(expected)
                if expected[0] >= 0 and expected[-1] < size:
                    assert (pixels[0], pixels[-1]) == (expected[0], expected[-1]), (layers, index)
                    whole += 1
    assert whole > 300


def test_receptive_fields_in_literal_numbers():
    assert receptive_field([(3,), (2, 2), (3,)])[-1] == shapes.Field(size=8, jump=2, start=3.5)
    assert receptive_field([(3, 1, 1), (2, 2), (3, 1, 1)])[-1].pixels(0) == range(-3, 5)
    assert receptive_field([(2, 1, 0, d) for d in (1, 2, 4, 8)])[-1].size == 16
    assert [field.size for field in receptive_field([(3,)] * 3)] == [3, 5, 7]
    assert receptive_field(iter([[3, 2]])) == (shapes.Field(3, 2, 1.0),)


def test_window_pixels_and_unread_pixels_equal_the_gradients():
    assert window_pixels(0, 3, padding=1) == (-1, 0, 1)
    assert window_pixels(2, 3, stride=2, padding=1, dilation=2) == (3, 5, 7)
    assert unread_pixels(8, 3, stride=3) == (6, 7)
    assert unread_pixels(7, 1, stride=2) == (1, 3, 5)
    for size, k, s, p, d in itertools.product((6, 9), range(1, 4), range(1, 5), range(3), range(1, 3)):
        found = reads(size, [(k, s, p, d)])
        for index, pixels in enumerate(found):
            mine = window_pixels(index, k, stride=s, padding=p, dilation=d)
            assert [pixel for pixel in mine if 0 <= pixel < size] == pixels
        unread = set(range(size)) - {pixel for pixels in found for pixel in pixels}
        assert unread_pixels(size, k, stride=s, padding=p, dilation=d) == tuple(sorted(unread))


REFUSED = [
    (lambda: per_axis("size", (3, 0), 2, 1, 9), "size[1] must be at least 1, got 0"),
    (lambda: per_axis("size", 10, 2, 1, 9), "size must be at most 9, got 10"),
    (lambda: per_axis("size", (1, 2, 3), 2), "size must be one whole number or 2, got (1, 2, 3)"),
    (lambda: whole_numbers("pad", 3), "pad must be a list or tuple of whole numbers, got 3"),
    (lambda: one_of("mode", "c", ("a", "b"), " (say a)"), "mode must be one of 'a', 'b' (say a), got 'c'"),
    (lambda: one_of("mode", ["a"], {"a": 1}), "mode must be one of 'a', got ['a']"),
    (lambda: conv_output_size(0, 3), "size must be at least 1, got 0"),
    (lambda: conv_output_size(7.0, 3), "size must be a whole number, got 7.0 of type float"),
    (lambda: conv_output_size(True, 3), "size must be a whole number, got True of type bool"),
    (lambda: conv_output_size(None, 3), "size must be a whole number, got None of type NoneType"),
    (lambda: conv_output_size(7, "3"), "kernel_size must be a whole number, got '3' of type str"),
    (lambda: conv_output_size(7, (3, 3)), "kernel_size must be a whole number, got (3, 3) of type tuple"),
    (lambda: conv_output_size(7, 0), "kernel_size must be at least 1, got 0"),
    (lambda: conv_output_size(7, 3, stride=0), "stride must be at least 1, got 0"),
    (lambda: conv_output_size(7, 3, padding=-1), "padding must be at least 0, got -1"),
    (lambda: conv_output_size(7, 3, dilation=float("nan")), "dilation must be a whole number, got nan of type float"),
    (
        lambda: conv_output_size(4, 4, padding=1, dilation=2),
        "kernel_size 4 with dilation 2 spans 7 pixels, but size 4 with padding 1 per side has only 6: "
        "use a smaller kernel or more padding",
    ),
    (lambda: pool_output_size(7, 3, padding=2), "padding must be at most half of kernel_size 3, got 2"),
    (lambda: pool_output_size(7, 3, stride=float("inf")), "stride must be a whole number, got inf of type float"),
    (lambda: pool_output_size(7, 3, ceil_mode=1), "ceil_mode must be True or False, got 1"),
    (lambda: pool_output_size(2, 4, stride=1, ceil_mode=True), "spans 4 pixels, but size 2 with padding 0 per side"),
    (lambda: window_pixels(-1, 3), "index must be at least 0, got -1"),
    (lambda: window_pixels(0, 3, stride=0), "stride must be at least 1, got 0"),
    (lambda: unread_pixels(2, 3), "spans 3 pixels, but size 2 with padding 0 per side has only 2"),
    (lambda: receptive_field([]), "layers is empty: give at least one layer, for example [(3,)]"),
    (lambda: receptive_field(3), "layers must be a list like [(3,), (2, 2)], got 3"),
    (lambda: receptive_field("33"), "layers must be a list like [(3,), (2, 2)], got '33'"),
    (
        lambda: receptive_field([(3,), 3]),
        "layer 1 must be (kernel_size, stride, padding, dilation) or its start, got 3",
    ),
    (lambda: receptive_field([()]), "layer 0 must be (kernel_size, stride, padding, dilation) or its start, got ()"),
    (lambda: receptive_field([(3, 1, 0, 1, 1)]), "layer 0 must be (kernel_size, stride, padding, dilation) or its"),
    (lambda: receptive_field([(3,), (3, 0)]), "layer 1, (3, 0): stride must be at least 1, got 0"),
    (lambda: receptive_field([(3, None)]), "layer 0, (3, None): stride must be a whole number, got None of type"),
    (lambda: receptive_field([(3,)])[-1].pixels(-1), "index must be at least 0, got -1"),
    (lambda: receptive_field(torch.tensor(3)), "layers must be a list like [(3,), (2, 2)], got tensor(3)"),
    (lambda: receptive_field([b"33"]), "layer 0 must be (kernel_size, stride, padding, dilation) or its start, got b'"),
    (lambda: receptive_field([(3, 10**9)] * 2), "layer 1: the field's size must be at most 1000000000, got 2000000003"),
    (lambda: receptive_field([(1, 2)] * 30), "layer 29: the field's jump must be at most 1000000000, got 1073741824"),
    (lambda: conv_output_size(10**5000, 3), "size must be at most 1000000000, got a value of type int"),
    (lambda: conv_output_size(7, -(10**100)), "kernel_size must be at least 1, got -1000000"),
    (lambda: window_pixels(0, 10**30), "kernel_size must be at most 1000000000, got 1000000"),
    (lambda: window_pixels(0, 10**7), "kernel_size must be at most 1000000, got 10000000"),
    (lambda: unread_pixels(10**30, 3), "size must be at most 1000000000, got 1000000"),
    (lambda: unread_pixels(10**8, 1, stride=10**8), "size must be at most 1000000, got 100000000"),
    (
        lambda: unread_pixels(5, 3, padding=10**6),
        "the number of windows times kernel_size must be at most 1000000, got",
    ),
    (lambda: span("3"), "kernel_size must be a whole number, got '3' of type str"),
    (lambda: span(-1), "kernel_size must be at least 1, got -1"),
    (lambda: span(float("nan")), "kernel_size must be a whole number, got nan of type float"),
    (lambda: span(3, 0), "dilation must be at least 1, got 0"),
    (lambda: conv_output_size(torch.ones(40, 3), 3), "size must be a whole number, got a Tensor of shape (40, 3)"),
    (lambda: conv_output_size(7, "3" * 999), "kernel_size must be a whole number, got '" + "3" * 58 + "… of type str"),
    (lambda: pool_output_size(7, 3, ceil_mode=np.zeros((40, 3))), "True or False, got a ndarray of shape (40, 3)"),
    (lambda: receptive_field([torch.ones(40, 3)]), "its start, got a Tensor of shape (40, 3)"),
]


def test_short_takes_one_line_of_at_most_60_characters():
    class Broken:
        def __repr__(self):
            raise RuntimeError

    assert short("3") == "'3'"
    assert short(torch.Tensor) == "<class 'torch.Tensor'>"
    assert short(np.float64(2)) == repr(np.float64(2))
    assert short(torch.zeros(2, 3)) == "a Tensor of shape (2, 3)"
    assert short(np.zeros(4)) == "a ndarray of shape (4,)"
    assert short([torch.zeros(3, 3)]).startswith("[tensor([[0., 0., 0.], [0., 0., 0.],")
    assert short("x" * 58) == "'" + "x" * 58 + "'"
    assert short("x" * 59) == "'" + "x" * 58 + "…"
    assert short(10**5000) == "a value of type int"
    assert short(Broken()) == "a value of type Broken"


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_every_refusal_names_the_value_and_the_need(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_what_counts_as_a_number():
    whole, real, neither = (0, -3, np.int64(2), 10**400), (0.5, np.float32(2), Fraction(1, 3)), (True, "1", None, 1j)
    assert all(map(is_whole, whole))
    assert not any(map(is_whole, (*real, *neither, np.True_)))
    assert all(map(is_number, (*whole, *real)))
    assert not any(map(is_number, (*neither, np.True_)))
    assert [as_float(value) for value in (2, Fraction(1, 4), 10**400, -(10**400))] == [2, 0.25, math.inf, -math.inf]
    assert all(math.isnan(as_float(value)) for value in neither)


def test_a_number_for_each_axis():
    assert [per_axis("x", value, 2, 0, 9) for value in (3, (3,), [3, 4])] == [(3, 3), (3, 3), (3, 4)]
    assert whole_numbers("x", [1, -2]) == (1, -2)
    assert one_of("x", "b", ("a", "b")) == "b"


def test_only_the_standard_library_is_imported():
    tree = ast.parse(Path(shapes.__file__).read_text(encoding="utf-8"))
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {name.partition(".")[0] for name in names} <= sys.stdlib_module_names
