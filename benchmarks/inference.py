"""Evaluation: energies of stored descriptors; energies and forces from positions."""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from benchmarks import systems
from benchmarks.measure import Measurement, best, make_networks
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.elements import Species
from panna_exp.model.inference import energies_and_gradients
from panna_exp.model.numba_engine import NumbaEngine
from panna_exp.model.torch_engine import TorchEngine


def measure() -> Iterator[Measurement]:
    """Yields rates of evaluation."""
    for name, structures, species in (
        ("ethanol", systems.ethanol(200), systems.ETHANOL),
        ("silicon, 64 atoms", systems.silicon(20), systems.SILICON),
    ):
        operator = CompiledMBP(systems.descriptor(species))
        geometry = operator.geometry(structures)
        descriptors = operator.compute(geometry)
        order = torch.argsort(geometry.species, stable=True)
        counts = torch.bincount(geometry.species, minlength=len(species)).tolist()
        seconds = best(_energies(species, descriptors.index_select(0, order), counts))
        atoms = len(structures.species)
        yield Measurement(
            name=f"{name}, energies, stored descriptors", value=atoms / seconds, unit="atoms/s"
        )
        yield Measurement(
            name=f"{name}, energies and forces, lists given",
            value=1e6 * seconds_an_atom(operator, structures, species),
            unit="us/atom",
            higher_is_better=False,
        )
        seconds = best(lambda op=operator, some=structures: op.geometry(some), 3)
        yield Measurement(
            name=f"{name}, neighbour lists and triples",
            value=1e6 * seconds / atoms,
            unit="us/atom",
            higher_is_better=False,
        )


def _energies(species: Species, ordered: Tensor, counts: list[int]) -> Callable[[], None]:
    engine = TorchEngine(make_networks(species, ordered.shape[1]))

    def work() -> None:
        engine.forward(ordered, counts)

    return work


def seconds_an_atom(
    operator: CompiledMBP, structures: StructureSet, species: Species, windows: int | None = None
) -> float:
    """Returns the time of energies and forces from positions, neighbour lists given."""
    engine = NumbaEngine(make_networks(species, operator.size))
    chosen = structures.select(np.arange(min(100, len(structures))))
    geometry = operator.geometry(chosen)
    order = torch.argsort(geometry.species, stable=True)
    counts = torch.bincount(geometry.species, minlength=len(species)).tolist()

    def work() -> None:
        descriptors = operator.compute(geometry, then_vjp=True).index_select(0, order)
        by_descriptor = torch.empty_like(descriptors)
        by_descriptor[order] = energies_and_gradients(engine, descriptors, counts)[1]
        operator.vjp(geometry, by_descriptor)

    return best(work, windows) / len(chosen.species)
