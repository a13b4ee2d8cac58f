"""Damaged checkpoints and folders of networks are one line each, through every command."""

import random
import re
from pathlib import Path

import pytest

OPTIONS = (
    *("train", "tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=5"),
    *("training.batch_size=4", "io.save_checkpoint_steps=5"),
)
LAST, BEFORE = "epoch_2_step_10", "epoch_1_step_5"
EVALUATE = ("evaluate", "io.eval_dir=e")


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run of two epochs and its networks, extracted."""
    shared_program.run(*OPTIONS, "training.max_epochs=2", "io.train_dir=r")
    shared_program.run("extract-weights", "run_dir=r", "checkpoint=last", "io.output_dir=w")
    return shared_program


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


def cut(content, length):
    return content[:length]


def mutated(content, start):
    """A piece that is in another place."""
    return content[:start] + content[start + 40 :] + content[start : start + 40]


def damages(content, number, seed=0):
    """Yields contents of which one bit, the length or the order is another one."""
    random.seed(seed)
    for index in range(number):
        place = random.randrange(len(content) - 100)
        yield (
            flipped(content, 8 * place + index % 8),
            cut(content, place),
            mutated(content, place),
        )[index % 3]


def assert_refused(program, path, content, arguments, message):
    path.write_bytes(content)
    done = program.run(*arguments, code=2)
    (line,) = [text for text in done.stderr.splitlines() if "error" in text.lower()]
    assert re.search(message, line), done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def check_commands(program, number):
    folder = program.folder
    path = folder / f"r/_models/{LAST}.pt"
    content = path.read_bytes()
    message = rf"{LAST}\.pt: is damaged.* the checkpoint {BEFORE} is whole"
    goes_on = (*OPTIONS, "training.max_epochs=3", "io.train_dir=r")
    try:
        for index, changed in enumerate(damages(content, number)):
            commands = [(*EVALUATE, "run_dir=r", "checkpoint=last"), goes_on]
            assert_refused(program, path, changed, commands[index % 2], message)
    finally:
        path.write_bytes(content)


def test_a_damaged_checkpoint_is_refused_and_the_one_before_it_named(trained):
    check_commands(trained, 6)
    done = trained.run(*EVALUATE, "run_dir=r", f"checkpoint={BEFORE}")
    assert BEFORE in done.stdout


@pytest.mark.slow
def test_a_hundred_damaged_checkpoints(trained):
    check_commands(trained, 100)


def test_moving_the_damaged_one_away_trains_on_from_the_one_before_it(program, tmp_path):
    program.run(*OPTIONS, "training.max_epochs=2", "io.train_dir=r")
    path = tmp_path / f"r/_models/{LAST}.pt"
    path.rename(tmp_path / "damaged.pt")
    done = program.run(*OPTIONS, "training.max_epochs=2", "io.train_dir=r")
    assert f"continuing from {BEFORE}" in done.stderr
    assert path.read_bytes()[-200:]
    program.run(*OPTIONS, "training.max_epochs=2", "io.train_dir=whole")
    program.assert_identical(tmp_path / "whole", tmp_path / "r")


def test_damaged_best_checkpoint(trained):
    path = trained.folder / "r/_models/best.pt"
    content = path.read_bytes()
    try:
        arguments = (*EVALUATE, "run_dir=r", "checkpoint=best")
        assert_refused(
            trained, path, flipped(content, 20000), arguments, r"best\.pt: is damaged.*whole"
        )
    finally:
        path.write_bytes(content)


@pytest.mark.parametrize("name", ["H_l0_w.npy", "networks_metadata.json"])
def test_a_damaged_folder_of_networks_is_refused(trained, name):
    path = trained.folder / "w" / name
    content = path.read_bytes()
    data = ("data=tutorial", "data.test=builtin:tutorial_validation.h5")
    evaluate = (*EVALUATE, "network_dir=w", *data)
    starts = (*OPTIONS, "training.max_epochs=1", "io.train_dir=s", "network.networks_metadata=w")
    try:
        for changed in damages(content, 3):
            assert_refused(trained, path, changed, evaluate, rf"{name}: is damaged: its checksum")
        changed = flipped(content, 8 * len(content) - 12)
        assert_refused(trained, path, changed, starts, rf"{name}: is damaged: its checksum")
    finally:
        path.write_bytes(content)
    assert not Path(trained.folder / "s").exists()


def test_a_pickle_in_a_checkpoints_place_never_runs(trained, tmp_path):
    canary = tmp_path / "ran"
    # A pickle that calls os.mkdir(canary), in plain text (protocol 0).
    pickled = f"cposix\nmkdir\n(V{canary}\ntR.".encode()
    path = trained.folder / f"r/_models/{LAST}.pt"
    content = path.read_bytes()
    try:
        arguments = (*EVALUATE, "run_dir=r", "checkpoint=last")
        assert_refused(trained, path, pickled, arguments, r"is damaged or not a checkpoint")
    finally:
        path.write_bytes(content)
    assert not canary.exists()
