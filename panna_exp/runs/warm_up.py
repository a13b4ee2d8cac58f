"""Compiles the loops that trainings, evaluations and calculators use, before anyone waits for them.

Numba compiles a loop when it is used first, for the types and the numbers of components that it is
used with, so small trainings on made-up structures are run, each in a process of its own, and their
potentials are used.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.errors import ConfigError, PannaExpError

_TWO: tuple[str, ...] = ("H", "O")
_THREE: tuple[str, ...] = ("H", "C", "O")
# Species of the data, which the automatic descriptor goes by, and what is trained.
_CASES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "own data, one or two species": (_TWO, ("training.virial_cost=0.1",)),
    "own data, more species": (_THREE, ("training.virial_cost=0.1",)),
    "mBP": (_TWO, ("training.virial_cost=0.1", "descriptor=mbp")),
    "BP": (_TWO, ("training.virial_cost=0.1", "descriptor=bp")),
    "energies": (_TWO, ("training.forces_cost=0", "execution=numba")),
}
_ALWAYS = ("training.max_epochs=1", "tracking=none", "threads=1")
_FRAMES, _ATOMS, _EDGE = 12, 8, 5.0


def warm_up(options: Sequence[str]) -> Iterator[str]:
    """Compiles what is not kept yet; yields a line on each piece of work.

    Args:
        options: Of ``train``, which the loops are to be for as well.

    Raises:
        ConfigError: Mistakes in the options.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for symbols in (_TWO, _THREE):
            _data(folder, symbols).write_text(_structures(symbols))
        # The user's first: a mistake in them is told at once.
        own = {" ".join(options): (_TWO, tuple(options))} if options else {}
        cases = own | _CASES
        for index, (title, (symbols, choices)) in enumerate(cases.items()):
            started = time.perf_counter()
            run_dir = folder / str(index)
            data = f"data.train={_data(folder, symbols).name}"
            _train(folder, [data, *choices, *_ALWAYS, f"io.train_dir={run_dir.name}"])
            for precision in ("float32", "float64"):
                _use(run_dir, precision)
            yield f"{title}: {time.perf_counter() - started:.1f} s"


def kept_in() -> Path:
    """Returns the folder that compiled loops are kept in.

    Raises:
        PannaExpError: No such folder can be written.
    """
    from panna_exp.descriptors.pair_loops import pair_table
    from panna_exp.loop_cache import LoopCache
    from panna_exp.model.numba_passes import forward

    try:
        found = [LoopCache(loop.py_func).cache_path for loop in (pair_table, forward)]
    except RuntimeError:
        raise PannaExpError(
            "compiled loops cannot be kept, neither beside the package nor in the home folder: "
            "the variable NUMBA_CACHE_DIR says where else to keep them"
        ) from None
    return Path(os.path.commonpath(found))


def _train(folder: Path, options: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "panna_exp", "train", *options],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        lines = done.stderr.splitlines()
        mistakes = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
        raise ConfigError(f"warm-up: {line}" for line in mistakes or lines[-1:])


def _use(run_dir: Path, precision: str) -> None:
    """Computes energies, forces and stresses as calculators do."""
    import torch

    from panna_exp.assembly.committee import read_potentials
    from panna_exp.assembly.potential import Potential
    from panna_exp.data.structures import Structure, StructureSet

    structure = Structure(
        origin="warm-up",
        name="",
        species=np.arange(_ATOMS) % 2,
        energy=0.0,
        positions=_positions(0),
        cell=np.eye(3) * _EDGE,
        pbc=np.ones(3, bool),
    )
    potential = Potential(
        read_potentials(run_dir, "auto", None), getattr(torch, precision), compiled=True
    )
    structures = StructureSet.from_structures([structure.check()])
    potential.compute(structures, strain=True)
    potential.compute(structures)
    potential.atomic_energies(structures)


def _data(folder: Path, symbols: tuple[str, ...]) -> Path:
    return folder / f"{len(symbols)}_species.xyz"


def _structures(symbols: tuple[str, ...]) -> str:
    """Returns structures with made-up labels, as extended xyz."""
    random = np.random.default_rng(0)
    header = (
        f'Lattice="{_EDGE} 0 0 0 {_EDGE} 0 0 0 {_EDGE}" pbc="T T T" '
        "Properties=species:S:1:pos:R:3:forces:R:3"
    )
    lines = []
    for frame in range(_FRAMES):
        stress = " ".join(["0"] * 9)
        lines += [str(_ATOMS), f'{header} energy={random.normal():.6f} stress="{stress}"']
        for atom, position in enumerate(_positions(frame)):
            numbers = " ".join(f"{value:.6f}" for value in (*position, *random.normal(size=3)))
            lines.append(f"{symbols[atom % len(symbols)]} {numbers}")
    return "\n".join(lines) + "\n"


def _positions(seed: int) -> Floats:
    corners: Floats = np.stack(np.meshgrid(*[[0.0, 0.5]] * 3), axis=-1).reshape(-1, 3) * _EDGE
    return corners + np.random.default_rng(seed).normal(scale=0.1, size=corners.shape)
