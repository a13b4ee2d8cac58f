"""How the steps of a training are executed: by fixed rules, never by timing.

``torch`` is the definition. ``auto`` takes ``numba`` on a CPU where it can be had and its few
seconds of compilation are paid back: for training on forces, and for many steps. Otherwise it is
``torch``: no GPU has run ``cuda_graph`` yet. A continued training keeps the execution of its
checkpoint, for equal bits, where that can still be had.
"""

import logging
from collections.abc import Callable

import torch

from panna_exp.assembly.engines import numba_obstacles, saying_compiled
from panna_exp.config.renamed import REMOVED, renamed_choice
from panna_exp.config.schema import Execution, Matmul, TrainConfig
from panna_exp.data.batch import BatchSource, PackedData
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.padded import PaddedData, shapes
from panna_exp.data.padded_jacobians import PaddedJacobians, PaddedStored
from panna_exp.errors import ConfigError
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.training.execution import DirectSteps, Steps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps
from panna_exp.training.processes import Processes
from panna_exp.training.step import TrainStep

logger = logging.getLogger(__name__)


# Steps that make up for compiling: some 5 s, a third of a millisecond saved in each.
_STEPS_FOR_NUMBA = 20_000


def choose_execution(
    config: TrainConfig,
    data: BatchSource,
    networks: SpeciesNetworks,
    saved: str | None,
    processes: Processes,
    num_steps: int,
) -> Execution:
    """Returns the user's execution, the checkpoint's, else that of the rule above.

    Args:
        config: Validated.
        data: What to train on.
        networks: To train.
        saved: The execution that the checkpoint's steps were made with, if there is a checkpoint.
        processes: That share the batches.
        num_steps: Of the whole training.

    Raises:
        ConfigError: The user's cannot be had; every reason is named.
    """
    if config.execution is Execution.auto:
        if saved is None:
            return _by_rule(config, data, networks, num_steps)
        return _continued(saved, lambda had: _obstacles(config, data, networks, processes, had))
    asked = config.execution
    if obstacles := _obstacles(config, data, networks, processes, asked):
        raise ConfigError(
            [f"execution={asked.value}: {text}: use execution=torch" for text in obstacles]
        )
    if saved is not None and asked.value != renamed_choice("execution", saved):
        logger.warning(
            "execution=%s: the checkpoint was made with %s; results agree to round-off only",
            asked.value,
            saved,
        )
    return asked


def _continued(saved: str, obstacles_of: Callable[[Execution], list[str]]) -> Execution:
    """Returns the execution of a checkpoint, or torch with a warning where it cannot be had."""
    execution = Execution(renamed_choice("execution", saved))
    removed = REMOVED.get(f"execution={saved}")
    obstacles = [f"removed: {removed}"] if removed else obstacles_of(execution)
    if not obstacles:
        return execution
    logger.warning(
        "the checkpoint was made with execution=%s, this is torch (%s); results agree to round-off "
        "only",
        saved,
        "; ".join(obstacles),
    )
    return Execution.torch


def _by_rule(
    config: TrainConfig, data: BatchSource, networks: SpeciesNetworks, num_steps: int
) -> Execution:
    """The execution of a new training."""
    if not data.has_forces and num_steps < _STEPS_FOR_NUMBA:
        return Execution.torch
    return Execution.torch if _of_numba(config, data, networks) else Execution.numba


def make_steps(
    execution: Execution, step: TrainStep, data: BatchSource, totals: Totals, batch_size: int
) -> Steps:
    """Returns what makes the steps of a training.

    Args:
        execution: Of :func:`choose_execution` with the same data.
        step: The definition of a step.
        data: What to train on.
        totals: Sums of errors.
        batch_size: Structures per batch.
    """
    if execution is Execution.numba and _compiled_as_a_whole(step, data):
        from panna_exp.training.numba_steps import NumbaSteps  # numba takes time to import

        assert isinstance(data, PackedData)
        with saying_compiled():
            return NumbaSteps(step, data, totals)
    if execution is not Execution.cuda_graph:
        return DirectSteps(step=step, data=data, totals=totals)
    assert isinstance(data, PackedData)
    padded = PaddedData(data, batch_size, padded_jacobians(data))
    logger.info("CUDA graphs of %s per batch", shapes(padded.capacities))
    return PaddedSteps(step, padded, totals, record=True)


def _compiled_as_a_whole(step: TrainStep, data: BatchSource) -> bool:
    """Whether numba makes whole steps, not only the networks' passes."""
    alone = step.processes.size == 1 and torch.get_num_threads() == 1
    return alone and step.force_loss is None and isinstance(data, PackedData)


def padded_jacobians(data: PackedData) -> PaddedJacobians | None:
    """Returns the data's Jacobians for padded batches, None where there are none."""
    # They import numba, which other trainings have no use for.
    from panna_exp.descriptors.lists import NeighborLists
    from panna_exp.descriptors.padded_lists import PaddedLists

    if isinstance(data.jacobians, NeighborLists):
        return PaddedLists(data.jacobians, data.offsets)
    return PaddedStored(data.jacobians) if isinstance(data.jacobians, StoredJacobians) else None


def _obstacles(
    config: TrainConfig,
    data: BatchSource,
    networks: SpeciesNetworks,
    processes: Processes,
    wanted: Execution,
) -> list[str]:
    """Returns why the steps of this training cannot be executed so."""
    if wanted is Execution.torch:
        return []
    if wanted is Execution.numba:
        return _of_numba(config, data, networks)
    training = config.training
    found = []
    if data.device.type != "cuda":
        found.append(f"records what a CUDA device does, but this training runs on {data.device}")
    if processes.size > 1:
        found.append("steps that several processes share have no fixed shapes")
    if "exp" in training.loss_function:
        found.append(
            f"training.loss_function={training.loss_function} is differentiated automatically, "
            "within the step"
        )
    if not isinstance(data, PackedData):
        found.append("data that are read or sent piece by piece have no fixed place on the device")
    if training.forces_cost > 0 and training.force_fraction < 1:
        found.append(
            f"training.force_fraction={training.force_fraction:g} draws components on the host"
        )
    return found


def _of_numba(config: TrainConfig, data: BatchSource, networks: SpeciesNetworks) -> list[str]:
    """Returns why numba cannot make the steps."""
    found = numba_obstacles(networks)
    if data.device.type != "cpu":
        found.append(f"numba compiles for a CPU, but this training runs on {data.device}")
    if (matmul := config.training.matmul) is not Matmul.float32:
        found.append(f"numba does not round factors as training.matmul={matmul.value} does")
    return found
