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
from panna_exp.config.validate import validate_evaluate
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
