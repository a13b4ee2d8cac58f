import numpy as np
import pytest

from panna_exp.data.overlaps import OVERLAP, overlapping
from panna_exp.data.structures import Structure, StructureSet


def packed(*rows):
    """Structures of (positions, cell or None)."""
    return StructureSet.from_structures(
        Structure(
            origin="x",
            name="",
            species=np.zeros(len(places), dtype=int),
            energy=0.0,
            positions=np.array(places, dtype=float),
            cell=np.zeros((3, 3)) if cell is None else np.array(cell, dtype=float),
            pbc=np.full(3, cell is not None),
        )
        for places, cell in rows
    )


LEANING = [[4, 0, 0], [3, 4, 0], [0, -2, 4]]


@pytest.mark.parametrize(
    ("places", "cell", "pair"),
    [
        ([[0, 0, 0], [1, 0, 0], [1, 0, 0]], None, (1, 2, 0.0)),
        ([[0, 0, 0], [1, 0, 0], [0, 0.06, 0]], None, (0, 2, 0.06)),
        ([[0, 0, 0], [0, 0, 0.11]], None, None),
        ([[0.01, 1, 1], [3.97, 1, 1]], 4 * np.eye(3), (0, 1, 0.04)),
        ([[0.01, 1, 1], [3.97, 1, 1]], None, None),
        ([[0, 0, 0], [7, 2, 4]], LEANING, (0, 1, 0.0)),  # a sum of the three vectors
        ([[0, 0, 0], [-3.96, 0, 0]], LEANING, (0, 1, 0.04)),
        ([[0, 0, 0], [2, 0, 0]], LEANING, None),
        ([[0, 0, 0]], [[0.05, 0, 0], [0, 4, 0], [0, 0, 4]], (0, 0, 0.05)),
    ],
)
def test_atoms_at_one_place(places, cell, pair):
    far = [[0, 0, 0], [5, 5, 5]]
    found = next(overlapping(packed((far, None), (places, cell))), None)
    if pair is None:
        assert found is None
    else:
        assert found[:3] == (1, *pair[:2])
        assert found[3] == pytest.approx(pair[2], abs=1e-12)


def test_as_all_pairs_find_them(monkeypatch):
    monkeypatch.setattr("panna_exp.data.overlaps._ATOMS", 50)
    random = np.random.default_rng(0)
    places = [random.uniform(0, 2.0, (40, 3)) for _ in range(8)]
    found = {item[:3] for item in overlapping(packed(*((p, None) for p in places)))}
    distances = [np.linalg.norm(p[:, None] - p, axis=2) for p in places]
    expected = {
        (s, int(i), int(j))
        for s, matrix in enumerate(distances)
        for i, j in np.argwhere(np.triu(matrix < OVERLAP, 1))
    }
    assert found == expected
    assert len(found) > 3


def test_without_positions_there_is_nothing_to_see():
    item = Structure(origin="x", name="", species=np.zeros(2, dtype=int), energy=0.0)
    assert list(overlapping(StructureSet.from_structures([item]))) == []
