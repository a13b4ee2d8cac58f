"""Distances and angles in data, as histograms gathered piece by piece.

Shapes: T species, U = T (T + 1) / 2 pairs of species. Units: angstrom, radians.
"""

from dataclasses import dataclass

import numpy as np

from panna_exp.data.structures import Floats, Ints
from panna_exp.descriptors.geometry import Geometry
from panna_exp.descriptors.info import Parameters

DISTANCE_BINS = 200
ANGLE_BINS = 90
MEAN_BINS = 60


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Coverage:
    """What distances and angles there are.

    Args:
        distances: [T, T, bins] directed pairs by species of centre and neighbour, up to the radial
            cutoff.
        angles: [T, U, mean bins, angle bins] triples by species of the centre and of both
            neighbours, mean distance of these (up to the angular cutoff) and angle (up to pi).
        shortest: [T, T] smallest distance, inf where there is none.
        alone: [T] atoms without a neighbour within the radial cutoff.
        cutoff_radial: Upper end of ``distances``.
        cutoff_angular: Upper end of the mean distances.
    """

    distances: Ints
    angles: Ints
    shortest: Floats
    alone: Ints
    cutoff_radial: float
    cutoff_angular: float

    @property
    def distance_edges(self) -> Floats:
        """[bins + 1]."""
        return np.linspace(0.0, self.cutoff_radial, DISTANCE_BINS + 1)

    @property
    def mean_edges(self) -> Floats:
        """[mean bins + 1]."""
        return np.linspace(0.0, self.cutoff_angular, MEAN_BINS + 1)

    @property
    def angle_edges(self) -> Floats:
        """[angle bins + 1]."""
        return np.linspace(0.0, np.pi, ANGLE_BINS + 1)


def middles(edges: Floats) -> Floats:
    """Returns the middles of a histogram's bins."""
    return np.asarray((edges[1:] + edges[:-1]) / 2, dtype=np.float64)


class CoverageCounter:
    """Gathers distances and angles over any number of structures."""

    def __init__(self, parameters: Parameters) -> None:
        self._num_species = len(parameters.species)
        self._num_pairs = self._num_species * (self._num_species + 1) // 2
        num_species, num_pairs = self._num_species, self._num_pairs
        self._found = Coverage(
            distances=np.zeros((num_species, num_species, DISTANCE_BINS), dtype=np.int64),
            angles=np.zeros((num_species, num_pairs, MEAN_BINS, ANGLE_BINS), dtype=np.int64),
            shortest=np.full((num_species, num_species), np.inf),
            alone=np.zeros(num_species, dtype=np.int64),
            cutoff_radial=parameters.cutoff_radial,
            cutoff_angular=parameters.cutoff_angular,
        )

    def add(self, geometry: Geometry) -> None:
        """Adds the pairs and triples of some structures."""
        species = geometry.species.cpu().numpy()
        center, neighbor = geometry.center.cpu().numpy(), geometry.neighbor.cpu().numpy()
        positions = geometry.positions.cpu().numpy()
        vectors = positions[neighbor] + geometry.shift.cpu().numpy() - positions[center]
        distance = np.linalg.norm(vectors, axis=1)
        self._add_distances(species, center, neighbor, distance)
        first, second = geometry.first.cpu().numpy(), geometry.second.cpu().numpy()
        rows = geometry.triple_rows.cpu().numpy()
        pair = np.repeat(np.arange(len(rows) - 1) % self._num_pairs, np.diff(rows))
        products = np.einsum("ij,ij->i", vectors[first], vectors[second])
        cosine = np.clip(products / (distance[first] * distance[second]), -1.0, 1.0)
        self._add_angles(
            species[center[first]],
            pair,
            (distance[first] + distance[second]) / 2,
            np.arccos(cosine),
        )

    def result(self) -> Coverage:
        """Returns what was gathered."""
        return self._found

    def _add_distances(self, species: Ints, center: Ints, neighbor: Ints, distance: Floats) -> None:
        found = self._found
        near = distance < found.cutoff_radial
        center, neighbor, distance = center[near], neighbor[near], distance[near]
        pair = species[center] * self._num_species + species[neighbor]
        places = pair * DISTANCE_BINS + _bins(distance, found.cutoff_radial, DISTANCE_BINS)
        counted = np.bincount(places, minlength=found.distances.size)
        found.distances[...] += counted.reshape(found.distances.shape)
        np.minimum.at(found.shortest.reshape(-1), pair, distance)
        without = np.bincount(center, minlength=len(species)) == 0
        found.alone[...] += np.bincount(species[without], minlength=self._num_species)

    def _add_angles(self, center: Ints, pair: Ints, mean: Floats, angle: Floats) -> None:
        found = self._found
        places = center * self._num_pairs + pair
        places = places * MEAN_BINS + _bins(mean, found.cutoff_angular, MEAN_BINS)
        places = places * ANGLE_BINS + _bins(angle, np.pi, ANGLE_BINS)
        counted = np.bincount(places, minlength=found.angles.size)
        found.angles[...] += counted.reshape(found.angles.shape)


def _bins(values: Floats, end: float, count: int) -> Ints:
    return np.minimum((values * (count / end)).astype(np.int64), count - 1)
