"""Compiled loop that writes the mBP descriptor's Jacobian down, without what is negligible.

The derivatives of :mod:`panna_exp.descriptors.kernels` by each neighbour of an atom, summed in an
array of that atom's neighbourhood only, whatever the size of the structure.

Letters: A atoms, P pairs, Q triples, T species, U pairs of species, D components.
"""

from functools import cache
from typing import Any, NamedTuple

import numpy as np

from panna_exp.compiling import compiled, inlined
from panna_exp.descriptors.blocks import (
    BLOCK,
    DERIVATIVE_ANG,
    NX,
    Constants,
    Factors,
    R,
    Work,
    angular_terms,
    radial_terms,
)
from panna_exp.descriptors.kernels import Lists, species_of
from panna_exp.descriptors.vectors import add_scaled


class Elements(NamedTuple):
    """Where the elements are put, as :class:`NeighborDerivatives` has them.

    Args:
        values: [V + 1, 3], V at least :func:`most_elements`.
        atoms: [V + 1] int32.
        counts: [A, D] int32, zeros.
    """

    values: Any
    atoms: Any
    counts: Any


@compiled
def most_elements(
    pair_rows: Any, triple_rows: Any, num_atoms: Any, num_radial: int, width: int, species: int
) -> tuple[int, int]:
    """Returns how many neighbours all components have at most, and the most of an atom.

    Args:
        pair_rows: [A T + 1] as in Geometry.
        triple_rows: [A U + 1] as in Geometry.
        num_atoms: [A] atoms of each atom's structure.
        num_radial: Radial components of a species.
        width: Angular components of a pair of species.
        species: T.
    """
    total, most = 0, 0
    pairs_of_species = species * (species + 1) // 2
    for atom in range(len(num_atoms)):
        here = atom * species
        most = max(most, pair_rows[here + species] - pair_rows[here])
        u = atom * pairs_of_species
        for s in range(species):
            one = min(pair_rows[here + s + 1] - pair_rows[here + s], num_atoms[atom])
            if one:
                total += num_radial * one
            for t in range(s, species):
                if triple_rows[u + 1] > triple_rows[u]:
                    other = min(pair_rows[here + t + 1] - pair_rows[here + t], num_atoms[atom])
                    total += width * (one + (other if t > s else 0))
                u += 1
    return total, most


@compiled
def _neighborhood(
    atom: int, pair_rows: Any, neighbor: Any, species: int, slot: Any, atoms: Any, kinds: Any
) -> int:
    """Fills ``atoms`` with the centre and its distinct neighbours, ascending; returns how many.

    ``slot`` of each is its place there, ``kinds`` its species, -1 of the centre.
    """
    atoms[0] = atom
    slot[atom] = 0
    size = 1
    for pair in range(pair_rows[atom * species], pair_rows[(atom + 1) * species]):
        other = neighbor[pair]
        if slot[other] < 0:
            slot[other] = 0
            place = size
            while place > 0 and atoms[place - 1] > other:
                atoms[place] = atoms[place - 1]
                place -= 1
            atoms[place] = other
            size += 1
    for place in range(size):
        slot[atoms[place]] = place
    for kind in range(species):
        row = atom * species + kind
        for pair in range(pair_rows[row], pair_rows[row + 1]):
            kinds[slot[neighbor[pair]]] = kind
    kinds[slot[atom]] = -1
    return size


@compiled
def _emit(
    at: int,
    component: int,
    count: int,
    one: int,
    other: int,
    around: tuple[Any, Any, int],
    local: Any,
    width_of_row: int,
    origin: tuple[int, int],
    elements: Elements,
    negligible: Any,
    chosen: Any,
) -> int:
    """Appends ``count`` components' derivatives by the neighbours of two species."""
    neighbors, kinds, size = around
    atom, first = origin
    values, atoms, counts = elements
    number = 0
    for place in range(size):
        if kinds[place] in (one, other):
            chosen[number, 0] = 3 * place * width_of_row
            chosen[number, 1] = neighbors[place] - first
            number += 1
    for c in range(component, component + count):
        begin = at
        for item in range(number):
            place = chosen[item, 0] + c
            x = local[place]
            y = local[place + width_of_row]
            z = local[place + 2 * width_of_row]
            values[at, 0] = x
            values[at, 1] = y
            values[at, 2] = z
            atoms[at] = chosen[item, 1]
            # What is no number is not negligible.
            at += not (abs(x) <= negligible and abs(y) <= negligible and abs(z) <= negligible)
        counts[atom, c] = at - begin
    return at


@inlined
def _radial(
    atom: int, table: Any, lists: Lists, neighbor: Any, k: Constants, w: Work, slot: Any,
    width_of_row: int, local: Any, num_radial: int,
) -> None:  # fmt: skip
    """Adds the radial components' derivatives by each neighbour."""
    species = species_of(len(k.multiplicity))
    row, kind = atom * species, 0
    last = lists.pair_rows[row + species]
    for at in range(lists.pair_rows[row], last, BLOCK):
        count = min(BLOCK, last - at)
        radial_terms(table, at, count, num_radial, k, True, w)
        for t in range(count):
            while at + t >= lists.pair_rows[row + 1]:
                row, kind = row + 1, kind + 1
            if neighbor[at + t] == atom:
                continue  # an image of the centre moves with it
            place = 3 * slot[neighbor[at + t]] * width_of_row + kind * num_radial
            for axis in range(3):
                n = table[at + t, NX + axis]
                to = place + axis * width_of_row
                add_scaled(local, to, n, w.by_pair, t * num_radial, num_radial)


@inlined
def _angular(
    atom: int, table: Any, lists: Lists, neighbor: Any, k: Constants, w: Work, kept: Factors,
    slot: Any, width_of_row: int, local: Any, num_radial: int, num_centers: int, num_angles: int,
) -> None:  # fmt: skip
    """Adds the angular components' derivatives by each neighbour."""
    pairs_of_species = len(k.multiplicity)
    begin = species_of(pairs_of_species) * num_radial
    row, pair = atom * pairs_of_species, 0
    last = lists.triple_rows[row + pairs_of_species]
    for at in range(lists.triple_rows[row], last, BLOCK):
        count = min(BLOCK, last - at)
        angular_terms(
            table, lists.first, lists.second, at, count, k, True, w, kept.factor, kept.derivative, 0
        )
        for t in range(count):
            while at + t >= lists.triple_rows[row + 1]:
                row, pair = row + 1, pair + 1
            factor, mean, cosine = w.cut[t] * k.multiplicity[pair], w.mean[t], w.cosine[t]
            i, j = lists.first[at + t], lists.second[at + t]
            for _ in range(2):
                i, j = j, i
                if neighbor[i] == atom:
                    continue
                column = 3 * slot[neighbor[i]]
                for axis in range(3):
                    n = table[i, NX + axis]
                    dn = (table[j, NX + axis] - n * cosine) / table[i, R]
                    to = (column + axis) * width_of_row + begin + pair * num_centers * num_angles
                    for p in range(num_centers):
                        scale = factor * w.gaussians[p * count + t]
                        tilt = -scale * k.eta[p] * (mean - k.centers[p])
                        along = (scale * table[i, DERIVATIVE_ANG] + tilt) * n
                        place = to + p * num_angles
                        source = t * num_angles
                        add_scaled(local, place, along, kept.factor, source, num_angles)
                        add_scaled(local, place, scale * dn, kept.derivative, source, num_angles)


@cache
def jacobian_loop(num_radial: int, num_centers: int, num_angles: int) -> Any:
    """Returns the loop for one number of radial centres, angular centres and angles."""
    width = num_centers * num_angles

    @compiled
    def jacobian(
        table: Any,
        lists: Lists,
        neighbor: Any,
        first_atom: Any,
        most_neighbors: int,
        k: Constants,
        w: Work,
        kept: Factors,
        elements: Elements,
        negligible: Any,
    ) -> int:
        """Fills ``elements`` of all atoms; returns how many there are.

        Args:
            table: [P, 8] of pairs.
            lists: Pairs and triples.
            neighbor: [P].
            first_atom: [A] the first of each atom's structure.
            most_neighbors: Of an atom.
            k: The descriptor.
            w: Work arrays of a block.
            kept: Memory for a block's factors.
            elements: Result.
            negligible: Neighbours without a larger derivative are left out.
        """
        pairs_of_species = len(k.multiplicity)
        species = species_of(pairs_of_species)
        begin = species * num_radial
        width_of_row = begin + pairs_of_species * width
        number = len(first_atom)
        slot = np.full(number, -1, np.int64)
        atoms = np.empty(most_neighbors + 1, np.int64)
        kinds = np.empty(most_neighbors + 1, np.int64)
        chosen = np.empty((most_neighbors + 1, 2), np.int64)
        local = np.empty(3 * (most_neighbors + 1) * width_of_row, k.eta.dtype)
        at = 0
        for atom in range(number):
            size = _neighborhood(atom, lists.pair_rows, neighbor, species, slot, atoms, kinds)
            local[: 3 * size * width_of_row] = 0
            _radial(atom, table, lists, neighbor, k, w, slot, width_of_row, local, num_radial)
            _angular(
                atom, table, lists, neighbor, k, w, kept, slot, width_of_row, local, num_radial,
                num_centers, num_angles,
            )  # fmt: skip
            origin = (atom, first_atom[atom])
            for s in range(species):
                if lists.pair_rows[atom * species + s + 1] > lists.pair_rows[atom * species + s]:
                    at = _emit(
                        at, s * num_radial, num_radial, s, s, (atoms, kinds, size), local,
                        width_of_row, origin, elements, negligible, chosen,
                    )  # fmt: skip
            u = 0
            for s in range(species):
                for t in range(s, species):
                    row = atom * pairs_of_species + u
                    if lists.triple_rows[row + 1] > lists.triple_rows[row]:
                        at = _emit(
                            at, begin + u * width, width, s, t, (atoms, kinds, size), local,
                            width_of_row, origin, elements, negligible, chosen,
                        )  # fmt: skip
                    u += 1
            for place in range(size):
                slot[atoms[place]] = -1
        return at

    return jacobian
