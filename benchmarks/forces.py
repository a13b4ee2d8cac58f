"""Steps of training on energies and forces, and inference, by where derivatives come from.

    python -m benchmarks.forces DATA [--species H,C,O] [--batch 20,100] [--threads 1] [--json FILE]

DATA is anything that ``data=ase`` reads. Prints structures/s of training steps (batches gathered,
losses, update; float32, 128:32:1, PANNA's default descriptor), microseconds per atom at inference,
and bytes per structure, for energies alone, derivatives on the fly, dense, sparse. Best of several
windows; run it on an idle machine.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.inference import seconds_an_atom
from benchmarks.measure import best
from benchmarks.steps import make_jacobians, training_step
from panna_exp.assembly.descriptor import parameters
from panna_exp.assembly.machine import use_threads
from panna_exp.config.schema import DescriptorConfig, Generation
from panna_exp.data.batch import PackedData
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.elements import Species
from panna_exp.readers import ReadOptions, open_structures

CPU = torch.device("cpu")
ROUTES = ("energies alone", "on the fly", "dense", "sparse")


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
        found = {"preparation_s": seconds}
        for size in arguments.batch:
            found[f"train_{size}"] = structures_per_second(data, species, size)
        found["bytes"] = data.num_bytes / len(data)  # steps may keep something for later ones
        results[route] = found
    inference = 1e6 * seconds_an_atom(operator, structures, species)
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


def structures_per_second(data: PackedData, species: Species, size: int) -> float:
    """Returns the rate of training steps on random batches."""
    return size / best(training_step(data, species, size))


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
    print(f"inference, energies and forces, lists given: {inference:.2f} us per atom")


if __name__ == "__main__":
    main()
