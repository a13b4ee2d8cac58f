"""``panna-exp select FILE``: which structures of a pool to label next."""

from panna_exp.runs.key_values import KeyValues

_KEYS = (
    *("run_dir", "n", "to", "by", "spread", "known", "distance", "force"),
    *("checkpoint", "generation", "precision", "device"),
)
HELP = """\
usage: panna-exp select FILE [FILE ...] run_dir=DIR n=NUMBER to=NEXT.xyz [key=value ...]

Chooses the structures of a pool that are worth labelling next: those on which a committee
disagrees most, those that differ most from each other, or both, without near copies. Writes them
as extended XYZ without labels, with their spread and where they came from, and a plot, NEXT.png.

  FILE               whatever ASE reads (xyz, POSCAR, cif, traj, ...), or our own data files
  run_dir=DIR        a committee; for by=diversity also a run, or a folder of networks
  n=NUMBER           how many, at most
  to=NEXT.xyz        what to write
  by=both            or spread, or diversity (the distance to what is chosen already in the space
                     of descriptors); both is their product
  spread=forces      the largest of an atom's force (eV/angstrom), or energy (meV/atom)
  known=FILE         structures that are labelled already: the chosen differ from these as well
  distance=0.1       near copies are structures nearer than this; 1 is the pool's typical distance
                     from its mean
  force=true         replaces NEXT.xyz and NEXT.png
  checkpoint=, generation=, precision=, device=   as of panna-exp predict

examples:
  panna-exp select pool.xyz run_dir=outputs/committee n=100 to=next.xyz
  panna-exp select pool.xyz run_dir=outputs/a n=20 to=next.xyz by=diversity known=train.xyz"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    typed = KeyValues.of("select", arguments, _KEYS, takes_files=True)
    if not typed.files:
        typed.problems.append("select: no file with a pool of structures is named")
    typed.require("run_dir", "n", "to")
    typed.check_choices()
    typed.check_choice("by", ("both", "spread", "diversity"))
    typed.check_choice("spread", ("forces", "energy"))
    typed.check_choice("force", ("false", "true"))
    typed.check_number("n", int, 1, "a whole number from 1")
    typed.check_number("distance", float, 0, "a number from 0")
    typed.check_suffix("to", (".xyz", ".extxyz"), "ends with .xyz")
    typed.check_new("to", [".png"])
    given = typed.checked()
    # Imported here: PyTorch is not needed to name a mistake.
    from panna_exp.runs.selection import select_files

    select_files(typed.files, given)
    return 0
