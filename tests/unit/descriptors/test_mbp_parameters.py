import dataclasses
import json
import math
import subprocess
import sys

import pytest
import torch

from panna_exp.descriptors.info import difference
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError, DataError
from panna_exp.units import BOHR

TUTORIAL = {
    "eta_rad": 16.0,
    "Rc_rad": 4.6,
    "Rs0_rad": 0.5,
    "RsN_rad": 16,
    "eta_ang": 6.0,
    "Rc_ang": 3.1,
    "Rs0_ang": 0.5,
    "RsN_ang": 4,
    "Rsst_ang": 0.65,
    "zeta": 50.0,
    "ThetasN": 8,
}


def tutorial(generation="C", **changes):
    keys = {**TUTORIAL, **changes}
    keys = {key: value for key, value in keys.items() if value is not None}
    return MBPParameters.from_panna(["H", "C", "O", "N"], generation, **keys)


def test_the_tutorials_parameters_give_384_components():
    found = tutorial()
    assert (found.size, found.radial_size, found.angular_size) == (384, 64, 320)
    assert found.radial_centers[1] == pytest.approx(0.75625)
    assert found.angular_centers == pytest.approx((0.5, 1.15, 1.8, 2.45))
    assert found.zeta == (50.0,) * 8


@pytest.mark.parametrize(("generation", "shift"), [("A", 0.0), ("B", 0.5), ("C", 0.5)])
def test_angles_of_the_generations(generation, shift):
    expected = [math.pi * (q + shift) / 8 for q in range(8)]
    assert tutorial(generation).thetas == pytest.approx(expected)


def test_a_step_that_divides_the_range_gives_no_extra_centre():
    # 0.5 + 41 * 0.1 = 4.6 by arange; by index there are as many as asked for.
    found = tutorial(RsN_rad=41, Rsst_rad=0.1)
    assert len(found.radial_centers) == 41


def test_bohr_converts_lengths_and_exponents_and_explicit_steps():
    found = tutorial(unit="bohr", Rsst_ang=0.6)
    assert found.cutoff_radial == pytest.approx(4.6 * BOHR, rel=1e-14)
    assert found.radial_eta[0] == pytest.approx(16 / BOHR**2, rel=1e-14)
    assert found.angular_centers[1] == pytest.approx((0.5 + 0.6) * BOHR, rel=1e-14)
    assert found.zeta[0] == 50


def test_lists_replace_counts_and_steps():
    found = tutorial(
        Rs0_rad=None,
        RsN_rad=None,
        Rs_rad_list=[0.7, 1.9],
        eta_rad=[3.0, 5.0],
        ThetasN=2,
        Thetas_list=[0.0, 180.0],
        zeta=[4.0, 9.5],
    )
    assert found.radial_centers == (0.7, 1.9)
    assert found.radial_eta == (3.0, 5.0)
    assert found.thetas == (0.0, math.pi)
    assert found.zeta == (4.0, 9.5)


@pytest.mark.parametrize("unit", ["angstrom", "bohr"])
def test_info_gives_equal_parameters_after_json(unit):
    made = tutorial("B", unit=unit, Thetas_list=[10.0 / 3 * q for q in range(8)])
    info = json.loads(json.dumps(made.to_info()))
    assert MBPParameters.from_info(info) == made


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Rc_rad": 0.0}, "Rc_rad must be a number above 0, got 0.0"),
        ({"Rc_rad": "4.6"}, "Rc_rad must be a number above 0, got '4.6'"),
        ({"Rc_ang": math.nan}, "Rc_ang must be a number above 0, got nan"),
        ({"RsN_rad": 0}, "RsN_rad must be a whole number above 0, got 0"),
        ({"ThetasN": 7.5}, "ThetasN must be a whole number above 0, got 7.5"),
        ({"RsN_ang": None}, "RsN_ang must be a whole number above 0, got None"),
        ({"Rs0_rad": None}, r"Rs0_rad must be a number \(or give Rs_rad_list\), got None"),
        ({"Rs0_rad": 4.6}, "Rs0_rad must be below Rc_rad = 4.6, got 4.6"),
        ({"Rsst_ang": -0.1}, "Rsst_ang must be a number above 0, got -0.1"),
        ({"Rsst_rad": 1.0}, r"Rs_rad\[5\] must be a number from 0 to 4.6, got 5.5"),
        ({"Rs_ang_list": [-0.1, 1, 2, 3]}, r"Rs_ang\[0\] must be a number from 0 to 3.1"),
        ({"Rs_ang_list": [1, 2, 3]}, "RsN_ang is 4, but Rs_ang_list has 3 values"),
        ({"eta_rad": [1.0, 2.0]}, "eta_rad has 2 values, expected one number or 16 values"),
        ({"eta_ang": -6.0}, r"eta_ang\[0\] must be a number above 0, got -6.0"),
        ({"zeta": "50"}, "zeta must be a number or a list of numbers, got '50'"),
        ({"Thetas_list": [200.0] * 8}, r"Thetas\[0\] must be a number from 0 to 3.14159"),
        ({"generation": "D"}, "generation must be one of A, B, C, got 'D'"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        tutorial(**changes)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("descriptor: ")


def test_all_problems_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        tutorial("X", Rc_rad=-1.0, RsN_ang=0, zeta=0.0)
    assert len(caught.value.problems) == 4


def test_the_caller_names_the_place():
    with pytest.raises(ConfigError, match=r"^gvect\.ini: Rc_rad must be"):
        tutorial(Rc_rad=0.0, where="gvect.ini")


def test_an_unknown_unit_is_refused():
    with pytest.raises(ConfigError, match=r"unknown length unit 'borh'.*did you mean 'bohr'"):
        tutorial(unit="borh")


def test_species_are_checked():
    with pytest.raises(ConfigError, match="species names H twice"):
        MBPParameters.from_panna(["H", "H"], "C", **TUTORIAL)
    with pytest.raises(ConfigError, match="species is empty"):
        MBPParameters.from_panna([], "C", **TUTORIAL)


def test_direct_construction_is_checked_too():
    with pytest.raises(ConfigError, match="eta_rad has 1 values, but Rs_rad has 16"):
        dataclasses.replace(tutorial(), radial_eta=(16.0,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "BP"}, "the descriptor type is 'BP', expected 'mBP'"),
        ({"Thetass": [1.0]}, "unknown key 'Thetass', did you mean 'Thetas'"),
        ({"zeta": None}, "zeta must be a list of numbers, got None"),
        ({"Rc_rad": "4.6"}, "Rc_rad must be a number above 0, got '4.6'"),
        ({"generation": "unknown"}, "generation must be one of A, B, C, got 'unknown'"),
    ],
)
def test_bad_info_is_named(change, message):
    with pytest.raises(DataError, match=f"^data.h5: .*{message}"):
        MBPParameters.from_info({**tutorial().to_info(), **change}, "data.h5")


def test_missing_info_is_named():
    info = tutorial().to_info()
    del info["zeta"], info["species"]
    with pytest.raises(DataError, match="'species' is missing; 'zeta' is missing"):
        MBPParameters.from_info(info)


def test_difference_names_both_values():
    assert difference(tutorial(), tutorial()) == []
    assert difference(tutorial(), tutorial(zeta=50.0 * (1 + 1e-8))) == []
    assert difference(tutorial("A"), tutorial("C"))[0] == "generation is A and C"
    assert difference(tutorial(), tutorial(zeta=32)) == ["zeta is 8 times 50 and 8 times 32"]
    assert difference(tutorial(), tutorial(Rc_rad=4.7, Rsst_rad=0.25625)) == [
        "Rc_rad is 4.6 and 4.7"
    ]
    assert any("Rs_ang" in line for line in difference(tutorial(), tutorial(RsN_ang=3)))


def test_no_torch_is_imported():
    code = "import sys, panna_exp.descriptors.parameters; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_zero_is_refused_also_where_denormal_numbers_are_flushed():
    try:
        torch.set_flush_denormal(True)
        with pytest.raises(ConfigError, match=r"zeta.* must be a number above 0, got 0"):
            tutorial(zeta=0.0)
    finally:
        torch.set_flush_denormal(False)
