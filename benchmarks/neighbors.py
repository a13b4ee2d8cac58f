"""Neighbour lists: what panna_exp uses (vesin, and all pairs for small molecules) beside others.

    OMP_NUM_THREADS=1 python benchmarks/neighbors.py

Needs ase; matscipy and scipy are measured where they are installed. Every library must find the
same pairs. One thread, in one run, the fastest of some repetitions.
"""

import importlib.util
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import neighbor_list

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.neighbors import neighbor_pairs

CUTOFF = 5.0
SECONDS = 1.5


def systems() -> dict[str, list[Atoms]]:
    """Returns silicon cells of three sizes, a cluster, and many small molecules."""
    found = {}
    for repeat in ((2, 2, 3), (5, 5, 5), (10, 10, 12)):
        atoms = bulk("Si", cubic=True) * repeat
        atoms.rattle(0.05, seed=0)
        found[f"silicon, periodic, {len(atoms):,} atoms"] = [atoms]
    cluster = bulk("Si", cubic=True) * (5, 5, 5)
    cluster.rattle(0.05, seed=0)
    cluster.pbc = False
    cluster.cell[:] = 0
    found[f"silicon, cluster, {len(cluster):,} atoms"] = [cluster]
    molecules = []
    for seed in range(200):
        atoms = molecule("CH3CH2OH")
        atoms.rattle(0.05, seed=seed)
        molecules.append(atoms)
    found["200 ethanol molecules, 9 atoms each"] = molecules
    return found


def structures_of(items: list[Atoms]) -> StructureSet:
    """Returns ASE's structures as panna_exp has them."""
    return StructureSet.from_structures(
        [
            Structure(
                origin=f"structure {number}",
                name="",
                species=np.zeros(len(atoms), dtype=np.int64),
                energy=0.0,
                positions=atoms.positions,
                cell=np.where(atoms.pbc[:, None], atoms.cell.array, 0.0),
                pbc=atoms.pbc,
            )
            for number, atoms in enumerate(items)
        ]
    )


def with_panna_exp(items: list[Atoms]) -> Callable[[], int]:
    """Pairs of all structures at once, with shifts, as descriptors are given them."""
    structures = structures_of(items)
    return lambda: len(neighbor_pairs(structures, CUTOFF)[0])


def with_vesin(items: list[Atoms]) -> Callable[[], int]:
    """The library alone, sorted by centre, a call per structure."""
    from vesin import NeighborList

    def run() -> int:
        total = 0
        for atoms in items:
            search = NeighborList(cutoff=CUTOFF, full_list=True, sorted=True, n_threads=1)
            cell = atoms.cell.array if atoms.pbc.any() else np.eye(3)
            total += len(search.compute(atoms.positions, cell, atoms.pbc, "ijSd")[0])
        return total

    return run


def with_ase(items: list[Atoms]) -> Callable[[], int]:
    """ASE's own, the function that its users are told to call."""

    def run() -> int:
        return sum(len(neighbor_list("ijSd", atoms, CUTOFF)[0]) for atoms in items)

    return run


def with_matscipy(items: list[Atoms]) -> Callable[[], int]:
    """Matscipy's cell lists in C; where nothing is periodic it wants a box around the atoms."""
    from matscipy.neighbours import neighbour_list

    boxed = []
    for atoms in items:
        copy = atoms.copy()
        if not copy.pbc.any():
            copy.center(vacuum=CUTOFF)
        boxed.append(copy)
    return lambda: sum(len(neighbour_list("ijSd", atoms, CUTOFF)[0]) for atoms in boxed)


def with_tree(items: list[Atoms]) -> Callable[[], int]:
    """Scipy's k-d tree; for periodic cells of the images within the cutoff, added by hand."""
    from scipy.spatial import cKDTree

    def images(atoms: Atoms) -> Any:
        if not atoms.pbc.any():
            return atoms.positions
        heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
        steps = [np.arange(-n, n + 1) for n in np.ceil(CUTOFF / heights).astype(int)]
        shifts = np.stack(np.meshgrid(*steps, indexing="ij"), axis=-1).reshape(-1, 3)
        copies = (atoms.positions[None] + (shifts @ atoms.cell.array)[:, None]).reshape(-1, 3)
        low, high = atoms.positions.min(axis=0) - CUTOFF, atoms.positions.max(axis=0) + CUTOFF
        return copies[((copies >= low) & (copies <= high)).all(axis=1)]

    def run() -> int:
        total = 0
        for atoms in items:
            own, around = cKDTree(atoms.positions), cKDTree(images(atoms))
            found = own.sparse_distance_matrix(around, CUTOFF, output_type="ndarray")
            total += int((found["v"] > 1e-8).sum())
        return total

    return run


LIBRARIES = {
    "panna_exp": (with_panna_exp, "vesin"),
    "vesin alone": (with_vesin, "vesin"),
    "matscipy": (with_matscipy, "matscipy"),
    "scipy cKDTree": (with_tree, "scipy"),
    "ase.neighborlist": (with_ase, "ase"),
}


def fastest(run: Callable[[], int]) -> float:
    """Returns the least seconds of a call."""
    best, end = np.inf, time.perf_counter() + SECONDS
    while True:
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
        if time.perf_counter() > end:
            return float(best)


def main() -> None:
    """Prints a table of milliseconds."""
    chosen = {
        name: build
        for name, (build, module) in LIBRARIES.items()
        if importlib.util.find_spec(module) is not None
    }
    print(f"milliseconds, cutoff {CUTOFF:g} A, one thread")
    print("| system | pairs | " + " | ".join(chosen) + " |")
    print("|---" * (len(chosen) + 2) + "|")
    for name, items in systems().items():
        runs = {library: build(items) for library, build in chosen.items()}
        counts = {library: run() for library, run in runs.items()}
        if len(set(counts.values())) > 1:
            raise SystemExit(f"{name}: the libraries disagree: {counts}")
        times = " | ".join(f"{1000 * fastest(run):.3g}" for run in runs.values())
        print(f"| {name} | {next(iter(counts.values())):,} | {times} |", flush=True)


if __name__ == "__main__":
    main()
