"""Neighbour lists that serve several steps of dynamics."""

from dataclasses import replace

import numpy as np
import torch
from ase import Atoms

from panna_exp.assembly.given_structure import structure_of
from panna_exp.assembly.potential import Potential
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.geometry import Geometry
from panna_exp.errors import DataError


class KeptLists:
    """Neighbour lists that are built again only when an atom has moved too far."""

    def __init__(self, potential: Potential, skin: float) -> None:
        if skin < 0:
            raise DataError(f"skin={skin}: expected 0 or more (angstrom)")
        self._potential = potential
        self._skin = skin
        self._built: tuple[Atoms, Geometry] | None = None

    def geometry(self, atoms: Atoms) -> Geometry:
        """Returns positions and lists that hold all pairs within the cutoffs."""
        if self._built is not None and self._skin > 0 and _same_system(self._built[0], atoms):
            old, geometry = self._built
            moved = atoms.positions - old.positions
            if np.square(moved).sum(axis=1).max() < (self._skin / 2) ** 2:
                by = torch.from_numpy(moved).to(geometry.positions.device)
                return replace(geometry, positions=geometry.positions + by)
        structure = structure_of(atoms, "the atoms", self._potential.species)
        structures = StructureSet.from_structures([structure])
        geometry = self._potential.operator.geometry(structures, self._skin)
        self._built = atoms.copy(), geometry
        return geometry


def _same_system(old: Atoms, new: Atoms) -> bool:
    """Whether atoms differ by their positions at most."""
    return all(
        one.tobytes() == other.tobytes()
        for one, other in (
            (old.numbers, new.numbers),
            (old.pbc, new.pbc),
            (old.cell.array, new.cell.array),
        )
    )
