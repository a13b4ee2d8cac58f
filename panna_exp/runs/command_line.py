"""The command line that continues a run, as the user would type it."""

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


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
            line = shlex.join([*program(), "panna-train", "-c", self.ini, *self.flags])
            names = self.longer or ", ".join(item.rpartition(".")[2] for item in changes)
            return f"{line}   (with {names} in it)" if changes else line
        shown = str(relative(self.run_dir))
        new = [f"io.train_dir={quoted(shown)}", *changes]
        keys = {_key(item) for item in new}
        kept = [
            item
            for item in self.overrides
            if _key(item) not in keys and not _key(item).startswith("sweep.")
        ]
        return shlex.join([*program(), "train", *kept, *new])


def relative(path: Path) -> Path:
    """Returns the path as a user would type it in the working directory."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _key(override: str) -> str:
    return override.lstrip("+").split("=", 1)[0]


def program() -> list[str]:
    """Returns how the program was called, as words."""
    as_module = "panna_exp" in sys.orig_argv  # python -m panna_exp
    return ["python", "-m", "panna_exp"] if as_module else ["panna-exp"]


def quoted(value: str) -> str:
    """Quotes a value for Hydra's override grammar where it has characters of that grammar."""
    plain = all(char.isalnum() or char in "/._-+@:" for char in value)
    return value if plain else '"' + value.replace('"', '\\"') + '"'
