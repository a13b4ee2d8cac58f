"""Names of runs."""

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.runs.run_info import datasets, run_name, swept_first, swept_keys
from panna_exp.tracking.base import RunInfo
from panna_exp.tracking.journal import Journal


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


def test_what_tells_jobs_of_a_sweep_apart_comes_first(tmp_path):
    overrides = ["+experiment=tutorial1", "training.steps_per_epoch=10", "training.learning_rate=1"]
    swept = {"training.learning_rate"}
    name = run_name(overrides, SAME, "x", swept)
    assert name == "learning_rate=1 tutorial1 128-32-1 steps_per_epoch=10"
    assert swept_first(overrides, swept) == [overrides[2], *overrides[:2]]
    assert swept_keys(None) == swept_keys(tmp_path) == set()
    tags = {"sweep": "training.learning_rate=choice(1, 2) +a.b=3,4"}
    run = RunInfo(run_dir=tmp_path, name="s", experiment="e", params={}, tags=tags)
    journal = Journal(tmp_path / "tracking.jsonl")
    journal.start(run, {})
    journal.flush()
    assert swept_keys(tmp_path) == {"training.learning_rate", "a.b"}


def test_species_with_other_layers_are_named():
    networks = (*SAME, network("C", 8, 1), network("N", 16, 8, 1))
    assert run_name(["seed=1"], networks, "x") == "128-32-1 C:8-1 N:16-8-1 seed=1"


def test_a_name_has_an_end():
    name = run_name([f"training.x{n}={n}" for n in range(100)], SAME, "x")
    assert len(name) == 200
    assert name.endswith("...")


@dataclass
class Part:
    """Stands for a DataPart."""

    paths: tuple[str, ...]
    fingerprint: str

    @property
    def files(self):
        return [SimpleNamespace(path=Path(path)) for path in self.paths]

    def summary(self):
        files = [{"path": path} for path in self.paths]
        return {"structures": 3, "fingerprint": self.fingerprint, "files": files}


def test_one_file_and_a_folder_of_many():
    many = tuple(f"/data/set/{n}/{n}.example" for n in range(150))
    data = SimpleNamespace(train=Part(many, "a"), validation=Part(("/data/other.h5",), "b"))
    train, validation = datasets(data)
    assert (train.name, train.uri, train.context) == ("set", "/data/set", "training")
    assert train.profile == {"structures": 3, "files": 150}
    assert train.files == [{"path": path} for path in many[:100]]
    assert (validation.name, validation.uri) == ("other.h5", "/data/other.h5")
    assert (validation.fingerprint, validation.context) == ("b", "validation")


def test_validation_on_the_training_data_is_an_input_of_its_own():
    part = Part(("/data/set.h5",), "a")
    names = [item.name for item in datasets(SimpleNamespace(train=part, validation=part))]
    assert names == ["set.h5", "set.h5 (validation)"]
    assert len(datasets(SimpleNamespace(train=part, validation=None))) == 1
