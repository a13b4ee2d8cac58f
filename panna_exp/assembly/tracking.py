"""The trackers that a configuration asks for."""

from pathlib import Path

from panna_exp.config.schema import TrackingConfig
from panna_exp.tracking.base import NullTracker, Tracker, TrackerGroup


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
    return TrackerGroup(trackers) if trackers else NullTracker()
