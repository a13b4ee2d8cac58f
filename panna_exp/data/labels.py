"""Names and origins of many structures, made when they are asked for."""

from collections.abc import Sequence
from itertools import accumulate
from typing import overload


class Origins(Sequence[str]):
    """``FILE, WHAT 3`` for each of ``count`` records, with names where there are any."""

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
        return f"{self._file}, {self._what} {number}" + (f" '{name}'" if name else "")


class Chained(Sequence[str]):
    """Several sequences one after the other, without copying."""

    def __init__(self, parts: Sequence[Sequence[str]]) -> None:
        self._parts = parts
        self._ends = list(accumulate(len(part) for part in parts))

    def __len__(self) -> int:
        return self._ends[-1]

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> list[str]: ...
    def __getitem__(self, index: int | slice) -> str | list[str]:
        """Returns an item of the part that has it."""
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        number = range(len(self))[index]
        for part, end in zip(self._parts, self._ends, strict=True):
            if number < end:
                return part[number - end + len(part)]
        raise IndexError(index)
