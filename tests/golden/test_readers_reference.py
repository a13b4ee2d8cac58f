"""Files that PANNA wrote, read to the numbers that are known to be in them."""

import json
import logging

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.readers import example_json, open_structures, tfrecord
from panna_exp.readers.panna_bin import SparseDerivatives, read_bin, write_bin

FLAGS = {
    "plain": 0,
    "deriv_forces": 3,
    "deriv_forces_peratom": 7,
    "peratom": 4,
    "sparse_forces": 11,
    "sparse_forces_peratom": 15,
}
# Of the free atoms in PANNA's tutorial, by H, C, O, N (eV).
TUTORIAL_OFFSETS = np.array([-13.62, -1029.41, -2041.84, -1484.87])
# PANNA converts with constants rounded to float32.
ROUNDED = {"rtol": 1e-7, "atol": 1e-7}


def records(path):
    return list(tfrecord.read_examples(path))


def dense_derivatives(derivatives, num_atoms, size):
    if isinstance(derivatives, SparseDerivatives):
        return derivatives.dense(num_atoms, size)
    return derivatives


def sparse_of_record(record):
    """The sparse derivatives of a TFRecord, as those of a .bin."""
    found = SparseDerivatives(
        values=record["dgvect_values"],
        rows=record["dgvect_indices1"].astype(np.int64),
        columns=record["dgvect_indices2"].astype(np.int64),
    )
    assert record["dgvect_size"].tolist() == [len(found.values)]
    return found


@pytest.fixture(scope="module")
def formats(shared):
    """The folder of files with every combination of flags, and the arrays that are in them."""
    folder = shared / "reference/fmt_bin_tfr_a"
    names = ("species", "gvects", "dgvects", "forces", "per_atom")
    arrays = {name: np.load(folder / f"{name}.npy") for name in names}
    arrays["dgvects"] = arrays["dgvects"].reshape(5, 10, 5, 3)
    return folder, arrays


@pytest.mark.parametrize("name", FLAGS)
def test_bin_with_every_combination_of_flags(formats, name):
    folder, arrays = formats
    found = read_bin(folder / f"{name}.bin")
    assert found.flags == FLAGS[name]
    assert isinstance(found.derivatives, SparseDerivatives) == ("sparse" in name)
    assert found.energy == 100
    np.testing.assert_array_equal(found.species, arrays["species"])
    np.testing.assert_array_equal(found.descriptors, arrays["gvects"])
    for wanted, values, key in (
        (
            "deriv" in name or "sparse" in name,
            dense_derivatives(found.derivatives, 5, 10),
            "dgvects",
        ),
        ("forces" in name, found.forces, "forces"),
        ("peratom" in name, found.per_atom, "per_atom"),
    ):
        assert (values is not None) == wanted
        if wanted:
            np.testing.assert_array_equal(values, arrays[key])


@pytest.mark.parametrize("name", FLAGS)
def test_tfrecord_with_every_combination_of_flags(formats, name):
    folder, arrays = formats
    path = folder / "tfr" / f"{name}-1-1.tfrecord"
    (record,) = records(path)
    derivatives = record.get("dgvects")
    if "sparse" in name:
        derivatives = sparse_of_record(record).dense(5, 10)
    for wanted, values, key in (
        ("deriv" in name or "sparse" in name, derivatives, "dgvects"),
        ("peratom" in name, record.get("per_atom_quantity"), "per_atom"),
    ):
        assert (values is not None) == wanted
        if wanted:
            np.testing.assert_array_equal(values.ravel(), arrays[key].ravel())
    found = tfrecord.read(path, Species(("H", "C", "O")))
    assert found.energy.tolist() == [100]
    assert list(found.names) == [name]
    np.testing.assert_array_equal(found.species, arrays["species"])
    np.testing.assert_array_equal(found.descriptors, arrays["gvects"])
    assert (found.forces is not None) == ("forces" in name)
    if found.forces is not None:
        np.testing.assert_array_equal(found.forces, arrays["forces"])


def test_what_is_read_from_a_bin_is_written_as_the_same_bytes(shared, tmp_path):
    folder = shared / "reference"
    paths = [
        path
        for case in ("fmt_bin_tfr_a", "gv_unittest_123", "gv_sparse_water_a")
        for path in sorted((folder / case).glob("*.bin"))
    ]
    assert len(paths) == 10
    for path in paths:
        write_bin(tmp_path / path.name, read_bin(path))
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize("number", [1, 2, 3])
def test_bin_of_a_real_molecule(shared, number):
    folder = shared / "reference/gv_unittest_123"
    found = read_bin(folder / f"{number}.bin")
    species = Species(tuple(json.loads((folder / "case.json").read_text())["species"]))
    structure = example_json.read_structure(folder / f"examples/{number}.example", species)
    np.testing.assert_array_equal(found.species, structure.species)
    assert found.energy == pytest.approx(structure.energy, rel=2e-7)
    np.testing.assert_allclose(
        found.descriptors, np.load(folder / f"{number}_gvects.npy"), rtol=0, atol=1e-6
    )
    np.testing.assert_allclose(found.forces, structure.forces, rtol=0, atol=1e-6)
    # All atoms moved together change nothing: the third axis is that of the atom that moves.
    assert np.abs(found.derivatives).max() > 1
    np.testing.assert_allclose(found.derivatives.sum(axis=2), 0, atol=1e-4)


def test_sparse_derivatives_of_a_real_molecule(shared):
    folder = shared / "reference/gv_sparse_water_a"
    (record,) = records(folder / "tfr/sparse-1-1.tfrecord")
    structure = read_bin(folder / "water2.bin")
    dense = np.load(folder / "dgvects_dense.npy")
    places = np.load(folder / "sparse_indices.npy")
    for found in (structure.derivatives, sparse_of_record(record)):
        np.testing.assert_allclose(
            found.values, np.load(folder / "sparse_values.npy"), rtol=0, atol=1e-6
        )
        np.testing.assert_array_equal(np.stack([found.rows, found.columns], axis=1), places)
        np.testing.assert_allclose(found.dense(3, 384), dense, rtol=0, atol=1e-6)
    forces = np.load(folder / "forces_ev_ang.npy")
    np.testing.assert_allclose(structure.forces, forces, rtol=0, atol=1e-6)
    np.testing.assert_allclose(record["forces"].reshape(3, 3), forces, rtol=0, atol=1e-6)
    example = example_json.read_structure(
        folder / "examples/water2.example", Species(("H", "C", "O", "N"))
    )
    np.testing.assert_allclose(example.forces, forces, **ROUNDED)


def test_every_example_of_every_case(shared):
    """Energies, numbers of atoms and names as the cases state them, whatever the units."""
    read = []
    for statement in sorted((shared / "reference").glob("*/case.json")):
        case = json.loads(statement.read_text())
        paths = sorted(statement.parent.glob("examples/*.example"))
        paths += sorted(statement.parent.glob("*.example"))
        stated = {entry["name"]: entry for entry in case.get("entries", [])}
        for path in paths:
            symbols = [row[1] for row in json.loads(path.read_text())["atoms"]]
            species = Species(tuple(sorted(set(symbols))))
            found = example_json.read_structure(path, species)
            assert [species.symbols[index] for index in found.species] == symbols
            assert found.name == path.name.split(".")[0]
            entry = stated.get(found.name, {})
            if "energy_ev" in entry:
                read.append(path)
                assert found.energy == pytest.approx(entry["energy_ev"], rel=1e-7)
                assert len(symbols) == entry["natoms"]
    assert len(read) >= 15


def test_crystal_coordinates_in_bohr_and_rydberg(shared):
    """gv_bohr_crystal_a, whose fractions times lattice vectors are simple numbers of bohr."""
    folder = shared / "reference/gv_bohr_crystal_a"
    found = example_json.read_structure(folder / "examples/cryst.example", Species(("H", "C", "O")))
    bohr, rydberg = 0.52917721067, 13.6056980659
    np.testing.assert_allclose(
        found.positions / bohr,
        [[0.83, 0.86, 0.84], [3.745, 2.49, 1.68], [5.89, 6.745, 5.46]],
        rtol=0,
        atol=1e-12,
    )
    cell = [[8.1, 0, 0], [0.6, 7.7, 0], [-0.4, 0.9, 8.4]]
    np.testing.assert_allclose(found.cell / bohr, cell, rtol=0, atol=1e-12)
    assert found.pbc.all()
    forces = [[0.01, -0.02, 0.03], [0, 0.01, -0.02], [-0.01, 0.01, -0.01]]
    np.testing.assert_allclose(found.forces / (rydberg / bohr), forces, rtol=0, atol=1e-12)
    assert found.energy == pytest.approx(-31.234567 * rydberg, rel=1e-14)
    stated = json.loads((folder / "case.json").read_text())["energy_ev"]
    assert found.energy == pytest.approx(stated, rel=1e-7)


def test_the_tutorials_simulations_as_a_folder(shared, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("panna_exp"), "propagate", True)
    folder = shared / "data/panna_tutorial/simulations"
    loaded = open_structures([str(folder)], Species(("H", "C", "O", "N")))
    structures = loaded.structures
    assert {file.path for file in loaded.files} == set(folder.iterdir())
    assert list(structures.names) == [file.path.stem for file in loaded.files]
    assert structures.counts(4).tolist() == [[2, 0, 1, 0]] * 10
    assert not structures.pbc.any()
    bound = structures.energy - structures.counts(4) @ TUTORIAL_OFFSETS
    assert bound.min() > -22
    assert bound.max() < -8
    oxygen, *hydrogens = np.moveaxis(structures.positions.reshape(10, 3, 3), 1, 0)
    for hydrogen in hydrogens:
        distances = np.linalg.norm(hydrogen - oxygen, axis=1)
        assert 0.8 < distances.min() < distances.max() < 1.3
    # Their forces are all zero: PANNA had none to write.
    assert structures.forces is None
    (message,) = caplog.messages
    assert message.startswith("the forces of 10 of 10 structures are all exactly zero and count")
    assert message.endswith(f"first {loaded.files[0].path}")


def test_the_tutorials_data(shared):
    species = Species(("H", "C", "O", "N"))
    folder = shared / "data/panna_tutorial"
    train, validate = (open_structures([str(folder / p)], species) for p in ("train", "validate"))
    assert [file.num_records for file in train.files] == [90] * 8
    assert [file.num_records for file in validate.files] == [90] * 2
    for structures in (train.structures, validate.structures):
        assert structures.descriptors.shape == (structures.offsets[-1], 384)
        assert structures.forces is None
        bound = structures.energy - structures.counts(4) @ TUTORIAL_OFFSETS
        assert bound.min() > -22
        assert bound.max() < -8


def test_records_come_in_the_order_of_the_file(shared):
    """The case lists where the 300 waters of the tutorial are."""
    case = json.loads((shared / "reference/legacy_tfrecord_conventions_a/case.json").read_text())
    listed = set(case["tutorial_water_records_to_example_1_files"])
    species = Species(("H", "C", "O", "N"))
    folder = shared / "data/panna_tutorial"
    waters = set()
    for path in sorted(folder.glob("*/*.tfrecord")):
        structures = tfrecord.read(path, species)
        kinds = [species.formula(row) for row in structures.counts(4)]
        place = path.relative_to(folder)
        waters |= {f"{place}:{i}" for i, formula in enumerate(kinds) if formula == "H2O"}
    assert len(waters) == 300
    assert waters == listed


@pytest.mark.parametrize("name", ["0a2ba4118f37", "0a5164a2f0b6"])
def test_the_same_structure_as_an_example_in_two_cases(shared, name):
    species = Species(("H", "O"))
    paths = [
        shared / "reference/legacy_tfrecord_conventions_a" / f"{name}.example",
        *(shared / "data/panna_tutorial/simulations").glob(f"{name}*.example"),
    ]
    first, second = (example_json.read_structure(path, species) for path in paths)
    np.testing.assert_array_equal(first.positions, second.positions)
    assert first.energy == second.energy


@pytest.mark.parametrize("part", ["training_set", "validation_set"])
def test_carbon_with_derivatives_and_forces(shared, part):
    folder = shared / "data/panna_carbon" / part
    found = open_structures([str(folder)], Species(("C",))).structures
    examples = [record for path in sorted(folder.iterdir()) for record in records(path)]
    assert len(found) == len(examples) == {"training_set": 20, "validation_set": 10}[part]
    assert found.descriptors.shape == (len(found) * 16, 80)
    assert np.abs(found.energy / 16 + 254.3).max() < 0.1
    assert 0.1 < np.sqrt((found.forces**2).mean()) < 2
    forces = np.concatenate([record["forces"].reshape(16, 3) for record in examples])
    np.testing.assert_array_equal(found.forces, forces)
    assert [record["name"].decode() for record in examples] == list(found.names)
    for record in examples:
        derivatives = record["dgvects"].reshape(16, 80, 16, 3)
        assert np.abs(derivatives).max() > 1
        np.testing.assert_allclose(derivatives.sum(axis=2), 0, atol=1e-4)


def test_every_other_tfrecord(shared):
    for path in sorted((shared / "data/panna_extra").glob("*.tfrecord")):
        found = tfrecord.read(path, Species(("H", "C", "N", "O")))
        assert found.descriptors.shape[1] in (80, 384)
        assert np.isfinite(found.descriptors).all()
