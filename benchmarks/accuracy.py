"""Errors of potentials that one command makes of a user's file.

Each training is `panna-exp train data.train=FILE training.budget=...` and nothing else, on one
thread; errors are those of the best checkpoint on test data that it never saw. Forces count on all
atoms, also where they are zero by symmetry, as in the published tables.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.accuracy_record import Result, add
from benchmarks.accuracy_systems import SYSTEMS, System
from benchmarks.measure import Measurement, machine

_COMMITTEE = 4
_EVERY = 5


def measure(
    data: Path, systems: Sequence[str], budget: str, seeds: Sequence[int], record: Path | None
) -> Iterator[Measurement]:
    """Yields errors and CPU time of each training, and of the first four as a committee.

    Args:
        data: Folder with the files of :data:`SYSTEMS`.
        systems: Names of them.
        budget: Of ``training.budget``.
        seeds: Of the trainings.
        record: File to which each result is added at once, or None.
    """
    for name in systems:
        for result in _results(name, data, budget, seeds):
            if record is not None:
                add(record, result)
            yield from _measurements(result)


def _results(name: str, data: Path, budget: str, seeds: Sequence[int]) -> Iterator[Result]:
    system = SYSTEMS[name]
    with tempfile.TemporaryDirectory() as folder:
        train, test = _files(system, data, Path(folder))
        for seed in seeds:
            run = Path(folder) / f"seed_{seed}"
            seconds = _train(run, train, budget, seed)
            yield _result(name, budget, (seed,), seconds, _evaluate(run, test))
        if len(seeds) >= _COMMITTEE:
            members = tuple(seeds[:_COMMITTEE])
            found = {"format": 1, "members": [f"seed_{seed}" for seed in members]}
            (Path(folder) / "committee.json").write_text(json.dumps(found))
            yield _result(name, budget, members, None, _evaluate(Path(folder), test))


def _files(system: System, data: Path, folder: Path) -> tuple[Path, Path]:
    if system.test is not None:
        return data / system.train, data / system.test
    parts: tuple[list[str], list[str]] = ([], [])
    for number, frame in enumerate(_frames(data / system.train)):
        parts[number % _EVERY == _EVERY - 1].append(frame)
    train, test = folder / "train.xyz", folder / "test.xyz"
    for path, frames in zip((train, test), parts, strict=True):
        path.write_text("".join(frames))
    return train, test


def _frames(path: Path) -> Iterator[str]:
    lines = path.read_text().splitlines(keepends=True)
    while lines:
        size = int(lines[0]) + 2
        yield "".join(lines[:size])
        lines = lines[size:]


def _train(run: Path, train: Path, budget: str, seed: int) -> float:
    """Returns the CPU seconds."""
    before = _children()
    options = (f"seed={seed}", "threads=1", "tracking=none", f"io.train_dir={run}")
    _run(run.parent, "train", f"data.train={train}", f"training.budget={budget}", *options)
    return _children() - before


def _evaluate(run: Path, test: Path) -> dict[str, Any]:
    options = (f"data.test={test}", "data.zero_forces=keep")
    _run(run.parent, "evaluate", f"run_dir={run}", *options)
    written = set((run / "evaluate" / test.stem).glob("*.json"))
    (file,) = [path for path in written if path.name != "evaluation_data.json"]
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _result(
    name: str, budget: str, seeds: tuple[int, ...], seconds: float | None, found: dict[str, Any]
) -> Result:
    system = SYSTEMS[name]
    energy = f"{system.metric}_mev_per_atom" if system.per_atom else f"{system.metric}_ev"
    scale = 1 if system.per_atom else 1000
    forces = f"{system.metric}_ev_per_angstrom"
    return Result(
        system=name,
        budget=budget,
        seeds=seeds,
        energy=round(scale * found["energy"][energy], 4),
        forces=round(1000 * found["forces"]["all"][forces], 3),
        constant=round(scale * found["constant_per_species"][energy], 2),
        zero_forces=round(1000 * found["zero_forces"][forces], 1),
        seconds=None if seconds is None else round(seconds, 1),
        date=datetime.now(UTC).date().isoformat(),
        machine=machine(),
    )


def _measurements(result: Result) -> Iterator[Measurement]:
    system = SYSTEMS[result.system]
    name = f"{result.label}, {system.metric.upper()}"
    unit = "meV/atom" if system.per_atom else "meV"
    for what, value, of, constant in (
        ("energy", result.energy, unit, result.constant),
        ("forces", result.forces, "meV/angstrom", result.zero_forces),
    ):
        yield Measurement(
            name=f"{name} of {what}",
            value=value,
            unit=of,
            higher_is_better=False,
            note=f"of a constant {constant:.0f}",
        )
    if result.seconds is not None:
        yield Measurement(
            name=f"{result.label}, training",
            value=result.seconds,
            unit="CPU s",
            higher_is_better=False,
        )


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _run(folder: Path, *words: str) -> None:
    command = [sys.executable, "-m", "panna_exp", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
