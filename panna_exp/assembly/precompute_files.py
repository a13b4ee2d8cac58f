"""The files of precomputed descriptors: what goes into which, and whether one that is there fits.

Which structures share a file depends on the data and the settings alone, so that the same command
finds what an earlier one has finished. S structures.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Ints, StructureSet
from panna_exp.errors import DataError
from panna_exp.readers.hdf5 import count_structures
from panna_exp.readers.panna_bin import read_header

_PATTERN = "descriptors-*-*.h5"
_ELSEWHERE = "choose another output_dir, or remove the folder"
_STRUCTURES_A_FILE = 1000
# A file is what a killed process has to do again, and what processes share out.
_FILES = 64
_SMALLEST, _LARGEST = 16e6, 5e8  # bytes
_NEIGHBOURS = 40  # about as many atoms a sparse derivative is of


def result_bytes(num_atoms: Ints, size: int, width: int, derivatives: str) -> NDArray[np.float64]:
    """Returns about how much the results of each structure take, a function of sizes alone.

    Args:
        num_atoms: [S].
        size: Components of an atom.
        width: Bytes of a number.
        derivatives: ``none``, ``dense`` or ``sparse``.
    """
    atoms = num_atoms.astype(np.float64)
    values = width * atoms * size
    if derivatives == "none":
        return values
    if derivatives == "dense":
        return values * (1 + 3 * atoms)
    return values + 3 * width * size * atoms * np.minimum(atoms, _NEIGHBOURS)


def divide(weights: NDArray[np.float64]) -> list[Ints]:
    """Returns the structures of each HDF5 file.

    Args:
        weights: [S] bytes.
    """
    most = float(np.clip(weights.sum() / _FILES, _SMALLEST, _LARGEST))
    starts, taken = [0], 0.0
    for index, weight in enumerate(weights.tolist()):
        full = index - starts[-1] >= _STRUCTURES_A_FILE or taken + weight > most
        if full and index > starts[-1]:
            starts.append(index)
            taken = 0.0
        taken += weight
    ends = [*starts[1:], len(weights)]
    return [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]


def file_name(number: int, total: int) -> str:
    """Returns the name of an HDF5 file, counted from 1."""
    return f"descriptors-{number}-{total}.h5"


def check_division(folder: Path, names: Collection[str]) -> None:
    """Raises DataError if the folder has files of another division, of an earlier version."""
    for path in sorted(folder.glob(_PATTERN)):
        if path.name not in names:
            raise DataError(
                f"{path}: is none of the {len(names)} files that these data are divided into (an "
                f"earlier version divided them otherwise): {_ELSEWHERE}"
            )


def check_finished_hdf5(path: Path, expected: int) -> None:
    """Raises DataError unless a finished file has as many structures as it should."""
    found = count_structures(path)
    if found != expected:
        raise DataError(f"{path}: has {found} structures, expected {expected}: {_ELSEWHERE}")


def check_finished_bin(path: Path, structures: StructureSet, index: int) -> None:
    """Raises DataError unless a finished file is of this structure, by its energy and species."""
    header = read_header(path)
    atoms = slice(structures.offsets[index], structures.offsets[index + 1])
    energy = float(np.float32(structures.energy[index]))
    if not np.array_equal(header.species, structures.species[atoms]):
        difference = "other species or another number of atoms"
    elif header.energy != energy:
        difference = f"the energy {header.energy:.9g} eV, not {energy:.9g}"
    else:
        return
    raise DataError(
        f"{path}: is there already, but of another structure than {structures.origins[index]} "
        f"({difference}): {_ELSEWHERE}"
    )


def keys_of(structures: StructureSet) -> list[str]:
    """Returns PANNA's keys, which name .bin files (DataError: impossible or doubled ones).

    They are the structures' names up to the first dot.
    """
    keys = []
    first: dict[str, int] = {}
    for index, name in enumerate(structures.names):
        key = _own_key(name) or f"structure_{index}"
        if "/" in key or "\0" in key or "," in key:
            raise DataError(
                f"{structures.origins[index]}: its name '{key}' cannot be that of a .bin file: "
                "it has a slash or a comma"
            )
        if key in first:
            raise DataError(
                f"{structures.origins[index]}: has the key '{key}', as "
                f"{structures.origins[first[key]]} has: .bin files are named by it, so it must be "
                "unique (format=hdf5 needs no names)"
            )
        first[key] = index
        keys.append(key)
    return keys


def are_numbered(names: Sequence[str]) -> bool:
    """Whether the keys of some structures are their places in the data, which say nothing else."""
    return not all(_own_key(name) for name in names)


def _own_key(name: str) -> str:
    return name.partition(".")[0]
