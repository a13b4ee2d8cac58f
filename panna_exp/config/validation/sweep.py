"""Options of sweeps."""

from panna_exp.config.schema.sweep import SweepConfig
from panna_exp.config.validation.problems import Problems

METRICS = tuple(
    f"{part}/{name}"
    for part in ("validation", "train")
    for name in ("energy_mae", "energy_rmse", "loss", "force_mae", "force_rmse")
)


def check_sweep(sweep: SweepConfig, forces_cost: float, problems: Problems) -> None:
    """Adds the mistakes in the options of a sweep.

    Args:
        sweep: The options.
        forces_cost: training.forces_cost: without it forces are not compared with anything.
        problems: Collects them.
    """
    if sweep.metric is not None:
        problems.choice("sweep.metric", sweep.metric, METRICS)
    if sweep.metric is not None and sweep.metric in METRICS and "force" in sweep.metric:
        problems.check(
            forces_cost > 0,
            f"sweep.metric={sweep.metric}: needs training.forces_cost > 0, found {forces_cost:g}",
        )
    for name in ("trials", "parallel"):
        problems.check(
            getattr(sweep, name) > 0, f"sweep.{name} must be > 0, found {getattr(sweep, name)}"
        )
    for name in ("prune_after_trials", "prune_after_epochs"):
        problems.check(
            getattr(sweep, name) >= 0,
            f"sweep.{name} must be >= 0, found {getattr(sweep, name)}",
        )
