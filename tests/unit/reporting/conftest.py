"""Run directories made by hand, with what a training of two epochs leaves."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

HEADER = "epoch MAE/at RMSE/at loss tot_st val_MAE/at val_RMSE/at val_loss"


@dataclass
class RunMaker:
    """Writes run directories below a folder."""

    folder: Path

    def __call__(self, name: str, **changes: Any) -> Path:
        """Makes a finished run; ``changes`` replace whole files, None leaves one out.

        Keys: config, overrides, environment, result, metrics (text), log (text).
        """
        path = self.folder / name
        path.mkdir(parents=True)
        values = {**finished(), **changes}
        for key, write in (
            ("config", yaml.safe_dump),
            ("overrides", json.dumps),
            ("environment", json.dumps),
            ("result", json.dumps),
        ):
            suffix = "yaml" if key == "config" else "json"
            if values[key] is not None:
                (path / f"{key}.{suffix}").write_text(write(values[key]))
        for key, file in (("metrics", "metrics.dat"), ("log", "train.log")):
            if values[key] is not None:
                (path / file).write_text(values[key])
        return path

    def copy(self, path: Path, name: str) -> Path:
        return Path(shutil.copytree(path, self.folder / name))


def finished() -> dict[str, Any]:
    part = {"structures": 2, "atoms": 6, "fingerprint": "f" * 64}
    file = {"path": "/data/train.h5", "kind": "hdf5", "records": 2, "sha256": "a" * 64}
    return {
        "config": {
            "seed": 0,
            "io": {"train_dir": None},
            "data": {"train": ["train.h5"], "species": ["H", "O"]},
            "training": {"max_epochs": 2, "learning_rate": 0.01},
            "tracking": {"run_name": None},
        },
        "overrides": ["training.max_epochs=2", "tracking=none"],
        "environment": {
            "panna_exp": "0.1.0",
            "packages": {"torch": "2.0"},
            "git_commit": None,
            "launch_dir": "/somewhere",
            "device": "cpu",
            "data": {
                "fingerprint": "d" * 64,
                "reference_energies": {"H": -13.6, "O": -2041.8},
                "train": {**part, "files": [file]},
                "validation": None,
            },
        },
        "result": {
            "overrides": ["training.max_epochs=2", "tracking=none"],
            "status": "FINISHED",
            "metric": 20.0,
            "step": 20,
            "checkpoint": "epoch_2_step_20",
            "mae_mev_per_atom": 20.0,
        },
        "metrics": f"{HEADER}\n0 0.1 0.2 3.0 10 0.05 0.06 1.0\n1 0.05 0.1 1.0 20 0.02 0.03 0.5\n",
        "log": "2026-01-02 03:04:05,678 INFO training data: 2 structures\n",
    }


@pytest.fixture
def make_run(tmp_path: Path) -> RunMaker:
    return RunMaker(tmp_path)
