"""What counts as a job that was done before."""

import json

from panna_exp.runs.sweep_jobs import finished_before, job_key

PLAIN = {"seed": 1, "io": {"train_dir": None}, "tracking": {"mlflow": False}}


def result_in(folder, status="FINISHED"):
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"status": status, "overrides": ["seed=1"]}))
    (folder / "config.yaml").write_text("seed: 1\nio:\n  train_dir: elsewhere\n")
    return folder


def test_a_job_that_was_done_before_is_of_the_same_configuration(tmp_path, capsys):
    assert job_key(PLAIN) == job_key({"seed": 1, "io": {"train_dir": "elsewhere"}})
    done = result_in(tmp_path / "done")
    assert finished_before(done, PLAIN, tmp_path)["status"] == "FINISHED"
    assert capsys.readouterr().err.startswith("finished before: ")
    assert finished_before(result_in(tmp_path / "failed", "FAILED"), PLAIN, tmp_path) is None
    assert finished_before(tmp_path / "nothing", PLAIN, tmp_path) is None
    assert finished_before(done, {**PLAIN, "seed": 2}, tmp_path) is None
    assert capsys.readouterr().err == ""
