"""Which checkpoints are evaluated, and the files of PANNA 1.x and 2.x."""

import json
import re

import pytest

from panna_exp.networks.panna import read_panna

RUN = (
    "io.train_dir=r", "training.steps_per_epoch=10", "training.max_epochs=4",
    "io.save_checkpoint_steps=10", "tracking=none", "training.energy_rescale=0.5",
    "io.final_model_save=40",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(shared_program):
    shared_program.run("train", *RUN)
    return shared_program


def names(program, folder, suffix=".dat"):
    return sorted(path.stem for path in (program.folder / folder).glob(f"*{suffix}"))


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        ((), [10, 20, 30, 40]),
        (("subsampling=2",), [10, 30]),
        (("start=1", "end=3"), [20, 30]),
        (("start=-1",), [40]),
    ],
)
def test_some_of_all_checkpoints(trained, options, steps):
    folder = "_".join(["e", *options]) + "_"
    done = trained.run(
        "evaluate", "run_dir=r", "checkpoint=all", f'io.eval_dir="{folder}"', *options
    )
    expected = [f"epoch_{step // 10}_step_{step}" for step in steps]
    assert names(trained, folder) == expected
    if len(steps) > 1:
        found = json.loads((trained.folder / folder / "checkpoints.json").read_text())
        assert sorted(found["checkpoints"]) == expected
        assert done.stdout.count("lowest MAE") == 1
        values = {name: item["mae_mev_per_atom"] for name, item in found["checkpoints"].items()}
        assert found["lowest_mae"] == min(values, key=values.get)


def test_one_by_its_step(trained):
    trained.run("evaluate", "run_dir=r", "checkpoint=step_20", "io.eval_dir=one")
    assert names(trained, "one") == ["epoch_2_step_20"]


def test_files_of_panna_1(trained):
    trained.run("evaluate", "run_dir=r", "io.eval_dir=first", "panna_version=1")
    assert names(trained, "first") == ["40"]
    trained.run("extract-weights", "run_dir=r", "io.output_dir=w", "panna_version=1")
    words = ("network_dir=w", "data=tutorial", "data.test=builtin:tutorial_validation.h5")
    trained.run("evaluate", *words, "io.eval_dir=from_folder", "panna_version=1")
    assert names(trained, "from_folder") == ["energies"]
    one = (trained.folder / "first/40.dat").read_text()
    assert one == (trained.folder / "from_folder/energies.dat").read_text()
    assert not one.endswith("\n")


def test_files_may_say_more_than_the_command_reads_and_the_command_line_may_not(trained):
    file = trained.folder / "conf/data/shared.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("train: t.xyz\nvalidation: v.xyz\nreference_energies: fit\nenergy_key: E\n")
    words = ("evaluate", "run_dir=r", "checkpoint=last", "data=shared")
    trained.run(*words, "data.energy_key=null", "data.test=builtin:tutorial_validation.h5")
    done = trained.run(*words, "data.energy_key=E", code=2)
    assert "error: data.energy_key: is about data.test, which is not given" in done.stderr
    trained.run(*words, "io.eval_dir=shared")
    file.unlink()
    done = trained.run("extract-weights", "run_dir=r", "io.output_dir=g", "gversion=0", code=2)
    assert "gversion=0: means nothing with output_type=PANNA: say output_type=LAMMPS" in done.stderr


def test_weights_of_a_rescaling_training_give_ev(trained):
    trained.run("extract-weights", "run_dir=r", "checkpoint=last", "io.output_dir=ev")
    words = ("data=tutorial", "data.test=builtin:tutorial_validation.h5")
    trained.run("evaluate", "network_dir=ev", *words, "io.eval_dir=of_weights")
    trained.run("evaluate", "run_dir=r", "checkpoint=last", "io.eval_dir=of_run")
    values = (
        (trained.folder / name).read_text()
        for name in ("of_weights/energies.dat", "of_run/epoch_4_step_40.dat")
    )
    assert len(set(values)) == 1
    one, other = (read_panna(trained.folder / name) for name in ("ev", "r/final_model"))
    assert one.identical(other)
    assert one.energy_rescale == 0.5


def test_energies_without_those_of_the_free_atoms(trained):
    trained.run("evaluate", "run_dir=r", "io.eval_dir=with")
    trained.run("evaluate", "run_dir=r", "io.eval_dir=without", "add_offset=false")
    energies = {"C": -1029.41, "H": -13.62, "N": -1484.87, "O": -2041.84}
    formulas = {5: ("C", 4), 4: ("N", 3), 3: ("O", 2)}
    for first, second in zip(rows(trained, "with"), rows(trained, "without"), strict=True):
        assert first[:3] == second[:3]
        heavy, hydrogens = formulas[int(first[1])]
        free = energies[heavy] + hydrogens * energies["H"]
        assert float(first[3]) - float(second[3]) == pytest.approx(free, abs=1e-9)
    one, other = (
        json.loads((trained.folder / folder / "epoch_4_step_40.json").read_text())
        for folder in ("with", "without")
    )
    assert (one.pop("add_offset"), other.pop("add_offset")) == (True, False)
    assert one == other


def rows(program, folder):
    lines = (program.folder / folder / "epoch_4_step_40.dat").read_text().splitlines()
    return [line.split() for line in lines[1:]]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("checkpoint=all", "start=9"), "leave none of the 4 checkpoints"),
        (("checkpoint=step_25",), "step 25: .* has no checkpoint of it, the nearest is of step"),
        (
            ("checkpoint=bst",),
            r"has no such checkpoint, did you mean 'best'\?: it has 4 of them, epoch_1_step_10 to "
            "epoch_4_step_40; auto, last, best and all are allowed too",
        ),
        (("descriptor.Rc_rad=5",), "says itself .*: Rc_rad is 4.6, but the options say 5"),
        (("descriptor.generation=A",), "generation is C, but the options say A"),
        (("descriptor.Rc_rad=4.6", "descriptor.RsN_rad=8"), "are: RsN_rad is 16, but .* say 8"),
        (("subsampling=2",), "subsampling=2: takes some of all checkpoints, but checkpoint=auto"),
        (("checkpoint=all", "subsampling=0"), "subsampling=0 must be > 0"),
        (("panna_version=3",), "panna_version=3: expected one of 2, 1"),
    ],
)
def test_mistakes(trained, options, message):
    done = trained.run("evaluate", "run_dir=r", *options, code=2)
    assert len(done.stderr.splitlines()) == 1
    assert re.search(message, done.stderr)
