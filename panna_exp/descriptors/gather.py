"""Compiled copying of neighbour lists: those of a batch's atoms out of those of a data set.

What :meth:`panna_exp.descriptors.lists.NeighborLists.geometry` does with tensors, in one pass.
Letters: A atoms of the batch, P pairs, Q triples.
"""

from typing import Any, NamedTuple

from numba import njit

from panna_exp.compiling import OPTIONS


class Stored(NamedTuple):
    """Lists of a data set.

    Args:
        pairs_until, triples_until: [all atoms + 1].
        neighbor: [all P] number of the neighbour within its structure.
        shift: [all P, 3].
        table: [all P, 8] what the loops work out of each pair.
        first, second: [all Q] numbers within the pairs of the centre.
    """

    pairs_until: Any
    triples_until: Any
    neighbor: Any
    shift: Any
    table: Any
    first: Any
    second: Any


class Gathered(NamedTuple):
    """Lists of a batch, to be filled."""

    center: Any
    neighbor: Any
    shift: Any
    table: Any
    first: Any
    second: Any


@njit(**OPTIONS)
def count(until: Any, atoms: Any, out: Any) -> int:
    """Fills ``out`` [A + 1] with the items before each of ``atoms``; returns how many there are."""
    total = 0
    for row in range(len(atoms)):
        out[row] = total
        total += until[atoms[row] + 1] - until[atoms[row]]
    out[len(atoms)] = total
    return total


@njit(**OPTIONS)
def gather(
    stored: Stored, atoms: Any, owner: Any, begin: Any, by_structure: Any, out: Gathered
) -> None:
    """Fills the lists of a batch.

    Args:
        stored: Of the data set.
        atoms: [A] each row's atom in the data set.
        owner: [A] each row's structure in the batch.
        begin: [S + 1] where each structure begins in ``by_structure``.
        by_structure: [A] rows in the order of structures.
        out: Arrays of the right sizes.
    """
    pair, triple = 0, 0
    for row in range(len(atoms)):
        atom, before, start = atoms[row], begin[owner[row]], pair
        for item in range(stored.pairs_until[atom], stored.pairs_until[atom + 1]):
            out.center[pair] = row
            out.neighbor[pair] = by_structure[before + stored.neighbor[item]]
            for axis in range(3):
                out.shift[pair, axis] = stored.shift[item, axis]
            for column in range(8):
                out.table[pair, column] = stored.table[item, column]
            pair += 1
        for item in range(stored.triples_until[atom], stored.triples_until[atom + 1]):
            out.first[triple] = stored.first[item] + start
            out.second[triple] = stored.second[item] + start
            triple += 1
