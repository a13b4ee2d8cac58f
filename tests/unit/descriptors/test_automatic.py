"""The numbers of an mBP descriptor from the distances in data."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.automatic import automatic_parameters, triples_per_atom


def structures(*frames):
    sizes = [len(atoms) for atoms in frames]
    return StructureSet(
        names=[""] * len(frames),
        origins=[""] * len(frames),
        offsets=np.cumsum([0, *sizes]),
        species=np.concatenate([atoms.numbers for atoms in frames]),
        energy=np.zeros(len(frames)),
        cell=np.stack([atoms.cell.array for atoms in frames]),
        pbc=np.stack([atoms.pbc for atoms in frames]),
        positions=np.concatenate([atoms.positions for atoms in frames]),
    )


COPPER = structures(bulk("Cu", cubic=True, a=3.6))
NEAREST = 3.6 / np.sqrt(2)


def test_lengths_are_multiples_of_the_nearest_distance():
    found = automatic_parameters(COPPER, None)
    assert found["Rc_rad"] == round(2.6 * NEAREST, 2)
    assert found["Rs0_rad"] == found["Rs0_ang"] == round(0.6 * NEAREST, 2)
    spacing = (found["Rc_rad"] - found["Rs0_rad"]) / found["RsN_rad"]
    assert found["eta_rad"] == pytest.approx(spacing**-2, rel=5e-3)


def test_no_more_neighbours_than_time_allows():
    """Shells of 12, 6 and 24 atoms are nearer than 2.05 times the nearest distance."""
    atoms = bulk("Cu", cubic=True, a=3.6) * 3
    atoms.rattle(0.05, seed=1)
    dense = structures(atoms)
    cutoff = automatic_parameters(dense, None)["Rc_ang"]
    assert np.sqrt(2) * NEAREST < cutoff < 2.05 * NEAREST
    assert triples_per_atom(dense, cutoff) < 36 * 35 / 2 < triples_per_atom(dense, 2.05 * NEAREST)


def test_hydrogen_does_not_shorten_the_cutoff_of_others():
    water = structures(molecule("CH3CH2OH"))
    assert automatic_parameters(water, 1)["Rc_rad"] == 4.6  # the least
    heavy = structures(Atoms("HXe2", [[0, 0, 0], [0, 0, 1.2], [0, 0, 4.2]]))
    assert automatic_parameters(heavy, 1)["Rc_rad"] == pytest.approx(2.6 * 3.0)
    assert automatic_parameters(heavy, None)["Rc_rad"] == 4.6


def test_a_budget_is_a_number_of_functions():
    few, usual, many = (
        automatic_parameters(COPPER, None, size) for size in ("small", "medium", "large")
    )
    for name in ("RsN_rad", "RsN_ang", "ThetasN", "eta_rad", "zeta"):
        assert few[name] < usual[name] < many[name]
    assert few["Rc_rad"] == usual["Rc_rad"] == many["Rc_rad"]
    assert automatic_parameters(COPPER, None) == usual


def test_of_lone_atoms_there_is_nothing_to_measure():
    found = automatic_parameters(structures(Atoms("H"), Atoms("O")), None)
    assert (found["Rc_rad"], found["Rc_ang"]) == (4.6, 3.1)
