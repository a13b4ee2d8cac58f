"""Joins the processes that ``torchrun`` started, and says what they cannot do together."""

import os

import torch
import torch.distributed

from panna_exp.assembly import torchrun
from panna_exp.config.schema import Device, TrainConfig
from panna_exp.errors import ConfigError
from panna_exp.training.processes import ALONE, Processes, ProcessGroup


def join(config: TrainConfig) -> Processes:
    """Returns the processes of a training; there is one unless ``torchrun`` started more.

    Each has a GPU of its own where these are used.

    Raises:
        ConfigError: Options that cannot be divided among processes.
    """
    size = torchrun.world_size()
    if size == 1:
        return ALONE
    problems = _indivisible(config, size)
    if problems:
        raise ConfigError(problems)
    here = int(os.environ.get("LOCAL_WORLD_SIZE", size))
    cuda = torch.cuda.is_available() and config.device is not Device.cpu
    if cuda:
        local = int(os.environ.get("LOCAL_RANK", "0"))
        if local >= torch.cuda.device_count():
            raise ConfigError(
                f"{here} processes on this machine, but it has {torch.cuda.device_count()} CUDA "
                "devices: start one per device (--nproc-per-node), or set device=cpu"
            )
        torch.cuda.set_device(local)
    torch.distributed.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    return ProcessGroup(here)


def _indivisible(config: TrainConfig, size: int) -> list[str]:
    """Returns what is no sum over structures, or too little to share."""
    training = config.training
    problems = []
    if training.panna_version == 1:
        for key in ("loss_function", "floss_function"):
            name = getattr(training, key)
            used = key == "loss_function" or training.forces_cost > 0
            if used and "exp" in name:
                problems.append(
                    f"training.{key}={name} with panna_version=1 is a function of the whole "
                    "batch's sum, which several processes cannot share: train in one process"
                )
    if training.force_fraction < 1:
        problems.append(
            f"training.force_fraction={training.force_fraction:g}: components are drawn from the "
            "whole batch, which several processes cannot share: train in one process"
        )
    if training.batch_size < size:
        problems.append(
            f"training.batch_size={training.batch_size}: too small for {size} processes, which "
            "share each batch"
        )
    return problems
