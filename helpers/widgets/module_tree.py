"""The module tree: any nn.Module as a tree, with the shapes that pass through it and the layer that breaks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import torch
import traitlets as t
from torch import Tensor, nn

from ..shapes import is_whole, short
from .base import Widget
from .models import kept, like, told, watchable

MOST_ROWS = 3000
MOST_NUMBERS = 2**26  # of an input that is made here: 256 MiB
OPEN = 40  # rows: a tree of at most so many starts wholly open
CALLS = 50  # shapes that are kept of a module that is called many times

# What became of a module in the forward pass; the browser puts it in words.
RAN, BROKE, INSIDE, NOT_REACHED, NOT_CALLED = "ran", "broke", "inside", "not reached", "not called"


@dataclass
class Row:
    """One module of the tree.

    Attributes:
        path: its name from the root, "body.0"; "" for the root.
        name: its own name, "0"; the class's for the root.
        kind: its class.
        settings: what its repr says in brackets.
        depth: 0 for the root.
        parent: the path of the module it belongs to; None for the root.
        children: how many modules belong to it.
        inputs, output: the shapes of its first call, "(64, 3, 32, 32)"; "" where there is none.
        calls: [inputs, output] of each call, at most 50.
        count: how many calls there were.
        parameters, buffers: how many numbers they hold, with all modules below it, each counted once; None where a lazy
            module does not know yet.
        own: [kind, name, shape] of the parameters and buffers that are its own.
        state: "ran", "broke", "inside" (the error came from a module below it), "not reached" or "not called".
        same: the path under which the same module stands before; "" for the first place.
        note: torch's message where it broke, or what else there is to know.
    """

    path: str
    name: str
    kind: str
    settings: str
    depth: int
    parent: str | None
    children: int = 0
    inputs: str = ""
    output: str = ""
    calls: list[list[str]] = field(default_factory=list)
    count: int = 0
    parameters: int | None = 0
    buffers: int | None = 0
    own: list[list[str]] = field(default_factory=list)
    state: str = NOT_CALLED
    same: str = ""
    note: str = ""


class ModuleTree(Widget):
    """Run a model once and show it as a tree: for each module its shapes in and out, parameters and buffers.

    A forward pass that stops is no error here: the module that stopped is marked, with the message beside it.
    The model runs in eval mode and without gradients; its mode and its buffers are then as they were.

    Args:
        model: any module.
        inputs: the shape of one float input, batch axis first, such as (64, 3, 32, 32), filled with random numbers; or
            what `forward` takes: a tensor, a tuple of positional arguments or a dict of arguments by name.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.

    `rows` holds what is shown, `problem` why the forward pass stopped. `input_size` can be set where a shape was given:
    the model then runs again. `run()` runs it again after you have changed it.
    """

    input_size = t.TraitType([]).tag(sync=True)
    selected = t.TraitType("").tag(sync=True)
    expanded = t.TraitType([]).tag(sync=True)
    rows = t.List(read_only=True).tag(sync=True)
    problem = t.Unicode(read_only=True).tag(sync=True)
    totals = t.Dict(read_only=True).tag(sync=True)
    _most = t.Int(MOST_NUMBERS).tag(sync=True)

    def __init__(self, model: nn.Module, inputs: Sequence[int] | Tensor | tuple | dict) -> None:
        self._model = watchable(model)
        if inputs is None:
            raise t.TraitError("inputs is None; give a shape such as (64, 3, 32, 32), or what forward takes.")
        self._inputs = None if _is_shape(inputs) else inputs
        super().__init__(input_size=list(inputs) if _is_shape(inputs) else [])
        self.run()
        self.expanded = self._first_open()
        self.selected = next((row["path"] for row in self.rows if row["state"] == BROKE), "")

    def run(self) -> None:
        """Run the model once more, and show what is there now."""
        rows, problem = _look(self._model, self._inputs, self.input_size)
        self.set_trait("problem", problem)
        self.set_trait("totals", _totals(self._model, rows))
        self.set_trait("rows", [asdict(row) for row in rows])
        self.expanded = [path for path in self.expanded if path in self._parents()]
        if self.selected not in [row.path for row in rows]:
            self.selected = ""

    def row(self, path: str) -> Row:
        """Return the row of a module by its path, "" for the root.

        Raises:
            KeyError: there is no such module.
        """
        for row in self.rows:
            if row["path"] == path:
                return Row(**row)
        known = ", ".join(row["path"] or "''" for row in self.rows)
        raise KeyError(f"no module {short(path)}; there are {known[:200]}")

    @t.validate("input_size")
    def _check_input_size(self, proposal: t.Bunch) -> list[int]:
        value = list(proposal.value) if isinstance(proposal.value, list | tuple) else proposal.value
        if self._inputs is not None:
            if value != []:
                raise t.TraitError("input_size cannot be set: this tree was made with inputs of yours.")
            return []
        if not _is_shape(value) or not 1 <= len(value) <= 8 or not all(n >= 1 for n in value):
            raise t.TraitError(
                f"input_size is {short(value)}; it must be 1 to 8 whole numbers from 1, such as (64, 3, 32, 32)."
            )
        if torch.Size(value).numel() > MOST_NUMBERS:
            raise t.TraitError(f"input_size is {short(value)}; it may hold at most {MOST_NUMBERS:,} numbers.")
        return [int(n) for n in value]

    @t.observe("input_size")
    def _run_again(self, _: t.Bunch) -> None:
        if self.rows:
            self.run()

    @t.validate("selected")
    def _check_selected(self, proposal: t.Bunch) -> str:
        if proposal.value not in [row["path"] for row in self.rows] and (self.rows or proposal.value != ""):
            raise t.TraitError(f"selected is {short(proposal.value)}; it must be the path of a module, or ''.")
        return proposal.value

    @t.validate("expanded")
    def _check_expanded(self, proposal: t.Bunch) -> list[str]:
        value, parents = proposal.value, self._parents()
        if not isinstance(value, list | tuple | set) or not all(isinstance(path, str) for path in value):
            raise t.TraitError(f"expanded is {short(value)}; it must be a list of paths of modules.")
        if unknown := [path for path in value if path not in parents]:
            raise t.TraitError(f"expanded holds {short(unknown[0])}; that is no module with others inside.")
        return [path for path in parents if path in value]

    def _parents(self) -> list[str]:
        return [row["path"] for row in self.rows if row["children"]]

    def _first_open(self) -> list[str]:
        """Everything of a small tree, the top of a large one, and the way to the module that broke."""
        if len(self.rows) <= OPEN:
            return self._parents()
        way = {row["path"] for row in self.rows if row["depth"] == 0 or row["state"] == INSIDE}
        return [path for path in self._parents() if path in way]

    def still(self) -> tuple[bytes, str]:
        """Return the open rows as text, and what became of the run."""
        from .. import plots

        shown = [row for row in self.rows if self._is_shown(row)]
        lines = [_line(row) for row in shown[:30]]
        if len(shown) > 30:
            lines.append(f"and {len(shown) - 30} more")
        title = f"{self.rows[0]['name']}: {_numbered(self.totals['parameters'])} parameters"
        card = plots.card(title, [*lines, *([self.problem] if self.problem else [])], width=110)
        alt = (
            f"The tree of {self.rows[0]['name']}, {len(self.rows)} modules, "
            f"{_numbered(self.totals['parameters'])} parameters. {self.problem or 'The forward pass ran to its end.'}"
        )
        return plots.to_png(card.figure), alt

    def _is_shown(self, row: dict) -> bool:
        parents = {one["path"]: one["parent"] for one in self.rows}
        path = row["parent"]
        while path is not None:
            if path not in self.expanded:
                return False
            path = parents[path]
        return True


def _is_shape(value: object) -> bool:
    """Whether a value is a row of whole numbers: the shape of an input, not the input itself."""
    whole = isinstance(value, list | tuple) and len(value) > 0
    return whole and all(map(is_whole, value))


def _numbered(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"


def _line(row: dict) -> str:
    mark = {BROKE: "✗ ", NOT_CALLED: "(not called) ", NOT_REACHED: "(not reached) "}.get(row["state"], "")
    way = f": {row['inputs']} → {row['output'] or '?'}" if row["inputs"] else ""
    counted = f", {_numbered(row['parameters'])} parameters" if row["parameters"] != 0 else ""
    note = f". {row['note']}" if row["note"] and row["state"] == BROKE else ""
    kind = f" {row['kind']}" if row["depth"] else ""
    return f"{'· ' * row['depth']}{mark}{row['name']}{kind}{way}{counted}{note}"


# --- The tree --------------------------------------------------------------------------------------------------------


def _look(model: nn.Module, inputs: object, size: Sequence[int]) -> tuple[list[Row], str]:
    """Return a row for each place of a module in the model, after one forward pass, and why that stopped."""
    places = _places(model)
    run = _Run([place[2] for place in places], _arguments(model, inputs, size))
    rows, first = [], {}
    for path, name, module, parent, depth in places:
        kind = type(module).__name__
        same = first.setdefault(id(module), path)
        row = Row(path, name or kind, kind, _settings(module), depth, parent)
        if same != path:
            row.same = same or kind
        else:
            row.children = sum(place[3] == path for place in places)
        calls = run.calls.get(id(module), [])
        row.calls = [[call.inputs, call.output] for call in calls]
        row.count = run.counts.get(id(module), 0)
        row.state, row.note = run.verdict(module)
        shown = run.broken if row.state == BROKE else calls[0] if calls else None
        if shown:
            row.inputs, row.output = shown.inputs, shown.output
        row.parameters, row.buffers = _count(module.parameters()), _count(module.buffers())
        row.own = _own(module)
        rows.append(row)
    return rows, run.problem(first)


def _places(model: nn.Module) -> list[tuple[str, str, nn.Module, str | None, int]]:
    """Return (path, name, module, parent's path, depth) of each place, parents first.

    What lies inside a module is listed once, at its first place: that also ends a module that holds itself.
    """
    found, seen = [], set()
    waiting = [("", "", model, None, 0)]
    while waiting:
        place = waiting.pop()
        path, _, module, _, depth = place
        found.append(place)
        if len(found) > MOST_ROWS:
            raise t.TraitError(f"model has more than {MOST_ROWS} modules; give a part of it.")
        if id(module) in seen:
            continue
        seen.add(id(module))
        inside = [
            (f"{path}.{name}" if path else name, name, child, path, depth + 1)
            for name, child in module._modules.items()
            if child is not None
        ]
        waiting += reversed(inside)
    return found


def _settings(module: nn.Module) -> str:
    try:
        text = " ".join(str(module.extra_repr()).split())
    except Exception:  # a learner's own
        return ""
    return text if len(text) <= 120 else f"{text[:119]}…"


def _count(tensors: Iterator[Tensor]) -> int | None:
    try:
        return sum(tensor.numel() for tensor in tensors)
    except (ValueError, RuntimeError):  # a lazy module before its first call
        return None


def _own(module: nn.Module) -> list[list[str]]:
    own = [("parameter", *one) for one in module._parameters.items()]
    own += [("buffer", *one) for one in module._buffers.items()]
    return [[kind, name, "None" if value is None else _shape(value)] for kind, name, value in own]


def _totals(model: nn.Module, rows: list[Row]) -> dict:
    learned = _count(value for value in model.parameters() if value.requires_grad)
    return {"parameters": rows[0].parameters, "trainable": learned, "buffers": rows[0].buffers}


def _shape(value: object) -> str:
    """Return what a value is, in a few characters: a tensor's shape, and the shapes inside a tuple, list or dict."""
    try:
        return _shapes(value, 2)
    except Exception:  # a lazy parameter has no shape yet, and a learner's class may do anything
        return "not known yet" if isinstance(value, Tensor) else type(value).__name__[:40]


def _shapes(value: object, depth: int) -> str:
    if isinstance(value, Tensor):
        shape = str(tuple(value.shape))
        kind = str(value.dtype).removeprefix("torch.")
        return shape if kind == "float32" else f"{shape} {kind}"
    if value is None or isinstance(value, bool | int | float):
        return str(value)[:20]
    if depth and isinstance(value, tuple | list | Mapping):
        named = isinstance(value, Mapping)
        parts = [
            f"{str(one)[:20]}: {_shapes(value[one], depth - 1)}" if named else _shapes(one, depth - 1)
            for one in list(value)[:4]
        ]
        inside = ", ".join([*parts, *(["…"] if len(value) > 4 else [])])
        opening, closing = ("{", "}") if named else ("[", "]") if isinstance(value, list) else ("(", ")")
        return f"{opening}{inside}{closing}"
    return type(value).__name__[:40]


# --- The forward pass ------------------------------------------------------------------------------------------------


def _arguments(model: nn.Module, inputs: object, size: Sequence[int]) -> tuple[tuple, dict]:
    if inputs is None:
        return (like(model, torch.randn(size, generator=torch.Generator().manual_seed(0))),), {}
    if isinstance(inputs, dict):
        return (), inputs
    return (inputs if isinstance(inputs, tuple) else (inputs,)), {}


@dataclass
class _Call:
    module: nn.Module
    inputs: str
    output: str = ""
    error: BaseException | None = None


class _Run:
    """One forward pass, watched: the calls of each module, and where it stopped."""

    def __init__(self, modules: list[nn.Module], arguments: tuple[tuple, dict]) -> None:
        self.calls: dict[int, list[_Call]] = {}  # by the module's id, the first CALLS of each
        self.counts: dict[int, int] = {}
        self.error: BaseException | None = None
        self.broken: _Call | None = None  # the call that the error came from
        self._open: list[_Call] = []
        self._left: list[tuple[BaseException, _Call]] = []  # each error with the innermost call that it ended
        self._last: _Call | None = None  # the last call that ended well
        args, kwargs = arguments
        with self._watched(modules), kept(modules[0]), torch.no_grad():
            try:
                modules[0](*args, **kwargs)
            except KeyboardInterrupt:
                raise
            except BaseException as error:  # whatever a forward raises, SystemExit too
                self.error = error
                innermost = next((call for known, call in self._left if known is error), None)
                self.broken = innermost or (self._open[-1] if self._open else _Call(modules[0], ""))

    @contextlib.contextmanager
    def _watched(self, modules: list[nn.Module]) -> Iterator[None]:
        handles = []
        try:
            for module in {id(module): module for module in modules}.values():
                handles.append(module.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(module.register_forward_hook(self._leave))
                handles.append(module.register_forward_hook(self._fail, always_call=True))
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _enter(self, module: nn.Module, args: tuple, kwargs: dict) -> None:
        given = [_shape(value) for value in args] + [f"{name}={_shape(value)}" for name, value in kwargs.items()]
        call = _Call(module, ", ".join(given) or "nothing")
        self._open.append(call)
        self.counts[id(module)] = self.counts.get(id(module), 0) + 1
        calls = self.calls.setdefault(id(module), [])
        if len(calls) < CALLS:
            calls.append(call)

    def _leave(self, module: nn.Module, args: tuple, output: object) -> None:
        call = self._close(module)
        if call:
            call.output = _shape(output)
            self._last = call

    def _fail(self, module: nn.Module, args: tuple, output: object) -> None:
        """Runs at each call's end, after `_leave`; what is still open then has raised."""
        error = sys.exc_info()[1]
        if error is None or all(call.module is not module for call in self._open):
            return
        call = self._close(module)
        call.error = error
        if all(known is not error for known, _ in self._left):
            self._left.append((error, call))

    def _close(self, module: nn.Module) -> _Call | None:
        while self._open:
            call = self._open.pop()
            if call.module is module:
                return call
        return None

    def verdict(self, module: nn.Module) -> tuple[str, str]:
        """Return what became of a module, and what to say about it."""
        calls = self.calls.get(id(module), [])
        if self.broken and module is self.broken.module:
            return BROKE, told(self.error)
        if not calls:
            return (NOT_REACHED if self.error else NOT_CALLED), ""
        caught = any(call.error is not None and call.error is not self.error for call in calls)
        if self.error and not calls[-1].output and not caught:
            return INSIDE, ""
        return RAN, "It raised an error, which the module around it caught." if caught else ""

    def problem(self, paths: dict[int, str]) -> str:
        """Return why the forward pass stopped, in a few sentences; "" when it did not."""
        if not self.broken:
            return ""
        said = f"It stops in {_named(self.broken.module, paths)} with {told(self.error)}."
        if self.broken.inputs:
            said += f" What came in: {self.broken.inputs}."
        if self._last:
            said += f" The last module that ran, {_named(self._last.module, paths)}, gave {self._last.output}."
        return said


def _named(module: nn.Module, paths: dict[int, str]) -> str:
    kind, path = type(module).__name__, paths.get(id(module), "")
    return f"{path} ({kind})" if path else f"{kind} itself"
