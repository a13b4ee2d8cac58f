"""Errors of potentials that one command makes of a user's file, beside published ones.

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
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measure import Measurement

_MLEARN = "Zuo et al., J. Phys. Chem. A 124, 731 (2020)"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Training and test data, and the errors of others on them.

    Args:
        train: File below the data folder.
        test: Likewise.
        per_atom: Whether energies are usually given per atom; of a molecule otherwise.
        published: Model: MAE of energies (meV) and forces (meV/angstrom).
        source: Of these.
    """

    train: str
    test: str
    per_atom: bool
    published: dict[str, tuple[float, float]]
    source: str


SYSTEMS = {
    "silicon": System(
        train="mlearn/Si_training.extxyz",
        test="mlearn/Si_test.extxyz",
        per_atom=True,
        published={"BP": (5.63, 109), "GAP": (2.91, 70), "MTP": (2.21, 60)},
        source=_MLEARN,
    ),
    "lithium": System(
        train="mlearn/Li_training.extxyz",
        test="mlearn/Li_test.extxyz",
        per_atom=True,
        published={"BP": (0.75, 17), "GAP": (0.49, 10), "MTP": (0.49, 10)},
        source=_MLEARN,
    ),
    "ethanol": System(
        train="ethanol/train.xyz",
        test="ethanol/test_MD.xyz",
        per_atom=False,
        published={"ANI": (7.7, 45.6), "GAP": (3.5, 18.1), "ACE": (1.2, 7.3), "MACE": (0.4, 2.1)},
        source="Kovacs et al., J. Chem. Theory Comput. 17, 7696 (2021); MACE: arXiv:2206.07697",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """Test errors of one training (meV, meV/angstrom), those of constants, and its CPU time."""

    energy: float
    forces: float
    constant: float
    zero_forces: float
    seconds: float


def measure(
    data: Path, systems: Sequence[str], budget: str, seeds: Sequence[int]
) -> Iterator[Measurement]:
    """Yields the mean errors over seeds, and the CPU time of a training, of each system.

    Args:
        data: Folder with the files of :data:`SYSTEMS`.
        systems: Names of them.
        budget: Of ``training.budget``.
        seeds: Of the trainings.
    """
    for name in systems:
        system = SYSTEMS[name]
        found = [_trained(system, data, budget, seed) for seed in seeds]
        unit = "meV/atom" if system.per_atom else "meV"
        published = system.published
        yield _mean(
            f"{name}, {budget}, energy", unit, found, "energy", "constant",
            {model: errors[0] for model, errors in published.items()},
        )  # fmt: skip
        yield _mean(
            f"{name}, {budget}, forces", "meV/angstrom", found, "forces", "zero_forces",
            {model: errors[1] for model, errors in published.items()},
        )  # fmt: skip
        seconds = [one.seconds for one in found]
        yield Measurement(
            name=f"{name}, {budget}, training",
            value=float(np.mean(seconds)),
            unit="CPU s",
            higher_is_better=False,
            note=f"{min(seconds):.0f} to {max(seconds):.0f}",
        )


def markdown(found: Sequence[Measurement]) -> str:
    """Returns the table as Markdown, with where the published values are from."""
    lines = ["| | | | |", "| --- | ---: | --- | --- |"]
    lines += [f"| {one.name} | {one.value:.3g} | {one.unit} | {one.note} |" for one in found]
    names = {one.name.partition(",")[0] for one in found}
    sources = [f"{name}: {SYSTEMS[name].source}" for name in SYSTEMS if name in names]
    return "\n".join([*lines, "", "Published: " + "; ".join(sources) + ".", ""])


def _trained(system: System, data: Path, budget: str, seed: int) -> Errors:
    with tempfile.TemporaryDirectory() as folder:
        before = _children()
        _run(
            folder,
            *("train", f"data.train={data / system.train}", f"training.budget={budget}"),
            *(f"seed={seed}", "threads=1", "tracking=none", "io.train_dir=run"),
        )
        seconds = _children() - before
        options = (f"data.test={data / system.test}", "data.zero_forces=keep")
        _run(folder, "evaluate", "run_dir=run", *options)
        (file,) = Path(folder).glob(f"run/evaluate/{Path(system.test).stem}/epoch_*.json")
        read = json.loads(file.read_text())
    return Errors(
        energy=_energy(read["energy"], system.per_atom),
        forces=1000 * read["forces"]["all"]["mae_ev_per_angstrom"],
        constant=_energy(read["constant_per_species"], system.per_atom),
        zero_forces=1000 * read["zero_forces"]["mae_ev_per_angstrom"],
        seconds=seconds,
    )


def _energy(errors: dict[str, Any], per_atom: bool) -> float:
    value = errors["mae_mev_per_atom"] if per_atom else 1000 * errors["mae_ev"]
    return float(value)


def _children() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _run(folder: str, *words: str) -> None:
    command = [sys.executable, "-m", "panna_exp", *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)


def _mean(
    name: str, unit: str, found: list[Errors], field: str, constant: str, others: dict[str, float]
) -> Measurement:
    values = [getattr(one, field) for one in found]
    seeds = ", ".join(f"{value:.3g}" for value in values)
    published = ", ".join(f"{model} {value:g}" for model, value in others.items())
    return Measurement(
        name=name,
        value=float(np.mean(values)),
        unit=unit,
        higher_is_better=False,
        note=f"seeds {seeds}; constant {getattr(found[0], constant):.0f}; published {published}",
    )
