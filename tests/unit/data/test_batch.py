import numpy as np
import torch

from panna_exp.data.batch import PackedData
from panna_exp.data.structures import Structure, StructureSet

SPECIES = ([2, 0, 0], [1], [0, 1, 0, 2, 1])


def make_set():
    random = np.random.default_rng(0)
    return StructureSet.from_structures(
        Structure(
            origin=f"file, structure {number}",
            name="",
            species=np.array(species),
            energy=float(number),
            descriptors=random.normal(size=(len(species), 4)).astype(np.float32),
        )
        for number, species in enumerate(SPECIES)
    )


def make_packed():
    structures = make_set()
    cpu = torch.device("cpu")
    return structures, PackedData(structures, structures.energy, 3, torch.float32, cpu)


def test_atoms_come_sorted_by_species_with_the_structure_they_belong_to():
    structures, packed = make_packed()
    batch = packed.batch(np.array([2, 0]))
    assert batch.species_counts == (4, 2, 2)
    assert batch.structure.tolist() == [0, 0, 1, 1, 0, 0, 0, 1]
    assert batch.num_atoms.tolist() == [5, 3]
    assert batch.energy.tolist() == [2, 0]
    rows = [4, 6, 1, 2, 5, 8, 7, 0]  # of the set's atoms
    np.testing.assert_array_equal(batch.descriptors.numpy(), structures.descriptors[rows])


def test_sums_by_structure():
    _, packed = make_packed()
    batch = packed.batch(np.array([2, 0]))
    sums = batch.sum_by_structure(torch.arange(8.0))
    assert sums.tolist() == [0 + 1 + 4 + 5 + 6, 2 + 3 + 7]


def test_a_batch_of_many_equals_batches_of_one():
    _, packed = make_packed()
    whole = packed.batch(np.arange(3))
    weights = torch.arange(4.0)
    together = whole.sum_by_structure(whole.descriptors @ weights)
    single = [packed.batch(np.array([number])) for number in range(3)]
    apart = torch.cat([b.sum_by_structure(b.descriptors @ weights) for b in single])
    torch.testing.assert_close(together, apart)


def test_a_batch_of_the_whole_set_is_the_gathered_one():
    _, packed = make_packed()
    (whole,) = packed.batches(3)
    assert list(packed.batches(3, first=1, every=2)) == []  # of a second process
    gathered = packed.batch(np.arange(3))
    assert whole.species_counts == gathered.species_counts
    for name in ("structure", "num_atoms", "energy", "descriptors"):
        assert torch.equal(getattr(whole, name), getattr(gathered, name)), name
    assert whole.forces is whole.loss_weights is None


def test_batches_cover_the_set_in_order():
    _, packed = make_packed()
    energies = torch.cat([batch.energy for batch in packed.batches(2)])
    assert energies.tolist() == [0, 1, 2]
