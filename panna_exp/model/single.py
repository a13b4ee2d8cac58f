"""The network of one species as a module of its own, for those who look into a potential."""

import torch
from torch import Tensor

from panna_exp.model.networks import AtomicNetwork
from panna_exp.networks.layers import NetworkData


class SpeciesNetwork(AtomicNetwork):
    """Maps descriptors [N, D] to the energies [N] of N atoms of a species (eV), all of them.

    Args:
        data: Layers, and the free atom's energy.
        energy_rescale: Factor on the energies that the layers were trained to.
        dtype: Of weights and results.
    """

    def __init__(self, data: NetworkData, energy_rescale: float, dtype: torch.dtype) -> None:
        super().__init__(data, dtype)
        self._rescale, self._offset = energy_rescale, data.offset

    def forward(self, descriptors: Tensor) -> Tensor:
        """Returns the energies [N], the free atom's included; differentiable."""
        return super().forward(descriptors) / self._rescale + self._offset
