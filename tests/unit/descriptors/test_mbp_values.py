import dataclasses

import numpy as np
import pytest
import torch

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors import operator as shared_operator
from panna_exp.descriptors.compute import compute_descriptors
from panna_exp.descriptors.mbp import MBP

GENERATIONS = ("A", "B", "C")
ENVIRONMENTS = (
    *("molecule", "crystal", "outside", "small cell", "slab", "chain", "flags"),
    *("atom", "far apart", "line"),
)


def values(structure, parameters, dtype=torch.float64, **options):
    batch = StructureSet.from_structures([structure])
    return compute_descriptors(batch, parameters, dtype=dtype, **options)


def rotation(seed=5):
    matrix, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return matrix


@pytest.mark.parametrize("name", ENVIRONMENTS)
@pytest.mark.parametrize("generation", GENERATIONS)
def test_values_are_those_of_the_formulas(environments, parameters, oracle, name, generation):
    structure, chosen = environments[name], parameters(generation)
    expected = oracle(structure, chosen)
    np.testing.assert_allclose(values(structure, chosen), expected, atol=1e-12, rtol=1e-12)
    single = values(structure, chosen, torch.float32)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, expected, atol=1e-5 * max(1, expected.max()))


def test_the_angular_cutoff_may_be_the_larger_one(environments, parameters, oracle):
    chosen = parameters(Rc_rad=2.0, Rc_ang=3.3)
    structure = environments["crystal"]
    np.testing.assert_allclose(values(structure, chosen), oracle(structure, chosen), atol=1e-12)


@pytest.mark.parametrize("zeta", [0.4, 1.0, 50.0, 400.0])
def test_exponents_of_any_size(environments, parameters, oracle, zeta):
    chosen = parameters(zeta=zeta)
    structure = environments["molecule"]
    expected = oracle(structure, chosen)
    np.testing.assert_allclose(values(structure, chosen), expected, atol=1e-12)
    np.testing.assert_allclose(values(structure, chosen, torch.float32), expected, atol=2e-4)


def test_an_angle_of_zero_has_no_smoothing(environments, parameters, oracle):
    chosen = parameters(Thetas_list=[0.0, 60.0, 120.0, 180.0])
    for name in ("line", "molecule"):
        found = values(environments[name], chosen)
        np.testing.assert_allclose(found, oracle(environments[name], chosen), atol=1e-12)


@pytest.mark.parametrize("generation", GENERATIONS)
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_rotation_and_translation_change_nothing(environments, parameters, name, generation):
    structure, chosen = environments[name], parameters(generation)
    turn = rotation()
    moved = dataclasses.replace(
        structure,
        positions=structure.positions @ turn + [3.0, -20.0, 7.0],
        cell=structure.cell @ turn,
    )
    np.testing.assert_allclose(values(moved, chosen), values(structure, chosen), atol=1e-10, rtol=0)


def test_permutation_permutes_the_atoms(environments, parameters):
    for name in ("molecule", "crystal"):
        structure = environments[name]
        order = np.random.default_rng(1).permutation(len(structure.species))
        permuted = dataclasses.replace(
            structure, positions=structure.positions[order], species=structure.species[order]
        )
        np.testing.assert_allclose(
            values(permuted, parameters()),
            values(structure, parameters())[order],
            atol=1e-10,
            rtol=0,
        )


def test_another_basis_of_the_lattice_changes_nothing(environments, parameters):
    structure = environments["crystal"]
    basis = np.array([[1, 1, 0], [0, 1, 0], [2, -1, 1]])
    assert round(np.linalg.det(basis)) == 1
    other = dataclasses.replace(structure, cell=basis @ structure.cell)
    np.testing.assert_allclose(
        values(other, parameters()), values(structure, parameters()), atol=1e-10, rtol=0
    )


@pytest.mark.parametrize("far", [1, 1000])
def test_moving_atoms_by_lattice_vectors_changes_nothing(environments, parameters, far):
    for name in ("crystal", "slab", "chain", "flags"):
        structure = environments[name]
        steps = np.random.default_rng(2).integers(-4, 5, structure.positions.shape) * far
        moved = structure.positions + (steps * structure.pbc) @ structure.cell
        unwrapped = dataclasses.replace(structure, positions=moved)
        np.testing.assert_allclose(
            values(unwrapped, parameters()), values(structure, parameters()), atol=1e-10, rtol=0
        )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_doubled_cell_has_the_same_atoms_twice(environments, parameters, axis):
    structure = environments["crystal"]
    cell = structure.cell.copy()
    cell[axis] *= 2
    double = dataclasses.replace(
        structure,
        positions=np.concatenate([structure.positions, structure.positions + structure.cell[axis]]),
        species=np.tile(structure.species, 2),
        cell=cell,
    )
    single = values(structure, parameters())
    np.testing.assert_allclose(
        values(double, parameters()), np.concatenate([single, single]), atol=1e-10, rtol=0
    )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_gives_what_its_structures_give(environments, parameters, dtype):
    batch = StructureSet.from_structures(environments.values())
    alone = [values(structure, parameters(), dtype) for structure in environments.values()]
    tolerance = 1e-10 if dtype == torch.float64 else 1e-5
    for batch_atoms in (1, 5, 1000):
        together = compute_descriptors(batch, parameters(), dtype=dtype, batch_atoms=batch_atoms)
        np.testing.assert_allclose(together, np.concatenate(alone), atol=tolerance, rtol=0)


@pytest.mark.parametrize("chunk", [1, 7, 50])
def test_pieces_of_any_size_give_the_same(environments, parameters, chunk):
    batch = StructureSet.from_structures(environments.values())
    whole, pieces = (MBP(parameters(), torch.float64, chunk=size) for size in (10**9, chunk))
    geometry = whole.geometry(batch)
    torch.testing.assert_close(
        pieces.compute(geometry), whole.compute(geometry), atol=1e-12, rtol=0
    )


def test_values_are_continuous_at_the_cutoffs(make, parameters):
    chosen = parameters()
    for cutoff, columns in (
        (chosen.cutoff_radial, slice(None)),
        (chosen.cutoff_angular, slice(chosen.radial_size, None)),
    ):
        inside, outside = (
            make([[0, 0, 0], [0, 1, 0], [cutoff + step, 0, 0]], [0, 1, 1]) for step in (-1e-6, 1e-6)
        )
        expected = values(outside, chosen)[0, columns]
        np.testing.assert_allclose(values(inside, chosen)[0, columns], expected, atol=1e-10)
        single = values(inside, chosen, torch.float32)[0, columns]
        np.testing.assert_allclose(single, expected, atol=1e-6)


def test_atoms_without_neighbours_have_zeros(environments, parameters):
    for name in ("atom", "far apart"):
        assert (values(environments[name], parameters()) == 0).all()


def test_float32_far_from_the_origin_is_as_good_as_near(environments, parameters):
    structure = environments["molecule"]
    far = dataclasses.replace(structure, positions=structure.positions + 1e4)
    np.testing.assert_allclose(
        values(far, parameters(), torch.float32), values(structure, parameters()), atol=2e-5
    )


@pytest.mark.parametrize("generation", GENERATIONS)
def test_float32_on_a_line_is_as_good_as_elsewhere(make, parameters, generation):
    rng = np.random.default_rng(4)
    line = np.outer(np.arange(4) * 0.9, [1.0, 2.0, 3.0] / np.sqrt(14))
    for size in (0, 1e-5, 1e-3):
        structure = make(line + size * rng.normal(size=line.shape), [0, 1, 1, 0])
        chosen = parameters(generation, zeta=50.0)
        single, double = (values(structure, chosen, x) for x in (torch.float32, torch.float64))
        np.testing.assert_allclose(single, double, atol=2e-5)


def test_reduced_precision_of_products_is_not_used(environments, parameters):
    expected = values(environments["molecule"], parameters(), torch.float32)
    torch.set_float32_matmul_precision("medium")
    try:
        found = values(environments["molecule"], parameters(), torch.float32)
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision("highest")
    np.testing.assert_array_equal(found, expected)


def test_progress_counts_structures(environments, parameters):
    batch = StructureSet.from_structures(environments.values())
    calls = []
    compute_descriptors(
        batch, parameters(), batch_atoms=6, progress=lambda *args: calls.append(args)
    )
    assert len(calls) > 2
    assert [total for _, total in calls] == [len(batch)] * len(calls)
    assert sorted(done for done, _ in calls) == [done for done, _ in calls]
    assert calls[-1][0] == len(batch)


def test_large_cells_need_little_memory(make, parameters):
    tracker = []
    original = shared_operator.sum_rows

    def watch(items, *rest):
        tracker.append(len(items))
        return original(items, *rest)

    grid = np.stack(np.meshgrid(*[np.arange(4)] * 3), -1).reshape(-1, 3) * 1.3
    structure = make(grid, cell=np.eye(3) * 5.2)
    batch = StructureSet.from_structures([structure])
    operator = MBP(parameters(), chunk=1000)
    geometry = operator.geometry(batch)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shared_operator, "sum_rows", watch)
        operator.compute(geometry)
    assert len(geometry.first) > 10_000
    assert max(tracker) <= 1000
