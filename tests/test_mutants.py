"""Each solution with one thing changed: the check refuses it, or the table says why not."""

import re
from dataclasses import replace
from pathlib import Path

import mutants
import pytest

from helpers.exercises import EXERCISES

README = Path(__file__).parents[1] / "README.md"
TOLD = mutants.shares(mutants.TABLE.read_text(encoding="utf-8"))


def test_what_is_changed():
    made = mutants.mutants("def f(x, k):\n    y = x.sum(0)\n    return y[1:] + 2 * k\n")
    assert {text.partition("\n")[2] for text in made.values()} >= {
        "    pass\n    return y[1:] + 2 * k",
        "    y = x.mean(0)\n    return y[1:] + 2 * k",
        "    y = x.sum(1)\n    return y[1:] + 2 * k",
        "    y = x.sum(0)\n    return y[1:] - 2 * k",
        "    y = x.sum(0)\n    return y[:] + 2 * k",
        "    y = x.sum(0)\n    return y[1:] + 3 * k",
        "    y = x.sum(0)\n    return y[1:] + 2 * x",
    }


def test_a_loose_check_is_found():
    exercise = EXERCISES["padding.output_size"]
    first = exercise.cases(0)[0]
    assert mutants.sort(exercise).share == 1
    assert mutants.sort(replace(exercise, cases=lambda seed: [first])).share < 0.85


def test_nearly_every_mutant_is_refused():
    assert list(TOLD) == list(EXERCISES)
    assert all(refused >= 0.85 * changed for changed, refused in TOLD.values())
    changed, refused = (sum(counts) for counts in zip(*TOLD.values(), strict=True))
    assert refused / changed >= 0.95


def test_the_readme_says_so():
    (changed,) = re.findall(r"\*\*([\d,]+) mutants\*\* .* all but one are refused", README.read_text(encoding="utf-8"))
    assert int(changed.replace(",", "")) == sum(changed for changed, _ in TOLD.values())
    assert len(mutants.SURVIVORS) == 1


def test_each_survivor_has_its_reason():
    let_pass = {name: changed - refused for name, (changed, refused) in TOLD.items() if changed > refused}
    told = [name for name, _ in mutants.SURVIVORS]
    assert {name: told.count(name) for name in told} == let_pass


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", EXERCISES)
def test_the_table_is_true(name):
    found = mutants.sort(EXERCISES[name])
    assert set(found.survivors) == {place for exercise, place in mutants.SURVIVORS if exercise == name}
    assert (len(found.refused) + len(found.survivors), len(found.refused)) == TOLD[name]
