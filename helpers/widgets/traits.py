"""The kinds of setting that widgets share. What one refuses, it names in a TraitError, with what is needed instead."""

from collections.abc import Iterable

from traitlets import TraitError, TraitType

from ..shapes import is_number, is_whole, short

LARGEST_SHIFT = 8  # pixels, each way


class Checked(TraitType):
    """A setting that takes what `fits`, and keeps what `keep` makes of it. `needed` says what that is, in words."""

    needed: str

    def fits(self, value: object) -> bool:
        raise NotImplementedError

    @staticmethod
    def keep(value: object) -> object:
        return value

    def validate(self, widget: object, value: object) -> object:
        if not self.fits(value):
            raise TraitError(f"{self.name} is {short(value)}; it must be {self.needed}.")
        return self.keep(value)


class Number(Checked):
    """A real number, kept as a float. Refuses nan, True, text, and what is below `low` or above `high`."""

    kind, keep = "a number", float

    def __init__(self, default: float, low: float, high: float) -> None:
        super().__init__(default)
        self.low, self.high = low, high
        self.needed = f"{self.kind} from {low} to {high}"

    def fits(self, value: object) -> bool:
        return is_number(value) and self.low <= value <= self.high


class Whole(Number):
    """A whole number, kept as an int. Refuses 2.0, True, text, and what is below `low` or above `high`."""

    kind, keep = "a whole number", int

    def fits(self, value: object) -> bool:
        return is_whole(value) and super().fits(value)


class YesNo(Checked):
    """True or False. Refuses all else, 0 and 1 too."""

    needed = "True or False"

    def fits(self, value: object) -> bool:
        return isinstance(value, bool)


class Choice(Checked):
    """One of the words in `choices`. Refuses every other word, and what is no text."""

    def __init__(self, default: str, choices: Iterable[str]) -> None:
        super().__init__(default)
        self.choices = tuple(choices)
        self.needed = f"one of {', '.join(self.choices)}"

    def fits(self, value: object) -> bool:
        return isinstance(value, str) and value in self.choices


class Pair(Checked):
    """Two whole numbers, kept as a tuple of ints. Refuses what is no list or tuple of two."""

    def fits(self, value: object) -> bool:
        return isinstance(value, tuple | list) and len(value) == 2 and all(map(is_whole, value))

    @staticmethod
    def keep(value: tuple | list) -> tuple[int, int]:
        return int(value[0]), int(value[1])


class Pixel(Pair):
    """The place (row, column) of a pixel. Refuses what lies below 0."""

    needed = "(row, column), two whole numbers counted from 0"

    def fits(self, value: object) -> bool:
        return super().fits(value) and min(value) >= 0


class Shift(Pair):
    """How far a picture moves, (down, right). Refuses more than `LARGEST_SHIFT` either way."""

    needed = f"two whole numbers (down, right), each from -{LARGEST_SHIFT} to {LARGEST_SHIFT}"

    def fits(self, value: object) -> bool:
        return super().fits(value) and max(map(abs, value)) <= LARGEST_SHIFT
