"""A small training on made data: networks of two species, losses, batches."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from panna_exp.data.batch import PackedData
from panna_exp.data.derivatives import Derivatives
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.torch_engine import TorchEngine
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.flat import FlatParameters
from panna_exp.training.force_loss import ForceLoss, ForceLossSettings
from panna_exp.training.loss import EnergyLoss, EnergyLossSettings, Penalty, PenaltySettings
from panna_exp.training.optimizer import Adam, AdamSettings
from panna_exp.training.step import TrainStep

CPU = torch.device("cpu")
SIZE = 4


@pytest.fixture
def make_data():
    """Returns packed structures of one to three atoms, with forces if asked for."""

    def make(count=6, forces=False, seed=0):
        random = np.random.default_rng(seed)
        sizes = [1 + number % 3 for number in range(count)]
        structures = StructureSet.from_structures(
            Structure(
                origin="made",
                name=f"s{number}",
                species=random.integers(0, 2, size),
                energy=random.normal(),
                forces=random.normal(size=(size, 3)) if forces else None,
                descriptors=random.normal(size=(size, SIZE)),
            )
            for number, size in enumerate(sizes)
        )
        jacobians = None
        if forces:
            dense = [random.normal(size=(size * SIZE, 3 * size)) for size in sizes]
            stored = Derivatives.from_dense(dense)
            jacobians = StoredJacobians(stored, structures.num_atoms, SIZE, torch.float64, CPU)
        return PackedData(structures, structures.energy, 2, torch.float64, CPU, jacobians)

    return make


@pytest.fixture
def make_step():
    """Returns a step of new networks, always the same ones."""

    def make(forces_cost=0.0, penalty=None, **others):
        random = np.random.default_rng(1)
        data = [
            NetworkData(
                symbol=symbol,
                layers=tuple(
                    LayerData(random.normal(size=pair), random.normal(size=pair[1]), activation)
                    for pair, activation in zip(
                        pairwise((SIZE, 3, 1)),
                        (Activation.gaussian, Activation.linear),
                        strict=True,
                    )
                ),
                offset=0.0,
            )
            for symbol in "HO"
        ]
        networks = SpeciesNetworks(data, torch.float64)
        parameters = FlatParameters(networks)
        engine = TorchEngine(networks)
        return TrainStep(
            engine=engine,
            exact=engine,
            parameters=parameters,
            optimizer=Adam(parameters, AdamSettings()),
            loss=EnergyLoss(EnergyLossSettings()),
            penalty=None
            if penalty is None
            else Penalty(PenaltySettings(weights_l2=penalty), networks, parameters),
            force_loss=ForceLoss(ForceLossSettings(cost=forces_cost)) if forces_cost else None,
            **others,
        )

    return make
