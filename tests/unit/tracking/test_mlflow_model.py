"""Models in a real store: logged and registered once, loaded by MLflow alone."""

import json
from dataclasses import replace

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException
from mlflow.protos import databricks_pb2

from panna_exp.assembly.model_folder import read_model, write_committee
from panna_exp.errors import NetworkError
from panna_exp.predictor import Predictor
from panna_exp.tracking.base import Dataset, Model, RunStatus
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import Delivery, State
from panna_exp.tracking.mlflow_store import open_client

from .conftest import make_run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies

WATER = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
CRYSTAL = {**WATER, "cell": (3.4 * np.eye(3)).tolist(), "pbc": [True, True, True]}


@pytest.fixture
def client(store):
    return open_client(store.uri)


def write(folder, register=None, name="epoch_1_step_10"):
    run = make_run(folder.parents[1])
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    journal.log(10, {"result/mae": 1.5, "loss": 0.5})
    model = Model(folder=folder, name=name, step=10, species=["H", "O"], register=register)
    journal.save_model("model/epoch_1_step_10", model)
    journal.finish(RunStatus.FINISHED)
    journal.flush()
    return run


def deliver(run, store, anew=False):
    if anew:
        (run.run_dir / "tracking_mlflow.json").unlink()
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    try:
        delivery.send()
    finally:
        delivery.close()
    return delivery


def models(client, delivery):
    run = client.get_run(delivery.run_id)
    return client.search_logged_models([run.info.experiment_id])


def load(store, uri):
    mlflow.set_tracking_uri(store.uri)
    try:
        return mlflow.pyfunc.load_model(uri)
    finally:
        mlflow.set_tracking_uri(None)


def test_a_model_predicts_what_the_potential_does(model_folder, store, client):
    delivery = deliver(write(model_folder), store)
    (logged,) = models(client, delivery)
    assert logged.status == LoggedModelStatus.READY
    assert logged.source_run_id == delivery.run_id
    assert {metric.key: metric.value for metric in logged.metrics} == {"result/mae": 1.5}
    (output,) = client.get_run(delivery.run_id).outputs.model_outputs
    assert (output.model_id, output.step) == (logged.model_id, 10)
    assert State.load(model_folder.parents[1], store.uri).model == f"models:/{logged.model_id}"
    loaded = load(store, f"models:/{logged.model_id}")
    expected = Predictor.load(model_folder).predict([WATER, CRYSTAL], forces=True)
    for given in ([WATER, CRYSTAL], pd.DataFrame([WATER, CRYSTAL], index=[5, 7])):
        found = loaded.predict(given, params={"forces": True})
        assert found["energy"].tolist() == [item["energy"] for item in expected]
        for mine, other in zip(found["forces"], expected, strict=True):
            np.testing.assert_array_equal(mine, other["forces"])
    assert found.index.tolist() == [5, 7]
    assert "forces" not in loaded.predict([WATER])
    names = [field.name for field in loaded.metadata.signature.inputs]
    assert names == ["symbols", "positions", "cell", "pbc"]
    with pytest.raises(MlflowException, match="missing inputs"):
        loaded.predict([{"symbols": ["H"]}])
    requirements = f"{store.folder}/mlruns/artifacts/tests/models/{logged.model_id}/artifacts"
    kept = {path.suffix for path in (store.folder / requirements).rglob("*") if path.is_file()}
    assert kept == {"", ".py", ".json", ".npy", ".yaml", ".txt"}  # nothing pickled


def test_loading_refuses_another_version(model_folder, store, client):
    delivery = deliver(write(model_folder), store)
    (logged,) = models(client, delivery)
    folder = store.folder / f"mlruns/artifacts/tests/models/{logged.model_id}/artifacts/artifacts"
    path = folder / "epoch_1_step_10/potential.json"
    (path.parent / "SHA256SUMS").unlink()
    path.write_text(json.dumps({**json.loads(path.read_text()), "format_version": 3}))
    with pytest.raises(NetworkError, match="has the format version 3, written by panna_exp"):
        load(store, f"models:/{logged.model_id}")


def test_a_model_is_logged_and_registered_once(model_folder, store, client):
    run = write(model_folder, register="water")
    first = deliver(run, store)
    second = deliver(run, store, anew=True)  # as after a kill before the state was saved
    assert first.run_id == second.run_id
    (logged,) = models(client, first)
    (version,) = client.search_model_versions("name = 'water'")
    assert logged.model_id in version.source
    assert version.run_id == first.run_id
    assert load(store, "models:/water/1").predict([WATER])["energy"][0] < -2000
    write(model_folder, register="water", name="epoch_2_step_20")
    deliver(run, store)
    assert len(models(client, first)) == 2
    assert len(client.search_model_versions("name = 'water'")) == 2


def test_a_committee_tells_its_spread(model_folder, store, client):
    potential, _ = read_model(model_folder)
    folder = model_folder.parent / "both"
    write_committee(folder, "both", [potential, replace(potential, energy_rescale=4.0)], "float64")
    run = make_run(model_folder.parents[1])
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    dataset = Dataset(
        name="d", context="training", fingerprint="f" * 64, uri="/d", files=[], profile={}
    )
    journal.add_data([dataset])
    model = Model(folder=folder, name="both", step=20, species=["H", "O"], register=None, members=2)
    journal.save_model("model/both", model)
    journal.finish(RunStatus.FINISHED)
    journal.flush()
    delivery = deliver(run, store)
    (logged,) = models(client, delivery)
    found = load(store, f"models:/{logged.model_id}").predict([WATER], params={"forces": True})
    assert found["energy_std"][0] > 0
    assert np.shape(found["forces_std"][0]) == (3, 3)
    inputs = client.get_run(delivery.run_id).inputs.dataset_inputs
    assert "d" in [item.dataset.name for item in inputs]


def test_a_model_that_a_kill_left_unfinished_is_replaced(model_folder, store, client, monkeypatch):
    def die(*_):
        raise KeyboardInterrupt

    run = write(model_folder)
    with monkeypatch.context() as patched:
        patched.setattr("panna_exp.tracking.mlflow_model._save", die)
        with pytest.raises(KeyboardInterrupt):
            deliver(run, store)
    delivery = deliver(run, store)
    (logged,) = models(client, delivery)
    assert logged.status == LoggedModelStatus.READY
    assert store.statuses() == ["FINISHED"]
    assert store.points("loss") == [(10, 0.5)]


def test_a_server_without_models_gets_the_rest(model_folder, store, monkeypatch):
    def refuse(*_):
        raise MlflowException("no such endpoint", databricks_pb2.ENDPOINT_NOT_FOUND)

    monkeypatch.setattr("panna_exp.tracking.mlflow_delivery.log_model", refuse)
    delivery = deliver(write(model_folder), store)
    assert delivery.missing == ["model/epoch_1_step_10 as a model (the server takes none)"]
    assert store.statuses() == ["FINISHED"]


def test_a_folder_that_is_gone_is_told(model_folder, store):
    run = write(model_folder)
    for path in model_folder.iterdir():
        path.unlink()
    model_folder.rmdir()
    assert deliver(run, store).missing == ["model/epoch_1_step_10"]
    assert store.statuses() == ["FINISHED"]
