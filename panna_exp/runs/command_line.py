"""The command line that continues a run, as the user would type it."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from panna_exp.files import relative
from panna_exp.quoting import key_of, override, shell_line, shown


@dataclass(frozen=True, slots=True)
class CommandLine:
    """How a run was started.

    Args:
        overrides: What was typed after ``train``.
        run_dir: The run directory.
        ini: The PANNA input that was run directly, empty for ``train``.
        flags: Other options with which that was run.
        longer: What makes an input longer that says so otherwise than with ``max_epochs``.
    """

    overrides: Sequence[str]
    run_dir: Path
    ini: str = ""
    flags: Sequence[str] = ()
    longer: str = ""

    def continuing(self, *changes: str) -> str:
        """Returns the command that continues the run, with ``changes`` for overrides of theirs."""
        if self.ini:
            line = shell_line([*program(), "panna-train", "-c", self.ini, *self.flags])
            names = self.longer or ", ".join(item.rpartition(".")[2] for item in changes)
            return f"{line}   (with {names} in it)" if changes else line
        new = [override("io.train_dir", relative(self.run_dir)), *changes]
        keys = {key_of(item) for item in new}
        kept = [
            item
            for item in self.overrides
            if key_of(item) not in keys and not key_of(item).startswith("sweep.")
        ]
        return shell_line([*program(), "train", *kept, *new])


def display(path: Path) -> str:
    """Returns the path for a message: relative, and control characters in it as escapes."""
    return shown(relative(path))


def program() -> list[str]:
    """Returns how the program was called, as words."""
    as_module = "panna_exp" in sys.orig_argv  # python -m panna_exp
    return ["python", "-m", "panna_exp"] if as_module else ["panna-exp"]
