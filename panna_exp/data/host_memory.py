"""A data set that stays in main memory, of which batches are sent to the device as they are needed.

Nothing waits: a batch is gathered into pinned memory and copied by a CUDA stream of its own while
the device works on the batch before it. PyTorch's allocator of pinned memory keeps each buffer
until its copy has arrived, and then uses it again, so that two or three buffers take turns.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

import torch
from torch import Tensor

from panna_exp.data.batch import AtomBatch, BatchForces, PackedData
from panna_exp.data.structures import Ints

Send = Callable[[Tensor], Tensor]


class HostMemoryData:
    """What :class:`panna_exp.data.batch.PackedData` gives, of data that do not fit on the device.

    Args:
        data: In main memory; Jacobians that are computed are computed on the device.
        device: Where batches go.
    """

    def __init__(self, data: PackedData, device: torch.device) -> None:
        self._data = data
        self.device = device
        self.energy = data.energy.to(device)
        self.num_atoms = data.num_atoms.to(device)
        self._stream: torch.cuda.Stream | None = None
        if device.type == "cuda":
            self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def __len__(self) -> int:
        return len(self._data)

    @property
    def has_forces(self) -> bool:
        """Whether batches have forces."""
        return self._data.has_forces

    @property
    def placement(self) -> str:
        """Where the data live, in words."""
        return (
            f"{self._data.num_bytes / 1e6:.1f} MB in main memory, sent to {self.device} batch by "
            "batch: too much for half of its free memory"
        )

    def batches(self, size: int, first: int = 0, every: int = 1) -> Iterator[AtomBatch]:
        """Yields the set in order, ``size`` structures at a time; each ``every``-th batch."""
        for batch in self._data.batches(size, first, every):
            yield self._sent_batch(batch)

    def batch(self, indices: Ints) -> AtomBatch:
        """Gathers the structures at ``indices`` [S] in that order."""
        return self._sent_batch(self._data.batch(indices))

    def _sent_batch(self, batch: AtomBatch) -> AtomBatch:
        with self._sending():
            sent = _sent(batch, self._send)
        if self._stream is not None:
            torch.cuda.current_stream().wait_stream(self._stream)
        return sent

    def _sending(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)

    def _send(self, tensor: Tensor) -> Tensor:
        if self._stream is None or tensor.is_cuda:
            return tensor.to(self.device)
        sent = tensor.pin_memory().to(self.device, non_blocking=True)
        # Its memory must not be used again by this stream while steps still read it.
        sent.record_stream(torch.cuda.default_stream(self.device))
        return sent


def _sent(batch: AtomBatch, send: Send) -> AtomBatch:
    return replace(
        batch,
        structure=send(batch.structure),
        num_atoms=send(batch.num_atoms),
        energy=send(batch.energy),
        descriptors=send(batch.descriptors),
        forces=None if batch.forces is None else _sent_forces(batch.forces, send),
        loss_weights=None if batch.loss_weights is None else send(batch.loss_weights),
    )


def _sent_forces(forces: BatchForces, send: Send) -> BatchForces:
    return replace(
        forces,
        target=send(forces.target),
        force_mask=None if forces.force_mask is None else send(forces.force_mask),
        jacobian=forces.jacobian.sent_by(send),
        by_structure=send(forces.by_structure),
        virial=None if forces.virial is None else send(forces.virial),
    )
