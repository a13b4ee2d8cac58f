"""Dense, sparse and on-the-fly derivatives are one and the same training."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.metrics import Totals
from panna_exp.training.predict import predict_all_forces
from panna_exp.training.processes import Processes
from panna_exp.training.validation import validate

CPU = torch.device("cpu")
NEGLIGIBLE = np.finfo(np.float64).eps / 2  # as files have them
ROUTES = ("dense", "sparse", "sparse, without what is negligible", "on the fly")
PARAMETERS = MBPParameters.from_panna(
    ["X", "Y"], "C", eta_rad=8.0, Rc_rad=3.6, Rs0_rad=0.5, RsN_rad=4,
    eta_ang=4.0, Rc_ang=3.0, Rs0_ang=0.5, RsN_ang=2, zeta=6.0, ThetasN=3,
)  # fmt: skip


def make_structures(count=12, without_forces=()):
    """Molecules of 3 to 5 atoms and small periodic cells."""
    random = np.random.default_rng(5)
    items = []
    for number in range(count):
        size = 3 + number % 3
        periodic = number % 4 == 3
        items.append(
            Structure(
                origin=f"made, structure {number}",
                name=f"s{number}",
                species=random.integers(0, 2, size),
                energy=random.normal(),
                positions=random.uniform(0, 2.6, (size, 3)),
                forces=None if number in without_forces else random.normal(size=(size, 3)),
                cell=np.eye(3) * 3.3 if periodic else np.zeros((3, 3)),
                pbc=np.full(3, periodic),
            )
        )
    return StructureSet.from_structures(items)


def make_networks():
    random = np.random.default_rng(2)

    def network(symbol):
        sizes = (PARAMETERS.size, 7, 5, 1)
        activations = (Activation.gaussian, Activation.tanh, Activation.linear)
        layers = tuple(
            LayerData(
                weights=random.normal(size=(n_in, n_out)) / n_in**0.5,
                biases=random.normal(size=n_out),
                activation=activation,
            )
            for n_in, n_out, activation in zip(sizes, sizes[1:], activations, strict=False)
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0)

    return SpeciesNetworks([network("X"), network("Y")], torch.float64)


def make_case(route, structures, compiled=False, **training):
    operator = operator_of(PARAMETERS, torch.float64, compiled=compiled)
    descriptors = operator.compute(operator.geometry(structures)).numpy()
    structures = replace(structures, descriptors=descriptors)
    if route == "on the fly":
        jacobians = NeighborLists(operator, structures)
    else:
        parts = [structures.select(np.array([index])) for index in range(len(structures))]
        dense = [operator.jacobian(operator.geometry(part)).numpy() for part in parts]
        stored = Derivatives.from_dense(dense)
        if route == "sparse":
            stored = stored.as_sparse(structures.num_atoms, operator.size)
        elif route != "dense":
            stored = operator.neighbor_jacobians(structures, NEGLIGIBLE).as_sparse()
        sizes = structures.num_atoms
        jacobians = StoredJacobians(stored, sizes, operator.size, torch.float64, CPU)
    networks = make_networks()
    return SimpleNamespace(
        data=PackedData(structures, structures.energy, 2, torch.float64, CPU, jacobians),
        networks=networks,
        step=make_train_step(TrainingConfig(forces_cost=0.3, **training), networks, seed=4),
    )


def train(case, steps=50, size=5):
    """Losses of each step; the batches cross the end of the data, so that some hold one twice."""
    losses = []
    for number in range(steps):
        indices = (np.arange(size) * 7 + number * 3) % len(case.data)
        if number % 10 == 0:
            indices[1] = indices[0]
        totals = Totals(CPU)
        case.step(case.data.batch(indices), 1e-3, totals, number)
        losses.append([totals.read()[name] for name in ("loss", "force_loss", "force_mae")])
    return np.array(losses)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"force_fraction": 0.4, "floss_function": "quad_percomp", "force_weights": "n_atoms"},
        {"wscale_l2": 1e-3, "clip_value": 0.5, "panna_version": 1},
    ],
    ids=["plain", "fraction", "panna 1"],
)
def test_fifty_steps_are_the_same_on_every_route(options):
    structures = make_structures(without_forces=(4, 7))
    cases = {route: make_case(route, structures, **options) for route in ROUTES}
    losses = {route: train(case) for route, case in cases.items()}
    assert np.ptp(losses["dense"][:, 0]) > 0
    for route in ROUTES[1:]:
        np.testing.assert_allclose(losses[route], losses["dense"], rtol=1e-10)
        pairs = zip(cases[route].networks.to_data(), cases["dense"].networks.to_data(), strict=True)
        for one, other in pairs:
            for layer, expected in zip(one.layers, other.layers, strict=True):
                np.testing.assert_allclose(layer.weights, expected.weights, rtol=0, atol=1e-10)
                np.testing.assert_allclose(layer.biases, expected.biases, rtol=0, atol=1e-10)


class OneOf(Processes):
    """One of several processes, which notes what the others would have been told."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size
        self.told = []

    def sum_(self, values):
        self.told.append(values.clone())


@pytest.mark.parametrize(
    "options",
    [
        {"virial_cost": 0.3, "wscale_l2": 1e-3},
        {"energy_reduction": "sum"},
        {"force_reduction": "sum"},
        {"loss_function": "exp_quad_atom", "floss_function": "exp_quad"},
        {"panna_version": 1, "loss_function": "quad_std_atom"},
    ],
)
def test_gradients_and_errors_of_the_parts_of_a_batch_add_up(options):
    structures = make_structures(without_forces=(4,))
    virial = np.random.default_rng(1).normal(size=(len(structures), 3, 3))
    case = make_case("on the fly", replace(structures, virial=virial), **options)
    indices = np.array([3, 0, 7, 4, 4, 11, 2])

    def part(processes, chosen):
        totals = Totals(CPU)
        step = replace(case.step, processes=processes)
        step(case.data.batch(chosen), 0.0, totals, 0, len(chosen) / len(indices))
        totals.sum_over(processes)
        return processes.told

    gradient, sums = part(OneOf(0, 2), indices)
    parts = [part(OneOf(rank, 2), OneOf(rank, 2).part(indices)) for rank in range(2)]
    assert gradient.abs().max() > 0
    torch.testing.assert_close(parts[0][0] + parts[1][0], gradient, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(parts[0][1] + parts[1][1], sums, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("route", ROUTES)
def test_gradients_are_the_slopes_of_the_loss(route):
    check_slopes(make_case(route, make_structures(without_forces=(1,)), floss_function="exp_quad"))


@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_are_the_slopes_of_the_loss_with_virials(compiled):
    structures = make_structures()
    virial = np.random.default_rng(1).normal(size=(len(structures), 3, 3))
    virial[2] = np.nan
    structures = replace(structures, virial=virial)
    case = make_case("on the fly", structures, compiled=compiled, virial_cost=0.7)
    check_slopes(case, indices=(0, 3, 2, 7))
    found = validate(case.step, case.data).read()
    assert found["virial_loss"] > 0
    parts = ("energy_loss", "force_loss", "virial_loss", "penalty")
    assert found["loss"] == pytest.approx(sum(found[part] for part in parts))


def check_slopes(case, indices=(0, 5, 1, 3)):
    batch = case.data.batch(np.array(indices))
    values = case.step.parameters.values

    def loss():
        start, totals = values.clone(), Totals(CPU)
        case.step(batch, 0.0, totals)
        values.copy_(start)
        return totals.read()["loss"]

    loss()
    gradients = case.step.parameters.gradients.clone()
    for place in np.random.default_rng(0).integers(0, len(values), 12):
        value, step = float(values[place]), 1e-5
        ends = []
        for sign in (1, -1):
            values[place] = value + sign * step
            ends.append(loss())
        values[place] = value
        difference = (ends[0] - ends[1]) / (2 * step)
        assert float(gradients[place]) == pytest.approx(difference, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("route", ROUTES)
def test_a_batch_of_many_is_many_batches_of_one(route):
    case = make_case(route, make_structures())
    whole = predict_all_forces(case.step.exact, case.data, 12)
    single = predict_all_forces(case.step.exact, case.data, 1)
    torch.testing.assert_close(whole.energy, single.energy, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(whole.forces, single.forces, rtol=1e-12, atol=1e-12)


def test_forces_are_minus_the_slope_of_the_energy():
    structures = make_structures(4)
    case = make_case("on the fly", structures)
    forces = predict_all_forces(case.step.exact, case.data).forces.numpy()
    operator = MBP(PARAMETERS, torch.float64)

    def energy(positions):
        moved = replace(structures, positions=positions)
        descriptors = operator.compute(operator.geometry(moved)).numpy()
        moved = replace(moved, descriptors=descriptors)
        packed = PackedData(moved, structures.energy, 2, torch.float64, CPU)
        return float(predict_all_forces(case.step.exact, packed).energy.sum())

    for atom, axis in ((0, 0), (4, 1), (9, 2), (13, 0)):
        ends = []
        for sign in (1, -1):
            positions = structures.positions.copy()
            positions[atom, axis] += sign * 1e-5
            ends.append(energy(positions))
        difference = -(ends[0] - ends[1]) / 2e-5
        assert forces[atom, axis] == pytest.approx(difference, rel=1e-6, abs=1e-8)


def test_the_validation_loss_is_that_of_one_batch():
    structures = make_structures(12, without_forces=(2,))
    case = make_case("sparse", structures)
    found = validate(case.step, case.data).read()
    totals = Totals(CPU)
    case.step(case.data.batch(np.arange(12)), 0.0, totals)
    expected = totals.read()
    assert found == pytest.approx(expected, rel=1e-10)
    assert found["force_mae"] > 0
