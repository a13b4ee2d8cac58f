"""Several processes that share each batch of a training: what they have to tell one another.

Each takes every N-th structure of a batch; gradients are summed, so that all make the same update,
that of one process with the whole batch, up to the order of the sums.
"""

import torch
import torch.distributed
from torch import Tensor

from panna_exp.data.structures import Ints
from panna_exp.training.shared_sums import SharedSums, can_share


class Processes:
    """One process that has everything to itself; the several of :class:`ProcessGroup` inherit.

    Attributes:
        rank: Of this process, from 0, which logs and saves.
        size: How many there are.
        here: How many of them are on this machine.
    """

    rank, size, here = 0, 1, 1

    def part(self, indices: Ints) -> Ints:
        """Returns this process's structures of a batch; there may be none in a small one."""
        return indices[self.rank :: self.size] if self.size > 1 else indices

    def sum_(self, values: Tensor) -> None:
        """Adds the other processes' values to these, in place."""

    def whole(self, part: Tensor, length: int) -> Tensor:
        """Returns the values [length] of a whole batch from those of this process's part."""
        return part

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        return flag

    def wait(self) -> None:
        """Waits for all processes to come here."""

    def text(self, text: str) -> str:
        """Returns the text of process 0."""
        return text

    def leave(self) -> None:
        """Ends what connects the processes."""


_LEAST_SHARED = 1 << 20  # bytes


class ProcessGroup(Processes):
    """The processes of PyTorch's default group, which exists."""

    def __init__(self, here: int) -> None:
        self.rank = torch.distributed.get_rank()
        self.size = torch.distributed.get_world_size()
        self.here = here
        self._shared: SharedSums | None = None

    def sum_(self, values: Tensor) -> None:
        """Adds the other processes' values to these, in place.

        Raises:
            ConnectionError: Another process of this machine has ended.
        """
        if values.is_cuda or not can_share(self.size, self.here):
            torch.distributed.all_reduce(values)
            return
        if self._shared is None or self._shared.num_bytes < values.nbytes:
            most = max(values.nbytes, _LEAST_SHARED)
            self._shared = SharedSums(self.rank, self.size, most, self.text, _meet)
        self._shared.add(values)

    def whole(self, part: Tensor, length: int) -> Tensor:
        """Returns the values [length] of a whole batch from those of this process's part."""
        values = part.new_zeros(length)
        values[self.rank :: self.size] = part
        self.sum_(values)
        return values

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        flags = torch.tensor([float(flag)])
        self.sum_(flags)
        return bool(flags.item() > 0)

    def wait(self) -> None:
        """Waits for all processes to come here."""
        self.any(False)

    def text(self, text: str) -> str:
        """Returns the text of process 0."""
        data = text.encode()
        length = torch.tensor([len(data)])
        torch.distributed.broadcast(length, 0)
        values = torch.zeros(int(length.item()), dtype=torch.uint8)
        if self.rank == 0:
            values = torch.frombuffer(bytearray(data), dtype=torch.uint8)
        torch.distributed.broadcast(values, 0)
        return bytes(values.tolist()).decode()

    def leave(self) -> None:
        """Ends what connects the processes."""
        torch.distributed.destroy_process_group()


def _meet() -> None:
    """Returns when all processes have come here."""
    torch.distributed.all_reduce(torch.zeros(1))  # by gloo, of which every group has one


ALONE = Processes()
