"""Structures, parameters and a slow oracle for the tests of the descriptors."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest

from panna_exp.data.structures import Floats, Structure, StructureSet
from panna_exp.descriptors.parameters import MBPParameters

# The oracle's own table of the generations: eps, weight of a pair of the same species.
ORACLE_GENERATIONS = {"A": (0.0, 4.0), "B": (0.0, 2.0), "C": (0.01, 2.0)}


@pytest.fixture
def make() -> Callable[..., Structure]:
    """Builds a structure; ``cell`` rows of zeros are not periodic unless ``pbc`` says so."""

    def build(positions, species=None, cell=None, pbc=None, origin="made, structure 0"):
        positions = np.array(positions, dtype=float).reshape(-1, 3)
        cell = np.zeros((3, 3)) if cell is None else np.array(cell, dtype=float)
        return Structure(
            origin=origin,
            name="",
            species=np.array([0] * len(positions) if species is None else species),
            energy=0.0,
            positions=positions,
            cell=cell,
            pbc=cell.any(axis=1) if pbc is None else np.array(pbc, dtype=bool),
        )

    return build


@pytest.fixture
def pack() -> Callable[..., StructureSet]:
    return lambda *structures: StructureSet.from_structures(structures)


@pytest.fixture
def parameters() -> Callable[..., MBPParameters]:
    """Two species, 2 * 5 + 3 * 3 * 4 = 46 components, unlike values for each centre and angle."""

    def build(generation="C", **changes):
        keys = {
            "eta_rad": [6.0, 7.0, 8.0, 9.0, 10.0],
            "Rc_rad": 3.6,
            "Rs0_rad": 0.4,
            "RsN_rad": 5,
            "eta_ang": [3.0, 4.0, 5.0],
            "Rc_ang": 2.9,
            "Rs0_ang": 0.5,
            "RsN_ang": 3,
            "zeta": [3.0, 8.0, 15.0, 22.5],
            "ThetasN": 4,
            **changes,
        }
        return MBPParameters.from_panna(["X", "Y"], generation, **keys)

    return build


@pytest.fixture
def environments(make) -> dict[str, Structure]:
    """Structures of every kind of periodicity, all with two species."""
    rng = np.random.default_rng(7)
    slab = [[3.1, 0.2, 0.0], [0.9, 3.3, 0.3], [0.0, 0.0, 0.0]]
    chain = [[0.0, 0.0, 0.0], [0.4, 0.3, 3.2], [0.0, 0.0, 0.0]]
    skewed = [[3.4, 0.1, -0.2], [1.9, 2.9, 0.3], [-0.7, 1.1, 3.7]]
    cloud = rng.uniform(0, 3.2, (7, 3))
    return {
        "molecule": make(cloud, [0, 1, 1, 0, 1, 0, 0]),
        "crystal": make([[0.1, 0.2, 0.3], [1.7, 1.5, 0.9], [0.8, 2.6, 2.4]], [0, 1, 1], skewed),
        "outside": make([[9.1, -7.2, 5.3], [1.7, 1.5, 0.9]], [1, 0], skewed),
        "small cell": make([[0.1, 0.2, 0.3]], [1], np.array(skewed) * 0.55),
        "slab": make([[0.1, 0.2, 0.0], [1.6, 1.4, 9.3], [0.4, 1.9, 1.3]], [1, 0, 0], slab),
        "chain": make([[0.1, 0.2, 0.0], [1.6, 1.4, 0.3]], [1, 0], chain),
        "flags": make([[0.1, 0.2, 0.3], [1.7, 1.5, 0.9]], [0, 1], skewed, [True, False, True]),
        "atom": make([[1.0, 2.0, 3.0]], [1]),
        "far apart": make([[0.0, 0.0, 0.0], [50.0, 0.0, 0.0]], [1, 0]),
        "line": make([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0], [2.2, 0.0, 0.0]], [0, 1, 0]),
    }


@pytest.fixture
def oracle() -> Callable[[Structure, MBPParameters], Floats]:
    return slow_descriptors


def images(structure: Structure, cutoff: float) -> list[tuple[int, Floats]]:
    """All atoms and translations within reach, found by trying many cells."""
    reach = [range(-9, 10) if flag else range(1) for flag in structure.pbc]
    return [
        (atom, np.array(steps) @ structure.cell)
        for atom in range(len(structure.species))
        for steps in itertools.product(*reach)
    ]


def slow_descriptors(structure: Structure, p: MBPParameters) -> Floats:
    """The formulas written out, one number at a time."""
    eps, doubled = ORACLE_GENERATIONS[p.generation]
    num_species = len(p.species)
    blocks = [(s, t) for s in range(num_species) for t in range(s, num_species)]
    everything = images(structure, p.cutoff_radial)
    result = []
    for center in structure.positions:
        near = []
        for atom, shift in everything:
            vector = structure.positions[atom] + shift - center
            distance = float(np.sqrt(vector @ vector))
            if 1e-8 < distance < max(p.cutoff_radial, p.cutoff_angular):
                near.append((int(structure.species[atom]), distance, vector))
        radial = np.zeros((num_species, len(p.radial_centers)))
        for species, r, _ in near:
            for m, (eta, start) in enumerate(zip(p.radial_eta, p.radial_centers, strict=True)):
                radial[species, m] += math.exp(-eta * (r - start) ** 2) * fc(r, p.cutoff_radial)
        angular = np.zeros((len(blocks), len(p.angular_centers), len(p.thetas)))
        for one, other in itertools.combinations(near, 2):
            block = blocks.index(tuple(sorted((one[0], other[0]))))
            factor = doubled if one[0] == other[0] else 2.0
            angular[block] += factor * slow_triple(one, other, p, eps)
        result.append(np.concatenate([radial.ravel(), angular.ravel()]))
    return np.array(result)


def slow_triple(one, other, p: MBPParameters, eps: float) -> Floats:
    table = np.zeros((len(p.angular_centers), len(p.thetas)))
    cutoffs = fc(one[1], p.cutoff_angular) * fc(other[1], p.cutoff_angular)
    if cutoffs == 0:
        return table
    c = float(one[2] @ other[2]) / (one[1] * other[1])
    sin = float(np.linalg.norm(np.cross(one[2], other[2]))) / (one[1] * other[1])
    for i, (eta, start) in enumerate(zip(p.angular_eta, p.angular_centers, strict=True)):
        gauss = math.exp(-eta * ((one[1] + other[1]) / 2 - start) ** 2)
        for q, (zeta, theta) in enumerate(zip(p.zeta, p.thetas, strict=True)):
            sin2 = eps * math.sin(theta) ** 2
            s = math.sqrt(sin * sin + sin2)
            base = 1 + c * math.cos(theta) + s * math.sin(theta)
            table[i, q] = (base / (1 + math.sqrt(1 + sin2))) ** zeta * gauss * cutoffs
    return table


def fc(r: float, cutoff: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * r / cutoff)) if r < cutoff else 0.0
