"""One of each widget, by name: what holds for all of them is tried on each."""

from collections.abc import Callable

import torch
from torch import nn

from helpers.widgets import (
    ActivationExplorer,
    AxesExplorer,
    DataPanel,
    DrawDigit,
    EquivarianceMeter,
    KernelLab,
    LayerStack,
    LineFitter,
    LiveTraining,
    ModuleTree,
    OptimizerRace,
    PictureShifter,
    Prediction,
    SeriesMap,
    SetupCheck,
    WindowWalker,
)
from helpers.widgets.base import Widget

WRONG = {432: "The **bias** is missing.", 160: "A kernel reads all channels."}


def of_text() -> Prediction:
    choices = [
        ("`30 × 30` <b>", "Each side loses *two* pixels."),
        ("32 × 32", "SECRET Only with padding."),
        ("16*3*3", "SECRET A count."),
    ]
    return Prediction("What size has `conv(x)`?", choices, 0, "SECRET No padding.")


def of_number() -> Prediction:
    return Prediction("How many?", number=448, unit="parameters", wrong=WRONG, explanation="432 + 16")


def shifter() -> PictureShifter:
    generator = torch.Generator().manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(3 * 12 * 15, 2))
    images = torch.rand(4, 3, 12, 15, generator=generator)
    return PictureShifter({"one": net, "other": net}, images, torch.tensor([1, 0, 1, 1]), ("airplane", "bird"))


def broken_tree() -> ModuleTree:
    body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Tanh())
    return ModuleTree(nn.Sequential(body, nn.Identity(), body[2], nn.Linear(8, 2)), (2, 3, 8, 11))


def live_training() -> LiveTraining:
    generator = torch.Generator().manual_seed(0)
    images, labels = torch.rand(40, 1, 3, 4, generator=generator), torch.arange(40) % 2
    net = nn.Sequential(nn.Flatten(), nn.Linear(12, 2))
    widget = LiveTraining(net, (images, labels), validation=(images[:10], labels[:10]), epochs=3, device="cpu")
    widget.run()
    return widget


def draw_digit() -> DrawDigit:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(864, 10))
    pixels = torch.zeros(28, 28)
    pixels[5:23, 13:16] = 1
    return DrawDigit(net, pixels=pixels)


MAKERS: dict[str, Callable[[], Widget]] = {
    "prediction": of_text,
    "number": of_number,
    "equivariance": lambda: EquivarianceMeter("zero padding"),
    "activation": lambda: ActivationExplorer("RReLU", -2.0, 12),
    "line": lambda: LineFitter(steps=30),
    "set-up": SetupCheck,
    "data": DataPanel,
    "map": SeriesMap,
    "kernel lab": KernelLab,
    "race": OptimizerRace,
    "shifter": shifter,
    "window walker": lambda: WindowWalker(padding=1, padding_mode="reflect", stride=4, pixel=(0, 1)),
    "layer stack": LayerStack,
    "axes explorer": AxesExplorer,
    "module tree": broken_tree,
    "live training": live_training,
    "draw digit": draw_digit,
}
