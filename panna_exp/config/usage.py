"""``panna-exp COMMAND --help``: groups, keys, defaults and meanings, from the schema itself."""

import shutil
import textwrap
from enum import Enum

from panna_exp.config.describe import SCHEMAS, OptionDoc, choices, options

_TEXTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "train": (
        "Trains networks, validates at each epoch end, and records everything in a run directory.\n"
        "The same command with the same io.train_dir continues a run. -m a.b=1,2,3 runs a sweep.",
        (
            *("io", "data", "descriptor", "network", "species", "training", "tracking", "debug"),
            "experiment",
        ),
    ),
    "evaluate": (
        "Writes predictions, a table of errors and a parity plot of a run's checkpoints, or of a\n"
        "weights folder.",
        ("data", "descriptor"),
    ),
    "extract_weights": (
        "Writes the networks of a run as PANNA's files, reads them back and compares.",
        (),
    ),
    "descriptors": (
        "Computes the descriptors of data.train once and stores them; called again, it goes on.\n"
        "--report looks at them instead: ranges of the components, and how they fit the data.",
        ("data", "descriptor"),
    ),
    "pack": ("Packs PANNA's .bin files into TFRecords.", ()),
}


def print_help(config_name: str, program: str) -> None:
    """Prints what a command takes."""
    summary, groups = _TEXTS[config_name]
    print(f"usage: {program} [key=value ...]\n\n{summary}\n")
    if groups:
        print("groups, chosen as GROUP=NAME:")
        for group in groups:
            print(f"  {group:12} {', '.join(choices(group))}")
        if "species" in groups:
            print("  +species@network.species.H=deep mounts a species fragment")
        print()
    print("keys (default) and meaning:")
    documented = options(SCHEMAS[config_name])
    for option in sorted(documented, key=lambda item: "." in item.key):
        _print_option(option)
    print("\nHydra's own flags: --cfg job (shows the composed configuration), -m, --config-dir DIR")


def _print_option(option: OptionDoc) -> None:
    width = min(100, shutil.get_terminal_size().columns)
    lines = textwrap.wrap(f"{_shown(option.default)}{option.meaning}", width - 38)
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
