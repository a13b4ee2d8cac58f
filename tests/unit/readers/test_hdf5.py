from dataclasses import replace

import h5py
import numpy as np
import pytest

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import hdf5

SPECIES = Species(("H", "O"))


def make_set(periodic=False, descriptors=False):
    random = np.random.default_rng(0)
    items = []
    for number, species in enumerate(([0, 1, 0], [1], [0, 0])):
        size = len(species)
        items.append(
            Structure(
                origin="",
                name=f"s{number}",
                species=np.array(species),
                energy=random.normal() - 2000,
                positions=random.normal(size=(size, 3)),
                forces=random.normal(size=(size, 3)) if number else None,
                cell=np.eye(3) * 5 if periodic else np.zeros((3, 3)),
                pbc=np.full(3, periodic),
                descriptors=random.random((size, 4)).astype(np.float32) if descriptors else None,
            )
        )
    info = {"type": "unknown", "size": 4} if descriptors else None
    return StructureSet.from_structures(items, info)


@pytest.fixture
def path(tmp_path):
    hdf5.write_hdf5(tmp_path / "a.h5", make_set(), SPECIES, {"method": "x", "seed": 3})
    return tmp_path / "a.h5"


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("descriptors", [False, True])
def test_everything_reads_back_exactly(tmp_path, periodic, descriptors):
    written = make_set(periodic, descriptors)
    hdf5.write_hdf5(tmp_path / "a.h5", written, SPECIES)
    read = hdf5.read(tmp_path / "a.h5", SPECIES)
    for name in ("offsets", "species", "energy", "positions", "forces", "cell", "pbc"):
        np.testing.assert_array_equal(getattr(read, name), getattr(written, name))
    assert list(read.names) == list(written.names)
    assert read.descriptor_info == written.descriptor_info
    if descriptors:
        np.testing.assert_array_equal(read.descriptors, written.descriptors)


def test_species_are_matched_by_symbol(path):
    read = hdf5.read(path, Species(("C", "O", "H")))
    assert read.species.tolist() == [2, 1, 2, 1, 2, 2]


def test_provenance(path):
    assert hdf5.read_provenance(path) == {"method": "x", "seed": 3}


def test_units_are_converted(path):
    with h5py.File(path, "a") as file:
        file.attrs["length_unit"] = "bohr"
        file.attrs["energy_unit"] = "Ry"
    read, plain = hdf5.read(path, SPECIES), make_set()
    np.testing.assert_allclose(read.positions, plain.positions * 0.52917721067)
    np.testing.assert_allclose(read.energy, plain.energy * 13.6056980659)


def edit(path, key, change):
    with h5py.File(path, "a") as file:
        values = file[key][()]
        del file[key]
        file[key] = change(values)


@pytest.mark.parametrize(
    ("key", "change", "message"),
    [
        ("energy", lambda v: v[:-1], r"'energy' has the shape \(2,\), expected \(3,\)"),
        ("positions", lambda v: v[:, :2], r"'positions' has the shape \(6, 2\), expected \(6, 3\)"),
        ("energy", lambda v: v * np.nan, "structure 0 's0': the energy is nan"),
        ("offsets", lambda v: np.array([0, 3, 3, 6]), "structure 1 's1': has no atoms"),
        ("species", lambda v: v + 1, "atom 1: species index 2, but 2 symbols"),
        ("positions", lambda v: np.full_like(v, np.inf), "positions of atom 0 are not finite"),
    ],
)
def test_wrong_content_is_named(path, key, change, message):
    edit(path, key, change)
    with pytest.raises(DataError, match=message) as caught:
        hdf5.read(path, SPECIES)
    assert str(path) in str(caught.value)


def test_a_symbol_outside_the_list(path):
    with pytest.raises(DataError, match=r"structure 0 's0', atom 1: species 'O' is not in"):
        hdf5.read(path, Species(("H", "C")))


def test_other_files(path, tmp_path):
    other = tmp_path / "b.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match=r"has format None, expected 'panna_exp\.structures'"):
        hdf5.read(other, SPECIES)
    other.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match="is not a readable HDF5 file"):
        hdf5.read(other, SPECIES)
    with h5py.File(path, "a") as file:
        file.attrs["format_version"] = 9
    with pytest.raises(DataError, match="has format version 9, this program reads 1"):
        hdf5.read(path, SPECIES)
    with pytest.raises(DataError, match="no such file"):
        hdf5.read(tmp_path / "c.h5", SPECIES)


def test_a_flipped_bit_in_the_data_fails_the_checksum(path):
    content = bytearray(path.read_bytes())
    place = content.find(make_set().positions.tobytes())
    assert place > 0
    content[place + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="is damaged or incomplete"):
        hdf5.read(path, SPECIES)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        hdf5.write_hdf5(path, replace(make_set()), SPECIES)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["a.h5"]
