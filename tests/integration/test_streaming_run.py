"""Training on data that are read piece by piece, with the real command line."""

SHORT = ("network.architecture=[8,1]", "tracking=none", "data.streaming=true", "data.window_mb=1")


def test_resuming_in_the_middle_of_a_pass_gives_the_same_weights(program):
    options = ("train", *SHORT, "training.steps_per_epoch=25")
    done = program.run(*options, "training.max_epochs=3", "io.train_dir=whole")
    assert "are read piece by piece, in windows of 1 MB" in done.stdout + done.stderr
    program.run(*options, "training.max_epochs=1", "io.train_dir=parts")
    program.run(*options, "training.max_epochs=3", "io.train_dir=parts")
    program.assert_identical(program.folder / "whole", program.folder / "parts")
    done = program.run("evaluate", "run_dir=whole", "io.eval_dir=eval")
    trained = (program.folder / "whole/evaluate/epoch_3_step_75.dat").read_text()
    assert (program.folder / "eval/epoch_3_step_75.dat").read_text() == trained
