"""Training on the files that users have, as they would."""

import json

import numpy as np

TRAIN = ("train", "data=ase", "tracking=none", "data.species=[H,O]", "network.architecture=[4,1]")
QUICK = ("training.max_epochs=1", "training.batch_size=4", "io.train_dir=run")


def waters(path, key, count=8):
    random = np.random.default_rng(0)
    lines = []
    for _ in range(count):
        places = np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]])
        places = places + random.normal(0, 0.05, (3, 3))
        lines += ["3", f"Properties=species:S:1:pos:R:3:{key}_forces:R:3 {key}_energy=-2.5"]
        lines += [
            f"{symbol} {' '.join(map(repr, place.tolist()))} 0.1 -0.1 0.2"
            for symbol, place in zip("OHH", places, strict=True)
        ]
    path.write_text("\n".join(lines) + "\n")


def test_a_file_with_keys_of_its_own(program):
    waters(program.folder / "water.xyz", "mine")
    done = program.run(*TRAIN, *QUICK, "data.train=[water.xyz]", code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith(
        f"error: {program.folder}/water.xyz, structure 0 (counted from 0): has no energy for ASE, "
        "but 'mine_energy': name the one that is the total energy with data.energy_key"
    )
    assert not (program.folder / "run").exists()
    keys = ("data.energy_key=mine_energy", "data.forces_key=mine_forces")
    program.run(*TRAIN, *QUICK, "data.train=[water.xyz]", "data.validation_fraction=0.25", *keys)
    facts = json.loads((program.folder / "run/environment.json").read_text())
    assert facts["data"]["train"]["structures"] == 6
    assert facts["data"]["train"]["files"][0]["kind"] == "ase"
    assert facts["descriptor"]["generation"] == "C"
    # Evaluation of a run takes the same keys for other data.
    done = program.run("evaluate", "run_dir=run", "data.test=water.xyz", *keys[:1])
    assert "8" in done.stdout
    done = program.run("evaluate", "run_dir=run", "data.test=water.xyz", code=2)
    assert "name the one that is the total energy" in done.stderr


def test_the_species_are_asked_for(program):
    waters(program.folder / "water.xyz", "dft")
    words = [word for word in TRAIN if not word.startswith("data.species")]
    done = program.run(*words, *QUICK, "data.train=[water.xyz]", code=2)
    assert "data.species is missing: name the symbols" in done.stderr


def test_the_tutorials_validation_data_are_not_for_other_data(program):
    waters(program.folder / "water.xyz", "dft")
    words = [word for word in TRAIN if word != "data=ase" and "species" not in word]
    done = program.run(*words, *QUICK, "data=tutorial", "data.train=[water.xyz]", "seed=-1", code=2)
    seed, line = done.stderr.splitlines()
    assert "seed=-1 must be in" in seed
    assert line.strip().removeprefix("error: ") == (
        "data.train=water.xyz: the validation data and reference energies are still those of "
        "data=tutorial, the default: choose data=ase (then data.species and "
        "data.reference_energies are yours to give), or add data.kind=ase if they are meant "
        "(docs/how-to/own-data.md#energies-of-free-atoms)"
    )
    assert not (program.folder / "run").exists()
