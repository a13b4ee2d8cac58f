"""Training on virials, from stresses that ASE reads."""

import json

import numpy as np
from ase import Atoms, units
from ase.build import bulk
from ase.calculators.morse import MorsePotential
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io import write

from panna_exp.ase import PannaCalculator

from .pages import Page

OPTIONS = (
    "data=ase", "data.train=si.extxyz", "data.species=[Si]", "data.reference_energies=fit",
    "training=forces", "network.architecture=[16,8,1]", "tracking=none",
    "training.batch_size=4", "descriptor.Rc_ang=3.2", "io.metrics=[MAE,loss]",
)  # fmt: skip


def make_frames(count=32, sign=1.0, unit=1.0, size=0.02, depth=1.2):
    frames = []
    for seed in range(count):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.05, seed=seed)
        strain = np.random.default_rng(seed).normal(scale=size, size=(3, 3))
        atoms.set_cell(atoms.cell @ (np.eye(3) + strain + strain.T), scale_atoms=True)
        atoms.calc = MorsePotential(epsilon=depth, rho0=4.0, r0=2.35, rcut1=3.2, rcut2=4.2)
        results = {
            "energy": atoms.get_potential_energy(),
            "forces": atoms.get_forces(),
            "stress": sign * unit * atoms.get_stress(),
        }
        plain = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True)
        plain.calc = SinglePointCalculator(plain, **results)
        frames.append(plain)
    return frames


def test_stresses_are_learned(program):
    frames = make_frames()
    write(program.folder / "si.extxyz", frames)
    done = program.run(
        "train", *OPTIONS, "training.virial_cost=1.0", "data.validation_fraction=0.25",
        "training.max_epochs=40", "io.train_dir=run",
    )  # fmt: skip
    assert "24 of 24 structures have virials" in done.stdout + done.stderr
    header, *lines = (program.folder / "run/metrics.dat").read_text().splitlines()
    names = header.split()
    assert {"V_MAE/at", "v_loss", "val_V_MAE/at"} <= set(names)
    column = names.index("val_V_MAE/at")
    values = [float(line.split()[column]) for line in lines]
    assert values[-1] < values[0] / 5
    # Stresses are evaluated where they were trained on, and wherever they are asked for.
    assert "Stress component errors (GPa)" in done.stdout
    result = json.loads((program.folder / "run/result.json").read_text())
    assert 0 < result["stress_mae_gpa"] < result["stress_rmse_gpa"]
    calculator = PannaCalculator(program.folder / "run", precision="float32")
    deltas = []
    for atoms in frames[:5]:
        stress = atoms.get_stress(voigt=False)
        atoms = atoms.copy()
        atoms.calc = calculator
        deltas.append((atoms.get_stress(voigt=False) - stress) / units.GPa)
    write(program.folder / "five.extxyz", frames[:5])
    program.run("evaluate", "run_dir=run", "data.test=five.extxyz")
    folder = program.folder / "run/evaluate/five"
    (errors,) = (folder / f"{path.stem}.json" for path in folder.glob("*[0-9].dat"))
    found = json.loads(errors.read_text())
    np.testing.assert_allclose(found["stress"]["mae_gpa"], np.abs(deltas).mean(), rtol=1e-3)
    np.testing.assert_allclose(
        found["zero_stress"]["max_gpa"],
        max(np.abs(atoms.get_stress()).max() for atoms in frames[:5]) / units.GPa,
        rtol=1e-6,
    )
    lines = errors.with_name(f"{errors.stem}_stress.dat").read_text().splitlines()
    np.testing.assert_allclose(
        [float(cell) for cell in lines[1].split()[7:]], frames[0].get_stress(), atol=1e-12
    )
    assert errors.with_name(f"{errors.stem}_stress.png").exists()
    done = program.run("evaluate", "run_dir=run", "data.test=five.extxyz", "compute_stress=false")
    assert "Stress" not in done.stdout
    program.run("report", "run")
    assert "stress component" in Page(program.folder / "run/report.html").sections["errors"]
    atoms = frames[-1].copy()
    atoms.calc = PannaCalculator(program.folder / "run")
    reference = frames[-1].get_stress()
    error = np.abs(atoms.get_stress() - reference).max()
    assert error < 0.25 * np.abs(reference).max()  # the same sign and unit as the data's


def test_what_cannot_be_learned_is_said(program):
    frames = make_frames(4, unit=160.2)
    write(program.folder / "si.extxyz", frames)
    options = (*OPTIONS, "training.virial_cost=1.0", "io.train_dir=run")
    done = program.run("train", *options, code=2)
    assert "are they in GPa or kbar?" in done.stderr
    for atoms in frames:
        del atoms.calc.results["stress"]
    write(program.folder / "si.extxyz", frames)
    done = program.run("train", *options, code=2)
    assert "has neither virial nor stress" in done.stderr
    frames = make_frames(4)
    for atoms in frames:
        atoms.info["virial"] = atoms.get_stress(voigt=False) * atoms.get_volume()  # wrong sign
    write(program.folder / "si.extxyz", frames)
    done = program.run("train", *options, code=2)
    assert "its virial and its stress contradict each other" in done.stderr
    done = program.run("train", "training.virial_cost=1.0", "io.train_dir=run", code=2)
    assert "training.virial_cost=1.0: virials are trained on with forces" in done.stderr
    done = program.run(
        "train", "training=forces", "training.virial_cost=1.0", "io.train_dir=run", code=2
    )
    assert "has neither virial nor stress" in done.stderr
    assert not (program.folder / "run").exists()


def test_stresses_of_the_wrong_sign_are_refused(program):
    write(program.folder / "si.extxyz", make_frames(12, sign=-1.0))
    done = program.run("train", *OPTIONS, "training.virial_cost=1.0", "io.train_dir=run", code=2)
    line = done.stderr.splitlines()[-1]  # after how many structures have virials
    assert "si.extxyz, structure 0" in line
    assert "pairs of structures say that the stresses are of the wrong sign (slope -" in line
    assert "expected 1): in ASE's sign stress = (1/V) dE/dstrain" in line
    assert not (program.folder / "run").exists()
    done = program.run("convert", "si.extxyz", "si.h5")
    assert "energies against stresses" in done.stdout
    assert "WRONG UNIT OR SIGN" in done.stdout
    write(program.folder / "good.extxyz", make_frames(12))
    done = program.run("convert", "good.extxyz", "good.h5")
    assert "energies against stresses" in done.stdout
    assert "agree (slope " in done.stdout
    assert "WRONG" not in done.stdout


def rewritten(path, **names):
    """The file with other names in it."""
    text = path.read_text()
    for old, new in names.items():
        text = text.replace(f"{old}=", f"{new}=").replace(f":{old}:", f":{new}:")
    path.write_text(text)


def test_stresses_by_another_codes_name_are_learned(program):
    write(program.folder / "si.extxyz", make_frames(8))
    rewritten(program.folder / "si.extxyz", stress="REF_stress", energy="REF_energy")
    quick = ("training.virial_cost=1.0", "training.max_epochs=1")
    done = program.run("train", *OPTIONS, *quick, "io.train_dir=run")
    assert (
        "'REF_stress' is taken as the stress: name another one with data.stress_key" in done.stderr
    )
    assert "8 of 8 structures have virials" in done.stderr
    rewritten(program.folder / "si.extxyz", REF_stress="mine")
    done = program.run("train", *OPTIONS, *quick, "io.train_dir=other", code=2)
    assert "no stresses are read; it has 'mine' of 6 or 9 numbers: name the one" in done.stderr
    assert "data.stress_key and data.virial_key name them" in done.stderr
    program.run("train", *OPTIONS, *quick, "io.train_dir=other", "data.stress_key=mine")


def test_small_stresses_in_another_unit_are_refused_and_can_be_converted(program):
    frames = make_frames(24, unit=160.21766, size=0.004, depth=0.05)
    assert np.median([np.abs(atoms.get_stress()).max() for atoms in frames]) < 2
    write(program.folder / "si.extxyz", frames)
    options = (*OPTIONS, "training.virial_cost=1.0", "training.max_epochs=1")
    done = program.run("train", *options, "io.train_dir=run", code=2)
    assert "GPa" in done.stderr
    assert not (program.folder / "run").exists()
    program.run("train", *options, "io.train_dir=run", "data.stress_unit=GPa")
    done = program.run("convert", "si.extxyz", "si.h5", "--stress-unit", "GPa")
    assert "WRONG" not in done.stdout
    done = program.run("train", *options, "io.train_dir=go", "data.check_units=false")
    assert "warning" in done.stderr
