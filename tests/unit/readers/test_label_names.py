import pytest

from panna_exp.readers.label_names import Label, label_of


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("energy", Label.ENERGY),
        ("REF_energy", Label.ENERGY),
        ("dft_total_energy", Label.ENERGY),
        ("free_energy", Label.ENERGY),
        ("energies", Label.ENERGY),
        ("Energy", Label.ENERGY),
        ("dft_forces", Label.FORCES),
        ("force", Label.FORCES),
        ("PBE-D3.gradient", Label.GRADIENT),
        ("REF_stress", Label.STRESS),
        ("virials", Label.VIRIAL),
        ("dft_virial", Label.VIRIAL),
        ("virial_stress", None),
        ("kinetic_energy", None),
        ("energy_per_atom", None),
        ("formation_energy", None),
        ("energy_weight", None),
        ("e0", None),
        ("", None),
    ],
)
def test_names_of_other_programs(name, label):
    assert label_of(name) is label
