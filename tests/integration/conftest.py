"""The real command line in a temporary directory."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from panna_exp.networks.layers import NetworkData
from panna_exp.training import checkpoint as checkpoints


@dataclass(frozen=True)
class Program:
    """Runs ``python -m panna_exp`` in a folder."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "panna_exp", *arguments]

    def environment(self) -> dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "HYDRA"))}
        return {**kept, "COLUMNS": "200", "MPLCONFIGDIR": str(self.folder / ".matplotlib")}

    def run(self, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=240,
        )
        assert done.returncode == code, f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def last_networks(self, run_dir: Path) -> tuple[NetworkData, ...]:
        """The networks of the last checkpoint of a run."""
        return checkpoints.load(checkpoints.list_checkpoints(run_dir / "_models")[-1]).networks

    def assert_identical(self, first: Path, second: Path) -> None:
        """Two runs ended with the same weights, bit for bit."""
        pairs = zip(self.last_networks(first), self.last_networks(second), strict=True)
        for one, other in pairs:
            assert one.identical(other), f"the weights of {one.symbol} differ"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


@pytest.fixture(scope="module")
def shared_program(tmp_path_factory: pytest.TempPathFactory) -> Program:
    """One folder for all tests of a module."""
    return Program(tmp_path_factory.mktemp("program"))
