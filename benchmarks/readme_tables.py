"""The tables of README.md, written from the records of accuracy and speed.

python -m benchmarks.readme_tables
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks import accuracy_record, speed_record
from benchmarks.accuracy_record import Result
from benchmarks.accuracy_systems import SYSTEMS
from benchmarks.measure import shown
from panna_exp.files import write_text_atomic

PAGE = Path(__file__).parents[1] / "README.md"
_BEGIN, _END = "<!-- from benchmarks -->\n", "<!-- until here -->\n"
_STRUCTURES = {"silicon": 214, "lithium": 241, "ethanol": 1000}
# What a row says: part and name of a measurement, how many of its units one is, and of what.
_SPEEDS = (
    (
        "training on energies and forces, ethanol, batches of 100",
        ("steps", "ethanol, energies and forces, on the fly, batch 100", 100, "structures/s"),
    ),
    (
        "energies and forces of ethanol, neighbour lists given",
        ("inference", "ethanol, energies and forces, lists given", 1, "us per atom"),
    ),
    (
        "molecular dynamics of silicon in LAMMPS (512 atoms, cutoff 5 A)",
        ("lammps", "5 / 4 A, D 44, 24:12:1, 512 atoms", 1, "us per atom and step"),
    ),
    (
        "`panna-exp train` from start to end (100 epochs)",
        ("programs", "train, README's first command without MLflow, whole", 1, "s"),
    ),
)


def with_tables(page: str, results: Sequence[Result], speed: Mapping[str, Any]) -> str:
    """Returns a page, what is between its two marks written from the records."""
    before, _, rest = page.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "".join([before, _BEGIN, _accuracy(results), "\n", _speed(speed), _END, after])


def _accuracy(results: Sequence[Result]) -> str:
    lines = [
        "| data | training | mean absolute errors: meV | eV/A | published, of others |",
        "| --- | ---: | ---: | ---: | --- |",
    ]
    for name, structures in _STRUCTURES.items():
        found = [
            one
            for one in results
            if (one.system, one.budget, len(one.seeds)) == (name, "normal", 1)
        ]
        system = SYSTEMS[name]
        others = "; ".join(
            f"{other} {energy:g}, {forces / 1000:.2g}"
            for other, (energy, forces) in system.published.items()
        )
        seconds = mean(one.seconds for one in found if one.seconds is not None)
        unit = " per atom" if system.per_atom else ""
        lines.append(
            f"| {name}, {structures:,} structures | {seconds:.0f} s "
            f"| {mean(one.energy for one in found):#.2g}{unit} "
            f"| {mean(one.forces for one in found) / 1000:#.2g} | {others} |"
        )
    return "\n".join(lines) + "\n"


def _speed(record: Mapping[str, Any]) -> str:
    lines = ["| speed, one core | |", "| --- | ---: |"]
    for title, (part, name, factor, unit) in _SPEEDS:
        (value,) = [one["value"] for one in record["parts"][part] if one["name"] == name]
        lines.append(f"| {title} | {shown(value * factor)} {unit} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    speed = json.loads(speed_record.RECORD.read_text())
    write_text_atomic(PAGE, with_tables(PAGE.read_text(), accuracy_record.read(), speed))
    print(f"wrote {PAGE}")
