"""Run the notebooks on real CIFAR-10 and MNIST, and hold what they claim against what comes out.

python notebooks/real.py --data DIR [04 …]   all notebooks when none is given; prints a table, exits with 1 when a claim
                                             does not hold; --write puts the table into benchmarks/RESULTS.md
"""

import argparse
import platform
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import build
import torch
from nbformat import NotebookNode
from papermill import PapermillExecutionError

from helpers.train import pick_device

RESULTS = build.HERE.parent / "benchmarks" / "RESULTS.md"
PARAMETERS = {
    "03": {"epochs": 100},
    "10": {"epochs": 6, "bird_epochs": 100, "with_compile": True},
}  # what a notebook takes on real data beside the data itself


@dataclass(frozen=True)
class Claim:
    """What a notebook's variable must be at its end, from `least` to `most`."""

    says: str
    expression: str
    least: float
    most: float

    def holds(self, value: float) -> bool:
        return self.least <= value <= self.most

    @property
    def expected(self) -> str:
        if self.least == self.most:
            return f"{self.least:,}"
        return f"at least {self.least:g}" if self.most == 1 else f"{self.least:g} to {self.most:g}"


def _shifted(net: str, name: str, *figures: float) -> list[Claim]:
    return [
        Claim(f"{name}, accuracy after {k} px down", f"by_net[{net!r}][distances.index({k})]", *_about(figure))
        for k, figure in zip((1, 2, 4, 8), figures, strict=True)
    ]


def _about(figure: float) -> tuple[float, float]:
    return round(figure - 0.03, 3), round(figure + 0.03, 3)


HEAD = """# The notebooks on real data

`make real DATA=DIR` ran every notebook on real CIFAR-10 and MNIST, 03 with 100 epochs and 10 with 6 and 100, and held
what came out against what is claimed. Setting: {setting}."""

# The shifts' figures: ours, measured once with torch 2.15, ± 0.03.
CLAIMS = {
    "03": [
        Claim("3072 → 512 → 2, parameters", "sum(sizes(small))", 1_574_402, 1_574_402),
        Claim("the same, training accuracy", "measured['small, training']", 0.99, 1),
        Claim("the same, validation accuracy", "measured['small, validation']", 0.80, 0.84),
        Claim("3072 → 1024 → 512 → 128 → 2, parameters", "sum(sizes(deep))", 3_737_474, 3_737_474),
        Claim("the same, training accuracy", "measured['deep, training']", 0.99, 1),
        Claim("the same, validation accuracy", "measured['deep, validation']", 0.78, 0.83),
        Claim("CNN, parameters", "sum(sizes(cnn))", 18_090, 18_090),
        Claim("the same, training accuracy", "measured['CNN, training']", 0.91, 0.97),
        Claim("the same, validation accuracy", "measured['CNN, validation']", 0.87, 0.93),
        *_shifted("CNN", "CNN", 0.899, 0.871, 0.824, 0.735),
        *_shifted("fully connected", "3072 → 512 → 2", 0.802, 0.752, 0.744, 0.703),
    ],
    "10": [
        Claim("digit net on MNIST, test accuracy after 6 epochs", "curves['test'][-1]", 0.983, 1),
        Claim("Net, parameters", "sum(p.numel() for p in bird_cnn().parameters())", 18_090, 18_090),
        Claim("Net on birds and airplanes, validation accuracy", "at_end['CNN']", 0.885, 0.91),
    ],
}


def measure(notebook: NotebookNode, claims: list[Claim], name: str, **parameters: object) -> tuple[str, list[float]]:
    """Run a notebook by papermill.

    Args:
        notebook: what `build.read` gave.
        claims: what to ask for at its end.
        name: what to call it in messages.
        **parameters: values for its `parameters` cell.
    Returns:
        why it stopped, "" when it did not; and the value of each claim's expression, none when it stopped.
    """
    wanted = ", ".join(claim.expression for claim in claims)
    try:
        return "", build.values_at_end(notebook, f"[{wanted}]", name, seconds=7200, **parameters)
    except PapermillExecutionError as error:
        return f"{error.ename}: {error.evalue}".strip(": ").partition("\n")[0], []


def rows(number: str, claims: list[Claim], stopped: str, values: list[float]) -> list[tuple[str, ...]]:
    """Return a notebook's rows of the table: notebook, claim, expected, measured, within or not."""
    found = [(number, "runs to its end", "yes", stopped or "yes", "no" if stopped else "yes")]
    for claim, value in zip(claims, values or [None] * len(claims), strict=True):
        shown = "nothing" if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.3f}"
        holds = value is not None and claim.holds(value)
        found.append((number, claim.says, claim.expected, shown, "yes" if holds else "no"))
    return found


def table(lines: list[tuple[str, ...]]) -> str:
    """Return rows as a Markdown table."""
    head = ("notebook", "claim", "expected", "measured", "within")
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, ("---",) * len(head), *lines])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the folder with CIFAR-10 and MNIST")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.name} too")
    parser.add_argument("notebooks", nargs="*", help="two digits each, 04 for example; all when not given")
    args = parser.parse_intermixed_args(arguments)
    build.require_own_helpers()
    if not args.data.is_dir():
        raise SystemExit(f"--data is {args.data}; there is no such folder. It must hold CIFAR-10 and MNIST.")
    given = {"data": "real", "data_root": str(args.data.resolve()), "device": args.device}
    lines = []
    for source in build.chosen(args.notebooks):
        number, start = source.stem[:2], time.perf_counter()
        claims = CLAIMS.get(number, [])
        stopped, values = measure(build.read(source), claims, source.stem, **given, **PARAMETERS.get(number, {}))
        print(f"{source.stem}: {time.perf_counter() - start:.0f} s", file=sys.stderr)
        lines += rows(number, claims, stopped, values)
    print(table(lines))
    if args.write:
        RESULTS.write_text(f"{HEAD.format(setting=setting(args.device))}\n\n{table(lines)}\n", encoding="utf-8")
    return int(any(line[-1] == "no" for line in lines))


def setting(device: str) -> str:
    """Return on what the notebooks ran."""
    place = (
        torch.cuda.get_device_name()
        if pick_device(device).type == "cuda"
        else f"CPU, {(threads := torch.get_num_threads())} thread{'s' * (threads != 1)}"
    )
    return f"{platform.system()}, {place}, torch {torch.__version__.split('+')[0]}, seed 0"


if __name__ == "__main__":
    sys.exit(main())
