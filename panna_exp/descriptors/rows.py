"""Sorted items, rows of them, and cutting both into chunks.

Items (pairs, triples) are sorted by row, rows by atom, with the same number of rows for each atom;
row r owns the items ``starts[r]`` to ``starts[r + 1]``.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor

from panna_exp.data.structures import Ints


def chunks(until: Ints, most: int) -> Iterator[tuple[slice, slice]]:
    """Cuts owners into runs that own at most ``most`` items, or are one owner with more.

    Args:
        until: [owners + 1] items before each owner.
        most: Items in a run.

    Yields:
        The owners and the items of each run.
    """
    start = 0
    while start < len(until) - 1:
        stop = int(np.searchsorted(until, until[start] + most, side="right")) - 1
        stop = max(stop, start + 1)
        yield slice(start, stop), slice(int(until[start]), int(until[stop]))
        start = stop


def sum_rows(values: Tensor, starts: Tensor, rows_per_atom: int, atoms: slice) -> Tensor:
    """Sums consecutive items of each row.

    Args:
        values: [items, N] of a run of atoms.
        starts: [A rows_per_atom + 1] first item of every row of all atoms.
        rows_per_atom: T or U.
        atoms: The run.

    Returns:
        [atoms, rows_per_atom N].
    """
    bounds = starts[atoms.start * rows_per_atom : atoms.stop * rows_per_atom + 1]
    items = torch.arange(len(values), device=values.device)
    sums: Tensor = torch.nn.functional.embedding_bag(
        items, values, bounds - bounds[0], mode="sum", include_last_offset=True
    )
    return sums.view(atoms.stop - atoms.start, -1)


def starts_of(counts: Tensor) -> Tensor:
    """Returns where the items of each row start, and where they end, from items by row."""
    flat = counts.reshape(-1)
    return torch.cat([flat.new_zeros(1), flat.cumsum(0)])


def row_of_items(starts: Tensor, rows_per_atom: int, atoms: slice, num_items: int) -> Tensor:
    """Returns [items] of a run of atoms: the row of each, counted from the run's first.

    Args:
        starts: [A rows_per_atom + 1] first item of every row of all atoms.
        rows_per_atom: T or U.
        atoms: The run.
        num_items: Items of the run, given so that a GPU need not be asked.
    """
    bounds = starts[atoms.start * rows_per_atom : atoms.stop * rows_per_atom + 1]
    rows = torch.arange(len(bounds) - 1, device=starts.device)
    return torch.repeat_interleave(rows, bounds.diff(), output_size=num_items)


@contextmanager
def exact_products() -> Iterator[None]:
    """Keeps float32 products in float32: they move numbers here, and TF32 would cut digits off."""
    before = torch.get_float32_matmul_precision()
    if before == "highest":
        yield
        return
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
