"""SPICE-style HDF5: a group per molecule with ``conformations`` and ``dft_total_energy``.

Data sets of a group: ``atomic_numbers`` [A], ``conformations`` [n, A, 3] (bohr),
``dft_total_energy`` [n] (hartree), optionally ``dft_total_gradient`` [n, A, 3] (hartree/bohr):
forces are minus the gradient, also where ``data.forces_key`` names another one. Other units are
those of the attribute ``units`` of a data set, or what the user says.
"""

from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers.molecule_groups import Layout, read_groups
from panna_exp.readers.options import ReadOptions

LAYOUT = Layout(
    positions="conformations",
    numbers=("atomic_numbers",),
    energies=("dft_total_energy",),
    forces=("dft_total_gradient",),
    forces_sign=-1.0,
    energy_unit="hartree",
    length_unit="bohr",
)


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads a file (DataError: names file, group, structure and cause)."""
    return read_groups(path, species, options or ReadOptions(), LAYOUT)
