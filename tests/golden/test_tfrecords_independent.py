"""Our TFRecords beside PANNA's, both read by a decoder that shares no code with the program."""

import struct

import numpy as np
import pytest

from panna_exp.assembly.packing import pack
from panna_exp.config.schema.tools import PackConfig
from panna_exp.elements import Species
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.writers.tfrecord import write

# The .bin file of each combination of flags, and the options that pack all of it.
FLAGS = {
    "plain": {},
    "peratom": {"per_atom_quantity": True},
    "deriv_forces": {"derivatives": True},
    "deriv_forces_peratom": {"derivatives": True, "per_atom_quantity": True},
    "sparse_forces": {"derivatives": True, "sparse": True},
    "sparse_forces_peratom": {"derivatives": True, "sparse": True, "per_atom_quantity": True},
}


def crc32c(data):
    """Castagnoli's checksum, bit by bit."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def masked(data):
    value = crc32c(data)
    return (((value >> 15) | (value << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def framed(path, checksums):
    """The records of a file: length, checksum of it, data, checksum of these."""
    content, start = path.read_bytes(), 0
    while start < len(content):
        length, crc = struct.unpack_from("<QI", content, start)
        data = content[start + 12 : start + 12 + length]
        (end,) = struct.unpack_from("<I", content, start + 12 + length)
        assert crc == masked(content[start : start + 8])
        if checksums:
            assert end == masked(data)
        yield data
        start += 16 + length


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def fields(data):
    """(number, value) of a protobuf message: varints as int, the rest as bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            length, at = varint(data, at) if key & 7 == 2 else ({1: 8, 5: 4}[key & 7], at)
            value, at = data[at : at + length], at + length
        yield key >> 3, value


def decoded(data):
    """tf.train.Example: {name: (kind, values)}; kind 1 bytes, 2 float, 3 int64."""
    found = {}
    for _, features in fields(data):
        for _, entry in fields(features):
            parts = dict(fields(entry))
            ((kind, body),) = fields(parts[2])
            found[parts[1].decode()] = (kind, values_of(kind, body))
    return found


def values_of(kind, body):
    items = [value for _, value in fields(body)]
    if kind == 1:
        return items
    if kind == 2:
        return list(struct.unpack(f"<{len(b''.join(items)) // 4}f", b"".join(items)))
    numbers = []
    for item in items:  # packed, or one by one
        at, packed = 0, item if isinstance(item, bytes) else b""
        numbers += [] if isinstance(item, bytes) else [item]
        while at < len(packed):
            value, at = varint(packed, at)
            numbers.append(value)
    return [value - (1 << 64) if value >= 1 << 63 else value for value in numbers]


def assert_same_features(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, (kind, values) in theirs.items():
        assert ours[name][0] == kind, name
        np.testing.assert_array_equal(np.array(ours[name][1]), np.array(values), err_msg=name)


@pytest.mark.parametrize("name", FLAGS)
def test_packed_files_with_every_combination_of_flags(shared, tmp_path, name):
    folder = shared / "reference/fmt_bin_tfr_a"
    (tmp_path / "bins").mkdir()
    (tmp_path / f"bins/{name}.bin").write_bytes((folder / f"{name}.bin").read_bytes())
    options = {"input_dir": "bins", "output_dir": "tfr", "prefix": name, **FLAGS[name]}
    (written,) = pack(PackConfig(**options), tmp_path, lambda done, total: None)
    (ours,) = map(decoded, framed(written, True))
    (theirs,) = map(decoded, framed(folder / f"tfr/{written.name}", True))
    assert_same_features(ours, theirs)
    wanted = {"energy", "species", "gvects", "name"}
    if "peratom" in name:
        wanted.add("per_atom_quantity")
    if "deriv" in name:
        wanted |= {"dgvects", "forces"}
    if "sparse" in name:
        wanted |= {"dgvect_values", "dgvect_indices1", "dgvect_indices2", "dgvect_size", "forces"}
    assert set(ours) == wanted


@pytest.mark.parametrize(
    ("path", "symbols"),
    [
        ("data/panna_tutorial/validate/train-2-10.tfrecord", "HCON"),
        ("data/panna_carbon/validation_set", "C"),
        ("reference/traj_forces_a/data", "C"),
        ("reference/gv_sparse_water_a/tfr", "HCON"),
    ],
)
def test_real_records_written_again(shared, tmp_path, path, symbols):
    source = shared / path
    files = [source] if source.is_file() else sorted(source.glob("*.tfrecord"))
    species = Species(tuple(symbols))
    options = ReadOptions(derivatives=True)
    read = open_structures([str(file) for file in files], species, options=options)
    out = tmp_path / "ours.tfrecord"
    assert write(out, read.structures, species, lambda done, total: None) is None
    ours = [decoded(data) for data in framed(out, False)]
    theirs = [decoded(data) for file in files for data in framed(file, False)]
    assert len(ours) == len(theirs) > 0
    for one, other in zip(ours, theirs, strict=True):
        assert_same_features(one, other)
