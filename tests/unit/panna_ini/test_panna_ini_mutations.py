"""Damaged inputs are imported or refused with clear messages, quickly, and nothing is written."""

import random
import time
from pathlib import Path

import pytest

from panna_exp.errors import ConfigError
from panna_exp.panna_ini.importer import import_files
from panna_exp.panna_ini.write import write_experiments

INPUTS = {
    "train": """\
[IO_INFORMATION]
data_dir = ./train
train_dir = ./out
log_frequency = 10
restart_mode = metadata
metrics = MAE, RMSE, loss

[DATA_INFORMATION]
atomic_sequence = H, C, O, N
output_offset = -13.62, -1029.41, -2041.84, -1484.87

[TRAINING_PARAMETERS]
batch_size = 20
learning_rate = 0.01
learning_rate_constant = False
learning_rate_decay_factor = 0.5
learning_rate_decay_step = 500
wscale_l1 = 1e-5
steps_per_epoch = 100
max_epochs = 10

[VALIDATION_OPTIONS]
data_dir = ./validate

[DEFAULT_NETWORK]
g_size = 384
architecture = 128:32:1
trainable = 1:1:1
networks_metadata = saved_weights
[O]
trainable = 0:0:0
[H]
architecture = 128:32:32:1
trainable = 1:1:1:1
activations = 1:1:1:0
behavior = load:new:new:new
""",
    "gvect": """\
[IO_INFORMATION]
input_json_dir = ./simulations
output_gvect_dir = ./gvectors
log_dir = .
[SYMMETRY_FUNCTION]
type = mBP
species = H, C, O, N
[PARALLELIZATION]
number_of_process = 4
[GVECT_PARAMETERS]
gvect_parameters_unit = angstrom
eta_rad = 16
Rc_rad = 4.6
Rs0_rad = 0.5
RsN_rad = 16
eta_ang = 6.0
Rc_ang = 3.1
Rs0_ang = 0.5
Rsst_ang = 0.65
RsN_ang = 4
zeta = 50.0
ThetasN = 8
""",
    "extract": """\
[IO_INFORMATION]
network_dir = ./out/_models
output_dir = ./saved_weights
step_number = -1
output_type = LAMMPS
gvector_version = 1
""",
}
WORDS = [
    "",
    "-1",
    "1e400",
    "nan",
    "inf",
    "None",
    "True",
    "0x10",
    "1:1:1",
    "a,b",
    "%",
    "%(x)s",
    "${a}",
    "9" * 40,
    "é",
    "'",
    '"',
    "[",
    "128:32:0",
    "H,H",
    "1e-400",
    "::",
    ", ,",
    "~",
    "../../..",
    "-",
]


def mutate(data: bytes, rng: random.Random) -> bytes:
    """One to three of: flipped bytes, lines dropped, doubled, swapped, long, of other types."""
    for _ in range(rng.randint(1, 3)):
        lines = data.split(b"\n")
        at = rng.randrange(len(lines))
        kind = rng.randrange(8)
        if kind == 0 and data:
            flipped = bytearray(data)
            for _ in range(rng.randint(1, 5)):
                flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
            data = bytes(flipped)
            continue
        if kind == 1:
            del lines[at]
        elif kind == 2:
            lines.insert(rng.randrange(len(lines)), lines[at])
        elif kind == 3:
            starts = [i for i, line in enumerate(lines) if line.startswith(b"[")] or [0]
            start = rng.choice(starts)
            lines += lines[start : start + rng.randint(1, 6)]
        elif kind == 4:
            key = lines[at].partition(b"=")[0]
            lines[at] = key + b"= " + rng.choice(WORDS).encode()
        elif kind == 5:
            lines[at] += bytes([rng.choice(b"#;=:[]%\t\0 ")]) * rng.randint(1, 20)
        elif kind == 6:
            lines = lines[: max(1, at)]
        elif rng.random() < 0.1:
            lines[at] += bytes(rng.choice(b"a1:, ") for _ in range(50)) * 200_000  # 10 MB
        else:
            lines[at] = b"  " + lines[at]
        data = b"\n".join(lines)
    return data


def campaign(seeds, folder: Path) -> tuple[int, int]:
    """Returns how many were imported and refused."""
    imported = refused = 0
    target = folder / "conf/experiment"
    for seed in seeds:
        rng = random.Random(seed)
        name = rng.choice(list(INPUTS))
        (folder / "x.ini").write_bytes(mutate(INPUTS[name].encode(), rng))
        before = sorted(folder.rglob("*"))
        start = time.perf_counter()
        try:
            experiments = import_files(["x.ini"])
        except ConfigError as error:
            refused += 1
            check_messages(error.problems, seed)
            assert sorted(folder.rglob("*")) == before, f"seed {seed} wrote a file"
        else:
            imported += 1
            write_experiments(experiments, target, force=True)
        assert time.perf_counter() - start < 1, f"seed {seed} took too long"
    return imported, refused


def check_messages(problems, seed):
    assert problems, seed
    for problem in problems:
        assert "x.ini" in problem, f"seed {seed}: {problem}"
        assert "\n" not in problem, f"seed {seed}: {problem!r}"
        assert len(problem) < 3000, f"seed {seed}: {len(problem)} characters"
        assert "Traceback" not in problem


def test_sixty_damaged_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import_files_warm(tmp_path)
    imported, refused = campaign(range(60), tmp_path)
    assert imported > 5
    assert refused > 20


@pytest.mark.slow
def test_a_thousand_damaged_inputs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    import_files_warm(tmp_path)
    imported, refused = campaign(range(1000), tmp_path)
    print(f"{imported} imported, {refused} refused")
    assert imported > 100
    assert refused > 300


def import_files_warm(folder):
    """The first composition in a process imports Hydra's plugins; a user pays it once."""
    for name, text in INPUTS.items():
        (folder / f"{name}.ini").write_text(text)
        import_files([f"{name}.ini"])
