"""evaluate names atoms outside the training set's ranges, of a run and of extracted weights."""

import csv
from dataclasses import replace

import pytest

from panna_exp.elements import Species
from panna_exp.readers import open_structures
from panna_exp.readers.hdf5 import write_hdf5

SPECIES = Species(("H", "C", "O", "N"))


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run, and its validation data with one molecule squeezed to 0.8 of its size."""
    shared_program.run("train", "training.max_epochs=1", "tracking=none", "io.train_dir=run")
    shared_program.run("extract-weights", "run_dir=run", "io.output_dir=net")
    structures = open_structures(["builtin:tutorial_validation.h5"], SPECIES).structures
    assert structures.positions is not None
    positions = structures.positions.copy()
    positions[structures.offsets[7] : structures.offsets[8]] *= 0.8
    changed = replace(structures, positions=positions)
    write_hdf5(shared_program.folder / "test.h5", changed, SPECIES)
    return shared_program


def test_a_squeezed_molecule_is_the_worst(trained):
    done = trained.run("evaluate", "run_dir=run", "data.test=test.h5", "io.eval_dir=a")
    path = trained.folder / "a/epoch_1_step_36_extrapolation.tsv"
    with path.open() as file:
        found = list(csv.DictReader(file, delimiter="\t"))
    worst = found[0]
    assert "structure 7" in worst["record"]
    assert float(worst["excess"]) > 1
    value, low, high = (float(worst[key]) for key in ("value", "train_min", "train_max"))
    assert not low <= value <= high
    assert worst["meaning"] in done.stdout
    assert f"extrapolation: {len(found)} of 720 atoms" in done.stdout
    excess = [float(row["excess"]) for row in found]
    assert excess == sorted(excess, reverse=True)

    # Extracted weights say the same.
    trained.run("evaluate", "network_dir=net", "data.test=test.h5", "io.eval_dir=b")
    assert (trained.folder / "b/extrapolation.tsv").read_text() == path.read_text()


def test_without_ranges_it_is_said_once(trained):
    (trained.folder / "net/descriptor_ranges.json").rename(trained.folder / "aside")
    done = trained.run("evaluate", "network_dir=net", "data.test=test.h5", "io.eval_dir=c")
    (trained.folder / "aside").rename(trained.folder / "net/descriptor_ranges.json")
    assert done.stdout.count("extrapolation") == 1
    assert "extrapolation: not checked, the networks do not say" in done.stdout
    assert not (trained.folder / "c/extrapolation.tsv").exists()
