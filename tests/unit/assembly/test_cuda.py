"""What only a GPU can show: recorded steps and sent batches are the direct, resident ones."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from panna_exp.assembly.execution import padded_jacobians
from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.host_memory import HostMemoryData
from panna_exp.data.order import BatchOrder
from panna_exp.data.padded import PaddedData
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.products import BF16, EXACT, TF32
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.execution import DirectSteps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
COUNT, BATCH, SIZE = 60, 8, 16


def make_case(kind, dtype=torch.float64, products=EXACT):
    random = np.random.default_rng(0)
    structures = StructureSet.from_structures(
        Structure(
            origin="made",
            name=f"s{number}",
            species=random.integers(0, 2, 1 + number % 5),
            energy=random.normal(),
            descriptors=random.normal(size=(1 + number % 5, SIZE)),
        )
        for number in range(COUNT)
    )

    def network(symbol):
        layers = tuple(
            LayerData(random.normal(size=pair), random.normal(size=pair[1]), activation)
            for pair, activation in (((SIZE, 8), Activation.gaussian), ((8, 1), Activation.linear))
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0)

    networks = SpeciesNetworks([network("H"), network("O")], dtype).to(CUDA)
    training = TrainingConfig(wscale_l2=1e-3, ema_decay=0.9, clip_norm=1.0)
    step, totals = make_train_step(training, networks, products=products), Totals(CUDA)
    home = CPU if kind == "hosted" else CUDA
    data = PackedData(structures, structures.energy, 2, dtype, home)
    if kind == "recorded":
        steps = PaddedSteps(step, PaddedData(data, BATCH), totals, record=True)
    else:
        source = HostMemoryData(data, CUDA) if kind == "hosted" else data
        steps = DirectSteps(step=step, data=source, totals=totals)
    order = BatchOrder(COUNT, BATCH, 0, True)
    errors = [steps([order.indices(n)], [0.01 / (1 + n)], n, 1.0).clone() for n in range(30)]
    return step, totals.read(), errors


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    # Recorded, Adam's kernel takes the learning rate in float32.
    [("recorded", 1e-6), ("hosted", 1e-10)],
)
def test_other_executions_are_the_direct_one(kind, tolerance):
    direct, expected, errors = make_case("direct")
    step, found, others = make_case(kind)
    for one, other in zip(others, errors, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert found == pytest.approx(expected, rel=tolerance)
    for name in ("parameters", "average"):
        torch.testing.assert_close(
            getattr(step, name).values,
            getattr(direct, name).values,
            rtol=tolerance,
            atol=tolerance,
        )


@pytest.mark.parametrize("kind", ["direct", "recorded"])
@pytest.mark.parametrize("products", [TF32, BF16])
def test_rounded_products_train_nearly_alike(kind, products):
    exact, _, _ = make_case(kind, torch.float32)
    rounded, _, _ = make_case(kind, torch.float32, products)
    difference = (rounded.parameters.values - exact.parameters.values).abs().max()
    assert 0 < float(difference) < 0.2


MBP = MBPParameters.from_panna(
    ["H", "O"], "C", eta_rad=16.0, Rc_rad=4.6, Rs0_rad=0.5, RsN_rad=16,
    eta_ang=6.0, Rc_ang=3.1, Rs0_ang=0.5, RsN_ang=4, zeta=50.0, ThetasN=8,
)  # fmt: skip


def make_cells(count, atoms):
    """Periodic cells of random atoms, with forces."""
    random = np.random.default_rng(1)
    return StructureSet.from_structures(
        Structure(
            origin="made",
            name=f"s{number}",
            species=random.integers(0, 2, atoms - number % 3),
            energy=random.normal(),
            positions=random.uniform(0, 5.0, (atoms - number % 3, 3)),
            forces=random.normal(size=(atoms - number % 3, 3)),
            cell=np.eye(3) * 5.0,
            pbc=np.full(3, True),
        )
        for number in range(count)
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 2e-5)])
def test_triton_kernels_give_the_products_of_tensor_operations(dtype, tolerance):
    pytest.importorskip("triton")
    triton, tensor = (operator_of(MBP, dtype, CUDA, kernel=kind) for kind in ("triton", "torch"))
    geometry = tensor.geometry(make_cells(5, 40))
    v = torch.randn(len(geometry.positions), tensor.size, dtype=dtype, device=CUDA)
    u, strain = v[:, :3].contiguous(), v[:5, :9].reshape(5, 3, 3)
    for found, expected in (
        (triton.compute(geometry), tensor.compute(geometry)),
        (triton.jvp(geometry, u, strain), tensor.jvp(geometry, u, strain)),
        *zip(triton.vjp_with_strain(geometry, v), tensor.vjp_with_strain(geometry, v), strict=True),
    ):
        scale = float(expected.abs().max())
        torch.testing.assert_close(found, expected, rtol=0, atol=tolerance * scale)
    assert torch.equal(triton.compute(geometry), triton.compute(geometry))
    assert torch.equal(triton.jvp(geometry, u), triton.jvp(geometry, u))


def train_on_forces(kernel, record):
    """Ten steps on forces from positions."""
    random = np.random.default_rng(0)
    structures = make_cells(20, 12)
    operator = operator_of(MBP, torch.float64, CUDA, kernel=kernel)
    values = operator.compute(operator.geometry(structures)).cpu().numpy()
    structures = replace(structures, descriptors=values)

    def network(symbol):
        layers = tuple(
            LayerData(random.normal(size=pair) / 9, random.normal(size=pair[1]), activation)
            for pair, activation in (
                ((MBP.size, 8), Activation.gaussian),
                ((8, 1), Activation.linear),
            )
        )
        return NetworkData(symbol=symbol, layers=layers, offset=0.0)

    networks = SpeciesNetworks([network("H"), network("O")], torch.float64).to(CUDA)
    step, totals = make_train_step(TrainingConfig(forces_cost=0.3), networks), Totals(CUDA)
    lists = NeighborLists(operator, structures)
    data = PackedData(structures, structures.energy, 2, torch.float64, CUDA, lists)
    if record:
        steps = PaddedSteps(step, PaddedData(data, 4, padded_jacobians(data)), totals, record=True)
    else:
        steps = DirectSteps(step=step, data=data, totals=totals)
    order = BatchOrder(20, 4, 0, True)
    for number in range(10):
        steps([order.indices(number)], [0.01], number, 1.0)
    return step.parameters.values, totals.read()


@pytest.mark.parametrize(
    ("kernel", "record"), [("triton", False), ("triton", True), ("torch", True)]
)
def test_steps_on_forces_are_the_eager_ones_of_tensor_operations(kernel, record):
    if kernel == "triton":
        pytest.importorskip("triton")
    expected, totals = train_on_forces("torch", False)
    found, others = train_on_forces(kernel, record)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6)
    assert others == pytest.approx(totals, rel=1e-6)
