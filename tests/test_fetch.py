"""Fetching real data, against a server on this machine that breaks off, stalls, lies and fails on request."""

import contextlib
import gzip
import hashlib
import http.server
import io
import os
import shutil
import socket
import subprocess
import sys
import tarfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helpers import data, download

ROOT = Path(__file__).resolve().parent.parent


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def pseudo_random(seed: str, size: int) -> bytes:
    return hashlib.shake_128(seed.encode()).digest(size)


FILES = {f"cifar-10-batches-py/{name}": pseudo_random(name, 90_000) for name in ("data_batch_1", "test_batch")}
DIGITS = {f"MNIST/raw/{name}": pseudo_random(name, 5_000) for name in ("images", "labels")}


def tar_of(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def entry(path: str, content: bytes) -> download.File:
    return download.File(path, len(content), md5(content))


def published(url: str, archives: dict[str, tuple[bytes, dict[str, bytes]]]) -> download.Published:
    return download.Published(
        url,
        tuple(
            download.Archive(name, len(packed), md5(packed), tuple(entry(*file) for file in files.items()))
            for name, (packed, files) in archives.items()
        ),
    )


STRANGE = {  # what is sent in place of an answer, piece by piece
    "page": [b"HTTP/1.0 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html>Please log in</html>"],
    "loop": [b"HTTP/1.0 302 Found\r\nLocation: /cifar.tar.gz\r\n\r\n"],
    "nowhere": [b"HTTP/1.0 302 Found\r\nLocation: http://%s.example/\r\n\r\n" % (b"x" * 70)],
    "garbage": [b"\x00\x07 garbage\tof " + b"a" * 5000 + b"\r\n"],
    "slow headers": [b"HTTP/1.0 200 OK\r\n", *([b"X: y\r\n"] * 60)],
}


class Server(http.server.ThreadingHTTPServer):
    """Serves `content` by path; `plan` holds what to do wrong with the next requests, `log` what was asked and sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content: dict[str, bytes] = {}
        self.plan: list[str] = []
        self.log: list[dict] = []
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that the other side closed."""


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Keep quiet."""

    def do_GET(self) -> None:
        server: Server = self.server
        todo = server.plan.pop(0) if server.plan else "whole"
        content = server.content.get(self.path)
        note = {"path": self.path, "range": self.headers["Range"], "if_range": self.headers["If-Range"], "sent": 0}
        server.log.append(note)
        if todo in STRANGE:
            with contextlib.suppress(OSError):
                for piece in STRANGE[todo]:
                    self.wfile.write(piece)
                    if len(STRANGE[todo]) > 1 and server.released.wait(0.1):
                        break
            self.close_connection = True
            return
        if todo.isdecimal() or content is None:
            self.send_error(int(todo) if todo.isdecimal() else 404)
            return
        etag = '"second"' if todo == "changed" else '"first"'
        begin = int(note["range"].removeprefix("bytes=").removesuffix("-")) if note["range"] else 0
        if todo == "no ranges" or note["if_range"] not in (None, etag):
            begin = 0
        if begin >= len(content):
            self.send_error(416)
            return
        at = begin + (7 if begin and todo == "other range" else 0)
        body = content[at:]
        self.send_response(206 if begin else 200)
        if begin:
            self.send_header("Content-Range", f"bytes {at}-{len(content) - 1}/{len(content)}")
        if todo != "no mark":
            self.send_header("ETag", etag)
        if todo == "wrong bytes":
            body = bytes(255 - byte for byte in body)
        if todo == "longer":
            body += b"more"
        if todo == "endless":
            body += b"more"
        else:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        cut = body[: len(body) // 2] if todo in ("break", "stall") else b"" if todo == "drip" else body
        with contextlib.suppress(OSError):
            self.wfile.write(cut)
            note["sent"] = len(cut)
            while todo == "drip" and not server.released.wait(0.02):
                self.wfile.write(b"0")
            if todo == "stall":
                server.released.wait(20)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    running = Server()
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    packed = {f"{Path(path).name}.gz": (gzip.compress(content), {path: content}) for path, content in DIGITS.items()}
    tables = {
        "cifar10": published(running.url, {"cifar.tar.gz": (tar_of(FILES), FILES)}),
        "mnist": published(running.url, packed),
    }
    running.content = {"/cifar.tar.gz": tar_of(FILES)} | {f"/{name}": content for name, (content, _) in packed.items()}
    for name, table in tables.items():
        monkeypatch.setitem(download.PUBLISHED, name, table)
    monkeypatch.setattr(download, "PAUSE", 0.01)
    monkeypatch.setattr(download, "TIMEOUT", 5.0)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield running
    running.released.set()
    running.shutdown()
    running.server_close()
    thread.join(5)


@pytest.fixture(autouse=True)
def fixed_archives(monkeypatch: pytest.MonkeyPatch) -> None:
    """gzip writes the present time into an archive: hold it, so that the same files give the same bytes."""
    monkeypatch.setattr(time, "time", lambda: 1_000_000_000.0)


def assert_whole(root: Path, files: dict[str, bytes], name: str) -> None:
    assert data.problem(name, root) is None
    assert {path: (root / path).read_bytes() for path in files} == files
    assert not list(root.glob(f".{name}/*"))  # nothing is left over


def test_fetch_and_then_nothing_to_do(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    root = tmp_path / "new" / "folder"
    said = data.fetch("cifar10", root, progress=lambda here, total: seen.append((here, total)))
    size = len(server.content["/cifar.tar.gz"])
    assert "is complete" in said
    assert_whole(root, FILES, "cifar10")
    assert seen == sorted(seen)
    assert seen[-1] == (size, size)
    assert "already complete" in data.fetch("cifar10", root)
    assert len(server.log) == 1


def test_only_the_damaged_archive_is_fetched_again(server: Server, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    data.fetch("mnist", tmp_path, progress=lambda *bytes_: seen.append(bytes_))
    assert_whole(tmp_path, DIGITS, "mnist")
    assert seen == sorted(seen)
    assert seen[-1] == (sum(len(server.content[path]) for path in ("/images.gz", "/labels.gz")),) * 2
    (tmp_path / "MNIST/raw/labels").write_bytes(b"half")
    (tmp_path / "MNIST/raw/own notes").write_text("stay")
    data.fetch("mnist", tmp_path)
    assert_whole(tmp_path, DIGITS, "mnist")
    assert [note["path"] for note in server.log] == ["/images.gz", "/labels.gz", "/labels.gz"]
    assert (tmp_path / "MNIST/raw/own notes").exists()


@pytest.mark.parametrize("mark", ["break", "no mark"])
def test_a_broken_connection_is_resumed(server: Server, tmp_path: Path, mark: str) -> None:
    server.plan = ["break", mark]
    data.fetch("cifar10", tmp_path)
    assert_whole(tmp_path, FILES, "cifar10")
    sent = [note["sent"] for note in server.log]
    assert sum(sent) == len(server.content["/cifar.tar.gz"])  # no byte twice
    starts = [sum(sent[:n]) for n in range(1, len(sent))]
    assert [note["range"] for note in server.log] == [None, *(f"bytes={start}-" for start in starts)]
    assert [note["if_range"] for note in server.log[1:]] == ['"first"'] * len(starts)


def test_the_next_fetch_resumes_too(server: Server, tmp_path: Path) -> None:
    server.plan = ["break", *["503"] * 4]
    with pytest.raises(data.DataError, match=r"answered 503 .* given up after 5 tries"):
        data.fetch("cifar10", tmp_path)
    seen: list[int] = []
    data.fetch("cifar10", tmp_path, progress=lambda here, total: seen.append(here))
    half = server.log[0]["sent"]
    assert seen[0] == half
    assert server.log[-1]["range"] == f"bytes={half}-"
    assert_whole(tmp_path, FILES, "cifar10")


@pytest.mark.parametrize(
    "plan", [["break", "no ranges"], ["break", "changed"], ["break", "other range"], ["500"], ["429"]]
)
def test_it_copes(server: Server, tmp_path: Path, plan: list[str]) -> None:
    server.plan = plan
    data.fetch("cifar10", tmp_path)
    assert_whole(tmp_path, FILES, "cifar10")
    assert len(server.log) <= 3


def test_a_part_of_something_else_is_thrown_away(server: Server, tmp_path: Path) -> None:
    size = len(server.content["/cifar.tar.gz"])
    for stale, requests in ((size // 2, 2), (size, 1), (size + 50, 1)):
        root = tmp_path / str(stale)
        (root / ".cifar10").mkdir(parents=True)
        (root / ".cifar10" / "cifar.tar.gz.part").write_bytes(bytes(stale))
        server.log.clear()
        data.fetch("cifar10", root)
        assert_whole(root, FILES, "cifar10")
        assert len(server.log) == requests


def test_416_starts_over(server: Server, tmp_path: Path) -> None:
    server.plan = ["break", "416"]
    data.fetch("cifar10", tmp_path)
    assert_whole(tmp_path, FILES, "cifar10")
    assert [note["range"] is None for note in server.log] == [True, False, True]


def test_wrong_bytes_are_not_unpacked(server: Server, tmp_path: Path) -> None:
    server.plan = ["wrong bytes"]
    with pytest.raises(data.DataError, match=r"other bytes than the published ones \(MD5 .*nothing was unpacked"):
        data.fetch("cifar10", tmp_path)
    assert len(server.log) == 1
    assert not list(tmp_path.rglob("*.part"))
    assert "holds no cifar10 data" in data.problem("cifar10", tmp_path)


def test_another_length_is_another_file(server: Server, tmp_path: Path) -> None:
    server.plan = ["longer"]
    with pytest.raises(data.DataError, match=r"offers [\d,]+ bytes where [\d,]+ are expected"):
        data.fetch("cifar10", tmp_path)
    server.plan = ["endless"] * 9
    with pytest.raises(data.DataError, match="sent more than the expected"):
        data.fetch("cifar10", tmp_path)
    assert len(server.log) == 1 + download.TRIES


@pytest.mark.parametrize("kind", ["stall", "drip"])
def test_a_stall_ends(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(download, "TIMEOUT", 0.2)
    server.plan = [kind] * 9
    with pytest.raises(data.DataError, match=r"sent next to nothing for 0.2 seconds: given up after 5 tries"):
        data.fetch("cifar10", tmp_path)
    assert len(server.log) == download.TRIES


def test_a_404_is_said_at_once(server: Server, tmp_path: Path) -> None:
    server.content.clear()
    with pytest.raises(data.DataError, match=r"answered 404 \(Not Found\)"):
        data.fetch("cifar10", tmp_path)
    assert len(server.log) == 1


def closed_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def test_offline(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(data.DataError, match=r"127.0.0.1 cannot be reached \(.*check the network"):
        data.fetch("cifar10", tmp_path, url=f"http://127.0.0.1:{closed_port()}")

    def no_name(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_name)
    with pytest.raises(data.DataError, match=r"data.example cannot be reached \(Name or service not known\)"):
        data.fetch("cifar10", tmp_path, url="https://data.example/")


@pytest.mark.parametrize("kind", ["truncated", "member missing", "member short", "no gzip", "link"])
def test_a_bad_archive_leaves_nothing(
    server: Server, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = tar_of(FILES)
    first, *_ = FILES
    if kind == "truncated":
        content = content[: len(content) // 2]
    elif kind == "member missing":
        content = tar_of({first: FILES[first]})
    elif kind == "member short":
        content = tar_of({**FILES, "cifar-10-batches-py/test_batch": b"short"})
    elif kind == "no gzip":
        content = b"<html>please log in</html>" * 100
    else:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as tar:
            link = tarfile.TarInfo(first)
            link.type, link.linkname = tarfile.SYMTYPE, "/etc/hostname"
            tar.addfile(link)
        content = packed.getvalue()
    server.content["/cifar.tar.gz"] = content
    table = published(server.url, {"cifar.tar.gz": (content, FILES)})  # as if these had been published
    monkeypatch.setitem(download.PUBLISHED, "cifar10", table)
    with pytest.raises(data.DataError, match=r"cifar.tar.gz cannot be unpacked \(.*it was removed, fetch again"):
        data.fetch("cifar10", tmp_path)
    assert not (tmp_path / "cifar-10-batches-py").exists()
    assert not list(tmp_path.rglob("*.part"))


def test_cancel(server: Server, tmp_path: Path) -> None:
    cancel = threading.Event()
    with pytest.raises(data.DataError, match="was stopped: what came so far is kept"):
        data.fetch("cifar10", tmp_path, cancel=cancel, progress=lambda here, total: here and cancel.set())
    part = tmp_path / ".cifar10" / "cifar.tar.gz.part"
    have = part.stat().st_size
    assert 0 < have < len(server.content["/cifar.tar.gz"])

    class Enough(Exception):
        pass

    def enough(here: int, total: int) -> None:
        raise Enough

    with pytest.raises(Enough):
        data.fetch("cifar10", tmp_path, progress=enough)
    data.fetch("cifar10", tmp_path)
    assert server.log[-1]["range"] == f"bytes={have}-"
    assert_whole(tmp_path, FILES, "cifar10")


def test_two_fetches_at_once(server: Server, tmp_path: Path) -> None:
    def second(here: int, total: int) -> None:
        with pytest.raises(data.DataError, match=r"Another fetch of cifar10 into .* is running"):
            data.fetch("cifar10", tmp_path)

    data.fetch("cifar10", tmp_path, progress=second)
    assert_whole(tmp_path, FILES, "cifar10")
    assert len(server.log) == 1


def test_a_killed_process_leaves_nothing_that_is_taken_for_whole(server: Server, tmp_path: Path) -> None:
    server.plan = ["stall"]
    archive = download.PUBLISHED["cifar10"].archives[0]
    code = f"""
        from helpers import data, download
        from helpers.download import Archive, File, Published
        download.PUBLISHED["cifar10"] = Published({server.url!r}, ({archive!r},))
        data.fetch("cifar10", {str(tmp_path)!r}, progress=lambda here, total: print(here, flush=True))
    """
    process = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    half = len(server.content["/cifar.tar.gz"]) // 2
    try:
        assert any(int(line) == half for line in process.stdout)
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()
    assert "holds no cifar10 data" in data.problem("cifar10", tmp_path)
    with pytest.raises(data.DataError, match="holds no cifar10 data"):
        data.load("cifar10", source="real", root=tmp_path)
    data.fetch("cifar10", tmp_path)  # the lock went with the process, what came is used
    assert server.log[-1]["range"] is not None
    assert_whole(tmp_path, FILES, "cifar10")


def test_killed_between_unpacking_and_naming(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace, calls = os.replace, []

    def dies(*paths: object) -> None:
        calls.append(paths)
        if len(calls) == 2:
            raise KeyboardInterrupt
        replace(*paths)

    monkeypatch.setattr(os, "replace", dies)
    with pytest.raises(KeyboardInterrupt):
        data.fetch("cifar10", tmp_path)
    assert "test_batch is missing" in data.problem("cifar10", tmp_path)
    monkeypatch.setattr(os, "replace", replace)
    data.fetch("cifar10", tmp_path)
    assert len(server.log) == 1  # the archive was there already
    assert_whole(tmp_path, FILES, "cifar10")


def test_the_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for root in (file, file / "below"):
        with pytest.raises(data.DataError, match="is not a folder: choose another root"):
            data.fetch("cifar10", root)

    monkeypatch.setattr(download.shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 9, 1))
    with pytest.raises(data.DataError, match="has 0 MB of free space"):
        data.fetch("cifar10", tmp_path)
    monkeypatch.undo()


def test_a_full_disk_is_told_before_anything_is_fetched(server: Server, small_disk: Path) -> None:
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(data.DataError, match="has 0 MB of free space, 0 MB are needed: make room or choose another"):
        data.fetch("cifar10", small_disk)
    assert server.log == []


def test_a_folder_that_lets_only_read(server: Server, tmp_path: Path, read_only: Callable[[Path], bool]) -> None:
    folder = tmp_path / "shared"
    data.fetch("mnist", folder)
    if not read_only(folder):
        pytest.skip("no folder can be made one that lets only read here")
    assert "already complete" in data.fetch("mnist", folder)
    for root in (folder, folder / "below"):
        with pytest.raises(data.DataError, match=r"^There is no permission to write .*: choose another root\.$"):
            data.fetch("cifar10", root)


@pytest.mark.parametrize("share", [0.5, 1], ids=["half-way", "before it is unpacked"])
def test_a_disk_that_fills_up(server: Server, small_disk: Path, share: float) -> None:
    filler = small_disk / "filler"

    def fill(here: int, total: int) -> None:
        if here >= share * total and not filler.exists():
            filler.write_bytes(bytes(shutil.disk_usage(small_disk).free))

    with pytest.raises(data.DataError, match=r"^The disk of .* is full: make room and fetch again, what came so far"):
        data.fetch("cifar10", small_disk, progress=fill)
    assert "holds no cifar10 data" in data.problem("cifar10", small_disk)
    kept = (small_disk / ".cifar10" / "cifar.tar.gz.part").stat().st_size
    filler.unlink()
    data.fetch("cifar10", small_disk)
    assert_whole(small_disk, FILES, "cifar10")
    assert [note["range"] for note in server.log[1:]] == ([f"bytes={kept}-"] if share < 1 else [])


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (OSError(28, "No space left on device"), "The disk of .* is full: make room and fetch again"),
        (PermissionError(13, "Permission denied", "there"), "There is no permission to write there"),
        (OSError(5, "Input/output error"), r"cannot be written \(Input/output error\)"),
    ],
)
def test_what_the_disk_complains_about(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, message: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    monkeypatch.setattr(download.shutil, "copyfileobj", fails)
    with pytest.raises(data.DataError, match=message) as caught:
        data.fetch("cifar10", tmp_path)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "cifar-10-batches-py").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "cifar"}, "name must be one of 'cifar10', 'mnist', got 'cifar'"),
        ({"name": None}, "got None"),
        ({"root": ""}, "root must be the path of a folder"),
        ({"root": 3}, "got 3"),
        ({"root": "a\0b"}, "root must be"),
        ({"url": "file:///etc"}, "url is 'file:///etc', which is no address that can be used: give one like https://"),
        ({"url": "http://"}, "url is"),
        ({"url": "http://host:99999/"}, "url is"),
        ({"url": "http://a b/"}, "url is 'http://a b/', which is no address"),
        ({"url": "http://a..b/"}, "url is 'http://a..b/', which is no address"),
        ({"url": f"http://{'a' * 64}.example/"}, "url is 'http://a.*, which is no address"),
        ({"url": "http://host:abc/"}, "url is"),
        ({"url": "http://host:0/"}, "url is"),
        ({"url": "http://[::1/"}, "url is"),
        ({"progress": 3}, "progress must be a function"),
        ({"cancel": True}, "cancel must be a threading.Event"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        data.fetch(**{"name": "mnist", "root": tmp_path, **arguments})
    assert "\n" not in str(caught.value)


def test_the_command_says_what_it_did(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert download.main(["fetch", "mnist", "--root", str(tmp_path)]) == 0
    assert "is complete" in capsys.readouterr().out
    assert_whole(tmp_path, DIGITS, "mnist")
    assert download.main(["fetch", "mnist", "--root", str(tmp_path)]) == 0
    assert "already complete" in capsys.readouterr().out

    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(download, "fetch", stopped)
    assert download.main(["fetch", "mnist", "--root", str(tmp_path)]) == 130
    assert "continues where this one left off" in capsys.readouterr().err


def test_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("")
    wanted = {
        ("fetch", "cifar"): (2, "invalid choice: 'cifar'"),
        ("fetch", "mnist", "--root", str(file)): (1, "is not a folder"),
    }
    command = [sys.executable, "-m", "helpers.data"]
    runs = [
        subprocess.Popen([*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for arguments in wanted
    ]
    for run, (status, said) in zip(runs, wanted.values(), strict=True):
        output, errors = run.communicate(timeout=120)
        assert run.returncode == status
        assert said in errors
        assert "Traceback" not in errors
        assert output == ""
    with pytest.raises(SystemExit) as leaves:
        download.main(["fetch", "--help"])
    assert leaves.value.code == 0
    assert "--root DIR" in capsys.readouterr().out
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    address = f"http://127.0.0.1:{closed_port()}"
    assert download.main(["fetch", "mnist", "--root", str(tmp_path), "--url", address]) == 1
    assert "cannot be reached" in capsys.readouterr().err
    assert download.main(["fetch", "mnist", "--root", ""]) == 1
    assert "root must be the path of a folder" in capsys.readouterr().err


def test_the_published_sums_are_torchvisions() -> None:
    from torchvision.datasets import CIFAR10, MNIST

    (cifar,) = download.PUBLISHED["cifar10"].archives
    assert f"{download.PUBLISHED['cifar10'].url}/{cifar.name}" == CIFAR10.url
    assert cifar.md5 == CIFAR10.tgz_md5
    theirs = dict(CIFAR10.train_list + CIFAR10.test_list)
    theirs[CIFAR10.meta["filename"]] = CIFAR10.meta["md5"]
    assert {Path(file.path).name: file.md5 for file in cifar.files} == theirs
    assert {Path(file.path).parent.name for file in cifar.files} == {CIFAR10.base_folder}
    mnist = download.PUBLISHED["mnist"]
    assert [(archive.name, archive.md5) for archive in mnist.archives] == MNIST.resources
    assert f"{mnist.url}/" == MNIST.mirrors[0]
    assert [archive.files[0].path for archive in mnist.archives] == [
        f"MNIST/raw/{name.removesuffix('.gz')}" for name, _ in MNIST.resources
    ]


def test_a_page_is_not_the_file(server: Server, tmp_path: Path) -> None:
    """A network that asks for a login answers every address with its page."""
    for plan in (["page"], ["break", "page"]):
        server.plan = list(plan)
        with pytest.raises(data.DataError, match="sent a page and not the file") as caught:
            data.fetch("cifar10", tmp_path)
        assert "\n" not in str(caught.value)
        kept = [path.read_bytes() for path in tmp_path.rglob("*.part")]
        assert kept == ([server.content["/cifar.tar.gz"][: len(kept[0])]] if len(plan) == 2 else [])
    data.fetch("cifar10", tmp_path)
    assert_whole(tmp_path, FILES, "cifar10")


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("loop", "answered 302 \\(.*: try again later"),
        ("garbage", "the connection to .* failed \\(.*: given up after 5 tries"),
        ("nowhere", "the connection to .* failed \\(.*: given up after 5 tries"),
        ("slow headers", "sent next to nothing for 0.3 seconds: given up after 5 tries"),
    ],
)
def test_a_strange_answer_is_one_short_line(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, said: str
) -> None:
    if kind == "slow headers":
        monkeypatch.setattr(download, "TIMEOUT", 0.3)
    server.plan = [kind] * 30
    with pytest.raises(data.DataError, match=said) as caught:
        data.fetch("cifar10", tmp_path)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 320


@pytest.mark.parametrize("path", ["MNIST/raw/images", "MNIST/raw/labels"])
def test_a_folder_in_the_way_is_named_before_anything_is_fetched(server: Server, tmp_path: Path, path: str) -> None:
    (tmp_path / path).mkdir(parents=True)
    with pytest.raises(data.DataError, match="is in the way of a file of this name: remove it") as caught:
        data.fetch("mnist", tmp_path)
    assert str(tmp_path / path) in str(caught.value)
    assert server.log == []


ROOTS = {
    "too long": (f"/tmp/{'x' * 300}", "which is too long for the name of a folder"),
    "surrogate": ("/tmp/\ud800", "root must be the path of a folder"),
    "byte": ("/tmp/\udcff", "root must be the path of a folder"),
    "NUL": ("/tmp/\0", "root must be the path of a folder"),
}


@pytest.mark.parametrize(("root", "said"), ROOTS.values(), ids=ROOTS)
def test_a_name_that_no_folder_can_have(root: str, said: str, capsys: pytest.CaptureFixture) -> None:
    for use in (data.fetch, data.problem, lambda name, root: data.load("digits", source="real", root=root)):
        with pytest.raises(ValueError, match=said) as caught:
            use("mnist", root)
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 160
    assert download.main(["fetch", "mnist", "--root", root]) == 1
    assert said in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such folder names")
@pytest.mark.parametrize("name", ["plain", "of two words", "it's", 'a "quote"', "$HOME", "`x`"])
def test_the_command_can_be_run_as_it_stands(tmp_path: Path, name: str) -> None:
    said = data.problem("mnist", tmp_path / name)
    command = said.split("run `", 1)[1].rsplit("`, or use", 1)[0]
    shown = subprocess.run(["sh", "-c", f"printf '%s\\n' {command}"], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines()[-1] == str(tmp_path / name)
