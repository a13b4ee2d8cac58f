"""The generator of the tutorial data, without its quantum chemistry where that can be left out."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from panna_exp.data.structures import Structure
from panna_exp.readers.hdf5 import read

SCRIPT = Path(__file__).parents[3] / "tools" / "generate_tutorial_data.py"
THERMAL = 8.617333262e-5  # eV/K


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("generate_tutorial_data", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def modes(tool):
    """Three orthonormal modes of a triatomic that leave its centre where it is."""
    positions = np.array([[0.0, 0.0, 0.2], [0.0, 0.8, -0.1], [0.0, -0.8, -0.1]])
    centre = np.tile(np.eye(3), (3, 1))  # columns: the three translations
    random = np.random.default_rng(3).normal(size=(9, 3))
    basis = np.linalg.qr(np.concatenate([centre, random], axis=1))[0][:, 3:]
    return tool.NormalModes(
        ("O", "H", "H"), positions, np.array([12.0, 50.0, 60.0]), basis.T.reshape(3, 3, 3)
    )


class Springs:
    """A calculator in place of PySCF: fails on the calls that it is told to fail on."""

    def __init__(self, error, failing=()):
        self.calls = 0
        self.error = error
        self.failing = failing

    def __call__(self, positions):
        self.calls += 1
        if self.calls in self.failing:
            raise self.error("no convergence")
        return float((positions**2).sum()), -2 * positions


@pytest.fixture
def springs(tool, modes, monkeypatch):
    calculator = Springs(tool.CalculationError)
    monkeypatch.setattr(tool, "Calculator", lambda symbols: calculator)
    monkeypatch.setattr(tool, "molecule_modes", lambda name, scratch: modes)
    monkeypatch.setattr(tool, "CONFIGURATIONS", 4)
    return calculator


def test_the_same_seed_draws_the_same_configuration(tool, modes):
    first, again, other = (
        tool.sample(modes, np.random.default_rng([tool.SEED, 0, number])) for number in (7, 7, 8)
    )
    assert np.array_equal(first, again)
    assert np.abs(first - other).max() > 1e-3


def draw(tool, modes, monkeypatch, number):
    """Mode amplitudes [S, M] of unrotated samples."""
    monkeypatch.setattr(tool, "random_rotation", lambda random: np.eye(3))
    random = np.random.default_rng(11)
    drawn = [tool.sample(modes, random) for _ in range(number)]
    shifts = np.array(drawn) - modes.positions
    amplitudes = np.einsum("sik,mik->sm", shifts, modes.displacements)
    rebuilt = np.einsum("sm,mik->sik", amplitudes, modes.displacements)
    assert np.allclose(rebuilt, shifts, atol=1e-12)  # nothing but the modes moves an atom
    return amplitudes


def test_the_harmonic_energy_is_a_fraction_of_the_thermal_energy(tool, modes, monkeypatch):
    amplitudes = draw(tool, modes, monkeypatch, 3000)
    harmonic = 0.5 * modes.force_constants * amplitudes**2
    fractions = harmonic / (1.5 * 3 * THERMAL * 2000.0)
    total = fractions.sum(axis=1)
    # Uniform in 0 to 1, and split evenly among stiff and soft modes.
    assert total.max() <= 1 + 1e-9
    assert total.mean() == pytest.approx(0.5, abs=0.02)
    assert total.std() == pytest.approx(1 / np.sqrt(12), abs=0.01)
    assert fractions.mean(axis=0) == pytest.approx([1 / 6] * 3, abs=0.015)


def test_modes_are_displaced_to_both_sides_independently(tool, modes, monkeypatch):
    signs = np.sign(draw(tool, modes, monkeypatch, 3000))
    assert np.abs(signs.mean(axis=0)).max() < 0.07
    correlation = signs.T @ signs / len(signs)
    assert np.abs(correlation - np.eye(3)).max() < 0.07


def test_rotations_are_proper_and_have_no_preferred_direction(tool):
    random = np.random.default_rng(5)
    rotations = np.array([tool.random_rotation(random) for _ in range(3000)])
    assert np.allclose(rotations @ rotations.transpose(0, 2, 1), np.eye(3), atol=1e-12)
    assert np.allclose(np.linalg.det(rotations), 1.0)
    # Haar measure: each element has mean 0 and variance 1/3.
    assert np.abs(rotations.mean(axis=0)).max() < 0.04
    assert np.abs((rotations**2).mean(axis=0) - 1 / 3).max() < 0.03


def test_samples_are_centred(tool, modes):
    random = np.random.default_rng(1)
    for _ in range(10):
        positions = tool.sample(modes, random)
        assert np.abs(positions.mean(axis=0)).max() < 1e-12


@pytest.mark.parametrize(("scale", "sane"), [(1.0, True), (0.59, False), (1.61, False)])
def test_broken_molecules_are_told(tool, modes, scale, sane):
    assert tool.is_sane(modes, modes.positions * scale) is sane
    moved = modes.positions.copy()
    moved[2] = moved[0] + scale * (moved[2] - moved[0])  # one bond only
    assert tool.is_sane(modes, moved) is sane


def structures(tool):
    return {
        name: [
            Structure(origin="", name=f"{name}_{i:03d}", species=np.array([0]), energy=0.0)
            for i in range(tool.CONFIGURATIONS)
        ]
        for name in tool.GUESSES
    }


def test_the_split_is_seeded_disjoint_and_balanced(tool):
    train, validation = tool.split(structures(tool))
    names = [[item.name for item in part] for part in (train, validation)]
    assert not set(names[0]) & set(names[1])
    assert sorted(names[0] + names[1]) == sorted(
        item.name for items in structures(tool).values() for item in items
    )
    for part, number in zip(names, (240, 60), strict=True):
        for name in tool.GUESSES:
            assert sum(item.startswith(f"{name}_") for item in part) == number
        assert {item[:3] for item in part[:30]} == set(tool.GUESSES)  # molecules are mixed
    again = tool.split(structures(tool))
    assert [[item.name for item in part] for part in again] == names


def test_a_second_run_computes_only_what_is_missing(tool, springs, tmp_path):
    first = tool.compute("H2O", tmp_path)
    assert springs.calls == 4
    (tmp_path / "H2O_002.npz").unlink()
    second = tool.compute("H2O", tmp_path)
    assert springs.calls == 5
    for one, other in zip(first, second, strict=True):
        assert one.name == other.name
        assert one.energy == other.energy
        assert np.array_equal(one.positions, other.positions)
        assert np.array_equal(one.forces, other.forces)
    assert tool.SPECIES.formula(np.bincount(first[0].species, minlength=4)) == "H2O"


def test_a_configuration_does_not_depend_on_the_ones_before(tool, springs, tmp_path):
    alone = tool.compute("H2O", tmp_path / "whole")[3]
    springs.calls = 0
    for number in range(3):
        (tmp_path / "part").mkdir(exist_ok=True)
        source = tmp_path / "whole" / f"H2O_{number:03d}.npz"
        (tmp_path / "part" / source.name).write_bytes(source.read_bytes())
    assert np.array_equal(alone.positions, tool.compute("H2O", tmp_path / "part")[3].positions)
    assert springs.calls == 1


def test_a_calculation_that_does_not_converge_is_replaced(tool, springs, tmp_path, capsys):
    usual = tool.compute("H2O", tmp_path / "usual")
    springs.calls, springs.failing = 0, (2,)
    found = tool.compute("H2O", tmp_path / "failing")
    assert springs.calls == 5
    assert "H2O_001: no convergence; another configuration is drawn" in capsys.readouterr().out
    assert not np.array_equal(found[1].positions, usual[1].positions)
    for index in (0, 2, 3):
        assert np.array_equal(found[index].positions, usual[index].positions)


def test_a_stop_in_the_middle_leaves_no_half_configuration(tool, springs, tmp_path):
    springs.error, springs.failing = KeyboardInterrupt, (3,)
    with pytest.raises(KeyboardInterrupt):
        tool.compute("H2O", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["H2O_000.npz", "H2O_001.npz"]


def test_results_of_other_settings_are_refused(tool, tmp_path, monkeypatch):
    tool.claim(tmp_path)
    tool.claim(tmp_path)
    monkeypatch.setitem(tool.SETTINGS, "seed", 1)
    with pytest.raises(SystemExit, match=r"holds results of .*expected .*name another --scratch"):
        tool.claim(tmp_path)


def test_results_of_unknown_settings_are_refused(tool, tmp_path):
    (tmp_path / "H2O_000.npz").write_bytes(b"")
    with pytest.raises(SystemExit, match="holds results of unknown settings"):
        tool.claim(tmp_path)


@pytest.mark.parametrize(("difference", "passes"), [(0.0009, True), (0.0011, False)])
def test_another_method_is_noticed(tool, monkeypatch, difference, passes):
    energy = tool.CHECK_ENERGY + difference
    monkeypatch.setattr(tool, "Calculator", lambda symbols: lambda positions: (energy, None))
    if passes:
        assert tool.check_method() == energy
    else:
        with pytest.raises(tool.CalculationError, match="not ANI-1's energy of water"):
            tool.check_method()


def test_stored_numbers_are_what_is_computed(tool):
    pytest.importorskip("pyscf")
    folder = SCRIPT.parents[1] / "panna_exp" / "datasets"
    stored = read(folder / "tutorial_validation.h5", tool.SPECIES)
    index = next(i for i, name in enumerate(stored.names) if name.startswith("NH3"))
    one = stored.select(np.array([index]))
    energy, forces = tool.Calculator(tuple("HCON"[i] for i in one.species))(one.positions)
    assert energy == pytest.approx(one.energy[0], abs=1e-6)
    assert np.abs(forces - one.forces).max() < 1e-4
    assert tool.check_method() == pytest.approx(-2078.5687776, abs=1e-5)
