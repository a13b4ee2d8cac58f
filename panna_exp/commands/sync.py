"""``panna-exp sync RUN_DIR``: sends what a run could not send to MLflow while it ran."""

import argparse
from pathlib import Path


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    parser = argparse.ArgumentParser(prog="panna-exp sync", description=__doc__)
    parser.add_argument("run_dir", type=Path, nargs="+", help="run directories")
    parser.add_argument("--uri", help="another MLflow store than the one of the run")
    options = parser.parse_args(arguments)
    from panna_exp.tracking.sync import sync

    for run_dir in options.run_dir:
        print(sync(run_dir.resolve(), options.uri, Path.cwd()))
    return 0
