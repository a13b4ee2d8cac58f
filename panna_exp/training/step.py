"""One optimisation step, and the evaluation of a batch.

The step is the definition that any faster execution has to reproduce.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, PackedData
from panna_exp.model.gradients import backward, forward
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.training.flat import FlatParameters
from panna_exp.training.loss import EnergyLoss, Penalty
from panna_exp.training.masks import Masks
from panna_exp.training.metrics import Totals
from panna_exp.training.optimizer import Adam


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """Forward, loss, backward and update for one batch."""

    networks: SpeciesNetworks
    parameters: FlatParameters
    optimizer: Adam
    loss: EnergyLoss
    penalty: Penalty | None
    masks: Masks | None = None

    def __call__(self, batch: AtomBatch, learning_rate: float, totals: Totals) -> Tensor:
        """Updates the networks and adds the step's errors, taken before the update, to totals.

        Returns:
            [S] those errors of the batch's energies, prediction less target (eV).
        """
        passed = forward(self.networks, batch.descriptors, batch.species_counts)
        delta = (batch.sum_by_structure(passed.atom_energy) - batch.energy).requires_grad_()
        energy_loss = self.loss(delta, batch.num_atoms)
        (slope,) = torch.autograd.grad(energy_loss, delta)
        self.parameters.gradients.zero_()
        atom_slope = slope.index_select(0, batch.structure)
        backward(self.networks, passed, atom_slope, batch.species_counts)
        penalty = None
        if self.penalty is not None:
            penalty = self.penalty.value()
            self.penalty.add_gradient()
        delta = delta.detach()
        totals.add(delta, batch.num_atoms, energy_loss.detach(), penalty)
        self.optimizer.step(learning_rate)
        if self.masks is not None:
            self.masks.apply()
        return delta


@torch.no_grad()
def predict(networks: SpeciesNetworks, batch: AtomBatch) -> Tensor:
    """Returns energies [S] (eV), reference energies not included."""
    return batch.sum_by_structure(networks(batch.descriptors, batch.species_counts))


def predict_all(networks: SpeciesNetworks, data: PackedData, batch_size: int = 1000) -> Tensor:
    """Returns the energies [S] of a whole data set, ``batch_size`` structures at a time."""
    return torch.cat([predict(networks, batch) for batch in data.batches(batch_size)])
