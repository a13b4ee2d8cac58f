"""Which descriptors a data set gets, and which combinations are refused."""

import logging
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.saved import to_network_set, with_parameters
from panna_exp.config.prepare import named_options
from panna_exp.config.schema import (
    DataConfig,
    DescriptorConfig,
    DescriptorType,
    EvaluateConfig,
    Generation,
    Precision,
    TrainConfig,
)
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.info import Descriptor
from panna_exp.elements import Species
from panna_exp.errors import ConfigError, DataError

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
    return StructureSet.from_structures([structure], info and info.record)


def options(kind=TrainConfig, precision=Precision.float32, **generation):
    config = kind(precision=precision, data=DataConfig(), descriptor=replace(SMALL))
    for group, value in generation.items():
        getattr(config, group).generation = Generation[value]
    return config


def info_of(generation):
    return Descriptor.of(descriptors.parameters(SMALL, SPECIES, Generation[generation]))


def test_positions_get_the_present_formula_by_default():
    found, info = descriptors.with_descriptors(make_set(), options(), SPECIES)
    assert info.variant == "C"
    assert found.descriptors.shape == (3, SIZE)
    assert found.descriptor_info == info.record
    _, info = descriptors.with_descriptors(make_set(), options(data="A"), SPECIES)
    assert info.variant == "A"


def test_they_are_computed_in_the_precision_of_the_network():
    single, _ = descriptors.with_descriptors(make_set(), options(), SPECIES)
    double, _ = descriptors.with_descriptors(
        make_set(), options(precision=Precision.float64), SPECIES
    )
    assert (single.descriptors.dtype, double.descriptors.dtype) == (np.float32, np.float64)
    np.testing.assert_allclose(single.descriptors, double.descriptors, atol=3e-5)


def test_stored_ones_are_unknown_unless_the_user_knows():
    _, info = descriptors.with_descriptors(make_set(stored=SIZE), options(), SPECIES)
    assert info == Descriptor(SIZE)
    assert info.record == {"type": "unknown", "size": SIZE}
    for group in ("data", "descriptor"):
        _, info = descriptors.with_descriptors(make_set(SIZE), options(**{group: "A"}), SPECIES)
        assert info == info_of("A")


def test_a_generation_with_other_parameters_than_the_data_is_refused():
    with pytest.raises(DataError, match=r"has 7 descriptor components \(g_size\), but .* give 18"):
        descriptors.with_descriptors(make_set(stored=7), options(data="A"), SPECIES)


def test_a_file_that_says_its_generation_is_believed():
    stored = make_set(SIZE, info_of("B"))
    _, info = descriptors.with_descriptors(stored, options(), SPECIES)
    assert info.variant == "B"
    with pytest.raises(DataError, match="are of variant B, but the options say A"):
        descriptors.with_descriptors(stored, options(data="A"), SPECIES)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Rc_rad": 5.0}, "Rc_rad is 4.6, but the options say 5: leave it out"),
        (
            {"eta_ang": 7.0, "ThetasN": 3},
            "eta_ang is 6, but the options say 7; ThetasN is 2, but the options say 3: leave them",
        ),
    ],
)
@pytest.mark.parametrize("kind", [TrainConfig, EvaluateConfig])
def test_options_other_than_the_files_own_are_refused(kind, changes, words):
    stored = make_set(SIZE, info_of("C"))
    # The defaults are nobody's choice.
    assert descriptors.with_descriptors(stored, kind(), SPECIES)[1] == info_of("C")
    config = options(kind)
    config.descriptor = replace(config.descriptor, **changes)
    with pytest.raises(DataError, match=re.escape(words)) as caught:
        descriptors.with_descriptors(stored, config, SPECIES)
    assert str(caught.value).startswith("water.h5, structure 0: says itself what its mBP desc")


def test_defaults_that_were_typed_count():
    info = Descriptor.of(descriptors.parameters(replace(SMALL, Rc_rad=5.0), SPECIES, None))
    stored = make_set(SIZE, info)
    descriptors.with_descriptors(stored, TrainConfig(), SPECIES)
    config = TrainConfig()
    config.descriptor.typed = named_options("descriptor", ["data=hdf5", "descriptor.Rc_rad=4.6"])
    # Those of one command say nothing about the run whose data it reads.
    descriptors.with_descriptors(stored, EvaluateConfig(), SPECIES)
    with pytest.raises(DataError, match=r"Rc_rad is 5, but the options say 4\.6"):
        descriptors.with_descriptors(stored, config, SPECIES)
    config.descriptor.typed = named_options("descriptor", ["descriptor=mbp"])
    with pytest.raises(DataError, match=r"Rc_rad is 5, .*; RsN_rad is 3, but the options say 16"):
        descriptors.with_descriptors(stored, config, SPECIES)


def test_a_network_gets_what_it_was_trained_on():
    found = descriptors.for_network(make_set(), info_of("A"), options(EvaluateConfig), SPECIES)
    expected, _ = descriptors.with_descriptors(make_set(), options(data="A"), SPECIES)
    np.testing.assert_array_equal(found.descriptors, expected.descriptors)


def test_a_network_of_unknown_generation_asks_for_it():
    unknown = Descriptor(SIZE)
    with pytest.raises(DataError, match=r"say which formula with descriptor\.generation=A, B or C"):
        descriptors.for_network(make_set(), unknown, options(EvaluateConfig), SPECIES)
    config = options(EvaluateConfig, descriptor="B")
    found = descriptors.for_network(make_set(), unknown, config, SPECIES)
    assert found.descriptor_info["generation"] == "B"
    with pytest.raises(DataError, match=r"has 18 descriptor components .* the network has 9"):
        descriptors.for_network(make_set(), Descriptor(9), config, SPECIES)


def test_known_mismatches_are_refused_and_unknown_ones_are_said(caplog):
    config = options(EvaluateConfig)
    stored = make_set(SIZE, info_of("A"))
    with pytest.raises(DataError, match="not those of the network: generation is C and A"):
        descriptors.for_network(stored, info_of("C"), config, SPECIES)
    with caplog.at_level(logging.WARNING, "panna_exp"):
        descriptors.for_network(make_set(SIZE), info_of("C"), config, SPECIES)
    assert "are taken to be those of the network, mBP variant C" in caplog.text
    found = descriptors.for_network(make_set(SIZE), Descriptor(SIZE), config, SPECIES)
    assert found.descriptors.shape == (3, SIZE)


def test_neither_descriptors_nor_positions():
    bare = replace(make_set(), positions=None)
    with pytest.raises(DataError, match="neither descriptors nor positions"):
        descriptors.with_descriptors(bare, options(), SPECIES)


BP = DescriptorConfig(
    type=DescriptorType.BP,
    eta_rad=[1.0, 4.0],
    RsN_rad=2,
    eta_ang=0.1,
    zeta=[1, 4],
    **dict.fromkeys(("Rs0_ang", "RsN_ang", "ThetasN")),
)
BP_SIZE = 2 * 2 * 2 + 3 * 1 * 2 * 2


def bp_options(kind=TrainConfig, **changes):
    config = options(kind)
    config.descriptor = replace(BP, **changes)
    return config


def test_bp_is_computed_where_it_is_chosen():
    found, info = descriptors.with_descriptors(make_set(), bp_options(), SPECIES)
    record = info.record
    assert (record["type"], record["species"], record["zeta"]) == ("BP", ["H", "O"], [1.0, 4.0])
    assert found.descriptors.shape == (3, BP_SIZE)
    assert str(info) == f"BP ({BP_SIZE} components)"
    assert Descriptor.from_record(record) == info
    assert info.parameters == descriptors.parameters(BP, SPECIES, None)
    again = descriptors.for_network(make_set(), info, options(EvaluateConfig), SPECIES)
    np.testing.assert_array_equal(again.descriptors, found.descriptors)
    listed = replace(BP, Rs_rad_list=[0.9, 1.7, 2.0])
    assert descriptors.parameters(listed, SPECIES, None).radial_centers == (0.9, 1.7, 2.0)


def test_what_bp_does_not_have_is_refused():
    with pytest.raises(ConfigError, match=r"BP: has no RsN_ang: choose descriptor=bp, or set it"):
        descriptors.with_descriptors(make_set(), bp_options(RsN_ang=4), SPECIES)
    typed = replace(SMALL, type=DescriptorType.BP)
    with pytest.raises(ConfigError, match=r"has no Rs0_ang, RsN_ang, ThetasN: choose .* set them"):
        descriptors.parameters(typed, SPECIES, None)
    with pytest.raises(ConfigError, match=r"descriptor\.generation=C: BP has no variants"):
        descriptors.with_descriptors(make_set(), bp_options(generation=Generation.C), SPECIES)
    config = bp_options()
    config.data.generation = Generation.A
    with pytest.raises(ConfigError, match=r"data\.generation=A: BP has no variants"):
        descriptors.with_descriptors(make_set(), config, SPECIES)


def test_stored_values_are_bp_if_the_user_says_so():
    wanted = Descriptor.of(descriptors.parameters(BP, SPECIES, None))
    _, info = descriptors.with_descriptors(make_set(BP_SIZE), bp_options(), SPECIES)
    assert info == wanted
    with pytest.raises(DataError, match=r"has 7 desc.* give 20.*leave descriptor.type=BP out"):
        descriptors.with_descriptors(make_set(stored=7), bp_options(), SPECIES)
    own = make_set(BP_SIZE, wanted)
    assert descriptors.with_descriptors(own, TrainConfig(), SPECIES)[1] == wanted
    with pytest.raises(DataError, match=r"BP descriptors are: RsN_rad is 2, but the options say 3"):
        descriptors.with_descriptors(own, options(), SPECIES)
    with pytest.raises(DataError, match=r"are BP \(20 components\), but .* say variant A of mBP"):
        descriptors.with_descriptors(own, options(data="A"), SPECIES)
    with pytest.raises(DataError, match=r"are mBP variant B .* say descriptor\.type=BP"):
        descriptors.with_descriptors(make_set(SIZE, info_of("B")), bp_options(), SPECIES)


def test_a_network_and_data_of_the_two_types_do_not_go_together():
    changed = replace(BP, zeta=[1.0], RsN_rad=3)
    same_size = Descriptor.of(descriptors.parameters(changed, SPECIES, None))
    stored = make_set(SIZE, info_of("C"))
    assert same_size.size == SIZE
    with pytest.raises(DataError, match="not those of the network: type is BP and mBP"):
        descriptors.for_network(stored, same_size, options(EvaluateConfig), SPECIES)
    unknown = Descriptor(BP_SIZE)
    found = descriptors.for_network(make_set(), unknown, bp_options(EvaluateConfig), SPECIES)
    assert found.descriptor_info["type"] == "BP"


def test_saved_networks_keep_the_bp_descriptor():
    info = Descriptor.of(descriptors.parameters(BP, SPECIES, None))
    layers = [SimpleNamespace(symbol=symbol, feature_size=BP_SIZE) for symbol in SPECIES.symbols]
    networks = to_network_set(layers, info)
    assert (networks.descriptor_info, networks.gvect_params, networks.generation) == (
        *(info.record, None, None),
    )
    assert with_parameters(networks, BP) is networks
    with pytest.raises(DataError, match=r"has 18 descriptor components .* the network has 20"):
        with_parameters(networks, SMALL)
    unknown = to_network_set(layers, Descriptor(BP_SIZE))
    assert with_parameters(unknown, BP).descriptor_info == info.record
    with pytest.raises(DataError, match="descriptor: its descriptors are not those of the network"):
        with_parameters(networks, replace(BP, Rc_ang=3.3))
