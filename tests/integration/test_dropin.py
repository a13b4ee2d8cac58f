"""PANNA's own inputs from structures to LAMMPS files, on data that ship with the package."""

import json

import numpy as np
import pytest

from panna_exp.networks.panna import read_panna
from panna_exp.training import checkpoint as checkpoints

GVECT = """[IO_INFORMATION]
input_json_dir = ./examples
output_gvect_dir = ./bin
log_dir = .
[SYMMETRY_FUNCTION]
type = mBP
species = H, C, O, N
include_derivatives = True
sparse_derivatives = True
[PARALLELIZATION]
number_of_process = 1
[GVECT_PARAMETERS]
eta_rad = 16
Rc_rad = 4.0
Rs0_rad = 0.5
RsN_rad = 6
eta_ang = 6.0
Rc_ang = 3.1
Rs0_ang = 0.5
RsN_ang = 2
zeta = 10.0
ThetasN = 4
"""
PACK = """[IO_INFORMATION]
input_dir = ./bin
output_dir = ./records
elements_per_file = 25
prefix = train
[CONTENT_INFORMATION]
n_species = 4
include_derivatives = True
sparse_derivatives = True
"""
TRAIN = """[IO_INFORMATION]
data_dir = ./records
train_dir = ./run
log_frequency = 2
save_checkpoint_steps = 5
starting_model_save = 1
final_model_save = 10
{io}
[DATA_INFORMATION]
atomic_sequence = H, C, O, N
output_offset = -13.62, -1029.41, -2041.84, -1484.87
[TRAINING_PARAMETERS]
batch_size = 10
learning_rate = 0.01
forces_cost = 0.1
steps_per_epoch = 5
max_epochs = 2
[DEFAULT_NETWORK]
g_size = {size}
architecture = 8:1
"""
VALIDATION = """[IO_INFORMATION]
data_dir = ./records
train_ini = train.ini
networks_dir = ./run/_models
eval_dir = ./validate
[VALIDATION_OPTIONS]
single_step = True
compute_forces = True
"""
EXTRACT = """[IO_INFORMATION]
network_dir = ./run/_models
output_dir = ./lammps
step_number = -1
output_type = LAMMPS
train_input = train.ini
gvector_input = gvect.ini
"""
SIZE = 4 * 6 + 10 * 2 * 4


@pytest.fixture(scope="module")
def workflow(shared_program):
    """Everything up to a trained network, each step by the name that PANNA has for it."""
    program, folder = shared_program, shared_program.folder
    inputs = {
        "gvect": GVECT,
        "pack": PACK,
        "train": TRAIN.format(io="", size=SIZE),
        "validation": VALIDATION,
        "extract": EXTRACT,
    }
    for name, text in inputs.items():
        (folder / f"{name}.ini").write_text(text)
    program.run("convert", "builtin:tutorial_validation.h5", "examples", "--to", "example")
    for path in sorted((folder / "examples").iterdir())[50:]:
        path.unlink()
    program.run("panna-gvect-calculator", "-c", "gvect.ini")
    program.run("panna-tfr-packer", "--config", "pack.ini")
    program.run("panna-train", "--c", "train.ini")
    return program


def test_descriptors_and_records_are_there(workflow):
    folder = workflow.folder
    assert len(list((folder / "bin").glob("*.bin"))) == 50
    assert len((folder / "gvect_already_computed.dat").read_text().split(",")) == 51
    names = sorted(path.name for path in (folder / "records").iterdir())
    assert names == ["train-1-2.tfrecord", "train-2-2.tfrecord"]
    done = workflow.run("panna-gvect-calculator", "-c", "gvect.ini")
    assert "0 structures, 50 were done before" in done.stdout
    workflow.run("panna-tfr-packer", "-c", "pack.ini")  # over what is there, as PANNA does
    assert sorted(path.name for path in (folder / "records").iterdir()) == names


def test_training_leaves_pannas_files_and_the_one_time_saves(workflow):
    run = workflow.folder / "run"
    names = [path.stem for path in checkpoints.list_checkpoints(run / "_models")]
    assert names == ["epoch_1_step_5", "epoch_2_step_10"]
    header, *lines = (run / "metrics.dat").read_text().splitlines()
    assert header.split() == ["epoch", "F_MAE", "MAE/at", "tot_st"]
    assert len(lines) == 2
    assert list(run.glob("events.out.tfevents.*"))
    first, last = (read_panna(run / f"{name}_model").networks for name in ("starting", "final"))
    assert not np.array_equal(first["H"].layers[0].weights, last["H"].layers[0].weights)
    trained = {network.symbol: network for network in workflow.last_networks(run)}
    np.testing.assert_array_equal(trained["H"].layers[0].weights, last["H"].layers[0].weights)


def test_pannas_training_has_no_best_checkpoint(workflow):
    result = json.loads((workflow.folder / "run/result.json").read_text())
    assert (result["checkpoint"], result["checkpoint_is"]) == ("epoch_2_step_10", "last")
    assert not (workflow.folder / "run/_models/best.pt").exists()


def test_a_chosen_checkpoint_is_counted_on_from_the_numbers_given(workflow):
    folder = workflow.folder
    io = (
        "restart_mode = specific_ckpt\nrestart_file = ./run/_models/epoch_1_step_5\n"
        "restart_epoch = 7\nrestart_step = 100\n"
    )
    text = TRAIN.format(io=io, size=SIZE).replace("./run\n", "./again\n")
    (folder / "again.ini").write_text(text.replace("max_epochs = 2", "max_epochs = 8"))
    workflow.run("panna-train", "-c", "again.ini")
    names = [path.stem for path in checkpoints.list_checkpoints(folder / "again" / "_models")]
    assert names[-1] == "epoch_8_step_105"
    # The command that is printed goes on with this training, not with the chosen checkpoint again.
    done = workflow.run("panna-train", "-c", "again.ini")
    assert "nothing to train: max_epochs=8 is reached (step 105)" in done.stdout
    assert "panna-train -c again.ini   (with max_epochs=16 in it)" in done.stdout


def test_evaluation_writes_forces(workflow):
    workflow.run("panna-evaluate", "-c", "validation.ini")
    rows = (workflow.folder / "validate/epoch_2_step_10_forces.dat").read_text().splitlines()
    assert rows[0].startswith("#filename atom_id fx_nn")
    assert len(rows) > 150


def test_weights_for_lammps(workflow):
    workflow.run("panna-extract-weights", "-c", "extract.ini")
    text = (workflow.folder / "lammps/panna.in").read_text()
    assert "RsN_rad" in text
    assert {"weights_H.dat", "weights_C.dat"} <= {
        path.name for path in (workflow.folder / "lammps").iterdir()
    }


def test_all_inputs_import_together(workflow, tmp_path):
    done = workflow.run(
        "import-ini", "gvect.ini", "pack.ini", "train.ini", "validation.ini", "extract.ini"
    )
    assert done.stdout.count("panna-exp ") == 5
    workflow.run("train", "experiment=train", "io.train_dir=imported", "tracking=none")
    runs = [workflow.last_networks(workflow.folder / name) for name in ("run", "imported")]
    for one, other in zip(*runs, strict=True):
        assert one.identical(other)


def test_an_input_of_another_kind_is_named(workflow):
    done = workflow.run("panna-train", "-c", "gvect.ini", code=2)
    assert "gvect.ini" in done.stderr
    assert "panna-gvect-calculator" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
