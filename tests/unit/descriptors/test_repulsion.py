"""The universal repulsion: its formula, its derivatives, and where it ends."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.formulas import screened_repulsion
from panna_exp.descriptors.repulsion import Repulsion, repulsion_of, shortest_pairs

OUTER = np.array([[1.5, 1.8], [1.8, 2.2]])
REPULSION = Repulsion(("H", "Si"), OUTER)


def structure(seed, count=6, size=3.0, periodic=True):
    random = np.random.default_rng(seed)
    return Structure(
        origin="test",
        name="",
        species=random.integers(0, 2, count),
        energy=0.0,
        positions=random.uniform(0, size, (count, 3)),
        cell=np.eye(3) * size + 0.1 * random.normal(size=(3, 3)) if periodic else np.zeros((3, 3)),
        pbc=np.full(3, periodic),
    )


def together(*structures):
    return StructureSet.from_structures([item.check() for item in structures])


def energy(item):
    return float(repulsion_of(together(item), REPULSION).energy.sum())


def test_inside_it_is_the_published_potential():
    """Si-Si at 0.5 angstrom: Z = 14, a = 0.8854 x 0.529177 / (2 x 14^0.23), written out."""
    length = 0.8854 * 0.529177210903 / (2 * 14**0.23)
    x = 0.5 / length
    screen = (
        0.18175 * np.exp(-3.1998 * x)
        + 0.50986 * np.exp(-0.94229 * x)
        + 0.28022 * np.exp(-0.4029 * x)
        + 0.02817 * np.exp(-0.20162 * x)
    )
    pair = Structure(
        origin="test",
        name="",
        species=np.array([1, 1]),
        energy=0.0,
        positions=np.array([[0.0, 0, 0], [0.5, 0, 0]]),
        cell=np.zeros((3, 3)),
        pbc=np.zeros(3, bool),
    )
    assert energy(pair) == pytest.approx(14.399645 * 14 * 14 / 0.5 * screen, rel=1e-7)


def test_its_derivative_and_a_smooth_end():
    distance = torch.linspace(0.2, 2.5, 400, dtype=torch.float64, requires_grad=True)
    value, slope = screened_repulsion(
        distance, *(torch.full_like(distance, v).detach() for v in (500.0, 0.15, 2.2))
    )
    (expected,) = torch.autograd.grad(value.sum(), distance)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-12)
    assert (slope <= 0).all()
    assert (value[distance >= 2.2] == 0).all()
    assert (slope[distance >= 2.2] == 0).all()
    assert value[distance < 2.2].min() > 0


@pytest.mark.parametrize("periodic", [True, False])
def test_forces_and_strain_are_differences_of_energies(periodic):
    item = structure(1, periodic=periodic)
    found = repulsion_of(together(item), REPULSION)
    assert float(found.energy.sum()) > 1
    step = 1e-5
    for atom, axis in ((0, 0), (3, 1), (5, 2)):
        moved = []
        for sign in (1, -1):
            positions = item.positions.copy()
            positions[atom, axis] += sign * step
            moved.append(energy(replace(item, positions=positions)))
        expected = (moved[0] - moved[1]) / (2 * step)
        assert float(found.gradient[atom, axis]) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    for i, j in ((0, 0), (1, 2)):
        strained = []
        for sign in (1, -1):
            deformation = np.eye(3)
            deformation[i, j] += sign * step
            strained.append(
                energy(
                    replace(
                        item, positions=item.positions @ deformation, cell=item.cell @ deformation
                    )
                )
            )
        expected = (strained[0] - strained[1]) / (2 * step)
        assert float(found.strain[0, i, j]) == pytest.approx(expected, rel=1e-6, abs=1e-6)


def test_many_structures_are_as_each_by_itself():
    items = [structure(seed, count=3 + seed) for seed in range(4)]
    found = repulsion_of(together(*items), REPULSION)
    alone = [repulsion_of(together(item), REPULSION) for item in items]
    for name in ("energy", "gradient", "strain"):
        torch.testing.assert_close(
            getattr(found, name), torch.cat([getattr(item, name) for item in alone])
        )


def test_beyond_the_shortest_distances_it_is_nothing():
    whole = together(*(structure(seed) for seed in range(3)))
    shortest = shortest_pairs([whole], 2, 3.0)
    np.testing.assert_array_equal(shortest, shortest.T)
    found = repulsion_of(whole, Repulsion(("H", "Si"), shortest))
    assert float(found.energy.abs().max()) < 1e-12
