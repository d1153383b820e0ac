"""The set-up: the lists of packages agree, the lock is whole, and what the README says is so."""

import importlib.metadata
import os
import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import build
import pytest
import real
import yaml
from flit_core import buildapi
from lab_server import find_chromium
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import helpers

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = PYPROJECT["project"]
README = (ROOT / "README.md").read_text(encoding="utf-8")
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.txt").read_text(encoding="utf-8")
BADGES = runpy.run_path(str(ROOT / "notebooks/badges.py"))

OWN = Path(sys.prefix).resolve() == ROOT / ".venv"  # and no conda or Colab environment

CONDA_NAMES = {"matplotlib": "matplotlib-base", "playwright": "playwright-python", "torch": "pytorch-cpu"}
NOT_ON_CONDA_FORGE = {"axe-playwright-python"}

PLATFORMS = {
    "linux": {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": "x86_64"},
    "macos": {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": "arm64"},
    "windows": {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": "AMD64"},
}
PYTHONS = ("3.11.9", "3.12.4", "3.14.0")
MACHINES = {
    f"{platform}-{python}": {
        **names,
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    for platform, names in PLATFORMS.items()
    for python in PYTHONS
}


def package_list(requirements: list[str]) -> dict[str, str]:
    """Return {canonical name: range} of a list of requirements."""
    return {canonicalize_name(r.name): str(r.specifier) for r in map(Requirement, requirements)}


RUNTIME = package_list(PROJECT["dependencies"])
DEV = package_list(PROJECT["optional-dependencies"]["dev"])


def conda(file: str) -> tuple[dict, dict[str, str], dict[str, str]]:
    """Return an environment.yml, its conda packages {name: range} and its pip packages {name: range}."""
    environment = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    listed = environment["dependencies"]
    split = [re.fullmatch(r"([\w-]+)(.*)", entry).groups() for entry in listed if isinstance(entry, str)]
    pip = [entry["pip"] for entry in listed if isinstance(entry, dict)]
    return environment, dict(split), package_list(pip[0] if pip else [])


def conda_names(packages: dict[str, str]) -> dict[str, str]:
    """Return the packages under the names that conda-forge gives them, with Python and pip."""
    return {CONDA_NAMES.get(name, name): span for name, span in packages.items()}


def pins() -> list[tuple[Requirement, int]]:
    """Return the lock's entries, each with how many hashes it has."""
    entries = re.sub(r"\\\n", "", re.sub(r"(?m)^\s*#.*\n", "", LOCK)).strip().splitlines()
    return [(Requirement(entry.split("--hash")[0]), entry.count("--hash=sha256:")) for entry in entries]


def pinned(machine: dict[str, str]) -> dict[str, str]:
    """Return {canonical name: version} of the pins that hold on a machine; two pins of one name there are an error."""
    found: dict[str, str] = {}
    for requirement, _ in pins():
        if requirement.marker is None or requirement.marker.evaluate(machine):
            name = canonicalize_name(requirement.name)
            assert name not in found, f"{name} is pinned twice"
            found[name] = str(requirement.specifier).removeprefix("==")
    return found


# --- the lists of packages ---------------------------------------------------------------------------------------


def test_conda_lists_the_same_packages() -> None:
    _, listed, pip = conda("environment.yml")
    assert pip == {name: DEV[name] for name in NOT_ON_CONDA_FORGE}
    assert listed.pop("pip") == ""
    assert listed.pop("python") == PROJECT["requires-python"]
    assert listed == conda_names({name: span for name, span in {**RUNTIME, **DEV}.items() if name not in pip})


def test_binder_lists_the_runtime_packages() -> None:
    _, listed, pip = conda("binder/environment.yml")
    assert pip == {}
    assert listed.pop("pip") == ""
    assert Requirement(f"python{PROJECT['requires-python']}").specifier.contains(listed.pop("python").strip("="))
    assert listed.pop("flit-core") == DEV["flit-core"]
    assert listed == conda_names(RUNTIME)


@pytest.mark.parametrize("file", ["environment.yml", "binder/environment.yml"])
def test_conda_takes_conda_forge_alone(file: str) -> None:
    environment, _, _ = conda(file)
    assert environment["channels"] == ["conda-forge", "nodefaults"]


# --- the ways in without a checkout, and without JupyterLab ------------------------------------------------------


def test_the_wheel_holds_every_file_of_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Colab installs a wheel: what a widget reads must be in it."""
    monkeypatch.chdir(ROOT)
    wheel = zipfile.ZipFile(tmp_path / buildapi.build_wheel(str(tmp_path)))
    files = {path for path in (ROOT / "helpers").rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    assert {path.suffix for path in files} == {".py", ".js", ".css"}
    assert {name for name in wheel.namelist() if name.startswith("helpers/")} == {
        path.relative_to(ROOT).as_posix() for path in files
    }


WIDGETS = ROOT / "helpers/widgets"


@pytest.mark.parametrize("script", sorted(WIDGETS.glob("*.js")), ids=lambda path: path.name)
def test_a_script_asks_nothing_of_jupyterlab_or_of_the_network(script: Path) -> None:
    text = script.read_text(encoding="utf-8")
    assert not re.search(r"(?m)^\s*(import|export .* from)\b|\b(import|require|fetch|importScripts)\s*\(", text)
    assert not re.search(r"(?i)@jupyter|jupyterapp|jupyterlab/|XMLHttpRequest|WebSocket", text)


def test_each_colour_of_jupyterlab_s_has_a_stand_in() -> None:
    """VS Code and Colab lack some of JupyterLab's variables; all others must be the widgets' own."""
    text = "".join(path.read_text(encoding="utf-8") for path in sorted(WIDGETS.glob("*.*s")))
    used = re.findall(r"var\((--[\w-]+)\s*([,)])", text)
    assert ("--jp-layout-color1", ",") in used
    bare = {name for name, end in used if end == ")"}
    assert {name for name in bare if not re.search(rf"{name}(: |\", )", text)} == set()


# --- the lock ----------------------------------------------------------------------------------------------------


def test_lock_names_its_command_and_no_address() -> None:
    assert "#    make lock\n" in LOCK
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host| @ |(?m:^-)", LOCK)


def test_every_pin_is_exact_and_hashed() -> None:
    for requirement, hashes in pins():
        assert re.fullmatch(r"==[\w.!+]+", str(requirement.specifier)), f"{requirement} is no exact version"
        assert hashes >= 1, f"{requirement} has no hash"


@pytest.mark.parametrize("machine", MACHINES.values(), ids=MACHINES)
def test_lock_holds_everything_that_is_needed(machine: dict[str, str]) -> None:
    """From pyproject on, each package that a package needs is pinned, in the range that it is needed in."""
    lock = pinned(machine)
    todo = [Requirement(text) for text in [*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["dev"]]]
    seen = set()
    while todo:
        needed = todo.pop()
        name = canonicalize_name(needed.name)
        assert name in lock, f"{name} is needed and not in the lock: make lock"
        assert needed.specifier.contains(lock[name], prereleases=True), f"{needed} is needed, {lock[name]} is pinned"
        extras = ("", *sorted(needed.extras))
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        try:
            texts = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:  # a package of another system
            continue
        if importlib.metadata.version(name) != lock[name]:  # another version, for another Python
            continue
        todo += [
            requirement
            for requirement in map(Requirement, texts)
            if requirement.marker is None or any(requirement.marker.evaluate({**machine, "extra": e}) for e in extras)
        ]
    assert len(seen) > (100 if OWN else 20)


@pytest.mark.parametrize("name", ["torch", "torchvision", "numpy", "pillow", "scikit-learn", "pyzmq", "debugpy"])
def test_compiled_packages_bring_wheels_for_every_platform(name: str) -> None:
    """Linux on two processors, macOS and Windows: fewer hashes than four cannot cover them."""
    counts = [hashes for requirement, hashes in pins() if requirement.name == name]
    assert counts
    assert min(counts) >= 4


@pytest.mark.skipif(not OWN, reason="runs in another environment than .venv")
def test_environment_is_the_lock() -> None:
    wanted = {
        canonicalize_name(requirement.name): str(requirement.specifier).removeprefix("==")
        for requirement, _ in pins()
        if requirement.marker is None or requirement.marker.evaluate()
    }
    installed = {canonicalize_name(d.metadata["Name"]): d.version for d in importlib.metadata.distributions()}
    drift = {name: (version, installed.get(name)) for name, version in wanted.items() if installed.get(name) != version}
    assert not drift, f"(pinned, installed): {drift}; touch requirements.txt and run make again"


# --- the commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", ".ci/run", ".github/workflows/gpu.yml"])
def test_every_make_command_exists(file: str) -> None:
    targets = set(re.findall(r"(?m)^([a-z]+):", MAKEFILE))
    text = (ROOT / file).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:`|^\s*|run: |&& )make ([a-z]+)", text, flags=re.MULTILINE))
    assert named
    assert named <= targets


def make(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess:
    """Run make in a folder as from a fresh shell, not as a part of the make that runs the tests."""
    fresh = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return subprocess.run(
        ["make", *arguments], cwd=folder, env=fresh, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )


needs_make = pytest.mark.skipif(os.name == "nt", reason="Windows has no make")


@needs_make
def test_help_is_the_default_and_names_every_target() -> None:
    phony = set(re.search(r"(?m)^\.PHONY: (.*)$", MAKEFILE)[1].split()) - {"help"}
    assert set(re.findall(r"(?m)^  make ([\w-]+)", make().stdout)) == phony


@needs_make
@pytest.mark.parametrize(
    ("python", "sentence"),
    [
        ("no-such-python", "no-such-python was not found"),
        ("./old", "./old is Python 3.10 and the workbook needs 3.11"),
        ("", "PYTHON is empty"),
        ("true", "true is not Python"),
        ("false", "false is not Python"),
    ],
)
def test_a_python_that_will_not_do_is_named(tmp_path: Path, python: str, sentence: str) -> None:
    for file in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    old = tmp_path / "old"
    old.write_text(f'#!/bin/sh\nexec {sys.executable} -c "import sys; sys.version_info = (3, 10); $2"\n')
    old.chmod(0o755)
    run = make("lab", f"PYTHON={python}", folder=tmp_path)
    assert run.returncode
    said, stopped = run.stderr.splitlines()  # one sentence, and make's own line
    assert said.startswith(sentence)
    assert stopped.startswith("make: ***")
    assert not (tmp_path / ".venv").exists()


@needs_make
def test_an_environment_that_is_current_is_left_alone(tmp_path: Path) -> None:
    """With both stamps newer than what they stand for, no target installs; a touched lock installs again."""
    for file in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
        os.utime(tmp_path / file, (1, 1))
    (tmp_path / ".venv").mkdir()
    for age, stamp in enumerate((".lock", ".helpers"), start=2):
        (tmp_path / ".venv" / stamp).touch()
        os.utime(tmp_path / ".venv" / stamp, (age, age))

    def plan(target: str) -> str:
        run = make("-n", target, "DATA=x", "DEVICE=cuda", folder=tmp_path)
        assert run.returncode == 0, run.stderr
        return run.stdout

    for target in ("lab", "test", "notebooks", "real", "bench", "badges", "lock"):
        assert "pip install" not in plan(target)
    assert '--data "x" --device "cuda"' in plan("real")
    os.utime(tmp_path / "pyproject.toml", (9, 9))
    assert "-e ." in plan("lab")
    assert "--require-hashes" not in plan("lab")
    os.utime(tmp_path / "requirements.txt", (9, 9))
    assert "--require-hashes" in plan("lab")


def test_the_variable_names_the_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", sys.executable)
    assert find_chromium.__wrapped__() == sys.executable
    monkeypatch.setenv("CHROMIUM", "no-such-browser")
    with pytest.raises(ValueError, match="CHROMIUM is 'no-such-browser', which is no program: give its path"):
        find_chromium.__wrapped__()


@needs_make
def test_bench_asks_each_benchmark_that_writes_to_write() -> None:
    plan = re.findall(r"for name in (.+?); do .*?( --write)?; done", make("-n", "bench").stdout)
    told = {name: bool(write) for names, write in plan for name in names.split()}
    scripts = (ROOT / "benchmarks").glob("[a-z]*.py")
    assert told == {script.stem: "--write" in script.read_text(encoding="utf-8") for script in scripts}


@needs_make
def test_lab_opens_for_this_machine_alone() -> None:
    """Bound to localhost, and JupyterLab's own token is left on."""
    (command,) = re.findall(r"(?m)^.*jupyter lab .*$", make("-n", "lab", "LAB_ARGS=--no-browser").stdout)
    assert "--ServerApp.ip=localhost" in command
    assert "--no-browser" in command
    assert "notebooks/00_start_here.ipynb" in command
    assert not re.search("token|password|0\\.0\\.0\\.0", command)


@needs_make
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["real"], "make real needs the folder that holds CIFAR-10 and MNIST: make real DATA=DIR\n"),
        (["real", "DATA=no/such folder"], "DATA is no/such folder, and there is no such folder: it must hold"),
        (["real", "DATA=.", "DEVICE=foo"], "DEVICE is foo: it must be cpu or cuda.\n"),
        (["test", "DEVICE=foo"], "DEVICE is foo: it must be cpu or cuda.\n"),
    ],
)
def test_what_is_misspelt_is_said_before_anything_is_installed(
    tmp_path: Path, arguments: list[str], sentence: str
) -> None:
    for file in ("Makefile", "requirements.txt", "pyproject.toml"):
        (tmp_path / file).write_bytes((ROOT / file).read_bytes())
    run = make(*arguments, folder=tmp_path)
    assert run.returncode
    assert run.stderr.startswith(sentence)
    assert run.stdout == ""
    assert not (tmp_path / ".venv").exists()


def test_another_checkout_s_helpers_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(helpers, "__file__", str(tmp_path / "helpers" / "__init__.py"))
    with pytest.raises(SystemExit, match=r"The package helpers comes from .* and not from .*make notebooks"):
        build.main(["99"])
    with pytest.raises(SystemExit, match="The package helpers comes from"):
        real.main(["--data", str(tmp_path)])


def test_an_exercise_that_is_not_there_is_looked_for_in_its_module() -> None:
    cell = build.new_code_cell("", metadata={"tags": ["exercise:x.y"]})
    with pytest.raises(SystemExit, match=r"no exercise 'x\.y'.*imported in helpers/exercises/__init__\.py\?"):
        build.expand(cell)


@needs_make
def test_clean_names_nothing_of_the_learner() -> None:
    removed = make("-n", "clean").stdout
    assert ".venv" in removed
    assert not re.search(r"(?m)\bdata\b|progress|ipynb|-x|\bgit\b", removed)


def test_windows_set_up_is_the_makefile_s() -> None:
    """The README's lines for Windows, the Windows job and the Makefile install in the same way."""
    workflow = (ROOT / ".github/workflows/tests.yml").read_text(encoding="utf-8")
    for command in (
        r"install .*--no-deps --require-hashes -r requirements\.txt",
        r"install .*--no-deps --no-build-isolation -e \.",
    ):
        for text in (MAKEFILE, README, workflow):
            assert re.search(command, text)
    postbuild = (ROOT / "binder/postBuild").read_text(encoding="utf-8")
    assert re.search(r"install --no-deps --no-build-isolation -e \.", postbuild)


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mode")
@pytest.mark.parametrize("file", ["binder/postBuild", ".ci/run"])
def test_scripts_can_be_run_and_stop_at_an_error(file: str) -> None:
    assert os.access(ROOT / file, os.X_OK)
    assert "set -euo pipefail" in (ROOT / file).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", sorted((ROOT / ".github/workflows").glob("*.yml")), ids=lambda path: path.name)
def test_workflows_may_read_and_name_their_actions_versions(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow["permissions"] == {"contents": "read"}
    for job in workflow["jobs"].values():
        assert job["timeout-minutes"] <= 60
    assert all(re.search(r"@v\d+$", action) for action in re.findall(r"uses: (\S+)", text))


# --- what is said about the project ------------------------------------------------------------------------------


def test_version_is_one() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert PROJECT["version"] == helpers.__version__ == citation["version"]
    assert re.search(r"(?m)^## (\S+)", changelog)[1] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"] == "MIT"


@pytest.mark.parametrize("file", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_to_files(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)\s]+)\)", re.sub(r"(?ms)^```.*?^```$", "", text))
    missing = [link for link in links if "://" not in link and not (ROOT / link.split("#")[0]).exists()]
    assert missing == []


def test_badges_lead_to_the_repository() -> None:
    """`make badges` has been run, and what the links open exists."""
    name = BADGES["repository"]((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert BADGES["with_links"](README, name) == README
    opened = re.findall(rf"{name}/(?:main\?urlpath=lab/tree|blob/main)/([\w./]+)", README)
    assert len(opened) >= 2
    assert [path for path in opened if not (ROOT / path).exists()] == []


def test_badges_of_a_fork_lead_to_the_fork() -> None:
    name = BADGES["repository"]('[project.urls]\nRepository = "https://github.com/ada/a-fork.git"')
    assert name == "ada/a-fork"
    fork = BADGES["with_links"](README, name)
    addresses = re.findall(
        r"(?:git clone https://github\.com|git\+https://github\.com|/v2/gh|com/github)/([\w.-]+/[\w.-]+)", fork
    )
    assert len(addresses) >= 4
    assert set(addresses) == {name}
    assert BADGES["with_links"](fork, name) == fork


@pytest.mark.parametrize("address", ["", 'Repository = "github.com/a/b"', 'Repository = "https://github.com/a"'])
def test_an_address_of_another_form_is_refused(address: str) -> None:
    with pytest.raises(
        ValueError, match=r"^Repository in pyproject\.toml is .*: write https://github\.com/OWNER/REPOSITORY\.$"
    ):
        BADGES["repository"](f"[project.urls]\n{address}")


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ({"pyproject.toml": "[project"}, "pyproject.toml is no TOML ("),
        ({}, "pyproject.toml cannot be read or written (No such file"),
        ({"pyproject.toml": None}, "README.md cannot be read or written (No such file"),
    ],
)
def test_badges_name_the_file_that_is_amiss(tmp_path: Path, files: dict[str, str | None], sentence: str) -> None:
    (tmp_path / "notebooks").mkdir()
    script = tmp_path / "notebooks" / "badges.py"
    script.write_bytes((ROOT / "notebooks/badges.py").read_bytes())
    for name, text in files.items():
        (tmp_path / name).write_text((ROOT / name).read_text(encoding="utf-8") if text is None else text)
    run = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert run.returncode == 1
    assert sentence in run.stderr
    assert run.stderr.count("\n") == 1
