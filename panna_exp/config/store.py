"""Hydra's side of the configuration: schemas, resolvers, the conf folder, and running a task."""

import os
import re
from collections.abc import Callable, Sequence
from typing import Any

import hydra
from hydra import compose, initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import DictConfig, OmegaConf

from panna_exp.config.folders import conf_dir, user_conf_dir
from panna_exp.config.schema import EvaluateConfig, ExtractConfig, TrainConfig
from panna_exp.config.schema.tools import DescriptorsConfig, PackConfig
from panna_exp.config.sources import use_config_files

HYDRA_VERSION_BASE = "1.3"
_SWEEPERS = "hydra_plugins.panna_exp_sweepers"
SWEEPERS: dict[str, dict[str, Any]] = {
    "grid": {"_target_": f"{_SWEEPERS}.grid.GridSweeper", "max_batch_size": None, "params": None},
    "optuna": {"_target_": f"{_SWEEPERS}.search.SearchSweeper"},
}


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
    """Hands ``sys.argv`` to Hydra, which composes the config and calls ``task`` once per job."""
    register()
    hydra.main(
        version_base=HYDRA_VERSION_BASE, config_path=str(conf_dir()), config_name=config_name
    )(task)()


def compose_config(config_name: str, overrides: Sequence[str], **options: bool) -> DictConfig:
    """Composes a configuration without running anything; leaves Hydra as it was.

    Args:
        config_name: ``train`` for ``conf/train.yaml``.
        overrides: Without sweeps.
        options: Of Hydra's ``compose``.
    """
    register()
    before = GlobalHydra.instance().hydra
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(conf_dir()), version_base=HYDRA_VERSION_BASE):
            return compose(config_name, overrides=list(overrides), **options)
    finally:
        GlobalHydra.instance().hydra = before


def plugin_choices(group: str) -> list[str]:
    """Returns what can be chosen of Hydra's own parts, e.g. of ``hydra/launcher``."""
    register()
    return [name.removesuffix(".yaml") for name in ConfigStore.instance().list(group)]


def given_overrides(config: DictConfig | None = None) -> list[str]:
    """Returns the overrides of a job as they were given, interpolations in them unresolved.

    Args:
        config: With Hydra's part; None: of the job that runs, none if none does.
    """
    if config is None:
        if not HydraConfig.initialized():
            return []
        overrides = HydraConfig.get().overrides.task
    else:
        overrides = config.hydra.overrides.task
    return _unresolved(overrides)


def _unresolved(overrides: Any) -> list[str]:
    given = OmegaConf.to_container(overrides, resolve=False)
    assert isinstance(given, list)
    return [str(item) for item in given]


def _first_set(*values: Any) -> Any:
    found = next((value for value in values if value not in (None, "", "None", "null")), None)
    return os.path.expanduser(found) if isinstance(found, str) else found


def _typed_train_dir(overrides: Any) -> str | None:
    """Returns the value of io.train_dir on the command line, if it is there."""
    parsed = OverridesParser.create().parse_overrides(_unresolved(overrides))
    found = [item.value() for item in parsed if item.key_or_group == "io.train_dir"]
    return str(found[-1]) if found else None


def _folder_name(text: str) -> str:
    """Makes an overrides string safe and short enough for a folder."""
    return re.sub(r"[^A-Za-z0-9=._,+@-]+", "_", text)[:120].rstrip("._") or "defaults"


# A process that a launcher starts for a job imports this module, but composes without register().
_register_resolvers()
