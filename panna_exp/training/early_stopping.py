"""What a training does by its validation errors: keep the best, lower the rate, stop.

Everything is decided at epoch ends from numbers that checkpoints hold, so that a resumed training
decides as one that never stopped.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from panna_exp.training import metrics
from panna_exp.training.best import improves


@dataclass(frozen=True, slots=True, kw_only=True)
class EarlyStoppingSettings:
    """When to act.

    Args:
        monitor: A metric of the validation data, or of the training data without any.
        min_delta: By how much it must fall to count as an improvement.
        patience: Epochs without an improvement after which the training stops; None: never.
        plateau_patience: Those after which the learning rate is multiplied by ``plateau_factor``;
            None: never.
        plateau_factor: See there.
        lowest: The rate is not lowered below this part of the initial one.
    """

    monitor: str = metrics.LOSS
    min_delta: float = 0.0
    patience: int | None = None
    plateau_patience: int | None = None
    plateau_factor: float = 0.5
    lowest: float = 0.0


class EarlyStopping:
    """Follows the watched error from epoch to epoch.

    Args:
        settings: When to act.
        state: What :meth:`state` gave when a training was stopped, or nothing.

    Attributes:
        best: The lowest value so far, infinite before the first.
        best_step: Step at which it was reached.
        rate_factor: What the learning rate is multiplied by.
    """

    def __init__(
        self, settings: EarlyStoppingSettings, state: Mapping[str, float] | None = None
    ) -> None:
        self._settings = settings
        known = dict(state or {})
        self.best = known.get("best", math.inf)
        self.best_step = int(known.get("best_step", 0))
        self.rate_factor = known.get("rate_factor", 1.0)
        self._waited = int(known.get("waited", 0))
        self._waited_at_rate = int(known.get("waited_at_rate", 0))

    def state(self) -> dict[str, float]:
        """Returns what a checkpoint keeps."""
        return {
            "best": self.best,
            "best_step": self.best_step,
            "rate_factor": self.rate_factor,
            "waited": self._waited,
            "waited_at_rate": self._waited_at_rate,
        }

    @property
    def stopped_early(self) -> bool:
        """Whether there was no improvement for so long that the training stops."""
        patience = self._settings.patience
        return patience is not None and self._waited >= patience

    def epoch_ended(self, step: int, values: Mapping[str, float]) -> bool:
        """Takes an epoch's errors; returns whether they are the best so far."""
        value = values[self._settings.monitor]
        if improves(value, self.best, self._settings.min_delta):
            self.best, self.best_step = value, step
            self._waited = self._waited_at_rate = 0
            return True
        self._waited += 1
        self._waited_at_rate += 1
        self._lower_rate()
        return False

    def _lower_rate(self) -> None:
        patience = self._settings.plateau_patience
        if patience is not None and self._waited_at_rate >= patience:
            lowered = self.rate_factor * self._settings.plateau_factor
            self.rate_factor = max(lowered, self._settings.lowest)
            self._waited_at_rate = 0
