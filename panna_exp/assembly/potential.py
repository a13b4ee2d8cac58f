"""A trained potential as a function of positions: energies, forces and virials.

Shapes: M members of a committee (1 for a single potential), S structures, A atoms.
Units: eV, angstrom, eV/angstrom.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from panna_exp.assembly.descriptor import SAY_WHICH
from panna_exp.assembly.engines import potential_engine
from panna_exp.assembly.saved import SavedPotential, SpreadScale, check_alike
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.repulsion import PairRepulsion, RepulsionTerms
from panna_exp.elements import Species
from panna_exp.errors import DataError
from panna_exp.model.inference import energies_and_gradients
from panna_exp.model.networks import SpeciesNetworks


@dataclass(frozen=True, slots=True, kw_only=True)
class Computed:
    """What the members of a potential say.

    Args:
        atomic_energy: [M, A], with the free atoms' energies (eV).
        forces: [M, A, 3] (eV/angstrom).
        descriptors: [A, D] what the networks were given.
        strain_gradient: [M, S, 3, 3] derivative of the energy by strain (eV), the negative of the
            virial; None unless asked for.
    """

    atomic_energy: Tensor
    forces: Tensor
    descriptors: Tensor
    strain_gradient: Tensor | None


class _Rows(NamedTuple):
    """Atoms in the order in which the networks take them.

    Args:
        order: [A] sorted by species.
        places: [A] where each atom is in that order.
        counts: [T] atoms of each species.
        offsets: [M, A] the free atoms' energies (eV).
    """

    order: Tensor
    places: Tensor
    counts: list[int]
    offsets: Tensor


class Potential:
    """Networks with the descriptor that they take.

    Args:
        members: One potential, or several of one descriptor and species list: a committee.
        dtype: Precision of everything.
        device: Where to compute.
        descriptor: What the networks take, if they do not say.
        compiled: Use what numba compiles (see ``operator_of``): for thousands of calls.

    Attributes:
        spread_scale: Of a committee that was calibrated, else None.

    Raises:
        DataError: Members of different species or descriptors, or a descriptor that nothing names;
            by predictions, of structures with a species that the training never saw.
    """

    def __init__(
        self,
        members: Sequence[SavedPotential],
        dtype: torch.dtype = torch.float64,
        device: torch.device | str = "cpu",
        descriptor: Descriptor | None = None,
        *,
        compiled: bool = False,
    ) -> None:
        check_alike(members)
        first = members[0]
        info = first.descriptor if descriptor is None else descriptor
        if info.parameters is None:
            raise DataError(
                f"{first.label}: the formula of its {info} is not known: {SAY_WHICH}, "
                "and the parameters, or train on descriptors that do"
            )
        self.species = Species(first.symbols)
        self._saved = tuple(member for member in members if member.untrained)
        self.operator = operator_of(info.parameters, dtype, device, compiled=compiled)
        scales = {member.spread_scale for member in members}
        self.spread_scale: SpreadScale | None = None
        if len(members) > 1 and len(scales) == 1:  # those of one committee
            (self.spread_scale,) = scales
        self._rescale = [member.energy_rescale for member in members]
        on_cpu = self.operator.device.type == "cpu"
        self._members = [
            potential_engine(
                SpeciesNetworks(member.networks, dtype).to(self.operator.device),
                compiled and on_cpu,
            )
            for member in members
        ]
        self._offsets = torch.tensor(
            [member.offsets for member in members], dtype=torch.float64, device=device
        )
        self._repulsions = [
            None
            if member.repulsion is None
            else PairRepulsion(member.repulsion, self.operator.device)
            for member in members
        ]
        self._latest: tuple[Tensor, _Rows] | None = None

    def __len__(self) -> int:
        return len(self._members)

    def compute(self, structures: StructureSet, strain: bool = False) -> Computed:
        """Returns energies and forces of structures with positions."""
        return self.of_geometry(self.operator.geometry(structures), strain)

    @torch.no_grad()
    def of_geometry(self, geometry: Geometry, strain: bool = False) -> Computed:
        """Returns energies and forces for neighbour lists that are there already.

        Args:
            geometry: Of this potential's operator.
            strain: Whether to differentiate by strain as well.
        """
        rows = self._arranged(geometry)
        descriptors = self.operator.compute(geometry, then_vjp=True)
        ordered = descriptors.index_select(0, rows.order)
        energies, forces, strains = [], [], []
        for engine, rescale, offsets, repulsion in zip(
            self._members, self._rescale, rows.offsets, self._repulsions, strict=True
        ):
            found, by_input = energies_and_gradients(engine, ordered, rows.counts)
            energy = _in_ev(found.double(), rescale).index_select(0, rows.places) + offsets
            by_descriptor = _in_ev(by_input, rescale).index_select(0, rows.places)
            if strain:
                gradient, by_strain = self.operator.vjp_with_strain(geometry, by_descriptor)
                strains.append(by_strain)
            else:
                gradient = self.operator.vjp(geometry, by_descriptor)
            if repulsion is not None:
                added = _repelled(repulsion, geometry)
                energy += added.energy
                gradient += added.gradient
                if strain:
                    strains[-1] += added.strain
            energies.append(energy)
            forces.append(gradient.neg_())
        return Computed(
            atomic_energy=_stacked(energies),
            forces=_stacked(forces),
            descriptors=descriptors,
            strain_gradient=_stacked(strains) if strain else None,
        )

    @torch.no_grad()
    def atomic_energies(self, structures: StructureSet) -> Tensor:
        """Returns [M, A] energies with the free atoms' (eV), at a fraction of the forces' cost."""
        geometry = self.operator.geometry(structures)
        rows = self._arranged(geometry)
        ordered = self.operator.compute(geometry).index_select(0, rows.order)
        energies = []
        for engine, rescale, offsets, repulsion in zip(
            self._members, self._rescale, rows.offsets, self._repulsions, strict=True
        ):
            found = engine.forward(ordered, rows.counts).atom_energy
            energy = _in_ev(found.double(), rescale).index_select(0, rows.places) + offsets
            if repulsion is not None:
                energy += _repelled(repulsion, geometry).energy
            energies.append(energy)
        return torch.stack(energies)

    def _arranged(self, geometry: Geometry) -> _Rows:
        """Returns the order of the atoms (DataError: the network of a species is untrained)."""
        if self._latest is not None and self._latest[0] is geometry.species:
            return self._latest[1]  # of atoms that have moved
        order = torch.argsort(geometry.species, stable=True)
        counts = torch.bincount(geometry.species, minlength=len(self.species)).tolist()
        for member in self._saved:
            member.refuse_untrained(counts, "the structure")
        rows = _Rows(order, torch.argsort(order), counts, self._offsets[:, geometry.species])
        self._latest = geometry.species, rows
        return rows

    def energy(self, structures: StructureSet) -> float:
        """Returns the first member's energy of all structures together (eV)."""
        geometry = self.operator.geometry(structures)
        rows = self._arranged(geometry)
        descriptors = self.operator.compute(geometry).index_select(0, rows.order)
        found = self._members[0].forward(descriptors, rows.counts).atom_energy
        energy = float(found.double().sum()) / self._rescale[0]
        if self._repulsions[0] is not None:
            energy += float(_repelled(self._repulsions[0], geometry).energy.sum())
        return energy


def _repelled(repulsion: PairRepulsion, geometry: Geometry) -> RepulsionTerms:
    return repulsion(
        geometry.positions,
        geometry.species,
        geometry.center,
        geometry.neighbor,
        geometry.shift,
        geometry.structure,
        geometry.num_structures,
    )


def _stacked(members: Sequence[Tensor]) -> Tensor:
    """Returns [M, ...]; of a single member without a copy."""
    return members[0].unsqueeze(0) if len(members) == 1 else torch.stack(list(members))


def _in_ev(values: Tensor, rescale: float) -> Tensor:
    return values if rescale == 1 else values / rescale
