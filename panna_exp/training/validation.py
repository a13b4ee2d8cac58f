"""Errors of the networks on a whole data set, with the losses that a training uses."""

import torch
from torch import Tensor

from panna_exp.data.batch import BatchSource
from panna_exp.training.force_loss import virial_loss
from panna_exp.training.metrics import Totals
from panna_exp.training.predict import predict_all, predict_forces
from panna_exp.training.step import TrainStep

_STRUCTURES = 100


def validate(step: TrainStep, data: BatchSource) -> Totals:
    """Returns the errors of ``data``; its losses are those of one batch of everything."""
    totals = Totals(data.device)
    forces = step.force_loss is not None and data.has_forces
    energy = _with_forces(step, data, totals) if forces else predict_all(step.networks, data)
    delta = energy - data.energy
    totals.add(
        delta,
        data.num_atoms,
        step.loss(delta, data.num_atoms),
        None if step.penalty is None else step.penalty.value(),
    )
    return totals


@torch.no_grad()
def _with_forces(step: TrainStep, data: BatchSource, totals: Totals) -> Tensor:
    """Adds the force errors, some structures at a time; returns the energies [S]."""
    assert step.force_loss is not None
    loss = step.force_loss.of_all_components()
    energies = []
    for batch in data.batches(_STRUCTURES):
        virial = None if batch.forces is None else batch.forces.virial
        strain = loss.settings.virial_cost > 0 and virial is not None
        predicted = predict_forces(step.networks, batch, strain)
        energies.append(predicted.energy)
        forces = batch.forces
        assert predicted.forces is not None
        assert forces is not None
        delta = predicted.forces - forces.target
        value, _ = loss(delta, batch.structure, batch.num_atoms, forces.known)
        share = len(batch) / len(data) if loss.is_mean else 1.0
        if predicted.strain is not None and virial is not None:
            value_of_virials, _ = virial_loss(predicted.strain, virial, batch.num_atoms)
            cost = loss.settings.virial_cost * len(batch) / len(data)
            totals.add_virials(predicted.strain + virial, batch.num_atoms, value_of_virials * cost)
        totals.add_forces(delta, forces.known_atoms(batch.structure), value * (loss.cost * share))
    return torch.cat(energies)
