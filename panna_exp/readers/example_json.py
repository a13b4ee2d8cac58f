"""PANNA's ``.example`` files: one structure per file, JSON.

Keys and aliases are those of PANNA: ``atoms`` rows [label, symbol, [x, y, z], [fx, fy, fz]?, ...],
``atomic_position_unit`` cartesian or crystal, ``lattice_vectors`` (missing or zero rows: not
periodic), ``unit_of_length``, ``energy`` [value, unit].
"""

import json
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as shown
from typing import Any

import numpy as np

from panna_exp.data.structures import Floats, Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.files import read_json
from panna_exp.readers.options import ReadOptions, without_zero_forces
from panna_exp.units import energy_factor, length_factor

_POSITION_UNIT_KEYS = ("atomic_position_unit", "atomic_positions_unit", "atomic_coordinates")
_KINDS = ("cartesian", "crystal")


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads one file (DataError with file and key).

    Forces that are all exactly zero are none, unless ``options`` say to keep them.
    """
    found = StructureSet.from_structures([read_structure(path, species)])
    return without_zero_forces(found, options or ReadOptions())


def read_structure(path: Path, species: Species) -> Structure:
    """Reads one file.

    Raises:
        DataError: Names file, key or line, and cause.
    """
    data = _load(path)
    length = length_factor(str(data.get("unit_of_length", "angstrom")), str(path))
    energy, energy_unit = _energy(data, path)
    cell = _cell(data, path) * length
    symbols, positions, forces = _atoms(data, path)
    kind = next((str(data[key]) for key in _POSITION_UNIT_KEYS if key in data), "cartesian")
    if kind not in _KINDS:
        raise DataError(
            f"{path}: atomic_position_unit is '{kind}', expected cartesian or crystal"
            f"{closest(kind, _KINDS)}"
        )
    return Structure(
        origin=str(path),
        name=path.name.split(".", 1)[0],
        species=np.array(
            [species.index(s, f"{path}, atom {i}") for i, s in enumerate(symbols)], dtype=np.int64
        ),
        energy=energy * energy_unit,
        positions=_cartesian(positions, cell, path) if kind == "crystal" else positions * length,
        cell=cell,
        pbc=np.asarray(cell.any(axis=1)),
        forces=None if forces is None else forces * (energy_unit / length),
    ).check()


def _load(path: Path) -> Mapping[str, Any]:
    try:
        data = read_json(path)
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except json.JSONDecodeError as error:
        raise DataError(
            f"{path}, line {error.lineno}, column {error.colno}: is not JSON ({error.msg})"
        ) from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: is not JSON (no text at byte {error.start})") from None
    except ValueError:
        reason = "a number too long or lists too deep to be data"
        raise DataError(f"{path}: is not JSON that can be read ({reason})") from None
    if not isinstance(data, Mapping):
        raise DataError(f"{path}: holds a {type(data).__name__}, expected a JSON object")
    for key in ("atoms", "energy"):
        if key not in data:
            raise DataError(f"{path}: the key '{key}' is missing{closest(key, data)}")
        if data[key] is None:
            raise DataError(f"{path}: the key '{key}' is null, expected a value")
    # null is how programs write what they do not have
    return {key: value for key, value in data.items() if value is not None}


def _energy(data: Mapping[str, Any], path: Path) -> tuple[float, float]:
    """Returns the value and eV per unit; a missing unit is eV, the value may be quoted."""
    entry = data["energy"]
    items = entry if isinstance(entry, list) else [entry]
    if not 1 <= len(items) <= 2:
        raise DataError(f"{path}: 'energy' is {shown(entry)}, expected [value, unit]")
    try:
        value = float(items[0])
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{path}: 'energy' is {shown(entry)}, expected [value, unit]") from None
    unit = "eV" if len(items) == 1 or items[1] is None else str(items[1])
    return value, energy_factor(unit, str(path))


def _cell(data: Mapping[str, Any], path: Path) -> Floats:
    rows = data.get("lattice_vectors")
    if rows is None or rows == []:
        return np.zeros((3, 3))
    return _numbers(rows, (3, 3), f"{path}: 'lattice_vectors'")


def _cartesian(fractions: Floats, cell: Floats, path: Path) -> Floats:
    """Returns positions (angstrom) of fractions of the lattice vectors."""
    if not cell.any():
        raise DataError(f"{path}: crystal coordinates need 'lattice_vectors'")
    lost = fractions[:, ~cell.any(axis=1)]
    if lost.any():
        atom = int(np.argwhere(lost)[0][0])
        raise DataError(
            f"{path}, atom {atom}: its crystal coordinates are {fractions[atom].tolist()}, but a "
            "zero lattice vector gives them no length: write the positions as cartesian"
        )
    positions: Floats = fractions @ cell
    return positions


def _atoms(data: Mapping[str, Any], path: Path) -> tuple[list[str], Floats, Floats | None]:
    rows = data["atoms"]
    if not isinstance(rows, list) or not rows:
        raise DataError(f"{path}: 'atoms' is not a list of atoms")
    symbols, positions, forces = [], [], []
    for index, row in enumerate(rows):
        where = f"{path}, atom {index}"
        if not isinstance(row, list) or len(row) < 3:
            raise DataError(f"{where}: {shown(row)}, expected [label, symbol, [x, y, z], ...]")
        symbols.append(str(row[1]))
        positions.append(_numbers(row[2], (3,), f"{where}: position"))
        if len(row) > 3 and isinstance(row[3], list) and len(row[3]) == 3:
            forces.append(_numbers(row[3], (3,), f"{where}: force"))
    complete = len(forces) == len(rows)
    return symbols, np.array(positions), np.array(forces) if complete else None


def _numbers(value: Any, shape: tuple[int, ...], where: str) -> Floats:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{where} is {shown(value)}, expected numbers") from None
    if array.shape != shape:
        raise DataError(f"{where} has the shape {array.shape}, expected {shape}")
    return array
