"""What files hold besides what is read of them unasked."""

from dataclasses import replace

import numpy as np
import pytest

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.readers.contents import stored_parts
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, read_header, write_bin
from panna_exp.readers.tfrecord import encode_example, write_records
from panna_exp.writers import save_structures

SPECIES = Species(("H", "O"))
DENSE = np.arange(24, dtype=np.float32).reshape(2, 2, 2, 3)


def stored(**parts):
    values = np.ones((2, 2), dtype=np.float32)
    return BinStructure(energy=-1.5, species=np.array([0, 1]), descriptors=values, **parts)


def test_bin_files(tmp_path):
    sparse = SparseDerivatives(
        values=np.array([2.0, 3.0], dtype=np.float32),
        rows=np.array([0, 3]),
        columns=np.array([5, 1]),
    )
    for number, parts in enumerate(
        ({}, {"derivatives": DENSE}, {"derivatives": sparse, "per_atom": np.ones(2, np.float32)})
    ):
        write_bin(tmp_path / f"{number}.bin", stored(**parts))
    found = [stored_parts(tmp_path / f"{number}.bin", "bin") for number in range(3)]
    assert found == [set(), {"derivatives"}, {"derivatives", "per-atom quantities"}]
    header = read_header(tmp_path / "1.bin")
    assert (header.energy, header.species.tolist()) == (-1.5, [0, 1])
    read = ReadOptions(derivatives=True)
    one, two = (
        open_structures([str(tmp_path / f"{n}.bin")], SPECIES, options=read).structures
        for n in (1, 2)
    )
    assert np.array_equal(one.derivatives.values, DENSE.ravel())
    matrix = two.derivatives.matrix(0, 2, 2)
    assert np.array_equal(matrix, sparse.dense(2, 2).reshape(4, 6))
    assert open_structures([str(tmp_path / "1.bin")], SPECIES).structures.derivatives is None
    (tmp_path / "3.bin").write_bytes(b"short")
    with pytest.raises(DataError, match=r"3\.bin: has 5 bytes: it is truncated"):
        stored_parts(tmp_path / "3.bin", "bin")


def test_tfrecords(tmp_path):
    features = {"energy": np.ones(1), "species": np.array([0]), "gvects": np.ones(2)}
    for name, more in (
        ("a", {}),
        ("b", {"dgvects": np.ones(6), "per_atom_quantity": np.ones(1)}),
        ("c", {"dgvect_values": np.ones(1)}),
    ):
        write_records(tmp_path / name, [encode_example(features | more)])
    found = [stored_parts(tmp_path / name, "tfrecord") for name in "abc"]
    assert found == [set(), {"derivatives", "per-atom quantities"}, {"derivatives"}]


def test_our_own_files(tmp_path):
    structure = Structure(
        origin="", name="", species=np.array([0, 1]), energy=0.0, descriptors=np.ones((2, 2))
    )
    plain = StructureSet.from_structures([structure])
    save_structures(tmp_path / "a.h5", plain, SPECIES, "hdf5")
    assert stored_parts(tmp_path / "a.h5", "hdf5") == set()
    derived = replace(plain, derivatives=Derivatives.from_dense([DENSE]))
    save_structures(tmp_path / "b.h5", derived, SPECIES, "hdf5")
    assert stored_parts(tmp_path / "b.h5", "hdf5") == {"derivatives"}
