"""The exercises of notebook 03, the limits of fully-connected networks: count, measure, shuffle, crop."""

import copy
import random
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from .cases import draws, generator, in_words
from .engine import Refused, exercise, kind_of


def _images(answer, images, *args):
    """Return what an answer makes of images, with all chance seeded; dots and None pass as no attempt."""
    for chance in (random.seed, np.random.seed, torch.default_generator.manual_seed):
        chance(1)
    result = answer(images, *args)
    if result is ...:
        return result
    if not isinstance(result, torch.Tensor):
        raise Refused(f"Return a torch tensor, (N, C, H, W): yours is {kind_of(result)}.")
    if result.layout != torch.strided or result.device.type != "cpu":
        raise Refused("Return an ordinary tensor on the CPU, as `images` is.")
    return result


# 1. Counting


def _count_cases(seed):
    choose = random.Random(seed)
    stacks = [
        [choose.randint(20, 40), choose.randint(10, 19), choose.randint(3, 9)],
        [choose.randint(5, 9), choose.randint(30, 50)],
        [3072, 1024, 512, 128, 2],
        [choose.randint(30, 60), 1, choose.randint(7, 20), choose.randint(2, 6)],
    ]
    return [(f"sizes {sizes}", (sizes,), {}) for sizes in stacks]


@exercise(
    title="How many numbers does a stack of layers learn?",
    contract="`count_parameters(sizes)`: `sizes` is a list of at least two whole numbers, such as [3072, 512, 2]: the "
    "net is a linear layer from each size to the next, all with biases; a whole number (int) comes out.  \n"
    "Example: [3072, 512, 2] gives 1574402.",
    hints=(
        "A list of three sizes makes two layers. What does the first of them learn?",
        "A layer from n to m has n · m weights, and one bias for each of its m outputs.",
        "`for n, m in zip(sizes[:-1], sizes[1:])` walks over the layers: add `n * m + m` for each.",
    ),
    cases=_count_cases,
)
def count_parameters(sizes):
    """Count the weights and biases of a stack of linear layers.

    sizes: list of int, from the inputs of the first layer to the outputs of the last, at least two.
    Returns an int.
    """
    total = 0
    for i in range(len(sizes) - 1):
        n, m = sizes[i], sizes[i + 1]
        total += n * m + m
    return total


@count_parameters.also_right
def count_by_pairs(sizes):
    return sum((n + 1) * m for n, m in pairwise(sizes))


@count_parameters.also_right
def count_the_net(sizes):
    net = nn.Sequential(*(nn.Linear(sizes[i], sizes[i + 1], device="meta") for i in range(len(sizes) - 1)))
    return sum(parameter.numel() for parameter in net.parameters())


@count_parameters.also_right
def count_by_recursion(sizes):
    if len(sizes) == 1:
        return 0
    return (sizes[0] + 1) * sizes[1] + count_by_recursion(sizes[1:])


@count_parameters.also_right
def count_by_numpy(sizes):
    return np.dot(sizes[:-1], sizes[1:]) + np.sum(sizes[1:])


@count_parameters.wrong("The biases are missing: each output of each layer learns one number more.")
def count_without_biases(sizes):
    return sum(n * m for n, m in pairwise(sizes))


@count_parameters.wrong(
    "The last layer is missing: three sizes make two layers, and the last one leads to the last size."
)
def count_without_last(sizes):
    return count_parameters.function(sizes[:-1])


@count_parameters.wrong("The first layer is missing: it leads from the first size to the second.")
def count_without_first(sizes):
    return count_parameters.function(sizes[1:])


@count_parameters.wrong(
    "You count a bias for each input of a layer: a bias is added to an output, so count the outputs."
)
def count_input_biases(sizes):
    return sum(n * m + n for n, m in pairwise(sizes))


@count_parameters.wrong(
    "You count a bias for every size in the list: the first one holds inputs, and inputs have none."
)
def count_all_biases(sizes):
    return count_without_biases(sizes) + sum(sizes)


@count_parameters.wrong("The biases of the last layer are missing: its outputs have them too.")
def count_hidden_biases(sizes):
    return count_without_biases(sizes) + sum(sizes[1:-1])


@count_parameters.wrong("You count one bias for each layer: there is one for each of its outputs.")
def count_one_bias(sizes):
    return count_without_biases(sizes) + len(sizes) - 1


@count_parameters.wrong("You add the sizes: each input has a weight to each output, so multiply them.")
def count_added(sizes):
    return sum(sizes)


@count_parameters.wrong("This is the number of layers: count the numbers that they learn.")
def count_layers(sizes):
    return len(sizes) - 1


# 2. Memory


def _memory_cases(seed):
    choose = random.Random(seed)
    settings = [
        (3, choose.randint(20, 30), choose.randint(31, 40), choose.randint(50, 90), torch.float16),
        (choose.randint(2, 5), choose.randint(6, 9), choose.randint(10, 15), choose.randint(20, 40), torch.float64),
        (1, choose.randint(20, 30), choose.randint(10, 15), choose.randint(2, 9), torch.bfloat16),
        (3, 1024, 1024, 1024, torch.float32),
    ]
    names = ("channels", "height", "width", "out_features", "dtype")
    cases = [(", ".join(f"{n} {v}" for n, v in zip(names, s, strict=True)), s, {}) for s in settings]
    default = (4, choose.randint(5, 8), 9, 10)
    return [*cases, (f"channels 4, height {default[1]}, width 9, out_features 10", default, {})]


@exercise(
    title="How many bytes does a layer take?",
    contract="`layer_memory(channels, height, width, out_features, dtype=torch.float32)`: the bytes of the weights and "
    "biases of a linear layer from a flattened picture to `out_features` numbers, a whole number (int). Do not build "
    "the layer: it may be larger than your memory.  \n"
    "Example: 3 channels of 32 × 32 into 1,024 float32 numbers: 12587008 bytes.",
    hints=(
        "How many numbers are in the flattened picture? And how many does the layer learn?",
        "A float32 number has 32 bits, and 8 bits are one byte. A float64 takes more, a float16 less.",
        "`dtype.itemsize` is the bytes of one number. The layer has channels · height · width · out_features weights, "
        "and out_features biases.",
    ),
    cases=_memory_cases,
)
def layer_memory(channels, height, width, out_features, dtype=torch.float32):
    """Return the bytes of a linear layer's weights and biases.

    channels, height, width: the picture, flattened into the layer; out_features: its outputs;
    dtype: the type of its numbers, such as torch.float32.
    Returns an int, in bytes.
    """
    inputs = channels * height * width
    return (inputs * out_features + out_features) * dtype.itemsize


@layer_memory.also_right
def memory_by_bits(channels, height, width, out_features, dtype=torch.float32):
    return (channels * height * width + 1) * out_features * torch.finfo(dtype).bits // 8


@layer_memory.also_right
def memory_on_meta(channels, height, width, out_features, dtype=torch.float32):
    layer = nn.Linear(channels * height * width, out_features, dtype=dtype, device="meta")
    return sum(parameter.numel() * parameter.element_size() for parameter in layer.parameters())


@layer_memory.also_right
def memory_by_table(channels, height, width, out_features, dtype=torch.float32):
    size = {torch.float64: 8, torch.float32: 4, torch.float16: 2, torch.bfloat16: 2}[dtype]
    return size * (channels * height * width * out_features + out_features)


@layer_memory.also_right
def memory_of_one_number(channels, height, width, out_features, dtype=torch.float32):
    inputs = torch.Size((channels, height, width)).numel()
    return (inputs + 1) * out_features * torch.zeros((), dtype=dtype).element_size()


@layer_memory.wrong("These are bits: eight of them make a byte.")
def memory_in_bits(channels, height, width, out_features, dtype=torch.float32):
    return 8 * layer_memory.function(channels, height, width, out_features, dtype)


@layer_memory.wrong("The biases are missing: there is one for each of the `out_features` outputs.")
def memory_without_biases(channels, height, width, out_features, dtype=torch.float32):
    return channels * height * width * out_features * dtype.itemsize


@layer_memory.wrong("You count one channel only: all `channels` of the picture are flattened into the layer.")
def memory_one_channel(channels, height, width, out_features, dtype=torch.float32):
    return layer_memory.function(1, height, width, out_features, dtype)


@layer_memory.wrong("This is the number of parameters: each of them takes `dtype.itemsize` bytes.")
def memory_counted(channels, height, width, out_features, dtype=torch.float32):
    return layer_memory.function(channels, height, width, out_features, torch.uint8)


@layer_memory.wrong("You take 4 bytes for each number: that is float32, and `dtype` may be another type.")
def memory_float32(channels, height, width, out_features, dtype=torch.float32):
    return layer_memory.function(channels, height, width, out_features, torch.float32)


@layer_memory.wrong("These are megabytes: the answer is asked for in bytes.")
def memory_in_mb(channels, height, width, out_features, dtype=torch.float32):
    return layer_memory.function(channels, height, width, out_features, dtype) / 1e6


@layer_memory.wrong("This is what the picture takes: the layer holds a weight from each of its numbers to each output.")
def memory_of_picture(channels, height, width, out_features, dtype=torch.float32):
    return channels * height * width * dtype.itemsize


@layer_memory.wrong("You took the height twice: a picture has height × width pixels in each channel.")
def memory_square(channels, height, width, out_features, dtype=torch.float32):
    return layer_memory.function(channels, height, height, out_features, dtype)


@layer_memory.wrong("You count one bias: there is one for each of the `out_features` outputs.")
def memory_one_bias(channels, height, width, out_features, dtype=torch.float32):
    return (channels * height * width * out_features + 1) * dtype.itemsize


# 3. Accuracy


class _Calls(list):
    """A list that a model shares with its copies."""

    def __deepcopy__(self, memo):
        return self


class _Watched(nn.Module):
    """A small classifier with dropout that notes how it is called."""

    def __init__(self, features, classes, seed):
        super().__init__()
        self.dropout, self.linear = nn.Dropout(0.6), nn.Linear(features, classes)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in self.linear.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))
        self.calls = _Calls()

    def forward(self, x):
        self.calls.append((len(x), self.training, torch.is_grad_enabled()))
        return self.linear(self.dropout(x.flatten(1).to(self.linear.weight.dtype)))


def _accuracy_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for shape, batch_size, training in (
        ((11, 2, 3, 5), 4, True),
        ((choose.choice((13, 14)), 3, 4, 2), 5, False),
        ((9, 1, 3, 4), 64, True),
        ((8, 2, 2, 3), 4, False),
        ((5, 3, 2, 2), 1, True),
        ((70, 1, 2, 4), None, True),
    ):
        images, classes = numbers(*shape), choose.randint(3, 5)
        model = _Watched(images[0].numel(), classes, seed).train(training)
        with torch.no_grad():
            labels = model.linear(images.flatten(1)).argmax(1)
        last = (len(images) - 1) // (batch_size or 64) * (batch_size or 64)  # all right in the last batch
        labels[: last or 4 : 2] = (labels[: last or 4 : 2] + 1) % classes
        setting = {} if batch_size is None else {"batch_size": batch_size}
        mode = "train" if training else "eval"
        label = f"{len(images)} images, model in {mode} mode" + "".join(f", {n} {v}" for n, v in setting.items())
        cases.append((label, (model, images, labels), setting))
    return cases


def _watched(answer, model, images, labels, **setting):
    model = copy.deepcopy(model)
    model.calls, before = _Calls(), model.training
    result = answer(model, images, labels, **setting)
    if result is ...:
        return result
    if isinstance(result, torch.Tensor) and result.requires_grad:
        raise Refused("Your result carries a gradient: return a plain number, `.item()` takes it out of a tensor.")
    if not isinstance(result, float):  # numpy's float64 is one
        kinds = {"Tensor": "a tensor: `.item()` takes the number out.", "NoneType": "None: did you forget `return`?"}
        kind = kinds.get(type(result).__name__, f"{kind_of(result)}.")
        raise Refused(f"Return a float, from 0 to 1: yours is {kind}")
    sizes, modes, gradients = zip(*model.calls, strict=True) if model.calls else ((), (), ())
    return {
        "number of images that the model was shown": sum(sizes),
        "batches as large as they may be, or smaller": max(sizes, default=0) <= setting.get("batch_size", 64),
        "model in eval mode at each call": not any(modes),
        "calls without gradients": not any(gradients),
        "model in its old mode afterwards": model.training == before,
        "accuracy": torch.tensor(result).item(),  # to float32's digits, which any way of dividing gives
    }


@exercise(
    title="Accuracy that can be trusted",
    contract="`accuracy(model, images, labels, batch_size=64)`: the share of `images` whose largest logit is that of "
    "their label, a float from 0 to 1. Show each image once, in batches of at most `batch_size`, in eval mode and "
    "without gradients; afterwards the model is in the mode it was in.  \n"
    "Example: 3 right of 4 gives 0.75, also when the batches have 3 images and 1.",
    hints=(
        "Count the right ones over all batches, and divide once, at the end. Why is that not the mean of the batches' "
        "shares?",
        "`model.training` says which mode the model is in. `model.eval()` turns dropout off, and `torch.no_grad()` "
        "keeps no gradients: the second does not do the work of the first.",
        "For `x, y in zip(images.split(batch_size), labels.split(batch_size))` add `(model(x).argmax(1) == "
        "y).sum().item()`. At the end `model.train(was)`, with `was = model.training` from before.",
    ),
    cases=_accuracy_cases,
    use=_watched,
)
def accuracy(model, images, labels, batch_size=64):
    """Return the share of images that the model tells right.

    model: gives logits (N, classes) for images (N, ...); labels: (N,), int64; batch_size: the most images at a time.
    Returns a float, 0 to 1. The model runs in eval mode, without gradients, and gets its mode back.
    """
    was, right = model.training, 0
    model.eval()
    with torch.no_grad():
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            right += (model(x).argmax(1) == y).sum().item()
    model.train(was)
    return right / len(labels)


def _accuracy(model, images, labels, batch_size=64, *, evaluate=True, back=True, gradients=False, share=None):
    was, rights = model.training, []
    if evaluate:
        model.eval()
    with torch.set_grad_enabled(gradients):
        for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
            rights.append(model(x).argmax(1) == y)
    if back:
        model.train(was)
    return torch.cat(rights).double().mean().item() if share is None else float(share(rights))


@accuracy.also_right
def accuracy_by_loader(model, images, labels, batch_size=64):
    was = model.training
    model.eval()
    loader = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(images, labels), batch_size)
    with torch.inference_mode():
        guesses = torch.cat([model(x).max(dim=1).indices for x, _ in loader])
    model.train(was)
    return (guesses == labels).float().mean().item()


@accuracy.also_right
def accuracy_one_by_one(model, images, labels, batch_size=64):
    was, right = model.training, 0
    try:
        with torch.no_grad():
            for i in range(len(images)):
                right += int(model.eval()(images[i : i + 1])[0].argmax() == labels[i])
    finally:
        model.train(was)
    return right / len(images)


@accuracy.also_right
def accuracy_by_numpy(model, images, labels, batch_size=64):
    was = model.training
    model.eval()
    with torch.no_grad():
        guesses = [model(images[i : i + batch_size]).argmax(1).numpy() for i in range(0, len(images), batch_size)]
    model.train(was)
    return np.mean(np.concatenate(guesses) == labels.numpy())


@accuracy.also_right
@torch.no_grad()
def accuracy_of_a_copy(model, images, labels, batch_size=64):
    model, right = copy.deepcopy(model).eval(), []
    for x, y in zip(images.split(batch_size), labels.split(batch_size), strict=True):
        right += (model(x).argmax(dim=1) == y).tolist()
    return sum(right) / len(right)


@accuracy.wrong(
    "Dropout is left on: without `model.eval()` the model drops inputs at random, and its answers with them."
)
def accuracy_with_dropout(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, evaluate=False)


@accuracy.wrong(
    "Gradients are kept: `model.eval()` does not stop that. Without `torch.no_grad()` each batch keeps all that "
    "`backward()` would need."
)
def accuracy_with_gradients(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, gradients=True)


@accuracy.wrong("Dropout is left on, and gradients are kept: call `model.eval()`, and use `torch.no_grad()` as well.")
def accuracy_with_both(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, evaluate=False, gradients=True)


@accuracy.wrong(
    "The model stays in eval mode: training that goes on would go on without dropout. Give it back the mode it had."
)
def accuracy_left_in_eval(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, back=False)


@accuracy.wrong("The model is in train mode afterwards also when it was not before: give it back the mode it had.")
def accuracy_always_train(model, images, labels, batch_size=64):
    value = _accuracy(model, images, labels, batch_size)
    model.train()
    return value


@accuracy.wrong(
    "This is the mean of the batches' shares: the last batch is smaller, and its images would count for more. Count "
    "the right ones, and divide once."
)
def accuracy_mean_of_means(model, images, labels, batch_size=64):
    return _accuracy(
        model, images, labels, batch_size, share=lambda rights: sum(r.double().mean() for r in rights) / len(rights)
    )


@accuracy.wrong("You divide by the number of batches: divide the number of right ones by the number of images.")
def accuracy_per_batch(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, share=lambda rights: torch.cat(rights).sum() / len(rights))


@accuracy.wrong("You divide by batches × `batch_size`: the last batch may be smaller. Divide by the number of images.")
def accuracy_full_batches(model, images, labels, batch_size=64):
    return _accuracy(
        model,
        images,
        labels,
        batch_size,
        share=lambda rights: torch.cat(rights).sum().double() / (len(rights) * batch_size),
    )


@accuracy.wrong("This is a percentage: a share lies between 0 and 1.")
def accuracy_in_percent(model, images, labels, batch_size=64):
    return 100 * _accuracy(model, images, labels, batch_size)


@accuracy.wrong("This is how many are right: divide by the number of images.")
def accuracy_counted(model, images, labels, batch_size=64):
    return len(labels) * _accuracy(model, images, labels, batch_size)


@accuracy.wrong("This is the share of wrong answers: count where the guess and the label are the same.")
def accuracy_of_errors(model, images, labels, batch_size=64):
    return 1 - _accuracy(model, images, labels, batch_size)


@accuracy.wrong("This is the last batch alone: count over all of them.")
def accuracy_last_batch(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, batch_size, share=lambda rights: rights[-1].double().mean())


@accuracy.wrong("The first batch is all you look at: go through all images.")
def accuracy_first_batch(model, images, labels, batch_size=64):
    return _accuracy(model, images[:batch_size], labels[:batch_size], batch_size)


@accuracy.wrong("All images go into the model at once: a large data set does not fit into memory. Take batches.")
def accuracy_at_once(model, images, labels, batch_size=64):
    return _accuracy(model, images, labels, len(images))


@accuracy.wrong("The last, smaller batch is left out: its images count as well.")
def accuracy_without_rest(model, images, labels, batch_size=64):
    keep = max(len(images) // batch_size, 1) * batch_size
    return _accuracy(model, images[:keep], labels[:keep], batch_size)


# 4. One shuffle for all


def _permute_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    source = generator(seed)
    cases = []
    for shape in ((7, 3, 5, 10 + seed % 7), (5, 2, choose.choice((6, 8)), 7), (6, 1, 9, 4), (2, 4, 5, 8)):
        images = numbers(*shape)
        order = torch.randperm(images[0, 0].numel(), generator=source)
        cases.append((in_words(images=images, order=order), (images, order), {}))
    return cases


def _sources(result, images):
    """Return for each image and channel which pixel stands at each place, (N, C, H·W), or None where it is not told."""
    if result.shape != images.shape or result.dtype != images.dtype:
        return None
    new, at = result.flatten(2).sort(dim=2)
    old, origin = images.flatten(2).sort(dim=2)
    return torch.empty_like(at).scatter_(2, at, origin) if torch.equal(new, old) else None


def _permuted(answer, images, order):
    before, width = images.clone(), images.shape[3]
    result = _images(answer, images, order)
    if not isinstance(result, torch.Tensor):
        return result
    places = _sources(result, before)
    kept, still = places is not None, torch.arange(order.numel())
    whole = result.numel() == before.numel()
    rows, columns = (places[0, 0] // width, places[0, 0] % width) if kept else (still, still)
    return {
        "shape": str(tuple(result.shape)),
        "dtype": str(result.dtype).removeprefix("torch."),
        "numbers of each image, the same as before": whole
        and torch.equal(
            result.reshape(len(before), -1).sort(1).values.to(before.dtype), before.flatten(1).sort(1).values
        ),
        "numbers of each channel, the same as before": kept,
        "order the same for all channels": kept and bool((places == places[:, :1]).all()),
        "order the same for all images": kept and bool((places == places[:1]).all()),
        "pixels change their rows": kept and bool((rows != still // width).any()),
        "pixels change their columns": kept and bool((columns != still % width).any()),
        "whole rows or columns stay together": kept
        and bool((rows.view(-1, width) == rows.view(-1, width)[:, :1]).all()),
        "place i holds pixel order[i]": kept and bool((places == order).all()),
    }


@exercise(
    title="One shuffle for all",
    contract="`permute_pixels(images, order)`: `images` is (N, C, H, W), `order` holds each number from 0 to H·W − 1 "
    "once, (H·W,); count the places of a picture row by row: place i of the answer holds the pixel from place "
    "`order[i]`, in all images and all channels alike. Shape and dtype stay.  \n"
    "Example: with `order` = H·W − 1, …, 1, 0 each picture is turned by 180°.",
    hints=(
        "Where is place i in a picture of W columns? It is easier when the picture is one long row.",
        "`images.flatten(2)` is (N, C, H·W): only the two last axes are joined. `flatten(1)` would join the channels "
        "too.",
        "Index the last axis, `images.flatten(2)[:, :, order]`, and bring it back with `.reshape(images.shape)`.",
    ),
    cases=_permute_cases,
    use=_permuted,
)
def permute_pixels(images, order):
    """Put the pixels of all images into one given order.

    images: (N, C, H, W), float; order: (H·W,), int64, each place once.
    Returns (N, C, H, W) in the dtype of images: place i of each channel of each image holds its pixel `order[i]`.
    """
    n, c, h, w = images.shape
    return images.flatten(2)[:, :, order].reshape(n, c, h, w)


@permute_pixels.also_right
def permute_by_gather(images, order):
    index = order.expand(*images.shape[:2], -1)
    return images.flatten(2).gather(2, index).view(images.shape)


@permute_pixels.also_right
def permute_by_places(images, order):
    out, w = torch.empty_like(images), images.shape[3]
    for i, source in enumerate(order.tolist()):
        out[:, :, i // w, i % w] = images[:, :, source // w, source % w]
    return out


@permute_pixels.also_right
def permute_one_by_one(images, order):
    return torch.stack([torch.stack([c.flatten()[order].view_as(c) for c in image]) for image in images])


@permute_pixels.also_right
def permute_by_matrix(images, order):
    moves = torch.eye(len(order), dtype=images.dtype)[order]
    return torch.einsum("ncp,qp->ncq", images.flatten(2), moves).view_as(images)


@permute_pixels.also_right
def permute_in_place(images, order):
    out = images.clone()
    out.view(*images.shape[:2], -1)[:, :, order.argsort()] = images.flatten(2)
    return out


@permute_pixels.wrong(
    "Each image gets an order of its own: then nothing is left to learn. Use `order` as it is for all of them."
)
def permute_each(images, order):
    shuffled = []
    for image in images:
        shuffled.append(image.flatten(1)[:, order].view_as(image))
        order = order[torch.randperm(len(order))]
    return torch.stack(shuffled)


@permute_pixels.wrong(
    "Each channel gets an order of its own: the red, green and blue of a pixel belong together. Use `order` for all."
)
def permute_channels_apart(images, order):
    shuffled = []
    for c in range(images.shape[1]):
        shuffled.append(images[:, c].flatten(1)[:, order].view_as(images[:, c]))
        order = order[torch.randperm(len(order))]
    return torch.stack(shuffled, dim=1)


@permute_pixels.wrong("Each channel of each image gets an order of its own: use `order` as it is for all of them.")
def permute_all_apart(images, order):
    flat = images.flatten(2)
    return flat.gather(2, torch.rand(flat.shape).argsort(dim=2)).view(images.shape)


@permute_pixels.wrong(
    "Numbers of one channel land in another: move the H·W places, not all C·H·W numbers. A pixel keeps its colour."
)
def permute_across_channels(images, order):
    count = images.shape[1]
    mixed = (order[:, None] * count + torch.arange(count)).flatten()
    return images.flatten(1)[:, mixed].view_as(images)


@permute_pixels.wrong("You shuffle the batch: the images no longer fit their labels. Move the pixels of each image.")
def permute_batch(images, order):
    return images[torch.arange(len(images)).roll(1)]


@permute_pixels.wrong("You move whole rows: what stood side by side still does. Each pixel has a place of its own.")
def permute_rows(images, order):
    return images.roll(1, dims=2)


@permute_pixels.wrong(
    "You move whole columns: what stood one above the other still does. Each pixel has its own place."
)
def permute_columns(images, order):
    return images.roll(1, dims=3)


@permute_pixels.wrong(
    "All images get one order, but not the one that is asked for: place i takes the pixel from place `order[i]`, it "
    "does not give its own to that place."
)
def permute_backwards(images, order):
    return permute_pixels.function(images, order.argsort())


@permute_pixels.wrong("Nothing has moved: these are the images as they were.")
def permute_nothing(images, order):
    return images.clone()


# 5. Random crops

_CALLS = 50
_CROP_FACTS = (
    *("shape", "dtype", "new pixels at the border", "images move", "each call moves anew"),
    *("images of one batch move apart", "rows and columns move apart", "shifts of the rows", "shifts of the columns"),
    "all shifts about equally often",
)
_EDGES = {
    "zeros": {"mode": "constant"},
    "the picture's other side": {"mode": "circular"},
    "the picture's mirror image": {"mode": "reflect"},
    "the picture's last row or column, again": {"mode": "replicate"},
    "ones": {"mode": "constant", "value": 1.0},
}


def _crop_cases(seed):
    numbers, choose = draws(seed), random.Random(seed)
    cases = []
    for shape, padding in (
        ((6, 3, 7, choose.choice((8, 9))), 2),
        ((5, 2, choose.choice((6, 8)), 5), 1),
        ((8, 1, 5, 7), 3),
        ((3, 2, 4, 6), 0),
        ((9, 3, 6, 4), 2),
    ):
        images = numbers(*shape)
        cases.append((in_words(images=images, padding=padding), (images, padding), {}))
    return cases


def _corners(draws, images, padding, edge):
    """Return the corner of each draw's window in its padded image, (calls, N) rows and columns, or None."""
    wide = F.pad(images, [padding] * 4, **edge)
    windows = wide.unfold(2, images.shape[2], 1).unfold(3, images.shape[3], 1)  # (N, C, places, places, H, W)
    same = (windows - draws[:, :, :, None, None]).abs_().amax((2, -2, -1)) < 1e-5
    if not same.flatten(2).any(2).all():
        return None
    place = same.flatten(2).int().argmax(2)
    return place // same.shape[3], place % same.shape[3]


def _cropped(answer, images, padding):
    before = images.clone()
    first = _images(answer, images, padding)
    if not isinstance(first, torch.Tensor):
        return first
    facts: dict = dict.fromkeys(_CROP_FACTS, "not seen")  # in the order in which they are told
    facts["shape"], facts["dtype"] = str(tuple(first.shape)), str(first.dtype).removeprefix("torch.")
    if first.shape != before.shape or first.dtype != before.dtype:
        return facts
    draws = torch.stack([answer(before.clone(), padding) for _ in range(_CALLS)])
    found = ((edge, _corners(draws, before, padding, setting)) for edge, setting in _EDGES.items())
    edge, corners = next((pair for pair in found if pair[1] is not None), ("something else", None))
    facts["new pixels at the border"] = edge
    if corners is None:
        return facts
    moves = torch.stack(corners, dim=2) - padding  # (calls, N, rows and columns)
    facts["images move"] = bool((moves != 0).any())
    facts["each call moves anew"] = bool((moves != moves[:1]).any())
    if facts["images move"] and not facts["each call moves anew"]:
        return facts
    facts["images of one batch move apart"] = bool((moves != moves[:, :1]).any())
    facts["rows and columns move apart"] = all(bool((moves[..., 0] != sign * moves[..., 1]).any()) for sign in (1, -1))
    for axis, name in enumerate(("rows", "columns")):
        facts[f"shifts of the {name}"] = ", ".join(str(shift) for shift in moves[..., axis].unique().tolist())
    facts["all shifts about equally often"] = all(_even(moves[..., axis], padding) for axis in (0, 1))
    return facts


def _even(shifts, padding):
    counts = (shifts.flatten() + padding).bincount(minlength=2 * padding + 1)
    return bool((counts > 0.3 * shifts.numel() / len(counts)).all())


@exercise(
    title="Random crops of a batch",
    contract="`random_crop(images, padding)`: `images` is (N, C, H, W); put `padding` ≥ 0 rows and columns of zeros on "
    "each side, and cut a window of the old size out of each image, at a random place of its own; the answer is "
    "(N, C, H, W) in the dtype of `images`. All (2·padding + 1)² places are equally likely, anew in each call.  \n"
    "Example: with `padding` 1 an image moves by −1, 0 or 1 rows, and by −1, 0 or 1 columns.",
    hints=(
        "Pad all images first. The window's upper left corner can then lie in how many rows?",
        "In 2·padding + 1 rows and as many columns. `torch.randint(high)` never gives `high` itself.",
        "Draw `torch.randint(2 * padding + 1, (N, 2))`; for image n, with r and c from its row, cut "
        "`padded[n, :, r : r + H, c : c + W]`, and join the windows with `torch.stack`.",
    ),
    cases=_crop_cases,
    use=_cropped,
)
def random_crop(images, padding):
    """Pad images with zeros and cut a window of the old size out of each, at a random place.

    images: (N, C, H, W), float; padding: int, rows and columns of zeros on each side, >= 0.
    Returns (N, C, H, W) in the dtype of images; each image has a place of its own, anew in each call.
    """
    n, _, h, w = images.shape
    padded = F.pad(images, (padding, padding, padding, padding))
    corners = torch.randint(2 * padding + 1, (n, 2)).tolist()
    return torch.stack([padded[i, :, r : r + h, c : c + w] for i, (r, c) in enumerate(corners)])


def _crops(images, corners, padded):
    h, w = images.shape[2:]
    return torch.stack([padded[i, :, r : r + h, c : c + w] for i, (r, c) in enumerate(corners)])


def _padded(images, padding):
    return F.pad(images, [padding] * 4)


@random_crop.also_right
def crop_by_random(images, padding):
    n, _, h, w = images.shape
    out = images.new_zeros(images.shape)
    for i in range(n):
        down, right = random.randint(-padding, padding), random.randint(-padding, padding)
        out[i, :, max(down, 0) : h + min(down, 0), max(right, 0) : w + min(right, 0)] = images[
            i, :, max(-down, 0) : h + min(-down, 0), max(-right, 0) : w + min(-right, 0)
        ]
    return out


@random_crop.also_right
def crop_by_index(images, padding):
    n, _, h, w = images.shape
    rows = torch.randint(2 * padding + 1, (n, 1, 1)) + torch.arange(h)[None, :, None]
    columns = torch.randint(2 * padding + 1, (n, 1, 1)) + torch.arange(w)[None, None, :]
    picked = _padded(images, padding)[torch.arange(n)[:, None, None], :, rows, columns]  # (N, H, W, C)
    return picked.permute(0, 3, 1, 2)


@random_crop.also_right
def crop_by_numpy_chance(images, padding):
    corners = np.random.randint(0, 2 * padding + 1, size=(len(images), 2)).tolist()
    return _crops(images, corners, _padded(images, padding))


@random_crop.also_right
def crop_by_windows(images, padding):
    n, _, h, w = images.shape
    windows = _padded(images, padding).unfold(2, h, 1).unfold(3, w, 1)
    return windows[torch.arange(n), :, torch.randint(2 * padding + 1, (n,)), torch.randint(2 * padding + 1, (n,))]


@random_crop.also_right
def crop_by_two_paddings(images, padding):
    moved = []
    for image in images:
        down, right = (torch.rand(2) * (2 * padding + 1)).int().tolist()
        down, right = down - padding, right - padding
        moved.append(F.pad(image, (right, -right, down, -down)))
    return torch.stack(moved)


@random_crop.wrong("Nothing moves: each image comes back as it was. Draw the window's corner at random.")
def crop_never(images, padding):
    return images.clone()


@random_crop.wrong("The images have become larger: they are padded, but no window is cut out.")
def crop_only_padded(images, padding):
    return _padded(images, padding)


@random_crop.wrong("The images have become smaller: pad them first, then cut a window of the old size.")
def crop_smaller(images, padding):
    h, w = images.shape[2] - padding, images.shape[3] - padding
    corners = torch.randint(padding + 1, (len(images), 2)).tolist()
    return torch.stack([images[i, :, r : r + h, c : c + w] for i, (r, c) in enumerate(corners)])


@random_crop.wrong("All images of a batch move alike: draw a place for each of them.")
def crop_alike(images, padding):
    r, c = torch.randint(2 * padding + 1, (2,)).tolist()
    return _crops(images, [(r, c)] * len(images), _padded(images, padding))


@random_crop.wrong("What leaves on one side comes in on the other: `roll` goes round. Zeros should come in.")
def crop_rolled(images, padding):
    shifts = torch.randint(-padding, padding + 1, (len(images), 2)).tolist()
    return torch.stack([image.roll(shift, dims=(1, 2)) for image, shift in zip(images, shifts, strict=True)])


@random_crop.wrong(
    "The last place is never reached: the window's corner has 2·padding + 1 places, and `torch.randint(high)` stops at "
    "high − 1."
)
def crop_short(images, padding):
    corners = torch.randint(max(2 * padding, 1), (len(images), 2)).tolist()
    return _crops(images, corners, _padded(images, padding))


@random_crop.wrong(
    "The first place is never reached: the window's corner starts at row 0 and column 0 of the padded image."
)
def crop_late(images, padding):
    corners = (min(1, padding) + torch.randint(max(2 * padding, 1), (len(images), 2))).tolist()
    return _crops(images, corners, _padded(images, padding))


@random_crop.wrong("The images move one way only: the corner has 2·padding + 1 places in each axis, not padding + 1.")
def crop_one_way(images, padding):
    corners = torch.randint(padding + 1, (len(images), 2)).tolist()
    return _crops(images, corners, _padded(images, padding))


@random_crop.wrong("Neither end is ever reached: the shifts go from −padding to padding, both included.")
def crop_inside(images, padding):
    corners = torch.randint(min(1, padding), 2 * max(padding, 1) - (padding == 0), (len(images), 2)).tolist()
    return _crops(images, corners, _padded(images, padding))


@random_crop.wrong("Rows and columns move by the same number: draw one for the rows and another for the columns.")
def crop_diagonal(images, padding):
    corners = torch.randint(2 * padding + 1, (len(images),)).tolist()
    return _crops(images, [(r, r) for r in corners], _padded(images, padding))


@random_crop.wrong("Only the rows move: draw a place for the columns as well.")
def crop_rows(images, padding):
    corners = torch.randint(2 * padding + 1, (len(images),)).tolist()
    return _crops(images, [(r, padding) for r in corners], _padded(images, padding))


@random_crop.wrong("Only the columns move: draw a place for the rows as well.")
def crop_columns(images, padding):
    corners = torch.randint(2 * padding + 1, (len(images),)).tolist()
    return _crops(images, [(padding, c) for c in corners], _padded(images, padding))


@random_crop.wrong(
    "Each call gives the same crops: do not seed inside the function. A second request should give another picture."
)
def crop_frozen(images, padding):
    generator = torch.Generator().manual_seed(0)
    corners = torch.randint(2 * padding + 1, (60, 2), generator=generator).tolist()[: len(images)]
    return _crops(images, corners, _padded(images, padding))


@random_crop.wrong("Mirrored pixels come in at the border: pad with zeros.")
def crop_mirrored(images, padding):
    corners = torch.randint(2 * padding + 1, (len(images), 2)).tolist()
    return _crops(images, corners, F.pad(images, [padding] * 4, mode="reflect"))


@random_crop.wrong("The last row or column comes in again at the border: pad with zeros.")
def crop_stretched(images, padding):
    corners = torch.randint(2 * padding + 1, (len(images), 2)).tolist()
    return _crops(images, corners, F.pad(images, [padding] * 4, mode="replicate"))
