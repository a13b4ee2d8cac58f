"""An atom's numbers are the same bits whatever is worked on beside it, and whatever was kept.

A run that is resumed sees other batches first, keeps other factors and has other addresses than the
run that never stopped, and has to end with the same weights.
"""

import numpy as np
import pytest
import torch

from panna_exp.data.jacobians import BatchAtoms
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.lists import NeighborLists


@pytest.fixture
def structures(environments, make):
    """Structures of all kinds: their triples start and end anywhere in a block."""
    random = np.random.default_rng(5)
    cloud = make(random.uniform(0, 3.4, (11, 3)), random.integers(0, 2, 11))
    return StructureSet.from_structures([*environments.values(), cloud])


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(params=["A", "C", "C power"])
def operator(request, parameters, dtype):
    zeta = {"zeta": 13.0} if "power" in request.param else {}
    return CompiledMBP(parameters(request.param[0], **zeta), dtype)


@pytest.fixture
def products(structures, operator):
    """Products for some structures, as one batch, of the same numbers for each atom."""
    random = torch.Generator().manual_seed(1)
    atoms = len(structures.species)
    v = torch.randn(atoms, operator.size, dtype=operator.dtype, generator=random)
    u = torch.randn(atoms, 3, dtype=operator.dtype, generator=random)

    def of(chosen, geometry=None, **kept):
        rows = rows_of(structures, chosen)
        geometry = geometry or operator.geometry(structures.select(np.array(chosen)))
        return (
            operator.compute(geometry, then_vjp=bool(kept)),
            operator.vjp(geometry, v[rows], then_jvp=bool(kept)),
            operator.jvp(geometry, u[rows]),
        )

    return of


def rows_of(structures, chosen):
    return np.concatenate(
        [np.arange(*structures.offsets[index : index + 2]) for index in chosen]
    )  # fmt: skip


def assert_equal(found, expected, what):
    for name, one, other in zip(("values", "vjp", "jvp"), found, expected, strict=True):
        assert torch.equal(one, other), f"{name} {what}: {(one - other).abs().max()}"


def test_each_structure_alone_gives_the_numbers_of_the_batch(structures, products):
    everything = products(range(len(structures)))
    for index in range(len(structures)):
        rows = rows_of(structures, [index])
        assert_equal(products([index]), [part[rows] for part in everything], f"of {index}")


def test_kept_factors_change_nothing(structures, products):
    everything = range(len(structures))
    assert_equal(products(everything, kept=True), products(everything), "with kept factors")


@pytest.mark.parametrize("served", [0, 1000], ids=["factors of a batch", "of the data set"])
def test_batches_give_the_numbers_of_each_structure(structures, operator, products, served):
    lists = NeighborLists(operator, structures)
    lists._served = served
    for chosen in ([4, 0, 7, 10], [10, 1, 2, 4], [3, 10, 8]):
        jacobian = lists.batch(in_order(structures, chosen))
        assert (jacobian.geometry.factors is None) == (served == 0)
        expected = [
            torch.cat(parts) for parts in zip(*(products([n]) for n in chosen), strict=True)
        ]
        found = products(chosen, jacobian.geometry, kept=True)
        assert_equal(found, expected, f"of the batch {chosen}")


def in_order(structures, chosen):
    owner = np.repeat(np.arange(len(chosen)), structures.num_atoms[chosen])
    return BatchAtoms.of(np.array(chosen), rows_of(structures, chosen), owner)


class Shifted:
    """NumPy whose new arrays start ``places`` numbers after where they would."""

    def __init__(self, places):
        self.places = places

    def __getattr__(self, name):
        return getattr(np, name)

    def empty(self, shape, dtype=float):
        size = int(np.prod(shape))
        return np.empty(size + self.places, dtype)[self.places :].reshape(shape)


@pytest.mark.parametrize("places", [1, 3, 6])
def test_where_arrays_lie_in_memory_changes_nothing(structures, products, monkeypatch, places):
    everything = range(len(structures))
    expected = [products(everything, **kept) for kept in ({}, {"kept": True})]
    for module in ("blocks", "compiled"):
        monkeypatch.setattr(f"panna_exp.descriptors.{module}.np", Shifted(places))
    for before, kept in zip(expected, ({}, {"kept": True}), strict=True):
        assert_equal(products(everything, **kept), before, f"moved by {places}")
