"""The derivatives of descriptors in panna_exp's HDF5 files.

Group ``derivatives``: ``starts`` [S + 1] where each structure's elements begin in ``values``, and
for sparse ones ``rows`` and ``columns``, as :mod:`panna_exp.data.derivatives` has them.
Shapes: S structures, D descriptor components.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives, Ints
from panna_exp.errors import DataError

GROUP = "derivatives"
_CHUNK = 65_536


def read_derivatives(
    file: Any, path: Path, origins: Sequence[str], num_atoms: Ints, width: int
) -> Derivatives | None:
    """Returns the derivatives that a file has, if any.

    Args:
        file: Open h5py file.
        path: For messages.
        origins: [S] for messages.
        num_atoms: [S].
        width: D.

    Raises:
        DataError: Missing or misshapen arrays, places outside the Jacobian, or values that are not
            finite.
    """
    if GROUP not in file:
        return None
    group = file[GROUP]
    names = ("values", "starts", *(("rows", "columns") if "rows" in group else ()))
    arrays: dict[str, NDArray[Any]] = {}
    for name in names:
        if name not in group:
            raise DataError(f"{path}: the data set '{GROUP}/{name}' is missing")
        arrays[name] = np.asarray(group[name][()])
    values, starts = arrays["values"], arrays["starts"].astype(np.int64)
    whole = len(starts) == len(num_atoms) + 1 and starts[0] == 0 and starts[-1] == len(values)
    if not whole or (np.diff(starts) < 0).any():
        raise DataError(
            f"{path}: '{GROUP}/starts' does not divide {len(values)} values among "
            f"{len(num_atoms)} structures"
        )
    if not np.isfinite(values).all():
        first = int(np.flatnonzero(~np.isfinite(values))[0])
        owner = int(np.searchsorted(starts, first, side="right")) - 1
        raise DataError(f"{origins[owner]}: derivatives are not finite numbers")
    if "rows" not in arrays:
        _check_dense(starts, origins, num_atoms, width)
        return Derivatives(values=values, starts=starts)
    for name, limits in (("rows", num_atoms * width), ("columns", 3 * num_atoms)):
        _check_places(arrays[name], starts, limits, f"{GROUP}/{name}", origins)
    return Derivatives(
        values=values,
        starts=starts,
        rows=arrays["rows"].astype(np.int32, copy=False),
        columns=arrays["columns"].astype(np.int32, copy=False),
    )


def write_derivatives(file: Any, derivatives: Derivatives) -> None:
    """Writes the group into an open h5py file."""
    group = file.create_group(GROUP)
    arrays = {
        "starts": derivatives.starts,
        "values": derivatives.values,
        "rows": derivatives.rows,
        "columns": derivatives.columns,
    }
    for name, array in arrays.items():
        if array is not None:
            chunks = (max(1, min(len(array), _CHUNK)),)
            group.create_dataset(name, data=array, chunks=chunks, fletcher32=True)


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
    if len(places) != starts[-1]:
        raise DataError(
            f"{origins[0]}: '{name}' has {len(places)} values, expected {starts[-1]} as there are "
            "derivatives"
        )
    most = np.repeat(limits, np.diff(starts))
    wrong = np.flatnonzero((places < 0) | (places >= most))
    if len(wrong):
        owner = int(np.searchsorted(starts, wrong[0], side="right")) - 1
        raise DataError(
            f"{origins[owner]}: '{name}' has the value {places[wrong[0]]}, expected 0 to "
            f"{limits[owner] - 1}"
        )
