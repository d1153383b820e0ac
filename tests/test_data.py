"""The built-in pictures and the real ones: right form, the same everywhere, learnable by shape and not by colour."""

import hashlib
import importlib.util
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helpers import data, download, train

SIZES = {
    ("birds-airplanes", "train"): (2000, 3, 32, 32),
    ("birds-airplanes", "test"): (500, 3, 32, 32),
    ("slashes", "train"): (576, 1, 28, 28),
    ("slashes", "test"): (576, 1, 28, 28),
    ("digits", "train"): (1437, 1, 28, 28),
    ("digits", "test"): (360, 1, 28, 28),
}


def rows(images: Tensor) -> list[bytes]:
    return [image.numpy().tobytes() for image in images]


def digest(images: Tensor, labels: Tensor) -> str:
    pixels = (images * 255).round().to(torch.uint8).numpy()
    return hashlib.sha256(pixels.tobytes() + labels.numpy().astype("<i8").tobytes()).hexdigest()[:16]


@pytest.mark.parametrize(("name", "split"), list(SIZES))
def test_built_in_form(name: str, split: str) -> None:
    images, labels = data.load(name, split)
    assert tuple(images.shape) == SIZES[name, split]
    assert images.dtype == torch.float32
    assert images.is_contiguous()
    assert images.min() >= 0
    assert images.max() == 1
    assert tuple(labels.shape) == (len(images),)
    assert labels.dtype == torch.int64
    counts = labels.bincount(minlength=len(data.class_names(name)))
    assert len(counts) == len(data.class_names(name))
    assert counts.min() >= 0.08 * len(labels)
    assert len(set(rows(images))) == len(images)  # no picture twice
    assert not torch.equal(labels, labels.sort().values)


@pytest.mark.parametrize("name", ["birds-airplanes", "slashes", "digits"])
def test_no_image_is_in_both_splits(name: str) -> None:
    assert not set(rows(data.load(name)[0])) & set(rows(data.load(name, "test")[0]))


# These are the bytes on every machine: a change here changes what every notebook shows.
DIGESTS = {
    "birds-airplanes": ("be4837050ef136ee", "f5b560c4bce18a55"),
    "slashes": ("73a440f4c26d8e20", "0c16454cab9ac4d4"),
    "digits": ("35a0bbe43cf77216", "abc32abef6f1ddbe"),
}


@pytest.mark.parametrize("name", list(DIGESTS))
def test_the_same_bytes_on_every_machine(name: str) -> None:
    assert (digest(*data.load(name)), digest(*data.load(name, "test"))) == DIGESTS[name]


def test_each_load_is_fresh() -> None:
    images, labels = data.load("slashes")
    images.zero_()
    labels.zero_()
    again, labels_again = data.load("slashes")
    assert again.sum() > 0
    assert labels_again.sum() > 0


def test_chance_is_left_alone() -> None:
    data._built_in.cache_clear()
    torch.manual_seed(3)
    np.random.seed(3)
    first = torch.rand(1), np.random.rand()
    torch.manual_seed(3)
    np.random.seed(3)
    data.load("birds-airplanes", "test")
    assert (torch.rand(1), np.random.rand()) == first


def test_slashes_are_what_they_say() -> None:
    lit = {split: torch.zeros(28, 28, dtype=torch.bool) for split in ("train", "test")}
    for split in lit:
        for image, label in zip(*data.load("slashes", split), strict=True):
            where = image[0].nonzero()
            steps = where.diff(dim=0).tolist()
            assert steps == [[1, -1]] * 4 if data.class_names("slashes")[label] == "/" else steps == [[1, 1]] * 4
            lit[split] |= image[0] > 0
    assert not (lit["train"] & lit["test"]).any()
    assert (lit["train"] | lit["test"]).all()


def test_digits_are_scikit_learns() -> None:
    from sklearn.datasets import load_digits

    images, labels = (torch.cat(parts) for parts in zip(data.load("digits"), data.load("digits", "test"), strict=True))
    theirs = load_digits()
    assert labels.tolist() == theirs.target.tolist()
    assert (images[:, :, :4] == 0).all()
    assert (images[:, :, :, -4:] == 0).all()
    small = torch.tensor(theirs.images / 16, dtype=torch.float32)[:, None]
    large = F.interpolate(small, size=(20, 20), mode="bilinear", align_corners=False)
    torch.testing.assert_close(images[:, :, 4:24, 4:24], large, atol=0.5 / 255 + 1e-6, rtol=0)


def test_colour_does_not_tell_birds_from_airplanes() -> None:
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    (x, y), (x_test, y_test) = data.load("birds-airplanes"), data.load("birds-airplanes", "test")

    def mean(images: Tensor) -> Tensor:
        return images.mean((2, 3))

    def mean_and_spread(images: Tensor) -> Tensor:
        return torch.cat([mean(images), images.std((2, 3))], 1)

    for look in (mean, mean_and_spread):
        by_colour = make_pipeline(StandardScaler(), LogisticRegression()).fit(look(x), y)
        assert by_colour.score(look(x_test), y_test) < 0.65


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Nets this small train slower on many threads, and far slower where tests run side by side."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("one_thread")
def test_a_small_cnn_tells_birds_from_airplanes() -> None:
    x, y = data.load("birds-airplanes")
    torch.manual_seed(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Conv2d(16, 8, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2)),
    )
    train.fit(model, (2 * x - 1, y), epochs=5, lr=0.003, optimizer=torch.optim.Adam, device="cpu")
    x_test, y_test = data.load("birds-airplanes", "test")
    assert train.accuracy(model, 2 * x_test - 1, y_test) > 0.9


@pytest.mark.usefixtures("one_thread")
def test_slashes_need_a_convolution() -> None:
    (x, y), (x_test, y_test) = data.load("slashes"), data.load("slashes", "test")
    torch.manual_seed(0)
    connected = nn.Sequential(nn.Flatten(), nn.Linear(784, 76), nn.ReLU(), nn.Linear(76, 2))
    convolution = nn.Sequential(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 12, 3), nn.ReLU()),
        *(nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(12, 2)),
    )
    adam = torch.optim.Adam
    train.fit(connected, (x, y), epochs=15, lr=0.003, optimizer=adam, batch_size=32, device="cpu")
    left = x[..., 14:].sum((1, 2, 3)) == 0
    right = x_test[..., :14].sum((1, 2, 3)) == 0
    train.fit(convolution, (x[left], y[left]), epochs=12, lr=0.01, optimizer=adam, batch_size=32, device="cpu")
    assert train.accuracy(connected, x, y) == 1
    assert 0.35 < train.accuracy(connected, x_test, y_test) < 0.65
    assert train.accuracy(convolution, x_test, y_test) > 0.98
    assert train.accuracy(convolution, x_test[right], y_test[right]) > 0.98


def test_photograph() -> None:
    whole = data.photograph()
    assert tuple(whole.shape) == (3, 600, 512)
    assert whole.dtype == torch.float32
    assert 0 <= whole.min() < 0.05
    assert 0.95 < whole.max() <= 1
    assert tuple(data.photograph(128).shape) == (3, 128, 128)
    assert tuple(data.photograph((40, 70), grey=True).shape) == (1, 40, 70)
    assert tuple(data.photograph([40], grey=True).shape) == (1, 40, 40)
    upper = F.adaptive_avg_pool2d(whole[:, :512], 64)  # the largest square, in blocks of 8×8
    torch.testing.assert_close(data.photograph(64), upper, atol=2 / 255, rtol=0)
    red, green, blue = whole
    torch.testing.assert_close(
        data.photograph(grey=True)[0], 0.299 * red + 0.587 * green + 0.114 * blue, atol=1.5 / 255, rtol=0
    )


@pytest.mark.parametrize("size", [0, -1, 2.0, True, "64", (64, 0), (1, 2, 3), 5000, []])
def test_a_wrong_photograph_size(size: object) -> None:
    with pytest.raises(
        ValueError, match=r"size(\[1\])? must be (a whole number|one whole number or 2|at least 1|at most 4096), got "
    ) as caught:
        data.photograph(size)
    assert "\n" not in str(caught.value)


def test_a_photograph_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="grey must be True or False, got 1"):
        data.photograph(grey=1)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(data.DataError, match=r"grace_hopper.jpg cannot be read: install matplotlib again"):
        data.photograph()


def test_digits_that_are_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    data._built_in.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(data.DataError, match=r"digits.csv.gz cannot be read: install scikit-learn again"):
        data.load("digits")


def test_patterns() -> None:
    made = data.patterns()
    for picture in made.values():
        assert tuple(picture.shape) == (1, 16, 16)
        assert picture.dtype == torch.float32
        assert (picture.min(), picture.max()) == (0, 1)
    assert len({picture.numpy().tobytes() for picture in made.values()}) == len(made) == 11
    assert made["dot"].sum() == 1
    assert (made["vertical edge"][0].diff(dim=1) != 0).nonzero()[:, 1].unique().tolist() == [7]
    assert made["ring"][0, 8, 8] == 0
    made["dot"].zero_()
    assert data.patterns()["dot"].sum() == 1


def test_loading_needs_no_heavy_library() -> None:
    code = (
        "import sys; from helpers import data; data.load('birds-airplanes', 'test'); data.photograph(8); "
        "data.patterns(); print(*({'torchvision', 'matplotlib', 'sklearn', 'pandas'} & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (run.returncode, run.stdout.strip()) == (0, ""), run.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cats"}, r"name must be one of 'birds-airplanes', .* got 'cats'"),
        ({"name": ""}, "got ''"),
        ({"name": ["digits"]}, r"got \['digits'\]"),
        ({"split": "validation"}, "split must be one of 'train', 'test', got 'validation'"),
        ({"split": True}, "got True"),
        ({"source": "web"}, r"source must be one of 'built-in', 'real' \(in a notebook: data = .*\), got 'web'"),
        ({"name": "cifar10"}, r"name, for source='built-in', must be one of .* got 'cifar10'"),
        ({"name": "slashes", "source": "real"}, r"name, for source='real', must be one of .* got 'slashes'"),
        ({"source": "real", "root": ""}, "root must be the path of a folder"),
        ({"source": "real", "root": 7}, "got 7"),
    ],
)
def test_bad_arguments(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        data.load(**{"name": "digits", **arguments})
    assert "\n" not in str(caught.value)


def test_class_names() -> None:
    assert data.class_names("birds-airplanes") == ("airplane", "bird")
    assert data.class_names("cifar10")[2] == "bird"
    with pytest.raises(ValueError, match="got 'mnist'"):
        data.class_names("mnist")


# --- real data: small stand-ins in the published form, whose sums replace the published ones


def write_stand_ins(root: Path) -> dict[str, bytes]:
    """Write files in torchvision's two forms: five and one CIFAR-10 batches of 20 images, MNIST of 7 and 3."""
    random = np.random.RandomState(0)
    files = {}
    for name in [f"data_batch_{n}" for n in range(1, 6)] + ["test_batch"]:
        batch = {"data": random.randint(0, 256, (20, 3072)).astype(np.uint8), "labels": (np.arange(20) % 10).tolist()}
        files[f"cifar-10-batches-py/{name}"] = pickle.dumps(batch, 2)
    files["cifar-10-batches-py/batches.meta"] = pickle.dumps({"label_names": list(data.class_names("cifar10"))}, 2)
    for part, count in (("train", 7), ("t10k", 3)):
        header = b"\0\0\x08\x03" + b"".join(n.to_bytes(4, "big") for n in (count, 28, 28))
        files[f"MNIST/raw/{part}-images-idx3-ubyte"] = header + random.bytes(count * 784)
        files[f"MNIST/raw/{part}-labels-idx1-ubyte"] = b"\0\0\x08\x01" + count.to_bytes(4, "big") + bytes(range(count))
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(content)
    return files


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, dict[str, bytes]]:
    from torchvision.datasets import CIFAR10

    root = tmp_path / "real data"
    files = write_stand_ins(root)
    sums = {path: hashlib.md5(content, usedforsecurity=False).hexdigest() for path, content in files.items()}
    for name, table in list(download.PUBLISHED.items()):
        archives = tuple(
            archive._replace(
                files=tuple(download.File(f.path, len(files[f.path]), sums[f.path]) for f in archive.files)
            )
            for archive in table.archives
        )
        monkeypatch.setitem(download.PUBLISHED, name, table._replace(archives=archives))
    folder = CIFAR10.base_folder
    for part in ("train_list", "test_list"):
        theirs = [[name, sums[f"{folder}/{name}"]] for name, _ in getattr(CIFAR10, part)]
        monkeypatch.setattr(CIFAR10, part, theirs)
    monkeypatch.setattr(CIFAR10, "meta", CIFAR10.meta | {"md5": sums[f"{folder}/batches.meta"]})
    return root, files


def test_real_form(stand_ins: tuple[Path, dict[str, bytes]]) -> None:
    root, files = stand_ins
    images, labels = data.load("cifar10", source="real", root=root)
    assert tuple(images.shape) == (100, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.tolist() == list(range(10)) * 10
    first = pickle.loads(files["cifar-10-batches-py/data_batch_1"])["data"].reshape(-1, 3, 32, 32)
    assert torch.equal((images[:20] * 255).round().to(torch.uint8), torch.from_numpy(first))

    two, two_labels = data.load("birds-airplanes", "test", source="real", root=str(root))
    everything, kinds = data.load("cifar10", "test", source="real", root=root)
    assert two_labels.tolist() == [0, 1, 0, 1]
    assert two_labels.dtype == torch.int64
    assert torch.equal(two, everything[(kinds == 0) | (kinds == 2)])

    images, labels = data.load("digits", source="real", root=root)
    assert tuple(images.shape) == (7, 1, 28, 28)
    assert labels.tolist() == list(range(7))
    assert images[0, 0, 0, 5].item() == pytest.approx(files["MNIST/raw/train-images-idx3-ubyte"][16 + 5] / 255)
    assert len(data.load("digits", "test", source="real", root=root)[0]) == 3


def test_default_root_is_the_projects_folder_data(
    stand_ins: tuple[Path, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    root, _ = stand_ins
    project = tmp_path / "project"
    (project / "notebooks").mkdir(parents=True)
    root.rename(project / "data")
    monkeypatch.chdir(project)
    assert data.problem("mnist") is None
    monkeypatch.chdir(project / "notebooks")
    assert "does not exist" in data.problem("mnist")
    (project / "pyproject.toml").write_text("")
    assert data.problem("mnist") is None


def test_damaged_files_are_named(stand_ins: tuple[Path, dict[str, bytes]]) -> None:
    root, _ = stand_ins
    victim = root / "cifar-10-batches-py" / "data_batch_3"
    content = victim.read_bytes()

    def said(what: str) -> None:
        with pytest.raises(data.DataError, match=what) as caught:
            data.load("birds-airplanes", source="real", root=root)
        assert "data_batch_3" in str(caught.value)
        assert f"run `python -m helpers.data fetch cifar10 --root '{root}'`" in str(caught.value)
        assert str(caught.value).endswith("""or use source='built-in' (in a notebook: data = "built-in").""")
        assert "\n" not in str(caught.value)

    victim.write_bytes(content[:1000])
    said(f"has 1,000 bytes where {len(content):,} are expected")
    victim.write_bytes(content[:-1] + b"x")
    said(r"bytes but other content \(MD5 [0-9a-f]{32}, not [0-9a-f]{32}\)")
    victim.unlink()
    said("is missing")
    victim.mkdir()
    said("is not a file")
    assert data.problem("mnist", root) is None


def test_a_folder_without_the_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for root, said in (
        (tmp_path / "none", "The folder .*none does not exist"),
        (tmp_path, "The folder .* holds no mnist data"),
        (file, "file is not a folder"),
    ):
        with pytest.raises(data.DataError, match=said + ": run `python -m helpers.data fetch mnist --root "):
            data.load("digits", source="real", root=root)
        assert data.problem("cifar10", root) is not None

    def refused(path: Path) -> str:
        raise PermissionError(13, "Permission denied", str(path))

    write_stand_ins(tmp_path)
    monkeypatch.setattr(Path, "stat", lambda path, **_: refused(path))
    assert "cannot be read (Permission denied)" in download._fault(tmp_path, download.File("MNIST/raw/x", 1, ""))


@pytest.mark.skipif("WORKBOOK_DATA" not in os.environ, reason="WORKBOOK_DATA names no folder with the real data")
def test_the_real_files() -> None:
    root = os.environ["WORKBOOK_DATA"]
    assert data.problem("cifar10", root) is None
    assert data.problem("mnist", root) is None
    for name, split, size in (
        ("birds-airplanes", "train", (10_000, 3, 32, 32)),
        ("birds-airplanes", "test", (2_000, 3, 32, 32)),
        ("cifar10", "test", (10_000, 3, 32, 32)),
        ("digits", "train", (60_000, 1, 28, 28)),
        ("digits", "test", (10_000, 1, 28, 28)),
    ):
        images, labels = data.load(name, split, source="real", root=root)
        assert tuple(images.shape) == size
        assert (images.min(), images.max()) == (0, 1)
        assert labels.unique().tolist() == list(range(len(data.class_names(name))))
    assert "already complete" in data.fetch("cifar10", root)
