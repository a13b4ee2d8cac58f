"""``panna-exp evaluate network_dir=...`` gives the energies that PANNA gives for its networks."""

import numpy as np
import pytest

from panna_exp.commands.evaluation import evaluate
from panna_exp.config.schema import (
    DataConfig,
    EvaluateConfig,
    Generation,
    IoConfig,
    Precision,
)
from panna_exp.config.validation.commands import validate_evaluate
from panna_exp.errors import DataError
from panna_exp.networks.panna import read_panna

CASES = [
    ("eval_tutorial_a", "saved_weights", "data", "energies_offset.npy"),
    ("eval_unittest1_a", "saved_networks", "data", "energies_offset.npy"),
    ("eval_carbon_forces_a", "net_gauss", "../traj_forces_a/data", "energies_gauss.npy"),
    ("eval_carbon_forces_a", "net_relu", "../traj_forces_a/data", "energies_relu.npy"),
    ("eval_carbon_forces_a", "net_rbf", "../traj_forces_a/data", "energies_rbf.npy"),
]


def make_config(folder, network, data, out, precision):
    return EvaluateConfig(
        network_dir=str(folder / network),
        precision=precision,
        data=DataConfig(test=[str(folder / data)]),
        io=IoConfig(eval_dir=str(out)),
        batch_size=7,
    )


FORCE_CASES = [
    ("net_gauss", "forces_gauss.npy"),
    ("net_relu", "forces_relu.npy"),
    ("net_rbf", "forces_rbf.npy"),
]


@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.parametrize(
    ("precision", "atol"), [(Precision.float64, 1e-8), (Precision.float32, 2e-5)]
)
@pytest.mark.parametrize(("network", "expected"), FORCE_CASES)
def test_forces(shared, tmp_path, network, expected, precision, atol, sparse):
    folder = shared / "reference" / "eval_carbon_forces_a"
    config = make_config(folder, network, "../traj_forces_a/data", tmp_path, precision)
    config.compute_forces = True
    config.data.sparse_derivatives = sparse
    evaluate(config, tmp_path)
    found = np.loadtxt(tmp_path / "forces.dat", usecols=range(2, 5))
    np.testing.assert_allclose(found, np.load(folder / expected).reshape(-1, 3), rtol=0, atol=atol)


@pytest.mark.parametrize("sparse", [None, False])
def test_forces_of_sparse_derivatives(shared, tmp_path, sparse):
    folder = shared / "reference" / "eval_sparse_a"
    network = "../eval_tutorial_a/saved_weights"
    data = "../gv_sparse_water_a/tfr"
    config = make_config(folder, network, data, tmp_path, Precision.float64)
    config.data.zero_forces = "keep"
    config.data.sparse_derivatives = sparse
    config.compute_forces = True
    evaluate(config, tmp_path)
    found = np.loadtxt(tmp_path / "forces.dat", usecols=range(2, 5))
    expected = np.load(folder / "forces_sparse.npy").reshape(-1, 3)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
    assert_same_text(tmp_path / "forces.dat", folder / "forces_sparse.dat")


def assert_same_text(path, original, columns=(0, 1, 5, 6, 7)):
    """What PANNA copies from the data is the same text, and what it computes to 1e-8."""
    ours, theirs = path.read_text(), original.read_text()
    assert ours[-1] == theirs[-1] == "\n"
    header, *rows = (line.split(" ") for line in ours.splitlines())
    expected_header, *expected_rows = (line.split(" ") for line in theirs.splitlines())
    assert header == expected_header
    for row, expected in zip(rows, expected_rows, strict=True):
        assert len(row) == len(expected) == 8
        assert [row[i] for i in columns] == [expected[i] for i in columns]
        values = np.array([row[2:5], expected[2:5]], dtype=float)
        np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("network", ["gauss", "relu", "rbf"])
def test_text_of_forces(shared, tmp_path, network):
    folder = shared / "reference" / "eval_carbon_forces_a"
    config = make_config(
        folder, f"net_{network}", "../traj_forces_a/data", tmp_path, Precision.float64
    )
    config.compute_forces = True
    evaluate(config, tmp_path)
    assert_same_text(tmp_path / "forces.dat", folder / f"forces_{network}.dat")


def test_columns_of_an_evaluation_by_checkpoint(shared, tmp_path):
    """The original's samples, of networks that it did not keep: all but what these computed."""
    samples = shared / "reference/fmt_outputs_a"
    reference, data = shared / "reference", shared / "data"
    for name, network, source in (
        ("1000.dat.head", "eval_tutorial_a/saved_weights", "panna_tutorial/validate"),
        ("1000_forces.dat.head", "eval_carbon_forces_a/net_gauss", "panna_carbon/validation_set"),
    ):
        config = make_config(reference, network, data / source, tmp_path, Precision.float64)
        config.compute_forces = "forces" in name
        evaluate(config, tmp_path)
        file = "forces.dat" if config.compute_forces else "energies.dat"
        header, *ours = (tmp_path / file).read_text().splitlines()
        expected_header, *theirs = (samples / name).read_text().splitlines()
        assert header == expected_header
        computed = (2, 3, 4) if config.compute_forces else (3,)
        rows = {tuple(kept(line, computed)) for line in ours}
        assert len(theirs) in (5, 11)
        for line in theirs:
            assert tuple(kept(line, computed)) in rows


def kept(line, computed):
    """Columns but those, with 2.x's name of a structure without one for 1.x's."""
    name, *numbers = line.split(" ")
    columns = ["N.A." if name == "NA" else name, *numbers]
    return [text for index, text in enumerate(columns) if index not in computed]


def energies(path):
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    return np.array([float(row[3]) for row in rows])


@pytest.mark.parametrize(
    ("precision", "atol"), [(Precision.float64, 1e-8), (Precision.float32, 5e-4)]
)
@pytest.mark.parametrize(("case", "network", "data", "expected"), CASES)
def test_energies(shared, tmp_path, capsys, case, network, data, expected, precision, atol):
    folder = shared / "reference" / case
    config = make_config(folder, network, data, tmp_path, precision)
    validate_evaluate(config)
    evaluate(config, tmp_path)
    found = energies(tmp_path / "energies.dat")
    if "carbon" in case:  # its arrays are without the offset; 16 atoms
        found -= 16 * read_panna(folder / network).networks["C"].offset
    np.testing.assert_allclose(found, np.load(folder / expected), rtol=0, atol=atol)
    assert "constant" in capsys.readouterr().out


def test_positions_need_the_generation_that_pannas_files_do_not_name(shared, tmp_path, capsys):
    folder = shared / "reference" / "eval_tutorial_a"
    config = make_config(
        folder, "saved_weights", "../gv_tutorial_a/examples", tmp_path, Precision.float64
    )
    with pytest.raises(DataError, match=r"descriptor\.generation=A, B or C"):
        evaluate(config, tmp_path)
    assert not (tmp_path / "energies.dat").exists()
    errors = {}
    for generation in (Generation.A, Generation.C):
        config.descriptor.generation = generation
        evaluate(config, tmp_path)
        found = np.loadtxt(tmp_path / "energies.dat", usecols=(1, 2, 3))
        errors[generation] = np.abs((found[:, 2] - found[:, 1]) / found[:, 0]).mean() * 1000
    capsys.readouterr()
    # The network was trained on descriptors of generation A (meV/atom).
    assert errors[Generation.A] < 15 < 100 < errors[Generation.C]
