import dataclasses

import numpy as np
import pytest
import torch

from panna_exp.descriptors import neighbors
from panna_exp.descriptors.geometry import build_geometry
from panna_exp.descriptors.neighbors import neighbor_pairs
from panna_exp.errors import DataError

CPU = torch.device("cpu")
NAMES = (
    *("molecule", "crystal", "outside", "small cell", "slab", "chain", "flags"),
    *("atom", "far apart", "line"),
)


def brute_force(structure, cutoff):
    """Sorted rows (centre, neighbour, vector) of all pairs."""
    reach = [np.arange(-9, 10) if flag else np.zeros(1) for flag in structure.pbc]
    shifts = np.stack(np.meshgrid(*reach, indexing="ij"), -1).reshape(-1, 3) @ structure.cell
    vectors = (
        structure.positions[None, :, None] - structure.positions[:, None, None] + shifts
    )  # [centre, neighbour, image, 3]
    distance = np.linalg.norm(vectors, axis=-1)
    center, neighbor, image = np.nonzero((distance < cutoff) & (distance > 1e-8))
    return sort_rows(np.column_stack([center, neighbor, vectors[center, neighbor, image]]))


def sort_rows(rows):
    return rows[np.lexsort(rows.round(7).T[::-1])]


def found_rows(structures, cutoff):
    center, neighbor, shift = neighbor_pairs(structures, cutoff)
    vectors = structures.positions[neighbor] + shift - structures.positions[center]
    return sort_rows(np.column_stack([center, neighbor, vectors]))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("cutoff", [1.9, 4.6])
@pytest.mark.parametrize("all_pairs", [0, 80])
def test_pairs_are_those_of_brute_force(environments, pack, monkeypatch, name, cutoff, all_pairs):
    monkeypatch.setattr(neighbors, "ALL_PAIRS_ATOMS", all_pairs)
    structure = environments[name]
    expected = brute_force(structure, cutoff)
    found = found_rows(pack(structure), cutoff)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_random_cells_of_any_shape_agree_with_brute_force(make, pack):
    rng = np.random.default_rng(3)
    for _ in range(40):
        cell = rng.normal(0, 1, (3, 3)) + np.diag(rng.uniform(2, 5, 3))
        periodic = rng.random(3) < 0.7
        positions = rng.uniform(-9, 9, (rng.integers(1, 5), 3))
        structure = make(positions, cell=cell, pbc=periodic)
        expected = brute_force(structure, 3.0)
        found = found_rows(pack(structure), 3.0)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_batch_is_its_structures_one_after_the_other(environments, pack):
    batch = pack(*environments.values())
    center, neighbor, shift = neighbor_pairs(batch, 3.6)
    assert (np.diff(center) >= 0).all()
    for index, structure in enumerate(environments.values()):
        start, stop = batch.offsets[index], batch.offsets[index + 1]
        mine = (center >= start) & (center < stop)
        alone = neighbor_pairs(pack(structure), 3.6)
        np.testing.assert_array_equal(center[mine] - start, alone[0])
        np.testing.assert_array_equal(neighbor[mine] - start, alone[1])
        np.testing.assert_array_equal(shift[mine], alone[2])


def test_pairs_and_triples_are_sorted_into_rows(environments, pack):
    batch = pack(*environments.values())
    geometry = build_geometry(batch, 2, 3.6, 2.9, CPU)
    species = batch.species
    center, neighbor = geometry.center.numpy(), geometry.neighbor.numpy()
    first, second = geometry.first.numpy(), geometry.second.numpy()
    pair_rows, triple_rows = geometry.pair_rows.numpy(), geometry.triple_rows.numpy()
    vectors = batch.positions[neighbor] + geometry.shift.numpy() - batch.positions[center]
    distance = np.linalg.norm(vectors, axis=1)

    for atom in range(len(species)):
        for s in range(2):
            mine = slice(pair_rows[2 * atom + s], pair_rows[2 * atom + s + 1])
            assert (center[mine] == atom).all()
            assert (species[neighbor[mine]] == s).all()
        for u, (s, t) in enumerate(((0, 0), (0, 1), (1, 1))):
            mine = slice(triple_rows[3 * atom + u], triple_rows[3 * atom + u + 1])
            near = [
                np.sum((center == atom) & (distance < 2.9) & (species[neighbor] == x))
                for x in (s, t)
            ]
            expected = near[0] * near[1] if s != t else near[0] * (near[0] - 1) // 2
            assert mine.stop - mine.start == expected
            for one, x in ((first[mine], s), (second[mine], t)):
                assert (center[one] == atom).all()
                assert (species[neighbor[one]] == x).all()
                assert (distance[one] < 2.9).all()
    assert pair_rows[-1] == geometry.pairs_until[-1] == len(center)
    assert triple_rows[-1] == geometry.triples_until[-1] == len(first)
    assert len({*zip(first.tolist(), second.tolist(), strict=True)}) == len(first)
    np.testing.assert_array_equal(
        geometry.structure.numpy(), np.repeat(np.arange(len(batch)), batch.num_atoms)
    )


def test_coinciding_images_and_atoms_are_no_neighbours(make, pack):
    doubled = make([[0, 0, 0], [0, 0, 0], [1, 0, 0]])
    in_cell = make([[0, 0, 0], [4, 0, 0], [1, 0, 0]], cell=np.eye(3) * 4)
    for structure in (doubled, in_cell):
        center, neighbor, shift = neighbor_pairs(pack(structure), 1.5)
        at_origin = neighbor[center == 0]
        np.testing.assert_array_equal(at_origin, [2])
        assert len(center) == 4
        assert len(shift) == 4


def test_the_order_is_the_same_every_time(environments, pack):
    one = neighbor_pairs(pack(environments["crystal"]), 4.6)
    other = neighbor_pairs(pack(environments["crystal"]), 4.6)
    for left, right in zip(one, other, strict=True):
        np.testing.assert_array_equal(left, right)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ([[3, 0, 0], [6, 0, 0], [0, 0, 3]], "lie in one plane or line, expected 3 independent"),
        ([[3, 0, 0], [3, 0, 0], [0, 0, 0]], "lie in one plane or line, expected 2 independent"),
        ([[0.1, 0, 0], [0, 0.1, 0], [0, 0, 0.1]], "the cell is too small: .* images of each"),
    ],
)
def test_cells_that_make_no_crystal_are_refused(make, pack, cell, message):
    good = make([[0, 0, 0]], origin="a.example")
    bad = make([[0, 0, 0]], cell=cell, origin="b.example")
    with pytest.raises(DataError, match=f"^b.example: .*{message}"):
        neighbor_pairs(pack(good, bad), 4.6)


def test_far_too_many_neighbours_are_refused(make, pack):
    rng = np.random.default_rng(0)
    good = make([[0, 0, 0]], origin="a.example")
    bad = make(rng.uniform(0, 1, (400, 3)), origin="b.example")
    with pytest.raises(DataError, match=r"b.example: atom \d+ has 399 neighbours within 3 angst"):
        neighbor_pairs(pack(good, bad), 3.0)


def test_structures_without_positions_are_refused(make, pack):
    structure = make([[0, 0, 0]], origin="train-1.tfrecord, record 0")
    object.__setattr__(structure, "positions", None)
    with pytest.raises(DataError, match=r"train-1.tfrecord, record 0: has no positions"):
        build_geometry(pack(structure), 1, 3.0, 3.0, CPU)


def test_species_the_descriptor_does_not_name_are_refused(make, pack):
    structures = pack(make([[0, 0, 0]]), make([[0, 0, 0], [1, 0, 0]], [0, 2], origin="b.example"))
    with pytest.raises(
        DataError, match=r"b.example: atom 1 has the species index 2, expected 0 to"
    ):
        build_geometry(structures, 2, 3.0, 3.0, CPU)


def test_positions_beyond_all_reason_are_refused(make, pack):
    structures = pack(make([[0, 0, 0]]), make([[0, 0, 0], [0, 2e7, 0]], origin="b.example"))
    with pytest.raises(
        DataError, match=r"b.example: atom 1 is at \[0.0, 20000000.0, 0.0\] angstrom"
    ):
        build_geometry(structures, 1, 3.0, 3.0, CPU)


@pytest.mark.parametrize("name", ["slab", "chain", "molecule"])
@pytest.mark.parametrize("distance", [1e3, 1e5, 9e6])
def test_an_atom_far_away_costs_nothing(environments, pack, monkeypatch, name, distance):
    monkeypatch.setattr(neighbors, "ALL_PAIRS_ATOMS", 0)
    structure = environments[name]
    expected = found_rows(pack(structure), 3.6)
    for direction in np.eye(3):
        positions = np.vstack([structure.positions, distance * direction])
        far = dataclasses.replace(
            structure, positions=positions, species=np.append(structure.species, 0)
        )
        with_atom = found_rows(pack(far), 3.6)
        alone = len(structure.species)
        old = (with_atom[:, 0] < alone) & (with_atom[:, 1] < alone)
        np.testing.assert_allclose(with_atom[old], expected, atol=1e-12)
        if name == "molecule":
            assert old.all()
