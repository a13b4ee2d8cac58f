"""The potential that a training ended with, as a folder and as a model of its trackers."""

import logging
from pathlib import Path

from panna_exp.assembly.model_folder import write_model
from panna_exp.assembly.training import Run
from panna_exp.config.schema import TrainConfig
from panna_exp.errors import NetworkError
from panna_exp.tracking.base import Model, Tracker

logger = logging.getLogger(__name__)

FOLDER = "model"


def save_model(config: TrainConfig, run: Run, run_dir: Path, tracker: Tracker) -> None:
    """Writes ``model/CHECKPOINT`` and has it logged, where that is asked for and possible.

    Args:
        config: Of the run.
        run: At its end.
        run_dir: The run directory.
        tracker: Logs it.
    """
    if not config.tracking.mlflow or not config.tracking.log_model:
        return
    if run.descriptor["type"] == "unknown":
        logger.info(
            "MLflow gets no model: nothing says which formula made the descriptors of the data, so "
            "it could not predict from positions: say data.generation=A, B or C with descriptor=mbp"
        )
        return
    checkpoint = run.checkpoint()
    folder = run_dir / FOLDER / checkpoint.name
    try:
        write_model(
            folder,
            checkpoint.name,
            checkpoint.evaluated,
            run.descriptor,
            checkpoint.energy_rescale,
            config.precision.value,
            checkpoint.ranges,
        )
    except (NetworkError, OSError) as error:  # a model is not worth the run
        logger.warning("MLflow gets no model: %s", error)
        return
    tracker.save_model(
        Model(
            folder=folder,
            name=checkpoint.name,
            step=checkpoint.position.step,
            species=[network.symbol for network in checkpoint.networks],
            register=config.tracking.register,
        )
    )
