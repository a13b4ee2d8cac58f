"""BP descriptors from the command line: computed, stored, trained on, saved, refused."""

import json

import h5py
import numpy as np

from panna_exp.descriptors.bp_parameters import BPParameters
from panna_exp.readers.panna_bin import read_bin

SPECIES = "data.species=[H,C,O,N]"
SOURCE = ("data.train=builtin:tutorial_validation.h5", SPECIES)
ENERGIES = "data.reference_energies={H: -13.62, C: -1029.41, O: -2041.84, N: -1484.87}"
SMALL = ("network.architecture=[8,1]", "training.max_epochs=2", "tracking=none", "seed=3")


def test_stored_descriptors(shared_program):
    program = shared_program
    chosen = ("descriptor=bp", "descriptor.zeta=[1,4,16]", "descriptor.RsN_rad=6")
    program.run("descriptors", *SOURCE, *chosen, "output_dir=bp_h5", "derivatives=sparse")
    with h5py.File(min((program.folder / "bp_h5").glob("*.h5"))) as file:
        stored = file["descriptors"]
        info = json.loads(stored.attrs["info"])
        values = stored[:]
    assert (info["type"], info["zeta"], info["eta_ang"]) == ("BP", [1, 4, 16], [0.01, 0.1])
    assert values.shape[1] == BPParameters.from_info(info).size == 4 * 6 + 10 * 2 * 3 * 2
    assert np.isfinite(values).all()

    done = program.run("descriptors", *SOURCE, "descriptor=bp", "output_dir=bp_h5", code=2)
    assert "the results there are of other settings (descriptor)" in done.stderr
    program.run(
        "train", "data=hdf5", "data.train=bp_h5", SPECIES, ENERGIES, "io.train_dir=bp_stored",
        *SMALL,
    )  # fmt: skip
    record = json.loads((program.folder / "bp_stored/environment.json").read_text())
    assert record["descriptor"] == info

    program.run("descriptors", *SOURCE, *chosen, "output_dir=bp_bin", "format=bin")
    first = read_bin(sorted((program.folder / "bp_bin").glob("*.bin"))[0])
    assert any(np.array_equal(row, first.descriptors[0]) for row in values.astype(np.float32))


def test_a_run_and_what_comes_of_it(shared_program):
    program = shared_program
    program.run(
        "train", *SOURCE, ENERGIES, "data.validation_fraction=0.2", "descriptor=bp",
        "io.train_dir=bp_run", *SMALL,
    )  # fmt: skip
    result = json.loads((program.folder / "bp_run/result.json").read_text())
    assert np.isfinite(result["energy_mae_mev_per_atom"])

    # Positions alone: the run says which descriptor to compute.
    test = "data.test=builtin:tutorial_validation.h5"
    done = program.run(
        "evaluate", "run_dir=bp_run", test, "io.eval_dir=bp_e", "compute_forces=true"
    )
    (forces,) = (program.folder / "bp_e").glob("*_forces.dat")
    assert np.isfinite(np.loadtxt(forces, skiprows=1, usecols=(-3, -2, -1))).all()

    program.run("extract-weights", "run_dir=bp_run", "io.output_dir=bp_saved")
    program.run("evaluate", "network_dir=bp_saved", test, "io.eval_dir=bp_f")
    one, other = (
        np.loadtxt(next(path for path in (program.folder / name).glob("*.dat")
                        if "forces" not in path.name), skiprows=1, usecols=(2, 3))
        for name in ("bp_e", "bp_f")
    )  # fmt: skip
    np.testing.assert_allclose(one, other, rtol=1e-6)

    done = program.run(
        "extract-weights", "run_dir=bp_run", "io.output_dir=l", "output_type=LAMMPS", code=2
    )
    assert "was made for BP descriptors" in done.stderr
    assert not (program.folder / "l/panna.in").exists()


def test_mistakes(program):
    words = ("descriptors", *SOURCE, "output_dir=o")
    done = program.run(*words, "descriptor.type=BP", code=2)
    assert "error: descriptor.type=BP: has no Rs0_ang, RsN_ang, ThetasN: choose" in done.stderr
    done = program.run(*words, "descriptor=bp", "descriptor.zeta=[1,-4]", code=2)
    assert "error: descriptor: zeta[1] must be a number above 0, got -4" in done.stderr
    done = program.run(*words, "descriptor=bp", "data.generation=A", code=2)
    assert "error: data.generation=A: BP has no variants" in done.stderr
    done = program.run(*words, "descriptor=bp", "descriptor.type=GP", code=2)
    assert "descriptor.type" in done.stderr
    assert "BP" in done.stderr
    assert not (program.folder / "o").exists()
