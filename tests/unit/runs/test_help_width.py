"""Help fits a narrow terminal; commands stay in one piece."""

import pytest

from panna_exp.runs.help_width import fitted

TEXT = """\
usage: panna-exp x [key=value ...]

Does something that takes a few words to say, which are written
in two lines.

examples:
  panna-exp x a=1 b=2     a word on this example
  panna-exp x a=1 b=2 c=3 d=4 e=5 f=6 g=7 h=8

  KEY=VALUE  what it means, in some more words
             that go on in another line
  another    short
  one.that.is.rather.long  and what it means"""


def test_a_wide_terminal_gets_what_was_written():
    assert fitted(TEXT, 70) == TEXT


@pytest.mark.parametrize("width", [30, 40])
def test_only_commands_are_wider_than_the_terminal(width):
    lines = fitted(TEXT, width).split("\n")
    assert not [x for x in lines if len(x) > width and not x.startswith("  panna-exp")]
    assert " ".join(" ".join(lines).split()) == " ".join(TEXT.split())


def test_meanings_stay_in_their_column():
    lines = fitted(TEXT, 40).split("\n")
    assert "      a word on this example" in lines
    start = lines.index("  KEY=VALUE  what it means, in some more")
    assert lines[start + 1] == "             words that go on in another"
    assert lines[-2:] == ["  one.that.is.rather.long", "      and what it means"]
