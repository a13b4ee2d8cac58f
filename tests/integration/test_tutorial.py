"""PANNA's tutorial as experiments: train, extract, start a modified network from the weights."""

import numpy as np
import pytest

from panna_exp.networks.panna import read_panna
from panna_exp.training import checkpoint as checkpoints

QUICK = ("tracking=none", "training.max_epochs=1", "training.steps_per_epoch=30")


@pytest.fixture(scope="module")
def tutorial(shared_program):
    program = shared_program
    program.run("train", "experiment=tutorial1", *QUICK)
    weights = "io.output_dir=outputs/tutorial1_weights"
    program.run("extract-weights", "run_dir=outputs/tutorial1", weights)
    program.run("train", "+experiment=tutorial2", *QUICK)
    return program.folder / "outputs"


@pytest.fixture(scope="module")
def networks(tutorial):
    """Saved and further trained networks by symbol."""
    (last,) = checkpoints.find_checkpoints(tutorial / "tutorial2", "last")
    trained = {network.symbol: network for network in checkpoints.load(last).networks}
    return read_panna(tutorial / "tutorial1_weights").networks, trained


def test_the_extracted_weights_are_those_of_the_last_checkpoint(tutorial):
    (last,) = checkpoints.find_checkpoints(tutorial / "tutorial1", "last")
    saved = read_panna(tutorial / "tutorial1_weights").networks
    for network in checkpoints.load(last).networks:
        assert network.identical(saved[network.symbol])


def test_frozen_oxygen_did_not_move_in_one_bit(networks):
    saved, trained = networks
    assert trained["O"].trainable == (False, False, False)
    for before, after in zip(saved["O"].layers, trained["O"].layers, strict=True):
        assert before.identical(after)


def test_oxygen_stays_frozen_when_a_third_training_starts_from_the_second(tutorial, shared_program):
    """Weights of ours say it; what a species' own section says comes first."""
    program = shared_program
    weights = "io.output_dir=outputs/tutorial2_weights"
    program.run("extract-weights", "run_dir=outputs/tutorial2", weights)
    third = (
        *("experiment=tutorial1", *QUICK, "training.max_epochs=1", "training.steps_per_epoch=3"),
        *("network.networks_metadata=outputs/tutorial2_weights", "network.trainable=[0,1,1]"),
        *("network.species.H.trainable=[1,1,1,1]", "network.species.N.behavior=[load,new,new]"),
    )
    done = program.run("train", *third, "io.train_dir=outputs/tutorial3")
    line = "not trained, as outputs/tutorial2_weights says: O, layers 0, 1, 2 (network.species."
    assert line in done.stderr
    networks = {item.symbol: item for item in program.last_networks(tutorial / "tutorial3")}
    saved = read_panna(tutorial / "tutorial2_weights").networks
    assert networks["O"].identical(saved["O"])
    assert networks["H"].trainable == (True,) * 4
    assert networks["C"].trainable == networks["N"].trainable == (False, True, True)
    forced = "network.species.O.trainable=[1,0,1]"
    program.run("train", *third, forced, "io.train_dir=outputs/tutorial4")
    networks = {item.symbol: item for item in program.last_networks(tutorial / "tutorial4")}
    assert networks["O"].trainable == (True, False, True)


def test_nitrogen_went_on_from_where_it_was(networks):
    saved, trained = networks
    change = np.abs(trained["N"].layers[0].weights - saved["N"].layers[0].weights).max()
    assert 0 < change < 0.5


def test_carbon_kept_its_first_layer_only(networks):
    saved, trained = networks
    distance = [
        np.abs(after.weights - before.weights).mean()
        for before, after in zip(saved["C"].layers, trained["C"].layers, strict=True)
    ]
    assert distance[0] < 0.05 < distance[1]


def test_hydrogen_is_deeper(networks):
    _, trained = networks
    assert trained["H"].sizes == (128, 32, 32, 1)


def test_a_layer_of_another_shape_is_named(shared_program, tutorial):
    done = shared_program.run(
        *("train", "+experiment=tutorial2", *QUICK, "io.train_dir=other"),
        "network.species.H.behavior=[load,new,load,new]",
        code=2,
    )
    assert done.stderr.startswith("error: H, layer 2: the saved layer has the shape (32, 1)")
    assert "(32, 32) is needed" in done.stderr
    assert not (shared_program.folder / "other").exists()


def test_another_network_cannot_continue_a_run(shared_program, tutorial):
    done = shared_program.run(
        *("train", "experiment=tutorial1", *QUICK, "network.architecture=[64,1]"), code=2
    )
    assert "cannot continue from epoch_1_step_30" in done.stderr
    assert "[384, 128, 32, 1] in the checkpoint, [384, 64, 1] now" in done.stderr


def test_both_experiments_on_pannas_own_records(shared, program):
    data = shared / "data/panna_tutorial"
    words = (
        *("data=tfrecord", f"data.train={data / 'train'}", "data.species=[H,C,O,N]"),
        "data.reference_energies={H: -13.62, C: -1029.41, O: -2041.84, N: -1484.87}",
        *("tracking=none", "training.max_epochs=1", "training.steps_per_epoch=3"),
    )
    program.run("train", "experiment=tutorial1", *words)
    weights = "io.output_dir=outputs/tutorial1_weights"
    program.run("extract-weights", "run_dir=outputs/tutorial1", weights)
    program.run("train", "experiment=tutorial2", *words)
    outputs = program.folder / "outputs"
    saved = read_panna(outputs / "tutorial1_weights").networks
    trained = {network.symbol: network for network in program.last_networks(outputs / "tutorial2")}
    for before, after in zip(saved["O"].layers, trained["O"].layers, strict=True):
        assert before.identical(after)
    assert trained["H"].sizes == (128, 32, 32, 1)
