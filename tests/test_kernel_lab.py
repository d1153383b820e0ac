"""The kernel lab from Python: what it accepts, what it refuses and leaves as it was, and what torch says."""

import io

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from traitlets import TraitError

from helpers.kernels import KERNELS
from helpers.widgets import KernelLab
from helpers.widgets.kernel_lab import SETTINGS

PICTURE = torch.rand(9, 13, generator=torch.Generator().manual_seed(0))


def state(lab: KernelLab) -> dict:
    return {name: getattr(lab, name) for name in (*SETTINGS, "show_matrix")} | {"image": lab.image.tolist()}


def random_settings(count: int, seed: int = 0) -> list[dict]:
    """Return settings that go together, of every padding mode, with uneven images."""
    draw = np.random.default_rng(seed)
    made = []
    while len(made) < count:
        mode = ("zeros", "reflect", "replicate", "circular")[len(made) % 4]
        size, padding, dilation = int(draw.integers(1, 8)), int(draw.integers(0, 6)), int(draw.integers(1, 4))
        height, width = (int(side) for side in draw.integers(3, 24, 2))
        stride = int(draw.integers(1, 5))
        room = min(height, width) + 2 * padding
        fits = dilation * (size - 1) + 1 <= room and stride <= room
        if not fits or (mode == "reflect" and padding >= min(height, width)) or padding > min(height, width):
            continue
        made.append(
            {
                "image": draw.random((height, width)).astype("float32"),
                "kernel": (draw.normal(0, 3, (size, size))).round(3).tolist(),
                "divisor": float(draw.choice([1, 9, -2.5])),
                "normalise": bool(draw.integers(2)),
                "stride": stride,
                "padding": padding,
                "padding_mode": mode,
                "dilation": dilation,
                "display": ("clip", "absolute", "signed")[int(draw.integers(3))],
            }
        )
    return made


BAD = [
    ("image", None, "image is None"),
    ("image", "cat", "image is 'cat'; it must be a tensor or a grid of numbers."),
    ("image", [[0.1], [0.1, 0.2]], "must be a tensor or a grid of numbers"),
    ("image", torch.zeros(0, 4), "image has shape (0, 4); it must hold at least one number."),
    ("image", torch.zeros(4), "image has shape (4,); it must be (H, W), (1, H, W) or (3, H, W)."),
    ("image", torch.zeros(2, 4, 4), "image has shape (2, 4, 4); it must be"),
    ("image", torch.zeros(1, 1, 4, 4), "image has shape (1, 1, 4, 4); it must be"),
    ("image", torch.zeros(513, 4), "image has shape (513, 4); each side must have 1 to 512 pixels."),
    ("image", torch.full((4, 4), 255), "image holds values from 255 to 255; they must lie in [0, 1]"),
    ("image", torch.tensor([[0.5, float("nan")]]), "image holds nan or an infinite number"),
    ("image", torch.zeros(4, 4, dtype=torch.bool), "image is a tensor of torch.bool, torch.strided;"),
    ("image", torch.zeros(2, 2), "spans 3 pixels, but size 2"),
    ("kernel", "sobel z", "kernel is 'sobel z'; it must be a grid of numbers or one of identity"),
    ("kernel", 3, "kernel has shape (); it must be square, 1 × 1 to 7 × 7."),
    ("kernel", [], "it must hold at least one number"),
    ("kernel", [[1, 2]], "kernel has shape (1, 2); it must be square"),
    ("kernel", torch.ones(8, 8), "kernel has shape (8, 8); it must be square"),
    ("kernel", torch.ones(1, 1, 3, 3), "kernel has shape (1, 1, 3, 3); it must be square"),
    ("kernel", [["a"]], "must be a tensor or a grid of numbers"),
    ("kernel", None, "kernel is None"),
    ("kernel", [[float("inf")]], "kernel holds nan or an infinite number"),
    ("kernel", [[1e7]], "kernel holds the weight 1e+07; weights must lie between −1e6 and 1e6."),
    ("kernel", [[True]], "kernel is [[True]]; it must be a tensor or a grid of numbers."),
    ("kernel", {"a": 1}, "kernel is {'a': 1}; it must be"),
    ("kernel", torch.eye(3).to_sparse(), "it must be a tensor or a grid of numbers"),
    ("kernel", torch.ones(3, 3, dtype=torch.cfloat), "it must be a tensor or a grid of numbers"),
    ("kernel", [[10**400]], "kernel is"),
    ("divisor", 0, "divisor is 0; it must be a number other than 0"),
    ("divisor", float("nan"), "divisor is nan"),
    ("divisor", 1e-9, "divisor is 1e-09"),
    ("divisor", 1e7, "divisor is 10000000.0"),
    ("divisor", True, "divisor is True"),
    ("divisor", "9", "divisor is '9'"),
    ("normalise", 1, "normalise is 1; it must be True or False."),
    ("normalise", "yes", "normalise is 'yes'; it must be True or False."),
    ("stride", 0, "stride is 0; it must be a whole number from 1 to 64."),
    ("stride", 2.0, "stride is 2.0; it must be a whole number"),
    ("stride", True, "stride is True; it must be a whole number"),
    ("stride", None, "stride is None; it must be a whole number"),
    ("stride", torch.ones(2, 2), "stride is a Tensor of shape (2, 2); it must be"),
    ("stride", 10, "stride is 10; the padded image has 9 pixels on its shorter side"),
    ("padding", -1, "padding is -1; it must be a whole number from 0 to 64."),
    ("padding", "same", "padding is 'same'; it must be a whole number"),
    ("padding_mode", "mirror", "padding_mode is 'mirror'; it must be one of zeros, reflect, replicate, circular."),
    ("padding_mode", ["zeros"], "padding_mode is ['zeros']"),
    ("dilation", 0, "dilation is 0; it must be a whole number from 1 to 64."),
    ("dilation", 5, "kernel_size 3 with dilation 5 spans 11 pixels, but size 9"),
    ("display", "rainbow", "display is 'rainbow'; it must be one of clip, absolute, signed."),
    ("probe", (7, 0), "probe is (7, 0); the output has 7 × 11 pixels, counted from (0, 0)."),
    ("probe", (-1, 0), "probe is (-1, 0); it must be (row, column), two whole numbers counted from 0."),
    ("probe", 3, "probe is 3; it must be (row, column)"),
    ("probe", (0.0, 1), "probe is (0.0, 1); it must be"),
    ("show_matrix", None, "show_matrix is None; it must be True or False."),
]


@pytest.mark.parametrize(("name", "value", "sentence"), BAD, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BAD)])
def test_refuses_with_one_sentence_and_stays_as_it_was(name: str, value: object, sentence: str) -> None:
    lab = KernelLab(PICTURE, stride=1, probe=(2, 3))
    before = state(lab)
    for change in (lambda: setattr(lab, name, value), lambda: lab.set(**{"display": "absolute"} | {name: value})):
        with pytest.raises(TraitError) as error:
            change()
        assert sentence in str(error.value)
        assert str(error.value).count("\n") == 0
        assert str(error.value).endswith((".", ")."))
        assert state(lab) == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"padding": 9, "padding_mode": "reflect"},
            "padding is 9; reflect needs less than the image's shorter side, 9",
        ),
        ({"padding": 10, "padding_mode": "circular"}, "padding is 10; circular needs at most"),
        ({"kernel": torch.ones(7, 7), "dilation": 2}, "spans 13 pixels, but size 9"),
        ({"kernel": "box blur 5x5", "dilation": 3}, "spans 13 pixels, but size 9"),
        ({"speed": 3}, "there is no setting 'speed'"),
    ],
)
def test_refuses_what_does_not_go_together(settings: dict, sentence: str) -> None:
    lab = KernelLab(PICTURE)
    before = state(lab)
    with pytest.raises(TraitError, match=sentence.replace("'", ".")):
        lab.set(divisor=3, **settings)
    assert state(lab) == before
    if "speed" not in settings:
        with pytest.raises(TraitError, match=sentence.replace("'", ".")):
            KernelLab(PICTURE, **settings)


def test_the_browser_is_refused_too() -> None:
    lab = KernelLab(PICTURE)
    before = state(lab)
    with pytest.raises(TraitError, match="spans 13 pixels"):
        lab.set_state({"stride": 2, "kernel": [[1.0] * 7] * 7, "dilation": 2})
    assert state(lab) == before
    lab.set_state({"kernel": [[1, 2], [3, 4]], "probe": [5, 6], "divisor": 2})
    assert lab.kernel == ((1.0, 2.0), (3.0, 4.0))
    assert lab.probe == (5, 6)


def test_set_changes_several_at_once_though_none_would_fit_alone() -> None:
    lab = KernelLab(torch.zeros(20, 20), padding=12, padding_mode="reflect")
    lab.set(image=torch.ones(4, 5), padding=3, kernel=torch.ones(7, 7))
    assert lab.output.shape == (1, 4, 5)
    assert lab.probe == (3, 4), "the probe stays inside the output"


@pytest.mark.parametrize("settings", random_settings(60), ids=range(60))
def test_output_patch_and_code_are_torchs(settings: dict) -> None:
    lab = KernelLab(**settings)
    weight = torch.tensor(settings["kernel"], dtype=torch.float64)
    weight = weight / (float(weight.sum()) if settings["normalise"] else settings["divisor"])
    pad, mode = settings["padding"], settings["padding_mode"].replace("zeros", "constant")
    padded = F.pad(torch.tensor(settings["image"])[None, None].double(), (pad,) * 4, mode=mode)
    expected = F.conv2d(padded, weight[None, None], stride=settings["stride"], dilation=settings["dilation"])[0]
    tolerance = 1e-5 * float(expected.abs().max())
    assert lab.output.dtype == torch.float32
    torch.testing.assert_close(lab.output.double(), expected, rtol=0, atol=tolerance)

    height, width = expected.shape[1:]
    lab.probe = (height - 1, width // 2)
    pixel = lab.products.sum() / lab.divides_by
    torch.testing.assert_close(pixel.double(), expected[0, height - 1, width // 2], rtol=0, atol=tolerance)

    names = {"image": lab.image}
    exec(lab.torch_code(), names)
    torch.testing.assert_close(names["output"].reshape(expected.shape).double(), expected, rtol=0, atol=tolerance)


def test_code_brings_a_small_image_along() -> None:
    lab = KernelLab(PICTURE[:, :12], "sharpen", padding=2, padding_mode="circular")
    names = {}
    exec(lab.torch_code(), names)
    assert torch.equal(names["output"], lab.output)


def test_default_is_the_photograph_and_its_code_runs_alone() -> None:
    lab = KernelLab()
    assert lab.image.shape == (1, 128, 128)
    assert lab.kernel == tuple(tuple(map(float, row)) for row in KERNELS["sobel x"].grid)
    assert lab.display == "signed"
    assert lab.probe == (83, 47)
    names = {}
    exec(lab.torch_code(), names)
    assert torch.equal(names["output"], lab.output)


def test_the_first_pixel_shown_has_something_to_sum() -> None:
    dots = torch.zeros(9, 12)
    dots[0, 5] = 1  # the largest, but at the border
    dots[4, 7] = dots[5, 4] = 0.5  # equal: the first row counts
    dots[5, 7] = 0.4
    assert KernelLab(dots, "identity", padding=1).probe == KernelLab(dots, [[0.1]]).probe == (4, 7)
    assert KernelLab(dots, [[-3]]).probe == (4, 7), "the magnitude counts, not the sign"
    dots[5, 4] += 1e-7
    assert KernelLab(dots, [[1]]).probe == (4, 7), "what a machine may round otherwise is equal"
    assert KernelLab(dots * 0, [[1]]).probe == (3, 4)
    for height, width in ((1, 1), (1, 2), (2, 1), (3, 5)):
        assert KernelLab(torch.rand(height, width), [[1]]).patch > 0
    assert KernelLab(dots, "identity", probe=(0, 0)).probe == (0, 0)


def test_colours_turn_grey() -> None:
    colour = torch.zeros(3, 4, 5)
    colour[1] = 1
    assert torch.allclose(KernelLab(colour).image, torch.full((1, 4, 5), 0.587))
    assert KernelLab(torch.ones(3, 4, 5)).image.max() <= 1
    assert KernelLab(np.ones((4, 5), dtype="uint8")).image.dtype == torch.float32


def test_a_name_brings_divisor_and_display() -> None:
    lab = KernelLab(PICTURE, "box blur")
    assert (lab.divisor, lab.display) == (9, "clip")
    lab.kernel = "prewitt y"
    assert (lab.divisor, lab.display) == (1, "signed")
    lab.set(kernel="gaussian", divisor=4)
    assert (lab.divisor, lab.display) == (4, "clip")
    for name, kernel in KERNELS.items():
        lab.kernel = name
        torch.testing.assert_close(lab.weight[0, 0], kernel.tensor())


def test_normalise_divides_by_the_sum_or_by_one() -> None:
    lab = KernelLab(PICTURE, [[1, 2], [3, 4]], divisor=7, normalise=True)
    assert lab.divides_by == 10
    lab.kernel = [[0.1, 0.2], [-0.3, 0]]
    assert lab.divides_by == 1


def test_reset_goes_back_to_the_start() -> None:
    lab = KernelLab(PICTURE, "cross", padding=1)
    before = state(lab)
    lab.set(kernel=torch.ones(5, 5), divisor=25, stride=2, padding=0, display="absolute")
    lab.reset()
    assert state(lab) | {"probe": None} == before | {"probe": None}


def test_shape_and_pixels_travel_together() -> None:
    lab = KernelLab(PICTURE)
    sent = lab.get_state("image")["image"]
    assert (sent["height"], sent["width"]) == (9, 13)
    assert np.array_equal(np.frombuffer(sent["data"], "float32").reshape(9, 13), PICTURE.numpy())


def test_several_settings_travel_in_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    lab = KernelLab(PICTURE)
    sent = []
    monkeypatch.setattr(lab, "send_state", lambda key=None: sent.append(set(key)))
    lab.set(stride=2, padding=1, kernel="box blur")
    assert len(sent) == 1
    assert {"stride", "padding", "kernel", "divisor", "display"} <= sent[0]


@pytest.mark.parametrize("display", ["clip", "absolute", "signed"])
def test_still_shows_the_state_and_says_it(display: str) -> None:
    lab = KernelLab(PICTURE, "box blur", padding=1, display=display)
    png, alt = lab.still()
    assert min(Image.open(io.BytesIO(png)).size) > 100
    for part in ("9 × 13", "3 × 3 kernel 1 1 1; 1 1 1; 1 1 1, divided by 9", "9 × 13 result", display, "padding 1"):
        assert part in alt


def test_still_changes_with_the_kernel() -> None:
    lab = KernelLab(PICTURE, "identity")
    first, _ = lab.still()
    lab.kernel = "prewitt x"
    second, alt = lab.still()
    assert first != second
    assert "−1 0 1" in alt
