"""Which of the numbers that ASE gives are a structure's energy and forces."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Floats
from panna_exp.errors import DataError, closest

logger = logging.getLogger(__name__)

# [A, 3] arrays of ASE's that are no forces.
_NO_FORCES = ("positions", "momenta", "magmoms", "initial_magmoms")


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
        virial: [3, 3] minus the energy's derivative by strain, in the file's energy unit; or None.
    """

    origin: str
    name: str
    symbols: list[str]
    positions: Floats
    cell: Floats
    pbc: NDArray[np.bool_]
    energies: Mapping[str, float]
    vectors: Mapping[str, Floats]
    virial: Floats | None = None

    @classmethod
    def of(cls, atoms: Any, origin: str, virials: bool = False) -> "Values":
        """Takes what may be needed from ASE's Atoms; results of a calculation win over the rest."""
        results = {} if atoms.calc is None else dict(getattr(atoms.calc, "results", {}))
        numbers = {**atoms.info, **results}
        arrays = {**atoms.arrays, **results}
        name = atoms.info.get("name", "")
        return cls(
            origin=origin,
            name=name if isinstance(name, str) else str(name),
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
            virial=_virial(numbers, atoms, origin) if virials else None,
        )


@dataclass(slots=True, kw_only=True)
class Keys:
    """The keys that the user named, None: ASE's own, and what was found in a file so far.

    Args:
        energy: Of energies.
        forces: Of forces.
    """

    energy: str | None
    forces: str | None
    _with_forces: int = 0
    _others: dict[str, str] = field(default_factory=dict)

    def energy_of(self, values: Values) -> float:
        """Returns the energy (DataError: there is none by that key)."""
        key = self.energy or "energy"
        if key in values.energies:
            return values.energies[key]
        known = _listed(values.energies)
        if self.energy is None:
            raise DataError(
                f"{values.origin}: has no energy for ASE, but {known}: name the one that is the "
                "total energy with data.energy_key (--energy-key)"
                if values.energies
                else f"{values.origin}: has no energy"
            )
        raise DataError(
            f"{values.origin}: has no energy '{key}' (data.energy_key, --energy-key), it has "
            f"{known}{closest(key, values.energies)}"
        )

    def forces_of(self, values: Values) -> Floats | None:
        """Returns the forces [A, 3], None if the structure has none by that key."""
        found = values.vectors.get(self.forces or "forces")
        if found is not None:
            self._with_forces += 1
        else:
            self._others |= {key: values.origin for key in values.vectors}
        return found

    def finish(self, path: str) -> None:
        """After the last structure: names forces that were not read, refuses a key nobody has."""
        if self._with_forces:
            return
        known = _listed(self._others)
        if self.forces is not None:
            raise DataError(
                f"{path}: no structure has forces '{self.forces}' (data.forces_key, --forces-key), "
                f"they have {known}{closest(self.forces, self._others)}"
            )
        if self._others:
            logger.warning(
                "%s: no forces are read; it has %s: name the one that is the forces with "
                "data.forces_key (--forces-key)",
                path,
                known,
            )


def _virial(values: Mapping[str, Any], atoms: Any, origin: str) -> Floats | None:
    """Returns the virial from ASE's stress, (1/V) dE/dstrain, or a virial that the file has.

    Raises:
        DataError: Both are there and say different things: a unit or a sign is wrong.
    """
    found = []
    for key in ("virial", "virials"):
        if key in values:
            found.append(_matrix(values[key], f"{origin}: '{key}'"))
    if "stress" in values and atoms.cell.rank == 3 and atoms.pbc.all():
        stress = _matrix(values["stress"], f"{origin}: 'stress'")
        found.append(-stress * atoms.get_volume())
    if len(found) > 1 and not np.allclose(found[0], found[1], rtol=1e-3, atol=1e-4):
        raise DataError(
            f"{origin}: its virial and its stress contradict each other: expected virial = -stress "
            "x volume, in eV and eV/angstrom^3: correct the file, or leave both out "
            "(training.virial_cost=0, --virials none)"
        )
    return found[0] if found else None


def _matrix(value: Any, where: str) -> Floats:
    """Returns [3, 3] of nine numbers, or of Voigt's six (xx, yy, zz, yz, xz, xy)."""
    array = np.asarray(value, dtype=np.float64).ravel()
    if array.size == 6:
        xx, yy, zz, yz, xz, xy = array
        array = np.array([xx, xy, xz, xy, yy, yz, xz, yz, zz])
    if array.size != 9:
        raise DataError(f"{where} has {array.size} numbers, expected 9 or 6")
    return array.reshape(3, 3)


def _listed(keys: Mapping[str, object]) -> str:
    return ", ".join(f"'{key}'" for key in keys) or "nothing of that kind"


def _is_number(value: Any) -> bool:
    array = np.asarray(value) if not isinstance(value, dict | str | bytes) else None
    return array is not None and array.ndim == 0 and array.dtype.kind in "fiu"


def _is_vectors(value: Any, num_atoms: int) -> bool:
    shape = getattr(value, "shape", None)
    return shape == (num_atoms, 3) and value.dtype.kind in "fiu"
