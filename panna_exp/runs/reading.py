"""The options of commands that read data files of any kind: what their numbers are and mean."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from panna_exp.elements import SYMBOLS, Species
from panna_exp.errors import ConfigError, closest
from panna_exp.readers import READERS, ReadOptions

if TYPE_CHECKING:
    from panna_exp.assembly.conversion import Source


def add_reading(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    add = parser.add_argument
    add("--from", dest="kind", choices=list(READERS), help="format of IN (default: by suffix)")
    add("--energy-key", metavar="KEY", help="which of the numbers is the total energy")
    add("--forces-key", metavar="KEY", help="which of the arrays is the forces")
    add("--stress-key", metavar="KEY", help="which of the 6 or 9 numbers is the stress")
    add("--virial-key", metavar="KEY", help="which of them is the virial")
    add("--energy-unit", metavar="UNIT", help="of IN: eV, Ha, Ry, kcal/mol, ... (default: eV)")
    add("--length-unit", metavar="UNIT", help="of IN: angstrom, bohr or nm")
    add("--forces-unit", metavar="UNIT", help="of forces, where they have their own: Ha/bohr, ...")
    add("--forces-sign", type=int, choices=(1, -1), help="-1: the forces of IN are gradients")
    add("--stress-unit", metavar="UNIT", help="of stresses: eV/angstrom^3, GPa, kbar, ...")
    add("--species", metavar="H,C,O", help="the species list, in the order of the indices")
    add(
        "--zero-forces",
        choices=("missing", "keep"),
        help="what forces of a structure that are all exactly zero are (default: missing)",
    )
    add(
        "--reference-energies",
        metavar="ENERGIES",
        help="of the free atoms (eV), {H: -13.6, O: -2041.8}, or fit: what the summary subtracts",
    )


# Those that mean the same in a training, data.KEY.
KEYS = (
    *("energy_key", "forces_key", "stress_key", "virial_key", "energy_unit", "length_unit"),
    *("forces_unit", "forces_sign", "stress_unit", "zero_forces"),
)


def source_of(
    given: argparse.Namespace,
    paths: Sequence[str],
    *,
    derivatives: bool = False,
    sparse: bool | None = None,
    virials: bool = True,
) -> "Source":
    """Returns what to read.

    Args:
        given: With the options of :func:`add_reading`.
        paths: Files, folders or globs.
        derivatives: Read those of descriptors as well.
        sparse: In that form.
        virials: Read stresses and virials as well.

    Raises:
        ConfigError: A species that is none.
    """
    from panna_exp.assembly.conversion import Source

    return Source(
        paths=paths,
        kind=given.kind,
        species=_species(given.species),
        options=ReadOptions(
            **{key: getattr(given, key) for key in KEYS},
            derivatives=derivatives,
            sparse_derivatives=sparse,
            virials=virials,
        ),
        base=Path.cwd(),
    )


@contextmanager
def bar(label: str) -> Iterator[Any]:
    """A bar where somebody watches, nothing elsewhere."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task(label, total=None)
        yield lambda done, total: shown.update(task, completed=done, total=total)


def _species(text: str | None) -> Species | None:
    if text is None:
        return None
    symbols = [item.strip() for item in text.strip("[] ").split(",") if item.strip()]
    for symbol in symbols:
        if symbol not in SYMBOLS:
            raise ConfigError(
                f"--species: '{symbol}' is not a chemical symbol{closest(symbol, SYMBOLS)}"
            )
    return Species.from_list(symbols)
