"""Timing beside a yardstick: windows of both in turn, so that other load meets both alike."""

import os
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch

from panna_exp import __version__
from panna_exp.elements import Species
from panna_exp.model.initial import LayerInitializer
from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import Activation, LayerData, NetworkData

WINDOWS, WINDOW_SECONDS = 8, 0.25
HIDDEN = (128, 32, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One line of the table.

    Args:
        name: What was measured.
        value: The number.
        unit: Its unit.
        higher_is_better: Of the value.
        bare: Times the bare matrix products of the same step, in the same run; None: has none.
        note: What else there is to say.
    """

    name: str
    value: float
    unit: str
    higher_is_better: bool = True
    bare: float | None = None
    note: str = ""


def best(work: Callable[[], object], windows: int | None = None) -> float:
    """Returns the seconds a call in the best of several windows."""
    return beside([work], windows)[0]


def beside(works: Sequence[Callable[[], object]], windows: int | None = None) -> list[float]:
    """Returns the seconds a call of each work in the best of windows that alternate."""
    found = [float("inf")] * len(works)
    for work in works:
        for _ in range(3):
            work()
    for _ in range(min(windows or WINDOWS, WINDOWS)):
        for number, work in enumerate(works):
            count, started = 0, time.perf_counter()
            while time.perf_counter() - started < WINDOW_SECONDS:
                work()
                count += 1
            found[number] = min(found[number], (time.perf_counter() - started) / count)
    return found


def bare_products(
    size: int, counts: Sequence[int], forces: bool, hidden: Sequence[int] = HIDDEN
) -> Callable[[], None]:
    """Returns the matrix products of a training step: no activations, optimiser or data.

    Args:
        size: Descriptor components.
        counts: Atoms of each species in the batch.
        forces: With those that a force loss adds: the gradient by the input, the change along the
            forces' errors, and its part in the weights' gradients.
        hidden: Units of each layer.
    """
    widths = (size, *hidden)
    weights = [[torch.randn(a, b) / 20 for a, b in pairwise(widths)] for _ in counts]
    inputs = [torch.randn(count, size) for count in counts]

    def work() -> None:
        for x, layers in zip(inputs, weights, strict=True):
            values = [x]
            for layer in layers:
                values.append(values[-1] @ layer)
            if forces:
                slopes = [values.pop()]
                for layer in reversed(layers):
                    slopes.append(slopes[-1] @ layer.t())
                moved, gradient = slopes.pop(), slopes[0]
                for layer, slope in zip(layers, reversed(slopes), strict=True):
                    moved.t() @ slope
                    moved = moved @ layer
            else:
                gradient = values.pop()
            for number in reversed(range(len(layers))):
                values[number].t() @ gradient
                if number:
                    gradient = gradient @ layers[number].t()

    return work


def make_networks(species: Species, size: int, hidden: Sequence[int] = HIDDEN) -> SpeciesNetworks:
    """Returns new networks, by default 128:32:1, Gaussian but for the last layer."""
    initial = LayerInitializer(0, 2, np.dtype(np.float32))
    activations = [Activation.gaussian] * (len(hidden) - 1) + [Activation.linear]
    networks = []
    for symbol in species:
        layers = []
        for shape, activation in zip(pairwise((size, *hidden)), activations, strict=True):
            weights, biases = initial.draw(*shape)
            layers.append(LayerData(weights=weights, biases=biases, activation=activation))
        networks.append(NetworkData(symbol=symbol, layers=tuple(layers), offset=0.0))
    return SpeciesNetworks(networks, torch.float32)


def shown(value: float) -> str:
    """Returns three digits, thousands in full."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def machine() -> str:
    """Returns what the numbers depend on: processor and versions."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    models = [line.partition(": ")[2] for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.machine()
    versions = f"Python {platform.python_version()}, torch {torch.__version__}"
    return f"{processor}, {os.cpu_count()} cores; {versions}, panna_exp {__version__}"
