"""What a user chooses counts: trackers beside debug=tiny, a save at step 0, new layers, bounds."""

import numpy as np
import pytest

from panna_exp.networks.panna import read_panna

TINY = ("debug=tiny", "network.architecture=[6,1]", "training.max_epochs=1", "threads=1")


def test_a_tracker_that_was_chosen_is_used_with_debug(program):
    shown = program.run("train", "debug=tiny", "tracking=tensorboard", "--cfg", "job").stdout
    assert "tensorboard: true" in shown
    assert "tensorboard: false" in program.run("train", "debug=tiny", "--cfg", "job").stdout
    assert "mlflow: false" in program.run("train", "debug=tiny", "--cfg", "job").stdout
    shown = program.run("train", "debug=tiny", "tracking=mlflow", "--cfg", "job").stdout
    assert "mlflow: true" in shown


def test_networks_are_saved_before_the_first_step(program):
    saves = ("io.starting_model_save=0", "io.final_model_save=5")
    program.run("train", *TINY, *saves, "io.train_dir=r", "seed=3")
    program.run("train", *TINY, "io.train_dir=s", "io.starting_model_save=1", "seed=3")
    folders = [
        program.folder / name for name in ("r/starting_model", "r/final_model", "s/starting_model")
    ]
    start, end, after = (read_panna(path).networks["H"].layers[0].weights for path in folders)
    assert 0 < np.abs(start - after).max() < np.abs(start - end).max()


def test_new_layers_beside_saved_ones_do_not_begin_as_these_did(program):
    first = ("io.train_dir=r", "io.starting_model_save=0", "io.final_model_save=5")
    program.run("train", *TINY, *first)
    saved = ("network.networks_metadata=r/final_model", "network.species.H.behavior=[load,new]")
    again = (*saved, "network.species.O.behavior=[new,new]", "io.starting_model_save=0")
    for name in ("s", "t"):
        program.run("train", *TINY, *again, f"io.train_dir={name}")
    begun, new, same = (
        read_panna(program.folder / name / "starting_model").networks for name in ("r", "s", "t")
    )
    weights = [item["O"].layers[0].weights.ravel() for item in (begun, new)]
    assert abs(np.corrcoef(*weights)[0, 1]) < 0.1
    assert not np.array_equal(begun["H"].layers[1].weights, new["H"].layers[1].weights)
    for symbol in ("H", "O"):
        assert new[symbol].identical(same[symbol])


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("threads=100000", "threads=100000: expected at most 1024"),
        ("descriptor.RsN_ang=1e9", "descriptor.RsN_ang=1000000000.0: expected a whole number"),
        ("descriptor.RsN_ang=1000000000", "descriptor.RsN_ang=1000000000: expected at most 1000"),
        ("descriptor.ThetasN=900", "make 360"),
        ("network.architecture=[1000000000,1]", "layer size 1000000000 is more than 100000"),
        ("network.architecture=[1e400,1]", "network.architecture: "),
        ("io.starting_model_save=-1", "io.starting_model_save=-1 must be >= 0"),
        ("training.seeds=[1,1e400]", "training.seeds=[1, inf]: expected a list of whole numbers"),
    ],
)
def test_sizes_are_bounded_before_memory_is_taken(program, option, message):
    more = ("descriptor.RsN_ang=40",) if "ThetasN" in option else ()
    done = program.run("train", option, *more, code=2)
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not list(program.folder.iterdir())


def test_a_sweep_of_a_billion_jobs_is_refused(program):
    done = program.run("train", "-m", "seed=range(1000000000)", code=2)
    assert done.stderr.startswith("error: seed=range(1000000000): is 1000000000 jobs: expected at")
