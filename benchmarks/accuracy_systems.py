"""Public data with published errors, by which potentials of own data are measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_MLEARN = "Zuo et al., J. Phys. Chem. A 124, 731 (2020), <https://doi.org/10.1021/acs.jpca.9b08723>"
_ACE = (
    "Kovács et al., J. Chem. Theory Comput. 17, 7696 (2021), "
    "<https://doi.org/10.1021/acs.jctc.1c00647>"
)
_MACE = "MACE: Batatia et al., <https://arxiv.org/abs/2206.07697>"


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """Training and test data, and the errors of others on them.

    Args:
        title: With what the data are.
        train: File below the data folder.
        test: Likewise; None: every fifth structure of the training file is the test data, and the
            training has the others.
        per_atom: Whether energies are given per atom; of a whole structure otherwise.
        metric: What the errors are, ``mae`` or ``rmse``.
        published: Model: errors of energies (meV) and forces (meV/angstrom).
        source: Of these, and how far they compare.
    """

    title: str
    train: str
    test: str | None = None
    per_atom: bool = False
    metric: str = "mae"
    published: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    source: str = ""


SYSTEMS = {
    "silicon": System(
        title="Silicon, mlearn",
        train="mlearn/Si_training.extxyz",
        test="mlearn/Si_test.extxyz",
        per_atom=True,
        published={"BP": (5.63, 109), "GAP": (2.91, 70), "MTP": (2.21, 60)},
        source=_MLEARN,
    ),
    "lithium": System(
        title="Lithium, mlearn",
        train="mlearn/Li_training.extxyz",
        test="mlearn/Li_test.extxyz",
        per_atom=True,
        published={"BP": (0.75, 17), "GAP": (0.49, 10), "MTP": (0.49, 10)},
        source=_MLEARN,
    ),
    "ethanol": System(
        title="Ethanol, 1,000 configurations of rMD17",
        train="ethanol/train.xyz",
        test="ethanol/test_MD.xyz",
        published={"ANI": (7.7, 45.6), "GAP": (3.5, 18.1), "ACE": (1.2, 7.3), "MACE": (0.4, 2.1)},
        source=f"{_ACE}; {_MACE}",
    ),
    "3BPA": System(
        title="3BPA at 300 K, 500 configurations",
        train="bpa3/train_300K.xyz",
        metric="rmse",
    ),
}
