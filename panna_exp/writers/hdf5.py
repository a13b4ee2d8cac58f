"""panna_exp's own HDF5, see :mod:`panna_exp.readers.hdf5`."""

from pathlib import Path

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.writers.save import Progress


def write(path: Path, structures: StructureSet, species: Species, progress: Progress) -> None:
    """Writes one file (DataError: what could not be read again)."""
    write_hdf5(path, structures, species)
    progress(len(structures), len(structures))
