"""Names of runs."""

import numpy as np
import pytest

from panna_exp.commands.run_info import run_name
from panna_exp.networks.layers import Activation, LayerData, NetworkData


def network(symbol, *sizes, n_in=5):
    layers = []
    for size in sizes:
        layers.append(LayerData(np.zeros((n_in, size)), np.zeros(size), Activation.linear))
        n_in = size
    return NetworkData(symbol, tuple(layers))


SAME = (network("H", 128, 32, 1), network("O", 128, 32, 1))


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ([], "128-32-1 the_run"),
        (["io.train_dir=x", "tracking=both", "tracking.uri=y", "device=cpu"], "128-32-1 the_run"),
        (["+experiment=tutorial1"], "tutorial1 128-32-1"),
        (
            ["training.learning_rate=1e-3", "+experiment=tutorial1", "seed=3"],
            "tutorial1 128-32-1 learning_rate=1e-3 seed=3",
        ),
        (["network.architecture=[128,32,1]", "training=forces"], "128-32-1 training=forces"),
        (["data.train='../a folder/set b.xyz'"], "128-32-1 train=set b.xyz"),
        (["++network.species.H.trainable=[0,1]"], "128-32-1 species.H.trainable=[0,1]"),
        (["training.clip_value=0.1", "training.clip_value=0.2"], "128-32-1 clip_value=0.2"),
        ([f"data.train=[{'a/b,' * 20}]"], f"128-32-1 train=[{'a/b,' * 9}..."),
    ],
)
def test_what_is_special_about_a_run(overrides, expected):
    assert run_name(overrides, SAME, "the_run") == expected


def test_species_with_other_layers_are_named():
    networks = (*SAME, network("C", 8, 1), network("N", 16, 8, 1))
    assert run_name(["seed=1"], networks, "x") == "128-32-1 C:8-1 N:16-8-1 seed=1"


def test_a_name_has_an_end():
    name = run_name([f"training.x{n}={n}" for n in range(100)], SAME, "x")
    assert len(name) == 200
    assert name.endswith("...")
