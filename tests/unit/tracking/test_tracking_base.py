"""How a run's end reaches its trackers."""

import numpy as np
import pytest

from panna_exp.tracking.base import Interrupted, RunStatus, Tracker, TrackerGroup, tracked_run


class Recorder(Tracker):
    def __init__(self, wants_histograms=False):
        self.wants_histograms = wants_histograms
        self.calls = []

    def start(self, run):
        self.calls.append(("start", run.name))

    def log(self, step, metrics):
        self.calls.append(("log", step, dict(metrics)))

    def histograms(self, step, arrays):
        self.calls.append(("histograms", step))

    def finish(self, status):
        self.calls.append(("finish", status))

    def where(self):
        return ["there"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, RunStatus.FINISHED),
        (Interrupted, RunStatus.KILLED),
        (KeyboardInterrupt, RunStatus.KILLED),
        (ValueError, RunStatus.FAILED),
        (SystemExit, RunStatus.FAILED),
    ],
)
def test_the_end_of_the_block_is_the_status(run, error, status):
    tracker = Recorder()
    if error is None:
        with tracked_run(tracker, run):
            pass
    else:
        with pytest.raises(error), tracked_run(tracker, run):
            raise error
    assert tracker.calls == [("start", "a name"), ("finish", status)]


def test_a_group_tells_all_and_histograms_those_that_want_them(run):
    plain, curious = Recorder(), Recorder(wants_histograms=True)
    group = TrackerGroup([plain, curious])
    with tracked_run(group, run):
        group.log(1, {"a": 1.0})
        group.histograms(1, {"H.0.weights": np.zeros(1)})
    assert plain.calls == [
        *(("start", "a name"), ("log", 1, {"a": 1.0}), ("finish", RunStatus.FINISHED)),
    ]
    assert ("histograms", 1) in curious.calls
    assert group.wants_histograms
    assert not TrackerGroup([plain]).wants_histograms
    assert group.where() == ["there", "there"]
