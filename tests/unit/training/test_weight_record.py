"""The record of how weights are spread, and its figures."""

import numpy as np
import pytest

from panna_exp.evaluation.weight_plots import write_weight_plots
from panna_exp.training.weight_record import QUANTILES, WeightRecord, read_weight_record


def arrays(scale=1.0, size=500):
    random = np.random.default_rng(0)
    return {
        "H.0.weights": random.normal(size=(size, 20)) * scale,
        "H.0.biases": np.zeros(20),
        "O.0.weights": random.normal(size=(3, 1)),
        "O.0.biases": random.normal(size=1),
    }


def test_quantiles_of_each_layer(tmp_path):
    record = WeightRecord(tmp_path)
    record.append(1, 36, arrays())
    (line,) = read_weight_record(tmp_path)
    assert (line["epoch"], line["step"]) == (1, 36)
    assert list(line["quantiles"]) == list(arrays())
    exact = np.quantile(arrays()["O.0.weights"], QUANTILES)
    np.testing.assert_allclose(line["quantiles"]["O.0.weights"], exact, rtol=1e-5)
    # Of a large layer some elements stand for all.
    about = np.quantile(arrays()["H.0.weights"], QUANTILES[1:-1])
    np.testing.assert_allclose(line["quantiles"]["H.0.weights"][1:-1], about, atol=0.1)


def test_steps_done_again_after_a_kill_are_not_recorded_twice(tmp_path):
    record = WeightRecord(tmp_path)
    for epoch in (1, 2, 3):
        record.append(epoch, 10 * epoch, arrays(epoch))
    path = tmp_path / "weights.jsonl"
    whole = path.read_text()
    path.write_text(whole[:-20])  # the last line cut short
    record = WeightRecord(tmp_path)
    for epoch in (2, 3, 4):
        record.append(epoch, 10 * epoch, arrays(epoch))
    assert [line["epoch"] for line in read_weight_record(tmp_path)] == [1, 2, 3, 4]
    assert path.read_text().startswith(whole)


def test_nothing_was_recorded(tmp_path):
    assert read_weight_record(tmp_path) == []
    assert write_weight_plots(tmp_path / "weights", []) == []


@pytest.mark.parametrize("epochs", [1, 5])
def test_a_figure_a_species_and_layer(tmp_path, epochs):
    record = WeightRecord(tmp_path)
    for epoch in range(1, epochs + 1):
        record.append(epoch, epoch, arrays(epoch))
    paths = write_weight_plots(tmp_path / "weights", read_weight_record(tmp_path))
    assert [path.name for path in paths] == ["H_layer_0.png", "O_layer_0.png"]
    assert all(path.read_bytes()[:4] == b"\x89PNG" for path in paths)
    assert paths[0].read_bytes() != paths[1].read_bytes()
