"""How the steps of a training are made of its data: the loop knows only structure numbers."""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from panna_exp.data.batch import BatchSource
from panna_exp.data.structures import Ints
from panna_exp.training.metrics import Totals
from panna_exp.training.step import TrainStep


class Steps(Protocol):
    """Makes optimisation steps."""

    def __call__(self, indices: Ints, learning_rate: float, index: int, fraction: float) -> Tensor:
        """Makes one with the structures at ``indices``; see ``TrainStep``.

        Returns:
            [S] the errors of their energies (eV), to be used before the next step is made.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectSteps:
    """One batch after the other: what recorded steps have to reproduce.

    Args:
        step: The definition.
        data: Where batches come from.
        totals: Sums of errors.
    """

    step: TrainStep
    data: BatchSource
    totals: Totals

    def __call__(self, indices: Ints, learning_rate: float, index: int, fraction: float) -> Tensor:
        """Makes a step."""
        batch = self.data.batch(indices)
        return self.step(batch, learning_rate, self.totals, index, fraction)
