"""``training.seeds=[0,1,2]``: a committee, a run per seed in ``RUN_DIR/seed_N``, and its errors."""

import json
import logging
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console

from panna_exp.assembly.committee import read_potentials, write_record
from panna_exp.assembly.restart import flatten
from panna_exp.assembly.saved import SpreadScale
from panna_exp.assembly.tracking import close_parent, open_parent
from panna_exp.config.composed import yaml_text
from panna_exp.config.schema import EvaluateConfig
from panna_exp.evaluation.committee import ENERGY, FORCES
from panna_exp.evaluation.summary import Summary
from panna_exp.evaluation.tables import Table
from panna_exp.files import relative, write_text_atomic
from panna_exp.quantities import QUANTITIES, in_ev, with_units
from panna_exp.quoting import key_of, override, shell_line
from panna_exp.run_files import CONFIG, EVALUATE, RESULT
from panna_exp.runs.assess import result_values
from panna_exp.runs.command_line import CommandLine, display, program
from panna_exp.runs.evaluation import common_name, evaluate
from panna_exp.runs.job import Job
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.models import save_model
from panna_exp.runs.run_directory import environment, lock_folder, remove_left_over
from panna_exp.runs.run_info import LONGEST_NAME, swept_first, swept_keys
from panna_exp.runs.session import TrainingResult
from panna_exp.runs.sweep import FINISHED, final_metrics, metric_value, ranking_metric, write_result
from panna_exp.runs.sweep_jobs import finished_before
from panna_exp.runs.training import train
from panna_exp.tracking import journal
from panna_exp.tracking.base import Dataset, RunInfo, RunStatus, Tracker
from panna_exp.tracking.journal import last_start
from panna_exp.training.checkpoint import find_checkpoints, step_of

logger = logging.getLogger(__name__)

_OWN = ("seed", "training.seeds", "io.train_dir")  # overrides that members have of their own


def train_committee(job: Job) -> TrainingResult:
    """Trains the members that are not trained yet, and evaluates them together.

    Args:
        job: With ``training.seeds``; its run directory is the committee's folder.

    Raises:
        PannaExpError: Mistakes of the user.
    """
    folder = job.run_dir
    folder.mkdir(parents=True, exist_ok=True)
    with messages_shown(), lock_folder(folder, "committee", "io.train_dir"):
        tracker = open_parent(job.config.tracking, job.launch_dir, committee_info(job))
        work = _Committee(job, tracker)
        try:
            return work.run()
        except KeyboardInterrupt:  # between members, or in what follows them
            work.stopped()
            raise
        except BaseException:
            work.end(RunStatus.FAILED)
            raise


@dataclass(frozen=True, slots=True)
class _Committee:
    job: Job
    tracker: Tracker

    @property
    def folder(self) -> Path:
        return self.job.run_dir

    def run(self) -> TrainingResult:
        config = self.job.config
        seeds = config.training.seeds
        remove_left_over(self.folder)
        self.tracker.save(write_config(self.job))
        for number, seed in enumerate(seeds, start=1):
            print(f"\nmember {number} of {len(seeds)}: seed {seed}", file=sys.stderr, flush=True)
            result = self._train_member(seed)
            if number == 1:
                self.tracker.add_data(member_data(self.folder / _name(seed)))
            if result.code:
                self.stopped()
                return result
        # Not before all are trained: a committee is whole or it is none.
        files = [self._record(None)]
        summary = self._evaluate()
        if summary is not None:
            self._record(_scale(summary))
        numbers = {} if summary is None else result_values(summary)
        metrics = final_metrics({}, {}, numbers)
        ranked_by = ranking_metric(config.sweep, config.training.monitor)
        members = read_potentials(self.folder)
        values = {
            "status": FINISHED,
            "metrics": metrics,
            "seeds": list(seeds),
            **with_units(numbers),
        }
        if summary is not None:
            values |= {"evaluated": "validation", "checkpoint": common_name(members)}
        write_result(self.folder, self.job.command.overrides, values)
        if summary is not None:
            self._show_members(summary)
            found = sorted((self.folder / EVALUATE).glob("*"))
            files += [path for path in found if path.is_file()]
        # Updates of all members: more of them after more seeds as well as after more epochs.
        step = sum(_last_step(self.folder / _name(seed)) for seed in seeds)
        logged = {f"result/{name}": value for name, value in in_ev(numbers).items()}
        self.tracker.log(step, logged)
        save_model(config, members, step, self.folder, self.tracker)
        where = self.end(RunStatus.FINISHED, files)
        self._print_summary(where)
        return TrainingResult(metric=metric_value(metrics, ranked_by), code=0)

    def _record(self, scale: SpreadScale | None) -> Path:
        seeds = self.job.config.training.seeds
        return write_record(
            self.folder, [_name(seed) for seed in seeds], {"seeds": list(seeds)}, scale
        )

    def stopped(self) -> None:
        """Ends the run of a committee that is not whole, and says how to go on."""
        self.end(RunStatus.KILLED)
        logger.info("to go on with the committee:\n  %s", self.job.command.continuing())

    def end(self, status: RunStatus, files: Sequence[Path] = ()) -> list[str]:
        """Ends the run that those of the members are nested under."""
        return close_parent(self.tracker, status, 0, {}, files)

    def _train_member(self, seed: int) -> TrainingResult:
        run_dir = self.folder / _name(seed)
        kept = [item for item in self.job.command.overrides if key_of(item) not in _OWN]
        place = override("io.train_dir", relative(run_dir))
        name = self.job.config.tracking.run_name or "member"
        member = self.job.changed(
            CommandLine([*kept, f"seed={seed}", place], run_dir),
            self.folder,
            {
                "seed": seed,
                "training.seeds": [],
                "sweep.trial": None,  # the search judges the committee
                "tracking.run_name": f"{name} seed={seed}",
                "tracking.register": None,
            },
        )
        if finished_before(run_dir, member.plain, member.launch_dir) is not None:
            return TrainingResult(metric=None, code=0)
        return train(member)

    def _evaluate(self) -> Summary | None:
        """Evaluates the members' mean on the validation data; None where there are none."""
        data = self.job.config.data
        if data.validation is None and not data.validation_fraction:
            return None
        wanted = EvaluateConfig()
        wanted.run_dir = str(self.folder)
        wanted.mlflow = False  # the committee's own run gets it
        wanted.device, wanted.precision = self.job.config.device, self.job.config.precision
        print("\nThe committee on the validation data:")
        (summary,) = evaluate(wanted, self.job.launch_dir).values()
        return summary

    def _show_members(self, summary: Summary) -> None:
        rows, found = [], []
        for seed in self.job.config.training.seeds:
            errors = json.loads((self.folder / _name(seed) / RESULT).read_text())
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
        print(f"committee:    {display(self.folder)}")
        for line in where:
            print(line)
        line = shell_line([*program(), "evaluate", override("run_dir", relative(self.folder))])
        print(f"to evaluate:  {line} data.test=PATH")


def _scale(summary: Summary) -> SpreadScale | None:
    """Returns the factors that make spreads as large as these errors, and says them."""
    found = {name: item.error_over_spread for name, item in summary.uncertainty.items()}
    energy, forces = found.get(ENERGY) or None, found.get(FORCES) or None
    if energy is None and forces is None:
        return None
    scale = SpreadScale(energy=energy, forces=forces)
    print(f"spreads are calibrated on the validation data: {scale}\n")
    return scale


def _name(seed: int) -> str:
    return f"seed_{seed}"


def _last_step(run_dir: Path) -> int:
    (last,) = find_checkpoints(run_dir, "last")
    return step_of(last)


def committee_info(job: Job) -> RunInfo:
    """Returns what trackers learn at the start."""
    facts = environment(job.launch_dir)
    told = swept_first(job.command.overrides, swept_keys(job.parent))
    tracking, folder = job.config.tracking, job.run_dir.resolve()
    return RunInfo(
        run_dir=folder,
        name=tracking.run_name or f"committee {' '.join(told)}"[:LONGEST_NAME],
        experiment=tracking.experiment,
        params=flatten(job.plain),
        tags={
            "git_commit": str(facts["git_commit"]),
            "panna_exp": str(facts["panna_exp"]),
            "run_dir": str(folder),
        },
        parent=job.parent,
    )


def write_config(job: Job) -> Path:
    """Writes the resolved configuration of a committee; returns its path."""
    write_text_atomic(job.run_dir / CONFIG, yaml_text(job.plain))
    return job.run_dir / CONFIG


def member_data(member: Path) -> list[Dataset]:
    """Returns the data sets that a tracked member was last trained on, none of others."""
    start = last_start(member / journal.NAME)
    return [] if start is None else [Dataset(**item) for item in start["datasets"]]
