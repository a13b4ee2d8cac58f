"""Sweeps: what jobs are compared by, and where they are."""

from dataclasses import dataclass

from panna_exp.config.schema.options import option


@dataclass
class SweepConfig:
    """Several jobs at once (``-m``)."""

    metric: str = option(
        "validation/MAE",
        "what jobs are ranked by, the smaller the better: validation/ or train/ with MAE, RMSE, "
        "loss, force_MAE or force_RMSE (without validation data: of the training data)",
    )
    fail_fast: bool = option(
        False, "once a job failed, no other begins (those that run go on to their end)"
    )
    dir: str | None = option(
        None,
        "folder of the sweep; with it set, the same command again runs only what is left of a "
        "sweep that was cut off (default: outputs/sweeps/ by date and time)",
    )
