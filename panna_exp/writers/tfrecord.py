"""PANNA's TFRecords: descriptors and their derivatives, energy, species, forces and name.

PANNA's format has float32; a structure without forces has no such feature.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.tf_derivatives import stored_features
from panna_exp.readers.tf_example import Feature
from panna_exp.readers.tfrecord import encode_example, write_records
from panna_exp.writers.save import Progress


def write(path: Path, structures: StructureSet, species: Species, progress: Progress) -> str | None:
    """Writes one file; returns what rounding to float32 does to the energies, if anything.

    Raises:
        DataError: There are no descriptors, or a structure is too large for sparse derivatives.
    """
    if structures.descriptors is None:
        raise DataError(
            f"{structures.origins[0]}: has no descriptors, which TFRecords consist of: compute "
            "them first (panna-exp descriptors)"
        )
    write_records(path, _records(structures, progress))
    error = np.abs(structures.energy - structures.energy.astype(np.float32)).max()
    return f"energies are float32 there, rounded by up to {error:.1e} eV" if error else None


def _records(structures: StructureSet, progress: Progress) -> Iterator[bytes]:
    descriptors = structures.descriptors
    assert descriptors is not None
    for index in range(len(structures)):
        atoms = slice(structures.offsets[index], structures.offsets[index + 1])
        features: dict[str, Feature] = {
            "energy": structures.energy[index : index + 1],
            "species": structures.species[atoms],
            "gvects": descriptors[atoms],
        }
        if structures.names[index]:
            features["name"] = structures.names[index].encode()
        if structures.forces is not None and not np.isnan(structures.forces[atoms]).any():
            features["forces"] = structures.forces[atoms]
        if structures.derivatives is not None:
            where, (count, width) = structures.origins[index], descriptors[atoms].shape
            features |= stored_features(structures.derivatives, index, count, width, where)
        yield encode_example(features)
        progress(index + 1, len(structures))
