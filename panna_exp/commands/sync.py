"""``panna-exp sync RUN_DIR``: sends what a run could not send to MLflow while it ran."""

from pathlib import Path

from panna_exp.errors import ConfigError, closest
from panna_exp.runs.run_directory import is_locked

HELP = """\
usage: panna-exp sync RUN_DIR [RUN_DIR ...] [uri=STORE]

Sends what a run could not send to MLflow while it ran; nothing is sent twice.

  RUN_DIR      directory of a training with tracking=mlflow
  uri=STORE    another store: http://HOST:PORT, sqlite:///PATH/mlflow.db, ...
               (default: the one it was last sent to, else the run's own)

examples:
  panna-exp sync outputs/a
  panna-exp sync outputs/a outputs/b uri=http://localhost:5000"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP)
        return 0
    run_dirs, uri = _parse(arguments)
    from panna_exp.tracking.sync import sync

    for run_dir in run_dirs:
        print(sync(run_dir, uri, Path.cwd(), is_locked(run_dir)), flush=True)
    return 0


def _parse(arguments: list[str]) -> tuple[list[Path], str | None]:
    run_dirs: list[Path] = []
    uri: str | None = None
    problems: list[str] = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "uri" and value:
            uri = value
        elif Path(argument).is_dir():
            run_dirs.append(Path(argument).resolve())
        elif key == "run_dir" and Path(value).is_dir():
            run_dirs.append(Path(value).resolve())
        elif equals or argument.startswith("-"):
            problems.append(
                f"sync: unknown or incomplete option '{argument}', expected uri=STORE"
                f"{closest(key.lstrip('-'), ('uri', 'run_dir'))}"
            )
        else:
            problems.append(f"sync: {argument}: no such directory, expected a run directory")
    if not run_dirs and not problems:
        problems.append("sync: no run directory given: panna-exp sync RUN_DIR [uri=STORE]")
    if problems:
        raise ConfigError(problems)
    return run_dirs, uri
