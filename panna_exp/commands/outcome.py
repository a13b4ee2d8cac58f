"""What a training ended with: errors on the validation data, files, and where to look."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from panna_exp.assembly.datasets import RunData
from panna_exp.assembly.training import Run
from panna_exp.commands.assess import Assessment, Assessor, result_json, training_baseline
from panna_exp.commands.command_line import CommandLine, relative
from panna_exp.commands.sweep import write_result
from panna_exp.commands.sweep_metric import final_metrics
from panna_exp.records import only_a_record
from panna_exp.tracking.base import Tracker
from panna_exp.training import checkpoint as checkpoints
from panna_exp.training import metrics
from panna_exp.training.trainer import FitResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a complete training.

    Args:
        run_dir: The run directory.
        which: ``validation`` or, without such data, ``training``: what was evaluated.
        checkpoint: Name of the last checkpoint.
        assessment: Its errors.
        fit: How the training ended.
        max_epochs: What it trained to.
        ranked_by: What a sweep ranks by, a name of ``sweep.metric``.
    """

    run_dir: Path
    which: str
    checkpoint: str
    assessment: Assessment
    fit: FitResult
    max_epochs: int
    ranked_by: str

    @property
    def numbers(self) -> dict[str, float]:
        """Errors by name, meV/atom."""
        return result_json(self.assessment.summary)

    @property
    def metrics(self) -> dict[str, float]:
        """All that a sweep can rank by."""
        return final_metrics(self.fit.train, self.fit.validation, self.numbers)

    @property
    def metric(self) -> float | None:
        """What a sweep ranks by."""
        return self.metrics.get(self.ranked_by)

    def tell(self, tracker: Tracker) -> None:
        """Tells the tracker the errors."""
        tracker.log(self.fit.step, {f"result/{name}": v for name, v in self.numbers.items()})

    def record(self, overrides: Sequence[str]) -> None:
        """Writes predictions, plots and result.json."""
        title = f"{self.which} data, {self.checkpoint}"
        with only_a_record(self.run_dir / "evaluate"):
            self.assessment.write(self.run_dir / "evaluate", self.checkpoint, title)
        train_mae = self.fit.train.get(metrics.ENERGY_MAE)
        values: dict[str, Any] = {
            "status": "FINISHED",
            "evaluated": self.which,
            "metrics": self.metrics,
            "train_mae_mev_per_atom": None if train_mae is None else train_mae * 1000,
            "step": self.fit.step,
            "checkpoint": self.checkpoint,
            **self.numbers,
        }
        with only_a_record(self.run_dir):
            write_result(self.run_dir, overrides, values)

    def show(self) -> None:
        """Prints the table of errors."""
        print(f"\nErrors on the {self.which} data after {self.fit.step} steps:")
        sys.stdout.flush()
        self.assessment.summary.render(Console())

    def say_where(self, command: CommandLine, tracker: Tracker) -> None:
        """Prints where to look, how to train on, and the speed."""
        folder = relative(self.run_dir)
        print(f"predictions:  {folder / 'evaluate' / self.checkpoint}.dat")
        print(f"parity plot:  {folder / 'evaluate' / self.checkpoint}.png")
        if self.assessment.predictions.forces is not None:
            print(f"forces:       {folder / 'evaluate' / self.checkpoint}_forces.dat, .png")
        print(f"metrics:      {folder / 'metrics.dat'}")
        if (self.run_dir / "_models" / f"{checkpoints.BEST}.pt").exists():
            print(f"best epoch:   of step {self.fit.best_step} (checkpoint=best)")
        for line in tracker.where():
            print(line)
        longer = command.continuing(f"training.max_epochs={2 * self.max_epochs}")
        print(f"to train on:  {longer}")
        fit = self.fit
        if fit.steps_made:
            rate = fit.steps_made / fit.seconds
            print(f"trained {fit.steps_made} steps in {fit.seconds:.1f} s: {rate:.0f} steps/s")
        else:
            end = (
                "it stopped early"
                if fit.exhausted
                else f"max_epochs={self.max_epochs} is reached (step {fit.step})"
            )
            print(f"nothing to train: {end}: 0 steps/s")


def assess_run(run: Run, data: RunData, fit: FitResult, run_dir: Path, ranked_by: str) -> Outcome:
    """Evaluates a run's networks on its validation data, or on its training data without."""
    part = data.validation or data.train
    assessor = Assessor.build(
        part,
        data.species,
        data.offsets,
        dtype=run.networks.dtype,
        device=run.trainer.data.device,
        baseline=training_baseline(data.train, data.offsets),
        descriptor=data.descriptor if run.trainer.step.force_loss is not None else None,
        kernel=str(run.config.get("descriptor_kernel", "auto")),
    )
    return Outcome(
        run_dir=run_dir,
        which="validation" if data.validation else "training",
        checkpoint=run.checkpoint().name,
        assessment=assessor.assess(run.evaluated(), run.trainer.energy_rescale),
        fit=fit,
        max_epochs=run.config["training"]["max_epochs"],
        ranked_by=ranked_by,
    )
