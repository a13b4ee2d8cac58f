"""Schedules, averages, the best checkpoint, and ways to stop, with the real command line."""

import json
import signal
import time

import pytest

from panna_exp.training import checkpoint as checkpoints

OPTIONS = (
    *("train", "tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=10"),
    *("io.save_checkpoint_steps=4", "io.log_frequency=3"),
)
EVERYTHING = (
    *("training.ema_decay=0.9", "training.clip_norm=0.5", "training.warmup_steps=15"),
    *("training.learning_rate_schedule=plateau", "training.plateau_patience=1"),
    *("training.min_delta=0.05", "training.monitor=energy_mae"),
)


def test_a_resumed_training_with_everything_on_never_stopped(program, tmp_path):
    program.run(*OPTIONS, *EVERYTHING, "training.max_epochs=8", "io.train_dir=whole")
    for epochs in (1, 3, 8):
        program.run(*OPTIONS, *EVERYTHING, f"training.max_epochs={epochs}", "io.train_dir=parts")
    program.assert_identical(tmp_path / "whole", tmp_path / "parts")
    assert (tmp_path / "whole/metrics.dat").read_text() == (
        tmp_path / "parts/metrics.dat"
    ).read_text()
    ends = [
        checkpoints.load(tmp_path / name / "_models/epoch_8_step_80.pt")
        for name in ("whole", "parts")
    ]
    assert ends[0].watch == ends[1].watch
    assert ends[0].watch["rate_factor"] < 1
    for left, right in zip(ends[0].averaged, ends[1].averaged, strict=True):
        assert all(
            (a.weights == b.weights).all() for a, b in zip(left.layers, right.layers, strict=True)
        )
    best = [
        checkpoints.load(tmp_path / name / "_models/best.pt").position.step
        for name in ("whole", "parts")
    ]
    assert best[0] == best[1] == ends[0].watch["best_step"]


def test_no_best_checkpoint_is_said_so(program, tmp_path):
    program.run(*OPTIONS, "training.max_epochs=1", "io.keep_best=false", "io.train_dir=r")
    done = program.run("evaluate", "run_dir=r", "checkpoint=best", code=2)
    assert "checkpoint=best: " in done.stderr
    assert "has none" in done.stderr


def test_patience_ends_a_training(program, tmp_path):
    options = (*OPTIONS, "training.patience=2", "training.min_delta=1e9", "io.train_dir=r")
    done = program.run(*options, "training.max_epochs=50")
    assert "stopped at step 30: loss did not improve for 2 epochs" in done.stderr
    assert json.loads((tmp_path / "r/result.json").read_text())["step"] == 30
    done = program.run(*options, "training.max_epochs=50")
    assert "nothing to train: it stopped early" in done.stdout
    done = program.run(*options, "training.max_epochs=50", "training.patience=4")
    assert json.loads((tmp_path / "r/result.json").read_text())["step"] == 50


def test_evaluation_uses_the_averages(program, tmp_path):
    program.run(*OPTIONS, "training.ema_decay=0.95", "training.max_epochs=3", "io.train_dir=r")
    program.run("evaluate", "run_dir=r", "io.eval_dir=e")
    (path,) = (tmp_path / "e").glob("*.dat")
    assert path.read_text() == (tmp_path / "r/evaluate" / path.name).read_text()
    saved = checkpoints.load(tmp_path / "r/_models/epoch_3_step_30.pt")
    assert (saved.averaged[0].layers[0].weights != saved.networks[0].layers[0].weights).any()


@pytest.mark.parametrize(
    "kind",
    [
        "SIGTERM",
        pytest.param("SIGUSR1", marks=pytest.mark.slow),
        "SIGUSR1 at the start",
        "limit",
    ],
)
def test_a_queue_stops_a_training_that_goes_on_later(program, tmp_path, kind):
    options = (*OPTIONS, "training.max_epochs=60", "io.train_dir=r")
    if kind == "limit":
        done = program.run(*options, "training.limit_seconds=0.05", code=75)
        output = done.stdout + done.stderr
        assert "training.limit_seconds=0.05 are over" in output
    else:
        process = program.start(*options)
        end = time.monotonic() + 60
        name, _, early = kind.partition(" ")
        # Hydra makes the folder before torch is imported.
        while not list(tmp_path.glob("r" if early else "r/_models/epoch_*")):
            assert time.monotonic() < end
            time.sleep(0.01)
        process.send_signal(getattr(signal, name))
        output, _ = process.communicate(timeout=60)
        assert process.returncode == 75, output
        assert f"stopped (got {name})" in output
        assert "Traceback" not in output
        if not early:  # otherwise there may be nothing to continue yet
            assert "to continue:\n  python -m panna_exp train" in output
        else:
            assert not list(tmp_path.glob("r/*"))
            return
    program.run(*options)
    if kind == "SIGTERM":
        program.run(*OPTIONS, "training.max_epochs=60", "io.train_dir=whole")
        program.assert_identical(tmp_path / "whole", tmp_path / "r")


def test_debug_does_everything_once(program, tmp_path):
    done = program.run("train", "debug=tiny", "io.train_dir=r")
    assert "trained 10 steps" in done.stdout
    assert not (tmp_path / "mlflow.db").exists()


def test_mistakes_are_named_together(program):
    done = program.run(
        *("train", "training.monitor=loss_", "training.patience=0", "training.plateau_factor=2"),
        *("training.limit_seconds=-1", "training.ema_decay=1", "training.clip_norm=-1"),
        code=2,
    )
    for text in (
        "training.monitor=loss_: expected one of loss, energy_mae",
        "training.patience=0 must be > 0",
        "training.plateau_factor=2.0 must be above 0 and below 1",
        "training.limit_seconds=-1.0 must be > 0",
        "training.ema_decay=1.0 must be at least 0 and below 1",
        "training.clip_norm=-1.0 must be >= 0",
    ):
        assert text in done.stderr
