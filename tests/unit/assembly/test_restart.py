"""What each restart mode takes from the checkpoints that it finds."""

import copy

import numpy as np
import pytest
import torch

from panna_exp.assembly.restart import find_restart, flatten, next_position
from panna_exp.config.schema import IoConfig, RestartMode
from panna_exp.errors import CheckpointError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint, Position

CONFIG = {"seed": 0, "training": {"max_epochs": 4, "learning_rate": 0.01}, "io": {"log": 1}}
STREAM = {"seed": 0, "batch_size": 20, "shuffle": True, "fingerprint": "abc"}


@pytest.fixture
def run_dir(tmp_path):
    """A run that was stopped in its second epoch of 100 steps."""
    write(tmp_path, 150)
    return tmp_path


def write(folder, step):
    layer = LayerData(np.ones((2, 1)), np.ones(1), Activation.linear)
    checkpoint = Checkpoint(
        position=Position(step=step),
        steps_per_epoch=100,
        networks=(NetworkData(symbol="H", layers=(layer,)),),
        descriptor={"type": "unknown", "size": 2},
        energy_rescale=1.0,
        optimizer={},
        epoch_sums=torch.zeros(6),
        interval_sums=torch.zeros(6),
        stream=STREAM,
        config=CONFIG,
        threads=1,
        versions={},
        train={},
        validation={},
    )
    checkpoints.save(checkpoint, folder / "_models")


def find(run_dir, mode=RestartMode.auto, config=CONFIG, stream=STREAM, **io):
    return find_restart(IoConfig(restart_mode=mode, **io), run_dir, config, stream)


def changed(**training):
    config = copy.deepcopy(CONFIG)
    config["training"] |= training
    return config


@pytest.mark.parametrize("mode", [m for m in RestartMode if m is not RestartMode.specific_ckpt])
def test_an_empty_directory_starts_anew(tmp_path, mode):
    restart = find(tmp_path, mode)
    assert restart.checkpoint is None
    assert next_position(restart, 100) == Position()


@pytest.mark.parametrize("mode", [RestartMode.auto, RestartMode.default, RestartMode.force_default])
def test_an_interrupted_run_goes_on_exactly(run_dir, mode):
    restart = find(run_dir, mode)
    assert restart.exact
    assert next_position(restart, 100) == Position(step=150)
    assert restart.messages == [
        "continuing from epoch_2_step_150: networks, Adam's moments, step and epoch"
    ]


def test_continue_from_last_starts_the_stream_anew(run_dir):
    restart = find(run_dir, RestartMode.continue_from_last_ckpt)
    assert not restart.exact
    assert next_position(restart, 100) == Position(step=150, stream_start=150)
    assert "starts anew, as restart_mode asks" in restart.messages[-1]


def test_a_changed_option_is_taken_from_the_input_and_said(run_dir):
    restart = find(run_dir, config=changed(learning_rate=0.001, max_epochs=9))
    assert restart.exact
    assert restart.messages[1:] == ["training.learning_rate: 0.01 in the checkpoint, taking 0.001"]


def test_other_data_start_the_stream_anew(run_dir):
    restart = find(run_dir, stream={**STREAM, "fingerprint": "other"})
    assert not restart.exact
    assert "its settings or data changed" in restart.messages[-1]


def test_other_epochs_are_counted_from_the_checkpoint(run_dir):
    position = next_position(find(run_dir), 10)
    assert (position.base_step, position.base_epoch) == (150, 2)


def test_default_refuses_a_complete_run_and_says_what_to_do(run_dir):
    write(run_dir, 400)
    with pytest.raises(CheckpointError, match=r"complete \(epoch_4_step_400\).*force_default"):
        find(run_dir, RestartMode.default)
    assert find(run_dir).checkpoint is not None
    assert find(run_dir, RestartMode.continue_from_last_ckpt).checkpoint is not None


def test_force_default_starts_over_and_keeps_what_was_there(run_dir):
    write(run_dir, 400)
    (run_dir / "metrics.dat").write_text("old")
    restart = find(run_dir, RestartMode.force_default)
    assert restart.checkpoint is None
    assert (run_dir / "_models_1/epoch_4_step_400.pt").exists()
    assert (run_dir / "metrics_1.dat").read_text() == "old"
    assert not (run_dir / "_models").exists()


def test_metadata_refuses_a_directory_with_checkpoints(run_dir):
    with pytest.raises(CheckpointError, match=r"choose another io\.train_dir"):
        find(run_dir, RestartMode.metadata)


def test_a_specific_checkpoint_by_name_or_path(run_dir, tmp_path_factory):
    write(run_dir, 50)
    mode = RestartMode.specific_ckpt
    restart = find(run_dir, mode, restart_checkpoint="epoch_1_step_50")
    assert restart.checkpoint.position.step == 50
    assert not restart.exact
    elsewhere = tmp_path_factory.mktemp("other")
    path = str(run_dir / "_models/epoch_2_step_150.pt")
    assert find(elsewhere, mode, restart_checkpoint=path).checkpoint.position.step == 150


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
