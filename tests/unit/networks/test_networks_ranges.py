"""The file of ranges beside the weights: it reads back, and damage is named."""

import json

import numpy as np
import pytest

from panna_exp.data.ranges import Ranges
from panna_exp.errors import NetworkError
from panna_exp.networks.ranges import FILE_NAME, read_ranges, write_ranges

SYMBOLS = ("H", "O", "C")


@pytest.fixture
def ranges():
    values = np.random.default_rng(0).uniform(size=(20, 5)).astype(np.float32)
    return Ranges.of(values, np.arange(20) % 2, 3)


def test_it_reads_back_exactly(tmp_path, ranges):
    (path,) = write_ranges(ranges, SYMBOLS, tmp_path)
    assert path == tmp_path / FILE_NAME
    found = read_ranges(tmp_path, SYMBOLS, 5)
    assert found.same(ranges)
    assert found.counts.tolist() == [10, 10, 0]
    # So it does beside a metadata file that is named instead of its folder.
    assert read_ranges(tmp_path / "networks_metadata.json", SYMBOLS, 5).same(ranges)


def test_an_earlier_network_s_file_goes(tmp_path, ranges):
    write_ranges(ranges, SYMBOLS, tmp_path)
    assert write_ranges(None, SYMBOLS, tmp_path) == []
    assert read_ranges(tmp_path, SYMBOLS, 5) is None


def changed(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda c: c.update(format="x"), 'expected a JSON object with "format"'),
        (lambda c: c.update(format_version=9), "has the format version 9, this program reads 1"),
        (lambda c: c["species"].pop("O"), "its species are H, C, but those of the networks H, O"),
        (lambda c: c["species"]["H"].update(min=[1.0]), "species H: 'min' is not 5 numbers"),
        (lambda c: c["species"]["O"].update(max=None), "species O: 'max' is not 5 numbers"),
        (lambda c: c["species"]["O"].update(atoms="x"), "species O: has no number of atoms"),
        (lambda c: c["species"].update(H=3), "species H: has no number of atoms"),
    ],
)
def test_damage_is_named(tmp_path, ranges, change, message):
    (path,) = write_ranges(ranges, SYMBOLS, tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    changed(path, change)
    with pytest.raises(NetworkError, match=message) as caught:
        read_ranges(tmp_path, SYMBOLS, 5)
    assert str(path) in str(caught.value)


def test_another_size_and_no_json(tmp_path, ranges):
    (path,) = write_ranges(ranges, SYMBOLS, tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    with pytest.raises(NetworkError, match="'min' is not 6 numbers"):
        read_ranges(tmp_path, SYMBOLS, 6)
    path.write_bytes(b"\xff{")
    with pytest.raises(NetworkError, match="is not JSON"):
        read_ranges(tmp_path, SYMBOLS, 5)
