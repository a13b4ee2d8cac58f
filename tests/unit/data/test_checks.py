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
    far = {"cell": 12 * np.eye(3), "pbc": np.ones(3, dtype=bool)}
    # A vector that leans back to the first one: the image is 1 angstrom away.
    leaning = {"cell": np.array([[12.0, 0, 0], [12, 1, 0], [0, 0, 12]]), "pbc": far["pbc"]}
    found = isolated_atoms(
        packed(
            structure(),
            structure(**atom),
            structure(**atom, **crystal),
            structure(**atom, **far),
            structure(**atom, **leaning),
            structure(**atom, **crystal, config_type="IsolatedAtom"),
        )
    )
    assert found.tolist() == [1, 3, 5]


def test_formats_without_positions_do_not_say_what_repeats():
    atom = {"places": None, "species": (0,)}
    items = packed(structure(**atom), structure(**atom, config_type="isolated_atom"))
    assert isolated_atoms(items).tolist() == [1]


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


@pytest.mark.parametrize(
    ("factor", "unit"),
    [(1.0, None), (-1.0, None), (1 / 51.422, "Ha/bohr"), (-1 / 51.422, "Ha/bohr"), (3.3, None)],
)
def test_energies_against_forces(factor, unit):
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
    assert found.agreement.num_pairs == 8
    assert found.agreement.slope == pytest.approx(1 / factor, rel=1e-12)
    assert found.agreement.agrees == (factor == 1)
    assert found.agreement.unit == unit


def test_structures_in_any_order_are_compared_with_the_nearest_ones():
    lengths = np.linspace(0.8, 1.4, 12)[[0, 6, 1, 7, 2, 8, 3, 9, 4, 10, 5, 11]]
    items = [
        structure(
            energy=1.5 * (length - 1) ** 2,
            places=PLACES * length,
            forces=forces([0, 0, 6.0 * (length - 1)], [0, 0, -6.0 * (length - 1)]),
        )
        for length in lengths
    ]
    found = check_forces(packed(*items)).agreement
    assert found.slope == pytest.approx(0.5)
    assert found.mistake("forces") == (
        f"energy differences of {found.num_pairs} pairs of structures say that the forces are 2 "
        "times too large"
    )


def test_differences_that_lie_on_no_line_give_no_verdict():
    random = np.random.default_rng(0)
    items = [
        structure(
            energy=random.normal(),
            places=PLACES * length,
            forces=forces([0, 0, length - 1], [0, 0, 1 - length]),
        )
        for length in np.linspace(0.8, 1.4, 20)
    ]
    assert check_forces(packed(*items)).agreement is None


def test_structures_that_are_no_neighbours_are_not_compared():
    pull = forces([0, 0, 1.0], [0, 0, -1.0])
    far = [structure(places=PLACES * k, forces=pull) for k in range(1, 9)]
    others = [structure(species=(k % 2, 1), forces=pull) for k in range(9)]
    same = [structure(forces=pull) for _ in range(9)]
    for items in (far, others, same):
        found = check_forces(packed(*items))
        assert found.agreement is None
