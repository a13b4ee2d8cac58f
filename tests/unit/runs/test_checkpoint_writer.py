"""What a full disk and a run directory that moves cost a training."""

import errno
import logging
import threading

import numpy as np
import pytest
import torch

from panna_exp.config.schema import TrainConfig
from panna_exp.errors import CheckpointError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.runs.checkpoint_writer import CheckpointWriter
from panna_exp.runs.run_directory import RunDirectory
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint, Position

LAYER = LayerData(np.ones((2, 1)), np.ones(1), Activation.linear)


def checkpoint_of(step):
    """One of a training of 100 steps per epoch."""
    return Checkpoint(
        position=Position(step=step),
        steps_per_epoch=100,
        networks=(NetworkData(symbol="H", layers=(LAYER,)),),
        descriptor={"type": "unknown", "size": 2},
        energy_rescale=1.0,
        optimizer={"updates": step, "first_moment": {}, "second_moment": {}},
        epoch_sums=torch.zeros(6),
        interval_sums=torch.zeros(6),
        stream={},
        config={},
        threads=1,
        versions={},
        train={},
        validation={},
    )


@pytest.fixture
def directory(tmp_path):
    with RunDirectory(tmp_path / "run") as found:
        found.write_record("", [], {})
        yield found


@pytest.fixture
def writer(directory):
    """Of a training of three epochs that keeps two checkpoints."""
    config = TrainConfig()
    config.training.max_epochs = 3
    config.io.max_ckpt_to_keep = 2
    with CheckpointWriter(directory, config, lambda: "panna-exp train io.train_dir=run") as found:
        yield found


@pytest.fixture
def full(monkeypatch):
    def save(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "save", save)


def names(directory):
    return sorted(path.name for path in directory.models.iterdir())


def test_old_ones_are_removed_and_the_best_is_kept(writer, directory):
    writer.write(checkpoint_of(100), checkpoint_of(100))
    writer.write(checkpoint_of(200), None)
    writer.write(checkpoint_of(300), None)
    assert names(directory) == ["best.pt", "epoch_2_step_200.pt", "epoch_3_step_300.pt"]
    assert checkpoints.load(directory.models / "best.pt").position.step == 100


def test_a_full_disk_is_a_warning_while_the_training_goes_on(writer, full, caplog):
    with caplog.at_level(logging.WARNING, "panna_exp"):
        writer.write(checkpoint_of(200), None)
        writer.wait()
    (record,) = caplog.records
    text = record.getMessage()
    assert text.startswith(f"cannot write {writer.directory.models / 'epoch_2_step_200.pt'}: ")
    assert text.endswith("No space left on device: training goes on")


def test_without_its_last_one_a_training_did_not_end(writer, full):
    kept = "device: none was saved yet; make room, then continue with: panna-exp train io"
    with pytest.raises(CheckpointError, match=kept):
        writer.write(checkpoint_of(300), None)


def test_a_checkpoint_before_the_last_one_is_kept(writer, request, directory):
    writer.write(checkpoint_of(200), None)
    writer.wait()
    request.getfixturevalue("full")
    with pytest.raises(CheckpointError, match="device: the last saved checkpoint is kept; make"):
        writer.write(checkpoint_of(300), None)
    assert names(directory) == ["epoch_2_step_200.pt"]


def test_a_run_directory_that_was_renamed_gets_nothing(writer, directory):
    directory.path.rename(directory.path.with_name("moved"))
    with pytest.raises(CheckpointError, match="renamed or removed"):
        writer.write(checkpoint_of(100), None)
    assert not directory.path.exists()


def test_one_that_is_renamed_while_a_checkpoint_is_written_is_not_made_again(
    writer, directory, monkeypatch
):
    save = checkpoints.save

    def moving(*arguments):
        directory.path.rename(directory.path.with_name("moved"))
        return save(*arguments)

    monkeypatch.setattr(checkpoints, "save", moving)
    writer.write(checkpoint_of(100), None)
    with pytest.raises(CheckpointError, match="renamed or removed"):
        writer.write(checkpoint_of(200), None)
    assert not directory.path.exists()
    assert not list(directory.path.with_name("moved").rglob("*.pt"))


def test_steps_go_on_while_one_is_written(writer, directory, monkeypatch):
    """The next one waits for it, and the last one is there at once."""
    save, may_write = checkpoints.save, threading.Event()

    def slow(*arguments):
        may_write.wait(60)
        return save(*arguments)

    monkeypatch.setattr(checkpoints, "save", slow)
    writer.write(checkpoint_of(100), None)
    assert not directory.models.exists()
    may_write.set()
    writer.write(checkpoint_of(200), None)
    writer.write(checkpoint_of(300), None)
    assert names(directory) == ["epoch_2_step_200.pt", "epoch_3_step_300.pt"]


def test_what_a_training_ends_with_is_not_hidden_by_a_checkpoint(
    writer, directory, monkeypatch, caplog
):
    def failing(*arguments):
        raise CheckpointError("moved")

    def ended_by_hand():
        with writer:
            writer.write(checkpoint_of(100), None)
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoints, "save", failing)
    with caplog.at_level(logging.WARNING, "panna_exp"), pytest.raises(KeyboardInterrupt):
        ended_by_hand()
    assert caplog.messages == ["moved"]
