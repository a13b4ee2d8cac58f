"""Errors of energies and forces as numbers.

Energies per atom are in meV/atom, totals in eV, force components in eV/angstrom, stresses in
GPa. The error of a
structure per atom is the error of its total energy over its number of atoms; means run over
structures.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.evaluation.predictions import Predictions
from panna_exp.units import GPA


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyErrors:
    """Errors over some structures; field names carry the units."""

    structures: int
    mae_mev_per_atom: float
    rmse_mev_per_atom: float
    max_mev_per_atom: float
    mae_ev: float
    rmse_ev: float
    max_ev: float

    @classmethod
    def of(cls, error: Floats, num_atoms: Ints) -> "EnergyErrors":
        """Summarises [S] errors of total energies (eV)."""
        per_atom = 1000.0 * error / num_atoms
        return cls(
            structures=len(error),
            mae_mev_per_atom=_mae(per_atom),
            rmse_mev_per_atom=_rmse(per_atom),
            max_mev_per_atom=_max(per_atom),
            mae_ev=_mae(error),
            rmse_ev=_rmse(error),
            max_ev=_max(error),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ForceErrors:
    """Errors of force components over some atoms; field names carry the units."""

    atoms: int
    mae_ev_per_angstrom: float
    rmse_ev_per_angstrom: float
    max_ev_per_angstrom: float

    @classmethod
    def of(cls, error: Floats) -> "ForceErrors":
        """Summarises [n, 3] errors (eV/angstrom)."""
        return cls(
            atoms=len(error),
            mae_ev_per_angstrom=_mae(error),
            rmse_ev_per_angstrom=_rmse(error),
            max_ev_per_angstrom=_max(error),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StressErrors:
    """Errors of stress components over some structures; field names carry the units."""

    structures: int
    mae_gpa: float
    rmse_gpa: float
    max_gpa: float


def stress_errors(predictions: Predictions) -> tuple[StressErrors, StressErrors] | None:
    """Returns the errors of stresses, and those of stresses that are all zero.

    Means run over the nine components of all structures that have a stress; None without any.
    """
    predicted, reference = known_stresses(predictions)
    if not len(reference):
        return None
    return _stress_errors(predicted - reference), _stress_errors(reference)


def known_stresses(predictions: Predictions) -> tuple[Floats, Floats]:
    """Returns [n, 3, 3] predicted and reference stresses (GPa) of structures that have both."""
    if predictions.stress is None or predictions.reference_stress is None:
        return np.zeros((0, 3, 3)), np.zeros((0, 3, 3))
    known = np.isfinite(predictions.reference_stress).all(axis=(1, 2))
    known &= np.isfinite(predictions.stress).all(axis=(1, 2))
    return predictions.stress[known] / GPA, predictions.reference_stress[known] / GPA


def _stress_errors(error: Floats) -> StressErrors:
    return StressErrors(
        structures=len(error), mae_gpa=_mae(error), rmse_gpa=_rmse(error), max_gpa=_max(error)
    )


def by_composition(predictions: Predictions) -> dict[str, EnergyErrors]:
    """Returns the errors of each composition, the most frequent first."""
    return {
        formula: EnergyErrors.of(predictions.error[rows], predictions.num_atoms[rows])
        for formula, rows in composition_rows(predictions.formulas).items()
    }


def composition_rows(formulas: Sequence[str]) -> dict[str, Ints]:
    """Returns the structures of each composition, the most frequent first."""
    rows: dict[str, list[int]] = {}
    for index, formula in enumerate(formulas):
        rows.setdefault(formula, []).append(index)
    ordered = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))
    return {formula: np.array(indices) for formula, indices in ordered}


def zero_force_errors(predictions: Predictions) -> ForceErrors | None:
    """Returns the errors of a potential without forces: what any useful one must beat."""
    if predictions.forces is None or predictions.reference_forces is None:
        return None
    reference = predictions.reference_forces
    known = ~np.isnan(reference).any(axis=1)
    return ForceErrors.of(reference[known]) if known.any() else None


def force_errors(predictions: Predictions) -> dict[str, ForceErrors]:
    """Returns the errors of ``all`` atoms and of each species, where the data have forces."""
    if predictions.forces is None or predictions.reference_forces is None:
        return {}
    assert predictions.atom_species is not None
    error = predictions.forces - predictions.reference_forces
    known = ~np.isnan(predictions.reference_forces).any(axis=1)
    if not known.any():
        return {}
    errors = {"all": ForceErrors.of(error[known])}
    for index, symbol in enumerate(predictions.species):
        rows = known & (predictions.atom_species == index)
        if rows.any():
            errors[symbol] = ForceErrors.of(error[rows])
    return errors


def _mae(values: Floats) -> float:
    return float(np.abs(values).mean())


def _rmse(values: Floats) -> float:
    with np.errstate(over="ignore"):
        return float(np.sqrt((values**2).mean()))


def _max(values: Floats) -> float:
    return float(np.abs(values).max())
