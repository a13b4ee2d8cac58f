"""Standard output and errors that may be closed, full, or a pipe whose reader has gone."""

import errno
import io
import logging
import os
import sys
from typing import Any

logger = logging.getLogger(__name__)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
_STREAMS = (("stdin", os.O_RDONLY), ("stdout", os.O_WRONLY), ("stderr", os.O_WRONLY))


def escaped(text: str) -> str:
    """Returns a text for the terminal, in which control characters are spelled out.

    Names in data may hold sequences that move the cursor, colour what follows, or turn it around.
    """
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in "\n\t" else repr(char)[1:-1] for char in text
    )


def open_closed() -> None:
    """Puts /dev/null where a standard stream was closed (``>&-``).

    Otherwise the next file that is opened takes its number, and whatever is printed goes there.
    """
    for number, (name, flags) in enumerate(_STREAMS):
        if getattr(sys, name) is not None:
            continue
        handle = os.open(os.devnull, flags)
        os.set_inheritable(handle, handle == number)  # else something has taken its place already
        stream = os.fdopen(handle, "r" if flags == os.O_RDONLY else "w")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def keep_going() -> None:
    """From here on what cannot be printed is lost, and nothing ends because of it."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not getattr(sys, f"__{name}__"):
            continue  # somebody else's, or done before
        raw = _Output(stream.fileno(), "w", closefd=False)
        lines = stream.line_buffering or raw.isatty()
        text = io.TextIOWrapper(
            io.BufferedWriter(raw), stream.encoding, "backslashreplace", line_buffering=lines
        )
        setattr(sys, name, text)


def discard() -> None:
    """Drops what standard output could not take, so that the end of the process does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


class _Output(io.FileIO):
    _failed = False

    def write(self, data: Any, /) -> int:
        """Writes, or says once that it cannot; what is to be written from then on is dropped."""
        if self._failed:
            return len(data)
        try:
            return super().write(data) or 0
        except OSError as error:
            self._failed = True
            name = "standard output" if self.fileno() == 1 else "standard error"
            reason = error.strerror or str(error)
            logger.warning("%s cannot be written (%s): the run goes on", name, reason)
            return len(data)
