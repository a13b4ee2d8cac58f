"""``panna-exp predict FILE``: energies, forces and stress of structures without labels."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.errors import ConfigError, closest
from panna_exp.runs.command_line import relative
from panna_exp.runs.messages import messages_shown

if TYPE_CHECKING:
    from panna_exp.assembly.prediction import Predicted
    from panna_exp.data.structures import StructureSet

_KEYS = ("run_dir", "to", "checkpoint", "generation", "precision", "device")
_SUFFIXES = (".xyz", ".extxyz")
HELP = """\
usage: panna-exp predict FILE [FILE ...] run_dir=DIR to=OUT.xyz [key=value ...]

Predicts energies, forces and, where there are three lattice vectors, stresses of structures that
need no labels, and writes them as extended XYZ, which ASE reads with these results: energy (eV),
forces (eV/angstrom), stress (eV/angstrom^3), energies of the atoms (eV). A committee's are means;
energy_std and forces_std then are standard deviations over its members.

  FILE               whatever ASE reads (xyz, POSCAR, cif, traj, ...), or our own data files
  run_dir=DIR        a run, a folder of networks (PANNA's 1.x or 2.x, LAMMPS', ours), or a committee
  to=OUT.xyz         what to write; a file that is there is replaced
  checkpoint=NAME    of a run: best (where it has validation data, the default), last, or a name
  generation=A|B|C   variant of mBP, for networks whose files do not say (PANNA's present code: C)
  precision=float64  or float32
  device=cpu         or cuda

examples:
  panna-exp predict new.xyz run_dir=outputs/silicon to=predicted.xyz"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    if "-h" in arguments or "--help" in arguments:
        print(HELP)
        return 0
    files, given = _parse(arguments)
    import torch

    from panna_exp.assembly.committee import read_potentials
    from panna_exp.assembly.machine import named_device
    from panna_exp.assembly.potential import Potential
    from panna_exp.assembly.prediction import predict
    from panna_exp.readers.unlabelled import read_unlabelled
    from panna_exp.runs.evaluation import common_title
    from panna_exp.runs.progress import DescriptorDisplay

    with messages_shown():
        members = read_potentials(
            Path(given["run_dir"]).expanduser(),
            given.get("checkpoint", "auto"),
            given.get("generation"),
        )
        dtype = getattr(torch, given.get("precision", "float64"))
        potential = Potential(members, dtype, named_device(given.get("device", "cpu")))
        structures = read_unlabelled(files, potential.species, Path.cwd())
        found = predict(potential, structures, DescriptorDisplay("predicting"))
    output = Path(given["to"]).expanduser()
    _write(output, structures, found, potential.species.symbols)
    print(f"{common_title(members)}: {len(structures)} structures, {relative(output)}")
    if found.energy_std is not None:
        spread = 1000 * found.energy_std / structures.num_atoms
        print(f"spread of energies: {spread.mean():.3g} meV/atom, at most {spread.max():.3g}")
    return 0


def _write(
    path: Path, structures: "StructureSet", found: "Predicted", symbols: tuple[str, ...]
) -> None:
    import numpy as np

    from panna_exp.elements import Species
    from panna_exp.files import replacing
    from panna_exp.writers import extxyz

    volumes = np.abs(np.linalg.det(structures.cell))
    predicted = replace(
        structures,
        energy=found.energy,
        forces=found.forces,
        virial=-found.stress * volumes[:, None, None],
        weights=None,
    )
    values, columns = {}, {"energies": found.atomic_energies}
    if found.energy_std is not None and found.forces_std is not None:
        values["energy_std"], columns["forces_std"] = found.energy_std, found.forces_std
    more = extxyz.Additions(values=values, columns=columns)
    with replacing(path) as part:
        extxyz.write(part, predicted, Species(symbols), lambda done, total: None, more)


def _parse(arguments: list[str]) -> tuple[list[str], dict[str, str]]:
    files, given, problems = [], {}, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key in _KEYS and value:
            given[key] = value
        elif argument.startswith("-") or (equals and not Path(argument).exists()):
            names = ", ".join(f"{name}=" for name in _KEYS)
            problems.append(
                f"predict: unknown or incomplete option '{argument}', expected {names}"
                f"{closest(key.lstrip('-'), _KEYS)}"
            )
        else:
            files.append(argument)
    if not files:
        problems.append("predict: no file with structures is named")
    problems += [f"predict: {key}= is missing" for key in _KEYS[:2] if key not in given]
    if given.get("precision", "float64") not in ("float32", "float64"):
        problems.append(f"predict: precision={given['precision']}: expected float64 or float32")
    if "to" in given and Path(given["to"]).suffix not in _SUFFIXES:
        problems.append(f"predict: to={given['to']}: expected a name that ends with .xyz")
    if problems:
        raise ConfigError(problems)
    return files, given
