"""LAMMPS potentials: text and weights files, and what an export says."""

import math

import numpy as np
import pytest

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.descriptors.parameters import MBPParameters
from panna_exp.errors import NetworkError
from panna_exp.networks.descriptor import (
    descriptor_parameters,
    list_form,
    mbp_parameters,
    panna_keys,
    scalar_form,
)
from panna_exp.networks.formats import read_networks
from panna_exp.networks.lammps import read_lammps, write_lammps
from panna_exp.networks.layers import Activation, LayerData, NetworkData
from panna_exp.networks.network_set import NetworkSet

RNG = np.random.default_rng(5)
KEYS = {
    **{"eta_rad": 16.0, "Rc_rad": 4.6, "Rs0_rad": 0.5, "RsN_rad": 4, "Rsst_rad": 1.025},
    **{"eta_ang": 6.0, "Rc_ang": 3.1, "Rs0_ang": 0.5, "RsN_ang": 2, "Rsst_ang": 1.3},
    **{"zeta": 50.0, "ThetasN": 3},
}
SIZE = 2 * 4 + 3 * 2 * 3
HEADER = """[GVECT_PARAMETERS]
Nspecies = 2
species = H,O
"""


def make_network(symbol, kinds=(Activation.gaussian, Activation.linear), dtype=np.float32):
    layers = tuple(
        LayerData(
            RNG.normal(size=shape).astype(dtype), RNG.normal(size=shape[1]).astype(dtype), kind
        )
        for shape, kind in zip(((SIZE, 3), (3, 1)), kinds, strict=True)
    )
    return NetworkData(symbol, layers, offset={"H": -13.62, "O": -2041.84}[symbol])


def make_set(keys=None, **kwargs):
    networks = {symbol: make_network(symbol) for symbol in "HO"}
    return NetworkSet(networks=networks, gvect_params={**KEYS, **(keys or {})}, **kwargs)


def lines_of(path):
    return path.read_text().splitlines()


def test_export_is_read_back_with_the_offset_in_the_last_bias(tmp_path):
    networks = make_set(generation="C")
    export = write_lammps(networks, tmp_path)
    assert sorted(export.files) == sorted(tmp_path.iterdir())
    read = read_networks(tmp_path)
    assert (read.format, read.generation, read.species) == ("lammps", "C", ("H", "O"))
    assert read.gvect_params == KEYS
    assert read.descriptor_info["Thetas"] == pytest.approx(
        [math.pi * (q + 0.5) / 3 for q in (0, 1, 2)]
    )
    x = RNG.random((5, SIZE))
    for symbol, network in networks.networks.items():
        again = read.networks[symbol]
        assert again.offset == 0.0
        assert again.layers[0].identical(network.layers[0])
        error = np.abs(again.energy(x) - network.energy(x))
        assert error.max() == pytest.approx(export.rounding[symbol], rel=1e-6, abs=1e-11)
    assert 1e-6 < export.rounding["O"] < 2e-4
    assert len(export.notes) == 1
    assert f"O {export.rounding['O']:.1e} (largest for O)" in export.notes[0]


def test_keys_and_sections_come_in_any_order(tmp_path):
    write_lammps(make_set(), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    expected = read_lammps(tmp_path)
    blocks = (tmp_path / "panna.in").read_text().split("\n\n")
    turned = []
    for block in reversed(blocks):
        title, *keys = block.strip().split("\n")
        turned += [title.replace("[", "[ "), "# a comment", *sorted(keys, key=hash), ""]
    (tmp_path / "panna.in").write_text("\n".join(turned))
    assert turned[0] == "[ O]"
    read = read_lammps(tmp_path / "panna.in")
    assert read.species == ("H", "O")
    assert read.identical(expected)


def test_gversion_1_writes_every_centre_and_angle(tmp_path):
    networks = make_set()
    write_lammps(networks, tmp_path / "lists", gversion=1)
    lines = lines_of(tmp_path / "lists" / "panna.in")
    assert lines[:3] == ["!version = v1", "!gversion = 1", "[GVECT_PARAMETERS]"]
    assert "eta_ang = [6.0,6.0]" in lines
    assert "Rs_ang = [0.5,1.8]" in lines
    assert "zeta = [50,50,50]" in lines
    write_lammps(networks, tmp_path / "scalars")
    assert "Rs0_ang = 0.5" in lines_of(tmp_path / "scalars" / "panna.in")
    one, other = read_lammps(tmp_path / "lists"), read_lammps(tmp_path / "scalars")
    assert one.descriptor_info == other.descriptor_info
    assert one.networks["O"].identical(other.networks["O"])


def test_lists_go_back_to_scalars_where_they_are_uniform(tmp_path):
    parameters = MBPParameters.from_panna(("H", "O"), "C", **KEYS)
    networks = NetworkSet(networks=make_set().networks, descriptor_info=parameters.to_info())
    write_lammps(networks, tmp_path)
    assert read_lammps(tmp_path).gvect_params == pytest.approx(KEYS)
    uneven = {**parameters.to_info(), "zeta": [8.0, 50.0, 50.0]}
    assert scalar_form(MBPParameters.from_info(uneven)) is None
    networks = NetworkSet(networks=make_set().networks, descriptor_info=uneven)
    with pytest.raises(NetworkError, match="not uniform, which only gversion 1 can write"):
        write_lammps(networks, tmp_path, gversion=0)
    write_lammps(networks, tmp_path)
    read = read_lammps(tmp_path)
    assert read.gvect_params == list_form(MBPParameters.from_info(uneven))
    assert read.descriptor_info == uneven


def test_notes_name_what_the_plugin_does_not_do(tmp_path):
    networks = dict(make_set().networks)
    networks["O"] = make_network("O", (Activation.tanh, Activation.linear), np.float64)
    keys = {**KEYS, "zeta": 8.5, "Rsst_rad": 1.0}
    notes = write_lammps(NetworkSet(networks=networks, gvect_params=keys), tmp_path).notes
    for part in (
        "variant of the descriptors is not known",
        "zeta = 8.5: PANNA's plugin cuts it to the integer 8",
        "Rsst_rad = 1 is not (Rc - Rs0) / RsN = 1.025",
        "O has the activation tanh, unknown to PANNA's plugin",
        "O: float64 weights are rounded to float32",
    ):
        assert len([note for note in notes if part in note]) == 1
    assert len(notes) == 6


@pytest.mark.parametrize(
    ("networks", "kwargs", "message"),
    [
        (make_set(generation="A"), {}, "variant A, but PANNA's LAMMPS plugin computes variant"),
        (NetworkSet(networks=make_set().networks), {}, "parameters are not known, and panna.in"),
        (make_set({"RsN_rad": 5}), {}, "give 28 components, but the networks take 26"),
        (make_set(), {"gversion": 2}, "gversion is 2, expected 0 or 1"),
        (make_set(), {"file_name": "a/panna.in"}, "'a/panna.in' cannot be the name of a file"),
        (make_set({"zeta": "x"}), {}, "zeta must be a number or a list of numbers"),
    ],
)
def test_exports_that_would_be_wrong_are_refused(tmp_path, networks, kwargs, message):
    with pytest.raises(NetworkError, match=message):
        write_lammps(networks, tmp_path / "out", **kwargs)
    assert not list(tmp_path.iterdir())


def test_numbers_too_large_for_float32_are_refused(tmp_path):
    network = make_network("H", dtype=np.float64)
    network.layers[0].weights[0, 0] = 1e300
    keys = {**KEYS, "RsN_rad": SIZE - 6, "Rsst_rad": None}
    networks = NetworkSet(networks={"H": network}, gvect_params=keys)
    with pytest.raises(NetworkError, match="network, in float32: species H, layer 0: the weights"):
        write_lammps(networks, tmp_path / "out")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Nspecies = 2", "Nspecies = 3", "line 3: species = H,O are not Nspecies = 3"),
        ("species = H,O", "species = H,H", "are not Nspecies = 2 different symbols"),
        ("species = H,O", "species = H,C", r"species = H,C, but the section \[C\] is missing"),
        ("[O]", "[Os]\n[O]", r"H,O, but the section \[Os\] is not one of these"),
        ("[O]", "[O", r"line \d+: '\[O' is neither \[section\] nor key = value"),
        ("[O]", "[H]", r"line \d+: a second section \[H\]"),
        ("zeta = 50.0", "zetta = 50.0", r"line 14: unknown key 'zetta', did you mean 'zeta'"),
        ("zeta = 50.0\n", "", r"\[GVECT_PARAMETERS\]: missing: zeta"),
        ("zeta = 50.0", "zeta = 50.0\nzeta = 1", "line 15: 'zeta' for the second time"),
        ("zeta = 50.0", "zeta = 5O", "zeta: line 14: '5O' is not a number"),
        ("RsN_rad = 4", "RsN_rad = 4.5", "RsN_rad: line 7: '4.5' is not a whole number"),
        ("RsN_rad = 4", "RsN_rad = 0", "RsN_rad must be a whole number above 0"),
        ("Nlayers = 2", "Nlayers = 3", "2 sizes, but Nlayers is 3"),
        ("sizes = 3,1", "sizes = 4,1", r"H.dat: has 340 bytes, expected 452 for 26 descriptor"),
        ("sizes = 3,1", "sizes = -3,1", r"sizes \[-3, 1\] must be above 0"),
        ("activations = 1,0", "activations = 7,0", r"\[H\]: unknown activation 7"),
        ("weights_H.dat", "weights_X.dat", r"weights_X.dat: no such file \(weights of H"),
        ("[GVECT_PARAMETERS]", "[GVECT_PARAMS]", "is missing, did you mean 'GVECT_PARAMS'"),
        ("[GVECT_PARAMETERS]", "zeta = 1", "line 1: 'zeta = 1' is neither"),
        ("[GVECT_PARAMETERS]", "!gversion = 2\n[GVECT_PARAMETERS]", "!gversion is 2, expected 0"),
        ("[GVECT_PARAMETERS]", "!gversoin = 1\n[GVECT_PARAMETERS]", "did you mean '!gversion'"),
    ],
)
def test_mistakes_in_panna_in_are_named(tmp_path, old, new, message):
    write_lammps(make_set(), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    path = tmp_path / "panna.in"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(NetworkError, match=message) as caught:
        read_lammps(tmp_path)
    assert "\n" not in str(caught.value)


def test_lists_of_the_wrong_length_are_named(tmp_path):
    write_lammps(make_set(), tmp_path, gversion=1)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    path = tmp_path / "panna.in"
    path.write_text(path.read_text().replace("Rs_ang = [0.5,1.8]", "Rs_ang = [0.5]"))
    with pytest.raises(NetworkError, match="Rs_ang: line 14: 1 values, but RsN_ang is 2"):
        read_lammps(tmp_path)


def test_weights_cut_short_and_not_finite_are_named(tmp_path):
    write_lammps(make_set(), tmp_path)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    data = (tmp_path / "weights_O.dat").read_bytes()
    (tmp_path / "weights_O.dat").write_bytes(data[:-1])
    with pytest.raises(NetworkError, match=r"weights_O.dat: has 339 bytes, expected 340"):
        read_lammps(tmp_path)
    (tmp_path / "weights_O.dat").write_bytes(b"\xff" * len(data))
    with pytest.raises(NetworkError, match=r"weights_O.dat: species O, layer 0: the weights are"):
        read_lammps(tmp_path)
    with pytest.raises(NetworkError, match="no such file"):
        read_lammps(tmp_path / "absent")


def test_parameters_need_the_generation_where_files_do_not_say():
    networks = make_set()
    with pytest.raises(NetworkError, match=r"which variant .*: give descriptor.generation=A"):
        mbp_parameters(networks)
    assert mbp_parameters(networks, "A").thetas[0] == 0.0
    assert mbp_parameters(networks, "B").thetas[0] == pytest.approx(math.pi / 6)
    assert mbp_parameters(NetworkSet(networks=networks.networks)) is None
    unknown = {"type": "unknown", "size": SIZE}
    assert mbp_parameters(NetworkSet(networks=networks.networks, descriptor_info=unknown)) is None
    with pytest.raises(NetworkError, match="variant C, not A; energies would be meaningless"):
        mbp_parameters(make_set(generation="C"), "A")


def test_keys_for_panna_are_scalars_where_these_say_it_all():
    parameters = MBPParameters.from_panna(("H", "O"), "A", **KEYS)
    assert panna_keys(parameters) == pytest.approx(KEYS)
    uneven = {**parameters.to_info(), "zeta": [8.0, 50.0, 50.0]}
    assert panna_keys(MBPParameters.from_info(uneven))["zeta"] == [8.0, 50.0, 50.0]


def test_two_accounts_of_the_descriptor_must_agree():
    info = MBPParameters.from_panna(("H", "O"), "C", **KEYS).to_info()
    assert mbp_parameters(make_set(descriptor_info=info)).size == SIZE
    with pytest.raises(NetworkError, match=r"disagree: Rc_rad is 4.6 and 4.7"):
        mbp_parameters(make_set({"Rc_rad": 4.7}, descriptor_info=info))
    swapped = {**info, "species": ["O", "H"]}
    with pytest.raises(NetworkError, match="for the species O, H, but the networks are those of H"):
        mbp_parameters(NetworkSet(networks=make_set().networks, descriptor_info=swapped))
    with pytest.raises(NetworkError, match="descriptor type is 'PB'"):
        mbp_parameters(
            NetworkSet(networks=make_set().networks, generation="C", descriptor_info={"type": "PB"})
        )


def make_bp(**changes):
    keys = {"eta_rad": 1.0, "Rc_rad": 4.0, "Rs0_rad": 0.0, "eta_ang": 0.1, "zeta": 1.0}
    parameters = BPParameters.from_panna(("H", "O"), **keys, RsN_rad=10)
    assert parameters.size == SIZE
    info = {**parameters.to_info(), **changes}
    return NetworkSet(networks=make_set().networks, descriptor_info=info)


def test_bp_networks_say_theirs_and_are_not_for_lammps(tmp_path):
    networks = make_bp()
    assert descriptor_parameters(networks).to_info() == networks.descriptor_info
    both = (descriptor_parameters(make_set(generation="C")), mbp_parameters(make_set(), "C"))
    assert both[0] == both[1]
    with pytest.raises(NetworkError, match=r"made for BP descriptors, not for variant A of mBP"):
        descriptor_parameters(networks, "A")
    with pytest.raises(NetworkError, match=f"give {SIZE - 2} components, but the networks take"):
        descriptor_parameters(make_bp(Rs_rad=networks.descriptor_info["Rs_rad"][1:]))
    with pytest.raises(NetworkError, match="for the species O, H, but"):
        descriptor_parameters(make_bp(species=["O", "H"]))
    with pytest.raises(NetworkError, match=r"descriptor: zeta\[0\] must be"):
        descriptor_parameters(make_bp(zeta=[0.0]))
    with pytest.raises(NetworkError, match=r"was made for BP descriptors.*output_type=PANNA"):
        write_lammps(networks, tmp_path)
    assert not list(tmp_path.iterdir())


def test_altered_panna_in_gives_one_message_or_a_network(tmp_path):
    write_lammps(make_set(), tmp_path, gversion=1)
    (tmp_path / "SHA256SUMS").unlink()  # PANNA writes none
    path = tmp_path / "panna.in"
    original = path.read_bytes()
    rng = np.random.default_rng(7)
    refused = []
    for _ in range(200):
        data = bytearray(original)
        for position in rng.integers(0, len(data), 3):
            data[position] = rng.integers(0, 256)
        path.write_bytes(bytes(data))
        try:
            read_lammps(tmp_path)
        except NetworkError as error:
            refused.append(str(error))
    assert len(refused) > 150
    assert not [message for message in refused if "\n" in message]
