"""The map of the series with the learner's progress, which can be taken along as a file."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import traitlets as t

from .. import progress
from ..exercises import EXERCISES
from ..shapes import short
from .panel import Panel
from .series import SERIES

LARGEST_IMPORT = 1_000_000  # characters


class SeriesMap(Panel):
    """Show all notebooks, how many exercises of each are passed, and take the progress along as a file.

    Args:
        notebooks_dir: the folder with the notebooks; where the Jupyter kernel runs when not given.
    Raises:
        TraitError: there is no such folder.

    `rooms` is what is shown, a dict for each notebook; `refresh()` reads the folder and the progress again, which
    happens by itself whenever the map is shown.
    """

    sentence = "Run this cell to see your own progress."

    rooms = t.List(read_only=True).tag(sync=True)

    def __init__(self, notebooks_dir: str | os.PathLike | None = None) -> None:
        if notebooks_dir is not None and not _is_folder(notebooks_dir):
            raise t.TraitError(f"notebooks_dir is {short(notebooks_dir)}; it must be a folder that exists.")
        super().__init__()
        self._folder = Path.cwd() if notebooks_dir is None else Path(notebooks_dir).resolve()
        self.refresh()

    def refresh(self) -> None:
        """Read the folder and the progress again."""
        passed = progress.passed()
        self.set_trait("rooms", [self._room(notebook, passed) for notebook in SERIES])
        if said := progress.notices():
            self.message = " ".join(said)

    def _room(self, notebook, passed) -> dict:
        names = [name for name in EXERCISES if name.split(".")[0] == notebook.exercises]
        file = min(self._folder.glob(f"{notebook.number:02d}_*.ipynb"), default=None)
        return {
            "number": notebook.number,
            "title": notebook.title,
            "question": notebook.question,
            "link": file and Path(os.path.relpath(file, Path.cwd())).as_posix(),
            "passed": sum(name in passed for name in names),
            "total": len(names),
        }

    def _do_refresh(self, _request: dict) -> None:
        self.refresh()

    def _do_export(self, _request: dict) -> dict:
        with tempfile.TemporaryDirectory() as folder:
            text = progress.export(Path(folder) / "progress.json").read_text(encoding="utf-8")
        return {"text": text}

    def _do_import(self, request: dict) -> None:
        """`request` holds the file's name and text."""
        name, text = _readable(Path(str(request.get("name"))).name)[:60] or "file", request.get("text")
        if not isinstance(text, str) or len(text) > LARGEST_IMPORT:
            raise ValueError(f"{name} is no progress file (it is too large): choose a file made by Export.")
        if text != _readable(text):
            raise ValueError(f"{name} is no progress file (it is no text): choose a file made by Export.")
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "progress.json"
            path.write_text(text, encoding="utf-8")
            before = len(progress.passed())
            try:
                after = len(progress.import_from(path))
            except ValueError as error:
                raise ValueError(str(error).replace(str(path), name)) from None
        self.refresh()
        self.message = f"Read {name}: {_count(after - before)} added, {_count(after)} passed in all."

    def still(self) -> tuple[bytes, str]:
        """Return a picture of the map without anybody's progress."""
        from .. import plots

        title = "The map of the series"
        lines = [f"{number:>2}  {name}. {question}" for number, name, question, _ in SERIES]
        return plots.to_png(plots.card(title, lines, width=90).figure), "\n".join([title, *lines])

    def _ipython_display_(self) -> None:
        self.refresh()
        super()._ipython_display_()


def _readable(text: str) -> str:
    """Return the text with a question mark for each character that no file can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _is_folder(path: object) -> bool:
    try:
        return isinstance(path, str | os.PathLike) and bool(os.fspath(path)) and Path(path).is_dir()
    except (OSError, TypeError, ValueError):  # too long, of bytes, or text that no folder can have
        return False


def _count(exercises: int) -> str:
    return f"{exercises} exercise{'' if exercises == 1 else 's'}"
