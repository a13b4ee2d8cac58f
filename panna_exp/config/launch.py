"""From a command's arguments to its configuration, by Hydra; mistakes are explained, not traced."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from panna_exp.config import store
from panna_exp.config.composed import Composed
from panna_exp.config.explain import explain
from panna_exp.config.prepare import prepare, taken_place
from panna_exp.config.usage import explain_keys, print_help
from panna_exp.errors import ConfigError

_SEVERAL = ("-m", "--multirun")


def launch(
    arguments: list[str],
    config_name: str,
    program: str,
    run_job: Callable[[Composed], Any] | None = None,
) -> list[Composed]:
    """Composes the configuration.

    Args:
        arguments: Overrides and Hydra's own flags.
        config_name: ``train`` for ``conf/train.yaml``.
        program: What the user typed, for help.
        run_job: Called with each job of a sweep, which may be in another process.

    Returns:
        What is to be run once Hydra has returned: one job. Nothing where help or the configuration
        was asked for and printed; and no jobs that ``run_job`` was called with.

    Raises:
        ConfigError: The configuration does not compose; every mistake is named.
    """
    if "-h" in arguments or "--help" in arguments:
        store.register()
        words = [item for item in arguments if not item.startswith("-")]
        if words:
            explain_keys(words, config_name)
        else:
            print_help(config_name, program)
        return []
    given = prepare(arguments, config_name, program)
    sys.argv = [program, *given]
    # Otherwise Hydra prints what went wrong in its own way and exits.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    replaced = taken_place()
    if replaced:
        print(f"in place of shipped files: {', '.join(replaced)}", file=sys.stderr)
    found: list[Composed] = []
    here = os.getpid()

    def take(config: DictConfig) -> Any:
        composed = Composed.of_job(config, config_name)
        if composed.sweep_dir is not None and run_job is not None:
            return run_job(composed)
        if os.getpid() != here:
            raise ConfigError(
                f"hydra/launcher: {program} runs its jobs one after the other: leave it out"
            )
        found.append(composed)
        return None

    try:
        store.run_task(take, config_name)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(config_name, given, error)) from None
    return found


def launch_once(
    arguments: list[str],
    work: Callable[[Any, Path], None],
    config_name: str,
    program: str,
) -> None:
    """Runs a command that does one job: ``work`` gets the typed config and the launch directory.

    Raises:
        PannaExpError: Mistakes in the configuration; what ``work`` raised.
    """
    for composed in launch(arguments, config_name, program):
        work(composed.checked(), composed.launch_dir)


def asks_for_sweep(arguments: list[str]) -> bool:
    """Whether a command line is for several jobs."""
    return any(item in _SEVERAL or item == "hydra.mode=MULTIRUN" for item in arguments)
