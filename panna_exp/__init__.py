"""Train, compare and deploy PANNA-style neural network interatomic potentials.

``import panna_exp as pe`` gives what a notebook or a script needs: :func:`train`, :func:`compose`,
:class:`Run`, :func:`load`, :class:`Potential`, :func:`read`, :func:`convert`, and the errors that
mistakes raise, :class:`PannaExpError` and :class:`ConfigError`. Each is imported when it is used.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from panna_exp.api.potential import Potential, load
    from panna_exp.api.run import Run
    from panna_exp.api.structures import convert, read
    from panna_exp.api.training import compose, train
    from panna_exp.errors import ConfigError, PannaExpError

import os

# PyTorch's MKL reads it at its first product. Without it the last bits of a product depend on where
# its matrices lie in memory, and a resumed run need not end where the one that never stopped does.
os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")

__version__ = "0.1.0"
__all__ = [
    "ConfigError",
    "PannaExpError",
    "Potential",
    "Run",
    "__version__",
    "compose",
    "convert",
    "load",
    "read",
    "train",
]

_HOMES = {
    **dict.fromkeys(("train", "compose"), "api.training"),
    **dict.fromkeys(("load", "Potential"), "api.potential"),
    **dict.fromkeys(("read", "convert"), "api.structures"),
    **dict.fromkeys(("ConfigError", "PannaExpError"), "errors"),
    "Run": "api.run",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        from panna_exp.errors import closest

        raise AttributeError(f"panna_exp has no '{name}'{closest(name, _HOMES)}", name=name)
    return getattr(importlib.import_module(f"panna_exp.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
