"""The small training loop: the same numbers again, nothing lost when it ends early, one sentence for bad input."""

import functools
import random
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helpers import train


def blobs(n: int = 90) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(n) % 3
    images = torch.randn(n, 4, generator=generator) + 3 * F.one_hot(labels, 4)
    return images, labels


def linear(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3))


def weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([value.detach().flatten().cpu() for value in model.parameters()])


def test_fit_learns_and_tells(device: str) -> None:
    images, labels = blobs()
    model, calls = linear(), []
    before = train.accuracy(model, images, labels)
    history = train.fit(
        model,
        (images, labels),
        epochs=8,
        lr=0.1,
        device=device,
        validation=blobs(30),
        on_epoch=lambda epoch, so_far: calls.append((epoch, len(so_far.loss))),
    )
    assert train.accuracy(model, images, labels) > max(before, 0.9)
    assert calls == [(epoch, epoch) for epoch in range(1, 9)]
    assert history.loss[-1] < history.loss[0]
    assert len(history.accuracy) == len(history.validation) == 8
    assert history.stopped == ""


def test_fit_is_the_loop_written_out() -> None:
    images, labels = blobs()
    helped, by_hand = linear(), linear()
    train.fit(helped, (images, labels), epochs=2, lr=0.05, batch_size=32, device="cpu", seed=5)
    train.seed_everything(5)
    optimizer = torch.optim.SGD(by_hand.parameters(), lr=0.05)
    for _ in range(2):
        for batch in torch.randperm(len(images)).split(32):
            loss = F.cross_entropy(by_hand(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    torch.testing.assert_close(weights(helped), weights(by_hand), rtol=0, atol=0)


def test_what_does_not_fit_is_found_before_the_first_step() -> None:
    """The label that no logit stands for is the last one: nothing is trained before it is told."""
    images, labels = blobs()
    labels = labels.clone()
    labels[-1] = 3
    for settings in ({"data": (images, labels)}, {"data": blobs(), "validation": (images, labels)}):
        model = linear().train()
        model[0].weight.grad = torch.ones(3, 4)
        before = weights(model)
        with pytest.raises(ValueError, match=r"labels must lie in 0 to 2, .* got 0 to 3"):
            train.fit(model, settings.pop("data"), epochs=1, batch_size=8, device="cpu", **settings)
        assert torch.equal(weights(model), before)
        assert torch.equal(model[0].weight.grad, torch.ones(3, 4))
        assert model.training


def test_one_step_gives_the_loss_before_it_and_the_logits() -> None:
    images, labels = blobs()
    model = linear()
    expected = model(images).detach()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    loss, logits = train.train_step(model, optimizer, images, labels)
    assert torch.equal(logits.detach(), expected)
    assert loss.item() == F.cross_entropy(expected, labels).item()
    assert F.cross_entropy(model(images), labels) < loss


def test_same_seed_same_weights_other_seed_others() -> None:
    def trained(seed: int) -> torch.Tensor:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3))
        adam = functools.partial(torch.optim.Adam, betas=(0.8, 0.99))
        train.fit(model, blobs(), epochs=2, optimizer=adam, device="cpu", seed=seed)
        return weights(model)

    assert torch.equal(trained(3), trained(3))
    assert not torch.equal(trained(3), trained(4))


def test_history_counts_every_image_once() -> None:
    images, labels = blobs(10)
    model = nn.Sequential(nn.Linear(4, 3))
    nn.init.zeros_(model[0].weight)
    model[0].bias.data = torch.tensor([1.0, 0.0, 0.0])
    history = train.fit(model, (images, labels), epochs=1, lr=1e-30, batch_size=7, device="cpu")
    assert history.accuracy == [0.4]  # ten labels, four of them 0; batches of 7 and 3
    assert history.loss[0] == pytest.approx(F.cross_entropy(model(images), labels).item(), rel=1e-5)


class Poisoned(nn.Module):
    """Gives nan from its fifth training step on."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.calls, self.seen = nn.Linear(4, 3), 0, []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += self.training
        if self.training:
            self.seen.append(weights(self))
        return self.linear(x) * (float("nan") if self.calls >= 5 else 1)


def test_a_run_that_diverges_keeps_the_last_good_weights(capsys: pytest.CaptureFixture) -> None:
    model = Poisoned()
    history = train.fit(model, blobs(), epochs=5, batch_size=30, device="cpu")
    assert "step 2 of epoch 2" in history.stopped
    assert "last good weights" in capsys.readouterr().out
    assert len(history.loss) == 1
    assert torch.equal(weights(model), model.seen[3])  # those of the fourth step, whose loss was finite
    assert not torch.equal(model.seen[3], model.seen[4])


def test_a_learning_rate_that_breaks_the_weights(capsys: pytest.CaptureFixture) -> None:
    model = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 3))
    history = train.fit(model, blobs(), epochs=3, lr=1e38, batch_size=90, device="cpu")
    assert history.stopped
    assert weights(model).isfinite().all()
    assert "1e+38" in capsys.readouterr().out


def test_an_interrupt_keeps_what_was_learned(capsys: pytest.CaptureFixture) -> None:
    def stop(epoch: int, history: train.History) -> None:
        if epoch == 2:
            raise KeyboardInterrupt

    model, twice = linear(), linear()
    history = train.fit(model, blobs(), epochs=9, device="cpu", on_epoch=stop)
    train.fit(twice, blobs(), epochs=2, device="cpu")
    assert "after 2 of 9 epochs" in history.stopped
    assert len(history.loss) == 2
    assert torch.equal(weights(model), weights(twice))
    assert history.stopped in capsys.readouterr().out


def test_nothing_is_drawn_when_nobody_watches(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    monkeypatch.delenv("COLAB_RELEASE_TAG", raising=False)
    train.fit(linear(), blobs(), epochs=2, device="cpu")
    assert capsys.readouterr() == ("", "")
    monkeypatch.setenv("JPY_SESSION_NAME", "03.ipynb")
    assert train._watched()


def test_accuracy_leaves_every_mode_as_it_was() -> None:
    images, labels = blobs()
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.9))
    model.train()
    model[1].eval()
    first = train.accuracy(model, images, labels)
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert {train.accuracy(model, images, labels, batch_size=size) for size in (1, 7, 90)} == {first}
    assert model[1].num_batches_tracked == 0
    assert (model[1](images[:, :3])).requires_grad  # and nothing switched the gradients off for good


def test_accuracy_is_no_mean_of_batch_means() -> None:
    images = F.one_hot(torch.tensor([0, 0, 0, 0, 1]), 3).float()
    assert train.accuracy(nn.Flatten(), images, torch.zeros(5, dtype=torch.int64), batch_size=4) == 0.8


def test_accuracy_restores_the_modes_when_the_model_fails() -> None:
    model = nn.Sequential(nn.Linear(5, 3))
    with pytest.raises(RuntimeError):
        train.accuracy(model, *blobs())
    assert model.training


def test_seed_everything() -> None:
    def draw() -> tuple:
        return random.random(), np.random.rand(), torch.rand(1).item()

    train.seed_everything(np.int64(4))
    first = draw()
    train.seed_everything(4)
    assert draw() == first
    train.seed_everything(5)
    assert all(a != b for a, b in zip(draw(), first, strict=True))


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, "0", None])
def test_a_wrong_seed(seed: object) -> None:
    with pytest.raises(ValueError, match=r"seed must be (a whole number|at least 0|at most 4294967295), got"):
        train.seed_everything(seed)


def test_pick_device(monkeypatch: pytest.MonkeyPatch) -> None:
    assert train.pick_device("cpu") == torch.device("cpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert train.pick_device().type == "cuda"
    assert train.pick_device("cuda:1") == torch.device("cuda:1")
    with pytest.raises(ValueError, match="'cuda:2' is not here, torch finds 2 CUDA GPUs"):
        train.pick_device("cuda:2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert train.pick_device("auto") == torch.device("cpu")
    with pytest.raises(ValueError, match="'cuda' is not here, torch finds 0 CUDA GPUs: use 'auto' or 'cpu'"):
        train.pick_device("cuda")
    with pytest.raises(ValueError, match="Apple GPU"):
        train.pick_device("mps")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:", "cuda:x", "cpu:0", "auto:1", None, 0])
def test_a_wrong_device(name: object) -> None:
    with pytest.raises(ValueError, match="device must be 'auto'"):
        train.pick_device(name)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lr": float("nan")}, "lr must be a finite number above 0, got nan"),
        ({"lr": -0.1}, "got -0.1"),
        ({"lr": 0}, "got 0"),
        ({"lr": "fast"}, "got 'fast'"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"batch_size": 2.0}, "got 2.0"),
        ({"epochs": -1}, "epochs must be at least 0, got -1"),
        ({"epochs": True}, "got True"),
        ({"data": (torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64))}, "at least one, got 0 and 0"),
        ({"data": (torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64))}, "got 3 and 2"),
        ({"data": (torch.zeros(2, 4), torch.zeros(2))}, "int64 labels"),
        ({"data": (torch.zeros(2, 4), torch.zeros(2, 3, dtype=torch.int64))}, r"torch.int64 \(2, 3\)"),
        ({"data": (torch.zeros(2, 4, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))}, "torch.uint8"),
        ({"data": torch.zeros(2, 4)}, "data must be two tensors"),
        ({"data": (torch.zeros(2, 4), torch.tensor([0, 3]))}, "labels must lie in 0 to 2, .* got 0 to 3"),
        ({"data": (torch.zeros(2, 4), torch.tensor([-1, 1]))}, "got -1 to 1"),
        ({"validation": (torch.zeros(3, 4), torch.zeros(2, dtype=torch.int64))}, "validation must hold"),
        (
            {"model": nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2)))},
            r"must give logits \(2, classes\), got a Tensor of shape \(2, 2, 2\)",
        ),
        ({"model": nn.LSTM(4, 3)}, r"must give logits \(2, classes\), got \(tensor\("),
        ({"model": "x"}, "model must be a torch module, .* got 'x'"),
        ({"model": nn.Linear}, "model must be a torch module, .* got <class"),
        ({"model": nn.Flatten()}, "must have parameters to train, Flatten.* has none"),
        ({"model": nn.Linear(4, 3).requires_grad_(False)}, "must have parameters to train, Linear.* has none"),
        ({"optimizer": None}, "optimizer must be a class like torch.optim.SGD, got None"),
        ({"on_epoch": 5}, "on_epoch must be a function .* got 5"),
        ({"batch_size": 10**30}, "batch_size must be at most 1000000000, got 1000"),
        ({"batch_size": int}, "batch_size must be a whole number, got <class 'int'>"),
        ({"epochs": np.array([1, 2])}, r"epochs must be a whole number, got a ndarray of shape \(2,\)"),
        ({"lr": 10**400}, "lr must be a finite number above 0, got 1000"),
        ({"lr": torch.zeros(2, 3)}, r"lr must be .* got a Tensor of shape \(2, 3\)"),
        ({"device": torch.zeros(2, 3)}, r"device must be .* got a Tensor of shape \(2, 3\)"),
        (
            {"data": (torch.full((2, 4), float("nan")), torch.tensor([0, 1]))},
            "data must be finite, but the images",
        ),
        (
            {"validation": (torch.tensor([[1.0, float("inf")]]), torch.tensor([0]))},
            "validation must be finite, but",
        ),
    ],
)
def test_bad_input_gets_one_sentence(change: dict, message: str) -> None:
    given = {"model": linear(), "data": (torch.zeros(2, 4), torch.tensor([0, 1])), "epochs": 1, "device": "cpu"}
    settings = {**given, **change}
    with pytest.raises(ValueError, match=message) as error:
        train.fit(settings.pop("model"), settings.pop("data"), **settings)
    assert "\n" not in str(error.value)


def test_what_is_found_wrong_is_found_before_anything_changes() -> None:
    model = linear()
    before = weights(model)
    with pytest.raises(ValueError, match="on_epoch"):
        train.fit(model, blobs(), epochs=1, device="cpu", on_epoch=5)
    assert torch.equal(weights(model), before)


def test_numbers_of_numpy_are_numbers() -> None:
    ours, numpys = linear(), linear()
    train.fit(ours, blobs(), epochs=2, batch_size=20, lr=0.5, device="cpu")
    settings = {"epochs": np.int64(2), "batch_size": np.int64(20), "lr": np.float32(0.5)}
    train.fit(numpys, blobs(), **settings, device="cpu")
    assert torch.equal(weights(ours), weights(numpys))
    assert train.accuracy(ours, *blobs(), batch_size=np.int64(2)) == train.accuracy(ours, *blobs())
    assert train.seconds(lambda: None, repeat=np.int64(2)) >= 0


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: train.accuracy("x", *blobs()), "model must be a torch module, .* got 'x'"),
        (lambda: train.accuracy(linear(), *blobs(), batch_size=torch.ones(2)), "batch_size must be a whole number"),
        (lambda: train.accuracy(linear(), blobs()[0] / 0, blobs()[1]), "the images hold nan or an infinite number"),
        (lambda: train.seconds(lambda: None, repeat=[1, 2]), "repeat must be a whole number"),
        (lambda: train.seconds(torch.zeros(2, 3)), "function must be callable .* got a Tensor of shape"),
        (lambda: train.seed_everything(np.zeros(2)), r"seed must be a whole number, got a ndarray of shape \(2,\)"),
        (lambda: train.seed_everything(int), "seed must be a whole number, got <class 'int'>"),
    ],
)
def test_bad_input_beside_fit_gets_one_sentence(call: Callable[[], object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence) as error:
        call()
    assert "\n" not in str(error.value)


def test_seconds() -> None:
    calls = []
    assert train.seconds(lambda: calls.append(1), repeat=3) >= 0
    assert len(calls) == 4
    with pytest.raises(ValueError, match="repeat must be at least 1, got 0"):
        train.seconds(lambda: None, repeat=0)
    with pytest.raises(ValueError, match="function must be callable"):
        train.seconds(3)


class Full(nn.Module):
    """A linear layer on a device whose memory is full from the given call on."""

    def __init__(self, calls: int, error: RuntimeError) -> None:
        super().__init__()
        self.linear, self.calls, self.error = nn.Linear(4, 3), calls, error

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls -= 1
        if self.calls < 0:
            raise self.error
        return self.linear(x)


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory."), RuntimeError("DefaultCPUAllocator: can't allocate memory")]
)
def test_a_full_memory_is_told_and_what_was_learned_is_kept(error: RuntimeError, capsys: pytest.CaptureFixture) -> None:
    model = Full(4, error)  # one look before the run, then three steps
    before = weights(model)
    history = train.fit(model, blobs(), epochs=5, batch_size=45, device="cpu")
    assert "memory of cpu is full after 1 of 5 epochs" in history.stopped
    assert "smaller batch_size than 45" in capsys.readouterr().out
    assert len(history.loss) == 1
    assert not torch.equal(weights(model), before)
    with pytest.raises(MemoryError, match="do not fit into the memory of cpu: use fewer images"):
        train.fit(Full(0, error), blobs(), epochs=1, device="cpu")


def test_other_errors_of_a_model_pass_through() -> None:
    with pytest.raises(RuntimeError, match="odd"):
        train.fit(Full(1, RuntimeError("odd")), blobs(), epochs=1, device="cpu")


def test_a_model_that_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    def no_compiler(model: nn.Module) -> None:
        raise RuntimeError("No working C++ compiler found\nand more lines")

    monkeypatch.setattr(torch, "compile", no_compiler)
    assert train.compiled(linear(), blobs()[0]) is None
    assert "does not work here: RuntimeError: No working C++ compiler found\n" in capsys.readouterr().out
    monkeypatch.setattr(torch, "compile", lambda model: nn.Sequential(model))
    model = linear()
    made = train.compiled(model, blobs()[0])
    assert torch.equal(made(blobs()[0]), model(blobs()[0]))
    assert model[0].weight.grad is None


def test_with_bar_loops_over_what_it_is_given() -> None:
    assert list(train.with_bar(range(1, 4))) == [1, 2, 3]
