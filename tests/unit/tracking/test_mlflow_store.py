"""Which store is used, names that MLflow takes, and making a new database."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import pytest

from panna_exp.errors import PannaExpError
from panna_exp.tracking.mlflow_store import choose_uri, clean_key, open_client, ui_lines

pytestmark = pytest.mark.filterwarnings("ignore")  # MLflow's imports warn about its dependencies

SLOW = "from panna_exp.tracking.mlflow_store import open_client as o; o('sqlite:///{}/mlflow.db')"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_ALLOW_FILE_STORE", raising=False)


def test_the_default_is_a_database_where_the_user_started(tmp_path):
    assert choose_uri(None, tmp_path) == f"sqlite:///{tmp_path}/mlflow.db"


def test_the_environment_wins_over_the_default_and_the_config_over_both(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://server:5000")
    assert choose_uri(None, tmp_path) == "http://server:5000"
    assert choose_uri("databricks", tmp_path) == "databricks"


def test_relative_databases_are_in_the_launch_directory(tmp_path):
    assert choose_uri("sqlite:///a/b.db", tmp_path) == f"sqlite:///{tmp_path}/a/b.db"
    assert choose_uri("sqlite:////a/b.db", tmp_path) == "sqlite:////a/b.db"


@pytest.mark.parametrize("uri", ["runs/mlruns", "file:///runs/mlruns", "./mlruns/"])
def test_folders_are_no_stores(tmp_path, monkeypatch, uri):
    with pytest.raises(PannaExpError, match=r"MLflow no longer opens as a store.*sqlite:///.*runs"):
        choose_uri(uri, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(PannaExpError, match=f"MLFLOW_TRACKING_URI={uri}: a folder"):
        choose_uri(None, tmp_path)


@pytest.mark.parametrize("uri", ["foo://bar", "ftp://x", "htp://host:5000", "sqllite:///a.db"])
def test_kinds_of_stores_that_mlflow_does_not_know(tmp_path, monkeypatch, uri):
    kind = uri.partition(":")[0]
    with pytest.raises(PannaExpError, match=f"^{uri}: MLflow knows no store of the kind '{kind}'"):
        choose_uri(uri, tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(PannaExpError, match=f"^MLFLOW_TRACKING_URI={uri}: MLflow knows no store"):
        choose_uri(None, tmp_path)


def test_kinds_of_stores_that_mlflow_knows_are_its_own(tmp_path, monkeypatch):
    from mlflow.tracking._tracking_service.utils import _tracking_store_registry

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    for scheme in filter(None, _tracking_store_registry._registry):
        uri = scheme if scheme.startswith("databricks") else f"{scheme}://host/db"
        assert choose_uri(uri, tmp_path).startswith(scheme)
    assert choose_uri("runs/mlruns", tmp_path) == "runs/mlruns"
    assert choose_uri("postgresql+psycopg2://u:p@host/db", tmp_path).startswith("postgresql+")


def test_an_old_file_store_beside_the_default(tmp_path):
    (tmp_path / "mlruns/models").mkdir(parents=True)
    (tmp_path / "mlruns/models/meta.yaml").touch()
    assert choose_uri(None, tmp_path).startswith("sqlite:")
    (tmp_path / "mlruns/123").mkdir()
    (tmp_path / "mlruns/123/meta.yaml").touch()
    with pytest.raises(PannaExpError, match=r"mlruns: holds an MLflow file store.*tracking\.uri"):
        choose_uri(None, tmp_path)
    assert choose_uri("sqlite:///other.db", tmp_path).endswith("/other.db")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("network.species.H", "network.species.H"),
        ("a[0]=1,'x'", "a_0__1__x_"),
        ("/a//b/../c/.", "a/b/c"),
        ("++a", "__a"),
        ("..", "_"),
        ("x" * 249 + "/y", "x" * 249),
        ("grüße/a b:c-d", "grüße/a b:c-d"),
    ],
)
def test_names_that_mlflow_takes(name, expected):
    from mlflow.utils.validation import path_not_unique, validate_param_and_metric_name

    assert clean_key(name) == expected
    assert validate_param_and_metric_name(expected)
    assert not path_not_unique(expected)


def test_where_to_look(tmp_path):
    page = (
        "http://127.0.0.1:5000/#/experiments/1/runs?workflowType=machine_learning"
        "&viewStateShareKey=panna_exp"
    )
    default = choose_uri(None, tmp_path)
    assert ui_lines(default, "1", "r", tmp_path) == [
        f"mlflow:       mlflow ui   (then open {page})"
    ]
    (line,) = ui_lines("sqlite:////a/b.db", "1", "r", tmp_path)
    assert "mlflow ui --backend-store-uri sqlite:////a/b.db" in line
    (line,) = ui_lines("http://me:pw@host:5/", "1", "r", tmp_path)
    assert line == "mlflow:       http://***@host:5/#/experiments/1/runs/r/model-metrics"


def test_a_kill_while_the_database_is_made_leaves_no_broken_one(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", SLOW.format(tmp_path)])
    end = time.monotonic() + 60
    while not any(path.stat().st_size for path in tmp_path.glob("mlflow.db.new-*/mlflow.db")):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.005)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "mlflow.db").exists()
    client = open_client(f"sqlite:///{tmp_path}/mlflow.db")
    assert client.search_experiments()[0].name == "Default"
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlflow.db.lock"}


def test_other_programs_databases_get_no_tables(tmp_path):
    path = tmp_path / "music.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (name TEXT)")
        connection.commit()
    before = path.read_bytes()
    with pytest.raises(PannaExpError, match=r"another program \(its tables: songs\)"):
        choose_uri(f"sqlite:///{path}", tmp_path)
    (tmp_path / "no.db").write_bytes(b"text" * 1000)
    with pytest.raises(PannaExpError, match="is not an SQLite database"):
        choose_uri(f"sqlite:///{tmp_path}/no.db", tmp_path)
    assert path.read_bytes() == before
