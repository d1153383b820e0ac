"""The kinds of setting: what each takes, what it refuses, and how it says so."""

import math
from fractions import Fraction

import numpy as np
import pytest
from traitlets import HasTraits, TraitError

from helpers.widgets import LineFitter, OptimizerRace
from helpers.widgets.traits import Choice, Number, Pixel, Shift, Whole, YesNo


class Settings(HasTraits):
    count = Whole(3, 1, 7)
    rate = Number(0.5, 0.001, 2)
    on = YesNo(False)
    mode = Choice("fast", {"fast": 1, "slow": 2})
    pixel = Pixel((0, 0))
    shift = Shift((0, 1))


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("count", np.int64(7), 7),
        ("rate", 1, 1.0),
        ("rate", np.float32(0.25), 0.25),
        ("rate", Fraction(1, 4), 0.25),
        ("on", True, True),
        ("mode", "slow", "slow"),
        ("pixel", [np.int64(2), 10**9], (2, 10**9)),
        ("shift", [-8, 8], (-8, 8)),
    ],
)
def test_what_fits_is_kept_as_plain_python(name: str, given: object, kept: object) -> None:
    settings = Settings(**{name: given})
    value = getattr(settings, name)
    assert (value, type(value)) == (kept, type(kept))
    if isinstance(value, tuple):
        assert {type(n) for n in value} == {int}


@pytest.mark.parametrize(
    ("name", "values", "needed"),
    [
        ("count", [0, 8, 2.0, math.nan, True, "3", None, [3], 10**5000], "a whole number from 1 to 7"),
        ("rate", [0, 2.1, math.nan, math.inf, True, "1", None, 1j, 10**400], "a number from 0.001 to 2"),
        ("on", [0, 1, "yes", None, np.True_], "True or False"),
        ("mode", ["medium", "", 1, None, ["fast"]], "one of fast, slow"),
        ("pixel", [(0, -1), (1,), (1, 2, 3), (1.0, 2), (True, 0), "ab", b"ab", 3, None], "(row, column), two whole"),
        (
            "shift",
            [(9, 0), (0, -9), (1,), (1, 0.5), "ab", b"ab", 3, None],
            "two whole numbers (down, right), each from",
        ),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(name: str, values: list, needed: str) -> None:
    settings = Settings()
    before = getattr(settings, name)
    for value in values:
        with pytest.raises(TraitError) as caught:
            setattr(settings, name, value)
        assert str(caught.value).startswith(f"{name} is ")
        assert f"; it must be {needed}" in str(caught.value)
        assert getattr(settings, name) is before
        with pytest.raises(TraitError):
            Settings(**{name: value})


def test_the_browser_gets_the_limits_of_the_numbers() -> None:
    assert LineFitter().get_state("_ranges") == {"_ranges": {"steps": [0, 10_000]}}
    assert OptimizerRace()._ranges == {"lr": [0.001, 2], "momentum": [0, 0.99], "step": [0, 80]}
