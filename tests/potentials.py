"""Potentials with random weights, and a cell to try them on."""

import numpy as np
from ase import Atoms

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.repulsion import Repulsion
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet
from panna_exp.networks.panna import write_panna
from panna_exp.networks.repulsion import write_repulsion


def mbp(species, generation="C", radial=6, shells=3, angles=4, cutoffs=(5.0, 4.0), zeta=24.0):
    return MBPParameters(
        species=species,
        generation=generation,
        cutoff_radial=cutoffs[0],
        radial_eta=(8.0,) * radial,
        radial_centers=tuple(np.linspace(0.6, cutoffs[0] - 0.5, radial).tolist()),
        cutoff_angular=cutoffs[1],
        angular_eta=(4.0,) * shells,
        angular_centers=tuple(np.linspace(0.6, cutoffs[1] - 0.5, shells).tolist()),
        zeta=(zeta,) * angles,
        thetas=tuple(
            (np.pi * (np.arange(angles) + (0 if generation == "A" else 0.5)) / angles).tolist()
        ),
    )


def bp(species):
    return BPParameters(
        species=species,
        cutoff_radial=4.5,
        radial_eta=(1.0, 4.0),
        radial_centers=(0.0, 1.5, 3.0),
        cutoff_angular=4.0,
        angular_eta=(0.02, 0.1),
        zeta=(1.0, 4.0, 2.5),
    )


def write_networks(folder, parameters, activations, dtype=np.float64, seed=0):
    """Random networks, other layers for each species, in a folder of ours."""
    random = np.random.default_rng(seed)
    networks = {}
    for index, symbol in enumerate(parameters.species):
        sizes = [parameters.size, *[5 + 3 * index] * len(activations), 1]
        layers = [
            LayerData(
                (random.normal(size=(n, m)) / np.sqrt(n)).astype(dtype),
                (0.3 * random.normal(size=m)).astype(dtype),
                activation,
            )
            for n, m, activation in zip(
                sizes[:-1], sizes[1:], [*activations, Activation.linear], strict=True
            )
        ]
        networks[symbol] = NetworkData(symbol, tuple(layers), offset=-100.123456789 * (index + 1))
    info = parameters.to_info()
    write_panna(NetworkSet(networks=networks, descriptor_info=info, source="test"), folder)
    return folder


def repel(folder, species, outer):
    """Gives the potential of a folder a repulsion within ``outer`` for all pairs of species."""
    write_repulsion(Repulsion(species, np.full((len(species), len(species)), outer)), folder)


def triclinic():
    """A cell smaller than the cutoffs, of two species, its vectors in general directions."""
    return Atoms(
        "SiOSi2O",
        scaled_positions=np.random.default_rng(4).permutation(15).reshape(5, 3) / 15,
        cell=[[4.2, 0.3, -0.2], [1.1, 3.9, 0.4], [-0.7, 0.8, 4.5]],
        pbc=True,
    )
