"""The trackers that a configuration asks for."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from panna_exp.config.schema import TrackingConfig
from panna_exp.errors import PannaExpError
from panna_exp.tracking.base import RunInfo, RunStatus, Tracker, TrackerGroup


def make_tracker(config: TrackingConfig, launch_dir: Path) -> Tracker:
    """Returns the trackers as one; MLflow's start-up begins here, beside our own."""
    trackers: list[Tracker] = []
    if config.mlflow:
        from panna_exp.tracking.mlflow import MlflowTracker
        from panna_exp.tracking.system import SystemMetrics

        system = SystemMetrics(launch_dir) if config.system_metrics else None
        tracker = MlflowTracker(config.uri, launch_dir, config.wait_seconds, system)
        tracker.prepare()
        trackers.append(tracker)
    if config.tensorboard:
        from panna_exp.tracking.tensorboard import TensorBoardTracker

        trackers.append(TensorBoardTracker())
    return TrackerGroup(trackers) if trackers else Tracker()


def send_rest(config: TrackingConfig, run_dir: Path, launch_dir: Path) -> str:
    """Sends what a finished run could not send before it was killed; returns a sentence, or ""."""
    if not config.mlflow:
        return ""
    from panna_exp.tracking.evaluations import send_rest

    try:
        return send_rest(run_dir.resolve(), config.uri, launch_dir, config.wait_seconds)
    except (PannaExpError, OSError) as error:  # the run is as good without
        return f"MLflow gets nothing more of {run_dir}: {error}"


def open_parent(config: TrackingConfig, launch_dir: Path, run: RunInfo) -> Tracker:
    """Begins a run that others are nested under: those whose ``RunInfo.parent`` is its folder.

    A new local store is made before this returns, so that several processes can use it at once.

    Args:
        config: Where it is recorded; without ``mlflow`` nowhere.
        launch_dir: Where the user started.
        run: ``run_dir`` holds the record, and exists. A run of the same folder is continued.

    Raises:
        PannaExpError: The store is of a kind that MLflow no longer opens.
    """
    if not config.mlflow:
        return Tracker()
    from panna_exp.tracking.mlflow import MlflowTracker

    tracker = MlflowTracker(config.uri, launch_dir, config.wait_seconds)
    tracker.prepare()
    tracker.start(run)
    tracker.await_store()
    return tracker


def close_parent(
    tracker: Tracker,
    status: RunStatus,
    step: int,
    values: Mapping[str, float],
    files: Sequence[Path],
) -> list[str]:
    """Ends what :func:`open_parent` began; returns lines that tell the user where to look.

    Args:
        tracker: Of the parent.
        status: How it ended.
        step: Of the values, e.g. how many runs there are.
        values: What became of all, by name.
        files: In the run's folder, kept with it: tables, figures.
    """
    tracker.log(step, values)
    for path in files:
        tracker.save(path)
    tracker.finish(status)
    lines = tracker.where()
    tracker.close()
    return lines
