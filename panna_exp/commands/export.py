"""``panna-exp export``: a trained potential as one file for the engine that moves atoms."""

from panna_exp.files import user_path
from panna_exp.runs.key_values import KeyValues

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
    typed = KeyValues.of("export", arguments, _KEYS)
    typed.require("run_dir", "output")
    typed.check_suffix("output", _SUFFIXES, f"ends in {' or '.join(_SUFFIXES)}")
    typed.check_choices()
    if typed.values.get("output", "").endswith(".panna") and "precision" in typed.values:
        typed.problems.append("export: precision= is of a .pt file, a .panna file has none")
    given = typed.checked()
    # Imported here: PyTorch is not needed to name a mistake.
    from panna_exp.assembly.committee import read_potentials
    from panna_exp.deploy.export import export

    checkpoint, generation = given.get("checkpoint", "auto"), given.get("generation")
    members = read_potentials(user_path(given["run_dir"]), checkpoint, generation)
    for line in export(members, user_path(given["output"]), given.get("precision", "float64")):
        print(line)
    return 0
