"""PANNA's ``.bin`` files as data: descriptors and energies, one structure a file."""

from pathlib import Path

import numpy as np

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.panna_bin import read_bin


def read(path: Path, species: Species) -> StructureSet:
    """Reads energy, species, descriptors and, where present, forces.

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
    return StructureSet.from_structures([structure.check()])
