"""The page of the documentation that explains a command, and the one that explains a mistake.

Pages are named as they lie in the repository, ``docs/how-to/own-data.md#formats``.
"""

import re
from collections.abc import Sequence

from panna_exp.errors import (
    CheckpointError,
    DataError,
    NetworkError,
    PannaExpError,
    TrainingError,
)

OF_NOTHING = "index.md"
_CONFIGURATION = "how-to/configuration.md"
_PANNA = "how-to/from-panna.md"
_PANNA_COMMANDS = (
    *("extract-weights", "pack", "import-ini", "panna-train", "panna-evaluate"),
    *("panna-extract-weights", "panna-gvect-calculator", "panna-tfr-packer"),
)
OF_COMMANDS = {
    "train": "tutorials/file-to-dynamics.ipynb",
    **dict.fromkeys(("predict", "select"), "tutorials/committee.ipynb"),
    "descriptors": "how-to/descriptors.md",
    "sync": "how-to/mlflow.md",
    "warm-up": "explanation/execution.md",
    **dict.fromkeys(("evaluate", "runs", "diff", "rerun", "report"), "how-to/evaluate.md"),
    **dict.fromkeys(("inspect", "convert"), "how-to/own-data.md"),
    **dict.fromkeys(("export", "lammps-plugin"), "how-to/deployment.md"),
    **dict.fromkeys(_PANNA_COMMANDS, _PANNA),
}

# By what the message says; the first that fits.
OF_SUBJECTS = (
    (r"\bdamaged\b|\bchecksum\b", "reference/damaged-files.md"),
    (r"\bgeneration\b|\bvariant\b", "how-to/from-panna.md#three-variants-of-descriptors"),
    (r"^(execution|threads|descriptor_kernel|training\.matmul)\b", "explanation/execution.md"),
    (r"\bCUDA\b", "how-to/troubleshooting.md#before-the-training"),
    (r"\btorchrun\b|\bsrun\b", "how-to/several-processes.md"),
    (r"reference_energies|\bfree atoms?\b", "how-to/own-data.md#energies-of-free-atoms"),
    (r"\bunits?\b|_unit\b|forces_sign|_key\b", "how-to/own-data.md#names-units-signs"),
    (r"\bhydra/(sweeper|launcher)\b|^sweep\.", "how-to/sweeps.md"),
    (r"^(training\.seeds|.*\bcommittee\b)", "how-to/sweeps.md#committees"),
    (r"^cannot continue\b", "how-to/long-trainings.md"),
    (r"^(data\.)?(streaming|memory_gb|window_mb)\b", "how-to/large-data.md"),
    (r"^training\.(force|virial)", "how-to/forces.md"),
    (r"^tracking\b|\bMLflow\b", "how-to/mlflow.md"),
    (r"^data\.(?!yaml)", "how-to/own-data.md"),
    (r"\brun directory\b|\brun_dir=", "reference/run-directory.md"),
)
OF_KINDS = {
    DataError: "how-to/own-data.md",
    CheckpointError: "reference/run-directory.md",
    NetworkError: "reference/file-formats.md#networks",
    TrainingError: "how-to/troubleshooting.md#while-it-trains",
}


def of_mistake(problem: str, kind: type[PannaExpError], command: str | None) -> str:
    """Returns the page that explains a mistake: by its subject, its kind, or the command."""
    for pattern, page in OF_SUBJECTS:
        if re.search(pattern, problem):
            return page
    if kind in OF_KINDS:
        return OF_KINDS[kind]
    if command == "train":
        return _CONFIGURATION
    return OF_COMMANDS.get(command or "", OF_NOTHING)


def with_pages(
    problems: Sequence[str], kind: type[PannaExpError], command: str | None
) -> list[str]:
    """Returns problems that end with their page, the last of those that share one."""
    pages = [of_mistake(problem, kind, command) for problem in problems]
    return [
        problem if page == following or "docs/" in problem else f"{problem} (docs/{page})"
        for problem, page, following in zip(problems, pages, [*pages[1:], ""], strict=True)
    ]
