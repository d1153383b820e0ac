"""The equivariance meter in Python: exact differences, and a reading that is true for every setting."""

import math

import numpy as np
import pytest
import torch
from traitlets import TraitError

from helpers.widgets import EquivarianceMeter
from helpers.widgets.equivariance import DENSE_SIDE, OPERATIONS, READINGS, WEIGHT, dense_weight

STEPS = (-8, -3, -2, -1, 0, 1, 2, 7)
SHIFTS = [(down, right) for down in STEPS for right in STEPS]


def noise(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(height, width, generator=torch.Generator().manual_seed(seed))


def oracle(name: str, x: torch.Tensor) -> torch.Tensor:
    """The operations once more, in numpy's float64 and by loops over the nine weights."""
    x = x.double().numpy()
    if name == "fully connected":
        return torch.from_numpy((dense_weight(x.size).double().numpy() @ x.ravel()).reshape(x.shape))
    if name == "max pooling 2":
        return torch.from_numpy(np.max([x[a::2, b::2] for a in (0, 1) for b in (0, 1)], axis=0))
    if name == "zero padding":
        x = np.pad(x, 1)
    if name in ("circular padding", "stride 2"):
        x = np.pad(x, 1, mode="wrap")
    height, width = x.shape[0] - 2, x.shape[1] - 2
    y = sum(WEIGHT[a, b].item() * x[a : a + height, b : b + width] for a in range(3) for b in range(3))
    return torch.from_numpy(y[::2, ::2] if name == "stride 2" else y)


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_difference_is_exact(name: str) -> None:
    meter = EquivarianceMeter(name, noise(26, 34))
    stride = 2 if name in ("stride 2", "max pooling 2") else 1
    for shift in SHIFTS[::5]:
        meter.shift = shift
        moved = [math.trunc(n / stride) for n in shift]
        first = oracle(name, torch.roll(meter.image, shift, (0, 1)))
        second = torch.roll(oracle(name, meter.image), moved, (0, 1))
        assert torch.equal(meter.difference.double(), first - second), shift
        assert meter.largest == (first - second).abs().max().item()
        down, right = (math.ceil((abs(n) + 1) / stride) for n in shift)
        inside = (first - second).abs()[down:-down, right:-right]
        assert meter.largest_inside == (inside.max().item() if inside.numel() else None), shift


@pytest.mark.parametrize("name", OPERATIONS)
def test_the_reading_is_true_for_every_shift(name: str) -> None:
    meter = EquivarianceMeter(name, noise(40, 40))
    for shift in SHIFTS:
        meter.shift = shift
        even = shift[0] % 2 == 0 and shift[1] % 2 == 0
        if shift == (0, 0):
            expected = "still"
        elif name == "circular padding" or (name in ("stride 2", "max pooling 2") and even):
            expected = "always"
        elif name in ("convolution", "zero padding"):
            expected = "rim"
        elif name == "fully connected" and max(map(abs, shift)) >= DENSE_SIDE // 2 - 1:
            expected = "no inside"
        else:
            expected = "inside"
        assert meter.case == expected, shift
        assert meter.reading.startswith(READINGS[expected].split("{")[0])


def test_inside_is_as_large_as_can_be_and_no_larger() -> None:
    """One pixel more on each side and the rim of a convolution with zero padding would count as inside."""
    for shift in ((3, 0), (0, 5), (-2, 0), (0, -8)):
        meter = EquivarianceMeter("zero padding", noise(30, 30), shift)
        assert meter.largest_inside == 0
        axis = 0 if shift[0] else 1
        size = abs(shift[axis])
        strip = meter.difference.abs().amax(1 - axis)
        assert strip[size] > 0 or strip[-size - 1] > 0


def test_no_difference_by_luck_is_not_called_equivariant() -> None:
    flat = EquivarianceMeter("stride 2", torch.full((16, 16), 0.5), (1, 0))
    assert (flat.largest, flat.case) == (0.0, "picture")
    assert "only because of this picture" in flat.reading


def test_a_small_picture_may_have_no_inside() -> None:
    meter = EquivarianceMeter("convolution", noise(10, 64), (8, 1))
    assert meter.largest_inside is None
    assert "too small to have an inside" in meter.reading


def test_pictures_of_every_allowed_form() -> None:
    colour = torch.rand(3, 32, 28, generator=torch.Generator().manual_seed(1))
    grey = EquivarianceMeter(image=colour).image
    assert grey.shape == (32, 28)
    assert (grey - colour.mean(0)).abs().max() <= 0.5 / 256
    assert torch.equal(grey * 256, (grey * 256).round())
    assert EquivarianceMeter(image=noise(64, 10)[None]).image.shape == (64, 10)
    assert EquivarianceMeter(image=np.full((12, 12), 0.25)).image.dtype == torch.float32
    assert EquivarianceMeter("fully connected", noise(64, 10)).image.shape == (16, 10)


def test_the_given_picture_is_not_changed_and_not_kept() -> None:
    image = noise(16, 16)
    before = image.clone()
    meter = EquivarianceMeter(image=image, shift=(1, 2))
    assert torch.equal(image, before)
    largest = meter.largest
    image.zero_()
    meter.image.zero_()
    assert meter.largest == largest


@pytest.mark.parametrize(
    ("image", "said"),
    [
        ("cat", "of type str"),
        (None, None),
        (torch.rand(2, 16, 16), r"shape \(2, 16, 16\)"),
        (torch.rand(1, 3, 16, 16), r"shape \(1, 3, 16, 16\)"),
        (torch.rand(0, 16), "0 × 16 pixels"),
        (torch.rand(15, 16), "15 × 16 pixels; each side must be an even number from 10 to 64"),
        (torch.rand(66, 16), "66 × 16"),
        (torch.full((16, 16), 7), "torch.int64"),
        (torch.full((16, 16), math.nan), "from nan to nan"),
        (torch.full((16, 16), -0.1), "from -0.1"),
        (torch.full((16, 16), 255.0), "to 255"),
    ],
)
def test_pictures_that_do_not_fit_are_named(image: object, said: str | None) -> None:
    if said is None:
        assert EquivarianceMeter(image=image).image.shape == (32, 32)
        return
    with pytest.raises(TraitError, match=said) as caught:
        EquivarianceMeter(image=image)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("shift", [(0, 9), (-9, 0), (1,), (1, 2, 3), 1, "11", (1.0, 0), (True, 0), None])
def test_a_shift_that_does_not_fit_is_named_and_nothing_is_lost(shift: object) -> None:
    meter = EquivarianceMeter(shift=(2, 3))
    with pytest.raises(TraitError, match=r"shift is .*; it must be two whole numbers \(down, right\)"):
        meter.shift = shift
    assert meter.shift == (2, 3)
    with pytest.raises(TraitError, match="shift is"):
        EquivarianceMeter(shift=shift)


def test_messages_stay_short() -> None:
    for setting in ({"shift": torch.ones(40, 40)}, {"operation": torch.ones(40, 40)}, {"operation": "x" * 9999}):
        with pytest.raises(TraitError) as caught:
            EquivarianceMeter(**setting)
        assert "\n" not in str(caught.value)
        assert len(str(caught.value)) < 220


@pytest.mark.parametrize("name", ["pooling", "", None, 3, ["convolution"]])
def test_an_unknown_operation_is_named(name: object) -> None:
    meter = EquivarianceMeter("stride 2")
    with pytest.raises(TraitError, match="it must be one of convolution, zero padding"):
        meter.operation = name
    assert meter.operation == "stride 2"


def test_a_message_from_the_browser_sets_the_same_state() -> None:
    meter = EquivarianceMeter()
    meter.set_state({"shift": [3, -2], "operation": "max pooling 2"})
    assert (meter.shift, meter.operation) == ((3, -2), "max pooling 2")


def test_the_still_says_what_there_is_to_see() -> None:
    png, alt = EquivarianceMeter("max pooling 2", shift=(0, 1)).still()
    assert png.startswith(b"\x89PNG")
    assert alt.startswith("Max pooling 2×2, shift 0 down and 1 right: ")
    assert "not equivariant to this shift" in alt
