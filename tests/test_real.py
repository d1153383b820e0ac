"""`make real`: what a notebook claims is held against what comes out, and a claim that fails is said."""

import re

import build
import pytest
import real
from nbformat.v4 import new_code_cell, new_notebook

ACCURACY = real.Claim("accuracy", "accuracy", 0.8, 0.84)
PARAMETERS = real.Claim("parameters", "parameters", 18_090, 18_090)
AT_LEAST = real.Claim("accuracy on digits", "digits", 0.983, 1)


def small_notebook(*lines: str):
    given = new_code_cell('data: str = "built-in"', metadata={"tags": ["parameters"]})
    return new_notebook(cells=[given, *map(new_code_cell, lines)], metadata=build.METADATA)


@pytest.mark.parametrize(
    ("claim", "expected", "inside", "outside"),
    [
        (ACCURACY, "0.8 to 0.84", (0.8, 0.82, 0.84), (0.7999, 0.8401, float("nan"))),
        (PARAMETERS, "18,090", (18_090,), (18_089, 18_091)),
        (AT_LEAST, "at least 0.983", (0.983, 1.0), (0.982, 1.1)),
    ],
)
def test_a_claim(claim, expected, inside, outside):
    assert claim.expected == expected
    assert all(claim.holds(value) for value in inside)
    assert not any(claim.holds(value) for value in outside)


def test_the_listed_shifts_are_held_within_three_hundredths():
    shifts = {claim.says: claim for claim in real.CLAIMS["03"] if "px" in claim.says}
    assert len(shifts) == 8
    assert shifts["CNN, accuracy after 8 px down"].expected == "0.705 to 0.765"
    assert not shifts["CNN, accuracy after 8 px down"].holds(0.70)


def test_values_are_those_at_the_end_of_the_notebook():
    notebook = small_notebook("accuracy = 0.1", "accuracy, parameters = (0.81 if data == 'real' else 0.2), 18_091")
    stopped, values = real.measure(notebook, [ACCURACY, PARAMETERS], "small", data="real")
    assert (stopped, values) == ("", [0.81, 18_091])
    assert real.rows("03", [ACCURACY, PARAMETERS], stopped, values) == [
        ("03", "runs to its end", "yes", "yes", "yes"),
        ("03", "accuracy", "0.8 to 0.84", "0.810", "yes"),
        ("03", "parameters", "18,090", "18,091", "no"),
    ]


def test_a_notebook_that_stops_is_said():
    stopped, values = real.measure(small_notebook("assert 1 == 2, 'too low'"), [ACCURACY], "small")
    assert (stopped, values) == ("AssertionError: too low", [])
    assert real.rows("03", [ACCURACY], stopped, values) == [
        ("03", "runs to its end", "yes", "AssertionError: too low", "no"),
        ("03", "accuracy", "0.8 to 0.84", "nothing", "no"),
    ]


@pytest.mark.parametrize(("accuracy", "code"), [(0.81, 0), (0.9, 1)])
def test_the_exit_says_whether_all_hold(monkeypatch, tmp_path, capsys, accuracy, code):
    asked = {}

    def measure(notebook, claims, name, **parameters):
        asked[name[:2]] = parameters
        return "", [accuracy] * len(claims)

    monkeypatch.setattr(real, "measure", measure)
    monkeypatch.setattr(real, "CLAIMS", {"03": [ACCURACY]})
    monkeypatch.setattr(real, "RESULTS", tmp_path / "RESULTS.md")
    assert real.main(["--data", str(tmp_path), "--device", "cpu", "--write", "03", "04"]) == code
    given = {"data": "real", "data_root": str(tmp_path), "device": "cpu"}
    assert asked == {"03": given | {"epochs": 100}, "04": given}
    shown = capsys.readouterr().out
    assert f"| 03 | accuracy | 0.8 to 0.84 | {accuracy:.3f} | {'no' if code else 'yes'} |" in shown
    assert "| 04 | runs to its end | yes | yes | yes |" in shown
    written = real.RESULTS.read_text(encoding="utf-8")
    assert shown in written
    assert "CPU" in written


def test_the_documented_order_is_understood(monkeypatch, tmp_path):
    ran = []
    monkeypatch.setattr(build, "values_at_end", lambda notebook, _, name, **given: ran.append((name[:2], given)) or [])
    for arguments in (["--data", str(tmp_path), "04"], ["04", "--data", str(tmp_path)]):
        real.main([*arguments, "--device", "cpu"])
    given = {"data": "real", "data_root": str(tmp_path.resolve()), "device": "cpu"}
    assert ran == [("04", {"seconds": 7200, **given})] * 2


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="there is no such folder"):
        real.main(["--data", str(tmp_path / "nowhere")])


def test_a_notebook_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(SystemExit, match="There is no notebook 77"):
        real.main(["--data", str(tmp_path), "03", "77"])


def test_the_committed_table_holds_every_claim():
    """`make real` wrote it: a claim that changes, or a new one, must be measured anew."""
    lines = real.RESULTS.read_text(encoding="utf-8").splitlines()
    found = [tuple(line.strip("| ").split(" | ")) for line in lines if re.match(r"\| \d\d \|", line)]
    wanted = [
        row
        for number in (source.stem[:2] for source in build.SOURCES)
        for row in [
            (number, "runs to its end", "yes"),
            *((number, claim.says, claim.expected) for claim in real.CLAIMS.get(number, [])),
        ]
    ]
    assert [row[:3] for row in found] == wanted
    assert {row[4] for row in found} == {"yes"}
    claims = [claim for number in sorted(real.CLAIMS) for claim in real.CLAIMS[number]]
    measured = [float(row[3].replace(",", "")) for row in found if row[3] != "yes"]
    assert all(claim.holds(value) for claim, value in zip(claims, measured, strict=True))


def test_the_readme_counts_the_claims():
    (told,) = re.findall(r"the (\d+) claims about them", (build.HERE.parent / "README.md").read_text(encoding="utf-8"))
    assert int(told) == sum(map(len, real.CLAIMS.values()))
