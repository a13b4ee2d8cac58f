"""Which structures of a pool to label next: uncertain ones, different ones, and no near copies.

Shapes: S structures of the pool, F features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from panna_exp.data.structures import Floats, Ints

# Deviations below this part of a feature's size are roundings.
_ROUNDING = 1e-6


class SelectBy(StrEnum):
    """What makes a structure worth labelling."""

    SPREAD = "spread"
    DIVERSITY = "diversity"
    BOTH = "both"


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The chosen structures, in the order of choice.

    Args:
        chosen: [n] indices.
        distances: [n] from each to the nearest that was there before it; NaN for a first one that
            has none before it.
    """

    chosen: Ints
    distances: Floats


def scaled(features: Floats, known: Floats | None = None) -> tuple[Floats, Floats]:
    """Returns features whose Euclidean distances are in units of the pool's own width.

    Each feature is divided by its standard deviation over the pool, features that are constant are
    left out, and all are divided by the median distance of a structure from the pool's mean.

    Args:
        features: [S, F] of the pool.
        known: [K, F] of structures that are labelled already, put on the same scale.

    Returns:
        [S, F'] and [K, F'].
    """
    known = np.zeros((0, features.shape[1])) if known is None else known
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    varied = deviation > _ROUNDING * np.abs(features).max(axis=0, initial=0.0)
    pool, others = (
        (item[:, varied] - mean[varied]) / deviation[varied] for item in (features, known)
    )
    width = float(np.median(np.linalg.norm(pool, axis=1))) or 1.0
    return pool / width, others / width


def select(
    features: Floats,
    number: int,
    by: SelectBy,
    *,
    spread: Floats | None = None,
    known: Floats | None = None,
    nearest: float = 0.0,
) -> Selection:
    """Chooses one structure after the other: each time that of the largest score.

    The score is the spread; the distance to the nearest structure that is chosen or known
    (farthest-point sampling: Gonzalez, Theor. Comput. Sci. 38 (1985) 293); or the product of both.
    Of equal scores the first in the pool is taken.

    Args:
        features: [S, F], see :func:`scaled`.
        number: How many, at most: fewer where the others are near copies.
        by: Which score.
        spread: [S] at least 0, not needed for diversity.
        known: [K, F] of structures that are there already.
        nearest: Structures at this distance, or nearer, to one that is chosen or known are left
            out; exact copies always are.
    """
    weights = np.ones(len(features)) if by is SelectBy.DIVERSITY else spread
    assert weights is not None
    distance = _from_known(features, known)
    chosen: list[int] = []
    found: list[float] = []
    while len(chosen) < min(number, len(features)):
        score = _score(features, distance, weights, by)
        score[distance <= nearest] = -np.inf
        index = int(score.argmax())
        if score[index] == -np.inf:
            break
        chosen.append(index)
        found.append(float(distance[index]) if np.isfinite(distance[index]) else np.nan)
        distance = np.minimum(distance, _from(features, features[index]))
    return Selection(chosen=np.array(chosen, dtype=np.int64), distances=np.array(found))


def _score(features: Floats, distance: Floats, weights: Floats, by: SelectBy) -> Floats:
    if by is SelectBy.SPREAD:
        return weights.copy()
    if np.isinf(distance).all():  # nothing is there to be far from but the pool itself
        distance = _from(features, features.mean(axis=0))
    scores: Floats = weights * distance
    return scores


def _from_known(features: Floats, known: Floats | None) -> Floats:
    distance = np.full(len(features), np.inf)
    rows: Sequence[Floats] = [] if known is None else list(known)
    for row in rows:
        distance = np.minimum(distance, _from(features, row))
    return distance


def _from(features: Floats, point: Floats) -> Floats:
    """Returns [S] distances from a point [F]."""
    distances: Floats = np.linalg.norm(features - point, axis=1)
    return distances
