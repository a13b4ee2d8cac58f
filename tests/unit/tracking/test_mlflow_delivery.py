"""A journal in a real store: everything once, whatever happened to the processes before."""

import json
import math
from pathlib import Path

import pytest
from mlflow.data import get_source

from panna_exp.errors import PannaExpError
from panna_exp.tracking.archive import archive
from panna_exp.tracking.base import Dataset, RunStatus
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import STATE, BusyError, Delivery, State

from .conftest import make_run

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies


def write(run, steps=(), values=None, status=RunStatus.FINISHED, files=()):
    """A training that logs and ends; without a status it is killed."""
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    for step in steps:
        journal.log(step, values or {"loss": 1 / step, "mae": step})
    for file in files:
        journal.save(file, "")
    if status is not None:
        journal.finish(status)
    journal.flush()


def deliver(run, store, mark=True):
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    try:
        delivery.send()
        if mark:
            delivery.mark_failed()
    finally:
        delivery.close()
    return delivery


def test_a_whole_run(run, store):
    (run.run_dir / "config.yaml").write_text("a: 1")
    write(run, [1, 2, 3], files=["config.yaml", "gone.pt"])
    delivery = deliver(run, store)
    assert (delivery.points, delivery.files, delivery.missing) == (6, 1, ["gone.pt"])
    assert store.points("loss") == [(1, 1.0), (2, 0.5), (3, 1 / 3)]
    assert store.params() == {"training.learning_rate": "0.01", "network.species": "{}"}
    tags = store.tags()
    assert tags["data_fingerprint"] == "0123"
    assert tags["mlflow.source.git.commit"] == "abc"
    assert tags["mlflow.runName"] == "a name"
    assert store.statuses() == ["FINISHED"]
    ((location,),) = store.ask("select artifact_location from experiments where name = 'tests'")
    assert location == f"file://{store.folder}/mlruns/artifacts/tests"
    file = store.folder / f"mlruns/artifacts/tests/{delivery.run_id}/artifacts/config.yaml"
    assert file.read_text() == "a: 1"


@pytest.mark.parametrize(
    ("status", "expected"),
    [(RunStatus.KILLED, "KILLED"), (RunStatus.FAILED, "FAILED"), (None, "FAILED")],
)
def test_how_a_run_ended_and_that_it_was_continued(run, store, status, expected):
    write(run, [1, 2], status=status)
    first = deliver(run, store)
    assert store.statuses() == [expected]
    write(run, [2, 3])
    deliver(run, store)
    assert store.statuses() == ["FINISHED"]
    assert store.points("mae") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert State.load(run.run_dir, store.uri).run_id == first.run_id


def test_a_run_that_goes_on_is_running(run, store):
    write(run, [1], status=None)
    assert not deliver(run, store, mark=False).ended
    assert store.statuses() == ["RUNNING"]


def test_a_changed_parameter_of_a_continued_run(run, store):
    write(run, [1])
    deliver(run, store)
    write(make_run(run.run_dir, params={"training.learning_rate": 0.5, "new": 1}), [2])
    deliver(run, store)
    assert store.params()["training.learning_rate"] == "0.01"
    assert store.params()["new"] == "1"
    assert store.tags()["resumed.training.learning_rate"] == "0.5"


@pytest.mark.parametrize("change", ["rewound", "lost"])
def test_what_is_sent_twice_is_there_once(run, store, change):
    write(run, range(1, 1201), {"loss": 0.25, "bad": math.nan, "far": -math.inf})
    first = deliver(run, store)
    assert first.points == 3600
    state = State.load(run.run_dir, store.uri)
    if change == "rewound":
        state.offset = 0
        state.save(run.run_dir, store.uri)
    else:
        (run.run_dir / STATE).unlink()
    again = deliver(run, store)
    assert again.points == 3600
    assert again.run_id == first.run_id
    for name in ("loss", "bad", "far"):
        assert [step for step, _ in store.points(name)] == list(range(1, 1201))
    assert store.ask("select count(*) from metrics where is_nan") == [(1200,)]
    assert len(store.statuses()) == 1


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_a_sender_that_dies_in_the_middle(run, store, after):
    write(run, range(1, 1251))
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    log_batch = delivery._client.log_batch
    calls = []

    def breaking(run_id, **batch):
        calls.append(batch)
        if len(calls) == after + 1:
            raise KeyboardInterrupt
        log_batch(run_id, **batch)

    delivery._client.log_batch = breaking
    with pytest.raises(KeyboardInterrupt):
        delivery.send()
    delivery.close()
    deliver(run, store)
    assert store.points("mae") == [(step, step) for step in range(1, 1251)]
    assert store.params()["training.learning_rate"] == "0.01"
    assert store.tags()["data_fingerprint"] == "0123"
    assert store.statuses() == ["FINISHED"]


def test_a_store_that_is_down_for_a_while_in_the_middle_gets_everything_once(run, store):
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    delivery.send()  # begins the run
    log_batch = delivery._client.log_batch
    answers = iter(["taken", "not taken", "answer lost", "not taken", "answer lost"])

    def unsteady(run_id, **batch):
        answer = next(answers, "taken")
        if answer != "not taken":
            log_batch(run_id, **batch)
        if answer != "taken":
            raise ConnectionError("connection refused")

    def log_and_send(steps):
        for step in steps:
            journal.log(step, {"mae": step})
        journal.flush()
        try:
            delivery.send()
        except ConnectionError:
            return False
        return True

    delivery._client.log_batch = unsteady
    sent = [log_and_send(range(first, first + 50)) for first in range(1, 301, 50)]
    assert sent == [True, False, False, False, False, True]
    journal.finish(RunStatus.FINISHED)
    journal.flush()
    delivery.send()
    delivery.close()
    assert store.points("mae") == [(step, step) for step in range(1, 301)]
    assert store.statuses() == ["FINISHED"]


def test_limits_of_mlflow(run, store):
    params = {f"p{number}": number for number in range(250)}
    params |= {"long": "x" * 7000, "fits": "x" * 6000, "a[0]": 1, "empty": ""}
    write(make_run(run.run_dir, params=params, tags={"long": "t" * 9000}))
    write(run, [1], {f"m[{number}]": number for number in range(2300)})
    deliver(run, store)
    assert len(store.params()) == 254 + 2  # those of the second start as well
    assert store.params()["fits"] == "x" * 6000
    assert len(store.params()["long"]) == 6000
    assert store.params()["long"].endswith("xx... (all of it: config.yaml)")
    assert store.params()["a_0_"] == "1"
    assert len(store.tags()["long"]) == 5000
    assert store.ask("select count(*) from metrics") == [(2300,)]
    assert store.points("m_7_") == [(1, 7.0)]


def dataset(context, **changes):
    values = {
        "name": "set.xyz",
        "context": context,
        "fingerprint": "0123456789abcdef"[len(context)] * 64,
        "uri": "/data/set.xyz",
        "files": [{"path": "set.xyz", "sha256": "1"}],
        "profile": {"structures": 180},
    }
    return Dataset(**{**values, **changes})


INPUTS = """
    select datasets.name, digest, dataset_source, dataset_profile, input_tags.value from datasets
    join inputs on source_id = dataset_uuid join input_tags using (input_uuid)
    where destination_type = 'RUN' and destination_id = ? and input_tags.name = ?
    order by input_tags.value, digest
"""


def inputs(store, run_id):
    return store.ask(INPUTS, run_id, "mlflow.data.context")


def test_data_sets_are_inputs_once(run, store):
    both = [dataset("training"), dataset("validation")]
    write(make_run(run.run_dir, datasets=both), [1], status=None)
    first = deliver(run, store)
    found = inputs(store, first.run_id)
    assert [(row[0], row[4]) for row in found] == [("set.xyz", d.context) for d in both]
    assert [row[1] for row in found] == [d.fingerprint[:36] for d in both]
    assert json.loads(found[0][2]) == {"uri": "/data/set.xyz", "files": list(both[0].files)}
    fingerprint = {"structures": 180, "fingerprint": both[0].fingerprint}
    assert json.loads(found[0][3]) == fingerprint
    # Continued, and then continued with other validation data.
    write(make_run(run.run_dir, datasets=both), [2])
    deliver(run, store)
    assert inputs(store, first.run_id) == found
    other = dataset("validation", fingerprint="e" * 64)
    write(make_run(run.run_dir, datasets=[both[0], other]), [3])
    deliver(run, store)
    assert [row[1] for row in inputs(store, first.run_id)[2:]] == ["e" * 36]


def test_data_sets_are_sent_once_by_a_sender_that_starts_again(run, store):
    write(make_run(run.run_dir, datasets=[dataset("training")]), [1])
    first = deliver(run, store)
    (run.run_dir / STATE).unlink()
    again = deliver(run, store)
    assert again.run_id == first.run_id
    assert len(inputs(store, first.run_id)) == 1


def test_data_sets_as_mlflow_gives_them_back(run, store):
    file = run.run_dir / "set.xyz"
    file.write_text("1")
    write(make_run(run.run_dir, datasets=[dataset("training", uri=str(file))]), [1])
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    delivery.send()
    (item,) = delivery._client.get_run(delivery.run_id).inputs.dataset_inputs
    delivery.close()
    assert Path(get_source(item.dataset).load()).read_text() == "1"


def test_a_data_set_of_too_many_files_and_a_long_name(run, store):
    files = [{"path": f"{'folder/' * 100}{n}", "sha256": "0" * 64} for n in range(100)]
    many = dataset("training", name="n" * 600, files=files)
    write(make_run(run.run_dir, datasets=[many]), [1])
    ((name, _, source, _, _),) = inputs(store, deliver(run, store).run_id)
    assert name == "n" * 500
    assert json.loads(source)["files"] == files[:50]


def test_a_journal_of_before_there_were_data_sets(run, store):
    write(run, [1])
    path = run.run_dir / "tracking.jsonl"
    path.write_text(path.read_text().replace('"datasets": [], ', ""))
    assert "datasets" not in path.read_text()
    assert inputs(store, deliver(run, store).run_id) == []
    assert store.statuses() == ["FINISHED"]


def test_one_sender_at_a_time(run, store):
    write(run, [1])
    first = Delivery(run.run_dir, store.uri, store.folder)
    with pytest.raises(BusyError, match="is being sent to MLflow by another process"):
        Delivery(run.run_dir, store.uri, store.folder)
    first.close()
    deliver(run, store)


@pytest.mark.parametrize("moment", ["between", "during"])
def test_a_sender_left_behind_by_a_training_that_starts_over(run, store, moment):
    (run.run_dir / "config.yaml").write_text("old")
    write(run, [1, 2], status=None)
    left_behind = Delivery(run.run_dir, store.uri, store.folder)
    left_behind.send()
    write(run, [3, 4], files=["config.yaml"])
    log_batch = left_behind._client.log_batch

    def start_over(*arguments, **batch):
        archive(run.run_dir, "tracking_1")
        (run.run_dir / "config.yaml").write_text("new")
        write(run, range(1, 301), {"mae": -1.0})
        left_behind._client.log_batch = log_batch
        log_batch(*arguments, **batch)

    if moment == "between":
        start_over(left_behind.run_id)
    else:
        left_behind._client.log_batch = start_over
    left_behind.send()
    left_behind.mark_failed()
    left_behind.close()
    second = deliver(run, store)
    assert second.run_id != left_behind.run_id
    assert store.statuses() == ["FINISHED", "FINISHED"]
    query = "select step, value from metrics where run_uuid = ? and key = 'mae' order by step"
    assert store.ask(query, left_behind.run_id) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert store.ask(query, second.run_id) == [(step, -1) for step in range(1, 301)]
    assert left_behind.missing == ["config.yaml"]  # there is another run's in its place


def test_the_state_of_another_journal_is_not_used(run, store):
    write(run, [1])
    first = deliver(run, store)
    stale = (run.run_dir / STATE).read_text()
    archive(run.run_dir, "tracking_1")
    (run.run_dir / STATE).write_text(stale)
    write(run, [1])
    assert deliver(run, store).run_id != first.run_id
    assert store.statuses() == ["FINISHED", "FINISHED"]


def test_a_run_that_was_taken_for_crashed_goes_on(run, store):
    write(run, [1], status=None)
    write(run, [2], status=None)  # continued while the first training's sender is still at work
    deliver(run, store)
    assert store.statuses() == ["FAILED"]
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    delivery.goes_on()
    assert store.statuses() == ["RUNNING"]
    delivery.close()


def test_a_run_that_said_how_it_ended_does_not_go_on(run, store):
    write(run, [1], status=RunStatus.FAILED)
    deliver(run, store)
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    delivery.goes_on()
    assert store.statuses() == ["FAILED"]
    delivery.close()


def test_a_run_deleted_from_the_store_is_sent_again(run, store):
    write(run, [1])
    first = deliver(run, store)
    client = Delivery(run.run_dir, store.uri, store.folder)._client
    client.delete_run(first.run_id)
    write(run, [2])
    second = deliver(run, store)
    assert second.run_id != first.run_id
    query = "select step from metrics where run_uuid = ? and key = 'mae'"
    assert store.ask(query, second.run_id) == [(1,), (2,)]


def test_a_deleted_experiment_is_named(run, store):
    write(run, [1])
    delivery = Delivery(run.run_dir, store.uri, store.folder)
    identity = delivery._client.create_experiment("tests")
    delivery._client.delete_experiment(identity)
    with pytest.raises(
        PannaExpError, match=r"'tests' of .* is deleted: mlflow experiments restore"
    ):
        delivery.send()
    delivery.close()


def test_two_stores_have_a_state_each(run, store, tmp_path):
    other = type(store)(tmp_path / "other")
    other.folder.mkdir()
    (other.folder / "mlflow.db").write_bytes((store.folder / "mlflow.db").read_bytes())
    write(run, [1])
    deliver(run, store)
    deliver(run, other)
    write(run, [2])
    assert deliver(run, store).points == 2
    assert deliver(run, other).points == 2
    for place in (store, other):
        assert place.points("mae") == [(1, 1.0), (2, 2.0)]


def test_passwords_stay_out_of_the_run_directory(run):
    State(run_id="1").save(run.run_dir, "http://me:secret@host")
    assert "secret" not in Path(run.run_dir / STATE).read_text()
    assert State.load(run.run_dir, "http://me:secret@host").run_id == "1"


@pytest.mark.parametrize("text", ["", "[]", "{"])
def test_a_damaged_state_is_named(run, text):
    (run.run_dir / STATE).write_text(text)
    with pytest.raises(PannaExpError, match=rf"{STATE}: expected a JSON object"):
        State.load(run.run_dir, "x")
    (run.run_dir / STATE).write_text(json.dumps({}))
    assert State.load(run.run_dir, "x") == State()
