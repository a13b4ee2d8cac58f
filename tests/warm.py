"""Forks for each command line from a process that has imported what the program imports.

Importing takes most of the time of a short command, and the tests run hundreds of them. What is
forked is a process of its own with its own folder, variables, streams and exit code, which goes
through ``python -m panna_exp`` from its first line; only the modules are there already.
``PANNA_EXP_TESTS=fresh`` starts a new interpreter for each command instead.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import subprocess
import sys
import threading
import time
from types import SimpleNamespace
from typing import Any

from forked_sender import ForkedSender
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.plugins import Plugins
from numba.core.registry import cpu_target

from panna_exp.evaluation.figures import new_figure, png
from panna_exp.runs import signals as interrupt
from panna_exp.tracking import mlflow_store, sender_process

# As commands and the sender of their records import them.
MODULES = (
    *("panna_exp.cli", "panna_exp.commands.train", "panna_exp.runs.session"),
    *("panna_exp.runs.evaluation", "panna_exp.runs.report", "panna_exp.runs.conversion"),
    *("matplotlib.backends.backend_agg", "matplotlib.figure", "panna_exp.commands.descriptors"),
    *("panna_exp.assembly.processes", "panna_exp.descriptors.lists", "panna_exp.readers.hdf5"),
    *("panna_exp.model.numba_engine", "panna_exp.training.numba_steps"),
    *("mlflow.tracking", "mlflow.store.tracking.sqlalchemy_store", "mlflow.pyfunc"),
)


def serve() -> list[str]:
    """Reads requests from standard input until it ends; answers the process id, then its code.

    Returns:
        The arguments of the command, in the forked process that is to run it.
    """
    for line in sys.stdin:
        request = json.loads(line)
        process = os.fork()
        if process == 0:
            return become(request)
        answer(process)
        _, status = os.waitpid(process, 0)
        answer(os.waitstatus_to_exitcode(status))
    sys.exit(0)


def answer(number: int) -> None:
    print(number, flush=True)


def become(request: dict[str, Any]) -> list[str]:
    """Makes this process what a new one in the request's folder would be."""
    os.chdir(request["folder"])
    imported = {"MKL_CBWR": os.environ["MKL_CBWR"]}  # panna_exp sets it when it is imported
    os.environ.clear()
    os.environ.update({**imported, **request["environment"]})
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in enumerate(("stdout", "stderr"), start=1):
        os.dup2(os.open(request[name], os.O_WRONLY | os.O_APPEND), number)
    sender_process.subprocess = SimpleNamespace(**{**vars(subprocess), "Popen": ForkedSender})
    interrupt.STARTED = time.monotonic()  # the one thing that is found out by importing
    sys.orig_argv = [sys.executable, "-m", "panna_exp", *request["arguments"]]
    return list(request["arguments"])


def load() -> None:
    """Does what takes long the first time in each process, and leaves nothing but modules."""
    mlflow_store.quiet()
    for module in MODULES:
        importlib.import_module(module)
    Plugins.instance()  # Hydra imports its own, too
    OverridesParser.create().parse_overrides(["a.b=[1,x]", "c={d:1.5}"])
    cpu_target.target_context.refresh()  # numba's own functions
    png(new_figure(1, 1))


def leave(code: int) -> None:
    """Ends the process as Python does, but for the clearing of its modules one by one.

    That would copy all their memory first, which takes as long as many a command.
    """
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


if __name__ == "__main__":
    load()
    gc.freeze()  # what is here is never looked at again, nor copied for it
    sys.argv[1:] = serve()
    sys.path[0] = os.getcwd()  # as -m sets it
    try:
        runpy.run_module("panna_exp", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        leave(end.code)
