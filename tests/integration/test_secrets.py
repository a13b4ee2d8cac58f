"""User information in an address never reaches a log, a record or the terminal."""

import json
import re
from dataclasses import replace

import pytest

OPTIONS = (
    *("train", "network.architecture=[8,1]", "training.steps_per_epoch=5"),
    *("training.batch_size=4", "training.max_epochs=1", "tracking=mlflow"),
    *("tracking.wait_seconds=0", "tracking.log_model=false"),
)
ADDRESSES = {
    "password": ("http://me:S3CRET@127.0.0.1:1", "http://***@127.0.0.1:1"),
    "at": ("http://me:S3@S3CRET@127.0.0.1:1", "http://***@127.0.0.1:1"),
    "token": ("http://S3CRET@127.0.0.1:1", "http://***@127.0.0.1:1"),
}


def holders(folder):
    """The files in which the secret stands."""
    return [
        str(path)
        for path in folder.rglob("*")
        if path.is_file() and b"S3CRET" in path.read_bytes() and "conf" not in path.parts
    ]


@pytest.mark.parametrize("kind", ADDRESSES)
def test_what_is_typed_is_masked_everywhere_and_used(program, tmp_path, kind):
    address, shown = ADDRESSES[kind]
    done = program.run(*OPTIONS, f"tracking.uri='{address}'", "io.train_dir=run")
    assert "S3CRET" not in done.stdout + done.stderr
    assert f"MLflow ({shown})" in done.stderr
    assert holders(tmp_path) == []
    assert f"uri: {shown}" in (tmp_path / "run/config.yaml").read_text()
    start = json.loads((tmp_path / "run/tracking.jsonl").read_text().splitlines()[0])
    assert start["store"]["uri"] == start["params"]["tracking.uri"] == shown
    if kind != "at":
        return
    # The printed command needs the address again; with it the run goes on.
    again = (*OPTIONS, "io.train_dir=run", "training.max_epochs=2")
    done = program.run(*again, f"tracking.uri={shown}", code=2)
    assert "records keep no user information: give the whole address again" in done.stderr
    done = program.run(*again, f"tracking.uri='{address}'")
    assert "continuing from" in done.stderr
    assert holders(tmp_path) == []
    program.run("report", "run", "--output", "report.html")
    assert holders(tmp_path) == []


def test_an_address_in_a_file_of_the_users_is_masked(program, tmp_path):
    (tmp_path / "conf/tracking").mkdir(parents=True)
    address, shown = ADDRESSES["password"]
    (tmp_path / "conf/tracking/mine.yaml").write_text(f"mlflow: true\nuri: {address}\n")
    words = (*OPTIONS[:5], "tracking=mine", "tracking.wait_seconds=0", "io.train_dir=r")
    done = program.run(*words, code=2)
    assert f"tracking.uri={shown}: a file names the server" in done.stderr
    assert "S3CRET" not in done.stdout + done.stderr
    done = replace(program, variables={"MLFLOW_TRACKING_URI": address}).run(*words)
    assert f"MLflow ({shown})" in done.stderr
    assert "S3CRET" not in done.stdout + done.stderr
    assert holders(tmp_path) == []
    assert re.search(re.escape(shown), (tmp_path / "r/config.yaml").read_text())


def test_a_sweep_keeps_nothing_of_it(program, tmp_path):
    address, shown = ADDRESSES["token"]
    words = ("-m", "seed=1,2", f"tracking.uri={address}", "sweep.dir=s")
    done = program.run(*OPTIONS, *words)
    assert "S3CRET" not in done.stdout + done.stderr
    assert holders(tmp_path) == []
    assert shown in (tmp_path / "s/tracking.jsonl").read_text()
