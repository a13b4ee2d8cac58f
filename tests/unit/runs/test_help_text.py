"""Help in colours on a terminal, and the same words without."""

import io
import re

import pytest

from panna_exp.runs.help_text import show, show_printed

TEXT = (
    "usage: panna-exp x [key]\n\nexamples:\n  panna-exp x a=1  once\n\nio:\n  io.dir  [bold] where"
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def printed(monkeypatch):
    """What is printed to a terminal, or to a file."""
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")

    def run(stream):
        monkeypatch.setattr("sys.stdout", stream)
        show(TEXT)
        return stream.getvalue()

    return run


def test_a_file_gets_the_words_alone(printed):
    assert printed(io.StringIO()) == TEXT + "\n"


def test_a_terminal_gets_colours(printed):
    text = printed(Terminal())
    assert "\x1b[1mexamples:\x1b[0m" in text
    assert "\x1b[36mpanna-exp x a=1\x1b[0m" in text
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == TEXT + "\n"


def test_a_terminal_that_wants_none_gets_none(printed, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[36m" not in printed(Terminal())


def test_what_a_command_prints_is_shown_when_all_is_there(capsys):
    seen = []

    def command(arguments):
        print("a: 1")
        seen.append(capsys.readouterr().out)
        print("b: 2")
        return 3

    assert show_printed(command, ["--cfg", "job"], "docs/x.md") == 3
    assert seen == [""]
    assert capsys.readouterr().out == "a: 1\nb: 2\n"
