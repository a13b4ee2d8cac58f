"""Structures in memory: one as a record, many as flat arrays with offsets.

Shapes: S structures, A atoms (of one structure in Structure, of all in StructureSet), D descriptor
components. Units: eV, angstrom, eV/angstrom.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.labels import Chained, Picked
from panna_exp.errors import DataError

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Descriptors = NDArray[np.float32] | NDArray[np.float64]
# A vacuum this wide is none that anybody meant, and lists of neighbours are made of cells.
LONGEST_VECTOR = 1e5  # angstrom


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One structure as a reader gives it.

    Args:
        origin: File and record, for messages: ``water.h5, structure 3 'abc'``.
        name: The structure's key, empty where the file has none.
        species: [A] index of each atom in the species list.
        energy: Total energy (eV).
        positions: [A, 3] Cartesian (angstrom), or None.
        cell: [3, 3] lattice vectors as rows (angstrom), zero rows where not periodic.
        pbc: [3] periodic along each lattice vector.
        forces: [A, 3] (eV/angstrom), NaN for atoms whose force is not known; or None.
        descriptors: [A, D] stored descriptors, or None.
        virial: [3, 3] minus the energy's derivative by strain (eV), or None.
        config_type: The kind of structure that the file says it is, empty without.
        weights: [3] factors on what its energy, forces and virial count in a loss; None: all 1.
        trajectory: Of which the file says that it is a frame, empty without.
    """

    origin: str
    name: str
    species: Ints
    energy: float
    positions: Floats | None = None
    cell: Floats = field(default_factory=lambda: np.zeros((3, 3)))
    pbc: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(3, dtype=bool))
    forces: Floats | None = None
    descriptors: Descriptors | None = None
    virial: Floats | None = None
    config_type: str = ""
    weights: Floats | None = None
    trajectory: str = ""

    def check(self) -> "Structure":
        """Returns self; raises DataError for wrong shapes, non-finite values or odd cells."""
        num_atoms = len(self.species)
        if num_atoms == 0:
            raise DataError(f"{self.origin}: has no atoms")
        if not np.isfinite(self.energy):
            raise DataError(f"{self.origin}: the energy is {self.energy}, expected a finite number")
        for name, array, width in (
            ("positions", self.positions, 3),
            ("forces", self.forces, 3),
            ("descriptors", self.descriptors, None),
        ):
            if array is None:
                continue
            if array.ndim != 2 or len(array) != num_atoms or width not in (None, array.shape[1]):
                expected = f"({num_atoms}, {width or 'D'})"
                raise DataError(
                    f"{self.origin}: {name} have the shape {array.shape}, expected {expected}"
                )
            if name == "forces":
                bad = np.flatnonzero(bad_forces(array))
                if len(bad):
                    raise DataError(f"{self.origin}: {not_finite_forces(int(bad[0]))}")
            elif not np.isfinite(array).all():
                atom = int(np.argwhere(~np.isfinite(array))[0][0])
                raise DataError(f"{self.origin}: {name} of atom {atom} are not finite numbers")
        if self.virial is not None and not np.isfinite(self.virial).all():
            raise DataError(f"{self.origin}: the virial (or stress) is not finite numbers")
        if not np.isfinite(self.cell).all():
            raise DataError(f"{self.origin}: the lattice vectors are not finite numbers")
        if (np.abs(self.cell) > LONGEST_VECTOR).any():
            raise DataError(f"{self.origin}: {too_long(self.cell)}")
        if self.weights is not None and not (
            np.isfinite(self.weights).all() and (self.weights >= 0).all()
        ):
            raise DataError(
                f"{self.origin}: its weights (of energy, forces, virial) are "
                f"{self.weights.tolist()}, expected finite numbers from 0"
            )
        return self


def bad_forces(forces: NDArray[Any]) -> NDArray[np.bool_]:
    """Returns [A]: atoms whose forces [A, 3] are neither known nor missing, which is three NaN."""
    known, missing = np.isfinite(forces).all(axis=1), np.isnan(forces).all(axis=1)
    return np.asarray(~(known | missing))


def not_finite_forces(atom: int) -> str:
    """Returns what is wrong with such an atom."""
    return (
        f"forces of atom {atom} are not finite numbers (three NaN where the force on an atom is "
        "not known)"
    )


def too_long(cell: Floats) -> str:
    """Returns what is wrong with a cell that has a vector beyond LONGEST_VECTOR."""
    longest = cell[int(np.abs(cell).max(axis=1).argmax())]
    return (
        f"one of its lattice vectors is {longest.tolist()}, expected less than "
        f"{LONGEST_VECTOR:g} angstrom: make that direction not periodic (pbc), or correct its unit"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureSet:
    """S structures as flat arrays over all A atoms; structure s owns atoms offsets[s]:offsets[s+1].

    Args:
        names: [S] keys, empty where a file has none.
        origins: [S] file and record of each structure, for messages.
        offsets: [S + 1].
        species: [A] indices.
        energy: [S] total energies, float64 (eV).
        positions: [A, 3] or None.
        cell: [S, 3, 3], zero rows where not periodic.
        pbc: [S, 3].
        forces: [A, 3], NaN for atoms without; or None if none has any.
        descriptors: [A, D] float32, or float64 where they were computed in it; or None.
        descriptor_info: What made ``descriptors``, if the file says (see assembly.descriptor).
        derivatives: Of the descriptors, where they are stored and asked for.
        virial: [S, 3, 3] minus the energy's derivative by strain (eV), NaN for structures without;
            or None if none has any.
        zero_forces: Origins of structures whose forces, all exactly zero, count as missing.
        config_types: [S] kinds of structures that the files say, empty texts for those without; or
            nothing if none has any.
        weights: [S, 3] factors on what energy, forces and virial count in a loss; None: all 1.
        trajectories: [S] of which the files say that structures are frames; as config_types.
    """

    names: Sequence[str]
    origins: Sequence[str]
    offsets: Ints
    species: Ints
    energy: Floats
    positions: Floats | None = None
    cell: Floats
    pbc: NDArray[np.bool_]
    forces: Floats | None = None
    descriptors: Descriptors | None = None
    descriptor_info: dict[str, Any] | None = None
    derivatives: Derivatives | None = None
    virial: Floats | None = None
    zero_forces: tuple[str, ...] = ()
    config_types: Sequence[str] = ()
    weights: Floats | None = None
    trajectories: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def num_atoms(self) -> Ints:
        """[S] atoms of each structure."""
        return np.diff(self.offsets)

    @property
    def forces_or_nan(self) -> Floats:
        """[A, 3] forces (eV/angstrom), NaN for atoms whose force is not known."""
        return np.full((len(self.species), 3), np.nan) if self.forces is None else self.forces

    @property
    def known_forces(self) -> Ints:
        """[S] of how many atoms of each structure the force is known."""
        known = ~np.isnan(self.forces_or_nan).any(axis=1)
        return np.add.reduceat(known, self.offsets[:-1], dtype=np.int64)

    @property
    def partial_forces(self) -> Ints:
        """Indices of structures where the forces of some atoms are known, not those of all."""
        known = self.known_forces
        return np.flatnonzero((known > 0) & (known < self.num_atoms))

    def without_partial_forces(self) -> "StructureSet":
        """Returns the set less all forces of structures where those of some atoms are missing."""
        partial = self.partial_forces
        if not len(partial):
            return self
        forces = self.forces_or_nan.copy()
        forces[np.repeat(np.isin(np.arange(len(self)), partial), self.num_atoms)] = np.nan
        return replace(self, forces=forces)

    def counts(self, num_species: int) -> Ints:
        """Returns [S, T], the atoms of each species in each structure."""
        owner = np.repeat(np.arange(len(self)), self.num_atoms)
        table = np.zeros((len(self), num_species), dtype=np.int64)
        np.add.at(table, (owner, self.species), 1)
        return table

    def select(self, indices: Ints) -> "StructureSet":
        """Returns the structures at ``indices``, in that order."""
        sizes = self.num_atoms[indices]
        offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        atoms = np.arange(offsets[-1]) + np.repeat(self.offsets[indices] - offsets[:-1], sizes)

        return StructureSet(
            names=Picked(self.names, indices),
            origins=Picked(self.origins, indices),
            offsets=offsets,
            species=self.species[atoms],
            energy=self.energy[indices],
            positions=None if self.positions is None else self.positions[atoms],
            cell=self.cell[indices],
            pbc=self.pbc[indices],
            forces=None if self.forces is None else self.forces[atoms],
            descriptors=None if self.descriptors is None else self.descriptors[atoms],
            descriptor_info=self.descriptor_info,
            derivatives=None if self.derivatives is None else self.derivatives.select(indices),
            virial=None if self.virial is None else self.virial[indices],
            config_types=Picked(self.config_types, indices) if len(self.config_types) else (),
            trajectories=Picked(self.trajectories, indices) if len(self.trajectories) else (),
            weights=None if self.weights is None else self.weights[indices],
        )

    def with_derivatives_as(self, sparse: bool | None) -> "StructureSet":
        """Returns the set with its derivatives sparse or dense, None: as they are."""
        if self.derivatives is None or sparse is None:
            return self
        assert self.descriptors is not None
        convert = self.derivatives.as_sparse if sparse else self.derivatives.as_dense
        return replace(self, derivatives=convert(self.num_atoms, self.descriptors.shape[1]))

    @classmethod
    def from_structures(
        cls, structures: Iterable[Structure], descriptor_info: dict[str, Any] | None = None
    ) -> "StructureSet":
        """Packs structures; raises DataError if some have positions or descriptors and some not."""
        items = list(structures)
        if not items:
            raise DataError("there are no structures to read")
        sizes = [len(item.species) for item in items]
        return cls(
            names=[item.name for item in items],
            origins=[item.origin for item in items],
            offsets=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            species=np.concatenate([item.species for item in items]).astype(np.int64),
            energy=np.array([item.energy for item in items], dtype=np.float64),
            positions=_all_or_none("positions", items),
            cell=np.stack([item.cell for item in items]),
            pbc=np.stack([item.pbc for item in items]),
            forces=_forces(items),
            descriptors=_all_or_none("descriptors", items),
            virial=_virials(items),
            descriptor_info=descriptor_info,
            config_types=_texts([[item.config_type for item in items]]),
            trajectories=_texts([[item.trajectory for item in items]]),
            weights=_weights([item.weights for item in items], [1] * len(items)),
        )

    @classmethod
    def concatenate(cls, parts: Sequence["StructureSet"]) -> "StructureSet":
        """Joins sets; raises DataError if some have positions or descriptors and some not."""
        if not parts:
            raise DataError("there are no structures to read")
        if len(parts) == 1:
            return parts[0]
        starts = np.concatenate([[0], np.cumsum([part.offsets[-1] for part in parts])])
        forces = None
        if any(part.forces is not None for part in parts):
            forces = np.concatenate([part.forces_or_nan for part in parts])
        return cls(
            names=Chained([part.names for part in parts]),
            origins=Chained([part.origins for part in parts]),
            offsets=np.concatenate(
                [
                    [0],
                    *(part.offsets[1:] + start for part, start in zip(parts, starts, strict=False)),
                ]
            ).astype(np.int64),
            species=np.concatenate([part.species for part in parts]),
            energy=np.concatenate([part.energy for part in parts]),
            positions=_joined("positions", parts),
            cell=np.concatenate([part.cell for part in parts]),
            pbc=np.concatenate([part.pbc for part in parts]),
            forces=forces,
            descriptors=_joined("descriptors", parts),
            descriptor_info=parts[0].descriptor_info,
            derivatives=_joined_derivatives(parts),
            virial=_joined_virials(parts),
            zero_forces=tuple(origin for part in parts for origin in part.zero_forces),
            config_types=_texts([part.config_types or [""] * len(part) for part in parts]),
            trajectories=_texts([part.trajectories or [""] * len(part) for part in parts]),
            weights=_weights([part.weights for part in parts], [len(part) for part in parts]),
        )


def _texts(parts: Sequence[Sequence[str]]) -> Sequence[str]:
    """Joins texts of structures; nothing where none has any."""
    return Chained(parts) if any(text for part in parts for text in part) else ()


def _weights(parts: Sequence[Floats | None], sizes: Sequence[int]) -> Floats | None:
    """Joins weights, 1 for those without; None where nobody has any."""
    if all(part is None for part in parts):
        return None
    filled = [
        np.ones((size, 3)) if part is None else part.reshape(size, 3)
        for part, size in zip(parts, sizes, strict=True)
    ]
    return np.concatenate(filled)


def _joined_derivatives(parts: Sequence[StructureSet]) -> Derivatives | None:
    found = [part.derivatives for part in parts if part.derivatives is not None]
    if not found:
        return None
    if len(found) < len(parts):
        lacking = next(part for part in parts if part.derivatives is None)
        raise DataError(
            f"{lacking.origins[0]}: has no derivatives, but other files of the same data set have"
        )
    if len({item.sparse for item in found}) > 1:
        sparse = next(part for part in parts if part.derivatives and part.derivatives.sparse)
        raise DataError(
            f"{sparse.origins[0]}: its derivatives are sparse, but those of other files of the "
            "same data set are dense: say data.sparse_derivatives=true or false (--derivatives "
            "sparse or dense)"
        )
    return Derivatives.concatenate(found)


def _virials(items: Sequence[Structure]) -> Floats | None:
    if all(item.virial is None for item in items):
        return None
    missing = np.full((3, 3), np.nan)
    return np.stack([missing if item.virial is None else item.virial for item in items])


def _joined_virials(parts: Sequence[StructureSet]) -> Floats | None:
    if all(part.virial is None for part in parts):
        return None
    return np.concatenate(
        [
            np.full((len(part), 3, 3), np.nan) if part.virial is None else part.virial
            for part in parts
        ]
    )


def _joined(name: str, parts: Sequence[StructureSet]) -> Any:
    arrays = [getattr(part, name) for part in parts]
    origins = [part.origins[0] for part in parts]
    return _join(name, arrays, origins)


def _all_or_none(name: str, items: Sequence[Structure]) -> Any:
    return _join(name, [getattr(item, name) for item in items], [item.origin for item in items])


def _join(name: str, arrays: Sequence[Any], origins: Sequence[str]) -> Any:
    missing = [o for o, array in zip(origins, arrays, strict=True) if array is None]
    if len(missing) == len(arrays):
        return None
    if missing:
        raise DataError(
            f"{missing[0]}: has no {name}, but others of the same data set have "
            f"({len(missing)} of {len(arrays)} lack them)"
        )
    first = arrays[0].shape[1]
    for origin, array in zip(origins, arrays, strict=True):
        if array.shape[1] != first:
            raise DataError(
                f"{origin}: {name} have {array.shape[1]} components, "
                f"but those of {origins[0]} have {first}"
            )
    return np.concatenate(arrays)


def _forces(items: Sequence[Structure]) -> Floats | None:
    if all(item.forces is None for item in items):
        return None
    return np.concatenate(
        [
            np.full((len(item.species), 3), np.nan) if item.forces is None else item.forces
            for item in items
        ]
    )
