"""Steps of fixed shapes, run without recording, are the direct steps to round-off."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, FakeTensorMode

from panna_exp.assembly.execution import padded_jacobians
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import EpsilonPlacement, TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.order import BatchOrder
from panna_exp.data.padded import PaddedData, capacities
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training import padded_steps
from panna_exp.training.execution import DirectSteps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps

CPU = torch.device("cpu")
SIZE, SPECIES, COUNT, BATCH = 6, 4, 43, 8
LARGE = np.arange(8) * 5


def make_structures(route, without_forces=(), scale=1.0):
    """Few atoms of species 1, none of species 3; eight structures larger than all others."""
    random = np.random.default_rng(5)
    items = []
    for number in range(COUNT):
        size = 14 if number in LARGE else 1 + number % 3
        known = route != "energies" and number not in without_forces
        species = random.choice([0, 1, 2], size, p=[0.6, 0.05, 0.35])
        items.append(
            Structure(
                origin=f"made, structure {number}",
                name=f"s{number}",
                species=species,
                energy=random.normal(),
                forces=random.normal(scale=4 * scale, size=(size, 3)) if known else None,
                descriptors=random.normal(size=(size, SIZE)),
            )
        )
    return StructureSet.from_structures(items)


def make_jacobians(structures, route, scale):
    if route == "energies":
        return None
    random = np.random.default_rng(6)
    dense = []
    for size in structures.num_atoms:
        matrix = random.normal(size=(size * SIZE, 3 * size)) * scale
        dense.append(matrix * (random.random(matrix.shape) < 0.4))
    stored = Derivatives.from_dense(dense)
    if route == "sparse":
        stored = stored.as_sparse(structures.num_atoms, SIZE)
    return StoredJacobians(stored, structures.num_atoms, SIZE, torch.float64, CPU)


def make_networks(equal, trainable):
    random = np.random.default_rng(2)
    activations = (Activation.gaussian, Activation.tanh, Activation.linear)

    def network(symbol, hidden):
        sizes = (SIZE, hidden, 5, 1)
        layers = tuple(
            LayerData(random.normal(size=pair), random.normal(size=pair[1]), activation)
            for pair, activation in zip(pairwise(sizes), activations, strict=True)
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0, trainable=trainable)

    widths = (7, 7, 7, 7) if equal else (7, 4, 7, 6)
    pairs = zip("HCOS", widths, strict=True)
    return SpeciesNetworks([network(*pair) for pair in pairs], torch.float64)


def make_case(
    route,
    padded,
    *,
    equal=True,
    masked=False,
    without_forces=(),
    scale=1.0,
    weighted=False,
    **training,
):
    trainable = (True, False, True) if masked else (True, True, True)
    structures = make_structures(route, without_forces, scale)
    if weighted:
        weights = np.random.default_rng(7).uniform(0, 3, (COUNT, 3))
        structures = replace(structures, weights=weights)
    networks = make_networks(equal, trainable)
    data = PackedData(
        structures,
        structures.energy,
        SPECIES,
        torch.float64,
        CPU,
        make_jacobians(structures, route, scale),
    )
    config = TrainingConfig(forces_cost=0.0 if route == "energies" else 0.3, **training)
    kept = np.arange(SIZE * 7).reshape(SIZE, 7) % 3 > 0
    step = make_train_step(config, networks, {"H.0.weights": kept} if masked else None)
    totals = Totals(CPU)
    steps = DirectSteps(step=step, data=data, totals=totals)
    if padded:
        batches = PaddedData(data, BATCH, padded_jacobians(data))
        steps = PaddedSteps(step, batches, totals, record=False)
    return SimpleNamespace(steps=steps, step=step, totals=totals)


def train(case, number=20):
    """Batches of a shuffled data set, and one of all the large structures."""
    order = BatchOrder(COUNT, BATCH, 0, True)
    batches = [order.indices(step) for step in range(number)]
    batches[3] = LARGE
    return [
        case.steps([indices], [0.01 / (1 + step)], step, 1.0).clone()
        for step, indices in enumerate(batches)
    ]


@pytest.mark.parametrize(
    ("route", "options"),
    [
        ("energies", {}),
        ("energies", {"equal": False, "clip_norm": 0.1, "ema_decay": 0.9}),
        ("energies", {"masked": True, "wscale_l1": 1e-3, "bscale_l2": 1e-2, "clip_value": 0.01}),
        ("energies", {"panna_version": 1, "loss_function": "quad_std_atom", "wscale_l2": 1e-3}),
        ("energies", {"energy_reduction": "sum", "energy_weight": "n_atoms"}),
        ("energies", {"weighted": True}),
        ("sparse", {"weighted": True, "without_forces": (3, 11, 40)}),
        ("energies", {"adam_eps_placement": EpsilonPlacement.torch, "adam_eps": 1e-3}),
        ("dense", {}),
        ("sparse", {"without_forces": (3, 11, 40)}),
        ("sparse", {"equal": False, "floss_function": "quad_percomp", "wscale_l2": 1e-3}),
        ("dense", {"force_reduction": "sum", "force_weights": "n_atoms", "panna_version": 1}),
        ("sparse", {"floss_function": "exp_quad", "scale": 0.02}),
    ],
)
def test_twenty_steps_are_the_direct_ones(route, options):
    direct, padded = (make_case(route, False, **options), make_case(route, True, **options))
    start = direct.step.parameters.values.clone()
    errors, same = train(direct), train(padded)
    assert (direct.step.parameters.values - start).abs().max() > 1e-3
    for one, other in zip(errors, same, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)
    for name in ("parameters.values", "optimizer.first_moment", "optimizer.second_moment"):
        found, expected = (get(case.step, name) for case in (padded, direct))
        torch.testing.assert_close(found, expected, rtol=1e-11, atol=1e-12)
    assert padded.totals.read() == pytest.approx(direct.totals.read(), rel=1e-11)
    assert len(padded.steps._sizes) == 2
    assert padded.step.optimizer.updates == direct.step.optimizer.updates == 20
    if direct.step.average is not None:
        torch.testing.assert_close(
            padded.step.average.values, direct.step.average.values, rtol=1e-12, atol=1e-12
        )


def get(value, names):
    for name in names.split("."):
        value = getattr(value, name)
    return value


def test_batches_have_the_smaller_size_unless_they_need_the_larger():
    structures = make_structures("energies")
    counts = structures.counts(SPECIES).T
    usual, largest = capacities(counts, BATCH, SPECIES)
    assert all(rows % 8 == 0 for size in (usual, largest) for rows in size.rows)
    assert usual.rows[3] == largest.rows[3] == 0
    assert usual.num_rows < largest.num_rows
    top = np.sort(counts, axis=1)[:, -BATCH:].sum(axis=1)
    assert (np.array(largest.rows) - top < 8).all()
    packed = PackedData(structures, structures.energy, SPECIES, torch.float64, CPU)
    data = PaddedData(packed, BATCH)
    assert data.capacity(LARGE) == largest
    assert data.capacity(np.arange(41, 43)) == usual


def test_equal_structures_have_one_size():
    counts = np.array([[3] * 30, [3] * 30, [50] * 30])
    (only,) = capacities(counts, 20, 2)
    assert (only.structures, only.rows, only.items) == (20, (64, 64), (1000,))
    (few,) = capacities(counts, 100, 2)
    assert few.structures == 30


@pytest.mark.parametrize("route", ["energies", "dense", "sparse"])
def test_padding_changes_nothing_whatever_the_spare_rows_hold(route):
    case = make_case(route, True)
    data = case.steps._data
    for capacity in data.capacities:
        numbers = torch.from_numpy(data.numbers(np.array([4, 2]), capacity))
        batch = data.batch(numbers, capacity)
        assert batch.weight.sum() == 2
        spare = batch.structure == capacity.structures
        assert int((~spare).sum()) == 2 + 3
        expected = case.step
        totals = Totals(CPU)
        expected.differentiate(batch, totals, 0, torch.tensor(1.0, dtype=torch.float64))
        gradients = expected.parameters.gradients.clone()
        changed = replace(batch, descriptors=torch.where(spare[:, None], 3.0, batch.descriptors))
        expected.differentiate(changed, totals, 0, torch.tensor(1.0, dtype=torch.float64))
        torch.testing.assert_close(expected.parameters.gradients, gradients, rtol=0, atol=1e-15)


class Recorder:
    """Stands in for torch.cuda: what is recorded runs once in vain, and again at each replay."""

    def __init__(self, monkeypatch, state):
        self.state = state
        self.calls = []
        self.is_recording = False
        self.make = padded_steps._OneSize._make
        pause = SimpleNamespace(wait_stream=lambda other: None)
        for name, value in {
            "Stream": lambda: pause,
            "current_stream": lambda: pause,
            "stream": lambda stream: nullcontext(),
            "Event": lambda: SimpleNamespace(synchronize=lambda: None, record=lambda: None),
            "CUDAGraph": lambda: SimpleNamespace(),
            "graph": self.graph,
        }.items():
            monkeypatch.setattr(torch.cuda, name, value)
        empty = padded_steps._Inputs.empty
        monkeypatch.setattr(
            padded_steps._Inputs,
            "empty",
            lambda capacity, device, pinned=False: empty(capacity, device),
        )
        monkeypatch.setattr(padded_steps._OneSize, "_make", lambda size: self.made(size))

    def made(self, size):
        self.calls.append("recorded" if self.is_recording else "made")
        self.last = (size, self.make(size))
        return self.last[1]

    @contextmanager
    def graph(self, graph):
        kept = [tensor.clone() for tensor in self.state()]
        self.is_recording = True
        yield
        self.is_recording = False
        for tensor, values in zip(self.state(), kept, strict=True):
            tensor.copy_(values)
        size, delta = self.last

        def replay():
            self.calls.append("replayed")
            delta.copy_(self.make(size))

        graph.replay = replay


def test_recording_warms_up_without_a_trace_and_replays_are_the_steps(monkeypatch):
    options = {"ema_decay": 0.9, "wscale_l2": 1e-3}
    expected = make_case("energies", False, **options)
    errors = train(expected)
    case = make_case("energies", True, **options)
    recorder = Recorder(monkeypatch, case.steps._mutable)
    case.steps._record = True
    for one, other in zip(train(case), errors, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-12)
    first = ["made", "made", "made", "recorded", "replayed"]
    assert recorder.calls[:5] == first
    assert recorder.calls.count("recorded") == 2
    assert recorder.calls.count("replayed") == 20
    for name in ("parameters.values", "average.values", "optimizer.second_moment"):
        found, wanted = (get(one.step, name) for one in (case, expected))
        torch.testing.assert_close(found, wanted, rtol=1e-11, atol=1e-12)
    assert case.totals.read() == pytest.approx(expected.totals.read(), rel=1e-11)


@pytest.mark.parametrize("route", ["energies", "dense", "sparse"])
def test_a_step_asks_the_device_nothing(route):
    case = make_case(route, True, clip_norm=0.1, wscale_l2=1e-3, ema_decay=0.9, masked=True)
    case.steps([LARGE], [1e-3], 0, 1.0)
    (size,) = case.steps._sizes.values()
    # Tensors without values: whatever needs one on the host cannot go on.
    with FakeTensorMode(allow_non_fake_inputs=True):
        with pytest.raises(DataDependentOutputException):
            bool(torch.ones(1).sum() > 0)
        assert len(size._make()) == BATCH + 1
