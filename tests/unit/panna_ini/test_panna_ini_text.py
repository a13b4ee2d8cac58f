"""The INI reader agrees with configparser, keeps lines, and refuses in time."""

import configparser
import contextlib
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.text import MAX_BYTES, parse_ini, read_ini


def values(text):
    return {
        name: {key: entry.value for key, entry in section.entries.items()}
        for name, section in parse_ini(text, "x.ini").sections.items()
    }


def problems(text):
    with pytest.raises(ConfigError) as caught:
        parse_ini(text, "x.ini")
    return caught.value.problems


def test_sections_keys_comments_and_continued_values():
    text = "# first\n[A]\nKey = 1\n; note\nb : two\n  more\n\n  last\n[a]\nkey=\n"
    assert values(text) == {"A": {"key": "1", "b": "two\nmore\n\nlast"}, "a": {"key": ""}}


def test_lines_of_keys():
    ini = parse_ini("[A]\n\nx = 1\n# c\ny = 2\r\n[B]\r\nz = 3\n", "x.ini")
    assert [(e.section, e.key, e.line) for e in ini.entries()] == [
        ("A", "x", 3),
        ("A", "y", 5),
        ("B", "z", 7),
    ]
    assert ini.entries()[2].where == "x.ini:7: [B] z"


def test_references():
    text = "[A]\nroot = /data\ntrain = %(root)s/train\nx = 50%%\n"
    assert values(text)["A"] == {"root": "/data", "train": "/data/train", "x": "50%"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a = 1\n", "x.ini:1: 'a = 1' stands before the first [SECTION]"),
        ("[A]\na\n", "x.ini:2: 'a': expected key = value or [SECTION]"),
        ("[A]\n= 3\n", "x.ini:2: '= 3': no key before the sign"),
        ("[A]\na=1\nA=2\n", "x.ini:3: [A] a is there twice, first in line 2"),
        ("[A]\n[B]\n[A]\n", "x.ini:3: the section [A] is there twice, first in line 1"),
        ("[A]\na = %(b)s\n", "x.ini:2: [A] a: %(b)s refers to a key that [A] does not have"),
        ("[A]\na = %(a)s\n", "x.ini:2: [A] a: %(...)s refers to itself, or too deep"),
        ("[A]\na = 5%\n", "x.ini:2: [A] a = 5%: '%' begins a reference"),
        ("[A]\na = \x00\n", "x.ini:2: has the control character '\\x00'"),
        ("[A]\n" * 6000, "x.ini:5000: the file has 6001 lines"),
    ],
)
def test_mistakes(text, message):
    assert problems(text)[0].startswith(message)


def test_every_mistake_at_once_up_to_a_limit():
    found = problems("[A]\n" + "word\n" * 100)
    assert len(found) == 31
    assert found[-1] == "x.ini: and 70 more mistakes of this kind"


def test_bytes_that_are_not_utf8(tmp_path):
    path = tmp_path / "x.ini"
    path.write_bytes(b"[A]\na = 1\nb = \xff\n")
    with pytest.raises(ConfigError, match=r"x\.ini:3: byte 0xff is not UTF-8 text"):
        read_ini(path)


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "x.ini"
    path.write_bytes("\ufeff[A]\na = 1\n".encode())
    assert read_ini(path).entry("A", "a").value == "1"


@pytest.mark.parametrize("name", ["missing.ini", "."])
def test_no_file(tmp_path, name):
    with pytest.raises(ConfigError, match=r"No such file|is not a file"):
        read_ini(tmp_path / name)


@pytest.mark.parametrize(
    "data",
    [
        b"[A]\na = " + b"x" * 10**7 + b"\n",
        b"[A]\n" + b" " * 10**7 + b"\n",
        b"[A]\na = " + b"%(a)s" * (MAX_BYTES // 6),
        b"[A]\n" + b"".join(b"a%d = %s\n" % (n, b"%%(a%d)s" % (n + 1) * 60) for n in range(9)),
        b"[A]\na = " + b"\t \t" * (MAX_BYTES // 4),
        b"[" * (MAX_BYTES - 1),
    ],
)
def test_large_inputs_take_less_than_a_second(tmp_path, data):
    path = tmp_path / "x.ini"
    path.write_bytes(data)
    start = time.perf_counter()
    with contextlib.suppress(ConfigError):
        read_ini(path)
    assert time.perf_counter() - start < 1


LINES = st.lists(
    st.one_of(
        st.sampled_from(
            ["[A]", "[b]", " [c] x", "a=1", " b : 2", "    more", "", "  ", "# c", "; c"]
        ),
        st.text("ab=:#; []%()s\t", max_size=8),
    ),
    max_size=12,
)


@settings(max_examples=300, deadline=None)
@given(LINES)
def test_agrees_with_configparser(lines):
    text = "\n".join(["[S]", *lines]) + "\n"
    reference = configparser.ConfigParser(default_section="\0")
    try:
        reference.read_string(text)
        expected = {name: dict(reference[name].items()) for name in reference.sections()}
    except (configparser.Error, IndexError):
        problems(text)
        return
    assert values(text) == expected
