"""Converts data from one format into another: what ``panna-exp convert`` and ``pe.convert`` do."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError, closest
from panna_exp.files import user_path
from panna_exp.readers import READERS
from panna_exp.readers.open import Reader
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.reading import add_reading, bar, source_of
from panna_exp.writers import WRITERS, save_structures
from panna_exp.writers.save import Writer, check_folder

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


def convert(words: Sequence[str]) -> Path:
    """Reads, writes and prints the summary; returns what it has written.

    Args:
        words: Those after ``panna-exp convert``: options, inputs and the output.

    Raises:
        PannaExpError, OSError: What is wrong with them, or cannot be read or written.
    """
    given = _parser().parse_intermixed_args(words)
    if len(given.paths) < 2:
        raise ConfigError("convert: name the input and the output: panna-exp convert IN... OUT")
    *inputs, output = given.paths
    out = user_path(output)
    kind = output_kind(output, given.to)
    refuse_existing(out, kind, given.force)
    _convert(inputs, out, kind, given)
    return out


def output_kind(output: str, given: str | None) -> str:
    """Returns the format to write: the one given, or that of the suffix (ConfigError)."""
    if given is not None:
        return given
    suffix = Path(output).suffix
    for name, writer in WRITERS.items():
        if suffix in writer.suffixes and not writer.is_folder:
            return name
    names = ", ".join(WRITERS)
    known = [suffix for writer in WRITERS.values() for suffix in writer.suffixes]
    raise ConfigError(
        f"convert: {output}: the suffix '{suffix}' does not say the format{closest(suffix, known)}:"
        f" choose it with --to, one of {names} (example: a folder)"
    )


def refuse_existing(out: Path, kind: str, force: bool) -> None:
    """Before anything is read, as the work would be lost (ConfigError, OSError)."""
    writer = WRITERS[kind]
    if out.is_dir() and not writer.is_folder:
        raise ConfigError(f"convert: {out}: is a folder, expected a file name")
    if out.exists() and not out.is_dir() and writer.is_folder:
        raise ConfigError(f"convert: {out}: is a file, expected a folder")
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() and not force:
        raise ConfigError(f"convert: {out}: exists already: --force replaces it")
    check_folder(out, writer)


def _convert(inputs: list[str], out: Path, kind: str, given: argparse.Namespace) -> None:
    from rich.console import Console

    from panna_exp.assembly.conversion import read_any
    from panna_exp.runs.data_summary import DataSummary
    from panna_exp.runs.given_energies import energies_of

    source = source_of(
        given,
        inputs,
        derivatives=given.derivatives != "none" and "derivatives" in WRITERS[kind].keeps,
        sparse={"sparse": True, "dense": False}.get(given.derivatives),
        virials=given.virials == "keep",
    )
    given_energies = energies_of(given.reference_energies)
    with messages_shown():
        with bar("reading") as progress:
            found = read_any(source, progress)
        structures, species = found.structures, found.species
        if given.virials == "none":
            structures = replace(structures, virial=None)
        summary = DataSummary.of(structures, species, given_energies)
        with bar("writing") as progress:
            saved = save_structures(out, structures, species, kind, progress, found.unread)
    summary.render(Console())
    for line in summary.options():
        print(line)
    for note in [*found.notes, *saved.notes]:
        print(f"note: {note}")
    print(f"wrote {len(structures)} structures: {saved.path} ({WRITERS[kind].summary})")


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
