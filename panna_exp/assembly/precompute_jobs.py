"""The work of precomputing descriptors, in this process or in several."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import compute_descriptors, operator_of
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.operator import Operator
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, write_bin

_SAMPLES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Some structures whose results are written at once.

    Args:
        structures: With positions.
        keys: Names of the structures; of their files in .bin format.
        parameters: Of the descriptor.
        species: The species list.
        precision: In which to compute: float32 or float64.
        derivatives: ``none``, ``dense`` or ``sparse``.
        folder: Where to write.
        file_name: Of the HDF5 file; empty for .bin files.
    """

    structures: StructureSet
    keys: list[str]
    parameters: Parameters
    species: Species
    precision: str
    derivatives: str
    folder: Path
    file_name: str = ""

    def run(self) -> None:
        """Computes and writes."""
        dtype = getattr(torch, self.precision)
        if self.file_name:
            values = compute_descriptors(self.structures, self.parameters, dtype=dtype)
            stored = replace(
                self.structures,
                descriptors=values,
                descriptor_info=self.parameters.to_info(),
                derivatives=self._derivatives(dtype),
            )
            write_hdf5(self.folder / self.file_name, stored, self.species)
            return
        operator = operator_of(self.parameters, dtype)
        for index, key in enumerate(self.keys):
            part = self.structures.select(np.array([index]))
            write_bin(self.folder / f"{key}.bin", _bin(part, operator, self.derivatives))

    def _derivatives(self, dtype: torch.dtype) -> Derivatives | None:
        """Those of all structures, as an HDF5 file has them."""
        if self.derivatives == "none":
            return None
        operator = operator_of(self.parameters, dtype)
        parts = []
        for index in range(len(self.structures)):
            part = self.structures.select(np.array([index]))
            dense = Derivatives.from_dense([operator.jacobian(operator.geometry(part)).numpy()])
            sparse = self.derivatives == "sparse"
            parts.append(dense.as_sparse(part.num_atoms, operator.size) if sparse else dense)
        return Derivatives.concatenate(parts)


def _bin(structure: StructureSet, operator: Operator, derivatives: str) -> BinStructure:
    geometry = operator.geometry(structure)
    stored: Any = None
    forces = None
    if derivatives != "none":
        stored = operator.jacobian(geometry).numpy().astype(np.float32)
        if derivatives == "sparse":
            stored = SparseDerivatives.of(stored)
        if structure.forces is not None and not np.isnan(structure.forces).any():
            forces = structure.forces.astype(np.float32)
    return BinStructure(
        energy=float(structure.energy[0]),
        species=structure.species,
        descriptors=operator.compute(geometry).numpy().astype(np.float32),
        derivatives=stored,
        forces=forces,
    )


def nonzeros_per_atom(structures: StructureSet, parameters: Parameters) -> float:
    """Returns about how many derivatives an atom has that are not zero, from a few structures."""
    operator = operator_of(parameters, torch.float32)
    chosen = np.unique(np.linspace(0, len(structures) - 1, _SAMPLES).astype(np.int64))
    counts = atoms = 0
    for index in chosen:
        structure = structures.select(np.array([index]))
        counts += int(torch.count_nonzero(operator.jacobian(operator.geometry(structure))))
        atoms += int(structure.num_atoms[0])
    return counts / atoms


def run_jobs(jobs: Sequence[Job], processes: int) -> Iterator[Job]:
    """Runs jobs and yields each one as it is done; at most two a process are under way.

    Raises:
        DataError, OSError: What a job raised; jobs that are done keep their results.
    """
    if processes == 1 or len(jobs) < 2:
        for job in jobs:
            job.run()
            yield job
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context, initializer=_start) as pool:
        waiting = list(reversed(jobs))
        running: dict[Future[None], Job] = {}
        try:
            while waiting or running:
                while waiting and len(running) < 2 * processes:
                    job = waiting.pop()
                    running[pool.submit(job.run)] = job
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    job = running.pop(future)
                    future.result()
                    yield job
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _start() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
