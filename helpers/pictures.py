"""Pictures in a folder whose names say what they show: cat.0.jpg, dog.0.jpg."""

import os
import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.utils.data import Dataset

from .shapes import per_axis, short, whole_number

if TYPE_CHECKING:
    from PIL import Image

ENDINGS = (".jpg", ".jpeg")


class NamedPictures(Dataset):
    """JPEG files of one folder as a dataset; the part of a name before its first dot is the class.

    A file is decoded when its picture is asked for. Each is also decoded once at the start: what cannot be used is then
    named in `skipped`, and is no surprise in the middle of an epoch.

    Attributes:
        files: the names, sorted, because a listing has no order.
        labels: for each file its class's place in `classes`.
        skipped: one sentence for each JPEG file that is left out.
    """

    def __init__(
        self, folder: str | os.PathLike, classes: Sequence[str] = ("cat", "dog"), size: int | tuple[int, int] = (32, 32)
    ) -> None:
        """Look through the folder.

        Args:
            folder: where the files lie.
            classes: their names; label 0 is the first.
            size: height and width that every picture is resized to, pixels, 1 to 4096; one number for a square.
        Raises:
            ValueError: there is no such folder, no picture in it that can be used, or a side is out of range.
        """
        if not isinstance(folder, str | os.PathLike) or not Path(folder).is_dir():
            raise ValueError(f"folder is {short(folder)}; it must be a folder that is there, with JPEG files in it.")
        self.folder, self.classes = Path(folder), tuple(classes)
        self.size = per_axis("size", size, 2, 1, 4096)
        self.files: list[str] = []
        self.labels: list[int] = []
        self.skipped: list[str] = []
        for name in sorted(os.listdir(folder)):
            if not name.lower().endswith(ENDINGS):
                continue
            word = name.partition(".")[0]
            if word not in self.classes:
                self.skipped.append(f"{name}: its name begins with none of the classes {', '.join(self.classes)}.")
                continue
            try:
                self._picture(name)
            except (OSError, SyntaxError, ValueError) as error:  # what PIL raises for a broken file
                self.skipped.append(f"{name}: it is no JPEG file, or broken ({type(error).__name__}).")
                continue
            self.files.append(name)
            self.labels.append(self.classes.index(word))
        if not self.files:
            found = f": {' '.join(self.skipped[:3])}" if self.skipped else "."
            raise ValueError(f"{folder} holds no picture named like {self.classes[0]}.0.jpg that can be used{found}")

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return a picture, (3, H, W), float32 in [0, 1], and its label."""
        import numpy as np

        pixels = np.asarray(self._picture(self.files[index]))
        return torch.from_numpy(pixels.transpose(2, 0, 1) / np.float32(255)), self.labels[index]

    def _picture(self, name: str) -> "Image.Image":
        from PIL import Image

        with Image.open(self.folder / name, formats=["JPEG"]) as file:
            return file.convert("RGB").resize(self.size[::-1])


def write_cats_and_dogs(folder: str | os.PathLike, count: int = 60, seed: int = 0) -> None:
    """Draw faces and write them as JPEG files: cat.0.jpg has upright ears, dog.0.jpg has hanging ones.

    Args:
        folder: it must be there.
        count: files of each class, >= 1.
        seed: the same seed draws the same faces, >= 0.
    Raises:
        ValueError: count or seed is out of range.
        OSError: a file cannot be written, for example because the folder is not there.
    """
    from PIL import Image, ImageDraw

    chance = random.Random(whole_number("seed", seed, 0))
    for number in range(whole_number("count", count, 1)):
        for kind in ("cat", "dog"):
            picture = Image.new("RGB", (48, 48), tuple(chance.randrange(150, 256) for _ in range(3)))
            draw = ImageDraw.Draw(picture)
            fur = tuple(chance.randrange(30, 150) for _ in range(3))
            x, y, r = chance.randrange(19, 30), chance.randrange(22, 29), chance.randrange(10, 14)
            for side in (-1, 1):
                if kind == "cat":
                    corners = (0.2, -0.9), (0.95, -0.2), (0.9, -1.6)
                    draw.polygon([(x + side * a * r, y + b * r) for a, b in corners], fill=fur)
                else:
                    left, right = sorted((x + side * 0.75 * r, x + side * 1.35 * r))
                    draw.ellipse([left, y - 0.7 * r, right, y + 0.9 * r], fill=fur)
            draw.ellipse([x - r, y - r, x + r, y + r], fill=fur)
            for side in (-1, 1):
                eye = x + side * 0.4 * r, y - 0.2 * r
                draw.ellipse([eye[0] - 2, eye[1] - 2, eye[0] + 2, eye[1] + 2], fill="white")
            draw.ellipse([x - 2, y + 0.3 * r, x + 2, y + 0.3 * r + 3], fill="black")
            picture.save(Path(folder) / f"{kind}.{number}.jpg", quality=90)
