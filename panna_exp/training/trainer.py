"""The training loop: plain, with everything that happens now and then in a method of its own."""

import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.data.batch import BatchSource
from panna_exp.data.order import Order
from panna_exp.errors import TrainingError
from panna_exp.training.checkpoint import Position
from panna_exp.training.collapse import CollapseWatch
from panna_exp.training.early_stopping import EarlyStopping
from panna_exp.training.execution import Steps
from panna_exp.training.metrics import LOSS, Totals
from panna_exp.training.optimizer import LearningRate
from panna_exp.training.step import TrainStep
from panna_exp.training.validation import validate

_STEPS_BETWEEN_STOPS = 10  # of several processes

logger = logging.getLogger(__name__)


class Listener:
    """What a training tells and asks the outside; this one does nothing and never stops it."""

    def logged(self, step: int, values: Mapping[str, float]) -> None:
        """A point of the training metrics, means since the last one."""

    def batch_errors(self, step: int, delta: Tensor) -> None:
        """Errors [S] of the energies of a logged step's batch, prediction less target (eV)."""

    def epoch_ended(
        self, epoch: int, step: int, train: Mapping[str, float], validation: Mapping[str, float]
    ) -> None:
        """An epoch's mean training metrics, and those of the whole validation set."""

    def advanced(self, step: int) -> None:
        """Steps were made, ``step`` in all."""

    def improved(self) -> None:
        """The watched error of the epoch that has just ended is the lowest so far."""

    def save(self) -> None:
        """Writes a checkpoint of the trainer's present state."""

    def stops(self) -> bool:
        """Whether the training is to end; asked after every call of ``Steps``."""
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """When things happen, in steps.

    Args:
        steps_per_epoch, max_epochs, log_frequency, save_checkpoint_steps: As they say.
        told_at: After which the listener is told that they were made, whatever else is due.
    """

    steps_per_epoch: int
    max_epochs: int
    log_frequency: int
    save_checkpoint_steps: int
    told_at: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FitResult:
    """How a training ended.

    Args:
        step: Updates made in all.
        steps_made: Updates made by this process.
        seconds: Time in the loop.
        interrupted: Whether it was stopped from outside.
        stopped_early: Whether it ended early because nothing improved any more.
        best_step: Step of the lowest watched error.
        train: Training metrics of the last epoch.
        validation: Validation metrics of the last epoch end, empty without validation data.
    """

    step: int
    steps_made: int
    seconds: float
    interrupted: bool
    stopped_early: bool
    best_step: int
    train: dict[str, float]
    validation: dict[str, float]


@dataclass(slots=True, kw_only=True)
class Trainer:
    """Runs steps from ``position`` until the last epoch is complete or the listener stops it.

    Args:
        step: One update.
        steps: Makes updates.
        data: Training data.
        order: Batches by step.
        learning_rate: By step.
        validation: Validation data or None.
        plan: When to log, save and validate.
        position: Where to start.
        epoch_sums, interval_sums: Errors since the last epoch end and logged point.
        early_stopping: Follows the errors of epoch ends.
        collapse: Sees trainings that became constants; None: nobody looks.
        new_weights: Gives [P] other weights to start from, by the number of the restart.
        energy_rescale: Divides energy errors in reported metrics.
        diverged_at: First logged step at which the loss was not a number.
    """

    step: TrainStep
    steps: Steps
    data: BatchSource
    order: Order
    learning_rate: LearningRate
    validation: BatchSource | None
    plan: Plan
    position: Position
    epoch_sums: Totals
    interval_sums: Totals
    early_stopping: EarlyStopping
    collapse: CollapseWatch | None = None
    new_weights: Callable[[int], Tensor] | None = None
    energy_rescale: float = 1.0
    last_train: dict[str, float]
    last_validation: dict[str, float]
    diverged_at: int | None = None

    def fit(self, listener: Listener) -> FitResult:
        """Trains; has a checkpoint saved at the end and on interruption.

        Args:
            listener: Told about progress, asked whether to go on.

        Raises:
            TrainingError: The networks are no longer numbers; they are not saved.
        """
        start = time.perf_counter()
        first = self.position.step
        last = self.position.last_step(self.plan.max_epochs, self.plan.steps_per_epoch)
        interrupted = saved = False
        if self.early_stopping.stopped_early:
            last = first
        done = first
        while done < last:
            made, done = done, self._until(done, last)
            delta = self._make_steps(made, done)
            if done % self.plan.log_frequency == 0:
                listener.batch_errors(done, delta / self.energy_rescale)
            self.position = _at(self.position, done)
            interrupted = self._is_stopped(done, listener)
            saved = self._after_step(done, done == last or interrupted, listener)
            if not interrupted and done < last and self._ends_epoch(done):
                interrupted = self._is_stopped(done, listener)  # for what the epoch's end has shown
            if interrupted or self.early_stopping.stopped_early:
                break
        if not saved and self.position.step > first:
            self._save(listener)
        return FitResult(
            step=self.position.step,
            steps_made=self.position.step - first,
            seconds=time.perf_counter() - start,
            interrupted=interrupted,
            stopped_early=self.early_stopping.stopped_early,
            best_step=self.early_stopping.best_step,
            train=self.last_train,
            validation=self.last_validation,
        )

    def _until(self, done: int, last: int) -> int:
        """Returns the step up to which nothing has to be told, saved or asked.

        An epoch's first step is made alone: with it the time of the others begins.
        """
        plan = self.plan
        together = 1 if self._ends_epoch(done) else self.steps.together
        in_epoch = (done - self.position.base_step) % plan.steps_per_epoch
        return min(
            last,
            done + together,
            done - in_epoch + plan.steps_per_epoch,
            _next_multiple(done, plan.log_frequency),
            _next_multiple(done, plan.save_checkpoint_steps),
            *(step for step in plan.told_at if step > done),
        )

    def _make_steps(self, first: int, stop: int) -> Tensor:
        """Makes steps, or this process's part of one; returns the last one's energy errors [S].

        Several processes make one step at a time, and gather the errors of logged ones only.
        """
        processes = self.step.processes
        steps = range(first, stop)
        batches = [self.order.indices(step - self.position.stream_start) for step in steps]
        parts = [processes.part(indices) for indices in batches]
        rates = [self._rate(step) for step in steps]
        size = len(batches[-1])
        if len(parts[-1]):
            delta = self.steps(parts, rates, first, len(parts[-1]) / size)
        else:
            self.step.without_structures(rates[-1])
            delta = self.data.energy[:0]
        if stop % self.plan.log_frequency == 0:
            return processes.whole(delta, size)
        return delta

    def _is_stopped(self, done: int, listener: Listener) -> bool:
        """Asks whether to stop; several processes have to agree, which they do now and then."""
        processes = self.step.processes
        if processes.size == 1:
            return listener.stops()
        return done % _STEPS_BETWEEN_STOPS == 0 and processes.any(listener.stops())

    def _ends_epoch(self, done: int) -> bool:
        return (done - self.position.base_step) % self.plan.steps_per_epoch == 0

    def _after_step(self, done: int, ends: bool, listener: Listener) -> bool:
        """Reports and saves what is due after step ``done``; returns whether it saved."""
        plan = self.plan
        epoch_end = self._ends_epoch(done)
        listener.advanced(done)
        if done % plan.log_frequency == 0 or epoch_end:
            self._log(done, listener)
        if epoch_end:
            self._end_epoch(done, listener)
        if ends or self.early_stopping.stopped_early or done % plan.save_checkpoint_steps == 0:
            self._save(listener)
            return True
        return False

    def _save(self, listener: Listener) -> None:
        if not torch.isfinite(self.step.parameters.values).all():
            raise self._diverged(self.position.step)
        self.interval_sums.collect(self.step.processes)
        listener.save()

    def _rate(self, step: int) -> float:
        rate = self.learning_rate(step) * self.early_stopping.rate_factor
        return rate if self.collapse is None else rate * self.collapse.rate_factor

    def _log(self, done: int, listener: Listener) -> None:
        self.interval_sums.collect(self.step.processes)
        values = self.interval_sums.read(self.energy_rescale)
        self.epoch_sums.absorb(self.interval_sums)
        # Of several processes only the first has the values; all have those of an epoch's end.
        if self.diverged_at is None and math.isnan(values.get(LOSS, 0.0)):
            self.diverged_at = done
        values["learning_rate"] = self._rate(done - 1)
        listener.logged(done, values)

    def _end_epoch(self, done: int, listener: Listener) -> None:
        self.epoch_sums.sum_over(self.step.processes)  # all have to decide alike what comes of it
        self.last_train = self.epoch_sums.read(self.energy_rescale)
        self.epoch_sums.sums.zero_()
        if math.isnan(self.last_train.get(LOSS, 0.0)):
            raise self._diverged(done)
        self.last_validation = self._validated()
        epoch = self.position.epoch_of(done, self.plan.steps_per_epoch)
        listener.epoch_ended(epoch, done, self.last_train, self.last_validation)
        if self._restarts(done):
            return
        if self.early_stopping.epoch_ended(done, self.last_validation or self.last_train):
            listener.improved()

    def _restarts(self, done: int) -> bool:
        """Starts again, with other weights and a lower rate, where the networks are constants."""
        watch = self.collapse
        if watch is None or not watch.sees(done, self.last_validation or self.last_train):
            return False
        what = (
            f"after {done} steps the errors are those of a constant: the networks ignore the "
            "structures"
        )
        if watch.given_up:
            raise TrainingError(
                f"{what}, as after {watch.restarts} restarts: choose a smaller "
                "training.learning_rate or other network.activations (silu), and check that the "
                "energies belong to the structures (panna-exp inspect)"
            )
        assert self.new_weights is not None
        watch.restarted(done)
        self.step.restart(self.new_weights(watch.restarts))
        logger.warning(
            "%s; restart %d: other weights, learning rate times %g",
            what,
            watch.restarts,
            watch.settings.rate_factor,
        )
        return True

    def _diverged(self, done: int) -> TrainingError:
        return TrainingError(
            f"the training diverged: by step {self.diverged_at or done} the loss is not a number, "
            f"at a learning rate of {self._rate(done - 1):g}: choose a smaller "
            "training.learning_rate, or clip gradients (training.clip_norm=1); nothing was saved "
            "since; where there is an earlier checkpoint, the command goes on from there"
        )

    def _validated(self) -> dict[str, float]:
        if self.validation is None:
            return {}
        with self.step.averaged():
            return validate(self.step, self.validation).read(self.energy_rescale)


def _next_multiple(step: int, period: int) -> int:
    return (step // period + 1) * period


def _at(position: Position, step: int) -> Position:
    return Position(
        step=step,
        base_step=position.base_step,
        base_epoch=position.base_epoch,
        stream_start=position.stream_start,
    )
