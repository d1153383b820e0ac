"""Errors shown without stopping the notebook: the first line of the message, and one sentence for bad input."""

import re
from collections.abc import Callable

import pytest
import torch

from helpers.errors import show_error


def fails(error: Exception) -> Callable[[], object]:
    def run() -> None:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("one\ntwo"), "ValueError: one\n"),
        (ValueError("\none"), "ValueError: one\n"),
        (ValueError(), "ValueError\n"),
        (UnicodeError("\n"), "UnicodeError\n"),
    ],
)
def test_the_type_and_the_first_line_are_printed(error: Exception, line: str, capsys: pytest.CaptureFixture) -> None:
    show_error(ValueError, fails(error))
    assert capsys.readouterr().out == line


def test_no_error_is_an_error_and_another_one_passes_through() -> None:
    with pytest.raises(AssertionError, match=re.escape("gave a Tensor of shape (40, 3).")):
        show_error(ValueError, lambda: torch.zeros(40, 3))
    with pytest.raises(KeyError):
        show_error(ValueError, fails(KeyError("x")))


@pytest.mark.parametrize(
    ("expected", "function", "sentence"),
    [
        (5, int, "expected must be a type of error, for example ValueError, got 5"),
        (int, int, "expected must be a type of error, for example ValueError, got <class 'int'>"),
        (ValueError("x"), int, "expected must be a type of error, for example ValueError, got ValueError('x')"),
        (ValueError, 5, "function must be callable without arguments, for example a lambda, got 5"),
    ],
)
def test_bad_input_gets_one_sentence(expected: object, function: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        show_error(expected, function)
