"""Looking at results: runs, diff and report at the real command line."""

import json
import os
import re
import shutil
import subprocess
import time

import numpy as np
import pytest
from matplotlib.image import imread

from .pages import Page

QUICK = ("training.max_epochs=2", "tracking=none")


@pytest.fixture(scope="module")
def trained(shared_program):
    """Two runs of a sweep and one job of it that failed."""
    for rate in ("1e-2", "1e-3"):
        out = f"io.train_dir=outputs/rate_{rate}"
        shared_program.run("train", *QUICK, f"training.learning_rate={rate}", out)
    return shared_program


def one_line(done):
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
    return done.stderr


def test_runs_lists_them_the_newest_or_the_best_first(trained):
    lines = trained.run("runs").stdout.splitlines()
    assert lines[0] == "2 runs"
    assert [line.split()[0] for line in lines if "outputs/" in line] == [
        "outputs/rate_1e-3",
        "outputs/rate_1e-2",
    ]
    assert lines[-2].split()[1] == "finished"
    assert "2/2" in lines[-2]
    assert "training.learning_rate=1e-2" in lines[-2]
    assert "io.train_dir" not in lines[-2]
    best = trained.run("runs", "outputs", "--sort", "metric").stdout
    assert best.index("rate_1e-2") < best.index("rate_1e-3")


def test_runs_as_json_agree_with_the_results(trained):
    values = json.loads(trained.run("runs", "--json").stdout)
    assert values["damaged"] == []
    for run in values["runs"]:
        result = json.loads((trained.folder / run["directory"] / "result.json").read_text())
        assert run["result"] == result
        # Validation runs over other batches than evaluation.
        key = "energy_mae_mev_per_atom"
        assert run["best"][key] == pytest.approx(result[key], rel=1e-5)


def test_a_damaged_run_is_named_and_the_others_are_listed(trained):
    damaged = trained.folder / "outputs/damaged"
    damaged.mkdir()
    (damaged / "result.json").write_text('{"status":')
    try:
        done = trained.run("runs")
        assert done.stdout.startswith("2 runs\n")
        assert re.fullmatch(
            r"damaged: outputs/damaged/result\.json: is not JSON: .*\n", done.stderr
        )
        values = json.loads(trained.run("runs", "--json").stdout)
        assert [item["directory"] for item in values["damaged"]] == [str(damaged)]
        assert len(values["runs"]) == 2
    finally:
        (damaged / "result.json").unlink()
        damaged.rmdir()


def test_states_of_runs_that_are_training_and_that_were_killed(program):
    words = ("training.max_epochs=100000", "tracking=none", "io.train_dir=outputs/a")
    training = program.start("train", *words)
    metrics = program.folder / "outputs/a/metrics.dat"
    try:
        for _ in range(600):
            if metrics.exists() and metrics.read_text().count("\n") > 1:
                break
            time.sleep(0.1)
        (run,) = json.loads(program.run("runs", "--json").stdout)["runs"]
        assert (run["state"], run["max_epochs"]) == ("running", 100000)
        assert run["epochs"] >= 1
        assert program.run("report", "outputs/a").stdout.startswith("wrote")
    finally:
        training.kill()
        training.communicate()
    (run,) = json.loads(program.run("runs", "--json").stdout)["runs"]
    assert run["state"] == "stopped"


def test_diff_says_what_differs_and_what_does_not(trained):
    text = trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-3").stdout
    assert re.search(r"training\.learning_rate +0\.01 +0\.001\n", text)
    assert "io.train_dir" not in text
    assert "data: the same\ncode and versions: the same\n" in text
    assert re.search(r"energy_mae_mev_per_atom( +[\d.]+){2} +[+-][\d.]+\n", text)
    same = trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-2").stdout
    assert same == "outputs/rate_1e-2 and outputs/rate_1e-2: the same\n"


def test_diff_as_json(trained):
    values = json.loads(
        trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-3", "--json").stdout
    )
    assert values["config"] == {"training.learning_rate": {"a": 0.01, "b": 0.001}}
    assert (values["data"], values["code"], values["same"]) == ({}, {}, False)
    assert values["differing_places"] == ["io.train_dir"]


def test_the_report_of_a_run_is_one_file_with_everything(trained):
    done = trained.run("report", "outputs/rate_1e-2")
    assert re.fullmatch(r"wrote outputs/rate_1e-2/report\.html \(0\.\d MB\)\n", done.stdout)
    page = Page(trained.folder / "outputs/rate_1e-2/report.html")
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert page.scripts == 0
    assert len(page.pictures) == 1 + 1 + 8  # curves, parity, worst structures
    text = page.sections
    result = json.loads((trained.folder / "outputs/rate_1e-2/result.json").read_text())
    assert f"{result['energy_mae_mev_per_atom']:.2f}" in text["overview"]
    assert "CH4" in text["errors"]
    assert "constant per species" in text["errors"]
    worst = json.loads(
        (trained.folder / "outputs/rate_1e-2/evaluate/epoch_2_step_72.json").read_text()
    )["worst"]
    assert text["worst"].split("error (eV)")[1].split()[0] == worst
    assert "learning_rate: 0.01" in text["config"]
    assert re.search(r"sessions +1 ", text["timings"])
    assert re.search(r"steps/s +\d", text["timings"])
    assert "torch" in text["environment"]
    assert "tutorial_validation.h5" in text["environment"]


def test_runs_stand_side_by_side_in_the_file_that_is_named(trained):
    names = ["outputs/rate_1e-2", "outputs/rate_1e-3"]
    done = trained.run("report", *names, *names, "--output", "both.html", "--worst", "2")
    assert done.stdout.startswith("wrote both.html")
    page = Page(trained.folder / "both.html")
    assert "2 runs side by side" in page.sections[""]
    for section in ("overview", "parity", "errors", "worst", "timings", "environment"):
        for name in names:
            assert name in page.sections[section], (section, name)
    assert len(page.pictures) == 1 + 2 * (1 + 2)
    assert "A learning_rate=1e-2" in re.sub(r"\s+", " ", page.sections["overview"])
    differing = page.sections["config"].split("config.yaml")[0]
    assert "training.learning_rate 0.01 0.001" in re.sub(r"\s+", " ", differing)
    assert "batch_size" not in differing


def test_without_predictions_the_page_says_what_makes_them(trained):
    run = trained.folder / "outputs/copy, no predictions"
    shutil.copytree(trained.folder / "outputs/rate_1e-2", run)
    try:
        shutil.rmtree(run / "evaluate")
        trained.run("report", str(run.relative_to(trained.folder)))
        text = Page(run / "report.html").sections["parity"]
        hint = "panna-exp evaluate 'run_dir=\"outputs/copy, no predictions\"'"
        assert hint in text
        trained.run("evaluate", hint.split("'")[1])
        trained.run("report", str(run.relative_to(trained.folder)))
        assert len(Page(run / "report.html").pictures) == 10
        (run / "evaluate/epoch_2_step_72.png").unlink()
        trained.run("report", str(run.relative_to(trained.folder)), "--worst", "0")
        page = Page(run / "report.html")
        assert len(page.pictures) == 2  # the parity plot is drawn from the numbers
        assert "worst" not in page.sections
    finally:
        shutil.rmtree(run)


def test_a_run_that_was_continued_has_two_sessions_and_forces_have_tables(program):
    words = ("train", "training=forces", "tracking=none", "io.train_dir=a")
    program.run(*words, "training.max_epochs=1")
    program.run(*words, "training.max_epochs=2")
    program.run("report", "a")
    page = Page(program.folder / "a/report.html")
    assert re.search(r"sessions +2 ", page.sections["timings"])
    assert "zero forces" in page.sections["errors"]
    assert "force error (eV/angstrom)" in page.sections["worst"]
    assert len(page.pictures) == 1 + 2 + 8


def test_what_users_write_is_no_markup(program):
    evil = "<img src=x onerror=alert(1)>"
    folder = program.folder / "a<b>&"
    (folder / "evaluate").mkdir(parents=True)
    config = {"tracking": {"run_name": evil}, "data": {"species": ["H"]}}
    (folder / "config.yaml").write_text(json.dumps(config))
    (folder / "overrides.json").write_text(json.dumps([evil]))
    (folder / "result.json").write_text(json.dumps({"status": "FAILED", "error": evil}))
    (folder / "environment.json").write_text(json.dumps({"device": evil}))
    name = evil.replace(" ", "_")
    rows = f"#filename n_atoms e_ref e_nn\n{name} 1 -13.0 -13.1\n"
    (folder / "evaluate/epoch_1_step_1.dat").write_text(rows)
    errors = {"energy": {"mae_mev_per_atom": 100.0}, "warnings": [evil]}
    (folder / "evaluate/epoch_1_step_1.json").write_text(json.dumps(errors))
    program.run("report", "a<b>&")
    page = Page(folder / "report.html")
    assert all(source.startswith(("data:image/", "#")) for source in page.sources)
    assert sum(text.count(evil) for text in page.sections.values()) >= 5
    assert name in page.sections["worst"]


@pytest.mark.skipif(not shutil.which("chromium"), reason="needs a browser")
def test_a_browser_shows_the_report(trained):
    trained.run("report", "outputs/rate_1e-2", "outputs/rate_1e-3", "--output", "page.html")
    page = trained.folder / "page.html"
    picture = trained.folder / "page.png"
    words = ("--headless", "--no-sandbox", "--disable-gpu", "--window-size=1400,3000")
    profile = f"--user-data-dir={trained.folder / 'profile'}"
    shown, drawn = (
        subprocess.run(
            ["chromium", *words, profile, output, page.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
        )
        for output in ("--dump-dom", f"--screenshot={picture}")
    )
    assert "2 runs side by side" in shown.stdout
    assert "Refused to" not in shown.stderr + drawn.stderr  # by the page's own policy
    pixels = imread(picture)[..., :3]
    assert pixels.shape[:2] == (3000, 1400)
    for colour in ((0x00, 0x72, 0xB2), (0xE6, 0x9F, 0x00)):  # those of curves and parity plots
        same = np.abs(pixels - np.array(colour) / 255).max(axis=2) < 0.02
        assert same.mean() > 0.001


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["runs", "nowhere"], "runs: nowhere: no such folder, expected a folder with runs"),
        (["runs", "afile"], "runs: afile: is a file, expected a folder with runs"),
        (["runs", "empty"], "runs: empty: no run directories in it: panna-exp train makes one"),
        (["runs"], "runs: there is no folder 'outputs' here"),
        (["runs", "empty", "--sort", "colour"], "runs: argument --sort: invalid choice: 'colour'"),
        (["runs", "--jsn"], "unrecognized arguments: --jsn, did you mean '--json'?"),
        (["diff"], "diff: the following arguments are required: A, B"),
        (["diff", "empty"], "diff: the following arguments are required: B"),
        (["diff", "empty", "empty"], "diff: empty: is not a run directory, panna-exp runs lists"),
        (
            ["diff", "emty", "empty"],
            "diff: emty: no such folder, expected a run directory, did you",
        ),
        (["diff", "above", "above"], "is not a run directory, but above/run below it is"),
        (["diff", "above/run", "above/run"], "above/run/result.json: is not JSON"),
        (["report"], "report: the following arguments are required: RUN_DIR"),
        (["report", "empty"], "report: empty: is not a run directory, panna-exp runs lists them"),
        (["report", "nowhere"], "report: nowhere: no such folder, expected a run directory"),
        (["report", "afile"], "report: afile: is a file, expected a run directory"),
        (["report", "above/run"], "above/run/result.json: is not JSON"),
        (["report", "failed", "--worst", "-1"], "--worst -1: expected a number from 0 on"),
        (["report", "failed", "--worst", "few"], "argument --worst: invalid int value: 'few'"),
        (["report", "failed", "--output", "empty"], "--output empty: is a folder, expected a file"),
        (["report", "failed", "--outptu=x"], "arguments: --outptu=x, did you mean '--output'?"),
    ],
)
def test_mistakes_are_one_line(program, arguments, message):
    (program.folder / "empty").mkdir()
    (program.folder / "afile").touch()
    (program.folder / "above/run").mkdir(parents=True)
    (program.folder / "above/run/result.json").write_text("{")
    (program.folder / "failed").mkdir()
    (program.folder / "failed/result.json").write_text('{"status": "FAILED"}')
    assert message in one_line(program.run(*arguments, code=2))
    assert not list(program.folder.rglob("*.html"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_run_that_may_not_be_read_is_named(program):
    path = program.folder / "outputs/a"
    path.mkdir(parents=True)
    (path / "result.json").touch(mode=0o000)
    assert "cannot be read" in program.run("runs").stderr
