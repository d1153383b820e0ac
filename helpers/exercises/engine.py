"""What an exercise is, and how an answer is judged: the learner's answer and the solution meet the same cases.

A check compares observations (kind, shape, dtype, every value, whether the inputs stayed as they were, gradients).
When they differ it looks for the named wrong answer that is observed alike, and says that answer's sentence.
"""

import ast
import dis
import html
import inspect
import math
import numbers
import re
import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from .. import progress
from . import sandbox

LIMIT = 8.0  # seconds that an answer may take for all its cases
_RTOL, _ATOL = 1e-4, 2e-5  # any order of summation in float32 agrees within these, on values of order 1
_TIGHT = 1e-9  # the same for tensors in float64, where float32 on the way would show
_MOST = 200_000  # values of one result that are compared

_FIRST = 4  # so many of the author's cases are met in float64 too, and with gradients if asked
_NO_FLOAT32 = 1 + 2**-27  # times a float32, a number that float32 cannot hold
_REPLACE = "Replace the dots with your code, run the cell, then check again."

EXERCISES: dict[str, "Exercise"] = {}


class Refused(Exception):
    """Raised by an exercise's `use` when an answer cannot be used; the message is the learner's sentence."""


@dataclass(frozen=True)
class Verdict:
    """The outcome of a check: "passed", "not attempted" or "wrong", why, and what the learner's code printed."""

    status: str
    message: str
    output: str = ""


@dataclass(frozen=True)
class _Case:
    label: str
    args: tuple
    kwargs: dict
    gradients: bool = False


@dataclass(frozen=True)
class _Plain:
    """A result turned into plain Python, so that no class of the learner's takes part in a comparison."""

    kind: str
    shape: tuple[int, ...] = ()
    dtype: str = ""
    values: Any = None  # numbers in row-major order; for a tuple or dict its parts as {key: _Plain}


@dataclass(frozen=True)
class _Observation:
    result: _Plain | None = None
    changed: tuple[str, ...] = ()
    copied: str = ""  # how the learner copies the first input that changed
    gradients: dict[str, _Plain] | None = None  # None when not asked for, empty when the result carries none
    error: str = ""
    sentence: str = ""  # the error told to the learner


def _call(answer: Callable, *args, **kwargs):
    return answer(*args, **kwargs)


@dataclass(eq=False)
class Exercise:
    """One exercise. Authors make it with `exercise`; learners use `check`, `hint` and `solution`."""

    function: Callable
    title: str
    contract: str
    hints: tuple[str, str, str]
    cases: Callable[[int], Sequence[tuple[str, tuple, dict]]]
    gradients: bool = False
    use: Callable = _call
    optimizers: bool = False
    rights: list[Callable] = field(default_factory=list)
    wrongs: list[tuple[str, Callable]] = field(default_factory=list)
    _attempted: bool = False
    _hints_given: int = 0
    _known: dict[tuple, Any] = field(default_factory=dict)  # see _observed

    @property
    def name(self) -> str:
        return f"{self.function.__module__.rpartition('.')[2]}.{self.function.__name__}"

    @property
    def _kind(self) -> str:
        return "class" if isinstance(self.function, type) else "function"

    @property
    def _heading(self) -> str:
        return self.title if self.title.endswith("?") else f"{self.title}."

    def __repr__(self) -> str:
        return f"<Exercise {self.name}: {self.title}>"

    # For authors

    def also_right(self, function: Callable) -> Callable:
        """Register another right answer; the tests hold the check to it."""
        self.rights.append(function)
        return function

    def wrong(self, sentence: str) -> Callable[[Callable], Callable]:
        """Register a named wrong answer and the sentence for the learner who gives it."""

        def register(function: Callable) -> Callable:
            self.wrongs.append((sentence, function))
            return function

        return register

    # For learners

    def check(self, answer: Any) -> None:
        """Judge an answer, show the verdict, and remember the exercise when it is passed."""
        verdict = self.judge(answer)
        if verdict.status == "passed":
            progress.record(self.name)
        mark, colour, word = {
            "passed": ("✓", "success", "Passed"),
            "not attempted": ("○", "info", "Not attempted yet"),
            "wrong": ("✗", "warn", "Not right yet"),
        }[verdict.status]
        _show(mark, colour, f"{word}: {self._heading}", [verdict.message, *progress.notices()], verdict.output)

    def hint(self) -> None:
        """Show the next hint."""
        number = min(self._hints_given + 1, len(self.hints))
        last = "That was the last hint: `solution()` shows an answer once you have tried."
        more = [] if self._hints_given < len(self.hints) else [last]
        self._hints_given = number
        _show("?", "info", f"Hint {number} of {len(self.hints)}: {self._heading}", [self.hints[number - 1], *more])

    def solution(self, force: bool = False) -> None:
        """Show a solution: after an attempt, once the exercise is passed, or when forced."""
        if self._attempted or force or self.name in progress.passed():
            _display(f"```python\n{self.solution_source}\n```", self.solution_source, "text/markdown")
        else:
            sentence = "Try it first and run the check once; `solution(force=True)` shows a solution all the same."
            _show("○", "info", f"Not attempted yet: {self._heading}", [sentence])

    def judge(self, answer: Any) -> Verdict:
        """Judge an answer within ten seconds, apart from this process where the system allows it.

        Never raises, except inside an answer that is being judged: there it ends that answer.
        """
        if sandbox.inside():
            raise Refused(
                f"Leave the check line out of the {self._kind}: `check({self.function.__name__})` belongs below it, at "
                "the left edge."
            )

        def work() -> dict:
            try:
                return asdict(self._verdict(answer))
            except sandbox.Stopped:
                raise
            except BaseException as error:
                return asdict(Verdict("wrong", f"The check could not use this answer ({_describe(error)})."))

        if self.optimizers:
            torch.optim.SGD([torch.zeros(1)], lr=0)  # torch's first optimizer takes seconds to load: not the answer's
        ended = sandbox.run(work, LIMIT)
        verdict = Verdict(**ended.result) if ended.result else Verdict("wrong", ended.reason)
        self._attempted |= verdict.status != "not attempted"
        return replace(verdict, message=_shown(verdict.message), output=ended.printed)

    # The sources of the cells

    @property
    def solution_source(self) -> str:
        """The solution as a learner would write it in a cell."""
        return "\n".join(self._lines())

    @property
    def stub_source(self) -> str:
        """The cell that the learner starts from: what the solution says of itself, and dots for what it does."""
        (definition,) = ast.parse(self.solution_source).body
        lines = self._lines()
        head = lines[: definition.body[0].end_lineno]
        if self._kind == "function":
            return "\n".join([*head, "    return ...  # replace the dots with your code"])
        for method in definition.body[1:]:
            told = method.body[0].end_lineno if ast.get_docstring(method) else method.body[0].lineno - 1
            head += ["", *lines[method.lineno - 1 : told], "        ...  # replace the dots with your code"]
        return "\n".join(head)

    def _lines(self) -> list[str]:
        source = textwrap.dedent(inspect.getsource(self.function))
        return source.splitlines()[ast.parse(source).body[0].lineno - 1 :]

    # Judging

    def _verdict(self, answer: Any, seed: int = 0) -> Verdict:
        """Judge in this process, with all cases made from `seed`."""
        refusal = self._refusal(answer)
        if refusal:
            return refusal
        cases = self._cases(seed)
        got, results = [], []
        for case in cases:
            sandbox.next_case()
            got.append(self._observe(answer, case, results))
            if got[-1].error:
                break
            kind = got[-1].result.kind
            if kind == "Ellipsis":
                if len(got) == 1:
                    return Verdict("not attempted", _REPLACE)
                break
        want = [self._observed(self.function, seed, index) for index in range(len(got))]
        differences = [_difference(*pair, case) for *pair, case in zip(want, got, cases, strict=False)]
        first = next((index for index, text in enumerate(differences) if text), None)
        if first is None and any(_plain(result) != seen.result for result, seen in zip(results, got, strict=True)):
            return Verdict(
                "wrong",
                "Each result is right at first, but a later call of your function changes the result of an earlier "
                "one: make a new tensor in each call.",
            )
        if first is None:
            return Verdict("passed", f"Right in all {len(cases)} cases." if len(cases) > 1 else "That is right.")
        sentence = self._misconception(got, first, seed)
        return Verdict("wrong", f"{sentence} {differences[first]}".strip())

    def _refusal(self, answer: Any) -> Verdict | None:
        name = self.function.__name__
        if answer is ...:
            return Verdict("not attempted", _REPLACE)
        if not callable(answer) or isinstance(answer, type) != isinstance(self.function, type):
            given = "a class" if isinstance(answer, type) else kind_of(answer)
            return Verdict(
                "wrong", f"The check needs your {self._kind} itself, `check({name})`, and was given {given}."
            )
        if self._kind == "class":
            ours, theirs = _methods(self.function), _methods(answer)
            dots = [method for method in ours if method in theirs and _is_empty(theirs[method])]
            if dots and len(dots) == len(ours):
                return Verdict("not attempted", _REPLACE)
            if dots:
                return Verdict("wrong", f"`{dots[0]}` still holds its dots: replace them with your code too.")
            if issubclass(self.function, torch.nn.Module) and not issubclass(answer, torch.nn.Module):
                return Verdict(
                    "wrong",
                    f"Your class is no module: write `class {name}(nn.Module):`, and `super().__init__()` first.",
                )
        elif _is_empty(answer):
            return Verdict("not attempted", _REPLACE)
        if self.use is _call:
            try:
                signature = inspect.signature(answer)
            except (TypeError, ValueError):  # built-in functions may have none
                return None
            try:
                for _, args, kwargs in self.cases(0):
                    signature.bind(*args, **kwargs)
            except TypeError as error:
                ours = f"{name}{inspect.signature(self.function)}"
                return Verdict("wrong", f"The exercise asks for `{ours}`; yours cannot be called like that: {error}.")
        return None

    def _cases(self, seed: int) -> list[_Case]:
        """The author's cases; the first with other numbers; the first few in float64 and, if asked, with gradients."""
        cases = [_Case(*case) for case in self.cases(seed)]
        floats = [case for case in cases[:_FIRST] if any(map(_is_float, (*case.args, *case.kwargs.values())))]
        variants = [_mapped(case, "with other numbers", _other_numbers) for case in floats[:1]]
        variants += [_mapped(case, "in float64", lambda x: x.double() * _NO_FLOAT32) for case in floats]
        graded = [_Case(*case, gradients=True) for case in self.cases(seed)[:_FIRST]] if self.gradients else []
        return cases + variants + graded

    def _observed(self, function: Callable, seed: int, index: int) -> _Observation:
        """Return what the solution or a named wrong answer gives for one case of a seed, computed once."""
        if (seed, "cases") not in self._known:
            self._known[seed, "cases"] = self._cases(seed)
        if (seed, function, index) not in self._known:
            self._known[seed, function, index] = self._observe(function, self._known[seed, "cases"][index])
        return self._known[seed, function, index]

    def _observe(self, function: Callable, case: _Case, results: list | None = None) -> _Observation:
        """Use a function on a case and turn all that can be seen into plain values; add its result to `results`."""
        inputs = self._named(case)
        leaves = {name: value.requires_grad_() for name, value in inputs.items() if case.gradients and _is_float(value)}
        before = _states(inputs)
        doing = ""
        try:
            with sandbox.restored():
                torch.default_generator.manual_seed(0)  # that of the CPU: all answers meet the same chance
                result = self.use(function, *case.args, **case.kwargs)
            plain = _plain(result)
            changed = tuple(name for name, state in _states(inputs).items() if state != before[name])
            name = changed[0].partition(".")[0] if changed else ""
            copied = f"list({name})" if isinstance(inputs.get(name), list) else f"{name}.clone()"
            if results is not None:
                results.append(result)
            gradients = None
            if case.gradients:
                doing = " while its gradient was computed"
                gradients = _gradients(result, leaves)
        except sandbox.Stopped:
            raise
        except Refused as refusal:
            return _Observation(error=str(refusal), sentence=str(refusal))
        except BaseException as error:  # SystemExit and KeyboardInterrupt are the learner's too
            told = _describe(error)
            where = sandbox.line_of_error(error.__traceback__)
            sentence = f"Your code stopped{where}{doing} with {told}."
            if case.label:
                sentence += f" This was the case {case.label}."
            if case.gradients:
                sentence += (
                    " Here the inputs ask for their gradient: stay with torch operations, without numpy and "
                    "`torch.no_grad()`."
                )
            return _Observation(error=told, sentence=sentence)
        return _Observation(plain, changed, copied, gradients)

    def _named(self, case: _Case) -> dict[str, Any]:
        """Return the inputs of a case by name: those of the solution, or those that `use` hands to an answer."""
        if self.use is _call:
            return dict(inspect.signature(self.function).bind(*case.args, **case.kwargs).arguments)
        _, *given = inspect.signature(self.use).bind(self.function, *case.args, **case.kwargs).arguments.items()
        return dict(given)

    def _misconception(self, got: list[_Observation], first: int, seed: int) -> str:
        """Return the sentence of a wrong answer observed alike up to the first difference, and most often after it."""
        found, most = "", 0
        for sentence, function in self.wrongs:
            alike = 0
            for index in (first, *(i for i in range(len(got)) if i != first)):
                same = not _difference(self._observed(function, seed, index), got[index])
                if not same and index <= first:
                    alike = 0
                    break
                alike += same
            if alike > most:
                found, most = sentence, alike
        return found


def exercise(
    *,
    title: str,
    contract: str,
    hints: tuple[str, str, str],
    cases: Callable[[int], Sequence[tuple[str, tuple, dict]]],
    gradients: bool = False,
    use: Callable = _call,
    optimizers: bool = False,
) -> Callable[[Callable], Exercise]:
    """Turn a solution, a function or a class, into an exercise named after its module and itself.

    Args:
        title: a few words.
        contract: two lines of markdown: shapes, one example.
        hints: a nudge, more, nearly the answer.
        cases: seed -> (label in words, args, kwargs) of each case; small, uneven, different for each seed. What it
            makes must depend on nothing but the seed. The first case should show most mistakes.
        gradients: whether the gradients for all float tensors are compared too.
        use: how an answer is used on a case, `use(answer, *args, **kwargs)`; by default it is called. It returns what
            is compared: tensors, numbers, words, or a dict of them by name. A class needs one.
        optimizers: whether answers may use torch.optim; it is then loaded before the clock starts.
    """

    def register(function: Callable) -> Exercise:
        made = Exercise(function, title, contract, hints, cases, gradients, use, optimizers)
        EXERCISES[made.name] = made
        return made

    return register


def kind_of(value: Any) -> str:
    """Return what a value is, in words for the learner: "None", "a list", "an int"."""
    return "None" if value is None else _a(type(value).__name__)


def _is_float(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_floating_point()


def _other_numbers(x: torch.Tensor) -> torch.Tensor:
    return 0.5 - 1.5 * x.flip(0) if x.dim() else x


def _mapped(case: _Case, label: str, change: Callable[[torch.Tensor], torch.Tensor]) -> _Case:
    def each(value):
        return change(value) if _is_float(value) else value

    args = tuple(each(value) for value in case.args)
    return _Case(f"{case.label}, {label}", args, {name: each(value) for name, value in case.kwargs.items()})


def _plain(value: Any, depth: int = 3) -> _Plain:
    kind = type(value)
    of_numpy = kind.__module__ == "numpy"
    if kind in (torch.Tensor, torch.nn.Parameter):
        if value.device.type != "cpu":
            return _Plain(f"tensor on {value.device.type}")
        if value.layout != torch.strided:
            return _Plain("sparse tensor")
        values = value.tolist() if value.numel() <= _MOST else None
        for _ in range(value.dim() - 1):
            values = [number for row in values for number in row] if values else values
        values = [values] if value.dim() == 0 else values
        return _Plain("tensor", tuple(value.shape), str(value.dtype).removeprefix("torch."), values)
    if kind is bool or kind is str:
        return _Plain(kind.__name__, values=[value])
    if kind is int or (of_numpy and issubclass(kind, numbers.Integral)):
        return _Plain("int", values=[int(value)])
    if kind is float or (of_numpy and issubclass(kind, numbers.Real)):
        return _Plain("float", dtype="float64", values=[float(value)])
    if kind in (tuple, list) and depth and len(value) <= 1000:
        return _Plain(kind.__name__, values={f"[{i}]": _plain(part, depth - 1) for i, part in enumerate(value)})
    if kind is dict and depth and len(value) <= 1000 and all(type(key) is str for key in value):
        return _Plain("dict", values={key: _plain(part, depth - 1) for key, part in value.items()})
    return _Plain({"NoneType": "None", "ellipsis": "Ellipsis"}.get(kind.__name__, kind.__name__))


def _states(inputs: dict[str, Any]) -> dict[str, Any]:
    """Return all of the inputs that an answer should leave alone."""
    states = {}
    for name, value in inputs.items():
        states[name] = _plain(value)
        if isinstance(value, torch.Tensor):
            states[f"{name}.requires_grad"] = value.requires_grad
            states[f"{name}.grad"] = None if value.grad is None else _plain(value.grad)
    return states


def _methods(kind: type) -> dict[str, Callable]:
    return {name: value for name, value in vars(kind).items() if inspect.isfunction(value)}


def _is_empty(function: Callable) -> bool:
    """Return whether a function's body is but `pass`, dots or a docstring: it does nothing but give back a constant."""
    if not inspect.isfunction(function) or function.__code__.co_flags & inspect.CO_GENERATOR:
        return False
    steps = [step for step in dis.get_instructions(function) if step.opname not in ("RESUME", "NOP")]
    return all(step.opname in ("LOAD_CONST", "RETURN_CONST", "RETURN_VALUE") for step in steps) and all(
        step.argval in (None, ...) for step in steps if step.opname.endswith("CONST")
    )


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if _is_float(value):
        yield value
    elif isinstance(value, (tuple, list, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _tensors(part)


def _gradients(result: Any, leaves: dict[str, torch.Tensor]) -> dict[str, _Plain]:
    """Send fixed random numbers back through the result, and return what arrives at each input."""
    outputs = [tensor for tensor in _tensors(result) if tensor.requires_grad]
    if not outputs or not leaves:
        return {}
    generator = torch.Generator().manual_seed(1)
    total = sum((x * torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x)).sum() for x in outputs)
    arrived = torch.autograd.grad(total, list(leaves.values()), allow_unused=True, materialize_grads=True)
    return {name: _plain(gradient) for name, gradient in zip(leaves, arrived, strict=True)}


def _difference(want: _Observation, got: _Observation, case: _Case | None = None) -> str:
    """Return the first difference as a sentence, "" when there is none."""
    if got.error or want.error:
        return "" if got.error == want.error else got.sentence or "One of them stops with an error."
    told = _plain_difference(want.result, got.result, "the result")
    if told:
        told = f"{_in_the_case(case)}{told}"
        return told[0].upper() + told[1:]
    if got.changed != want.changed:
        names = " and ".join(f"`{name}`" for name in got.changed)
        if got.changed and got.changed[0].endswith(".grad"):
            return (
                f"The result is right, but your code changes {names}: `.backward()` fills it, and "
                "`torch.autograd.grad` does not."
            )
        return (
            f"The result is right, but your code changes its input {names}: work on a copy, such as `{got.copied}`."
            if names
            else "An input should change."
        )
    if got.gradients is not None and want.gradients:
        if not got.gradients:
            return (
                "The values are right, but the result carries no gradient: `.item()`, `.tolist()`, `float()`, "
                "`.numpy()`, `.detach()`, `.data`, `torch.tensor()` and `torch.no_grad()` cut it off; stay with tensor "
                "operations."
            )
        for name, wanted in want.gradients.items():
            told = _plain_difference(wanted, got.gradients[name], f"the gradient of `{name}`")
            if told:
                return f"The values are right, but the gradient is not. {_in_the_case(case)}{told}"
    return ""


def _plain_difference(want: _Plain, got: _Plain, what: str) -> str:
    if got.kind != want.kind and {got.kind, want.kind} != {"tuple", "list"}:
        return _kind_difference(want, got, what)
    if isinstance(want.values, dict):
        if want.kind == "dict" and list(got.values) != list(want.values):
            return f"{what} should hold {_list(want.values)}, and yours holds {_list(got.values)}."
        parts = ((key, want.values[key], got.values[key]) for key in want.values if key in got.values)
        told = next(filter(None, (_part_difference(a, b, key, what) for key, a, b in parts)), "")
        if len(got.values) == len(want.values):
            return told
        first = f" {told[0].upper()}{told[1:]}" if told else ""
        return f"{what} should have {len(want.values)} entries, and yours has {len(got.values)}.{first}"
    if got.shape != want.shape:
        return f"{what} should have the shape {want.shape}, and yours has {got.shape}."
    if got.dtype != want.dtype:
        return (
            f"{what} should be {want.dtype}, and yours is {got.dtype}: keep the inputs' dtype, "
            "for example with `x.new_zeros(...)`, `x` being an input."
        )
    if got.values == want.values:
        return ""
    scale = max([1.0, *(abs(v) for v in want.values if _finite_float(v))])
    tight = (want.kind, want.dtype) == ("tensor", "float64")
    wrong = _apart(want, got, *((_TIGHT, _TIGHT * scale) if tight else (_RTOL, _ATOL * scale)))
    if not wrong:
        return ""
    digits = ""
    if tight and not _apart(want, got, _RTOL, _ATOL * scale):
        digits = " Something on the way is float32, which has fewer digits: give it the dtype of the input."
    expected, given = _number(want.values[wrong[0]]), _number(got.values[wrong[0]])
    if expected == given:
        expected, given = repr(want.values[wrong[0]]), repr(got.values[wrong[0]])
    if not want.shape:
        return f"{what} should be {expected}, and yours is {given}.{digits}"
    place, rest = [], wrong[0]
    for size in reversed(want.shape):
        rest, index = divmod(rest, size)
        place.insert(0, index)
    count = f" ({len(wrong)} of {len(want.values)} values differ.)" if len(want.values) > 1 else ""
    return f"{what} at {place} should be {expected}, and yours is {given}.{count}{digits}"


def _part_difference(want: _Plain, got: _Plain, key: str, what: str) -> str:
    if (want.kind, got.kind) == ("bool", "bool") and not key.startswith("["):  # a fact that the exercise looked at
        wrong = "this should be so, and is not" if want.values[0] else "this should not be so, and is"
        return "" if want.values == got.values else f"{wrong}: {key}."
    return _plain_difference(want, got, f"{what}'s {key}")


def _apart(want: _Plain, got: _Plain, rtol: float, atol: float) -> list[int]:
    """Return the places at which the two differ."""
    return [i for i, pair in enumerate(zip(want.values, got.values, strict=True)) if not _close(*pair, rtol, atol)]


def _kind_difference(want: _Plain, got: _Plain, what: str) -> str:
    needed = {"tensor": "a torch tensor", "int": "a whole number (int)"}.get(want.kind, _a(want.kind))
    advice = {
        "None": "did you forget `return`?",
        "Ellipsis": "replace these dots too.",
        "generator": "use `return`, not `yield`.",
    }.get(got.kind)
    if not advice and want.kind == "tensor":
        advice = {
            "ndarray": "use torch operations from start to end, without numpy.",
            "list": "fill a tensor made by `x.new_zeros(...)`, or join tensors with `torch.stack`.",
            "float": "leave out `.item()` and `float()`, which also lose the gradient.",
            "int": "start the sum from a tensor, or use `.sum()`.",
        }.get(got.kind)
    if not advice and want.kind == "int" and got.kind in ("float", "tensor"):
        advice = "`//` divides without a fraction, and `.item()` takes a number out of a tensor."
    given = "None" if got.kind == "None" else "the dots" if got.kind == "Ellipsis" else _a(got.kind)
    return f"{what} should be {needed}, and yours is {given}" + (f": {advice}" if advice else ".")


def _finite_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


def _close(want: Any, got: Any, rtol: float, atol: float) -> bool:
    if not isinstance(want, float):
        return want == got
    if not math.isfinite(want) or not math.isfinite(got):
        return want == got or (math.isnan(want) and math.isnan(got))
    return abs(want - got) <= atol + rtol * abs(want)


def _number(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value) if abs(value) < 10**15 else "a very large number"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)[:60]


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun[:60]}"


def _list(keys: Any) -> str:
    return ", ".join(list(keys)[:8]) or "nothing"


def _in_the_case(case: _Case | None) -> str:
    """Return what begins a sentence on a case; "" for a case without words."""
    return f"In the case {case.label}: " if case and case.label else ""


def _describe(error: BaseException) -> str:
    """Return type and message of an error on one line, whatever its class does."""
    try:
        text = " ".join(str(error).split())
    except BaseException:
        text = ""
    kind = type(error).__name__
    if isinstance(error, MemoryError) or "can't allocate memory" in text:
        return f"{kind}: there is not enough memory for what it builds"
    text = text if len(text) <= 200 else text[:200] + "…"
    return f"{kind}: {text.rstrip('.')}" if text else kind


def _shown(text: str) -> str:
    """Return a text that every screen and file can take: half characters become question marks."""
    return text.encode("utf-8", "replace").decode()


def _show(mark: str, colour: str, headline: str, sentences: list[str], output: str = "") -> None:
    plain = [f"{headline} {' '.join(sentences)}"]
    body = " ".join(re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text)) for text in sentences)
    printed = ""
    if output:
        plain.append(f"Your code printed:\n{output}")
        printed = f"<div>Your code printed:</div><pre style='margin:0;color:inherit'>{html.escape(output)}</pre>"
    fallback = {"success": "#2e7d32", "info": "#1565c0", "warn": "#b35900"}[colour]
    _display(
        f"<div role='status' style='border-left:4px solid var(--jp-{colour}-color1, {fallback});padding:0.4em 0.8em;"
        "background:var(--jp-layout-color1, #fff);color:var(--jp-content-font-color1, #111)'>"
        f"<span aria-hidden='true'>{mark}</span> <strong>{html.escape(headline)}</strong> {body}{printed}</div>",
        "\n".join(plain),
        "text/html",
    )


def _display(rich: str, plain: str, mime: str) -> None:
    """Show rich text in a notebook, plain text elsewhere."""
    rich, plain = _shown(rich), _shown(plain)
    try:
        from IPython import display, get_ipython
    except ImportError:
        get_ipython = None
    if get_ipython is None or get_ipython() is None:
        print(plain)
    else:
        display.display({mime: rich, "text/plain": plain}, raw=True)
