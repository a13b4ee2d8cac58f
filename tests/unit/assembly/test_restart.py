"""What each restart mode takes from the checkpoints that it finds."""

import copy
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from panna_exp.assembly.restart import (
    Restart,
    changed_descriptor,
    epochs_in_all,
    find_restart,
    flatten,
    next_position,
)
from panna_exp.assembly.training import initial_networks
from panna_exp.config.schema import (
    IoConfig,
    NetworkConfig,
    RestartMode,
    TrainConfig,
    TrainingConfig,
)
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.elements import Species
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


def write(folder, step, config=CONFIG):
    layer = LayerData(np.ones((2, 1)), np.ones(1), Activation.linear)
    checkpoint = Checkpoint(
        position=Position(step=step),
        steps_per_epoch=100,
        networks=(NetworkData(symbol="H", layers=(layer,)),),
        descriptor={"type": "unknown", "size": 2},
        energy_rescale=1.0,
        optimizer={"updates": 0, "first_moment": {}, "second_moment": {}},
        epoch_sums=torch.zeros(6),
        interval_sums=torch.zeros(6),
        stream=STREAM,
        config=config,
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


@pytest.mark.parametrize(
    ("step", "per_epoch", "max_epochs", "last_epoch", "last_step"),
    [
        (1000, 100, 10, 10, 1000),
        (1000, 200, 10, 15, 2000),
        (1000, 50, 10, 10, 1000),  # shorter: nothing is left
        (530, 200, 10, 14, 2000),
    ],
)
def test_panna_1_trains_to_a_number_of_steps(
    tmp_path, step, per_epoch, max_epochs, last_epoch, last_step
):
    write(tmp_path, step)
    position = next_position(find(tmp_path), per_epoch, panna_version=1)
    training = TrainingConfig(panna_version=1, max_epochs=max_epochs, steps_per_epoch=per_epoch)
    epochs = epochs_in_all(training, position, per_epoch)
    assert (epochs, max(position.last_step(epochs, per_epoch), step)) == (last_epoch, last_step)
    assert position.step == step
    assert position.base_epoch in (0, -(-step // 100))
    assert epochs_in_all(TrainingConfig(max_epochs=7), position, per_epoch) == 7


def mbp(**changes):
    keys = {
        **{"eta_rad": 8.0, "Rc_rad": 3.6, "Rs0_rad": 0.5, "RsN_rad": 4, "zeta": 40.0},
        **{"eta_ang": 4.0, "Rc_ang": 3.0, "Rs0_ang": 0.5, "RsN_ang": 2, "ThetasN": 3},
    }
    return Descriptor.of(MBPParameters.from_panna(["H"], "C", **{**keys, **changes}))


def test_another_descriptor_is_refused_with_both_values(run_dir):
    unknown = Descriptor(mbp_size())
    assert changed_descriptor(mbp(), mbp()) == []
    assert changed_descriptor(unknown, mbp()) == []
    checkpoint = replace(find(run_dir).checkpoint, descriptor=mbp().record)
    layer = replace(checkpoint.networks[0].layers[0], weights=np.ones((mbp_size(), 1)))
    networks = (NetworkData(symbol="H", layers=(layer,)),)
    data = SimpleNamespace(
        species=Species(("H",)),
        offsets=(0.0,),
        train=SimpleNamespace(size=mbp_size()),
        descriptor=mbp(zeta=30.0),
    )
    config = TrainConfig(network=NetworkConfig(architecture=[1]))
    restart = Restart(checkpoint=replace(checkpoint, networks=networks))
    with pytest.raises(CheckpointError, match=r"cannot continue .* descriptor: zeta .*40.*30"):
        initial_networks(config, data, restart, run_dir)


def mbp_size():
    return mbp().size


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
    assert (run_dir / "_models/epoch_4_step_400.pt").exists()  # whether it can start is not known
    (message,) = restart.clear()
    assert message.startswith("starting over: the earlier training is kept as _models_1")
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


def began(mode, **options):
    """A configuration that says where the training begins."""
    config = copy.deepcopy(CONFIG)
    config["io"] |= {"restart_mode": mode, **options}
    config["network"] = {"networks_metadata": "w"}
    return config


def test_the_same_command_goes_on_with_an_interrupted_training_of_its_own(tmp_path):
    config = began("metadata")
    write(tmp_path, 150, config)
    restart = find(tmp_path, RestartMode.metadata, config)
    assert restart.exact
    assert restart.checkpoint.position.step == 150
    other = {**config, "network": {"networks_metadata": "v"}}
    with pytest.raises(CheckpointError, match=r"choose another io\.train_dir"):
        find(tmp_path, RestartMode.metadata, other)
    mode, named = RestartMode.specific_ckpt, {"restart_checkpoint": "epoch_2_step_150"}
    config = began("specific_ckpt", **named)
    write(tmp_path, 220, config)
    restart = find(tmp_path, mode, config, **named)
    assert restart.exact
    assert restart.checkpoint.position.step == 220


METRICS = ["epoch MAE/at tot_st", "0 0.3 100", "1 0.2 200", "2 0.1 300"]


@pytest.mark.parametrize(
    ("options", "checkpoint_steps", "lines"),
    [
        ({}, [100], 2),
        ({"restart_step": 100}, [100], 2),
        ({"restart_step": 0, "restart_epoch": 0}, [], 1),
    ],
)
def test_what_came_after_a_chosen_checkpoint_is_archived(
    tmp_path, options, checkpoint_steps, lines
):
    for step in (100, 200, 300):
        write(tmp_path, step)
    (tmp_path / "_models/best.pt").write_bytes(b"best")
    (tmp_path / "metrics.dat").write_text("\n".join([*METRICS, "3 0."]))
    named = {"restart_checkpoint": "epoch_1_step_100", **options}
    for _ in range(2):  # the second time as after a kill before the first checkpoint
        restart = find(tmp_path, RestartMode.specific_ckpt, **named)
        assert restart.checkpoint.position.step == 100
        restart.clear()
        steps = [checkpoints.step_of(p) for p in checkpoints.list_checkpoints(tmp_path / "_models")]
        assert steps == checkpoint_steps
        assert (tmp_path / "metrics.dat").read_text().splitlines() == METRICS[:lines]
        assert (tmp_path / "metrics_1.dat").read_text().splitlines() == [*METRICS, "3 0."]
        kept = {path.name for path in (tmp_path / "_models_1").iterdir()}
        assert {"epoch_2_step_200.pt", "epoch_3_step_300.pt", "best.pt"} <= kept
        assert not (tmp_path / "_models_2").exists()


def test_a_chosen_checkpoint_that_is_not_there_is_named(run_dir):
    with pytest.raises(
        CheckpointError, match=r"^io\.restart_checkpoint=nothing \(restart_file\): "
    ):
        find(run_dir, RestartMode.specific_ckpt, restart_checkpoint="nothing")


def test_a_chosen_checkpoint_of_elsewhere_leaves_no_mixture(tmp_path, run_dir):
    other = tmp_path / "other"
    write(other, 50)
    restart = find(
        other,
        RestartMode.specific_ckpt,
        restart_checkpoint=str(run_dir / "_models/epoch_2_step_150"),
    )
    assert restart.clear() == ["the earlier training is kept as _models_1"]
    assert not (other / "_models").exists()


def test_flatten():
    assert flatten({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
