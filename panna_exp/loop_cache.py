"""Compiled loops on disk, from one start of the program to the next.

In numba's folder (beside the package, or the user's own, or ``NUMBA_CACHE_DIR``), but with files of
our own: numba's are read without a check, so that one that a power cut has left empty ends every
start in a traceback, and they stay in use when a module changes whose functions were inlined.

A file is a SHA-256 and what it is of. Its name says which code of ours it was compiled from, for
which types and which processor.
"""

import hashlib
import importlib.util
import logging
import pickle
import re
from collections.abc import Callable
from functools import cache
from importlib.abc import InspectLoader
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.caching import CompileResultCacheImpl, NullCache
from numba.core.serialize import dumps

from panna_exp.files import write_atomic

_DIGEST = hashlib.sha256().digest_size
_OWN_IMPORT = re.compile(r"^from (panna_exp(?:\.\w+)+) import", re.MULTILINE)
_ELSEWHERE = "; the variable NUMBA_CACHE_DIR says where else to keep them"

logger = logging.getLogger(__name__)


def cache_of(function: Callable[..., Any]) -> NullCache:
    """Returns the cache of a function; one that keeps nothing where no folder can be written."""
    try:
        return LoopCache(function)
    except RuntimeError:
        return _Nowhere()


class _Nowhere(NullCache):  # type: ignore[misc]  # numba has no types
    def save_overload(self, sig: Any, cres: Any) -> None:
        _say(
            "compiled loops cannot be kept, neither beside the package nor in the home folder: "
            f"each start compiles them anew{_ELSEWHERE}"
        )


class LoopCache(NullCache):  # type: ignore[misc]  # numba has no types
    """What a dispatcher of numba asks for compiled code, and gives it.

    Args:
        function: What is compiled.

    Raises:
        RuntimeError: There is no folder that can be written.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._numba = CompileResultCacheImpl(function)
        self._folder = Path(self._numba.locator.get_cache_path())

    @property
    def cache_path(self) -> str:
        """The folder."""
        return str(self._folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Returns what was compiled for these types; None where nothing sound is there."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            _say(f"compiled loops cannot be read, and are compiled anew: {path}: {error.strerror}")
            return None
        if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
            _say(f"compiled loops in {self._folder} are damaged, and are compiled anew")
            return None
        return self._numba.rebuild(target_context, pickle.loads(content[_DIGEST:]))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keeps what was compiled; removes what was compiled from earlier code."""
        if not self._numba.check_cachable(data):
            return
        path = self._path(sig, data.codegen)
        content = dumps(self._numba.reduce(data))
        try:
            write_atomic(path, lambda file: file.write(hashlib.sha256(content).digest() + content))
            for old in self._folder.glob(f"{self._numba.filename_base}.*.nbc"):
                if not old.name.startswith(self._stem):
                    old.unlink(missing_ok=True)
        except OSError as error:
            _say(
                f"compiled loops cannot be kept in {self._folder}: {error.strerror}: each start "
                f"compiles them anew{_ELSEWHERE}"
            )

    @property
    def _stem(self) -> str:
        return f"{self._numba.filename_base}.{_sources(self._function.__module__)}."

    def _path(self, sig: Any, codegen: Any) -> Path:
        closure = self._function.__closure__ or ()
        versions = (numba.__version__, llvmlite.__version__)
        key = (str(sig), codegen.magic_tuple(), versions, [cell.cell_contents for cell in closure])
        return self._folder / f"{self._stem}{hashlib.sha256(repr(key).encode()).hexdigest()}.nbc"


@cache
def _sources(module: str) -> str:
    """Returns a digest of the source of a module and of all of ours that it imports."""
    found: dict[str, str] = {}
    left = [module]
    while left:
        name = left.pop()
        if name not in found:
            spec = importlib.util.find_spec(name)
            assert spec is not None
            assert isinstance(spec.loader, InspectLoader)
            found[name] = spec.loader.get_source(name) or ""
            left += _OWN_IMPORT.findall(found[name])
    text = "".join(found[name] for name in sorted(found))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def _say(text: str) -> None:
    """Once: there are dozens of loops."""
    logger.warning(text)
