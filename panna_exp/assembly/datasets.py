"""Reads the data of a run: training and validation structures with descriptors and targets."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.descriptor import Progress
from panna_exp.assembly.references import are_zeros, fitted, reference_energies, refuse_large
from panna_exp.assembly.streaming import Opened, Stream, open_stream, window_bytes
from panna_exp.assembly.structure_checks import check_types, refuse_overlaps, say_weights, weighted
from panna_exp.config.schema import DataConfig, TrainConfig
from panna_exp.data.checks import isolated_atoms
from panna_exp.data.reference import network_targets, split
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.descriptors.info import Descriptor
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers import FileRecord, Loaded, ReadOptions, open_structures

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPart:
    """One data set with descriptors.

    Args:
        structures: S structures.
        targets: [S] energies minus the free atoms' (float64, eV).
        files: What was read.
        fingerprint: Hash of the contents.
        stream: Where the data are read piece by piece; ``structures`` then has sizes, species and
            energies alone.
        records: [S] number of each structure among those of all files, one after the other; None
            where they are all there, in that order.
    """

    structures: StructureSet
    targets: Floats
    files: Sequence[FileRecord]
    fingerprint: str
    stream: Stream | None = None
    records: Ints | None = None

    @property
    def sample(self) -> StructureSet:
        """All structures, or a few that show what all of them have."""
        return self.structures if self.stream is None else self.stream.sample

    @property
    def size(self) -> int:
        """Descriptor components of an atom, D."""
        assert self.sample.descriptors is not None
        return int(self.sample.descriptors.shape[1])

    def isolated(self) -> Ints:
        """Returns the structures that are isolated atoms."""
        if self.stream is None or self.sample.positions is None:
            return isolated_atoms(self.structures)
        single = np.flatnonzero(self.structures.num_atoms == 1)
        if not len(single):
            return single
        found: Ints = single[isolated_atoms(self.stream.source.read(single))]
        return found

    def forces(self) -> Floats | None:
        """Returns the reference forces [A, 3] of all structures, or None."""
        return self.structures.forces if self.stream is None else self.stream.forces()

    def summary(self) -> dict[str, Any]:
        """Returns what the run directory records of it."""
        return {
            "structures": len(self.structures),
            "atoms": int(self.structures.offsets[-1]),
            "fingerprint": self.fingerprint,
            "files": [file.to_json() for file in self.files],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RunData:
    """All data of a training."""

    species: Species
    offsets: tuple[float, ...]
    descriptor: Descriptor
    train: DataPart
    validation: DataPart | None

    @property
    def fingerprint(self) -> str:
        """Hash of training and validation data."""
        parts = [self.train.fingerprint, self.validation.fingerprint if self.validation else ""]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def with_offsets(self, offsets: tuple[float, ...], panna_version: int) -> "RunData":
        """Returns the same data with other reference energies (eV) subtracted."""

        def part(old: DataPart) -> DataPart:
            return replace(old, targets=network_targets(old.structures, offsets, panna_version))

        validation = None if self.validation is None else part(self.validation)
        return replace(self, offsets=offsets, train=part(self.train), validation=validation)


def as_paths(value: Any) -> list[str]:
    """Returns a data option, a path or a list of them, as a list."""
    return [value] if isinstance(value, str) else list(value)


def read_run_data(
    config: TrainConfig,
    base: Path,
    progress: Progress | None = None,
    derivatives: bool | None = None,
    known: Loaded | None = None,
) -> RunData:
    """Reads what the configuration names.

    Args:
        config: Validated.
        base: Folder that relative paths start from.
        progress: Called with (done, all) while descriptors are computed.
        derivatives: Whether to read stored derivatives (default: where forces are trained on).
        known: The training data, where they have been read already with every species.

    Raises:
        PannaExpError: With file and record, or key.
    """
    species = Species.from_list(config.data.species or [])
    given = reference_energies(config, base)
    wanted = config.training.forces_cost > 0 if derivatives is None else derivatives
    offsets = given or (0.0,) * len(species)
    source = _Source(config, species, offsets, base, progress, wanted)
    train, info = source.read(config.data.train, None if known is None else known.of(species))
    _check_size(train, config.network.g_size)
    validation = None
    if config.data.validation is not None:
        validation, own = source.read(config.data.validation)
        _same_descriptor(info, own, validation)
    elif config.data.validation_fraction > 0:
        train, validation = _split(train, config.data)
    data = RunData(
        species=species,
        offsets=source.offsets,
        descriptor=info,
        train=train,
        validation=validation,
    )
    if given is None:
        offsets = fitted(train.structures, train.isolated(), species)
        data = data.with_offsets(offsets, config.training.panna_version)
    check_types(train.structures, config.data.weights)
    say_weights(train.sample)
    zeros = are_zeros(config.data.reference_energies)
    refuse_large(data.train.structures, data.train.targets, zeros)
    return data


@dataclass(frozen=True, slots=True)
class _Source:
    """What all data sets of a run share."""

    config: TrainConfig
    species: Species
    offsets: tuple[float, ...]
    base: Path
    progress: Progress | None
    derivatives: bool

    def read(self, paths: Any, known: Loaded | None = None) -> tuple[DataPart, Descriptor]:
        """Returns a data set, perhaps ``known`` already, and what its descriptors are."""
        data = self.config.data
        opened = open_stream(as_paths(paths), self.species, data, self.base, self.derivatives)
        if opened is not None:
            return self._streamed(opened)
        loaded = known or open_structures(
            as_paths(paths),
            self.species,
            kind=reader_kind(data),
            base=self.base,
            options=read_options(
                data, self.derivatives, virials=self.config.training.virial_cost > 0
            ),
        )
        structures, info = descriptors.with_descriptors(
            self._checked(loaded.structures), self.config, self.species, self.progress
        )
        version = self.config.training.panna_version
        part = make_part(structures, self.offsets, loaded.files, loaded.fingerprint, version)
        return part, info

    def _streamed(self, opened: Opened) -> tuple[DataPart, Descriptor]:
        """Returns a data set that is read piece by piece."""

        def prepare(structures: StructureSet) -> StructureSet:
            checked = self._checked(structures)
            return descriptors.with_descriptors(checked, self.config, self.species)[0]

        sample, info = descriptors.with_descriptors(
            self._checked(opened.sample()), self.config, self.species
        )
        part = make_part(
            opened.source.index,
            self.offsets,
            opened.files,
            hashlib.sha256("\n".join(file.sha256 for file in opened.files).encode()).hexdigest(),
            self.config.training.panna_version,
        )
        stream = Stream(
            source=opened.source,
            sample=sample,
            prepare=prepare,
            window_bytes=window_bytes(self.config.data),
        )
        return replace(part, stream=stream), info

    def _checked(self, structures: StructureSet) -> StructureSet:
        """Returns structures with the weights of the options (DataError: overlapping atoms)."""
        refuse_overlaps(structures)
        return weighted(structures, self.config.data.weights)


def reader_kind(data: DataConfig) -> str | None:
    """Returns the format that the options name, None for by suffix."""
    return None if data.kind == "auto" else data.kind


def read_options(data: DataConfig, derivatives: bool = False, virials: bool = False) -> ReadOptions:
    """Returns the keys and units that the options name, and what to read besides."""
    return ReadOptions(
        energy_key=data.energy_key,
        forces_key=data.forces_key,
        stress_key=data.stress_key,
        virial_key=data.virial_key,
        energy_unit=data.energy_unit,
        length_unit=data.length_unit,
        forces_unit=data.forces_unit,
        forces_sign=data.forces_sign,
        stress_unit=data.stress_unit,
        zero_forces=data.zero_forces,
        derivatives=derivatives,
        sparse_derivatives=data.sparse_derivatives,
        virials=virials,
    )


def make_part(
    structures: StructureSet,
    offsets: Sequence[float],
    files: Sequence[FileRecord],
    fingerprint: str,
    panna_version: int = 2,
) -> DataPart:
    """Subtracts the reference energies, in the precision of PANNA's version."""
    targets = network_targets(structures, offsets, panna_version)
    return DataPart(structures=structures, targets=targets, files=files, fingerprint=fingerprint)


def _check_size(part: DataPart, expected: int | None) -> None:
    found = part.size
    if expected is not None and found != expected:
        raise DataError(
            f"{part.structures.origins[0]}: has {found} descriptor components, but "
            f"network.g_size={expected}: correct network.g_size or use other data"
        )


def _same_descriptor(info: Descriptor, own: Descriptor, validation: DataPart) -> None:
    unknown = [item.parameters is None for item in (info, own)]
    if any(unknown) and not all(unknown):
        raise DataError(
            f"{validation.structures.origins[0]}: validation data with "
            f"{own}, but the training data has "
            f"{info}: name validation data of the "
            "same kind (data.validation=...), or data.generation if you know it"
        )
    descriptors.refuse_difference(info, own, "the training data", validation.structures.origins[0])


def _split(part: DataPart, data: DataConfig) -> tuple[DataPart, DataPart]:
    structures = part.structures
    kept, aside = split(
        len(structures), data.validation_fraction, data.split_seed, structures.trajectories
    )
    alone = np.intersect1d(aside, part.isolated())  # reference energies come from these
    kept, aside = np.union1d(kept, alone), np.setdiff1d(aside, alone)
    if not len(kept) or not len(aside):
        raise DataError(
            f"data.validation_fraction={data.validation_fraction} of {len(part.structures)} "
            "structures leaves no structure on one side"
        )

    def take(indices: np.ndarray, name: str) -> DataPart:
        tag = f"{part.fingerprint} {name} {data.validation_fraction} {data.split_seed}"
        return DataPart(
            structures=part.structures.select(indices),
            targets=part.targets[indices],
            files=part.files,
            fingerprint=hashlib.sha256(tag.encode()).hexdigest(),
            stream=None if part.stream is None else part.stream.select(indices),
            records=indices,
        )

    return take(kept, "train"), take(aside, "validation")
