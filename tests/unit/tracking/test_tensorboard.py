"""Event files: PANNA's tags, readable by TensorBoard, every step once after a kill."""

import errno
import logging
import os
import time

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from panna_exp.tracking.base import RunStatus
from panna_exp.tracking.tensorboard import TensorBoardTracker, histogram, place

PATTERN = "events.out.tfevents.*"


def start(run):
    tracker = TensorBoardTracker()
    tracker.start(run)
    return tracker


def steps(folder):
    found = {}
    for path in sorted(folder.glob(PATTERN)):
        for event in LegacyEventFileLoader(str(path)).Load():
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(event.step)
    return found


def test_tensorboard_reads_scalars_and_histograms(run):
    tracker = start(run)
    tracker.log(10, {"train/loss": 0.5, "learning_rate": 0.01, "epoch/loss": 0.25})
    tracker.log(10, {"validation/energy_mae": 0.125})
    tracker.histograms(10, {"H.0.weights": np.arange(6.0).reshape(2, 3)})
    tracker.finish(RunStatus.FINISHED)
    tracker.close()
    train = EventAccumulator(str(run.run_dir))
    train.Reload()
    assert set(train.Tags()["scalars"]) == {"1. Losses/1. Total", "learning_rate", "epoch/loss"}
    (point,) = train.Scalars("1. Losses/1. Total")
    assert (point.step, point.value) == (10, 0.5)
    assert time.time() - point.wall_time < 100
    (shape,) = train.Histograms("H/layer_0/weights")
    assert shape.histogram_value.num == 6
    assert shape.histogram_value.max == 5
    validation = EventAccumulator(str(run.run_dir / "validation"))
    validation.Reload()
    assert validation.Scalars("2. Metrics/2. MAE/atom")[0].value == 0.125


@pytest.mark.parametrize(
    ("name", "folder", "tag"),
    [
        ("train/energy_loss", "", "1. Losses/2. Energy"),
        ("train/penalty", "", "1. Losses/4. Regularization"),
        ("validation/energy_rmse", "validation", "2. Metrics/1. RMSE/atom"),
        ("train/force_mae", "", "2. Metrics/4. Force components MAE"),
        ("validation/other", "validation", "other"),
        ("result/energy_mae", "", "result/energy_mae"),
    ],
)
def test_places(name, folder, tag):
    assert place(name) == (folder, tag)


@pytest.mark.parametrize("cut", [0, 1, 20])
def test_a_continued_run_has_every_step_once(run, cut):
    first = start(run)
    for step in (1, 2, 3):
        first.log(step, {"train/loss": step, "validation/loss": step})
    first.histograms(3, {"H.0.biases": np.zeros(2)})
    first.log(4, {"train/loss": 4})
    first.close()
    (path,) = run.run_dir.glob(PATTERN)
    os.truncate(path, path.stat().st_size - cut)
    second = start(run)
    for step in (3, 4, 5):
        second.log(step, {"train/loss": -step, "validation/loss": -step})
    second.histograms(3, {"H.0.biases": np.ones(2)})
    second.close()
    assert len(list(run.run_dir.glob(PATTERN))) == 2
    assert steps(run.run_dir) == {"1. Losses/1. Total": [1, 2, 3, 4, 5], "H/layer_0/biases": [3]}
    assert steps(run.run_dir / "validation") == {"1. Losses/1. Total": [1, 2, 3, 4, 5]}
    accumulator = EventAccumulator(str(run.run_dir))
    accumulator.Reload()
    values = [point.value for point in accumulator.Scalars("1. Losses/1. Total")]
    assert values == [1, 2, 3, 4 if cut == 0 else -4, -5]


def test_what_was_flushed_survives_a_kill(run):
    tracker = start(run)
    tracker.log(1, {"train/loss": 1})
    tracker.log(2, {"train/loss": 2})
    tracker.flush()
    assert steps(run.run_dir)["1. Losses/1. Total"] == [1, 2]
    tracker.close()


@pytest.mark.parametrize(
    ("array", "num", "sum_squares"),
    [
        (np.array([[1.0, -3.0], [np.nan, np.inf]]), 2, 10.0),
        (np.full(4, 2.0, dtype=np.float32), 4, 16.0),
        (np.array([np.nan]), 0, 0.0),
    ],
)
def test_histograms_of_finite_values(array, num, sum_squares):
    shape = histogram(array)
    assert (shape.num, shape.sum_squares) == (num, sum_squares)
    assert sum(shape.bucket) == num
    assert len(shape.bucket) == len(shape.bucket_limit)


def test_a_full_disk_ends_the_file_and_not_the_training(run, caplog):
    tracker = start(run)
    tracker.log(1, {"train/loss": 1})
    tracker.flush()

    class Full:
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        def close(self):
            pass

    file = tracker._files[""]
    file._file.close()
    file._file = Full()
    with caplog.at_level(logging.WARNING):
        for step in (2, 3):
            tracker.log(step, {"train/loss": step})
            tracker.flush()
        tracker.close()
    assert len(caplog.records) == 1
    assert "cannot be written (No space left on device)" in caplog.text
    assert steps(run.run_dir)["1. Losses/1. Total"] == [1]


def test_a_folder_that_cannot_be_made_ends_the_file_and_not_the_training(run, caplog):
    (run.run_dir / "validation").touch()
    tracker = start(run)
    with caplog.at_level(logging.WARNING):
        tracker.log(1, {"train/loss": 1, "validation/loss": 1})
        tracker.log(2, {"train/loss": 2, "validation/loss": 2})
        tracker.close()
    assert len(caplog.records) == 1
    assert "cannot be written (File exists)" in caplog.text
    assert steps(run.run_dir)["1. Losses/1. Total"] == [1, 2]


def test_where_to_look(run, monkeypatch):
    tracker = start(run)
    assert tracker.where() == [f"tensorboard:  tensorboard --logdir={run.run_dir}"]
    monkeypatch.chdir(run.run_dir.parent)
    assert tracker.where() == ["tensorboard:  tensorboard --logdir=run"]
