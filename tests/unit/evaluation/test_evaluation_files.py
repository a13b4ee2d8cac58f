"""PANNA's text files and the parity plot."""

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.evaluation.composition_plots import write_composition_plot
from panna_exp.evaluation.dat import write_energies, write_forces
from panna_exp.evaluation.plots import write_parity_plot
from panna_exp.evaluation.predictions import Predictions

SPECIES = Species(("H", "O"))


def make(number=2, **kwargs):
    rng = np.random.default_rng(3)
    counts = np.array([[2, 1], [1, 0]] * number)[:number]
    values = {
        "names": ["water 1", "", *[f"s{n}" for n in range(2, number)]][:number],
        "species": SPECIES,
        "counts": counts,
        "energy": rng.normal(size=number),
        "reference": rng.normal(size=number),
        "reference_energies": np.array([-13.62, -2041.84]),
    }
    return Predictions(**{**values, **kwargs})


def test_energies_in_2x_layout(tmp_path):
    predictions = make(energy=np.array([-2078.1 / 3, -13.0]), reference=np.array([0.1, -13.5]))
    write_energies(tmp_path / "eval" / "epoch_1_step_10.dat", predictions)
    assert (tmp_path / "eval" / "epoch_1_step_10.dat").read_text() == (
        f"#filename n_atoms e_ref e_nn\nwater_1 3 0.1 {-2078.1 / 3!r}\nN.A. 1 -13.5 -13.0\n"
    )


def test_energies_in_1x_layout(tmp_path):
    predictions = make(energy=np.array([-692.1, -13.0]), reference=np.array([0.1, -13.5]))
    write_energies(tmp_path / "10.dat", predictions, version=1)
    assert (tmp_path / "10.dat").read_text() == (
        "#filename n_atoms e_ref e_nn\nwater_1 3 0.10000000149011612 -692.1\nNA 1 -13.5 -13.0"
    )


def test_no_digit_is_lost(tmp_path):
    predictions = make(50)
    write_energies(tmp_path / "e.dat", predictions)
    rows = [line.split() for line in (tmp_path / "e.dat").read_text().splitlines()[1:]]
    assert [float(row[2]) for row in rows] == predictions.reference.tolist()
    assert [float(row[3]) for row in rows] == predictions.energy.tolist()
    assert [int(row[1]) for row in rows] == predictions.num_atoms.tolist()


@pytest.mark.parametrize(("version", "unnamed"), [(1, "NA"), (2, "N.A.")])
def test_forces(tmp_path, version, unnamed):
    forces = np.arange(12.0).reshape(4, 3)
    reference = forces + 0.5
    reference[3] = np.nan
    predictions = make(
        forces=forces, reference_forces=reference, atom_species=np.array([0, 0, 1, 0])
    )
    write_forces(tmp_path / "f.dat", predictions, version)
    assert (tmp_path / "f.dat").read_text().splitlines() == [
        "#filename atom_id fx_nn fy_nn fz_nn fx_ref fy_ref fz_ref",
        "water_1 0 0.0 1.0 2.0 0.5 1.5 2.5",
        "water_1 1 3.0 4.0 5.0 3.5 4.5 5.5",
        "water_1 2 6.0 7.0 8.0 6.5 7.5 8.5",
        f"{unnamed} 0 9.0 10.0 11.0 nan nan nan",
    ]


def test_forces_without_a_reference(tmp_path):
    predictions = make(forces=np.zeros((4, 3)), atom_species=np.array([0, 0, 1, 0]))
    write_forces(tmp_path / "f.dat", predictions)
    assert (tmp_path / "f.dat").read_text().splitlines()[1].endswith(" 0.0 nan nan nan")


@pytest.mark.parametrize("number", [1, 2, 60])
def test_parity_plot_is_a_picture(tmp_path, number):
    path = tmp_path / "eval" / "parity.png"
    write_parity_plot(path, make(number), "a $title_1$ with a dollar")
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    assert int.from_bytes(data[16:20], "big") == 1950
    assert int.from_bytes(data[20:24], "big") == 690


def test_parity_plot_draws_what_can_be_drawn(tmp_path):
    rng = np.random.default_rng(1)
    counts = np.stack([np.arange(1, 21), np.ones(20, dtype=int)], axis=1).repeat(40, axis=0)
    energy = rng.normal(size=800)
    energy[::7] = np.nan
    names, reference = [""] * 800, rng.normal(size=800)
    many = make(800, counts=counts, energy=energy, names=names, reference=reference)
    write_parity_plot(tmp_path / "many.png", many, "many")
    write_parity_plot(tmp_path / "none.png", make(energy=np.full(2, np.inf)), "none")
    assert (tmp_path / "many.png").stat().st_size > 20000
    assert (tmp_path / "none.png").exists()


def test_the_same_data_give_the_same_picture(tmp_path):
    for name in ("a", "b"):
        write_parity_plot(tmp_path / name, make(20), "title")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def height(path):
    data = path.read_bytes()
    assert data.startswith(b"\x89PNG")
    return int.from_bytes(data[20:24], "big")


def test_errors_by_composition_have_a_row_each_and_one_for_all_others(tmp_path):
    rng = np.random.default_rng(1)
    heights = []
    for compositions in (4, 8, 24, 25, 60):
        number = 3 * compositions
        counts = np.stack([np.arange(1, compositions + 1), np.ones(compositions, dtype=int)])
        values = {"energy": rng.normal(size=number), "reference": rng.normal(size=number)}
        values["energy"][1] = np.nan
        predictions = make(number, counts=counts.T.repeat(3, axis=0), names=[""] * number, **values)
        write_composition_plot(tmp_path / "rows.png", predictions, "a $title_1$")
        heights.append(height(tmp_path / "rows.png"))
    assert heights[0] < heights[1] < heights[2] == heights[3] == heights[4]


def test_errors_by_composition_without_a_finite_one(tmp_path):
    write_composition_plot(tmp_path / "none.png", make(energy=np.full(2, np.nan)), "none")
    assert height(tmp_path / "none.png") > 100
