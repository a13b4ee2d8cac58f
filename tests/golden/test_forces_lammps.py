"""Energies, forces and virials from positions, against the numbers of PANNA's LAMMPS plugin."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.mbp import MBP
from panna_exp.networks.descriptor import mbp_parameters
from panna_exp.networks.formats import read_networks
from panna_exp.networks.lammps import read_lammps, write_lammps

# case, structure, prefix of the expected arrays.
CASES = (
    ("lmp_triclinic2_a", "cell.xyz", "cell"),
    ("lmp_slab2d_a", "cell.xyz", "cell"),
    ("lmp_pmol_a", "p.xyz", "p"),
    ("lmp_gversion1_a", "cell.xyz", "lists"),
    ("lmp_gversion1_a", "cell.xyz", "uniform"),
    *(
        ("lmp_export_a", f"{name}.xyz", f"{network}{name}")
        for name in ("0a2ba4118f37", "0a5164a2f0b6", "0a5c475f4e39")
        for network in ("", "tutnet_")
    ),
)


def potential_of(shared, folder, case, prefix):
    """The panna.in, with its weights beside it, that a case's numbers were computed with."""
    reference = shared / "reference"
    source = reference / case
    if prefix == "uniform":  # the weights of another case under its own panna.in
        for path in (reference / "lmp_triclinic2_a/network").glob("*.dat"):
            shutil.copy(path, folder)
        return shutil.copy(source / "panna_uniform.in", folder / "panna.in")
    if prefix.startswith("tutnet"):  # of the export only panna.in and checksums are kept
        write_lammps(read_networks(reference / "eval_tutorial_a/saved_weights"), folder / "out")
        return shutil.copy(source / "tutorial_panna.in", folder / "out/panna.in")
    if case == "lmp_export_a":
        return source / "lammps_export/panna.in"
    return source / "network/panna.in"


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


def load(folder, prefix, what):
    return np.load(folder / f"{prefix}_{what}.npy")


@pytest.mark.parametrize(("name", "structure", "prefix"), CASES)
def test_energies_forces_and_virials(shared, tmp_path, name, structure, prefix):
    folder = shared / "reference" / name
    tolerance = json.loads((folder / "case.json").read_text())["tolerance"]
    networks = read_lammps(potential_of(shared, tmp_path, name, prefix))
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

    # A build of the plugin with every float replaced by a double.
    exact = tolerance["vs_double"]
    expected = load(folder, prefix, "atomic_energies_double")
    np.testing.assert_allclose(energy, expected, rtol=0, atol=exact["energy"])
    expected = load(folder, prefix, "forces_double")
    np.testing.assert_allclose(-gradient, expected, rtol=0, atol=exact["forces"])
    bulk = structures.cell.any(axis=-1).all()
    assert (folder / f"{prefix}_virial_double.npy").exists() == bulk
    if bulk:
        expected = load(folder, prefix, "virial_double")
        np.testing.assert_allclose(-strain[0], expected, rtol=0, atol=exact["virial"])

    # The plugin as it ships.
    shipped = tolerance["vs_lammps_original"]
    expected = load(folder, prefix, "forces_lammps_original")
    np.testing.assert_allclose(-gradient, expected, rtol=0, atol=shipped["forces"])
    stated = original_energy(folder, structure, prefix)
    np.testing.assert_allclose(energy.sum(), stated, rtol=0, atol=shipped["energy"])


def original_energy(folder, structure, prefix):
    """The total energy (eV) that case.json states for the plugin as it ships."""
    case = json.loads((folder / "case.json").read_text())
    key = "results_tutorial_network" if prefix.startswith("tutnet") else "results"
    found = [row for row in case[key] if row["structure"] == structure]
    if len(found) > 1:  # the same cell with scalar parameters and with lists, in this order
        found = found[:1] if prefix == "uniform" else found[1:]
    return found[0]["energy_lammps_original"]
