"""A small potential as the folder that models in MLflow are made of."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from panna_exp.assembly.model_folder import write_model
from panna_exp.assembly.saved import SavedPotential
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.networks.layers import Activation, LayerData, NetworkData

PARAMETERS = MBPParameters.from_panna(
    ["H", "O"], "C", eta_rad=8.0, Rc_rad=3.6, Rs0_rad=0.5, RsN_rad=4,
    eta_ang=4.0, Rc_ang=3.0, Rs0_ang=0.5, RsN_ang=2, zeta=6.0, ThetasN=3,
)  # fmt: skip


def make_potential_networks() -> tuple[NetworkData, ...]:
    """Random networks for H and O."""
    random = np.random.default_rng(2)
    found = []
    for symbol, offset in (("H", -13.6), ("O", -2041.8)):
        sizes = (PARAMETERS.size, 5, 1)
        layers = [
            LayerData(
                weights=random.normal(size=(inputs, outputs)) / np.sqrt(inputs),
                biases=random.normal(size=outputs),
                activation=Activation.linear if outputs == 1 else Activation.gaussian,
            )
            for inputs, outputs in pairwise(sizes)
        ]
        found.append(NetworkData(symbol=symbol, layers=tuple(layers), offset=offset))
    return tuple(found)


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "run/model/epoch_1_step_10"
    potential = SavedPotential(
        name=folder.name,
        networks=make_potential_networks(),
        descriptor=Descriptor.of(PARAMETERS),
        energy_rescale=2.0,
        config={},
    )
    write_model(folder, potential, "float64")
    return folder
