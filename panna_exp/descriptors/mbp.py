"""The mBP descriptor of whole batches of structures, with both products of its Jacobian.

Shapes: A atoms, P directed pairs, Q triples, T species, U = T (T + 1) / 2 pairs of species,
D components: T blocks of Nr radial ones, then U blocks of N = Np Nq angular ones.
Units: angstrom.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.structures import Ints, StructureSet
from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.geometry import Geometry, build_geometry
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.descriptors.radial import RadialTerms

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
        with _exact_products():
            for atoms, chosen in _chunks(geometry.pairs_until, self.chunk):
                values = self.radial.values(pairs.distance[chosen])
                self._put_radial(result, values, geometry, atoms)
            table = self.angular.pairs(pairs.distance, pairs.direction, derivatives=False)
            for atoms, chosen in _chunks(geometry.triples_until, self.chunk):
                triples = self.angular.triples(
                    table, geometry.first[chosen], geometry.second[chosen]
                )
                self._put_angular(result, self.angular.values(triples), geometry, atoms)
        return result

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
        sums = _sum_rows(values, geometry.pair_rows, self.num_species, atoms)
        result[atoms, : self.parameters.radial_size] = sums

    def _put_angular(
        self, result: Tensor, values: Tensor, geometry: Geometry, atoms: slice
    ) -> None:
        sums = _sum_rows(values, geometry.triple_rows, self.num_pairs, atoms)
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
    for some, _ in _chunks(structures.offsets, batch_atoms):
        batch = structures.select(np.arange(some.start, some.stop))
        atoms = slice(structures.offsets[some.start], structures.offsets[some.stop])
        result[atoms] = operator.compute(operator.geometry(batch)).cpu().numpy()
        if progress is not None:
            progress(some.stop, len(structures))
    return result


def _chunks(until: Ints, most: int) -> Iterator[tuple[slice, slice]]:
    """Cuts owners into runs that own at most ``most`` items, or are one owner with more.

    Args:
        until: [owners + 1] items before each owner.
        most: Items in a run.

    Yields:
        The owners and the items of each run.
    """
    start = 0
    while start < len(until) - 1:
        stop = int(np.searchsorted(until, until[start] + most, side="right")) - 1
        stop = max(stop, start + 1)
        yield slice(start, stop), slice(int(until[start]), int(until[stop]))
        start = stop


def _sum_rows(values: Tensor, starts: Tensor, rows_per_atom: int, atoms: slice) -> Tensor:
    """Sums consecutive items of each row.

    Args:
        values: [items, N] of a run of atoms.
        starts: [A rows_per_atom + 1] first item of every row of all atoms.
        rows_per_atom: T or U.
        atoms: The run.

    Returns:
        [atoms, rows_per_atom N].
    """
    bounds = starts[atoms.start * rows_per_atom : atoms.stop * rows_per_atom + 1]
    items = torch.arange(len(values), device=values.device)
    sums: Tensor = torch.nn.functional.embedding_bag(
        items, values, bounds - bounds[0], mode="sum", include_last_offset=True
    )
    return sums.view(atoms.stop - atoms.start, -1)


@contextmanager
def _exact_products() -> Iterator[None]:
    """Keeps float32 products in float32: they move numbers here, and TF32 would cut digits off."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
