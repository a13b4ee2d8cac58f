"""The hand-written gradients against autograd, and the torch networks against the numpy ones."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from panna_exp.model import gradients
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import WITH_LOOPS
from panna_exp.networks.layers import Activation, LayerData, NetworkData

COUNTS = (3, 0, 2)


def make_network(symbol, activations, trainable=None, seed=0):
    random = np.random.default_rng(seed)
    sizes = [*[5, 4, 3, 1][: len(activations)], 1]
    layers = tuple(
        LayerData(
            weights=random.normal(size=(n_in, n_out)),
            biases=random.normal(size=n_out),
            activation=activation,
        )
        for (n_in, n_out), activation in zip(pairwise(sizes), activations, strict=True)
    )
    flags = trainable or (True,) * len(layers)
    return NetworkData(symbol=symbol, layers=layers, offset=0.0, trainable=flags)


def make_networks(activations, trainable=None):
    data = [make_network(s, activations, trainable, seed) for seed, s in enumerate("HCO")]
    return data, SpeciesNetworks(data, torch.float64)


@pytest.fixture
def descriptors():
    return torch.from_numpy(np.random.default_rng(9).normal(size=(sum(COUNTS), 5)))


TRAINABLE = [(True, True, True), (False, True, True), (True, False, True), (True, True, False)]
CASES = [
    (hidden, trainable, way)
    for hidden, trainable in product(Activation, TRAINABLE)
    for way in ("together", "one by one", "loops")
    if way != "loops" or (hidden in WITH_LOOPS and all(trainable))
]


@pytest.mark.parametrize(("hidden", "trainable", "way"), CASES)
def test_gradients_equal_autograd(hidden, trainable, descriptors, way, use_loops):
    _, networks = make_networks((hidden, hidden, Activation.linear), trainable)
    assert networks.uniform == (hidden is not Activation.rbf)
    networks.uniform = networks.uniform and way != "one by one"
    slope = torch.linspace(-1, 2, sum(COUNTS), dtype=torch.float64)
    energies = networks(descriptors, COUNTS)
    torch.autograd.backward((energies * slope).sum())
    expected = {name: p.grad for name, _, p, trained in networks.named_layers() if trained}
    for _, _, parameter, trained in networks.named_layers():
        parameter.grad = torch.zeros_like(parameter) if trained else None
    if way == "loops":
        use_loops(networks)

    passed = gradients.forward(networks, descriptors, COUNTS)
    gradients.backward(networks, passed, slope, COUNTS)

    torch.testing.assert_close(passed.atom_energy, energies.detach())
    for name, _, parameter, trained in networks.named_layers():
        if not trained:
            assert parameter.grad is None
            continue
        wanted = expected[name]
        zero = torch.zeros_like(parameter)
        torch.testing.assert_close(parameter.grad, zero if wanted is None else wanted)


@pytest.mark.parametrize("hidden", list(Activation))
def test_energies_equal_the_numpy_networks(hidden, descriptors):
    data, networks = make_networks((hidden, hidden, Activation.linear))
    energies = networks(descriptors, COUNTS).detach().numpy()
    expected = np.concatenate(
        [
            network.energy(block)
            for network, block in zip(
                data, np.split(descriptors.numpy(), np.cumsum(COUNTS)[:-1]), strict=True
            )
            if len(block)
        ]
    )
    np.testing.assert_allclose(energies, expected, rtol=1e-12, atol=1e-12)


def test_to_data_gives_the_networks_back_bit_for_bit():
    data, networks = make_networks((Activation.gaussian, Activation.linear))
    for before, after in zip(data, networks.to_data(), strict=True):
        assert before.identical(after)


def test_networks_of_different_layers_are_not_uniform():
    def networks(*activations):
        data = [
            make_network(symbol, chosen) for symbol, chosen in zip("HC", activations, strict=True)
        ]
        return SpeciesNetworks(data, torch.float64)

    gaussian, tanh, linear = Activation.gaussian, Activation.tanh, Activation.linear
    assert networks((gaussian, linear), (gaussian, linear)).uniform
    assert not networks((gaussian, linear), (tanh, linear)).uniform
    assert not networks((gaussian, gaussian, linear), (gaussian, linear)).uniform
