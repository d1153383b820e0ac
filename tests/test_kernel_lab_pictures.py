"""The kernel lab with colours, a second kernel, and pictures of one's own: in Python, and in a real Chromium."""

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from lab_server import CHROMIUM_ARGS
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from test_kernel_lab import random_settings
from traitlets import TraitError
from widget_page import PAGE, draw, get, watched

from helpers.widgets import KernelLab

PICTURE = torch.rand(3, 11, 14, generator=torch.Generator().manual_seed(3))


def in_pairs(count: int, seed: int) -> list[dict]:
    """Return settings with a second kernel that go together, half of them in colour."""
    numbers = np.random.default_rng(seed)
    made = []
    for settings in random_settings(12 * count, seed):
        height, width = settings["image"].shape
        size = int(numbers.integers(1, 8))
        settings |= {"stride": 1, "dilation": 1, "second": numbers.normal(0, 2, (size, size)).round(2).tolist()}
        settings |= {"second_divisor": float(numbers.choice([1, -3, 16])), "colour": bool(len(made) % 2)}
        settings["image"] = numbers.random((3, height, width)).astype("float32")
        try:
            KernelLab(**settings)
        except TraitError:
            continue
        made.append(settings)
        if len(made) == count:
            return made
    raise AssertionError("too few settings go together")


# In Python


@pytest.mark.parametrize("settings", in_pairs(24, seed=1), ids=range(24))
def test_both_are_torchs_and_the_merged_kernel_equals_them_inside(settings: dict) -> None:
    lab = KernelLab(**settings)
    pad, mode = settings["padding"], settings["padding_mode"].replace("zeros", "constant")
    x = torch.tensor(settings["image"]).double()
    x = x if settings["colour"] else lab.image.double()
    first, second = (torch.tensor(settings[name], dtype=torch.float64) for name in ("kernel", "second"))
    first = first / (first.sum() if settings["normalise"] else settings["divisor"])
    second = second / settings["second_divisor"]
    for weight in (first, second):
        planes = [F.conv2d(F.pad(plane[None, None], (pad,) * 4, mode=mode), weight[None, None])[0, 0] for plane in x]
        x = torch.stack(planes)
    scale = float(x.abs().max())
    assert lab.both.shape == x.shape == lab.at_once.shape
    torch.testing.assert_close(lab.both.double(), x, rtol=0, atol=2e-5 * scale)
    inside = (..., slice(pad, x.shape[1] - pad), slice(pad, x.shape[2] - pad))
    torch.testing.assert_close(lab.at_once[inside], lab.both[inside], rtol=0, atol=5e-5 * scale)
    assert lab.merged.shape[-1] == len(settings["kernel"]) + len(settings["second"]) - 1

    names = {"image": torch.tensor(settings["image"]) if settings["colour"] else lab.image}
    exec(lab.torch_code(), names)
    for name in ("output", "both", "at_once"):
        expected = getattr(lab, name)
        atol = 5e-5 * float(expected.abs().max())
        torch.testing.assert_close(names[name].reshape(expected.shape), expected, rtol=0, atol=atol)


def test_colour_applies_the_kernel_to_each_channel() -> None:
    lab = KernelLab(PICTURE, "sobel x", padding=1, colour=True, channel=2, probe=(4, 5))
    for channel in range(3):
        assert torch.equal(lab.output[channel], KernelLab(PICTURE[channel], "sobel x", padding=1).output[0])
    assert torch.equal(lab.patch, lab.padded[2, 4:7, 5:8])
    assert lab.products.sum().item() == pytest.approx(lab.output[2, 4, 5].item(), abs=1e-6)
    lab.colour = False
    assert lab.output.shape == (1, 11, 14)
    assert lab.image.shape == (1, 11, 14)
    lab.colour = True
    assert torch.equal(lab.picture, PICTURE), "the colours were kept"
    lab.set(stride=2, colour=False)
    lab.set(stride=1, colour=True)
    assert torch.equal(lab.picture, PICTURE), "several settings at once keep them too"
    lab.image = PICTURE[0]
    assert lab.output.shape == (1, 11, 14), "a grey picture has no channels to show"
    assert KernelLab(colour=True).output.shape == (3, 126, 126)


@pytest.mark.parametrize("colour", [False, True])
def test_code_of_the_photograph_in_colour_runs_alone(colour: bool) -> None:
    lab = KernelLab(colour=True, second="box blur", padding=1)
    lab.colour = colour
    names = {}
    exec(lab.torch_code(), names)
    for name in ("output", "both", "at_once"):
        torch.testing.assert_close(names[name].reshape(getattr(lab, name).shape), getattr(lab, name))


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"second": "sobel z"}, "second is 'sobel z'; it must be a grid of numbers or one of"),
        ({"second": [[1, 2]]}, "second has shape (1, 2); it must be square"),
        ({"second": [[1e7]]}, "second holds the weight 1e+07"),
        ({"second_divisor": 0}, "second_divisor is 0; it must be a number other than 0"),
        ({"second": [[1.0]], "stride": 2}, "stride is 2; beside a second kernel it must be 1."),
        ({"second": [[1.0]], "dilation": 2}, "dilation is 2; beside a second kernel it must be 1."),
        ({"second": torch.ones(7, 7), "kernel": torch.ones(6, 6)}, "second has 7 × 7 weights, but the first result"),
        (
            {"second": torch.ones(3, 3), "padding": 6, "padding_mode": "circular"},
            "padding is 6; with a second kernel, circular has room for 5 here",
        ),
        ({"colour": 1}, "colour is 1; it must be True or False."),
        ({"channel": 3}, "channel is 3; it must be a whole number from 0 to 2."),
    ],
)
def test_what_does_not_go_together_is_refused(settings: dict, sentence: str) -> None:
    lab = KernelLab(PICTURE)
    with pytest.raises(TraitError) as error:
        lab.set(display="absolute", **settings)
    assert sentence in str(error.value)
    assert (lab.display, lab.second, lab.stride, lab.colour) == ("signed", None, 1, False)
    with pytest.raises(TraitError):
        KernelLab(PICTURE, **settings)


def test_without_a_second_kernel_there_is_nothing_to_merge() -> None:
    with pytest.raises(ValueError, match="there is no second kernel: set `second`"):
        _ = KernelLab(PICTURE).merged


def test_a_picture_goes_to_the_browser_and_back() -> None:
    levels = (PICTURE * 255).round().byte()
    exact = torch.from_numpy(levels.numpy() / np.float32(255))
    for picture, size in ((exact, 1), (PICTURE, 4)):
        lab = KernelLab(picture, colour=True)
        sent = lab.get_state("image")["image"]
        assert len(sent["data"]) == 3 * 11 * 14 * size
        other = KernelLab(torch.zeros(5, 5), colour=True)
        other.set_state({"image": sent, "colour": True})
        assert torch.equal(other.picture, picture)
        assert torch.equal(other.output, lab.output)
    before = other.picture
    for broken in ("cat", {}, {**sent, "height": 12}, {**sent, "height": "x"}, {**sent, "channels": 2}):
        with pytest.raises(TraitError, match="image"):
            other.set_state({"image": broken})
        assert torch.equal(other.picture, before)


@pytest.mark.parametrize("display", ["signed", "absolute", "clip"])
def test_the_still_shows_colour_and_the_second_kernel(display: str) -> None:
    png, alt = KernelLab(PICTURE, "sobel x", colour=True, second="gaussian", display=display).still()
    assert Image.open(io.BytesIO(png)).width > 900
    assert "in colour" in alt
    assert "A second kernel, 1 2 1; 2 4 2; 1 2 1, is applied to the result." in alt


# In Chromium


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    yield from blank(browser)


def blank(browser: Browser) -> Iterator[Page]:
    """A page whose address may ask for a camera, and that fails the test when a script in it raises."""
    page = browser.new_page(viewport={"width": 1000, "height": 900})
    page.route("http://localhost/", lambda route: route.fulfill(body=PAGE, content_type="text/html"))
    page.goto("http://localhost/")
    with watched(page):
        yield page
        page.close()


def numbers(page: Page, which: str, host: str = "host") -> torch.Tensor:
    data, *shape = page.evaluate(
        f"(id) => {{ const root = document.querySelector(`#${{id}} .kernel-lab`); const one = root.{which};"
        " return [one.data, one.channels, one.height, one.width]; }",
        host,
    )
    return torch.tensor(data, dtype=torch.float64).view(shape)


def picture(page: Page) -> torch.Tensor:
    """What the browser sends to Python as the image, as Python reads it."""
    sent = page.evaluate(
        "() => { const { data, ...rest } = models.host.get('image');"
        " return { ...rest, data: new Uint8Array(data.buffer ?? data) }; }"
    )
    lab = KernelLab(torch.zeros(9, 9), "identity", colour=True)
    lab.set_state({"image": {**sent, "data": bytes(sent["data"])}})
    return lab.picture


def choose(page: Page, name: str, content: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    expect(page.locator("p.kl-picture", has_text=f'"{name}"').filter(has_not_text="Reading")).to_be_visible()


def encoded(pixels: np.ndarray, kind: str, **settings: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **settings)
    return file.getvalue()


@pytest.mark.browser
def test_numbers_of_colours_and_of_two_kernels_are_torchs(page: Page) -> None:
    for i, settings in enumerate(in_pairs(16, seed=2)):
        lab, host = KernelLab(**settings), "host" if i == 0 else f"host{i}"
        draw(page, lab, host=host)
        scale = float(lab.both.abs().max())
        for which, expected in (("result", lab.output), ("pair.both", lab.both), ("pair.once", lab.at_once)):
            got = numbers(page, which, host)
            assert got.shape == expected.shape
            atol = 1e-4 * max(float(expected.abs().max()), scale if which != "result" else 0)
            torch.testing.assert_close(got, expected.double(), rtol=0, atol=atol)
        page.locator(f"#{host}").evaluate("(node) => node.replaceChildren()")


@pytest.mark.browser
def test_the_copied_code_of_colours_and_two_kernels_is_torchs(page: Page) -> None:
    page.evaluate("() => Object.defineProperty(navigator, 'clipboard', { value: undefined })")
    for i, settings in enumerate(in_pairs(8, seed=4)):
        lab, host = KernelLab(**settings), "host" if i == 0 else f"host{i}"
        draw(page, lab, host=host)
        page.locator(f"#{host}").get_by_text("Copy as torch").click()
        names = {"image": torch.tensor(settings["image"]) if settings["colour"] else lab.image}
        exec(page.locator(f"#{host} .kl-code").input_value(), names)
        for name in ("both", "at_once"):
            expected = getattr(lab, name)
            atol = 5e-5 * float(expected.abs().max())
            torch.testing.assert_close(names[name].reshape(expected.shape), expected, rtol=0, atol=atol)
        page.locator(f"#{host}").evaluate("(node) => node.replaceChildren()")


@pytest.mark.browser
def test_two_kernels_by_keyboard_alone(page: Page) -> None:
    draw(page, KernelLab(PICTURE, "box blur", padding=1))
    page.get_by_label("then a second kernel").focus()
    page.keyboard.press("Space")
    assert get(page, "second") == [[-1, 0, 1]] * 3
    expect(page.locator(".kl-apart")).to_contain_text("Inside, the two are equal. In a rim of 1 pixel they differ by")
    expect(page.get_by_role("heading", name="The merged kernel, 5 × 5")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.type("sharp")
    assert get(page, "second")[1] == [-1, 5, -1]
    page.keyboard.press("Tab")
    page.keyboard.type("2")
    page.keyboard.press("Tab")
    page.keyboard.type("1/4")
    page.keyboard.press("ArrowRight")
    page.keyboard.type("abc")
    page.keyboard.press("Enter")
    expect(page.locator(".kl-second .kl-refused")).to_contain_text('Row 1, column 2: "abc" is not a number')
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    page.keyboard.type("0")
    page.keyboard.press("Enter")
    expect(page.get_by_text("0 cannot divide")).to_be_visible()
    page.keyboard.type("-3")
    page.keyboard.press("Control+a")
    page.keyboard.type("-3")
    page.keyboard.press("Enter")
    assert (get(page, "second")[0][0], get(page, "second_divisor")) == (0.25, -3)
    lab = KernelLab(PICTURE, "box blur", padding=1, second=get(page, "second"), second_divisor=-3)
    torch.testing.assert_close(numbers(page, "pair.both"), lab.both.double(), rtol=0, atol=1e-5)
    page.get_by_label("Padding", exact=True).fill("0")
    page.get_by_label("Padding", exact=True).press("Enter")
    expect(page.locator(".kl-apart")).to_contain_text("equal everywhere")
    page.get_by_label("Stride", exact=True).fill("2")
    page.get_by_label("Stride", exact=True).press("Enter")
    expect(page.get_by_text("beside a second kernel it must be 1")).to_be_visible()
    page.get_by_label("Stride", exact=True).press("Escape")
    page.get_by_label("then a second kernel").focus()
    page.keyboard.press("Space")
    assert get(page, "second") is None
    page.keyboard.press("Control+z")
    assert get(page, "second")[0][0] == 0.25


@pytest.mark.browser
def test_a_second_kernel_that_does_not_fit_is_refused_at_its_box(page: Page) -> None:
    draw(page, KernelLab(PICTURE, stride=2))
    page.get_by_label("then a second kernel").click()
    expect(page.get_by_text("Stride is 2; beside a second kernel it must be 1.")).to_be_visible()
    expect(page.get_by_label("then a second kernel")).not_to_be_checked()
    assert get(page, "second") is None


@pytest.mark.browser
def test_channels_are_shown_and_chosen(page: Page) -> None:
    lab = KernelLab(PICTURE, "sobel x", probe=(2, 3))
    draw(page, lab)
    expect(page.locator(".kl-maps").first).to_be_hidden()
    page.get_by_label("Colours").select_option("true")
    lab.colour = True
    torch.testing.assert_close(numbers(page, "result"), lab.output.double(), rtol=0, atol=1e-5)
    green = page.get_by_role("button", name="Show the arithmetic of the green channel")
    green.focus()
    page.keyboard.press("Enter")
    expect(green).to_have_attribute("aria-pressed", "true")
    assert get(page, "channel") == 1
    expect(page.get_by_role("heading", name="marked pixel")).to_contain_text("row 2, column 3, in green")
    value = float(page.locator(".kl-line output").inner_text().replace("−", "-").replace("+", ""))
    assert value == pytest.approx(float(lab.output[1, 2, 3]), abs=1e-3)
    painted = page.evaluate(
        "() => [...document.querySelector('.kl-result canvas').getContext('2d').getImageData(0, 0, 12, 9).data]"
    )
    levels = torch.tensor(painted).view(9, 12, 4)[..., :3].permute(2, 0, 1) / 255
    expected = 0.5 + lab.output / lab.output.abs().max() / 2
    assert (levels - expected).abs().max() < 0.004, "signed in colour: grey is 0"
    expect(page.get_by_label("Show it").locator("option").first).to_have_text("signed: grey is 0")


NOISE = np.random.default_rng(5).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.mark.browser
@pytest.mark.parametrize(("kind", "settings"), [("png", {}), ("webp", {"lossless": True}), ("jpeg", {"quality": 95})])
def test_each_kind_of_file_is_read(page: Page, kind: str, settings: dict) -> None:
    draw(page, KernelLab(torch.zeros(9, 9)))
    file = encoded(NOISE, kind, **settings)
    choose(page, f"mine.{kind}", file)
    expect(page.locator("p.kl-picture").first).to_have_text(f'"mine.{kind}": 20 × 30 pixels.')
    wanted = torch.tensor(np.array(Image.open(io.BytesIO(file)).convert("RGB"))).permute(2, 0, 1) / 255
    got = picture(page)
    assert got.shape == wanted.shape
    assert (got - wanted).abs().max() <= (0 if kind != "jpeg" else 0.03) + 1e-6
    page.wait_for_function("models.host.saved.some((one) => one.image)")
    lab = KernelLab(got, "sobel x")
    torch.testing.assert_close(numbers(page, "result"), lab.output.double(), rtol=0, atol=1e-5)
    page.get_by_text("Back to the first picture").click()
    assert numbers(page, "result").shape == (1, 7, 7)
    expect(page.get_by_text("Back to the first picture")).to_be_hidden()


@pytest.mark.browser
def test_a_turned_photo_stands_upright(page: Page) -> None:
    """EXIF orientation 6: the camera was turned, and the file says that its left column is the top row."""
    draw(page, KernelLab(torch.zeros(9, 9)))
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = (250, 30, 30)  # red on the file's left
    exif = Image.Exif()
    exif[0x0112] = 6
    choose(page, "turned.jpg", encoded(pixels, "jpeg", exif=exif.tobytes(), quality=95))
    expect(page.locator("p.kl-picture").first).to_have_text('"turned.jpg": 32 × 16 pixels.')
    got = picture(page)
    assert got.shape == (3, 32, 16)
    assert got[0, :14].min() > 0.8
    assert got[0, 18:].max() < 0.2


@pytest.mark.browser
def test_what_is_transparent_is_laid_on_white(page: Page) -> None:
    draw(page, KernelLab(torch.zeros(9, 9)))
    pixels = np.zeros((10, 12, 4), np.uint8)
    pixels[..., 0], pixels[..., 3] = 200, np.linspace(0, 255, 12).astype(np.uint8)
    choose(page, "glass.png", encoded(pixels, "png"))
    expect(page.locator("p.kl-picture").first).to_contain_text("What is transparent was laid on white.")
    alpha = torch.from_numpy(pixels[..., 3] / np.float32(255))
    got = picture(page)
    assert (got[1] - (1 - alpha)).abs().max() < 0.01
    assert (got[0] - (alpha * 200 / 255 + 1 - alpha)).abs().max() < 0.02


@pytest.mark.browser
def test_a_large_picture_is_scaled_and_a_grey_one_has_no_colours(page: Page) -> None:
    draw(page, KernelLab(torch.zeros(9, 9), colour=True))
    rows = np.linspace(0, 255, 1500).astype(np.uint8)
    choose(page, "large.png", encoded(np.repeat(rows[:, None], 3000, 1), "png"))
    expect(page.locator("p.kl-picture").first).to_have_text(
        '"large.png": 1500 × 3000 pixels, scaled to 256 × 512. It has no colours.'
    )
    got = picture(page)
    assert got.shape == (1, 256, 512)
    assert (got[0] - torch.linspace(0, 1, 256)[:, None]).abs().max() < 0.02
    expect(page.get_by_label("Colours")).to_be_disabled()


def bomb() -> bytes:
    """The head of a PNG that claims 40,000 × 40,000 pixels."""
    file = bytearray(encoded(np.zeros((4, 4), np.uint8), "png"))
    file[16:24] = (40_000).to_bytes(4, "big") * 2
    return bytes(file)


@pytest.mark.browser
@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("text.png", b"this is no picture, " * 99, "is not a PNG, JPEG or WebP picture: choose another file."),
        ("empty.jpg", b"", "is not a PNG, JPEG or WebP picture"),
        ("moving.gif", encoded(NOISE, "gif"), "is not a PNG, JPEG or WebP picture"),
        ("drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "is not a PNG, JPEG or WebP picture"),
        ("cut.png", encoded(NOISE, "png")[:60], "cannot be read: the file is damaged or incomplete."),
        ("cut.jpg", encoded(NOISE, "jpeg")[:25], "is not a PNG, JPEG or WebP picture"),
        ("huge.png", bomb(), "has 40000 × 40000 pixels; at most 100 million can be read."),
        ("small.png", encoded(NOISE[:2, :2], "png"), "This picture has 2 × 2 pixels. The kernel would span 3 pixels"),
    ],
    ids=lambda value: value if isinstance(value, str) and "." in value and " " not in value else "",
)
def test_what_is_no_picture_is_refused_with_a_sentence(page: Page, name: str, content: bytes, sentence: str) -> None:
    draw(page, KernelLab(PICTURE))
    before = numbers(page, "result")
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "image/png", "buffer": content})
    expect(page.locator(".cw-error.kl-picture")).to_contain_text(sentence)
    assert torch.equal(numbers(page, "result"), before)
    assert page.evaluate("models.host.saved") == []
    choose(page, "good.png", encoded(NOISE, "png"))
    expect(page.locator(".cw-error.kl-picture")).to_be_empty()


@pytest.mark.browser
def test_a_file_that_is_too_large_is_not_read(page: Page, tmp_path: Path) -> None:
    draw(page, KernelLab(PICTURE))
    file = tmp_path / "film.png"
    with file.open("wb") as out:
        out.truncate(51_000_000)
    page.locator("input[type=file]").set_input_files(file)
    expect(page.locator(".cw-error.kl-picture")).to_have_text(
        '"film.png" has 51 MB; a picture file may have 50 MB. Save it smaller.'
    )
    assert page.evaluate("models.host.saved") == []


@pytest.mark.browser
@pytest.mark.parametrize("lossless", [False, True])
def test_the_size_in_a_webp_file_is_read(page: Page, lossless: bool) -> None:
    """Files of the plain and of the extended form: each says its size in its own way."""
    draw(page, KernelLab(torch.zeros(9, 9)))
    alpha = np.dstack([NOISE, np.full((20, 30), 99, np.uint8)])
    for pixels in (NOISE, alpha):
        file = encoded(pixels, "webp", lossless=lossless)
        choose(page, f"{file[12:16].decode().strip()}.webp", file)
        assert picture(page).shape == (3, 20, 30)


@pytest.fixture
def camera(chromium_path: str, browser: Browser) -> Iterator[Browser]:
    """A Chromium with a drawn camera, which every page may use."""
    args = [*CHROMIUM_ARGS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    opened = browser.browser_type.launch(executable_path=chromium_path, args=args)
    yield opened
    opened.close()


@pytest.mark.browser
def test_a_photo_is_taken_and_the_camera_stops(camera: Browser) -> None:
    for page in blank(camera):
        draw(page, KernelLab(torch.zeros(9, 9)))
        page.evaluate(
            "() => { const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);"
            " window.tracks = []; navigator.mediaDevices.getUserMedia = async (wish) => {"
            " const stream = await ask(wish); tracks.push(...stream.getTracks()); return stream; }; }"
        )
        page.get_by_role("button", name="Use the camera").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Take this picture")).to_be_focused()
        page.wait_for_function("document.querySelector('video').videoWidth > 0")
        page.keyboard.press("Enter")
        expect(page.locator("p.kl-picture").first).to_contain_text("Your photo: ")
        got = picture(page)
        assert got.shape[0] == 3
        assert max(got.shape) <= 512
        assert got.std() > 0.05
        assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended"]
        expect(page.locator(".kl-camera")).to_be_hidden()
        expect(page.get_by_role("button", name="Use the camera")).to_be_focused()

        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Take this picture")).to_be_focused()
        page.keyboard.press("Escape")
        expect(page.locator(".kl-camera")).to_be_hidden()
        assert page.evaluate("tracks.map((track) => track.readyState)") == ["ended", "ended"]
        assert torch.equal(picture(page), got)


@pytest.mark.browser
def test_no_camera_is_said(page: Page) -> None:
    draw(page, KernelLab(PICTURE))
    refused = "The camera was refused: allow it in the browser, or choose a file."
    for code, sentence in (
        ("async () => { throw new DOMException('', 'NotAllowedError'); }", refused),
        ("async () => { throw new DOMException('', 'NotFoundError'); }", "No camera was found: choose a file."),
        ("async () => { throw new DOMException('', 'AbortError'); }", "The camera did not start (AbortError)"),
        ("undefined", "This page may not use a camera"),
    ):
        value = f"{{ configurable: true, value: {{ getUserMedia: {code} }} }}"
        page.evaluate(f"() => Object.defineProperty(navigator, 'mediaDevices', {value})")
        page.get_by_role("button", name="Use the camera").click()
        expect(page.locator(".cw-error.kl-picture")).to_contain_text(sentence)
