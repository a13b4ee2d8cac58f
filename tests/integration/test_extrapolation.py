"""evaluate names atoms outside the training set's ranges, of a run and of extracted weights."""

import csv

import h5py
import pytest

NAME = "epoch_1_step_36"


@pytest.fixture(scope="module")
def trained(shared_program):
    shared_program.run("train", "training.max_epochs=1", "tracking=none", "io.train_dir=run")
    shared_program.run("extract-weights", "run_dir=run", "io.output_dir=net")
    done = shared_program.run(
        "convert", "builtin:tutorial_validation.h5", "test.h5", "--species", "H,C,O,N"
    )
    assert "180" in done.stdout
    with h5py.File(shared_program.folder / "test.h5", "r+") as file:
        # One molecule is squeezed to 0.8 of its size.
        first, last = file["offsets"][7:9]
        file["positions"][first:last] = 0.8 * file["positions"][first:last]
    return shared_program


def rows(path):
    with path.open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def test_the_training_set_itself_is_inside(trained):
    done = trained.run(
        "evaluate", "run_dir=run", "data.test=builtin:tutorial_train.h5", "io.eval_dir=own"
    )
    assert "extrapolation: none, all 2,880 atoms are within the ranges" in done.stdout
    assert rows(trained.folder / f"own/{NAME}_extrapolation.tsv") == []


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_squeezed_molecule_is_the_worst(trained, precision):
    done = trained.run(
        "evaluate", "run_dir=run", "data.test=test.h5", f"io.eval_dir=a{precision}",
        f"precision={precision}",
    )  # fmt: skip
    found = rows(trained.folder / f"a{precision}/{NAME}_extrapolation.tsv")
    assert "structure 7" in found[0]["record"]
    assert float(found[0]["excess"]) > 1
    assert (
        not float(found[0]["train_min"]) <= float(found[0]["value"]) <= float(found[0]["train_max"])
    )
    assert found[0]["meaning"] in done.stdout
    assert f"extrapolation: {len(found)} of 720 atoms" in done.stdout
    excess = [float(row["excess"]) for row in found]
    assert excess == sorted(excess, reverse=True)


def test_extracted_weights_say_the_same(trained):
    trained.run("evaluate", "run_dir=run", "data.test=test.h5", "io.eval_dir=b")
    trained.run("evaluate", "network_dir=net", "data.test=test.h5", "io.eval_dir=c")
    first = (trained.folder / f"b/{NAME}_extrapolation.tsv").read_text()
    assert (trained.folder / "c/extrapolation.tsv").read_text() == first


def test_a_wide_margin_names_none(trained):
    done = trained.run(
        "evaluate", "run_dir=run", "data.test=test.h5", "io.eval_dir=d", "extrapolation_margin=1e6"
    )
    assert "extrapolation: none" in done.stdout
    done = trained.run("evaluate", "run_dir=run", "extrapolation_margin=-1", code=2)
    assert "extrapolation_margin=-1.0: expected 0 or a positive number" in done.stderr


def test_without_ranges_it_is_said_once(trained):
    trained.run("extract-weights", "run_dir=run", "io.output_dir=bare")
    (trained.folder / "bare/descriptor_ranges.json").unlink()
    words = ("evaluate", "network_dir=bare", "data.test=test.h5", "io.eval_dir=e")
    done = trained.run(*words)
    assert done.stdout.count("extrapolation") == 1
    assert "extrapolation: not checked, the networks do not say" in done.stdout
    assert not (trained.folder / "e/extrapolation.tsv").exists()
