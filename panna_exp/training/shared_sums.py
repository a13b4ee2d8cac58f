"""Sums over the processes of one machine by memory that they share.

A sum of gloo goes through sockets and a thread of its own, which now and then has to wait for its
turn: on two cores 0.4 to 5 ms, where a step takes 20. Here each process writes its values into its
row of a shared array, says so, waits without sleeping until all have, and adds all rows in order.
Two arrays take turns: who writes into one again knows that all have read it, since all have since
written into the other.
"""

import logging
import mmap
import os
import platform
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

logger = logging.getLogger(__name__)

# Between looks at whether the others are alive.
_PATIENCE_S = 1.0


def can_share(size: int, here: int) -> bool:
    """Whether all processes are on this machine, whose stores others see in their order."""
    return size == here and platform.machine() in ("x86_64", "AMD64") and hasattr(os, "sched_yield")


def shared_file(num_bytes: int, memory: str = "/dev/shm") -> str:
    """Makes the file that the processes share, and returns its path.

    Its room is taken at once: where there is none, the first write would end the process (SIGBUS).

    Args:
        num_bytes: Its size.
        memory: A folder in memory; where it is full the folder of temporary files is taken.

    Raises:
        OSError: There is no room in either.
    """
    folders = [memory] if os.path.isdir(memory) else []
    folders.append(tempfile.gettempdir())
    for folder in folders:
        handle, path = tempfile.mkstemp(prefix="panna_exp_", dir=folder)
        try:
            os.posix_fallocate(handle, 0, num_bytes)
        except OSError as error:
            os.unlink(path)
            if folder == folders[-1]:
                raise OSError(error.errno, error.strerror, folder) from None
            logger.warning(
                "%s has no room for the %.1f MB that the processes share (%s): %s is used instead",
                folder,
                num_bytes / 1e6,
                error.strerror,
                folders[-1],
            )
        else:
            return path
        finally:
            os.close(handle)
    raise AssertionError("the last folder returns or raises")


class SharedSums:
    """One process's view of the shared arrays; all processes have to make theirs together.

    Args:
        rank: Of this process.
        size: Number of processes.
        num_bytes: Most that is summed at a time, of each process.
        agree: Returns the text that process 0 gives.
        wait: Returns when all processes have called it.
    """

    def __init__(
        self,
        rank: int,
        size: int,
        num_bytes: int,
        agree: Callable[[str], str],
        wait: Callable[[], None],
    ) -> None:
        self.rank, self.size, self.num_bytes = rank, size, num_bytes
        head = 16 * size  # of each process: how many sums it has written, and its number
        path = ""
        if rank == 0:
            path = shared_file(head + 2 * size * num_bytes)
        path = agree(path)
        with open(path, "r+b") as file:
            shared = np.frombuffer(mmap.mmap(file.fileno(), 0), np.uint8)
        counts = shared[:head].view(np.int64).reshape(size, 2)
        self._written, self._owners = counts[:, 0], counts[:, 1]
        self._arrays = shared[head:].reshape(2, size, num_bytes)
        self._owners[rank] = os.getpid()
        wait()
        if rank == 0:
            os.unlink(path)  # nobody needs its name any more, and nothing stays after a crash
        self._count = 0

    def add(self, values: Tensor) -> None:
        """Adds the other processes' values to these, in place; the same bits in each.

        Raises:
            ConnectionError: Another process has ended.
        """
        own = values.numpy().reshape(-1)
        array = self._arrays[self._count % 2, :, : own.nbytes].view(own.dtype)
        self._count += 1
        array[self.rank] = own
        self._written[self.rank] = self._count
        self._await_others()
        total: NDArray[Any] = array[0].copy()
        for row in array[1:]:
            total += row
        values.copy_(torch.from_numpy(total).view(values.shape))

    def _await_others(self) -> None:
        next_look = time.monotonic() + _PATIENCE_S
        while not (self._written >= self._count).all():
            os.sched_yield()
            if time.monotonic() > next_look:
                self._look()
                next_look = time.monotonic() + _PATIENCE_S

    def _look(self) -> None:
        for rank in np.flatnonzero(self._written < self._count):
            try:
                os.kill(int(self._owners[rank]), 0)
            except ProcessLookupError:
                raise ConnectionError(
                    f"process {rank} of {self.size} has ended before the training did"
                ) from None
