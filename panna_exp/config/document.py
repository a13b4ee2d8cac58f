"""A YAML file that a user brings: read as plain data, every mistake with its line.

Nothing in it is executed, and its size is bounded before anything is made of it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.errors import ConfigError
from panna_exp.quoting import shown

LONGEST = 200_000  # bytes
DEEPEST = 30
LARGEST = 20_000  # values, those that aliases repeat counted each time
_TAG = "tag:yaml.org,2002:"
_PLAIN_TAGS = {f"{_TAG}{name}" for name in ("str", "int", "float", "bool", "null", "seq", "map")}
_WORDS = {f"{_TAG}{name}" for name in ("str", "int")}
_MERGE = f"{_TAG}merge"
_Path = tuple[Any, ...]


@dataclass(frozen=True)
class Document:
    """A file's content.

    Args:
        name: The file as messages name it.
        text: What is in it.
        root: Its nodes, which know their lines; None for an empty file.
    """

    name: str
    text: str
    root: yaml.MappingNode | None

    def at(self, node: yaml.Node) -> str:
        """Returns a node's place for a message: ``file, line 3``."""
        return f"{self.name}, line {node.start_mark.line + 1}"

    @cached_property
    def entries(self) -> dict[_Path, tuple[yaml.Node, yaml.Node]]:
        """Key and value nodes by path; values in lists are not in it."""
        return {} if self.root is None else dict(_entries(self.root, ()))

    def values(self) -> dict[Any, Any]:
        """Returns the content as nested plain values, interpolations as they stand.

        Raises:
            ConfigError: Values that YAML or OmegaConf cannot make.
        """
        if self.root is None:
            return {}
        try:
            plain = OmegaConf.to_container(OmegaConf.load(StringIO(self.text)))
        except yaml.YAMLError as error:
            raise ConfigError(_yaml_mistake(self.name, self.text, error)) from None
        except (OmegaConfBaseException, ValueError, TypeError, RecursionError) as error:
            raise ConfigError(f"{self._place(error)}: {_first_line(error)}") from None
        assert isinstance(plain, dict)
        return plain

    def _place(self, error: Exception) -> str:
        """The line of the key that OmegaConf says it is about."""
        found = re.search(r"full_key: (.+)", str(error))
        key = re.sub(r"\[\d+\]", "", found[1]) if found else ""
        for path, (node, _) in self.entries.items():
            if ".".join(str(word) for word in path) == key:
                return self.at(node)
        return self.name

    def header(self) -> list[str]:
        """Returns the comments before the first key."""
        lines = []
        for line in self.text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                break
            lines.append(line.strip())
        return lines


def read_document(path: Path) -> Document:
    """Reads a file.

    Raises:
        ConfigError: It cannot be read, is too large, or is not a YAML mapping of plain values.
    """
    name = display_name(path)
    text = _read_text(path, name)
    try:
        _check_events(text, name)
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(_yaml_mistake(name, text, error)) from None
    document = Document(name, text, root)
    if root is not None and not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{document.at(root)}: expected keys and values, e.g. batch_size: 20")
    if root is not None:
        _check_size(root, document)
        problems = list(_key_problems(root, document))
        if problems:
            raise ConfigError(dict.fromkeys(problems))
    return document


def display_name(path: Path) -> str:
    """Returns a file's name as a user in the working directory would write it."""
    here = Path.cwd()
    return shown(path.relative_to(here) if path.is_relative_to(here) else path)


def _read_text(path: Path, name: str) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST + 1)
    except OSError as error:
        raise ConfigError(f"{name}: {error.strerror}") from None
    if len(content) > LONGEST:
        raise ConfigError(f"{name}: is larger than {LONGEST // 1000} kB: no configuration is")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{name}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8: save the file "
            "as UTF-8 text"
        ) from None


def _check_events(text: str, name: str) -> None:
    """Refuses tags and deep nesting before nodes are made."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!" and tag not in _PLAIN_TAGS:
            raise ConfigError(
                f"{name}, line {line}: the tag {shown(tag.replace(_TAG, '!!'))} is not allowed: "
                "values are plain text, numbers, lists and mappings"
            )
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > DEEPEST:
            raise ConfigError(f"{name}, line {line}: is nested more than {DEEPEST} deep")


def _check_size(root: yaml.Node, document: Document) -> None:
    """Refuses what aliases would make too large, too deep or endless."""
    sizes: dict[int, tuple[int, int]] = {}  # by node: values in all, depth

    def measure(node: yaml.Node) -> tuple[int, int]:
        if id(node) in sizes:
            size, depth = sizes[id(node)]
            if not size:
                raise ConfigError(f"{document.at(node)}: an alias that contains itself")
            return size, depth
        sizes[id(node)] = (0, 0)  # at work
        below = [measure(child) for child in _children(node)]
        size = 1 + sum(item[0] for item in below)
        depth = 1 + max((item[1] for item in below), default=0)
        if size > LARGEST or depth > DEEPEST:
            raise ConfigError(
                f"{document.at(node)}: its aliases make more than {LARGEST} values of it, or more "
                f"than {DEEPEST} levels"
            )
        sizes[id(node)] = size, depth
        return size, depth

    measure(root)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        for pair in node.value:
            yield from pair
    elif isinstance(node, yaml.SequenceNode):
        yield from node.value


def _key_problems(node: yaml.Node, document: Document) -> Iterator[str]:
    """Keys that are no words, and those that are there twice."""
    seen: dict[str, yaml.Node] = {}
    for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == _MERGE:
            continue
        if key.tag not in _WORDS:
            said = f"'{shown(key.value)}'" if isinstance(key, yaml.ScalarNode) else "a list"
            kind = key.tag.removeprefix(_TAG)
            yield f"{document.at(key)}: the key {said} is a {kind} to YAML: write it in quotes"
        elif key.value in seen:
            first = seen[key.value].start_mark.line + 1
            yield f"{document.at(key)}: the key '{shown(key.value)}' is in line {first} already"
        else:
            seen[key.value] = key
    for child in _children(node):
        yield from _key_problems(child, document)


def _entries(
    node: yaml.MappingNode, path: _Path
) -> Iterator[tuple[_Path, tuple[yaml.Node, yaml.Node]]]:
    for key, value in node.value:
        if key.tag == _MERGE:
            for merged in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                if isinstance(merged, yaml.MappingNode):
                    yield from _entries(merged, path)
            continue
        name = int(key.value) if key.tag == f"{_TAG}int" and key.value.isdigit() else key.value
        yield (*path, name), (key, value)
        if isinstance(value, yaml.MappingNode):
            yield from _entries(value, (*path, name))


def _yaml_mistake(name: str, text: str, error: yaml.YAMLError) -> str:
    """What PyYAML says, with the line, and what to do where it is a common mistake."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = name if mark is None else f"{name}, line {mark.line + 1}"
    problem = getattr(error, "problem", None) or _first_line(error)
    context = getattr(error, "context", None)
    if "'\\t'" in problem:
        return f"{where}: a tab where YAML wants spaces: indent with spaces"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        code = error.character if isinstance(error.character, int) else ord(error.character)
        return f"{name}, line {line}: a control character, 0x{code:02x}: take it out"
    hint = ""
    if "mapping values are not allowed" in problem:
        hint = ": a key is indented otherwise than its neighbours, or text with ': ' needs quotes"
    elif "single document" in str(context):
        problem, hint = "a second document (---)", ": only one is read"
    said = f"{problem} ({context})" if context and not hint else problem
    return f"{where}: {shown(said)}{hint}"


def _first_line(error: Exception) -> str:
    return shown(next(iter(str(error).splitlines()), type(error).__name__))
