"""A run to track, and the tracking store that a test looks into."""

from pathlib import Path

import pytest

from panna_exp.tracking.base import RunInfo


def make_run(run_dir: Path, **changes) -> RunInfo:
    run_dir.mkdir(exist_ok=True)
    values = {
        "run_dir": run_dir,
        "name": "a name",
        "experiment": "tests",
        "params": {"training.learning_rate": 0.01, "network.species": {}},
        "tags": {"git_commit": "abc+", "data_fingerprint": "0123"},
    }
    return RunInfo(**{**values, **changes})


@pytest.fixture
def run(tmp_path) -> RunInfo:
    return make_run(tmp_path / "run")
