"""Errors as something to learn from: shown in a notebook without stopping it."""

from collections.abc import Callable


def show_error(expected: type[Exception], function: Callable[[], object]) -> None:
    """Run `function`, which must raise `expected`, and print the type and the first line of the message.

    Args:
        expected: the error's type, ValueError for example.
        function: takes nothing; what it returns is not used.
    Raises:
        AssertionError: nothing was raised. An error of another type passes through.
    """
    try:
        result = function()
    except expected as error:
        print(f"{type(error).__name__}: {str(error).splitlines()[0]}")
    else:
        raise AssertionError(f"a {expected.__name__} was expected, but the code ran and gave {result!r}.")
