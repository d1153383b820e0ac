"""Pictures to learn from: built-in ones that need no network, and the real CIFAR-10 and MNIST from a folder.

`python -m helpers.data fetch cifar10 --root DIR`, or `fetch` with the same words, fetches the real files; nothing else
here touches the network.
"""

import functools
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from . import drawings
from .download import DataError, fetch, folder_of, main, problem
from .drawings import patterns
from .shapes import one_of, per_axis, true_or_false

if TYPE_CHECKING:
    import numpy as np

__all__ = ["DataError", "class_names", "fetch", "folder_of", "load", "patterns", "photograph", "problem"]

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLASSES = {
    "birds-airplanes": ("airplane", "bird"),
    "slashes": ("/", "\\"),
    "digits": tuple("0123456789"),
    "cifar10": CIFAR10_CLASSES,
}
REAL = {"birds-airplanes": "cifar10", "digits": "mnist", "cifar10": "cifar10"}  # name -> what its real data is made of


def load(
    name: str, split: str = "train", *, source: str = "built-in", root: str | os.PathLike | None = None
) -> tuple[Tensor, Tensor]:
    """Return one split of a data set as two fresh tensors in memory.

    | name | built-in | real |
    |---|---|---|
    | birds-airplanes | drawn, 2,000 and 500, 3×32×32 | CIFAR-10's airplanes and birds, 10,000 and 2,000 |
    | slashes | every / and \\ of five pixels, 576 and 576, 1×28×28 | none |
    | digits | scikit-learn's, 1,437 and 360, 1×28×28 | MNIST, 60,000 and 10,000 |
    | cifar10 | none | CIFAR-10, 50,000 and 10,000 |

    The built-in images are the same bytes on every machine, and no image is in both splits.

    Args:
        name: one of the four.
        split: "train" or "test".
        source: "built-in" or "real".
        root: the folder with the real files; None means the project's folder `data`. Not used for built-in data.
    Returns:
        images: (N, C, H, W), float32 in [0, 1]; labels: (N,), int64, places in `class_names(name)`.
    Raises:
        ValueError: name, split, source or root is not one of these, or the name has no data from this source.
        DataError: real files are missing, unreadable or damaged; the message names the file and the repair.
    Source: Krizhevsky 2009 (CIFAR-10); LeCun et al. 1998 (MNIST); Alpaydin & Kaynak 1998 (scikit-learn's digits).
    """
    one_of("name", name, CLASSES)
    one_of("split", split, ("train", "test"))
    one_of("source", source, ("built-in", "real"), ' (in a notebook: data = "built-in" or "real")')
    if source == "real":
        one_of("name, for source='real',", name, REAL)
        return _real(name, split == "train", folder_of(root))
    one_of("name, for source='built-in',", name, _BUILT_IN)
    images, labels = _built_in(name, split == "train")
    return images.clone(), labels.clone()


def class_names(name: str) -> tuple[str, ...]:
    """Return the names of a data set's classes; label 0 is the first.

    Raises:
        ValueError: there is no data set of this name.
    """
    return CLASSES[one_of("name", name, CLASSES)]


def photograph(size: int | tuple[int, int] | None = None, *, grey: bool = False) -> Tensor:
    """Return a real photograph: the portrait of Grace Hopper that comes with matplotlib.

    Args:
        size: height and width in pixels, one number for a square; the largest part of that form, from the
            top and the middle, is resized to it. None keeps the whole picture, 600 by 512.
        grey: True for one channel of brightness in place of red, green and blue.
    Returns:
        (3, H, W), or (1, H, W) when grey; float32 in [0, 1].
    Raises:
        ValueError: a side is no whole number from 1 to 4096, or grey is not True or False.
        DataError: the picture is not there or cannot be read.
    Source: US Navy, in the public domain.
    """
    import numpy as np
    from PIL import Image, ImageOps

    sides = None if size is None else per_axis("size", size, 2, 1, 4096)
    true_or_false("grey", grey)
    path = _file_in("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")
    try:
        with Image.open(path) as file:
            picture = file.convert("L" if grey else "RGB")
    except OSError as error:
        raise DataError(f"The photograph {path} cannot be read: install matplotlib again.") from error
    if sides is not None:
        picture = ImageOps.fit(picture, sides[::-1], Image.Resampling.BOX, centering=(0.5, 0))
    pixels = np.asarray(picture)
    return _floats(pixels[None] if grey else pixels.transpose(2, 0, 1))


def _file_in(package: str, path: str) -> Path:
    """Return where a file of an installed package lies; the package is not imported."""
    found = importlib.util.find_spec(package)
    return (Path(found.submodule_search_locations[0]) if found else Path(package)) / path


def _floats(pixels: "np.ndarray") -> Tensor:
    """Return 8-bit pixels as a fresh float32 tensor in [0, 1]; numpy divides exactly, on every machine alike."""
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(pixels) / np.float32(255))


@functools.cache
def _built_in(name: str, train: bool) -> tuple[Tensor, Tensor]:
    pixels, labels = _BUILT_IN[name](train)
    return _floats(pixels), torch.from_numpy(labels).to(torch.int64)


def _digits(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """scikit-learn's 8×8 digits, enlarged to 20×20 in the middle of 28×28, as MNIST's; the last fifth for tests."""
    import numpy as np

    path = _file_in("sklearn", "datasets/data/digits.csv.gz")
    try:
        # a line for each digit: 64 pixels, 0 to 16, and its label
        table = np.loadtxt(path, delimiter=",", dtype=np.int64)
    except OSError as error:
        raise DataError(f"The digits {path} cannot be read: install scikit-learn again.") from error
    keep = slice(None, 1437) if train else slice(1437, None)
    small = table[keep, :64].reshape(-1, 8, 8)
    tenths = np.clip(4 * np.arange(20) - 3, 0, 70)  # where each new pixel's middle lies between the old ones'
    low, part = np.minimum(tenths // 10, 6), tenths - 10 * np.minimum(tenths // 10, 6)
    tall = small[:, low] * (10 - part)[:, None] + small[:, low + 1] * part[:, None]
    large = tall[:, :, low] * (10 - part) + tall[:, :, low + 1] * part  # 0 to 1600
    pixels = np.zeros((len(small), 1, 28, 28), np.uint8)
    pixels[:, 0, 4:24, 4:24] = (large * 255 + 800) // 1600
    return pixels, table[keep, 64]


_BUILT_IN = {"birds-airplanes": drawings.birds_airplanes, "slashes": drawings.slashes, "digits": _digits}


def _real(name: str, train: bool, folder: Path) -> tuple[Tensor, Tensor]:
    import numpy as np

    if fault := problem(REAL[name], folder):
        raise DataError(fault)
    from torchvision.datasets import CIFAR10, MNIST

    if name == "digits":
        mnist = MNIST(folder, train=train)
        return _floats(mnist.data.numpy()[:, None]), mnist.targets.to(torch.int64)
    cifar = CIFAR10(folder, train=train)
    pixels, labels = cifar.data.transpose(0, 3, 1, 2), np.array(cifar.targets)
    if name == "birds-airplanes":
        kinds = [CIFAR10_CLASSES.index(kind) for kind in CLASSES[name]]
        keep = np.isin(labels, kinds)
        pixels, labels = pixels[keep], np.searchsorted(kinds, labels[keep])
    return _floats(pixels), torch.from_numpy(labels).to(torch.int64)


if __name__ == "__main__":
    sys.exit(main())
