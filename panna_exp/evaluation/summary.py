"""The result of an evaluation: errors, the constant predictors beside them, and what to make of it.

Every summary has the errors of predictors that ignore the geometry (see constant.py), and says in
plain words when the potential is no better than those.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from panna_exp.evaluation.committee import ENERGY, FORCES, Calibration, calibration
from panna_exp.evaluation.constant import ConstantPredictor
from panna_exp.evaluation.errors import (
    EnergyErrors,
    ForceErrors,
    StressErrors,
    by_composition,
    composition_rows,
    force_errors,
    stress_errors,
    zero_force_errors,
)
from panna_exp.evaluation.predictions import Predictions
from panna_exp.evaluation.tables import Table
from panna_exp.files import write_text_atomic
from panna_exp.output import escaped

if TYPE_CHECKING:
    from rich.console import Console

# A network whose energies vary this much less than the reference's predicts a constant.
_NO_SPREAD = 0.01
_MAX_ROWS = 20
_STATISTICS = ("MAE", "RMSE", "max")


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """All numbers of an evaluation.

    Args:
        energy: Over all structures.
        worst: Name (or number) of the structure with the largest error per atom.
        compositions: By formula, the most frequent first.
        constant: Of the same residual energy for every structure.
        per_species: Of the same residual energy for every atom of a species.
        fitted_on: What the last two were fitted on.
        forces: For ``all`` atoms and by species; empty without forces.
        zero_forces: Of forces that are all zero; None without forces.
        stress: None where the data have none, or they are not predicted.
        zero_stress: Of stresses that are all zero; None likewise.
        uncertainty: Of a committee: how spreads compare with errors; empty for one potential.
        warnings: Plain sentences.
    """

    energy: EnergyErrors
    worst: str
    compositions: dict[str, EnergyErrors]
    constant: EnergyErrors
    per_species: EnergyErrors
    fitted_on: str
    forces: dict[str, ForceErrors]
    zero_forces: ForceErrors | None
    stress: StressErrors | None
    zero_stress: StressErrors | None
    uncertainty: dict[str, Calibration]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """Returns the numbers as JSON types; units are in the keys, null is not a number."""
        names = {
            "constant": "constant_per_structure",
            "per_species": "constant_per_species",
            "fitted_on": "constants_fitted_on",
        }
        return {names.get(key, key): _finite(value) for key, value in asdict(self).items()}

    def write_json(self, path: Path, facts: Mapping[str, Any] | None = None) -> None:
        """Writes ``facts`` and :meth:`to_json`; the file appears whole or not at all."""
        values = {**(facts or {}), **self.to_json()}
        write_text_atomic(path, json.dumps(values, indent=2, allow_nan=False) + "\n")

    def render(self, console: "Console") -> None:
        """Prints tables to a terminal, aligned plain text to anything else; warnings last."""
        self._energy_table().print(console)
        if self.forces:
            self._force_table().print(console)
        if self.stress is not None:
            self._stress_table().print(console)
        if self.uncertainty:
            self._uncertainty_table().print(console)
        for warning in self.warnings:
            console.print(f"Warning: {warning}", markup=False, highlight=False, soft_wrap=True)

    def _energy_table(self) -> Table:
        rows = [_energy_row("all", self.energy)]
        shown = list(self.compositions.items())[:_MAX_ROWS]
        if len(self.compositions) > 1:
            rows += [_energy_row(f"  {formula}", errors) for formula, errors in shown]
        rows += [
            _energy_row("constant/structure", self.constant),
            _energy_row("constant/species", self.per_species),
        ]
        footer = [
            "Constant predictors: free atoms plus one energy for every structure, or one for every "
            f"atom of a species; fitted on the {self.fitted_on}.",
            f"Largest error per atom: {escaped(self.worst)}.",
        ]
        if len(self.compositions) > len(shown):
            footer.append(f"{len(self.compositions) - len(shown)} more compositions are not shown.")
        per_atom = (f"{name}\nmeV/atom" for name in _STATISTICS)
        return Table(
            title="Energy errors",
            header=("", "structures", *per_atom, "MAE\neV"),
            rows=rows,
            footer=footer,
        )

    def _force_table(self) -> Table:
        rows = [
            (name, str(item.atoms), *(f"{value:.4f}" for value in _force_values(item)))
            for name, item in [*self.forces.items(), ("zero forces", self.zero_forces)]
            if item is not None
        ]
        header = ("", "atoms", *_STATISTICS)
        return Table(title="Force component errors (eV/angstrom)", header=header, rows=rows)

    def _stress_table(self) -> Table:
        rows = [
            (name, str(item.structures), *(f"{v:.4f}" for v in _stress_values(item)))
            for name, item in (("all", self.stress), ("zero stress", self.zero_stress))
            if item is not None
        ]
        header = ("", "structures", *_STATISTICS)
        return Table(title="Stress component errors (GPa)", header=header, rows=rows)

    def _uncertainty_table(self) -> Table:
        labels = {
            ENERGY: "energy (meV/atom)",
            FORCES: "forces (eV/angstrom)",
        }
        rows = []
        for name, item in self.uncertainty.items():
            others = (
                *(item.error_over_spread, item.rank_correlation),
                *(item.miscalibration, item.miscalibration_scaled),
            )
            shown = ["-" if value is None else f"{value:.2f}" for value in others]
            rows.append((labels[name], str(item.values), f"{item.mean_spread:.4g}", *shown))
        return Table(
            title="Spread of the committee's members beside its errors",
            header=(
                *("", "values", "mean\nspread", "RMS error /\nRMS spread", "rank\ncorrelation"),
                *("miscali-\nbration", "scaled by\nthe ratio"),
            ),
            rows=rows,
            footer=[
                "Ratios above 1: errors are larger than the spread says, see the plot. "
                "Miscalibration, 0 to 0.5: by how much",
                "the fraction of errors within a confidence interval differs from its level, on "
                "average over levels.",
            ],
        )


def summarize(predictions: Predictions, baseline: ConstantPredictor | None = None) -> Summary:
    """Computes the summary of at least one structure.

    Args:
        predictions: S structures.
        baseline: Constant predictors fitted on the training data; without it they are fitted on
            the evaluated data, which flatters them.
    """
    fixed = (predictions.counts, predictions.reference_energies)
    if baseline is None:
        baseline = ConstantPredictor.fit(
            fixed[0], predictions.reference, fixed[1], "evaluated data"
        )
    sizes = predictions.num_atoms
    stresses = stress_errors(predictions) or (None, None)
    energy = EnergyErrors.of(predictions.error, sizes)
    constants = [
        EnergyErrors.of(predicted - predictions.reference, sizes)
        for predicted in (baseline.constant_energy(*fixed), baseline.per_species_energy(*fixed))
    ]
    worst = int(np.argmax(np.abs(predictions.error / sizes)))
    return Summary(
        energy=energy,
        worst=predictions.names[worst] or f"structure {worst}",
        compositions=by_composition(predictions),
        constant=constants[0],
        per_species=constants[1],
        fitted_on=baseline.fitted_on,
        forces=force_errors(predictions),
        zero_forces=zero_force_errors(predictions),
        stress=stresses[0],
        zero_stress=stresses[1],
        uncertainty=calibration(predictions),
        warnings=_warnings(predictions, energy, constants, baseline),
    )


def _warnings(
    predictions: Predictions,
    energy: EnergyErrors,
    constants: list[EnergyErrors],
    baseline: ConstantPredictor,
) -> list[str]:
    wrong = int((~np.isfinite(predictions.energy)).sum())
    if wrong:
        return [f"{wrong} of {len(predictions)} predicted energies are not finite numbers."]
    warnings = []
    spread = _spreads(predictions)
    if spread is not None and spread[0] < _NO_SPREAD * spread[1]:
        warnings.append(
            "the network predicts a constant: among structures of the same composition its "
            f"energies vary by {spread[0]:.2g} meV/atom, those of the data by {spread[1]:.2g}."
        )
    best = min(item.mae_mev_per_atom for item in constants)
    if baseline.decisive and energy.mae_mev_per_atom >= best:
        warnings.append(
            f"the network is no better than a constant: its MAE is {energy.mae_mev_per_atom:.3g} "
            f"meV/atom, that of a constant predictor {best:.3g}."
        )
    return warnings


def _spreads(predictions: Predictions) -> tuple[float, float] | None:
    """Standard deviations (meV/atom) within compositions, predicted and of the data.

    Within, because a network that ignores its input still tells compositions apart. None where no
    composition has two structures of different energy.
    """
    squares = np.zeros(2)
    for rows in composition_rows(predictions.formulas).values():
        for index, energies in enumerate((predictions.energy, predictions.reference)):
            # Relative to one of them first: variances of total energies lose digits.
            relative = (energies[rows] - energies[rows[0]]) / predictions.num_atoms[rows[0]]
            squares[index] += ((relative - relative.mean()) ** 2).sum()
    predicted, reference = (1000.0 * np.sqrt(squares / len(predictions))).tolist()
    return (predicted, reference) if reference > 0 else None


def _energy_row(name: str, errors: EnergyErrors) -> tuple[str, ...]:
    per_atom = (errors.mae_mev_per_atom, errors.rmse_mev_per_atom, errors.max_mev_per_atom)
    return (
        name,
        str(errors.structures),
        *(f"{value:.2f}" for value in per_atom),
        f"{errors.mae_ev:.4f}",
    )


def _force_values(errors: ForceErrors) -> tuple[float, float, float]:
    return errors.mae_ev_per_angstrom, errors.rmse_ev_per_angstrom, errors.max_ev_per_angstrom


def _stress_values(errors: StressErrors) -> tuple[float, float, float]:
    return errors.mae_gpa, errors.rmse_gpa, errors.max_gpa


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
