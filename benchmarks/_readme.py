"""What the benchmarks share: `--write`, a table of times, and the place in the README."""

import argparse
import statistics
import sys
from pathlib import Path

README = Path(__file__).resolve().parent.parent / "README.md"


def arguments(doc: str) -> bool:
    """Return whether to write what was measured into the README."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="put the result into the README")
    return parser.parse_args().write


def percentile(times: list[float], percent: int) -> float:
    return statistics.quantiles(times, n=100, method="inclusive")[percent - 1]


def table(head: str, rows: list[tuple[str, list[float], list[float]]], setting: str, digits: int) -> str:
    """Return a Markdown table of milliseconds: medians, 95th percentiles, and how many times the first is faster.

    Args:
        head: the head up to its first "median".
        rows: what stands before the numbers, then the times of the widget and those of `interact`.
        setting: the sentence below the table.
        digits: how many each time gets after the point.
    """
    names = f"{head} | 95th percentile | `interact` + matplotlib: median | 95th percentile | faster"
    lines = [f"| {names} |", "|---" * (names.count("|") + 1) + "|"]
    for first, *both in rows:
        cells = [f"{percentile(times, percent):.{digits}f} ms" for times in both for percent in (50, 95)]
        widget, interact = map(statistics.median, both)
        lines.append(f"| {first} | {' | '.join(cells)} | {interact / widget:.0f} × |")
    return "\n".join([*lines, "", setting])


def put_into_readme(name: str, text: str) -> None:
    """Replace what stands in the README between <!-- name:start --> and <!-- name:end -->."""
    readme = README.read_text(encoding="utf-8")
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if start not in readme or end not in readme:
        sys.exit(f"README.md has no {start} and {end}: put both where the result should stand.")
    before, after = readme.split(start)[0], readme.split(end)[1]
    README.write_text(f"{before}{start}\n{text}\n{end}{after}", encoding="utf-8")
