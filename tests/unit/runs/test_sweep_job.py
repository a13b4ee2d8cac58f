"""A job of a sweep that is stopped has not failed, whatever became of the signal's exception."""

import os
import signal
from types import SimpleNamespace

import pytest

from panna_exp.runs import signals, sweep_job
from panna_exp.runs.signals import Stopped


def test_a_stopped_job_is_none_that_failed(tmp_path, monkeypatch):
    def way(job):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt as error:
            raise RuntimeError("what a library makes of it") from error

    monkeypatch.setattr(signals, "_SAME_SECONDS", 0.0)
    monkeypatch.setattr(sweep_job, "way_to_train", lambda job: way)
    monkeypatch.setattr(sweep_job.Job, "of", lambda composed: None)
    monkeypatch.setattr(sweep_job, "replace", lambda composed, run_dir: composed)
    composed = SimpleNamespace(
        overrides=["seed=1"], plain={"sweep": {}}, sweep_dir=tmp_path, run_dir=tmp_path / "0"
    )
    composed.launch_dir = tmp_path
    (tmp_path / "0").mkdir()
    with pytest.raises(Stopped):
        sweep_job.train_sweep_job(composed)
    assert not list(tmp_path.rglob("result.json"))
    assert not (tmp_path / ".failed").exists()
