"""``panna-exp inspect`` as a user runs it."""

import shlex

import numpy as np
import pytest

WATER = np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]])


def write(path, count=12, key="REF_energy", words=""):
    random, lines = np.random.default_rng(0), []
    for _ in range(count):
        lines += ["3", f"Properties=species:S:1:pos:R:3:REF_forces:R:3 {key}=-2.5 {words}"]
        for symbol, place in zip("OHH", WATER + random.normal(0, 0.05, (3, 3)), strict=True):
            lines.append(f"{symbol} {' '.join(map(repr, place.tolist()))} 0.1 -0.1 0.2")
    path.write_text("\n".join(lines) + "\n")


def test_what_it_says_and_the_command_to_train(program):
    (program.folder / "my data").mkdir()
    write(program.folder / "my data/w.xyz", words="config_type=liquid")
    done = program.run("inspect", "my data/w.xyz")
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if "│" in line]
    table = {name.strip(): value.strip() for name, value in rows}
    assert table["structures"] == "12"
    assert table["compositions"] == "H2O 12"
    assert table["config_type"] == "liquid 12"
    assert table["shortest distances"].startswith("H-H 1.")
    assert "'REF_energy' is taken as the energy" in done.stderr
    start, words = done.stdout.splitlines()[-1].split("to train on them: ")
    assert start == ""
    command = shlex.split(words)
    assert command[:4] == ["python", "-m", "panna_exp", "train"]
    assert command[-1] == "training=forces"
    quick = ("tracking=none", "training.max_epochs=1", "network.architecture=[4,1]")
    small = ("descriptor.RsN_rad=4", "descriptor.RsN_ang=2", "descriptor.ThetasN=2")
    program.run(*command[3:], *quick, *small, "io.train_dir=run")
    assert sorted(path.name for path in program.folder.iterdir()) == ["my data", "run"]


def test_what_is_said_of_the_numbers_is_in_the_command(program):
    write(program.folder / "a.xyz", key="mine")
    options = ("--energy-key", "mine", "--energy-unit", "Ha", "--forces-sign", "-1")
    done = program.run("inspect", "a.xyz", "a.xyz", *options)
    line = done.stdout.splitlines()[-1]
    assert "'data.train=[a.xyz,a.xyz]' data.energy_key=mine data.energy_unit=Ha" in line
    assert "data.forces_sign=-1 'data.species=[H,O]'" in line


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "inspect: name the data: panna-exp inspect IN..."),
        (
            ["--froce", "w.xyz"],
            "inspect: unrecognized arguments: --froce, did you mean '--from'? (",
        ),
        (["no.xyz"], "no such file or directory"),
        (["w.xyz", "--species", "Hx"], "--species: 'Hx' is not a chemical symbol"),
        (["w.xyz", "--energy-key", "REF_enrgy"], "did you mean 'REF_energy'?"),
    ],
)
def test_mistakes(program, words, message):
    write(program.folder / "w.xyz")
    done = program.run("inspect", *words, code=2)
    assert message in done.stderr.splitlines()[-1]
