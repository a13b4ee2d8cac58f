"""From a command's arguments to what Hydra gets, and from what it composes to typed options.

Everything that is wrong is named at once, before anything is made; nothing of a user's files is
handed on to Hydra that it would call.
"""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config.arguments import Arguments, parse_arguments
from panna_exp.config.describe import SCHEMAS
from panna_exp.config.explain import explain, with_place
from panna_exp.config.folders import conf_dir, user_conf_dir
from panna_exp.config.overrides import check_overrides
from panna_exp.config.schema import DescriptorConfig, EvaluateConfig
from panna_exp.config.sources import loaded
from panna_exp.config.store import compose_config
from panna_exp.config.validation import VALIDATORS
from panna_exp.errors import ConfigError, closest
from panna_exp.masking import hide, masked
from panna_exp.quoting import key_of, quoted, shown

# Keys whose value is a store of MLflow.
SERVERS = ("tracking.uri", "mlflow_uri")

# What a configuration that does not compose ends in.
FAILURES = (HydraException, OmegaConfBaseException, ValueError, TypeError, RecursionError)
_PLUGINS = ("hydra_plugins.", "hydra._internal.core_plugins.")


def prepare(arguments: list[str], config_name: str, program: str) -> list[str]:
    """Returns the arguments for Hydra.

    Args:
        arguments: As typed after the command.
        config_name: ``train`` for ``conf/train.yaml``.
        program: The program and its command, for messages.

    Raises:
        ConfigError: Every mistake of the command line, and of files that it brings in.
    """
    loaded.clear()
    given = parse_arguments([hide(item) for item in arguments], program)
    checked = check_overrides(config_name, given)
    if checked.problems:
        wrong = {key_of(text) for text in given.overrides} - {key_of(t) for t in checked.good}
        more = [
            text
            for text in _range_problems(config_name, checked.good)
            if not any(text.startswith((f"{key}=", f"{key} ", f"{key}:")) for key in wrong)
        ]
        raise ConfigError(dict.fromkeys([*checked.problems, *more]))
    _check_name(given.values.get("--config-name"))
    folder = given.values.pop("--config-dir", None)
    flags = [flag for flag in given.flags if not flag.startswith("--config-dir=")]
    good = checked.good
    if folder is not None:
        good = [f"hydra.searchpath=[{quoted(f'file://{folder}')}]", *good]
    if folder is not None or user_conf_dir() is not None or "--config-name" in given.values:
        _check_files(given.values.get("--config-name", config_name), config_name, good)
    return [*flags, *good]


def _range_problems(config_name: str, overrides: Sequence[str]) -> list[str]:
    """What is wrong with the values of the overrides that are right by themselves."""
    try:
        composed = compose_config(config_name, single_valued(overrides))
        VALIDATORS[config_name](OmegaConf.to_object(composed))
    except ConfigError as error:
        return error.problems
    except FAILURES:
        return []  # they compose one by one, but not together
    return []


def single_valued(overrides: Sequence[str]) -> list[str]:
    """Returns the overrides that have one value, without those that a sweep goes through."""
    parser = OverridesParser.create()
    return [item for item in overrides if not parser.parse_override(item).is_sweep_override()]


def _check_name(name: str | None) -> None:
    """Raises ConfigError where there is no file for ``--config-name``; any of ``conf/`` may be."""
    folders = [folder for folder in (user_conf_dir(), conf_dir()) if folder is not None]
    file = f"{str(name).removesuffix('.yaml')}.yaml"
    is_there = "/" not in file and any((folder / file).is_file() for folder in folders)
    if name is not None and not is_there:
        known = sorted({path.stem for folder in folders for path in folder.glob("*.yaml")})
        raise ConfigError(
            f"--config-name {shown(name)}: there is no {shown(f'conf/{file}')} here"
            f"{closest(file.removesuffix('.yaml'), known)} (--config-dir adds choices of groups)"
        )


def _check_files(name: str, config_name: str, overrides: Sequence[str]) -> None:
    """Composes with a user's files, and looks at what Hydra would call before it can."""
    try:
        config = compose_config(name, single_valued(overrides), return_hydra_config=True)
        servers = list(server_problems(config, overrides))  # a sweep has a record of its own
    except FAILURES as error:
        raise ConfigError(explain(config_name, overrides, error)) from None
    hydra = OmegaConf.to_container(config.hydra, resolve=False)
    problems = [*_called(hydra), *_swept(hydra, config_name)]
    problems += [with_place(text, overrides) for text in servers]
    if problems:
        raise ConfigError(problems)
    if OmegaConf.get_type(config) is not SCHEMAS[config_name]:
        file = loaded[name][0].name if name in loaded else f"{name}.yaml"
        raise ConfigError(
            f"{file}, line 1: is not a configuration of {config_name.replace('_', '-')}: write "
            f"'defaults: [{config_name}, _self_]' into a file of another name, my.yaml, and add "
            "--config-name my"
        )


def _called(hydra: Any) -> Iterator[str]:
    """Yields what Hydra would call that did not come with the program."""
    if hydra["callbacks"] or hydra["job"]["env_set"] or hydra["job"]["env_copy"]:
        yield "hydra.callbacks, hydra.job.env_set and hydra.job.env_copy are not for a user's files"
    for name in ("job_logging", "hydra_logging"):
        if "()" in str(hydra[name]):
            yield f"hydra.{name}: factories are not for a user's files"
    for name in ("launcher", "sweeper"):
        target = (hydra[name] or {}).get("_target_", "")
        if not str(target).startswith(_PLUGINS) or str(hydra[name]).count("_target_") != 1:
            yield f"hydra.{name}: is none of those that are installed"


def _swept(hydra: Any, config_name: str) -> Iterator[str]:
    """Yields what a file may not have a sweep set: what the command line may not, and more."""
    params = (hydra["sweeper"] or {}).get("params") or {}
    words = [f"{key}={value}" for key, value in params.items()]
    checked = check_overrides(config_name, Arguments(["--multirun"], words))
    refused = [text for text in checked.good if key_of(text).startswith("hydra")]
    named = [text for text in checked.good if key_of(text) in SERVERS]
    yield from (f"hydra.sweeper.params: {text}" for text in checked.problems)
    yield from (f"hydra.sweeper.params: {text}: sets Hydra's own part" for text in refused)
    yield from (f"hydra.sweeper.params: {text}: say it on the command line" for text in named)


def taken_place() -> list[str]:
    """Returns the user's files of the last composition that took the place of shipped ones."""
    found = [path for path in loaded if (conf_dir() / f"{path}.yaml").exists()]
    return [loaded[path][0].name for path in found]


def typed(composed: DictConfig, config_name: str, overrides: Sequence[str]) -> Any:
    """Returns the typed and validated options of a composed configuration.

    Args:
        composed: By Hydra.
        config_name: ``train`` for ``conf/train.yaml``.
        overrides: As given; the descriptor's options know which of them were.

    Raises:
        ConfigError: Every mistake, with the line of a user's file where there is one.
    """
    config: Any
    try:
        config = OmegaConf.to_object(composed)
    except (OmegaConfBaseException, RecursionError) as error:
        found = [explain(config_name, overrides, item, key) for key, item in _broken(composed)]
        raise ConfigError(found or explain(config_name, overrides, error)) from None
    problems = [*_idle_problems(config, overrides), *server_problems(config, overrides)]
    try:
        VALIDATORS[config_name](config)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError([with_place(text, overrides) for text in problems])
    if isinstance(getattr(config, "descriptor", None), DescriptorConfig):
        config.descriptor.typed = named_options("descriptor", overrides)
    return config


def _idle_problems(config: Any, overrides: Sequence[str]) -> Iterator[str]:
    """Yields what is said of data that are not there; a shared file of the group may say it."""
    if not isinstance(config, EvaluateConfig) or config.data.test is not None:
        return
    for name in sorted(named_options("data", overrides) - {"", "test", "species", "generation"}):
        yield (
            f"data.{name}: is about data.test, which is not given: the run's validation data are "
            "read as the training read them"
        )


def named_options(group: str, overrides: Sequence[str]) -> frozenset[str]:
    """Returns the names of a group's options that overrides set, ``""`` for the group itself.

    Args:
        group: E.g. ``descriptor``, of which ``descriptor=bp`` and ``descriptor.zeta=4`` are.
        overrides: As typed.
    """
    keys = [key_of(item) for item in overrides]
    names = [key.removeprefix(f"{group}.") for key in keys if key.startswith(f"{group}.")]
    return frozenset([*names, *([""] if group in keys else [])])


def _broken(
    config: DictConfig | ListConfig, prefix: str = ""
) -> Iterator[tuple[str, BaseException]]:
    """Yields the keys whose values cannot be had, with the reason."""
    keys: list[Any] = list(config) if isinstance(config, DictConfig) else [*range(len(config))]
    for key in keys:
        name = f"{prefix}.{key}" if prefix else str(key)
        try:
            value = config[key]
        except (OmegaConfBaseException, RecursionError) as error:
            yield name, error
        else:
            if isinstance(value, DictConfig | ListConfig):
                yield from _broken(value, name)


def server_problems(config: Any, overrides: Sequence[str]) -> Iterator[str]:
    """Yields a sentence on each server that only a configuration file names, not the user.

    Files of this machine, ``sqlite:///...``, and the server of ``MLFLOW_TRACKING_URI`` pass.

    Args:
        config: Of a command, typed or composed.
        overrides: As typed, where everything may be named.
    """
    if not getattr(getattr(config, "tracking", None), "mlflow", True):
        return
    typed = {key_of(item) for item in overrides}
    here = masked(os.environ.get("MLFLOW_TRACKING_URI", ""))
    for key in SERVERS:
        value = config
        for word in key.split("."):
            value = getattr(value, word, None)
        if not value or key in typed or value.startswith("sqlite:") or masked(value) == here:
            continue
        server = shown(masked(value))
        yield (
            f"{key}={server}: a file names the server that everything of the run is sent to: if "
            f"you trust it, say {key}={server} on the command line, or set MLFLOW_TRACKING_URI"
        )
