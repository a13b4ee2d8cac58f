"""Errors accumulated on the device, read back only when they are reported.

Names of metrics stand here and nowhere else: those of the trackers and the columns of metrics.dat.
"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

ENERGY_MAE = "energy_mae"
ENERGY_RMSE = "energy_rmse"
LOSS = "loss"
ENERGY_LOSS = "energy_loss"
PENALTY = "penalty"

# PANNA's columns of metrics.dat; energies per atom in eV/atom.
COLUMNS = {
    ENERGY_MAE: "MAE/at",
    ENERGY_RMSE: "RMSE/at",
    LOSS: "loss",
    ENERGY_LOSS: "e_loss",
    PENALTY: "reg_loss",
}
CHOICES = {"MAE": (ENERGY_MAE,), "RMSE": (ENERGY_RMSE,), "loss": (LOSS, ENERGY_LOSS, PENALTY)}

_SIZE = 6  # sums of: loss, penalty, |dE|/N, (dE/N)^2, structures, steps


class Totals:
    """Sums over steps, float64 on the device."""

    def __init__(self, device: torch.device) -> None:
        self.sums = torch.zeros(_SIZE, dtype=torch.float64, device=device)

    def add(
        self, delta: Tensor, num_atoms: Tensor, energy_loss: Tensor, penalty: Tensor | None
    ) -> None:
        """Adds one batch: energy errors [S] (eV), atom counts [S], and its losses."""
        per_atom = delta / num_atoms
        zero = energy_loss.new_zeros(()) if penalty is None else penalty
        one = torch.ones_like(energy_loss)
        parts = (energy_loss, zero, per_atom.abs().sum(), per_atom.square().sum())
        self.sums += torch.stack([*parts, one * len(delta), one])

    def absorb(self, other: "Totals") -> None:
        """Adds another's sums to these and empties the other."""
        self.sums += other.sums
        other.sums.zero_()

    def read(self, rescale: float = 1.0) -> dict[str, float]:
        """Returns means over steps (losses) and structures (errors, eV/atom); asks the device."""
        loss, penalty, absolute, square, structures, steps = self.sums.tolist()
        if not steps:
            return {}
        return {
            LOSS: (loss + penalty) / steps,
            ENERGY_LOSS: loss / steps,
            PENALTY: penalty / steps,
            ENERGY_MAE: absolute / structures / rescale,
            ENERGY_RMSE: (square / structures) ** 0.5 / rescale,
        }


def columns(chosen: Sequence[str], with_validation: bool) -> list[str]:
    """Returns the header of metrics.dat after ``epoch``: capitals first, as PANNA's writer does."""
    names = [COLUMNS[metric] for choice in chosen for metric in CHOICES[choice]] + ["tot_st"]
    if with_validation:
        names += [f"val_{COLUMNS[metric]}" for choice in chosen for metric in CHOICES[choice]]
    return sorted(set(names))


def row(train: Mapping[str, float], validation: Mapping[str, float], step: int) -> dict[str, float]:
    """Returns an epoch's values by column name."""
    values: dict[str, float] = {COLUMNS[metric]: value for metric, value in train.items()}
    values |= {f"val_{COLUMNS[metric]}": value for metric, value in validation.items()}
    return values | {"tot_st": step}
