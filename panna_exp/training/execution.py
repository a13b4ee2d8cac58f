"""How the steps of a training are made of its data: the loop knows only structure numbers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

from torch import Tensor

from panna_exp.data.batch import BatchSource
from panna_exp.data.structures import Ints
from panna_exp.training.metrics import Totals
from panna_exp.training.step import TrainStep


class Steps(Protocol):
    """Makes optimisation steps."""

    @property
    def together(self) -> int:
        """How many steps a call may make, so that it does not take long."""

    def __call__(
        self, batches: Sequence[Ints], rates: Sequence[float], index: int, fraction: float
    ) -> Tensor:
        """Makes a step with the structures of each batch; see ``TrainStep``.

        Args:
            batches: Structures of each step.
            rates: Learning rate of each step.
            index: Of the first step in the training.
            fraction: Of batches that several processes share.

        Returns:
            [S] the errors of the last batch's energies (eV), to be used before the next call.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class DirectSteps:
    """One step after the other: what other ways of making them have to reproduce.

    Args:
        step: The definition.
        data: Where batches come from.
        totals: Sums of errors.
    """

    step: TrainStep
    data: BatchSource
    totals: Totals

    together: ClassVar[int] = 1

    def __call__(
        self, batches: Sequence[Ints], rates: Sequence[float], index: int, fraction: float
    ) -> Tensor:
        """Makes the step of one batch."""
        (indices,), (rate,) = batches, rates
        return self.step(self.data.batch(indices), rate, self.totals, index, fraction)
