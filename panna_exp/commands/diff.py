"""``panna-exp diff A B``: what differs between two runs, and what came of it."""

import json
from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.reporting.differences import compare
from panna_exp.reporting.scan import named_run
from panna_exp.runs.command_line import display
from panna_exp.runs.comparison import print_comparison
from panna_exp.runs.run_directory import is_locked

_EXTRA = """\
config: the resolved configuration, by dotted keys (where a run is recorded does not count).
data: fingerprints, sizes, paths, reference energies, descriptor.
code and versions: panna_exp, Python, packages, git commit, machine, device.
result: every number of both runs, if one of them differs.

examples:
  panna-exp diff outputs/a outputs/b
  panna-exp diff outputs/a outputs/b --json"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse(arguments)
    first, second = (named_run(Path(name), "diff", is_locked) for name in (given.a, given.b))
    found = compare(first, second)
    if given.json:
        names = {"a": str(first.path.resolve()), "b": str(second.path.resolve())}
        print(json.dumps({**names, **found.to_json()}, indent=1, default=str, allow_nan=False))
        return 0
    shown = [display(run.path) for run in (first, second)]
    if found.is_same:
        print(f"{shown[0]} and {shown[1]}: the same")
        return 0
    print(f"A: {shown[0]}\nB: {shown[1]}", flush=True)
    print_comparison(found)
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp diff",
        description="Says what differs between two runs in config, data, code and result.",
        epilog=_EXTRA,
    )
    parser.add_argument("a", metavar="A", help="run directory")
    parser.add_argument("b", metavar="B", help="the other")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    return parser
