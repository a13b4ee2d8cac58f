"""A sweep, of a grid or a search, from its first job to its summary.

One at a time in a folder, with one parent run.
"""

import json
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any

from panna_exp.assembly.tracking import close_parent, open_parent
from panna_exp.config.sweeping import Sweep, swept_keys
from panna_exp.errors import ConfigError
from panna_exp.evaluation.sweep_plots import Job, write_sweep_plot
from panna_exp.files import relative, write_text_atomic
from panna_exp.quantities import QUANTITIES
from panna_exp.quoting import key_of, override, shell_line
from panna_exp.reporting.run import PLOT
from panna_exp.run_files import RESULT
from panna_exp.runs.command_line import display, program
from panna_exp.runs.launchers import failures_named, start_tracker_of_joblib
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.parent_watchdog import end_jobs_with_program
from panna_exp.runs.run_directory import lock_folder
from panna_exp.runs.signals import Stopped, told_first
from panna_exp.runs.sweep import (
    FAILED,
    best_of,
    command_of,
    metric_label,
    ranked_table,
    ranking_metric,
    read_results,
    swept_overrides,
)
from panna_exp.runs.sweep_jobs import clear_marks, stop_jobs
from panna_exp.tracking.base import RunInfo, RunStatus, Tracker

_A_JOB_FAILED = 2  # exit code

SUMMARY, TABLE = "summary.json", "summary.txt"
_LONGEST_NAME = 200


class SweepRun:
    """A sweep in its folder; as a context manager it writes the summary, however it ends.

    Args:
        plan: What it is to do.

    Attributes:
        metric: What its jobs are ranked by.
        failed: Whether a job failed, once it is over.
    """

    def __init__(self, plan: Sweep) -> None:
        self.folder, self.failed = plan.folder, False
        self.metric = ranking_metric(plan.options, plan.monitor, swept_keys(plan.overrides))
        self._plan = plan
        self._parent: Tracker | None = None
        self._stack, self._naming = ExitStack(), ExitStack()
        self._started = 0.0

    def begin(self) -> None:
        """Locks the folder and opens the parent run, when all jobs are known to compose.

        Raises:
            PannaExpError: Another sweep runs in the folder; the MLflow store is of no use.
        """
        if self._parent is not None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self._stack.enter_context(lock_folder(self.folder, "sweep", "sweep.dir"))
        clear_marks(self.folder)
        self._started = time.time()
        self._naming.enter_context(failures_named(self.folder, self._plan.launcher))
        self._stack.enter_context(told_first(partial(stop_jobs, self.folder)))
        start_tracker_of_joblib(self._plan.launcher)
        end_jobs_with_program(self._plan.launcher)
        print(f"sweep in {display(self.folder)}", file=sys.stderr, flush=True)
        with messages_shown():
            self._parent = open_parent(self._plan.tracking, self._plan.launch_dir, self._run_info())

    def __enter__(self) -> "SweepRun":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack, messages_shown():
            self._naming.close()  # before the table
            if self._parent is None:
                if self._started and kind is not None and issubclass(kind, KeyboardInterrupt):
                    self._say_how_to_go_on()
                return
            try:
                self._end(_status(kind))
            finally:
                self._parent.close()

    def _run_info(self) -> RunInfo:
        swept = swept_keys(self._plan.overrides)
        words = [text for text in self._plan.overrides if key_of(text) in swept]
        name = self._plan.tracking.run_name or f"sweep {' '.join(words)}"
        params = dict(item.lstrip("+~").partition("=")[::2] for item in self._plan.overrides)
        return RunInfo(
            run_dir=self.folder.resolve(),
            name=name[:_LONGEST_NAME],
            experiment=self._plan.tracking.experiment,
            params={**params, "sweep.metric": self.metric},
            tags={"sweep": " ".join(words), "run_dir": str(self.folder.resolve())},
        )

    def _end(self, status: RunStatus) -> None:
        """Writes and prints the table, the figure and the best job's command."""
        assert self._parent is not None
        results = read_results(self.folder, self.metric)
        if any(self._is_new(item) for item in results if item["status"] == FAILED):
            self.failed = True
        files = self._write_summary(results) if results else []
        best = best_of(results)
        values = {} if best is None else {f"best/{self.metric}": self._in_ev(best["metric"])}
        values["jobs"] = len(results)
        where = close_parent(self._parent, status, len(results), values, files)
        if results:
            self._show(results)
        for line in where:
            print(line)
        if status is not RunStatus.FINISHED:
            self._say_how_to_go_on()

    def _in_ev(self, value: float) -> float:
        """Trackers have eV."""
        return value / QUANTITIES[self.metric.partition("/")[2]].factor

    def _say_how_to_go_on(self) -> None:
        print(f"to run what is left: {self._continuing()}", file=sys.stderr)

    def _write_summary(self, results: Sequence[dict[str, Any]]) -> list[Path]:
        metric = self.metric
        best = best_of(results)
        text = ranked_table(results, metric).to_text()
        if best is not None:
            text += f"best: {command_of(best)}\n"
        write_text_atomic(self.folder / TABLE, text)
        write_text_atomic(self.folder / SUMMARY, json.dumps(results, indent=1) + "\n")
        jobs = [
            Job(values=_values(swept), metric=item["metric"], complete=item is best or _done(item))
            for item, swept in zip(results, swept_overrides(results), strict=True)
            if item["metric"] is not None
        ]
        files = [self.folder / TABLE, self.folder / SUMMARY]
        if write_sweep_plot(self.folder / PLOT, jobs, metric_label(metric, results)):
            files.append(self.folder / PLOT)
        return files

    def _show(self, results: Sequence[dict[str, Any]]) -> None:
        from rich.console import Console

        print()
        ranked_table(results, self.metric).print(Console())
        best = best_of(results)
        if best is not None:
            print(f"best job:     {display(Path(best['directory']))}")
            print(f"its command:  {command_of(best)}")
        print(f"summary:      {display(self.folder / SUMMARY)}")
        if (self.folder / PLOT).exists():
            print(f"plot:         {display(self.folder / PLOT)}")

    def _is_new(self, result: dict[str, Any]) -> bool:
        return (Path(result["directory"]) / RESULT).stat().st_mtime >= self._started - 1.0

    def _continuing(self) -> str:
        kept = [item for item in self._plan.typed if not item.startswith("sweep.dir=")]
        folder = override("sweep.dir", relative(self.folder))
        return shell_line([*program(), "train", "-m", *kept, folder])


def _status(kind: type[BaseException] | None) -> RunStatus:
    if kind is None:
        return RunStatus.FINISHED
    return RunStatus.KILLED if issubclass(kind, KeyboardInterrupt) else RunStatus.FAILED


def _done(result: dict[str, Any]) -> bool:
    return bool(result["status"] == "FINISHED")


def _values(swept: Sequence[str]) -> dict[str, str]:
    return dict(item.lstrip("+~").partition("=")[::2] for item in swept)


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
