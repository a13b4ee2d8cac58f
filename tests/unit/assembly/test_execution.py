"""Which execution, and how many threads, a training has."""

import logging

import numpy as np
import pytest
import torch

from panna_exp.assembly import execution
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
@pytest.mark.parametrize("execution", [Execution.auto, Execution.eager])
def test_a_new_training_is_eager(device, execution, caplog):
    data = make_data(torch.device(device))
    assert choose(make_config(execution=execution), data) is Execution.eager
    assert not caplog.messages


def test_a_continued_training_keeps_its_execution_and_the_user_may_change_it(caplog):
    data = make_data(torch.device("cuda"))
    graph = Execution.cuda_graph
    assert choose(make_config(), data, "cuda_graph") is graph
    assert choose(make_config(execution=graph), data, "cuda_graph") is graph
    assert not caplog.messages
    assert choose(make_config(execution=graph), data, "eager") is graph
    assert caplog.messages == [
        "execution=cuda_graph: the checkpoint was made with eager; results agree to round-off only"
    ]


def test_graphs_of_a_checkpoint_that_cannot_be_had_become_eager_and_are_warned_of(caplog):
    assert choose(make_config(), make_data(), "cuda_graph") is Execution.eager
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
    assert text.endswith("use execution=eager")


def test_what_cannot_be_compiled_is_refused_by_name(monkeypatch):
    config = make_config(execution=Execution.compile)
    monkeypatch.setenv("CXX", "no-such-compiler")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"needs a C\+\+ compiler on a CPU, and none is on"):
        choose(config, make_data())
    lists = NeighborLists.__new__(NeighborLists)
    with pytest.raises(ConfigError, match="forces from positions come from loops that are comp"):
        choose(config, make_data(torch.device("cuda"), lists))


LISTS = NeighborLists.__new__(NeighborLists)


@pytest.mark.parametrize(
    ("jacobians", "num_steps", "expected"),
    [(None, 19_999, "eager"), (None, 20_000, "loops"), (LISTS, 1, "loops")],
    ids=["few steps", "many steps", "forces"],
)
def test_auto_takes_loops_where_compiling_pays(jacobians, num_steps, expected):
    data = make_data(jacobians=jacobians)
    config, loops = make_config(), make_config(execution=Execution.loops)
    assert choose(config, data, num_steps=num_steps) is Execution(expected)
    assert choose(loops, data) is Execution.loops
    frozen = make_networks(trainable=(False, True))
    assert choose(config, data, num_steps=num_steps, networks=frozen) is Execution.eager


@pytest.mark.parametrize(
    ("changes", "networks", "message"),
    [
        ({}, {"hidden": Activation.tanh}, "there are no loops for tanh layers"),
        ({}, {"trainable": (False, True)}, "loops train all layers, but some are frozen"),
        ({"matmul": Matmul.bf16}, {}, "loops do not round factors as training.matmul=bf16 does"),
        ({"device": "cuda"}, {}, "loops are for a CPU, but this training runs on cuda"),
    ],
)
def test_what_has_no_loops_is_refused_by_name(changes, networks, message):
    data = make_data(torch.device(changes.pop("device", "cpu")))
    config = make_config(execution=Execution.loops, **changes)
    with pytest.raises(ConfigError) as error:
        choose(config, data, networks=make_networks(**networks))
    assert str(error.value) == f"execution=loops: {message}: use execution=eager"


@pytest.mark.parametrize("name", ["compile", "eager", "loops"])
def test_a_continued_training_keeps_what_it_had_on_a_cpu(name, monkeypatch):
    monkeypatch.setattr(execution.shutil, "which", lambda _: "/a/compiler")
    assert choose(make_config(), make_data(), name) is Execution(name)


def test_streamed_data_are_refused():
    with pytest.raises(ConfigError, match="read or sent piece by piece"):
        choose(
            make_config(execution=Execution.cuda_graph),
            type("Streamed", (), {"device": torch.device("cuda"), "has_forces": False})(),
        )


def test_graphs_make_padded_steps_and_say_how_large(caplog):
    with caplog.at_level(logging.INFO):
        recorded = make_steps(Execution.cuda_graph, None, make_data(), Totals(CPU), 2)
        compiled = make_steps(Execution.compile, None, make_data(), Totals(CPU), 2)
    assert isinstance(recorded, PaddedSteps)
    assert isinstance(compiled, PaddedSteps)
    assert caplog.messages == [
        "CUDA graphs of 2 structures and 8 atoms a batch",
        "compiled steps of 2 structures and 8 atoms a batch",
    ]


def test_threads_that_change_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        assert choose_threads(make_config(threads=2), 1.0, 2) == 2
        assert not caplog.messages
        assert choose_threads(make_config(threads=2), 1.0, 1) == 2
    assert caplog.messages == [
        "threads=2: the checkpoint was made with 1; results agree to round-off only"
    ]
