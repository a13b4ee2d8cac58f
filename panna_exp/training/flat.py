"""Trainable parameters in one contiguous buffer, so that an optimiser step is one fused call."""

from dataclasses import dataclass

import torch
from torch import Tensor

from panna_exp.model.networks import SpeciesNetworks


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

    Frozen parameters stay where they are: nothing can move them.
    """

    def __init__(self, networks: SpeciesNetworks) -> None:
        layers = [(name, p) for name, _, p, trainable in networks.named_layers() if trainable]
        device = next(networks.parameters()).device
        total = sum(parameter.numel() for _, parameter in layers)
        self.values = torch.empty(total, dtype=networks.dtype, device=device)
        self.gradients = torch.zeros_like(self.values)
        self.slots: list[Slot] = []
        start = 0
        for name, parameter in layers:
            slot = Slot(name, start, parameter.shape)
            view = self.view(self.values, slot)
            view.copy_(parameter.detach())
            parameter.data = view
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
