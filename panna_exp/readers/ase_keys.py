"""Which of the numbers that ASE gives are a structure's energy, forces and virial.

The user's key, else ASE's own name, else the only one that is called so
(:mod:`panna_exp.readers.label_names`), which is said; two such are an error that names both.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from panna_exp.data.structures import Floats
from panna_exp.errors import DataError, closest
from panna_exp.readers.ase_values import Values, listed
from panna_exp.readers.label_names import Label, label_of, named

logger = logging.getLogger(__name__)

_OPTIONS = {
    Label.ENERGY: "data.energy_key (--energy-key)",
    Label.FORCES: "data.forces_key (--forces-key)",
    Label.STRESS: "data.stress_key (--stress-key)",
    Label.VIRIAL: "data.virial_key (--virial-key)",
}
# The names that ASE, and programs that write for it, give; beside them others count for nothing.
_OWN = {
    Label.ENERGY: ("energy",),
    Label.FORCES: ("forces",),
    Label.STRESS: ("stress",),
    Label.VIRIAL: ("virial", "virials"),
}


@dataclass(slots=True, kw_only=True)
class Keys:
    """The keys that the user named, None: ASE's own, and what was found in a file so far.

    Args:
        energy: Of energies.
        forces: Of forces.
        stress: Of stresses, (1/V) dE/dstrain.
        virial: Of virials, minus the stress times the volume.
    """

    energy: str | None = None
    forces: str | None = None
    stress: str | None = None
    virial: str | None = None
    _taken: dict[Label, str] = field(default_factory=dict)
    _counts: dict[Label, int] = field(default_factory=dict)
    _others: dict[str, None] = field(default_factory=dict)
    _matrices: dict[str, None] = field(default_factory=dict)

    def energy_of(self, values: Values) -> float:
        """Returns the energy (DataError: there is none by that key, or two may be it)."""
        found = self._key(Label.ENERGY, self.energy, values.energies, values.origin)
        if found is not None:
            self._note_another(found, values)
            return values.energies[found]
        known = listed(values.energies)
        if self.energy is None:
            raise DataError(
                f"{values.origin}: has no energy for ASE, but {known}: name the one that is the "
                "total energy with data.energy_key (--energy-key)"
                if values.energies
                else f"{values.origin}: has no energy"
            )
        raise DataError(
            f"{values.origin}: has no energy '{self.energy}' (data.energy_key, --energy-key), it "
            f"has {known}{closest(self.energy, values.energies)}"
        )

    def forces_of(self, values: Values) -> Floats | None:
        """Returns the forces [A, 3], None if the structure has none (DataError: two may be)."""
        found = self._key(Label.FORCES, self.forces, values.vectors, values.origin)
        if found is None:
            self._others |= dict.fromkeys(values.vectors)
            return None
        return values.vectors[found]

    def virial_of(self, values: Values, stress_factor: float) -> Floats | None:
        """Returns the virial [3, 3] from a stress, a virial or both, None without.

        Args:
            values: Of the structure.
            stress_factor: Energy and length units of the file in its unit of stress.

        Raises:
            DataError: Both are there and say different things, so that a unit or a sign is wrong;
                or two numbers may be it.
        """
        found = []
        if self.stress is None or self.virial is not None:
            virial = self._key(Label.VIRIAL, self.virial, values.matrices, values.origin)
            if virial is not None:
                found.append(values.matrix(virial))
        if self.virial is None or self.stress is not None:
            stress = self._key(Label.STRESS, self.stress, values.matrices, values.origin)
            if stress is not None and values.volume is not None:
                found.append(-values.matrix(stress) * stress_factor * values.volume)
        if not found:
            self._matrices |= dict.fromkeys(values.matrices)
            return None
        if len(found) > 1 and not np.allclose(found[0], found[1], rtol=1e-3, atol=1e-4):
            raise DataError(
                f"{values.origin}: its virial and its stress contradict each other: expected "
                "virial = -stress x volume, in eV and eV/angstrom^3: correct the file, name one of "
                "them (data.virial_key or data.stress_key, --virial-key or --stress-key), or leave "
                "both out (training.virial_cost=0, --virials none)"
            )
        return found[0]

    def finish(self, path: str, virials: bool) -> None:
        """After the last structure: names what was not read, refuses a key that nobody has.

        Args:
            path: The file.
            virials: Whether stresses and virials were asked for.
        """
        self._say_taken(path)
        if not self._counts.get(Label.FORCES):
            self._no_forces(path)
        if not virials:
            return
        for label, key in ((Label.STRESS, self.stress), (Label.VIRIAL, self.virial)):
            if key is not None and not self._counts.get(label):
                raise DataError(
                    f"{path}: no structure has '{key}' ({_OPTIONS[label]}) of 6 or 9 numbers, they "
                    f"have {listed(self._matrices)}{closest(key, self._matrices)}"
                )
        if self._matrices and not self._counts.keys() & {Label.STRESS, Label.VIRIAL}:
            logger.warning(
                "%s: no stresses are read; it has %s of 6 or 9 numbers: name the one that is the "
                "stress with data.stress_key (--stress-key), or the virial with data.virial_key "
                "(--virial-key)",
                path,
                listed(self._matrices),
            )

    def _key(
        self, label: Label, given: str | None, known: Mapping[str, object], origin: str
    ) -> str | None:
        """Returns the name of a quantity that a structure has it by, None if it has none."""
        wanted = _OWN[label] if given is None else (given,)
        found = next((name for name in wanted if name in known), None)
        if found is None and given is None:
            found = _only(label, known, origin)
        if found is None:
            return None
        before = self._taken.setdefault(label, found)
        if before != found:
            raise DataError(
                f"{origin}: has '{found}', but the structures before it have '{before}': name the "
                f"one that is the {label.value} with {_OPTIONS[label]}"
            )
        self._counts[label] = self._counts.get(label, 0) + 1
        return found

    def _note_another(self, taken: str, values: Values) -> None:
        """Says where ASE's energy is taken and another one beside it is not the same."""
        if self.energy is not None or taken != "energy":
            return
        for name in named(values.energies, Label.ENERGY):
            differs = abs(values.energies[name] - values.energies[taken]) > 1e-6
            # Of programs with smearing both are there, and the forces belong to the free energy.
            if differs and name not in ("free_energy", taken) and name not in self._others:
                self._others[name] = None
                logger.warning(
                    "%s: its '%s' is taken, but '%s' is another number: name the one that is the "
                    "total energy with %s",
                    values.origin,
                    taken,
                    name,
                    _OPTIONS[Label.ENERGY],
                )

    def _say_taken(self, path: str) -> None:
        given = (self.energy, self.forces, self.stress, self.virial)
        for label, name in self._taken.items():
            if name in _OWN[label] or name in given:
                continue
            logger.warning(
                "%s: '%s' is taken as the %s: name another one with %s",
                path,
                name,
                label.value,
                _OPTIONS[label],
            )

    def _no_forces(self, path: str) -> None:
        vectors = [name for name in self._others if label_of(name) is not Label.ENERGY]
        if self.forces is not None:
            raise DataError(
                f"{path}: no structure has forces '{self.forces}' (data.forces_key, --forces-key), "
                f"they have {listed(vectors)}{closest(self.forces, vectors)}"
            )
        if vectors:
            gradients = named(vectors, Label.GRADIENT)
            also = " and data.forces_sign=-1 (--forces-sign -1) for a gradient" * bool(gradients)
            logger.warning(
                "%s: no forces are read; it has %s: name the one that is the forces with "
                "data.forces_key (--forces-key)%s",
                path,
                listed(vectors),
                also,
            )


def _only(label: Label, known: Mapping[str, object], origin: str) -> str | None:
    """Returns the one name that is called so, None without (DataError: two are)."""
    names = named(known, label)
    if len(names) > 1:
        raise DataError(
            f"{origin}: '{names[0]}' and '{names[1]}' may both be the {label.value}: name one with "
            f"{_OPTIONS[label]}"
        )
    return names[0] if names else None
