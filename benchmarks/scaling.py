"""How time and memory grow: with the batch, atoms, species, structures. They must stay flat."""

import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import systems
from benchmarks.inference import seconds_an_atom
from benchmarks.measure import Measurement, bare_products, beside
from benchmarks.programs import FIRST, run
from benchmarks.steps import training
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.elements import Species
from panna_exp.readers.hdf5 import write_hdf5

RATE = re.compile(r"trained (\d+) steps in ([\d.]+) s")
PEAK = re.compile(r"peak: (\d+) MB")
STEPS = 6000  # a dozen windows of data that are streamed; the first one is waited for
BATCHES = (1, 4, 16, 64, 256, 1024, 4096)
SHARED = 512  # structures per batch of several threads
THREADS = (1, 2)
REPEATS = (1, 2, 5, 11, 23)  # silicon of 8 to 97,336 atoms
SPECIES = (2, 4, 6, 8, 10)
STRUCTURES = (1_000, 10_000, 100_000, 1_000_000)
SYMBOLS = ("H", "C", "N", "O", "F", "Si", "P", "S", "Cl", "Br")


def measure(structures: int) -> Iterator[Measurement]:
    """Yields times of one more of everything.

    Args:
        structures: Data sets up to this many.
    """
    yield from batches()
    yield from threads()
    yield from atoms()
    yield from species()
    yield from data_sets([count for count in STRUCTURES if count <= structures])


def batches() -> Iterator[Measurement]:
    """Energies and forces of ethanol on the fly, with more structures per step."""
    structures = systems.ethanol(4096)
    for size in BATCHES:
        data, work = training(structures, systems.ETHANOL, "on the fly", size)
        counts = (np.bincount(structures.species) / len(structures) * size).round().astype(int)
        products = bare_products(data.descriptors.shape[1], counts.tolist(), True)
        seconds, bare = beside([work, products], 3)
        yield _time(
            f"ethanol, on the fly, batch {size}", seconds / size, "structure", seconds / bare
        )


def threads() -> Iterator[Measurement]:
    """Large batches with forces, shared among threads of one process."""
    structures, before = systems.ethanol(4096), torch.get_num_threads()
    for derivatives in ("on the fly", "sparse"):
        works = [_threaded(structures, derivatives, number) for number in THREADS]
        seconds = beside(works, 3)
        for number, value in zip(THREADS, seconds, strict=True):
            name = f"ethanol, {derivatives}, batch {SHARED}, {number} thread{'s' * (number > 1)}"
            note = f"{seconds[0] / value:.2f} times one thread" if number > 1 else ""
            yield _time(name, value / SHARED, "structure", note=note)
    torch.set_num_threads(before)


def _threaded(structures: StructureSet, derivatives: str, number: int) -> Callable[[], None]:
    torch.set_num_threads(number)  # a training notes how many it works with
    _, work = training(structures, systems.ETHANOL, derivatives, SHARED)

    def step() -> None:
        torch.set_num_threads(number)
        work()

    return step


def atoms() -> Iterator[Measurement]:
    """Energies and forces of larger crystals."""
    for repeat in REPEATS:
        structure = systems.silicon(1, repeat)
        operator = CompiledMBP(systems.descriptor(systems.SILICON))
        seconds = seconds_an_atom(operator, structure, systems.SILICON, 2)
        yield _time(f"silicon, {len(structure.species)} atoms, forces", seconds, "atom")


def species() -> Iterator[Measurement]:
    """Steps on molecules of more species: the descriptor grows with their square."""
    for number in SPECIES:
        symbols = Species(SYMBOLS[:number])
        structures = systems.random_molecules(200, 10, symbols)
        data, work = training(structures, symbols, "energies alone", 20)
        size = data.descriptors.shape[1]
        products = bare_products(size, [200 // number] * number, False)
        seconds, bare = beside([work, products], 3)
        yield _time(
            f"{number} species, {size} components, energies", seconds / 20, "structure",
            seconds / bare,
        )  # fmt: skip


def data_sets(counts: list[int]) -> Iterator[Measurement]:
    """The whole command on larger and larger files, streamed and in memory."""
    two = Species(("H", "C"))
    few = systems.random_molecules(1000, 5, two)
    operator = CompiledMBP(systems.descriptor(two))
    values = operator.compute(operator.geometry(few)).numpy()
    info = operator.parameters.to_info()
    few = replace(few, positions=None, descriptors=values, descriptor_info=info)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "data.h5"
        for count in counts:
            write_hdf5(source, few.select(np.arange(count) % len(few)), two)
            for streaming in (True, False):
                yield from _data_set(source, count, streaming)


def _data_set(source: Path, count: int, streaming: bool) -> Iterator[Measurement]:
    done = run(
        source.parent,
        *("-m", "benchmarks.first_step", "train", "tracking=none", "data=hdf5"),
        *(f"data.train=[{source}]", "data.species=[H,C]", "data.validation=null"),
        *(f"data.streaming={streaming}", f"training.steps_per_epoch={STEPS}"),
        *("training.max_epochs=1", "training.batch_size=100"),
        f"io.train_dir=run_{count}_{streaming}",
    )
    first, rate, peak = (pattern.search(done) for pattern in (FIRST, RATE, PEAK))
    if first is None or rate is None or peak is None:
        raise SystemExit(f"what was measured is missing in:\n{done}")
    note = f"first step after {first[1]} s, {int(peak[1])} MB at most"
    name = f"{count} structures, {'streamed' if streaming else 'in memory'}, batch 100"
    yield _time(name, float(rate[2]) / int(rate[1]), "step", note=note)


def _time(
    name: str, seconds: float, of: str, bare: float | None = None, note: str = ""
) -> Measurement:
    value = 1e6 * seconds
    unit = f"us/{of}"
    return Measurement(
        name=name, value=value, unit=unit, higher_is_better=False, bare=bare, note=note
    )
