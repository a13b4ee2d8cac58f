"""Derivatives by neighbours in HDF5 files."""

import re

import h5py
import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, hdf5, hdf5_neighbors
from panna_exp.readers.streams import Hdf5Stream

SPECIES = Species(("H", "O"))
SIZES = (3, 1, 2, 4)
WIDTH = 4


def structures(dtype=np.float32):
    random = np.random.default_rng(0)
    return StructureSet.from_structures(
        [
            Structure(
                origin="",
                name=f"s{number}",
                species=np.zeros(size, dtype=int),
                energy=-1.0,
                positions=random.normal(size=(size, 3)),
                descriptors=random.normal(size=(size, WIDTH)).astype(dtype),
            )
            for number, size in enumerate(SIZES)
        ]
    )


def derivatives(sizes, dtype=np.float32, seed=1):
    random = np.random.default_rng(seed)
    dense = [random.normal(size=(size, WIDTH, size, 3)).astype(dtype) for size in sizes]
    return NeighborDerivatives.from_dense(dense, 0.5)


def write(path, dtype=np.float32):
    """Writes in two parts; returns them."""
    parts = [derivatives(SIZES[:3], dtype), derivatives(SIZES[3:], dtype, seed=2)]
    hdf5.write_hdf5(path, structures(dtype), SPECIES, derivatives=iter(parts), negligible=0.5)
    return [part.as_sparse() for part in parts]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_written_is_read_to_the_last_bit(tmp_path, monkeypatch, dtype):
    monkeypatch.setattr(hdf5_neighbors, "_CHUNK", 8)
    first, second = write(tmp_path / "a.h5", dtype)
    read = hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True)).derivatives
    for name in ("values", "rows", "columns"):
        expected = np.concatenate([getattr(first, name), getattr(second, name)])
        np.testing.assert_array_equal(getattr(read, name), expected)
        assert getattr(read, name).dtype == expected.dtype
    assert read.starts.tolist() == [*first.starts, first.starts[-1] + second.starts[-1]]
    with h5py.File(tmp_path / "a.h5") as file:
        group = file["derivatives"]
        assert {name: group[name].dtype for name in ("atoms", "neighbors")} == {
            "atoms": np.uint8,
            "neighbors": np.uint8,
        }
        assert group.attrs["negligible"] == 0.5
        assert all(group[name].fletcher32 for name in group)


def test_some_structures_are_those_of_all(tmp_path):
    write(tmp_path / "a.h5")
    everything = hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True)).derivatives
    stream = Hdf5Stream(tmp_path / "a.h5", SPECIES, derivatives=True, sparse=None)
    for chosen in ([0], [2], [1, 2], [0, 3], [3]):
        part = stream.read(np.array(chosen)).derivatives
        for index, number in enumerate(chosen):
            found = part.matrix(index, SIZES[number], WIDTH)
            expected = everything.matrix(number, SIZES[number], WIDTH)
            np.testing.assert_array_equal(found, expected)


def test_converting_changes_no_bit(tmp_path):
    """What is read and written again is in the layout of any sparse derivatives."""
    write(tmp_path / "a.h5")
    read = hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True))
    hdf5.write_hdf5(tmp_path / "b.h5", read, SPECIES)
    again = hdf5.read(tmp_path / "b.h5", SPECIES, ReadOptions(derivatives=True)).derivatives
    for name in ("values", "rows", "columns", "starts"):
        np.testing.assert_array_equal(getattr(again, name), getattr(read.derivatives, name))


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("values", lambda v: v[:, :2], "'derivatives/values' has the shape (77, 2) from there on"),
        ("values", lambda v: v * np.nan, "structure 0 's0': derivatives are not finite numbers"),
        ("atoms", lambda v: v[:-1], "'derivatives/atoms' has the shape (76,) from there on, exp"),
        ("atoms", lambda v: v + 3, "'s0': 'derivatives/atoms' numbers an atom that it does not"),
        ("neighbors", lambda v: v[:, 1:], "'derivatives/neighbors' has the shape (10, 3) from"),
        ("neighbors", lambda v: v[::-1], "'s0': 'derivatives/neighbors' counts"),
        ("starts", lambda v: v[:-1], "'derivatives/starts' does not divide 77 values among 4"),
        ("atoms", None, "the data set 'derivatives/atoms' is missing"),
    ],
)
def test_wrong_content_is_named(tmp_path, name, change, message):
    write(tmp_path / "a.h5")
    with h5py.File(tmp_path / "a.h5", "a") as file:
        values = file["derivatives"][name][()]
        del file["derivatives"][name]
        if change is not None:
            file["derivatives"][name] = change(values)
    with pytest.raises(DataError, match=re.escape(message)):
        hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True))
