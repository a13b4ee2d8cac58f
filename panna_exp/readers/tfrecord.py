"""PANNA's TFRecords, read and written without TensorFlow.

A file is a sequence of: uint64 length, uint32 masked CRC-32C of the length, data, uint32 masked
CRC-32C of the data, all little endian; the data is a ``tf.train.Example``. Both checksums of every
record are verified; records are counted from 0.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from panna_exp.data.labels import Origins
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError, closest
from panna_exp.files import write_atomic
from panna_exp.readers.options import ReadOptions, without_zero_forces
from panna_exp.readers.tf_derivatives import packed_derivatives
from panna_exp.readers.tf_example import WireError, encode_example, parse_example

__all__ = [
    "encode_example",
    "parse_example",
    "read",
    "read_examples",
    "read_records",
    "write_records",
]

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_MASK = 0xA282EAD8


def read(path: Path, species: Species, options: ReadOptions | None = None) -> StructureSet:
    """Reads energies, species, descriptors and, where present, forces, names and derivatives.

    Derivatives are read only where ``options`` ask for them.

    Forces of a structure that are all exactly zero are none, unless ``options`` say to keep them:
    PANNA writes them where the structure had no forces.

    Raises:
        DataError: Names file, record and cause: a checksum, a truncation, a missing or odd feature.
    """
    examples = list(read_examples(path))
    if not examples:
        raise DataError(f"{path}: has no records")
    names = [_name(example) for example in examples]
    origins = Origins(str(path), "record", names, len(examples))
    records = [_Record.of(e, origins[i], species) for i, e in enumerate(examples)]
    width = records[0].descriptors.shape[1]
    for index, record in enumerate(records):
        if record.descriptors.shape[1] != width:
            raise DataError(
                f"{origins[index]}: has {record.descriptors.shape[1]} descriptor components per "
                f"atom (g_size), but record 0 has {width}"
            )
    derivatives = None
    if options is not None and options.derivatives:
        sizes = [len(record.species) for record in records]
        derivatives = packed_derivatives(examples, origins, sizes, width)
    has_forces = any(record.forces is not None for record in records)
    count = len(examples)
    structures = StructureSet(
        names=names,
        origins=origins,
        offsets=np.concatenate([[0], np.cumsum([len(r.species) for r in records])]).astype(
            np.int64
        ),
        species=np.concatenate([record.species for record in records]),
        energy=np.array([record.energy for record in records]),
        cell=np.zeros((count, 3, 3)),
        pbc=np.zeros((count, 3), dtype=bool),
        forces=np.concatenate([r.forces_or_nan() for r in records]) if has_forces else None,
        descriptors=np.concatenate([record.descriptors for record in records]),
        derivatives=derivatives,
    )
    return without_zero_forces(structures, options or ReadOptions())


def read_examples(path: Path) -> Iterator[dict[str, Any]]:
    """Yields the features of each record: arrays of float32 or int64, or bytes.

    Raises:
        DataError: Names file, record and cause.
    """
    for index, data in enumerate(read_records(path)):
        try:
            yield parse_example(data)
        except WireError as error:
            raise DataError(
                f"{path}, record {index} (counted from 0): is not a tf.train.Example ({error})"
            ) from None


def read_records(path: Path) -> Iterator[memoryview]:
    """Yields the data of each record, its checksums verified (DataError)."""
    try:
        content = memoryview(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    start, index = 0, 0
    while start < len(content):
        where = f"{path}, record {index} (counted from 0, at byte {start})"
        data_start = start + _HEADER.size
        if data_start > len(content):
            raise DataError(f"{where}: the file ends inside the record's length: it is truncated")
        length, length_crc = _HEADER.unpack_from(content, start)
        if _masked_crc(content[start : start + 8]) != length_crc:
            other = "" if index else " or no TFRecord file"
            raise DataError(
                f"{where}: the checksum of the length is wrong: the file is damaged{other}"
            )
        end = data_start + length
        if end + _FOOTER.size > len(content):
            missing = end + _FOOTER.size - len(content)
            raise DataError(f"{where}: the file ends {missing} bytes too early: it is truncated")
        data = content[data_start:end]
        if _masked_crc(data) != _FOOTER.unpack_from(content, end)[0]:
            raise DataError(f"{where}: the checksum of the data is wrong: the file is damaged")
        yield data
        start, index = end + _FOOTER.size, index + 1


def write_records(path: Path, records: Iterable[bytes]) -> None:
    """Writes a file of records, whole or not at all (OSError)."""

    def write(file: Any) -> None:
        for data in records:
            length = struct.pack("<Q", len(data))
            file.write(length + _FOOTER.pack(_masked_crc(length)))
            file.write(data + _FOOTER.pack(_masked_crc(data)))

    write_atomic(path, write)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    """One record: species [A], energy, descriptors [A, D] and forces [A, 3] or None."""

    species: Ints
    energy: float
    descriptors: NDArray[np.float32]
    forces: Floats | None

    @classmethod
    def of(cls, example: Mapping[str, Any], origin: str, species: Species) -> "_Record":
        """Checks the features of a record (DataError)."""
        for key in ("energy", "species", "gvects"):
            if key not in example or len(example[key]) == 0:
                hint = closest(key, example) if key not in example else ""
                raise DataError(
                    f"{origin}: the feature '{key}' is missing or empty "
                    f"(it has {', '.join(sorted(example))}){hint}"
                )
        energy = _numbers(example, "energy", origin)
        if len(energy) != 1 or not np.isfinite(energy[0]):
            raise DataError(
                f"{origin}: the energy is {energy.tolist()}, expected one finite number"
            )
        indices = _species(example, origin, species)
        return cls(
            species=indices,
            energy=float(energy[0]),
            descriptors=_descriptors(example, len(indices), origin),
            forces=_forces(example, len(indices), origin),
        )

    def forces_or_nan(self) -> Floats:
        return np.full((len(self.species), 3), np.nan) if self.forces is None else self.forces


def _numbers(example: Mapping[str, Any], key: str, origin: str) -> NDArray[Any]:
    values: NDArray[Any] | bytes = example[key]
    if isinstance(values, bytes):
        raise DataError(f"{origin}: the feature '{key}' holds bytes, expected numbers")
    return values


def _species(example: Mapping[str, Any], origin: str, species: Species) -> Ints:
    indices = _numbers(example, "species", origin)
    if indices.dtype.kind != "i":
        raise DataError(f"{origin}: the feature 'species' holds floats, expected integers")
    wrong = np.flatnonzero((indices < 0) | (indices >= len(species)))
    if len(wrong):
        atom = int(wrong[0])
        raise DataError(
            f"{origin}: atom {atom} has species index {indices[atom]}, but data.species "
            f"[{', '.join(species)}] has indices 0 to {len(species) - 1}"
        )
    return indices


def _descriptors(example: Mapping[str, Any], num_atoms: int, origin: str) -> NDArray[np.float32]:
    values = np.asarray(_numbers(example, "gvects", origin), dtype=np.float32)
    if len(values) % num_atoms:
        raise DataError(
            f"{origin}: 'gvects' has {len(values)} values, no multiple of the "
            f"{num_atoms} atoms: wrong g_size or number of atoms"
        )
    return _finite("descriptors", values.reshape(num_atoms, -1), origin)


def _forces(example: Mapping[str, Any], num_atoms: int, origin: str) -> Floats | None:
    if "forces" not in example or len(example["forces"]) == 0:
        return None
    values = np.asarray(_numbers(example, "forces", origin), dtype=np.float64)
    if len(values) != 3 * num_atoms:
        raise DataError(f"{origin}: 'forces' has {len(values)} values, expected {3 * num_atoms}")
    return _finite("forces", values.reshape(num_atoms, 3), origin)


def _finite(what: str, values: NDArray[Any], origin: str) -> NDArray[Any]:
    if not np.isfinite(values).all():
        atom = int(np.argwhere(~np.isfinite(values))[0][0])
        raise DataError(f"{origin}: {what} of atom {atom} are not finite numbers")
    return values


def _name(example: Mapping[str, Any]) -> str:
    value = example.get("name", b"")
    return value.decode(errors="replace") if isinstance(value, bytes) else ""


def _masked_crc(data: memoryview | bytes) -> int:
    crc = int(google_crc32c.value(bytes(data)))
    return ((crc >> 15 | crc << 17) + _MASK) & 0xFFFFFFFF
