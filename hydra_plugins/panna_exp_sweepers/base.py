"""What the sweepers have in common: Hydra's side of a sweep, in its words.

Hydra imports every module here whenever it starts: what a sweep needs is imported when it begins.
"""

from typing import TYPE_CHECKING, Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from panna_exp.config.sweeping import Sweep


class PannaExpSweeper(Sweeper):
    """A sweeper with its launcher."""

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

    @property
    def config_loader(self) -> Any:
        """Composes configurations."""
        return self.hydra_context.config_loader  # type: ignore[union-attr]

    def plan(self) -> "Sweep":
        """Returns the sweep in plain values."""
        from panna_exp.config.sweeping import Sweep

        return Sweep.of(self.config, self.config_loader, self.launcher)
