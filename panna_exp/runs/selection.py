"""Chooses structures of a pool to label next: what ``panna-exp select`` does."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from rich.console import Console

from panna_exp.assembly.fingerprints import fingerprints
from panna_exp.assembly.potential import Potential
from panna_exp.assembly.prediction import predict
from panna_exp.data.selection import SelectBy, Selection, scaled, select
from panna_exp.data.structures import Floats, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from panna_exp.evaluation.selection_plot import write_selection_plot
from panna_exp.evaluation.tables import Table
from panna_exp.files import relative, replacing, user_path
from panna_exp.readers.unlabelled import read_unlabelled
from panna_exp.runs.evaluation import common_title
from panna_exp.runs.messages import messages_shown
from panna_exp.runs.prediction import calibrated_by, members_given, potential_given
from panna_exp.runs.progress import DescriptorDisplay
from panna_exp.writers import extxyz

_NEAR_COPY = 0.1
_SHOWN = 20  # rows of the table


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spreads:
    """How much a committee disagrees.

    Args:
        forces: [S] about an atom's force, at most (eV/angstrom).
        energy: [S] about the energy (eV/atom).
    """

    forces: Floats
    energy: Floats


def select_files(files: list[str], given: Mapping[str, str]) -> None:
    """Reads, chooses, writes structures and a plot, and prints a table.

    Args:
        files: With the pool.
        given: Keys of ``panna-exp select``; ``run_dir``, ``n`` and ``to`` are among them.

    Raises:
        PannaExpError, OSError: A potential or structures that cannot be read, one potential where
            a committee is needed, or a file that cannot be written.
    """
    by = SelectBy(given.get("by", SelectBy.BOTH))
    with messages_shown():
        members = members_given(given)
        if len(members) < 2 and by is not SelectBy.DIVERSITY:
            raise ConfigError(
                f"select: {given['run_dir']}: is one potential, and by={by} needs the spread of a "
                "committee: train one (training.seeds=[0,1,2]), or choose by=diversity"
            )
        potential = potential_given(members, given)
        pool = read_unlabelled(files, potential.species, Path.cwd())
        known = [given["known"]] if "known" in given else []
        labelled = [read_unlabelled([path], potential.species, Path.cwd()) for path in known]
        spreads = _spreads(potential, pool)
        features, others = scaled(
            fingerprints(potential, pool, DescriptorDisplay("comparing")),
            *(fingerprints(potential, item) for item in labelled),
        )
    of_energy = given.get("spread") == "energy"
    spread = None if spreads is None else spreads.energy if of_energy else spreads.forces
    found = select(
        features,
        int(given["n"]),
        by,
        spread=spread,
        known=others,
        nearest=float(given.get("distance", _NEAR_COPY)),
    )
    output = user_path(given["to"])
    _write(output, pool, found, spreads, potential)
    title = f"{common_title(members)}: {len(found.chosen)} of {len(pool)} structures, by {by}"
    _print_table(title, pool, found, spreads, potential.species)
    label = "energy (meV/atom)" if of_energy else "an atom's force, at most (eV/angstrom)"
    shown = None if spread is None else spread * (1000.0 if of_energy else 1.0)
    plot = output.with_suffix(".png")
    write_selection_plot(plot, features, others, found.chosen, shown, f"spread of {label}")
    if len(found.chosen) < int(given["n"]):
        print(f"the other {len(pool) - len(found.chosen)} structures are near copies (distance=)")
    if spreads is not None:
        print(calibrated_by(potential.spread_scale))
    print(f"structures: {relative(output)}, without labels\nplot: {relative(plot)}")


def _spreads(potential: Potential, pool: StructureSet) -> _Spreads | None:
    """Predicts the pool; None for one potential, which has no spread."""
    if len(potential) < 2:
        return None
    found = predict(potential, pool, DescriptorDisplay("predicting"))
    forces = found.largest_forces_std(pool.offsets)
    assert forces is not None
    assert found.energy_std is not None
    return _Spreads(forces=forces, energy=found.energy_std / pool.num_atoms)


def _write(
    path: Path,
    pool: StructureSet,
    found: Selection,
    spreads: _Spreads | None,
    potential: Potential,
) -> None:
    chosen = pool.select(found.chosen)
    # Predictions in their place would be taken for labels.
    bare = replace(
        chosen, energy=np.full(len(chosen), np.nan), forces=None, virial=None, weights=None
    )
    values = {}
    if spreads is not None:
        values["forces_spread"] = spreads.forces[found.chosen]
        values["energy_spread_per_atom"] = spreads.energy[found.chosen]
        scale = potential.spread_scale
        if scale is not None and scale.forces is not None:
            values["forces_spread_calibrated"] = scale.forces * values["forces_spread"]
        if scale is not None and scale.energy is not None:
            values["energy_spread_per_atom_calibrated"] = (
                scale.energy * values["energy_spread_per_atom"]
            )
    more = extxyz.Additions(values=values, texts={"selected_from": list(chosen.origins)})
    with replacing(path) as part:
        extxyz.write(part, bare, potential.species, lambda done, total: None, more)


def _print_table(
    title: str,
    pool: StructureSet,
    found: Selection,
    spreads: _Spreads | None,
    species: Species,
) -> None:
    chosen = found.chosen[:_SHOWN]
    formulas = [species.formula(row) for row in pool.counts(len(species))[chosen].tolist()]
    columns: list[list[str]] = [
        [pool.origins[index].rpartition("/")[2] for index in chosen],
        formulas,
    ]
    header = ["structure", "formula"]
    if spreads is not None:
        columns.append([f"{value:.3g}" for value in spreads.forces[chosen]])
        columns.append([f"{1000 * value:.3g}" for value in spreads.energy[chosen]])
        header += ["forces' spread\neV/angstrom", "energy's\nmeV/atom"]
    columns.append(["" if np.isnan(value) else f"{value:.2f}" for value in found.distances])
    more = len(found.chosen) - len(chosen)
    sys.stdout.flush()
    Table(
        title=title,
        header=[*header, "distance"],
        rows=list(zip(*(column[:_SHOWN] for column in columns), strict=True)),
        footer=[f"  and {more} more"] if more else [],
    ).print(Console())
