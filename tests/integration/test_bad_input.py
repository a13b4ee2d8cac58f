"""Bad data at the real command line: one line that says what and where, and nothing written."""

import json
import re

import numpy as np
import pytest

from panna_exp.assembly.datasets import read_run_data
from panna_exp.config.schema import DataConfig, NetworkConfig, TrainConfig
from panna_exp.errors import DataError
from panna_exp.readers import tfrecord

ATOMS = [[1, "O", [0.0, 0.0, 0.1]], [2, "H", [0.0, 0.8, -0.4]], [3, "H", [0.0, -0.8, -0.4]]]


def record(number, size=8, energy=-2078.5):
    return tfrecord.encode_example(
        {
            "energy": np.array([energy - number], dtype=np.float32),
            "species": np.array([2, 0, 0]),
            "gvects": np.full(3 * size, number, dtype=np.float32),
            "name": f"water{number}".encode(),
        }
    )


def tfrecords(folder, *records):
    """A folder of two files, of which the second is to be damaged; returns it."""
    tfrecord.write_records(folder / "data-1-2.tfrecord", [record(0), record(1)])
    path = folder / "data-2-2.tfrecord"
    tfrecord.write_records(path, records or [record(0), record(1), record(2)])
    return path


def truncated(folder):
    path = tfrecords(folder)
    path.write_bytes(path.read_bytes()[:-30])


def bit_flipped(folder):
    path = tfrecords(folder)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def wrong_g_size(folder):
    tfrecords(folder, record(0), record(1, size=9))


def nan_energy(folder):
    tfrecords(folder, record(0), record(1, energy=float("nan")))


def examples(folder, **changes):
    """Two structures, the second one changed."""
    good = {"atoms": ATOMS, "energy": [-2078.5, "eV"], "unit_of_length": "angstrom"}
    bad = {key: value for key, value in {**good, **changes}.items() if value is not None}
    (folder / "a.example").write_text(json.dumps(good))
    (folder / "b.example").write_text(json.dumps(bad))


def missing_key(folder):
    examples(folder, energy=None, energie=[-1, "eV"])


def unknown_unit(folder):
    examples(folder, energy=[-47931, "kcal/mol"])


def unknown_species(folder):
    examples(folder, atoms=[*ATOMS, [4, "Si", [1.0, 0, 0]]])


def syntax_error(folder):
    examples(folder)
    (folder / "b.example").write_text('{"atoms": [],\n "energy": [1,}')


def empty(folder):
    pass


TFRECORD = "data-2-2.tfrecord"


@pytest.mark.parametrize(
    ("make", "where", "cause"),
    [
        (
            truncated,
            f"/{TFRECORD}, record 2 (counted from 0, at byte 382)",
            "the file ends 30 bytes too early",
        ),
        (
            bit_flipped,
            f"/{TFRECORD}, record 1 (counted from 0, at byte 191)",
            "the checksum of the data is wrong",
        ),
        (wrong_g_size, f"/{TFRECORD}, record 1 'water1'", "has 9 .*g_size.*, but record 0 has 8"),
        (nan_energy, f"/{TFRECORD}, record 1 'water1'", r"the energy is \[nan\], expected one fin"),
        (missing_key, "/b.example", "the key 'energy' is missing, did you mean 'energie'"),
        (unknown_unit, "/b.example", "unknown energy unit 'kcal/mol', expected one of eV"),
        (unknown_species, "/b.example, atom 3", r"'Si' is not in data.species \[H, C, O, N\]"),
        (syntax_error, "/b.example, line 2, column 15", "is not JSON"),
        (empty, "", r"no data files .* in this directory: it is empty"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_bad_data_is_one_line_and_leaves_nothing(program, make, where, cause):
    folder = program.folder / "data"
    folder.mkdir()
    make(folder)
    before = listing(program.folder)
    # The default tracking where the data are JSON: it must leave nothing, either.
    kind = "example" if "example" in where else "tfrecord"
    tracking = [] if make is missing_key else ["tracking=none"]
    done = program.run(
        "train", f"data={kind}", "data.train=data", "data.species=[H,C,O,N]", *tracking, code=2
    )
    (line,) = done.stderr.splitlines()
    assert re.match(f"{re.escape(f'error: {folder}{where}: ')}.*{cause}", line), line
    assert done.stdout == ""
    assert listing(program.folder) == before


def test_a_group_without_a_choice_is_one_line(program):
    done = program.run("train", "species=null", code=2)
    assert done.stderr.startswith("error: species=null: expected one of deep, small (")


def listing(folder):
    return sorted(path for path in folder.rglob("*") if ".matplotlib" not in str(path))


def test_a_g_size_that_is_not_the_datas(tmp_path):
    tfrecords(tmp_path)
    config = TrainConfig(
        data=DataConfig(train=str(tmp_path), species=["H", "C", "O", "N"]),
        network=NetworkConfig(g_size=9),
    )
    place = re.escape(f"{tmp_path / 'data-1-2.tfrecord'}, record 0 'water0'")
    with pytest.raises(DataError, match=f"^{place}: has 8 .* but network.g_size=9: correct"):
        read_run_data(config, tmp_path)
