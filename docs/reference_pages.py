"""The pages of the reference that come from the program itself: commands and configuration keys.

``docs/conf.py`` writes them before each build; ``tests/test_docs.py`` looks at them without one.
"""

import io
import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from enum import Enum
from pathlib import Path

from panna_exp.cli import COMMANDS, HELP, main
from panna_exp.config.describe import SCHEMAS, OptionDoc, choices, group_names, options
from panna_exp.config.folders import conf_dir
from panna_exp.config.keys import expected
from panna_exp.config.usage import USAGES

FOLDER = Path(__file__).resolve().parent / "reference"
_WIDTH = "90"  # of help texts, in characters


def write() -> None:
    """Writes all of them; a page that has not changed keeps its time, so that builds are quick."""
    for name, text in pages().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def pages() -> dict[str, str]:
    """Returns the pages by their names below ``docs/reference``."""
    groups = sorted({group for group, _ in _grouped()})
    found = {f"configuration/{group}.md": _group_page(group) for group in groups}
    return {"commands.md": _commands_page(), "configuration/index.md": _index(groups), **found}


def _grouped() -> dict[tuple[str, str], tuple[OptionDoc, list[str]]]:
    """Returns the options of groups, and the commands that read each, by (group, key)."""
    found: dict[tuple[str, str], tuple[OptionDoc, list[str]]] = {}
    for name, schema in SCHEMAS.items():
        for option in options(schema):
            group = option.key.partition(".")[0]
            if group != option.key:
                _, commands = found.setdefault((group, option.key), (option, []))
                commands.append(name.replace("_", "-"))
    return found


def _index(groups: list[str]) -> str:
    links = "\n".join(f"- [{group}]({group}.md): {_help_of(group)}" for group in groups)
    return f"""\
# Configuration keys

```{{toctree}}
:maxdepth: 1

{chr(10).join(groups)}
```

{links}

Keys that stand outside of groups are those of [their commands](../commands.md); how a configuration
is put together is [a page of its own](../../how-to/configuration.md).
"""


def _help_of(group: str) -> str:
    schemas = (schema.__dataclass_fields__ for schema in SCHEMAS.values())
    return next(str(found[group].metadata["help"]) for found in schemas if group in found)


def _group_page(group: str) -> str:
    parts = [f"# {group}\n\n{_help_of(group).capitalize()}."]
    if group in group_names():
        rows = [f"| `{group}={name}` | {_comment(group, name)} |" for name in choices(group)]
        parts.append("\n".join(["| choice | |", "| --- | --- |", *rows]))
    parts += [_entry(*value) for key, value in _grouped().items() if key[0] == group]
    if group == "network":
        parts.append(
            "Of single species, `network.species.H.architecture=[64,1]`: `architecture`, "
            "`activations`, `trainable`, `behavior`, `layer_files`, `prunable`, `sparsity`, "
            "`starting_masks` and `pruning_weights`, with the meanings above."
        )
    return "\n\n".join(parts) + "\n"


def _comment(group: str, name: str) -> str:
    """The comment that a shipped file begins with."""
    lines = (conf_dir() / group / f"{name}.yaml").read_text().splitlines()
    words = []
    for line in lines:
        if not line.startswith("#"):
            break
        if "@package" not in line and "yaml-language-server" not in line:
            words.append(line.lstrip("# "))
    return " ".join(words).replace("|", "\\|")


def _entry(option: OptionDoc, commands: list[str]) -> str:
    fields = {"type": expected(option.key.split(".")), "default": f"`{_text(option.default)}`"}
    said = "\n".join(f":{name}: {text}" for name, text in fields.items() if text)
    read = ", ".join(f"`{name}`" for name in commands)
    return (
        f"```{{confval}} {option.key}\n{said}\n\n{_prose(option.meaning)}\n\nRead by {read}.\n```"
    )


def _text(default: object) -> str:
    value = default.value if isinstance(default, Enum) else default
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value).replace("'", "")


def _prose(meaning: str) -> str:
    """A meaning as Markdown, in which its own characters are none of Markdown's."""
    marked = meaning.replace("*", "\\*").replace("<", "\\<").replace("_", "\\_")
    return f"{marked[0].upper()}{marked[1:]}."


def _commands_page() -> str:
    parts = ["# Commands", f"```text\n{HELP}\n```"]
    for name, command in COMMANDS.items():
        parts.append(f"## panna-exp {name}")
        schema = name.replace("-", "_")
        if schema in SCHEMAS:
            parts += _hydra_command(name, schema)
        else:
            parts.append(f"{command.summary[0].upper()}{command.summary[1:]}.")
            parts.append(f"```text\n{_help(name)}\n```")
    return "\n\n".join(parts) + "\n"


def _hydra_command(name: str, schema: str) -> Iterator[str]:
    usage = USAGES[schema]
    yield usage.summary
    lines = [
        f"panna-exp {name} {words}".rstrip() + (f"  # {note}" * bool(note))
        for words, note in usage.examples
    ]
    yield "```bash\n" + "\n".join(lines) + "\n```"
    yield "| key | default | |\n| --- | --- | --- |\n" + "\n".join(
        f"| `{option.key}` | `{_text(option.default)}` | {_prose(option.meaning)} |".replace(
            "| `null` |", "| |"
        )
        for option in options(SCHEMAS[schema])
        if "." not in option.key
    )
    keys = sorted(
        {option.key.partition(".")[0] for option in options(SCHEMAS[schema]) if "." in option.key}
    )
    if keys:
        links = ", ".join(f"[{group}](configuration/{group}.md)" for group in keys)
        yield f"Groups of keys: {links}."


def _help(name: str) -> str:
    """What ``panna-exp NAME --help`` prints."""
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = _WIDTH
    printed = io.StringIO()
    try:
        with redirect_stdout(printed):
            main([name, "--help"])
    except SystemExit:  # of argparse, after its help
        pass
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return printed.getvalue().strip()
