"""Errors of the networks on a whole data set, with the losses that a training uses."""

from itertools import count

import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, BatchSource
from panna_exp.training.force_loss import virial_loss
from panna_exp.training.metrics import Totals
from panna_exp.training.predict import predict, predict_forces
from panna_exp.training.step import TrainStep

_STRUCTURES, _STRUCTURES_WITHOUT_FORCES = 100, 1000


def validate(step: TrainStep, data: BatchSource) -> Totals:
    """Returns the errors of ``data``; its losses are those of one batch of everything.

    Several processes take some of the data each, and know the same in the end.
    """
    totals = Totals(data.device)
    forces = step.force_loss is not None and data.has_forces
    size = _STRUCTURES if forces else _STRUCTURES_WITHOUT_FORCES
    energy = torch.zeros_like(data.energy)
    processes = step.processes
    for index, batch in zip(
        count(processes.rank, processes.size),
        data.batches(size, processes.rank, processes.size),
        strict=False,
    ):
        found = (
            _with_forces(step, batch, len(batch) / len(data), totals)
            if forces
            else predict(step.networks, batch)
        )
        energy[index * size : index * size + len(batch)] = found
    processes.sum_(energy)
    processes.sum_(totals.sums)
    delta = energy - data.energy
    totals.add(
        delta,
        data.num_atoms,
        step.loss(delta, data.num_atoms),
        None if step.penalty is None else step.penalty.value(),
    )
    return totals


@torch.no_grad()
def _with_forces(step: TrainStep, batch: AtomBatch, part: float, totals: Totals) -> Tensor:
    """Adds the force errors of a batch that is ``part`` of the data; returns the energies [S]."""
    assert step.force_loss is not None
    loss = step.force_loss.of_all_components()
    forces = batch.forces
    assert forces is not None
    strain = loss.settings.virial_cost > 0 and forces.virial is not None
    predicted = predict_forces(step.exact, batch, strain)
    assert predicted.forces is not None
    delta = predicted.forces - forces.target
    value, _ = loss(delta, batch.structure, batch.num_atoms, forces.force_mask)
    fraction = part if loss.is_mean else 1.0
    if predicted.strain is not None and forces.virial is not None:
        value_of_virials, _ = virial_loss(predicted.strain, forces.virial, batch.num_atoms)
        cost = loss.settings.virial_cost * part
        totals.add_virials(
            predicted.strain + forces.virial, batch.num_atoms, value_of_virials * cost
        )
    totals.add_forces(delta, forces.force_mask, value * (loss.cost * fraction))
    return predicted.energy
