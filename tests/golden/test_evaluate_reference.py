"""PANNA's own evaluation inputs, run by ``panna-evaluate``, and the same by ``panna-exp evaluate``.

Energies and forces are those that PANNA computed; its text files are the same to what it copied.
"""

import os

import numpy as np
import pytest

CARBON = "../traj_forces_a/data"
# case, input and result, network, data, whether there are forces.
CASES = [
    ("eval_tutorial_a", "offset", "saved_weights", "data", False),
    ("eval_unittest1_a", "offset", "saved_networks", "data", False),
    ("eval_unittest1_a", "nooffset", "saved_networks", "data", False),
    ("eval_carbon_forces_a", "gauss", "net_gauss", CARBON, True),
    ("eval_carbon_forces_a", "relu", "net_relu", CARBON, True),
    ("eval_carbon_forces_a", "rbf", "net_rbf", CARBON, True),
    (
        "eval_sparse_a",
        "sparse",
        "../eval_tutorial_a/saved_weights",
        "../gv_sparse_water_a/tfr",
        True,
    ),
]


@pytest.fixture
def lay_out(shared, tmp_path):
    """Puts a case's data and networks where its inputs expect them; returns the case's folder."""

    def linked(case, network, data):
        folder = shared / "reference" / case
        for name, source in (("data", data), ("saved_networks", network)):
            os.symlink(folder / source, tmp_path / name)
        return folder

    return linked


def energies(path):
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    return np.array([float(row[3]) for row in rows])


def forces(path):
    return np.loadtxt(path, usecols=range(2, 5))


@pytest.mark.parametrize(("case", "result", "network", "data", "with_forces"), CASES)
def test_pannas_own_inputs(program, lay_out, case, result, network, data, with_forces):
    folder = lay_out(case, network, data)
    done = program.run("panna-evaluate", "-c", str(folder / f"eval_{result}.ini"))
    assert "PANNA 1.x, by" in done.stdout
    assert "constant" in done.stdout
    out = program.folder / "eval"
    found, expected = energies(out / "energies.dat"), np.load(folder / f"energies_{result}.npy")
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
    assert_same_text(out / "energies.dat", folder / f"energies_{result}.dat", computed=(3,))
    assert (out / "forces.dat").exists() == with_forces
    if with_forces:
        found = forces(out / "forces.dat")
        expected = np.load(folder / f"forces_{result}.npy").reshape(-1, 3)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)
        assert_same_text(out / "forces.dat", folder / f"forces_{result}.dat", computed=(2, 3, 4))


def assert_same_text(path, original, computed):
    """What PANNA copies from the data is the same text, and what it computes to 1e-8."""
    header, *rows = (line.split(" ") for line in path.read_text().splitlines())
    expected_header, *expected_rows = (
        line.split(" ") for line in original.read_text().splitlines()
    )
    assert header == expected_header
    for row, expected in zip(rows, expected_rows, strict=True):
        assert len(row) == len(expected)
        copied = [i for i in range(len(row)) if i not in computed]
        assert [row[i] for i in copied] == [expected[i] for i in copied]
        values = np.array([[line[i] for i in computed] for line in (row, expected)], dtype=float)
        np.testing.assert_allclose(values[0], values[1], rtol=0, atol=1e-8)


@pytest.mark.parametrize("stored", ["true", "false"], ids=["sparse", "dense"])
@pytest.mark.parametrize(("case", "result", "network", "data", "with_forces"), CASES)
def test_in_single_precision(program, lay_out, case, result, network, data, with_forces, stored):
    folder = lay_out(case, network, data)
    add_offset = str(result in ("offset", "sparse")).lower()
    program.run(
        *("evaluate", "network_dir=saved_networks", "data.test=data", "io.eval_dir=out"),
        *("batch_size=7", "precision=float32", f"compute_forces={str(with_forces).lower()}"),
        *(f"data.sparse_derivatives={stored}", f"add_offset={add_offset}", "panna_version=1"),
    )
    found = energies(program.folder / "out/energies.dat")
    expected = np.load(folder / f"energies_{result}.npy")
    tolerance = 5e-4 if add_offset == "true" else 5e-5
    np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance)
    if with_forces:
        expected = np.load(folder / f"forces_{result}.npy").reshape(-1, 3)
        found = forces(program.folder / "out/forces.dat")
        # The case's tolerance, and 17 units in the last place: MKL_CBWR=STRICT, which
        # makes resuming exact, sums products in another order (2.01e-5 of 0.96; 1.84e-5 without).
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-5)


@pytest.mark.parametrize(
    ("name", "network", "source"),
    [
        ("1000.dat.head", "eval_tutorial_a/saved_weights", "panna_tutorial/validate"),
        ("1000_forces.dat.head", "eval_carbon_forces_a/net_gauss", "panna_carbon/validation_set"),
    ],
)
def test_columns_of_an_evaluation_by_checkpoint(program, shared, name, network, source):
    """The original's samples, of networks that it did not keep: all but what these computed."""
    with_forces = "forces" in name
    program.run(
        *("evaluate", f"network_dir={shared}/reference/{network}", "precision=float64"),
        *(f"data.test={shared}/data/{source}", f"compute_forces={str(with_forces).lower()}"),
        "io.eval_dir=out",
    )
    file = "forces.dat" if with_forces else "energies.dat"
    header, *ours = (program.folder / "out" / file).read_text().splitlines()
    sample = shared / "reference/fmt_outputs_a" / name
    expected_header, *theirs = sample.read_text().splitlines()
    assert header == expected_header
    computed = (2, 3, 4) if with_forces else (3,)
    rows = {tuple(kept(line, computed)) for line in ours}
    assert len(theirs) in (5, 11)
    for line in theirs:
        assert tuple(kept(line, computed)) in rows


def kept(line, computed):
    """Columns but those, with 2.x's name of a structure without one for 1.x's."""
    name, *numbers = line.split(" ")
    columns = ["N.A." if name == "NA" else name, *numbers]
    return [text for index, text in enumerate(columns) if index not in computed]


VALIDATION = """[IO_INFORMATION]
data_dir = ./data
networks_dir = ./run/_models
eval_dir = ./eval
input_format = example
gvect_ini = gvect.ini
[VALIDATION_OPTIONS]
single_step = True
"""
GVECT = """[IO_INFORMATION]
input_json_dir = ./data
[SYMMETRY_FUNCTION]
type = mBP
species = H, C, O, N
[GVECT_PARAMETERS]
eta_rad = 16
Rc_rad = 4.6
Rs0_rad = 0.5
RsN_rad = 16
eta_ang = 6.0
Rc_ang = 3.1
Rs0_ang = 0.5
RsN_ang = 4
zeta = 50.0
ThetasN = 8
"""
TRAIN = """[IO_INFORMATION]
data_dir = ./{data}
train_dir = ./run
{more}
[DATA_INFORMATION]
atomic_sequence = H, C, O, N
[TRAINING_PARAMETERS]
batch_size = 5
learning_rate = 1e-9
steps_per_epoch = 1
max_epochs = 1
[DEFAULT_NETWORK]
networks_metadata = saved_networks
"""
QUESTION = (
    "say which formula with descriptor.generation=A, B or C (--generation of PANNA's own "
    "commands, generation='A' from Python; PANNA's tutorial TFRecords are A; its present code and "
    "LAMMPS networks C)"
)
PAGE = " (docs/how-to/from-panna.md#three-variants-of-descriptors)"  # of commands, not of Python


@pytest.fixture
def tutorial_network(shared, program, lay_out):
    """The tutorial's network, trained on TFRecords of generation A, which they do not say."""
    folder = lay_out("eval_tutorial_a", "saved_weights", "../gv_tutorial_a/examples")
    os.symlink(folder / "data", program.folder / "records")
    inputs = {
        "gvect.ini": GVECT,
        "validation.ini": VALIDATION,
        "train.ini": TRAIN.format(data="records", more=""),
        "fly.ini": TRAIN.format(data="data", more="input_format = example\ngvect_ini = gvect.ini"),
    }
    for name, text in inputs.items():
        (program.folder / name).write_text(text)
    return program


def mean_error(path):
    """Of an evaluation file, meV/atom."""
    count, reference, predicted = np.loadtxt(path, usecols=(1, 2, 3)).T
    return np.abs((predicted - reference) / count).mean() * 1000


def test_positions_need_the_generation_that_pannas_files_do_not_name(tutorial_network):
    """The same question by PANNA's command, by its input imported, and by ours."""
    program = tutorial_network
    program.run("panna-train", "-c", "train.ini")
    program.run("import-ini", "validation.ini")
    asked = []
    for words in (
        ("panna-evaluate", "-c", "validation.ini"),
        ("evaluate", "experiment=validation"),
        ("evaluate", "run_dir=run", "data.test=data"),
        ("evaluate", "network_dir=saved_networks", "data.test=data", "io.eval_dir=eval"),
    ):
        done = program.run(*words, code=2)
        asked.append(done.stderr.strip().splitlines()[-1])
    assert len(set(asked)) == 1
    assert asked[0].endswith(QUESTION + PAGE)
    assert not list((program.folder / "eval").glob("*.dat"))
    errors = {}
    for generation in "AC":
        program.run("panna-evaluate", "-c", "validation.ini", "--generation", generation)
        errors[generation] = mean_error(program.folder / "eval/epoch_1_step_1.dat")
    assert errors["A"] < 15 < 90 < errors["C"]


def test_a_training_from_saved_networks_asks_as_well(tutorial_network):
    program = tutorial_network
    done = program.run("panna-train", "-c", "fly.ini", code=2)
    assert done.stderr.strip().endswith(QUESTION + PAGE)
    assert "saved_networks: was trained on stored descriptors of unknown" in done.stderr
    assert "Traceback" not in done.stderr
    program.run("panna-train", "-c", "fly.ini", "--generation", "A")
    program.run("extract-weights", "run_dir=run", "io.output_dir=ours")
    text = (program.folder / "fly.ini").read_text().replace("saved_networks", "ours")
    (program.folder / "again.ini").write_text(text.replace("./run", "./again"))
    done = program.run("panna-train", "-c", "again.ini", "--generation", "C", code=2)
    assert "the training data: its descriptors are not those of " in done.stderr
    assert "ours: generation is A and C" in done.stderr
    program.run("panna-train", "-c", "again.ini", "--generation", "A")


def test_a_calculator_with_parameters_alone_asks_as_well(shared):
    pytest.importorskip("ase")
    from panna_exp.ase import PannaCalculator
    from panna_exp.errors import DataError

    folder = shared / "reference/eval_tutorial_a/saved_weights"
    for arguments in ({}, {"descriptor": {"Rc_rad": 4.6}}):
        with pytest.raises(DataError) as caught:
            PannaCalculator(folder, **arguments)
        assert QUESTION in str(caught.value)
