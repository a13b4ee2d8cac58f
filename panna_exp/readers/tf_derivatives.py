"""Derivatives of descriptors in PANNA's TFRecords, dense or sparse, read and written.

Shapes: A atoms, D descriptor components.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives
from panna_exp.errors import DataError

_SPARSE = ("dgvect_values", "dgvect_indices1", "dgvect_indices2")
_EXACT = 1 << 24  # below it every integer is a float32


def dense_features(values: NDArray[Any]) -> dict[str, NDArray[Any]]:
    """Returns the features of a dense Jacobian, its elements in any shape of the right order."""
    return {"dgvects": values}


def sparse_features(
    values: NDArray[Any], rows: NDArray[Any], columns: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """Returns the features of a Jacobian without its zeros; places are floats, as PANNA's."""
    return {
        "dgvect_size": np.array([len(values)]),
        "dgvect_values": values,
        "dgvect_indices1": rows.astype(np.float32),
        "dgvect_indices2": columns.astype(np.float32),
    }


def stored_features(
    derivatives: Derivatives, index: int, num_atoms: int, width: int, origin: str
) -> dict[str, NDArray[Any]]:
    """Returns the features of the derivatives of one structure.

    Args:
        derivatives: Of several structures.
        index: Which of them.
        num_atoms: A.
        width: D.
        origin: For messages.

    Raises:
        DataError: It is too large for PANNA's sparse places.
    """
    part = slice(derivatives.starts[index], derivatives.starts[index + 1])
    values = derivatives.values[part]
    if derivatives.rows is None or derivatives.columns is None:
        return dense_features(values)
    _check_places_fit(num_atoms, width, origin)
    return sparse_features(values, derivatives.rows[part], derivatives.columns[part])


def packed_derivatives(
    examples: Sequence[Mapping[str, Any]],
    origins: Sequence[str],
    sizes: Sequence[int],
    width: int,
) -> Derivatives | None:
    """Returns the derivatives of all records, None if the first has none.

    Args:
        examples: Features of each record.
        origins: For messages.
        sizes: A of each record.
        width: D.

    Raises:
        DataError: A record lacks them, or has others than the first; wrong numbers of values or
            places; values that are not finite.
    """
    kinds = [_kind(example) for example in examples]
    if kinds[0] is None:
        return None
    for index, kind in enumerate(kinds):
        if kind != kinds[0]:
            raise DataError(
                f"{origins[index]}: has {kind or 'no'} derivatives, but record 0 has "
                f"{kinds[0]} ones"
            )
    records = zip(examples, origins, sizes, strict=True)
    if kinds[0] == "dense":
        return Derivatives.from_dense([_dense(e, where, n, width) for e, where, n in records])
    return Derivatives.from_sparse([_sparse(e, where, n, width) for e, where, n in records])


def _kind(example: Mapping[str, Any]) -> str | None:
    if "dgvect_values" in example:
        return "sparse"
    return "dense" if len(example.get("dgvects", ())) else None


def _dense(example: Mapping[str, Any], origin: str, num_atoms: int, width: int) -> NDArray[Any]:
    values = _numbers(example, "dgvects", origin)
    expected = 3 * num_atoms * num_atoms * width
    if len(values) != expected:
        raise DataError(
            f"{origin}: 'dgvects' has {len(values)} values, expected {expected} = {num_atoms} "
            f"atoms x {width} components x {num_atoms} atoms x 3"
        )
    return _finite(values, "dgvects", origin)


def _sparse(
    example: Mapping[str, Any], origin: str, num_atoms: int, width: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    for key in _SPARSE:
        if key not in example:
            raise DataError(f"{origin}: has sparse derivatives, but the feature '{key}' is missing")
    values, *places = (_numbers(example, key, origin) for key in _SPARSE)
    for key, array in zip(_SPARSE[1:], places, strict=True):
        if len(array) != len(values):
            raise DataError(
                f"{origin}: '{key}' has {len(array)} values, but 'dgvect_values' has {len(values)}"
            )
    limits = (num_atoms * width, 3 * num_atoms)
    _check_places_fit(num_atoms, width, origin)
    rows, columns = (
        _places(array, key, limit, origin)
        for array, key, limit in zip(places, _SPARSE[1:], limits, strict=True)
    )
    return _finite(values, "dgvect_values", origin), rows, columns


def _check_places_fit(num_atoms: int, width: int, origin: str) -> None:
    if num_atoms * width > _EXACT:
        raise DataError(
            f"{origin}: {num_atoms} atoms of {width} components are more than PANNA's sparse "
            f"places, stored as floats, can number ({_EXACT}): use dense derivatives"
        )


def _places(values: NDArray[Any], key: str, limit: int, origin: str) -> NDArray[np.int32]:
    wrong = np.flatnonzero((values != np.floor(values)) | (values < 0) | (values >= limit))
    if len(wrong):
        raise DataError(
            f"{origin}: '{key}' has the value {values[wrong[0]]:g}, expected an integer from 0 to "
            f"{limit - 1}"
        )
    return values.astype(np.int32)


def _numbers(example: Mapping[str, Any], key: str, origin: str) -> NDArray[Any]:
    values: NDArray[Any] | bytes = example[key]
    if isinstance(values, bytes):
        raise DataError(f"{origin}: the feature '{key}' holds bytes, expected numbers")
    return values


def _finite(values: NDArray[Any], key: str, origin: str) -> NDArray[Any]:
    wrong = np.flatnonzero(~np.isfinite(values))
    if len(wrong):
        raise DataError(f"{origin}: value {wrong[0]} of '{key}' is not a finite number")
    return values
