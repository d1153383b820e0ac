"""The window walker from Python: what it accepts, what it refuses and leaves as it was, and what torch says."""

import itertools
import random

import pytest
import torch
import torch.nn.functional as F
from traitlets import TraitError

from helpers.widgets import WindowWalker
from helpers.widgets.window_walker import MODES, PRESETS, RANGES, SETTINGS, WEIGHTS, preset, solutions


def random_settings(count: int, seed: int = 0) -> list[dict]:
    """Return settings that go together, of every padding mode, with uneven images."""
    rng, numbers = random.Random(seed), torch.Generator().manual_seed(seed)
    made = []
    while len(made) < count:
        mode = MODES[len(made) % 4]
        k, s, p, d = rng.randint(1, 7), rng.randint(1, 8), rng.randint(0, 8), rng.randint(1, 8)
        height, width = rng.randint(1, 32), rng.randint(1, 32)
        shorter = min(height, width)
        fits = d * (k - 1) < shorter + 2 * p and p <= {"reflect": shorter - 1, "circular": shorter}.get(mode, p)
        if fits and height != width:
            image = torch.randint(-20, 100, (height, width), generator=numbers).float() / rng.choice((1, 8))
            setting = {"image": image, "kernel_size": k, "stride": s, "padding": p, "dilation": d, "padding_mode": mode}
            pixel = (rng.randint(-p, height + p - 1), rng.randint(-p, width + p - 1))
            made.append(setting | {"weights": rng.choice(WEIGHTS), "pixel": pixel})
    return made


def by_loops(walker: WindowWalker) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the output, the unread pixels and the readers of `pixel`, place by place."""
    mode = "constant" if walker.padding_mode == "zeros" else walker.padding_mode
    (height, width), p, k = walker.image.shape, walker.padding, walker.kernel_size

    def padded(x):
        return F.pad(x[None, None].double(), (p,) * 4, mode=mode)[0, 0]

    names = padded(torch.arange(1.0, height * width + 1).view(height, width)).int()  # 0 is a zero of the padding
    numbers, output = padded(walker.image), walker.output
    readers, read = torch.zeros(output.shape, dtype=torch.bool), set()
    again = torch.zeros(output.shape, dtype=torch.float64)
    for r, c in itertools.product(*map(range, output.shape)):
        for tap, (i, j) in enumerate(itertools.product(range(k), repeat=2), start=1):
            at = (r * walker.stride + i * walker.dilation, c * walker.stride + j * walker.dilation)
            again[r, c] += numbers[at] * {"ones": 1, "mean": 1 / k**2}.get(walker.weights, tap)
            read.add(int(names[at]))
            readers[r, c] |= walker.pixel is not None and at == (walker.pixel[0] + p, walker.pixel[1] + p)
    unread = torch.tensor([n not in read for n in range(1, height * width + 1)]).view(height, width)
    return again, unread, readers


@pytest.mark.parametrize("settings", random_settings(24), ids=range(24))
def test_output_unread_and_readers_are_true(settings: dict) -> None:
    walker = WindowWalker(**settings)
    output, unread, readers = by_loops(walker)
    assert walker.output.dtype == torch.float32
    torch.testing.assert_close(walker.output.double(), output, rtol=1e-5, atol=1e-4)
    assert torch.equal(walker.unread, unread)
    assert torch.equal(walker.readers, readers)
    walker.step = output.numel() // 2
    row, column = walker.place
    assert row * output.shape[1] + column == walker.step
    value = (walker.window * walker.weight[0, 0]).sum()
    torch.testing.assert_close(value.double(), output[row, column], rtol=1e-5, atol=1e-4)


def test_literal_numbers() -> None:
    walker = WindowWalker(stride=2, padding=1, step=5)
    assert walker.image[2, 3] == 23, "row and column can be read from the number"
    assert walker.output.shape == (3, 4)
    assert walker.place == (1, 1)
    assert walker.window.tolist() == [[11, 12, 13], [21, 22, 23], [31, 32, 33]]
    assert not walker.unread.any()
    assert WindowWalker("ones", stride=3, size=(8, 8)).unread.sum() == 8 * 8 - 6 * 6


def test_a_pixel_that_only_a_copy_of_it_brings_is_read() -> None:
    walker = WindowWalker([[1, 2, 3, 4]] * 4, 1, padding=1, stride=5, padding_mode="circular", pixel=(3, 3))
    assert walker.output.tolist() == [[4, 1], [4, 1]]
    assert not walker.unread[3, 3]
    assert not walker.readers.any()
    assert walker.unread.sum() == 12


def test_solutions_are_all_and_none_else() -> None:
    for size, target in ((28, 14), (28, 28), (9, 4), (5, 1)):
        expected = []
        for k, s, p, d in itertools.product(*(range(low, high + 1) for low, high in RANGES.values())):
            try:
                after = F.conv1d(torch.zeros(1, 1, size), torch.zeros(1, 1, k), None, s, p, d).shape[-1]
            except RuntimeError:
                continue
            if after == target and not (k == 1 and d > 1):
                expected.append((k, s, p, d))
        assert solutions(size, target) == expected
    assert len(solutions(28, 14)) == 13


BAD = [
    ("image", None, "image is None"),
    ("image", "cat", "image is 'cat'; it must be a grid of numbers or one of row and column"),
    ("image", [[1, 2], [3]], "it must be a grid of numbers"),
    ("image", torch.zeros(33, 4), "image has shape (33, 4); it must be (H, W), each side from 1 to 32."),
    ("image", torch.zeros(0, 4), "image has shape (0, 4)"),
    ("image", torch.zeros(3, 4, 4), "image has shape (3, 4, 4)"),
    ("image", [[float("nan")] * 4] * 4, "image holds nan, an infinite number or one beyond ±1e6."),
    ("image", [[1e7] * 4] * 4, "beyond ±1e6"),
    ("image", [[True]], "it must be a grid of numbers"),
    ("image", torch.ones(3, 3, dtype=torch.cfloat), "it must be a grid of numbers"),
    ("image", torch.zeros(2, 9), "kernel_size 3 with dilation 1 spans 3 pixels, but size 2 with padding 0"),
    ("kernel_size", 0, "kernel_size is 0; it must be a whole number from 1 to 7."),
    ("kernel_size", 7, "kernel_size 7 with dilation 1 spans 7 pixels, but size 6"),
    ("kernel_size", 2.5, "kernel_size is 2.5"),
    ("stride", 0, "stride is 0; it must be a whole number from 1 to 8."),
    ("stride", True, "stride is True"),
    ("padding", -1, "padding is -1; it must be a whole number from 0 to 8."),
    ("dilation", 0, "dilation is 0; it must be a whole number from 1 to 8."),
    ("dilation", 3, "kernel_size 3 with dilation 3 spans 7 pixels, but size 6"),
    ("padding_mode", "mirror", "padding_mode is 'mirror'; it must be one of zeros, reflect, replicate, circular."),
    ("weights", "sobel", "weights is 'sobel'; it must be one of ones, mean"),
    ("step", 20, "step is 20; the output has 4 × 5 pixels, counted from 0."),
    ("step", -1, "step is -1"),
    ("pixel", (6, 0), "pixel is (6, 0); the padded input has the rows 0 to 5 and the columns 0 to 6."),
    ("pixel", (1.0, 0), "pixel is (1.0, 0); it must be (row, column), two whole numbers, or None."),
    ("found", [(3, 1, 0, 1)], "found holds (3, 1, 0, 1); that does not lead from 28 to 14."),
    ("found", [[[]]], "found holds ([],); that does not lead"),
    ("found", 3, "found is 3; it must be a list"),
]


def state(walker: WindowWalker) -> dict:
    return {name: getattr(walker, name) for name in SETTINGS} | {"image": walker.image.tolist()}


@pytest.mark.parametrize(("name", "value", "sentence"), BAD, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BAD)])
def test_refuses_with_one_sentence_and_stays_as_it_was(name: str, value: object, sentence: str) -> None:
    walker = WindowWalker(step=2, pixel=(3, 4))
    before = state(walker)
    for change in (lambda: setattr(walker, name, value), lambda: walker.set(**{"weights": "mean"} | {name: value})):
        with pytest.raises(TraitError) as error:
            change()
        assert sentence in str(error.value)
        assert "\n" not in str(error.value)
        assert state(walker) == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"padding": 6, "padding_mode": "reflect"},
            "padding is 6; reflect needs less than the input's shorter side, 6.",
        ),
        (
            {"padding": 7, "padding_mode": "circular"},
            "padding is 7; circular needs at most the input's shorter side, 6.",
        ),
        ({"kernel_size": 5, "dilation": 2}, "spans 9 pixels, but size 6 with padding 0 per side has only 6"),
        ({"speed": 3}, "there is no setting 'speed'"),
    ],
)
def test_refuses_what_does_not_go_together(settings: dict, sentence: str) -> None:
    walker = WindowWalker()
    before = state(walker)
    with pytest.raises(TraitError, match=sentence.replace("'", ".")):
        walker.set(stride=2, **settings)
    assert state(walker) == before
    if "speed" not in settings:
        with pytest.raises(TraitError, match=sentence.replace("'", ".")):
            WindowWalker(**settings)


@pytest.mark.parametrize("name", ["size", "puzzle"])
@pytest.mark.parametrize("value", [(0, 3), 28, "ab", (2.0, 3), None])
def test_sizes_that_are_none_are_named(name: str, value: object) -> None:
    with pytest.raises(TraitError, match=f"{name} is .*; it must be two whole numbers from 1 to"):
        WindowWalker(**{name: value})
    with pytest.raises(ValueError, match="size must be"):
        solutions(0, 3)


def test_step_and_pixel_stay_inside() -> None:
    walker = WindowWalker(padding=2, step=47, pixel=(-2, 8))
    assert walker.output.shape == (8, 9)
    walker.set(padding=0, stride=2)
    assert (walker.step, walker.pixel) == (5, None)


def test_set_changes_several_at_once_though_none_would_fit_alone() -> None:
    walker = WindowWalker(torch.zeros(20, 20), 7, dilation=3)
    walker.set(image=torch.ones(4, 5), kernel_size=3, dilation=1)
    assert walker.output.tolist() == [[9] * 3] * 2


def test_the_browser_is_refused_too_and_sets_no_preset() -> None:
    walker = WindowWalker()
    before = state(walker)
    with pytest.raises(TraitError, match="spans 13 pixels"):
        walker.set_state({"stride": 2, "kernel_size": 7, "dilation": 2})
    assert state(walker) == before
    walker.set_state({"image": [[1, 2, 3]] * 3, "found": [[3, 2, 1, 1]], "_puzzle": {}, "pixel": [2, 2]})
    assert walker.output.tolist() == [[18]]
    assert (walker.found, walker.pixel) == (((3, 2, 1, 1),), (2, 2))
    assert walker._puzzle["count"] == 13


def test_presets_are_what_their_names_say() -> None:
    for name in PRESETS:
        grid = preset(name, 5, 32)
        assert grid.shape == (5, 32)
        assert torch.equal(grid, grid.round())
        assert torch.equal(WindowWalker(name, size=(5, 32)).image, grid)
    assert preset("digits", 32, 32).unique().tolist() == list(range(10))
    assert preset("ones", 3, 4).tolist() == [[1] * 4] * 3


def test_the_given_image_is_not_kept() -> None:
    image = torch.ones(4, 4)
    walker = WindowWalker(image)
    image.zero_()
    assert walker.image.sum() == 16


def test_still_shows_the_state_and_says_it() -> None:
    walker = WindowWalker("digits", 2, stride=3, padding=1, padding_mode="replicate", size=(7, 8), step=4)
    png, alt = walker.still()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    unread = int(walker.unread.sum())
    for part in ("7 × 8 numbers, padding 1 (replicate)", "output has 3 × 3", "row 1, column 1", f"reads {unread} of"):
        assert part in alt
    walker.step = 5
    assert walker.still()[0] != png
