import logging

import pytest

from panna_exp.evaluation.tables import Table
from panna_exp.output import escaped
from panna_exp.records import LogFile
from panna_exp.runs.messages import messages_shown

NAME = "H2O\x1b[2J\x9b31m\u202eevil\r"
SHOWN = r"H2O\x1b[2J\x9b31m\u202eevil\r"


def test_control_characters_are_spelled_out():
    assert escaped(NAME) == SHOWN
    assert escaped("läufe 1\n\ttab") == "läufe 1\n\ttab"


def test_messages_logs_and_tables_show_them(tmp_path, capsys):
    log = LogFile(tmp_path / "train.log")
    logger = logging.getLogger("panna_exp.tests")
    logging.getLogger("panna_exp").addHandler(log)
    try:
        with messages_shown():
            logger.warning("worst: %s", NAME)
    finally:
        logging.getLogger("panna_exp").removeHandler(log)
        log.close()
    assert capsys.readouterr().err == f"warning: worst: {SHOWN}\n"
    assert SHOWN in (tmp_path / "train.log").read_text()
    table = Table(title="t", header=("a", "b"), rows=[(NAME, "1")])
    assert SHOWN in table.to_text()


def test_a_log_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "other").write_text("the user's")
    (tmp_path / "train.log").symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="is a symbolic link"):
        LogFile(tmp_path / "train.log")
    assert (tmp_path / "other").read_text() == "the user's"


def test_columns_of_words_are_aligned_left():
    rows = [("x", "1", "short"), ("long", "12", "a longer text")]
    text = Table(title="t", header=("a", "n", "b"), rows=rows, words=("b",)).to_text()
    assert text == "t\n  a      n  b\n  x      1  short\n  long  12  a longer text\n"
