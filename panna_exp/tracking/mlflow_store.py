"""MLflow stores: which one, opening it, and what names it takes.

MLflow itself is imported where it is first needed: the training process asks here for addresses
only.
"""

import json
import logging
import os
import re
import shlex
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any
from urllib.parse import quote

from panna_exp.errors import PannaExpError, closest
from panna_exp.files import locked
from panna_exp.masking import masked, reveal

# MLflow keeps a view of the table of runs as a tag of the experiment, and its page takes the view's
# name in the address. Columns that no run has are left out by the page.
VIEW = "panna_exp"
_TAG = f"mlflow.sharedViewState.{VIEW}"
_COLUMNS = {
    "attributes": ("Created", "Dataset"),
    "metrics": ("result/energy_mae", "result/force_mae", "validation/loss"),
    "params": ("training.learning_rate", "seed"),
    "tags": ("network", "descriptor", "structures"),
}

_SQLITE = "sqlite:///"
# Of mlflow.tracking's registry of stores.
_SCHEMES = (
    *("http", "https", "sqlite", "postgresql", "mysql", "mssql", "file"),
    *("databricks", "databricks-uc", "uc"),
)
_KEY_LENGTH = 250  # of parameters, metrics and tags


def choose_uri(uri: str | None, launch_dir: Path) -> str:
    """Returns the store: ``uri``, else MLFLOW_TRACKING_URI, else ``mlflow.db`` in ``launch_dir``.

    Raises:
        PannaExpError: MLflow opens no store of that kind, or it is a folder, or the folder has one
            that keeps ``mlflow ui`` from starting: MLflow no longer opens its file stores.
    """
    named = reveal(uri) if uri else os.environ.get("MLFLOW_TRACKING_URI")
    folder = launch_dir.resolve()
    if not named:
        _check_file_store(folder)
        _check_path(folder / "mlflow.db")
        return f"{_SQLITE}{folder}/mlflow.db"
    is_folder = named.startswith("file:") or ("://" not in named and named != "databricks")
    if is_folder and os.environ.get("MLFLOW_ALLOW_FILE_STORE", "").lower() not in ("true", "1"):
        source = "" if uri else "MLFLOW_TRACKING_URI="
        path = re.sub(r"^file:(//)?|/+$", "", named) or "."
        raise PannaExpError(
            f"{source}{named}: a folder, which MLflow no longer opens as a store: expected an "
            f"address such as http://HOST:5000, or a database such as {_SQLITE}{path}/mlflow.db"
        )
    _check_scheme(named, named if uri else f"MLFLOW_TRACKING_URI={named}")
    database = _database(named)
    if database is None:
        return named
    _check_path(folder / database)
    _check_database(folder / database)
    return f"{_SQLITE}{folder / database}"


def _check_path(database: Path) -> None:
    if "?" in str(database):
        raise PannaExpError(
            f"{database}: a '?' in the path of MLflow's database, which is taken for the beginning "
            "of options: start in another folder, or name a database without it, "
            f"tracking.uri={_SQLITE}/PATH/mlflow.db, or leave it out with tracking=none"
        )


def open_client(uri: str) -> Any:
    """Returns an MLflow client of a store, which is created if it is a new local one.

    Raises:
        PannaExpError: The database is of another version of MLflow.
    """
    quiet()
    # We try again ourselves; MLflow's own tries would take minutes before the first answer.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "30")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    path = _database(uri)
    if path is not None:
        _create_database(path)
    try:
        return MlflowClient(tracking_uri=uri, registry_uri=uri)
    except MlflowException as error:
        if "out-of-date database schema" not in str(error):
            raise
        raise PannaExpError(
            f"{masked(uri)}: was made by another version of MLflow: mlflow db upgrade {masked(uri)}"
        ) from None


def quiet() -> None:
    """Keeps MLflow to its errors; before it is imported, which is when it looks."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "ERROR")
    for name in ("alembic", "mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)


def sync_command(run_dir: Path, uri: str, launch_dir: Path) -> str:
    """Returns the command that sends what is left of a run's record to a store."""
    try:
        is_set = masked(choose_uri(None, launch_dir)) == masked(uri)
    except PannaExpError:
        is_set = False
    named = [] if is_set else [f"uri={masked(uri)}"]
    return shlex.join(["panna-exp", "sync", str(run_dir), *named])


def is_local(uri: str) -> bool:
    """Whether the store is a file of this machine."""
    return _database(uri) is not None


def exists_locally(uri: str) -> bool:
    """Whether opening the store creates nothing and asks no other machine."""
    path = _database(uri)
    return path is not None and _is_made(path)


def find_experiment(client: Any, uri: str, name: str, launch_dir: Path) -> str:
    """Returns the id of an experiment, which is created if there is none of that name.

    Raises:
        PannaExpError: It is in MLflow's trash.
    """
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is None:
        try:
            location = _artifact_location(uri, name, launch_dir)
            tags = view_tags()
            return str(client.create_experiment(name, artifact_location=location, tags=tags))
        except MlflowException:
            # Another run may have created it in the meantime.
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage == "deleted":
        raise PannaExpError(
            f"experiment '{name}' of {masked(uri)} is deleted: mlflow experiments restore "
            f"--experiment-id {found.experiment_id}, or choose another tracking.experiment"
        )
    for key, value in view_tags().items():
        if key not in found.tags:
            with suppress(MlflowException):  # a server may allow runs alone, and the view is a help
                client.set_experiment_tag(found.experiment_id, key, value)
    return str(found.experiment_id)


def clean_key(name: str) -> str:
    """Returns a name of the characters, form and length that MLflow takes."""
    allowed = re.sub(r"[^\w\-. /:]", "_", name)
    parts = [part for part in allowed.split("/") if part not in ("", ".", "..")]
    return "/".join(parts)[:_KEY_LENGTH].rstrip("/") or "_"


def explain(error: Exception) -> str:
    """Returns one line about whatever a store or the way to it has raised."""
    lines = str(error).strip().splitlines()
    text = masked(lines[0]) if lines else ""
    if isinstance(error, PannaExpError):
        return text
    if "failed with exception" in text:  # MLflow then quotes requests, which quotes urllib3, ...
        cause = re.search(r"\[Errno -?\d+\] ([^'\")]+)", text)
        return f"the server cannot be reached ({cause[1] if cause else 'no answer'})"
    return f"{type(error).__name__}: {text[:300]}"


def ui_lines(uri: str, experiment_id: str, run_id: str, launch_dir: Path) -> list[str]:
    """Returns lines that tell the user how to look at a run."""
    if uri.startswith("http"):
        # The page with the curves of the training.
        page = f"#/experiments/{experiment_id}/runs/{run_id}/model-metrics"
        return [f"mlflow:       {masked(uri).rstrip('/')}/{page}"]
    if uri.startswith("databricks"):
        return [f"mlflow:       run {run_id} of experiment {experiment_id}"]
    is_default = uri == f"{_SQLITE}{launch_dir.resolve()}/mlflow.db"
    command = "mlflow ui" if is_default else f"mlflow ui --backend-store-uri {masked(uri)}"
    page = (
        f"#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={VIEW}"
    )
    return [f"mlflow:       {command}   (then open http://127.0.0.1:5000/{page})"]


def _check_file_store(launch_dir: Path) -> None:
    folder = launch_dir / "mlruns"
    if any(path.parent.name.isdigit() for path in folder.glob("*/meta.yaml")):
        raise PannaExpError(
            f"{folder}: holds an MLflow file store, which MLflow no longer opens: migrate it "
            "(mlflow migrate-filestore), start in another folder, or set tracking.uri"
        )


def _check_scheme(uri: str, shown: str) -> None:
    """Refuses what MLflow would refuse at the end of the training only.

    Its own schemes, whose list is not asked for since MLflow takes seconds to import, and those of
    its plugins.
    """
    scheme = uri.partition("://")[0].partition("+")[0].lower()
    if "://" not in uri or scheme in _SCHEMES:
        return  # without a scheme it is a folder, which was looked at before
    plugins = [item.name for item in entry_points(group="mlflow.tracking_store")]
    if scheme not in plugins:
        known = (*_SCHEMES, *plugins)
        raise PannaExpError(
            f"{masked(shown)}: MLflow knows no store of the kind '{scheme}', expected an address "
            f"such as http://HOST:5000, or a database such as {_SQLITE}PATH/mlflow.db"
            f"{closest(scheme, known)}"
        )


def _check_database(path: Path) -> None:
    """Refuses a database of another program: MLflow would make its tables in it."""
    if not _is_made(path):
        return
    address = f"file:{quote(str(path))}?mode=ro"
    try:
        with closing(sqlite3.connect(address, uri=True, timeout=0.1)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            names = sorted(str(name) for (name,) in found)
    except sqlite3.OperationalError:
        return  # in use, or not readable: MLflow says so
    except sqlite3.DatabaseError:
        raise PannaExpError(
            f"{path}: is not an SQLite database: choose another tracking.uri"
        ) from None
    if names and "alembic_version" not in names:
        raise PannaExpError(
            f"{path}: is a database of another program (its tables: {', '.join(names[:3])}): "
            "choose another tracking.uri"
        )


def _database(uri: str) -> Path | None:
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None


def _artifact_location(uri: str, experiment: str, launch_dir: Path) -> str | None:
    """Beside a local database, so that it does not depend on who opened the store first."""
    if _database(uri) is None:
        return None
    folder = re.sub(r"[^\w.-]+", "_", experiment)
    return (launch_dir.resolve() / "mlruns" / "artifacts" / folder).as_uri()


def _create_database(path: Path) -> None:
    """Creates a new SQLite store under another name and then renames it.

    MLflow creates its tables in many transactions: a process that dies in between, or a second one
    that does the same at the same time, would leave a file that no MLflow can ever open.
    """
    if _is_made(path):
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.with_name(f"{path.name}.lock")):
        if _is_made(path):
            return
        from mlflow import MlflowClient

        for left_by_a_kill in path.parent.glob(f"{path.name}.new-*"):
            shutil.rmtree(left_by_a_kill)
        with tempfile.TemporaryDirectory(prefix=f"{path.name}.new-", dir=path.parent) as folder:
            new = Path(folder) / path.name
            MlflowClient(tracking_uri=f"{_SQLITE}{new}", registry_uri=f"{_SQLITE}{new}")
            new.rename(path)


def _is_made(path: Path) -> bool:
    return path.exists() and path.stat().st_size > 0


def view_tags() -> dict[str, str]:
    """Returns the tags of an experiment that make the view."""
    columns = [f"{kind}.`{name}`" for kind, names in _COLUMNS.items() for name in names]
    return {_TAG: json.dumps({"selectedColumns": columns})}
