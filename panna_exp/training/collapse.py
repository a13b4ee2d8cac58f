"""Sees a training that has collapsed: its networks ignore their inputs and give constants.

Units that saturate have no gradients, and such a training does not recover. Its forces are zero,
its energies those of the best constant per species: both are known before it starts.
"""

from collections.abc import Mapping
from dataclasses import dataclass

# A collapsed network is as wrong as a constant; one that learns is soon better, one that is still
# at its start may be worse.
_LIKE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class CollapseSettings:
    """When a training has collapsed, and what is done then.

    Args:
        metric: The watched error, of the validation data or of the training data without any.
        constant: What it is of a predictor that knows nothing of the geometry.
        first: Updates since the start, or the last restart, before which nothing is decided.
        last: Step after which a training that was never restarted is left alone.
        restarts: How often the training starts again before it is given up.
        rate_factor: What the learning rate is multiplied by each time.
    """

    metric: str
    constant: float
    first: int
    last: int
    restarts: int
    rate_factor: float = 0.3


class CollapseWatch:
    """Follows the watched error from epoch to epoch.

    Args:
        settings: When to act.
        state: What :meth:`state` gave when a training was stopped, or nothing.

    Attributes:
        restarts: Made so far.
    """

    def __init__(
        self, settings: CollapseSettings, state: Mapping[str, float] | None = None
    ) -> None:
        self.settings = settings
        known = dict(state or {})
        self.restarts = int(known.get("restarts", 0))
        self._since = int(known.get("restarted_at", 0))

    def state(self) -> dict[str, float]:
        """Returns what a checkpoint keeps."""
        return {"restarts": self.restarts, "restarted_at": self._since}

    @property
    def rate_factor(self) -> float:
        """What the learning rate is multiplied by."""
        return self.settings.rate_factor**self.restarts

    @property
    def given_up(self) -> bool:
        """Whether no restart is left."""
        return self.restarts >= self.settings.restarts

    def sees(self, step: int, values: Mapping[str, float]) -> bool:
        """Whether an epoch's errors, after ``step`` updates, are a constant's."""
        settings = self.settings
        late = step > settings.last and not self.restarts
        if late or step - self._since < settings.first:
            return False
        return abs(values[settings.metric] / settings.constant - 1) < _LIKE

    def restarted(self, step: int) -> None:
        """Counts a restart."""
        self.restarts += 1
        self._since = step
