"""Atomic networks as a torch module; atoms come sorted by species, one block per species.

Shapes: A atoms, T species, D descriptor components, n_t atoms of species t.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from panna_exp.model.layer import Layer
from panna_exp.networks.layers import LayerData, NetworkData
from panna_exp.networks.standardization import Standardization


class AtomicNetwork(nn.Module):
    """The multilayer perceptron of one species.

    Attributes:
        layers: From the first to the last; a tuple beside what torch registers, since lists of
            torch's cost several times as much, and layers are asked for many times per step.
    """

    def __init__(self, data: NetworkData, dtype: torch.dtype) -> None:
        super().__init__()
        self.symbol = data.symbol

        def parameter(array: NDArray[np.floating], trainable: bool) -> nn.Parameter:
            tensor = torch.as_tensor(np.array(array), dtype=dtype)
            return nn.Parameter(tensor, requires_grad=trainable)

        self.layers = tuple(
            Layer(
                weights=parameter(layer.weights, trainable),
                biases=parameter(layer.biases, trainable),
                activation=layer.activation,
                trainable=trainable,
            )
            for layer, trainable in zip(data.layers, data.trainable, strict=True)
        )
        weights = [layer.weights for layer in self.layers]
        self._registered = nn.ParameterList([*weights, *(layer.biases for layer in self.layers)])

    @property
    def lowest_trained(self) -> int:
        """Index of the lowest trainable layer, the number of layers where there is none."""
        flags = [layer.trainable for layer in self.layers]
        return flags.index(True) if True in flags else len(flags)

    @property
    def architecture(self) -> tuple[object, ...]:
        """Sizes and activations of the layers, equal where those are."""
        return tuple((tuple(layer.weights.shape), layer.activation) for layer in self.layers)

    def forward(self, descriptors: Tensor) -> Tensor:
        """Returns the atomic energies [n_t] of the descriptors [n_t, D]; differentiable."""
        x = descriptors
        for layer in self.layers:
            x = layer.function.value(layer.argument(x))
        return x[:, 0]


class SpeciesNetworks(nn.Module):
    """One network per species, in the order of the species list.

    Args:
        networks: Weights.
        dtype: Of the parameters.
        standardization: Of the inputs; None: they are taken as they are.

    Attributes:
        input_mean: [T, D] of a standardisation, else empty.
        input_scale: [T, D] likewise.
    """

    input_mean: Tensor
    input_scale: Tensor

    def __init__(
        self,
        networks: Sequence[NetworkData],
        dtype: torch.dtype,
        standardization: Standardization | None = None,
    ) -> None:
        super().__init__()
        self.standardization = standardization
        for name, values in (("input_mean", "mean"), ("input_scale", "inverse")):
            array = np.empty(0) if standardization is None else getattr(standardization, values)
            self.register_buffer(name, torch.as_tensor(array, dtype=dtype))
        self.networks = tuple(AtomicNetwork(data, dtype) for data in networks)
        self._registered = nn.ModuleList(self.networks)
        self.offsets = tuple(data.offset for data in networks)
        self.feature_size = networks[0].feature_size
        self.dtype = dtype

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> Tensor:
        """Returns atomic energies [A] without offsets; descriptors [A, D] sorted by species."""
        if self.standardization is not None:
            descriptors = self.standardized(descriptors, species_counts)
        blocks = torch.split(descriptors, list(species_counts))
        return torch.cat(
            [
                network(block)
                for network, block in zip(self.networks, blocks, strict=True)
                if len(block)
            ]
        )

    def standardized(self, descriptors: Tensor, species_counts: Sequence[int]) -> Tensor:
        """Returns (G - mean) / deviation [A, D] of networks with a standardisation."""
        blocks = torch.split(descriptors, list(species_counts))
        parts = [
            (block - mean) * scale
            for block, mean, scale in zip(blocks, self.input_mean, self.input_scale, strict=True)
        ]
        return torch.cat(parts)

    def named_layers(self) -> Iterator[tuple[str, str, Tensor, bool]]:
        """Yields (name, kind, tensor, trainable): ``H.0.weights``, ``weights`` or ``biases``."""
        for network in self.networks:
            for index, layer in enumerate(network.layers):
                name, trainable = f"{network.symbol}.{index}", layer.trainable
                yield f"{name}.weights", "weights", layer.weights, trainable
                yield f"{name}.biases", "biases", layer.biases, trainable

    def to_data(self) -> tuple[NetworkData, ...]:
        """Returns the networks as arrays, bit for bit."""
        return tuple(
            NetworkData(
                symbol=network.symbol,
                layers=tuple(
                    LayerData(
                        weights=layer.weights.detach().cpu().numpy().copy(),
                        biases=layer.biases.detach().cpu().numpy().copy(),
                        activation=layer.activation,
                    )
                    for layer in network.layers
                ),
                offset=offset,
                trainable=tuple(layer.trainable for layer in network.layers),
            )
            for network, offset in zip(self.networks, self.offsets, strict=True)
        )


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
