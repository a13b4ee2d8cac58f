from dataclasses import replace

import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.errors import DataError


def make(number=0, species=(0, 1), forces=True, **changes):
    """A structure whose numbers all depend on ``number``."""
    size = len(species)
    values = {
        "origin": f"file, structure {number}",
        "name": f"s{number}",
        "species": np.array(species, dtype=np.int64),
        "energy": -2000.123456789 - number,
        "positions": np.arange(3.0 * size).reshape(size, 3) + number,
        "forces": np.full((size, 3), number + 0.5) if forces else None,
        "descriptors": np.full((size, 4), number, dtype=np.float32),
        "cell": np.eye(3) * (5 + number),
        "pbc": np.array([True, True, number > 0]),
    }
    return Structure(**(values | changes))


def make_set():
    return StructureSet.from_structures(
        [make(0), make(1, (2,), forces=False), make(2, (1, 1, 0))], {"type": "unknown", "size": 4}
    )


def test_packing():
    found = make_set()
    assert len(found) == 3
    assert found.offsets.tolist() == [0, 2, 3, 6]
    assert found.num_atoms.tolist() == [2, 1, 3]
    assert found.species.tolist() == [0, 1, 2, 1, 1, 0]
    assert found.energy.dtype == np.float64
    assert found.energy[2] == -2002.123456789
    assert found.positions[3].tolist() == [2, 3, 4]
    assert np.isnan(found.forces[2]).all()
    assert found.forces[3:].tolist() == [[2.5] * 3] * 3
    assert found.descriptors[:, 0].tolist() == [0, 0, 1, 2, 2, 2]
    assert found.pbc[:, 2].tolist() == [False, True, True]
    assert found.counts(3).tolist() == [[1, 1, 0], [0, 0, 1], [1, 2, 0]]


def test_without_any_forces_there_is_no_array():
    assert StructureSet.from_structures([make(forces=False)]).forces is None


def test_select_reorders_and_repeats():
    whole = make_set()
    found = whole.select(np.array([2, 0, 2]))
    assert found.offsets.tolist() == [0, 3, 5, 8]
    assert found.species.tolist() == [1, 1, 0, 0, 1, 1, 1, 0]
    assert list(found.names) == ["s2", "s0", "s2"]
    assert found.origins[1] == "file, structure 0"
    assert found.energy.tolist() == [-2002.123456789, -2000.123456789, -2002.123456789]
    assert found.positions[:, 0].tolist() == [2, 5, 8, 0, 3, 2, 5, 8]
    assert found.forces[:, 0].tolist() == [2.5] * 3 + [0.5] * 2 + [2.5] * 3
    assert found.cell[:, 0, 0].tolist() == [7, 5, 7]
    assert found.descriptor_info == whole.descriptor_info


def test_selecting_nothing():
    found = make_set().select(np.array([], dtype=np.int64))
    assert len(found) == 0
    assert found.offsets.tolist() == [0]
    assert found.descriptors.shape == (0, 4)


def test_parts_joined_are_the_whole():
    whole = make_set()
    parts = [whole.select(np.array(which)) for which in ([0], [1, 2])]
    found = StructureSet.concatenate(parts)
    for name in ("offsets", "species", "energy", "positions", "cell", "pbc", "descriptors"):
        np.testing.assert_array_equal(getattr(found, name), getattr(whole, name))
    np.testing.assert_array_equal(found.forces, whole.forces)
    assert list(found.names) == list(whole.names)
    assert list(found.origins) == list(whole.origins)
    assert found.descriptor_info == whole.descriptor_info


def test_joining_a_part_without_forces_leaves_them_missing():
    bare = StructureSet.from_structures([make(1, forces=False)])
    found = StructureSet.concatenate([StructureSet.from_structures([make(2)]), bare])
    assert np.isnan(found.forces[2:]).all()
    assert not np.isnan(found.forces[:2]).any()
    assert StructureSet.concatenate([bare, bare]).forces is None


def test_joining_keeps_what_lost_its_zero_forces():
    parts = [replace(make_set(), zero_forces=(name,)) for name in ("a", "b")]
    assert StructureSet.concatenate(parts).zero_forces == ("a", "b")


def test_one_part_is_itself():
    only = make_set()
    assert StructureSet.concatenate([only]) is only


@pytest.mark.parametrize("build", [StructureSet.from_structures, StructureSet.concatenate])
def test_nothing_to_read(build):
    with pytest.raises(DataError, match="there are no structures to read"):
        build([])


@pytest.mark.parametrize("name", ["positions", "descriptors"])
def test_some_with_and_some_without(name):
    items = [make(0), make(1), make(2, **{name: None}), make(3)]
    message = rf"^file, structure 2: has no {name}, but others .* have \(1 of 4 lack them\)$"
    with pytest.raises(DataError, match=message):
        StructureSet.from_structures(items)
    with pytest.raises(DataError, match=message):
        StructureSet.concatenate([StructureSet.from_structures([item]) for item in items])


def test_different_numbers_of_components():
    items = [make(0), make(1, descriptors=np.ones((2, 5), dtype=np.float32))]
    message = "^file, structure 1: descriptors have 5 components, but those of file, structure 0"
    with pytest.raises(DataError, match=message):
        StructureSet.from_structures(items)
    with pytest.raises(DataError, match=message):
        StructureSet.concatenate([StructureSet.from_structures([item]) for item in items])


def test_a_good_structure_passes_its_check():
    good = make()
    assert good.check() is good


def with_nan(array):
    array = array.copy()
    array[1, 0] = np.nan
    return array


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"species": np.array([], dtype=np.int64)}, "has no atoms"),
        ({"energy": np.inf}, "the energy is inf, expected a finite number"),
        ({"positions": np.ones((2, 2))}, r"positions have the shape \(2, 2\), expected \(2, 3\)"),
        ({"forces": np.ones((3, 3))}, r"forces have the shape \(3, 3\), expected \(2, 3\)"),
        ({"descriptors": np.ones(2)}, r"descriptors have the shape \(2,\), expected \(2, D\)"),
        ({"positions": with_nan(np.ones((2, 3)))}, "positions of atom 1 are not finite numbers"),
        ({"forces": with_nan(np.ones((2, 3)))}, "forces of atom 1 are not finite numbers"),
        ({"descriptors": with_nan(np.ones((2, 9)))}, "descriptors of atom 1 are not finite"),
        ({"cell": with_nan(np.eye(3))}, "the lattice vectors are not finite numbers"),
    ],
)
def test_what_is_wrong_with_a_structure_is_named(changes, message):
    with pytest.raises(DataError, match=f"^file, structure 7: {message}"):
        replace(make(7), **changes).check()
