"""Whether a descriptor fits a data set: ranges of its components, distances and angles."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from panna_exp.assembly import descriptor as descriptors
from panna_exp.assembly.machine import choose_device
from panna_exp.assembly.pieces import Progress, read_pieces
from panna_exp.assembly.precompute import periodic_as
from panna_exp.config.schema.tools import DescriptorsConfig
from panna_exp.data.ranges import RangeCounter, Statistics
from panna_exp.data.structures import StructureSet
from panna_exp.descriptors.advice import component_warnings, coverage_warnings
from panna_exp.descriptors.compute import operator_of
from panna_exp.descriptors.coverage import Coverage, CoverageCounter
from panna_exp.descriptors.info import Descriptor, Parameters
from panna_exp.descriptors.meaning import Component, components
from panna_exp.descriptors.operator import Operator
from panna_exp.elements import Species
from panna_exp.errors import DataError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What was found.

    Args:
        symbols: T species.
        descriptor: What the descriptor is.
        stored: Whether values came from the files, or were computed.
        structures: How many.
        meanings: D components.
        statistics: Of their values.
        coverage: Distances and angles, where positions and formula are known.
        warnings: Sentences.
    """

    symbols: tuple[str, ...]
    descriptor: Descriptor
    stored: bool
    structures: int
    meanings: list[Component]
    statistics: Statistics
    coverage: Coverage | None
    warnings: list[str]

    @property
    def parameters(self) -> Parameters | None:
        """Of the descriptor, if they are known."""
        return self.descriptor.parameters

    def to_dict(self) -> dict[str, Any]:
        """Returns everything as plain values, for JSON."""
        statistics = self.statistics
        seen = [i for i, count in enumerate(statistics.ranges.counts.tolist()) if count]
        zero, constant = statistics.zero, statistics.constant

        def names(flags: Any) -> list[str]:
            return [self.symbols[index] for index in seen if flags[index]]

        rows = []
        for place, meaning in enumerate(self.meanings):
            by_species = {
                self.symbols[index]: {
                    "min": float(statistics.ranges.low[index, place]),
                    "max": float(statistics.ranges.high[index, place]),
                    "mean": float(statistics.mean[index, place]),
                    "std": float(statistics.deviation[index, place]),
                }
                for index in seen
            }
            rows.append(
                {
                    "component": place,
                    **meaning.to_dict(),
                    "central_atom": by_species,
                    "zero_around": names(zero[:, place]),
                    "constant_around": names(constant[:, place]),
                }
            )
        return {
            "descriptor": self.descriptor.record,
            "values": "stored" if self.stored else "computed from positions",
            "structures": self.structures,
            "atoms": dict(zip(self.symbols, statistics.ranges.counts.tolist(), strict=True)),
            "warnings": self.warnings,
            "duplicates": statistics.duplicates(),
            "components": rows,
            "coverage": None if self.coverage is None else self._coverage(self.coverage),
        }

    def _coverage(self, found: Coverage) -> dict[str, Any]:
        symbols = self.symbols
        pairs = [(one, two) for i, one in enumerate(symbols) for two in symbols[i:]]
        distances, angles = [], []
        for index, center in enumerate(symbols):
            for place, neighbor in enumerate(symbols):
                if found.distances[index, place].any():
                    distances.append(
                        {
                            "central_atom": center,
                            "neighbour": neighbor,
                            "shortest": float(found.shortest[index, place]),
                            "counts": found.distances[index, place].tolist(),
                        }
                    )
            for place, pair in enumerate(pairs):
                if found.angles[index, place].any():
                    angles.append(
                        {
                            "central_atom": center,
                            "neighbours": list(pair),
                            "counts_of_angles": found.angles[index, place].sum(axis=0).tolist(),
                            "counts_of_mean_distances": found.angles[index, place]
                            .sum(axis=1)
                            .tolist(),
                        }
                    )
        return {
            "distance_edges": found.distance_edges.tolist(),
            "mean_distance_edges": found.mean_edges.tolist(),
            "angle_edges_degrees": np.degrees(found.angle_edges).tolist(),
            "atoms_without_neighbours": dict(zip(symbols, found.alone.tolist(), strict=True)),
            "distances": distances,
            "angles": angles,
        }


def survey(config: DescriptorsConfig, base: Path, progress: Progress) -> Survey:
    """Looks at every structure of ``data.train``, some thousand atoms at a time.

    Args:
        config: Validated.
        base: Folder that relative paths start from.
        progress: Called with what was read and all, in parts of the data.

    Raises:
        DataError: Structures that cannot be read, or have neither descriptors nor positions.
        ConfigError: Parameters that make no descriptor.
    """
    species = Species.from_list(config.data.species or [])
    pieces = (
        periodic_as(piece, config.pbc)
        for piece in read_pieces(config.data, species, base, progress)
    )
    first = next(pieces)
    looking = _Looking.at(first, config, species)
    looking.add(first)
    for piece in pieces:
        looking.add(piece)
    return looking.result(species.symbols)


@dataclass(slots=True)
class _Looking:
    descriptor: Descriptor
    stored: bool
    counter: RangeCounter
    operator: Operator | None
    coverage: CoverageCounter | None
    structures: int = 0

    @classmethod
    def at(cls, first: StructureSet, config: DescriptorsConfig, species: Species) -> "_Looking":
        """Decides by the first structures what the descriptor is and what can be looked at."""
        stored = first.descriptors is not None
        if not stored and first.positions is None:
            raise DataError(f"{first.origins[0]}: has neither descriptors nor positions")
        descriptor = descriptors.descriptor_of(first, config, species)
        operator, coverage = None, None
        parameters = descriptor.parameters
        if first.positions is not None and parameters is not None:
            dtype = getattr(torch, config.precision.value)
            kernel = config.descriptor_kernel.value
            operator = operator_of(parameters, dtype, choose_device(config), kernel=kernel)
            coverage = CoverageCounter(parameters)
        counter = RangeCounter(len(species), descriptor.size)
        return cls(descriptor, stored, counter, operator, coverage)

    def add(self, structures: StructureSet) -> None:
        """Adds some structures; DataError if they have not what the first ones have."""
        self.structures += len(structures)
        if self.stored:
            self._check(structures)
        values = structures.descriptors
        if self.operator is not None and self.coverage is not None:
            geometry = self.operator.geometry(structures)
            self.coverage.add(geometry)
            if not self.stored:
                values = self.operator.compute(geometry).cpu().numpy()
        assert values is not None
        self.counter.add(values, structures.species)

    def _check(self, structures: StructureSet) -> None:
        size = None if structures.descriptors is None else structures.descriptors.shape[1]
        expected = self.descriptor.size
        if size != expected:
            raise DataError(
                f"{structures.origins[0]}: has {'no' if size is None else size} descriptor "
                f"components, but the structures before it have {expected}: name files that were "
                "made alike"
            )

    def result(self, symbols: tuple[str, ...]) -> Survey:
        """Returns what was found."""
        statistics = self.counter.statistics()
        meanings = components(self.descriptor)
        warnings = component_warnings(statistics, meanings, symbols)
        coverage = None if self.coverage is None else self.coverage.result()
        parameters = self.descriptor.parameters
        if coverage is not None and parameters is not None:
            warnings += coverage_warnings(parameters, coverage, symbols)
        elif parameters is None:
            warnings.append(
                "what made the stored descriptors is not known, so components have numbers alone "
                "and distances are not looked at: say data.generation (and descriptor), or "
                "descriptor.type=BP"
            )
        else:
            warnings.append("the data have no positions: distances and angles are not looked at")
        return Survey(
            symbols=symbols,
            descriptor=self.descriptor,
            stored=self.stored,
            structures=self.structures,
            meanings=meanings,
            statistics=statistics,
            coverage=coverage,
            warnings=warnings,
        )
