"""The layouts of ANI and SPICE."""

import h5py
import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, ani_hdf5, open_structures, spice_hdf5
from panna_exp.units import BOHR, RYDBERG

SPECIES = Species(("H", "C", "O"))
HARTREE = 2 * RYDBERG
R = np.array([[[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]], [[0, 0, 0], [0, 1, 0], [0, 0, 1.0]]])
G = np.arange(18, dtype=np.float32).reshape(2, 3, 3) + 1
E = np.array([-76.25, -76.5])


@pytest.fixture
def path(tmp_path):
    return tmp_path / "a.h5"


def ani(path, group="gdb11_s01/gdb11_s01-0", mode="w", **changes):
    sets = {"coordinates": R.astype(np.float32), "species": np.array([b"O", b"H", b"H"])}
    sets |= {"energies": E, "smiles": np.bytes_("[H]O[H]"), **changes}
    write(path, group, mode, sets)
    return path


def spice(path, group="water", mode="w", units=True, **changes):
    sets = {"conformations": R.astype(np.float32), "atomic_numbers": np.array([8, 1, 1], np.int16)}
    sets |= {"dft_total_energy": E, "dft_total_gradient": G, "smiles": [b"O"], **changes}
    write(path, group, mode, sets)
    names = {"conformations": "bohr", "dft_total_energy": "hartree"}
    with h5py.File(path, "a") as file:
        for name, unit in {**names, "dft_total_gradient": "hartree/bohr"}.items():
            if units and name in file[group]:
                file[group][name].attrs["units"] = unit
    return path


def write(path, group, mode, sets):
    with h5py.File(path, mode) as file:
        target = file.require_group(group)
        for name, values in sets.items():
            if values is not None:
                target[name] = values


def read_ani(path, **options):
    return ani_hdf5.read(path, SPECIES, ReadOptions(**options))


def read_spice(path, **options):
    return spice_hdf5.read(path, SPECIES, ReadOptions(**options))


def test_ani(path):
    ani(path)
    methane = np.zeros((1, 5, 3))
    numbers = np.array([[6, 1, 1, 1, 1]])
    ani(path, "gdb11_s01/gdb11_s01-1", "a", coordinates=methane, species=numbers, energies=[-40.5])
    found = open_structures([str(path)], SPECIES, kind="ani").structures
    assert found.energy == pytest.approx(np.array([*E, -40.5]) * HARTREE, rel=1e-14)
    assert found.num_atoms.tolist() == [3, 3, 5]
    assert found.species.tolist() == [2, 0, 0, 2, 0, 0, 1, 0, 0, 0, 0]
    assert np.array_equal(found.positions[:6], R.reshape(6, 3).astype(np.float32))
    assert found.forces is None
    assert list(found.names) == ["gdb11_s01-0-0", "gdb11_s01-0-1", "gdb11_s01-1"]
    place = f"{path}, group 'gdb11_s01/gdb11_s01-0', structure 1 'gdb11_s01-0-1'"
    assert found.origins[1] == place


def test_ani_1x_has_several_levels_of_theory(path):
    forces = G.copy()
    forces[1] = np.nan
    numbers = {"species": None, "atomic_numbers": np.array([8, 1, 1], np.uint8)}
    levels = {"wb97x_dz.energy": E, "wb97x_dz.forces": forces, "hf_dz.energy": E + 1}
    ani(path, "H2O", **numbers, **levels, energies=None)
    message = (
        r"a\.h5, group 'H2O': has no energies \(energies or energy\), it has .*wb97x_dz\.energy"
    )
    with pytest.raises(DataError, match=message):
        read_ani(path)
    found = read_ani(path, energy_key="wb97x_dz.energy", forces_key="wb97x_dz.forces")
    assert found.energy == pytest.approx(E * HARTREE, rel=1e-14)
    assert found.forces[:3] == pytest.approx(G[0] * HARTREE, rel=1e-7)
    assert np.isnan(found.forces[3:]).all()
    assert read_ani(path, energy_key="hf_dz.energy").forces is None


def test_spice(path):
    spice(path)
    found = open_structures([str(path)], SPECIES, kind="spice").structures
    assert found.energy == pytest.approx(E * HARTREE, rel=1e-14)
    assert found.positions == pytest.approx(R.reshape(6, 3) * BOHR, rel=1e-6)
    # Forces are minus the gradient.
    assert found.forces == pytest.approx(-G.reshape(6, 3).astype(float) * HARTREE / BOHR, rel=1e-14)
    assert found.species.tolist() == [2, 0, 0] * 2


def test_units(path):
    spice(path, units=False)
    assert read_spice(path).positions[1, 1] == pytest.approx(0.8 * BOHR, rel=1e-6)
    found = read_spice(path, length_unit="angstrom", energy_unit="eV")
    assert found.positions[1, 1] == pytest.approx(0.8, rel=1e-6)
    assert found.energy.tolist() == E.tolist()
    assert found.forces[0].tolist() == [-1, -2, -3]
    spice(path)
    message = (
        "group 'water': says that its unit is 'bohr', but length_unit=angstrom .*: leave it out"
    )
    with pytest.raises(DataError, match=message):
        read_spice(path, length_unit="angstrom")
    with h5py.File(path, "a") as file:
        file["water/dft_total_gradient"].attrs["units"] = "hartree/angstrom"
    message = (
        "says that its unit is 'hartree/angstrom', but energies and positions are in hartree and"
    )
    with pytest.raises(DataError, match=message):
        read_spice(path)
    with h5py.File(path, "a") as file:
        file["water/conformations"].attrs["units"] = "angstrom"
    assert read_spice(path).forces[0] == pytest.approx(-G[0, 0] * HARTREE, rel=1e-7)


def test_zero_forces(path):
    found = read_spice(spice(path, dft_total_gradient=np.zeros((2, 3, 3))))
    assert found.forces is None
    assert len(found.zero_forces) == 2
    assert not read_spice(path, zero_forces="keep").forces.any()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"energies": None},
            r"has no energies \(energies or energy\), it has coordinates, smiles, spec",
        ),
        ({"species": None}, r"has no species \(species or atomic_numbers\)"),
        ({"species": np.array([b"O", b"H", b"Q"])}, "species 'Q' is not a chemical symbol"),
        (
            {"species": np.array([b"O", b"H", b"N"])},
            "structure 0 .*, atom 2: species 'N' is not in",
        ),
        (
            {"species": np.array([b"O", b"H"])},
            r"atomic numbers have the shape \(2,\), expected \(3,\)",
        ),
        ({"energies": E[:1]}, r"energies have the shape \(1,\), expected \(2,\) or \(2, 1\)"),
        ({"energies": np.array([1, np.nan])}, "structure 1 'x-1': the energy is nan"),
        ({"energies": np.array([b"a", b"b"])}, "'energies' holds .*, expected numbers"),
        (
            {"coordinates": np.full((2, 3, 3), np.inf)},
            "structure 0 'x-0': positions of atom 0 are not",
        ),
        ({"forces": G[:1]}, r"forces have the shape \(1, 3, 3\), expected \(2, 3, 3\)"),
    ],
)
def test_what_is_wrong_is_named(path, changes, message):
    with pytest.raises(DataError, match=rf"a\.h5, group 'x'(:|,) .*{message}|{message}") as caught:
        read_ani(ani(path, "x", **changes))
    assert str(caught.value).startswith(f"{path}, group 'x'")


def test_files_of_other_layouts(path):
    spice(path)
    with pytest.raises(
        DataError, match="no group in it has 'coordinates', expected one per molecule"
    ):
        read_ani(path)
    with pytest.raises(DataError, match=r"another program's HDF5 file\? \(data\.kind=ani or spice"):
        open_structures([str(path)], SPECIES)
    path.write_bytes(b"nonsense")
    with pytest.raises(DataError, match="is not a readable HDF5 file"):
        read_spice(path)
    with pytest.raises(DataError, match="no such file"):
        read_spice(path.with_name("b.h5"))


def test_links_into_other_files_are_not_followed(path, tmp_path):
    spice(tmp_path / "secret.h5")
    with h5py.File(path, "w") as file:
        group = file.create_group("water")
        for name in ("conformations", "atomic_numbers", "dft_total_energy"):
            group[name] = h5py.ExternalLink("secret.h5", f"water/{name}")
        file["other"] = h5py.ExternalLink("secret.h5", "water")
    with pytest.raises(DataError, match="'other' is a link to another file, which is not followed"):
        read_spice(path)
