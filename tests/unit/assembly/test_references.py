import json
import logging
from dataclasses import replace

import numpy as np
import pytest

from panna_exp.assembly.datasets import read_run_data
from panna_exp.assembly.restart import Restart, continued_data
from panna_exp.config.schema import DataConfig, TrainConfig
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.readers.hdf5 import write_hdf5
from panna_exp.training.checkpoint import Checkpoint, Position

SPECIES = Species(("H", "O"))
TRUE = {"H": -13.62, "O": -2041.84}


@pytest.fixture
def messages(caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("panna_exp"), "propagate", True)
    caplog.set_level(logging.INFO, "panna_exp")
    return caplog


def write(path, *compositions, extra=0.0):
    """Structures of free atoms plus ``extra`` eV per atom."""
    items = []
    for number, symbols in enumerate(compositions):
        species = np.array([SPECIES.index(symbol, "") for symbol in symbols])
        energy = sum(TRUE[symbol] + extra for symbol in symbols)
        places = np.random.default_rng(number).normal(0, 1, (len(symbols), 3))
        items.append(
            Structure(origin="x", name="", species=species, energy=energy, positions=places)
        )
    write_hdf5(path, StructureSet.from_structures(items), SPECIES)


def config(**values):
    return TrainConfig(data=DataConfig(train="a.h5", kind="hdf5", species=["H", "O"], **values))


def test_a_fit_to_the_training_data_alone(tmp_path, messages):
    write(tmp_path / "a.h5", "OHH", "HH", "OO", "OH")
    write(tmp_path / "b.h5", "OHH", extra=0.5)
    data = read_run_data(config(reference_energies="fit", validation="b.h5"), tmp_path)
    assert data.offsets == pytest.approx((-13.62, -2041.84), abs=1e-9)
    assert data.train.targets == pytest.approx(0, abs=1e-9)
    assert data.validation.targets == pytest.approx([1.5], abs=1e-9)
    (text,) = [text for text in messages.messages if "least squares" in text]
    assert text.startswith("reference energies by least squares: H -13.620000, O -2041.840000 eV;")
    given = read_run_data(config(reference_energies=TRUE, validation="b.h5"), tmp_path)
    assert given.fingerprint == data.fingerprint


def test_a_fit_is_to_the_part_that_is_kept_for_training(tmp_path):
    write(tmp_path / "a.h5", *["OHH", "HH", "OO", "OH"] * 5)
    data = read_run_data(config(reference_energies="fit", validation_fraction=0.25), tmp_path)
    assert (len(data.train.structures), len(data.validation.structures)) == (15, 5)
    assert data.offsets == pytest.approx((-13.62, -2041.84), abs=1e-9)
    assert data.validation.targets == pytest.approx(0, abs=1e-9)


def test_isolated_atoms_are_never_set_aside_for_validation(tmp_path):
    """Reference energies come from them, and a network knows no atom alone but from them."""
    write(tmp_path / "a.h5", *["OHH"] * 8, "H", "O")
    data = read_run_data(config(reference_energies="fit", validation_fraction=0.9), tmp_path)
    assert data.train.isolated().tolist() == [len(data.train.structures) - 2 + n for n in (0, 1)]
    assert data.validation.structures.num_atoms.tolist() == [3] * len(data.validation.structures)
    assert data.offsets == pytest.approx((-13.62, -2041.84), abs=1e-9)


def test_one_composition_is_a_warning(tmp_path, messages):
    write(tmp_path / "a.h5", "OHH", "HOH")
    data = read_run_data(config(reference_energies="fit"), tmp_path)
    assert data.train.targets == pytest.approx(0, abs=1e-9)
    assert "determine only 1 of 2 reference energies" in messages.text


@pytest.mark.parametrize("energies", [None, {"H": 0.0, "O": 0.01}])
def test_energies_that_no_network_should_learn_are_refused(tmp_path, energies):
    write(tmp_path / "a.h5", "OHH", "OHH")
    message = (
        r"a\.h5, structure 0 .*: the reference energies leave 689\.7 eV/atom .*"
        r"data\.reference_energies=fit$"
    )
    with pytest.raises(DataError, match=message):
        read_run_data(config(reference_energies=energies), tmp_path)


def test_zeros_that_were_asked_for_are_a_warning(tmp_path, messages):
    """PANNA's default; its users' inputs run."""
    write(tmp_path / "a.h5", "OHH", "OHH")
    read_run_data(config(reference_energies={"H": 0.0, "O": 0.0}), tmp_path)
    assert "reference energies of 0 leave 689.7 eV/atom" in messages.text
    assert "output_offset in [DATA_INFORMATION]" in messages.text


def test_cohesive_energies_are_not_refused(tmp_path):
    write(tmp_path / "a.h5", "OHH", "OHH", extra=-19.0)
    data = read_run_data(config(reference_energies=TRUE), tmp_path)
    assert data.train.targets == pytest.approx(-57)
    write(tmp_path / "a.h5", "OHH", "OHH", extra=-21.0)
    with pytest.raises(DataError, match="leave 21 eV/atom"):
        read_run_data(config(reference_energies=TRUE), tmp_path)


def test_one_structure_that_is_odd_does_not_stop_a_training(tmp_path):
    write(tmp_path / "a.h5", "OHH", "OHH", "OHH")
    odd = {"H": -13.62 - 200, "O": -2041.84}
    with pytest.raises(DataError):
        read_run_data(config(reference_energies=odd), tmp_path)
    write(tmp_path / "a.h5", "O", "O", "OHH")
    read_run_data(config(reference_energies=odd), tmp_path)


def checkpoint(offsets):
    layer = LayerData(np.zeros((2, 1)), np.zeros(1), Activation.linear)
    networks = tuple(
        NetworkData(symbol=symbol, layers=(layer,), offset=offset)
        for symbol, offset in offsets.items()
    )
    return Checkpoint(
        position=Position(step=10),
        steps_per_epoch=5,
        networks=networks,
        descriptor={},
        energy_rescale=1.0,
        optimizer={"updates": 0, "first_moment": {}, "second_moment": {}},
        epoch_sums=None,
        interval_sums=None,
        stream={},
        config={},
        threads=1,
        versions={},
        train={},
        validation={},
    )


def test_a_continued_training_keeps_the_energies_that_its_networks_know(tmp_path, messages):
    write(tmp_path / "a.h5", "OHH", "HH", "OO", "OH")
    chosen = config(reference_energies="fit")
    data = read_run_data(chosen, tmp_path)
    restart = Restart(checkpoint=checkpoint({"H": -13.0, "O": -2040.0}))
    found = continued_data(chosen, data, restart)
    assert found.offsets == (-13.0, -2040.0)
    assert found.train.targets == pytest.approx([-3.08, -1.24, -3.68, -2.46], abs=1e-9)
    assert "reference energies are those of epoch_" in messages.text
    assert continued_data(chosen, data, Restart()) is data
    given = replace(chosen, data=replace(chosen.data, reference_energies=TRUE))
    assert continued_data(given, data, restart) is data
    assert json.dumps(found.offsets) == "[-13.0, -2040.0]"
