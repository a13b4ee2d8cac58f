"""Sections of the page on what each run predicts: parity plots, errors, the worst structures."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from panna_exp.elements import Species
from panna_exp.reporting.entry import Entry
from panna_exp.reporting.html import Content, Markup, element, image, joined, table
from panna_exp.reporting.listing import significant
from panna_exp.reporting.located import NO_NAMES, Found
from panna_exp.reporting.overview import heading
from panna_exp.reporting.parity import energy_parity, force_parity
from panna_exp.reporting.pictures import picture

_PNG = b"\x89PNG"
_ENERGY = ("mae_mev_per_atom", "rmse_mev_per_atom", "max_mev_per_atom", "mae_ev")
_FORCE = ("mae_ev_per_angstrom", "rmse_ev_per_angstrom", "max_ev_per_angstrom")
_MOST_COMPOSITIONS = 20


def parity(entries: Sequence[Entry]) -> Markup:
    """Returns predicted against reference energies and forces, the runs side by side."""
    return _beside(entries, _parity)


def errors(entries: Sequence[Entry]) -> Markup:
    """Returns tables of errors by composition and species, beside those of constant predictors."""
    return _beside(entries, _errors)


def worst(entries: Sequence[Entry], count: int) -> Markup:
    """Returns the structures of the largest errors an atom, with pictures where there can be."""
    return _beside(entries, lambda entry: _worst(entry, count))


def _beside(entries: Sequence[Entry], part: Any) -> Markup:
    parts = []
    for entry in entries:
        title = heading(entry) if len(entries) > 1 else Markup("")
        notes = [element("p", note, class_="warning") for note in entry.notes]
        parts.append(element("div", title, *notes, part(entry)))
    return element("div", *parts, class_="side")


def _parity(entry: Entry) -> Markup:
    evaluation = entry.evaluation
    if evaluation is None:
        return _hint(entry)
    drawn = [_stored(evaluation.picture()) or energy_parity(evaluation, entry.free_atoms)]
    names = ["energies"]
    if evaluation.forces is not None:
        forces = _stored(evaluation.picture(of_forces=True)) or force_parity(evaluation)
        drawn += [forces] if forces is not None else []
        names.append("forces")
    title = element("p", f"{evaluation.name}, {len(evaluation.names)} structures", class_="note")
    plots = [
        image(data, f"parity plot of {name}") for data, name in zip(drawn, names, strict=False)
    ]
    spread = _stored(evaluation.uncertainty_picture())
    if spread is not None:
        plots.append(image(spread, "errors against uncertainty"))
    return title + joined(plots)


def _stored(path: Path | None) -> bytes | None:
    """Returns the plot that the evaluation drew, if it is one."""
    data = path.read_bytes() if path is not None else b""
    return data if data.startswith(_PNG) else None


def _hint(entry: Entry) -> Markup:
    if not any((entry.run.path / "_models").glob("*.pt")):
        return element("p", "There are no predictions, and no checkpoint yet.", class_="note")
    text = "There are no predictions in the run directory. This makes them: "
    return element("p", text, element("code", entry.evaluating), class_="note")


def _errors(entry: Entry) -> Markup:
    evaluation = entry.evaluation
    if evaluation is None:
        return _hint(entry)
    if not evaluation.summary:
        name = evaluation.path.with_suffix(".json").name
        return element("p", f"{name} is not there: no table of errors.", class_="note")
    parts = [_energy_table(entry)]
    if evaluation.errors("forces"):
        parts.append(_force_table(entry))
    warnings = evaluation.summary.get("warnings")
    if isinstance(warnings, list):
        parts += [element("p", f"Warning: {text}", class_="warning") for text in warnings]
    if entry.others:
        others = f"Also evaluated: {', '.join(entry.others)}."
        parts.append(element("p", others, class_="note"))
    return joined(parts)


def _energy_table(entry: Entry) -> Markup:
    assert entry.evaluation is not None
    found = entry.evaluation.errors
    compositions = found("compositions")
    names = list(compositions)[:_MOST_COMPOSITIONS] if len(compositions) > 1 else []
    items = [("all", found("energy")), *((n, found("compositions", n)) for n in names)]
    items.append(("constant a structure", found("constant_per_structure")))
    items.append(("constant a species", found("constant_per_species")))
    rows = [_row(name, item, "structures", _ENERGY) for name, item in items if item]
    more = len(compositions) - _MOST_COMPOSITIONS
    if more > 0:
        rows.append([f"{more} more compositions", "", "", "", "", ""])
    header = ("energy", "structures", "MAE (meV/atom)", "RMSE", "max", "MAE (eV)")
    fitted = entry.evaluation.summary.get("constants_fitted_on", "evaluated data")
    note = f"Constant predictors know the composition only; fitted on the {fitted}."
    return table(header, rows) + element("p", note, class_="note")


def _force_table(entry: Entry) -> Markup:
    assert entry.evaluation is not None
    found = entry.evaluation.errors
    items = [(name, found("forces", name)) for name in found("forces")]
    items.append(("zero forces", found("zero_forces")))
    rows = [_row(name, item, "atoms", _FORCE) for name, item in items if item]
    return table(("force component", "atoms", "MAE (eV/angstrom)", "RMSE", "max"), rows)


def _row(name: str, item: Mapping[str, Any], size: str, keys: Sequence[str]) -> list[Content]:
    return [str(name), str(item.get(size, "")), *(_number(item.get(key)) for key in keys)]


def _number(value: Any) -> str:
    return significant(float(value)) if isinstance(value, int | float) else "-"


def _worst(entry: Entry, count: int) -> Markup:
    evaluation = entry.evaluation
    if evaluation is None:
        return _hint(entry)
    per_atom = 1000 * evaluation.error / evaluation.num_atoms
    finite = np.flatnonzero(np.isfinite(per_atom))
    order = finite[np.argsort(-np.abs(per_atom[finite]), kind="stable")][:count]
    forces = evaluation.worst_forces()
    found = [entry.located.found.get(int(row)) for row in order]
    pictured = any(item is not None and item.positions is not None for item in found)
    rows = []
    for row, item in zip(order.tolist(), found, strict=True):
        name = _name(evaluation.names[row], row, item)
        rows.append(
            [
                name,
                *([_picture(item, name)] if pictured else []),
                _formula(item),
                str(evaluation.num_atoms[row]),
                f"{per_atom[row]:+.2f}",
                f"{evaluation.error[row]:+.4f}",
                *([] if forces is None else [_force(float(forces[row]))]),
            ]
        )
    header = [
        "structure",
        *(["picture"] if pictured else []),
        *("formula", "atoms", "error (meV/atom)", "error (eV)"),
        *([] if forces is None else ["force error (eV/angstrom)"]),
    ]
    notes = list(entry.located.notes)
    if not pictured and any(item is not None for item in found):
        notes.append("The data have descriptors but no positions: there are no pictures.")
    return table(header, rows) + joined([element("p", text, class_="note") for text in notes])


def _name(name: str, row: int, item: Found | None) -> str:
    """Returns a structure's name, or what tells it from others without one."""
    if name not in NO_NAMES:
        return name
    return f"structure {row}" if item is None else Path(item.origin).name


def _formula(item: Found | None) -> str:
    if item is None:
        return ""
    symbols = tuple(dict.fromkeys(item.symbols))
    return Species(symbols).formula([item.symbols.count(symbol) for symbol in symbols])


def _force(error: float) -> str:
    return significant(error) if np.isfinite(error) else ""


def _picture(item: Found | None, name: str) -> Content:
    if item is None or item.positions is None:
        return ""
    return image(picture(item.symbols, item.positions, item.cell), f"picture of {name}", "small")
