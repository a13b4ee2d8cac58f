"""Parameter gradients of losses of energies and their input gradients, against autograd."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from panna_exp.model import force_gradients, gradients
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import WITH_LOOPS
from panna_exp.networks.layers import Activation, LayerData, NetworkData

COUNTS = (3, 0, 2)


def make_networks(activations, trainable):
    def network(symbol, seed):
        random = np.random.default_rng(seed)
        sizes = [5, 4, 3, 1]
        layers = tuple(
            LayerData(
                weights=random.normal(size=pair),
                biases=random.normal(size=pair[1]),
                activation=activation,
            )
            for pair, activation in zip(pairwise(sizes), activations, strict=True)
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0, trainable=trainable)

    data = [network(symbol, seed) for seed, symbol in enumerate("HCO")]
    return SpeciesNetworks(data, torch.float64)


TRAINABLE = [(True, True, True), (False, True, True), (True, False, True), (True, True, False)]
CASES = [
    (hidden, last, trainable, way)
    for hidden, last, trainable in product(
        Activation, (Activation.linear, Activation.tanh), TRAINABLE
    )
    for way in ("together", "one by one", "loops")
    if way != "loops" or ({hidden, last} <= set(WITH_LOOPS) and all(trainable))
]


@pytest.mark.parametrize(("hidden", "last", "trainable", "way"), CASES)
def test_gradients_equal_autograd(hidden, last, trainable, way, use_loops):
    random = np.random.default_rng(9)
    descriptors, direction = torch.from_numpy(random.normal(size=(2, sum(COUNTS), 5)))
    networks = make_networks((hidden, hidden, last), trainable)
    networks.uniform = networks.uniform and way != "one by one"
    slope = torch.linspace(-1, 2, sum(COUNTS), dtype=torch.float64)
    inputs = descriptors.clone().requires_grad_()
    energies = networks(inputs, COUNTS)
    (by_input,) = torch.autograd.grad(energies.sum(), inputs, create_graph=True)
    torch.autograd.backward((energies * slope).sum() + (by_input * direction).sum())
    expected = {name: p.grad for name, _, p, trained in networks.named_layers() if trained}
    for _, _, parameter, trained in networks.named_layers():
        parameter.grad = torch.zeros_like(parameter) if trained else None
    if way == "loops":
        use_loops(networks)

    passed = gradients.forward(networks, descriptors, COUNTS)
    found = force_gradients.input_gradient(networks, passed, COUNTS)
    force_gradients.backward_with_direction(networks, passed, found, slope, direction, COUNTS)

    torch.testing.assert_close(found.values, by_input.detach(), rtol=1e-12, atol=1e-12)
    for name, _, parameter, trained in networks.named_layers():
        if not trained:
            assert parameter.grad is None
            continue
        wanted = expected[name]
        zero = torch.zeros_like(parameter)
        torch.testing.assert_close(
            parameter.grad, zero if wanted is None else wanted, rtol=1e-11, atol=1e-12
        )
