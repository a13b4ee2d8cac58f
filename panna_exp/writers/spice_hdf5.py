"""SPICE-style HDF5 in hartree and bohr, see :mod:`panna_exp.readers.spice_hdf5`."""

from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.writers.molecule_groups import Layout, write_groups
from panna_exp.writers.save import Progress

LAYOUT = Layout(
    positions="conformations",
    numbers="atomic_numbers",
    energies="dft_total_energy",
    forces="dft_total_gradient",
    forces_sign=-1.0,
    energy_unit="hartree",
    length_unit="bohr",
)


def write(path: Path, structures: StructureSet, species: Species, progress: Progress) -> None:
    """Writes one file (DataError: no positions, or periodic structures)."""
    write_groups(path, structures, species, progress, LAYOUT)
