"""How steps are executed, at the real command line."""

import json

import numpy as np

SMALL = ("tracking=none", "network.architecture=[8,1]", "training.steps_per_epoch=5")


def test_what_was_chosen_is_said_recorded_and_kept(program, tmp_path):
    options = (*SMALL, "io.train_dir=run", "threads=1")
    done = program.run("train", *options, "training.max_epochs=1")
    assert "1 thread, eager steps" in done.stderr
    assert json.loads((tmp_path / "run/environment.json").read_text())["execution"] == "eager"
    done = program.run("train", *options, "training.max_epochs=2", "execution=eager")
    assert "warning" not in done.stderr
    done = program.run("train", *options[:-1], "training.max_epochs=3", "threads=2")
    assert "warning: threads=2: the checkpoint was made with 1" in done.stderr


def test_loops_train_as_eager_steps_do_and_are_kept(program, tmp_path):
    networks = {}
    for name in ("eager", "loops"):
        options = (*SMALL, f"io.train_dir={name}", "precision=float64", "device=cpu")
        program.run("train", *options, "training.max_epochs=2", f"execution={name}")
        done = program.run("train", *options, "training.max_epochs=3")
        says = {"eager": "eager steps", "loops": "steps of compiled loops"}[name]
        assert says in done.stderr
        assert "warning" not in done.stderr
        networks[name] = program.last_networks(tmp_path / name)
    for one, other in zip(networks["eager"], networks["loops"], strict=True):
        for layer, same in zip(one.layers, other.layers, strict=True):
            np.testing.assert_allclose(layer.weights, same.weights, rtol=1e-9, atol=1e-11)


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
        "cpu: use execution=eager"
    )
    assert not (tmp_path / "run").exists()
