"""The learner's progress file: never lost, never half-written, and never touched by a run of the tests."""

import json
import multiprocessing
import os
import shutil
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from helpers import progress


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    monkeypatch.setattr(progress, "_memory", {})
    monkeypatch.setattr(progress, "_notices", [])
    monkeypatch.delenv("WORKBOOK_PROGRESS", raising=False)


@pytest.fixture
def path(tmp_path, monkeypatch):
    path = tmp_path / "folder" / "progress.json"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(path))
    return path


def restart(monkeypatch):
    monkeypatch.setattr(progress, "_memory", {})


def test_without_a_person_it_stays_in_memory(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert progress.file() is None
    progress.record("convolution.conv2d")
    assert list(progress.passed()) == ["convolution.conv2d"]
    assert list(tmp_path.iterdir()) == []
    restart(monkeypatch)
    assert progress.passed() == {}


def test_what_is_recorded_lasts(path, monkeypatch):
    progress.record("convolution.conv2d")
    progress.record("a.b")
    restart(monkeypatch)
    assert list(progress.passed()) == ["a.b", "convolution.conv2d"]
    assert progress.notices() == []


def test_the_first_day_stays(path):
    path.parent.mkdir()
    path.write_text('{"version": 1, "passed": {"a.b": "2020-02-03"}}')
    progress.record("a.b")
    assert progress.passed() == {"a.b": "2020-02-03"}
    assert json.loads(path.read_text())["passed"] == {"a.b": "2020-02-03"}


@pytest.mark.parametrize("name", [None, "", 3, "a b", "../x", "a" * 200, b"a.b"])
def test_a_name_that_is_none_is_refused(path, name):
    with pytest.raises(ValueError, match=r"looks like"):
        progress.record(name)
    assert not path.exists()


BROKEN = {
    "empty": "",
    "cut off": '{"version": 1, "passed": {"a.b": "2020-0',
    "other JSON": "[1, 2]",
    "no version": "{}",
    "another version": '{"version": "2", "passed": {}}',
    "too large": '{"version": 1, "passed": {}}' + " " * 1_000_000,
    "a damaged list": '{"version": 1, "passed": ["a.b"]}',
    "a damaged day": '{"version": 1, "passed": {"a.b": "yesterday"}}',
    "a damaged name": '{"version": 1, "passed": {"a b": "2020-01-01"}}',
    "nested": "[" * 100_000,
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("use", [lambda: progress.record("a.b"), progress.passed], ids=["record", "passed"])
def test_a_broken_file_is_set_aside_and_never_lost(path, content, use):
    path.parent.mkdir()
    (path.parent / "progress.broken-1.json").write_text("older")
    path.write_text(content)
    use()
    assert (path.parent / "progress.broken-2.json").read_text() == content
    assert (path.parent / "progress.broken-1.json").read_text() == "older"
    (sentence,) = progress.notices()
    assert "progress.broken-2.json" in sentence
    assert progress.notices() == []
    progress.record("c.d")
    assert "c.d" in json.loads(path.read_text())["passed"]


def test_bytes_that_are_no_text_are_set_aside(path):
    path.parent.mkdir()
    path.write_bytes(b"\xff\xfe\x00broken")
    progress.record("a.b")
    assert (path.parent / "progress.broken-1.json").read_bytes() == b"\xff\xfe\x00broken"


LATER = '{"version": 2, "passed": {"c.d": "2020-02-03"}, "more": 1}'


def later(path):
    path.write_text(LATER)


def pipe(path):
    if sys.platform == "win32":
        pytest.skip("Windows has no such files")
    os.mkfifo(path)


def loop(path):
    if sys.platform == "win32":
        pytest.skip("links need rights on Windows")
    path.symlink_to(path)


PLACES = {
    "a folder": (os.mkdir, "it is a folder"),
    "a pipe": (pipe, "it is no ordinary file"),
    "a loop of links": (loop, "symbolic links"),
    "a later version": (later, "the file has version 2, this workbook reads version 1; get the newest workbook"),
}


@pytest.mark.parametrize(("make", "said"), PLACES.values(), ids=PLACES)
def test_what_is_not_ours_stays_and_it_works_in_memory(path, tmp_path, make, said):
    path.parent.mkdir()
    make(path)
    before = path.lstat()
    progress.record("a.b")
    assert list(progress.passed()) == ["a.b"]
    assert progress.export(tmp_path / "mine.json").is_file()
    kept, read = progress.notices()
    assert "cannot be kept" in kept
    assert "cannot be read" in read
    assert said in kept
    assert said in read
    with pytest.raises(ValueError, match=said):
        progress.import_from(path)
    if make is not later:
        with pytest.raises(ValueError, match=said):
            progress.export(path)
        assert [p.name for p in path.parent.iterdir()] == ["progress.json"]
    after = path.lstat()
    assert (after.st_ino, after.st_mode, after.st_mtime_ns) == (before.st_ino, before.st_mode, before.st_mtime_ns)


def test_a_folder_that_does_not_exist_is_told(monkeypatch):
    monkeypatch.setenv("WORKBOOK_PROGRESS", "~no-such-user-here/p.json")
    assert progress.file() is None
    progress.record("a.b")
    assert list(progress.passed()) == ["a.b"]
    (sentence,) = progress.notices()
    assert "WORKBOOK_PROGRESS is '~no-such-user-here/p.json': set it to" in sentence


def test_where_only_reading_is_possible_it_reads(path):
    path.parent.mkdir()
    path.write_text('{"version": 1, "passed": {"c.d": "2020-02-03"}}')
    (path.parent / "progress.json.lock").mkdir()  # no lock can be made, as in a folder that only lets read
    assert progress.passed() == {"c.d": "2020-02-03"}
    assert progress.notices() == []
    progress.record("a.b")
    assert list(progress.passed()) == ["a.b", "c.d"]
    (sentence,) = progress.notices()
    assert "cannot be kept" in sentence
    path.write_text("broken")
    assert list(progress.passed()) == ["a.b"]
    assert "it is not whole JSON" in progress.notices()[0]
    assert path.read_text() == "broken"


def die_while_writing(path):
    os.environ["WORKBOOK_PROGRESS"] = path
    os.fsync = lambda _: os._exit(9)
    progress.record("a.b")


def test_a_killed_process_leaves_nothing_for_long(path):
    context = multiprocessing.get_context("spawn")
    killed = context.Process(target=die_while_writing, args=(str(path),))
    killed.start()
    killed.join(60)
    assert killed.exitcode == 9
    assert len(list(path.parent.glob("*.tmp"))) == 1
    progress.record("c.d")
    assert sorted(p.name for p in path.parent.iterdir()) == ["progress.json", "progress.json.lock"]


def test_where_nothing_can_be_written_it_works_in_memory(tmp_path, monkeypatch):
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is needed")
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(blocked / "progress.json"))
    progress.record("a.b")
    assert list(progress.passed()) == ["a.b"]
    progress.record("c.d")
    sentences = progress.notices()
    assert len(sentences) == 1
    assert "cannot be kept" in sentences[0]
    assert blocked.read_text() == "a file where a folder is needed"


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    progress.record("a.b")
    before = path.read_text()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    progress.record("c.d")
    assert path.read_text() == before
    assert sorted(p.name for p in path.parent.iterdir()) == ["progress.json", "progress.json.lock"]
    assert "No space left on device" in progress.notices()[0]
    assert list(progress.passed()) == ["a.b", "c.d"]


def test_a_full_disk_loses_nothing(small_disk, monkeypatch):
    path = small_disk / "progress.json"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(path))
    progress.record("a.b")
    before = path.read_text()
    filler = small_disk / "filler"
    filler.write_bytes(bytes(shutil.disk_usage(small_disk).free))
    progress.record("c.d")
    assert path.read_text() == before
    (sentence,) = progress.notices()
    assert "cannot be kept" in sentence
    assert "No space left on device" in sentence
    with pytest.raises(ValueError, match="No space left on device"):
        progress.export(small_disk / "mine.json")
    assert sorted(p.name for p in small_disk.iterdir()) == ["filler", "progress.json", "progress.json.lock"]
    filler.unlink()
    progress.record("e.f")
    restart(monkeypatch)
    assert list(progress.passed()) == ["a.b", "c.d", "e.f"]


def test_a_lock_held_too_long_is_told(path, monkeypatch):
    path.parent.mkdir()
    monkeypatch.setattr(progress, "_LOCK_PATIENCE", 0.05)
    with progress._locked(path):
        progress.record("a.b")
    assert "another Jupyter kernel" in progress.notices()[0]
    progress.record("c.d")
    assert list(json.loads(path.read_text())["passed"]) == ["a.b", "c.d"]


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_a_link_stays_a_link(path, tmp_path):
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere.json")
    progress.record("a.b")
    assert path.is_symlink()
    assert "a.b" in (tmp_path / "elsewhere.json").read_text()


def write_many(path, who):
    os.environ["WORKBOOK_PROGRESS"] = path
    for number in range(15):
        progress._memory.clear()
        progress.record(f"w{who}.e{number}")


def test_two_jupyter_kernels_may_write(path, monkeypatch):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_many, args=(str(path), who)) for who in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert [writer.exitcode for writer in writers] == [0, 0]
    assert len(progress.passed()) == 30
    assert sorted(p.name for p in path.parent.iterdir()) == ["progress.json", "progress.json.lock"]


def test_export_and_import(path, tmp_path, monkeypatch):
    progress.record("a.b")
    assert progress.export(tmp_path / "mine.json") == tmp_path / "mine.json"
    monkeypatch.setenv("WORKBOOK_PROGRESS", str(tmp_path / "other.json"))
    restart(monkeypatch)
    progress.record("c.d")
    assert list(progress.import_from(str(tmp_path / "mine.json"))) == ["a.b", "c.d"]
    restart(monkeypatch)
    assert list(progress.passed()) == ["a.b", "c.d"]


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_bad_import_changes_nothing(path, tmp_path, content):
    progress.record("a.b")
    before = path.read_text()
    bad = tmp_path / "bad.json"
    bad.write_text(content)
    with pytest.raises(ValueError, match="is no progress file"):
        progress.import_from(bad)
    assert path.read_text() == before
    assert bad.read_text() == content
    assert list(progress.passed()) == ["a.b"]


@pytest.mark.parametrize("act", [progress.import_from, progress.export])
def test_paths_that_do_not_work_are_told(tmp_path, act):
    for bad in (None, "", 3, b"", "a\0b"):
        with pytest.raises(ValueError, match="path is needed"):
            act(bad)
    with pytest.raises(ValueError, match="no such home folder"):
        act("~no-such-user-here/x")
    for missing in (tmp_path / "missing" / "x.json", tmp_path):
        with pytest.raises(ValueError, match=r"cannot be|it is a folder"):
            act(missing)
    assert list(tmp_path.iterdir()) == []


CELL = """
from helpers import progress
progress.record("a.b")
print(list(progress.passed()), progress.file() is not None)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return home


def test_notebook_runners_never_touch_the_home(home):
    import papermill

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "python3", "language": "python"}
    source = home.parent / "in.ipynb"
    nbformat.write(notebook, source)
    papermill.execute_notebook(str(source), str(home.parent / "out.ipynb"), progress_bar=False)
    NotebookClient(notebook, timeout=60).execute()
    for done in (notebook, nbformat.read(home.parent / "out.ipynb", as_version=4)):
        assert done.cells[-1].outputs[-1]["text"] == "['a.b'] False\n"
    assert not (home / ".convolution-workbook").exists()


def test_a_person_in_front_keeps_the_progress(home):
    """The same cell from a front end that allows input, as JupyterLab does."""

    class Person(NotebookClient):
        async def async_start_new_kernel_client(self):
            client = await super().async_start_new_kernel_client()
            client.allow_stdin = True
            return client

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(CELL)])
    Person(notebook, timeout=60, kernel_name="python3").execute()
    assert notebook.cells[0].outputs[-1]["text"] == "['a.b'] True\n"
    kept = json.loads((home / ".convolution-workbook" / "progress.json").read_text())
    assert list(kept["passed"]) == ["a.b"]
