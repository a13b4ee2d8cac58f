"""Networks on disk against what PANNA itself wrote and computed."""

import hashlib
import json

import numpy as np
import pytest

from panna_exp.networks.descriptor import mbp_parameters
from panna_exp.networks.formats import read_networks
from panna_exp.networks.lammps import write_lammps
from panna_exp.networks.layers import Activation, LayerData
from panna_exp.networks.metadata import read_metadata
from panna_exp.networks.panna import metadata_text, write_panna

FOLDERS_1X = [
    "reference/eval_carbon_forces_a/net_gauss",
    "reference/eval_carbon_forces_a/net_relu",
    "reference/eval_tutorial_a/saved_weights",
    "reference/lmp_export_a/panna_format",
    "reference/lmp_slab2d_a/panna_format",
    "reference/lmp_triclinic2_a/panna_format",
    "reference/traj_energy_a/init_networks",
    "reference/traj_forces_a/init_networks",
    "reference/traj_reg_a/init_networks",
]
# Folders whose files we write under other names, or (net_rbf) in C instead of Fortran order.
OTHERS = [
    "reference/eval_carbon_forces_a/net_rbf",
    "reference/eval_unittest1_a/saved_networks",
    "data/panna_extra/unittest2_networks",
]
POTENTIALS = ["lmp_gversion1_a", "lmp_pmol_a", "lmp_slab2d_a", "lmp_triclinic2_a"]


def same_files(written, expected):
    """Besides them a folder of ours has checksums, which PANNA does not look at."""
    names = sorted(path.name for path in expected.iterdir())
    assert sorted(path.name for path in written.iterdir() if path.name != "SHA256SUMS") == names
    for name in names:
        assert (written / name).read_bytes() == (expected / name).read_bytes(), name


@pytest.mark.parametrize("activation", ["linear", "gaussian", "rbf", "relu", "tanh"])
def test_layers(shared, activation):
    case = shared / "reference" / "layers_a"
    load = {name: np.load(case / f"{name}.npy") for name in ("x", "w", "b", "dx")}
    layer = LayerData(load["w"], load["b"], Activation.parse(activation))
    out = layer.forward(load["x"])
    np.testing.assert_allclose(out, np.load(case / f"out_{activation}.npy"), rtol=0, atol=1e-12)
    if activation == "tanh":
        return  # the original has no derivative of it here
    # The Jacobian one output at a time, contracted with the directions.
    jacobian = np.stack(
        [layer.backward(load["x"], np.tile(row, (len(out), 1))) for row in np.eye(out.shape[1])],
        axis=1,
    )
    directional = np.einsum("njk,ndk->ndj", jacobian, load["dx"])
    expected = np.load(case / f"dout_{activation}.npy")
    np.testing.assert_allclose(directional, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("folder", FOLDERS_1X)
def test_1x_folders_are_written_byte_for_byte(shared, tmp_path, folder):
    networks = read_networks(shared / folder)
    assert networks.format == "panna1"
    assert networks.generation is None
    write_panna(networks, tmp_path / "out", version=1)
    same_files(tmp_path / "out", shared / folder)


@pytest.mark.parametrize("folder", FOLDERS_1X + OTHERS)
def test_1x_to_2x_changes_no_bit(shared, tmp_path, folder):
    networks = read_networks(shared / folder)
    write_panna(networks, tmp_path / "out")
    read = read_networks(tmp_path / "out")
    assert read.format == "panna2"
    assert read.identical(networks)


@pytest.mark.parametrize("name", ["train_dir", "train2_train_dir"])
def test_metadata_of_a_1x_training_directory(shared, name):
    path = shared / "reference" / "fmt_outputs_a" / f"networks_metadata.json.{name}"
    spec = read_metadata(path)
    deep = name == "train2_train_dir"
    assert spec.networks[0].sizes == ((128, 32, 32, 1) if deep else (128, 32, 1))
    assert spec.networks[2].trainable == (not deep,) * 3
    assert spec.networks[2].offset == -2041.84
    assert {item.files for item in spec.networks} == {None}
    if not deep:
        networks = read_networks(shared / "reference" / "eval_tutorial_a" / "saved_weights")
        text = metadata_text(networks, version=1, files=False)
        assert json.loads(path.read_text()).items() < json.loads(text).items()
        assert text.startswith(path.read_text()[:-1])


@pytest.mark.parametrize(
    ("case", "folder", "names"),
    [("lmp_export_a", "panna_format", None), ("eval_tutorial_a", "saved_weights", "sha256")],
)
def test_lammps_export_is_byte_identical(shared, tmp_path, case, folder, names):
    export = write_lammps(read_networks(shared / "reference" / case / folder), tmp_path / "out")
    if names is None:
        same_files(tmp_path / "out", shared / "reference" / case / "lammps_export")
    stated = json.loads((shared / "reference" / "lmp_export_a" / "case.json").read_text())
    expected = stated["sha256" if names is None else "sha256_tutorial"]
    pannas = [path for path in export.files if path.name != "SHA256SUMS"]
    for path in pannas:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == expected[path.name], path.name
    assert len(pannas) == len(expected) == 5
    # The formats page: 7e-5 eV on a water molecule.
    water = 2 * export.rounding["H"] + export.rounding["O"]
    assert 5e-5 < water < 8e-5


@pytest.mark.parametrize("case", POTENTIALS)
def test_lammps_potentials_survive_a_round_trip(shared, tmp_path, case):
    folder = shared / "reference" / case / "network"
    networks = read_networks(folder)
    assert networks.generation == "C"
    assert mbp_parameters(networks).size == networks.feature_size
    write_lammps(networks, tmp_path / "out")
    same_files(tmp_path / "out", folder)


def test_the_order_of_keys_does_not_matter(shared, tmp_path):
    case = shared / "reference" / "lmp_pmol_a"
    for path in (case / "network").glob("*.dat"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "panna.in").write_bytes((case / "panna.in.as_shipped").read_bytes())
    assert read_networks(tmp_path).identical(read_networks(case / "network"))


def test_lists_and_scalars_describe_the_same(shared, tmp_path):
    case = shared / "reference" / "lmp_gversion1_a"
    scalars = read_networks(shared / "reference" / "lmp_triclinic2_a" / "network")
    write_lammps(scalars, tmp_path, gversion=1)
    text = (tmp_path / "panna.in").read_text()
    assert text == (case / "panna_uniform.in").read_text()
    assert read_networks(tmp_path).descriptor_info == scalars.descriptor_info
    lists = read_networks(case / "network")
    assert lists.gvect_params["zeta"] == [8, 12, 16, 24, 32, 40]
    assert lists.gvect_params["Thetas"][0] == 0.16293217114652248
    assert lists.networks["Si"].identical(scalars.networks["Si"])


@pytest.mark.parametrize("case", ["lmp_slab2d_a", "lmp_triclinic2_a"])
def test_lammps_potentials_are_the_folders_they_came_from(shared, case):
    folder = read_networks(shared / "reference" / case / "panna_format")
    potential = read_networks(shared / "reference" / case / "network")
    x = np.random.default_rng(0).random((10, folder.feature_size))
    for symbol, network in folder.networks.items():
        assert potential.networks[symbol].activations == network.activations
        np.testing.assert_allclose(
            potential.networks[symbol].energy(x), network.energy(x), rtol=0, atol=1e-6
        )
