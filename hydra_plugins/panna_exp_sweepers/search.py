"""``hydra/sweeper=optuna``: jobs are chosen by what the earlier ones ended with."""

from typing import Any

from hydra_plugins.panna_exp_sweepers.base import PannaExpSweeper


class SearchSweeper(PannaExpSweeper):
    """Chooses values by Optuna and stops jobs that are not worth going on; options: ``sweep``."""

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the jobs and sums them up."""
        from panna_exp.runs.sweep_run import run_search

        run_search(self.plan(), arguments)
