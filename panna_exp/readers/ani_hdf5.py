"""ANI-style HDF5: a group per molecule with ``coordinates``, ``species`` and ``energies``.

Data sets of a group, however deep: ``coordinates`` [n, A, 3] (angstrom), ``species`` or
``atomic_numbers`` [A] or [n, A] (symbols or atomic numbers), ``energies`` or ``energy`` [n]
(hartree), optionally ``forces`` [n, A, 3] (hartree/angstrom, NaN: none). ANI-1x has several
levels of theory: name one, ``data.energy_key=wb97x_dz.energy
data.forces_key=wb97x_dz.forces``. Other units are those of the attribute ``units`` of a data set,
or what the user says.
"""

from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers.molecule_groups import Layout, read_groups
from panna_exp.readers.options import ReadOptions

LAYOUT = Layout(
    positions="coordinates",
    numbers=("species", "atomic_numbers"),
    energies=("energies", "energy"),
    forces=("forces", "force"),
    forces_sign=1.0,
    energy_unit="hartree",
    length_unit="angstrom",
)


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads a file (DataError: names file, group, structure and cause)."""
    return read_groups(path, species, options or ReadOptions(), LAYOUT)
