"""The exercises of notebook 09, normalization: batch norm with its memory, three norms without one, and a fold."""

import copy
import random

import torch
from torch import nn
from torch.nn import functional as F

from .cases import NOT_LOOKED_AT, draws
from .engine import Refused, exercise, kind_of


def _maps(numbers, *shape):
    """Return maps (N, C, H, W) of which each image and each channel has a middle and a spread of its own."""
    n, c = shape[:2]
    return numbers(*shape) * (0.5 + numbers(n, c, 1, 1).abs()) + 2 * numbers(n, c, 1, 1) + 3


# 1. Batch norm


def _batch_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for channels, settings, sizes in (
        (choose.choice((5, 6)), {}, ((2, 3, 4), (3, 7, 4), (4, 7, 2))),
        (3, {"eps": 0.5, "momentum": 0.3}, ((5, 4, 2), (2, 2, 4), (4, 5, 6))),
        (4, {"momentum": 0.6}, ((3, 2, 6), (2, 5, 3), (6, 3, 2))),
        (2, {"eps": 0.02}, ((7, 5, 3), (3, 3, 4), (2, 4, 5))),
    ):
        batches = [_maps(numbers, n, channels, h, w) * (0.1 if "eps" in settings else 1) for n, h, w in sizes]
        words = "".join(f", {name} {value}" for name, value in settings.items())
        label = f"{channels} channels{words}, batches of {', '.join(str(n) for n, _, _ in sizes)} images"
        cases.append((label, (seed, *batches), settings))
    return cases


def _unchanged(norm, x):
    """Return what the norm makes of x, which must stay as it is."""
    before = x.clone()
    output = norm(x)
    if not torch.equal(x, before):
        raise Refused(
            "Your `forward` changes its input `x`: make a new tensor, without `x -= …`, `x.sub_` and the like."
        )
    return output


def _used_batch_norm(answer, seed, first, second, third, **settings):
    """Give a norm two batches in training and one in eval mode, and return all that it did."""
    channels = first.shape[1]
    norm = answer(channels, **settings)
    rest = ("outputs in training", "running_mean", "running_var", "output in eval", "statistics after eval")
    rest += ("gradients", "learned")
    held = {name: value for name, value in norm.named_buffers() if name != "num_batches_tracked"}
    seen = {
        "parameters": ", ".join(f"{name} {tuple(value.shape)}" for name, value in sorted(norm.named_parameters())),
        "buffers": ", ".join(f"{name} {tuple(value.shape)}" for name, value in sorted(held.items())),
    }
    if seen["parameters"] != f"bias ({channels},), weight ({channels},)":
        return seen | dict.fromkeys(("at first", *rest), NOT_LOOKED_AT)
    if seen["buffers"] != f"running_mean ({channels},), running_var ({channels},)":
        return seen | dict.fromkeys(("at first", *rest), NOT_LOOKED_AT)
    norm = norm.to(first.dtype)
    state = {name: value for name, value in norm.state_dict().items() if name != "num_batches_tracked"}
    seen["at first"] = {name: value.clone() for name, value in sorted(state.items())}
    numbers = draws(seed + 300)
    with torch.no_grad():
        norm.weight.copy_(numbers(channels))
        norm.bias.copy_(numbers(channels))
    known = {name: getattr(norm, name).detach().clone() for name in ("weight", "bias")}

    norm.train()
    outputs, means, variances = {}, {}, {}
    for number, x in enumerate((first, second), start=1):
        outputs[f"batch {number}"] = _unchanged(norm, x)
        if norm.running_mean.requires_grad or norm.running_var.requires_grad:
            raise Refused(
                "Your running statistics carry the graph of every batch along: update them under `torch.no_grad()`, or "
                "from `mean.detach()`."
            )
        means[f"after batch {number}"] = norm.running_mean.clone()
        variances[f"after batch {number}"] = norm.running_var.clone()
    seen |= {"outputs in training": outputs, "running_mean": means, "running_var": variances}
    leaf = first.clone().requires_grad_()
    result = norm.train()(leaf)
    if isinstance(result, torch.Tensor) and result.is_floating_point() and result.requires_grad:
        weights = numbers(*first.shape).to(first.dtype)
        if result.shape == first.shape:
            gradients = torch.autograd.grad(
                (result * weights).sum(), [leaf, norm.weight, norm.bias], allow_unused=True, materialize_grads=True
            )
            seen["gradients"] = dict(zip(("x", "weight", "bias"), gradients, strict=True))
    seen.setdefault("gradients", NOT_LOOKED_AT)
    norm.eval()
    before = [norm.running_mean.clone(), norm.running_var.clone()]
    seen["output in eval"] = _unchanged(norm, third)
    alike = torch.equal(before[0], norm.running_mean) and torch.equal(before[1], norm.running_var)
    seen["statistics after eval"] = "as before" if alike else "changed"
    same = all(torch.equal(known[name], getattr(norm, name)) for name in known)
    return seen | {"learned": "weight and bias as they were" if same else "weight or bias changed by forward"}


class _BatchNorm(nn.Module):
    """Batch norm in one of many right or wrong versions: what differs is overridden."""

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def statistics(self, x):
        """Return mean and biased variance, (C,), and from how many values."""
        return x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0), x[:, 0].numel()

    def kept(self, mean, var, count):
        """Return what of a batch goes into the running statistics."""
        return mean, var * count / (count - 1)

    def update(self, mean, var):
        self.running_mean.mul_(1 - self.momentum).add_(self.momentum * mean)
        self.running_var.mul_(1 - self.momentum).add_(self.momentum * var)

    def used(self, mean, var, count):
        """Return what a batch is normalised with in training."""
        return mean, var

    def root(self, var):
        return (var + self.eps).sqrt()

    def forward(self, x):
        mean, var = self.running_mean, self.running_var
        if self.training:
            mean, var, count = self.statistics(x)
            with torch.no_grad():
                self.update(*self.kept(mean, var, count))
            mean, var = self.used(mean, var, count)
        return self.apply_to(x, mean, var)

    def apply_to(self, x, mean, var):
        def shaped(value):
            return value[:, None, None]

        return shaped(self.weight) * (x - shaped(mean)) / shaped(self.root(var)) + shaped(self.bias)


@exercise(
    title="Batch norm with its running statistics",
    contract="`BatchNorm(num_features, eps=1e-5, momentum=0.1)`: an `nn.Module` for maps (N, C, H, W), C = "
    "`num_features`. Parameters `weight` (ones) and `bias` (zeros), buffers `running_mean` (zeros) and `running_var` "
    "(ones), all (C,). In training each channel is brought to mean 0 and variance 1 over N, H and W, with the *biased* "
    "variance; then the running statistics move by `momentum` towards the batch's mean and its *unbiased* variance. In "
    "eval mode the running statistics are used, and stay as they are. Both times follow `weight` and `bias`.  \n"
    "Example: after one batch with mean 5 in channel 0, `running_mean[0]` is 0.9 · 0 + 0.1 · 5 = 0.5.",
    hints=(
        "Which three axes does a channel's mean run over? And which of your numbers must be saved, but not learned?",
        "`x.mean((0, 2, 3))` and `x.var((0, 2, 3), correction=0)`, both (C,). `[:, None, None]` gives them the shape "
        "(C, 1, 1). Ask `self.training` for the mode.",
        "In training, under `torch.no_grad()`: `self.running_mean.lerp_(mean, self.momentum)`, and the same for "
        "`running_var` with `x.var((0, 2, 3))`, which divides by n − 1. Then `(x - mean) / (var + eps).sqrt()`.",
    ),
    cases=_batch_cases,
    use=_used_batch_norm,
)
class BatchNorm(nn.Module):
    """Batch norm for maps: (N, C, H, W) -> (N, C, H, W).

    num_features: C; eps: added to the variance; momentum: how far the running statistics move to each batch.
    """

    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        """Make the parameters weight and bias, and the buffers running_mean and running_var."""
        super().__init__()
        self.eps, self.momentum = eps, momentum
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, x):
        """Normalise x (N, C, H, W), and in training update the running statistics."""
        if self.training:
            mean, var = x.mean((0, 2, 3)), x.var((0, 2, 3), correction=0)
            with torch.no_grad():
                self.running_mean.lerp_(mean, self.momentum)
                self.running_var.lerp_(x.var((0, 2, 3)), self.momentum)
        else:
            mean, var = self.running_mean, self.running_var
        x = (x - mean[:, None, None]) / (var[:, None, None] + self.eps).sqrt()
        return self.weight[:, None, None] * x + self.bias[:, None, None]


@BatchNorm.also_right
class BatchNormOfTorch(nn.BatchNorm2d):
    pass


@BatchNorm.also_right
class BatchNormInParts(_BatchNorm):
    pass


@BatchNorm.also_right
class BatchNormByChannel(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.register_parameter("weight", nn.Parameter(torch.full((num_features,), 1.0)))
        self.register_parameter("bias", nn.Parameter(torch.full((num_features,), 0.0)))
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))
        self.settings = eps, momentum

    def forward(self, x):
        eps, momentum = self.settings
        channels = []
        for c in range(x.shape[1]):
            values = x[:, c].reshape(-1)
            mean, var = self.running_mean[c].clone(), self.running_var[c].clone()
            if self.training:
                mean = values.sum() / len(values)
                squares = ((values - mean) ** 2).sum()
                var = squares / len(values)
                unbiased = squares.detach() / (len(values) - 1)
                self.running_mean[c] = (1 - momentum) * self.running_mean[c] + momentum * mean.detach()
                self.running_var[c] = (1 - momentum) * self.running_var[c] + momentum * unbiased
            channels.append(self.weight[c] * (x[:, c] - mean) * torch.rsqrt(var + eps) + self.bias[c])
        return torch.stack(channels, dim=1)


@BatchNorm.also_right
class BatchNormReplaced(_BatchNorm):
    def update(self, mean, var):
        self.running_mean = self.running_mean + self.momentum * (mean - self.running_mean)
        self.running_var = torch.lerp(self.running_var, var, self.momentum)


@BatchNorm.also_right
class BatchNormFunctional(_BatchNorm):
    def forward(self, x):
        memory, learned = (self.running_mean, self.running_var), (self.weight, self.bias)
        return F.batch_norm(x, *memory, *learned, self.training, self.momentum, self.eps)


@BatchNorm.also_right
class BatchNormOfSquares(_BatchNorm):
    def statistics(self, x):
        mean = x.mean((0, 2, 3))
        return mean, x.square().mean((0, 2, 3)) - mean**2, x[:, 0].numel()

    def apply_to(self, x, mean, var):
        scale = self.weight * self.root(var) ** -1
        return torch.einsum("nchw,c->nchw", x, scale) + (self.bias - mean * scale).view(-1, 1, 1)


@BatchNorm.wrong(
    "Your running statistics never change: in training, move `running_mean` and `running_var` by `momentum` towards "
    "those of the batch."
)
class BatchNormNeverUpdates(_BatchNorm):
    def update(self, mean, var):
        pass


@BatchNorm.wrong("Your `running_var` never changes: it moves with each batch in training, as `running_mean` does.")
class BatchNormMeanOnly(_BatchNorm):
    def update(self, mean, var):
        super().update(mean, self.running_var.clone())


@BatchNorm.wrong("Your `running_mean` never changes: it moves with each batch in training, as `running_var` does.")
class BatchNormVarOnly(_BatchNorm):
    def update(self, mean, var):
        super().update(self.running_mean.clone(), var)


@BatchNorm.wrong(
    "You update the running statistics in eval mode too: there they are only used. Ask `self.training` first."
)
class BatchNormUpdatesInEval(_BatchNorm):
    def forward(self, x):
        output = super().forward(x)
        if not self.training:
            with torch.no_grad():
                self.update(*self.kept(*self.statistics(x)))
        return output


@BatchNorm.wrong("In eval mode you use the batch's own statistics: there the running ones stand in for them.")
class BatchNormBatchInEval(_BatchNorm):
    def forward(self, x):
        mean, var, count = self.statistics(x)
        if self.training:
            with torch.no_grad():
                self.update(*self.kept(mean, var, count))
        return self.apply_to(x, mean, var)


@BatchNorm.wrong("In training you use the running statistics: there a batch is normalised with its own.")
class BatchNormRunningInTraining(_BatchNorm):
    def used(self, mean, var, count):
        return self.running_mean.clone(), self.running_var.clone()


@BatchNorm.wrong("Your `running_var` keeps the biased variance: for it divide by n − 1, `correction=1`.")
class BatchNormBiasedKept(_BatchNorm):
    def kept(self, mean, var, count):
        return mean, var


@BatchNorm.wrong("You normalise with the unbiased variance: in training divide by n, `correction=0`.")
class BatchNormUnbiasedUsed(_BatchNorm):
    def used(self, mean, var, count):
        return mean, var * count / (count - 1)


@BatchNorm.wrong(
    "You have the two variances swapped: the biased one normalises the batch, the unbiased one goes into `running_var`."
)
class BatchNormSwapped(BatchNormBiasedKept):
    def used(self, mean, var, count):
        return mean, var * count / (count - 1)


@BatchNorm.wrong(
    "You normalise each image by itself: a channel's mean runs over the batch too, over the axes 0, 2 and 3. Yours is "
    "an instance norm."
)
class BatchNormPerImage(_BatchNorm):
    def apply_to(self, x, mean, var):
        if self.training:
            mean, var = x.mean((2, 3)), x.var((2, 3), correction=0)
            x = (x - mean[..., None, None]) / self.root(var)[..., None, None]
            return self.weight[:, None, None] * x + self.bias[:, None, None]
        return super().apply_to(x, mean, var)


@BatchNorm.wrong(
    "All your channels share one mean: each channel has its own. Leave axis 1 out of the axes that you average over."
)
class BatchNormOneMean(_BatchNorm):
    def statistics(self, x):
        one = torch.ones_like(self.running_mean)
        return one * x.mean(), one * x.var(correction=0), x.numel()


@BatchNorm.wrong("You average over the batch alone, place by place: the mean of a channel runs over H and W too.")
class BatchNormOverBatch(_BatchNorm):
    def apply_to(self, x, mean, var):
        if self.training:
            x = (x - x.mean(0)) / self.root(x.var(0, correction=0))
            return self.weight[:, None, None] * x + self.bias[:, None, None]
        return super().apply_to(x, mean, var)


@BatchNorm.wrong("You forget `eps`: without it, a channel without any spread is divided by zero.")
class BatchNormWithoutEps(_BatchNorm):
    def root(self, var):
        return var.sqrt()


@BatchNorm.wrong("Your `eps` stands outside the root: it is added to the variance, before the square root.")
class BatchNormEpsOutside(_BatchNorm):
    def root(self, var):
        return var.sqrt() + self.eps


@BatchNorm.wrong("You divide by the variance: divide by its square root, the standard deviation.")
class BatchNormByVariance(_BatchNorm):
    def root(self, var):
        return var + self.eps


@BatchNorm.wrong("Your eps is always 1e-5: use the one that was given.")
class BatchNormFixedEps(_BatchNorm):
    def root(self, var):
        return (var + 1e-5).sqrt()


@BatchNorm.wrong(
    "Your momentum is the wrong way round: `momentum` is the share of the new batch, so a small one remembers long."
)
class BatchNormMomentumOfOld(_BatchNorm):
    def update(self, mean, var):
        for held, new in ((self.running_mean, mean), (self.running_var, var)):
            held.mul_(self.momentum).add_((1 - self.momentum) * new)


@BatchNorm.wrong("Your momentum is always 0.1: use the one that was given.")
class BatchNormFixedMomentum(_BatchNorm):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, 0.1)


@BatchNorm.wrong("Your running statistics are those of the last batch alone: keep 1 − momentum of the old ones.")
class BatchNormLastBatch(_BatchNorm):
    def update(self, mean, var):
        self.running_mean.copy_(mean)
        self.running_var.copy_(var)


@BatchNorm.wrong("Your `weight` and `bias` do nothing: multiply by the one and add the other at the end.")
class BatchNormNoAffine(_BatchNorm):
    def apply_to(self, x, mean, var):
        return (x - mean[:, None, None]) / self.root(var)[:, None, None]


@BatchNorm.wrong("Your `bias` is missing at the end: add it after the multiplication by `weight`.")
class BatchNormNoBias(_BatchNorm):
    def apply_to(self, x, mean, var):
        return super().apply_to(x, mean, var) - self.bias[:, None, None]


@BatchNorm.wrong("In training no gradient flows through mean and variance: leave `.detach()` out of them.")
class BatchNormDetached(_BatchNorm):
    def used(self, mean, var, count):
        return mean.detach(), var.detach()


@BatchNorm.wrong(
    "Your running statistics are not buffers, so they are neither saved nor moved: use `self.register_buffer(name, "
    "tensor)`."
)
class BatchNormPlain(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(num_features))
        self.bias = nn.Parameter(torch.zeros(num_features))


@BatchNorm.wrong(
    "Your running statistics are parameters: an optimizer would change them. They are buffers: "
    "`self.register_buffer(name, tensor)`."
)
class BatchNormLearnedStatistics(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        for name in ("weight", "bias", "running_mean", "running_var"):
            setattr(self, name, nn.Parameter(torch.ones(num_features)))


@BatchNorm.wrong(
    "Your `weight` and `bias` are not registered, so no optimizer finds them: wrap each in `nn.Parameter(...)`."
)
class BatchNormNotLearned(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))


@BatchNorm.wrong("Your `running_var` starts at 0: before any batch it is 1, so that eval mode divides by something.")
class BatchNormZeroVariance(_BatchNorm):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        super().__init__(num_features, eps, momentum)
        self.running_var.zero_()


@BatchNorm.wrong("Call `super().__init__()` first in your `__init__`: without it the module cannot register anything.")
class BatchNormWithoutSuper(nn.Module):
    def __init__(self, num_features, eps=1e-5, momentum=0.1):
        self.weight = nn.Parameter(torch.ones(num_features))


# 2. to 4. Three norms without a memory


def _normalised(x, axes, eps, *, correction=0, root=torch.sqrt):
    """Return x with mean 0 and variance 1 over the axes."""
    var, mean = torch.var_mean(x, axes, correction=correction, keepdim=True)
    return (x - mean) / root(var + eps)


def _layer_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for number, shape in enumerate(((2, 3, choose.choice((5, 6)), 4), (4, 2, 3, 5), (3, 5, 2, 4), (2, 4, 1, 3))):
        settings = ({}, {"eps": 0.3}, {"eps": 2.0}, {})[number]
        words = "".join(f", {name} {value}" for name, value in settings.items())
        weight, bias = numbers(*shape[1:]), numbers(*shape[1:])
        cases.append((f"x {shape}{words}", (_maps(numbers, *shape), weight, bias), settings))
    return cases


@exercise(
    title="Layer norm",
    contract="`layer_norm(x, weight, bias, eps=1e-5)`: `x` is (N, C, H, W). Bring each image to mean 0 and variance 1 "
    "over its C, H and W (biased variance, `eps` added to it), then multiply by `weight` and add `bias`, both "
    "(C, H, W). The answer keeps the dtype and the gradient.  \n"
    "Example: each of 8 images of (3, 32, 32) has one mean, of 3072 values.",
    hints=(
        "How many means does a batch of N images have?",
        "`x.mean((1, 2, 3), keepdim=True)` is (N, 1, 1, 1), so it can be subtracted from `x`.",
        "`x.var((1, 2, 3), correction=0, keepdim=True)` is the biased variance. Then `(x - mean) / (var + eps).sqrt() "
        "* weight + bias`.",
    ),
    cases=_layer_cases,
    gradients=True,
)
def layer_norm(x, weight, bias, eps=1e-5):
    """Return x with mean 0 and variance 1 in each image, times weight, plus bias.

    x: (N, C, H, W); weight, bias: (C, H, W); eps: added to the variance.
    Returns (N, C, H, W); it keeps the dtype and the gradient.
    """
    mean = x.mean((1, 2, 3), keepdim=True)
    var = x.var((1, 2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt() * weight + bias


@layer_norm.also_right
def layer_by_torch(x, weight, bias, eps=1e-5):
    return F.layer_norm(x, x.shape[1:], weight, bias, eps)


@layer_norm.also_right
def layer_by_rows(x, weight, bias, eps=1e-5):
    rows = x.flatten(1)
    rows = rows - rows.sum(1, keepdim=True) / rows.shape[1]
    rows = rows * torch.rsqrt((rows * rows).mean(1, keepdim=True) + eps)
    return torch.addcmul(bias, rows.view(x.shape), weight)


@layer_norm.also_right
def layer_by_loop(x, weight, bias, eps=1e-5):
    out = [(image - image.mean()) / torch.sqrt(image.var(correction=0) + eps) for image in x]
    return torch.stack(out).mul(weight).add(bias)


@layer_norm.also_right
def layer_of_squares(x, weight, bias, eps=1e-5):
    mean = x.mean((1, 2, 3), keepdim=True)
    var = x.square().mean((1, 2, 3), keepdim=True) - mean**2
    return (x - mean) / (var + eps) ** 0.5 * weight + bias


@layer_norm.also_right
def layer_by_a_layer(x, weight, bias, eps=1e-5):
    norm = nn.LayerNorm(x.shape[1:], eps=eps)
    return torch.func.functional_call(norm, {"weight": weight, "bias": bias}, (x,))


@layer_norm.wrong("You average over the batch too: each image is brought to mean 0 by itself, over the axes 1, 2, 3.")
def layer_over_all(x, weight, bias, eps=1e-5):
    return _normalised(x, (0, 1, 2, 3), eps) * weight + bias


@layer_norm.wrong("You normalise each channel over the batch: that is batch norm. Take each image by itself.")
def layer_as_batch(x, weight, bias, eps=1e-5):
    return _normalised(x, (0, 2, 3), eps) * weight + bias


@layer_norm.wrong(
    "You normalise each channel of an image by itself: that is instance norm. Average over the channels as well."
)
def layer_as_instance(x, weight, bias, eps=1e-5):
    return _normalised(x, (2, 3), eps) * weight + bias


@layer_norm.wrong("You average over the channels alone, place by place: H and W belong to the mean as well.")
def layer_over_channels(x, weight, bias, eps=1e-5):
    return _normalised(x, (1,), eps) * weight + bias


@layer_norm.wrong("You average over the last axis alone: the mean of an image runs over C, H and W.")
def layer_over_rows(x, weight, bias, eps=1e-5):
    return _normalised(x, (3,), eps) * weight + bias


@layer_norm.wrong("You divide the squares by n − 1: norms use the biased variance, `correction=0`.")
def layer_unbiased(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), eps, correction=1) * weight + bias


@layer_norm.wrong("You forget `eps`: it is added to the variance before the root.")
def layer_without_eps(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), 0) * weight + bias


@layer_norm.wrong("Your eps is always 1e-5: use the one that was given.")
def layer_fixed_eps(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), 1e-5) * weight + bias


@layer_norm.wrong("Your `eps` stands outside the root: it is added to the variance, before the square root.")
def layer_eps_outside(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), 0, root=lambda var: var.sqrt() + eps) * weight + bias


@layer_norm.wrong("You divide by the variance: divide by its square root, the standard deviation.")
def layer_by_variance(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), eps, root=lambda var: var) * weight + bias


@layer_norm.wrong("You have `weight` and `bias` exchanged: multiply by `weight`, add `bias`.")
def layer_exchanged(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), eps) * bias + weight


@layer_norm.wrong("You leave `weight` and `bias` out: they come last, a product and a sum place by place.")
def layer_without_affine(x, weight, bias, eps=1e-5):
    return _normalised(x, (1, 2, 3), eps)


@layer_norm.wrong("You add `bias` before you multiply: first times `weight`, then plus `bias`.")
def layer_bias_first(x, weight, bias, eps=1e-5):
    return (_normalised(x, (1, 2, 3), eps) + bias) * weight


@layer_norm.wrong("The mean is still in it: subtract it before you divide.")
def layer_keeps_mean(x, weight, bias, eps=1e-5):
    return x / (x.var((1, 2, 3), correction=0, keepdim=True) + eps).sqrt() * weight + bias


def _instance_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for number, shape in enumerate(((2, 3, choose.choice((5, 6)), 4), (4, 2, 3, 5), (3, 5, 1, 4), (1, 4, 2, 3))):
        settings = ({}, {"eps": 0.3}, {"eps": 2.0}, {})[number]
        words = "".join(f", {name} {value}" for name, value in settings.items())
        cases.append((f"x {shape}{words}", (_maps(numbers, *shape),), settings))
    return cases


@exercise(
    title="Instance norm",
    contract="`instance_norm(x, eps=1e-5)`: `x` is (N, C, H, W). Bring each channel of each image to mean 0 and "
    "variance 1, over its H and W alone (biased variance, `eps` added to it). There is no weight and no bias: "
    "torch's `InstanceNorm2d` has none by default. The answer keeps the dtype and the gradient.  \n"
    "Example: 8 images with 3 channels have 24 means.",
    hints=(
        "It is the norm with the most means. Which two axes are averaged away?",
        "`x.mean((2, 3), keepdim=True)` is (N, C, 1, 1).",
        "`(x - mean) / (var + eps).sqrt()`, with `var = x.var((2, 3), correction=0, keepdim=True)`.",
    ),
    cases=_instance_cases,
    gradients=True,
)
def instance_norm(x, eps=1e-5):
    """Return x with mean 0 and variance 1 in each channel of each image.

    x: (N, C, H, W); eps: added to the variance.
    Returns (N, C, H, W); it keeps the dtype and the gradient.
    """
    mean = x.mean((2, 3), keepdim=True)
    var = x.var((2, 3), correction=0, keepdim=True)
    return (x - mean) / (var + eps).sqrt()


@instance_norm.also_right
def instance_by_torch(x, eps=1e-5):
    return F.instance_norm(x, eps=eps)


@instance_norm.also_right
def instance_by_groups(x, eps=1e-5):
    return F.group_norm(x, x.shape[1], eps=eps)


@instance_norm.also_right
def instance_by_rows(x, eps=1e-5):
    rows = x.flatten(2)
    rows = rows - rows.mean(2, keepdim=True)
    return (rows / torch.sqrt(rows.square().mean(2, keepdim=True) + eps)).view(x.shape)


@instance_norm.also_right
def instance_by_loops(x, eps=1e-5):
    out = torch.zeros_like(x)
    for n in range(x.shape[0]):
        for c in range(x.shape[1]):
            channel = x[n, c]
            out[n, c] = (channel - channel.mean()) / (channel.var(correction=0) + eps).sqrt()
    return out


@instance_norm.also_right
def instance_by_batch_norm(x, eps=1e-5):
    return F.batch_norm(x.reshape(1, -1, *x.shape[2:]), None, None, training=True, eps=eps).view(x.shape)


@instance_norm.wrong("You average over the batch too: that is batch norm. Leave axis 0 out.")
def instance_as_batch(x, eps=1e-5):
    return _normalised(x, (0, 2, 3), eps)


@instance_norm.wrong("You average over the channels too: that is layer norm. Leave axis 1 out.")
def instance_as_layer(x, eps=1e-5):
    return _normalised(x, (1, 2, 3), eps)


@instance_norm.wrong("You average over the last axis alone: the mean of a map runs over H and W.")
def instance_over_rows(x, eps=1e-5):
    return _normalised(x, (3,), eps)


@instance_norm.wrong("You divide the squares by n − 1: norms use the biased variance, `correction=0`.")
def instance_unbiased(x, eps=1e-5):
    return _normalised(x, (2, 3), eps, correction=1)


@instance_norm.wrong("You forget `eps`: it is added to the variance before the root.")
def instance_without_eps(x, eps=1e-5):
    return _normalised(x, (2, 3), 0)


@instance_norm.wrong("Your eps is always 1e-5: use the one that was given.")
def instance_fixed_eps(x, eps=1e-5):
    return _normalised(x, (2, 3), 1e-5)


@instance_norm.wrong("Your `eps` stands outside the root: it is added to the variance, before the square root.")
def instance_eps_outside(x, eps=1e-5):
    return _normalised(x, (2, 3), 0, root=lambda var: var.sqrt() + eps)


@instance_norm.wrong("You divide by the variance: divide by its square root, the standard deviation.")
def instance_by_variance(x, eps=1e-5):
    return _normalised(x, (2, 3), eps, root=lambda var: var)


@instance_norm.wrong("You only subtract the mean: divide by the standard deviation as well.")
def instance_mean_only(x, eps=1e-5):
    return x - x.mean((2, 3), keepdim=True)


def _group_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for number, (shape, num_groups) in enumerate(
        (
            ((2, 6, choose.choice((4, 5)), 3), 3),
            ((3, 8, 2, 5), 2),
            ((2, 5, 3, 4), 5),
            ((4, 6, 2, 3), 1),
            ((3, 4, 5, 2), 2),
        )
    ):
        settings = ({}, {"eps": 0.3}, {}, {"eps": 2.0}, {})[number]
        words = "".join(f", {name} {value}" for name, value in settings.items())
        x, weight, bias = _maps(numbers, *shape), numbers(shape[1]), numbers(shape[1])
        cases.append((f"x {shape}, num_groups {num_groups}{words}", (x, num_groups, weight, bias), settings))
    return cases


def _grouped(x, num_groups, eps, **more):
    """Return x normalised over groups of neighbouring channels of each image."""
    return _normalised(x.view(len(x), num_groups, -1), (2,), eps, **more).view(x.shape)


def _affine(x, weight, bias):
    return x * weight[:, None, None] + bias[:, None, None]


@exercise(
    title="Group norm",
    contract="`group_norm(x, num_groups, weight, bias, eps=1e-5)`: `x` is (N, C, H, W), and C is a multiple of "
    "`num_groups`. Cut the channels into that many groups of **neighbours**; bring each group of each image to mean 0 "
    "and variance 1 (biased variance, `eps` added to it). Then `weight` and `bias`, both (C,), act on each channel. "
    "The answer keeps the dtype and the gradient.  \n"
    "Example: 6 channels in 3 groups: the channels 0 and 1 share a mean, 2 and 3, 4 and 5.",
    hints=(
        "With one group it is a layer norm, with C groups an instance norm. What must change in between?",
        "`x.reshape(N, num_groups, -1)` lays all numbers of a group into one row.",
        "Normalise the rows over their last axis, reshape to `x.shape`, then `* weight[:, None, None] + bias[:, None, "
        "None]`.",
    ),
    cases=_group_cases,
    gradients=True,
)
def group_norm(x, num_groups, weight, bias, eps=1e-5):
    """Return x with mean 0 and variance 1 in each group of channels of each image, times weight, plus bias.

    x: (N, C, H, W); num_groups: a divisor of C; weight, bias: (C,); eps: added to the variance.
    Returns (N, C, H, W); it keeps the dtype and the gradient.
    """
    rows = x.reshape(len(x), num_groups, -1)
    mean = rows.mean(2, keepdim=True)
    var = rows.var(2, correction=0, keepdim=True)
    out = ((rows - mean) / (var + eps).sqrt()).reshape(x.shape)
    return out * weight[:, None, None] + bias[:, None, None]


@group_norm.also_right
def group_by_torch(x, num_groups, weight, bias, eps=1e-5):
    return F.group_norm(x, num_groups, weight, bias, eps)


@group_norm.also_right
def group_by_chunks(x, num_groups, weight, bias, eps=1e-5):
    parts = [_normalised(part, (1, 2, 3), eps) for part in x.chunk(num_groups, dim=1)]
    return torch.cat(parts, dim=1) * weight.view(1, -1, 1, 1) + bias.view(1, -1, 1, 1)


@group_norm.also_right
def group_by_five_axes(x, num_groups, weight, bias, eps=1e-5):
    n, c, h, w = x.shape
    x = x.view(n, num_groups, c // num_groups, h, w)
    x = x - x.mean(dim=(2, 3, 4), keepdim=True)
    x = x * (x.pow(2).mean(dim=(2, 3, 4), keepdim=True) + eps).pow(-0.5)
    return torch.einsum("nchw,c->nchw", x.view(n, c, h, w), weight) + bias[None, :, None, None]


@group_norm.also_right
def group_by_loops(x, num_groups, weight, bias, eps=1e-5):
    out, size = x.clone(), x.shape[1] // num_groups
    for n in range(len(x)):
        for first in range(0, x.shape[1], size):
            group = x[n, first : first + size]
            out[n, first : first + size] = (group - group.mean()) / (group.var(correction=0) + eps).sqrt()
    return out * weight[:, None, None] + bias[:, None, None]


@group_norm.also_right
def group_by_instance_norm(x, num_groups, weight, bias, eps=1e-5):
    out = F.instance_norm(x.reshape(len(x), num_groups, -1), eps=eps).view(x.shape)
    return (out.movedim(1, -1) * weight + bias).movedim(-1, 1)


@group_norm.wrong("You ignore the groups: all channels share one mean, as in layer norm.")
def group_as_layer(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, 1, eps), weight, bias)


@group_norm.wrong("Each of your channels has a mean of its own, as in instance norm: a group's channels share one.")
def group_as_instance(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, x.shape[1], eps), weight, bias)


@group_norm.wrong("You take `num_groups` for the number of channels in a group: it is the number of groups.")
def group_size_for_number(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, x.shape[1] // num_groups, eps), weight, bias)


@group_norm.wrong("Your groups are dealt out like cards, 0, 2, 4 and 1, 3, 5: a group holds neighbouring channels.")
def group_dealt_out(x, num_groups, weight, bias, eps=1e-5):
    n, c, h, w = x.shape
    rows = x.view(n, c // num_groups, num_groups, h, w)
    return _affine(_normalised(rows, (1, 3, 4), eps).view(x.shape), weight, bias)


@group_norm.wrong("You average over the batch too: each image is normalised by itself.")
def group_over_batch(x, num_groups, weight, bias, eps=1e-5):
    n, c, h, w = x.shape
    rows = x.view(n, num_groups, c // num_groups, h, w)
    return _affine(_normalised(rows, (0, 2, 3, 4), eps).view(x.shape), weight, bias)


@group_norm.wrong("You average over the channels of a group place by place: H and W belong to the mean as well.")
def group_by_place(x, num_groups, weight, bias, eps=1e-5):
    n, c, h, w = x.shape
    rows = x.view(n, num_groups, c // num_groups, h, w)
    return _affine(_normalised(rows, (2,), eps).view(x.shape), weight, bias)


@group_norm.wrong("You divide the squares by n − 1: norms use the biased variance, `correction=0`.")
def group_unbiased(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, num_groups, eps, correction=1), weight, bias)


@group_norm.wrong("You forget `eps`: it is added to the variance before the root.")
def group_without_eps(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, num_groups, 0), weight, bias)


@group_norm.wrong("Your eps is always 1e-5: use the one that was given.")
def group_fixed_eps(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, num_groups, 1e-5), weight, bias)


@group_norm.wrong("Your `eps` stands outside the root: it is added to the variance, before the square root.")
def group_eps_outside(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, num_groups, 0, root=lambda var: var.sqrt() + eps), weight, bias)


@group_norm.wrong("You leave `weight` and `bias` out: they come last, one number of each for each channel.")
def group_without_affine(x, num_groups, weight, bias, eps=1e-5):
    return _grouped(x, num_groups, eps)


@group_norm.wrong(
    "You multiply by `weight` as it is, (C,): beside (N, C, H, W) it meets the columns. Give it and `bias` their "
    "place, `weight[None, :, None, None]`."
)
def group_weight_on_columns(x, num_groups, weight, bias, eps=1e-5):
    return _grouped(x, num_groups, eps) * weight + bias


@group_norm.wrong("You have `weight` and `bias` exchanged: multiply by `weight`, add `bias`.")
def group_exchanged(x, num_groups, weight, bias, eps=1e-5):
    return _affine(_grouped(x, num_groups, eps), bias, weight)


@group_norm.wrong("You take the first weight of each group for the whole group: each channel has its own.")
def group_affine_by_group(x, num_groups, weight, bias, eps=1e-5):
    size = x.shape[1] // num_groups
    weight, bias = (value[::size].repeat_interleave(size) for value in (weight, bias))
    return _affine(_grouped(x, num_groups, eps), weight, bias)


# 5. Fold a batch norm into the convolution before it


def _fold_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for shape, out, settings in (
        ((2, 3, choose.choice((7, 8)), 6), 4, {}),
        ((3, 4, 6, 9), 4, {"bias": False, "padding": 1}),
        ((2, 4, 8, 7), 6, {"stride": 2, "groups": 2}),
        ((2, 2, 9, 5), 3, {"dilation": 2, "padding": 2, "bias": False}),
    ):
        words = "".join(f", {name} {value}" for name, value in settings.items())
        cases.append((f"x {shape}, {out} output channels{words}", (seed, numbers(*shape), out), settings))
    return cases


def _folded(answer, seed, x, out_channels, **settings):
    """Give both layers known numbers, fold them, and return what the new layer is and does."""
    torch.set_default_dtype(x.dtype)  # also for the layer that the answer makes; `_observe` puts it back
    numbers, choose = draws(seed + 50), random.Random(seed + 50)
    conv = nn.Conv2d(x.shape[1], out_channels, 3, **settings)
    norm = nn.BatchNorm2d(out_channels, eps=choose.choice((0.2, 0.4))).eval()
    with torch.no_grad():
        for value in (*conv.parameters(), norm.weight, norm.bias, norm.running_mean):
            value.copy_(numbers(*value.shape))
        norm.running_var.copy_(numbers(out_channels).abs() + 0.5)
    before = copy.deepcopy((conv.state_dict(), norm.state_dict()))
    folded = answer(conv, norm)
    if folded is ...:
        return folded
    if not isinstance(folded, nn.Module):
        raise Refused(f"Return a layer, an `nn.Conv2d`: yours is {kind_of(folded)}.")
    after = conv.state_dict(), norm.state_dict()
    if any(not torch.equal(old[name], new[name]) for old, new in zip(before, after, strict=True) for name in old):
        raise Refused("Your code changes `conv` or `norm`: make a new layer, and leave both as they are.")
    if not isinstance(folded, nn.Conv2d):
        return {"layer": kind_of(folded), "settings": NOT_LOOKED_AT, "output": NOT_LOOKED_AT}
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    seen = {"layer": "an nn.Conv2d"}
    seen["settings"] = {
        name: "as in conv" if getattr(folded, name) == getattr(conv, name) else f"{getattr(folded, name)}"
        for name in names
    }
    if folded is conv:
        return {"layer": "`conv` itself", "settings": NOT_LOOKED_AT, "output": NOT_LOOKED_AT}
    folded = folded.to(x.dtype).eval()
    with torch.no_grad():
        return seen | {"output": folded(x)}


@exercise(
    title="Fold a batch norm into the convolution before it",
    contract="`fold(conv, norm)`: `conv` is an `nn.Conv2d`, with or without a bias, `norm` the `nn.BatchNorm2d` after "
    "it, in eval mode. Return a new `nn.Conv2d` with a bias and the settings of `conv` that gives `norm(conv(x))` in "
    "one step. `conv` and `norm` stay as they are.  \n"
    "Example: with `weight` 2, `bias` 0, running mean 0 and variance 1 (eps 0), all weights of the new layer are twice "
    "those of `conv`.",
    hints=(
        "In eval mode a batch norm multiplies each channel by a number and adds another. Which two?",
        "`factor = norm.weight / (norm.running_var + norm.eps).sqrt()`, one number for each output channel. The "
        "rest goes into the bias.",
        "`weight = conv.weight * factor[:, None, None, None]`, `bias = (conv_bias - norm.running_mean) * factor + "
        "norm.bias`, with 0 for `conv_bias` where there is none.",
    ),
    cases=_fold_cases,
    use=_folded,
)
def fold(conv, norm):
    """Return one Conv2d that does the work of a convolution and the batch norm after it, in eval mode.

    conv: nn.Conv2d, its bias may be None; norm: nn.BatchNorm2d over conv's output channels.
    """
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,
        stride=conv.stride,
        padding=conv.padding,
        dilation=conv.dilation,
        groups=conv.groups,
    )
    before = 0 if conv.bias is None else conv.bias
    folded.weight = nn.Parameter((conv.weight * factor[:, None, None, None]).detach())
    folded.bias = nn.Parameter(((before - norm.running_mean) * factor + norm.bias).detach())
    return folded


def _fold(conv, norm, *, weight=None, bias=None, factor=None, **settings):
    """Fold, with a part done in another way: weight(conv, factor), bias(conv bias, norm, factor), factor(norm)."""
    factor = (norm.weight / (norm.running_var + norm.eps).sqrt()) if factor is None else factor(norm)
    before = torch.zeros_like(norm.bias) if conv.bias is None else conv.bias
    names = ("stride", "padding", "dilation", "groups")
    settings = {name: getattr(conv, name) for name in names} | settings
    folded = nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size, **settings)
    by_output = factor[:, None, None, None]
    folded.weight.data = (conv.weight * by_output if weight is None else weight(conv, factor)).detach()
    folded.bias.data = (
        (before - norm.running_mean) * factor + norm.bias if bias is None else bias(before, norm, factor)
    ).detach()
    return folded


@fold.also_right
def fold_a_copy(conv, norm):
    folded = copy.deepcopy(conv)
    scale = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
    shift = norm.bias.detach() - norm.running_mean * scale
    if folded.bias is not None:
        shift = shift + folded.bias.detach() * scale
    with torch.no_grad():
        folded.weight.mul_(scale.reshape(-1, 1, 1, 1))
    folded.bias = nn.Parameter(shift)
    return folded


@fold.also_right
def fold_by_torch(conv, norm):
    return nn.utils.fusion.fuse_conv_bn_eval(conv.eval(), norm)


@fold.also_right
def fold_by_asking(conv, norm):
    folded = copy.deepcopy(conv)
    ask = torch.zeros(1, conv.out_channels, 1, 1, dtype=conv.weight.dtype)
    with torch.no_grad():
        at_zero = norm(ask)[0, :, 0, 0]
        factor = norm(ask + 1)[0, :, 0, 0] - at_zero
        folded.weight.copy_(torch.einsum("oihw,o->oihw", conv.weight, factor))
        bias = at_zero if conv.bias is None else at_zero + conv.bias * factor
    folded.bias = nn.Parameter(bias)
    return folded


def _same_settings(conv):
    names = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
    return nn.Conv2d(**{name: getattr(conv, name) for name in names})


@fold.also_right
def fold_copied_in(conv, norm):
    folded, scale = _same_settings(conv), norm.weight / torch.sqrt(norm.running_var + norm.eps)
    with torch.no_grad():
        folded.weight.copy_(conv.weight * scale.view(-1, 1, 1, 1))
        folded.bias.copy_(norm.bias - norm.running_mean * scale)
        if conv.bias is not None:
            folded.bias += conv.bias * scale
    return folded


@fold.also_right
def fold_by_state(conv, norm):
    scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
    shift = (0 if conv.bias is None else conv.bias) - norm.running_mean
    folded = _same_settings(conv)
    folded.load_state_dict({"weight": conv.weight * scale[:, None, None, None], "bias": shift * scale + norm.bias})
    return folded


@fold.wrong("The running mean is missing: subtract it from the convolution's bias before you multiply.")
def fold_without_mean(conv, norm):
    return _fold(conv, norm, bias=lambda b, norm, f: b * f + norm.bias)


@fold.wrong("The convolution's own bias is lost: the norm multiplies it too, so it goes into the new bias.")
def fold_without_conv_bias(conv, norm):
    return _fold(conv, norm, bias=lambda b, norm, f: norm.bias - norm.running_mean * f)


@fold.wrong("The norm's own bias is missing: it is added last.")
def fold_without_norm_bias(conv, norm):
    return _fold(conv, norm, bias=lambda b, norm, f: (b - norm.running_mean) * f)


@fold.wrong("The norm's own weight is missing: the factor is `weight` over the standard deviation.")
def fold_without_norm_weight(conv, norm):
    return _fold(conv, norm, factor=lambda norm: 1 / (norm.running_var + norm.eps).sqrt())


@fold.wrong("You forget `eps`: a batch norm adds it to the running variance before the root.")
def fold_without_eps(conv, norm):
    return _fold(conv, norm, factor=lambda norm: norm.weight / norm.running_var.sqrt())


@fold.wrong("You divide by the variance: divide by its square root.")
def fold_by_variance(conv, norm):
    return _fold(conv, norm, factor=lambda norm: norm.weight / (norm.running_var + norm.eps))


@fold.wrong("Your eps is always 1e-5: `norm.eps` is the one to use.")
def fold_fixed_eps(conv, norm):
    return _fold(conv, norm, factor=lambda norm: norm.weight / (norm.running_var + 1e-5).sqrt())


@fold.wrong("You scale the weights only: the convolution's bias goes through the norm as well.")
def fold_bias_unscaled(conv, norm):
    return _fold(conv, norm, bias=lambda b, norm, f: b - norm.running_mean * f + norm.bias)


@fold.wrong("You leave the weights as they are: each output channel's kernels are multiplied by its factor.")
def fold_bias_only(conv, norm):
    return _fold(conv, norm, weight=lambda conv, f: conv.weight.clone())


@fold.wrong("The factor acts on the last axis of the weights: it belongs to the output channels, axis 0.")
def fold_wrong_axis(conv, norm):
    return _fold(conv, norm, weight=lambda conv, f: conv.weight * f[:3].repeat(2)[:3])


@fold.wrong("Your new layer loses the settings of `conv`: hand over stride, padding, dilation and groups.")
def fold_loses_settings(conv, norm):
    if conv.groups > 1 or conv.stride != (1, 1) or conv.padding != (0, 0):
        return nn.Conv2d(conv.in_channels, conv.out_channels, conv.kernel_size)
    return fold.function(conv, norm)


@fold.wrong("You return both layers in a row: the point is one convolution that does the work of two.")
def fold_in_a_row(conv, norm):
    return nn.Sequential(conv, norm)


@fold.wrong("You write into `conv`: whoever still uses it gets other numbers. Make a new layer.")
def fold_in_place(conv, norm):
    new = fold.function(conv, norm)
    conv.weight.data, conv.bias = new.weight.data, new.bias
    return conv
