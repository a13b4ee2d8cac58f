"""Standard output and errors that may be closed, full, or a pipe whose reader has gone."""

import io
import logging
import os
import sys
from typing import Any

logger = logging.getLogger(__name__)

_STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))


def open_closed() -> None:
    """Puts /dev/null where a standard stream was closed (``>&-``).

    Otherwise the next file that is opened takes its number, and whatever is printed goes there.
    """
    for number, (name, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        handle = os.open(os.devnull, flags)
        if handle != number:  # something has taken its place already
            os.set_inheritable(handle, False)
        else:
            os.set_inheritable(handle, True)
        setattr(sys, name, os.fdopen(handle, "r" if flags == os.O_RDONLY else "w"))


def keep_going() -> None:
    """From here on what cannot be printed is lost, and nothing ends because of it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        stream.flush()
        raw = _Output(stream.fileno(), "w", closefd=False)
        lines = stream.line_buffering or raw.isatty()
        buffered = io.BufferedWriter(raw)
        text = io.TextIOWrapper(buffered, stream.encoding, "backslashreplace", line_buffering=lines)
        setattr(sys, name, text)


def discard() -> None:
    """Drops what standard output could not take, so that the end of the process does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class _Output(io.FileIO):
    failed = False

    def write(self, data: Any, /) -> int:
        """Writes, or says once that it cannot and drops what is to be written from then on."""
        if self.failed:
            return len(data)
        try:
            return super().write(data) or 0
        except OSError as error:
            self.failed = True
            name = "standard output" if self.fileno() == 1 else "standard error"
            logger.warning(
                "%s cannot be written (%s): the run goes on", name, error.strerror or error
            )
            return len(data)
