"""The mBP operator on the CPU by compiled loops, several times faster than tensor operations.

:class:`MBP` is the definition; results differ by rounding only (tests say by how much).
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from panna_exp.data.structures import Ints, StructureSet
from panna_exp.descriptors import blocks, kernels, pair_loops
from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.jacobian_loops import Elements, jacobian_loop, most_elements
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.neighbor_derivatives import NeighborDerivatives
from panna_exp.descriptors.parameters import MBPParameters

# Fewer triples than this in a thread are not worth handing over.
_TRIPLES_A_THREAD = 20_000
# Factors of more triples than this do not stay in the cache: computing them again is as fast.
_TRIPLES_KEPT = 200_000
_NOWHERE = np.empty(0, np.int64)


class _Memory(NamedTuple):
    """What a thread works in: arrays of one block, and the factors of one block of triples."""

    work: blocks.Work
    triples: kernels.Triples


class CompiledMBP(MBP):
    """:class:`MBP` with its three products computed by :mod:`panna_exp.descriptors.kernels`.

    Uses as many threads as torch does, where there is enough to do; each atom's numbers are
    computed by one thread in one order, so that results do not depend on how many there are.
    """

    def __init__(self, parameters: MBPParameters, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(parameters, dtype, "cpu")
        self._constants = _constants(self)
        self._loops = kernels.kernels(
            len(parameters.radial_centers), len(parameters.angular_centers), len(parameters.thetas)
        )
        self._numpy = np.float32 if dtype == torch.float32 else np.float64
        self._latest: tuple[Geometry, NDArray[np.floating]] | None = None
        self._listed: tuple[Tensor, kernels.Lists] | None = None
        self._kept: tuple[Geometry, kernels.Triples] | None = None
        self._memory = self._new_memory()  # of the calling thread
        self._reused = blocks.factor_arrays(self._constants, 0)  # memory in use stays in the cache

    @torch.no_grad()
    def compute(self, geometry: Geometry, then_vjp: bool = False) -> Tensor:
        """Returns the descriptors [A, D]; keeps what :meth:`vjp` can use where it comes next."""
        result = np.empty((len(geometry.positions), self.size), self._numpy)
        triples = self._buffer(geometry) if then_vjp else None
        self._share(geometry, self._loops.values, (result.reshape(-1),), triples)
        return torch.from_numpy(result)

    def jvp(self, geometry: Geometry, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D] of displacements ``u`` [A, 3] and strains [S, 3, 3]."""
        result = np.empty((len(geometry.positions), self.size), self._numpy)
        table = self.pair_table(geometry)
        center, neighbor = geometry.center.numpy(), geometry.neighbor.numpy()
        changes = np.empty((len(center), 4), self._numpy)
        displacement = np.zeros((len(center), 3), self._numpy)
        if strain is not None:
            owner = geometry.structure.numpy()[center]
            vectors = table[:, blocks.NX : blocks.NZ + 1] * table[:, blocks.R, None]
            displacement = (vectors[:, None, :] @ _plain(strain, self.dtype)[owner])[:, 0]
        pair_loops.pair_changes(
            table, center, neighbor, _plain(u, self.dtype), displacement, changes
        )
        arrays = (changes, result.reshape(-1))
        self._share(geometry, self._loops.jvp, arrays, self._known(geometry))
        return torch.from_numpy(result)

    def neighbor_jacobians(
        self, structures: StructureSet, negligible: float = 0.0
    ) -> NeighborDerivatives:
        """Returns the Jacobian of each structure by the neighbours of its atoms; one thread."""
        geometry = self.geometry(structures)
        lists, species = _lists(geometry), self.num_species
        sizes = (self.radial.num_centers, self.angular.size)
        num_atoms = structures.num_atoms
        most, neighbors = most_elements(
            lists.pair_rows, lists.triple_rows, np.repeat(num_atoms, num_atoms), *sizes, species
        )
        # One more: each element is written before it is known to count.
        elements = Elements(
            np.empty((most + 1, 3), self._numpy),
            np.empty(most + 1, np.int32),
            np.zeros((len(geometry.positions), self.size), np.int32),
        )
        constants = self._constants
        loop = jacobian_loop(sizes[0], len(constants.centers), len(constants.zeta))
        stored = loop(
            self.pair_table(geometry),
            lists,
            geometry.neighbor.numpy(),
            np.repeat(structures.offsets[:-1], num_atoms),
            neighbors,
            constants,
            blocks.work_arrays(constants),
            blocks.factor_arrays(constants, blocks.BLOCK),
            elements,
            self._numpy(negligible),
        )
        return NeighborDerivatives(
            values=elements.values[:stored],
            atoms=elements.atoms[:stored],
            counts=elements.counts,
            num_atoms=num_atoms,
        )

    def vjp(self, geometry: Geometry, v: Tensor, then_jvp: bool = False) -> Tensor:
        """Returns J^T v [A, 3]; keeps what :meth:`jvp` can use where it comes next."""
        return self._scattered(geometry, self._gradient(geometry, v, then_jvp))

    def vjp_with_strain(
        self, geometry: Geometry, v: Tensor, then_jvp: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Returns J^T v [A, 3] and the gradient by strain [S, 3, 3]."""
        gradient = self._gradient(geometry, v, then_jvp)
        table = self.pair_table(geometry)
        vectors = table[:, blocks.NX : blocks.NZ + 1] * table[:, blocks.R, None]
        products = (vectors[:, :, None] * gradient[:, None, :3]).reshape(-1, 9)
        strain = torch.zeros(geometry.num_structures, 9, dtype=self.dtype)
        owner = geometry.structure.index_select(0, geometry.center)
        strain.index_add_(0, owner, torch.from_numpy(products))
        return self._scattered(geometry, gradient), strain.view(-1, 3, 3)

    def _gradient(self, geometry: Geometry, v: Tensor, then_jvp: bool) -> NDArray[np.floating]:
        """Returns [P, 4], whose first three columns are the gradient by each pair's vector."""
        result = np.empty((len(geometry.center), 4), self._numpy)
        weights = _plain(v, self.dtype).reshape(-1)
        triples = self._known(geometry) or (self._buffer(geometry) if then_jvp else None)
        self._share(geometry, self._loops.vjp, (weights, result), triples)
        return result

    def triple_factors(
        self, table: NDArray[np.floating], first: Ints, second: Ints
    ) -> blocks.Factors:
        """Returns what both products need of each triple; see ``Geometry.factors``.

        Args:
            table: [P, 8] of :meth:`pair_table`.
            first: [Q] a pair of each triple.
            second: [Q] the other.
        """
        found = blocks.factor_arrays(self._constants, len(first))
        work = blocks.work_arrays(self._constants)
        self._loops.factors(table, first, second, self._constants, work, found)
        return found

    def triple_bytes(self) -> int:
        """Size of one triple's factors."""
        return sum(array.nbytes for array in blocks.factor_arrays(self._constants, 1))

    def _known(self, geometry: Geometry) -> kernels.Triples | None:
        """Returns the triples' factors that came with the geometry, or that vjp kept of it."""
        if geometry.factors is not None:
            return kernels.Triples(*geometry.factors, True)
        if self._kept is not None and self._kept[0] is geometry:
            return self._kept[1]._replace(known=True)
        return None

    def _buffer(self, geometry: Geometry) -> kernels.Triples | None:
        """Returns memory for the factors of all triples, None where keeping them is of no use."""
        triples = len(geometry.first)
        self._kept = None
        if triples > _TRIPLES_KEPT:
            return None
        if len(self._reused.scale) < triples * len(self._constants.centers):
            self._reused = blocks.factor_arrays(self._constants, triples + triples // 8)
        buffer = kernels.Triples(self._reused, geometry.triples_until[:-1], False)
        self._kept = geometry, buffer
        return buffer

    def _new_memory(self) -> _Memory:
        block = blocks.factor_arrays(self._constants, blocks.BLOCK)
        return _Memory(blocks.work_arrays(self._constants), kernels.Triples(block, _NOWHERE, False))

    def _lists(self, geometry: Geometry) -> kernels.Lists:
        """Returns the geometry's lists for the loops; those of before where atoms just moved."""
        listed = self._listed
        if listed is None or listed[0] is not geometry.first:
            listed = self._listed = geometry.first, _lists(geometry)
        return listed[1]

    def _scattered(self, geometry: Geometry, gradient: NDArray[np.floating]) -> Tensor:
        result = np.zeros((len(geometry.positions), 3), self._numpy)
        pair_loops.to_atoms(gradient, geometry.center.numpy(), geometry.neighbor.numpy(), result)
        return torch.from_numpy(result)

    def pair_table(self, geometry: Geometry) -> NDArray[np.floating]:
        """Returns [P, 8]: distances, directions and cutoffs, which the products share."""
        if geometry.table is not None:
            return geometry.table
        if self._latest is None or self._latest[0] is not geometry:
            table = np.empty((len(geometry.center), 8), self._numpy)
            pair_loops.pair_table(
                geometry.positions.numpy(),
                geometry.center.numpy(),
                geometry.neighbor.numpy(),
                geometry.shift.numpy(),
                self.parameters.cutoff_radial,
                self.parameters.cutoff_angular,
                table,
            )
            self._latest = geometry, table
        return self._latest[1]

    def _share(
        self,
        geometry: Geometry,
        loop: Callable[..., None],
        arrays: tuple[NDArray[np.floating], ...],
        triples: kernels.Triples | None,
    ) -> None:
        """Has a loop fill ``arrays`` for parts of the atoms, each in a thread of its own."""
        table, lists = self.pair_table(geometry), self._lists(geometry)

        def work(start: int, stop: int, memory: _Memory) -> None:
            place = triples or memory.triples
            loop(start, stop, table, lists, self._constants, memory.work, *arrays, place)

        atoms = len(geometry.positions)
        parts = min(torch.get_num_threads(), int(geometry.triples_until[-1]) // _TRIPLES_A_THREAD)
        if parts < 2:
            work(0, atoms, self._memory)
            return
        bounds = _even_parts(geometry.triples_until, parts)
        with ThreadPoolExecutor(parts) as pool:
            jobs = [
                pool.submit(work, start, stop, self._new_memory())
                for start, stop in pairwise(bounds)
            ]
            for job in jobs:
                job.result()


def _even_parts(until: Ints, parts: int) -> list[int]:
    """Cuts atoms into runs of about as many triples each."""
    goals = np.linspace(0, until[-1], parts + 1)[1:-1]
    return [0, *np.searchsorted(until, goals).tolist(), len(until) - 1]


def _constants(operator: MBP) -> blocks.Constants:
    angular, radial = operator.angular, operator.radial
    assert isinstance(angular, AngularTerms)

    def flat(values: Tensor) -> NDArray[np.floating]:
        return np.ascontiguousarray(values.reshape(-1).numpy())

    zeta = flat(angular.zeta)
    whole = bool((zeta == zeta[0]).all()) and float(zeta[0]).is_integer()
    number = zeta.dtype.type
    return blocks.Constants(
        radial_centers=flat(radial.centers),
        radial_eta=flat(radial.eta),
        centers=flat(angular.centers),
        eta=flat(angular.eta),
        constant=flat(angular.constant),
        cosine=flat(angular.cosine_factor),
        sine=flat(angular.sine_factor),
        smoothing=flat(angular.smoothing),
        zeta=zeta,
        lowest=flat(angular.lowest_base),
        power=int(zeta[0]) if whole else 0,
        smooth=angular.smooth,
        collinear=number(angular.collinear),
        floor=number(angular.floor),
        multiplicity=flat(operator.multiplicity.view(operator.num_pairs, -1)[:, 0]),
    )


def _lists(geometry: Geometry) -> kernels.Lists:
    return kernels.Lists(
        geometry.pair_rows.numpy(),
        geometry.first.numpy(),
        geometry.second.numpy(),
        geometry.triple_rows.numpy(),
    )


def _plain(values: Tensor, dtype: torch.dtype) -> NDArray[np.floating]:
    array: NDArray[np.floating] = values.detach().to(dtype).contiguous().numpy()
    return array
