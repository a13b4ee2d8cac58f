"""Data sets and attributes of an HDF5 file, checked: shape, type, and that they are there."""

from pathlib import Path
from reprlib import repr as shown
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Labels
from panna_exp.data.structures import Ints
from panna_exp.errors import DataError, closest
from panna_exp.readers.h5 import dataset

Shape = tuple[int | None, ...]
_EVERYTHING = slice(None)


def array(
    file: Any, path: Path, key: str, shape: Shape, kinds: str = "f", rows: slice = _EVERYTHING
) -> NDArray[Any] | None:
    """Returns a data set, or ``rows`` of it, if it is there.

    Args:
        file: Open h5py file.
        path: For messages.
        key: Name of the data set.
        shape: That all of it must have; None is any length.
        kinds: NumPy's letters for the types it may have.
        rows: What to read along the first axis.

    Raises:
        DataError: Another shape or type, or as :func:`panna_exp.readers.h5.dataset`.
    """
    found = dataset(file, key, path)
    if found is None:
        return None
    fits = found.ndim == len(shape) and all(
        want is None or want == have for want, have in zip(shape, found.shape, strict=True)
    )
    if not fits:
        expected = tuple("any" if want is None else want for want in shape)
        raise DataError(f"{path}: '{key}' has the shape {found.shape}, expected {expected}")
    if found.dtype.kind not in kinds:
        expected_kind = {"f": "floats", "S": "texts"}.get(kinds[0], "integers")
        raise DataError(f"{path}: '{key}' holds {found.dtype}, expected {expected_kind}")
    values: NDArray[Any] = np.asarray(found[rows] if found.ndim else found[()])
    return values


def needed(
    file: Any, path: Path, key: str, shape: Shape, kinds: str, rows: slice = _EVERYTHING
) -> NDArray[Any]:
    """Returns a data set as :func:`array` does; DataError if it is missing."""
    values = array(file, path, key, shape, kinds, rows)
    if values is None:
        raise DataError(f"{path}: the data set '{key}' is missing{closest(key, file)}")
    return values


def read_offsets(file: Any, path: Path) -> Ints:
    """Returns ``offsets`` [S + 1], beginning at 0 (DataError)."""
    offsets = needed(file, path, "offsets", (None,), "iu").astype(np.int64)
    if len(offsets) < 2 or offsets[0] != 0:
        raise DataError(
            f"{path}: 'offsets' is {shown(offsets.tolist())}, expected 0, ..., number of atoms"
        )
    return offsets


def text(value: Any) -> Any:
    """Texts of fixed length come as bytes; bytes that are no UTF-8 are shown as such."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else value


class Texts(Labels):
    """Texts as HDF5 has them, decoded when they are asked for: there may be millions."""

    def __init__(self, stored: NDArray[Any] | None) -> None:
        self._stored: NDArray[Any] | tuple[()] = () if stored is None else stored

    def __len__(self) -> int:
        return len(self._stored)

    def item(self, index: int) -> str:
        """Returns one."""
        return str(text(self._stored[index]))
