import numpy as np
import pytest

from panna_exp.data.checks import check_forces, duplicates, isolated_atoms
from panna_exp.data.structures import Structure, StructureSet

PLACES = np.array([[0.0, 0, 0], [0, 0, 1.0]])


def structure(energy=-1.0, places=PLACES, species=(0, 1), **values):
    return Structure(
        origin="x", name="", species=np.array(species), energy=energy, positions=places, **values
    )


def packed(*items):
    return StructureSet.from_structures(items)


def test_structures_that_are_there_twice():
    cell = {"cell": 9 * np.eye(3), "pbc": np.ones(3, dtype=bool)}
    found = duplicates(
        packed(
            structure(),
            structure(energy=-2.0),  # another energy does not make another structure
            structure(places=-PLACES),
            structure(places=np.array([[-0.0, 0, 0], [0, 0, 1.0]])),
            structure(species=(1, 0)),
            structure(**cell),
            structure(**cell),
            structure(places=PLACES + 1e-12),
        )
    )
    assert found.tolist() == [1, 3, 6]
    assert duplicates(packed(structure(places=None), structure(places=None))).tolist() == []


def test_isolated_atoms():
    atom = {"places": PLACES[:1], "species": (0,)}
    crystal = {"cell": np.eye(3), "pbc": np.ones(3, dtype=bool)}
    found = isolated_atoms(packed(structure(), structure(**atom), structure(**atom, **crystal)))
    assert found.tolist() == [1]


def forces(*rows):
    return np.array(rows, dtype=float)


def test_forces_that_are_odd():
    usual = forces([0, 0, 1.0], [0, 0, -1.0])
    found = check_forces(
        packed(
            structure(),  # has none
            structure(forces=usual),
            structure(forces=usual * 0.9),
            structure(forces=usual * 0),
            structure(forces=forces([0, 0, 1.0], [0, 0, -0.97])),
            structure(forces=forces([0, 0, 1.0], [0, 0, -0.99])),
            structure(forces=usual * 10.5),
        )
    )
    assert found.with_forces.tolist() == [1, 2, 3, 4, 5, 6]
    assert found.zero.tolist() == [3]
    assert found.net.tolist() == [4]
    assert found.outliers.tolist() == [6]
    assert (found.smallest, found.largest) == (0, 10.5)
    assert check_forces(packed(structure())) is None


@pytest.mark.parametrize("factor", [1.0, -1.0, 27.2])
def test_energies_against_forces(factor):
    """A spring: energies of neighbours are half its constant times the stretch squared."""
    lengths = np.linspace(0.8, 1.4, 9)
    items = []
    for length in lengths:
        pull = factor * 3.0 * (length - 1)
        items.append(
            structure(
                energy=1.5 * (length - 1) ** 2,
                places=PLACES * length,
                forces=forces([0, 0, pull], [0, 0, -pull]),
            )
        )
    found = check_forces(packed(*items))
    assert found.num_pairs == 8
    assert found.slope == pytest.approx(1 / factor, rel=1e-12)


def test_structures_that_are_no_neighbours_are_not_compared():
    pull = forces([0, 0, 1.0], [0, 0, -1.0])
    far = [structure(places=PLACES * k, forces=pull) for k in range(1, 9)]
    others = [structure(species=(k % 2, 1), forces=pull) for k in range(9)]
    same = [structure(forces=pull) for _ in range(9)]
    for items in (far, others, same):
        found = check_forces(packed(*items))
        assert (found.num_pairs, found.slope) == (0, None)
