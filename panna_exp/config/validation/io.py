"""Checks of folders, frequencies and tracking."""

from panna_exp.config.schema import IoConfig, RestartMode, TrackingConfig, TrainConfig
from panna_exp.config.validation.problems import Problems

METRICS = ("MAE", "RMSE", "loss")


def check_io(config: TrainConfig, problems: Problems) -> None:
    """Checks folders, frequencies and the restart mode."""
    io = config.io
    for name in ("log_frequency", "save_checkpoint_steps", "max_ckpt_to_keep"):
        value = getattr(io, name)
        problems.check(value is None or value > 0, f"io.{name}={value} must be > 0")
    for name in ("starting_model_save", "final_model_save"):
        value = getattr(io, name)
        problems.check(value is None or value >= 0, f"io.{name}={value} must be >= 0")
    _restart(io, problems)
    for metric in io.metrics:
        problems.choice("io.metrics", metric, METRICS)
    if io.restart_mode is RestartMode.specific_ckpt and io.restart_checkpoint is None:
        problems.found.append(
            "io.restart_checkpoint is missing: restart_mode=specific_ckpt needs the checkpoint"
        )
    if io.restart_mode is RestartMode.metadata and config.network.networks_metadata is None:
        problems.found.append(
            "network.networks_metadata is missing: restart_mode=metadata needs the folder"
        )


def _restart(io: IoConfig, problems: Problems) -> None:
    for name in ("restart_epoch", "restart_step"):
        value = getattr(io, name)
        problems.check(value is None or value >= 0, f"io.{name}={value} must be >= 0")
        if value is not None and io.restart_mode is not RestartMode.specific_ckpt:
            problems.found.append(
                f"io.{name}={value}: only restart_mode=specific_ckpt counts from elsewhere, not "
                f"{io.restart_mode.value}"
            )


def check_tracking(tracking: TrackingConfig, problems: Problems) -> None:
    """Adds the mistakes in the options of tracking."""
    seconds = tracking.wait_seconds
    problems.check(seconds >= 0, f"tracking.wait_seconds={seconds} must be >= 0")
    name = tracking.register
    if name is None:
        return
    problems.check(
        bool(name.strip(". ")) and not set(name) & set("/:'\""),
        f"tracking.register={name!r}: expected a name without slashes, colons and quotes",
    )
    problems.check(
        tracking.mlflow and tracking.log_model,
        f"tracking.register={name}: registers the model that tracking=mlflow with "
        "tracking.log_model=true logs: set both, or leave it out",
    )
