"""Pruned weights: zero from the first step on, whatever gradients, moments and penalties do."""

from collections.abc import Mapping

import torch
from torch import Tensor

from panna_exp.training.flat import FlatParameters


class Masks:
    """Sets pruned weights in the flat buffer back to zero.

    As PANNA's constraint on a layer's weights, this comes after the update, so that the other
    weights move as if there were no mask.

    Args:
        parameters: Whose values are masked.
        kept: By parameter name (``H.0.weights``): true where a weight is kept. Names of frozen
            parameters, which nothing moves, are passed over.
    """

    def __init__(self, parameters: FlatParameters, kept: Mapping[str, Tensor]) -> None:
        self._values = parameters.values
        self.pruned = torch.zeros_like(parameters.values, dtype=torch.bool)
        for slot in parameters.slots:
            if slot.name in kept:
                pruned = ~kept[slot.name].to(self.pruned.device)
                self.pruned[slot.start : slot.stop] = pruned.reshape(-1)
        self.apply()

    def apply(self) -> None:
        """Sets the pruned weights to zero."""
        self._values.masked_fill_(self.pruned, 0.0)
