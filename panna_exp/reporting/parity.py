"""Parity plots from .dat files, for evaluations whose own plots are gone."""

from typing import Any

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.figures import new_figure, png
from panna_exp.evaluation.plots import COLOURS, INK, bins, limits
from panna_exp.reporting.evaluations import StoredEvaluation

_MOST_POINTS = 60_000


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
    less = "" if free_atoms is None else ", free atoms subtracted"
    reference = (evaluation.reference - base) / evaluation.num_atoms
    predicted = (evaluation.predicted - base) / evaluation.num_atoms
    return _parity(
        reference, predicted, f"energy{less} (eV/atom)", "(meV/atom)", "structures", 1000.0
    )


def force_parity(evaluation: StoredEvaluation) -> bytes | None:
    """Draws predicted against reference force components; None where the data have no forces."""
    if evaluation.forces is None or evaluation.reference_forces is None:
        return None
    known = ~np.isnan(evaluation.reference_forces).any(axis=1)
    if not known.any():
        return None
    reference = evaluation.reference_forces[known].ravel()
    predicted = evaluation.forces[known].ravel()
    unit = "(eV/angstrom)"
    return _parity(reference, predicted, f"force {unit}", unit, "components", 1.0)


def _parity(
    reference: Floats, predicted: Floats, label: str, unit: str, counted: str, factor: float
) -> bytes:
    finite = np.isfinite(reference) & np.isfinite(predicted)
    reference, predicted = reference[finite], predicted[finite]
    figure = new_figure(10.0, 5.0)
    parity, histogram = figure.subplots(1, 2, width_ratios=(3, 2))
    low, high = limits(np.concatenate([reference, predicted]) if finite.any() else np.zeros(1))
    parity.plot([low, high], [low, high], color=INK, linewidth=0.8, zorder=1)
    every = max(1, -(-len(reference) // _MOST_POINTS))
    crowded = len(reference) > 1000
    parity.scatter(
        reference[::every],
        predicted[::every],
        s=6 if crowded else 16,
        alpha=0.4 if crowded else 0.8,
        linewidths=0,
        color=COLOURS[0],
        zorder=2,
        rasterized=True,
    )
    parity.set(
        xlim=(low, high),
        ylim=(low, high),
        aspect="equal",
        xlabel=f"reference {label}",
        ylabel=f"predicted {label}",
    )
    if finite.any():
        errors = factor * (predicted - reference)
        histogram.hist(errors, bins=bins(errors), color=COLOURS[0])
    histogram.axvline(0.0, color=INK, linewidth=0.8)
    histogram.set(xlabel=f"predicted minus reference {unit}", ylabel=counted)
    _grid(parity)
    _grid(histogram)
    return png(figure)


def _grid(axes: Any) -> None:
    axes.set_axisbelow(True)
    axes.grid(alpha=0.25, linewidth=0.5)
