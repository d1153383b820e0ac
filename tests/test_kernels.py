"""The named kernels: what stands in their grids is what they do."""

import dataclasses
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from helpers import kernels
from helpers.kernels import KERNELS, kernel

PICTURE = torch.rand(7, 9, generator=torch.Generator().manual_seed(0))


def apply(name, picture=PICTURE):
    """Return the picture under the kernel, without the rim: (H − 2, W − 2) for 3×3."""
    return F.conv2d(picture[None, None], kernel(name)[None, None])[0, 0]


def test_the_names():
    assert set(KERNELS) == {
        "identity", "box blur", "box blur 5x5", "sum", "gaussian", "gaussian 5x5", "sharpen", "prewitt x", "prewitt y",
        "sobel x", "sobel y", "laplacian 4", "laplacian 8", "emboss", "diagonal down", "diagonal up", "cross",
        "checkerboard", "shift left", "shift right", "shift up", "shift down",
    }  # fmt: skip


@pytest.mark.parametrize("name", KERNELS)
def test_each_is_a_square_of_whole_numbers_with_a_sentence(name):
    one = KERNELS[name]
    side = 5 if name.endswith("5x5") else 3
    assert one.name == name
    assert [len(row) for row in one.grid] == [side] * side
    assert all(type(number) is int for row in one.grid for number in row)
    assert type(one.divisor) is int
    assert one.divisor >= 1
    assert one.sees.startswith("It ")
    assert one.sees.endswith(".")
    assert one.sees.count(". ") == 0
    assert kernel(name).dtype == torch.float32
    assert torch.equal(kernel(name) * one.divisor, torch.tensor(one.grid).float())


def test_the_source_shows_each_grid_row_by_row():
    source = "".join(Path(kernels.__file__).read_text(encoding="utf-8").split(" "))
    for one in KERNELS.values():
        rows = "\n".join(f"({','.join(map(str, row))})," for row in one.grid)
        assert rows in source, one.name


def test_the_sum_of_weights_says_what_flat_areas_become():
    sums = {name: round(kernel(name).sum().item(), 6) for name in KERNELS}
    keep = {"identity", "box blur", "box blur 5x5", "gaussian", "gaussian 5x5", "sharpen", "emboss"}
    keep |= {"shift left", "shift right", "shift up", "shift down"}
    assert {name for name, total in sums.items() if total == 1} == keep
    assert sums["sum"] == 9
    assert {name for name, total in sums.items() if total == 0} == set(KERNELS) - keep - {"sum"}


def test_prewitt_is_the_formula():
    (i11, _, i13), (i21, _, i23), (i31, _, i33) = PICTURE[:3, :3].tolist()
    assert apply("prewitt x")[0, 0].item() == pytest.approx(i13 - i11 + i23 - i21 + i33 - i31, abs=1e-6)


def test_edge_kernels_by_their_sign():
    brighter_right = torch.tensor([[0.0, 0, 1]]).expand(3, 3)
    brighter_below = brighter_right.T
    for name in ("prewitt", "sobel"):
        weight = 3 if name == "prewitt" else 4
        assert apply(f"{name} x", brighter_right).item() == weight
        assert apply(f"{name} x", brighter_right.flip(1)).item() == -weight
        assert apply(f"{name} x", brighter_below).item() == 0
        assert apply(f"{name} y", brighter_below).item() == weight
        assert apply(f"{name} y", brighter_below.flip(0)).item() == -weight
        assert apply(f"{name} y", brighter_right).item() == 0
    slope = torch.arange(3.0)
    lower_right = slope[:, None] + slope
    assert apply("emboss", lower_right).item() > lower_right[1, 1]
    assert apply("emboss", lower_right.flip(0, 1)).item() < lower_right[1, 1]


def test_blurs_and_their_relatives():
    middle = PICTURE[1:-1, 1:-1]
    patches = PICTURE.unfold(0, 3, 1).unfold(1, 3, 1)
    near = PICTURE[:-2, 1:-1] + PICTURE[2:, 1:-1] + PICTURE[1:-1, :-2] + PICTURE[1:-1, 2:]
    expected = {
        "identity": middle,
        "box blur": patches.mean((-1, -2)),
        "sum": patches.sum((-1, -2)),
        "laplacian 4": near - 4 * middle,
        "laplacian 8": patches.sum((-1, -2)) - 9 * middle,
        "sharpen": middle - (near - 4 * middle),
        "box blur 5x5": PICTURE.unfold(0, 5, 1).unfold(1, 5, 1).mean((-1, -2)),
        "gaussian 5x5": apply("gaussian", apply("gaussian")),
    }
    for name, wanted in expected.items():
        torch.testing.assert_close(apply(name), wanted, msg=lambda m, name=name: f"{name}: {m}")
    row = torch.tensor([1.0, 2, 1]) / 4
    assert torch.equal(kernel("gaussian"), torch.outer(row, row))


@pytest.mark.parametrize(
    ("name", "shift"),
    [("shift left", (0, -1)), ("shift right", (0, 1)), ("shift up", (-1, 0)), ("shift down", (1, 0))],
)
def test_shifts_move_the_picture_where_they_say(name, shift):
    assert torch.equal(apply(name), PICTURE.roll(shift, (0, 1))[1:-1, 1:-1])


def test_detectors_answer_1_to_their_pattern_and_less_to_any_other():
    cross = torch.tensor([[0.0, 1, 0], [1, 1, 1], [0, 1, 0]])
    board = torch.tensor([[1.0, 0, 1], [0, 1, 0], [1, 0, 1]])
    patterns = {
        "diagonal down": torch.eye(3),
        "diagonal up": torch.eye(3).flip(1),
        "cross": cross,
        "checkerboard": board,
    }
    every_picture = torch.cartesian_prod(*[torch.tensor([0.0, 1.0])] * 9).view(-1, 3, 3)
    for name, pattern in patterns.items():
        answers = (every_picture * kernel(name)).sum((-1, -2))
        best = answers.argmax()
        assert answers[best].item() == pytest.approx(1)
        assert (answers > 0.99).sum() == 1
        assert torch.equal(every_picture[best], pattern), name
    for name in ("cross", "checkerboard"):
        assert apply(name, 1 - patterns[name]).item() == pytest.approx(-1)


def test_a_changed_tensor_changes_nothing_else():
    kernel("sobel x").fill_(7)
    KERNELS["sobel x"].tensor().fill_(7)
    assert kernel("sobel x").tolist() == [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    with pytest.raises(TypeError):
        KERNELS["mine"] = KERNELS["sum"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        KERNELS["sum"].divisor = 9


@pytest.mark.parametrize("name", ["sobel", "", None, 3, ["sum"]])
def test_an_unknown_name_is_refused_with_the_names_there_are(name):
    with pytest.raises(ValueError, match="there is no kernel") as caught:
        kernel(name)
    assert repr(name) in str(caught.value)
    assert "identity, box blur, " in str(caught.value)
