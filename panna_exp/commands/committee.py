"""``training.seeds=[0,1,2]``: a committee, one run a seed in ``RUN_DIR/seed_N``, and its errors."""

import json
import logging
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import DictConfig, OmegaConf, open_dict
from rich.console import Console

from panna_exp.assembly.committee import read_potentials, write_record
from panna_exp.assembly.tracking import close_parent, open_parent
from panna_exp.commands.assess import result_values
from panna_exp.commands.command_line import CommandLine, program, quoted, relative
from panna_exp.commands.committee_record import committee_info, member_data, write_config
from panna_exp.commands.evaluation import common_name, evaluate
from panna_exp.commands.messages import messages_shown
from panna_exp.commands.models import save_committee
from panna_exp.commands.run_directory import lock_folder
from panna_exp.commands.session import TrainingResult
from panna_exp.commands.sweep import FINISHED, read_result, write_result
from panna_exp.commands.sweep_jobs import has_job, job_key
from panna_exp.commands.sweep_metric import final_metrics, metric_value, ranking_metric
from panna_exp.commands.train_run import plain_values, train_run
from panna_exp.config.schema import EvaluateConfig, TrainConfig
from panna_exp.evaluation.summary import Summary
from panna_exp.evaluation.tables import Table
from panna_exp.quantities import QUANTITIES, in_ev, with_units
from panna_exp.tracking.base import RunStatus, Tracker
from panna_exp.training.checkpoint import find_checkpoints, step_of

logger = logging.getLogger(__name__)

_OWN = ("seed", "training.seeds", "io.train_dir")  # overrides that members have of their own


def train_committee(
    composed: DictConfig,
    config: TrainConfig,
    launch_dir: Path,
    command: CommandLine,
    parent: Path | None = None,
) -> TrainingResult:
    """Trains the members that are not trained yet, and evaluates them together.

    Args:
        composed: The configuration.
        config: The same, validated, with ``training.seeds``.
        launch_dir: Folder that relative paths start from.
        command: How it was started, with the committee's folder.
        parent: Folder of the sweep that it is a job of, or None.

    Raises:
        PannaExpError: Mistakes of the user.
    """
    folder = command.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    with messages_shown(), lock_folder(folder, "committee", "io.train_dir"):
        overrides = command.overrides
        tracking = config.tracking
        run = committee_info(composed, tracking, folder, launch_dir, overrides, parent)
        tracker = open_parent(tracking, launch_dir, run)
        work = _Committee(composed, config, launch_dir, command, tracker)
        try:
            return work.run()
        except KeyboardInterrupt:  # between members, or in what follows them
            work.stopped()
            raise
        except BaseException:
            work.end(RunStatus.FAILED)
            raise


@dataclass(slots=True)
class _Committee:
    composed: DictConfig
    config: TrainConfig
    launch_dir: Path
    command: CommandLine
    tracker: Tracker

    @property
    def folder(self) -> Path:
        return self.command.run_dir

    def run(self) -> TrainingResult:
        seeds = self.config.training.seeds
        self.tracker.save(write_config(self.composed, self.folder))
        for number, seed in enumerate(seeds, start=1):
            print(f"\nmember {number} of {len(seeds)}: seed {seed}", file=sys.stderr, flush=True)
            result = self._train_member(seed)
            if number == 1:
                self.tracker.add_data(member_data(self.folder / _name(seed)))
            if result.code:
                self.stopped()
                return result
        # Not before all are trained: a committee is whole or it is none.
        files = [write_record(self.folder, [_name(seed) for seed in seeds], {"seeds": list(seeds)})]
        summary = self._evaluate()
        numbers = {} if summary is None else result_values(summary)
        metrics = final_metrics({}, {}, numbers)
        ranked_by = ranking_metric(self.config.sweep, self.config.training.monitor)
        members = read_potentials(self.folder)
        values = {
            "status": FINISHED,
            "metrics": metrics,
            "seeds": list(seeds),
            **with_units(numbers),
        }
        if summary is not None:
            values |= {"evaluated": "validation", "checkpoint": common_name(members)}
        write_result(self.folder, self.command.overrides, values)
        if summary is not None:
            self._show_members(summary)
            found = sorted((self.folder / "evaluate").glob("*"))
            files += [path for path in found if path.is_file()]
        # Updates of all members: more of them after more seeds as well as after more epochs.
        step = sum(_last_step(self.folder / _name(seed)) for seed in seeds)
        logged = {f"result/{name}": value for name, value in in_ev(numbers).items()}
        self.tracker.log(step, logged)
        save_committee(self.config, members, step, self.folder, self.tracker)
        where = self.end(RunStatus.FINISHED, files)
        self._print_summary(where)
        return TrainingResult(metric=metric_value(metrics, ranked_by), code=0)

    def stopped(self) -> None:
        """Ends the run of a committee that is not whole, and says how to go on."""
        self.end(RunStatus.KILLED)
        logger.info("to go on with the committee:\n  %s", self.command.continuing())

    def end(self, status: RunStatus, files: Sequence[Path] = ()) -> list[str]:
        """Ends the run that those of the members are nested under."""
        return close_parent(self.tracker, status, 0, {}, files)

    def _train_member(self, seed: int) -> TrainingResult:
        run_dir = self.folder / _name(seed)
        composed = self.composed.copy()
        with open_dict(composed):
            composed.seed = seed
            composed.training.seeds = []
            composed.sweep.trial = None  # the search judges the committee
            composed.tracking.run_name = f"{self.config.tracking.run_name or 'member'} seed={seed}"
            composed.tracking.register = None
        earlier = read_result(run_dir)
        is_finished = earlier is not None and earlier["status"] == FINISHED
        if is_finished and has_job(run_dir, job_key(plain_values(composed))):
            print(f"finished before: {relative(run_dir)}", file=sys.stderr, flush=True)
            return TrainingResult(metric=None, code=0)
        kept = [item for item in self.command.overrides if _key(item) not in _OWN]
        place = f"io.train_dir={quoted(str(relative(run_dir)))}"
        overrides = [*kept, f"seed={seed}", place]
        command = CommandLine(overrides, run_dir)
        return train_run(composed, self.launch_dir, overrides, command, self.folder)

    def _evaluate(self) -> Summary | None:
        """Evaluates the members' mean on the validation data; None where there are none."""
        data = self.config.data
        if data.validation is None and not data.validation_fraction:
            return None
        defaults = OmegaConf.to_object(OmegaConf.structured(EvaluateConfig))
        assert isinstance(defaults, EvaluateConfig)
        defaults.run_dir = str(self.folder)
        defaults.mlflow = False  # the committee's own run gets it
        defaults.device, defaults.precision = self.config.device, self.config.precision
        print("\nThe committee on the validation data:")
        (summary,) = evaluate(defaults, self.launch_dir).values()
        return summary

    def _show_members(self, summary: Summary) -> None:
        rows, found = [], []
        for seed in self.config.training.seeds:
            errors = json.loads((self.folder / _name(seed) / "result.json").read_text())
            pair = [errors[QUANTITIES[name].key] for name in ("energy_mae", "energy_rmse")]
            found.append(pair)
            rows.append((_name(seed), *(f"{value:.2f}" for value in pair)))
        means = np.mean(found, axis=0)
        mean = (summary.energy.mae_mev_per_atom, summary.energy.rmse_mev_per_atom)
        rows.append(("mean of these", *(f"{value:.2f}" for value in means)))
        rows.append(("committee", *(f"{value:.2f}" for value in mean)))
        sys.stdout.flush()
        Table(
            title="Energy errors of each member and of the committee (meV/atom)",
            header=("", "MAE", "RMSE"),
            rows=rows,
        ).print(Console())

    def _print_summary(self, where: Sequence[str]) -> None:
        shown = relative(self.folder)
        print(f"committee:    {shown}")
        for line in where:
            print(line)
        line = shlex.join([*program(), "evaluate", f"run_dir={quoted(str(shown))}"])
        print(f"to evaluate:  {line} data.test=PATH")


def _name(seed: int) -> str:
    return f"seed_{seed}"


def _last_step(run_dir: Path) -> int:
    (last,) = find_checkpoints(run_dir, "last")
    return step_of(last)


def _key(override: str) -> str:
    return override.lstrip("+").partition("=")[0]
