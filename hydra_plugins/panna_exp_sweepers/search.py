"""``hydra/sweeper=optuna``: jobs are chosen by what the earlier ones ended with.

Hydra imports every module here whenever it starts: what a search needs is imported when it begins.
"""

from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class SearchSweeper(Sweeper):
    """Chooses values by Optuna and stops jobs that are not worth going on; options: ``sweep``."""

    launcher: Launcher
    config: DictConfig

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Called by Hydra before the sweep."""
        self.config = config
        self.hydra_context = hydra_context
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the jobs and sums them up."""
        from panna_exp.commands.search_run import run_search

        return run_search(self, arguments)
