"""Mutated copies of the shipped files in a folder's own conf/: no traceback, one line a mistake."""

import random
from pathlib import Path

import pytest

from panna_exp.config.folders import conf_dir
from panna_exp.config.prepare import prepare, typed
from panna_exp.config.store import compose_config
from panna_exp.errors import ConfigError

SHIPPED = conf_dir()
FILES = sorted(path.relative_to(SHIPPED) for path in SHIPPED.rglob("*.yaml"))
COMMANDS = ("train", "evaluate", "extract_weights", "descriptors", "pack")
CALL = b"{_target_: os.system, _args_: ['touch canary']}"
VALUES = [
    *(b"[]", b"{}", b"null", b"-1", b"x", b"1e400", b".nan", b"'", b"&a [*a]", b"*nope", b"???"),
    *(b"!!python/object/apply:os.system ['touch canary']", b"!!binary aGk=", b"? [a]", b"1:2:3"),
    *(b"${nosuch}", b"${oc.env:NOPE_X}", b"${", b"${.}", b"${..x}", b"${hydra:job.name}"),
    *(b"${oc.decode:'{a: 1}'}", b"[1,2", b"\xff\xfe", b"2020-01-01", b"|\n  text", b"9" * 5000),
    *(CALL, b"yes", b"1_000", b"[[[[[[[]]]]]]]"),
]
LINES = [
    *(b"---\n", b"...\n", b"%YAML 3.0\n", b"hydra:\n", b"hydra: 1\n", b"defaults: x\n"),
    *(b"hydra: {callbacks: {x: " + CALL + b"}}\n", b"defaults:\n  - nosuch\n", b"1: 2\n"),
    *(b"defaults:\n  - {a: 1, b: 2}\n", b"defaults: [[1]]\n", b"_target_: x\n", b": 3\n", b"- x\n"),
    *(b"true: 2\n", b"? {a: 1}\n: 2\n", b"\x00\n", b"\x1b[31m: 3\n", b"training.batch_size: 3\n"),
    *(b"  - override /network: h_deep\n", b"  - override /nosuch: x\n", b"  - 3\n", b"  - null\n"),
    *(b"# @package x y\n", b"# @package hydra.callbacks\n", b"<<: 3\n", b"? a\n", b"\xef\xbb\xbf"),
    *(b"defaults:\n  - optional nosuch: x\n", b"defaults:\n  - network@training: default\n"),
]
WHOLE = [
    lambda text: text + text,
    lambda text: text.decode().encode("utf-16"),
    lambda text: text.replace(b"\n", b"\r"),
    lambda text: b"[" * 100_000,
    lambda text: b"",
]


def mutated(text, rng):
    """One mutation of a file's bytes."""
    kind = rng.randrange(8)
    if kind == 0:
        return rng.choice(WHOLE)(text)
    place = rng.randrange(len(text) or 1)
    if kind == 1:
        return text[:place] + bytes([rng.randrange(256)]) + text[place + 1 :]
    if kind == 2:
        return text[:place]
    lines = text.splitlines(keepends=True) or [b"\n"]
    number = rng.randrange(len(lines))
    if kind == 3:
        lines[number] = rng.choice([b" ", b"\t", b"   "]) + lines[number]
    elif kind == 4:
        lines.insert(number, lines[number])
    elif kind in (5, 6):
        lines.insert(number, rng.choice(LINES))
    else:
        lines[number] = lines[number].split(b":")[0].rstrip() + b": " + rng.choice(VALUES) + b"\n"
    return b"".join(lines)


def prepared(folder, rng):
    """Writes a mutated file; returns the command and the arguments that choose it."""
    name = rng.choice(FILES)
    path = folder / "conf" / name
    path.parent.mkdir(parents=True)
    text = (SHIPPED / name).read_bytes()
    for _ in range(rng.choice([1, 1, 2])):
        try:
            text = mutated(text, rng)
        except UnicodeDecodeError:
            break
    path.write_bytes(text)
    if len(name.parts) == 1:
        return (name.stem if name.stem in COMMANDS else "train"), [], text
    if name.parts[0] == "species":
        return "train", [f"+species@network.species.H={name.stem}"], text
    return "train", [f"{name.parts[0]}={name.stem}"], text


def campaign(folder, monkeypatch, seeds):
    for seed in seeds:
        place = Path(folder / str(seed))
        place.mkdir()
        monkeypatch.chdir(place)
        command, arguments, text = prepared(place, random.Random(seed))
        problems = []
        try:
            given = prepare(arguments, command, f"panna-exp {command}")
            typed(compose_config(command, given), command, given)
        except ConfigError as error:
            problems = error.problems
        assert all(item.isprintable() for item in problems), (seed, text)
        assert not list(place.rglob("canary")), (seed, text)


def test_some_mutated_files(tmp_path, monkeypatch):
    campaign(tmp_path, monkeypatch, range(10))


@pytest.mark.slow
def test_hundreds_of_mutated_files(tmp_path, monkeypatch):
    campaign(tmp_path, monkeypatch, range(10, 410))


@pytest.mark.slow
def test_mutated_files_through_the_command_line(program):
    for seed in range(1000, 1030):
        place = program.folder / str(seed)
        place.mkdir()
        command, arguments, text = prepared(place, random.Random(seed))
        word = command.replace("_", "-")
        runner = type(program)(place)
        try:
            done = runner.run(word, *arguments, "--cfg", "job")
        except AssertionError:
            done = runner.run(word, *arguments, "--cfg", "job", code=2)
        assert "Traceback" not in done.stdout + done.stderr, (seed, text)
        assert all(line.isprintable() for line in done.stderr.splitlines()), (seed, text)
        assert not list(place.rglob("canary")), (seed, text)
