"""The loop: when what is told, saved and stopped, and where it goes on."""

import pytest
import torch

from panna_exp.data.order import BatchOrder
from panna_exp.errors import TrainingError
from panna_exp.training.checkpoint import Position
from panna_exp.training.early_stopping import EarlyStopping, EarlyStoppingSettings
from panna_exp.training.execution import DirectSteps
from panna_exp.training.metrics import Totals
from panna_exp.training.optimizer import constant
from panna_exp.training.trainer import Listener, Plan, Trainer

CPU = torch.device("cpu")


class Told(Listener):
    """Writes down, in order, what the loop tells, saves and asks."""

    def __init__(self, stop_at=None):
        self.events = []
        self.values = {}
        self.stop_at = stop_at
        self.done = 0

    def advanced(self, step):
        self.events.append(f"advanced {step}")

    def logged(self, step, values):
        self.events.append(f"logged {step}")
        self.values[step] = dict(values)

    def batch_errors(self, step, delta):
        self.events.append(f"errors {step} of {len(delta)}")

    def epoch_ended(self, epoch, step, train, validation):
        self.events.append(f"epoch {epoch} at {step}")
        self.values[f"epoch {epoch}"] = (dict(train), dict(validation))

    def save(self):
        self.events.append("saved")

    def improved(self):
        self.events.append("best")

    def stops(self):
        self.done += 1
        return self.done == self.stop_at

    def without(self, *words):
        return [event for event in self.events if not event.startswith(words)]


@pytest.fixture
def make_trainer(make_step, make_data):
    """Returns a trainer of 6 structures in batches of 2 (3 steps per epoch), and what it told."""

    def make(told=None, *, rate=1e-2, epochs=2, step=None, validate=False, position=None, **others):
        told = told or Told()
        step, data = step or make_step(), make_data()
        totals = Totals(CPU)
        plan = {"log_frequency": 2, "save_checkpoint_steps": 4, **others.pop("plan", {})}
        trainer = Trainer(
            step=step,
            steps=DirectSteps(step=step, data=data, totals=totals),
            data=data,
            order=BatchOrder(6, 2, 0, True),
            learning_rate=constant(rate),
            validation=make_data(4, seed=7) if validate else None,
            plan=Plan(steps_per_epoch=3, max_epochs=epochs, **plan),
            position=position or Position(),
            epoch_sums=Totals(CPU),
            interval_sums=totals,
            last_train={},
            last_validation={},
            **{"early_stopping": EarlyStopping(EarlyStoppingSettings()), **others},
        )
        return trainer, told

    return make


def test_the_order_of_what_is_told_and_saved(make_trainer):
    trainer, told = make_trainer(validate=True)
    result = trainer.fit(told)
    assert told.without("best") == [
        *("advanced 1", "errors 2 of 2", "advanced 2", "logged 2"),
        *("advanced 3", "logged 3", "epoch 1 at 3"),
        *("errors 4 of 2", "advanced 4", "logged 4", "saved"),
        "advanced 5",
        *("errors 6 of 2", "advanced 6", "logged 6", "epoch 2 at 6", "saved"),
    ]
    assert (result.step, result.steps_made) == (6, 6)
    assert not result.interrupted
    assert not result.stopped_early
    assert (result.train, result.validation) == told.values["epoch 2"]
    assert result.validation["loss"] > 0


def test_an_epoch_has_the_means_of_all_its_steps_and_a_point_those_since_the_last(
    make_trainer, make_step, make_data
):
    trainer, told = make_trainer(epochs=1, energy_rescale=2.0)
    trainer.fit(told)
    step, data, order = make_step(), make_data(), BatchOrder(6, 2, 0, True)
    losses, errors = [], []
    for index in range(3):
        totals = Totals(CPU)
        step(data.batch(order.indices(index)), 1e-2, totals)
        losses.append(totals.read()["loss"])
        errors.append(totals.read()["energy_mae"])
    assert told.values[2]["loss"] == pytest.approx(sum(losses[:2]) / 2, rel=1e-12)
    assert told.values[3]["loss"] == pytest.approx(losses[2], rel=1e-12)
    train, validation = told.values["epoch 1"]
    assert train["loss"] == pytest.approx(sum(losses) / 3, rel=1e-12)
    assert train["energy_mae"] == pytest.approx(sum(errors) / 3 / 2.0, rel=1e-12)
    assert validation == {}
    assert told.values[2]["learning_rate"] == 1e-2


def test_no_improvement_ends_the_training_with_a_checkpoint_and_no_more_steps(make_trainer):
    stopping = EarlyStopping(EarlyStoppingSettings(patience=2, min_delta=1e9))
    trainer, told = make_trainer(epochs=50, early_stopping=stopping, plan={"log_frequency": 100})
    result = trainer.fit(told)
    assert result.stopped_early
    assert not result.interrupted
    # The first epoch is the best so far, and then none is better by so much.
    assert result.step == 9
    assert told.events[-1] == "saved"
    assert told.events.count("best") == 1
    assert result.best_step == 3
    again, told = make_trainer(epochs=50, early_stopping=stopping, position=trainer.position)
    assert again.fit(told).steps_made == 0
    assert told.events == []


def test_steps_are_made_together_until_something_is_due(make_trainer):
    plan = {"log_frequency": 100, "save_checkpoint_steps": 100, "told_at": (5,)}
    trainer, told = make_trainer(plan=plan)
    direct, calls = trainer.steps, []

    class Together:
        together = 100

        def __call__(self, batches, rates, index, fraction):
            calls.append((index, len(batches), len(rates)))
            for number, batch in enumerate(batches):
                delta = direct([batch], rates[number : number + 1], index + number, fraction)
            return delta

    trainer.steps = Together()
    trainer.fit(told)
    # The first step of an epoch is made alone.
    assert calls == [(0, 1, 1), (1, 2, 2), (3, 1, 1), (4, 1, 1), (5, 1, 1)]
    assert [event for event in told.events if event.startswith("advanced")] == [
        f"advanced {step}" for step in (1, 3, 4, 5, 6)
    ]


def test_best_is_kept_before_the_checkpoint_of_its_epoch(make_trainer):
    trainer, told = make_trainer(validate=True, plan={"save_checkpoint_steps": 3})
    trainer.fit(told)
    ends = told.without("advanced", "errors", "logged")
    assert ends[:3] == ["epoch 1 at 3", "best", "saved"]


def test_a_plateau_lowers_the_rate_that_is_used_and_told(make_trainer):
    settings = EarlyStoppingSettings(plateau_patience=1, plateau_factor=0.5, min_delta=1e9)
    trainer, told = make_trainer(
        epochs=3, early_stopping=EarlyStopping(settings), plan={"log_frequency": 1}
    )
    trainer.fit(told)
    rates = [told.values[step]["learning_rate"] for step in range(1, 10)]
    assert rates == [1e-2] * 6 + [5e-3] * 3


def test_an_interruption_saves_what_was_done_and_is_told(make_trainer):
    trainer, told = make_trainer(Told(stop_at=2), epochs=5)
    result = trainer.fit(told)
    assert result.interrupted
    assert (result.step, result.steps_made) == (2, 2)
    assert told.events[-2:] == ["logged 2", "saved"]
    assert trainer.position == Position(step=2)


def test_an_interruption_at_the_end_of_an_epoch_is_saved_once(make_trainer):
    trainer, told = make_trainer(Told(stop_at=3), epochs=5)
    assert trainer.fit(told).interrupted
    assert told.events[-3:] == ["epoch 1 at 3", "best", "saved"]
    assert told.events.count("saved") == 1


@pytest.mark.parametrize("stop_at", [1, 2, 4])
def test_what_was_interrupted_goes_on_as_if_it_had_not_been(make_trainer, stop_at):
    whole, expected = make_trainer(epochs=4, plan={"log_frequency": 1})
    whole.fit(expected)
    first, told = make_trainer(Told(stop_at), epochs=4, plan={"log_frequency": 1})
    assert first.fit(told).interrupted
    second, later = make_trainer(
        epochs=4, plan={"log_frequency": 1}, step=first.step, position=first.position
    )
    second.epoch_sums, second.early_stopping = first.epoch_sums, first.early_stopping
    result = second.fit(later)
    assert (result.step, result.steps_made) == (12, 12 - first.position.step)
    assert torch.equal(second.step.parameters.values, whole.step.parameters.values)
    assert told.values | later.values == expected.values


def test_a_training_that_is_complete_does_nothing(make_trainer):
    trainer, told = make_trainer(position=Position(step=6))
    result = trainer.fit(told)
    assert (result.step, result.steps_made, told.events) == (6, 0, [])


def test_epochs_are_counted_from_the_base_of_a_continued_training(make_trainer):
    position = Position(step=5, base_step=5, base_epoch=1, stream_start=5)
    trainer, told = make_trainer(epochs=3, position=position, plan={"log_frequency": 100})
    assert trainer.fit(told).step == 5 + 2 * 3
    assert told.without("advanced", "logged", "saved", "best") == ["epoch 2 at 8", "epoch 3 at 11"]


def test_networks_that_are_no_numbers_are_not_saved(make_trainer):
    trainer, told = make_trainer(rate=float("inf"))
    with pytest.raises(TrainingError, match="the training diverged: by step 2 the loss"):
        trainer.fit(told)
    assert "saved" not in told.events


def test_the_step_is_named_at_which_the_loss_was_first_no_number(make_trainer):
    plan = {"log_frequency": 1, "save_checkpoint_steps": 100}
    trainer, told = make_trainer(epochs=5, plan=plan)
    trainer.learning_rate = lambda step: 1e-2 if step < 3 else float("nan")
    with pytest.raises(TrainingError) as error:
        trainer.fit(told)
    assert "by step 5 the loss is not a number" in str(error.value)
    assert "training.learning_rate" in str(error.value)
    assert trainer.diverged_at == 5
    assert "saved" not in told.events
