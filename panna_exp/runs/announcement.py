"""What a training says before its first step."""

import logging
from pathlib import Path

from panna_exp.assembly.datasets import DataPart, RunData
from panna_exp.assembly.restart import Restart
from panna_exp.assembly.training import Run
from panna_exp.config.schema import Execution
from panna_exp.runs.command_line import display
from panna_exp.training.processes import Processes

logger = logging.getLogger(__name__)

_STEPS = {
    Execution.torch: "steps by torch",
    Execution.numba: "steps by numba",
    Execution.cuda_graph: "steps recorded as CUDA graphs",
}


def announce(
    run: Run, data: RunData, restart: Restart, run_dir: Path, processes: Processes
) -> None:
    """Says what is trained on what, from where, on which device and how far."""
    trainer, plan = run.trainer, run.trainer.plan
    logger.info(
        "training data: %s, %s; %s",
        _counts(data.train),
        run.descriptor,
        trainer.data.placement,
    )
    if data.validation is not None:
        logger.info("validation data: %s", _counts(data.validation))
    else:
        logger.info("no validation data: name data.validation or set data.validation_fraction")
    for message in restart.messages:
        logger.info(message)
    logger.info(
        "training to epoch %d of %d steps on %s, %s%d thread%s, %s; run directory: %s",
        plan.max_epochs,
        plan.steps_per_epoch,
        trainer.data.device,
        f"{processes.size} processes of " if processes.size > 1 else "",
        run.threads,
        "" if run.threads == 1 else "s",
        _STEPS[run.execution],
        display(run_dir),
    )


def _counts(part: DataPart) -> str:
    """How much was read: structures, atoms, records per file."""
    records = sum(file.num_records for file in part.files)
    files = "file" if len(part.files) == 1 else "files"
    structures, atoms = len(part.structures), int(part.structures.offsets[-1])
    return (
        f"{structures} structures, {atoms} atoms ({records} records in {len(part.files)} {files})"
    )
