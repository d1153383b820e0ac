"""Checkpoints: the same weights after an interruption, bit for bit, and one sentence for each file that is no good."""

import functools
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from helpers import checkpoint, train
from helpers.checkpoint import CheckpointError

ADAM = functools.partial(torch.optim.Adam, betas=(0.8, 0.99))
MOMENTUM = functools.partial(torch.optim.SGD, momentum=0.9)


def data() -> tuple[torch.Tensor, torch.Tensor]:
    labels = torch.arange(90) % 3
    return torch.randn(90, 4, generator=torch.Generator().manual_seed(1)) + 2 * torch.eye(4)[labels], labels


def net(width: int = 8) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, width), nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 3))


def same(a: nn.Module, b: nn.Module) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a.state_dict().values(), b.state_dict().values(), strict=True))


@pytest.mark.parametrize("optimizer", [MOMENTUM, ADAM])
def test_an_interrupted_run_ends_at_the_same_weights(tmp_path: Path, optimizer: functools.partial) -> None:
    file, settings = tmp_path / "run.pt", {"optimizer": optimizer, "device": "cpu", "seed": 3, "validation": data()}

    def interrupt(epoch: int, history: train.History) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    whole, broken, later = net(), net(), net()
    expected = train.fit(whole, data(), epochs=5, **settings)
    train.fit(broken, data(), epochs=5, checkpoint=file, on_epoch=interrupt, **settings)
    assert not same(whole, broken)
    torch.rand(7)  # what happens between the runs does not matter
    history = train.fit(later, data(), epochs=5, checkpoint=file, **settings)
    assert same(whole, later)
    assert history == expected
    assert os.listdir(tmp_path) == ["run.pt"]


def test_a_run_that_is_done_takes_no_step(tmp_path: Path) -> None:
    first, second = net(), net()
    train.fit(first, data(), epochs=2, device="cpu", checkpoint=tmp_path / "run.pt")
    train.fit(second, data(), epochs=2, device="cpu", checkpoint=tmp_path / "run.pt")
    assert same(first, second)


def test_the_weights_alone(tmp_path: Path) -> None:
    model, other = net(), nn.Sequential(*net())
    nn.init.zeros_(other[0].weight)
    checkpoint.save(tmp_path / "best.pt", model, epoch=4, accuracy=0.5)
    state = torch.get_rng_state()
    assert checkpoint.load(tmp_path / "best.pt", other) == {"epoch": 4, "accuracy": 0.5}
    assert same(model, other)
    assert torch.equal(state, torch.get_rng_state())
    with pytest.raises(CheckpointError, match="saved without one"):
        checkpoint.load(tmp_path / "best.pt", other, torch.optim.SGD(other.parameters()))


def test_a_write_that_fails_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "run.pt"
    checkpoint.save(file, net(), epoch=1)
    old = file.read_bytes()

    def full(content: object, stream: object) -> None:
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        checkpoint.save(file, net(), epoch=2)
    assert file.read_bytes() == old
    assert os.listdir(tmp_path) == ["run.pt"]


class Code:
    def __reduce__(self) -> tuple:
        return (os.mkdir, ("it-ran",))


def truncated(path: Path) -> None:
    checkpoint.save(path, net(), torch.optim.SGD(net().parameters()))
    path.write_bytes(path.read_bytes()[:1000])


BAD_FILES = {
    "truncated": (truncated, "damaged, cut off or no checkpoint"),
    "empty": (lambda path: path.write_bytes(b""), "damaged, cut off or no checkpoint"),
    "text": (lambda path: path.write_text("hello world"), "damaged, cut off or no checkpoint"),
    "code": (lambda path: torch.save({"model": Code()}, path), "could run code, so it is refused"),
    "old code": (lambda path: path.write_bytes(pickle.dumps(Code())), "could run code, so it is refused"),
    "whole model": (lambda path: torch.save(net(), path), "could run code, so it is refused"),
    "only weights": (lambda path: torch.save(net().state_dict(), path), "not written by helpers.checkpoint"),
    "other width": (
        lambda path: checkpoint.save(path, net(9)),
        r"its 0.weight is \(9, 4\), and this model's is \(8, 4\)",
    ),
    "fewer layers": (lambda path: checkpoint.save(path, net()[:2]), "another model: it has no 3.weight"),
    "more layers": (lambda path: checkpoint.save(path, net().append(nn.Linear(3, 2))), "it has 4.weight, and this"),
    "a folder": (lambda path: path.mkdir(), "cannot be read"),
}


@pytest.mark.parametrize("kind", BAD_FILES)
def test_a_bad_file_is_told_kept_and_changes_nothing(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file, model = tmp_path / "run.pt", net()
    make, sentence = BAD_FILES[kind]
    make(file)
    before = file.read_bytes() if file.is_file() else b""
    with pytest.raises(CheckpointError, match=sentence) as error:
        checkpoint.load(file, model)
    assert "\n" not in str(error.value)
    with pytest.raises(CheckpointError):
        train.fit(model, data(), epochs=1, device="cpu", checkpoint=file)
    assert same(model, net())
    assert not (tmp_path / "it-ran").exists()
    assert (file.read_bytes() if file.is_file() else b"") == before


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="cannot be read: No such file"):
        checkpoint.load(tmp_path / "none.pt", net())
    with pytest.raises(CheckpointError, match="cannot be written: No such file"):
        checkpoint.save(tmp_path / "no" / "folder.pt", net())
    with pytest.raises(CheckpointError, match="must be the name of a file, got 3"):
        checkpoint.load(3, net())


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        (3, "must be the name of a file, got 3"),
        ("", "must be the name of a file, got ''"),
        ("a\0b", r"must be the name of a file, got 'a\\x00b'"),
        (".", "must be the name of a file, got '.'"),
        pytest.param(300 * "x", "The checkpoint 'x+…'? cannot be used: File name too long. Name another", id="long"),
        (Path("no") / "run.pt", "The folder no is not there: make it first"),
    ],
)
def test_a_checkpoint_that_cannot_be_written_is_told_before_anything_happens(
    path: object, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "pick_device", lambda device: pytest.fail("the run went on"))
    with pytest.raises(CheckpointError, match=sentence):
        train.fit(net(), data(), epochs=1, checkpoint=path)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"lr": 0.5}, "a run with lr 0.01, and this one has 0.5"),
        ({"seed": 1}, "a run with seed 0, and this one has 1"),
        ({"batch_size": 9}, "a run with batch_size 64, and this one has 9"),
        ({"optimizer": torch.optim.Adam}, "it is of SGD, and this one is Adam"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, change: dict, sentence: str) -> None:
    train.fit(net(), data(), epochs=1, device="cpu", checkpoint=tmp_path / "run.pt")
    model = net()
    with pytest.raises(CheckpointError, match=sentence):
        train.fit(model, data(), epochs=2, device="cpu", checkpoint=tmp_path / "run.pt", **change)
    assert same(model, net())
