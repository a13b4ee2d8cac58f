"""descriptors and pack on the data that ship, resumed, and with mistakes."""

import json

import numpy as np

from panna_exp.readers.panna_bin import BinStructure, read_bin, write_bin

SOURCE = ("data.train=builtin:tutorial_validation.h5", "data.species=[H,C,O,N]")


def test_descriptors_packed_and_trained_on(shared_program):
    program = shared_program
    done = program.run("descriptors", *SOURCE, "output_dir=bins", "format=bin", "processes=2")
    assert "computed the descriptors of 180 structures" in done.stdout
    files = sorted((program.folder / "bins").glob("*.bin"))
    assert len(files) == 180
    done = program.run("pack", "input_dir=bins", "output_dir=tfr", "structures_per_file=100")
    assert "wrote 2 TFRecord files, train-1-2.tfrecord to train-2-2.tfrecord" in done.stdout
    common = ("training.max_epochs=15", "tracking=none", "seed=3")
    program.run(
        "train", "data=tfrecord", "data.train=tfr", "data.generation=C", "io.train_dir=a",
        "data.species=[H,C,O,N]",
        "data.reference_energies={H: -13.62, C: -1029.41, O: -2041.84, N: -1484.87}", *common,
    )  # fmt: skip
    result = json.loads((program.folder / "a/result.json").read_text())
    assert result["energy_mae_mev_per_atom"] < 200
    assert json.loads((program.folder / "a/environment.json").read_text())["data"]["train"][
        "structures"
    ] == 180  # fmt: skip


def test_forces_without_positions_are_refused_before_the_evaluation(shared_program):
    program = shared_program
    words = ("run_dir=a", "data.test=tfr", "data.generation=C", "io.eval_dir=e")
    done = program.run("evaluate", *words, "check_forces=true", code=2)
    (line,) = done.stderr.splitlines()
    assert "check_forces=true moves atoms, but there are no positions" in line
    assert "error" not in done.stdout
    assert not list((program.folder / "e").glob("*.dat"))


def test_packing_replaces_only_when_told_to(program):
    folder = program.folder
    (folder / "bins").mkdir()
    for number in range(3):
        stored = BinStructure(
            energy=-1.0 - number, species=np.array([0]), descriptors=np.ones((1, 2), np.float32)
        )
        write_bin(folder / f"bins/{number}.bin", stored)
    words = ("pack", "input_dir=bins", "output_dir=tfr")
    program.run(*words, "structures_per_file=1")
    program.run(*words, "prefix=validation")
    names = sorted(path.name for path in (folder / "tfr").iterdir())
    done = program.run(*words, code=2)
    (line,) = done.stderr.splitlines()
    assert "tfr/train-1-3.tfrecord: exists already: force=true replaces it and 2 more" in line
    assert sorted(path.name for path in (folder / "tfr").iterdir()) == names
    program.run(*words, "force=true")
    names = ["train-1-1.tfrecord", "validation-1-1.tfrecord"]
    assert sorted(path.name for path in (folder / "tfr").iterdir()) == names


def test_what_is_done_is_not_done_again(shared_program):
    program = shared_program
    words = ("descriptors", *SOURCE, "output_dir=again", "format=bin", "derivatives=sparse")
    program.run(*words)
    folder = program.folder / "again"
    files = sorted(folder.glob("*.bin"))
    kept, lost = files[0], files[1]
    before = {path.name: path.read_bytes() for path in files}
    stamp = kept.stat().st_mtime_ns
    lost.unlink()
    keys = (folder / "gvect_already_computed.dat").read_text()
    (folder / "gvect_already_computed.dat").write_text(keys[:-5])  # cut short by a kill
    done = program.run(*words)
    assert "computed the descriptors of 2 structures, 178 were done before" in done.stdout
    assert kept.stat().st_mtime_ns == stamp
    assert {path.name: path.read_bytes() for path in sorted(folder.glob("*.bin"))} == before
    one = read_bin(kept)
    atoms, size = one.descriptors.shape
    dense = one.derivatives.dense(atoms, size)
    # Moving all atoms together changes nothing.
    np.testing.assert_allclose(dense.sum(axis=2), 0, atol=1e-5)
    done = program.run(*words[:-1], "derivatives=dense", code=2)
    assert "the results there are of other settings (derivatives)" in done.stderr


def test_hdf5_files_are_the_default(shared_program):
    program = shared_program
    program.run("descriptors", *SOURCE, "output_dir=h5")
    done = program.run("descriptors", *SOURCE, "output_dir=h5")
    assert "computed the descriptors of 0 structures, 180 were done before" in done.stdout
    words = (
        "train", "data=hdf5", "data.train=h5", "data.species=[H,C,O,N]", "tracking=none",
        "training.max_epochs=1", "io.train_dir=from_h5", "data.reference_energies=fit",
    )  # fmt: skip
    done = program.run(*words, "descriptor.Rc_rad=5", "descriptor.ThetasN=8", code=2)
    (line,) = done.stderr.splitlines()
    assert "are: Rc_rad is 4.6, but the options say 5: leave it out" in line
    assert not (program.folder / "from_h5").exists()
    program.run(*words)
    config = json.loads((program.folder / "from_h5/environment.json").read_text())
    assert config["descriptor"]["generation"] == "C"


def test_mistakes(program):
    done = program.run("descriptors", "processes=0", "format=xml", code=2)
    for part in (
        "data.train is missing",
        "output_dir is missing",
        "processes=0 must be > 0",
        "format=xml: expected one of hdf5, bin",
    ):
        assert f"error: {part}" in done.stderr
    done = program.run(
        "descriptors", *SOURCE, "output_dir=o", "negligible_derivative=1e-9", "derivatives=dense",
        code=2,
    )  # fmt: skip
    assert "negligible_derivative=1e-09: means nothing with derivatives=dense" in done.stderr
    done = program.run("pack", "input_dir=nowhere", "output_dir=o", code=2)
    assert "nowhere: no such folder" in done.stderr
    assert not (program.folder / "o").exists()
