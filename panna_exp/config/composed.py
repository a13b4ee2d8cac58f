"""A configuration as Hydra composed it, as plain and as typed values: nothing of Hydra is left."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config.explain import explain
from panna_exp.config.prepare import typed
from panna_exp.config.store import given_overrides
from panna_exp.errors import ConfigError
from panna_exp.masking import hide, hide_values

Schema = TypeVar("Schema")


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """What a command is to do.

    Args:
        found: The typed and validated configuration, or its mistakes.
        plain: The same as nested plain values.
        overrides: As given, interpolations in them unresolved.
        launch_dir: Where the user started; relative paths start there.
        run_dir: The run directory.
        sweep_dir: Folder of the sweep that this is a job of, or None.
    """

    found: Any
    plain: dict[str, Any]
    overrides: tuple[str, ...]
    launch_dir: Path
    run_dir: Path
    sweep_dir: Path | None = None

    @classmethod
    def of_job(cls, config: DictConfig, config_name: str) -> "Composed":
        """Returns that of the job which Hydra runs in this process at this moment."""
        job = HydraConfig.get()
        launch_dir = Path(job.runtime.cwd)
        is_several = "MULTIRUN" in str(job.mode)
        return cls.of_values(
            config,
            config_name,
            launch_dir=launch_dir,
            run_dir=Path(job.runtime.output_dir),
            overrides=given_overrides(),
            sweep_dir=(launch_dir / job.sweep.dir).resolve() if is_several else None,
        )

    @classmethod
    def of_values(
        cls,
        config: DictConfig,
        config_name: str,
        *,
        launch_dir: Path,
        run_dir: Path,
        overrides: Sequence[str] = (),
        sweep_dir: Path | None = None,
    ) -> "Composed":
        """Returns that of a composed configuration."""
        found: Any
        try:
            found = typed(config, config_name, overrides)
        except ConfigError as error:
            found = error
        try:
            plain = plain_values(config)
        except (OmegaConfBaseException, RecursionError) as error:
            # ``checked`` raises it once Hydra has returned, which prints more on errors.
            if not isinstance(found, ConfigError):
                found = ConfigError(explain(config_name, overrides, error))
            plain = plain_values(config, resolve=False)
        return cls(
            found=found,
            plain=plain,
            overrides=tuple(map(hide, overrides)),
            launch_dir=launch_dir,
            run_dir=run_dir,
            sweep_dir=sweep_dir,
        )

    def checked(self) -> Any:
        """Returns the typed and validated configuration (ConfigError: every mistake in it)."""
        if isinstance(self.found, ConfigError):
            raise self.found
        return self.found


def plain_values(config: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Returns a configuration as nested plain values, enums by name; see ``masking``."""
    plain = OmegaConf.to_container(config, resolve=resolve, enum_to_str=True)
    assert isinstance(plain, dict)
    return {str(key): hide_values(value) for key, value in plain.items()}


def typed_values(schema: type[Schema], plain: Mapping[str, Any]) -> Schema:
    """Returns the objects of plain values.

    Args:
        schema: Of the whole.
        plain: As :func:`plain_values` returns them.

    Raises:
        OmegaConfBaseException: Values that are not of the schema.
    """
    made = OmegaConf.to_object(_merged(schema, plain))
    assert isinstance(made, schema)
    return made


def complete_values(schema: type[Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Returns plain values, and the defaults of keys that are not among them."""
    return plain_values(_merged(schema, plain))


def load_values(path: Path) -> dict[str, Any] | None:
    """Returns what a YAML file of ours holds; None where it is not a mapping."""
    plain = OmegaConf.to_container(OmegaConf.load(path))
    return {str(key): value for key, value in plain.items()} if isinstance(plain, dict) else None


def with_values(plain: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns nested plain values with others by dotted key."""
    changed = deepcopy(dict(plain))
    for key, value in changes.items():
        *groups, name = key.split(".")
        place = changed
        for group in groups:
            place = place[group]
        place[name] = value
    return changed


def yaml_text(plain: Mapping[str, Any]) -> str:
    """Returns plain values as YAML."""
    return OmegaConf.to_yaml(OmegaConf.create(dict(plain)))


def _merged(schema: type[Any], plain: Mapping[str, Any]) -> DictConfig:
    merged = OmegaConf.merge(OmegaConf.structured(schema), OmegaConf.create(dict(plain)))
    assert isinstance(merged, DictConfig)
    return merged
