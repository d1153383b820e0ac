"""What the learner has passed, kept in one local file. Nothing leaves the machine.

The file is used only when a person sits in front: in a Jupyter kernel whose front end can answer `input()`
(JupyterLab can; nbclient, papermill and nbval say that they cannot), or when the environment variable
WORKBOOK_PROGRESS names a file. Everywhere else progress lives in memory and ends with the Jupyter kernel.
"""

import contextlib
import itertools
import json
import os
import re
import stat
import sys
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

_VERSION = 1
_LARGEST = 1_000_000  # bytes; a real file has a few thousand
_LOCK_PATIENCE = 3.0  # seconds
_NAME = re.compile(r"[\w.]{1,100}")  # of an exercise
_memory: dict[str, str] = {}
_notices: list[str] = []


class _Unusable(Exception):
    """The text of a progress file is not one; the message says why."""


class _Untouchable(Exception):
    """What stands at the path must stay as it is; the message says why."""


def file() -> Path | None:
    """Return the progress file in use now, or None while progress is kept in memory only."""
    named = os.environ.get("WORKBOOK_PROGRESS")
    if named:
        try:
            return _as_path(named)
        except ValueError:
            _notice(
                f"Your progress lasts until the Jupyter kernel ends, because WORKBOOK_PROGRESS is {named!r:.60}: "
                "set it to a file in a folder that exists."
            )
            return None
    ipython = sys.modules.get("IPython")
    kernel = getattr(ipython.get_ipython(), "kernel", None) if ipython else None
    if not getattr(kernel, "_allow_stdin", False):
        return None
    try:
        return Path.home() / ".convolution-workbook" / "progress.json"
    except RuntimeError:  # no home folder
        return None


def record(name: str) -> None:
    """Remember that an exercise was passed; the first day it was passed stays.

    Args:
        name: the exercise's name, such as "convolution.conv2d".
    Raises:
        ValueError: `name` is not an exercise's name. Trouble with the file never raises: see `notices`.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f'An exercise\'s name looks like "convolution.conv2d", not {name!r:.60}: use Exercise.name.')
    _add({name: date.today().isoformat()})


def passed() -> dict[str, str]:
    """Return the exercises passed so far: name -> the day as "YYYY-MM-DD", in alphabetical order."""
    path = file()
    if path is not None:
        try:
            if _stands(path):
                return dict(sorted((_memory | _kept(path)).items()))
        except (OSError, _Unusable, _Untouchable) as error:
            _notice(
                f"Your progress in {path} cannot be read ({_reason(error)}): "
                "what you pass now lasts until the Jupyter kernel ends."
            )
    return dict(sorted(_memory.items()))


def notices() -> list[str]:
    """Return the sentences about the progress file that nobody has seen yet, and forget them."""
    seen = list(_notices)
    _notices.clear()
    return seen


def export(path: str | os.PathLike) -> Path:
    """Write the progress to a file that `import_from` reads, and return its path.

    Raises:
        ValueError: the file cannot be written; an older file of that name is left as it was.
    """
    target = _as_path(path)
    try:
        _write(target, passed())
    except (OSError, _Untouchable) as error:
        raise ValueError(
            f"The progress cannot be written to {target} ({_reason(error)}): name a file in a folder you may write."
        ) from None
    return target


def import_from(path: str | os.PathLike) -> dict[str, str]:
    """Add what an exported file holds to the progress, and return all that is passed now.

    Raises:
        ValueError: the file is missing, unreadable or no progress file; nothing is changed.
    """
    source = _as_path(path)
    try:
        found = _read(source)
    except OSError as error:
        raise ValueError(f"{source} cannot be read ({_reason(error)}): name a file made by export.") from None
    except (_Unusable, _Untouchable) as reason:
        raise ValueError(f"{source} is no progress file ({reason}): name a file made by export.") from None
    _add(found)
    return passed()


def _add(entries: dict[str, str]) -> None:
    for name, day in entries.items():
        _memory.setdefault(name, day)
    path = file()
    if path is None:
        return
    try:
        _stands(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        with _locked(path):
            _write(path, _memory | _read_or_set_aside(path))
    except (OSError, _Untouchable) as error:
        _notice(
            f"Your progress cannot be kept in {path} ({_reason(error)}): "
            "it lasts until the Jupyter kernel ends; export it to keep it."
        )


def _notice(sentence: str) -> None:
    if sentence not in _notices:
        _notices.append(sentence)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)


def _as_path(path: str | os.PathLike) -> Path:
    if not isinstance(path, (str, os.PathLike)) or not os.fspath(path) or "\0" in str(path):
        raise ValueError(f'A file\'s path is needed, such as "progress.json", not {path!r:.60}.')
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise ValueError(f"{path} cannot be used (there is no such home folder): name another file.") from None


def _stands(path: Path) -> bool:
    """Return whether there is a file; a folder, a pipe or a device in its place is _Untouchable."""
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return False
    if not stat.S_ISREG(mode):
        raise _Untouchable("it is a folder" if stat.S_ISDIR(mode) else "it is no ordinary file")
    return True


def _read(path: Path) -> dict[str, str]:
    if _stands(path) and path.stat().st_size > _LARGEST:
        raise _Unusable("it is larger than 1 MB")
    return _parse(path.read_bytes())


def _parse(content: bytes) -> dict[str, str]:
    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        raise _Unusable("it is empty" if not content.strip() else "it is not whole JSON") from None
    if not isinstance(data, dict) or "version" not in data:
        raise _Unusable("it holds other data")
    version = data["version"]
    if isinstance(version, int) and version > _VERSION:
        raise _Untouchable(
            f"the file has version {version!r:.20}, this workbook reads version {_VERSION}; get the newest workbook"
        )
    if version != _VERSION:
        raise _Unusable(f"its version is {version!r:.20}, this workbook reads version {_VERSION}")
    entries = data.get("passed")
    try:
        whole = isinstance(entries, dict) and all(
            _NAME.fullmatch(name) and date.fromisoformat(day) for name, day in entries.items()
        )
    except (TypeError, ValueError):
        whole = False
    if not whole:
        raise _Unusable("its list of exercises is damaged")
    return entries


def _kept(path: Path) -> dict[str, str]:
    try:
        with _locked(path):
            return _read_or_set_aside(path)
    except OSError:  # a folder that only lets read has no place for a lock
        return _read(path)


def _read_or_set_aside(path: Path) -> dict[str, str]:
    try:
        return _read(path)
    except FileNotFoundError:
        return {}
    except (_Unusable, OSError) as error:
        numbered = (path.with_name(f"{path.stem}.broken-{n}{path.suffix}") for n in itertools.count(1))
        aside = next(name for name in numbered if not os.path.lexists(name))
        os.rename(path, aside)
        _notice(
            f"Your progress file could not be read ({_reason(error)}); it is kept as {aside.name}, "
            "and a new one is begun."
        )
        return {}


def _write(path: Path, entries: dict[str, str]) -> None:
    text = json.dumps({"version": _VERSION, "passed": dict(sorted(entries.items()))}, indent=1) + "\n"
    _stands(path)
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.tmp")  # always the same, so that a killed process leaves one at most
    temporary.unlink(missing_ok=True)
    try:
        with open(temporary, "x", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock beside the file; the system lets go of it if this process dies."""
    with open(path.with_name(path.name + ".lock"), "a+b") as lock:
        give_up = time.monotonic() + _LOCK_PATIENCE
        while not _try_lock(lock):
            if time.monotonic() > give_up:
                raise OSError("another Jupyter kernel holds it")
            time.sleep(0.02)
        yield  # closing the file lets go of the lock


def _try_lock(lock) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            lock.seek(0)
            msvcrt.locking(lock.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
