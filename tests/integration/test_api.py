"""Everything with ``import panna_exp`` alone: what a notebook does."""

import doctest
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import panna_exp as pe

TINY = ["debug=tiny", "threads=1"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A working directory for the module, with a run in it: ``own``."""
    path = tmp_path_factory.mktemp("api")
    before = os.getcwd()
    os.chdir(path)
    pe.train([*TINY, "io.train_dir=own"])
    yield path
    os.chdir(before)


def test_ten_names_at_most_each_with_a_docstring():
    names = [name for name in pe.__all__ if not name.startswith("__")]
    assert len(names) <= 10
    assert set(names) <= set(dir(pe))
    for name in names:
        assert getattr(pe, name).__doc__, name
    with pytest.raises(AttributeError, match="did you mean 'train'"):
        pe.trian  # noqa: B018


def test_importing_it_imports_nothing_heavy():
    code = (
        "import sys, panna_exp; "
        "heavy = {'torch', 'numpy', 'hydra', 'omegaconf', 'mlflow', 'ase'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


EXAMPLES = [
    *(pe.train, pe.compose, pe.Run, pe.Run.metrics, pe.Run.evaluate, pe.Run.plot),
    *(pe.load, pe.Potential.predict, pe.Potential.network, pe.Potential.calculator),
    *(pe.read, pe.convert),
]


def test_the_examples_of_the_docstrings(tmp_path, monkeypatch):
    """Each is run in turn; what is printed besides the values does not count."""
    monkeypatch.chdir(tmp_path)
    shown = []
    monkeypatch.setattr(
        sys, "displayhook", lambda value: None if value is None else shown.append(f"{value!r}\n")
    )
    for item in EXAMPLES:
        names = {"pe": pe}
        examples = doctest.DocTestParser().get_examples(item.__doc__)
        assert examples, item
        for example in examples:
            shown.clear()
            exec(compile(example.source, str(item), "single"), names)
            assert "".join(shown) == example.want, example.source


def test_a_run_is_that_of_the_command(folder, program):
    command = program.run("train", *TINY, "io.train_dir=own")
    other = program.folder / "own"
    program.assert_identical(folder / "own", other)
    for name in ("config.yaml", "overrides.json"):
        assert (folder / "own" / name).read_text() == (other / name).read_text()
    own = [json.loads((run / "environment.json").read_text()) for run in (folder / "own", other)]
    assert own[0].keys() == own[1].keys()
    assert "trained 10 steps" in command.stdout
    again = program.run("rerun", str(folder / "own"), "--to", "again")
    assert "identical" in again.stdout


def test_a_changed_configuration_is_recorded_as_overrides_that_make_it(folder, program):
    config = pe.compose(TINY, network="h_deep", data={"split_seed": 3})
    config.training.learning_rate = 0.004
    config.training.clip_norm = 1.0
    config.network.architecture = [8, 4, 1]
    config.io.train_dir = "läufe 1"
    run = pe.train(config)
    assert "training.learning_rate=0.004" in run.overrides
    assert run.config == config
    program.run("train", *(item for item in run.overrides if "train_dir" not in item))
    (made,) = (program.folder / "outputs").glob("*/*")
    program.assert_identical(run.path, made)


def test_mistakes_are_the_command_lines(folder, program):
    wrong = ["training.learning_rat=1", "training.batch_size=-5", "network=deeep"]
    with pytest.raises(pe.ConfigError) as caught:
        pe.train([*TINY, *wrong])
    done = program.run("train", *TINY, *wrong, code=2)
    told = [line.partition(" (docs/")[0] for line in done.stderr.splitlines()]
    assert [f"error: {text}" for text in caught.value.problems] == told
    with pytest.raises(pe.PannaExpError, match="is a flag of the command line"):
        pe.train(["-m", "seed=1,2"])
    with pytest.raises(pe.PannaExpError, match="no such file or directory"):
        pe.load("nowhere")
    assert not Path("outputs").exists()


def test_nothing_is_left_behind_and_one_in_a_thread_is_the_same(folder, program):
    import signal

    import torch
    from hydra.core.global_hydra import GlobalHydra

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGALRM)

    def state():
        return (
            torch.get_num_threads(),
            torch.random.get_rng_state().tolist(),
            (torch.tensor([5e-324], dtype=torch.float64) * 1.0).item(),
            np.random.get_state()[1].tolist(),  # noqa: NPY002
            [signal.getsignal(number) for number in numbers],
            GlobalHydra.instance().hydra,
            os.getcwd(),
            dict(os.environ),
            sys.argv,
            threading.active_count(),
        )

    before = state()
    pe.train([*TINY, "io.train_dir=second"])
    assert state() == before
    thread = threading.Thread(target=pe.train, args=([*TINY, "io.train_dir=third"],))
    thread.start()
    thread.join()
    assert state() == before
    program.assert_identical(folder / "own", folder / "second")
    program.assert_identical(folder / "own", folder / "third")


def test_a_session_from_training_to_dynamics(folder, capfd):
    from ase import units
    from ase.md.verlet import VelocityVerlet

    run = pe.train(
        data="tutorial", io={"train_dir": "whole"}, tracking="none", training={"max_epochs": 4}
    )
    shown = capfd.readouterr()
    assert shown.out.count("Errors on the validation data") == 1
    assert shown.err.count("training data: ") == 1
    assert list(run.metrics.index) == [1, 2, 3, 4]
    error = run.result["energy_mae_mev_per_atom"]
    best = run.metrics["val_loss"].idxmin()
    assert run.metrics["val_MAE/at"][best] * 1000 == pytest.approx(error, rel=1e-3)
    assert run.evaluate().energy.mae_mev_per_atom == error
    assert run.plot().read_bytes().startswith(b"\x89PNG")
    potential = run.potential()
    structures = pe.read("builtin:tutorial_validation.h5")
    found = potential.predict(structures)
    errors = [
        (item["energy"] - atoms.get_potential_energy()) / len(atoms)
        for item, atoms in zip(found, structures, strict=True)
    ]
    assert np.mean(np.abs(errors)) * 1000 == pytest.approx(error, rel=1e-4)
    atoms = structures[0].copy()
    descriptors = potential.descriptors(atoms)
    own = [index for index, symbol in enumerate(atoms.symbols) if symbol == "H"]
    import torch

    energies = potential.network("H")(torch.as_tensor(descriptors[own]))
    np.testing.assert_allclose(energies.detach(), found[0]["atomic_energies"][own], rtol=1e-10)
    atoms.calc = potential.calculator()
    np.testing.assert_allclose(atoms.get_forces(), found[0]["forces"], atol=1e-8)
    masses = atoms.get_masses()[:, None]
    random = np.random.default_rng(0).normal(size=(len(atoms), 3))
    atoms.set_momenta(random * np.sqrt(masses * 300 * units.kB))
    total = atoms.get_total_energy()
    VelocityVerlet(atoms, 0.5 * units.fs).run(100)
    assert abs(atoms.get_total_energy() - total) < 0.05 * len(atoms)


def test_the_stress_is_the_calculators(folder):
    from ase.build import bulk

    atoms = bulk("C", cubic=True)
    atoms.rattle(0.05, seed=1)
    potential = pe.load("own")
    found = potential.predict(atoms)
    atoms.calc = potential.calculator()
    np.testing.assert_allclose(found["stress"], atoms.get_stress(voigt=False), atol=1e-10)
    assert "stress" not in potential.predict({"symbols": ["O"], "positions": [[0, 0, 0]]})


def test_the_time_limit_counts_from_the_call(folder):
    run = pe.train([*TINY, "io.train_dir=long", "training.limit_seconds=0.001"])
    assert run.state == "stopped"
    assert pe.train([*TINY, "io.train_dir=long", "training.limit_seconds=1000"]).state == "finished"


def test_committees_and_folders_of_weights(folder, program):
    run = pe.train([*TINY, "training.seeds=[1,2]", "io.train_dir=several"])
    several = run.potential()
    assert len(several) == 2
    water = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
    found = several.predict(water)
    members = [pe.load(run.path / f"seed_{seed}").predict(water) for seed in (1, 2)]
    assert found["energy"] == pytest.approx(np.mean([item["energy"] for item in members]))
    assert found["energy_std"] > 0
    assert pe.load([run.path / "seed_1", run.path / "seed_2"]).predict(water) is not None
    program.run("extract-weights", f"run_dir={folder / 'own'}", f"io.output_dir={folder / 'w'}")
    assert pe.load("w").predict(water)["energy"] == pytest.approx(
        pe.load("own").predict(water)["energy"], abs=1e-4
    )
