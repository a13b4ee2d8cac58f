"""A data set on a device, and batches of it gathered by index.

Atoms of a batch are sorted by species, so that each species is one contiguous block whose size is
a Python int: the model needs no mask and the device is never asked. Shapes: S structures, A atoms,
T species, D descriptor components.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.jacobians import BatchAtoms, BatchJacobian, JacobianSource
from panna_exp.data.structures import Ints, StructureSet

ENERGIES, FORCES, VIRIALS = range(3)  # columns of loss_weights


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchForces:
    """Reference forces of a batch, and what predicts forces from the networks' gradient.

    Args:
        target: [A, 3] (eV/angstrom), zero where there are none.
        force_mask: [A] 1 for atoms whose forces are known, otherwise 0; None where all are.
        jacobian: The descriptors' Jacobian.
        by_structure: [A] rows of the batch in the order of its structures and their atoms.
        virial: [S, 3, 3] reference virials (eV), NaN where there is none; None without any.
    """

    target: Tensor
    force_mask: Tensor | None
    jacobian: BatchJacobian
    by_structure: Tensor
    virial: Tensor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AtomBatch:
    """S structures flattened to A atoms, ordered by species.

    Args:
        species_counts: T block sizes, summing to A.
        structure: [A] int64, structure of each atom, 0 to S - 1.
        num_atoms: [S] atoms of each structure, in the network's precision.
        energy: [S] energies with the reference energies subtracted (eV).
        descriptors: [A, D].
        forces: Of a data set with forces, or None.
        weight: [S] 0 for structures that only fill the batch up, otherwise 1; None: all are 1.
        loss_weights: [S, 3] factors on what energy, forces and virial of a structure add to the
            losses; None: all are 1.
    """

    species_counts: tuple[int, ...]
    structure: Tensor
    num_atoms: Tensor
    energy: Tensor
    descriptors: Tensor
    forces: BatchForces | None = None
    weight: Tensor | None = None
    loss_weights: Tensor | None = None

    def __len__(self) -> int:
        return len(self.energy)

    def loss_weight(self, column: int) -> Tensor | None:
        """Returns [S] of the ENERGIES, FORCES or VIRIALS, None where all are 1."""
        return None if self.loss_weights is None else self.loss_weights[:, column]

    def sum_by_structure(self, atom_energy: Tensor) -> Tensor:
        """Returns [S], the sums of ``atom_energy`` [A] over each structure."""
        return torch.zeros_like(self.energy).index_add_(0, self.structure, atom_energy)


class BatchSource(Protocol):
    """S structures as a training and an evaluation see them."""

    @property
    def energy(self) -> Tensor:
        """[S] energies to learn (eV)."""

    @property
    def num_atoms(self) -> Tensor:
        """[S] atoms of each structure, in the network's precision."""

    @property
    def device(self) -> torch.device:
        """Where batches live."""

    @property
    def has_forces(self) -> bool:
        """Whether batches have forces."""

    @property
    def placement(self) -> str:
        """Where the data live, in words."""

    def __len__(self) -> int: ...

    def batches(self, size: int, first: int = 0, every: int = 1) -> Iterator[AtomBatch]:
        """Yields the set in order, ``size`` structures at a time; each ``every``-th batch."""

    def batch(self, indices: Ints) -> AtomBatch:
        """Gathers the structures at ``indices`` [S] in that order."""


class PackedData:
    """S structures on one device, stored by species and then by structure.

    Args:
        structures: Must have descriptors.
        targets: [S] energies to learn, reference energies subtracted (float64, eV).
        num_species: T.
        dtype: Precision of the network.
        device: Where the arrays live.
        jacobians: Of the descriptors; with them batches have forces (targets are those of
            ``structures`` where it has any, times ``force_scale``).
        force_scale: Factor on the forces to learn.

    Attributes:
        counts: [T, S] atoms of each species and structure.
        starts: [T, S] the first of their rows.
        atoms: [A] each row's atom in ``structures``.
        offsets: [S + 1] the first atom of each structure in ``structures``.
        forces: [A, 3] to learn, by row; None without Jacobians.
        force_mask: [A] 1 for atoms whose forces are known, otherwise 0; None where all are.
        virial: [S, 3, 3] to learn, NaN where there is none; None without any.
        loss_weights: [S, 3], see :class:`AtomBatch`.
    """

    def __init__(
        self,
        structures: StructureSet,
        targets: NDArray[np.float64],
        num_species: int,
        dtype: torch.dtype,
        device: torch.device,
        jacobians: JacobianSource | None = None,
        force_scale: float = 1.0,
    ) -> None:
        assert structures.descriptors is not None
        self.counts = structures.counts(num_species).T.copy()
        owner = np.repeat(np.arange(len(structures)), structures.num_atoms)
        order = np.lexsort((owner, structures.species))
        ends = np.cumsum(self.counts.ravel()).reshape(self.counts.shape)
        self.starts = ends - self.counts
        self._tiled = np.arange(0)
        # By torch, during whose work other threads go on: a window is packed beside the steps.
        stored = torch.from_numpy(np.ascontiguousarray(structures.descriptors))
        sorted_rows = stored.index_select(0, torch.from_numpy(order))
        self.descriptors = sorted_rows.to(device, dtype)
        self.energy = torch.from_numpy(targets).to(device, dtype)
        self.num_atoms = torch.from_numpy(structures.num_atoms).to(device, dtype)
        self.device = device
        self.jacobians = jacobians
        self.atoms = order
        self.offsets = structures.offsets
        self.forces: Tensor | None = None
        self.force_mask: Tensor | None = None
        if jacobians is not None:
            forces = structures.forces_or_nan[order]
            known = ~np.isnan(forces).any(axis=1)
            self.forces = torch.from_numpy(np.nan_to_num(forces) * force_scale).to(device, dtype)
            if not known.all():
                self.force_mask = torch.from_numpy(known).to(device, dtype)
        self.virial: Tensor | None = None
        if structures.virial is not None:
            self.virial = torch.from_numpy(structures.virial * force_scale).to(device, dtype)
        self.loss_weights: Tensor | None = None
        if structures.weights is not None:
            self.loss_weights = torch.from_numpy(structures.weights).to(device, dtype)

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def has_forces(self) -> bool:
        """Whether batches have forces."""
        return self.jacobians is not None

    @property
    def num_bytes(self) -> int:
        """Size of the arrays on the device."""
        own = self.descriptors.numel() * self.descriptors.element_size()
        return own + (self.jacobians.num_bytes if self.jacobians is not None else 0)

    @property
    def placement(self) -> str:
        """Where the data live, in words."""
        return f"{self.num_bytes / 1e6:.1f} MB on {self.device}"

    def batches(self, size: int, first: int = 0, every: int = 1) -> Iterator[AtomBatch]:
        """Yields the set in order, ``size`` structures at a time; each ``every``-th batch."""
        if 0 < len(self) <= size and self.jacobians is None:
            if first == 0:
                yield self._whole
            return
        for start in range(first * size, len(self), every * size):
            yield self.batch(np.arange(start, min(start + size, len(self))))

    def batch(self, indices: Ints) -> AtomBatch:
        """Gathers the structures at ``indices`` [S] in that order."""
        counts = self.counts[:, indices]
        flat = counts.ravel()
        ends = np.cumsum(flat)
        rows = np.arange(ends[-1])
        rows += np.repeat(self.starts[:, indices].ravel() - (ends - flat), flat)
        structure = np.repeat(self._numbers(len(indices)), flat)
        chosen = torch.from_numpy(indices).to(self.device)
        places = torch.from_numpy(rows).to(self.device)
        return AtomBatch(
            species_counts=tuple(counts.sum(axis=1).tolist()),
            structure=torch.from_numpy(structure).to(self.device),
            num_atoms=self.num_atoms.index_select(0, chosen),
            energy=self.energy.index_select(0, chosen),
            descriptors=self.descriptors.index_select(0, places),
            forces=self._batch_forces(indices, rows, structure, chosen, places),
            loss_weights=(
                None if self.loss_weights is None else self.loss_weights.index_select(0, chosen)
            ),
        )

    @cached_property
    def _whole(self) -> AtomBatch:
        """All structures in order, which is that of the rows: nothing is gathered."""
        structure = np.repeat(self._numbers(len(self)), self.counts.ravel())
        return AtomBatch(
            species_counts=tuple(self.counts.sum(axis=1).tolist()),
            structure=torch.from_numpy(structure).to(self.device),
            num_atoms=self.num_atoms,
            energy=self.energy,
            descriptors=self.descriptors,
            loss_weights=self.loss_weights,
        )

    def _numbers(self, size: int) -> Ints:
        """Returns [T S] the numbers of a batch's S structures, once for each species."""
        if len(self._tiled) != size * len(self.counts):
            self._tiled = np.tile(np.arange(size), len(self.counts))
        return self._tiled

    def _batch_forces(
        self, indices: Ints, rows: Ints, owner: Ints, chosen: Tensor, places: Tensor
    ) -> BatchForces | None:
        if self.jacobians is None or self.forces is None:
            return None
        atoms = BatchAtoms.of(indices, self.atoms[rows], owner)
        return BatchForces(
            target=self.forces.index_select(0, places),
            force_mask=None if self.force_mask is None else self.force_mask.index_select(0, places),
            jacobian=self.jacobians.batch(atoms),
            by_structure=torch.from_numpy(atoms.by_structure).to(self.device),
            virial=None if self.virial is None else self.virial.index_select(0, chosen),
        )
