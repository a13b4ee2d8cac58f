"""``panna-exp report RUN_DIR...``: one HTML page on one run, or on several side by side."""

from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError
from panna_exp.files import user_path
from panna_exp.reporting.run import Run
from panna_exp.reporting.scan import named_runs
from panna_exp.runs.run_directory import is_locked

_NAME = "report.html"
_EXTRA = """\
The page has the learning curves, parity plots, tables of errors, the worst structures with pictures
(where the data files are still there and have positions), configuration, timings, versions and data
files. It is one file that needs no network and can be mailed.

examples:
  panna-exp report outputs/a
  panna-exp report outputs/a outputs/b --output compared.html
  panna-exp report outputs/sweeps/SWEEP        all its jobs, the best first"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse(arguments)
    if given.worst < 0:
        raise ConfigError(f"report: --worst {given.worst}: expected a number from 0 on")
    runs = _runs(given.run_dirs)
    if not runs:
        raise ConfigError(f"report: {given.run_dirs[0]}: no job of the sweep has begun")
    output = _output(given.output, given.run_dirs[0])
    # Imported here: matplotlib and the readers are not needed to name a mistake.
    from panna_exp.runs.report import write_report

    write_report(runs, given, output)
    return 0


def _runs(names: list[str]) -> list[Run]:
    """Returns the runs, each once."""
    runs: dict[Path, Run] = {}
    for name in names:
        for run in named_runs(Path(name), "report", is_locked):
            runs.setdefault(run.path.resolve(), run)
    return list(runs.values())


def _output(given: str | None, first: str) -> Path:
    if given is None:
        return user_path(first) / _NAME
    output = user_path(given)
    if output.is_dir():
        raise ConfigError(f"report: --output {given}: is a folder, expected a file name")
    return output


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp report",
        description="Writes one HTML page on one run, or on several side by side.",
        epilog=_EXTRA,
    )
    add = parser.add_argument
    add("run_dirs", nargs="+", metavar="RUN_DIR", help="of runs, committees or sweeps, in order")
    add("--output", metavar="FILE", help=f"the page (default: {_NAME} in the first RUN_DIR)")
    add(
        "--data",
        action="append",
        default=[],
        metavar="PATH",
        help="where evaluated files are now that are no longer where they were",
    )
    add("--worst", type=int, default=8, metavar="N", help="worst structures to show (default: 8)")
    return parser
