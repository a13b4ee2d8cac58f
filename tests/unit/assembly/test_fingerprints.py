"""Fingerprints of structures: moments of descriptors by species."""

import numpy as np

from panna_exp.assembly.fingerprints import moments
from panna_exp.data.structures import Structure, StructureSet


def test_moments_are_those_of_the_atoms_of_a_species():
    random = np.random.default_rng(0)
    species = [np.array([1, 0, 1, 1]), np.array([1])]
    values = [random.normal(size=(len(item), 3)) for item in species]
    structures = StructureSet.from_structures(
        Structure(origin="x", name="", species=item, energy=0.0) for item in species
    )
    found = moments(np.concatenate(values), structures, 2).reshape(2, 2, 2, 3)
    for index, (item, rows) in enumerate(zip(species, values, strict=True)):
        for number in range(2):
            own = rows[item == number]
            expected = [own.mean(axis=0), own.std(axis=0)] if len(own) else np.zeros((2, 3))
            np.testing.assert_allclose(found[index, number], expected, atol=1e-12)
