"""Training steps: batches, descriptors' derivatives, losses, gradients, update, metrics."""

import contextlib
import io
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks import systems
from benchmarks.measure import HIDDEN, Measurement, bare_products, beside, make_networks
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import Execution, TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.jacobians import JacobianSource, StoredJacobians
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.elements import Species
from panna_exp.training.metrics import Totals
from panna_exp.training.trainer import FitResult, Listener, Trainer

CPU = torch.device("cpu")
TUTORIAL_EPOCHS = 60


def measure() -> Iterator[Measurement]:
    """Yields the steps of the README's data and of made ones like users'."""
    yield from tutorial("torch", "default")
    yield from tutorial("numba", "default")
    yield from tutorial("numba", "h_deep")
    yield from step("carbon, 16 atoms", systems.carbon(100), systems.CARBON, "dense", 20)
    for route in ("sparse", "on the fly"):
        for size in (20, 100):
            yield from step("ethanol", systems.ethanol(400), systems.ETHANOL, route, size)
    for route in ("sparse", "on the fly"):
        yield from step("silicon, 64 atoms", systems.silicon(40), systems.SILICON, route, 5)


def tutorial(execution: str, network: str) -> Iterator[Measurement]:
    """The whole command: its loop with data, metrics, validation, checkpoints."""
    from panna_exp.cli import main as run_program

    rates: list[float] = []
    counts = _tutorial_counts()
    products = _tutorial_products(counts, network)
    bare = float("inf")
    fit = Trainer.fit

    def timed(trainer: Trainer, listener: Listener) -> FitResult:
        result = fit(trainer, listener)
        rates.append(result.steps_made / result.seconds)
        return result

    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Trainer.fit = timed  # type: ignore[method-assign]
        try:
            for _ in range(3):
                bare = min(bare, beside([products], 2)[0])
                quiet = io.StringIO()
                with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
                    words = ["train", "tracking=none", f"training.max_epochs={TUTORIAL_EPOCHS}"]
                    words += [f"execution={execution}", f"network={network}"]
                    words += [f"io.train_dir=run{len(rates)}"]
                    code = run_program(words)
                if code:
                    raise SystemExit(code)
        finally:
            Trainer.fit = fit  # type: ignore[method-assign]
            os.chdir(before)
    rate = max(rates)
    named = execution if network == "default" else f"{execution}, network={network}"
    yield Measurement(
        name=f"tutorial, whole loop, batch 20, {named}",
        value=rate,
        unit="steps/s",
        bare=1 / rate / bare,
        note="with validation and checkpoints",
    )
    yield Measurement(name="", value=rate * sum(counts), unit="atoms/s")


def _tutorial_counts() -> list[int]:
    """Atoms per batch of 20: water, ammonia and methane in equal parts; H, C, N, O."""
    return [60, 7, 7, 7]


def _tutorial_products(counts: list[int], network: str) -> Callable[[], None]:
    """Bare products of a tutorial step; in h_deep hydrogen, the first species, has a layer more."""
    first = (128, 32, 32, 1) if network == "h_deep" else HIDDEN
    of_first = bare_products(384, counts[:1], False, first)
    of_others = bare_products(384, counts[1:], False)

    def work() -> None:
        of_first()
        of_others()

    return work


def step(
    name: str, structures: StructureSet, species: Species, route: str, size: int
) -> Iterator[Measurement]:
    """A training step on energies and forces, derivatives by one of the routes."""
    data, work = training(structures, species, route, size)
    counts = np.bincount(structures.species, minlength=len(species)) / len(structures) * size
    products = bare_products(data.descriptors.shape[1], counts.round().astype(int).tolist(), True)
    seconds, bare = beside([work, products])
    atoms = len(structures.species) / len(structures) * size
    yield Measurement(
        name=f"{name}, energies and forces, {route}, batch {size}",
        value=1 / seconds,
        unit="steps/s",
        bare=seconds / bare,
        note=f"{data.num_bytes / len(data) / 1000:.0f} kB per structure",
    )
    yield Measurement(name="", value=atoms / seconds, unit="atoms/s")


def training(
    structures: StructureSet,
    species: Species,
    route: str,
    size: int,
    hidden: tuple[int, ...] = HIDDEN,
) -> tuple[PackedData, Callable[[], None]]:
    """Returns packed data, and one training step on a random batch of them."""
    operator = CompiledMBP(systems.descriptor(species))
    values = operator.compute(operator.geometry(structures)).numpy()
    jacobians = make_jacobians(route, operator, structures)
    energies = structures.energy - structures.energy.mean()
    data = PackedData(
        replace(structures, descriptors=values),
        energies,
        len(species),
        torch.float32,
        CPU,
        jacobians,
    )
    return data, training_step(data, species, size, hidden)


def training_step(
    data: PackedData,
    species: Species,
    size: int,
    hidden: tuple[int, ...] = HIDDEN,
    execution: Execution = Execution.numba,
) -> Callable[[], None]:
    """Returns one training step of new networks on a random batch."""
    networks = make_networks(species, data.descriptors.shape[1], hidden)
    cost = 0.0 if data.jacobians is None else 0.1
    update = make_train_step(TrainingConfig(forces_cost=cost), networks, execution=execution)
    random, totals = np.random.default_rng(0), Totals(CPU)

    def work() -> None:
        update(data.batch(random.permutation(len(data))[:size]), 1e-4, totals)

    return work


def make_jacobians(
    route: str, operator: CompiledMBP, structures: StructureSet
) -> JacobianSource | None:
    """Returns the derivatives of one route; None where only energies are learnt."""
    if route == "energies alone":
        return None
    if route == "on the fly":
        return NeighborLists(operator, structures)
    stored = operator.sparse_jacobians(structures)
    if route == "dense":
        stored = stored.as_dense(structures.num_atoms, operator.size)
    return StoredJacobians(stored, structures.num_atoms, operator.size, torch.float32, CPU)
