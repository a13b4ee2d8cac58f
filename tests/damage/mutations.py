"""Damage to bytes, from fixed seeds: what disks, cables and editors do."""

import random
import re


def damaged(data: bytes, seed: int) -> bytes:
    """Returns ``data`` with one or a few things wrong."""
    chance = random.Random(seed)
    for _ in range(chance.choice((1, 1, 1, 2, 4))):
        data = chance.choice(_KINDS)(data, chance)
    return data


def _flip(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _truncate(data: bytes, chance: random.Random) -> bytes:
    return data[: chance.randrange(len(data) + 1)]


def _insert(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + chance.randbytes(chance.choice((1, 4, 64))) + data[place:]


def _delete(data: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(data) + 1)
    return data[:place] + data[place + chance.choice((1, 4, 64)) :]


def _overwrite(data: bytes, chance: random.Random) -> bytes:
    place, length = chance.randrange(len(data) + 1), chance.choice((1, 2, 4, 8, 32))
    filling = chance.choice((b"\x00", b"\xff", b"\x7f", None))
    new = chance.randbytes(length) if filling is None else filling * length
    return (data[:place] + new + data[place + length :])[: max(len(data), 1)]


def _number(data: bytes, chance: random.Random) -> bytes:
    """Another number where the file has one as text."""
    found = list(re.finditer(rb"-?\d+(\.\d*)?", data[:200_000]))
    if not found:
        return _flip(data, chance)
    place = chance.choice(found)
    new = chance.choice((b"0", b"-1", b"nan", b"inf", b"1e999", b"30000000000", b"", b"99999999"))
    return data[: place.start()] + new + data[place.end() :]


def _swap(data: bytes, chance: random.Random) -> bytes:
    """Two pieces change places."""
    one, other = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
    size = min(16, other - one)
    middle = data[one + size : other]
    return (
        data[:one]
        + data[other : other + size]
        + middle
        + data[one : one + size]
        + data[other + size :]
    )


_KINDS = (_flip, _flip, _flip, _truncate, _insert, _delete, _overwrite, _overwrite, _number, _swap)
