"""The metrics that ``sweep.metric`` names: meV/atom, eV/A, or the loss as it is."""

from collections.abc import Collection, Mapping

from panna_exp.config.schema import SweepConfig
from panna_exp.quantities import QUANTITIES

# Before quantities had one name each; results of that time are still ranked.
_EARLIER = {
    "energy_mae": "MAE",
    "energy_rmse": "RMSE",
    "force_mae": "force_MAE",
    "force_rmse": "force_RMSE",
}
# Options that make the losses of two trainings numbers of different kinds.
_OF_THE_LOSS = (
    *("experiment", "training", "training.panna_version", "training.loss_function"),
    *("training.energy_weight", "training.energy_reduction", "training.energy_prefactor"),
    *("training.energy_rescale", "training.forces_cost", "training.floss_function"),
    *("training.force_weights", "training.force_reduction", "training.virial_cost"),
    *("training.wscale_l1", "training.wscale_l2", "training.bscale_l1", "training.bscale_l2"),
    "training.monitor",
)
_OTHERWISE = "energy_mae"


def ranking_metric(sweep: SweepConfig, monitor: str, swept: Collection[str] = ()) -> str:
    """Returns what jobs are ranked by: what the user says, else what their trainings watched.

    Args:
        sweep: Options of the sweep.
        monitor: training.monitor.
        swept: Keys in which the jobs differ. Where losses cannot be compared energies are.
    """
    if sweep.metric is not None:
        return sweep.metric
    comparable = monitor != "loss" or not set(swept) & set(_OF_THE_LOSS)
    return f"validation/{monitor if comparable else _OTHERWISE}"


def metric_value(values: Mapping[str, float], metric: str) -> float | None:
    """Returns a metric of those of a result, by today's name or the earlier one."""
    part, _, name = metric.partition("/")
    value = values.get(metric, values.get(f"{part}/{_EARLIER.get(name)}"))
    return None if value is None else float(value)


def epoch_metrics(train: Mapping[str, float], validation: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics of an epoch's end by the names of ``sweep.metric``.

    Args:
        train: The epoch's training metrics, eV.
        validation: Of the validation data; empty without: the training's then take their place.
    """
    parts = {"train": train, "validation": validation or train}
    return {
        f"{part}/{name}": QUANTITIES[name].factor * value
        for part, values in parts.items()
        for name, value in values.items()
        if name in QUANTITIES
    }


def final_metrics(
    train: Mapping[str, float], validation: Mapping[str, float], evaluated: Mapping[str, float]
) -> dict[str, float]:
    """Returns those of the networks that a training gives, which were evaluated.

    Args:
        train: The training metrics of their epoch, eV.
        validation: Those of the validation data, empty without.
        evaluated: Of their evaluation, by quantity.
    """
    found = {f"validation/{name}": value for name, value in evaluated.items()}
    return epoch_metrics(train, validation) | found
