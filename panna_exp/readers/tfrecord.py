"""PANNA's TFRecords, read and written without TensorFlow.

A file is a sequence of: uint64 length, uint32 masked CRC-32C of the length, data, uint32 masked
CRC-32C of the data, all little endian. The data is a ``tf.train.Example`` in protocol buffers' wire
format: Example{1: Features{1: map<string, Feature>}}, Feature{1: BytesList, 2: FloatList,
3: Int64List}, each list with field 1 repeated, packed or not. Both checksums of every record are
verified; records are counted from 0.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins
from panna_exp.data.structures import StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.files import write_atomic

Feature = NDArray[Any] | bytes
_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK = 0xA282EAD8
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}  # wire types of fixed size, in bytes


class _WireError(ValueError):
    """The bytes are no tf.train.Example."""


def read(path: Path, species: Species) -> StructureSet:
    """Reads energies, species, descriptors and, where present, forces and names.

    Raises:
        DataError: Names file, record and cause: a checksum, a truncation, a missing or odd feature.
    """
    examples = list(read_examples(path))
    if not examples:
        raise DataError(f"{path}: has no records")
    names = [_name(example) for example in examples]
    origins = Origins(str(path), "record", names, len(examples))
    checked = [_check(example, origins[number], species) for number, example in enumerate(examples)]
    width = checked[0][1].shape[1]
    for number, (_, descriptors) in enumerate(checked):
        if descriptors.shape[1] != width:
            raise DataError(
                f"{origins[number]}: has {descriptors.shape[1]} descriptor components an atom "
                f"(g_size), but record 0 has {width}"
            )
    sizes = [len(indices) for indices, _ in checked]
    forces = [
        _forces(e, n, origins[i]) for i, (e, n) in enumerate(zip(examples, sizes, strict=True))
    ]
    has_forces = any(not np.isnan(item).all() for item in forces)
    count = len(examples)
    return StructureSet(
        names=names,
        origins=origins,
        offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        species=np.concatenate([indices for indices, _ in checked]),
        energy=np.array([float(example["energy"][0]) for example in examples]),
        cell=np.zeros((count, 3, 3)),
        pbc=np.zeros((count, 3), dtype=bool),
        forces=np.concatenate(forces) if has_forces else None,
        descriptors=np.concatenate([descriptors for _, descriptors in checked]),
    )


def read_examples(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the features of each record: arrays of float32 or int64, or bytes.

    Raises:
        DataError: Names file, record and cause.
    """
    for number, data in enumerate(read_records(path)):
        try:
            yield parse_example(data)
        except (_WireError, UnicodeDecodeError, IndexError, ValueError) as error:
            raise DataError(
                f"{path}, record {number}: is not a tf.train.Example ({error})"
            ) from None


def read_records(path: Path) -> Iterator[memoryview]:
    """Yields the data of each record, its checksums verified (DataError)."""
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    start, number = 0, 0
    while start < len(content):
        where = f"{path}, record {number} (byte {start})"
        data_start = start + _HEADER.size
        if data_start > len(content):
            raise DataError(f"{where}: the file ends inside the record's length: it is truncated")
        length, length_crc = _HEADER.unpack_from(content, start)
        if _masked_crc(content[start : start + 8]) != length_crc:
            raise DataError(f"{where}: the checksum of the length is wrong: the file is damaged")
        end = data_start + length
        if end + _FOOTER.size > len(content):
            missing = end + _FOOTER.size - len(content)
            raise DataError(f"{where}: the file ends {missing} bytes too early: it is truncated")
        data = content[data_start:end]
        if _masked_crc(data) != _FOOTER.unpack_from(content, end)[0]:
            raise DataError(f"{where}: the checksum of the data is wrong: the file is damaged")
        yield data
        start, number = end + _FOOTER.size, number + 1


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Writes a file of records, whole or not at all (OSError)."""

    def write(file: Any) -> None:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + _FOOTER.pack(_masked_crc(length)))
            file.write(data + _FOOTER.pack(_masked_crc(data)))

    write_atomic(path, write)


def parse_example(data: memoryview) -> dict[str, Any]:
    """Returns the features of a serialised ``tf.train.Example``."""
    features: dict[str, Any] = {}
    for number, body in _fields(data):
        if number != 1 or isinstance(body, int):
            continue
        for entry_number, entry in _fields(body):
            if entry_number == 1 and not isinstance(entry, int):
                parts = dict(_fields(entry))
                key = bytes(_expect_bytes(parts.get(1))).decode()
                features[key] = _feature(_expect_bytes(parts.get(2, memoryview(b""))))
    if not features:
        raise _WireError("it has no features")
    return features


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Returns features as a serialised ``tf.train.Example``, keys in the order given."""
    entries = []
    for key, value in features.items():
        if isinstance(value, bytes):
            body = _field(1, _field(1, value))
        elif np.issubdtype(value.dtype, np.integer):
            packed = b"".join(_encode_varint(int(item)) for item in value.ravel())
            body = _field(3, _field(1, packed))
        else:
            body = _field(2, _field(1, value.astype("<f4").tobytes()))
        entries.append(_field(1, _field(1, key.encode()) + _field(2, body)))
    return _field(1, b"".join(entries))


def _check(
    example: Mapping[str, Any], origin: str, species: Species
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Returns species indices [A] and descriptors [A, D] of a record."""
    for key in ("energy", "species", "gvects"):
        if key not in example or len(example[key]) == 0:
            have = ", ".join(sorted(example))
            raise DataError(f"{origin}: the feature '{key}' is missing or empty (it has {have})")
    energy = example["energy"]
    if len(energy) != 1 or not np.isfinite(energy[0]):
        raise DataError(f"{origin}: the energy is {list(energy)}, expected one finite number")
    indices = np.asarray(example["species"], dtype=np.int64)
    wrong = np.flatnonzero((indices < 0) | (indices >= len(species)))
    if len(wrong):
        atom = int(wrong[0])
        raise DataError(
            f"{origin}: atom {atom} has species index {indices[atom]}, but data.species "
            f"[{', '.join(species)}] has indices 0 to {len(species) - 1}"
        )
    descriptors = np.asarray(example["gvects"], dtype=np.float32)
    if len(descriptors) % len(indices):
        raise DataError(
            f"{origin}: 'gvects' has {len(descriptors)} values, no multiple of the "
            f"{len(indices)} atoms: wrong g_size or number of atoms"
        )
    descriptors = descriptors.reshape(len(indices), -1)
    if not np.isfinite(descriptors).all():
        atom = int(np.argwhere(~np.isfinite(descriptors))[0][0])
        raise DataError(f"{origin}: descriptors of atom {atom} are not finite numbers")
    return indices, descriptors


def _forces(example: Mapping[str, Any], num_atoms: int, origin: str) -> NDArray[np.float64]:
    forces = example.get("forces")
    if forces is None or len(forces) == 0:
        return np.full((num_atoms, 3), np.nan)
    if len(forces) != 3 * num_atoms:
        raise DataError(f"{origin}: 'forces' has {len(forces)} values, expected {3 * num_atoms}")
    return np.asarray(forces, dtype=np.float64).reshape(num_atoms, 3)


def _name(example: Mapping[str, Any]) -> str:
    value = example.get("name", b"")
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _feature(body: memoryview) -> Any:
    for kind, content in _fields(body):
        values = [value for number, value in _fields(_expect_bytes(content)) if number == 1]
        if kind == 1:
            return b"".join(bytes(_expect_bytes(value)) for value in values)
        if kind == 2:
            joined = b"".join(bytes(_expect_bytes(value)) for value in values)
            return np.frombuffer(joined, dtype="<f4")
        if kind == 3:
            return np.array(list(_integers(values)), dtype=np.uint64).astype(np.int64)
    return np.zeros(0, dtype=np.float32)


def _integers(values: Sequence[int | memoryview]) -> Iterator[int]:
    for value in values:
        if isinstance(value, int):
            yield value
            continue
        position = 0
        while position < len(value):
            number, position = _decode_varint(value, position)
            yield number


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Yields (field number, value) of a message; values are integers or bytes."""
    position = 0
    while position < len(data):
        key, position = _decode_varint(data, position)
        number, wire = key >> 3, key & 7
        if wire == _VARINT:
            value, position = _decode_varint(data, position)
            yield number, value
            continue
        if wire == _LENGTH:
            size, position = _decode_varint(data, position)
        elif wire in _FIXED:
            size = _FIXED[wire]
        else:
            raise _WireError(f"unknown wire type {wire}")
        if position + size > len(data):
            raise _WireError("a field is longer than the record")
        yield number, data[position : position + size]
        position += size


def _decode_varint(data: memoryview, position: int) -> tuple[int, int]:
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise _WireError("a number does not end")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
        shift += 7


def _encode_varint(value: int) -> bytes:
    value &= (1 << 64) - 1  # negative numbers in two's complement, as protocol buffers do
    parts = bytearray()
    while value > 0x7F:
        parts.append((value & 0x7F) | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _field(number: int, content: bytes) -> bytes:
    return _encode_varint(number << 3 | _LENGTH) + _encode_varint(len(content)) + content


def _expect_bytes(value: int | memoryview | None) -> memoryview:
    if not isinstance(value, memoryview):
        raise _WireError("a field has the wrong type")
    return value


def _masked_crc(data: memoryview | bytes) -> int:
    crc = int(google_crc32c.value(bytes(data)))
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
