"""The potential that a training ended with, as a folder and as a model of its trackers."""

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

from panna_exp.assembly.model_folder import write_committee, write_model
from panna_exp.assembly.saved import SavedPotential
from panna_exp.config.schema import TrainConfig
from panna_exp.descriptors.info import Descriptor
from panna_exp.errors import NetworkError
from panna_exp.tracking.base import Model, Tracker
from panna_exp.training.checkpoint import Checkpoint

logger = logging.getLogger(__name__)

FOLDER = "model"
_LONGEST_NAME = 100


def save_model(
    config: TrainConfig, checkpoint: Checkpoint, step: int, run_dir: Path, tracker: Tracker
) -> None:
    """Writes ``model/CHECKPOINT`` and has it logged, where that is asked for and possible.

    Args:
        config: Of the run.
        checkpoint: Of the run, the one to use.
        step: Of the run's results.
        run_dir: The run directory.
        tracker: Logs it.
    """
    descriptor = Descriptor.from_record(checkpoint.descriptor, checkpoint.name)
    if not _is_wanted(config, descriptor):
        return
    folder = run_dir / FOLDER / checkpoint.name
    try:
        write_model(
            folder,
            checkpoint.name,
            checkpoint.evaluated,
            descriptor,
            checkpoint.energy_rescale,
            config.precision.value,
            checkpoint.ranges,
            checkpoint.repulsion,
        )
    except (NetworkError, OSError) as error:  # a model is not worth the run
        logger.warning("MLflow gets no model: %s", error)
        return
    tracker.save_model(
        Model(
            folder=folder,
            name=checkpoint.name,
            step=step,
            species=[network.symbol for network in checkpoint.networks],
            register=config.tracking.register,
        )
    )


def save_committee(
    config: TrainConfig,
    members: Sequence[SavedPotential],
    step: int,
    folder: Path,
    tracker: Tracker,
) -> None:
    """Does for all members of a committee together what :func:`save_model` does for a run.

    Args:
        config: Of the committee, with its seeds.
        members: One per seed, at their ends.
        step: Of the committee's results.
        folder: The committee's.
        tracker: Of the committee; logs it.
    """
    if not _is_wanted(config, members[0].descriptor):
        return
    name = f"committee_{'_'.join(map(str, config.training.seeds))}_step_{step}"
    if len(name) > _LONGEST_NAME:  # of hundreds of seeds no name of a file can be made
        name = f"committee_{hashlib.sha256(name.encode()).hexdigest()[:16]}_step_{step}"
    try:
        write_committee(folder / FOLDER / name, name, members, config.precision.value)
    except (NetworkError, OSError) as error:
        logger.warning("MLflow gets no model: %s", error)
        return
    tracker.save_model(
        Model(
            folder=folder / FOLDER / name,
            name=name,
            step=step,
            species=members[0].symbols,
            register=config.tracking.register,
            members=len(members),
        )
    )


def _is_wanted(config: TrainConfig, descriptor: Descriptor) -> bool:
    """Whether a model is asked for and possible; says so where it is not possible."""
    if not config.tracking.mlflow or not config.tracking.log_model:
        return False
    if descriptor.parameters is not None:
        return True
    logger.info(
        "MLflow gets no model: nothing says which formula made the descriptors of the data, so "
        "it could not predict from positions: say data.generation=A, B or C with descriptor=mbp"
    )
    return False
