"""What the words of the table's types mean, and what is said about values that do not fit."""

import pytest

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.text import Entry
from panna_exp.panna_ini.values import converter


def read(words, text):
    return converter(words)(Entry("x.ini", "S", "key", text, 3))


@pytest.mark.parametrize(
    ("words", "text", "expected"),
    [
        ("whole >= 1", "7", 7),
        ("whole >= -1: a step, or -1", "-1", -1),
        ("positive or none: a step, or -1", "0", None),
        ("positive or none: a step, or -1", "12", 12),
        ("step or last", "-1", "last"),
        ("step or last", "40", "step_40"),
        ("number", "-1e-3", -1e-3),
        ("number > 0", "2", 2.0),
        ("number >= 0 < 1", "0", 0.0),
        ("one of tfr=tfrecord, example", "tfr", "tfrecord"),
        ("one of tfr=tfrecord, example", "example", "example"),
        ("one of 0=0, 1=1", "1", 1),
        ("some of MAE, RMSE", "RMSE, MAE", ["RMSE", "MAE"]),
        ("three booleans", "True: no,1", [True, False, True]),
        ("number or numbers", "2", 2.0),
        ("number or numbers", "2, 3", [2.0, 3.0]),
        ("path", "a/b c", "a/b c"),
    ],
)
def test_values(words, text, expected):
    assert read(words, text) == expected


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ("whole >= 1", "0", "expected a whole number from 1"),
        ("whole >= -1: a step, or -1", "x", "expected a step, or -1"),
        ("number > 0 < 1", "1", "expected a number above 0 below 1"),
        ("number", "nan", "expected a number"),
        ("one of tfr=tfrecord, example", "exampel", "did you mean 'example'"),
        ("some of MAE, RMSE", "MEA", "expected any of MAE, RMSE, did you mean 'MAE'"),
        ("three booleans", "True", "expected three of True and False"),
        ("loss", "quadd", "did you mean 'quad'"),
    ],
)
def test_mistakes_name_the_line(words, text, message):
    with pytest.raises(ConfigError) as caught:
        read(words, text)
    assert str(caught.value).startswith(f"x.ini:3: [S] key = {text}: ")
    assert message in str(caught.value)
