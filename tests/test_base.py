"""What holds for every widget: what the browser may set, what its style sheet may touch, and short messages."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from makers import MAKERS
from traitlets import TraitError

from helpers import widgets
from helpers.widgets import DataPanel, KernelLab, PictureShifter, Prediction, SeriesMap, WindowWalker

# What a script declares at its left edge.
NAME = re.compile(r"^(?:async )?(?:const|let|var|class|function)\*? (\w+)", re.MULTILINE)
FOLDER = Path(widgets.__file__).parent
SHEETS = sorted(FOLDER.glob("*.css"))


def test_every_widget_is_tried_here() -> None:
    assert {type(make()).__name__ for make in MAKERS.values()} == set(widgets.__all__)


@pytest.mark.parametrize("name", MAKERS)
def test_the_browser_sets_nothing_private_and_nothing_that_is_fixed(name: str) -> None:
    widget = MAKERS[name]()
    fixed = [key for key in widget.keys if key.startswith("_") or widget.traits()[key].read_only]
    before = {key: getattr(widget, key) for key in fixed if key != "_view_count"}
    for key in before:
        for value in (0, "x", [], ["x"], {}, b"x", None):
            widget.set_state({key: value, "no such trait": value})
            assert getattr(widget, key) is before[key], key
    widget.set_state({"_view_count": 1})
    assert widget._view_count == 1


def test_the_browser_changes_no_question() -> None:
    prediction = Prediction("How many?", [("a", "because"), ("b", "because")], 1)
    prediction.set_state(
        {"answer": 0, "choices": ["x"], "reasons": [], "unforeseen": "x", "guess": 1, "committed": True}
    )
    assert (prediction.correct, prediction.reason, prediction.choices) == (True, "because", ["a", "b"])


def test_the_browser_changes_no_start_of_the_lab() -> None:
    lab = KernelLab()
    presets = lab._presets
    lab.set_state({"_start": {"stride": 3}, "_presets": [], "_image_code": "import os", "padding": 1})
    assert (lab.padding, lab._presets) == (1, presets)
    assert "import os" not in lab.torch_code()
    lab.reset()
    assert (lab.stride, lab.padding) == (1, 0)


def test_a_subclass_in_another_file_draws_like_its_parent() -> None:
    class Mine(SeriesMap):
        pass

    assert (Mine._esm, Mine._css) == (SeriesMap._esm, SeriesMap._css)
    own = [FOLDER / f"{name}.js" for name in ("shared", "panel", "series_map")]
    assert Mine()._esm == "\n".join(path.read_text(encoding="utf-8") for path in own)


@pytest.mark.parametrize("name", widgets.__all__)
def test_a_script_declares_no_name_twice(name: str) -> None:
    names = NAME.findall(getattr(widgets, name)._esm)
    assert "ARROWS" in names
    assert sorted(names) == sorted(set(names)), "shared.js stands in front: a name of its own would not load"


def selectors(sheet: Path) -> list[str]:
    text = re.sub(r"/\*.*?\*/", "", sheet.read_text(encoding="utf-8"), flags=re.S)
    heads = [head.strip() for head in re.findall(r"([^{};]+)\{", text)]
    return [s.strip() for head in heads if not head.startswith("@") for s in re.split(r",(?![^(]*\))", head)]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda path: path.name)
def test_a_style_sheet_touches_widgets_alone(sheet: Path) -> None:
    theme = re.compile(r'^\[data-jp-theme-light="false"\] ')
    assert selectors(sheet)
    assert [s for s in selectors(sheet) if not theme.sub("", s).startswith(".cw")] == []


@pytest.mark.parametrize("sheet", [s for s in SHEETS if s.stem not in ("shared", "panel")], ids=lambda path: path.name)
def test_a_style_sheet_touches_its_own_widget_alone(sheet: Path) -> None:
    """JupyterLab keeps all open notebooks in one page. What a rule needs must stand in no other widget's script."""
    scripts = {path.stem: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")}
    root = re.search(r'root\.classList\.add\("([\w-]+)"\)', scripts.pop(sheet.stem)).group(1)
    for selector in selectors(sheet):
        classes = set(re.findall(r"\.([a-z][\w-]*)", selector)) - {"cw"}
        if root in classes:
            continue
        touched = [
            stem
            for stem, text in scripts.items()
            if all(re.search(rf"(?<![\w-]){name}(?![\w-])", text) for name in classes)
        ]
        assert touched == [], f"{selector}: begin it with .cw.{root}"


@pytest.mark.parametrize("folder", [f"/tmp/{'x' * 300}", "/tmp/\ud800", "/tmp/\0", torch.ones(40, 40), "x" * 9999])
def test_a_folder_that_cannot_be_is_named_in_one_short_line(folder: object) -> None:
    with pytest.raises(TraitError, match=r"notebooks_dir is .*; it must be a folder that exists") as caught:
        SeriesMap(folder)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize(
    "give",
    [
        lambda name: KernelLab(kernel=name),
        lambda name: KernelLab(second=name),
        lambda name: KernelLab().set(**{name: 1}),
        lambda name: WindowWalker().set(**{name: 1}),
        lambda name: DataPanel().fetch(name),
        lambda name: MAKERS["module tree"]().row(name),
        lambda name: PictureShifter({name: print}, torch.zeros(1, 1, 10, 10), [0], ["a", "b"]),
    ],
)
def test_a_long_name_is_cut_where_it_is_refused(give: Callable[[str], object]) -> None:
    with pytest.raises((TraitError, ValueError, KeyError), match=f"'{'x' * 58}…") as caught:
        give("x" * 9999)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.json", "\ud800", "a.json is no progress file (it is no text): "),
        ("\ud800.json", "{", "?.json is no progress file ("),
        ("x" * 9999, "{", f"{'x' * 60} is no progress file ("),
    ],
)
def test_a_file_that_is_no_text_is_refused_with_a_sentence(name: str, text: str, said: str) -> None:
    series = SeriesMap()
    series._receive(series, {"do": "import", "name": name, "text": text}, [])
    assert series.message.startswith(said)
