import io

import numpy as np
import pytest
from matplotlib.image import imread

from panna_exp.reporting.curves import learning_curves, write_learning_curves
from panna_exp.reporting.evaluations import StoredEvaluation
from panna_exp.reporting.parity import energy_parity, force_parity
from panna_exp.reporting.pictures import picture
from panna_exp.reporting.run import read_run

NONE = np.zeros((3, 3))
METHANE = np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 0.63


def pixels(data):
    return imread(io.BytesIO(data))[..., :3]


def inked(data):
    """The part of a picture that is not white."""
    return float((pixels(data) < 0.99).any(axis=2).mean())


def coloured(data, colour):
    """The part that is of about this colour."""
    wanted = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    return float((np.abs(pixels(data) - wanted).max(axis=2) < 0.05).mean())


def test_a_molecule_shows_its_atoms():
    data = picture(["C", "H", "H", "H", "H"], METHANE, NONE)
    assert coloured(data, "#5c5c5c") > 0.02
    assert coloured(data, "#f2f2f2") > 0.05
    assert data == picture(["C", "H", "H", "H", "H"], METHANE, NONE)


def test_a_flat_molecule_is_seen_from_above_however_it_lies():
    water = np.array([[0.0, 0.0, 0.0], [0.0, 0.76, 0.59], [0.0, -0.76, 0.59]])
    turned = water @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    sizes = [inked(picture(["O", "H", "H"], atoms, NONE)) for atoms in (water, turned)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_any_number_of_atoms_can_be_drawn(count):
    positions = np.random.default_rng(0).uniform(0, 10, size=(count, 3))
    assert inked(picture(["Og"] * count, positions, NONE)) > 0.02


def test_the_cell_is_drawn_if_there_are_three_lattice_vectors():
    atoms = np.array([[1.0, 1.0, 1.0]])
    cell = np.diag([6.0, 6.0, 6.0])
    grey = [coloured(picture(["Si"], atoms, c), "#999999") for c in (cell, np.diag([6.0, 6, 0]))]
    assert grey[0] > 0.005
    assert grey[1] < 0.001


def evaluation(**changes):
    values = {
        "path": None,
        "names": ["a", "b"],
        "num_atoms": np.array([1, 2]),
        "reference": np.array([-13.0, -4000.0]),
        "predicted": np.array([-13.1, np.nan]),
        "summary": {},
    }
    return StoredEvaluation(**{**values, **changes})


@pytest.mark.parametrize("free_atoms", [None, np.array([-13.6, -4001.0])])
def test_parity_of_energies_leaves_out_what_is_no_number(free_atoms):
    assert inked(energy_parity(evaluation(), free_atoms)) > 0.01
    nothing = evaluation(predicted=np.full(2, np.nan))
    assert inked(energy_parity(nothing, free_atoms)) > 0.01


def test_parity_of_forces():
    assert force_parity(evaluation()) is None
    forces = np.ones((3, 3))
    unknown = np.full((3, 3), np.nan)
    assert force_parity(evaluation(forces=forces, reference_forces=unknown)) is None
    assert inked(force_parity(evaluation(forces=forces, reference_forces=forces))) > 0.01


def test_learning_curves_are_the_same_bytes_each_time_and_ask_for_nothing(make_run):
    runs = [read_run(make_run(name), running=False) for name in "ab"]
    svg = learning_curves(runs, ["A", "B"])
    assert svg == learning_curves(runs, ["A", "B"])
    assert b"<svg" in svg
    assert b'href="http' not in svg
    assert svg.count(b"stroke-dasharray") >= 6  # three panels, two runs
    assert len(svg) > len(learning_curves(runs[:1], ["A"]))


def test_without_an_epoch_there_are_no_curves(make_run):
    empty = read_run(make_run("a", metrics="epoch loss val_loss\n"), running=False)
    nan = read_run(make_run("b", metrics="epoch loss\n0 nan\n"), running=False)
    assert learning_curves([empty, nan], ["A", "B"]) is None


def test_many_epochs_make_no_heavy_page(make_run):
    rows = "".join(f"{epoch} {1 + np.sin(epoch) / 2}\n" for epoch in range(20_000))
    run = read_run(make_run("a", metrics=f"epoch loss\n{rows}"), running=False)
    assert len(learning_curves([run], ["A"])) < 300_000


def test_learning_curves_as_a_file(tmp_path):
    metrics, path = tmp_path / "metrics.dat", tmp_path / "curves.png"
    metrics.write_text("epoch loss MAE/at val_MAE/at\n")
    assert not write_learning_curves(path, metrics)
    assert not path.exists()
    metrics.write_text("epoch loss MAE/at val_MAE/at\n0.0 1.0 0.1 0.2\n1.0 0.5 0.05 0.1\n")
    assert write_learning_curves(path, metrics)
    assert path.read_bytes().startswith(b"\x89PNG")
