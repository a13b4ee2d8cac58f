"""One optimisation step, and the evaluation of a batch.

The step is the definition that any faster execution has to reproduce.
"""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.data.batch import ENERGIES, FORCES, VIRIALS, AtomBatch, BatchForces
from panna_exp.model.engine import AnyEngine, ForwardCache
from panna_exp.model.networks import SpeciesNetworks
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
    """Forward, loss, backward and update for one batch.

    Args:
        engine: Makes the networks' passes.
        exact: The same in full precision, for validation; ``engine`` itself where that is.
        parameters: Of the networks.
        optimizer: Updates them.
        loss: Of energies.
        penalty: On the parameters.
        force_loss: Where forces are learnt.
        masks: Of pruned weights.
        average: Of the parameters.
        processes: That share each batch.
    """

    engine: AnyEngine
    exact: AnyEngine
    parameters: FlatParameters
    optimizer: Adam
    loss: EnergyLoss
    penalty: Penalty | None
    force_loss: ForceLoss | None = None
    masks: Masks | None = None
    average: MovingAverage | None = None
    processes: Processes = ALONE

    @property
    def networks(self) -> SpeciesNetworks:
        """What is trained."""
        return self.engine.networks

    def __call__(
        self,
        batch: AtomBatch,
        learning_rate: float,
        totals: Totals,
        index: int = 0,
        fraction: float = 1.0,
    ) -> Tensor:
        """Updates the networks and adds the step's errors, taken before the update, to totals.

        Args:
            batch: With forces where there is a force loss.
            learning_rate: Of this step.
            totals: Sums of errors.
            index: Of the step in the training, for choices that change with it.
            fraction: Of a batch that several processes share: this part of its structures.

        Returns:
            [S] those errors of the batch's energies, prediction less target (eV).
        """
        delta = self.differentiate(batch, totals, index, fraction)
        totals.count(len(delta))
        self._update(learning_rate)
        return delta

    def differentiate(
        self, batch: AtomBatch, totals: Totals, index: int, fraction: float | Tensor
    ) -> Tensor:
        """Sets the gradients and adds the errors to totals, but for the number of structures.

        Work of the device alone where ``fraction`` is a tensor. Arguments, return: as of the call.
        """
        delta, energy_loss = self._differentiate(batch, totals, index, fraction)
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

    def restart(self, values: Tensor) -> None:
        """Starts again from other parameters [P], with nothing remembered of the earlier ones."""
        self.parameters.values.copy_(values)
        self.optimizer.forget()
        if self.average is not None:
            self.average.values.copy_(values)

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
        self, batch: AtomBatch, totals: Totals, index: int, fraction: float | Tensor
    ) -> tuple[Tensor, Tensor]:
        """Sets the gradients of the losses; returns the energies' errors [S] and their loss."""
        cache = self.engine.forward(batch.descriptors, batch.species_counts)
        delta = batch.sum_by_structure(cache.atom_energy) - batch.energy
        if batch.weight is not None:
            delta = delta * batch.weight
        energy_loss, gradient = self.loss.value_and_gradient(
            delta, batch.num_atoms, batch.loss_weight(ENERGIES)
        )
        if self.loss.is_mean and (isinstance(fraction, Tensor) or fraction != 1.0):
            energy_loss, gradient = energy_loss * fraction, gradient * fraction
        by_atom = gradient.index_select(0, batch.structure)
        direction = None
        if self.force_loss is not None and batch.forces is not None:
            direction = self._direction(
                self.force_loss, batch, batch.forces, cache, totals, index, fraction
            )
        self.engine.backward(cache, by_atom, direction)
        return delta, energy_loss

    @torch.no_grad()
    def _direction(
        self,
        loss: ForceLoss,
        batch: AtomBatch,
        forces: BatchForces,
        cache: ForwardCache,
        totals: Totals,
        index: int,
        fraction: float | Tensor,
    ) -> Tensor:
        """Returns the direction [A, D] whose product with dE/dG has the force loss's gradient."""
        cost = loss.cost * fraction if loss.is_mean else loss.cost
        by_input = self.engine.input_gradient(cache)
        virial_cost = loss.settings.virial_cost * fraction
        if loss.settings.virial_cost > 0 and forces.virial is not None:
            gradient, strain = forces.jacobian.vjp_with_strain(by_input)
            virial_value, by_strain = virial_loss(
                strain, forces.virial, batch.num_atoms, batch.loss_weight(VIRIALS)
            )
            totals.add_virials(strain + forces.virial, batch.num_atoms, virial_value * virial_cost)
        else:
            gradient, by_strain = forces.jacobian.vjp(by_input), None
        delta = gradient.neg_().sub_(forces.target)
        weights, mask = batch.loss_weight(FORCES), forces.force_mask
        value, by_force = loss(delta, batch.structure, batch.num_atoms, mask, weights, index)
        totals.add_forces(delta, mask, value * cost)
        if by_strain is None:
            return forces.jacobian.jvp(by_force).mul_(-cost)
        return forces.jacobian.jvp(by_force * -cost, by_strain * virial_cost)
