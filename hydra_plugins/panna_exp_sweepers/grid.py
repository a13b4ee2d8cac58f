"""``hydra/sweeper=grid``: all combinations of the swept values, with a summary at the end."""

from collections.abc import Mapping
from typing import Any

from hydra_plugins.panna_exp_sweepers.base import PannaExpSweeper


class GridSweeper(PannaExpSweeper):
    """All combinations of the swept values; arguments are those of Hydra's basic sweeper.

    Args:
        max_batch_size: How many jobs are handed to the launcher at once; None: all.
        params: Overrides that come before those of the command line.
    """

    def __init__(self, max_batch_size: int | None, params: Mapping[str, str] | None) -> None:
        self._max_batch_size, self._params = max_batch_size, params or {}

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the jobs and sums them up."""
        from panna_exp.config.sweeping import combinations
        from panna_exp.runs.sweep_run import run_grid

        given = [*(f"{key}={value}" for key, value in self._params.items()), *arguments]
        jobs = combinations(given, self.config_loader)
        run_grid(self.plan(), jobs, self._max_batch_size)
