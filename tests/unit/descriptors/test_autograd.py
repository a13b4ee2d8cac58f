"""The differentiable function passes torch's own checks."""

import numpy as np
import pytest
import torch

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.autograd import descriptors_of
from panna_exp.descriptors.compute import operator_of


@pytest.fixture(params=[False, True], ids=["tensor", "compiled"])
def case(request, make, parameters):
    random = np.random.default_rng(2)
    structures = StructureSet.from_structures(
        [
            make(random.uniform(0, 2.5, (4, 3)), [0, 1, 1, 0]),
            make(random.uniform(0, 2.5, (2, 3)), [1, 0], cell=np.eye(3) * 2.8),
        ]
    )
    operator = operator_of(parameters(), torch.float64, compiled=request.param)
    # Lists with a skin, so that gradcheck's small steps stay within them.
    return operator, operator.geometry(structures, skin=0.05)


def test_gradcheck(case):
    operator, geometry = case
    positions = geometry.positions.clone().requires_grad_()
    assert torch.autograd.gradcheck(
        lambda x: descriptors_of(x, operator, geometry), (positions,), eps=1e-6, atol=1e-6
    )


def test_a_force_loss_has_the_networks_gradient(case):
    operator, geometry = case
    weights = torch.randn(operator.size, dtype=torch.float64, requires_grad=True)

    def forces(chosen):
        positions = geometry.positions.clone().requires_grad_()
        energy = (descriptors_of(positions, operator, geometry) @ chosen).square().sum()
        (gradient,) = torch.autograd.grad(energy, positions, create_graph=True)
        return -gradient

    assert torch.autograd.gradcheck(forces, (weights,), eps=1e-6, atol=1e-5)
