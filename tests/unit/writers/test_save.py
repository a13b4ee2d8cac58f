"""Every writer: what is read back is what was written, or the note says what is not."""

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.writers import WRITERS, save_structures
from panna_exp.writers.example_json import file_names

SPECIES = Species(("H", "C", "O"))
FIELDS = ("energy", "species", "offsets", "positions", "cell", "pbc", "forces", "descriptors")
NAMES = ("abc", "b-1", "Übung 7")


def structure(number, name="", **values):
    """One with numbers that have all their digits."""
    random = np.random.default_rng(number)
    size = number + 1
    periodic = np.array([True, number % 2 == 0, True])
    return Structure(
        origin=f"structure {number}",
        name=name,
        species=random.integers(0, 3, size),
        energy=float(random.normal(-2000, 5)),
        positions=random.normal(0, 3, (size, 3)),
        cell=(random.normal(0, 1, (3, 3)) + 9 * np.eye(3)) * periodic[:, None],
        pbc=periodic,
        forces=random.normal(0, 1e-3, (size, 3)),
        **values,
    )


def molecule(number, name=""):
    zero = {"cell": np.zeros((3, 3)), "pbc": np.zeros(3, dtype=bool), "forces": None}
    return replace(structure(number, name), **zero)


@pytest.fixture
def mixed():
    return StructureSet.from_structures(
        [structure(0, NAMES[0]), molecule(1, NAMES[1]), structure(2, NAMES[2])]
    )


def with_descriptors(structures):
    random = np.random.default_rng(1)
    values = random.normal(0, 1, (len(structures.species), 5)).astype(np.float32)
    return replace(structures, descriptors=values)


def assert_equal(found, expected, fields=FIELDS):
    assert list(found.names) == list(expected.names)
    for name in fields:
        one, other = getattr(found, name), getattr(expected, name)
        assert (one is None) == (other is None), name
        if other is not None:
            assert np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), name


def paths(tmp_path):
    return {
        kind: tmp_path / ("out" + ("" if writer.is_folder else writer.suffixes[0]))
        for kind, writer in WRITERS.items()
    }


@pytest.mark.parametrize("kind", ["example", "extxyz", "hdf5", "npz"])
def test_what_is_written_is_read_back_exactly(tmp_path, mixed, kind):
    path = paths(tmp_path)[kind]
    steps = []
    saved = save_structures(path, mixed, SPECIES, kind, lambda *step: steps.append(step))
    assert (saved.path, saved.notes) == (path, [])
    assert steps[-1] == (3, 3)
    assert_equal(open_structures([str(path)], SPECIES).structures, mixed)


def with_virials(structures):
    virial = np.random.default_rng(2).normal(0, 1, (len(structures), 3, 3))
    virial = virial + virial.transpose(0, 2, 1)
    virial[1] = np.nan
    return replace(structures, virial=virial)


@pytest.mark.parametrize("kind", ["extxyz", "hdf5"])
def test_virials_are_read_back_exactly(tmp_path, mixed, kind):
    path, data = paths(tmp_path)[kind], with_virials(mixed)
    assert save_structures(path, data, SPECIES, kind).notes == []
    found = open_structures([str(path)], SPECIES, options=ReadOptions(virials=True)).structures
    assert_equal(found, data, (*FIELDS, "virial"))


def test_stresses_in_xyz_have_the_sign_of_ase(tmp_path, mixed):
    data = with_virials(mixed)
    save_structures(tmp_path / "a.xyz", data, SPECIES, "extxyz")
    first, second, _ = pytest.importorskip("ase.io").read(tmp_path / "a.xyz", ":")
    expected = -data.virial[0] / first.get_volume()
    np.testing.assert_allclose(first.get_stress(voigt=False), expected, rtol=1e-14)
    assert "stress" not in second.calc.results
    # Periodic along two directions alone it has no stress, but a virial.
    slab = replace(data.select(np.array([0])), pbc=np.array([[True, True, False]]))
    flat = replace(slab, cell=slab.cell * slab.pbc[:, :, None])
    save_structures(tmp_path / "b.xyz", flat, SPECIES, "extxyz")
    read = ReadOptions(virials=True)
    again = open_structures([str(tmp_path / "b.xyz")], SPECIES, options=read).structures
    assert np.array_equal(again.virial, flat.virial)
    assert "stress" not in (tmp_path / "b.xyz").read_text()


@pytest.mark.parametrize("kind", sorted(set(WRITERS) - {"extxyz", "hdf5", "ani", "spice"}))
def test_virials_that_are_not_kept_are_named(tmp_path, mixed, kind):
    data = with_descriptors(with_virials(mixed))
    saved = save_structures(paths(tmp_path)[kind], data, SPECIES, kind)
    assert re.match(r"not kept in .*: .*\bvirials\b", saved.notes[0])


def with_derivatives(structures, sparse):
    data = with_descriptors(structures)
    random = np.random.default_rng(3)
    sizes, width = data.num_atoms, data.descriptors.shape[1]
    dense = [random.normal(0, 1, 3 * n * n * width).astype(np.float32) for n in sizes]
    for matrix in dense:
        matrix[::3] = 0
    found = Derivatives.from_dense(dense)
    return replace(data, derivatives=found.as_sparse(sizes, width) if sparse else found)


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize("kind", ["hdf5", "tfrecord"])
def test_derivatives_are_read_back_exactly(tmp_path, mixed, kind, sparse):
    path, data = paths(tmp_path)[kind], with_derivatives(mixed, sparse)
    saved = save_structures(path, data, SPECIES, kind)
    assert "derivatives" not in " ".join(saved.notes)
    found = open_structures([str(path)], SPECIES, options=ReadOptions(derivatives=True)).structures
    assert found.derivatives.sparse == sparse
    for name in ("values", "starts", "rows", "columns"):
        assert np.array_equal(getattr(found.derivatives, name), getattr(data.derivatives, name))


def test_derivatives_that_are_not_kept_are_named(tmp_path, mixed):
    data = with_derivatives(mixed, sparse=True)
    saved = save_structures(tmp_path / "a.xyz", data, SPECIES, "extxyz", unread=["odds"])
    assert saved.notes == ["not kept in extended XYZ: descriptors, derivatives, odds"]


def test_sparse_places_beyond_panna_s_are_refused(tmp_path, mixed, monkeypatch):
    monkeypatch.setattr("panna_exp.readers.tf_derivatives._EXACT", 9)
    with pytest.raises(DataError, match="2 atoms of 5 components are more than PANNA's sparse"):
        save_structures(
            tmp_path / "a.tfrecord", with_derivatives(mixed, sparse=True), SPECIES, "tfrecord"
        )
    assert list(tmp_path.iterdir()) == []


def test_one_format_after_another_and_back(tmp_path, mixed):
    names = [*paths(tmp_path).items()]
    found = mixed
    for kind, path in [item for item in names if item[0] not in ("tfrecord", "ani", "spice")]:
        save_structures(path, found, SPECIES, kind)
        found = open_structures([str(path)], SPECIES).structures
    assert_equal(found, mixed)


def test_tfrecords_have_no_positions_and_float32(tmp_path, mixed):
    path = tmp_path / "a.tfrecord"
    data = with_descriptors(mixed)
    saved = save_structures(path, data, SPECIES, "tfrecord")
    first, second = saved.notes
    assert first == "not kept in PANNA's TFRecords: positions, cell"
    rounding = np.abs(data.energy - data.energy.astype(np.float32)).max()
    assert second == f"energies are float32 there, rounded by up to {rounding:.1e} eV"
    found = open_structures([str(path)], SPECIES).structures
    assert_equal(found, data, ("species", "offsets", "descriptors"))
    assert found.positions is None
    assert np.array_equal(found.energy, data.energy.astype(np.float32))
    assert np.array_equal(found.forces, data.forces.astype(np.float32), equal_nan=True)
    # From there on nothing is lost any more.
    save_structures(tmp_path / "a.h5", found, SPECIES, "hdf5")
    again = open_structures([str(tmp_path / "a.h5")], SPECIES).structures
    assert_equal(again, found)
    save_structures(tmp_path / "b.tfrecord", again, SPECIES, "tfrecord")
    assert (tmp_path / "b.tfrecord").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("kind", ["ani", "spice"])
def test_groups_of_molecules(tmp_path, mixed, kind):
    path = tmp_path / "a.h5"
    with pytest.raises(DataError, match="structure 0: is periodic, but the format to write has no"):
        save_structures(path, mixed, SPECIES, kind)
    items = [molecule(3), molecule(1), replace(structure(2), pbc=np.zeros(3, bool)), molecule(4)]
    free = [replace(item, cell=np.zeros((3, 3))) for item in items]
    same = replace(free[0], energy=-1.0)  # shares its group with the first
    data = StructureSet.from_structures([*free, same])
    saved = save_structures(path, data, SPECIES, kind)
    assert saved.notes == []
    found = open_structures([str(path)], SPECIES, kind=kind).structures
    by_energy = found.select(np.argsort(found.energy))
    expected = data.select(np.argsort(data.energy))
    for name in ("species", "offsets"):
        assert np.array_equal(getattr(by_energy, name), getattr(expected, name))
    for name in ("energy", "positions", "forces"):
        pair = getattr(by_energy, name), getattr(expected, name)
        np.testing.assert_allclose(*pair, rtol=1e-14, err_msg=name)
    assert sum(name.endswith(("-0", "-1")) for name in found.names) == 3
    named = save_structures(path, StructureSet.from_structures([molecule(1, "x")]), SPECIES, kind)
    assert named.notes == [f"not kept in {WRITERS[kind].summary}: name"]


def test_archives_of_one_molecule(tmp_path):
    data = StructureSet.from_structures([molecule(3), replace(molecule(3), energy=-1.0)])
    save_structures(tmp_path / "a.npz", data, SPECIES, "npz")
    with np.load(tmp_path / "a.npz") as arrays:
        assert sorted(arrays.files) == ["E", "R", "e_unit", "r_unit", "z"]
        assert arrays["z"].shape == (4,)
        assert arrays["R"].shape == (2, 4, 3)


def test_descriptors_that_are_not_kept_are_named(tmp_path, mixed):
    saved = save_structures(tmp_path / "a.xyz", with_descriptors(mixed), SPECIES, "extxyz")
    assert saved.notes == ["not kept in extended XYZ: descriptors"]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("tfrecord", "structure 0: has no descriptors, which TFRecords consist of: compute them"),
        ("example", "structure 0: has no positions"),
        ("extxyz", "structure 0: has no positions"),
        ("npz", "structure 0: has no positions"),
        ("ani", "structure 0: has no positions"),
    ],
)
def test_what_the_format_needs(tmp_path, mixed, kind, message):
    path = paths(tmp_path)[kind]
    with pytest.raises(DataError, match=message):
        save_structures(path, replace(mixed, positions=None), SPECIES, kind)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["example", "extxyz"])
def test_an_interrupted_write_leaves_what_was_there(tmp_path, mixed, kind):
    path = paths(tmp_path)[kind]
    save_structures(path, mixed, SPECIES, kind)
    files = sorted(item for item in tmp_path.rglob("*"))

    def interrupt(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        save_structures(path, mixed.select(np.array([0])), SPECIES, kind, interrupt)
    assert sorted(item for item in tmp_path.rglob("*")) == files
    assert len(open_structures([str(path)], SPECIES).structures) == 3


def test_a_folder_is_replaced_as_a_whole(tmp_path, mixed):
    folder = tmp_path / "out"
    save_structures(folder, mixed, SPECIES, "example")
    save_structures(folder, mixed.select(np.array([1])), SPECIES, "example")
    assert [path.name for path in folder.iterdir()] == ["b-1.example"]
    assert list(tmp_path.iterdir()) == [folder]
    (folder / "notes.txt").touch()
    with pytest.raises(DataError, match=r"is a folder with other files \(notes\.txt\)"):
        save_structures(folder, mixed, SPECIES, "example")
    assert len(list(folder.iterdir())) == 2


def test_zero_forces_survive_where_they_are_kept(tmp_path, mixed):
    data = replace(mixed, forces=np.zeros_like(mixed.forces))
    for kind, path in paths(tmp_path).items():
        if kind in ("tfrecord", "ani", "spice"):
            continue
        save_structures(path, data, SPECIES, kind)
        keep = ReadOptions() if kind == "hdf5" else ReadOptions(zero_forces="keep")
        assert_equal(open_structures([str(path)], SPECIES, options=keep).structures, data)


@pytest.mark.parametrize(
    "name",
    ["007", "1e5", "T", "true false", "1 2", '_JSON "x"', 'a"b', "a\\b", "a=b {c}", "uid", "a b"],
)
def test_names_in_xyz_come_back_as_texts(tmp_path, name):
    data = StructureSet.from_structures([structure(0, name)])
    save_structures(tmp_path / "a.xyz", data, SPECIES, "extxyz")
    assert list(open_structures([str(tmp_path / "a.xyz")], SPECIES).structures.names) == [name]


def test_names_that_cannot_be_file_names(tmp_path):
    names = ["a/b", "a", "A", "", "..", "ok", "x.y", "-f", "c" * 300, "a_b_0"]
    found = file_names(names)
    assert found[5] == "ok"
    assert found[9] == "a_b_0"
    assert found[0] == "a_b_0_"
    assert found[1:5] == ["a_1", "A_2", "structure_3", "__4"]
    assert len({name.lower() for name in found}) == len(names)
    data = StructureSet.from_structures(structure(i, name) for i, name in enumerate(names))
    saved = save_structures(tmp_path / "out", data, SPECIES, "example")
    assert saved.notes == ["7 names were changed to be file names; the files have them as 'name'"]
    read = open_structures([str(tmp_path / "out")], SPECIES).structures
    assert sorted(read.names) == sorted(found)
    assert json.loads((tmp_path / "out/x_y_6.example").read_text())["name"] == "x.y"
