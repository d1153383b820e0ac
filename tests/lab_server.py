"""A JupyterLab of its own and a Chromium to open it in, for the browser tests and the benchmarks."""

import contextlib
import functools
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OWN = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
QUIET = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}

COMMANDS = (
    "chromium-headless-shell",  # Chromium without its windows: the browser tests take a fifth less time in it
    "chromium",
    "google-chrome",
    "google-chrome-stable",
    "chromium-browser",
    "chrome",
)
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
)
CHROMIUM_ARGS = ["--disable-gpu", "--disable-background-networking", "--disable-component-update"]
if hasattr(os, "geteuid") and os.geteuid() == 0:
    CHROMIUM_ARGS.append("--no-sandbox")  # Chromium refuses to run as root with its sandbox


@functools.cache
def find_chromium() -> str | None:
    """The path of a Chromium or Chrome: the variable CHROMIUM, PATH, the usual places, then Playwright's own.

    Raises:
        ValueError: CHROMIUM names no program.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        found = shutil.which(named)
        if not found:
            raise ValueError(f"CHROMIUM is {named!r}, which is no program: give its path, or unset it.")
        return found
    installed = [shutil.which(command) for command in COMMANDS] + [os.path.expandvars(place) for place in PLACES]
    for path in installed:
        if path and Path(path).is_file():
            return path

    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


@contextlib.contextmanager
def jupyterlab(notebooks: Path, home: Path) -> Iterator[str]:
    """Run JupyterLab over the folder `notebooks`; gives the address of a notebook by `.format(name="04_….ipynb")`.

    Settings, workspaces and the progress file lie in `home`, never where the person's own are.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    app = home / "app"
    app.mkdir()
    (app / "overrides.json").write_text(json.dumps(QUIET))
    environment = os.environ | {name: str(home / name.lower()) for name in OWN}
    environment |= {"WORKBOOK_PROGRESS": str(home / "progress.json"), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += [f"--ServerApp.port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"]
    command += [f"--ServerApp.root_dir={notebooks}", f"--LabApp.app_settings_dir={app}"]
    command += [f"--IdentityProvider.token={token}"]
    with (home / "log.txt").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=log, cwd=notebooks)
    try:
        _wait(f"http://127.0.0.1:{port}/api/status?token={token}", server, home / "log.txt")
        yield f"http://127.0.0.1:{port}/lab/tree/{{name}}?token={token}&reset"
    finally:
        server.terminate()  # JupyterLab ends its Jupyter kernels first, which takes a while on a busy machine
        try:
            server.wait(60)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(url: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        if server.poll() is not None:
            break
        time.sleep(0.25)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")
