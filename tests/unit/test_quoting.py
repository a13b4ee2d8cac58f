"""Whatever a folder is called, printed commands work when pasted."""

import subprocess

from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import example, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from panna_exp.quoting import override, quoted, shell_line, shown

ODD = st.text(alphabet="\\'\"$={}[](),: 1e+-._/~@#%tnul${a}\t*?!&|;<>`\n\x1bäß", max_size=10)
NUMBERS = st.from_regex(r"[0-9._e+-]{1,6}", fullmatch=True)


@given(st.one_of(st.text(max_size=12), ODD, NUMBERS))
@settings(max_examples=600, deadline=None)
@example("1e5")
@example("läufe")
@example("null")
@example("inf")
@example("a\\")
@example('\\"')
@example("${oc.env:HOME}")
@example("\\${a}")
@example("")
@example("\\\n")
def test_hydra_reads_what_was_meant(value):
    parsed = OverridesParser.create().parse_override(f"key={quoted(value)}")
    assert not parsed.is_sweep_override()
    assert parsed.value() is not None
    assert OmegaConf.create({"key": parsed.value()}).key == value


@given(st.lists(st.one_of(st.text(max_size=8), ODD), min_size=1, max_size=20))
@settings(max_examples=30, deadline=None)
def test_bash_reads_what_was_meant(values):
    words = [item.replace("\0", "") for item in values]
    words = [item.encode("utf-8", "ignore").decode() for item in words]
    line = shell_line(["printf", r"%s\0", *words])
    assert line.isprintable()
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


def test_plain_words_stay_plain():
    assert override("io.train_dir", "outputs/a_1") == "io.train_dir=outputs/a_1"
    assert shell_line(["panna-exp", "train", "a.b=c"]) == "panna-exp train a.b=c"


def test_control_characters_are_shown():
    assert shown("a\x1b[31m\nä\u202e") == "a\\x1b[31m\\nä\\u202e"
