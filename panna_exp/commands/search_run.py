"""Runs a search: jobs are chosen, launched as in any sweep, and their results taken over."""

from typing import TYPE_CHECKING

from hydra.core.utils import JobReturn

from panna_exp.commands.sweep import FAILED, read_results
from panna_exp.commands.sweep_options import checked_options
from panna_exp.commands.sweep_run import SweepRun, name_jobs_by_swept_keys
from panna_exp.errors import ConfigError

if TYPE_CHECKING:
    from hydra_plugins.panna_exp_sweepers.search import SearchSweeper


def run_search(sweeper: "SearchSweeper", arguments: list[str]) -> list[JobReturn]:
    """Runs what is left of an earlier start, then new jobs until there were ``sweep.trials``.

    Args:
        sweeper: Set up by Hydra.
        arguments: Overrides, swept ones among them.

    Raises:
        PannaExpError: Mistakes of the user.
    """
    try:
        from panna_exp.commands.search import Search
        from panna_exp.commands.search_space import search_space
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"hydra/sweeper=optuna: needs {error.name}: pip install 'panna-exp[sweep]'"
        ) from None
    space = search_space(arguments)
    name_jobs_by_swept_keys(sweeper.config)
    sweep = checked_options(sweeper.config)
    returns: list[JobReturn] = []
    with SweepRun(sweeper.config) as run:
        # What does not compose is found before anything is recorded.
        assert sweeper.hydra_context is not None
        loader = sweeper.hydra_context.config_loader
        loader.load_sweep_config(sweeper.config, space.overrides(space.examples()))
        run.begin()
        search = Search(run.folder, sweep, space, run.metric)
        left = search.left()
        while True:
            numbers = [left.pop(0)] if left else search.choose()
            if not numbers:
                return returns
            jobs = [search.overrides(number) for number in numbers]
            returns += sweeper.launcher.launch(jobs, initial_job_idx=numbers[0])
            results = read_results(run.folder, run.metric)
            states = [search.ended(number, results) for number in numbers]
            if sweep.fail_fast and FAILED in states:
                return returns
