"""Runs the jobs of a sweep: all of a grid, or those that a search chooses."""

from collections.abc import Sequence

from panna_exp.config.sweeping import Sweep
from panna_exp.errors import ConfigError
from panna_exp.runs.signals import Stopped
from panna_exp.runs.sweep import FAILED, read_results
from panna_exp.runs.sweep_run import SweepRun

_A_JOB_FAILED = 2  # exit code


def run_grid(sweep: Sweep, jobs: Sequence[Sequence[str]], most: int | None) -> None:
    """Runs the jobs of a grid.

    Args:
        sweep: With their options.
        jobs: Each given by its overrides.
        most: How many are handed to the launcher at once; None: all.

    Raises:
        PannaExpError: Mistakes of the user.
        Stopped: A job failed; the table says which and why.
    """
    with SweepRun(sweep) as run:
        # What does not compose is found before anything is recorded.
        sweep.compose(jobs)
        run.begin()
        size = most or len(jobs)
        for first in range(0, len(jobs), size):
            sweep.launch(jobs[first : first + size], first)
    if run.failed:
        raise Stopped(_A_JOB_FAILED)


def run_search(sweep: Sweep, arguments: Sequence[str]) -> None:
    """Runs what is left of an earlier start, then new jobs until there were ``sweep.trials``.

    Args:
        sweep: With the options of the search.
        arguments: Overrides, searched ones among them.

    Raises:
        PannaExpError: Mistakes of the user.
        Stopped: A job failed; the table says which and why.
    """
    try:
        from panna_exp.runs.search import Search
        from panna_exp.runs.search_space import search_space
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"hydra/sweeper=optuna: needs {error.name}: pip install 'panna-exp[sweep]'"
        ) from None
    space = search_space(arguments)
    with SweepRun(sweep) as run:
        sweep.compose([space.overrides(space.examples())])
        run.begin()
        search = Search(run.folder, sweep.options, space, run.metric)
        left = search.left()
        while numbers := [left.pop(0)] if left else search.choose():
            sweep.launch([search.overrides(number) for number in numbers], numbers[0])
            results = read_results(run.folder, run.metric)
            states = [search.ended(number, results) for number in numbers]
            if sweep.options.fail_fast and FAILED in states:
                break
    if run.failed:
        raise Stopped(_A_JOB_FAILED)
