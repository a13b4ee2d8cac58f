"""Converts data from one format into another: what ``panna-exp convert`` and ``pe.convert`` do."""

import argparse
from dataclasses import replace
from pathlib import Path

from panna_exp.errors import ConfigError, closest
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.reading import bar, source_of
from panna_exp.writers import WRITERS, save_structures
from panna_exp.writers.save import check_folder


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


def convert(inputs: list[str], out: Path, kind: str, given: argparse.Namespace) -> None:
    """Reads, writes and prints the summary.

    Args:
        inputs: Files, folders or globs.
        out: What to write.
        kind: Its format, of ``writers.WRITERS``.
        given: The options of ``panna-exp convert``.

    Raises:
        PannaExpError, OSError: What is read or cannot be written.
    """
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
