"""Writes experiments as YAML: what differs from the defaults, each with the line it came from."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf

from panna_exp.errors import ConfigError
from panna_exp.files import write_text_atomic
from panna_exp.panna_ini.imported import Imported, Setting
from panna_exp.panna_ini.importer import base_config

# Written even where they are the defaults: the record of what the input was.
_ALWAYS = ("training.panna_version", "panna_version")
_INDENT = "  "


def yaml_text(experiment: Imported) -> str:
    """Returns the content of ``conf/experiment/NAME.yaml``."""
    lines = ["# @package _global_"]
    lines += _comment(
        f"Imported from {experiment.file}, PANNA {experiment.version}.x ({experiment.reason})."
    )
    lines += ["# To run it:", f"#   {command(experiment)}"]
    for note in experiment.notes:
        lines += _comment(note)
    if experiment.skipped:
        lines += ["# Skipped, because it is unknown:"]
        lines += [f"#   {_one_line(item)}" for item in experiment.skipped]
    if experiment.groups:
        lines.append("defaults:")
        for group, choice in experiment.groups.items():
            lines.append(f"{_INDENT}- override /{group}: {choice}")
    lines.append("")
    return "\n".join(lines + _body(_differing(experiment))) + "\n"


def command(experiment: Imported) -> str:
    """Returns the command that runs an experiment."""
    return f"panna-exp {experiment.command} experiment={experiment.name}"


def _differing(experiment: Imported) -> dict[str, Setting]:
    base = OmegaConf.to_container(base_config(experiment), resolve=False, enum_to_str=True)
    return {
        key: setting
        for key, setting in experiment.settings.items()
        if key in _ALWAYS or _look_up(base, key) != setting.value
    }


def _look_up(values: Any, key: str) -> Any:
    for name in key.split("."):
        if not isinstance(values, dict):
            return None
        values = values.get(name)
    return values


def _body(settings: dict[str, Setting]) -> list[str]:
    """The settings as nested YAML, groups together, in the order in which they first appear."""
    tree: dict[str, Any] = {}
    for key, setting in settings.items():
        *groups, name = key.split(".")
        inner = tree
        for group in groups:
            inner = inner.setdefault(group, {})
        inner[name] = setting
    return _lines(tree, 0)


def _lines(tree: dict[str, Any], depth: int) -> list[str]:
    indent = _INDENT * depth
    lines = []
    for name, item in tree.items():
        key = _scalar(name)
        if isinstance(item, Setting):
            lines.append(f"{indent}# {_one_line(item.source)}")
            lines.append(f"{indent}{key}: {_scalar(item.value)}")
        else:
            lines.append(f"{indent}{key}:")
            lines += _lines(item, depth + 1)
    return lines


def _scalar(value: Any) -> str:
    """A value on one line, as a YAML parser gives it back."""
    text = yaml.safe_dump(
        value, default_flow_style=True, width=2**31, allow_unicode=True, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")


def _comment(text: str) -> list[str]:
    return [f"# {_one_line(text)}"]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def write_experiments(
    experiments: Sequence[Imported], folder: Path, force: bool = False
) -> list[Path]:
    """Writes every experiment, or none where one of the files must not be replaced.

    Args:
        experiments: Validated.
        folder: ``conf/experiment`` of the working directory, made if absent.
        force: Whether files of other content are replaced; files that git tracks never are.

    Returns:
        Their paths.

    Raises:
        ConfigError: A file is in the way.
    """
    texts = {folder / f"{item.name}.yaml": yaml_text(item) for item in experiments}
    problems = [
        problem for path, text in texts.items() if (problem := _in_the_way(path, text, force))
    ]
    if problems:
        raise ConfigError(problems)
    for path, text in texts.items():
        write_text_atomic(path, text)
    return list(texts)


def _in_the_way(path: Path, text: str, force: bool) -> str:
    if not path.exists():
        return ""
    if path.is_file() and path.read_bytes() == text.encode():
        return ""
    if _is_tracked(path):
        return f"{path}: exists and git tracks it, so it is not replaced: choose another --name"
    if not force:
        return f"{path}: exists with other content: choose another --name, or replace it: --force"
    return ""


def _is_tracked(path: Path) -> bool:
    try:
        done = subprocess.run(
            ["git", "-C", str(path.parent), "ls-files", "--error-unmatch", path.name],
            capture_output=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False  # no git here, so nothing is tracked
    return done.returncode == 0
