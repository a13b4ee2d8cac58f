"""Trainable parameters in one contiguous buffer, so that an optimiser step is one fused call."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model.networks import SpeciesNetworks
from panna_exp.networks.layers import NetworkData


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one parameter lies in the buffers."""

    name: str
    start: int
    shape: torch.Size

    @property
    def stop(self) -> int:
        """One past the last element."""
        return self.start + self.shape.numel()


class FlatParameters:
    """Makes the trainable parameters of ``networks`` views of one buffer, and their gradients too.

    Frozen parameters lie behind them in a larger buffer, where nothing moves them.

    Attributes:
        buffer: [P'] all parameters, the trainable ones first.
        values: [P] the trainable ones.
        gradients: [P].
        slots: Where each trainable parameter lies.
    """

    def __init__(self, networks: SpeciesNetworks) -> None:
        layers = list(networks.named_layers())
        layers.sort(key=lambda layer: not layer[3])  # the trainable ones first
        device = next(networks.parameters()).device
        self.buffer = torch.cat([layer.detach().reshape(-1) for _, _, layer, _ in layers])
        total = sum(layer.numel() for _, _, layer, trainable in layers if trainable)
        self.values = self.buffer[:total]
        self.gradients = torch.zeros(total, dtype=networks.dtype, device=device)
        self.slots: list[Slot] = []
        start = 0
        for name, _, parameter, trainable in layers:
            slot = Slot(name, start, parameter.shape)
            parameter.data = self.view(self.buffer, slot)
            if trainable:
                parameter.grad = self.view(self.gradients, slot)
                self.slots.append(slot)
            start = slot.stop

    @staticmethod
    def view(buffer: Tensor, slot: Slot) -> Tensor:
        """Returns the part of ``buffer`` that belongs to ``slot``, in its shape."""
        return buffer[slot.start : slot.stop].view(slot.shape)

    def split(self, buffer: Tensor) -> dict[str, Tensor]:
        """Returns copies of a buffer's parts by parameter name."""
        return {slot.name: self.view(buffer, slot).detach().cpu().clone() for slot in self.slots}

    def join(self, parts: dict[str, Tensor], buffer: Tensor) -> list[str]:
        """Copies parts into ``buffer``; returns the names of parameters that had no part."""
        missing = []
        for slot in self.slots:
            part = parts.get(slot.name)
            if part is None or part.shape != slot.shape:
                missing.append(slot.name)
            else:
                self.view(buffer, slot).copy_(part)
        return missing


def flat_values(data: Sequence[NetworkData], networks: SpeciesNetworks) -> Tensor:
    """Returns [P], other weights of ``networks`` in the order of their buffer."""
    return FlatParameters(SpeciesNetworks(data, networks.dtype)).values
