"""How long each notebook's imports and its run take, and how much memory its Jupyter kernel needs, on the CPU.

Imports are timed in a new Python, fastest of three, and held against `import torch` alone. A run is papermill's, from
the start of the Jupyter kernel to its end. Memory is the kernel's largest resident size; the two largest notebooks are
then run at once, and what both hold together is asked every quarter of a second, shared pages counted once. Linux only.
`python -m benchmarks.notebooks` prints it all, `--write` puts one line into the README; 1 is the exit status where a
limit is passed.
"""

import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks._readme import arguments, put_into_readme
from notebooks import build

IMPORT_LIMIT = 0.3  # seconds for `import helpers`
KERNEL_LIMIT, BOTH_LIMIT = 1.2e9, 2e9  # bytes; Binder gives 2 GB
PEAK = "int(open('/proc/self/status').read().split('VmHWM:')[1].split()[0]) * 1024"
RUN = "from notebooks import build; build.execute(build.read(build.chosen([{!r}])[0]), 'one of two')"


def seconds_of(code: str) -> float:
    """Return the wall seconds that a new Python needs for code, fastest of three."""
    times = []
    for _ in range(3):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True, cwd=build.HERE.parent)
        times.append(time.perf_counter() - start)
    return min(times)


def loaded(code: str) -> set[str]:
    """Return which modules code loads."""
    told = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        check=True,
        cwd=build.HERE.parent,
        capture_output=True,
        text=True,
    )
    return set(told.stdout.split())


def imports_of(source: Path) -> str:
    """Return the notebook's first cell of code."""
    return next(cell.source for cell in build.read(source).cells if cell.cell_type == "code")


def run(source: Path) -> tuple[float, int]:
    """Return the seconds of a run and the largest resident size of its Jupyter kernel, bytes."""
    start = time.perf_counter()
    peak = build.values_at_end(build.read(source), PEAK, source.stem, device="cpu")
    return time.perf_counter() - start, peak


def both(sources: list[Path]) -> int:
    """Run notebooks at once; gives the most bytes that their Jupyter kernels held together."""
    jobs = [
        subprocess.Popen([sys.executable, "-c", RUN.format(source.stem[:2])], cwd=build.HERE.parent)
        for source in sources
    ]
    most = 0
    while any(job.poll() is None for job in jobs):
        held = 0
        for process in psutil.Process().children(recursive=True):
            try:
                if "ipykernel_launcher" in process.cmdline():
                    held += process.memory_full_info().pss
            except psutil.Error:
                continue
        most = max(most, held)
        time.sleep(0.25)
    if any(job.returncode for job in jobs):
        raise SystemExit("One of the two notebooks that were run at once stopped.")
    return most


def main() -> None:
    write = arguments(__doc__)
    nothing, torch_alone = seconds_of("pass"), seconds_of("import torch")
    package = seconds_of("import helpers") - nothing
    too_much = [f"import helpers takes {package:.2f} s"] * (package > IMPORT_LIMIT)
    too_much += ["import helpers loads torch"] * ("torch" in loaded("import helpers"))
    print(f"import helpers: {package:.2f} s; import torch: {torch_alone:.1f} s")
    print("| notebook | imports, times `import torch` | run | Jupyter kernel, at most |\n|---|---|---|---|")
    ratios, runs = [], {}
    for source in build.SOURCES:
        cell = imports_of(source)
        ratios.append(seconds_of(cell) / torch_alone)
        too_much += [f"{source.stem} loads torchvision"] * ("torchvision" in loaded(cell))
        seconds, peak = runs[source] = run(source)
        too_much += [f"{source.stem}: its Jupyter kernel takes {peak / 1e9:.2f} GB"] * (peak > KERNEL_LIMIT)
        print(f"| {source.stem} | {ratios[-1]:.1f} | {seconds:.0f} s | {peak / 1e9:.2f} GB |", flush=True)
    largest = sorted(runs, key=lambda source: runs[source][1])[-2:]
    together = both(largest)
    too_much += [f"two at once take {together / 1e9:.2f} GB"] * (together > BOTH_LIMIT)
    text = (
        f"A notebook's imports take at most {max(ratios):.1f} times as long as `import torch` alone, `import helpers` "
        f"{package:.2f} s. The longest run is {max(seconds for seconds, _ in runs.values()):.0f} s. A Jupyter kernel "
        f"holds at most {max(peak for _, peak in runs.values()) / 1e9:.2f} GB, and the two largest, run at once, "
        f"{together / 1e9:.2f} GB. {sys.platform.capitalize()}, {psutil.cpu_count()} cores, no GPU."
    )
    print(text)
    if too_much:
        raise SystemExit("\n".join(too_much))
    if write:
        put_into_readme("bench-notebooks", text)


if __name__ == "__main__":
    main()
