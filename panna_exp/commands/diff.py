"""``panna-exp diff A B``: what differs between two runs, and what came of it."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.evaluation.tables import Table
from panna_exp.reporting.differences import Comparison, Difference, compare, text_of
from panna_exp.reporting.scan import named_run
from panna_exp.runs.command_line import display
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
    _print(found)
    return 0


def _print(found: Comparison) -> None:
    """Prints a table for each section in which something differs."""
    from rich.console import Console

    console = Console()
    print()
    for name, items in found.sections.items():
        if not items:
            but = f" (but for {', '.join(found.places)})" if name == "config" else ""
            print(f"{name}: the same{but if found.places else ''}", flush=True)
            continue
        numbers = name == "result"
        footer = []
        if numbers and found.epoch is not None:
            footer = [f"The learning curves differ from epoch {found.epoch} on."]
        Table(
            title=name,
            header=["", "A", "B", *(["B - A"] if numbers else [])],
            rows=[_row(item, numbers) for item in items],
            footer=footer,
        ).print(console)


def _row(item: Difference, numbers: bool) -> Sequence[str]:
    key = " ".join(item.key.split())
    values = [" ".join(text_of(value, item.key).split()) for value in (item.first, item.second)]
    return [key, *values, *([_change(item)] if numbers else [])]


def _change(item: Difference) -> str:
    """The second number less the first, empty where they are equal or no numbers."""
    pair = (item.first, item.second)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in pair):
        return ""
    change = item.second - item.first
    return f"{change:+.4g}" if change else ""


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp diff",
        description="Says what differs between two runs in config, data, code and result.",
        epilog=_EXTRA,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("a", metavar="A", help="run directory")
    parser.add_argument("b", metavar="B", help="the other")
    parser.add_argument("--json", action="store_true", help="for programs: one JSON object")
    return parser
