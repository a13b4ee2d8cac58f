"""Energies, forces and virials from positions, against the numbers of PANNA's LAMMPS plugin."""

import re

import numpy as np
import pytest
import torch

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.mbp import MBP
from panna_exp.networks.descriptor import mbp_parameters
from panna_exp.networks.lammps import read_lammps

# case, panna.in, structure, prefix of the expected arrays; all made by a double precision build.
CASES = (
    ("lmp_triclinic2_a", "network/panna.in", "cell.xyz", "cell"),
    ("lmp_slab2d_a", "network/panna.in", "cell.xyz", "cell"),
    ("lmp_pmol_a", "network/panna.in", "p.xyz", "p"),
    ("lmp_gversion1_a", "network/panna.in", "cell.xyz", "lists"),
)


def read_xyz(path, symbols):
    """Reads an extended xyz file; a zero row of the lattice, or pbc F, is not periodic."""
    lines = path.read_text().splitlines()
    rows = [line.split() for line in lines[2 : 2 + int(lines[0])]]
    lattice = re.search(r'Lattice="([^"]*)"', lines[1])
    cell = np.array(lattice[1].split() if lattice else [0] * 9, float).reshape(3, 3)
    flags = re.search(r'pbc="([^"]*)"', lines[1])
    structure = Structure(
        origin=str(path),
        name=path.stem,
        species=np.array([symbols.index(row[0]) for row in rows]),
        energy=0.0,
        positions=np.array([row[1:4] for row in rows], float),
        cell=cell,
        pbc=np.array([flag == "T" for flag in flags[1].split()] if flags else [True] * 3),
    )
    return StructureSet.from_structures([structure])


@pytest.mark.parametrize(("name", "panna_in", "structure", "prefix"), CASES)
def test_energies_forces_and_virials(shared, name, panna_in, structure, prefix):
    folder = shared / "reference" / name
    networks = read_lammps(folder / panna_in)
    structures = read_xyz(folder / structure, networks.species)
    operator = MBP(mbp_parameters(networks, "C"), torch.float64)
    geometry = operator.geometry(structures)
    descriptors = operator.compute(geometry).numpy()
    energy, weights = np.empty(len(descriptors)), np.empty_like(descriptors)
    for index, network in enumerate(networks.networks.values()):
        atoms = structures.species == index
        energy[atoms] = network.energy(descriptors[atoms])
        weights[atoms] = network.gradient(descriptors[atoms])
    gradient, strain = operator.vjp_with_strain(geometry, torch.from_numpy(weights))

    expected = np.load(folder / f"{prefix}_atomic_energies_double.npy")
    np.testing.assert_allclose(energy, expected, atol=1e-8)
    np.testing.assert_allclose(
        -gradient, np.load(folder / f"{prefix}_forces_double.npy"), atol=1e-8
    )
    virial = folder / f"{prefix}_virial_double.npy"
    if virial.exists():
        np.testing.assert_allclose(-strain[0], np.load(virial), atol=1e-6)
