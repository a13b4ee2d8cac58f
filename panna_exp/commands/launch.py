"""From a command's arguments to its task, through Hydra; mistakes are explained, not traced."""

import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from panna_exp.commands.help import print_help
from panna_exp.config import store
from panna_exp.config.explain import NO_CHOICE, explain
from panna_exp.config.renamed import renamed_override
from panna_exp.errors import ConfigError

# Keys whose children may be new: Hydra wants ++ for what the schema does not name.
_OPEN = re.compile(r"^(network\.species\.|data\.reference_energies\.)")


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
    overrides = [rewrite(renamed_override(item)) for item in _flags_first(arguments)]
    sys.argv = [program, *overrides]
    # Otherwise Hydra prints what went wrong in its own way and exits.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        store.run_task(task, config_name)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(config_name, overrides, error)) from None
    except ValueError as error:
        if not str(error).startswith(NO_CHOICE):
            raise
        raise ConfigError(explain(config_name, overrides, error)) from None


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
            work(OmegaConf.to_object(composed), Path(HydraConfig.get().runtime.cwd))
        except Exception as error:
            failed.append(error)

    launch(arguments, task, config_name, program)
    for error in failed:
        raise error


def _flags_first(arguments: list[str]) -> list[str]:
    """Puts ``-m`` before the overrides: argparse takes overrides from one place only."""
    flags = [item for item in arguments if item in ("-m", "--multirun")]
    return [*flags, *(item for item in arguments if item not in flags)]


def rewrite(argument: str) -> str:
    """Spares the user Hydra's distinction between changing and adding a key.

    ``+experiment=X`` is ``experiment=X``; species overrides and reference energies may be new.
    """
    if argument.startswith("+experiment="):
        return argument[1:]
    bare = argument.lstrip("+")
    if _OPEN.match(bare) and "=" in bare:
        return f"++{bare}"
    return argument
