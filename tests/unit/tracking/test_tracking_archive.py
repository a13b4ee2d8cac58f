"""A training that starts over has a record of its own, and the earlier one is kept."""

from panna_exp.tracking.archive import archive
from panna_exp.tracking.journal import Journal, read_events
from panna_exp.tracking.mlflow_delivery import State
from panna_exp.tracking.tensorboard import TensorBoardTracker, read_event_file


def train(run, values):
    journal = Journal(run.run_dir / "tracking.jsonl")
    journal.start(run, {})
    board = TensorBoardTracker()
    board.start(run)
    for step, value in enumerate(values, 1):
        for tracker in (journal, board):
            tracker.log(step, {"train/loss": value, "validation/loss": value})
    journal.flush()
    board.close()
    State(run_id="x").save(run.run_dir, "http://host")


def losses(folder):
    events = [event for event, _ in read_events(folder / "tracking.jsonl", 0)]
    values = [event["values"]["train/loss"] for event in events if event["event"] == "metrics"]
    for place in (folder, folder / "validation"):
        drawn = [
            value.simple_value
            for path in sorted(place.glob("events.out.tfevents.*"))
            for event in read_event_file(path)
            for value in event.summary.value
        ]
        assert drawn == values
    return values


def test_a_training_that_starts_over_is_recorded_from_its_first_step(run):
    assert not archive(run.run_dir, "tracking_1")
    assert not (run.run_dir / "tracking_1").exists()
    train(run, [3.0, 2.0, 1.0])
    assert archive(run.run_dir, "tracking_1")
    assert State.load(run.run_dir, "http://host") == State()
    train(run, [30.0, 20.0])
    assert losses(run.run_dir) == [30.0, 20.0]
    assert losses(run.run_dir / "tracking_1") == [3.0, 2.0, 1.0]
