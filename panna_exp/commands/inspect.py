"""``panna-exp inspect IN...``: what is in data, what is odd in them, and how to train on them."""

import argparse
from typing import TYPE_CHECKING

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError
from panna_exp.quoting import override, quoted, shell_line
from panna_exp.runs.command_line import program
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.reading import KEYS, add_reading, bar, source_of

if TYPE_CHECKING:
    from panna_exp.assembly.conversion import Converted

_EXTRA = """\
examples:
  panna-exp inspect water.xyz
  panna-exp inspect --from spice --forces-sign 1 molecules.h5"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code (PannaExpError, OSError)."""
    given = _parser().parse_intermixed_args(arguments)
    if not given.paths:
        raise ConfigError("inspect: name the data: panna-exp inspect IN...")
    from rich.console import Console

    from panna_exp.assembly.conversion import read_any
    from panna_exp.runs.data_summary import DataSummary
    from panna_exp.runs.given_energies import energies_of

    energies = energies_of(given.reference_energies)
    with messages_shown():
        with bar("reading") as progress:
            found = read_any(source_of(given, given.paths), progress)
        summary = DataSummary.of(found.structures, found.species, energies)
    summary.render(Console())
    for note in found.notes:
        print(f"note: {note}")
    print(f"to train on them: {shell_line(_training(given, found))}")
    return 0


def _training(given: argparse.Namespace, found: "Converted") -> list[str]:
    """Returns the words of a training on these data, as these options read them."""
    paths = ",".join(quoted(path) for path in given.paths)
    train = paths if len(given.paths) == 1 else f"[{paths}]"
    said = {key: getattr(given, key) for key in KEYS if getattr(given, key) is not None}
    own = [
        override(f"data.{key}", value) if isinstance(value, str) else f"data.{key}={value}"
        for key, value in said.items()
    ]
    words = [*program(), "train", f"data={found.kind}", f"data.train={train}", *own]
    words.append(f"data.species=[{','.join(found.species)}]")
    words += ["data.reference_energies=fit", "data.validation_fraction=0.1"]
    return [*words, "training=forces"] if found.structures.forces is not None else words


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp inspect",
        usage="panna-exp inspect [options] IN [IN ...]",
        description="Says what is in data, what is odd in them, and how to train on them.",
        epilog=_EXTRA,
    )
    parser.add_argument("paths", nargs="*", metavar="IN", help="files, folders or globs")
    add_reading(parser)
    return parser
