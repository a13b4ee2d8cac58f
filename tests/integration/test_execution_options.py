"""How steps are executed, at the real command line."""

import json

import numpy as np
import pytest

SMALL = ("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=5")


def test_what_was_chosen_is_said_recorded_and_kept(program, tmp_path):
    options = (*SMALL, "io.train_dir=run", "threads=1")
    done = program.run("train", *options, "training.max_epochs=1")
    assert "1 thread, steps by torch" in done.stderr
    assert json.loads((tmp_path / "run/environment.json").read_text())["execution"] == "torch"
    done = program.run("train", *options, "training.max_epochs=2", "execution=torch")
    assert "warning" not in done.stderr
    done = program.run("train", *options[:-1], "training.max_epochs=3", "threads=2")
    assert "warning: threads=2: the checkpoint was made with 1" in done.stderr


UNEQUAL = (
    "network.species.H.architecture=[6,4,1]",
    "network.species.H.activations=[tanh,relu,linear]",
)


@pytest.mark.parametrize("options", [(), UNEQUAL], ids=["equal layers", "unequal layers"])
def test_numba_trains_as_torch_does_and_is_kept(program, tmp_path, options):
    networks = {}
    for name in ("torch", "numba"):
        run = (*SMALL, *options, f"io.train_dir={name}", "precision=float64", "device=cpu")
        program.run("train", *run, "training.max_epochs=2", f"execution={name}")
        done = program.run("train", *run, "training.max_epochs=3")
        assert f"steps by {name}" in done.stderr
        assert "warning" not in done.stderr
        networks[name] = program.last_networks(tmp_path / name)
    for one, other in zip(networks["torch"], networks["numba"], strict=True):
        for layer, same in zip(one.layers, other.layers, strict=True):
            np.testing.assert_allclose(layer.weights, same.weights, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    ("old", "new", "note"),
    [
        ("loops", "numba", "note: execution=loops is now called execution=numba"),
        ("eager", "torch", "note: execution=eager is now called execution=torch"),
        (
            "compile",
            "torch",
            "note: execution=compile was removed (torch.compile made slower steps): "
            "execution=torch is used instead",
        ),
    ],
)
def test_old_names_work_and_the_new_one_is_said(program, old, new, note):
    options = (*SMALL, "io.train_dir=run", "training.max_epochs=1", "device=cpu")
    done = program.run("train", *options, f"execution={old}", "descriptor_kernel=tensor")
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    kernel = "note: descriptor_kernel=tensor is now called descriptor_kernel=torch"
    assert notes[:2] == [note, kernel]
    assert f"steps by {new}" in done.stderr


def test_bf16_is_another_training_and_tf32_needs_a_gpu(program, tmp_path):
    networks = {}
    for matmul in ("float32", "bf16"):
        options = (*SMALL, "training.max_epochs=1", f"io.train_dir={matmul}", "device=cpu")
        done = program.run("train", *options, f"training.matmul={matmul}")
        assert ("bf16 is imitated on cpu" in done.stderr) == (matmul == "bf16")
        networks[matmul] = program.last_networks(tmp_path / matmul)[0].layers[0].weights
    difference = abs(networks["bf16"] - networks["float32"]).max()
    assert 0 < difference < 0.05
    done = program.run("train", *SMALL, "device=cpu", "training.matmul=tf32", code=2)
    assert "error: training.matmul=tf32: only GPUs have TF32" in done.stderr


def test_graphs_without_a_gpu_are_refused_before_anything_is_written(program, tmp_path):
    done = program.run(
        "train", *SMALL, "io.train_dir=run", "device=cpu", "execution=cuda_graph", code=2
    )
    assert done.stderr.splitlines()[-1] == (
        "error: execution=cuda_graph: records what a CUDA device does, but this training runs on "
        "cpu: use execution=torch (docs/explanation/execution.md)"
    )
    assert not (tmp_path / "run").exists()
