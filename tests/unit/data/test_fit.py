import numpy as np
import pytest

from panna_exp.data.fit import fit_reference_energies
from panna_exp.data.structures import Structure, StructureSet


def structures(*rows):
    """Structures of (species, energy)."""
    return StructureSet.from_structures(
        Structure(origin="x", name="", species=np.array(species), energy=energy)
        for species, energy in rows
    )


def test_energies_that_a_sum_explains_are_found_exactly():
    true = np.array([-13.62, 0.0, -2041.84])
    rows = [[0], [0, 0, 2], [2, 2], [0, 2, 2]]
    found = fit_reference_energies(structures(*[(row, true[row].sum()) for row in rows]), 3)
    assert found.energies == pytest.approx(true, abs=1e-10)
    assert found.energies[1] == 0.0  # nobody has it
    assert found.residual == pytest.approx(0, abs=1e-11)
    assert (found.rank, found.num_present, found.is_determined) == (2, 2, True)


def test_isolated_atoms_are_exact_and_the_rest_is_fitted():
    atom = {"positions": np.zeros((1, 3))}
    water = {"positions": np.eye(3)}
    items = StructureSet.from_structures(
        [
            Structure(origin="x", name="", species=np.array(s), energy=e, **place)
            for s, e, place in (
                ([0], -13.6, atom),
                ([0], -13.5, atom),
                ([0, 0, 1], -470.0, water),
                ([0, 0, 1], -469.8, water),
            )
        ]
    )
    found = fit_reference_energies(items, 3)
    assert found.energies == pytest.approx([-13.6, -469.9 + 27.2, 0])
    assert found.isolated.tolist() == [True, False, False]
    assert (found.rank, found.num_present, found.is_determined) == (2, 2, True)
    assert found.ambiguous.tolist() == [True, False, False]
    assert found.spread[0] == pytest.approx(0.1)


def test_each_structure_counts_alike_whatever_its_size():
    # Per atom: -1, -1 and -4; the mean is what least squares gives.
    found = fit_reference_energies(structures(([0], -1.0), ([0], -1.0), ([0] * 10, -40.0)), 1)
    assert found.energies == pytest.approx([-2.0])
    assert found.residual == pytest.approx([1, 1, -2])
    assert found.rms == pytest.approx(np.sqrt(2))


def test_alike_compositions_do_not_determine_the_energies():
    found = fit_reference_energies(structures(([0, 0, 1], -10.0), ([0, 0, 1] * 2, -20.0)), 2)
    assert (found.rank, found.num_present, found.is_determined) == (1, 2, False)
    assert found.undetermined.tolist() == [True, True]
    assert 2 * found.energies[0] + found.energies[1] == pytest.approx(-10)
    assert found.residual == pytest.approx(0, abs=1e-12)
