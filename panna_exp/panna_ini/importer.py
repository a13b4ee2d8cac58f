"""From INI files to experiments that are known to start: the whole import, nothing written."""

import os
import re
from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config import store
from panna_exp.config.validation import VALIDATORS
from panna_exp.errors import ConfigError
from panna_exp.panna_ini.checked import read_input
from panna_exp.panna_ini.imported import Imported
from panna_exp.panna_ini.map_descriptor import map_descriptors, map_packing
from panna_exp.panna_ini.map_results import map_extraction, map_validation
from panna_exp.panna_ini.map_train import map_train
from panna_exp.panna_ini.workflow import Workflow

_MAPPINGS = {
    "train": map_train,
    "validation": map_validation,
    "extract": map_extraction,
    "descriptors": map_descriptors,
    "packing": map_packing,
}
_NO_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def import_files(
    files: Sequence[str],
    *,
    base: str = "",
    version: int | None = None,
    skip_unknown: bool = False,
    names: Sequence[str] = (),
) -> list[Imported]:
    """Reads INI files and returns validated experiments, in the order in which they can run.

    Args:
        files: As the user named them.
        base: Folder that relative paths in them start from, empty for the working directory.
        version: Of PANNA, if the user says.
        skip_unknown: Whether unknown sections and keys are kept as comments.
        names: Of the experiments; by default those of the files.

    Raises:
        ConfigError: Every mistake of every file.
    """
    problems: list[str] = []
    workflow = Workflow(folder=Path.cwd() / base, base=base)
    if base and not workflow.folder.is_dir():
        raise ConfigError(f"--base {base}: no such folder")
    chosen = dict(zip(files, names or map(experiment_name, files), strict=True))
    _refuse_duplicates(chosen)
    for file in files:
        try:
            workflow.inputs.append(read_input(Path(file), file, version, skip_unknown))
        except ConfigError as error:
            problems += error.problems
    experiments = []
    for source in workflow.in_order():
        try:
            experiment = _MAPPINGS[source.kind](source, chosen[source.file], workflow)
            validated(experiment)
            experiments.append(experiment)
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(list(dict.fromkeys(problems)))
    return experiments


def experiment_name(file: str) -> str:
    """Returns the name of the experiment that a file becomes."""
    return _NO_NAME.sub("_", Path(file).stem).strip("_") or "imported"


def _refuse_duplicates(chosen: dict[str, str]) -> None:
    by_name: dict[str, str] = {}
    for file, name in chosen.items():
        if name in by_name:
            raise ConfigError(
                f"{file} and {by_name[name]} would both become the experiment '{name}': import "
                "them one by one with --name"
            )
        by_name[name] = file


def base_config(experiment: Imported) -> DictConfig:
    """Returns the configuration that the values of an experiment are laid over."""
    overrides = [f"{group}={choice}" for group, choice in experiment.groups.items()]
    return deepcopy(_composed_base(experiment.config_name, tuple(overrides), os.getcwd()))


@lru_cache(maxsize=16)
def _composed_base(config_name: str, overrides: tuple[str, ...], folder: str) -> DictConfig:
    """Composes once for all files of an import; ``folder`` is where the user's conf/ may be."""
    return store.compose_config(config_name, overrides)


def composed(experiment: Imported) -> DictConfig:
    """Returns the whole configuration of an experiment."""
    base = base_config(experiment)
    if "network" in base:
        OmegaConf.set_struct(base.network.species, False)  # each species is a new key
    merged = OmegaConf.merge(base, experiment.nested())
    assert isinstance(merged, DictConfig)
    return merged


def validated(experiment: Imported) -> Any:
    """Returns the typed configuration.

    Raises:
        ConfigError: Every mistake, with the line of the INI file where there is one.
    """
    try:
        config = OmegaConf.to_object(composed(experiment))
    except OmegaConfBaseException as error:
        raise ConfigError(f"{experiment.file}: {str(error).splitlines()[0]}") from None
    try:
        VALIDATORS[experiment.config_name](config)
    except ConfigError as error:
        raise ConfigError([_with_line(text, experiment) for text in error.problems]) from None
    return config


def _with_line(problem: str, experiment: Imported) -> str:
    """The problem, after the line of the INI file that its key comes from."""
    key = re.match(r"[A-Za-z0-9_.]+", problem)
    names = [] if key is None else [key[0].rstrip("."), key[0].rpartition(".")[0]]
    for name in names:
        if name in experiment.settings and ":" in experiment.settings[name].source:
            return f"{experiment.settings[name].source}: {problem}"
    return f"{experiment.file}: {problem}"
