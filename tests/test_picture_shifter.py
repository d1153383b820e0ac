"""The picture shifter in Python: torch's probabilities at every shift, and one sentence for what does not fit."""

import math

import pytest
import torch
from torch import nn
from traitlets import TraitError

from helpers.widgets import PictureShifter

CLASSES = ("airplane", "bird", "cat")
LABELS = torch.tensor([2, 0, 1, 1])


def numbers(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def models() -> dict[str, nn.Module]:
    torch.manual_seed(1)
    dense = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 15, 3), nn.Dropout(0.5))
    pooled = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 3)
    )
    return {"dense": dense, "pooled": pooled.eval()}


def made(**changes: object) -> PictureShifter:
    return PictureShifter(
        **{"models": models(), "images": numbers(4, 3, 12, 15), "labels": LABELS, "classes": CLASSES} | changes
    )


def test_probabilities_are_torchs_at_every_shift() -> None:
    nets, images = models(), numbers(4, 3, 12, 15)
    shifter = made(models=nets)
    for shift in ((0, 0), (8, -8), (-8, 8), (3, 1), (-1, 0), (0, 7)):
        for picture in range(4):
            shifter.shift, shifter.picture = shift, picture
            moved = images[picture].roll(shift, dims=(1, 2))
            assert torch.equal(shifter.image, moved)
            for name, net in nets.items():
                with torch.no_grad():
                    expected = net.eval()(moved[None]).softmax(1)[0]
                assert torch.allclose(shifter.probabilities[name], expected, atol=1e-6)
                right = shifter.maps[name][shift[0] + 8, shift[1] + 8]
                assert right == shifter.probabilities[name][LABELS[picture]]


def test_the_count_of_right_answers() -> None:
    shifter = made(picture=1)
    assert shifter.maps["dense"].shape == (17, 17)
    count = 0
    for down in range(-8, 9):
        for right in range(-8, 9):
            shifter.shift = (down, right)
            count += shifter.probabilities["dense"].argmax() == LABELS[1]
    assert shifter.right["dense"] == count
    assert 0 < count < 289


def test_the_pictures_are_not_kept() -> None:
    images = numbers(4, 3, 12, 15)
    shifter = made(images=images)
    before = shifter.image
    images.zero_()
    shifter.image.zero_()
    shifter.probabilities["dense"].zero_()
    assert torch.equal(shifter.image, before)
    assert shifter.probabilities["dense"].sum() > 0.99


def test_grey_pictures_and_models_in_float64() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(10 * 11, 2)).double()
    shifter = PictureShifter({"one": net}, numbers(1, 1, 10, 11).double(), [1], ["no", "yes"])
    assert shifter.probabilities["one"].dtype == torch.float32
    assert len(shifter.pixels) == 10 * 11 * 3


class Says(nn.Module):
    def __init__(self, value: object) -> None:
        super().__init__()
        self.value = value

    def forward(self, x: torch.Tensor) -> object:
        return self.value


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"models": {}}, "with one to 3 of them"),
        ({"models": nn.Linear(2, 2)}, "it must be a dict from name to torch module"),
        ({"models": {"": nn.Flatten()}}, "dict from name"),
        ({"models": dict.fromkeys("abcd", nn.Flatten())}, "one to 3"),
        ({"models": {"CNN": len}}, "the model 'CNN' is .*must be a torch module"),
        ({"models": {"CNN": nn.Linear(7, 3)}}, r"'CNN' cannot read images \(3, 12, 15\): .*mat1 and mat2"),
        ({"models": {"CNN": nn.Flatten()}}, r"gives a tensor \(289, 540\) for 289 pictures; .* logits, \(289, 3\)"),
        ({"models": {"CNN": Says("cat")}}, "gives 'cat' for 289"),
        ({"models": {"CNN": Says(torch.full((289, 3), math.nan))}}, "gives nan or an infinite number"),
        ({"models": {"CNN": nn.Module()}}, "'CNN' cannot read"),
        ({"images": "cat"}, "images is 'cat'"),
        ({"images": numbers(3, 12, 15)}, r"a tensor \(N, C, H, W\) with 1 or 3 channels"),
        ({"images": numbers(4, 2, 12, 15)}, "1 or 3 channels"),
        ({"images": numbers(0, 3, 12, 15)}, "holds 0 pictures"),
        ({"images": numbers(13, 3, 12, 15)}, "holds 13 pictures; give 1 to 12"),
        ({"images": numbers(4, 3, 9, 15)}, "9 × 15 pixels; each side must be from 10 to 64"),
        ({"images": torch.zeros(4, 3, 12, 15, dtype=torch.uint8)}, "divide whole numbers by 255"),
        ({"images": 4 * numbers(4, 3, 12, 15) - 2}, "all must be finite and in"),
        ({"images": numbers(4, 3, 12, 15) * math.nan}, "from nan to nan"),
        ({"labels": [0, 1]}, "it must hold 4 whole numbers"),
        ({"labels": torch.tensor([0, 1, 2, 3])}, "whole number from 0 to 2"),
        ({"labels": [0, 1, 2, -1]}, "whole number from 0 to 2"),
        ({"labels": [0, 1, 2, 0.5]}, "whole number from 0 to 2"),
        ({"labels": 3}, "labels is 3"),
        ({"classes": "cat"}, "a list of names"),
        ({"classes": ["cat"]}, "has 1 names"),
        ({"shift": (0, 9)}, "shift is"),
        ({"picture": 4}, "picture is 4; it must be a whole number from 0 to 3"),
        ({"picture": True}, "picture is True"),
        ({"picture": None}, "picture is None"),
    ],
)
def test_what_does_not_fit_is_told_in_one_sentence(changes: dict, said: str) -> None:
    with pytest.raises(TraitError, match=said) as caught:
        made(**changes)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(("name", "value"), [("shift", (1, -9)), ("picture", -1), ("picture", 1.0), ("shift", None)])
def test_a_bad_value_later_changes_nothing(name: str, value: object) -> None:
    shifter = made(shift=(2, 3), picture=1)
    with pytest.raises(TraitError, match=f"{name} is"):
        setattr(shifter, name, value)
    assert (shifter.shift, shifter.picture) == ((2, 3), 1)


def test_a_message_from_the_browser_sets_the_same_state() -> None:
    shifter = made()
    shifter.set_state({"shift": [3, -2], "picture": 2, "table": b""})
    assert (shifter.shift, shifter.picture) == ((3, -2), 2)
    assert shifter.table


def test_the_still_says_what_there_is_to_see() -> None:
    shifter = made(shift=(1, -2), picture=1)
    png, alt = shifter.still()
    assert png.startswith(b"\x89PNG")
    assert "A picture of class airplane, shift 1 down and -2 right" in alt
    assert f"right at {shifter.right['pooled']} of 289 shifts" in alt
