"""Names and origins of many structures, made when they are asked for."""

from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Labels(Sequence[str], ABC):
    """Texts that are made when they are asked for."""

    @abstractmethod
    def item(self, index: int) -> str:
        """Returns the text ``index``, from 0 to the length less 1."""

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Returns a text, or a list of several, as of a list."""
        chosen = range(len(self))[index]
        return self.item(chosen) if isinstance(chosen, int) else [self.item(i) for i in chosen]


class Origins(Labels):
    """``FILE, WHAT 3 'NAME'`` for each of ``count`` records, one line whatever the name is.

    Where there is no name to go by it is said that the number counts from 0.
    """

    def __init__(self, file: str, what: str, names: Sequence[str], count: int) -> None:
        self._file, self._what, self._names, self._count = file, what, names, count

    def __len__(self) -> int:
        return self._count

    def item(self, index: int) -> str:
        """Returns the origin of a record, counted from 0."""
        name = self._names[index] if self._names else ""
        known = repr(name) if name else "(counted from 0)"
        return f"{self._file}, {self._what} {index} {known}"


class Picked(Labels):
    """Those at ``indices`` of a sequence."""

    def __init__(self, whole: Sequence[str], indices: NDArray[np.int64]) -> None:
        self._whole: Sequence[str] = whole
        self._indices: NDArray[np.int64] = indices
        if isinstance(whole, Picked):  # picks of picks do not pile up
            self._whole, self._indices = whole._whole, whole._indices[indices]

    def __len__(self) -> int:
        return len(self._indices)

    def item(self, index: int) -> str:
        """Returns the one that was picked as number ``index``."""
        return self._whole[int(self._indices[index])]


class Chained(Labels):
    """Several sequences one after the other, without copying."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def item(self, index: int) -> str:
        """Returns an item of the part that has it."""
        part = bisect_right(self._ends, index)
        return self._parts[part][index - self._ends[part]]
