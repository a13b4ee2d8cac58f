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

logger = logging.getLogger(__name__)

FOLDER = "model"
_LONGEST_NAME = 100


def save_model(
    config: TrainConfig,
    members: Sequence[SavedPotential],
    step: int,
    run_dir: Path,
    tracker: Tracker,
) -> None:
    """Writes ``model/NAME`` and has it logged, where that is asked for and possible.

    Args:
        config: Of the run.
        members: The run's potential, or those of a committee, one per seed.
        step: Of the run's results.
        run_dir: The run directory.
        tracker: Logs it.
    """
    potential = members[0]
    if not _is_wanted(config, potential.descriptor):
        return
    several = bool(config.training.seeds)
    name = _committee_name(config.training.seeds, step) if several else potential.name
    folder = run_dir / FOLDER / name
    try:
        if several:
            write_committee(folder, name, members, config.precision.value)
        else:
            write_model(folder, potential, config.precision.value)
    except (NetworkError, OSError) as error:  # a model is not worth the run
        logger.warning("MLflow gets no model: %s", error)
        return
    tracker.save_model(
        Model(
            folder=folder,
            name=name,
            step=step,
            species=potential.symbols,
            register=config.tracking.register,
            members=len(members),
        )
    )


def _committee_name(seeds: Sequence[int], step: int) -> str:
    name = f"committee_{'_'.join(map(str, seeds))}_step_{step}"
    if len(name) > _LONGEST_NAME:  # of hundreds of seeds no name of a file can be made
        name = f"committee_{hashlib.sha256(name.encode()).hexdigest()[:16]}_step_{step}"
    return name


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
