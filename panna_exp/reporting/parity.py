"""Parity plots from .dat files, for evaluations whose own plots are gone."""

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.figures import png
from panna_exp.evaluation.plots import COLOURS, ENERGIES, FORCES, Axes, Points, parity_figure
from panna_exp.reporting.evaluations import StoredEvaluation


def energy_parity(evaluation: StoredEvaluation, free_atoms: Floats | None) -> bytes:
    """Draws predicted against reference energies per atom, and their errors.

    Args:
        evaluation: S structures.
        free_atoms: [S] sum of the free atoms' energies (eV), which then are subtracted: without
            that, only data of one composition fill the diagram.

    Returns:
        PNG.
    """
    base = np.zeros_like(evaluation.reference) if free_atoms is None else free_atoms
    reference = (evaluation.reference - base) / evaluation.num_atoms
    predicted = (evaluation.predicted - base) / evaluation.num_atoms
    axes = ENERGIES if free_atoms is not None else ENERGIES._replace(quantity="energy")
    return _png(reference, predicted, axes)


def force_parity(evaluation: StoredEvaluation) -> bytes | None:
    """Draws predicted against reference force components; None where the data have no forces."""
    if evaluation.forces is None or evaluation.reference_forces is None:
        return None
    known = ~np.isnan(evaluation.reference_forces).any(axis=1)
    if not known.any():
        return None
    reference = evaluation.reference_forces[known].ravel()
    return _png(reference, evaluation.forces[known].ravel(), FORCES)


def _png(reference: Floats, predicted: Floats, axes: Axes) -> bytes:
    finite = np.isfinite(reference) & np.isfinite(predicted)
    points = Points("", COLOURS[0], reference[finite], predicted[finite])
    return png(parity_figure([points] if finite.any() else [], axes))
