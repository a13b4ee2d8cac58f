"""Derivatives by neighbours in panna_exp's HDF5 files: the smaller layout of sparse ones.

Group ``derivatives``: ``values`` [V, 3], ``atoms`` [V] and ``neighbors`` [A, D] are the arrays
``values``, ``atoms`` and ``counts`` of :mod:`panna_exp.descriptors.neighbor_derivatives`, in the
smallest integers that hold them, and ``starts`` [S + 1] says where each structure's begin; the
attribute ``negligible`` (1/angstrom): neighbours without a larger derivative are left out.
Shapes: S structures, A atoms, D descriptor components, V kept neighbours of components.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives, Ints
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.errors import DataError

COUNTS = "neighbors"
_CHUNK = 8_192  # times 3 values: few are wasted at the end of a small file


def read_neighbors(
    group: Any,
    origins: Sequence[str],
    num_atoms: Ints,
    width: int,
    starts: Ints,
    places: tuple[slice, slice],
) -> Derivatives:
    """Returns the derivatives of some consecutive structures, with zeros left out.

    Args:
        group: Open h5py group.
        origins: [S] for messages.
        num_atoms: [S].
        width: D.
        starts: [S + 1] where each structure's elements begin among those to read.
        places: The elements and the atoms to read.

    Raises:
        DataError: Misshapen arrays, neighbours that are no atoms, or values that are not finite.
    """
    elements, of_atoms = places
    found = NeighborDerivatives(
        values=np.asarray(group["values"][elements]),
        atoms=np.asarray(group["atoms"][elements]),
        counts=np.asarray(group[COUNTS][of_atoms]),
        num_atoms=num_atoms,
    )
    _check_shapes(found, origins, width, starts)
    atoms = found.atoms.astype(np.int64)
    no_atom = (atoms < 0) | (atoms >= np.repeat(num_atoms, np.diff(starts)))
    for wrong, message in (
        (~np.isfinite(found.values).all(axis=1), "derivatives are not finite numbers"),
        (no_atom, "'derivatives/atoms' numbers an atom that it does not have"),
    ):
        if wrong.any():
            owner = np.searchsorted(starts, np.flatnonzero(wrong)[0], side="right") - 1
            raise DataError(f"{origins[int(owner)]}: {message}")
    return found.as_sparse()


def write_neighbors(
    group: Any, part: NeighborDerivatives, most_atoms: int, first: tuple[int, int]
) -> None:
    """Adds the derivatives of some structures to those that are there.

    Args:
        group: Open h5py group.
        part: To write.
        most_atoms: Of a structure of the file.
        first: Elements and atoms that are there.
    """
    number, width = np.min_scalar_type(most_atoms), part.counts.shape[1]
    rows = max(1, _CHUNK // width)
    for name, array, at, chunks in (
        ("values", part.values, first[0], (_CHUNK, 3)),
        ("atoms", part.atoms.astype(number), first[0], (_CHUNK,)),
        (COUNTS, part.counts.astype(number), first[1], (rows, width)),
    ):
        append(group, name, array, at, chunks)


def append(group: Any, name: str, array: NDArray[Any], at: int, chunks: tuple[int, ...]) -> None:
    """Adds rows behind the first ``at`` of a data set, which is made if it is not there."""
    if name not in group:
        group.create_dataset(
            name,
            shape=(0, *array.shape[1:]),
            dtype=array.dtype,
            chunks=chunks,
            maxshape=(None, *array.shape[1:]),
            fletcher32=True,
        )
    group[name].resize(at + len(array), axis=0)
    group[name][at:] = array


def neighbor_bytes(width: int, most_atoms: int) -> tuple[int, int]:
    """Returns the size of one neighbour's derivatives, and of a component's number of them.

    Args:
        width: Bytes of a number.
        most_atoms: Of a structure.
    """
    size = np.min_scalar_type(most_atoms).itemsize
    return 3 * width + size, size


def _check_shapes(
    found: NeighborDerivatives, origins: Sequence[str], width: int, starts: Ints
) -> None:
    count, atoms = int(starts[-1]), int(found.num_atoms.sum())
    for name, array, shape in (
        ("values", found.values, (count, 3)),
        ("atoms", found.atoms, (count,)),
        (COUNTS, found.counts, (atoms, width)),
    ):
        if array.shape != shape:
            raise DataError(
                f"{origins[0]}: 'derivatives/{name}' has the shape {array.shape} from there on, "
                f"expected {shape}"
            )
    wrong = np.flatnonzero(np.diff(found.starts) != np.diff(starts))
    if len(wrong):
        first = int(wrong[0])
        raise DataError(
            f"{origins[first]}: 'derivatives/{COUNTS}' counts {np.diff(found.starts)[first]} "
            f"neighbours, expected {np.diff(starts)[first]} as there are derivatives"
        )
