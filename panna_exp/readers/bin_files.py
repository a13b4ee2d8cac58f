"""PANNA's ``.bin`` files as data: descriptors, derivatives and energies, one structure per file."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.options import ReadOptions
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, read_bin


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads energy, species, descriptors and, where present, forces and derivatives.

    Derivatives are read only where ``options`` ask for them.

    Raises:
        DataError: A damaged file, or species beyond the list; names the file.
    """
    found = read_bin(path)
    highest = int(found.species.max())
    if highest >= len(species):
        raise DataError(
            f"{path}: has the species index {highest}, but data.species has {len(species)} "
            f"symbols ({', '.join(species.symbols)}): name all, in the order that made the file"
        )
    structure = Structure(
        origin=str(path),
        name=path.stem,
        species=found.species,
        energy=found.energy,
        forces=None if found.forces is None else found.forces.astype(np.float64),
        descriptors=found.descriptors,
    )
    structures = StructureSet.from_structures([structure.check()])
    if options is None or not options.derivatives:
        return structures
    return replace(structures, derivatives=_derivatives(found))


def _derivatives(found: BinStructure) -> Derivatives | None:
    stored = found.derivatives
    if stored is None:
        return None
    if isinstance(stored, SparseDerivatives):
        return Derivatives.from_sparse([(stored.values, stored.rows, stored.columns)])
    return Derivatives.from_dense([stored])
