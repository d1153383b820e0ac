"""The layer stack: build a small network layer by layer, and see which input pixels one output pixel depends on."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import torch
import traitlets as t
from torch import Tensor, nn

from ..shapes import conv_output_size, is_whole, pool_output_size, receptive_field, short, span, window_pixels
from .base import Widget
from .models import kept, like, told, watchable
from .traits import Pixel

# setting -> (lowest value, highest value, the one it starts with)
NUMBERS = {
    "out_channels": (1, 256, 8),
    "kernel_size": (1, 15, 3),
    "stride": (1, 8, 1),
    "padding": (0, 16, 0),
    "dilation": (1, 8, 1),
}
# kind -> (label, its settings)
KINDS = {
    "conv": ("Convolution", ("out_channels", "kernel_size", "stride", "padding", "dilation")),
    "max_pool": ("Max pooling", ("kernel_size", "stride", "padding", "dilation")),
    "avg_pool": ("Average pooling", ("kernel_size", "stride", "padding")),
    "relu": ("ReLU", ()),
    "global_pool": ("Global average pooling", ()),
}
MOST_LAYERS = 12
LARGEST_INPUT = (64, 256, 256)  # channels, height, width
DRAWS = 8  # sets of random weights over which a built stack's gradient is averaged; fewer for a large stack
INPUTS = 8  # random inputs for each of them, and for a model
BUDGET = 2 * 10**9  # multiplications for one gradient map of a built stack, about
MOST_MACS = 10**9  # of a stack whose gradient is painted

# Layers that work on each pixel by itself.
POINTWISE = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.RReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish),
    *(nn.Sigmoid, nn.LogSigmoid, nn.Tanh, nn.Hardtanh, nn.Hardsigmoid, nn.Hardswish, nn.Softplus, nn.Softsign),
    *(nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout, nn.BatchNorm2d),
)
BREAK = "Something between this layer and the one before it is no layer: a function, a sum or a branch."
UNKNOWN = "{} is no layer whose field is computed here."


@dataclass
class Row:
    """One layer of the table, or the input.

    Attributes:
        name: what it is called, "Conv2d(1, 8, 3)" or the name inside a model.
        shape: its output without the batch axis.
        parameters: how many numbers it learns.
        macs: multiplications by a weight for one input; None where they are not counted.
        axes: for height and width the way to its input: [kernel_size, stride, padding, dilation, output size, bins],
            bins being True for adaptive pooling; None where it is not known.
        size, jump, start: as in `shapes.Field`, for height and width; None where there is no one field for all pixels.
        note: what to know about it.
    """

    name: str
    shape: list[int]
    parameters: int = 0
    macs: int | None = 0
    axes: list[list] | None = None
    size: list[int] | None = None
    jump: list[int] | None = None
    start: list[float] | None = None
    note: str = ""


class LayerStack(Widget):
    """Build a stack of layers; see shapes, costs and receptive fields, and paint what one output pixel sees.

    `layers` and `input_size` can be set at any time. A stack that does not fit is shown up to the layer that does not,
    and `problem` says why.

    Args:
        layers: layers of torch, such as `nn.Conv2d(1, 8, 3)`, `nn.MaxPool2d(2)`, `nn.AvgPool2d(2)`, `nn.ReLU()`,
            `nn.AdaptiveAvgPool2d(1)`, with square windows; or dicts as in the trait `layers`. At most 12.
        input_size: (C, H, W), at most (64, 256, 256); (1, 32, 32) when not given.
        model: a module of your own, in place of `layers`. Its layers are found by running it once.
        layer: which layer's output is looked at, counted from 1, 0 for the input; the last one when not given.
        pixel: (row, column) in that output; the middle when not given.
        image: (C, H, W) or (H, W), float in [0, 1], shown behind the field where its height and width are the input's.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.
    """

    layers = t.TraitType([]).tag(sync=True)
    input_size = t.TraitType([1, 32, 32]).tag(sync=True)
    layer = t.TraitType(0).tag(sync=True)
    pixel = Pixel((0, 0)).tag(sync=True)
    image = t.Dict(read_only=True).tag(sync=True)
    _kinds = t.Dict({name: {"label": label, "settings": list(keys)} for name, (label, keys) in KINDS.items()}).tag(
        sync=True
    )
    _numbers = t.Dict({name: list(values) for name, values in NUMBERS.items()}).tag(sync=True)
    _limits = t.Dict({"layers": MOST_LAYERS, "input": list(LARGEST_INPUT)}).tag(sync=True)
    _model_rows = t.List().tag(sync=True)
    _heat = t.Dict().tag(sync=True)
    _start = t.Dict().tag(sync=True)

    def __init__(
        self,
        layers: Sequence[nn.Module | dict] | None = None,
        input_size: Sequence[int] = (1, 32, 32),
        *,
        model: nn.Module | None = None,
        layer: int | None = None,
        pixel: Sequence[int] | None = None,
        image: Tensor | None = None,
    ) -> None:
        if model is not None and layers is not None:
            raise t.TraitError("layers and model are both given; give one of them.")
        self._model = None if model is None else watchable(model)
        self._traced: list[Row] = []
        super().__init__(input_size=input_size)
        if model is not None:
            self._traced = _trace(model, self.input_size)
            self._model_rows = [asdict(row) for row in self._traced]
        else:
            self.layers = _default() if layers is None else layers
        self.set_trait("image", _image(image))
        self.layer = self._count() if layer is None else layer
        self.pixel = [side // 2 for side in _map_size(self.rows[self.place[0]].shape)] if pixel is None else pixel
        self._start = {name: getattr(self, name) for name in ("layers", "input_size", "layer", "pixel")}
        self._paint(self.layers, self.input_size, *self.place)
        self.on_msg(self._answer)

    # The state

    @t.validate("layers")
    def _check_layers(self, proposal: t.Bunch) -> list[dict]:
        if self._model is not None and proposal.value:
            raise t.TraitError("layers cannot be set: this stack shows a model of yours.")
        return _checked_layers(proposal.value, self.input_size[0])

    @t.validate("input_size")
    def _check_input_size(self, proposal: t.Bunch) -> list[int]:
        size = _checked_size(proposal.value)
        if self._model is not None and self._traced and size != self.input_size:
            raise t.TraitError("input_size cannot be set: the model was run with it; make a new LayerStack.")
        return size

    @t.validate("layer")
    def _check_layer(self, proposal: t.Bunch) -> int:
        value, most = proposal.value, self._count()
        if not is_whole(value) or not 0 <= value <= most:
            raise t.TraitError(f"layer is {short(value)}; it must be a whole number from 0, the input, to {most}.")
        return int(value)

    @t.observe("layers")
    def _keep_layer_inside(self, _: t.Bunch) -> None:
        if self.layer > self._count():
            self.layer = self._count()

    def _count(self) -> int:
        return len(self._traced) - 1 if self._model is not None else len(self.layers)

    # The answers

    @property
    def rows(self) -> list[Row]:
        """The input and each layer that fits, with its output shape, its costs and its receptive field."""
        return self._traced if self._model is not None else _analyse(self.layers, self.input_size)[0]

    @property
    def problem(self) -> str:
        """Which layer does not fit, and why, in one sentence; "" when all do."""
        return "" if self._model is not None else _analyse(self.layers, self.input_size)[1]

    @property
    def place(self) -> tuple[int, tuple[int, int]]:
        """(layer, pixel) that is looked at: `layer` and `pixel`, or the nearest that there are."""
        rows = self.rows
        layer = min(self.layer, len(rows) - 1)
        height, width = _map_size(rows[layer].shape)
        return layer, (min(self.pixel[0], height - 1), min(self.pixel[1], width - 1))

    @property
    def theory(self) -> Tensor | None:
        """Which input pixels the pixel depends on by the arithmetic of the layers: (H, W), bool; None if not known."""
        layer, pixel = self.place
        rows = self.rows
        if any(row.axes is None for row in rows[1 : layer + 1]):
            return None
        seen = [_reach(rows[: layer + 1], axis, pixel[axis], side) for axis, side in enumerate(rows[0].shape[1:])]
        mask = torch.zeros(rows[0].shape[1:], dtype=torch.bool)
        mask[torch.tensor(seen[0], dtype=torch.int64)[:, None], torch.tensor(seen[1], dtype=torch.int64)] = True
        return mask

    @property
    def effective(self) -> Tensor:
        """The mean |gradient| of the pixel (the sum of its channels) for each input pixel: (H, W), float32.

        A built stack is averaged over up to 8 sets of torch's random first weights, and 8 random inputs for each; a
        model keeps its weights, over 8 random inputs. It runs in eval mode; its mode and its buffers are then as they
        were.

        Raises:
            ValueError: the stack takes more than a billion multiplications.
        """
        return self._effective(self.layers, self.input_size, *self.place)

    def _effective(self, layers: list[dict], size: list[int], layer: int, pixel: Sequence[int]) -> Tensor:
        if self._model is not None:
            return _gradient_map(self._model, size, layer, pixel)
        return _built_map(layers[:layer], size, pixel)

    @property
    def code(self) -> str:
        """The stack as code that makes `model`, an `nn.Sequential`.

        Raises:
            ValueError: a layer does not fit, or the stack shows a model of yours.
        """
        lines = "".join(f"    nn.{name},\n" for name in self._names())
        return f"from torch import nn\n\nmodel = nn.Sequential(\n{lines})\n"

    def module(self) -> nn.Module:
        """Return the stack as a new `nn.Sequential`, or the model it was made with.

        Raises:
            ValueError: a layer does not fit.
        """
        if self._model is not None:
            return self._model
        self._names()
        return _build(self.layers, self.input_size[0])

    def _names(self) -> list[str]:
        if self._model is not None:
            raise ValueError("there is no code for a model of yours: it was written elsewhere")
        if self.problem:
            raise ValueError(f"the stack does not fit: {self.problem}")
        return [row.name for row in self.rows[1:]]

    # The gradient, asked for by the browser

    def _answer(self, _: object, content: object, buffers: object) -> None:
        """Paint what the browser shows now. The state itself comes by the traits: answering must not set it back."""
        if not isinstance(content, dict) or content.get("do") != "paint":
            return
        try:
            size = _checked_size(content.get("input_size"))
            layers = _checked_layers(content.get("layers"), size[0])
            rows = self.rows if self._model is not None else _analyse(layers, size)[0]
            layer, pixel = content.get("layer"), content.get("pixel")
            if layer not in range(len(rows)) or not all(
                n in range(side) for n, side in zip(pixel, _map_size(rows[layer].shape), strict=True)
            ):
                raise t.TraitError(f"there is no pixel {short(pixel)} of layer {short(layer)}.")
        except (t.TraitError, TypeError, ValueError) as error:
            self._heat = {"of": "", "error": str(error)}
        else:
            self._paint(layers, size, layer, pixel)

    def _paint(self, layers: list[dict], size: list[int], layer: int, pixel: Sequence[int]) -> None:
        heat: dict[str, object] = {"of": _key(layers, size, layer, pixel)}
        try:
            heat["data"] = memoryview(self._effective(layers, size, layer, pixel).contiguous().numpy()).cast("B")
        except (ValueError, t.TraitError) as error:
            heat["error"] = str(error)
        self._heat = heat

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the output, the field in theory and by gradient, and what it says."""
        from .. import plots

        rows, (layer, (row, column)) = self.rows, self.place
        axes = plots.axes(3)
        size = _map_size(rows[layer].shape)
        plots.image(torch.full(size, 0.8), axes[0], title=f"output {layer}, {size[0]} × {size[1]}")
        plots.mark(axes[0], row, column, 1, 1)
        theory, heat = self.theory, torch.zeros(tuple(self.input_size[1:]))
        if "data" in self._heat and self._heat["of"] == _key(self.layers, self.input_size, layer, (row, column)):
            heat = torch.frombuffer(bytearray(self._heat["data"]), dtype=torch.float32).view(heat.shape)
        elif "error" not in self._heat:
            heat = self.effective
        behind = self._behind()
        shown = behind * 0.5 if theory is None else torch.where(theory, behind, behind * 0.35)
        plots.image(shown, axes[1], title="in theory" if theory is not None else "theory not known")
        plots.image(heat / heat.max().clamp(min=1e-30), axes[2], title="by gradient")
        field = ""
        if theory is not None:
            seen = theory.nonzero()
            if len(seen):
                (top, left), (bottom, right) = seen.amin(0).tolist(), seen.amax(0).tolist()
                for ax in axes[1:]:
                    plots.mark(ax, top, left, bottom - top + 1, right - left + 1)
                field = f" It depends on {len(seen)} input pixels, {bottom - top + 1} × {right - left + 1} around them."
        names = ", ".join(one.name for one in rows[1:]) or "no layer"
        alt = (
            f"A stack on an input of {' × '.join(map(str, self.input_size))}: {names}. Pixel ({row}, {column}) of "
            f"output {layer}.{field} {self.problem}"
        )
        return plots.to_png(axes[0].figure), alt.strip()

    def _behind(self) -> Tensor:
        size = tuple(self.input_size[1:])
        if self.image and (self.image["height"], self.image["width"]) == size:
            return torch.frombuffer(bytearray(self.image["data"]), dtype=torch.float32).view(size)
        return torch.full(size, 0.75)


# --- What the layers are ---------------------------------------------------------------------------------------------


def _default() -> list[dict]:
    return [_layer("conv", padding=0), _layer("max_pool"), _layer("conv")]


def _layer(kind: str, **given: int) -> dict:
    """Return one layer with all settings of its kind; a pooling starts with windows of 2, side by side."""
    usual = {name: NUMBERS[name][2] for name in KINDS[kind][1]}
    if kind in ("max_pool", "avg_pool"):
        size = given.get("kernel_size", 2)
        usual |= {"kernel_size": size, "stride": size}
    return {"kind": kind, **usual, **given}


def _checked_size(value: object) -> list[int]:
    whole = isinstance(value, list | tuple) and all(map(is_whole, value))
    if not whole or len(value) != 3 or not all(1 <= n <= most for n, most in zip(value, LARGEST_INPUT, strict=True)):
        raise t.TraitError(
            f"input_size is {short(value)}; it must be (C, H, W), whole numbers from 1 to at most {LARGEST_INPUT}."
        )
    return [int(n) for n in value]


def _checked_layers(value: object, channels: int) -> list[dict]:
    if not isinstance(value, list | tuple | nn.Sequential):
        raise t.TraitError(f"layers is {short(value)}; it must be a list of layers, such as [nn.Conv2d(1, 8, 3)].")
    if len(value) > MOST_LAYERS:
        raise t.TraitError(f"layers holds {len(value)} layers; at most {MOST_LAYERS} fit here.")
    layers = []
    for number, one in enumerate(value, 1):
        layer = _of_module(number, one, channels) if isinstance(one, nn.Module) else one
        layers.append(_checked_layer(number, layer))
        channels = layers[-1].get("out_channels", channels)
    return layers


def _checked_layer(number: int, layer: object) -> dict:
    kind = layer.get("kind") if isinstance(layer, dict) else None
    if not isinstance(kind, str) or kind not in KINDS:
        raise t.TraitError(
            f"layer {number} is {short(layer)}; it must be a layer of torch, or a dict whose kind is one of "
            f"{', '.join(KINDS)}."
        )
    if unknown := set(layer) - {"kind", *KINDS[kind][1]}:
        raise t.TraitError(
            f"layer {number}, {kind}, has the setting {short(sorted(map(str, unknown))[0])}; "
            f"it can have {', '.join(KINDS[kind][1]) or 'none'}."
        )
    for name in set(layer) - {"kind"}:
        low, high, _ = NUMBERS[name]
        value = layer[name]
        if not is_whole(value) or not low <= value <= high:
            raise t.TraitError(
                f"layer {number}: {name} is {short(value)}; it must be a whole number from {low} to {high}."
            )
    return _layer(kind, **{name: int(layer[name]) for name in KINDS[kind][1] if name in layer})


def _of_module(number: int, module: nn.Module, channels: int) -> dict:
    """Return a torch layer as a dict, or say why the builder does not have it."""

    def refuse(why: str) -> t.TraitError:
        return t.TraitError(f"layer {number}, {_named(module)}, {why}: give the whole network as model=.")

    def square(name: str) -> int:
        value = getattr(module, name)
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(value, str) or len(set(values)) != 1:
            raise refuse(f"has {name} {short(value)}, and the builder takes one whole number")
        return values[0]

    names = ("kernel_size", "stride", "padding", "dilation")
    if isinstance(module, nn.Conv2d):
        if module.groups != 1 or module.bias is None or module.padding_mode != "zeros":
            raise refuse("has groups, no bias or another padding mode, which the builder does not have")
        if module.in_channels != channels:
            raise t.TraitError(
                f"layer {number}, {_named(module)}, reads {module.in_channels} channels, but {channels} come in."
            )
        return {"kind": "conv", "out_channels": module.out_channels, **{name: square(name) for name in names}}
    if isinstance(module, nn.MaxPool2d) and not module.ceil_mode and not module.return_indices:
        return {"kind": "max_pool", **{name: square(name) for name in names}}
    usual = not getattr(module, "ceil_mode", False) and getattr(module, "divisor_override", None) is None
    if isinstance(module, nn.AvgPool2d) and usual and module.count_include_pad:
        return {"kind": "avg_pool", **{name: square(name) for name in names[:3]}}
    if isinstance(module, nn.ReLU):
        return {"kind": "relu"}
    if isinstance(module, nn.AdaptiveAvgPool2d) and module.output_size in (1, (1, 1)):
        return {"kind": "global_pool"}
    raise refuse("is no layer that the builder has")


def _named(module: nn.Module) -> str:
    return short(module).removeprefix("<").removesuffix(">")


def _build(layers: list[dict], channels: int) -> nn.Sequential:
    """Return the layers as modules of torch."""
    modules = []
    for layer in layers:
        settings = {name: value for name, value in layer.items() if name != "kind"}
        if layer["kind"] == "conv":
            modules.append(nn.Conv2d(channels, **settings))
            channels = layer["out_channels"]
        elif layer["kind"] == "global_pool":
            modules.append(nn.AdaptiveAvgPool2d(1))
        else:
            modules.append(
                {"max_pool": nn.MaxPool2d, "avg_pool": nn.AvgPool2d, "relu": nn.ReLU}[layer["kind"]](**settings)
            )
    return nn.Sequential(*modules)


def _written(layer: dict, channels: int) -> str:
    """Return a layer as torch writes it, settings left out where they are the usual ones."""
    kind = layer["kind"]
    if kind in ("relu", "global_pool"):
        return "ReLU()" if kind == "relu" else "AdaptiveAvgPool2d(1)"
    usual = {"stride": 1 if kind == "conv" else layer["kernel_size"], "padding": 0, "dilation": 1}
    first = [channels, layer["out_channels"]] if kind == "conv" else []
    others = [f"{name}={layer[name]}" for name in usual if name in layer and layer[name] != usual[name]]
    name = {"conv": "Conv2d", "max_pool": "MaxPool2d", "avg_pool": "AvgPool2d"}[kind]
    return f"{name}({', '.join(map(str, [*first, layer['kernel_size'], *others]))})"


# --- Sizes and fields ------------------------------------------------------------------------------------------------


def _analyse(layers: list[dict], input_size: Sequence[int]) -> tuple[list[Row], str]:
    """Return the rows of the layers that fit, the input first, and why the next one does not."""
    rows = [_input_row(input_size)]
    for number, layer in enumerate(layers, 1):
        channels, *sides = rows[-1].shape
        name = _written(layer, channels)
        try:
            axes = [_axis(layer, side) for side in sides]
            row = Row(name, [layer.get("out_channels", channels), *(axis[4] for axis in axes)], axes=axes)
            if layer["kind"] == "conv":
                weights = channels * layer["out_channels"] * layer["kernel_size"] ** 2
                row.parameters = weights + layer["out_channels"]
                row.macs = weights * row.shape[1] * row.shape[2]
            _measure([*rows, row])
            rows.append(row)
        except ValueError as error:
            return rows, f"Layer {number}, {name}, does not fit: {error}."
    return rows, ""


def _input_row(size: Sequence[int]) -> Row:
    return Row("input", list(size), size=[1, 1], jump=[1, 1], start=[0.0, 0.0])


def _axis(layer: dict, side: int) -> list:
    """Return [kernel_size, stride, padding, dilation, output size, bins] along an axis of `side` pixels."""
    if layer["kind"] == "relu":
        return [1, 1, 0, 1, side, False]
    if layer["kind"] == "global_pool":
        return [side, 1, 0, 1, 1, False]
    k, s, p, d = (layer.get(name, 1) for name in ("kernel_size", "stride", "padding", "dilation"))
    if layer["kind"] == "conv":
        count = conv_output_size(side, k, stride=s, padding=p, dilation=d)
    else:
        count = pool_output_size(side, k, stride=s, padding=p, dilation=d)
    return [k, s, p, d, count, False]


def _measure(rows: list[Row]) -> None:
    """Write the field of the last row, where there is one for all its pixels."""
    if any(row.axes is None or any(axis[5] for axis in row.axes) for row in rows[1:]):
        return
    try:
        fields = [receptive_field([tuple(row.axes[axis][:4]) for row in rows[1:]])[-1] for axis in (0, 1)]
    except ValueError:
        raise ValueError("its field or its jump would be more than a billion input pixels") from None
    rows[-1].size, rows[-1].jump, rows[-1].start = (
        [getattr(one, name) for one in fields] for name in ("size", "jump", "start")
    )


def _reach(rows: list[Row], axis: int, index: int, side: int) -> list[int]:
    """Return the input positions along one axis that position `index` of the last row depends on, in order."""
    seen = {index}
    for row, before in reversed(list(zip(rows[1:], rows[:-1], strict=True))):
        k, s, p, d, count, bins = row.axes[axis]
        size = before.shape[1 + axis]
        if bins:
            seen = {place for i in seen for place in range(i * size // count, -(-(i + 1) * size // count))}
        else:
            seen = {place for i in seen for place in window_pixels(i, k, stride=s, padding=p, dilation=d)}
            seen = {place for place in seen if 0 <= place < size}
    return sorted(seen)


def _map_size(shape: Sequence[int]) -> tuple[int, int]:
    """Return the height and width that an output is shown with: what is no stack of maps is one row of numbers."""
    return (shape[1], shape[2]) if len(shape) == 3 else (1, torch.Size(shape).numel())


def _key(layers: list[dict], input_size: Sequence[int], layer: int, pixel: Sequence[int]) -> str:
    """Return what a gradient map belongs to, as the browser writes it too."""
    return json.dumps([[list(one.values()) for one in layers], input_size, layer, list(pixel)], separators=(",", ":"))


# --- A model of the learner's own ------------------------------------------------------------------------------------


@dataclass
class _Call:
    """One use of a leaf module in a forward pass."""

    name: str
    module: nn.Module
    input: object
    output: object
    copy: object  # the output as it was, before a later layer may work on it in place


def _calls(model: nn.Module, x: Tensor) -> list[_Call]:
    """Run the model; return each use of a module without children, in order."""
    calls: list[_Call] = []
    counts: dict[str, int] = {}

    def hook(name: str) -> Callable:
        def seen(module: nn.Module, inputs: tuple, output: object) -> None:
            counts[name] = counts.get(name, 0) + 1
            again = f" (use {counts[name]})" if counts[name] > 1 else ""
            copy = output.clone() if isinstance(output, Tensor) else None
            calls.append(_Call(name + again, module, inputs[0] if inputs else None, output, copy))

        return seen

    leaves = [(name, module) for name, module in model.named_modules() if not list(module.children())]
    handles = [module.register_forward_hook(hook(name or "model")) for name, module in leaves]
    try:
        with kept(model):
            model(x)
    except Exception as error:
        raise t.TraitError(f"model does not take an input of {tuple(x.shape)}: {told(error)}.") from None
    finally:
        for handle in handles:
            handle.remove()
    return calls


def _random_input(model: nn.Module, size: Sequence[int], count: int) -> Tensor:
    return like(model, torch.randn(count, *size, generator=torch.Generator().manual_seed(0)))


def _trace(model: nn.Module, size: Sequence[int]) -> list[Row]:
    """Return a row for the input and one for each layer that a run of the model uses."""
    x = _random_input(model, size, 1)
    with torch.no_grad():
        calls = _calls(model, x)
    rows, before = [_input_row(size)], x
    for call in calls:
        own = sum(value.numel() for value in call.module.parameters())
        name = f"{type(call.module).__name__} ({call.name})"
        if not isinstance(call.output, Tensor) or call.output.dim() < 2:
            rows.append(Row(name, [1], own, None, note="Its output is no tensor with a batch axis."))
            continue
        row = Row(name, list(call.output.shape[1:]), own, _macs(call))
        row.axes, row.note = _axes_of(call, rows[-1].shape) if call.input is before else (None, BREAK)
        rows.append(row)
        _measure(rows)
        before = call.output
    return rows


def _macs(call: _Call) -> int | None:
    if isinstance(call.module, nn.Conv1d | nn.Conv2d | nn.Conv3d):
        return call.module.weight[0].numel() * call.output[0].numel()
    if isinstance(call.module, nn.Linear):
        return call.module.in_features * call.output[0].numel()
    return 0 if not list(call.module.parameters()) else None


def _axes_of(call: _Call, before: list[int]) -> tuple[list[list] | None, str]:
    """Return a row's `axes`, or None and why they are not known."""
    module, kind = call.module, type(call.module).__name__
    if isinstance(module, POINTWISE):
        sides = _map_size(before)
        return [[1, 1, 0, 1, side, False] for side in sides], ""
    if len(before) != 3 or call.output.dim() != 4:
        return None, UNKNOWN.format(kind)
    sides, counts = before[1:], list(call.output.shape[2:])
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        pairs = list(zip(sides, counts, strict=True))
        even = all(side % count == 0 for side, count in pairs)
        note = "" if even else "Its bins differ in size: there is no one field for all pixels."
        return [[side // n if even else 0, side // n if even else 0, 0, 1, n, not even] for side, n in pairs], note
    if not isinstance(module, nn.Conv2d | nn.MaxPool2d | nn.AvgPool2d):
        return None, UNKNOWN.format(kind)
    if getattr(module, "padding_mode", "zeros") != "zeros":
        return None, f"Its padding mode {module.padding_mode} is not computed here."
    values = {}
    for name in ("kernel_size", "stride", "padding", "dilation"):
        value = getattr(module, name, 1)
        values[name] = value if isinstance(value, tuple) else (value, value)
    if isinstance(module.padding, str):
        reach = [span(k, d) - 1 for k, d in zip(values["kernel_size"], values["dilation"], strict=True)]
        values["padding"] = tuple(n // 2 for n in reach) if module.padding == "same" else (0, 0)
    axes = [[*(int(values[name][axis]) for name in values), counts[axis], False] for axis in (0, 1)]
    return axes, ""


# --- The gradient ----------------------------------------------------------------------------------------------------


def _gradient_map(model: nn.Module, size: Sequence[int], layer: int, pixel: Sequence[int]) -> Tensor:
    """Return the mean |gradient| of one pixel of a layer's output for each input pixel: (H, W), float32."""
    x = _random_input(model, size, INPUTS).requires_grad_()
    output = x
    with torch.enable_grad():
        if layer:
            output = _calls(model, x.clone())[layer - 1].copy
        if not isinstance(output, Tensor) or not output.requires_grad:
            return torch.zeros(tuple(size[1:]))
        maps = output if output.dim() == 4 else output.reshape(len(x), 1, 1, -1)
        gradient = torch.autograd.grad(maps[:, :, pixel[0], pixel[1]].sum(), x, allow_unused=True)[0]
    if gradient is None:
        return torch.zeros(tuple(size[1:]))
    return gradient.abs().sum(1).mean(0).float().cpu()


def _built_map(layers: list[dict], size: Sequence[int], pixel: Sequence[int]) -> Tensor:
    """Return `_gradient_map` for the last of the layers, averaged over several sets of random weights."""
    macs = sum(row.macs for row in _analyse(layers, size)[0])
    if macs > MOST_MACS:
        raise ValueError(
            f"this stack takes {macs:,} multiplications, and at most {MOST_MACS:,} are painted: use fewer channels"
        )
    draws = max(1, min(DRAWS, BUDGET // (INPUTS * max(macs, 1))))
    total = torch.zeros(tuple(size[1:]))
    with torch.random.fork_rng(devices=[]):
        for seed in range(draws):
            torch.default_generator.manual_seed(seed)
            total += _gradient_map(_build(layers, size[0]), size, len(layers), pixel)
    return total / draws


def _image(image: Tensor | None) -> dict:
    """Return a picture in grey as the browser takes it; {} for none."""
    if image is None:
        return {}
    try:
        x = torch.as_tensor(image).detach().cpu().float()
    except (TypeError, ValueError, RuntimeError):
        raise t.TraitError(
            f"image is of type {type(image).__name__}; it must be a tensor (C, H, W) or (H, W)."
        ) from None
    if x.dim() not in (2, 3) or x.numel() == 0 or not bool(((x >= 0) & (x <= 1)).all()):
        raise t.TraitError(f"image has shape {tuple(x.shape)}; it must be (C, H, W) or (H, W), all numbers in [0, 1].")
    x = x.mean(0) if x.dim() == 3 else x
    return {"height": x.shape[0], "width": x.shape[1], "data": memoryview(x.contiguous().numpy()).cast("B")}
