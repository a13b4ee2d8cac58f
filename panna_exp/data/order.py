"""The order in which a training sees its structures: a pure function of seed and step."""

from typing import Protocol

import numpy as np

from panna_exp.data.structures import Ints


class Order(Protocol):
    """Batches of structure indices by step."""

    def indices(self, step: int) -> Ints:
        """Returns the structures of the batch at ``step``, counted from 0."""


class BatchOrder:
    """Batches of structure indices, pass after pass over the data.

    Each pass is a permutation of its own, seeded by (seed, pass), and ends with the smaller batch
    where the batch size does not divide the number of structures. Epochs of a training do not
    restart it. Because the order depends on the step alone, a resumed run needs only the step.

    Args:
        num_structures: Structures in the data set.
        batch_size: Structures per batch.
        seed: Seed of the permutations.
        shuffle: False: the order of the data set in every pass.
    """

    def __init__(self, num_structures: int, batch_size: int, seed: int, shuffle: bool) -> None:
        self._num_structures = num_structures
        self._batch_size = batch_size
        self._seed = seed
        self._shuffle = shuffle
        self._pass = -1
        self._order: Ints = np.arange(num_structures)

    @property
    def batches_per_pass(self) -> int:
        """Batches in one pass over the data."""
        return -(-self._num_structures // self._batch_size)

    def indices(self, step: int) -> Ints:
        """Returns the structures of the batch at ``step``, counted from 0."""
        index, position = divmod(step, self.batches_per_pass)
        if self._shuffle and index != self._pass:
            random = np.random.default_rng(np.random.SeedSequence([self._seed, index]))
            self._order = random.permutation(self._num_structures)
            self._pass = index
        start = position * self._batch_size
        return self._order[start : start + self._batch_size]
