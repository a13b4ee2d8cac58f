"""Whole commands in processes of their own: start, first step, memory, precomputed descriptors."""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import systems
from benchmarks.measure import Measurement
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import write_hdf5

ROUNDS = 3
FIRST = re.compile(r"first step: ([\d.]+) s, (\d+) MB")
FOUR = Species(("H", "C", "N", "O"))


def measure(molecules: int) -> Iterator[Measurement]:
    """Yields times of commands.

    Args:
        molecules: How many to precompute values for; a fifth as many with derivatives.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        yield took("panna-exp --help", min(_timed(folder, "--help") for _ in range(ROUNDS)))
        for tracking in ("none", "mlflow"):
            yield from first_step(folder, tracking)
        whole = min(_timed(folder, "train", "tracking=none") for _ in range(2))
        yield took("train, README's first command without MLflow, whole", whole)
        for derivatives, number in (("none", molecules), ("sparse", molecules // 5)):
            yield from precompute(folder, derivatives, number)


def took(name: str, value: float, note: str = "") -> Measurement:
    """Returns a time of a command."""
    return Measurement(name=name, value=value, unit="s", higher_is_better=False, note=note)


def first_step(folder: Path, tracking: str) -> Iterator[Measurement]:
    """From the start of the process to the first step, the best of some; the store is there."""
    found = []
    for _ in range(ROUNDS + 1):
        done = run(
            folder,
            *("-m", "benchmarks.first_step", "train", f"tracking={tracking}"),
            "training.max_epochs=2",
        )
        match = FIRST.search(done)
        if match is None:
            raise SystemExit(f"no first step in:\n{done}")
        found.append((float(match[1]), float(match[2])))
    times, peaks = zip(*found[1:], strict=True)
    yield took(f"train, to the first step, tracking={tracking}", min(times))
    yield Measurement(
        name=f"train, memory at the first step, tracking={tracking}",
        value=max(peaks),
        unit="MB",
        higher_is_better=False,
    )


def precompute(folder: Path, derivatives: str, number: int) -> Iterator[Measurement]:
    """Molecules (10 atoms) per second, two processes: of the whole command, without its start."""
    times: dict[int, float] = {}
    for count in (number, number, 10):  # the first time compiles
        source = folder / f"m{count}.h5"
        write_hdf5(source, systems.random_molecules(count, 10, FOUR), FOUR)
        out = folder / f"out_{derivatives}_{count}"
        seconds = _timed(
            folder,
            *("descriptors", "data=hdf5", f"data.train=[{source}]", "data.species=[H,C,N,O]"),
            *(f"output_dir={out}", "precision=float32", "processes=2"),
            f"derivatives={derivatives}",
        )
        times[count] = min(seconds, times.get(count, seconds))
        size = sum(path.stat().st_size for path in out.iterdir())
        for path in out.iterdir():
            path.unlink()
        if count == number:
            written = size
    name = "values" if derivatives == "none" else f"{derivatives} derivatives"
    yield Measurement(
        name=f"descriptors, {name}, {number} molecules of 10 atoms, 384 components",
        value=number / times[number],
        unit="structures/s",
        note=f"{written / 1e9:.1f} GB, whole command",
    )
    yield Measurement(
        name="",
        value=number / (times[number] - times[10]),
        unit="structures/s",
        note=f"without its start of {times[10]:.1f} s",
    )


def _timed(folder: Path, *words: str) -> float:
    started = time.perf_counter()
    run(folder, "-m", "panna_exp", *words)
    return time.perf_counter() - started


def run(folder: Path, *words: str) -> str:
    """Runs Python with these arguments; returns all that it printed."""
    path = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(words)}:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr
