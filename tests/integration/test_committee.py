"""Committees: trained by one command, evaluated, extracted and used as one potential."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

ase = pytest.importorskip("ase")

from ase.io import read  # noqa: E402

from panna_exp.ase import PannaCalculator  # noqa: E402
from panna_exp.assembly.committee import read_potentials  # noqa: E402
from panna_exp.errors import DataError  # noqa: E402

OPTIONS = (
    *("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=20"),
    *("training.max_epochs=1", "training.forces_cost=0.1"),
)
TRACKED = ("tracking=mlflow", "tracking.weight_figures=false", "tracking.register=both")
TEST = ("data=tutorial", "data.test=builtin:tutorial_validation.h5")


@pytest.fixture(scope="module")
def committee(shared_program):
    done = shared_program.run(
        "train", *OPTIONS, "training.seeds=[3,1]", "io.train_dir=com", "sweep.metric=validation/MAE"
    )
    return shared_program, done


def energies(path):
    """Names and e_nn, or spreads, of a .dat file."""
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    return {row[0]: float(row[-1]) for row in rows}


def test_members_are_the_runs_of_their_seeds(committee):
    program, done = committee
    record = json.loads((program.folder / "com/committee.json").read_text())
    assert record["members"] == ["seed_3", "seed_1"]
    program.run("train", *OPTIONS, "seed=1", "io.train_dir=alone")
    program.assert_identical(program.folder / "com/seed_1", program.folder / "alone")
    first, second = (program.last_networks(program.folder / f"com/seed_{n}") for n in (3, 1))
    assert not first[0].identical(second[0])
    assert "Energy errors of each member and of the committee (meV/atom)" in done.stdout
    assert "committee:    com" in done.stdout


def test_the_evaluation_is_that_of_the_mean(committee):
    program, _ = committee
    parts = [
        energies(program.folder / f"com/seed_{n}/evaluate/epoch_1_step_20.dat") for n in (3, 1)
    ]
    folder = program.folder / "com/evaluate"
    mean, spread = (
        energies(folder / f"epoch_1_step_20{name}.dat") for name in ("", "_uncertainty")
    )
    for name, value in mean.items():
        pair = [part[name] for part in parts]
        assert value == pytest.approx(np.mean(pair), abs=1e-8)
        assert spread[name] == pytest.approx(np.std(pair), abs=1e-8)
    result = json.loads((program.folder / "com/result.json").read_text())
    summary = json.loads((folder / "epoch_1_step_20.json").read_text())
    assert result["energy_mae_mev_per_atom"] == summary["energy"]["mae_mev_per_atom"]
    assert result["metrics"]["validation/energy_mae"] == result["energy_mae_mev_per_atom"]
    for key in ("energy_mev_per_atom", "forces_ev_per_angstrom"):
        assert summary["uncertainty"][key]["mean_spread"] > 0
    for name in ("_uncertainty.png", "_forces_uncertainty.dat"):
        assert (folder / f"epoch_1_step_20{name}").exists()


def test_its_spreads_are_calibrated_on_the_validation_data(committee):
    program, done = committee
    scale = json.loads((program.folder / "com/committee.json").read_text())["spread_scale"]
    found = json.loads((program.folder / "com/evaluate/epoch_1_step_20.json").read_text())
    uncertainty = found["uncertainty"]
    assert scale == {
        "energy": uncertainty["energy_mev_per_atom"]["error_over_spread"],
        "forces": uncertainty["forces_ev_per_angstrom"]["error_over_spread"],
    }
    said = f"energies times {scale['energy']:.3g}, forces times {scale['forces']:.3g}"
    assert f"spreads are calibrated on the validation data: {said}\n" in done.stdout
    atoms = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    atoms.calc = PannaCalculator([program.folder / f"com/seed_{seed}" for seed in (3, 1)])
    atoms.get_forces()
    assert "energy_std_calibrated" not in atoms.calc.results  # of members one by one
    atoms.calc = PannaCalculator(program.folder / "com")
    atoms.get_forces()
    results = atoms.calc.results
    for name, factor in scale.items():
        np.testing.assert_allclose(
            results[f"{name}_std_calibrated"], factor * results[f"{name}_std"]
        )
    atoms.write(program.folder / "water.xyz")
    done = program.run("predict", "water.xyz", "run_dir=com", "to=out.xyz")
    assert f"calibrated, as large as errors on validation data: {said}\n" in done.stdout
    predicted = read(program.folder / "out.xyz")
    for values, factor in ((predicted.info, "energy"), (predicted.arrays, "forces")):
        np.testing.assert_allclose(
            values[f"{factor}_std_calibrated"], scale[factor] * values[f"{factor}_std"]
        )
    done = program.run("select", "water.xyz", "run_dir=com", "n=1", "to=next.xyz")
    assert said in done.stdout
    info = read(program.folder / "next.xyz").info
    assert info["forces_spread_calibrated"] == scale["forces"] * info["forces_spread"]
    program.run("extract-weights", "run_dir=com", "io.output_dir=kept")
    assert json.loads((program.folder / "kept/committee.json").read_text())["spread_scale"] == scale


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[1]", "spread_scale: expected energy and forces"),
        ('{"energy": 1.0}', "spread_scale: expected energy and forces"),
        ('{"energy": -1.0, "forces": null}', "energy=-1.0: expected a number above 0, or null"),
        ('{"energy": NaN, "forces": null}', "energy=nan: expected a number above 0, or null"),
    ],
)
def test_a_damaged_scale_is_an_error(committee, text, message):
    program, _ = committee
    folder = program.folder / "scaled"
    shutil.copytree(program.folder / "com", folder, dirs_exist_ok=True)
    path = folder / "committee.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "spread_scale": "HERE"}).replace('"HERE"', text))
    with pytest.raises(DataError, match=message):
        read_potentials(folder)


def test_the_same_command_again_trains_only_what_is_missing(committee):
    program, _ = committee
    shutil.copytree(program.folder / "com", program.folder / "grown")
    done = program.run("train", *OPTIONS, "training.seeds=[3,4,1]", "io.train_dir=grown")
    assert done.stderr.count("finished before: grown/seed_") == 2
    record = json.loads((program.folder / "grown/committee.json").read_text())
    assert record["members"] == ["seed_3", "seed_4", "seed_1"]


def test_extracted_or_in_ase_it_is_the_same_committee(committee):
    program, _ = committee
    program.run("extract-weights", "run_dir=com", "io.output_dir=weights")
    program.run(
        *("evaluate", "network_dir=weights", *TEST, "io.eval_dir=again", "compute_forces=true")
    )
    for name in (".dat", "_uncertainty.dat"):
        old = energies(program.folder / f"com/evaluate/epoch_1_step_20{name}")
        new = energies(program.folder / f"again/energies{name}")
        assert new == pytest.approx(old, abs=1e-8)
    atoms = ase.Atoms("OH2", [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]])
    found = []
    for path in ("com", "weights", ["com/seed_3", "com/seed_1"]):
        paths = [path] if isinstance(path, str) else path
        places = [str(program.folder / item) for item in paths]
        atoms.calc = PannaCalculator(places if len(places) > 1 else places[0])
        atoms.get_forces()
        found.append((atoms.calc.results["energy"], atoms.calc.results["energy_std"]))
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert found[0] == pytest.approx(found[2], abs=1e-12)
    assert found[0][1] > 0


@pytest.mark.slow
def test_a_sweep_over_seeds_is_a_committee_and_one_over_others_is_not(committee):
    program, _ = committee
    program.run("train", *OPTIONS, "-m", "seed=3,1", "sweep.dir=seeds")
    program.run("evaluate", "run_dir=seeds")
    name = "evaluate/epoch_1_step_20_uncertainty.dat"
    assert energies(program.folder / "seeds" / name) == pytest.approx(
        energies(program.folder / "com" / name), abs=1e-9
    )
    shutil.copytree(program.folder / "seeds", program.folder / "rates")
    changed = next((program.folder / "rates").glob("*seed=1/config.yaml"))
    changed.write_text(
        changed.read_text().replace("learning_rate: 0.01\n", "learning_rate: 0.02\n")
    )
    done = program.run("evaluate", "run_dir=rates", code=2)
    assert done.stderr.count("\n") == 1
    assert "is the folder of a sweep over training.learning_rate" in done.stderr


def test_mistakes(committee):
    program, _ = committee
    done = program.run("train", "training.seeds=[1,1,-2]", code=2)
    assert "training.seeds=[1, 1, -2]: 1 is there 2 times" in done.stderr
    assert "training.seeds: -2 must be in 0 .." in done.stderr
    done = program.run("train", "training.seeds=[7]", code=2)
    assert "use seed=7" in done.stderr
    done = program.run("evaluate", "run_dir=com", "checkpoint=all", code=2)
    assert "is a committee: name one checkpoint" in done.stderr
    job = program.folder / "several/0_training.seeds"
    job.mkdir(parents=True)
    for name in ("job.json", "committee.json"):
        (job / name).write_text("{}")
    done = program.run("evaluate", "run_dir=several", code=2)
    assert "is the folder of a sweep over committees: name the folder of one" in done.stderr
    done = program.run("rerun", "com", code=2)
    assert "is a committee: rerun its members" in done.stderr
    (program.folder / "broken").mkdir()
    (program.folder / "broken/committee.json").write_text('{"format": 1, "members": ["../x"]}')
    done = program.run("evaluate", "run_dir=broken", code=2)
    assert "member '../x': expected the name of a folder beside it" in done.stderr
    assert not (program.folder / "outputs").exists()


def test_its_members_are_listed_and_reported_side_by_side(committee):
    program, _ = committee
    done = program.run("runs", "com", "--json")
    found = {Path(run["directory"]).name: run for run in json.loads(done.stdout)["runs"]}
    assert set(found) == {"com", "seed_1", "seed_3"}
    result = json.loads((program.folder / "com/result.json").read_text())
    key = "energy_mae_mev_per_atom"
    assert found["com"]["best"][key] == result[key]
    program.run("report", "com", "--output", "page.html")
    page = (program.folder / "page.html").read_text()
    assert "seed_1" in page
    assert "seed_3" in page
    assert "3 runs side by side" in page
    assert f"{result[key]:#.4g}" in page
    assert page.count("errors against uncertainty") == 1  # the members have none


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of MLflow's own database library
def test_in_mlflow_members_are_nested_under_the_committee(program):
    import mlflow
    from mlflow.tracking import MlflowClient

    short = [item for item in OPTIONS if item != "tracking=none"]
    program.run("train", *short, "training.seeds=[0,1]", "io.train_dir=com", *TRACKED)
    client = MlflowClient(f"sqlite:///{program.folder}/mlflow.db")
    (experiment,) = [e for e in client.search_experiments() if e.name != "Default"]
    runs = client.search_runs([experiment.experiment_id])
    (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    assert len(runs) == 3
    for run in runs:
        assert run.info.status == "FINISHED"
        if run is not parent:
            assert run.data.tags["mlflow.parentRunId"] == parent.info.run_id
    result = json.loads((program.folder / "com/result.json").read_text())
    mae = result["energy_mae_mev_per_atom"]
    assert parent.data.metrics["result/energy_mae"] == mae / 1000
    names = {item.path for item in client.list_artifacts(parent.info.run_id)}
    assert {"committee.json", "epoch_1_step_20_uncertainty.png", "config.yaml"} <= names
    assert parent.data.params["training.learning_rate"] == "0.01"
    assert parent.data.params["training.seeds"] == "[0, 1]"
    inputs = {item.dataset.name for item in parent.inputs.dataset_inputs}
    assert inputs == {"tutorial_train.h5", "tutorial_validation.h5"}
    # Registered is the committee, with its spread, and none of its members.
    (version,) = client.search_model_versions("name = 'both'")
    assert version.run_id == parent.info.run_id
    assert (program.folder / "com/model/committee_0_1_step_40/member_1/potential.json").exists()
    mlflow.set_tracking_uri(f"sqlite:///{program.folder}/mlflow.db")
    water = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
    predicted = mlflow.pyfunc.load_model("models:/both/1").predict([water])
    mlflow.set_tracking_uri(None)
    atoms = ase.Atoms(water["symbols"], water["positions"])
    atoms.calc = PannaCalculator(str(program.folder / "com"))
    atoms.get_potential_energy()
    assert predicted["energy"][0] == pytest.approx(atoms.calc.results["energy"], abs=1e-4)
    assert predicted["energy_std"][0] == pytest.approx(atoms.calc.results["energy_std"], rel=1e-3)
