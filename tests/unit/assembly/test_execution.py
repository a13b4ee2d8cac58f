"""Which execution, and how many threads, a training has."""

import logging

import pytest
import torch

from panna_exp.assembly.execution import choose_execution
from panna_exp.assembly.machine import choose_threads
from panna_exp.config.schema import Execution, TrainConfig

CPU = torch.device("cpu")


def make_config(**changes):
    config = TrainConfig()
    for name, value in changes.items():
        setattr(config, name, value)
    return config


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_a_new_training_is_eager(device, caplog):
    assert choose_execution(make_config(), torch.device(device), None) is Execution.eager
    assert not caplog.messages


def test_threads_that_change_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING):
        assert choose_threads(make_config(threads=2), 1.0, 2) == 2
        assert not caplog.messages
        assert choose_threads(make_config(threads=2), 1.0, 1) == 2
    assert caplog.messages == [
        "threads=2: the checkpoint was made with 1; results agree to round-off only"
    ]
