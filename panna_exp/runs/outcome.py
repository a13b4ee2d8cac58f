"""What a training ended with: errors on the validation data, files, and where to look."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from panna_exp.assembly.datasets import RunData, read_options
from panna_exp.assembly.saved import SavedPotential, potential_of
from panna_exp.assembly.training import Run
from panna_exp.config.schema import TrainConfig
from panna_exp.files import relative
from panna_exp.quantities import in_ev, with_units
from panna_exp.quoting import shell_line
from panna_exp.records import only_a_record
from panna_exp.run_files import EVALUATE
from panna_exp.runs.assess import Evaluation, Evaluator, result_values, training_baseline
from panna_exp.runs.command_line import CommandLine, display, program
from panna_exp.runs.sweep import final_metrics, metric_value, ranking_metric, write_result
from panna_exp.tracking.base import Tracker
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training.checkpoint import AUTO, Checkpoint
from panna_exp.training.trainer import FitResult

_DEPLOYMENT = "docs/how-to/deployment.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a complete training: the best checkpoint, or the last, and its errors.

    Args:
        run_dir: The run directory.
        checkpoint: The one that other commands take by themselves.
        potential: Its networks.
        evaluation: Their errors, on the validation data or, without any, on the training data.
        fit: How the training ended.
        max_epochs: What it trained to.
        ranked_by: What a sweep ranks by, a name of ``sweep.metric``.
    """

    run_dir: Path
    checkpoint: Checkpoint
    potential: SavedPotential
    evaluation: Evaluation
    fit: FitResult
    max_epochs: int
    ranked_by: str

    @property
    def values(self) -> dict[str, float]:
        """Errors by quantity, in the units that people read."""
        return result_values(self.evaluation.summary)

    @property
    def metrics(self) -> dict[str, float]:
        """All that a sweep can rank by."""
        return final_metrics(self.checkpoint.train, self.checkpoint.validation, self.values)

    @property
    def metric(self) -> float | None:
        """What a sweep ranks by."""
        return metric_value(self.metrics, self.ranked_by)

    def log_to(self, tracker: Tracker) -> None:
        """Tells the tracker the errors."""
        values = {f"result/{name}": value for name, value in in_ev(self.values).items()}
        tracker.log(self.fit.step, values)

    def record(self, overrides: Sequence[str]) -> None:
        """Writes predictions, plots and result.json."""
        name = self.checkpoint.name
        with only_a_record(self.run_dir / EVALUATE):
            self.evaluation.write(self.run_dir / EVALUATE, name, self.potential.title)
        position = self.checkpoint.position
        values: dict[str, Any] = {
            "status": "FINISHED",
            "evaluated": self.evaluation.data.name,
            "checkpoint": name,
            "checkpoint_is": self.potential.role,
            "epoch": position.epoch_of(position.step, self.checkpoint.steps_per_epoch),
            "step": self.fit.step,
            "metrics": self.metrics,
            **with_units(self.values),
        }
        with only_a_record(self.run_dir):
            write_result(self.run_dir, overrides, values)

    def print_errors(self) -> None:
        """Prints the table of errors."""
        print(f"\nErrors on the {self.evaluation.label} after {self.fit.step} steps:")
        print(f"checkpoint: {self.potential.title}")
        sys.stdout.flush()
        self.evaluation.summary.render(Console())

    def print_summary(self, command: CommandLine, tracker: Tracker) -> None:
        """Prints where to look, how to train on, and the speed."""
        folder = Path(display(self.run_dir))
        evaluated = folder / EVALUATE / self.checkpoint.name
        print(f"predictions:  {evaluated}.dat")
        print(f"parity plot:  {evaluated}.png")
        if self.evaluation.predictions.forces is not None:
            print(f"forces:       {evaluated}_forces.dat, .png")
        print(f"metrics:      {folder / 'metrics.dat'}")
        for line in tracker.where():
            print(line)
        longer = command.continuing(f"training.max_epochs={2 * self.max_epochs}")
        print(f"to train on:  {longer}")
        export = [*program(), "export", f"run_dir={relative(self.run_dir)}", "output=x.panna"]
        print(f"to run it:    {shell_line(export)}   (LAMMPS; ASE and others: {_DEPLOYMENT})")
        fit = self.fit
        if fit.steps_made:
            rate = fit.steps_made / fit.seconds
            print(f"trained {fit.steps_made} steps in {fit.seconds:.1f} s: {rate:.0f} steps/s")
        else:
            end = (
                "it stopped early"
                if fit.stopped_early
                else f"max_epochs={self.max_epochs} is reached (step {fit.step})"
            )
            print(f"nothing to train: {end}: 0 steps/s")


def assess_run(
    config: TrainConfig, run: Run, data: RunData, fit: FitResult, run_dir: Path
) -> Outcome:
    """Evaluates a run's best checkpoint on its validation data, or its last on its training data.

    Raises:
        CheckpointError: A checkpoint of it cannot be read again.
    """
    which = AUTO if config.io.keep_best and data.validation else "last"
    (path,) = checkpoints.find_checkpoints(run_dir, which)
    checkpoint = checkpoints.load(path)
    potential = potential_of(checkpoint, path)
    part = data.validation or data.train
    evaluator = Evaluator.build(
        "validation" if data.validation else "training",
        part,
        read_options(config.data),
        data.species,
        data.offsets,
        dtype=run.networks.dtype,
        device=run.trainer.data.device,
        baseline=training_baseline(data.train, data.offsets),
        descriptor=data.descriptor if run.trainer.step.force_loss is not None else None,
        kernel=config.descriptor_kernel.value,
    )
    return Outcome(
        run_dir=run_dir,
        checkpoint=checkpoint,
        potential=potential,
        evaluation=evaluator.evaluate([potential]),
        fit=fit,
        max_epochs=config.training.max_epochs,
        ranked_by=ranking_metric(config.sweep, config.training.monitor),
    )
