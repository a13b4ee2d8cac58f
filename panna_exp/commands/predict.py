"""``panna-exp predict FILE``: energies, forces and stress of structures without labels."""

from panna_exp.runs.key_values import KeyValues

_KEYS = ("run_dir", "to", "checkpoint", "generation", "precision", "device")
_SUFFIXES = (".xyz", ".extxyz")
HELP = """\
usage: panna-exp predict FILE [FILE ...] run_dir=DIR to=OUT.xyz [key=value ...]

Predicts energies, forces and, where there are three lattice vectors, stresses of structures that
need no labels, and writes them as extended XYZ, which ASE reads with these results: energy (eV),
forces (eV/angstrom), stress (eV/angstrom^3), energies of the atoms (eV). A committee's are means;
energy_std and forces_std then are standard deviations over its members, and
energy_std_calibrated and forces_std_calibrated these times factors that make them as large as the
errors on the committee's validation data.

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
    typed = KeyValues.of("predict", arguments, _KEYS, takes_files=True)
    if not typed.files:
        typed.problems.append("predict: no file with structures is named")
    typed.require("run_dir", "to")
    typed.check_choices()
    typed.check_suffix("to", _SUFFIXES, "ends with .xyz")
    given = typed.checked()
    # Imported here: PyTorch is not needed to name a mistake.
    from panna_exp.runs.prediction import predict_files

    predict_files(typed.files, given)
    return 0
