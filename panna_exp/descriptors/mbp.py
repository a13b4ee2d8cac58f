"""The mBP descriptor of whole batches of structures, with both products of its Jacobian.

Shapes: A atoms, P directed pairs, Q triples, T species, U = T (T + 1) / 2 pairs of species,
D components: T blocks of Nr radial ones, then U blocks of N = Np Nq angular ones.
Units: angstrom.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.angular import AngularTerms, dot
from panna_exp.descriptors.geometry import Geometry, build_geometry
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.radial import RadialTerms
from panna_exp.descriptors.rows import chunks, exact_products, row_of_items, sum_rows

# Triples (and pairs) worked on at a time. On a CPU their arrays then stay in the cache, which is
# up to 3 times faster for large cells; a GPU wants fewer, larger pieces.
CPU_CHUNK = 8_000
GPU_CHUNK = 500_000
BATCH_ATOMS = 4_096


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Distance [P] and unit vector [3, P] from centre to neighbour."""

    distance: Tensor
    direction: Tensor


class MBP:
    """PANNA's modified Behler-Parrinello descriptor.

    Of centre i, for each neighbour species s and radial centre R_m::

        sum_j exp(-eta_m (r_ij - R_m)^2) fc(r_ij)

    and for each species pair s <= t, angular centre R_p and angle th_q, over unordered pairs of
    neighbours j, k: ``2 g_pq`` (see :mod:`panna_exp.descriptors.angular`). Generation C has
    eps = 0.01; B has eps = 0; A has eps = 0, angles that start at 0, and counts pairs of the same
    species twice. (Lot et al., Comput. Phys. Commun. 256, 107402 (2020); A and B are what PANNA's
    own published data were made with.)

    Args:
        parameters: The descriptor's parameters.
        dtype: float32 or float64. Differences of positions are float64 in either.
        device: Where to compute.
        chunk: Triples to work on at a time, which bounds the memory; None: a good number.
    """

    def __init__(
        self,
        parameters: MBPParameters,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        chunk: int | None = None,
    ) -> None:
        self.parameters = parameters
        self.dtype = dtype
        self.device = torch.device(device)
        self.num_species = len(parameters.species)
        self.num_pairs = self.num_species * (self.num_species + 1) // 2
        self.chunk = chunk or (CPU_CHUNK if self.device.type == "cpu" else GPU_CHUNK)
        self.radial = RadialTerms(parameters, dtype, self.device)
        self.angular = AngularTerms(parameters, dtype, self.device)
        self.multiplicity = self._multiplicity()  # [U N]

    @property
    def size(self) -> int:
        """D, the number of components."""
        return self.parameters.size

    def geometry(self, structures: StructureSet) -> Geometry:
        """Finds the neighbours of each atom; raises DataError as ``build_geometry`` does."""
        return build_geometry(
            structures,
            self.num_species,
            self.parameters.cutoff_radial,
            self.parameters.cutoff_angular,
            self.device,
        )

    @torch.no_grad()
    def compute(self, geometry: Geometry) -> Tensor:
        """Returns the descriptors [A, D] in the order of the geometry's atoms."""
        result = self._empty(geometry)
        pairs = self._pairs(geometry)
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                values = self.radial.values(pairs.distance[chosen])
                self._put_radial(result, values, geometry, atoms)
            table = self.angular.pairs(pairs.distance, pairs.direction, derivatives=False)
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                triples = self.angular.triples(
                    table, geometry.first[chosen], geometry.second[chosen]
                )
                self._put_angular(result, self.angular.values(triples), geometry, atoms)
        return result

    @torch.no_grad()
    def vjp(self, geometry: Geometry, v: Tensor) -> Tensor:
        """Returns J^T v [A, 3], the gradient of sum(v * G) with respect to the positions.

        With ``v`` [A, D] the derivative of the energy by the descriptors, forces are its negative.
        An atom moves together with all its images.
        """
        return self._to_atoms(geometry, self._pair_gradient(geometry, self._pairs(geometry), v))

    @torch.no_grad()
    def vjp_with_strain(self, geometry: Geometry, v: Tensor) -> tuple[Tensor, Tensor]:
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
    def jvp(self, geometry: Geometry, u: Tensor) -> Tensor:
        """Returns J u [A, D], the change of the descriptors when the atoms move by ``u`` [A, 3]."""
        result = self._empty(geometry)
        pairs = self._pairs(geometry)
        moved = u.to(self.dtype)
        change = (
            moved.index_select(0, geometry.neighbor) - moved.index_select(0, geometry.center)
        ).t()
        longer = dot(pairs.direction, change)
        turned = (change - pairs.direction * longer) / pairs.distance
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                values = self.radial.slopes(pairs.distance[chosen]).mul_(longer[chosen, None])
                self._put_radial(result, values, geometry, atoms)
            table = self.angular.pairs(pairs.distance, pairs.direction, derivatives=True)
            changes = torch.cat([longer[None], turned])  # [4, P]
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                first, second = geometry.first[chosen], geometry.second[chosen]
                triples = self.angular.triples(table, first, second)
                one, other = changes.index_select(1, first), changes.index_select(1, second)
                cosine = dot(triples.second[1:4], one[1:]) + dot(triples.first[1:4], other[1:])
                values = self.angular.push_forward(triples, one[0], other[0], cosine)
                self._put_angular(result, values, geometry, atoms)
        return result

    def jacobian(self, geometry: Geometry) -> Tensor:
        """Returns J [A, D, A, 3] itself, for small structures: it has 3 A^2 D numbers."""
        num_atoms = len(geometry.positions)
        unit = torch.eye(3 * num_atoms, dtype=self.dtype, device=self.device)
        columns = [self.jvp(geometry, row.view(num_atoms, 3)) for row in unit]
        return torch.stack(columns, dim=-1).view(num_atoms, self.size, num_atoms, 3)

    def _pair_gradient(self, geometry: Geometry, pairs: _Pairs, v: Tensor) -> Tensor:
        """Returns [3, P], the gradient of sum(v * G) with respect to each pair's vector."""
        weight = v.to(self.dtype)
        radial = weight[:, : self.parameters.radial_size]
        angular = weight[:, self.parameters.radial_size :]
        along = torch.empty_like(pairs.distance)
        turning = torch.zeros_like(pairs.direction)
        with exact_products():
            for atoms, chosen in chunks(geometry.pairs_until, self.chunk):
                slopes = self.radial.slopes(pairs.distance[chosen])
                rows = row_of_items(geometry.pair_rows, self.num_species, atoms, len(slopes))
                weights = radial[atoms].reshape(-1, self.radial.num_centers)
                slopes.mul_(weights.index_select(0, rows))
                along[chosen] = slopes.sum(1)
            table = self.angular.pairs(pairs.distance, pairs.direction, derivatives=True)
            for atoms, chosen in chunks(geometry.triples_until, self.chunk):
                first, second = geometry.first[chosen], geometry.second[chosen]
                triples = self.angular.triples(table, first, second)
                rows = row_of_items(geometry.triple_rows, self.num_pairs, atoms, len(first))
                weights = (angular[atoms] * self.multiplicity).view(-1, self.angular.size)
                by_first, by_second, by_cosine = self.angular.pull_back(
                    triples, weights.index_select(0, rows)
                )
                along.scatter_add_(0, first, by_first).scatter_add_(0, second, by_second)
                for axis in range(3):
                    turning[axis].scatter_add_(0, first, by_cosine * triples.second[1 + axis])
                    turning[axis].scatter_add_(0, second, by_cosine * triples.first[1 + axis])
        # d(unit vector)/d(vector) = (1 - n n^T) / r
        across = turning - pairs.direction * dot(pairs.direction, turning)
        return pairs.direction * along + across / pairs.distance

    def _to_atoms(self, geometry: Geometry, gradient: Tensor) -> Tensor:
        result = gradient.new_zeros(3, len(geometry.positions))
        for axis in range(3):
            result[axis].scatter_add_(0, geometry.neighbor, gradient[axis])
            result[axis].scatter_add_(0, geometry.center, -gradient[axis])
        return result.t().contiguous()

    def _multiplicity(self) -> Tensor:
        doubled = 4.0 if self.parameters.generation == "A" else 2.0
        pairs = [
            doubled if low == high else 2.0
            for low in range(self.num_species)
            for high in range(low, self.num_species)
        ]
        by_pair = torch.tensor(pairs, dtype=self.dtype, device=self.device)
        return by_pair.repeat_interleave(self.angular.size)

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

    def _put_radial(self, result: Tensor, values: Tensor, geometry: Geometry, atoms: slice) -> None:
        sums = sum_rows(values, geometry.pair_rows, self.num_species, atoms)
        result[atoms, : self.parameters.radial_size] = sums

    def _put_angular(
        self, result: Tensor, values: Tensor, geometry: Geometry, atoms: slice
    ) -> None:
        sums = sum_rows(values, geometry.triple_rows, self.num_pairs, atoms)
        result[atoms, self.parameters.radial_size :] = sums.mul_(self.multiplicity)


def compute_descriptors(
    structures: StructureSet,
    parameters: MBPParameters,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
    batch_atoms: int = BATCH_ATOMS,
    progress: Callable[[int, int], None] | None = None,
) -> NDArray[np.float32] | NDArray[np.float64]:
    """Computes the descriptors of all structures, some at a time.

    Args:
        structures: S structures with positions.
        parameters: The descriptor's parameters.
        dtype: float32 or float64, also of the result.
        device: Where to compute.
        batch_atoms: Atoms to work on at a time (a larger structure is one batch).
        progress: Called after each batch with the structures done and S.

    Returns:
        [A, D], atoms in the order of ``structures``.

    Raises:
        DataError: As :func:`panna_exp.descriptors.geometry.build_geometry`.
    """
    operator = MBP(parameters, dtype, device)
    numpy_dtype = np.float32 if dtype == torch.float32 else np.float64
    result = np.empty((len(structures.species), operator.size), dtype=numpy_dtype)
    for some, _ in chunks(structures.offsets, batch_atoms):
        batch = structures.select(np.arange(some.start, some.stop))
        atoms = slice(structures.offsets[some.start], structures.offsets[some.stop])
        result[atoms] = operator.compute(operator.geometry(batch)).cpu().numpy()
        if progress is not None:
            progress(some.stop, len(structures))
    return result
