"""Every notebook: as its source says, in the form of the house, run untouched and run solved."""

import base64
import re

import build
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from helpers.exercises import EXERCISES
from helpers.widgets.series import SERIES

README = build.HERE.parent / "README.md"
PARAMETERS = {"device": "str", "data": "str", "data_root": "str", "seed": "int"}
SOURCES = [pytest.param(source, id=source.stem) for source in build.SOURCES]
every_notebook = pytest.mark.parametrize("source", SOURCES)


def committed(source):
    return nbformat.read(build.notebook_of(source), as_version=4)


def cells_of(notebook):
    return [(cell.id, cell.cell_type, cell.source, cell.metadata.get("tags", [])) for cell in notebook.cells]


def outputs_of(notebook):
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def verdicts(notebook):
    """Return name → status of each check cell that was run."""
    found = {}
    for cell in notebook.cells:
        if name := build.exercise_of(cell, "check"):
            shown = [output["data"]["text/plain"] for output in cell.outputs if "data" in output]
            found[name] = shown[0].split(":")[0].lower() if shown else "nothing was shown"
    return found


def exercises_alone(notebook, first=0):
    """Return a notebook of its set-up cells and its exercises, from the one at place `first` on."""
    copy = nbformat.from_dict(notebook)
    names = [name for cell in copy.cells if (name := build.exercise_of(cell))][first:]
    set_up = next(n for n, cell in enumerate(copy.cells) if "\n## " in f"\n{cell.source}")
    parts = [cell for cell in copy.cells if {build.exercise_of(cell), build.exercise_of(cell, "check")} & {*names}]
    copy.cells = copy.cells[:set_up] + parts
    return copy


def test_each_notebook_has_a_source():
    built = sorted(path.stem for path in build.HERE.glob("*.ipynb"))
    assert built == [source.stem for source in build.SOURCES]
    assert len(built) >= 2


@every_notebook
def test_the_notebook_is_what_its_source_says(source):
    assert cells_of(committed(source)) == cells_of(build.read(source)), (
        f"{source.stem}.ipynb is older than its source: run `make notebooks`."
    )


@every_notebook
def test_the_notebook_was_run_from_top_to_bottom(source):
    code = [cell for cell in committed(source).cells if cell.cell_type == "code" and cell.source.strip()]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert not [output for output in outputs_of(committed(source)) if output.output_type == "error"]


@every_notebook
def test_ids_are_fixed_and_differ(source):
    first, second = build.read(source), build.read(source)
    ids = [cell.id for cell in first.cells]
    assert ids == [cell.id for cell in second.cells]
    assert len(set(ids)) == len(ids)


@every_notebook
def test_the_form_of_the_house(source):
    notebook = committed(source)
    markdown = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    number = int(source.stem[:2])

    room = SERIES[number]
    assert markdown[0].startswith(f"# {number} · {room.title}\n\n**{room.question}**\n")
    assert "You will be able to" in markdown[0]
    assert len(re.findall(r"^- ", markdown[0], re.M)) == 3
    assert re.search(r"Time: about \d+ minutes\. Know first: ", markdown[0])
    assert code[0].source.startswith(("import ", "from "))
    assert code[1].metadata.tags == ["parameters"]
    for name, kind in PARAMETERS.items():
        assert re.search(rf"^{name}: {kind} = .+  # .+", code[1].source, re.M), f"the parameter {name} is missing"
    assert any(re.fullmatch(r"predict\.\w+\(\)", cell.source) for cell in code), "no prediction"
    assert not any("Prediction(" in cell.source for cell in code), "a cell that holds the answer shows it"
    headings = re.findall(r"^##+ (.+)$", "\n".join(markdown), re.M)
    order = [headings.index(name) for name in ("Play", "Practise", "Myth check", "You saw")]
    assert order == sorted(order)
    assert "**Next:**" in markdown[-1]
    assert "**Sources.**" in markdown[-1]
    for cell in code:
        longest = 30 if build.exercise_of(cell) else 20
        assert len(cell.source.splitlines()) <= longest, f"a long cell belongs in helpers:\n{cell.source}"


@every_notebook
def test_every_exercise_of_the_module_is_in_the_notebook(source):
    names = [name for cell in committed(source).cells if (name := build.exercise_of(cell))]
    modules = {name.split(".")[0] for name in names}
    assert names, "a notebook without an exercise"
    assert sorted(names) == sorted(name for name in EXERCISES if name.split(".")[0] in modules)


@every_notebook
def test_every_picture_is_small_and_says_what_there_is_to_see(source):
    pictures = [output.data for output in outputs_of(committed(source)) if "image/png" in output.get("data", {})]
    assert pictures
    for data in pictures:
        assert len(base64.b64decode(data["image/png"])) < 100_000
        tags = re.findall(r"<img [^>]*>", data["text/html"])
        assert tags
        assert all(re.search(r'alt="[^"]{20,}"', tag) for tag in tags)
    assert build.notebook_of(source).stat().st_size < 1_500_000


@every_notebook
def test_nothing_stored_belongs_to_one_machine_or_run(source):
    notebook = committed(source)
    assert "widgets" not in notebook.metadata
    assert "papermill" not in notebook.metadata
    for output in outputs_of(notebook):
        text = "".join(
            [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text"))]
        )
        text = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
        assert not re.search(r"(/(home|root|tmp|Users)/|[A-Z]:\\\\|0x[0-9a-f]{6,})", text), text
        assert build.WIDGET_VIEW not in output.get("data", {})


@every_notebook
def test_an_untouched_notebook_runs_and_says_what_was_not_attempted(source):
    """The committed one was run untouched, and nbval runs it again and compares."""
    assert set(verdicts(committed(source)).values()) == {"not attempted yet"}


def one_after_another(notebooks, device):
    """Return one notebook of several, each of which begins with no name of those before it, all on one device."""
    cells = [cell for notebook in notebooks for cell in [new_code_cell("%reset -f"), *notebook.cells]]
    for number, cell in enumerate(cells):
        cell.id = f"{number}"  # cells of two notebooks may be the same, and so their ids
        if "parameters" in cell.metadata.get("tags", []):  # papermill gives values to the first of them alone
            cell.source += f"\ndevice = {device!r}"
    return new_notebook(cells=cells, metadata=build.METADATA)


@pytest.mark.timeout(1800)
def test_the_exercises_are_solved_where_they_stand(device):
    """On the CPU in one Jupyter kernel, with the set-up cells: nbval runs the rest, test_faults.py the whole solved."""
    solved = {source.stem: build.solved(build.read(source)) for source in build.SOURCES}
    if device == "cpu":
        done = [build.execute(one_after_another(map(exercises_alone, solved.values()), device), "exercises")]
    else:
        done = [build.execute(notebook, name, device=device) for name, notebook in solved.items()]
    found = {name: status for notebook in done for name, status in verdicts(notebook).items()}
    names = [name for notebook in solved.values() for cell in notebook.cells if (name := build.exercise_of(cell))]
    assert found == dict.fromkeys(names, "passed")


def test_the_readme_shows_the_series():
    rows = re.findall(r"^\| (\d\d) \| (.+?) \| (.+?) \| (\d+) \|$", README.read_text(encoding="utf-8"), re.M)
    for row, room, source in zip(rows, SERIES, build.SOURCES, strict=True):
        minutes = re.search(r"Time: about (\d+) minutes", source.read_text(encoding="utf-8")).group(1)
        link = f"[{room.title}](notebooks/{source.stem}.ipynb)"
        assert row == (f"{room.number:02}", link, room.question, minutes)


def test_the_readme_counts_what_there_is():
    exercises = EXERCISES.values()
    wrong = sum(len(exercise.wrongs) for exercise in exercises)
    right = sum(1 + len(exercise.rights) for exercise in exercises)
    told = re.search(r"\*\*(\d+) exercises\.\*\* .*?(\d+) wrong answers .*?(\d+) right ones", README.read_text("utf-8"))
    assert told is not None
    assert [int(number) for number in told.groups()] == [len(exercises), wrong, right]


def test_a_misspelt_parameter_is_refused():
    with pytest.raises(ValueError, match=r"no parameter sead; it has .*seed"):
        build.execute(build.read(build.SOURCES[0]), "start", sead=1)
