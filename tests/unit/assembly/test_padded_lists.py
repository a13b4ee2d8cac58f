"""Steps of fixed shapes with forces from positions are the direct steps to round-off."""

from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from panna_exp.assembly.execution import padded_jacobians
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.padded import PaddedData
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.execution import DirectSteps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps

CPU = torch.device("cpu")
BATCH = 5
PARAMETERS = MBPParameters.from_panna(
    ["X", "Y", "Z"], "C", eta_rad=8.0, Rc_rad=3.6, Rs0_rad=0.5, RsN_rad=4,
    eta_ang=4.0, Rc_ang=3.0, Rs0_ang=0.5, RsN_ang=2, zeta=6.0, ThetasN=3,
)  # fmt: skip


def make_structures(virials):
    """Molecules of 1 to 6 atoms and small periodic cells; some without forces, virial, or Z."""
    random = np.random.default_rng(5)
    items = []
    for number in range(23):
        size = 1 + number % 6
        periodic = number % 4 == 3
        items.append(
            Structure(
                origin=f"made, structure {number}",
                name=f"s{number}",
                species=random.integers(0, 3 if number < 6 else 2, size),
                energy=random.normal(),
                positions=random.uniform(0, 2.6, (size, 3)),
                forces=None if number in (4, 7) else random.normal(size=(size, 3)),
                cell=np.eye(3) * 3.3 if periodic else np.zeros((3, 3)),
                pbc=np.full(3, periodic),
            )
        )
    structures = StructureSet.from_structures(items)
    if not virials:
        return structures
    virial = random.normal(size=(len(items), 3, 3))
    virial[[2, 9]] = np.nan
    return replace(structures, virial=virial)


def make_case(padded, virials, **training):
    structures = make_structures(virials)
    operator = operator_of(PARAMETERS, torch.float64)
    descriptors = operator.compute(operator.geometry(structures)).numpy()
    structures = replace(structures, descriptors=descriptors)
    random = np.random.default_rng(2)

    def network(symbol):
        sizes = (PARAMETERS.size, 7, 1)
        layers = tuple(
            LayerData(
                weights=random.normal(size=pair) / pair[0] ** 0.5,
                biases=random.normal(size=pair[1]),
                activation=activation,
            )
            for pair, activation in zip(
                pairwise(sizes),
                (Activation.gaussian, Activation.linear),
                strict=True,
            )
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0)

    networks = SpeciesNetworks([network(symbol) for symbol in "XYZ"], torch.float64)
    lists = NeighborLists(operator, structures)
    data = PackedData(structures, structures.energy, 3, torch.float64, CPU, lists)
    cost = 0.2 if virials else 0.0
    step = make_train_step(TrainingConfig(forces_cost=0.3, virial_cost=cost, **training), networks)
    totals = Totals(CPU)
    if padded:
        source = PaddedData(data, BATCH, padded_jacobians(data))
        steps = PaddedSteps(step, source, totals, record=False)
    else:
        steps = DirectSteps(step=step, data=data, totals=totals)
    return SimpleNamespace(steps=steps, step=step, totals=totals, data=data)


@pytest.mark.parametrize("virials", [False, True])
@pytest.mark.parametrize("options", [{}, {"floss_function": "exp_quad", "panna_version": 2}])
def test_twenty_steps_are_the_eager_ones(virials, options):
    cases = [make_case(padded, virials, **options) for padded in (False, True)]
    random = np.random.default_rng(0)
    for number in range(20):
        # Some batches are small, and one has the largest structures of all.
        indices = random.permutation(23)[: 5 - number % 3]
        if number == 5:
            indices = np.array([5, 11, 17, 4, 10])
        direct, padded = (case.steps([indices], [1e-3], number, 1.0) for case in cases)
        torch.testing.assert_close(padded, direct, rtol=1e-12, atol=1e-12)
    direct, padded = cases
    for one, other in (
        (padded.step.parameters.values, direct.step.parameters.values),
        (padded.step.optimizer.second_moment, direct.step.optimizer.second_moment),
    ):
        torch.testing.assert_close(one, other, rtol=1e-11, atol=1e-12)
    expected = direct.totals.read()
    assert padded.totals.read() == pytest.approx(expected, rel=1e-11)
    assert expected["force_mae"] > 0
    assert ("virial_mae" in expected) == virials


def test_spare_pairs_and_triples_give_nothing():
    case = make_case(True, False)
    data = case.steps._data
    capacity = data.capacities[-1]
    indices = np.array([5, 3])
    batch = data.batch(torch.from_numpy(data.numbers(indices, capacity)), capacity)
    plain = case.data.batch(indices).forces
    real = batch.structure < capacity.structures
    v = torch.randn(capacity.num_rows, PARAMETERS.size, dtype=torch.float64)
    u = torch.randn(capacity.num_rows, 3, dtype=torch.float64)
    gradient, change = batch.forces.jacobian.vjp(v), batch.forces.jacobian.jvp(u)
    torch.testing.assert_close(gradient[real], plain.jacobian.vjp(v[real]), rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(change[real], plain.jacobian.jvp(u[real]), rtol=1e-12, atol=1e-12)
    assert (gradient[~real] == 0).all()
    assert (change[~real] == 0).all()
    assert capacity.items[0] > 0
    assert capacity.items[1] > capacity.items[0]


@pytest.mark.parametrize("virials", [False, True])
def test_a_step_asks_the_device_nothing(virials):
    steps = make_case(True, virials).steps
    steps([np.arange(BATCH)], [1e-3], 0, 1.0)
    (size,) = steps._sizes.values()
    # Tensors without values: whatever needs one on the host cannot go on.
    with FakeTensorMode(allow_non_fake_inputs=True):
        assert len(size._make()) == BATCH + 1
