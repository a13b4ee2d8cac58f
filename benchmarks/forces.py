"""Steps of training on energies and forces, and inference, by where derivatives come from.

    python benchmarks/forces.py DATA [--species H,C,O] [--batch 20,100] [--threads 1] [--json FILE]

DATA is anything that ``data=ase`` reads. Prints structures/s of training steps (batches gathered,
losses, update; float32, 128:32:1, PANNA's default descriptor), microseconds an atom at inference,
and bytes a structure, for energies alone, derivatives on the fly, dense and sparse. Best of several
windows; run it on an idle machine.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from panna_exp.assembly.descriptor import parameters
from panna_exp.assembly.machine import use_threads
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import DescriptorConfig, Generation, TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.jacobians import JacobianSource, StoredJacobians
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.mbp import MBP
from panna_exp.elements import Species
from panna_exp.model.force_gradients import input_gradient
from panna_exp.model.gradients import forward
from panna_exp.model.initial import LayerInitializer
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.readers import ReadOptions, open_structures
from panna_exp.training.metrics import Totals

CPU = torch.device("cpu")
ROUTES = ("energies alone", "on the fly", "dense", "sparse")
WINDOWS, WINDOW_SECONDS = 5, 1.0


def main() -> None:
    """Runs every route and prints the table."""
    arguments = parse()
    use_threads(arguments.threads)
    species = Species(tuple(arguments.species.split(",")))
    structures = load(arguments, species)
    operator = CompiledMBP(parameters(DescriptorConfig(), species, Generation.C))
    structures = replace(
        structures, descriptors=operator.compute(operator.geometry(structures)).numpy()
    )
    results = {}
    for route in ROUTES:
        started = time.perf_counter()
        jacobians = make_jacobians(route, operator, structures)
        seconds = time.perf_counter() - started
        data = PackedData(
            structures,
            structures.energy - structures.energy.mean(),
            len(species),
            torch.float32,
            CPU,
            jacobians,
        )
        found = {"preparation_s": seconds, "bytes": data.num_bytes / len(data)}
        for size in arguments.batch:
            found[f"train_{size}"] = structures_per_second(data, species, size)
        results[route] = found
    inference = microseconds_an_atom(operator, structures, species)
    show(results, inference, arguments)
    if arguments.json:
        table = {"training": results, "inference_us_per_atom": inference}
        arguments.json.write_text(json.dumps(table, indent=1) + "\n")


def parse() -> argparse.Namespace:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--species", default="H,C,O")
    parser.add_argument(
        "--batch", type=lambda text: [int(n) for n in text.split(",")], default=[20, 100]
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--structures", type=int, default=400)
    parser.add_argument("--energy-key")
    parser.add_argument("--json", type=Path)
    return parser.parse_args()


def load(arguments: argparse.Namespace, species: Species) -> StructureSet:
    """Reads the first structures of the data."""
    options = ReadOptions(energy_key=arguments.energy_key)
    structures = open_structures([arguments.data], species, kind="ase", options=options).structures
    return structures.select(np.arange(min(arguments.structures, len(structures))))


def make_jacobians(route: str, operator: MBP, structures: StructureSet) -> JacobianSource | None:
    """Returns the derivatives of one route."""
    if route == "energies alone":
        return None
    if route == "on the fly":
        return NeighborLists(operator, structures)
    parts = (structures.select(np.array([index])) for index in range(len(structures)))
    dense = [operator.jacobian(operator.geometry(part)).numpy() for part in parts]
    stored = Derivatives.from_dense(dense)
    if route == "sparse":
        stored = stored.as_sparse(structures.num_atoms, operator.size)
    return StoredJacobians(stored, structures.num_atoms, operator.size, torch.float32, CPU)


def make_networks(species: Species, size: int) -> SpeciesNetworks:
    """Returns new networks 128:32:1."""
    initial = LayerInitializer(0, 2, np.dtype(np.float32))
    activations = (Activation.gaussian, Activation.gaussian, Activation.linear)
    networks = []
    for symbol in species:
        layers = []
        for shape, activation in zip(pairwise((size, 128, 32, 1)), activations, strict=True):
            weights, biases = initial.draw(*shape)
            layers.append(LayerData(weights=weights, biases=biases, activation=activation))
        networks.append(NetworkData(symbol=symbol, layers=tuple(layers), offset=0.0))
    return SpeciesNetworks(networks, torch.float32)


def structures_per_second(data: PackedData, species: Species, size: int) -> float:
    """Returns the rate of training steps on random batches."""
    networks = make_networks(species, data.descriptors.shape[1])
    cost = 0.1 if data.jacobians is not None else 0.0
    step = make_train_step(TrainingConfig(forces_cost=cost), networks)
    random = np.random.default_rng(0)
    totals = Totals(CPU)

    def work() -> None:
        step(data.batch(random.permutation(len(data))[:size]), 1e-4, totals)

    return size / best(work)


def microseconds_an_atom(operator: MBP, structures: StructureSet, species: Species) -> float:
    """Returns the time of energies and forces from positions, neighbour lists given."""
    networks = make_networks(species, operator.size)
    chosen = structures.select(np.arange(min(100, len(structures))))
    geometry = operator.geometry(chosen)
    order = torch.argsort(geometry.species, stable=True)
    counts = torch.bincount(geometry.species, minlength=len(species)).tolist()

    def work() -> None:
        descriptors = operator.compute(geometry).index_select(0, order)
        passed = forward(networks, descriptors, counts)
        slopes = torch.empty_like(descriptors)
        slopes[order] = input_gradient(networks, passed, counts).values
        operator.vjp(geometry, slopes)

    return best(work) / len(chosen.species) * 1e6


def best(work: Callable[[], None]) -> float:
    """Returns the seconds a call in the best of several windows."""
    for _ in range(5):
        work()
    times = []
    for _ in range(WINDOWS):
        count, started = 0, time.perf_counter()
        while time.perf_counter() - started < WINDOW_SECONDS:
            work()
            count += 1
        times.append((time.perf_counter() - started) / count)
    return min(times)


def show(
    results: dict[str, dict[str, float]], inference: float, arguments: argparse.Namespace
) -> None:
    """Prints the table."""
    sizes = arguments.batch
    titles = "".join(f"{f'batch {size}':>12}" for size in sizes)
    print(f"training steps, structures/s, {arguments.threads} thread(s)")
    print(f"{'':16}{titles}{'kB/structure':>14}{'preparation':>13}")
    for route, found in results.items():
        rates = "".join(f"{found[f'train_{size}']:12.0f}" for size in sizes)
        print(f"{route:16}{rates}{found['bytes'] / 1000:14.1f}{found['preparation_s']:11.2f} s")
    print(f"inference, energies and forces, lists given: {inference:.2f} us an atom")


if __name__ == "__main__":
    main()
