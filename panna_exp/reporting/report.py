"""The page on one run, or on several side by side: one file that needs nothing else."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from panna_exp import __version__
from panna_exp.reporting import accuracy, overview
from panna_exp.reporting.entry import Entry
from panna_exp.reporting.html import element, page


def report(
    entries: Sequence[Entry], made: datetime, worst: bool = True, sweeps: Sequence[Path] = ()
) -> str:
    """Returns the page as HTML.

    Args:
        entries: At least one run, in order.
        made: The time to write on it.
        worst: Whether to show the worst structures of each run.
        sweeps: Figures of the sweeps that the runs are jobs of.

    Raises:
        DataError: A record is damaged.
        OSError: A plot of a run directory cannot be read.
    """
    first = entries[0]
    several = len(entries) > 1
    title = f"{len(entries)} runs side by side" if several else f"Run {first.run.name}"
    sections = [
        ("overview", "Overview", overview.overview(entries)),
        *(("sweep", "Sweep", figure) for figure in overview.sweep_figures(sweeps)),
        ("curves", "Learning curves", overview.curves(entries)),
        ("parity", "Parity", accuracy.parity(entries)),
        ("errors", "Errors", accuracy.errors(entries)),
    ]
    if worst:
        sections.append(("worst", "Worst structures", accuracy.worst(entries)))
    sections += [
        ("config", "Configuration", overview.configuration(entries)),
        ("timings", "Timings", overview.timings(entries)),
        ("environment", "Environment and data", overview.environment(entries)),
    ]
    top = element("p", f"Made by panna_exp {__version__}, {made:%Y-%m-%d %H:%M}.", class_="note")
    return page(title, sections, top)
