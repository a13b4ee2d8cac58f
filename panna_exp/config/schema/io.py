"""Folders, how often things are written, and where else a run is recorded."""

from dataclasses import dataclass

from panna_exp.config.schema.choices import RestartMode
from panna_exp.config.schema.options import option


@dataclass
class IoConfig:
    """Folders, and how often things are written."""

    train_dir: str | None = option(
        None,
        "run directory; with it set, the same command again continues from the last checkpoint "
        "(default: outputs/ by date and time)",
    )
    eval_dir: str | None = option(None, "where evaluate writes (default: RUN_DIR/evaluate)")
    output_dir: str | None = option(None, "where extract-weights writes")
    log_frequency: int = option(10, "steps between logged training metrics")
    save_checkpoint_steps: int | None = option(
        None,
        "steps between checkpoints (default: at epoch ends, 500 steps or more apart); the last "
        "step is always saved",
    )
    max_ckpt_to_keep: int = option(20, "older checkpoints beyond this number are deleted")
    keep_best: bool = option(
        True,
        "keep the checkpoint with the lowest validation error, see training.monitor; it is "
        "checkpoint=best of other commands",
    )
    metrics: list[str] = option(
        ["MAE", "RMSE", "loss"], "columns of metrics.dat: any of MAE, RMSE, loss"
    )
    restart_mode: RestartMode = option(
        RestartMode.auto,
        "checkpoints found in the run directory: auto (continue; an unchanged config continues "
        "exactly), or one of PANNA's: default, force_default, continue_from_last_ckpt, "
        "specific_ckpt, metadata",
    )
    restart_checkpoint: str | None = option(
        None, "checkpoint file or name to start from with restart_mode=specific_ckpt"
    )
    restart_epoch: int | None = option(
        None, "specific_ckpt: epochs are counted from here (default: the checkpoint's)"
    )
    restart_step: int | None = option(
        None, "specific_ckpt: steps are counted from here (default: the checkpoint's)"
    )
    starting_model_save: int | None = option(
        None,
        "after this step (0: before the first) the networks are saved in RUN_DIR/starting_model, a "
        "weights folder",
    )
    final_model_save: int | None = option(
        None,
        "after this step (0: before the first) the networks are saved in RUN_DIR/final_model, a "
        "weights folder",
    )
    delta_e: bool = option(
        False, "write delta_e.dat and delta_e_std.dat, errors of each logged step's batch (PANNA 1)"
    )


@dataclass
class TrackingConfig:
    """Where the run is recorded besides its own directory."""

    mlflow: bool = option(False, "record in MLflow")
    tensorboard: bool = option(False, "write TensorBoard event files into the run directory")
    experiment: str = option("panna_exp", "MLflow experiment")
    run_name: str | None = option(
        None, "MLflow run name (default: experiment, network and what was overridden)"
    )
    uri: str | None = option(
        None, "MLflow store (default: MLFLOW_TRACKING_URI, else mlflow.db where you started)"
    )
    weight_figures: bool = option(
        True, "MLflow: a figure of each layer's weights and biases over the epochs"
    )
    log_model: bool = option(
        True, "MLflow: log the trained potential as a model (mlflow.pyfunc.load_model)"
    )
    register: str | None = option(None, "MLflow: register that model under this name")
    system_metrics: bool = option(
        False,
        "MLflow: use of CPU, memory, disk and NVIDIA GPUs as well, every 10 s "
        "(pip install panna-exp[system])",
    )
    wait_seconds: float = option(60.0, "how long the end of a run waits for MLflow to take it all")
