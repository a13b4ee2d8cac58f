"""A user's conf/ at the real command line: mistakes are one line, and nothing in it executes."""

import socket
from pathlib import Path

import pytest

CALL = "{_target_: os.system, _args_: ['touch canary']}"
MISTAKES = {
    "tab": ("data/mine", "kind: ase\n\ttrain: w.xyz\n", "line 2: a tab where YAML wants spaces"),
    "not UTF-8": ("data/mine", b"kind: ase\nenergy_key: \xe4\n", "line 2: byte 0xe4 is not UTF-8"),
    "control": ("data/mine", "kind: ase\nenergy_key: \x1b[31m\n", "line 2: a control character"),
    "too large": ("data/mine", "kind: ase\n" + "#" * 300_000, "is larger than 200 kB"),
    "deep": ("data/mine", "train: " + "[" * 5000, "line 1: is nested more than 30 deep"),
    "bomb": (
        "data/mine",
        "a0: &a0 [x, x]\n" + "".join(f"a{i + 1}: &a{i + 1} [*a{i}, *a{i}]\n" for i in range(40)),
        "line 14: its aliases make more than 20000 values",
    ),
    "endless alias": ("data/mine", "train: &a [*a]\n", "line 1: an alias that contains itself"),
    "python tag": (
        "data/mine",
        "train: !!python/object/apply:os.system ['touch canary']\n",
        "line 1: the tag !!python/object/apply:os.system is not allowed",
    ),
    "twice": ("data/mine", "kind: ase\nkind: npz\n", "line 2: the key 'kind' is in line 1 already"),
    "no mapping": ("data/mine", "- kind\n", "line 1: expected keys and values"),
    "truth value": ("data/mine", "No: 1\n", "line 1: the key 'No' is a bool to YAML"),
    "unknown key": (
        "data/mine",
        "kind: ase\nenergykey: E\n",
        "line 2: data.energykey: no such key, did you mean 'data.energy_key'?",
    ),
    "wrong type": (
        "training/mine",
        "batch_size: many\nlearning_rate: x\n",
        "line 1: training.batch_size=many: expected a whole number",
    ),
    "out of range": (
        "training/mine",
        "learning_rate: 0.1\nbatch_size: 0\n",
        "line 2: training.batch_size=0 must be > 0",
    ),
    "dotted": (
        "experiment/mine",
        "training.batch_size: 3\n",
        "line 1: training.batch_size: no such key: write batch_size below training, indented",
    ),
    "no such choice": (
        "experiment/mine",
        "seed: 1\ndefaults:\n  - override /network: hdeep\n",
        "line 3: defaults: network=hdeep: expected one of default, h_deep, own, did you mean "
        "'h_deep'?",
    ),
    "variable": (
        "data/mine",
        "kind: ase\ntrain: ${oc.env:NOT_SET}/w.xyz\n",
        "line 2: data.train: the environment variable NOT_SET is not set",
    ),
    "no such key": (
        "training/mine",
        "batch_size: ${nosuch.key}\n",
        "line 1: training.batch_size: ${nosuch.key}: there is no key nosuch.key",
    ),
    "circle": (
        "experiment/mine",
        "seed: ${training.batch_size}\ntraining: {batch_size: '${seed}'}\n",
        "line 1: seed: its interpolations",
    ),
    "header": ("experiment/mine", "# hello\n# @package a b\n", "line 2: Too many components"),
    "defaults": ("data/mine", "defaults: x\n", "line 1: defaults: expected a list"),
}
EXECUTE = {
    "callback": ("experiment/mine", f"hydra: {{callbacks: {{x: {CALL}}}}}\n"),
    "callback, in data": ("data/mine", f"# @package _global_\nhydra: {{callbacks: {{x: {CALL}}}}}"),
    "callback by package": ("data/mine", f"# @package hydra.callbacks\nx: {CALL}\n"),
    "callback by global package": ("data/mine", f"# @package _global_.hydra.callbacks\nx: {CALL}"),
    "callback by interpolation": (
        "experiment/mine",
        f"hydra: {{callbacks: '${{data.train}}'}}\ndata: {{train: {{x: {CALL}}}}}\n",
    ),
    "callback made of text": (
        "experiment/mine",
        'hydra:\n  callbacks: ${oc.create:"{x: {_target_: os.system}}"}\n',
    ),
    "launcher": ("experiment/mine", f"hydra: {{launcher: {CALL}}}\n"),
    "launcher's shell": ("experiment/mine", "hydra: {launcher: {setup: [touch canary]}}\n"),
    "line break for a shell": (
        "experiment/mine",
        'hydra: {launcher: {comment: "x\\ntouch canary"}}\n',
    ),
    "launcher's value": (
        "experiment/mine",
        "hydra: {launcher: {n_jobs: '${data.train}'}}\ndata: {train: {x: 1}}\n",
    ),
    "logging": (
        "experiment/mine",
        "hydra: {job_logging: {handlers: {x: {(): os.system, command: touch canary}}}}\n",
    ),
    "environment": ("experiment/mine", "hydra: {job: {env_set: {PYTHONPATH: .}}}\n"),
    "searched packages": ("train", "defaults: [train_schema]\nhydra: {searchpath: [pkg://evil]}"),
    "mounted by defaults": (
        "experiment/mine",
        "defaults:\n  - /data@hydra.callbacks.x: ani\n",
    ),
    "part of Hydra": ("hydra/job_logging/none", "root: {level: INFO}\n"),
    "a group's name": (
        "hydra.callbacks/mine",
        f"x: {CALL}\n",
        ["+hydra.callbacks=mine"],
    ),
    "in a list": ("data/mine", f"train: [{CALL}]\n"),
    "a sweep's environment": (
        "experiment/mine",
        "hydra: {mode: MULTIRUN, sweeper: {params: {++hydra.job.env_set.PYTHONPATH: .}}}\n",
        ["-m", "experiment=mine"],
    ),
    "a sweep's server": (
        "experiment/mine",
        "hydra: {sweeper: {params: {tracking.uri: 'http://127.0.0.1:1'}}}\n",
        ["-m", "experiment=mine"],
    ),
}


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def choice(name):
    group, _, chosen = name.rpartition("/")
    return [f"{group}={chosen}"] if group in ("data", "experiment", "training") else []


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_with_file_and_line(program, case):
    name, content, message = MISTAKES[case]
    write(program.folder / "conf", name, content)
    done = program.run("train", *choice(name), code=2)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("in place of")]
    assert done.stdout == ""
    assert all(line.startswith("error: ") and line.isprintable() for line in lines), done.stderr
    assert lines[0].startswith(f"error: conf/{name}.yaml"), done.stderr
    assert message in lines[0]
    assert [item.name for item in program.folder.iterdir()] == ["conf"]


def test_all_mistakes_of_a_file_are_named_together(program):
    write(program.folder / "conf", "training/mine", "batch_size: many\nlearning_rate: x\nfoo: 1\n")
    done = program.run("train", "training=mine", code=2)
    assert len(done.stderr.splitlines()) == 3


@pytest.mark.parametrize("case", EXECUTE)
@pytest.mark.parametrize("door", ["conf", "--config-dir"])
def test_nothing_of_a_users_file_executes(program, case, door):
    name, content, *arguments = EXECUTE[case]
    folder = program.folder / ("conf" if door == "conf" else "elsewhere")
    write(folder, name, content)
    (program.folder / "evil.py").write_text("open('canary', 'w')\n")
    more = [] if door == "conf" else ["--config-dir", "elsewhere"]
    if door != "conf" and not choice(name) and not arguments:
        return  # the shipped files come before those of such a folder
    words = arguments[0] if arguments else choice(name)
    done = program.run("train", *words, *more, code=2)
    assert not (program.folder / "canary").exists()
    assert all(line.startswith("error: ") for line in done.stderr.splitlines()), done.stderr
    assert not arguments or "hydra" in done.stderr
    assert arguments or f"{folder.name}/{name}.yaml" in done.stderr


@pytest.fixture
def server():
    """A server that somebody else listens at: ``accept`` raises where nobody has called."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        found.setblocking(False)
        yield found


@pytest.mark.parametrize("door", ["conf", "--config-dir"])
def test_a_file_sends_runs_to_no_server(program, server, door):
    address = f"http://127.0.0.1:{server.getsockname()[1]}"
    write(program.folder / "there", "tracking/theirs", f"mlflow: true\nuri: {address}\n")
    write(program.folder / "there", "experiment/theirs", f"mlflow_uri: {address}\n")
    more = ["--config-dir", "there"]
    if door == "conf":
        (program.folder / "there").rename(program.folder / "conf")
        write(program.folder / "conf", "tracking/mlflow", f"mlflow: true\nuri: {address}\n")
        more = []
    theirs = ["tracking=theirs"] if more else []
    for *words, key in (
        ("train", *theirs, "tracking.uri"),
        ("train", "-m", "seed=1,2", *theirs, "tracking.uri"),
        ("evaluate", "experiment=theirs", "run_dir=received", "mlflow_uri"),
    ):
        done = program.run(*words, *more, code=2)
        told = done.stderr.splitlines()[-1]
        assert f", line {2 if key == 'tracking.uri' else 1}: {key}={address}: a file names" in told
        assert f"say {key}={address} on the command line, or set MLFLOW_TRACKING_URI" in told
    with pytest.raises(BlockingIOError):
        server.accept()
    assert len(list(program.folder.iterdir())) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ["--config-path", "elsewhere"],
        ["--experimental-rerun", "elsewhere/config.pickle"],
        ["+data@hydra.callbacks=mine"],
        ["hydra.searchpath=[pkg://evil]"],
    ],
)
def test_flags_open_no_other_door(program, arguments):
    folder = program.folder / "elsewhere"
    write(folder, "train", f"hydra: {{callbacks: {{x: {CALL}}}}}\n")
    write(program.folder / "conf", "data/mine", f"x: {CALL}\n")
    (folder / "config.pickle").write_bytes(b"cos\nsystem\n(S'touch canary'\ntR.")
    (program.folder / "evil.py").write_text("open('canary', 'w')\n")
    done = program.run("train", *arguments, code=2)
    assert done.stderr.startswith("error: ")
    assert not (program.folder / "canary").exists()


def test_what_took_the_place_of_shipped_files_is_said(program):
    write(program.folder / "conf", "training/energy", "batch_size: 7\n")
    write(program.folder / "conf", "training/other", "batch_size: 8\n")
    done = program.run("train", "--cfg", "job")
    assert done.stderr == "in place of shipped files: conf/training/energy.yaml\n"
    assert "batch_size: 7" in done.stdout
    done = program.run("train", "--cfg", "job", "training=other")
    assert done.stderr == ""


def test_what_is_meant_is_done(program):
    folder = program.folder / "conf"
    write(folder, "experiment/mine", "io: {train_dir: 1e-4}\ndata: {species: [H, No]}\n")
    write(folder, "mine", "defaults: [train, _self_]\nseed: 5\n")
    done = program.run("train", "experiment=mine", "--config-name", "mine", "--cfg=job")
    assert "train_dir: '1e-4'\n" in done.stdout
    assert "seed: 5\n" in done.stdout
    assert "  - 'No'\n" in done.stdout
    write(program.folder / "more", "experiment/far", "seed: 6\n")
    done = program.run("train", "--config-dir", "more", "experiment=far", "--cfg", "job")
    assert "seed: 6\n" in done.stdout
    done = program.run("train", "io.train_dir=1e-4", "+seed=3", "--cfg", "job")
    assert "train_dir: '1e-4'\n" in done.stdout


def test_values_with_commas_and_variables_are_one_line(program):
    done = program.run("train", "data.train=a.xyz,b.xyz", code=2)
    assert done.stderr == (
        "error: data.train=a.xyz,b.xyz: several values: write a list, "
        "'data.train=[a.xyz,b.xyz]', or add -m to run a job with each "
        "(docs/how-to/own-data.md)\n"
    )
    done = program.run("train", "data.train=${oc.env:NOT_SET}/w.xyz", code=2)
    assert done.stderr.startswith(
        "error: data.train=${oc.env:NOT_SET}/w.xyz: the environment variable NOT_SET is not set"
    )
    assert not list(program.folder.iterdir())
