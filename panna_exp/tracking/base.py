"""What a training tells its trackers: a few calls, a do-nothing default, one place that ends it."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

from numpy.typing import NDArray

P = ParamSpec("P")


class RunStatus(Enum):
    """How a run ended, in MLflow's words."""

    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"


class Interrupted(Exception):
    """The training was stopped by the user after saving its state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Data that a run uses.

    Args:
        name: Shown in lists.
        context: What for: ``training`` or ``validation``.
        fingerprint: Hash of the contents, hexadecimal.
        uri: The file, or the folder of several.
        files: Of each, or of the first ones, its path, kind, records and hash.
        profile: How much it is, by name.
    """

    name: str
    context: str
    fingerprint: str
    uri: str
    files: Sequence[Mapping[str, Any]]
    profile: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A potential that a run has trained.

    Args:
        folder: In the run directory; holds all of it.
        name: Of its checkpoint.
        step: Updates made.
        species: That it knows.
        register: Name to register it under, or None.
        members: Of a committee, else 1.
    """

    folder: Path
    name: str
    step: int
    species: Sequence[str]
    register: str | None
    members: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedEvaluation:
    """Errors of a checkpoint on some data.

    Args:
        data: What it was evaluated on: ``validation``, or the name of other data.
        fingerprint: Of the data's contents.
        dataset: The data, where the run does not know them as its own.
        step: Of the checkpoint.
        values: Errors by name.
        files: Predictions, errors and figures.
    """

    data: str
    fingerprint: str
    dataset: Dataset | None
    step: int
    values: Mapping[str, float]
    files: Sequence[Path]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """What a tracker learns at the start.

    Args:
        run_dir: The run directory, absolute.
        name: Shown in lists of runs.
        experiment: Runs are grouped by it.
        params: Flat configuration.
        tags: Versions, commit, data fingerprint.
        datasets: What is trained and validated on.
        parent: Folder of the run that this one is nested under, which has begun, or None.
    """

    run_dir: Path
    name: str
    experiment: str
    params: Mapping[str, object]
    tags: Mapping[str, str]
    datasets: Sequence[Dataset] = ()
    parent: Path | None = None


class Tracker:
    """Records a run somewhere; this one nowhere. Others have the methods that they need."""

    wants_histograms = False

    def start(self, run: RunInfo) -> None:
        """The run begins, or is continued."""

    def log(self, step: int, metrics: Mapping[str, float]) -> None:
        """Values at a step; those of steps already recorded are skipped."""

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Weights and biases by name, where the tracker wants them."""

    def flush(self) -> None:
        """Nothing logged so far may be lost after this, whatever happens to the process."""

    def save(self, path: Path, folder: str = "") -> None:
        """Keeps a file of the run directory."""

    def add_data(self, datasets: Sequence[Dataset]) -> None:
        """The run uses these data, which were not known at its start."""

    def save_model(self, model: Model) -> None:
        """Keeps a trained potential in a form that can be loaded to predict."""

    def finish(self, status: RunStatus) -> None:
        """The run is over."""

    def where(self) -> list[str]:
        """Lines that tell the user where to look."""
        return []

    def close(self) -> None:
        """Releases what was taken, also when the run never began."""


def _in_all(
    method: Callable[Concatenate[Tracker, P], None],
) -> Callable[Concatenate["TrackerGroup", P], None]:
    """Returns the method of a group that calls this one of each tracker."""

    def call(group: "TrackerGroup", /, *args: P.args, **kwargs: P.kwargs) -> None:
        for tracker in group.trackers:
            getattr(tracker, method.__name__)(*args, **kwargs)

    return call


class TrackerGroup(Tracker):
    """Several trackers as one."""

    def __init__(self, trackers: Sequence[Tracker]) -> None:
        self.trackers = trackers
        self.wants_histograms = any(tracker.wants_histograms for tracker in trackers)

    start = _in_all(Tracker.start)
    log = _in_all(Tracker.log)
    flush = _in_all(Tracker.flush)
    save = _in_all(Tracker.save)
    add_data = _in_all(Tracker.add_data)
    save_model = _in_all(Tracker.save_model)
    finish = _in_all(Tracker.finish)
    close = _in_all(Tracker.close)

    def histograms(self, step: int, arrays: Mapping[str, NDArray[Any]]) -> None:
        """To those that want them."""
        for tracker in self.trackers:
            if tracker.wants_histograms:
                tracker.histograms(step, arrays)

    def where(self) -> list[str]:
        """Lines of all."""
        return [line for tracker in self.trackers for line in tracker.where()]


@contextmanager
def tracked_run(tracker: Tracker, run: RunInfo) -> Iterator[None]:
    """Starts the run and finishes it with the status that the block's end gives it."""
    tracker.start(run)
    try:
        yield
    except (Interrupted, KeyboardInterrupt):
        tracker.finish(RunStatus.KILLED)
        raise
    except BaseException:
        tracker.finish(RunStatus.FAILED)
        raise
    tracker.finish(RunStatus.FINISHED)
