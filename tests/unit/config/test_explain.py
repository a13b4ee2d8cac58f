import pytest

from panna_exp.config import store
from panna_exp.config.explain import explain


@pytest.fixture(autouse=True)
def registered():
    store.register()


def explained(*arguments, config_name="train"):
    return explain(config_name, list(arguments), ValueError("what Hydra said"))


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        (
            "training.learning_rat=1",
            "training.learning_rat: no such key, did you mean 'training.learning_rate'?",
        ),
        ("batch_size=1", "batch_size: no such key, did you mean 'training.batch_size'?"),
        ("trainin.x=1", "trainin.x: no such key"),
        (
            "network=hdeep",
            "network=hdeep: expected one of default, h_deep, did you mean 'h_deep'?",
        ),
        ("seed=x", "seed=x: Value 'x' of type 'str' could not be converted to Integer (seed)"),
        (
            "device=gpu",
            "device=gpu: Invalid value 'gpu', expected one of [auto, cpu, cuda] (device)",
        ),
        ("network=null", "network=null: expected one of default, h_deep"),
        ("species=null", "species=null: expected one of deep, small"),
        ("network=3", "network=3: expected one of default, h_deep"),
        ("oops", "'oops' is no key=value override"),
        ("training.learning_rate=-1", "training.learning_rate=-1.0 must be > 0"),
    ],
)
def test_one_mistake(argument, sentence):
    (found,) = explained(argument)
    assert found.startswith(sentence)
    assert "\n" not in found


def test_every_mistake_is_found_in_any_company():
    found = explained(
        "network=h_deep", "seed=1", "training.batch_size=0", "data.trian=x", "io=none", "seed=y"
    )
    assert len(found) == 4


def test_each_value_of_a_sweep_is_tried():
    found = explained("training.batch_size=10,x,20,y")
    assert [item.split(":")[0] for item in found] == [
        "training.batch_size=x",
        "training.batch_size=y",
    ]


def test_unreadable_overrides_say_how_to_quote():
    (found,) = explained("data.train=a b(c")
    assert "quote values with special characters" in found


def test_where_nothing_is_found_hydras_own_words_are_shown():
    assert explained("seed=1") == ["what Hydra said"]


def test_other_commands_have_their_own_keys():
    (found,) = explained("run_dri=x", "run_dir=y", config_name="evaluate")
    assert found == "run_dri: no such key, did you mean 'run_dir'?"
