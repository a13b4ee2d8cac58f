"""Means, spreads and their calibration, on numbers that can be worked out by hand."""

import dataclasses
from statistics import NormalDist

import numpy as np
import pytest
from matplotlib.figure import Figure

from panna_exp.elements import Species
from panna_exp.evaluation.committee import (
    ENERGY,
    calibration,
    combine,
    force_points,
    miscalibration_area,
)
from panna_exp.evaluation.committee_plots import write_uncertainty_plot
from panna_exp.evaluation.predictions import Predictions
from panna_exp.evaluation.summary import summarize


def make(energy, forces=None):
    """Predictions for water, one structure an energy."""
    size = len(energy)
    return Predictions(
        names=[f"w{number}" for number in range(size)],
        species=Species(("H", "O")),
        counts=np.tile([2, 1], (size, 1)),
        energy=np.asarray(energy, dtype=np.float64),
        reference=np.full(size, -2000.0),
        reference_energies=np.array([-13.0, -2000.0]),
        atom_species=np.tile([1, 0, 0], size),
        forces=forces,
        reference_forces=None if forces is None else np.zeros((3 * size, 3)),
    )


def test_the_mean_and_the_spread_are_those_of_the_members():
    forces = [np.full((6, 3), value) for value in (0.1, 0.3)]
    found = combine([make([-2000.3, -1999.0], forces[0]), make([-2000.1, -1999.0], forces[1])])
    assert found.energy == pytest.approx([-2000.2, -1999.0], abs=1e-12)
    assert found.energy_spread == pytest.approx([0.1, 0.0], abs=1e-12)
    assert found.forces == pytest.approx(np.full((6, 3), 0.2))
    assert found.force_spread == pytest.approx(np.full((6, 3), 0.1))


def test_one_member_has_no_spread_and_members_may_have_no_forces():
    alone = make([-2000.3])
    found = combine([alone])
    assert found.energy == alone.energy
    assert found.energy_spread == 0.0
    assert found.forces is None
    assert calibration(alone) == {}


def test_calibration_says_ratio_and_rank():
    # Spreads 30, 60, 90 meV; errors twice that: a ratio of 2, and the same order.
    spread = np.array([0.03, 0.06, 0.09])
    one = make(-2000.0 + 2 * spread)
    found = calibration(dataclasses.replace(one, energy_spread=spread))
    assert list(found) == ["energy_mev_per_atom"]
    energy = found["energy_mev_per_atom"]
    assert energy.mean_spread == pytest.approx(20.0)  # an atom of three
    assert energy.error_over_spread == pytest.approx(2.0)
    assert energy.rank_correlation == pytest.approx(1.0)
    backwards = dataclasses.replace(one, energy_spread=spread[::-1].copy())
    assert calibration(backwards)["energy_mev_per_atom"].rank_correlation == pytest.approx(-1.0)


def test_the_miscalibration_is_the_area_between_two_curves():
    random = np.random.default_rng(0)
    spread = random.uniform(0.5, 2.0, 200)
    error = np.abs(random.normal(0, 1.7 * spread))
    levels = (np.arange(20_000) + 0.5) / 20_000
    widths = np.array([NormalDist().inv_cdf((1 + level) / 2) for level in levels])
    within = np.searchsorted(np.sort(error / spread), widths, side="right") / 200
    expected = np.abs(within - levels).mean()
    assert miscalibration_area(spread, error) == pytest.approx(expected, abs=1e-4)
    assert expected > 0.1
    assert miscalibration_area(1.7 * spread, error) < 0.04
    assert miscalibration_area(np.zeros(3), np.ones(3)) == pytest.approx(0.5)
    assert miscalibration_area(np.zeros(3), np.zeros(3)) == pytest.approx(0.5)


def test_scaling_by_the_ratio_calibrates_normal_errors():
    random = np.random.default_rng(1)
    spread = random.uniform(0.01, 0.03, 400)
    predictions = make(-2000.0 + random.normal(0, 3 * spread))
    found = calibration(dataclasses.replace(predictions, energy_spread=spread))[ENERGY]
    assert found.values == 400
    assert found.error_over_spread == pytest.approx(3.0, rel=0.1)
    assert found.miscalibration > 0.2
    assert found.miscalibration_scaled < 0.05


def test_ranks_of_equal_values_are_shared():
    scipy_says = 0.9486832980505138  # spearmanr([1, 2, 2, 3], [1, 2, 3, 4])
    predictions = make(-2000.0 + np.array([1.0, 2.0, 3.0, 4.0]))
    found = calibration(
        dataclasses.replace(predictions, energy_spread=np.array([1.0, 2.0, 2.0, 3.0]))
    )
    assert found["energy_mev_per_atom"].rank_correlation == pytest.approx(scipy_says)


def test_what_is_undefined_is_none():
    same = dataclasses.replace(make([-2000.1, -2000.2]), energy_spread=np.zeros(2))
    found = calibration(same)["energy_mev_per_atom"]
    assert found.error_over_spread is None
    assert found.rank_correlation is None


def test_unknown_forces_count_for_nothing():
    predictions = make([-2000.0, -2000.0], np.ones((6, 3)))
    reference = np.zeros((6, 3))
    reference[3:] = np.nan
    predictions = dataclasses.replace(
        predictions, reference_forces=reference, force_spread=np.full((6, 3), 0.5)
    )
    points = force_points(predictions)
    assert points is not None
    assert len(points[0]) == 9
    assert calibration(predictions)["forces_ev_per_angstrom"].error_over_spread == 2.0
    none = dataclasses.replace(predictions, reference_forces=np.full((6, 3), np.nan))
    assert force_points(none) is None


def test_the_summary_and_the_figure_have_it(tmp_path):
    random = np.random.default_rng(0)
    members = [
        make(-2000.0 + random.normal(0, 0.1, 40), random.normal(0, 0.1, (120, 3))) for _ in range(3)
    ]
    found = combine(members)
    summary = summarize(found)
    assert set(summary.to_json()["uncertainty"]) == {
        "energy_mev_per_atom",
        "forces_ev_per_angstrom",
    }
    write_uncertainty_plot(tmp_path / "a.png", found, "of $3$ members")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert summarize(members[0]).uncertainty == {}


def test_points_at_the_edge_of_the_figure_are_whole(monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    exact = combine([make([-2000.0, -2000.1]), make([-2000.0, -2000.3])])
    write_uncertainty_plot(tmp_path / "a.png", exact, "of two members")
    (axes,) = drawn[0].axes
    places = axes.collections[0].get_offsets()
    assert (places > 1.2 * axes.get_xlim()[0]).all()
