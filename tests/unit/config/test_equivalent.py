"""Configurations said as overrides of the command line."""

import pytest

from panna_exp.config.compose import compose_job
from panna_exp.config.equivalent import override_texts, overrides_of
from panna_exp.errors import ConfigError


def test_values_are_said_as_they_are_typed():
    values = {
        "network": "h_deep",
        "training": {"max_epochs": 3, "seeds": [1, 2], "monitor": None},
        "io": {"train_dir": "läufe, 1"},
        "data.reference_energies": {"H": -13.6},
        "tracking.mlflow": False,
    }
    assert override_texts(values)[:4] == [
        "network=h_deep",
        "training.max_epochs=3",
        "training.seeds=[1,2]",
        "training.monitor=null",
    ]
    assert override_texts(values)[4] == 'io.train_dir="läufe, 1"'
    assert override_texts(values)[-1] == "tracking.mlflow=false"


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["debug=tiny", "descriptor=bp", "seed=4"],
        ["network.species.H.architecture=[4,1]", "io.train_dir='läufe, 1'"],
        ["data.reference_energies={H:-13,C:-1029,O:-2041,N:-1484}", "training.learning_rate=1e-5"],
    ],
)
def test_they_make_the_same_configuration(overrides):
    made = compose_job("train", overrides)
    texts = overrides_of(made.checked())
    assert compose_job("train", texts).plain == made.plain


def test_a_value_of_another_type_is_named():
    config = compose_job("train", []).checked()
    config.training.max_epochs = "many"
    with pytest.raises(ConfigError, match="many"):
        overrides_of(config)
