"""Errors as something to learn from: shown in a notebook without stopping it."""

from collections.abc import Callable

from .shapes import short


def show_error(expected: type[Exception], function: Callable[[], object]) -> None:
    """Run `function`, which must raise `expected`, and print the type and the first line of the message.

    Args:
        expected: the error's type, ValueError for example.
        function: takes nothing; what it returns is not used.
    Raises:
        AssertionError: nothing was raised. An error of another type passes through.
        ValueError: expected is no type of error, or function cannot be called.
    """
    if not (isinstance(expected, type) and issubclass(expected, Exception)):
        raise ValueError(f"expected must be a type of error, for example ValueError, got {short(expected)}")
    if not callable(function):
        raise ValueError(f"function must be callable without arguments, for example a lambda, got {short(function)}")
    try:
        result = function()
    except expected as error:
        print(": ".join([type(error).__name__, *str(error).strip().splitlines()[:1]]))
    else:
        raise AssertionError(f"a {expected.__name__} was expected, but the code ran and gave {short(result)}.")
