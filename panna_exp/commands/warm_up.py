"""``panna-exp warm-up``: compiles what later commands would wait for."""

from panna_exp.errors import ConfigError

HELP = """\
usage: panna-exp warm-up [key=value ...]

Compiles the loops that trainings, evaluations and calculators use, so that the first ones start
without the wait: for images of containers, and once on a cluster before many jobs start at the
same time. Loops are kept for this Python environment and this kind of processor; the variable
NUMBA_CACHE_DIR says where.

  key=value    of panna-exp train, for loops of your own descriptor: they are compiled for its
               numbers of centres and angles

examples:
  panna-exp warm-up
  NUMBA_CACHE_DIR=/opt/loops panna-exp warm-up
  panna-exp warm-up descriptor=mbp descriptor.RsN_rad=24"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    for argument in arguments:
        if argument.startswith("-") or "=" not in argument:
            raise ConfigError(f"warm-up: unknown option '{argument}', expected key=value of train")
    from panna_exp.runs.command_line import display
    from panna_exp.runs.warm_up import kept_in, warm_up

    folder = kept_in()
    for line in warm_up(arguments):
        print(line, flush=True)
    print(f"compiled loops are kept in {display(folder)}")
    return 0
