"""The exercises of notebook 10, GPU training: to a device, names as labels, measure, go on, and make a map smaller."""

import copy
import os
import random
import re

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from ..shapes import is_whole
from .cases import generator
from .engine import Refused, exercise, kind_of


def _filled(model, seed):
    """Give all parameters seeded random values."""
    _fill(model.parameters(), seed)
    return model


def _fill(values, seed):
    g = generator(seed)
    with torch.no_grad():
        for value in values:
            value.copy_(torch.randn(value.shape, generator=g) / max(value[0].numel(), 4) ** 0.5)


# 1. A step on a device


class _Recorded(nn.Module):
    """A small classifier with a buffer, which a move must take along."""

    def __init__(self, features, classes, seed):
        super().__init__()
        self.register_buffer("middle", torch.linspace(-1, 1, features))
        self.first, self.last = nn.Linear(features, 7), nn.Linear(7, classes)
        _filled(self, seed)
        self.seen = None

    def forward(self, x):
        self.seen = x.device.type
        return self.last(torch.tanh(self.first(x.to(self.middle.dtype) - self.middle)))


def _step_cases(seed):
    cases = []
    for number, (count, features, device) in enumerate(((6, 5, "cpu"), (9, 4, "meta"), (8, 3, "meta"), (5, 6, "cpu"))):
        g = generator(10 * seed + number)
        images = torch.randn(count, features, generator=g)
        labels = torch.randperm(count, generator=g) % 3
        lr = (0.5, 0.1, 0.2, 0.05)[number]
        label = f"images ({count}, {features}), lr {lr}, device {device!r}"
        cases.append((label, (_Recorded(features, 3, seed + number), images, labels, lr, device), {}))
    return cases


def _stepped(answer, model, images, labels, lr, device):
    model = copy.deepcopy(model).to(images.dtype)
    try:
        loss = answer(model, images, labels, lr, device)
    except RuntimeError as error:
        if "on device" not in str(error):
            raise
        place = model.middle.device.type
        raise Refused(
            f"Torch stopped with: {str(error).rstrip('!')}. The model was on {place}, "
            + (f"its input on {model.seen}." if model.seen else "and was not called.")
        ) from None
    if loss is ...:
        return loss
    if not isinstance(loss, torch.Tensor):
        raise Refused(f"Return the loss as a tensor: yours is {kind_of(loss)}. `.item()` takes it away.")
    if loss.layout != torch.strided or loss.dim():
        raise Refused("Return the loss of the step: a tensor without axes.")
    if loss.is_complex() or not loss.is_floating_point():
        raise Refused(f"Return the loss of the step, a float tensor: yours is {loss.dtype}.")
    where = {"loss": loss, **dict(model.named_parameters()), **dict(model.named_buffers())}
    seen = {"loss without its graph": not loss.requires_grad}
    seen |= {f"device of {name}": value.device.type for name, value in where.items()}
    kept = {"loss": loss.detach(), **{n: p.detach() for n, p in model.named_parameters()}}
    return seen | {name: str(value.dtype) if value.is_meta else value for name, value in kept.items()}


@exercise(
    title="A training step on any device",
    contract="`train_step(model, images, labels, lr, device)`: move everything that the step needs to `device`, take "
    "one step of plain SGD with `lr` and cross-entropy, and return the loss before the step, detached, a tensor "
    "without axes on that device. `images` (N, features) and `labels` (N,) come from the CPU and stay as they are.  \n"
    "Example: with `device` 'cuda', model, batch and loss are on the GPU. The check uses 'cpu' and 'meta', a device "
    "without numbers: what you leave behind stops there with torch's own error.",
    hints=(
        "Three things have to move. Two of them are tensors, and one is a module: which call gives you something back "
        "that you must keep?",
        "`model.to(device)` moves the module itself. `images = images.to(device)`: a tensor stays where it is, and the "
        "moved one is another.",
        "First the three moves, then `optimizer = torch.optim.SGD(model.parameters(), lr=lr)`, the loss, `zero_grad`, "
        "`backward`, `step`, and `return loss.detach()`.",
    ),
    cases=_step_cases,
    use=_stepped,
    optimizers=True,
)
def train_step(model, images, labels, lr, device):
    """Take one training step on a device.

    model: maps images to logits, (N, classes). images: (N, features), float; labels: (N,), int64; both on the CPU.
    lr: the learning rate; device: such as "cuda".
    Returns the loss before the step, detached, on the device. The model stays on the device.
    """
    model.to(device)
    images, labels = images.to(device), labels.to(device)
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss = F.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


@train_step.also_right
def step_by_hand(model, images, labels, lr, device):
    model = model.to(device)
    logits = model(images.to(device))
    loss = nn.CrossEntropyLoss()(logits, labels.to(device))
    gradients = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for value, gradient in zip(model.parameters(), gradients, strict=True):
            value -= lr * gradient
    return loss.detach()


@train_step.also_right
def step_with_block(model, images, labels, lr, device):
    place = torch.device(device)
    x, y = images.to(place, non_blocking=True), labels.to(place, non_blocking=True)
    model.to(place).train()
    optimizer = torch.optim.SGD(model.parameters(), lr)
    optimizer.zero_grad()
    log_p = model(x).log_softmax(1)
    loss = F.nll_loss(log_p, y)
    loss.backward()
    optimizer.step()
    return loss.clone().detach()


@train_step.also_right
def step_with_closure(model, images, labels, lr, device):
    model.to(device)
    images, labels = (batch.to(device) for batch in (images, labels))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, foreach=True)

    def loss_of():
        optimizer.zero_grad(set_to_none=False)
        picked = model(images).log_softmax(1)[torch.arange(len(labels)), labels]
        loss = -picked.mean()
        loss.backward()
        return loss

    return optimizer.step(loss_of).detach()


@train_step.also_right
def step_without_optimizer(model, images, labels, lr, device):
    model.to(device)
    one_hot = F.one_hot(labels, model.last.out_features).to(images.dtype).to(device)
    loss = F.cross_entropy(model(images.to(device)), one_hot)
    loss.backward()
    for value in model.parameters():
        value.data -= lr * value.grad
        value.grad = None
    return loss.data


def _step(model, images, labels, lr, loss_of=F.cross_entropy, keep=False):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss = loss_of(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss if keep else loss.detach()


@train_step.wrong(
    "The images are left behind: the model is on the device, and its input is not. `x.to(device)` gives a new tensor "
    "and leaves `x` where it is: write `x = x.to(device)`."
)
def step_images_left(model, images, labels, lr, device):
    model.to(device)
    images.to(device)
    labels.to(device)
    return _step(model, images, labels, lr)


@train_step.wrong("The model is left behind: the images are on the device, and the weights are still on the CPU.")
def step_model_left(model, images, labels, lr, device):
    return _step(model, images.to(device), labels.to(device), lr)


@train_step.wrong("Nothing is moved: the whole step runs on the CPU, whatever `device` says.")
def step_nothing_moved(model, images, labels, lr, device):
    return _step(model, images, labels, lr)


@train_step.wrong("The labels are left behind: the loss compares them with the logits, so they must be there too.")
def step_labels_left(model, images, labels, lr, device):
    model.to(device)
    return _step(model, images.to(device), labels, lr)


@train_step.wrong(
    "You train a copy: the model that you were given must be on the device afterwards, with its new weights."
)
def step_on_copy(model, images, labels, lr, device):
    return _step(copy.deepcopy(model).to(device), images.to(device), labels.to(device), lr)


@train_step.wrong("The loss comes back to the CPU: keep it on the device, so that nothing has to wait for it.")
def step_loss_back(model, images, labels, lr, device):
    model.to(device)
    loss = _step(model, images.to(device), labels.to(device), lr)
    return torch.zeros(()) if loss.is_meta else loss


@train_step.wrong("The loss carries its whole graph along, and with it the memory of the step: return `loss.detach()`.")
def step_with_graph(model, images, labels, lr, device):
    model.to(device)
    return _step(model, images.to(device), labels.to(device), lr, keep=True)


@train_step.wrong("No weight changes: after `backward()` the optimizer has to take its `step()`.")
def step_not_taken(model, images, labels, lr, device):
    model.to(device)
    return F.cross_entropy(model(images.to(device)), labels.to(device)).detach()


@train_step.wrong("The loss sees probabilities: `F.cross_entropy` wants logits. Leave softmax out.")
def step_on_probabilities(model, images, labels, lr, device):
    model.to(device)
    return _step(model, images.to(device), labels.to(device), lr, lambda x, y: F.cross_entropy(x.softmax(1), y))


@train_step.wrong("The device is fixed to the CPU: move to the `device` that you are given.")
def step_device_ignored(model, images, labels, lr, device):
    return train_step.function(model, images, labels, lr, "cpu").double()


# 2. Names as labels


class _Reader:
    """Stands for a function that decodes a file; it counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, name):
        self.calls += 1
        return torch.randn(3, 4, 5, generator=generator(sum((i + 1) * ord(c) for i, c in enumerate(name))))


def _names_cases(seed):
    cases = []
    for number, (classes, counts, others) in enumerate(
        (
            (("cat", "dog"), (5, 12), ["notes.txt", "Thumbs.db"]),
            (("dog", "cat"), (3, 4), []),
            (("cat", "dog", "cow"), (2, 3, 2), [".DS_Store", "cat.txt"]),
            (("catfish", "cat"), (3, 2), ["dogs"]),
        )
    ):
        choose = random.Random(10 * seed + number)
        names = [f"{c}.{i}.jpg" for c, n in zip(classes, counts, strict=True) for i in choose.sample(range(40), n)]
        while True:  # an order that is neither sorted nor grouped by class
            choose.shuffle(names)
            if names != sorted(names) and len({name.partition(".")[0] for name in names[:2]}) == 2:
                break
        listing = [*others[:1], *names, *others[1:]]
        cases.append((f"{len(listing)} names, classes {classes}", (listing, classes), {}))
    return cases


def _read_all(answer, names, classes):
    """Make the dataset, ask for all pictures, and return what came."""
    read = _Reader()
    made = answer(names, classes, read)
    early = read.calls
    size = len(made)
    if type(size) is not int:
        raise Refused("`len(dataset)` must be a whole number.")
    pictures, labels = [], []
    for i in range(size):
        item = made[i]
        if not isinstance(item, tuple | list) or len(item) != 2:
            raise Refused("`dataset[i]` must give two things, the picture and its label.")
        picture, label = item
        if not isinstance(picture, torch.Tensor) or picture.shape != (3, 4, 5) or picture.dtype != torch.float32:
            raise Refused("The picture must be what `read(name)` gives, as it is.")
        if isinstance(label, torch.Tensor) and label.dim() == 0 and label.dtype == torch.int64:
            label = label.item()
        if isinstance(label, str):
            raise Refused("Your label is a word: cross-entropy wants a number, the place of the class in `classes`.")
        if isinstance(label, torch.Tensor | list | tuple):
            seen = torch.as_tensor(label)
            if seen.numel() == len(classes) > 1:
                raise Refused(
                    "Your label is one-hot: a row of zeros with a single one. Cross-entropy takes the class's place "
                    "itself, one whole number."
                )
        if not is_whole(label):
            raise Refused("The label must be one whole number, the place of the class in `classes`.")
        pictures.append(picture)
        labels.append(int(label))
    return {
        "length": size,
        "labels": labels,
        "pictures": torch.stack(pictures) if pictures else torch.zeros(0),
        "number of files read before any is asked for": early,
        "number of files read for all pictures": read.calls - early,
    }


@exercise(
    title="Labels from file names",
    contract="`NamedPictures(names, classes, read)`: a dataset of the files in `names`, a listing in any order, as "
    "`os.listdir` gives it, with other files in it. Keep the names that end in `.jpg`, **sorted** by `sorted()`; the "
    "part before the first dot is the class. `dataset[i]` gives `read(name)`, a tensor (3, H, W), and the label: the "
    "place of the class in `classes`, a whole number. Read a file when it is asked for, not before.  \n"
    "Example: `classes` ('cat', 'dog') and the names dog.0.jpg, cat.7.jpg, notes.txt: `len` is 2, and "
    "`dataset[0]` is cat.7.jpg's picture and 0.",
    hints=(
        "Which of the three methods needs to know the names, and which reads a file?",
        "`name.split('.')[0]` is the class. `classes.index(word)` is its place.",
        "In `__init__`: `self.names = sorted(n for n in names if n.endswith('.jpg'))`. In `__getitem__`: "
        "`name = self.names[index]`, then `self.read(name)` and the place of its class.",
    ),
    cases=_names_cases,
    use=_read_all,
)
class NamedPictures(torch.utils.data.Dataset):
    """Pictures whose file names say what they show.

    names: list of str, in any order; classes: tuple of str; read: gives a tensor (3, H, W) for a name.
    """

    def __init__(self, names, classes, read):
        """Keep what the other methods need."""
        self.names = sorted(name for name in names if name.endswith(".jpg"))
        self.classes, self.read = classes, read

    def __len__(self):
        """Return the number of pictures."""
        return len(self.names)

    def __getitem__(self, index):
        """Return the picture and its label, a whole number."""
        name = self.names[index]
        return self.read(name), self.classes.index(name.split(".")[0])


@NamedPictures.also_right
class NamesByLoop:
    def __init__(self, names, classes, read):
        self.items, self.read = [], read
        places = {word: torch.tensor(i) for i, word in enumerate(classes)}
        for name in sorted(names):
            if os.path.splitext(name)[1] == ".jpg":
                self.items.append((name, places[name[: name.index(".")]]))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, index):
        name, label = self.items[index]
        return [self.read(name), label]


@NamedPictures.also_right
class NamesByPrefix(torch.utils.data.Dataset):
    def __init__(self, names, classes, read):
        self.read = read
        self.found = [
            (name, label)
            for name in names
            for label, word in enumerate(classes)
            if name.startswith(word + ".") and name.endswith("jpg")
        ]
        self.found.sort()

    def __len__(self):
        return len(self.found)

    def __getitem__(self, index):
        return self.read(self.found[index][0]), self.found[index][1]


@NamedPictures.also_right
class NamesByNumpy(torch.utils.data.Dataset):
    def __init__(self, names, classes, read):
        self.names, self.read = sorted(filter(re.compile(r"\.jpg$").search, names)), read
        self.labels = np.array([classes.index(name.partition(".")[0]) for name in self.names])

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        return self.read(self.names[index]), self.labels[index]


@NamedPictures.also_right
class NamesInAList(list):
    def __init__(self, names, classes, read):
        super().__init__(sorted(name for name in names if name[-4:] == ".jpg"))
        self.places, self.read = dict(zip(classes, range(len(classes)), strict=True)), read

    def __len__(self):
        return super().__len__()

    def __getitem__(self, index):
        name = super().__getitem__(index)
        return self.read(name), self.places[re.match("[^.]*", name)[0]]


class _Names(NamedPictures.function):
    """A dataset to make wrong answers of."""

    def label(self, index):
        return super().__getitem__(index)[1]

    def __getitem__(self, index):
        return self.read(self.names[index]), self.label(index)


@NamedPictures.wrong(
    "You keep the order of the listing: `os.listdir` promises none, and another machine gives another. Sort the names."
)
class NamesUnsorted(_Names):
    def __init__(self, names, classes, read):
        super().__init__(names, classes, read)
        self.names = [name for name in names if name.endswith(".jpg")]


@NamedPictures.wrong(
    "Your labels follow the position: the first half is 0 and the second half 1. Nothing says that there are equally "
    "many of each: read the label from each name."
)
class NamesByHalves(_Names):
    def label(self, index):
        return index * len(self.classes) // len(self)


@NamedPictures.wrong(
    "Your labels belong to the listing as it came, and your names are sorted: take the label from the name itself."
)
class NamesLabelsOfListing(_Names):
    def __init__(self, names, classes, read):
        super().__init__(names, classes, read)
        self.listed = [name for name in names if name.endswith(".jpg")]

    def label(self, index):
        return self.classes.index(self.listed[index].split(".")[0])


@NamedPictures.wrong("Your label is one-hot: a row of zeros with a single one.")
class NamesOneHot(_Names):
    def label(self, index):
        return F.one_hot(torch.tensor(super().label(index)), len(self.classes))


@NamedPictures.wrong("Your label is a word: cross-entropy wants a number.")
class NamesWords(_Names):
    def label(self, index):
        return self.names[index].split(".")[0]


@NamedPictures.wrong("You number the classes by the alphabet: the label is the place in `classes` as it is given.")
class NamesByAlphabet(_Names):
    def label(self, index):
        return sorted(self.classes).index(self.names[index].split(".")[0])


@NamedPictures.wrong("Your labels are right for cat and dog in this order only: look the word up in `classes`.")
class NamesCatOrNot(_Names):
    def label(self, index):
        return int(not self.names[index].startswith("cat."))


@NamedPictures.wrong(
    "You take the first class whose letters the name begins with: catfish begins with cat. Compare the whole part "
    "before the first dot."
)
class NamesByLetters(_Names):
    def label(self, index):
        return next(i for i in reversed(range(len(self.classes))) if self.names[index].startswith(self.classes[i]))


@NamedPictures.wrong(
    "You read every file at the start: 25,000 photographs do not fit in memory. Read one when it is asked for."
)
class NamesReadEarly(_Names):
    def __init__(self, names, classes, read):
        super().__init__(names, classes, read)
        self.pictures = [read(name) for name in self.names]

    def __getitem__(self, index):
        return self.pictures[index], self.label(index)


# 3. Measuring


class _Watched(nn.Module):
    """A small classifier with dropout that notes how it is called."""

    def __init__(self, features, classes, seed):
        super().__init__()
        self.dropout, self.linear = nn.Dropout(0.6), nn.Linear(features, classes)
        _filled(self, seed)
        self.calls = []

    def forward(self, x):
        self.calls.append((self.training, torch.is_grad_enabled()))
        return self.linear(self.dropout(x)) * 3


def _evaluate_cases(seed):
    cases = []
    for number, sizes in enumerate(((4, 4, 3), (5, 2), (6,), (3, 3, 3, 1))):
        g = generator(10 * seed + number)
        features, classes = 4 + number, 3
        batches = [
            (torch.randn(size, features, generator=g), torch.randint(classes, (size,), generator=g)) for size in sizes
        ]
        label = f"batches of {', '.join(map(str, sizes))}, {classes} classes"
        cases.append((label, (_Watched(features, classes, 10 * seed + number), batches), {}))
    return cases


def _evaluated(answer, model, batches):
    model = copy.deepcopy(model).train()
    model.calls = []
    result = answer(model, batches)
    if result is ...:
        return result
    if not isinstance(result, tuple | list) or len(result) != 2:
        raise Refused("Return two numbers, the loss and the accuracy: `return loss, accuracy`.")
    if not all(isinstance(value, float) for value in result):  # numpy's float64 is one
        kinds = " and ".join(map(kind_of, result))
        raise Refused(f"Return two floats: yours are {kinds}. `.item()` takes a number out of a tensor.")
    loss, accuracy = result
    return {
        "model in eval mode at each call": not any(mode for mode, _ in model.calls),
        "calls without gradients": not any(grad for _, grad in model.calls),
        "model in train mode afterwards": model.training,
        "loss": loss,
        "accuracy": torch.tensor(accuracy).item(),
    }


@exercise(
    title="An evaluation loop",
    contract="`evaluate(model, batches)`: `batches` gives pairs of images (n, features) and labels (n,), as a loader "
    "does; the last pair may be smaller. The model comes in train mode and goes back to it; in between it is in eval "
    "mode, without gradients. Two floats come out: the mean cross-entropy and the accuracy, over all images alike.  \n"
    "Example: batches of 4, 4 and 3 images with 8 right answers: the accuracy is 8 / 11.",
    hints=(
        "A mean of the batches' means counts the 3 images of the last batch as much as the 4 of another. What must you "
        "add up?",
        "`F.cross_entropy(..., reduction='sum')` gives the sum over a batch. `model.eval()` and `torch.no_grad()` do "
        "different things.",
        "Before the loop: `loss = right = seen = 0`. In it: add the sum of the losses, `(logits.argmax(1) == "
        "y).sum()` and `len(y)`, each by `.item()`. After it `model.train()`, and divide.",
    ),
    cases=_evaluate_cases,
    use=_evaluated,
)
def evaluate(model, batches):
    """Measure a model.

    model: maps images to logits, (n, classes); it comes in train mode. batches: pairs of images and labels.
    Returns the mean cross-entropy and the accuracy over all images, two floats.
    """
    model.eval()
    loss = right = seen = 0
    with torch.no_grad():
        for x, y in batches:
            logits = model(x)
            loss += F.cross_entropy(logits, y, reduction="sum").item()
            right += (logits.argmax(1) == y).sum().item()
            seen += len(y)
    model.train()
    return loss / seen, right / seen


def _evaluate(model, batches, *, evaluating=True, gradients=False, back=True):
    if evaluating:
        model.eval()
    with torch.set_grad_enabled(gradients):
        logits = torch.cat([model(x) for x, _ in batches])
    labels = torch.cat([y for _, y in batches])
    if back:
        model.train()
    return F.cross_entropy(logits, labels).item(), (logits.argmax(1) == labels).double().mean().item()


@evaluate.also_right
def evaluate_at_once(model, batches):
    return _evaluate(model, batches)


@evaluate.also_right
def evaluate_weighted(model, batches):
    model.train(False)
    total = count = hits = 0.0
    with torch.inference_mode():
        for x, y in batches:
            out = model(x)
            total += float(F.cross_entropy(out, y)) * len(x)
            hits += float((out.max(1).indices == y).sum())
            count += len(x)
    model.train(True)
    return total / count, hits / count


@evaluate.also_right
@torch.no_grad()
def evaluate_each_image(model, batches):
    model.eval()
    losses, hits = [], []
    for x, y in batches:
        for image, label in zip(x, y, strict=True):
            logits = model(image[None])[0]
            losses.append((logits.logsumexp(0) - logits[label]).item())
            hits.append(logits.argmax() == label)
    model.train()
    return [sum(losses) / len(losses), sum(hits).item() / len(hits)]


@evaluate.also_right
def evaluate_by_numpy(model, batches):
    losses, hits = [], []
    model.eval()
    with torch.no_grad():
        for x, y in batches:
            logits = model(x)
            losses.extend(F.cross_entropy(logits, y, reduction="none").tolist())
            hits.extend(logits.argmax(1).eq(y).tolist())
    model.train()
    return np.mean(losses), np.mean(hits)


@evaluate.wrong("Dropout is left on: call `model.eval()` before the loop.")
def evaluate_in_train_mode(model, batches):
    return _evaluate(model, batches, evaluating=False)


@evaluate.wrong("Gradients are kept: `model.eval()` does not stop that, `torch.no_grad()` does.")
def evaluate_with_gradients(model, batches):
    return _evaluate(model, batches, gradients=True)


@evaluate.wrong("Dropout is left on, and gradients are kept: use `model.eval()` and `torch.no_grad()`, both.")
def evaluate_with_both(model, batches):
    return _evaluate(model, batches, evaluating=False, gradients=True)


@evaluate.wrong(
    "The model stays in eval mode: the next epoch would train without dropout. Call `model.train()` at the end."
)
def evaluate_left_in_eval(model, batches):
    return _evaluate(model, batches, back=False)


def _by_batch(model, batches):
    """Return loss and accuracy of each batch."""
    return [_evaluate(model, [batch]) for batch in batches]


@evaluate.wrong(
    "You average the batches' means: the smaller last batch then counts too much. Add up over the images, and divide "
    "once."
)
def evaluate_mean_of_means(model, batches):
    seen = _by_batch(model, batches)
    return tuple(sum(pair[i] for pair in seen) / len(seen) for i in range(2))


@evaluate.wrong("Your accuracy is right, and your loss is the mean of the batches' means: weight each by its images.")
def evaluate_loss_of_means(model, batches):
    return evaluate_mean_of_means(model, batches)[0], _evaluate(model, batches)[1]


@evaluate.wrong(
    "You divide the sum of the batches' mean losses by the number of images: each mean counts for its batch."
)
def evaluate_means_by_images(model, batches):
    losses = sum(loss for loss, _ in _by_batch(model, batches))
    return losses / sum(len(y) for _, y in batches), _evaluate(model, batches)[1]


@evaluate.wrong("You measure the last batch only: add up over all of them.")
def evaluate_last_batch(model, batches):
    return _by_batch(model, batches)[-1]


@evaluate.wrong("You return the accuracy first: the loss comes first, then the accuracy.")
def evaluate_other_order(model, batches):
    return _evaluate(model, batches)[::-1]


@evaluate.wrong("You return sums: divide both by the number of images.")
def evaluate_sums(model, batches):
    count = sum(len(y) for _, y in batches)
    return tuple(value * count for value in _evaluate(model, batches))


@evaluate.wrong("Your accuracy is a percentage: it goes from 0 to 1.")
def evaluate_percent(model, batches):
    loss, accuracy = _evaluate(model, batches)
    return loss, 100 * accuracy


# 4. Going on


def _epoch(model, optimizer, images, labels):
    model.train()
    for batch in torch.randperm(len(images)).split(4):
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _run(seed, images, width):
    """Return a model with dropout and an optimizer with momentum for it."""
    model = nn.Sequential(
        nn.Linear(images.shape[1], width), nn.BatchNorm1d(width), nn.Dropout(0.4), nn.Linear(width, 3)
    )
    _filled(model[0], seed)
    _filled(model[3], seed + 1)
    model.to(images.dtype)
    return model, torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.9)


def _resume_cases(seed):
    cases = []
    for number, (count, features, done, epochs) in enumerate(
        ((11, 5, 2, 4), (10, 4, 1, 4), (8, 6, 3, 5), (7, 3, 2, 3))
    ):
        g = generator(10 * seed + number)
        images = torch.randn(count, features, generator=g)
        labels = torch.randperm(count, generator=g) % 3
        label = f"{count} images, interrupted after {done} of {epochs} epochs"
        cases.append((label, (images, labels, done, epochs), {}))
    return cases


def _resumed(answer, images, labels, done, epochs):
    """Interrupt a run, let the answer bring it back into a new model and optimizer, and train on to the end."""
    torch.default_generator.manual_seed(epochs)
    model, optimizer = _run(done, images, 7)
    for _ in range(done):
        _epoch(model, optimizer, images, labels)
    checkpoint = {
        "model": copy.deepcopy(model.state_dict()),
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "epoch": done,
        "random": torch.get_rng_state(),
    }
    torch.default_generator.manual_seed(999)
    model, optimizer = _run(done + 100, images, 7)
    first = answer(model, optimizer, checkpoint)
    if first is ...:
        return first
    if type(first) is not int:
        kind = "None: did you forget `return`?" if first is None else f"{kind_of(first)}."
        raise Refused(f"Return the number of the next epoch, a whole number (int): yours is {kind}")
    seen = {"next epoch": first, "next random numbers": torch.rand(3)}
    for _ in range(max(first, 1), min(epochs, 9) + 1):
        _epoch(model, optimizer, images, labels)
    kept = {name: value for name, value in model.state_dict().items() if value.is_floating_point()}
    return seen | {f"model.{name} at the end": value.detach() for name, value in kept.items()}


@exercise(
    title="Go on from a checkpoint",
    contract="`resume(model, optimizer, checkpoint)`: `model` and `optimizer` are new. Bring them back to where the "
    "run was interrupted, so that it ends at the same weights as if nothing had happened. `checkpoint` is a dict: "
    "'model' and 'optimizer' are their state_dicts, 'epoch' is the number of the last finished epoch, 'random' is what "
    "`torch.get_rng_state()` gave. The answer is the number of the next epoch, an int.  \n"
    "Example: 'epoch' is 2: the answer is 3.",
    hints=(
        "What else than the weights does the next step depend on? Think of momentum, of the order of the images, of "
        "dropout.",
        "Models and optimizers both have `load_state_dict`. `torch.set_rng_state` is the other half of "
        "`torch.get_rng_state`.",
        "Three lines, one for each of 'model', 'optimizer' and 'random'. The next epoch is `checkpoint['epoch'] + 1`.",
    ),
    cases=_resume_cases,
    use=_resumed,
    optimizers=True,
)
def resume(model, optimizer, checkpoint):
    """Bring an interrupted run back.

    model, optimizer: new ones, of the same kind as in the run; both are changed.
    checkpoint: dict with "model", "optimizer", "epoch" and "random".
    Returns the number of the next epoch, an int.
    """
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    torch.set_rng_state(checkpoint["random"])
    return checkpoint["epoch"] + 1


@resume.also_right
def resume_other_order(model, optimizer, checkpoint):
    torch.random.set_rng_state(checkpoint["random"].clone())
    optimizer.load_state_dict(checkpoint["optimizer"])
    with torch.no_grad():
        for name, value in model.state_dict().items():
            value.copy_(checkpoint["model"][name])
    return 1 + checkpoint["epoch"]


@resume.also_right
def resume_by_default_generator(model, optimizer, checkpoint):
    for thing, name in ((model, "model"), (optimizer, "optimizer")):
        thing.load_state_dict(checkpoint[name])
    torch.default_generator.set_state(checkpoint["random"])
    return len(range(checkpoint["epoch"] + 1))


@resume.also_right
def resume_by_table(model, optimizer, checkpoint):
    back = {"model": model.load_state_dict, "optimizer": optimizer.load_state_dict, "random": torch.set_rng_state}
    for name, load in back.items():
        load(checkpoint[name])
    checkpoint["epoch"] += 1
    return checkpoint["epoch"]


@resume.also_right
def resume_by_hand(model, optimizer, checkpoint):
    for name, value in [*model.named_parameters(), *model.named_buffers()]:
        value.data.copy_(checkpoint["model"][name])
    for value, state in zip(model.parameters(), checkpoint["optimizer"]["state"].values(), strict=True):
        optimizer.state[value].update(state)
    torch.set_rng_state(checkpoint["random"])
    return int(checkpoint["epoch"]) + 1


def _resume(model, optimizer, checkpoint, *, parts=("model", "optimizer", "random"), add=1):
    if "model" in parts:
        model.load_state_dict(checkpoint["model"])
    if "optimizer" in parts:
        optimizer.load_state_dict(checkpoint["optimizer"])
    if "random" in parts:
        torch.set_rng_state(checkpoint["random"])
    return checkpoint["epoch"] + add


@resume.wrong(
    "The optimizer starts anew: its momentum is gone, so the next step is another one. Load its state_dict too."
)
def resume_without_optimizer(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, parts=("model", "random"))


@resume.wrong(
    "The random numbers are others: the order of the images and the dropout differ from the run that was interrupted. "
    "Use `torch.set_rng_state`."
)
def resume_without_random(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, parts=("model", "optimizer"))


@resume.wrong("Only the weights are back: the optimizer's momentum and the random numbers belong to the run too.")
def resume_weights_alone(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, parts=("model",))


@resume.wrong("The weights are those of the new model: load the checkpoint's model as well.")
def resume_without_model(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, parts=("optimizer", "random"))


@resume.wrong("You do the last epoch again: it was finished, so the next one is one further.")
def resume_same_epoch(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, add=0)


@resume.wrong("You leave an epoch out: the next one is `checkpoint['epoch'] + 1`.")
def resume_skips_epoch(model, optimizer, checkpoint):
    return _resume(model, optimizer, checkpoint, add=2)


@resume.wrong(
    "You begin at epoch 1 again, with weights that have learned already: go on after the last finished epoch."
)
def resume_from_one(model, optimizer, checkpoint):
    _resume(model, optimizer, checkpoint)
    return 1


@resume.wrong("You seed anew: that begins the random numbers again. Go on with those that 'random' holds.")
def resume_seeded(model, optimizer, checkpoint):
    torch.manual_seed(0)
    return _resume(model, optimizer, checkpoint, parts=("model", "optimizer"))


@resume.wrong("Nothing is brought back: load the three states of the checkpoint.")
def resume_nothing(model, optimizer, checkpoint):
    return checkpoint["epoch"] + 1


# 5. Pooling or stride


def _net_cases(seed):
    choose = random.Random(seed)
    settings = [
        (choose.choice((13, 21)), "stride"),  # halved and rounded up, twice
        (choose.choice((15, 23)), "stride"),
        (choose.choice((22, 26)), "pool"),
        (choose.choice((17, 19)), "pool"),
        (choose.choice((20, 24)), "stride"),
        (32, "pool"),
    ]
    return [(f"size {size}, shrink {shrink!r}", (size, shrink), {}) for size, shrink in settings]


def _net_seen(answer, size, shrink):
    """Build the net, give its parameters known values, and return its sizes and what it answers."""
    net = answer(size, shrink)
    if net is ...:
        return net
    if not isinstance(net, nn.Module):
        raise Refused(f"Return a net, a module of torch: yours is {kind_of(net)}.")
    images = torch.randn(3, 3, size, size, generator=generator(size))
    if any(map(nn.parameter.is_lazy, net.parameters())):
        net(images)
    values = sorted(net.parameters(), key=lambda value: (-value.dim(), value.shape))  # whichever is made first
    sizes = [tuple(value.shape) for value in values]
    if any(value.device.type != "cpu" or value.dtype != torch.float32 for value in values):
        raise Refused("Leave the net on the CPU, in float32.")
    if [len(one) for one in sizes] != [4, 4, 2, 1, 1, 1]:
        raise Refused(
            f"Your net learns {len(sizes)} tensors, of the shapes {sizes}: it needs the weights and biases of two "
            "convolutions and of one linear layer."
        )
    seen = {"shapes of the parameters": [str(one) for one in sizes]}
    _fill(values, size)
    with torch.no_grad():
        out = net(images)
    if not isinstance(out, torch.Tensor):
        raise Refused("The net must give a tensor of logits, (N, 2).")
    return seen | {"logits": out}


@exercise(
    title="Pooling or stride: the net for cats and dogs",
    contract="`cats_net(size, shrink)`: a net for pictures (N, 3, size, size) that gives logits (N, 2): a convolution "
    "to 8 maps, one to 16 maps, each with kernel 3, padding 1 and a ReLU behind it, then one linear layer. Each of the "
    "two halves the map: with `shrink` 'pool' by a max pooling of 2 behind the ReLU, with 'stride' by its own stride "
    "of 2.  \n"
    "Example: size 32 makes the linear layer read 16 × 8 × 8 = 1024 numbers in both ways; size 13 makes it 16 × 3 × 3 "
    "with 'pool' and 16 × 4 × 4 with 'stride'.",
    hints=(
        "How many rows has the map after each halving? Pooling rounds 13 / 2 down. And a convolution with kernel 3, "
        "padding 1 and stride 2?",
        "13 rows: the stride gives ⌊(13 + 2 − 3) / 2⌋ + 1 = 7. So the linear layer differs between the two.",
        "`side = size // 2 // 2` for pooling, `side = (size + 1) // 2`, twice, for strides. The linear layer is "
        "`nn.Linear(16 * side * side, 2)`; `nn.Identity()` can stand where no pooling is.",
    ),
    cases=_net_cases,
    use=_net_seen,
)
def cats_net(size, shrink):
    """Build a small net for square colour pictures.

    size: pixels of a side, at least 4; shrink: "pool" or "stride", how each convolution's map is halved.
    Returns a module: (N, 3, size, size) to logits (N, 2).
    """
    stride, side = 1, size // 2 // 2
    if shrink == "stride":
        stride, side = 2, ((size + 1) // 2 + 1) // 2
    layers = []
    for channels, maps in ((3, 8), (8, 16)):
        layers += [nn.Conv2d(channels, maps, 3, stride=stride, padding=1), nn.ReLU()]
        if shrink == "pool":
            layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(16 * side * side, 2))


@cats_net.also_right
def net_by_trying(size, shrink):
    stride = {"pool": 1, "stride": 2}[shrink]
    pool = nn.MaxPool2d(2) if shrink == "pool" else nn.Identity()
    body = nn.Sequential(
        *(nn.Conv2d(3, 8, 3, stride, 1), nn.ReLU(), pool, nn.Conv2d(8, 16, 3, stride, 1), nn.ReLU(), pool, nn.Flatten())
    )
    features = body(torch.zeros(1, 3, size, size)).shape[1]
    return nn.Sequential(body, nn.Linear(features, 2))


class _Net(nn.Module):
    def __init__(self, size, shrink):
        super().__init__()
        self.pool = shrink == "pool"
        stride = 1 if self.pool else 2
        self.first, self.second = nn.Conv2d(3, 8, 3, stride, 1), nn.Conv2d(8, 16, 3, stride, 1)
        side = size // 4 if self.pool else -(-size // 4)
        self.last = nn.Linear(16 * side**2, 2)

    def forward(self, x):
        for layer in (self.first, self.second):
            x = layer(x).relu()
            x = F.max_pool2d(x, 2) if self.pool else x
        return self.last(x.flatten(1))


@cats_net.also_right
def net_by_class(size, shrink):
    return _Net(size, shrink)


@cats_net.also_right
def net_lazy(size, shrink):
    pool, stride = ([nn.MaxPool2d(2)], 1) if shrink == "pool" else ([], 2)
    convolutions = nn.LazyConv2d(8, 3, stride, 1), nn.LazyConv2d(16, 3, stride, 1)
    layers = [layer for convolution in convolutions for layer in (convolution, nn.ReLU(), *pool)]
    return nn.Sequential(*layers, nn.Flatten(), nn.LazyLinear(2))


class _LinearFirst(nn.Module):
    def __init__(self, size, shrink):
        super().__init__()
        self.down = F.max_pool2d if shrink == "pool" else lambda maps, kernel_size: maps[..., ::2, ::2]
        for _ in range(2):
            size = size // 2 if shrink == "pool" else -(-size // 2)
        self.linear = nn.Linear(16 * size**2, 2)
        self.kernels = nn.ParameterList([torch.randn(8, 3, 3, 3), torch.randn(16, 8, 3, 3)])
        self.biases = nn.ParameterList([torch.randn(8), torch.randn(16)])

    def forward(self, x):
        for kernel, bias in zip(self.kernels, self.biases, strict=True):
            x = self.down(F.relu(F.conv2d(x, kernel, bias, padding=1)), 2)
        return self.linear(x.flatten(1))


@cats_net.also_right
def net_with_the_linear_layer_first(size, shrink):
    return _LinearFirst(size, shrink)


def _net(size, stride, pool, *, between=nn.ReLU, padding=1, kind=nn.MaxPool2d, maps=(8, 16), after=(), start=1):
    """Build a net with the linear layer that its body needs."""
    halve = [kind(2)] if pool else []
    body = [nn.Conv2d(3, maps[0], 3, stride, padding), between(), *halve]
    body = nn.Sequential(*body, nn.Conv2d(maps[0], maps[1], 3, stride, padding), between(), *halve, nn.Flatten(start))
    features = body(torch.zeros(2, 3, size, size))[0].numel()
    return nn.Sequential(body, nn.Linear(features, 2), *after)


def _chosen(shrink):
    return (2, False) if shrink == "stride" else (1, True)


@cats_net.wrong("You use the stride and the pooling at once: the map is then quartered each time. Take one of them.")
def net_both(size, shrink):
    return _net(size, 2, True)


@cats_net.wrong("You always pool: with `shrink` 'stride' the convolutions halve the map, and no pooling follows.")
def net_always_pool(size, shrink):
    return _net(size, *_chosen("pool"))


@cats_net.wrong("You always use the stride: with `shrink` 'pool' the stride is 1, and a max pooling of 2 follows.")
def net_always_stride(size, shrink):
    return _net(size, *_chosen("stride"))


@cats_net.wrong("You have the two ways exchanged: 'pool' is a max pooling of 2, 'stride' a convolution with stride 2.")
def net_exchanged(size, shrink):
    return _net(size, *_chosen("pool" if shrink == "stride" else "stride"))


@cats_net.wrong("Nothing halves the map: with 'pool' add the pooling layers, with 'stride' set the stride to 2.")
def net_not_halved(size, shrink):
    return _net(size, 1, False)


@cats_net.wrong(
    "Your linear layer fits 'pool' only: with a stride of 2 an odd size is rounded up, so the map is larger."
)
def net_rounded_down(size, shrink):
    net = cats_net.function(size, shrink)
    net[-1] = nn.Linear(16 * (size // 4) ** 2, 2)
    return net


@cats_net.wrong("Your linear layer is made for one size: compute its inputs from `size`.")
def net_fixed_size(size, shrink):
    net = cats_net.function(size, shrink)
    net[-1] = nn.Linear(1024, 2)
    return net


@cats_net.wrong("The padding is missing: with kernel 3 and padding 0 each convolution eats a pixel on each side.")
def net_without_padding(size, shrink):
    return _net(size, *_chosen(shrink), padding=0)


@cats_net.wrong(
    "The ReLUs are missing: two convolutions after one another are but one, and the pooling alone is little."
)
def net_without_relu(size, shrink):
    return _net(size, *_chosen(shrink), between=nn.Identity)


@cats_net.wrong("The softmax is one too many: the net gives logits, and cross-entropy takes the softmax itself.")
def net_with_softmax(size, shrink):
    return _net(size, *_chosen(shrink), after=(nn.Softmax(1),))


@cats_net.wrong("A ReLU stands behind the linear layer: a logit may be negative, so leave it out.")
def net_with_last_relu(size, shrink):
    return _net(size, *_chosen(shrink), after=(nn.ReLU(),))


@cats_net.wrong("You pool by the average: the contract asks for the largest of each window, `nn.MaxPool2d(2)`.")
def net_average(size, shrink):
    return _net(size, *_chosen(shrink), kind=nn.AvgPool2d)


@cats_net.wrong("Your maps are not 8 and 16: the first convolution makes 8, the second 16.")
def net_other_maps(size, shrink):
    return _net(size, *_chosen(shrink), maps=(16, 8))
