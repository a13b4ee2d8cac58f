"""Networks of rescaled energies in eV and back."""

import json

import numpy as np
import pytest

from panna_exp.errors import NetworkError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import read_panna, write_panna
from panna_exp.networks.rescale import in_ev, learning


def make_set(last=Activation.linear):
    random = np.random.default_rng(3)
    layers = tuple(
        LayerData(
            random.normal(size=shape).astype(np.float32),
            random.normal(size=shape[1]).astype(np.float32),
            activation,
        )
        for shape, activation in (((4, 3), Activation.gaussian), ((3, 1), last))
    )
    return NetworkSet(networks={"O": NetworkData("O", layers, offset=-7.0)})


@pytest.mark.parametrize("factor", [0.5, 0.3, 20.0])
def test_the_output_is_divided_and_the_offset_stays(factor):
    networks = make_set()
    found = in_ev(networks, factor)
    values = np.random.default_rng(4).uniform(size=(5, 4))
    expected = networks.networks["O"].residual_energy(values) / factor
    own = found.networks["O"]
    np.testing.assert_allclose(own.residual_energy(values), expected, rtol=1e-6)
    assert own.offset == -7.0
    assert own.layers[0].identical(networks.networks["O"].layers[0])
    assert own.layers[1].weights.dtype == np.float32


def test_the_folder_says_it_and_a_training_undoes_it(tmp_path):
    networks = make_set()
    write_panna(in_ev(networks, 0.5), tmp_path)
    saved = read_panna(tmp_path)
    assert saved.energy_rescale == 0.5
    assert learning(saved, 0.5).identical(networks)


def test_a_factor_of_one_changes_no_bit_and_writes_no_key(tmp_path):
    networks = make_set()
    assert in_ev(networks, 1.0) is networks
    write_panna(networks, tmp_path)
    assert "energy_rescale" not in json.loads((tmp_path / "networks_metadata.json").read_text())


def test_a_last_layer_that_is_not_linear_is_named():
    with pytest.raises(NetworkError, match=r"^O: training\.energy_rescale=0\.5 .* it is gaussian"):
        in_ev(make_set(Activation.gaussian), 0.5)


@pytest.mark.parametrize("value", [0, -1.0, "2"])
def test_a_factor_that_is_none_is_refused(tmp_path, value):
    write_panna(make_set(), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    path = tmp_path / "networks_metadata.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "energy_rescale": value}))
    with pytest.raises(NetworkError, match=r"energy_rescale is .*, expected a number"):
        read_panna(tmp_path)
