"""Mutants: each exercise's solution with one thing changed, judged by the exercise's own check.

A mutant that passes is equivalent when it also behaves as the solution does on many more seeds and settings; otherwise
it is a survivor, and SURVIVORS says why its check lets it pass. `python tests/mutants.py --write` writes the table.
"""

import argparse
import ast
import itertools
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from helpers.exercises import EXERCISES, engine, sandbox

TABLE = Path(__file__).parents[1] / "benchmarks" / "MUTANTS.md"
SEEDS = range(1, 11)  # the check itself takes seed 0
MOST = 60  # settings of one exercise, each in float64 too

HEAD = """# Mutants of the solutions

Each solution with one thing changed: an operator, a constant, an index, a dropped statement, two arguments exchanged,
train for eval. `python tests/mutants.py --write` judges each by the exercise's own check. Those that stop with an error
need no check, and those that behave as the solution does on ten other seeds and many other settings are no mistakes.
The rest is to be refused.

| exercise | stop | behave the same | behave differently | refused | share |
|---|---|---|---|---|---|
"""

# (exercise, place) → why its check lets this mutant pass.
SURVIVORS = {
    ("edges.learn_kernel", "line 12, column 23: 0.1 → 0.2"): (
        "a learning rate of 0.2 finds the kernels that the check hides, so it is no mistake there; with the pictures "
        "of another seed it diverges."
    ),
}

OPERATORS = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "/"),
    ast.Mod: ("%", "//"),
    ast.Pow: ("**", "*"),
    ast.MatMult: ("@", "*"),
}
COMPARISONS = {
    ast.Lt: ("<=", ">="),
    ast.LtE: ("<", ">"),
    ast.Gt: (">=", "<="),
    ast.GtE: (">", "<"),
    ast.Eq: ("!=",),
    ast.NotEq: ("==",),
    ast.Is: ("is not",),
    ast.IsNot: ("is",),
    ast.In: ("not in",),
    ast.NotIn: ("in",),
}
PAIRS = (
    "sum mean, max min, amax amin, argmax argmin, any all, var std, exp log, abs neg, floor ceil, train eval, "
    "zeros ones, new_zeros new_ones, zeros_like ones_like, zeros_ ones_, tanh sigmoid, Tanh Sigmoid, relu tanh, "
    "ReLU Tanh, max_pool2d avg_pool2d, MaxPool2d AvgPool2d, outer mul, unfold chunk"
)
RENAMED = {a: b for pair in PAIRS.split(", ") for a, b in (pair.split(), pair.split()[::-1])}


def mutants(source: str) -> dict[str, str]:
    """Return the source of each mutant of a function or a class, by a name that says where and what."""
    tree = ast.parse(source)
    siblings = _siblings(tree)
    found, seen = {}, {ast.unparse(tree)}
    for parent in list(ast.walk(tree)):
        for name, value in ast.iter_fields(parent):
            places = enumerate(value) if isinstance(value, list) else [(None, value)]
            for index, node in places:
                if not isinstance(node, ast.AST):
                    continue
                for after in _changes(node, siblings):
                    _put(parent, name, index, _parsed(after, node))
                    text = ast.unparse(tree)
                    _put(parent, name, index, node)
                    if text not in seen:
                        seen.add(text)
                        place = f"line {node.lineno}, column {node.col_offset + 1}"
                        found[f"{place}: {_short(ast.unparse(node))} → {_short(after)}"] = text
    return found


def _put(parent: ast.AST, name: str, index: int | None, node: ast.AST) -> None:
    if index is None:
        setattr(parent, name, node)
    else:
        getattr(parent, name)[index] = node


def _parsed(text: str, like: ast.AST) -> ast.AST:
    if isinstance(like, ast.stmt):
        return ast.Module(ast.parse(text).body, [])
    return ast.parse(f"_[{text}]", mode="eval").body.slice  # where slices may stand too


def _short(text: str) -> str:
    return text.partition("\n")[0]


def _siblings(tree: ast.AST) -> dict[str, str]:
    """Return for each name the next one of those that get their values together, as `kh` and `kw` do."""
    groups = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Tuple) and isinstance(node.ctx, ast.Store):
            groups.append([part.id for part in node.elts if isinstance(part, ast.Name) and part.id != "_"])
        if isinstance(node, ast.FunctionDef):
            groups.append([part.arg for part in node.args.args if part.arg != "self"])
    return {a: b for group in groups for a, b in zip(group, group[1:] + group[:1], strict=True) if a != b}


def _changes(node: ast.AST, siblings: dict[str, str]) -> Iterator[str]:
    """Return what could stand in a node's place, as text."""
    text = ast.unparse
    match node:
        case ast.BinOp(left, op, right):
            sign, other = OPERATORS[type(op)]
            yield f"({text(left)}) {other} ({text(right)})"
            if sign not in "+*":
                yield f"({text(right)}) {sign} ({text(left)})"
            yield from (text(left), text(right))
        case ast.UnaryOp(ast.USub() | ast.Not(), operand):
            yield text(operand)
        case ast.Compare(left, [op], [right]):
            yield from (f"({text(left)}) {other} ({text(right)})" for other in COMPARISONS[type(op)])
        case ast.BoolOp(op, values):
            yield f" {'or' if isinstance(op, ast.And) else 'and'} ".join(f"({text(value)})" for value in values)
            yield from map(text, values)
        case ast.IfExp(_, body, orelse):
            yield from (text(body), text(orelse))
        case ast.Constant(bool(value)):
            yield str(not value)
        case ast.Constant(int(value) | float(value)):
            others = [value + 1, value - 1, 0, -value] + [value * 2] * isinstance(value, float)
            yield from (f"({other})" if other < 0 else repr(other) for other in others)
        case ast.Constant(str(value)) if value in RENAMED:
            yield repr(RENAMED[value])
        case ast.Name(name, ast.Load()) if name in siblings:
            yield siblings[name]
        case ast.Tuple(parts) | ast.List(parts) if len(parts) > 1:
            for i in range(len(parts) - 1):
                swapped = ", ".join(map(text, _swapped(parts, i)))
                yield swapped if isinstance(node, ast.Tuple) else f"[{swapped}]"
        case ast.Slice(lower, upper, step):
            lower, upper, step = (text(part) if part else "" for part in (lower, upper, step))
            yield from (f":{upper}:{step}", f"{lower}::{step}", f"{lower}:{upper}")
            yield from (f"{lower} + {sign}1:{upper}:{step}" for sign in ("", "-") if lower)
            yield from (f"{lower}:{upper} + {sign}1:{step}" for sign in ("", "-") if upper)
        case ast.Subscript(value, index, ast.Load()):
            yield text(value)
            if isinstance(index, ast.Name):
                yield f"{text(value)}[{text(index)} - 1]"
        case ast.Attribute(value, "T"):
            yield text(value)
        case ast.Call(function, args, keywords):
            yield from _calls(function, args, keywords)
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() if node.generators[0].ifs:
            yield text(node).rpartition(" if ")[0] + text(node)[-1]
        case ast.Expr(ast.Constant(str())):
            return
        case ast.Expr() | ast.Assign():
            yield "pass"
        case ast.AugAssign(target, op, value):
            yield "pass"
            yield f"{text(target)} {OPERATORS[type(op)][1]}= {text(value)}"
            yield f"{text(target)} = {text(value)}"
        case ast.If(test):
            yield from (text(node).replace(f"if {text(test)}:", f"if {always}:", 1) for always in (True, False))
        case ast.For(_, rounds):
            yield text(node).replace(f" in {text(rounds)}:", f" in [*{text(rounds)}][:1]:", 1)
        case ast.With(_, body):
            yield "\n".join(map(text, body))


def _swapped(parts: list, i: int) -> list:
    return [*parts[:i], parts[i + 1], parts[i], *parts[i + 2 :]]


def _calls(function: ast.expr, args: list[ast.expr], keywords: list[ast.keyword]) -> Iterator[str]:
    name, parts = ast.unparse(function), [*map(ast.unparse, args), *map(ast.unparse, keywords)]
    for i in range(len(args) - 1):
        yield f"{name}({', '.join(_swapped(parts, i))})"
    for i in range(len(args), len(parts)):
        yield f"{name}({', '.join([*parts[:i], *parts[i + 1 :]])})"
    owner, _, last = name.rpartition(".")
    if last in RENAMED:
        yield f"{owner}.{RENAMED[last]}({', '.join(parts)})".removeprefix(".")
    if isinstance(function, ast.Attribute):
        yield owner
    if args:
        yield parts[0]


def _others(value: Any) -> list:
    """Return other values of an argument's kind: other numbers, other sizes, another order."""
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1, 2 * value + 1, 0]
    if isinstance(value, float):
        return [2 * value, value / 2, value + 0.25, -value]
    if isinstance(value, (list, tuple)):
        kind = type(value)
        parts = [kind([*value[:i], other, *value[i + 1 :]]) for i, part in enumerate(value) for other in _others(part)]
        return [value[1:], value[:-1], value[::-1], value + value[:1], *parts] if len(value) else []
    if isinstance(value, torch.Tensor) and value.dim() and value.numel():
        sizes = [resized(value, axis) for axis in range(value.dim()) for resized in (_cropped, _doubled)]
        numbers = [value.flip(0), value.flip(-1), -value, value.roll(1, -1)]
        if value.is_floating_point():
            numbers += [30 * value, value / 30, value.round(), value + 2, torch.zeros_like(value)]
        return numbers + sizes
    return []


def _cropped(value: torch.Tensor, axis: int) -> torch.Tensor:
    return value.narrow(axis, 0, max(value.shape[axis] - 1, 1)).clone()


def _doubled(value: torch.Tensor, axis: int) -> torch.Tensor:
    return torch.cat([value, value.flip(axis)], axis)


def _settings(exercise: engine.Exercise) -> list[engine._Case]:
    """Return cases that the check does not have: of other seeds each, with one argument changed."""
    found = []
    for case in exercise.cases(SEEDS[0]):
        given = {**dict(enumerate(case[1])), **case[2]}
        changed = [{**given, name: other} for name, value in given.items() for other in _others(value)]
        changed += [{key: value for key, value in given.items() if key != name} for name in case[2]]
        for axis, resized in itertools.product((0, 1, -1), (_cropped, _doubled)):  # of all tensors together
            changed.append(
                {
                    k: resized(v, axis) if isinstance(v, torch.Tensor) and v.dim() > max(axis, 0) else v
                    for k, v in given.items()
                }
            )
        for change in changed:
            args = tuple(value for key, value in change.items() if isinstance(key, int))
            kwargs = {key: value for key, value in change.items() if isinstance(key, str)}
            case = engine._Case(f"setting {len(found)}", args, kwargs, exercise.gradients)
            with suppress(TypeError):  # an argument without a default was left out
                exercise._named(case)
                found.append(case)
    found = random.Random(0).sample(found, min(MOST, len(found)))
    doubled = [engine._mapped(case, "in float64", lambda x: x.double() * engine._NO_FLOAT32) for case in found]
    return [*found, *(b for a, b in zip(found, doubled, strict=True) if any(map(engine._is_float, a.args)))]


def made(exercise: engine.Exercise, source: str) -> Any:
    """Return the function or class that a source defines, among the names of the exercise's module."""
    namespace = dict(vars(sys.modules[exercise.function.__module__]))
    exec(source, namespace)
    return namespace[exercise.function.__name__]


@dataclass
class Expected:
    """What the solution gives, on seeds and settings that the check does not have."""

    exercise: engine.Exercise

    def __post_init__(self) -> None:
        e = self.exercise
        self.seeds = {seed: [e._observe(e.function, case) for case in e._cases(seed)] for seed in SEEDS}
        answers = [[e._observe(answer, case) for case in _settings(e)] for answer in (e.function, *e.rights)]
        # A setting is in the contract when all right answers agree on it.
        self.settings = {
            i: want
            for i, (want, *others) in enumerate(zip(*answers, strict=True))
            if not want.error and not any(engine._difference(want, other) for other in others)
        }

    def difference(self, answer: Any) -> str:
        """Return where an answer behaves differently, "" where nowhere."""
        e = self.exercise
        for seed, wanted in self.seeds.items():
            for case, want in zip(e._cases(seed), wanted, strict=True):
                told = engine._difference(want, e._observe(answer, case), case)
                if told:
                    return f"seed {seed}: {told}"
        for i, case in enumerate(_settings(e)):
            if i in self.settings:
                told = engine._difference(self.settings[i], e._observe(answer, case), case)
                if told:
                    return f"{told} {case.args} {case.kwargs}"[:600]
        return ""


@dataclass
class Sorted:
    """The mutants of one exercise."""

    stopped: list[str] = field(default_factory=list)  # with an error: no check is needed to refuse them
    refused: list[str] = field(default_factory=list)
    equivalent: list[str] = field(default_factory=list)
    survivors: dict[str, str] = field(default_factory=dict)  # and where they behave differently

    @property
    def share(self) -> float:
        """The refused of those that give an answer and behave differently."""
        changed = len(self.refused) + len(self.survivors)
        return len(self.refused) / changed if changed else 1.0


def _judged(exercise: engine.Exercise, sources: dict[str, str]) -> Iterator[tuple[str, str, engine.Verdict]]:
    """Return name, source and verdict of each mutant; ten share a fork, unless one of them does not end."""
    items = list(sources.items())
    for start in range(0, len(items), 10):
        batch = items[start : start + 10]
        answers = [made(exercise, source) for _, source in batch]
        ended = sandbox.run(
            lambda answers=answers: {"all": [asdict(exercise._verdict(answer)) for answer in answers]}, engine.LIMIT
        )
        if ended.result:
            verdicts = [engine.Verdict(**verdict) for verdict in ended.result["all"]]
        else:
            verdicts = map(exercise.judge, answers)
        yield from ((name, source, verdict) for (name, source), verdict in zip(batch, verdicts, strict=True))


def sort(exercise: engine.Exercise) -> Sorted:
    """Judge all mutants of an exercise, and look at those that pass on other seeds and settings."""
    found, passed = Sorted(), []
    for function in (exercise.function, *(wrong for _, wrong in exercise.wrongs)):
        for index in range(len(exercise._cases(0))):
            exercise._observed(function, 0, index)  # once here, not again in each fork
    for name, source, verdict in _judged(exercise, mutants(exercise.solution_source)):
        if verdict.status == "passed":
            passed.append((name, source))
        elif "Your code stopped" in verdict.message:
            found.stopped.append(name)
        else:
            found.refused.append(name)
    expected = Expected(exercise) if passed else None
    for name, source in passed:
        answer = made(exercise, source)
        ended = sandbox.run(lambda answer=answer: {"told": expected.difference(answer)}, 120)
        told = ended.result["told"] if ended.result else ended.reason
        if told:
            found.survivors[name] = told
        else:
            found.equivalent.append(name)
    return found


def line(name: str, found: Sorted) -> str:
    """Return an exercise's row in the table."""
    stopped, same, refused, let_pass = map(len, (found.stopped, found.equivalent, found.refused, found.survivors))
    return f"| {name} | {stopped} | {same} | {refused + let_pass} | {refused} | {found.share:.3f} |"


def shares(table: str) -> dict[str, tuple[int, int]]:
    """Return for each exercise of a written table how many mutants behave differently, and how many are refused."""
    cells = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines() if row.startswith("| ")]
    return {name: (int(changed), int(refused)) for name, _, _, changed, refused, _ in cells if "." in name}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("exercises", nargs="*", help="convolution.conv2d for example; all when none is given")
    parser.add_argument("--write", action="store_true", help=f"write the rows of these exercises into {TABLE.name}")
    args = parser.parse_args()
    kept = TABLE.read_text(encoding="utf-8").splitlines() if TABLE.exists() else []
    lines = {row.split(" ")[1]: row for row in kept if row.startswith("| ") and row.split(" ")[1] in EXERCISES}
    for name in args.exercises or EXERCISES:
        found = sort(EXERCISES[name])
        lines[name] = line(name, found)
        print(lines[name], flush=True)
        for place, told in found.survivors.items():
            print(f"    survives: {place}; {told}", flush=True)
        if args.write:
            rows = "\n".join(lines[known] for known in EXERCISES if known in lines)
            TABLE.write_text(HEAD + rows + "\n" + _survivors(), encoding="utf-8")


def _survivors() -> str:
    told = [f"- `{name}`, {place}: {why}" for (name, place), why in SURVIVORS.items()]
    return "\n".join(["", "## Survivors", "", *told, ""]) if told else ""


if __name__ == "__main__":
    main()
