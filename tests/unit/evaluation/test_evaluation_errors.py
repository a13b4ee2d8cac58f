"""Errors, constant predictors, and the sentences that an evaluation ends with."""

import json

import numpy as np
import pytest
from rich.console import Console

from panna_exp.elements import Species
from panna_exp.evaluation.constant import ConstantPredictor
from panna_exp.evaluation.errors import EnergyErrors, force_errors
from panna_exp.evaluation.predictions import Predictions
from panna_exp.evaluation.summary import summarize
from panna_exp.evaluation.tables import Table

SPECIES = Species(("H", "O"))
FREE = np.array([-13.62, -2041.84])
RNG = np.random.default_rng(11)


def make(counts, residual, predicted, names=None, **kwargs):
    counts = np.array(counts)
    free = counts @ FREE
    return Predictions(
        names=names or [""] * len(counts),
        species=SPECIES,
        counts=counts,
        energy=free + predicted,
        reference=free + residual,
        reference_energies=FREE,
        **kwargs,
    )


def waters(spread=0.1, error=0.01, number=40):
    counts = [[2, 1]] * (number // 2) + [[4, 2]] * (number // 2)
    residual = np.array([-9.0] * (number // 2) + [-18.5] * (number // 2))
    residual = residual + spread * RNG.normal(size=number)
    return counts, residual, residual + error * RNG.normal(size=number)


def test_errors_are_those_of_the_definition():
    errors = EnergyErrors.of(np.array([0.3, -0.8]), np.array([3, 4]))
    assert errors.structures == 2
    assert errors.mae_mev_per_atom == pytest.approx((100 + 200) / 2)
    assert errors.rmse_mev_per_atom == pytest.approx(np.sqrt((100**2 + 200**2) / 2))
    assert errors.max_mev_per_atom == pytest.approx(200)
    assert errors.mae_ev == pytest.approx(0.55)
    assert errors.rmse_ev == pytest.approx(np.sqrt((0.09 + 0.64) / 2))
    assert errors.max_ev == pytest.approx(0.8)


def test_predictions_derive_sizes_and_formulas():
    predictions = make([[2, 1], [0, 2], [2, 1]], np.zeros(3), np.array([0.0, 1.0, -2.0]))
    assert predictions.num_atoms.tolist() == [3, 2, 3]
    assert predictions.formulas == ["H2O", "O2", "H2O"]
    assert predictions.error == pytest.approx([0.0, 1.0, -2.0])
    assert predictions.free_atoms == pytest.approx([-2069.08, -4083.68, -2069.08])


def test_summary_by_composition():
    counts, residual, _ = waters(number=6)
    predicted = residual + np.array([0.003, -0.003, 0.006, 0.0, 0.0, 0.06])
    names = ["a", "b", "c", "d", "e", "f"]
    summary = summarize(make(counts, residual, predicted, names))
    assert list(summary.compositions) == ["H2O", "H4O2"]
    assert summary.compositions["H2O"].structures == 3
    assert summary.compositions["H2O"].mae_mev_per_atom == pytest.approx(4 / 3)
    assert summary.compositions["H4O2"].max_mev_per_atom == pytest.approx(10)
    assert summary.worst == "f"
    assert summary.energy.mae_mev_per_atom == pytest.approx((1 + 1 + 2 + 10) / 6)


def test_constant_predictors():
    counts, residual, predicted = waters()
    predictions = make(counts, residual, predicted)
    summary = summarize(predictions)
    constant = residual.mean() - residual
    assert summary.constant.mae_ev == pytest.approx(np.abs(constant).mean())
    # One energy an atom of each species: here a mean energy an atom, sizes being 3 and 6.
    per_atom = residual / predictions.num_atoms
    assert summary.per_species.rmse_mev_per_atom == pytest.approx(1000 * per_atom.std())
    assert summary.fitted_on == "evaluated data"
    assert summary.warnings == []


def test_constant_predictors_of_the_training_data():
    train = make(*waters())
    baseline = ConstantPredictor.fit(train.counts, train.reference, FREE, "training data")
    predictions = make([[2, 1], [4, 2]], np.array([-9.0, -18.0]), np.array([-9.0, -18.0]))
    summary = summarize(predictions, baseline)
    expected = np.abs(baseline.residual - np.array([-9.0, -18.0]))
    assert summary.constant.mae_ev == pytest.approx(expected.mean())
    assert summary.fitted_on == "training data"


def test_a_species_constant_reaches_new_compositions():
    counts = np.array([[2, 1], [2, 2], [1, 0], [4, 1]])
    energies = np.array([0.5, -2.0])
    train, test = counts[:3], counts[3:]
    baseline = ConstantPredictor.fit(train, train @ (FREE + energies), FREE, "training data")
    assert baseline.per_species == pytest.approx(energies)
    assert baseline.per_species_energy(test, FREE) == pytest.approx(test @ (FREE + energies))


def test_a_network_that_ignores_its_input_is_reported():
    counts, residual, _ = waters()
    predictions = make(counts, residual, np.array(counts) @ np.array([-2.0, -5.0]))
    warnings = summarize(predictions).warnings
    assert len(warnings) == 2
    assert warnings[0].startswith("the network predicts a constant: among structures of the same")
    assert warnings[1].startswith("the network is no better than a constant: its MAE is ")


def test_a_network_worse_than_a_constant_is_reported():
    counts, residual, predicted = waters(spread=0.1, error=0.5)
    (warning,) = summarize(make(counts, residual, predicted)).warnings
    assert "no better than a constant" in warning


def test_few_structures_do_not_condemn_a_network():
    predictions = make([[2, 1]], np.array([-9.0]), np.array([-9.01]))
    summary = summarize(predictions)
    assert summary.constant.mae_mev_per_atom == 0.0
    assert summary.warnings == []


def test_predictions_that_are_not_numbers_are_counted(tmp_path):
    counts, residual, predicted = waters()
    predicted[:3] = np.nan
    summary = summarize(make(counts, residual, predicted))
    assert summary.warnings == ["3 of 40 predicted energies are not finite numbers."]
    summary.write_json(tmp_path / "summary.json")
    data = json.loads((tmp_path / "summary.json").read_text())
    assert data["energy"]["mae_mev_per_atom"] is None
    assert data["worst"] == "structure 0"


def test_json_says_what_it_holds(tmp_path):
    counts, residual, predicted = waters()
    summary = summarize(make(counts, residual, predicted))
    summary.write_json(tmp_path / "deep" / "summary.json")
    data = json.loads((tmp_path / "deep" / "summary.json").read_text())
    assert set(data) == {
        *("energy", "worst", "compositions", "forces", "zero_forces", "warnings"),
        *("uncertainty", "stress", "zero_stress"),
        *("constant_per_structure", "constant_per_species", "constants_fitted_on"),
    }
    assert data["energy"]["mae_mev_per_atom"] == summary.energy.mae_mev_per_atom
    assert data["compositions"]["H4O2"]["structures"] == 20


def text_of(summary, **kwargs):
    console = Console(width=80, **kwargs)
    with console.capture() as capture:
        summary.render(console)
    return capture.get()


def test_table_is_plain_text_away_from_a_terminal():
    counts, residual, predicted = waters()
    summary = summarize(make(counts, residual, predicted))
    text = text_of(summary, force_terminal=False)
    lines = text.splitlines()
    assert text.isascii()
    assert lines[1].split() == ["structures", "MAE", "RMSE", "max", "MAE"]
    assert lines[3].split() == [
        *("all", "40"),
        *(
            f"{value:.2f}"
            for value in (
                summary.energy.mae_mev_per_atom,
                summary.energy.rmse_mev_per_atom,
                summary.energy.max_mev_per_atom,
            )
        ),
        f"{summary.energy.mae_ev:.4f}",
    ]
    for row in ("H2O", "H4O2", "constant/structure", "constant/species", "evaluated data."):
        assert row in text


def test_table_fits_a_terminal_of_80_columns():
    counts, residual, predicted = waters(error=0.5)
    summary = summarize(make(counts, residual, predicted, ["[bold]x"] * 40))
    text = text_of(summary, force_terminal=True, color_system=None)
    assert "┏" in text
    assert "…" not in text
    assert "Largest error per atom: [bold]x." in text
    assert "Warning: the network is no better than a constant" in text.replace("\n", " ")
    table = [line for line in text.splitlines() if line[:1] in "┏┃┡│└"]
    assert len(table) == 10


def test_many_compositions_are_cut_in_the_table_only():
    counts = [[n, 1] for n in range(1, 31)]
    predictions = make(counts, np.arange(30.0), np.arange(30.0) + 0.001)
    summary = summarize(predictions)
    assert len(summary.compositions) == 30
    assert "10 more compositions are not shown." in text_of(summary, force_terminal=False)


def test_force_errors_by_species():
    counts, residual, predicted = waters(number=2)
    counts = [[2, 1], [1, 0]]
    reference = np.zeros((4, 3))
    reference[3] = np.nan
    forces = np.zeros((4, 3))
    forces[0] = [0.3, -0.3, 0.0]
    forces[2] = [0.0, 0.0, 0.9]
    forces[3] = 7.0
    predictions = make(
        counts,
        residual,
        predicted,
        atom_species=np.array([0, 0, 1, 0]),
        forces=forces,
        reference_forces=reference,
    )
    errors = force_errors(predictions)
    assert {name: item.atoms for name, item in errors.items()} == {"all": 3, "H": 2, "O": 1}
    assert errors["H"].mae_ev_per_angstrom == pytest.approx(0.1)
    assert errors["O"].rmse_ev_per_angstrom == pytest.approx(np.sqrt(0.27))
    assert errors["all"].max_ev_per_angstrom == pytest.approx(0.9)
    assert "Force component errors" in text_of(summarize(predictions), force_terminal=False)
    bare = make(counts, residual, predicted, atom_species=np.array([0, 0, 1, 0]), forces=forces)
    assert force_errors(bare) == {}


def test_plain_tables_align():
    table = Table(title="T", header=("", "a\nb"), rows=[("x", "1"), ("long", "22")], footer=["f"])
    assert table.to_text() == "T\n         a\n         b\n  x      1\n  long  22\nf\n"
