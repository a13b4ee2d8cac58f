import dataclasses
import json
import math
import subprocess
import sys

import pytest

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.info import difference, parameters_from_info, type_name
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import ConfigError, DataError
from panna_exp.units import BOHR

KEYS = {
    "eta_rad": [0.8, 4.0],
    "Rc_rad": 5.2,
    "Rs0_rad": 0.0,
    "RsN_rad": 3,
    "eta_ang": [0.02, 0.3],
    "Rc_ang": 5.5,
    "zeta": [1, 4, 16],
}


def made(species=("H", "C", "O"), **changes):
    keys = {**KEYS, **changes}
    keys = {key: value for key, value in keys.items() if value is not None}
    return BPParameters.from_panna(species, **keys)


@pytest.mark.parametrize(
    ("symbols", "radial", "angular"),
    [("H", 6, 12), ("HC", 12, 36), ("HCO", 18, 72), ("HCON", 24, 120)],
)
def test_sizes_are_right_for_any_number_of_species(symbols, radial, angular):
    found = made(tuple(symbols))
    assert (found.radial_size, found.angular_size) == (radial, angular)
    assert found.size == radial + angular


def test_values_of_pannas_keys():
    found = made(zeta=2, eta_rad=0.5, Rs0_rad=0.4, Rsst_rad=1.5)
    assert found.radial_centers == pytest.approx((0.4, 1.9, 3.4))
    assert (found.radial_eta, found.zeta) == ((0.5,), (2.0,))
    assert made().radial_centers == pytest.approx((0.0, 5.2 / 3, 10.4 / 3))
    listed = made(Rs0_rad=None, RsN_rad=None, Rs_rad_list=[0.7, 1.9])
    assert listed.radial_centers == (0.7, 1.9)


def test_what_the_angular_part_takes_from_the_radial_one():
    found = made(Rc_ang=None, eta_ang=None)
    assert found.cutoff_angular == 5.2
    assert found.angular_eta == (0.8, 4.0)


def test_bohr_converts_lengths_and_exponents():
    found = made(unit="bohr", Rsst_rad=1.0, Rc_ang=None)
    assert found.cutoff_radial == found.cutoff_angular == pytest.approx(5.2 * BOHR, rel=1e-14)
    assert found.radial_eta[1] == pytest.approx(4 / BOHR**2, rel=1e-14)
    assert found.radial_centers[2] == pytest.approx(2 * BOHR, rel=1e-14)
    assert found.zeta == (1.0, 4.0, 16.0)


def test_info_gives_equal_parameters_after_json():
    parameters = made(unit="bohr")
    info = json.loads(json.dumps(parameters.to_info()))
    assert info["type"] == "BP"
    assert BPParameters.from_info(info) == parameters
    assert parameters_from_info(info) == parameters
    assert type_name(parameters) == "BP"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"Rc_rad": 0.0}, "Rc_rad must be a number above 0, got 0.0"),
        ({"Rc_ang": "5"}, "Rc_ang must be a number above 0, got '5'"),
        ({"RsN_rad": 0}, "RsN_rad must be a whole number above 0, got 0"),
        ({"Rs0_rad": None}, r"Rs0_rad must be a number \(or give Rs_rad_list\), got None"),
        ({"Rs0_rad": 5.2}, "Rs0_rad must be below Rc_rad = 5.2, got 5.2"),
        ({"Rsst_rad": 4.0}, r"Rs_rad\[2\] must be a number from 0 to 5.2, got 8.0"),
        ({"Rs_rad_list": [1, 2]}, "RsN_rad is 3, but Rs_rad_list has 2 values"),
        ({"eta_rad": -1.0, "eta_ang": 1.0}, r"eta_rad\[0\] must be a number from 0, got -1.0"),
        ({"eta_ang": []}, r"eta_ang must be a list of numbers, got \(\)"),
        ({"eta_ang": [1.0, math.nan]}, r"eta_ang\[1\] must be a number from 0, got nan"),
        ({"zeta": "4"}, "zeta must be a number or a list of numbers, got '4'"),
        ({"zeta": [4, 0]}, r"zeta\[1\] must be a number above 0, got 0"),
        ({"species": ("H", "H")}, "species names H twice"),
    ],
)
def test_bad_values_are_named(changes, message):
    with pytest.raises(ConfigError, match=message) as caught:
        made(**changes)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith("descriptor: ")


def test_all_problems_are_reported_at_once_with_the_callers_name():
    with pytest.raises(ConfigError) as caught:
        made(Rc_rad=-1.0, zeta=0.0, where="gvect.ini")
    assert len(caught.value.problems) == 2
    assert all(item.startswith("gvect.ini: ") for item in caught.value.problems)
    with pytest.raises(ConfigError, match="did you mean 'bohr'"):
        made(unit="borh")


def test_direct_construction_is_checked_too():
    with pytest.raises(ConfigError, match=r"zeta must be a list of numbers, got 3.0"):
        dataclasses.replace(made(), zeta=3.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "mBP"}, "the descriptor type is 'mBP', expected 'BP'"),
        ({"Thetas": [1.0]}, "unknown key 'Thetas'"),
        ({"zeta": None}, "zeta must be a list of numbers, got None"),
    ],
)
def test_bad_info_is_named(change, message):
    with pytest.raises(DataError, match=f"^data.h5: .*{message}"):
        BPParameters.from_info({**made().to_info(), **change}, "data.h5")


def test_other_types_are_named():
    with pytest.raises(
        DataError, match=r"^x: the descriptor type is 'BPP', expected 'mBP' or 'BP'.*mean 'BP'"
    ):
        parameters_from_info({**made().to_info(), "type": "BPP"}, "x")
    with pytest.raises(DataError, match="type is None"):
        parameters_from_info({})
    with pytest.raises(DataError, match="'zeta' is missing"):
        parameters_from_info({"type": "mBP"})


def test_difference_names_both_values():
    assert difference(made(), made(eta_ang=[0.02, 0.3 * (1 + 1e-8)])) == []
    assert difference(made(), made(Rc_ang=5.0)) == ["Rc_ang is 5.5 and 5"]
    assert difference(made(), made(zeta=1)) == ["zeta is [1, 4, 16] and [1]"]
    other = MBPParameters.from_panna(
        ("H",), "C", eta_rad=1.0, Rc_rad=3.0, Rs_rad_list=[1.0], eta_ang=1.0, Rc_ang=3.0,
        Rs_ang_list=[1.0], zeta=2.0, ThetasN=1,
    )  # fmt: skip
    assert difference(made(), other) == ["type is BP and mBP"]
    assert difference(other, other) == []
    assert parameters_from_info(other.to_info()) == other


def test_no_torch_is_imported():
    code = "import sys, panna_exp.descriptors.info; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
