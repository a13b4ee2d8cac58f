"""Explains why a configuration does not compose.

Each override is tried by itself, so that all mistakes are named at once, each with the nearest
valid key or choice.
"""

import re

from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config import store
from panna_exp.config.describe import SCHEMAS, choices, group_names, options
from panna_exp.config.sources import conf_dir
from panna_exp.config.validation import VALIDATORS
from panna_exp.errors import ConfigError, closest

SEARCH = "hydra/sweeper=optuna"
LAUNCHERS = ("joblib", "submitit_local", "submitit_slurm")  # of the extra "sweep"
# What Hydra says, in a plain ValueError, of a group set to null or to a number.
NO_CHOICE = "Config group override must be a string or a list"
_Failure = (HydraException, OmegaConfBaseException, ValueError)


def explain(config_name: str, arguments: list[str], error: Exception) -> list[str]:
    """Returns one sentence for every override that fails, or for the whole where none does.

    Args:
        config_name: ``train``, ``evaluate``, ...
        arguments: The command's arguments, Hydra's flags among them.
        error: What Hydra raised.
    """
    texts = [item for item in arguments if "=" in item and not item.startswith("-")]
    texts += [item for item in arguments if item.startswith("~")]
    unknown = [item for item in arguments if item not in texts and not item.startswith("-")]
    problems = [f"'{item}' is no key=value override" for item in unknown]
    groups = set(group_names())
    usable: list[str] = []
    values: list[str] = []
    for text in texts:
        override = _parse(text, problems)
        if override is None:
            continue
        if override.is_interval_sweep() and SEARCH not in arguments:
            problems.append(f"{text}: an interval needs {SEARCH}; otherwise name the values: 1,2,3")
            continue
        name = override.key_or_group.split("@")[0]
        if name in groups:
            (usable if _composes(config_name, [text], problems) else values[:0]).append(text)
        else:
            values.append(text)
    good = usable + [text for text in values if _composes(config_name, [*usable, text], problems)]
    found = problems + _range_problems(config_name, good) or [_sentence(_text(error))]
    return list(dict.fromkeys(found))  # values of one sweep make the same mistake


def _range_problems(config_name: str, overrides: list[str]) -> list[str]:
    """What is wrong with the values of the overrides that do compose, less those of a sweep."""
    parser = OverridesParser.create()
    single = [item for item in overrides if not parser.parse_override(item).is_sweep_override()]
    try:
        config = OmegaConf.to_object(_compose(config_name, single))
        VALIDATORS[config_name](config)
    except ConfigError as error:
        return error.problems
    except _Failure:
        return []  # they compose one by one, but not together
    return []


def _compose(config_name: str, overrides: list[str]) -> DictConfig:
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base=store.HYDRA_VERSION_BASE):
            return compose(config_name, overrides=overrides)
    finally:
        GlobalHydra.instance().clear()


def _parse(text: str, problems: list[str]) -> Override | None:
    try:
        return OverridesParser.create().parse_override(text)
    except HydraException:
        problems.append(
            f"'{text}' cannot be read as key=value: quote values with special characters, "
            "e.g. 'data.train=\"my file.h5\"'"
        )
        return None


def _composes(config_name: str, overrides: list[str], problems: list[str]) -> bool:
    override = OverridesParser.create().parse_override(overrides[-1])
    candidates = overrides
    if override.is_sweep_override():
        # One value of the sweep is enough to see whether the key exists; each is tried.
        values = _values(override)
        key = overrides[-1].split("=", 1)[0]
        return all(
            [_composes(config_name, [*overrides[:-1], f"{key}={v}"], problems) for v in values]
        )
    try:
        _compose(config_name, candidates)
    except _Failure as error:
        problems.append(_problem(config_name, override, overrides[-1], _text(error)))
        return False
    return True


def _values(override: Override) -> list[str]:
    """Returns the values of a sweep, of an interval its limits."""
    interval = override.value()
    if isinstance(interval, IntervalSweep):
        return [str(interval.start), str(interval.end)]
    return list(override.sweep_string_iterator())


def _problem(config_name: str, override: Override, text: str, message: str) -> str:
    key = override.key_or_group
    not_there = "Could not find" in message or NO_CHOICE in message
    if not_there or ("Could not override" in message and "/" in message):
        group = key.split("@")[0]
        if group in group_names():
            known = choices(group)
            value = text.split("=", 1)[1]
            return f"{text}: expected one of {', '.join(known)}{closest(value, known)}"
    found = re.search(r"Available options in '.*':\n((?:\t.*\n)+)", message)
    if found:
        known, value = found[1].split(), text.split("=", 1)[1]
        if key == "hydra/launcher" and value in LAUNCHERS:
            return f"{text}: needs a package: pip install 'panna-exp[sweep]'"
        return f"{text}: expected one of {', '.join(known)}{closest(value, known)}"
    if re.search(r"Could not override|Key '.*' not in|Key '.*' is not in struct", message):
        known = [*_known_keys(config_name), *group_names()]
        if key not in known:
            return f"{key}: no such key{_closest_key(key, known)}"
    return f"{text}: {_sentence(message)}"


def _closest_key(key: str, known: list[str]) -> str:
    """The nearest key, preferring those of the same group and then the same last word."""
    group, _, name = key.rpartition(".")
    siblings = [item for item in known if item.rpartition(".")[0] == group]
    hint = closest(name, [item.rpartition(".")[2] for item in siblings]) if group else ""
    if hint:
        return hint.replace("'", f"'{group}.", 1)
    same = [item for item in known if item.rpartition(".")[2] == name]
    return f", did you mean '{same[0]}'?" if same else closest(key, known)


def _sentence(message: str) -> str:
    """Hydra's message on one line, without what only its developers need."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    drop = ("full_key:", "reference_type=", "object_type=", "To append to your config")
    found = re.search(r"full_key: (\S+)", message)
    text = "; ".join(line for line in lines if not line.startswith(drop))
    text = text.replace("raised while composing config:;", "")
    return f"{text} ({found[1]})" if found and found[1] not in text else text


def _known_keys(config_name: str) -> list[str]:
    keys = [item.key for item in options(SCHEMAS[config_name])]
    return list(dict.fromkeys([*keys, *(key.partition(".")[0] for key in keys)]))


def _text(error: BaseException) -> str:
    """The innermost message: Hydra's outer one only repeats the override."""
    while str(error).startswith("Error merging override") and error.__cause__ is not None:
        error = error.__cause__
    return str(error)
