"""Means and spreads over the members of a committee, and how well spreads foretell errors.

The spread is the standard deviation over M members (the population's, over M). A committee is well
calibrated where errors are as large as spreads: the usual way to say so is the ratio of their root
mean squares, and Spearman's rank correlation says whether larger spreads have larger errors (Tran
et al., Mach. Learn.: Sci. Technol. 1 (2020) 025006). That ratio is also the factor by which spreads
are calibrated. The maximum likelihood of normal errors would be the root mean square of the ratios
of errors to their own spreads: of few members these have no bounded variance, and a single atom on
which they happen to agree decides.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.evaluation.predictions import Predictions

ENERGY, FORCES = "energy_mev_per_atom", "forces_ev_per_angstrom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """How spreads compare with errors; field names carry the units of the spreads.

    Args:
        values: How many errors there are.
        mean_spread: Of the unit that the name of the summary's key says.
        error_over_spread: Ratio of root mean squares: above 1 the committee is too sure.
        rank_correlation: Spearman's, of absolute errors with spreads; None where undefined.
        miscalibration: See :func:`miscalibration_area`.
        miscalibration_scaled: The same of the spreads times ``error_over_spread``.
    """

    values: int
    mean_spread: float
    error_over_spread: float | None
    rank_correlation: float | None
    miscalibration: float
    miscalibration_scaled: float | None


def combine(members: Sequence[Predictions]) -> Predictions:
    """Returns the mean predictions of members with their spreads.

    Args:
        members: At least one, of the same structures.
    """
    energies = np.stack([member.energy for member in members])
    # Differences from one member first: variances of total energies lose digits.
    spread = (energies - energies[0]).std(axis=0)
    first = members[0]
    found = [member.forces for member in members if member.forces is not None]
    forces = np.stack(found) if len(found) == len(members) else None
    stresses = [member.stress for member in members if member.stress is not None]
    return replace(
        first,
        stress=np.mean(stresses, axis=0) if stresses else None,
        energy=energies[0] + (energies - energies[0]).mean(axis=0),
        energy_spread=spread,
        forces=None if forces is None else forces.mean(axis=0),
        force_spread=None if forces is None else forces.std(axis=0),
    )


def calibration(predictions: Predictions) -> dict[str, Calibration]:
    """Returns it for ``ENERGY`` and ``FORCES``, where these are there.

    Empty for predictions without spreads.
    """
    found = {}
    energy = energy_points(predictions)
    if energy is not None:
        found[ENERGY] = _calibration(*energy)
    forces = force_points(predictions)
    if forces is not None:
        found[FORCES] = _calibration(*forces)
    return found


def energy_points(predictions: Predictions) -> tuple[Floats, Floats] | None:
    """Returns [S] spreads and [S] absolute errors (meV/atom), None without spreads."""
    if predictions.energy_spread is None:
        return None
    scale = 1000.0 / predictions.num_atoms
    return predictions.energy_spread * scale, np.abs(predictions.error) * scale


def force_points(predictions: Predictions) -> tuple[Floats, Floats] | None:
    """Returns spreads and absolute errors of the K force components that the data have.

    Both [K] (eV/angstrom); None without spreads or without any force in the data.
    """
    if predictions.force_spread is None or predictions.reference_forces is None:
        return None
    assert predictions.forces is not None
    error = np.abs(predictions.forces - predictions.reference_forces).ravel()
    known = np.isfinite(error)
    if not known.any():
        return None
    return predictions.force_spread.ravel()[known], error[known]


def _calibration(spread: Floats, error: Floats) -> Calibration:
    root = float(np.sqrt(np.mean(spread**2)))
    ratio = float(np.sqrt(np.mean(error**2))) / root if root > 0 else None
    return Calibration(
        values=len(spread),
        mean_spread=float(spread.mean()),
        error_over_spread=ratio,
        rank_correlation=_rank_correlation(spread, error),
        miscalibration=miscalibration_area(spread, error),
        miscalibration_scaled=None if ratio is None else miscalibration_area(ratio * spread, error),
    )


def miscalibration_area(spread: Floats, error: Floats) -> float:
    """Returns how far spreads are from the standard deviations of normal errors: 0 to 0.5.

    The area between two curves over confidence levels: the level itself, and the fraction of errors
    within the interval of that level (Kuleshov et al., ICML 2018; Tran et al.).

    Args:
        spread: [K].
        error: [K] absolute, of the same unit.
    """
    ratio = np.divide(error, spread, out=np.full(len(error), np.inf), where=spread > 0)
    ratio[error == 0] = 0.0
    # The level whose interval ends at each error, for a normal distribution.
    level = np.sort([math.erf(value / math.sqrt(2)) for value in ratio.tolist()])
    ends = np.concatenate([[0.0], level, [1.0]])
    within = np.arange(len(level) + 1) / len(level)
    # Of |p - within| between neighbours; it changes sign in some of these intervals.
    first, last = ends[:-1] - within, ends[1:] - within
    return float((last * np.abs(last) - first * np.abs(first)).sum() / 2)


def _rank_correlation(first: Floats, second: Floats) -> float | None:
    if len(first) < 2 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return None
    return float(np.corrcoef(_ranks(first), _ranks(second))[0, 1])


def _ranks(values: Floats) -> Floats:
    """Returns ranks, the mean of them for equal values."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    means: Floats = last - (counts - 1) / 2.0
    return means[inverse]
