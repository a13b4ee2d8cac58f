"""What ``torchrun`` tells the processes that it starts, without importing torch."""

import os

from panna_exp.errors import ConfigError


def world_size() -> int:
    """Returns how many processes there are, 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Returns the number of this process, 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))


def refuse_separate_tasks() -> None:
    """Raises ConfigError where ``srun`` started several tasks that know nothing of one another.

    Each would train the whole, side by side, and perhaps into one run directory.
    """
    tasks = os.environ.get("SLURM_STEP_NUM_TASKS", "1")
    if "WORLD_SIZE" in os.environ or not tasks.isdecimal() or int(tasks) < 2:
        return
    raise ConfigError(
        f"srun started {tasks} tasks (SLURM_STEP_NUM_TASKS), and each would train the whole by "
        "itself: to share one training, start torchrun once on each machine: srun "
        "--ntasks-per-node=1 torchrun ... (docs/how-to/several-processes.md); for one process, "
        "srun --ntasks=1; for different trainings, a step of one task each"
    )
