"""Which descriptors a data set gets, and which combinations are refused."""

import logging
from dataclasses import replace

import numpy as np
import pytest

from panna_exp.assembly import descriptor as descriptors
from panna_exp.config.schema import (
    DataConfig,
    DescriptorConfig,
    EvaluateConfig,
    Generation,
    Precision,
    TrainConfig,
)
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError

SPECIES = Species(("H", "O"))
SMALL = DescriptorConfig(RsN_rad=3, RsN_ang=2, ThetasN=2)
SIZE = 2 * 3 + 3 * 2 * 2


def make_set(stored=None, info=None):
    structure = Structure(
        origin="water.h5, structure 0",
        name="",
        species=np.array([1, 0, 0]),
        energy=0.0,
        positions=None if stored else np.array([[0, 0, 0.1], [0, 0.8, -0.4], [0, -0.8, -0.4]]),
        descriptors=np.ones((3, stored), np.float32) if stored else None,
    )
    return StructureSet.from_structures([structure], info)


def options(kind=TrainConfig, precision=Precision.float32, **generation):
    config = kind(precision=precision, data=DataConfig(), descriptor=replace(SMALL))
    for group, value in generation.items():
        getattr(config, group).generation = Generation[value]
    return config


def info_of(generation):
    return descriptors.parameters(SMALL, SPECIES, Generation[generation]).to_info()


def test_positions_get_the_present_formula_by_default():
    found, info = descriptors.with_descriptors(make_set(), options(), SPECIES)
    assert info["generation"] == "C"
    assert found.descriptors.shape == (3, SIZE)
    assert found.descriptor_info == info
    _, info = descriptors.with_descriptors(make_set(), options(data="A"), SPECIES)
    assert info["generation"] == "A"


def test_they_are_computed_in_the_precision_of_the_network():
    single, _ = descriptors.with_descriptors(make_set(), options(), SPECIES)
    double, _ = descriptors.with_descriptors(
        make_set(), options(precision=Precision.float64), SPECIES
    )
    assert (single.descriptors.dtype, double.descriptors.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single.descriptors, double.descriptors, atol=3e-5)


def test_stored_ones_are_unknown_unless_the_user_knows():
    _, info = descriptors.with_descriptors(make_set(stored=SIZE), options(), SPECIES)
    assert info == {"type": "unknown", "size": SIZE}
    assert descriptors.size_of(info) == SIZE
    for group in ("data", "descriptor"):
        _, info = descriptors.with_descriptors(make_set(SIZE), options(**{group: "A"}), SPECIES)
        assert info == info_of("A")


def test_a_generation_with_other_parameters_than_the_data_is_refused():
    with pytest.raises(DataError, match=r"has 7 descriptor components \(g_size\), but .* give 18"):
        descriptors.with_descriptors(make_set(stored=7), options(data="A"), SPECIES)


def test_a_file_that_says_its_generation_is_believed():
    stored = make_set(SIZE, info_of("B"))
    _, info = descriptors.with_descriptors(stored, options(), SPECIES)
    assert info["generation"] == "B"
    with pytest.raises(DataError, match="are of generation B, but the options say A"):
        descriptors.with_descriptors(stored, options(data="A"), SPECIES)


def test_a_network_gets_what_it_was_trained_on():
    found = descriptors.for_network(make_set(), info_of("A"), options(EvaluateConfig), SPECIES)
    expected, _ = descriptors.with_descriptors(make_set(), options(data="A"), SPECIES)
    np.testing.assert_array_equal(found.descriptors, expected.descriptors)


def test_a_network_of_unknown_generation_asks_for_it():
    unknown = {"type": "unknown", "size": SIZE}
    with pytest.raises(DataError, match=r"say which formula with descriptor\.generation=A, B or C"):
        descriptors.for_network(make_set(), unknown, options(EvaluateConfig), SPECIES)
    config = options(EvaluateConfig, descriptor="B")
    found = descriptors.for_network(make_set(), unknown, config, SPECIES)
    assert found.descriptor_info["generation"] == "B"
    with pytest.raises(DataError, match=r"has 18 descriptor components .* the network has 9"):
        descriptors.for_network(make_set(), {"type": "unknown", "size": 9}, config, SPECIES)


def test_known_mismatches_are_refused_and_unknown_ones_are_said(caplog):
    config = options(EvaluateConfig)
    stored = make_set(SIZE, info_of("A"))
    with pytest.raises(DataError, match="not those of the network: generation is C and A"):
        descriptors.for_network(stored, info_of("C"), config, SPECIES)
    with caplog.at_level(logging.WARNING, "panna_exp"):
        descriptors.for_network(make_set(SIZE), info_of("C"), config, SPECIES)
    assert "are taken to be those of the network, mBP generation C" in caplog.text
    found = descriptors.for_network(
        make_set(SIZE), {"type": "unknown", "size": SIZE}, config, SPECIES
    )
    assert found.descriptors.shape == (3, SIZE)


def test_neither_descriptors_nor_positions():
    bare = replace(make_set(), positions=None)
    with pytest.raises(DataError, match="neither descriptors nor positions"):
        descriptors.with_descriptors(bare, options(), SPECIES)
