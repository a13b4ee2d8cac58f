"""Errors accumulated on the device, read back only when they are reported.

Their names are those of :mod:`panna_exp.quantities`.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from panna_exp.quantities import QUANTITIES
from panna_exp.training.processes import Processes

ENERGY_MAE = "energy_mae"
ENERGY_RMSE = "energy_rmse"
LOSS = "loss"
ENERGY_LOSS = "energy_loss"
PENALTY = "penalty"
FORCE_MAE = "force_mae"
FORCE_RMSE = "force_rmse"
FORCE_LOSS = "force_loss"
VIRIAL_MAE = "virial_mae"
VIRIAL_LOSS = "virial_loss"

# PANNA's columns of metrics.dat; energies per atom in eV/atom, forces in eV/A per
# component. The losses add up to the total: the force loss includes training.forces_cost.
COLUMNS = {item.name: item.column for item in QUANTITIES.values() if item.column}
CHOICES = {"MAE": (ENERGY_MAE,), "RMSE": (ENERGY_RMSE,), "loss": (LOSS, ENERGY_LOSS, PENALTY)}
VIRIAL_CHOICES: dict[str, tuple[str, ...]] = {"MAE": (VIRIAL_MAE,), "loss": (VIRIAL_LOSS,)}
FORCE_CHOICES = {"MAE": (FORCE_MAE,), "RMSE": (FORCE_RMSE,), "loss": (FORCE_LOSS,)}

# Sums of: loss, penalty, |dE|/N, (dE/N)^2, structures, steps.
_ENERGY_COUNTS, _ENERGY_SUMS = 4, 6
# Sums of: force loss, |dF|, dF^2, components.
_FORCE_SUMS = 4
# Sums of: virial loss, |dW|/N, components.
_VIRIAL_SUMS = 3
# Penalty and steps, which all processes of a training count alike.
_ONCE = [1, 5]
_FORCES = slice(_ENERGY_SUMS, _ENERGY_SUMS + _FORCE_SUMS)
_VIRIALS = slice(_FORCES.stop, _FORCES.stop + _VIRIAL_SUMS)


class Totals:
    """Sums over steps, float64 on the device."""

    def __init__(self, device: torch.device) -> None:
        self._sums = torch.zeros(_VIRIALS.stop, dtype=torch.float64, device=device)
        self._means = self._sums[:_ENERGY_COUNTS]
        self._zero = torch.zeros((), device=device)
        # Counted here, since every operation on the device costs as much as a line of this.
        self._counts = [0, 0]

    @property
    def sums(self) -> Tensor:
        """All of them, in one array that may be changed."""
        if self._counts[1]:
            counts = torch.tensor(self._counts, dtype=torch.float64, device=self._sums.device)
            self._sums[_ENERGY_COUNTS:_ENERGY_SUMS] += counts
            self._counts = [0, 0]
        return self._sums

    def add(
        self, delta: Tensor, num_atoms: Tensor, energy_loss: Tensor, penalty: Tensor | None
    ) -> None:
        """Adds one batch: energy errors [S] (eV), atom counts [S], and its losses."""
        self.add_means(delta, num_atoms, energy_loss, penalty)
        self.count(len(delta))

    def count(self, structures: int) -> None:
        """Counts a step with so many structures."""
        self._counts[0] += structures
        self._counts[1] += 1

    def add_means(
        self, delta: Tensor, num_atoms: Tensor, energy_loss: Tensor, penalty: Tensor | None
    ) -> None:
        """Adds a batch as :meth:`add` does, without counting it: work of the device alone."""
        per_atom = delta / num_atoms
        if penalty is None:
            penalty = self._zero.to(energy_loss.dtype)
        absolute = torch.linalg.vector_norm(per_atom, 1)
        self._means += torch.stack([energy_loss, penalty, absolute, torch.dot(per_atom, per_atom)])

    def add_forces(self, delta: Tensor, mask: Tensor | None, loss: Tensor) -> None:
        """Adds one batch's force errors [A, 3] (eV/angstrom), 1 or 0 per atom [A], and its loss."""
        if mask is not None:
            delta = delta * mask[:, None]
        count = torch.full_like(loss, 3 * len(delta)) if mask is None else 3 * mask.sum()
        self._sums[_FORCES] += torch.stack([loss, delta.abs().sum(), delta.square().sum(), count])

    def add_virials(self, delta: Tensor, num_atoms: Tensor, loss: Tensor) -> None:
        """Adds one batch's virial errors [S, 3, 3] (eV), NaN where unknown, and its loss."""
        known = torch.isfinite(delta)
        per_atom = torch.where(known, delta, 0).abs() / num_atoms[:, None, None]
        self._sums[_VIRIALS] += torch.stack([loss, per_atom.sum(), known.sum().to(loss.dtype)])

    def collect(self, processes: Processes) -> None:
        """Moves what all processes counted of the same steps to the first of them."""
        if processes.size == 1:
            return
        self.sum_over(processes)
        if processes.rank:
            self.sums.zero_()

    def sum_over(self, processes: Processes) -> None:
        """Makes these the sums of all processes, in each of them."""
        if processes.rank:
            self.sums[_ONCE] = 0.0
        processes.sum_(self.sums)

    def absorb(self, other: "Totals") -> None:
        """Adds another's sums to these and empties the other."""
        self.sums.add_(other.sums)
        other.sums.zero_()

    def read(self, rescale: float = 1.0) -> dict[str, float]:
        """Returns means over steps (losses) and structures (errors, eV/atom); asks the device."""
        loss, penalty, absolute, square, structures, steps = self.sums[:_ENERGY_SUMS].tolist()
        force_loss, force_absolute, force_square, components = self.sums[_FORCES].tolist()
        virial_loss, virial_absolute, virials = self.sums[_VIRIALS].tolist()
        if not steps:
            return {}
        forces = {}
        if components:
            forces = {
                FORCE_LOSS: force_loss / steps,
                FORCE_MAE: force_absolute / components / rescale,
                FORCE_RMSE: (force_square / components) ** 0.5 / rescale,
            }
        if virials:
            forces |= {
                VIRIAL_LOSS: virial_loss / steps,
                VIRIAL_MAE: virial_absolute / virials / rescale,
            }
        return {
            LOSS: (loss + force_loss + virial_loss + penalty) / steps,
            ENERGY_LOSS: loss / steps,
            PENALTY: penalty / steps,
            ENERGY_MAE: absolute / structures / rescale,
            ENERGY_RMSE: (square / structures) ** 0.5 / rescale,
            **forces,
        }


def columns(
    chosen: Sequence[str],
    with_validation: bool,
    with_forces: bool = False,
    with_virials: bool = False,
) -> list[str]:
    """Returns the header of metrics.dat after ``epoch``: capitals first, as PANNA's writer does."""
    metrics = [metric for choice in chosen for metric in CHOICES[choice]]
    if with_forces:
        metrics += [metric for choice in chosen for metric in FORCE_CHOICES[choice]]
    if with_virials:
        metrics += [m for choice in chosen for m in VIRIAL_CHOICES.get(choice, ())]
    names = [COLUMNS[metric] for metric in metrics] + ["tot_st"]
    if with_validation:
        names += [f"val_{COLUMNS[metric]}" for metric in metrics]
    return sorted(set(names))


def row(train: Mapping[str, float], validation: Mapping[str, float], step: int) -> dict[str, float]:
    """Returns an epoch's values by column name."""
    values: dict[str, float] = {COLUMNS[metric]: value for metric, value in train.items()}
    values |= {f"val_{COLUMNS[metric]}": value for metric, value in validation.items()}
    return values | {"tot_st": step}
