"""Fixtures for every test; ``program`` is the real command line in a temporary directory."""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from panna_exp.networks.layers import NetworkData

LONGEST = 240.0  # seconds
WARM = threading.Lock()  # held while a command runs in the process of ``warm.py``


class Warm:
    """The process of ``warm.py``, which forks for each command; one command at a time."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("warm.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )

    def run(
        self,
        arguments: Sequence[str],
        folder: Path,
        variables: dict[str, str],
        kill_after: float | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Like ``subprocess.run`` of ``python -m panna_exp``, killed after so many seconds."""
        with tempfile.NamedTemporaryFile() as stdout, tempfile.NamedTemporaryFile() as stderr:
            request = {
                "arguments": arguments,
                "folder": str(folder),
                "environment": variables,
                "stdout": stdout.name,
                "stderr": stderr.name,
            }
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            process = self._answer(LONGEST)
            try:
                code = self._answer(kill_after or LONGEST)
            except TimeoutError:
                os.kill(process, 9)
                code = self._answer(LONGEST)
                if kill_after is None:
                    raise
            texts = [Path(file.name).read_text() for file in (stdout, stderr)]
        return subprocess.CompletedProcess(list(arguments), code, *texts)

    def _answer(self, seconds: float) -> int:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise TimeoutError(f"a command took more than {seconds} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.communicate()


@cache
def warm() -> Warm:
    """The process of this test session."""
    return Warm()


@pytest.fixture(scope="session", autouse=True)
def ctrl_c_works() -> None:
    """Of a shell script's background job it does not, nor of the programs that tests start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def end_warm() -> Iterator[None]:
    yield
    if warm.cache_info().currsize:
        warm().close()


@cache
def matplotlib_folder() -> str:
    """matplotlib's list of fonts takes a second to make: all tests share one, not the user's."""
    folder = Path(tempfile.gettempdir()) / f"panna_exp_tests_matplotlib_{os.getuid()}"
    folder.mkdir(exist_ok=True)
    return str(folder)


def environment() -> dict[str, str]:
    """The variables of the program: none of the user's that change what it does."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW", "HYDRA"))}
    return {**kept, "COLUMNS": "200", "MPLCONFIGDIR": matplotlib_folder()}


@dataclass(frozen=True)
class Program:
    """Runs ``python -m panna_exp`` in a folder, with variables besides the usual ones."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "panna_exp", *arguments]

    def environment(self) -> dict[str, str]:
        return {**environment(), **self.variables}

    def run(
        self, *arguments: str, code: int | None = 0, fresh: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, which must be with exit code ``code`` (None: with any).

        ``fresh`` runs it in a new interpreter (see ``warm.py``), and so does a thread that calls
        while another's command runs.
        """
        if fresh or os.environ.get("PANNA_EXP_TESTS") == "fresh":
            done = self._run_fresh(*arguments)
        elif WARM.acquire(blocking=False):
            try:
                done = warm().run(arguments, self.folder, self.environment())
            finally:
                WARM.release()
        else:
            done = self._run_fresh(*arguments)
        assert code in (None, done.returncode), f"{done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def kill(self, seconds: float, *arguments: str) -> bool:
        """Runs a command and kills it after so long; returns whether it had not ended by then."""
        with WARM:
            done = warm().run(arguments, self.folder, self.environment(), seconds)
        assert done.returncode in (0, -signal.SIGKILL), f"{done.stdout}\n{done.stderr}"
        return done.returncode != 0

    def _run_fresh(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=LONGEST,
        )

    def start(self, *arguments: str, group: bool = False) -> subprocess.Popen[str]:
        """Starts a command, with ``group`` as the first process of a group of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=group,
        )

    def last_networks(self, run_dir: Path) -> "tuple[NetworkData, ...]":
        """The networks of the last checkpoint of a run."""
        from panna_exp.training import checkpoint as checkpoints

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


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """What a test's program part sets for speed must not change the arithmetic of the next test."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data beside the checkout; skips where there is none."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not folder.is_dir():
        pytest.skip("needs the reference data (../shared), which are not part of the repository")
    return folder
