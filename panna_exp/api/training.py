"""Composing a configuration and training in the process that asks for it."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from panna_exp.api.run import Run
from panna_exp.config.equivalent import override_texts, overrides_of
from panna_exp.config.schema import TrainConfig
from panna_exp.quoting import key_of

if TYPE_CHECKING:
    from panna_exp.config.composed import Composed
    from panna_exp.readers import Loaded

Overrides = Sequence[str] | Mapping[str, Any]


def train(
    config: TrainConfig | Overrides = (), *, handle_signals: bool = False, **groups: Any
) -> Run:
    """Trains as ``panna-exp train`` does, with the same record and the same weights.

    A training that the run directory has already is continued. Nothing is left behind in this
    process, neither a random state nor a number of threads.

    Args:
        config: Overrides as on the command line, the same as a mapping by key, or what
            :func:`compose` returned, perhaps changed.
        handle_signals: Whether Ctrl-C, SIGTERM and SIGUSR1 save a checkpoint and end the training,
            as they do for the command; without, Ctrl-C raises KeyboardInterrupt at once. Needs the
            main thread.
        **groups: More overrides: a choice of a group, or values in it.

    Returns:
        The run; its record names the overrides that make it again.

    Raises:
        PannaExpError: Mistakes in the configuration or the data; a training that diverges.

    Examples:
        >>> run = pe.train(["debug=tiny", "io.train_dir=first"])
        >>> run.state
        'finished'
        >>> run = pe.train(debug="tiny", io={"train_dir": "second"}, training={"max_epochs": 1})
        >>> len(run.metrics)
        1
    """
    # Imported here: what only composes needs no torch.
    from panna_exp.assembly.machine import torch_as_before
    from panna_exp.runs.choice import way_to_train
    from panna_exp.runs.job import Job
    from panna_exp.runs.signals import stoppable

    started = time.monotonic()
    composed, read = _composed(config, groups)
    job = replace(Job.of(composed), handles_signals=handle_signals, started=started, read=read)
    with torch_as_before(), stoppable() if handle_signals else nullcontext():
        way_to_train(job)(job)
    return Run(job.run_dir)


def compose(overrides: Overrides = (), **groups: Any) -> TrainConfig:
    """Returns the configuration that ``panna-exp train`` would run, to look at or to change.

    Args:
        overrides: As on the command line, or the same as a mapping by key.
        **groups: More of them, as of :func:`train`.

    Raises:
        ConfigError: Every mistake in them.

    Examples:
        >>> config = pe.compose(["debug=tiny", "io.train_dir=third"])
        >>> config.training.max_epochs
        2
        >>> config.training.max_epochs = 1
        >>> run = pe.train(config)
    """
    config = _composed(overrides, groups)[0].checked()
    assert isinstance(config, TrainConfig)
    return config


def _composed(
    config: TrainConfig | Overrides, groups: Mapping[str, Any]
) -> "tuple[Composed, Loaded | None]":
    """Returns the configuration, and its own data where they had to be read for it."""
    from panna_exp.config.compose import compose_job

    if isinstance(config, TrainConfig):
        given = overrides_of(config)
    elif isinstance(config, Mapping):
        given = override_texts(config)
    else:
        given = list(config)
    given += override_texts(groups)
    if any(key_of(item) == "data.train" for item in given):
        from panna_exp.runs.own_data import completed

        own = completed(given)
        return compose_job("train", own.arguments), own.read
    return compose_job("train", given), None
