"""Hydra's side of the configuration: schemas, resolvers, the conf folder, and running a task."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hydra
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from panna_exp.config.schema import EvaluateConfig, ExtractConfig, TrainConfig
from panna_exp.config.schema.tools import DescriptorsConfig, PackConfig
from panna_exp.config.sources import conf_dir, use_config_files

HYDRA_VERSION_BASE = "1.3"
_SWEEPERS = "hydra_plugins.panna_exp_sweepers"
SWEEPERS: dict[str, dict[str, Any]] = {
    "grid": {"_target_": f"{_SWEEPERS}.grid.GridSweeper", "max_batch_size": None, "params": None},
    "optuna": {"_target_": f"{_SWEEPERS}.search.SearchSweeper"},
}


def user_conf_dir() -> Path | None:
    """Returns ``./conf`` of the working directory, where it is not the shipped folder itself."""
    folder = Path.cwd() / "conf"
    if folder.is_dir() and folder.resolve() != conf_dir().resolve():
        return folder
    return None


class UserConfSearchPath(SearchPathPlugin):
    """Puts ``./conf`` of the working directory before the shipped configuration."""

    def manipulate_search_path(self, search_path: Any) -> None:
        """Called by Hydra when it builds the search path."""
        folder = user_conf_dir()
        if folder is not None:
            search_path.prepend(provider="panna-exp", path=f"file://{folder}")


def register() -> None:
    """Registers schemas, resolvers and the search path; safe to call again."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=TrainConfig)
    store.store(name="evaluate_schema", node=EvaluateConfig)
    store.store(name="extract_schema", node=ExtractConfig)
    store.store(name="descriptors_schema", node=DescriptorsConfig)
    store.store(name="pack_schema", node=PackConfig)
    for name, node in SWEEPERS.items():
        store.store(group="hydra/sweeper", name=name, node=node, provider="panna-exp")
    Plugins.instance().register(UserConfSearchPath)
    use_config_files()


def _register_resolvers() -> None:
    OmegaConf.register_new_resolver("first_set", _first_set, replace=True)
    OmegaConf.register_new_resolver("typed_train_dir", _typed_train_dir, replace=True)
    OmegaConf.register_new_resolver("folder_name", _folder_name, replace=True)


def run_task(task: Callable[[DictConfig], Any], config_name: str) -> None:
    """Hands ``sys.argv`` to Hydra, which composes the config and calls ``task`` once a job."""
    register()
    hydra.main(
        version_base=HYDRA_VERSION_BASE, config_path=str(conf_dir()), config_name=config_name
    )(task)()


def typed_options(group: str, command: str) -> frozenset[str]:
    """Returns the names of a group's options that were typed, ``""`` for the group itself.

    Args:
        group: E.g. ``descriptor``, of which ``descriptor=bp`` and ``descriptor.zeta=4`` are.
        command: The config name of the command whose arguments count; none where another one, or
            none, is running.
    """
    if not HydraConfig.initialized() or HydraConfig.get().job.name != command:
        return frozenset()
    keys = [item.lstrip("+~").partition("=")[0] for item in HydraConfig.get().overrides.task]
    names = [key.removeprefix(f"{group}.") for key in keys if key.startswith(f"{group}.")]
    return frozenset([*names, *([""] if group in keys else [])])


def _first_set(*values: Any) -> Any:
    return next((value for value in values if value not in (None, "", "None", "null")), None)


def _typed_train_dir(overrides: Sequence[str]) -> str | None:
    """Returns the value of io.train_dir on the command line, if it is there."""
    key = "io.train_dir="
    found = [item.lstrip("+").removeprefix(key) for item in overrides if key in item]
    return found[-1].strip("\"'") if found else None


def _folder_name(text: str) -> str:
    """Makes an overrides string safe and short enough for a folder."""
    return re.sub(r"[^A-Za-z0-9=._,+@-]+", "_", text)[:120].rstrip("._") or "defaults"


# A process that a launcher starts for a job imports this module, but composes without register().
_register_resolvers()
