"""Networks of standardised inputs and silu: trained, resumed, used everywhere, refused by PANNA."""

import json

import numpy as np
import pytest
from ase.build import molecule

from panna_exp.ase import PannaCalculator
from panna_exp.training import checkpoint as checkpoints

OPTIONS = (
    *("training=forces", "network.standardize=true", "network.activations=[silu,silu,linear]"),
    *("network.architecture=[8,4,1]", "tracking=none", "threads=1", "training.steps_per_epoch=6"),
    "training.learning_rate_schedule=constant",
)


@pytest.fixture(scope="module")
def run(shared_program):
    shared_program.run("train", *OPTIONS, "training.max_epochs=3", "io.train_dir=run")
    return shared_program


def test_what_is_used_has_the_errors_of_the_training(run):
    """The checkpoint's networks are plain ones, with the inputs' scale in their first layer."""
    run.run("evaluate", "run_dir=run", "checkpoint=last", "io.eval_dir=again")
    (path,) = (run.folder / "again").glob("**/epoch_3_step_18.json")
    (file,) = checkpoints.find_checkpoints(run.folder / "run", "last")
    saved = checkpoints.load(file)
    assert saved.standardization is not None
    assert saved.networks[0].layers[0].weights[0, 0] != saved.evaluated[0].layers[0].weights[0, 0]
    found = json.loads(path.read_text())
    expected = 1000 * saved.validation["energy_mae"]
    assert found["energy"]["mae_mev_per_atom"] == pytest.approx(expected, rel=1e-4)


def test_going_on_gives_the_weights_of_one_that_never_stopped(run):
    run.run("train", *OPTIONS, "training.max_epochs=1", "io.train_dir=stopped")
    run.run("train", *OPTIONS, "training.max_epochs=3", "io.train_dir=stopped")
    run.assert_identical(run.folder / "run", run.folder / "stopped")


def test_going_on_with_plain_inputs_is_refused(run):
    options = [item for item in OPTIONS if "standardize" not in item]
    done = run.run("train", *options, "training.max_epochs=4", "io.train_dir=run", code=2)
    assert "trained on standardised inputs, but network.standardize=false" in done.stderr


def test_panna_refuses_silu_by_name_and_says_what_to_use(run):
    for kind in ("PANNA", "LAMMPS"):
        done = run.run(
            "extract-weights", "run_dir=run", f"output_type={kind}", "io.output_dir=w", code=2
        )
        assert "has silu layers, which PANNA and its LAMMPS plugin do not know" in done.stderr
        assert "panna-exp export" in done.stderr


def test_an_exported_model_gives_the_calculators_numbers(run):
    calculators = pytest.importorskip("metatomic_ase")
    run.run("export", "run_dir=run", "output=model.pt")
    atoms, other = molecule("CH4"), molecule("CH4")
    atoms.calc = PannaCalculator(run.folder / "run")
    with pytest.warns():  # TorchScript is called old
        other.calc = calculators.MetatomicCalculator(run.folder / "model.pt")
    with np.errstate(all="ignore"):  # it computes stresses as well, of a cell without volume
        energy = other.get_potential_energy()
    assert energy == pytest.approx(atoms.get_potential_energy(), abs=1e-8)


def test_saved_networks_and_rbf_layers_are_refused(run):
    done = run.run(
        "train", "network.standardize=true", "network.activations=[rbf,linear]",
        "network.architecture=[4,1]", "network.networks_metadata=run", "tracking=none", code=2,
    )  # fmt: skip
    assert "networks of network.networks_metadata take plain inputs" in done.stderr
    assert "cannot be taken into an rbf layer" in done.stderr
