"""Components stand for what their values show when a structure is made for them."""

import numpy as np
import pytest
import torch

from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.meaning import components
from panna_exp.descriptors.parameters import MBPParameters

MBP = MBPParameters(
    species=("H", "C", "O"),
    generation="C",
    cutoff_radial=5.0,
    radial_eta=(30.0, 40.0, 50.0),
    radial_centers=(1.0, 2.0, 3.0),
    cutoff_angular=4.0,
    angular_eta=(30.0, 30.0),
    angular_centers=(1.0, 2.0),
    zeta=(60.0, 60.0, 60.0),
    thetas=(0.5, 1.5, 2.5),
)
BP = BPParameters(
    species=("H", "C"),
    cutoff_radial=5.0,
    radial_eta=(20.0, 60.0),
    radial_centers=(1.0, 2.0, 3.0),
    cutoff_angular=4.0,
    angular_eta=(0.1, 0.2),
    zeta=(1.0, 8.0),
)


def values_of(parameters, symbols, positions):
    structure = Structure(
        origin="x",
        name="",
        species=np.array([parameters.species.index(symbol) for symbol in symbols]),
        energy=0.0,
        positions=np.array(positions, dtype=np.float64),
    )
    found = compute_descriptors(
        StructureSet.from_structures([structure]), parameters, dtype=torch.float64
    )
    return found[0]  # of the first atom


@pytest.mark.parametrize("parameters", [MBP, BP])
def test_a_pair_at_a_centre_makes_its_component_the_largest(parameters):
    meanings = components(Descriptor.of(parameters))
    assert len(meanings) == parameters.size
    for symbol in parameters.species:
        for centre in (1.0, 2.0, 3.0):
            values = values_of(parameters, ["H", symbol], [[0, 0, 0], [0, 0, centre]])
            largest = np.isclose(values, values.max(), rtol=1e-9)
            for index in np.flatnonzero(largest):
                assert meanings[index].kind == "radial"
                assert meanings[index].species == (symbol,)
                assert meanings[index].values["centre"] == centre


@pytest.mark.parametrize(("one", "other"), [("H", "H"), ("H", "O"), ("C", "O"), ("O", "C")])
def test_an_angle_at_a_centre_makes_its_component_the_largest(one, other):
    meanings = components(Descriptor.of(MBP))
    for theta in MBP.thetas:
        for centre in MBP.angular_centers:
            end = centre * np.array([np.cos(theta), np.sin(theta), 0])
            values = values_of(MBP, ["C", one, other], [[0, 0, 0], [centre, 0, 0], end])
            best = meanings[MBP.radial_size + int(values[MBP.radial_size :].argmax())]
            assert best.kind == "angular"
            assert set(best.species) == {one, other}
            assert best.values["centre"] == centre
            assert best.values["angle"] == pytest.approx(np.degrees(theta))


def test_bp_angles():
    meanings = components(Descriptor.of(BP))
    straight = values_of(BP, ["C", "H", "C"], [[0, 0, 0], [1, 0, 0], [-1, 0, 0]])
    for index in range(BP.radial_size, BP.size):
        item = meanings[index]
        wanted = item.species == ("H", "C") and item.values["lambda"] == -1.0
        assert (straight[index] > 1e-6) == wanted, str(item)


def test_words():
    words = [str(item) for item in components(Descriptor.of(MBP))]
    assert words[4] == "radial C, centre 2 A, eta 40"
    assert words[MBP.radial_size] == "angular H-H, centre 1 A, angle 28.65 degrees"
    assert str(components(Descriptor.of(BP))[-1]) == "angular C-C, eta 0.2, zeta 8, lambda -1"
    unknown = components(Descriptor(3))
    assert [str(item) for item in unknown] == ["unknown"] * 3
