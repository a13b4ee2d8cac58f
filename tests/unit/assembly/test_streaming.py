"""Data that are read piece by piece are the data that are read at once."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panna_exp.assembly.batches import batch_order, pack
from panna_exp.assembly.datasets import read_run_data
from panna_exp.config.schema import DataConfig, DescriptorConfig, TrainConfig, TrainingConfig
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.data.windows import WindowedOrder
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.readers.hdf5 import write_hdf5

CPU = torch.device("cpu")
SPECIES = Species(("H", "O"))
SIZES = {"Rc_rad": 3.0, "RsN_rad": 4, "Rc_ang": 2.5, "RsN_ang": 2, "ThetasN": 2}
ROUTES = ("values", "on the fly", "dense", "sparse", "positions")


def structures(count=57, first=0):
    random = np.random.default_rng(first)
    return StructureSet.from_structures(
        [
            Structure(
                origin="made",
                name=f"s{first + number}",
                species=random.integers(0, 2, 2 + number % 3),
                energy=random.normal(),
                positions=random.uniform(0, 2.0, (2 + number % 3, 3)),
                forces=random.normal(size=(2 + number % 3, 3)) if number % 5 else None,
            )
            for number in range(count)
        ]
    )


def with_descriptors(found, derivatives):
    """Adds descriptors and, if asked for, their derivatives to structures."""
    parameters = MBPParameters.from_panna(
        SPECIES.symbols, "C", eta_rad=16.0, Rs0_rad=0.5, eta_ang=6.0, Rs0_ang=0.5, zeta=50.0,
        **SIZES,
    )  # fmt: skip
    operator = operator_of(parameters, torch.float64)
    values = operator.compute(operator.geometry(found)).numpy()
    kept = None
    if derivatives != "none":
        parts = [found.select(np.array([index])) for index in range(len(found))]
        kept = Derivatives.from_dense(
            [operator.jacobian(operator.geometry(part)).numpy() for part in parts]
        )
        if derivatives == "sparse":
            kept = kept.as_sparse(found.num_atoms, operator.size)
    info = parameters.to_info()
    return replace(found, descriptors=values, derivatives=kept, descriptor_info=info)


def write(folder, route):
    """Two files of the kind that a route needs."""
    folder.mkdir()
    for name, count in (("a", 57), ("b", 34)):
        found = structures(count, first=count)
        if route != "positions":
            derivatives = route if route in ("dense", "sparse") else "none"
            found = with_descriptors(found, derivatives)
        if route in ("dense", "sparse"):
            found = replace(found, positions=None)
        write_hdf5(folder / f"{name}.h5", found, SPECIES)
    return folder


def configuration(folder, route, streaming, **data):
    forces = route not in ("values", "positions")
    return TrainConfig(
        data=DataConfig(
            train=str(folder),
            species=list(SPECIES.symbols),
            streaming=streaming,
            window_mb=0.02,
            **data,
        ),
        descriptor=DescriptorConfig(**SIZES),
        training=TrainingConfig(batch_size=7, forces_cost=1.0 if forces else 0.0),
    )


def opened(config, tmp_path):
    data = read_run_data(config, tmp_path)
    order = batch_order(config, data)
    return data, order, pack(data.train, data, config, torch.float64, CPU, order)


def assert_equal(found, wanted):
    for name in ("species_counts", "structure", "num_atoms", "energy", "descriptors"):
        left, right = getattr(found, name), getattr(wanted, name)
        np.testing.assert_array_equal(np.asarray(left), np.asarray(right), err_msg=name)
    assert (found.forces is None) == (wanted.forces is None)
    if found.forces is None:
        return
    v = torch.rand(found.descriptors.shape, dtype=torch.float64)
    for name in ("target", "by_structure", "force_mask"):
        left, right = getattr(found.forces, name), getattr(wanted.forces, name)
        # None means that all are known, which a window may be.
        if left is not None and right is not None:
            np.testing.assert_array_equal(left, right, err_msg=name)
    np.testing.assert_allclose(
        found.forces.jacobian.vjp(v), wanted.forces.jacobian.vjp(v), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("route", ROUTES)
def test_batches_are_those_of_resident_data(tmp_path, route):
    folder = write(tmp_path / "data", route)
    streamed, order, data = opened(configuration(folder, route, True), tmp_path)
    assert isinstance(order, WindowedOrder)
    assert order.windows_per_pass > 2
    assert streamed.train.structures.descriptors is None
    whole, _, resident = opened(configuration(folder, route, False), tmp_path)
    for step in range(2 * order.batches_per_pass + 3):
        indices = order.indices(step)
        assert_equal(data.batch(indices), resident.batch(indices))
    for found, wanted in zip(data.batches(6), resident.batches(6), strict=True):
        assert_equal(found, wanted)
    np.testing.assert_array_equal(data.energy, resident.energy)
    np.testing.assert_array_equal(streamed.train.forces(), whole.train.structures.forces)


def test_any_step_can_be_the_first(tmp_path):
    folder = write(tmp_path / "data", "values")
    _, order, data = opened(configuration(folder, "values", True), tmp_path)
    wanted = {step: data.batch(order.indices(step)) for step in range(30)}
    for step in (29, 3, 17):
        _, order, data = opened(configuration(folder, "values", True), tmp_path)
        assert_equal(data.batch(order.indices(step)), wanted[step])


def test_a_part_set_aside_is_streamed_as_well(tmp_path):
    folder = write(tmp_path / "data", "values")
    parts = {}
    for streaming in (True, False):
        config = configuration(folder, "values", streaming, validation_fraction=0.3)
        data = read_run_data(config, tmp_path)
        parts[streaming] = pack(data.validation, data, config, torch.float64, CPU)
        assert list(data.validation.structures.names)[:1] != list(data.train.structures.names)[:1]
    for found, wanted in zip(parts[True].batches(4), parts[False].batches(4), strict=True):
        assert_equal(found, wanted)


def test_damage_is_named_when_it_is_met(tmp_path):
    import h5py

    folder = write(tmp_path / "data", "values")
    with h5py.File(folder / "b.h5", "r+") as file:
        file["descriptors"][70, 1] = np.nan
    _, order, data = opened(configuration(folder, "values", True), tmp_path)

    def read_everything():
        for step in range(order.batches_per_pass):
            data.batch(order.indices(step))

    with pytest.raises(DataError, match=r"b.h5, structure \d+ 's\d+': descriptors of atom \d are"):
        read_everything()


def test_the_rule_is_the_size(tmp_path):
    folder = write(tmp_path / "data", "values")
    for memory, is_streamed in ((1e-6, True), (1.0, False)):
        config = configuration(folder, "values", None, memory_gb=memory)
        assert (read_run_data(config, tmp_path).train.stream is not None) == is_streamed


def test_changed_data_have_another_fingerprint(tmp_path):
    import h5py

    folder = write(tmp_path / "data", "values")
    config = configuration(folder, "values", True)
    first = read_run_data(config, tmp_path).fingerprint
    assert read_run_data(config, tmp_path).fingerprint == first
    with h5py.File(folder / "a.h5", "r+") as file:
        file["energy"][3] += 1e-6
    assert read_run_data(config, tmp_path).fingerprint != first


def test_only_hdf5_can_be_streamed(tmp_path):
    (tmp_path / "a.xyz").write_text("1\nenergy=1.0\nH 0 0 0\n")
    config = configuration(tmp_path / "a.xyz", "values", True)
    with pytest.raises(DataError, match=r"data.streaming=true reads panna_exp's HDF5 alone, this"):
        read_run_data(config, tmp_path)


def test_files_that_were_made_otherwise_are_refused(tmp_path):
    folder = write(tmp_path / "data", "values")
    other = with_descriptors(structures(), "none")
    info = {**other.descriptor_info, "Rc_rad": 3.3}
    write_hdf5(folder / "c.h5", replace(other, descriptor_info=info), SPECIES)
    with pytest.raises(DataError, match=r"c.h5: its descriptors are not those of .*a.h5"):
        read_run_data(configuration(folder, "values", True), tmp_path)
