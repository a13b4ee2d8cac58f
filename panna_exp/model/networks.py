"""Atomic networks as a torch module; atoms come sorted by species, one block a species.

Shapes: A atoms, T species, D descriptor components, n_t atoms of species t.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from panna_exp.model.activations import apply_layer
from panna_exp.model.passes import Loops
from panna_exp.model.products import EXACT, Products
from panna_exp.networks.layers import Activation, LayerData, NetworkData


class AtomicNetwork(nn.Module):
    """The multilayer perceptron of one species."""

    def __init__(self, data: NetworkData, dtype: torch.dtype) -> None:
        super().__init__()
        self.symbol = data.symbol
        self.activations = tuple(layer.activation for layer in data.layers)
        self.trainable = data.trainable
        self.products = EXACT

        def parameter(array: NDArray[np.floating], trainable: bool) -> nn.Parameter:
            tensor = torch.as_tensor(np.array(array), dtype=dtype)
            return nn.Parameter(tensor, requires_grad=trainable)

        layers = list(zip(data.layers, data.trainable, strict=True))
        # Tuples beside what torch registers: asked for many times a step, lists of torch's cost
        # several times as much as a tuple.
        self.weights = tuple(parameter(layer.weights, flag) for layer, flag in layers)
        self.biases = tuple(parameter(layer.biases, flag) for layer, flag in layers)
        self._registered = nn.ParameterList([*self.weights, *self.biases])

    def forward(self, descriptors: Tensor) -> Tensor:
        """Returns the atomic energies [n_t] of the descriptors [n_t, D]."""
        x = descriptors
        for weights, biases, activation in zip(
            self.weights, self.biases, self.activations, strict=True
        ):
            x = apply_layer(x, weights, biases, activation)
        return x[:, 0]


class SpeciesNetworks(nn.Module):
    """One network a species, in the order of the species list."""

    def __init__(self, networks: Sequence[NetworkData], dtype: torch.dtype) -> None:
        super().__init__()
        self.networks = tuple(AtomicNetwork(data, dtype) for data in networks)
        self._registered = nn.ModuleList(self.networks)
        self.offsets = tuple(data.offset for data in networks)
        self.feature_size = networks[0].feature_size
        self.dtype = dtype
        # Whether gradients may be worked out for all species together (model.uniform).
        self.uniform = _is_uniform(self.networks)
        # The lowest layer, of all species, that anything below needs no gradient of.
        self.lowest_trained = min(_lowest_trained(network) for network in self.networks)
        self.products = EXACT
        # Whether passes for gradients are those of compiled loops.
        self.loops: Loops | None = None

    def use(self, products: Products) -> None:
        """Sets how gradients (model.gradients, model.force_gradients) multiply matrices.

        Calling the networks is not changed: that always takes full precision.
        """
        self.products = products
        for network in self.networks:
            network.products = products

    @contextmanager
    def exact(self) -> Iterator[None]:
        """Within, matrices are multiplied in full precision."""
        products = self.products
        self.use(EXACT)
        try:
            yield
        finally:
            self.use(products)

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> Tensor:
        """Returns atomic energies [A] without offsets; descriptors [A, D] sorted by species."""
        blocks = torch.split(descriptors, list(species_counts))
        return torch.cat(
            [
                network(block)
                for network, block in zip(self.networks, blocks, strict=True)
                if len(block)
            ]
        )

    def named_layers(self) -> Iterator[tuple[str, str, Tensor, bool]]:
        """Yields (name, kind, tensor, trainable): ``H.0.weights``, ``weights`` or ``biases``."""
        for network in self.networks:
            for number, trainable in enumerate(network.trainable):
                yield (
                    f"{network.symbol}.{number}.weights",
                    "weights",
                    network.weights[number],
                    trainable,
                )
                yield (
                    f"{network.symbol}.{number}.biases",
                    "biases",
                    network.biases[number],
                    trainable,
                )

    def to_data(self) -> tuple[NetworkData, ...]:
        """Returns the networks as arrays, bit for bit."""
        return tuple(
            NetworkData(
                symbol=network.symbol,
                layers=tuple(
                    LayerData(
                        weights=weights.detach().cpu().numpy().copy(),
                        biases=biases.detach().cpu().numpy().copy(),
                        activation=activation,
                    )
                    for weights, biases, activation in zip(
                        network.weights, network.biases, network.activations, strict=True
                    )
                ),
                offset=offset,
                trainable=network.trainable,
            )
            for network, offset in zip(self.networks, self.offsets, strict=True)
        )


def _lowest_trained(network: AtomicNetwork) -> int:
    flags = network.trainable
    return flags.index(True) if True in flags else len(flags)


def _is_uniform(networks: Sequence[AtomicNetwork]) -> bool:
    """Whether all networks have the same sizes and activations, none of them rbf."""
    first = networks[0]
    shapes = [weights.shape for weights in first.weights]
    return Activation.rbf not in first.activations and all(
        network.activations == first.activations
        and [weights.shape for weights in network.weights] == shapes
        for network in networks
    )
