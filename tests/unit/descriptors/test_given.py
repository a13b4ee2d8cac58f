"""Options beside parameters that are known."""

import pytest

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.given import contradictions
from panna_exp.descriptors.parameters import MBPParameters

KEYS = {
    "eta_rad": 16.0, "Rc_rad": 4.6, "Rs0_rad": 0.5, "RsN_rad": 4,
    "eta_ang": 6.0, "Rc_ang": 3.1, "Rs0_ang": 0.5, "RsN_ang": 2, "zeta": 50.0, "ThetasN": 3,
}  # fmt: skip
MBP = MBPParameters.from_panna(("H", "O"), "C", **KEYS)
BP = BPParameters.from_panna(
    ("H", "O"), eta_rad=16.0, Rc_rad=4.6, Rs0_rad=0.5, RsN_rad=4, eta_ang=[0.1, 1], Rc_ang=3.5,
    zeta=[1, 4],
)  # fmt: skip


def test_what_made_them_is_no_contradiction():
    assert contradictions(MBP, {**KEYS, "generation": "C", "type": "mBP"}) == []
    lists = {
        "Rs_rad_list": [0.5, 1.525, 2.55, 3.575], "Rs_ang_list": [0.5, 1.8],
        "Thetas_list": [30, 90, 150], "Rsst_rad": 1.025, "zeta": [50, 50, 50],
    }  # fmt: skip
    assert contradictions(MBP, lists) == []
    assert contradictions(MBP, dict.fromkeys(KEYS)) == []
    assert contradictions(BP, {"eta_ang": [0.1, 1.0], "zeta": [1, 4], "eta_rad": 16}) == []


@pytest.mark.parametrize(
    ("known", "given", "found"),
    [
        (MBP, {"Rc_rad": 5}, ("Rc_rad", "4.6", "5")),
        (MBP, {"generation": "A"}, ("generation", "C", "A")),
        (MBP, {"type": "BP"}, ("type", "mBP", "BP")),
        (MBP, {"RsN_ang": 4}, ("RsN_ang", "2", "4")),
        (MBP, {"zeta": [50, 40, 50]}, ("zeta", "50", "[50, 40, 50]")),
        (MBP, {"Rs_ang_list": [0.5]}, ("Rs_ang_list", "[0.5, 1.8]", "0.5")),
        (MBP, {"Rc_ang": "3.1"}, ("Rc_ang", "3.1", "3.1")),  # no number
        (BP, {"zeta": [1, 4, 16]}, ("zeta", "[1, 4]", "[1, 4, 16]")),
        (BP, {"zeta": 1}, ("zeta", "[1, 4]", "1")),
        (BP, {"ThetasN": 8}, ("ThetasN", "no such parameter", "8")),
        (BP, {"generation": "C"}, ("generation", "no such parameter", "C")),
    ],
)
def test_other_values_are_named_with_both(known, given, found):
    assert contradictions(known, {"Rc_rad": 4.6, **given}) == [found]


def test_lists_with_different_values():
    several = MBPParameters.from_panna(("H",), "C", **{**KEYS, "eta_rad": [1.0, 2.0, 3.0, 4.0]})
    assert contradictions(several, {"eta_rad": [1, 2, 3, 4.0000001]}) == []
    assert contradictions(several, {"eta_rad": 16.0}) == [("eta_rad", "[1, 2, 3, 4]", "16")]
