"""Sizes that no machine has memory for, refused before any is taken, and folders of nobody."""

import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from panna_exp.config.schema import DescriptorConfig, DescriptorType
from panna_exp.config.validation.problems import Problems

MOST_THREADS = 1024
MOST_CENTRES = 1000
MOST_COMPONENTS = 200_000
_PATHS = (
    *("run_dir", "network_dir", "input_dir", "output_dir", "log_dir", "train_dir", "eval_dir"),
    *("train", "validation", "test", "restart_checkpoint", "networks_metadata", "starting_masks"),
    *("pruning_weights", "dir", "uri"),
)


def check_descriptor_size(
    descriptor: DescriptorConfig, num_species: int, problems: Problems
) -> None:
    """Adds numbers of centres and components that cannot be meant.

    Args:
        descriptor: The options.
        num_species: Number of species, 1 where they are not known yet.
        problems: Collects them.
    """
    if descriptor.type is DescriptorType.auto:
        problems.found.append(
            "descriptor=auto: takes its numbers from structures with positions: choose it on the "
            "command line of panna-exp train, beside data.train=FILE; here give them, "
            "descriptor=mbp"
        )
    counts = {}
    for name, listed in (
        ("RsN_rad", descriptor.Rs_rad_list),
        ("RsN_ang", descriptor.Rs_ang_list),
        ("ThetasN", descriptor.Thetas_list),
    ):
        counts[name] = len(listed) if listed is not None else getattr(descriptor, name) or 1
        problems.check(
            counts[name] <= MOST_CENTRES,
            f"descriptor.{name}={counts[name]}: expected at most {MOST_CENTRES}",
        )
    if max(counts.values()) > MOST_CENTRES:
        return
    pairs = num_species * (num_species + 1) // 2
    size = num_species * counts["RsN_rad"] + pairs * counts["RsN_ang"] * counts["ThetasN"]
    problems.check(
        size <= MOST_COMPONENTS,
        f"descriptor.RsN_rad, RsN_ang and ThetasN make {size} components per atom for "
        f"{num_species} species: expected at most {MOST_COMPONENTS}",
    )


def check_paths(config: Any, problems: Problems) -> None:
    """Adds paths that begin with ``~`` and the name of a user who is not there."""
    for key, text in _paths(config, ""):
        if text.startswith("~") and os.path.expanduser(text) == text:
            user = text[1:].partition("/")[0]
            problems.found.append(
                f"{key}={text}: there is no user '{user}' (./{text} is a folder here)"
            )


def _paths(config: Any, prefix: str) -> Iterator[tuple[str, str]]:
    for item in fields(config):
        value = getattr(config, item.name)
        if is_dataclass(value):
            yield from _paths(value, f"{prefix}{item.name}.")
        elif item.name in _PATHS:
            for text in value if isinstance(value, list) else [value]:
                if isinstance(text, str):
                    yield f"{prefix}{item.name}", text
