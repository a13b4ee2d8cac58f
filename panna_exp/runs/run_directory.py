"""The run directory: everything about a run in one folder, and one process at a time in it."""

import fcntl
import hashlib
import json
import logging
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

from panna_exp import __version__
from panna_exp.errors import CheckpointError, PannaExpError
from panna_exp.files import open_lock, remove_parts, write_text_atomic
from panna_exp.records import LogFile
from panna_exp.run_files import (
    CHECKPOINTS,
    COMMITTEE,
    CONFIG,
    ENVIRONMENT,
    EVALUATE,
    LOCK,
    LOG,
    METADATA,
    METRICS,
    MODEL,
    OVERRIDES,
    RESULT,
)

_OWN_FILES = (
    *(CONFIG, OVERRIDES, ENVIRONMENT, METADATA, RESULT, METRICS),
    *("weights.jsonl", "learning_curves.png", "starting_model", "final_model"),
    *("delta_e.dat", "delta_e_std.dat", "delta_e_steps.dat", COMMITTEE),
)
_SOURCE = Path(__file__).resolve().parents[1]  # the package
_PACKAGES = ("torch", "numpy", "hydra-core", "omegaconf", "h5py", "mlflow", "vesin")


def remove_left_over(path: Path) -> None:
    """Removes what a killed process has left half written in a folder that this one has locked."""
    for folder in (CHECKPOINTS, EVALUATE, MODEL, "weights"):
        remove_parts(path / folder)
    remove_parts(path, _OWN_FILES)


class RunDirectory:
    """A folder with the config, log, metrics, checkpoints and results of one run.

    Args:
        path: Created if absent, and locked against a second training.

    Raises:
        PannaExpError: Another process trains in it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._fresh = not any(path.iterdir())
        self._lock = open_lock(path / LOCK)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise PannaExpError(
                f"{path}: another training runs in this directory: wait for it, or choose another "
                "io.train_dir"
            ) from None
        self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        self._handler = LogFile(path / LOG)
        remove_left_over(path)
        self._handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        logging.getLogger("panna_exp").addHandler(self._handler)

    @property
    def models(self) -> Path:
        """Where checkpoints are."""
        return self.path / CHECKPOINTS

    def write_record(
        self, config_yaml: str, overrides: Sequence[str], facts: Mapping[str, Any]
    ) -> None:
        """Writes the resolved config, the overrides, and versions, data and machine."""
        self._fresh = False
        write_text_atomic(self.path / CONFIG, config_yaml)
        write_text_atomic(self.path / OVERRIDES, json.dumps(list(overrides), indent=1))
        self.write_json(ENVIRONMENT, facts)

    def write_json(self, name: str, values: Any) -> None:
        """Writes ``values`` as JSON."""
        write_text_atomic(self.path / name, json.dumps(values, indent=1, default=str) + "\n")

    def check_in_place(self) -> None:
        """Raises CheckpointError if the directory was renamed or removed meanwhile.

        What is written later would make a new one in its place, with half a run in it.
        """
        try:
            here = os.stat(self.path)
        except FileNotFoundError:
            here = None
        own = os.fstat(self._folder)
        if here is None or (here.st_dev, here.st_ino) != (own.st_dev, own.st_ino):
            raise CheckpointError(
                f"{self.path}: the run directory was renamed or removed while the training ran: it "
                "ends here; where it is now, io.train_dir=PATH continues it from its last "
                "checkpoint"
            )

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Within the block, a file that cannot be written since the directory is gone says so."""
        try:
            yield
        except OSError:
            self.check_in_place()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Releases lock and log; a directory in which no run ever began is emptied again."""
        logging.getLogger("panna_exp").removeHandler(self._handler)
        self._handler.close()
        if self._fresh:
            for name in (LOG, LOCK):
                (self.path / name).unlink(missing_ok=True)
        os.close(self._folder)
        self._lock.close()


@contextmanager
def lock_folder(path: Path, what: str, option: str) -> Iterator[None]:
    """Within the block no other process can lock the folder.

    Args:
        path: It exists.
        what: Runs in it, for the message: ``training`` or ``sweep``.
        option: That chooses the folder.

    Raises:
        PannaExpError: Another process has it locked.
    """
    with open_lock(path / LOCK) as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PannaExpError(
                f"{path}: another {what} runs in this directory: wait for it, or choose another "
                f"{option}"
            ) from None
        yield


def is_locked(path: Path) -> bool:
    """Whether a training runs in the directory at this moment."""
    if not (path / LOCK).exists():
        return False
    with (path / LOCK).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def environment(launch_dir: Path) -> dict[str, Any]:
    """Returns versions, our source code, git commit of the user's folder, and the machine."""
    return {
        "panna_exp": __version__,
        "source_sha256": source_sha256(_SOURCE),
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "launch_dir": str(launch_dir),
        "git_commit": git_commit(launch_dir),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
    }


@cache
def source_sha256(package: Path) -> str:
    """Returns the hash of a package's source files: two of the same version may differ in them."""
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(package).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def git_commit(folder: Path) -> str | None:
    """Returns the commit of the git work tree around ``folder``, with ``+`` if files differ."""
    commit = _git(folder, "rev-parse", "HEAD")
    if commit is None:
        return None
    changed = _git(folder, "status", "--porcelain", "--untracked-files=no")
    return f"{commit}+" if changed else commit


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], capture_output=True, text=True, timeout=10
        )
    except (OSError, subprocess.TimeoutExpired):
        return None  # no git here: there is no commit to name
    return done.stdout.strip() if done.returncode == 0 else None


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:  # PackageNotFoundError: the package is not installed
        return None
