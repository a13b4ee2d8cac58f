"""--reference-energies: forms, and mistakes in one line."""

import pytest

from panna_exp.elements import Species
from panna_exp.errors import ConfigError
from panna_exp.runs.given_energies import energies_for, energies_of


@pytest.mark.parametrize(
    "text",
    ["{H: -13.5, O: -2041}", "H:-13.5,O:-2.041e3", "H=-13.5, O=-2041", "{'H': -13.5,O:-2041}"],
)
def test_forms(text):
    assert energies_of(text) == {"H": -13.5, "O": -2041.0}


def test_a_fit_and_nothing_are_no_energies():
    assert energies_of("fit") is None
    assert energies_of(None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{H}", "'H' is not the energy of a species: expected"),
        ("{H: high}", "'H: high' is not the energy of a species"),
        ("", "'' is not the energy of a species"),
        ("{h: 1}", "'h' is not a chemical symbol, did you mean 'H'"),
    ],
)
def test_mistakes(text, message):
    with pytest.raises(ConfigError, match=message):
        energies_of(text)


def test_every_species_needs_one():
    assert energies_for(Species(("O", "H")), {"H": 1.0, "O": 2.0, "C": 3.0}) == [2.0, 1.0]
    with pytest.raises(ConfigError, match="has no energy of O, which the data have"):
        energies_for(Species(("H", "O")), {"H": 1.0})
