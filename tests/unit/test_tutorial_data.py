"""The data set that comes with the program: complete, physical, and known where it is from."""

import itertools
from pathlib import Path

import numpy as np
import pytest

import panna_exp
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import read, read_provenance

FOLDER = Path(panna_exp.__file__).parent / "datasets"
SPECIES = Species(("H", "C", "O", "N"))
PARTS = ("train", "validation")
COUNTS = {"train": 240, "validation": 60}
MINIMUM = {"H2O": -2078.6302, "NH3": -1538.2424, "CH4": -1102.0515}  # eV, at the optimised geometry
BOND = {"H2O": (0.75, 1.25), "NH3": (0.80, 1.30), "CH4": (0.85, 1.45)}  # angstrom


@pytest.fixture(scope="module", params=PARTS)
def part(request):
    return request.param, read(FOLDER / f"tutorial_{request.param}.h5", SPECIES)


def formulas(structures):
    return np.array([SPECIES.formula(row) for row in structures.counts(len(SPECIES))])


def geometries(structures, formula):
    """Positions and forces [S, A, 3] of one molecule, the heavy atom first, and energies [S]."""
    chosen = structures.select(np.flatnonzero(formulas(structures) == formula))
    shape = (len(chosen), -1, 3)
    species = chosen.species.reshape(len(chosen), -1)
    assert (species[:, 0] != 0).all()
    assert (species[:, 1:] == 0).all()
    return chosen.positions.reshape(shape), chosen.forces.reshape(shape), chosen.energy


def test_both_files_are_under_a_megabyte():
    assert sum((FOLDER / f"tutorial_{name}.h5").stat().st_size for name in PARTS) < 1_000_000


def test_there_are_as_many_of_each_molecule(part):
    name, structures = part
    found = dict(zip(*np.unique(formulas(structures), return_counts=True), strict=True))
    assert found == dict.fromkeys(MINIMUM, COUNTS[name])
    assert not structures.pbc.any()
    assert structures.descriptors is None


def test_names_say_the_molecule_and_none_is_in_both_files():
    sets = [read(FOLDER / f"tutorial_{name}.h5", SPECIES) for name in PARTS]
    names = list(itertools.chain(*(structures.names for structures in sets)))
    assert sorted(names) == sorted(
        f"{m}_{i:03d}" for m in ("H2O", "NH3", "CH4") for i in range(300)
    )
    for structures in sets:
        assert [n[:3] for n in structures.names] == list(formulas(structures))
    energies = np.concatenate([structures.energy for structures in sets])
    assert len(np.unique(energies)) == 900  # no configuration twice under two names


def test_molecules_are_mixed(part):
    _, structures = part
    kinds = formulas(structures)
    for start in range(0, len(kinds), 30):
        assert len(set(kinds[start : start + 30])) == 3


@pytest.mark.parametrize("formula", MINIMUM)
def test_energies_are_above_the_minimum_by_about_the_thermal_energy(part, formula):
    energies = geometries(part[1], formula)[2] - MINIMUM[formula]
    assert energies.min() > 0
    assert energies.max() < 2
    assert 0.12 < energies.std() < 0.45  # ANI-1's records of these: 0.23, 0.31, 0.35 eV


@pytest.mark.parametrize("formula", MINIMUM)
def test_no_molecule_is_broken(part, formula):
    positions = geometries(part[1], formula)[0]
    bonds = np.linalg.norm(positions[:, 1:] - positions[:, :1], axis=2)
    assert bonds.min() > BOND[formula][0]
    assert bonds.max() < BOND[formula][1]
    upper = np.triu_indices(positions.shape[1] - 1, 1)
    hydrogens = positions[:, 1:]
    between = np.linalg.norm(hydrogens[:, :, None] - hydrogens[:, None], axis=3)
    assert between[:, upper[0], upper[1]].min() > 0.9


@pytest.mark.parametrize("formula", MINIMUM)
def test_forces_neither_push_nor_turn_a_molecule(part, formula):
    positions, forces, _ = geometries(part[1], formula)
    assert np.abs(forces.sum(axis=1)).max() < 1e-9
    torques = np.cross(positions, forces).sum(axis=1)
    # The integration grid is not quite the same for a turned molecule: not exactly zero.
    assert np.abs(torques).max() < 0.03
    assert 1 < np.sqrt((forces**2).mean()) < 4


def aligned(positions, forces):
    """Positions and forces of all S turned onto the first one's positions (Kabsch)."""
    turned = []
    for points in positions:
        left, _, right = np.linalg.svd(points.T @ positions[0])
        sign = np.sign(np.linalg.det(left @ right))
        turned.append(left @ np.diag([1, 1, sign]) @ right)
    return positions @ np.array(turned), forces @ np.array(turned)


def slope_and_rest(positions, forces, energies, pairs):
    """Energy differences of neighbours against the work of their mean force.

    Over the ``pairs`` nearest pairs: the factor between the two (-1), and what is left as a
    fraction. The trapezoidal rule leaves a term of third order in the distance, so both get better
    for nearer pairs.
    """
    first, second = np.triu_indices(len(positions), 1)
    path = positions[second] - positions[first]
    nearest = np.argsort(np.linalg.norm(path, axis=(1, 2)))[:pairs]
    first, second, path = first[nearest], second[nearest], path[nearest]
    work = ((forces[first] + forces[second]) / 2 * path).sum(axis=(1, 2))
    change = energies[second] - energies[first]
    rest = np.sqrt(((change + work) ** 2).sum() / (change**2).sum())
    return (work @ change) / (work @ work), rest


@pytest.mark.parametrize("formula", MINIMUM)
def test_forces_are_minus_the_slope_of_the_energy(formula):
    sets = [geometries(read(FOLDER / f"tutorial_{n}.h5", SPECIES), formula) for n in PARTS]
    positions, forces, energies = (np.concatenate(arrays) for arrays in zip(*sets, strict=True))
    positions, forces = aligned(positions, forces)
    slope, rest = slope_and_rest(positions, forces, energies, 60)
    assert slope == pytest.approx(-1, abs=0.03)
    assert rest < 0.1
    assert rest < 0.7 * slope_and_rest(positions, forces, energies, 10_000)[1]


def test_provenance_says_how_it_was_made(part):
    name, _ = part
    facts = read_provenance(FOLDER / f"tutorial_{name}.h5")
    expected = {
        "part": name,
        "method": "wB97X",
        "basis": "6-31G(d), Cartesian d functions",
        "licence": "CC0-1.0",
        "script": "tools/generate_tutorial_data.py",
    }
    assert {key: facts[key] for key in expected} == expected
    assert facts["program"].startswith("PySCF ")
    for key in ("libraries", "python", "sampling", "seed", "units", "date"):
        assert str(facts[key])
    assert " K" in facts["sampling"]
    difference = facts["check_water_energy_ev"] - facts["check_water_reference_ev"]
    assert abs(difference) < 1e-3
    assert facts["check_water_reference_ev"] == -2078.5692723
