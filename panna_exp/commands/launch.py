"""From a command's arguments to its task, through Hydra; mistakes are explained, not traced."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from panna_exp.commands.help import print_help
from panna_exp.config import store
from panna_exp.config.explain import explain
from panna_exp.config.prepare import prepare, taken_place, typed
from panna_exp.errors import ConfigError


def launch(
    arguments: list[str],
    task: Callable[[DictConfig], Any],
    config_name: str,
    program: str,
) -> None:
    """Composes the configuration and runs ``task``, once or once a job of a sweep.

    Args:
        arguments: Overrides and Hydra's own flags.
        task: Called with each composed configuration.
        config_name: ``train`` for ``conf/train.yaml``.
        program: What the user typed, for help.

    Raises:
        ConfigError: The configuration does not compose; every mistake is named.
    """
    if "-h" in arguments or "--help" in arguments:
        store.register()
        print_help(config_name, program)
        return
    given = prepare(arguments, config_name, program)
    sys.argv = [program, *given]
    # Otherwise Hydra prints what went wrong in its own way and exits.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    replaced = taken_place()
    if replaced:
        print(f"in place of shipped files: {', '.join(replaced)}", file=sys.stderr)
    try:
        store.run_task(task, config_name)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(config_name, given, error)) from None


def launch_once(
    arguments: list[str],
    work: Callable[[Any, Path], None],
    config_name: str,
    program: str,
) -> None:
    """Runs a command that does one job: ``work`` gets the typed config and the launch directory.

    Raises:
        PannaExpError: What ``work`` raised, after Hydra has returned: Hydra would print lines of
            its own around an exception that passes through it.
    """
    failed: list[Exception] = []

    def task(composed: DictConfig) -> None:
        try:
            work(typed(composed, config_name), Path(HydraConfig.get().runtime.cwd))
        except Exception as error:
            failed.append(error)

    launch(arguments, task, config_name, program)
    for error in failed:
        raise error
