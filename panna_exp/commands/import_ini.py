"""``panna-exp import-ini``: PANNA's INI files become experiments in ``./conf/experiment``."""

from pathlib import Path

from panna_exp.config.parser import Parser
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.text import shorten

_DESCRIPTION = """\
Converts PANNA inputs (1.x and 2.x: training, validation, weight extraction, descriptors, packing)
to experiments, conf/experiment/NAME.yaml in the working directory, and prints the commands that
run them. Files that belong together are best imported together, so that they can refer to one
another. Every mistake in every file is named with its line; nothing is written then."""
_EPILOG = """\
examples:
  panna-exp import-ini train1.ini validation1.ini extract_weights.ini train2.ini
  panna-exp import-ini old/train.ini --name water --panna-version 1 --base old

docs/reference/panna-keywords.md says what becomes of every keyword."""


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    options = _parser().parse(arguments)
    from panna_exp.panna_ini.importer import import_files
    from panna_exp.panna_ini.write import command, write_experiments

    experiments = import_files(
        options.files,
        base=options.base,
        version=options.panna_version,
        skip_unknown=options.skip_unknown,
        names=[_name(options.name, options.files)] if options.name else (),
    )
    folder = Path("conf/experiment")
    paths = write_experiments(experiments, Path.cwd() / folder, options.force)
    for experiment, path in zip(experiments, paths, strict=True):
        print(
            f"{experiment.file}: {experiment.kind} input of PANNA {experiment.version}.x "
            f"({experiment.reason}) -> {folder / path.name}"
        )
        for note in experiment.notes:
            print(f"  note: {note}")
    print("to run it:" if len(experiments) == 1 else "to run them, in this order:")
    for experiment in experiments:
        print(f"  {command(experiment)}")
    return 0


def _name(name: str, files: list[str]) -> str:
    if len(files) > 1:
        raise ConfigError(f"--name {name}: names one experiment, but there are {len(files)} files")
    if not all(char.isalnum() or char in "_-" for char in name):
        raise ConfigError(
            f"--name {shorten(name)}: expected letters, digits, _ and -, as in water_2"
        )
    return name


def _parser() -> Parser:
    parser = Parser(
        prog="panna-exp import-ini",
        description=_DESCRIPTION,
        epilog=_EPILOG,
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="PANNA inputs (.ini)")
    parser.add_argument("--name", help="name of the experiment (default: that of the file)")
    parser.add_argument(
        "--base", default="", metavar="DIR", help="where relative paths in the files start from"
    )
    parser.add_argument(
        "--panna-version", type=int, choices=(1, 2), help="PANNA's version (default: by its keys)"
    )
    parser.add_argument("--skip-unknown", action="store_true", help="keep unknown keys as comments")
    parser.add_argument("--force", action="store_true", help="replace experiments of the same name")
    return parser
