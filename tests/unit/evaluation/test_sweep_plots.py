"""What the figure of a sweep shows of its jobs."""

import pytest
from matplotlib.figure import Figure

from panna_exp.evaluation import sweep_plots
from panna_exp.evaluation.sweep_plots import Job, write_sweep_plot


def job(metric, complete=True, **values):
    return Job(values=values, metric=metric, complete=complete)


@pytest.fixture
def figures(monkeypatch):
    """The figures that are drawn, instead of files."""
    drawn = []
    monkeypatch.setattr(Figure, "savefig", lambda figure, *_, **__: drawn.append(figure))
    return drawn


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_points_of_another_value_of_the_second_key_have_another_colour(figures, tmp_path):
    jobs = [job(float(rate) + int(seed), rate=rate, seed=seed) for rate in "12" for seed in "012"]
    assert write_sweep_plot(tmp_path / "a.png", jobs, "MAE (meV/atom)")
    rate, seed = figures[0].axes
    assert labels(rate) == ["seed=0", "seed=1", "seed=2", "best"]
    assert labels(seed) == ["rate=1", "rate=2", "best"]
    assert len({tuple(line.get_color()) for line in rate.lines}) == 3
    assert [tick for tick in seed.get_xticks() if tick != int(tick)] == []


def test_a_pruned_job_is_not_the_best(figures, tmp_path):
    jobs = [job(3.0, seed="0"), job(2.0, seed="1"), job(1.0, complete=False, seed="2")]
    write_sweep_plot(tmp_path / "a.png", jobs, "validation MAE (meV/atom)")
    assert figures[0].get_suptitle() == "3 jobs, best validation MAE: 2"
    assert labels(figures[0].axes[0]) == ["pruned", "best"]
    write_sweep_plot(tmp_path / "a.png", [*jobs[2:], job(5.0, False, seed="3")], "loss")
    assert figures[1].get_suptitle() == "2 jobs"


def test_the_values_of_a_search_are_no_groups(figures, tmp_path):
    jobs = [job(n / 7, rate=str(0.1 + n / 70), size=str(n % 2)) for n in range(20)]
    write_sweep_plot(tmp_path / "a.png", jobs, "loss")
    rate, size = figures[0].axes
    assert labels(rate) == ["size=0", "size=1", "best"]
    assert labels(size) == ["best"]
    assert len(rate.lines) == 0


@pytest.mark.parametrize(
    ("texts", "scale", "ticks"),
    [
        (("0.001", "0.01"), "log", ["0.001", "0.01"]),
        (("8", "16", "32", "64", "128"), "log", ["8", "16", "32", "64", "128"]),
        ((*tuple("123456789"), "10"), "linear", None),
        (("0", "10"), "linear", None),
        (("0.5",), "linear", None),
        (("1", "2", "900"), "log", None),
    ],
)
def test_axes_suit_the_values(texts, scale, ticks):
    axes = Figure().subplots()
    assert sweep_plots._places(axes, texts) == [float(text) for text in texts]
    assert axes.get_xscale() == scale
    if ticks is not None:
        assert [tick.get_text() for tick in axes.get_xticklabels()] == ticks
