"""What notebook 03 says about learning, over five seeds: the notebook itself runs once for each.

`python -m benchmarks.learning_limits --write` puts each figure of each seed, with smallest, largest and mean, into
`learning_limits.json`. The notebook's own asserts hold for each seed, or the run stops.
"""

import argparse
import json
import statistics
from pathlib import Path

import torch

from notebooks import build

FILE = Path(__file__).with_suffix(".json")
SEEDS = range(5)
SOURCE = next(source for source in build.SOURCES if source.stem.startswith("03_"))


def measured(seed: int) -> dict[str, float]:
    """Return what the nets of the notebook reach with this seed, on built-in data."""
    return build.values_at_end(build.read(SOURCE), "measured", SOURCE.stem, seed=seed, device="cpu")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help=f"write {FILE.name}")
    write = parser.parse_args().write
    runs = [measured(seed) for seed in SEEDS]
    for run in runs:
        run["small, training minus validation"] = run["small, training"] - run["small, validation"]
        run["CNN minus small, validation"] = run["CNN, validation"] - run["small, validation"]
    figures = {}
    for name in runs[0]:
        values = [round(run[name], 4) for run in runs]
        mean = round(statistics.mean(values), 4)
        figures[name] = {"seeds": values, "smallest": min(values), "largest": max(values), "mean": mean}
        print(f"{name:50s} {min(values):.3f} to {max(values):.3f}")
    if write:
        setting = (
            f"built-in data, epochs=14, seeds {SEEDS[0]} to {SEEDS[-1]}, CPU, torch {torch.__version__.split('+')[0]}"
        )
        FILE.write_text(json.dumps({"setting": setting, "figures": figures}, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
