"""``hydra/sweeper=grid``: Hydra's own sweep over all combinations, with a summary at the end.

Hydra imports every module here whenever it starts: what a sweep needs is imported when it begins.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

if TYPE_CHECKING:
    from panna_exp.commands.sweep_run import SweepRun


class GridSweeper(BasicSweeper):
    """All combinations of the swept values; arguments are those of Hydra's basic sweeper."""

    _run: "SweepRun"

    def sweep(self, arguments: list[str]) -> Any:
        """Runs the jobs and sums them up."""
        from panna_exp.commands.sweep_run import SweepRun, name_jobs_by_swept_keys

        assert self.config is not None
        name_jobs_by_swept_keys(self.config)
        with SweepRun(self.config) as self._run:
            return super().sweep(arguments)

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """The sweep begins once its jobs are known to compose, and its options to suit them."""
        from panna_exp.commands.sweep_options import check_jobs

        assert self.hydra_context is not None
        assert self.config is not None
        loader = self.hydra_context.config_loader
        check_jobs(loader.load_sweep_config(self.config, list(overrides)) for overrides in batch)
        self._run.begin()
