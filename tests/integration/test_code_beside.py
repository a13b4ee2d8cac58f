"""Modules and settings beside the data lend the program no code."""

import subprocess
import sys
from pathlib import Path

import pytest

TINY = ("debug=tiny", "network.architecture=[4,1]", "training.max_epochs=1", "threads=1")
CANARY = "import pathlib\npathlib.Path(__file__).parent.joinpath('canary').touch()\n"
JOBS = ("-m", "seed=1,2", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "sweep.dir=s")


@pytest.mark.parametrize(
    "more", [(), pytest.param(JOBS, marks=pytest.mark.slow)], ids=["one run", "jobs of joblib"]
)
def test_modules_of_the_start_folder_are_not_imported(program, more):
    command = Path(sys.executable).with_name("panna-exp")
    if not command.exists():
        pytest.skip("the program is not installed")
    for name in ("joblib", "mlflow", "cloudpickle", "hydra_plugins/evil", "panna_exp", "numba"):
        folder = program.folder / name
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(CANARY)
    (program.folder / "sitecustomize.py").write_text(CANARY)
    (program.folder / ".env").write_text("PYTHONPATH=.\n")
    done = subprocess.run(
        [str(command), "train", *TINY, "tracking=mlflow", *more],
        cwd=program.folder,
        env=program.environment(),
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    assert list(program.folder.rglob("canary")) == []


def test_numba_reads_no_loops_from_a_folder_named_beside_the_data(program):
    (program.folder / ".numba_config.yaml").write_text("cache_dir: evil\n")
    program.run("train", *TINY, "execution=numba", "io.train_dir=r", fresh=True)
    assert not (program.folder / "evil").exists()


def test_a_question_mark_in_the_path_of_mlflows_database_is_named(tmp_path, program):
    folder = tmp_path / "a?b"
    folder.mkdir()
    done = type(program)(folder).run("train", "debug=tiny", "tracking=mlflow", code=2)
    assert "a '?' in the path of MLflow's database" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not [item for item in folder.rglob("*") if item.is_file()]
