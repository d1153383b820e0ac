"""The module tree: what it finds in models of every kind, and that nothing they do hurts it."""

import pytest
import torch
import torch.nn.functional as F
import traitlets as t
from torch import nn

from helpers.widgets import ModuleTree
from helpers.widgets.module_tree import CALLS, MOST_ROWS


def cnn(flatten: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(3, 16, 3, padding=1), nn.Tanh(), nn.MaxPool2d(2), nn.Conv2d(16, 8, 3, padding=1), nn.Tanh()]
    layers += [nn.MaxPool2d(2), *([nn.Flatten()] if flatten else []), nn.Linear(512, 32), nn.Tanh(), nn.Linear(32, 2)]
    return nn.Sequential(*layers)


class Of(nn.Module):
    """A module with given parts whose forward is a given function of itself and the input."""

    def __init__(self, forward, **parts):
        super().__init__()
        self.run = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *args, **kwargs):
        return self.run(self, *args, **kwargs)


def states(tree: ModuleTree) -> dict[str, str]:
    return {row["path"]: row["state"] for row in tree.rows}


def test_shapes_parameters_and_buffers_are_torchs() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5), nn.Sequential(nn.ReLU(), nn.Conv2d(5, 2, 3, stride=2)))
    tree = ModuleTree(model, (4, 3, 11, 14))
    seen = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda m, i, o, name=name: seen.update({name: (tuple(i[0].shape), tuple(o.shape))})
        )
    model.eval()(torch.zeros(4, 3, 11, 14))
    assert [row["path"] for row in tree.rows] == [name for name, _ in model.named_modules()]
    for row in tree.rows:
        module = model.get_submodule(row["path"])
        assert (row["inputs"], row["output"]) == tuple(map(str, seen[row["path"]]))
        assert row["parameters"] == sum(p.numel() for p in module.parameters())
        assert row["buffers"] == sum(b.numel() for b in module.buffers())
        assert row["state"] == "ran"
    assert tree.problem == ""
    assert tree.row("1").own == [
        *(["parameter", name, "(5,)"] for name in ("weight", "bias")),
        *(["buffer", name, "(5,)"] for name in ("running_mean", "running_var")),
        ["buffer", "num_batches_tracked", "() int64"],
    ]
    assert tree.totals == {"parameters": 242, "trainable": 242, "buffers": 11}


@pytest.mark.parametrize(("batch", "rows"), [(1, 64), (64, 4096)])
def test_the_layer_that_breaks_is_marked_with_torchs_message(batch: int, rows: int) -> None:
    tree = ModuleTree(cnn(flatten=False), (batch, 3, 32, 32))
    with pytest.raises(RuntimeError) as caught:
        cnn(flatten=False)(torch.zeros(batch, 3, 32, 32))
    broken = tree.row("6")
    assert broken.state == "broke"
    assert broken.note == f"RuntimeError: {caught.value}"
    assert f"mat1 and mat2 shapes cannot be multiplied ({rows}x8 and 512x32)" in broken.note
    assert (broken.inputs, broken.output) == (f"({batch}, 8, 8, 8)", "")
    assert [tree.row(path).state for path in ("", "5", "7")] == ["inside", "ran", "not reached"]
    assert "The last module that ran, 5 (MaxPool2d), gave" in tree.problem
    assert tree.selected == "6"
    assert ModuleTree(cnn(), (batch, 3, 32, 32)).problem == ""


def test_a_break_deep_inside_is_found_and_open() -> None:
    deep = nn.Sequential(*(nn.Sequential(*(nn.Linear(3, 3) for _ in range(5))) for _ in range(12)))
    deep[7][2] = nn.Linear(4, 3)
    tree = ModuleTree(deep, (2, 3))
    assert [path for path, state in states(tree).items() if state == "broke"] == ["7.2"]
    assert states(tree)["7"] == states(tree)[""] == "inside"
    assert tree.expanded == ["", "7"], "a large tree opens on the way to the break alone"


def test_an_error_of_the_forward_itself_is_marked_there() -> None:
    tree = ModuleTree(Of(lambda self, x: self.a(x) @ x, a=nn.Linear(3, 4)), (2, 3))
    assert states(tree) == {"": "broke", "a": "ran"}
    assert "The last module that ran, a (Linear), gave (2, 4)." in tree.problem
    tree = ModuleTree(nn.Sequential(nn.Linear(3, 4), nn.Module()), (2, 3))
    assert states(tree)["1"] == "broke"
    assert "NotImplementedError" in tree.problem


class NoText(Exception):
    def __str__(self):
        raise RuntimeError


def raising(error):
    def forward(self, x):
        raise error

    return forward


@pytest.mark.parametrize("error", [SystemExit(3), NoText(), ValueError(), ValueError("a" * 1000), GeneratorExit()])
def test_whatever_a_forward_raises_is_told(error: BaseException) -> None:
    tree = ModuleTree(nn.Sequential(nn.Linear(3, 3), Of(raising(error)), nn.ReLU()), (2, 3))
    assert states(tree) == {"": "inside", "0": "ran", "1": "broke", "2": "not reached"}
    assert type(error).__name__ in tree.row("1").note
    assert len(tree.row("1").note) < 330
    assert tree.still()[1]


def test_a_keyboard_interrupt_is_no_break_and_leaves_no_hook() -> None:
    model = Of(raising(KeyboardInterrupt()), a=nn.Linear(2, 2))
    with pytest.raises(KeyboardInterrupt):
        ModuleTree(model, (2, 2))
    assert not [hook for m in model.modules() for hook in (*m._forward_hooks, *m._forward_pre_hooks)]


def test_a_caught_error_is_no_break() -> None:
    def forward(self, x):
        try:
            self.a(x)
        except RuntimeError:
            return self.b(x)

    model = Of(forward, a=nn.Sequential(nn.Linear(4, 3)), b=nn.Linear(3, 2))
    tree = ModuleTree(model, (2, 3))
    assert tree.problem == ""
    assert (tree.row("").output, tree.row("b").output) == ("(2, 2)", "(2, 2)")
    assert "caught" in tree.row("a.0").note

    def then_breaks(self, x):
        return forward(self, x) @ x.T

    model.run = then_breaks
    tree.run()
    assert states(tree)[""] == "broke", "the caught error is not the one that stopped it"
    assert [states(tree)[path] for path in ("a", "a.0", "b")] == ["ran"] * 3


def test_a_module_called_twice_has_both_calls() -> None:
    tree = ModuleTree(Of(lambda self, x: self.a(self.a(x)[:1]), a=nn.Linear(3, 3)), (2, 3))
    assert tree.row("a").calls == [["(2, 3)", "(2, 3)"], ["(1, 3)", "(1, 3)"]]
    assert tree.row("a").count == 2
    tree = ModuleTree(Of(lambda self, x: [self.a(x) for _ in range(CALLS + 7)], a=nn.Linear(3, 3)), (2, 3))
    assert (len(tree.row("a").calls), tree.row("a").count) == (CALLS, CALLS + 7)


def test_a_shared_module_stands_twice_and_counts_once() -> None:
    one = nn.Sequential(nn.Linear(3, 3))
    model = nn.Sequential(one, nn.ReLU(), one)
    tree = ModuleTree(model, (2, 3))
    assert [row["path"] for row in tree.rows] == ["", "0", "0.0", "1", "2"]
    assert (tree.row("0").same, tree.row("2").same) == ("", "0")
    assert tree.totals["parameters"] == tree.row("").parameters == 12
    tied = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    tied[1].weight = tied[0].weight
    assert ModuleTree(tied, (2, 3)).totals["parameters"] == 15


def test_a_module_that_holds_itself_comes_to_an_end() -> None:
    model = nn.Sequential(nn.Linear(3, 3))
    model._modules["me"] = model
    model.forward = model[0].forward
    assert [row["path"] for row in ModuleTree(model, (2, 3)).rows] == ["", "0", "me"]


def test_outputs_of_any_kind() -> None:
    outs = {
        "((2, 3), (2, 3) int64)": lambda self, x: (x, x.long()),
        "{logits: (2, 3), n: 3}": lambda self, x: {"logits": x, "n": 3},
        "[(2, 3), ((2, 3), None)]": lambda self, x: [x, (x, None)],
        "None": lambda self, x: None,
        "set": lambda self, x: {1},
        "str": lambda self, x: "text",
        "(0, 1, 2, 3, …)": lambda self, x: tuple(range(9)),
        "dict": lambda self, x: Broken(),
    }
    for told, forward in outs.items():
        tree = ModuleTree(nn.Sequential(Of(forward)), (2, 3))
        assert tree.row("0").output == (told if told != "dict" else "Broken")
        assert tree.problem == ""
    lstm = ModuleTree(nn.LSTM(3, 4, batch_first=True), (2, 5, 3))
    assert lstm.row("").output == "((2, 5, 4), ((1, 2, 4), (1, 2, 4)))"


class Broken(dict):
    def __iter__(self):
        raise RuntimeError


def test_a_module_that_is_not_called_says_so() -> None:
    tree = ModuleTree(
        Of(lambda self, x: F.linear(x, self.a.weight), a=nn.Linear(3, 2), b=nn.ModuleList([nn.ReLU()])), (2, 3)
    )
    assert states(tree) == {"": "ran", "a": "not called", "b": "not called", "b.0": "not called"}
    assert tree.row("a").parameters == 8
    assert (tree.row("b").parameters, tree.row("b").buffers) == (0, 0)


def test_inputs_of_any_kind() -> None:
    embedding = nn.Embedding(9, 4)
    assert ModuleTree(embedding, torch.tensor([[1, 2, 3]])).row("").output == "(1, 3, 4)"
    pair = Of(lambda self, a, b, *, scale: a + scale * b)
    assert ModuleTree(pair, {"a": torch.ones(2, 3), "b": torch.ones(3), "scale": 2}).row("").inputs == (
        "a=(2, 3), b=(3,), scale=2"
    )
    assert "missing" in ModuleTree(pair, (torch.ones(2, 3), torch.ones(3))).problem
    assert ModuleTree(nn.Linear(3, 2).double(), (5, 3)).row("").output == "(5, 2) float64"
    assert ModuleTree(Of(lambda self: torch.ones(1)), ()).row("").inputs == "nothing"


def test_a_lazy_model_is_shown_before_and_after() -> None:
    tree = ModuleTree(nn.Sequential(nn.ReLU(), nn.LazyLinear(3)), (2, 4))
    assert tree.row("1").parameters == 15
    broken = ModuleTree(nn.Sequential(nn.Linear(9, 3), nn.LazyLinear(3), nn.LazyBatchNorm1d()), (2, 4))
    assert broken.row("1").parameters is None
    assert broken.row("1").own[0] == ["parameter", "weight", "not known yet"]
    assert broken.totals["parameters"] is None
    assert broken.still()[1]


def test_another_input_size_runs_the_model_again() -> None:
    tree = ModuleTree(cnn(), (64, 3, 32, 32))
    tree.set_state({"input_size": [2, 3, 40, 32]})
    assert (tree.row("6").output, tree.row("7").state) == ("(2, 640)", "broke")
    tree.input_size = (3, 3, 32, 32)
    assert (tree.problem, tree.row("").output) == ("", "(3, 2)")


def test_run_shows_a_changed_model() -> None:
    model = cnn()
    tree = ModuleTree(model, (2, 3, 32, 32))
    tree.selected = "9"
    del model[9]
    tree.run()
    assert (len(tree.rows), tree.selected) == (10, "")


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((nn.Linear, (2, 3)), "model is <class 'torch.nn.modules.linear.Linear'>; it must be a torch module"),
        (("net", (2, 3)), "model is 'net'"),
        ((nn.Linear(3, 2), None), "inputs is None"),
        ((nn.Linear(3, 2), (2, 0)), r"input_size is \[2, 0\]; it must be 1 to 8 whole numbers from 1"),
        ((nn.Linear(3, 2), (2, -3)), "whole numbers from 1"),
        ((nn.Linear(3, 2), [1] * 9), "1 to 8 whole numbers"),
        ((nn.Linear(3, 2), (10**6, 10**6)), "at most 67,108,864 numbers"),
    ],
)
def test_what_does_not_fit_is_refused(args: tuple, told: str) -> None:
    with pytest.raises(t.TraitError, match=told):
        ModuleTree(*args)


def test_a_module_without_super_init_and_one_too_large_are_refused() -> None:
    class NoSuper(nn.Module):
        def __init__(self):
            pass

    with pytest.raises(t.TraitError, match=r"NoSuper without its super\(\).__init__\(\)"):
        ModuleTree(NoSuper(), (2, 3))
    with pytest.raises(t.TraitError, match="more than 3000 modules"):
        ModuleTree(nn.Sequential(*(nn.Identity() for _ in range(MOST_ROWS))), (2, 3))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("selected", "nowhere"), ("selected", 3), ("selected", None), ("expanded", ["nowhere"]), ("expanded", "0"),
        ("expanded", ["0"]), ("expanded", [3]), ("expanded", None), ("input_size", []), ("input_size", "2, 3"),
        ("input_size", [2.5, 3]), ("input_size", [True, 3]), ("rows", []), ("problem", "none"), ("totals", {}),
    ],
)  # fmt: skip
def test_a_bad_value_changes_nothing(name: str, value: object) -> None:
    tree = ModuleTree(cnn(), (2, 3, 32, 32))
    before = getattr(tree, name)
    with pytest.raises(t.TraitError):
        setattr(tree, name, value)
    assert getattr(tree, name) == before


def test_inputs_of_ones_own_cannot_be_replaced_by_a_size() -> None:
    tree = ModuleTree(nn.Linear(3, 2), torch.ones(2, 3))
    with pytest.raises(t.TraitError, match="made with inputs of yours"):
        tree.input_size = (2, 3)
    with pytest.raises(KeyError, match="no module 'x'"):
        tree.row("x")


def test_the_still_says_what_is_open() -> None:
    tree = ModuleTree(cnn(flatten=False), (1, 3, 32, 32))
    png, alt = tree.still()
    assert png.startswith(b"\x89PNG")
    assert alt.startswith("The tree of Sequential, 10 modules, 18,090 parameters. It stops in 6 (Linear)")
    assert len(png) < 100_000
