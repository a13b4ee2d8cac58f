"""Compiled loops that are kept on disk are sound or are made anew."""

import importlib.util
import logging
import os
import sys

import numpy as np
import pytest
from numba.core import config
from numba.core.caching import CompileResultCacheImpl

from panna_exp import loop_cache

SOURCE = """
from panna_exp.compiling import compiled


@compiled
def total(values):
    found = values[0]
    for item in values[1:]:
        found += {factor} * item
    return found
"""


@pytest.fixture
def start(tmp_path, monkeypatch):
    """Imports a module with a loop as a new start of the program would."""
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path))

    def load(factor=1):
        path = tmp_path / "some_loops.py"
        path.write_text(SOURCE.format(factor=factor))
        loop_cache._sources.cache_clear()
        loop_cache._say.cache_clear()
        sys.modules.pop("some_loops", None)
        importlib.invalidate_caches()
        spec = importlib.util.spec_from_file_location("some_loops", path)
        module = importlib.util.module_from_spec(spec)
        monkeypatch.setitem(sys.modules, "some_loops", module)
        spec.loader.exec_module(module)
        return module.total

    return load


def files(folder):
    return sorted(folder.glob("cache/*/*.nbc"))


def hits(loop):
    return sum(loop.stats.cache_hits.values())


def test_what_was_compiled_is_kept(start, tmp_path):
    values = np.arange(5.0)
    assert start()(values) == 10
    again = start()
    assert again(values) == 10
    assert hits(again) == 1
    assert again(values.astype(np.float32)) == 10
    assert hits(again) == 1
    assert len(files(tmp_path)) == 2
    assert not list(tmp_path.glob("cache/*/*.part"))


def test_what_earlier_code_was_compiled_to_is_not_used_and_goes(start, tmp_path):
    values = np.arange(5.0)
    start()(values)
    changed = start(factor=2)
    assert changed(values) == 20
    assert hits(changed) == 0
    assert len(files(tmp_path)) == 1


def test_a_module_is_known_by_what_it_imports_too():
    before = loop_cache._sources("panna_exp.descriptors.blocks")
    assert before != loop_cache._sources("panna_exp.compiling")
    assert before == loop_cache._sources("panna_exp.descriptors.blocks")


@pytest.mark.parametrize("damage", ["empty", "cut", "a bit"])
def test_damaged_files_are_made_anew_with_one_line(start, tmp_path, caplog, damage):
    start()(np.arange(5.0))
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 4
    path.write_bytes({"empty": b"", "cut": whole[:-1000], "a bit": bytes(flipped)}[damage])
    with caplog.at_level(logging.WARNING):
        loop = start()
        assert loop(np.arange(5.0)) == 10
    (line,) = caplog.messages
    assert line == f"compiled loops in {path.parent} are damaged, and are compiled anew"
    caplog.clear()
    again = start()
    assert again(np.arange(5.0)) == 10
    assert hits(again) == 1
    assert not caplog.messages


def test_a_disk_without_room_costs_one_line(start, tmp_path, caplog, monkeypatch):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(loop_cache, "write_atomic", full)
    loop = start()
    assert loop(np.arange(5.0)) == 10
    assert loop(np.arange(5.0, dtype=np.float32)) == 10
    (line,) = caplog.messages
    assert "compiled loops cannot be kept in " in line
    assert "No space left on device: each start compiles them anew" in line


def test_without_a_folder_each_start_compiles_and_says_so_once(start, caplog, monkeypatch):
    locators = CompileResultCacheImpl._locator_classes
    monkeypatch.setattr(CompileResultCacheImpl, "_locator_classes", locators[:0])
    loop = start()
    assert loop(np.arange(5.0)) == 10
    assert loop(np.arange(5.0, dtype=np.float32)) == 10
    (line,) = caplog.messages
    assert "neither beside the package nor in the home folder" in line
