"""What is in a data set, and what looks wrong in it, as a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.table import Table

from panna_exp.data.checks import (
    NET_FORCE,
    OUTLIER_FACTOR,
    ForceCheck,
    check_forces,
    duplicates,
    isolated_atoms,
)
from panna_exp.data.fit import ReferenceFit, fit_reference_energies
from panna_exp.data.structures import Ints, StructureSet
from panna_exp.elements import Species

# A slope of energies over forces further from 1 than this is a wrong unit or sign.
_SLOPE_TOLERANCE = 0.2
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
    """

    structures: StructureSet
    species: Species
    fit: ReferenceFit
    forces: ForceCheck | None
    doubled: Ints
    isolated: Ints

    @classmethod
    def of(cls, structures: StructureSet, species: Species) -> "DataSummary":
        """Looks through the data."""
        return cls(
            structures=structures,
            species=species,
            fit=fit_reference_energies(structures, len(species)),
            forces=check_forces(structures),
            doubled=duplicates(structures),
            isolated=isolated_atoms(structures),
        )

    def rows(self) -> list[tuple[str, str]]:
        """Returns what the table shows."""
        structures = self.structures
        sizes = structures.num_atoms
        totals = structures.counts(len(self.species)).sum(axis=0)
        per_atom = structures.energy / sizes
        rows = [
            ("structures", str(len(structures))),
            ("atoms", f"{sizes.sum()}, {sizes.min()} to {sizes.max()} a structure"),
            (
                "species",
                ", ".join(f"{s} {n}" for s, n in zip(self.species, totals, strict=True)),
            ),
            ("periodic", f"{int(structures.pbc.any(axis=1).sum())} structures"),
            ("energy", f"{per_atom.min():.6g} to {per_atom.max():.6g} eV/atom"),
            ("forces", self._forces()),
        ]
        if structures.descriptors is not None:
            rows.append(("descriptors", f"{structures.descriptors.shape[1]} components"))
        rows.append(("isolated atoms", self._named(self.isolated)))
        rows.append(("duplicates", self._named(self.doubled)))
        rows += self._odd_forces()
        rows.append(("fitted energies leave", self._residual()))
        return rows

    def render(self, console: Console) -> None:
        """Prints the table and the options to paste."""
        table = Table(show_header=False, title="Data", title_justify="left")
        for name, value in self.rows():
            table.add_row(name, value)
        console.print(table)
        for line in self.options():
            console.print(line, soft_wrap=True, markup=False, highlight=False)

    def options(self) -> list[str]:
        """Returns the options of a training on these data."""
        lines = [f"'data.species=[{','.join(self.species)}]'"]
        lines.append(f"{_energies(self.species, self.fit.energies)}  # least squares")
        own = self._isolated_energies()
        if own is not None:
            lines.append(f"{_energies(self.species, own)}  # the isolated atoms in the data")
        return lines

    def _isolated_energies(self) -> Sequence[float] | None:
        """Returns the energies of free atoms, if the data have one of each species."""
        found = {
            int(self.structures.species[self.structures.offsets[index]]): float(
                self.structures.energy[index]
            )
            for index in self.isolated[::-1]
        }
        known = [found.get(number) for number in range(len(self.species))]
        return None if None in known else [value for value in known if value is not None]

    def _forces(self) -> str:
        if self.forces is None:
            return "none"
        known, total = len(self.forces.with_forces), len(self.structures)
        part = "" if known == total else f", {known} of {total} structures"
        return f"{self.forces.smallest:.3g} to {self.forces.largest:.3g} eV/angstrom{part}"

    def _odd_forces(self) -> list[tuple[str, str]]:
        check = self.forces
        if check is None:
            return []
        rows = [
            ("forces all zero", self._named(check.zero)),
            (f"net force > {NET_FORCE:g} eV/A/atom", self._named(check.net)),
            (f"forces > {OUTLIER_FACTOR:g} x the usual", self._named(check.outliers)),
        ]
        if check.slope is not None:
            text = (
                f"slope {check.slope:.3f} over {check.num_pairs} consecutive structures, expected 1"
            )
            if abs(check.slope - 1) > _SLOPE_TOLERANCE:
                text += ": WRONG SIGN, UNIT OR KEY?"
            rows.append(("energies against forces", text))
        return rows

    def _residual(self) -> str:
        fit = self.fit
        worst = int(np.abs(fit.residual).argmax())
        text = f"{fit.rms:.4g} eV/atom RMS, at most {abs(fit.residual[worst]):.4g}"
        if abs(fit.residual[worst]) > _TENS_OF_EV:
            text += f": WRONG UNIT OR KEY? {self.structures.origins[worst]}"
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


def _energies(species: Species, values: Sequence[float] | np.ndarray) -> str:
    pairs = ", ".join(f"{s}: {float(v):.6f}" for s, v in zip(species, values, strict=True))
    return f"'data.reference_energies={{{pairs}}}'"
