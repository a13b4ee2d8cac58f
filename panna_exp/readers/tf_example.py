"""``tf.train.Example`` in the wire format of protocol buffers, without TensorFlow.

Example{1: Features{1: map<string, Feature>}}, Feature{1: BytesList, 2: FloatList, 3: Int64List},
each list with field 1 repeated, packed or not. Fields of other numbers are skipped.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Feature = NDArray[Any] | bytes
_VARINT, _LENGTH = 0, 2
_FIXED = {1: 8, 5: 4}  # wire types of fixed size, in bytes
_WORD = (1 << 64) - 1


class WireError(ValueError):
    """The bytes are no tf.train.Example."""


def parse_example(data: memoryview) -> dict[str, Any]:
    """Returns the features: arrays of float32 or int64, or bytes (WireError)."""
    features: dict[str, Any] = {}
    for number, body in _fields(data):
        if number != 1 or isinstance(body, int):
            continue
        for entry_number, entry in _fields(body):
            if entry_number == 1 and not isinstance(entry, int):
                key, feature = _entry(entry)
                features[key] = feature
    if not features:
        raise WireError("it has no features")
    return features


def encode_example(features: Mapping[str, Feature]) -> bytes:
    """Returns features as a serialised Example, keys in the order given.

    Args:
        features: Bytes, integers (stored as int64) or other numbers (stored as float32).
    """
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


def _entry(entry: memoryview) -> tuple[str, Any]:
    parts = dict(_fields(entry))
    try:
        key = bytes(_expect_bytes(parts.get(1))).decode()
    except UnicodeDecodeError:
        raise WireError("the name of a feature is not text") from None
    return key, _feature(_expect_bytes(parts.get(2, memoryview(b""))))


def _feature(body: memoryview) -> Any:
    for kind, content in _fields(body):
        values = [value for number, value in _fields(_expect_bytes(content)) if number == 1]
        if kind == 1:
            return b"".join(_expect_bytes(value) for value in values)
        if kind == 2:
            joined = b"".join(_expect_bytes(value) for value in values)
            if len(joined) % 4:
                raise WireError("a list of floats ends inside a number")
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
            raise WireError(f"unknown wire type {wire}")
        if position + size > len(data):
            raise WireError("a field is longer than the record")
        yield number, data[position : position + size]
        position += size


def _decode_varint(data: memoryview, position: int) -> tuple[int, int]:
    """Returns a number, its 64 low bits as protocol buffers take them, and where it ends."""
    result = shift = 0
    while True:
        if position >= len(data) or shift > 63:
            raise WireError("a number does not end")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result & _WORD, position
        shift += 7


def _encode_varint(value: int) -> bytes:
    value &= _WORD  # negative numbers in two's complement, as protocol buffers do
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
        raise WireError("a field has the wrong type")
    return value
