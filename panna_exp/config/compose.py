"""Composes configurations in a process that is not a command's: a notebook, a script, a thread."""

import threading
from collections.abc import Sequence
from pathlib import Path

from omegaconf import open_dict

from panna_exp.config.composed import Composed
from panna_exp.config.explain import explain
from panna_exp.config.prepare import FAILURES, prepare
from panna_exp.config.store import compose_config, given_overrides
from panna_exp.errors import ConfigError

_LOCK = threading.RLock()  # what Hydra composes with is one object of the process


def compose_job(config_name: str, overrides: Sequence[str]) -> Composed:
    """Composes what a command would run in the working directory.

    Args:
        config_name: ``train`` for ``conf/train.yaml``.
        overrides: As on the command line, without its flags.

    Raises:
        ConfigError: The configuration does not compose; every mistake is named.
    """
    flag = next((item for item in overrides if item.startswith("-")), None)
    if flag is not None:
        raise ConfigError(f"{flag}: is a flag of the command line, not an override")
    launch_dir = Path.cwd()
    with _LOCK:
        given = prepare(list(overrides), config_name, f"panna-exp {config_name}")
        try:
            config = compose_config(config_name, given, return_hydra_config=True)
        except FAILURES as error:
            raise ConfigError(explain(config_name, given, error)) from None
        run_dir = launch_dir / str(config.hydra.run.dir)
        typed = given_overrides(config)
        with open_dict(config):
            del config["hydra"]
        return Composed.of_values(
            config, config_name, launch_dir=launch_dir, run_dir=run_dir, overrides=typed
        )
