import pytest

from panna_exp.config import lists
from panna_exp.errors import ConfigError
from panna_exp.networks.layers import Activation

KEY = "network.architecture"


@pytest.mark.parametrize("value", [[128, 32, 1], "128:32:1", [128.0, "32", 1]])
def test_sizes_from_lists_and_colon_strings(value):
    assert lists.parse_sizes(value, KEY) == (128, 32, 1)


def test_an_unquoted_colon_string_is_refused_with_the_reason():
    with pytest.raises(ConfigError, match=r"462721.*expected a list.*base-60"):
        lists.parse_sizes(462721, KEY)


@pytest.mark.parametrize("value", [[128, 0, 1], [1.5, 1], [True, 1], "a:1", [], None, {"a": 1}])
def test_bad_sizes_name_the_key(value):
    with pytest.raises(ConfigError, match=rf"^{KEY}"):
        lists.parse_sizes(value, KEY)


def test_flags():
    assert lists.parse_flags("1:0:1", "k") == (True, False, True)
    assert lists.parse_flags([True, "false", 1], "k") == (True, False, True)
    with pytest.raises(ConfigError, match="flag 2 is neither"):
        lists.parse_flags([1, 2], "k")


def test_activations():
    expected = (Activation.gaussian, Activation.relu, Activation.linear)
    assert lists.parse_activations("1:3:0", "k") == expected
    assert lists.parse_activations(["gaussian", "relu", "l"], "k") == expected
    with pytest.raises(ConfigError, match=r"unknown activation 'tanj'.*did you mean 'tanh'"):
        lists.parse_activations(["tanj"], "k")


def test_behavior():
    assert lists.parse_behavior("load:new:keep", "k") == ("load", "new", "keep")
    with pytest.raises(ConfigError, match="behavior 'lod' is none of"):
        lists.parse_behavior("lod:new", "k")
