import pickle
import re
import zipfile

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
    del state["ranges"], state["sealed"]
    torch.save(state, path)
    assert checkpoints.load(path).ranges is None


def test_files_without_a_seal_are_read(tmp_path):
    written = make_checkpoint()
    path = checkpoints.save(written, tmp_path)
    state = torch.load(path, weights_only=True)  # the archive is torch's, whatever follows it
    del state["sealed"]
    torch.save(state, path)
    assert checkpoints.load(path).networks[0].identical(written.networks[0])


def test_every_flipped_bit_and_every_length_is_noticed(tmp_path):
    path = checkpoints.save(make_checkpoint(), tmp_path)
    content = path.read_bytes()
    random = np.random.default_rng(0)
    for bit in random.choice(8 * len(content), 400, replace=False):
        changed = bytearray(content)
        changed[bit // 8] ^= 1 << (bit % 8)
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.load(path)
    for length in random.choice(len(content), 60, replace=False):
        path.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="damaged"):
            checkpoints.load(path)


def refusal(path):
    """The one line about a file that is refused."""
    try:
        checkpoints.load(path)
    except CheckpointError as error:
        message = str(error)
    else:
        return None
    assert "\n" not in message
    return message


def mutations(content, random):
    """Yields contents with pieces changed, doubled, moved or taken out."""
    while True:
        changed = bytearray(content)
        start, length = random.integers(len(content)), random.integers(1, 300)
        kind = random.integers(4)
        if kind == 0:
            changed[start : start + length] = random.bytes(length)
        elif kind == 1:
            del changed[start : start + length]
        elif kind == 2:
            changed[start:start] = changed[start : start + length]
        else:
            changed[start : start + length] = bytes(length)
        yield bytes(changed)


def test_mutated_files_without_a_seal_give_one_line_or_a_checkpoint(tmp_path):
    path = checkpoints.save(make_checkpoint(), tmp_path)
    state = torch.load(path, weights_only=True)
    del state["sealed"]
    torch.save(state, path)
    random = np.random.default_rng(1)
    refused = 0
    for _, changed in zip(range(250), mutations(path.read_bytes(), random), strict=False):
        path.write_bytes(changed)
        refused += refusal(path) is not None
    assert refused > 100


def nested(state):
    """Yields every mapping and list in a state with each of its keys."""
    keys = list(state) if isinstance(state, dict) else range(len(state))
    for key in keys:
        yield state, key
        if isinstance(state[key], dict | list):
            yield from nested(state[key])


def test_what_is_missing_or_of_another_type_is_one_line(tmp_path):
    path = checkpoints.save(make_checkpoint(), tmp_path)

    def fresh():
        state = torch.load(path, weights_only=True)
        del state["sealed"]
        return state

    target = tmp_path / "changed.pt"
    for index in range(len(list(nested(fresh())))):
        for change in ("remove", None, "text", -1, []):
            state = fresh()
            place, key = list(nested(state))[index]
            if change == "remove":
                del place[key]
            else:
                place[key] = change
            torch.save(state, target)
            refusal(target)


def test_archives_that_unpack_to_more_than_they_are_take_no_memory(tmp_path):
    path = tmp_path / "epoch_1_step_1.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive/data.pkl", bytes(10_000_000))
    with pytest.raises(CheckpointError, match="compressed"):
        checkpoints.load(path)
    torch.save({"format": checkpoints.FORMAT, "x": torch.zeros(1).expand(10**9)}, path)
    with pytest.raises(CheckpointError, match="a tensor of 1000000000 numbers"):
        checkpoints.load(path)


def test_a_whole_checkpoint_is_offered_where_the_newest_is_damaged(tmp_path):
    paths = [checkpoints.save(make_checkpoint(step), tmp_path) for step in (50, 100, 150)]
    best = checkpoints.save(make_checkpoint(100), tmp_path, "best")
    for path in (*paths[1:], best):
        path.write_bytes(path.read_bytes()[:-100])
    for path in (paths[2], best):
        with pytest.raises(CheckpointError, match="the checkpoint epoch_1_step_50 is whole"):
            checkpoints.load(path)
    paths[0].write_bytes(b"")
    with pytest.raises(CheckpointError) as caught:
        checkpoints.load(paths[2])
    assert "is whole" not in str(caught.value)
