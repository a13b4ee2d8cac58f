import inspect
import logging
import pickle
import re
import sys

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.io import write
from ase.io.formats import ioformats
from ase.io.trajectory import Trajectory

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, ase_files, open_structures
from panna_exp.units import BOHR, RYDBERG

SPECIES = Species(("H", "O"))
FORCES = np.array([[0.0, 0.0, 0.5], [0.0, 0.25, -0.25], [0.0, -0.25, -0.25]])
WATER = """3
{header}
O 0.0 0.0 0.1 0.0 0.0 0.5
H 0.0 0.8 -0.4 0.0 0.25 -0.25
H 0.0 -0.8 -0.4 0.0 -0.25 -0.25
"""
COLUMNS = "Properties=species:S:1:pos:R:3:{forces}:R:3"


def xyz(path, *headers, forces="forces"):
    columns = COLUMNS.format(forces=forces)
    path.write_text("".join(WATER.format(header=f"{columns} {header}") for header in headers))
    return path


def read(path, **options):
    return ase_files.read(path, SPECIES, ReadOptions(**options))


def water(energy=-2078.5, **changes):
    atoms = Atoms("OHH", positions=[[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]], **changes)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=FORCES)
    return atoms


@pytest.fixture
def warned(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("panna_exp"), "propagate", True)
    caplog.set_level(logging.WARNING, "panna_exp")
    return caplog


def test_extended_xyz(tmp_path):
    path = xyz(tmp_path / "water.xyz", "energy=-2078.5 name=first", "energy=-2078.25")
    found = read(path)
    assert found.energy.tolist() == [-2078.5, -2078.25]
    assert found.names == ["first", ""]
    assert found.origins[1] == f"{path}, structure 1 (counted from 0)"
    assert found.species.tolist() == [1, 0, 0] * 2
    assert found.positions[1].tolist() == [0.0, 0.8, -0.4]
    assert np.array_equal(found.forces, np.vstack([FORCES, FORCES]))
    assert not found.pbc.any()
    assert found.zero_forces == ()


def test_the_users_keys(tmp_path):
    path = xyz(
        tmp_path / "a.xyz", "energy=1.0 dft_energy=-2078.5 free_energy=-3", forces="dft_force"
    )
    found = read(path, energy_key="dft_energy", forces_key="dft_force")
    assert found.energy.tolist() == [-2078.5]
    assert np.array_equal(found.forces, FORCES)
    assert read(path, energy_key="free_energy").energy.tolist() == [-3]


def test_units_of_the_user(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-2.0 Lattice='10 0 0 0 10 0 0 0 10'")
    found = read(path, energy_unit="Ha", length_unit="bohr")
    assert found.energy[0] == pytest.approx(-4 * RYDBERG, rel=1e-15)
    assert found.positions[1, 1] == pytest.approx(0.8 * BOHR, rel=1e-15)
    assert found.cell[0, 0, 0] == pytest.approx(10 * BOHR, rel=1e-15)
    assert found.forces[0, 2] == pytest.approx(0.5 * 2 * RYDBERG / BOHR, rel=1e-15)
    with pytest.raises(DataError, match=r"a\.xyz: unknown energy unit 'kcal', .*'kcal/mol'\?"):
        read(path, energy_unit="kcal")


@pytest.mark.parametrize(
    ("header", "pbc"),
    [
        ("Lattice='9 0 0 0 9 0 1 0 9'", [True, True, True]),
        ("Lattice='9 0 0 0 9 0 1 0 9' pbc='T F T'", [True, False, True]),
        ("Lattice='9 0 0 0 9 0 1 0 9' pbc='F F F'", [False, False, False]),
        ("Lattice='9 0 0 0 0 0 1 0 9' pbc='T T T'", [True, False, True]),
        ("pbc='F F F'", [False, False, False]),
    ],
)
def test_a_lattice_vector_that_is_zero_or_not_periodic_is_none(tmp_path, header, pbc):
    found = read(xyz(tmp_path / "a.xyz", f"energy=-1 {header}"))
    whole = np.array([[9, 0, 0], [0, 9, 0], [1, 0, 9.0]])
    assert found.pbc.tolist() == [pbc]
    assert np.array_equal(found.cell[0], whole * np.array(pbc)[:, None])


def test_trajectories_databases_and_what_constraints_do(tmp_path):
    atoms = water()
    atoms.set_constraint(FixAtoms([0]))
    with Trajectory(tmp_path / "a.traj", "w") as file:
        file.write(atoms)
        file.write(water(energy=-2078.25))
    write(tmp_path / "a.db", [water(energy=-1.0)])
    found = read(tmp_path / "a.traj")
    assert found.energy.tolist() == [-2078.5, -2078.25]
    assert np.array_equal(found.forces, np.vstack([FORCES, FORCES]))  # of the fixed atom, too
    assert read(tmp_path / "a.db").energy.tolist() == [-1.0]


def test_a_kind_that_is_named_takes_any_file(tmp_path):
    # The end of a VASP OUTCAR would do as well; POSCAR has no energy, which is an error.
    write(tmp_path / "POSCAR", water(cell=[9, 9, 9], pbc=True))
    with pytest.raises(DataError, match=r"POSCAR, structure 0 \(counted from 0\): has no energy$"):
        open_structures([str(tmp_path / "POSCAR")], SPECIES, kind="ase")
    with pytest.raises(DataError, match="unknown suffix ''"):
        open_structures([str(tmp_path / "POSCAR")], SPECIES)


def test_structures_without_forces(tmp_path, warned):
    path = xyz(tmp_path / "a.xyz", "energy=-1")
    with path.open("a") as file:
        file.write("1\nProperties=species:S:1:pos:R:3 energy=-0.5\nH 0 0 0\n")
    assert np.isnan(read(path).forces).tolist() == [[False] * 3] * 3 + [[True] * 3]
    assert np.isnan(read(path, forces_key="forces").forces[3]).all()
    assert warned.messages == []


@pytest.mark.parametrize(
    ("forces", "hint"),
    [
        ("my_vectors", ""),
        ("gradient", " and data.forces_sign=-1 (--forces-sign -1) for a gradient"),
    ],
)
def test_forces_by_another_name_are_not_lost_silently(tmp_path, warned, forces, hint):
    assert read(xyz(tmp_path / "a.xyz", "energy=-1", forces=forces)).forces is None
    assert warned.messages == [
        f"{tmp_path / 'a.xyz'}: no forces are read; it has '{forces}': name the one that is the "
        f"forces with data.forces_key (--forces-key){hint}"
    ]


def test_the_one_name_that_says_what_it_is_is_taken_and_said(tmp_path, warned):
    found = read(xyz(tmp_path / "a.xyz", "REF_energy=-5 n=3", forces="dft_force"))
    assert found.energy.tolist() == [-5]
    assert np.array_equal(found.forces, FORCES)
    assert [text.partition(": ")[2] for text in warned.messages] == [
        "'dft_force' is taken as the forces: name another one with data.forces_key (--forces-key)",
        "'REF_energy' is taken as the energy: name another one with data.energy_key (--energy-key)",
    ]


def test_another_energy_beside_ases_own_is_named(tmp_path, warned):
    path = xyz(tmp_path / "a.xyz", "energy=-5 REF_energy=-6 free_energy=-5.1", "energy=-5")
    assert read(path).energy.tolist() == [-5, -5]
    (message,) = warned.messages
    assert "its 'energy' is taken, but 'REF_energy' is another number: name the one" in message


def test_units_and_signs_of_forces(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-1", forces="gradient")
    found = read(path, forces_key="gradient", forces_sign=-1, forces_unit="Ha/bohr")
    assert np.allclose(found.forces, -FORCES * 2 * RYDBERG / BOHR, rtol=1e-14)
    with pytest.raises(DataError, match="unknown unit of forces 'Ha', expected an energy per len"):
        read(path, forces_unit="Ha")


STRAIN = 'Lattice="4 0 0 0 4 0 0 0 4" energy=-1'
MATRIX = "1 4 5 4 2 6 5 6 3"
VOIGT = "1 2 3 6 5 4"


@pytest.mark.parametrize(
    ("header", "options", "factor"),
    [
        (f'stress="{MATRIX}"', {}, -64),
        (f'stress="{VOIGT}"', {}, -64),
        (f'REF_stress="{VOIGT}"', {}, -64),
        (f'dft_virial="{MATRIX}"', {}, 1),
        (f'virials="{VOIGT}"', {}, 1),
        (f'mine="{MATRIX}" stress="9 9 9 9 9 9"', {"stress_key": "mine"}, -64),
        (f'mine="{MATRIX}" stress="9 9 9 9 9 9"', {"virial_key": "mine"}, 1),
        (f'stress="{VOIGT}"', {"stress_unit": "GPa"}, -64 / 160.21766208),
        (f'stress="{VOIGT}"', {"stress_unit": "-kbar"}, 64 / 1602.1766208),
        (f'stress="{VOIGT}"', {"length_unit": "bohr", "stress_unit": "GPa"}, -64 * BOHR**3 / 160.2),
    ],
)
def test_stresses_and_virials(tmp_path, header, options, factor):
    found = read(xyz(tmp_path / "a.xyz", f"{STRAIN} {header}"), virials=True, **options)
    expected = factor * np.array([[1, 4, 5], [4, 2, 6], [5, 6, 3]])
    assert np.allclose(found.virial[0], expected, rtol=3e-4)


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        (
            f'REF_stress="{VOIGT}" dft_stress="{VOIGT}"',
            {},
            r"'REF_stress' and 'dft_stress' may both be the stress: name one with data.stress_key",
        ),
        (
            f'mine="{VOIGT}"',
            {"stress_key": "min"},
            r"no structure has 'min' \(data.stress_key \(--stress-key\)\) of 6 or 9 numbers, they "
            "have 'mine', did you mean",
        ),
        (f'stress="{VOIGT}" virial="{VOIGT}"', {}, "its virial and its stress contradict"),
        (f'stress="{VOIGT}"', {"stress_unit": "gpa"}, "unknown stress unit 'gpa', .*'GPa'"),
    ],
)
def test_stresses_that_cannot_be_used(tmp_path, header, options, message):
    path = xyz(tmp_path / "a.xyz", f"{STRAIN} {header}")
    with pytest.raises(DataError, match=message):
        read(path, virials=True, **options)


def test_stresses_by_a_name_that_says_nothing_are_named(tmp_path, warned):
    assert read(xyz(tmp_path / "a.xyz", f'{STRAIN} mine="{VOIGT}"'), virials=True).virial is None
    (message,) = warned.messages
    assert "no stresses are read; it has 'mine' of 6 or 9 numbers: name the one that is" in message


def test_weights_and_kinds_of_structures(tmp_path):
    path = xyz(
        tmp_path / "a.xyz",
        "energy=-1 config_type=bulk config_weight=10",
        "energy=-1",
        "energy=-1 config_weight=2 config_energy_weight=3 config_forces_weight=0.5",
    )
    found = read(path)
    assert list(found.config_types) == ["bulk", "", ""]
    assert found.weights.tolist() == [[10, 10, 10], [1, 1, 1], [6, 1, 2]]
    with pytest.raises(DataError, match="'config_weight' is 'ten', expected a number"):
        read(xyz(path, "energy=-1 config_weight=ten"))
    with pytest.raises(DataError, match=r"its weights .* expected finite numbers from 0"):
        read(xyz(path, "energy=-1 config_weight=-1"))


def test_a_cell_that_is_far_too_long(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-1 Lattice='9 0 0 0 9 0 0 0 1000000'")
    with pytest.raises(
        DataError, match=r"lattice vectors is \[0.0, 0.0, 1000000.0\], expected less"
    ):
        read(path)


def test_zero_forces_count_as_none(tmp_path, warned):
    path = xyz(tmp_path / "a.xyz", "energy=-1", "energy=-2")
    text = path.read_text().splitlines()
    for number in (2, 3, 4):
        text[number] = " ".join([*text[number].split()[:4], "0.0", "-0.0", "0"])
    path.write_text("\n".join(text))
    loaded = open_structures([str(path)], SPECIES)
    assert np.isnan(loaded.structures.forces).all(axis=1).tolist() == [True] * 3 + [False] * 3
    assert len(warned.messages) == 1
    assert warned.messages[0].endswith(f"first {path}, structure 0 (counted from 0)")
    keep = ReadOptions(zero_forces="keep")
    assert not np.isnan(open_structures([str(path)], SPECIES, options=keep).structures.forces).any()


@pytest.mark.parametrize(
    ("header", "options", "message"),
    [
        (
            "my_energy=-1 n=3",
            {},
            "has no energy for ASE, but 'my_energy', 'n': name the one that",
        ),
        (
            "free_energy=-1",
            {},
            "has 'free_energy', but the structures before it have 'energy': name the one that is",
        ),
        ("PBE_energy=-1 HF_energy=-2", {}, "'PBE_energy' and 'HF_energy' may both be the energy"),
        ("", {}, "has no energy$"),
        (
            "dft_energy=-1 energy=-2",
            {"energy_key": "REF_energy"},
            r"has no energy 'REF_energy' \(data.energy_key, --energy-key\), it has 'dft_energy', "
            "'energy', did you mean",
        ),
        ("energy=nan", {}, "the energy is nan, expected a finite number"),
        ("energy=true", {}, "has no energy$"),
        ("energy=-1 Lattice='nan 0 0 0 1 0 0 0 1'", {}, "the lattice vectors are not finite"),
    ],
)
def test_structures_without_the_energy_are_named(tmp_path, header, options, message):
    path = xyz(tmp_path / "a.xyz", "energy=-5 dft_energy=-5 REF_energy=-5", header)
    place = re.escape(f"{path}, structure 1 (counted from 0): ")
    with pytest.raises(DataError, match=place + message):
        read(path, **options)


def test_a_forces_key_that_nobody_has(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-5", forces="dft_forces")
    message = (
        r"a\.xyz: no structure has forces 'dft_force' .*, they have 'dft_forces', did you mean"
    )
    with pytest.raises(DataError, match=message):
        read(path, forces_key="dft_force")


def test_species_outside_the_list(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-5")
    message = r"structure 0 \(counted from 0\), atom 1: species 'H' is not in data\.species \[O\]"
    with pytest.raises(DataError, match=message):
        ase_files.read(path, Species(("O",)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text[: text.rindex("H")], r"ends 1 lines too early: it is truncated$"),
        (lambda text: text.replace("\n3\n", "\n\n3\n"), r"line 6: is blank, but structures follow"),
        (lambda text: text.replace("\n3\n", "\n2\n"), r"line 10: is 'H 0.0 -0.8 .*', expected the"),
        (
            lambda text: text.replace("0.8", "zero"),
            r"structure 0 .*: ASE cannot read it \(ValueErr",
        ),
        (lambda text: "", "finds no structures in it"),
    ],
)
def test_damaged_xyz_files(tmp_path, change, message):
    path = xyz(tmp_path / "a.xyz", "energy=-5", "energy=-6")
    path.write_text(change(path.read_text()))
    with pytest.raises(DataError, match=rf"a\.xyz.*{message}"):
        read(path)


def test_more_columns_than_an_atom_can_have(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-5")
    path.write_text(path.read_text().replace("forces:R:3", "forces:R:30000000000"))
    with pytest.raises(DataError, match=r"a\.xyz, structure 0 .*: .* has 30000000004 columns per"):
        read(path)


def test_blank_lines_at_the_end_are_nothing(tmp_path):
    path = xyz(tmp_path / "a.xyz", "energy=-5", "energy=-6")
    path.write_text(path.read_text() + "\n\n")
    assert len(read(path)) == 2


def test_damaged_trajectories_and_unknown_files(tmp_path):
    (tmp_path / "a.traj").write_bytes(b"nonsense")
    (tmp_path / "a.bin").write_bytes(b"\x00\x01\x02nonsense")
    with pytest.raises(DataError, match=r"a\.traj, structure 0 .*: ASE cannot read it \("):
        read(tmp_path / "a.traj")
    with pytest.raises(DataError, match=r"a\.bin, structure 0 .*: ASE cannot read it \(Unknown"):
        read(tmp_path / "a.bin")


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ase.io", None)
    path = xyz(tmp_path / "a.xyz", "energy=-5")
    with pytest.raises(DataError, match=r"a\.xyz.*needs the package ase, .*: pip install ase$"):
        read(path)


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a file of the user was unpickled",))


@pytest.mark.parametrize(
    "name", ["a.traj", "a.xyz", "a.pckl", "a.bundle", "a.gpw", "a.db", "a.json"]
)
def test_pickles_are_not_loaded(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(pickle.dumps(Bomb(), protocol=0))
    with pytest.raises(DataError, match=re.escape(str(path))):
        read(path)
    path.write_bytes(b"PickleTrajectory" + pickle.dumps(Bomb(), protocol=2))
    with pytest.raises(DataError, match=re.escape(str(path))):
        read(path)


@pytest.mark.parametrize("magic", [b"- of UlmGPAW", b"AFFormatGPAW"])
def test_files_that_other_packages_would_read_are_refused(tmp_path, magic):
    path = tmp_path / "restart"
    path.write_bytes(magic)
    with pytest.raises(DataError, match=r"restart: is a 'gpw' file for ASE, .*: refused"):
        read(path)


def test_plugins_of_ase_are_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.mine"
    path.touch()
    monkeypatch.setattr("ase.io.formats.filetype", lambda name: "gen")
    monkeypatch.setattr(ioformats["gen"], "module_name", "somebody.plugin")
    with pytest.raises(DataError, match=r"a\.mine: a plugin of ASE's would read .*'gen': refused"):
        read(path)


def test_no_format_that_is_read_unpickles_or_evaluates():
    """Of the installed ASE, so that a later one that does is noticed."""
    risky = re.compile(r"pickle\.loads?\(|pickleload\(|(?<![\w.])(eval|exec)\(|allow_pickle=True")
    for name, kind in ioformats.items():
        if name in ase_files.REFUSED or not kind.module_name.startswith("ase.io."):
            continue
        try:
            module = kind.module
        except Exception:
            continue  # needs a package that is not installed
        assert not risky.search(inspect.getsource(module)), name


def test_real_data(shared):
    folder = shared / "data"
    found = open_structures([str(folder / "ethanol/train.xyz")], Species(("H", "C", "O")))
    assert (len(found.structures), len(found.structures.species)) == (1000, 9000)
    assert found.structures.energy[0] == -4209.4657843064815
    assert not found.structures.pbc.any()  # a box of 50 angstrom, but pbc="F F F"
    atoms = open_structures(
        [str(folder / "ethanol/isolated_atoms.xyz")], Species(("H", "C", "O", "N"))
    ).structures
    assert (len(atoms), atoms.forces) == (4, None)
    crystal = open_structures([str(folder / "mlearn/Si_test.extxyz")], Species(("Si",))).structures
    assert crystal.pbc.all()
    assert crystal.cell[0].tolist()[0] == [15.479828, -3.500864, 24.629585]
    assert crystal.forces.shape == crystal.positions.shape
