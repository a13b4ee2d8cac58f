import pickle

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, npz, open_structures

SPECIES = Species(("H", "O"))
R = np.array([[[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]], [[0, 0, 0], [0, 1, 0], [0, 0, 1.0]]])
F = np.arange(18, dtype=float).reshape(2, 3, 3) + 1
KCAL = 4184 / 96485.33652


def save(path, **changes):
    arrays = {"R": R, "z": np.array([8, 1, 1]), "E": np.array([[-2.0], [-3.0]]), "F": F}
    arrays |= {"e_unit": np.array("kcal/mol"), "r_unit": np.array("Ang"), **changes}
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


@pytest.fixture
def path(tmp_path):
    return tmp_path / "water.npz"


def read(path, **options):
    return npz.read(path, SPECIES, ReadOptions(**options))


def test_the_usual_names_and_units_of_the_file(path):
    loaded = open_structures([str(save(path))], SPECIES)
    found = loaded.structures
    assert loaded.files[0].kind == "npz"
    assert found.energy == pytest.approx([-2 * KCAL, -3 * KCAL], rel=1e-14)
    assert found.forces == pytest.approx(F.reshape(6, 3) * KCAL, rel=1e-14)
    assert np.array_equal(found.positions, R.reshape(6, 3))
    assert found.species.tolist() == [1, 0, 0] * 2
    assert not found.pbc.any()
    assert found.origins[1] == f"{path}, structure 1 (counted from 0)"


def test_the_names_of_revised_md17(path):
    arrays = {"nuclear_charges": np.array([8, 1, 1], np.uint8), "coords": R, "forces": F}
    np.savez(path, energies=np.array([-2.0, -3.0]), old_indices=np.arange(2), **arrays)
    found = read(path, energy_unit="kcal/mol")
    assert found.energy == pytest.approx([-2 * KCAL, -3 * KCAL], rel=1e-14)
    message = (
        r"water\.npz: does not say its unit: give energy_unit \(data\.energy_unit, --energy-unit"
    )
    with pytest.raises(DataError, match=message):
        read(path)


def test_padding_cells_names_and_bytes(path):
    numbers = np.array([[8, 1, 1], [8, 0, 1]])
    lattice = np.array([[9, 1, 0], [0, 9, 2], [0, 0, 9.0]])
    names = np.array(["a", "b"])
    found = read(
        save(path, z=numbers, lattice=lattice, names=names, e_unit=np.array(b"eV"), F=None)
    )
    assert found.num_atoms.tolist() == [3, 2]
    assert found.positions[3:].tolist() == [R[1, 0].tolist(), R[1, 2].tolist()]
    assert found.forces is None
    assert found.names == ["a", "b"]
    assert found.cell[1].tolist() == lattice.T.tolist()  # its columns are the lattice vectors
    assert found.pbc.all()
    cells = np.zeros((2, 3, 3))
    cells[1, 0, 0] = 9
    found = read(save(path, cell=cells))
    assert found.pbc.tolist() == [[False] * 3, [True, False, False]]


def test_the_users_names(path):
    other = {"E2": np.array([-5.0, -6.0]), "F2": F * 2, "e_unit": np.array("eV")}
    found = read(save(path, **other), energy_key="E2", forces_key="F2")
    assert found.energy.tolist() == [-5, -6]
    assert found.forces[0].tolist() == [2, 4, 6]


def test_a_structure_without_forces_and_one_with_zeros(path):
    forces = F.copy()
    forces[0] = 0
    found = read(save(path, F=forces))
    assert found.zero_forces == (f"{path}, structure 0 (counted from 0)",)
    assert np.isnan(found.forces).all(axis=1).tolist() == [True] * 3 + [False] * 3
    forces[0] = np.nan
    assert read(save(path, F=forces)).zero_forces == ()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"E": None},
            r"has no energies \(E or energies or energy\), it has R, z, F, e_unit, r_unit$",
        ),
        ({"R": None}, "has no positions"),
        ({"R": R[0]}, r"positions have the shape \(3, 3\), expected \(n, A, 3\)"),
        (
            {"z": np.array([8, 1])},
            r"atomic numbers have the shape \(2,\), expected \(3,\) or \(2, 3",
        ),
        (
            {"z": np.array([8, 1, 6])},
            r"structure 0 .*, atom 2: species 'C' is not in data\.species",
        ),
        (
            {"z": np.array([8, 1, 200])},
            "structure 0 .*, atom 2: atomic number 200, expected 1 to 118",
        ),
        ({"z": np.array([8.0, 1, 1])}, "species are of type float64, expected atomic numbers"),
        ({"z": np.zeros(3, int)}, "structure 0 .*: has no atoms"),
        ({"E": np.array([-1.0])}, r"energies have the shape \(1,\), expected \(2,\) or \(2, 1\)"),
        ({"E": np.array([-1.0, np.nan])}, "structure 1 .*: the energy is nan"),
        ({"E": np.array(["a", "b"])}, "energies are of type <U1, expected numbers"),
        ({"F": F[:, :2]}, r"forces have the shape \(2, 2, 3\), expected \(2, 3, 3\)"),
        ({"lattice": np.eye(2)}, r"lattice vectors have the shape \(2, 2\)"),
        ({"names": np.array(["a"])}, r"names have the shape \(1,\), expected \(0,\) or \(2,\)"),
        ({"e_unit": np.array("kcal")}, "unknown energy unit 'kcal', .* did you mean 'kcal/mol'"),
        ({"r_unit": np.array("feet")}, "unknown length unit 'feet'"),
    ],
)
def test_what_is_wrong_is_named(path, changes, message):
    with pytest.raises(DataError, match=rf"water\.npz.*{message}"):
        read(save(path, **changes))


def test_units_that_contradict(path):
    message = "says that its unit is 'kcal/mol', but energy_unit=eV .*: leave it out"
    with pytest.raises(DataError, match=message):
        read(save(path), energy_unit="eV")
    read(save(path), energy_unit="kcal/mol", length_unit="Ang")


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a file of the user was unpickled",))


def test_nothing_is_unpickled(path):
    bombs = np.array([Bomb()] * 3, dtype=object)
    with pytest.raises(DataError, match="'z' holds Python objects, which could run code"):
        read(save(path, z=bombs))
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(DataError, match="is damaged, or no NumPy archive"):
        read(path)
    save(path, extra=bombs)  # not needed, not read
    assert len(read(path)) == 2


def test_damaged_files(path):
    content = save(path).read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(
        DataError, match=r"water\.npz: is damaged, or no NumPy archive \(BadZipFile"
    ):
        read(path)
    with path.open("wb") as file:
        np.save(file, R)
    with pytest.raises(DataError, match="is one NumPy array, expected an archive"):
        read(path)
    path.unlink()
    with pytest.raises(DataError, match="no such file"):
        read(path)
