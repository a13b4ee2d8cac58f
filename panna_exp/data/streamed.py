"""A data set that is larger than the memory: windows of it on the device, the next one on its way.

Shapes: S structures.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, PackedData
from panna_exp.data.host_memory import HostMemoryData
from panna_exp.data.structures import Ints, StructureSet
from panna_exp.data.windows import WindowedOrder

Load = Callable[[Ints], PackedData | HostMemoryData]


class StructureSource(Protocol):
    """Where structures can be read from again and again."""

    @property
    def index(self) -> StructureSet:
        """Sizes, species and energies of all structures, without anything else."""

    def read(self, indices: Ints) -> StructureSet:
        """Returns the structures at sorted ``indices``, with all that is stored of them."""


class Subset:
    """Some structures of a source, in its order.

    Args:
        source: All of them.
        chosen: Sorted numbers of those to keep.
    """

    def __init__(self, source: StructureSource, chosen: Ints) -> None:
        self._source, self._chosen = source, chosen
        self.index = source.index.select(chosen)

    def read(self, indices: Ints) -> StructureSet:
        """Returns structures by their numbers within the subset."""
        return self._source.read(self._chosen[indices])


class StreamedData:
    """What :class:`panna_exp.data.batch.PackedData` gives, of data that is read as it is needed.

    A window is loaded by a thread while the one before it is worked on. Batches are those that
    PackedData would give, bit for bit.

    Args:
        load: Reads and packs the structures at sorted indices.
        window: Structures per window of :meth:`batches`.
        energy: [S] energies to learn (eV), on the device.
        num_atoms: [S] on the device, in the network's precision.
        has_forces: Whether batches have forces.
        order: In which :meth:`batch` is called, None if only :meth:`batches` is.
    """

    def __init__(
        self,
        load: Load,
        window: int,
        energy: Tensor,
        num_atoms: Tensor,
        has_forces: bool,
        order: WindowedOrder | None = None,
    ) -> None:
        self._load = load
        self._window = window
        self.energy = energy
        self.num_atoms = num_atoms
        self.has_forces = has_forces
        self._order = order
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="data")
        self._window_index = -1
        self._indices: Ints = np.zeros(0, dtype=np.int64)
        self._packed: PackedData | HostMemoryData | None = None
        self._next: tuple[int, Ints, Future[PackedData | HostMemoryData]] | None = None

    def __len__(self) -> int:
        return len(self.energy)

    @property
    def device(self) -> torch.device:
        """Where batches live."""
        return self.energy.device

    @property
    def placement(self) -> str:
        """Where the data live, in words."""
        return f"on disk, two windows of {self._window} structures on {self.device}"

    def batch(self, indices: Ints) -> AtomBatch:
        """Gathers structures of the batch that the order gave last, in the order of ``indices``."""
        assert self._order is not None
        self._turn_to(self._order.latest_window)
        assert self._packed is not None
        return self._packed.batch(np.searchsorted(self._indices, indices))

    def batches(self, size: int, first: int = 0, every: int = 1) -> Iterator[AtomBatch]:
        """Yields the set in order, ``size`` structures at a time; each ``every``-th batch."""
        yield from islice(self._all_batches(size), first, None, every)

    def _all_batches(self, size: int) -> Iterator[AtomBatch]:
        span = size * max(1, self._window // size)
        spans = [
            np.arange(start, min(start + span, len(self))) for start in range(0, len(self), span)
        ]
        coming = self._thread.submit(self._load, spans[0])
        for index in range(len(spans)):
            packed = coming.result()
            if index + 1 < len(spans):
                coming = self._thread.submit(self._load, spans[index + 1])
            yield from packed.batches(size)

    def _turn_to(self, index: int) -> None:
        """Makes a window the present one, and has the one after it loaded."""
        if index == self._window_index:
            return
        assert self._order is not None
        if self._packed is not None and self._order.windows_per_pass == 1:
            self._window_index = index  # the same structures pass after pass
            return
        if self._next is None or self._next[0] != index:
            self._next = self._loading(index)
        self._packed = None  # free before there are three of them
        _, self._indices, coming = self._next
        self._packed, self._window_index = coming.result(), index
        if self._order.windows_per_pass > 1:
            self._next = self._loading(index + 1)

    def _loading(self, index: int) -> tuple[int, Ints, "Future[PackedData | HostMemoryData]"]:
        assert self._order is not None
        indices = self._order.window(index)
        return index, indices, self._thread.submit(self._load, indices)
