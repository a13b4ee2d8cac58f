"""The quantities of a training and of an evaluation: one name each, with label, unit and column.

Programs (trackers, JSON, ``training.monitor``, ``sweep.metric``) use the names; people read label
and unit. While it trains the program counts in eV; ``factor`` leads from there to the unit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from panna_exp.units import GPA


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """One quantity.

    Args:
        name: E.g. ``energy_mae``.
        label: What people read, e.g. ``energy MAE``.
        unit: Of what people read; empty for losses.
        factor: By which a value in eV, or eV/angstrom, is multiplied.
        column: Of metrics.dat, as PANNA names it; empty where there is none.
    """

    name: str
    label: str
    unit: str = ""
    factor: float = 1.0
    column: str = ""

    @property
    def key(self) -> str:
        """Name with the unit, as JSON has it: ``energy_mae_mev_per_atom``."""
        return f"{self.name}_{_SUFFIXES[self.unit]}" if self.unit else self.name

    @property
    def title(self) -> str:
        """Label and unit."""
        return f"{self.label} ({self.unit})" if self.unit else self.label


_SUFFIXES = {"meV/atom": "mev_per_atom", "eV/A": "ev_per_angstrom", "GPa": "gpa"}
PER_ATOM, FORCE_UNIT, STRESS_UNIT = "meV/atom", "eV/A", "GPa"
_ALL = (
    Quantity(name="energy_mae", label="energy MAE", unit=PER_ATOM, factor=1000.0, column="MAE/at"),
    Quantity(
        name="energy_rmse", label="energy RMSE", unit=PER_ATOM, factor=1000.0, column="RMSE/at"
    ),
    Quantity(name="energy_max", label="largest energy error", unit=PER_ATOM, factor=1000.0),
    Quantity(
        name="constant_energy_mae",
        label="energy MAE of one energy per structure",
        unit=PER_ATOM,
        factor=1000.0,
    ),
    Quantity(
        name="constant_per_species_energy_mae",
        label="energy MAE of one energy per species",
        unit=PER_ATOM,
        factor=1000.0,
    ),
    Quantity(name="loss", label="loss", column="loss"),
    Quantity(name="energy_loss", label="energy loss", column="e_loss"),
    Quantity(name="penalty", label="penalty", column="reg_loss"),
    Quantity(name="force_mae", label="force MAE", unit=FORCE_UNIT, column="F_MAE"),
    Quantity(name="force_rmse", label="force RMSE", unit=FORCE_UNIT, column="F_RMSE"),
    Quantity(name="force_max", label="largest force error", unit=FORCE_UNIT),
    Quantity(name="force_loss", label="force loss", column="f_loss"),
    Quantity(name="stress_mae", label="stress MAE", unit=STRESS_UNIT, factor=1 / GPA),
    Quantity(name="stress_rmse", label="stress RMSE", unit=STRESS_UNIT, factor=1 / GPA),
    Quantity(
        name="virial_mae", label="virial MAE", unit=PER_ATOM, factor=1000.0, column="V_MAE/at"
    ),
    Quantity(name="virial_loss", label="virial loss", column="v_loss"),
)
QUANTITIES = {item.name: item for item in _ALL}
VALIDATION_PREFIX = "val_"  # of columns of metrics.dat
# What weights of structures count for, in the order of their three columns.
WEIGHTED = ("energy", "forces", "stress")


def with_units(values: Mapping[str, float]) -> dict[str, float]:
    """Returns values by the names that JSON has.

    Args:
        values: In the units that people read, by quantity.
    """
    return {QUANTITIES[name].key: value for name, value in values.items()}


def in_ev(values: Mapping[str, float]) -> dict[str, float]:
    """Returns values as trackers have them, in eV and eV/angstrom.

    Args:
        values: In the units that people read, by quantity.
    """
    return {name: value / QUANTITIES[name].factor for name, value in values.items()}
