"""The picture shifter: move a picture pixel by pixel and watch what trained models make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import traitlets as t
from torch import Tensor, nn

from ..shapes import is_whole, short
from .base import Widget
from .models import kept, like, told
from .traits import LARGEST_SHIFT, Shift

SMALLEST, LARGEST = 10, 64  # sides of a picture, pixels; a shift never brings it all the way round
MOST_PICTURES, MOST_MODELS = 12, 3
SHIFTS = range(-LARGEST_SHIFT, LARGEST_SHIFT + 1)


class PictureShifter(Widget):
    """Show the probabilities that models give to a picture while it is moved.

    A shift moves the picture around: what leaves on one side comes in on the other (`torch.roll`). The models see every
    picture at all 17 × 17 shifts once, when the widget is made; after that the browser needs no answer from Python.

    Args:
        models: name -> torch module, one to three of them, each maps images (N, C, H, W) to logits (N, classes).
        images: (N, C, H, W), float in [0, 1], 1 to 12 pictures, C 1 or 3, sides from 10 to 64.
        labels: (N,), the right class of each picture, places in `classes`.
        classes: the names of the classes, at least two.
        shift: (down, right), whole pixels, each from -8 to 8.
        picture: which picture is shown, from 0.
    Raises:
        TraitError: an argument does not fit, or a model cannot read the images; the message says what is needed.

    `shift` and `picture` can be set at any time. `probabilities` and `maps` are what the models say. The models are
    only asked: they run in eval mode, without gradients, and keep their mode, their buffers and their device.
    """

    shift = Shift((0, 0)).tag(sync=True)
    picture = t.TraitType(0).tag(sync=True)

    names = t.List(read_only=True).tag(sync=True)
    classes = t.List(read_only=True).tag(sync=True)
    labels = t.List(read_only=True).tag(sync=True)
    size = t.List(read_only=True).tag(sync=True)
    pixels = t.Bytes(read_only=True).tag(sync=True)
    table = t.Bytes(read_only=True).tag(sync=True)

    def __init__(
        self,
        models: Mapping[str, nn.Module],
        images: Tensor,
        labels: Tensor,
        classes: Sequence[str],
        *,
        shift: Sequence[int] = (0, 0),
        picture: int = 0,
    ) -> None:
        names, classes = _models(models), _classes(classes)
        self._images = _pictures(images)
        marks = _labels(labels, len(self._images), len(classes))
        table = [_asked(name, models[name], self._images, len(classes)) for name in names]
        self._table = torch.stack(table)  # (models, N, 17, 17, classes)
        super().__init__(shift=shift, picture=picture)
        colours = self._images.expand(-1, 3, -1, -1).permute(0, 2, 3, 1)
        fixed = {
            "names": names,
            "classes": classes,
            "labels": marks,
            "size": list(self._images.shape[2:]),
            "pixels": (colours * 255).round().to(torch.uint8).numpy().tobytes(),
            "table": self._table.numpy().tobytes(),
        }
        for name, value in fixed.items():
            self.set_trait(name, value)

    @t.validate("picture")
    def _check_picture(self, proposal: t.Bunch) -> int:
        value, count = proposal.value, len(self._images)
        if not is_whole(value) or not 0 <= value < count:
            raise t.TraitError(f"picture is {short(value)}; it must be a whole number from 0 to {count - 1}.")
        return int(value)

    @property
    def image(self) -> Tensor:
        """The chosen picture, shifted: (C, H, W), float32."""
        return self._images[self.picture].roll(self.shift, dims=(1, 2))

    @property
    def probabilities(self) -> dict[str, Tensor]:
        """What each model says now: name -> (classes,), float32, sum 1."""
        down, right = (n + LARGEST_SHIFT for n in self.shift)
        return {
            name: part[self.picture, down, right].clone() for name, part in zip(self.names, self._table, strict=True)
        }

    @property
    def maps(self) -> dict[str, Tensor]:
        """The probability of the right class at each shift of the picture: name -> (17, 17), [8, 8] is not shifted."""
        label = self.labels[self.picture]
        return {
            name: part[self.picture, ..., label].clone() for name, part in zip(self.names, self._table, strict=True)
        }

    @property
    def right(self) -> dict[str, int]:
        """At how many of the 289 shifts each model tells the picture right."""
        label = self.labels[self.picture]
        best = self._table[:, self.picture].argmax(-1)
        return {name: int((part == label).sum()) for name, part in zip(self.names, best, strict=True)}

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the shifted picture and each model's map, and what it says."""
        from .. import plots

        label = self.labels[self.picture]
        axes = plots.axes(1 + len(self.names), size=2.4)
        down, right = self.shift
        plots.image(self.image, axes[0], title=self.classes[label])
        said = []
        for ax, (name, values) in zip(axes[1:], self.maps.items(), strict=True):
            ax.imshow(values.numpy(), cmap=plots.SIGNED, vmin=0, vmax=1, extent=(-8.5, 8.5, 8.5, -8.5))
            for colour, width in (("white", 3.5), ("black", 1.5)):
                ax.plot(right, down, "s", markersize=7, mfc="none", mec=colour, mew=width)
            ax.set_title(f"{name}: right at {self.right[name]}/289", fontsize=9)
            ax.set_xticks([-8, 0, 8])
            ax.set_yticks([-8, 0, 8])
            said.append(f"{name}: {self.probabilities[name][label]:.2f}, right at {self.right[name]} of 289 shifts")
        alt = (
            f"A picture of class {self.classes[label]}, shift {down} down and {right} right, and for each model a map "
            f"of 17 × 17 shifts with the probability it gives to the right class. {'. '.join(said)}."
        )
        return plots.to_png(axes[0].figure), alt


def _models(models: object) -> list[str]:
    if (
        not isinstance(models, Mapping)
        or not 1 <= len(models) <= MOST_MODELS
        or not all(isinstance(name, str) and name.strip() for name in models)
    ):
        raise t.TraitError(
            f'models is {short(models)}; it must be a dict from name to torch module, such as {{"CNN": cnn}}, with one '
            f"to {MOST_MODELS} of them."
        )
    for name, model in models.items():
        if not isinstance(model, nn.Module):
            raise t.TraitError(
                f"the model {short(name)} is {short(model)}; it must be a torch module, such as nn.Sequential."
            )
    return list(models)


def _classes(classes: object) -> list[str]:
    if isinstance(classes, str) or not isinstance(classes, Sequence) or not all(isinstance(c, str) for c in classes):
        raise t.TraitError(f"classes is {short(classes)}; it must be a list of names, one for each class.")
    if not 2 <= len(classes) <= 10:
        raise t.TraitError(f"classes has {len(classes)} names; it must have 2 to 10.")
    return list(classes)


def _pictures(images: object) -> Tensor:
    """Return the pictures as (N, C, H, W), float32, on the CPU, or say what is wrong with them."""
    if not isinstance(images, Tensor) or images.ndim != 4 or images.shape[1] not in (1, 3):
        raise t.TraitError(f"images is {short(images)}; it must be a tensor (N, C, H, W) with 1 or 3 channels.")
    count, _, *sides = images.shape
    if not 1 <= count <= MOST_PICTURES:
        raise t.TraitError(f"images holds {count} pictures; give 1 to {MOST_PICTURES}, such as images[:8].")
    if not all(SMALLEST <= side <= LARGEST for side in sides):
        raise t.TraitError(
            f"images are {sides[0]} × {sides[1]} pixels; each side must be from {SMALLEST} to {LARGEST}: crop or scale "
            "them first."
        )
    if not images.is_floating_point():
        raise t.TraitError(
            f"images has dtype {images.dtype}; it must be float, in [0, 1]: divide whole numbers by 255."
        )
    x = images.detach().float().cpu()
    if not torch.isfinite(x).all() or x.min() < 0 or x.max() > 1:
        raise t.TraitError(
            f"images holds values from {x.min().item():g} to {x.max().item():g}; all must be finite and in [0, 1]. A "
            "scaling belongs into the model."
        )
    return x.clone()


def _labels(labels: object, count: int, classes: int) -> list[int]:
    values = labels.tolist() if isinstance(labels, Tensor) else labels
    if not isinstance(values, Sequence) or isinstance(values, str) or len(values) != count:
        raise t.TraitError(f"labels is {short(labels)}; it must hold {count} whole numbers, one for each picture.")
    if not all(is_whole(n) and 0 <= n < classes for n in values):
        raise t.TraitError(f"labels is {short(labels)}; each must be a whole number from 0 to {classes - 1}.")
    return [int(n) for n in values]


def _asked(name: str, model: nn.Module, images: Tensor, classes: int) -> Tensor:
    """Return the model's probabilities at all shifts: (N, 17, 17, classes), float32."""
    needed = f"it must give logits, ({len(SHIFTS) ** 2}, {classes})"
    found = []
    for image in images:
        moved = torch.stack([image.roll((down, right), dims=(1, 2)) for down in SHIFTS for right in SHIFTS])
        try:
            with kept(model), torch.no_grad():
                logits = model(like(model, moved))
        except Exception as error:
            raise t.TraitError(
                f"the model {short(name)} cannot read images {tuple(images.shape[1:])}: {told(error)}; {needed}."
            ) from None
        if not isinstance(logits, Tensor) or logits.shape != (len(moved), classes):
            given = f"a tensor {tuple(logits.shape)}" if isinstance(logits, Tensor) else short(logits)
            raise t.TraitError(f"the model {short(name)} gives {given} for {len(moved)} pictures; {needed}.")
        if not logits.isfinite().all():
            raise t.TraitError(
                f"the model {short(name)} gives nan or an infinite number: train it again with a smaller lr."
            )
        found.append(logits.float().softmax(1).cpu())
    return torch.stack(found).view(len(images), len(SHIFTS), len(SHIFTS), classes)
