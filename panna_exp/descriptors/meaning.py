"""What each component of a descriptor stands for. This module needs no torch."""

import math
from dataclasses import dataclass
from typing import Any

from panna_exp.descriptors.bp_parameters import SIGNS, BPParameters
from panna_exp.descriptors.info import Descriptor, Parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component.

    Args:
        kind: ``radial``, ``angular``, or ``unknown``.
        species: Of the neighbour, or of the two neighbours.
        values: What tells it from others of the same species: centre (angstrom), angle (degrees),
            eta (1/angstrom^2), zeta, lambda.
    """

    kind: str
    species: tuple[str, ...]
    values: dict[str, float]

    def __str__(self) -> str:
        units = {"centre": " A", "angle": " degrees"}
        parts = [f"{name} {value:.4g}{units.get(name, '')}" for name, value in self.values.items()]
        return ", ".join([f"{self.kind} {'-'.join(self.species)}".strip(), *parts])

    def to_dict(self) -> dict[str, Any]:
        """Returns it as plain values."""
        return {"kind": self.kind, "species": list(self.species), **self.values}


def components(descriptor: Descriptor) -> list[Component]:
    """Returns the D components of a descriptor in their order."""
    parameters = descriptor.parameters
    if parameters is None:
        return [Component(kind="unknown", species=(), values={})] * descriptor.size
    radial = _radial(parameters)
    angular = _angular(parameters)
    symbols = parameters.species
    found = [
        Component(kind="radial", species=(symbol,), values=values)
        for symbol in symbols
        for values in radial
    ]
    found += [
        Component(kind="angular", species=(symbol, other), values=values)
        for place, symbol in enumerate(symbols)
        for other in symbols[place:]
        for values in angular
    ]
    return found


def _radial(parameters: Parameters) -> list[dict[str, float]]:
    several = len(set(parameters.radial_eta)) > 1
    return [
        {"centre": centre} | ({"eta": eta} if several else {})
        for eta, centre in parameters.radial_terms
    ]


def _angular(parameters: Parameters) -> list[dict[str, float]]:
    if isinstance(parameters, BPParameters):
        return [
            {"eta": eta, "zeta": zeta, "lambda": sign}
            for eta in parameters.angular_eta
            for zeta in parameters.zeta
            for sign in SIGNS
        ]
    own_eta = len(set(parameters.angular_eta)) > 1
    own_zeta = len(set(parameters.zeta)) > 1
    return [
        {"centre": centre, "angle": math.degrees(theta)}
        | ({"eta": eta} if own_eta else {})
        | ({"zeta": zeta} if own_zeta else {})
        for centre, eta in zip(parameters.angular_centers, parameters.angular_eta, strict=True)
        for theta, zeta in zip(parameters.thetas, parameters.zeta, strict=True)
    ]
