"""Sends what a run could not send to MLflow while it ran."""

from pathlib import Path

from panna_exp.errors import PannaExpError
from panna_exp.tracking import journal
from panna_exp.tracking.mlflow_store import Sender, State, default_uri


def sync(run_dir: Path, uri: str | None, launch_dir: Path) -> str:
    """Sends what is left of a run's journal; returns a sentence about it.

    Args:
        run_dir: The run directory.
        uri: Another store than the run's, or None.
        launch_dir: Where a new local store and its artifacts go.

    Raises:
        PannaExpError: There is no journal, or the store cannot be reached.
    """
    if not (run_dir / journal.NAME).exists():
        raise PannaExpError(f"{run_dir}: has no {journal.NAME}: it was not tracked with MLflow")
    saved = State.load(run_dir, None)
    store = uri or (saved.uri if saved else default_uri(launch_dir))
    try:
        sender = Sender(run_dir, store, launch_dir)
        sender.send()
    except Exception as error:
        # A store may fail in any way; the journal stays as it is.
        reason = str(error).strip().splitlines()[0][:300]
        raise PannaExpError(f"{store}: cannot take the record of {run_dir} ({reason})") from None
    return f"sent {sender.sent} points of {run_dir} to {store}, run {sender.state.run_id}"
