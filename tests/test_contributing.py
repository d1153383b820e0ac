"""The worked example of CONTRIBUTING.md, pasted into a copy of the workbook: it builds and is proven."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"(?ms)^`(\S+)`\n\n```\w+\n(.*?)^```$", PAGE))
ROWS = re.findall(r"(?m)^\| `(\S+)`, last in `(\w+)` \| `(.+?,)`", PAGE)


def paste(folder: Path) -> None:
    """Do in a copy of the workbook what the page says: write its files, and the lines that make them known."""
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name, table, line in ROWS:
        whole, end = re.search(rf"(?ms)^{table}\b.*?(^[)}}])", (text := (folder / name).read_text("utf-8"))).group(0, 1)
        (folder / name).write_text(text.replace(whole, f"{whole.removesuffix(end)}    {line}\n{end}"), "utf-8")
    for name, line in (
        ("helpers/exercises/__init__.py", "from . import upsampling"),
        ("tests/makers.py", "from helpers.widgets import Upsampler"),
    ):
        text = (folder / name).read_text("utf-8")
        (folder / name).write_text(re.sub(r"(?m)^from (?!col)", f"{line}\n\\g<0>", text, count=1), "utf-8")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """run(arguments of Python…) in the copy, which must succeed: what it printed."""
    copy = tmp_path_factory.mktemp("copy")
    for folder, left_out in (("helpers", ()), ("tests", ()), ("notebooks", ("*.ipynb", "[0-9]*.py"))):
        shutil.copytree(ROOT / folder, copy / folder, ignore=shutil.ignore_patterns("__pycache__", *left_out))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy)
    paste(copy)

    def run(*arguments: str) -> str:
        fresh = {**os.environ, "PYTHONPATH": os.pathsep.join([str(copy), str(copy / "notebooks")]), "PYTHONUTF8": "1"}
        done = subprocess.run([sys.executable, *arguments], cwd=copy, env=fresh, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_the_page_holds_the_whole_example() -> None:
    assert set(FILES) == {
        "helpers/predictions/upsampling.py",
        "notebooks/src/11_upsampling.py",
        "helpers/exercises/upsampling.py",
        "helpers/widgets/upsampler.py",
        "helpers/widgets/upsampler.js",
        "tests/test_upsampler.py",
    }
    assert [name for name, _, _ in ROWS] == [
        "helpers/widgets/series.py",
        "helpers/widgets/__init__.py",
        "tests/makers.py",
    ]


def test_the_example_is_in_the_house_s_style(tmp_path: Path) -> None:
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    for command in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, "--no-cache", "."], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_exercise_and_the_widget_are_proven_and_the_notebook_has_the_form(run: Callable[..., str]) -> None:
    run("-c", "import build, nbformat; nbformat.write(build.read(*build.SOURCES), build.notebook_of(*build.SOURCES))")
    files = [f"tests/test_{name}.py" for name in ("exercises", "upsampler", "base", "imports", "notebooks")]
    chosen = "enlarge or upsampler or upsampling.py or form_of_the_house or every_exercise_of_the_module"
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "", "-k", chosen, *files)
    assert int(re.search(r"(\d+) passed", said)[1]) > 80


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_notebook_builds_and_runs_solved(run: Callable[..., str]) -> None:
    run("notebooks/build.py", "11")
    said = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "11_ or solved", "tests/test_notebooks.py")
    assert int(re.search(r"(\d+) passed", said)[1]) >= 9
