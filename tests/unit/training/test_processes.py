"""Which structures of a batch a process takes."""

import numpy as np
import torch

from panna_exp.training.metrics import Totals
from panna_exp.training.processes import ALONE, Processes


class One(Processes):
    """One of several processes that hears nothing of the others."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size


def test_every_structure_is_in_one_part():
    indices = np.arange(7) * 3
    parts = [One(rank, 3).part(indices) for rank in range(3)]
    assert sorted(np.concatenate(parts).tolist()) == indices.tolist()
    assert ALONE.part(indices) is indices
    assert len(One(2, 3).part(indices[:2])) == 0


def test_sums_are_with_the_first_process_once_they_are_collected():
    device = torch.device("cpu")
    first, second = Totals(device), Totals(device)
    for totals in (first, second):
        totals.add(torch.ones(2), torch.ones(2), torch.tensor(3.0), torch.tensor(0.5))
    first.collect(One(0, 2))
    second.collect(One(1, 2))
    assert second.read() == {}
    assert first.read()["penalty"] == 0.5
    alone = Totals(device)
    alone.add(torch.ones(2), torch.ones(2), torch.tensor(3.0), torch.tensor(0.5))
    alone.collect(ALONE)
    assert alone.read() == first.read()
