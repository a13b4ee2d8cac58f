import json
from pathlib import Path

import pytest

from panna_exp.errors import ConfigError
from panna_exp.reporting.listing import ordered, run_json, run_table, significant
from panna_exp.reporting.scan import existing_folder, find_runs, named_run, named_runs, scan

METRICS = "epoch tot_st val_MAE/at\n0 10 {}\n"


def nobody(path):
    return False


def runs_in(folder):
    return scan([folder], nobody).runs


def log(day):
    return f"2026-01-{day:02} 00:00:00,000 INFO started\n"


@pytest.fixture
def three(make_run):
    make_run("b", log=log(1), metrics=METRICS.format(0.03))
    make_run("c", log=log(3), metrics=METRICS.format(0.01))
    make_run("a", log=log(2), metrics=METRICS.format("nan"))
    return runs_in(make_run.folder)


@pytest.mark.parametrize(
    ("order", "names"), [("time", "cab"), ("metric", "cba"), ("name", "abc"), ("epochs", "cab")]
)
def test_orders(three, order, names):
    assert "".join(run.name for run in ordered(three, order)) == names


def test_the_table_has_a_row_a_run(three):
    table = run_table(ordered(three, "time"), lambda path: Path(path.name))
    assert table.header == [
        *("run", "state", "started", "epochs", "best\nepoch", "energy MAE\nmeV/atom", "overrides")
    ]
    assert list(table.rows[0]) == [
        *("c", "finished", "2026-01-03 00:00", "1/2", "last, 1", "10.00", "training.max_epochs=2")
    ]
    assert table.rows[1][5] == ""
    assert table.footer == ["Errors of the epoch that other commands take: last."]


def test_names_that_users_give_have_a_column_and_other_errors_are_marked(make_run):
    make_run("a", config={"tracking": {"run_name": "the\nfirst \x1b[1m"}})
    make_run("b", metrics="epoch MAE/at F_MAE\n0 0.5 0.25\n")
    table = run_table(runs_in(make_run.folder), lambda path: path)
    assert [row[1] for row in table.rows] == [r"the first \x1b[1m", "b"]
    assert table.header[6:8] == ["energy MAE\nmeV/atom", "force MAE\neV/A"]
    assert [row[5:8] for row in table.rows] == [
        ("2", "20.00", ""),
        ("last, 1", "500.0*", "0.2500*"),
    ]
    assert table.footer == [
        "Errors of the epoch that other commands take: best by validation loss, last.",
        "* without validation data: of the training data.",
    ]


@pytest.mark.parametrize(
    ("width", "left"),
    [
        (200, ["state", "started", "epochs", "best\nepoch", "energy MAE\nmeV/atom", "overrides"]),
        (90, ["state", "started", "epochs", "best\nepoch", "energy MAE\nmeV/atom", "overrides"]),
        (80, ["state", "epochs", "best\nepoch", "energy MAE\nmeV/atom", "overrides"]),
        (40, ["state", "best\nepoch", "energy MAE\nmeV/atom"]),
        (20, ["energy MAE\nmeV/atom"]),
        (1, ["energy MAE\nmeV/atom"]),
    ],
)
def test_a_narrow_terminal_gets_whole_paths_and_fewer_columns(make_run, width, left):
    make_run("a_b_c_d")
    table = run_table(runs_in(make_run.folder), lambda path: Path(path.name), width)
    assert table.header[1:] == left
    assert table.rows[0][0] == "a_b_c_d"
    lines = table.to_text().splitlines()[1:-1]
    assert max(map(len, lines)) <= max(width, 21)


def test_json_has_no_numbers_that_json_does_not_know(make_run):
    make_run(
        "a",
        result={
            "status": "FINISHED",
            "metric": float("nan"),
            "step": 20,
            "more": [{"a": float("inf")}],
        },
    )
    (run,) = runs_in(make_run.folder)
    values = json.loads(json.dumps(run_json(run), allow_nan=False))
    assert values["result"]["metric"] is None
    assert values["result"]["more"] == [{"a": None}]
    assert values["best"] == {
        "checkpoint": "best by validation loss",
        "epoch": 2,
        "data": "validation",
        "energy_mae_mev_per_atom": 20.0,
        "energy_rmse_mev_per_atom": 30.0,
        "loss": 0.5,
    }
    assert (values["name"], values["epochs"], values["max_epochs"]) == ("a", 2, 2)


def test_a_damaged_run_hides_no_other(make_run):
    make_run("good")
    bad = make_run("bad")
    (bad / "result.json").write_text("{")
    (make_run("locked_away") / "metrics.dat").unlink()
    (make_run.folder / "locked_away/metrics.dat").mkdir()
    found = scan([make_run.folder], nobody)
    assert [run.name for run in found.runs] == ["good"]
    assert {path.name for path, _ in found.damaged} == {"bad", "locked_away"}
    assert all("\n" not in line for _, line in found.damaged)


def test_runs_are_found_once_at_any_depth_and_copies_of_records_are_not(make_run):
    for name in ("sweep/0", "sweep/1", "mlruns/1/artifacts", ".hidden/a", "a"):
        make_run(name)
    make_run("a/evaluate/copy")
    folder = make_run.folder
    found = [str(path.relative_to(folder)) for path in find_runs(folder)]
    assert found == ["a", "sweep/0", "sweep/1"]
    assert [path.name for path in find_runs(folder / "mlruns")] == ["artifacts"]
    assert len(scan([folder, folder / "sweep", folder / "a"], nobody).runs) == 3


def test_runs_that_users_name(make_run):
    make_run("sweep/0")
    folder = make_run.folder
    assert named_run(folder / "sweep/0", "diff", nobody).name == "0"
    with pytest.raises(ConfigError, match=r"sweep: is not a run directory, but .*sweep/0 below it"):
        named_run(folder / "sweep", "diff", nobody)
    with pytest.raises(ConfigError, match=r"diff: .*no such folder.*did you mean 'sweep'"):
        named_run(folder / "sweeps", "diff", nobody)
    with pytest.raises(ConfigError, match="is a file, expected a run directory"):
        named_run(folder / "sweep/0/train.log", "diff", nobody)
    (folder / "empty").mkdir()
    with pytest.raises(ConfigError, match="is not a run directory, panna-exp runs lists them"):
        named_run(folder / "empty", "report", nobody)
    with pytest.raises(ConfigError, match="no such folder"):
        existing_folder(Path("none/at/all"), "runs", "a folder")


def test_a_sweep_or_a_committee_stands_for_its_runs(make_run):
    rows = "epoch val_MAE/at\n1 {}\n"
    for name, error in (("0_seed=0", 0.03), ("1_seed=1", 0.02), ("2_seed=2", 0.01)):
        (make_run(f"sweep/{name}", metrics=rows.format(error)) / "job.json").touch()
    sweep = make_run.folder / "sweep"
    (sweep / "2_seed=2/result.json").write_text('{"status": "PRUNED", "overrides": []}')
    (sweep / "3_seed=3").mkdir()
    (sweep / "3_seed=3/train.log").touch()  # killed while it began
    names = [run.name for run in named_runs(sweep, "report", nobody)]
    assert names == ["1_seed=1", "0_seed=0", "2_seed=2"]
    for name in ("committee/seed_1", "committee/seed_0"):
        make_run(name)
    record = {"format": 1, "members": ["seed_1", "seed_0"]}
    (make_run.folder / "committee/committee.json").write_text(json.dumps(record))
    members = named_runs(make_run.folder / "committee", "report", nobody)
    assert [run.name for run in members] == ["seed_0", "seed_1"]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (20.123456, "20.12"),
        (51.6, "51.60"),
        (999.96, "1000"),
        (0.0012345, "0.001234"),
        (123456.7, "123457"),
    ],
)
def test_digits(value, text):
    assert significant(value) == text


def test_a_committee_has_its_own_error_before_those_of_its_members(make_run):
    for name in ("com/seed_0", "com/seed_1"):
        make_run(name, metrics=METRICS.format(0.03))
    folder = make_run.folder / "com"
    record = {"format": 1, "members": ["seed_0", "seed_1"]}
    (folder / "committee.json").write_text(json.dumps(record))
    result = {"status": "FINISHED", "overrides": ["training.seeds=[0,1]"], "mae_mev_per_atom": 25.0}
    (folder / "result.json").write_text(json.dumps(result))
    found = ordered(runs_in(make_run.folder), "metric")
    assert found[0].path.name == "com"
    row = run_table(found, lambda path: Path(path.name)).rows[0]
    assert [row[0], row[1], *row[3:]] == [
        *("com", "finished", "2 members", "", "25.00", "training.seeds=[0,1]")
    ]
    values = run_json(found[0])
    assert values["members"] == ["seed_0", "seed_1"]
    assert values["best"]["epoch"] is None
    # Data and versions are those of its members.
    assert named_run(folder, "diff", nobody).group("environment", "data")["train"]
    (folder / "committee.json").write_text("{}")
    (damaged,) = scan([make_run.folder], nobody).damaged
    assert "committee.json: members: expected names of folders, found None" in damaged[1]
