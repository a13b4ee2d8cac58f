import json

import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.reporting import located
from panna_exp.reporting.entry import make_entry
from panna_exp.reporting.evaluations import read_evaluation
from panna_exp.reporting.run import read_run

HEADER = "#filename n_atoms e_ref e_nn\n"
SPECIES = Species(("H", "O"))
ENERGIES = {"H": -13.6, "O": -2041.8}
WATER = np.array([[0.0, 0.8, -0.4], [0.0, -0.8, -0.4], [0.0, 0.0, 0.1]])


def water(name, energy, positions=True):
    return Structure(
        origin=name,
        name=name,
        species=np.array([0, 0, 1]),
        energy=energy,
        positions=WATER if positions else None,
        descriptors=None if positions else np.ones((3, 4), dtype=np.float32),
    )


def write_data(path, structures):
    write_hdf5(path, StructureSet.from_structures(structures), SPECIES)
    return path


def run_on(make_run, *paths, dat, summary=None, records=3):
    """A run whose validation data are ``paths``, evaluated."""
    file = {"kind": "hdf5", "records": records, "sha256": "a"}
    files = [{"path": str(path), **file} for path in paths]
    data = {"reference_energies": ENERGIES, "train": None, "validation": {"files": files}}
    run = make_run("run", environment={"data": data})
    (run / "evaluate").mkdir()
    (run / "evaluate/epoch_2_step_20.dat").write_text(HEADER + dat)
    if summary:
        (run / "evaluate/epoch_2_step_20.json").write_text(json.dumps(summary))
    return read_run(run, running=False)


def found_in(run, extra=()):
    evaluation = read_evaluation(run.path / "evaluate/epoch_2_step_20.dat")
    return located.locate(run, evaluation, extra), evaluation


def test_structures_are_found_by_name_size_and_energy(make_run, tmp_path):
    first = write_data(tmp_path / "a.h5", [water("w 1", -2069.0), water("w2", -2069.5)])
    second = write_data(tmp_path / "b.h5", [water("w2", -2070.0), water("w2", -2069.25)])
    dat = "w_1 3 -2069.0 0\nw2 3 -2069.25 0\nw2 3 -2069.5 0\nw2 3 -2071.0 0\nw2 2 -2070.0 0\n"
    found, evaluation = found_in(run_on(make_run, first, second, dat=dat))
    assert sorted(found.found) == [0, 1, 2]
    assert found.found[0].symbols == ("H", "H", "O")
    assert found.found[0].origin.startswith(f"{first}, structure 0")
    np.testing.assert_array_equal(found.found[0].positions, WATER)
    assert found.notes == [
        "2 of 5 structures are not in the data files of the run's record: --data PATH names others."
    ]
    assert located.counts(found, evaluation, ["H", "O"]) is None


def test_structures_without_names_are_found_by_energy_that_panna_1_rounds(make_run, tmp_path):
    energies = [-2069.123456789, -2069.2, -2069.3]
    path = write_data(tmp_path / "a.h5", [water("", energy) for energy in energies])
    dat = "".join(f"NA 3 {float(np.float32(energy))!r} 0\n" for energy in energies[::-1])
    found, evaluation = found_in(run_on(make_run, path, dat=dat))
    assert found.notes == []
    table = located.counts(found, evaluation, ["H", "O"])
    assert table.tolist() == [[2, 1]] * 3


def test_other_data_can_be_named(make_run, tmp_path):
    path = write_data(tmp_path / "a.h5", [water("w", -2069.0)])
    run = run_on(make_run, dat="w 3 -2069.0 0\n")
    assert found_in(run)[0].found == {}
    assert found_in(run, [str(path)])[0].notes == []


def test_data_that_cannot_be_read_or_are_too_many_are_noted(make_run, tmp_path):
    run = run_on(make_run, tmp_path / "gone.h5", dat="w 3 -2069.0 0\n")
    found, _ = found_in(run)
    assert "gone.h5: no such file" in found.notes[0]
    big = run_on(RunFolder(make_run, "big"), tmp_path / "b.h5", dat="w 3 -1 0\n", records=10**7)
    assert "was not searched: it has 10000000 structures" in found_in(big)[0].notes[0]


def test_records_that_say_nothing_useful_are_noted(make_run, tmp_path):
    run = run_on(make_run, "a.h5", dat="w 3 -1 0\n")
    run.environment["data"]["validation"]["files"][0]["kind"] = "stone"
    assert "its format is unknown, 'stone'" in found_in(run)[0].notes[0]
    for species in (None, [], 7):
        run.config["data"]["species"] = species
        assert found_in(run)[0].notes == ["The record names no species."]


class RunFolder:
    """Makes runs of another name."""

    def __init__(self, make_run, name):
        self.make_run, self.name = make_run, name

    def __call__(self, _, **changes):
        return self.make_run(self.name, **changes)


def test_data_with_descriptors_only_have_no_positions(make_run, tmp_path):
    path = write_data(tmp_path / "a.h5", [water("w", -2069.0, positions=False)])
    found, _ = found_in(run_on(make_run, path, dat="w 3 -2069.0 0\n"))
    assert found.found[0].positions is None
    assert found.found[0].symbols == ("H", "H", "O")


def test_the_data_that_ship_are_found_wherever_the_program_is(make_run):
    run = run_on(make_run, "/elsewhere/datasets/tutorial_validation.h5", dat="x 3 -1 0\n")
    assert not any("no such file" in note for note in found_in(run)[0].notes)


@pytest.mark.parametrize("with_data", [True, False])
def test_predictions_without_free_atoms_get_them_or_are_not_shown(make_run, tmp_path, with_data):
    path = write_data(tmp_path / "a.h5", [water("w", -2069.1)])
    summary = {"energy": {"mae_mev_per_atom": 1000 * 0.3 / 3}}
    # Free atoms: 2 * -13.6 - 2041.8 = -2069.0; predicted -2068.8, error 0.3 eV.
    run = run_on(make_run, *([path] if with_data else []), dat="w 3 -2069.1 0.2\n", summary=summary)
    entry = make_entry(run, 0, "run", "panna-exp evaluate run_dir=run")
    if with_data:
        np.testing.assert_allclose(entry.evaluation.error, [0.3], atol=1e-9)
        assert entry.notes == []
    else:
        assert np.isnan(entry.evaluation.error).all()
        assert "errors of single structures are not shown" in entry.notes[0]


def test_a_damaged_evaluation_does_not_cost_the_page(make_run):
    run = run_on(make_run, dat="w 3\n")
    warnings = []
    entry = make_entry(run, 27, "run", "", warn=warnings.append)
    assert entry.evaluation is None
    assert "line 2: expected 4 columns, found 2" in warnings[0]
    assert "cannot be read" in entry.notes[0]
    assert entry.letter == "AB"
