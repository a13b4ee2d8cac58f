"""How help is shown: examples first, the page that explains last, colours on a terminal."""

import io
import re
import shutil
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout, suppress

from panna_exp.runs.help_width import fitted

_HEADING = re.compile(r"^(?=\S).*:$")
_EXAMPLE = re.compile(r"^  (panna-exp .*?)(?=  |$)")
_ENTRY = re.compile(r"^  (\S.*?)(?=  |$)")
_USAGE = re.compile(r"^usage:")
_WIDEST = (100, 24)  # what help is written for, where nothing says how wide it may be


def show_printed(command: Callable[[list[str]], int], arguments: Sequence[str], page: str) -> int:
    """Shows what a command prints that is asked for its help or its configuration.

    At once, when all is there: a reader that goes away in the middle (``| head``) is no matter.

    Args:
        command: Prints, and returns the exit code.
        arguments: That ask for it: for help, of the whole command or of keys, or ``--cfg job``.
        page: Where more is said about the command.
    """
    printed, code = io.StringIO(), 0
    # argparse ends the program after its help.
    with redirect_stdout(printed), suppress(SystemExit):
        code = command(list(arguments))
    text = printed.getvalue()
    if text.startswith("usage:"):
        show(arranged(text, page))
    else:
        sys.stdout.write(text)
    return code


def arranged(text: str, page: str) -> str:
    """Returns a command's help with its examples after the summary, and a page at its end.

    Args:
        text: Paragraphs: the usage, a summary, and others; examples begin with ``examples:``.
        page: Where more is said.
    """
    usage, summary, *rest = text.strip().split("\n\n")
    examples = [item for item in rest if item.startswith("examples:\n")]
    others = [item for item in rest if item not in examples]
    return "\n\n".join([usage, summary, *examples, *others, f"more: {page}"])


def show(text: str) -> None:
    """Prints help as wide as the terminal, in colours where it has some (without NO_COLOR)."""
    text = fitted(text, shutil.get_terminal_size(_WIDEST).columns)
    if not sys.stdout.isatty():
        print(text)
        return
    # Imported here: help that a pager or a file takes needs no colours.
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    for line in text.splitlines():
        shown = Text(line)
        shown.highlight_regex(_HEADING, "bold")
        shown.highlight_regex(_USAGE, "bold")
        found = _EXAMPLE.match(line) or _ENTRY.match(line)
        if found:
            shown.stylize("cyan", found.start(1), found.end(1))
        console.print(shown)
