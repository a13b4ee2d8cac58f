"""Which structures share a file of precomputed descriptors, and which files are of other data."""

import numpy as np
import pytest

from panna_exp.assembly import precompute_files
from panna_exp.assembly.precompute_files import (
    are_numbered,
    check_division,
    check_finished_bin,
    check_finished_hdf5,
    divide,
    file_name,
    result_bytes,
)
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.readers.panna_bin import BinStructure, write_bin


def structures(energy=-1.5):
    items = [
        Structure(origin=f"s{n}", name="", species=np.array([0, 1]), energy=energy - n)
        for n in range(2)
    ]
    return StructureSet.from_structures(items)


def test_small_data_are_one_file():
    (only,) = divide(np.full(900, 1e4))
    assert only.tolist() == list(range(900))


@pytest.mark.parametrize(
    ("count", "weight", "most"),
    [
        (2500, 1.0, 1000),  # never more than 1,000 structures
        (600, 1e5, 160),  # 16 MB where there is little
        (4000, 1e6, 62),  # 64 files where there is more
        (50_000, 1e6, 500),  # 0.5 GB where there is much
        (3, 1e9, 1),  # a structure at least
    ],
)
def test_files_are_limited_by_structures_and_bytes(count, weight, most):
    parts = divide(np.full(count, weight))
    assert np.array_equal(np.concatenate(parts), np.arange(count))
    assert max(map(len, parts)) == most
    assert {len(part) for part in parts[:-1]} <= {most}


def test_sizes_grow_with_what_is_stored():
    atoms = np.array([10, 100])
    none, sparse, dense = (result_bytes(atoms, 240, 8, d) for d in ("none", "sparse", "dense"))
    assert none.tolist() == [8 * 240 * 10, 8 * 240 * 100]
    assert dense.tolist() == [8 * 240 * 10 * 31, 8 * 240 * 100 * 301]
    assert (none < sparse).all()
    assert sparse[1] < dense[1]


def test_files_of_another_division_are_refused(tmp_path):
    names = [file_name(number, 2) for number in (1, 2)]
    (tmp_path / names[0]).touch()
    check_division(tmp_path, names)
    (tmp_path / "descriptors-1-1.h5").touch()
    with pytest.raises(DataError, match=r"descriptors-1-1\.h5: is none of the 2 files"):
        check_division(tmp_path, names)


def test_finished_files_are_counted(tmp_path):
    write_hdf5(tmp_path / "a.h5", structures(), Species(("H", "O")))
    check_finished_hdf5(tmp_path / "a.h5", 2)
    with pytest.raises(DataError, match=r"a\.h5: has 2 structures, expected 3: choose another"):
        check_finished_hdf5(tmp_path / "a.h5", 3)


def test_bin_files_are_compared_by_energy_and_species(tmp_path):
    path = tmp_path / "a.bin"
    stored = BinStructure(
        energy=-2078.123456789, species=np.array([0, 1]), descriptors=np.ones((2, 3), np.float32)
    )
    write_bin(path, stored)
    check_finished_bin(path, structures(-2078.123456789), 0)
    message = r"a\.bin: is there already, but of another structure than s1 \(the energy -2078"
    with pytest.raises(DataError, match=message):
        check_finished_bin(path, structures(-2078.123456789), 1)
    other = structures(-2078.123456789)
    other.species[:] = 0
    with pytest.raises(DataError, match="other species or another number of atoms"):
        check_finished_bin(path, other, 0)


def test_names_that_are_numbers_of_ours():
    assert not are_numbered(["a", "b.c"])
    assert are_numbered(["a", ""])
    assert are_numbered([".c"])
    assert precompute_files.keys_of(structures()) == ["structure_0", "structure_1"]
