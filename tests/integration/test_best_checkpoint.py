"""One best checkpoint, which every command takes and names; PANNA's own take the last."""

import json
import re

import pytest

from panna_exp.networks.panna import read_panna
from panna_exp.training import checkpoint as checkpoints

from .pages import Page

OPTIONS = (
    "train", "tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=10",
    "training.max_epochs=6", "training.min_delta=1e9", "io.save_checkpoint_steps=10",
)  # fmt: skip


@pytest.fixture(scope="module")
def trained(shared_program):
    """A run whose last epoch is not its best one."""
    done = shared_program.run(*OPTIONS, "io.train_dir=r")
    (shared_program.folder / "said.txt").write_text(done.stdout)
    return shared_program


@pytest.fixture(scope="module")
def best(trained):
    """Number of its best epoch: no later one is so much better, though the lowest is another."""
    header, *lines = [
        line.split() for line in (trained.folder / "r/metrics.dat").read_text().splitlines()
    ]
    losses = [float(line[header.index("val_loss")]) for line in lines]
    assert losses.index(min(losses)) != 0
    return 1


def test_the_training_evaluates_and_records_it(trained, best):
    said = (trained.folder / "said.txt").read_text()
    assert f"checkpoint: epoch_{best}_step_{best}0 (best by validation loss)" in said
    result = json.loads((trained.folder / "r/result.json").read_text())
    assert (result["checkpoint"], result["epoch"]) == (f"epoch_{best}_step_{best}0", best)
    assert result["checkpoint_is"] == "best by validation loss"
    assert result["step"] == 60
    names = {path.stem for path in (trained.folder / "r/evaluate").glob("*.dat")}
    assert names == {f"epoch_{best}_step_{best}0"}


def test_evaluate_and_extraction_take_it_and_say_so(trained, best):
    done = trained.run("evaluate", "run_dir=r", "io.eval_dir=e")
    named = f"epoch_{best}_step_{best}0 (best by validation loss), on validation data:"
    assert named in done.stdout
    (path,) = (trained.folder / "e").glob("*.dat")
    assert path.read_text() == (trained.folder / "r/evaluate" / path.name).read_text()
    facts = json.loads(path.with_suffix(".json").read_text())
    assert facts["checkpoint"] == f"epoch_{best}_step_{best}0 (best by validation loss)"
    done = trained.run("extract-weights", "run_dir=r", "io.output_dir=w")
    assert f"of epoch_{best}_step_{best}0 (best by validation loss) to " in done.stdout
    kept = checkpoints.load(trained.folder / "r/_models/best.pt").evaluated
    written = read_panna(trained.folder / "w").networks
    assert all(written[network.symbol].identical(network) for network in kept)


def test_the_last_one_can_be_asked_for(trained, best):
    done = trained.run("evaluate", "run_dir=r", "checkpoint=last", "io.eval_dir=last")
    assert "epoch_6_step_60 (last), on validation data:" in done.stdout


def test_runs_and_report_show_the_same_epoch(trained, best):
    (run,) = json.loads(trained.run("runs", ".", "--json").stdout)["runs"]
    assert (run["best"]["checkpoint"], run["best"]["epoch"]) == ("best by validation loss", best)
    result = run["result"]
    assert run["best"]["energy_mae_mev_per_atom"] == pytest.approx(
        result["energy_mae_mev_per_atom"], rel=1e-5
    )
    done = trained.run("runs", ".")
    assert "other commands take: best by validation loss" in done.stdout
    trained.run("report", "r")
    text = Page(trained.folder / "r/report.html").sections
    assert re.search(rf"epoch to use +{best} +which is +best by validation loss", text["overview"])
    assert f"epoch_{best}_step_{best}0 (best by validation loss), 180 structures" in text["parity"]


def test_ase_takes_it(trained, best, monkeypatch):
    ase = pytest.importorskip("panna_exp.ase")
    from ase.build import molecule

    atoms, energies = molecule("CH4"), []
    for which in ({}, {"checkpoint": "best"}, {"checkpoint": "last"}):
        atoms.calc = ase.PannaCalculator(trained.folder / "r", generation="C", **which)
        energies.append(atoms.get_potential_energy())
        if not which:
            named = atoms.calc.parameters["checkpoint"]
            assert named == f"epoch_{best}_step_{best}0 (best by validation loss)"
    assert energies[0] == energies[1] != energies[2]


def test_pannas_extraction_takes_the_last(trained, best):
    (trained.folder / "x.ini").write_text(
        "[IO_INFORMATION]\ntrain_dir = ./r\noutput_dir = ./panna_w\n"
    )
    done = trained.run("panna-extract-weights", "-c", "x.ini")
    assert "of epoch_6_step_60 (last) to " in done.stdout


def test_a_sweep_ranks_by_what_the_training_watched_and_shows_both_errors(program):
    words = ("train", "-m", "training=forces", *OPTIONS[1:4], "training.max_epochs=3")
    done = program.run(*words, "training.learning_rate=0.05,0.001", "sweep.dir=s")
    results = json.loads((program.folder / "s/summary.json").read_text())
    losses = [item["metrics"]["validation/loss"] for item in results]
    assert [item["metric"] for item in results] == losses == sorted(losses)
    for name in ("validation loss", "validation energy MAE", "validation force MAE"):
        assert name in done.stdout
    assert "Ranked by validation loss (validation/loss)." in done.stdout
    assert "Errors are those of each job's checkpoint: best by validation loss." in done.stdout
    for item in results:
        found = checkpoints.load(next((program.folder / "s").glob(
            f"{item['directory'].rpartition('/')[2]}/_models/best.pt"
        )))  # fmt: skip
        assert found.validation["loss"] == item["metrics"]["validation/loss"]
        force_mae = item["metrics"]["validation/force_mae"]
        assert force_mae == pytest.approx(found.validation["force_mae"], rel=1e-4)
    program.run("report", "s")
    page = Page(program.folder / "s/report.html")
    assert "sweep" in page.sections  # its figure
    assert "A learning_rate=0.05" in re.sub(r"\s+", " ", page.sections["parity"])
    watched = program.run(
        *words, "training.learning_rate=0.05,0.001", "training.monitor=force_mae", "sweep.dir=f"
    )
    assert "Ranked by validation force MAE (eV/A) (validation/force_mae)." in watched.stdout


def test_losses_of_different_kinds_are_not_compared(program):
    words = ("train", "-m", *OPTIONS[1:4], "training.max_epochs=1")
    done = program.run(*words, "training.loss_function=quad,quad_atom", "sweep.dir=s")
    assert "Ranked by validation energy MAE (meV/atom) (validation/energy_mae)." in done.stdout
    done = program.run(
        *words, "training.learning_rate=0.01,0.02", "sweep.dir=o", "sweep.metric=validation/MAE"
    )
    assert "sweep.metric=validation/energy_mae" in done.stderr
    assert "Ranked by validation energy MAE" in done.stdout
