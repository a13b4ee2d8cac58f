"""What counts as a job that was done before."""

import json

from panna_exp.runs.sweep_jobs import finished_before, job_key

PLAIN = {"seed": 1, "io": {"train_dir": None}}


def result_in(folder, status="FINISHED", events=()):
    folder.mkdir()
    (folder / "result.json").write_text(json.dumps({"status": status, "overrides": ["seed=1"]}))
    (folder / "config.yaml").write_text("seed: 1\nio:\n  train_dir: elsewhere\n")
    if events:
        lines = [json.dumps({"event": name}) + "\n" for name in events]
        (folder / "tracking.jsonl").write_text("".join(lines))
    return folder


def test_a_job_whose_trackers_have_not_heard_of_its_end_ends_again(tmp_path, capsys):
    assert job_key(PLAIN) == job_key({"seed": 1, "io": {"train_dir": "elsewhere"}})
    assert finished_before(result_in(tmp_path / "untracked"), PLAIN) is not None
    ended = result_in(tmp_path / "ended", events=("start", "metrics", "finish"))
    assert finished_before(ended, PLAIN) is not None
    assert capsys.readouterr().err.count("finished before: ") == 2
    killed = result_in(tmp_path / "killed", events=("start", "finish", "resume", "artifact"))
    assert finished_before(killed, PLAIN) is None
    assert finished_before(result_in(tmp_path / "failed", "FAILED"), PLAIN) is None
    assert finished_before(tmp_path / "nothing", PLAIN) is None
    assert finished_before(tmp_path / "ended", {**PLAIN, "seed": 2}) is None
    assert capsys.readouterr().err == ""
