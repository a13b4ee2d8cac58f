"""data.reference_energies=fit at the real command line."""

import json

import pytest

WORDS = (
    *("train", "data=tutorial", "tracking=none", "network.architecture=[8,1]"),
    *("training.steps_per_epoch=20", "io.train_dir=run", "io.save_checkpoint_steps=20"),
)
FIT = "data.reference_energies=fit"


def energies(program):
    facts = json.loads((program.folder / "run/environment.json").read_text())
    return facts["data"]["reference_energies"]


def test_a_run_with_fitted_energies_goes_on_with_its_own(program):
    done = program.run(*WORDS, FIT, "training.max_epochs=1")
    assert "reference energies by least squares: H " in done.stderr
    assert "determine only 3 of 4 reference energies" in done.stderr
    first = energies(program)
    networks = program.last_networks(program.folder / "run")
    assert {network.symbol: network.offset for network in networks} == first
    # Methane, water and ammonia: the sums are what total energies of molecules are.
    assert first["O"] + 2 * first["H"] == pytest.approx(-2078, abs=2)
    # Other training data: the energies that the networks know stay.
    other = "data.train=[builtin:tutorial_validation.h5]"
    done = program.run(*WORDS, FIT, "training.max_epochs=2", other)
    assert "reference energies are those of epoch_1_step_20" in done.stderr
    assert energies(program) == first
    done = program.run("evaluate", "run_dir=run")
    assert "epoch_2_step_40" in done.stdout


def test_forgotten_energies_are_refused_before_anything_is_written(program):
    done = program.run(*WORDS, "data.reference_energies=null", code=2)
    (line,) = done.stderr.splitlines()
    assert "the reference energies leave" in line
    assert "or have them fitted, data.reference_energies=fit (docs/how-to/own-data.md#" in line
    assert not (program.folder / "run").exists()
