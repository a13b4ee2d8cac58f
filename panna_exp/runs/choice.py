"""Whether a job is one training or several."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from panna_exp.runs.job import Job
from panna_exp.runs.training import train

if TYPE_CHECKING:
    from panna_exp.runs.session import TrainingResult


def way_to_train(job: Job) -> Callable[[Job], "TrainingResult"]:
    """Returns what trains a potential, or a committee with ``training.seeds``."""
    if not job.config.training.seeds:
        return train
    from panna_exp.runs.committee import train_committee

    return train_committee
