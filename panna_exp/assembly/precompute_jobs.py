"""The work of precomputing descriptors, in this process or in several."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import COMPILED_ATOMS, descriptors_of, operator_of
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.descriptors.operator import Operator
from panna_exp.descriptors.rows import chunks
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.files import discard_parts
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.readers.hdf5_neighbors import neighbor_bytes
from panna_exp.readers.panna_bin import BinStructure, SparseDerivatives, write_bin

# Atoms from which on compiled loops save more time than compiling them takes.
COMPILED_FROM = {"none": COMPILED_ATOMS, "sparse": 40_000, "dense": 40_000}
# Structures that tell how much all take: enough of molecules, few of large crystals.
_SAMPLES, _SAMPLED_ATOMS = (3, 16), 200
# Small enough that the memory for one batch's derivatives serves for the next.
_ATOMS_AT_A_TIME = 512


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
        negligible: Neighbours without a larger derivative (1/angstrom) are left out of sparse ones.
        folder: Where to write.
        file_name: Of the HDF5 file; empty for .bin files.
        compiled: Whether compiled loops compute, see :func:`operator_of`.
        kernel: The user's choice, see :func:`operator_of`.
    """

    structures: StructureSet
    keys: list[str]
    parameters: Parameters
    species: Species
    precision: str
    derivatives: str
    negligible: float
    folder: Path
    file_name: str = ""
    compiled: bool = False
    kernel: str = "auto"

    @property
    def file_names(self) -> list[str]:
        """Of the files that it writes."""
        return [self.file_name] if self.file_name else [f"{key}.bin" for key in self.keys]

    def operator(self, dtype: torch.dtype) -> Operator:
        """Returns the descriptor, which jobs compute on the CPU."""
        return operator_of(self.parameters, dtype, compiled=self.compiled, kernel=self.kernel)

    def run(self) -> None:
        """Computes and writes."""
        dtype = getattr(torch, self.precision)
        operator = self.operator(dtype)
        if self.file_name:
            values = descriptors_of(self.structures, operator)
            info = self.parameters.to_info()
            stored = replace(self.structures, descriptors=values, descriptor_info=info)
            path, derivatives = self.folder / self.file_name, self._derivatives(operator)
            write_hdf5(
                path,
                stored,
                self.species,
                derivatives=derivatives,
                negligible=self.negligible,
            )
            return
        for index, key in enumerate(self.keys):
            part = self.structures.select(np.array([index]))
            write_bin(self.folder / f"{key}.bin", _bin(part, operator, self))

    def _derivatives(
        self, operator: Operator
    ) -> Iterator[Derivatives | NeighborDerivatives] | None:
        """Those of all structures, some at a time."""
        if self.derivatives == "none":
            return None
        return self._some_derivatives(operator)

    def _some_derivatives(self, operator: Operator) -> Iterator[Derivatives | NeighborDerivatives]:
        for some, _ in chunks(self.structures.offsets, _ATOMS_AT_A_TIME):
            part = self.structures.select(np.arange(some.start, some.stop))
            if self.derivatives == "sparse":
                yield operator.neighbor_jacobians(part, self.negligible)
            else:
                sparse = operator.sparse_jacobians(part)
                yield sparse.as_dense(part.num_atoms, operator.size)


def _bin(structure: StructureSet, operator: Operator, job: Job) -> BinStructure:
    values = operator.compute(operator.geometry(structure)).numpy().astype(np.float32)
    stored: Any = None
    forces = None
    if job.derivatives != "none":
        negligible = job.negligible if job.derivatives == "sparse" else 0.0
        stored = operator.neighbor_jacobians(structure, negligible).as_sparse()
        if job.derivatives == "sparse":
            stored = SparseDerivatives(
                values=stored.values.astype(np.float32), rows=stored.rows, columns=stored.columns
            )
        else:
            shape = (*values.shape, len(values), 3)
            stored = stored.matrix(0, *values.shape).astype(np.float32).reshape(shape)
        if structure.forces is not None and not np.isnan(structure.forces).any():
            forces = structure.forces.astype(np.float32)
    return BinStructure(
        energy=float(structure.energy[0]),
        species=structure.species,
        descriptors=values,
        derivatives=stored,
        forces=forces,
    )


def sparse_bytes(structures: StructureSet, job: Job, width: int) -> float:
    """Returns about how many bytes an atom's sparse derivatives take, from a few structures.

    What is compiled on the way is there for the processes that compute.

    Args:
        structures: All of them.
        job: One of those that compute them.
        width: Bytes of a number.
    """
    few, many = _SAMPLES
    samples = np.clip(_SAMPLED_ATOMS * len(structures) // len(structures.species), few, many)
    chosen = np.unique(np.linspace(0, len(structures) - 1, samples).astype(np.int64))
    operator = job.operator(torch.float32)
    found = operator.neighbor_jacobians(structures.select(chosen), job.negligible)
    if not job.file_name:
        # In .bin files a value and two words for its place.
        return 12 * len(found.as_sparse().values) / len(found.counts)
    of_neighbor, of_component = neighbor_bytes(width, int(structures.num_atoms.max()))
    return of_neighbor * len(found.atoms) / len(found.counts) + of_component * operator.size


def run_jobs(jobs: Sequence[Job], processes: int) -> Generator[Job, None, None]:
    """Runs jobs and yields each one as it is done; at most two per process are under way.

    The processes end with this one, whatever ends it, and when the generator is closed.

    Raises:
        DataError: What a job raised, or a process was killed; jobs that are done keep their
            results.
        OSError: As DataError.
    """
    if processes == 1 or len(jobs) < 2:
        for job in jobs:
            job.run()
            yield job
        return
    context = multiprocessing.get_context("spawn")
    # Nothing is ever sent: the end that is held here closes when this process ends.
    listening, held = context.Pipe(duplex=False)
    with listening, held, _pool(processes, context, listening) as pool:
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
            held.close()  # nothing is left to do, and to end in due form takes them a second
        except BrokenProcessPool:
            raise DataError(
                "a process that computes descriptors was killed, for its memory perhaps: the same "
                f"command goes on; use fewer than processes={processes}, or derivatives=sparse"
            ) from None
        except (KeyboardInterrupt, GeneratorExit):
            held.close()  # not after what they are at
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _pool(processes: int, context: Any, listening: Connection) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(processes, context, initializer=_start, initargs=(listening,))


def _start(parent: Connection) -> None:
    """In a new process: settings, and to end when the parent does or says so."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, too
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)


def _end_with(parent: Connection) -> None:
    with suppress(EOFError, OSError):
        parent.recv_bytes()
    _leave()


def _leave(*_: object) -> NoReturn:
    """Ends the process in the midst of what it does, without a file that is half written."""
    discard_parts()
    os._exit(1)
