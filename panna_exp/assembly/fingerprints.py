"""What the atoms of a structure see, as one row of numbers: the space in which structures differ.

Shapes: S structures, A atoms of all of them, T species, D descriptor components.
"""

from collections.abc import Callable

import numpy as np
import torch

from panna_exp.assembly.potential import Potential
from panna_exp.data.structures import Descriptors, Floats, Ints, StructureSet
from panna_exp.descriptors.rows import chunks

_BATCH_ATOMS = 2048


@torch.no_grad()
def fingerprints(
    potential: Potential,
    structures: StructureSet,
    progress: Callable[[int, int], None] | None = None,
) -> Floats:
    """Returns [S, 2 T D]: means and standard deviations of descriptors over atoms of a species.

    They depend neither on the order of the atoms nor on the cell that is chosen for a crystal.

    Args:
        potential: Whose descriptor it is.
        structures: With positions.
        progress: Called with (done, all) structures.
    """
    rows = []
    for some, _ in chunks(structures.offsets, _BATCH_ATOMS):
        part = structures.select(np.arange(some.start, some.stop))
        geometry = potential.operator.geometry(part)
        values = potential.operator.compute(geometry).double().cpu().numpy()
        rows.append(moments(values, part, len(potential.species)))
        if progress is not None:
            progress(some.stop, len(structures))
    return np.concatenate(rows)


def moments(descriptors: Descriptors, structures: StructureSet, num_species: int) -> Floats:
    """Returns [S, 2 T D] from [A, D]; zeros for species that a structure does not have."""
    owner = np.repeat(np.arange(len(structures)), structures.num_atoms)
    group: Ints = owner * num_species + structures.species
    size = len(structures) * num_species
    counts = np.maximum(np.bincount(group, minlength=size), 1)[:, None]
    mean = _sums(descriptors, group, size) / counts
    variance = _sums((descriptors - mean[group]) ** 2, group, size) / counts
    both = np.stack([mean, np.sqrt(variance)], axis=1)
    return both.reshape(len(structures), -1)


def _sums(values: Descriptors, group: Ints, size: int) -> Floats:
    """Returns [size, D] sums of the rows [A, D] of each group."""
    sums = np.zeros((size, values.shape[1]))
    np.add.at(sums, group, values)
    return sums
