"""Draw a digit: a model's probabilities and the feature maps of its layers follow the drawing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Real

import torch
import torch.nn.functional as F
import traitlets as t
from torch import Tensor, nn

from ..shapes import short
from .base import Widget

SIDE, CLASSES = 28, 10
MOST_LAYERS, MOST_MAPS, LARGEST_MAP = 12, 16, 28  # what is shown: layers, maps of each, pixels a side


class DrawDigit(Widget):
    """Draw a digit and see what a model makes of it: ten probabilities, and the feature maps of its layers.

    The model runs in Python, in eval mode and without gradients, and is left as it was. It is asked while the mouse
    moves: about the newest pixels, and not again before it has answered.

    Args:
        model: maps images (N, 1, 28, 28), float, to logits (N, 10).
        pixels: (28, 28) or (1, 28, 28), float in [0, 1]: the first drawing; empty when not given.
        mean, std: the model is given (pixels − mean) / std, for a model that was trained on such images.
    Raises:
        TraitError: an argument does not fit, or the model cannot read a digit; the message says what is needed.

    `pixels` can be set at any time. `output` is torch's answer, and `maps` holds the feature maps. After the model has
    changed, `look()` shows what it says now.
    """

    sentence = "This is a still picture. Run this cell to draw."

    pixels = t.TraitType().tag(sync=True, echo_update=False, to_json=lambda pixels, _: _bytes(pixels))
    _seen = t.Dict().tag(sync=True)  # what the browser shows, and the pixels that it is about

    def __init__(self, model: nn.Module, *, pixels: Tensor | None = None, mean: float = 0.0, std: float = 1.0) -> None:
        if not isinstance(model, nn.Module):
            raise t.TraitError(f"model is {short(model)}; it must be a torch module, for example nn.Sequential(...).")
        self._model, self._mean, self._std = model, _number("mean", mean), _number("std", std)
        if self._std <= 0:
            raise t.TraitError(f"std is {short(std)}; it must be above 0.")
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
        if self._seen:
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
        try:
            answer = _look(self._model, self._input)
        except t.TraitError as error:
            self._seen = seen | {"error": str(error)}
            return
        layers = [_shown(name, maps) for name, maps in answer.maps.items()]
        self._seen = seen | {
            "probabilities": answer.probabilities.tolist(),
            "layers": layers[:MOST_LAYERS],
            "hidden": len(layers[MOST_LAYERS:]),
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
    """Return what the model makes of one image (1, 1, 28, 28). It is left as it was."""
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
    modes = {module: module.training for module in model.modules()}
    threads = torch.get_num_threads()
    like = next((value for value in model.parameters() if value.is_floating_point()), image)
    try:
        torch.set_num_threads(1)  # for one small image, threads wait for each other longer than they work
        model.eval()
        with torch.no_grad():
            logits = model(image.to(like))
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise t.TraitError(
            f"the model cannot read an image of shape (1, 1, 28, 28): {type(error).__name__}: {told}"
        ) from None
    finally:
        torch.set_num_threads(threads)
        for handle in handles:
            handle.remove()
        for module, mode in modes.items():
            module.training = mode
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


def _bytes(x: Tensor) -> bytes:
    return x.contiguous().numpy().tobytes()


def _number(name: str, value: object) -> float:
    if isinstance(value, Tensor) and value.numel() == 1:
        value = value.item()
    if not isinstance(value, Real) or isinstance(value, bool) or not abs(float(value)) < float("inf"):
        raise t.TraitError(f"{name} is {short(value)}; it must be a finite number.")
    return float(value)
