"""What new networks are made from: saved layers, and what a training of rescaled energies takes."""

import logging

import numpy as np
import pytest

from panna_exp.assembly.networks import NetworkSource, build_networks
from panna_exp.assembly.saved import from_folder
from panna_exp.config.schema import NetworkConfig, Precision
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, NetworkError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import write_panna
from panna_exp.networks.rescale import in_ev


def saved_networks(*symbols):
    random = np.random.default_rng(1)

    def layer(n_in, n_out, activation):
        weights = random.normal(size=(n_in, n_out)).astype(np.float32)
        return LayerData(weights, random.normal(size=n_out).astype(np.float32), activation)

    return NetworkSet(
        networks={
            symbol: NetworkData(
                symbol, (layer(2, 3, Activation.gaussian), layer(3, 1, Activation.linear))
            )
            for symbol in symbols
        }
    )


def build(folder, species=("H",), rescale=1.0, species_config=None, **network):
    return build_networks(
        NetworkSource(
            config=NetworkConfig(networks_metadata="w", species=species_config or {}, **network),
            species=Species(species),
            offsets=(0.0,) * len(species),
            feature_size=2,
            seed=0,
            panna_version=2,
            precision=Precision.float32,
            base=folder,
            energy_rescale=rescale,
        )
    )


@pytest.mark.parametrize("rescale", [1.0, 0.25])
def test_a_folder_in_ev_is_loaded_into_what_the_training_learns(tmp_path, rescale):
    networks = saved_networks("H")
    write_panna(in_ev(networks, 0.5), tmp_path / "w")
    (found,) = build(tmp_path, rescale=rescale)
    expected = networks.networks["H"].layers[1].weights / 0.5 * rescale
    np.testing.assert_array_equal(found.layers[1].weights, expected)
    np.testing.assert_array_equal(found.layers[0].weights, networks.networks["H"].layers[0].weights)


def test_a_folder_that_does_not_say_it_is_loaded_as_it_stands(tmp_path, caplog):
    networks = saved_networks("H")
    write_panna(networks, tmp_path / "w")
    with caplog.at_level(logging.WARNING):
        (found,) = build(tmp_path, rescale=0.5)
    assert found.layers[1].identical(networks.networks["H"].layers[1])
    assert "does not say whether energy_rescale was taken out" in caplog.text


def test_species_that_are_not_saved_start_new_only_where_told(tmp_path):
    write_panna(saved_networks("H"), tmp_path / "w")
    new = {"S": {"behavior": "new:new", "architecture": [4, 1]}}
    found = build(tmp_path, ("H", "S"), species_config=new)
    assert found[1].sizes == (4, 1)
    message = (
        r"^P: .*/w has no network for it \(it has H\): network\.species\.P\.behavior with 'new'"
    )
    with pytest.raises(ConfigError, match=message):
        build(tmp_path, ("H", "S", "P"), species_config=new)
    build(tmp_path, ("H", "S", "P"), species_config=new, allow_new_species=True)


def test_a_model_s_folder_as_a_network_folder_keeps_its_factor(model_folder):
    """Such a folder holds the networks as they learned."""
    assert from_folder(model_folder, None).energy_rescale == 2.0
    (model_folder / "potential.json").write_text("{")
    with pytest.raises(NetworkError, match=r"potential\.json: is not a JSON object"):
        from_folder(model_folder, None)
