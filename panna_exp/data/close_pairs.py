"""Pairs of structures of the same atoms that are close to each other, to compare their energies.

Shapes: S structures, A atoms of each of a pair. Units: angstrom.
"""

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np

from panna_exp.data.structures import Floats, Ints, StructureSet

# Enough for a slope; a loop over a large data set would take longer than it is worth.
MAX_PAIRS = 1000
_MOST_TRIED = 5000
_ENOUGH = 8
# Structures of one kind of which nearest ones are looked for, all with all.
_MOST = 200

Compare = Callable[[int, int], tuple[float, float] | None]


def compared_pairs(
    structures: StructureSet, usable: Ints, compare: Compare
) -> tuple[Floats, Floats]:
    """Compares structures with the ones before them; where these differ, with the nearest ones.

    Args:
        structures: S structures with positions.
        usable: Sorted numbers of those that may be compared.
        compare: Two numbers about two structures, None where they are too far apart.

    Returns:
        [n] of each of the two numbers.
    """
    found: list[tuple[float, float]] = []
    candidates = _candidates(structures, usable, lambda: len(found))
    for one, other in islice(candidates, _MOST_TRIED):
        pair = compare(one, other)
        if pair is not None:
            found.append(pair)
        if len(found) == MAX_PAIRS:
            break
    first, second = np.array(found, dtype=np.float64).reshape(-1, 2).T
    return first, second


def _candidates(
    structures: StructureSet, usable: Ints, count: Callable[[], int]
) -> Iterator[tuple[int, int]]:
    """Yields neighbours in the file, then nearest ones while ``count`` says that few would do."""
    sizes = structures.num_atoms
    following = usable[:-1][np.diff(usable) == 1]
    for index in following[sizes[following] == sizes[following + 1]].tolist():
        if _same_atoms(structures, index, index + 1):
            yield index, index + 1
    if count() >= _ENOUGH:
        return
    for group in _alike(structures, usable):
        yield from _nearest(structures, group)


def _same_atoms(structures: StructureSet, one: int, other: int) -> bool:
    return _species(structures, one) == _species(structures, other)


def _species(structures: StructureSet, index: int) -> bytes:
    atoms = slice(structures.offsets[index], structures.offsets[index + 1])
    return structures.species[atoms].tobytes()


def _alike(structures: StructureSet, usable: Ints) -> list[list[int]]:
    """Returns structures of the same atoms in the same order, large groups first."""
    groups: dict[bytes, list[int]] = {}
    for index in usable[: 20 * _MOST].tolist():
        groups.setdefault(_species(structures, index), []).append(index)
    several = [group[:_MOST] for group in groups.values() if len(group) > 1]
    return sorted(several, key=len, reverse=True)[:20]


def _nearest(structures: StructureSet, group: list[int]) -> Iterator[tuple[int, int]]:
    """Yields each structure of a group with the one whose atoms and cell are nearest, once."""
    assert structures.positions is not None
    offsets = structures.offsets
    rows = np.stack(
        [
            np.concatenate(
                [
                    structures.positions[offsets[i] : offsets[i + 1]].ravel(),
                    structures.cell[i].ravel(),
                ]
            )
            for i in group
        ]
    )
    squares = (rows**2).sum(axis=1)
    distance = squares[:, None] + squares - 2 * rows @ rows.T
    np.fill_diagonal(distance, np.inf)
    nearest = distance.argmin(axis=1).tolist()
    pairs = {tuple(sorted(pair)) for pair in enumerate(nearest)}
    for one, other in sorted(pairs):
        if group[other] != group[one] + 1:  # those were compared already
            yield group[one], group[other]
