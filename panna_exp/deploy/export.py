"""A potential as files for another engine; the suffix says which."""

from collections.abc import Iterator
from pathlib import Path

from panna_exp.assembly.saved import SavedPotential


def export(members: list[SavedPotential], output: Path, precision: str) -> Iterator[str]:
    """Writes a potential, and yields lines on what was written and how it is used.

    Args:
        members: One, or those of a committee.
        output: With suffix ``.pt`` for metatomic, where all members are in one file, else for
            LAMMPS, where each member has a file of its own.
        precision: Of a ``.pt`` file, ``float64`` or ``float32``.

    Raises:
        PannaExpError, OSError: A potential that the engine cannot compute, or no file.
    """
    if output.suffix == ".pt":
        yield from _metatomic(members, output, precision)
    else:
        yield from _lammps(members, output)


def _lammps(members: list[SavedPotential], output: Path) -> Iterator[str]:
    from panna_exp.deploy.lammps_potential import write_lammps_potential

    paths = [output]
    if len(members) > 1:
        paths = [output.with_stem(f"{output.stem}_{index}") for index in range(len(members))]
    for member, path in zip(members, paths, strict=True):
        write_lammps_potential(member, path)
        yield f"wrote {path} ({member.name}: {', '.join(member.symbols)})"
    elements = " ".join(members[0].symbols)
    yield "in LAMMPS, with one element per atom type, here all that there are networks for:"
    yield f"  pair_style panna\n  pair_coeff * * {' '.join(map(str, paths))} {elements}"


def _metatomic(members: list[SavedPotential], output: Path, precision: str) -> Iterator[str]:
    from panna_exp.deploy.metatomic_file import write_metatomic

    write_metatomic(members, output, precision)
    who = members[0].name if len(members) == 1 else f"a committee of {len(members)}"
    yield f"wrote {output} ({who}: {', '.join(members[0].symbols)}; eV, angstrom, {precision})"
    yield f"in ASE: from metatomic_ase import MetatomicCalculator; MetatomicCalculator('{output}')"
