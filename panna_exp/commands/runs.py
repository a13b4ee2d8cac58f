"""``panna-exp runs [DIR...]``: the runs below folders, with how far they came and how good."""

import argparse
import json
import shutil
import sys
from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError
from panna_exp.files import relative
from panna_exp.reporting.listing import ORDERS, ordered, run_json, run_table
from panna_exp.reporting.scan import Scan, existing_folder, scan
from panna_exp.runs.run_directory import is_locked

_DEFAULT = "outputs"
_EXTRA = """\
states: running, finished, stopped (can be continued), pruned (by a search), failed. Errors are
those of the best epoch by training.monitor, whose checkpoint other commands take; of the last one
where none is kept. --sort metric puts the run with the smallest energy MAE first.

examples:
  panna-exp runs
  panna-exp runs outputs/sweeps --sort metric
  panna-exp runs --json | jq '.runs[0].directory'"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse(arguments)
    found = scan(_folders(given.folders), is_locked)
    if not found.runs and not found.damaged:
        names = " and ".join(given.folders or [_DEFAULT])
        raise ConfigError(f"runs: {names}: no run directories in it: panna-exp train makes one")
    for _, problem in found.damaged:
        print(f"damaged: {problem}", file=sys.stderr)
    _print(found, given)
    return 0


def _print(found: Scan, given: argparse.Namespace) -> None:
    runs = ordered(found.runs, given.sort)
    if given.json:
        damaged = [{"directory": str(p.resolve()), "problem": text} for p, text in found.damaged]
        values = {"runs": [run_json(run) for run in runs], "damaged": damaged}
        print(json.dumps(values, indent=1, default=str, allow_nan=False))
    elif runs:
        width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
        print(run_table(runs, relative, width).to_text(), end="")


def _folders(names: list[str]) -> list[Path]:
    if not names and not Path(_DEFAULT).is_dir():
        raise ConfigError(
            f"runs: there is no folder '{_DEFAULT}' here: go where you train, or name the folder: "
            "panna-exp runs DIR"
        )
    return [existing_folder(Path(n), "runs", "a folder with runs") for n in names or [_DEFAULT]]


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp runs",
        description="Lists the runs in and below folders, the newest first.",
        epilog=_EXTRA,
    )
    add = parser.add_argument
    add("folders", nargs="*", metavar="DIR", help=f"where to look (default: {_DEFAULT})")
    add("--sort", choices=list(ORDERS), default="time", help="order (default: time, newest first)")
    add("--json", action="store_true", help="for programs: everything, as one JSON object")
    return parser
