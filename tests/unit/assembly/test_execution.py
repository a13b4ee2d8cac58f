"""Which execution, and how many threads, a training has."""

import logging

import numpy as np
import pytest
import torch

from panna_exp.assembly.execution import choose_execution, make_steps
from panna_exp.assembly.machine import choose_threads
from panna_exp.config.schema import Execution, Matmul, TrainConfig
from panna_exp.data.batch import PackedData
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.errors import ConfigError
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps
from panna_exp.training.processes import ALONE, Processes

CPU = torch.device("cpu")


class Two(Processes):
    size = 2


def make_config(**changes):
    config = TrainConfig()
    for name, value in changes.items():
        owner = config.training if hasattr(config.training, name) else config
        setattr(owner, name, value)
    return config


def make_data(device=CPU, jacobians=None):
    """A data set that claims to be on a device."""
    structures = StructureSet.from_structures(
        [
            Structure(origin="made", name="s", species=np.array([0]), energy=0.0, descriptors=row)
            for row in np.ones((3, 1, 2))
        ]
    )
    data = PackedData(structures, structures.energy, 1, torch.float64, CPU, jacobians)
    data.device = device
    return data


def make_networks(hidden=Activation.gaussian, trainable=(True, True)):
    layers = [
        LayerData(weights=np.ones(pair), biases=np.ones(pair[1]), activation=activation)
        for pair, activation in (((2, 2), hidden), ((2, 1), Activation.linear))
    ]
    data = NetworkData(symbol="H", layers=tuple(layers), offset=0.0, trainable=trainable)
    return SpeciesNetworks([data], torch.float64)


def choose(config, data, saved=None, processes=ALONE, networks=None, num_steps=1000):
    return choose_execution(config, data, networks or make_networks(), saved, processes, num_steps)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("execution", [Execution.auto, Execution.torch])
def test_a_new_training_is_by_torch(device, execution, caplog):
    data = make_data(torch.device(device))
    assert choose(make_config(execution=execution), data) is Execution.torch
    assert not caplog.messages


def test_a_continued_training_keeps_its_execution_and_the_user_may_change_it(caplog):
    data = make_data(torch.device("cuda"))
    graph = Execution.cuda_graph
    assert choose(make_config(), data, "cuda_graph") is graph
    assert choose(make_config(execution=graph), data, "cuda_graph") is graph
    assert not caplog.messages
    assert choose(make_config(execution=graph), data, "torch") is graph
    assert caplog.messages == [
        "execution=cuda_graph: the checkpoint was made with torch; results agree to round-off only"
    ]


def test_graphs_of_a_checkpoint_that_cannot_be_had_become_torch_and_are_warned_of(caplog):
    assert choose(make_config(), make_data(), "cuda_graph") is Execution.torch
    (message,) = caplog.messages
    assert "runs on cpu" in message
    assert "results agree to round-off only" in message


@pytest.mark.parametrize(
    ("changes", "jacobians", "processes", "message"),
    [
        ({}, None, ALONE, "records what a CUDA device does, but this training runs on cpu"),
        ({}, None, Two(), "steps that several processes share"),
        ({"loss_function": "exp_quad"}, None, ALONE, "training.loss_function=exp_quad"),
        (
            {"forces_cost": 1.0, "force_fraction": 0.5},
            None,
            ALONE,
            "training.force_fraction=0.5 draws components on the host",
        ),
    ],
)
def test_what_has_no_fixed_shapes_is_refused_by_name(changes, jacobians, processes, message):
    data = make_data(CPU if "cpu" in message else torch.device("cuda"))
    data.jacobians = jacobians
    config = make_config(execution=Execution.cuda_graph, **changes)
    with pytest.raises(ConfigError) as error:
        choose(config, data, processes=processes)
    (text,) = str(error.value).splitlines()
    assert message in text
    assert text.startswith("execution=cuda_graph: ")
    assert text.endswith("use execution=torch")


LISTS = NeighborLists.__new__(NeighborLists)


@pytest.mark.parametrize(
    ("jacobians", "num_steps", "expected"),
    [(None, 19_999, "torch"), (None, 20_000, "numba"), (LISTS, 1, "numba")],
    ids=["few steps", "many steps", "forces"],
)
def test_auto_takes_numba_where_compiling_pays(jacobians, num_steps, expected):
    data = make_data(jacobians=jacobians)
    config, asked = make_config(), make_config(execution=Execution.numba)
    assert choose(config, data, num_steps=num_steps) is Execution(expected)
    assert choose(asked, data) is Execution.numba
    frozen = make_networks(trainable=(False, True))
    assert choose(config, data, num_steps=num_steps, networks=frozen) is Execution(expected)
    rbf = make_networks(Activation.rbf)
    assert choose(config, data, num_steps=num_steps, networks=rbf) is Execution.torch


@pytest.mark.parametrize(
    ("changes", "networks", "message"),
    [
        ({}, {"hidden": Activation.rbf}, "rbf layers are not compiled by numba"),
        ({"matmul": Matmul.bf16}, {}, "numba does not round factors as training.matmul=bf16 does"),
        ({"device": "cuda"}, {}, "numba compiles for a CPU, but this training runs on cuda"),
    ],
)
def test_what_numba_cannot_do_is_refused_by_name(changes, networks, message):
    data = make_data(torch.device(changes.pop("device", "cpu")))
    config = make_config(execution=Execution.numba, **changes)
    with pytest.raises(ConfigError) as error:
        choose(config, data, networks=make_networks(**networks))
    assert str(error.value) == f"execution=numba: {message}: use execution=torch"


@pytest.mark.parametrize(
    ("saved", "expected"),
    [("torch", "torch"), ("numba", "numba"), ("eager", "torch"), ("loops", "numba")],
)
def test_a_continued_training_keeps_what_it_had_on_a_cpu(saved, expected, caplog):
    assert choose(make_config(), make_data(), saved) is Execution(expected)
    assert choose(make_config(execution=Execution(expected)), make_data(), saved)
    assert not caplog.messages


def test_a_checkpoint_of_an_execution_that_was_removed_goes_on_by_torch(caplog):
    assert choose(make_config(), make_data(), "compile") is Execution.torch
    assert caplog.messages == [
        "the checkpoint was made with execution=compile, this is torch (removed: torch.compile "
        "made slower steps); results agree to round-off only"
    ]


def test_streamed_data_are_refused():
    with pytest.raises(ConfigError, match="read or sent piece by piece"):
        choose(
            make_config(execution=Execution.cuda_graph),
            type("Streamed", (), {"device": torch.device("cuda"), "has_forces": False})(),
        )


def test_graphs_make_padded_steps_and_say_how_large(caplog):
    with caplog.at_level(logging.INFO):
        recorded = make_steps(Execution.cuda_graph, None, make_data(), Totals(CPU), 2)
    assert isinstance(recorded, PaddedSteps)
    assert caplog.messages == ["CUDA graphs of 2 structures and 8 atoms per batch"]


def test_threads_that_change_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        assert choose_threads(make_config(threads=2), 1.0, 2) == 2
        assert not caplog.messages
        assert choose_threads(make_config(threads=2), 1.0, 1) == 2
    assert caplog.messages == [
        "threads=2: the checkpoint was made with 1; results agree to round-off only"
    ]
