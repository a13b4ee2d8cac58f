"""Parameters of the descriptor."""

from dataclasses import dataclass
from typing import Any

from panna_exp.config.schema.choices import DescriptorBudget, DescriptorType, Generation
from panna_exp.config.schema.options import option

# Options that say which descriptor, or how its parameters are found; the others are parameters.
NO_PARAMETERS = ("type", "generation", "budget")


@dataclass
class DescriptorConfig:
    """The descriptor, in PANNA's keywords; lengths in angstrom, angles in degrees.

    BP has none of the keys that are null in ``conf/descriptor/bp.yaml``.

    Attributes:
        typed: Names of the options that the user typed, ``""`` where the whole group was chosen;
            not an option itself.
    """

    typed = frozenset[str]()

    type: DescriptorType = option(
        DescriptorType.mBP,
        "mBP, BP (choose descriptor=bp, which has its parameters) or auto (choose descriptor=auto: "
        "an mBP with numbers from the distances in data.train)",
    )
    budget: DescriptorBudget = option(
        DescriptorBudget.medium,
        "descriptor=auto: how many functions are chosen, small, medium or large",
    )
    generation: Generation | None = option(
        None, "mBP: formula C (present PANNA, LAMMPS; the default where it is computed), B or A"
    )
    eta_rad: Any = option(
        16.0, "radial Gaussian exponent, one, or one per centre (1/angstrom^2); BP: any number"
    )
    Rc_rad: float = option(4.6, "radial cutoff (angstrom)")
    Rs0_rad: float = option(0.5, "first radial centre (angstrom)")
    RsN_rad: int = option(16, "number of radial centres")
    Rsst_rad: float | None = option(None, "radial centre spacing (default: (Rc-Rs0)/RsN)")
    Rs_rad_list: list[float] | None = option(None, "radial centres, instead of Rs0, RsN, Rsst")
    eta_ang: Any = option(
        6.0, "angular Gaussian exponent, one, or one per centre (1/angstrom^2); BP: any number"
    )
    Rc_ang: float = option(3.1, "angular cutoff (angstrom)")
    Rs0_ang: float | None = option(0.5, "mBP: first angular centre (angstrom)")
    RsN_ang: int | None = option(4, "mBP: number of angular centres")
    Rsst_ang: float | None = option(None, "mBP: angular centre spacing (default: (Rc-Rs0)/RsN)")
    Rs_ang_list: list[float] | None = option(
        None, "mBP: angular centres, instead of Rs0, RsN, Rsst"
    )
    zeta: Any = option(50.0, "angular exponent, one, or one per angle; BP: any number")
    ThetasN: int | None = option(8, "mBP: number of angles")
    Thetas_list: list[float] | None = option(None, "mBP: angles in degrees, instead of ThetasN")
