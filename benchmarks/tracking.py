"""What logging every step to MLflow costs a training: step rates of runs with and without it.

    python benchmarks/tracking.py [--pairs 8] [--epochs 200] [--json FILE] [OVERRIDE ...]

Runs ``panna-exp train`` (the tutorial network, loss and MAE of every step logged) in pairs, once
with ``tracking=none`` and once with ``tracking=mlflow``, which first alternating, into a SQLite
store of a temporary folder. Prints the steps a second that each run reports, the ratio of each
pair, and how long the end of the run waited for the store. Run it on an idle machine: what else
runs there changes one run of a pair and not the other.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

RATE = re.compile(r"trained (\d+) steps in ([\d.]+) s: (\d+) steps/s")
ALLOWED = 0.05


def main() -> None:
    """Runs the pairs and prints the table."""
    arguments = parse()
    options = ["io.log_frequency=1", f"training.max_epochs={arguments.epochs}"]
    options += arguments.overrides
    print(f"{'pair':>4} {'none':>10} {'mlflow':>10} {'ratio':>7} {'longer':>8}")
    print(f"{'':>4} {'steps/s':>10} {'steps/s':>10} {'':>7} {'s in all':>8}")
    pairs = []
    with tempfile.TemporaryDirectory() as folder:
        run(Path(folder), "mlflow", ["training.max_epochs=1"])  # makes the store, warms the disk
        for number in range(arguments.pairs):
            order = ("none", "mlflow") if number % 2 else ("mlflow", "none")
            found = {tracking: run(Path(folder), tracking, options) for tracking in order}
            pairs.append(found)
            (none, before), (mlflow, after) = found["none"], found["mlflow"]
            print(
                f"{number + 1:4} {none:10.1f} {mlflow:10.1f} {mlflow / none:7.3f} "
                f"{after - before:8.1f}",
                flush=True,
            )
    ratios = sorted(found["mlflow"][0] / found["none"][0] for found in pairs)
    median = statistics.median(ratios)
    print(
        f"median ratio {median:.3f} ({ratios[0]:.3f} to {ratios[-1]:.3f}): logging every step "
        f"costs {100 * (1 - median):.1f} % of the step rate, allowed are {100 * ALLOWED:.0f} %"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"pairs": pairs, "median_ratio": median}) + "\n")
    sys.exit(0 if median >= 1 - ALLOWED else 1)


def run(folder: Path, tracking: str, options: list[str]) -> tuple[float, float]:
    """Trains once in a folder; returns steps a second of the loop, and seconds from start to end.

    Args:
        folder: Where it is started.
        tracking: ``none`` or ``mlflow``.
        options: Overrides.
    """
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "panna_exp", "train", f"tracking={tracking}", *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - started
    found = RATE.search(done.stdout)
    if done.returncode or found is None:
        sys.exit(f"the training failed:\n{done.stdout}{done.stderr}")
    return int(found[1]) / float(found[2]), seconds


def parse() -> argparse.Namespace:
    """Returns the command line's values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=int, default=8, help="default: 8")
    parser.add_argument("--epochs", type=int, default=200, help="of 36 steps (default: 200)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    parser.add_argument("overrides", nargs="*", help="for both, as of panna-exp train")
    return parser.parse_args()


if __name__ == "__main__":
    main()
