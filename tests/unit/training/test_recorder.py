import os

from panna_exp.training.recorder import MetricsFile

TRAIN = {"energy_mae": 0.5, "energy_rmse": 0.75, "loss": 2.0, "energy_loss": 1.5, "penalty": 0.5}
VALIDATION = {"energy_mae": 0.25}


def test_columns_are_pannas_and_epochs_count_from_zero(tmp_path):
    path = tmp_path / "metrics.dat"
    record = MetricsFile(path, ["MAE", "loss"], with_validation=True)
    record.append(1, TRAIN, VALIDATION, 100)
    header, line = path.read_text().splitlines()
    assert (
        header
        == "epoch MAE/at e_loss loss reg_loss tot_st val_MAE/at val_e_loss val_loss val_reg_loss"
    )
    assert line == "0 0.5 1.5 2.0 0.5 100 0.25 nan nan nan"


def test_epochs_that_are_there_stay(tmp_path):
    path = tmp_path / "metrics.dat"
    first = MetricsFile(path, ["MAE"], with_validation=False)
    first.append(1, TRAIN, {}, 10)
    first.append(2, TRAIN, {}, 20)
    again = MetricsFile(path, ["MAE"], with_validation=False)
    again.append(2, {"energy_mae": 9.0}, {}, 20)
    again.append(3, {"energy_mae": 3.0}, {}, 30)
    assert path.read_text() == "epoch MAE/at tot_st\n0 0.5 10\n1 0.5 20\n2 3.0 30\n"


def test_a_line_cut_short_is_written_again(tmp_path):
    path = tmp_path / "metrics.dat"
    MetricsFile(path, ["MAE"], with_validation=False).append(1, TRAIN, {}, 10)
    path.write_text(path.read_text() + "1 0.")
    MetricsFile(path, ["MAE"], with_validation=False).append(2, TRAIN, {}, 20)
    assert path.read_text() == "epoch MAE/at tot_st\n0 0.5 10\n1 0.5 20\n"


def test_a_file_of_other_columns_is_kept_beside(tmp_path):
    path = tmp_path / "metrics.dat"
    MetricsFile(path, ["MAE"], with_validation=False).append(1, TRAIN, {}, 10)
    MetricsFile(path, ["RMSE"], with_validation=False)
    assert (tmp_path / "metrics_1.dat").read_text().splitlines()[1] == "0 0.5 10"
    assert path.read_text() == "epoch RMSE/at tot_st\n"


def test_lines_are_flushed_to_the_disk_when_asked_for_not_each_epoch(tmp_path, monkeypatch):
    path = tmp_path / "metrics.dat"
    record = MetricsFile(path, ["MAE"], with_validation=False)
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_ino))
    record.append(1, TRAIN, {}, 10)
    assert flushed == []
    record.sync()
    assert flushed == [path.stat().st_ino]
