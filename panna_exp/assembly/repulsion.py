"""The short-range repulsion that a training gives its potential."""

import logging
from collections.abc import Sequence

import numpy as np

from panna_exp.assembly.datasets import RunData
from panna_exp.assembly.restart import Restart
from panna_exp.config.schema import NetworkConfig, RepulsionKind
from panna_exp.data.structures import Floats
from panna_exp.descriptors.info import Descriptor
from panna_exp.descriptors.repulsion import Repulsion, shortest_pairs
from panna_exp.elements import SYMBOLS
from panna_exp.errors import CheckpointError, ConfigError
from panna_exp.readers.radii import covalent_radii

logger = logging.getLogger(__name__)

# Atoms that are nearer than this in no structure get a repulsion where they would be bonded.
_FARTHEST = 3.0


def short_range_repulsion(
    network: NetworkConfig, data: RunData, restart: Restart
) -> Repulsion | None:
    """Returns the repulsion: the checkpoint's, or of the run's data where it is asked for.

    Raises:
        ConfigError: The data have no positions, or a species that is not an element.
        CheckpointError: The checkpoint's networks have it and the options not, or the other way.
    """
    saved = restart.checkpoint
    wanted = network.repulsion is not RepulsionKind.none
    if saved is None:
        return _of_data(data) if wanted else None
    if (saved.repulsion is not None) != wanted:
        has = "a" if saved.repulsion is not None else "no"
        raise CheckpointError(
            f"cannot continue from {saved.name}: its potential has {has} short-range repulsion, "
            f"but network.repulsion={network.repulsion.value}: leave it as it was, or choose "
            "another io.train_dir"
        )
    return saved.repulsion


def _of_data(data: RunData) -> Repulsion:
    symbols = data.species.symbols
    unknown = [symbol for symbol in symbols if symbol not in SYMBOLS]
    if unknown:
        raise ConfigError(
            f"network.repulsion=zbl: {', '.join(unknown)}: no element, so that its charge is not "
            "known: choose network.repulsion=none"
        )
    parts = [part.structures for part in (data.train, data.validation) if part is not None]
    if any(part.positions is None for part in parts):
        raise ConfigError(
            "network.repulsion=zbl needs the shortest distances of the data, but these have no "
            "positions in memory: choose network.repulsion=none"
        )
    cutoff = min(_FARTHEST, _reach(data.descriptor))
    shortest = shortest_pairs(parts, len(symbols), cutoff)
    bonds = _bonds(symbols)
    outer = np.where(np.isfinite(shortest), shortest, np.minimum(bonds, cutoff))
    found = Repulsion(symbols, outer)
    logger.info("repulsion of nuclei (ZBL) within, in angstrom: %s", found.words())
    return found


def _reach(descriptor: Descriptor) -> float:
    """The distance up to which neighbours are looked for."""
    parameters = descriptor.parameters
    if parameters is None:
        raise ConfigError(
            f"network.repulsion=zbl needs the cutoffs of the descriptors, but the data have "
            f"{descriptor}: choose network.repulsion=none"
        )
    return float(max(parameters.cutoff_radial, parameters.cutoff_angular))


def _bonds(symbols: Sequence[str]) -> Floats:
    radii = covalent_radii(symbols)
    sums: Floats = radii[:, None] + radii
    return sums
