"""One optimisation step, and the evaluation of a batch.

The step is the definition that any faster execution has to reproduce.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.data.batch import ENERGIES, FORCES, VIRIALS, AtomBatch, BatchForces
from panna_exp.model.force_gradients import backward_with_direction, input_gradient
from panna_exp.model.gradients import AnyPass, backward, forward
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import LoopPass
from panna_exp.model.uniform import UniformPass
from panna_exp.training.average import MovingAverage
from panna_exp.training.flat import FlatParameters
from panna_exp.training.force_loss import ForceLoss, virial_loss
from panna_exp.training.loss import EnergyLoss, Penalty
from panna_exp.training.masks import Masks
from panna_exp.training.metrics import Totals
from panna_exp.training.optimizer import Adam
from panna_exp.training.processes import ALONE, Processes


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainStep:
    """Forward, loss, backward and update for one batch."""

    networks: SpeciesNetworks
    parameters: FlatParameters
    optimizer: Adam
    loss: EnergyLoss
    penalty: Penalty | None
    force_loss: ForceLoss | None = None
    masks: Masks | None = None
    average: MovingAverage | None = None
    processes: Processes = ALONE

    def __call__(
        self,
        batch: AtomBatch,
        learning_rate: float,
        totals: Totals,
        number: int = 0,
        share: float = 1.0,
    ) -> Tensor:
        """Updates the networks and adds the step's errors, taken before the update, to totals.

        Args:
            batch: With forces where there is a force loss.
            learning_rate: Of this step.
            totals: Sums of errors.
            number: Of the step in the training, for choices that change with it.
            share: Of a batch that several processes share: this part of its structures.

        Returns:
            [S] those errors of the batch's energies, prediction less target (eV).
        """
        delta = self.differentiate(batch, totals, number, share)
        totals.count(len(delta))
        self._update(learning_rate)
        return delta

    def differentiate(
        self, batch: AtomBatch, totals: Totals, number: int, share: float | Tensor
    ) -> Tensor:
        """Sets the gradients and adds the errors to totals, but for the number of structures.

        Work of the device alone where ``share`` is a tensor. Arguments and return as of the call.
        """
        delta, energy_loss = self._differentiate(batch, totals, number, share)
        self.processes.sum_(self.parameters.gradients)
        penalty = None
        if self.penalty is not None:
            penalty = self.penalty.value()
            self.penalty.add_gradient()
        totals.add_means(delta, batch.num_atoms, energy_loss, penalty)
        return delta

    def without_structures(self, learning_rate: float) -> None:
        """Makes the update of a batch whose structures are all with other processes."""
        self.parameters.gradients.zero_()
        self.processes.sum_(self.parameters.gradients)
        if self.penalty is not None:
            self.penalty.add_gradient()
        self._update(learning_rate)

    def averaged(self) -> AbstractContextManager[None]:
        """Within, the networks have the weights that are evaluated: averages, if there are any."""
        return nullcontext() if self.average is None else self.average.in_use()

    def _update(self, learning_rate: float) -> None:
        self.optimizer.step(learning_rate)
        if self.masks is not None:
            self.masks.apply()
        if self.average is not None:
            self.average.update(self.optimizer.updates)

    def _differentiate(
        self, batch: AtomBatch, totals: Totals, number: int, share: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sets the gradients of the losses; returns the energies' errors [S] and their loss."""
        passed = forward(self.networks, batch.descriptors, batch.species_counts)
        delta = batch.sum_by_structure(passed.atom_energy) - batch.energy
        if batch.weight is not None:
            delta = delta * batch.weight
        energy_loss, slope = self.loss.with_slope(
            delta, batch.num_atoms, batch.loss_weight(ENERGIES)
        )
        if self.loss.is_mean and (isinstance(share, Tensor) or share != 1.0):
            energy_loss, slope = energy_loss * share, slope * share
        if not _writes_all(passed, batch.species_counts):
            self.parameters.gradients.zero_()
        atom_slope = slope.index_select(0, batch.structure)
        if self.force_loss is None or batch.forces is None:
            backward(self.networks, passed, atom_slope, batch.species_counts)
        else:
            self._with_forces(
                self.force_loss, batch, batch.forces, passed, atom_slope, totals, number, share
            )
        return delta, energy_loss

    @torch.no_grad()
    def _with_forces(
        self,
        loss: ForceLoss,
        batch: AtomBatch,
        forces: BatchForces,
        passed: AnyPass,
        atom_slope: Tensor,
        totals: Totals,
        number: int,
        share: float | Tensor,
    ) -> None:
        """Sets the gradients of energy and force loss; nothing is differentiated twice."""
        cost = loss.cost * share if loss.is_mean else loss.cost
        slopes = input_gradient(self.networks, passed, batch.species_counts)
        virial_cost = loss.settings.virial_cost * share
        if loss.settings.virial_cost > 0 and forces.virial is not None:
            pulled, strain = forces.jacobian.pull_with_strain(slopes.values)
            virial_value, by_strain = virial_loss(
                strain, forces.virial, batch.num_atoms, batch.loss_weight(VIRIALS)
            )
            totals.add_virials(strain + forces.virial, batch.num_atoms, virial_value * virial_cost)
        else:
            pulled, by_strain = forces.jacobian.pull(slopes.values), None
        delta = pulled.neg_().sub_(forces.target)
        weights = forces.weighted(batch.loss_weight(FORCES))
        value, by_force = loss(delta, batch.structure, batch.num_atoms, weights, number)
        totals.add_forces(delta, forces.known_atoms(batch.structure), value * cost)
        if by_strain is None:
            direction = forces.jacobian.push(by_force).mul_(-cost)
        else:
            direction = forces.jacobian.push(by_force * -cost, by_strain * virial_cost)
        backward_with_direction(
            self.networks, passed, slopes, atom_slope, direction, batch.species_counts
        )


def _writes_all(passed: AnyPass, species_counts: tuple[int, ...]) -> bool:
    """Whether the way back sets every gradient, those of absent species too."""
    if isinstance(passed, UniformPass):
        return 0 not in species_counts
    return isinstance(passed, LoopPass)
