"""Sends what a run could not send to MLflow while it ran."""

import os
from pathlib import Path

from panna_exp.errors import PannaExpError
from panna_exp.tracking import journal
from panna_exp.tracking.journal import last_start
from panna_exp.tracking.mlflow_delivery import Delivery, last_store
from panna_exp.tracking.mlflow_store import choose_uri, explain, public


def sync(run_dir: Path, uri: str | None, launch_dir: Path, still_runs: bool) -> str:
    """Sends what is left of a run's journal; returns a sentence about it.

    Args:
        run_dir: The run directory.
        uri: Another store than the one it was last sent to, or None.
        launch_dir: Where a relative ``uri`` starts.
        still_runs: Whether the run's training goes on; otherwise a run without an end has crashed.

    Raises:
        PannaExpError: There is no journal, or the store does not take it.
    """
    store, own_launch_dir = recorded_store(run_dir)
    if uri is not None:
        store = choose_uri(uri, launch_dir)
    else:
        launch_dir = own_launch_dir
    try:
        delivery = Delivery(run_dir, store, launch_dir)
        try:
            delivery.send()
            if not still_runs:
                delivery.mark_failed()
        finally:
            delivery.close()
    except PannaExpError:
        raise
    except Exception as error:
        # A store may fail in any way; the journal stays as it is.
        raise PannaExpError(
            f"{public(store)}: does not take the record of {run_dir} ({explain(error)}): "
            "try again later, or name another store with uri=STORE"
        ) from None
    lost = f"; not sent, no longer there: {', '.join(delivery.missing)}" if delivery.missing else ""
    return (
        f"sent {delivery.points} points and {delivery.files} files of {run_dir} to "
        f"{public(store)}, run {delivery.run_id}{lost}"
    )


def recorded_store(run_dir: Path) -> tuple[str, Path]:
    """Returns the store that a run was last sent to, or is to be sent to, and its launch folder.

    Raises:
        PannaExpError: There is no journal with a run in it, or it is damaged.
    """
    event = last_start(run_dir / journal.NAME)
    if event is None:
        raise PannaExpError(
            f"{run_dir}: has no {journal.NAME} with a run in it: expected the directory of a "
            "training with tracking=mlflow"
        )
    started = event["store"]
    return _with_password(last_store(run_dir) or started["uri"]), Path(started["launch_dir"])


def _with_password(store: str) -> str:
    """Returns the store's address with the password that run directories do not keep."""
    named = os.environ.get("MLFLOW_TRACKING_URI", "")
    return named if public(named) == store else store
