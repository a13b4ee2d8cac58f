import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.image import imread

from panna_exp.evaluation.figures import new_figure, png
from panna_exp.reporting.curves import colour, learning_curves, write_learning_curves
from panna_exp.reporting.drawing import smaller
from panna_exp.reporting.evaluations import StoredEvaluation
from panna_exp.reporting.parity import energy_parity, force_parity
from panna_exp.reporting.pictures import picture
from panna_exp.reporting.run import read_run
from panna_exp.reporting.timings import with_learning_rates

NONE = np.zeros((3, 3))
METHANE = np.array([[0, 0, 0], [1, 1, 1], [-1, -1, 1], [-1, 1, -1], [1, -1, -1]]) * 0.63


def pixels(data):
    return imread(io.BytesIO(data))[..., :3]


def inked(data):
    """The part of a picture that is not white."""
    return float((pixels(data) < 0.99).any(axis=2).mean())


def discs(svg):
    """Centres, radii and colours of the discs, in the order of drawing."""
    pattern = rb'cx="([-.\d]+)" cy="([-.\d]+)" r="([.\d]+)" fill="(#\w+)"'
    return [(float(x), float(y), float(r), c.decode()) for x, y, r, c in re.findall(pattern, svg)]


def extent(svg):
    """Width and height that the centres of the discs span."""
    places = np.array([item[:2] for item in discs(svg)])
    return places.max(axis=0) - places.min(axis=0)


def test_a_molecule_shows_its_atoms():
    svg = picture(["C", "H", "H", "H", "H"], METHANE, NONE)
    ElementTree.fromstring(svg)
    colours = [colour for *_, colour in discs(svg)]
    assert sorted(colours) == ["#909090", *["#ffffff"] * 4]  # ASE's
    assert svg.count(b"<path") == 4  # bonds
    assert svg.count(b">H</text>") == 4
    assert len(svg) < 3000
    assert svg == picture(["C", "H", "H", "H", "H"], METHANE, NONE)


def test_a_flat_molecule_is_seen_from_above_however_it_lies():
    water = np.array([[0.0, 0.0, 0.0], [0.0, 0.76, 0.59], [0.0, -0.76, 0.59]])
    turned = water @ np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    for atoms in (water, turned):
        size = extent(picture(["O", "H", "H"], atoms, NONE))
        np.testing.assert_allclose(size, [1.52, 0.59], atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 500])
def test_any_number_of_atoms_can_be_drawn(count):
    positions = np.random.default_rng(0).uniform(0, 10, size=(count, 3))
    assert len(discs(picture(["Og"] * count, positions, NONE))) == count


def test_the_cell_is_drawn_behind_the_atoms_if_there_are_three_lattice_vectors():
    atoms = np.array([[1.0, 1.0, 1.0]])
    cell = np.diag([6.0, 6.0, 6.0])
    svg = picture(["Si"], atoms, cell)
    assert svg.count(b"#999999") == 12
    assert svg.rindex(b"#999999") < svg.index(b"<circle")
    assert picture(["Si"], atoms, np.diag([6.0, 6.0, 0.0])).count(b"#999999") == 0


def test_runs_have_colours_of_their_own():
    assert len({colour(number) for number in range(60)}) == 60
    assert colour(0) == "#0072b2"


def test_plots_of_a_page_are_small():
    figure = new_figure(10.0, 5.0)
    figure.subplots().scatter(*np.random.default_rng(0).normal(size=(2, 2000)), s=4)
    data = png(figure)
    small = smaller(data)
    assert len(small) < 0.6 * len(data)
    assert pixels(small).shape[1] == 1000
    assert inked(small) == pytest.approx(inked(data), abs=0.1)


def test_learning_rates_stand_with_the_curves(make_run):
    lines = [
        f"2026-01-02 03:04:05,678 INFO epoch {epoch}, step {10 * epoch}: loss 3, learning rate {r}"
        for epoch, r in ((1, "0.01"), (2, "5e-05"))
    ]
    run = read_run(make_run("a", log="\n".join(lines)), running=False)
    found = with_learning_rates(run.metrics, run.path)
    np.testing.assert_array_equal(found.columns["learning rate"], [0.01, 5e-5])
    without = read_run(make_run("b"), running=False)
    assert learning_curves([run], ["A"]) != learning_curves([without], ["A"])
    assert with_learning_rates(run.metrics, run.path / "x") is run.metrics


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
