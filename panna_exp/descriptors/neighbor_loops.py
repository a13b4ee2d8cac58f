"""Compiled loop that makes a sparse Jacobian of the derivatives by neighbours.

A atoms, D components, V kept neighbours of components, E elements.
"""

from typing import Any

import numpy as np

from panna_exp.compiling import compiled


@compiled
def _put(at: int, row: int, atom: int, value: Any, values: Any, rows: Any, columns: Any) -> int:
    """Appends what is not zero of the derivatives by an atom; returns how many there are then."""
    for axis in range(3):
        values[at] = value[axis]
        rows[at] = row
        columns[at] = 3 * atom + axis
        at += value[axis] != 0
    return at


@compiled
def elements(
    by_neighbor: Any,
    neighbors: Any,
    counts: Any,
    own: Any,
    values: Any,
    rows: Any,
    columns: Any,
    until: Any,
) -> None:
    """Fills ``values``, ``rows`` and ``columns``, and ``until`` [A]: where each atom's end.

    Args:
        by_neighbor: [V, 3].
        neighbors: [V] int32, each one's number in its structure.
        counts: [A, D] int32.
        own: [A] each atom's number in its structure.
        values: [E + 1], E at most three for each neighbour and component with any.
        rows: As ``values``, int32.
        columns: As ``values``, int32.
        until: Result.
    """
    total = np.empty(3, by_neighbor.dtype)
    at, first = 0, 0
    number, width = counts.shape
    for atom in range(number):
        here = own[atom]
        for component in range(width):
            last = first + counts[atom, component]
            if last == first:
                continue
            total[:] = 0
            for item in range(first, last):
                for axis in range(3):
                    total[axis] -= by_neighbor[item, axis]
            row, item = here * width + component, first
            while item < last and neighbors[item] < here:
                at = _put(at, row, neighbors[item], by_neighbor[item], values, rows, columns)
                item += 1
            at = _put(at, row, here, total, values, rows, columns)
            while item < last:
                at = _put(at, row, neighbors[item], by_neighbor[item], values, rows, columns)
                item += 1
            first = last
        until[atom] = at
