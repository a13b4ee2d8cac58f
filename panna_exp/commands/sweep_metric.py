"""The metrics that ``sweep.metric`` names: meV/atom, eV/A, or the loss as it is."""

from collections.abc import Mapping

from panna_exp.training import metrics

_NAMES = {
    "MAE": (metrics.ENERGY_MAE, 1000.0),
    "RMSE": (metrics.ENERGY_RMSE, 1000.0),
    "loss": (metrics.LOSS, 1.0),
    "force_MAE": (metrics.FORCE_MAE, 1.0),
    "force_RMSE": (metrics.FORCE_RMSE, 1.0),
}
# The same of an evaluation.
_NUMBERS = {
    "MAE": "mae_mev_per_atom",
    "RMSE": "rmse_mev_per_atom",
    "force_MAE": "force_mae_ev_per_angstrom",
    "force_RMSE": "force_rmse_ev_per_angstrom",
}


def epoch_metrics(train: Mapping[str, float], validation: Mapping[str, float]) -> dict[str, float]:
    """Returns the metrics of an epoch's end by the names of ``sweep.metric``.

    Args:
        train: The epoch's training metrics, eV.
        validation: Of the validation data; empty without: the training's then take their place.
    """
    parts = {"train": train, "validation": validation or train}
    return {
        f"{part}/{name}": factor * values[key]
        for part, values in parts.items()
        for name, (key, factor) in _NAMES.items()
        if key in values
    }


def final_metrics(
    train: Mapping[str, float], validation: Mapping[str, float], numbers: Mapping[str, float]
) -> dict[str, float]:
    """Returns those of the end of a training, where the networks were evaluated.

    Args:
        train: The last epoch's training metrics, eV.
        validation: Those of the validation data, empty without.
        numbers: Of the evaluation of the networks that the training leaves.
    """
    evaluated = {
        f"validation/{name}": numbers[key] for name, key in _NUMBERS.items() if key in numbers
    }
    return epoch_metrics(train, validation) | evaluated
