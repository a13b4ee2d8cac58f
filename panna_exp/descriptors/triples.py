"""What the three-body terms of all descriptors are made of, and give back.

Letters: P pairs, Q triples (two pairs of one centre), N components of a triple.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from panna_exp.descriptors.formulas import cutoff_function
from panna_exp.descriptors.radial import cutoff_log_derivative


@dataclass(frozen=True, slots=True)
class TripleGradient:
    """Derivatives of a number by what each of Q triples depends on.

    Args:
        first: [Q] by r_ij.
        second: [Q] by r_ik.
        cosine: [Q] by the cosine of the angle at i.
        first_direction: [3, Q] unit vector from i to j.
        second_direction: [3, Q] unit vector from i to k.
    """

    first: Tensor
    second: Tensor
    cosine: Tensor
    first_direction: Tensor
    second_direction: Tensor


class TripleTerms(Protocol):
    """Three-body terms g [Q, N], functions of r_ij, r_ik and the cosine of the angle at i.

    ``pairs`` is a :func:`pair_table`, for products with derivatives; ``first`` and ``second`` [Q]
    are the pairs of each triple.
    """

    size: int
    """N."""

    def values(self, pairs: Tensor, first: Tensor, second: Tensor) -> Tensor:
        """Returns g [Q, N]."""

    def vjp(self, pairs: Tensor, first: Tensor, second: Tensor, weights: Tensor) -> TripleGradient:
        """Returns the derivatives of the sum of ``weights`` [Q, N] times g."""

    def jvp(self, pairs: Tensor, first: Tensor, second: Tensor, changes: Tensor) -> Tensor:
        """Returns the change of g [Q, N] with ``changes`` [4, P] of r and of the unit vector."""


def pair_table(distance: Tensor, direction: Tensor, cutoff: float, *, derivatives: bool) -> Tensor:
    """Returns what a triple needs of each of its pairs.

    Args:
        distance: [P] r.
        direction: [3, P] unit vector from centre to neighbour.
        cutoff: Of the angular part.
        derivatives: Whether the last row is needed.

    Returns:
        [5 or 6, P]: r, unit vector (3), fc, and fc'/fc.
    """
    rows = [distance[None], direction, cutoff_function(distance, cutoff)[None]]
    if derivatives:
        rows.append(cutoff_log_derivative(distance, cutoff)[None])
    return torch.cat(rows)


def dot(one: Tensor, other: Tensor) -> Tensor:
    """Returns the scalar products [Q] of vectors [3, Q]."""
    return (one[0] * other[0]).addcmul_(one[1], other[1]).addcmul_(one[2], other[2])
