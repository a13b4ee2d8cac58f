"""Many geometries of the same atoms in one array, as collections of molecules are stored.

Shapes: n structures, A atoms each (those with atomic number 0 or less are padding).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import DataError
from panna_exp.readers.flat_checks import FlatChecks


@dataclass(frozen=True, slots=True, kw_only=True)
class Frames:
    """Arrays of one group (eV, angstrom), as the file has them.

    Args:
        where: File and group, for messages.
        numbers: [A] or [n, A] atomic numbers.
        energy: [n] or [n, 1].
        positions: [n, A, 3].
        forces: [n, A, 3], all NaN for a structure without, or None.
        cell: [3, 3] or [n, 3, 3] lattice vectors as rows, zero where not periodic, or None.
        names: [n], or empty.
    """

    where: str
    numbers: NDArray[np.int64]
    energy: Floats
    positions: Floats
    forces: Floats | None = None
    cell: Floats | None = None
    names: Sequence[str] = ()

    def structures(self, species: Species) -> StructureSet:
        """Returns the structures (DataError: shapes, species, numbers that are not finite)."""
        count, atoms = self._check_shapes()
        numbers = np.broadcast_to(self.numbers, (count, atoms))
        real = numbers > 0
        sizes = real.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        origins = Origins(self.where, "structure", self.names, count)
        checks = FlatChecks(origins, offsets)
        checks.sizes()
        cell = np.zeros((count, 3, 3))
        if self.cell is not None:
            cell[:] = self.cell
        structures = StructureSet(
            names=list(self.names) or [""] * count,
            origins=origins,
            offsets=offsets,
            species=_indices(numbers[real], offsets, origins, species),
            energy=self.energy.reshape(count).astype(np.float64),
            positions=self.positions[real],
            cell=cell,
            pbc=np.asarray(cell.any(axis=2)),
            forces=None if self.forces is None else self.forces[real],
        )
        checks.values(structures)
        return structures

    def _check_shapes(self) -> tuple[int, int]:
        """Returns n and A."""
        shape = self.positions.shape
        if len(shape) != 3 or shape[2] != 3 or not shape[0]:
            raise DataError(f"{self.where}: positions have the shape {shape}, expected (n, A, 3)")
        count, atoms = shape[:2]
        known = {
            "atomic numbers": (self.numbers, ((atoms,), (count, atoms))),
            "energies": (self.energy, ((count,), (count, 1))),
            "forces": (self.forces, (shape,)),
            "lattice vectors": (self.cell, ((3, 3), (count, 3, 3))),
            "names": (np.empty(len(self.names)), ((0,), (count,))),
        }
        for name, (array, shapes) in known.items():
            if array is not None and array.shape not in shapes:
                expected = " or ".join(map(str, shapes))
                raise DataError(
                    f"{self.where}: {name} have the shape {array.shape}, expected {expected}"
                )
        return count, atoms


def numbers_of(values: NDArray[np.generic], where: str) -> Ints:
    """Returns atomic numbers for an array of numbers or of symbols (DataError)."""
    if values.dtype.kind in "iu":
        return values.astype(np.int64)
    if values.dtype.kind not in "SUO":
        raise DataError(
            f"{where}: species are of type {values.dtype}, expected atomic numbers or symbols"
        )
    texts = [item.decode() if isinstance(item, bytes) else str(item) for item in values.ravel()]
    for text in texts:
        if text and text not in SYMBOLS:
            raise DataError(f"{where}: species {text!r} is not a chemical symbol")
    found = [SYMBOLS.index(text) + 1 if text else 0 for text in texts]
    return np.array(found, dtype=np.int64).reshape(values.shape)


def _indices(numbers: Ints, offsets: Ints, origins: Origins, species: Species) -> Ints:
    """Returns species indices [atoms] (DataError: naming structure and atom)."""
    table = np.full(len(SYMBOLS) + 1, -1, dtype=np.int64)
    for index, symbol in enumerate(species):
        if symbol in SYMBOLS:
            table[SYMBOLS.index(symbol) + 1] = index
    known = numbers <= len(SYMBOLS)
    indices = table[np.where(known, numbers, 0)]
    wrong = np.flatnonzero(indices < 0)
    if not len(wrong):
        return indices
    owner = int(np.searchsorted(offsets, wrong[0], side="right")) - 1
    where = f"{origins[owner]}, atom {wrong[0] - offsets[owner]}"
    number = int(numbers[wrong[0]])
    if number > len(SYMBOLS):
        raise DataError(f"{where}: atomic number {number}, expected 1 to {len(SYMBOLS)}")
    species.index(SYMBOLS[number - 1], where)
    raise AssertionError("species.index raises for a symbol that is not in the list")
