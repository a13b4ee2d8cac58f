"""Options of a sweep, looked at before its first job."""

from collections.abc import Iterable
from functools import partial

from omegaconf import DictConfig, OmegaConf

from panna_exp.config.schema import SweepConfig
from panna_exp.config.validation.problems import Problems
from panna_exp.config.validation.sweep import check_sweep
from panna_exp.errors import ConfigError


def checked_options(config: DictConfig) -> SweepConfig:
    """Returns the options of a sweep.

    Args:
        config: Composed.

    Raises:
        ConfigError: Mistakes in them.
    """
    sweep = OmegaConf.to_object(config.sweep)
    assert isinstance(sweep, SweepConfig)
    problems = Problems()
    check_sweep(sweep, config.training.forces_cost, problems)
    problems.raise_if_any()
    return sweep


def check_jobs(configs: Iterable[DictConfig]) -> None:
    """Checks the options of a sweep with each of its jobs, which may train on forces or not.

    Raises:
        ConfigError: Mistakes in them, each named once.
    """
    problems = Problems()
    for config in configs:
        problems.collect(partial(checked_options, config))
    if problems.found:
        raise ConfigError(dict.fromkeys(problems.found))
