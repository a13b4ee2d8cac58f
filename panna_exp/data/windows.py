"""The order of batches over a data set that is read piece by piece.

A pass over the data is cut into windows, of which two are in memory at a time. Each window is made
of blocks of consecutive structures, drawn from all over the data set, and shuffled.
"""

import numpy as np
from numpy.typing import NDArray

from panna_exp.data.structures import Ints


class WindowedOrder:
    """Batches of structure indices as :class:`panna_exp.data.order.BatchOrder`, by windows.

    A pure function of the arguments and the step: a resumed run needs only the step.

    Args:
        num_structures: Structures in the data set.
        batch_size: Structures per batch.
        seed: Seed of the permutations.
        shuffle: False: the order of the data set in every pass.
        window: Structures that are in memory together, at least; the last window may be smaller.
        block: Structures that are read together.

    Attributes:
        latest_window: Number, over all passes, of the window that has the batch last asked for.
    """

    def __init__(
        self,
        num_structures: int,
        batch_size: int,
        seed: int,
        shuffle: bool,
        window: int,
        block: int,
    ) -> None:
        self._num_structures = num_structures
        self._batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._batches = max(1, window // batch_size)  # a window has whole batches
        self._block = block
        self.latest_window = 0
        self._orders: dict[int, Ints] = {}

    @property
    def batches_per_pass(self) -> int:
        """Batches in one pass over the data."""
        return -(-self._num_structures // self._batch_size)

    @property
    def windows_per_pass(self) -> int:
        """Windows in one pass over the data."""
        return -(-self.batches_per_pass // self._batches)

    def indices(self, step: int) -> Ints:
        """Returns the structures of the batch at ``step``, counted from 0."""
        index, position = divmod(step, self.batches_per_pass)
        self.latest_window = index * self.windows_per_pass + position // self._batches
        start = position * self._batch_size
        return self._order(index)[start : start + self._batch_size]

    def window(self, index: int) -> Ints:
        """Returns the structures of a window, sorted."""
        passed, position = divmod(index, self.windows_per_pass)
        size = self._batches * self._batch_size
        found: Ints = np.sort(self._order(passed)[position * size : (position + 1) * size])
        return found

    def _order(self, index: int) -> Ints:
        """The order of a pass; two are kept, since the next window may be of the next pass."""
        if index not in self._orders:
            self._orders = {n: order for n, order in self._orders.items() if n == index - 1}
            self._orders[index] = self._permuted(index)
        return self._orders[index]

    def _permuted(self, index: int) -> Ints:
        everything = np.arange(self._num_structures)
        if not self._shuffle:
            return everything
        random = np.random.default_rng(np.random.SeedSequence([self._seed, index]))
        blocks = random.permutation(-(-self._num_structures // self._block))
        order = _joined_blocks(blocks, self._block, self._num_structures)
        size = self._batches * self._batch_size
        for start in range(0, len(order), size):
            random.shuffle(order[start : start + size])
        return order


def _joined_blocks(blocks: NDArray[np.int64], size: int, count: int) -> Ints:
    """Returns the structures of the blocks one after the other; the last block may be short."""
    order = (blocks[:, None] * size + np.arange(size)).ravel()
    return order[order < count]


def runs(indices: Ints) -> list[tuple[int, int]]:
    """Returns (start, stop) of each run of consecutive numbers in sorted ones."""
    breaks = np.flatnonzero(np.diff(indices) != 1) + 1
    starts = indices[np.concatenate([[0], breaks])]
    stops = indices[np.concatenate([breaks - 1, [len(indices) - 1]])] + 1
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
