"""Sweeps: what jobs are compared by, and where they are."""

from dataclasses import dataclass

from panna_exp.config.schema.options import option


@dataclass
class SweepConfig:
    """Several jobs at once (``-m``)."""

    metric: str | None = option(
        None,
        "what jobs are ranked by, the smaller the better: validation/ or train/ with loss, "
        "energy_mae, energy_rmse, force_mae or force_rmse, of the best checkpoint (default: "
        "validation/ with training.monitor, or with energy_mae where jobs differ in what makes the "
        "loss; without validation data: of the training data)",
    )
    fail_fast: bool = option(
        False, "after a failed job no other begins (those that run go on to their end)"
    )
    dir: str | None = option(
        None,
        "folder of the sweep; with it set, the same command again runs only what is left of a "
        "sweep that was cut off (default: outputs/sweeps/ by date and time)",
    )
    trials: int = option(20, "hydra/sweeper=optuna: jobs in all, those of earlier starts included")
    parallel: int = option(
        1, "hydra/sweeper=optuna: jobs that are chosen at the same time, for a parallel launcher"
    )
    seed: int = option(0, "hydra/sweeper=optuna: of the choices")
    prune: bool = option(
        True,
        "hydra/sweeper=optuna: stop a job whose best metric so far is worse than the median of the "
        "earlier jobs at the same epoch",
    )
    prune_after_trials: int = option(5, "hydra/sweeper=optuna: so many jobs are always trained")
    prune_after_epochs: int = option(5, "hydra/sweeper=optuna: no job is stopped before this epoch")
    trial: int | None = option(
        None, "number of the job in a search: set by hydra/sweeper=optuna, not by the user"
    )
