"""The arrows of the house: who may import whom, read from the source, and what an import really loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HELPERS = ROOT / "helpers"

# part of helpers: (the parts it may import, the libraries it may import beside the standard one)
ARROWS = {
    "__init__": ((), ()),
    "errors": (("shapes",), ()),
    "shapes": ((), ()),
    "progress": ((), ()),
    "kernels": (("shapes",), ("torch",)),
    "ops": (("shapes",), ("torch",)),
    "data": (("drawings", "download", "shapes"), ("torch", "torchvision", "numpy", "PIL")),
    "drawings": ((), ("torch", "numpy")),
    "download": (("shapes",), ("tqdm", "filelock")),
    "checkpoint": (("shapes",), ("torch", "numpy")),
    "train": (("shapes", "checkpoint"), ("torch", "numpy", "tqdm")),
    "pictures": (("shapes",), ("torch", "numpy", "PIL")),
    "distributed": (("data", "train"), ("torch",)),
    "plots": (("shapes",), ("torch", "numpy", "PIL", "matplotlib", "IPython")),
    "exercises": (("shapes", "ops", "progress"), ("torch", "numpy", "IPython")),
    "predictions": (("widgets",), ()),
    "widgets": (
        ("shapes", "kernels", "plots", "data", "download", "train", "progress", "exercises"),
        ("torch", "numpy", "IPython", "psutil", "traitlets", "anywidget"),
    ),
}
# Imported inside the function that needs them, because they take long to load.
LATE = {
    "data": {"torchvision", "numpy", "PIL"},
    "drawings": {"numpy"},
    "download": {"tqdm", "filelock"},
    "pictures": {"numpy", "PIL"},
    "widgets": {"helpers.plots"},
}
# Of the widgets, only the panels of notebook 00 show what the learner has passed.
PANELS = {"setup_check", "data_panel", "series_map"}
FOR_PANELS = {"helpers.progress", "helpers.exercises"}

OURS = sorted(
    path for folder in ("helpers", "tests", "benchmarks", "notebooks") for path in ROOT.glob(f"{folder}/**/*.py")
)


def part_of(path: Path) -> str:
    """Return the part of helpers that a file belongs to: "ops" for ops.py, "widgets" for widgets/base.py."""
    first = path.relative_to(HELPERS).parts[0]
    return first.removesuffix(".py")


def imports(source: str, package: tuple[str, ...]) -> list[tuple[str, bool]]:
    """Return what `source`, a module of `package`, imports: (dotted name, whether it runs when the module loads)."""
    found = []

    def walk(node: ast.AST, at_load: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend((alias.name, at_load) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            stem = ".".join([*base, *filter(None, [node.module])])
            found.extend((f"{stem}.{alias.name}", at_load) for alias in node.names)
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        late |= isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            walk(child, at_load and not late)

    walk(ast.parse(source), True)
    return found


def complaints(source: str, path: Path) -> list[str]:
    """Return what the text of the file `path` imports against the arrows, one sentence each."""
    part = part_of(path)
    parts, libraries = ARROWS[part]
    said = []
    for name, at_load in imports(source, ("helpers", *path.relative_to(HELPERS).parts[:-1])):
        top, *rest = name.split(".")
        if top == "helpers":
            other = rest[0] if rest and rest[0] in ARROWS else "__init__"
            top = f"helpers.{other}"
            allowed = other in {*parts, part, "__init__"}
        else:
            allowed = top in libraries or top in sys.stdlib_module_names
        if not allowed:
            said.append(f"{part} may not import {top}")
        if at_load and top in LATE.get(part, ()):
            said.append(f"{part} may import {top} only inside the function that needs it")
        if part == "widgets" and top in FOR_PANELS and path.stem not in PANELS:
            said.append(f"widgets/{path.name} is no panel of notebook 00 and may not import {top}")
    return said


def loaded(statement: str) -> set[str]:
    """Return the top-level modules, beside the standard library's, that a fresh Python loads for `statement`."""
    after = "print(*{name.split('.')[0] for name in set(sys.modules) - before})"
    code = f"import sys; before = set(sys.modules); {statement}; {after}"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split()) - sys.stdlib_module_names


@pytest.mark.parametrize("path", sorted(HELPERS.rglob("*.py")), ids=lambda path: str(path.relative_to(HELPERS)))
def test_arrows_go_down(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8"), path) == []


@pytest.mark.parametrize(
    ("file", "source", "complaint"),
    [
        ("shapes.py", "import torch", "shapes may not import torch"),
        ("ops.py", "from . import plots", "ops may not import helpers.plots"),
        ("ops.py", "def f():\n    from helpers.data import load", "ops may not import helpers.data"),
        ("train.py", "import matplotlib.pyplot as plt", "train may not import matplotlib"),
        ("plots.py", "from ipywidgets import Button", "plots may not import ipywidgets"),
        ("exercises/norms.py", "from ..widgets import KernelLab", "exercises may not import helpers.widgets"),
        ("data.py", "import torchvision", "data may import torchvision only inside the function that needs it"),
        (
            "widgets/kernel_lab.py",
            "from ..plots import to_png",
            "widgets may import helpers.plots only inside the function",
        ),
        (
            "widgets/kernel_lab.py",
            "def f():\n    from .. import progress",
            "widgets/kernel_lab.py is no panel of notebook 00",
        ),
        ("kernels.py", "from tests import conftest", "kernels may not import tests"),
    ],
)
def test_an_arrow_that_goes_up_is_seen(file: str, source: str, complaint: str) -> None:
    assert [said for said in complaints(source, HELPERS / file) if said.startswith(complaint)]


@pytest.mark.parametrize("path", OURS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_star_and_no_search_path(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.ImportFrom) and node.names[0].name == "*"), f"line {node.lineno}: import *"
        assert not (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.path"), (
            f"line {node.lineno}: sys.path"
        )
        assert not (
            isinstance(node, ast.ImportFrom) and node.module == "sys" and "path" in {a.name for a in node.names}
        )


@pytest.mark.parametrize("module", ["helpers", "helpers.shapes", "helpers.progress", "helpers.download"])
def test_loads_the_standard_library_alone(module: str) -> None:
    assert loaded(f"import {module}") == {"helpers"}


def test_no_part_loads_what_only_another_may() -> None:
    parts = [part for part in ARROWS if part not in ("__init__", "plots", "widgets")]
    heavy = loaded(f"from helpers import {', '.join(parts)}")
    assert "torch" in heavy
    assert not heavy & {"torchvision", "sklearn", "matplotlib", "ipywidgets", "anywidget"}


def test_the_benchmark_of_notebooks_needs_no_browser() -> None:
    assert "playwright" not in loaded("import benchmarks.notebooks")


def test_widgets_load_the_plots_late() -> None:
    assert not loaded("from helpers.widgets import KernelLab") & {"torchvision", "sklearn", "matplotlib"}
