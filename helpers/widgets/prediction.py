"""A question that waits for a guess: the answer and the reasons are shown only after the guess is committed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import traitlets as t

from ..shapes import is_number, is_whole, short
from .base import Widget
from .traits import YesNo

LETTERS = "ABCDEFGHIJ"
LARGEST = 1e15  # whole numbers up to here are the same in Python and in the browser
MARKUP = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*|(?<![\w*])\*(?!\s)([^*]+)(?<!\s)\*(?![\w*])")


class Prediction(Widget):
    """Ask for a guess and show the answer, with the reason behind each wrong guess, once the guess is committed.

    Text may hold `code`, *emphasis* and **strong emphasis**; nothing else is markup.

    Args:
        question: what is asked.
        choices: at least two pairs (text, reason). The reason says why a learner chooses it, and what is true.
        answer: the index of the right choice, from 0.
        explanation: what is shown below the reasons, for every guess.
        number: the right number, instead of choices and answer.
        unit: what the number counts, for example "parameters".
        wrong: number → reason, for the numbers that learners give.
        tolerance: how far from the right number still counts as right, >= 0.
    Raises:
        TraitError: an argument does not fit; the message says which one, and what is needed.

    From Python: set `guess` (an index, or the number), then `commit()`; `committed`, `correct` and `reason` say what
    came of it, `reset()` starts anew and keeps the first guess in `first`.
    """

    sentence = "This is a still picture. Run this cell, then commit your guess."

    question = t.Unicode(read_only=True).tag(sync=True)
    choices = t.List(read_only=True).tag(sync=True)
    reasons = t.List(read_only=True).tag(sync=True)
    answer = t.Any(read_only=True).tag(sync=True)
    explanation = t.Unicode(read_only=True).tag(sync=True)
    unit = t.Unicode(read_only=True).tag(sync=True)
    tolerance = t.Float(read_only=True).tag(sync=True)
    unforeseen = t.Unicode(
        "No usual wrong turn leads here: go through it again, one step at a time.", read_only=True
    ).tag(sync=True)

    guess = t.TraitType(None).tag(sync=True)  # t.Any would take None without asking _check_guess
    committed = YesNo(False).tag(sync=True)
    first = t.TraitType(None).tag(sync=True)

    def __init__(
        self,
        question: str,
        choices: Sequence[tuple[str, str]] | None = None,
        answer: int | None = None,
        explanation: str = "",
        *,
        number: float | None = None,
        unit: str = "",
        wrong: Mapping[float, str] | None = None,
        tolerance: float = 0,
    ) -> None:
        _text("question", question)
        if not isinstance(explanation, str) or not isinstance(unit, str):
            raise t.TraitError(f"explanation and unit must be text; they are {short(explanation)} and {short(unit)}.")
        if (choices is None) == (number is None):
            raise t.TraitError("Give either choices, with the answer's index, or number: one of the two.")
        content = {"question": question, "explanation": explanation, "unit": unit}
        if choices is not None:
            if wrong is not None or unit or tolerance:
                raise t.TraitError("unit, wrong and tolerance belong to number; with choices, each has its reason.")
            content |= _choices(choices, answer)
        else:
            if answer is not None:
                raise t.TraitError(f"answer is {short(answer)}; it belongs to choices. With number, leave it out.")
            content |= _numbers(number, {} if wrong is None else wrong, tolerance)
        self._locked: float | None = None
        super().__init__()
        for name, value in content.items():
            self.set_trait(name, value)

    @property
    def number(self) -> float | None:
        """The right number, or None where the question has choices of text."""
        return self.answer if self._numeric else None

    @property
    def correct(self) -> bool | None:
        """Whether the committed guess is right; None before the guess is committed."""
        return self._is(self.guess, self.answer) if self.committed else None

    @property
    def reason(self) -> str | None:
        """The reason behind the committed guess; None before the guess is committed."""
        if not self.committed:
            return None
        if not self._numeric:
            return self.reasons[self.guess]
        if self.correct:
            return self.explanation
        known = [r for n, r in zip(self.choices, self.reasons, strict=True) if self._is(self.guess, n)]
        return known[0] if known else self.unforeseen

    def commit(self) -> None:
        """Commit the guess, as the button does.

        Raises:
            TraitError: there is no guess yet.
        """
        self.committed = True

    def reset(self) -> None:
        """Start anew; `first` keeps the guess that was committed first."""
        if self.committed and self.first is None:
            self.first = self.guess
        self.committed = False
        self.guess = None

    @property
    def _numeric(self) -> bool:
        return all(not isinstance(choice, str) for choice in self.choices)

    def _is(self, guess: float, value: float) -> bool:
        return abs(guess - value) <= self.tolerance

    @t.validate("guess", "first")
    def _check_guess(self, proposal: t.Bunch) -> float | None:
        value, name = proposal.value, proposal.trait.name
        if value is not None:
            if self._numeric:
                value = _number(name, value)
            elif not is_whole(value) or not 0 <= value < len(self.choices):
                raise t.TraitError(
                    f"{name} is {short(value)}; choose a whole number from 0 to {len(self.choices) - 1}."
                )
            else:
                value = int(value)
        if name == "guess" and self.committed and self._locked is not None and value != self._locked:
            raise t.TraitError(f"The guess {short(self._locked)} is committed; call reset() to try again.")
        return value

    @t.validate("committed")
    def _check_committed(self, proposal: t.Bunch) -> bool:
        if proposal.value and self.guess is None:
            raise t.TraitError("There is no guess to commit; set guess first.")
        return proposal.value

    @t.observe("committed")
    def _lock(self, change: t.Bunch) -> None:
        self._locked = self.guess if change.new else None

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the question and its choices, never of the answer, and the same as text."""
        from .. import plots

        if self._numeric:
            lines = [f"Your guess: a number ({_plain(self.unit)})" if self.unit else "Your guess: a number"]
        else:
            lines = [f"{letter}  {_plain(text)}" for letter, text in zip(LETTERS, self.choices, strict=False)]
        question = _plain(self.question)
        return plots.to_png(plots.card(question, lines).figure), "\n".join([question, *lines])


def _plain(text: str) -> str:
    """Return the text without its marks."""
    return MARKUP.sub(lambda found: next(group for group in found.groups() if group is not None), text)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise t.TraitError(f"{name} is {short(value)}; it must be text, and not empty.")
    return value


def _number(name: str, value: object) -> float:
    if not is_number(value) or not abs(value) <= LARGEST:
        raise t.TraitError(f"{name} is {short(value)}; it must be a finite number, at most {LARGEST:g}.")
    return int(value) if value == int(value) else float(value)


def _choices(choices: Sequence[tuple[str, str]], answer: int | None) -> dict:
    pairs = list(choices) if isinstance(choices, Sequence) and not isinstance(choices, str) else None
    if pairs is None or not 2 <= len(pairs) <= len(LETTERS):
        raise t.TraitError(f"choices is {short(choices)}; give a list of 2 to {len(LETTERS)} pairs (text, reason).")
    for index, pair in enumerate(pairs):
        if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
            raise t.TraitError(f"choices[{index}] is {short(pair)}; each choice is a pair (text, reason).")
        _text(f"The text of choices[{index}]", pair[0])
        _text(f"The reason of choices[{index}]", pair[1])
    texts = [text for text, _ in pairs]
    if len(set(texts)) < len(texts):
        raise t.TraitError(f"choices holds the same text twice: {short(texts)}.")
    if not is_whole(answer) or not 0 <= answer < len(pairs):
        raise t.TraitError(
            f"answer is {short(answer)}; it must be the index of the right choice, from 0 to {len(pairs) - 1}."
        )
    return {"choices": texts, "reasons": [reason for _, reason in pairs], "answer": int(answer)}


def _numbers(number: float, wrong: Mapping[float, str], tolerance: float) -> dict:
    answer = _number("number", number)
    if _number("tolerance", tolerance) < 0:
        raise t.TraitError(f"tolerance is {short(tolerance)}; it must be 0 or more.")
    if not isinstance(wrong, Mapping):
        raise t.TraitError(f"wrong is {short(wrong)}; it must map wrong numbers to the reasons behind them.")
    for value, reason in wrong.items():
        if abs(_number("A number in wrong", value) - answer) <= tolerance:
            raise t.TraitError(
                f"wrong holds {short(value)}, which is right: number is {short(number)}, tolerance {short(tolerance)}."
            )
        _text(f"The reason of wrong[{short(value)}]", reason)
    return {
        "choices": [_number("A number in wrong", value) for value in wrong],
        "reasons": list(wrong.values()),
        "answer": answer,
        "tolerance": float(tolerance),
    }
