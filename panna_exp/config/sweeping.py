"""A sweep as Hydra's plugins get it, in plain values; and what its overrides stand for."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from omegaconf import DictConfig, OmegaConf, open_dict, read_write

from panna_exp.config.schema import SweepConfig, TrackingConfig
from panna_exp.config.store import given_overrides
from panna_exp.config.validation.problems import Problems
from panna_exp.config.validation.sweep import check_sweep
from panna_exp.errors import ConfigError
from panna_exp.quoting import key_of, quoted

_EXCLUDED = "hydra.job.config.override_dirname.exclude_keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweep:
    """What a sweep is to do.

    Args:
        folder: Of its jobs.
        launch_dir: Where the user started.
        overrides: As typed.
        typed: The same and what was typed of Hydra's own options.
        tracking: Options.
        options: Of the sweep; ``compose`` checks them with each job.
        monitor: ``training.monitor``, before overrides that differ.
        launcher: Class that runs jobs.
        compose: Composes jobs, each given by its overrides, and checks their options.
        launch: Runs jobs, given by their overrides; the second argument is the first one's number.
    """

    folder: Path
    launch_dir: Path
    overrides: Sequence[str]
    typed: Sequence[str]
    tracking: TrackingConfig
    options: SweepConfig
    monitor: str
    launcher: str
    compose: Callable[[Sequence[Sequence[str]]], None]
    launch: Callable[[Sequence[Sequence[str]], int], Any]

    @classmethod
    def of(cls, config: DictConfig, config_loader: Any, launcher: Any) -> "Sweep":
        """Returns it.

        Args:
            config: Of Hydra, as sweepers get it; what all jobs have in common is left out of the
                names of their folders from now on.
            config_loader: Of Hydra; composes jobs.
            launcher: Of Hydra; runs them.
        """
        hydra = config.hydra
        overrides = given_overrides(config)
        typed = [*overrides, *_typed_of_hydra(hydra.overrides.hydra)]
        _name_jobs_by(swept_keys(overrides), config)

        def compose(jobs: Sequence[Sequence[str]]) -> None:
            problems = Problems()
            for job in jobs:
                _check_options(config_loader.load_sweep_config(config, list(job)), problems)
            if problems.found:
                raise ConfigError(dict.fromkeys(problems.found))

        def launch(jobs: Sequence[Sequence[str]], first: int) -> Any:
            return launcher.launch(jobs, initial_job_idx=first)

        tracking = OmegaConf.to_object(config.tracking)
        options = OmegaConf.to_object(config.sweep)
        assert isinstance(tracking, TrackingConfig)
        assert isinstance(options, SweepConfig)
        launch_dir = Path(hydra.runtime.cwd)
        return cls(
            folder=launch_dir / hydra.sweep.dir,
            launch_dir=launch_dir,
            overrides=overrides,
            typed=typed,
            tracking=tracking,
            options=options,
            monitor=str(config.training.monitor),
            launcher=str(hydra.launcher.get("_target_")),
            compose=compose,
            launch=launch,
        )


def combinations(overrides: Sequence[str], config_loader: Any = None) -> list[list[str]]:
    """Returns the overrides of each job of a grid.

    Args:
        overrides: Swept ones among them.
        config_loader: Of Hydra; knows the choices that ``glob(*)`` stands for.

    Raises:
        ConfigError: A value that is not a list of values.
    """
    choices: dict[str, list[str]] = {}
    for item in _parsed(overrides, config_loader):
        key = item.get_key_element()
        if not item.is_sweep_override():
            choices[key] = [f"{key}={item.get_value_element_as_str()}"]
        elif item.is_discrete_sweep():
            choices[key] = [f"{key}={value}" for value in item.sweep_string_iterator()]
        else:
            raise ConfigError(
                f"{item.input_line}: an interval needs hydra/sweeper=optuna; otherwise name the "
                "values: 1,2,3"
            )
    return [list(job) for job in itertools.product(*choices.values())]


def swept_keys(overrides: Sequence[str]) -> set[str]:
    """Returns the keys that have several values or are searched."""
    pairs = zip(overrides, _parsed(overrides), strict=True)
    return {key_of(text) for text, item in pairs if item.is_sweep_override()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Numbers from ``low`` to ``high``; whole ones in steps where there is a step."""

    text: str
    low: float
    high: float
    log: bool = False
    step: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of some values."""

    text: str
    values: list[str]


@dataclass(frozen=True, slots=True)
class Searched:
    """The overrides of a search.

    Args:
        fixed: Those of every job.
        values: What the others are chosen from, by key.
    """

    fixed: list[str]
    values: dict[str, Interval | Choice]


def searched(overrides: Sequence[str]) -> Searched:
    """Reads overrides such as ``training.learning_rate=tag(log,interval(1e-4,1e-1))``.

    Args:
        overrides: Of the command line. ``interval(a,b)`` is a real number, ``int(interval(a,b))``
            and ``range(a,b)`` whole numbers, ``x,y`` and ``choice(x,y)`` one of the values;
            ``tag(log, ...)`` is for what varies over orders of magnitude.
    """
    fixed: list[str] = []
    values: dict[str, Interval | Choice] = {}
    for item in _parsed(overrides):
        key = item.get_key_element()
        if item.is_sweep_override():
            values[key] = _range(item)
        else:
            fixed.append(f"{key}={item.get_value_element_as_str()}")
    return Searched(fixed, values)


def _range(item: Override) -> Interval | Choice:
    text = str(item.input_line)
    value = item.value()
    if isinstance(value, IntervalSweep):
        low, high = value.start, value.end
        assert low is not None
        assert high is not None
        whole = isinstance(low, int) and isinstance(high, int)
        return Interval(
            text=text, low=low, high=high, log="log" in value.tags, step=1 if whole else None
        )
    if isinstance(value, RangeSweep) and not value.shuffle:
        numbers = list(value.range())
        if numbers and all(isinstance(number, int) for number in numbers):
            step = abs(int(value.step))
            return Interval(text=text, low=min(numbers), high=max(numbers), step=step)
    return Choice(text=text, values=list(item.sweep_string_iterator()))


def _check_options(job: DictConfig, problems: Problems) -> None:
    """Collects mistakes in the options of a sweep with one of its jobs: on forces or not."""
    sweep = OmegaConf.to_object(job.sweep)
    assert isinstance(sweep, SweepConfig)
    check_sweep(sweep, job.training.forces_cost, problems)


def _parsed(overrides: Sequence[str], config_loader: Any = None) -> list[Override]:
    return OverridesParser.create(config_loader).parse_overrides(list(overrides))


def _typed_of_hydra(overrides: Sequence[str]) -> list[str]:
    """Returns what was typed of Hydra's own options, less what was added by the program."""
    return [item for item in overrides if not item.startswith(("hydra.mode=", "hydra.job.config."))]


def _name_jobs_by(swept: set[str], config: DictConfig) -> None:
    """Leaves what all jobs have in common out of the names of their folders."""
    task = given_overrides(config)
    known = list(OmegaConf.select(config, _EXCLUDED))
    common = [key_of(item) for item in task if key_of(item) not in swept]
    keys = ",".join(quoted(key) for key in dict.fromkeys([*known, *common]))
    with read_write(config), open_dict(config):
        config.hydra.overrides.hydra.append(f"{_EXCLUDED}=[{keys}]")
