"""Adds evaluations to the MLflow run of a training that is over."""

from pathlib import Path

from panna_exp.tracking import journal
from panna_exp.tracking.base import TrackedEvaluation
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import State
from panna_exp.tracking.mlflow_store import public
from panna_exp.tracking.sender_process import Sender
from panna_exp.tracking.sync import recorded_store

_WAIT_SECONDS = 20.0


class EvaluatedRun:
    """A tracked run that gets evaluations; its sender starts up beside the evaluation itself.

    Args:
        run_dir: With a journal (see :func:`is_tracked`).
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir.resolve()
        self._uri, launch_dir = recorded_store(self._run_dir)
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
        store = public(self._uri)
        if problem:
            return (
                f"MLflow ({store}): {problem}; the evaluation is kept with the run, and this sends "
                f"it: panna-exp sync {self._run_dir}"
            )
        run_id = State.load(self._run_dir, self._uri).run_id
        return f"recorded in MLflow ({store}), run {run_id}"

    def close(self) -> None:
        """Ends a sender that got nothing to send."""
        if not self._begun:
            self._sender.stop()
        self._sender.close()


def is_tracked(run_dir: Path) -> bool:
    """Whether a training in that directory was recorded with MLflow."""
    return (run_dir / journal.NAME).exists()
