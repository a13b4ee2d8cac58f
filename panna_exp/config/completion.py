"""Completion of commands, keys and choices: ``eval "$(panna-exp -sc install=bash)"``, or zsh."""

import glob
import os
from collections.abc import Iterator, Sequence
from enum import Enum

from panna_exp.config.describe import SCHEMAS, choices, group_names, options
from panna_exp.config.keys import is_text, type_of
from panna_exp.errors import ConfigError

_BASH = """\
_panna_exp() {
    local IFS=$'\\n'
    COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" panna-exp -sc query=bash \\
        2>/dev/null))
    case "${COMPREPLY[0]}" in *[=./]) compopt -o nospace 2>/dev/null ;; esac
}
COMP_WORDBREAKS=${COMP_WORDBREAKS//[=:]}
complete -o default -F _panna_exp panna-exp"""
_ZSH = """\
_panna_exp() {
    local line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    local -a found
    found=("${(@f)$(COMP_LINE="$line" COMP_POINT=${#line} panna-exp -sc query=zsh 2>/dev/null)}")
    found=(${found:#})
    (( $#found )) || { _files; return }
    compadd -S '' -- ${(M)found:#*[=./]}
    compadd -- ${found:#*[=./]}
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -u }
compdef _panna_exp panna-exp"""
_SCRIPTS = {
    "install=bash": _BASH,
    "install=zsh": _ZSH,
    "uninstall=bash": "complete -r panna-exp; unset -f _panna_exp",
    "uninstall=zsh": "compdef -d panna-exp; unset -f _panna_exp",
}
_FLAGS = ("-m", "--cfg", "--info", "--help", "--config-dir", "--config-name", "--resolve")


def shell_completion(words: Sequence[str], commands: Sequence[str]) -> str:
    """Returns what ``-sc install=bash``, ``uninstall=bash`` and ``query=bash`` print, or with zsh.

    Args:
        words: What follows ``-sc``.
        commands: The program's.

    Raises:
        ConfigError: Another word, or another shell.
    """
    word = words[0] if words else ""
    if word in _SCRIPTS:
        return _SCRIPTS[word]
    if word in ("query=bash", "query=zsh"):
        line = os.environ.get("COMP_LINE", "")[: int(os.environ.get("COMP_POINT", "0") or 0)]
        return "\n".join(sorted(set(candidates(line, commands))))
    raise ConfigError(f"-sc {word}: expected one of {', '.join(_SCRIPTS)}")


def candidates(line: str, commands: Sequence[str]) -> Iterator[str]:
    """Yields what the last word of a command line may become.

    Args:
        line: Up to the cursor.
        commands: The program's.
    """
    words = line.split()
    current = "" if line[-1:].isspace() or not words else words.pop()
    before = [word for word in words[1:] if not word.startswith("-")]
    if not before:
        yield from (name for name in commands if name.startswith(current))
        return
    config_name = before[0].replace("-", "_")
    if config_name not in SCHEMAS:
        return
    if current.startswith("-"):
        yield from (flag for flag in _FLAGS if flag.startswith(current))
    elif "=" in current:
        key, _, value = current.partition("=")
        yield from (f"{key}={item}" for item in _values(key.lstrip("+"), value))
    else:
        yield from _keys(config_name, current)


def _keys(config_name: str, current: str) -> Iterator[str]:
    for option in options(SCHEMAS[config_name]):
        if option.key.startswith(current):
            dot = option.key.find(".", len(current))
            yield f"{option.key}=" if dot < 0 else option.key[: dot + 1]
    for group in group_names():
        if group.startswith(current) and (group == "experiment" or type_of([group], config_name)):
            yield f"{group}="


def _values(key: str, value: str) -> Iterator[str]:
    kind = type_of(key.split("."))
    if key in group_names():
        known = choices(key)
    elif isinstance(kind, type) and issubclass(kind, Enum):
        known = [item.name for item in kind]
    elif kind is bool:
        known = ["true", "false"]
    elif is_text(key.split(".")):
        paths = glob.glob(f"{glob.escape(value)}*")
        known = [f"{path}/" if os.path.isdir(path) else path for path in paths]
    else:
        known = []
    yield from (item for item in known if item.startswith(value))
