"""Energies that PANNA computed with its own networks on its own records, and its text files."""

import numpy as np
import pytest

from panna_exp.elements import Species
from panna_exp.evaluation.dat import write_energies
from panna_exp.evaluation.predictions import Predictions
from panna_exp.networks.formats import read_networks
from panna_exp.readers import open_structures

# case, data, network, result, whether the offset is added
CASES = [
    ("eval_unittest1_a", "data", "saved_networks", "nooffset", False),
    ("eval_unittest1_a", "data", "saved_networks", "offset", True),
    ("eval_tutorial_a", "data", "saved_weights", "offset", True),
    ("eval_carbon_forces_a", "../traj_forces_a/data", "net_gauss", "gauss", False),
    ("eval_carbon_forces_a", "../traj_forces_a/data", "net_relu", "relu", False),
    ("eval_carbon_forces_a", "../traj_forces_a/data", "net_rbf", "rbf", False),
    (
        "eval_sparse_a",
        "../gv_sparse_water_a/tfr",
        "../eval_tutorial_a/saved_weights",
        "sparse",
        True,
    ),
]


def evaluate(networks, paths, offset):
    """Returns predictions of the float64 reference forward pass."""
    species = Species(networks.species)
    structures = open_structures([str(path) for path in paths], species).structures
    energies = np.zeros(len(structures.species))
    for index, network in enumerate(networks.networks.values()):
        rows = structures.species == index
        if rows.any():
            forward = network.energy if offset else network.residual_energy
            energies[rows] = forward(structures.descriptors[rows])
    owner = np.repeat(np.arange(len(structures)), structures.num_atoms)
    return Predictions(
        names=structures.names,
        species=species,
        counts=structures.counts(len(species)),
        energy=np.bincount(owner, energies, len(structures)),
        reference=structures.energy,
        reference_energies=np.array([net.offset for net in networks.networks.values()]),
    )


@pytest.mark.parametrize(("case", "data", "network", "result", "offset"), CASES)
def test_energies_and_text(shared, tmp_path, case, data, network, result, offset):
    folder = shared / "reference" / case
    networks = read_networks(folder / network)
    paths = sorted((folder / data).glob("*.tfrecord"))
    predictions = evaluate(networks, paths, offset)

    expected = np.load(folder / f"energies_{result}.npy")
    found = predictions.energy[: len(expected)]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)

    write_energies(tmp_path / "1x.dat", predictions, version=1)
    ours = (tmp_path / "1x.dat").read_text().split("\n")
    theirs = (folder / f"energies_{result}.dat").read_text().split("\n")
    assert ours[0] == theirs[0]
    assert len(theirs) == len(expected) + 1  # no newline at the end
    for line, other in zip(ours[1 : len(theirs)], theirs[1:], strict=True):
        *columns, energy = line.split(" ")
        *expected_columns, expected_energy = other.split(" ")
        assert columns == expected_columns
        assert float(energy) == pytest.approx(float(expected_energy), rel=0, abs=1e-8)


def test_published_energies(shared):
    folder = shared / "reference" / "eval_unittest1_a"
    networks = read_networks(folder / "saved_networks")
    predictions = evaluate(networks, sorted((folder / "data").glob("*.tfrecord")), False)
    assert predictions.energy == pytest.approx([-9.037636215782056, -9.42446958788558], abs=1e-12)
