import json

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.evaluation.dat import write_energies, write_forces
from panna_exp.evaluation.predictions import Predictions
from panna_exp.reporting.evaluations import chosen, evaluated, read_evaluation
from panna_exp.reporting.run import read_run

HEADER = "#filename n_atoms e_ref e_nn\n"
FORCES = "#filename atom_id fx_nn fy_nn fz_nn fx_ref fy_ref fz_ref\n"


def predictions():
    forces = np.arange(12.0).reshape(4, 3)
    reference = forces + 0.5
    reference[1] += 1.0
    reference[3] = np.nan
    return Predictions(
        names=["a b", "", "c"],
        species=Species(("H", "O")),
        counts=np.array([[2, 0], [0, 1], [1, 0]]),
        energy=np.array([-27.0, -2041.0, -13.5]),
        reference=np.array([-27.2, -2041.1, -13.6]),
        reference_energies=np.array([-13.6, -2041.8]),
        atom_species=np.array([0, 0, 1, 0]),
        forces=forces,
        reference_forces=reference,
    )


@pytest.mark.parametrize("version", [1, 2])
def test_what_evaluate_writes_is_read(tmp_path, version):
    write_energies(tmp_path / "e.dat", predictions(), version)
    write_forces(tmp_path / "e_forces.dat", predictions(), version)
    found = read_evaluation(tmp_path / "e.dat")
    assert found.names == ["a_b", "NA" if version == 1 else "N.A.", "c"]
    assert found.num_atoms.tolist() == [2, 1, 1]
    np.testing.assert_allclose(found.error, [0.2, 0.1, 0.1], atol=2e-4 if version == 1 else 1e-12)
    np.testing.assert_array_equal(found.worst_forces(), [1.5, 0.5, np.nan])
    assert found.summary == {}


def test_forces_of_weights_folders_are_found(tmp_path):
    write_energies(tmp_path / "energies.dat", predictions(), 1)
    write_forces(tmp_path / "forces.dat", predictions(), 1)
    assert read_evaluation(tmp_path / "energies.dat").forces is not None


def test_the_evaluation_of_the_result_is_shown_else_the_last(make_run):
    run = read_run(make_run("a"), running=False)
    assert evaluated(run) == []
    folder = run.path / "evaluate"
    folder.mkdir()
    for name in ("epoch_10_step_90", "epoch_2_step_20", "epoch_9_step_80"):
        (folder / f"{name}.dat").write_text(HEADER + "x 1 0.0 0.0\n")
    (folder / "epoch_2_step_20_forces.dat").write_text(FORCES)
    (folder / "notes.dat").write_text("hello")
    other = folder / "test"
    other.mkdir()
    (other / "evaluation_data.json").write_text("{}")
    (other / "epoch_10_step_90.dat").write_text(HEADER + "x 1 0.0 0.0\n")
    own, others = evaluated(run)
    assert others == [other / "epoch_10_step_90.dat"]
    names = [path.stem for path in own]
    assert names == ["epoch_2_step_20", "epoch_9_step_80", "epoch_10_step_90"]
    assert chosen(run, own).stem == "epoch_2_step_20"
    stopped = read_run(make_run("b", result=None), running=False)
    assert chosen(stopped, own).stem == "epoch_10_step_90"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a b c\n", r"line 1: expected the header '#filename n_atoms e_ref e_nn', found 'a b c'"),
        (HEADER, "has no structures"),
        (HEADER + "x 1 0.0 0.0\ny 1 0.0\n", "line 3: expected 4 columns, found 3"),
        (HEADER + "x 1 0.0 zero\n", "line 2: expected numbers: .*'zero'"),
        (HEADER + "x 1 0 0\nx 1.5 0 0\n", r"line 3: 1\.5 is not a number of atoms"),
        (HEADER + "x nan 0 0\n", "line 2: nan is not a number of atoms"),
        (HEADER + "x 0 0 0\n", "line 2: 0 is not a number of atoms"),
    ],
)
def test_damaged_files_are_named(tmp_path, text, message):
    (tmp_path / "e.dat").write_text(text)
    with pytest.raises(DataError, match=message):
        read_evaluation(tmp_path / "e.dat")


def test_forces_must_be_of_the_same_atoms(tmp_path):
    (tmp_path / "e.dat").write_text(HEADER + "x 2 0.0 0.0\n")
    (tmp_path / "e_forces.dat").write_text(FORCES + "x 0 1 1 1 1 1 1\n")
    with pytest.raises(DataError, match="has 1 atoms, the file of energies has 2"):
        read_evaluation(tmp_path / "e.dat")


def test_damaged_errors_are_named(tmp_path):
    (tmp_path / "e.dat").write_text(HEADER + "x 1 0.0 0.0\n")
    (tmp_path / "e.json").write_text(json.dumps({"energy": 3}))
    with pytest.raises(DataError, match=r"e\.json: 'energy': expected a group of keys, found 3"):
        read_evaluation(tmp_path / "e.dat").errors("energy")
