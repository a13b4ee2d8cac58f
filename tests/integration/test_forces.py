"""Training on and evaluation of forces with the real command line."""

import json

import numpy as np
import pytest

from panna_exp.readers.tfrecord import encode_example, write_records

SHORT = ("training=forces", "network.architecture=[16,8,1]", "tracking=none")
HEADER = "#filename atom_id fx_nn fy_nn fz_nn fx_ref fy_ref fz_ref"


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run on forces with descriptors on the fly."""
    done = shared_program.run("train", *SHORT, "training.max_epochs=3", "io.train_dir=whole")
    return shared_program, done


def column(path, name):
    header, *lines = [line.split() for line in path.read_text().splitlines()]
    return [float(line[header.index(name)]) for line in lines]


def test_forces_are_learned(trained):
    program, done = trained
    metrics = program.folder / "whole" / "metrics.dat"
    mae = column(metrics, "val_F_MAE")
    assert mae[-1] < mae[0] / 1.2
    totals, parts = column(metrics, "loss"), ("e_loss", "f_loss", "reg_loss")
    sums = np.sum([column(metrics, part) for part in parts], axis=0)
    np.testing.assert_allclose(totals, sums, rtol=1e-6)
    assert "Force component errors (eV/angstrom)" in done.stdout
    assert "zero forces" in done.stdout
    result = json.loads((program.folder / "whole" / "result.json").read_text())
    assert result["force_mae_ev_per_angstrom"] == pytest.approx(mae[-1], rel=1e-4)


def test_resuming_gives_the_same_weights(trained):
    program, _ = trained
    constant = "training.learning_rate_schedule=constant"
    options = (*SHORT, constant, "training.force_fraction=0.5")
    program.run("train", *options, "training.max_epochs=2", "io.train_dir=two")
    program.run("train", *options, "training.max_epochs=1", "io.train_dir=parts")
    program.run("train", *options, "training.max_epochs=2", "io.train_dir=parts")
    program.assert_identical(program.folder / "two", program.folder / "parts")
    assert (program.folder / "two/metrics.dat").read_text() == (
        program.folder / "parts/metrics.dat"
    ).read_text()


def test_evaluation_writes_forces_in_pannas_format(trained):
    program, _ = trained
    done = program.run("evaluate", "run_dir=whole", "check_forces=true", "io.eval_dir=eval")
    assert "they agree" in done.stdout
    (path,) = (program.folder / "eval").glob("epoch_3_step_*_forces.dat")
    header, *lines = path.read_text().splitlines()
    assert header == HEADER
    assert len(lines) == 720
    rows = np.array([line.split()[1:] for line in lines], dtype=float)
    summary = json.loads(next((program.folder / "eval").glob("epoch_*.json")).read_text())
    errors = np.abs(rows[:, 1:4] - rows[:, 4:])
    assert summary["forces"]["all"]["mae_ev_per_angstrom"] == pytest.approx(errors.mean())
    assert set(summary["forces"]) == {"all", "H", "C", "O", "N"}
    assert path.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"


def test_forces_of_a_run_on_energies_where_asked_for(trained):
    program, _ = trained
    program.run(
        "train", *SHORT[1:], "training.max_epochs=1", "io.train_dir=energies",
    )  # fmt: skip
    done = program.run("evaluate", "run_dir=energies")
    assert "Force" not in done.stdout
    done = program.run("evaluate", "run_dir=energies", "compute_forces=true")
    assert "Force component errors" in done.stdout


@pytest.mark.parametrize("derivatives", [pytest.param("dense", marks=pytest.mark.slow), "sparse"])
def test_stored_derivatives_give_what_positions_give(trained, derivatives):
    program, _ = trained
    part = ("data.train=[builtin:tutorial_validation.h5]", "data.validation=null")
    short = (*SHORT, *part, "training.max_epochs=2", "precision=float64")
    stored = f"stored_{derivatives}"
    program.run(
        "descriptors", *part[:1], "data.species=[H,C,O,N]", f"derivatives={derivatives}",
        "precision=float64", f"output_dir={stored}",
    )  # fmt: skip
    own = (f"data.train=[{stored}]", "data.kind=hdf5")
    program.run("train", *short, *own, f"io.train_dir=from_{derivatives}")
    if not (program.folder / "from_positions").exists():
        program.run("train", *short, "io.train_dir=from_positions")
    runs = [program.folder / f"from_{name}" for name in (derivatives, "positions")]
    for one, other in zip(*map(program.last_networks, runs), strict=True):
        for layer, expected in zip(one.layers, other.layers, strict=True):
            np.testing.assert_allclose(layer.weights, expected.weights, rtol=0, atol=1e-9)


def test_descriptors_alone_do_not_do(program):
    features = {
        "energy": np.array([-1.0]),
        "species": np.array([0, 0]),
        "gvects": np.ones((2, 4), np.float32),
        "forces": np.ones((2, 3), np.float32),
    }
    data = ("data=tfrecord", "data.train=d.tfrecord", "data.species=[H]", *SHORT)
    write_records(program.folder / "d.tfrecord", [encode_example(features)])
    done = program.run("train", *data, "io.train_dir=run", code=2)
    assert "has neither derivatives of the descriptors nor positions" in done.stderr
    del features["forces"]
    write_records(program.folder / "d.tfrecord", [encode_example(features)])
    done = program.run("train", *data, "io.train_dir=run", code=2)
    assert "has no forces, which training.forces_cost > 0 needs" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (program.folder / "run").exists()
