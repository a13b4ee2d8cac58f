"""An exponential moving average of the weights, which validates better than the last ones."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import Tensor

from panna_exp.training.flat import FlatParameters


class MovingAverage:
    """Averages of all trainable parameters.

    After update n: average += (1 - d) (value - average) with d = min(decay, (1 + n) / (10 + n)),
    by which the first values are forgotten soon.

    Args:
        parameters: What is averaged; the average starts from their present values.
        decay: The larger, the longer the memory; it is 1 / (1 - decay) updates long.
    """

    def __init__(self, parameters: FlatParameters, decay: float) -> None:
        self._parameters = parameters
        self._decay = decay
        self.values = parameters.values.clone()

    def update(self, updates: int) -> None:
        """Takes in the parameters after an update, ``updates`` made in all."""
        self.values.lerp_(self._parameters.values, self.weight(updates))

    def weight(self, updates: int) -> float:
        """Returns 1 - d of an update."""
        return 1 - min(self._decay, (1 + updates) / (10 + updates))

    def replay(self, weight: Tensor) -> None:
        """Takes in the parameters with a :meth:`weight` that is a scalar on the device."""
        self.values.lerp_(self._parameters.values, weight.to(self.values.dtype))

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within, the networks have the averages as their weights."""
        kept = self._parameters.values.clone()
        self._parameters.values.copy_(self.values)
        try:
            yield
        finally:
            self._parameters.values.copy_(kept)
