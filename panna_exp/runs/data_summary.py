"""What is in a data set, and what looks wrong in it, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from panna_exp.assembly.distances import shortest_distances
from panna_exp.assembly.references import source_of
from panna_exp.data.agreement import Agreement
from panna_exp.data.checks import (
    NET_FORCE,
    ODD_STRESS,
    OUTLIER_FACTOR,
    ForceCheck,
    check_forces,
    duplicates,
    isolated_atoms,
)
from panna_exp.data.fit import ReferenceFit, fit_reference_energies
from panna_exp.data.overlaps import overlapping
from panna_exp.data.reference import reference_energy
from panna_exp.data.stress_check import check_stress
from panna_exp.data.structures import Floats, Ints, StructureSet
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.runs.given_energies import energies_for

_TENS_OF_EV = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSummary:
    """Facts and findings about a data set.

    Args:
        structures: S structures.
        species: Their species list.
        fit: Reference energies by least squares.
        forces: What is odd about the forces, None without forces.
        doubled: Structures that are there twice.
        isolated: Structures of one free atom.
        given: Reference energies of the user (eV), None without.
    """

    structures: StructureSet
    species: Species
    fit: ReferenceFit
    forces: ForceCheck | None
    doubled: Ints
    isolated: Ints
    given: Sequence[float] | None = None

    @classmethod
    def of(
        cls, structures: StructureSet, species: Species, given: Mapping[str, float] | None = None
    ) -> "DataSummary":
        """Looks through the data.

        Args:
            structures: S structures.
            species: Their species list.
            given: Reference energies of the user by symbol (eV).

        Raises:
            ConfigError: One of the species has none.
        """
        return cls(
            structures=structures,
            species=species,
            fit=fit_reference_energies(structures, len(species)),
            forces=check_forces(structures),
            doubled=duplicates(structures),
            isolated=isolated_atoms(structures),
            given=None if given is None else energies_for(species, given),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Returns what the table shows."""
        structures = self.structures
        sizes = structures.num_atoms
        totals = structures.counts(len(self.species)).sum(axis=0)
        per_atom = structures.energy / sizes
        rows = [
            ("structures", str(len(structures))),
            ("atoms", f"{sizes.sum()}, {sizes.min()} to {sizes.max()} per structure"),
            (
                "species",
                ", ".join(f"{s} {n}" for s, n in zip(self.species, totals, strict=True)),
            ),
            ("compositions", self._compositions()),
            *self._types(),
            ("periodic", f"{int(structures.pbc.any(axis=1).sum())} structures"),
            ("energy", f"{per_atom.min():.6g} to {per_atom.max():.6g} eV/atom"),
            ("forces", self._forces()),
        ]
        if structures.virial is not None:
            rows.append(("stress", self._stress(structures.virial)))
            rows += self._odd_stress()
        if structures.descriptors is not None:
            rows.append(("descriptors", self._descriptors(structures.descriptors.shape[1])))
        rows += self._distances()
        rows.append(("isolated atoms", self._named(self.isolated)))
        rows.append(("duplicates", self._named(self.doubled)))
        rows += self._odd_forces()
        rows.append(("fitted energies leave", self._fitted()))
        if self.given is not None:
            left = structures.energy - reference_energy(structures, self.given)
            rows.append(("given energies leave", self._residual(left / sizes)))
        return rows

    def render(self, console: Console) -> None:
        """Prints the table."""
        table = Table(show_header=False, title="Data", title_justify="left")
        for name, value in self.rows():
            table.add_row(name, value)
        console.print(table)

    def options(self) -> list[str]:
        """Returns the options of a training on these data, to be pasted."""
        lines = [f"'data.species=[{','.join(self.species)}]'"]
        source = source_of(self.fit, self.species)
        lines.append(f"{_energies(self.species, self.fit.energies)}  # {source}")
        return lines

    def _compositions(self) -> str:
        """The most frequent ones, with how many structures have them."""
        table = self.structures.counts(len(self.species))
        kinds, counts = np.unique(table, axis=0, return_counts=True)
        names = [self.species.formula(row.tolist()) for row in kinds]
        return _most_frequent(names, counts)

    def _types(self) -> list[tuple[str, str]]:
        """What the file calls its structures."""
        if not len(self.structures.config_types):
            return []
        names, counts = np.unique(list(self.structures.config_types), return_counts=True)
        shown = [ascii(str(name))[1:-1] or "(none)" for name in names]
        return [("config_type", _most_frequent(shown, counts))]

    def _descriptors(self, width: int) -> str:
        derivatives = self.structures.derivatives
        if derivatives is None:
            return f"{width} components"
        return f"{width} components, {'sparse' if derivatives.sparse else 'dense'} derivatives"

    def _stress(self, virial: Floats) -> str:
        known = np.isfinite(virial).all(axis=(1, 2))
        volume = np.abs(np.linalg.det(self.structures.cell))
        periodic = known & (volume > 0)
        part = f"{int(known.sum())} of {len(self.structures)} structures"
        if not periodic.any():
            return f"virials of {part}"
        stress = -virial[periodic] / volume[periodic, None, None]
        text = f"{stress.min():.3g} to {stress.max():.3g} eV/angstrom^3, {part}"
        if float(np.median(np.abs(stress).max(axis=(1, 2)))) > ODD_STRESS:
            text += ": IN GPa OR kbar?"
        return text

    def _odd_stress(self) -> list[tuple[str, str]]:
        check = check_stress(self.structures)
        if check is None:
            return []
        return [("energies against stresses", _verdict(check, "stresses"))]

    def _distances(self) -> list[tuple[str, str]]:
        structures = self.structures
        same = next(overlapping(structures), None)
        rows = []
        if same is not None:
            structure, one, other, distance = same
            where = f"{structures.origins[structure]}, atoms {one} and {other}"
            rows.append(("atoms at one place", f"{distance:.3g} angstrom apart: {where}"))
        try:
            found = shortest_distances(structures, self.species)
        except DataError as error:
            return [*rows, ("shortest distances", f"NONE: {error}")]
        if found is not None:
            words = f"{found.words(self.species)} angstrom"
            rows.append(("shortest distances", f"{words}: {found.unit}" if found.unit else words))
        return rows

    def _forces(self) -> str:
        if self.forces is None:
            return "none"
        known, total = len(self.forces.with_forces), len(self.structures)
        part = "" if known == total else f", {known} of {total} structures"
        return f"{self.forces.smallest:.3g} to {self.forces.largest:.3g} eV/angstrom{part}"

    def _odd_forces(self) -> list[tuple[str, str]]:
        check, missing = self.forces, self.structures.zero_forces
        zero = f"{len(missing)}, first {missing[0]}: count as missing" if missing else ""
        if check is None:
            return [("forces all zero", zero)] if zero else []
        rows = [
            ("forces all zero", zero or self._named(check.zero)),
            (f"net force > {NET_FORCE:g} eV/A/atom", self._named(check.net)),
            (f"forces > {OUTLIER_FACTOR:g} x the usual", self._named(check.outliers)),
        ]
        if check.agreement is not None:
            rows.append(("energies against forces", _verdict(check.agreement, "forces")))
        return rows

    def _residual(self, left: Floats) -> str:
        """What energies leave of those of the structures, [S] (eV/atom)."""
        worst = int(np.abs(left).argmax())
        rms = float(np.sqrt(np.mean(left**2)))
        text = f"{rms:.4g} eV/atom RMS, at most {abs(left[worst]):.4g}"
        if abs(left[worst]) > _TENS_OF_EV:
            text += f": WRONG UNIT OR KEY? {self.structures.origins[worst]}"
        return text

    def _fitted(self) -> str:
        fit = self.fit
        text = self._residual(fit.residual)
        if not fit.is_determined:
            text += (
                f"; compositions determine {fit.rank} of {fit.num_present} energies: use them only "
                "for such compositions"
            )
        return text

    def _named(self, indices: Ints) -> str:
        if not len(indices):
            return "none"
        return f"{len(indices)}, first {self.structures.origins[int(indices[0])]}"


def _most_frequent(names: Sequence[str], counts: Ints, most: int = 6) -> str:
    order = np.argsort(-counts, kind="stable")
    shown = ", ".join(f"{names[index]} {counts[index]}" for index in order[:most].tolist())
    return shown + (f" and {len(order) - most} others" if len(order) > most else "")


def _verdict(found: Agreement, label: str) -> str:
    """What energy differences say of labels, for data where that is certain."""
    if found.agrees:
        return f"agree (slope {found.slope:.3f} over {found.num_pairs} pairs of structures)"
    return f"WRONG UNIT OR SIGN: {found.mistake(label)} (slope {found.slope:.3g}, expected 1)"


def _energies(species: Species, values: Sequence[float] | np.ndarray) -> str:
    pairs = ", ".join(f"{s}: {float(v):.6f}" for s, v in zip(species, values, strict=True))
    return f"'data.reference_energies={{{pairs}}}'"
