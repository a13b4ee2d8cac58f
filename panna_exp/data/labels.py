"""Names and origins of many structures, made when they are asked for."""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import overload

import numpy as np
from numpy.typing import NDArray


class Origins(Sequence[str]):
    """``FILE, WHAT 3 'NAME'`` for each of ``count`` records, one line whatever the name is.

    Where there is no name to go by it is said that the number counts from 0.
    """

    def __init__(self, file: str, what: str, names: Sequence[str], count: int) -> None:
        self._file, self._what, self._names, self._count = file, what, names, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Returns the origin of a record, counted from 0."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._count))]
        number = range(self._count)[index]
        name = self._names[number] if self._names else ""
        known = repr(name) if name else "(counted from 0)"
        return f"{self._file}, {self._what} {number} {known}"


class Picked(Sequence[str]):
    """Those at ``indices`` of a sequence."""

    def __init__(self, whole: Sequence[str], indices: NDArray[np.int64]) -> None:
        self._whole: Sequence[str] = whole
        self._indices: NDArray[np.int64] = indices
        if isinstance(whole, Picked):  # picks of picks do not pile up
            self._whole, self._indices = whole._whole, whole._indices[indices]

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Returns an item of the sequence, or several."""
        if isinstance(index, slice):
            return [self._whole[i] for i in self._indices[index].tolist()]
        return self._whole[int(self._indices[index])]


class Chained(Sequence[str]):
    """Several sequences one after the other, without copying."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Returns an item of the part that has it."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        part = bisect_right(self._ends, number)
        return self._parts[part][number - self._ends[part]]
