"""PANNA's ``.bin`` files: the descriptors of one structure, little endian.

uint32 version (0), uint16 flags, uint32 A, uint32 D, then float32 all through: energy, species
[A], descriptors [A, D], and as flagged derivatives, forces [A, 3] and a per-atom quantity [A].
Derivatives are dense, [A, D, A, 3], or sparse: a count n, n values, and n pairs (i D + j, 3 k + l)
of their places (i, j, k, l). Forces come with derivatives only.

Shapes: A atoms, D descriptor components. Units: eV, eV/angstrom.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Ints
from panna_exp.errors import DataError
from panna_exp.files import write_atomic

Single = NDArray[np.float32]

_HEADER = struct.Struct("<IHIIf")
_VERSION = 0
_DERIVATIVES, _FORCES, _PER_ATOM, _SPARSE = 1, 2, 4, 8
_EXACT = 1 << 24  # below it every integer is a float32


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SparseDerivatives:
    """Derivatives that are not zero.

    Args:
        values: [n].
        rows: [n] places i D + j of component j of atom i.
        columns: [n] places 3 k + l of coordinate l of atom k.
    """

    values: Single
    rows: Ints
    columns: Ints

    def dense(self, num_atoms: int, size: int) -> Single:
        """Returns [A, D, A, 3]."""
        matrix = np.zeros((num_atoms * size, 3 * num_atoms), dtype=np.float32)
        matrix[self.rows, self.columns] = self.values
        return matrix.reshape(num_atoms, size, num_atoms, 3)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BinStructure:
    """What a file holds.

    Args:
        energy: Total energy (eV).
        species: [A] index of each atom in the species list that PANNA was given.
        descriptors: [A, D].
        derivatives: [A, D, A, 3], element (i, j, k, l) is d descriptor j of atom i / d coordinate l
            of atom k (1/angstrom), atom k moved with all its images; or the same sparse; or None.
        forces: [A, 3] (eV/angstrom), or None.
        per_atom: [A] a quantity of each atom, or None.
    """

    energy: float
    species: Ints
    descriptors: Single
    derivatives: Single | SparseDerivatives | None = None
    forces: Single | None = None
    per_atom: Single | None = None

    @property
    def flags(self) -> int:
        """Which parts there are, as the file says it."""
        return (
            _DERIVATIVES * (self.derivatives is not None)
            | _FORCES * (self.forces is not None)
            | _PER_ATOM * (self.per_atom is not None)
            | _SPARSE * isinstance(self.derivatives, SparseDerivatives)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BinHeader:
    """The beginning of a file.

    Args:
        energy: Total energy (eV).
        species: [A].
        flags: Which parts there are.
    """

    energy: float
    species: Single
    flags: int

    @property
    def has(self) -> tuple[bool, bool]:
        """Whether there are derivatives and a per-atom quantity."""
        return bool(self.flags & _DERIVATIVES), bool(self.flags & _PER_ATOM)


def read_header(path: Path) -> BinHeader:
    """Reads the beginning of a file, however large the rest is (DataError: it is damaged)."""
    with path.open("rb") as file:
        start = file.read(_HEADER.size)
        if len(start) < _HEADER.size:
            raise DataError(f"{path}: has {len(start)} bytes: it is truncated")
        version, flags, num_atoms, size, energy = _HEADER.unpack(start)
        _check_header(path, version, flags, num_atoms, size)
        if _end_of_species(num_atoms) > path.stat().st_size:
            raise DataError(
                f"{path}: has {path.stat().st_size} bytes, but with {num_atoms} atoms its species "
                f"end at byte {_end_of_species(num_atoms)}: it is truncated"
            )
        species = np.frombuffer(file.read(4 * num_atoms), "<f4")
    return BinHeader(energy=energy, species=species, flags=flags)


def _end_of_species(num_atoms: int) -> int:
    """Returns where the species of so many atoms end in a file."""
    return _HEADER.size + 4 * num_atoms


def read_bin(path: Path) -> BinStructure:
    """Reads a file; its arrays are read-only.

    Raises:
        DataError: Names the file and what is wrong with it.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    if len(content) < _HEADER.size:
        raise DataError(
            f"{path}: has {len(content)} bytes, fewer than the header of a .bin file, "
            f"{_HEADER.size}: it is truncated"
        )
    version, flags, num_atoms, size, energy = _HEADER.unpack_from(content)
    _check_header(path, version, flags, num_atoms, size)
    body = _Body(path, content, f"{num_atoms} atoms, g_size {size} and flags {flags}")
    if not np.isfinite(energy):
        raise DataError(f"{path}: the energy is {energy}, expected a finite number")
    species = _integers(body.take("species", num_atoms), "species indices", _EXACT, path)
    descriptors = body.take("descriptors", num_atoms, size)
    derivatives: Single | SparseDerivatives | None = None
    if flags & _SPARSE:
        derivatives = _sparse(body, num_atoms, size, path)
    elif flags & _DERIVATIVES:
        derivatives = body.take("derivatives", num_atoms, size, num_atoms, 3)
    forces = body.take("forces", num_atoms, 3) if flags & _FORCES else None
    per_atom = body.take("per-atom quantities", num_atoms) if flags & _PER_ATOM else None
    body.finish()
    return BinStructure(
        energy=energy,
        species=species,
        descriptors=descriptors,
        derivatives=derivatives,
        forces=forces,
        per_atom=per_atom,
    )


def write_bin(path: Path, structure: BinStructure) -> None:
    """Writes a file that PANNA can read, whole or not at all.

    Raises:
        DataError: Sparse places are too large for float32, which they are stored as.
        ValueError: Forces without derivatives, which PANNA never writes; shapes that do not fit.
        OSError: The folder cannot be written, or the disk is full.
    """
    if structure.forces is not None and structure.derivatives is None:
        raise ValueError("forces are written with derivatives only")
    num_atoms, size = structure.descriptors.shape
    _check_shapes(structure, num_atoms, size)
    header = _HEADER.pack(_VERSION, structure.flags, num_atoms, size, structure.energy)
    parts: list[NDArray[Any] | None] = [structure.species, structure.descriptors]
    if isinstance(structure.derivatives, SparseDerivatives):
        sparse = structure.derivatives
        _check_exact(path, num_atoms * size, len(sparse.values))
        places = np.stack([sparse.rows, sparse.columns], axis=1)
        parts += [np.array([len(sparse.values)]), sparse.values, places]
    else:
        parts.append(structure.derivatives)
    parts += [structure.forces, structure.per_atom]

    def write(file: Any) -> None:
        file.write(header)
        for part in parts:
            if part is not None:
                file.write(part.astype("<f4").tobytes())

    write_atomic(path, write)


def _check_shapes(structure: BinStructure, num_atoms: int, size: int) -> None:
    arrays: list[tuple[NDArray[Any] | None, tuple[int, ...]]] = [
        (structure.species, (num_atoms,)),
        (structure.forces, (num_atoms, 3)),
        (structure.per_atom, (num_atoms,)),
    ]
    if not isinstance(structure.derivatives, SparseDerivatives):
        arrays.append((structure.derivatives, (num_atoms, size, num_atoms, 3)))
    for array, shape in arrays:
        if array is not None and array.shape != shape:
            raise ValueError(f"an array has the shape {array.shape}, expected {shape}")


@dataclass(slots=True)
class _Body:
    """Takes arrays of float32 from a file, one after the other."""

    path: Path
    content: bytes
    says: str
    position: int = _HEADER.size

    def take(self, name: str, *shape: int) -> Single:
        count = 1
        for length in shape:
            count *= length
        end = self.position + 4 * count
        if end > len(self.content):
            raise DataError(
                f"{self.path}: has {len(self.content)} bytes, but with {self.says} its {name} end "
                f"at byte {end}: it is truncated"
            )
        values: Single = np.frombuffer(self.content, "<f4", count, self.position).reshape(shape)
        if not np.isfinite(values).all():
            place = np.argwhere(~np.isfinite(values))[0].tolist()
            raise DataError(f"{self.path}: {name} are not finite numbers, first at {place}")
        self.position = end
        return values

    def finish(self) -> None:
        if self.position < len(self.content):
            raise DataError(
                f"{self.path}: has {len(self.content)} bytes, but with {self.says} it ends at byte "
                f"{self.position}: it is damaged"
            )


def _check_header(path: Path, version: int, flags: int, num_atoms: int, size: int) -> None:
    if version != _VERSION:
        raise DataError(
            f"{path}: has version {version}, this program reads {_VERSION}: is it a .bin of PANNA?"
        )
    if flags > 15 or (flags & _SPARSE and not flags & _DERIVATIVES):
        raise DataError(
            f"{path}: has the flags {flags:#06b}, expected 1 (derivatives, 8 more if sparse), "
            "2 (forces), 4 (per atom) or sums of them: it is damaged"
        )
    if num_atoms == 0 or size == 0:
        raise DataError(f"{path}: has {num_atoms} atoms and g_size {size}, expected more than none")


def _sparse(body: _Body, num_atoms: int, size: int, path: Path) -> SparseDerivatives:
    (count,) = _integers(body.take("number of derivatives", 1), "counts", 1 << 62, path)
    _check_exact(path, num_atoms * size, int(count))
    values = body.take("derivatives", int(count))
    places = body.take("places of derivatives", int(count), 2)
    return SparseDerivatives(
        values=values,
        rows=_integers(places[:, 0], "places", num_atoms * size, path),
        columns=_integers(places[:, 1], "places", 3 * num_atoms, path),
    )


def _check_exact(path: Path, rows: int, count: int) -> None:
    """The format stores integers as float32: beyond 2**24 they are no longer what was meant."""
    if rows > _EXACT or count >= _EXACT:
        raise DataError(
            f"{path}: {count} sparse derivatives of {rows} descriptor components are more than the "
            f"format can number exactly ({_EXACT}): use dense derivatives"
        )


def _integers(values: Single, name: str, limit: int, path: Path) -> Ints:
    wrong = np.flatnonzero((values != np.floor(values)) | (values < 0) | (values >= limit))
    if len(wrong):
        raise DataError(
            f"{path}: one of its {name} is {values[wrong[0]]:g}, expected an integer from 0 to "
            f"{limit - 1}: it is damaged"
        )
    return values.astype(np.int64)
