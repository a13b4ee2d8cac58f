"""Predictions for structures given as plain values, and what is said of mistaken ones."""

from dataclasses import replace

import numpy as np
import pytest

from panna_exp.assembly.model_folder import read_model, write_committee
from panna_exp.errors import DataError
from panna_exp.predictor import Predictor

WATER = {"symbols": ["O", "H", "H"], "positions": [[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]}
CUBE = [[3.4, 0, 0], [0, 3.4, 0], [0, 0, 3.4]]


@pytest.fixture
def predictor(model_folder):
    return Predictor.load(model_folder)


def test_energies_are_sums_over_atoms_and_nearly_those_of_free_atoms(predictor):
    (found,) = predictor.predict([WATER])
    assert set(found) == {"energy", "atomic_energies"}
    assert found["energy"] == pytest.approx(found["atomic_energies"].sum(), abs=1e-12)
    assert np.abs(found["atomic_energies"] - [-2041.8, -13.6, -13.6]).max() < 10
    assert predictor.symbols == ("H", "O")


def test_many_structures_are_each_alone(predictor, monkeypatch):
    monkeypatch.setattr("panna_exp.predictor._BATCH_ATOMS", 7)
    moved = [
        {**WATER, "positions": np.array(WATER["positions"]) * scale}
        for scale in (1.0, 1.1, 0.9, 1.2, 1.3)
    ]
    together = predictor.predict(moved, forces=True)
    for item, found in zip(moved, together, strict=True):
        (alone,) = predictor.predict([item], forces=True)
        assert found["energy"] == pytest.approx(alone["energy"], abs=1e-11)
        np.testing.assert_allclose(found["forces"], alone["forces"], atol=1e-11)
        (plain,) = predictor.predict([item])
        assert plain["energy"] == pytest.approx(found["energy"], abs=1e-11)


def test_forces_are_minus_the_slope_of_the_energy(predictor):
    crystal = {**WATER, "cell": CUBE}
    (found,) = predictor.predict([crystal], forces=True)
    for atom, axis in ((0, 0), (1, 1), (2, 2)):
        energies = []
        for shift in (1e-4, -1e-4):
            positions = np.array(WATER["positions"], dtype=float)
            positions[atom, axis] += shift
            energies.append(predictor.predict([{**crystal, "positions": positions}])[0]["energy"])
        slope = (energies[0] - energies[1]) / 2e-4
        assert found["forces"][atom, axis] == pytest.approx(-slope, abs=1e-6)


def test_a_cell_alone_is_periodic_and_pbc_says_otherwise(predictor):
    def energy(**lattice):
        return predictor.predict([{**WATER, **lattice}])[0]["energy"]

    assert energy(cell=CUBE) == energy(cell=CUBE, pbc=True) == energy(cell=CUBE, pbc=[True] * 3)
    assert energy(cell=CUBE, pbc=False) == energy() == energy(cell=None, pbc=float("nan"))
    slab = [True, True, False]
    assert energy(cell=CUBE, pbc=slab) == energy(cell=[*CUBE[:2], [0, 0, 0]])
    assert len({energy(), energy(cell=CUBE), energy(cell=CUBE, pbc=slab)}) == 3


def test_of_a_committee_means_and_spreads(model_folder, tmp_path):
    potential, _ = read_model(model_folder)
    members = [potential, replace(potential, energy_rescale=4.0)]
    write_committee(tmp_path / "both", "both", members, "float64")
    write_committee(tmp_path / "second", "second", members[1:], "float64")
    both, first, second = (
        Predictor.load(folder).predict([WATER], forces=True)[0]
        for folder in (tmp_path / "both", model_folder, tmp_path / "second")
    )
    assert set(both) == {"energy", "atomic_energies", "energy_std", "forces", "forces_std"}
    assert set(first) == set(second) == {"energy", "atomic_energies", "forces"}
    pair = [first["energy"], second["energy"]]
    assert both["energy"] == pytest.approx(np.mean(pair), abs=1e-9)
    assert both["energy_std"] == pytest.approx(np.std(pair), abs=1e-9) != 0
    forces = [first["forces"], second["forces"]]
    np.testing.assert_allclose(both["forces"], np.mean(forces, axis=0), atol=1e-12)
    np.testing.assert_allclose(both["forces_std"], np.std(forces, axis=0), atol=1e-12)


def test_nothing_gives_nothing(predictor):
    assert predictor.predict([]) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"symbols": ["O", "H", "Xe"]}, "structure 1: atom 2 is Xe, but the potential knows H, O"),
        ({"symbols": "OHH"}, "structure 1: symbols: expected a list such as"),
        ({"symbols": ["O", "H"]}, r"positions: have the shape \(3, 3\), expected \(2, 3\)"),
        ({"symbols": [], "positions": []}, r"positions: have the shape \(0,\), expected \(0, 3\)"),
        ({"positions": [[0, 0, 0], [1, 0], [0]]}, "positions: expected 3 rows of 3 numbers"),
        ({"positions": [[0, 0, "x"]] * 3}, "positions: expected 3 rows of 3 numbers"),
        ({"positions": 7}, "positions: expected 3 rows of 3 numbers"),
        ({"positions": [[0, 0, np.nan]] * 3}, "positions of atom 0 are not finite numbers"),
        ({"positions": None}, "structure 1: has no 'positions'"),
        ({"lattice": CUBE}, "unknown key 'lattice', expected symbols, positions, cell, pbc"),
        ({"cel": CUBE}, "unknown key 'cel', .*did you mean 'cell'"),
        ({"cell": [3, 3, 3]}, r"cell: have the shape \(3,\), expected \(3, 3\)"),
        ({"pbc": True}, "is periodic along lattice vector 0, which is not given"),
        ({"cell": CUBE, "pbc": [1, 2]}, "pbc: expected true, false or three of them"),
    ],
)
def test_mistakes_are_named(predictor, change, message):
    with pytest.raises(DataError, match=message):
        predictor.predict([WATER, {**WATER, **change}])


def test_something_else_than_a_mapping_is_named(predictor):
    with pytest.raises(DataError, match=r"structure 0: expected ASE's Atoms or a mapping .* str"):
        predictor.predict(["H2O"])
