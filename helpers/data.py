"""Pictures to learn from: drawn ones that need no network, and the real CIFAR-10 and MNIST from a folder.

`python -m helpers.data fetch cifar10 --root DIR` fetches the real files; nothing else here touches the network.
Without a root, the real data is looked for in the folder `data` of the project: beside the nearest pyproject.toml at
or above the current folder, else in the current folder itself.
"""

import argparse
import contextlib
import errno
import functools
import gzip
import hashlib
import http.client
import importlib.util
import os
import re
import shutil
import socket
import ssl
import stat
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

CIFAR10_CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CLASSES = {
    "birds-airplanes": ("airplane", "bird"),
    "slashes": ("/", "\\"),
    "digits": tuple("0123456789"),
    "cifar10": CIFAR10_CLASSES,
}
REAL = {"birds-airplanes": "cifar10", "digits": "mnist", "cifar10": "cifar10"}  # name -> what its real data is made of


class DataError(RuntimeError):
    """The data cannot be read or fetched; the message says why and what to do, in one sentence or two."""


# ---------------------------------------------------------------------------------------------------------- loading


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
    _choice("name", name, CLASSES)
    _choice("split", split, ("train", "test"))
    _choice("source", source, ("built-in", "real"))
    if source == "real":
        _choice("name, for source='real',", name, REAL)
        return _real(name, split == "train", folder_of(root))
    _choice("name, for source='built-in',", name, _BUILT_IN)
    images, labels = _built_in(name, split == "train")
    return images.clone(), labels.clone()


def class_names(name: str) -> tuple[str, ...]:
    """Return the names of a data set's classes; label 0 is the first.

    Raises:
        ValueError: there is no data set of this name.
    """
    return CLASSES[_choice("name", name, CLASSES)]


def photograph(size: int | tuple[int, int] | None = None, *, grey: bool = False) -> Tensor:
    """Return a real photograph: the portrait of Grace Hopper that comes with matplotlib.

    Args:
        size: height and width in pixels, one number for a square; the largest part of that form, from the
            top and the middle, is resized to it. None keeps the whole picture, 600 by 512.
        grey: True for one channel of brightness in place of red, green and blue.
    Returns:
        (3, H, W), or (1, H, W) when grey; float32 in [0, 1].
    Raises:
        ValueError: the size is not one or two whole numbers from 1 to 4096, or grey is not True or False.
        DataError: the picture is not there or cannot be read.
    Source: US Navy, in the public domain.
    """
    import numpy as np
    from PIL import Image, ImageOps

    sides = (size, size) if not isinstance(size, tuple) else size
    if size is not None and (len(sides) != 2 or not all(_whole(side) and 1 <= side <= 4096 for side in sides)):
        raise ValueError(f"size must be a whole number from 1 to 4096, or two for height and width, got {size!r}.")
    if not isinstance(grey, bool):
        raise ValueError(f"grey must be True or False, got {grey!r}.")
    package = importlib.util.find_spec("matplotlib")  # finds the folder without importing anything
    folder = Path(package.submodule_search_locations[0]) if package else Path("matplotlib")
    path = folder / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    try:
        with Image.open(path) as file:
            picture = file.convert("L" if grey else "RGB")
    except OSError as error:
        raise DataError(f"The photograph {path} cannot be read: install matplotlib again.") from error
    if size is not None:
        picture = ImageOps.fit(picture, (int(sides[1]), int(sides[0])), Image.Resampling.BOX, centering=(0.5, 0))
    pixels = np.asarray(picture)
    return _floats(pixels[None] if grey else pixels.transpose(2, 0, 1))


def patterns() -> dict[str, Tensor]:
    """Return small pictures made by hand, on which one sees what a kernel does.

    Returns:
        name -> (1, 16, 16), float32 in [0, 1], fresh tensors.
    """
    row, column = torch.meshgrid(torch.arange(16), torch.arange(16), indexing="ij")
    from_middle = (2 * row - 15) ** 2 + (2 * column - 15) ** 2  # squared, in half pixels
    made = {
        "vertical edge": column >= 8,
        "horizontal edge": row >= 8,
        "diagonal edge": column > row,
        "stripes": column % 4 < 2,
        "checkerboard": (row // 2 + column // 2) % 2 == 1,
        "fine checkerboard": (row + column) % 2 == 1,
        "cross": ((row - 8).abs() < 2) | ((column - 8).abs() < 2),
        "square": (row >= 4) & (row < 12) & (column >= 4) & (column < 12),
        "ring": (from_middle < 13**2) & (from_middle > 8**2),
        "dot": (row == 8) & (column == 8),
        "gradient": column / 15,
    }
    return {name: picture[None].to(torch.float32) for name, picture in made.items()}


def _choice(what: str, value: object, choices: object) -> str:
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{what} must be one of {', '.join(map(repr, choices))}, got {value!r}.")
    return value


def _whole(value: object) -> bool:
    return hasattr(value, "__index__") and not isinstance(value, bool | Tensor)


def _floats(pixels: "np.ndarray") -> Tensor:
    """Return 8-bit pixels as a fresh float32 tensor in [0, 1]; numpy divides exactly, on every machine alike."""
    import numpy as np

    return torch.from_numpy(np.ascontiguousarray(pixels) / np.float32(255))


# ------------------------------------------------------------------------------------------------ built-in pictures
# Only whole numbers, comparisons and + − × ÷ are used, whose results are the same on every machine: no sine, no
# exponential, no floating-point sum. numpy keeps the numbers of RandomState the same for ever.


@functools.cache
def _built_in(name: str, train: bool) -> tuple[Tensor, Tensor]:
    pixels, labels = _BUILT_IN[name](train)
    return _floats(pixels), torch.from_numpy(labels).to(torch.int64)


def _slashes(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Each / and \\ at each place, once. Training drawings lie on the black squares of a chessboard, test drawings on
    the white ones (a diagonal never leaves its colour): a test drawing lights no pixel that a training drawing lit."""
    import numpy as np

    length, size = 5, 28
    places = [(r, c) for r in range(size - length + 1) for c in range(size - length + 1) if (r + c) % 2 != train]
    steps = np.arange(length)
    pixels = np.zeros((2 * len(places), 1, size, size), np.uint8)
    for n, (row, column) in enumerate(places):
        pixels[2 * n, 0, row + steps[::-1], column + steps] = 255
        pixels[2 * n + 1, 0, row + steps, column + steps] = 255
    order = np.random.RandomState(7).permutation(len(pixels))
    return pixels[order], order % 2


def _digits(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """scikit-learn's 8×8 digits, enlarged to 20×20 in the middle of 28×28, as MNIST's; the last fifth for tests."""
    import numpy as np
    from sklearn.datasets import load_digits

    digits = load_digits()
    keep = slice(None, 1437) if train else slice(1437, None)
    small = digits.images[keep].astype(np.int64)  # 0 to 16
    tenths = np.clip(4 * np.arange(20) - 3, 0, 70)  # where each new pixel's middle lies between the old ones'
    low, part = np.minimum(tenths // 10, 6), tenths - 10 * np.minimum(tenths // 10, 6)
    tall = small[:, low] * (10 - part)[:, None] + small[:, low + 1] * part[:, None]
    large = tall[:, :, low] * (10 - part) + tall[:, :, low + 1] * part  # 0 to 1600
    pixels = np.zeros((len(small), 1, 28, 28), np.uint8)
    pixels[:, 0, 4:24, 4:24] = (large * 255 + 800) // 1600
    return pixels, digits.target[keep]


SKIES = [  # red, green, blue
    *((70, 130, 210), (150, 190, 230), (225, 225, 215), (120, 125, 135)),
    *((235, 165, 110), (45, 55, 95), (95, 140, 90), (190, 170, 200)),
]
PAINTS = [  # red, green, blue
    *((245, 245, 240), (25, 25, 35), (200, 40, 40), (240, 200, 40), (40, 80, 170)),
    *((30, 120, 70), (150, 95, 50), (130, 135, 145), (235, 130, 30), (90, 45, 110)),
]
BODY, WINGS, DETAIL = 1, 2, 3


def _birds_airplanes(train: bool) -> "tuple[np.ndarray, np.ndarray]":
    """Birds and airplanes from above and from the side, in equal numbers, on the same skies and in the same paints."""
    import numpy as np

    count = 2000 if train else 500
    random = np.random.RandomState(2000 if train else 500)
    view = random.permutation(count) % 4
    pixels = np.empty((count, 3, 32, 32), np.uint8)
    for number, shape in enumerate((_airplane_above, _airplane_side, _bird_above, _bird_side)):
        rows = np.flatnonzero(view == number)
        for part in np.array_split(rows, -(-len(rows) // 25)):  # few enough to stay in the processor's cache
            pixels[part] = _paint(shape, len(part), random)
    return pixels, view // 2


def _paint(shape: Callable, n: int, random: "np.random.RandomState") -> "np.ndarray":
    """Return n pictures, (n, 3, 32, 32), of a shape with chance in place, size, angle, direction, paint and sky."""
    import numpy as np

    size, fine = 32, 3  # a pixel is 3×3 samples

    def between(low: float, high: float) -> np.ndarray:
        return (low + (high - low) * random.random_sample((n, 1, 1))).astype(np.float32)

    def whole(low: int, high: int, *shape: int) -> np.ndarray:  # other types give other numbers
        return random.randint(low, high, size=shape, dtype=np.int32)

    # Where each sample lies for the drawn thing: u ahead and v up, in half lengths from its middle.
    middle = ((np.arange(size * fine) + 0.5) / fine - size / 2).astype(np.float32)
    half_angle = between(-0.18, 0.18)  # its tangent
    cos, sin = (1 - half_angle**2) / (1 + half_angle**2), 2 * half_angle / (1 + half_angle**2)
    length, direction = between(11, 14), np.where(between(0, 1) < 0.5, -1, 1).astype(np.float32)
    x, y = middle - between(-2.5, 2.5), middle[:, None] - between(-2.5, 2.5)
    u = (cos * x + sin * y) * (direction / length)
    v = (sin * x - cos * y) * (between(1, 1.3) / length)
    top_layer = np.zeros(u.shape, np.uint8)
    for layer, inside in shape(u, v, between):
        top_layer[inside] = layer

    # The sky: from one colour to another along a slope, with three soft clouds, light or dark.
    skies, paints, grid = (np.array(numbers, dtype=np.int32) for numbers in (SKIES, PAINTS, range(size)))
    first, second = skies[whole(0, len(skies), 2, n)]
    slope = whole(0, size + 1, n, 1, 1)
    along = (grid[:, None] * slope + grid * (size - slope))[:, None]  # 0 to 31 · 32
    sky = first[:, :, None, None] + (second - first)[:, :, None, None] * along // (2 * 31 * 32)
    for _ in range(3):
        row, column, wide, high = (whole(a, b, n, 1, 1) for a, b in ((0, 32), (0, 32), (4, 14), (2, 6)))
        distance = ((grid - column) * high) ** 2 + ((grid[:, None] - row) * wide) ** 2
        cover = np.maximum((wide * high) ** 2 - distance, 0) * 128 // (wide * high) ** 2
        sky = sky + (whole(60, 256, n, 1, 1, 1) - sky) * cover[:, None] // 224

    # Paints that stand out from the sky, the wings one shade further from it than the body.
    def brightness(colours: np.ndarray) -> np.ndarray:
        return (2 * colours[..., 0] + 5 * colours[..., 1] + colours[..., 2]) // 8

    sky_brightness = brightness(sky.sum((2, 3)) // size**2)
    contrast = np.abs(brightness(paints) - sky_brightness[:, None])

    def stands_out(least: int) -> np.ndarray:
        return paints[np.argmax((contrast >= least) * (1 + whole(0, 1000, *contrast.shape)), axis=1)]

    body, detail = stands_out(70), stands_out(40)
    end = np.where(brightness(body) > sky_brightness, 255, 0)[:, None]
    picture = sky * fine**2
    for layer, paint in ((BODY, body), (WINGS, (2 * body + end) // 3), (DETAIL, detail)):
        inside = top_layer == layer
        samples = sum(inside[:, i::fine, j::fine].astype(np.int32) for i in range(fine) for j in range(fine))
        picture = picture + samples[:, None] * (paint[:, :, None, None] - sky)

    noise = (whole(-8, 9, *picture.shape) + whole(-8, 9, *picture.shape)) * whole(2, 9, n, 1, 1, 1) // 8
    light = whole(-30, 31, n, 1, 1, 1)
    return np.clip(picture // fine**2 + noise + light, 0, 255).astype(np.uint8)


# Each shape: u, v (n, H, W) and the source of chance -> its layers, the lowest first: which part, where it is.


def _ellipse(u: "np.ndarray", v: "np.ndarray", middle_u: float, middle_v: float, a: float, b: float) -> "np.ndarray":
    return ((u - middle_u) * (1 / a)) ** 2 + ((v - middle_v) * (1 / b)) ** 2 < 1


def _airplane_above(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    out = abs(v)
    sweep, span = between(0.35, 0.75), between(0.85, 1.05)
    yield WINGS, (out < span) & (u < 0.34 - sweep * out) & (u > -0.08 - (sweep - 0.22) * out)
    yield WINGS, (out < 0.4) & (u < -0.62 - 0.5 * out) & (u > -0.86 - 0.35 * out)  # tail
    yield WINGS, _ellipse(u, out, 0.16 - 0.45 * sweep, 0.45, 0.17, 0.065)  # engines
    body = _ellipse(u, v, 0, 0, 1.05, 0.15)
    yield BODY, body
    yield DETAIL, body & (u > 0.68)  # nose


def _airplane_side(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    sweep, reach = between(0.7, 1.2), between(0.4, 0.6)
    yield WINGS, (v > 0) & (v < 0.55) & (u < -0.52 - 0.75 * v) & (u > -1.02 - 0.25 * v)  # fin
    yield WINGS, (v > 0.1) & (v < 0.32) & (u < 0.26 - sweep * v) & (u > -0.05 - (sweep - 0.2) * v)  # far wing
    yield BODY, _ellipse(u, v, 0, 0, 1.1, 0.2)
    yield DETAIL, (v > 0.03) & (v < 0.11) & (u > -0.6) & (u < 0.8)  # windows
    down = -v
    yield WINGS, (down > 0) & (down < reach) & (u < 0.32 - sweep * down) & (u > -0.12 - (sweep - 0.25) * down)
    yield WINGS, (down > -0.06) & (down < 0.2) & (u < -0.72 - 0.7 * down) & (u > -0.95 - 0.6 * down)  # tail


def _bird_above(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    out = abs(v)
    span, rise, bend = between(1.0, 1.2), between(0.75, 1.05), between(0.8, 1.1)
    yield WINGS, (out < span) & (abs(u - 0.05 - rise * out + bend * out**2) < 0.24 * (1 - (out / span) ** 2))
    yield WINGS, (u < -0.3) & (u > -0.88 + 0.4 * out) & (out < 0.03 - 0.38 * (u + 0.3))  # tail, a fan
    yield BODY, _ellipse(u, v, 0, 0, 0.5, 0.19) | _ellipse(u, v, 0.52, 0, 0.2, 0.17)
    yield DETAIL, (u > 0.66) & (out < 0.3 * (0.98 - u))  # beak


def _bird_side(u: "np.ndarray", v: "np.ndarray", between: Callable) -> Iterator:
    reach = between(0.75, 1.0)
    up = v * ((between(0, 1) < 0.7) * 2 - 1).astype(v.dtype)  # wings raised, or beaten down
    wing = 1 - (up / reach) ** 2
    beating = (up > 0) & (up < reach)
    yield WINGS, beating & (abs(u - 0.3 - 0.75 * up + 0.6 * up**2) < 0.2 * wing)  # far wing
    yield BODY, _ellipse(u, v - 0.15 * u, 0, 0, 0.62, 0.24) | _ellipse(u, v, 0.6, 0.2, 0.23, 0.2)
    yield BODY, (u < -0.4) & (u > -1.05) & (abs(v - 0.2 * u) < 0.02 - 0.3 * (u + 0.35))  # tail
    yield DETAIL, (u > 0.75) & (abs(v - 0.17) < 0.4 * (1.12 - u))  # beak
    yield WINGS, beating & (abs(u - 0.12 - 0.35 * up + 0.8 * up**2) < 0.3 * wing)


_BUILT_IN = {"birds-airplanes": _birds_airplanes, "slashes": _slashes, "digits": _digits}


# -------------------------------------------------------------------------------------------- real data, in a folder


class File(NamedTuple):
    """A file that torchvision reads: its path in the root, its bytes, its MD5."""

    path: str
    size: int
    md5: str


class Archive(NamedTuple):
    """A published archive: its name, its bytes, its MD5, and the files in it."""

    name: str
    size: int
    md5: str
    files: tuple[File, ...]


class Published(NamedTuple):
    """A published data set: the address of the folder with its archives, and these."""

    url: str
    archives: tuple[Archive, ...]


# The MD5 sums of the archives and of CIFAR-10's files are those in torchvision's source.
_CIFAR10_FILES = (
    File("cifar-10-batches-py/data_batch_1", 31_035_704, "c99cafc152244af753f735de768cd75f"),
    File("cifar-10-batches-py/data_batch_2", 31_035_320, "d4bba439e000b95fd0a9bffe97cbabec"),
    File("cifar-10-batches-py/data_batch_3", 31_035_999, "54ebc095f3ab1f0389bbae665268c751"),
    File("cifar-10-batches-py/data_batch_4", 31_035_696, "634d18415352ddfa80567beed471001a"),
    File("cifar-10-batches-py/data_batch_5", 31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb"),
    File("cifar-10-batches-py/test_batch", 31_035_526, "40351d587109b95175f43aff81a1287e"),
    File("cifar-10-batches-py/batches.meta", 158, "5ff9c542aee3614f3951f8cda6e48888"),
)
_MNIST = (  # name; size and MD5 of the archive; size and MD5 of the file in it
    (
        "train-images-idx3",
        9_912_422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        47_040_016,
        "6bbc9ace898e44ae57da46a324031adb",
    ),
    ("train-labels-idx1", 28_881, "d53e105ee54ea40749a09fcbcd1e9432", 60_008, "a25bea736e30d166cdddb491f175f624"),
    ("t10k-images-idx3", 1_648_877, "9fb629c4189551a2d022fa330f9573f3", 7_840_016, "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1", 4_542, "ec29112dd5afa0611ce80d1b7f02629c", 10_008, "27ae3e4e09519cfbb04c329615203637"),
)
PUBLISHED = {
    "cifar10": Published(
        "https://www.cs.toronto.edu/~kriz",
        (Archive("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a", _CIFAR10_FILES),),
    ),
    "mnist": Published(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        tuple(
            Archive(f"{name}-ubyte.gz", packed, packed_md5, (File(f"MNIST/raw/{name}-ubyte", size, md5),))
            for name, packed, packed_md5, size, md5 in _MNIST
        ),
    ),
}


def problem(name: str, root: str | os.PathLike | None = None) -> str | None:
    """Say what keeps the real data from being loaded.

    Args:
        name: "cifar10" or "mnist".
        root: the folder that holds it; None means the project's folder `data`.
    Returns:
        None when every file is there with its published bytes; else a sentence that names what is wrong, what is
        expected and the command that repairs it.
    Raises:
        ValueError: name or root is not one of these.
    """
    archives, folder = PUBLISHED[_choice("name", name, PUBLISHED)].archives, folder_of(root)
    if not folder.exists():
        fault = f"The folder {folder} does not exist"
    elif not folder.is_dir():
        fault = f"{folder} is not a folder"
    else:
        faults = [_fault(folder, file) for archive in archives for file in archive.files]
        if not any(faults):
            return None
        missing = all(fault and fault.endswith("is missing") for fault in faults)
        fault = f"The folder {folder} holds no {name} data" if missing else next(filter(None, faults))
    shown = f'"{folder}"' if " " in str(folder) else str(folder)
    return f"{fault}: run `python -m helpers.data fetch {name} --root {shown}`, or use source='built-in'."


def folder_of(root: object) -> Path:
    """Return the folder of the real data: `root`, or the project's folder `data` when it is None.

    Raises:
        ValueError: root is no path.
    """
    if root is None:
        here = Path.cwd()
        home = next((folder for folder in (here, *here.parents) if (folder / "pyproject.toml").is_file()), here)
        return home / "data"
    if not isinstance(root, str | os.PathLike) or not str(root) or "\0" in str(root):
        raise ValueError(f"root must be the path of a folder, or None for the project's folder data, got {root!r}.")
    with contextlib.suppress(RuntimeError):  # a ~ without a home stays as it is
        return Path(root).expanduser()
    return Path(root)


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _fault(folder: Path, file: File) -> str | None:
    path = folder / file.path
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return f"{path} is not a file"
        if found.st_size != file.size:
            return f"{path} has {found.st_size:,} bytes where {file.size:,} are expected"
        if (md5 := _md5(path)) != file.md5:
            return f"{path} has the expected {file.size:,} bytes but other content (MD5 {md5}, not {file.md5})"
    except (FileNotFoundError, NotADirectoryError):
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return None


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


# --------------------------------------------------------------------------------------------------- fetching it

TIMEOUT = 30.0  # seconds without a connection, or with less than a kilobyte, after which a try is given up
TRIES = 5  # for each archive
PAUSE = 1.0  # seconds before the second try; doubled before each further one

Progress = Callable[[int, int], object]


def fetch(
    name: str,
    root: str | os.PathLike | None = None,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    url: str | None = None,
) -> str:
    """Download real data into a folder; continue where an earlier download broke off.

    Every archive is checked by MD5 before it is unpacked, every file before it gets its name. What is already whole
    is not fetched again. Two fetches of the same data into one folder do not run at once: the second is refused.

    Args:
        name: "cifar10" (170 MB to download, 186 MB on disk) or "mnist" (12 MB, 55 MB).
        root: the folder to fill, made if it is missing; None means the project's folder `data`.
        progress: called with the bytes that are here and the bytes in all, after every piece. What it raises ends the
            fetch and is raised here.
        cancel: once it is set, the fetch ends with a DataError: with the next piece, or after 30 s without one.
        url: address of another folder that holds the same archives.
    Returns:
        A sentence that says what was done.
    Raises:
        ValueError: an argument is not one of these.
        DataError: no connection, a wrong answer, wrong bytes, a full disk, no permission, or cancelled. What came so
            far is kept for the next fetch, unless it was wrong.
    """
    published, folder = PUBLISHED[_choice("name", name, PUBLISHED)], folder_of(root)
    url = published.url if url is None else _address(url)
    if progress is not None and not callable(progress):
        raise ValueError(f"progress must be a function of two numbers, got {progress!r}.")
    if cancel is not None and not isinstance(cancel, threading.Event):
        raise ValueError(f"cancel must be a threading.Event, got {cancel!r}.")
    done = f"The {name} data in {folder} is already complete: nothing was fetched."
    if problem(name, folder) is None:
        return done

    with _disk(folder), _alone(name, folder):
        wanted = [a for a in published.archives if any(_fault(folder, file) for file in a.files)]
        if not wanted:  # another fetch ended in between
            return done
        work = folder / f".{name}"
        work.mkdir(exist_ok=True)
        total, before = sum(archive.size for archive in wanted), 0
        started = sum(path.stat().st_size for path in work.glob("*.part"))
        needed = total - started + sum(file.size for archive in wanted for file in archive.files)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise DataError(
                f"{folder} has {free / 1e6:,.0f} MB of free space, {needed / 1e6:,.0f} MB are needed: "
                f"make room or choose another folder."
            )
        for archive in wanted:

            def report(here: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + here, total)
                if cancel is not None and cancel.is_set():
                    raise DataError(f"The fetch of {name} was stopped: what came so far is kept for the next fetch.")

            part = work / f"{archive.name}.part"
            _download(archive, f"{url}/{archive.name}", part, report, cancel)
            _unpack(archive, part, folder)
            before += archive.size
        shutil.rmtree(work)
    return f"The {name} data is complete in {folder}: {total / 1e6:,.1f} MB fetched and checked."


def _address(url: object) -> str:
    try:
        parts = (
            urllib.parse.urlsplit(url)
            if isinstance(url, str) and not re.search(r"[\x00-\x20\x7f-\U0010ffff]", url)
            else None
        )
        valid = parts is not None and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(f"url must be an address that begins with http:// or https://, got {url!r}.")
    return url.rstrip("/")


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Make the folder and turn what the disk complains about into one sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{error.filename} is not a folder: choose another root.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            said = f"The disk of {folder} is full: make room and fetch again, what came so far is kept."
        elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
            said = f"There is no permission to write {error.filename or folder}: choose another root."
        else:
            said = f"{error.filename or folder} cannot be written ({error.strerror or error}): choose another root."
        raise DataError(said) from error


@contextlib.contextmanager
def _alone(name: str, folder: Path) -> Iterator[None]:
    """Hold the lock of this data in this folder. The system lets go of it when a process dies."""
    import filelock

    lock = filelock.FileLock(folder / f".{name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise DataError(f"Another fetch of {name} into {folder} is running: wait until it has ended.") from None
    except NotImplementedError as error:
        raise DataError(f"The disk of {folder} cannot lock files: choose another root.") from error
    with lock:
        yield


class _TryAgain(Exception):
    """This try failed in a way that the next one may not."""


def _download(
    archive: Archive, url: str, part: Path, report: Callable[[int], None], cancel: threading.Event | None
) -> None:
    """Bring the file `part` to all of the archive's bytes, its MD5 checked."""
    why = ""
    for attempt in range(TRIES):
        pause = PAUSE * 2 ** (attempt - 1) if attempt else 0
        if cancel is not None:
            cancel.wait(pause)
        else:
            time.sleep(pause)
        resumed = part.exists() and part.stat().st_size > 0
        report(part.stat().st_size if resumed else 0)
        try:
            _continue(archive, url, part, report)
        except _TryAgain as error:
            why = str(error)
            continue
        if (md5 := _md5(part)) == archive.md5:
            return
        part.unlink()
        why = f"{url} gave other bytes than the published ones (MD5 {md5}, not {archive.md5})"
        if not resumed:
            raise DataError(f"{why}: nothing was unpacked, try again later or name a mirror with url.")
    raise DataError(f"{why}: given up after {TRIES} tries, fetch again to continue.")


def _continue(archive: Archive, url: str, part: Path, report: Callable[[int], None]) -> None:
    """Ask once for the bytes that `part` lacks and append them."""
    tag = part.with_suffix(".tag")  # the server's mark of the version that was begun
    have = part.stat().st_size if part.exists() else 0
    if have > archive.size:
        part.unlink()
        have = 0
    if have == archive.size:
        return
    headers = {"User-Agent": "helpers.data", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag.exists():
            headers["If-Range"] = tag.read_text(encoding="latin-1")
    with _open(url, headers, part) as response:
        length = response.headers.get("Content-Length", "")
        said = int(length) if length.isdecimal() else None
        if response.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
            if not have or span is None or int(span[1]) != have:
                part.unlink(missing_ok=True)
                raise _TryAgain(f"{url} sent another range than the one asked for")
            said = None if span[2] == "*" else int(span[2])
        else:
            have = 0
        if said is not None and said != archive.size:
            raise DataError(
                f"{url} offers {said:,} bytes where {archive.size:,} are expected: it is not the published file, "
                f"name a mirror with url."
            )
        with part.open("ab" if have else "wb") as file:
            if not have:
                mark = response.headers.get("ETag", "")
                mark = response.headers.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
                tag.unlink(missing_ok=True)
                if mark:
                    tag.write_text(mark, encoding="latin-1")
            for piece in _pieces(response, url):
                have += len(piece)
                if have > archive.size:
                    break
                file.write(piece)
                report(have)
    if have > archive.size:
        part.unlink()
        raise _TryAgain(f"{url} sent more than the expected {archive.size:,} bytes")
    if have < archive.size:
        raise _TryAgain(f"the connection to {url} broke off after {have:,} of {archive.size:,} bytes")


def _open(url: str, headers: dict[str, str], part: Path) -> http.client.HTTPResponse:
    try:
        return urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        said = f"{url} answered {error.code} ({error.reason})"
        if error.code == 416:  # the range lies outside: what is here does not belong to this file
            part.unlink(missing_ok=True)
        elif error.code not in (408, 425, 429) and error.code < 500:
            raise DataError(f"{said}: try again later or name a mirror with url.") from error
        raise _TryAgain(said) from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        host = urllib.parse.urlsplit(url).hostname
        offline = (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(f"The certificate of {host} cannot be verified ({reason.verify_message}).") from error
        if isinstance(reason, socket.gaierror) or getattr(reason, "errno", None) in offline:
            raise DataError(
                f"{host} cannot be reached ({getattr(reason, 'strerror', None) or reason}): "
                f"check the network and fetch again, or use the built-in data."
            ) from error
        raise _TryAgain(_network(url, reason)) from error


def _pieces(response: http.client.HTTPResponse, url: str) -> Iterator[bytes]:
    """Yield what comes, piece by piece. A connection that gives less than a kilobyte in TIMEOUT seconds has stalled."""
    since, got = time.monotonic(), 0
    while True:
        try:
            piece = response.read1(2**16)
        except (OSError, http.client.HTTPException) as error:
            raise _TryAgain(_network(url, error)) from error
        if not piece:
            return
        yield piece
        got += len(piece)
        if time.monotonic() - since > TIMEOUT:
            if got < 1024:
                raise _TryAgain(_network(url, TimeoutError()))
            since, got = time.monotonic(), 0


def _network(url: str, error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"{url} sent nothing for {TIMEOUT:g} seconds"
    return f"the connection to {url} failed ({error or type(error).__name__})"


def _unpack(archive: Archive, part: Path, folder: Path) -> None:
    """Write the archive's files beside their places, check them, then give them their names.

    Only the members that are expected are read, as bytes: no path and no link in the archive is ever followed."""
    beside = part.with_suffix(".unpacked")
    shutil.rmtree(beside, ignore_errors=True)  # left by a process that was killed
    beside.mkdir()
    try:
        for number, (file, packed) in enumerate(_members(archive, part)):
            with packed, (beside / str(number)).open("wb") as plain:
                shutil.copyfileobj(packed, plain, 2**20)
            if _fault(beside, file._replace(path=str(number))):
                raise EOFError(f"{file.path} is not whole")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, KeyError) as error:
        part.unlink()
        raise DataError(f"{archive.name} cannot be unpacked ({error}): it was removed, fetch again.") from error
    for number, file in enumerate(archive.files):
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / str(number), folder / file.path)
    beside.rmdir()
    part.unlink()


def _members(archive: Archive, part: Path) -> Iterator[tuple[File, IO[bytes]]]:
    if not archive.name.endswith(".tar.gz"):
        yield archive.files[0], gzip.open(part)  # noqa: SIM115
        return
    with tarfile.open(part, "r:gz") as tar:
        for file in archive.files:
            member = tar.extractfile(file.path)
            if member is None:
                raise KeyError(f"{file.path} is not a file")
            yield file, member


# ------------------------------------------------------------------------------------------------------ command line


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m helpers.data`; return the exit status: 0 done, 1 failed, 2 misused, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m helpers.data", description="The real data of the workbook.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "fetch",
        help="download CIFAR-10 (170 MB) or MNIST (12 MB)",
        description="Download real data, check it and unpack it. Started again, it continues where it broke off.",
    )
    command.add_argument("name", choices=list(PUBLISHED))
    command.add_argument("--root", metavar="DIR", help="folder to fill (default: the project's folder data)")
    command.add_argument("--url", help="address of another folder that holds the same archives")
    options = parser.parse_args(arguments)

    from tqdm import tqdm

    bar = tqdm(unit="B", unit_scale=True, desc=options.name, leave=False, delay=0.5)

    def progress(here: int, total: int) -> None:
        bar.total = total
        bar.update(here - bar.n)

    try:
        with bar:
            done = fetch(options.name, options.root, progress=progress, url=options.url)
    except (DataError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped: the same command continues where this one left off.", file=sys.stderr)
        return 130
    print(done)
    return 0


if __name__ == "__main__":
    sys.exit(main())
