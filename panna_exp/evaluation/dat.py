"""PANNA's text files of an evaluation: one line per structure, or one line per atom for forces.

2.x names a structure without a name ``N.A.`` and ends its lines; 1.x names it ``NA``, prints the
reference as the float32 that its records hold, and leaves the last line of energies open.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.predictions import Predictions
from panna_exp.files import write_text_atomic

_ENERGY_HEADER = "#filename n_atoms e_ref e_nn"
_FORCES_HEADER = "#filename atom_id fx_nn fy_nn fz_nn fx_ref fy_ref fz_ref"
_VOIGT = {
    **{"xx": (0, 0), "yy": (1, 1), "zz": (2, 2)},
    **{"yz": (1, 2), "xz": (0, 2), "xy": (0, 1)},
}
_NO_NAME = {1: "NA", 2: "N.A."}


def write_energies(
    path: Path, predictions: Predictions, version: int = 2, add_offset: bool = True
) -> None:
    """Writes ``epoch_E_step_S.dat``: total energies in eV, with the digits that a float64 needs.

    Args:
        path: The file to create or replace.
        predictions: S structures.
        version: Whose layout, PANNA 1.x or 2.x.
        add_offset: Whether ``e_nn`` has the free atoms' energies, as ``e_ref`` always has.
    """
    reference = predictions.reference
    energy = predictions.energy if add_offset else predictions.energy - predictions.free_atoms
    if version == 1:
        reference = reference.astype(np.float32).astype(np.float64)
    columns = zip(
        _names(predictions, version),
        predictions.num_atoms.tolist(),
        reference.tolist(),
        energy.tolist(),
        strict=True,
    )
    lines = [_ENERGY_HEADER, *(f"{name} {n} {ref!r} {nn!r}" for name, n, ref, nn in columns)]
    write_text_atomic(path, "\n".join(lines) + ("" if version == 1 else "\n"))


def write_forces(path: Path, predictions: Predictions, version: int = 2) -> None:
    """Writes ``epoch_E_step_S_forces.dat``: in eV/angstrom, ``nan`` where not known.

    Args:
        path: The file to create or replace.
        predictions: S structures, with forces.
        version: Whose layout, PANNA 1.x or 2.x.
    """
    assert predictions.forces is not None
    reference = predictions.reference_forces
    if reference is None:
        reference = np.full_like(predictions.forces, np.nan)
    rows = np.concatenate([predictions.forces, reference], axis=1).tolist()
    labels = _atom_labels(predictions, version)
    lines = [f"{label} {_numbers(row)}" for label, row in zip(labels, rows, strict=True)]
    write_text_atomic(path, "\n".join([_FORCES_HEADER, *lines]) + "\n")


def write_stresses(path: Path, predictions: Predictions) -> None:
    """Writes ``epoch_E_step_S_stress.dat``: in eV/angstrom^3, six components in Voigt's order.

    Both are ``nan`` where not known.
    """
    assert predictions.stress is not None
    assert predictions.reference_stress is not None
    both = np.concatenate(
        [_voigt(predictions.stress), _voigt(predictions.reference_stress)], axis=1
    )
    names = _names(predictions, 2)
    lines = [f"{name} {_numbers(row)}" for name, row in zip(names, both.tolist(), strict=True)]
    components = [f"{c}_{part}" for part in ("nn", "ref") for c in _VOIGT]
    write_text_atomic(path, "\n".join([f"#filename {' '.join(components)}", *lines]) + "\n")


def _voigt(stress: Floats) -> Floats:
    """Returns [S, 6] of [S, 3, 3]."""
    return np.stack([stress[:, i, j] for i, j in _VOIGT.values()], axis=1)


def write_energy_spread(path: Path, predictions: Predictions) -> None:
    """Writes the standard deviations of a committee's energies (eV), a line per structure."""
    assert predictions.energy_spread is not None
    columns = zip(
        _names(predictions, 2),
        predictions.num_atoms.tolist(),
        predictions.energy_spread.tolist(),
        strict=True,
    )
    lines = [f"{name} {n} {value!r}" for name, n, value in columns]
    write_text_atomic(path, "\n".join(["#filename n_atoms e_std", *lines]) + "\n")


def write_force_spread(path: Path, predictions: Predictions) -> None:
    """Writes those of force components (eV/angstrom), a line per atom."""
    assert predictions.force_spread is not None
    labels = _atom_labels(predictions, 2)
    rows = predictions.force_spread.tolist()
    lines = [f"{label} {_numbers(row)}" for label, row in zip(labels, rows, strict=True)]
    write_text_atomic(path, "\n".join(["#filename atom_id fx_std fy_std fz_std", *lines]) + "\n")


def _atom_labels(predictions: Predictions, version: int) -> list[str]:
    named = zip(_names(predictions, version), predictions.num_atoms.tolist(), strict=True)
    return [f"{name} {atom}" for name, size in named for atom in range(size)]


def _names(predictions: Predictions, version: int) -> list[str]:
    # Columns are told apart by spaces, so a name must not have any.
    return ["_".join(name.split()) or _NO_NAME[version] for name in predictions.names]


def _numbers(row: Iterable[float]) -> str:
    return " ".join(map(repr, row))
