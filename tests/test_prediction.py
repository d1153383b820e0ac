"""The prediction widget in Python: what it accepts, what it says, and what it keeps to itself."""

import math

import numpy as np
import pytest
import torch
from traitlets import TraitError

from helpers.widgets import Prediction

CHOICES = [
    ("`30 × 30`", "Each side loses two pixels."),
    ("*32 × 32*", "Only with padding."),
    ("16", "A count, no size."),
]


def of_text(**more) -> Prediction:
    return Prediction("What size has `conv(x)`?", CHOICES, 0, "No padding, so the picture shrinks.", **more)


def of_number(**more) -> Prediction:
    wrong = {432: "The bias is missing.", 160: "A kernel reads all three channels."}
    return Prediction(
        "How many parameters?", number=448, unit="parameters", wrong=wrong, explanation="432 + 16", **more
    )


def test_a_guess_is_committed_and_judged() -> None:
    prediction = of_text()
    assert (prediction.committed, prediction.correct, prediction.reason) == (False, None, None)
    prediction.guess = 1
    assert (prediction.correct, prediction.reason) == (None, None)
    prediction.commit()
    assert (prediction.committed, prediction.correct, prediction.reason) == (True, False, "Only with padding.")


@pytest.mark.parametrize(
    ("guess", "correct", "reason"),
    [
        (448, True, "432 + 16"),
        (448.0, True, "432 + 16"),
        (np.int64(448), True, "432 + 16"),
        (432, False, "The bias is missing."),
        (447, False, "No usual wrong turn leads here: go through it again, one step at a time."),
    ],
)
def test_a_number_is_judged(guess: float, correct: bool, reason: str) -> None:
    prediction = of_number()
    prediction.guess = guess
    prediction.commit()
    assert (prediction.correct, prediction.reason) == (correct, reason)
    assert prediction.number == 448


@pytest.mark.parametrize(("guess", "correct"), [(2.25, True), (2.35, True), (2.2, False), (2.36, False)])
def test_tolerance_is_the_distance_that_still_counts(guess: float, correct: bool) -> None:
    prediction = Prediction(
        "What is −log 0.1, roughly?", number=2.3, tolerance=0.0501, wrong={1: "That is −log₁₀ 0.1."}
    )
    prediction.guess = guess
    prediction.commit()
    assert prediction.correct is correct


def test_a_committed_guess_stands_until_reset_and_the_first_one_is_kept() -> None:
    prediction = of_text()
    prediction.guess = 2
    prediction.commit()
    for other in (0, None):
        with pytest.raises(TraitError, match="2 is committed"):
            prediction.guess = other
    with pytest.raises(TraitError, match="2 is committed"):
        prediction.set_state({"guess": None})
    assert (prediction.guess, prediction.committed, prediction.reason) == (2, True, "A count, no size.")
    prediction.reset()
    assert (prediction.guess, prediction.committed, prediction.first) == (None, False, 2)
    prediction.guess = 0
    prediction.commit()
    prediction.reset()
    assert prediction.first == 2


def test_a_message_from_the_browser_may_carry_guess_and_commit_together() -> None:
    prediction = of_text()
    prediction.set_state({"guess": 1, "committed": True})
    assert prediction.reason == "Only with padding."
    prediction.set_state({"first": 1, "committed": False, "guess": None})
    assert (prediction.guess, prediction.committed, prediction.first) == (None, False, 1)
    prediction.set_state({"committed": True, "guess": 0})
    assert prediction.correct is True


@pytest.mark.parametrize("guess", [3, -1, "0", True, 1.0, math.nan, [0]])
def test_a_guess_that_is_no_choice_is_refused_and_nothing_is_lost(guess: object) -> None:
    prediction = of_text()
    prediction.guess = 1
    with pytest.raises(TraitError, match=r"guess is .*; choose a whole number from 0 to 2\."):
        prediction.guess = guess
    assert prediction.guess == 1


@pytest.mark.parametrize("guess", ["448", True, math.nan, math.inf, 10**400, [448]])
def test_a_guess_that_is_no_number_is_refused(guess: object) -> None:
    with pytest.raises(TraitError, match=r"guess is .*; it must be a finite number, at most 1e\+15\."):
        of_number().guess = guess


def test_nothing_can_be_committed_before_there_is_a_guess() -> None:
    prediction = of_text()
    with pytest.raises(TraitError, match="no guess to commit"):
        prediction.commit()
    assert not prediction.committed


PAIRS = [("a", "because"), ("b", "because")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"question": " ", "choices": PAIRS, "answer": 0}, "question is ' '"),
        ({"question": 7, "choices": PAIRS, "answer": 0}, "question is 7"),
        ({"question": "q"}, "Give either choices"),
        ({"question": "q", "choices": PAIRS, "answer": 0, "number": 1}, "Give either choices"),
        ({"question": "q", "choices": PAIRS, "answer": 0, "explanation": None}, "must be text"),
        ({"question": "q", "choices": PAIRS[:1], "answer": 0}, "2 to 10 pairs"),
        ({"question": "q", "choices": "ab", "answer": 0}, "2 to 10 pairs"),
        ({"question": "q", "choices": ["ab", "cd"], "answer": 0}, r"choices\[0\] is 'ab'"),
        ({"question": "q", "choices": [("a", "b"), ("c", "")], "answer": 0}, r"reason of choices\[1\]"),
        ({"question": "q", "choices": [("a", "b"), ("a", "c")], "answer": 0}, "same text twice"),
        ({"question": "q", "choices": PAIRS, "answer": 2}, "answer is 2; it must be the index .* from 0 to 1"),
        ({"question": "q", "choices": PAIRS, "answer": True}, "answer is True"),
        ({"question": "q", "choices": PAIRS}, "answer is None"),
        ({"question": "q", "choices": PAIRS, "answer": 0, "unit": "px"}, "belong to number"),
        ({"question": "q", "choices": PAIRS, "answer": 0, "wrong": {1: "r"}}, "belong to number"),
        ({"question": "q", "number": 4, "answer": 0}, "it belongs to choices"),
        ({"question": "q", "number": math.nan}, "number is nan"),
        ({"question": "q", "number": "4"}, "number is '4'"),
        ({"question": "q", "number": 4, "tolerance": -1}, "tolerance is -1"),
        ({"question": "q", "number": 4, "wrong": [5]}, r"wrong is \[5\]"),
        ({"question": "q", "number": 4, "wrong": {5: ""}}, r"reason of wrong\[5\]"),
        ({"question": "q", "number": 4, "tolerance": 1, "wrong": {5: "r"}}, "holds 5, which is right"),
        ({"question": torch.ones(40, 40)}, r"question is a Tensor of shape .*; it must be text"),
        ({"question": "q", "choices": "x" * 9999}, "2 to 10 pairs"),
        ({"question": "q", "choices": PAIRS, "answer": torch.ones(40, 40)}, "answer is a Tensor"),
        ({"question": "q", "number": 4, "wrong": "x" * 9999}, "it must map"),
    ],
)
def test_bad_arguments_are_named(arguments: dict, said: str) -> None:
    with pytest.raises(TraitError, match=said) as caught:
        Prediction(**arguments)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 160


@pytest.mark.parametrize(("make", "guess"), [(of_text, 1), (of_number, 432)])
def test_the_still_shows_the_question_and_never_the_answer(make, guess: float) -> None:
    prediction = make()
    before = prediction.still()
    prediction.guess = guess
    prediction.commit()
    png, alt = prediction.still()
    assert (png, alt) == before
    assert png.startswith(b"\x89PNG")
    assert alt.startswith(
        ("What size has conv(x)?\nA  30 × 30\nB  32 × 32\nC  16", "How many parameters?\nYour guess:")
    )
    assert not any(text in alt for text in [*prediction.reasons, prediction.explanation, "448"])
