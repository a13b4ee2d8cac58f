"""Where a training's repulsion ends, and data that cannot say it."""

from types import SimpleNamespace

import numpy as np
import pytest

from panna_exp.assembly.repulsion import short_range_repulsion
from panna_exp.config.schema import NetworkConfig, RepulsionKind
from panna_exp.data.structures import Structure, StructureSet
from panna_exp.descriptors.info import Descriptor
from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from tests.potentials import mbp

ZBL = NetworkConfig(repulsion=RepulsionKind.zbl)
NEW = SimpleNamespace(checkpoint=None)


def pair(distance, species=(0, 0)):
    return Structure(
        origin="test",
        name="",
        species=np.array(species),
        energy=0.0,
        positions=np.array([[0.0, 0, 0], [0, 0, distance]]),
        cell=np.zeros((3, 3)),
        pbc=np.zeros(3, bool),
    )


def data(train, validation, symbols=("O", "H"), descriptor=None):
    parts = [
        SimpleNamespace(structures=StructureSet.from_structures(items))
        for items in (train, validation)
    ]
    return SimpleNamespace(
        species=Species(symbols),
        train=parts[0],
        validation=parts[1],
        descriptor=descriptor or Descriptor.of(mbp(symbols)),
    )


def test_it_ends_at_the_shortest_distance_of_all_data_or_where_bonds_are():
    of = data([pair(1.4), pair(0.9, (0, 1))], [pair(1.3), pair(3.5, (1, 1))])
    found = short_range_repulsion(ZBL, of, NEW)
    assert found.outer[0, 0] == pytest.approx(1.3)
    assert found.outer[0, 1] == found.outer[1, 0] == pytest.approx(0.9)
    assert found.outer[1, 1] == pytest.approx(0.62)  # twice hydrogen's covalent radius
    assert short_range_repulsion(NetworkConfig(), of, NEW) is None


def test_data_that_cannot_say_where_are_refused():
    without = data([pair(1.4)], [pair(1.3)])
    without.train.structures = SimpleNamespace(positions=None)
    with pytest.raises(ConfigError, match="have no positions in memory"):
        short_range_repulsion(ZBL, without, NEW)
    with pytest.raises(ConfigError, match="X1: no element"):
        short_range_repulsion(ZBL, data([pair(1.4)], [pair(1.3)], ("O", "X1")), NEW)
    with pytest.raises(ConfigError, match="needs the cutoffs of the descriptors"):
        short_range_repulsion(ZBL, data([pair(1.4)], [pair(1.3)], descriptor=Descriptor(8)), NEW)
