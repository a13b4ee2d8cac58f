"""Sections of the page that compare runs: overview, curves, configuration, timings, environment."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml
from markupsafe import Markup

from panna_exp.quantities import QUANTITIES
from panna_exp.reporting.curves import colour, learning_curves
from panna_exp.reporting.data_files import PARTS, data_files
from panna_exp.reporting.differences import ABSENT, CODE, PLACES, text_of
from panna_exp.reporting.entry import Entry
from panna_exp.reporting.html import Content, element, folded, image, joined, table
from panna_exp.reporting.listing import significant
from panna_exp.reporting.records import flatten

_MOST_FILES = 12
_HASH_DIGITS = 12
_OVERVIEW = ("energy_mae", "energy_rmse", "force_mae", "force_rmse", "virial_mae", "loss")
_ENVIRONMENT = (*CODE, "seed", "launch_dir")


def overview(entries: Sequence[Entry]) -> Markup:
    """Returns state, epochs and the most telling errors of each run."""
    rows: list[tuple[str, Callable[[Entry], Any], bool]] = [
        ("state", lambda entry: str(entry.run.state), False),
        ("epochs", _epochs, False),
        ("epoch to use", _best_epoch, False),
        ("which is", _role, False),
    ]
    bests = [best for entry in entries if (best := entry.run.best()) is not None]
    titles = {
        best.title(name): (best.part, name)
        for best in bests
        for name in best.values
        if name in _OVERVIEW
    }
    rows += [
        (f"at that epoch: {title}", _best_value(*pair), True) for title, pair in titles.items()
    ]
    for name in (
        "energy_mae",
        "energy_rmse",
        "energy_max",
        "force_mae",
        "force_rmse",
        "stress_mae",
    ):
        title = f"evaluated: {QUANTITIES[name].title}"
        rows.append((title, _result(name), True))
    shown = [
        [name, *_cells([value(entry) for entry in entries], smallest and len(entries) > 1)]
        for name, value, smallest in rows
        if any(value(entry) is not None for entry in entries)
    ]
    typed = [element("td", element("code", _typed(entry)), class_="text") for entry in entries]
    failed = [str(entry.run.result.get("error", "")) for entry in entries]
    if any(failed):
        shown.append(["error", *failed])
    return table(headings(entries), [*shown, ["overrides", *typed]])


def sweep_figures(paths: Sequence[Path]) -> list[Markup]:
    """Returns the figures of sweeps, those that are there."""
    found = [path.read_bytes() for path in paths if path.is_file()]
    return [joined([image(data, "metric by what was swept") for data in found])] if found else []


def curves(entries: Sequence[Entry]) -> Markup:
    """Returns the learning curves of all runs in one figure."""
    drawn = learning_curves([e.run for e in entries], [e.label for e in entries])
    if drawn is None:
        return element("p", "No epoch is complete yet.", class_="note")
    return image(drawn, "learning curves")


def configuration(entries: Sequence[Entry]) -> Markup:
    """Returns where the configurations differ, and each as YAML."""
    parts = []
    if len(entries) > 1:
        flat = [dict(flatten(entry.run.config)) for entry in entries]
        rows = [row for row in _compared(flat, same=False) if row[0] not in PLACES]
        parts.append(
            table(headings(entries), rows)
            if rows
            else element("p", "All have the same configuration.", class_="note")
        )
    texts = [
        folded(
            f"{entry.title}: config.yaml",
            element("pre", yaml.safe_dump(dict(entry.run.config), sort_keys=False)),
        )
        for entry in entries
        if entry.run.config
    ]
    return joined([*parts, *texts])


def timings(entries: Sequence[Entry]) -> Markup:
    """Returns how long each run took, and how fast it was."""

    def rows(entry: Entry) -> dict[str, Any]:
        times = entry.timings
        return {
            "started": f"{entry.run.started:%Y-%m-%d %H:%M:%S}",
            "last message": f"{times.last:%Y-%m-%d %H:%M:%S}" if times.last else None,
            "sessions": times.sessions or None,
            "steps": entry.run.metrics.last_step or None,
            "time for epochs": f"{times.seconds:.1f} s" if times.rate else None,
            "steps/s": significant(times.rate) if times.rate else None,
        }

    found = [rows(entry) for entry in entries]
    shown = [[key, *(_text(item[key]) for item in found)] for key in found[0]]
    note = "Times are those of train.log; epochs count from the start of training, with validation."
    return table(headings(entries), shown) + element("p", note, class_="note")


def environment(entries: Sequence[Entry]) -> Markup:
    """Returns versions, machine and data files."""
    records = [
        dict(flatten({k: e.run.environment[k] for k in _ENVIRONMENT if k in e.run.environment}))
        for e in entries
    ]
    parts = [table(headings(entries), _compared(records, same=True))]
    for entry in entries:
        if len(entries) > 1:
            parts.append(heading(entry))
        parts.append(_data_table(entry))
    return joined(parts)


def headings(entries: Sequence[Entry]) -> list[Content]:
    """Returns the header of a table with a column per run."""
    if len(entries) == 1:
        return ["", entries[0].shown]
    return ["", *(chip(entry) + Markup(" ") + _named(entry) for entry in entries)]


def heading(entry: Entry) -> Markup:
    """Returns the title of a part about one run."""
    return element("h3", chip(entry), " ", _named(entry))


def _named(entry: Entry) -> Markup:
    """Returns what tells a run from the others, and its folder."""
    if not entry.swept:
        return element("span", entry.shown)
    return element("span", entry.swept) + element("div", entry.shown, class_="note")


def chip(entry: Entry) -> Markup:
    """Returns the run's letter on its colour, as in the figures."""
    return element("span", entry.letter, class_="chip", style=f"background:{colour(entry.index)}")


def _epochs(entry: Entry) -> str:
    run = entry.run
    if run.members:
        return f"{len(run.members)} members"
    return f"{run.epochs}" if run.max_epochs is None else f"{run.epochs} of {run.max_epochs}"


def _best_epoch(entry: Entry) -> int | None:
    best = entry.run.best()
    return None if best is None else best.epoch


def _role(entry: Entry) -> str | None:
    best = entry.run.best()
    return None if best is None else best.role or None


def _best_value(part: str, name: str) -> Callable[[Entry], float | None]:
    def value(entry: Entry) -> float | None:
        best = entry.run.best()
        return best.values.get(name) if best is not None and best.part == part else None

    return value


def _result(name: str) -> Callable[[Entry], float | None]:
    return lambda entry: entry.run.result_values().get(name)


def _cells(values: Sequence[Any], mark: bool) -> list[Content]:
    """Writes values; the smallest number is marked where that is the best."""
    numbers = [value for value in values if isinstance(value, float)]
    smallest = min(numbers) if mark and len(numbers) > 1 else None
    cells: list[Content] = []
    for value in values:
        text = _text(value)
        best = smallest is not None and value == smallest
        cells.append(element("td", text, class_="best") if best else text)
    return cells


def _text(value: Any) -> str:
    if value is None:
        return ""
    return significant(value) if isinstance(value, float) else str(value)


def _typed(entry: Entry) -> str:
    return " ".join(entry.run.overrides) or "nothing: the defaults"


def _compared(records: Sequence[dict[str, Any]], same: bool) -> list[list[Content]]:
    """Returns a row per key; ``same`` keeps those in which no run differs from another."""
    rows: list[list[Content]] = []
    for key in dict.fromkeys(key for record in records for key in record):
        # A run that failed before it could record anything differs in nothing.
        texts = [text_of(record.get(key, ABSENT), key) if record else "" for record in records]
        if len(set(filter(None, texts))) > 1:
            rows.append(
                [key, *(element("td", text, class_="differs" if text else "") for text in texts)]
            )
        elif same:
            rows.append([key, *texts])
    return rows


def _data_table(entry: Entry) -> Markup:
    rows = [row for part in PARTS for row in _data_rows(entry, part)]
    if not rows:
        return element("p", "The record names no data files.", class_="note")
    return table(("data", "structures", "atoms", "file", "format", "sha256"), rows)


def _data_rows(entry: Entry, part: str) -> Iterable[list[Content]]:
    group = entry.run.group("environment", "data", part)
    files = data_files(entry.run, part)
    for number, file in enumerate(files[:_MOST_FILES]):
        sizes = [_text(group.get(key)) for key in ("structures", "atoms")]
        first = [part, *sizes] if number == 0 else ["", "", ""]
        path = element("td", str(file.path), class_="text")
        yield [*first, path, file.kind, element("code", file.sha256[:_HASH_DIGITS])]
    if len(files) > _MOST_FILES:
        yield ["", "", "", f"{len(files) - _MOST_FILES} more", "", ""]
