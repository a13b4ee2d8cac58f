"""Computes descriptors once and stores them: PANNA's .bin files, or HDF5 files of ours."""

import json
import logging
import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.datasets import as_paths, read_options, reader_kind
from panna_exp.assembly.precompute_files import (
    are_numbered,
    check_division,
    check_finished_bin,
    check_finished_hdf5,
    divide,
    file_name,
    keys_of,
    result_bytes,
)
from panna_exp.assembly.precompute_jobs import COMPILED_FROM, Job, run_jobs, sparse_bytes
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import check_kernel
from panna_exp.descriptors.info import Parameters
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.files import read_json, remove_parts, write_text_atomic
from panna_exp.readers import open_structures

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]
DONE_FILE = "gvect_already_computed.dat"
RECORD = "descriptors.json"
_ATOMS_A_JOB = 512
_SPARE = 1.05  # room for headers, and for what else goes on on the disk


@dataclass(frozen=True, slots=True, kw_only=True)
class Precomputed:
    """What was done: structures computed now, found done already, and where they lie."""

    computed: int
    found: int
    folder: Path


def precompute(config: DescriptorsConfig, base: Path, progress: Progress) -> Precomputed:
    """Computes and stores the descriptors of all structures that are not done yet.

    Args:
        config: Validated.
        base: Folder that relative paths start from.
        progress: Called with structures done and all.

    Raises:
        DataError: Structures that cannot be used, results of other settings in the folder, or a
            disk without room for the results.
        ConfigError: Parameters that make no descriptor, or a kernel that cannot be had.
        OSError: The folder cannot be written, or the disk is full; files are whole or not there.
    """
    species = Species.from_list(config.data.species or [])
    loaded = open_structures(
        as_paths(config.data.train),
        species,
        kind=reader_kind(config.data),
        base=base,
        options=read_options(config.data),
    )
    generation = descriptors.chosen_generation(config.data, config.descriptor)
    wanted = descriptors.parameters(config.descriptor, species, generation)
    check_kernel(config.descriptor_kernel.value, wanted, torch.device("cpu"))
    structures = periodic_as(loaded.structures, config.pbc)
    if structures.positions is None:
        raise DataError(f"{structures.origins[0]}: has no positions to compute descriptors from")
    assert config.output_dir is not None
    folder = base / Path(config.output_dir).expanduser()
    settings = _settings(config, wanted)
    # The names of .bin files otherwise say which structures they are of.
    if config.format != "bin" or are_numbered(structures.names):
        settings["data"] = loaded.fingerprint
    _check_record(folder, settings)
    log_dir = folder if config.log_dir is None else base / Path(config.log_dir).expanduser()
    jobs, found = _jobs(config, structures, wanted, species, folder, log_dir)
    _check_room(config, structures, wanted, jobs, folder)
    folder.mkdir(parents=True, exist_ok=True)
    remove_parts(folder, {RECORD, *(name for job in jobs for name in job.file_names)})
    write_text_atomic(folder / RECORD, json.dumps(settings, indent=1) + "\n")
    total = len(structures)
    done = found
    progress(done, total)
    done_file = _DoneFile(log_dir) if config.format == "bin" else None
    with closing(run_jobs(jobs, config.processes)) as finished:
        for job in finished:
            done += len(job.keys)
            if done_file is not None:
                done_file.add(job.keys)
            progress(done, total)
    return Precomputed(computed=total - found, found=found, folder=folder)


def periodic_as(structures: StructureSet, pbc: list[bool] | None) -> StructureSet:
    """Returns the structures with other periodicity; a zero vector stays not periodic."""
    if pbc is None:
        return structures
    flags = np.asarray(pbc) & structures.cell.any(axis=2)
    return replace(structures, pbc=flags, cell=np.where(flags[:, :, None], structures.cell, 0.0))


def _settings(config: DescriptorsConfig, wanted: Parameters) -> dict[str, Any]:
    return {
        "descriptor": wanted.to_info(),
        "precision": config.precision.value,
        "format": config.format,
        "derivatives": config.derivatives,
        "negligible_derivative": _negligible(config),
        "pbc": None if config.pbc is None else [bool(flag) for flag in config.pbc],
    }


def _negligible(config: DescriptorsConfig) -> float:
    """Derivatives up to this size are left out (1/angstrom): by default less than round-off."""
    if config.derivatives != "sparse":
        return 0.0
    if config.negligible_derivative is None:
        return float(np.finfo(config.precision.value).eps) / 2
    return config.negligible_derivative


def _check_record(folder: Path, settings: dict[str, Any]) -> None:
    """Refuses to mix results of different settings in one folder."""
    path = folder / RECORD
    if not path.exists():
        return
    try:
        earlier = read_json(path)
    except ValueError:
        earlier = None
    plain = json.loads(json.dumps(settings))
    if not isinstance(earlier, dict):
        raise DataError(f"{path}: is damaged: choose another output_dir, or remove the folder")
    for key, value in plain.items():
        if earlier.get(key) != value:
            raise DataError(
                f"{path}: the results there are of other settings ({key}): choose another "
                "output_dir, or remove the folder"
            )


def _jobs(
    config: DescriptorsConfig,
    structures: StructureSet,
    wanted: Parameters,
    species: Species,
    folder: Path,
    log_dir: Path,
) -> tuple[list[Job], int]:
    """What is left to do, and the number of structures that are done."""
    compiled = len(structures.species) > COMPILED_FROM[config.derivatives]

    def job(chosen: NDArray[np.int64], keys: list[str], file_name: str = "") -> Job:
        return Job(
            structures=structures.select(chosen),
            keys=keys,
            parameters=wanted,
            species=species,
            precision=config.precision.value,
            derivatives=config.derivatives,
            negligible=_negligible(config),
            folder=folder,
            file_name=file_name,
            compiled=compiled,
            kernel=config.descriptor_kernel.value,
        )

    jobs = []
    if config.format == "bin":
        if partial := len(structures.partial_forces):
            logger.warning("not kept: forces of %d structures where some atoms have none", partial)
        keys = keys_of(structures)
        finished = _DoneFile.read(log_dir)
        left = np.array(
            [
                index
                for index, key in enumerate(keys)
                if key not in finished or not (folder / f"{key}.bin").exists()
            ],
            dtype=np.int64,
        )
        for index in np.setdiff1d(np.arange(len(keys)), left).tolist():
            check_finished_bin(folder / f"{keys[index]}.bin", structures, index)
        for chosen in _by_atoms(structures, left):
            jobs.append(job(chosen, [keys[i] for i in chosen.tolist()]))
        return jobs, len(structures) - len(left)
    found = 0
    width = 4 if config.precision.value == "float32" else 8
    parts = divide(result_bytes(structures.num_atoms, wanted.size, width, config.derivatives))
    names = [file_name(number, len(parts)) for number in range(1, len(parts) + 1)]
    check_division(folder, names)
    for name, chosen in zip(names, parts, strict=True):
        if (folder / name).exists():
            check_finished_hdf5(folder / name, len(chosen))
            found += len(chosen)
            continue
        jobs.append(job(chosen, [structures.names[i] for i in chosen.tolist()], name))
    return jobs, found


def _by_atoms(structures: StructureSet, indices: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Cuts the structures at ``indices`` into jobs of some hundred atoms."""
    if not len(indices):
        return []
    ends = np.cumsum(structures.num_atoms[indices])
    cuts = np.flatnonzero(np.diff(ends // _ATOMS_A_JOB)) + 1
    return np.split(indices, cuts)


def _check_room(
    config: DescriptorsConfig,
    structures: StructureSet,
    wanted: Parameters,
    jobs: list[Job],
    folder: Path,
) -> None:
    """Says how much will be written; DataError if the disk has no room for it."""
    if not jobs:
        return
    atoms = np.concatenate([job.structures.num_atoms for job in jobs])
    width = 4 if config.format == "bin" or config.precision.value == "float32" else 8
    size = float(width * atoms.sum() * wanted.size)
    if config.derivatives == "dense":
        size += float(3 * width * (atoms**2).sum() * wanted.size)
    elif config.derivatives == "sparse":
        size += sparse_bytes(structures, jobs[0], width) * float(atoms.sum())
    existing = folder
    while not existing.exists():
        existing = existing.parent
    free = shutil.disk_usage(existing).free
    logger.info(
        "%d structures, %d atoms, %d components: about %s in %s",
        len(atoms),
        atoms.sum(),
        wanted.size,
        _bytes(size),
        folder,
    )
    if size * _SPARE > free:
        raise DataError(
            f"{folder}: the results need about {_bytes(size)}, but the disk has {_bytes(free)} "
            "left: make room, choose another output_dir, or compute less (derivatives=none or "
            "sparse)"
        )


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"


class _DoneFile:
    """PANNA's list of finished keys, separated by commas."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / DONE_FILE

    @staticmethod
    def read(folder: Path) -> set[str]:
        """Returns the finished keys; one that a kill cut short is not among them."""
        path = folder / DONE_FILE
        if not path.exists():
            return set()
        return set(path.read_text().rpartition(",")[0].split(","))

    def add(self, keys: list[str]) -> None:
        """Adds finished keys."""
        with self._path.open("a") as file:
            file.write("".join(f"{key}," for key in keys))
