"""Sums by memory that processes share; threads stand for the processes."""

import logging
import os
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from panna_exp.training import shared_sums
from panna_exp.training.shared_sums import SharedSums, can_share, shared_file

SIZE = 3
ROUNDS = 40

pytestmark = pytest.mark.skipif(not can_share(SIZE, SIZE), reason="another kind of processor")


class Meeting:
    """What gloo does for processes that have no shared memory yet."""

    def __init__(self, size):
        self.barrier = threading.Barrier(size)
        self.said = ""

    def agree(self, text):
        self.said = text or self.said
        self.barrier.wait()
        return self.said


def in_all(work, size=SIZE):
    meeting = Meeting(size)

    def one(rank):
        return work(SharedSums(rank, size, 8000, meeting.agree, meeting.barrier.wait))

    with ThreadPoolExecutor(size) as pool:
        return list(pool.map(one, range(size)))


def values_of(rank, number, count, dtype):
    random = torch.Generator().manual_seed(1000 * rank + number)
    return torch.randn(count, generator=random, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_all_have_the_same_sums_again_and_again(dtype):
    counts = [1 + 37 * number % 1000 for number in range(ROUNDS)]

    def work(sums):
        found = []
        for number, count in enumerate(counts):
            values = values_of(sums.rank, number, count, dtype)
            sums.add(values)
            found.append(values)
        return found

    results = in_all(work)
    for number, count in enumerate(counts):
        expected = values_of(0, number, count, dtype)
        for rank in range(1, SIZE):
            expected += values_of(rank, number, count, dtype)
        for found in results:
            assert torch.equal(found[number], expected)


def test_shapes_stay_and_nothing_stays_on_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(shared_sums.os.path, "isdir", lambda _: False)
    monkeypatch.setattr(shared_sums.tempfile, "tempdir", str(tmp_path))

    def work(sums):
        values = torch.full((), 1.0 + sums.rank)
        matrix = torch.ones(2, 3)
        sums.add(values)
        sums.add(matrix)
        return values, matrix, list(tmp_path.iterdir())

    for values, matrix, files in in_all(work):
        assert values == 6.0
        assert torch.equal(matrix, torch.full((2, 3), 3.0))
        assert files == []


def test_a_process_that_has_ended_is_named(monkeypatch):
    monkeypatch.setattr(shared_sums, "_PATIENCE_S", 0.05)
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()

    def work(sums):
        if sums.rank == 1:
            sums._owners[1] = gone.pid
            return None
        with pytest.raises(ConnectionError) as error:
            sums.add(torch.ones(3))
        return str(error.value)

    assert in_all(work, 2)[0] == "process 1 of 2 has ended before the training did"


def test_other_machines_and_processors_do_without(monkeypatch):
    assert not can_share(4, 2)
    monkeypatch.setattr(shared_sums.platform, "machine", lambda: "aarch64")
    assert not can_share(2, 2)


def test_memory_without_room_is_said_and_the_disk_is_used(tmp_path, monkeypatch, caplog):
    take = os.posix_fallocate

    def full(handle, start, size):
        if os.readlink(f"/proc/self/fd/{handle}").startswith(str(tmp_path / "memory")):
            raise OSError(28, "No space left on device")
        take(handle, start, size)

    (tmp_path / "memory").mkdir()
    (tmp_path / "disk").mkdir()
    monkeypatch.setattr(os, "posix_fallocate", full)
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "disk"))
    with caplog.at_level(logging.WARNING):
        path = Path(shared_file(4096, str(tmp_path / "memory")))
    assert path.parent == tmp_path / "disk"
    assert path.stat().st_size == 4096
    assert "memory has no room for the 0.0 MB that the processes share (No space" in caplog.text
    assert list((tmp_path / "memory").iterdir()) == []
    monkeypatch.setattr(tempfile, "gettempdir", lambda: str(tmp_path / "memory"))
    with pytest.raises(OSError, match="No space left") as caught:
        shared_file(4096, str(tmp_path / "memory"))
    assert caught.value.filename == str(tmp_path / "memory")
