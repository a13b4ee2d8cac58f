"""Steps of fixed shapes, which a GPU can record once and repeat.

A CUDA graph is a recorded sequence of kernels with the addresses that they worked on. Here the
whole step is one: the batch is gathered from resident data (data.padded), then come networks,
losses, gradients, errors and the update, in the same code that a direct step runs. What changes
from step to step lies in one small tensor: the structures' numbers and four scalars. There is one
graph for each size of padded batches. Without recording, the same code runs operation by operation
on any device, and is then the direct step but for the padding: so the tests compare them on a CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.padded import Capacity, PaddedData
from panna_exp.data.structures import Ints
from panna_exp.training.metrics import Totals
from panna_exp.training.step import TrainStep

_SCALARS = 4  # fraction of the batch, rate and count of Adam, weight of the average
_WARM_UPS = 3  # steps before recording, in which libraries take their memory
_BUFFERS = 2  # on the host: one is filled while the other is on its way
_NOBODY = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class _Inputs:
    """What a step depends on, at a fixed address: numbers, and scalars in the same bytes."""

    values: Tensor

    @classmethod
    def empty(cls, capacity: Capacity, device: torch.device, pinned: bool = False) -> "_Inputs":
        length = _SCALARS + capacity.structures + 1
        return cls(torch.zeros(length, dtype=torch.int64, device=device, pin_memory=pinned))

    @property
    def numbers(self) -> Tensor:
        """[B + 1] of the structures."""
        return self.values[_SCALARS:]

    @property
    def scalars(self) -> Tensor:
        """[4] float64."""
        return self.values[:_SCALARS].view(torch.float64)


class PaddedSteps:
    """Steps with padded batches, recorded where the device can.

    Args:
        step: The definition.
        data: Batches.
        totals: Sums of errors, those of every step.
        record: Whether to record CUDA graphs; false: one operation after the other.
    """

    together = 1

    def __init__(self, step: TrainStep, data: PaddedData, totals: Totals, record: bool) -> None:
        self._step = step
        self._data = data
        self._totals = totals
        self._record = record
        self._sizes: dict[Capacity, _OneSize] = {}

    def __call__(
        self, batches: Sequence[Ints], rates: Sequence[float], index: int, fraction: float
    ) -> Tensor:
        """Makes the step of one batch."""
        (indices,), (learning_rate,) = batches, rates
        capacity = self._data.capacity(indices)
        size = self._sizes.get(capacity)
        if size is None:
            size = _OneSize(self._step, self._data, capacity, self._totals)
            self._sizes[capacity] = size
            if self._record:
                size.record(self._mutable())
        # A mean over the batch divides by the padded number of structures.
        padded_fraction = fraction * (capacity.structures + 1) / len(indices)
        rate, count = self._step.optimizer.scalars(learning_rate)
        average = self._step.average
        weight = 0.0 if average is None else average.weight(self._step.optimizer.updates)
        size.set(self._data.numbers(indices, capacity), (padded_fraction, rate, count, weight))
        self._totals.count(len(indices))
        return size.run()[: len(indices)]

    def _mutable(self) -> list[Tensor]:
        """What a step changes for the steps after it."""
        step = self._step
        averages = [] if step.average is None else [step.average.values]
        adam = step.optimizer
        moments = [adam.first_moment, adam.second_moment]
        return [step.parameters.values, *moments, self._totals.sums, *averages]


class _OneSize:
    """The steps of one size of padded batches."""

    def __init__(
        self, step: TrainStep, data: PaddedData, capacity: Capacity, totals: Totals
    ) -> None:
        self._step = step
        self._data = data
        self._capacity = capacity
        self._totals = totals
        self._inputs = _Inputs.empty(capacity, data.device)
        self._sent: _Sender | None = None
        self.run: Callable[[], Tensor] = self._make

    def set(self, numbers: Ints, scalars: tuple[float, ...]) -> None:
        """Puts the inputs of the next step where it looks for them."""
        if self._sent is None:
            self._inputs.numbers.copy_(torch.from_numpy(numbers))
            self._inputs.scalars.copy_(torch.tensor(scalars, dtype=torch.float64))
        else:
            self._sent.send(numbers, scalars, self._inputs)

    def record(self, mutable: list[Tensor]) -> None:
        """Records the step; what the steps before recording change is put back."""
        kept = [tensor.clone() for tensor in mutable]
        self.set(self._data.numbers(_NOBODY, self._capacity), (1.0, 0.0, 1.0, 0.0))
        stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(_WARM_UPS):
                self._make()
        torch.cuda.current_stream().wait_stream(stream)
        for tensor, values in zip(mutable, kept, strict=True):
            tensor.copy_(values)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            delta = self._make()

        def replay() -> Tensor:
            graph.replay()
            return delta

        self.run = replay
        self._sent = _Sender(self._capacity)

    @torch.no_grad()
    def _make(self) -> Tensor:
        step = self._step
        fraction, rate, count, weight = self._inputs.scalars.unbind()
        batch = self._data.batch(self._inputs.numbers, self._capacity)
        delta = step.differentiate(batch, self._totals, 0, fraction.to(batch.energy.dtype))
        step.optimizer.replay(rate, count)
        if step.masks is not None:
            step.masks.apply()
        if step.average is not None:
            step.average.replay(weight)
        return delta


class _Sender:
    """Copies inputs to the device without waiting for it: pinned buffers, used in turn."""

    def __init__(self, capacity: Capacity) -> None:
        cpu = torch.device("cpu")
        self._buffers = [_Inputs.empty(capacity, cpu, pinned=True) for _ in range(_BUFFERS)]
        new_event: Callable[[], torch.cuda.Event] = torch.cuda.Event
        self._arrived = [new_event() for _ in range(_BUFFERS)]
        self._turn = 0

    def send(self, numbers: Ints, scalars: tuple[float, ...], inputs: _Inputs) -> None:
        """Starts a copy; waits only where that of two steps ago is still under way."""
        buffer, arrived = self._buffers[self._turn], self._arrived[self._turn]
        self._turn = (self._turn + 1) % _BUFFERS
        arrived.synchronize()
        buffer.numbers.copy_(torch.from_numpy(numbers))
        buffer.scalars.copy_(torch.tensor(scalars, dtype=torch.float64))
        inputs.values.copy_(buffer.values, non_blocking=True)
        arrived.record()
