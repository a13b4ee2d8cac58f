"""A run to track, a new store quickly, and what is in a store, read without MLflow."""

import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest

from panna_exp.tracking.base import RunInfo
from panna_exp.tracking.mlflow_store import open_client


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


@dataclass(frozen=True)
class Store:
    """A SQLite store in the folder where runs are started."""

    folder: Path

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"

    def ask(self, query: str, *values: object) -> list[tuple]:
        connection = sqlite3.connect(self.folder / "mlflow.db", timeout=30)
        try:
            return connection.execute(query, values).fetchall()
        finally:
            connection.close()

    def statuses(self) -> list[str]:
        return [status for (status,) in self.ask("select status from runs order by start_time")]

    def points(self, key: str) -> list[tuple[int, float]]:
        return self.ask("select step, value from metrics where key = ? order by step, value", key)

    def params(self) -> dict[str, str]:
        return dict(self.ask("select key, value from params"))

    def tags(self) -> dict[str, str]:
        return dict(self.ask("select key, value from tags"))


@pytest.fixture(scope="session")
def new_database(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    open_client(f"sqlite:///{folder}/mlflow.db")
    return folder / "mlflow.db"


@pytest.fixture
def store(tmp_path, new_database, monkeypatch) -> Store:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    shutil.copy(new_database, tmp_path)
    return Store(tmp_path)
