"""What logging every step to MLflow costs a training's steps.

    python benchmarks/tracking.py [--rows 10] [--runs 0] [--json FILE] [OVERRIDE ...]

One training of the tutorial network, which logs loss and MAE of every step: for two epochs its
tracker is told everything, for the next two nothing, and so on, so that whatever else the machine
does meets both alike. Prints a row for ten such windows of each kind: steps per second, the ratio
of the CPU time of a step, which another program's load changes less; the median of either ratio.
The process that sends to the store (SQLite in a temporary folder) works beside both kinds; to see
what it takes on an idle machine, ``--runs N`` adds N pairs of whole runs, with ``tracking=mlflow``
and ``none``.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panna_exp.cli import main as run_program
from panna_exp.runs import listener as listeners
from panna_exp.runs import training
from panna_exp.tracking.base import Tracker
from panna_exp.training.weight_record import WeightRecord

EPOCHS, STEPS, WINDOWS = 2, 36, 10  # of a window, of an epoch, of a row of the table
RATE = re.compile(r"trained (\d+) steps in ([\d.]+) s")
ALLOWED = 0.05


class Switch:
    """Whether the tracker is told anything, and how long the windows of either kind took."""

    def __init__(self) -> None:
        self.on = False
        self.seconds: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
        self._epochs = 0
        self._then = (0.0, 0.0)

    def epoch_ended(self) -> None:
        """Turns after each window; the first, in which everything is new, does not count."""
        self._epochs += 1
        if self._epochs % EPOCHS:
            return
        now = (time.perf_counter(), time.process_time())
        if self._epochs > EPOCHS:
            elapsed, used = now[0] - self._then[0], now[1] - self._then[1]
            self.seconds[self.on].append((elapsed, used))
        self.on = not self.on
        self._then = now


class Switched:
    """A tracker that hears of metrics only while the switch is on."""

    def __init__(self, tracker: Tracker, switch: Switch) -> None:
        self._tracker = tracker
        self._switch = switch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tracker, name)

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Passes values on, or not."""
        if self._switch.on:
            self._tracker.log(step, metrics)


def main() -> None:
    """Measures, prints the tables, and ends with 1 if it costs more than is allowed."""
    arguments = parse()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        ratio, table = within_one_run(arguments)
        pairs = [pair_of_runs(number, arguments) for number in range(arguments.runs)]
        os.chdir("/")
    if arguments.json:
        arguments.json.write_text(json.dumps({"windows": table, "runs": pairs}) + "\n")
    sys.exit(0 if ratio >= 1 - ALLOWED else 1)


def within_one_run(arguments: argparse.Namespace) -> tuple[float, list[list[float]]]:
    """Returns the median ratio of step rates, and each row: two rates, two ratios."""
    switch = Switch()
    listen(switch)
    windows = 2 * WINDOWS * arguments.rows + 1
    code = run_program(
        [
            *("train", "tracking=mlflow", "io.log_frequency=1"),
            f"training.max_epochs={windows * EPOCHS}",
            *arguments.overrides,
        ]
    )
    if code:
        sys.exit(code)
    table = []
    print(f"\n{'mlflow':>9} {'nothing':>9} {'ratio':>7} {'CPU':>7}   (steps/s)")
    for first in range(0, WINDOWS * arguments.rows, WINDOWS):
        row = row_of(switch, slice(first, first + WINDOWS))
        print(f"{row[0]:9.1f} {row[1]:9.1f} {row[2]:7.3f} {row[3]:7.3f}")
        table.append(row)
    median, cpu = (statistics.median(row[column] for row in table) for column in (2, 3))
    print(
        f"logging every step costs {100 * (1 - median):.1f} % of the step rate (by CPU time "
        f"{100 * (1 - cpu):.1f} %), allowed are {100 * ALLOWED:.0f} %"
    )
    return median, table


def row_of(switch: Switch, chosen: slice) -> list[float]:
    """Returns steps/s with and without logging, their ratio, and that by CPU time."""
    steps = WINDOWS * EPOCHS * STEPS
    sums = {
        on: [sum(column) for column in zip(*windows[chosen], strict=True)]
        for on, windows in switch.seconds.items()
    }
    rates = [steps / sums[on][0] for on in (True, False)]
    return [*rates, rates[0] / rates[1], sums[False][1] / sums[True][1]]


def listen(switch: Switch) -> None:
    """Puts the switch between the program and its tracker."""
    make_tracker, epoch_ended = training.make_tracker, listeners.RunListener.epoch_ended
    append = WeightRecord.append

    def switched(*arguments: Any) -> Any:
        return Switched(make_tracker(*arguments), switch)

    def ended(listener: Any, *arguments: Any) -> None:
        epoch_ended(listener, *arguments)
        switch.epoch_ended()

    def appended(record: WeightRecord, *arguments: Any) -> None:
        if switch.on:
            append(record, *arguments)

    for owner, name, value in (
        (training, "make_tracker", switched),
        (listeners.RunListener, "epoch_ended", ended),
        (WeightRecord, "append", appended),
    ):
        setattr(owner, name, value)


def pair_of_runs(number: int, arguments: argparse.Namespace) -> dict[str, float]:
    """Trains twice in processes of their own; returns steps/s by the name of the tracking."""
    order = ("none", "mlflow") if number % 2 else ("mlflow", "none")
    rates = {name: rate_of_run(name, arguments.overrides) for name in order}
    print(
        f"whole runs: mlflow {rates['mlflow']:.1f}, none {rates['none']:.1f} steps/s, "
        f"ratio {rates['mlflow'] / rates['none']:.3f}",
        flush=True,
    )
    return rates


def rate_of_run(tracking: str, overrides: list[str]) -> float:
    """Returns steps per second of one training."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "panna_exp", "train", f"tracking={tracking}"),
            *("io.log_frequency=1", "training.max_epochs=200", *overrides),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = RATE.search(done.stdout)
    if done.returncode or found is None:
        sys.exit(f"the training failed:\n{done.stdout}{done.stderr}")
    return int(found[1]) / float(found[2])


def parse() -> argparse.Namespace:
    """Returns the command line's values."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10, help="of the table (default: 10)")
    parser.add_argument("--runs", type=int, default=0, help="pairs of whole runs (default: 0)")
    parser.add_argument("--json", type=Path, help="write the numbers to this file as well")
    parser.add_argument("overrides", nargs="*", help="as of panna-exp train")
    arguments = parser.parse_args()
    if arguments.json:
        arguments.json = arguments.json.absolute()
    return arguments


if __name__ == "__main__":
    main()
