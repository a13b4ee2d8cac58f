"""Which layers of networks that start from saved ones are trained, by PANNA's versions."""

from dataclasses import replace

import numpy as np
import pytest

from panna_exp.assembly.trainable import layers_frozen_as_saved, with_saved_flags
from panna_exp.config.species import SpeciesSpec
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet


def saved(*flags, says=True):
    layers = [
        LayerData(np.zeros(shape), np.zeros(shape[1]), Activation.linear)
        for shape in ((5, 3), (3, 2), (2, 1))
    ]
    network = NetworkData("H", tuple(layers), 0.0, flags)
    return network, NetworkSet(networks={"H": network}, says_trainable=says)


SPEC = SpeciesSpec(key="network", architecture=(3, 2, 1), trainable=(True, False, True))


@pytest.mark.parametrize(
    ("version", "says", "spec", "expected"),
    [
        (1, True, SPEC, (False, True, True)),
        (1, False, SPEC, (False, False, True)),
        (2, True, SPEC, (False, False, True)),
        (1, True, replace(SPEC, architecture=(3, 7, 1)), SPEC.trainable),
        (1, True, replace(SPEC, behavior=("new",) * 3), (False, True, True)),
        (2, True, replace(SPEC, behavior=("new", "load", "load")), SPEC.trainable),
        (2, True, replace(SPEC, layer_files={0: ("w", "b")}), SPEC.trainable),
    ],
)
def test_flags(version, says, spec, expected):
    network, networks = saved(False, True, True, says=says)
    assert with_saved_flags(spec, network, networks, version).trainable == expected


def test_what_is_said():
    network, _ = saved(False, False, True)
    frozen = replace(SPEC, trainable=(False, False, True), behavior=("load", "new", "new"))
    assert layers_frozen_as_saved(frozen, network) == "layers 0, 1 (1 newly drawn)"
    assert layers_frozen_as_saved(replace(SPEC, trainable=(True,) * 3), network) == ""
    assert layers_frozen_as_saved(SPEC, saved(True, False, True)[0]) == "layer 1"
