"""Histograms of distances and angles against what can be counted by hand, and what is said."""

import numpy as np
import pytest
import torch

from panna_exp.data.ranges import RangeCounter
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors import shapes
from panna_exp.descriptors.advice import component_warnings, coverage_warnings
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compute import compute_descriptors, operator_of
from panna_exp.descriptors.coverage import CoverageCounter, middles
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.meaning import components
from panna_exp.descriptors.parameters import MBPParameters

SYMBOLS = ("H", "O")


def mbp(**changes):
    values = {
        "species": SYMBOLS,
        "generation": "C",
        "cutoff_radial": 5.0,
        "radial_eta": (16.0,) * 8,
        "radial_centers": tuple(np.linspace(0.5, 4.0, 8)),
        "cutoff_angular": 4.0,
        "angular_eta": (10.0,) * 6,
        "angular_centers": tuple(np.linspace(0.5, 3.0, 6)),
        "zeta": (40.0,) * 8,
        "thetas": tuple((np.arange(8) + 0.5) * np.pi / 8),
    }
    return MBPParameters(**{**values, **changes})


BP = BPParameters(
    species=SYMBOLS,
    cutoff_radial=5.0,
    radial_eta=(4.0,),
    radial_centers=(1.0, 2.0),
    cutoff_angular=4.0,
    angular_eta=(0.01,),
    zeta=(1.0, 4.0),
)


def water(angle=104.5, length=0.96, **changes):
    half = np.radians(angle) / 2
    hydrogens = length * np.array(
        [[np.sin(half), np.cos(half), 0], [-np.sin(half), np.cos(half), 0]]
    )
    values = {
        "origin": "w",
        "name": "",
        "species": np.array([1, 0, 0]),
        "energy": 0.0,
        "positions": np.vstack([np.zeros(3), hydrogens]),
    }
    return Structure(**{**values, **changes})


def counted(parameters, *structures):
    counter = CoverageCounter(parameters)
    operator = operator_of(parameters, torch.float64)
    for structure in structures:
        counter.add(operator.geometry(StructureSet.from_structures([structure])))
    return counter.result()


@pytest.mark.parametrize("parameters", [mbp(), BP])
def test_water(parameters):
    found = counted(parameters, water(), water(length=1.1))
    assert found.distances.sum(axis=2).tolist() == [[4, 4], [4, 0]]
    place = np.flatnonzero(found.distances[1, 0])
    np.testing.assert_allclose(middles(found.distance_edges)[place], [0.96, 1.1], atol=0.02)
    assert found.shortest[0, 1] == pytest.approx(0.96)
    assert np.isinf(found.shortest[1, 1])
    # Around O one H-H angle, around each H one H-O angle, in either structure.
    assert found.angles.sum(axis=(2, 3)).tolist() == [[0, 4, 0], [2, 0, 0]]
    _, angle = np.nonzero(found.angles[1, 0])
    np.testing.assert_allclose(np.degrees(middles(found.angle_edges)[angle]), 104.5, atol=1.1)
    assert found.alone.tolist() == [0, 0]


def test_periodic_images_count():
    chain = water(
        species=np.array([0]),
        positions=np.zeros((1, 3)),
        cell=np.diag([1.5, 0.0, 0.0]),
        pbc=np.array([True, False, False]),
    )
    found = counted(mbp(), chain)
    assert found.distances[0, 0].sum() == 6  # 1.5, 3 and 4.5 on both sides
    assert found.shortest[0, 0] == pytest.approx(1.5)


def test_what_does_not_fit_is_said():
    words = " / ".join(
        coverage_warnings(
            mbp(radial_centers=tuple(np.linspace(1.3, 1.4, 8)), radial_eta=(400.0,) * 8),
            counted(mbp(), water(), water(angle=60.0)),
            SYMBOLS,
        )
    )
    assert "beyond the last centre, 1.4 A, from 1.51 to 1.51 A: add centres" in words
    assert "before the first centre, 1.3 A, from 0.963 to 0.963 A" in words
    assert "angle" not in words


def test_gaps_are_said():
    sharp = mbp(zeta=(2000.0,) * 8, angular_eta=(4000.0,) * 6, radial_eta=(4000.0,) * 8)
    words = " / ".join(coverage_warnings(sharp, counted(sharp, water(angle=90.0)), SYMBOLS))
    assert "between two centres, from 0.963 to 1.36 A" in words
    assert "seen by no angular function (below 0.1 of its maximum), between 45 and 89" in words
    assert (
        "of the pairs of neighbours are at a mean distance that no angular function sees" in words
    )


def test_a_descriptor_that_fits_gets_no_word_on_coverage():
    for parameters in (mbp(), BP):
        assert coverage_warnings(parameters, counted(parameters, water()), SYMBOLS) == []


def test_no_neighbours():
    alone = water(species=np.array([1]), positions=np.zeros((1, 3)))
    pair = water(species=np.array([1, 0]), positions=np.array([[0, 0, 0], [0, 0, 1.0]]))
    first = coverage_warnings(mbp(), counted(mbp(), alone), SYMBOLS)
    assert first[0] == "1 atoms of O have no neighbour within 5 A: their descriptors are zero"
    assert "nothing can be learned" in first[1]
    assert coverage_warnings(mbp(), counted(mbp(), pair), SYMBOLS) == [
        "no atom has two neighbours within the angular cutoff, 4 A: all angular components are zero"
    ]


def test_components_that_say_nothing():
    parameters = mbp(species=("H", "O", "N"), radial_centers=(1.0,) * 8)
    structures = StructureSet.from_structures([water(), water(length=1.2)])
    counter = RangeCounter(3, parameters.size)
    counter.add(compute_descriptors(structures, parameters), structures.species)
    found = component_warnings(
        counter.statistics(), components(Descriptor.of(parameters)), parameters.species
    )
    assert found[0].startswith("no atom is N: leave it out of data.species")
    assert "around O (2 atoms)" in found[2]
    assert "all 48 angular O-N" in found[2]
    assert "14 components equal another one" in found[-1]
    assert "such as 1 (radial H, centre 1 A) and 0 (radial H, centre 1 A)" in found[-1]


@pytest.mark.parametrize("parameters", [mbp(), BP])
def test_curves_are_those_of_the_descriptor(parameters):
    distance = np.array([0.7, 1.9, 3.3])
    curves = shapes.radial(parameters, distance) * shapes.cutoff(distance, 5.0)
    for column, length in enumerate(distance):
        pair = water(species=np.array([0, 1]), positions=np.array([[0, 0, 0], [0, 0, length]]))
        values = compute_descriptors(
            StructureSet.from_structures([pair]), parameters, dtype=torch.float64
        )[0]
        own = values[len(curves) : 2 * len(curves)]  # neighbours O
        np.testing.assert_allclose(own, curves[:, column], rtol=1e-12)


def test_angular_curves_are_those_of_the_descriptor():
    # Generation B has no smoothing; the angle is inside in mBP, and so it is in BP.
    for parameters in (mbp(generation="B"), BP):
        values = compute_descriptors(
            StructureSet.from_structures([water(angle=90.0, length=1.3)]),
            parameters,
            dtype=torch.float64,
        )[0][parameters.radial_size :]
        distances = shapes.angular_distance(parameters, np.array([1.3]))
        angles = shapes.angle(parameters, np.array([np.pi / 2]))
        product = np.outer(distances[:, 0], angles[:, 0]).ravel()
        own = values[: len(product)]  # H-H around O
        np.testing.assert_allclose(own / own.max(), product / product.max(), rtol=1e-10, atol=1e-30)
