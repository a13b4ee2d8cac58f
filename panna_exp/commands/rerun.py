"""``panna-exp rerun RUN_DIR``: repeats a run from its record and says whether it ends the same."""

from panna_exp.config.parser import Parser
from panna_exp.files import user_path
from panna_exp.runs.rerun import rerun

_EXTRA = """\
The configuration is that of RUN_DIR/config.yaml, without trackers and time limit. Data files, and
weights and masks that the training started from, must be what they were; other versions of
programs, another machine and another device are named. Exit code: 0 if all weights and metrics are
the same, bit for bit, 1 if they differ.

examples:
  panna-exp rerun outputs/a
  panna-exp rerun outputs/a --to outputs/again"""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    given = _parser().parse(arguments)
    to = user_path(given.to).resolve() if given.to else None
    return rerun(user_path(given.run_dir).resolve(), to, given.force)


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp rerun",
        description="Repeats a run from its record and says whether it ends the same.",
        epilog=_EXTRA,
    )
    parser.add_argument("run_dir", metavar="RUN_DIR", help="directory of a finished run")
    parser.add_argument("--to", metavar="DIR", help="where to (default: RUN_DIR_rerun_1, ...)")
    parser.add_argument("--force", action="store_true", help="even if data files have changed")
    return parser
