"""Adds evaluations to the MLflow run of a training that is over."""

from pathlib import Path

from panna_exp.masking import masked
from panna_exp.tracking import journal
from panna_exp.tracking.base import TrackedEvaluation
from panna_exp.tracking.completion import complete_record
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import State
from panna_exp.tracking.mlflow_store import choose_uri, sync_command
from panna_exp.tracking.sender_process import Sender
from panna_exp.tracking.sync import store_of

_WAIT_SECONDS = 20.0


class EvaluatedRun:
    """A tracked run that gets evaluations; its sender starts up beside the evaluation itself.

    Args:
        run_dir: With a journal (see :func:`is_tracked`).
        uri: The store, or None: see :func:`store_of`.
        launch_dir: Where the user started.

    Raises:
        PannaExpError: The journal is damaged, or names another store than the one here.
    """

    def __init__(self, run_dir: Path, uri: str | None, launch_dir: Path) -> None:
        self._run_dir = run_dir.resolve()
        self._uri = store_of(self._run_dir, uri, launch_dir, "mlflow_uri")
        self._launch_dir = launch_dir
        self._sender = Sender(self._uri, launch_dir, _WAIT_SECONDS)
        self._begun = False

    def add(self, evaluations: list[TrackedEvaluation]) -> str:
        """Adds them to the journal, and has it sent; returns a sentence about that.

        What the journal has already, of the same data with the same result, is not added again.

        Raises:
            PannaExpError: The journal is damaged.
            OSError: It cannot be written.
        """
        record = Journal(self._run_dir / journal.NAME)
        for evaluation in evaluations:
            record.add_evaluation(evaluation, self._run_dir)
        record.flush()
        if record.waits:
            return "MLflow gets no evaluation: make room, and evaluate again"
        self._begun = True
        self._sender.begin(self._run_dir, training=False)
        problem = self._sender.finish(_WAIT_SECONDS)
        store = masked(self._uri)
        if problem:
            return (
                f"MLflow ({store}): {problem}; the evaluation is kept with the run, and this sends "
                f"it: {sync_command(self._run_dir, self._uri, self._launch_dir)}"
            )
        run_id = State.load(self._run_dir, self._uri).run_id
        return f"recorded in MLflow ({store}), run {run_id}"

    def close(self) -> None:
        """Ends a sender that got nothing to send."""
        if not self._begun:
            self._sender.stop()
        self._sender.close()


def send_rest(run_dir: Path, uri: str | None, launch_dir: Path, wait_seconds: float) -> str:
    """Sends what is left of a finished run's record, which may lack its end after a kill.

    Args:
        run_dir: Of a run that is over.
        uri: The store, or None for the one that is set here.
        launch_dir: Where the user started.
        wait_seconds: How long to wait for the sender.

    Returns:
        A sentence about it, empty where all was sent before.

    Raises:
        PannaExpError: The journal is damaged.
    """
    if not is_tracked(run_dir):
        return ""
    store = choose_uri(uri, launch_dir)
    is_new = complete_record(run_dir)
    state = State.load(run_dir, store)
    if not is_new and state.offset == (run_dir / journal.NAME).stat().st_size:
        return ""
    sender = Sender(store, launch_dir, wait_seconds)
    sender.begin(run_dir, training=False)
    problem = sender.finish(wait_seconds)
    sender.close()
    if problem:
        command = sync_command(run_dir, store, launch_dir)
        return f"MLflow ({masked(store)}): {problem}; this sends what is left: {command}"
    return f"sent to MLflow what a kill had left: {run_dir}"


def is_tracked(run_dir: Path) -> bool:
    """Whether a training in that directory was recorded with MLflow."""
    return (run_dir / journal.NAME).exists()
