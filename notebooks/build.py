"""The one way from source to notebook.

python notebooks/build.py [04 …]   run notebooks/src/NN_*.py and keep notebooks/NN_*.ipynb; all when none is given
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from pathlib import Path

import jupytext
import nbformat
import papermill
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

import helpers
from helpers.exercises import EXERCISES

HERE = Path(__file__).resolve().parent
SOURCES = sorted((HERE / "src").glob("[0-9][0-9]_*.py"))
METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
}
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"


def notebook_of(source: Path) -> Path:
    """Return where the notebook built from `source` lies."""
    return HERE / f"{source.stem}.ipynb"


def read(source: Path) -> NotebookNode:
    """Return the notebook that `source` describes, without outputs; the same source gives the same cells and ids."""
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(METADATA)
    notebook.cells = [new for cell in notebook.cells for new in expand(cell)]
    seen: dict[str, int] = {}
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        cell.metadata = nbformat.from_dict({"tags": tags} if tags else {})
        digest = hashlib.sha256(f"{cell.cell_type}{tags}{cell.source}".encode()).hexdigest()[:10]
        seen[digest] = seen.get(digest, 0) + 1
        cell.id = f"{digest}-{seen[digest]}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    return notebook


def expand(cell: NotebookNode) -> list[NotebookNode]:
    """Return the cells that stand for `cell`: an empty one tagged `exercise:NAME` becomes contract, stub and check."""
    name = exercise_of(cell)
    if name is None:
        return [cell]
    if cell.source.strip():
        raise SystemExit(f"The cell tagged exercise:{name} must be empty: its text comes from helpers/exercises.")
    if name not in EXERCISES:
        raise SystemExit(
            f"There is no exercise {name!r}; there are {', '.join(EXERCISES)}: "
            f"is its module imported in helpers/exercises/__init__.py?"
        )
    exercise = EXERCISES[name]
    function = name.split(".")[1]
    check = f"ex.{name}.check({function})\n# Stuck? ex.{name}.hint()    After a try: ex.{name}.solution()"
    return [
        new_markdown_cell(f"### {exercise.title}\n\n{exercise.contract}"),
        new_code_cell(exercise.stub_source.strip(), metadata={"tags": [f"exercise:{name}"]}),
        new_code_cell(check, metadata={"tags": [f"check:{name}"]}),
    ]


def exercise_of(cell: NotebookNode, kind: str = "exercise") -> str | None:
    """Return the name of the exercise that a cell's tag `exercise:NAME` (or `check:NAME`) gives."""
    tags = cell.metadata.get("tags", [])
    return next((tag.partition(":")[2] for tag in tags if tag.startswith(f"{kind}:")), None)


def solved(notebook: NotebookNode) -> NotebookNode:
    """Return a copy in which each stub cell holds the solution."""
    copy = nbformat.from_dict(notebook)
    for cell in copy.cells:
        if name := exercise_of(cell):
            cell.source = EXERCISES[name].solution_source
    return copy


def execute(notebook: NotebookNode, name: str, *, seconds: int = 600, **parameters: object) -> NotebookNode:
    """Run a notebook by papermill, in the notebooks' folder, and return it with its outputs.

    Args:
        notebook: what `read` or `solved` gave.
        name: what to call it in messages.
        seconds: how long one cell may take.
        **parameters: values for its `parameters` cell.
    Raises:
        ValueError: a parameter that the notebook does not have.
        papermill.PapermillExecutionError: a cell raised.
    """
    with tempfile.TemporaryDirectory() as folder:
        before, after = Path(folder) / f"{name}.ipynb", Path(folder) / f"{name}.out.ipynb"
        nbformat.write(notebook, before)
        known = papermill.inspect_notebook(before)
        if unknown := parameters.keys() - known.keys():
            raise ValueError(f"{name} has no parameter {', '.join(sorted(unknown))}; it has {', '.join(known)}.")
        return papermill.execute_notebook(
            before,
            after,
            parameters,
            cwd=HERE,
            kernel_name="python3",
            progress_bar=False,
            request_save_on_cell_execute=False,  # one file at the end, not two for each cell
            execution_timeout=seconds,
        )


def values_at_end(notebook: NotebookNode, expression: str, name: str, **parameters: object) -> object:
    """Run a notebook as `execute` does, and return what an expression of JSON's kinds is at its end."""
    notebook.cells.append(new_code_cell(f"import json\nprint(json.dumps({expression}))"))
    return json.loads(execute(notebook, name, **parameters).cells[-1].outputs[0].text)


def tidy(executed: NotebookNode, read: NotebookNode) -> NotebookNode:
    """Return `read` with the outputs of `executed`, less what differs from run to run.

    That is: the models of widgets, and all that a cell tagged `live` shows, a timing for example.
    """
    for cell, done in zip(read.cells, executed.cells, strict=True):
        if cell.cell_type != "code":
            continue
        cell.execution_count = done.execution_count
        cell.outputs = [] if "live" in cell.metadata.get("tags", []) else done.outputs
        for output in cell.outputs:
            output.get("data", {}).pop(WIDGET_VIEW, None)
        cell.outputs = [output for output in cell.outputs if output.get("data") != {}]
    return read


def build(source: Path) -> None:
    """Write the executed notebook of `source`; the old one stays when a cell raises."""
    notebook = read(source)
    notebook = tidy(execute(notebook, source.stem), notebook)
    nbformat.validate(notebook)
    target = notebook_of(source)
    part = target.with_suffix(".part")
    nbformat.write(notebook, part)
    part.replace(target)


def main(arguments: list[str] | None = None) -> None:
    require_own_helpers()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("notebooks", nargs="*", help="two digits each, 04 for example; all when not given")
    for source in chosen(parser.parse_args(arguments).notebooks):
        start = time.perf_counter()
        build(source)
        print(f"{source.stem}: {time.perf_counter() - start:.0f} s")


def require_own_helpers() -> None:
    """Stop when the notebooks would import the package of another checkout."""
    installed = Path(helpers.__file__).resolve().parent.parent
    if installed != HERE.parent:
        raise SystemExit(
            f"The package helpers comes from {installed} and not from {HERE.parent}: use `make notebooks` there, or "
            f"run `pip install -e .` there first."
        )


def chosen(numbers: list[str]) -> list[Path]:
    """Return the sources with these numbers, 04 for example; all when none is given."""
    if missing := set(numbers) - {source.stem[:2] for source in SOURCES}:
        raise SystemExit(f"There is no notebook {', '.join(sorted(missing))} in {HERE / 'src'}.")
    return [source for source in SOURCES if not numbers or source.stem[:2] in numbers]


if __name__ == "__main__":
    main()
