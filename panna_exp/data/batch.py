"""A data set on a device, and batches of it gathered by index.

Atoms of a batch are sorted by species, so that each species is one contiguous block whose size is
a Python int: the model needs no mask and the device is never asked. Shapes: S structures, A atoms,
T species, D descriptor components.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.structures import Ints, StructureSet


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomBatch:
    """S structures flattened to A atoms, ordered by species.

    Args:
        species_counts: T block sizes, summing to A.
        structure: [A] int64, structure of each atom, 0 to S - 1.
        num_atoms: [S] atoms of each structure, in the network's precision.
        energy: [S] energies with the reference energies subtracted (eV).
        descriptors: [A, D].
    """

    species_counts: tuple[int, ...]
    structure: Tensor
    num_atoms: Tensor
    energy: Tensor
    descriptors: Tensor

    def __len__(self) -> int:
        return len(self.energy)

    def sum_by_structure(self, atom_energy: Tensor) -> Tensor:
        """Returns [S], the sums of ``atom_energy`` [A] over each structure."""
        return torch.zeros_like(self.energy).index_add_(0, self.structure, atom_energy)


class PackedData:
    """S structures on one device, stored by species and then by structure.

    Args:
        structures: Must have descriptors.
        targets: [S] energies to learn, reference energies subtracted (float64, eV).
        num_species: T.
        dtype: Precision of the network.
        device: Where the arrays live.
    """

    def __init__(
        self,
        structures: StructureSet,
        targets: NDArray[np.float64],
        num_species: int,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        assert structures.descriptors is not None
        self.counts = structures.counts(num_species).T.copy()  # [T, S]
        owner = np.repeat(np.arange(len(structures)), structures.num_atoms)
        order = np.lexsort((owner, structures.species))
        ends = np.cumsum(self.counts.ravel()).reshape(self.counts.shape)
        self._starts = ends - self.counts  # [T, S] first row of each block of `descriptors`
        self.descriptors = torch.from_numpy(structures.descriptors[order]).to(device, dtype)
        self.energy = torch.from_numpy(targets).to(device, dtype)
        self.num_atoms = torch.from_numpy(structures.num_atoms).to(device, dtype)
        self.device = device

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def num_bytes(self) -> int:
        """Size of the arrays on the device."""
        return self.descriptors.numel() * self.descriptors.element_size()

    def batches(self, size: int) -> Iterator[AtomBatch]:
        """Yields the whole set in order, ``size`` structures at a time."""
        for start in range(0, len(self), size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def batch(self, indices: Ints) -> AtomBatch:
        """Gathers the structures at ``indices`` [S] in that order."""
        counts = self.counts[:, indices]
        flat = counts.ravel()
        ends = np.cumsum(flat)
        rows = np.arange(ends[-1])
        rows += np.repeat(self._starts[:, indices].ravel() - (ends - flat), flat)
        structure = np.repeat(np.tile(np.arange(len(indices)), len(counts)), flat)
        chosen = torch.from_numpy(indices).to(self.device)
        return AtomBatch(
            species_counts=tuple(counts.sum(axis=1).tolist()),
            structure=torch.from_numpy(structure).to(self.device),
            num_atoms=self.num_atoms.index_select(0, chosen),
            energy=self.energy.index_select(0, chosen),
            descriptors=self.descriptors.index_select(0, torch.from_numpy(rows).to(self.device)),
        )
