"""What descriptors of two- and three-body terms have in common: everything but the terms.

Values of whole batches of structures, and both products of their Jacobian.

Shapes: A atoms, P directed pairs, Q triples, T species, U = T (T + 1) / 2 pairs of species,
D components: T blocks of Nr radial ones, then U blocks of N angular ones.
Units: angstrom.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.derivatives import Derivatives
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.geometry import Geometry, build_geometry
from panna_exp.descriptors.info import Parameters
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.descriptors.radial import RadialTerms
from panna_exp.descriptors.rows import chunks, exact_products, row_of_items, sum_rows
from panna_exp.descriptors.triples import TripleTerms, dot, pair_table

# Triples (and pairs) worked on at a time. On a CPU their arrays then stay in the cache, which is
# up to 3 times faster for large cells; a GPU wants fewer, larger pieces.
CPU_CHUNK = 8_000
GPU_CHUNK = 500_000
# Numbers of several structures' dense Jacobians at a time.
_DENSE_NUMBERS = 10_000_000


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Distance [P] and unit vector [3, P] from centre to neighbour."""

    distance: Tensor
    direction: Tensor


class Operator:
    """A descriptor as a function of positions, of terms that a subclass gives it.

    Args:
        parameters: The descriptor's parameters.
        angular: Three-body terms.
        dtype: float32 or float64, as of the terms.
        device: Where to compute, that of the terms.
        chunk: Triples to work on at a time, which bounds the memory; None: a good number.
        cutoff_opposite: Triples whose ends are this far apart are left out; None: none are.
    """

    def __init__(
        self,
        parameters: Parameters,
        angular: TripleTerms,
        dtype: torch.dtype,
        device: torch.device,
        chunk: int | None,
        cutoff_opposite: float | None = None,
    ) -> None:
        self.dtype = dtype
        self.device = device
        self.num_species = len(parameters.species)
        self.num_pairs = parameters.num_pairs
        self.chunk = chunk or (CPU_CHUNK if device.type == "cpu" else GPU_CHUNK)
        self.radial = RadialTerms(parameters, dtype, device)
        self.angular = angular
        multiplicity = torch.tensor(parameters.multiplicity, dtype=dtype, device=device)
        self.multiplicity = multiplicity.repeat_interleave(angular.size)  # [U N]
        self._sizes = (parameters.radial_size, parameters.size)
        self._cutoffs = (parameters.cutoff_radial, parameters.cutoff_angular)
        self._cutoff_opposite = cutoff_opposite

    @property
    def size(self) -> int:
        """D, the number of components."""
        return self._sizes[1]

    def geometry(self, structures: StructureSet, skin: float = 0.0) -> Geometry:
        """Finds the neighbours of each atom; raises DataError as ``build_geometry`` does.

        Args:
            structures: With positions.
            skin: Added to every cutoff, for lists that hold until an atom has moved half of it.
        """
        return build_geometry(
            structures,
            self.num_species,
            self._cutoffs[0] + skin,
            self._cutoffs[1] + skin,
            self.device,
            None if self._cutoff_opposite is None else self._cutoff_opposite + skin,
        )

    @torch.no_grad()
    def compute(self, geometry: Geometry, then_vjp: bool = False) -> Tensor:
        """Returns the descriptors [A, D] in the order of the geometry's atoms.

        ``then_vjp`` says that :meth:`vjp` of the same geometry comes next, which some
        implementations make use of.
        """
        result = self._empty(geometry)
        pairs = self._pairs(geometry)
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                values = self.radial.values(pairs.distance[chosen])
                self._put_radial(result, values, geometry, atoms)
            table = self._table(pairs, derivatives=False)
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                values = self.angular.values(table, geometry.first[chosen], geometry.second[chosen])
                self._put_angular(result, values, geometry, atoms)
        return result

    @torch.no_grad()
    def vjp(self, geometry: Geometry, v: Tensor, then_jvp: bool = False) -> Tensor:
        """Returns J^T v [A, 3], the gradient of sum(v * G) with respect to the positions.

        With ``v`` [A, D] the derivative of the energy by the descriptors, forces are its negative.
        An atom moves together with all its images. ``then_jvp`` says that :meth:`jvp` of the same
        geometry comes next, which some implementations make use of.
        """
        return self._to_atoms(geometry, self._pair_gradient(geometry, self._pairs(geometry), v))

    @torch.no_grad()
    def vjp_with_strain(
        self, geometry: Geometry, v: Tensor, then_jvp: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Returns :meth:`vjp` and the gradient of sum(v * G) with respect to strain [S, 3, 3].

        A strain e moves every vector r to r + r e; the virial is the negative of the gradient.
        """
        pairs = self._pairs(geometry)
        gradient = self._pair_gradient(geometry, pairs, v)
        vectors = pairs.direction * pairs.distance
        products = (vectors[:, None] * gradient[None]).view(9, -1).t()
        strain = products.new_zeros(geometry.num_structures, 9)
        strain.index_add_(0, geometry.structure.index_select(0, geometry.center), products)
        return self._to_atoms(geometry, gradient), strain.view(-1, 3, 3)

    @torch.no_grad()
    def jvp(self, geometry: Geometry, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D], the change of the descriptors when the atoms move by ``u`` [A, 3].

        With a ``strain`` e [S, 3, 3] every vector r of a structure moves by r e as well.
        """
        result = self._empty(geometry)
        pairs = self._pairs(geometry)
        displacement = u.to(self.dtype)
        change = (
            displacement.index_select(0, geometry.neighbor)
            - displacement.index_select(0, geometry.center)
        ).t()
        if strain is not None:
            change = change + self._strained(geometry, pairs, strain)
        dr = dot(pairs.direction, change)
        dn = (change - pairs.direction * dr) / pairs.distance
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                values = self.radial.derivatives(pairs.distance[chosen]).mul_(dr[chosen, None])
                self._put_radial(result, values, geometry, atoms)
            table = self._table(pairs, derivatives=True)
            changes = torch.cat([dr[None], dn])  # [4, P]
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                values = self.angular.jvp(
                    table, geometry.first[chosen], geometry.second[chosen], changes
                )
                self._put_angular(result, values, geometry, atoms)
        return result

    def _strained(self, geometry: Geometry, pairs: _Pairs, strain: Tensor) -> Tensor:
        """Returns [3, P], how each pair's vector changes with the strain of its structure."""
        owner = geometry.structure.index_select(0, geometry.center)
        vectors = (pairs.direction * pairs.distance).t()[:, None, :]
        return torch.bmm(vectors, strain.to(self.dtype).index_select(0, owner))[:, 0].t()

    def jacobian(self, geometry: Geometry) -> Tensor:
        """Returns J [A, D, A, 3] itself, for small structures: it has 3 A^2 D numbers."""
        num_atoms = len(geometry.positions)
        unit = torch.eye(3 * num_atoms, dtype=self.dtype, device=self.device)
        columns = [self.jvp(geometry, row.view(num_atoms, 3)) for row in unit]
        return torch.stack(columns, dim=-1).view(num_atoms, self.size, num_atoms, 3)

    def sparse_jacobians(self, structures: StructureSet) -> Derivatives:
        """Returns the Jacobian of each structure without its exact zeros."""
        return self.neighbor_jacobians(structures).as_sparse()

    def neighbor_jacobians(
        self, structures: StructureSet, negligible: float = 0.0
    ) -> NeighborDerivatives:
        """Returns the Jacobian of each structure by the neighbours of its atoms.

        Args:
            structures: With positions.
            negligible: Neighbours without a larger derivative (1/angstrom) are left out.
        """
        matrices: list[NDArray[Any]] = []
        widest = 3 * int(structures.num_atoms.max()) * self.size
        for some, _ in chunks(structures.offsets, max(1, _DENSE_NUMBERS // widest)):
            part = structures.select(np.arange(some.start, some.stop))
            matrices += self._few_jacobians(part)
        return NeighborDerivatives.from_dense(matrices, negligible)

    def _few_jacobians(self, structures: StructureSet) -> list[NDArray[Any]]:
        """All structures at once: the same atom of each moves, and none feels another's."""
        geometry = self.geometry(structures)
        most = int(structures.num_atoms.max())
        own = torch.from_numpy(np.arange(len(structures.species))).to(self.device)
        own -= torch.from_numpy(structures.offsets).to(self.device)[geometry.structure]
        columns = []
        for atom in range(most):
            for axis in range(3):
                u = torch.zeros_like(geometry.positions, dtype=self.dtype)
                u[:, axis] = own == atom
                columns.append(self.jvp(geometry, u))
        stacked = torch.stack(columns, dim=-1).view(len(own), self.size, most, 3).cpu().numpy()
        return [
            stacked[start:stop, :, : stop - start]
            for start, stop in pairwise(structures.offsets.tolist())
        ]

    def _pair_gradient(self, geometry: Geometry, pairs: _Pairs, v: Tensor) -> Tensor:
        """Returns [3, P], the gradient of sum(v * G) with respect to each pair's vector."""
        weight = v.to(self.dtype)
        radial = weight[:, : self._sizes[0]]
        angular = weight[:, self._sizes[0] :]
        along = torch.empty_like(pairs.distance)
        by_direction = torch.zeros_like(pairs.direction)
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                derivatives = self.radial.derivatives(pairs.distance[chosen])
                rows = row_of_items(geometry.pair_rows, self.num_species, atoms, len(derivatives))
                weights = radial[atoms].reshape(-1, self.radial.num_centers)
                derivatives.mul_(weights.index_select(0, rows))
                along[chosen] = derivatives.sum(1)
            table = self._table(pairs, derivatives=True)
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                first, second = geometry.first[chosen], geometry.second[chosen]
                rows = row_of_items(geometry.triple_rows, self.num_pairs, atoms, len(first))
                weights = (angular[atoms] * self.multiplicity).view(-1, self.angular.size)
                by = self.angular.vjp(table, first, second, weights.index_select(0, rows))
                along.scatter_add_(0, first, by.first).scatter_add_(0, second, by.second)
                for axis in range(3):
                    by_direction[axis].scatter_add_(0, first, by.cosine * by.second_direction[axis])
                    by_direction[axis].scatter_add_(0, second, by.cosine * by.first_direction[axis])
        # d(unit vector)/d(vector) = (1 - n n^T) / r
        across = by_direction - pairs.direction * dot(pairs.direction, by_direction)
        return pairs.direction * along + across / pairs.distance

    def _to_atoms(self, geometry: Geometry, gradient: Tensor) -> Tensor:
        result = gradient.new_zeros(3, len(geometry.positions))
        for axis in range(3):
            result[axis].scatter_add_(0, geometry.neighbor, gradient[axis])
            result[axis].scatter_add_(0, geometry.center, -gradient[axis])
        return result.t().contiguous()

    def _empty(self, geometry: Geometry) -> Tensor:
        shape = (len(geometry.positions), self.size)
        return torch.empty(shape, dtype=self.dtype, device=self.device)

    def _pairs(self, geometry: Geometry) -> _Pairs:
        # float64: far from the origin float32 positions have lost the digits of the difference.
        neighbors = geometry.positions.index_select(0, geometry.neighbor).add_(geometry.shift)
        vectors = (neighbors - geometry.positions.index_select(0, geometry.center)).t()
        distance = torch.linalg.vector_norm(vectors, dim=0)
        direction = (vectors / distance).to(self.dtype).contiguous()
        return _Pairs(distance=distance.to(self.dtype), direction=direction)

    def _table(self, pairs: _Pairs, derivatives: bool) -> Tensor:
        return pair_table(
            pairs.distance, pairs.direction, self._cutoffs[1], derivatives=derivatives
        )

    def _put_radial(self, result: Tensor, values: Tensor, geometry: Geometry, atoms: slice) -> None:
        sums = sum_rows(values, geometry.pair_rows, self.num_species, atoms)
        result[atoms, : self._sizes[0]] = sums

    def _put_angular(
        self, result: Tensor, values: Tensor, geometry: Geometry, atoms: slice
    ) -> None:
        sums = sum_rows(values, geometry.triple_rows, self.num_pairs, atoms)
        result[atoms, self._sizes[0] :] = sums.mul_(self.multiplicity)
