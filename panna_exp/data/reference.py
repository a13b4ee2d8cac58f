"""Reference energies of the free atoms, subtracted in float64 before anything becomes float32."""

from collections.abc import Sequence

import numpy as np

from panna_exp.data.structures import Floats, Ints, StructureSet


def reference_energy(structures: StructureSet, offsets: Sequence[float]) -> Floats:
    """Returns [S], the sum of the free atoms' energies (eV) of each structure.

    Args:
        structures: S structures.
        offsets: Energy of each species' free atom (eV).
    """
    counts = structures.counts(len(offsets)).astype(np.float64)
    return counts @ np.asarray(offsets, dtype=np.float64)


def network_targets(
    structures: StructureSet, offsets: Sequence[float], panna_version: int = 2
) -> Floats:
    """Returns [S], energies less those of the free atoms (eV).

    Args:
        structures: S structures.
        offsets: Energy of each species' free atom (eV).
        panna_version: 2: in float64; 1: in float32 throughout, as PANNA 1.x computes them.
    """
    if panna_version != 1:
        return structures.energy - reference_energy(structures, offsets)
    counts = structures.counts(len(offsets)).astype(np.float32)
    free_atoms = (counts * np.asarray(offsets, dtype=np.float32)).sum(axis=1, dtype=np.float32)
    targets: Floats = (structures.energy.astype(np.float32) - free_atoms).astype(np.float64)
    return targets


def split(
    num_structures: int, fraction: float, seed: int, trajectories: Sequence[str] = ()
) -> tuple[Ints, Ints]:
    """Returns sorted indices of the part kept for training and of ``fraction`` set aside.

    Frames of one trajectory, which are alike, stay together: they are set aside as long as no more
    than ``fraction`` is, but one trajectory at least.
    """
    count = round(num_structures * fraction)
    order = np.random.default_rng(np.random.SeedSequence([seed, 0x5B])).permutation(num_structures)
    group = _groups(trajectories) if len(trajectories) else np.arange(num_structures)
    sizes = np.bincount(group, minlength=num_structures)
    visited = order[sizes[order] > 0]
    taken = visited[np.cumsum(sizes[visited]) <= count]
    if count and not len(taken):
        taken = visited[:1]
    aside = np.isin(group, taken)
    return np.flatnonzero(~aside), np.flatnonzero(aside)


def _groups(trajectories: Sequence[str]) -> Ints:
    """Returns [S] the first frame of each structure's trajectory; itself without one."""
    texts = np.array(list(trajectories))
    _, first, inverse = np.unique(texts, return_index=True, return_inverse=True)
    return np.where(texts == "", np.arange(len(texts)), first[inverse])
