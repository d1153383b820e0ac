"""The real CIFAR-10 and MNIST: what is published, whether a folder holds it whole, and the fetch that resumes.

Only `fetch` touches the network. Without a root, the real data belongs into the folder `data` of the project: beside
the nearest pyproject.toml at or above the current folder, else in the current folder itself.
"""

import argparse
import contextlib
import errno
import functools
import gzip
import hashlib
import http.client
import os
import queue
import re
import shlex
import shutil
import socket
import ssl
import stat
import sys
import tarfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, NamedTuple

from .shapes import one_of, short


class DataError(RuntimeError):
    """The data cannot be read or fetched; the message says why and what to do, in one sentence or two."""


# ------------------------------------------------------------------------------------------------- what is published


class File(NamedTuple):
    """A file that torchvision reads: its path in the root, its bytes, its MD5."""

    path: str
    size: int
    md5: str


class Archive(NamedTuple):
    """A published archive: its name, its bytes, its MD5, and the files in it."""

    name: str
    size: int
    md5: str
    files: tuple[File, ...]


class Published(NamedTuple):
    """A published data set: the address of the folder with its archives, and these."""

    url: str
    archives: tuple[Archive, ...]


# The MD5 sums of the archives and of CIFAR-10's files are those in torchvision's source.
_CIFAR10_FILES = (
    File("cifar-10-batches-py/data_batch_1", 31_035_704, "c99cafc152244af753f735de768cd75f"),
    File("cifar-10-batches-py/data_batch_2", 31_035_320, "d4bba439e000b95fd0a9bffe97cbabec"),
    File("cifar-10-batches-py/data_batch_3", 31_035_999, "54ebc095f3ab1f0389bbae665268c751"),
    File("cifar-10-batches-py/data_batch_4", 31_035_696, "634d18415352ddfa80567beed471001a"),
    File("cifar-10-batches-py/data_batch_5", 31_035_623, "482c414d41f54cd18b22e5b47cb7c3cb"),
    File("cifar-10-batches-py/test_batch", 31_035_526, "40351d587109b95175f43aff81a1287e"),
    File("cifar-10-batches-py/batches.meta", 158, "5ff9c542aee3614f3951f8cda6e48888"),
)
_MNIST = (  # name; size and MD5 of the archive; size and MD5 of the file in it
    (
        "train-images-idx3",
        9_912_422,
        "f68b3c2dcbeaaa9fbdd348bbdeb94873",
        47_040_016,
        "6bbc9ace898e44ae57da46a324031adb",
    ),
    ("train-labels-idx1", 28_881, "d53e105ee54ea40749a09fcbcd1e9432", 60_008, "a25bea736e30d166cdddb491f175f624"),
    ("t10k-images-idx3", 1_648_877, "9fb629c4189551a2d022fa330f9573f3", 7_840_016, "2646ac647ad5339dbf082846283269ea"),
    ("t10k-labels-idx1", 4_542, "ec29112dd5afa0611ce80d1b7f02629c", 10_008, "27ae3e4e09519cfbb04c329615203637"),
)
PUBLISHED = {
    "cifar10": Published(
        "https://www.cs.toronto.edu/~kriz",
        (Archive("cifar-10-python.tar.gz", 170_498_071, "c58f30108f718f92721af3b95e74349a", _CIFAR10_FILES),),
    ),
    "mnist": Published(
        "https://ossci-datasets.s3.amazonaws.com/mnist",
        tuple(
            Archive(f"{name}-ubyte.gz", packed, packed_md5, (File(f"MNIST/raw/{name}-ubyte", size, md5),))
            for name, packed, packed_md5, size, md5 in _MNIST
        ),
    ),
}


# -------------------------------------------------------------------------------------------------- whole or not


def problem(name: str, root: str | os.PathLike | None = None) -> str | None:
    """Say what keeps the real data from being loaded.

    Args:
        name: "cifar10" or "mnist".
        root: the folder that holds it; None means the project's folder `data`.
    Returns:
        None when every file is there with its published bytes; else a sentence that names what is wrong, what is
        expected and the command that repairs it.
    Raises:
        ValueError: name or root is not one of these.
    """
    archives, folder = _published(name).archives, folder_of(root)
    fault = _no_folder(folder)
    if fault is None:
        faults = [_fault(folder, file) for archive in archives for file in archive.files]
        if not any(faults):
            return None
        missing = all(fault and fault.endswith("is missing") for fault in faults)
        fault = f"The folder {folder} holds no {name} data" if missing else next(filter(None, faults))
    shown = f'"{folder}"' if os.name == "nt" else shlex.quote(str(folder))
    return (
        f"{fault}: run `python -m helpers.data fetch {name} --root {shown}`, or use source='built-in' "
        f'(in a notebook: data = "built-in").'
    )


def _no_folder(folder: Path) -> str | None:
    try:
        if not folder.exists():
            return f"The folder {folder} does not exist"
    except OSError as error:
        return f"The folder {folder} cannot be read ({error.strerror})"
    return None if folder.is_dir() else f"{folder} is not a folder"


def folder_of(root: object) -> Path:
    """Return the folder of the real data: `root`, or the project's folder `data` when it is None.

    Raises:
        ValueError: root is no path, or one that no folder can have.
    """
    if root is None:
        here = Path.cwd()
        home = next((folder for folder in (here, *here.parents) if (folder / "pyproject.toml").is_file()), here)
        return home / "data"
    if not isinstance(root, str | os.PathLike) or not _possible(os.fspath(root)):
        raise ValueError(f"root must be the path of a folder, or None for the project's folder data, got {short(root)}")
    folder = Path(root)
    with contextlib.suppress(RuntimeError):  # a ~ without a home stays as it is
        folder = folder.expanduser()
    try:
        folder.stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise ValueError(
                f"root is {short(str(root))}, which is too long for the name of a folder: choose another."
            ) from None
    return folder


def _possible(path: str | bytes) -> bool:
    """Say whether a path is text that is not empty and that can be written: no lone surrogate and no NUL."""
    return isinstance(path, str) and path != "" and not re.search("[\0\ud800-\udfff]", path)


def _line(text: object, most: int = 160) -> str:
    """Return text that came from elsewhere as one line of at most `most` characters."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _published(name: object) -> Published:
    return PUBLISHED[one_of("name", name, PUBLISHED)]


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, functools.partial(hashlib.md5, usedforsecurity=False)).hexdigest()


def _fault(folder: Path, file: File) -> str | None:
    path = folder / file.path
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return f"{path} is not a file, and in the way of one (remove it)"
        if found.st_size != file.size:
            return f"{path} has {found.st_size:,} bytes where {file.size:,} are expected"
        if (md5 := _md5(path)) != file.md5:
            return f"{path} has the expected {file.size:,} bytes but other content (MD5 {md5}, not {file.md5})"
    except (FileNotFoundError, NotADirectoryError):
        return f"{path} is missing"
    except OSError as error:
        return f"{path} cannot be read ({error.strerror})"
    return None


# -------------------------------------------------------------------------------------------------------- fetching

TIMEOUT = 30.0  # seconds without a connection, or with less than a kilobyte, after which a try is given up
TRIES = 5  # for each archive
PAUSE = 1.0  # seconds before the second try; doubled before each further one

Progress = Callable[[int, int], object]


def fetch(
    name: str,
    root: str | os.PathLike | None = None,
    *,
    progress: Progress | None = None,
    cancel: threading.Event | None = None,
    url: str | None = None,
) -> str:
    """Download real data into a folder; continue where an earlier download broke off.

    Every archive is checked by MD5 before it is unpacked, every file before it gets its name. What is already whole
    is not fetched again. Two fetches of the same data into one folder do not run at once: the second is refused.

    Args:
        name: "cifar10" (170 MB to download, 186 MB on disk) or "mnist" (12 MB, 55 MB).
        root: the folder to fill, made if it is missing; None means the project's folder `data`.
        progress: called with the bytes that are here and the bytes in all, after every piece. What it raises ends the
            fetch and is raised here.
        cancel: once it is set, the fetch ends with a DataError: with the next piece, or after 30 s without one.
        url: address of another folder that holds the same archives.
    Returns:
        A sentence that says what was done.
    Raises:
        ValueError: an argument is not one of these.
        DataError: no connection, a wrong answer, wrong bytes, a full disk, no permission, or cancelled. What came so
            far is kept for the next fetch, unless it was wrong.
    """
    published, folder = _published(name), folder_of(root)
    url = published.url if url is None else _address(url)
    if progress is not None and not callable(progress):
        raise ValueError(f"progress must be a function of two numbers, got {short(progress)}")
    if cancel is not None and not isinstance(cancel, threading.Event):
        raise ValueError(f"cancel must be a threading.Event, got {short(cancel)}")
    done = f"The {name} data in {folder} is already complete: nothing was fetched."
    if problem(name, folder) is None:
        return done

    with _disk(folder), _alone(name, folder):
        wanted = [a for a in published.archives if any(_fault(folder, file) for file in a.files)]
        if not wanted:  # another fetch ended in between
            return done
        for path in (folder / file.path for archive in wanted for file in archive.files):
            if path.is_dir():
                raise DataError(f"The folder {path} is in the way of a file of this name: remove it and fetch again.")
        work = folder / f".{name}"
        work.mkdir(exist_ok=True)
        total, before = sum(archive.size for archive in wanted), 0
        started = sum(path.stat().st_size for path in work.glob("*.part"))
        needed = total - started + sum(file.size for archive in wanted for file in archive.files)
        if (free := shutil.disk_usage(folder).free) < needed:
            raise DataError(
                f"{folder} has {free / 1e6:,.0f} MB of free space, {needed / 1e6:,.0f} MB are needed: "
                f"make room or choose another folder."
            )
        for archive in wanted:

            def report(here: int, before: int = before) -> None:
                if progress is not None:
                    progress(before + here, total)
                if cancel is not None and cancel.is_set():
                    raise DataError(f"The fetch of {name} was stopped: what came so far is kept for the next fetch.")

            part = work / f"{archive.name}.part"
            _download(archive, f"{url}/{archive.name}", part, report, cancel)
            _unpack(archive, part, folder)
            before += archive.size
        shutil.rmtree(work)
    return f"The {name} data is complete in {folder}: {total / 1e6:,.1f} MB fetched and checked."


def _address(url: object) -> str:
    try:
        parts = (
            urllib.parse.urlsplit(url)
            if isinstance(url, str) and not re.search(r"[\x00-\x20\x7f-\U0010ffff]", url)
            else None
        )
        valid = parts is not None and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
        if valid:
            parts.hostname.encode("idna")
    except ValueError:
        valid = False
    if not valid:
        raise ValueError(
            f"url is {short(url)}, which is no address that can be used: give one like https://host.example/folder."
        )
    return url.rstrip("/")


@contextlib.contextmanager
def _disk(folder: Path) -> Iterator[None]:
    """Make the folder and turn what the disk complains about into one sentence."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(f"{error.filename} is not a folder: choose another root.") from error
    except OSError as error:
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            said = f"The disk of {folder} is full: make room and fetch again, what came so far is kept."
        elif isinstance(error, PermissionError) or error.errno == errno.EROFS:
            said = f"There is no permission to write {error.filename or folder}: choose another root."
        else:
            said = f"{error.filename or folder} cannot be written ({error.strerror or error}): choose another root."
        raise DataError(said) from error


@contextlib.contextmanager
def _alone(name: str, folder: Path) -> Iterator[None]:
    """Hold the lock of this data in this folder. The system lets go of it when a process dies."""
    import filelock

    lock = filelock.FileLock(folder / f".{name}.lock", timeout=0)
    try:
        lock.acquire()
    except filelock.Timeout:
        raise DataError(f"Another fetch of {name} into {folder} is running: wait until it has ended.") from None
    except NotImplementedError as error:
        raise DataError(f"The disk of {folder} cannot lock files: choose another root.") from error
    with lock:
        yield


class _TryAgain(Exception):
    """This try failed in a way that the next one may not."""


def _download(
    archive: Archive, url: str, part: Path, report: Callable[[int], None], cancel: threading.Event | None
) -> None:
    """Bring the file `part` to all of the archive's bytes, its MD5 checked."""
    why = ""
    for attempt in range(TRIES):
        pause = PAUSE * 2 ** (attempt - 1) if attempt else 0
        if cancel is not None:
            cancel.wait(pause)
        else:
            time.sleep(pause)
        resumed = part.exists() and part.stat().st_size > 0
        report(part.stat().st_size if resumed else 0)
        try:
            _continue(archive, url, part, report)
        except _TryAgain as error:
            why = str(error)
            continue
        if (md5 := _md5(part)) == archive.md5:
            return
        part.unlink()
        why = f"{url} gave other bytes than the published ones (MD5 {md5}, not {archive.md5})"
        if not resumed:
            raise DataError(f"{why}: nothing was unpacked, try again later or name a mirror with url.")
    raise DataError(f"{why}: given up after {TRIES} tries, fetch again to continue.")


def _continue(archive: Archive, url: str, part: Path, report: Callable[[int], None]) -> None:
    """Ask once for the bytes that `part` lacks and append them."""
    tag = part.with_suffix(".tag")  # the server's mark of the version that was begun
    have = part.stat().st_size if part.exists() else 0
    if have > archive.size:
        part.unlink()
        have = 0
    if have == archive.size:
        return
    headers = {"User-Agent": "helpers.data", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if tag.exists():
            headers["If-Range"] = tag.read_text(encoding="latin-1")
    with _open(url, headers, part) as response:
        if response.headers.get_content_type() in ("text/html", "application/xhtml+xml"):
            raise DataError(
                f"{url} sent a page and not the file, perhaps one to log in to this network: open it in a browser, "
                f"then fetch again."
            )
        length = response.headers.get("Content-Length", "")
        said = int(length) if length.isdecimal() else None
        if response.status == 206:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", "").strip())
            if not have or span is None or int(span[1]) != have:
                part.unlink(missing_ok=True)
                raise _TryAgain(f"{url} sent another range than the one asked for")
            said = None if span[2] == "*" else int(span[2])
        else:
            have = 0
        if said is not None and said != archive.size:
            raise DataError(
                f"{url} offers {said:,} bytes where {archive.size:,} are expected: it is not the published file, "
                f"name a mirror with url."
            )
        with part.open("ab" if have else "wb") as file:
            if not have:
                mark = response.headers.get("ETag", "")
                mark = response.headers.get("Last-Modified", "") if not mark or mark.startswith("W/") else mark
                tag.unlink(missing_ok=True)
                if mark:
                    tag.write_text(mark, encoding="latin-1")
            for piece in _pieces(response, url):
                have += len(piece)
                if have > archive.size:
                    break
                file.write(piece)
                report(have)
    if have > archive.size:
        part.unlink()
        raise _TryAgain(f"{url} sent more than the expected {archive.size:,} bytes")
    if have < archive.size:
        raise _TryAgain(f"the connection to {url} broke off after {have:,} of {archive.size:,} bytes")


def _answer(request: urllib.request.Request) -> http.client.HTTPResponse:
    """Return the answer once its headers are there; TimeoutError when they take longer than TIMEOUT in all.

    The timeout of a connection would not do: it begins anew with every byte."""
    box: queue.SimpleQueue = queue.SimpleQueue()

    def wait() -> None:
        try:
            box.put(urllib.request.urlopen(request, timeout=TIMEOUT))
        except Exception as error:
            box.put(error)

    threading.Thread(target=wait, daemon=True).start()
    try:
        answer = box.get(timeout=TIMEOUT)
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, Exception):
        raise answer
    return answer


def _open(url: str, headers: dict[str, str], part: Path) -> http.client.HTTPResponse:
    try:
        return _answer(urllib.request.Request(url, headers=headers))
    except urllib.error.HTTPError as error:
        error.close()
        said = f"{url} answered {error.code} ({_line(error.reason)})"
        if error.code == 416:  # the range lies outside: what is here does not belong to this file
            part.unlink(missing_ok=True)
        elif error.code not in (408, 425, 429) and error.code < 500:
            raise DataError(f"{said}: try again later or name a mirror with url.") from error
        raise _TryAgain(said) from error
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: led on to an impossible address
        reason = getattr(error, "reason", error)
        host = urllib.parse.urlsplit(url).hostname
        offline = (errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN)
        if isinstance(reason, ssl.SSLCertVerificationError):
            raise DataError(f"The certificate of {host} cannot be verified ({reason.verify_message}).") from error
        if isinstance(reason, socket.gaierror) or getattr(reason, "errno", None) in offline:
            raise DataError(
                f"{host} cannot be reached ({getattr(reason, 'strerror', None) or reason}): "
                f"check the network and fetch again, or use the built-in data."
            ) from error
        raise _TryAgain(_network(url, reason)) from error


def _pieces(response: http.client.HTTPResponse, url: str) -> Iterator[bytes]:
    """Yield what comes, piece by piece. A connection that gives less than a kilobyte in TIMEOUT seconds has stalled."""
    since, got = time.monotonic(), 0
    while True:
        try:
            piece = response.read1(2**16)
        except (OSError, http.client.HTTPException) as error:
            raise _TryAgain(_network(url, error)) from error
        if not piece:
            return
        yield piece
        got += len(piece)
        if time.monotonic() - since > TIMEOUT:
            if got < 1024:
                raise _TryAgain(_network(url, TimeoutError()))
            since, got = time.monotonic(), 0


def _network(url: str, error: object) -> str:
    if isinstance(error, TimeoutError):
        return f"{url} sent next to nothing for {TIMEOUT:g} seconds"
    return f"the connection to {url} failed ({_line(error) or type(error).__name__})"


def _unpack(archive: Archive, part: Path, folder: Path) -> None:
    """Write the archive's files beside their places, check them, then give them their names.

    Only the members that are expected are read, as bytes: no path and no link in the archive is ever followed."""
    beside = part.with_suffix(".unpacked")
    shutil.rmtree(beside, ignore_errors=True)  # left by a process that was killed
    beside.mkdir()
    try:
        for number, (file, packed) in enumerate(_members(archive, part)):
            with packed, (beside / str(number)).open("wb") as plain:
                shutil.copyfileobj(packed, plain, 2**20)
            if _fault(beside, file._replace(path=str(number))):
                raise EOFError(f"{file.path} is not whole")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, KeyError) as error:
        part.unlink()
        raise DataError(f"{archive.name} cannot be unpacked ({error}): it was removed, fetch again.") from error
    for number, file in enumerate(archive.files):
        (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
        os.replace(beside / str(number), folder / file.path)
    beside.rmdir()
    part.unlink()


def _members(archive: Archive, part: Path) -> Iterator[tuple[File, IO[bytes]]]:
    if not archive.name.endswith(".tar.gz"):
        yield archive.files[0], gzip.open(part)  # noqa: SIM115
        return
    with tarfile.open(part, "r:gz") as tar:
        for file in archive.files:
            member = tar.extractfile(file.path)
            if member is None:
                raise KeyError(f"{file.path} is not a file")
            yield file, member


# ------------------------------------------------------------------------------------------------------ command line


def main(arguments: list[str] | None = None) -> int:
    """Run `python -m helpers.data`; return the exit status: 0 done, 1 failed, 2 misused, 130 interrupted."""
    parser = argparse.ArgumentParser(prog="python -m helpers.data", description="The real data of the workbook.")
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser(
        "fetch",
        help="download CIFAR-10 (170 MB) or MNIST (12 MB)",
        description="Download real data, check it and unpack it. Started again, it continues where it broke off.",
    )
    command.add_argument("name", choices=list(PUBLISHED))
    command.add_argument("--root", metavar="DIR", help="folder to fill (default: the project's folder data)")
    command.add_argument("--url", help="address of another folder that holds the same archives")
    options = parser.parse_args(arguments)

    from tqdm import tqdm

    bar = tqdm(unit="B", unit_scale=True, desc=options.name, leave=False, delay=0.5)

    def progress(here: int, total: int) -> None:
        bar.total = total
        bar.update(here - bar.n)

    try:
        with bar:
            done = fetch(options.name, options.root, progress=progress, url=options.url)
    except (DataError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped: the same command continues where this one left off.", file=sys.stderr)
        return 130
    print(done)
    return 0
