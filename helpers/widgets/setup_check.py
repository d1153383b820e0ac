"""The check of the set-up: what is there, what is missing and what to do, in plain words."""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import traitlets as t

from .. import progress
from .panel import Panel

MINIMUMS = {  # as in pyproject.toml; a test holds the two against each other
    "torch": "2.6",
    "torchvision": "0.21",
    "jupyterlab": "4.4",
    "ipywidgets": "8.1",
    "anywidget": "0.9.13",
}
PYTHON = "3.11"
LITTLE_MEMORY = 1.5  # GB
LITTLE_DISK = 1.0  # GB; CIFAR-10 takes 0.35 GB while it is unpacked


@dataclass(frozen=True)
class Row:
    """One line of the check.

    Attributes:
        name: what was looked at.
        status: "fine", "look" (it works, but read the sentence) or "missing" (it does not work).
        text: what was found and, unless it is fine, what to do.
    """

    name: str
    status: str
    text: str


class SetupCheck(Panel):
    """Say what this machine has and what is missing. `rows` holds the lines, `ready` whether nothing is missing.

    `answer_ms` is how long the browser waited for Python's answer, in milliseconds; None before a browser has asked.
    """

    sentence = "Run this cell to see your own set-up."

    lines = t.List(read_only=True).tag(sync=True)
    answer_ms = t.Float(None, allow_none=True).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self._do_check()

    @property
    def rows(self) -> list[Row]:
        """What was found when the check last ran."""
        return [Row(**line) for line in self.lines]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return all(row.status != "missing" for row in self.rows)

    def _do_check(self, _request: dict | None = None) -> None:
        self.set_trait("lines", [asdict(row) for row in look()])

    def still(self) -> tuple[bytes, str]:
        """Return a picture that says what is checked; nothing of this machine is in it."""
        from .. import plots

        title = "Is everything there?"
        lines = ["Checked: Python, " + ", ".join(MINIMUMS) + ", the device, free memory and disk space, the place of "
                 "your progress, and whether widgets answer in this browser."]  # fmt: skip
        return plots.to_png(plots.card(title, lines).figure), f"{title} {lines[0]}"


def look() -> list[Row]:
    """Return what this machine has, a row for each thing that the workbook needs."""
    rows = [_package("Python", platform.python_version(), PYTHON)]
    for name, least in MINIMUMS.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = None
        rows.append(_package(name, found, least))
    return [*rows, _device(), _memory(_free_memory()), _disk(_free_disk()), _progress()]


def _package(name: str, found: str | None, least: str) -> Row:
    """`found` is the version, None where the package is not installed."""
    cure = "run make lab again, or pip install as the README says for your way in, then restart the Jupyter kernel."
    if name == "Python":
        cure = f"install Python {least} or newer, delete the folder .venv and run make lab again."
    if found is None:
        return Row(name, "missing", f"Not installed; {least} or newer is needed: {cure}")
    if _numbers(found) < _numbers(least):
        return Row(name, "missing", f"Version {found} is too old; {least} or newer is needed: {cure}")
    return Row(name, "fine", f"Version {found}.")


def _numbers(text: str) -> list[int]:
    return [int(n) for n in re.findall(r"\d+", text.split("+")[0])[:3]]


def _device() -> Row:
    try:
        import torch
    except (ImportError, OSError):  # OSError: a library that torch needs is missing or damaged
        return Row("device", "missing", "torch cannot be loaded: see its row above, or install it again.")
    if torch.cuda.is_available():
        return Row("device", "fine", f"CUDA: {torch.cuda.get_device_name()}.")
    return Row("device", "fine", "The CPU. That is enough: every notebook is made for it.")


def _free_memory() -> float | None:
    """Return the memory that new work can use, in GB; None where it cannot be told."""
    try:
        import psutil
    except ImportError:
        return None
    return psutil.virtual_memory().available / 1e9


def _free_disk() -> float | None:
    """Return the free disk space in the home folder, in GB; None where it cannot be told."""
    try:
        return shutil.disk_usage(Path.home()).free / 1e9
    except (OSError, RuntimeError):
        return None


def _memory(free: float | None) -> Row:
    if free is None:
        return Row("memory", "look", "How much is free cannot be told here; 1.5 GB are enough.")
    if free < LITTLE_MEMORY:
        cure = "close other programs, or shut down other Jupyter kernels (the square in JupyterLab's left bar)"
        return Row("memory", "look", f"Only {_gigabytes(free)} free, and {LITTLE_MEMORY} GB are good to have: {cure}.")
    return Row("memory", "fine", f"About {_gigabytes(free)} free.")


def _disk(free: float | None) -> Row:
    if free is None:
        return Row("disk", "look", "How much is free cannot be told here; real data needs up to 1 GB.")
    if free < LITTLE_DISK:
        return Row(
            "disk", "look", f"Only {_gigabytes(free)} free: enough for the built-in data, too little for CIFAR-10."
        )
    return Row("disk", "fine", f"About {_gigabytes(free)} free.")


def _gigabytes(free: float) -> str:
    return f"{free:.0f} GB" if free >= 3 else f"{free:.1f} GB"


def _progress() -> Row:
    file = progress.file()
    if file is None:
        text = "Kept until the Jupyter kernel ends: there is no place for a file here. Export it to keep it."
        return Row("progress", "look", text)
    return Row("progress", "fine", f"Kept on this machine, in {file}.")
