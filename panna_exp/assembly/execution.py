"""How the steps of a training are executed: by fixed rules, never by timing.

``eager`` is the definition. ``auto`` takes ``loops`` on a CPU where they can be had and their few
seconds of compilation are paid back: for training on forces, and for many steps. Otherwise it is
eager: ``compile`` is slower (docs/gpu.md), and no GPU has run ``cuda_graph`` yet. A continued
training keeps the execution of its checkpoint, for equal bits, where that can still be had.
"""

import logging
import os
import shutil
import time
from importlib.util import find_spec

from panna_exp.config.schema import Execution, Matmul, TrainConfig
from panna_exp.data.batch import BatchSource, PackedData
from panna_exp.data.jacobians import StoredJacobians
from panna_exp.data.padded import PaddedData, shapes
from panna_exp.data.padded_jacobians import PaddedJacobians, PaddedStored
from panna_exp.descriptors.lists import NeighborLists
from panna_exp.descriptors.padded_lists import PaddedLists
from panna_exp.errors import ConfigError
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import without_loops
from panna_exp.training.execution import EagerSteps, Steps
from panna_exp.training.metrics import Totals
from panna_exp.training.padded_steps import PaddedSteps
from panna_exp.training.processes import Processes
from panna_exp.training.step import TrainStep

logger = logging.getLogger(__name__)


# Steps that make up for compiling loops: some 5 s, a third of a millisecond saved in each.
_STEPS_FOR_LOOPS = 20_000
_WORTH_SAYING = 1.5  # seconds; loading what is kept takes less


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
    asked = config.execution
    wanted = asked
    if asked is Execution.auto:
        wanted = Execution(saved) if saved else _by_rule(config, data, networks, num_steps)
    obstacles = _obstacles(config, data, networks, processes, wanted)
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


def _by_rule(
    config: TrainConfig, data: BatchSource, networks: SpeciesNetworks, num_steps: int
) -> Execution:
    """The execution of a new training."""
    if not data.has_forces and num_steps < _STEPS_FOR_LOOPS:
        return Execution.eager
    return Execution.eager if _of_loops(config, data, networks) else Execution.loops


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
    if execution is Execution.loops:
        _use_loops(step)
    if execution in (Execution.eager, Execution.loops):
        return EagerSteps(step=step, data=data, totals=totals)
    assert isinstance(data, PackedData)
    padded = PaddedData(data, batch_size, padded_jacobians(data))
    compiled = execution is Execution.compile
    name = "compiled steps" if compiled else "CUDA graphs"
    logger.info("%s of %s a batch", name, shapes(padded.capacities))
    return PaddedSteps(step, padded, totals, record=not compiled, compiled=compiled)


def _use_loops(step: TrainStep) -> None:
    """Has compiled loops do the networks' work, and compiles them where nobody has yet."""
    from panna_exp.model.loop_networks import LoopNetworks

    started = time.perf_counter()
    loops = LoopNetworks(step.networks, step.parameters.values, step.parameters.gradients)
    loops.load(forces=step.force_loss is not None)
    step.networks.loops = loops
    seconds = time.perf_counter() - started
    if seconds > _WORTH_SAYING:
        logger.info("loops compiled in %.1f s, and kept for the next training", seconds)


def padded_jacobians(data: PackedData) -> PaddedJacobians | None:
    """Returns the data's Jacobians for padded batches, None where there are none."""
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
    if wanted is Execution.eager:
        return []
    if wanted is Execution.loops:
        return _of_loops(config, data, networks)
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


def _of_loops(config: TrainConfig, data: BatchSource, networks: SpeciesNetworks) -> list[str]:
    """Returns why compiled loops cannot make the steps."""
    found = without_loops(networks)
    if data.device.type != "cpu":
        found.append(f"loops are for a CPU, but this training runs on {data.device}")
    if (matmul := config.training.matmul) is not Matmul.float32:
        found.append(f"loops do not round factors as training.matmul={matmul.value} does")
    if not all(all(network.trainable) for network in networks.networks):
        found.append("loops train all layers, but some are frozen")
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
