"""A run directory that came from elsewhere sends nothing of the user's to anybody."""

import json
import os
import shutil

import pytest

OPTIONS = (
    *("train", "network.architecture=[8,1]", "training.steps_per_epoch=5"),
    *("training.batch_size=4", "training.max_epochs=1", "tracking.log_model=false"),
)
CANARY = "a key of the user's"


@pytest.fixture(scope="module")
def tracked(shared_program):
    shared_program.run(*OPTIONS, "io.train_dir=run")
    return shared_program


@pytest.fixture
def received(tracked, tmp_path):
    """A copy whose journal names files of the user's; the files are beside it and elsewhere."""
    folder = tracked.folder / "received"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(tracked.folder / "run", folder)
    (folder / "tracking_mlflow.json").unlink()
    secret = tmp_path / "id_key"
    secret.write_text(CANARY)
    (folder / "link.txt").symlink_to(secret)
    (folder / "model").mkdir(exist_ok=True)
    (folder / "model/inside.txt").symlink_to(secret)
    events = [
        {"event": "artifact", "path": str(secret), "folder": ""},
        {"event": "artifact", "path": os.path.relpath(secret, folder), "folder": ""},
        {"event": "artifact", "path": "link.txt", "folder": ""},
        {"event": "artifact", "path": "../run/result.json", "folder": ""},
        {
            **{"event": "model", "folder": "model", "name": "m", "step": 1},
            **{"species": ["H"], "register": None, "members": 1},
        },
    ]
    journal = folder / "tracking.jsonl"
    lines = journal.read_text().splitlines()
    lines[0] = json.dumps({**json.loads(lines[0]), "key": tmp_path.name})
    lines[-1:-1] = map(json.dumps, events)
    journal.write_text("\n".join(lines) + "\n")
    return folder


def sent(program):
    return [path for path in (program.folder / "mlruns").rglob("*") if path.is_file()]


def test_files_outside_of_the_run_directory_are_never_sent(tracked, received):
    done = tracked.run("sync", "received")
    names = "not sent, not in the run directory: "
    told = done.stdout.partition(names)[2]
    for name in ("id_key", "link.txt", "../run/result.json", "model"):
        assert name in told, done.stdout
    assert len(sent(tracked)) > 5
    for path in sent(tracked):
        assert CANARY not in path.read_bytes().decode(errors="replace"), path


def redirected(folder, uri):
    journal = folder / "tracking.jsonl"
    lines = journal.read_text().splitlines()
    event = json.loads(lines[0])
    event["store"]["uri"] = uri
    journal.write_text("\n".join([json.dumps(event), *lines[1:]]) + "\n")


def test_the_server_that_a_journal_names_is_not_asked_unless_confirmed(tracked, received):
    redirected(received, "http://127.0.0.1:1")
    done = tracked.run("sync", "received", code=2)
    assert "is recorded in http://127.0.0.1:1, but here MLflow's store is sqlite" in done.stderr
    assert "say uri=http://127.0.0.1:1, or set MLFLOW_TRACKING_URI" in done.stderr
    done = tracked.run("evaluate", "run_dir=received")
    assert "MLflow gets no evaluation" in done.stderr
    assert "say mlflow_uri=http://127.0.0.1:1" in done.stderr
    done = tracked.run("sync", "received", "uri=http://127.0.0.1:1", code=2)
    assert "does not take the record" in done.stderr


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"event": "metrics", "step": 1}', "expected 'time'"),
        ('{"event": "metrics", "step": 1, "time": 1, "values": {"a": "b"}}', "is not a number"),
        ('{"event": "artifact", "path": 1, "folder": ""}', "expected 'path'"),
        ('{"event": "finish", "status": "HAPPY", "time": 1}', "'HAPPY' is not a status"),
        ('{"event": "data", "datasets": [{}]}', "expected 'name'"),
        ('{"event": "metrics", "step": 1e999, "time": 1, "values": {}}', "expected 'step'"),
        ("[" * 100_000, "expected a JSON object with the key 'event'"),
    ],
)
def test_an_event_that_is_none_is_one_line(tracked, received, line, message):
    with (received / "tracking.jsonl").open("a") as file:
        file.write(line + "\n")
    done = tracked.run("sync", "received", code=2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_an_unknown_key_of_the_state_is_of_another_version(tracked, received):
    tracked.run("sync", "received")
    path = received / "tracking_mlflow.json"
    states = json.loads(path.read_text())
    (state,) = states.values()
    path.write_text(json.dumps({uri: {**state, "new": 1} for uri in states}))
    done = tracked.run("sync", "received")
    assert "sent 0 points and 0 files" in done.stdout
    path.write_text(json.dumps({uri: {**state, "offset": "x"} for uri in states}))
    done = tracked.run("sync", "received", code=2)
    assert "'offset' is 'x': remove it, and everything is sent again" in done.stderr


def test_a_run_killed_before_its_end_was_told_is_completed(tracked, received):
    path = received / "tracking.jsonl"
    lines = [line for line in path.read_text().splitlines() if '"artifact"' not in line]
    path.write_text("\n".join(line for line in lines if '"finish"' not in line) + "\n")
    os.utime(received / "result.json")
    tracked.run("sync", "received")
    assert json.loads(path.read_text().splitlines()[-1])["status"] == "FINISHED"
    (state,) = json.loads((received / "tracking_mlflow.json").read_text()).values()
    assert state["status"] == "FINISHED"
    names = {path.name for path in sent(tracked) if state["run_id"] in str(path)}
    assert {"result.json", "metrics.dat"} <= names
