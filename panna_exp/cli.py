"""The command line: finds the command, runs it, and shows errors as one line each.

Nothing heavy is imported here: ``panna-exp --help`` answers at once.
"""

import gc
import importlib
import os
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial

from panna_exp import __version__, output, pages
from panna_exp.assembly import torchrun
from panna_exp.errors import ConfigError, PannaExpError, closest
from panna_exp.runs.signals import CTRL_C, Stopped, stoppable

USER_ERROR = 2
_WAIT_SECONDS = 3.0
# Imports make half a million objects that stay: looking for garbage among them takes 0.1 s.
_OBJECTS_BETWEEN_COLLECTIONS = 100_000
_HELP = {"-h", "--help"}
_SHOWS = {*_HELP, "--cfg", "-i", "--info"}  # nothing runs
_GONE = "the folder that this was started in is no longer there: start in one that is"
_COMPLETION = ("-sc", "--shell-completion")


@dataclass(frozen=True, slots=True)
class Command:
    """One word of the command line."""

    module: str
    summary: str
    function: str = "main"
    trains: bool = False  # so that a queue may stop it and start it again


COMMANDS = {
    "train": Command("train", "train networks; -m runs a sweep", trains=True),
    "evaluate": Command("evaluate", "errors of a trained or saved network on data"),
    "predict": Command("predict", "energies, forces, stress of structures without labels"),
    "select": Command("select", "which structures of a pool to label next"),
    "extract-weights": Command("extract_weights", "write a run's networks as PANNA's files"),
    "descriptors": Command("descriptors", "compute descriptors once and store them"),
    "pack": Command("pack", "PANNA's .bin files become TFRecords"),
    "import-ini": Command("import_ini", "PANNA's INI files become experiments"),
    "panna-train": Command(
        "dropin", "run a PANNA training input: -c train.ini", "run_training", trains=True
    ),
    "panna-evaluate": Command("dropin", "run a PANNA validation input", "evaluate"),
    "panna-extract-weights": Command(
        "dropin", "run a PANNA weight extraction input", "extract_weights"
    ),
    "inspect": Command("inspect", "what is in data, what looks odd, how to train on them"),
    "convert": Command("convert", "data from one format into another, and what looks odd"),
    "panna-gvect-calculator": Command("dropin", "run a PANNA descriptor input", "descriptors"),
    "panna-tfr-packer": Command("dropin", "run a PANNA packing input", "pack"),
    "export": Command("export", "a potential as one file: LAMMPS, ASE, i-PI, others"),
    "lammps-plugin": Command("lammps_plugin", "compile pair_style panna for your LAMMPS"),
    "warm-up": Command("warm_up", "compile what later commands would wait for"),
    "runs": Command("runs", "list runs with their state and best metric"),
    "diff": Command("diff", "what differs between two runs"),
    "rerun": Command("rerun", "repeat a run from its record: does it end the same?"),
    "report": Command("report", "one HTML page on one run, or on several side by side"),
    "sync": Command("sync", "send what a run could not send to MLflow yet"),
}

HELP = f"""\
panna-exp {__version__}: train, compare and deploy PANNA-style neural network potentials

usage: panna-exp COMMAND [key=value ...]      or  python -m panna_exp COMMAND ...

commands:
{chr(10).join(f"  {name:22} {command.summary}" for name, command in COMMANDS.items())}

panna-exp COMMAND --help   examples, and every key with its default and its meaning
panna-exp help KEY         what one key means, e.g. training.batch_size
panna-exp -sc install=bash completion (or zsh): eval "$(panna-exp -sc install=bash)" in ~/.bashrc
panna-exp --version        the version

first steps:
  panna-exp train                                              the data set that comes with it
  panna-exp train data=tfrecord data.train=DIR data.species=[H,C,O,N]
  panna-exp train -m training.learning_rate=1e-2,1e-3,1e-4     a sweep
  panna-exp evaluate run_dir=RUN_DIR data.test=PATH

more: docs/{pages.OF_NOTHING}, beside README.md"""


def main(arguments: list[str] | None = None) -> int:
    """Runs a command line and returns the exit code: 0, or 2 for a mistake of the user.

    Args:
        arguments: By default those of this program's start.
    """
    word = None
    try:
        if arguments is None:
            gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
            output.open_closed()
            _take_no_code_from_here()
        if not _is_here():
            raise OSError(_GONE)  # libraries end in their own ways
        word, rest = _command(sys.argv[1:] if arguments is None else arguments)
        code = 0
        if word is not None:
            trains = COMMANDS[word].trains
            if trains and not _shows(rest):
                output.keep_going()
            # From here on: importing takes longer than many a queue waits after its first signal.
            with stoppable() if trains else nullcontext():
                code = _function(word, rest)(rest)
        sys.stdout.flush()  # now, while what goes wrong can be told
        return code
    except PannaExpError as error:
        _show(error, word)
        return USER_ERROR
    except Stopped as stopped:
        if stopped.reason:
            print(f"stopped ({stopped.reason})", file=sys.stderr)
        return stopped.code
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return CTRL_C
    except BrokenPipeError:
        # The reader of our output (head, less) has gone: nothing is left to say.
        output.discard()
        return 0
    except OSError as error:
        if error.filename is None and error.errno in output.NO_ROOM:
            print(f"error: standard output: {error.strerror}", file=sys.stderr)
            output.discard()
            return USER_ERROR
        if error.filename is None and not _is_here():
            print(f"error: {_GONE}", file=sys.stderr)
            return USER_ERROR
        if error.errno is None or error.filename is None:
            raise
        print(output.escaped(f"error: {error.filename}: {error.strerror}"), file=sys.stderr)
        return USER_ERROR


def _function(word: str, arguments: list[str]) -> Callable[[list[str]], int]:
    """What a command calls with its arguments; what shows its help where they ask for that."""
    command = COMMANDS[word]
    module = importlib.import_module(f"panna_exp.commands.{command.module}")
    function: Callable[[list[str]], int] = getattr(module, command.function)
    if not _shows(arguments):
        return function
    from panna_exp.runs.help_text import show_printed

    text: str | None = getattr(module, "HELP", None)  # of commands that no other parser reads
    if text is not None and _HELP & set(arguments):
        function = partial(_print, text)
    return lambda shown: show_printed(function, shown, f"docs/{pages.OF_COMMANDS[word]}")


def _print(text: str, arguments: list[str]) -> int:
    print(text)
    return 0


def _shows(arguments: list[str]) -> bool:
    return not _SHOWS.isdisjoint(item.partition("=")[0] for item in arguments)


def _show(error: PannaExpError, command: str | None) -> None:
    """Prints what is wrong, and where more is said about it.

    Of several processes the first does, and the others if it did not.
    """
    where = ""
    if torchrun.rank():
        time.sleep(_WAIT_SECONDS)  # torchrun ends this process if the first has failed as well
        where = f"process {torchrun.rank()}: "
    problems = error.problems if isinstance(error, ConfigError) else [str(error)]
    for problem in pages.with_pages(problems, type(error), command):
        print(output.escaped(f"error: {where}{problem}"), file=sys.stderr)


def _take_no_code_from_here() -> None:
    """The folder that the program is started in, which may be from elsewhere, lends it no code.

    Processes of launchers, started by ``python -m``, would import modules of it, and numba would
    read compiled loops, which are pickles, from a folder that a ``.numba_config.yaml`` in it names.
    ``python -m panna_exp`` has the folder in its path already, as Python has it.
    """
    os.environ.setdefault("NUMBA_CACHE_DIR", "")
    with suppress(OSError):  # the folder is gone
        if not {"", os.getcwd()} & set(sys.path):
            os.environ.setdefault("PYTHONSAFEPATH", "1")


def _is_here() -> bool:
    """Whether there still is the folder that the program was started in."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _command(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Returns the command's word and what follows it; None where everything is said already."""
    if arguments[:1] == ["help"] and len(arguments) > 1 and arguments[1] not in COMMANDS:
        from panna_exp.config.usage import explain_keys

        explain_keys(arguments[1:])
        return None, []
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [arguments[1], "--help", *arguments[2:]]
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        from panna_exp.runs.help_text import show

        show(HELP)
        return None, []
    if any(item in _COMPLETION for item in arguments):
        from panna_exp.config.completion import shell_completion

        words = [item for item in arguments if item not in (*_COMPLETION, *COMMANDS)]
        print(shell_completion(words, list(COMMANDS)))
        return None, []
    if "--version" in arguments:
        print(f"panna-exp {__version__}")
        return None, []
    word = next((item for item in arguments if not item.startswith("-")), None)
    if word is None:
        raise ConfigError(f"no command given, expected one of {', '.join(COMMANDS)}")
    if word not in COMMANDS:
        raise ConfigError(
            f"unknown command '{word}', expected one of {', '.join(COMMANDS)}"
            f"{closest(word, COMMANDS)}"
        )
    if torchrun.world_size() > 1 and word != "train":
        raise ConfigError(
            f"torchrun started {torchrun.world_size()} processes of panna-exp {word}: only train "
            "shares its work among several"
        )
    rest = list(arguments)
    rest.remove(word)
    return word, rest
