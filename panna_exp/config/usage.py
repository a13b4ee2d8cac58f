"""``panna-exp COMMAND --help`` and ``panna-exp help KEY``, from the schema itself."""

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from panna_exp.config.describe import SCHEMAS, OptionDoc, choices, group_names, options
from panna_exp.config.keys import key_problem, type_of
from panna_exp.config.renamed import current_key
from panna_exp.errors import ConfigError

_FLAGS = """\
Hydra's flags: -m (a sweep: a job for each combination of a=1,2), --cfg job (shows the composed
configuration, nothing runs), --info (where it comes from), --config-name NAME (conf/NAME.yaml here
in place of the command's own), --config-dir DIR (more files). Your own conf/ here is used as well.
panna-exp help KEY explains one key."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the help of a command begins with.

    Args:
        summary: What the command does.
        examples: Command lines after the program's name, each with a word on it.
        common: The keys that are used most.
        groups: Groups of files, chosen as GROUP=NAME.
    """

    summary: str
    examples: tuple[tuple[str, str], ...]
    common: tuple[str, ...]
    groups: tuple[str, ...] = ()


USAGES: dict[str, Usage] = {
    "train": Usage(
        "Trains networks, validates at each epoch end, and records everything in a run directory.\n"
        "The same command with the same io.train_dir continues a run.",
        (
            ("", "the data set that comes with it"),
            ("data=ase data.train=my.xyz data.species=[H,O] data.reference_energies=fit", ""),
            ("io.train_dir=outputs/a training.max_epochs=50", "again: continues the run"),
            ("network=h_deep training=forces", "choices of groups"),
            ("-m training.learning_rate=1e-2,1e-3 seed=0,1", "a sweep: four jobs"),
            ("debug=tiny", "does everything once, in seconds"),
        ),
        (
            *("data.train", "data.validation", "data.species", "data.reference_energies"),
            *("network.architecture", "training.max_epochs", "training.batch_size"),
            *("training.learning_rate", "training.forces_cost", "io.train_dir", "seed", "device"),
        ),
        (
            *("io", "data", "descriptor", "network", "species", "training", "tracking", "debug"),
            "experiment",
        ),
    ),
    "evaluate": Usage(
        "Writes predictions, a table of errors and a parity plot of a run's checkpoints, or of a\n"
        "weights folder.",
        (
            ("run_dir=outputs/a", "on the run's validation data"),
            ("run_dir=outputs/a data.test=test.xyz checkpoint=best", ""),
            ("network_dir=weights data.test=test.h5 io.eval_dir=errors", "a weights folder"),
        ),
        ("run_dir", "network_dir", "data.test", "checkpoint", "compute_forces", "io.eval_dir"),
        ("data", "descriptor"),
    ),
    "extract_weights": Usage(
        "Writes the networks of a run as PANNA's files, reads them back and compares.",
        (
            ("run_dir=outputs/a io.output_dir=weights", ""),
            ("run_dir=outputs/a io.output_dir=lammps output_type=LAMMPS", "for pair_style panna"),
        ),
        ("run_dir", "io.output_dir", "output_type", "checkpoint"),
    ),
    "descriptors": Usage(
        "Computes the descriptors of data.train once and stores them; called again, it goes on.\n"
        "--report looks at them instead: ranges of the components, and how they fit the data.",
        (
            ("data.train=my.xyz data.species=[H,O] output_dir=stored", ""),
            ("--report data.train=my.xyz data.species=[H,O]", "do they fit the data?"),
        ),
        ("data.train", "data.species", "output_dir", "derivatives", "format", "processes"),
        ("data", "descriptor"),
    ),
    "pack": Usage(
        "Packs PANNA's .bin files into TFRecords.",
        (("input_dir=bin output_dir=tfr", ""),),
        ("input_dir", "output_dir", "prefix", "derivatives"),
    ),
}


def print_help(config_name: str, program: str) -> None:
    """Prints what a command takes: examples, the keys used most, all keys by group."""
    usage = USAGES[config_name]
    print(f"usage: {program} [key=value ...]\n\n{usage.summary}\n\nexamples:")
    for words, note in usage.examples:
        print(f"  {f'{program} {words}'.rstrip():62}  {note}".rstrip())
    if usage.groups:
        print("\ngroups, chosen as GROUP=NAME:")
        for group in usage.groups:
            print(f"  {group:12} {', '.join(choices(group))}")
        if "species" in usage.groups:
            print("  +species@network.species.H=deep mounts a species fragment")
    documented = {item.key: item for item in options(SCHEMAS[config_name])}
    print("\nused most (default):")
    for key in usage.common:
        _print_option(documented[key])
    heading = ""
    for option in sorted(documented.values(), key=lambda item: item.key.rpartition(".")[0]):
        group = option.key.rpartition(".")[0] or "of the whole command"
        if group != heading:
            print(f"\n{group}:")
            heading = group
        _print_option(option)
    print(f"\n{_FLAGS}")


def explain_keys(words: Sequence[str], config_name: str | None = None) -> None:
    """Prints what keys, or groups of them, mean: ``panna-exp help KEY``.

    Args:
        words: Keys and groups, e.g. ``training.batch_size`` or ``training``.
        config_name: Of the command that they are asked of; None: of all.

    Raises:
        ConfigError: No command has such a key.
    """
    names = list(SCHEMAS) if config_name is None else [config_name]
    documented = {name: {item.key: item for item in options(SCHEMAS[name])} for name in names}
    for word in words:
        key = current_key(word.partition("=")[0])
        found = {
            item.key: (item, [name for name in names if item.key in documented[name]])
            for own in documented.values()
            for item in own.values()
            if item.key == key or item.key.startswith(f"{key}.")
        }
        if not found and key not in group_names():
            raise ConfigError(f"{word}: {key_problem(key, names[0])}")
        for option, commands in found.values():
            _print_option(option)
            print(f"{' ' * 38}of {', '.join(name.replace('_', '-') for name in commands)}")
            kind = type_of(option.key.split("."))
            if isinstance(kind, type) and issubclass(kind, Enum):
                print(f"{' ' * 38}one of {', '.join(item.name for item in kind)}")
        if key in group_names():
            print(f"{key}=NAME chooses one of {', '.join(choices(key))}")


def _print_option(option: OptionDoc) -> None:
    width = min(100, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(f"{_shown(option.default)}{option.meaning}", max(width - 38, 30))
    head = f"  {option.key:35}"
    if len(head) > 37:
        print(head)
        head = " " * 37
    print(f"{head} {lines[0]}")
    for line in lines[1:]:
        print(" " * 38 + line)


def _shown(default: object) -> str:
    value = default.value if isinstance(default, Enum) else default
    if value is None:
        return ""
    return f"({str(value).lower() if isinstance(value, bool) else value}) "
