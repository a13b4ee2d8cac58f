"""What other programs call energies, forces, stresses and virials, and what each name may be.

A name is one of them if it has the quantity's word and otherwise words alone that say who made the
number (``REF_energy``, ``dft_forces``, ``PBE_total_energy``). Any other word makes it something
else, as in ``kinetic_energy`` or ``energy_per_atom``.
"""

import re
from collections.abc import Iterable
from enum import Enum


class Label(Enum):
    """A quantity to learn, or one that only looks like it."""

    ENERGY = "energy"
    FORCES = "forces"
    GRADIENT = "gradient"
    STRESS = "stress"
    VIRIAL = "virial"


_WORDS = {
    "energy": Label.ENERGY,
    "energies": Label.ENERGY,
    "etot": Label.ENERGY,
    "force": Label.FORCES,
    "forces": Label.FORCES,
    "gradient": Label.GRADIENT,
    "gradients": Label.GRADIENT,
    "stress": Label.STRESS,
    "stresses": Label.STRESS,
    "virial": Label.VIRIAL,
    "virials": Label.VIRIAL,
}
# Who made a number, or which of them it is, without making it another quantity.
_MAKERS = frozenset(
    """abacus ab aims aimd blyp b3lyp b97 castep cc ccsd ccsdt ccsd(t) cp2k d3 d4 dft dftb espresso
    fhi final free gap gaussian gpaw gpumd gfn gfn2 hf hse hse06 initio label labels lda mace
    mopac mp2 nequip orca pbe pbe0 pbesol psi4 pw qe qm r2scan ref reference revpbe scan scf siesta
    sp spice target targets teacher tot total true vasp wb97m wb97x wb97 xtb""".split()  # noqa: SIM905
)


def label_of(name: str) -> Label | None:
    """Returns what a number of this name is, None if it is none of them or more than one."""
    words = [word for word in re.split(r"[\s_\-.:]+", name.lower()) if word]
    found = {_WORDS[word] for word in words if word in _WORDS}
    others = [word for word in words if word not in _WORDS and word not in _MAKERS]
    return found.pop() if len(found) == 1 and not others else None


def named(names: Iterable[str], label: Label) -> list[str]:
    """Returns those of ``names`` that are called as the quantity is, in their order."""
    return [name for name in names if label_of(name) is label]
