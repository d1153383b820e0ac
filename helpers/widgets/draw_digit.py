"""Draw a digit: a model's probabilities and the feature maps of its layers follow the drawing."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import zip_longest

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor, nn

from ..shapes import as_float, short
from .base import Widget
from .models import kept, like, told, watchable

SIDE, CLASSES = 28, 10
MOST_LAYERS, MOST_MAPS, LARGEST_MAP = 12, 16, 28  # what is shown: layers, maps of each, pixels a side
MOST_STEPS, MOST_WEIGHTS = 5_000_000, 1_000_000  # what the browser computes: steps for one drawing, weights it is sent


class DrawDigit(Widget):
    """Draw a digit and see what a model makes of it: ten probabilities, and the feature maps of its layers.

    An nn.Sequential of common layers (`LAYERS`) is computed in the browser, with a copy of its weights, so that the
    answer is there with the next frame. Python follows a moment later; when it then finds the model changed, it sends
    the new weights. Any other model (a class of its own, hooks, other layers, more than 5 million multiplications or
    1 million weights) runs in Python: it is asked about the newest pixels, and not again before it has answered.

    The model runs in eval mode and without gradients; its mode and its buffers are then as they were.

    Args:
        model: maps images (N, 1, 28, 28), float, to logits (N, 10).
        pixels: (28, 28) or (1, 28, 28), float in [0, 1]: the first drawing; empty when not given.
        mean, std: the model is given (pixels − mean) / std, for a model that was trained on such images.
    Raises:
        TraitError: an argument does not fit, or the model cannot read a digit; the message says what is needed.

    `pixels` can be set at any time. `output` is torch's answer, and `maps` holds the feature maps. After the model has
    changed, `look()` shows what it says now; without it, the next stroke does.
    """

    sentence = "This is a still picture. Run this cell to draw."

    pixels = t.TraitType().tag(sync=True, echo_update=False, to_json=lambda pixels, _: _bytes(pixels))
    _seen = t.Dict().tag(sync=True)  # what the browser shows and the pixels that it is about; or the net, to compute it

    def __init__(self, model: nn.Module, *, pixels: Tensor | None = None, mean: float = 0.0, std: float = 1.0) -> None:
        self._model, self._mean, self._std = watchable(model), _number("mean", mean), _number("std", std)
        if self._std <= 0:
            raise t.TraitError(f"std is {short(std)}; it must be above 0.")
        self._net: list[dict] | None = None  # the layers that the browser has; None while Python answers
        super().__init__(pixels=torch.zeros(SIDE, SIDE) if pixels is None else pixels)
        _look(model, self._input)
        self.look()

    @t.default("pixels")
    def _empty(self) -> Tensor:
        return torch.zeros(SIDE, SIDE)

    @t.validate("pixels")
    def _check_pixels(self, proposal: t.Bunch) -> Tensor:
        value = proposal.value
        if isinstance(value, bytes | memoryview) and len(bytes(value)) == 4 * SIDE * SIDE:
            value = torch.frombuffer(bytearray(value), dtype=torch.float32).view(SIDE, SIDE)
        fits = isinstance(value, Tensor) and value.shape in ((SIDE, SIDE), (1, SIDE, SIDE))
        if not fits or not value.is_floating_point():
            raise t.TraitError(f"pixels is {short(value)}; it must be a float tensor of shape (28, 28) or (1, 28, 28).")
        value = value.detach().cpu().float().reshape(SIDE, SIDE).clone()
        if not (value.isfinite().all() and value.min() >= 0 and value.max() <= 1):
            raise t.TraitError("pixels must lie in [0, 1]: give the picture as it was before it was normalised.")
        return value

    @t.observe("pixels")
    def _follow(self, _: t.Bunch) -> None:
        if self._seen and (self._net is None or self._net != _layers(self._model)):
            self.look()

    @property
    def _input(self) -> Tensor:
        return (self.pixels[None, None] - self._mean) / self._std

    @property
    def output(self) -> Tensor:
        """The probabilities that the model gives to the ten digits now: (10,), float32.

        Raises:
            TraitError: the model cannot read the digit any more.
        """
        return _look(self._model, self._input).probabilities

    @property
    def maps(self) -> dict[str, Tensor]:
        """The output of each layer that gives feature maps: name -> (C, H, W), for the pixels as they are now.

        Raises:
            TraitError: the model cannot read the digit any more.
        """
        return _look(self._model, self._input).maps

    def look(self) -> None:
        """Show what the model says now, for example after more training."""
        seen: dict[str, object] = {"pixels": _bytes(self.pixels)}
        self._net = None
        try:
            answer = _look(self._model, self._input)
        except t.TraitError as error:
            self._seen = seen | {"error": str(error)}
            return
        shown = list(answer.maps.items())[:MOST_LAYERS]
        hidden = len(answer.maps) - len(shown)
        layers = _layers(self._model)
        if layers is not None and _fits(layers, answer.maps):
            self._net = layers
            shapes = [list(maps.shape) for maps in answer.maps.values()]
            sized = [layer | {"shape": shape} for layer, shape in zip_longest(layers, shapes)]
            self._seen = {
                "net": {"layers": sized, "mean": self._mean, "std": self._std},
                "shown": [{"name": name, "count": min(len(maps), MOST_MAPS)} for name, maps in shown],
                "hidden": hidden,
            }
        else:
            self._seen = seen | {
                "probabilities": answer.probabilities.tolist(),
                "layers": [_shown(name, maps) for name, maps in shown],
                "hidden": hidden,
            }

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the drawing, the probabilities and the first feature maps, and what they say."""
        from .. import plots

        drawing, bars = plots.axes(2)
        plots.image(self.pixels, drawing, title="the drawing")
        try:
            output = self.output
        except t.TraitError as error:
            bars.set_visible(False)
            return plots.to_png(drawing.figure), f"A drawing of 28 × 28 pixels. {error}"
        bars.barh(range(CLASSES), output.tolist(), color="#0b63b5")
        bars.set(xlim=(0, 1), yticks=range(CLASSES), xlabel="probability", title=f"the model says {output.argmax()}")
        bars.invert_yaxis()
        bars.spines[["top", "right"]].set_visible(False)
        best = output.argmax().item()
        alt = f"A drawing of 28 × 28 pixels, and ten bars: the model says {best}, with probability {output[best]:.2f}."
        return plots.to_png(drawing.figure), alt


@dataclass
class _Answer:
    probabilities: Tensor
    maps: dict[str, Tensor]


def _look(model: nn.Module, image: Tensor) -> _Answer:
    """Return what the model makes of one image (1, 1, 28, 28)."""
    maps: dict[str, Tensor] = {}

    def keep(name: str) -> Callable:
        def seen(module: nn.Module, _inputs: tuple, output: object) -> None:
            if isinstance(output, Tensor) and output.ndim == 4 and len(output) == 1 and output.is_floating_point():
                title, use = f"{type(module).__name__} ({name})", 1
                while title in maps:
                    use += 1
                    title = f"{type(module).__name__} ({name}, use {use})"
                maps[title] = output[0].float().cpu().clone()  # a later layer may work on it in place

        return seen

    leaves = [(name or "model", module) for name, module in model.named_modules() if not list(module.children())]
    handles = [module.register_forward_hook(keep(name)) for name, module in leaves]
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)  # for one small image, threads wait for each other longer than they work
        with kept(model), torch.no_grad():
            logits = model(like(model, image))
    except Exception as error:
        raise t.TraitError(f"the model cannot read an image of shape (1, 1, 28, 28): {told(error)}.") from None
    finally:
        torch.set_num_threads(threads)
        for handle in handles:
            handle.remove()
    if not isinstance(logits, Tensor) or logits.shape != (1, CLASSES):
        found = f"a tensor of shape {tuple(logits.shape)}" if isinstance(logits, Tensor) else short(logits)
        raise t.TraitError(f"the model gives {found} for one image; it must give logits (1, 10), one for each digit.")
    if not logits.isfinite().all():
        raise t.TraitError("the model gives nan or an infinite number: train it again with a smaller lr.")
    return _Answer(logits[0].float().softmax(0).cpu(), maps)


def _shown(name: str, maps: Tensor) -> dict[str, object]:
    """Return a layer's first maps for the browser; large ones are averaged down to 28 pixels a side."""
    channels, height, width = maps.shape
    sides = [min(height, LARGEST_MAP), min(width, LARGEST_MAP)]
    first = maps[:MOST_MAPS].nan_to_num()
    if sides != [height, width]:
        first = F.adaptive_avg_pool2d(first, sides)
    return {
        "name": name,
        "shape": [channels, height, width],
        "count": len(first),
        "sides": sides,
        "low": first.min().item(),
        "high": first.max().item(),
        "data": _bytes(first),
    }


# For the browser: the layers of an nn.Sequential, with their settings and weights.


def _conv(conv: nn.Conv2d) -> dict | None:
    if conv.padding_mode != "zeros":
        return None
    kernel, dilation = _pair(conv.kernel_size), _pair(conv.dilation)
    if conv.padding == "same":  # an odd pixel more comes below and on the right
        padding = [d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True)]
    else:
        padding = [0, 0] if conv.padding == "valid" else _pair(conv.padding)
    sizes = {"kernel_size": kernel, "stride": _pair(conv.stride), "padding": padding, "dilation": dilation}
    return sizes | {"groups": conv.groups} | _weights(weight=conv.weight, bias=conv.bias)


def _pool(pool: nn.MaxPool2d | nn.AvgPool2d) -> dict | None:
    sizes = {name: _pair(getattr(pool, name)) for name in ("kernel_size", "stride", "padding")}
    if isinstance(pool, nn.AvgPool2d):
        others = {"count_include_pad": pool.count_include_pad, "divisor_override": pool.divisor_override}
        return sizes | {"dilation": [1, 1]} | others
    return None if pool.return_indices else sizes | {"dilation": _pair(pool.dilation)}


def _norm(norm: nn.BatchNorm2d) -> dict | None:
    if norm.running_mean is None or norm.running_var is None:
        return None
    mean, var = (value.detach().cpu().double() for value in (norm.running_mean, norm.running_var))
    weight, bias = (var + norm.eps).rsqrt(), torch.zeros_like(mean)
    if norm.weight is not None:
        weight = weight * norm.weight.detach().cpu()
    if norm.bias is not None:
        bias = norm.bias.detach().cpu()
    return _weights(weight=weight, bias=bias - mean * weight)


def _linear(linear: nn.Linear) -> dict:
    return _weights(weight=linear.weight, bias=linear.bias)


def _flatten(flatten: nn.Flatten) -> dict | None:
    return {} if (flatten.start_dim, flatten.end_dim) == (1, -1) else None


def _softmax(softmax: nn.Softmax | nn.LogSoftmax) -> dict | None:
    return {} if softmax.dim in (1, -1) else None


LAYERS: dict[type[nn.Module], Callable[[nn.Module], dict | None]] = {
    **{nn.Conv2d: _conv, nn.MaxPool2d: _pool, nn.AvgPool2d: _pool, nn.BatchNorm2d: _norm, nn.Linear: _linear},
    **{nn.Flatten: _flatten, nn.Softmax: _softmax, nn.LogSoftmax: _softmax},
    nn.LeakyReLU: lambda relu: {"negative_slope": float(relu.negative_slope)},
    **dict.fromkeys((nn.ReLU, nn.Tanh, nn.Sigmoid, nn.Identity, nn.Dropout, nn.Dropout2d), lambda _: {}),
}
FLAT = ("Linear", "Softmax", "LogSoftmax")  # computed for what Flatten gives


def _layers(model: nn.Module) -> list[dict] | None:
    """Return the layers of an nn.Sequential in the order in which they run; None if the browser cannot run one."""
    hooked = model._forward_hooks or model._forward_pre_hooks or nn.modules.module._has_any_global_hook()
    if hooked or "forward" in vars(model) or sum(value.numel() for value in model.parameters()) > MOST_WEIGHTS:
        return None
    if type(model) is nn.Sequential and len(model):
        parts = [_layers(module) for module in model]
        return None if None in parts else [layer for part in parts for layer in part]
    values = [*model.parameters(recurse=False), *model.buffers(recurse=False)]
    floats = [value for value in values if value.is_floating_point()]
    if any(value.dtype != torch.float32 or value.layout != torch.strided for value in floats):
        return None
    settings = LAYERS[type(model)](model) if type(model) in LAYERS else None
    return None if settings is None else [{"kind": type(model).__name__} | settings]


def _fits(layers: list[dict], maps: dict[str, Tensor]) -> bool:
    """Whether the browser computes these layers, which give these maps first, in about a frame."""
    spatial, flat = layers[: len(maps)], layers[len(maps) :]
    steps = sum(len(layer.get("weight", b"")) // 4 for layer in flat)
    for layer, each in zip(spatial, maps.values(), strict=True):
        taps = (
            len(layer["weight"]) // 4 // len(each)
            if layer["kind"] == "Conv2d"
            else math.prod(layer.get("kernel_size", []))
        )
        steps += taps * each.numel()
    return steps <= MOST_STEPS and all(layer["kind"] not in FLAT for layer in spatial)


def _pair(size: int | Sequence[int]) -> list[int]:
    return [int(side) for side in (list(size) * 2 if isinstance(size, Sequence) else [size, size])[:2]]


def _weights(**values: Tensor | None) -> dict[str, bytes]:
    return {name: _bytes(value.detach().cpu().float()) for name, value in values.items() if value is not None}


def _bytes(x: Tensor) -> bytes:
    return x.contiguous().numpy().tobytes()


def _number(name: str, value: object) -> float:
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    number = as_float(value)
    if not math.isfinite(number):
        raise t.TraitError(f"{name} is {short(value)}; it must be a finite number.")
    return number
