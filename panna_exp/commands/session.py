"""A training from data to result table; reads as the table of contents of the program."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from panna_exp.assembly.batches import stream_settings
from panna_exp.assembly.datasets import RunData, read_run_data
from panna_exp.assembly.restart import continued_data, epochs_in_all, find_restart
from panna_exp.assembly.starting_files import recorded_files, starting_files
from panna_exp.assembly.training import Run, build_run
from panna_exp.commands.announcement import announce
from panna_exp.commands.command_line import CommandLine
from panna_exp.commands.interrupt import Interrupt
from panna_exp.commands.listener import RunListener
from panna_exp.commands.messages import messages_shown
from panna_exp.commands.models import save_model
from panna_exp.commands.outcome import Outcome, assess_run
from panna_exp.commands.progress import DescriptorDisplay, TrainingDisplay
from panna_exp.commands.pruning import Judge
from panna_exp.commands.run_directory import RunDirectory, environment
from panna_exp.commands.run_info import run_info
from panna_exp.config.schema import TrainConfig
from panna_exp.errors import CheckpointError, DataError
from panna_exp.evaluation.weight_plots import write_weight_plots
from panna_exp.networks.panna import training_metadata
from panna_exp.records import only_a_record
from panna_exp.reporting.curves import write_learning_curves
from panna_exp.reporting.data_files import STARTING
from panna_exp.tracking.base import Interrupted, RunInfo, Tracker, tracked_run
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import Checkpoint
from panna_exp.training.delta_files import DeltaFiles
from panna_exp.training.processes import ALONE, Processes
from panna_exp.training.recorder import MetricsFile
from panna_exp.training.weight_record import WeightRecord, read_weight_record

logger = logging.getLogger(__name__)

# What trackers keep of the run directory: at the start, so that a crashed run has it too, and at
# the end.
_RECORD_FILES = ("config.yaml", "overrides.json", "environment.json", "networks_metadata.json")
_RESULT_FILES = ("metrics.dat", "train.log", "result.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """What a run gives its caller.

    Args:
        metric: What a sweep ranks by; None where the run was stopped.
        code: Exit code: 0, or why it was stopped.
    """

    metric: float | None
    code: int


def run_training(
    config: TrainConfig,
    plain: Mapping[str, Any],
    run_dir: Path,
    launch_dir: Path,
    overrides: Sequence[str],
    command: CommandLine,
    tracker: Tracker,
    parent: Path | None = None,
    processes: Processes = ALONE,
) -> TrainingResult:
    """Trains, evaluates on the validation data, and records everything.

    Args:
        config: Validated.
        plain: The same as nested plain values.
        run_dir: Where the run is recorded; an earlier training there is continued.
        launch_dir: Where the user started; relative paths start there.
        overrides: The command line's overrides.
        command: How it was started.
        tracker: Hears of everything; not closed here.
        parent: Folder of the sweep that the run is a job of, or None.
        processes: That share the training, of which this is the first: see ``helping``.

    Raises:
        PannaExpError: Mistakes of the user; nothing is written if the data cannot be used.
    """
    with messages_shown():
        data = read_run_data(config, launch_dir, DescriptorDisplay())
        directory = RunDirectory(run_dir)
        try:
            session = _Session(
                config, plain, directory, launch_dir, overrides, command, tracker, parent, processes
            )
            return session.run(data)
        finally:
            directory.close()


@dataclass(slots=True)
class _Session:
    config: TrainConfig
    plain: Mapping[str, Any]
    directory: RunDirectory
    launch_dir: Path
    overrides: Sequence[str]
    command: CommandLine
    tracker: Tracker
    parent: Path | None
    processes: Processes

    def run(self, data: RunData) -> TrainingResult:
        """Builds and trains; the tracker hears how it ended."""
        config = self.config
        stream = stream_settings(config, data)
        restart = find_restart(config.io, self.directory.path, self.plain, stream)
        data = continued_data(config, data, restart)
        self.processes.wait()  # the others look for checkpoints now
        judge = Judge.of(self.parent, config.sweep, config.training.monitor)
        listener = RunListener(self.tracker, judge)
        interrupt = Interrupt(config.training.limit_seconds)
        run = build_run(
            config,
            self.plain,
            data,
            restart,
            self.launch_dir,
            listener,
            self._save,
            lambda: interrupt.requested() or judge.stops,
            self.processes,
        )
        self.processes.wait()
        restart.messages.extend(restart.clear())
        listener.run = run
        listener.metrics_file = MetricsFile(
            self.directory.path / "metrics.dat",
            config.io.metrics,
            data.validation is not None,
            config.training.forces_cost > 0,
            config.training.virial_cost > 0,
        )
        listener.model_saves = {
            self.directory.path / "starting_model": config.io.starting_model_save,
            self.directory.path / "final_model": config.io.final_model_save,
        }
        if self._wants_weight_figures():
            listener.weight_record = WeightRecord(self.directory.path)
        if config.io.delta_e:
            listener.delta_file = DeltaFiles(self.directory.path, run.trainer.position.step)
        self._record(run, data)
        announce(run, data, restart, self.directory.path, self.processes)
        try:
            with tracked_run(self.tracker, self._run_info(run, data)):
                self._track(_RECORD_FILES)
                outcome = self._train(run, data, listener, interrupt, judge)
        except Interrupted:
            if not interrupt.code:
                return TrainingResult(metric=None, code=0)
            logger.info(
                "stopped (%s): a checkpoint is saved; to continue:\n  %s",
                interrupt.reason,
                self.command.continuing(),
            )
            return TrainingResult(metric=None, code=interrupt.code)
        outcome.print_summary(self.command, self.tracker)
        return TrainingResult(metric=outcome.metric, code=0)

    def _train(
        self,
        run: Run,
        data: RunData,
        listener: RunListener,
        interrupt: Interrupt,
        judge: Judge,
    ) -> Outcome:
        trainer = run.trainer
        plan = trainer.plan
        last = trainer.position.last_step(plan.max_epochs, plan.steps_per_epoch)
        with interrupt, TrainingDisplay(trainer.position.step, last) as display:
            listener.display = display
            fit = trainer.fit()
        if fit.interrupted:
            if not interrupt.code:
                with only_a_record(self.directory.path):
                    judge.record(self.directory.path, self.overrides, fit)
                self.tracker.log(fit.step, {"pruned": 1.0})
            self._track_results()
            raise Interrupted
        if fit.exhausted:
            logger.info(
                "stopped at step %d: %s did not improve for %s epochs (training.patience)",
                fit.step,
                self.config.training.monitor,
                self.config.training.patience,
            )
        outcome = assess_run(self.config, run, data, fit, self.directory.path)
        outcome.log_to(self.tracker)
        # Before figures are drawn: the tracker keeps the model meanwhile.
        save_model(self.config, outcome.checkpoint, fit.step, self.directory.path, self.tracker)
        self.tracker.flush()
        outcome.record(self.overrides)
        outcome.print_errors()
        self._track_results()
        return outcome

    def _save(self, checkpoint: Checkpoint, best: Checkpoint | None) -> None:
        """Writes checkpoints; a full disk then costs these, not the training."""
        folder = self.directory.models
        position = checkpoint.position
        per_epoch = checkpoint.steps_per_epoch
        epochs = epochs_in_all(self.config.training, position, per_epoch)
        is_last = position.step >= position.last_step(epochs, per_epoch)
        self.tracker.flush()
        try:
            if best is not None:
                checkpoints.save(best, folder, checkpoints.BEST)
            checkpoints.save(checkpoint, folder)
        except OSError as error:
            reason = f"cannot write {folder / checkpoint.name}.pt: {error.strerror or error}"
            if is_last:
                raise CheckpointError(
                    f"{reason}: the last saved checkpoint is kept; make room, then continue with: "
                    f"{self.command.continuing()}"
                ) from None
            logger.warning("%s: training goes on", reason)
            return
        checkpoints.prune(folder, self.config.io.max_ckpt_to_keep)

    def _record(self, run: Run, data: RunData) -> None:
        continues = run.trainer.position.step > 0
        earlier = recorded_files(self.directory.path / "environment.json") if continues else None
        facts = {
            **environment(self.launch_dir),
            "seed": self.config.seed,
            "device": str(run.trainer.data.device),
            "threads": run.threads,
            "execution": run.execution.value,
            "processes": self.processes.size,
            "descriptor": run.descriptor,
            STARTING: earlier or starting_files(self.config, self.launch_dir),
            "data": {
                "fingerprint": data.fingerprint,
                "reference_energies": dict(zip(data.species, data.offsets, strict=True)),
                "train": data.train.summary(),
                "validation": data.validation.summary() if data.validation else None,
            },
        }
        from omegaconf import OmegaConf

        self.directory.write_record(OmegaConf.to_yaml(dict(self.plain)), self.overrides, facts)
        self.directory.write_json(
            "networks_metadata.json",
            training_metadata(
                run.networks.to_data(), run.descriptor, self.config.training.panna_version
            ),
        )

    def _run_info(self, run: Run, data: RunData) -> RunInfo:
        return run_info(
            self.config.tracking,
            self.plain,
            data,
            run.networks.to_data(),
            self.overrides,
            self.directory.path,
            self.launch_dir,
            self.parent,
        )

    def _track(self, names: Sequence[str]) -> None:
        for name in names:
            if (self.directory.path / name).exists():
                self.tracker.save(self.directory.path / name)

    def _wants_weight_figures(self) -> bool:
        tracking = self.config.tracking
        return tracking.mlflow and tracking.weight_figures

    def _track_results(self) -> None:
        self._track(_RESULT_FILES)
        self._track_learning_curves()
        if self._wants_weight_figures():
            records = read_weight_record(self.directory.path)
            with only_a_record(self.directory.path / "weights"):
                for path in write_weight_plots(self.directory.path / "weights", records):
                    self.tracker.save(path, "weights")
        for file in sorted((self.directory.path / "evaluate").glob("*")):
            if file.is_file():  # folders are of other data: evaluate has sent those
                self.tracker.save(file, "evaluate")
        for path in checkpoints.list_checkpoints(self.directory.models)[-1:]:
            self.tracker.save(path, "checkpoints")

    def _track_learning_curves(self) -> None:
        """Has the curves of the whole run drawn and kept, where a tracker keeps files."""
        if not self.config.tracking.mlflow:
            return
        path = self.directory.path / "learning_curves.png"
        try:
            if write_learning_curves(path, self.directory.path / "metrics.dat"):
                self.tracker.save(path)
        except (DataError, OSError) as error:  # a figure is not worth the run
            logger.warning("no learning curves: %s", error)
