"""What ASE read of one structure, as numbers by name.

Shapes: A atoms.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Floats
from panna_exp.errors import DataError

# [A, 3] arrays of ASE's that are no forces.
_NO_FORCES = ("positions", "momenta", "magmoms", "initial_magmoms")
_WEIGHT = ("config_weight", "weight")
# [A] false or 0 for atoms whose forces count for nothing.
_FORCE_MASKS = ("force_mask", "forces_mask")
# Of which trajectory a structure is a frame.
_TRAJECTORIES = ("trajectory", "trajectory_id", "traj_id")
# On energy, forces and virial alone, as MACE and GAP call them.
_WEIGHTS = (
    ("config_energy_weight", "energy_weight"),
    ("config_forces_weight", "config_force_weight", "forces_weight", "force_weight"),
    ("config_stress_weight", "config_virials_weight", "config_virial_weight", "stress_weight"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Values:
    """What ASE read of one structure with A atoms, in the units of the file.

    Args:
        origin: File and record.
        name: The structure's key, empty if it has none.
        symbols: [A].
        positions: [A, 3].
        cell: [3, 3].
        pbc: [3].
        energies: Numbers by key.
        vectors: Arrays [A, 3] by key, without positions.
        matrices: Nine numbers, or Voigt's six, by key: what stresses and virials may be.
        force_mask: [A] false where the force on an atom is to be taken as missing; None without.
        config_type: Kind of structure, empty without.
        weights: [3] factors on what energy, forces and virial count in a loss, None without.
        trajectory: Of which it is a frame, empty without.
    """

    origin: str
    name: str
    symbols: list[str]
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    energies: Mapping[str, float]
    vectors: Mapping[str, Floats]
    matrices: Mapping[str, Floats]
    force_mask: NDArray[np.bool_] | None = None
    config_type: str = ""
    weights: Floats | None = None
    trajectory: str = ""

    @classmethod
    def of(cls, atoms: Any, origin: str) -> "Values":
        """Takes what may be needed from ASE's Atoms; results of a calculation win over the rest.

        Raises:
            DataError: A weight that is not a number, a mask of something else than 0 and 1.
        """
        results = {} if atoms.calc is None else dict(getattr(atoms.calc, "results", {}))
        numbers = {**atoms.info, **results}
        arrays = {**atoms.arrays, **results}
        return cls(
            origin=origin,
            name=str(atoms.info.get("name", "")),
            symbols=atoms.get_chemical_symbols(),
            positions=np.asarray(atoms.positions, dtype=np.float64),
            cell=np.asarray(atoms.cell, dtype=np.float64),
            pbc=np.asarray(atoms.pbc, dtype=bool),
            energies={
                str(key): float(np.asarray(value).item())
                for key, value in numbers.items()
                if _is_number(value)
            },
            vectors={
                str(key): np.asarray(value, dtype=np.float64)
                for key, value in arrays.items()
                if key not in _NO_FORCES and _is_vectors(value, len(atoms))
            },
            matrices={
                str(key): np.asarray(value, dtype=np.float64)
                for key, value in numbers.items()
                if key not in ("forces", *_NO_FORCES) and _is_matrix(value)
            },
            force_mask=_force_mask(arrays, len(atoms), origin),
            config_type=str(atoms.info.get("config_type", "")),
            weights=_weights(numbers, origin),
            trajectory=next((str(atoms.info[k]) for k in _TRAJECTORIES if k in atoms.info), ""),
        )

    @property
    def volume(self) -> float | None:
        """Of the cell, None where it is not periodic in three directions."""
        volume = abs(float(np.linalg.det(self.cell)))
        return volume if volume > 0 and self.pbc.all() else None

    def matrix(self, key: str) -> Floats:
        """Returns [3, 3] of nine numbers, or of Voigt's six (xx, yy, zz, yz, xz, xy)."""
        array = self.matrices[key].ravel()
        if array.size == 6:
            xx, yy, zz, yz, xz, xy = array
            array = np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz])
        return array.reshape(3, 3)


def listed(keys: Iterable[str]) -> str:
    """Returns names for a message."""
    return ", ".join(f"'{key}'" for key in keys) or "nothing of that kind"


def _force_mask(arrays: Mapping[str, Any], num_atoms: int, origin: str) -> NDArray[np.bool_] | None:
    name = next((name for name in _FORCE_MASKS if name in arrays), None)
    if name is None:
        return None
    values = np.asarray(arrays[name])
    if values.shape != (num_atoms,) or not np.isin(values, (0, 1)).all():
        raise DataError(
            f"{origin}: '{name}' is {np.unique(values).tolist()[:5]}, expected one number for each "
            "atom, 0 where its force is to be left out and otherwise 1"
        )
    return values.astype(bool)


def _weights(numbers: Mapping[str, Any], origin: str) -> Floats | None:
    """Returns the product of the structure's weight and those on single quantities."""
    common = _first(numbers, _WEIGHT, origin)
    own = [_first(numbers, names, origin) for names in _WEIGHTS]
    if common is None and all(value is None for value in own):
        return None
    return np.array([1.0 if value is None else value for value in own]) * (
        1.0 if common is None else common
    )


def _first(numbers: Mapping[str, Any], names: tuple[str, ...], origin: str) -> float | None:
    for name in names:
        if name in numbers:
            if not _is_number(numbers[name]):
                raise DataError(f"{origin}: '{name}' is {numbers[name]!r}, expected a number")
            return float(np.asarray(numbers[name]).item())
    return None


def _is_number(value: Any) -> bool:
    array = np.asarray(value) if not isinstance(value, dict | str | bytes) else None
    return array is not None and array.ndim == 0 and array.dtype.kind in "fiu"


def _is_vectors(value: Any, num_atoms: int) -> bool:
    shape = getattr(value, "shape", None)
    return shape == (num_atoms, 3) and value.dtype.kind in "fiu"


def _is_matrix(value: Any) -> bool:
    if isinstance(value, dict | str | bytes) or np.ndim(value) == 0:
        return False
    try:
        array = np.asarray(value)
    except ValueError:  # rows of several lengths
        return False
    return array.shape in ((6,), (9,), (3, 3)) and array.dtype.kind in "fiu"
