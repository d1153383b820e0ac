"""What notebook 03 says about learning, held against the figures measured over five seeds."""

import json
import re

import build
import pytest

ROOT = build.HERE.parent
SOURCE = build.HERE / "src" / "03_limits_of_fully_connected_networks.py"
FIGURES = json.loads((ROOT / "benchmarks" / "learning_limits.json").read_text(encoding="utf-8"))["figures"]
SAID = {
    r"training minus validation was at least \*\*(0\.\d+)\*\*": ("small, training minus validation", "smallest"),
    r"the CNN lost \*\*(0\.\d+)\*\*": ("CNN, lost by shuffling", "mean"),
    r"in the mean, the fully-connected net \*\*(0\.\d+)\*\*": ("fully connected, lost by shuffling", "mean"),
    r"the CNN was at least \*\*(0\.\d+)\*\* ahead": ("CNN minus small, validation", "smallest"),
}


@pytest.mark.parametrize("words", SAID)
def test_the_notebook_says_what_was_measured(words: str) -> None:
    text = re.sub(r"\n# ?", " ", SOURCE.read_text(encoding="utf-8"))
    (said,) = re.findall(words, text)
    name, end = SAID[words]
    value = FIGURES[name][end]
    if end == "smallest":
        assert value - 0.01 < float(said) <= value
    else:
        assert said == f"{value:z.2f}"  # z: no minus before a zero


def test_each_figure_is_of_five_seeds() -> None:
    for name, figure in FIGURES.items():
        assert len(figure["seeds"]) == 5, name
        assert (figure["smallest"], figure["largest"]) == (min(figure["seeds"]), max(figure["seeds"]))
