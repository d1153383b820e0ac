"""The exercises of notebook 01, linear layers. Each asks for one idea more than the one before."""

import math

import torch
from torch import nn
from torch.nn import functional as F

from .cases import NOT_LOOKED_AT, draws
from .engine import Refused, exercise

# 1. The layer


def _linear_cases(seed):
    make = draws(seed)
    cases = []
    for leading, features, out, with_bias in (
        ((5,), 3, 4, True),
        ((2, 5), 4, 3, True),
        ((6,), 4, 4, True),
        ((), 4, 3, True),
        ((3,), 5, 2, False),
        ((2, 3, 4), 5, 6, False),
        ((1,), 3, 1, True),
        ((4,), 1, 3, True),
        ((4,), 3, 4, True),  # as many samples as outputs: a bias added down the batch fits too
    ):
        x, weight = make(*leading, features), make(out, features)
        bias = make(out) if with_bias else None
        label = f"x {tuple(x.shape)}, weight {tuple(weight.shape)}, bias {(out,) if with_bias else None}"
        cases.append((label, (x, weight, bias) if with_bias else (x, weight), {}))
    return cases


@exercise(
    title="The layer by hand",
    contract="`linear(x, weight, bias=None)`: `x` is (…, in), with any number of axes in front, or none; `weight` is "
    "(out, in), `bias` is (out,) or None; the answer is (…, out) and keeps the dtype and the gradient.  \n"
    "Example: `x` (17, 3) and `weight` (2, 3) give (17, 2). `F.linear` counts too, but leaves nothing to learn.",
    hints=(
        "`weight` has a row for each output. What has to be multiplied with what, for one output of one sample?",
        "A matrix product joins the last axis of the left with the first axis of the right. `weight` has `in` last: "
        "turn it with `.T`.",
        "`x @ weight.T` works for any axes in front of `in`. Then add `bias`, unless it is None.",
    ),
    cases=_linear_cases,
    gradients=True,
)
def linear(x, weight, bias=None):
    """Apply a linear layer.

    x: (..., in); weight: (out, in); bias: (out,) or None.
    Returns (..., out); it keeps the dtype and the gradient.
    """
    y = x @ weight.T
    return y if bias is None else y + bias


@linear.also_right
def linear_by_einsum(x, weight, bias=None):
    y = torch.einsum("...i,oi->...o", x, weight)
    return y if bias is None else y + bias


@linear.also_right
def linear_by_loops(x, weight, bias=None):
    columns = []
    for o, row in enumerate(weight):
        column = (x * row).sum(-1)
        columns.append(column if bias is None else column + bias[o])
    return torch.stack(columns, -1)


@linear.also_right
def linear_flat(x, weight, bias=None):
    flat = x.reshape(-1, x.shape[-1])
    y = weight.matmul(flat.t()).t()
    if bias is not None:
        y = y + bias.expand_as(y)
    return y.reshape(*x.shape[:-1], len(weight))


@linear.also_right
def linear_by_torch(x, weight, bias=None):
    return F.linear(x, weight, bias)


@linear.also_right
def linear_in_place(x, weight, bias=None):
    y = x.new_zeros(*x.shape[:-1], len(weight))
    for o in range(len(weight)):
        y[..., o] = x @ weight[o]
        if bias is not None:
            y[..., o] += bias[o]
    return y


@linear.also_right
def linear_by_recursion(x, weight, bias=None):
    if x.dim() > 1:
        return torch.stack([linear_by_recursion(one, weight, bias) for one in x])
    sums = [sum(w * number for w, number in zip(row, x, strict=True)) for row in weight]
    return torch.stack(sums) + (0 if bias is None else bias)


@linear.also_right
def linear_with_a_one(x, weight, bias=None):
    bias = weight.new_zeros(len(weight)) if bias is None else bias
    return torch.cat([x, torch.ones_like(x[..., :1])], -1) @ torch.cat([weight, bias[:, None]], 1).T


@linear.wrong("You multiply by `weight` as it is: `in` is its last axis, so transpose it, `x @ weight.T`.")
def linear_not_transposed(x, weight, bias=None):
    y = x @ weight
    return y if bias is None else y + bias


@linear.wrong("You reshape `weight` where it has to be transposed: `.T` swaps the axes, `reshape` mixes the numbers.")
def linear_reshaped(x, weight, bias=None):
    y = x @ weight.reshape(weight.shape[1], weight.shape[0])
    return y if bias is None else y + bias


@linear.wrong("The bias is missing: add `bias` to each row of the product, unless it is None.")
def linear_without_bias(x, weight, bias=None):
    return x @ weight.T


@linear.wrong(
    "The bias runs down the batch: it has a number for each output, so add it along the last axis, `y + bias`."
)
def linear_bias_down(x, weight, bias=None):
    y = x @ weight.T
    return (
        y + bias[:, None]
        if y.dim() == 2 and len(y) == len(weight) and bias is not None
        else linear_by_torch(x, weight, bias)
    )


@linear.wrong("You add the bias to the weights before the product: it is added once, to the result of the product.")
def linear_bias_on_weight(x, weight, bias=None):
    return x @ weight.T if bias is None else x @ (weight.T + bias)


@linear.wrong("You add the bias to `x` before the product: it has a number for each output, so it is added afterwards.")
def linear_bias_on_input(x, weight, bias=None):
    return x @ weight.T if bias is None else (x + bias) @ weight.T


@linear.wrong("The bias is subtracted: add it.")
def linear_bias_subtracted(x, weight, bias=None):
    return x @ weight.T if bias is None else x @ weight.T - bias


@linear.wrong("Your result has the outputs first: each sample keeps its row, and its outputs stand on the last axis.")
def linear_outputs_first(x, weight, bias=None):
    return linear.function(x, weight, bias).T if x.dim() == 2 else linear.function(x, weight, bias)


@linear.wrong(
    "The axes in front are melted into one: (2, 5, in) must become (2, 5, out). `x @ weight.T` keeps them by itself."
)
def linear_flattened(x, weight, bias=None):
    return linear.function(x.reshape(-1, x.shape[-1]), weight, bias)


@linear.wrong("This is the mean over the inputs: their products are added up and not divided.")
def linear_mean(x, weight, bias=None):
    return linear.function(x / x.shape[-1], weight, bias)


# 2. The module


def _layer_cases(seed):
    make = draws(seed)
    return [
        ("Linear(40, 300)", (seed, (40, 300), {}, make(6, 40)), {}),
        ("Linear(260, 210), x (2, 3, 260)", (seed, (260, 210), {}, make(2, 3, 260)), {}),
        ("Linear(90, 250, bias=True), x (90,)", (seed, (90, 250), {"bias": True}, make(90)), {}),
        ("Linear(50, 260, bias=False), x (1, 50)", (seed, (50, 260), {"bias": False}, make(1, 50)), {}),
    ]


def _use_layer(answer, seed, sizes, settings, x):
    """Return what can be seen of a layer: its parameters, how they start, what it computes, and their gradients."""
    torch.default_generator.manual_seed(seed)
    layer, other = answer(*sizes, **settings), answer(*sizes, **settings)
    registered = dict(layer.named_parameters())
    seen = {name: _told(layer, name) for name in ("weight", "bias")}
    seen["other parameters"] = ", ".join(sorted(registered.keys() - seen.keys())) or "none"
    looked_at = ("weight at the start", "bias at the start", "output", "output in eval mode", "gradients")
    shapes = (f"a parameter {sizes[::-1]}", f"a parameter {sizes[1:]}")
    if seen["weight"] != shapes[0] or seen["bias"] not in (shapes[1], "registered as None"):
        return seen | dict.fromkeys(looked_at, NOT_LOOKED_AT)
    for name in ("weight", "bias"):
        seen[f"{name} at the start"] = _start(getattr(layer, name), getattr(other, name), sizes[0] ** -0.5)
    make = draws(seed + 1000)
    layer = layer.to(x.dtype)
    values = [layer.weight] if layer.bias is None else [layer.weight, layer.bias]
    with torch.no_grad():
        for value in values:
            value.copy_(make(*value.shape))
    before = x.clone()
    seen["output"] = output = layer(x)
    seen["output in eval mode"] = layer.eval()(x)
    if not torch.equal(x, before):
        raise Refused("Your `forward` changes its input `x`: make a new tensor, without `+=` and the like on `x`.")
    if not isinstance(output, torch.Tensor):
        return seen | {"gradients": NOT_LOOKED_AT}
    if not output.requires_grad:
        raise Refused(
            "The output carries no gradient to the parameters: use `self.weight` itself, without `.data`, `.detach()`, "
            "`torch.no_grad()` or `requires_grad=False`."
        )
    leaf = x.clone().requires_grad_()
    loss = layer(leaf).square().sum()
    gradients = torch.autograd.grad(loss, [leaf, *values], allow_unused=True, materialize_grads=True)
    return seen | {"gradients": dict(zip(("x", "weight", "bias"), (g[:3] for g in gradients), strict=False))}


def _told(layer, name):
    if name in layer._parameters:
        value = layer._parameters[name]
        return "registered as None" if value is None else f"a parameter {tuple(value.shape)}"
    if name in layer._buffers:
        return "a buffer, not a parameter"
    value = getattr(layer, name, ...)
    if value is None:
        return "None, but not registered"
    return "a plain tensor, not a parameter" if isinstance(value, torch.Tensor) else "missing"


def _start(value, other, bound):
    """Return facts about initial values that hold for any 200 uniform numbers or more, whatever the seed."""
    if value is None:
        return "no values"
    p = value.detach()
    return {
        "values within ±1/√in_features": bool(p.abs().max() <= 1.0001 * bound),
        "largest value near 1/√in_features": bool(p.abs().max() > 0.75 * bound),
        "sign: about half are negative": bool(0.3 < (p < 0).float().mean() < 0.7),
        "spread: even between the ends": bool((p.abs().mean() / p.abs().max() - 0.5).abs() < 0.17),
        "chance: its numbers differ from each other": len(p.unique()) > 0.9 * p.numel(),
        "chance: two layers differ": other is None or not torch.equal(p, other.detach()),
    }


@exercise(
    title="A layer of your own",
    contract="`Linear(in_features, out_features, bias=True)`: an `nn.Module` with two parameters, `weight` "
    "(out_features, in_features) and `bias` (out_features,). Both start uniformly at random between "
    "−1/√in_features and 1/√in_features, as in `nn.Linear`. With `bias=False` there is none: register it as None. "
    "Gradients reach both parameters, and `x`.  \n"
    "Example: `Linear(3, 2)(torch.zeros(17, 3))` is (17, 2), and each row is the bias.",
    hints=(
        "`super().__init__()` comes first. What makes a tensor a parameter, one that `layer.parameters()` finds?",
        "`self.weight = nn.Parameter(torch.empty(out_features, in_features))` registers it. Then fill it in place: "
        "`nn.init.uniform_(self.weight, -bound, bound)` with `bound = 1 / in_features**0.5`.",
        "The bias likewise where `bias` is true, else `self.register_parameter('bias', None)`. In `forward`: "
        "`x @ self.weight.T`, and add `self.bias` unless it is None.",
    ),
    cases=_layer_cases,
    use=_use_layer,
)
class Linear(nn.Module):
    """A linear layer: weight (out_features, in_features), bias (out_features,) or None."""

    def __init__(self, in_features, out_features, bias=True):
        """Make the parameters, uniform between -1 / sqrt(in_features) and 1 / sqrt(in_features)."""
        super().__init__()
        self.weight = nn.Parameter(torch.empty(out_features, in_features))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)
        if bias:
            bound = 1 / in_features**0.5
            self.bias = nn.Parameter(torch.empty(out_features).uniform_(-bound, bound))
        else:
            self.register_parameter("bias", None)

    def forward(self, x):
        """Return x times the transposed weight, plus the bias. x: (..., in_features)."""
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias


_Layer = Linear.function


@Linear.also_right
class LayerOfTorch(nn.Linear):
    pass


@Linear.also_right
class LayerByRand(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        bound = in_features**-0.5
        self.register_parameter("bias", nn.Parameter((2 * torch.rand(out_features) - 1) * bound) if bias else None)
        self.weight = nn.Parameter((torch.rand(out_features, in_features) * 2 - 1) * bound)

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


@Linear.also_right
class LayerWithReset(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.in_features = in_features
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))
        self.bias = nn.Parameter(torch.zeros(out_features)) if bias else None
        if not bias:
            del self.bias
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self):
        with torch.no_grad():
            for p in self.parameters():
                p.uniform_(-(self.in_features**-0.5), self.in_features**-0.5)

    def forward(self, x):
        y = torch.einsum("...i,oi->...o", x, self.weight)
        if self.bias is not None:
            y += self.bias
        return y


@Linear.also_right
class LayerFromTorchs(nn.Linear):
    def forward(self, x):
        rows = x.reshape(-1, self.in_features)
        y = rows @ self.weight.t() if self.bias is None else torch.addmm(self.bias, rows, self.weight.t())
        return y.reshape(*x.shape[:-1], self.out_features)


@Linear.also_right
class LayerOfADistribution(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        chance = torch.distributions.Uniform(-(in_features**-0.5), in_features**-0.5)
        self.weight = nn.Parameter(chance.sample((out_features, in_features)))
        self.register_parameter("bias", None)
        if bias:
            self.bias = nn.Parameter(chance.sample((out_features,)))
        self.register_buffer("calls", torch.tensor(0))

    def extra_repr(self):
        return f"shape={tuple(self.weight.shape)}"

    def forward(self, x):
        self.calls += 1
        return torch.inner(x, self.weight) + (0 if self.bias is None else self.bias)


@Linear.wrong("There is no `self.bias`: make it a parameter with one number for each output, and add it in `forward`.")
class LayerWithoutBias(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = _Layer(in_features, out_features).weight


@Linear.wrong("Your `forward` leaves the bias out: add `self.bias` to the product, unless it is None.")
class LayerBiasUnused(_Layer):
    def forward(self, x):
        return x @ self.weight.T


@Linear.wrong("No gradient reaches the weight: use `self.weight` itself, without `.data` or `.detach()`.")
class LayerCut(_Layer):
    def forward(self, x):
        return F.linear(x, self.weight.data, self.bias)


@Linear.wrong("No gradient reaches `x`: do not detach it, or the layers before this one learn nothing.")
class LayerCutsInput(_Layer):
    def forward(self, x):
        return super().forward(x.detach())


@Linear.wrong("Your weight is transposed: torch keeps it as (out_features, in_features), and `forward` turns it.")
class LayerTransposed(_Layer):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)
        self.weight = nn.Parameter(self.weight.detach().T.clone())


@Linear.wrong("Your `forward` takes `self.weight` as it is: it is (out, in), so transpose it, `x @ self.weight.T`.")
class LayerNotTurned(_Layer):
    def forward(self, x):
        return x @ self.weight


@Linear.wrong(
    "Your tensors are not registered: a plain tensor is not learned, moved or saved. Wrap both in `nn.Parameter(...)`."
)
class LayerOfTensors(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = torch.zeros(out_features, in_features)
        self.bias = torch.zeros(out_features) if bias else None


@Linear.wrong(
    "A buffer is moved and saved, but no optimizer finds it, so it is never learned: make it an `nn.Parameter`."
)
class LayerOfBuffers(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.register_buffer("weight", torch.zeros(out_features, in_features))
        self.register_buffer("bias", torch.zeros(out_features) if bias else None)


@Linear.wrong("Your parameters have other names: call them `self.weight` and `self.bias`, as `nn.Linear` does.")
class LayerOtherNames(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.w, self.b = (nn.Parameter(p) for p in nn.Linear(in_features, out_features).parameters())


@Linear.wrong("Your bias is a plain tensor: wrap it in `nn.Parameter(...)`, as you did with the weight.")
class LayerBiasTensor(nn.Module):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__()
        self.weight = _Layer(in_features, out_features).weight
        self.bias = torch.zeros(out_features) if bias else None


@Linear.wrong("Call `super().__init__()` first in your `__init__`: without it the module cannot register anything.")
class LayerWithoutSuper(_Layer):
    def __init__(self, in_features, out_features, bias=True):
        self.weight = nn.Parameter(torch.zeros(out_features, in_features))


def _starting(fill):
    """Return a layer whose parameters are filled in another way: fill(name, parameter, in_features, out_features)."""

    class Layer(_Layer):
        def __init__(self, in_features, out_features, bias=True):
            super().__init__(in_features, out_features, bias)
            with torch.no_grad():
                for name, p in self.named_parameters():
                    fill(name, p, in_features, out_features)

    return Layer


def _of(kind):
    return lambda name, p, n_in, n_out: kind(p, n_in, n_out)


Linear.wrong(
    "Your initial bound follows out_features: it is 1/√in_features, because each output adds up that many products."
)(LayerBoundOfOut := _starting(_of(lambda p, n_in, n_out: p.uniform_(-(n_out**-0.5), n_out**-0.5))))
Linear.wrong("Your initial values are too small: the bound is 1/√in_features, and you left out the root.")(
    LayerBoundWithoutRoot := _starting(_of(lambda p, n_in, n_out: p.uniform_(-1 / n_in, 1 / n_in)))
)
Linear.wrong(
    "Your initial values do not come from a uniform distribution within the bound: use `uniform_`, not `randn` or "
    "`normal_`."
)(LayerNormal := _starting(_of(lambda p, n_in, n_out: p.normal_(0, n_in**-0.5))))
Linear.wrong("Your initial values are all positive: `torch.rand` starts at 0, and half of them should be negative.")(
    LayerPositive := _starting(_of(lambda p, n_in, n_out: p.uniform_(0, n_in**-0.5)))
)
Linear.wrong("All your initial values are alike: then every output would learn the same. Draw them at random.")(
    LayerZeros := _starting(_of(lambda p, n_in, n_out: p.zero_()))
)
Linear.wrong("Your weight starts well, but the bias starts at 0: fill it like the weight, with the same bound.")(
    LayerZeroBias := _starting(lambda name, p, n_in, n_out: p.zero_() if name == "bias" else None)
)
Linear.wrong("Your weight starts well, but the bound of the bias follows out_features: it is 1/√in_features too.")(
    LayerBiasBoundOfOut := _starting(
        lambda name, p, n_in, n_out: p.uniform_(-(n_out**-0.5), n_out**-0.5) if name == "bias" else None
    )
)
Linear.wrong("Your weight repeats a few numbers: outputs that start alike learn the same. Draw each number at random.")(
    LayerRowsAlike := _starting(lambda name, p, n_in, n_out: p.copy_(p[:1].clone()) if name == "weight" else None)
)
Linear.wrong(
    "The weight's initial bound is too large: `kaiming_uniform_` gives 1/√in_features with `a=5**0.5`, and √6 times "
    "that without it."
)(
    LayerKaimingDefault := _starting(
        lambda name, p, n_in, n_out: nn.init.kaiming_uniform_(p) if name == "weight" else None
    )
)


@Linear.wrong("Each layer that you make starts with the same numbers: set no seed inside the class.")
class LayerSeeded(_Layer):
    def __init__(self, in_features, out_features, bias=True):
        torch.manual_seed(0)
        super().__init__(in_features, out_features, bias)


@Linear.wrong("Your `forward` drops an axis where there is one sample only: leave out `squeeze()`.")
class LayerSqueezes(_Layer):
    def forward(self, x):
        return super().forward(x).squeeze()


@Linear.wrong("Your layer computes something else in eval mode: a linear layer does the same in both modes.")
class LayerOffInEval(_Layer):
    def forward(self, x):
        return super().forward(x) if self.training else x @ self.weight.T * 0.5


@Linear.wrong("You ignore `bias=False`: then there must be no bias, `self.register_parameter('bias', None)`.")
class LayerAlwaysBias(_Layer):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features)


@Linear.wrong(
    "With `bias=False` you set `self.bias = None` but register nothing: `self.register_parameter('bias', None)` keeps "
    "the place, so that a plain tensor cannot slip into it later."
)
class LayerNoneUnregistered(_Layer):
    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, out_features, bias)
        if not bias:
            del self.bias
            self.bias = None


# 3. Gradient descent


def _line_cases(seed):
    make = draws(seed)
    cases = []
    for n, settings in (
        (17, {"lr": 0.02, "steps": 6}),
        (9, {}),
        (6, {"lr": 0.1, "steps": 1}),
        (12, {"lr": 0.05, "steps": 25}),
        (5, {"lr": 0.01, "steps": 0}),
    ):
        x = make(n, 1).abs() * 1.5
        y = 1.5 * x[:, 0] + 2 + 0.3 * make(n)
        label = ", ".join([f"x {(n, 1)}, y {(n,)}", *(f"{name}={value}" for name, value in settings.items())])
        cases.append((label, (x, y), settings))
    return cases


def _as_pair(answer, x, y, **settings):
    """Return the two numbers of an answer, be they floats or tensors of one number; its x and y are float32."""
    result = answer(x.float(), y.float(), **settings)
    if not isinstance(result, tuple | list) or len(result) != 2:
        return result
    numbers = []
    for value in result:
        if isinstance(value, torch.Tensor) and value.numel() == 1 and value.is_floating_point():
            value = value.item()
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1e6:
            value = float(value)
        numbers.append(value)
    return tuple(numbers)


@exercise(
    title="Fit a line by hand",
    contract="`fit_line(x, y, lr=0.005, steps=100)`: `x` is (N, 1), as a layer takes it, and `y` is (N,). Start at "
    "`w = b = 0` and take `steps` steps of gradient descent on the mean of (w·x + b − y)². Return `(w, b)`, two "
    "numbers.  \n"
    "Example: x = [[1.0]], y = [1.0], lr = 0.1: one step gives (0.2, 0.2).",
    hints=(
        "Mind the shapes first: what is `(w * x + b - y).shape` when `x` is (17, 1) and `y` is (17,)? `x[:, 0]` helps.",
        "In each step: the loss from the present `w` and `b`, its gradients, then `w -= lr * gradient`, and `b` "
        "likewise. With `backward()`, gradients add up until you set them back to zero.",
        "With e = w·x + b − y for all points, the gradients are `2 * (e * x).mean()` for `w` and `2 * e.mean()` for "
        "`b`. Compute both before you change either.",
    ),
    cases=_line_cases,
    use=_as_pair,
    optimizers=True,
)
def fit_line(x, y, lr=0.005, steps=100):
    """Fit y = w x + b by gradient descent on the mean squared error, from w = b = 0.

    x: (N, 1); y: (N,); lr: the size of a step; steps: how many.
    Returns (w, b), two numbers.
    """
    w = torch.zeros(1, requires_grad=True)
    b = torch.zeros(1, requires_grad=True)
    for _ in range(steps):
        loss = ((w * x[:, 0] + b - y) ** 2).mean()
        loss.backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
        w.grad, b.grad = None, None
    return w.item(), b.item()


@fit_line.also_right
def line_by_formula(x, y, lr=0.005, steps=100):
    w = b = torch.zeros(())
    for _ in range(steps):
        error = w * x.flatten() + b - y
        w, b = w - lr * 2 * (error * x.flatten()).mean(), b - lr * 2 * error.mean()
    return w, b


@fit_line.also_right
def line_by_matrix(x, y, lr=0.005, steps=100):
    inputs = torch.cat([x, torch.ones_like(x)], 1)
    parameters = inputs.new_zeros(2)
    for _ in range(steps):
        parameters = parameters - lr * 2 / len(x) * inputs.T @ (inputs @ parameters - y)
    return parameters[0], parameters[1]


@fit_line.also_right
def line_by_layer(x, y, lr=0.005, steps=100):
    layer = nn.Linear(1, 1).to(x.dtype)
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    for _ in range(steps):
        layer.zero_grad()
        F.mse_loss(layer(x), y[:, None]).backward()
        for parameter in layer.parameters():
            parameter.data.add_(parameter.grad, alpha=-lr)
    return [layer.weight, layer.bias]


@fit_line.also_right
def line_in_plain_numbers(x, y, lr=0.005, steps=100):
    w = b = 0
    pairs = list(zip(x[:, 0].tolist(), y.tolist(), strict=True))
    for _ in range(steps):
        errors = [(w * a + b - c, a) for a, c in pairs]
        w -= lr * 2 * sum(error * a for error, a in errors) / len(errors)
        b -= lr * 2 * sum(error for error, _ in errors) / len(errors)
    return w, b


@fit_line.also_right
def line_by_numpy(x, y, lr=0.005, steps=100):
    x, y, w, b = x.numpy()[:, 0].astype(float), y.numpy(), 0.0, 0.0
    for _ in range(steps):
        error = w * x + b - y
        w, b = w - lr * 2 * (error * x).mean(), b - lr * 2 * error.mean()
    return w, b


@fit_line.also_right
def line_by_optimizer(x, y, lr=0.005, steps=100):
    both = nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.SGD([both], lr=lr)
    for _ in range(steps):
        optimizer.zero_grad()
        F.mse_loss(both[0] * x.squeeze(1) + both[1], y).backward()
        optimizer.step()
    return tuple(both.tolist())


def _descend(x, y, lr, steps, gradients, update=lambda w, b, lr, g_w, g_b: (w - lr * g_w, b - lr * g_b)):
    """Gradient descent with parts that may be wrong: gradients(error, x) and update."""
    w = b = x.new_zeros(())
    for _ in range(steps):
        w, b = update(w, b, lr, *gradients(w * x[:, 0] + b - y, x[:, 0]))
    return w.item(), b.item()


def _mean_gradients(error, x):
    return 2 * (error * x).mean(), 2 * error.mean()


@fit_line.wrong(
    "Your gradients add up from step to step: set `w.grad` and `b.grad` back to zero before each `backward()`."
)
def line_without_zero_grad(x, y, lr=0.005, steps=100):
    w, b = (x.new_zeros(()).requires_grad_() for _ in range(2))
    for _ in range(steps):
        ((w * x[:, 0] + b - y) ** 2).mean().backward()
        with torch.no_grad():
            w -= lr * w.grad
            b -= lr * b.grad
    return w.item(), b.item()


@fit_line.wrong(
    "Mind the shapes: `x` is (N, 1) and `y` is (N,), so their difference is N × N, each point against all others. "
    "Take `x[:, 0]`, or `y[:, None]`."
)
def line_by_broadcast(x, y, lr=0.005, steps=100):
    return _descend(x, y, lr, steps, lambda error, xs: _mean_gradients(error[:, None] + y[:, None] - y, xs[:, None]))


@fit_line.wrong("You walk uphill: the gradient points to where the loss grows, so subtract it.")
def line_uphill(x, y, lr=0.005, steps=100):
    return _descend(x, y, -lr, steps, _mean_gradients)


@fit_line.wrong("You return `(b, w)`: the exercise asks for `(w, b)`, the slope first.")
def line_other_order(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, lr, steps)[::-1]


@fit_line.wrong("Your loss is the sum over the points: take the mean, or the step grows with the number of points.")
def line_of_sum(x, y, lr=0.005, steps=100):
    return _descend(x, y, lr * len(x), steps, _mean_gradients)


@fit_line.wrong("Your gradient lacks its factor 2: the derivative of e² is 2·e.")
def line_without_two(x, y, lr=0.005, steps=100):
    return _descend(x, y, lr / 2, steps, _mean_gradients)


@fit_line.wrong(
    "You change `w` first, and compute the gradient for `b` with the new `w`: compute both gradients before you change "
    "either."
)
def line_one_after_the_other(x, y, lr=0.005, steps=100):
    w = b = x.new_zeros(())
    for _ in range(steps):
        w = w - lr * 2 * ((w * x[:, 0] + b - y) * x[:, 0]).mean()
        b = b - lr * 2 * (w * x[:, 0] + b - y).mean()
    return w, b


@fit_line.wrong("Only the first step counts: `return` stands inside the loop, or the loop starts anew each time.")
def line_first_step(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, lr, min(steps, 1))


@fit_line.wrong("You take one step too many.")
def line_long(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, lr, steps + 1)


@fit_line.wrong(
    "This is the exact answer, where gradient descent would arrive in the end: return where it stands after `steps` "
    "steps."
)
def line_exact(x, y, lr=0.005, steps=100):
    inputs = torch.cat([x, torch.ones_like(x)], 1)
    return tuple(torch.linalg.lstsq(inputs, y[:, None]).solution[:, 0])


@fit_line.wrong("You take one step too few: `range(steps)` counts from 0 and takes exactly `steps` steps.")
def line_short(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, lr, steps - 1)


@fit_line.wrong("You ignore `lr`: 0.005 is only its default.")
def line_fixed_lr(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, 0.005, steps)


@fit_line.wrong("You ignore `steps`: 100 is only its default.")
def line_fixed_steps(x, y, lr=0.005, steps=100):
    return fit_line.function(x, y, lr, 100)


@fit_line.wrong(
    "You change `b` first, and compute the gradient for `w` with the new `b`: compute both gradients before you change "
    "either."
)
def line_bias_first(x, y, lr=0.005, steps=100):
    w = b = x.new_zeros(())
    for _ in range(steps):
        b = b - lr * 2 * (w * x[:, 0] + b - y).mean()
        w = w - lr * 2 * ((w * x[:, 0] + b - y) * x[:, 0]).mean()
    return w, b


@fit_line.wrong(
    "A gradient is None there. Either `backward()` was not called before, or `w = w - …` made a new tensor, which has "
    "no gradient of its own: change `w` itself, `w -= …`, inside `with torch.no_grad():`."
)
def line_without_backward(x, y, lr=0.005, steps=100):
    w, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    for _ in range(steps):
        w = w - lr * w.grad
        b = b - lr * b.grad
    return w.item(), b.item()


@fit_line.wrong("Take the step inside `with torch.no_grad():`, so that torch does not record it as a part of the loss.")
def line_recorded(x, y, lr=0.005, steps=100):
    w, b = (torch.zeros(1, requires_grad=True) for _ in range(2))
    for _ in range(steps):
        ((w * x[:, 0] + b - y) ** 2).mean().backward()
        w -= lr * w.grad
        b -= lr * b.grad
    return w.item(), b.item()


@fit_line.wrong("Your `b` never moves: it has a gradient of its own, and takes its own steps.")
def line_through_zero(x, y, lr=0.005, steps=100):
    return _descend(x, y, lr, steps, _mean_gradients, lambda w, b, lr, g_w, g_b: (w - lr * g_w, b))


# 4. Two layers are one


def _fold_cases(seed):
    make = draws(seed)
    cases = []
    for n_in, hidden, out in ((5, 4, 3), (2, 6, 7), (3, 3, 3), (4, 5, 1), (10, 1, 2)):
        first, second = (make(hidden, n_in), make(hidden)), (make(out, hidden), make(out))
        cases.append((f"{n_in} → {hidden} → {out}", (*first, *second), {}))
    return cases


@exercise(
    title="Fold two layers into one",
    contract="`fold(weight1, bias1, weight2, bias2)`: the parameters of two linear layers, the first applied first: "
    "(hidden, in), (hidden,), (out, hidden), (out,). Return `(weight, bias)`, (out, in) and (out,), of the same dtype, "
    "of the one layer that gives the same outputs for every `x`.  \n"
    "Example: Linear(10, 5) and Linear(5, 2) fold into one Linear(10, 2).",
    hints=(
        "Write the second layer's output with the first layer's put in: W₂(W₁x + b₁) + b₂. Multiply out.",
        "W₂W₁x is what depends on `x`. All the rest is the new bias.",
        "`weight2 @ weight1` is the weight, `weight2 @ bias1 + bias2` the bias.",
    ),
    cases=_fold_cases,
)
def fold(weight1, bias1, weight2, bias2):
    """Fold two linear layers into one.

    weight1: (hidden, in); bias1: (hidden,); weight2: (out, hidden); bias2: (out,).
    Returns (weight, bias): (out, in) and (out,), of the same dtype.
    """
    return weight2 @ weight1, weight2 @ bias1 + bias2


@fold.also_right
def fold_by_einsum(weight1, bias1, weight2, bias2):
    weight = torch.einsum("oh,hi->oi", weight2, weight1)
    return weight, torch.einsum("oh,h->o", weight2, bias1) + bias2


@fold.also_right
def fold_by_asking(weight1, bias1, weight2, bias2):
    def both(x):
        return F.linear(F.linear(x, weight1, bias1), weight2, bias2)

    bias = both(weight1.new_zeros(weight1.shape[1]))
    return (both(torch.eye(weight1.shape[1], dtype=weight1.dtype)) - bias).T, bias


@fold.also_right
def fold_by_loops(weight1, bias1, weight2, bias2):
    weight = weight1.new_zeros(len(weight2), weight1.shape[1])
    bias = bias2.clone()
    for o in range(len(weight2)):
        for h in range(len(weight1)):
            weight[o] += weight2[o, h] * weight1[h]
            bias[o] += weight2[o, h] * bias1[h]
    return weight, bias


@fold.also_right
def fold_with_a_one(weight1, bias1, weight2, bias2):
    def joined(weight, bias):
        last = F.one_hot(torch.tensor([weight.shape[1]])).to(weight.dtype)
        return torch.cat([torch.cat([weight, bias[:, None]], 1), last])

    both = joined(weight2, bias2) @ joined(weight1, bias1)
    return both[:-1, :-1], both[:-1, -1]


@fold.wrong("The order is the other way round: `x` meets W₁ first, so W₁ stands next to it: W₂W₁x.")
def fold_in_reading_order(weight1, bias1, weight2, bias2):
    return weight1 @ weight2, weight2 @ bias1 + bias2


@fold.wrong("Your weight is transposed: it has to be (out, in), like `weight2 @ weight1`.")
def fold_transposed(weight1, bias1, weight2, bias2):
    return weight1.T @ weight2.T, weight2 @ bias1 + bias2


@fold.wrong("The bias of the first layer is forgotten: it goes through the second layer, as W₂b₁.")
def fold_without_first_bias(weight1, bias1, weight2, bias2):
    return weight2 @ weight1, bias2.clone()


@fold.wrong("The bias of the second layer is forgotten: it is added at the end, W₂b₁ + b₂.")
def fold_without_second_bias(weight1, bias1, weight2, bias2):
    return weight2 @ weight1, weight2 @ bias1


@fold.wrong("You add the two biases as they are: the first one goes through the second layer before, as W₂b₁.")
def fold_biases_added(weight1, bias1, weight2, bias2):
    return weight2 @ weight1, bias1 + bias2


@fold.wrong("You return `(bias, weight)`: the exercise asks for `(weight, bias)`.")
def fold_other_order(weight1, bias1, weight2, bias2):
    return fold.function(weight1, bias1, weight2, bias2)[::-1]


# 5. A value and its slope


def _some_x(make):
    """Numbers of both signs, none so close to 0 that its slope is open."""
    x = make(4, 3)
    return x + 0.1 * torch.where(x < 0, -1.0, 1.0)


def _leaky_cases(seed):
    make = draws(seed)
    return [
        ("x (4, 3)", (_some_x(make),), {}),
        ("negative_slope=0.25, x (4, 3)", (_some_x(make), 0.25), {}),
        ("negative_slope=0.2, x (12,)", (3 * _some_x(make).flatten(), 0.2), {}),
        ("negative_slope=1.5, x (2, 2, 3)", (_some_x(make).view(2, 2, 3), 1.5), {}),
        ("negative_slope=0, x (4, 3)", (_some_x(make), 0.0), {}),
        ("x of one positive number", (_some_x(make)[0, 0].abs(),), {}),
    ]


@exercise(
    title="Leaky ReLU: value and slope",
    contract="`leaky_relu(x, negative_slope=0.01)`: `x` has any shape. Return `(value, slope)`, two tensors of "
    "the same shape and dtype: the activation of each number, and its derivative there. (The derivative at 0 is not "
    "asked.)  \n"
    "Example: for x = −2 the value is −0.02 and the slope 0.01; for x = 3 they are 3 and 1.",
    hints=(
        "Two straight lines meet at 0. What is the slope of each?",
        "`torch.where(condition, a, b)` chooses number by number. `a` and `b` may be tensors or plain numbers.",
        "`slope = torch.where(x > 0, torch.ones_like(x), torch.full_like(x, negative_slope))`, and the value is "
        "`slope * x`.",
    ),
    cases=_leaky_cases,
)
def leaky_relu(x, negative_slope=0.01):
    """Apply a leaky ReLU, and give its slope.

    x: any shape; negative_slope: the slope below 0.
    Returns (value, slope), each of the shape and dtype of x.
    """
    slope = torch.where(x > 0, torch.ones_like(x), torch.full_like(x, negative_slope))
    return slope * x, slope


@leaky_relu.also_right
def leaky_by_autograd(x, negative_slope=0.01):
    x = x.clone().requires_grad_()
    value = F.leaky_relu(x, negative_slope)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), slope


@leaky_relu.also_right
def leaky_by_parts(x, negative_slope=0.01):
    positive = (x > 0).to(x.dtype)
    return x.clamp(min=0) + negative_slope * x.clamp(max=0), positive + negative_slope * (1 - positive)


@leaky_relu.also_right
def leaky_in_place(x, negative_slope=0.01):
    value, slope = x.clone(), torch.ones_like(x)
    value[x < 0] *= negative_slope
    slope[x < 0] = negative_slope
    return value, slope


@leaky_relu.also_right
def leaky_by_loop(x, negative_slope=0.01):
    slopes = [1.0 if number > 0 else negative_slope for number in x.flatten().tolist()]
    slope = torch.tensor(slopes, dtype=x.dtype).view(x.shape)
    return x * slope, slope


@leaky_relu.also_right
def leaky_by_sign(x, negative_slope=0.01):
    return F.leaky_relu(x, negative_slope), (1 + negative_slope) / 2 + (1 - negative_slope) / 2 * x.sign()


@leaky_relu.wrong("Below 0 you let nothing through: that is a plain ReLU. A leaky one has `negative_slope` there.")
def leaky_plain(x, negative_slope=0.01):
    return leaky_relu.function(x, 0.0)


@leaky_relu.wrong("The value is right, but the slope below 0 is not 0: there it is `negative_slope`.")
def leaky_slope_zero(x, negative_slope=0.01):
    return leaky_relu.function(x, negative_slope)[0], (x > 0).to(x.dtype)


@leaky_relu.wrong("Your slope is 0.001: torch's default is 0.01, ten times that.")
def leaky_thousandth(x, negative_slope=0.001):
    return leaky_relu.function(x, negative_slope)


@leaky_relu.wrong("You ignore `negative_slope`: 0.01 is only its default.")
def leaky_fixed(x, negative_slope=0.01):
    return leaky_relu.function(x)


@leaky_relu.wrong("Below 0 the value is `negative_slope` itself: multiply it by `x`.")
def leaky_constant(x, negative_slope=0.01):
    slope = leaky_relu.function(x, negative_slope)[1]
    return torch.where(x > 0, x, slope), slope


@leaky_relu.wrong("Your value below 0 is positive: the line goes on downwards, to `negative_slope * x`.")
def leaky_folded(x, negative_slope=0.01):
    value, slope = leaky_relu.function(x, negative_slope)
    return torch.where(x > 0, value, -value), slope


@leaky_relu.wrong(
    "Taking the larger of `x` and `negative_slope * x` works only for slopes up to 1: with 1.5 it takes the wrong "
    "line. Ask for the sign of `x`."
)
def leaky_by_maximum(x, negative_slope=0.01):
    return torch.maximum(x, negative_slope * x), leaky_relu.function(x, negative_slope)[1]


@leaky_relu.wrong("Your slope is divided by how many numbers there are: call `backward()` on the sum, not on the mean.")
def leaky_slope_of_mean(x, negative_slope=0.01):
    value, slope = leaky_relu.function(x, negative_slope)
    return value, slope / x.numel()


@leaky_relu.wrong("You return `(slope, value)`: the exercise asks for `(value, slope)`.")
def leaky_other_order(x, negative_slope=0.01):
    return leaky_relu.function(x, negative_slope)[::-1]


# 6. An activation that saturates


def _sigmoid_cases(seed):
    make = draws(seed)
    return [
        ("x (4, 3)", (2 * make(4, 3),), {}),
        ("x (2, 3, 2)", (make(2, 3, 2),), {}),
        (
            "x = −200, −20, 0, 20, 200 and one more",
            (torch.cat([torch.tensor([-200, -20, 0.0, 20, 200]), make(1)]),),
            {},
        ),
        ("one number", (make(1)[0],), {}),
    ]


@exercise(
    title="Sigmoid: value and slope",
    contract="`sigmoid(x)`: `x` has any shape and any size, ±200 too. Return `(value, slope)`, two tensors of the same "
    "shape and dtype: 1 / (1 + e^−x) and its derivative.  \n"
    "Example: for x = 0 the value is 0.5 and the slope 0.25.",
    hints=(
        "The derivative of 1 / (1 + e^−x) is e^−x / (1 + e^−x)². Try that at x = −200: what do you get, and why?",
        "e^200 is infinite in float32, and infinite / infinite is nan. The value itself stays between 0 and 1: write "
        "the slope with the value alone.",
        "`value = 1 / (1 + torch.exp(-x))`, and the slope is `value * (1 - value)`.",
    ),
    cases=_sigmoid_cases,
)
def sigmoid(x):
    """Apply the sigmoid, and give its slope.

    x: any shape. Returns (value, slope), each of the shape and dtype of x.
    """
    value = 1 / (1 + torch.exp(-x))
    return value, value * (1 - value)


@sigmoid.also_right
def sigmoid_by_autograd(x):
    x = x.detach().clone().requires_grad_()
    value = torch.sigmoid(x)
    (slope,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), slope


@sigmoid.also_right
def sigmoid_by_tanh(x):
    half = torch.tanh(x / 2)
    return (1 + half) / 2, (1 - half * half) / 4


@sigmoid.also_right
def sigmoid_by_loop(x):
    values = [1 / (1 + math.exp(-number)) for number in x.flatten().tolist()]
    value, slope = torch.tensor([values, [v * (1 - v) for v in values]], dtype=x.dtype)
    return value.view(x.shape), slope.view(x.shape)


@sigmoid.also_right
def sigmoid_in_place(x):
    value = x.clone().neg_().exp_().add_(1).reciprocal_()
    slope = value.clone()
    slope *= 1 - value
    return [value, slope]


@sigmoid.also_right
def sigmoid_of_two_classes(x):
    yes, no = torch.stack([x, torch.zeros_like(x)]).softmax(0)
    return yes, yes * no


@sigmoid.wrong("Your slope is nan where e^−x is too large for a float: use the value, `value * (1 - value)`.")
def sigmoid_overflows(x):
    e = torch.exp(-x)
    return 1 / (1 + e), e / (1 + e) ** 2


@sigmoid.wrong("Your value is nan for large `x`, because e^x is infinite there: use e^−x, or `torch.sigmoid`.")
def sigmoid_overflows_above(x):
    value = torch.exp(x) / (1 + torch.exp(x))
    return value, value * (1 - value)


@sigmoid.wrong("The sign of the exponent is missing: it is e^−x, and the value grows with `x`.")
def sigmoid_mirrored(x):
    return sigmoid.function(-x)


@sigmoid.wrong("This is the slope of tanh, 1 − value². The sigmoid's is value · (1 − value).")
def sigmoid_slope_of_tanh(x):
    value = torch.sigmoid(x)
    return value, 1 - value**2


@sigmoid.wrong("Your slope is the sigmoid of the value: σ(x)·(1 − σ(x)) takes the value as it is.")
def sigmoid_twice(x):
    value = torch.sigmoid(x)
    return value, sigmoid.function(value)[1]


@sigmoid.wrong("Your slope is `x * (1 - x)`: put the value in, not `x`.")
def sigmoid_slope_of_x(x):
    return torch.sigmoid(x), x * (1 - x)


@sigmoid.wrong("Your slope is negative: the sigmoid always goes up, so it is `value * (1 - value)`.")
def sigmoid_slope_down(x):
    value = torch.sigmoid(x)
    return value, value * (value - 1)


@sigmoid.wrong("This is tanh, which goes from −1 to 1: the sigmoid goes from 0 to 1.")
def sigmoid_as_tanh(x):
    value = torch.tanh(x)
    return value, 1 - value**2


@sigmoid.wrong("You return `(slope, value)`: the exercise asks for `(value, slope)`.")
def sigmoid_other_order(x):
    return sigmoid.function(x)[::-1]


# 7. The gradient through a stack


def _stack_cases(seed):
    make = draws(seed)
    return [
        ("x (5,), n=3", (make(5), 3), {}),
        ("x (4, 2), n=1", (2 * make(4, 2), 1), {}),
        ("x (3,), n=2", (make(3), 2), {}),
        ("x (6,), n=7", (make(6) / 2, 7), {}),
        ("x (3,), n=0", (make(3), 0), {}),
    ]


@exercise(
    title="What is left after a stack of tanh",
    contract="`stack_slope(x, n)`: apply tanh `n` times, one after the other: tanh(tanh(…tanh(x))). Return the "
    "derivative of the end with respect to `x`, number by number, a tensor of the shape and dtype of `x`.  \n"
    "Example: for n = 1 it is 1 − tanh(x)², for n = 0 it is 1.",
    hints=(
        "The chain rule: the slope of a chain is the product of its links' slopes.",
        "Each link's slope is taken at its own input, which is the output of the link before.",
        "Start with `slope = torch.ones_like(x)`. `n` times: `x = torch.tanh(x)`, then `slope = slope * (1 - x**2)`.",
    ),
    cases=_stack_cases,
)
def stack_slope(x, n):
    """Return the derivative of tanh applied n times.

    x: any shape; n: how many times, >= 0. Returns a tensor of the shape and dtype of x.
    """
    slope = torch.ones_like(x)
    for _ in range(n):
        x = torch.tanh(x)
        slope = slope * (1 - x**2)
    return slope


@stack_slope.also_right
def stack_by_autograd(x, n):
    start = y = x.clone().requires_grad_()
    for _ in range(n):
        y = y.tanh()
    return torch.autograd.grad(y.sum(), start)[0]


@stack_slope.also_right
def stack_by_recursion(x, n):
    if n == 0:
        return torch.ones_like(x)
    return stack_by_recursion(torch.tanh(x), n - 1) / torch.cosh(x) ** 2


@stack_slope.also_right
def stack_by_loops(x, n):
    slopes = []
    for number in x.flatten().tolist():
        slope = 1.0
        for _ in range(n):
            number = math.tanh(number)
            slope *= 1 - number**2
        slopes.append(slope)
    return torch.tensor(slopes, dtype=x.dtype).view(x.shape)


@stack_slope.also_right
def stack_in_place(x, n):
    x, slope = x.clone(), x.new_ones(x.shape)
    while n > 0:
        slope *= 1 - x.tanh_().square()
        n -= 1
    return slope


def _slopes(x, n):
    slopes = []
    for _ in range(n):
        x = torch.tanh(x)
        slopes.append(1 - x**2)
    return slopes


@stack_slope.wrong(
    "You take the slope at the first input each time: each tanh has the output of the one before as its input."
)
def stack_same_place(x, n):
    return (1 - torch.tanh(x) ** 2) ** n


@stack_slope.wrong("You add the slopes up: along a chain they are multiplied.")
def stack_sum(x, n):
    return sum(_slopes(x, n), torch.zeros_like(x))


@stack_slope.wrong("This is the slope of the last tanh alone: multiply the slopes of all of them.")
def stack_last(x, n):
    return _slopes(x, n)[-1] if n else torch.ones_like(x)


@stack_slope.wrong("This is the value at the end: the derivative is asked for.")
def stack_value(x, n):
    for _ in range(n):
        x = torch.tanh(x)
    return x.clone()


@stack_slope.wrong(
    "Your slopes come one step late: the slope of tanh at `x` is 1 − tanh(x)². You took 1 − x², with the input."
)
def stack_of_inputs(x, n):
    slope = torch.ones_like(x)
    for _ in range(n):
        slope, x = slope * (1 - x**2), torch.tanh(x)
    return slope


@stack_slope.wrong(
    "With n = 0 you return the number 1: start with `torch.ones_like(x)`, which has the shape and dtype of `x`."
)
def stack_from_one(x, n):
    return stack_slope.function(x, n) if n else 1


@stack_slope.wrong("There is one tanh too few: `range(n)` counts from 0 and gives exactly n of them.")
def stack_short(x, n):
    return stack_slope.function(x, n - 1)


@stack_slope.wrong("There is one tanh too many: with n = 1 only the slope of one is asked.")
def stack_long(x, n):
    return stack_slope.function(x, n + 1)


@stack_slope.wrong("The square is missing: the slope of tanh is 1 − tanh².")
def stack_without_square(x, n):
    slope = torch.ones_like(x)
    for _ in range(n):
        x = torch.tanh(x)
        slope = slope * (1 - x)
    return slope
