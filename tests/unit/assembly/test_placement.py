"""Where data live, and that batches sent to the device are the same ones."""

from dataclasses import fields, is_dataclass
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from panna_exp.assembly import batches
from panna_exp.assembly.batches import placement_of, size_of
from panna_exp.data.batch import PackedData
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.host_memory import HostMemoryData
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.structures import Structure, StructureSet

CPU, CUDA, META = (torch.device(name) for name in ("cpu", "cuda", "meta"))
SIZE = 4


def make_structures(route=None):
    random = np.random.default_rng(0)
    items, matrices = [], []
    for number, count in enumerate((2, 3, 1, 4)):
        items.append(
            Structure(
                origin=f"made, structure {number}",
                name=f"s{number}",
                species=random.integers(0, 2, count),
                energy=random.normal(),
                descriptors=random.normal(size=(count, SIZE)),
                forces=None if number == 2 else random.normal(size=(count, 3)),
                positions=random.normal(size=(count, 3)),
            )
        )
        matrices.append(random.normal(size=(count * SIZE, 3 * count)).round())
    structures = StructureSet.from_structures(items)
    if route is None:
        return structures, None
    derivatives = Derivatives.from_dense(matrices)
    if route == "sparse":
        derivatives = derivatives.as_sparse(structures.num_atoms, SIZE)
    return structures, derivatives


def make_packed(route):
    structures, derivatives = make_structures(route)
    jacobians = None
    if derivatives is not None:
        jacobians = StoredJacobians(derivatives, structures.num_atoms, SIZE, torch.float64, CPU)
    return PackedData(structures, structures.energy, 2, torch.float64, CPU, jacobians)


def tensors(value):
    """All tensors in a batch, by their place in it."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, list):
        return [tensor for item in value for tensor in tensors(item)]
    if is_dataclass(value):
        return [tensor for field in fields(value) for tensor in tensors(getattr(value, field.name))]
    return []


@pytest.mark.parametrize("route", [None, "dense", "sparse"])
def test_batches_that_are_sent_are_those_of_the_packed_data(route):
    packed = make_packed(route)
    hosted = HostMemoryData(packed, CPU)
    indices = np.array([3, 0, 2])
    pairs = [(packed.batch(indices), hosted.batch(indices))]
    pairs += zip(packed.batches(2, 0, 1), hosted.batches(2, 0, 1), strict=True)
    for expected, found in pairs:
        assert found.species_counts == expected.species_counts
        for one, other in zip(tensors(found), tensors(expected), strict=True):
            assert torch.equal(one, other)
    assert (len(hosted), hosted.has_forces) == (4, route is not None)


@pytest.mark.parametrize("route", [None, "dense", "sparse"])
def test_everything_is_sent(route):
    hosted = HostMemoryData(make_packed(route), META)
    found = tensors(hosted.batch(np.array([1, 2])))
    assert len(found) >= 4
    assert {tensor.device for tensor in (*found, hosted.energy, hosted.num_atoms)} == {META}


def test_data_live_on_the_device_if_half_of_its_free_memory_holds_them():
    assert placement_of(500, CUDA, free=1000) == CUDA
    assert placement_of(501, CUDA, free=1000) == CPU
    assert placement_of(10**15, CPU) == CPU


@pytest.mark.parametrize("route", [None, "dense", "sparse"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_size_is_known_before_anything_is_put_there(route, dtype):
    structures, derivatives = make_structures(route)
    object.__setattr__(structures, "derivatives", derivatives)
    jacobians = None
    if derivatives is not None:
        jacobians = StoredJacobians(derivatives, structures.num_atoms, SIZE, dtype, CPU)
    packed = PackedData(structures, structures.energy, 2, dtype, CPU, jacobians)
    assert size_of(structures, dtype, derivatives=True) == packed.num_bytes
    assert size_of(structures, dtype, derivatives=False) == 10 * SIZE * dtype.itemsize


def test_data_that_do_not_fit_are_sent(monkeypatch):
    structures, _ = make_structures()
    part = SimpleNamespace(structures=structures, targets=structures.energy, stream=None)
    monkeypatch.setattr(batches, "placement_of", lambda size, device: CPU)
    found = batches.batch_source(part, 2, torch.float32, META)
    assert isinstance(found, HostMemoryData)
    assert found.placement == (
        "0.0 MB in main memory, sent to meta batch by batch: too much for half of its free memory"
    )
    monkeypatch.setattr(batches, "placement_of", lambda size, device: device)
    packed = batches.batch_source(part, 2, torch.float32, CPU)
    assert isinstance(packed, PackedData)
    assert packed.placement == "0.0 MB on cpu"
