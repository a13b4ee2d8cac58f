"""``panna-exp descriptors``: computes descriptors once and stores them, or looks at them."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from panna_exp.config.launch import launch_once
from panna_exp.config.schema.tools import DescriptorsConfig


def main(arguments: list[str]) -> int:
    """Runs the command; returns the exit code."""
    words = ["report=true" if word == "--report" else word for word in arguments]
    launch_once(words, compute, "descriptors", "panna-exp descriptors")
    return 0


def compute(config: DescriptorsConfig, base: Path) -> None:
    """Computes what is not done yet and says what was done; or looks at the descriptors.

    Args:
        config: As composed.
        base: Folder that relative paths start from.

    Raises:
        PannaExpError: Options, structures, or a disk without room.
    """
    if config.report:
        from panna_exp.runs.descriptor_report import report

        report(config, base)
        return
    from panna_exp.assembly.machine import use_threads
    from panna_exp.assembly.precompute import precompute
    from panna_exp.runs.messages import messages_shown
    from panna_exp.runs.progress import DescriptorDisplay

    use_threads(config.threads or 1)
    with messages_shown(), _ended_by_sigterm():
        outcome = precompute(config, base, DescriptorDisplay())
    before = f", {outcome.found} were done before" if outcome.found else ""
    print(f"computed the descriptors of {outcome.computed} structures{before}: {outcome.folder}")


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """SIGTERM, which queues send, ends the work as Ctrl-C does, unless that is seen to already."""
    if signal.getsignal(signal.SIGTERM) != signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
