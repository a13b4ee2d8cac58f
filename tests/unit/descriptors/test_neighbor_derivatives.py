"""Derivatives by neighbours say as much as the whole Jacobian, and leave out what is negligible."""

import numpy as np
import pytest
import torch

from panna_exp.data.derivatives import Derivatives
from panna_exp.descriptors.compiled import CompiledMBP
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives

SIZES = (3, 1, 4)
WIDTH = 5


def jacobians(dtype):
    """[A, D, A, 3] of three structures; components without neighbours, derivatives of zero."""
    random = np.random.default_rng(0)
    found = []
    for size in SIZES:
        matrix = random.normal(size=(size, WIDTH, size, 3)).astype(dtype)
        matrix[random.random((size, WIDTH, size)) < 0.4] = 0
        matrix[random.random(matrix.shape) < 0.1] = 0
        own = np.arange(size)
        matrix[own, :, own] = 0
        for atom in range(size):
            total = np.zeros((WIDTH, 3), dtype)
            for other in range(size):
                total = total - matrix[atom, :, other]
            matrix[atom, :, atom] = total
        found.append(matrix)
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_bit_is_lost(dtype):
    dense = jacobians(dtype)
    kept = NeighborDerivatives.from_dense(dense, 0.0)
    assert kept.counts.shape == (sum(SIZES), WIDTH)
    assert (kept.counts == 0).any()
    found = kept.as_sparse()
    expected = Derivatives.from_dense(dense).as_sparse(np.array(SIZES), WIDTH)
    for name in ("values", "rows", "columns", "starts"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_small_integers_and_no_elements_at_all():
    dense = jacobians(np.float64)
    kept = NeighborDerivatives.from_dense(dense, 0.0)
    small = NeighborDerivatives(
        values=kept.values,
        atoms=kept.atoms.astype(np.uint8),
        counts=kept.counts.astype(np.uint8),
        num_atoms=kept.num_atoms,
    )
    np.testing.assert_array_equal(small.as_sparse().rows, kept.as_sparse().rows)
    assert small.starts.tolist() == kept.starts.tolist()
    nothing = NeighborDerivatives.from_dense([matrix * 0 for matrix in dense], 0.0)
    assert nothing.as_sparse().starts.tolist() == [0, 0, 0, 0]


def test_negligible_is_what_no_coordinate_exceeds():
    (matrix,) = [np.zeros((3, 1, 3, 3))]
    matrix[0, 0, 1] = [1e-9, -1e-9, 0]
    matrix[0, 0, 2] = [1e-12, -2e-9, 0]
    matrix[1, 0, 0] = [np.nan, 0, 0]
    kept = NeighborDerivatives.from_dense([matrix], 1e-9)
    assert kept.counts[:, 0].tolist() == [1, 1, 0]
    assert kept.atoms.tolist() == [2, 0]
    dense = kept.as_sparse().matrix(0, 3, 1).reshape(3, 3, 3)
    # What moves all atoms together still changes nothing.
    assert dense[0].tolist() == [[-1e-12, 2e-9, 0], [0, 0, 0], [1e-12, -2e-9, 0]]
    assert np.isnan(dense[1, 0, 0])


@pytest.mark.parametrize("cls", [MBP, CompiledMBP])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_left_out_is_smaller_than_rounding(make, pack, parameters, cls, dtype):
    random = np.random.default_rng(1)
    structures = pack(
        make(random.uniform(0, 4, (9, 3)), random.integers(0, 2, 9)),
        make(random.uniform(0, 3, (4, 3)), random.integers(0, 2, 4), cell=np.eye(3) * 3.3),
        make([[0, 0, 0]], [1]),
    )
    narrow = parameters(eta_rad=60.0, eta_ang=40.0)
    operator = cls(narrow, dtype)
    negligible = torch.finfo(dtype).eps / 2
    all_of_them = operator.neighbor_jacobians(structures)
    kept = operator.neighbor_jacobians(structures, negligible)
    assert len(kept.atoms) < 0.9 * len(all_of_them.atoms)
    assert np.abs(kept.values).max(axis=1).min() > negligible
    whole, found = all_of_them.as_sparse(), kept.as_sparse()
    neighbors = 13 * negligible  # at most, in the derivative by the atom itself
    for index, atoms in enumerate(structures.num_atoms.tolist()):
        difference = found.matrix(index, atoms, operator.size) - whole.matrix(
            index, atoms, operator.size
        )
        assert np.abs(difference).max() <= neighbors
