"""What only a GPU can show: recorded steps and sent batches are the eager, resident ones."""

import numpy as np
import pytest
import torch

from panna_exp.assembly.optimisation import make_train_step
from panna_exp.config.schema import TrainingConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.hosted import HostedData
from panna_exp.data.padded import PaddedData
from panna_exp.data.stream import BatchOrder
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.products import BF16, EXACT, TF32
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.execution import EagerSteps
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
    networks.use(products)
    training = TrainingConfig(wscale_l2=1e-3, ema_decay=0.9, clip_norm=1.0)
    step, totals = make_train_step(training, networks), Totals(CUDA)
    home = CPU if kind == "hosted" else CUDA
    data = PackedData(structures, structures.energy, 2, dtype, home)
    if kind == "recorded":
        steps = PaddedSteps(step, PaddedData(data, BATCH), totals, record=True)
    else:
        source = HostedData(data, CUDA) if kind == "hosted" else data
        steps = EagerSteps(step=step, data=source, totals=totals)
    order = BatchOrder(COUNT, BATCH, 0, True)
    errors = [steps(order.indices(n), 0.01 / (1 + n), n, 1.0).clone() for n in range(30)]
    return step, totals.read(), errors


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    # Recorded, Adam's kernel takes the learning rate in float32.
    [("recorded", 1e-6), ("hosted", 1e-10)],
)
def test_other_executions_are_the_eager_one(kind, tolerance):
    eager, expected, errors = make_case("eager")
    step, found, others = make_case(kind)
    for one, other in zip(others, errors, strict=True):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance)
    assert found == pytest.approx(expected, rel=tolerance)
    for name in ("parameters", "average"):
        torch.testing.assert_close(
            getattr(step, name).values,
            getattr(eager, name).values,
            rtol=tolerance,
            atol=tolerance,
        )


@pytest.mark.parametrize("kind", ["eager", "recorded"])
@pytest.mark.parametrize("products", [TF32, BF16])
def test_rounded_products_train_nearly_alike(kind, products):
    exact, _, _ = make_case(kind, torch.float32)
    rounded, _, _ = make_case(kind, torch.float32, products)
    difference = (rounded.parameters.values - exact.parameters.values).abs().max()
    assert 0 < float(difference) < 0.2
