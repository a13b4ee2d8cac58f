import pytest

from panna_exp.elements import Species


@pytest.mark.parametrize(
    ("counts", "formula"),
    [
        ({"H": 3, "N": 1}, "NH3"),
        ({"H": 2, "O": 1}, "H2O"),
        ({"O": 1, "H": 6, "C": 2}, "C2H6O"),
        ({"H": 1, "C": 1, "N": 1}, "CHN"),
        ({"O": 2, "C": 1}, "CO2"),
        ({"C": 1, "Si": 1}, "SiC"),
        ({"O": 3, "C": 1, "Ca": 1}, "CaCO3"),
        ({"As": 4, "Ga": 4}, "Ga4As4"),
        ({"Cl": 1, "H": 1}, "HCl"),
        ({"H": 1, "Li": 1}, "LiH"),
        ({"O": 3, "Ti": 1, "Ba": 1}, "BaTiO3"),
        ({"H": 0, "O": 2}, "O2"),
    ],
)
def test_formulas_are_those_of_chemists(counts, formula):
    assert Species(tuple(counts)).formula(list(counts.values())) == formula
