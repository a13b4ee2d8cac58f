"""The INI file that one of PANNA's own commands is given, as an experiment that is run at once."""

from dataclasses import dataclass
from typing import Any

from panna_exp.config.parser import Parser
from panna_exp.descriptors.parameters import GENERATIONS
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.imported import Imported, Setting
from panna_exp.panna_ini.keywords import Kind

_WORDS: dict[Kind, str] = {
    "train": "panna-train",
    "validation": "panna-evaluate",
    "extract": "panna-extract-weights",
    "descriptors": "panna-gvect-calculator",
    "packing": "panna-tfr-packer",
}


@dataclass(frozen=True, slots=True)
class NamedInput:
    """What the command line names.

    Args:
        file: As it was typed.
        flags: The options besides the file, as they were typed.
        experiment: What the file means.
    """

    file: str
    flags: list[str]
    experiment: Imported

    @classmethod
    def of(cls, kind: Kind, arguments: list[str]) -> "NamedInput":
        """Reads the file of a command, and says of which PANNA it is and what changes nothing.

        Raises:
            ConfigError: Every mistake in it, or an input of another kind.
        """
        options = _parser(_WORDS[kind]).parse(arguments)
        from panna_exp.panna_ini.importer import import_files

        (experiment,) = import_files(
            [options.config], version=options.panna_version, skip_unknown=options.skip_unknown
        )
        if experiment.kind != kind:
            raise ConfigError(
                f"{options.config}: is an input of the kind '{experiment.kind}', expected "
                f"'{kind}': panna-exp {_WORDS[experiment.kind]} runs it"
            )
        print(f"{options.config}: PANNA {experiment.version}.x, {experiment.reason}")
        for note in experiment.notes:
            print(f"note: {note}")
        given = {"--generation": options.generation, "--panna-version": options.panna_version}
        flags = [str(word) for pair in given.items() if pair[1] is not None for word in pair]
        if options.generation is not None:
            formula = Setting(options.generation, "--generation")
            experiment.settings["descriptor.generation"] = formula
        if kind == "train":
            experiment.groups["tracking"] = "tensorboard"
            source = "PANNA has no best checkpoint: its commands take the last"
            experiment.settings["io.keep_best"] = Setting(False, source)
        return cls(options.config, [*flags, *["--skip-unknown"] * options.skip_unknown], experiment)

    def validated(self) -> Any:
        """Returns the typed configuration (ConfigError)."""
        from panna_exp.panna_ini.importer import validated

        return validated(self.experiment)

    def twice_as_long(self) -> str:
        """What to write into an input with ``max_steps``, which comes before ``max_epochs``."""
        experiment = self.experiment
        if "max_steps" not in experiment.settings["training.max_epochs"].source:
            return ""
        epochs = experiment.value("training.max_epochs")
        steps = experiment.value("training.steps_per_epoch")
        if experiment.version == 1:
            return f"max_steps={2 * epochs * steps}"
        return f"max_epochs={2 * epochs} and steps_per_epoch={steps} instead of max_steps"


def _parser(word: str) -> Parser:
    parser = Parser(
        prog=f"panna-exp {word}",
        description="Runs a PANNA input (1.x or 2.x) directly and leaves the files PANNA leaves.",
        epilog=f"examples:\n  panna-exp {word} -c input.ini",
    )
    parser.add_argument(
        "-c", "--c", "--config", dest="config", required=True, metavar="FILE", help="the INI file"
    )
    parser.add_argument(
        "--panna-version", type=int, choices=(1, 2), help="PANNA's version (default: by its keys)"
    )
    if word == _WORDS["packing"]:
        parser.set_defaults(generation=None)
    else:
        parser.add_argument(
            "--generation", choices=GENERATIONS, help="formula of mBP, where no file says which"
        )
    parser.add_argument("--skip-unknown", action="store_true", help="pass over unknown keys")
    return parser
