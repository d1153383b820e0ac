"""What a widget may do to a learner's model: look at it, and put back what the look has changed."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from traitlets import TraitError

from helpers.widgets import DrawDigit, LayerStack, LiveTraining, ModuleTree, PictureShifter

PICTURES = torch.full((2, 1, 28, 28), 0.5)
LABELLED = (PICTURES, torch.tensor([0, 1]))
LOOKS: dict[str, Callable[[nn.Module], object]] = {
    "draw digit": DrawDigit,
    "layer stack": lambda model: LayerStack(model=model, input_size=(1, 28, 28)).effective,
    "module tree": lambda model: ModuleTree(model, (2, 1, 28, 28)),
    "picture shifter": lambda model: PictureShifter({"net": model}, PICTURES, [0, 1], list("abcdefghij")),
}


class Restless(nn.Module):
    """Counts its calls in place, remembers its input, makes a new buffer and draws random numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(1, 2, 28), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(2, 10))
        self.register_buffer("n", torch.zeros(()))
        self.register_buffer("last", None)
        self.register_buffer("halves", torch.tensor(0.5).expand(10))

    def forward(self, x: Tensor) -> Tensor:
        self.n += 1
        self.last = x
        self.register_buffer("new", x)
        return self.net(x) * self.n * self.halves + torch.rand(10)


class Mistaken(nn.Module):
    """Raises an AttributeError."""

    def forward(self, x: Tensor) -> Tensor:
        return self.no_such_layer(x)


@pytest.mark.parametrize("name", LOOKS)
def test_a_model_is_left_as_it_was(name: str) -> None:
    model = Restless()
    model.net[1].eval()
    parts = list(model.modules())
    modes, buffers = [part.training for part in parts], [dict(part._buffers) for part in parts]
    values, chance = {key: value.clone() for key, value in model.state_dict().items()}, torch.get_rng_state()
    LOOKS[name](model)
    assert torch.equal(torch.get_rng_state(), chance)
    assert [part.training for part in parts] == modes
    for part, own in zip(parts, buffers, strict=True):
        assert part._buffers.keys() == own.keys()
        assert all(part._buffers[key] is buffer for key, buffer in own.items()), "the same tensors, not copies of them"
        assert not part._forward_hooks
        assert not part._forward_pre_hooks
    assert all(torch.equal(value, values[key]) for key, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


@pytest.mark.parametrize("name", [name for name in LOOKS if name != "module tree"])
def test_any_error_of_a_model_is_told(name: str) -> None:
    with pytest.raises(TraitError, match="AttributeError: 'Mistaken' object has no attribute 'no_such_layer'"):
        LOOKS[name](Mistaken())


class Forgets(nn.Module):
    """Leaves out super().__init__()."""

    def __init__(self) -> None:
        pass


@pytest.mark.filterwarnings("ignore:`torch.jit:FutureWarning")
@pytest.mark.parametrize(
    "widget",
    [LOOKS["draw digit"], LOOKS["layer stack"], LOOKS["module tree"], lambda model: LiveTraining(model, LABELLED)],
    ids=["draw digit", "layer stack", "module tree", "live training"],
)
def test_a_model_whose_layers_cannot_be_watched_is_refused(widget: Callable[[object], object]) -> None:
    for model, sentence in (
        (3, "model is 3; it must be a torch module, for example"),
        (Forgets(), r"model is a Forgets without its super\(\).__init__\(\): call it first"),
        (torch.jit.script(nn.Flatten()), "model is a scripted module, whose layers cannot be watched"),
    ):
        with pytest.raises(TraitError, match=sentence):
            widget(model)
