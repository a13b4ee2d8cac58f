"""Structures without energies: what a potential is to predict."""

from pathlib import Path

import numpy as np

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.ase_files import read_values
from panna_exp.readers.files import find_files
from panna_exp.readers.open import READERS, open_structures


def read_unlabelled(paths: list[str], species: Species, base: Path) -> StructureSet:
    """Reads structures of files that ASE reads, or of our own data formats.

    Args:
        paths: Files, folders or globs.
        species: What the potential knows; others are an error.
        base: Folder that relative paths start from.

    Returns:
        Structures with positions; energies are those of the files where these have some, else 0.

    Raises:
        DataError: Names file, structure (counted from 0) and cause.
    """
    suffixes = {name: reader.suffixes for name, reader in READERS.items()}
    parts = []
    for path in paths:
        kind = _kind(path)
        for file, found in find_files([path], kind, base, suffixes):
            if found == "ase":
                parts.append(_read_ase(file, species))
            else:
                parts.append(open_structures([str(file)], species, found, base).structures)
    structures = StructureSet.concatenate(parts)
    if structures.positions is None:
        raise DataError(f"{structures.origins[0]}: has no positions, only descriptors")
    return structures


def _kind(path: str) -> str | None:
    """The format by suffix where it is one of ours, else what ASE makes of it."""
    if Path(path).is_dir() or path.startswith("builtin:"):
        return None
    known = {suffix for reader in READERS.values() for suffix in reader.suffixes}
    return None if Path(path).suffix in known else "ase"


def _read_ase(path: Path, species: Species) -> StructureSet:
    structures = []
    for values in read_values(path):
        pbc = values.pbc & values.cell.any(axis=1)
        structures.append(
            Structure(
                origin=values.origin,
                name=values.name,
                species=np.array(
                    [
                        species.index(symbol, f"{values.origin}, atom {atom}")
                        for atom, symbol in enumerate(values.symbols)
                    ],
                    dtype=np.int64,
                ),
                energy=0.0,
                positions=values.positions,
                cell=np.where(pbc[:, None], values.cell, 0.0),
                pbc=pbc,
            ).check()
        )
    if not structures:
        raise DataError(f"{path}: ASE finds no structures in it")
    return StructureSet.from_structures(structures)
