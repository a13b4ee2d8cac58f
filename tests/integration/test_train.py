"""Training, evaluation, extraction and sweeps, as a user runs them."""

import json
import resource
import signal
import subprocess
import time
from dataclasses import replace

import numpy as np
import pytest

SMALL = ("tracking=none", "network.architecture=[16,8,1]", "training.steps_per_epoch=30")


@pytest.fixture(scope="module")
def trained(shared_program):
    """A folder with a finished run, and what it printed."""
    done = shared_program.run(
        "train", *SMALL, "training.max_epochs=3", "io.train_dir=run", "io.save_checkpoint_steps=30"
    )
    return shared_program, done


def energies(path):
    return [line.split() for line in path.read_text().splitlines()[1:]]


def test_the_run_directory_is_complete(trained):
    program, _ = trained
    names = {path.name for path in (program.folder / "run").iterdir()}
    assert names == {
        *("config.yaml", "overrides.json", "environment.json", "networks_metadata.json"),
        *("metrics.dat", "train.log", "result.json", "_models", "evaluate", ".lock"),
    }
    facts = json.loads((program.folder / "run/environment.json").read_text())
    assert facts["data"]["train"]["structures"] == 720
    assert facts["data"]["train"]["files"][0]["records"] == 720
    assert facts["descriptor"]["generation"] == "C"
    assert facts["packages"]["torch"]
    assert (facts["seed"], facts["threads"]) == (0, 1)


def test_what_it_prints(trained):
    _, done = trained
    assert done.stdout.splitlines()[-1].endswith("steps/s")
    for text in ("constant/structure", "CH4", "parity plot:", "training.max_epochs=6"):
        assert text in done.stdout
    assert "epoch 3, step 90: loss" in done.stderr


def test_metrics_dat(trained):
    program, _ = trained
    lines = (program.folder / "run/metrics.dat").read_text().splitlines()
    header = lines[0].split()
    assert header[0] == "epoch"
    assert header[1:] == sorted(header[1:])
    rows = np.loadtxt(lines[1:])
    assert rows[:, 0].tolist() == [0, 1, 2]
    assert rows[:, header.index("tot_st")].tolist() == [30, 60, 90]
    result = json.loads((program.folder / "run/result.json").read_text())
    best = rows[rows[:, header.index("val_loss")].argmin(), header.index("val_MAE/at")]
    assert result["energy_mae_mev_per_atom"] == pytest.approx(best * 1000, rel=1e-4)


def test_the_same_seed_gives_the_same_weights_and_another_does_not(trained):
    program, _ = trained
    options = (*SMALL, "training.max_epochs=3", "io.save_checkpoint_steps=30")
    program.run("train", *options, "io.train_dir=again")
    program.assert_identical(program.folder / "run", program.folder / "again")
    program.run("train", *options, "io.train_dir=other", "seed=1")
    with pytest.raises(AssertionError, match="the weights of H differ"):
        program.assert_identical(program.folder / "run", program.folder / "other")


def test_evaluate_all_checkpoints_from_another_folder(trained, tmp_path):
    program, _ = trained
    run_dir = program.folder / "run"
    elsewhere = replace(program, folder=tmp_path)
    elsewhere.run("evaluate", f"run_dir={run_dir}", "checkpoint=all", "io.eval_dir=out")
    names = sorted(path.name for path in (tmp_path / "out").glob("*.dat"))
    assert names == ["epoch_1_step_30.dat", "epoch_2_step_60.dat", "epoch_3_step_90.dat"]
    assert energies(tmp_path / "out" / names[2]) == energies(run_dir / "evaluate" / names[2])
    assert (tmp_path / "out/epoch_3_step_90.png").stat().st_size > 10_000
    summary = json.loads((tmp_path / "out/epoch_3_step_90.json").read_text())
    assert summary["energy"]["structures"] == 180


def test_extracted_networks_evaluate_to_the_same_energies(trained):
    program, _ = trained
    reference = energies(program.folder / "run/evaluate/epoch_3_step_90.dat")
    for folder, *options in (
        ("panna2",),
        ("panna1", "panna_version=1"),
        ("lammps", "output_type=LAMMPS"),
    ):
        done = program.run("extract-weights", "run_dir=run", f"io.output_dir={folder}", *options)
        assert "read back and identical" in done.stdout
        network = f"network_dir={folder}"
        data = ("data.test=builtin:tutorial_validation.h5", f"io.eval_dir=eval_{folder}")
        generation = ("descriptor.generation=C",) if folder == "lammps" else ()
        program.run("evaluate", network, *data, *generation)
        found = energies(program.folder / f"eval_{folder}" / "energies.dat")
        if folder != "lammps":
            assert found == reference
        for one, other in zip(found, reference, strict=True):
            assert float(one[3]) == pytest.approx(float(other[3]), abs=2e-3)


def test_two_trainings_in_one_directory_are_refused(program, tmp_path):
    options = (*SMALL, "training.max_epochs=500", "io.train_dir=run")
    process = program.start("train", *options)
    try:
        end = time.monotonic() + 60
        while not (tmp_path / "run/metrics.dat").exists():
            assert time.monotonic() < end
            time.sleep(0.05)
        done = program.run("train", *options, code=2)
        assert "another training runs in this directory" in done.stderr
        assert len(done.stderr.splitlines()) == 1
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()


def test_a_checkpoint_that_cannot_be_written_keeps_the_earlier_ones(program, tmp_path):
    program.run("train", *SMALL, "training.max_epochs=1", "io.train_dir=run")
    (kept,) = (tmp_path / "run/_models").glob("epoch_*")
    before = kept.read_bytes()

    def no_large_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    done = subprocess.run(
        program.command("train", *SMALL, "training.max_epochs=2", "io.train_dir=run"),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=no_large_files,
    )
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith("error: cannot write")
    assert "epoch_2_step_60.pt" in error
    assert "the last saved checkpoint is kept" in error
    assert [path.name for path in (tmp_path / "run/_models").glob("epoch_*")] == [kept.name]
    assert kept.read_bytes() == before
