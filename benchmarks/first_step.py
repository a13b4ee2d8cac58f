"""Runs panna-exp's command line, saying when the first step was made, and the memory.

    python -m benchmarks.first_step train ...

The clock starts when the kernel started the process, so Python's own start counts.
"""

import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

from panna_exp import cli


def main() -> int:
    """Runs the command given."""
    sys.argv[0] = "panna-exp"
    # What the command imports, and when, is part of what is measured: so wait for it.
    threading.Thread(target=_watch, daemon=True).start()
    code = cli.main(sys.argv[1:])
    print(f"peak: {_peak():.0f} MB", flush=True)
    return code


def _peak() -> float:
    """Returns the most memory in MB; getrusage would count what was before this program began."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1000
    raise SystemExit("/proc/self/status has no VmHWM")


def seconds_since_start() -> float:
    """Returns the age of this process (Linux)."""
    fields = Path("/proc/self/stat").read_text().rpartition(")")[2].split()
    up = float(Path("/proc/uptime").read_text().split()[0])
    return up - float(fields[19]) / os.sysconf("SC_CLK_TCK")


def _watch() -> None:
    while (steps := getattr(sys.modules.get("panna_exp.training.step"), "TrainStep", None)) is None:
        time.sleep(0.002)
    _report_first(steps)


def _report_first(steps: Any) -> None:
    call = steps.__call__

    def first(*arguments: Any, **options: Any) -> Any:
        steps.__call__ = call
        result = call(*arguments, **options)
        print(f"first step: {seconds_since_start():.2f} s, {_peak():.0f} MB", flush=True)
        return result

    steps.__call__ = first


if __name__ == "__main__":
    sys.exit(main())
