"""Steps per second of a training, less what it does between epochs."""

import time
from collections.abc import Callable

_LEAST_SECONDS = 1.0


class Speed:
    """Measures from logged point to logged point, over a second at least or up to an epoch's end.

    The first step of each epoch starts the clock: what comes before it (validation, a checkpoint,
    the first step's preparations) is not counted.

    Args:
        clock: Returns seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._start: tuple[int, float] | None = None
        self._seen = (0, 0.0)

    def advanced(self, step: int) -> None:
        """A step was made."""
        if self._start is None:
            self._start = self._seen = (step, self._clock())

    def logged(self, step: int) -> dict[str, float]:
        """Returns ``steps_per_second`` since the last value, or nothing if that is too recent."""
        self._seen = (step, self._clock())
        if self._start is None or self._seen[1] - self._start[1] < _LEAST_SECONDS:
            return {}
        return self._take()

    def epoch_ended(self) -> dict[str, float]:
        """Returns what the last logged point, which was the epoch's end, kept back."""
        values = self._take()
        self._start = None
        return values

    def _take(self) -> dict[str, float]:
        if self._start is None:
            return {}
        steps, seconds = (now - then for now, then in zip(self._seen, self._start, strict=True))
        self._start = self._seen
        return {"steps_per_second": steps / seconds} if steps > 0 and seconds > 0 else {}
