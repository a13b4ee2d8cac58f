"""The potential of a tracked run as an MLflow model: what it predicts is what the run did."""

import json

import mlflow
import numpy as np
import pytest
from mlflow import MlflowClient

import panna_exp as pe
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.readers import open_structures
from panna_exp.readers.hdf5 import write_hdf5

OPTIONS = (
    *("network.architecture=[8,1]", "training.steps_per_epoch=20", "training.max_epochs=1"),
    *("io.train_dir=run", "training.forces_cost=0.1", "training.ema_decay=0.9"),
)

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run with a registered model, continued once, and what its first end said."""
    first = shared_program.run("train", *OPTIONS, "tracking.register=methane")
    shared_program.run("train", *OPTIONS, "tracking.register=methane", "training.max_epochs=2")
    return shared_program, first


@pytest.fixture
def store(trained):
    uri = f"sqlite:///{trained[0].folder}/mlflow.db"
    mlflow.set_tracking_uri(uri)
    yield MlflowClient(uri)
    mlflow.set_tracking_uri(None)


def test_the_model_predicts_what_the_run_did(trained, store):
    program, first = trained
    (line,) = [line for line in first.stdout.splitlines() if line.startswith("model:")]
    assert line.startswith("model:        mlflow.pyfunc.load_model('models:/m-")
    versions = store.search_model_versions("name = 'methane'")
    assert sorted(int(version.version) for version in versions) == [1, 2]  # one per end
    assert len({version.run_id for version in versions}) == 1
    species = Species(("H", "C", "O", "N"))
    data = open_structures(["builtin:tutorial_validation.h5"], species, base=program.folder)
    structures = data.structures
    rows = [
        {
            "symbols": [species.symbols[s] for s in structures.species[first:last]],
            "positions": structures.positions[first:last],
        }
        for first, last in zip(structures.offsets, structures.offsets[1:], strict=False)
    ]
    model = mlflow.pyfunc.load_model("models:/methane/2")
    found = model.predict(rows, params={"forces": True})
    energies = np.genfromtxt(program.folder / "run/evaluate/epoch_2_step_40.dat", usecols=(1, 3))
    atoms, predicted = energies.T
    assert np.abs((found["energy"] - predicted) / atoms).max() < 1e-6
    forces = np.genfromtxt(
        program.folder / "run/evaluate/epoch_2_step_40_forces.dat", usecols=(2, 3, 4)
    )
    assert np.abs(np.concatenate(list(found["forces"])) - forces).max() < 1e-4
    atomic = found["atomic_energies"].map(np.sum)
    assert np.abs(atomic - found["energy"]).max() < 1e-9


def test_python_loads_it_by_its_address(trained, store, monkeypatch):
    program, _ = trained
    monkeypatch.chdir(program.folder)
    water = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
    wanted = pe.load("run").predict(water)
    (own,) = json.loads((program.folder / "run/tracking_mlflow.json").read_text()).values()
    name = store.get_logged_model(own["model"].removeprefix("models:/")).name
    for address in ("models:/methane/2", own["model"], f"runs:/{own['run_id']}/{name}"):
        found = pe.load(address).predict(water)
        for name in ("energy", "forces"):
            np.testing.assert_array_equal(found[name], wanted[name])
    with pytest.raises(pe.PannaExpError, match=r"^models:/mthane/1: MLflow does not give it: "):
        pe.load("models:/mthane/1")


def test_a_run_without_a_known_descriptor_says_so_and_is_tracked(program, tmp_path):
    random = np.random.default_rng(0)
    items = [
        Structure(
            origin="",
            name=f"s{number}",
            species=np.array([0, 0]),
            energy=-27.0,
            descriptors=random.random((2, 4)).astype(np.float32),
        )
        for number in range(10)
    ]
    unknown = StructureSet.from_structures(items, {"type": "unknown", "size": 4})
    write_hdf5(tmp_path / "h2.h5", unknown, Species(("H",)))
    data = ("data=hdf5", "data.train=h2.h5", "data.species=[H]", "data.reference_energies=fit")
    done = program.run("train", *data, "training.max_epochs=1", "io.train_dir=run")
    assert "MLflow gets no model: nothing says which formula made the descriptors" in done.stderr
    assert not (tmp_path / "run/model").exists()
    store = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    (experiment,) = store.search_experiments(filter_string="name = 'panna_exp'")
    assert store.search_logged_models([experiment.experiment_id]) == []
    assert store.search_runs([experiment.experiment_id])[0].info.status == "FINISHED"


def test_mistakes_of_registering_are_named(program):
    done = program.run("train", "tracking=none", "tracking.register=a/b", code=2)
    assert "tracking.register='a/b': expected a name without slashes" in done.stderr
    assert "tracking.register=a/b: registers the model that tracking=mlflow with" in done.stderr
