"""A structure that is given as plain values, or as ASE's Atoms."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Structure
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest

_KEYS = ("symbols", "positions", "cell", "pbc")
_REQUIRED = _KEYS[:2]


def structure_of(item: Any, where: str, species: Species) -> Structure:
    """Returns one structure.

    Args:
        item: ASE's Atoms, whose cell vectors that are not there are not periodic, or a mapping
            with ``symbols`` [A], ``positions`` [A, 3] (angstrom), perhaps ``cell`` [3, 3] and
            ``pbc``.
        where: What to call it in messages.
        species: That the potential knows.

    Raises:
        DataError: What does not fit.
    """
    if hasattr(item, "get_positions"):
        cell = item.cell.array
        periodic = item.pbc & cell.any(axis=1)
        item = {
            "symbols": list(item.symbols),
            "positions": item.positions,
            "cell": cell,
            "pbc": periodic,
        }
    if not isinstance(item, Mapping):
        raise DataError(
            f"{where}: expected ASE's Atoms or a mapping with {', '.join(_KEYS)}, found "
            f"{type(item).__name__}"
        )
    values = {key: value for key, value in item.items() if not _is_missing(value)}
    for key in values:
        if key not in _KEYS:
            raise DataError(
                f"{where}: unknown key '{key}', expected {', '.join(_KEYS)}"
                f"{closest(str(key), _KEYS)}"
            )
    for key in _REQUIRED:
        if key not in values:
            raise DataError(f"{where}: has no '{key}'")
    symbols = values["symbols"]
    if isinstance(symbols, str) or not isinstance(symbols, Sequence | np.ndarray):
        raise DataError(f"{where}: symbols: expected a list such as ['O', 'H', 'H']")
    cell, pbc = _lattice(values, where)
    return Structure(
        origin=where,
        name="",
        species=np.array([_index(str(s), n, where, species) for n, s in enumerate(symbols)]),
        energy=0.0,
        positions=_numbers(values["positions"], f"{where}: positions", (len(symbols), 3)),
        cell=np.where(pbc[:, None], cell, 0.0),
        pbc=pbc,
    ).check()


def _lattice(values: Mapping[str, Any], where: str) -> tuple[Floats, Any]:
    """Returns lattice vectors, and along which of them the structure is periodic."""
    cell = np.zeros((3, 3))
    if "cell" in values:
        cell = _numbers(values["cell"], f"{where}: cell", (3, 3))
    given = cell.any(axis=1)
    if "pbc" not in values:
        return cell, given
    pbc = np.asarray(values["pbc"])
    if pbc.dtype != np.bool_ or pbc.shape not in ((), (3,)):
        raise DataError(f"{where}: pbc: expected true, false or three of them")
    pbc = np.broadcast_to(pbc, 3)
    if (pbc & ~given).any():
        vector = int(np.flatnonzero(pbc & ~given)[0])
        raise DataError(f"{where}: is periodic along lattice vector {vector}, which is not given")
    return cell, pbc


def _numbers(value: Any, where: str, shape: tuple[int, int]) -> Floats:
    try:
        rows = value if isinstance(value, np.ndarray) else [np.asarray(row, float) for row in value]
        array = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        raise DataError(f"{where}: expected {shape[0]} rows of {shape[1]} numbers") from None
    if array.shape != shape:
        raise DataError(f"{where}: have the shape {array.shape}, expected {shape}")
    return array


def _index(symbol: str, atom: int, where: str, species: Species) -> int:
    if symbol not in species.symbols:
        raise DataError(
            f"{where}: atom {atom} is {symbol}, but the potential knows {', '.join(species)}"
            f"{closest(symbol, species.symbols)}"
        )
    return species.symbols.index(symbol)


def _is_missing(value: Any) -> bool:
    """Whether it is None or pandas' NaN for a cell of a table that is empty."""
    return value is None or (isinstance(value, float) and np.isnan(value))
