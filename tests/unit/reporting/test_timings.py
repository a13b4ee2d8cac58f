from datetime import datetime

import pytest

from panna_exp.reporting.run import time_of
from panna_exp.reporting.timings import read_timings

FIRST = """\
2026-01-01 10:00:00,000 INFO training data: 2 structures
2026-01-01 10:00:10,000 INFO training to epoch 4 of 50 steps on cpu, 1 thread
2026-01-01 10:00:20,000 INFO epoch 1, step 50: loss 1
2026-01-01 10:00:30,000 INFO epoch 2, step 100: loss 1
2026-01-01 10:05:00,000 INFO stopped: a checkpoint is saved; to continue:
  panna-exp train io.train_dir=x
"""
SECOND = """\
2026-01-02 10:00:00,000 INFO continuing from epoch_2_step_110: networks, Adam's moments
2026-01-02 10:00:00,000 INFO training to epoch 4 of 50 steps on cpu, 1 thread
2026-01-02 10:00:09,500 INFO epoch 3, step 150: loss 1
2026-01-02 10:00:20,000 INFO epoch 4, step 200: loss 1
"""


@pytest.mark.parametrize(
    ("log", "sessions", "steps", "seconds"),
    [
        (FIRST, 1, 100, 20.0),
        (FIRST + SECOND, 2, 190, 40.0),
        (FIRST[:150], 1, 0, 0.0),
        ("", 0, 0, 0),
    ],
)
def test_sessions_add_up(tmp_path, log, sessions, steps, seconds):
    (tmp_path / "train.log").write_text(log)
    found = read_timings(tmp_path)
    assert (found.sessions, found.steps, found.seconds) == (sessions, steps, seconds)
    assert found.rate == (steps / seconds if steps else None)


def test_a_log_that_is_not_there_or_no_log_tells_nothing(tmp_path):
    assert read_timings(tmp_path).last is None
    (tmp_path / "train.log").write_bytes(b"\xff\n9999-99-99 00:00:00,000 INFO x\n")
    assert read_timings(tmp_path).last is None


def test_times():
    assert time_of("2026-01-02 03:04:05,678 INFO x") == datetime(2026, 1, 2, 3, 4, 5, 678000)
    assert time_of("x 2026-01-02 03:04:05,678 INFO x") is None
