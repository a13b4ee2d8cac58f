"""NumPy archives as sGDML has them, see :mod:`panna_exp.readers.npz`; in eV and angstrom.

Atomic numbers ``z`` are [A] where all structures have the same atoms in the same order, else
[n, A] with 0 as padding. Forces of a structure without are NaN. Lattice vectors are in ``cell``.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import StructureSet
from panna_exp.elements import SYMBOLS, Species
from panna_exp.writers.parts import with_positions
from panna_exp.writers.save import Progress


def write(path: Path, structures: StructureSet, species: Species, progress: Progress) -> None:
    """Writes one file (DataError: there are no positions)."""
    positions = with_positions(structures)
    count, widest = len(structures), int(structures.num_atoms.max())
    real = np.arange(widest) < structures.num_atoms[:, None]
    table = np.array([SYMBOLS.index(symbol) + 1 for symbol in species], dtype=np.uint8)
    numbers = np.zeros((count, widest), dtype=np.uint8)
    numbers[real] = table[structures.species]
    arrays: dict[str, NDArray[Any]] = {
        "R": _padded(positions, real),
        "z": numbers[0] if (numbers == numbers[0]).all() else numbers,
        "E": structures.energy,
        "r_unit": np.array("Ang"),
        "e_unit": np.array("eV"),
    }
    if structures.forces is not None:
        arrays["F"] = _padded(structures.forces, real)
    if structures.pbc.any():
        arrays["cell"] = structures.cell
    if any(structures.names):
        arrays["names"] = np.array(list(structures.names), dtype=np.str_)
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
    progress(count, count)


def _padded(values: NDArray[np.float64], real: NDArray[np.bool_]) -> NDArray[Any]:
    """Returns [n, A, 3] for those of all atoms [atoms, 3]."""
    array = np.zeros((*real.shape, 3))
    array[real] = values
    return array
