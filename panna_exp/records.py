"""Files that tell of a run: one that cannot be written costs a warning, never the run."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from panna_exp.files import open_own, sync_path
from panna_exp.output import escaped

logger = logging.getLogger(__name__)


class RecordFile:
    """Appends whole lines; those that find no room wait in memory for the next time.

    Args:
        path: The file, made when there is something to write.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: list[str] = []
        self._failing = False

    def append(self, lines: str) -> None:
        """Adds lines, none or more, to those that wait, and writes them all."""
        self._waiting += [lines] if lines else []
        if not self._waiting:
            return
        data = "".join(self._waiting).encode()
        try:
            _append(self._path, data)
        except OSError as error:
            self._warn(error)
            return
        self._waiting.clear()
        self._failing = False

    def sync(self) -> None:
        """Has the lines on the disk, so that they survive a power cut."""
        try:
            sync_path(self._path)
        except OSError as error:
            self._warn(error)

    @property
    def waits(self) -> bool:
        """Whether there are lines that found no room."""
        return bool(self._waiting)

    def _warn(self, error: OSError) -> None:
        if not self._failing:
            reason = error.strerror or str(error)
            logger.warning(
                "%s: cannot be written (%s): its lines wait in memory, the run goes on",
                self._path,
                reason,
            )
        self._failing = True


def _append(path: Path, data: bytes) -> None:
    """Appends all of it or nothing."""
    handle = open_own(path, os.O_WRONLY | os.O_APPEND)
    try:
        before = os.fstat(handle).st_size
        written = os.write(handle, data)
        if written < len(data):
            os.ftruncate(handle, before)
            raise OSError("no room for the whole of it")
    finally:
        os.close(handle)


def whole_lines(path: Path) -> list[str]:
    """Returns the lines of a file, less a last one cut short by a kill; none where there is none.

    Bytes that are no text are shown as such: whoever needs the line says that it is damaged.
    """
    if not path.exists():
        return []
    text = path.read_bytes().decode(errors="replace")
    return text[: text.rfind("\n") + 1].splitlines()


@contextmanager
def only_a_record(what: Path | str) -> Iterator[None]:
    """Within the block files are written without which a run is as good: a warning where not."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        logger.warning(
            "%s: cannot be written (%s): the run goes on", error.filename or what, reason
        )


class LogFile(logging.FileHandler):
    """Appends messages to a file, of which one that finds no room is lost.

    Raises:
        OSError: The file cannot be opened, or is a link.
    """

    _failed = False

    def _open(self) -> TextIOWrapper:
        handle = open_own(Path(self.baseFilename), os.O_WRONLY | os.O_APPEND)
        return TextIOWrapper(os.fdopen(handle, "ab", buffering=0), "utf-8", "backslashreplace")

    def format(self, record: logging.LogRecord) -> str:
        """Returns the line; control characters are spelled out."""
        return escaped(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:
        """Says once that messages are lost."""
        error = sys.exception()
        if not isinstance(error, OSError):
            super().handleError(record)
            return
        if not self._failed and sys.stderr is not None:
            reason = error.strerror or str(error)
            text = f"warning: {self.baseFilename}: cannot be written ({reason}): the run goes on"
            with suppress(OSError):
                print(text, file=sys.stderr)
        self._failed = True

    def close(self) -> None:
        """Closes the file; what found no room is lost."""
        with suppress(OSError):
            super().close()
