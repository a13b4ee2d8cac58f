"""Makes one HTML page of runs: what ``panna-exp report`` does."""

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from panna_exp.files import relative, user_path, write_text_atomic
from panna_exp.quoting import override, shell_line
from panna_exp.reporting.entry import make_entry, with_swept
from panna_exp.reporting.report import report
from panna_exp.reporting.run import PLOT, Run, is_sweep
from panna_exp.runs.command_line import display
from panna_exp.runs.messages import messages_shown


def write_report(runs: Sequence[Run], given: argparse.Namespace, output: Path) -> None:
    """Writes the page and prints where it is.

    Args:
        runs: In the order of the page.
        given: The options of ``panna-exp report``.
        output: The file.

    Raises:
        PannaExpError, OSError: Records that cannot be read, or no page written.
    """
    with messages_shown():
        entries = [
            make_entry(run, index, shown, _evaluating(shown), given.data, _warn, given.worst)
            for index, run in enumerate(runs)
            for shown in [str(relative(run.path))]
        ]
        figures = [folder / PLOT for folder in map(user_path, given.run_dirs) if is_sweep(folder)]
        text = report(with_swept(entries), datetime.now(), given.worst > 0, figures)
    write_text_atomic(output, text)
    print(f"wrote {display(output)} ({len(text.encode()) / 1e6:.1f} MB)")


def _evaluating(shown: str) -> str:
    return shell_line(["panna-exp", "evaluate", override("run_dir", shown)])


def _warn(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
