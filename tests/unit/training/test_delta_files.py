import numpy as np
import pytest

from panna_exp.errors import DataError
from panna_exp.training.delta_files import ERRORS, STATISTICS, STEPS, DeltaFiles


def test_layout(tmp_path):
    DeltaFiles(tmp_path, 0).append(100, np.array([0.5, -0.25]))
    assert (tmp_path / ERRORS).read_text() == "0.50000000 -0.25000000\n"
    assert (tmp_path / STATISTICS).read_text() == "0.12500000 0.37500000 0.37500000\n"
    assert (tmp_path / STEPS).read_text() == "100\n"


def test_the_layout_is_that_of_panna(tmp_path, shared):
    sample = (shared / "reference/fmt_outputs_a/delta_e.dat.head2").read_text().splitlines()
    errors = np.array([[float(word) for word in line.split()] for line in sample])
    files = DeltaFiles(tmp_path, 0)
    for number, line in enumerate(errors, start=1):
        files.append(100 * number, line)
    assert (tmp_path / ERRORS).read_text().splitlines() == sample
    statistics = (shared / "reference/fmt_outputs_a/delta_e_std.dat").read_text().splitlines()
    ours = (tmp_path / STATISTICS).read_text().splitlines()
    # Computed by the original from single precision, so the last digit may differ.
    for line, expected in zip(ours, statistics, strict=False):
        found = [float(word) for word in line.split()]
        np.testing.assert_allclose(found, [float(w) for w in expected.split()], atol=2e-8)
    assert [len(word.split(".")[1]) for word in ours[0].split()] == [8, 8, 8]


def test_steps_that_are_made_again_are_dropped(tmp_path):
    files = DeltaFiles(tmp_path, 0)
    for step in (10, 20, 30):
        files.append(step, np.array([float(step)]))
    with (tmp_path / ERRORS).open("a") as file:
        file.write("0.5")  # cut short by a kill
    files = DeltaFiles(tmp_path, 20)
    files.append(30, np.array([1.0]))
    assert (tmp_path / STEPS).read_text().split() == ["10", "20", "30"]
    assert (tmp_path / ERRORS).read_text().split() == ["10.00000000", "20.00000000", "1.00000000"]


def test_a_damaged_file_is_named(tmp_path):
    for name in (ERRORS, STATISTICS, STEPS):
        (tmp_path / name).write_text("x\n")
    with pytest.raises(DataError, match=r"delta_e_steps.dat:1: 'x', expected the number of a step"):
        DeltaFiles(tmp_path, 0)
