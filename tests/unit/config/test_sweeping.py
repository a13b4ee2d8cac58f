"""What the overrides of a sweep stand for."""

import pytest

from panna_exp.config.sweeping import Choice, Interval, combinations, searched, swept_keys
from panna_exp.errors import ConfigError


def test_all_combinations_the_last_key_first():
    assert combinations(["seed=1,2", "data=hdf5", "training.batch_size=choice(5,10)"]) == [
        ["seed=1", "data=hdf5", "training.batch_size=5"],
        ["seed=1", "data=hdf5", "training.batch_size=10"],
        ["seed=2", "data=hdf5", "training.batch_size=5"],
        ["seed=2", "data=hdf5", "training.batch_size=10"],
    ]
    assert combinations(["seed=range(0,3)", "seed=7"]) == [["seed=7"]]  # the last one counts
    with pytest.raises(ConfigError, match="an interval needs hydra/sweeper=optuna"):
        combinations(["training.learning_rate=interval(1e-4,1e-2)"])


def test_keys_that_have_several_values():
    assert swept_keys(["seed=1,2", "++data.x=a", "io.train_dir='a,b'"]) == {"seed"}


def test_what_is_searched():
    found = searched(
        [
            "seed=3",
            "a=tag(log,interval(1e-4,1e-1))",
            "b=int(interval(1,8))",
            "c=range(2,9,3)",
            "d=x,y",
        ]
    )
    assert found.fixed == ["seed=3"]
    a, b, c, d = found.values.values()
    assert (a.low, a.high, a.log, a.step) == (1e-4, 1e-1, True, None)
    assert isinstance(b, Interval)
    assert (b.low, b.high, b.step) == (1, 8, 1)
    assert (c.low, c.high, c.step) == (2, 8, 3)
    assert d == Choice(text="d=x,y", values=["x", "y"])
