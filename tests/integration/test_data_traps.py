"""What is easily wrong in a user's own file, and what the commands say of it."""

import json

import numpy as np
import pytest

SYMBOLS = "OHH"
WATER = np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]])
SPRING, REST = 20.0, 0.96  # eV/angstrom^2 and angstrom of both bonds
TRAIN = (
    *("train", "data=ase", "tracking=none", "network.architecture=[4,1]", "data.species=[H,O]"),
    *("training.max_epochs=1", "training.batch_size=4", "data.reference_energies=fit"),
    *("descriptor.RsN_rad=4", "descriptor.RsN_ang=2", "descriptor.ThetasN=2", "io.train_dir=run"),
)


def labels(places):
    """Energy and forces of two springs."""
    energy, forces = -470.0, np.zeros((3, 3))
    for atom in (1, 2):
        bond = places[atom] - places[0]
        length = np.linalg.norm(bond)
        energy += 0.5 * SPRING * (length - REST) ** 2
        pull = SPRING * (length - REST) * bond / length
        forces[0] += pull
        forces[atom] -= pull
    return energy, forces


def frame(places, words="", factor=1.0, symbols=SYMBOLS):
    energy, forces = labels(places)
    energy = float(energy)
    lines = ["3", f"Properties=species:S:1:pos:R:3:forces:R:3 energy={energy!r} {words}"]
    for symbol, place, force in zip(symbols, places, forces * factor, strict=True):
        lines.append(f"{symbol} " + " ".join(map(repr, [*place.tolist(), *force.tolist()])))
    return lines


def atom(symbol, energy, words=""):
    return ["1", f"Properties=species:S:1:pos:R:3 energy={energy!r} {words}", f"{symbol} 0 0 0"]


def waters(count=12, **options):
    """A trajectory of small steps."""
    random = np.random.default_rng(0)
    places, found = WATER.copy(), []
    for _ in range(count):
        places = places + random.normal(0, 0.03, places.shape)
        found.append(frame(places, **options))
    return found


def write(path, frames):
    path.write_text("\n".join(line for lines in frames for line in lines) + "\n")


def energies(program):
    facts = json.loads((program.folder / "run/environment.json").read_text())
    return facts["data"]["reference_energies"]


def test_isolated_atoms_are_the_reference_energies(program):
    free = [atom("H", -13.6), atom("O", -432.0, 'Lattice="3 0 0 0 3 0 0 0 3" pbc="T T T"')]
    free[1][1] += " config_type=IsolatedAtom"
    write(program.folder / "w.xyz", [*waters(), *free])
    done = program.run(*TRAIN, "data.train=w.xyz")
    assert "reference energies of the isolated atoms in the data (H, O): H -13.6" in done.stderr
    assert energies(program) == {"H": -13.6, "O": -432.0}
    done = program.run("convert", "w.xyz", "w.h5")
    assert "{H: -13.600000, O: -432.000000}'  # of the isolated atoms in the data" in done.stdout
    # Read piece by piece from another format they are the same.
    words = ("data=hdf5", "data.train=w.h5", "data.streaming=true", "io.train_dir=other")
    done = program.run(*TRAIN, *words)
    assert "of the isolated atoms in the data (H, O): H -13.6" in done.stderr


def test_what_a_fit_cannot_determine_is_named(program):
    write(program.folder / "w.xyz", waters())
    done = program.run(*TRAIN, "data.train=w.xyz")
    assert "determine only 1 of 2 reference energies, not those of H, O one by one" in done.stderr
    write(program.folder / "w.xyz", [*waters(), atom("H", -13.6), atom("H", -13.2)])
    done = program.run(*TRAIN, "data.train=w.xyz", "io.train_dir=other")
    assert "of the isolated atoms in the data (H), the others by least squares: H" in done.stderr
    assert "isolated atoms of H have energies that differ by up to 0.4 eV: the low" in done.stderr


@pytest.mark.parametrize(("words", "image"), [("", 0), ('Lattice="9 0 0 0 9 0 0 0 9"', 9.0)])
def test_atoms_at_one_place_are_refused_by_name(program, words, image):
    places = WATER.copy()
    places[2] = places[1] + [1e-4, image, 0]
    write(program.folder / "w.xyz", [*waters(words=words), frame(places, words)])
    done = program.run(*TRAIN, "data.train=w.xyz", code=2)
    (line,) = done.stderr.splitlines()
    assert "w.xyz, structure 12 (counted from 0): atoms 1 and 2 are 0.0001 angstrom apart" in line
    done = program.run("convert", "w.xyz", "w.h5")
    assert "atoms at one place" in done.stdout


def test_a_species_that_training_never_saw(program):
    nitrogen = frame(WATER, symbols="NHH")
    write(program.folder / "w.xyz", waters())
    write(program.folder / "v.xyz", [*waters(4), nitrogen])
    words = (*TRAIN, "data.train=w.xyz", "data.species=[H,O,N]")
    done = program.run(*words, "data.validation=v.xyz")
    assert "N is in data.species, but no training structure has it: its network is" in done.stderr
    done = program.run("evaluate", "run_dir=run", "data.test=v.xyz", code=2)
    assert "v.xyz, structure 4 (counted from 0): has N, but its network is untrained" in done.stderr
    program.run("evaluate", "run_dir=run", "data.test=w.xyz")
    from ase import Atoms

    from panna_exp.ase import PannaCalculator
    from panna_exp.errors import DataError

    atoms = Atoms("NHH", WATER, calculator=PannaCalculator(program.folder / "run"))
    with pytest.raises(DataError, match="has N, but its network is untrained"):
        atoms.get_potential_energy()
    atoms.symbols[:] = "OHH"
    atoms.get_potential_energy()
    # Trained on later, it may be predicted.
    write(program.folder / "w.xyz", [*waters(), nitrogen, nitrogen])
    done = program.run(*words, "training.max_epochs=2")
    assert "untrained" not in done.stderr
    program.run("evaluate", "run_dir=run", "data.test=v.xyz", "checkpoint=last")


def test_weights_of_structures_count(program):
    kinds = ["config_type=bulk config_weight=10", "config_type=slab", ""]
    frames = [frame(WATER * (1 + 0.002 * n), kinds[n % 3]) for n in range(12)]
    write(program.folder / "w.xyz", frames)
    words = (*TRAIN, "data.train=w.xyz", "training=forces", "training.shuffle=false")
    done = program.run(*words)
    assert "weights in the losses (structures): 1 (8), 10 (4)" in done.stderr
    done = program.run(*words, "io.train_dir=more", "data.weights={slab: 0.5, default: 2}")
    assert "weights in the losses (structures): 0.5 (4), 2 (4), 20 (4)" in done.stderr
    done = program.run(*words, "io.train_dir=no", "data.weights={slap: 0.5}", code=2)
    assert (
        "names the config_type 'slap', which no structure has; known are: 'bulk', 'slab', did"
        in (done.stderr)
    )
    done = program.run(*words, "io.train_dir=no", "data.weights={slab: -1}", code=2)
    assert "expected for each config_type a number from 0, or one for some of" in done.stderr
    separate = "data.weights={slab: {energy: 0.5, forces: 0}, bulk: 0.1}"
    done = program.run(*words, "io.train_dir=separate", separate)
    assert "1 (8), energy 0.5 forces 0 virial 1 (4)" in done.stderr
    done = program.run(*words, "io.train_dir=no", "data.weights={slab: {force: 1}}", code=2)
    assert "energy, forces, stress" in done.stderr
    # A weight of 2 is a structure that is there twice, a weight of 0 one that is not.
    write(program.folder / "a.xyz", [frame(WATER, "config_weight=2"), frame(WATER * 1.02)])
    write(program.folder / "b.xyz", [frame(WATER), frame(WATER), frame(WATER * 1.02)])
    write(program.folder / "c.xyz", [*frames[:2], frame(WATER * 1.1, "config_weight=0")])
    sums = ("training.energy_reduction=sum", "training.force_reduction=sum", "seed=3")
    energies = ("data.reference_energies={H: -13, O: -440}", "training.learning_rate=1e-4")
    for name in ("a", "b"):
        program.run(*words, *sums, *energies, f"data.train={name}.xyz", f"io.train_dir={name}")
    one, other = (program.last_networks(program.folder / name) for name in ("a", "b"))
    for first, second in zip(one, other, strict=True):
        for layer, again in zip(first.layers, second.layers, strict=True):
            assert layer.weights == pytest.approx(again.weights, abs=1e-6)


def test_weights_and_kinds_survive_a_conversion(program):
    write(
        program.folder / "w.xyz",
        [frame(WATER, "config_type=bulk config_weight=3"), frame(WATER, "config_forces_weight=0")],
    )
    program.run("convert", "w.xyz", "w.h5")
    program.run("convert", "w.h5", "again.xyz")
    text = (program.folder / "again.xyz").read_text()
    assert 'config_type="bulk" config_weight=3.0' in text
    assert "config_energy_weight=1.0 config_forces_weight=0.0 config_stress_weight=1.0" in text
    done = program.run("convert", "w.h5", "w.npz")
    assert "note: not kept in a NumPy archive as of sGDML: config_type, weights" in done.stdout


HARTREE_PER_BOHR = 27.2113961318 / 0.52917721067


@pytest.mark.parametrize(
    ("factor", "options"),
    [
        (-1 / HARTREE_PER_BOHR, ("forces_unit=Ha/bohr", "forces_sign=-1")),
        (1 / 0.0433641, ("forces_unit=kcal/mol/angstrom",)),
    ],
)
def test_forces_in_another_unit_are_refused_and_their_unit_can_be_said(program, factor, options):
    write(program.folder / "w.xyz", waters(factor=factor))
    words = (*TRAIN, "training=forces", "data.train=w.xyz")
    done = program.run(*words, code=2)
    line = done.stderr.splitlines()[-1]
    assert "pairs of structures say that the forces are" in line
    assert options[0].partition("=")[2] in line
    assert ("of the wrong sign" in line) == (factor < 0)
    assert not (program.folder / "run").exists()
    done = program.run(*words, *(f"data.{option}" for option in options))
    flags = [part for item in options for part in ("--" + item.replace("_", "-")).split("=")]
    done = program.run("convert", "w.xyz", "w.h5", *flags)
    assert "WRONG" not in done.stdout
    assert "agree (slope 1.0" in done.stdout


def test_units_that_there_are_not(program):
    write(program.folder / "w.xyz", waters())
    words = ("data.forces_unit=Ha", "data.forces_sign=2", "data.stress_unit=GPA")
    done = program.run(*TRAIN, "data.train=w.xyz", *words, code=2)
    for text in ("unknown unit of forces 'Ha'", "data.forces_sign=2", "unknown stress unit 'GPA'"):
        assert text in done.stderr


def table(done):
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if "│" in line]
    found, last = {}, ""
    for name, value in rows:
        last = name.strip() or last
        found[last] = f"{found.get(last, '')} {value.strip()}".strip()
    return found


def test_positions_in_bohr_are_named(program):
    write(program.folder / "good.xyz", waters())
    shown = table(program.run("convert", "good.xyz", "good.h5"))["shortest distances"]
    assert shown.startswith("H-H 1.4")
    assert ", H-O 0.8" in shown
    assert "BOHR" not in shown
    bohr = [frame(WATER / 0.529177 * (1 + 0.002 * n)) for n in range(12)]
    write(program.folder / "bohr.xyz", bohr)
    shown = table(program.run("convert", "bohr.xyz", "bohr.h5"))["shortest distances"]
    assert "IN BOHR? atoms are 1.8" in shown
    assert "say --length-unit bohr" in shown
    words = ("--length-unit", "bohr")
    shown = table(program.run("convert", "bohr.xyz", "again.h5", *words))["shortest distances"]
    assert "BOHR" not in shown
    nanometres = [frame(WATER / 10 * (1 + 0.002 * n)) for n in range(12)]
    write(program.folder / "nm.xyz", nanometres)
    assert "NOT IN ANGSTROM?" in program.run("convert", "nm.xyz", "nm.h5").stdout


def test_forces_that_single_atoms_lack(program):
    """A mask in the file, or NaN: those forces teach nothing and count in no error."""

    def wrong(places, mask):
        """The first atom's force is nonsense, which the mask or NaN takes out."""
        energy, forces = labels(places)
        title = ":force_mask:I:1" if mask else ""
        lines = ["3", f"Properties=species:S:1:pos:R:3:forces:R:3{title} energy={float(energy)!r}"]
        for index, (symbol, place) in enumerate(zip(SYMBOLS, places, strict=True)):
            odd = 7.0 if mask else np.nan
            force = np.full(3, odd) if index == 0 else forces[index]
            words = [*place.tolist(), *force.tolist(), *([int(index > 0)] if mask else [])]
            lines.append(f"{symbol} {' '.join(map(repr, words))}")
        return lines

    random = np.random.default_rng(0)
    places = [WATER + random.normal(0, 0.03, WATER.shape) for _ in range(12)]
    words = (*TRAIN, "training=forces", "data.validation=w.xyz")
    found = {}
    for name in ("mask", "nan"):
        write(program.folder / "w.xyz", [wrong(at, name == "mask") for at in places])
        done = program.run(*words, "data.train=w.xyz", f"io.train_dir={name}")
        assert "12 structures have no forces on 12 of their atoms" in done.stderr
        program.run("evaluate", f"run_dir={name}", "data.test=w.xyz")
        (path,) = (program.folder / name / "evaluate/w").glob("epoch_*.json")
        found[name] = json.loads(path.read_text())["forces"]
        assert found[name]["all"]["atoms"] == 24
        assert "O" not in found[name]
    assert found["mask"] == found["nan"]
    program.run("convert", "w.xyz", "w.h5")
    program.run("convert", "w.h5", "again.xyz")
    assert (program.folder / "again.xyz").read_text().count("nan nan nan") == 12
    done = program.run("convert", "w.h5", "examples", "--to", "example")
    assert "not kept" in done.stdout
    assert "forces of 12 structures where some atoms have none" in done.stdout


def test_frames_of_a_trajectory_are_not_in_training_and_validation(program):
    frames = [frame(WATER * (1 + 0.002 * n), f"trajectory=run{n % 4}") for n in range(20)]
    write(program.folder / "w.xyz", frames)
    program.run("convert", "w.xyz", "w.h5")
    program.run("convert", "w.h5", "again.xyz")
    assert (program.folder / "again.xyz").read_text().count('trajectory="run3"') == 5
    for data in ("w.xyz", "w.h5"):
        words = (f"data.train={data}", "data.kind=auto", "data.validation_fraction=0.3")
        done = program.run(*TRAIN, *words, f"io.train_dir={data}.run")
        assert "training data: 15 structures" in done.stderr
        assert "validation data: 5 structures" in done.stderr
