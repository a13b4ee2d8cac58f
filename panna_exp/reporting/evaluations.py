"""Reads what evaluations left in a run directory: PANNA's .dat files and the errors beside them.

Those on the run's own validation data are in ``evaluate``, those on other data each in a folder of
its own below.

Shapes: S structures, A atoms of all of them. Units: eV, eV/angstrom.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.errors import DataError
from panna_exp.evaluation.evaluated_data import (
    DATA,
    RECORDS,
    EvaluatedData,
    read_evaluated_data,
)
from panna_exp.readers.files import natural
from panna_exp.reporting.records import group, read_json
from panna_exp.reporting.run import Run

FOLDER = "evaluate"
UNNAMED = "data that the evaluation does not name"
_ENERGIES = "#filename n_atoms e_ref e_nn"
_FORCES = "#filename atom_id fx_nn fy_nn fz_nn fx_ref fy_ref fz_ref"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvaluation:
    """Predictions of one checkpoint on one data set.

    Args:
        path: Its .dat file.
        names: [S] as in the file, where blanks are underscores.
        num_atoms: [S].
        reference: [S] total energies of the data (eV).
        predicted: [S] predicted ones (eV).
        summary: Errors as ``evaluate`` computed them, empty without its .json file.
        forces: [A, 3] predicted (eV/angstrom), or None.
        reference_forces: [A, 3] of the data, NaN where not known; or None.
        data: Which data set and which structures; None where an older evaluation does not say.
    """

    path: Path
    names: list[str]
    num_atoms: Ints
    reference: Floats
    predicted: Floats
    summary: Mapping[str, Any]
    forces: Floats | None = None
    reference_forces: Floats | None = None
    data: EvaluatedData | None = None

    @property
    def data_name(self) -> str:
        """What to call the data."""
        return UNNAMED if self.data is None else self.data.name

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.path.stem

    @property
    def error(self) -> Floats:
        """[S] predicted minus reference total energy (eV)."""
        return self.predicted - self.reference

    def errors(self, *keys: str) -> Mapping[str, Any]:
        """Returns a group of the summary, empty where there is none.

        Raises:
            DataError: Something else is in its place.
        """
        found = self.summary
        for key in keys:
            found = group(found, key, str(self.path.with_suffix(".json")))
        return found

    def picture(self, of_forces: bool = False) -> Path | None:
        """Returns the plot that ``evaluate`` drew, None where it is gone."""
        path = _forces_path(self.path) if of_forces else self.path
        plot = path.with_suffix(".png")
        return plot if plot.is_file() else None

    def other_picture(self, name: str) -> Path | None:
        """Returns the plot of ``stress`` or of a committee's ``uncertainty``, if there is one."""
        plot = self.path.with_name(f"{self.path.stem}_{name}.png")
        return plot if plot.is_file() else None

    def worst(self, count: int) -> list[int]:
        """Returns the numbers of the structures with the largest errors per atom, less NaNs."""
        per_atom = np.abs(self.error / self.num_atoms)
        finite = np.flatnonzero(np.isfinite(per_atom))
        order: list[int] = finite[np.argsort(-per_atom[finite], kind="stable")][:count].tolist()
        return order

    def worst_forces(self) -> Floats | None:
        """Returns [S] the largest error of a force component (eV/angstrom), NaN where unknown."""
        if self.forces is None or self.reference_forces is None:
            return None
        atoms = np.abs(self.forces - self.reference_forces).max(axis=1)
        starts = np.concatenate([[0], np.cumsum(self.num_atoms)[:-1]])
        worst: Floats = np.maximum.reduceat(atoms, starts)
        return worst


def evaluated(run: Run) -> list[list[Path]]:
    """Returns the .dat files of energies in a run directory, a list for each data set.

    The run's own validation data come first; the last checkpoint is the last in its list.
    """
    top = run.path / FOLDER
    folders = [top, *sorted(path.parent for path in top.glob(f"*/{DATA}"))]
    found = [
        sorted((p for p in folder.glob("*.dat") if _header(p) == _ENERGIES), key=natural)
        for folder in folders
    ]
    return [paths for paths in found if paths]


def chosen(run: Run, paths: list[Path]) -> Path:
    """Returns that of the checkpoint which the result is of, else the last."""
    named = run.result.get("checkpoint")
    return ([path for path in paths if path.stem == named] or paths)[-1]


def read_evaluation(path: Path) -> StoredEvaluation:
    """Reads an evaluation by its .dat file of energies.

    Raises:
        DataError: A file of it is damaged; names the line.
        OSError: A file cannot be read.
    """
    names, numbers = [], []
    for cells, where in _rows(path, _ENERGIES):
        names.append(cells[0])
        numbers.append(_numbers(cells[1:], where))
    table = np.array(numbers, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # of nan, which is refused below
        sizes = table[:, 0].astype(np.int64)
    if (sizes != table[:, 0]).any() or (sizes < 1).any():
        wrong = int(np.flatnonzero((sizes != table[:, 0]) | (sizes < 1))[0])
        raise DataError(f"{path}: line {wrong + 2}: {table[wrong, 0]:g} is not a number of atoms")
    forces = _forces_path(path)
    both = _read_forces(forces, int(sizes.sum())) if forces.exists() else None
    summary = read_json(errors, dict) if (errors := path.with_suffix(".json")).exists() else {}
    return StoredEvaluation(
        path=path,
        names=names,
        num_atoms=sizes,
        reference=table[:, 1],
        predicted=table[:, 2],
        summary=summary,
        data=_data(path, summary, sizes),
        forces=None if both is None else both[:, :3],
        reference_forces=None if both is None else both[:, 3:],
    )


def _data(path: Path, summary: Mapping[str, Any], sizes: Ints) -> EvaluatedData | None:
    """Returns which data the evaluation says it is of, None where it does not say."""
    fingerprint = group(summary, "data", str(path.with_suffix(".json"))).get("fingerprint")
    if fingerprint is None:
        return None
    data = read_evaluated_data(path.parent)
    # The folder may have been used for other data since.
    if data is None or data.fingerprint != fingerprint:
        return None
    if not np.array_equal(data.counts.sum(axis=1), sizes):
        raise DataError(f"{path}: has other structures than {path.parent / RECORDS}")
    return data


def _forces_path(path: Path) -> Path:
    # PANNA 1.x calls those of a weights folder energies.dat and forces.dat.
    stem = "forces" if path.stem == "energies" else f"{path.stem}_forces"
    return path.with_name(f"{stem}{path.suffix}")


def _read_forces(path: Path, num_atoms: int) -> Floats:
    rows = [_numbers(cells[2:], where) for cells, where in _rows(path, _FORCES)]
    if len(rows) != num_atoms:
        raise DataError(f"{path}: has {len(rows)} atoms, the file of energies has {num_atoms}")
    return np.array(rows, dtype=np.float64)


def _header(path: Path) -> str:
    with path.open(errors="replace") as file:
        return file.readline().strip()


def _rows(path: Path, header: str) -> Iterator[tuple[list[str], str]]:
    """Yields cells and place of each line below the header."""
    with path.open(errors="replace") as file:
        found = file.readline().strip()
        if found != header:
            raise DataError(f"{path}: line 1: expected the header '{header}', found '{found:.60}'")
        width, number = len(header.split()), 1
        for number, line in enumerate(file, 2):
            cells = line.split()
            if len(cells) != width:
                raise DataError(
                    f"{path}: line {number}: expected {width} columns, found {len(cells)}"
                )
            yield cells, f"{path}: line {number}"
        if number == 1:
            raise DataError(f"{path}: has no structures")


def _numbers(cells: list[str], where: str) -> list[float]:
    try:
        return [float(cell) for cell in cells]
    except ValueError as error:
        raise DataError(f"{where}: expected numbers: {error}") from None
