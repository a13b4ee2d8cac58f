"""Looking at results: runs, diff and report at the real command line."""

import json
import os
import re

import pytest

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
        # The last epoch is the best here; validation runs over other batches than evaluation.
        assert run["best"]["value"] == pytest.approx(result["mae_mev_per_atom"], rel=1e-5)


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


def test_diff_says_what_differs_and_what_does_not(trained):
    text = trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-3").stdout
    assert re.search(r"training\.learning_rate +0\.01 +0\.001\n", text)
    assert "io.train_dir" not in text
    assert "data: the same\ncode and versions: the same\n" in text
    assert re.search(r"mae_mev_per_atom( +[\d.]+){2} +[+-][\d.]+\n", text)
    same = trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-2").stdout
    assert same == "outputs/rate_1e-2 and outputs/rate_1e-2: the same\n"


def test_diff_as_json(trained):
    values = json.loads(
        trained.run("diff", "outputs/rate_1e-2", "outputs/rate_1e-3", "--json").stdout
    )
    assert values["config"] == {"training.learning_rate": {"a": 0.01, "b": 0.001}}
    assert (values["data"], values["code"], values["same"]) == ({}, {}, False)
    assert values["differing_places"] == ["io.train_dir"]


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
    ],
)
def test_mistakes_are_one_line(program, arguments, message):
    (program.folder / "empty").mkdir()
    (program.folder / "afile").touch()
    (program.folder / "above/run").mkdir(parents=True)
    (program.folder / "above/run/result.json").write_text("{")
    assert message in one_line(program.run(*arguments, code=2))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_run_that_may_not_be_read_is_named(program):
    path = program.folder / "outputs/a"
    path.mkdir(parents=True)
    (path / "result.json").touch(mode=0o000)
    assert "cannot be read" in program.run("runs").stderr
