"""Networks whose passes are compiled (:mod:`panna_exp.model.numba_passes`), on a CPU.

Results equal those of the operations of torch to round-off (tests say by how much). Shapes:
A atoms, T species, D descriptor components, P parameters.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import accumulate, pairwise
from operator import mul
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController
from torch import Tensor

from panna_exp.data.structures import Ints
from panna_exp.model import numba_passes
from panna_exp.model.activations import SMALLEST_EXPONENT
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.numba_activations import KINDS
from panna_exp.model.numba_passes import Kept, Rows, Shape, Work

Array = NDArray[np.floating]
_T = TypeVar("_T")

# Fewer atoms than this in a thread are not worth handing over.
_ATOMS_PER_THREAD = 400


@dataclass(frozen=True, slots=True)
class NumbaCache:
    """A forward pass; good until the same engine makes the next one.

    Args:
        atom_energy: [A], without offsets.
        descriptors: [A, D] its input.
        parts: The rows of each thread.
        kept: Values of all layers.
    """

    atom_energy: Tensor
    descriptors: Array
    parts: Sequence[Rows]
    kept: Kept


class NumbaEngine:
    """Passes through networks without rbf layers.

    Args:
        networks: Their layers.
        parameters: [P'] all weights and biases, of which the networks' tensors are views, those
            that are trained first; read at each pass. None: a copy of what the networks have now.
        gradients: [P] of those that are trained, which :meth:`backward` fills; None: of none.
    """

    def __init__(
        self,
        networks: SpeciesNetworks,
        parameters: Tensor | None = None,
        gradients: Tensor | None = None,
    ) -> None:
        self.networks = networks
        starts = None
        if parameters is None:
            tensors = [tensor.detach().reshape(-1) for _, _, tensor, _ in networks.named_layers()]
            parameters = torch.cat(tensors)
            starts = list(accumulate((len(tensor) for tensor in tensors), initial=0))
        self._parameters: Array = parameters.numpy()
        self._gradients: Array | None = None if gradients is None else gradients.numpy()
        self._shape = shape_of(networks, self._parameters.dtype, starts)
        self._units: list[int] = self._shape.widths[:, 1:].sum(1).tolist()
        self._buffers: dict[int, Array] = {}
        self._latest: NumbaCache | None = None
        self._latest_layout: tuple[tuple[int, ...], tuple[list[Rows], Kept]] | None = None
        _one_thread_per_product()

    def load(self, forces: bool) -> None:
        """Has the passes compiled, or loaded where they are kept, before the first is timed.

        Args:
            forces: Those of a loss of forces, otherwise those of a loss of energies.
        """
        counts = [1, *[0] * (len(self._units) - 1)]
        zeros = torch.zeros(1, self.networks.feature_size, dtype=self.networks.dtype)
        cache = self.forward(zeros, counts)
        direction = self.input_gradient(cache) if forces else None
        if self._gradients is not None:
            self.backward(cache, cache.atom_energy, direction)

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> NumbaCache:
        """Returns atomic energies of the descriptors [A, D], sorted by species."""
        given: Array = descriptors.contiguous().numpy()
        parts, kept = self._layout(species_counts)
        energies = np.empty(len(given), given.dtype)

        def work(rows: Rows) -> None:
            numba_passes.forward(self._parameters, self._shape, rows, given, kept, energies)

        _in_threads(work, parts)
        self._latest = NumbaCache(torch.from_numpy(energies), given, parts, kept)
        return self._latest

    def input_gradient(self, cache: NumbaCache) -> Tensor:
        """Returns the gradient [A, D] of each atomic energy by its own descriptors."""
        assert cache is self._latest
        values = np.empty_like(cache.descriptors)

        def work(rows: Rows) -> None:
            numba_passes.input_gradient(self._parameters, self._shape, rows, cache.kept, values)

        _in_threads(work, cache.parts)
        return torch.from_numpy(values)

    def backward(
        self, cache: NumbaCache, gradient: Tensor, direction: Tensor | None = None
    ) -> None:
        """Fills the gradients; see :class:`panna_exp.model.engine.Engine`."""
        assert cache is self._latest
        assert self._gradients is not None
        by_energy: Array = gradient.contiguous().numpy()
        along: Array | None = None if direction is None else direction.contiguous().numpy()
        places = range(len(cache.parts))
        found = [self._gradients, *(np.empty_like(self._gradients) for _ in places[1:])]

        def work(place: int) -> None:
            rows = cache.parts[place]
            numba_passes.backward(
                self._parameters,
                self._shape,
                rows,
                cache.descriptors,
                cache.kept,
                by_energy,
                along,
                found[place],
                self._work(int(rows.count.max()), 6 + 3 * place),
            )

        _in_threads(work, places)
        for other in found[1:]:
            self._gradients += other

    def _layout(self, counts: Sequence[int]) -> tuple[list[Rows], Kept]:
        """Returns each thread's rows and where their values go, those of before for as many."""
        key = (*counts, torch.get_num_threads())
        if self._latest_layout is None or self._latest_layout[0] != key:
            size = sum(map(mul, self._units, counts))
            kept = Kept._make(self._buffer(place, size) for place in range(6))
            self._latest_layout = key, (_parts(counts, self._units), kept)
        return self._latest_layout[1]

    def _work(self, rows: int, place: int) -> Work:
        widths = self._shape.widths
        matrix = int((widths[:, 1:] * widths[:, :-1]).max())
        widest = int(widths[:, 1:].max())
        sizes = (rows * widest, rows * widest, matrix)
        return Work._make(self._buffer(place + k, size) for k, size in enumerate(sizes))

    def _buffer(self, place: int, size: int) -> Array:
        """Returns an array that is used again: memory in use stays in the processor's cache."""
        buffer = self._buffers.get(place)
        if buffer is None or len(buffer) < size:
            dtype = self._parameters.dtype
            buffer = self._buffers[place] = np.empty(size + size // 8, dtype)
        return buffer


def shape_of(
    networks: SpeciesNetworks, dtype: np.dtype[Any], starts: Sequence[int] | None = None
) -> Shape:
    """Returns what the layers are.

    Args:
        networks: Of these layers.
        dtype: Of the parameters.
        starts: Where weights and biases of each layer begin among the parameters, one by one; None:
            where they lie in the buffer that they are views of.
    """
    if starts is None:
        starts = [int(tensor.storage_offset()) for _, _, tensor, _ in networks.named_layers()]
    species, most = len(networks.networks), max(len(net.layers) for net in networks.networks)
    begins = np.zeros((species, most, 2), np.int64)
    shape = Shape(
        layers=np.array([len(network.layers) for network in networks.networks]),
        widths=np.zeros((species, most + 1), np.int64),
        kinds=np.zeros((species, most), np.int64),
        starts=begins,
        gradients=begins,
        trained=np.zeros((species, most), np.bool_),
        lowest=np.array([network.lowest_trained for network in networks.networks]),
        floor=dtype.type(SMALLEST_EXPONENT),
    )
    places = iter(starts)
    for place, network in enumerate(networks.networks):
        shape.widths[place, 0] = networks.feature_size
        for index, layer in enumerate(network.layers):
            shape.widths[place, index + 1] = layer.weights.shape[1]
            shape.kinds[place, index] = KINDS[layer.activation]
            shape.starts[place, index] = next(places), next(places)
            shape.trained[place, index] = layer.trainable
    return shape


def _parts(counts: Sequence[int], units: Sequence[int]) -> list[Rows]:
    """Cuts each species' rows into one run per thread.

    Args:
        counts: [T] rows of each.
        units: [T] widths of all layers of each together.
    """
    sizes = map(mul, counts, units)
    begin, total, offset = np.array(
        [list(accumulate(counts, initial=0))[:-1], counts, list(accumulate(sizes, initial=0))[:-1]]
    )
    threads = min(torch.get_num_threads(), sum(counts) // _ATOMS_PER_THREAD)
    if threads < 2:
        return [Rows(begin, total, begin, total, offset)]
    bounds: list[Ints] = [total * part // threads for part in range(threads + 1)]
    return [
        Rows(begin + start, stop - start, begin, total, offset) for start, stop in pairwise(bounds)
    ]


def _in_threads(work: Callable[[_T], None], parts: Sequence[_T]) -> None:
    """Calls ``work`` for each part, in a thread of its own where there are several."""
    if len(parts) == 1:
        work(parts[0])
        return
    for job in [_threads(len(parts)).submit(work, part) for part in parts]:
        job.result()


@cache
def _threads(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        size, "networks", initializer=torch.set_flush_denormal, initargs=(True,)
    )


@cache
def _one_thread_per_product() -> None:
    """Has SciPy's BLAS use the calling thread alone; work is shared by rows instead."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads that BLAS, if nothing did so before

    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
