"""PANNA's tutorial, both spellings, with PANNA's own commands and files."""

import json
import os
import shutil

import numpy as np
import pytest

from panna_exp.networks.panna import read_panna
from panna_exp.training import checkpoint as checkpoints


def last_networks(folder):
    (path,) = checkpoints.find_checkpoints(folder, "last")
    return {network.symbol: network for network in checkpoints.load(path).networks}


def dat_errors(path):
    """Absolute errors per atom (eV) of an evaluation file."""
    lines = [line.split() for line in path.read_text().splitlines()[1:]]
    return np.array([abs(float(r) - float(p)) / int(n) for _, n, r, p in lines])


def test_the_tutorial_of_panna_1(shared, program):
    data = shared / "data/panna_tutorial"
    folder = program.folder
    (folder / "tutorial_data").mkdir()
    for name in ("train", "validate", "simulations"):
        os.symlink(data / name, folder / "tutorial_data" / name)
    shutil.copytree(data / "input_files", folder / "input_files")
    program.run(
        "import-ini", *sorted(f"input_files/{p.name}" for p in (data / "input_files").iterdir())
    )
    program.run("panna-gvect-calculator", "--config", "input_files/gvect_sample.ini")
    program.run("panna-tfr-packer", "--config", "input_files/tfr_sample.ini")
    assert (folder / "tfr/train-1-1.tfrecord").exists()
    done = program.run("panna-train", "-c", "input_files/train1.ini")
    assert "a guess, by max_steps" in done.stdout
    program.run("panna-evaluate", "--config=input_files/validation1.ini")
    errors = dat_errors(folder / "tutorial_validate/1000.dat")
    assert len(errors) == 180
    assert errors.mean() < 0.03  # a constant per species: 0.062
    program.run("panna-extract-weights", "--c", "input_files/extract_weights.ini")
    assert (folder / "saved_weights/species_O_layer_0_weights_384x128.npy").exists()
    assert "networks_files" in json.loads(
        (folder / "saved_weights/networks_metadata.json").read_text()
    )
    program.run("panna-train", "-c", "input_files/train2.ini")
    check_second(folder, first_layer_of_carbon="O")
    text = (folder / "input_files/validation1.ini").read_text()
    second = text.replace("./tutorial_train", "./tutorial_train_2").replace(
        "_validate", "_validate_2"
    )
    (folder / "input_files/validation2.ini").write_text(
        second.replace("data_validate_2", "data/validate")
    )
    program.run("panna-evaluate", "-c", "input_files/validation2.ini")
    assert dat_errors(folder / "tutorial_validate_2/1000.dat").mean() < 0.03
    for name in ("metrics.dat", "delta_e.dat", "delta_e_std.dat", "networks_metadata.json"):
        assert (folder / "tutorial_train" / name).exists()
    # Started again, 1.x goes on from train_dir: everything is done already.
    done = program.run("panna-train", "-c", "input_files/train1.ini")
    assert "nothing to train" in done.stdout


def check_second(folder, first_layer_of_carbon):
    """What the second training took from the first one's weights."""
    saved = read_panna(folder / "saved_weights").networks
    trained = last_networks(folder / "tutorial_train_2")
    assert trained["O"].layers[0].weights.dtype == np.float32
    for old, new in zip(saved["O"].layers, trained["O"].layers, strict=True):
        np.testing.assert_array_equal(old.weights, new.weights)
        np.testing.assert_array_equal(old.biases, new.biases)
    assert [layer.weights.shape[1] for layer in trained["H"].layers] == [128, 32, 32, 1]
    assert not np.array_equal(trained["N"].layers[0].weights, saved["N"].layers[0].weights)
    origin = saved[first_layer_of_carbon].layers[0].weights
    # One training later it is still far nearer to where it started than to another layer.
    distance = np.abs(trained["C"].layers[0].weights - origin).mean()
    others = [saved[s].layers[0].weights for s in saved if s != first_layer_of_carbon]
    assert distance < min(np.abs(trained["C"].layers[0].weights - other).mean() for other in others)


@pytest.fixture
def second_version(shared, program):
    """A copy of the tutorial's folder, as the inputs of 2.x expect it."""
    data = shared / "data/panna_tutorial"
    for name in ("train", "validate", "simulations"):
        os.symlink(data / name, program.folder / name)
    shutil.copytree(data / "input_files_2x", program.folder / "input_files_2x")
    return program


def test_the_tutorial_of_panna_2(second_version, shared):
    program, folder = second_version, second_version.folder
    inputs = sorted(f"input_files_2x/{path.name}" for path in (folder / "input_files_2x").iterdir())
    done = program.run("import-ini", *inputs)
    assert done.stdout.count("panna-exp ") == len(inputs)
    program.run("panna-train", "-c", "input_files_2x/train1.ini")
    program.run("panna-train", "-c", "input_files_2x/train1_continued.ini")
    program.run("panna-evaluate", "-c", "input_files_2x/validation1.ini")
    assert (folder / "tutorial_validate/epoch_40_step_4000.dat").exists()
    # The constant learning rate makes the error of one checkpoint jump at times: of the last five.
    text = (folder / "input_files_2x/validation1.ini").read_text()
    text = text.replace("single_step = True", "single_step = False\nstart = -5")
    (folder / "input_files_2x/last_five.ini").write_text(text.replace("_validate", "_last_five"))
    program.run("panna-evaluate", "-c", "input_files_2x/last_five.ini")
    means = [dat_errors(path).mean() for path in (folder / "tutorial_last_five").glob("*.dat")]
    assert len(means) == 5
    assert np.median(means) < 0.03
    program.run("panna-extract-weights", "-c", "input_files_2x/extract_weights.ini")
    program.run("panna-train", "-c", "input_files_2x/train2.ini")
    check_second(folder, first_layer_of_carbon="C")
    header = (folder / "tutorial_train_2/metrics.dat").read_text().splitlines()[0].split()
    assert {"val_MAE/at", "val_RMSE/at", "val_loss"} <= set(header)
    text = (folder / "input_files_2x/validation1.ini").read_text()
    text = text.replace("tutorial_train", "tutorial_train_2").replace("tutorial_validate", "second")
    (folder / "input_files_2x/validation2.ini").write_text(text)
    program.run("panna-evaluate", "-c", "input_files_2x/validation2.ini")
    assert dat_errors(folder / "second/epoch_10_step_1000.dat").mean() < 0.03
    done = program.run("panna-extract-weights", "-c", "input_files_2x/extract_lammps.ini")
    assert "note: the variant of the descriptors is not known" in done.stdout
    assert (folder / "lammps_network/weights_H.dat").exists()
    program.run("panna-train", "-c", "input_files_2x/train_on_the_fly.ini")
    assert (folder / "tutorial_train_fly/_models/epoch_2_step_40.pt").exists()
    header, *lines = (folder / "tutorial_train/metrics.dat").read_text().splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(40))
    assert header.split() == ["epoch", "MAE/at", "tot_st"]


@pytest.mark.slow
def test_imported_experiments_run_like_the_direct_commands(second_version):
    program, folder = second_version, second_version.folder
    program.run("import-ini", "input_files_2x/train1.ini", "input_files_2x/validation1.ini")
    program.run("train", "experiment=train1", "io.train_dir=a", "tracking=none")
    program.run("panna-train", "-c", "input_files_2x/train1.ini")
    program.assert_identical(folder / "a", folder / "tutorial_train")
    program.run("evaluate", "experiment=validation1")
    assert (folder / "tutorial_validate/epoch_10_step_1000.dat").exists()
    assert list((folder / "tutorial_train").glob("events.out.tfevents.*"))
