"""Networks whose passes are compiled loops (:mod:`panna_exp.model.loops`), on a CPU.

Results equal those of the operations of torch to round-off (tests say by how much). Shapes:
A atoms, T species, D descriptor components, P parameters.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import accumulate, pairwise
from typing import TypeVar

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor

from panna_exp.data.structures import Ints
from panna_exp.model import loops
from panna_exp.model.activations import SMALLEST_EXPONENT
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.model.passes import WITH_LOOPS, Array, LoopGradient, LoopPass

_T = TypeVar("_T")

_KINDS = dict(zip(WITH_LOOPS, (loops.LINEAR, loops.GAUSSIAN, loops.RELU), strict=True))
# Fewer atoms than this in a thread are not worth handing over.
_ATOMS_A_THREAD = 400


class LoopNetworks:
    """Passes through networks that :func:`panna_exp.model.passes.without_loops` accepts.

    Args:
        networks: Their sizes and activations.
        parameters: [P] weights and biases of all of them, species by species and layer by layer,
            read at each pass; None: a copy of those that the networks have now.
        gradients: [P] that :meth:`backward` fills; None where nothing is trained.
    """

    def __init__(
        self,
        networks: SpeciesNetworks,
        parameters: Tensor | None = None,
        gradients: Tensor | None = None,
    ) -> None:
        tensors = [tensor.detach() for _, _, tensor, _ in networks.named_layers()]
        if parameters is None:
            parameters = torch.cat([tensor.reshape(-1) for tensor in tensors])
        self._parameters: Array = parameters.numpy()
        self._gradients: Array | None = None if gradients is None else gradients.numpy()
        first = networks.networks[0]
        widths = [len(first.weights[0]), *(weights.shape[1] for weights in first.weights)]
        starts = np.cumsum([0, *(tensor.numel() for tensor in tensors[:-1])])
        self._shape = loops.Shape(
            widths=np.array(widths),
            kinds=np.array([_KINDS[kind] for kind in first.activations]),
            starts=starts.reshape(len(networks.networks), -1, 2),
            floor=self._parameters.dtype.type(SMALLEST_EXPONENT),
        )
        self._units = int(self._shape.widths[1:].sum())
        self._rooms: dict[int, Array] = {}
        self._latest: LoopPass | None = None
        _one_thread_a_product()

    def load(self, forces: bool) -> None:
        """Has the loops compiled, or loaded where they are kept, before the first step is timed.

        Args:
            forces: Those of a loss of forces, otherwise those of a loss of energies.
        """
        counts = [1, *[0] * (len(self._shape.starts) - 1)]
        zeros = torch.from_numpy(np.zeros((1, self._shape.widths[0]), self._parameters.dtype))
        passed = self.forward(zeros, counts)
        direction = self.input_gradient(passed).values if forces else None
        if self._gradients is not None:
            self.backward(passed, passed.atom_energy, direction)

    def forward(self, descriptors: Tensor, species_counts: Sequence[int]) -> LoopPass:
        """Returns atomic energies of the descriptors [A, D], sorted by species."""
        given: Array = descriptors.contiguous().numpy()
        atoms = len(given)
        parts = _parts(species_counts)
        units = self._units
        kept = loops.Kept._make(self._room(place, atoms * units) for place in range(6))

        def work(part: loops.Part) -> None:
            loops.forward(self._parameters, self._shape, part, given, kept)

        _share(work, parts)
        energies = kept.values[atoms * (units - 1) : atoms * units].copy()
        self._latest = LoopPass(torch.from_numpy(energies), given, parts, kept)
        return self._latest

    def input_gradient(self, passed: LoopPass) -> LoopGradient:
        """Returns the gradient of each atomic energy by its own descriptors."""
        assert passed is self._latest
        values = np.empty_like(passed.descriptors)

        def work(part: loops.Part) -> None:
            loops.input_gradient(self._parameters, self._shape, part, passed.kept, values)

        _share(work, passed.parts)
        return LoopGradient(torch.from_numpy(values))

    def backward(self, passed: LoopPass, gradient: Tensor, direction: Tensor | None = None) -> None:
        """Fills the gradients with those of sum gradient E + direction . v.

        Args:
            passed: The latest forward pass, whose input gradient is v where there is a direction.
            gradient: [A].
            direction: [A, D].
        """
        assert passed is self._latest
        assert self._gradients is not None
        slope: Array = gradient.contiguous().numpy()
        along: Array = passed.descriptors[:0]
        if direction is not None:
            along = direction.contiguous().numpy()
        numbers = range(len(passed.parts))
        found = [self._gradients, *(np.empty_like(self._gradients) for _ in numbers[1:])]

        def work(number: int) -> None:
            part, gradients = passed.parts[number], found[number]
            loops.backward(
                self._parameters,
                self._shape,
                part,
                passed.descriptors,
                passed.kept,
                slope,
                along,
                gradients,
                self._work(int(part.count.max()), 6 + 3 * number),
            )

        _share(work, numbers)
        for other in found[1:]:
            self._gradients += other

    def _work(self, rows: int, place: int) -> loops.Work:
        widths = self._shape.widths
        matrix = int((widths[1:] * widths[:-1]).max())
        sizes = (rows * int(widths[1:].max()), rows * int(widths[1:].max()), matrix)
        return loops.Work._make(self._room(place + k, size) for k, size in enumerate(sizes))

    def _room(self, place: int, size: int) -> Array:
        """Returns an array that is used again: memory in use stays in the cache."""
        room = self._rooms.get(place)
        if room is None or len(room) < size:
            room = self._rooms[place] = np.empty(size + size // 8, self._parameters.dtype)
        return room


def _parts(counts: Sequence[int]) -> list[loops.Part]:
    """Cuts each species' rows into one run a thread."""
    atoms = sum(counts)
    first, count = np.array([list(accumulate(counts, initial=0))[:-1], counts])
    number = min(torch.get_num_threads(), atoms // _ATOMS_A_THREAD)
    if number < 2:
        return [loops.Part(first, count, atoms)]
    bounds: list[Ints] = [count * part // number for part in range(number + 1)]
    return [
        loops.Part(first=first + start, count=stop - start, atoms=atoms)
        for start, stop in pairwise(bounds)
    ]


def _share(work: Callable[[_T], None], parts: Sequence[_T]) -> None:
    """Calls ``work`` for each part, in a thread of its own where there are several."""
    if len(parts) == 1:
        work(parts[0])
        return
    for job in [_threads(len(parts)).submit(work, part) for part in parts]:
        job.result()


@cache
def _threads(number: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        number, "networks", initializer=torch.set_flush_denormal, initargs=(True,)
    )


@cache
def _one_thread_a_product() -> None:
    """Has SciPy's BLAS use the calling thread alone; work is shared by rows instead."""
    import scipy.linalg.cython_blas  # noqa: F401  # loads that BLAS, if nothing did so before

    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
