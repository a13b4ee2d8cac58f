"""What convert keeps beyond structures, what it says is lost, and what its summary shows."""

import numpy as np
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import read as ase_read
from ase.io import write as ase_write

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers import ReadOptions, open_structures

SPECIES = Species(("Si",))
ALL = ReadOptions(derivatives=True, virials=True)


def crystals(path, count=4, unit=1.0, zero_from=None):
    """Silicon with energies, forces and stresses; forces are zero from one structure on."""
    random = np.random.default_rng(0)
    frames = []
    for number in range(count):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.05, seed=number)
        pull = random.normal(0, 0.1, (8, 3))
        forces = pull - pull.mean(axis=0)
        if zero_from is not None and number >= zero_from:
            forces[:] = 0
        values = {
            "energy": -37.0 - number,
            "forces": forces,
            "stress": unit * random.normal(size=6),
        }
        atoms.calc = SinglePointCalculator(atoms, **values)
        frames.append(atoms)
    ase_write(path, frames, format="extxyz")
    return frames


def read(path) -> StructureSet:
    return open_structures([str(path)], SPECIES, options=ALL).structures


def notes(done):
    return [line for line in done.stdout.splitlines() if line.startswith("note: ")]


def table(done):
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if "│" in line]
    return {name.strip(): value.strip() for name, value in rows if name.strip()}


def test_stresses_stay_over_xyz_and_hdf5(program):
    folder = program.folder
    frames = crystals(folder / "si.xyz", unit=0.01)
    done = program.run("convert", "si.xyz", "a.h5")
    assert notes(done) == []
    assert table(done)["stress"].endswith("eV/angstrom^3, 4 of 4 structures")
    program.run("convert", "a.h5", "b.xyz")
    for before, after in zip(frames, ase_read(folder / "b.xyz", ":"), strict=True):
        np.testing.assert_allclose(after.get_stress(), before.get_stress(), rtol=1e-7)
    program.run("convert", "b.xyz", "c.h5")
    assert np.array_equal(read(folder / "a.h5").virial, read(folder / "c.h5").virial)
    done = program.run("convert", "a.h5", "d.npz")
    assert notes(done) == ["note: not kept in a NumPy archive as of sGDML: virials"]
    done = program.run("convert", "a.h5", "e.h5", "--virials", "none")
    assert read(folder / "e.h5").virial is None
    # They are in the unit that training wants.
    words = ("data.species=[Si]", "data.reference_energies=fit", "tracking=none")
    options = ("training=forces", "training.virial_cost=1", "network.architecture=[4,1]")
    short = ("training.max_epochs=1", "data=hdf5", "descriptor.Rc_ang=3.2")
    done = program.run("train", "data.train=c.h5", *words, *options, *short)
    assert "4 of 4 structures have virials" in done.stdout + done.stderr


def test_stresses_in_another_unit_are_noticed(program):
    crystals(program.folder / "si.xyz", unit=10.0)
    done = program.run("convert", "si.xyz", "a.h5")
    assert "IN GPa OR kbar?" in done.stdout


def test_derivatives_stay_where_the_format_has_them(program):
    folder = program.folder
    crystals(folder / "si.xyz", count=2)
    common = ("data=ase", "data.train=si.xyz", "data.species=[Si]", "descriptor.Rc_rad=3")
    small = ("descriptor.Rc_ang=3", "derivatives=sparse", "precision=float32")
    program.run("descriptors", *common, *small, "output_dir=d")
    done = program.run("convert", "d", "a.h5")
    assert notes(done) == []
    assert "sparse derivatives" in table(done)["descriptors"]
    first = read(folder / "a.h5")
    assert first.derivatives is not None
    source = read(folder / "d")
    for name in ("values", "rows", "columns", "starts"):
        pair = getattr(first.derivatives, name), getattr(source.derivatives, name)
        assert np.array_equal(*pair), name
    done = program.run("convert", "a.h5", "a.tfrecord")
    assert not any("derivatives" in note for note in notes(done))
    program.run("convert", "a.tfrecord", "b.h5", "--species", "Si")
    assert np.array_equal(read(folder / "b.h5").derivatives.values, first.derivatives.values)
    program.run("convert", "a.h5", "dense.h5", "--derivatives", "dense")
    assert not read(folder / "dense.h5").derivatives.sparse
    done = program.run("convert", "a.h5", "c.xyz")
    assert notes(done) == ["note: not kept in extended XYZ: descriptors, derivatives"]
    done = program.run("convert", "a.h5", "none.h5", "--derivatives", "none")
    assert notes(done) == ["note: not kept in panna_exp's HDF5: derivatives"]
    done = program.run("convert", "none.h5", "a.h5", "d.h5")
    assert notes(done) == ["note: not read: derivatives, which only 1 of 2 files have"]


def test_zero_forces_are_counted_in_the_table(program):
    folder = program.folder
    crystals(folder / "si.xyz", count=6, zero_from=4)
    done = program.run("convert", "si.xyz", "a.h5")
    assert table(done)["forces all zero"].startswith("2, first")
    assert table(done)["forces"].endswith("4 of 6 structures")
    crystals(folder / "none.xyz", count=2, zero_from=0)
    assert table(program.run("convert", "none.xyz", "b.h5"))["forces all zero"].startswith("2, ")


def test_the_force_on_a_single_atom_is_zero_and_no_matter_of_warning(program):
    lines = ["1", "Properties=species:S:1:pos:R:3:forces:R:3 energy=-13.6", "H 0 0 0 0 0 0"]
    (program.folder / "h.xyz").write_text("\n".join(lines) + "\n")
    done = program.run("convert", "h.xyz", "h.h5")
    assert done.stderr == ""
    assert table(done)["forces"].startswith("0 to 0")
    assert table(done)["forces all zero"] == "none"
    words = ("data.train=h.h5", "data.species=[H]", "training=forces", "tracking=none")
    done = program.run("train", "data=hdf5", *words, code=2)
    assert "has no forces, which training.forces_cost > 0 needs" in done.stderr


def test_reference_energies_of_the_user(program):
    crystals(program.folder / "si.xyz")
    given = table(program.run("convert", "si.xyz", "a.h5", "--reference-energies", "{Si: -4.8125}"))
    assert given["given energies leave"] == "0.1398 eV/atom RMS, at most 0.1875"
    fitted = program.run("convert", "si.xyz", "b.h5", "--reference-energies", "fit")
    assert "given energies leave" not in table(fitted)
    far = program.run("convert", "si.xyz", "c.h5", "--reference-energies", "Si=-100")
    assert "WRONG UNIT OR KEY?" in table(far)["given energies leave"]
    done = program.run("convert", "si.xyz", "d.h5", "--reference-energies", "{C: 1}", code=2)
    assert "--reference-energies: has no energy of Si, which the data have" in done.stderr
    assert not (program.folder / "d.h5").exists()


def test_mistakes(program):
    done = program.run("convert", code=2)
    assert done.stderr == (
        "error: convert: name the input and the output: panna-exp convert IN... OUT "
        "(docs/how-to/own-data.md)\n"
    )
    (program.folder / "x.xyz").write_text("1\nProperties=species:S:1:pos:R:3 energy=1\nX 0 0 0\n")
    done = program.run("convert", "x.xyz", "x.h5", code=2)
    assert done.stderr == (
        f"error: {program.folder}/x.xyz, structure 0 (counted from 0), atom 0: species 'X' is not "
        "a chemical symbol: correct the file, did you mean 'Xe'? (docs/how-to/own-data.md)\n"
    )
    (program.folder / "data.log").touch()
    done = program.run("convert", "data.log", "x.h5", code=2)
    assert "choose data.kind (--from), for instance ase for what ASE reads" in done.stderr
