"""PANNA's own commands: an INI file is imported in memory and run at once.

They leave the files that PANNA would leave where the INI file says; relative paths start in the
working directory, as they do for PANNA.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from panna_exp.config.parser import Parser
from panna_exp.descriptors.parameters import GENERATIONS
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.keywords import Kind
from panna_exp.runs.command_line import CommandLine

if TYPE_CHECKING:
    from panna_exp.panna_ini.imported import Imported

_WORDS: dict[Kind, str] = {
    "train": "panna-train",
    "validation": "panna-evaluate",
    "extract": "panna-extract-weights",
    "descriptors": "panna-gvect-calculator",
    "packing": "panna-tfr-packer",
}


def run_training(arguments: list[str]) -> int:
    """``panna-train``: trains; event files for TensorBoard lie in train_dir."""
    experiment, options = _import("train", arguments)
    from panna_exp.config.composed import Composed
    from panna_exp.panna_ini.importer import composed
    from panna_exp.runs.job import Job
    from panna_exp.runs.training import train

    launch_dir = Path.cwd()
    run_dir = launch_dir / experiment.value("io.train_dir")
    command = CommandLine(
        [], run_dir, ini=options.config, flags=_flags(options), longer=_twice_as_long(experiment)
    )
    said = Composed.of_values(composed(experiment), "train", launch_dir=launch_dir, run_dir=run_dir)
    return train(replace(Job.of(said, command), recorded=[f"-c {options.config}"])).code


def evaluate(arguments: list[str]) -> int:
    """``panna-evaluate``: evaluates checkpoints or a weights folder."""
    experiment, _ = _import("validation", arguments)
    from panna_exp.panna_ini.importer import validated
    from panna_exp.runs.evaluation import evaluate as run

    run(validated(experiment), Path.cwd())
    return 0


def extract_weights(arguments: list[str]) -> int:
    """``panna-extract-weights``: writes the networks of a checkpoint."""
    experiment, _ = _import("extract", arguments)
    from panna_exp.commands.extract_weights import extract
    from panna_exp.panna_ini.importer import validated

    extract(validated(experiment), Path.cwd())
    return 0


def descriptors(arguments: list[str]) -> int:
    """``panna-gvect-calculator``: computes descriptors to .bin files."""
    experiment, _ = _import("descriptors", arguments)
    from panna_exp.commands.descriptors import compute
    from panna_exp.panna_ini.importer import validated

    compute(validated(experiment), Path.cwd())
    return 0


def pack(arguments: list[str]) -> int:
    """``panna-tfr-packer``: packs .bin files into TFRecords, over those of the same names."""
    experiment, _ = _import("packing", arguments)
    from panna_exp.commands.pack import run
    from panna_exp.panna_ini.importer import validated

    run(validated(experiment), Path.cwd(), as_panna=True)
    return 0


def _flags(options: argparse.Namespace) -> list[str]:
    """The options besides the file, as they were typed."""
    version = options.panna_version
    formula = options.generation
    return [
        *(() if formula is None else ("--generation", formula)),
        *(() if version is None else ("--panna-version", str(version))),
        *(("--skip-unknown",) if options.skip_unknown else ()),
    ]


def _twice_as_long(experiment: "Imported") -> str:
    """What to write into an input with ``max_steps``, which comes before ``max_epochs``."""
    if "max_steps" not in experiment.settings["training.max_epochs"].source:
        return ""
    epochs = experiment.value("training.max_epochs")
    steps = experiment.value("training.steps_per_epoch")
    if experiment.version == 1:
        return f"max_steps={2 * epochs * steps}"
    return f"max_epochs={2 * epochs} and steps_per_epoch={steps} instead of max_steps"


def _import(kind: Kind, arguments: list[str]) -> "tuple[Imported, argparse.Namespace]":
    """Returns the experiment of the INI file that the arguments name."""
    options = _parser(_WORDS[kind]).parse(arguments)
    from panna_exp.panna_ini.imported import Setting
    from panna_exp.panna_ini.importer import import_files

    (experiment,) = import_files(
        [options.config], version=options.panna_version, skip_unknown=options.skip_unknown
    )
    if experiment.kind != kind:
        raise ConfigError(
            f"{options.config}: is an input of the kind '{experiment.kind}', expected '{kind}': "
            f"panna-exp {_WORDS[experiment.kind]} runs it"
        )
    print(f"{options.config}: PANNA {experiment.version}.x, {experiment.reason}")
    for note in experiment.notes:
        print(f"note: {note}")
    if kind != "packing" and options.generation is not None:
        experiment.settings["descriptor.generation"] = Setting(options.generation, "--generation")
    if kind == "train":
        experiment.groups["tracking"] = "tensorboard"
        source = "PANNA has no best checkpoint: its commands take the last"
        experiment.settings["io.keep_best"] = Setting(False, source)
    return experiment, options


def _parser(word: str) -> Parser:
    parser = Parser(
        prog=f"panna-exp {word}",
        description="Runs a PANNA input (1.x or 2.x) directly and leaves the files PANNA leaves.",
    )
    parser.add_argument(
        "-c", "--c", "--config", dest="config", required=True, metavar="FILE", help="the INI file"
    )
    parser.add_argument(
        "--panna-version", type=int, choices=(1, 2), help="PANNA's version (default: by its keys)"
    )
    if word != _WORDS["packing"]:
        parser.add_argument(
            "--generation", choices=GENERATIONS, help="formula of mBP, where no file says which"
        )
    parser.add_argument("--skip-unknown", action="store_true", help="pass over unknown keys")
    return parser
