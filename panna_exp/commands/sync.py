"""``panna-exp sync RUN_DIR``: sends what a run could not send to MLflow while it ran."""

from pathlib import Path

from panna_exp.runs.key_values import KeyValues
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
    words = [word.removeprefix("run_dir=") for word in arguments]
    typed = KeyValues.of("sync", words, ("uri",), takes_files=True)
    typed.problems += [
        f"sync: {name}: no such directory, expected a run directory"
        for name in typed.files
        if not Path(name).is_dir()
    ]
    if not typed.files and not typed.problems:
        typed.problems.append("sync: no run directory given: panna-exp sync RUN_DIR [uri=STORE]")
    uri = typed.checked().get("uri")
    from panna_exp.tracking.sync import sync

    for run_dir in (Path(name).resolve() for name in typed.files):
        print(sync(run_dir, uri, Path.cwd(), is_locked(run_dir)), flush=True)
    return 0
