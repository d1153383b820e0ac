"""What happens to learners: cells run twice, restarts, no network, folders that let only read, odd names, full disks.

Each notebook runs solved, from a copy of the project in a folder with an odd name that lets only read. What its Python
code, or a child's, tries to reach beyond this machine is refused and written down. More on progress files is in
test_progress.py, on downloads in test_fetch.py.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import build
import nbformat
import pytest
from nbformat import NotebookNode
from test_notebooks import every_notebook, exercises_alone, verdicts

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ODD_NAME = "Übungen am Café, 畳み込み"

# Every Python with this on its path runs it first. An audit hook sees what Python code asks of sockets, in a fork too.
WATCH = """
import errno, os, socket, sys

HERE = {"localhost", "::1", "0.0.0.0", "::", socket.gethostname()}  # its own name: torch.distributed looks it up

def watch(event, arguments):
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        place = arguments[1]
        host = place[0] if isinstance(place, tuple) else None  # otherwise a path on this machine, or connected before
    elif event in ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr"):
        host = arguments[0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host and host not in HERE and not host.startswith("127."):
        with open(os.environ["ATTEMPTS"], "a") as file:
            print(event, host, *sys.orig_argv, file=file)
        raise OSError(errno.ENETUNREACH, "Network is unreachable")

sys.addaudithook(watch)
"""

Runner = Callable[[NotebookNode, Path], NotebookNode]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, read_only: Callable[[Path], bool]) -> Path:
    """A copy of the project in a folder with an odd name, which lets only read where that can be had."""
    root, copy = build.HERE.parent, tmp_path_factory.mktemp("faults") / ODD_NAME
    for part in ("helpers", "notebooks"):
        shutil.copytree(root / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(root / "pyproject.toml", copy)
    read_only(copy)
    return copy


@pytest.fixture
def full_disk(tmp_path: Path, mount: Callable[..., bool]) -> Path:
    """A disk without a free byte; where none can be mounted, a file stands in its place."""
    disk = tmp_path / "full"
    disk.mkdir()
    if mount("-t", "tmpfs", "-o", "size=64k", "full", disk):
        (disk / "filler").write_bytes(bytes(shutil.disk_usage(disk).free))
    else:
        disk.rmdir()
        disk.write_text("")
    return disk


@pytest.fixture
def attempts(tmp_path: Path) -> Path:
    """Where each attempt to reach another machine is written down, one a line."""
    return tmp_path / "attempts.txt"


@pytest.fixture
def run(checkout: Path, tmp_path: Path, attempts: Path) -> Runner:
    """run(notebook, progress file): the notebook with its outputs, run in the checkout by its own helpers."""

    def run(notebook: NotebookNode, kept: Path) -> NotebookNode:
        watch = tmp_path / "watch"
        watch.mkdir()
        (watch / "sitecustomize.py").write_text(WATCH, encoding="utf-8")
        before, after = tmp_path / "before.ipynb", tmp_path / "after.ipynb"
        nbformat.write(notebook, before)
        done = subprocess.run(
            [sys.executable, "-m", "papermill", before, after, "--cwd", checkout / "notebooks", "--kernel", "python3"],
            env=os.environ
            | {
                "PYTHONPATH": os.pathsep.join([str(watch), str(checkout)]),
                "ATTEMPTS": str(attempts),
                "WORKBOOK_PROGRESS": str(kept),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=850,
        )
        tried = attempts.read_text() if attempts.exists() else ""
        assert done.returncode == 0, f"{tried}{done.stderr[-4000:]}"
        return nbformat.read(after, as_version=4)

    return run


def shown_by(cell: NotebookNode) -> list[str | dict]:
    """Return what a cell printed and what it displayed, less the models of widgets."""
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    displayed = [dict(output.data) for output in cell.outputs if "data" in output]
    for data in displayed:
        data.pop(build.WIDGET_VIEW, None)
    return [printed, *displayed]


def said_by(notebook: NotebookNode) -> list[str]:
    """Return the text that each check cell showed."""
    checks = [cell for cell in notebook.cells if build.exercise_of(cell, "check")]
    return ["".join(output.data["text/plain"] for output in cell.outputs if "data" in output) for cell in checks]


PROBE = """
import socket, subprocess, sys
from pathlib import Path
import helpers

print(Path(helpers.__file__).parent.parent == Path.cwd().parent)
try:
    socket.socket().connect(("192.0.2.1", 80))
except OSError as error:
    print(error.strerror)
child = "import urllib.request; urllib.request.urlopen('http://child.example')"
print(subprocess.run([sys.executable, "-c", child], stderr=subprocess.DEVNULL).returncode)
try:
    Path("new.txt").write_text("")
    print("written")
except OSError:
    print("only read")
"""


def test_the_notebooks_run_where_this_file_says(run: Runner, checkout: Path, attempts: Path, tmp_path: Path) -> None:
    cell = nbformat.v4.new_code_cell(PROBE)
    done = run(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "progress.json")
    *said, folder = "".join(output.text for output in done.cells[0].outputs).splitlines()
    assert said == ["True", "Network is unreachable", "1"]
    in_kernel, in_child = attempts.read_text().splitlines()
    assert in_kernel.startswith("socket.connect 192.0.2.1 ")
    assert in_child.startswith("socket.getaddrinfo child.example ")
    if folder == "written" and os.access(checkout, os.W_OK):
        pytest.skip(
            "no folder can be made one that lets only read: root needs leave to mount, as it has not in a container"
        )
    assert folder == "only read"


def twice(notebook: NotebookNode) -> NotebookNode:
    """Return the notebook with each code cell twice in a row."""
    copy = nbformat.from_dict(notebook)
    copy.cells = []
    for cell in notebook.cells:
        copy.cells.append(cell)
        if cell.cell_type == "code":
            copy.cells.append(nbformat.from_dict(cell | {"id": f"{cell.id}-again"}))
    return copy


@every_notebook
def test_each_cell_twice_without_room_for_the_progress(
    source: Path, run: Runner, attempts: Path, full_disk: Path
) -> None:
    done = run(twice(build.solved(build.read(source))), full_disk / "progress.json")
    assert not attempts.exists(), attempts.read_text()
    code = [cell for cell in done.cells if cell.cell_type == "code"]
    for once, again in zip(code[::2], code[1::2], strict=True):
        if "nbval-ignore-output" not in once.metadata.tags:
            assert shown_by(again) == shown_by(once), once.source
    assert set(verdicts(done).values()) == {"passed"}
    why = "No space left on device): it lasts until the Jupyter kernel ends" if full_disk.is_dir() else ""
    for said in said_by(done):
        assert said.count(f"Your progress cannot be kept in {full_disk / 'progress.json'} ({why}") == 1, said


@every_notebook
def test_after_a_restart_the_exercises_need_the_set_up_alone(
    source: Path, run: Runner, attempts: Path, tmp_path: Path
) -> None:
    """And the progress file was cut off by then."""
    kept = tmp_path / "progress.json"
    kept.write_text('{"version": 1, "passed": {"a.b": "2020-0')
    notebook = build.solved(build.read(source))
    names = [name for cell in notebook.cells if (name := build.exercise_of(cell))]
    half = names[len(names) // 2 :]
    done = run(exercises_alone(notebook, len(names) // 2), kept)
    assert not attempts.exists(), attempts.read_text()
    assert verdicts(done) == dict.fromkeys(half, "passed")
    first, *others = said_by(done)
    assert first.count("it is kept as progress.broken-1.json, and a new one is begun.") == 1
    assert not any("progress" in said for said in others)
    assert sorted(json.loads(kept.read_text())["passed"]) == sorted(half)
    assert (tmp_path / "progress.broken-1.json").read_text().endswith("2020-0")
