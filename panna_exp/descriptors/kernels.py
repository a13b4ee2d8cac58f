"""Compiled loops over pairs and triples for the CPU: the mBP descriptor and its two products.

The same formulas as :mod:`panna_exp.descriptors.mbp`, whose tensor version is the definition and
the tests' oracle. Nothing of the size of all triples is stored: they are worked on in blocks (see
:mod:`panna_exp.descriptors.blocks`). Compiled by numba at the first use, then kept on disk.

Letters: A atoms, P pairs, Q triples, T species, U pairs of species, D components. Each loop works
on the atoms ``start`` to ``stop``, so that several threads can share the work: it holds no lock,
and writes to its own atoms' rows only.
"""

import math
from functools import cache
from typing import Any, NamedTuple

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
    triple_factors,
)
from panna_exp.descriptors.vectors import add_scaled, dot, weighted_sums


class Lists(NamedTuple):
    """Pairs and triples by row, as in descriptors.geometry."""

    pair_rows: Any
    first: Any
    second: Any
    triple_rows: Any


@inlined
def species_of(pairs: int) -> int:
    """Returns T of U = T (T + 1) / 2."""
    return int((math.sqrt(8.0 * pairs + 1) - 1) / 2 + 0.5)


@inlined
def row_of(item: int, rows: Any, row: int, atom: int, kind: int, kinds: int) -> Any:
    """Returns the row of an item at or after ``row``, and whose it is: an atom and one of kinds."""
    while item >= rows[row + 1]:
        row += 1
        kind += 1
        if kind == kinds:
            atom, kind = atom + 1, 0
    return row, atom, kind


class Triples(NamedTuple):
    """Where the factors of a batch's triples are.

    Args:
        factors: Of all of them, or memory for one block.
        places: [A] the first of each atom's triples among the factors; of none for one block.
        known: Whether the factors are there already; otherwise they are worked out.
    """

    factors: Factors
    places: Any
    known: bool


class Kernels(NamedTuple):
    """Loops compiled for one number of radial centres, angular centres and angles."""

    factors: Any
    values: Any
    vjp: Any
    jvp: Any


@cache
def kernels(num_radial: int, num_centers: int, num_angles: int) -> Kernels:
    """Returns the loops; the numbers are known to the compiler, which unrolls the inner ones."""
    width = num_centers * num_angles

    @compiled
    def factors(table: Any, first: Any, second: Any, k: Constants, w: Work, out: Factors) -> None:
        """Fills the factors of all triples."""
        for at in range(0, len(first), BLOCK):
            count = min(BLOCK, len(first) - at)
            triple_factors(table, first, second, at, count, k, w, out, at)

    @compiled
    def values(
        start: int,
        stop: int,
        table: Any,
        lists: Lists,
        k: Constants,
        w: Work,
        out: Any,
        triples: Triples,
    ) -> None:
        """Fills rows ``start`` to ``stop`` of ``out`` [A D] with descriptors.

        With places for them, the triples' factors are there afterwards.
        """
        kept, whole = triples.factors, len(triples.places) > 0
        pairs_of_species = len(k.multiplicity)
        species = species_of(pairs_of_species)
        begin = species * num_radial
        width_of_row = begin + pairs_of_species * width
        one = k.floor / k.floor
        out[start * width_of_row : stop * width_of_row] = 0
        row, atom, kind = start * species, start, 0
        last = lists.pair_rows[stop * species]
        for at in range(lists.pair_rows[row], last, BLOCK):
            count = min(BLOCK, last - at)
            radial_terms(table, at, count, num_radial, k, False, w)
            for t in range(count):
                row, atom, kind = row_of(at + t, lists.pair_rows, row, atom, kind, species)
                place = atom * width_of_row + kind * num_radial
                add_scaled(out, place, one, w.by_pair, t * num_radial, num_radial)
        row, atom, pair = start * pairs_of_species, start, 0
        last = lists.triple_rows[stop * pairs_of_species]
        for at in range(lists.triple_rows[row], last, BLOCK):
            count = min(BLOCK, last - at)
            if whole:
                triple_factors(table, lists.first, lists.second, at, count, k, w, kept, at)
            else:
                angular_terms(
                    table,
                    lists.first,
                    lists.second,
                    at,
                    count,
                    k,
                    False,
                    w,
                    w.factor,
                    w.derivative,
                    0,
                )
            for t in range(count):
                row, atom, pair = row_of(
                    at + t, lists.triple_rows, row, atom, pair, pairs_of_species
                )
                times = k.multiplicity[pair]
                for p in range(num_centers):
                    place = atom * width_of_row + begin + pair * width + p * num_angles
                    if whole:
                        scale = times * kept.scale[(at + t) * num_centers + p]
                        add_scaled(
                            out, place, scale, kept.factor, (at + t) * num_angles, num_angles
                        )
                    else:
                        scale = times * (w.cut[t] * w.gaussians[p * count + t])
                        add_scaled(out, place, scale, w.factor, t * num_angles, num_angles)

    @compiled
    def vjp(
        start: int,
        stop: int,
        table: Any,
        lists: Lists,
        k: Constants,
        w: Work,
        weights: Any,
        gradient: Any,
        triples: Triples,
    ) -> None:
        """Fills ``gradient`` [P, 4] of the atoms' pairs: sum(weights G) by each pair's vector.

        The first three columns are the gradient; the last is used on the way.
        """
        kept, whole = triples.factors, len(triples.places) > 0
        pairs_of_species = len(k.multiplicity)
        species = species_of(pairs_of_species)
        begin = species * num_radial
        width_of_row = begin + pairs_of_species * width
        row, atom, kind = start * species, start, 0
        first_pair, last = lists.pair_rows[row], lists.pair_rows[stop * species]
        for at in range(first_pair, last, BLOCK):
            count = min(BLOCK, last - at)
            radial_terms(table, at, count, num_radial, k, True, w)
            for t in range(count):
                row, atom, kind = row_of(at + t, lists.pair_rows, row, atom, kind, species)
                place = atom * width_of_row + kind * num_radial
                along = dot(weights, place, w.by_pair, t * num_radial, num_radial)
                gradient[at + t, 0] = 0
                gradient[at + t, 1] = 0
                gradient[at + t, 2] = 0
                gradient[at + t, 3] = along
        row, atom, pair = start * pairs_of_species, start, 0
        last_triple = lists.triple_rows[stop * pairs_of_species]
        for at in range(lists.triple_rows[row], last_triple, BLOCK):
            count = min(BLOCK, last_triple - at)
            if not triples.known:
                to = at if whole else 0
                triple_factors(table, lists.first, lists.second, at, count, k, w, kept, to)
            for t in range(count):
                row, atom, pair = row_of(
                    at + t, lists.triple_rows, row, atom, pair, pairs_of_species
                )
                item = t
                if whole:
                    own = lists.triple_rows[atom * pairs_of_species]
                    item = triples.places[atom] + at + t - own
                total, by_mean, by_cosine = weighted_sums(
                    weights,
                    atom * width_of_row + begin + pair * width,
                    kept.scale,
                    kept.tilt,
                    item * num_centers,
                    kept.factor,
                    kept.derivative,
                    item * num_angles,
                    num_centers,
                    num_angles,
                )
                times = k.multiplicity[pair]
                total, by_mean, by_cosine = times * total, times * by_mean, times * by_cosine
                i, j = lists.first[at + t], lists.second[at + t]
                gradient[i, 3] += by_mean + total * table[i, DERIVATIVE_ANG]
                gradient[j, 3] += by_mean + total * table[j, DERIVATIVE_ANG]
                for axis in range(3):
                    gradient[i, axis] += by_cosine * table[j, NX + axis]
                    gradient[j, axis] += by_cosine * table[i, NX + axis]
        # d(unit vector)/d(vector) = (1 - n n^T) / r
        for one in range(first_pair, last):
            r, along = table[one, R], gradient[one, 3]
            along_n = 0 * r
            for axis in range(3):
                along_n += gradient[one, axis] * table[one, NX + axis]
            for axis in range(3):
                n = table[one, NX + axis]
                gradient[one, axis] = n * along + (gradient[one, axis] - n * along_n) / r

    @compiled
    def jvp(
        start: int,
        stop: int,
        table: Any,
        lists: Lists,
        k: Constants,
        w: Work,
        changes: Any,
        out: Any,
        triples: Triples,
    ) -> None:
        """Fills rows of ``out`` [A D]: how descriptors change with ``changes`` [P, 4]."""
        kept, whole = triples.factors, len(triples.places) > 0
        pairs_of_species = len(k.multiplicity)
        species = species_of(pairs_of_species)
        begin = species * num_radial
        width_of_row = begin + pairs_of_species * width
        out[start * width_of_row : stop * width_of_row] = 0
        row, atom, kind = start * species, start, 0
        last = lists.pair_rows[stop * species]
        for at in range(lists.pair_rows[row], last, BLOCK):
            count = min(BLOCK, last - at)
            radial_terms(table, at, count, num_radial, k, True, w)
            for t in range(count):
                row, atom, kind = row_of(at + t, lists.pair_rows, row, atom, kind, species)
                place = atom * width_of_row + kind * num_radial
                dr = changes[at + t, 0]
                add_scaled(out, place, dr, w.by_pair, t * num_radial, num_radial)
        row, atom, pair = start * pairs_of_species, start, 0
        last = lists.triple_rows[stop * pairs_of_species]
        for at in range(lists.triple_rows[row], last, BLOCK):
            count = min(BLOCK, last - at)
            if not triples.known:
                to = at if whole else 0
                triple_factors(table, lists.first, lists.second, at, count, k, w, kept, to)
            for t in range(count):
                row, atom, pair = row_of(
                    at + t, lists.triple_rows, row, atom, pair, pairs_of_species
                )
                i, j = lists.first[at + t], lists.second[at + t]
                cosine = 0 * table[i, R]
                for axis in range(3):
                    cosine += changes[i, 1 + axis] * table[j, NX + axis]
                    cosine += changes[j, 1 + axis] * table[i, NX + axis]
                both = changes[i, 0] + changes[j, 0]
                cut = (
                    table[i, DERIVATIVE_ANG] * changes[i, 0]
                    + table[j, DERIVATIVE_ANG] * changes[j, 0]
                )
                item = t
                if whole:
                    own = lists.triple_rows[atom * pairs_of_species]
                    item = triples.places[atom] + at + t - own
                times = k.multiplicity[pair]
                for p in range(num_centers):
                    scale = times * kept.scale[item * num_centers + p]
                    tilt = times * kept.tilt[item * num_centers + p]
                    place = atom * width_of_row + begin + pair * width + p * num_angles
                    change = scale * cut + tilt * both
                    add_scaled(out, place, change, kept.factor, item * num_angles, num_angles)
                    add_scaled(
                        out, place, scale * cosine, kept.derivative, item * num_angles, num_angles
                    )

    return Kernels(factors, values, vjp, jvp)
