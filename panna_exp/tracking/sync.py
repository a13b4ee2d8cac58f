"""Sends what a run could not send to MLflow while it ran."""

from pathlib import Path

from panna_exp.errors import PannaExpError
from panna_exp.masking import masked
from panna_exp.tracking import journal
from panna_exp.tracking.completion import complete_record
from panna_exp.tracking.journal import last_start
from panna_exp.tracking.mlflow_delivery import Delivery, last_store
from panna_exp.tracking.mlflow_store import choose_uri, explain


def sync(run_dir: Path, uri: str | None, launch_dir: Path, still_runs: bool) -> str:
    """Sends what is left of a run's journal; returns a sentence about it.

    Args:
        run_dir: The run directory.
        uri: The store, or None: the one that it was last sent to, which has to be the one here.
        launch_dir: Where a relative ``uri`` starts.
        still_runs: Whether the run's training goes on; otherwise a run without an end has crashed.

    Raises:
        PannaExpError: There is no journal, or the store does not take it.
    """
    store = store_of(run_dir, uri, launch_dir, "uri")
    if not still_runs:
        complete_record(run_dir)
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
            f"{masked(store)}: does not take the record of {run_dir} ({explain(error)}): "
            "try again later, or name another store with uri=STORE"
        ) from None
    lost = f"; not sent, no longer there: {', '.join(delivery.missing)}" if delivery.missing else ""
    if delivery.refused:
        lost += f"; not sent, not in the run directory: {', '.join(delivery.refused)}"
    return (
        f"sent {delivery.points} points and {delivery.files} files of {run_dir} to "
        f"{masked(store)}, run {delivery.run_id}{lost}"
    )


def store_of(run_dir: Path, confirmed: str | None, launch_dir: Path, option: str) -> str:
    """Returns the store that a run's record is to be sent to.

    The one that the record names is used where it is the one that is set here: a run directory
    from elsewhere could otherwise have files sent to anybody.

    Args:
        run_dir: With a journal.
        confirmed: A store that the user names, or None.
        launch_dir: Where the user started.
        option: That names a store.

    Raises:
        PannaExpError: There is no journal with a run in it, it is damaged, or names another store.
    """
    if confirmed is not None:
        return choose_uri(confirmed, launch_dir)
    event = last_start(run_dir / journal.NAME)
    if event is None:
        raise PannaExpError(
            f"{run_dir}: has no {journal.NAME} with a run in it: expected the directory of a "
            "training with tracking=mlflow"
        )
    recorded = masked(last_store(run_dir) or event["store"].get("uri", ""))
    here = choose_uri(None, launch_dir)
    if masked(here) != recorded:
        raise PannaExpError(
            f"{run_dir}: is recorded in {recorded}, but here MLflow's store is {masked(here)}: if "
            f"you trust that folder and its files may go there, say {option}={recorded}, or set "
            "MLFLOW_TRACKING_URI"
        )
    return here
