"""The axes explorer without a browser: its answers against torch's, what is refused, the still."""

import itertools
import math
import re
from collections.abc import Iterator

import pytest
import torch
from torch import nn
from traitlets import TraitError

from helpers.widgets import AxesExplorer
from helpers.widgets.axes_explorer import GROUPS, NORMS, STEPS

KINDS = [(norm, num_groups) for norm in NORMS for num_groups in (GROUPS if norm == "group" else (2,))]
STATES = [(*kind, *rest) for kind in KINDS for rest in itertools.product((True, False), (False, True), range(1, 7))]


def through_all_states(explorer: AxesExplorer) -> Iterator[tuple]:
    """Set each state in turn, and give it: (norm, num_groups, train, pooled, batch_size)."""
    for norm, num_groups, train, pooled, batch_size in STATES:
        explorer.norm, explorer.num_groups, explorer.train = norm, num_groups, train
        explorer.pooled, explorer.batch_size = pooled, batch_size
        yield norm, num_groups, train, pooled, batch_size


def test_the_block_is_uneven_round_and_grows_by_samples() -> None:
    explorer = AxesExplorer(batch_size=6)
    x = explorer.x
    assert (x.shape, x.dtype) == ((6, 4, 3, 5), torch.float32)
    assert torch.equal(2 * x, (2 * x).round())
    assert x.abs().max() <= 5
    assert len({tuple(one.tolist()) for one in x.flatten(2).flatten(0, 1)}) == 24
    assert (x.flatten(2).var(-1) > 0).all()
    for size in range(1, 7):
        explorer.batch_size = size
        assert torch.equal(explorer.x, x[:size])
    explorer.pooled = True
    assert torch.equal(explorer.x, x.mean((2, 3), keepdim=True))
    explorer.x.zero_()
    assert explorer.x.any(), "it is a copy"


def test_the_module_is_torchs_and_in_the_mode() -> None:
    modules = (nn.BatchNorm2d(4), nn.LayerNorm([4, 3, 5]), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4))
    for norm, module in zip(NORMS, modules, strict=True):
        for train in (True, False):
            found = AxesExplorer(norm, train=train).module
            assert (repr(found), found.training) == (repr(module), train)
    assert AxesExplorer("layer", pooled=True).module.normalized_shape == (4, 1, 1)


def refusal(module: nn.Module, x: torch.Tensor) -> str:
    """What torch says when it refuses x; "" when it does not."""
    try:
        module(x)
    except ValueError as error:
        return str(error)
    return ""


def test_output_and_statistics_agree_with_torch_in_every_state() -> None:
    refused = 0
    explorer = AxesExplorer()
    for state in through_all_states(explorer):
        x, statistics = explorer.x, explorer.statistics
        mean, var, count = statistics
        norm, num_groups, train, _, size = state
        rows = 1 if norm == "batch" else size
        mean, var = mean.view(rows, -1, 1, 1), var.view(rows, -1, 1, 1)
        if norm == "group":
            mean, var = (one.repeat_interleave(4 // num_groups, 1) for one in (mean, var))
        cells = x[0, 0].numel()
        counts = {"batch": size * cells, "layer": 4 * cells, "instance": cells, "group": 4 // num_groups * cells}
        stored = norm == "batch" and not train
        assert count == (0 if stored else counts[norm]), state
        assert int(explorer.shared.sum()) == count, state
        sentence = refusal(explorer.module, x)
        if sentence:
            refused += 1
            with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
                _ = explorer.output
            assert explorer.reading.endswith(f"torch refuses: {sentence}")
            continue
        expected = explorer.module(x)
        assert torch.equal(explorer.output, expected), state
        # A group of one pooled value has variance 0: torch's rounding is then multiplied by 1 / √eps.
        near = 1e-4 if count == 1 else 1e-5
        assert (expected - (x - mean) / (var + 1e-5).sqrt()).abs().max() < near, state
        assert "torch refuses" not in explorer.reading
    assert refused == 1 + 12 + 2


def test_the_shared_cells_are_those_that_change_the_chosen_one() -> None:
    """Nudge each cell in turn: those that share the mean move the chosen cell's result, and no other does."""
    for norm, train in itertools.product(NORMS, (True, False)):
        explorer = AxesExplorer(norm, 3, train=train, cell=(1, 2, 0, 3))
        x = explorer.x.double().requires_grad_()
        (slope,) = torch.autograd.grad(explorer.module.double()(x)[explorer.place], x)
        moved = slope.abs() > 1e-9
        moved[explorer.place] = explorer.shared[explorer.place]
        assert torch.equal(moved, explorer.shared), (norm, train)


def test_running_statistics_are_those_of_the_stated_steps() -> None:
    explorer = AxesExplorer(train=False)
    norm = explorer.module
    mean, var, count = explorer.statistics
    assert torch.equal(mean, norm.running_mean)
    assert torch.equal(var, norm.running_var)
    assert (STEPS, count) == (10, 0)
    batch = AxesExplorer().statistics
    assert (mean - batch.mean).abs().min() > 0.005
    assert (explorer.output - AxesExplorer().output).abs().max() > 0.3
    norm.running_mean += 1
    assert torch.equal(AxesExplorer(train=False).module.running_mean, mean), "a module is a new one each time"
    explorer.module.train()(explorer.x)
    assert torch.equal(explorer.statistics.mean, mean)
    for size in range(1, 7):
        explorer.batch_size = size
        assert torch.allclose(explorer.output[0], AxesExplorer(batch_size=6, train=False).output[0])


def test_the_batch_size_matters_to_batch_norm_alone() -> None:
    for norm in NORMS:
        first = [AxesExplorer(norm, size).output[0] for size in range(1, 7)]
        differences = [(one - first[0]).abs().max().item() for one in first[1:]]
        assert (min(differences) > 0.05) if norm == "batch" else (max(differences) < 1e-6), norm
    one = AxesExplorer("batch", 1).output
    assert torch.allclose(one, AxesExplorer("instance", 1).output, atol=1e-6)
    two = AxesExplorer("batch", 2, pooled=True).output
    assert (two.abs() - 1).abs().max() < 0.05, "a mean of two values"


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("norm", "spectral", "norm is 'spectral'; it must be one of batch, layer, instance, group."),
        ("norm", None, "norm is None; it must be one of"),
        ("batch_size", 0, "batch_size is 0; it must be a whole number from 1 to 6."),
        ("batch_size", 7, "batch_size is 7; it must be a whole number from 1 to 6."),
        ("batch_size", 2.0, "batch_size is 2.0; it must be a whole number from 1 to 6."),
        ("batch_size", True, "batch_size is True; it must be a whole number from 1 to 6."),
        ("num_groups", 3, "num_groups is 3; it must divide the 4 channels: 1, 2 or 4."),
        ("num_groups", math.nan, "num_groups is nan; it must divide the 4 channels: 1, 2 or 4."),
        ("train", 1, "train is 1; it must be True or False."),
        ("pooled", "no", "pooled is 'no'; it must be True or False."),
        ("cell", (0, 0, 3, 0), "cell is (0, 0, 3, 0); it must be (n, c, h, w), whole numbers from 0, below (6, 4, "),
        ("cell", (0, 0, 0), "cell is (0, 0, 0); it must be (n, c, h, w)"),
        ("cell", (-1, 0, 0, 0), "cell is (-1, 0, 0, 0); it must be"),
        ("cell", "0000", "cell is '0000'; it must be"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_and_changes_nothing(name: str, value: object, sentence: str) -> None:
    explorer = AxesExplorer()
    before = getattr(explorer, name)
    with pytest.raises(TraitError) as caught:
        setattr(explorer, name, value)
    assert str(caught.value).startswith(sentence)
    assert getattr(explorer, name) == before
    with pytest.raises(TraitError):
        AxesExplorer(**{name: value})


def test_the_place_is_the_nearest_cell_that_there_is() -> None:
    explorer = AxesExplorer(batch_size=6, cell=(5, 3, 2, 4))
    assert explorer.place == (5, 3, 2, 4)
    explorer.batch_size = 2
    assert explorer.place == (1, 3, 2, 4)
    explorer.pooled = True
    assert explorer.place == (1, 3, 0, 0)
    explorer.batch_size, explorer.pooled = 6, False
    assert explorer.place == (5, 3, 2, 4), "it comes back"


def test_the_browser_may_set_the_state_and_nothing_else() -> None:
    explorer = AxesExplorer()
    data = explorer._data
    explorer.set_state({"norm": "layer", "cell": [1, 2, 0, 4], "_data": {}})
    assert (explorer.norm, explorer.place, explorer._data) == ("layer", (1, 2, 0, 4), data)


def test_the_still_says_what_it_shows() -> None:
    explorer = AxesExplorer()
    for _ in itertools.islice(through_all_states(explorer), 0, None, 35):
        png, alt = explorer.still()
        assert png.startswith(b"\x89PNG")
        assert len(png) < 100_000
        assert explorer.reading in alt
    png, alt = AxesExplorer("batch", 1, pooled=True).still()
    assert alt.endswith(
        "1 cell goes into the mean of cell (0, 1, 0, 0): mean -0.3, variance 0. torch refuses: "
        "Expected more than 1 value per channel when training, got input size torch.Size([1, 4, 1, 1])"
    )
    assert AxesExplorer(train=False).reading.startswith(
        "Batch norm in eval mode, batch size 4. No cell of the batch goes into it: running mean 0.5"
    )
