import pickle
import re

import numpy as np
import pytest
import torch

from panna_exp.data.ranges import Ranges
from panna_exp.errors import CheckpointError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint, Position


def make_checkpoint(step=150, **changes):
    random = np.random.default_rng(0)
    layers = (
        LayerData(random.normal(size=(3, 2)), random.normal(size=2), Activation.rbf),
        LayerData(random.normal(size=(2, 1)), random.normal(size=1), Activation.linear),
    )
    values = {
        "position": Position(step=step),
        "steps_per_epoch": 100,
        "networks": (
            NetworkData(symbol="H", layers=layers, offset=-13.62, trainable=(False, True)),
        ),
        "descriptor": {"type": "unknown", "size": 3},
        "energy_rescale": 1.0,
        "optimizer": {"updates": step, "first_moment": {}, "second_moment": {}},
        "epoch_sums": torch.arange(6.0),
        "interval_sums": torch.zeros(6),
        "stream": {"seed": 0},
        "config": {"training": {"max_epochs": 2}},
        "threads": 1,
        "versions": {"torch": "x"},
        "train": {},
        "validation": {"loss": 0.5},
    }
    return Checkpoint(**{**values, **changes})


def test_a_checkpoint_reads_back_bit_for_bit(tmp_path):
    written = make_checkpoint()
    path = checkpoints.save(written, tmp_path)
    assert path.name == "epoch_2_step_150.pt"
    read = checkpoints.load(path)
    assert read.networks[0].identical(written.networks[0])
    assert torch.equal(read.epoch_sums, written.epoch_sums)
    assert (read.position, read.stream, read.validation) == (
        written.position,
        written.stream,
        written.validation,
    )


@pytest.mark.parametrize("length", [0, 1, 100, -10])
def test_a_truncated_file_is_named(tmp_path, length):
    path = checkpoints.save(make_checkpoint(), tmp_path)
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        checkpoints.load(path)


def test_code_in_a_file_is_never_run(tmp_path):
    class Evil:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    path = tmp_path / "epoch_1_step_1.pt"
    torch.save({"format": checkpoints.FORMAT, "x": Evil()}, path)
    with pytest.raises(CheckpointError, match="damaged or not a checkpoint"):
        checkpoints.load(path)
    path.write_bytes(pickle.dumps(Evil(), protocol=2))
    with pytest.raises(CheckpointError):
        checkpoints.load(path)
    assert not (tmp_path / "ran").exists()


def test_other_programs_files_are_refused(tmp_path):
    path = tmp_path / "epoch_1_step_1.pt"
    torch.save({"weights": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="is not a checkpoint of panna_exp"):
        checkpoints.load(path)


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoints.save(make_checkpoint(), tmp_path / "_models")
    assert list((tmp_path / "_models").iterdir()) == []


def test_names_find_checkpoints(tmp_path):
    for step in (50, 100, 1000):
        checkpoints.save(make_checkpoint(step), tmp_path / "_models")
    (tmp_path / "_models" / "notes.pt").touch()
    names = [path.stem for path in checkpoints.find_checkpoints(tmp_path, "all")]
    assert names == ["epoch_1_step_50", "epoch_1_step_100", "epoch_10_step_1000"]
    assert checkpoints.find_checkpoints(tmp_path, "last")[0].stem == names[-1]
    assert checkpoints.find_checkpoints(tmp_path, names[1])[0].stem == names[1]
    with pytest.raises(CheckpointError, match="did you mean 'epoch_1_step_100'"):
        checkpoints.find_checkpoints(tmp_path, "epoch_1_step_10")
    step = names[1].rpartition("_")[2]
    for spelled in (f"step_{step}", step):
        assert checkpoints.find_checkpoints(tmp_path, spelled)[0].stem == names[1]
    checkpoints.prune(tmp_path / "_models", 2)
    assert len(checkpoints.find_checkpoints(tmp_path, "all")) == 2


def test_a_directory_without_checkpoints_says_so(tmp_path):
    with pytest.raises(CheckpointError, match="no such directory"):
        checkpoints.find_checkpoints(tmp_path / "x", "last")
    with pytest.raises(CheckpointError, match="has no checkpoints"):
        checkpoints.find_checkpoints(tmp_path, "last")


@pytest.mark.parametrize(
    ("step", "epoch"), [(0, 1), (1, 1), (100, 1), (101, 2), (150, 2), (4000, 40)]
)
def test_the_epoch_that_a_step_belongs_to(step, epoch):
    assert Position().epoch_of(step, 100) == epoch


def test_epochs_go_on_counting_with_other_lengths():
    position = Position(step=250, base_step=250, base_epoch=3)
    assert position.epoch_of(260, 10) == 4
    assert position.last_step(5, 10) == 270
    assert position.last_step(2, 10) == 250


def test_ranges_read_back_and_older_checkpoints_have_none(tmp_path):
    values = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    ranges = Ranges.of(values, np.zeros(9, dtype=np.int64), 2)
    path = checkpoints.save(make_checkpoint(ranges=ranges), tmp_path)
    found = checkpoints.load(path).ranges
    assert found.same(ranges)
    assert found.counts.tolist() == [9, 0]
    state = torch.load(path, weights_only=True)
    del state["ranges"]
    torch.save(state, path)
    assert checkpoints.load(path).ranges is None
