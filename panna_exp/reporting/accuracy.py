"""Sections of the page on what each run predicts: parity plots, errors, the worst structures."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from panna_exp.elements import Species
from panna_exp.evaluation.evaluated_data import OWN_DATA
from panna_exp.reporting.drawing import smaller
from panna_exp.reporting.entry import Entry, Shown
from panna_exp.reporting.evaluations import StoredEvaluation
from panna_exp.reporting.html import Content, element, image, joined, table
from panna_exp.reporting.listing import significant
from panna_exp.reporting.located import Found
from panna_exp.reporting.overview import heading
from panna_exp.reporting.parity import energy_parity, force_parity
from panna_exp.reporting.pictures import picture
from panna_exp.run_files import CHECKPOINTS

_PNG = b"\x89PNG"
_ENERGY = ("mae_mev_per_atom", "rmse_mev_per_atom", "max_mev_per_atom", "mae_ev")
_FORCE = ("mae_ev_per_angstrom", "rmse_ev_per_angstrom", "max_ev_per_angstrom")
_STRESS = ("mae_gpa", "rmse_gpa", "max_gpa")
_MOST_COMPOSITIONS = 20
NO_NAMES = ("NA", "N.A.")  # of PANNA 1.x and 2.x


def parity(entries: Sequence[Entry]) -> Markup:
    """Returns predicted against reference energies and forces, the runs side by side."""
    return _by_data(entries, _parity)


def errors(entries: Sequence[Entry]) -> Markup:
    """Returns tables of errors by composition and species, beside those of constant predictors."""
    return _by_data(entries, _errors)


def worst(entries: Sequence[Entry]) -> Markup:
    """Returns the structures of the largest errors per atom, with pictures where there can be."""
    return _by_data(entries, _worst)


def _by_data(entries: Sequence[Entry], part: Callable[[Shown], Markup]) -> Markup:
    """Returns a part for each data set, with the runs side by side; data sets are never mixed."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.evaluations))
    names.sort(key=lambda name: name not in OWN_DATA)
    parts = [_beside(entries, name, part) for name in names]
    without = [entry for entry in entries if not entry.evaluations]
    if without:
        hints = [element("div", *_title(entries, entry), _hint(entry)) for entry in without]
        parts.append(element("div", *hints, class_="side"))
    return joined(parts)


def _beside(entries: Sequence[Entry], name: str, part: Callable[[Shown], Markup]) -> Markup:
    shown = [(entry, entry.evaluations[name]) for entry in entries if name in entry.evaluations]
    found = {item.evaluation.data.fingerprint for _, item in shown if item.evaluation.data}
    warning = Markup("")
    if len(found) > 1:
        text = "These runs have different data of this name: their errors cannot be compared."
        warning = element("p", text, class_="warning")
    divisions = [
        element(
            "div",
            *_title(entries, entry),
            *(element("p", note, class_="warning") for note in item.notes),
            element("p", _described(item.evaluation), class_="note"),
            part(item),
        )
        for entry, item in shown
    ]
    title = element("h3", f"{name} data" if name in OWN_DATA else name)
    return title + warning + element("div", *divisions, class_="side")


def _title(entries: Sequence[Entry], entry: Entry) -> list[Markup]:
    title = [heading(entry)] if len(entries) > 1 else []
    return title + [element("p", note, class_="warning") for note in entry.notes]


def _described(evaluation: StoredEvaluation) -> str:
    which = evaluation.summary.get("checkpoint", evaluation.name)
    return f"{which}, {len(evaluation.names)} structures"


def _parity(shown: Shown) -> Markup:
    evaluation = shown.evaluation
    drawn = [_stored(evaluation.picture()) or energy_parity(evaluation, shown.free_atoms)]
    names = ["energies"]
    if evaluation.forces is not None:
        forces = _stored(evaluation.picture(of_forces=True)) or force_parity(evaluation)
        drawn += [forces] if forces is not None else []
        names.append("forces")
    plots = [
        image(data, f"parity plot of {name}") for data, name in zip(drawn, names, strict=False)
    ]
    stress = _stored(evaluation.other_picture("stress"))
    if stress is not None:
        plots.append(image(stress, "parity plot of stresses"))
    spread = _stored(evaluation.other_picture("uncertainty"))
    if spread is not None:
        plots.append(image(spread, "errors against uncertainty"))
    return joined(plots)


def _stored(path: Path | None) -> bytes | None:
    """Returns the plot that the evaluation drew, if it is one."""
    data = path.read_bytes() if path is not None else b""
    return smaller(data) if data.startswith(_PNG) else None


def _hint(entry: Entry) -> Markup:
    if not any((entry.run.path / CHECKPOINTS).glob("*.pt")):
        return element("p", "There are no predictions, and no checkpoint yet.", class_="note")
    text = "There are no predictions in the run directory. This makes them: "
    return element("p", text, element("code", entry.evaluating), class_="note")


def _errors(shown: Shown) -> Markup:
    evaluation = shown.evaluation
    if not evaluation.summary:
        name = evaluation.path.with_suffix(".json").name
        return element("p", f"{name} is not there: no table of errors.", class_="note")
    parts = [_energy_table(evaluation)]
    if evaluation.errors("forces"):
        parts.append(_force_table(evaluation))
    if evaluation.errors("stress"):
        parts.append(_stress_table(evaluation))
    warnings = evaluation.summary.get("warnings")
    if isinstance(warnings, list):
        parts += [element("p", f"Warning: {text}", class_="warning") for text in warnings]
    if shown.others:
        others = f"Also evaluated: {', '.join(shown.others)}."
        parts.append(element("p", others, class_="note"))
    return joined(parts)


def _energy_table(evaluation: StoredEvaluation) -> Markup:
    found = evaluation.errors
    compositions = found("compositions")
    names = list(compositions)[:_MOST_COMPOSITIONS] if len(compositions) > 1 else []
    items = [("all", found("energy")), *((n, found("compositions", n)) for n in names)]
    items.append(("constant per structure", found("constant_per_structure")))
    items.append(("constant per species", found("constant_per_species")))
    rows = [_row(name, item, "structures", _ENERGY) for name, item in items if item]
    more = len(compositions) - _MOST_COMPOSITIONS
    if more > 0:
        rows.append([f"{more} more compositions", "", "", "", "", ""])
    header = ("energy", "structures", "MAE (meV/atom)", "RMSE", "max", "MAE (eV)")
    fitted = evaluation.summary.get("constants_fitted_on", "evaluated data")
    note = f"Constant predictors know the composition only; fitted on the {fitted}."
    return table(header, rows) + element("p", note, class_="note")


def _force_table(evaluation: StoredEvaluation) -> Markup:
    found = evaluation.errors
    items = [(name, found("forces", name)) for name in found("forces")]
    items.append(("zero forces", found("zero_forces")))
    rows = [_row(name, item, "atoms", _FORCE) for name, item in items if item]
    return table(("force component", "atoms", "MAE (eV/angstrom)", "RMSE", "max"), rows)


def _stress_table(evaluation: StoredEvaluation) -> Markup:
    items = [
        ("all", evaluation.errors("stress")),
        ("zero stress", evaluation.errors("zero_stress")),
    ]
    rows = [_row(name, item, "structures", _STRESS) for name, item in items if item]
    return table(("stress component", "structures", "MAE (GPa)", "RMSE", "max"), rows)


def _row(name: str, item: Mapping[str, Any], size: str, keys: Sequence[str]) -> list[Content]:
    return [str(name), str(item.get(size, "")), *(_number(item.get(key)) for key in keys)]


def _number(value: Any) -> str:
    return significant(float(value)) if isinstance(value, int | float) else "-"


def _worst(shown: Shown) -> Markup:
    evaluation = shown.evaluation
    per_atom = 1000 * evaluation.error / evaluation.num_atoms
    forces = evaluation.worst_forces()
    found = [shown.located.found.get(row) for row in shown.worst]
    pictured = any(item is not None and item.positions is not None for item in found)
    rows = []
    for row, item in zip(shown.worst, found, strict=True):
        name = _name(evaluation, row)
        rows.append(
            [
                element("td", name, element("div", _place(evaluation, row), class_="note")),
                *([_picture(item, name)] if pictured else []),
                _formula(evaluation, row),
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
    notes = list(shown.located.notes)
    if not pictured and any(item is not None for item in found):
        notes.append("The data have descriptors but no positions: there are no pictures.")
    return table(header, rows) + joined([element("p", text, class_="note") for text in notes])


def _name(evaluation: StoredEvaluation, row: int) -> str:
    """Returns a structure's name, or what tells it from others without one."""
    name = evaluation.names[row]
    return f"structure {row}" if name in NO_NAMES else name


def _place(evaluation: StoredEvaluation, row: int) -> str:
    """Returns file and record of a structure, from 0."""
    if evaluation.data is None:
        return ""
    file, record = evaluation.data.place(row)
    return f"{Path(file.path).name}, {record}"


def _formula(evaluation: StoredEvaluation, row: int) -> str:
    if evaluation.data is None:
        return ""
    return Species(evaluation.data.species).formula(evaluation.data.counts[row].tolist())


def _force(error: float) -> str:
    return significant(error) if np.isfinite(error) else ""


def _picture(item: Found | None, name: str) -> Content:
    if item is None or item.positions is None:
        return ""
    return image(picture(item.symbols, item.positions, item.cell), f"picture of {name}", "small")
