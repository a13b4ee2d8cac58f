import json

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import example_json
from panna_exp.units import BOHR, RYDBERG

SPECIES = Species(("H", "O"))
NAN = float("nan")
ATOMS = [[1, "O", [0.0, 0.0, 0.1], [0.1, 0, 0]], [2, "H", [0.0, 0.8, -0.4], [-0.1, 0, 0]]]


def write(folder, **changes):
    data = {"atoms": ATOMS, "energy": [-5.0, "eV"], "unit_of_length": "angstrom", **changes}
    path = folder / "water.first.example"
    path.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
    return path


def read(path):
    return example_json.read_structure(path, SPECIES)


def test_a_molecule(tmp_path):
    found = read(write(tmp_path))
    assert found.name == "water"
    assert found.species.tolist() == [1, 0]
    assert found.energy == -5.0
    assert not found.pbc.any()
    np.testing.assert_allclose(found.forces[1], [-0.1, 0, 0])


def test_units_convert_positions_energies_and_forces(tmp_path):
    found = read(write(tmp_path, unit_of_length="bohr", energy=["-1.5", "Ry"]))
    np.testing.assert_allclose(found.positions[1], np.array([0, 0.8, -0.4]) * BOHR)
    assert found.energy == pytest.approx(-1.5 * RYDBERG)
    np.testing.assert_allclose(found.forces[0], [0.1 * RYDBERG / BOHR, 0, 0])


def test_crystal_coordinates_and_partly_periodic_cells(tmp_path):
    cell = [[2.0, 0, 0], [0, 3.0, 0], [0, 0, 0]]
    atoms = [[1, "O", [0.5, 0.5, 0.0]]]
    found = read(write(tmp_path, atoms=atoms, lattice_vectors=cell, atomic_position_unit="crystal"))
    np.testing.assert_allclose(found.positions, [[1.0, 1.5, 0.0]])
    assert found.pbc.tolist() == [True, True, False]
    assert found.forces is None


@pytest.mark.parametrize("key", ["atomic_positions_unit", "atomic_coordinates"])
def test_older_spellings(tmp_path, key):
    assert read(write(tmp_path, **{key: "cartesian"})).positions[1][1] == 0.8


def test_a_missing_energy_unit_is_electronvolt(tmp_path):
    assert read(write(tmp_path, energy=[-2.0])).energy == -2.0


def test_null_is_what_is_not_there(tmp_path):
    path = write(tmp_path, energy=[-2.0, None])
    plain, data = read(path), json.loads(path.read_text())
    keys = ("unit_of_length", "lattice_vectors", "atomic_position_unit", "atomic_coordinates")
    path.write_text(json.dumps(data | dict.fromkeys(keys)))
    found = read(path)
    assert found.energy == plain.energy == -2.0
    np.testing.assert_array_equal(found.positions, plain.positions)
    path.write_text(json.dumps(data | {"energy": None}))
    with pytest.raises(DataError, match="the key 'energy' is null, expected a value"):
        read(path)


def test_rows_without_forces_mean_that_there_are_none(tmp_path):
    assert read(write(tmp_path, atoms=[ATOMS[0], ATOMS[1][:3]])).forces is None
    assert read(write(tmp_path, atoms=[ATOMS[0], [*ATOMS[1][:3], [0.1]]])).forces is None


def test_lattice_vectors_that_are_zero_or_empty_mean_a_molecule(tmp_path):
    for vectors in ([[0.0] * 3] * 3, []):
        found = read(write(tmp_path, lattice_vectors=vectors))
        assert not found.pbc.any()
        np.testing.assert_allclose(found.positions[1], [0.0, 0.8, -0.4])


def test_forces_that_are_all_zero_count_as_missing(tmp_path):
    atoms = [[1, "O", [0, 0, 0], [0, 0, 0]], [2, "H", [0, 0, 1], [0.0, 0, 0]]]
    path = write(tmp_path, atoms=atoms)
    found = example_json.read(path, SPECIES)
    assert found.forces is None
    assert found.zero_forces == (str(path),)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"energy": None}, "the key 'energy' is missing"),
        ({"atoms": None}, "the key 'atoms' is missing"),
        ({"atoms": []}, "'atoms' is not a list of atoms"),
        ({"energy": [-1, "kcal"]}, "unknown energy unit 'kcal', expected one of eV"),
        ({"unit_of_length": "bhor"}, "unknown length unit 'bhor'.*did you mean 'bohr'"),
        ({"energy": ["x", "eV"]}, r"'energy' is \['x', 'eV'\], expected \[value, unit\]"),
        ({"energy": ["nan", "eV"]}, "the energy is nan"),
        ({"atoms": [[1, "C", [0, 0, 0]]]}, r"atom 0: species 'C' is not in data.species \[H, O\]"),
        ({"atoms": [[1, "O", [0, 0]]]}, r"atom 0: position has the shape \(2,\)"),
        ({"atoms": [[1, "O", ["a", 0, 0]]]}, "atom 0: position is .* expected numbers"),
        ({"atoms": [[1, "O"]]}, "atom 0: .* expected"),
        ({"atomic_position_unit": "cristal"}, "did you mean 'crystal'"),
        ({"atomic_position_unit": "crystal"}, "need 'lattice_vectors'"),
        ({"lattice_vectors": [[1, 0, 0]]}, r"'lattice_vectors' has the shape \(1, 3\)"),
        ({"lattice_vectors": [[NAN] * 3] * 3}, "the lattice vectors are not finite numbers"),
        ({"lattice_vectors": {"a": 1}}, r"'lattice_vectors' is {'a': 1}, expected numbers"),
        ({"energy": None, "enrgy": [1]}, "'energy' is missing, did you mean 'enrgy'"),
        ({"energy": []}, r"'energy' is \[\], expected \[value, unit\]"),
        ({"energy": [None, "eV"]}, r"'energy' is \[None, 'eV'\], expected \[value, unit\]"),
        ({"energy": [-1, "eV", 2]}, r"'energy' is .* expected \[value, unit\]"),
        ({"energy": [10**400, "eV"]}, r"'energy' is .* expected \[value, unit\]"),
        ({"energy": NAN}, "the energy is nan, expected a finite number"),
        ({"energy": [-1, "ev "]}, "unknown energy unit 'ev ', .*did you mean '[eE][vV]'"),
        ({"atoms": {"O": 1}}, "'atoms' is not a list of atoms"),
        ({"atoms": [*ATOMS, "H"]}, "atom 2: 'H', expected .label, symbol"),
        ({"atoms": [[1, "h", [0, 0, 0]]]}, "atom 0: species 'h' is not in .* did you mean 'H'"),
        ({"atoms": [[1, "O", [10**400, 0, 0]]]}, "atom 0: position is .* expected numbers"),
        ({"atoms": [[1, "O", [None, 0, 0]]]}, "positions of atom 0 are not finite"),
        ({"atoms": [[1, "O", [0, 0, 0], [0, NAN, 0]]]}, "forces of atom 0 are not finite"),
        ({"atoms": [[1, "O", [0, 0, 0], [0, "x", 0]]]}, "atom 0: force is .* expected numbers"),
        (
            {"atomic_position_unit": "crystal", "lattice_vectors": [[1, 0, 0], [0] * 3, [0] * 3]},
            r"atom 0: its crystal coordinates are \[0.0, 0.0, 0.1\], but a zero lattice vector",
        ),
    ],
)
def test_mistakes_name_file_and_key(tmp_path, changes, message):
    path = write(tmp_path, **changes)
    with pytest.raises(DataError, match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 250


def test_json_mistakes_name_line_and_column(tmp_path):
    path = tmp_path / "a.example"
    path.write_text('{"atoms": [],\n "energy": [1,}')
    with pytest.raises(DataError, match=r"a\.example, line 2, column \d+: is not JSON"):
        read(path)
    path.write_text("")
    with pytest.raises(DataError, match="line 1, column 1: is not JSON"):
        read(path)
    path.write_text("[1]")
    with pytest.raises(DataError, match="holds a list, expected a JSON object"):
        read(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"\xff{", r"is not JSON \(no text at byte 0\)"),
        (b"[" * 100_000, "lists too deep"),
        (b'{"atoms": ' + b"1" * 5000 + b"}", "a number too long"),
    ],
)
def test_files_that_are_no_text_or_not_to_be_read(tmp_path, content, reason):
    path = tmp_path / "a.example"
    path.write_bytes(content)
    with pytest.raises(DataError, match=rf"a\.example: is not JSON.*{reason}|{reason}"):
        read(path)


def test_no_file(tmp_path):
    with pytest.raises(DataError, match=r"a\.example: no such file"):
        read(tmp_path / "a.example")


def test_a_name_in_any_language(tmp_path):
    path = write(tmp_path, source="Übung")
    path.write_bytes(path.read_bytes().decode("unicode-escape").encode())
    assert read(path).energy == -5.0
