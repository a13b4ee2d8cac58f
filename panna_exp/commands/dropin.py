"""PANNA's own commands: an INI file is imported in memory and run at once.

They leave the files that PANNA would leave where the INI file says; relative paths start in the
working directory, as they do for PANNA.
"""

from dataclasses import replace
from pathlib import Path

from panna_exp.panna_ini.at_once import NamedInput
from panna_exp.runs.command_line import CommandLine


def run_training(arguments: list[str]) -> int:
    """``panna-train``: trains; event files for TensorBoard lie in train_dir."""
    named = NamedInput.of("train", arguments)
    from panna_exp.config.composed import Composed
    from panna_exp.panna_ini.importer import composed
    from panna_exp.runs.job import Job
    from panna_exp.runs.training import train

    launch_dir = Path.cwd()
    values = composed(named.experiment)
    run_dir = launch_dir / named.experiment.value("io.train_dir")
    command = CommandLine(
        [], run_dir, ini=named.file, flags=named.flags, longer=named.twice_as_long()
    )
    said = Composed.of_values(values, "train", launch_dir=launch_dir, run_dir=run_dir)
    return train(replace(Job.of(said, command), recorded=[f"-c {named.file}"])).code


def evaluate(arguments: list[str]) -> int:
    """``panna-evaluate``: evaluates checkpoints or a weights folder."""
    config = NamedInput.of("validation", arguments).validated()
    from panna_exp.runs.evaluation import evaluate as run

    run(config, Path.cwd())
    return 0


def extract_weights(arguments: list[str]) -> int:
    """``panna-extract-weights``: writes the networks of a checkpoint."""
    config = NamedInput.of("extract", arguments).validated()
    from panna_exp.commands.extract_weights import extract

    extract(config, Path.cwd())
    return 0


def descriptors(arguments: list[str]) -> int:
    """``panna-gvect-calculator``: computes descriptors to .bin files."""
    config = NamedInput.of("descriptors", arguments).validated()
    from panna_exp.commands.descriptors import compute

    compute(config, Path.cwd())
    return 0


def pack(arguments: list[str]) -> int:
    """``panna-tfr-packer``: packs .bin files into TFRecords, over those of the same names."""
    config = NamedInput.of("packing", arguments).validated()
    from panna_exp.commands.pack import run

    run(config, Path.cwd(), as_panna=True)
    return 0
