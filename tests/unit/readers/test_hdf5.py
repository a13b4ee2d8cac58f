import re
from dataclasses import dataclass, fields, replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, hdf5
from panna_exp.readers.streams import Hdf5Stream

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


def test_virials_read_back_in_the_files_unit(tmp_path):
    virial = np.random.default_rng(1).normal(size=(3, 3, 3))
    virial[1] = np.nan
    hdf5.write_hdf5(tmp_path / "a.h5", replace(make_set(), virial=virial), SPECIES)
    np.testing.assert_array_equal(hdf5.read(tmp_path / "a.h5", SPECIES).virial, virial)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file.attrs["energy_unit"] = "Ha"
        file["virial"][2, 0, 0] = np.inf
    with pytest.raises(DataError, match="structure 2 's2': the virial is not finite numbers"):
        hdf5.read(tmp_path / "a.h5", SPECIES)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        file["virial"][2, 0, 0] = virial[2, 0, 0]
    found = hdf5.read(tmp_path / "a.h5", SPECIES).virial
    np.testing.assert_allclose(found, virial * 27.211386, rtol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_derivatives_read_back_exactly_where_asked_for(tmp_path, sparse, dtype):
    written = make_derivatives(dtype, sparse)
    hdf5.write_hdf5(tmp_path / "a.h5", written, SPECIES)
    assert hdf5.read(tmp_path / "a.h5", SPECIES).derivatives is None
    read = hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True))
    np.testing.assert_array_equal(read.descriptors, written.descriptors)
    assert read.descriptors.dtype == dtype
    for name in ("values", "starts", "rows", "columns"):
        found, expected = getattr(read.derivatives, name), getattr(written.derivatives, name)
        assert (found is None) == (expected is None)
        if expected is not None:
            np.testing.assert_array_equal(found, expected)
            assert found.dtype == expected.dtype


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("values", lambda v: v[:-1], "does not divide 83 values among 3 structures"),
        ("values", lambda v: v * np.nan, "structure 0 's0': derivatives are not finite"),
        ("starts", lambda v: v[::-1], "'derivatives/starts' does not divide"),
        ("rows", lambda v: v + 12, "structure 0 's0': 'derivatives/rows' has the value"),
        ("rows", lambda v: v[:-1], "'derivatives/rows' has 83 values, expected 84"),
        (
            "columns",
            lambda v: v.astype(int) - 1,
            "'derivatives/columns' has the value -1, expected 0 to 8",
        ),
    ],
)
def test_wrong_derivatives_are_named(tmp_path, name, change, message):
    structures = make_derivatives(np.float32, sparse=True)
    assert len(structures.derivatives.values) == 84
    hdf5.write_hdf5(tmp_path / "a.h5", structures, SPECIES)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        values = change(file["derivatives"][name][()])
        del file["derivatives"][name]
        file["derivatives"][name] = values
    with pytest.raises(DataError, match=re.escape(message)):
        hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True))


def test_dense_derivatives_of_another_size(tmp_path):
    structures = make_derivatives(np.float32, sparse=False)
    hdf5.write_hdf5(tmp_path / "a.h5", structures, SPECIES)
    with h5py.File(tmp_path / "a.h5", "a") as file:
        starts = file["derivatives/starts"]
        starts[1] = starts[1] - 3
    with pytest.raises(DataError, match=r"'s0': has 105 derivatives, expected 108 = 3 atoms x 4"):
        hdf5.read(tmp_path / "a.h5", SPECIES, ReadOptions(derivatives=True))


def make_derivatives(dtype, sparse):
    structures = make_set(descriptors=True)
    random = np.random.default_rng(1)
    dense = []
    for size in structures.num_atoms.tolist():
        matrix = random.normal(size=(size * 4, 3 * size)).astype(dtype)
        matrix[::2] = 0  # leaves 84 elements of all structures
        dense.append(matrix)
    derivatives = Derivatives.from_dense(dense)
    if sparse:
        derivatives = derivatives.as_sparse(structures.num_atoms, 4)
    return replace(
        structures,
        descriptors=structures.descriptors.astype(dtype),
        derivatives=derivatives,
    )


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


def one_changed(index, value):
    def change(values):
        values[index] = value
        return values

    return change


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
        ("offsets", lambda v: np.array([0, 4, 3, 6]), "structure 1 's1': has no atoms .*increase"),
        ("offsets", lambda v: v + 1, r"'offsets' is \[1, 4, 5, 7\], expected 0, ..., number of"),
        ("offsets", lambda v: v[:1], r"'offsets' is \[0\], expected 0, ..., number of atoms"),
        ("offsets", lambda v: v.astype(float), "'offsets' holds float64, expected integers"),
        ("offsets", lambda v: np.int64(3), r"'offsets' has the shape \(\), expected \('any',\)"),
        ("offsets", lambda v: np.array([0, 3, 4, 9]), r"'species' has the shape \(6,\), .* \(9,\)"),
        ("name", lambda v: v[:2], r"'name' has the shape \(2,\), expected \(3,\)"),
        ("name", lambda v: np.arange(3), "'name' holds int64, expected texts"),
        ("energy", lambda v: np.array([b"a"] * 3), r"'energy' holds \|S1, expected floats"),
        ("species", lambda v: v.astype(float), "'species' holds float64, expected integers"),
        ("species", lambda v: v - 1, "atom 0: species index -1, but 2 symbols"),
        ("symbols", lambda v: np.array([b"H", b"H"]), r"'symbols' is \['H', 'H'\]: one is .*twice"),
        ("forces", lambda v: v[:, 0], r"'forces' has the shape \(6,\), expected \(6, 3\)"),
        ("forces", one_changed(3, np.inf), "structure 1 's1': forces of atom 0 are not finite"),
        (
            "forces",
            one_changed((5, 1), np.nan),
            "structure 2 's2': forces of atom 1 are not finite",
        ),
        (
            "forces",
            one_changed((1, 2), 0.5),
            "structure 0 's0': forces of atom 1 .*three NaN where",
        ),
        (
            "cell",
            one_changed((1, 0), np.nan),
            "structure 1 's1': the lattice vectors are not finite",
        ),
        (
            "cell",
            lambda v: v * 0,
            "structure 0 's0': the lattice vectors are zero along a periodic",
        ),
        ("cell", lambda v: v[:1], r"'cell' has the shape \(1, 3, 3\), expected \(3, 3, 3\)"),
        ("pbc", lambda v: v[:, :2], r"'pbc' has the shape \(3, 2\), expected \(3, 3\)"),
        ("descriptors", lambda v: v[:2], r"'descriptors' has the shape \(2, 4\), .*\(6, 'any'\)"),
        ("descriptors", one_changed(4, np.nan), "'s2': descriptors of atom 0 are not finite"),
        ("species", lambda v: v + 1, "atom 1: species index 2, but 2 symbols"),
        ("positions", lambda v: np.full_like(v, np.inf), "positions of atom 0 are not finite"),
    ],
)
def test_wrong_content_is_named(tmp_path, key, change, message):
    path = tmp_path / "a.h5"
    hdf5.write_hdf5(path, make_set(periodic=True, descriptors=True), SPECIES)
    edit(path, key, change)
    with pytest.raises(DataError, match=message) as caught:
        hdf5.read(path, SPECIES)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["offsets", "species", "energy", "symbols"])
def test_a_missing_data_set_is_named(path, key):
    with h5py.File(path, "a") as file:
        file.move(key, f"{key}x")
    with pytest.raises(DataError, match=f"set '{key}' is missing, did you mean '{key}x'"):
        hdf5.read(path, SPECIES)


@pytest.mark.parametrize(("key", "other"), [("cell", "pbc"), ("pbc", "cell")])
def test_half_of_what_makes_a_crystal(tmp_path, key, other):
    path = tmp_path / "a.h5"
    hdf5.write_hdf5(path, make_set(periodic=True), SPECIES)
    with h5py.File(path, "a") as file:
        del file[key]
    with pytest.raises(DataError, match=f"has the data set '{other}', but '{key}' is missing"):
        hdf5.read(path, SPECIES)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("energy_unit", None, "the attribute 'energy_unit' is missing"),
        ("energy_unit", "kJ/mol", "unknown energy unit 'kJ/mol', expected one of eV"),
        ("length_unit", "Bohr", "unknown length unit 'Bohr', .*did you mean 'bohr'"),
    ],
)
def test_units_are_needed_and_known(path, key, value, message):
    with h5py.File(path, "a") as file:
        del file.attrs[key]
        if value is not None:
            file.attrs[key] = value
    with pytest.raises(DataError, match=f"^{re.escape(str(path))}: {message}"):
        hdf5.read(path, SPECIES)


@pytest.mark.parametrize(("info", "message"), [("[1]", "not a JSON object"), ("{", "is damaged")])
def test_descriptor_info_that_is_none(tmp_path, info, message):
    path = tmp_path / "a.h5"
    hdf5.write_hdf5(path, make_set(descriptors=True), SPECIES)
    with h5py.File(path, "a") as file:
        file["descriptors"].attrs["info"] = info
    with pytest.raises(DataError, match=message):
        hdf5.read(path, SPECIES)


def test_texts_of_variable_length_are_read_too(path):
    """As h5py writes them where nothing else is asked for."""
    with h5py.File(path, "a") as file:
        for key in ("symbols", "name"):
            values = [item.decode() for item in file[key][()]]
            del file[key]
            file.create_dataset(key, data=values, dtype=h5py.string_dtype())
        for key in ("format", "energy_unit", "length_unit"):
            file.attrs[key] = file.attrs[key].decode()
    read = hdf5.read(path, SPECIES)
    assert list(read.names) == ["s0", "s1", "s2"]
    assert read.species.tolist() == make_set().species.tolist()


def test_texts_in_any_language(tmp_path):
    path, written = tmp_path / "a.h5", replace(make_set(), names=["Wasser", "水", ""])
    hdf5.write_hdf5(path, written, SPECIES, {"note": "Übung"})
    assert list(hdf5.read(path, SPECIES).names) == ["Wasser", "水", ""]
    assert hdf5.read_provenance(path) == {"note": "Übung"}


def test_structures_without_names(tmp_path):
    path = tmp_path / "a.h5"
    hdf5.write_hdf5(path, replace(make_set(), names=[""] * 3), SPECIES)
    read = hdf5.read(path, SPECIES)
    assert list(read.names) == [""] * 3
    assert read.origins[1] == f"{path}, structure 1 (counted from 0)"


def test_a_symbol_outside_the_list(path):
    with pytest.raises(DataError, match=r"structure 0 's0', atom 1: species 'O' is not in"):
        hdf5.read(path, Species(("H", "C")))


def test_other_files(path, tmp_path):
    other = tmp_path / "b.h5"
    with h5py.File(other, "w") as file:
        file["x"] = 1
    with pytest.raises(DataError, match=r"has format None, expected 'panna_exp\.structures'"):
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


@dataclass(repr=False)
class Intact:
    """A good file, to be damaged; its repr would be too long for Hypothesis."""

    path: Path

    def __post_init__(self):
        hdf5.write_hdf5(self.path, make_set(periodic=True, descriptors=True), SPECIES)
        self.content = self.path.read_bytes()
        self.values = everything(self.path)


@pytest.fixture(scope="module")
def intact(tmp_path_factory):
    return Intact(tmp_path_factory.mktemp("intact") / "a.h5")


def everything(path):
    read = hdf5.read(path, SPECIES)
    arrays = {item.name: getattr(read, item.name) for item in fields(read)}
    arrays |= {"origins": list(read.origins), "descriptor_info": str(read.descriptor_info)}
    return {key: np.asarray(value).tobytes() for key, value in arrays.items()}


@settings(max_examples=200, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_is_found_or_changes_nothing(intact, place, bit):
    """Bytes that HDF5 leaves unused may be anything."""
    damaged = bytearray(intact.content)
    damaged[int(place * len(damaged))] ^= 1 << bit
    intact.path.write_bytes(damaged)
    try:
        found, message = everything(intact.path), ""
    except DataError as error:
        found, message = {}, str(error)
    if message:
        assert message.startswith(str(intact.path))
        assert "\n" not in message
    else:
        assert found == intact.values


@settings(max_examples=50, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True))
def test_every_truncation_is_found(intact, place):
    intact.path.write_bytes(intact.content[: int(place * len(intact.content))])
    with pytest.raises(DataError, match=rf"^{re.escape(str(intact.path))}: is not a readable HDF5"):
        hdf5.read(intact.path, SPECIES)


def test_a_failed_write_leaves_the_old_file(path, monkeypatch):
    before = path.read_bytes()
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "full")))
    with pytest.raises(OSError, match="full"):
        hdf5.write_hdf5(path, replace(make_set()), SPECIES)
    assert path.read_bytes() == before
    assert [item.name for item in path.parent.iterdir()] == ["a.h5"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"species": np.array([0, 1, 0, 1, 2, 0])}, "C, atom 0: species index 2, but 2 symbols"),
        ({"energy": np.array([0, np.nan, 0])}, "B: the energy is nan, expected a finite number"),
        ({"offsets": np.array([0, 3, 3, 6])}, "B: has no atoms"),
        ({"positions": np.full((6, 3), np.inf)}, "A: positions of atom 0 are not finite"),
        (
            {"forces": one_changed((5, 1), np.nan)(np.ones((6, 3)))},
            "C: forces of atom 1 are not finite",
        ),
        ({"pbc": np.ones((3, 3), dtype=bool)}, "A: the lattice vectors are zero along a periodic"),
    ],
)
def test_what_could_not_be_read_again_is_not_written(path, changes, message):
    before = path.read_bytes()
    with pytest.raises(DataError, match=f"^{message}"):
        hdf5.write_hdf5(path, replace(make_set(), origins=["A", "B", "C"], **changes), SPECIES)
    assert path.read_bytes() == before


def test_the_same_data_are_the_same_bytes(path, tmp_path):
    """So that a data set made again has the fingerprint it had."""
    again = tmp_path / "b.h5"
    hdf5.write_hdf5(again, make_set(), SPECIES, {"method": "x", "seed": 3})
    assert again.read_bytes() == path.read_bytes()


def test_streams_read_again_only_what_is_not_in_their_index(path):
    stream = Hdf5Stream(path, Species(("O", "H")), derivatives=False, sparse=None)
    whole = hdf5.read(path, Species(("O", "H")))
    names = []
    stream._layout._file = Noted(stream._layout._file, names)
    for chosen in ([0], [1, 2], [0, 2]):
        found, expected = stream.read(np.array(chosen)), whole.select(np.array(chosen))
        for name in ("species", "energy", "offsets", "positions"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert set(names) == {"positions", "forces"}


class Noted:
    """A file that notes which data sets are taken."""

    def __init__(self, file, names):
        self.file, self.names = file, names

    def __contains__(self, key):
        return key in self.file

    def __getitem__(self, key):
        self.names.append(key)
        return self.file[key]
