"""Runs in a store: found again by the key of their journal, nested under their parent's run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from panna_exp.files import locked
from panna_exp.tracking import journal
from panna_exp.tracking.journal import first_event
from panna_exp.tracking.journal_events import Event
from panna_exp.tracking.mlflow_entities import system_tags
from panna_exp.tracking.mlflow_store import find_experiment

_KEY_TAG = "panna_exp.journal"
_PARENT_TAG = "mlflow.parentRunId"  # MLflow's own: its page shows the run under that one
_LOCK = ".tracking.lock"


def find_or_create(
    client: Any, uri: str, launch_dir: Path, run_dir: Path, event: Event
) -> tuple[str, str]:
    """Returns (experiment id, run id) of a journal's run.

    A sender that was killed may have created it, or the sender of a run nested under it.

    Args:
        client: MLflow's, of the store.
        uri: The store.
        launch_dir: Where a local store keeps its artifacts.
        run_dir: The journal's folder.
        event: The journal's ``start``.
    """
    experiment = find_experiment(client, uri, event["experiment"], launch_dir)
    parent = _parent_run(client, uri, launch_dir, event.get("parent"))
    with locked(run_dir / _LOCK):
        run_id = _find(client, experiment, event["key"])
        return experiment, run_id or _create(client, experiment, event, parent)


def _parent_run(
    client: Any, uri: str, launch_dir: Path, parent: Mapping[str, str] | None
) -> str | None:
    """Returns the id of the parent's run, which is created where that was not sent yet."""
    if parent is None:
        return None
    folder = Path(parent["run_dir"])
    start = first_event(folder / journal.NAME)
    if start is not None and start["key"] == parent["key"]:
        return find_or_create(client, uri, launch_dir, folder, start)[1]
    # Its folder was moved or removed since: the store may know the run.
    experiment = find_experiment(client, uri, parent["experiment"], launch_dir)
    return _find(client, experiment, parent["key"])


def _find(client: Any, experiment: str, key: str) -> str | None:
    found = client.search_runs([experiment], f"tags.`{_KEY_TAG}` = '{key}'", max_results=1)
    return str(found[0].info.run_id) if found else None


def _create(client: Any, experiment: str, event: Event, parent: str | None) -> str:
    tags = {_KEY_TAG: event["key"], **system_tags(event["tags"])}
    if parent is not None:
        tags[_PARENT_TAG] = parent
    run = client.create_run(experiment, start_time=event["time"], tags=tags, run_name=event["name"])
    return str(run.info.run_id)
