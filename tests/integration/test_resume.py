"""A run that was stopped and continued is the run that never stopped, bit for bit."""

import random
import re
import shlex
import signal
import time

import pytest

# Epochs of 30 steps end inside passes of 36 batches; checkpoints fall inside epochs.
OPTIONS = (
    *("tracking=none", "network.architecture=[16,8,1]", "training.batch_size=20"),
    *("training.steps_per_epoch=30", "io.save_checkpoint_steps=7", "io.log_frequency=4"),
    *("training.learning_rate_schedule=cosine", "training.wscale_l2=1e-6"),
)


def train(program, run_dir, *options, code=0):
    return program.run("train", *OPTIONS, f"io.train_dir={run_dir}", *options, code=code)


def test_numba_goes_on_with_unequal_and_frozen_layers_as_if_never_stopped(program, tmp_path):
    options = (
        *("network.species.H.architecture=[6,4,1]", "network.species.C.trainable=[0,1,1]"),
        *(
            "network.species.H.activations=[tanh,relu,linear]",
            "training.learning_rate_schedule=constant",
        ),
    )
    train(program, "whole", *options, "execution=numba", "training.max_epochs=2")
    train(program, "parts", *options, "execution=numba", "training.max_epochs=1")
    done = train(program, "parts", *options, "training.max_epochs=2")
    assert "steps by numba" in done.stderr
    assert "warning" not in done.stderr
    program.assert_identical(tmp_path / "whole", tmp_path / "parts")


def test_raising_max_epochs_continues_as_if_never_stopped(program, tmp_path):
    constant = "training.learning_rate_schedule=constant"
    train(program, "whole", "training.max_epochs=4", constant)
    train(program, "parts", "training.max_epochs=2", constant)
    done = train(program, "parts", "training.max_epochs=4", constant)
    assert "continuing from epoch_2_step_60" in done.stderr
    program.assert_identical(tmp_path / "whole", tmp_path / "parts")
    assert (tmp_path / "whole/metrics.dat").read_text() == (
        tmp_path / "parts/metrics.dat"
    ).read_text()
    # Frozen now, though it has moments, and under a penalty: not one bit moves.
    before = {network.symbol: network for network in program.last_networks(tmp_path / "parts")}
    train(
        program, "parts", "training.max_epochs=5", constant, "network.species.O.trainable=[0,1,0]"
    )
    after = {network.symbol: network for network in program.last_networks(tmp_path / "parts")}
    same = [
        old.identical(new) for old, new in zip(before["O"].layers, after["O"].layers, strict=True)
    ]
    assert same == [True, False, True]
    assert not before["H"].layers[0].identical(after["H"].layers[0])


def test_the_same_command_on_a_complete_run_trains_nothing(program, tmp_path):
    train(program, "run", "training.max_epochs=1")
    before = sorted(path.name for path in (tmp_path / "run/_models").iterdir())
    done = train(program, "run", "training.max_epochs=1")
    assert "nothing to train: max_epochs=1 is reached (step" in done.stdout
    assert sorted(path.name for path in (tmp_path / "run/_models").iterdir()) == before
    metrics = (tmp_path / "run/metrics.dat").read_text()
    high = ("training.max_epochs=2", "training.learning_rate=1e30")
    done = train(program, "run", *high, "training.learning_rate_schedule=constant", code=2)
    assert "error: the training diverged: by step" in done.stderr
    assert "at a learning rate of 1e+30: choose a smaller training.learning_rate" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tmp_path / "run/_models").iterdir()) == before
    assert (tmp_path / "run/metrics.dat").read_text() == metrics


def test_names_of_checkpoints(program, tmp_path):
    train(program, "run", "training.max_epochs=2", "io.save_checkpoint_steps=15")
    names = sorted(path.stem for path in (tmp_path / "run/_models").iterdir())
    assert names == [
        *("best", "epoch_1_step_15", "epoch_1_step_30", "epoch_2_step_45", "epoch_2_step_60")
    ]


def test_ctrl_c_saves_and_prints_the_command_that_continues(program, tmp_path):
    train(program, "whole", "training.max_epochs=20")
    process = program.start("train", *OPTIONS, "training.max_epochs=20", "io.train_dir=part")
    wait_for_checkpoint(tmp_path / "part")
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    command = re.search(r"to continue:\n\s+python -m panna_exp (.*)", output)
    assert command, output
    assert "io.train_dir=part" in command[1]
    program.run(*shlex.split(command[1]))
    program.assert_identical(tmp_path / "whole", tmp_path / "part")


def wait_for_checkpoint(run_dir, seconds=60):
    end = time.monotonic() + seconds
    while not list(run_dir.glob("_models/epoch_*")):
        assert time.monotonic() < end, "no checkpoint appeared"
        time.sleep(0.01)


def kill_and_resume(program, tmp_path, rounds):
    """Kills a training at random moments again and again, until it is complete."""
    random.seed(rounds)
    options = ("training.max_epochs=30",)
    train(program, "whole", *options)
    killed = 0
    for number in range(rounds):
        process = program.start("train", *OPTIONS, *options, f"io.train_dir=part{number}")
        wait_for_checkpoint(tmp_path / f"part{number}")
        time.sleep(random.uniform(0, 0.4))
        process.kill()
        process.communicate()
        killed += process.returncode == -signal.SIGKILL
        train(program, f"part{number}", *options)
        program.assert_identical(tmp_path / "whole", tmp_path / f"part{number}")
        expected = (tmp_path / "whole/metrics.dat").read_text()
        assert (tmp_path / f"part{number}/metrics.dat").read_text() == expected
    assert killed >= rounds / 2, f"only {killed} of {rounds} were killed before they had finished"


def test_kill_and_resume(program, tmp_path):
    kill_and_resume(program, tmp_path, 2)


@pytest.mark.slow
def test_kill_and_resume_twenty_times(program, tmp_path):
    kill_and_resume(program, tmp_path, 20)
