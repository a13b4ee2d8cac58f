"""A training from data to result table; reads as the table of contents of the program."""

import logging
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass

from panna_exp.assembly.batches import order_settings
from panna_exp.assembly.datasets import RunData, read_run_data
from panna_exp.assembly.restart import Restart, continued_data, find_restart
from panna_exp.assembly.starting_files import recorded_files, starting_files
from panna_exp.assembly.training import Run, build_run
from panna_exp.config.composed import yaml_text
from panna_exp.errors import DataError
from panna_exp.evaluation.weight_plots import write_weight_plots
from panna_exp.networks.panna import training_metadata
from panna_exp.records import only_a_record
from panna_exp.reporting.curves import write_learning_curves
from panna_exp.reporting.data_files import STARTING
from panna_exp.run_files import (
    CONFIG,
    ENVIRONMENT,
    METADATA,
    METRICS,
    OVERRIDES,
)
from panna_exp.runs.announcement import announce
from panna_exp.runs.checkpoint_writer import CheckpointWriter
from panna_exp.runs.job import Job
from panna_exp.runs.listener import RunListener, WorkerListener
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.models import save_model
from panna_exp.runs.outcome import Outcome, assess_run
from panna_exp.runs.progress import DescriptorDisplay, TrainingDisplay
from panna_exp.runs.pruning import Pruner
from panna_exp.runs.run_directory import RunDirectory, environment
from panna_exp.runs.run_info import run_info
from panna_exp.runs.signals import Interrupt
from panna_exp.tracking.base import Interrupted, RunInfo, Tracker, tracked_run
from panna_exp.tracking.completion import result_files
from panna_exp.training.delta_files import DeltaFiles
from panna_exp.training.processes import ALONE, Processes
from panna_exp.training.recorder import MetricsFile
from panna_exp.training.trainer import FitResult
from panna_exp.training.weight_record import WeightRecord, read_weight_record

logger = logging.getLogger(__name__)

# What trackers keep of the run directory at the start, so that a crashed run has it too.
_RECORD_FILES = (CONFIG, OVERRIDES, ENVIRONMENT, METADATA)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a run gives its caller.

    Args:
        metric: What a sweep ranks by; None where the run was stopped.
        code: Exit code: 0, or why it was stopped.
    """

    metric: float | None
    code: int


def run_training(job: Job, tracker: Tracker) -> TrainingResult:
    """Trains; the first of several processes evaluates and records everything as well.

    Args:
        job: With its processes; an earlier training in its run directory is continued.
        tracker: Hears of everything; not closed here.

    Raises:
        PannaExpError: Mistakes of the user; nothing is written if the data cannot be used.
    """
    config, processes = job.config, job.processes or ALONE
    is_first = processes.rank == 0
    with messages_shown() if is_first else nullcontext():
        progress = DescriptorDisplay() if is_first else None
        data = read_run_data(config, job.launch_dir, progress, known=job.read)
        with RunDirectory(job.run_dir) if is_first else nullcontext() as directory:
            processes.wait()  # the directory is there: all look for checkpoints
            restart = find_restart(config.io, job.run_dir, job.plain, order_settings(config, data))
            data = continued_data(config, data, restart)
            run = build_run(config, job.plain, data, restart, job.launch_dir, processes)
            processes.wait()
            interrupt = Interrupt(
                config.training.limit_seconds, job.started, signals=job.handles_signals
            )
            if directory is None:
                with interrupt:
                    run.trainer.fit(WorkerListener(interrupt.requested))
                return TrainingResult(metric=None, code=0)
            session = _Session(
                job=job,
                processes=processes,
                built=run,
                data=data,
                restart=restart,
                directory=directory,
                tracker=tracker,
                interrupt=interrupt,
                pruner=Pruner.of(job.parent, config.sweep, config.training.monitor),
            )
            return session.run()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """What the first process does besides training: it tells, saves, evaluates and records."""

    job: Job
    processes: Processes
    built: Run
    data: RunData
    restart: Restart
    directory: RunDirectory
    tracker: Tracker
    interrupt: Interrupt
    pruner: Pruner

    def run(self) -> TrainingResult:
        """Trains; the tracker hears how it ended."""
        listener = self._listener()
        self.restart.messages.extend(self.restart.clear())
        self._record()
        announce(self.built, self.data, self.restart, self.directory.path, self.processes)
        try:
            with tracked_run(self.tracker, self._run_info()):
                self._track(_RECORD_FILES)
                with (
                    self.directory.kept(),
                    self.interrupt,
                    listener.display,
                    listener.checkpoints,
                ):
                    if self.built.trainer.position.step == 0:
                        listener.save_models(0)
                    fit = self.built.trainer.fit(listener)
                outcome = self._outcome(fit)
        except Interrupted:
            stopped = self.interrupt.stopped
            if stopped is not None:
                logger.info(
                    "stopped (%s): a checkpoint is saved; to continue:\n  %s",
                    stopped.reason,
                    self.job.command.continuing(),
                )
            return TrainingResult(metric=None, code=0 if stopped is None else stopped.code)
        outcome.print_summary(self.job.command, self.tracker)
        return TrainingResult(metric=outcome.metric, code=0)

    def _outcome(self, fit: FitResult) -> Outcome:
        """Evaluates and records what the training ended with (Interrupted if it did not)."""
        config, run, path = self.job.config, self.built, self.directory.path
        if fit.interrupted:
            if self.interrupt.stopped is None:
                with only_a_record(path):
                    self.pruner.record(path, self.job.overrides, fit)
                self.tracker.log(fit.step, {"pruned": 1.0})
            self._track_results()
            raise Interrupted
        if fit.stopped_early:
            logger.info(
                "stopped at step %d: %s did not improve for %s epochs (training.patience)",
                fit.step,
                config.training.monitor,
                config.training.patience,
            )
        outcome = assess_run(config, run, self.data, fit, path)
        outcome.log_to(self.tracker)
        # Before figures are drawn: the tracker keeps the model meanwhile.
        save_model(config, [outcome.potential], fit.step, path, self.tracker)
        self.tracker.flush()
        outcome.record(self.job.overrides)
        outcome.print_errors()
        self._track_results()
        return outcome

    def _listener(self) -> RunListener:
        """Whom the loop tells what."""
        trainer = self.built.trainer
        last = trainer.position.last_step(trainer.plan.max_epochs, trainer.plan.steps_per_epoch)
        config, path, validation = self.job.config, self.directory.path, self.data.validation
        return RunListener(
            run=self.built,
            display=TrainingDisplay(trainer.position.step, last),
            tracker=self.tracker,
            pruner=self.pruner,
            stopped=self.interrupt.requested,
            checkpoints=CheckpointWriter(self.directory, config, self.job.command.continuing),
            metrics_file=MetricsFile(
                path / METRICS,
                config.io.metrics,
                validation is not None,
                config.training.forces_cost > 0,
                config.training.virial_cost > 0,
            ),
            model_saves={
                path / "starting_model": config.io.starting_model_save,
                path / "final_model": config.io.final_model_save,
            },
            keeps_best=config.io.keep_best and validation is not None,
            delta_file=DeltaFiles(path, trainer.position.step) if config.io.delta_e else None,
            weight_record=WeightRecord(path) if self._wants_weight_figures() else None,
        )

    def _record(self) -> None:
        """Writes what was asked for, and with what it is trained."""
        job, run, data = self.job, self.built, self.data
        continues = run.trainer.position.step > 0
        earlier = recorded_files(self.directory.path / ENVIRONMENT) if continues else None
        facts = {
            **environment(job.launch_dir),
            "seed": job.config.seed,
            "device": str(run.trainer.data.device),
            "threads": run.threads,
            "execution": run.execution.value,
            "processes": self.processes.size,
            "descriptor": run.descriptor.record,
            STARTING: earlier or starting_files(job.config, job.launch_dir),
            "data": {
                "fingerprint": data.fingerprint,
                "reference_energies": dict(zip(data.species, data.offsets, strict=True)),
                "train": data.train.summary(),
                "validation": data.validation.summary() if data.validation else None,
            },
        }
        self.directory.write_record(yaml_text(job.plain), job.overrides, facts)
        self.directory.write_json(
            METADATA,
            training_metadata(
                run.networks.to_data(), run.descriptor.record, job.config.training.panna_version
            ),
        )

    def _run_info(self) -> RunInfo:
        networks, descriptor = self.built.networks.to_data(), str(self.built.descriptor)
        return run_info(self.job, self.data, networks, descriptor)

    def _track(self, names: Sequence[str]) -> None:
        for name in names:
            if (self.directory.path / name).exists():
                self.tracker.save(self.directory.path / name)

    def _wants_weight_figures(self) -> bool:
        tracking = self.job.config.tracking
        return tracking.mlflow and tracking.weight_figures

    def _track_results(self) -> None:
        self._track_learning_curves()
        if self._wants_weight_figures():
            records = read_weight_record(self.directory.path)
            with only_a_record(self.directory.path / "weights"):
                write_weight_plots(self.directory.path / "weights", records)
        for path, folder in result_files(self.directory.path):
            self.tracker.save(path, folder)

    def _track_learning_curves(self) -> None:
        """Has the curves of the whole run drawn and kept, where a tracker keeps files."""
        if not self.job.config.tracking.mlflow:
            return
        path = self.directory.path / "learning_curves.png"
        try:
            write_learning_curves(path, self.directory.path / METRICS)
        except (DataError, OSError) as error:  # a figure is not worth the run
            logger.warning("no learning curves: %s", error)
