"""Structures to measure with: times do not depend on what the energies are."""

from collections.abc import Sequence

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from panna_exp.assembly.descriptor import parameters
from panna_exp.config.schema import DescriptorConfig, Generation
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.elements import Species

ETHANOL = Species(("H", "C", "O"))
SILICON = Species(("Si",))
CARBON = Species(("C",))


def descriptor(species: Species) -> MBPParameters:
    """Returns PANNA's default descriptor, generation C."""
    found = parameters(DescriptorConfig(), species, Generation.C)
    assert isinstance(found, MBPParameters)
    return found


def ethanol(number: int) -> StructureSet:
    """Returns ethanol molecules (9 atoms) with displaced atoms and made-up labels."""
    return displaced(molecule("CH3CH2OH"), number, ETHANOL)


def silicon(number: int, repeat: int = 2) -> StructureSet:
    """Returns silicon crystals of 8 repeat^3 atoms with displaced atoms and made-up labels."""
    return displaced(bulk("Si", cubic=True) * ((repeat,) * 3), number, SILICON)


def carbon(number: int) -> StructureSet:
    """Returns diamond of 16 atoms with displaced atoms and made-up labels."""
    return displaced(bulk("C", cubic=True) * (2, 1, 1), number, CARBON)


def random_molecules(number: int, atoms: int, species: Species) -> StructureSet:
    """Returns molecules of random branches, all species alike, without overlaps."""
    random = np.random.default_rng(0)
    shapes = [_branches(random, atoms) for _ in range(200)]
    kinds = random.integers(0, len(species), (number, atoms))
    return StructureSet.from_structures(
        [
            _structure(shapes[i % len(shapes)] + random.normal(0, 0.02, (atoms, 3)), kinds[i])
            for i in range(number)
        ]
    )


def displaced(atoms: Atoms, number: int, species: Species) -> StructureSet:
    """Returns copies whose atoms are displaced by 0.05 angstrom."""
    random = np.random.default_rng(0)
    kinds = np.array([species.symbols.index(symbol) for symbol in atoms.get_chemical_symbols()])
    cell = np.where(atoms.pbc[:, None], atoms.cell.array, 0.0)
    return StructureSet.from_structures(
        [
            _structure(
                atoms.positions + random.normal(0, 0.05, atoms.positions.shape),
                kinds,
                cell,
                random,
            )
            for _ in range(number)
        ]
    )


def _structure(
    positions: np.ndarray,
    species: Sequence[int] | np.ndarray,
    cell: np.ndarray | None = None,
    random: np.random.Generator | None = None,
) -> Structure:
    box = np.zeros((3, 3)) if cell is None else cell
    forces = None if random is None else random.normal(0, 1, positions.shape)
    return Structure(
        origin="made",
        name="",
        species=np.asarray(species),
        energy=0.1 * len(positions),
        positions=positions,
        cell=box,
        pbc=box.any(axis=1),
        forces=forces,
    )


def _branches(random: np.random.Generator, atoms: int) -> np.ndarray:
    points = [np.zeros(3)]
    while len(points) < atoms:
        step = random.normal(size=3)
        step *= random.uniform(1.0, 1.5) / np.linalg.norm(step)
        new = points[random.integers(len(points))] + step
        if min(float(np.linalg.norm(new - point)) for point in points) > 0.95:
            points.append(new)
    return np.array(points)
