"""The derivatives of descriptors in panna_exp's HDF5 files.

Group ``derivatives``: ``starts`` [S + 1] where each structure's elements begin in ``values``, and
for sparse ones ``rows`` and ``columns``, as :mod:`panna_exp.data.derivatives` has them, in the
smallest integers that hold them; or by neighbours, see :mod:`panna_exp.readers.hdf5_neighbors`.
Shapes: S structures, D descriptor components.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives, Ints
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.errors import DataError
from panna_exp.readers.h5 import dataset
from panna_exp.readers.hdf5_neighbors import COUNTS, append, read_neighbors, write_neighbors

GROUP = "derivatives"
_CHUNK = 65_536


def read_derivatives(
    file: Any,
    path: Path,
    origins: Sequence[str],
    num_atoms: Ints,
    width: int,
    place: tuple[int, int, int],
) -> Derivatives | None:
    """Returns the derivatives that a file has of some consecutive structures, if any.

    Args:
        file: Open h5py file.
        path: For messages.
        origins: [S] for messages.
        num_atoms: [S].
        width: D.
        place: Number of the first of the S structures and of its first atom, and how many
            structures the file has.

    Raises:
        DataError: Missing or misshapen arrays, places outside the Jacobian, or values that are not
            finite.
    """
    if GROUP not in file:
        return None
    group = file[GROUP]
    if not hasattr(group, "keys"):
        raise DataError(f"{path}: '{GROUP}' is a data set, expected a group")
    places_of = ("atoms",) if COUNTS in group else ("rows", "columns") if "rows" in group else ()
    for name in ("values", "starts", *places_of):
        if dataset(group, name, f"{path}, group '{GROUP}'") is None:
            raise DataError(f"{path}: the data set '{GROUP}/{name}' is missing")
    first, first_atom, everything = place
    starts, elements = _starts(group, path, (first, everything), len(num_atoms))
    if COUNTS in group:
        of_atoms = slice(first_atom, first_atom + int(num_atoms.sum()))
        return read_neighbors(group, origins, num_atoms, width, starts, (elements, of_atoms))
    values = np.asarray(group["values"][elements])
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        owner = int(np.searchsorted(starts, first, side="right")) - 1
        raise DataError(f"{origins[owner]}: derivatives are not finite numbers")
    if "rows" not in group:
        _check_dense(starts, origins, num_atoms, width)
        return Derivatives(values=values, starts=starts)
    places = {}
    for name, limits in (("rows", num_atoms * width), ("columns", 3 * num_atoms)):
        if len(group[name]) != len(group["values"]):
            raise DataError(
                f"{origins[0]}: '{GROUP}/{name}' has {len(group[name])} values, expected "
                f"{len(group['values'])} as there are derivatives"
            )
        places[name] = np.asarray(group[name][elements])
        _check_places(places[name], starts, limits, f"{GROUP}/{name}", origins)
    return Derivatives(
        values=values,
        starts=starts,
        rows=places["rows"].astype(np.int32, copy=False),
        columns=places["columns"].astype(np.int32, copy=False),
    )


def _starts(group: Any, path: Path, place: tuple[int, int], count: int) -> tuple[Ints, slice]:
    """Returns [count + 1] where structures begin among the elements to read, and these."""
    first, everything = place
    starts, stored = np.asarray(group["starts"][()]).astype(np.int64), len(group["values"])
    whole = len(starts) == everything + 1 and starts[0] == 0 and starts[-1] == stored
    if not whole or (np.diff(starts) < 0).any():
        raise DataError(
            f"{path}: '{GROUP}/starts' does not divide {stored} values among {everything} "
            "structures"
        )
    own = starts[first : first + count + 1]
    return own - own[0], slice(int(own[0]), int(own[-1]))


def write_derivatives(
    file: Any,
    parts: Iterable[Derivatives | NeighborDerivatives],
    num_atoms: Ints,
    width: int,
    negligible: float,
) -> None:
    """Writes the group into an open h5py file, part by part, so that few are in memory.

    Args:
        file: To write to.
        parts: Derivatives of the structures, some at a time; all of one kind.
        num_atoms: [S] of all structures.
        width: D.
        negligible: What was left out of derivatives by neighbours (1/angstrom).
    """
    group = file.create_group(GROUP)
    most = int(num_atoms.max(initial=1))
    rows, columns = _place_types(most, width)
    end, atoms, starts = 0, 0, [np.zeros(1, np.int64)]
    for part in parts:
        if isinstance(part, NeighborDerivatives):
            group.attrs["negligible"] = negligible
            write_neighbors(group, part, most, (end, atoms))
            atoms += len(part.counts)
        else:
            append(group, "values", part.values, end, (_CHUNK,))
            for name, kind in (("rows", rows), ("columns", columns)):
                array = getattr(part, name)
                if array is not None:
                    append(group, name, array.astype(kind), end, (_CHUNK,))
        starts.append(part.starts[1:] + end)
        end += len(part.values)
    group.create_dataset("starts", data=np.concatenate(starts), fletcher32=True)


def _place_types(most_atoms: int, width: int) -> tuple[np.dtype[Any], np.dtype[Any]]:
    return np.min_scalar_type(most_atoms * width - 1), np.min_scalar_type(3 * most_atoms - 1)


def _check_dense(starts: Ints, origins: Sequence[str], num_atoms: Ints, width: int) -> None:
    expected = 3 * num_atoms * num_atoms * width
    wrong = np.flatnonzero(np.diff(starts) != expected)
    if len(wrong):
        index = int(wrong[0])
        raise DataError(
            f"{origins[index]}: has {np.diff(starts)[index]} derivatives, expected "
            f"{expected[index]} = {num_atoms[index]} atoms x {width} components x "
            f"{num_atoms[index]} atoms x 3"
        )


def _check_places(
    places: NDArray[Any], starts: Ints, limits: Ints, name: str, origins: Sequence[str]
) -> None:
    most = np.repeat(limits, np.diff(starts))
    wrong = np.flatnonzero((places < 0) | (places >= most))
    if len(wrong):
        owner = int(np.searchsorted(starts, wrong[0], side="right")) - 1
        raise DataError(
            f"{origins[owner]}: '{name}' has the value {places[wrong[0]]}, expected 0 to "
            f"{limits[owner] - 1}"
        )
