"""What every test may ask for: the device, and one headless Chromium."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from lab_server import CHROMIUM_ARGS, find_chromium
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

DEVICE = os.environ.get("WORKBOOK_DEVICE", "")
os.environ.setdefault("OMP_NUM_THREADS", "1")  # two workers on two cores: more threads would only wait for each other

NO_BROWSER = (
    "no Chromium or Chrome was found: run `.venv/bin/playwright install chromium`, "
    "or install one by hand and name its program in the variable CHROMIUM"
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that asks for `device` on the CPU and on a GPU if there is one, or where `make test DEVICE=` says."""
    if "device" not in metafunc.fixturenames:
        return
    import torch

    has_cuda = torch.cuda.is_available()
    if DEVICE not in ("", "cpu", "cuda"):
        raise pytest.UsageError(f"DEVICE is {DEVICE!r}: it must be cpu or cuda.")
    if DEVICE == "cuda" and not has_cuda:
        raise pytest.UsageError("DEVICE is 'cuda', but torch finds no CUDA device here: leave DEVICE out.")
    metafunc.parametrize("device", [DEVICE] if DEVICE else ["cpu", "cuda"][: 1 + has_cuda])


class ByPart(LoadScopeScheduling):
    """Keep on one worker what shares its work: a file, and in the long ones one exercise or one notebook of it."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, test = nodeid.partition("::")
        long = re.search(r"test_(exercises|faults|jupyterlab|mutants|notebooks)\b", file)
        part = re.search(r"\d\d_\w+|\w+\.\w+", test) if long else None
        return f"{file} {part[0]}" if part else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByPart:
    config.option.loadscopereorder = False  # the order below stays
    return ByPart(config, log)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the parts that take long: begun last, one of them would keep one worker busy and the rest idle."""
    items.sort(key=lambda item: not re.search(r"test_(faults|jupyterlab|mutants|notebooks)\.py|\.ipynb", item.nodeid))


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what cannot run here. Skipped in one place, all such tests share one line of pytest's summary."""
    if "chromium_path" not in getattr(item, "fixturenames", ()):
        return
    try:
        found = find_chromium()
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)
    if not found:
        if os.environ.get("WORKBOOK_BROWSER") == "required":
            pytest.fail(f"WORKBOOK_BROWSER is 'required', but {NO_BROWSER}.", pytrace=False)
        pytest.skip(NO_BROWSER)


@pytest.fixture(scope="session")
def mount() -> Iterator[Callable[..., bool]]:
    """mount(*options, place): whether that can be mounted, which takes root on Linux; it is unmounted at the end."""
    places = []

    def mount(*options: str | os.PathLike) -> bool:
        if sys.platform != "linux" or os.geteuid() != 0:
            return False
        done = subprocess.run(["mount", *options], capture_output=True).returncode == 0
        places.extend([options[-1]] * done)
        return done

    yield mount
    for place in places:
        subprocess.run(["umount", place], check=True)


@pytest.fixture(scope="session")
def read_only(mount: Callable[..., bool]) -> Iterator[Callable[[Path], bool]]:
    """read_only(folder): whether the folder, as it is now, can be made one that lets only read, until the end."""
    closed = []

    def read_only(folder: Path) -> bool:
        if mount("--bind", "-o", "ro", folder, folder):
            return True
        within = [path for path, _, _ in os.walk(folder)]
        for path in within:
            os.chmod(path, 0o555)
        closed.extend(within)
        return not os.access(folder, os.W_OK)  # root may write all the same

    yield read_only
    for path in closed:
        os.chmod(path, 0o755)


@pytest.fixture
def small_disk(tmp_path: Path, mount: Callable[..., bool]) -> Path:
    """A disk of 512 kB, which a test can fill."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not mount("-t", "tmpfs", "-o", "size=512k", "small", disk):
        pytest.skip("only root can mount a small disk, on Linux")
    return disk


@pytest.fixture(scope="session")
def chromium_path() -> str:
    """The path of Chromium; without one, the test is skipped, or fails where WORKBOOK_BROWSER=required."""
    return find_chromium()


@pytest.fixture(scope="session")
def browser(chromium_path: str) -> "Iterator[Browser]":
    """One headless Chromium for the session. Each test opens its own context in it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=chromium_path, args=CHROMIUM_ARGS)
        yield chromium
        chromium.close()


@pytest.fixture
def page(request: pytest.FixtureRequest, browser: "Browser") -> "Iterator[Page]":
    """A new page, in the size VIEWPORT of the test's file if it has one; a script in it that raises fails the test."""
    from widget_page import watched

    page = browser.new_page(viewport=getattr(request.module, "VIEWPORT", {"width": 900, "height": 700}))
    with watched(page):
        yield page
        page.close()
