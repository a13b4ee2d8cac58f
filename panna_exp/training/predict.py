"""Predictions of a whole data set, batch by batch."""

from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, BatchSource
from panna_exp.model.engine import AnyEngine
from panna_exp.model.networks import SpeciesNetworks


@torch.no_grad()
def predict(networks: SpeciesNetworks, batch: AtomBatch) -> Tensor:
    """Returns energies [S] (eV), reference energies not included."""
    return batch.sum_by_structure(networks(batch.descriptors, batch.species_counts))


def predict_all(networks: SpeciesNetworks, data: BatchSource, batch_size: int = 1000) -> Tensor:
    """Returns the energies [S] of a whole data set, ``batch_size`` structures at a time."""
    return torch.cat([predict(networks, batch) for batch in data.batches(batch_size)])


@dataclass(frozen=True, slots=True)
class Predicted:
    """What networks say of some structures.

    Args:
        energy: [S] (eV), reference energies not included.
        forces: [A, 3] (eV/angstrom); None without Jacobians.
        strain: [S, 3, 3] derivative of the energy by strain (eV); None unless asked for.
    """

    energy: Tensor
    forces: Tensor | None
    strain: Tensor | None = None


@torch.no_grad()
def predict_forces(engine: AnyEngine, batch: AtomBatch, strain: bool = False) -> Predicted:
    """Returns energies and, where the batch has Jacobians, forces in the order of its rows."""
    if batch.forces is None:
        return Predicted(predict(engine.networks, batch), None)
    cache = engine.forward(batch.descriptors, batch.species_counts)
    by_input = engine.input_gradient(cache)
    energy = batch.sum_by_structure(cache.atom_energy)
    if strain:
        gradient, by_strain = batch.forces.jacobian.vjp_with_strain(by_input)
        return Predicted(energy, gradient.neg_(), by_strain)
    return Predicted(energy, batch.forces.jacobian.vjp(by_input).neg_())


def predict_all_forces(
    engine: AnyEngine, data: BatchSource, batch_size: int = 100, strain: bool = False
) -> Predicted:
    """Returns energies and forces of a whole data set, atoms in its order."""
    if not data.has_forces:
        return Predicted(predict_all(engine.networks, data, batch_size), None)
    energies, forces, strains = [], [], []
    for batch in data.batches(batch_size):
        predicted = predict_forces(engine, batch, strain)
        assert predicted.forces is not None
        assert batch.forces is not None
        energies.append(predicted.energy)
        # A batch's rows are sorted by species; the data set's atoms by structure.
        forces.append(predicted.forces.index_select(0, batch.forces.by_structure))
        if predicted.strain is not None:
            strains.append(predicted.strain)
    return Predicted(
        torch.cat(energies), torch.cat(forces), torch.cat(strains) if strains else None
    )
