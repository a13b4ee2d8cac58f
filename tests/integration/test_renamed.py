"""Old names at the real command line and in a user's files."""

from panna_exp.cli import main
from panna_exp.config import renamed

TABLE = {"device=processor": "device=cpu", "training.step_size": "training.learning_rate"}


def test_old_names_work_and_say_the_new_ones(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(renamed, "RENAMED", TABLE)
    monkeypatch.setattr(renamed, "_said", set())
    (tmp_path / "conf" / "training").mkdir(parents=True)
    (tmp_path / "conf" / "training" / "mine.yaml").write_text("step_size: 0.5\n")
    assert main(["train", "training=mine", "device=processor", "--cfg", "job"]) == 0
    captured = capsys.readouterr()
    assert "learning_rate: 0.5" in captured.out
    assert "device: cpu" in captured.out
    assert captured.err.splitlines() == [
        "note: device=processor is now called device=cpu",
        "note: training.step_size is now called training.learning_rate",
    ]
