"""``panna-exp convert`` as a user runs it."""

import json
import signal
import time

import numpy as np
import pytest

from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.readers import open_structures, tfrecord

SPECIES = Species(("H", "O"))
FIELDS = ("energy", "species", "offsets", "positions", "cell", "pbc", "forces")


def waters(path, count=6, energy="energy", forces="forces", scale=1.0):
    """A stretched water molecule in consecutive steps, with forces that belong to its energies."""
    lines = []
    for step in range(count):
        stretch = 0.02 * (step + 1)
        pull = -2 * 5.0 * stretch * scale
        lines += [
            "3",
            f"Properties=species:S:1:pos:R:3:{forces}:R:3 {energy}={-2078.5 + 5 * stretch**2!r}",
            f"O 0 0 0 {-pull!r} {-pull!r} 0",
            f"H {1 + stretch!r} 0 0 {pull!r} 0 0",
            "H 0 1 0 0 " + f"{pull!r} 0",
        ]
    path.write_text("\n".join(lines) + "\n")


def read(path) -> StructureSet:
    return open_structures([str(path)], SPECIES).structures


def listing(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".matplotlib")


def test_from_xyz_over_every_format_and_back(program):
    folder = program.folder
    waters(folder / "water.xyz")
    program.run("convert", "water.xyz", "water.h5", "--species", "H,O")
    program.run("convert", "--to", "example", "water.h5", "water")
    program.run("convert", "water", "again.xyz", "--species", "[H, O]")
    program.run("convert", "again.xyz", "again.h5", "--species", "H,O")
    assert len(listing(folder / "water")) == 6
    first, last = read(folder / "water.h5"), read(folder / "again.h5")
    for name in FIELDS:
        assert np.array_equal(getattr(first, name), getattr(last, name), equal_nan=True), name


def test_what_it_says(program):
    waters(program.folder / "water.xyz")
    done = program.run("convert", "water.xyz", "water.xyz", "out.h5")
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if "│" in line]
    table = {name.strip(): value.strip() for name, value in rows}
    assert table["structures"] == "12"
    assert table["atoms"] == "36, 3 to 3 per structure"
    assert table["species"] == "H 24, O 12"
    assert table["energy"] == "-692.833 to -692.809 eV/atom"
    assert table["duplicates"].startswith("6, first")
    assert table["isolated atoms"] == "none"
    assert table["forces all zero"].startswith("none")
    assert table["fitted energies leave"].startswith("0.00")
    assert "compositions determine 1 of 2 energies" in done.stdout
    assert "'data.species=[H,O]'" in done.stdout
    assert "'data.reference_energies={H: " in done.stdout
    assert done.stdout.splitlines()[-1] == "wrote 12 structures: out.h5 (panna_exp's HDF5)"
    assert "water.xyz is named 2 times" in done.stderr


def test_the_options_it_prints_can_be_pasted(program):
    waters(program.folder / "water.xyz", count=30)
    done = program.run("convert", "water.xyz", "water.h5")
    options = [
        line.split("  #")[0].strip("'")
        for line in done.stdout.splitlines()
        if line.startswith("'data.")
    ]
    assert len(options) == 2
    words = ("tracking=none", "network.architecture=[4,1]", "training.max_epochs=1")
    program.run("train", "data=hdf5", "data.train=[water.h5]", *options, *words)


def test_forces_of_the_wrong_sign_are_noticed(program):
    waters(program.folder / "a.xyz", count=8, scale=1.0)
    waters(program.folder / "b.xyz", count=8, scale=-1.0)
    assert "WRONG" not in program.run("convert", "a.xyz", "a.h5").stdout
    done = program.run("convert", "b.xyz", "b.h5")
    assert "energies against forces" in done.stdout
    assert "WRONG UNIT OR SIGN" in done.stdout


def test_keys_and_units(program):
    waters(program.folder / "a.xyz", energy="my_energy", forces="my_force")
    waters(program.folder / "b.xyz")
    done = program.run("convert", "a.xyz", "a.h5", code=2)
    assert "structure 0 (counted from 0): has no energy for ASE, but 'my_energy'" in done.stderr
    assert listing(program.folder) == ["a.xyz", "b.xyz"]
    keys = ("--energy-key", "my_energy", "--forces-key", "my_force")
    program.run("convert", "a.xyz", "a.h5", *keys)
    program.run("convert", "b.xyz", "b.h5", "--energy-unit", "kJ/mol")
    one, other = read(program.folder / "a.h5"), read(program.folder / "b.h5")
    assert one.energy == pytest.approx(other.energy * 96.4853365, rel=1e-9)
    assert one.forces == pytest.approx(other.forces * 96.4853365, rel=1e-9)
    done = program.run("convert", "a.h5", "c.h5", "--energy-unit", "Ha", code=2)
    assert (
        "a.h5: energy_unit=Ha (data.energy_unit, --energy-unit) has no meaning for" in done.stderr
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["water.xyz"], "name the input and the output: panna-exp convert IN... OUT"),
        (["water.xyz", "out"], "the suffix '' does not say the format: choose it with --to"),
        (
            ["water.xyz", "out.hdf"],
            "the suffix '.hdf' does not say the format, did you mean '.hdf5'",
        ),
        (["water.xyz", "old.h5"], "old.h5: exists already: --force replaces it"),
        (["water.xyz", "folder.h5"], "folder.h5: is a folder, expected a file name"),
        (["water.xyz", "old.h5", "--to", "example"], "old.h5: is a file, expected a folder"),
        (["water.xyz", "out.h5", "--species", "H,Q"], "--species: 'Q' is not a chemical symbol"),
        (["water.xyz", "out.h5", "--species", "H"], "atom 0: species 'O' is not in data.species"),
        (["wter.xyz", "out.h5"], "wter.xyz: no such file or directory, did you mean 'water.xyz'"),
        (["water.xyz", "out.h5", "--form", "ase"], "unrecognized arguments: --form"),
        (["water.xyz", "out.tfrecord"], "has no descriptors, which TFRecords consist of"),
        (
            ["water.xyz", "folder.h5", "--to", "example", "--force"],
            "is a folder with other files (precious.txt)",
        ),
    ],
)
def test_mistakes_are_one_line_and_change_nothing(program, words, message):
    folder = program.folder
    waters(folder / "water.xyz")
    (folder / "old.h5").write_text("old")
    (folder / "folder.h5").mkdir()
    (folder / "folder.h5/precious.txt").touch()
    before = listing(folder)
    done = program.run("convert", *words, code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert message in line
    assert listing(folder) == before
    assert (folder / "old.h5").read_text() == "old"


def test_force_replaces(program):
    waters(program.folder / "water.xyz")
    (program.folder / "old.h5").write_text("old")
    program.run("convert", "--force", "water.xyz", "old.h5")
    assert len(read(program.folder / "old.h5")) == 6
    program.run("convert", "--force", "water.xyz", "water.xyz")  # onto itself
    assert len(read(program.folder / "water.xyz")) == 6


def records(path):
    examples = [
        {
            "energy": np.array([-1.5 - number], np.float32),
            "species": np.array([1, 0, 0]),
            "gvects": np.full(12, number, np.float32),
            "name": f"w{number}".encode(),
        }
        for number in range(3)
    ]
    tfrecord.write_records(path, map(tfrecord.encode_example, examples))


def test_tfrecords_need_their_species_list(program):
    folder = program.folder
    records(folder / "a.tfrecord")
    done = program.run("convert", "a.tfrecord", "a.h5", code=2)
    assert done.stderr.startswith("error: --species is missing: TFRecords have species indices")
    done = program.run("convert", "a.tfrecord", "a.h5", "--species", "H,O")
    assert "H 6, O 3" in done.stdout
    # The list of the HDF5 file stays, and with it the meaning of the descriptors.
    done = program.run("convert", "a.h5", "b.tfrecord")
    assert (folder / "b.tfrecord").read_bytes() == (folder / "a.tfrecord").read_bytes()
    done = program.run("convert", "a.h5", "c.h5", "--species", "O,H", code=2)
    assert "its descriptors are those of the species list [H, O], not of [O, H]" in done.stderr


def test_collections_of_molecules(program):
    folder = program.folder
    waters(folder / "water.xyz")
    program.run("convert", "water.xyz", "first.h5", "--species", "H,O")
    for kind, name in (("spice", "s.h5"), ("ani", "a.h5"), ("npz", "n.npz")):
        program.run("convert", "first.h5", name, "--to", kind)
        program.run("convert", "--from", kind, name, f"{kind}-back.h5", "--species", "H,O")
        first, last = read(folder / "first.h5"), read(folder / f"{kind}-back.h5")
        for field in FIELDS:
            pair = getattr(first, field), getattr(last, field)
            np.testing.assert_allclose(*pair, rtol=1e-14, atol=1e-14, err_msg=field)
    done = program.run("convert", "s.h5", "t.h5", code=2)
    assert "another program's HDF5 file? (data.kind=ani or spice" in done.stderr
    options = ("data.species=[H,O]", "tracking=none", "data.reference_energies=fit")
    words = ("training.max_epochs=1", "network.architecture=[4,1]")
    program.run("train", "data=spice", "data.train=[s.h5]", *options, *words)


def test_an_interrupted_conversion_leaves_nothing(program):
    waters(program.folder / "water.xyz", count=8_000)
    process = program.start("convert", "--to", "example", "water.xyz", "out")
    end = time.monotonic() + 60
    while len(listing(program.folder)) == 1:  # until it writes
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert output.splitlines()[-1] == "interrupted"
    assert listing(program.folder) == ["water.xyz"]


def test_the_tutorials_structures(program, shared):
    done = program.run("convert", str(shared / "data/panna_tutorial/simulations"), "out.xyz")
    assert "wrote 10 structures" in done.stdout
    assert "all exactly zero and count as missing" in done.stderr
    names = {path.stem for path in (shared / "data/panna_tutorial/simulations").iterdir()}
    found = open_structures([str(program.folder / "out.xyz")], SPECIES).structures
    assert set(found.names) == names
    source = json.loads(
        (shared / f"data/panna_tutorial/simulations/{found.names[0]}.example").read_text()
    )
    assert found.energy[0] == source["energy"][0]


def test_help_names_every_format(program):
    done = program.run("convert", "--help")
    for text in ("example", "extxyz", "hdf5", "tfrecord", "ase", "--energy-key"):
        assert text in done.stdout
