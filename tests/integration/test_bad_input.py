"""Files that cannot be used: one line with file, record and cause, exit code 2, nothing written."""

import json

import numpy as np
import pytest

from panna_exp.readers import tfrecord

OPTIONS = ("tracking=none", "data=tfrecord", "data.species=[H,O]")


def record(energy=-3.5, species=(0, 1), size=8):
    return tfrecord.encode_example(
        {
            "energy": np.array([energy], np.float32),
            "species": np.array(species),
            "gvects": np.ones(len(species) * size, np.float32),
        }
    )


def truncated(folder):
    tfrecord.write_records(folder / "a.tfrecord", [record(), record()])
    content = (folder / "a.tfrecord").read_bytes()
    (folder / "a.tfrecord").write_bytes(content[:-20])
    return ("data.train=a.tfrecord",), ("a.tfrecord, record 1 (byte ", "truncated")


def flipped(folder):
    tfrecord.write_records(folder / "a.tfrecord", [record(), record()])
    content = bytearray((folder / "a.tfrecord").read_bytes())
    content[40] ^= 4
    (folder / "a.tfrecord").write_bytes(content)
    return ("data.train=a.tfrecord",), ("a.tfrecord, record 0 (byte 0)", "checksum of the data")


def nan_energy(folder):
    tfrecord.write_records(folder / "a.tfrecord", [record(), record(energy=np.nan)])
    return ("data.train=a.tfrecord",), ("a.tfrecord, record 1", "energy is", "nan")


def unknown_species(folder):
    tfrecord.write_records(folder / "a.tfrecord", [record(species=(0, 2))])
    return ("data.train=a.tfrecord",), ("record 0", "species index 2", "[H, O]")


def wrong_g_size(folder):
    tfrecord.write_records(folder / "a.tfrecord", [record()])
    options = ("data.train=a.tfrecord", "network.g_size=384")
    return options, ("record 0", "has 8 descriptor components", "network.g_size=384")


def empty_directory(folder):
    (folder / "nothing").mkdir()
    return ("data.train=nothing",), ("nothing: no data files", "it is empty")


def missing_key(folder):
    (folder / "a.example").write_text(json.dumps({"energy": [1, "eV"]}))
    options = ("data=example", "data.train=a.example")
    return options, ("a.example", "the key 'atoms' is missing")


def unknown_unit(folder):
    structure = {"atoms": [[1, "O", [0, 0, 0]]], "energy": [1, "kcal"]}
    (folder / "a.example").write_text(json.dumps(structure))
    options = ("data=example", "data.train=a.example")
    return options, ("a.example", "unknown energy unit 'kcal'")


@pytest.mark.parametrize(
    "make",
    [
        *(truncated, flipped, nan_energy, unknown_species, wrong_g_size, empty_directory),
        *(missing_key, unknown_unit),
    ],
)
def test_one_line_and_nothing_written(program, tmp_path, make):
    options, parts = make(tmp_path)
    before = {path.name for path in tmp_path.iterdir()}
    done = program.run("train", *OPTIONS, *options, code=2)
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    for part in parts:
        assert part in line
    assert {path.name for path in tmp_path.iterdir()} - {".matplotlib"} == before


def test_validation_data_of_another_descriptor_are_refused(program, tmp_path):
    tfrecord.write_records(tmp_path / "a.tfrecord", [record()])
    done = program.run("train", "tracking=none", "data.train=a.tfrecord", code=2)
    assert "validation data with mBP generation C" in done.stderr
    assert "stored descriptors of unknown generation (8 components)" in done.stderr


def test_all_mistakes_of_a_command_line_at_once(program):
    done = program.run(
        *("train", "training.learning_rat=1", "network=hdeep", "training.batch_size=0", "oops"),
        code=2,
    )
    lines = done.stderr.splitlines()
    assert len(lines) == 4
    assert all(line.startswith("error: ") for line in lines)
    text = done.stderr
    assert "did you mean 'training.learning_rate'?" in text
    assert "expected one of default, h_deep" in text
    assert "training.batch_size=0 must be > 0" in text
    assert "'oops' is no key=value override" in text
