"""The data panel: what data is on disk, and buttons that fetch the real CIFAR-10 and MNIST."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import traitlets as t

from .. import download
from ..shapes import short
from .panel import Panel

TITLES = {"cifar10": "CIFAR-10", "mnist": "MNIST"}
PAUSE = 0.1  # seconds between two looks at the progress
BUILT_IN = (
    "Drawn birds and airplanes, slashes, handwritten digits, a photograph and small patterns. "
    "They come with the workbook and need no network."
)


class DataPanel(Panel):
    """Show what data is on disk and fetch the real CIFAR-10 and MNIST, one at a time, in the background.

    Args:
        root: the folder for real data; the project's folder `data` when not given.
    Raises:
        TraitError: root cannot be a folder; the message says why.

    `status` holds what is there, `place` says in words which folder is used. `fetch("mnist")` starts what the button
    starts, `cancel()` stops it. What came so far is kept, and the next fetch goes on from there. Nothing is fetched
    before somebody asks for it.
    """

    sentence = "Run this cell to see what is on your disk."

    root = t.TraitType("").tag(sync=True)
    sets = t.Dict(read_only=True).tag(sync=True)
    place = t.Unicode(read_only=True).tag(sync=True)
    built_in = t.Unicode(BUILT_IN, read_only=True).tag(sync=True)

    def __init__(self, root: str | os.PathLike | None = None) -> None:
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        super().__init__(root="" if root is None else root)
        self.refresh()

    @property
    def status(self) -> dict[str, dict]:
        """For "cifar10" and "mnist": `state` ("absent", "partial", "damaged", "complete" or "running"), the bytes that
        are here (`done`) and in all (`total`), and a sentence (`text`)."""
        return {name: dict(one) for name, one in self.sets.items()}

    def refresh(self) -> None:
        """Look at the disk again."""
        if not self._busy:
            self.set_trait("sets", {name: self._look(name) for name in TITLES})
            self.set_trait("place", self._where())

    def fetch(self, name: str) -> threading.Thread:
        """Start to fetch a data set in the background, and return the thread that does it.

        Args:
            name: "cifar10" or "mnist".
        Raises:
            ValueError: there is no such data set, or a fetch is running already.
        """
        if not isinstance(name, str) or name not in TITLES:
            raise ValueError(f"name is {short(name)}; it must be one of {', '.join(TITLES)}.")
        if self._busy:
            raise ValueError("A fetch is running: wait until it has ended, or cancel it.")
        self._cancel.clear()
        self.message = ""
        self._show(name, state="running", text="Connecting …")
        self._thread = threading.Thread(target=self._run, args=(name,), daemon=True)
        self._thread.start()
        return self._thread

    def cancel(self) -> None:
        """Stop the fetch that is running, if one is; what came so far is kept."""
        self._cancel.set()

    @property
    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self, name: str) -> None:
        shown = 0.0

        def told(here: int, wanted: int) -> None:
            nonlocal shown
            now = time.monotonic()
            if now - shown >= PAUSE:
                shown = now
                total = self.sets[name]["total"]
                done = total - wanted + here  # what is whole already is not fetched again
                self._show(name, done=done, text=f"Coming: {_megabytes(done, total)}.")

        try:
            said = download.fetch(name, self.root or None, progress=told, cancel=self._cancel)
        except (ValueError, download.DataError) as error:
            said = str(error)
        except Exception as error:  # whatever it was, the learner gets a sentence
            said = f"The fetch of {TITLES[name]} failed ({type(error).__name__}: {error}): try again."
        self._show(name, **self._look(name))
        self.message = said

    def _show(self, name: str, **changed: object) -> None:
        self.set_trait("sets", self.sets | {name: self.sets[name] | changed})
        self.set_trait("place", self._where())

    def _where(self) -> str:
        folder = download.folder_of(self.root or None).absolute()
        said = "Real data goes to" if self.root else "No folder is named, so the usual one is used:"
        said = f"{said} {folder}."
        nearest = _nearest(folder)
        if not os.access(nearest, os.W_OK):
            said += f" {nearest} lets only read: name another folder to fetch data."
        elif not folder.exists():
            said += " This folder does not exist yet: fetching makes it."
        named = self.root or str(folder)
        return f"{said} A notebook that uses real data must name the same folder: data_root = {named!r}."

    def _look(self, name: str) -> dict:
        """Return what is on disk of one data set."""
        archives = download.PUBLISHED[name].archives
        total = sum(archive.size for archive in archives)
        found = {"title": TITLES[name], "total": total}
        fault = download.problem(name, self.root or None)
        if fault is None:
            text = 'Complete and checked. A notebook uses it with data = "real".'
            return found | {"state": "complete", "done": total, "text": text}
        folder = download.folder_of(self.root or None)
        whole = [one for one in archives if all(_size(folder / file.path) == file.size for file in one.files)]
        parts = [_size(path) for path in (folder / f".{name}").glob("*.part")]
        done = sum(archive.size for archive in whole) + sum(parts)
        if 0 < done < total:
            return found | {"state": "partial", "done": done, "text": f"In part: {_megabytes(done, total)}."}
        if any((folder / file.path).exists() for archive in archives for file in archive.files):
            return found | {"state": "damaged", "done": 0, "text": fault.split(": run `")[0] + "."}
        return found | {"state": "absent", "done": 0, "text": "Not fetched. The built-in data is enough to learn with."}

    @t.validate("root")
    def _check_root(self, proposal: t.Bunch) -> str:
        if self._busy:
            raise t.TraitError("A fetch is running: wait until it has ended, or cancel it, to choose another folder.")
        if not isinstance(proposal.value, str | os.PathLike):
            raise t.TraitError(f"root is {short(proposal.value)}; it must be the path of a folder.")
        root = str(proposal.value).strip()
        if root:
            try:
                nearest = _nearest(download.folder_of(root))
            except ValueError as error:
                raise t.TraitError(f"{str(error).rstrip('.')}.") from None
            if not nearest.is_dir():
                raise t.TraitError(f"{nearest} is a file; name a folder.")
        return root

    @t.observe("root")
    def _follow_root(self, _change: t.Bunch) -> None:
        self.refresh()

    def _do_root(self, request: dict) -> dict | None:
        try:
            self.root = request.get("value")
        except t.TraitError as error:
            return {"error": str(error)}
        return None

    def _do_fetch(self, request: dict) -> None:
        self.fetch(request.get("name"))

    def _do_cancel(self, _request: dict) -> None:
        self.cancel()

    def still(self) -> tuple[bytes, str]:
        """Return a picture of what there is to fetch; nothing of this machine is in it."""
        from .. import plots

        title = "Data"
        lines = [
            f"Built in: {BUILT_IN}",
            "Real, fetched when you ask for it: CIFAR-10 (170 MB) and MNIST (12 MB).",
        ]
        return plots.to_png(plots.card(title, lines).figure), "\n".join([title, *lines])


def _nearest(folder: Path) -> Path:
    """Return the folder, or what there is of the way to it."""
    return next((place for place in (folder, *folder.absolute().parents) if place.exists()), folder)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _megabytes(done: int, total: int) -> str:
    return f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"
