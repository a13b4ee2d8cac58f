"""How the steps of a training are executed: by fixed rules, never by timing.

``eager`` is the definition. ``auto`` is eager on every device: on a CPU nothing else was measured
to be faster (docs/gpu.md: ``compile`` is not), and no GPU has run ``cuda_graph`` yet. A continued
training keeps the execution of its checkpoint, for equal bits, where that can still be had.
"""

import logging
import os
import shutil
from importlib.util import find_spec

from panna_exp.config.schema import Execution, TrainConfig
from panna_exp.data.batch import BatchSource, PackedData
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.padded import PaddedData, shapes
from panna_exp.data.padded_jacobians import PaddedJacobians, PaddedStored
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.padded_lists import PaddedLists
from panna_exp.errors import ConfigError
from panna_exp.training.execution import EagerSteps, Steps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps
from panna_exp.training.processes import Processes
from panna_exp.training.step import TrainStep

logger = logging.getLogger(__name__)


def choose_execution(
    config: TrainConfig, data: BatchSource, saved: str | None, processes: Processes
) -> Execution:
    """Returns the user's execution, the checkpoint's, else that of the rule above.

    Args:
        config: Validated.
        data: What to train on.
        saved: The execution that the checkpoint's steps were made with, if there is a checkpoint.
        processes: That share the batches.

    Raises:
        ConfigError: The user's cannot be had; every reason is named.
    """
    asked = config.execution
    wanted = Execution(saved or "eager") if asked is Execution.auto else asked
    obstacles = [] if wanted is Execution.eager else _obstacles(config, data, processes, wanted)
    if asked is Execution.auto:
        if obstacles:
            logger.warning(
                "the checkpoint was made with execution=%s, this is eager (%s); results "
                "agree to round-off only",
                wanted.value,
                "; ".join(obstacles),
            )
        return Execution.eager if obstacles else wanted
    if obstacles:
        raise ConfigError(
            [f"execution={asked.value}: {text}: use execution=eager" for text in obstacles]
        )
    if saved is not None and asked.value != saved:
        logger.warning(
            "execution=%s: the checkpoint was made with %s; results agree to round-off only",
            asked.value,
            saved,
        )
    return asked


def make_steps(
    execution: Execution, step: TrainStep, data: BatchSource, totals: Totals, batch_size: int
) -> Steps:
    """Returns what makes the steps of a training.

    Args:
        execution: Of :func:`choose_execution` with the same data.
        step: The definition of a step.
        data: What to train on.
        totals: Sums of errors.
        batch_size: Structures a batch.
    """
    if execution is Execution.eager:
        return EagerSteps(step=step, data=data, totals=totals)
    assert isinstance(data, PackedData)
    padded = PaddedData(data, batch_size, padded_jacobians(data))
    compiled = execution is Execution.compile
    name = "compiled steps" if compiled else "CUDA graphs"
    logger.info("%s of %s a batch", name, shapes(padded.capacities))
    return PaddedSteps(step, padded, totals, record=not compiled, compiled=compiled)


def padded_jacobians(data: PackedData) -> PaddedJacobians | None:
    """Returns the data's Jacobians for padded batches, None where there are none."""
    if isinstance(data.jacobians, NeighborLists):
        return PaddedLists(data.jacobians, data.offsets)
    return PaddedStored(data.jacobians) if isinstance(data.jacobians, StoredJacobians) else None


def _obstacles(
    config: TrainConfig, data: BatchSource, processes: Processes, wanted: Execution
) -> list[str]:
    """Returns why no step of this training can be recorded or compiled."""
    training = config.training
    found = _of_compiler(data) if wanted is Execution.compile else _of_recording(data)
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


def _of_recording(data: BatchSource) -> list[str]:
    if data.device.type == "cuda":
        return []
    return [f"records what a CUDA device does, but this training runs on {data.device}"]


def _of_compiler(data: BatchSource) -> list[str]:
    found = []
    if data.device.type == "cuda":
        if find_spec("triton") is None:
            found.append("torch.compile needs the package triton on a GPU")
    elif not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "c++")):
        found.append("torch.compile needs a C++ compiler on a CPU, and none is on the path")
    if isinstance(data, PackedData) and isinstance(data.jacobians, NeighborLists):
        found.append("forces from positions come from loops that are compiled already")
    return found
