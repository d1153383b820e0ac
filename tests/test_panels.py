"""The panels of notebook 00 in Python: the check of the set-up, the data panel and the map of the series."""

import functools
import gzip
import hashlib
import http.server
import json
import threading
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from traitlets import TraitError
from widget_page import draw, receive

from helpers import download, exercises, progress
from helpers.widgets import DataPanel, SeriesMap, SetupCheck, series, setup_check

ROOT = Path(__file__).resolve().parent.parent


class Ear:
    """Stands in for the browser: sends a request, keeps what Python answers."""

    def __init__(self, panel, monkeypatch: pytest.MonkeyPatch) -> None:
        self.panel, self.heard = panel, []
        monkeypatch.setattr(panel, "send", self.heard.append)

    def ask(self, **request: object) -> dict:
        self.panel._handle_custom_msg(request, [])
        return self.heard.pop() if self.heard else {}


# ------------------------------------------------------------------------------------------------- the set-up


def test_the_minimums_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = dict(line.split(">=") for line in project["dependencies"])
    assert {name: declared[name] for name in setup_check.MINIMUMS} == setup_check.MINIMUMS
    assert project["requires-python"] == f">={setup_check.PYTHON}"


def test_this_machine_is_ready() -> None:
    check = SetupCheck()
    assert check.ready
    assert [row.name for row in check.rows] == [
        *("Python", "torch", "torchvision", "jupyterlab", "ipywidgets", "anywidget"),
        *("device", "memory", "disk", "progress"),
    ]
    assert all(row.text.endswith(".") for row in check.rows)


@pytest.mark.parametrize(
    ("found", "least", "status"),
    [
        ("2.6.0", "2.6", "fine"),
        ("2.15.0+cpu", "2.6", "fine"),
        ("2.10", "2.9.1", "fine"),
        ("2.5.9", "2.6", "missing"),
        ("0.9.12", "0.9.13", "missing"),
        ("2.7.0a0+git0ddbfd9", "2.6", "fine"),
        ("3.0rc1", "2.99", "fine"),
        (None, "2.6", "missing"),
    ],
)
def test_versions(found: str | None, least: str, status: str) -> None:
    row = setup_check._package("torch", found, least)
    assert row.status == status
    if status == "missing":
        assert least in row.text
        assert "make lab" in row.text
        assert (found or "Not installed") in row.text


def test_what_is_missing_is_said_and_the_check_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    check = SetupCheck()
    assert check.ready
    monkeypatch.setitem(setup_check.MINIMUMS, "no-such-package-anywhere", "7")
    ear = Ear(check, monkeypatch)
    assert ear.ask(do="check", id="a1") == {"done": "check", "id": "a1"}
    assert not check.ready
    row = next(row for row in check.rows if row.status == "missing")
    assert row.text.startswith("Not installed; 7 or newer is needed: run make lab again")


@pytest.mark.parametrize(
    ("free", "status", "said"),
    [(0.4, "look", "Only 0.4 GB free"), (1.49, "look", "close other programs"), (1.5, "fine", "About 1.5 GB free."),
     (23.4, "fine", "About 23 GB free."), (None, "look", "cannot be told")],
)  # fmt: skip
def test_little_memory_is_worth_a_look(free: float | None, status: str, said: str) -> None:
    row = setup_check._memory(free)
    assert row.status == status
    assert said in row.text


@pytest.mark.parametrize(("free", "status"), [(0.9, "look"), (1.1, "fine"), (None, "look")])
def test_little_disk_is_worth_a_look(free: float | None, status: str) -> None:
    assert setup_check._disk(free).status == status


def test_the_place_of_the_progress_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert setup_check._progress().status == "look"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "mine.json"))
    assert setup_check._progress().text == f"Kept on this machine, in {tmp_path / 'mine.json'}."
    assert not list(tmp_path.iterdir()), "looking writes nothing"


@pytest.mark.parametrize("make", [SetupCheck, DataPanel, SeriesMap])
def test_a_still_holds_nothing_of_this_machine(make: Callable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    before = make().still()
    monkeypatch.setattr(setup_check, "_free_memory", lambda: 0.123)
    monkeypatch.setattr(setup_check.platform, "python_version", lambda: "3.99.1")
    monkeypatch.setattr(progress, "passed", lambda: {"convolution.conv2d": "2026-01-01"})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "04_convolution_by_hand.ipynb").touch()
    assert make().still() == before


@pytest.mark.parametrize("request_", [None, [], {}, {"do": 3}, {"do": "receive"}, {"do": "__init__"}, {"do": "x" * 9}])
def test_what_a_panel_does_not_know_it_ignores(request_: object, monkeypatch: pytest.MonkeyPatch) -> None:
    ear = Ear(SeriesMap(), monkeypatch)
    ear.panel._receive(ear.panel, request_, [])
    assert ear.heard == []


# ------------------------------------------------------------------------------------------------- the map


@pytest.fixture
def room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of notebooks, and a progress file of its own."""
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "progress" / "progress.json"))
    monkeypatch.setattr(progress, "_memory", {})
    notebooks = tmp_path / "notebooks"
    notebooks.mkdir()
    monkeypatch.chdir(notebooks)
    return notebooks


def test_the_series_is_counted_from_0_and_has_a_place_for_every_exercise() -> None:
    assert [notebook.number for notebook in series.SERIES] == list(range(len(series.SERIES)))
    assert all(notebook.title and notebook.question.endswith("?") for notebook in series.SERIES)
    assert {name.split(".")[0] for name in exercises.EXERCISES} == {notebook.exercises for notebook in series.SERIES}
    for file in (ROOT / "notebooks").glob("*.ipynb"):
        title = series.SERIES[int(file.name[:2])].title
        heading = json.loads(file.read_text(encoding="utf-8"))["cells"][0]["source"]
        assert title.lower() in "".join(heading).splitlines()[0].lower()


def test_the_map_counts_what_is_passed_and_links_what_is_there(room: Path) -> None:
    (room / "04_convolution_by_hand.ipynb").touch()
    total = sum(name.startswith("convolution.") for name in exercises.EXERCISES)
    series_map = SeriesMap()
    assert {key: series_map.rooms[4][key] for key in ("link", "passed", "total")} == {
        "link": "04_convolution_by_hand.ipynb",
        "passed": 0,
        "total": total,
    }
    assert series_map.rooms[5]["link"] is None
    progress.record("convolution.conv2d")
    progress.record("some.other")
    series_map.refresh()
    assert {i: one["passed"] for i, one in enumerate(series_map.rooms) if one["passed"]} == {4: 1}
    assert SeriesMap(room.parent).rooms[4]["link"] is None
    (room.parent / "05_padding.ipynb").touch()
    assert SeriesMap(str(room.parent)).rooms[5]["link"] == "../05_padding.ipynb"


def test_progress_goes_to_another_machine(room: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    progress.record("convolution.conv2d")
    text = Ear(SeriesMap(), monkeypatch).ask(do="export")["text"]
    assert json.loads(text)["passed"].keys() == {"convolution.conv2d"}

    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "elsewhere.json"))
    monkeypatch.setattr(progress, "_memory", {})
    names = [name for name in exercises.EXERCISES if name.startswith("start_here.")]
    progress.record(names[0])
    ear = Ear(SeriesMap(), monkeypatch)
    ear.ask(do="import", name="progress.json", text=text)
    assert ear.panel.message == "Read progress.json: 1 exercise added, 2 exercises passed in all."
    assert ear.panel.rooms[4]["passed"] == 1
    assert progress.passed().keys() == {"convolution.conv2d", names[0]}


LARGE = '{"version": 1, "passed": {}}' + " " * 1_000_000


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"version": 99, "passed": {}}', None, 3, LARGE])
def test_a_bad_file_is_refused_with_a_sentence_and_nothing_is_lost(
    room: Path, monkeypatch: pytest.MonkeyPatch, text: object
) -> None:
    progress.record("convolution.conv2d")
    ear = Ear(SeriesMap(), monkeypatch)
    assert ear.ask(do="import", name="C:\\fakepath/notes.txt", text=text) == {"done": "import"}
    assert ear.panel.message.startswith("notes.txt is no progress file (")
    assert progress.passed().keys() == {"convolution.conv2d"}


def test_the_map_touches_no_file_where_nobody_sits(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("WORKBOOK_PROGRESS", raising=False)
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    SeriesMap()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("folder", ["", 3, "no/such/folder", True])
def test_a_folder_that_is_not_there_is_named(folder: object) -> None:
    with pytest.raises(TraitError, match=f"notebooks_dir is {folder!r}; it must be a folder that exists"):
        SeriesMap(folder)


# ------------------------------------------------------------------------------------------------- the data


class Server(http.server.BaseHTTPRequestHandler):
    """Serves `files`; `hold` keeps it from sending the second half, `gone` makes it answer 404."""

    def do_GET(self) -> None:
        server = self.server
        server.asked.append(self.path)
        body = server.files.get(self.path.lstrip("/"))
        if body is None or server.gone:
            self.send_error(404)
            return
        start = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        middle = max(start, len(body) // 2)
        self.wfile.write(body[start:middle])
        self.wfile.flush()
        server.half.set()
        server.hold.wait(20)
        try:
            for at in range(middle, len(body), 65536):
                self.wfile.write(body[at : at + 65536])
        except OSError:
            pass  # the fetch was cancelled

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server on this machine with a small MNIST, which `download` takes for the published one."""
    content = bytes(range(256)) * 4096
    packed = gzip.compress(content, compresslevel=0, mtime=0)

    def md5(what: bytes) -> str:
        return hashlib.md5(what, usedforsecurity=False).hexdigest()

    names = ("train-images", "t10k-images")
    archives = tuple(
        download.Archive(
            f"{n}.gz", len(packed), md5(packed), (download.File(f"MNIST/raw/{n}", len(content), md5(content)),)
        )
        for n in names
    )
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.files = {f"{n}.gz": packed for n in names}
    server.asked, server.half, server.hold, server.gone = [], threading.Event(), threading.Event(), False
    server.hold.set()
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setitem(download.PUBLISHED, "mnist", download.Published(address, archives))
    monkeypatch.setitem(download.PUBLISHED, "cifar10", download.Published(address, archives))
    monkeypatch.setattr(download, "PAUSE", 0.01)
    thread = threading.Thread(target=functools.partial(server.serve_forever, poll_interval=0.02), daemon=True)
    thread.start()
    yield server
    server.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


def test_nothing_is_fetched_by_itself(server, tmp_path: Path) -> None:
    panel = DataPanel(tmp_path)
    assert [(name, one["state"]) for name, one in panel.status.items()] == [("cifar10", "absent"), ("mnist", "absent")]
    panel.refresh()
    panel.still()
    assert server.asked == []
    assert list(tmp_path.iterdir()) == []


def test_the_button_fetches(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = DataPanel(tmp_path)
    seen = []
    panel.observe(lambda change: seen.append(change.new["mnist"]), "sets")
    assert Ear(panel, monkeypatch).ask(do="fetch", name="mnist") == {"done": "fetch"}
    panel._thread.join(20)
    assert panel.status["mnist"]["state"] == "complete"
    assert download.problem("mnist", tmp_path) is None
    assert panel.message.startswith("The mnist data is complete in")
    assert (seen[0]["state"], seen[0]["text"]) == ("running", "Connecting …")
    done = [one["done"] for one in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1]["total"]
    said = 'Complete and checked. A notebook uses it with data = "real".'
    assert DataPanel(tmp_path).status["mnist"]["text"] == said


def test_the_folder_is_said_in_words(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tmp_path / "new"
    missing = " This folder does not exist yet: fetching makes it."
    same = f" A notebook that uses real data must name the same folder: data_root = {str(new)!r}."
    panel = DataPanel(new)
    assert panel.place == f"Real data goes to {new}.{missing}{same}"
    panel.fetch("mnist").join(20)
    assert panel.place == f"Real data goes to {new}.{same}"
    monkeypatch.chdir(new)
    panel.root = ""
    usual = str(new / "data")
    assert panel.place.startswith(f"No folder is named, so the usual one is used: {usual}.{missing} A notebook")
    assert panel.place.endswith(f"data_root = {usual!r}.")
    (new / "data").mkdir()
    panel.refresh()
    assert missing not in panel.place
    panel.root = "../other"
    assert panel.place.endswith("data_root = '../other'.")


@pytest.mark.browser
def test_the_folder_is_said_under_its_field(page, tmp_path: Path) -> None:
    panel = DataPanel(tmp_path / "new")
    draw(page, panel)
    assert page.get_by_text(panel.place).is_visible()
    said = page.get_by_label("Folder for real data").get_attribute("aria-describedby").split()
    assert page.locator(f"#{said[1]}").inner_text() == panel.place
    receive(page, place="Elsewhere.")
    page.get_by_text("Elsewhere.").wait_for()


def test_the_browser_is_told_at_most_ten_times_a_second(
    server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = iter(n / 1000 for n in range(1, 10**6))  # a millisecond passes between two pieces
    monkeypatch.setattr("helpers.widgets.data_panel.time.monotonic", lambda: next(now))
    panel = DataPanel(tmp_path)
    pieces, seen = [], []

    def fetch(name, root, *, progress, cancel):
        for here in range(0, 1000):
            progress(here, 1000)
            pieces.append(here)
        return "done"

    monkeypatch.setattr(download, "fetch", fetch)
    panel.observe(seen.append, "sets")
    panel.fetch("mnist").join(20)
    assert len(pieces) == 1000  # one second
    assert 5 <= len(seen) <= 12


def test_cancel_keeps_what_came_and_the_next_fetch_continues(server, tmp_path: Path) -> None:
    server.hold.clear()
    panel = DataPanel(tmp_path)
    thread = panel.fetch("mnist")
    assert server.half.wait(20)
    for second in ("mnist", "cifar10"):
        with pytest.raises(ValueError, match="A fetch is running: wait until it has ended, or cancel it"):
            panel.fetch(second)
    with pytest.raises(TraitError, match="A fetch is running"):
        panel.root = str(tmp_path / "other")
    panel.cancel()
    server.hold.set()
    thread.join(20)
    status = panel.status["mnist"]
    assert status["state"] == "partial"
    assert 0 < status["done"] < status["total"]
    assert "was stopped: what came so far is kept" in panel.message
    again = DataPanel(tmp_path)
    assert again.status["mnist"]["text"] == status["text"] == f"In part: {status['done'] / 1e6:.0f} of 2 MB."
    first = []
    again.observe(lambda change: first.append(change.new["mnist"]["done"]), "sets")
    again.fetch("mnist").join(20)
    assert again.status["mnist"]["state"] == "complete"
    assert min(first) >= status["done"], "it goes on, it does not begin anew"


def test_what_is_whole_already_counts(server, tmp_path: Path) -> None:
    panel = DataPanel(tmp_path)
    panel.fetch("mnist").join(20)
    (tmp_path / "MNIST" / "raw" / "train-images").unlink()
    panel.refresh()
    status = panel.status["mnist"]
    assert (status["state"], status["done"]) == ("partial", status["total"] // 2)
    done = []
    panel.observe(lambda change: done.append(change.new["mnist"]["done"]), "sets")
    panel.fetch("mnist").join(20)
    assert len(done) >= 3
    assert min(done) == status["done"]
    assert done[-1] == status["total"]


def test_an_error_is_one_sentence_in_the_panel(server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server.gone = True
    panel = DataPanel(tmp_path)
    panel.fetch("mnist").join(20)
    assert "404" in panel.message
    assert "\n" not in panel.message
    assert panel.status["mnist"]["state"] == "absent"

    def broken(*_: object, **__: object) -> str:
        raise KeyError("x")

    monkeypatch.setattr(download, "fetch", broken)
    panel.fetch("mnist").join(20)
    assert panel.message == "The fetch of MNIST failed (KeyError: 'x'): try again."
    assert panel.status["mnist"]["state"] == "absent"


def test_a_damaged_file_is_seen(server, tmp_path: Path) -> None:
    panel = DataPanel(tmp_path)
    panel.fetch("mnist").join(20)
    for name in ("train-images", "t10k-images"):
        file = tmp_path / "MNIST" / "raw" / name
        file.write_bytes(b"X" + file.read_bytes()[1:])
    panel.refresh()
    assert panel.status["mnist"]["state"] == "damaged"
    assert "other content" in panel.status["mnist"]["text"]
    assert "python -m" not in panel.status["mnist"]["text"]
    panel.fetch("mnist").join(20)
    assert panel.status["mnist"]["state"] == "complete"


def test_a_bad_folder_is_named_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.touch()
    panel = DataPanel(tmp_path)
    ear = Ear(panel, monkeypatch)
    bad = {
        str(file): "is a file",
        f"{file}/below": "is a file",
        "a\0b": "the path of a folder",
        "\ud800": "the path of a folder",
        "x" * 300: "too long for the name of a folder",
        3: "the path of a folder",
        True: "the path of a folder",
    }
    for value, said in bad.items():
        with pytest.raises(TraitError, match=said):
            DataPanel(value)
        answer = ear.ask(do="root", value=value)
        assert said in answer["error"]
        assert panel.root == str(tmp_path)
    assert ear.ask(do="root", value=f" {tmp_path / 'new'} ") == {"done": "root"}
    assert panel.root == str(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    assert panel.status["mnist"]["state"] == "absent"


def test_a_folder_that_lets_only_read_shows_its_data(server, tmp_path: Path, read_only: Callable[[Path], bool]) -> None:
    folder = tmp_path / "shared"
    DataPanel(folder).fetch("mnist").join(20)
    if not read_only(folder):
        pytest.skip("no folder can be made one that lets only read here")
    panel = DataPanel(folder)
    assert panel.status["mnist"]["state"] == "complete"
    assert f"{folder} lets only read: name another folder to fetch data." in panel.place
    below = DataPanel(folder / "below")
    assert f"{folder} lets only read" in below.place
    below.fetch("cifar10").join(20)
    assert below.message.startswith("There is no permission to write ")


@pytest.mark.parametrize("name", ["imagenet", "", None, 3, ["mnist"]])
def test_a_data_set_that_is_not_there_is_named(name: object, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="it must be one of cifar10, mnist"):
        DataPanel(tmp_path).fetch(name)
