"""The program's messages on the terminal."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from panna_exp.output import escaped


@contextmanager
def messages_shown() -> Iterator[None]:
    """Within the block, the program's messages appear on stderr; blocks may be nested."""
    package = logging.getLogger("panna_exp")
    if any(isinstance(handler.formatter, _MessageFormatter) for handler in package.handlers):
        yield
        return
    handler = logging.StreamHandler()
    handler.setFormatter(_MessageFormatter())
    handler.addFilter(lambda record: not getattr(record, "file_only", False))
    before = package.level, package.propagate
    package.setLevel(logging.INFO)
    package.propagate = False
    package.addHandler(handler)
    try:
        yield
    finally:
        package.removeHandler(handler)
        package.setLevel(before[0])
        package.propagate = before[1]


class _MessageFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        """Messages as they are; warnings say so."""
        text = escaped(record.getMessage())
        return text if record.levelno < logging.WARNING else f"{record.levelname.lower()}: {text}"
