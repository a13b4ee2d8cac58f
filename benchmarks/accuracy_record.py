"""Results of ``python -m benchmarks accuracy``, kept, and the page that is written from them.

    python -m benchmarks.accuracy_record

writes the tables of docs/reference/accuracy.md from benchmarks/accuracy.json.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean, stdev

from benchmarks.accuracy_systems import SYSTEMS, System
from panna_exp.files import write_text_atomic

RECORD = Path(__file__).with_name("accuracy.json")
PAGE = Path(__file__).parents[1] / "docs" / "reference" / "accuracy.md"
_BUDGETS = ("short", "normal", "long")
_HEADING = "## Own data: the numbers\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """Errors of one potential, or of a committee.

    Args:
        system: Key of :data:`SYSTEMS`.
        budget: Of the trainings.
        seeds: Of the members; one: a single training.
        energy: Error (meV, per atom or not as in the system).
        forces: Error (meV/angstrom).
        constant: Error of the energies of a predictor of one energy per atom of a species.
        zero_forces: Error of forces that are zero.
        seconds: CPU time of the training; None of committees.
        date: Of the measurement.
        machine: Processor and versions.
    """

    system: str
    budget: str
    seeds: tuple[int, ...]
    energy: float
    forces: float
    constant: float
    zero_forces: float
    seconds: float | None
    date: str
    machine: str

    @property
    def label(self) -> str:
        """What was trained."""
        seeds = ", ".join(str(seed) for seed in self.seeds)
        kind = "seed" if len(self.seeds) == 1 else "committee of seeds"
        return f"{self.system}, {self.budget}, {kind} {seeds}"


def read(path: Path = RECORD) -> list[Result]:
    """Returns the results of a file; none of one that does not exist."""
    if not path.exists():
        return []
    return [Result(**{**one, "seeds": tuple(one["seeds"])}) for one in json.loads(path.read_text())]


def add(path: Path, result: Result) -> None:
    """Adds a result to a file, in the place of an earlier one of the same label."""
    kept = {one.label: one for one in [*read(path), result]}
    ordered = sorted(kept.values(), key=_order)
    lines = ",\n".join(json.dumps(asdict(one)) for one in ordered)
    write_text_atomic(path, f"[\n{lines}\n]\n")


def with_tables(page: str, results: Sequence[Result]) -> str:
    """Returns a page, its last section written from results."""
    before, _, _ = page.partition(_HEADING)
    names = [name for name in SYSTEMS if any(one.system == name for one in results)]
    tables = [
        _table(SYSTEMS[name], [one for one in results if one.system == name]) for name in names
    ]
    return "\n".join([f"{before}{_HEADING}", *tables, _measured(results)])


def _order(result: Result) -> tuple[int, int, int, tuple[int, ...]]:
    place = list(SYSTEMS).index(result.system)
    return place, _BUDGETS.index(result.budget), len(result.seeds), result.seeds


def _table(system: System, results: Sequence[Result]) -> str:
    unit = "meV/atom" if system.per_atom else "meV"
    first = results[0]
    lines = [
        f"### {system.title}\n",
        f"| {system.metric.upper()} on test data | {unit} | meV/A | CPU s |",
        "| --- | --- | --- | --- |",
        f"| energies per species, no forces | {first.constant:.0f} | {first.zero_forces:.0f} | |",
    ]
    for budget in _BUDGETS:
        of_budget = [one for one in results if one.budget == budget]
        if single := [one for one in of_budget if len(one.seeds) == 1]:
            lines.append(_row(budget, single))
        lines += [_committee_row(budget, one) for one in of_budget if len(one.seeds) > 1]
    lines += [f"| {name} | {e:g} | {f:g} | |" for name, (e, f) in system.published.items()]
    if system.published:
        lines += ["", f"{', '.join(system.published)}: {system.source}."]
    return "\n".join([*lines, ""])


def _row(budget: str, trainings: Sequence[Result]) -> str:
    seeds = ", ".join(str(one.seeds[0]) for one in trainings)
    energy = _spread([one.energy for one in trainings])
    forces = _spread([one.forces for one in trainings])
    seconds = mean(one.seconds for one in trainings if one.seconds is not None)
    word = "seed" if len(trainings) == 1 else "seeds"
    return f"| `training.budget={budget}`, {word} {seeds} | {energy} | {forces} | {seconds:.0f} |"


def _committee_row(budget: str, result: Result) -> str:
    seeds = ", ".join(str(seed) for seed in result.seeds)
    errors = f"{result.energy:.2f} | {result.forces:.1f}"
    return f"| `training.budget={budget}`, committee of seeds {seeds} | {errors} | |"


def _spread(values: Sequence[float]) -> str:
    digits = 2 if mean(values) < 10 else 1
    text = f"{mean(values):.{digits}f}"
    return text if len(values) == 1 else f"{text} +- {stdev(values):.{digits}f}"


def _measured(results: Sequence[Result]) -> str:
    dates = sorted({one.date for one in results})
    machines = "; ".join(dict.fromkeys(one.machine for one in results))
    when = dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"
    return f"Measured {when}, one thread, on: {machines}.\n"


if __name__ == "__main__":
    write_text_atomic(PAGE, with_tables(PAGE.read_text(), read()))
    print(f"wrote {PAGE}")
