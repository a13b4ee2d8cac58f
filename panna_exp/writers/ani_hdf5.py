"""ANI-style HDF5 in hartree and angstrom, see :mod:`panna_exp.readers.ani_hdf5`."""

from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.writers.molecule_groups import Layout, write_groups
from panna_exp.writers.save import Progress

LAYOUT = Layout(
    positions="coordinates",
    numbers="species",
    energies="energies",
    forces="forces",
    forces_sign=1.0,
    energy_unit="hartree",
    length_unit="angstrom",
)


def write(path: Path, structures: StructureSet, species: Species, progress: Progress) -> None:
    """Writes one file (DataError: no positions, or periodic structures)."""
    write_groups(path, structures, species, progress, LAYOUT)
