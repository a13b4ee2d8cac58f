"""The compiled loops give the numbers of the tensor version, to rounding."""

from dataclasses import fields

import numpy as np
import pytest
import torch

from panna_exp.data.jacobians import BatchAtoms
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.compute import compute_descriptors, operator_of
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.mbp import MBP

# Relative to the largest number: float32 sums in another order.
TOLERANCE = {torch.float32: 2e-5, torch.float64: 1e-13}
# Generations A and B have a kink where three atoms are in line, as some of the crystals' are: there
# derivatives by the angle are rounding errors over 1e-10.
KINK = 1e-6


@pytest.fixture
def structures(make):
    """A molecule, crystals smaller than the cutoff and skewed, a slab, a lonely atom."""
    random = np.random.default_rng(3)
    skewed = np.array([[3.1, 0.2, 0.0], [0.7, 2.9, 0.1], [-0.3, 0.4, 3.3]])
    return StructureSet.from_structures(
        [
            make(random.uniform(0, 3, (9, 3)), random.integers(0, 2, 9)),
            make(random.uniform(0, 3, (4, 3)), random.integers(0, 2, 4), cell=skewed),
            make([[0, 0, 0]], [1]),
            make([[0, 0, 0], [1.3, 1.3, 1.3]], [0, 0], cell=np.eye(3) * 2.6),
            make(random.uniform(0, 3, (5, 3)), random.integers(0, 2, 5), cell=np.diag([3, 3, 0])),
            make([[0, 0, 0], [50.0, 0, 0]], [0, 1]),
        ]
    )


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


def assert_near(found, expected, dtype, tolerance=0.0):
    scale = float(expected.abs().max())
    atol = max(TOLERANCE[dtype] * max(scale, 1.0), tolerance)
    torch.testing.assert_close(found, expected, rtol=0, atol=atol)
    assert found.dtype == dtype


@pytest.mark.parametrize("zeta", [[3.0, 8.0, 15.0, 22.5], 16.0, 2.5])
@pytest.mark.parametrize("generation", "ABC")
def test_all_products(structures, parameters, dtype, generation, zeta):
    chosen = parameters(generation, zeta=zeta)
    tensor, compiled = MBP(chosen, dtype), CompiledMBP(chosen, dtype)
    geometry = tensor.geometry(structures)
    random = torch.Generator().manual_seed(0)
    v = torch.randn(len(structures.species), tensor.size, dtype=dtype, generator=random)
    u = torch.randn(len(structures.species), 3, dtype=dtype, generator=random)
    assert_near(compiled.compute(geometry), tensor.compute(geometry), dtype)
    kink = 0.0 if generation == "C" else KINK
    assert_near(compiled.vjp(geometry, v), tensor.vjp(geometry, v), dtype, kink)
    assert_near(compiled.jvp(geometry, u), tensor.jvp(geometry, u), dtype, kink)
    for found, expected in zip(
        compiled.vjp_with_strain(geometry, v), tensor.vjp_with_strain(geometry, v), strict=True
    ):
        assert_near(found, expected, dtype, kink)
    assert_near(compiled.jacobian(geometry), tensor.jacobian(geometry), dtype, kink)
    for operator in (compiled, tensor):
        assert_sparse_is_dense(operator, structures, dtype, kink)


def assert_sparse_is_dense(operator, structures, dtype, tolerance):
    sparse = operator.sparse_jacobians(structures)
    assert (sparse.values != 0).all()
    for index, atoms in enumerate(structures.num_atoms.tolist()):
        one = structures.select(np.array([index]))
        expected = operator.jacobian(operator.geometry(one))
        found = torch.from_numpy(sparse.matrix(index, atoms, operator.size))
        assert_near(found.view(expected.shape), expected, dtype, tolerance)
        part = slice(sparse.starts[index], sparse.starts[index + 1])
        order = sparse.rows[part].astype(np.int64) * 3 * atoms + sparse.columns[part]
        assert (np.diff(order) > 0).all()  # row by row, nothing twice


def test_batches_and_threads_change_no_bit(structures, parameters, monkeypatch):
    operator = CompiledMBP(parameters(), torch.float32)
    geometry = operator.geometry(structures)
    v = torch.randn(len(structures.species), operator.size)
    u = torch.randn(len(structures.species), 3)

    def products():
        values = operator.compute(geometry), operator.vjp(geometry, v), operator.jvp(geometry, u)
        return [value.clone() for value in values]

    before = products()
    monkeypatch.setattr("panna_exp.descriptors.compiled._TRIPLES_A_THREAD", 50)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 3)
    for one, other in zip(before, products(), strict=True):
        assert torch.equal(one, other)
    offset = 0
    for index in range(len(structures)):
        part = structures.select(np.array([index]))
        atoms = slice(offset, offset + len(part.species))
        torch.testing.assert_close(
            operator.compute(operator.geometry(part)), before[0][atoms], rtol=0, atol=1e-6
        )
        offset = atoms.stop


def test_collinear_and_coinciding_atoms_give_numbers(make, parameters, dtype):
    line = make([[0, 0, 0], [1, 0, 0], [2, 0, 0]], [0, 1, 0])
    folded = make([[0, 0, 0], [1, 0, 0], [1 + 1e-7, 0, 0]], [0, 0, 0])
    structures = StructureSet.from_structures([line, folded])
    for generation in "ABC":
        operator = CompiledMBP(parameters(generation), dtype)
        geometry = operator.geometry(structures)
        v = torch.ones(6, operator.size, dtype=dtype)
        assert torch.isfinite(operator.compute(geometry)).all()
        assert torch.isfinite(operator.vjp(geometry, v)).all()
        assert torch.isfinite(operator.jvp(geometry, torch.ones(6, 3, dtype=dtype))).all()


def test_pairs_beyond_the_cutoff_count_for_nothing(structures, parameters):
    operator = CompiledMBP(parameters(), torch.float64)
    exact, skinned = operator.geometry(structures), operator.geometry(structures, skin=0.6)
    assert len(skinned.first) > len(exact.first)
    v = torch.randn(len(structures.species), operator.size, dtype=torch.float64)
    torch.testing.assert_close(
        operator.compute(skinned), operator.compute(exact), rtol=0, atol=1e-12
    )
    torch.testing.assert_close(operator.vjp(skinned, v), operator.vjp(exact, v), rtol=0, atol=1e-11)


def test_where_it_is_used(structures, parameters, monkeypatch):
    assert isinstance(operator_of(parameters(), compiled=True), CompiledMBP)
    assert not isinstance(operator_of(parameters()), CompiledMBP)
    slow = compute_descriptors(structures, parameters(), dtype=torch.float64)
    monkeypatch.setattr("panna_exp.descriptors.compute.COMPILED_ATOMS", 1)
    fast = compute_descriptors(structures, parameters(), dtype=torch.float64)
    np.testing.assert_allclose(fast, slow, rtol=0, atol=1e-12)
    assert not np.array_equal(fast, slow)  # another way to the same numbers


@pytest.mark.parametrize("threads", [1, 3])
def test_what_one_product_keeps_changes_no_bit_of_the_next(
    structures, parameters, monkeypatch, threads
):
    monkeypatch.setattr("panna_exp.descriptors.compiled._TRIPLES_A_THREAD", 50)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    operator = CompiledMBP(parameters(), torch.float64)
    geometry = operator.geometry(structures)
    other = operator.geometry(structures.select(np.array([1, 4])))
    v = torch.randn(len(structures.species), operator.size, dtype=torch.float64)
    u = torch.randn(len(structures.species), 3, dtype=torch.float64)
    values = operator.compute(geometry)
    gradient, change = operator.vjp(geometry, v), operator.jvp(geometry, u)
    assert torch.equal(operator.compute(geometry, then_vjp=True), values)
    assert torch.equal(operator.vjp(geometry, v), gradient)
    assert torch.equal(operator.vjp(geometry, v, then_jvp=True), gradient)
    assert torch.equal(operator.jvp(geometry, u), change)
    # Of another batch nothing is kept, nor where there is too much.
    operator.vjp(other, v[: len(other.species)], then_jvp=True)
    assert torch.equal(operator.jvp(geometry, u), change)
    monkeypatch.setattr("panna_exp.descriptors.compiled._TRIPLES_KEPT", 5)
    operator.vjp(geometry, v, then_jvp=True)
    assert torch.equal(operator.jvp(geometry, u), change)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_lists_of_a_batch_are_copied_as_they_are_gathered(structures, parameters, dtype):
    compiled = NeighborLists(CompiledMBP(parameters(), dtype), structures)
    tensors = NeighborLists(MBP(parameters(), dtype), structures)
    owner_of_all = np.repeat(np.arange(len(structures)), structures.num_atoms)
    for chosen in ([0, 3, 5], [4, 2, 1], [2], [5, 0, 5]):
        numbers = np.array(chosen)
        atoms = np.concatenate([np.flatnonzero(owner_of_all == number) for number in chosen])
        owner = np.repeat(np.arange(len(chosen)), structures.num_atoms[numbers])
        order = np.lexsort((owner, structures.species[atoms]))
        batch = BatchAtoms.of(numbers, atoms[order], owner[order])
        found, expected = compiled.geometry(batch), tensors.geometry(batch)
        for item in fields(Geometry):
            if item.name not in ("table", "factors", "shift"):  # found.table has the distances
                left, right = getattr(found, item.name), getattr(expected, item.name)
                np.testing.assert_array_equal(left, right, err_msg=item.name)
        again = CompiledMBP(parameters(), dtype).pair_table(expected)
        np.testing.assert_array_equal(found.table, again)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_factors_of_a_data_set_that_are_kept_change_no_bit(
    structures, parameters, dtype, monkeypatch
):
    operator = CompiledMBP(parameters(), dtype)
    lists = NeighborLists(operator, structures)
    numbers = np.arange(len(structures))[::-1].copy()
    atoms = np.concatenate([np.flatnonzero(owners(structures) == number) for number in numbers])
    order = np.lexsort((np.arange(len(atoms)), structures.species[atoms]))
    owner = np.repeat(np.arange(len(numbers)), structures.num_atoms[numbers])
    batch = BatchAtoms.of(numbers, atoms[order], owner[order])
    v = torch.randn(len(atoms), operator.size, dtype=dtype)
    u = torch.randn(len(atoms), 3, dtype=dtype)
    first = lists.batch(batch)
    assert first.geometry.factors is None
    before = first.vjp(v), first.jvp(u)
    second = lists.batch(batch)
    assert second.geometry.factors is not None
    assert lists.num_bytes > len(lists.first) * operator.triple_bytes()
    assert torch.equal(second.vjp(v), before[0])
    assert torch.equal(second.jvp(u), before[1])
    monkeypatch.setattr("panna_exp.descriptors.lists._MOST_FACTORS", 100)
    large = NeighborLists(operator, structures)
    assert [large.batch(batch).geometry.factors for _ in range(3)] == [None] * 3


def owners(structures):
    return np.repeat(np.arange(len(structures)), structures.num_atoms)
