"""A server that runs are sent to is named by the user, not by a file that came with a folder."""

import os
from collections.abc import Iterator, Sequence
from typing import Any

from panna_exp.masking import masked
from panna_exp.quoting import key_of, shown

# Keys whose value is a store of MLflow.
SERVERS = ("tracking.uri", "mlflow_uri")


def server_problems(config: Any, overrides: Sequence[str]) -> Iterator[str]:
    """Yields a sentence on each server that only a configuration file names.

    Files of this machine, ``sqlite:///...``, and the server of ``MLFLOW_TRACKING_URI`` pass.

    Args:
        config: Of a command, typed or composed.
        overrides: As typed, where everything may be named.
    """
    if not getattr(getattr(config, "tracking", None), "mlflow", True):
        return
    typed = {key_of(item) for item in overrides}
    here = masked(os.environ.get("MLFLOW_TRACKING_URI", ""))
    for key in SERVERS:
        value = config
        for word in key.split("."):
            value = getattr(value, word, None)
        if not value or key in typed or value.startswith("sqlite:") or masked(value) == here:
            continue
        server = shown(masked(value))
        yield (
            f"{key}={server}: a file names the server that everything of the run is sent to: if "
            f"you trust it, say {key}={server} on the command line, or set MLFLOW_TRACKING_URI"
        )
