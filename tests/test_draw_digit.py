"""Draw a digit: torch's own numbers, one question at a time, by mouse and by keyboard, and models of the wrong kind."""

import base64
import random

import pytest
import torch
from ipywidgets.widgets.widget import _remove_buffers
from torch import Tensor, nn
from traitlets import TraitError
from widget_page import draw, painted

from helpers.widgets import DrawDigit
from helpers.widgets.draw_digit import LAYERS, MOST_LAYERS, MOST_MAPS

VIEWPORT = {"width": 1000, "height": 1200}
PIXELS = torch.rand(28, 28, generator=torch.Generator().manual_seed(1))


class Own(nn.Sequential):
    """A class of its own: the browser does not know what is in its forward, so Python runs it."""


def net(kind: type[nn.Sequential] = Own) -> nn.Sequential:
    torch.manual_seed(0)
    return kind(
        nn.Conv2d(1, 20, 5), nn.ReLU(inplace=True), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten(), nn.Linear(2880, 10)
    )


def digit_net() -> nn.Sequential:
    """The net of notebook 10."""
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 10, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(10, 20, 5), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(320, 10)),
    )


def test_output_and_maps_are_torchs() -> None:
    model = net()
    widget = DrawDigit(model, pixels=PIXELS, mean=0.13, std=torch.tensor(0.3))
    assert model.training, "it is left in its mode"
    assert not any(module._forward_hooks for module in model.modules())
    model.eval()
    x = (PIXELS[None, None] - 0.13) / 0.3
    with torch.no_grad():
        torch.testing.assert_close(widget.output, model(x)[0].softmax(0))
        first = model[0](x)[0]
        torch.testing.assert_close(widget.maps["Conv2d (0)"], first)  # as it was before the ReLU worked on it in place
        torch.testing.assert_close(widget.maps["ReLU (1)"], first.relu())
        torch.testing.assert_close(widget.maps["MaxPool2d (2)"], model[2](first.relu()[None])[0])
    assert list(widget.maps) == ["Conv2d (0)", "ReLU (1)", "MaxPool2d (2)", "Dropout (3)"]
    torch.testing.assert_close(torch.tensor(widget._seen["probabilities"]), widget.output)
    for layer, (name, maps) in zip(widget._seen["layers"], widget.maps.items(), strict=True):
        assert (layer["name"], layer["shape"]) == (name, list(maps.shape))
        shown = torch.frombuffer(bytearray(layer["data"]), dtype=torch.float32).view(-1, *layer["sides"])
        assert torch.equal(shown, maps[:MOST_MAPS])
        assert (layer["low"], layer["high"]) == (shown.min().item(), shown.max().item())


def test_it_asks_with_one_thread_and_gives_the_others_back() -> None:
    threads = torch.get_num_threads()
    inside = []
    model = net()
    model.register_forward_pre_hook(lambda *_: inside.append(torch.get_num_threads()))
    torch.set_num_threads(2)
    try:
        DrawDigit(model)
        assert set(inside) == {1}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(threads)


def test_it_follows_pixels_and_more_training() -> None:
    model = net()
    widget = DrawDigit(model)
    empty = widget.output
    widget.pixels = PIXELS[None]
    assert widget.pixels.shape == (28, 28)
    assert widget._seen["pixels"] == PIXELS.numpy().tobytes()
    assert not torch.equal(widget.output, empty)
    widget.set_state({"pixels": memoryview(bytes(4 * 28 * 28))})
    assert not widget.pixels.any()
    assert widget._seen["probabilities"] == empty.tolist()
    with torch.no_grad():
        model[-1].bias[7] += 100
    widget.look()
    assert widget._seen["probabilities"][7] == pytest.approx(1)
    given = torch.zeros(28, 28)
    widget.pixels = given
    given += 5
    assert not widget.pixels.any(), "it keeps its own copy"


class Twice(nn.Module):
    """Uses one layer twice, has a large map and ends in a function."""

    def __init__(self) -> None:
        super().__init__()
        self.same = nn.Conv2d(1, 1, 3, padding=1)
        self.up = nn.Upsample(scale_factor=2)
        self.many = nn.ModuleList([nn.Identity() for _ in range(MOST_LAYERS)])

    def forward(self, x: Tensor) -> Tensor:
        x = self.up(self.same(self.same(x)))
        for one in self.many:
            x = one(x)
        return x.flatten(1)[:, :10]


def test_large_maps_and_many_layers_are_cut() -> None:
    widget = DrawDigit(Twice(), pixels=PIXELS)
    assert list(widget.maps)[:3] == ["Conv2d (same)", "Conv2d (same, use 2)", "Upsample (up)"]
    assert len(widget._seen["layers"]) == MOST_LAYERS
    assert widget._seen["hidden"] == 3
    assert (widget._seen["layers"][2]["shape"], widget._seen["layers"][2]["sides"]) == ([1, 56, 56], [28, 28])
    shown = torch.frombuffer(bytearray(widget._seen["layers"][2]["data"]), dtype=torch.float32).view(28, 28)
    torch.testing.assert_close(shown, widget.maps["Conv2d (same, use 2)"][0])


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (print, "model is <built-in function print>; it must be a torch module"),
        (nn.Sequential(nn.Flatten(), nn.Linear(784, 2)), "the model gives a tensor of shape (1, 2) for one image"),
        (nn.Conv2d(1, 10, 3), "the model gives a tensor of shape (1, 10, 26, 26) for one image"),
        (nn.Linear(784, 10), "the model cannot read an image of shape (1, 1, 28, 28): RuntimeError: "),
        (nn.Conv2d(3, 10, 3), "the model cannot read an image of shape (1, 1, 28, 28): RuntimeError: Given groups=1"),
        (nn.Module(), "the model cannot read an image of shape (1, 1, 28, 28): NotImplementedError"),
        (nn.LSTM(28, 10), "the model cannot read an image"),
    ],
    ids=["function", "two classes", "map", "no flatten", "colour", "no forward", "lstm"],
)
def test_a_model_of_the_wrong_kind_gives_one_sentence(model: object, said: str) -> None:
    with pytest.raises(TraitError) as caught:
        DrawDigit(model)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_model_that_breaks_later_says_so_in_the_widget() -> None:
    model = net()
    widget = DrawDigit(model)
    nn.init.constant_(model[-1].bias, float("nan"))
    widget.pixels = PIXELS
    assert widget._seen["error"] == "the model gives nan or an infinite number: train it again with a smaller lr."
    assert widget._seen["pixels"] == PIXELS.numpy().tobytes()
    with pytest.raises(TraitError, match="gives nan"):
        _ = widget.output
    assert "gives nan" in widget.still()[1]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"pixels": torch.zeros(27, 28)}, "pixels is a Tensor of shape (27, 28); it must be a float tensor"),
        ({"pixels": torch.zeros(28, 28).long()}, "it must be a float tensor of shape (28, 28) or (1, 28, 28)."),
        ({"pixels": "7"}, "pixels is '7'"),
        ({"pixels": b"12"}, "pixels is b'12'"),
        ({"pixels": PIXELS * 2}, "pixels must lie in [0, 1]: give the picture as it was before it was normalised."),
        ({"pixels": PIXELS - 1}, "pixels must lie in [0, 1]"),
        ({"pixels": PIXELS * float("nan")}, "pixels must lie in [0, 1]"),
        ({"std": 0}, "std is 0; it must be above 0."),
        ({"std": "1"}, "std is '1'; it must be a finite number."),
        ({"mean": float("nan")}, "mean is nan; it must be a finite number."),
        ({"mean": -(10**400)}, "it must be a finite number."),
        ({"mean": torch.zeros(2)}, "mean is a Tensor of shape (2,)"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(changed: dict, said: str) -> None:
    with pytest.raises(TraitError) as caught:
        DrawDigit(net(), **changed)
    assert said in str(caught.value)
    widget = DrawDigit(net(), pixels=PIXELS)
    if "pixels" in changed:
        with pytest.raises(TraitError):
            widget.pixels = changed["pixels"]
        assert torch.equal(widget.pixels, PIXELS)


def test_the_still_says_what_the_model_says() -> None:
    widget = DrawDigit(net(), pixels=PIXELS)
    png, alt = widget.still()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    best = widget.output.argmax().item()
    assert f"the model says {best}, with probability {widget.output[best]:.2f}." in alt


def test_the_browser_is_sent_the_net_and_no_answer() -> None:
    model = net(nn.Sequential)
    widget = DrawDigit(model, pixels=PIXELS, mean=0.1, std=0.3)
    assert set(widget._seen) == {"net", "shown", "hidden"}
    layers = widget._seen["net"]["layers"]
    assert [layer["kind"] for layer in layers] == [type(layer).__name__ for layer in model]
    assert layers[0]["weight"] == model[0].weight.detach().numpy().tobytes()
    assert [one["name"] for one in widget._seen["shown"]] == list(widget.maps)
    with torch.no_grad():
        torch.testing.assert_close(widget.output, model.eval()((PIXELS[None, None] - 0.1) / 0.3)[0].softmax(0))


def test_the_next_pixels_bring_new_weights_and_the_same_are_not_sent_again() -> None:
    model = net(nn.Sequential)
    widget = DrawDigit(model)
    sent = []
    widget.observe(lambda change: sent.append(change.new), "_seen")
    widget.pixels = PIXELS
    widget.look()
    assert sent == [], "the browser has the net"
    model[-1].bias.data[7] += 1  # torch's own count of changes does not see this
    widget.set_state({"pixels": memoryview(bytes(4 * 28 * 28))})
    (new,) = sent
    assert new["net"]["layers"][-1]["bias"] == model[-1].bias.detach().numpy().tobytes()
    model[1] = nn.Tanh()
    widget.pixels = PIXELS
    assert sent[-1]["net"]["layers"][1]["kind"] == "Tanh"
    handle = model[1].register_forward_hook(lambda *_: None)
    widget.look()
    assert sent[-1]["probabilities"] == widget.output.tolist(), "with a hook, Python answers"
    handle.remove()
    widget.pixels = PIXELS / 2
    assert "net" in sent[-1]
    nn.init.constant_(model[-1].bias, float("inf"))
    widget.look()
    assert sent[-1]["error"].startswith("the model gives nan or an infinite number")
    nn.init.zeros_(model[-1].bias)
    widget.pixels = PIXELS
    assert "net" in sent[-1]


def hooked(add: str) -> nn.Sequential:
    model = digit_net()
    getattr(model[2], add)(lambda *_: None)
    return model


def patched() -> nn.Sequential:
    model = digit_net()
    model[2].forward = torch.sigmoid
    return model


@pytest.mark.parametrize(
    "model",
    [
        net(),
        hooked("register_forward_hook"),
        hooked("register_forward_pre_hook"),
        patched(),
        digit_net().double(),
        digit_net().bfloat16(),
        nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv2d(1, 10, 28)), nn.Flatten()),
        nn.Sequential(nn.Conv2d(1, 2, 3, padding=1, padding_mode="circular"), nn.Flatten(), nn.Linear(1568, 10)),
        nn.Sequential(nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(784, 10)),
        nn.Sequential(nn.Linear(28, 10), nn.AvgPool2d((28, 1)), nn.Flatten()),
        nn.Sequential(nn.Flatten(2), nn.Flatten(), nn.Linear(784, 10)),
        nn.Sequential(nn.Flatten(), nn.Linear(784, 10), nn.GELU()),
        nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(784, 20), Own(nn.Tanh())), nn.Linear(20, 10)),
        nn.Sequential(nn.Conv2d(1, 64, 3), nn.Conv2d(64, 64, 3), nn.Flatten(), nn.Linear(36864, 10)),
        nn.Sequential(nn.Flatten(), nn.Linear(784, 1300), nn.ReLU(), nn.Linear(1300, 10)),
    ],
    ids=lambda model: " ".join(type(layer).__name__ for layer in model),
)
def test_what_the_browser_cannot_run_python_runs(model: nn.Module) -> None:
    widget = DrawDigit(model, pixels=PIXELS)
    assert widget._seen["probabilities"] == widget.output.tolist()


# In the browser


def asked(page) -> int:
    """How often Python was asked about pixels."""
    return page.evaluate("models.host.saved.filter((one) => one.pixels).length")


def pixels(page) -> bytes:
    return bytes(page.evaluate("new Uint8Array(models.host.get('pixels').buffer)"))


def python_answers(page, widget: DrawDigit) -> None:
    """Give the browser what Python says about the pixels that it sent last."""
    widget.set_state({"pixels": memoryview(pixels(page))})
    show(page, widget)


def show(page, widget: DrawDigit, *names: str) -> None:
    """What Python's side shows now, and the traits `names`, come to the browser; waits until it is painted."""
    state, paths, buffers = _remove_buffers(widget.get_state([*names, "_seen"]))
    packed = [[path, base64.b64encode(bytes(data)).decode()] for path, data in zip(paths, buffers, strict=True)]
    page.evaluate(
        """([state, buffers]) => {
          for (const [path, data] of buffers) {
            let place = state;
            for (const key of path.slice(0, -1)) place = place[key];
            place[path.at(-1)] = new DataView(Uint8Array.from(atob(data), (c) => c.charCodeAt(0)).buffer);
          }
          for (const [name, value] of Object.entries(state)) models.host.receive(name, value);
        }""",
        [state, packed],
    )
    painted(page)


def check_computed(page, widget: DrawDigit) -> None:
    """Hold what the browser computed, before it is painted, to torch's numbers about the same pixels."""
    assert "net" in widget._seen
    chances, layers = page.locator(".draw-digit").evaluate("({ seen }) => [seen.probabilities, seen.layers]")
    torch.testing.assert_close(torch.tensor(chances), widget.output, atol=1e-5, rtol=0)
    for layer, (name, maps) in zip(layers, list(widget.maps.items())[:MOST_LAYERS], strict=True):
        first = maps[:MOST_MAPS]
        assert (layer["name"], layer["shape"], layer["count"]) == (name, list(maps.shape), len(first))
        found = torch.tensor(layer["data"], dtype=torch.float32).view(first.shape)
        torch.testing.assert_close(found, first, atol=2e-5, rtol=1e-5, msg=lambda text, name=name: f"{name}: {text}")
        assert (layer["low"], layer["high"]) == (found.min(), found.max())


def at(page, x: float, y: float) -> tuple[float, float]:
    box = page.locator(".dd-canvas").bounding_box()
    return box["x"] + x * box["width"] / 28, box["y"] + y * box["height"] / 28


def check_shown(page, widget: DrawDigit) -> None:
    """Hold the shown numbers and the colours of the maps to torch's."""
    numbers = [float(text) for text in page.locator(".dd-number").all_inner_texts()]
    assert numbers == pytest.approx(widget.output.tolist(), abs=0.0006)
    best = widget.output.argmax().item()
    assert page.locator(".dd-sign").all_inner_texts() == ["▶" if digit == best else "" for digit in range(10)]
    assert f"The model says {best}, with probability" in page.locator(".dd-guess").inner_text()
    for figure, (name, maps) in enumerate(widget.maps.items()):
        count, (height, width) = min(len(maps), MOST_MAPS), maps.shape[1:]
        assert page.locator("figcaption").nth(figure).inner_text().startswith(f"{name}: {len(maps)} maps of ")
        height_and_width, picture = (
            page.locator(".dd-maps")
            .nth(figure)
            .evaluate(
                """async (one) => {
                  const { data } = one.getContext("2d").getImageData(0, 0, one.width, one.height);
                  const reader = new FileReader();
                  await new Promise((done) => {
                    reader.onload = done;
                    reader.readAsDataURL(new Blob([data]));
                  });
                  return [[one.height, one.width], reader.result.split(",")[1]];
                }"""
            )
        )
        picture = torch.frombuffer(bytearray(base64.b64decode(picture)), dtype=torch.uint8)
        picture = picture.view(*height_and_width, 4).int()
        across = (picture.shape[1] + 4) // 60
        rows, columns = (((torch.arange(side) + 0.5) * 56 / side).long() for side in (height, width))
        found = torch.stack(
            [picture[rows[:, None] + k // across * 60, columns + k % across * 60] for k in range(count)]
        )
        shown = maps[:MOST_MAPS] / maps[:MOST_MAPS].abs().max()
        red, blue = found[..., 0], found[..., 2]
        assert (red[shown > 0.03] > blue[shown > 0.03]).all(), name
        assert (red[shown < -0.03] < blue[shown < -0.03]).all(), name
        assert (found[shown == 0][..., :3] >= 245).all(), "zero is white"


@pytest.mark.browser
def test_what_is_drawn_with_the_mouse_is_what_torch_answers(page) -> None:
    widget = DrawDigit(net(), mean=0.1, std=0.3)
    draw(page, widget)
    check_shown(page, widget)
    assert asked(page) == 0
    page.mouse.move(*at(page, 8, 6))
    page.mouse.down()
    assert asked(page) == 1
    page.mouse.move(*at(page, 20, 6), steps=4)
    page.mouse.move(*at(page, 12, 24), steps=6)
    page.mouse.up()
    page.mouse.move(*at(page, 2, 2))
    assert asked(page) == 1, "Python is not asked again before it has answered"
    assert page.locator(".draw-digit").get_attribute("data-waiting")
    python_answers(page, widget)
    assert asked(page) == 2, "then about the newest pixels"
    python_answers(page, widget)
    assert asked(page) == 2
    assert page.locator(".draw-digit").get_attribute("data-waiting") is None
    check_shown(page, widget)
    drawn = widget.pixels
    assert (drawn[5:7, 8:20] == 1).all()
    assert ((drawn > 0) & (drawn < 1)).any(), "the brush is soft"
    assert not drawn[:3, :3].any(), "the pen was up"
    assert 60 < drawn.sum() < 140
    page.get_by_role("button", name="Clear").click()
    python_answers(page, widget)
    assert not widget.pixels.any()
    check_shown(page, widget)


@pytest.mark.browser
def test_by_keyboard_alone(page) -> None:
    widget = DrawDigit(net())
    draw(page, widget)
    page.keyboard.press("Tab")
    assert page.locator(".dd-cursor").is_visible()
    for key in ("ArrowUp", "ArrowUp", "ArrowLeft", "Space"):
        page.keyboard.press(key)
    python_answers(page, widget)
    assert page.locator("[role=status].cw-hidden").inner_text() == "Row 12, column 13, ink 1."
    assert widget.pixels[12, 13] == 1
    assert widget.pixels[12, 13:16].tolist() == pytest.approx([1, 1, 0])  # 2 pixels from its middle the dot ends
    assert widget.pixels[14, 15] == 0 < widget.pixels[13, 14] < 1
    for key in ["Shift+ArrowDown"] * 6:
        page.keyboard.press(key)
    python_answers(page, widget)
    python_answers(page, widget)
    assert (widget.pixels[12:19, 13] == 1).all()
    for _ in range(40):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    python_answers(page, widget)
    assert widget.pixels[18, 27] == 1, "the cursor stops at the edge"
    page.keyboard.press("Delete")
    python_answers(page, widget)
    assert not widget.pixels.any()


@pytest.mark.browser
def test_python_sets_pixels_and_an_old_echo_sets_nothing(page) -> None:
    widget = DrawDigit(net())
    draw(page, widget)
    widget.pixels = PIXELS
    page.evaluate(
        "(numbers) => models.host.receive('pixels', new DataView(Float32Array.from(numbers).buffer))",
        PIXELS.flatten().tolist(),
    )
    show(page, widget)
    assert asked(page) == 0, "Python knows them"
    check_shown(page, widget)
    colours = page.locator(".dd-canvas").evaluate("(one) => [...one.getContext('2d').getImageData(0, 0, 28, 28).data]")
    assert torch.tensor(colours).view(28, 28, 4)[..., 0].float() / 255 == pytest.approx(PIXELS, abs=0.003)
    page.get_by_role("button", name="Clear").click()
    page.evaluate("models.host.receive('pixels', new DataView(models.host.get('pixels').buffer.slice(0)))")
    page.locator(".dd-canvas").click()
    page.evaluate("models.host.receive('pixels', new DataView(new ArrayBuffer(4 * 28 * 28)))")  # an echo of Clear
    python_answers(page, widget)
    assert asked(page) == 2
    python_answers(page, widget)
    assert widget.pixels.sum() > 4, "what was drawn since is kept"


@pytest.mark.browser
def test_it_says_what_is_wrong(page) -> None:
    model = net()
    widget = DrawDigit(model)
    page.clock.install()
    draw(page, widget)
    nn.init.constant_(model[-1].bias, float("nan"))
    page.locator(".dd-canvas").focus()
    page.keyboard.press("Space")
    page.clock.run_for(4100)
    assert page.locator(".dd-guess").inner_text().startswith("Python is busy with another cell, or does not answer")
    page.clock.resume()
    python_answers(page, widget)
    assert page.get_by_role("alert").inner_text().startswith("the model gives nan or an infinite number")
    assert page.locator(".dd-guess").inner_text() == "No answer."
    assert set(page.locator(".dd-number").all_inner_texts()) == {"–"}
    nn.init.zeros_(model[-1].bias)
    page.keyboard.press("Delete")
    python_answers(page, widget)
    assert page.locator("[role=alert]").is_hidden()
    check_shown(page, widget)


@pytest.mark.browser
def test_a_model_without_feature_maps_and_one_with_many_layers(page) -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    draw(page, DrawDigit(flat))
    assert page.locator("figure").count() == 0
    assert "No layer of this model gives feature maps" in page.locator(".dd-hidden").inner_text()
    draw(page, DrawDigit(Twice()), "other")
    assert page.locator("#other figure").count() == MOST_LAYERS
    assert page.locator("#other .dd-hidden").inner_text() == "3 more layers are not shown."


def random_net(seed: int) -> nn.Sequential:
    """A net of random layers with uneven settings, nested here and there, that ends in ten logits."""
    chance = random.Random(seed)
    torch.manual_seed(seed)
    x, layers = torch.rand(4, 1, 28, 28), []

    def both(low: int, high: int) -> tuple[int, int]:
        return chance.randint(low, high), chance.randint(low, high)

    def convolution() -> nn.Module:
        groups = chance.choice([n for n in (1, 2, 3) if x.shape[1] % n == 0])
        sizes = {"dilation": both(1, 2), "groups": groups, "bias": chance.random() < 0.7}
        padding = chance.choice([both(0, 3), "same", "valid"])
        stride = (1, 1) if padding == "same" else both(1, 2)
        return nn.Conv2d(x.shape[1], groups * chance.randint(1, 6), both(1, 4), stride=stride, padding=padding, **sizes)

    def max_pool() -> nn.Module:
        how = {"padding": both(0, 1), "dilation": both(1, 2), "ceil_mode": chance.random() < 0.5}
        return nn.MaxPool2d(both(2, 3), chance.choice([None, *both(1, 3)]), **how)

    def avg_pool() -> nn.Module:
        how = {"padding": both(0, 1), "ceil_mode": chance.random() < 0.5, "count_include_pad": chance.random() < 0.5}
        return nn.AvgPool2d(
            both(2, 3), chance.choice([None, *both(1, 3)]), divisor_override=chance.choice([None, 5]), **how
        )

    makers = [
        *(convolution, convolution, max_pool, avg_pool, nn.ReLU, nn.Tanh, nn.Sigmoid, lambda: nn.LeakyReLU(0.2)),
        *(nn.Identity, nn.Dropout, nn.Dropout2d, lambda: nn.BatchNorm2d(x.shape[1], affine=chance.random() < 0.5)),
        lambda: nn.Sequential(nn.BatchNorm2d(x.shape[1]), nn.ReLU(inplace=True)),
    ]
    while len(layers) < 7:
        layer = chance.choice(makers)()
        for norm in layer.modules():
            if isinstance(norm, nn.BatchNorm2d):
                nn.init.normal_(norm.running_mean)
                nn.init.uniform_(norm.running_var, 0.2, 3)
                if norm.affine:
                    nn.init.normal_(norm.weight)
                    nn.init.normal_(norm.bias)
        try:
            after = layer.eval()(x).detach()
        except RuntimeError:  # too large for what is left
            continue
        if after[0].numel() < 20_000:
            layers.append(layer)
            x = after
    last = [nn.Flatten(), nn.Linear(x[0].numel(), 12), nn.Tanh(), nn.Linear(12, 10, bias=chance.random() < 0.5)]
    last += chance.choice([[], [nn.Softmax(1)], [nn.LogSoftmax(dim=-1)]])
    return nn.Sequential(*layers, nn.Sequential(*last)).train()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.browser
def test_the_browsers_numbers_are_torchs(page) -> None:
    same = nn.ReLU()
    few = nn.Conv2d(1, 18, (3, 2), padding="same", dilation=(1, 3))
    nets = [
        *(digit_net(), nn.Sequential(few, same, nn.MaxPool2d(2), same, nn.Flatten(), nn.Linear(3528, 10))),
        nn.Sequential(nn.Conv2d(1, 2, 1, padding=20), nn.MaxPool2d(3, 3, 1), nn.Flatten(), nn.Linear(1058, 10)),
        *(random_net(seed) for seed in range(40)),
        nn.Sequential(nn.Flatten(), nn.Linear(784, 12), nn.LogSoftmax(1), nn.Linear(12, 10)),
        digit_net().to(memory_format=torch.channels_last),
    ]
    kinds = {type(layer) for net in nets for layer in net.modules()}
    assert kinds == {*LAYERS, nn.Sequential}
    draw(page, DrawDigit(nets[0]))
    for seed, model in enumerate(nets):
        pixels = torch.rand(28, 28, generator=torch.Generator().manual_seed(seed)) ** 2
        widget = DrawDigit(model, pixels=pixels, mean=0.1 * (seed % 3), std=0.3 + 0.1 * (seed % 5))
        show(page, widget, "pixels")
        check_computed(page, widget)
    assert asked(page) == 0


@pytest.mark.browser
def test_the_browser_answers_while_python_follows(page) -> None:
    model = net(nn.Sequential)
    widget = DrawDigit(model, mean=0.1, std=0.3)
    draw(page, widget)
    check_shown(page, widget)
    page.mouse.move(*at(page, 8, 6))
    page.mouse.down()
    page.mouse.move(*at(page, 20, 6), steps=4)
    page.mouse.move(*at(page, 12, 24), steps=6)
    page.mouse.up()
    painted(page)
    assert page.locator(".draw-digit").get_attribute("data-waiting") is None
    twin = DrawDigit(model, pixels=torch.frombuffer(bytearray(pixels(page)), dtype=torch.float32).view(28, 28))
    twin._mean, twin._std = 0.1, 0.3
    check_computed(page, twin)
    check_shown(page, twin)
    page.wait_for_timeout(300)
    assert 1 <= asked(page) <= 6, "eleven changes, put together"
    widget.set_state({"pixels": memoryview(pixels(page))})
    assert torch.equal(widget.pixels, twin.pixels)
    assert 60 < widget.pixels.sum() < 140
    with torch.no_grad():
        model[-1].bias[7] += 100
    widget.look()
    show(page, widget)
    check_computed(page, widget)
    assert page.locator(".dd-guess").inner_text() == "The model says 7, with probability 1.000."
    page.get_by_role("button", name="Clear").click()
    painted(page)
    widget.pixels = torch.zeros(28, 28)
    check_computed(page, widget)


@pytest.mark.browser
def test_a_drawing_for_which_the_browser_gets_no_number(page) -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 10))
    nn.init.constant_(model[1].weight, 3e38)
    nn.init.zeros_(model[1].bias)
    widget = DrawDigit(model)
    draw(page, widget)
    page.locator(".dd-canvas").click()
    painted(page)
    said = page.get_by_role("alert").inner_text()
    widget.set_state({"pixels": memoryview(pixels(page))})
    with pytest.raises(TraitError) as error:
        _ = widget.output
    assert said == str(error.value)
    assert page.locator(".dd-guess").inner_text() == "No answer."
    page.get_by_role("button", name="Clear").click()
    painted(page)
    assert page.locator("[role=alert]").is_hidden()
    assert page.locator(".dd-guess").inner_text().startswith("The model says 0, with probability 0.100")


@pytest.mark.browser
def test_between_python_and_browser(page) -> None:
    """A model that Python ran becomes one that the browser runs, while it is drawn on; and back."""
    model = net(nn.Sequential)
    handle = model[1].register_forward_pre_hook(lambda *_: None)
    widget = DrawDigit(model)
    draw(page, widget)
    page.locator(".dd-canvas").focus()
    page.keyboard.press("Space")
    assert asked(page) == 1
    handle.remove()
    page.keyboard.press("Shift+ArrowDown")
    python_answers(page, widget)
    assert "net" in widget._seen
    page.wait_for_timeout(200)
    assert asked(page) == 2, "Python is given what was drawn since"
    widget.set_state({"pixels": memoryview(pixels(page))})
    check_computed(page, widget)
    model[1].register_forward_pre_hook(lambda *_: None)
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_timeout(200)
    python_answers(page, widget)
    assert widget._seen["probabilities"] == widget.output.tolist()
    check_shown(page, widget)
    assert page.locator(".draw-digit").get_attribute("data-waiting") is None
