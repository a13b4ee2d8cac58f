"""Help on a terminal that is narrower than it was written for."""

import re
from collections.abc import Iterator, Sequence
from textwrap import TextWrapper

_EXAMPLE = re.compile(r"^  (?:\$ )?(panna-exp \S.*?)  +(\S.*)$")
_ENTRY = re.compile(r"^( {0,2}\S.*?  +)(\S.*)$")
_NOTE = " " * 6


def fitted(text: str, width: int) -> str:
    """Returns help whose prose and meanings take no more than a width.

    Commands stay in one line each, to be copied; a word on one moves below it.
    """
    paragraphs = text.split("\n\n")
    return "\n\n".join("\n".join(_paragraph(item.split("\n"), width)) for item in paragraphs)


def _paragraph(lines: Sequence[str], width: int) -> Iterator[str]:
    if max(map(len, lines)) <= width:
        yield from lines
    elif not any("  " in line for line in lines):
        yield from _wrapped(" ".join(lines), width)
    else:
        for entry in _entries(lines):
            yield from _entry(entry, width)


def _entries(lines: Sequence[str]) -> Iterator[list[str]]:
    """Yields lines, each with those that its meaning goes on in."""
    entry: list[str] = []
    column = 0
    for line in lines:
        if entry and column and line[:column].isspace() and line[column : column + 1].strip():
            entry.append(line)
            continue
        if entry:
            yield entry
        found = _ENTRY.match(line)
        entry, column = [line], len(found[1]) if found else 0
    yield entry


def _entry(lines: Sequence[str], width: int) -> Iterator[str]:
    first = lines[0]
    if max(map(len, lines)) <= width:
        yield from lines
    elif example := _EXAMPLE.match(first):
        yield f"  {example[1]}"
        yield from _wrapped(example[2], width, _NOTE, _NOTE)
    elif first.startswith("  panna-exp "):
        yield from lines
    elif found := _ENTRY.match(first):
        meaning = " ".join([found[2], *(line.strip() for line in lines[1:])])
        head = found[1]
        if len(head) > width // 2:
            yield head.rstrip()
            head = _NOTE
        yield from _wrapped(meaning, width, head, " " * len(head))
    else:
        yield from _wrapped(first, width)


def _wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    wrapper = TextWrapper(
        width, initial_indent=first, subsequent_indent=others, break_on_hyphens=False
    )
    return wrapper.wrap(text)
