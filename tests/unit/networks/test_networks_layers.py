"""Layers, networks and their derivatives in numpy."""

import numpy as np
import pytest

from panna_exp.errors import NetworkError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet

RNG = np.random.default_rng(1)


def make_layer(n_in, n_out, activation=Activation.gaussian, dtype=np.float32):
    weights = RNG.normal(size=(n_in, n_out)).astype(dtype)
    return LayerData(weights, RNG.normal(size=n_out).astype(dtype), activation)


def make_network(symbol="H", sizes=(5, 3, 1), feature_size=4, **kwargs):
    n_in = (feature_size, *sizes[:-1])
    kinds = [Activation.gaussian] * (len(sizes) - 1) + [Activation.linear]
    layers = tuple(make_layer(a, b, k) for a, b, k in zip(n_in, sizes, kinds, strict=True))
    return NetworkData(symbol, layers, **kwargs)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, Activation.linear),
        ("1", Activation.gaussian),
        ("g", Activation.gaussian),
        (" L ", Activation.linear),
        ("rbf", Activation.rbf),
        (3.0, Activation.relu),
        (Activation.tanh, Activation.tanh),
        ("Tanh", Activation.tanh),
    ],
)
def test_activation_is_parsed(value, expected):
    assert Activation.parse(value) is expected


@pytest.mark.parametrize("value", [7, -1, "tanj", None, True, 1.5, [1], float("nan"), "r"])
def test_unknown_activation_is_refused(value):
    with pytest.raises(NetworkError, match=r"net: unknown activation .*gaussian \(1\)"):
        Activation.parse(value, "net")


def test_unknown_activation_names_the_nearest():
    with pytest.raises(NetworkError, match="did you mean 'tanh'"):
        Activation.parse("tanj")


@pytest.mark.parametrize("activation", list(Activation))
def test_layer_matches_its_definition(activation):
    layer = make_layer(3, 2, activation)
    x = RNG.normal(size=(4, 3))
    w, b = layer.weights.astype(float), layer.biases.astype(float)
    for row, out in zip(x, layer.forward(x), strict=True):
        z = np.array([sum(row[k] * w[k, j] for k in range(3)) + b[j] for j in range(2)])
        expected = {
            Activation.linear: z,
            Activation.gaussian: np.exp(-z * z),
            Activation.rbf: [
                np.exp(-sum((row[k] - w[k, j]) ** 2 for k in range(3))) for j in (0, 1)
            ],
            Activation.relu: [max(0.0, v) for v in z],
            Activation.tanh: np.tanh(z),
            Activation.silu: z / (1 + np.exp(-z)),
            Activation.softplus: np.log(1 + np.exp(z)),
        }[activation]
        np.testing.assert_allclose(out, expected, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("activation", list(Activation))
def test_gradient_is_the_finite_difference(activation):
    layers = (make_layer(4, 5, activation), make_layer(5, 3), make_layer(3, 1, Activation.linear))
    network = NetworkData("H", layers, offset=-13.0)
    x = RNG.normal(size=(6, 4))
    gradient, step = network.gradient(x), 1e-6
    for k in range(4):
        up, down = x.copy(), x.copy()
        up[:, k] += step
        down[:, k] -= step
        numeric = (network.residual_energy(up) - network.residual_energy(down)) / (2 * step)
        np.testing.assert_allclose(gradient[:, k], numeric, atol=2e-8)


def test_energy_adds_the_offset_in_float64():
    network = make_network(offset=-2041.84)
    x = RNG.normal(size=(3, 4)).astype(np.float32)
    assert network.energy(x).dtype == np.float64
    np.testing.assert_array_equal(network.energy(x), network.residual_energy(x) - 2041.84)


def test_properties():
    network = make_network(sizes=(5, 3, 1), feature_size=4)
    assert (network.feature_size, network.sizes) == (4, (5, 3, 1))
    assert network.activations == (Activation.gaussian, Activation.gaussian, Activation.linear)
    assert network.trainable == (True, True, True)


def test_identical_sees_one_bit():
    network = make_network(offset=1.0)
    assert network.identical(network)
    changed = network.layers[1].weights.copy()
    changed.view(np.uint32)[0, 0] ^= 1
    layer = LayerData(changed, network.layers[1].biases, network.layers[1].activation)
    other = NetworkData("H", (network.layers[0], layer, network.layers[2]), offset=1.0)
    assert not network.identical(other)
    assert not network.identical(NetworkData("H", network.layers, offset=np.nextafter(1.0, 2.0)))
    assert not network.identical(NetworkData("H", network.layers, 1.0, (True, False, True)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: LayerData(np.zeros((2, 3)), np.zeros(2), Activation.linear), r"\(2, 3\).*\(2,\)"),
        (lambda: LayerData(np.zeros(3), np.zeros(3), Activation.linear), "make no layer"),
        (lambda: LayerData(np.zeros((0, 3)), np.zeros(3), Activation.linear), "empty"),
        (
            lambda: LayerData(np.zeros((2, 3), "f4"), np.zeros(3), Activation.linear),
            "float32 and biases float64",
        ),
        (
            lambda: LayerData(np.zeros((2, 3), int), np.zeros(3, int), Activation.linear),
            "expected float32 or float64",
        ),
        (lambda: NetworkData("H", ()), "species H: the network has no layers"),
        (
            lambda: NetworkData("H", (make_layer(2, 3), make_layer(4, 1))),
            r"species H, layer 1: weights have the shape \(4, 1\), but layer 0 has 3 outputs",
        ),
        (lambda: NetworkData("H", (make_layer(2, 3),)), "last layer has 3 outputs, expected 1"),
        (lambda: make_network(trainable=(True,)), "1 trainable flags for 3 layers"),
    ],
)
def test_what_does_not_fit_is_refused(make, message):
    with pytest.raises(NetworkError, match=message):
        make()


def test_descriptors_of_another_size_are_refused():
    with pytest.raises(NetworkError, match=r"species H: .*\(3, 5\), the network expects \(n, 4\)"):
        make_network().energy(np.zeros((3, 5)))


def test_numbers_that_are_not_finite_are_named():
    network = make_network()
    network.layers[1].biases[0] = np.nan
    with pytest.raises(NetworkError, match="here: species H, layer 1: the biases are not all"):
        network.check_finite("here")
    with pytest.raises(NetworkError, match="offset of species H is inf"):
        make_network(offset=float("inf")).check_finite("here")


def test_network_set_checks_its_parts():
    first, second = make_network("H"), make_network("O", feature_size=7)
    with pytest.raises(NetworkError, match="of O takes 7 descriptor components, that of H 4"):
        NetworkSet(networks={"H": first, "O": second})
    with pytest.raises(NetworkError, match="'O' holds that of H"):
        NetworkSet(networks={"O": first})
    with pytest.raises(NetworkError, match="no species"):
        NetworkSet(networks={})
    with pytest.raises(NetworkError, match="variant 'D', expected one of A, B, C"):
        NetworkSet(networks={"H": first}, generation="D")
    with pytest.raises(NetworkError, match="variant B, but its descriptor A"):
        NetworkSet(networks={"H": first}, generation="B", descriptor_info={"generation": "A"})


def test_generation_is_taken_from_the_descriptor():
    networks = NetworkSet(networks={"H": make_network()}, descriptor_info={"generation": "A"})
    assert networks.generation == "A"
    assert networks.species == ("H",)
    assert networks.feature_size == 4
