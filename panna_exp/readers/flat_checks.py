"""Checks of structures stored as flat arrays; what is wrong is named by structure and atom.

Shapes: S structures, A atoms; structure s owns atoms offsets[s]:offsets[s+1].
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import (
    LONGEST_VECTOR,
    Ints,
    StructureSet,
    bad_forces,
    not_finite_forces,
    too_long,
)
from panna_exp.elements import Species
from panna_exp.errors import DataError


@dataclass(frozen=True, slots=True)
class FlatChecks:
    """Checks against the origins [S] and offsets [S + 1] of one file."""

    origins: Sequence[str]
    offsets: Ints

    def sizes(self) -> None:
        """Raises DataError unless every structure has an atom."""
        empty = np.flatnonzero(np.diff(self.offsets) <= 0)
        if len(empty):
            raise DataError(
                f"{self.origins[int(empty[0])]}: has no atoms ('offsets' does not increase)"
            )

    def values(self, structures: StructureSet) -> None:
        """Raises DataError unless all numbers are finite and cells whole.

        Forces that an atom and virials that a structure does not have are NaN.
        """
        self.energies(structures.energy)
        if structures.positions is not None:
            self.finite("positions", structures.positions)
        if structures.descriptors is not None:
            self.finite("descriptors", structures.descriptors)
        if structures.forces is not None:
            self.forces(structures.forces)
        if structures.virial is not None:
            self.virials(structures.virial)
        if structures.weights is not None:
            self.weights(structures.weights)
        self.cells(structures.cell, structures.pbc)

    def energies(self, values: NDArray[Any]) -> None:
        """Raises DataError unless all [S] are finite."""
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise DataError(
                f"{self.origins[int(bad[0])]}: the energy is {values[bad[0]]}, "
                "expected a finite number"
            )

    def finite(self, name: str, values: NDArray[Any]) -> None:
        """Raises DataError unless all [A, ...] are finite."""
        bad = np.flatnonzero(~np.isfinite(values).all(axis=1))
        if len(bad):
            origin, atom = self._place(bad[0])
            raise DataError(f"{origin}: {name} of atom {atom} are not finite numbers")

    def forces(self, values: NDArray[Any]) -> None:
        """Raises DataError unless those [3] of each atom are all finite or all NaN."""
        bad = np.flatnonzero(bad_forces(values))
        if len(bad):
            origin, atom = self._place(bad[0])
            raise DataError(f"{origin}: {not_finite_forces(atom)}")

    def virials(self, values: NDArray[Any]) -> None:
        """Raises DataError unless those [S, 3, 3] of each structure are all finite or all NaN."""
        missing = np.isnan(values).all(axis=(1, 2))
        bad = np.flatnonzero(~np.isfinite(values).all(axis=(1, 2)) & ~missing)
        if len(bad):
            raise DataError(
                f"{self.origins[int(bad[0])]}: the virial is not finite numbers (a structure "
                "without one has NaN nine times)"
            )

    def weights(self, values: NDArray[Any]) -> None:
        """Raises DataError unless all [S, 3] are finite and at least 0."""
        bad = np.flatnonzero(~(np.isfinite(values) & (values >= 0)).all(axis=1))
        if len(bad):
            raise DataError(
                f"{self.origins[int(bad[0])]}: its weights are {values[bad[0]].tolist()}, expected "
                "finite numbers from 0"
            )

    def cells(self, cell: NDArray[Any], pbc: NDArray[Any]) -> None:
        """Raises DataError unless [S, 3, 3] are finite, not too long, not zero where periodic."""
        finite = np.isfinite(cell).all(axis=(1, 2))
        bad = np.flatnonzero(~finite | (pbc & ~cell.any(axis=2)).any(axis=1))
        if len(bad):
            cause = "zero along a periodic direction" if finite[bad[0]] else "not finite numbers"
            raise DataError(f"{self.origins[int(bad[0])]}: the lattice vectors are {cause}")
        long = np.flatnonzero((np.abs(cell) > LONGEST_VECTOR).any(axis=(1, 2)))
        if len(long):
            raise DataError(f"{self.origins[int(long[0])]}: {too_long(cell[long[0]])}")

    def species(self, stored: NDArray[Any], symbols: Sequence[str], species: Species) -> Ints:
        """Returns indices [A] in ``species`` for those in the file's own symbols (DataError)."""
        table = np.full(len(symbols), -1, dtype=np.int64)
        for index, symbol in enumerate(symbols):
            if symbol in species.symbols:
                table[index] = species.symbols.index(symbol)
        outside = (stored < 0) | (stored >= len(symbols))
        known = table[np.where(outside, 0, stored)]
        wrong = np.flatnonzero(outside | (known < 0))
        if not len(wrong):
            return known
        index = int(stored[wrong[0]])
        where = ", atom ".join(map(str, self._place(wrong[0])))
        if outside[wrong[0]]:
            raise DataError(f"{where}: species index {index}, but {len(symbols)} symbols")
        species.index(symbols[index], where)
        raise AssertionError("species.index raises for a symbol that is not in the list")

    def _place(self, atom: int) -> tuple[str, int]:
        """Returns origin of and place in the structure of an atom (of all atoms)."""
        owner = int(np.searchsorted(self.offsets, atom, side="right")) - 1
        return self.origins[owner], int(atom - self.offsets[owner])
