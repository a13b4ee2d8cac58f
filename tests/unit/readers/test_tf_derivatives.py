"""Derivatives in TFRecords: both kinds, and what is wrong with damaged ones."""

import re

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.readers.tfrecord import encode_example, write_records

SPECIES = Species(("H",))
WIDTH = 3


def features(kind, atoms=2, seed=0):
    random = np.random.default_rng(seed)
    dense = random.normal(size=(atoms * WIDTH, 3 * atoms)).astype(np.float32)
    dense[::2] = 0
    found = {
        "energy": np.array([-1.0]),
        "species": np.zeros(atoms, dtype=np.int64),
        "gvects": np.ones((atoms, WIDTH), np.float32),
        "forces": np.ones((atoms, 3), np.float32),
    }
    if kind == "dense":
        found["dgvects"] = dense
    elif kind == "sparse":
        rows, columns = np.nonzero(dense)
        found |= {
            "dgvect_size": np.array([len(rows)]),
            "dgvect_values": dense[rows, columns],
            "dgvect_indices1": rows.astype(np.float32),
            "dgvect_indices2": columns.astype(np.float32),
        }
    return found, dense


def read(folder, *records, **options):
    write_records(folder / "a.tfrecord", [encode_example(record) for record in records])
    chosen = ReadOptions(derivatives=True, **options)
    return open_structures([str(folder / "a.tfrecord")], SPECIES, options=chosen).structures


@pytest.mark.parametrize("kept", [None, True, False])
@pytest.mark.parametrize("kind", ["dense", "sparse"])
def test_both_kinds_and_their_conversion(tmp_path, kind, kept):
    records = [features(kind, atoms, seed) for seed, atoms in enumerate((2, 4, 1))]
    structures = read(tmp_path, *(record for record, _ in records), sparse_derivatives=kept)
    assert structures.derivatives.sparse == ((kind == "sparse") if kept is None else kept)
    chosen = structures.select(np.array([2, 0, 1]))
    for index, (number, atoms) in enumerate(((2, 1), (0, 2), (1, 4))):
        found = chosen.derivatives.matrix(index, atoms, WIDTH)
        np.testing.assert_array_equal(found, records[number][1])


def test_they_are_left_aside_unless_asked_for(tmp_path):
    record, _ = features("dense")
    write_records(tmp_path / "a.tfrecord", [encode_example(record)])
    assert open_structures([str(tmp_path / "a.tfrecord")], SPECIES).structures.derivatives is None


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("dense", {"dgvects": np.ones(30, np.float32)}, "'dgvects' has 30 values, expected 36 = 2"),
        ("dense", {"dgvects": np.full(36, np.nan)}, "value 0 of 'dgvects' is not a finite number"),
        ("dense", {"dgvects": b"x"}, "'dgvects' holds bytes, expected numbers"),
        ("sparse", {"dgvect_indices1": None}, "the feature 'dgvect_indices1' is missing"),
        ("sparse", {"dgvect_indices2": np.zeros(3)}, "'dgvect_indices2' has 3 values, but"),
        (
            "sparse",
            {"dgvect_indices1": 6},
            "'dgvect_indices1' has the value 6, expected an integer",
        ),
        ("sparse", {"dgvect_indices2": 0.5}, "'dgvect_indices2' has the value 0.5"),
    ],
)
def test_damaged_ones_are_named(tmp_path, kind, change, message):
    record, _ = features(kind)
    for key, value in change.items():
        if value is None:
            del record[key]
        elif isinstance(value, int | float):
            record[key] = np.full_like(record[key], value)
        else:
            record[key] = value if isinstance(value, bytes) else value.astype(np.float32)
    with pytest.raises(DataError, match=rf"a\.tfrecord, record 0.*{re.escape(message)}"):
        read(tmp_path, record)


def test_records_of_two_kinds(tmp_path):
    records = [features(kind)[0] for kind in ("dense", "sparse")]
    with pytest.raises(
        DataError, match=r"record 1.* has sparse derivatives, but record 0 has dense"
    ):
        read(tmp_path, *records)
    with pytest.raises(DataError, match=r"record 1.* has no derivatives, but record 0 has dense"):
        read(tmp_path, records[0], features("none")[0])
