"""Measures panna_exp and prints the numbers beside their limit and an earlier result.

    python -m benchmarks [PART ...] [--threads 1] [--full | --quick] [--json FILE]
                         [--compare FILE]

Parts: steps (of training), inference, programs (whole commands), scaling; all of these by default,
which takes some ten minutes; and lammps (dynamics with pair_style panna). Run it on an idle
machine. "bare" is how many times as long as the bare matrix products of the same step it took,
measured in turn with it in the same process. FILE of --json is benchmarks/speed.json for the page
of the documentation, which `python -m benchmarks.speed_record` then writes.

    python -m benchmarks accuracy [--data FOLDER] [--systems silicon,lithium,ethanol,3BPA]
                         [--budget normal] [--seeds 0,1,2,3,4] [--record FILE]

trains on public data as a user would, one training after the other, some two minutes each, and
measures errors on test data. FILE is benchmarks/accuracy.json for the page of the documentation,
which `python -m benchmarks.accuracy_record` then writes, published errors beside these.
"""

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    accuracy,
    inference,
    lammps,
    measure,
    programs,
    scaling,
    speed_record,
    steps,
)
from benchmarks.accuracy_systems import SYSTEMS
from benchmarks.measure import Measurement, shown
from panna_exp.assembly.machine import use_threads
from panna_exp.config.schema import Budget

PARTS = ("steps", "inference", "programs", "scaling")
MORE = ("lammps",)
ACCURACY = "accuracy"
DATA = Path("../shared/data")
FEW, MANY = (20_000, 100_000), (100_000, 1_000_000)  # molecules to precompute, structures of a set


def main() -> None:
    """Measures, prints, writes."""
    arguments = parse()
    use_threads(arguments.threads)
    if arguments.quick:
        measure.WINDOWS, measure.WINDOW_SECONDS = 1, 0.01
    earlier = json.loads(arguments.compare.read_text()) if arguments.compare else {"parts": {}}
    console = Console(width=None if sys.stdout.isatty() else 130)
    found: dict[str, list[dict[str, Any]]] = {}
    for part in arguments.parts or PARTS:
        measurements: list[Measurement] = []
        for one in run_part(part, arguments):
            measurements.append(one)
            console.print(f"  {one.name or '...'}: {shown(one.value)} {one.unit}", style="dim")
        console.print(table(part, measurements, earlier["parts"].get(part, [])))
        found[part] = [asdict(one) for one in measurements]
    if arguments.json:
        threads = "1 thread" if arguments.threads == 1 else f"{arguments.threads} threads"
        speed_record.add(arguments.json, found, f"{measure.machine()}; {threads}")


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS, *MORE, ACCURACY], metavar="PART")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--full", action="store_true", help="100,000 molecules, 1e6 structures")
    parser.add_argument("--quick", action="store_true", help="rough numbers, to see that it works")
    parser.add_argument("--json", type=Path, help="keep the numbers in this file")
    parser.add_argument("--compare", type=Path, help="such a file, to print ratios to")
    group = parser.add_argument_group(ACCURACY)
    group.add_argument("--data", type=Path, default=DATA, help=f"public data (default: {DATA})")
    group.add_argument("--systems", type=listed, default=list(SYSTEMS), help="a,b,...")
    group.add_argument("--budget", default="normal", choices=[item.value for item in Budget])
    group.add_argument("--seeds", type=listed, default=["0", "1", "2", "3", "4"], help="0,1,...")
    group.add_argument("--record", type=Path, help="keep the results in this file as well")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.systems if name not in SYSTEMS]:
        parser.error(f"--systems: unknown {unknown[0]!r} (known: {', '.join(SYSTEMS)})")
    return arguments


def listed(text: str) -> list[str]:
    """Returns the words of a list with commas."""
    return text.split(",")


def run_part(part: str, arguments: argparse.Namespace) -> Iterator[Measurement]:
    """Yields the measurements of a part."""
    if part == ACCURACY:
        seeds = [int(seed) for seed in arguments.seeds]
        words = (arguments.data.resolve(), arguments.systems, arguments.budget)
        return accuracy.measure(*words, seeds, arguments.record)
    molecules, structures = MANY if arguments.full else FEW
    if part == "programs":
        return programs.measure(molecules)
    if part == "scaling":
        return scaling.measure(structures)
    return {"steps": steps, "inference": inference, "lammps": lammps}[part].measure()


def table(part: str, found: list[Measurement], earlier: list[dict[str, Any]]) -> Table:
    """Returns the table of a part, with how many times as good as earlier each number is."""
    before = {(one["name"], one["unit"]): one["value"] for one in earlier}
    result = Table(title=part, title_justify="left")
    result.add_column("", min_width=34)
    for title in ("", "unit", "bare", *(["than before"] if earlier else [])):
        result.add_column(title, justify="left" if title == "unit" else "right")
    result.add_column("note", style="dim")
    for one in found:
        cells = [
            one.name,
            shown(one.value),
            one.unit,
            "" if one.bare is None else f"{one.bare:.2f}",
        ]
        if earlier:
            old = before.get((one.name, one.unit))
            cells.append("" if old is None else f"{better(one, old):.2f}x")
        result.add_row(*cells, one.note)
    return result


def better(one: Measurement, old: float) -> float:
    """Returns how many times as good as the old value."""
    return one.value / old if one.higher_is_better else old / one.value


if __name__ == "__main__":
    main()
