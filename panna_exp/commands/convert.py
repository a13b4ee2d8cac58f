"""``panna-exp convert IN... OUT``: data from one format into another, and what is odd in them."""

import argparse

from panna_exp.errors import ConfigError
from panna_exp.files import user_path
from panna_exp.readers import READERS
from panna_exp.readers.open import Reader
from panna_exp.runs.conversion import convert, output_kind, refuse_existing
from panna_exp.runs.reading import Parser, add_reading
from panna_exp.writers import WRITERS
from panna_exp.writers.save import Writer

_EXTRA = """\
formats, by suffix or name:
{formats}

Lengths are in angstrom and energies in eV everywhere, virials in eV. What OUT cannot hold is named
at the end. A file that exists is only replaced with
--force; an interrupted conversion leaves nothing.

examples:
  panna-exp convert water.xyz water.h5
  panna-exp convert --energy-key dft_energy --forces-key dft_forces train.xyz train.h5
  panna-exp convert --from ase 'runs/*/OUTCAR' silicon.h5
  panna-exp convert --to example train.h5 simulations"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse_intermixed_args(arguments)
    if len(given.paths) < 2:
        raise ConfigError("convert: name the input and the output: panna-exp convert IN... OUT")
    *inputs, output = given.paths
    out = user_path(output)
    kind = output_kind(output, given.to)
    refuse_existing(out, kind, given.force)
    convert(inputs, out, kind, given)
    return 0


def _parser() -> Parser:
    formats: dict[str, Reader | Writer] = {**WRITERS, **READERS}
    rows = [
        f"  {name:9} {'r' if name in READERS else ' '}{'w' if name in WRITERS else ' '}  "
        f"{' '.join(item.suffixes):22} {item.summary}"
        for name, item in formats.items()
    ]
    parser = Parser(
        prog="panna-exp convert",
        usage="panna-exp convert [options] IN [IN ...] OUT",
        description="Converts data from one format into another and says what is odd in them.",
        epilog=_EXTRA.format(formats="\n".join(rows)),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("paths", nargs="*", metavar="IN... OUT", help="files, folders or globs, and what to write")
    add("--to", choices=list(WRITERS), help="format of OUT (default: by suffix)")
    add_reading(parser)
    add(
        "--derivatives",
        choices=("sparse", "dense", "none"),
        help="of descriptors: in that form, or left out (default: as IN has them)",
    )
    add(
        "--virials",
        choices=("keep", "none"),
        default="keep",
        help="virials and stresses: kept, or left out (default: keep)",
    )
    add("--force", action="store_true", help="replace OUT if it exists")
    return parser
