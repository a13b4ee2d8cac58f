"""Where configuration files come from: the shipped ones as they are, a user's under today's names.

Hydra asks this source for every file: of ``./conf``, of ``--config-dir`` and of a search path.
"""

from pathlib import Path

from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra._internal.sources_registry import SourcesRegistry
from hydra.plugins.config_source import ConfigResult
from omegaconf import OmegaConf

from panna_exp.config.renamed import renamed_values


def conf_dir() -> Path:
    """Returns the shipped YAML files: inside the wheel, or beside a checkout's package."""
    package = Path(__file__).resolve().parent.parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parent / "conf"


class ConfigFiles(FileConfigSource):
    """A folder of configuration files."""

    def load_config(self, config_path: str) -> ConfigResult:
        """Called by Hydra for each file that it composes."""
        result = super().load_config(config_path)
        if Path(self.path).resolve() != conf_dir():
            plain = OmegaConf.to_container(result.config)
            if isinstance(plain, dict):
                package = result.header["package"] or config_path.rpartition("/")[0]
                package = "" if package == "_global_" else package.replace("/", ".")
                result.config = OmegaConf.create(renamed_values(plain, package))
        return result


def use_config_files() -> None:
    """Makes Hydra load every file through ``ConfigFiles``; its plugins must be loaded before."""
    SourcesRegistry.instance().types[ConfigFiles.scheme()] = ConfigFiles
