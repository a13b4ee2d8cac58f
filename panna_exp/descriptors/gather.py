"""Compiled copying of neighbour lists: those of a batch's atoms out of those of a data set.

What :meth:`panna_exp.descriptors.lists.NeighborLists.geometry` does with tensors, in one pass.
Letters: A atoms of the batch, P pairs, Q triples.
"""

from typing import Any, NamedTuple

from panna_exp.compiling import compiled, inlined


class Stored(NamedTuple):
    """Lists of a data set.

    Args:
        pairs_until, triples_until: [all atoms + 1].
        pair_counts, triple_counts: [all atoms, T], [all atoms, U] items of each row.
        neighbor: [all P] number of the neighbour within its structure.
        table: [all P, 8] what the loops work out of each pair.
        first, second: [all Q] numbers within the pairs of the centre.
    """

    pairs_until: Any
    triples_until: Any
    pair_counts: Any
    triple_counts: Any
    neighbor: Any
    table: Any
    first: Any
    second: Any


class Gathered(NamedTuple):
    """Lists of a batch, to be filled; as in descriptors.geometry."""

    pair_rows: Any
    triple_rows: Any
    center: Any
    neighbor: Any
    table: Any
    first: Any
    second: Any


@compiled
def count(until: Any, atoms: Any, out: Any) -> int:
    """Fills ``out`` [A + 1] with the items before each of ``atoms``; returns how many there are."""
    total = 0
    for row in range(len(atoms)):
        out[row] = total
        total += until[atoms[row] + 1] - until[atoms[row]]
    out[len(atoms)] = total
    return total


@compiled
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
    out.pair_rows[0] = 0
    out.triple_rows[0] = 0
    for row in range(len(atoms)):
        atom, before, start = atoms[row], begin[owner[row]], pair
        for item in range(stored.pairs_until[atom], stored.pairs_until[atom + 1]):
            out.center[pair] = row
            out.neighbor[pair] = by_structure[before + stored.neighbor[item]]
            for column in range(8):
                out.table[pair, column] = stored.table[item, column]
            pair += 1
        for item in range(stored.triples_until[atom], stored.triples_until[atom + 1]):
            out.first[triple] = stored.first[item] + start
            out.second[triple] = stored.second[item] + start
            triple += 1
        _add_rows(stored.pair_counts[atom], out.pair_rows, row)
        _add_rows(stored.triple_counts[atom], out.triple_rows, row)


@inlined
def _add_rows(counts: Any, rows: Any, atom: int) -> None:
    """Fills an atom's part of ``rows``: where the next row starts, after each."""
    width = len(counts)
    for kind in range(width):
        place = atom * width + kind
        rows[place + 1] = rows[place] + counts[kind]
