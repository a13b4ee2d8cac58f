"""Every engine against autograd, and the torch networks against the numpy ones."""

from itertools import pairwise, product

import numpy as np
import pytest
import torch

from panna_exp.model.inference import energies_and_gradients
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.numba_engine import NumbaEngine
from panna_exp.model.standardized_engine import StandardizedEngine
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.standardization import Standardization
from panna_exp.training.flat import FlatParameters

COUNTS = (3, 0, 2)
SIZES = (5, 4, 3, 1)
GAUSSIAN, LINEAR, TANH, RELU, RBF = (
    Activation[name] for name in ("gaussian", "linear", "tanh", "relu", "rbf")
)


def make_network(symbol, activations, trainable=None, seed=0, sizes=SIZES):
    random = np.random.default_rng(seed)
    layers = tuple(
        LayerData(
            weights=random.normal(size=pair),
            biases=random.normal(size=pair[1]),
            activation=activation,
        )
        for pair, activation in zip(pairwise(sizes), activations, strict=True)
    )
    flags = trainable or (True,) * len(layers)
    return NetworkData(symbol=symbol, layers=layers, offset=0.0, trainable=flags)


def make_networks(activations, trainable=None):
    data = [make_network(s, activations, trainable, seed) for seed, s in enumerate("HCO")]
    return data, SpeciesNetworks(data, torch.float64)


def make_unequal(last=TANH):
    """The first and the third species have the same layers; the second is frozen in part."""
    same = (GAUSSIAN, TANH, LINEAR)
    data = [
        make_network("H", same, (True, False, True), 0),
        make_network("C", (RELU, last), (False, True), 1, (5, 6, 1)),
        make_network("O", same, (False, True, True), 2),
    ]
    return SpeciesNetworks(data, torch.float64)


def make_batch(counts):
    random = np.random.default_rng(9)
    descriptors, direction = torch.from_numpy(random.normal(size=(2, sum(counts), 5)))
    return descriptors, torch.linspace(-1, 2, sum(counts), dtype=torch.float64), direction


def expected_gradients(networks, counts, with_direction):
    """Energies, dE/dG, and the parameters' gradients by autograd."""
    descriptors, by_energy, direction = make_batch(counts)
    inputs = descriptors.clone().requires_grad_()
    energies = networks(inputs, counts)
    (by_input,) = torch.autograd.grad(energies.sum(), inputs, create_graph=True)
    loss = (energies * by_energy).sum()
    if with_direction:
        loss = loss + (by_input * direction).sum()
    trained = [layer for _, _, layer, trainable in networks.named_layers() if trainable]
    found = torch.autograd.grad(loss, trained, allow_unused=True) if trained else ()
    gradients = [
        torch.zeros_like(layer) if gradient is None else gradient
        for layer, gradient in zip(trained, found, strict=True)
    ]
    return energies.detach(), by_input.detach(), gradients


def check(name, networks, make_engine, counts, with_direction):
    descriptors, by_energy, direction = make_batch(counts)
    energies, by_input, expected = expected_gradients(networks, counts, with_direction)
    engine, flat = make_engine(name, networks)
    cache = engine.forward(descriptors, counts)
    torch.testing.assert_close(cache.atom_energy, energies, rtol=1e-13, atol=1e-13)
    if with_direction:
        found = engine.input_gradient(cache)
        torch.testing.assert_close(found, by_input, rtol=1e-12, atol=1e-12)
    engine.backward(cache, by_energy, direction if with_direction else None)
    for slot, wanted in zip(flat.slots, expected, strict=True):
        gradient = flat.view(flat.gradients, slot)
        torch.testing.assert_close(gradient, wanted, rtol=1e-11, atol=1e-12, msg=slot.name)
    for _, _, parameter, trained in networks.named_layers():
        assert (parameter.grad is not None) == trained


TRAINABLE = [(True, True, True), (False, True, True), (True, False, True), (True, True, False)]
CASES = [
    (hidden, last, trainable, name)
    for hidden, last, trainable in product(Activation, (LINEAR, TANH), TRAINABLE)
    for name in ("torch", "numba")
    if name == "torch" or hidden not in (RBF, Activation.softplus)
]


@pytest.mark.parametrize("with_direction", [False, True], ids=["energies", "forces"])
@pytest.mark.parametrize(("hidden", "last", "trainable", "name"), CASES)
def test_gradients_equal_autograd(hidden, last, trainable, name, with_direction, make_engine):
    _, networks = make_networks((hidden, hidden, last), trainable)
    check(name, networks, make_engine, COUNTS, with_direction)


@pytest.mark.parametrize("with_direction", [False, True], ids=["energies", "forces"])
@pytest.mark.parametrize("counts", [(3, 4, 2), (3, 0, 2), (0, 4, 0), (0, 4, 2)], ids=str)
@pytest.mark.parametrize("name", ["torch", "numba", "torch with rbf"])
def test_species_of_different_layers(name, counts, with_direction, make_engine):
    networks = make_unequal(RBF if "rbf" in name else TANH)
    check(name.split()[0], networks, make_engine, counts, with_direction)


@pytest.mark.parametrize("name", ["torch", "numba"])
def test_networks_that_are_all_frozen_have_no_gradients(name, make_engine):
    _, networks = make_networks((GAUSSIAN, GAUSSIAN, LINEAR), (False, False, False))
    check(name, networks, make_engine, COUNTS, with_direction=True)


@pytest.mark.parametrize("name", ["torch", "numba"])
@pytest.mark.parametrize("unequal", [False, True])
def test_gradients_of_the_step_before_leave_nothing(name, unequal, make_engine):
    networks = make_unequal() if unequal else make_networks((GAUSSIAN, TANH, LINEAR))[1]
    engine, flat = make_engine(name, networks)
    for counts in ((3, 4, 2), (3, 0, 2)):
        descriptors, by_energy, _ = make_batch(counts)
        engine.backward(engine.forward(descriptors, counts), by_energy)
    found = flat.gradients.clone()
    flat.gradients.zero_()
    engine.backward(engine.forward(descriptors, counts), by_energy)
    assert torch.equal(flat.gradients, found)


@pytest.mark.parametrize("make", [TorchEngine, NumbaEngine])
@pytest.mark.parametrize("unequal", [False, True])
def test_inference_in_pieces_equals_that_of_all_atoms(make, unequal, monkeypatch):
    networks = make_unequal() if unequal else make_networks((GAUSSIAN, TANH, LINEAR))[1]
    counts = (7, 0, 9)
    energies, by_input, _ = expected_gradients(networks, counts, False)
    monkeypatch.setattr("panna_exp.model.inference._ATOMS", 3)  # pieces end within a species
    found = energies_and_gradients(make(networks), make_batch(counts)[0], counts)
    torch.testing.assert_close(found[0], energies, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(found[1], by_input, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("hidden", list(Activation))
def test_energies_equal_the_numpy_networks(hidden):
    data, networks = make_networks((hidden, hidden, LINEAR))
    descriptors = make_batch(COUNTS)[0]
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
    data, networks = make_networks((GAUSSIAN, GAUSSIAN, LINEAR))
    for before, after in zip(data, networks.to_data(), strict=True):
        assert before.identical(after)


def test_species_of_equal_layers_are_one_group():
    assert [group.lowest for group in TorchEngine(make_unequal())._groups] == [0, 1]
    _, networks = make_networks((GAUSSIAN, TANH, LINEAR))
    assert len(TorchEngine(networks)._groups) == 1


@pytest.mark.parametrize("kind", [TorchEngine, NumbaEngine])
def test_standardised_inputs_are_those_of_autograd_and_of_the_folded_networks(kind):
    """Energies, gradients by descriptors and parameters; and plain networks that do the same."""
    random = np.random.default_rng(3)
    found = Standardization(random.normal(size=(3, 5)), random.uniform(0.2, 3, size=(3, 5)))
    found.inverse[:, 2] = 0  # a component that is left out
    data = [make_network(s, (Activation.silu, TANH, LINEAR), None, i) for i, s in enumerate("HCO")]
    networks = SpeciesNetworks(data, torch.float64, found)
    flat = FlatParameters(networks)
    inner = kind(networks) if kind is TorchEngine else kind(networks, flat.buffer, flat.gradients)
    engine = StandardizedEngine(inner)
    descriptors, by_energy, direction = make_batch(COUNTS)
    cache = engine.forward(descriptors, COUNTS)
    gradient = engine.input_gradient(cache).clone()
    flat.gradients.zero_()
    engine.backward(cache, by_energy, direction)
    inputs = descriptors.clone().requires_grad_()
    parameters = [p for p in networks.parameters() if p.requires_grad]
    energy = networks(inputs, COUNTS)
    (expected,) = torch.autograd.grad(energy.sum(), inputs, create_graph=True)
    loss = (by_energy * energy).sum() + (direction * expected).sum()
    wanted = torch.autograd.grad(loss, parameters, allow_unused=True)
    torch.testing.assert_close(cache.atom_energy, energy.detach(), rtol=1e-12, atol=1e-13)
    torch.testing.assert_close(gradient, expected.detach(), rtol=1e-11, atol=1e-13)
    for parameter, value in zip(parameters, wanted, strict=True):
        value = torch.zeros_like(parameter) if value is None else value
        torch.testing.assert_close(parameter.grad, value, rtol=1e-10, atol=1e-12)
    plain = SpeciesNetworks(found.folded(data), torch.float64)
    torch.testing.assert_close(plain(descriptors, COUNTS), energy.detach(), rtol=1e-11, atol=1e-12)
