import pytest

from panna_exp.config.schema import NetworkConfig
from panna_exp.config.species import parse_network
from panna_exp.errors import ConfigError
from panna_exp.networks.layers import Activation

SYMBOLS = ("H", "C", "N")
GAUSSIAN, LINEAR = Activation.gaussian, Activation.linear


def completed(network, symbol):
    default, overrides = parse_network(network, SYMBOLS)
    return (overrides[symbol].over(default) if symbol in overrides else default).completed()


def test_an_override_holds_only_what_differs():
    network = NetworkConfig(species={"H": {"architecture": [128, 32, 32, 1]}})
    spec = completed(network, "H")
    assert spec.architecture == (128, 32, 32, 1)
    assert spec.activations == (GAUSSIAN, GAUSSIAN, GAUSSIAN, LINEAR)
    assert spec.trainable == (True,) * 4
    assert completed(network, "C").architecture == (128, 32, 1)


def test_an_override_inherits_the_defaults_lists():
    network = NetworkConfig(
        activations=["tanh", "tanh", "linear"], species={"C": {"trainable": "0:0:0"}}
    )
    spec = completed(network, "C")
    assert spec.activations == (Activation.tanh, Activation.tanh, LINEAR)
    assert spec.trainable == (False,) * 3


def test_lists_of_another_length_are_refused_with_the_key_to_give():
    network = NetworkConfig(
        activations=["tanh", "tanh", "linear"], species={"H": {"architecture": [8, 1]}}
    )
    with pytest.raises(ConfigError, match=r"give network\.species\.H\.activations"):
        completed(network, "H")


def test_all_mistakes_are_named_together():
    network = NetworkConfig(
        architecture=462721,
        species={"Q": {}, "H": {"archtecture": [1]}, "C": 5, "N": {"trainable": "1:2"}},
    )
    with pytest.raises(ConfigError) as caught:
        parse_network(network, SYMBOLS)
    text = "\n".join(caught.value.problems)
    assert len(caught.value.problems) == 5
    assert "network.species.Q: 'Q' is not in data.species [H, C, N]" in text
    assert "network.species.H.archtecture: no such key, did you mean 'architecture'?" in text
    assert "network.species.C is 5" in text
    assert "network.species.N.trainable: flag '2'" in text
    assert "network.architecture is the number 462721" in text


def test_the_last_layer_is_the_energy():
    with pytest.raises(ConfigError, match="must end in 1"):
        completed(NetworkConfig(architecture=[8, 2]), "H")


def test_layer_files():
    files = {"0": ["w.npy", "b.npy"]}
    assert completed(NetworkConfig(species={"C": {"layer_files": files}}), "C").layer_files == {
        0: ("w.npy", "b.npy")
    }
    with pytest.raises(ConfigError, match="layers are 0 to 2"):
        completed(NetworkConfig(layer_files={"3": ["w", "b"]}), "H")
    with pytest.raises(ConfigError, match="expected 0:"):
        completed(NetworkConfig(layer_files={"x": "w"}), "H")
