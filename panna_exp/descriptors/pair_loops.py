"""Compiled loops over pairs: what the loops over triples start from, and end in.

Letters: A atoms, P pairs.
"""

import math
from typing import Any

from panna_exp.compiling import compiled
from panna_exp.descriptors.blocks import FC_ANG, FC_RAD, NX, NY, NZ, R


@compiled
def pair_table(
    positions: Any,
    center: Any,
    neighbor: Any,
    shift: Any,
    cutoff_radial: float,
    cutoff_angular: float,
    table: Any,
) -> None:
    """Fills ``table`` [P, 8]: distance, unit vector, fc and fc'/fc of both cutoffs.

    Differences of positions are float64: far from the origin float32 has lost their digits.
    """
    for pair in range(len(center)):
        i, j = center[pair], neighbor[pair]
        x = positions[j, 0] + shift[pair, 0] - positions[i, 0]
        y = positions[j, 1] + shift[pair, 1] - positions[i, 1]
        z = positions[j, 2] + shift[pair, 2] - positions[i, 2]
        r = math.sqrt(x * x + y * y + z * z)
        table[pair, R] = r
        table[pair, NX] = x / r
        table[pair, NY] = y / r
        table[pair, NZ] = z / r
        _cutoff(r, cutoff_angular, table, pair, FC_ANG)
        _cutoff(r, cutoff_radial, table, pair, FC_RAD)


@compiled
def _cutoff(r: float, cutoff: float, table: Any, pair: int, column: int) -> None:
    """Puts fc(r) and fc'(r)/fc(r), zero from the cutoff on."""
    if r < cutoff:
        angle = r * (math.pi / (2 * cutoff))
        cosine = math.cos(angle)
        table[pair, column] = cosine * cosine
        table[pair, column + 1] = -math.pi / cutoff * (math.sin(angle) / cosine)
    else:
        table[pair, column] = 0.0
        table[pair, column + 1] = 0.0


@compiled
def pair_changes(
    table: Any, center: Any, neighbor: Any, u: Any, displacement: Any, out: Any
) -> None:
    """Fills ``out`` [P, 4]: how each pair's distance and unit vector change.

    Atoms move by ``u`` [A, 3], pair vectors by ``displacement`` [P, 3] besides.
    """
    for pair in range(len(center)):
        i, j = center[pair], neighbor[pair]
        x = u[j, 0] - u[i, 0] + displacement[pair, 0]
        y = u[j, 1] - u[i, 1] + displacement[pair, 1]
        z = u[j, 2] - u[i, 2] + displacement[pair, 2]
        a, b, c = table[pair, NX], table[pair, NY], table[pair, NZ]
        dr = x * a + y * b + z * c
        r = table[pair, R]
        out[pair, 0] = dr
        out[pair, 1] = (x - dr * a) / r
        out[pair, 2] = (y - dr * b) / r
        out[pair, 3] = (z - dr * c) / r


@compiled
def to_atoms(gradient: Any, center: Any, neighbor: Any, out: Any) -> None:
    """Adds pair gradients [P, 4], the last column aside, to the atoms [A, 3] at their two ends."""
    for pair in range(len(center)):
        i, j = center[pair], neighbor[pair]
        for axis in range(3):
            out[j, axis] += gradient[pair, axis]
            out[i, axis] -= gradient[pair, axis]
