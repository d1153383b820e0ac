"""The layer stack without a browser: shapes, costs and fields against torch, the gradient, what is refused."""

import random

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from traitlets import TraitError

from helpers.shapes import receptive_field
from helpers.widgets import LayerStack
from helpers.widgets.layer_stack import KINDS, NUMBERS


def random_layers(rng: random.Random, most: int = 6) -> list[dict]:
    """A stack of random layers, most of which fit on 32 × 24 pixels."""
    layers = []
    for _ in range(rng.randint(0, most)):
        kind = rng.choice(
            ["conv", "conv", "conv", "max_pool", "avg_pool", "relu", *["global_pool"] * (rng.random() < 0.2)]
        )
        layer = {"kind": kind}
        if kind in ("conv", "max_pool", "avg_pool"):
            layer |= {"kernel_size": rng.randint(1, 5), "stride": rng.choice([1, 1, 2, 3])}
            layer["padding"] = rng.randint(0, layer["kernel_size"] // 2 + (rng.random() < 0.1))
        if kind in ("conv", "max_pool"):
            layer["dilation"] = rng.choice([1, 1, 1, 2, 3])
        if kind == "conv":
            layer["out_channels"] = rng.randint(1, 5)
        layers.append(layer)
    return layers


def modules(layers: list[dict], channels: int) -> list[nn.Module]:
    """The same layers in torch, written once more."""
    made = []
    for layer in layers:
        given = {name: value for name, value in layer.items() if name not in ("kind", "out_channels")}
        if layer["kind"] == "conv":
            made.append(nn.Conv2d(channels, layer["out_channels"], **given))
            channels = layer["out_channels"]
        else:
            kinds = {"max_pool": nn.MaxPool2d, "avg_pool": nn.AvgPool2d, "relu": nn.ReLU}
            made.append(nn.AdaptiveAvgPool2d(1) if layer["kind"] == "global_pool" else kinds[layer["kind"]](**given))
    return made


def linear_twin(layers: list[dict], channels: int) -> nn.Sequential:
    """Layers that read the same pixels, with a positive weight for each of them: the gradient shows them all."""
    made = []
    for module in modules(layers, channels):
        if isinstance(module, nn.MaxPool2d):
            weight = torch.ones(1, 1, module.kernel_size, module.kernel_size, dtype=torch.float64)
            module = Summed(weight, module.stride, module.padding, module.dilation)
        elif isinstance(module, nn.ReLU):
            module = nn.Identity()
        elif isinstance(module, nn.Conv2d):
            module = module.double()
            nn.init.ones_(module.weight)
        made.append(module)
    return nn.Sequential(*made)


class Summed(nn.Module):
    """The sum of each window of a max pooling."""

    def __init__(self, weight: torch.Tensor, *setting: int) -> None:
        super().__init__()
        self.weight, self.setting = weight, setting

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, c, h, w = x.shape
        out = F.conv2d(x.reshape(n * c, 1, h, w), self.weight, None, *self.setting)
        return out.view(n, c, *out.shape[2:])


def fits(layers: list[dict], size: list[int]) -> tuple[list[list[int]], int]:
    """Run torch layer by layer: the shapes, and how many layers it could run."""
    x, shapes = torch.zeros(1, *size), []
    for module in modules(layers, size[0]):
        try:
            x = module(x)
        except RuntimeError:
            break
        shapes.append(list(x.shape[1:]))
    return shapes, len(shapes)


def test_shapes_costs_and_fields_equal_torch_on_300_stacks() -> None:
    rng = random.Random(1)
    stack = LayerStack()
    broken = seen = holes = 0
    for _ in range(300):
        layers, size = random_layers(rng), [rng.randint(1, 3), rng.randint(8, 32), rng.randint(8, 24)]
        stack.set_trait("layers", [])
        stack.input_size, stack.layers = size, layers
        shapes, count = fits(layers, size)
        rows = stack.rows[1:]
        assert [row.shape for row in rows] == shapes, layers
        assert bool(stack.problem) == (count < len(layers)), layers
        broken += count < len(layers)
        made = modules(layers, size[0])[:count]
        assert [row.parameters for row in rows] == [sum(p.numel() for p in one.parameters()) for one in made]
        for row, one in zip(rows, made, strict=True):
            conv = isinstance(one, nn.Conv2d)
            assert row.macs == (one.weight[0].numel() * row.shape[0] * row.shape[1] * row.shape[2] if conv else 0)
        if stack.problem:
            assert stack.problem.startswith(f"Layer {count + 1}, ")
            with pytest.raises(ValueError, match="does not fit"):
                stack.module()
            with pytest.raises(ValueError, match="does not fit"):
                _ = stack.code
        if not count:
            continue
        stack.layer = rng.randint(1, count)
        height, width = rows[stack.layer - 1].shape[1:]
        stack.pixel = (rng.randrange(height), rng.randrange(width))
        x = torch.ones(1, *size, dtype=torch.float64, requires_grad=True)
        twin = linear_twin(layers[: stack.layer], size[0])
        out = twin(x)[0, :, stack.pixel[0], stack.pixel[1]].sum()
        reads = x.grad if not out.requires_grad else torch.autograd.grad(out, x)[0][0].abs().sum(0) > 0
        assert torch.equal(stack.theory, reads), (layers, stack.place)
        row = rows[stack.layer - 1]
        for axis, places in enumerate((reads.any(1).nonzero().flatten(), reads.any(0).nonzero().flatten())):
            middle = row.start[axis] + stack.pixel[axis] * row.jump[axis]
            first, last = middle - (row.size[axis] - 1) / 2, middle + (row.size[axis] - 1) / 2
            if first >= 0 and last < size[1 + axis]:
                assert (places[0], places[-1]) == (first, last), (layers, stack.place)
                seen += 1
                holes += len(places) < row.size[axis]
    assert broken > 30
    assert seen > 100
    assert holes > 5


def test_fields_are_those_of_shapes() -> None:
    rng = random.Random(2)
    for _ in range(50):
        layers = [layer for layer in random_layers(rng) if layer["kind"] in ("conv", "max_pool", "avg_pool")]
        rows = LayerStack(layers, (1, 64, 64)).rows[1:]
        settings = [
            [layer.get(name, 1) for name in ("kernel_size", "stride", "padding", "dilation")] for layer in layers
        ]
        fields = receptive_field(settings) if settings else ()
        for row, field in zip(rows, fields, strict=False):
            assert (row.size, row.jump, row.start) == ([field.size] * 2, [field.jump] * 2, [field.start] * 2)


def test_the_classic_stack_in_literal_numbers() -> None:
    stack = LayerStack([nn.Conv2d(1, 8, 3), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3)])
    assert [row.shape for row in stack.rows] == [[1, 32, 32], [8, 30, 30], [8, 15, 15], [8, 13, 13]]
    assert [row.parameters for row in stack.rows] == [0, 80, 0, 584]
    assert [row.size[0] for row in stack.rows] == [1, 3, 4, 8]
    assert (stack.layer, stack.pixel, stack.theory.sum()) == (3, (6, 6), 64)
    assert stack.code == (
        "from torch import nn\n\nmodel = nn.Sequential(\n"
        "    nn.Conv2d(1, 8, 3),\n    nn.MaxPool2d(2),\n    nn.Conv2d(8, 8, 3),\n)\n"
    )


def test_the_code_makes_the_same_module() -> None:
    rng = random.Random(3)
    made = 0
    while made < 40:
        stack = LayerStack(random_layers(rng), (2, 30, 26))
        if stack.problem:
            continue
        made += 1
        namespace = {}
        exec(stack.code, namespace)
        assert repr(namespace["model"]) == repr(stack.module())
        assert list(stack.module()(torch.zeros(1, 2, 30, 26)).shape[1:]) == stack.rows[-1].shape
        again = LayerStack(list(stack.module()), (2, 30, 26))
        assert again.layers == stack.layers


def test_the_gradient_lies_inside_the_field_and_reaches_its_ends() -> None:
    stack = LayerStack([nn.Conv2d(2, 4, 3, dilation=2), nn.AvgPool2d(2), nn.Conv2d(4, 4, 2)], (2, 20, 24))
    for pixel in ((0, 0), (3, 4), (6, 8)):
        stack.pixel = pixel
        heat = stack.effective
        assert heat.shape == (20, 24)
        assert torch.equal(heat > 0, stack.theory)
    stack.layers = [nn.Conv2d(2, 4, 3), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(4, 4, 3)]
    stack.layer, stack.pixel = 4, (3, 4)
    assert not (stack.effective > 0)[~stack.theory].any()
    assert (stack.effective > 0).sum() > 50  # of 64: max pooling passes the gradient to its winners alone


def test_the_gradient_is_the_same_each_time_and_leaves_the_seed_alone() -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    stack = LayerStack([nn.Conv2d(1, 4, 3), nn.MaxPool2d(2)])
    first = stack.effective
    assert torch.equal(first, stack.effective)
    stack = LayerStack(model=nn.Sequential(Dropping(), nn.ReLU()))
    assert torch.equal(stack.effective, stack.effective)
    assert torch.equal(torch.rand(3), expected) is False  # the layers above took random weights
    torch.manual_seed(5)
    _ = stack.effective
    assert torch.equal(torch.rand(3), expected)


class Dropping(nn.Module):
    """A function that draws random numbers, in eval mode too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.dropout(x, 0.5, training=True)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(6, 6, (3, 5), padding="same")
        self.norm = nn.BatchNorm2d(6)
        self.pool = nn.AdaptiveMaxPool2d((5, 4))
        self.last = nn.Conv2d(6, 2, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.act(self.first(x))
        y = self.act(self.norm(self.second(x)))
        return self.last(self.pool(x + y))


def test_a_model_of_ones_own() -> None:
    model = Residual().train()
    model.norm.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    stack = LayerStack(model=model, input_size=(3, 17, 20))
    assert [row.name for row in stack.rows] == [
        "input", "Conv2d (first)", "ReLU (act)", "Conv2d (second)", "BatchNorm2d (norm)", "ReLU (act (use 2))",
        "AdaptiveMaxPool2d (pool)", "Conv2d (last)",
    ]  # fmt: skip
    assert [row.size for row in stack.rows[:6]] == [[1, 1], [3, 3], [3, 3], [5, 7], [5, 7], [5, 7]]
    assert stack.rows[6].size is None
    assert "no layer" in stack.rows[6].note
    assert stack.rows[3].macs == 6 * 6 * 15 * 17 * 20
    assert stack.theory is None
    stack.layer, stack.pixel = 4, (8, 9)
    assert stack.theory.sum() == 35
    assert not (stack.effective > 0)[~stack.theory].any()
    assert stack.effective[8, 9] > 0
    stack.layer, stack.pixel = 7, (0, 0)
    assert (stack.effective > 0).any()
    assert stack.module() is model
    assert (model.training, model.norm.training, model.first.training) == (True, False, True)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(value.grad is None and value.requires_grad for value in model.parameters())
    assert not any(module._forward_hooks for module in model.modules())
    with pytest.raises(ValueError, match="no code for a model of yours"):
        _ = stack.code


def test_a_layer_that_works_in_place_does_not_change_the_field_of_the_one_before() -> None:
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(inplace=True))
    nn.init.constant_(model[0].bias, -100.0)  # after the ReLU all is 0, and so is its gradient
    stack = LayerStack(model=model, layer=1, pixel=(4, 4))
    assert (stack.effective > 0).sum() == 9
    stack.layer = 2
    assert (stack.effective > 0).sum() == 0


def test_every_kind_of_layer_of_a_model() -> None:
    model = nn.Sequential(
        nn.Conv2d(1, 4, 5, stride=2, padding=(2, 1), groups=1), nn.PReLU(), nn.MaxPool2d(3, 2, ceil_mode=True),
        nn.Dropout(), nn.AvgPool2d((2, 1)), nn.AdaptiveAvgPool2d((2, 2)), nn.Flatten(), nn.Linear(16, 5),
    )  # fmt: skip
    stack = LayerStack(model=model, input_size=(1, 40, 34))
    with torch.no_grad():
        x, shapes = torch.zeros(1, 1, 40, 34), []
        for module in model:
            x = module(x)
            shapes.append(list(x.shape[1:]))
    assert [row.shape for row in stack.rows[1:]] == shapes
    assert stack.rows[7].note == "Flatten is no layer whose field is computed here."
    assert [row.axes is None for row in stack.rows[1:]] == [False] * 6 + [True] * 2
    assert stack.place == (8, (0, 2))
    assert (stack.effective > 0).any()
    for layer in range(1, 7):
        stack.layer = layer
        height, width = stack.rows[layer].shape[1:]
        for stack.pixel in ((0, 0), (height - 1, width - 1)):
            assert not (stack.effective > 0)[~stack.theory].any(), layer


def test_bins_that_differ_have_their_exact_pixels_and_no_one_field() -> None:
    stack = LayerStack(model=nn.Sequential(nn.AdaptiveAvgPool2d((3, 4))), input_size=(1, 8, 12))
    assert stack.rows[1].size is None
    assert "bins differ in size" in stack.rows[1].note
    for row in range(3):
        for column in range(4):
            stack.pixel = (row, column)
            assert torch.equal(stack.theory, stack.effective > 0)


def test_what_no_gradient_reaches_is_zero() -> None:
    class Sign(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x > 0).float()

    assert LayerStack(model=nn.Sequential(Sign()), input_size=(1, 8, 8)).effective.sum() == 0


REFUSED = [
    (lambda: LayerStack(3), "layers is 3; it must be a list of layers"),
    (
        lambda: LayerStack([3]),
        "layer 1 is 3; it must be a layer of torch, or a dict whose kind is one of conv, max_pool",
    ),
    (
        lambda: LayerStack([{"kind": "conv", "stride": 0}]),
        "layer 1: stride is 0; it must be a whole number from 1 to 8.",
    ),
    (lambda: LayerStack([{"kind": "conv", "dilation": 0}]), "dilation is 0; it must be a whole number from 1 to 8."),
    (lambda: LayerStack([{"kind": "conv", "kernel_size": 2.5}]), "kernel_size is 2.5; it must be a whole number"),
    (lambda: LayerStack([{"kind": "conv", "padding": -1}]), "padding is -1; it must be a whole number from 0 to 16."),
    (lambda: LayerStack([{"kind": "relu", "stride": 1}]), "layer 1, relu, has the setting 'stride'; it can have none."),
    (lambda: LayerStack([{"kind": "relu"}] * 13), "layers holds 13 layers; at most 12 fit here."),
    (lambda: LayerStack([nn.Conv2d(3, 8, 3)]), "layer 1, Conv2d(3, 8,"),
    (lambda: LayerStack([nn.Conv2d(3, 8, 3)]), "reads 3 channels, but 1 come in."),
    (lambda: LayerStack([nn.ReLU(), nn.Conv2d(1, 8, (3, 5))]), "layer 2, "),
    (lambda: LayerStack([nn.Conv2d(1, 8, 3, bias=False)]), "no bias or another padding mode"),
    (lambda: LayerStack([nn.Conv2d(1, 8, 3, padding="same")]), "has padding 'same', and the builder takes one whole"),
    (lambda: LayerStack([nn.MaxPool2d(2, ceil_mode=True)]), "is no layer that the builder has: give the whole network"),
    (lambda: LayerStack([nn.Flatten()]), "is no layer that the builder has"),
    (lambda: LayerStack(input_size=(1, 0, 4)), "input_size is (1, 0, 4); it must be (C, H, W), whole numbers from 1"),
    (lambda: LayerStack(input_size=(32, 32)), "input_size is (32, 32); it must be (C, H, W)"),
    (lambda: LayerStack(input_size=(1, 8.5, 8)), "input_size is (1, 8.5, 8)"),
    (lambda: LayerStack(layer=4), "layer is 4; it must be a whole number from 0, the input, to 3."),
    (
        lambda: LayerStack(pixel=(1, -1)),
        "pixel is (1, -1); it must be (row, column), two whole numbers counted from 0.",
    ),
    (lambda: LayerStack(pixel=3), "pixel is 3; it must be (row, column)"),
    (lambda: LayerStack(model=3), "model is 3; it must be a torch module, for example nn.Sequential(...)."),
    (lambda: LayerStack([nn.ReLU()], model=nn.ReLU()), "layers and model are both given; give one of them."),
    (lambda: LayerStack(model=nn.Linear(7, 3)), "model does not take an input of (1, 1, 32, 32): RuntimeError: "),
    (
        lambda: LayerStack(image=torch.full((3, 4, 4), 255.0)),
        "image has shape (3, 4, 4); it must be (C, H, W) or (H, W)",
    ),
    (lambda: LayerStack(image="cat"), "image is of type str; it must be a tensor"),
]


@pytest.mark.parametrize(("call", "sentence"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_is_said_in_one_sentence(call, sentence: str) -> None:
    with pytest.raises(TraitError) as caught:
        call()
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 320


def test_a_refused_value_changes_nothing() -> None:
    stack = LayerStack()
    before = [list(map(dict, stack.layers)), stack.input_size, stack.layer, stack.pixel]
    for name, value in (("layers", [{"kind": "x"}]), ("input_size", 3), ("layer", -1), ("pixel", "11")):
        with pytest.raises(TraitError):
            setattr(stack, name, value)
    assert [stack.layers, stack.input_size, stack.layer, stack.pixel] == before
    model = LayerStack(model=nn.Sequential(nn.ReLU()))
    with pytest.raises(TraitError, match="shows a model of yours"):
        model.layers = [{"kind": "relu"}]
    with pytest.raises(TraitError, match="make a new LayerStack"):
        model.input_size = (1, 8, 8)


def test_a_stack_that_does_not_fit_keeps_the_layers_before() -> None:
    stack = LayerStack([nn.Conv2d(1, 4, 3), nn.MaxPool2d(2), nn.Conv2d(4, 4, 9), nn.ReLU()], (1, 16, 16))
    assert stack.problem == (
        "Layer 3, Conv2d(4, 4, 9), does not fit: kernel_size 9 with dilation 1 spans 9 pixels, but size 7 with padding "
        "0 per side has only 7: use a smaller kernel or more padding."
    )
    assert [row.shape for row in stack.rows] == [[1, 16, 16], [4, 14, 14], [4, 7, 7]]
    assert stack.place[0] == 2
    stack.layers = [{"kind": "max_pool", "kernel_size": 3, "padding": 2}]
    assert stack.problem == (
        "Layer 1, MaxPool2d(3, padding=2), does not fit: padding must be at most half of kernel_size 3, got 2."
    )
    stack.layers = [{"kind": "conv", "kernel_size": 1, "stride": 8}] * 11
    assert "more than a billion input pixels" in stack.problem


def test_too_large_a_stack_is_not_painted() -> None:
    wide = {"kind": "conv", "out_channels": 256, "kernel_size": 3, "padding": 1}
    stack = LayerStack([wide, wide], (1, 128, 128))
    with pytest.raises(ValueError, match="9,701,425,152 multiplications"):
        _ = stack.effective
    assert "multiplications" in stack._heat["error"]
    assert stack.still()[0].startswith(b"\x89PNG")


def ask(stack: LayerStack, **content: object) -> dict:
    stack._answer(stack, {"do": "paint"} | content, [])
    return stack._heat


def test_the_browser_is_answered_without_touching_the_state() -> None:
    stack = LayerStack()
    layers = [{"kind": "conv", "out_channels": 2, "kernel_size": 5, "stride": 1, "padding": 0, "dilation": 1}]
    heat = ask(stack, layers=layers, input_size=[1, 16, 18], layer=1, pixel=[2, 3])
    assert heat["of"] == '[[["conv",2,5,1,0,1]],[1,16,18],1,[2,3]]'
    painted = torch.frombuffer(bytearray(heat["data"]), dtype=torch.float32).view(16, 18)
    assert torch.equal(painted > 0, LayerStack(layers, (1, 16, 18), layer=1, pixel=(2, 3)).theory)
    assert (len(stack.layers), stack.input_size) == (3, [1, 32, 32])
    for wrong in ({"layer": 9}, {"pixel": [99, 0]}, {"pixel": None}, {"layers": "x"}, {"input_size": None}):
        state = {"layers": layers, "input_size": [1, 16, 18], "layer": 1, "pixel": [2, 3]} | wrong
        assert ask(stack, **state)["error"], wrong
    stack._answer(stack, "nonsense", [])


def test_every_setting_has_a_range_with_its_first_value() -> None:
    assert {name for _, names in KINDS.values() for name in names} == set(NUMBERS)
    assert all(low <= first <= high for low, high, first in NUMBERS.values())


def test_the_still_says_what_there_is_to_see() -> None:
    png, alt = LayerStack().still()
    assert png.startswith(b"\x89PNG")
    assert len(png) < 100_000
    assert "depends on 64 input pixels" in alt
    assert LayerStack(model=Residual(), input_size=(3, 16, 16)).still()[0].startswith(b"\x89PNG")
    assert "does not fit" in LayerStack([{"kind": "conv", "kernel_size": 15}], (1, 8, 8)).still()[1]
    assert LayerStack(image=torch.rand(3, 32, 32)).still()[0] != png
