"""The mBP operator by Triton kernels, for GPUs.

:class:`MBP` is the definition; results differ by rounding only (tests say by how much). Tests run
the kernels in Triton's interpreter (TRITON_INTERPRET=1), which takes tensors of a CPU.
"""

import contextlib
from typing import Any

import torch
from torch import Tensor

from panna_exp.descriptors import triton_angular, triton_pairs
from panna_exp.descriptors.angular import AngularTerms
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.mbp import MBP
from panna_exp.descriptors.parameters import MBPParameters

# Pairs of a program where each is on its own.
_PAIRS = 128
# Numbers in a program's block of [items, Np, Nq], and of [pairs, Nr]: 16 a thread of one warp. Most
# rows of molecules have fewer than ten items, so that larger blocks would be mostly padding.
_BLOCK = 256
_FEWEST, _MOST = 4, 32
# Numbers of a block that one warp's registers can hold.
_A_WARP = 512


class TritonMBP(MBP):
    """:class:`MBP` with its three products computed by Triton kernels.

    Blocks depend on the descriptor alone, not on the batch: the sums of an atom have one order.

    Args:
        parameters: The descriptor's parameters.
        dtype: float32 or float64. Differences of positions are float64 in either.
        device: Where to compute: a CUDA device, or a CPU with Triton's interpreter.
    """

    def __init__(
        self,
        parameters: MBPParameters,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cuda",
    ) -> None:
        super().__init__(parameters, dtype, device)
        angular = self.angular
        assert isinstance(angular, AngularTerms)
        self._radial = torch.cat([self.radial.centers, self.radial.eta])
        self._centers = torch.cat([angular.centers, angular.eta])
        self._angles = torch.cat(
            [
                angular.constant,
                angular.cosine_factor,
                angular.sine_factor,
                angular.smoothing,
                angular.zeta,
                angular.lowest_base,
            ]
        )
        self._factors = self.multiplicity.view(self.num_pairs, -1)[:, 0].contiguous()
        sizes = len(parameters.radial_centers), len(angular.centers), len(angular.zeta)
        nr, np, nq = sizes
        block_r, block_p, block_q = (_power_of_two(size) for size in sizes)
        self._of_radial: dict[str, Any] = {
            "WIDTH": self.size,
            "NUM_SPECIES": self.num_species,
            "NR": nr,
            "FLOOR": angular.floor,
            **_block(block_r),
            "BLOCK_R": block_r,
        }
        self._of_angular: dict[str, Any] = {
            "WIDTH": self.size,
            "BEGIN": parameters.radial_size,
            "NP": np,
            "NQ": nq,
            "FLOOR": angular.floor,
            "COLLINEAR": angular.collinear,
            "SMOOTH": angular.smooth,
            **_block(block_p * block_q),
            "BLOCK_P": block_p,
            "BLOCK_Q": block_q,
        }
        self._of_gradient: dict[str, Any] = {
            "NUM_SPECIES": self.num_species,
            "NR": nr,
            "BLOCK_R": block_r,
        }
        self._latest: tuple[Geometry, Tensor] | None = None

    @torch.no_grad()
    def compute(self, geometry: Geometry, then_vjp: bool = False) -> Tensor:
        """Returns the descriptors [A, D]."""
        return self._rows(geometry, None)

    @torch.no_grad()
    def jvp(self, geometry: Geometry, u: Tensor, strain: Tensor | None = None) -> Tensor:
        """Returns J u [A, D] of displacements ``u`` [A, 3] and strains [S, 3, 3]."""
        table = self.pair_table(geometry)
        changes = table.new_empty(len(table), 4)
        self._launch(
            triton_pairs.pair_changes,
            -(-len(table) // _PAIRS),
            table,
            geometry.center,
            geometry.neighbor,
            geometry.structure,
            self._plain(u),
            table if strain is None else self._plain(strain),
            changes,
            len(table),
            STRAIN=strain is not None,
            BLOCK=_PAIRS,
        )
        return self._rows(geometry, changes)

    @torch.no_grad()
    def vjp(self, geometry: Geometry, v: Tensor, then_jvp: bool = False) -> Tensor:
        """Returns J^T v [A, 3]."""
        return self._vjp(geometry, v, strain=False)[0]

    @torch.no_grad()
    def vjp_with_strain(
        self, geometry: Geometry, v: Tensor, then_jvp: bool = False
    ) -> tuple[Tensor, Tensor]:
        """Returns J^T v [A, 3] and the gradient by strain [S, 3, 3]."""
        result, by_atom = self._vjp(geometry, v, strain=True)
        strain = result.new_zeros(geometry.num_structures, 3, 3)
        return result, strain.index_add_(0, geometry.structure, by_atom)

    def pair_table(self, geometry: Geometry) -> Tensor:
        """Returns [P, 8]: distances, directions and cutoffs, which the products share."""
        if self._latest is None or self._latest[0] is not geometry:
            count = len(geometry.center)
            table = torch.empty(count, 8, dtype=self.dtype, device=self.device)
            self._launch(
                triton_pairs.pair_table,
                -(-count // _PAIRS),
                geometry.positions,
                geometry.center,
                geometry.neighbor,
                geometry.shift,
                table,
                count,
                CUTOFF_RADIAL=self.parameters.cutoff_radial,
                CUTOFF_ANGULAR=self.parameters.cutoff_angular,
                BLOCK=_PAIRS,
            )
            self._latest = geometry, table
        return self._latest[1]

    def _rows(self, geometry: Geometry, changes: Tensor | None) -> Tensor:
        """Returns the descriptors [A, D], or what ``changes`` [P, 4] of the pairs make of them."""
        table, jvp = self.pair_table(geometry), changes is not None
        result = self._empty(geometry)
        changes = table if changes is None else changes
        self._launch(
            triton_pairs.radial_rows,
            len(result) * self.num_species,
            table,
            changes,
            geometry.pair_rows,
            self._radial,
            result,
            JVP=jvp,
            **self._of_radial,
        )
        self._launch(
            triton_angular.angular_rows,
            len(result) * self.num_pairs,
            table,
            changes,
            geometry.first,
            geometry.second,
            geometry.triple_rows,
            self._factors,
            self._centers,
            self._angles,
            result,
            NUM_PAIRS=self.num_pairs,
            JVP=jvp,
            **self._of_angular,
        )
        return result

    def _vjp(self, geometry: Geometry, v: Tensor, *, strain: bool) -> tuple[Tensor, Tensor]:
        """Returns J^T v [A, 3], and each centre's part of the gradient by strain [A, 3, 3]."""
        table = self.pair_table(geometry)
        atoms = len(geometry.positions)
        gradient = table.new_empty(len(table), 3)
        self._launch(
            triton_angular.pair_gradient,
            len(table),
            table,
            geometry.center,
            geometry.neighbor,
            geometry.species,
            geometry.pair_rows,
            self._factors,
            self._radial,
            self._centers,
            self._angles,
            self._plain(v),
            gradient,
            **self._of_angular,
            **self._of_gradient,
        )
        result = table.new_empty(atoms, 3)
        by_atom = table.new_empty(atoms if strain else 0, 3, 3)
        self._launch(
            triton_pairs.atom_sums,
            atoms,
            table,
            gradient,
            geometry.pair_rows,
            result,
            by_atom if strain else result,
            NUM_SPECIES=self.num_species,
            STRAIN=strain,
            BLOCK=_MOST,
        )
        # The pairs that lead to an atom lie anywhere: finding them would take a sort of all pairs.
        # On a GPU the order of this sum changes from call to call, as that of MBP's sums does,
        # unless torch.use_deterministic_algorithms asks for the slower sum with one order.
        return result.index_add_(0, geometry.neighbor, gradient), by_atom

    def _plain(self, values: Tensor) -> Tensor:
        return values.detach().to(self.dtype).contiguous()

    def _launch(
        self, kernel: Any, programs: int, *tensors: Any, num_warps: int = 4, **constants: Any
    ) -> None:
        """Starts a kernel on the device of the operator, whichever is the current one."""
        if programs == 0:
            return
        on_cuda = self.device.type == "cuda"
        with torch.cuda.device(self.device) if on_cuda else contextlib.nullcontext():
            # Said, because what Triton does unasked differs between its versions.
            options = {"num_warps": num_warps, "enable_fp_fusion": True}
            kernel[(programs,)](*tensors, **constants, **options)


def _power_of_two(number: int) -> int:
    """Returns the smallest power of two that is not below ``number``."""
    return 1 << (number - 1).bit_length()


def _block(numbers: int) -> dict[str, int]:
    """Returns how many items of so many numbers a program takes at once, and its warps."""
    items = max(_FEWEST, min(_MOST, _BLOCK // numbers))
    return {"BLOCK": items, "num_warps": max(1, min(8, items * numbers // _A_WARP))}
