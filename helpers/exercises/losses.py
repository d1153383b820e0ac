"""The exercises of notebook 02, losses and optimizers: three losses, two optimizers, and the loop around them."""

import copy
import inspect
import numbers
import textwrap

import torch
from torch import nn
from torch.nn import functional as F

from .cases import generator
from .engine import Refused, exercise, kind_of

# 1. log-softmax


def _log_softmax_cases(seed):
    g = generator(seed)
    mild = torch.randn(3, 5, generator=g)
    far = 1000.0 * torch.tensor([[1.0, -1, 0, 0.5], [-1, -0.9, 0.2, 1], [0.1, 1, -1, 0.3]])
    far = far + torch.randn(3, 4, generator=g)
    low = torch.randn(2, 3, generator=g) + torch.tensor([[1000.0], [-1000.0]])
    return [
        ("logits (3, 5), of ordinary size", (mild,), {}),
        ("logits (3, 4), near 1000 and −1000 in each row", (far,), {}),
        ("logits (2, 3), all near 1000 in the first row and near −1000 in the second", (low,), {}),
        ("logits (1, 4)", (torch.randn(1, 4, generator=g),), {}),
        ("logits (4, 1)", (torch.randn(4, 1, generator=g),), {}),
        ("logits (3, 4) in float64, near 1000 and −1000", (far.double(),), {}),
    ]


@exercise(
    title="A log-softmax that never overflows",
    contract="`log_softmax(logits)`: `logits` is (N, C), a row of C scores for each example; the answer is (N, C), the "
    "logarithm of the softmax of each row, and keeps the dtype and the gradient. Logits of ±1000 must give the right "
    "numbers too.  \n"
    "Example: the row [0, 0] becomes [−0.693, −0.693], which is log ½ twice.",
    hints=(
        "Write log(exp(a) / (exp(a) + exp(b) + …)) without the fraction. Which part overflows when a is 1000?",
        "Softmax ignores a shift: take each row's largest logit away from its row first. Then no exponent is above 0.",
        "`shifted = logits - logits.amax(dim=1, keepdim=True)`; then take "
        "`shifted.exp().sum(dim=1, keepdim=True).log()` away from it.",
    ),
    cases=_log_softmax_cases,
    gradients=True,
)
def log_softmax(logits):
    """Return the logarithm of the softmax of each row, without overflow.

    logits: (N, C), a row of C scores for each example; up to ±1000.
    Returns (N, C); it keeps the dtype and the gradient.
    """
    shifted = logits - logits.amax(dim=1, keepdim=True)
    return shifted - shifted.exp().sum(dim=1, keepdim=True).log()


@log_softmax.also_right
def log_softmax_by_rows(logits):
    rows = []
    for row in logits:
        largest = max(row)
        total = sum(torch.exp(score - largest) for score in row)
        rows.append(torch.stack([score - largest - torch.log(total) for score in row]))
    return torch.stack(rows)


@log_softmax.also_right
def log_softmax_by_logsumexp(logits):
    return logits - torch.logsumexp(logits, dim=-1)[:, None]


@log_softmax.also_right
def log_softmax_by_torch(logits):
    return F.log_softmax(logits, dim=-1)


@log_softmax.also_right
def log_softmax_in_place(logits):
    out = torch.zeros_like(logits)
    for i in range(logits.shape[0]):
        largest = logits[i].max()
        total = sum(torch.exp(logits[i, j] - largest) for j in range(logits.shape[1]))
        for j in range(logits.shape[1]):
            out[i, j] = logits[i, j] - largest - total.log()
    return out


@log_softmax.also_right
def log_softmax_by_cross_entropy(logits):
    n, c = logits.shape
    return -F.cross_entropy(logits.repeat_interleave(c, 0), torch.arange(c).repeat(n), reduction="none").view(n, c)


@log_softmax.wrong(
    "You take the softmax over the batch: each row is one example, so add up along `dim=1`, its C scores."
)
def log_softmax_over_the_batch(logits):
    return F.log_softmax(logits, dim=0)


@log_softmax.wrong("You add up the whole batch: each row is an example of its own. Use `dim=1` and `keepdim=True`.")
def log_softmax_over_everything(logits):
    return logits - logits.flatten().logsumexp(0)


@log_softmax.wrong("These are probabilities: the logarithm is missing.")
def log_forgotten(logits):
    return logits.softmax(1)


@log_softmax.wrong(
    "You take the exponential of the logits as they are: exp(1000) is infinite, and infinite divided by infinite is "
    "nan. Take the row's largest logit away first."
)
def log_softmax_naive(logits):
    return (logits.exp() / logits.exp().sum(1, keepdim=True)).log()


@log_softmax.wrong(
    "You never divide, and still it overflows: exp(1000) is infinite, and so is the logarithm of the sum. Take the "
    "row's largest logit away first, and add it to the logarithm again."
)
def log_softmax_naive_difference(logits):
    return logits - logits.exp().sum(1, keepdim=True).log()


@log_softmax.wrong(
    "The logarithm comes too late: a probability such as exp(−2000) is rounded to 0, and log 0 is −inf. "
    "Do not compute the probability at all: log(a / b) is log a − log b."
)
def log_after_softmax(logits):
    return logits.softmax(1).log()


@log_softmax.wrong(
    "You take the largest logit of the whole batch away: a row far below it is rounded to zeros. Each row has its own "
    "largest logit: `amax(dim=1, keepdim=True)`."
)
def log_softmax_one_maximum(logits):
    shifted = logits - logits.max()
    return shifted - shifted.exp().sum(1, keepdim=True).log()


@log_softmax.wrong("The sign is turned: the logarithm of a probability is 0 or below.")
def log_softmax_negative(logits):
    return -F.log_softmax(logits, 1)


@log_softmax.wrong("You took the logarithm to base 2: `torch.log` is the natural one, which undoes `exp`.")
def log_softmax_base_two(logits):
    return F.log_softmax(logits, 1) / torch.tensor(2.0, dtype=torch.float64).log().to(logits.dtype)


# 2. Cross-entropy


def _cross_entropy_cases(seed):
    g = generator(seed)

    def case(n, c, kind="", last=1):
        logits, labels = torch.randn(n, c, generator=g), torch.randint(c, (n,), generator=g)
        if kind == "far":
            logits = 1000 * logits.sign() + logits
            logits[0, 0], logits[0, 1] = -1000, 1000  # the right class far down …
            logits[-1, -1] = 1002  # … and on top
        if n > 1:  # more than one class, and no example that already has its label on top of everything
            labels[0], labels[-1] = 0, c - 1
        labels.clamp_(max=c - last)
        return (f"logits ({n}, {c}), labels ({n},){', near 1000 and −1000' * bool(kind)}", (logits, labels), {})

    return [case(4, 3), case(3, 5, "far"), case(4, 4), case(1, 4), case(3, 2), case(6, 1), case(4, 6, last=3)]


@exercise(
    title="Cross-entropy from logits",
    contract="`cross_entropy(logits, labels)`: `logits` is (N, C), `labels` is (N,), int64, the index of the right "
    "class of each example; the answer is the mean of −log p over the N examples, p being the probability of the "
    "right class: a tensor with one number and no axes, which keeps the dtype and the gradient. Logits of ±1000 must "
    "work.  \n"
    "Example: logits [[0, 0]] and labels [1] give 0.693, which is −log ½.",
    hints=(
        "What you need is the log-softmax of each row, and then one number of each row. Which one?",
        "`log_p[torch.arange(N), labels]` takes entry labels[i] out of row i: N numbers.",
        "`-F.log_softmax(logits, dim=1)[torch.arange(len(labels)), labels].mean()`, or with your own log-softmax.",
    ),
    cases=_cross_entropy_cases,
    gradients=True,
)
def cross_entropy(logits, labels):
    """Return the mean over the examples of −log(probability of the right class).

    logits: (N, C), up to ±1000; labels: (N,), int64, indices of classes.
    Returns a tensor with one number and no axes; it keeps the dtype and the gradient.
    """
    log_p = logits - torch.logsumexp(logits, dim=1, keepdim=True)
    return -log_p[torch.arange(len(labels)), labels].mean()


@cross_entropy.also_right
def cross_entropy_by_loop(logits, labels):
    total = 0
    for row, label in zip(logits, labels, strict=True):
        row = row - row.max()
        total = total + row.exp().sum().log() - row[label]
    return total / len(labels)


@cross_entropy.also_right
def cross_entropy_by_one_hot(logits, labels):
    chosen = F.one_hot(labels, logits.shape[1])
    return -(chosen * F.log_softmax(logits, 1)).sum(1).mean()


@cross_entropy.also_right
def cross_entropy_by_gather(logits, labels):
    picked = logits.gather(1, labels.unsqueeze(1)).squeeze(1)
    return (logits.logsumexp(1) - picked).mean()


@cross_entropy.also_right
def cross_entropy_by_nll(logits, labels):
    return F.nll_loss(logits.log_softmax(1), labels)


@cross_entropy.also_right
def cross_entropy_by_torch(logits, labels):
    return F.cross_entropy(logits, labels)


@cross_entropy.also_right
def cross_entropy_by_mask(logits, labels):
    right = torch.arange(logits.shape[1]) == labels[:, None]
    return -logits.log_softmax(1)[right].mean()


@cross_entropy.also_right
def cross_entropy_by_divergence(logits, labels):
    one_hot = F.one_hot(labels, logits.shape[1]).to(logits.dtype)
    return F.kl_div(logits.log_softmax(1), one_hot, reduction="batchmean")


@cross_entropy.wrong(
    "You apply softmax twice: `F.cross_entropy` and log-softmax want logits, and you give them probabilities."
)
def cross_entropy_softmax_twice(logits, labels):
    return F.cross_entropy(logits.softmax(1), labels)


@cross_entropy.wrong("You take the logits for logarithms of probabilities: apply log-softmax to each row first.")
def cross_entropy_without_softmax(logits, labels):
    return F.nll_loss(logits, labels)


@cross_entropy.wrong("The logarithm is missing: this is minus the mean probability. Average −log p, not −p.")
def cross_entropy_without_log(logits, labels):
    return F.nll_loss(logits.softmax(1), labels)


@cross_entropy.wrong("This is the sum over the examples: the loss is their mean, so that it does not grow with N.")
def cross_entropy_sum(logits, labels):
    return F.cross_entropy(logits, labels, reduction="sum")


@cross_entropy.wrong(
    "You divide by N × C: the zeros of a one-hot row are no examples. Add up each row first, then take the mean over N."
)
def cross_entropy_mean_over_all(logits, labels):
    return F.cross_entropy(logits, labels) / logits.shape[1]


@cross_entropy.wrong("You return one loss for each example: the answer is their mean.")
def cross_entropy_each(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")


@cross_entropy.wrong(
    "The sign is missing: a logarithm of a probability is never above 0, and the loss is never below it."
)
def cross_entropy_sign(logits, labels):
    return -F.cross_entropy(logits, labels)


@cross_entropy.wrong(
    "You pair every example with the labels of all: `log_p[:, labels]` is (N, N). "
    "`log_p[torch.arange(N), labels]` takes one number from each row."
)
def cross_entropy_all_pairs(logits, labels):
    return -F.log_softmax(logits, 1)[:, labels].mean()


@cross_entropy.wrong(
    "You read the labels as one-hot rows: they are indices, (N,). Pick entry labels[i] of row i, or use `F.one_hot`."
)
def cross_entropy_one_hot_expected(logits, labels):
    return -(labels * F.log_softmax(logits, 1)).sum(1).mean()


@cross_entropy.wrong(
    "You multiply by `labels`, but they are indices, (N,), and not one-hot: pick entry labels[i] of row i."
)
def cross_entropy_one_hot_multiplied(logits, labels):
    return -(F.log_softmax(logits, 1) * labels).sum(1).mean()


@cross_entropy.wrong(
    "Left alone, `F.one_hot(labels)` counts the classes from the labels: where the last class is not among them, a "
    "column is missing. Say how many there are: `F.one_hot(labels, logits.shape[1])`."
)
def cross_entropy_one_hot_too_narrow(logits, labels):
    return -(F.one_hot(labels) * F.log_softmax(logits, 1)).sum(1).mean()


@cross_entropy.wrong(
    "Left alone, `F.one_hot(labels)` counts the classes from the labels, and here the last ones are not among them: "
    "say how many there are, `F.one_hot(labels, logits.shape[1])`, or give the indices as they are."
)
def cross_entropy_of_narrow_rows(logits, labels):
    return F.cross_entropy(logits, F.one_hot(labels).to(logits.dtype))


@cross_entropy.wrong(
    "You average the probabilities, then take the logarithm: take −log p of each example, then the mean."
)
def cross_entropy_log_of_mean(logits, labels):
    return -logits.softmax(1)[torch.arange(len(labels)), labels].mean().log()


@cross_entropy.wrong("You look for the largest entry of each label: the labels are already indices, (N,).")
def cross_entropy_argmax_of_labels(logits, labels):
    return F.cross_entropy(logits, labels.argmax(1))


@cross_entropy.wrong("You score the class with the largest logit: score the right class, the one in `labels`.")
def cross_entropy_of_the_guess(logits, labels):
    return F.cross_entropy(logits, logits.argmax(1))


@cross_entropy.wrong("You take the softmax over the batch: each row is one example, so use `dim=1`.")
def cross_entropy_over_the_batch(logits, labels):
    return F.nll_loss(logits.log_softmax(0), labels)


@cross_entropy.wrong(
    "The numbers are right, but a logit of 1000 gives nan: exp(1000) is infinite. Use a log-softmax that never "
    "overflows."
)
def cross_entropy_naive(logits, labels):
    p = logits.exp() / logits.exp().sum(1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()


@cross_entropy.wrong(
    "The numbers are right, but a far logit gives inf: its probability is rounded to 0, and log 0 is −inf. "
    "Use log-softmax instead of the logarithm of a softmax."
)
def cross_entropy_log_of_softmax(logits, labels):
    return -logits.softmax(1)[torch.arange(len(labels)), labels].log().mean()


# 3. Two classes, one logit


def _bce_cases(seed):
    g = generator(seed)
    logits = torch.randn(7, generator=g) * 1.5
    far = torch.tensor([1000.0, -1000, 800, -900, 0.5]) + torch.randn(5, generator=g)
    return [
        ("logits (7,) of ordinary size", (logits, torch.tensor([1, 0, 0, 1, 0, 1, 0])), {}),
        ("logits (5,) near ±1000, some on the wrong side", (far, torch.tensor([0, 1, 1, 0, 1])), {}),
        ("logits (5,) near ±1000, all on the right side", (far, torch.tensor([1, 0, 1, 0, 1])), {}),
        ("logits (1,)", (torch.randn(1, generator=g), torch.tensor([1])), {}),
        ("logits (4,), every label 0", (torch.randn(4, generator=g), torch.tensor([0, 0, 0, 0])), {}),
    ]


@exercise(
    title="Yes or no: binary cross-entropy with logits",
    contract="`bce_with_logits(logits, labels)`: `logits` is (N,), one for each example; `labels` is (N,), int64, 0 "
    "or 1; "
    "with p = sigmoid(logit), the answer is the mean of −log p where the label is 1, and of −log(1 − p) where it is 0: "
    "a tensor with one number and no axes, which keeps the dtype and the gradient. Logits of ±1000 must work.  \n"
    "Example: a logit of 0 costs 0.693 whatever its label; a logit of 1000 with label 0 costs 1000.",
    hints=(
        "Write −log(1 / (1 + exp(−z))) without the fraction. For which z does exp(−z) overflow?",
        "`F.logsigmoid(z)` is log p without overflow. And 1 − sigmoid(z) is sigmoid(−z), so log(1 − p) is "
        "`F.logsigmoid(-z)`.",
        "By hand: `logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits.abs()))`, then the mean.",
    ),
    cases=_bce_cases,
    gradients=True,
)
def bce_with_logits(logits, labels):
    """Return the mean binary cross-entropy of logits, without overflow.

    logits: (N,), up to ±1000; labels: (N,), int64, 0 or 1.
    Returns a tensor with one number and no axes; it keeps the dtype and the gradient.
    """
    losses = logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits.abs()))
    return losses.mean()


@bce_with_logits.also_right
def bce_by_logsigmoid(logits, labels):
    return -(labels * F.logsigmoid(logits) + (1 - labels) * F.logsigmoid(-logits)).mean()


@bce_with_logits.also_right
def bce_by_the_right_side(logits, labels):
    wrong_side = torch.where(labels == 1, -logits, logits)  # how far on the wrong side
    return torch.logaddexp(wrong_side, torch.zeros_like(logits)).mean()


@bce_with_logits.also_right
def bce_as_two_classes(logits, labels):
    return F.cross_entropy(torch.stack([torch.zeros_like(logits), logits], dim=1), labels)


@bce_with_logits.also_right
def bce_by_loop(logits, labels):
    total = logits.new_zeros(())
    for z, y in zip(logits, labels, strict=True):
        total = total + F.softplus(-z if y else z)
    return total / len(logits)


@bce_with_logits.also_right
def bce_by_torch(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


@bce_with_logits.also_right
def bce_by_mask(logits, labels):
    return (F.softplus(-logits[labels == 1]).sum() + F.softplus(logits[labels == 0]).sum()) / len(logits)


def _bce(p, labels):
    return -(labels * p.log() + (1 - labels) * (1 - p).log()).mean()


@bce_with_logits.wrong("Torch's function wants float labels: give it `labels.to(logits.dtype)`.")
def bce_whole_labels(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels)


@bce_with_logits.wrong("The sigmoid is missing: a logit is no probability, and its logarithm may not even exist.")
def bce_without_sigmoid(logits, labels):
    return _bce(logits, labels)


@bce_with_logits.wrong(
    "You apply the sigmoid twice: `binary_cross_entropy_with_logits` and `logsigmoid` already contain it."
)
def bce_sigmoid_twice(logits, labels):
    return F.binary_cross_entropy_with_logits(logits.sigmoid(), labels.to(logits.dtype))


@bce_with_logits.wrong(
    "The formula is right, but far logits give nan: their sigmoid is rounded to 0 or 1, log 0 is −inf, and 0 × inf is "
    "nan. Use `logsigmoid`, or rewrite the formula so that no logarithm meets a 0."
)
def bce_naive(logits, labels):
    return _bce(logits.sigmoid(), labels)


@bce_with_logits.wrong(
    "The formula is right, but far logits give inf: exp(1000) is infinite, and the logarithm of a sigmoid that is "
    "rounded to 0 is −inf. Use `logsigmoid`, or rewrite the formula so that neither is computed."
)
def bce_naive_chosen(logits, labels):
    p = logits.sigmoid()
    return -torch.where(labels == 1, p, 1 - p).log().mean()


@bce_with_logits.wrong(
    "Far logits cost 100 each, and no more: `F.binary_cross_entropy` cuts the logarithm off at −100, because a rounded "
    "probability cannot say more. Work with the logits."
)
def bce_cut_off(logits, labels):
    return F.binary_cross_entropy(logits.sigmoid(), labels.to(logits.dtype))


@bce_with_logits.wrong(
    "The absolute value is missing: the last term is log(1 + exp(−|z|)), `torch.log1p(torch.exp(-logits.abs()))`."
)
def bce_without_abs(logits, labels):
    return (logits.clamp(min=0) - logits * labels + torch.log1p(torch.exp(-logits))).mean()


@bce_with_logits.wrong("This is the sum over the examples: the loss is their mean.")
def bce_sum(logits, labels):
    return bce_by_torch(logits, labels) * len(logits)


@bce_with_logits.wrong(
    "The sign is missing: a logarithm of a probability is never above 0, and the loss is never below it."
)
def bce_sign(logits, labels):
    return -bce_by_torch(logits, labels)


@bce_with_logits.wrong("Only the examples with label 1 cost something: those with label 0 cost −log(1 − p).")
def bce_ones_only(logits, labels):
    return -(labels * F.logsigmoid(logits)).mean()


@bce_with_logits.wrong("You have the labels the wrong way round: p = sigmoid(logit) is the probability of label 1.")
def bce_labels_swapped(logits, labels):
    return bce_by_torch(logits, 1 - labels)


@bce_with_logits.wrong("You return one loss for each example: the answer is their mean.")
def bce_each(logits, labels):
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype), reduction="none")


# 4. and 5. Steps of an optimizer


def _lists(seed, shapes, count, dtype=torch.float32):
    """Return `count` lists of tensors of the given shapes."""
    g = generator(seed)
    return [[torch.randn(shape, generator=g).to(dtype) for shape in shapes] for _ in range(count)]


def _after(result, parameters, names):
    """Return copies of what one step returned, by name; refuse what is not a list of tensors for each name."""
    wanted = ", ".join(names[:-1]) + f" and {names[-1]}"
    if result is None:
        raise Refused(f"Your function returned None: did you forget `return`? Return {wanted}, a list of tensors each.")
    if type(result) not in (tuple, list) or len(result) != len(names):
        raise Refused(f"Return {len(names)} lists: {wanted}, in this order.")
    for name, values in zip(names, result, strict=True):
        if type(values) not in (tuple, list) or not all(isinstance(value, torch.Tensor) for value in values):
            raise Refused(f"Return the {name} as a list of tensors, one for each parameter.")
        if len(values) != len(parameters):
            raise Refused(
                f"Return the {name} as a list of {len(parameters)}, one for each parameter: yours has {len(values)}."
            )
    return {
        f"{name}[{i}]": value.detach().clone()
        for name, values in zip(names, result, strict=True)
        for i, value in enumerate(values)
    }


def _count(parameters):
    return f"{len(parameters)} parameter{'s' * (len(parameters) > 1)}"


def _copies(values):
    return [value.clone() for value in values]


def _momentum_steps(answer, parameters, gradients, velocities, lr, momentum):
    """Take a step with each of the `gradients` in turn."""
    seen = {}
    for number, given in enumerate(gradients, start=1):
        result = answer(_copies(parameters), _copies(given), _copies(velocities), lr, momentum)
        if result is ...:
            return ...
        after = _after(result, parameters, ("parameters", "velocities"))
        seen |= {f"{name} after step {number}": value for name, value in after.items()}
        parameters, velocities = (_copies(values) for values in result)
    return seen


def _momentum_cases(seed):
    cases = []
    for number, (shapes, lr, momentum, moving, dtype) in enumerate(
        (
            ([(2, 3), (2, 3)], 0.1, 0.9, False, torch.float32),
            ([(3, 2), (4,), ()], 0.3, 0.5, True, torch.float32),
            ([(3, 2), (4,), ()], 0.05, 0.8, True, torch.float64),  # shapes as before: a velocity kept from there shows
            ([(5,)], 0.2, 0.0, True, torch.float32),
        )
    ):
        parameters, velocities, *gradients = _lists(10 * seed + number, shapes, 5, dtype)
        if not moving:
            velocities = [torch.zeros_like(v) for v in velocities]
        label = f"{_count(shapes)}, {'some' if moving else 'zero'} velocity, lr {lr}, momentum {momentum}"
        cases.append((label, (parameters, gradients, velocities, lr, momentum), {}))
    return cases


@exercise(
    title="One step of SGD with momentum",
    contract="`momentum_step(parameters, gradients, velocities, lr, momentum)`: three lists of tensors, one of each "
    "for every parameter. First each velocity becomes `momentum` times itself plus the gradient; then each parameter "
    "moves by −`lr` times its new velocity. Return the new parameters and the new velocities, two lists; you may make "
    "new tensors or change the given ones.  \n"
    "Example: parameter 1, gradient 2, velocity 3, lr 0.1, momentum 0.9 give velocity 4.7 and parameter 0.53.",
    hints=(
        "Plain SGD moves by −lr · gradient. Momentum moves by −lr · velocity. What keeps the velocity going?",
        "Each parameter has a velocity of its own: go through the three lists together, with `zip`.",
        "`v = momentum * v + g`, then `p = p - lr * v`; collect both in lists and return the two lists.",
    ),
    cases=_momentum_cases,
    use=_momentum_steps,
)
def momentum_step(parameters, gradients, velocities, lr, momentum):
    """Take one step of SGD with momentum, as torch.optim.SGD does.

    parameters, gradients, velocities: lists of tensors; the three at one place have one shape.
    lr, momentum: numbers.
    Returns the new parameters and the new velocities, two lists of tensors.
    """
    new_parameters, new_velocities = [], []
    for p, g, v in zip(parameters, gradients, velocities, strict=True):
        v = momentum * v + g
        new_velocities.append(v)
        new_parameters.append(p - lr * v)
    return new_parameters, new_velocities


@momentum_step.also_right
def momentum_in_place(parameters, gradients, velocities, lr, momentum):
    with torch.no_grad():
        for p, g, v in zip(parameters, gradients, velocities, strict=True):
            v.mul_(momentum).add_(g)
            p.add_(v, alpha=-lr)
    return [parameters, velocities]


@momentum_step.also_right
def momentum_by_comprehension(parameters, gradients, velocities, lr, momentum):
    velocities = tuple(momentum * v + g for v, g in zip(velocities, gradients, strict=True))
    return tuple(p - lr * v for p, v in zip(parameters, velocities, strict=True)), velocities


@momentum_step.also_right
def momentum_by_torch(parameters, gradients, velocities, lr, momentum):
    leaves = [nn.Parameter(p) for p in parameters]
    optimizer = torch.optim.SGD(leaves, lr=lr, momentum=momentum)
    for leaf, g, v in zip(leaves, gradients, velocities, strict=True):
        leaf.grad = g
        optimizer.state[leaf]["momentum_buffer"] = v
    optimizer.step()
    if momentum == 0:
        return leaves, gradients
    return leaves, [optimizer.state[leaf]["momentum_buffer"] for leaf in leaves]


@momentum_step.also_right
def momentum_in_the_lists(parameters, gradients, velocities, lr, momentum):
    for i in range(len(parameters)):
        velocities[i] = momentum * velocities[i] + gradients[i]
        parameters[i] = parameters[i] - lr * velocities[i]
    return parameters, velocities


@momentum_step.also_right
def momentum_joined(parameters, gradients, velocities, lr, momentum):
    p, g, v = (torch.cat([one.flatten() for one in values]) for values in (parameters, gradients, velocities))
    v = momentum * v + g
    sizes = [one.numel() for one in parameters]
    cut = [[part.view_as(one) for part, one in zip(x.split(sizes), parameters, strict=True)] for x in (p - lr * v, v)]
    return cut


def _each(step):
    """Make an answer for lists from a step for one parameter: (p, g, v, lr, momentum) -> (p, v)."""

    def answer(parameters, gradients, velocities, lr, momentum):
        pairs = [step(p, g, v, lr, momentum) for p, g, v in zip(parameters, gradients, velocities, strict=True)]
        return [p for p, _ in pairs], [v for _, v in pairs]

    answer.__name__ = step.__name__
    return answer


@momentum_step.wrong(
    "You weight the gradient with 1 − momentum: torch adds the whole gradient, v = momentum · v + g. Yours is a "
    "running mean, with steps that are smaller by that factor."
)
@_each
def momentum_damped(p, g, v, lr, momentum):
    v = momentum * v + (1 - momentum) * g
    return p - lr * v, v


@momentum_step.wrong(
    "You put lr into the velocity. The parameters agree as long as lr stays the same, but torch's velocity is "
    "momentum · v + g, without lr; lr comes in when the parameter moves."
)
@_each
def momentum_with_lr_inside(p, g, v, lr, momentum):
    inside = momentum * v + lr * g
    return p - inside, inside


@momentum_step.wrong("You go uphill: the parameter moves against its velocity, p − lr · v.")
@_each
def momentum_uphill(p, g, v, lr, momentum):
    v = momentum * v + g
    return p + lr * v, v


@momentum_step.wrong("You move by the old velocity: renew the velocity first, then move by the new one.")
@_each
def momentum_late(p, g, v, lr, momentum):
    return p - lr * v, momentum * v + g


@momentum_step.wrong("You move by the gradient alone, as plain SGD does: move by the new velocity.")
@_each
def momentum_unused(p, g, v, lr, momentum):
    return p - lr * g, momentum * v + g


@momentum_step.wrong("The velocity forgets: it is the gradient alone. Keep `momentum` times the old velocity in it.")
@_each
def momentum_forgotten(p, g, v, lr, momentum):
    return p - lr * g, g


@momentum_step.wrong(
    "The velocity never slows down: multiply the old velocity by `momentum` before you add the gradient."
)
@_each
def momentum_without_friction(p, g, v, lr, momentum):
    v = v + g
    return p - lr * v, v


@momentum_step.wrong("You multiply the gradient by `momentum` too: only the old velocity is, v = momentum · v + g.")
@_each
def momentum_on_both(p, g, v, lr, momentum):
    v = momentum * (v + g)
    return p - lr * v, v


@momentum_step.wrong("The `lr` is missing: the parameter moves by lr times the new velocity.")
@_each
def momentum_without_lr(p, g, v, lr, momentum):
    v = momentum * v + g
    return p - v, v


@momentum_step.wrong(
    "This is Nesterov's step, which looks ahead: it moves by g + momentum · v. Here the parameter moves by the new "
    "velocity."
)
@_each
def momentum_nesterov(p, g, v, lr, momentum):
    v = momentum * v + g
    return p - lr * (g + momentum * v), v


@momentum_step.wrong(
    "The velocity that you return is the old one: return the new one, or the next step starts without it."
)
@_each
def momentum_not_returned(p, g, v, lr, momentum):
    return p - lr * (momentum * v + g), v


@momentum_step.wrong(
    "Your lists come back as they were given: in a loop, `p = …` only gives the name a new value. Collect the new "
    "tensors in new lists, or change the given ones in place."
)
def momentum_unchanged(parameters, gradients, velocities, lr, momentum):
    return parameters, velocities


@momentum_step.wrong("You return a pair for each parameter: return two lists, all parameters and then all velocities.")
def momentum_pairs(parameters, gradients, velocities, lr, momentum):
    return list(zip(*momentum_step.function(parameters, gradients, velocities, lr, momentum), strict=True))


@momentum_step.wrong("You return the velocities first: the parameters come first, then the velocities.")
def momentum_other_order(parameters, gradients, velocities, lr, momentum):
    return momentum_step.function(parameters, gradients, velocities, lr, momentum)[::-1]


@momentum_step.wrong("The parameters share one velocity: each has its own, `velocities[i]` for `parameters[i]`.")
def momentum_shared(parameters, gradients, velocities, lr, momentum):
    v, moved, kept = velocities[0], [], []
    for p, g in zip(parameters, gradients, strict=True):
        v = momentum * v + g
        moved.append(p - lr * v)
        kept.append(v)
    return moved, kept


def _adam_steps(answer, parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    """Take a step with each of the `gradients` in turn; `step` is the number of the first."""
    seen = {}
    settings = {} if lr == 0.001 else {"lr": lr, "betas": betas, "eps": eps}
    for number, given in enumerate(gradients, start=step):
        lists = (_copies(values) for values in (parameters, given, means, squares))
        result = answer(*lists, number, **settings)
        if result is ...:
            return ...
        after = _after(result, parameters, ("parameters", "means", "squares"))
        seen |= {f"{name} after step {number}": value for name, value in after.items()}
        parameters, means, squares = (_copies(values) for values in result)
    return seen


def _adam_cases(seed):
    cases = []
    for number, (shapes, step, settings, dtype) in enumerate(
        (
            ([(2, 3), (2, 3)], 1, {"lr": 0.5, "betas": (0.8, 0.9), "eps": 0.05}, torch.float32),
            ([(3, 2), (4,), ()], 1, {"lr": 0.3, "betas": (0.9, 0.999), "eps": 1e-8}, torch.float32),
            ([(3, 2), (4,), ()], 5, {"lr": 0.2, "betas": (0.6, 0.95), "eps": 0.01}, torch.float64),
            ([(3, 4), (2,)], 1, {}, torch.float64),
        )
    ):
        parameters, means, squares, *gradients = _lists(10 * seed + number, shapes, 6, dtype)
        if step == 1:
            means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        squares = [v.square() for v in squares]
        for *_, last in gradients if not settings else ():
            last[0] = 0  # a weight without a gradient: only eps keeps it from 0 / 0
        label = f"{_count(shapes)} from step {step}, " + (
            ", ".join(f"{name} {value}" for name, value in settings.items()) or "all settings left out"
        )
        cases.append((label, (parameters, gradients, means, squares, step), settings))
    return cases


@exercise(
    title="One step of Adam",
    contract="`adam_step(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8)`: lists "
    "of tensors as before; `means` and `squares` are the running means of the gradient and of its square, `step` "
    "counts from 1. With betas b₁, b₂: m = b₁m + (1 − b₁)g and s = b₂s + (1 − b₂)g²; then m̂ = m / (1 − b₁ᵗ), ŝ = s / "
    "(1 − b₂ᵗ) with t = `step`, and p = p − lr · m̂ / (√ŝ + eps). Return the new parameters, means and squares "
    "(m and s, uncorrected), three lists.  \n"
    "Example: at step 1, from zero means and squares, every number moves by about lr, however large its gradient is.",
    hints=(
        "Two running means for each parameter, renewed as velocities were, but each is a weighted mean: the new part "
        "has the weight 1 − b.",
        "Both start at 0, so they are too small at first. `m / (1 - b1**step)` mends that, for this step alone: what "
        "you return is m itself.",
        "`p - lr * (m / (1 - b1**step)) / ((s / (1 - b2**step)).sqrt() + eps)`: eps stands outside the root.",
    ),
    cases=_adam_cases,
    use=_adam_steps,
)
def adam_step(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    """Take one step of Adam, as torch.optim.Adam does.

    parameters, gradients, means, squares: lists of tensors; the four at one place have one shape.
    step: which step this is, from 1; lr, betas, eps: settings.
    Returns the new parameters, means and squares, three lists of tensors.
    """
    b1, b2 = betas
    new_parameters, new_means, new_squares = [], [], []
    for p, g, m, s in zip(parameters, gradients, means, squares, strict=True):
        m = b1 * m + (1 - b1) * g
        s = b2 * s + (1 - b2) * g**2
        corrected_m = m / (1 - b1**step)
        corrected_s = s / (1 - b2**step)
        new_parameters.append(p - lr * corrected_m / (corrected_s.sqrt() + eps))
        new_means.append(m)
        new_squares.append(s)
    return new_parameters, new_means, new_squares


@adam_step.also_right
def adam_in_place(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    for p, g, m, s in zip(parameters, gradients, means, squares, strict=True):
        m.lerp_(g, 1 - betas[0])
        s.mul_(betas[1]).addcmul_(g, g, value=1 - betas[1])
        root = s.sqrt() / (1 - betas[1] ** step) ** 0.5 + eps
        p.addcdiv_(m, root, value=-lr / (1 - betas[0] ** step))
    return parameters, means, squares


@adam_step.also_right
def adam_by_torch(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    leaves = [nn.Parameter(p) for p in parameters]
    optimizer = torch.optim.Adam(leaves, lr=lr, betas=betas, eps=eps)
    for leaf, g, m, s in zip(leaves, gradients, means, squares, strict=True):
        leaf.grad = g
        optimizer.state[leaf] = {"step": torch.tensor(step - 1.0), "exp_avg": m, "exp_avg_sq": s}
    optimizer.step()
    states = [optimizer.state[leaf] for leaf in leaves]
    return leaves, [state["exp_avg"] for state in states], [state["exp_avg_sq"] for state in states]


@adam_step.also_right
def adam_for_all_at_once(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    means = torch._foreach_lerp(means, gradients, 1 - betas[0])
    squares = torch._foreach_lerp(squares, torch._foreach_mul(gradients, gradients), 1 - betas[1])
    roots = torch._foreach_sqrt(torch._foreach_div(squares, 1 - betas[1] ** step))
    torch._foreach_add_(roots, eps)
    return torch._foreach_addcdiv(parameters, means, roots, -lr / (1 - betas[0] ** step)), means, squares


@adam_step.also_right
def adam_in_the_lists(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    for i, g in enumerate(gradients):
        means[i] = betas[0] * means[i] + (1 - betas[0]) * g
        squares[i] = betas[1] * squares[i] + (1 - betas[1]) * g.pow(2)
        m, s = means[i] / (1 - betas[0] ** step), squares[i] / (1 - betas[1] ** step)
        parameters[i] = parameters[i] - lr * m / (s**0.5 + eps)
    return [parameters, means, squares]


def _adam(step_of_one):
    """Make an answer for lists from a step for one parameter: (p, g, m, s, step, lr, b1, b2, eps) -> (p, m, s)."""

    def answer(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
        lists = zip(parameters, gradients, means, squares, strict=True)
        triples = [step_of_one(*values, step, lr, *betas, eps) for values in lists]
        return tuple([triple[i] for triple in triples] for i in range(3))

    answer.__name__ = step_of_one.__name__
    return answer


def _renewed(g, m, s, b1, b2):
    return b1 * m + (1 - b1) * g, b2 * s + (1 - b2) * g**2


def _moved(p, m, s, step, lr, b1, b2, eps):
    return p - lr * (m / (1 - b1**step)) / ((s / (1 - b2**step)).sqrt() + eps)


@adam_step.wrong(
    "The bias correction is missing: both running means start at 0 and are too small at first. Divide m by 1 − b₁ᵗ and "
    "s by 1 − b₂ᵗ."
)
@_adam
def adam_uncorrected(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * m / (s.sqrt() + eps), m, s


@adam_step.wrong("You correct the mean only: the running mean of the squares started at 0 too, divide it by 1 − b₂ᵗ.")
@_adam
def adam_square_uncorrected(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * (m / (1 - b1**step)) / (s.sqrt() + eps), m, s


@adam_step.wrong(
    "You correct the squares only: the running mean of the gradient started at 0 too, divide it by 1 − b₁ᵗ."
)
@_adam
def adam_mean_uncorrected(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * m / ((s / (1 - b2**step)).sqrt() + eps), m, s


@adam_step.wrong("Your eps stands inside the root: take the root first, then add eps.")
@_adam
def adam_eps_inside(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * (m / (1 - b1**step)) / (s / (1 - b2**step) + eps).sqrt(), m, s


@adam_step.wrong("You add eps before the correction: correct the squares, take the root, and add eps last.")
@_adam
def adam_eps_early(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * (m / (1 - b1**step)) / ((s.sqrt() + eps) / (1 - b2**step) ** 0.5), m, s


@adam_step.wrong(
    "The `eps` that you are given has no effect: add it to the root, and no fixed number. Without it, a gradient of 0 "
    "gives 0 / 0."
)
@_adam
def adam_without_eps(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return _moved(p, m, s, step, lr, b1, b2, 0.0), m, s


@adam_step.wrong(
    "You return the corrected means: the correction is for this step alone. Return m and s as they were before it, or "
    "the next step corrects them again."
)
@_adam
def adam_corrected_kept(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return _moved(p, m, s, step, lr, b1, b2, eps), m / (1 - b1**step), s / (1 - b2**step)


@adam_step.wrong("You count the steps from 0: the first step has t = 1, and you are given it as `step`.")
@_adam
def adam_from_zero(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    bias_1, bias_2 = (torch.ones_like(p) * (1 - b ** (step - 1)) for b in (b1, b2))
    return p - lr * (m / bias_1) / ((s / bias_2).sqrt() + eps), m, s


@adam_step.wrong("You count one step too many: `step` is already 1 at the first step.")
@_adam
def adam_from_two(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return _moved(p, m, s, step + 1, lr, b1, b2, eps), m, s


@adam_step.wrong("Every step is corrected like the first: raise the betas to the power `step`, `b1**step`.")
@_adam
def adam_always_first(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return _moved(p, m, s, 1, lr, b1, b2, eps), m, s


@adam_step.wrong("The root is missing: divide by the root of the corrected squares, plus eps.")
@_adam
def adam_without_root(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * (m / (1 - b1**step)) / (s / (1 - b2**step) + eps), m, s


@adam_step.wrong("You square the running mean: `squares` is the running mean of g², of the gradient as it is now.")
@_adam
def adam_square_of_mean(p, g, m, s, step, lr, b1, b2, eps):
    m = b1 * m + (1 - b1) * g
    s = b2 * s + (1 - b2) * m**2
    return _moved(p, m, s, step, lr, b1, b2, eps), m, s


@adam_step.wrong(
    "The gradient enters with its full weight: a running mean gives it the weight 1 − b, m = b₁m + (1 − b₁)g."
)
@_adam
def adam_undamped(p, g, m, s, step, lr, b1, b2, eps):
    m, s = b1 * m + g, b2 * s + g**2
    return _moved(p, m, s, step, lr, b1, b2, eps), m, s


@adam_step.wrong("You took one beta for the other: the first belongs to the mean, the second to the squares.")
@_adam
def adam_betas_swapped(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b2, b1)
    return _moved(p, m, s, step, lr, b2, b1, eps), m, s


@adam_step.wrong("You go uphill: the parameter moves against the mean of its gradient, so subtract.")
@_adam
def adam_uphill(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return 2 * p - _moved(p, m, s, step, lr, b1, b2, eps), m, s


@adam_step.wrong("You move by the gradient: move by the corrected running mean of it.")
@_adam
def adam_without_mean(p, g, m, s, step, lr, b1, b2, eps):
    m, s = _renewed(g, m, s, b1, b2)
    return p - lr * g / ((s / (1 - b2**step)).sqrt() + eps), m, s


@adam_step.wrong("The parameters share their running means: each has its own, `means[i]` and `squares[i]`.")
def adam_shared(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    m, s, rows = means[0], squares[0], []
    for p, g in zip(parameters, gradients, strict=True):
        m, s = _renewed(g, m, s, *betas)
        rows.append((_moved(p, m, s, step, lr, *betas, eps), m, s))
    return tuple([row[i] for row in rows] for i in range(3))


@adam_step.wrong(
    "Your lists come back as they were given: in a loop, `p = …` only gives the name a new value. Collect the new "
    "tensors in new lists, or change the given ones in place."
)
def adam_unchanged(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    return parameters, means, squares


@adam_step.wrong("You return the squares before the means: return parameters, means and squares, in this order.")
def adam_other_order(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    moved, *rest = adam_step.function(parameters, gradients, means, squares, step, lr, betas, eps)
    return moved, *rest[::-1]


@adam_step.wrong("You ignore the settings that you are given: use `lr`, `betas` and `eps`, not their usual values.")
def adam_settings_ignored(parameters, gradients, means, squares, step, lr=0.001, betas=(0.9, 0.999), eps=1e-8):
    return adam_step.function(parameters, gradients, means, squares, step)


# 6. The loop


def _broken(model, images, labels, orders, batch_size, lr):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for order in orders:
        shuffled = images[order]
        for x, y in zip(shuffled.split(batch_size), labels.split(batch_size), strict=True):
            probabilities = model(x).softmax(dim=1)
            loss = F.cross_entropy(probabilities, y)
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            losses.append(loss.item())
    return losses


def _train_cases(seed):
    cases = []
    for number, (examples, width, classes, epochs, batch_size, lr) in enumerate(
        ((11, 5, 3, 2, 4, 0.3), (9, 4, 2, 3, 3, 0.1), (6, 3, 4, 2, 6, 0.5), (7, 6, 3, 1, 5, 0.2))
    ):
        g = generator(10 * seed + number)
        model = nn.Sequential(nn.Linear(width, 7), nn.BatchNorm1d(7), nn.ReLU(), nn.Linear(7, classes))
        with torch.no_grad():
            for value in model.parameters():
                value.copy_(torch.randn(value.shape, generator=g) / 2)
        images = torch.randn(examples, width, generator=g)
        labels = torch.randperm(examples, generator=g) % classes
        orders = [torch.randperm(examples, generator=g) for _ in range(epochs)]
        label = f"images ({examples}, {width}), {epochs} epochs, batch_size {batch_size}, lr {lr}"
        cases.append((label, (model.eval(), images, labels, orders, batch_size, lr), {}))
    return cases


def _train(answer, model, images, labels, orders, batch_size, lr):
    """Train a copy of the model, and return the losses, the weights and the buffers."""
    model = copy.deepcopy(model).to(images.dtype)
    losses = answer(model, images, labels, orders, batch_size, lr)
    if losses is ...:
        return ...
    if losses is None:
        raise Refused("Your function returned None: return the list of losses.")
    if type(losses) is not list:
        raise Refused(f"Return the losses as a list of numbers, one for each step: yours is {kind_of(losses)}.")
    if any(isinstance(loss, torch.Tensor) and loss.requires_grad for loss in losses):
        raise Refused(
            "Your losses are tensors, and each keeps all that its step computed in memory: keep `loss.item()`."
        )
    if not all(isinstance(loss, numbers.Real | torch.Tensor) and torch.as_tensor(loss).ndim == 0 for loss in losses):
        raise Refused("Return the losses as a list of numbers, one for each step: `losses.append(loss.item())`.")
    if not all(value.dtype == images.dtype for value in model.parameters()):
        raise Refused("Your code changes the dtype of the model: leave it as it is.")
    seen = {"losses": torch.tensor([float(loss) for loss in losses])}
    kept = {name: value.detach() for name, value in model.state_dict().items() if value.is_floating_point()}
    return seen | {f"model.{name}": value for name, value in kept.items()}


@exercise(
    title="Repair a training loop",
    contract="The loop below runs without an error and learns nothing. It has four faults: find them, and "
    "write it "
    "as it should be. `model` maps `images` (N, features) to logits (N, classes) and comes as an accuracy measurement "
    "left it, "
    "in eval mode; `labels` is (N,), int64. `orders` holds one tensor for each epoch: the places 0 … N − 1 of the "
    "images "
    "as given, in the order in which this epoch visits them, `batch_size` at a time; the last batch may be smaller. "
    "Plain SGD with `lr` and cross-entropy; the answer is the list of the losses, one number for each step.  \n"
    "Example: 11 images, 2 epochs and batches of 4 make 2 × 3 = 6 losses.\n\n```python\n"
    + textwrap.dedent(inspect.getsource(_broken)).replace("_broken", "train").replace(", strict=True", "").strip()
    + "\n```",
    hints=(
        "Follow one batch: which image meets which label? What goes into `F.cross_entropy`? Which gradients does "
        "`step()` use?",
        "Images and labels need the same order, and `F.cross_entropy` wants logits. "
        "Two more: when are old gradients cleared, and in which mode is the model?",
        "Say `model.train()` first. For each `batch` in `order.split(batch_size)`: the loss of `model(images[batch])` "
        "and `labels[batch]`, then `zero_grad()`, `backward()`, `step()`.",
    ),
    cases=_train_cases,
    use=_train,
    optimizers=True,
)
def train(model, images, labels, orders, batch_size, lr):
    """Train a model with plain SGD and cross-entropy.

    model: maps images to logits, (N, classes); it comes in eval mode.
    images: (N, features), float; labels: (N,), int64.
    orders: for each epoch a tensor (N,), int64: the places of the images in the order in which they are visited.
    Returns the loss of each step, a list of floats.
    """
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    model.train()
    for order in orders:
        for batch in order.split(batch_size):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@train.also_right
def train_zero_last(model, images, labels, orders, batch_size, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss_fn, losses = nn.CrossEntropyLoss(), []
    for order in orders:
        x_all, y_all = images[order], labels[order]
        for x, y in zip(x_all.split(batch_size), y_all.split(batch_size), strict=True):
            loss = loss_fn(model(x), y)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
    return losses


@train.also_right
def train_by_hand(model, images, labels, orders, batch_size, lr):
    losses = []
    for order in orders:
        model.train()
        for start in range(0, len(order), batch_size):
            batch = order[start : start + batch_size]
            log_p = F.log_softmax(model(images[batch]), dim=1)
            loss = -log_p[torch.arange(len(batch)), labels[batch]].mean()
            gradients = torch.autograd.grad(loss, list(model.parameters()))
            with torch.no_grad():
                for value, gradient in zip(model.parameters(), gradients, strict=True):
                    value -= lr * gradient
            losses.append(loss.item())
    return losses


@train.also_right
def train_with_loader(model, images, labels, orders, batch_size, lr):
    from torch.utils.data import DataLoader, TensorDataset

    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    model.train()
    losses = []
    for order in orders:
        for x, y in DataLoader(TensorDataset(images, labels), batch_size, sampler=order.tolist()):
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@train.also_right
def train_with_closure(model, images, labels, orders, batch_size, lr):
    optimizer, losses = torch.optim.SGD(model.parameters(), lr), []
    model.train()
    for places in map(torch.Tensor.tolist, orders):
        while places:
            batch, places = places[:batch_size], places[batch_size:]

            def loss_of(batch=batch):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(images[batch]), labels[batch])
                loss.backward()
                return loss

            losses.append(float(optimizer.step(loss_of).detach()))
    return losses


@train.also_right
def train_without_optimizer(model, images, labels, orders, batch_size, lr):
    losses = []
    for batch in (batch for order in orders for batch in order.split(batch_size)):
        model.train().zero_grad()
        loss = F.cross_entropy(model(images[batch]), labels[batch], reduction="sum") / len(batch)
        loss.backward()
        for value in model.parameters():
            value.data -= lr * value.grad
        losses.append(loss.detach().numpy()[()])  # a number of numpy's
    return losses


def _loop(step):
    """Make an answer that is right but for its step(model, optimizer, x, y) -> loss."""

    def answer(model, images, labels, orders, batch_size, lr):
        model.train()
        optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        batches = [batch for order in orders for batch in order.split(batch_size)]
        return [step(model, optimizer, images[batch], labels[batch]).item() for batch in batches]

    answer.__name__ = step.__name__
    return answer


def _after_step(model, optimizer, loss):
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


@train.wrong("This is the broken loop as it was: it has four faults.")
def train_unchanged(model, images, labels, orders, batch_size, lr):
    return _broken(model, images, labels, orders, batch_size, lr)


@train.wrong(
    "The gradients of all steps add up: call `optimizer.zero_grad()` once for each batch, before `backward()`."
)
@_loop
def train_without_zero_grad(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss


@train.wrong("You clear the gradients once for each epoch: within it they add up. Clear them for each batch.")
def train_zero_grad_per_epoch(model, images, labels, orders, batch_size, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for order in orders:
        optimizer.zero_grad()
        for batch in order.split(batch_size):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses


@train.wrong(
    "No weight changes: either `zero_grad()` stands between `backward()` and `step()`, so that the gradients are gone "
    "before they are used, or `step()` is missing or comes too early."
)
@_loop
def train_cleared_too_late(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.zero_grad()
    optimizer.step()
    return loss


@train.wrong(
    "You call `step()` before `backward()`: it changes the weights that `backward()` still needs, and torch says so. "
    "Compute the gradients first, then step."
)
@_loop
def train_step_first(model, optimizer, x, y):
    loss = F.cross_entropy(model(x), y)
    optimizer.step()
    loss.backward()
    return loss


@train.wrong(
    "The loss sees probabilities: `F.cross_entropy` wants logits and takes the softmax itself. Leave softmax out."
)
@_loop
def train_on_probabilities(model, optimizer, x, y):
    return _after_step(model, optimizer, F.cross_entropy(model(x).softmax(1), y))


@train.wrong(
    "The loss is summed over the batch: then a step grows with the batch. `F.cross_entropy` takes the mean by default."
)
@_loop
def train_on_sums(model, optimizer, x, y):
    return _after_step(model, optimizer, F.cross_entropy(model(x), y, reduction="sum"))


@train.wrong(
    "The images are reordered and the labels are not: each image then learns the label of another. Use the same order "
    "for both."
)
def train_labels_left_behind(model, images, labels, orders, batch_size, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for order in orders:
        for x, y in zip(images[order].split(batch_size), labels.split(batch_size), strict=True):
            losses.append(_after_step(model, optimizer, F.cross_entropy(model(x), y)).item())
    return losses


def _with_orders(change):
    """Make an answer that is right for other orders than the given ones: change(orders, batch_size) -> orders."""

    def answer(model, images, labels, orders, batch_size, lr):
        return train.function(model, images, labels, change(orders, batch_size), batch_size, lr)

    answer.__name__ = change.__name__
    return answer


@train.wrong("You visit the images as they are stored: each epoch has an order of its own in `orders`.")
@_with_orders
def train_unordered(orders, batch_size):
    return [order.sort().values for order in orders]


@train.wrong(
    "You reorder what the epoch before has reordered: each order holds places in the images as given. Keep those under "
    "a name of their own."
)
@_with_orders
def train_reordered_again(orders, batch_size):
    places, seen = torch.arange(len(orders[0])), []
    for order in orders:
        places = places[order]
        seen.append(places)
    return seen


@train.wrong("You leave out the last batch of an epoch where it is smaller: its images count too.")
@_with_orders
def train_last_batch_dropped(orders, batch_size):
    return [order[: len(order) // batch_size * batch_size] for order in orders]


@train.wrong("You train for one epoch only: there is one for each order in `orders`.")
@_with_orders
def train_one_epoch(orders, batch_size):
    return orders[:1]


@train.wrong("You step once for each epoch: step for each batch.")
def train_one_step_per_epoch(model, images, labels, orders, batch_size, lr):
    model.train()
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for order in orders:
        optimizer.zero_grad()
        for batch in order.split(batch_size):
            loss = F.cross_entropy(model(images[batch]), labels[batch])
            loss.backward()
            losses.append(loss.item())
        optimizer.step()
    return losses


@train.wrong("The loss that you note is computed again after the step: note the one whose gradient made the step.")
@_loop
def train_loss_after_step(model, optimizer, x, y):
    _after_step(model, optimizer, F.cross_entropy(model(x), y))
    return F.cross_entropy(model(x), y)


@train.wrong("You take all images in one step: take `batch_size` at a time.")
def train_in_one_batch(model, images, labels, orders, batch_size, lr):
    return train.function(model, images, labels, orders, len(images), lr)


@train.wrong(
    "The model is still in eval mode: its batch norm uses old statistics and learns no new ones. Call `model.train()` "
    "before you train."
)
def train_in_eval_mode(model, images, labels, orders, batch_size, lr):
    model.train = lambda mode=True: model
    return train.function(model, images, labels, orders, batch_size, lr)


@train.wrong("You return one loss for each epoch: return the loss of every step.")
def train_losses_per_epoch(model, images, labels, orders, batch_size, lr):
    losses = train.function(model, images, labels, orders, batch_size, lr)
    steps = len(losses) // len(orders)
    return [sum(losses[i : i + steps]) / steps for i in range(0, len(losses), steps)]
