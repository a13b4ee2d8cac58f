"""Pruned weights stay zero through training, checkpoints, resume and files."""

import numpy as np

from panna_exp.training import checkpoint as checkpoints

PRUNED = ("network.species.H.prunable=1:1:0", "network.species.H.sparsity=0.6")
SHORT = ("network.architecture=[8,4,1]", "tracking=none", *PRUNED)
WITH_PENALTY = ("training.wscale_l2=1e-4", "training.wscale_l1=1e-5")


def hydrogen(program, run_dir):
    networks = {network.symbol: network for network in program.last_networks(run_dir)}
    return networks["H"]


def test_training_resume_and_extraction_keep_the_zeros(program):
    options = (*SHORT, *WITH_PENALTY)
    done = program.run("train", *options, "training.max_epochs=4", "io.train_dir=whole")
    program.run("train", *options, "training.max_epochs=2", "io.train_dir=parts")
    program.run("train", *options, "training.max_epochs=4", "io.train_dir=parts")
    program.assert_identical(program.folder / "whole", program.folder / "parts")
    assert "H.0.weights: " in done.stdout + done.stderr

    path = checkpoints.list_checkpoints(program.folder / "whole" / "_models")[-1]
    masks = checkpoints.load(path).masks
    assert sorted(masks) == ["H.0.weights", "H.1.weights"]
    layers = hydrogen(program, program.folder / "whole").layers
    for number in (0, 1):
        kept = masks[f"H.{number}.weights"].numpy()
        assert 0.5 < 1 - kept.mean() < 0.7
        assert not layers[number].weights[~kept].any()
        assert layers[number].weights[kept].all()

    program.run("extract-weights", "run_dir=whole", "io.output_dir=weights")
    saved = np.load(program.folder / "weights" / "H_l0_mask.npy")
    np.testing.assert_array_equal(saved, masks["H.0.weights"].numpy())

    # What was extracted starts another training with the same masks.
    program.run(
        "train",
        *SHORT,
        "network.species.H.starting_masks=weights",
        f"network.species.H.sparsity={1 - float(saved.mean()):.3f}",
        "network.species.H.prunable=1:0:0",
        "training.max_epochs=1",
        "seed=5",
        "io.train_dir=again",
    )
    again = hydrogen(program, program.folder / "again").layers[0].weights
    np.testing.assert_array_equal(again != 0, saved.astype(bool))


def test_masks_that_are_missing_stop_the_run_at_once(program):
    done = program.run(
        "train", *SHORT, "network.species.H.starting_masks=nowhere", "io.train_dir=run", code=2
    )
    assert "nowhere/H_l0_mask.npy: no such file" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (program.folder / "run").exists()
