"""The exercises of notebook 08, subclassing nn.Module: repair a net, write it, branch it, save it."""

import copy
import io
import os
import pathlib
import random
import tempfile
from collections import OrderedDict

import torch
from torch import nn
from torch.nn import functional as F

from .cases import NOT_LOOKED_AT, draws
from .engine import Refused, exercise, kind_of


def _filled(module, seed):
    """Give a module's parameters, by shape and place, numbers that depend on the seed alone; return the module."""
    numbers = draws(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter[0].numel() if parameter.dim() > 1 else 4
            parameter.copy_(numbers(*parameter.shape) * 1.5 / fan_in**0.5)
    return module


def _is_usual(value):
    """Whether a value is an ordinary float tensor on the CPU."""
    return (
        type(value) is torch.Tensor
        and value.layout == torch.strided
        and value.device.type == "cpu"
        and value.is_floating_point()
    )


# 1. The missing flatten


def _broken_net(seed, number):
    """Return the number-th net without its flatten, and pictures for it."""
    numbers, choose = draws(seed), random.Random(seed)
    a, b, c = choose.randint(4, 6), choose.randint(7, 9), choose.randint(10, 14)
    nets = (
        lambda: [
            *(nn.Conv2d(3, a, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(a, b, 3, padding=1), nn.Tanh()),
            *(nn.MaxPool2d(2), nn.Linear(b * 6, c), nn.Tanh(), nn.Linear(c, 2)),
        ],
        lambda: [nn.Conv2d(3, a, 3, padding=1), nn.ReLU(), nn.AvgPool2d(4), nn.Linear(a * 6, 4)],
        lambda: [nn.Linear(3 * 96, c), nn.Tanh(), nn.Linear(c, 3)],
    )
    net = _filled(nn.Sequential(*nets[number]()), seed + number)
    return net, numbers(5, 3, 8, 12)


def _repair_cases(seed):
    words = ("two convolutions, two linear layers", "one convolution, one linear layer", "linear layers alone")
    return [(f"a net of {text}, pictures (5, 3, 8, 12)", (seed, number), {}) for number, text in enumerate(words)]


def _repaired(answer, seed, number):
    """Return what can be seen of a repaired net."""
    net, x = _broken_net(seed, number)
    first = [(parameter, parameter.detach().clone()) for parameter in net.parameters()]
    kinds = [type(layer).__name__ for layer in net]
    fixed = answer(net)
    if fixed is ...:
        return fixed
    if not isinstance(fixed, nn.Module):
        raise Refused(f"Return the whole net, an `nn.Sequential`: yours is {kind_of(fixed)}.")
    ours = [parameter for parameter, _ in first]
    theirs = list(fixed.parameters())
    same = len(ours) == len(theirs) and all(a is b for a, b in zip(ours, theirs, strict=True))
    changed = any(not torch.equal(parameter, before) for parameter, before in first)
    seen = {
        "layers": "those of `net`, with their weights" if same and not changed else "others, or with other weights",
        "flatten": "in it" if any(isinstance(one, nn.Flatten) for one in fixed.modules()) else "missing",
    }
    kept = [type(layer).__name__ for layer in fixed.modules() if not list(layer.children())]
    seen["other layers"] = (
        "all there, in their order"
        if [k for k in kept if k not in ("Flatten", "Identity", "Sequential")] == kinds
        else "changed"
    )
    if seen["layers"].startswith("others") or seen["flatten"] == "missing":
        return seen | dict.fromkeys(("shape", "output"), NOT_LOOKED_AT)
    output = fixed(x)
    if not isinstance(output, torch.Tensor):
        raise Refused(f"Your net gives {kind_of(output)}: it should give a tensor of logits.")
    seen["shape"] = str(tuple(output.shape))
    return seen | {"output": output if output.shape[0] == len(x) else NOT_LOOKED_AT}


@exercise(
    title="Find the missing flatten",
    contract="`repair(net)`: `net` is an `nn.Sequential` for pictures (N, C, H, W). It stops with *mat1 and mat2 "
    "shapes cannot be multiplied*: the `nn.Flatten` in front of its first `nn.Linear` was forgotten. Return an "
    "`nn.Sequential` of the same layers, with the flatten in its place.  \n"
    "Example: Conv2d, Tanh, Linear becomes Conv2d, Tanh, Flatten, Linear.",
    hints=(
        "The message is about a matrix product. Which kind of layer multiplies matrices?",
        "Walk over `net` and collect its layers in a list. What has to come right before the first `nn.Linear`?",
        "`for i, layer in enumerate(net): if isinstance(layer, nn.Linear): …` finds the place `i`. Then "
        "`nn.Sequential(*net[:i], nn.Flatten(), *net[i:])`.",
    ),
    cases=_repair_cases,
    use=_repaired,
)
def repair(net):
    """Return a Sequential of the layers of `net`, with an nn.Flatten in front of the first nn.Linear."""
    layers = []
    for layer in net:
        if isinstance(layer, nn.Linear) and not any(isinstance(one, nn.Flatten) for one in layers):
            layers.append(nn.Flatten())
        layers.append(layer)
    return nn.Sequential(*layers)


def _first_linear(net):
    return next(i for i, layer in enumerate(net) if isinstance(layer, nn.Linear))


def _inserted(net, place, layer=None):
    return nn.Sequential(*net[:place], layer or nn.Flatten(), *net[place:])


@repair.also_right
def repair_by_slices(net):
    return _inserted(net, _first_linear(net))


@repair.also_right
def repair_in_place(net):
    net.insert(_first_linear(net), nn.Flatten(start_dim=1))
    return net


@repair.also_right
def repair_in_parts(net):
    place = _first_linear(net)
    return nn.Sequential(net[:place], nn.Flatten(), net[place:])


@repair.also_right
def repair_by_name(net):
    layers = {}
    for name, layer in net.named_children():
        if isinstance(layer, nn.Linear):
            layers.setdefault("flatten", nn.Flatten())
        layers[name] = layer
    return nn.Sequential(OrderedDict(layers))


@repair.also_right
def repair_nested(net):
    place = _first_linear(net)
    net[place] = nn.Sequential(nn.Flatten(), net[place])
    return net


@repair.wrong("Your flatten comes too late: the linear layer before it has stopped already. Put it in front of that.")
def repair_at_the_end(net):
    return nn.Sequential(*net, nn.Flatten())


@repair.wrong(
    "Your flatten comes first: then a convolution gets rows where it needs maps. Put it in front of the first linear "
    "layer."
)
def repair_at_the_start(net):
    return nn.Sequential(nn.Flatten(), *net)


@repair.wrong("Your flatten always has the same place: find the first `nn.Linear`, wherever it is.")
def repair_at_six(net):
    return nn.Sequential(*list(net)[:6], nn.Flatten(), *list(net)[6:])


@repair.wrong("Your flatten eats the batch axis: `nn.Flatten()` starts at axis 1, `start_dim=0` joins the pictures.")
def repair_from_axis_0(net):
    return _inserted(net, _first_linear(net), nn.Flatten(start_dim=0))


@repair.wrong(
    "You made new layers, or changed weights: what was learned is gone. A linear layer with another `in_features` is "
    "not needed: put the layers of `net` themselves into the new one."
)
def repair_with_a_new_linear(net):
    net = copy.deepcopy(net)
    place = _first_linear(net)
    return nn.Sequential(*net[:place], nn.Flatten(), *net[place:])


@repair.wrong("You left the activations out: all layers of `net` stay, in their order.")
def repair_by_dropping(net):
    place = _first_linear(net)
    layers = [*net[:place], nn.Flatten(), *net[place:]]
    return nn.Sequential(*[layer for layer in layers if not isinstance(layer, nn.Tanh | nn.ReLU)])


@repair.wrong("There is no `nn.Flatten` in what you return: it is a layer like others, and has its place in the list.")
def repair_nothing(net):
    return net


# 2. and 3. The net as a class

_SHAPES = ((16, 3, 3, 3), (16,), (8, 16, 3, 3), (8,), (32, 512), (32,), (2, 32), (2,))  # no two are alike
_ALL = f"18090 in {sorted(torch.Size(shape).numel() for shape in _SHAPES)}"


def _fill_net(net, seed):
    """Give each parameter numbers that depend on the seed and on its shape alone."""
    numbers = draws(seed)
    values = {
        shape: numbers(*shape) * 1.5 / (torch.Size(shape[1:]).numel() if shape[1:] else 4) ** 0.5 for shape in _SHAPES
    }
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_(values[tuple(parameter.shape)])


def _learns(value):
    """Return the parameters that a value holds or is."""
    if isinstance(value, nn.Module):
        return set(value.parameters())
    return {value} if isinstance(value, nn.Parameter) else set()


def _where_layers_are(net):
    """Say where a module keeps its layers: registered, perhaps in a list too, or out of sight."""
    registered = _learns(net)
    for part in net.modules():
        for name, value in vars(part).items():
            values = value.values() if type(value) is dict else value
            plain = not name.startswith("_") and type(value) in (list, tuple, dict)
            if plain and any(_learns(one) and not _learns(one) <= registered for one in values):
                return "in a plain list, tuple or dict"
    return "registered" if next(net.parameters(), None) is not None else "none before forward runs"


def _looked_at(answer, seed, count):
    """Return what can be seen of a net with known weights: parameters, shapes, values, gradients; and the net."""
    rest = ("one picture", "a batch", "two calls in eval mode", "two calls in training", "output", "gradients")
    net, other = answer(), answer()
    if any(map(nn.parameter.is_lazy, net.parameters())):
        raise Refused(
            "A lazy layer learns no number before its first call: say its inputs, as in `nn.Linear(512, 32)`."
        )
    sizes = sorted(parameter.numel() for parameter in net.parameters())
    seen = {"layers": _where_layers_are(net), "parameters": NOT_LOOKED_AT, "forward": "there"}
    if seen["layers"] == "registered":
        seen["parameters"] = f"{sum(sizes)} in {sizes}" if len(sizes) < 30 else f"{sum(sizes)} in {len(sizes)} tensors"
    if type(net).forward is nn.Module.forward:
        seen["forward"] = "missing"
    shapes = {tuple(parameter.shape) for parameter in net.parameters()}
    if (seen["parameters"], seen["forward"]) == (_ALL, "there") and shapes != set(_SHAPES):
        wrong = ", ".join(map(str, sorted(shapes - set(_SHAPES))))
        raise Refused(f"Your net learns tensors of the shape {wrong}: the layers of the contract have other shapes.")
    if (seen["parameters"], seen["forward"]) != (_ALL, "there"):
        return seen | dict.fromkeys(rest, NOT_LOOKED_AT), None
    if next(net.parameters()) is next(other.parameters()):
        raise Refused("All nets that you make share their layers: make them in `__init__`, anew for each net.")
    _fill_net(net, seed)
    numbers = draws(seed + 500)
    x = numbers(count, 3, 32, 32)
    before = x.clone()
    one = net.eval()(x[:1])
    seen["one picture"] = str(tuple(one.shape)) if isinstance(one, torch.Tensor) else kind_of(one)
    try:
        output = net(x)
    except Exception:
        return seen | {"a batch": "stops with an error"} | dict.fromkeys(rest[2:], NOT_LOOKED_AT), None
    if not torch.equal(x, before):
        raise Refused("Your `forward` changes its input: make a new tensor, without `+=`, `tanh_` and the like on it.")
    seen["a batch"] = str(tuple(output.shape)) if isinstance(output, torch.Tensor) else kind_of(output)
    if not _is_usual(output) or output.shape != (count, 2):
        return seen | dict.fromkeys(rest[2:], NOT_LOOKED_AT) | {"output": output}, None
    seen["two calls in eval mode"] = "alike" if torch.equal(output, net(x)) else "differ"
    net.train()
    seen["two calls in training"] = "alike" if torch.equal(net(x), net(x)) else "differ"
    net.eval()
    if seen["two calls in eval mode"] == "differ":
        return seen | dict.fromkeys(rest[4:], NOT_LOOKED_AT), None
    seen["output"] = output
    if not output.requires_grad:
        raise Refused("The output carries no gradient: leave out `.data`, `.detach()` and `torch.no_grad()`.")
    values = list(net.parameters())
    gradients = torch.autograd.grad(output.square().sum(), values, allow_unused=True, materialize_grads=True)
    by_shape = {tuple(gradient.shape): gradient for gradient in gradients}
    return seen | {"gradients": {f"for {shape}": by_shape[shape].flatten()[:50] for shape in _SHAPES}}, net


def _used_net(answer, seed, count):
    return _looked_at(answer, seed, count)[0]


def _net_cases(seed):
    return [(f"one picture, then a batch of {count}", (seed, count), {}) for count in (3, 5)]


class _Net(nn.Module):
    """The net in one of many wrong or right versions: what differs is overridden."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(8 * 8 * 8, 32)
        self.fc2 = nn.Linear(32, 2)

    def act(self, x):
        return torch.tanh(x)

    def pool(self, x):
        return F.max_pool2d(x, 2)

    def flat(self, x):
        return x.flatten(1)

    def drop(self, x):
        return x

    def last(self, x):
        return x

    def forward(self, x):
        x = self.pool(self.act(self.conv1(x)))
        x = self.flat(self.pool(self.act(self.conv2(x))))
        return self.last(self.fc2(self.drop(self.act(self.fc1(x)))))


@exercise(
    title="The net as a class",
    contract="`Net()`: an `nn.Module` for pictures (N, 3, 32, 32) that returns logits (N, 2), with exactly 18,090 "
    "parameters. In this order: Conv2d(3, 16, 3, padding=1), tanh, max pooling by 2; Conv2d(16, 8, 3, padding=1), "
    "tanh, max pooling by 2; flatten; Linear(512, 32), tanh; Linear(32, 2).  \n"
    "Example: `Net()(torch.zeros(5, 3, 32, 32))` is (5, 2).",
    hints=(
        "What is made once, and what happens each time? Layers that learn are made in `__init__`.",
        "`super().__init__()` first, then for example `self.conv1 = nn.Conv2d(3, 16, 3, padding=1)`. In `forward`, "
        "pass `x` from layer to layer.",
        "Flatten what comes after the batch axis: `x = x.flatten(1)` is (N, 512). Then `fc1`, tanh, `fc2`, and nothing "
        "after it.",
    ),
    cases=_net_cases,
    use=_used_net,
)
class Net(nn.Module):
    """Two convolutions and two linear layers, 18,090 parameters: (N, 3, 32, 32) -> (N, 2)."""

    def __init__(self):
        """Make the layers."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.act1 = nn.Tanh()
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.act2 = nn.Tanh()
        self.pool2 = nn.MaxPool2d(2)
        self.fc1 = nn.Linear(8 * 8 * 8, 32)
        self.act3 = nn.Tanh()
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        """Return logits (N, 2) for pictures x (N, 3, 32, 32)."""
        x = self.pool1(self.act1(self.conv1(x)))
        x = self.pool2(self.act2(self.conv2(x)))
        x = x.flatten(1)
        x = self.act3(self.fc1(x))
        return self.fc2(x)


@Net.also_right
class NetWithFunctions(_Net):
    pass


@Net.also_right
class NetOfParts(nn.Module):
    def __init__(self):
        super().__init__()
        self.head = nn.Sequential(nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2))
        self.body = nn.ModuleList([nn.Conv2d(3, 16, 3, padding="same"), nn.Conv2d(16, 8, 3, padding="same")])

    def forward(self, x):
        for conv in self.body:
            x = F.max_pool2d(conv(x).tanh(), 2, 2)
        return self.head(x)


@Net.also_right
class NetFromSequential(nn.Sequential):
    def __init__(self):
        body = [nn.Conv2d(3, 16, 3, 1, 1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(16, 8, 3, 1, 1), nn.Tanh()]
        super().__init__(*body, nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2))


@Net.also_right
class NetWithAListToo(_Net):
    def __init__(self):
        super().__init__()
        self.convolutions = [self.conv1, self.conv2]

    def forward(self, x):
        for convolution in self.convolutions:
            x = self.pool(self.act(convolution(x)))
        return self.fc2(self.act(self.fc1(x.view(-1, 512))))


@Net.also_right
class NetOfParameters(nn.Module):
    def __init__(self):
        super().__init__()
        self.values = nn.ParameterList([torch.randn(shape) / 10 for shape in _SHAPES])

    def forward(self, x):
        w1, b1, w2, b2, w3, b3, w4, b4 = self.values
        for weight, bias in ((w1, b1), (w2, b2)):
            x = F.max_pool2d(F.conv2d(x, weight, bias, padding=1).tanh(), 2)
        return torch.tanh(x.flatten(1) @ w3.T + b3) @ w4.T + b4


@Net.also_right
class NetLazy(_Net):
    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.LazyConv2d(16, 3, padding=1), nn.LazyConv2d(8, 3, padding=1)
        self.fc1, self.fc2 = nn.LazyLinear(32), nn.LazyLinear(2)
        self(torch.zeros(1, 3, 32, 32))


@Net.wrong("Call `super().__init__()` first in your `__init__`: without it the module cannot register anything.")
class NetWithoutSuper(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)


@Net.wrong(
    "Your layers are made in `forward`: each call makes new random ones, and no optimizer ever finds them. Make them "
    "in `__init__`."
)
class NetMadeInForward(nn.Module):
    def __init__(self):
        super().__init__()

    def forward(self, x):
        return _Net()(x)


@Net.wrong(
    "Layers stand in a plain Python list, where the module does not see them: put them into `nn.ModuleList` or "
    "`nn.Sequential`, or give each an attribute."
)
class NetInList(_Net):
    def __init__(self):
        nn.Module.__init__(self)
        self.layers = [nn.Conv2d(3, 16, 3, padding=1), nn.Linear(512, 32)]


@Net.wrong("There is no `forward`: a method of any other name, such as `__forward__`, is never called.")
class NetOtherForward(_Net):
    __forward__ = _Net.forward
    forward = nn.Module.forward


@Net.wrong("There is a softmax at the end: return the logits as they are, the loss takes care of the rest.")
class NetSoftmax(_Net):
    def last(self, x):
        return x.softmax(1)


@Net.wrong("There is a log-softmax at the end: `nn.CrossEntropyLoss` does that itself, so return the logits.")
class NetLogSoftmax(_Net):
    def last(self, x):
        return x.log_softmax(1)


@Net.wrong("There is an activation after the last layer: logits are any numbers, so nothing comes after it.")
class NetTanhLast(_Net):
    def last(self, x):
        return self.act(x)


@Net.wrong("Your flatten eats the batch axis: keep it, with `x.flatten(1)` or `x.view(len(x), -1)`.")
class NetFlattensAll(_Net):
    def flat(self, x):
        return x.flatten()


@Net.wrong("Your flatten puts the whole batch into one row: each picture keeps its own, `x.flatten(1)`.")
class NetOneRow(_Net):
    def flat(self, x):
        return x.reshape(1, -1)


@Net.wrong("Your flatten mixes the pictures: `x.flatten(1)` keeps each in its row; do not turn the axes before.")
class NetMixes(_Net):
    def flat(self, x):
        return x.transpose(0, 1).reshape(len(x), -1)


@Net.wrong("The convolutions have no padding: with `padding=1` the maps keep their size, and 512 numbers are left.")
class NetWithoutPadding(_Net):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(8 * 6 * 6, 32)


@Net.wrong("Your layers have no biases: leave `bias` as it is, True.")
class NetWithoutBias(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(nn.Conv2d(3, 16, 3, bias=False), nn.Conv2d(16, 8, 3, bias=False))
        self.fcs = nn.Sequential(nn.Linear(512, 32, bias=False), nn.Linear(32, 2, bias=False))

    def forward(self, x):
        return x


@Net.wrong("The tanh is missing between the layers: without it, two linear layers are one.")
class NetWithoutTanh(_Net):
    def act(self, x):
        return x


@Net.wrong("Your activation is ReLU: the exercise asks for tanh.")
class NetRelu(_Net):
    def act(self, x):
        return F.relu(x)


@Net.wrong("Your pooling is the average: the exercise asks for max pooling.")
class NetAverage(_Net):
    def pool(self, x):
        return F.avg_pool2d(x, 2)


# 3. What has no parameters is a function


def _used_functional(answer, seed, count):
    seen, net = _looked_at(answer, seed, count)
    rest = ("modules without parameters", "dropped before the last layer", "what stays is multiplied by", "pictures")
    if net is None:
        return seen | dict.fromkeys(rest, NOT_LOOKED_AT)
    bare = sorted({type(one).__name__ for one in net.modules() if next(one.parameters(), None) is None})
    seen["modules without parameters"] = ", ".join(bare) or "none"
    numbers = draws(seed + 700)
    x = numbers(1, 3, 32, 32)
    arrived, linear = [], F.linear

    def watched_linear(given, weight, bias=None):
        if weight.shape == (2, 32):
            arrived.append(given.detach().clone())
        return linear(given, weight, bias)

    torch.default_generator.manual_seed(seed)
    F.linear = watched_linear
    try:
        with torch.no_grad():
            net.eval()(x)
            net.train()(x.expand(256, -1, -1, -1))
    finally:
        F.linear = linear
    if [tuple(one.shape) for one in arrived] != [(1, 32), (256, 32)]:
        raise Refused("Call each layer once, as `self.fc2(x)`: the check looks at what the last one gets, (N, 32).")
    whole, thinned = arrived
    gone = thinned == 0
    seen[rest[1]] = f"about {round(20 * gone.float().mean().item()) / 20:g}"
    factors = (thinned / whole)[~gone]
    even = len(factors) and factors.std() < 1e-3
    seen[rest[2]] = f"{factors.mean():.3f}" if even else "nothing that is the same for all"
    seen[rest[3]] = "lose the same numbers" if gone.any() and (gone == gone[:1]).all() else "lose numbers of their own"
    return seen


class _Functional(_Net):
    def drop(self, x):
        return F.dropout(x, 0.25, self.training)


@exercise(
    title="The functional version, with dropout",
    contract="`FunctionalNet()`: the same net, (N, 3, 32, 32) → (N, 2), the same 18,090 parameters. In `__init__` "
    "stand only the four layers that learn; tanh, pooling, flatten and dropout are function calls in `forward`. "
    "Between the tanh after Linear(512, 32) and Linear(32, 2) comes dropout with p = 0.25, on in training, off in "
    "eval mode.  \n"
    "Example: after `net.eval()`, two calls with the same picture give the same logits.",
    hints=(
        "A layer without parameters has nothing to keep. Which function of `torch` or `F` does the same as `nn.Tanh`?",
        "`torch.tanh(x)`, `F.max_pool2d(x, 2)`, `x.flatten(1)`, `F.dropout(x, 0.25, …)`. How does `F.dropout` know "
        "whether the net is in training? It does not: you tell it.",
        "Each module has `self.training`, set by `net.train()` and `net.eval()`. So: "
        "`F.dropout(x, p=0.25, training=self.training)`.",
    ),
    cases=_net_cases,
    use=_used_functional,
)
class FunctionalNet(nn.Module):
    """The net with functions for all that learns nothing: (N, 3, 32, 32) -> (N, 2)."""

    def __init__(self):
        """Make the four layers that have parameters."""
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, padding=1)
        self.conv2 = nn.Conv2d(16, 8, kernel_size=3, padding=1)
        self.fc1 = nn.Linear(8 * 8 * 8, 32)
        self.fc2 = nn.Linear(32, 2)

    def forward(self, x):
        """Return logits (N, 2) for pictures x (N, 3, 32, 32)."""
        x = F.max_pool2d(torch.tanh(self.conv1(x)), 2)
        x = F.max_pool2d(torch.tanh(self.conv2(x)), 2)
        x = torch.tanh(self.fc1(x.flatten(1)))
        x = F.dropout(x, p=0.25, training=self.training)
        return self.fc2(x)


@FunctionalNet.also_right
class FunctionalByMethods(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin = nn.ModuleList([nn.Linear(512, 32), nn.Linear(32, 2)])
        self.conv = nn.ModuleDict({"a": nn.Conv2d(3, 16, 3, 1, 1), "b": nn.Conv2d(16, 8, 3, 1, 1)})

    def forward(self, x):
        for conv in self.conv.values():
            x = conv(x).tanh().unfold(2, 2, 2).unfold(3, 2, 2).amax((4, 5))
        x = self.lin[0](x.view(x.shape[0], -1)).tanh()
        return self.lin[1](F.dropout(x, 0.25) if self.training else x)


@FunctionalNet.also_right
class FunctionalOwnMask(_Functional):
    def drop(self, x):
        if not self.training:
            return x
        return x * (torch.rand_like(x) >= 0.25) / 0.75


@FunctionalNet.also_right
class FunctionalToTheEnd(_Functional):
    def forward(self, x):
        for layer in (self.conv1, self.conv2):
            x = F.max_pool2d(F.tanh(F.conv2d(x, layer.weight, layer.bias, padding=1)), 2)
        x = torch.dropout(F.tanh(self.fc1(torch.flatten(x, 1))), 0.25, self.training)
        return F.linear(x, self.fc2.weight, self.fc2.bias)


@FunctionalNet.also_right
class FunctionalWithAListToo(_Functional):
    def __init__(self):
        super().__init__()
        self.layers = (self.conv1, self.conv2, self.fc1, self.fc2)

    def drop(self, x):
        kept = torch.bernoulli(torch.full_like(x, 0.75)) if self.training else 0.75
        return x * kept / 0.75


@FunctionalNet.wrong(
    "Your dropout stays on in eval mode: `F.dropout` does not know the mode, so say `training=self.training`."
)
class FunctionalAlwaysOn(_Functional):
    def drop(self, x):
        return F.dropout(x, 0.25)


@FunctionalNet.wrong("There is no dropout in training: `F.dropout(x, 0.25, training=self.training)` is missing.")
class FunctionalNever(_Net):
    pass


@FunctionalNet.wrong("The mode is the wrong way round: dropout is on in training, off in eval mode.")
class FunctionalExchanged(_Functional):
    def drop(self, x):
        return F.dropout(x, 0.25, not self.training)


@FunctionalNet.wrong("Your dropout has p = 0.5, torch's default: say `p=0.25`.")
class FunctionalDefault(_Functional):
    def drop(self, x):
        return F.dropout(x, training=self.training)


@FunctionalNet.wrong("Your p is the share that stays: p = 0.25 is the share that is dropped.")
class FunctionalKept(_Functional):
    def drop(self, x):
        return F.dropout(x, 0.75, self.training)


@FunctionalNet.wrong(
    "You drop without making up for it: what stays is divided by 1 − p in training, or eval mode gives larger numbers."
)
class FunctionalUnscaled(_Functional):
    def drop(self, x):
        return super().drop(x) * (0.75 if self.training else 1)


@FunctionalNet.wrong("You drop logits: dropout stands before the last layer, which then makes do with what is left.")
class FunctionalDropsLogits(_Net):
    def last(self, x):
        return F.dropout(x, 0.25, self.training)


@FunctionalNet.wrong("Your dropout stands before Linear(512, 32): it belongs behind that layer's tanh.")
class FunctionalDropsEarly(_Net):
    def flat(self, x):
        return F.dropout(x.flatten(1), 0.25, self.training)


@FunctionalNet.wrong("All pictures of a batch lose the same numbers: `F.dropout` draws anew for each of them.")
class FunctionalOneMask(_Functional):
    def drop(self, x):
        return x * super().drop(torch.ones_like(x[:1]))


@FunctionalNet.wrong("Some modules have no parameters, such as `nn.Tanh`: call the function in `forward` instead.")
class FunctionalWithModules(_Functional):
    def __init__(self):
        super().__init__()
        self.tanh = nn.Tanh()


@FunctionalNet.wrong(
    "Call `super().__init__()` first in your `__init__`: without it the module cannot register anything."
)
class FunctionalWithoutSuper(nn.Module):
    def __init__(self):
        self.conv1 = nn.Conv2d(3, 16, 3, padding=1)


@FunctionalNet.wrong(
    "Your layers are made in `forward`: each call makes new random ones, and no optimizer ever finds them. Make them "
    "in `__init__`."
)
class FunctionalMadeInForward(NetMadeInForward):
    pass


@FunctionalNet.wrong("Your flatten eats the batch axis: keep it, with `x.flatten(1)` or `x.view(len(x), -1)`.")
class FunctionalFlattensAll(_Functional):
    def flat(self, x):
        return torch.flatten(x)


@FunctionalNet.wrong("There is a softmax at the end: return the logits as they are, the loss takes care of the rest.")
class FunctionalSoftmax(_Functional):
    def last(self, x):
        return F.softmax(x, 1)


@FunctionalNet.wrong("The tanh is missing between the layers: without it, two linear layers are one.")
class FunctionalWithoutTanh(_Functional):
    def act(self, x):
        return x


# 4. A branch


def _residual_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    a, b = choose.randint(3, 4), choose.randint(5, 6)
    cases = []
    for shape, out in (((2, a, 7, 9), a), ((2, a, 5, 8), b), ((3, b, 6, 4), a), ((1, 1, 5, 7), 1)):
        cases.append((f"{shape[1]} channels in, {out} out", (seed, shape[1], out, numbers(*shape)), {}))
    return cases


def _used_residual(answer, seed, in_channels, out_channels, x):
    block = answer(in_channels, out_channels)
    shapes = {name: str(tuple(value.shape)) for name, value in sorted(block.named_parameters())}
    want = _residual_shapes(in_channels, out_channels)
    seen = {"parameters": ", ".join(f"{name} {shape}" for name, shape in shapes.items())}
    if shapes != want:
        return seen | dict.fromkeys(("output", "output in training", "gradients"), NOT_LOOKED_AT)
    numbers = draws(seed + 900)
    block = block.to(x.dtype).eval()
    with torch.no_grad():
        for _, value in sorted(block.named_parameters()):
            value.copy_(numbers(*value.shape) / max(value[0].numel(), 4) ** 0.5)
    before = x.clone()
    output = block(x)
    if not torch.equal(x, before):
        raise Refused(
            "Your `forward` changes its input `x`, which the skip still needs: make a new tensor, without `+=` and "
            "`inplace=True` on `x`."
        )
    seen |= {"output": output, "output in training": block.train()(x)}
    if not _is_usual(output):
        return seen | {"gradients": NOT_LOOKED_AT}
    if not output.requires_grad:
        raise Refused("The output carries no gradient: leave out `.data`, `.detach()` and `torch.no_grad()`.")
    leaf = x.clone().requires_grad_()
    values = [leaf, *(value for _, value in sorted(block.named_parameters()))]
    given = torch.autograd.grad(block(leaf).square().sum(), values, allow_unused=True, materialize_grads=True)
    return seen | {"gradients": dict(zip(("x", *want), given, strict=True))}


def _residual_shapes(in_channels, out_channels):
    kernels = {"conv1": (out_channels, in_channels, 3, 3), "conv2": (out_channels, out_channels, 3, 3)}
    if in_channels != out_channels:
        kernels["skip"] = (out_channels, in_channels, 1, 1)
    shapes = {}
    for name, shape in kernels.items():
        shapes |= {f"{name}.bias": str(shape[:1]), f"{name}.weight": str(shape)}
    return shapes


@exercise(
    title="A residual block",
    contract="`Residual(in_channels, out_channels)`: a module, (N, in_channels, H, W) → (N, out_channels, H, W). The "
    "long way: `conv1` (3×3, padding 1), ReLU, `conv2` (3×3, padding 1). The short way: `x` itself; where the channels "
    "change, the 1×1 convolution `skip` of `x`, and only there. Add the two, **before** the last ReLU. All "
    "convolutions have biases; use these names.  \n"
    "Example: `Residual(3, 3)` has no parameters but those of `conv1` and `conv2`.",
    hints=(
        "A Sequential knows one way. In `forward` you have two: what does each give, and where do they meet?",
        "`out = self.conv2(F.relu(self.conv1(x)))` is the long way. The sum needs two tensors of one shape.",
        "In `__init__`: `self.skip = nn.Conv2d(in_channels, out_channels, 1)` if the numbers differ, else "
        "`nn.Identity()`. In `forward`: `return F.relu(out + self.skip(x))`.",
    ),
    cases=_residual_cases,
    use=_used_residual,
)
class Residual(nn.Module):
    """Two convolutions and a way around them: (N, in_channels, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, in_channels, out_channels):
        """Make the layers conv1, conv2 and, where the channels change, skip."""
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1)
        same = in_channels == out_channels
        self.skip = nn.Identity() if same else nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        """Add both ways, then apply ReLU. x: (N, in_channels, H, W)."""
        out = self.conv2(F.relu(self.conv1(x)))
        return F.relu(out + self.skip(x))


_Residual = Residual.function


@Residual.also_right
class ResidualNone(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.skip = nn.Conv2d(in_channels, out_channels, 1) if in_channels != out_channels else None
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding="same")
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding="same")
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        out = self.conv2(self.relu(self.conv1(x)))
        out += x if self.skip is None else self.skip(x)
        return self.relu(out)


@Residual.also_right
class ResidualClamped(_Residual):
    def forward(self, x):
        return torch.add(self.skip(x), self.conv2(self.conv1(x).clamp(min=0))).clamp(min=0)


@Residual.also_right
class ResidualAskingForSkip(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, (3, 3), padding=(1, 1))
        self.conv2 = nn.Conv2d(out_channels, out_channels, (3, 3), padding=(1, 1))
        if in_channels != out_channels:
            self.skip = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x):
        out = self.conv2(torch.relu_(self.conv1(x)))
        out += self.skip(x) if hasattr(self, "skip") else x
        return torch.where(out > 0, out, torch.zeros_like(out))


@Residual.also_right
class ResidualSequential(nn.Sequential):
    def __init__(self, in_channels, out_channels):
        long = {"conv1": nn.Conv2d(in_channels, out_channels, 3, 1, 1), "relu": nn.ReLU()}
        super().__init__(OrderedDict(long | {"conv2": nn.Conv2d(out_channels, out_channels, 3, 1, 1)}))
        self.short = in_channels == out_channels
        if not self.short:
            self.add_module("skip", nn.Conv2d(in_channels, out_channels, 1))

    def forward(self, x):
        return self.relu(self.conv2(self.relu(self.conv1(x))) + (x if self.short else self.skip(x)))


@Residual.wrong("The skip is missing: add `x`, or what `skip` makes of it, to the result of `conv2`.")
class ResidualWithoutSkip(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))))


@Residual.wrong("You add after the last ReLU: the exercise asks for the sum first, and ReLU of the whole sum.")
class ResidualAddsAfter(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x)))) + self.skip(x)


@Residual.wrong("The last ReLU is missing: it comes after the sum.")
class ResidualWithoutLast(_Residual):
    def forward(self, x):
        return self.conv2(F.relu(self.conv1(x))) + self.skip(x)


@Residual.wrong("The ReLU between `conv1` and `conv2` is missing: without it, the two are one linear layer.")
class ResidualWithoutFirst(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(self.conv1(x)) + self.skip(x))


@Residual.wrong(
    "Your block has no `skip` where the channels change: `x` has another shape than the sum needs, so bring it there "
    "by a 1×1 convolution."
)
class ResidualSameOnly(_Residual):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.skip = nn.Identity()


@Residual.wrong("Your block has a `skip` convolution also where the channels are the same: there `x` itself is added.")
class ResidualAlwaysSkip(_Residual):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.skip = nn.Conv2d(in_channels, out_channels, 1)


@Residual.wrong("Your `skip` is 3×3: it has only to change the channels, and a 1×1 kernel does that.")
class ResidualWideSkip(_Residual):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        if in_channels != out_channels:
            self.skip = nn.Conv2d(in_channels, out_channels, 3, padding=1)


@Residual.wrong(
    "Your 3×3 convolutions have no padding: the map shrinks, and `x` no longer fits it. `padding=1` keeps it."
)
class ResidualShrinks(_Residual):
    def __init__(self, in_channels, out_channels):
        super().__init__(in_channels, out_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3)


@Residual.wrong("You add what comes out of `conv1`, not what goes into it: the short way starts at `x`.")
class ResidualLateStart(_Residual):
    def forward(self, x):
        out = F.relu(self.conv1(x))
        return F.relu(self.conv2(out) + out)


@Residual.wrong("You multiply the two ways: add them.")
class ResidualTimes(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))) * self.skip(x))


@Residual.wrong("You use `conv1` or `conv2` twice: each has its own turn.")
class ResidualOneConv(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv2(F.relu(self.conv1(x))))) + self.skip(x))


@Residual.wrong("No gradient flows along the short way: leave out `.detach()`, that way is what the block is for.")
class ResidualCut(_Residual):
    def forward(self, x):
        return F.relu(self.conv2(F.relu(self.conv1(x))) + self.skip(x.detach()))


@Residual.wrong("Call `super().__init__()` first in your `__init__`: without it the module cannot register anything.")
class ResidualWithoutSuper(nn.Module):
    def __init__(self, in_channels, out_channels):
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, padding=1)


# 5. Through a file


class _Small(nn.Module):
    """A net with all that a state holds: parameters, and buffers that training changes."""

    def __init__(self, hidden):
        super().__init__()
        self.fc1 = nn.Linear(6, hidden)
        self.norm = nn.BatchNorm1d(hidden)
        self.drop = nn.Dropout(0.5)
        self.fc2 = nn.Linear(hidden, 3)

    def forward(self, x):
        return self.fc2(self.drop(torch.tanh(self.norm(self.fc1(x)))))


def _save_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    return [(f"a net with {h} hidden numbers", (seed, h, numbers(5, 6)), {}) for h in (choose.randint(7, 9), 4)]


def _used_save(answer, seed, hidden, x):
    """Watch a net go through a file in a folder of its own, which is gone afterwards."""
    model, fresh = _filled(_Small(hidden), seed), _filled(_Small(hidden), seed + 1)
    numbers = draws(seed + 2)
    for value in (model.norm.running_mean, model.norm.running_var):
        value.copy_(numbers(hidden).abs() + 0.5)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    rest = ("saved", "read with", "returned", "mode", "state", "files left in the folder", "output")
    seen = dict.fromkeys(rest, NOT_LOOKED_AT) | {"saved": "nothing", "read with": "nothing was read"}
    save, load = torch.save, torch.load
    scope = getattr(answer, "__globals__", {})  # `from torch import save` has a name of its own there
    names = {name: value for name, value in scope.items() if value is save or value is load}

    def watched_save(obj, *args, **kwargs):
        kept = [obj, *obj.values()] if isinstance(obj, dict) else []  # a state dict, or a checkpoint that holds one
        states = (one for one in kept if isinstance(one, dict))
        found = any(one and all(isinstance(value, torch.Tensor) for value in one.values()) for one in states)
        seen["saved"] = "a state dict" if found else kind_of(obj)
        return save(obj, *args, **kwargs)

    def watched_load(*args, **kwargs):
        seen["read with"] = f"weights_only={kwargs.get('weights_only', True) is not False}"
        return load(*args, **kwargs)

    with tempfile.TemporaryDirectory() as folder:
        torch.save, torch.load = watched_save, watched_load
        scope.update({name: torch.save if value is save else torch.load for name, value in names.items()})
        try:
            result = answer(model, fresh, pathlib.Path(folder) / "net.pt")
        except Exception as error:
            if seen["saved"] not in ("a state dict", "nothing") and type(error).__name__ == "UnpicklingError":
                return seen  # a whole model is not read with weights_only=True
            raise
        finally:
            torch.save, torch.load = save, load
            scope.update(names)
        seen["files left in the folder"] = str(len(list(pathlib.Path(folder).iterdir())))
    if result is ...:
        return result
    known = {id(fresh): "`fresh`", id(model): "`model` itself"}
    seen["returned"] = known.get(id(result), kind_of(result))
    if result is not fresh:
        return seen
    if any(not torch.equal(value, before[name]) for name, value in model.state_dict().items()):
        raise Refused("Your code changes `model`: only `fresh` gets new numbers.")
    shared = {value.data_ptr() for value in model.state_dict().values()}
    if any(value.data_ptr() in shared for value in fresh.state_dict().values()):
        raise Refused("`model` and `fresh` now share their tensors: what is read from the file is new.")
    state = fresh.state_dict()
    missed = [name for name, value in before.items() if not torch.equal(state[name], value)]
    seen["state"] = f"not loaded: {', '.join(missed)}" if missed else "equal bit for bit"
    seen["mode"] = "training" if any(one.training for one in fresh.modules()) else "eval"
    torch.default_generator.manual_seed(seed)
    return seen | {"output": fresh.to(x.dtype)(x)}


@exercise(
    title="Save and load",
    contract="`through_a_file(model, fresh, path)`: both are modules of one class; `path` is a file that is not there "
    "yet. Save the state of `model` to it with `torch.save`; read it with `torch.load`, `weights_only=True`; load it "
    "into `fresh`; delete the file; put `fresh` into eval mode and return it. `model` stays as it is.  \n"
    "Example: afterwards `fresh(x)` equals `model.eval()(x)` bit for bit, and `path.exists()` is False.",
    hints=(
        "What has to go into the file: the whole object with its code, or only its numbers?",
        "`torch.save(model.state_dict(), path)`, and on the way back `torch.load(path, weights_only=True)`.",
        "`fresh.load_state_dict(state)` works in place; what it returns is a report, not the model. Then "
        "`path.unlink()`, `fresh.eval()`, `return fresh`.",
    ),
    cases=_save_cases,
    use=_used_save,
)
def through_a_file(model, fresh, path):
    """Carry the state of `model` into `fresh` through a file, which is deleted; return `fresh` in eval mode.

    model, fresh: modules of one class; path: a pathlib.Path.
    """
    torch.save(model.state_dict(), path)
    fresh.load_state_dict(torch.load(path, weights_only=True))
    path.unlink()
    return fresh.eval()


@through_a_file.also_right
def through_an_open_file(model, fresh, path):
    with open(path, "wb") as file:
        torch.save(dict(model.state_dict()), file)
    with open(path, "rb") as file:
        state = torch.load(file, map_location="cpu")
    path.unlink()
    fresh.load_state_dict(state, strict=True)
    fresh.train(False)
    return fresh


@through_a_file.also_right
def through_a_file_at_last(model, fresh, path):
    try:
        torch.save(model.state_dict(), str(path))
        state = torch.load(str(path), weights_only=True)
        with torch.no_grad():
            for name, value in fresh.state_dict().items():
                value.copy_(state[name])
    finally:
        path.unlink(missing_ok=True)
    return fresh.eval()


@through_a_file.also_right
def through_a_checkpoint(model, fresh, path):
    torch.save({"epoch": 3, "model": model.state_dict()}, path)
    fresh.load_state_dict(torch.load(path, weights_only=True)["model"])
    os.remove(path)
    return fresh.eval()


@through_a_file.also_right
def through_bytes(model, fresh, path):
    written = io.BytesIO()
    torch.save(obj={name: value.clone() for name, value in model.state_dict().items()}, f=written)
    path.write_bytes(written.getvalue())
    state = torch.load(io.BytesIO(path.read_bytes()), weights_only=True)
    path.unlink()
    fresh.load_state_dict(state, assign=True)
    return fresh.eval()


def _saving(*, save=lambda model: model.state_dict(), strict=True, options=None, delete=True, mode="eval"):
    def answer(model, fresh, path):
        torch.save(save(model), path)
        fresh.load_state_dict(torch.load(path, **(options or {})), strict=strict)
        if delete:
            path.unlink()
        return fresh.eval() if mode == "eval" else fresh

    return answer


@through_a_file.wrong(
    "You save the whole model: the file then needs the class's code to be read, and `weights_only=True` refuses it. "
    "Save `model.state_dict()`."
)
def save_the_model(model, fresh, path):
    torch.save(model, path)
    return torch.load(path, weights_only=True)


@through_a_file.wrong(
    "You save the whole model and read it with `weights_only=False`, which runs whatever code the file holds. Save "
    "`model.state_dict()`."
)
def save_the_model_and_trust(model, fresh, path):
    torch.save(model, path)
    loaded = torch.load(path, weights_only=False)
    path.unlink()
    return loaded.eval()


@through_a_file.wrong("You read with `weights_only=False`, which runs whatever code the file holds: say True.")
def save_and_trust(model, fresh, path):
    return _saving(options={"weights_only": False})(model, fresh, path)


@through_a_file.wrong(
    "You save the parameters only: the buffers, here the running statistics, belong to the state too. Save "
    "`model.state_dict()`."
)
def save_parameters(model, fresh, path):
    return _saving(save=lambda m: dict(m.named_parameters()), strict=False)(model, fresh, path)


@through_a_file.wrong("The file is left behind: delete it with `path.unlink()`.")
def save_and_leave(model, fresh, path):
    return _saving(delete=False)(model, fresh, path)


@through_a_file.wrong("Your `fresh` is still in training mode: there dropout draws at random, so call `fresh.eval()`.")
def save_in_training(model, fresh, path):
    return _saving(mode="train")(model, fresh, path)


@through_a_file.wrong(
    "You return what `load_state_dict` gives back, a report on the names. It loads in place: return `fresh`."
)
def save_and_return_report(model, fresh, path):
    torch.save(model.state_dict(), path)
    report = fresh.load_state_dict(torch.load(path, weights_only=True))
    path.unlink()
    fresh.eval()
    return report


@through_a_file.wrong(
    "No file was written: `load_state_dict(model.state_dict())` copies in memory, and is gone with it."
)
def save_nothing(model, fresh, path):
    fresh.load_state_dict(model.state_dict())
    return fresh.eval()


@through_a_file.wrong("You return `model` itself: load the state into `fresh`, and return that.")
def save_return_model(model, fresh, path):
    _saving()(model, fresh, path)
    return model.eval()


@through_a_file.wrong("You read the file, but `fresh` has its old numbers: give them to `fresh.load_state_dict(...)`.")
def save_not_loaded(model, fresh, path):
    torch.save(model.state_dict(), path)
    torch.load(path, weights_only=True)
    path.unlink()
    return fresh.eval()
