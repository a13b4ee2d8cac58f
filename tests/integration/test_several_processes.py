"""Trainings that torchrun's processes share: the results of one process, which also go on."""

import json
import subprocess
import sys

import numpy as np
import pytest

OPTIONS = (
    *("tracking=none", "network.architecture=[8,1]", "training.forces_cost=0.1", "threads=1"),
    # The last batch of a pass has one structure, which is not enough for two processes.
    *("precision=float64", "training.batch_size=719", "training.steps_per_epoch=3"),
    *("io.log_frequency=2", "training.wscale_l2=1e-4", "io.delta_e=true", "data.kind=hdf5"),
)


def together(program, *arguments, code=0):
    """Runs the program in two processes."""
    environment = {**program.environment(), "OMP_NUM_THREADS": "1"}
    words = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")
    done = subprocess.run(
        [sys.executable, *words, "-m", "panna_exp", *arguments],
        cwd=program.folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def table(path):
    return np.loadtxt(path, skiprows=1)


@pytest.fixture(scope="module")
def alone(shared_program):
    shared_program.run("train", *OPTIONS, "training.max_epochs=4", "io.train_dir=one")
    return shared_program


def test_two_processes_end_like_one_and_only_the_first_writes(alone):
    done = together(alone, "train", *OPTIONS, "training.max_epochs=4", "io.train_dir=two")
    one, two = alone.folder / "one", alone.folder / "two"
    for name in ("metrics.dat", "delta_e.dat"):
        assert table(two / name) == pytest.approx(table(one / name), rel=1e-9, abs=1e-11)
    first, second = (alone.last_networks(path) for path in (one, two))
    for network, other in zip(first, second, strict=True):
        for layer, same in zip(network.layers, other.layers, strict=True):
            np.testing.assert_allclose(layer.weights, same.weights, rtol=1e-7, atol=1e-10)
    assert {p.name for p in one.iterdir()} == {p.name for p in two.iterdir()}
    assert done.stdout.count("Energy errors") == 1
    assert done.stderr.count("epoch 4, step 12") == 1
    assert "2 processes of 1 thread" in done.stderr
    record = json.loads((two / "environment.json").read_text())
    assert record["processes"] == 2


@pytest.mark.slow
def test_another_number_of_processes_goes_on(alone):
    together(alone, "train", *OPTIONS, "training.max_epochs=1")
    (run,) = alone.folder.glob("outputs/*/*")  # of both processes: that of the first
    options = (*OPTIONS, f"io.train_dir={run.relative_to(alone.folder)}")
    alone.run("train", *options, "training.max_epochs=3")
    together(alone, "train", *options, "training.max_epochs=4")
    expected = table(alone.folder / "one/metrics.dat")
    assert table(run / "metrics.dat") == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "training.seeds=[0,1]", "tracking=none"),
            "training.seeds: trains several potentials",
        ),
        (
            ("train", "training.batch_size=1", "training.force_fraction=0.5", "tracking=none"),
            "training.batch_size=1: too small for 2 processes",
        ),
        (("evaluate", "run_dir=one"), "only train shares its work"),
        (
            (
                *("train", "tracking=none", "training.panna_version=1"),
                "training.loss_function=exp_quad",
            ),
            "is a function of the whole batch's sum",
        ),
    ],
)
def test_what_cannot_be_shared_is_said(alone, tmp_path, arguments, message):
    environment = {**alone.environment(), "WORLD_SIZE": "2", "RANK": "0", "LOCAL_RANK": "0"}
    done = subprocess.run(
        alone.command(*arguments),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())
