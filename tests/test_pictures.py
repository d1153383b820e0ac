"""Pictures named by their class: real JPEG files in a folder, in any order, with bad ones among them."""

import os
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from helpers.pictures import NamedPictures, write_cats_and_dogs


def test_names_become_labels_whatever_the_listing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cats_and_dogs(tmp_path, 3)
    names = sorted(os.listdir(tmp_path))
    assert names == ["cat.0.jpg", "cat.1.jpg", "cat.2.jpg", "dog.0.jpg", "dog.1.jpg", "dog.2.jpg"]
    assert all((tmp_path / name).read_bytes().startswith(b"\xff\xd8\xff") for name in names)
    monkeypatch.setattr(os, "listdir", lambda folder: [names[i] for i in (4, 0, 5, 2, 1, 3)])
    pictures = NamedPictures(tmp_path, size=(20, 24))
    assert pictures.files == names
    assert pictures.labels == [0, 0, 0, 1, 1, 1]
    assert pictures.skipped == []
    x, y = next(iter(DataLoader(pictures, batch_size=6)))
    assert (x.shape, x.dtype, y.tolist(), y.dtype) == ((6, 3, 20, 24), torch.float32, pictures.labels, torch.int64)
    assert x.min() >= 0
    assert 0.5 < x.max() <= 1
    assert NamedPictures(tmp_path, ("dog", "cat")).labels == [1, 1, 1, 0, 0, 0]


def test_a_picture_is_upright_and_in_colour(tmp_path: Path) -> None:
    pixels = Image.new("RGB", (8, 4), (255, 0, 0))
    pixels.paste((0, 0, 255), (0, 2, 8, 4))  # blue below
    pixels.save(tmp_path / "cat.7.jpg", quality=95, subsampling=0)
    picture, label = NamedPictures(tmp_path, size=(4, 8))[0]
    assert label == 0
    assert picture[:, 0, 0].tolist() == pytest.approx([1, 0, 0], abs=0.1)
    assert picture[:, 3, 0].tolist() == pytest.approx([0, 0, 1], abs=0.1)


def test_what_cannot_be_used_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    write_cats_and_dogs(tmp_path, 2)
    whole = (tmp_path / "cat.0.jpg").read_bytes()
    (tmp_path / "cat.2.jpg").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "cat.3.jpg").write_bytes(b"no picture")
    (tmp_path / "horse.0.jpg").write_bytes(whole)
    (tmp_path / "notes.txt").write_text("not a picture at all")
    pictures = NamedPictures(tmp_path)
    assert pictures.files == ["cat.0.jpg", "cat.1.jpg", "dog.0.jpg", "dog.1.jpg"]
    assert [told.partition(":")[0] for told in pictures.skipped] == ["cat.2.jpg", "cat.3.jpg", "horse.0.jpg"]
    assert "broken" in pictures.skipped[0]
    assert "none of the classes cat, dog" in pictures.skipped[2]


def test_a_size_is_one_number_or_two(tmp_path: Path) -> None:
    write_cats_and_dogs(tmp_path, 1)
    for size in (32, (32,), [32, 32]):
        assert NamedPictures(tmp_path, size=size)[0][0].shape == (3, 32, 32)
    for size in (0, 2.5, None, (32, 0), (1, 2, 3), 4097):
        with pytest.raises(ValueError, match="size"):
            NamedPictures(tmp_path, size=size)


def test_a_folder_without_a_picture(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no picture named like cat\.0\.jpg that can be used\.$"):
        NamedPictures(tmp_path)
    (tmp_path / "cat.0.jpg").write_bytes(b"")
    with pytest.raises(ValueError, match=r"that can be used: cat\.0\.jpg: it is no JPEG file, or broken"):
        NamedPictures(tmp_path)
    for folder in (tmp_path / "none", tmp_path / "cat.0.jpg", 3):
        with pytest.raises(ValueError, match="it must be a folder that is there"):
            NamedPictures(folder)
