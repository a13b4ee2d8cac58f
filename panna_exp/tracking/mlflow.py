"""MLflow without MLflow: training writes a journal, a process of its own sends it.

The training process never imports mlflow, so the loop pays for one line in a file a logged point,
and a store that is slow, locked or away costs nothing but a later delivery.
"""

import importlib.util
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from panna_exp.errors import PannaExpError
from panna_exp.masking import masked
from panna_exp.tracking import journal
from panna_exp.tracking.base import Dataset, Model, RunInfo, RunStatus, Tracker
from panna_exp.tracking.journal import Journal
from panna_exp.tracking.mlflow_delivery import State
from panna_exp.tracking.mlflow_store import (
    choose_uri,
    exists_locally,
    is_local,
    sync_command,
    ui_lines,
)
from panna_exp.tracking.sender_process import Sender
from panna_exp.tracking.system import SystemMetrics

logger = logging.getLogger(__name__)

_POLL_SECONDS = 0.1


class MlflowTracker(Tracker):
    """Records a run in MLflow.

    Args:
        uri: The store, or None for MLFLOW_TRACKING_URI or ``mlflow.db`` in the launch directory.
        launch_dir: Where the user started.
        wait_seconds: How long the end of the run waits for the sender.
        system: Metrics of the machine to record besides, or None.

    Raises:
        PannaExpError: The store is of a kind that MLflow no longer opens.
    """

    def __init__(
        self,
        uri: str | None,
        launch_dir: Path,
        wait_seconds: float,
        system: SystemMetrics | None = None,
    ) -> None:
        self._launch_dir = launch_dir.resolve()
        self._uri = choose_uri(uri, self._launch_dir)
        self._wait_seconds = wait_seconds
        self._system = system
        self._sender: Sender | None = None
        self._journal: Journal | None = None
        self._run_dir: Path | None = None
        self._warned = False
        self._replaced = False

    def prepare(self) -> None:
        """Starts the sender, so that its slow start-up runs beside our own."""
        if importlib.util.find_spec("mlflow") is None:
            logger.warning("mlflow is not installed (pip install mlflow): the record is only kept")
            self._warned = True
        self._sender = Sender(self._uri, self._launch_dir, self._wait_seconds)

    def start(self, run: RunInfo) -> None:
        """Opens the journal and points the sender at it."""
        assert self._sender is not None
        self._run_dir = run.run_dir
        self._journal = Journal(run.run_dir / journal.NAME)
        store = {"uri": masked(self._uri), "launch_dir": str(self._launch_dir)}
        self._journal.start(run, store)
        self._sender.begin(run.run_dir)

    def await_store(self) -> None:
        """Waits until a local store is made: before several processes begin to use it."""
        assert self._sender is not None
        if not is_local(self._uri):
            return
        while not (exists_locally(self._uri) or self._sender.reason()):
            if self._sender.wait(_POLL_SECONDS) is not None:
                return  # the sender has ended: flush says why

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Adds values to the journal, now and then the machine's as well."""
        assert self._journal is not None
        self._journal.log(step, metrics)
        sample = self._system.due() if self._system is not None else None
        if sample:
            self._journal.log(step, sample)

    def flush(self) -> None:
        """Writes what the journal holds back; notices a sender that has ended."""
        if self._journal is not None:
            self._journal.flush()
            self._check_sender()

    def save(self, path: Path, folder: str = "") -> None:
        """Has a file of the run directory sent."""
        assert self._journal is not None
        assert self._run_dir is not None
        self._journal.save(os.path.relpath(path.resolve(), self._run_dir.resolve()), folder)

    def add_data(self, datasets: Sequence[Dataset]) -> None:
        """Has data sets sent."""
        assert self._journal is not None
        self._journal.add_data(datasets)

    def save_model(self, model: Model) -> None:
        """Has a potential sent."""
        assert self._journal is not None
        assert self._run_dir is not None
        folder = os.path.relpath(model.folder.resolve(), self._run_dir.resolve())
        self._journal.save_model(folder, model)

    def finish(self, status: RunStatus) -> None:
        """Ends the journal and waits for the sender, up to ``wait_seconds``."""
        assert self._journal is not None
        self._journal.finish(status)
        sender = self._check_sender()
        problem = sender.finish(self._wait_seconds)
        if problem:
            self._warn(problem)

    def where(self) -> list[str]:
        """How to look at the run in MLflow."""
        if self._run_dir is None:
            return []
        try:
            state = State.load(self._run_dir, self._uri)
        except PannaExpError:
            return []  # damaged: the sender has said so
        if not state.run_id:
            return []
        lines = ui_lines(self._uri, state.experiment_id, state.run_id, self._launch_dir)
        if state.model:
            lines.append(f"model:        mlflow.pyfunc.load_model('{state.model}')")
        return lines

    def close(self) -> None:
        """Lets the sender see that this process is done with it."""
        if self._journal is not None:
            self._journal.flush()
            self._journal = None
        if self._sender is not None:
            if self._run_dir is None:
                self._sender.stop()
            self._sender.close()
            self._sender = None

    def _check_sender(self) -> Sender:
        """Replaces a sender that was killed, perhaps for want of memory; warns of other ends."""
        assert self._sender is not None
        assert self._run_dir is not None
        code = self._sender.wait(0.0)
        if code is not None and code < 0 and not self._replaced:
            self._replaced = True
            self._sender.close()
            self._sender = Sender(self._uri, self._launch_dir, self._wait_seconds)
            self._sender.begin(self._run_dir)
        elif code is not None:
            self._warn(self._sender.reason() or f"its process ended with code {code}")
        return self._sender

    def _warn(self, reason: str) -> None:
        if not self._warned:
            logger.warning(
                "MLflow (%s): %s; the record is kept, and this sends what is left of it: %s",
                masked(self._uri),
                reason,
                sync_command(self._run_dir or self._launch_dir, self._uri, self._launch_dir),
            )
        self._warned = True
