"""A command's arguments: Hydra's flags apart from overrides, so that each can be looked at."""

from dataclasses import dataclass, field
from pathlib import Path

from panna_exp.errors import ConfigError, closest
from panna_exp.quoting import shown

_SWITCHES = {
    "-m": "--multirun",
    "-r": "--run",
    "--resolve": "--resolve",
    "--hydra-help": "--hydra-help",
}
_VALUES = {
    "-c": "--cfg",
    "-p": "--package",
    "-cn": "--config-name",
    "-cd": "--config-dir",
    "-cp": "--config-path",
    "--experimental-rerun": "--experimental-rerun",
}
_CHOICES = {
    "--cfg": ("job", "hydra", "all"),
    "--info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
}
_REFUSED = {
    "--config-path": "hides the files that come with the program: --config-dir DIR adds yours",
    "--experimental-rerun": "executes what is in a pickle: panna-exp rerun RUN_DIR repeats a run",
}


@dataclass(slots=True)
class Arguments:
    """What was typed after the command.

    Args:
        flags: Hydra's, in their long form, those with a value as ``--flag=value``.
        overrides: ``key=value``, ``~key`` and what may be meant as one.
        values: Of the flags that have one.
    """

    flags: list[str] = field(default_factory=list)
    overrides: list[str] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)

    @property
    def several(self) -> bool:
        """Whether several jobs are asked for."""
        return "--multirun" in self.flags or "hydra.mode=MULTIRUN" in self.overrides


def parse_arguments(arguments: list[str], program: str) -> Arguments:
    """Returns a command's arguments.

    Args:
        arguments: As typed.
        program: The program and its command, for messages.

    Raises:
        ConfigError: Flags that do not exist, or are not for a user's files.
    """
    parsed = Arguments()
    rest = list(arguments)
    long = {**_SWITCHES, **_VALUES, "-i": "--info"}
    while rest:
        word = rest.pop(0)
        if not word.startswith("-") or word == "-":
            parsed.overrides.append(word)
            continue
        flag, equals, value = word.partition("=")
        flag = long.get(flag, flag)
        if flag in _SWITCHES.values() and not equals:
            parsed.flags.append(flag)
            continue
        if flag == "--info" and not equals:
            value = rest.pop(0) if rest and rest[0] in _CHOICES[flag] else "all"
        elif flag in _VALUES.values() and not equals:
            if not rest:
                raise ConfigError(f"{flag}: its value is missing ({program} --help shows all)")
            value = rest.pop(0)
        elif flag != "--info" and flag not in _VALUES.values():
            known = [*long.values(), "--help"]
            raise ConfigError(
                f"unknown option '{shown(word)}'{closest(flag, known)} ({program} --help shows all)"
            )
        parsed.values[flag] = _checked(flag, value)
        parsed.flags.append(f"{flag}={parsed.values[flag]}")
    return parsed


def _checked(flag: str, value: str) -> str:
    if flag in _REFUSED:
        raise ConfigError(f"{flag} {shown(value)}: {_REFUSED[flag]}")
    known = _CHOICES.get(flag)
    if known and value not in known:
        raise ConfigError(
            f"{flag} {shown(value)}: expected one of {', '.join(known)}{closest(value, known)}"
        )
    if flag == "--config-dir":
        folder = Path(value).expanduser()
        if not folder.is_dir():
            raise ConfigError(f"--config-dir {shown(value)}: there is no such folder")
        return str(folder.resolve())
    return value
