"""The tables of ``panna-exp diff`` on a terminal."""

from collections.abc import Sequence

from panna_exp.evaluation.tables import Table
from panna_exp.reporting.differences import Comparison, Difference, text_of


def print_comparison(found: Comparison) -> None:
    """Prints a table for each section in which something differs."""
    from rich.console import Console

    console = Console()
    print()
    for name, items in found.sections.items():
        if not items:
            but = f" (but for {', '.join(found.places)})" if name == "config" else ""
            print(f"{name}: the same{but if found.places else ''}", flush=True)
            continue
        numbers = name == "result"
        footer = []
        if numbers and found.epoch is not None:
            footer = [f"The learning curves differ from epoch {found.epoch} on."]
        Table(
            title=name,
            header=["", "A", "B", *(["B - A"] if numbers else [])],
            rows=[_row(item, numbers) for item in items],
            footer=footer,
        ).print(console)


def _row(item: Difference, numbers: bool) -> Sequence[str]:
    key = " ".join(item.key.split())
    values = [" ".join(text_of(value, item.key).split()) for value in (item.first, item.second)]
    return [key, *values, *([_change(item)] if numbers else [])]


def _change(item: Difference) -> str:
    """The second number less the first, empty where they are equal or no numbers."""
    pair = (item.first, item.second)
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in pair):
        return ""
    change = item.second - item.first
    return f"{change:+.4g}" if change else ""
