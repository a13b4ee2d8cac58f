"""``panna-exp export``: a trained potential as one file for the engine that moves atoms."""

from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.errors import ConfigError, closest
from panna_exp.files import user_path

if TYPE_CHECKING:
    from panna_exp.assembly.saved import SavedPotential

_KEYS = ("run_dir", "output", "checkpoint", "generation", "precision")
_SUFFIXES = (".panna", ".pt")
HELP = """\
usage: panna-exp export run_dir=DIR output=FILE [checkpoint=NAME] [generation=A|B|C] [precision=..]

Writes a potential as one file for an engine; the suffix says which.

  FILE.panna   pair_style panna of LAMMPS: see panna-exp lammps-plugin
  FILE.pt      engines that take models of metatomic: ASE, i-PI, torch-sim, LAMMPS-metatomic,
               GROMACS, PLUMED, eOn (pip install 'panna-exp[metatomic]')

  run_dir=DIR        a run, a folder of networks (PANNA's 1.x or 2.x, LAMMPS', ours), or a
                     committee, which gives one .panna file per member, or one .pt file for all
  checkpoint=NAME    of a run: best (default where there is one), last, or epoch_10_step_1000
  generation=A|B|C   variant of mBP, for networks whose files do not say (PANNA's present code: C)
  precision=float64  of a .pt file, or float32

examples:
  panna-exp export run_dir=outputs/silicon output=silicon.panna
  panna-exp export run_dir=outputs/committee output=silicon.pt"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP)
        return 0
    given = _parse(arguments)
    from panna_exp.assembly.committee import read_potentials

    checkpoint, generation = given.get("checkpoint", "auto"), given.get("generation")
    members = read_potentials(user_path(given["run_dir"]), checkpoint, generation)
    output = user_path(given["output"])
    if output.suffix == ".pt":
        _metatomic(members, output, given.get("precision", "float64"))
    else:
        _lammps(members, output)
    return 0


def _lammps(members: "list[SavedPotential]", output: Path) -> None:
    from panna_exp.deploy.lammps_potential import write_lammps_potential

    paths = [output]
    if len(members) > 1:
        paths = [output.with_stem(f"{output.stem}_{index}") for index in range(len(members))]
    for member, path in zip(members, paths, strict=True):
        write_lammps_potential(member, path)
        print(f"wrote {path} ({member.name}: {', '.join(member.symbols)})")
    elements = " ".join(members[0].symbols)
    print("in LAMMPS, with one element per atom type, here all that there are networks for:")
    print(f"  pair_style panna\n  pair_coeff * * {' '.join(map(str, paths))} {elements}")


def _metatomic(members: "list[SavedPotential]", output: Path, precision: str) -> None:
    from panna_exp.deploy.metatomic_file import write_metatomic

    write_metatomic(members, output, precision)
    who = members[0].name if len(members) == 1 else f"a committee of {len(members)}"
    print(f"wrote {output} ({who}: {', '.join(members[0].symbols)}; eV, angstrom, {precision})")
    print(f"in ASE: from metatomic_ase import MetatomicCalculator; MetatomicCalculator('{output}')")


def _parse(arguments: list[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    problems = []
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in _KEYS and value:
            given[key] = value
        else:
            problems.append(
                f"export: unknown or incomplete option '{argument}', expected "
                f"{', '.join(f'{name}=' for name in _KEYS)}{closest(key.lstrip('-'), _KEYS)}"
            )
    problems += [f"export: {key}= is missing" for key in _KEYS[:2] if key not in given]
    if "output" in given and Path(given["output"]).suffix not in _SUFFIXES:
        problems.append(
            f"export: output={given['output']}: expected a name that ends in "
            f"{' or '.join(_SUFFIXES)}"
        )
    if given.get("precision", "float64") not in ("float64", "float32"):
        problems.append(f"export: precision={given['precision']}: expected float64 or float32")
    if given.get("generation", "C") not in ("A", "B", "C"):
        problems.append(f"export: generation={given['generation']}: expected A, B or C")
    if problems:
        raise ConfigError(problems)
    return given
