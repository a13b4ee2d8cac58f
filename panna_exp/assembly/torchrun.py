"""What ``torchrun`` tells the processes that it starts, without importing torch."""

import os


def world_size() -> int:
    """Returns how many processes there are, 1 without torchrun."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def rank() -> int:
    """Returns the number of this process, 0 without torchrun."""
    return int(os.environ.get("RANK", "0"))
