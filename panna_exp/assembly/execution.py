"""How the steps of a training are executed: by fixed rules, never by timing.

``eager`` is the definition. ``auto`` is eager on every device: nothing else has been measured to be
faster there. A continued training keeps the execution of its checkpoint, for equal bits.
"""

import logging

import torch

from panna_exp.config.schema import Execution, TrainConfig

logger = logging.getLogger(__name__)


def choose_execution(config: TrainConfig, device: torch.device, saved: str | None) -> Execution:
    """Returns the user's execution, the checkpoint's, else that of the rule above.

    Args:
        config: Validated.
        device: Where the training runs.
        saved: The execution that the checkpoint's steps were made with, if there is a checkpoint.
    """
    asked = config.execution
    if asked is not Execution.auto:
        if saved is not None and asked.value != saved:
            logger.warning(
                "execution=%s: the checkpoint was made with %s; results agree to round-off only",
                asked.value,
                saved,
            )
        return asked
    return Execution(saved) if saved is not None else Execution.eager
