"""``panna-exp descriptors --report``: what the survey of a data set found, for people to read."""

import json
import sys
from pathlib import Path

import numpy as np
from rich.console import Console

from panna_exp.assembly.machine import use_threads
from panna_exp.assembly.survey import Survey, survey
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.ranges import NEGLIGIBLE
from panna_exp.evaluation.coverage_plots import (
    write_angular_plot,
    write_radial_plot,
    write_range_plot,
)
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic
from panna_exp.runs.command_line import display
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.progress import DescriptorDisplay

_FOLDER = "descriptor_report"


def report(config: DescriptorsConfig, base: Path) -> None:
    """Surveys ``data.train``, prints a table and warnings, writes JSON and plots.

    Args:
        config: Validated.
        base: Folder that relative paths start from.

    Raises:
        PannaExpError: As :func:`panna_exp.assembly.survey.survey`.
        OSError: The folder cannot be written.
    """
    use_threads(config.threads or 1)
    with messages_shown():
        found = survey(config, base, DescriptorDisplay("looking"))
        folder = base / Path(config.output_dir or _FOLDER).expanduser()
        paths = _write(found, folder)
    sys.stdout.flush()
    _table(found).print(Console())
    for path, what in paths:
        print(f"{what}: {display(path)}")


def _write(found: Survey, folder: Path) -> list[tuple[Path, str]]:
    paths = [(folder / "report.json", "all numbers"), (folder / "ranges.png", "ranges")]
    write_text_atomic(paths[0][0], json.dumps(found.to_dict(), indent=1) + "\n")
    write_range_plot(paths[1][0], found.statistics, found.meanings, found.symbols)
    if found.coverage is not None and found.parameters is not None:
        paths += [(folder / "radial.png", "distances"), (folder / "angular.png", "angles")]
        write_radial_plot(paths[2][0], found.parameters, found.coverage)
        write_angular_plot(paths[3][0], found.parameters, found.coverage)
    return paths


def _table(found: Survey) -> Table:
    """One row for each kind of components around each species."""
    statistics = found.statistics
    zero, constant = statistics.zero, statistics.constant
    kinds = np.array([item.kind for item in found.meanings])
    rows = []
    for index, count in enumerate(statistics.ranges.counts.tolist()):
        for kind in dict.fromkeys(kinds.tolist()):
            if not count:
                continue
            own = kinds == kind
            high = statistics.ranges.high[index, own]
            rows.append(
                (
                    f"{kind} around {found.symbols[index]}",
                    f"{count:,}",
                    str(own.sum()),
                    str(zero[index, own].sum()),
                    str((constant & ~zero)[index, own].sum()),
                    _shown(statistics.ranges.low[index, own].min()),
                    _shown(np.median(high)),
                    _shown(high.max()),
                    _shown(np.median(statistics.deviation[index, own])),
                )
            )
    values = "stored" if found.stored else "computed"
    warnings = [f"warning: {text}" for text in found.warnings]
    return Table(
        title=f"{found.structures:,} structures, {found.descriptor}, {values}",
        header=(
            *("components", "atoms", "number", "zero", "constant"),
            *("smallest\nvalue", "median\nlargest", "largest\nvalue", "median\ndeviation"),
        ),
        rows=rows,
        footer=warnings or ["no warnings: every component says something about the data"],
    )


def _shown(value: float) -> str:
    return f"{value:.3g}" if abs(value) >= NEGLIGIBLE else "0"
