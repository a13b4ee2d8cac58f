"""An import that succeeds starts: layers fit one another and the networks they are loaded from."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from panna_exp.errors import ConfigError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import write_panna
from panna_exp.panna_ini.importer import import_files

INI = """[IO_INFORMATION]
data_dir = d
train_dir = t
[DATA_INFORMATION]
atomic_sequence = {species}
[TRAINING_PARAMETERS]
batch_size = 2
max_epochs = 3
[DEFAULT_NETWORK]
{network}
"""


def network(symbol):
    layers = tuple(
        LayerData(
            np.zeros((n_in, n_out), np.float32), np.zeros(n_out, np.float32), Activation.linear
        )
        for n_in, n_out in pairwise((6, 8, 4, 1))
    )
    return NetworkData(symbol, layers)


@pytest.fixture
def problems(tmp_path, monkeypatch):
    """The problems of an input with the networks of H and O saved in ``w``."""
    monkeypatch.chdir(tmp_path)
    write_panna(NetworkSet(networks={s: network(s) for s in "HO"}), tmp_path / "w")

    def run(*lines, species="H, O", network="networks_metadata = w"):
        content = INI.format(species=species, network=network) + "\n".join(lines)
        Path("x.ini").write_text(content)
        try:
            import_files(["x.ini"])
        except ConfigError as error:
            return error.problems
        return []

    return run


@pytest.mark.parametrize(
    "lines",
    [
        ("[H]", "trainable = 1:0:1"),
        ("[H]", "behavior = load:new:new", "architecture = 8:5:1"),
        ("[H]", "behavior = new:new", "architecture = 5:1"),
        ("[O]", "output_offset = 1"),
    ],
)
def test_what_fits_is_imported(problems, lines):
    assert problems(*lines) == []


@pytest.mark.parametrize("name", ["trainable = 1:1", "behavior = load:new", "activations = 1:0"])
def test_a_list_of_another_length_than_the_saved_network(problems, name):
    (problem,) = problems("[H]", name)
    assert problem == (
        f"x.ini:12: [H] {name}: has 2 values, but the network of H has 3 layers "
        "(8:4:1, of networks_metadata): give one per layer in [H]"
    )


def test_a_list_of_another_length_than_the_architecture(problems):
    (problem,) = problems("[H]", "trainable = 1:1:0", network="architecture = 8:1")
    assert problem.startswith("x.ini:12: [H] trainable = 1:1:0: has 3 values, but the network of H")
    assert "(8:1, of line 10)" in problem
    (problem,) = problems("[H]", "architecture = 8:2", network="architecture = 8:1")
    assert "x.ini:12: [H] architecture = 8:2: must end in 1" in problem


def test_a_layer_of_another_shape_than_the_saved_one(problems):
    (problem,) = problems("[H]", "architecture = 8:5:1")
    assert problem == (
        "x.ini:12: [H] architecture = 8:5:1: layer 1 of H (from 0) is to be loaded, but it is "
        "8 x 4 in networks_metadata and 8 x 5 here: behavior 'new' for it, or the saved sizes"
    )
    (problem,) = problems("[H]", "architecture = 8:4:3:1", "behavior = load:load:new:load")
    assert "layer 3 of H (from 0) is to be loaded, but it is not there" in problem


def test_new_species_are_new_one_by_one(problems):
    """Issue 3: one that is told to start new does not let another one start so."""
    section = ("[S]", "behavior = new:new:new", "architecture = 8:4:1")
    assert problems(*section, species="H, O, S") == []
    (problem,) = problems(*section, species="H, O, S, P")
    assert problem == (
        "x.ini:5: [DATA_INFORMATION] atomic_sequence = H, O, S, P: P is not in w (it has H, O): "
        "[P] behavior = new:new:new, one per layer, starts it new"
    )
